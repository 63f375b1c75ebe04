/* SPDX-License-Identifier: Apache-2.0 */
/* The few facts we take from ACPI tables (ACPI 6.4, 5.2): cores, IO-APIC, IRQ 0's pin, PM timer; the IOMMU's table, which its back end
 * reads. No AML. */
#include "bootinfo.h"
#include "memory.h"

#define BIOS_AREA 0xe0000u
#define BIOS_AREA_END 0x100000u
#define RSDP_V1 20u
#define RSDP_V2 36u
#define HEADER 36u
#define TABLE_MAX MIB(1)
#define TABLES_MAX 256u

#define MADT_ENTRIES 44u
enum { MADT_LAPIC = 0, MADT_IOAPIC = 1, MADT_OVERRIDE = 2, MADT_LAPIC_ADDRESS = 5, MADT_X2APIC = 9 };
#define MADT_ENABLED 1u

#define FADT_PM_TIMER 76u
#define FADT_PM_TIMER_LENGTH 91u
#define FADT_X_PM_TIMER 208u
#define FADT_V3 220u /* has FADT_X_PM_TIMER */
#define SPACE_IO 1u

struct table {
    const uint8_t *bytes;
    uint32_t size;
};

static bool sum_is_zero(const uint8_t *bytes, uint32_t size)
{
    uint8_t sum = 0;

    for (uint32_t i = 0; i < size; i++)
        sum = (uint8_t)(sum + bytes[i]);
    return sum == 0;
}

/* --- RSDP -------------------------------------------------------------------------------------------------------------- */

static bool rsdp_valid(const uint8_t *rsdp, size_t size)
{
    if (size < RSDP_V1 || memcmp(rsdp, "RSD PTR ", 8) != 0 || !sum_is_zero(rsdp, RSDP_V1))
        return false;
    return rsdp[15] < 2 || (size >= RSDP_V2 && read32(rsdp + 20) == RSDP_V2 && sum_is_zero(rsdp, RSDP_V2));
}

static const uint8_t *rsdp_search(void)
{
    const uint8_t *area = boot_physical(BIOS_AREA, BIOS_AREA_END - BIOS_AREA);

    for (uint32_t at = 0; area != 0 && at + RSDP_V2 <= BIOS_AREA_END - BIOS_AREA; at += 16)
        if (rsdp_valid(area + at, RSDP_V2))
            return area + at;
    return 0;
}

/* --- tables ------------------------------------------------------------------------------------------------------------ */

static const char *table_open(uint64_t address, struct table *table)
{
    const uint8_t *header = boot_physical(address, HEADER);

    if (header == 0)
        return "ACPI-1: a table lies where it cannot be read";
    table->size = read32(header + 4);
    if (table->size < HEADER || table->size > TABLE_MAX)
        return "ACPI-1: a table's length is impossible";
    table->bytes = boot_physical(address, table->size);
    if (table->bytes == 0)
        return "ACPI-1: a table ends where it cannot be read";
    return sum_is_zero(table->bytes, table->size) ? 0 : "ACPI-1: a table's checksum is wrong";
}

static bool signature_is(const uint8_t *bytes, const char *signature)
{
    return memcmp(bytes, signature, 4) == 0;
}

/* --- MADT -------------------------------------------------------------------------------------------------------------- */

static const char *core_add(struct acpi_info *out, uint32_t apic_id, uint32_t flags)
{
    if (!(flags & MADT_ENABLED))
        return 0;
    for (uint32_t i = 0; i < out->core_count; i++)
        if (out->apic_ids[i] == apic_id)
            return 0; /* listed as local APIC and as x2APIC */
    if (out->core_count == ARRAY_SIZE(out->apic_ids))
        return "ACPI-1: more than 64 cores";
    out->apic_ids[out->core_count++] = apic_id;
    return 0;
}

static void ioapic_add(struct acpi_info *out, const uint8_t *entry)
{
    if (out->ioapic_count++ == 0) {
        out->ioapic_base = read32(entry + 4);
        out->ioapic_gsi_base = read32(entry + 8);
    }
}

static uint8_t madt_entry_size(uint8_t type)
{
    static const uint8_t size[] = {
        [MADT_LAPIC] = 8, [MADT_IOAPIC] = 12, [MADT_OVERRIDE] = 10, [MADT_LAPIC_ADDRESS] = 12, [MADT_X2APIC] = 16};

    return type < sizeof(size) && size[type] ? size[type] : 2;
}

static const char *madt_entry(const uint8_t *entry, struct acpi_info *out)
{
    switch (entry[0]) {
    case MADT_LAPIC:
        return core_add(out, entry[3], read32(entry + 4));
    case MADT_X2APIC:
        return core_add(out, read32(entry + 4), read32(entry + 8));
    case MADT_IOAPIC:
        ioapic_add(out, entry);
        return 0;
    case MADT_OVERRIDE:
        if (entry[2] == 0 && entry[3] == 0) /* ISA bus, IRQ 0 */
            out->irq0_gsi = read32(entry + 4);
        return 0;
    case MADT_LAPIC_ADDRESS:
        out->lapic_base = read64(entry + 4);
        return 0;
    default:
        return 0;
    }
}

