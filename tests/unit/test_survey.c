/* SPDX-License-Identifier: Apache-2.0 */
/* The board survey's decoders on machines that no emulator here is: groups, resets, what firmware keeps, memory of UEFI, lying tables. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../board/survey/survey.h"
#include "pci_parts.h"
#include "x86.h"

#define ARENA 0x10000u

static uint8_t arena[ARENA];
static struct survey s;
static struct {
    uint16_t requester;
    uint8_t space[4096];
    struct board_bar bars[6];
} functions[70];
static unsigned function_count, ports_there, vfs_switches;
static bool vfs_possible, msr_readable;
static char printed[65536];
static size_t printed_size;

/* --- the fake machine ------------------------------------------------------------------------------------------------------ */

const void *boot_physical(uint64_t address, size_t size)
{
    return address != 0 && range_inside(address, size, 0, ARENA) ? arena + address : 0;
}

static uint8_t *space_of(uint16_t requester)
{
    for (unsigned i = 0; i < function_count; i++)
        if (functions[i].requester == requester)
            return functions[i].space;
    return 0;
}

uint32_t survey_pci_read(uint16_t requester, unsigned offset, unsigned size)
{
    uint32_t value = UINT32_MAX;

    assert_true(offset + size <= 4096);
    if (space_of(requester))
        memcpy(&value, space_of(requester) + offset, size);
    return size == 4 ? value : value & ((1u << 8 * size) - 1);
}

void survey_pci_bars(uint16_t requester, unsigned at, unsigned count, struct board_bar *bars)
{
    for (unsigned i = 0; i < function_count; i++)
        if (functions[i].requester == requester && at == PCI_BARS)
            memcpy(bars, functions[i].bars, count * sizeof(*bars));
}

bool survey_vfs_on(uint16_t requester, unsigned capability, unsigned total)
{
    (void)requester;
    (void)capability;
    vfs_switches += vfs_possible ? total : 0;
    return vfs_possible;
}

void survey_vfs_off(uint16_t requester, unsigned capability)
{
    (void)requester;
    (void)capability;
    vfs_switches = 0;
}

bool survey_msr(uint32_t msr, uint64_t *value)
{
    (void)msr;
    *value = 0;
    return msr_readable;
}

uint8_t survey_port(uint16_t port)
{
    return ports_there && port >= ports_there && port < ports_there + 8 ? 0 : 0xff;
}

uint32_t survey_ioapic_pins(uint64_t base)
{
    return base ? 24 : 0;
}

void survey_put(char c)
{
    if (printed_size + 1 < sizeof(printed))
        printed[printed_size++] = c;
}

/* --- making it ---------------------------------------------------------------------------------------------------------------- */

static int setup(void **state)
{
    (void)state;
    memset(arena, 0, sizeof(arena));
    memset(&s, 0, sizeof(s));
    memset(functions, 0, sizeof(functions));
    memset(printed, 0, sizeof(printed));
    function_count = ports_there = vfs_switches = 0;
    vfs_possible = msr_readable = false;
    printed_size = 0;
    fake_x86_reset();
    return 0;
}

static void put(uint8_t *at, uint64_t value, unsigned size)
{
    memcpy(at, &value, size);
}

static uint8_t *function_add(unsigned bus, unsigned device, unsigned function, uint32_t class_code)
{
    uint8_t *space = functions[function_count].space;

    functions[function_count++].requester = pci_requester(bus, device, function);
    put(space + PCI_ID, 0x12348086, 4);
    put(space + PCI_CLASS, class_code << 8, 4);
    return space;
}

static void express(uint8_t *space, bool flr)
{
    put(space + PCI_STATUS, STATUS_CAPABILITIES, 2);
    space[PCI_CAPABILITIES] = 0x40;
    space[0x40] = CAP_EXPRESS;
    put(space + 0x40 + DEVICE_CAPS, flr ? DEVICE_CAPS_FLR : 0, 4);
}

