/* SPDX-License-Identifier: Apache-2.0 */
/* Start the other processors by INIT-SIPI-SIPI, one at a time, each wait bounded. SDM3 9.4.4. */
#include "arch.h"
#include "core_area.h"
#include "dev.h"
#include "lapic.h"
#include "memory.h"
#include "plan.h"
#include "x86.h"

#include <stdatomic.h>

extern char ap_start[], ap_end[];
extern uint64_t ap_stack;
extern uint32_t ap_core;

#define AP_TEMPORARY_STACK 4096u
#define AP_PATIENCE_MS 2000u
#define ICR_INIT 0x4500u
#define ICR_STARTUP 0x4600u

static uint8_t temporary_stack[AP_TEMPORARY_STACK] __attribute__((aligned(16)));
static _Atomic uint32_t arrived; /* core index + 1 of the last one that came */

static void wait_us(uint64_t us)
{
    uint64_t end = arch_ticks() + us * arch_tsc_khz() / 1000;

    while (arch_ticks() < end)
        arch_pause();
}

static bool wait_arrived(unsigned core, uint64_t ms)
{
    uint64_t end = arch_ticks() + ms * arch_tsc_khz();

    while (arch_ticks() < end) {
        if (atomic_load_explicit(&arrived, memory_order_acquire) == core + 1)
            return true;
        arch_pause();
    }
    return false;
}

/* On the AP's own tables and stack. */
static void ap_arrive(void)
{
    unsigned core = THIS_CORE->index;

    desc_load();
    atomic_store_explicit(&arrived, core + 1, memory_order_release);
    core_main(core);
}

_Noreturn void ap_main(uint32_t core);
_Noreturn void ap_main(uint32_t core)
{
    write_cr3(hostmap_root(core));
    stack_switch(STACK_TOP(MAIN_STACK), ap_arrive);
}

static bool core_start(unsigned core, uint32_t low_page)
{
    uint32_t apic_id = plan.cores[core].apic_id;

    ap_core = core;
    ap_stack = (uintptr_t)temporary_stack + sizeof(temporary_stack);
    lapic_send(apic_id, ICR_INIT);
    wait_us(10000);
    for (unsigned attempt = 0; attempt < 2; attempt++) {
        lapic_send(apic_id, ICR_STARTUP | low_page >> 12);
        if (wait_arrived(core, attempt == 0 ? 200 : AP_PATIENCE_MS))
            return true;
    }
    return false;
}

unsigned smp_start(uint32_t low_page)
{
    /* The core's own map has nothing below 1 MiB, so the start page is seen through the MMIO window; it is wiped after use. */
    uint8_t *page = arch_mmio(HPA(low_page));
    unsigned failed = 0;

    memcpy(page, ap_start, (size_t)(ap_end - ap_start));
    for (unsigned core = 1; core < plan.core_count && !failed; core++)
        if (!core_start(core, low_page))
            failed = core;
    memset(page, 0, PAGE_SIZE);
    return failed;
}
