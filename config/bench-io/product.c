/* SPDX-License-Identifier: Apache-2.0 */
/* What `make bench` reads and serves with passed devices. Linux has one core: with two it hangs under the emulator's instruction counting. */
#include "product.h"

const struct product product = {
    .abi = PRODUCT_ABI,
    .name = "bench-io",
    .description = "Figures of passed devices",
    .housekeeping = "storage",
    .partitions =
        {
            {
                .name = "linux",
                .kind = IMAGE_LINUX,
                .args = "console=ttyS0 cryptomgr.notests",
                .unpacked = true,
                .devices = {{.role = "disk0.vf1"}},
                .cores = 1,
                .memory = MIB(256),
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
                .args = "own=1 vf1=2",
                .devices = {{.role = "disk0"}},
                .cores = 1,
                .memory = MIB(16),
            },
        },
};
