/* SPDX-License-Identifier: Apache-2.0 */
/* The libFuzzer entry point of a TPM's answers. */
#ifndef FUZZ_TPM_H
#define FUZZ_TPM_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
