/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as the firmware's memory. Byte 0 of the input: how the RSDP is found; the rest lies at FUZZ_ACPI_BASE. A libFuzzer
 * entry point; test_acpi.c calls it too and uses the same fake memory. */
#include "fuzz_acpi.h"

#include <stdlib.h>
#include <string.h>

#include "bootinfo.h"

#define VIEWS 1024u

const uint8_t *fuzz_memory;
size_t fuzz_memory_size;

static void *views[VIEWS];
static unsigned view_count;

/* Each view is a copy of exactly the bytes asked for, so that the sanitizer sees the first one too many. */
const void *boot_physical(uint64_t address, size_t size)
{
    uint8_t *view;

    if (!range_inside(address, size, FUZZ_ACPI_BASE, fuzz_memory_size))
        return NULL;
    if (view_count == VIEWS || (view = malloc(size)) == NULL)
        abort();
    memcpy(view, fuzz_memory + (address - FUZZ_ACPI_BASE), size);
    views[view_count++] = view;
    return view;
}

const char *fuzz_acpi_parse(const uint8_t *rsdp, size_t rsdp_size, struct acpi_info *info)
{
    const char *why = acpi_parse(rsdp, rsdp_size, info);

    while (view_count > 0)
        free(views[--view_count]);
    return why;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct acpi_info info;
    size_t rsdp_size;

    if (size < 1 + 36)
        return 0;
    fuzz_memory = data + 1;
    fuzz_memory_size = size - 1;
    rsdp_size = data[0] % 3 == 0 ? 36 : data[0] % 3 == 1 ? 20 : 0;
    if (fuzz_acpi_parse(fuzz_memory, rsdp_size, &info) != NULL)
        return 0;
    if (info.core_count == 0 || info.core_count > ARRAY_SIZE(info.apic_ids) || info.pm_timer_port > UINT16_MAX)
        abort();
    if (info.iommu_size > sizeof(info.iommu) || (info.iommu_size != 0 && read32(info.iommu + 4) != info.iommu_size))
        abort();
    for (uint32_t i = 0; i < info.core_count; i++)
        for (uint32_t j = 0; j < i; j++)
            if (info.apic_ids[i] == info.apic_ids[j])
                abort();
    return 0;
}
