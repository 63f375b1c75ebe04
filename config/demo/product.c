/* SPDX-License-Identifier: Apache-2.0 */
/* The demonstration: an unmodified Debian Linux beside two unikernels, which share nothing. */
#include "product.h"

const struct product product = {
    .abi = PRODUCT_ABI,
    .name = "demo",
    .description = "Debian Linux with two cores, a 1 kHz control loop, and hello",
    .housekeeping = "hello",
    .partitions =
        {
            {
                .name = "linux",
                .kind = IMAGE_LINUX,
                .args = "console=ttyS0 bulkhead.watchdog=10",
                .cores = 2,
                .memory = MIB(512),
                .watchdog = {.period_ms = 60000, .boot_grace_ms = 180000, .action = ACTION_RESTART},
                .restart = {.limit = 5},
                .on_reboot = ACTION_RESTART,
                .on_poweroff = ACTION_STOP,
            },
            {
                .name = "control",
                .kind = IMAGE_UNIKERNEL,
                .cores = 1,
                .memory = MIB(16),
                .watchdog = {.period_ms = 5000, .boot_grace_ms = 15000, .action = ACTION_RESTART},
                .restart = {.limit = 5},
                .on_crash = ACTION_RESTART,
            },
            {
                .name = "hello",
                .kind = IMAGE_UNIKERNEL,
                .args = "world",
                .cores = 1,
                .memory = MIB(16),
            },
        },
};
