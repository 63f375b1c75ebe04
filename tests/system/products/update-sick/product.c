/* SPDX-License-Identifier: Apache-2.0 */
/* A version of the box in ../update that never comes to work: its worker gives no sign of life, and stays stopped. */
#define VERSION 3
#define WORKER                                                                                                                     \
    .name = "worker", .kind = IMAGE_UNIKERNEL, .program = "hello", .cores = 1, .memory = MIB(16),                                  \
    .watchdog = {.period_ms = 100, .boot_grace_ms = 100, .action = ACTION_STOP}
#include "../update/product.c"
