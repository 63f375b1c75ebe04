/* SPDX-License-Identifier: Apache-2.0 */
/* A Linux with two cables to web servers, which have none to each other but through a third. */
#include "product.h"

const struct product product = {
    .abi = PRODUCT_ABI,
    .name = "ports",
    .description = "Network cables between a Linux and unikernels",
    .housekeeping = "linux",
    .partitions =
        {
            {
                .name = "linux",
                .kind = IMAGE_LINUX,
                .args = "console=ttyS0 bulkhead.ip=10.1.0.1/24 bulkhead.ip1=10.2.0.1/24",
                .cores = 2,
                .memory = MIB(256),
                .restart = {.limit = 5},
            },
            {
                .name = "web",
                .kind = IMAGE_UNIKERNEL,
                .program = "httpd",
                .args = "net=cable:lan,10.1.0.2/24",
                .cores = 1,
                .memory = MIB(32),
                .restart = {.limit = 5},
            },
            {
                .name = "other",
                .kind = IMAGE_UNIKERNEL,
                .program = "httpd",
                .args = "net=cable:wan,10.2.0.2/24",
                .cores = 1,
                .memory = MIB(32),
                .restart = {.limit = 5},
            },
        },
    .cables =
        {
            {.name = "lan", .ends = {{.partition = "linux", .mac = {0x02, 0, 0, 0, 0, 0x11}}, {.partition = "web"}}},
            {.name = "wan", .ends = {{.partition = "other"}, {.partition = "linux"}}},
        },
};
