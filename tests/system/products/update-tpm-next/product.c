/* SPDX-License-Identifier: Apache-2.0 */
/* The version after the one in ../update-tpm. Its TPM is to count from 1 to 3. */
#define VERSION 3
#define OLDEST 3
#define WITH_TPM true
#include "../update/product.c"
