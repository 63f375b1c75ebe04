/* SPDX-License-Identifier: Apache-2.0 */
/* The bench: `probe` tries the walls by hand, `witness` looks on. `device` is a second probe, with a device where the board has one: the
 * `edu` device has no reset, so that this one lives once. */
#include "product.h"

const struct product product = {
    .abi = PRODUCT_ABI,
    .name = "lab",
    .description = "Probes to try the walls with, and a witness",
    .housekeeping = "witness",
    .partitions =
        {
            {
                .name = "probe",
                .kind = IMAGE_UNIKERNEL,
                .cores = 1,
                .memory = MIB(32),
                .restart = {.limit = 16},
                .on_crash = ACTION_STOP,
                .on_reboot = ACTION_RESTART,
            },
            {
                .name = "witness",
                .kind = IMAGE_UNIKERNEL,
                .cores = 1,
                .memory = MIB(32),
            },
            {
                .name = "device",
                .kind = IMAGE_UNIKERNEL,
                .program = "probe",
                .cores = 1,
                .memory = MIB(32),
                .devices = {{.role = "edu0", .optional = true}},
                .restart = {.never = true},
            },
        },
};
