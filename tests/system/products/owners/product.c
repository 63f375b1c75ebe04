/* SPDX-License-Identifier: Apache-2.0 */
/* The owner of a disk, that of a virtual function of it under load, and one who has nothing to do with either and looks on. */
#include "product.h"

const struct product product = {
    .abi = PRODUCT_ABI,
    .name = "owners",
    .description = "A disk with a virtual function under load",
    .housekeeping = "witness",
    .partitions =
        {
            {
                .name = "storage",
                .kind = IMAGE_UNIKERNEL,
                .args = "own=1 vf1=2",
                .devices = {{.role = "disk0"}},
                .cores = 1,
                .memory = MIB(16),
            },
            {
                .name = "diskcheck",
                .kind = IMAGE_UNIKERNEL,
                .args = "mib=4",
                .devices = {{.role = "disk0.vf1"}},
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
};
