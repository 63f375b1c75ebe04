/* SPDX-License-Identifier: Apache-2.0 */
/* Accesses to a partition's interrupt controllers. */
#ifndef FUZZ_APIC_H
#define FUZZ_APIC_H

#include <stddef.h>
#include <stdint.h>

extern unsigned fuzz_apic_sent; /* interrupts, of all inputs */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
