/* SPDX-License-Identifier: Apache-2.0 */
/* What `make bench` measures: round trips by one unikernel alone, restarts of the other by phase. No Linux: with two cores it
 * hangs under the emulator's instruction counting. */
#include "product.h"

const struct product product = {
    .abi = PRODUCT_ABI,
    .name = "bench",
    .description = "Figures under instruction counting",
    .housekeeping = "control",
    .partitions =
        {
            {
                .name = "bench",
                .kind = IMAGE_UNIKERNEL,
                .devices = {{.role = "nic0", .optional = true}},
                .cores = 1,
                .memory = MIB(16),
            },
            {
                .name = "control",
                .kind = IMAGE_UNIKERNEL,
                .cores = 1,
                .memory = MIB(16),
                .watchdog = {.period_ms = 5000, .boot_grace_ms = 15000, .action = ACTION_RESTART},
                .restart = {.limit = 5},
                .on_crash = ACTION_RESTART,
                .stopped_at_boot = true, /* started by hand, so that it does not load while the other one is measured */
            },
        },
};
