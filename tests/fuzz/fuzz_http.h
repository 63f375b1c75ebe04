/* SPDX-License-Identifier: Apache-2.0 */
/* The libFuzzer entry point of requests. */
#ifndef FUZZ_HTTP_H
#define FUZZ_HTTP_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
