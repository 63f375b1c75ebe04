/* SPDX-License-Identifier: Apache-2.0 */
/* An attacker with a virtual function of a disk whose other functions are at work. Its table lets no other denied access end it, so that
 * what stops it are the IOMMU's faults. */
#include "product.h"

const struct product product = {
    .abi = PRODUCT_ABI,
    .name = "disks",
    .description = "Attacks by the owner of a virtual function",
    .housekeeping = "witness",
    .partitions =
        {
            {
                .name = "attacker",
                .kind = IMAGE_UNIKERNEL,
                .cores = 1,
                .memory = MIB(32),
                .devices = {{.role = "disk0.vf2"}},
                .restart = {.limit = 16},
                .denied = {.per_second = 1000000, .action = ACTION_STOP},
                .on_iommu_fault = ACTION_STOP,
                .on_exit = ACTION_STOP,
                .on_crash = ACTION_STOP,
                .on_reboot = ACTION_RESTART,
            },
            {
                .name = "storage",
                .kind = IMAGE_UNIKERNEL,
                .args = "vf1=1 vf2=2",
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
            },
        },
};
