/* SPDX-License-Identifier: Apache-2.0 */
/* For the measurement of PERF-1: `keeper` has the console and the tick, the others have their cores for themselves. */
#include "product.h"

const struct product product = {
    .abi = PRODUCT_ABI,
    .name = "steady",
    .description = "Unikernels in their steady state, whose exits are counted",
    .housekeeping = "keeper",
    .partitions =
        {
            {.name = "keeper", .kind = IMAGE_UNIKERNEL, .program = "steady", .cores = 1, .memory = MIB(16)},
            {.name = "idle", .kind = IMAGE_UNIKERNEL, .program = "steady", .cores = 1, .memory = MIB(16)},
            {.name = "busy", .kind = IMAGE_UNIKERNEL, .program = "steady", .cores = 1, .memory = MIB(16)},
        },
};