static uint8_t *bridge_add(unsigned bus, unsigned device, unsigned function, unsigned secondary, unsigned last, unsigned acs)
{
    uint8_t *space = function_add(bus, device, function, 0x060400);

    space[PCI_HEADER] = HEADER_BRIDGE;
    space[BRIDGE_BUSES + 1] = (uint8_t)secondary;
    space[BRIDGE_BUSES + 2] = (uint8_t)last;
    put(space + 0x100, EXT_ACS & 0xffff, 4);
    put(space + 0x100 + ACS_CAPS, acs, 2);
    return space;
}

static const struct board_function *found(unsigned bus, unsigned device, unsigned function)
{
    for (uint32_t i = 0; i < s.board.function_count; i++)
        if (s.board.functions[i].bus == bus && s.board.functions[i].device == device && s.board.functions[i].function == function)
            return &s.board.functions[i];
    fail();
    return 0;
}

static uint8_t *table_add(const char *signature, unsigned at, unsigned size)
{
    uint8_t *xsdt = arena + 0x100;
    uint32_t length = read32(xsdt + 4);

    memcpy(xsdt, "XSDT", 4);
    length = length ? length : 36;
    put(xsdt + length, at, 8);
    put(xsdt + 4, length + 8, 4);
    memcpy(arena + at, signature, 4);
    put(arena + at + 4, size, 4);
    arena[0x40 + 15] = 2;
    put(arena + 0x40 + 24, 0x100, 8);
    return arena + at;
}

static void map_add(uint64_t base, uint64_t size, uint32_t type)
{
    s.map[s.map_count++] = (struct boot_range){base, size, type};
}

static const char *row_of(const char *name)
{
    for (uint32_t i = 0; i < s.feature_count; i++)
        if (strcmp(s.features[i].name, name) == 0)
            return s.features[i].consequence;
    fail();
    return 0;
}

static bool is_blank(const char *field)
{
    for (uint32_t i = 0; i < s.blank_count; i++)
        if (strcmp(s.board.blanks[i].field, field) == 0)
            return true;
    return false;
}

/* --- functions ------------------------------------------------------------------------------------------------------------------ */

static void what_is_behind_a_bridge_without_acs_is_one_group(void **state)
{
    (void)state;
    bridge_add(0, 1, 0, 1, 1, 0x1d);
    bridge_add(0, 2, 0, 2, 4, 0x1c); /* no source validation */
    function_add(1, 0, 0, 0x020000);
    bridge_add(2, 0, 0, 3, 3, 0x1d);
    bridge_add(2, 1, 0, 4, 4, 0x1d);
    function_add(3, 0, 0, 0x020000);
    function_add(4, 0, 0, 0x010802);
    survey_functions(&s);
    assert_int_equal(s.board.pci.last_bus, 4);
    assert_true(found(0, 1, 0)->bridge.acs);
    assert_false(found(0, 2, 0)->bridge.acs);
    assert_int_equal(found(3, 0, 0)->group, found(4, 0, 0)->group);
    assert_int_not_equal(found(1, 0, 0)->group, found(3, 0, 0)->group);
    assert_int_not_equal(found(1, 0, 0)->group, 0);
    assert_string_equal(found(1, 0, 0)->role, "nic0");
    assert_string_equal(found(3, 0, 0)->role, "nic1");
    assert_string_equal(found(4, 0, 0)->role, "disk0");
}

static void functions_of_a_device_are_one_group_and_the_chipset_has_no_role(void **state)
{
    (void)state;
    function_add(0, 3, 0, 0x020000);
    function_add(0, 3, 1, 0x088000); /* nobody gets it, yet it is in the group */
    function_add(0, 0x1f, 0, 0x060100);
    function_add(0, 0x1f, 2, 0x010601);
    survey_functions(&s);
    assert_int_equal(found(0, 3, 0)->group, 1);
    assert_int_equal(found(0, 3, 1)->group, 1);
    assert_null(found(0, 3, 1)->role);
    assert_null(found(0, 0x1f, 2)->role);
    assert_int_equal(found(0, 0x1f, 2)->group, 0);
}

