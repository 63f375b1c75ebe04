/* SPDX-License-Identifier: Apache-2.0 */
/* What CPUID says to a partition (SEP-5, AC-01, AC-08, AC-09): a table of register rows over a default of zero. All answers are
 * computed before the seal; an exit is one look-up. */
#include "memory.h"
#include "policy.h"
#include "virt.h"
#include "x86.h"

#define BASIC_LEAVES 16u
#define BASIC_MAX 0xdu
#define EXTENDED 0x80000000u
#define EXTENDED_LEAVES 0x22u
#define OURS 0x40000000u
#define KVM 0x40000100u

/* Slots of the answers: subleaf 0 of the basic and extended leaves, the two hypervisor ranges, then further subleaves. */
enum {
    SLOT_EXTENDED = BASIC_LEAVES,
    SLOT_OURS = SLOT_EXTENDED + EXTENDED_LEAVES,
    SLOT_KVM = SLOT_OURS + 2,
    SLOT_ZERO = SLOT_KVM + 2,
    SLOT_SUB_4,
    SLOT_SUB_B = SLOT_SUB_4 + 4,
    SLOT_SUB_D = SLOT_SUB_B + 1,
    SLOT_SUB_1D = SLOT_SUB_D + 9,
    SLOT_COUNT = SLOT_SUB_1D + 4,
};

/* By slot of subleaf 0: where subleaves 1 .. count are. Other leaves do not look at ECX. */
static const struct {
    uint8_t first, count;
    bool indexed;
} subleaves[SLOT_ZERO] = {
    [0x4] = {SLOT_SUB_4, 4, true},
    [0x7] = {0, 0, true},
    [0xb] = {SLOT_SUB_B, 1, true},
    [0xd] = {SLOT_SUB_D, 9, true},
    [SLOT_EXTENDED + 0x1d] = {SLOT_SUB_1D, 4, true},
};

/* Answers that depend on what the guest has switched on or asked: answer_patch(). */
static const bool slot_patched[SLOT_COUNT] = {[0x1] = true, [0x7] = true, [0xd] = true, [SLOT_SUB_D] = true, [SLOT_ZERO] = true};

enum { EAX, EBX, ECX, EDX };
#define BIT(n) (1u << (n))
#define ALL 0xffffffffu
#define ANY_SUBLEAF 0xffu

#define OSXSAVE BIT(27)
#define OSPKE BIT(4)
/* Features that both leaf 1 and AMD's 80000001 report in EDX: FPU VME DE PSE TSC MSR PAE CX8 APIC PGE CMOV PAT PSE36 MMX FXSR. */
#define BASE_FEATURES (0x0000037fu | BIT(13) | BIT(15) | BIT(16) | BIT(17) | BIT(23) | BIT(24))

struct row {
    uint32_t leaf;
    uint8_t subleaf, registers; /* A B C D: which of EAX..EDX */
    uint32_t mask;              /* bits of the processor that are let through */
    uint32_t force;             /* bits set whatever the processor says */
    const char *why;
};

enum { A = 1, B = 2, C = 4, D = 8 };

