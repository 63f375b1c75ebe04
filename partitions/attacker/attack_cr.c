/* SPDX-License-Identifier: Apache-2.0 */
/* AC-03, AC-04, AC-02: each bit of CR0, CR4 and EFER changed alone and put back; illegal XCR0; CR3 above the physical address
 * width. Expected: virtualisation, SMX, reserved and hidden bits give #GP, and those of CR4 that CPUID shows can be changed; CR0.CD
 * and NW do not reach the hardware (reads are the hardware's own, and show them clear); CR4.MCE stays as it is; a bad CR3 gives #GP
 * or, where the processor only tells at the next entry, stops us. */
#include <string.h>

#include "attack.h"

#define CR4_MCE (1ull << 6)
#define CR4_OSXSAVE (1ull << 18)
#define XCR0_KNOWN 0x2e7ull /* x87, SSE, AVX, AVX-512, PKRU */
#define MSR_XSS 0xda0u
#define EFER_KNOWN 0x4d01ull /* SCE, LME, LMA, NXE, FFXSR */

enum which { CR0, CR4, EFER };
struct flip {
    enum which which;
    uint64_t bit, taken; /* taken: the bit had changed when read back */
};

/* No vector register may be touched while the bits are wrong: the compiler is told so. */
__attribute__((target("general-regs-only"), noinline)) static void flip(void *argument)
{
    struct flip *f = argument;
    uint64_t old, new;

    if (f->which == CR0) {
        old = cpu_cr0();
        cpu_set_cr0(old ^ f->bit);
        new = cpu_cr0();
        cpu_set_cr0(old);
    } else if (f->which == CR4) {
        old = cpu_cr4();
        cpu_set_cr4(old ^ f->bit);
        new = cpu_cr4();
        cpu_set_cr4(old);
    } else {
        old = cpu_rdmsr(MSR_EFER);
        cpu_wrmsr(MSR_EFER, old ^ f->bit);
        new = cpu_rdmsr(MSR_EFER);
        cpu_wrmsr(MSR_EFER, old);
    }
    f->taken = (old ^ new) & f->bit;
}

/* NXE cannot be tried: the stack is mapped with the bit it explains. */
static bool may_try(enum which which, uint64_t bit)
{
    return !(which == EFER && bit == EFER_NXE);
}

/* What CPUID must show for a bit of CR4. Not here: PAE, which long mode keeps; MCE; and what no partition has. */
static const struct {
    uint8_t bit, leaf, word, feature; /* word: EAX, EBX, ECX, EDX */
} cr4_features[] = {
    {0, 1, 3, 1},  {1, 1, 3, 1},  {2, 1, 3, 4},   {3, 1, 3, 2},   {4, 1, 3, 3},  {7, 1, 3, 13},  {9, 1, 3, 24}, {10, 1, 3, 25},
    {11, 7, 2, 2}, {16, 7, 1, 0}, {17, 1, 2, 17}, {18, 1, 2, 26}, {20, 7, 1, 7}, {21, 7, 1, 20}, {22, 7, 2, 3},
};

static bool is_shown(uint64_t cr4_bit)
{
    uint32_t id[4];

    for (unsigned i = 0; i < sizeof(cr4_features) / sizeof(cr4_features[0]); i++)
        if (cr4_bit >> cr4_features[i].bit == 1) {
            cpu_cpuid(cr4_features[i].leaf, 0, id);
            return id[cr4_features[i].word] >> cr4_features[i].feature & 1;
        }
    return false;
}

static bool is_forbidden(enum which which, uint64_t bit)
{
    if (which == CR4)
        return bit != CR4_MCE && !is_shown(bit);
    if (which == EFER)
        return bit & ~EFER_KNOWN;
    return bit == CR0_PE || bit == CR0_PG; /* in long mode these two cannot be cleared either */
}

/* Refused or ignored (QEMU, without asking us, ignores the upper half), but never changed. */
static bool is_without_effect(enum which which, uint64_t bit)
{
    return which == CR0 ? bit == CR0_NW || bit == CR0_CD || bit >> 32 : which == CR4 && bit == CR4_MCE;
}

void attack_cr(void)
{
    static const char *const names[] = {"CR0", "CR4", "EFER"};
    unsigned forbidden = 0, taken = 0, refused = 0, missing = 0;

    for (enum which which = CR0; which <= EFER; which++)
        for (unsigned i = 0; i < 64; i++) {
            struct flip f = {.which = which, .bit = 1ull << i};
            bool were_on = bh_irq_off(), done = may_try(which, f.bit) && !bh_try(flip, &f, &attack_fault);

            if (which == CR4 && is_shown(f.bit) && !(done && f.taken)) {
                missing++;
                detail("CR4 bit %u was %s, though CPUID shows it", i, done ? "not taken" : "refused");
            }
            if (done) {
                taken += f.taken != 0;
                if (is_forbidden(which, f.bit) || (f.taken && is_without_effect(which, f.bit))) {
                    forbidden++;
                    detail("%s bit %u was %s", names[which], i, f.taken ? "taken" : "not refused");
                }
            } else {
                refused++;
            }
            bh_irq_restore(were_on);
        }
    verdict(forbidden + missing == 0, "%u forbidden bits taken, %u legal ones, %u refused, %u of them shown by CPUID", forbidden,
            taken, refused, missing);
}

static void set_cr3(void *argument)
{
    cpu_set_cr3(*(uint64_t *)argument);
}

