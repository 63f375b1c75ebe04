/* SPDX-License-Identifier: Apache-2.0 */
/* Formatting, time stamps, and the hypervisor's log before and after partitions run. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "console_parts.h"
#include "fake_arch.h"

static int setup(void **state)
{
    (void)state;
    fake_reset();
    return 0;
}

__attribute__((format(printf, 1, 2))) static void same(const char *format, ...)
{
    char want[200], got[200];
    va_list list;
    size_t length;

    va_start(list, format);
    vsnprintf(want, sizeof(want), format, list);
    va_end(list);
    memset(got, 'x', sizeof(got));
    va_start(list, format);
    length = format_list(got, sizeof(got), format, list);
    va_end(list);
    assert_string_equal(got, want);
    assert_int_equal(length, strlen(want));
}

/* Without the compiler's checks of the format. */
static size_t unchecked(char *out, size_t size, const char *format, ...)
{
    va_list list;
    size_t length;

    va_start(list, format);
    length = format_list(out, size, format, list);
    va_end(list);
    return length;
}

static void test_format_as_printf(void **state)
{
    (void)state;
    same("plain");
    same("%s|%10s|%-10s|", "abc", "abc", "abc");
    same("%s", "longer than its width");
    same("%2s|", "abc");
    same("%c%c|%3c|", 'a', 'b', 'c');
    same("%d %d %d", 0, -1, 2147483647);
    same("%d", (int)-2147483648);
    same("%ld %ld", INT64_MAX, INT64_MIN);
    same("%5d|%-5d|%05d|%05d", 42, 42, 42, -42);
    same("%u %u", 0u, 4294967295u);
    same("%x %08x %-8x|", 0xbeefu, 0xbeefu, 0xbeefu);
    same("%lx %016lx %lu", UINT64_MAX, (uint64_t)0x123456789a, UINT64_MAX);
    same("%zu", (size_t)17);
    same("100%%");
    same("%p", (void *)0x1234);
    same("%64d|", 7);
}

static void test_format_bounds(void **state)
{
    char out[8] = "zzzzzzz";

    (void)state;
    assert_int_equal(format_text(out, 0, "abc"), 0);
    assert_int_equal(out[0], 'z');
    assert_int_equal(format_text(out, 1, "abc"), 0);
    assert_string_equal(out, "");
    assert_int_equal(format_text(out, 4, "abcdef"), 3);
    assert_string_equal(out, "abc");
    assert_int_equal(out[4], 'z');
    assert_int_equal(unchecked(out, sizeof(out), "%s", (const char *)0), 6);
    assert_string_equal(out, "(none)");
}

/* A width from a broken format is capped, an unfinished conversion ends the text. */
static void test_format_odd(void **state)
{
    char out[300];
    const char *wide = "%99999999999d", *open = "ab%", *open2 = "ab%0", *unknown = "%q";

    (void)state;
    assert_int_equal(unchecked(out, sizeof(out), wide, 1), 64);
    assert_int_equal(unchecked(out, sizeof(out), open, 1), 2);
    assert_int_equal(unchecked(out, sizeof(out), open2, 1), 2);
    assert_int_equal(unchecked(out, sizeof(out), unknown, 1), 1);
    assert_string_equal(out, "q");
}

static void test_time(void **state)
{
    char out[64];

    (void)state;
    assert_int_equal(time_us(fake.boot_ticks), 0);
    assert_int_equal(time_us(fake.boot_ticks + 3141592653), 3141592);
    assert_int_equal(time_us(fake.boot_ticks - 1), 0);
    /* Ten years: no overflow on the way. */
    fake.khz = 3000001;
    assert_int_equal(time_us(fake.boot_ticks + 3000001000ull * 315360000) / 1000000, 315360000);
    fake.khz = 0;
    assert_int_equal(time_us(fake.boot_ticks + 77), 0);
    fake.khz = 1000000;
    log_prefix(out, sizeof(out), fake.boot_ticks + 3141592653, "name");
    assert_string_equal(out, "[    3.141592] name| ");
    log_prefix(out, sizeof(out), fake.boot_ticks, "bulkhead");
    assert_string_equal(out, "[    0.000000] bulkhead| ");
}

