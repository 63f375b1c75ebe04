/* SPDX-License-Identifier: Apache-2.0 */
/* Boot information: what GRUB really sends is understood, every lie is refused with its own words (AC-52). */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bootinfo.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* --- a writer of multiboot2 information -------------------------------------------------------------------------------- */

static uint8_t buffer[16384];
static size_t used;

static void put32(size_t at, uint32_t value)
{
    memcpy(buffer + at, &value, 4);
}

static void put64(size_t at, uint64_t value)
{
    memcpy(buffer + at, &value, 8);
}

static void info_begin(void)
{
    memset(buffer, 0, sizeof(buffer));
    used = 8;
}

static size_t tag_add(uint32_t type, const void *body, size_t size)
{
    size_t at = used;

    put32(at, type);
    put32(at + 4, (uint32_t)size + 8);
    if (size)
        memcpy(buffer + at + 8, body, size);
    used = (at + 8 + size + 7) & ~(size_t)7;
    return at;
}

static void info_end(void)
{
    tag_add(0, NULL, 0);
    put32(0, (uint32_t)used);
}

static size_t module_add(uint32_t start, uint32_t end, const char *name)
{
    uint8_t body[8 + 200] = {0};

    memcpy(body, &start, 4);
    memcpy(body + 4, &end, 4);
    memcpy(body + 8, name, strlen(name));
    return tag_add(3, body, 8 + strlen(name) + 1);
}

static size_t map_add(unsigned count, const struct boot_range *ranges)
{
    uint8_t body[8 + 24 * 80] = {24, 0, 0, 0, 0, 0, 0, 0};

    for (unsigned i = 0; i < count; i++) {
        memcpy(body + 8 + 24 * i, &ranges[i].base, 8);
        memcpy(body + 16 + 24 * i, &ranges[i].size, 8);
        memcpy(body + 24 + 24 * i, &ranges[i].type, 4);
    }
    return tag_add(6, body, 8 + 24 * count);
}

static const struct boot_range q35_map[] = {
    {0, 0x9fc00, 1}, {0x9fc00, 0x400, 2}, {0xf0000, 0x10000, 2}, {0x100000, 0x7fedf000, 1}, {0x7ffdf000, 0x21000, 2}};

static void good_begin(void)
{
    info_begin();
    tag_add(1, "test=1", 7);
    tag_add(2, "GRUB 2.06", 10);
    map_add(5, q35_map);
}

static void good_info(void)
{
    uint8_t rsdp[36];

    good_begin();
    module_add(0x1000000, 0x1234567, "linux");
    module_add(0x1235000, 0x1235001, "hello");
    memset(rsdp, 0x11, sizeof(rsdp));
    tag_add(14, rsdp, 20);
    memset(rsdp, 0x22, sizeof(rsdp));
    tag_add(15, rsdp, 36);
    info_end();
}

/* Parses a copy of exact size. */
static const char *parse(struct boot_info *out)
{
    uint8_t *exact = malloc(used);
    const char *why;

    assert_non_null(exact);
    memcpy(exact, buffer, used);
    why = bootinfo_parse(exact, used, out);
    free(exact);
    return why;
}

static void assert_refused(const char *part)
{
    struct boot_info out;
    const char *why = parse(&out);

    assert_non_null(why);
    if (strstr(why, part) == NULL)
        fail_msg("expected a refusal about \"%s\", got \"%s\"", part, why);
}

/* --- tests ----------------------------------------------------------------------------------------------------------------- */

static void test_good_information_is_understood(void **state)
{
    struct boot_info out;

    (void)state;
    good_info();
    assert_null(parse(&out));
    assert_int_equal(out.range_count, 5);
    assert_memory_equal(&out.ranges[3], &q35_map[3], 16);
    assert_int_equal(out.ranges[4].type, 2);
    assert_int_equal(out.module_count, 2);
    assert_int_equal(out.modules[0].base, 0x1000000);
    assert_int_equal(out.modules[0].size, 0x234567);
    assert_string_equal(out.modules[0].name, "linux");
    assert_string_equal(out.modules[1].name, "hello");
    assert_int_equal(out.rsdp_size, 36);
    assert_int_equal(out.rsdp[0], 0x22);
}

