/* SPDX-License-Identifier: Apache-2.0 */
/* Lives and deaths: a partition that restarts within a limit, one that does not, one that waits, and one that looks on. */
#include "product.h"

const struct product product = {
    .abi = PRODUCT_ABI,
    .name = "life",
    .description = "What the table says about crash, hang and exit",
    .housekeeping = "keeper",
    .partitions =
        {
            {.name = "keeper", .kind = IMAGE_UNIKERNEL, .program = "hello", .cores = 1, .memory = MIB(16)},
            {
                .name = "worker",
                .kind = IMAGE_UNIKERNEL,
                .program = "control",
                .cores = 1,
                .memory = MIB(16),
                .watchdog = {.period_ms = 5000, .boot_grace_ms = 15000, .action = ACTION_RESTART},
                .restart = {.limit = 3, .window_ms = 600000, .backoff_ms = 2000},
                .on_crash = ACTION_RESTART,
            },
            {
                .name = "frail",
                .kind = IMAGE_UNIKERNEL,
                .program = "control",
                .cores = 1,
                .memory = MIB(16),
                .watchdog = {.period_ms = 5000, .boot_grace_ms = 15000, .action = ACTION_STOP},
            },
            {
                .name = "spare",
                .kind = IMAGE_UNIKERNEL,
                .program = "control",
                .args = "2000",
                .cores = 1,
                .memory = MIB(16),
                .stopped_at_boot = true,
            },
        },
};
