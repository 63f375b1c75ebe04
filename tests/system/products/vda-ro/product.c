/* SPDX-License-Identifier: Apache-2.0 */
/* The same file system as in vda, on a slice that may only be read. */
#include "product.h"

const struct product product = {
    .abi = PRODUCT_ABI,
    .name = "vda-ro",
    .description = "Linux on a slice to read",
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
    .slices = {{.name = "root", .server = "storage", .client = "linux", .size = MIB(192), .read_only = true}},
};
