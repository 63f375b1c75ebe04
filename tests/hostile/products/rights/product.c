/* SPDX-License-Identifier: Apache-2.0 */
/* An attacker that may look at two others and order nothing. Denied accesses are only logged, so that it can go on. */
#include "product.h"

const struct product product = {
    .abi = PRODUCT_ABI,
    .name = "rights",
    .description = "Attacks by one that may observe others",
    .housekeeping = "witness",
    .partitions =
        {
            {
                .name = "attacker",
                .kind = IMAGE_UNIKERNEL,
                .cores = 2,
                .memory = MIB(32),
                .observes = {"victim", "witness"},
                .denied = {.per_second = 1000, .action = ACTION_LOG},
                .restart = {.limit = 16},
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
