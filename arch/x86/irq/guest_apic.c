/* SPDX-License-Identifier: Apache-2.0 */
/* The partition's view of its core's local APIC, by x2APIC register number (SEP-3, AC-16 to AC-18). The timer, priorities and
 * request bits are the hardware's own; identity, command register and every entry that could become NMI, SMI or ExtINT are
 * not. The hardware APIC stays software-enabled because the hypervisor's own kicks leave from it: while the guest has it
 * disabled, its entries are kept masked instead. SDM3 11.4, 11.5, 11.12. */
#include <stdatomic.h>

#include "lapic.h"
#include "policy.h"
#include "x86.h"

#define LVT_VECTOR 0xffu
#define LVT_MODE (7u << 8)
#define LVT_STATUS (1u << 12)                     /* read-only */
#define LVT_LINT (1u << 13 | 1u << 14 | 1u << 15) /* polarity, remote IRR (read-only), trigger */
#define TIMER_PERIODIC (1u << 17)
#define TIMER_DEADLINE (1u << 18)
#define SVR_ENABLE (1u << 8)
#define SVR_LEGAL 0x1ffu
#define ICR_RESERVED_X2 (0xfffull << 20 | 3ull << 16 | 1ull << 13)
#define VERSION_LEGAL 0x00ff00ffu

/* Registers that are the hardware's own: what may be read, and written with these bits at most. */
static const struct {
    bool read, write;
    uint32_t bits;
} registers[APIC_SELF_IPI + 1] = {
    [APIC_TPR] = {true, true, 0xff}, [APIC_PPR] = {true},
    [APIC_EOI] = {false, true, 0},   [APIC_ISR... APIC_IRR + 7] = {true},
    [APIC_ESR] = {true, true, 0},    [APIC_LVT_TIMER] = {true},
    [APIC_LVT_ERROR] = {true},       [APIC_TIMER_INITIAL] = {true, true, 0xffffffff},
    [APIC_TIMER_CURRENT] = {true},   [APIC_TIMER_DIVIDE] = {true, true, 0xb},
};

static bool in_x2apic(const struct vcpu *vcpu)
{
    return (vcpu->apic.base_msr & APIC_BASE_X2) != 0;
}

/* Entries that live in vcpu->apic.lvt only. */
static bool is_shadowed(unsigned reg)
{
    return reg == APIC_LVT_CMCI || (reg >= APIC_LVT_THERMAL && reg <= APIC_LVT_LINT1);
}

static void lvt_shadow_mask(struct vcpu *vcpu)
{
    for (unsigned i = 0; i < ARRAY_SIZE(vcpu->apic.lvt); i++)
        vcpu->apic.lvt[i] |= APIC_LVT_MASKED;
}

void guest_apic_reset(struct vcpu *vcpu)
{
    uint64_t base = APIC_PAGE | APIC_BASE_ENABLE;

    if (vcpu->index == 0)
        base |= APIC_BASE_BSP;
    if (vcpu->partition->plan->apic == APIC_X2APIC)
        base |= APIC_BASE_X2;
    vcpu->apic = (struct apic_shadow){.base_msr = base, .svr = SVR_ENABLE | 0xff, .dfr = 0xffffffff};
    lvt_shadow_mask(vcpu);
}

/* The same value, or the step from xAPIC to x2APIC; it neither moves nor disappears. */
bool guest_apic_base_write(struct vcpu *vcpu, uint64_t u_value)
{
    if (u_value != vcpu->apic.base_msr && u_value != (vcpu->apic.base_msr | APIC_BASE_X2))
        return false;
    vcpu->apic.base_msr = u_value;
    return true;
}