static void resets_by_what_the_function_says(void **state)
{
    uint8_t *pm;

    (void)state;
    bridge_add(0, 1, 0, 1, 1, 0x1d);
    express(function_add(0, 3, 0, 0x020000), true);
    express(function_add(0, 4, 0, 0x020000), false);
    pm = function_add(0, 5, 0, 0x020000);
    put(pm + PCI_STATUS, STATUS_CAPABILITIES, 2);
    pm[PCI_CAPABILITIES] = 0x40;
    pm[0x40] = CAP_PM;
    express(function_add(1, 0, 0, 0x020000), false);
    survey_functions(&s);
    assert_int_equal(found(0, 3, 0)->reset.kind, RESET_FLR);
    assert_int_equal(found(0, 4, 0)->reset.kind, RESET_NONE);
    assert_int_equal(found(0, 5, 0)->reset.kind, RESET_PM);
    assert_int_equal(found(1, 0, 0)->reset.kind, RESET_BUS);
}

static void two_below_a_bridge_are_not_reset_by_it(void **state)
{
    (void)state;
    bridge_add(0, 1, 0, 1, 2, 0x1d);
    function_add(1, 0, 0, 0x020000);
    function_add(1, 1, 0, 0x020000);
    survey_functions(&s);
    assert_int_equal(found(1, 0, 0)->reset.kind, RESET_NONE);
}

static void virtual_functions_are_looked_at_while_they_are_on_or_stay_blank(void **state)
{
    uint8_t *pf = function_add(1, 0, 0, 0x010802), *vf;

    (void)state;
    put(pf + 0x100, EXT_SRIOV & 0xffff, 4);
    put(pf + 0x100 + SRIOV_TOTAL, 4, 2);
    put(pf + 0x100 + SRIOV_PLACES, 0x00010008, 4);
    put(pf + 0x100 + SRIOV_ID, 0x77, 2);
    survey_functions(&s);
    assert_int_equal(found(1, 0, 0)->vf.total, 4);
    assert_true(is_blank("functions"));
    vf = function_add(1, 1, 0, 0xffffff);
    put(vf + PCI_ID, 0xffffffff, 4);
    express(vf, true);
    memset(&s, 0, sizeof(s));
    vfs_possible = true;
    survey_functions(&s);
    assert_false(is_blank("functions"));
    assert_int_equal(s.board.function_count, 1); /* virtual ones are not listed */
    assert_int_equal(found(1, 0, 0)->vf.offset, 8);
    assert_int_equal(found(1, 0, 0)->vf.stride, 1);
    assert_int_equal(found(1, 0, 0)->vf.id, 0x77);
    assert_int_equal(found(1, 0, 0)->vf.reset, RESET_FLR);
    assert_true(found(1, 0, 0)->vf.needs_owner);
    assert_int_equal(vfs_switches, 0);
}

static void a_chain_that_does_not_end_ends(void **state)
{
    uint8_t *space = function_add(0, 3, 0, 0x020000);

    (void)state;
    put(space + PCI_STATUS, STATUS_CAPABILITIES, 2);
    space[PCI_CAPABILITIES] = 0x40;
    put(space + 0x40, 0x4009, 2);
    put(space + 0x100, 0x10010003, 4);
    survey_functions(&s);
    assert_int_equal(found(0, 3, 0)->msix.vectors, 0);
}

static enum board_watchdog watchdog_of(uint32_t id, uint32_t class_code, uint8_t revision, unsigned device, unsigned function)
{
    uint8_t *space;

    setup(0);
    space = function_add(0, device, function, class_code);
    put(space + PCI_ID, id, 4);
    space[PCI_CLASS] = revision;
    survey_functions(&s);
    if (s.board.watchdog.kind != WATCHDOG_NONE)
        assert_int_equal(s.board.watchdog.device << 3 | s.board.watchdog.function, device << 3 | function);
    return s.board.watchdog.kind;
}

