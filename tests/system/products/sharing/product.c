/* SPDX-License-Identifier: Apache-2.0 */
/* A disk shared out between its owner, a Linux and a test that writes and compares; beside them a web server. */
#include "product.h"

const struct product product = {
    .abi = PRODUCT_ABI,
    .name = "sharing",
    .description = "Two virtual functions of a disk under load, and a network card",
    .housekeeping = "storage",
    .partitions =
        {
            {
                .name = "linux",
                .kind = IMAGE_LINUX,
                .args = "console=ttyS0 cryptomgr.notests",
                .unpacked = true,
                .devices = {{.role = "disk0.vf1"}},
                .cores = 2,
                .memory = MIB(256),
            },
            {
                .name = "diskcheck",
                .kind = IMAGE_UNIKERNEL,
                .args = "mib=4",
                .devices = {{.role = "disk0.vf2"}},
                .cores = 1,
                .memory = MIB(16),
            },
            {
                .name = "httpd",
                .kind = IMAGE_UNIKERNEL,
                .args = "net=dhcp",
                .devices = {{.role = "nic0"}},
                .cores = 1,
                .memory = MIB(32),
            },
            {
                .name = "storage",
                .kind = IMAGE_UNIKERNEL,
                .args = "own=1 vf1=3 vf2=2",
                .devices = {{.role = "disk0"}},
                .cores = 1,
                .memory = MIB(16),
            },
        },
};