static const struct row rows[] = {
    {0x0, 0, A, 0, BASIC_MAX, "nothing above: PMU, RDT, SGX, PT, crystal clock and other topology leaves do not exist"},
    {0x0, 0, B | C | D, ALL, 0, "vendor: decides which errata and entry paths a kernel takes"},
    {0x1, 0, A, ALL, 0, "family, model, stepping"},
    {0x1, 0, B, 0x0000ff00, 0, "CLFLUSH line; counts and APIC id are set below"},
    /* SSE3 PCLMUL SSSE3 FMA CX16 PCID SSE4.1 SSE4.2 MOVBE POPCNT TSC-deadline AES XSAVE AVX F16C RDRAND; x2APIC and hypervisor
     * forced. Not DTES64 MONITOR VMX SMX EIST TM2 SDBG PDCM. */
    {0x1, 0, C, 0x77da3203, BIT(21) | BIT(31), "unprivileged instructions; x2APIC MSRs are ours on any hardware"},
    /* SEP CLFSH SSE SSE2 besides. Not MCE MTRR MCA PSN DS ACPI TM PBE. */
    {0x1, 0, D, BASE_FEATURES | BIT(11) | BIT(19) | BIT(25) | BIT(26), BIT(9), "no machine checks, memory types or power"},
    {0x4, ANY_SUBLEAF, A, 0x000003ff, 0, "cache type and level; sharing is set below"},
    {0x4, ANY_SUBLEAF, B | C, ALL, 0, "cache geometry"},
    {0x4, ANY_SUBLEAF, D, 0x7, 0, "cache properties"},
    /* FSGSBASE BMI1 AVX2 FDP SMEP BMI2 ERMS INVPCID FDPCS AVX512* RDSEED ADX SMAP CLFLUSHOPT CLWB SHA. Not TSC_ADJUST SGX HLE RTM
     * RDT MPX PT. */
    {0x7, 0, B, 0xfdbf27e9, 0, "unprivileged instructions and supervisor protection"},
    /* PREFETCHWT1 VBMI UMIP PKU VBMI2 GFNI VAES VPCLMUL VNNI BITALG VPOPCNT RDPID CLDEMOTE MOVDIRI MOVDIR64B WAITPKG. Not CET TME LA57
     * KL ENQCMD PKS. */
    {0x7, 0, C, 0x1a405f6f, 0, "unprivileged instructions"},
    {0x7, 0, D, BIT(2) | BIT(3) | BIT(4) | BIT(8) | BIT(10) | BIT(14) | BIT(23), 0, "no speculation control MSRs, no AMX"},
    {0xd, 1, A, 0xf, 0, "XSAVEOPT, XSAVEC, XGETBV 1, XSAVES: XSS stays 0, no supervisor state. Not XFD"},
    {EXTENDED, 0, B | C | D, ALL, 0, "vendor"},
    {EXTENDED + 0x1, 0, A, ALL, 0, "family, model, stepping"},
    /* LAHF AltMovCr8 ABM SSE4A MISALIGNSSE PREFETCHW XOP FMA4 TBM TOPOEXT. Not SVM EXTAPIC OSVW IBS SKINIT WDT LWP TCE NODEID
     * PERFCTR* BPEXT PTSC MWAITX. */
    {EXTENDED + 0x1, 0, C, 0x006109f1, 0, "unprivileged instructions and the topology leaves"},
    /* SYSCALL NX MMXEXT FFXSR PAGE1GB RDTSCP LM 3DNOW besides. */
    {EXTENDED + 0x1, 0, D, BASE_FEATURES | BIT(11) | BIT(20) | BIT(22) | 0xee000000, BIT(9), "as leaf 1"},
    {EXTENDED + 0x2, 0, A | B | C | D, ALL, 0, "name"},
    {EXTENDED + 0x3, 0, A | B | C | D, ALL, 0, "name"},
    {EXTENDED + 0x4, 0, A | B | C | D, ALL, 0, "name"},
    {EXTENDED + 0x5, 0, A | B | C | D, ALL, 0, "L1 caches and TLBs"},
    {EXTENDED + 0x6, 0, A | B | C | D, ALL, 0, "L2 and L3 caches and TLBs"},
    {EXTENDED + 0x8, 0, A, 0xff, 48 << 8, "physical width; linear width without LA57"},
    {EXTENDED + 0x8, 0, B, BIT(0) | BIT(2), 0, "CLZERO, error pointers. Not IRPERF RDPRU WBNOINVD IBPB IBRS STIBP SSBD"},
    {EXTENDED + 0x19, 0, A | B, ALL, 0, "1 GiB TLB"},
    {EXTENDED + 0x1a, 0, A, 0x7, 0, "width of the vector units"},
    {EXTENDED + 0x1d, ANY_SUBLEAF, A, 0x000003ff, 0, "cache type and level; sharing is set below"},
    {EXTENDED + 0x1d, ANY_SUBLEAF, B | C, ALL, 0, "cache geometry"},
    {EXTENDED + 0x1d, ANY_SUBLEAF, D, 0x3, 0, "cache properties"},
    /* No nested data breakpoints, LFENCE serialises, null selector clears base, not vulnerable to SRSO. */
    {EXTENDED + 0x21, 0, A, BIT(0) | BIT(2) | BIT(6) | BIT(29), 0, "properties that need no MSR"},
};

struct answers {
    uint32_t slot[SLOT_COUNT][4];
};

static void host_cpuid(uint32_t leaf, uint32_t subleaf, uint32_t out[4])
{
    struct cpuid_regs r = {0};

    if (leaf <= cpuid(leaf & EXTENDED, 0).eax) /* beyond its maximum Intel repeats another leaf */
        r = cpuid(leaf, subleaf);
    out[EAX] = r.eax;
    out[EBX] = r.ebx;
    out[ECX] = r.ecx;
    out[EDX] = r.edx;
}

