/* SPDX-License-Identifier: Apache-2.0 */
/* The ACPI tables that the planner makes for a Linux partition, read back by a small reader of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "devices.h"
#include "payload.h"
#include "pci.h"
#include "uart16550.h"

#define BASE 0xe0000u
#define ROOM 8192u

const struct board board = {.name = "test",
                            .pci_hole = 0x80000000,
                            .pci = {.window = 0xc0000000, .window_size = 0x10000000, .ports = 0xc000, .ports_size = 0x1000},
                            .functions = {{.role = "nic0"}},
                            .function_count = 1};
static const char *role; /* of the one device that Linux has, or 0 */

static struct product no_product;
static uint8_t *tables;
static size_t tables_size;

static uint32_t get16(const uint8_t *p)
{
    return p[0] | (uint32_t)p[1] << 8;
}

static uint32_t get32(const uint8_t *p)
{
    return get16(p) | get16(p + 2) << 16;
}

static uint64_t get64(const uint8_t *p)
{
    return get32(p) | (uint64_t)get32(p + 4) << 32;
}

static uint8_t sum(const uint8_t *p, size_t size)
{
    uint8_t total = 0;

    while (size-- > 0)
        total = (uint8_t)(total + *p++);
    return total;
}

static void build(uint32_t cores)
{
    struct partition_spec spec = {
        .name = "linux", .kind = IMAGE_LINUX, .cores = cores, .memory = MIB(512), .devices = {{.role = role}}};

    memset(tables, 0xee, ROOM);
    tables_size = acpi_build(tables, ROOM, BASE, &no_product, &spec, &board);
    assert_in_range(tables_size, 36 * 4, ROOM);
}

/* The table at a guest-physical address: inside the area, length and checksum right. */
static const uint8_t *table_at(uint64_t address, const char *signature)
{
    const uint8_t *table = tables + (address - BASE);

    assert_in_range(address, BASE, BASE + tables_size - 36);
    assert_int_equal(address % 16, 0);
    assert_memory_equal(table, signature, 4);
    assert_in_range(get32(table + 4), 36, BASE + tables_size - address);
    assert_int_equal(sum(table, get32(table + 4)), 0);
    return table;
}

static const uint8_t *xsdt_find(const char *signature)
{
    const uint8_t *xsdt = table_at(get64(tables + 24), "XSDT");

    for (uint32_t at = 36; at + 8 <= get32(xsdt + 4); at += 8)
        if (memcmp(tables + (get64(xsdt + at) - BASE), signature, 4) == 0)
            return table_at(get64(xsdt + at), signature);
    fail_msg("no %s", signature);
    return NULL;
}

static void rsdp_is_valid(void **state)
{
    (void)state;
    build(2);
    assert_memory_equal(tables, "RSD PTR ", 8);
    assert_int_equal(sum(tables, 20), 0);
    assert_int_equal(sum(tables, 36), 0);
    assert_int_equal(tables[15], 2);
    assert_int_equal(get32(tables + 20), 36);
    assert_int_equal(get32(table_at(get64(tables + 24), "XSDT") + 4), 36 + 2 * 8);
}

/* ACPI 6.4, 5.2.3.2: one byte-wide register in I/O space, or none at all. */
static void port_is(const uint8_t *address, uint32_t port)
{
    assert_int_equal(address[0], 1);
    assert_int_equal(address[1], 8);
    assert_int_equal(address[2], 0);
    assert_int_equal(get64(address + 4), port);
}

