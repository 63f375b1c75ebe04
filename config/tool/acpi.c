/* SPDX-License-Identifier: Apache-2.0 */
/* ACPI tables of a Linux partition: hardware-reduced (no SCI, no PM timer, no 8259, no PIT), so that what the hypervisor
 * does not have is not looked for. Host code. ACPI 6.4: 5.2.5 RSDP, 5.2.8 XSDT, 5.2.9 FADT, 5.2.12 MADT, 20.2 AML.
 *
 * Order in memory: RSDP, XSDT, DSDT, FADT, MADT, each at a multiple of 16; where the partition has PCI functions, MCFG (PCI Firmware
 * Specification 3.2, 4.1.2). */
#include "devices.h"
#include "payload_file.h"
#include "pci.h"
#include "plan_ports.h"
#include "roles.h"
#include "uart16550.h"

#include <string.h>

#define SDT_HEADER 36u
#define RSDP_SIZE 36u
#define FADT_SIZE 276u
#define LAPIC_GPA 0xfee00000u
#define IOAPIC_GPA 0xfec00000u
#define SPACE_MEMORY 0u
#define SPACE_PORTS 1u
#define SPACE_BUS 2u
#define RTC_CENTURY 0x32u /* index of the century in the clock */

/* FADT, IA-PC boot architecture flags. CMOS RTC present: its bit is "absent". */
#define BOOT_LEGACY_DEVICES (1u << 0)
#define BOOT_NO_VGA (1u << 2)

/* FADT flags. */
#define FADT_WBINVD (1u << 0)
#define FADT_PROC_C1 (1u << 2)
#define FADT_NO_PWR_BUTTON (1u << 4)
#define FADT_NO_SLP_BUTTON (1u << 5)
#define FADT_NO_FIXED_RTC (1u << 6)
#define FADT_RESET_REGISTER (1u << 10)
#define FADT_APIC_PHYSICAL (1u << 19)
#define FADT_HW_REDUCED (1u << 20)

/* Where the next byte goes. Past the end bytes are counted but not stored. */
struct writer {
    uint8_t *buffer;
    size_t size, used;
    uint32_t base; /* guest-physical address of buffer */
};

static void emit8(struct writer *w, uint32_t value)
{
    if (w->used < w->size)
        w->buffer[w->used] = (uint8_t)value;
    w->used++;
}

static void emit16(struct writer *w, uint32_t value)
{
    emit8(w, value);
    emit8(w, value >> 8);
}

static void emit32(struct writer *w, uint32_t value)
{
    emit16(w, value);
    emit16(w, value >> 16);
}

static void emit64(struct writer *w, uint64_t value)
{
    emit32(w, (uint32_t)value);
    emit32(w, (uint32_t)(value >> 32));
}

static void emit_text(struct writer *w, const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++)
        emit8(w, (uint8_t)text[i]);
}

static void emit_zero_until(struct writer *w, size_t end)
{
    while (w->used < end)
        emit8(w, 0);
}

static void checksum(struct writer *w, size_t start, size_t size, size_t at)
{
    uint8_t sum = 0;

    if (start + size > w->size)
        return;
    for (size_t i = start; i < start + size; i++)
        sum = (uint8_t)(sum + w->buffer[i]);
    w->buffer[at] = (uint8_t)(w->buffer[at] - sum);
}

/* Begin a table: its header, with length and checksum still to come. */
static size_t table_begin(struct writer *w, const char *signature, uint32_t revision)
{
    size_t start;

    emit_zero_until(w, (w->used + 15) & ~(size_t)15);
    start = w->used;
    emit_text(w, signature, 4);
    emit32(w, 0);
    emit8(w, revision);
    emit8(w, 0);
    emit_text(w, "BULKHD", 6);
    emit_text(w, "BULKHEAD", 8);
    emit32(w, 1);
    emit_text(w, "BULK", 4);
    emit32(w, 1);
    return start;
}

static uint32_t table_end(struct writer *w, size_t start)
{
    if (w->used <= w->size)
        put32(w->buffer + start + 4, (uint32_t)(w->used - start));
    checksum(w, start, w->used - start, start + 9);
    return w->base + (uint32_t)start;
}

/* Generic address of one byte-wide I/O port. */
static void emit_port(struct writer *w, uint32_t port)
{
    emit8(w, 1); /* system I/O */
    emit8(w, 8);
    emit8(w, 0);
    emit8(w, 1);
    emit64(w, port);
}

