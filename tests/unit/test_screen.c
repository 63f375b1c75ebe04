/* SPDX-License-Identifier: Apache-2.0 */
/* The console on a framebuffer: what is drawn where, and what is refused to be drawn on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bootinfo.h"
#include "dev.h"
#include "plan.h"
#include "screen_font.h"

#define COLUMNS 5u
#define ROWS 3u
#define PITCH (4 * (COLUMNS * FONT_WIDTH + 3)) /* more than what is shown */
#define LINES (ROWS * FONT_HEIGHT + 5)
#define ADDRESS 0xfd000000u

static struct board table = {.pci = {.window = 0xfe000000, .window_size = 0x100000}};
const struct plan plan = {.board = &table};

/* A glyph's rows are its code. */
const uint8_t screen_font[FONT_LAST - FONT_FIRST + 1][FONT_HEIGHT] = {['A' - FONT_FIRST] = {[0] = 0x41, [15] = 0x41},
                                                                      ['B' - FONT_FIRST] = {[0] = 0x42, [15] = 0x42},
                                                                      ['C' - FONT_FIRST] = {[0] = 0x43}};

static uint64_t ticks;

uint64_t arch_ticks(void)
{
    return ticks;
}

uint64_t arch_tsc_khz(void)
{
    return 3840;
}

static uint32_t frame[PITCH / 4 * LINES];
static struct boot_info boot;

void *boot_memory(uint64_t address, size_t size)
{
    assert_int_equal(address, ADDRESS);
    assert_int_equal(size, sizeof(frame));
    return frame;
}

static int screen_make(void **state)
{
    (void)state;
    table.uart.port = 0;
    memset(frame, 0xee, sizeof(frame));
    boot = (struct boot_info){
        .frame = {.address = ADDRESS, .pitch = PITCH, .width = COLUMNS * FONT_WIDTH, .height = LINES, .bits = 32},
        .ranges = {{0, 0xa0000, 1}, {ADDRESS, 0x1000, 2}},
        .range_count = 2};
    screen_init(&boot);
    return 0;
}

static void put(const char *text)
{
    while (*text)
        screen_put(*text++);
}

/* The first row of pixels of a cell, as bits. */
static uint8_t cell(unsigned column, unsigned row)
{
    uint8_t bits = 0;

    for (unsigned x = 0; x < FONT_WIDTH; x++)
        bits |= (uint8_t)((frame[row * FONT_HEIGHT * (PITCH / 4) + column * FONT_WIDTH + x] != 0) << (7 - x));
    return bits;
}

static void test_text_goes_on_at_the_top(void **state)
{
    (void)state;
    put("AB\r\nC\r\nA");
    assert_int_equal(cell(0, 0), 'A');
    assert_int_equal(cell(1, 0), 'B');
    assert_int_equal(cell(0, 1), 'C');
    assert_int_equal(cell(0, 2), 'A');
    put("\r\nB");
    assert_int_equal(cell(0, 0), 'B');
    assert_int_equal(cell(1, 0), 0);
    assert_int_equal(cell(0, 1), 'C');
    put("\rA\bB");
    assert_int_equal(cell(0, 0), 'B');
}

static void test_long_lines_are_broken(void **state)
{
    (void)state;
    put("\r\n\r\n\r\n\r\nAAAAAB");
    for (unsigned i = 0; i < COLUMNS; i++)
        assert_int_equal(cell(i, 1), 'A');
    assert_int_equal(cell(0, 2), 'B');
}

static void test_escapes_and_others_are_not_drawn(void **state)
{
    (void)state;
    put("\r\n\x1b[!pA\x1b\\\x1b[?1000lB\x07\x7f\xc3\xa4"
        "C");
    for (unsigned row = 0; row < ROWS; row++)
        if (cell(0, row) == 'A' && cell(1, row) == 'B' && cell(2, row) == 'C')
            return;
    fail();
}

static void test_nothing_outside_is_written(void **state)
{
    (void)state;
    srand(5);
    for (unsigned i = 0; i < 20000; i++)
        screen_put((char)rand());
    for (unsigned line = 0; line < LINES; line++)
        for (unsigned x = COLUMNS * FONT_WIDTH; x < PITCH / 4; x++)
            assert_int_equal(frame[line * (PITCH / 4) + x], 0xeeeeeeee);
    for (unsigned line = ROWS * FONT_HEIGHT; line < LINES; line++)
        assert_int_equal(frame[line * (PITCH / 4)], 0xeeeeeeee);
}

/* A thousand ticks each: what is drawn at once has to be waited for. */
static void test_drawing_takes_its_time(void **state)
{
    (void)state;
    ticks = 50000000;
    assert_true(screen_ready());
    put("AB\n\n\x1b[mC");
    assert_false(screen_ready());
    ticks += 4999;
    assert_false(screen_ready());
    ticks += 1;
    assert_true(screen_ready());
}

/* A row that was drawn on is empty when the text comes round again. */
static void test_rows_are_cleared(void **state)
{
    (void)state;
    put("AAAA\r\n\r\n\r\n");
    for (unsigned i = 0; i < COLUMNS; i++)
        assert_int_equal(cell(i, 0), 0);
}

/* Each made wrong in one way.. */
static void refused(void (*change)(void))
{
    uint64_t size;

    boot.frame =
        (struct boot_frame){.address = ADDRESS, .pitch = PITCH, .width = COLUMNS * FONT_WIDTH, .height = LINES, .bits = 32};
    boot.ranges[0] = (struct boot_range){0, 0xa0000, 1};
    boot.range_count = 1;
    table.uart.port = 0;
    change();
    screen_init(&boot);
    screen_memory(&size);
    if (size != 0)
        fail_msg("taken");
    put("A");
}

static void uart_there(void)
{
    table.uart.port = 0x3f8;
}
static void bits_24(void)
{
    boot.frame.bits = 24;
}
static void pitch_short(void)
{
    boot.frame.pitch = 4 * COLUMNS * FONT_WIDTH - 4;
}
static void pitch_odd(void)
{
    boot.frame.pitch++;
}
static void huge(void)
{
    boot.frame.height = 0xffffffff;
}
static void high(void)
{
    boot.frame.address = GIB(4) - 4096;
}
static void in_window(void)
{
    boot.frame.address = 0xfe000000 - 64;
}
static void in_memory(void)
{
    boot.ranges[0] = (struct boot_range){ADDRESS + sizeof(frame) - 1, 1, 1};
}
static void flat(void)
{
    boot.frame.height = FONT_HEIGHT;
}
static void nowhere(void)
{
    boot.frame = (struct boot_frame){0};
}

static void test_what_is_no_framebuffer_is_refused(void **state)
{
    static void (*const changes[])(void) = {uart_there, bits_24,   pitch_short, pitch_odd, huge,
                                            high,       in_window, in_memory,   flat,      nowhere};

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(changes); i++)
        refused(changes[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_no_framebuffer_is_refused), /* first: nothing has been taken yet */
        cmocka_unit_test_setup(test_text_goes_on_at_the_top, screen_make),
        cmocka_unit_test_setup(test_long_lines_are_broken, screen_make),
        cmocka_unit_test_setup(test_escapes_and_others_are_not_drawn, screen_make),
        cmocka_unit_test_setup(test_rows_are_cleared, screen_make),
        cmocka_unit_test_setup(test_drawing_takes_its_time, screen_make),
        cmocka_unit_test_setup(test_nothing_outside_is_written, screen_make),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