static void rows_apply(uint32_t leaf, uint32_t subleaf, uint32_t out[4])
{
    uint32_t host[4];

    host_cpuid(leaf, subleaf, host);
    for (const struct row *row = rows; row < rows + ARRAY_SIZE(rows); row++) {
        if (row->leaf != leaf || (row->subleaf != subleaf && row->subleaf != ANY_SUBLEAF))
            continue;
        for (unsigned i = EAX; i <= EDX; i++)
            if (row->registers >> i & 1)
                out[i] = (host[i] & row->mask) | row->force;
    }
}

/* Bits that number `count` things. */
static unsigned width(unsigned count)
{
    unsigned bits = 0;

    while (count > 1u << bits)
        bits++;
    return bits;
}

/* One package, core_count cores of one thread each; the APIC id is the index (SDM3 9.9, APM3 E.4). */
static void set_topology(struct answers *a, unsigned index, unsigned cores)
{
    unsigned bits = width(cores);

    a->slot[0x1][EBX] |= index << 24 | cores << 16;
    a->slot[0x1][EDX] |= cores > 1 ? BIT(28) : 0;
    a->slot[0xb][EBX] = 1;
    a->slot[0xb][ECX] = 1u << 8; /* level 0: threads */
    a->slot[0xb][EDX] = index;
    a->slot[SLOT_SUB_B][EAX] = bits;
    a->slot[SLOT_SUB_B][EBX] = cores;
    a->slot[SLOT_SUB_B][ECX] = 2u << 8 | 1; /* level 1: cores */
    a->slot[SLOT_SUB_B][EDX] = index;
    a->slot[SLOT_EXTENDED + 0x1][ECX] |= cores > 1 ? BIT(1) : 0; /* the count in leaf 1 is of cores, not of threads */
    a->slot[SLOT_EXTENDED + 0x8][ECX] = bits << 12 | (cores - 1);
    a->slot[SLOT_EXTENDED + 0x1e][EAX] = index;
    a->slot[SLOT_EXTENDED + 0x1e][EBX] = index;
}

/* Who shares a cache: levels 1 and 2 are a core's own, above that all cores. */
static void set_cache_sharing(uint32_t out[4], unsigned cores, bool intel)
{
    unsigned ids = (1u << width(cores)) - 1;

    if ((out[EAX] & 0x1f) == 0) /* no cache */
        return;
    if ((out[EAX] >> 5 & 7) >= 3)
        out[EAX] |= ids << 14;
    if (intel)
        out[EAX] |= ids << 26;
}

static void set_xsave(struct answers *a)
{
    uint64_t allowed = xcr0_allowed();
    uint32_t size = 576; /* legacy area and header */

    if (allowed == 0)
        return;
    for (unsigned i = 2; i <= 9; i++) {
        uint32_t *out = a->slot[SLOT_SUB_D + i - 1];

        if (!(allowed >> i & 1))
            continue;
        host_cpuid(0xd, i, out);
        out[ECX] &= BIT(1);
        out[EDX] = 0;
        if (out[EBX] + out[EAX] > size)
            size = out[EBX] + out[EAX];
    }
    a->slot[0xd][EAX] = (uint32_t)allowed;
    a->slot[0xd][ECX] = size;
    a->slot[0xd][EDX] = (uint32_t)(allowed >> 32);
}

static void set_hypervisor(struct answers *a)
{
    static const uint32_t ours[4] = {OURS + 1, 0x6b6c7542, 0x64616568, 0x6b6c7542}; /* "BulkheadBulk" */
    /* "KVMKVMKVM" without features: the only signature with which Linux keeps x2APIC mode without interrupt remapping. */
    static const uint32_t kvm[4] = {KVM + 1, 0x4b4d564b, 0x564b4d56, 0x0000004d};

    memcpy(a->slot[SLOT_OURS], ours, sizeof(ours));
    a->slot[SLOT_OURS + 1][EAX] = BH_ABI_VERSION;
    memcpy(a->slot[SLOT_KVM], kvm, sizeof(kvm));
}

/* What the board vouches for and what the hardware is asked at the exit. */
static void set_machine(struct answers *a)
{
    uint32_t top = cpuid(EXTENDED, 0).eax;

    a->slot[SLOT_EXTENDED][EAX] = top < EXTENDED + EXTENDED_LEAVES ? top : EXTENDED + EXTENDED_LEAVES - 1;
    if (plan.board->arat)
        a->slot[0x6][EAX] = BIT(2);
    if (plan.board->invariant_tsc)
        a->slot[SLOT_EXTENDED + 0x7][EDX] = BIT(8);
    if (plan.board->no_speculation) { /* SSB_NO, BTC_NO; SRSO_NO: APM3 E.4.7, E.4.19 */
        a->slot[SLOT_EXTENDED][EAX] = EXTENDED + EXTENDED_LEAVES - 1;
        a->slot[SLOT_EXTENDED + 0x8][EBX] |= BIT(26) | BIT(29);
        a->slot[SLOT_EXTENDED + 0x21][EAX] |= BIT(29);
    }
}

