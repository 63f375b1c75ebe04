/* SPDX-License-Identifier: Apache-2.0 */
/* A box that starts from its NVMe disk and takes updates of it: its versions are the folders beside this one, which include this table. */
#include "product.h"

#ifndef VERSION
#define VERSION 1
#endif
#ifndef OLDEST
#define OLDEST 0
#endif
#ifndef STAGING
#define STAGING MIB(8)
#endif
#ifndef DATA
#define DATA MIB(16)
#endif
#ifndef ONE_MORE
#define ONE_MORE .name = 0
#endif
#ifndef WITH_TPM
#define WITH_TPM false
#endif
#ifndef WORKER
#define WORKER .name = "worker", .kind = IMAGE_UNIKERNEL, .program = "hello", .cores = 1, .memory = MIB(16)
#endif

const struct product product = {
    .abi = PRODUCT_ABI,
    .name = "update",
    .description = "A box that takes updates",
    .housekeeping = "worker",
    .data_size = DATA,
    .update = {.version = VERSION,
               .oldest = OLDEST,
               .owner = "storage",
               .staging = "staging",
               .confirm_seconds = 2,
               .give_up_seconds = 20,
               .restarts = true},
    .partitions =
        {
            {
                .name = "storage",
                .kind = IMAGE_UNIKERNEL,
                .args = "own=1",
                .devices = {{.role = "disk0"}},
                .cores = 1,
                .memory = MIB(16),
                .tpm = WITH_TPM,
                .observes = {"worker", "books"},
                .on_reboot = ACTION_RESET,
                .on_crash = ACTION_RESTART,
                .on_exit = ACTION_RESTART,
                .on_machine_check = ACTION_RESTART,
                .restart = {.limit = 10, .window_ms = 10000, .then = ACTION_RESET},
            },
            {WORKER},
            {
                .name = "books",
                .kind = IMAGE_UNIKERNEL,
                .program = "ledger",
                .args = "slice=books",
                .cores = 1,
                .memory = MIB(16),
            },
        },
    .slices =
        {
            {.name = "staging", .server = "storage", .client = "worker", .size = STAGING},
            {.name = "books", .server = "storage", .client = "books", .size = MIB(4)},
            {ONE_MORE},
        },
};
