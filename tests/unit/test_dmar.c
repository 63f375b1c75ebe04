/* SPDX-License-Identifier: Apache-2.0 */
/* The DMAR table (AC-28): tables as firmware makes them are understood; every broken length, every unit too many or too few, functions behind no unit
 * and functions with reserved regions are refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../fuzz/fuzz_dmar.h"
#include "fake_plan.h"
#include "vtd.h"

static uint8_t table[4096];
static size_t size;

static size_t add(const void *bytes, size_t count)
{
    memcpy(table + size, bytes, count);
    size += count;
    return size - count;
}

static void header(uint8_t flags)
{
    static const uint8_t start[48] = {'D', 'M', 'A', 'R', [8] = 1, [36] = 38};

    size = 0;
    add(start, sizeof(start));
    table[37] = flags;
}

/* A structure with scopes of up to 16 bytes each, ended by an empty one. */
static size_t structure(const void *fixed, uint8_t fixed_size, const uint8_t (*scopes)[16])
{
    size_t at = add(fixed, fixed_size), length;

    for (unsigned i = 0; scopes != NULL && scopes[i][1] != 0; i++)
        add(scopes[i], scopes[i][1]);
    length = size - at;
    table[at + 2] = (uint8_t)length;
    table[at + 3] = (uint8_t)(length >> 8);
    return at;
}

static size_t unit(uint64_t address, uint8_t flags, const uint8_t (*scopes)[16])
{
    uint8_t fixed[16] = {0, 0, 0, 0, flags, 0, 0, 0};

    memcpy(fixed + 8, &address, 8);
    return structure(fixed, 16, scopes);
}

static size_t region(const uint8_t (*scopes)[16])
{
    static const uint8_t fixed[24] = {1, 0, [8] = 0, 0, 0x10, 0x9c, [16] = 0xff, 0xff, 0x1f, 0x9c};

    return structure(fixed, 24, scopes);
}

static const char *check(uint8_t mode)
{
    fuzz_dmar_board(mode);
    return fuzz_dmar_check(table, size);
}

static void assert_says(const char *why, const char *part)
{
    if (part == NULL ? why != NULL : why == NULL || strstr(why, part) == NULL)
        fail_msg("expected \"%s\", got \"%s\"", part ? part : "(nothing)", why ? why : "(nothing)");
}

/* type, length, 2 reserved, enumeration id, bus, then device and function */
static const uint8_t io_apic[][16] = {{3, 8, 0, 0, 2, 0xf0, 0x1f, 0}, {4, 8, 0, 0, 0, 0, 0x1f, 0}, {0}};
static const uint8_t graphics[][16] = {{1, 8, 0, 0, 0, 0, 3, 0}, {0}};
static const uint8_t usb[][16] = {{1, 8, 0, 0, 0, 0, 0x14, 0}, {0}};

/* QEMU: one unit, every function named, no INCLUDE_PCI_ALL; here with the IO-APIC of our fake board. */
static void make_explicit(void)
{
    static const uint8_t scopes[][16] = {{3, 8, 0, 0, 0, 0xf0, 0x1f, 0}, {1, 8, 0, 0, 0, 0, 0, 0},    {1, 8, 0, 0, 0, 0, 2, 0},
                                         {2, 8, 0, 0, 0, 0, 2, 0},       {1, 8, 0, 0, 0, 0, 0x1f, 2}, {0}};

    header(1);
    unit(0xfed90000, 0, scopes);
}

/* A client: graphics have their own unit, all else the other; reserved regions of USB and graphics; NUMA and ATS. */
static void make_client(void)
{
    static const uint8_t ats[8] = {2, 0, 8, 0};
    static const uint8_t numa[20] = {3, 0, 20, 0};

    header(5);
    unit(0xfed90000, 0, graphics);
    unit(0xfed91000, 1, io_apic);
    region(usb);
    region(graphics);
    structure(ats, 8, NULL);
    structure(numa, 20, NULL);
}

/* --- good tables ---------------------------------------------------------------------------------------------------------------------- */

static void test_tables_of_machines(void **state)
{
    (void)state;
    make_explicit();
    assert_says(check(0), NULL);
    make_client();
    assert_says(check(1), NULL);
}

