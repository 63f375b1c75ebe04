/* SPDX-License-Identifier: Apache-2.0 */
/* The firmware's IVRS table against plan and board (AC-27, AC-28): what is accepted, each reason to refuse, and any bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "amdvi.h"
#include "fake_amdvi.h"
#include "fake_arch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char last_line[200];

void log_line(const char *format, ...)
{
    va_list list;

    va_start(list, format);
    vsnprintf(last_line, sizeof(last_line), format, list);
    va_end(list);
}

/* --- tables ------------------------------------------------------------------------------------------------------------------------ */

static uint8_t table[4096];
static size_t size;
static size_t block; /* the one that grows */

static void put(unsigned bytes, uint64_t value)
{
    for (unsigned i = 0; i < bytes; i++)
        table[size++] = i < 8 ? (uint8_t)(value >> 8 * i) : 0;
    if (block != 0) {
        table[block + 2] = (uint8_t)(size - block);
        table[block + 3] = (uint8_t)((size - block) >> 8);
    }
}

static void start(void)
{
    fake_reset();
    fake_amdvi_reset();
    memset(table, 0, sizeof(table));
    memcpy(table, "IVRS", 4);
    table[37] = 48;
    size = 48;
    block = 0;
    last_line[0] = '\0';
}

static void unit_as(uint8_t type, unsigned n, uint16_t function, uint64_t base)
{
    block = size;
    put(1, type);
    put(1, n);
    put(2, 0);
    put(2, function);
    put(2, 0x40);
    put(8, base);
    put(4, 0);
    put(4, 0);
    if (type != 0x10) {
        put(8, 0);
        put(8, 0);
    }
}

static void unit(uint8_t type, unsigned n)
{
    unit_as(type, n, fake_board.iommu.unit_functions[n], FAKE_BASE(n));
}

static void one(uint8_t kind, uint16_t id)
{
    put(1, kind);
    put(2, id);
    put(1, 0xff);
}

static void eight(uint8_t kind, uint16_t id, uint16_t alias)
{
    one(kind, id);
    put(1, 0);
    put(2, alias);
    put(1, 0);
}

static void special(uint8_t kind, uint16_t id)
{
    one(0x48, 0);
    put(1, 7);
    put(2, id);
    put(1, kind);
}

static void named(uint16_t id, unsigned uid)
{
    one(0xf0, id);
    put(8, 0x3032303044434d41);
    put(8, 0);
    put(1, 2);
    put(1, uid);
    for (unsigned i = 0; i < uid; i++)
        put(1, 'x');
}

static void specials(void)
{
    special(1, FAKE_IOAPIC);
    special(2, FAKE_HPET);
}

static void memory(uint8_t kind, uint16_t first, uint16_t last)
{
    block = size;
    put(1, kind);
    put(1, 8); /* an exclusion range */
    put(2, 0);
    put(2, first);
    put(2, last);
    put(8, 0);
    put(8, 0x80000000);
    put(8, 0x100000);
}

static const char *parse(struct ivrs *out)
{
    uint8_t *exact = malloc(size);
    const char *why;

    memcpy(exact, table, size);
    why = ivrs_parse(exact, size, out);
    free(exact);
    return why;
}

static void accepted(void)
{
    struct ivrs out;

    assert_string_equal(parse(&out) ?: "", "");
    assert_int_equal(out.unit_count, FAKE_UNITS);
    for (unsigned i = 0; i < out.unit_count; i++) {
        unsigned n = out.units[i].base == FAKE_BASE(1);

        assert_true(out.units[i].base == FAKE_BASE(n) && out.units[i].function == fake_board.iommu.unit_functions[n]);
    }
}

