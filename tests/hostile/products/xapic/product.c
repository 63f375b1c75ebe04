/* SPDX-License-Identifier: Apache-2.0 */
/* An attacker whose local APIC is the memory-mapped one, which is decoded and emulated; victim and witness. */
#include "product.h"

const struct product product = {
    .abi = PRODUCT_ABI,
    .name = "xapic",
    .description = "Attacks through the local APIC's page",
    .housekeeping = "witness",
    .partitions =
        {
            {.name = "attacker", .kind = IMAGE_UNIKERNEL, .cores = 2, .memory = MIB(32), .apic = APIC_XAPIC},
            {.name = "victim", .kind = IMAGE_UNIKERNEL, .cores = 1, .memory = MIB(32)},
            {.name = "witness", .kind = IMAGE_UNIKERNEL, .cores = 1, .memory = MIB(32)},
        },
};
