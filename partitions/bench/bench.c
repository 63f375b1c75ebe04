/* SPDX-License-Identifier: Apache-2.0 */
/* Round trips through the hypervisor, measured from inside. Under `-icount shift=0` one tick of the TSC is one instruction, so
 * the figures repeat exactly. One line of JSON per figure. */
#include <stdio.h>

#include "bh.h"
#include "cpu.h"

#define ROUNDS 1000u
#define BATCHES 20u

/* ROUNDS times the instruction alone, so that the guest's share of a round is what the empty loop costs. */
#define LOOP(name, instruction)                                                                                                    \
    static uint64_t name(void)                                                                                                     \
    {                                                                                                                              \
        uint64_t start = bh_tsc();                                                                                                 \
                                                                                                                                   \
        for (unsigned i = 0; i < ROUNDS; i++) {                                                                                    \
            uint64_t a = 0, c = 0;                                                                                                 \
                                                                                                                                   \
            __asm__ volatile(instruction : "+a"(a), "+c"(c) : : "rbx", "rdx", "memory");                                           \
        }                                                                                                                          \
        return bh_tsc() - start;                                                                                                   \
    }

LOOP(empty, "")
LOOP(null_hypercall_amd, "vmmcall")
LOOP(null_hypercall_intel, "vmcall")
LOOP(cpuid_exit, "cpuid")
LOOP(port_denied, "inb $0x80, %%al")

/* The best of several batches: what else the machine does is in the others. */
static void measure(const char *name, uint64_t (*loop)(void))
{
    uint64_t best = UINT64_MAX;

    for (unsigned batch = 0; batch < BATCHES; batch++) {
        bool were_on = bh_irq_off();
        uint64_t base = empty(), all = loop();

        bh_irq_restore(were_on);
        if (all > base && all - base < best)
            best = all - base;
    }
    printf("{\"bench\": \"%s\", \"rounds\": %u, \"ticks_per_round\": %lu.%02lu}\n", name, ROUNDS, best / ROUNDS,
           best % ROUNDS * 100 / ROUNDS);
}

int main(void)
{
    /* From the boot loader's hand-over to this partition's first instructions. */
    printf("{\"entered_after\": %lu}\n", bh_entry_tsc - bh_start_info()->tsc_base);
    measure("null_hypercall", cpu_is_intel() ? null_hypercall_intel : null_hypercall_amd);
    measure("cpuid_exit", cpuid_exit);
    measure("denied_port", port_denied);
    printf("{\"bench\": \"end\"}\n");
    for (;;) {
        bh_watchdog_pet();
        bh_sleep_ns(500000000);
    }
}
