/* SPDX-License-Identifier: Apache-2.0 */
/* Devices of a board that says unsafe_dma: a web server with the network card and the probe with one that reads what it is told to. */
#include "product.h"

const struct product product = {
    .abi = PRODUCT_ABI,
    .name = "unsafe",
    .description = "Devices without an IOMMU",
    .housekeeping = "httpd",
    .partitions =
        {
            {
                .name = "httpd",
                .kind = IMAGE_UNIKERNEL,
                .args = "net=dhcp",
                .devices = {{.role = "nic0"}},
                .cores = 1,
                .memory = MIB(32),
            },
            {
                .name = "probe",
                .kind = IMAGE_UNIKERNEL,
                .devices = {{.role = "edu0"}},
                .cores = 1,
                .memory = MIB(32),
                .restart = {.never = true},
            },
        },
};
