/* SPDX-License-Identifier: Apache-2.0 */
/* A web server that owns the board's network card, and may see how one of two others is. */
#include "product.h"

const struct product product = {
    .abi = PRODUCT_ABI,
    .name = "web",
    .description = "httpd with the network card",
    .housekeeping = "httpd",
    .partitions =
        {
            {
                .name = "httpd",
                .kind = IMAGE_UNIKERNEL,
                .args = "net=dhcp",
                .files = "www",
                .devices = {{.role = "nic0"}},
                .cores = 1,
                .memory = MIB(32),
                .watchdog = {.period_ms = 5000, .boot_grace_ms = 15000, .action = ACTION_RESTART},
                .restart = {.limit = 5},
                .observes = {"seen"},
            },
            {
                .name = "seen",
                .kind = IMAGE_UNIKERNEL,
                .program = "hello",
                .cores = 1,
                .memory = MIB(16),
                .restart = {.limit = 5},
            },
            {
                .name = "unseen",
                .kind = IMAGE_UNIKERNEL,
                .program = "hello",
                .cores = 1,
                .memory = MIB(16),
            },
        },
};
