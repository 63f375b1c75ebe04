/* SPDX-License-Identifier: Apache-2.0 */
/* A partition for each action: whatever befalls it, that is what follows. `other` is at the other end of a channel of each. */
#include "product.h"

/* end: it cannot go on. silent: it does not answer. survived: it could go on. */
#define PATIENT(n, end, silent, survived, ...)                                                                                     \
    {                                                                                                                              \
        .name = n, .kind = IMAGE_UNIKERNEL, .program = "patient", .cores = 1, .memory = MIB(16), .on_crash = end, .on_exit = end,  \
        .on_reboot = end, .on_poweroff = end, .on_machine_check = end, .hang_ms = 1000, .on_hang = silent,                         \
        .watchdog = {.period_ms = 5000, .boot_grace_ms = 8000, .action = silent},                                                  \
        .denied = {.per_second = 50, .action = survived},                                                                          \
        .exits = {.declared = true, .per_second = 2000, .xapic_per_second = 20000, .action = survived}, .on_peer_lost = survived,  \
        __VA_ARGS__                                                                                                                \
    }
#define OFTEN .restart = {.limit = 16, .window_ms = 600000}

const struct product product = {
    .abi = PRODUCT_ABI,
    .name = "health",
    .description = "Each event with each action",
    .housekeeping = "keeper",
    .partitions =
        {
            {.name = "keeper", .kind = IMAGE_UNIKERNEL, .program = "hello", .cores = 1, .memory = MIB(16)},
            {
                .name = "other",
                .kind = IMAGE_UNIKERNEL,
                .program = "patient",
                .cores = 1,
                .memory = MIB(16),
                .on_crash = ACTION_RESTART,
                OFTEN,
            },
            /* patients */
            PATIENT("stop", ACTION_STOP, ACTION_STOP, ACTION_STOP),
            PATIENT("restart", ACTION_RESTART, ACTION_RESTART, ACTION_RESTART, OFTEN),
            PATIENT("group", ACTION_RESTART_GROUP, ACTION_RESTART_GROUP, ACTION_RESTART_GROUP, OFTEN, .group = {"other"}),
            /* end */
        },
    .channels = {{.name = "line", .writer = "other", .readers = {"stop", "restart", "group"}}},
};