static void refused(const char *part)
{
    struct ivrs out;
    const char *why = parse(&out);

    assert_non_null(why);
    if (strstr(why, part) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", part, why);
}

/* Both units with all devices behind the second one; `more` goes into it. */
#define TABLE(more)                                                                                                                \
    do {                                                                                                                           \
        start();                                                                                                                   \
        unit(0x10, 0);                                                                                                             \
        unit(0x11, 1);                                                                                                             \
        one(1, 0);                                                                                                                 \
        specials();                                                                                                                \
        more;                                                                                                                      \
    } while (0)

/* --- tests ----------------------------------------------------------------------------------------------------------------------------- */

static void tables_of_all_types(void **state)
{
    static const uint8_t types[] = {0x10, 0x11, 0x40};

    (void)state;
    for (unsigned first = 0; first < 3; first++)
        for (unsigned second = 0; second < 3; second++) {
            start();
            unit(types[first], 0);
            one(3, 0);
            one(4, 0x320);
            specials();
            unit(types[second], 1);
            one(0, 0);
            one(2, 0x321);
            eight(0x40, 0, 0);
            eight(0x47, 0x322, 0);
            one(0, 0);
            one(4, 0xfffe);
            named(0xffff, types[second] == 0x40 ? 255 : 0);
            accepted();
        }
}

/* As QEMU 7.2 writes it: one block, an entry per function, no PASize of more than 40 bits. */
static void table_of_qemu(void **state)
{
    struct ivrs out;

    (void)state;
    start();
    fake_plan.function_count = 1;
    fake_board.iommu.unit_count = 1;
    fake_board.iommu.hpet_function = 0;
    table[37] = 40;
    unit(0x10, 0);
    for (uint16_t device = 0; device < 6; device++)
        one(2, (uint16_t)(device << 3));
    special(1, FAKE_IOAPIC);
    assert_null(parse(&out));
    assert_int_equal(out.unit_count, 1);
    assert_int_equal(out.units[0].flags, 0);
}

static void the_best_description_of_a_unit_counts(void **state)
{
    (void)state;
    /* The poor one says that functions are behind the unit, the rich one does not. */
    start();
    unit(0x10, 1);
    one(1, 0);
    specials();
    unit(0x40, 0);
    specials();
    unit(0x11, 1);
    one(2, 0x18);
    refused("behind no unit");
    /* What the poor one says is wrong does not count. */
    start();
    unit(0x40, 1);
    one(1, 0);
    specials();
    unit_as(0x10, 0, fake_board.iommu.unit_functions[1], 0x12345000);
    eight(0x42, 0x18, 0x20);
    unit(0x10, 0);
    accepted();
    TABLE(unit(0x11, 0));
    accepted();
    TABLE(unit(0x10, 0));
    refused("twice");
}

static void units_are_those_of_the_board(void **state)
{
    (void)state;
    TABLE((void)0);
    accepted();
    start();
    unit(0x10, 0);
    one(1, 0);
    specials();
    refused("lacks a unit");
    TABLE(unit_as(0x10, 0, 0x7777, 0xfec00000));
    refused("does not have this unit");
    assert_non_null(strstr(last_line, "7777"));
    start();
    unit_as(0x10, 0, 0x0002, FAKE_BASE(1));
    refused("does not have this unit");
    start();
    unit(0x10, 0);
    table[48 + 16] = 1;
    refused("segment");
}

static void every_function_is_behind_a_unit(void **state)
{
    (void)state;
    start();
    unit(0x10, 0);
    one(2, 0x18);
    one(2, 0x320);
    unit(0x11, 1);
    one(3, 0x400);
    one(4, 0xffff);
    specials();
    refused("behind no unit");
    assert_non_null(strstr(last_line, "requester id"));
    fake_functions[2].physical = 0x320; /* a VF of a function that is */
    accepted();
    fake_functions[2].physical = 0x328; /* of one that nobody has */
    refused("behind no unit");
    one(0x46, 0x321);
    put(4, 0);
    accepted();
}

static void nobody_speaks_in_anothers_name(void **state)
{
    (void)state;
    TABLE(eight(0x42, 0x320, 0x300));
    refused("in another's name");
    TABLE(eight(0x42, 0x320, 0x320));
    accepted();
    TABLE(eight(0x42, 0x500, 0x320));
    refused("in the name of one");
    TABLE(eight(0x42, 0x500, 0x501));
    accepted();
    TABLE(eight(0x43, 0x300, 0x2ff); one(4, 0x3ff));
    refused("in another's name");
    TABLE(eight(0x43, 0x322, 0x321); one(4, 0x3ff));
    refused("in the name of one");
    TABLE(eight(0x43, 0x322, 0x322); one(4, 0x3ff));
    accepted();
    TABLE(eight(0x43, 0x321, 0x321); one(4, 0x321));
    accepted();
    /* An alias lasts for its own range only. */
    TABLE(eight(0x43, 0x500, 0x500); one(4, 0x5ff); one(3, 0); one(4, 0xffff));
    accepted();
}

static void what_is_no_function_is_nobodys(void **state)
{
    (void)state;
    TABLE(special(1, 0x320));
    refused("requester id of the IO-APIC");
    TABLE(special(9, 0x321));
    refused("requester id of the IO-APIC");
    TABLE(named(0x18, 3));
    refused("requester id of the IO-APIC");
    TABLE(special(1, 0x7000); special(9, 0x7001); named(0x7002, 3)); /* a second IO-APIC */
    accepted();
    TABLE(fake_functions[3].requester = fake_board.iommu.unit_functions[1]);
    refused("requester id of the IO-APIC");
    TABLE(special(2, 0x321)); /* an HPET */
    refused("requester id of the IO-APIC");
    TABLE(fake_board.iommu.ioapic_function++);
    refused("another requester id for the IO-APIC");
    start();
    unit(0x10, 0);
    unit(0x11, 1);
    one(1, 0);
    special(2, FAKE_IOAPIC);
    refused("another requester id for the IO-APIC");
}

static void reserved_memory_is_nobodys(void **state)
{
    (void)state;
    TABLE(memory(0x20, 0, 0));
    refused("reserves memory");
    TABLE(memory(0x21, 0x320, 0));
    refused("reserves memory");
    assert_non_null(strstr(last_line, "320"));
    TABLE(memory(0x22, 0x322, 0xfff8));
    refused("reserves memory");
    TABLE(memory(0x21, 0x31f, 0x400); memory(0x22, 0x322, 0xfff7); memory(0x23, 0, 0xffff));
    accepted();
    TABLE(memory(0x20, 0, 0); fake_plan.function_count = 0);
    accepted();
}

static void ranges_begin_and_end(void **state)
{
    (void)state;
    TABLE(one(4, 0x100));
    refused("has not begun");
    TABLE(one(3, 0x100); one(4, 0xff));
    refused("has not begun");
    TABLE(one(3, 0x100));
    refused("does not end");
    TABLE(one(3, 0x100); one(2, 0x101); one(4, 0x200));
    refused("does not end");
    TABLE(one(3, 0x100); one(3, 0x101); one(4, 0x200));
    refused("does not end");
    TABLE(one(3, 0x100); unit(0x40, 0); one(4, 0x200));
    refused("does not end");
    TABLE(one(3, 0xffff); one(4, 0xffff));
    accepted();
    /* one that nobody closed does not go on in the next block */
    start();
    unit(0x10, 0);
    unit(0x10, 1);
    one(4, 0xffff);
    refused("has not begun");
}

static void kinds_that_nobody_knows(void **state)
{
    (void)state;
    for (unsigned kind = 0; kind < 256; kind++) {
        static const uint8_t known[] = {0, 1, 2, 3, 4, 0x40, 0x42, 0x43, 0x46, 0x47, 0x48, 0xf0};

        if (memchr(known, (int)kind, sizeof(known)) != NULL)
            continue;
        TABLE(one((uint8_t)kind, 0x600); for (unsigned i = 0; i < 9; i++) put(4, 0));
        refused("kind that is not known");
    }
    TABLE(memory(0x12, 0, 0); memory(0x41, 0, 0xffff)); /* blocks are skipped: nothing that lets a device do more is in them */
    accepted();
}

static void lengths_are_possible(void **state)
{
    (void)state;
    TABLE(put(3, 2));
    refused("does not fit");
    TABLE(put(7, 0x42));
    refused("does not fit");
    TABLE(named(0x7000, 5); size--; table[block + 2]--);
    refused("does not fit");
    TABLE(put(21, 0xf0));
    refused("does not fit");
    TABLE(table[block + 2] = 39; table[block + 3] = 0);
    refused("length");
    TABLE(memory(0x21, 0, 0); table[block + 2] = 31);
    refused("length");
    TABLE(table[size] = 0x77; table[size + 2] = 3; size += 4);
    refused("length");
    TABLE(table[size] = 0x77; table[size + 2] = 5; size += 4);
    refused("length");
    TABLE(size += 3);
    refused("inside a block");
    start();
    size = 47;
    refused("too short");
    size = 48;
    refused("lacks");
}

static void units_reach_all_ram(void **state)
{
    (void)state;
    TABLE(table[37] = 33); /* the last byte is at 4 GiB and 72 MiB */
    accepted();
    TABLE(table[37] = 32);
    refused("cannot address");
    TABLE(table[37] = 0);
    refused("cannot address");
    TABLE(table[37] = 64);
    accepted();
}

/* Every prefix, every byte in turn as every value, and random bytes: the promises hold. */
static void any_bytes(void **state)
{
    (void)state;
    TABLE(named(0x7000, 5); one(3, 0x100); one(4, 0x200); memory(0x22, 0x330, 0x340));
    for (size_t length = 0; length <= size; length++)
        LLVMFuzzerTestOneInput(table, length);
    for (size_t at = 0; at < size; at++) {
        uint8_t was = table[at];

        for (unsigned value = 0; value < 256; value++) {
            table[at] = (uint8_t)value;
            LLVMFuzzerTestOneInput(table, size);
        }
        table[at] = was;
    }
    srandom(1);
    for (unsigned round = 0; round < 20000; round++) {
        uint8_t copy[sizeof(table)];

        memcpy(copy, table, size);
        for (unsigned n = (unsigned)random() % 8; n > 0; n--)
            copy[48 + (size_t)random() % (size - 48)] = (uint8_t)random();
        LLVMFuzzerTestOneInput(copy, size);
    }
    accepted();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables_of_all_types),
        cmocka_unit_test(table_of_qemu),
        cmocka_unit_test(the_best_description_of_a_unit_counts),
        cmocka_unit_test(units_are_those_of_the_board),
        cmocka_unit_test(every_function_is_behind_a_unit),
        cmocka_unit_test(nobody_speaks_in_anothers_name),
        cmocka_unit_test(what_is_no_function_is_nobodys),
        cmocka_unit_test(reserved_memory_is_nobodys),
        cmocka_unit_test(ranges_begin_and_end),
        cmocka_unit_test(kinds_that_nobody_knows),
        cmocka_unit_test(lengths_are_possible),
        cmocka_unit_test(units_reach_all_ram),
        cmocka_unit_test(any_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
