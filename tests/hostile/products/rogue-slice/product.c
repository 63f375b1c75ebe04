/* SPDX-License-Identifier: Apache-2.0 */
/* A bad driver of a virtio disk (tests/hostile/rogue), which is a slice of a disk that a ledger has one of too. */
#include "product.h"

const struct product product = {
    .abi = PRODUCT_ABI,
    .name = "rogue-slice",
    .description = "Attacks by a client of a slice",
    .housekeeping = "witness",
    .partitions =
        {
            {
                .name = "rogue",
                .kind = IMAGE_LINUX,
                .kernel = "../../../../build/rogue/rogue.elf",
                .cores = 1,
                .memory = MIB(128),
                .denied = {.per_second = 1000, .action = ACTION_LOG},
                .restart = {.limit = 16},
            },
            {
                .name = "storage",
                .kind = IMAGE_UNIKERNEL,
                .args = "own=1",
                .devices = {{.role = "disk0"}},
                .cores = 1,
                .memory = MIB(16),
                .on_exit = ACTION_RESTART,
                .restart = {.limit = 10},
            },
            {.name = "books", .kind = IMAGE_UNIKERNEL, .program = "ledger", .args = "slice=books", .cores = 1, .memory = MIB(16)},
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
    .slices =
        {
            {.name = "loot", .server = "storage", .client = "rogue", .size = MIB(1)},
            {.name = "books", .server = "storage", .client = "books", .size = MIB(1)},
        },
};
