/* SPDX-License-Identifier: Apache-2.0 */
/* The version after the first one of the box in ../update-linux: no Linux any more. */
#define VERSION 2
#define WORKER .name = "worker", .kind = IMAGE_UNIKERNEL, .program = "hello", .cores = 1, .memory = MIB(16)
#include "../update-linux/product.c"
