/* SPDX-License-Identifier: Apache-2.0 */
/* AC-03, AC-04, AC-02: each bit of CR0, CR4 and EFER changed alone and put back; illegal XCR0; CR3 above the physical address
 * width. Expected: virtualisation, SMX, reserved and hidden bits give #GP; CR0.CD and NW do not reach the hardware (reads are the
 * hardware's own, and show them clear); CR4.MCE stays as it is; a bad CR3 gives #GP or, where the processor only tells at the next
 * entry, stops us. */
#include "attack.h"

#define CR4_MCE (1ull << 6)
#define CR4_VMXE (1ull << 13)
#define CR4_SMXE (1ull << 14)
#define CR4_KNOWN 0x00f71fffull /* VME..UMIP, LA57, FSGSBASE..PKE without VMXE and SMXE */
#define XCR0_KNOWN 0x2e7ull     /* x87, SSE, AVX, AVX-512, PKRU */
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

static bool is_forbidden(enum which which, uint64_t bit)
{
    if (which == CR4)
        return bit & ~CR4_KNOWN || bit & (CR4_VMXE | CR4_SMXE);
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
    unsigned forbidden = 0, taken = 0, refused = 0;

    for (enum which which = CR0; which <= EFER; which++)
        for (unsigned i = 0; i < 64; i++) {
            struct flip f = {.which = which, .bit = 1ull << i};
            bool were_on = bh_irq_off();

            if (may_try(which, f.bit) && !bh_try(flip, &f, &attack_fault)) {
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
    verdict(forbidden == 0, "%u forbidden bits taken, %u legal ones, %u refused", forbidden, taken, refused);
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
    cpu_set_cr4(cpu_cr4() | 1u << 18);
}

static void get_xcr(void *argument)
{
    uint32_t low, high;

    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    *(uint64_t *)argument = (uint64_t)high << 32 | low;
}

/* What is ours to keep even where the processor lets XSETBV through without asking us (QEMU does): no life begins with the states
 * of an earlier one, none is shown that the partition may not have, and there is no XSS. */
static unsigned xcr_surroundings(void)
{
    uint64_t value = 0;
    uint32_t id[4];
    unsigned wrong = 0;

    if (bh_try(get_xcr, &value, &attack_fault) || value != 1) {
        wrong++;
        detail("XCR0 was %#" PRIx64 " at the start", value);
    }
    if (try_rdmsr(MSR_XSS, &value) || try_wrmsr(MSR_XSS, 0)) {
        wrong++;
        detail("XSS can be read or written");
    }
    for (unsigned i = 0; i < 63; i++) {
        cpu_cpuid(0xd, i, id);
        if (i == 0 ? id[0] & ~XCR0_KNOWN || id[3] : i == 1 ? id[0] & ~5u || id[2] || id[3] : !(XCR0_KNOWN >> i & 1) && id[0]) {
            wrong++;
            detail("leaf d, %u shows %#x %#x %#x", i, id[0], id[2], id[3]);
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
    around = xcr_surroundings();
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
