/* SPDX-License-Identifier: Apache-2.0 */
/* A gateway: who owns the network card is the only one that the outside can talk to, and the Linux behind it is reached by a cable and the
 * router's rules alone. The control loop has a label that says: nothing from outside, and nobody else, may share a channel with it. */
#include "product.h"

const struct product product = {
    .abi = PRODUCT_ABI,
    .name = "gateway",
    .description = "A router between the network and a Linux on a cable, a control loop apart from both, and their supervisor",
    .housekeeping = "supervisor",
    .partitions =
        {
            {
                .name = "linux",
                .kind = IMAGE_LINUX,
                .args = "console=ttyS0 bulkhead.watchdog=10 bulkhead.ip=192.168.7.2/24,gw=192.168.7.1",
                .labels = {"office"},
                .cores = 2,
                .memory = MIB(512),
                .watchdog = {.period_ms = 60000, .boot_grace_ms = 180000, .action = ACTION_RESTART},
                .restart = {.limit = 5},
                .on_reboot = ACTION_RESTART,
                .on_poweroff = ACTION_STOP,
            },
            {
                .name = "router",
                .kind = IMAGE_UNIKERNEL,
                .args = "net=dhcp net6=off cable=lan",
                .files = "rules",
                .devices = {{.role = "nic0", .optional = true}},
                .serves = 8080, /* forwarded to the Linux, says router.rules */
                .labels = {"outside"},
                .cores = 1,
                .memory = MIB(32),
                .watchdog = {.period_ms = 5000, .boot_grace_ms = 15000, .action = ACTION_RESTART},
                .restart = {.limit = 5},
                .on_crash = ACTION_RESTART,
            },
            {
                .name = "control",
                .kind = IMAGE_UNIKERNEL,
                .labels = {"plant"},
                .cores = 1,
                .memory = MIB(16),
                .watchdog = {.period_ms = 5000, .boot_grace_ms = 15000, .action = ACTION_RESTART},
                .restart = {.limit = 5},
                .on_crash = ACTION_RESTART,
            },
            {
                .name = "supervisor",
                .kind = IMAGE_UNIKERNEL,
                .observes = {"linux", "router", "control"},
                .controls = {"linux", "router"},
                .cores = 1,
                .memory = MIB(32),
                .reads_log = true,
                .audits = true,
                .watchdog = {.period_ms = 5000, .boot_grace_ms = 15000, .action = ACTION_RESTART},
                .restart = {.limit = 5},
                .on_crash = ACTION_RESTART,
            },
        },
    .cables = {{.name = "lan", .ends = {{.partition = "router"}, {.partition = "linux"}}}},
    .conflicts =
        {
            {"outside", "plant", CONFLICT_CHANNEL},
            {"office", "plant", CONFLICT_CHANNEL},
            {"outside", "plant", CONFLICT_DEVICE},
        },
};