static void test_boot_lines_go_out_at_once(void **state)
{
    (void)state;
    log_line("hello %d", 1);
    assert_string_equal(fake_uart_text(), "[    0.000000] bulkhead| hello 1\r\n");
    fake_ms(2500);
    log_line("and %s", "again");
    assert_string_equal(fake_uart_text(), "[    2.500000] bulkhead| and again\r\n");
}

/* AC-45: data in a line cannot begin another or speak to the terminal. */
static void test_ac45_no_control_characters(void **state)
{
    (void)state;
    log_line("a\nb\rc\x1b[2Jd\x7f"
             "e\xc2\x9b");
    assert_string_equal(fake_uart_text(), "[    0.000000] bulkhead| a.b.c.[2Jd.e..\r\n");
}

static void test_line_length_is_capped(void **state)
{
    char text[400];

    (void)state;
    memset(text, 'y', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    log_line("%s", text);
    assert_int_equal(strlen(fake_uart_text()), LOG_LINE - 1 + 2);
}

/* A UART that never gets ready costs its bound once, and is used again when it is ready. */
static void test_dead_uart_is_bounded(void **state)
{
    unsigned first;

    (void)state;
    fake.uart_busy = true;
    log_line("one");
    first = fake.uart_asked;
    assert_true(first < 200000);
    log_line("two");
    assert_true(fake.uart_asked - first < 10);
    assert_int_equal(fake.uart_length, 0);
    fake.uart_busy = false;
    log_line("three");
    assert_string_equal(fake_uart_text(), "[    0.000000] bulkhead| three\r\n");
}

/* Last: there is no way back. Lines wait in the ring; what finds no room is counted and told. */
static void test_live_ring(void **state)
{
    char line[LOG_LINE];
    unsigned written = 0, read = 0;
    size_t length;

    (void)state;
    log_live();
    assert_true(log_is_live());
    log_line("waits");
    assert_int_equal(fake.uart_length, 0);
    length = log_next(line);
    assert_int_equal(length, strlen("[    0.000000] bulkhead| waits"));
    assert_memory_equal(line, "[    0.000000] bulkhead| waits", length);
    assert_int_equal(log_next(line), 0);

    for (; written < 2000; written++)
        log_line("number %04u", written);
    for (length = log_next(line); length != 0; length = log_next(line), read++) {
        char want[64];

        snprintf(want, sizeof(want), "[    0.000000] bulkhead| number %04u", read);
        assert_int_equal(length, strlen(want));
        assert_memory_equal(line, want, length);
    }
    assert_int_equal(read, LOG_RING / (strlen("[    0.000000] bulkhead| number 0000") + 1));
    log_line("after");
    length = log_next(line);
    line[length] = '\0';
    {
        char want[100];

        snprintf(want, sizeof(want), "[    0.000000] bulkhead| %u lines of this log found no room", written - read);
        assert_string_equal(line, want);
    }
    length = log_next(line);
    assert_memory_equal(line + length - 5, "after", 5);
    assert_int_equal(log_next(line), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_format_as_printf, setup),
        cmocka_unit_test_setup(test_format_bounds, setup),
        cmocka_unit_test_setup(test_format_odd, setup),
        cmocka_unit_test_setup(test_time, setup),
        cmocka_unit_test_setup(test_boot_lines_go_out_at_once, setup),
        cmocka_unit_test_setup(test_ac45_no_control_characters, setup),
        cmocka_unit_test_setup(test_line_length_is_capped, setup),
        cmocka_unit_test_setup(test_dead_uart_is_bounded, setup),
        cmocka_unit_test_setup(test_live_ring, setup),
    };

    return cmocka_run_group_tests(tests, 0, 0);
}
