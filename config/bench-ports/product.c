/* SPDX-License-Identifier: Apache-2.0 */
/* What a Linux's virtio port costs its core: frames that the hypervisor copies, and doorbells of a peer that only rings. One core: with two
 * Linux hangs under the emulator's instruction counting. */
#include "product.h"

const struct product product = {
    .abi = PRODUCT_ABI,
    .name = "bench-ports",
    .description = "Figures of a virtio port under instruction counting",
    .housekeeping = "keeper",
    .partitions =
        {
            {
                .name = "linux",
                .kind = IMAGE_LINUX,
                .args = "console=ttyS0 cryptomgr.notests bulkhead.ip=10.1.0.1/24",
                .unpacked = true,
                .cores = 1,
                .memory = MIB(256),
            },
            {
                .name = "ringer",
                .kind = IMAGE_UNIKERNEL,
                .program = "pair",
                .args = "ringer",
                .cores = 1,
                .memory = MIB(8),
                .observes = {"linux"},
            },
            {.name = "keeper", .kind = IMAGE_UNIKERNEL, .program = "pair", .args = "idle", .cores = 1, .memory = MIB(4)},
        },
    .cables = {{.name = "lan", .ends = {{.partition = "ringer"}, {.partition = "linux"}}}},
};