void cpuid_policy_init(struct vcpu *vcpu)
{
    struct answers *a = pool_take(1);
    unsigned cores = vcpu->partition->plan->core_count;

    _Static_assert(sizeof(*a) <= PAGE_SIZE, "CPUID answers fit a page");
    for (uint32_t leaf = 0; leaf < BASIC_LEAVES; leaf++)
        rows_apply(leaf, 0, a->slot[leaf]);
    for (uint32_t leaf = 0; leaf < EXTENDED_LEAVES; leaf++)
        rows_apply(EXTENDED + leaf, 0, a->slot[SLOT_EXTENDED + leaf]);
    for (uint32_t i = 1; i <= 4; i++) {
        rows_apply(0x4, i, a->slot[SLOT_SUB_4 + i - 1]);
        rows_apply(EXTENDED + 0x1d, i, a->slot[SLOT_SUB_1D + i - 1]);
    }
    rows_apply(0xd, 1, a->slot[SLOT_SUB_D]);
    set_topology(a, vcpu->index, cores);
    set_cache_sharing(a->slot[0x4], cores, true);
    set_cache_sharing(a->slot[SLOT_EXTENDED + 0x1d], cores, false);
    for (unsigned i = 0; i < 4; i++) {
        set_cache_sharing(a->slot[SLOT_SUB_4 + i], cores, true);
        set_cache_sharing(a->slot[SLOT_SUB_1D + i], cores, false);
    }
    set_xsave(a);
    set_hypervisor(a);
    set_machine(a);
    vcpu->cpuid = a;
}

static unsigned slot_find(uint32_t u_leaf, uint32_t u_subleaf)
{
    unsigned slot;

    if (u_leaf < BASIC_LEAVES)
        slot = u_leaf;
    else if (u_leaf - EXTENDED < EXTENDED_LEAVES)
        slot = SLOT_EXTENDED + (u_leaf - EXTENDED);
    else if (u_leaf - OURS < 2)
        slot = SLOT_OURS + (u_leaf - OURS);
    else if (u_leaf - KVM < 2)
        slot = SLOT_KVM + (u_leaf - KVM);
    else
        return SLOT_ZERO;
    if (u_subleaf == 0 || !subleaves[slot].indexed)
        return slot;
    return u_subleaf <= subleaves[slot].count ? subleaves[slot].first + u_subleaf - 1 : SLOT_ZERO;
}

static uint64_t guest_cr4(const struct vcpu *vcpu)
{
    struct guest_state state;

    virt_state(vcpu, &state);
    return state.cr4;
}

/* The few answers that depend on what the guest has switched on. */
static void answer_patch(const struct vcpu *vcpu, uint32_t u_leaf, uint32_t u_subleaf, uint32_t out[4])
{
    if (u_leaf == 0x1 && out[ECX] & BIT(26) && guest_cr4(vcpu) & CR4_OSXSAVE) {
        out[ECX] |= OSXSAVE;
    } else if (u_leaf == 0x7 && u_subleaf == 0 && guest_cr4(vcpu) & CR4_PKE) {
        out[ECX] |= OSPKE;
    } else if (u_leaf == 0xb && u_subleaf > 1) { /* no such level, but it echoes its number and the id (SDM2 CPUID) */
        out[ECX] = u_subleaf & 0xff;
        out[EDX] = vcpu->index;
    } else if (u_leaf == 0xd && u_subleaf <= 1 && out[EAX] != 0) {
        out[EBX] = cpuid(0xd, u_subleaf).ebx; /* XCR0 in the register is the guest's own: the size for it is right */
    }
}

const uint32_t *guest_cpuid_constant(const struct vcpu *vcpu, uint32_t u_leaf, uint32_t u_subleaf)
{
    const struct answers *answers = vcpu->cpuid;
    unsigned slot = slot_find(u_leaf, u_subleaf);

    return slot_patched[slot] ? 0 : answers->slot[slot];
}

void guest_cpuid(const struct vcpu *vcpu, uint32_t u_leaf, uint32_t u_subleaf, uint32_t out[4])
{
    const struct answers *answers = vcpu->cpuid;

    memcpy(out, answers->slot[slot_find(u_leaf, u_subleaf)], 4 * sizeof(*out));
    answer_patch(vcpu, u_leaf, u_subleaf, out);
}
