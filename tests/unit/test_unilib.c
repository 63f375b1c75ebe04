/* SPDX-License-Identifier: Apache-2.0 */
/* Pure parts of the unikernel library and programs: arguments, line editor, clock scaling, jitter statistics, probe's parser. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../partitions/control/jitter.h"
#include "../../partitions/lib/lib.h"
#include "../../partitions/lib/line.h"
#include "../../partitions/lib/scale.h"
#include "../../partitions/probe/parse.h"

static void args_are_split_at_blanks(void **state)
{
    char text[] = "  one two   three ", *words[5];

    (void)state;
    assert_int_equal(args_split(text, words, 4), 3);
    assert_string_equal(words[0], "one");
    assert_string_equal(words[1], "two");
    assert_string_equal(words[2], "three");
    assert_null(words[3]);
}

static void args_beyond_the_limit_are_left_out(void **state)
{
    char text[] = "a b c d", empty[] = "", *words[3];

    (void)state;
    assert_int_equal(args_split(text, words, 2), 2);
    assert_string_equal(words[1], "b");
    assert_null(words[2]);
    assert_int_equal(args_split(empty, words, 2), 0);
    assert_null(words[0]);
}

/* Type a text; the echo is collected. Returns lines completed. */
static int type(struct line_editor *editor, const char *text, char *echoed, char *line, size_t size)
{
    int lines = 0;

    *echoed = 0;
    for (; *text; text++) {
        char echo[LINE_ECHO_MAX + 1];
        size_t length;
        bool complete = line_byte(editor, *text, echo, &length);
        assert_true(length <= LINE_ECHO_MAX);
        echo[length] = 0;
        strcat(echoed, echo);
        if (complete) {
            line_take(editor, line, size);
            lines++;
        }
    }
    return lines;
}

static void line_is_edited_and_echoed(void **state)
{
    struct line_editor editor = {0};
    char echoed[64], line[16];

    (void)state;
    assert_int_equal(type(&editor, "helq\x7flo\r", echoed, line, sizeof(line)), 1);
    assert_string_equal(line, "hello");
    assert_string_equal(echoed, "helq\b \blo\n");
}

static void line_takes_cr_lf_for_one_end(void **state)
{
    struct line_editor editor = {0};
    char echoed[64], line[16];

    (void)state;
    assert_int_equal(type(&editor, "a\r\nb\n\n", echoed, line, sizeof(line)), 3);
    assert_string_equal(echoed, "a\nb\n\n");
    assert_string_equal(line, "");
}

static void line_backspace_stops_at_the_start(void **state)
{
    struct line_editor editor = {0};
    char echoed[64], line[16];

    (void)state;
    assert_int_equal(type(&editor, "\b\b\x01x\n", echoed, line, sizeof(line)), 1);
    assert_string_equal(echoed, "x\n");
    assert_string_equal(line, "x");
}

static void line_too_long_is_cut(void **state)
{
    struct line_editor editor = {0};
    char echo[LINE_ECHO_MAX], line[4];
    size_t length;

    (void)state;
    for (unsigned i = 0; i < LINE_MAX_LENGTH + 100; i++)
        assert_false(line_byte(&editor, 'x', echo, &length));
    assert_int_equal(length, 0);
    assert_int_equal(editor.length, LINE_MAX_LENGTH);
    line_take(&editor, line, sizeof(line));
    assert_string_equal(line, "xxx");
    assert_int_equal(editor.length, 0);
}

static void clock_scaling_is_exact_enough(void **state)
{
    uint64_t factor = scale_factor(2700000);

    (void)state;
    /* A day of a 2.7 GHz clock, to a microsecond. */
    uint64_t day = 86400ull * 2700000000ull, ns = scale_to_ns(day, factor), want = 86400ull * 1000000000ull;
    assert_true(ns <= want && want - ns < 100000);
    assert_int_equal(scale_to_ns(1000000, scale_factor(1000000)), 1000000);
    assert_int_equal(scale_to_ns(5, scale_factor(0)), 5);
}