static uint32_t fadt_build(struct writer *w, uint32_t dsdt)
{
    size_t start = table_begin(w, "FACP", 6);

    emit_zero_until(w, start + 40);
    emit32(w, dsdt);
    emit_zero_until(w, start + 96);
    emit16(w, 101);  /* no C2: a latency above 100 us */
    emit16(w, 1001); /* no C3: above 1,000 us */
    emit_zero_until(w, start + 108);
    emit8(w, RTC_CENTURY);
    emit16(w, BOOT_LEGACY_DEVICES | BOOT_NO_VGA); /* no 8042 */
    emit_zero_until(w, start + 112);
    emit32(w, FADT_WBINVD | FADT_PROC_C1 | FADT_NO_PWR_BUTTON | FADT_NO_SLP_BUTTON | FADT_NO_FIXED_RTC | FADT_RESET_REGISTER |
                  FADT_APIC_PHYSICAL | FADT_HW_REDUCED);
    emit_port(w, PORT_RESET);
    emit8(w, RESET_VALUE);
    emit_zero_until(w, start + 140);
    emit64(w, dsdt);
    emit_zero_until(w, start + 244);
    emit_port(w, PORT_SLEEP_CONTROL);
    emit_port(w, PORT_SLEEP_STATUS);
    emit_text(w, "BULKHEAD", 8); /* hypervisor vendor identity */
    return table_end(w, start);
}

static uint32_t madt_build(struct writer *w, uint32_t cores)
{
    size_t start = table_begin(w, "APIC", 5);

    emit32(w, LAPIC_GPA);
    emit32(w, 0); /* no pair of 8259 */
    for (uint32_t i = 0; i < cores; i++) {
        emit8(w, 0); /* local APIC: also right in x2APIC mode for ids below 255 */
        emit8(w, 8);
        emit8(w, i); /* processor UID */
        emit8(w, i);
        emit32(w, 1); /* enabled */
    }
    emit8(w, 1); /* IO-APIC */
    emit8(w, 12);
    emit8(w, cores);
    emit8(w, 0);
    emit32(w, IOAPIC_GPA);
    emit32(w, 0); /* its pins are GSI 0 to 23; identity, so no override is needed */
    return table_end(w, start);
}

/* AML: a package length counts its own bytes; always written in the two-byte form (up to 4,095). */
static size_t aml_open(struct writer *w)
{
    emit16(w, 0);
    return w->used - 2;
}

static void aml_close(struct writer *w, size_t at)
{
    size_t length = w->used - at;

    if (w->used > w->size)
        return;
    w->buffer[at] = (uint8_t)(0x40 | (length & 0x0f));
    w->buffer[at + 1] = (uint8_t)(length >> 4);
}

static void aml_name(struct writer *w, const char *name)
{
    emit8(w, 0x08);
    emit_text(w, name, 4);
}

static void aml_byte(struct writer *w, uint32_t value)
{
    emit8(w, 0x0a);
    emit8(w, value);
}

/* "PNPnnnn" compressed: three letters of 5 bits and 16 bits, most significant byte first (ACPI 6.4, 19.3.4). */
static void aml_pnp(struct writer *w, uint32_t number)
{
    uint32_t letters = ('P' - 0x40u) << 10 | ('N' - 0x40u) << 5 | ('P' - 0x40u);

    emit8(w, 0x0c);
    emit8(w, letters >> 8);
    emit8(w, letters);
    emit8(w, number >> 8);
    emit8(w, number);
}

/* A device with `count` ports and, unless negative, an edge-triggered active-high exclusive interrupt. */
static void aml_device(struct writer *w, const char *name, uint32_t pnp, uint32_t port, uint32_t count, int gsi)
{
    size_t device, buffer;

    emit16(w, 0x825b);
    device = aml_open(w);
    emit_text(w, name, 4);
    aml_name(w, "_HID");
    aml_pnp(w, pnp);
    aml_name(w, "_UID");
    aml_byte(w, 0);
    aml_name(w, "_CRS");
    emit8(w, 0x11);
    buffer = aml_open(w);
    aml_byte(w, gsi < 0 ? 10 : 19);
    emit8(w, 0x47); /* I/O ports, 16-bit decode */
    emit8(w, 1);
    emit16(w, port);
    emit16(w, port);
    emit8(w, 1);
    emit8(w, count);
    if (gsi >= 0) {
        emit8(w, 0x89); /* extended interrupt: consumer, edge, active high, exclusive */
        emit16(w, 6);
        emit8(w, 0x03);
        emit8(w, 1);
        emit32(w, (uint32_t)gsi);
    }
    emit16(w, 0x0079); /* end tag, checksum not used */
    aml_close(w, buffer);
    aml_close(w, device);
}

/* Address space descriptor of the host bridge: it passes [min, min + size) on (ACPI 6.4, 6.4.3.5). `width` of each number: 16 or 32 bits. */
static void aml_space(struct writer *w, uint32_t type, uint32_t flags, uint32_t width, uint32_t min, uint32_t size)
{
    const uint32_t numbers[] = {0, min, min + size - 1, 0, size}; /* granularity, minimum, maximum, translation, length */

    emit8(w, width == 16 ? 0x88 : 0x87);
    emit16(w, width == 16 ? 13 : 23);
    emit8(w, type);
    emit8(w, 0x0c); /* minimum and maximum are fixed */
    emit8(w, flags);
    for (unsigned i = 0; i < ARRAY_SIZE(numbers); i++)
        width == 16 ? emit16(w, numbers[i]) : emit32(w, numbers[i]);
}