static void watchdogs_that_we_can_drive(void **state)
{
    uint8_t *space;

    (void)state;
    assert_int_equal(watchdog_of(0x25ab8086, 0x088000, 0, 5, 0), WATCHDOG_I6300ESB);
    assert_int_equal(watchdog_of(0x29188086, 0x060100, 2, 31, 0), WATCHDOG_ITCO);
    assert_int_equal(watchdog_of(0x29308086, 0x0c0500, 2, 31, 3), WATCHDOG_NONE);    /* its SMBus controller */
    assert_int_equal(watchdog_of(0x19df8086, 0x0c0500, 0x11, 31, 4), WATCHDOG_NONE); /* Denverton */
    assert_int_equal(watchdog_of(0xa1238086, 0x0c0500, 0x31, 31, 4), WATCHDOG_NONE); /* 100 Series */
    assert_int_equal(watchdog_of(0x4b238086, 0x0c0500, 0x11, 31, 4), WATCHDOG_ITCO_SMBUS);
    assert_int_equal(watchdog_of(0x43851002, 0x0c0500, 0x3c, 20, 0), WATCHDOG_SP5100);
    assert_int_equal(watchdog_of(0x43851002, 0x0c0500, 0x41, 20, 0), WATCHDOG_SB800);
    assert_int_equal(watchdog_of(0x780b1022, 0x0c0500, 0x16, 20, 0), WATCHDOG_SB800);
    assert_int_equal(watchdog_of(0x780b1022, 0x0c0500, 0x42, 20, 0), WATCHDOG_FCH);
    assert_int_equal(watchdog_of(0x790b1022, 0x0c0500, 0x48, 20, 0), WATCHDOG_NONE);
    setup(0);
    space = function_add(0, 31, 0, 0x060100);
    put(space + PCI_ID, 0x29188086, 4);
    space = function_add(0, 5, 0, 0x088000);
    put(space + PCI_ID, 0x25ab8086, 4);
    survey_functions(&s);
    assert_int_equal(s.board.watchdog.kind, WATCHDOG_I6300ESB); /* a device of its own is the better one */
}

static void more_functions_than_a_board_holds_are_none(void **state)
{
    for (unsigned count = BOARD_MAX_FUNCTIONS; count <= BOARD_MAX_FUNCTIONS + 1; count++) {
        setup(state);
        for (unsigned i = 0; i < count; i++)
            function_add(i / 32, i % 32, 0, 0x020000);
        map_add(0x100000, 0x3ff00000, 1);
        survey_functions(&s);
        survey_spaces(&s);
        assert_int_equal(s.function_total, count);
        assert_int_equal(s.board.pci.window_size != 0, count <= BOARD_MAX_FUNCTIONS);
        assert_int_equal(s.board.function_count, count > BOARD_MAX_FUNCTIONS ? 0 : count);
        assert_string_equal(s.features[1].name, "PCI functions");
        assert_int_equal(s.features[1].consequence[0] != 0, count > BOARD_MAX_FUNCTIONS);
    }
}

/* --- tables ---------------------------------------------------------------------------------------------------------------------- */

static uint8_t *fadt_add(void)
{
    uint8_t *fadt = table_add("FACP", 0x1000, 244);

    put(fadt + 40, 0x2000, 4);
    put(fadt + 64, 0x1804, 4);
    put(fadt + 112, 1u << 10, 4);
    fadt[116] = 1;
    put(fadt + 120, 0xcf9, 8);
    fadt[128] = 0x0f;
    memcpy(arena + 0x2000, "DSDT", 4);
    put(arena + 0x2000 + 4, 0x100, 4);
    return fadt;
}