static void test_paths_through_bridges(void **state)
{
    /* 00:02.0 is a bridge to bus 2, says the fuzz target's machine; what is behind it by path, by hierarchy */
    static const uint8_t by_path[][16] = {
        {3, 8, 0, 0, 2, 0xf0, 0x1f, 0}, {1, 8, 0, 0, 0, 0, 2, 0}, {1, 10, 0, 0, 0, 0, 2, 0, 0, 0}, {0}};
    static const uint8_t by_bridge[][16] = {
        {3, 8, 0, 0, 2, 0xf0, 0x1f, 0}, {1, 8, 0, 0, 0, 0, 2, 0}, {2, 8, 0, 0, 0, 0, 1, 0}, {0}};
    static const uint8_t too_deep[][16] = {
        {3, 8, 0, 0, 2, 0xf0, 0x1f, 0}, {1, 8, 0, 0, 0, 0, 2, 0}, {1, 12, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0}, {0}};

    (void)state;
    header(1);
    unit(0xfed90000, 0, by_path);
    assert_says(check(0), NULL);
    header(1);
    unit(0xfed90000, 0, by_bridge);
    assert_says(check(2), NULL);     /* 00:01.0 leads to buses 1 and 2 */
    assert_says(check(0), "DMAR-3"); /* to bus 1 only */
    assert_string_equal(fuzz_dmar_log, "DMAR: no unit for disk0");
    header(1);
    unit(0xfed90000, 0, too_deep);
    assert_says(check(0), "DMAR-3");
}

/* --- refused --------------------------------------------------------------------------------------------------------------------------------- */

static void test_no_table(void **state)
{
    (void)state;
    fuzz_dmar_board(0);
    assert_says(vtd_dmar_check(NULL, 0), "DMAR-1");
    header(1);
    memcpy(table, "DMAX", 4);
    assert_says(check(0), "DMAR-1");
    header(0);
    assert_says(check(0), "SEP-6");
}

static void test_units_are_those_of_the_board(void **state)
{
    (void)state;
    make_client();
    assert_says(check(0), "DMAR-2"); /* one more */
    assert_string_equal(fuzz_dmar_log, "DMAR: a unit at fed91000, which the board table does not have");
    make_explicit();
    assert_says(check(1), "DMAR-2"); /* one less */
    assert_string_equal(fuzz_dmar_log, "DMAR: no unit at fed91000, where the board table has one");
    header(1);
    unit(0xfed90000, 0, graphics); /* twice the same */
    unit(0xfed90000, 1, io_apic);
    assert_says(check(0), "DMAR-2");
    header(1);
    unit(0x1fed90000, 1, io_apic);
    assert_says(check(0), "DMAR-2");
}

static void test_io_apic_is_that_of_the_board(void **state)
{
    static const uint8_t elsewhere[][16] = {{3, 8, 0, 0, 2, 0xf0, 0x1e, 0}, {4, 8, 0, 0, 0, 0xf0, 0x1f, 0}, {0}};

    (void)state;
    header(1);
    unit(0xfed90000, 1, elsewhere);
    assert_says(check(0), "DMAR-4");
    header(1);
    unit(0xfed90000, 1, NULL);
    assert_says(check(0), "DMAR-4");
}

static void test_functions_behind_no_unit(void **state)
{
    static const uint8_t no_nic[][16] = {{3, 8, 0, 0, 2, 0xf0, 0x1f, 0}, {2, 8, 0, 0, 0, 0, 2, 0}, {3, 8, 0, 0, 0, 0, 2, 0}, {0}};

    (void)state;
    header(1);
    unit(0xfed90000, 0, no_nic);
    assert_says(check(0), "DMAR-3");
    assert_string_equal(fuzz_dmar_log, "DMAR: no unit for nic0");
    header(1);
    unit(0xfed90000, 1, no_nic);
    assert_says(check(0), NULL);
}

