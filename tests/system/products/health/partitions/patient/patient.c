/* SPDX-License-Identifier: Apache-2.0 */
/* Does to itself what it is told. An NMI gets it out of what it would not come out of.
 *   crash, exit, reboot, poweroff    each ends it      hang, halt   interrupts off, for ever
 *   spin   no sign of life           deny              100 accesses to a port that it does not have
 *   cpuid  exits and signs of life   anything else: says that it is well */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bh.h"

#define VECTOR_NMI 2
#define CPUID_NS 30000000000ul

static volatile unsigned nmis;

static void on_nmi(struct bh_frame *frame)
{
    (void)frame;
    nmis = nmis + 1;
}

static void crash(void)
{
    static volatile uintptr_t nowhere = 8; /* page 0 is not mapped */

    *(volatile uint32_t *)nowhere = 0;
}

static void wait_for_nmi(bool halted)
{
    unsigned before = nmis;
    bool were_on = bh_irq_off();

    while (nmis == before)
        if (halted)
            __asm__ volatile("hlt");
        else
            __asm__ volatile("pause");
    bh_irq_restore(were_on);
}

static void spin(void)
{
    unsigned before = nmis;

    while (nmis == before)
        ;
}

static void deny(void)
{
    for (unsigned i = 0; i < 100; i++)
        __asm__ volatile("outb %%al, $0x70" : : "a"(0));
}

static void make_exits(void)
{
    uint64_t end = bh_now_ns() + CPUID_NS;

    while (bh_now_ns() < end) {
        uint32_t a = 0, b, c = 0, d;

        __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
        bh_watchdog_pet();
    }
}

static void obey(const char *line)
{
    printf("told: %s\n", line);
    if (strcmp(line, "crash") == 0)
        crash();
    else if (strcmp(line, "exit") == 0)
        exit(3);
    else if (strcmp(line, "reboot") == 0)
        bh_end(BH_END_REBOOT, 0, 0);
    else if (strcmp(line, "poweroff") == 0)
        bh_end(BH_END_POWEROFF, 0, 0);
    else if (strcmp(line, "hang") == 0 || strcmp(line, "halt") == 0)
        wait_for_nmi(line[2] == 'l');
    else if (strcmp(line, "spin") == 0)
        spin();
    else if (strcmp(line, "deny") == 0)
        deny();
    else if (strcmp(line, "cpuid") == 0)
        make_exits();
    printf("well, %u NMIs\n", nmis);
}

int main(int argc, char **argv)
{
    char line[64];

    (void)argc;
    bh_irq_handler(VECTOR_NMI, on_nmi);
    printf("%s: life %lu\n", argv[0], bh_start_info()->lives);
    for (;;) {
        bh_watchdog_pet();
        bh_console_wait(bh_now_ns() + 200000000);
        while (bh_getline(line, sizeof(line)))
            obey(line);
    }
}
