/* SPDX-License-Identifier: Apache-2.0 */
/* The unikernel library's own tests: on two cores, and one run that overflows its stack. */
#include "product.h"

const struct product product = {
    .abi = PRODUCT_ABI,
    .name = "selftest",
    .description = "The unikernel library tested from inside",
    .housekeeping = "keeper",
    .partitions =
        {
            {.name = "library", .kind = IMAGE_UNIKERNEL, .program = "libtest", .cores = 2, .memory = MIB(32)},
            {.name = "overflow", .kind = IMAGE_UNIKERNEL, .program = "libtest", .args = "overflow", .cores = 1, .memory = MIB(16)},
            {.name = "keeper", .kind = IMAGE_UNIKERNEL, .program = "hello", .cores = 1, .memory = MIB(16)},
        },
};
