/* SPDX-License-Identifier: Apache-2.0 */
/* The MSR allow-list (SEP-5, AC-05 to AC-08, AC-10): a register in no row is #GP for reads and writes. The back end turns the open
 * rows into its bitmap; this file answers the emulated ones. */
#include "lapic.h"
#include "policy.h"
#include "virt.h"
#include "x86.h"

#define MSR_PATCH_LEVEL 0x8bu
#define MSR_UMWAIT_CONTROL 0xe1u
#define MSR_MISC_ENABLE 0x1a0u
#define MSR_DEBUGCTL 0x1d9u
#define MSR_TSC_DEADLINE 0x6e0u
#define MSR_XSS 0xda0u
#define MSR_TSC_AUX 0xc0000103u
#define MSR_HWCR 0xc0010015u
#define MSR_NB_CFG 0xc001001fu

#define MISC_ENABLE_VALUE (1ull << 0 | 1ull << 11 | 1ull << 12) /* fast strings; no branch trace store, no PEBS */
#define HWCR_TSC_AT_P0 (1ull << 24)
#define NB_CFG_CF8_EXTENDED (1ull << 46)
#define PAT_RESET 0x0007040600070406ull

const struct msr_row msr_rows[] = {
    {MSR_TSC, MSR_TSC, MSR_EMULATE, MSR_DENY, "time that RDTSC shows anyway; writing would move our clock"},
    {MSR_APIC_BASE, MSR_APIC_BASE, MSR_EMULATE, MSR_EMULATE, "xAPIC to x2APIC, never moved or disabled"},
    {MSR_PATCH_LEVEL, MSR_PATCH_LEVEL, MSR_EMULATE, MSR_EMULATE, "Linux writes 0 before reading; reads 0, writes ignored"},
    {MSR_UMWAIT_CONTROL, MSR_UMWAIT_CONTROL, MSR_EMULATE, MSR_EMULATE, "with WAITPKG: the core's own, unused by us"},
    {0x174, 0x176, MSR_OPEN, MSR_OPEN, "SYSENTER: swapped with the guest"},
    {MSR_MISC_ENABLE, MSR_MISC_ENABLE, MSR_EMULATE, MSR_EMULATE, "read unguarded by kernels on Intel; constant"},
    {MSR_DEBUGCTL, MSR_DEBUGCTL, MSR_EMULATE, MSR_EMULATE, "kernels clear it; only 0"},
    {MSR_PAT, MSR_PAT, MSR_EMULATE, MSR_EMULATE, "not swapped by QEMU: a shadow with legal types only"},
    {MSR_TSC_DEADLINE, MSR_TSC_DEADLINE, MSR_OPEN, MSR_OPEN, "the core's own timer, where CPUID shows it"},
    {MSR_X2APIC, MSR_X2APIC + 0x3f, MSR_EMULATE, MSR_EMULATE, "local APIC: guest_apic.c"},
    {MSR_XSS, MSR_XSS, MSR_EMULATE, MSR_EMULATE, "with XSAVES: only 0"},
    {MSR_EFER, MSR_EFER, MSR_EMULATE, MSR_EMULATE, "allow-list per bit, LMA as paging says"},
    {0xc0000081, 0xc0000084, MSR_OPEN, MSR_OPEN, "SYSCALL: swapped, or unused by us"},
    {0xc0000100, 0xc0000102, MSR_OPEN, MSR_OPEN, "FS, GS and kernel GS base: swapped, or unused by us"},
    {MSR_TSC_AUX, MSR_TSC_AUX, MSR_OPEN, MSR_OPEN, "what RDTSCP returns: the core's own, unused by us"},
    {MSR_HWCR, MSR_HWCR, MSR_EMULATE, MSR_DENY, "Linux asks whether the TSC runs at the P0 rate: constant"},
    {MSR_NB_CFG, MSR_NB_CFG, MSR_EMULATE, MSR_DENY, "Linux wants extended 0xcf8 access on and writes it otherwise: constant"},
};
const unsigned msr_row_count = ARRAY_SIZE(msr_rows);

/* PERF-1: with these the steady state of timer, EOI and self-IPI costs no exit. Everything that names another core, another
 * delivery mode or the APIC itself still exits. */
const struct msr_row msr_x2apic_rows[] = {
    {MSR_X2APIC + APIC_TPR, MSR_X2APIC + APIC_TPR, MSR_OPEN, MSR_OPEN, "task priority: the core's own"},
    {MSR_X2APIC + APIC_PPR, MSR_X2APIC + APIC_PPR, MSR_OPEN, MSR_EMULATE, "processor priority: read-only"},
    {MSR_X2APIC + APIC_EOI, MSR_X2APIC + APIC_EOI, MSR_EMULATE, MSR_OPEN, "end of interrupt: write-only"},
    {MSR_X2APIC + APIC_ISR, MSR_X2APIC + APIC_IRR + 7, MSR_OPEN, MSR_EMULATE, "in service, trigger, requested: read-only"},
    {MSR_X2APIC + APIC_TIMER_INITIAL, MSR_X2APIC + APIC_TIMER_INITIAL, MSR_OPEN, MSR_OPEN, "timer count"},
    {MSR_X2APIC + APIC_TIMER_CURRENT, MSR_X2APIC + APIC_TIMER_CURRENT, MSR_OPEN, MSR_EMULATE, "timer: read-only"},
    {MSR_X2APIC + APIC_TIMER_DIVIDE, MSR_X2APIC + APIC_TIMER_DIVIDE, MSR_OPEN, MSR_OPEN, "timer divider"},
    {MSR_X2APIC + APIC_SELF_IPI, MSR_X2APIC + APIC_SELF_IPI, MSR_EMULATE, MSR_OPEN, "fixed interrupt to itself only"},
};
const unsigned msr_x2apic_row_count = ARRAY_SIZE(msr_x2apic_rows);