static void fadt_names_our_ports_only(void **state)
{
    const uint8_t *fadt;

    (void)state;
    build(2);
    fadt = xsdt_find("FACP");
    assert_int_equal(get32(fadt + 4), 276);
    assert_int_equal(get32(fadt + 112) >> 20 & 1, 1);       /* hardware-reduced */
    assert_int_equal(get32(fadt + 112) >> 19 & 1, 1);       /* APIC in physical mode */
    assert_int_equal(get32(fadt + 112) >> 10 & 1, 1);       /* reset register */
    assert_int_equal(get16(fadt + 109) & (1 << 1), 0);      /* no 8042 */
    assert_int_equal(get16(fadt + 109) & (1 << 2), 1 << 2); /* no VGA */
    assert_int_equal(get16(fadt + 109) & (1 << 5), 0);      /* an RTC */
    assert_int_equal(fadt[108], 0x32);                      /* with a century */
    port_is(fadt + 116, PORT_RESET);
    assert_int_equal(fadt[128], RESET_VALUE);
    port_is(fadt + 244, PORT_SLEEP_CONTROL);
    port_is(fadt + 256, PORT_SLEEP_STATUS);
    for (unsigned at = 46; at < 96; at++) /* SCI, SMI, PM1, PM timer, GPE blocks: none */
        assert_int_equal(fadt[at], 0);
    for (unsigned at = 148; at < 244; at++)
        assert_int_equal(fadt[at], 0);
    assert_int_equal(get64(fadt + 140), get32(fadt + 40));
    table_at(get64(fadt + 140), "DSDT");
}

static void check_madt(uint32_t cores)
{
    uint32_t seen = 0, ioapics = 0;
    const uint8_t *madt;

    build(cores);
    madt = xsdt_find("APIC");
    assert_int_equal(get32(madt + 36), 0xfee00000);
    assert_int_equal(get32(madt + 40), 0); /* no 8259 */
    for (uint32_t at = 44; at < get32(madt + 4); at += madt[at + 1]) {
        const uint8_t *entry = madt + at;

        if (entry[0] == 0) {
            assert_int_equal(entry[1], 8);
            assert_int_equal(entry[2], entry[3]);
            assert_int_equal(get32(entry + 4), 1);
            assert_true(entry[3] < 32 && !(seen >> entry[3] & 1));
            seen |= 1u << entry[3];
        } else {
            assert_int_equal(entry[0], 1);
            assert_int_equal(entry[1], 12);
            assert_true(entry[2] >= cores); /* an id that no local APIC has */
            assert_int_equal(get32(entry + 4), 0xfec00000);
            assert_int_equal(get32(entry + 8), 0);
            ioapics++;
        }
    }
    assert_int_equal(seen, cores == 32 ? UINT32_MAX : (1u << cores) - 1);
    assert_int_equal(ioapics, 1);
}

static void madt_lists_every_core_once(void **state)
{
    (void)state;
    for (uint32_t cores = 1; cores <= MAX_CORES; cores++)
        check_madt(cores);
}

/* --- AML: just enough to walk what is there (ACPI 6.4, 20.2) ------------------------------------------------------------------ */

struct aml_seen {
    unsigned s5, com1, rtc, pci;
};

/* A package length at `at`: where its contents begin and end. */
static size_t aml_package(const uint8_t *aml, size_t at, size_t end, size_t *stop)
{
    unsigned more = aml[at] >> 6;
    size_t length = more ? aml[at] & 15 : aml[at] & 63;

    for (unsigned i = 1; i <= more; i++)
        length |= (size_t)aml[at + i] << (8 * i - 4);
    assert_true(length > more && at + length <= end);
    *stop = at + length;
    return at + 1 + more;
}

/* Resources of a device: the ports and the interrupt it names. */
static void aml_resources(const uint8_t *r, size_t size, uint32_t port, uint32_t count, int gsi)
{
    size_t at = 8;

    assert_int_equal(r[0], 0x47);
    assert_int_equal(get16(r + 2), port);
    assert_int_equal(get16(r + 4), port);
    assert_int_equal(r[7], count);
    if (gsi >= 0) {
        assert_int_equal(r[at], 0x89);
        assert_int_equal(get16(r + at + 1), 6);
        assert_int_equal(r[at + 3] & 2, 2); /* edge-triggered */
        assert_int_equal(r[at + 4], 1);
        assert_int_equal(get32(r + at + 5), gsi);
        at += 9;
    }
    assert_int_equal(r[at], 0x79);
    assert_int_equal(at + 2, size);
}