/* Bus 0 and the windows in which the partition's BARs lie. No interrupt pins, so no routing: devices send messages. */
static void aml_host_bridge(struct writer *w, const struct board *machine, bool ports)
{
    size_t device, buffer;

    emit16(w, 0x825b);
    device = aml_open(w);
    emit_text(w, "PCI0", 4);
    aml_name(w, "_HID");
    aml_pnp(w, 0x0a08);
    aml_name(w, "_CID");
    aml_pnp(w, 0x0a03);
    aml_name(w, "_UID");
    aml_byte(w, 0);
    aml_name(w, "_CRS");
    emit8(w, 0x11);
    buffer = aml_open(w);
    aml_byte(w, 16 + 8 + (machine->pci.window_size ? 26 : 0) + (machine->pci.ports_size ? 16 : 0) + (ports ? 26 + 16 : 0) + 2);
    aml_space(w, SPACE_BUS, 0, 16, 0, 1);
    emit8(w, 0x47); /* the ports of configuration space are its own */
    emit8(w, 1);
    emit16(w, PORT_PCI_ADDRESS);
    emit16(w, PORT_PCI_ADDRESS);
    emit8(w, 1);
    emit8(w, 8);
    if (machine->pci.window_size)
        aml_space(w, SPACE_MEMORY, 1, 32, (uint32_t)machine->pci.window,
                  (uint32_t)machine->pci.window_size); /* 1: read and write */
    if (machine->pci.ports_size)
        aml_space(w, SPACE_PORTS, 3, 16, machine->pci.ports, machine->pci.ports_size); /* 3: all of it, no aliases */
    if (ports) {                                                                       /* of virtio ports */
        aml_space(w, SPACE_MEMORY, 1, 32, PLAN_PORT_MSIX, PORTS_MAX * PAGE_SIZE);
        aml_space(w, SPACE_PORTS, 3, 16, ports_base(machine), PORTS_SIZE);
    }
    emit16(w, 0x0079);
    aml_close(w, buffer);
    aml_close(w, device);
}

static uint32_t dsdt_build(struct writer *w, const struct board *machine, bool pci, bool ports)
{
    size_t start = table_begin(w, "DSDT", 2), package, scope;

    aml_name(w, "_S5_");
    emit8(w, 0x12);
    package = aml_open(w);
    emit8(w, 4);
    aml_byte(w, SLEEP_TYPE_S5);
    aml_byte(w, 0);
    aml_byte(w, 0);
    aml_byte(w, 0);
    aml_close(w, package);
    emit8(w, 0x10);
    scope = aml_open(w);
    emit_text(w, "_SB_", 4);
    aml_device(w, "COM1", 0x0501, UART_PORT, 8, (int)UART_PIN);
    aml_device(w, "RTC0", 0x0b00, PORT_RTC_INDEX, 2, -1);
    if (pci)
        aml_host_bridge(w, machine, ports);
    aml_close(w, scope);
    return table_end(w, start);
}

static uint32_t mcfg_build(struct writer *w)
{
    size_t start = table_begin(w, "MCFG", 1);

    emit64(w, 0);
    emit64(w, PLAN_ECAM);
    emit64(w, 0); /* segment 0, bus 0 to bus 0 */
    return table_end(w, start);
}

static void rsdp_fill(struct writer *w, uint32_t xsdt)
{
    memcpy(w->buffer, "RSD PTR ", 8);
    memcpy(w->buffer + 9, "BULKHD", 6);
    w->buffer[15] = 2;
    put32(w->buffer + 20, RSDP_SIZE);
    put64(w->buffer + 24, xsdt);
    checksum(w, 0, 20, 8);
    checksum(w, 0, RSDP_SIZE, 32);
}

size_t acpi_build(uint8_t *buffer, size_t size, uint32_t base, const struct product *product, const struct partition_spec *spec,
                  const struct board *machine)
{
    struct writer w = {buffer, size, RSDP_SIZE, base};
    bool ports = ports_of(product, spec) != 0, pci = ports || partition_has_devices(spec, machine);
    size_t xsdt, xsdt_size = SDT_HEADER + (pci ? 24 : 16);
    uint32_t tables[3], dsdt;

    if (size < RSDP_SIZE || spec->cores == 0 || spec->cores > MAX_CORES)
        return 0;
    memset(buffer, 0, size);
    xsdt = table_begin(&w, "XSDT", 1);
    emit_zero_until(&w, xsdt + xsdt_size);
    dsdt = dsdt_build(&w, machine, pci, ports);
    tables[0] = fadt_build(&w, dsdt);
    tables[1] = madt_build(&w, spec->cores);
    tables[2] = pci ? mcfg_build(&w) : 0;
    if (w.used > size)
        return 0;
    for (size_t i = 0; i < (xsdt_size - SDT_HEADER) / 8; i++)
        put64(buffer + xsdt + SDT_HEADER + 8 * i, tables[i]);
    put32(buffer + xsdt + 4, (uint32_t)xsdt_size);
    checksum(&w, xsdt, xsdt_size, xsdt + 9);
    rsdp_fill(&w, base + (uint32_t)xsdt);
    return w.used;
}
