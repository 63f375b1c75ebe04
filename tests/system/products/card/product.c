/* SPDX-License-Identifier: Apache-2.0 */
/* The probe with a network card, whose registers can also be reached through ports. */
#include "product.h"

const struct product product = {
    .abi = PRODUCT_ABI,
    .name = "card",
    .description = "The probe with a function that has ports, and a witness",
    .housekeeping = "witness",
    .partitions =
        {
            {
                .name = "probe",
                .kind = IMAGE_UNIKERNEL,
                .devices = {{.role = "nic0"}},
                .cores = 1,
                .memory = MIB(32),
            },
            {
                .name = "witness",
                .kind = IMAGE_UNIKERNEL,
                .devices = {{.role = "edu0"}},
                .cores = 1,
                .memory = MIB(32),
                .restart = {.never = true},
            },
        },
};
