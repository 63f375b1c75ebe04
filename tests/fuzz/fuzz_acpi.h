/* SPDX-License-Identifier: Apache-2.0 */
/* Fake physical memory for the ACPI parser. */
#ifndef FUZZ_ACPI_H
#define FUZZ_ACPI_H

#include <stddef.h>
#include <stdint.h>

struct acpi_info;

#define FUZZ_ACPI_BASE 0xe0000u /* where the BIOS area begins */

extern const uint8_t *fuzz_memory;
extern size_t fuzz_memory_size;

const char *fuzz_acpi_parse(const uint8_t *rsdp, size_t rsdp_size, struct acpi_info *info);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