/* Registers that are not the hardware's, or that differ between the modes. */
static bool read_shadow(struct vcpu *vcpu, unsigned reg, uint64_t *value)
{
    bool x2 = in_x2apic(vcpu);
    uint32_t id = vcpu->index;

    switch (reg) {
    case APIC_VERSION:
        *value = lapic_read(reg) & VERSION_LEGAL;
        return true;
    case APIC_SVR:
        *value = vcpu->apic.svr;
        return true;
    case APIC_ID:
        *value = x2 ? id : id << 24;
        return true;
    case APIC_LDR:
        *value = x2 ? (id >> 4) << 16 | 1u << (id & 15) : vcpu->apic.ldr;
        return true;
    case APIC_ICR:
        *value = x2 ? vcpu->apic.icr : (uint32_t)vcpu->apic.icr;
        return true;
    case APIC_DFR:
        *value = x2 ? 0 : vcpu->apic.dfr;
        return !x2;
    case APIC_ICR_HIGH:
        *value = x2 ? 0 : vcpu->apic.icr_high;
        return !x2;
    default:
        return false;
    }
}

/* Where the machine has x2APIC, what exits is rare, and an exit like others. */
static void count(struct vcpu *vcpu)
{
    if (!lapic_is_x2apic())
        vcpu->counters.apic++;
}

bool guest_apic_read(struct vcpu *vcpu, unsigned reg, uint64_t *value)
{
    count(vcpu);
    *value = 0;
    if (!is_shadowed(reg) && (reg >= ARRAY_SIZE(registers) || !registers[reg].read))
        return read_shadow(vcpu, reg, value);
    *value = is_shadowed(reg) ? vcpu->apic.lvt[reg - APIC_LVT_CMCI] : lapic_read(reg);
    return true;
}

/* Logical destinations of all cores, as they stand: another core may be writing its own. */
static void ldr_collect(const struct partition *p, uint32_t ldr[MAX_CORES])
{
    for (unsigned i = 0; i < p->plan->core_count; i++)
        ldr[i] = __atomic_load_n(&p->vcpus[i].apic.ldr, __ATOMIC_RELAXED);
}

static void effect_apply(struct partition *p, const struct icr_effect *effect)
{
    static const uint32_t requests[] = {[ICR_NMI] = REQUEST_NMI, [ICR_INIT] = REQUEST_INIT, [ICR_SIPI] = REQUEST_SIPI};

    for (unsigned i = 0; i < p->plan->core_count; i++) {
        if (!(effect->targets >> i & 1))
            continue;
        if (effect->what == ICR_FIXED) {
            partition_interrupt(p, i, effect->vector);
            continue;
        }
        if (effect->what == ICR_SIPI)
            atomic_store(&p->vcpus[i].sipi_vector, effect->vector);
        vcpu_request(&p->vcpus[i], requests[effect->what]);
    }
}

static void icr_send(struct vcpu *vcpu, uint64_t u_icr)
{
    struct partition *p = vcpu->partition;
    uint32_t ldr[MAX_CORES];
    struct icr_effect effect;

    ldr_collect(p, ldr);
    effect = icr_expand(u_icr, vcpu->index, p->plan->core_count, in_x2apic(vcpu), ldr, vcpu->apic.dfr);
    if (effect.denied)
        partition_denied(vcpu, DENIED_OTHER, u_icr);
    if (effect.what != ICR_DROP)
        effect_apply(p, &effect);
}

/* Reserved bits are a #GP in x2APIC mode and read as zero in xAPIC mode. */
static bool legal(const struct vcpu *vcpu, uint64_t *u_value, uint32_t mask)
{
    if (in_x2apic(vcpu) && (*u_value & ~(uint64_t)mask) != 0)
        return false;
    *u_value &= mask;
    return true;
}

/* Timer and error entries live in hardware, as fixed interrupts only; a vector of an exception stays masked. */
static bool lvt_write(struct vcpu *vcpu, unsigned reg, uint64_t u_value)
{
    uint32_t mask = LVT_VECTOR | LVT_STATUS | APIC_LVT_MASKED, entry;

    if (reg == APIC_LVT_TIMER)
        mask |= TIMER_PERIODIC | (cpuid(1, 0).ecx & 1u << 24 ? TIMER_DEADLINE : 0);
    if (!legal(vcpu, &u_value, mask) || (u_value & TIMER_PERIODIC && u_value & TIMER_DEADLINE))
        return false;
    entry = (uint32_t)u_value & ~LVT_STATUS;
    if ((entry & LVT_VECTOR) < 16 || !(vcpu->apic.svr & SVR_ENABLE))
        entry |= APIC_LVT_MASKED;
    lapic_write(reg, entry);
    return true;
}