void attack_cr3(void)
{
    for (unsigned bit = 63; bit >= 52; bit--) {
        uint64_t value = cpu_cr3() | 1ull << (bit == 63 ? 62 : bit); /* 63 is legal with PCIDs */
        if (!bh_try(set_cr3, &value, &attack_fault))
            detail("CR3 %#" PRIx64 " was taken", value);
    }
    verdict(true, "alive, #GP for each or harmless");
}

static void set_xcr(void *argument)
{
    uint64_t value = *(uint64_t *)argument;

    __asm__ volatile("xsetbv" ::"c"(0), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)));
}

static void set_osxsave(void *argument)
{
    (void)argument;
    cpu_set_cr4(cpu_cr4() | CR4_OSXSAVE);
}

static void get_xcr(void *argument)
{
    uint32_t low, high;

    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    *(uint64_t *)argument = (uint64_t)high << 32 | low;
}

/* What is ours to keep even where the processor lets XSETBV through without asking us (QEMU does): no life begins with the states
 * of an earlier one, none is shown that the partition may not have, and XSS, where there is one, is 0. */
static unsigned xcr_surroundings(void)
{
    uint64_t value = 0;
    uint32_t id[4];
    unsigned wrong = 0;

    if (bh_try(get_xcr, &value, &attack_fault) || value != 1) {
        wrong++;
        detail("XCR0 was %#" PRIx64 " at the start", value);
    }
    cpu_cpuid(0xd, 1, id);
    bool xsaves = (id[0] & 8) != 0;

    value = 0;
    if (try_rdmsr(MSR_XSS, &value) != xsaves || value != 0 || try_wrmsr(MSR_XSS, 0) != xsaves || try_wrmsr(MSR_XSS, 0x100)) {
        wrong++;
        detail("XSS can be read or written, or cannot be though there is XSAVES");
    }
    for (unsigned i = 0; i < 63; i++) {
        cpu_cpuid(0xd, i, id);
        if (i == 0 ? id[0] & ~XCR0_KNOWN || id[3] : i == 1 ? id[0] & ~15u || id[2] || id[3] : !(XCR0_KNOWN >> i & 1) && id[0]) {
            wrong++;
            detail("leaf d, %u shows %#x %#x %#x", i, id[0], id[2], id[3]);
        }
    }
    return wrong;
}

/* The instruction itself, which may exit before the processor has looked at any of these. */
static const struct {
    const char *name;
    uint32_t ecx, eax;
    bool off, user; /* OSXSAVE is off; at level 3 */
    unsigned vector;
} xsetbv_cases[] = {
    {"XSETBV without OSXSAVE", 0, 1, true, false, VECTOR_UD},
    {"XSETBV at level 3", 0, 1, false, true, VECTOR_GP},
    {"XSETBV of register 1", 1, 1, false, false, VECTOR_GP},
    {"XSETBV of register ffffffff", 0xffffffff, 1, false, false, VECTOR_GP},
};

static unsigned xsetbv_conditions(void)
{
    unsigned wrong = 0;

    for (unsigned i = 0; i < sizeof(xsetbv_cases) / sizeof(xsetbv_cases[0]); i++) {
        uint8_t code[] = {0xb9, 0, 0, 0, 0, 0x31, 0xd2, 0x0f, 0x01, 0xd1}; /* MOV ECX; XOR EDX, EDX; XSETBV */
        bool done;

        memcpy(code + 1, &xsetbv_cases[i].ecx, 4);
        cpu_set_cr4(xsetbv_cases[i].off ? cpu_cr4() & ~CR4_OSXSAVE : cpu_cr4() | CR4_OSXSAVE);
        done = try_code(code, sizeof(code), xsetbv_cases[i].eax, xsetbv_cases[i].user);
        if (done || attack_fault.vector != xsetbv_cases[i].vector) {
            wrong++;
            detail("%s: %s", xsetbv_cases[i].name, done ? "executed" : bh_vector_name((unsigned)attack_fault.vector));
        }
    }
    cpu_set_cr4(cpu_cr4() | CR4_OSXSAVE);
    return wrong;
}

/* Legal values are taken, and read back. */
static unsigned xcr0_sticks(void)
{
    uint32_t id[4];
    unsigned wrong = 0;

    cpu_cpuid(0xd, 0, id);
    for (uint64_t value = 1; value <= 7; value = value * 2 + 1) {
        uint64_t set = value, got = 0;
        if (value & ~(uint64_t)id[0])
            continue;
        if (bh_try(set_xcr, &set, &attack_fault) || bh_try(get_xcr, &got, &attack_fault) || got != value) {
            wrong++;
            detail("XCR0 %#" PRIx64 " was not taken: %#" PRIx64, value, got);
        }
    }
    return wrong;
}

void attack_xcr(void)
{
    static const uint64_t illegal[] = {
        0, 2, 4, 5, 0x10, 1ull << 62, 1ull << 63, ~0ull, 3 | 1ull << 8, 3 | 1ull << 10, 3 | 1ull << 11, 3 | 3ull << 17, 0x23, 0x63};
    unsigned taken = 0, around, count = sizeof(illegal) / sizeof(illegal[0]);
    uint64_t one = 1;

    if (bh_try(set_osxsave, 0, &attack_fault)) {
        verdict(true, "0 illegal values taken: no XSAVE here");
        return;
    }
    around = xcr_surroundings() + xsetbv_conditions() + xcr0_sticks();
    for (unsigned i = 0; i < count; i++) {
        uint64_t value = illegal[i];
        if (!bh_try(set_xcr, &value, &attack_fault)) {
            taken++;
            detail("XCR0 %#" PRIx64 " was taken", value);
        }
    }
    bh_try(set_xcr, &one, &attack_fault);
    verdict(taken + around == 0, "%u illegal values taken of %u, %u surprises around them", taken, count, around);
}
