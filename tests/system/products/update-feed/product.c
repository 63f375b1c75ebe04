/* SPDX-License-Identifier: Apache-2.0 */
/* The box in ../update whose worker fetches the updates. */
#define VERSION 1
#define TEXT(x) #x
#define NUMBER(x) TEXT(x)
#define WORKER                                                                                                                     \
    .name = "worker", .kind = IMAGE_UNIKERNEL, .program = "fetch", .cores = 1, .memory = MIB(32), .devices = {{.role = "nic0"}},   \
    .restart = {.limit = 5},                                                                                                       \
    .args = "net=10.0.2.15/24,gw=10.0.2.2 feed=http://10.0.2.100/update.bundle slice=staging every=2 version=" NUMBER(VERSION)
#include "../update/product.c"
