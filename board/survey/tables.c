/* SPDX-License-Identifier: Apache-2.0 */
/* What the firmware's tables say beyond what a boot of ours reads of them (ACPI 6.4, 5.2; VT-d 8; AMD IOMMU 5.2): how the machine is reset
 * and switched off, its UART, its IOMMUs, and for which functions the firmware keeps memory. */
#include "memory.h"
#include "survey.h"

#define HEADER 36u
#define TABLE_MAX MIB(1)
#define SPACE_IO 1u

struct table {
    const uint8_t *bytes; /* 0: there is none */
    uint32_t size;
};

static uint16_t read16(const uint8_t *p)
{
    return (uint16_t)(p[0] | p[1] << 8);
}

static struct table table_at(uint64_t address, const char *signature)
{
    const uint8_t *header = boot_physical(address, HEADER);
    uint32_t size;

    if (header == 0 || memcmp(header, signature, 4) != 0)
        return (struct table){0, 0};
    size = read32(header + 4);
    if (size < HEADER || size > TABLE_MAX)
        return (struct table){0, 0};
    return (struct table){boot_physical(address, size), size};
}

/* acpi_parse() has been through: the root table is sound. */
static struct table table_find(const uint8_t *rsdp, const char *signature)
{
    uint64_t xsdt = rsdp[15] >= 2 ? read64(rsdp + 24) : 0;
    struct table root = table_at(xsdt ? xsdt : read32(rsdp + 16), xsdt ? "XSDT" : "RSDT"), found;
    uint32_t step = xsdt ? 8 : 4;

    for (uint32_t at = HEADER; root.bytes && at + step <= root.size; at += step) {
        found = table_at(xsdt ? read64(root.bytes + at) : read32(root.bytes + at), signature);
        if (found.bytes != 0)
            return found;
    }
    return (struct table){0, 0};
}

uint64_t survey_ecam(const uint8_t *rsdp, uint8_t *last_bus)
{
    struct table mcfg = table_find(rsdp, "MCFG");

    for (uint32_t at = 44; mcfg.bytes && at + 16 <= mcfg.size; at += 16)
        if (read16(mcfg.bytes + at + 8) == 0 && mcfg.bytes[at + 10] == 0) {
            *last_bus = mcfg.bytes[at + 11];
            return read64(mcfg.bytes + at);
        }
    return 0;
}

/* --- FADT -------------------------------------------------------------------------------------------------------------------------- */

#define FADT_PM1A 64u
#define FADT_FLAGS 112u
#define FLAG_RESET (1u << 10)
#define FADT_RESET 116u /* space, width, offset, access size, address; then the value */
#define FADT_RESET_VALUE 128u
#define FADT_X_DSDT 140u
#define FADT_X_PM1A 172u
#define FADT_V2 132u
#define FADT_V3 220u

static void reset_find(struct survey *s, const struct table *fadt)
{
    struct board *b = &s->board;
    bool said = fadt->size >= FADT_V2 && read32(fadt->bytes + FADT_FLAGS) & FLAG_RESET && fadt->bytes[FADT_RESET] == SPACE_IO;
    uint64_t port = said ? read64(fadt->bytes + FADT_RESET + 4) : 0;

    b->reset.port = port != 0 && port <= UINT16_MAX ? (uint16_t)port : 0xcf9;
    b->reset.value = b->reset.port == 0xcf9 ? 0x06 : fadt->bytes[FADT_RESET_VALUE]; /* there, 0x06 leaves memory alone */
    feature(s, "reset", "a port that resets", said ? "" : "the FADT names none; 0xcf9 is there on nearly all PCs: try it",
            "%s, 0x%x", said ? "the FADT's" : "not named", b->reset.port);
}

/* The package of \_S5: its first element is the sleep type of PM1a (ACPI 6.4, 7.4.2.6; 20.2.5 for the encoding). */
static bool sleep_type(const struct table *dsdt, uint8_t *type)
{
    for (uint32_t at = HEADER + 1; dsdt->bytes && at + 12 <= dsdt->size; at++) {
        const uint8_t *name = dsdt->bytes + at, *first;

        if (memcmp(name, "_S5_", 4) != 0 || (name[-1] != 0x08 && name[-1] != '\\') || name[4] != 0x12)
            continue;
        first = name + 5 + (name[5] >> 6) + 2; /* length of 1 to 4 bytes, number of elements */
        *type = first[0] == 0x0a ? first[1] : first[0];
        return first[0] == 0x0a ? first[1] < 8 : first[0] < 2;
    }
    return false;
}