static void test_ac28_reserved_regions_of_owned_functions(void **state)
{
    static const uint8_t regions[][2][16] = {
        {{1, 8, 0, 0, 0, 0, 2, 0}},        /* the NIC */
        {{1, 8, 0, 0, 0, 2, 0, 0}},        /* the disk */
        {{1, 10, 0, 0, 0, 0, 2, 0, 0, 0}}, /* the disk by its path */
        {{2, 8, 0, 0, 0, 0, 2, 0}},        /* all behind its bridge */
        {{5, 8, 0, 0, 0, 0, 2, 0}},        /* the NIC as an ACPI device */
        {{0xfe, 8, 0, 0, 0, 0, 2, 0}},     /* as something that we do not know */
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(regions) / sizeof(regions[0]); i++)
        for (unsigned second = 0; second < 2; second++) {
            header(1);
            unit(0xfed90000, 1, io_apic);
            region(usb);
            if (second)
                region(usb);
            region(regions[i]);
            assert_says(check(0), "DMAR-5");
        }
    header(1);
    unit(0xfed90000, 1, io_apic);
    region((const uint8_t[][16]){{1, 8, 0, 0, 0, 0, 0x14, 0}, {1, 8, 0, 0, 0, 0, 2, 0}, {0}}); /* a list of two */
    assert_says(check(0), "DMAR-5");
    header(1);
    unit(0xfed90000, 1, io_apic);
    region((const uint8_t[][16]){{1, 8, 0, 0, 0, 3, 0, 1}, {0}}); /* a VF's own id says nothing: its PF's does */
    assert_says(check(0), NULL);
}

static void test_other_segments(void **state)
{
    (void)state;
    make_client();
    table[48 + 6] = 1;
    assert_says(check(1), "segments");
    make_client();
    table[48 + 7] = 1;
    assert_says(check(1), "segments");
}

static void test_lengths(void **state)
{
    size_t at, whole;

    (void)state;
    make_client();
    whole = size;
    for (size = 0; size < whole; size++) { /* cut off anywhere: after the regions the rest is not needed */
        const char *why = check(1);

        assert_true(why != NULL || size == whole - 20 || size == whole - 28 || size == whole - 28 - 32 || size == whole - 28 - 64);
    }
    for (at = 48; at < whole; at++)
        for (unsigned value = 0; value < 256; value++) {
            make_client();
            table[at] = (uint8_t)value;
            check(1); /* within bounds; and the second reading agrees with what is accepted */
        }
    for (unsigned length = 0; length < 8; length++) {
        make_explicit();
        table[50] = (uint8_t)length;
        assert_says(check(0), "DMAR-1");
        make_explicit();
        table[48 + 16 + 1] = (uint8_t)length; /* of the first scope */
        assert_says(check(0), "DMAR-1");
    }
    make_explicit();
    table[48 + 16 + 1] = 9; /* half a step of a path */
    assert_says(check(0), "DMAR-1");
    make_explicit();
    table[50] += 4; /* into nothing */
    assert_says(check(0), "DMAR-1");
    for (unsigned length = 8; length < 16 + 8;
         length++) { /* the last structure, its end inside what it must have, or inside a scope */
        header(1);
        unit(0xfed90000, 1, io_apic);
        at = unit(0xfed91000, 0, graphics);
        table[at + 2] = (uint8_t)length;
        size = at + length;
        assert_says(check(1), length == 16 ? NULL : "DMAR-1");
    }
    make_client();
    table[48] = 1; /* a region needs more than a unit */
    table[50] = 20;
    assert_says(check(1), "DMAR-1");
}

static uint64_t random_state = 88172645463325252ull;
static uint64_t random_next(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    return random_state ^= random_state << 17;
}

static void test_any_bytes(void **state)
{
    unsigned accepted = 0;

    (void)state;
    for (unsigned i = 0; i < 60000; i++) {
        uint8_t input[1 + sizeof(table)];

        if (i % 2)
            make_client();
        else
            make_explicit();
        for (unsigned n = (unsigned)(random_next() % 5); n > 0; n--)
            table[random_next() % 6 ? 48 + random_next() % (size - 48) : random_next() % size] =
                (uint8_t)(random_next() % 3 ? random_next() % 24 : random_next());
        input[0] = (uint8_t)(i % 2 | (random_next() % 4) << 1);
        memcpy(input + 1, table, size);
        LLVMFuzzerTestOneInput(input, 1 + size);
        accepted += check(input[0]) == NULL;
    }
    assert_in_range(accepted, 6000, 54000); /* both ways are taken */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tables_of_machines),
        cmocka_unit_test(test_paths_through_bridges),
        cmocka_unit_test(test_no_table),
        cmocka_unit_test(test_units_are_those_of_the_board),
        cmocka_unit_test(test_io_apic_is_that_of_the_board),
        cmocka_unit_test(test_functions_behind_no_unit),
        cmocka_unit_test(test_ac28_reserved_regions_of_owned_functions),
        cmocka_unit_test(test_other_segments),
        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_any_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
