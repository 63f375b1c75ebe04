/* SPDX-License-Identifier: Apache-2.0 */
/* A product with an operator: the supervisor sees all others, controls two of them, and asks for audits. */
#include "product.h"

const struct product product = {
    .abi = PRODUCT_ABI,
    .name = "ops",
    .description = "A control loop, an echo that may be stopped, one that may only be looked at, and their supervisor",
    .housekeeping = "supervisor",
    .partitions =
        {
            {
                .name = "supervisor",
                .kind = IMAGE_UNIKERNEL,
                .args = "net=dhcp",
                .devices = {{.role = "nic0", .optional = true}},
                .serves = 80,
                .cores = 1,
                .memory = MIB(32),
                .observes = {"control", "hello", "guarded"},
                .controls = {"control", "hello"},
                .dumps = {"control"},
                .reads_log = true,
                .audits = true,
                .watchdog = {.period_ms = 5000, .boot_grace_ms = 15000, .action = ACTION_RESTART},
                .restart = {.limit = 5},
                .on_crash = ACTION_RESTART,
            },
            {
                .name = "control",
                .kind = IMAGE_UNIKERNEL,
                .cores = 1,
                .memory = MIB(16),
                .watchdog = {.period_ms = 2000, .boot_grace_ms = 15000, .action = ACTION_RESTART},
                .restart = {.limit = 5},
                .on_crash = ACTION_RESTART,
            },
            {
                .name = "hello",
                .kind = IMAGE_UNIKERNEL,
                .cores = 1,
                .memory = MIB(16),
            },
            {
                .name = "guarded",
                .kind = IMAGE_UNIKERNEL,
                .program = "control",
                .trace = true, /* from its start on; who only observes it may read that, and not switch it */
                .cores = 1,
                .memory = MIB(16),
            },
        },
};