static void poweroff_find(struct survey *s, const struct table *fadt)
{
    uint64_t port = read32(fadt->bytes + FADT_PM1A);
    struct table dsdt = table_at(read32(fadt->bytes + 40), "DSDT");
    uint8_t type = 0;

    if (fadt->size >= FADT_V3 && dsdt.bytes == 0)
        dsdt = table_at(read64(fadt->bytes + FADT_X_DSDT), "DSDT");
    if (fadt->size >= FADT_V3 && fadt->bytes[FADT_X_PM1A] == SPACE_IO && read64(fadt->bytes + FADT_X_PM1A + 4) != 0)
        port = read64(fadt->bytes + FADT_X_PM1A + 4);
    if (port != 0 && port <= UINT16_MAX && sleep_type(&dsdt, &type)) {
        s->board.poweroff.port = (uint16_t)port;
        s->board.poweroff.value = (uint16_t)(0x2000 | type << 10);
        feature(s, "power off", "wanted", "", "PM1a control 0x%x, sleep type %u", (unsigned)port, (unsigned)type);
        return;
    }
    blank(s, "poweroff", "ACPI PM1a_CNT_BLK in /proc/ioports, and the first number of _S5 in the DSDT (iasl -d)");
    feature(s, "power off", "wanted", "the machine halts instead", "PM1a control 0x%x, no sleep type", (unsigned)port);
}

/* --- UART -------------------------------------------------------------------------------------------------------------------------- */

#define UART_IER 1u
#define UART_MCR 4u
#define UART_LSR 5u

/* Bits that are always 0 in a 16550, and ones where nothing answers. Nothing is written: Linux may be using it. */
static bool uart_at(uint16_t port)
{
    return survey_port((uint16_t)(port + UART_LSR)) != 0xff && (survey_port((uint16_t)(port + UART_IER)) & 0xf0) == 0 &&
           (survey_port((uint16_t)(port + UART_MCR)) & 0xe0) == 0;
}

static uint32_t spcr_baud(uint8_t code)
{
    return code == 3 ? 9600 : code == 4 ? 19200 : code == 6 ? 57600 : 115200;
}

static void uart_find(struct survey *s, const uint8_t *rsdp)
{
    static const uint16_t usual[] = {0x3f8, 0x2f8, 0x3e8, 0x2e8};
    struct table spcr = table_find(rsdp, "SPCR");
    struct board *b = &s->board;

    if (spcr.bytes && spcr.size >= 59 && spcr.bytes[36] < 2 && spcr.bytes[40] == SPACE_IO && read64(spcr.bytes + 44) <= 0xffff) {
        b->uart.port = (uint16_t)read64(spcr.bytes + 44);
        b->uart.baud = spcr_baud(spcr.bytes[58]);
        b->uart.gsi = spcr.bytes[52] & 2 ? read32(spcr.bytes + 54) : spcr.bytes[53];
    }
    for (unsigned i = 0; i < ARRAY_SIZE(usual) && b->uart.port == 0; i++)
        if (uart_at(usual[i])) {
            b->uart.port = usual[i];
            b->uart.baud = 115200;
            b->uart.gsi = i % 2 ? 3 : 4;
        }
    feature(s, "UART", "this or a framebuffer", b->uart.port ? "" : "the console is on the screen, and nothing can be typed",
            "%s 0x%x",
            spcr.bytes     ? "SPCR"
            : b->uart.port ? "16550 at"
                           : "none at the usual ports",
            b->uart.port);
}

/* --- IOMMU: DMAR -------------------------------------------------------------------------------------------------------------------- */

#define STRUCTURES 48u /* of an IVRS, too */
#define STRUCTURE_LEAST 8u
enum { DRHD = 0, RMRR = 1 };
enum { SCOPE_ENDPOINT = 1, SCOPE_BRIDGE = 2, SCOPE_IOAPIC = 3, SCOPE_HPET = 4 };
#define BRIDGE_SECONDARY 0x19u

