/* SPDX-License-Identifier: Apache-2.0 */
/* A bad driver of virtio ports (tests/hostile/rogue) and a bad peer, the attacker, on one cable and one slice; an honest web server at the
 * other cable of the bad driver. Denied accesses are only logged, so that it can go on. */
#include "product.h"

const struct product product = {
    .abi = PRODUCT_ABI,
    .name = "rogue",
    .description = "Attacks at both ends of a cable",
    .housekeeping = "witness",
    .partitions =
        {
            {
                .name = "rogue",
                .kind = IMAGE_LINUX,
                .kernel = "../../../../build/rogue/rogue.elf",
                .cores = 1,
                .memory = MIB(128),
                .denied = {.per_second = 1000, .action = ACTION_LOG},
                .restart = {.limit = 16},
            },
            {
                .name = "attacker",
                .kind = IMAGE_UNIKERNEL,
                .devices = {{.role = "disk0"}},
                .cores = 1,
                .memory = MIB(32),
                .on_exit = ACTION_RESTART,
                .restart = {.limit = 16},
            },
            {
                .name = "web",
                .kind = IMAGE_UNIKERNEL,
                .program = "httpd",
                .args = "net=cable:lan,10.1.0.2/24",
                .cores = 1,
                .memory = MIB(32),
            },
            {
                .name = "victim",
                .kind = IMAGE_UNIKERNEL,
                .cores = 1,
                .memory = MIB(32),
                .watchdog = {.period_ms = 10000, .boot_grace_ms = 30000, .action = ACTION_STOP},
            },
            {
                .name = "witness",
                .kind = IMAGE_UNIKERNEL,
                .cores = 1,
                .memory = MIB(32),
                .watchdog = {.period_ms = 10000, .boot_grace_ms = 30000, .action = ACTION_STOP},
            },
        },
    .channels = {{.name = "bell", .writer = "attacker", .readers = {"web"}, .doorbells_per_second = 1000}},
    .cables =
        {
            {.name = "bad", .ends = {{.partition = "rogue"}, {.partition = "attacker"}}},
            {.name = "lan", .ends = {{.partition = "rogue"}, {.partition = "web"}}},
        },
    .slices = {{.name = "trap", .server = "attacker", .client = "rogue", .size = MIB(1)}},
};
