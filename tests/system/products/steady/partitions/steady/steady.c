/* SPDX-License-Identifier: Apache-2.0 */
/* The steady state of a unikernel, for so many seconds: its periodic timer at 1 kHz and interrupts to itself, either halted between them
 * or busy. Says nothing from its first line to its last, so that every exit between them is one of the steady state, or one of the
 * CPUIDs asked for.
 *   idle SECONDS      busy SECONDS      cpuid SECONDS   busy, with ten CPUIDs */
#include <stdio.h>
#include <string.h>

#include "bh.h"
#include "cpu.h"

#define PERIOD_NS 1000000ul
#define SETTLED_NS 5000000000ul /* after which the CPUIDs come */
#define CPUIDS 10u

static volatile uint64_t ticks, selves, work;

static void on_self(struct bh_frame *frame)
{
    (void)frame;
    selves++;
}

/* Each tick sends an interrupt to its own core. */
static void on_tick(struct bh_frame *frame)
{
    (void)frame;
    ticks++;
    bh_ipi(bh_core(), BH_VECTOR_FREE);
}

static void run(const char *what, unsigned long seconds)
{
    uint64_t from = bh_now_ns(), end = from + seconds * 1000000000ul;
    unsigned due = strcmp(what, "cpuid") == 0 ? CPUIDS : 0, done = 0;
    bool idle = strcmp(what, "idle") == 0;

    ticks = selves = 0;
    printf("%s: begin\n", what);
    bh_irq_handler(BH_VECTOR_FREE, on_self);
    bh_timer_periodic(PERIOD_NS, on_tick);
    while (bh_now_ns() < end) {
        if (idle) {
            bh_irq_off();
            bh_wait(end);
            bh_irq_restore(true);
        }
        work++;
        if (done < due && bh_now_ns() > from + SETTLED_NS + done * SETTLED_NS / 10) {
            uint32_t answer[4];

            cpu_cpuid(0, 0, answer);
            done++;
        }
    }
    bh_timer_periodic(0, 0);
    printf("%s: end, %lu ticks, %lu interrupts to itself, %u CPUIDs\n", what, ticks, selves, done);
}

int main(int argc, char **argv)
{
    static const char *const kinds[] = {"idle", "busy", "cpuid"};
    char line[64], kind[16];
    unsigned long seconds;

    (void)argc;
    printf("%s: ready\n", argv[0]);
    for (;;) {
        bh_console_wait(UINT64_MAX);
        while (bh_getline(line, sizeof(line)))
            for (unsigned i = 0; i < 3; i++)
                if (sscanf(line, "%15s %lu", kind, &seconds) == 2 && strcmp(kind, kinds[i]) == 0)
                    run(kind, seconds);
    }
}
