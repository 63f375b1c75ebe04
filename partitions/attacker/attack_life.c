/* SPDX-License-Identifier: Apache-2.0 */
/* AC-46, AC-09: the watchdog and the stop request. Expected: petting, or asking the hypervisor to look, as fast as possible
 * disturbs nobody and reaches only one's own watchdog; a core that halts or spins with interrupts off is still stopped by its
 * watchdog or by the console. */
#include <string.h>

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

/* The second core in real mode: its NMI handler says that it runs, and never returns. */
void attack_nmi_stay(void)
{
    static const uint8_t handler[] = {0x2e, 0xc6, 0x06, 0x80, 0x00, 0x01, 0xfa, 0xf4, 0xeb, 0xfd}; /* 0x7080 = 1; halt */
    static const uint8_t start[] = {0xfa, 0xf4, 0xeb, 0xfd};
    volatile uint8_t *said = (volatile uint8_t *)0x7080;
    uint16_t *vector = (uint16_t *)((uintptr_t)bh_window(9, 0, BH_WRITE) + 4 * 2);

    memcpy((void *)0x7000, start, sizeof(start));
    memcpy((void *)0x7010, handler, sizeof(handler));
    *said = 0;
    vector[0] = 0x10;
    vector[1] = 0x700;
    apic_send(1, 0x4500);
    bh_sleep_ns(10000000);
    apic_send(1, 0x4607);
    bh_sleep_ns(10000000);
    apic_send(1, 0x4400);
    bh_sleep_ns(100000000);
    verdict(*said == 1, "%s", *said == 1 ? "the second core stays in its NMI handler" : "no NMI");
}
