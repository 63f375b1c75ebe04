/* SPDX-License-Identifier: Apache-2.0 */
/* The libFuzzer entry point of slices. */
#ifndef FUZZ_SLICE_H
#define FUZZ_SLICE_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
