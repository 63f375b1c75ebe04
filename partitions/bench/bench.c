/* SPDX-License-Identifier: Apache-2.0 */
/* Round trips through the hypervisor, measured from inside. Under `-icount shift=0` one tick of the TSC is one instruction, so
 * the figures repeat exactly. One line of JSON per figure. */
#include <stdio.h>

#include "bh.h"
#include "cpu.h"

#define ROUNDS 10000u

static void nothing(void)
{
    __asm__ volatile("" ::: "memory");
}

static void null_hypercall(void)
{
    bh_call(BH_CALL_VERSION, 0, 0, 0);
}

static void cpuid_exit(void)
{
    uint32_t out[4];

    cpu_cpuid(1, 0, out);
}

static void port_denied(void)
{
    cpu_in8(0x80); /* no partition has it: reads ones */
}

static uint64_t ticks_of(void (*fn)(void))
{
    uint64_t start = bh_tsc();

    for (unsigned i = 0; i < ROUNDS; i++)
        fn();
    return bh_tsc() - start;
}

static void measure(const char *name, void (*fn)(void))
{
    bool were_on = bh_irq_off();
    uint64_t base = ticks_of(nothing), all = ticks_of(fn);

    bh_irq_restore(were_on);
    uint64_t net = all > base ? all - base : 0;
    printf("{\"bench\": \"%s\", \"rounds\": %u, \"ticks_per_round\": %lu.%02lu}\n", name, ROUNDS, net / ROUNDS,
           net % ROUNDS * 100 / ROUNDS);
}

int main(void)
{
    measure("null_hypercall", null_hypercall);
    measure("cpuid_exit", cpuid_exit);
    measure("denied_port", port_denied);
    printf("{\"bench\": \"end\"}\n");
    for (;;) {
        bh_watchdog_pet();
        bh_sleep_ns(500000000);
    }
}
