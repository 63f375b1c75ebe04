/* SPDX-License-Identifier: Apache-2.0 */
/* An attacker with a device that goes where it is told and one with many registers, and what it would like to hurt: a disk under load, its owner, and a witness with
 * the same device. The `edu` device has no reset: who owns one lives once. */
#include "product.h"

const struct product product = {
    .abi = PRODUCT_ABI,
    .name = "devices",
    .description = "Attacks by the owner of a device",
    .housekeeping = "witness",
    .partitions =
        {
            {
                .name = "attacker",
                .kind = IMAGE_UNIKERNEL,
                .cores = 2,
                .memory = MIB(32),
                .devices = {{.role = "edu0"}, {.role = "nic0"}},
                .restart = {.never = true},
            },
            {
                .name = "storage",
                .kind = IMAGE_UNIKERNEL,
                .args = "vf1=1",
                .cores = 1,
                .memory = MIB(32),
                .devices = {{.role = "disk0"}},
            },
            {
                .name = "load",
                .kind = IMAGE_UNIKERNEL,
                .program = "diskcheck",
                .args = "mib=1",
                .cores = 1,
                .memory = MIB(32),
                .devices = {{.role = "disk0.vf1"}},
            },
            {
                .name = "witness",
                .kind = IMAGE_UNIKERNEL,
                .cores = 1,
                .memory = MIB(32),
                .devices = {{.role = "edu1"}},
                .restart = {.never = true},
            },
        },
};