static void timer_counts_are_clamped(void **state)
{
    (void)state;
    assert_int_equal(scale_from_ns(1000000, 62500, UINT32_MAX), 62500);
    assert_int_equal(scale_from_ns(0, 62500, UINT32_MAX), 1);
    assert_int_equal(scale_from_ns(UINT64_MAX, 62500, UINT32_MAX), UINT32_MAX);
    assert_int_equal(scale_from_ns(3600ull * 1000000000, 62500, UINT32_MAX), UINT32_MAX);
    assert_int_equal(scale_from_ns(1000, 0, UINT32_MAX), 1);
}

static void jitter_is_sorted_into_buckets(void **state)
{
    struct jitter jitter = {0};

    (void)state;
    assert_int_equal(jitter_average(&jitter), 0);
    jitter_add(&jitter, 1000000, 1000000);
    jitter_add(&jitter, 999001, 1000000);
    jitter_add(&jitter, 1001000, 1000000);
    jitter_add(&jitter, UINT32_MAX * 1000ull, 1000000);
    assert_int_equal(jitter.buckets[0], 2);
    assert_int_equal(jitter.buckets[1], 1);
    assert_int_equal(jitter.buckets[JITTER_BUCKETS - 1], 1);
    assert_int_equal(jitter.min, 999001);
    assert_int_equal(jitter.max, UINT32_MAX * 1000ull);
    assert_int_equal(jitter.count, 4);
}

static void hex_numbers_are_read_whole(void **state)
{
    uint64_t value = 7;

    (void)state;
    assert_true(parse_hex("0xC0000080", &value));
    assert_int_equal(value, 0xc0000080u);
    assert_true(parse_hex("ffffffffffffffff", &value));
    assert_true(value == UINT64_MAX);
    value = 7;
    assert_false(parse_hex("", &value));
    assert_false(parse_hex("0x", &value));
    assert_false(parse_hex("12g", &value));
    assert_false(parse_hex("10000000000000000", &value));
    assert_int_equal(value, 7);
}

static void widths_and_code_bytes(void **state)
{
    uint8_t bytes[3];
    size_t count = 0;
    unsigned width = 0;

    (void)state;
    assert_true(parse_width("64", &width));
    assert_int_equal(width, 64);
    assert_false(parse_width("24", &width));
    assert_true(parse_bytes("0F0b90", bytes, sizeof(bytes), &count));
    assert_int_equal(count, 3);
    assert_int_equal(bytes[0], 0x0f);
    assert_false(parse_bytes("0f0b9090", bytes, sizeof(bytes), &count));
    assert_false(parse_bytes("0f0", bytes, sizeof(bytes), &count));
    assert_false(parse_bytes("", bytes, sizeof(bytes), &count));
}

static void pci_functions_are_named(void **state)
{
    static const char *const wrong[] = {"",        ".",     "1",    "1.",   ".1",    "20.0", "1.8",    "1:2",
                                        "100:1.0", "1.0.0", "1.0x", ":1.0", "001.0", "-1.0", "1:2:3.0"};
    uint64_t bdf = 7;

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_false(parse_function(wrong[i], &bdf));
    assert_int_equal(bdf, 7);
    assert_true(parse_function("2.0", &bdf));
    assert_int_equal(bdf, 0x10);
    assert_true(parse_function("00:1f.7", &bdf));
    assert_int_equal(bdf, 0xff);
    assert_true(parse_function("fF:1F.3", &bdf));
    assert_int_equal(bdf, 0xfffb);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(args_are_split_at_blanks),
        cmocka_unit_test(args_beyond_the_limit_are_left_out),
        cmocka_unit_test(line_is_edited_and_echoed),
        cmocka_unit_test(line_takes_cr_lf_for_one_end),
        cmocka_unit_test(line_backspace_stops_at_the_start),
        cmocka_unit_test(line_too_long_is_cut),
        cmocka_unit_test(clock_scaling_is_exact_enough),
        cmocka_unit_test(timer_counts_are_clamped),
        cmocka_unit_test(jitter_is_sorted_into_buckets),
        cmocka_unit_test(hex_numbers_are_read_whole),
        cmocka_unit_test(widths_and_code_bytes),
        cmocka_unit_test(pci_functions_are_named),
    };

    return cmocka_run_group_tests(tests, 0, 0);
}
