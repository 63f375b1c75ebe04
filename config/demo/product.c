/* SPDX-License-Identifier: Apache-2.0 */
/* The demonstration: an unmodified Debian Linux on a virtual function of the disk, beside three unikernels: the owner of its physical one,
 * a web server with the network card, and a control loop. A board without one of the devices leaves its owner without it. */
#include "product.h"

const struct product product = {
    .abi = PRODUCT_ABI,
    .name = "demo",
    .description = "Debian Linux with two cores and a disk, a 1 kHz control loop, a web server, and who shares out the disk",
    .housekeeping = "storage",
    .partitions =
        {
            {
                .name = "linux",
                .kind = IMAGE_LINUX,
                .args = "console=ttyS0 bulkhead.watchdog=10",
                .devices = {{.role = "disk0.vf1", .optional = true}},
                .cores = 2,
                .memory = MIB(512),
                .watchdog = {.period_ms = 60000, .boot_grace_ms = 180000, .action = ACTION_RESTART},
                .restart = {.limit = 5},
                .exits = {.declared = true, .per_second = 1000, .xapic_per_second = 10000},
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
                .exits = {.declared = true, .xapic_per_second = 4000},
                .on_crash = ACTION_RESTART,
            },
            {
                .name = "httpd",
                .kind = IMAGE_UNIKERNEL,
                .args = "net=dhcp",
                .files = "www",
                .devices = {{.role = "nic0", .optional = true}},
                .serves = 80,
                .observes = {"linux", "control", "storage"},
                .cores = 1,
                .memory = MIB(32),
                .watchdog = {.period_ms = 5000, .boot_grace_ms = 15000, .action = ACTION_RESTART},
                .restart = {.limit = 5},
                .exits = {.declared = true, .per_second = 10, .xapic_per_second = 10000},
                .on_crash = ACTION_RESTART,
            },
            {
                .name = "storage",
                .kind = IMAGE_UNIKERNEL,
                .args = "own=1 vf1=3",
                .devices = {{.role = "disk0", .optional = true}},
                .cores = 1,
                .memory = MIB(16),
                .watchdog = {.period_ms = 5000, .boot_grace_ms = 30000, .action = ACTION_RESTART},
                .restart = {.limit = 5},
                .exits = {.declared = true, .per_second = 10, .xapic_per_second = 10000},
                .on_crash = ACTION_RESTART,
            },
        },
};