/* Address space descriptor (ACPI 6.4, 6.4.3.5): fixed, no translation, [min, min + size). Returns its size. */
static size_t aml_space_is(const uint8_t *r, uint8_t type, uint32_t min, uint32_t size)
{
    bool wide = r[0] == 0x87;
    size_t step = wide ? 4 : 2;
    uint32_t numbers[5];

    assert_true(wide || r[0] == 0x88);
    assert_int_equal(get16(r + 1), 3 + 5 * step);
    assert_int_equal(r[3], type);
    assert_int_equal(r[4] & 0x0d, 0x0c); /* both ends fixed, produced for those behind */
    for (size_t i = 0; i < 5; i++)
        numbers[i] = wide ? get32(r + 6 + 4 * i) : get16(r + 6 + 2 * i);
    assert_int_equal(numbers[0], 0);
    assert_int_equal(numbers[1], min);
    assert_int_equal(numbers[2], min + size - 1);
    assert_int_equal(numbers[3], 0);
    assert_int_equal(numbers[4], size);
    return 6 + 5 * step;
}

/* What follows the name of the host bridge. */
static void aml_host_bridge_is(const uint8_t *aml, size_t at, size_t end)
{
    size_t stop, body;

    assert_memory_equal(aml + at, "\x08_HID\x0c\x41\xd0\x0a\x08", 10); /* PNP0A08: PCI Express root bridge */
    assert_memory_equal(aml + at + 10, "\x08_CID\x0c\x41\xd0\x0a\x03", 10);
    assert_memory_equal(aml + at + 20, "\x08_UID\x0a\x00", 7);
    assert_memory_equal(aml + at + 27, "\x08_CRS\x11", 6);
    body = aml_package(aml, at + 33, end, &stop);
    assert_int_equal(stop, end);
    assert_int_equal(aml[body], 0x0a);
    assert_int_equal(aml[body + 1], stop - body - 2);
    at = body + 2;
    at += aml_space_is(aml + at, 2, 0, 1); /* bus 0 and no other */
    assert_memory_equal(aml + at, "\x47\x01\xf8\x0c\xf8\x0c\x01\x08", 8);
    at += 8;
    at += aml_space_is(aml + at, 0, (uint32_t)board.pci.window, (uint32_t)board.pci.window_size);
    at += aml_space_is(aml + at, 1, board.pci.ports, board.pci.ports_size);
    assert_int_equal(aml[at], 0x79);
    assert_int_equal(at + 2, end);
}

static void aml_device(const uint8_t *aml, size_t at, size_t end, struct aml_seen *seen)
{
    bool com1 = memcmp(aml + at, "COM1", 4) == 0;
    static const uint8_t com1_id[4] = {0x41, 0xd0, 0x05, 0x01}, rtc_id[4] = {0x41, 0xd0, 0x0b, 0x00};
    size_t stop, body;

    if (memcmp(aml + at, "PCI0", 4) == 0) {
        aml_host_bridge_is(aml, at + 4, end);
        seen->pci++;
        return;
    }
    assert_memory_equal(aml + at, com1 ? "COM1" : "RTC0", 4);
    at += 4;
    assert_memory_equal(aml + at, "\x08_HID\x0c", 6);
    assert_memory_equal(aml + at + 6, com1 ? com1_id : rtc_id, 4);
    at += 10;
    assert_memory_equal(aml + at, "\x08_UID\x0a", 6);
    at += 7;
    assert_memory_equal(aml + at, "\x08_CRS\x11", 6);
    body = aml_package(aml, at + 6, end, &stop);
    assert_int_equal(stop, end);
    assert_int_equal(aml[body], 0x0a);
    assert_int_equal(aml[body + 1], stop - body - 2);
    if (com1)
        aml_resources(aml + body + 2, stop - body - 2, UART_PORT, 8, UART_PIN);
    else
        aml_resources(aml + body + 2, stop - body - 2, PORT_RTC_INDEX, 2, -1);
    seen->com1 += com1;
    seen->rtc += !com1;
}

