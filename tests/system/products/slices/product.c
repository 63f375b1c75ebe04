/* SPDX-License-Identifier: Apache-2.0 */
/* A disk whose owner serves slices of it to two ledgers, and one who looks on. */
#include "product.h"

const struct product product = {
    .abi = PRODUCT_ABI,
    .name = "slices",
    .description = "Slices of a disk",
    .housekeeping = "witness",
    .partitions =
        {
            {
                .name = "storage",
                .kind = IMAGE_UNIKERNEL,
                .args = "own=1",
                .devices = {{.role = "disk0"}},
                .cores = 1,
                .memory = MIB(16),
                .on_exit = ACTION_RESTART,
                .restart = {.limit = 10, .window_ms = 10000},
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
                .name = "tills",
                .kind = IMAGE_UNIKERNEL,
                .program = "ledger",
                .args = "slice=tills",
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
            {.name = "books", .server = "storage", .client = "books", .size = MIB(4)},
            {.name = "tills", .server = "storage", .client = "tills", .size = MIB(4)},
            {.name = "prices", .server = "storage", .client = "tills", .size = MIB(1), .read_only = true},
        },
};
