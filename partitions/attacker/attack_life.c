/* SPDX-License-Identifier: Apache-2.0 */
/* AC-46, AC-09: the watchdog and the stop request. Expected: petting, or asking the hypervisor to look, as fast as possible
 * disturbs nobody and reaches only one's own watchdog; a core that halts or spins with interrupts off is still stopped by its
 * watchdog or by the console. */
#include "attack.h"
#include "lib.h"

#define PETS 20000000u
#define CALLS 50000u /* to wake the core that looks at all partitions, which is a neighbour's */

/* Also the hypervisor's words beside it: a partition has no index by which it could name another's watchdog. */
void attack_watchdog_pets(void)
{
    volatile struct bh_shared *shared = shared_words();

    for (uint32_t i = 0; i < PETS; i++)
        shared->heartbeat = i * 0x9e3779b9u;
    for (unsigned i = 0; i < 13; i++)
        shared->pad0[i] = ~0u;
    for (unsigned i = 0; i < 14; i++)
        shared->pad1[i] = ~0u;
    for (unsigned i = sizeof(*shared); i < 4096; i += 4)
        *(volatile uint32_t *)((uintptr_t)shared + i) = ~0u;
    for (unsigned i = 0; i < 16; i++) { /* another kind of partition's watchdog */
        cpu_out8(0x443, (uint8_t)i);
        cpu_out8(0x441, (uint8_t)i);
    }
    uint64_t start = bh_now_ns();
    for (unsigned i = 0; i < CALLS; i++)
        bh_call(BH_CALL_CONSOLE, i, 0, 0);
    verdict(true, "alive after %u pets, %u calls in %" PRIu64 " ms", PETS, CALLS, (bh_now_ns() - start) / 1000000);
}

void attack_halt(void)
{
    for (;;)
        __asm__ volatile("cli\n\thlt");
}

void attack_spin(void)
{
    __asm__ volatile("cli\n1:\tjmp 1b");
}