static void aml_scope(const uint8_t *aml, size_t at, size_t end, struct aml_seen *seen)
{
    size_t stop;

    assert_memory_equal(aml + at, "_SB_", 4);
    for (at += 4; at < end; at = stop) {
        size_t body;

        assert_memory_equal(aml + at, "\x5b\x82", 2);
        body = aml_package(aml, at + 2, end, &stop);
        aml_device(aml, body, stop, seen);
    }
    assert_int_equal(at, end);
}

static void aml_objects(const uint8_t *aml, size_t at, size_t end, struct aml_seen *seen)
{
    size_t stop;

    for (; at < end; at = stop) {
        size_t body;

        if (aml[at] == 0x10) {
            body = aml_package(aml, at + 1, end, &stop);
            aml_scope(aml, body, stop, seen);
            continue;
        }
        assert_memory_equal(aml + at, "\x08_S5_\x12", 6);
        body = aml_package(aml, at + 6, end, &stop);
        assert_in_range(aml[body], 2, 4);
        assert_int_equal(aml[body + 1], 0x0a);
        assert_int_equal(aml[body + 2], SLEEP_TYPE_S5);
        seen->s5++;
    }
    assert_int_equal(at, end);
}

static void check_dsdt(unsigned bridges)
{
    struct aml_seen seen = {0};
    const uint8_t *dsdt;

    build(2);
    dsdt = table_at(get64(xsdt_find("FACP") + 140), "DSDT");
    assert_int_equal(dsdt[8], 2);
    aml_objects(dsdt, 36, get32(dsdt + 4), &seen);
    assert_int_equal(seen.s5, 1);
    assert_int_equal(seen.com1, 1);
    assert_int_equal(seen.rtc, 1);
    assert_int_equal(seen.pci, bridges);
}

static void dsdt_is_well_formed(void **state)
{
    (void)state;
    check_dsdt(0);
    role = "nic1"; /* an optional one that the board does not have */
    check_dsdt(0);
    role = "nic0";
    check_dsdt(1);
    role = NULL;
}

/* Configuration space of bus 0, for those alone who have functions. */
static void mcfg_names_one_bus(void **state)
{
    const uint8_t *mcfg;

    (void)state;
    role = "nic0";
    build(2);
    mcfg = xsdt_find("MCFG");
    role = NULL;
    assert_int_equal(get32(mcfg + 4), 60);
    assert_int_equal(get64(mcfg + 44), PLAN_ECAM);
    assert_int_equal(get64(mcfg + 52), 0); /* segment 0, from bus 0 to bus 0 */
}

/* Every size that is too small is refused, and not one byte beyond it is written (the sanitizer watches). */
static void small_buffer_is_refused(void **state)
{
    struct partition_spec spec = {.name = "linux", .kind = IMAGE_LINUX, .cores = 4, .memory = MIB(512)};
    size_t need;

    (void)state;
    build(4);
    need = tables_size;
    for (size_t size = 0; size <= need; size++) {
        uint8_t *exact = malloc(size ? size : 1);

        assert_non_null(exact);
        assert_int_equal(acpi_build(exact, size, BASE, &no_product, &spec, &board), size < need ? 0 : need);
        free(exact);
    }
    spec.cores = 0;
    assert_int_equal(acpi_build(tables, ROOM, BASE, &no_product, &spec, &board), 0);
    spec.cores = MAX_CORES + 1;
    assert_int_equal(acpi_build(tables, ROOM, BASE, &no_product, &spec, &board), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rsdp_is_valid),
        cmocka_unit_test(fadt_names_our_ports_only),
        cmocka_unit_test(madt_lists_every_core_once),
        cmocka_unit_test(dsdt_is_well_formed),
        cmocka_unit_test(mcfg_names_one_bus),
        cmocka_unit_test(small_buffer_is_refused),
    };
    int failed;

    tables = malloc(ROOM);
    if (tables == NULL)
        return 1;
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    free(tables);
    return failed;
}
