/* SPDX-License-Identifier: Apache-2.0 */
/* A control loop: 1 kHz by the core's own timer, with statistics of its jitter. The watchdog is petted only while both the
 * timer handler and the main loop make progress. Commands on the console: see help. Argument: period in microseconds. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bh.h"
#include "jitter.h"

#define PET_NS 50000000ul

static struct jitter jitter;
static uint64_t period_ns = 1000000;
static volatile uint64_t last_tick, cycles;

/* The loop's body: here would stand the reading of inputs and the setting of outputs. */
static void on_tick(struct bh_frame *frame)
{
    uint64_t now = bh_now_ns();

    (void)frame;
    if (cycles > 0)
        jitter_add(&jitter, now - last_tick, period_ns);
    last_tick = now;
    cycles++;
}

static void show_stats(void)
{
    bool were_on = bh_irq_off();
    struct jitter copy = jitter;
    bh_irq_restore(were_on);

    printf("cycles %lu, interval min %lu ns, avg %lu ns, max %lu ns\n", copy.count, copy.count ? copy.min : 0,
           jitter_average(&copy), copy.max);
    for (unsigned i = 0; i < JITTER_BUCKETS; i++)
        if (copy.buckets[i] > 0)
            printf("  off by < %6lu us: %lu\n", jitter_bucket_us(i), copy.buckets[i]);
}

static void hang(void)
{
    printf("hanging\n");
    bh_irq_off();
    for (;;)
        __asm__ volatile("pause");
}

static void crash(void)
{
    static volatile uintptr_t nowhere = 8; /* page 0 is not mapped */

    printf("crashing\n");
    *(volatile uint32_t *)nowhere = 0;
}

static void command(const char *line)
{
    if (strcmp(line, "stats") == 0)
        show_stats();
    else if (strcmp(line, "hang") == 0)
        hang();
    else if (strcmp(line, "crash") == 0)
        crash();
    else if (strncmp(line, "exit", 4) == 0 && (line[4] == ' ' || line[4] == 0))
        exit(atoi(line + 4));
    else if (strcmp(line, "help") == 0)
        printf("stats   jitter of the loop since the last start\n"
               "hang    stop with interrupts off: the watchdog's business\n"
               "crash   write where nothing is mapped\n"
               "exit N  end with status N\n");
    else if (*line)
        printf("error: no command '%s'; try help\n", line);
}

int main(int argc, char **argv)
{
    char line[256];

    if (argc > 1 && atol(argv[1]) >= 100)
        period_ns = (uint64_t)atol(argv[1]) * 1000;
    printf("%s: life %lu, one cycle each %lu us, ", argv[0], bh_start_info()->lives, period_ns / 1000);
    if (bh_start_info()->watchdog_ms)
        printf("watchdog %u ms; type help\n", bh_start_info()->watchdog_ms);
    else
        printf("no watchdog; type help\n");
    bh_timer_periodic(period_ns, on_tick);
    for (uint64_t seen = 0, due = 0;;) {
        if (bh_now_ns() >= due && cycles != seen) {
            bh_watchdog_pet();
            seen = cycles;
            due = bh_now_ns() + PET_NS;
        }
        bh_console_wait(bh_now_ns() + PET_NS);
        while (bh_getline(line, sizeof(line)))
            command(line);
    }
}
