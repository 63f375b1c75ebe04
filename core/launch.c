/* SPDX-License-Identifier: Apache-2.0 */
/* The portable part of the launch. */
#include "launch.h"

#include "arch.h"
#include "console.h"
#include "loader.h"
#include "partition.h"
#include "plan.h"

#define VERSION "0.1"

void launch_banner(void)
{
    log_line("Bulkhead " VERSION ", %s image: product %s on board %s", plan.release ? "release" : "development", plan.product,
             plan.board_name);
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