/* Requester ids [first, last] that one scope names: a path from a bus through bridges. */
static void scope_ids(const uint8_t *scope, uint16_t *first, uint16_t *last)
{
    uint8_t bus = scope[5];
    uint16_t id = 0;

    for (unsigned at = 6; at + 1 < scope[1]; at += 2) {
        id = (uint16_t)(bus << 8 | (scope[at] & 31) << 3 | (scope[at + 1] & 7));
        if (at + 2 < scope[1])
            bus = (uint8_t)survey_pci_read(id, BRIDGE_SECONDARY, 1);
    }
    *first = *last = id;
    if (scope[0] == SCOPE_BRIDGE) {
        *first = (uint16_t)(survey_pci_read(id, BRIDGE_SECONDARY, 1) << 8);
        *last = (uint16_t)(survey_pci_read(id, BRIDGE_SECONDARY + 1, 1) << 8 | 0xff);
    }
}

/* Step from a structure to the next: 0 at the end, or where its length is impossible. */
static const uint8_t *step(const uint8_t *table, uint32_t size, const uint8_t *at)
{
    const uint8_t *next = at == 0 ? table + STRUCTURES : at + read16(at + 2);

    return next + STRUCTURE_LEAST <= table + size && read16(next + 2) >= STRUCTURE_LEAST && read16(next + 2) <= table + size - next
               ? next
               : 0;
}

static const uint8_t *scope_step(const uint8_t *from, const uint8_t *end, const uint8_t *at)
{
    const uint8_t *next = at == 0 ? from : at + at[1];

    return next + 8 <= end && next[1] >= 8 && next[1] <= end - next ? next : 0;
}

static void unit_add(struct survey *s, uint64_t base, uint16_t function)
{
    struct board *b = &s->board;

    for (uint32_t i = 0; i < b->iommu.unit_count; i++)
        if (b->iommu.units[i] == base)
            return;
    if (b->iommu.unit_count == BOARD_MAX_IOMMUS)
        return;
    b->iommu.units[b->iommu.unit_count] = base;
    b->iommu.unit_functions[b->iommu.unit_count++] = function;
}

static void dmar(struct survey *s)
{
    const uint8_t *table = s->acpi.iommu, *scope;
    uint16_t id, last;

    s->board.iommu.kind = IOMMU_VTD;
    s->remaps_interrupts = table[37] & 1;
    for (const uint8_t *at = 0; (at = step(table, s->acpi.iommu_size, at)) != 0;) {
        if (read16(at) != DRHD || read16(at + 2) < 16)
            continue;
        unit_add(s, read64(at + 8), 0);
        for (scope = 0; (scope = scope_step(at + 16, at + read16(at + 2), scope)) != 0;) {
            scope_ids(scope, &id, &last);
            if (scope[0] == SCOPE_IOAPIC && s->board.iommu.ioapic_function == 0)
                s->board.iommu.ioapic_function = id;
            if (scope[0] == SCOPE_HPET)
                s->board.iommu.hpet_function = id;
        }
    }
}

static bool dmar_keeps(const struct survey *s, uint16_t requester)
{
    const uint8_t *table = s->acpi.iommu, *scope;
    uint16_t first, last;

    for (const uint8_t *at = 0; (at = step(table, s->acpi.iommu_size, at)) != 0;)
        for (scope = 0;
             read16(at) == RMRR && read16(at + 2) >= 24 && (scope = scope_step(at + 24, at + read16(at + 2), scope)) != 0;) {
            scope_ids(scope, &first, &last);
            if (requester >= first && requester <= last)
                return true;
        }
    return false;
}

/* --- IOMMU: IVRS -------------------------------------------------------------------------------------------------------------------- */

enum { IVHD = 0x10, IVHD_FEATURES = 0x11, IVHD_NAMES = 0x40, IVMD_ALL = 0x20, IVMD_ONE, IVMD_RANGE };
enum { ENTRY_SPECIAL = 0x48, SPECIAL_IOAPIC = 1, SPECIAL_HPET = 2 };

/* Of an IVRS: type and flags are a byte each. */
static void specials(struct survey *s, const uint8_t *block)
{
    uint32_t length = read16(block + 2), size;

    for (uint32_t at = block[0] == IVHD ? 24 : 40; at + 4 <= length; at += size) {
        const uint8_t *entry = block + at;

        size = entry[0] < 0xc0 ? 4u << (entry[0] >> 6) : at + 22 <= length ? 22u + entry[21] : length;
        if (entry[0] != ENTRY_SPECIAL || at + 8 > length)
            continue;
        if (entry[7] == SPECIAL_IOAPIC && s->board.iommu.ioapic_function == 0)
            s->board.iommu.ioapic_function = read16(entry + 5);
        if (entry[7] == SPECIAL_HPET)
            s->board.iommu.hpet_function = read16(entry + 5);
    }
}