static void sleep_type_is_read_in_each_way_it_is_written(void **state)
{
    static const struct {
        uint8_t bytes[12];
        unsigned size;
        uint16_t value; /* 0: it is not one */
    } ways[] = {
        {{0x08, '_', 'S', '5', '_', 0x12, 0x06, 0x04, 0x0a, 0x05, 0x00, 0x00}, 12, 0x2000 | 5 << 10},
        {{0x08, '_', 'S', '5', '_', 0x12, 0x06, 0x04, 0x00, 0x00, 0x00, 0x00}, 12, 0x2000},
        {{0x08, '_', 'S', '5', '_', 0x12, 0x40, 0x06, 0x04, 0x0a, 0x07, 0x00}, 12, 0x2000 | 7 << 10},
        {{0x08, '_', 'S', '5', '_', 0x12, 0x06, 0x04, 0x0a, 0x09, 0x00, 0x00}, 12, 0},
        {{0x08, '_', 'S', '5', '_', 0x14, 0x06, 0x04, 0x0a, 0x05, 0x00, 0x00}, 12, 0},
        {{0x70, '_', 'S', '5', '_', 0x12, 0x06, 0x04, 0x0a, 0x05, 0x00, 0x00}, 12, 0},
    };

    for (unsigned i = 0; i < ARRAY_SIZE(ways); i++) {
        setup(state);
        fadt_add();
        memcpy(arena + 0x2000 + 0x60, ways[i].bytes, ways[i].size);
        survey_tables(&s, arena + 0x40);
        assert_int_equal(s.board.poweroff.value, ways[i].value);
        assert_int_equal(s.board.poweroff.port, ways[i].value ? 0x1804 : 0);
        assert_int_equal(is_blank("poweroff"), ways[i].value == 0);
        assert_int_equal(s.board.reset.port, 0xcf9);
        assert_int_equal(s.board.reset.value, 0x06); /* the FADT's 0x0f would take the memory along */
    }
}

static void uarts_by_the_firmware_or_by_looking(void **state)
{
    uint8_t *spcr;

    (void)state;
    survey_tables(&s, arena + 0x40);
    assert_int_equal(s.board.uart.port, 0);
    ports_there = 0x2f8;
    setup(state);
    ports_there = 0x2f8;
    survey_tables(&s, arena + 0x40);
    assert_int_equal(s.board.uart.port, 0x2f8);
    assert_int_equal(s.board.uart.gsi, 3);
    setup(state);
    spcr = table_add("SPCR", 0x1000, 80);
    spcr[40] = 1;
    put(spcr + 44, 0x3e8, 8);
    spcr[52] = 3;
    spcr[53] = 4;
    put(spcr + 54, 19, 4);
    spcr[58] = 4;
    survey_tables(&s, arena + 0x40);
    assert_int_equal(s.board.uart.port, 0x3e8);
    assert_int_equal(s.board.uart.gsi, 19);
    assert_int_equal(s.board.uart.baud, 19200);
}

static void dmar_fill(bool rmrr)
{
    static const uint8_t unit[] = {0, 0, 32, 0, 1, 0,    0,  0, 0, 0, 0xd9, 0xfe, 0, 0, 0,  0,
                                   3, 8, 0,  0, 2, 0xf0, 31, 7, 4, 8, 0,    0,    0, 0, 15, 0};
    static const uint8_t kept[] = {1, 0, 32, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,    0,
                                   0, 0, 0,  0, 0, 0, 0, 0, 1, 8, 0, 0, 0, 0, 0x14, 0};
    uint8_t *table = s.acpi.iommu;

    memcpy(table, "DMAR", 4);
    table[37] = 1;
    memcpy(table + 48, unit, 32);
    memcpy(table + 80, kept, 32);
    s.acpi.iommu_size = rmrr ? 112 : 80;
    put(table + 4, s.acpi.iommu_size, 4);
}

static void what_the_firmware_keeps_memory_for_nobody_gets(void **state)
{
    for (unsigned rmrr = 0; rmrr < 2; rmrr++) {
        setup(state);
        dmar_fill(rmrr);
        function_add(0, 0x14, 0, 0x0c0330);
        survey_tables(&s, arena + 0x40);
        survey_functions(&s);
        assert_int_equal(s.board.iommu.kind, IOMMU_VTD);
        assert_int_equal(s.board.iommu.unit_count, 1);
        assert_int_equal(s.board.iommu.units[0], 0xfed90000);
        assert_int_equal(s.board.iommu.ioapic_function, 0xf0ff);
        assert_int_equal(s.board.iommu.hpet_function, 0x0078);
        assert_int_equal(found(0, 0x14, 0)->role != 0, !rmrr);
        assert_int_equal(s.kept[0], rmrr);
    }
}

