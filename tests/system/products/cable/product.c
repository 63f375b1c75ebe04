/* SPDX-License-Identifier: Apache-2.0 */
/* Two unikernels on one cable: one fetches from the other. */
#include "product.h"

const struct product product = {
    .abi = PRODUCT_ABI,
    .name = "cable",
    .description = "A cable between two unikernels",
    .housekeeping = "reader",
    .partitions =
        {
            {
                .name = "reader",
                .kind = IMAGE_UNIKERNEL,
                .program = "nettest",
                .args = "net=cable:lan,10.1.0.1/24 from=10.1.0.2",
                .cores = 1,
                .memory = MIB(32),
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
        },
    .cables = {{.name = "lan", .ends = {{.partition = "web"}, {.partition = "reader"}}}},
};
