/* SPDX-License-Identifier: Apache-2.0 */
/* One unikernel, and a data partition on the disk. */
#include "product.h"

const struct product product = {
    .abi = PRODUCT_ABI,
    .name = "disk",
    .description = "A disk image with a data partition",
    .housekeeping = "hello",
    .data_size = MIB(32),
    .partitions = {{.name = "hello", .kind = IMAGE_UNIKERNEL, .cores = 1, .memory = MIB(16)}},
};
