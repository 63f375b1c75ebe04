/* SPDX-License-Identifier: Apache-2.0 */
/* A Linux whose disk is a slice with a file system, and one who looks on. */
#include "product.h"

const struct product product = {
    .abi = PRODUCT_ABI,
    .name = "vda",
    .description = "Linux on a slice",
    .housekeeping = "witness",
    .partitions =
        {
            {
                .name = "linux",
                .kind = IMAGE_LINUX,
                .args = "console=ttyS0",
                .cores = 1,
                .memory = MIB(256),
                .restart = {.limit = 5},
            },
            {
                .name = "storage",
                .kind = IMAGE_UNIKERNEL,
                .args = "own=3",
                .devices = {{.role = "disk0"}},
                .cores = 1,
                .memory = MIB(16),
                .on_exit = ACTION_RESTART,
                .restart = {.limit = 10, .window_ms = 10000},
            },
            {
                .name = "witness",
                .kind = IMAGE_UNIKERNEL,
                .cores = 1,
                .memory = MIB(16),
            },
        },
    .slices = {{.name = "root", .server = "storage", .client = "linux", .size = MIB(192)}},
};
