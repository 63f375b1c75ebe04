/* SPDX-License-Identifier: Apache-2.0 */
/* The core's own local APIC: x2APIC where the CPU has it, else through the one page that all cores see at the same place.
 * SDM3 11.4, 11.12; APM2 16. */
#include "lapic.h"

#include "arch.h"
#include "core_area.h"
#include "plan.h"
#include "trap.h"
#include "x86.h"

#define SVR_ENABLE 0x100u
#define SPURIOUS_VECTOR 0xffu
#define ICR_PENDING (1u << 12)
#define ICR_WAIT 100000u
#define DRAIN_ROUNDS 256u

static bool x2apic; /* the same on all cores: set by the boot processor before the others start */

bool lapic_is_x2apic(void)
{
    return x2apic;
}

static volatile uint32_t *page_register(unsigned reg)
{
    return (volatile uint32_t *)(MMIO_BASE + (uint64_t)reg * 16);
}

uint32_t lapic_read(unsigned reg)
{
    return x2apic ? (uint32_t)rdmsr(MSR_X2APIC + reg) : *page_register(reg);
}

void lapic_write(unsigned reg, uint32_t value)
{
    if (x2apic)
        wrmsr(MSR_X2APIC + reg, value);
    else
        *page_register(reg) = value;
}

void lapic_send(uint32_t apic_id, uint32_t low)
{
    if (x2apic) {
        stores_finish(); /* unlike a store to the page, this one could overtake what it is about: SDM3 11.12.3 */
        wrmsr(MSR_X2APIC + APIC_ICR, (uint64_t)apic_id << 32 | low);
        return;
    }
    for (unsigned i = 0; i < ICR_WAIT && (*page_register(APIC_ICR) & ICR_PENDING); i++)
        arch_pause();
    *page_register(APIC_ICR_HIGH) = apic_id << 24;
    *page_register(APIC_ICR) = low;
}

void lapic_init(void)
{
    uint64_t base = APIC_PAGE | (rdmsr(MSR_APIC_BASE) & APIC_BASE_BSP) | APIC_BASE_ENABLE;

    x2apic = (cpuid(1, 0).ecx & (1u << 21)) != 0;
    if (!(rdmsr(MSR_APIC_BASE) & APIC_BASE_X2)) /* firmware may hand over in x2APIC mode, which has no way back: SDM3 11.12.5 */
        wrmsr(MSR_APIC_BASE, base);
    if (x2apic)
        wrmsr(MSR_APIC_BASE, base | APIC_BASE_X2);
    lapic_write(APIC_SVR, SVR_ENABLE | SPURIOUS_VECTOR);
}

/* SDM3 11.5.1: which LVTs exist follows from the version register; the error, LINT and timer LVTs always do. */
static void lvt_mask_all(void)
{
    unsigned max = lapic_read(APIC_VERSION) >> 16 & 0xff;

    for (unsigned reg = APIC_LVT_TIMER; reg <= APIC_LVT_ERROR; reg++)
        if ((reg != APIC_LVT_PERF || max >= 4) && (reg != APIC_LVT_THERMAL || max >= 5))
            lapic_write(reg, APIC_LVT_MASKED);
    if (max >= 6)
        lapic_write(APIC_LVT_CMCI, APIC_LVT_MASKED);
}

static bool bits_empty(unsigned first)
{
    uint32_t any = 0;

    for (unsigned i = 0; i < 8; i++)
        any |= lapic_read(first + i);
    return any == 0;
}

/* Nothing of an earlier life is left in it (SEP-9); each loop is bounded (SEP-7). */
bool arch_apic_reset(void)
{
    lapic_write(APIC_SVR, SVR_ENABLE | SPURIOUS_VECTOR);
    lvt_mask_all();
    lapic_write(APIC_TIMER_INITIAL, 0);
    lapic_write(APIC_TIMER_DIVIDE, 0);
    lapic_write(APIC_TPR, 0);
    /* What a guest was serving when it was stopped: each EOI ends one level. */
    for (unsigned i = 0; i < DRAIN_ROUNDS && !bits_empty(APIC_ISR); i++)
        lapic_write(APIC_EOI, 0);
    /* What waits is taken by a table of ours, which ends each at once. */
    for (unsigned i = 0; i < DRAIN_ROUNDS && !bits_empty(APIC_IRR); i++)
        trap_drain();
    lapic_write(APIC_ESR, 0); /* the first write latches what there is, the second clears it: SDM3 11.5.3 */
    lapic_write(APIC_ESR, 0);
    return bits_empty(APIC_IRR) && bits_empty(APIC_ISR);
}

void arch_kick(unsigned core)
{
    lapic_send(plan.cores[core].apic_id, 4u << 8); /* NMI */
}

void arch_ipi(unsigned core, uint8_t vector)
{
    lapic_send(plan.cores[core].apic_id, vector);
}

void arch_pause(void)
{
    __asm__ volatile("pause" : : : "memory");
}
