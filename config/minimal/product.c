/* SPDX-License-Identifier: Apache-2.0 */
/* The smallest product that shows something: two unikernels, each with its core. */
#include "product.h"

const struct product product = {
    .abi = PRODUCT_ABI,
    .name = "minimal",
    .description = "Two unikernels",
    .housekeeping = "hello",
    .partitions =
        {
            {
                .name = "hello",
                .kind = IMAGE_UNIKERNEL,
                .args = "minimal",
                .cores = 1,
                .memory = MIB(16),
                .exits = {.declared = true, .xapic_per_second = 200},
            },
            {
                .name = "loop",
                .kind = IMAGE_UNIKERNEL,
                .program = "control",
                .cores = 1,
                .memory = MIB(16),
                .exits = {.declared = true, .xapic_per_second = 4000},
            },
        },
};