static bool shadow_write(struct vcpu *vcpu, unsigned reg, uint64_t u_value)
{
    uint32_t mask = LVT_VECTOR | LVT_MODE | LVT_STATUS | APIC_LVT_MASKED;

    if (reg == APIC_LVT_LINT0 || reg == APIC_LVT_LINT1)
        mask |= LVT_LINT;
    if (!legal(vcpu, &u_value, mask))
        return false;
    vcpu->apic.lvt[reg - APIC_LVT_CMCI] =
        ((uint32_t)u_value & ~(LVT_STATUS | 1u << 14)) | (vcpu->apic.svr & SVR_ENABLE ? 0 : APIC_LVT_MASKED);
    return true;
}

/* Disabling masks every entry, and enabling again does not unmask them (SDM3 11.4.7.2). */
static bool svr_write(struct vcpu *vcpu, uint64_t u_value)
{
    if (!legal(vcpu, &u_value, SVR_LEGAL))
        return false;
    vcpu->apic.svr = (uint32_t)u_value;
    lapic_write(APIC_SVR, (uint32_t)u_value | SVR_ENABLE);
    if (u_value & SVR_ENABLE)
        return true;
    lapic_write(APIC_LVT_TIMER, lapic_read(APIC_LVT_TIMER) | APIC_LVT_MASKED);
    lapic_write(APIC_LVT_ERROR, lapic_read(APIC_LVT_ERROR) | APIC_LVT_MASKED);
    lvt_shadow_mask(vcpu);
    return true;
}

/* Registers that only one of the modes has, or that differ. */
static bool write_by_mode(struct vcpu *vcpu, unsigned reg, uint64_t u_value)
{
    bool x2 = in_x2apic(vcpu);

    switch (reg) {
    case APIC_ICR:
        if (x2 && (u_value & ICR_RESERVED_X2) != 0)
            return false;
        if (!x2)
            u_value = (uint64_t)vcpu->apic.icr_high << 32 | (uint32_t)u_value;
        vcpu->apic.icr = u_value & ~(uint64_t)LVT_STATUS; /* never busy */
        icr_send(vcpu, u_value);
        return true;
    case APIC_SELF_IPI: /* vector only, to itself */
        if (!x2 || u_value > 0xff)
            return false;
        icr_send(vcpu, u_value | 1u << 18);
        return true;
    case APIC_ICR_HIGH:
        if (!x2)
            vcpu->apic.icr_high = (uint32_t)u_value & 0xff000000;
        return !x2;
    case APIC_LDR:
        if (!x2)
            __atomic_store_n(&vcpu->apic.ldr, (uint32_t)u_value & 0xff000000, __ATOMIC_RELAXED);
        return !x2;
    case APIC_DFR:
        if (!x2)
            vcpu->apic.dfr = (uint32_t)u_value | 0x0fffffff;
        return !x2;
    default:
        return false;
    }
}

bool guest_apic_write(struct vcpu *vcpu, unsigned reg, uint64_t u_value)
{
    count(vcpu);
    if (is_shadowed(reg))
        return shadow_write(vcpu, reg, u_value);
    if (reg == APIC_LVT_TIMER || reg == APIC_LVT_ERROR)
        return lvt_write(vcpu, reg, u_value);
    if (reg == APIC_SVR)
        return svr_write(vcpu, u_value);
    if (reg >= ARRAY_SIZE(registers) || !registers[reg].write)
        return write_by_mode(vcpu, reg, u_value);
    if (!legal(vcpu, &u_value, registers[reg].bits))
        return false;
    lapic_write(reg, (uint32_t)u_value);
    return true;
}
