/* SPDX-License-Identifier: Apache-2.0 */
/* The box in ../update whose updates a Linux brings: it finds them in a slice of its own, which the test fills. Slots of 32 MiB. */
#define STAGING MIB(40)
#define DATA MIB(96)
#define ONE_MORE .name = "inbox", .server = "storage", .client = "worker", .size = MIB(40)
#ifndef WORKER
#define WORKER                                                                                                                     \
    .name = "worker", .kind = IMAGE_LINUX, .args = "console=ttyS0", .cores = 1, .memory = MIB(256), .restart = {.limit = 5}
#endif
#include "../update/product.c"