static void ivrs(struct survey *s)
{
    s->board.iommu.kind = IOMMU_AMDVI;
    s->remaps_interrupts = true;
    for (const uint8_t *at = 0; (at = step(s->acpi.iommu, s->acpi.iommu_size, at)) != 0;)
        if (read16(at + 2) < 24)
            continue;
        else if (at[0] == IVHD || at[0] == IVHD_FEATURES || at[0] == IVHD_NAMES) {
            unit_add(s, read64(at + 8), read16(at + 4));
            specials(s, at);
        }
}

static bool ivrs_keeps(const struct survey *s, uint16_t requester)
{
    for (const uint8_t *at = 0; (at = step(s->acpi.iommu, s->acpi.iommu_size, at)) != 0;)
        if (at[0] == IVMD_ALL || (at[0] == IVMD_ONE && read16(at + 4) == requester) ||
            (at[0] == IVMD_RANGE && requester >= read16(at + 4) && requester <= read16(at + 6)))
            return true;
    return false;
}

static bool is_dmar(const struct survey *s)
{
    return s->acpi.iommu_size >= 48 && memcmp(s->acpi.iommu, "DMAR", 4) == 0;
}

bool survey_firmware_keeps(const struct survey *s, uint16_t requester)
{
    return s->acpi.iommu_size >= 48 && (is_dmar(s) ? dmar_keeps(s, requester) : ivrs_keeps(s, requester));
}

static void iommu_find(struct survey *s)
{
    if (is_dmar(s))
        dmar(s);
    else if (s->acpi.iommu_size >= 48)
        ivrs(s);
    feature(s, "IOMMU", "to give a device away",
            s->board.iommu.kind == IOMMU_NONE ? "no device can be given away: switch VT-d or AMD-Vi on in the firmware's setup"
            : !s->remaps_interrupts           ? "interrupts cannot be remapped: nothing runs with it; see the firmware's setup"
                                              : "",
            "%s, %u units",
            is_dmar(s)                          ? "VT-d"
            : s->board.iommu.kind == IOMMU_NONE ? "none"
                                                : "AMD-Vi",
            s->board.iommu.unit_count);
}

/* --- interrupts --------------------------------------------------------------------------------------------------------------------- */

static void ioapic_find(struct survey *s)
{
    struct board *b = &s->board;

    b->ioapic.base = s->acpi.ioapic_base;
    b->ioapic.gsi_base = s->acpi.ioapic_gsi_base;
    b->ioapic.pins = survey_ioapic_pins(b->ioapic.base);
    if (b->ioapic.pins == 0) {
        b->ioapic.pins = 24;
        blank(s, "ioapic", "its pins: IOAPIC[0] in dmesg after a start, GSI from 0; 24 is what most have");
        feature(s, "IO-APIC", "one", "its pins could not be counted: 24, as most have", "at 0x%lx", (unsigned long)b->ioapic.base);
    } else
        feature(s, "IO-APIC", "one", s->acpi.ioapic_count > 1 ? "the first is used" : "", "%u, at 0x%lx, %u pins",
                s->acpi.ioapic_count, (unsigned long)b->ioapic.base, b->ioapic.pins);
    b->pit.gsi = s->acpi.irq0_gsi;
    b->pm_timer_port = (uint16_t)s->acpi.pm_timer_port;
    feature(s, "PM timer", "this or an invariant TSC", b->pm_timer_port ? "" : "clocks follow the PIT", "port 0x%x",
            b->pm_timer_port);
}

void survey_tables(struct survey *s, const uint8_t *rsdp)
{
    struct table fadt = table_find(rsdp, "FACP");
    uint8_t last = 0;

    ioapic_find(s);
    if (fadt.bytes && fadt.size >= FADT_FLAGS + 4) {
        reset_find(s, &fadt);
        poweroff_find(s, &fadt);
    }
    uart_find(s, rsdp);
    iommu_find(s);
    s->board.pci.ecam = survey_ecam(rsdp, &last);
    feature(s, "configuration space", "in memory, to give a device away",
            s->board.pci.ecam ? "" : "capabilities beyond 256 bytes are not seen", "0x%lx to bus %u",
            (unsigned long)s->board.pci.ecam, (unsigned)last);
}
