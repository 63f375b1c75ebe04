/* SPDX-License-Identifier: Apache-2.0 */
/* A box whose disk a Linux owns, which takes the updates. */
#include "product.h"

#ifndef VERSION
#define VERSION 1
#endif

const struct product product = {
    .abi = PRODUCT_ABI,
    .name = "owner",
    .description = "A Linux that takes updates",
    .housekeeping = "keeper",
    .data_size = MIB(32),
    .update = {.version = VERSION, .oldest = VERSION, .owner = "linux"},
    .partitions =
        {
            {
                .name = "linux",
                .kind = IMAGE_LINUX,
                .args = "console=ttyS0",
                .devices = {{.role = "disk0"}},
                .cores = 2,
                .memory = MIB(256),
                .on_reboot = ACTION_RESET,
            },
            {.name = "keeper", .kind = IMAGE_UNIKERNEL, .program = "hello", .cores = 1, .memory = MIB(16)},
        },
};