static void ivrs_units_and_special_devices(void **state)
{
    static const uint8_t block[] = {0x10, 0, 36, 0, 0x02, 0, 0x40, 0, 0, 0, 0xdb, 0xfd, 0, 0, 0,    0,    0, 0,
                                    0,    0, 0,  0, 0,    0, 3,    8, 0, 0, 0x48, 0,    0, 0, 0x21, 0xa0, 0, 1};
    uint8_t *table = s.acpi.iommu;

    (void)state;
    memcpy(table, "IVRS", 4);
    memcpy(table + 48, block, sizeof(block));
    table[48 + sizeof(block)] = 0x22; /* a range that is reserved */
    put(table + 48 + sizeof(block) + 2, 32, 2);
    put(table + 48 + sizeof(block) + 4, 0x0018, 2);
    put(table + 48 + sizeof(block) + 6, 0x001f, 2);
    s.acpi.iommu_size = 48 + sizeof(block) + 32;
    function_add(0, 3, 1, 0x020000);
    function_add(0, 4, 0, 0x020000);
    survey_tables(&s, arena + 0x40);
    survey_functions(&s);
    assert_int_equal(s.board.iommu.kind, IOMMU_AMDVI);
    assert_int_equal(s.board.iommu.units[0], 0xfddb0000);
    assert_int_equal(s.board.iommu.unit_functions[0], 2);
    assert_int_equal(s.board.iommu.ioapic_function, 0x00a0);
    assert_null(found(0, 3, 1)->role);
    assert_string_equal(found(0, 4, 0)->role, "nic0");
}

/* With every length that there is, wherever it stands: nothing is read beyond the table (the sanitizer sees it), and it ends. */
static void impossible_lengths_end_the_walk(void **state)
{
    struct survey *own = malloc(sizeof(*own));

    for (unsigned at = 48; at < 112; at++)
        for (unsigned value = 0; value < 256; value++) {
            setup(state);
            dmar_fill(true);
            s.acpi.iommu[at] = (uint8_t)value;
            *own = s;
            survey_tables(own, arena + 0x40);
            (void)survey_firmware_keeps(own, 0xa0);
            memcpy(own->acpi.iommu, "IVRS", 4);
            survey_tables(own, arena + 0x40);
            (void)survey_firmware_keeps(own, 0xa0);
        }
    free(own);
}

/* --- spaces ---------------------------------------------------------------------------------------------------------------------- */

static void memory_of_a_bios_machine(void **state)
{
    (void)state;
    map_add(0x100000, 0x7fed8000, 1);
    map_add(0, 0x9fc00, 1);
    map_add(0x7ffd8000, 0x28000, 2);
    map_add(0xb0000000, 0x10000000, 2);
    function_add(0, 3, 0, 0x020000);
    functions[0].bars[0] = (struct board_bar){BAR_MEMORY32, false, 0x100000};
    put(functions[0].space + PCI_BARS, 0xfe000000, 4);
    s.board.pci.ecam = 0xb0000000;
    survey_functions(&s);
    survey_spaces(&s);
    assert_int_equal(s.board.ram_count, 2);
    assert_int_equal(s.board.ram[0].size, 0x9fc00);
    assert_int_equal(s.board.ram[1].base, 0x100000);
    assert_int_equal(s.board.load, 0);
    assert_int_equal(s.board.pci_hole, 0x80000000);
    assert_int_not_equal(s.board.pci.window_size, 0);
    assert_false(range_overlap(s.board.pci.window, s.board.pci.window_size, 0xfe000000, 0x100000));
    assert_false(range_overlap(s.board.pci.window, s.board.pci.window_size, 0xb0000000, 0x10000000));
    assert_false(range_overlap(s.board.pci.window, s.board.pci.window_size, 0xf0000000, 0x6000000));
    assert_true(range_inside(s.board.pci.window, s.board.pci.window_size, 0x80000000, 0xfec00000 - 0x80000000));
}