static void test_new_rsdp_wins_in_either_order(void **state)
{
    uint8_t rsdp[36];
    struct boot_info out;

    (void)state;
    good_begin();
    memset(rsdp, 0x22, sizeof(rsdp));
    tag_add(15, rsdp, 36);
    memset(rsdp, 0x11, sizeof(rsdp));
    tag_add(14, rsdp, 20);
    info_end();
    assert_null(parse(&out));
    assert_int_equal(out.rsdp_size, 36);
    assert_int_equal(out.rsdp[0], 0x22);
}

static void test_no_rsdp_is_no_error_here(void **state)
{
    struct boot_info out;

    (void)state;
    good_begin();
    info_end();
    assert_null(parse(&out));
    assert_int_equal(out.rsdp_size, 0);
    assert_int_equal(out.module_count, 0);
}

static void test_longer_map_entries_and_empty_ranges(void **state)
{
    uint8_t body[8 + 2 * 32] = {32};
    uint64_t base = 0x100000, size = 0x1000;
    uint32_t type = 1;
    struct boot_info out;

    (void)state;
    memcpy(body + 8 + 32, &base, 8);
    memcpy(body + 16 + 32, &size, 8);
    memcpy(body + 24 + 32, &type, 4);
    info_begin();
    tag_add(6, body, sizeof(body));
    info_end();
    assert_null(parse(&out));
    assert_int_equal(out.range_count, 1); /* the empty one is dropped */
    assert_int_equal(out.ranges[0].base, base);
}

static void test_impossible_sizes(void **state)
{
    struct boot_info out;

    (void)state;
    good_info();
    put32(0, (uint32_t)used + 8);
    assert_refused("its size");
    put32(0, 8);
    assert_refused("its size");
    put32(0, 0xffffffff);
    assert_refused("its size");
    assert_non_null(bootinfo_parse(buffer, 0, &out));
    assert_non_null(bootinfo_parse(buffer, 15, &out));
}

static void test_missing_end_tag(void **state)
{
    (void)state;
    good_info();
    put32(0, (uint32_t)used - 8);
    assert_refused("no end tag");
}

static void test_bad_tag_lengths(void **state)
{
    static const uint32_t lengths[] = {0, 1, 7, 0x1000, 0x7fffffff, 0xfffffff8, 0xffffffff};

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(lengths); i++) {
        good_info();
        put32(8 + 4, lengths[i]);
        assert_refused("tag's length");
    }
}

static void test_too_many_tags(void **state)
{
    (void)state;
    good_begin();
    for (unsigned i = 0; i < 256; i++)
        tag_add(99, NULL, 0);
    info_end();
    assert_refused("256 tags");
}

static void test_no_map_two_maps(void **state)
{
    (void)state;
    info_begin();
    info_end();
    assert_refused("no memory map");
    good_begin();
    map_add(5, q35_map);
    info_end();
    assert_refused("two memory maps");
}

static void test_bad_maps(void **state)
{
    struct boot_range wrap = {0xfffffffffffff000ull, 0x2000, 1}, many[65];
    size_t at;

    (void)state;
    info_begin();
    map_add(1, &wrap);
    info_end();
    assert_refused("wraps");
    for (unsigned i = 0; i < 65; i++)
        many[i] = (struct boot_range){i * 0x1000, 0x1000, 1};
    info_begin();
    map_add(65, many);
    info_end();
    assert_refused("64 memory ranges");
    for (uint32_t step = 0; step < 24; step += 8) {
        info_begin();
        at = map_add(1, q35_map);
        info_end();
        put32(at + 8, step);
        assert_refused("entries too short");
    }
    info_begin();
    at = map_add(5, q35_map);
    info_end();
    put32(at + 8, 32);
    assert_refused("whole number");
    info_begin();
    tag_add(6, "", 1);
    info_end();
    assert_refused("entries too short");
}

