/* SPDX-License-Identifier: Apache-2.0 */
/* Unikernels that speak when asked, on a machine without a steady tick: every byte must come out by itself. */
#include "product.h"

const struct product product = {
    .abi = PRODUCT_ABI,
    .name = "quiet",
    .description = "Unikernels and a console without a tick",
    .housekeeping = "keeper",
    .tick_off = true,
    .partitions =
        {
            {.name = "keeper", .kind = IMAGE_UNIKERNEL, .program = "talker", .cores = 1, .memory = MIB(16)},
            {
                .name = "other",
                .kind = IMAGE_UNIKERNEL,
                .program = "talker",
                .cores = 1,
                .memory = MIB(16),
                .restart = {.limit = 9, .window_ms = 10000},
                .on_crash = ACTION_RESTART,
                .denied = {.per_second = 2, .action = ACTION_STOP},
            },
            {
                .name = "slow",
                .kind = IMAGE_UNIKERNEL,
                .program = "talker",
                .cores = 1,
                .memory = MIB(16),
                .console = {.bytes_per_second = 256},
            },
        },
};
