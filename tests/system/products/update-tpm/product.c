/* SPDX-License-Identifier: Apache-2.0 */
/* The box in ../update, whose disk has an owner with the TPM. */
#define WITH_TPM true
#include "../update/product.c"