static void test_bad_modules(void **state)
{
    char name[80];
    size_t at;

    (void)state;
    good_begin();
    module_add(0x2000, 0x2000, "a");
    info_end();
    assert_refused("without bytes");
    good_begin();
    module_add(0x2000, 0x1000, "a");
    info_end();
    assert_refused("without bytes");
    good_begin();
    module_add(0x1000, 0x3000, "a");
    module_add(0x2fff, 0x4000, "b");
    info_end();
    assert_refused("modules overlap");
    memset(name, 'x', sizeof(name));
    name[64] = 0;
    good_begin();
    module_add(0x1000, 0x3000, name);
    info_end();
    assert_refused("module name");
    good_begin();
    at = module_add(0x1000, 0x3000, "abc");
    info_end();
    put32(at + 4, 8 + 8 + 3); /* without its NUL */
    assert_refused("module name");
    put32(at + 4, 8 + 7);
    assert_refused("module tag");
    good_begin();
    for (uint32_t i = 0; i < 21; i++)
        module_add(0x1000 * (i + 1), 0x1000 * (i + 1) + 1, "m");
    info_end();
    assert_refused("20 modules");
}

static void test_longest_names_fit(void **state)
{
    char name[64] = {0}, line[256] = {0};
    struct boot_info out;

    (void)state;
    memset(name, 'n', 63);
    memset(line, 'l', 255);
    info_begin();
    tag_add(1, line, 256);
    map_add(5, q35_map);
    module_add(0x1000, 0x2000, name);
    info_end();
    assert_null(parse(&out));
    assert_string_equal(out.modules[0].name, name);
}

static void test_short_rsdp(void **state)
{
    uint8_t rsdp[36] = {0};

    (void)state;
    good_begin();
    tag_add(14, rsdp, 19);
    info_end();
    assert_refused("RSDP too short");
    good_begin();
    tag_add(15, rsdp, 35);
    info_end();
    assert_refused("RSDP too short");
}

/* Cut off anywhere: refused, and nothing beyond the cut is read. */
static void test_every_truncation_is_refused(void **state)
{
    size_t whole;

    (void)state;
    good_info();
    whole = used;
    for (used = 16; used < whole; used += 8) {
        uint32_t total = (uint32_t)used;
        struct boot_info out;

        put32(0, total);
        assert_non_null(parse(&out));
        assert_int_equal(LLVMFuzzerTestOneInput(buffer, used), 0);
    }
}

static uint32_t random_next(uint32_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 17;
    *seed ^= *seed << 5;
    return *seed;
}

static void test_mutations(void **state)
{
    static const uint32_t interesting[] = {0, 1, 7, 8, 9, 15, 16, 24, 0x7fffffff, 0x80000000, 0xfffffff0, 0xfffffff8, 0xffffffff};
    uint32_t seed = 0x2545f491;

    (void)state;
    for (unsigned round = 0; round < 30000; round++) {
        good_info();
        for (unsigned n = random_next(&seed) % 4 + 1; n > 0; n--) {
            size_t at = random_next(&seed) % (used - 4);

            if (random_next(&seed) & 1)
                buffer[at] = (uint8_t)random_next(&seed);
            else
                put32(at & ~(size_t)3, interesting[random_next(&seed) % ARRAY_SIZE(interesting)]);
        }
        LLVMFuzzerTestOneInput(buffer, random_next(&seed) % 8 ? used : random_next(&seed) % used);
    }
    put64(0, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good_information_is_understood),
        cmocka_unit_test(test_new_rsdp_wins_in_either_order),
        cmocka_unit_test(test_no_rsdp_is_no_error_here),
        cmocka_unit_test(test_longer_map_entries_and_empty_ranges),
        cmocka_unit_test(test_impossible_sizes),
        cmocka_unit_test(test_missing_end_tag),
        cmocka_unit_test(test_bad_tag_lengths),
        cmocka_unit_test(test_too_many_tags),
        cmocka_unit_test(test_no_map_two_maps),
        cmocka_unit_test(test_bad_maps),
        cmocka_unit_test(test_bad_modules),
        cmocka_unit_test(test_longest_names_fit),
        cmocka_unit_test(test_short_rsdp),
        cmocka_unit_test(test_every_truncation_is_refused),
        cmocka_unit_test(test_mutations),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
