/* SPDX-License-Identifier: Apache-2.0 */
/* The network library and the web server on their own loopback, and files of the product. */
#include "product.h"

const struct product product = {
    .abi = PRODUCT_ABI,
    .name = "net",
    .description = "lwIP and the web server, tested without a network card",
    .housekeeping = "net",
    .partitions =
        {
            {
                .name = "net",
                .kind = IMAGE_UNIKERNEL,
                .program = "nettest",
                .args = "net=loopback",
                .files = "www",
                .cores = 1,
                .memory = MIB(32),
            },
        },
};
