/* SPDX-License-Identifier: Apache-2.0 */
/* The version after the first one of the box in ../update-owner. */
#define VERSION 2
#include "../update-owner/product.c"
