/* SPDX-License-Identifier: Apache-2.0 */
/* The gateway with a rules file of its own, fixed addresses and a VLAN, for a peer program outside. */
#include "product.h"

const struct product product = {
    .abi = PRODUCT_ABI,
    .name = "gateway-test",
    .description = "A router in a VLAN, and a Linux on a cable",
    .housekeeping = "router",
    .partitions =
        {
            {
                .name = "linux",
                .kind = IMAGE_LINUX,
                .args = "console=ttyS0 bulkhead.ip=192.168.7.2/24,gw=192.168.7.1",
                .labels = {"office"},
                .cores = 1,
                .memory = MIB(256),
            },
            {
                .name = "router",
                .kind = IMAGE_UNIKERNEL,
                .args = "net=10.0.2.5/24,gw=10.0.2.1 net6=off cable=lan",
                .files = "rules",
                .devices = {{.role = "nic0"}},
                .labels = {"outside"},
                .cores = 1,
                .memory = MIB(32),
            },
        },
    .cables = {{.name = "lan", .ends = {{.partition = "router"}, {.partition = "linux"}}}},
};
