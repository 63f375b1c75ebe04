/* SPDX-License-Identifier: Apache-2.0 */
/* The portable part of the launch. */
#include "launch.h"

#include "arch.h"
#include "console.h"
#include "lifecycle.h"

#define VERSION "0.1"
#define PHASES 12u

static struct {
    const char *name;
    uint64_t ticks;
} phases[PHASES];
static unsigned phase_count;
static uint64_t phase_last;

void launch_phase(const char *name)
{
    uint64_t now = arch_ticks();

    if (phase_count == PHASES)
        return;
    phases[phase_count].name = name;
    phases[phase_count++].ticks = now - phase_last;
    phase_last = now;
}

void launch_phases(void)
{
    char line[200];
    size_t used = 0;

    for (unsigned i = 0; i < phase_count && used < sizeof(line); i++)
        used += format_text(line + used, sizeof(line) - used, " %s %lu", phases[i].name, phases[i].ticks);
    log_line("launch in ticks:%s", line);
}

void launch_begin(void)
{
    phase_last = arch_ticks();
}

void launch_banner(void)
{
    log_line("Bulkhead " VERSION ", %s image: product %s on board %s", plan.release ? "release" : "development", plan.product,
             plan.board_name);
    if (plan.board->untested)
        log_line("the board's table was made from documents: nothing has run on this machine yet");
}

bool launch_verify_payloads(void)
{
    bool good = true;

    for (unsigned i = 0; i < plan.partition_count; i++) {
        if (payload_verify(&partitions[i]))
            continue;
        log_line("refused: IMG-1: the payload of partition %s (module %s) does not have the SHA-256 of the plan; build or copy the "
                 "image again",
                 plan.partitions[i].name, plan.partitions[i].payload.module);
        good = false;
    }
    return good;
}

void launch_start_partitions(void)
{
    for (unsigned i = 0; i < plan.partition_count; i++) {
        if (plan.partitions[i].stopped_at_boot)
            log_line("partition %s: not started: its table says so", plan.partitions[i].name);
        else
            partition_start(&partitions[i]);
    }
}