static void memory_of_a_uefi_machine(void **state)
{
    (void)state;
    map_add(0, 0xa0000, 1);
    map_add(0x100000, 0x700000, 1);
    map_add(0x800000, 0x100000, 4);
    map_add(0x900000, 0x7e000000, 1);
    map_add(0x7f000000, 0x900000, 1);
    map_add(0x100000000, 0x80000000, 1);
    survey_spaces(&s);
    assert_int_equal(s.board.ram_count, 3); /* the small ones move at each start */
    assert_int_equal(s.board.load, 0x1000000);
    assert_int_equal(s.board.ram[2].base, 0x100000000);
    assert_int_equal(s.board.pci_hole % 0x200000, 0);
    assert_true(s.board.pci_hole >= 0x900000 + 0x7e000000ull);
}

static void windows_keep_away_from_every_bar_and_bridge(void **state)
{
    uint8_t *bridge;

    (void)state;
    map_add(0x100000, 0x3ff00000, 1);
    map_add(0xf6000000, 0x8c00000, 2);
    bridge = bridge_add(0, 1, 0, 1, 1, 0x1d);
    put(bridge + BRIDGE_MEMORY, 0xdff0c000, 4); /* 0xc0000000 to 0xdfffffff */
    put(bridge + BRIDGE_PORTS, 0xf0e0, 2);      /* 0xe000 to 0xffff */
    function_add(0, 3, 0, 0x020000);
    functions[1].bars[0] = (struct board_bar){BAR_MEMORY32, false, 0x10000000};
    functions[1].bars[1] = (struct board_bar){BAR_PORTS, false, 0x20};
    put(functions[1].space + PCI_BARS, 0xe0000000, 4);
    put(functions[1].space + PCI_BARS + 4, 0x9001, 4);
    s.board.pm_timer_port = 0x1808;
    survey_functions(&s);
    survey_spaces(&s);
    assert_int_equal(s.board.pci_hole, 0x40000000);
    assert_true(s.board.pci.window_size >= 0x1000000);
    assert_true(range_inside(s.board.pci.window, s.board.pci.window_size, 0x40000000, 0x80000000));
    assert_true(s.board.pci.ports_size >= 0x1000);
    assert_false(range_overlap(s.board.pci.ports, s.board.pci.ports_size, 0x9000, 0x20));
    assert_false(range_overlap(s.board.pci.ports, s.board.pci.ports_size, 0xe000, 0x2000));
    assert_false(range_overlap(s.board.pci.ports, s.board.pci.ports_size, 0x1800, 0x100));
}

/* --- processor -------------------------------------------------------------------------------------------------------------------- */

static void cores_the_boot_processor_first_siblings_together(void **state)
{
    (void)state;
    fake_cpuid_set(0, 0, 0xb, 0x68747541, 0x444d4163, 0x69746e65);
    fake_cpuid_set(1, 0, 0, 2u << 24, 0, 0);
    fake_cpuid_set(0xb, 0, 1, 2, 1 << 8, 0);
    fake_cpuid_set(0xb, 1, 4, 16, 2 << 8, 0);
    fake_cpuid_set(0x80000000, 0, 0x8000000a, 0, 0, 0);
    fake_cpuid_set(0x80000001, 0, 0, 0, 1u << 2, 0);
    fake_cpuid_set(0x8000000a, 0, 0, 16, 0, 1);
    s.acpi.core_count = 5;
    for (uint32_t i = 0; i < 4; i++)
        s.acpi.apic_ids[i] = i;
    s.acpi.apic_ids[4] = 300;
    survey_cpu(&s);
    assert_int_equal(s.board.virt, VIRT_SVM);
    assert_string_equal(row_of("virtualisation"), "");
    assert_int_equal(s.board.core_count, 4);
    assert_int_equal(s.board.cores[0].apic_id, 2);
    assert_int_equal(s.board.cores[1].apic_id, 0);
    assert_int_equal(s.board.cores[0].smt_group, s.board.cores[3].smt_group);
    assert_int_not_equal(s.board.cores[0].smt_group, s.board.cores[1].smt_group);
    assert_true(s.board.untested);
    assert_false(s.board.test_only);
    assert_string_not_equal(row_of("cores"), "");
}

static void a_processor_without_nested_paging_is_told(void **state)
{
    (void)state;
    fake_cpuid_set(0x80000000, 0, 0x8000000a, 0, 0, 0);
    fake_cpuid_set(0x80000001, 0, 0, 0, 1u << 2, 0);
    s.acpi.core_count = 1;
    survey_cpu(&s);
    assert_non_null(strstr(row_of("virtualisation"), "nested paging"));
}

