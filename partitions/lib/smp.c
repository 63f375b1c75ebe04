/* SPDX-License-Identifier: Apache-2.0 */
/* Further cores of this partition, started as on a PC: INIT, start-up interrupt, real-mode trampoline (crt0.S). */
#include <string.h>

#include "cpu.h"
#include "lib.h"

#define TRAMPOLINE 0x8000u
#define COMMAND_INIT 0x4500u
#define COMMAND_STARTUP (0x4600u | TRAMPOLINE >> 12)

extern const char bh_trampoline[], bh_trampoline_end[];
void bh_ap_start(void);

void *bh_ap_stack;                     /* read by crt0.S */
static struct core *volatile arriving; /* the core being started */

/* First C code of a further core. */
void bh_ap_start(void)
{
    struct core *core = arriving;

    paging_load();
    trap_load(core);
    apic_core_init();
    core->up = true;
    cpu_sti();
    core->work(core->work_argument);
    for (;;) {
        bh_irq_off();
        cpu_halt();
    }
}

bool bh_cpu_start(unsigned index, void (*fn)(void *), void *arg)
{
    if (index == 0 || index >= bh_start_info()->cores || index >= BH_MAX_CORES || bh_cores[index].work)
        return false;
    struct core *core = &bh_cores[index];

    core->index = index;
    core->work_argument = arg;
    core->work = fn;
    bh_ap_stack = bh_stacks[index] + STACK_STRIDE;
    arriving = core;
    memcpy((void *)(uintptr_t)TRAMPOLINE, bh_trampoline, (size_t)(bh_trampoline_end - bh_trampoline));
    apic_send(index, COMMAND_INIT);
    bh_sleep_ns(10000000);
    for (unsigned attempt = 0; attempt < 2 && !core->up; attempt++) {
        apic_send(index, COMMAND_STARTUP);
        for (unsigned ms = 0; ms < 1000 && !core->up; ms++)
            bh_sleep_ns(1000000);
    }
    if (!core->up)
        core->work = 0;
    return core->up;
}
