/* SPDX-License-Identifier: Apache-2.0 */
/* What is kept for those who come after a crash: one that crashes and stays stopped, one that reads what is left, one that may not be read. */
#include "product.h"

const struct product product = {
    .abi = PRODUCT_ABI,
    .name = "records",
    .description = "Dumps, and the record of the boot before",
    .housekeeping = "keeper",
    .partitions =
        {
            {.name = "keeper", .kind = IMAGE_UNIKERNEL, .program = "hello", .cores = 1, .memory = MIB(16)},
            {.name = "frail", .kind = IMAGE_UNIKERNEL, .program = "control", .args = "2000", .cores = 1, .memory = MIB(16)},
            {
                .name = "supervisor",
                .kind = IMAGE_UNIKERNEL,
                .cores = 1,
                .memory = MIB(16),
                .observes = {"keeper", "frail"},
                .controls = {"frail"},
                .dumps = {"frail"},
                .reads_log = true,
                .watchdog = {.period_ms = 5000, .boot_grace_ms = 15000},
            },
        },
};
