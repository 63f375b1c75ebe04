/* SPDX-License-Identifier: Apache-2.0 */
/* What channels cost: messages, a stream, a cable and a slice between two unikernels, and what a partition that floods costs one that has nothing to do with it
 * and the housekeeping core. */
#include "product.h"

const struct product product = {
    .abi = PRODUCT_ABI,
    .name = "bench-channels",
    .description = "Figures of channels under instruction counting",
    .housekeeping = "keeper",
    .partitions =
        {
            {.name = "caller",
             .kind = IMAGE_UNIKERNEL,
             .program = "pair",
             .args = "caller",
             .cores = 1,
             .memory = MIB(8),
             .observes = {"answerer", "third", "keeper"}},
            {.name = "answerer",
             .kind = IMAGE_UNIKERNEL,
             .program = "pair",
             .args = "answerer",
             .devices = {{.role = "disk0"}}, /* or it could serve no slice; it leaves it alone */
             .cores = 1,
             .memory = MIB(8)},
            {.name = "third", .kind = IMAGE_UNIKERNEL, .program = "pair", .args = "idle", .cores = 1, .memory = MIB(4)},
            {.name = "keeper", .kind = IMAGE_UNIKERNEL, .program = "pair", .args = "idle", .cores = 1, .memory = MIB(4)},
        },
    .channels =
        {
            {.name = "call", .writer = "caller", .readers = {"answerer"}},
            {.name = "answer", .writer = "answerer", .readers = {"caller"}},
            {.name = "up", .writer = "caller", .readers = {"answerer"}, .size = 65536},
            {.name = "down", .writer = "answerer", .readers = {"caller"}, .size = 65536},
        },
    .cables = {{.name = "lan", .ends = {{.partition = "caller"}, {.partition = "answerer"}}}},
    .slices = {{.name = "part", .server = "answerer", .client = "caller", .size = MIB(1)}},
};