/* --- print ------------------------------------------------------------------------------------------------------------------------ */

static uint32_t crc32_of(const char *text, const char *end)
{
    uint32_t sum = UINT32_MAX;

    for (; text < end; text++) {
        sum ^= (uint8_t)*text;
        for (unsigned bit = 0; bit < 8; bit++)
            sum = sum & 1 ? sum >> 1 ^ 0xedb88320u : sum >> 1;
    }
    return ~sum;
}

static void the_last_line_sums_up_what_was_printed(void **state)
{
    const char *begin, *end;

    (void)state;
    s.board.core_count = 1;
    s.roles[0][0] = 'x';
    s.board.function_count = 1;
    s.board.functions[0] =
        (struct board_function){.class_code = 0x020000, .role = s.roles[0], .group = 3, .bars = {[2] = {BAR_PORTS, false, 32}}};
    blank(&s, "load", "somewhere");
    blank(&s, "load", "twice is once");
    survey_print(&s, "a test");
    begin = strstr(printed, "==== board.c ====\n");
    end = strstr(printed, "==== end ");
    assert_non_null(begin);
    assert_non_null(end);
    begin += strlen("==== board.c ====\n");
    assert_int_equal(strtoul(end + 9, 0, 16), crc32_of(begin, end));
    assert_non_null(strstr(printed, ".role = \"x\", .group = 3"));
    assert_non_null(strstr(printed, "[2] = {BAR_PORTS, false, 0x20}"));
    assert_non_null(strstr(printed, "{\"load\", \"somewhere\"}"));
    assert_null(strstr(printed, "twice is once"));
    assert_null(strstr(printed, ".uart"));
}

static void text_is_cut_off_and_ended(void **state)
{
    char room[8];

    (void)state;
    assert_int_equal(text_format(room, sizeof(room), "%s-%04x", "abc", 0x12u), 7);
    assert_string_equal(room, "abc-001");
    assert_int_equal(text_format(room, sizeof(room), "%u%%%lx", 0u, 0xf0ul), 4);
    assert_string_equal(room, "0%f0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(what_is_behind_a_bridge_without_acs_is_one_group, setup),
        cmocka_unit_test_setup(functions_of_a_device_are_one_group_and_the_chipset_has_no_role, setup),
        cmocka_unit_test_setup(resets_by_what_the_function_says, setup),
        cmocka_unit_test_setup(two_below_a_bridge_are_not_reset_by_it, setup),
        cmocka_unit_test_setup(virtual_functions_are_looked_at_while_they_are_on_or_stay_blank, setup),
        cmocka_unit_test_setup(watchdogs_that_we_can_drive, setup),
        cmocka_unit_test_setup(more_functions_than_a_board_holds_are_none, setup),
        cmocka_unit_test_setup(a_chain_that_does_not_end_ends, setup),
        cmocka_unit_test_setup(sleep_type_is_read_in_each_way_it_is_written, setup),
        cmocka_unit_test_setup(uarts_by_the_firmware_or_by_looking, setup),
        cmocka_unit_test_setup(what_the_firmware_keeps_memory_for_nobody_gets, setup),
        cmocka_unit_test_setup(ivrs_units_and_special_devices, setup),
        cmocka_unit_test_setup(impossible_lengths_end_the_walk, setup),
        cmocka_unit_test_setup(memory_of_a_bios_machine, setup),
        cmocka_unit_test_setup(memory_of_a_uefi_machine, setup),
        cmocka_unit_test_setup(windows_keep_away_from_every_bar_and_bridge, setup),
        cmocka_unit_test_setup(cores_the_boot_processor_first_siblings_together, setup),
        cmocka_unit_test_setup(a_processor_without_nested_paging_is_told, setup),
        cmocka_unit_test_setup(the_last_line_sums_up_what_was_printed, setup),
        cmocka_unit_test_setup(text_is_cut_off_and_ended, setup),
    };

    return cmocka_run_group_tests(tests, 0, 0);
}
