/* SPDX-License-Identifier: Apache-2.0 */
/* The version after the first one of the box in ../update. */
#define VERSION 2
#define OLDEST 2
#include "../update/product.c"
