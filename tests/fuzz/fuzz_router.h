/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FUZZ_ROUTER_H
#define FUZZ_ROUTER_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
