/* SPDX-License-Identifier: Apache-2.0 */
/* A Linux with a short watchdog, which may not reboot. Its kernel is unpacked on the host and entered by PVH. */
#include "product.h"

const struct product product = {
    .abi = PRODUCT_ABI,
    .name = "penguin",
    .description = "Linux watched closely",
    .housekeeping = "keeper",
    .partitions =
        {
            {
                .name = "penguin",
                .kind = IMAGE_LINUX,
                .args = "console=ttyS0 bulkhead.watchdog=2",
                .unpacked = true,
                .cores = 2,
                .memory = MIB(256),
                .watchdog = {.period_ms = 15000, .boot_grace_ms = 180000, .action = ACTION_RESTART},
                .restart = {.limit = 5},
                .on_reboot = ACTION_STOP,
            },
            {.name = "keeper", .kind = IMAGE_UNIKERNEL, .program = "hello", .cores = 1, .memory = MIB(16)},
        },
};