static const char *madt_parse(const struct table *madt, struct acpi_info *out)
{
    const char *why;

    if (madt->size < MADT_ENTRIES)
        return "ACPI-1: MADT too short";
    if (out->core_count != 0)
        return "ACPI-1: two MADTs";
    out->lapic_base = read32(madt->bytes + 36);
    for (uint32_t at = MADT_ENTRIES, length; at < madt->size; at += length) {
        if (madt->size - at < 2)
            return "ACPI-1: MADT ends inside an entry";
        length = madt->bytes[at + 1];
        if (length < madt_entry_size(madt->bytes[at]) || length > madt->size - at)
            return "ACPI-1: a MADT entry's length is impossible";
        if ((why = madt_entry(madt->bytes + at, out)) != 0)
            return why;
    }
    return out->core_count ? 0 : "ACPI-1: MADT names no core";
}

/* --- FADT -------------------------------------------------------------------------------------------------------------- */

static const char *fadt_parse(const struct table *fadt, struct acpi_info *out)
{
    const uint8_t *bytes = fadt->bytes;
    uint64_t port;

    if (fadt->size <= FADT_PM_TIMER_LENGTH)
        return "ACPI-1: FADT too short";
    port = bytes[FADT_PM_TIMER_LENGTH] == 4 ? read32(bytes + FADT_PM_TIMER) : 0;
    if (fadt->size >= FADT_V3 && bytes[FADT_X_PM_TIMER] == SPACE_IO && read64(bytes + FADT_X_PM_TIMER + 4) != 0)
        port = read64(bytes + FADT_X_PM_TIMER + 4);
    if (port > UINT16_MAX - 3)
        return "ACPI-1: FADT names an impossible PM timer port";
    out->pm_timer_port = (uint32_t)port;
    return 0;
}

/* --- DMAR, IVRS -------------------------------------------------------------------------------------------------------- */

static const char *iommu_copy(const struct table *table, struct acpi_info *out)
{
    if (out->iommu_size != 0)
        return "ACPI-1: two tables of IOMMUs";
    if (table->size > sizeof(out->iommu))
        return "ACPI-1: the IOMMU's table is larger than 4 KiB";
    memcpy(out->iommu, table->bytes, table->size);
    out->iommu_size = table->size;
    return 0;
}

/* --- all --------------------------------------------------------------------------------------------------------------- */

/* Tables that nobody reads need no valid checksum. */
static const char *table_parse(uint64_t address, struct acpi_info *out, bool *has_fadt)
{
    const uint8_t *header = boot_physical(address, HEADER);
    struct table table;
    const char *why = 0;

    if (header == 0)
        return "ACPI-1: a table lies where it cannot be read";
    if (signature_is(header, "APIC"))
        return (why = table_open(address, &table)) != 0 ? why : madt_parse(&table, out);
    if (signature_is(header, "FACP")) {
        *has_fadt = true;
        return (why = table_open(address, &table)) != 0 ? why : fadt_parse(&table, out);
    }
    if (signature_is(header, "DMAR") || signature_is(header, "IVRS"))
        return (why = table_open(address, &table)) != 0 ? why : iommu_copy(&table, out);
    return 0;
}

static const char *root_open(const uint8_t *rsdp, struct table *root, unsigned *entry_size)
{
    uint64_t xsdt = rsdp[15] >= 2 ? read64(rsdp + 24) : 0;
    const char *why = table_open(xsdt ? xsdt : read32(rsdp + 16), root);

    *entry_size = xsdt ? 8 : 4;
    if (why == 0 && !signature_is(root->bytes, xsdt ? "XSDT" : "RSDT"))
        why = "ACPI-1: the RSDP does not point at an RSDT or XSDT";
    if (why == 0 && (root->size - HEADER) / *entry_size > TABLES_MAX)
        why = "ACPI-1: more than 256 tables";
    return why;
}

const char *acpi_parse(const uint8_t *rsdp, size_t rsdp_size, struct acpi_info *out)
{
    bool has_fadt = false;
    struct table root;
    unsigned step;
    const char *why;

    memset(out, 0, sizeof(*out));
    if (rsdp_size == 0 && (rsdp = rsdp_search()) == 0)
        return "ACPI-1: no RSDP, neither from the boot loader nor in the BIOS area";
    if (rsdp_size != 0 && !rsdp_valid(rsdp, rsdp_size))
        return "ACPI-1: the boot loader's RSDP is not valid";
    if ((why = root_open(rsdp, &root, &step)) != 0)
        return why;
    for (uint32_t at = HEADER; at + step <= root.size; at += step) {
        const uint8_t *entry = root.bytes + at;

        why = table_parse(step == 8 ? read64(entry) : read32(entry), out, &has_fadt);
        if (why != 0)
            return why;
    }
    if (out->core_count == 0)
        return "ACPI-1: no MADT";
    return has_fadt ? 0 : "ACPI-1: no FADT";
}