static const struct msr_row *row_find(const struct msr_row *rows, unsigned count, uint32_t msr)
{
    for (unsigned i = 0; i < count; i++)
        if (msr >= rows[i].first && msr <= rows[i].last)
            return &rows[i];
    return 0;
}

enum msr_access msr_policy(uint32_t msr, bool write)
{
    const struct msr_row *row = 0;

    if (lapic_is_x2apic())
        row = row_find(msr_x2apic_rows, msr_x2apic_row_count, msr);
    if (row == 0)
        row = row_find(msr_rows, msr_row_count, msr);
    if (row == 0)
        return MSR_DENY;
    return write ? row->write : row->read;
}

/* SDM3 12.12.2: types 0, 1, 4, 5, 6, 7. */
static bool pat_legal(uint64_t u_value)
{
    for (unsigned i = 0; i < 8; i++) {
        uint8_t type = (uint8_t)(u_value >> (8 * i));

        if (type > 7 || type == 2 || type == 3)
            return false;
    }
    return true;
}

/* What the other emulated registers read: 0 for MSR_PATCH_LEVEL, MSR_DEBUGCTL and MSR_XSS. */
static uint64_t constant_of(uint32_t msr)
{
    if (msr == MSR_MISC_ENABLE)
        return MISC_ENABLE_VALUE;
    return msr == MSR_HWCR ? HWCR_TSC_AT_P0 : msr == MSR_NB_CFG ? NB_CFG_CF8_EXTENDED : 0;
}

/* Two come with instructions that not all CPUs have. */
static bool is_absent(uint32_t msr)
{
    if (msr == MSR_UMWAIT_CONTROL)
        return cpuid(0, 0).eax < 7 || !(cpuid(7, 0).ecx & 1u << 5);
    return msr == MSR_XSS && (cpuid(0, 0).eax < 0xd || !(cpuid(0xd, 1).eax & 1u << 3));
}

static bool x2apic_on(const struct vcpu *vcpu)
{
    return (vcpu->apic.base_msr & APIC_BASE_X2) != 0;
}

bool guest_msr_read(struct vcpu *vcpu, uint32_t u_msr, uint64_t *value)
{
    struct guest_state state;

    *value = 0;
    if (u_msr - MSR_X2APIC < 0x40)
        return x2apic_on(vcpu) && guest_apic_read(vcpu, u_msr - MSR_X2APIC, value);
    if (msr_policy(u_msr, false) != MSR_EMULATE || is_absent(u_msr))
        return false;
    switch (u_msr) {
    case MSR_TSC: /* QEMU's register reads 0; the instruction does not */
        *value = rdtsc();
        break;
    case MSR_APIC_BASE:
        *value = vcpu->apic.base_msr;
        break;
    case MSR_PAT:
        *value = vcpu->pat;
        break;
    case MSR_UMWAIT_CONTROL:
        *value = rdmsr(MSR_UMWAIT_CONTROL);
        break;
    case MSR_EFER:
        virt_state(vcpu, &state);
        *value = state.efer;
        break;
    default:
        *value = constant_of(u_msr);
        break;
    }
    return true;
}

bool guest_msr_write(struct vcpu *vcpu, uint32_t u_msr, uint64_t u_value)
{
    if (u_msr - MSR_X2APIC < 0x40)
        return x2apic_on(vcpu) && guest_apic_write(vcpu, u_msr - MSR_X2APIC, u_value);
    if (msr_policy(u_msr, true) != MSR_EMULATE || is_absent(u_msr))
        return false;
    switch (u_msr) {
    case MSR_APIC_BASE:
        return guest_apic_base_write(vcpu, u_value);
    case MSR_PATCH_LEVEL:
        return true;
    case MSR_PAT:
        if (!pat_legal(u_value))
            return false;
        vcpu->pat = u_value;
        return true;
    case MSR_EFER:
        return guest_efer_write(vcpu, u_value);
    case MSR_UMWAIT_CONTROL: /* longest wait in steps of 4 ticks, and no C0.2: SDM4 */
        if ((u_value & ~0xfffffffdull) != 0)
            return false;
        wrmsr(MSR_UMWAIT_CONTROL, u_value);
        return true;
    default: /* constants: the same value again */
        return u_value == constant_of(u_msr);
    }
}

void msr_policy_reset(struct vcpu *vcpu)
{
    vcpu->pat = PAT_RESET;
    if (cpuid(0x80000001, 0).edx & 1u << 27) /* RDTSCP */
        wrmsr(MSR_TSC_AUX, 0);
    if (cpuid(1, 0).ecx & 1u << 24)
        wrmsr(MSR_TSC_DEADLINE, 0);
    if (!is_absent(MSR_UMWAIT_CONTROL))
        wrmsr(MSR_UMWAIT_CONTROL, 0);
    if (!is_absent(MSR_XSS))
        wrmsr(MSR_XSS, 0);
}
