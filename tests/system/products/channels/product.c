/* SPDX-License-Identifier: Apache-2.0 */
/* Two partitions that talk over channels, each way one for messages and one for bytes, and two that listen to what one of them makes public. */
#include "product.h"

const struct product product = {
    .abi = PRODUCT_ABI,
    .name = "channels",
    .description = "Shared memory channels: messages, streams, news",
    .housekeeping = "listener",
    .partitions =
        {
            {.name = "caller",
             .kind = IMAGE_UNIKERNEL,
             .program = "talk",
             .args = "caller",
             .cores = 1,
             .memory = MIB(8),
             .observes = {"answerer"},
             .controls = {"answerer"}},
            {.name = "answerer", .kind = IMAGE_UNIKERNEL, .program = "talk", .args = "answerer", .cores = 1, .memory = MIB(4)},
            {.name = "listener", .kind = IMAGE_UNIKERNEL, .program = "talk", .args = "listener", .cores = 1, .memory = MIB(4)},
            {.name = "other", .kind = IMAGE_UNIKERNEL, .program = "talk", .args = "listener", .cores = 1, .memory = MIB(4)},
        },
    .channels =
        {
            {.name = "call", .writer = "caller", .readers = {"answerer"}},
            {.name = "answer", .writer = "answerer", .readers = {"caller"}},
            {.name = "up", .writer = "caller", .readers = {"answerer"}, .size = 65536},
            {.name = "down", .writer = "answerer", .readers = {"caller"}, .size = 65536},
            {.name = "news", .writer = "caller", .readers = {"listener", "other"}, .size = 4096, .doorbells_per_second = 1000},
        },
};
