/* SPDX-License-Identifier: Apache-2.0 */
/* This core's local APIC, by x2APIC registers or, where the partition was started in xAPIC mode, through its page. */
#include "cpu.h"
#include "lib.h"
#include "scale.h"

enum {
    EOI = 0x0b,
    TPR = 0x08,
    SVR = 0x0f,
    ICR = 0x30,
    ICR_HIGH = 0x31,
    LVT_TIMER = 0x32,
    INITIAL = 0x38,
    DIVIDE = 0x3e,
    SELF_IPI = 0x3f
};
#define LVT_MASKED (1u << 16)
#define LVT_PERIODIC (1u << 17)
#define ICR_PENDING (1u << 12)
#define XAPIC_PAGE 0xfee00000ull

static volatile uint32_t *page; /* 0: x2APIC */

/* One plain MOV each: what the hypervisor decodes. */
static void apic_write(unsigned reg, uint32_t value)
{
    if (page)
        __asm__ volatile("movl %1, %0" : "=m"(page[reg * 4]) : "r"(value) : "memory");
    else
        cpu_wrmsr(MSR_X2APIC + reg, value);
}

static uint32_t apic_read(unsigned reg)
{
    uint32_t value;

    if (!page)
        return (uint32_t)cpu_rdmsr(MSR_X2APIC + reg);
    __asm__ volatile("movl %1, %0" : "=r"(value) : "m"(page[reg * 4]) : "memory");
    return value;
}

void apic_init(bool x2apic)
{
    if (!x2apic)
        page = bh_window(BH_WINDOW_SLOTS - 1, XAPIC_PAGE, BH_READ | BH_WRITE | BH_UNCACHED);
}

void apic_core_init(void)
{
    apic_write(SVR, 0x100u | BH_VECTOR_SPURIOUS);
    apic_write(TPR, 0);
    apic_write(LVT_TIMER, LVT_MASKED);
    this_core()->timer_entry = LVT_MASKED;
    this_core()->armed = 0;
    apic_write(DIVIDE, 3); /* by 16 */
}

void apic_eoi(void)
{
    apic_write(EOI, 0);
}

void apic_send(unsigned core, uint32_t command)
{
    if (!page) {
        cpu_wrmsr(MSR_X2APIC + ICR, (uint64_t)core << 32 | command);
        return;
    }
    bool were_on = bh_irq_off(); /* a handler that sends too must not come between the halves */
    apic_write(ICR_HIGH, core << 24);
    apic_write(ICR, command);
    for (unsigned tries = 0; tries < 1000 && apic_read(ICR) & ICR_PENDING; tries++)
        cpu_pause();
    bh_irq_restore(were_on);
}

/* To itself an x2APIC has a register of its own, which costs no exit (PERF-1). */
void bh_ipi(unsigned core, unsigned vector)
{
    if (!page && core == bh_core())
        cpu_wrmsr(MSR_X2APIC + SELF_IPI, vector & 255);
    else
        apic_send(core, 0x4000u | (vector & 255));
}

/* The timer's entry is written only when it changes: that is checked by the hypervisor and exits, counts do not (PERF-1). */
void apic_timer(uint64_t ns, unsigned vector, bool periodic)
{
    uint64_t khz = bh_start_info()->apic_timer_khz / 16;
    uint32_t entry = vector | (periodic ? LVT_PERIODIC : 0);

    if (ns == 0) {
        apic_write(INITIAL, 0);
        return;
    }
    if (this_core()->timer_entry != entry) {
        apic_write(LVT_TIMER, entry);
        this_core()->timer_entry = entry;
    }
    apic_write(INITIAL, (uint32_t)scale_from_ns(ns, khz, UINT32_MAX));
}
