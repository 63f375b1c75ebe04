/* SPDX-License-Identifier: Apache-2.0 */
/* A partition that attacks, one that it would like to hurt, and a witness. For the tests. */
#include "product.h"

const struct product product = {
    .abi = PRODUCT_ABI,
    .name = "hostile",
    .description = "Attacker, victim and witness",
    .housekeeping = "witness",
    .partitions =
        {
            {
                .name = "attacker",
                .kind = IMAGE_UNIKERNEL,
                .cores = 2,
                .memory = MIB(32),
                .restart = {.limit = 16},
                .on_exit = ACTION_STOP,
                .on_crash = ACTION_STOP,
                .on_reboot = ACTION_RESTART,
            },
            {
                .name = "victim",
                .kind = IMAGE_UNIKERNEL,
                .cores = 1,
                .memory = MIB(32),
                .watchdog = {.period_ms = 10000, .boot_grace_ms = 30000, .action = ACTION_STOP},
            },
            {
                .name = "witness",
                .kind = IMAGE_UNIKERNEL,
                .cores = 1,
                .memory = MIB(32),
                .watchdog = {.period_ms = 10000, .boot_grace_ms = 30000, .action = ACTION_STOP},
            },
        },
};
