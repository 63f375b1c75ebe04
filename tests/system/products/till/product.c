/* SPDX-License-Identifier: Apache-2.0 */
/* A disk whose owner serves a slice to a Linux and one to a ledger, and one who looks on. */
#include "product.h"

const struct product product = {
    .abi = PRODUCT_ABI,
    .name = "till",
    .description = "A Linux and a ledger on slices of one disk",
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
                .args = "own=1",
                .devices = {{.role = "disk0"}},
                .cores = 1,
                .memory = MIB(16),
            },
            {
                .name = "books",
                .kind = IMAGE_UNIKERNEL,
                .program = "ledger",
                .args = "slice=books",
                .cores = 1,
                .memory = MIB(16),
            },
            {
                .name = "witness",
                .kind = IMAGE_UNIKERNEL,
                .cores = 1,
                .memory = MIB(16),
            },
        },
    .slices =
        {
            {.name = "till", .server = "storage", .client = "linux", .size = MIB(16)},
            {.name = "books", .server = "storage", .client = "books", .size = MIB(4)},
        },
};
