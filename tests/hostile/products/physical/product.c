/* SPDX-License-Identifier: Apache-2.0 */
/* An attacker that owns a disk's physical function, whose virtual ones are others': the capability that makes these is in its function. */
#include "product.h"

const struct product product = {
    .abi = PRODUCT_ABI,
    .name = "physical",
    .description = "Attacks by the owner of a physical function",
    .housekeeping = "witness",
    .partitions =
        {
            {
                .name = "attacker",
                .kind = IMAGE_UNIKERNEL,
                .cores = 1,
                .memory = MIB(32),
                .devices = {{.role = "disk0"}},
                .denied = {.per_second = 1000000, .action = ACTION_STOP},
                .on_iommu_fault = ACTION_STOP,
                .on_crash = ACTION_STOP,
            },
            {
                .name = "neighbour",
                .kind = IMAGE_UNIKERNEL,
                .program = "hello",
                .cores = 1,
                .memory = MIB(32),
                .devices = {{.role = "disk0.vf1"}},
            },
            {
                .name = "witness",
                .kind = IMAGE_UNIKERNEL,
                .cores = 1,
                .memory = MIB(32),
                .devices = {{.role = "disk0.vf2"}},
            },
        },
};
