/* SPDX-License-Identifier: Apache-2.0 */
/* Text on the framebuffer that the firmware left, for boards without a UART. Only written, never read: reads of such memory are slow, so the
 * text does not scroll but goes on at the top. */
#include "arch.h"
#include "bootinfo.h"
#include "core_area.h"
#include "dev.h"
#include "memory.h"
#include "plan.h"
#include "screen_font.h"

#define INK 0x00d0d0d0u
#define PAPER 0x00000000u
#define FRAME_MAX MIB(64)
#define GLYPHS_PER_SECOND                                                                                                          \
    3840u /* as a UART of 38,400 baud: each is 128 writes to slow memory, and 128 more when its row is cleared */
#define ROWS_MAX 512u

static struct {
    volatile uint32_t *pixels; /* 0: no screen */
    struct boot_frame frame;
    uint32_t columns, rows, column, row;
    enum { TEXT, ESCAPE, SEQUENCE } state;
    uint64_t busy_until;     /* TSC: what was drawn is paid for */
    uint16_t used[ROWS_MAX]; /* columns of each row that have been drawn on */
} screen;

/* What is usable memory, or may be a partition's device, is no framebuffer, whoever says so. */
static bool frame_sound(const struct boot_info *boot, const struct boot_frame *f, uint64_t size)
{
    if (f->bits != 32 || f->width / FONT_WIDTH > UINT16_MAX || f->width < FONT_WIDTH || f->height < 2 * FONT_HEIGHT ||
        f->pitch / 4 < f->width || f->pitch % 4 != 0)
        return false;
    if (f->address % 4 != 0 || size > FRAME_MAX || !range_inside(f->address, size, 0, GIB(4)))
        return false;
    if (range_overlap(f->address, size, plan.board->pci.window, plan.board->pci.window_size))
        return false;
    for (uint32_t i = 0; i < boot->range_count; i++)
        if (boot->ranges[i].type == 1 && range_overlap(f->address, size, boot->ranges[i].base, boot->ranges[i].size))
            return false;
    return true;
}

static void row_clear(uint32_t row)
{
    volatile uint32_t *at = screen.pixels + (uint64_t)row * FONT_HEIGHT * (screen.frame.pitch / 4);

    for (uint32_t y = 0; y < FONT_HEIGHT; y++, at += screen.frame.pitch / 4)
        for (uint32_t x = 0; x < screen.used[row] * FONT_WIDTH; x++)
            at[x] = PAPER;
    screen.used[row] = 0;
}

void screen_init(const struct boot_info *boot)
{
    const struct boot_frame *f = &boot->frame;
    uint64_t size = (uint64_t)f->pitch * f->height;

    if (plan.board->uart.port != 0 || !frame_sound(boot, f, size))
        return;
    screen.frame = *f;
    screen.pixels = boot_memory(f->address, size);
    screen.columns = f->width / FONT_WIDTH;
    screen.rows = f->height / FONT_HEIGHT < ROWS_MAX ? f->height / FONT_HEIGHT : ROWS_MAX;
    screen.column = screen.row = 0;
    for (uint32_t row = 0; screen.pixels != 0 && row < screen.rows; row++) {
        screen.used[row] = (uint16_t)screen.columns;
        row_clear(row);
    }
}

hpa_t screen_memory(uint64_t *size)
{
    *size = screen.pixels != 0 ? (uint64_t)screen.frame.pitch * screen.frame.height : 0;
    return HPA(screen.frame.address);
}

void screen_mapped(void)
{
    if (screen.pixels != 0)
        screen.pixels = (volatile uint32_t *)(SCREEN_BASE + screen.frame.address % LARGE_SIZE);
}

static void line_next(void)
{
    screen.column = 0;
    screen.row = (screen.row + 1) % screen.rows;
    row_clear(screen.row);
}

static void glyph_draw(char c)
{
    const uint8_t *glyph = screen_font[(uint8_t)c - FONT_FIRST];
    volatile uint32_t *at =
        screen.pixels + (uint64_t)screen.row * FONT_HEIGHT * (screen.frame.pitch / 4) + screen.column * FONT_WIDTH;

    for (uint32_t y = 0; y < FONT_HEIGHT; y++, at += screen.frame.pitch / 4)
        for (uint32_t x = 0; x < FONT_WIDTH; x++)
            at[x] = glyph[y] >> (7 - x) & 1 ? INK : PAPER;
}

/* An escape sequence is passed over: ESC [ ... letter, or ESC and one character. */
static bool escaped(char c)
{
    if (screen.state == TEXT && c != 0x1b)
        return false;
    if (c == 0x1b)
        screen.state = ESCAPE;
    else if (screen.state == ESCAPE)
        screen.state = c == '[' ? SEQUENCE : TEXT;
    else if (c >= '@' && c <= '~')
        screen.state = TEXT;
    return true;
}

bool screen_ready(void)
{
    return screen.pixels == 0 || (int64_t)(arch_ticks() - screen.busy_until) >= 0;
}

/* However much a partition prints, the core that draws it has most of its time for others (AC-45). A row is cleared as far as it was drawn
 * on, so that empty lines cost no more than text. */
static void pay(void)
{
    uint64_t now = arch_ticks(), from = (int64_t)(screen.busy_until - now) > 0 ? screen.busy_until : now;

    screen.busy_until = from + arch_tsc_khz() * 1000 / GLYPHS_PER_SECOND;
}

void screen_put(char c)
{
    if (screen.pixels == 0 || escaped(c))
        return;
    pay();
    if (c == '\r')
        screen.column = 0;
    else if (c == '\n')
        line_next();
    else if (c == '\b' && screen.column > 0)
        screen.column--;
    else if (c >= FONT_FIRST && c <= FONT_LAST) {
        if (screen.column == screen.columns)
            line_next();
        glyph_draw(c);
        screen.column++;
        if (screen.used[screen.row] < screen.column)
            screen.used[screen.row] = (uint16_t)screen.column;
    }
}
