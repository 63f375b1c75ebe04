/* SPDX-License-Identifier: Apache-2.0 */
/* Attackers that halt, spin and pet, each with a watchdog of another kind, and a witness. */
#include "product.h"

const struct product product = {
    .abi = PRODUCT_ABI,
    .name = "watchdogs",
    .description = "What a partition can do to its watchdog, and to others by it",
    .housekeeping = "witness",
    .partitions =
        {
            {
                .name = "halts",
                .kind = IMAGE_UNIKERNEL,
                .program = "attacker",
                .cores = 1,
                .memory = MIB(16),
                .watchdog = {.period_ms = 5000, .boot_grace_ms = 15000, .action = ACTION_STOP},
            },
            {
                .name = "spins",
                .kind = IMAGE_UNIKERNEL,
                .program = "attacker",
                .cores = 1,
                .memory = MIB(16),
                .watchdog = {.period_ms = 5000, .boot_grace_ms = 15000, .action = ACTION_RESTART},
                .restart = {.limit = 2, .window_ms = 600000, .backoff_ms = 1000},
            },
            {
                .name = "pets",
                .kind = IMAGE_UNIKERNEL,
                .program = "attacker",
                .cores = 1,
                .memory = MIB(16),
                .watchdog = {.period_ms = 5000, .boot_grace_ms = 15000, .action = ACTION_STOP},
                .denied = {.per_second = 50, .action = ACTION_STOP},
            },
            {
                .name = "witness",
                .kind = IMAGE_UNIKERNEL,
                .cores = 1,
                .memory = MIB(16),
                .watchdog = {.period_ms = 10000, .boot_grace_ms = 30000, .action = ACTION_STOP},
            },
        },
};
