/* SPDX-License-Identifier: Apache-2.0 */
/* A web server that owns the board's network card. */
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
            },
        },
};
