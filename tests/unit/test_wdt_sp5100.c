/* SPDX-License-Identifier: Apache-2.0 */
/* The watchdog of AMD's chipsets, in its three layouts, against a model of its registers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "arch.h"
#include "console.h"
#include "dev.h"
#include "plan.h"
#include "x86.h"

static struct board machine = {
    .pci_hole = 0xe0000000, .pci = {.window = 0xf6000000, .window_size = 0x1000000}, .watchdog = {.device = 0x14}};
static struct plan table = {.board = &machine};
extern const struct plan plan __attribute__((alias("table")));
static const char *said;

static struct {
    uint32_t id;
    uint8_t revision, misc, index, pm[256];
    uint64_t page; /* that was mapped */
} chip;
static uint8_t page[4096] __attribute__((aligned(4096)));

static bool in_fch(void)
{
    return machine.watchdog.kind == WATCHDOG_FCH;
}

static uint8_t *pm(unsigned reg)
{
    return in_fch() ? page + 0x300 + reg : chip.pm + reg;
}

static uint32_t *registers(void)
{
    return (uint32_t *)(page + (in_fch() ? 0xb00 : 0x0f0));
}

uint8_t inb(uint16_t port)
{
    assert_int_equal(port, 0xcd7);
    assert_false(in_fch());
    return chip.pm[chip.index];
}

void outb(uint16_t port, uint8_t value)
{
    assert_false(in_fch());
    if (port == 0xcd6)
        chip.index = value;
    else if (port == 0xcd7)
        chip.pm[chip.index] = value;
    else
        fail_msg("write of port 0x%x", port);
}

uint32_t arch_pci_read(uint16_t requester, unsigned offset, unsigned size)
{
    assert_int_equal(requester, 0xa0);
    if (offset == 0x41 && size == 1)
        return chip.misc;
    assert_int_equal(offset == 8 ? 1 : 4, size);
    return offset == 8 ? chip.revision : chip.id;
}

void arch_pci_write(uint16_t requester, unsigned offset, unsigned size, uint32_t value)
{
    assert_int_equal(requester, 0xa0);
    assert_int_equal(offset, 0x41);
    assert_int_equal(size, 1);
    assert_int_equal(machine.watchdog.kind, WATCHDOG_SP5100);
    chip.misc = (uint8_t)value;
}

void log_line(const char *format, ...)
{
    said = format;
}

void *arch_mmio(hpa_t hpa)
{
    assert_int_equal(chip.page, 0);
    chip.page = hpa.v;
    return page;
}

static void base_set(unsigned reg, uint32_t base)
{
    memcpy(pm(reg), &base, 4);
}

static void chip_set(enum board_watchdog kind)
{
    memset(&chip, 0, sizeof(chip));
    memset(page, 0, sizeof(page));
    machine.watchdog.kind = kind;
    machine.watchdog.timeout_ms = 20500;
    chip.misc = 0x40;
    switch (kind) {
    case WATCHDOG_SP5100:
        chip.id = 0x43851002;
        chip.revision = 0x3c;
        *pm(0x69) = 0x81;
        base_set(0x6c, 0xfec000f0);
        break;
    case WATCHDOG_SB800:
        chip.id = 0x43851002;
        chip.revision = 0x42;
        base_set(0x48, 0xfec000f2); /* disabled, and not decoded */
        *pm(0x4c) = 0x80;
        break;
    default:
        chip.id = 0x780b1022;
        chip.revision = 0x42;
        *pm(0x03) = 0x4c;
        *pm(0x04) = 0x02;
    }
}

static const enum board_watchdog all[] = {WATCHDOG_SP5100, WATCHDOG_SB800, WATCHDOG_FCH};

static void test_start_and_feed(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        chip_set(all[i]);
        assert_null(watchdog_find());
        assert_int_equal(chip.page, 0);
        assert_null(watchdog_probe());
        assert_int_equal(chip.page, in_fch() ? 0xfed80000 : 0xfec00000);
        assert_int_equal(registers()[0], 0); /* not yet */
        arch_watchdog_start();
        assert_int_equal(registers()[1], 20);
        assert_int_equal(registers()[0], 0x81); /* loaded and running; bit 2, power off instead of reset, is clear */
        registers()[0] = 1;
        arch_watchdog_feed();
        assert_int_equal(registers()[0], 0x81);
    }
}

static void test_clock_of_one_second(void **state)
{
    (void)state;
    chip_set(WATCHDOG_SP5100);
    assert_null(watchdog_probe());
    assert_int_equal(*pm(0x69), 0x86);
    assert_int_equal(chip.misc, 0x48);
    chip_set(WATCHDOG_SB800);
    assert_null(watchdog_probe());
    assert_int_equal(*pm(0x4c), 0x83);
    assert_int_equal(*pm(0x48), 0xf1);
    chip_set(WATCHDOG_FCH);
    assert_null(watchdog_probe());
    assert_int_equal(*pm(0x03), 0x43);
}

static void test_ends_of_the_counter(void **state)
{
    (void)state;
    chip_set(WATCHDOG_FCH);
    machine.watchdog.timeout_ms = 999;
    assert_null(watchdog_probe());
    assert_non_null(said);
    arch_watchdog_start();
    assert_int_equal(registers()[1], 1);
    machine.watchdog.timeout_ms = UINT32_MAX;
    arch_watchdog_start();
    assert_int_equal(registers()[1], 0xffff);
}

static void test_other_chipsets(void **state)
{
    static const struct {
        enum board_watchdog kind;
        uint32_t id;
        uint8_t revision;
        bool fits;
    } chips[] = {
        {WATCHDOG_SP5100, 0x43851002, 0x3f, true}, {WATCHDOG_SP5100, 0x43851002, 0x40, false},
        {WATCHDOG_SB800, 0x43851002, 0x3f, false}, {WATCHDOG_SB800, 0x780b1022, 0x14, true},
        {WATCHDOG_SB800, 0x780b1022, 0x41, false}, {WATCHDOG_FCH, 0x780b1022, 0x40, false},
        {WATCHDOG_FCH, 0x790b1022, 0x61, true},    {WATCHDOG_FCH, 0x790b1022, 0x48, false},
        {WATCHDOG_FCH, 0x43851002, 0x42, false},   {WATCHDOG_SP5100, 0xffffffff, 0xff, false},
        {WATCHDOG_FCH, 0xffffffff, 0xff, false},
    };

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(chips); i++) {
        chip_set(chips[i].kind);
        chip.id = chips[i].id;
        chip.revision = chips[i].revision;
        assert_int_equal(watchdog_find() == 0, chips[i].fits);
    }
}

/* The firmware's window must be where no RAM and no partition's device can be. */
static void test_windows(void **state)
{
    static const struct {
        uint32_t base;
        bool sound;
    } bases[] = {{0, false},          {0xdffff000, false}, {0xe0000000, true}, {0xf5fffff8, true}, {0xf6000000, false},
                 {0xf6fffff8, false}, {0xf7000000, true},  {0xfec000f0, true}, {0xffffffff, false}};

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(bases); i++) {
        chip_set(WATCHDOG_SP5100);
        base_set(0x6c, bases[i].base);
        assert_int_equal(watchdog_find() == 0, bases[i].sound);
        chip_set(WATCHDOG_SB800);
        base_set(0x48, bases[i].base);
        assert_int_equal(watchdog_find() == 0, bases[i].sound);
    }
}

static void test_stays_off(void **state)
{
    const char *why;

    (void)state;
    chip_set(WATCHDOG_FCH);
    *pm(0x04) = 0;
    why = watchdog_probe();
    assert_non_null(why);
    assert_non_null(strstr(why, "off"));
    assert_int_equal(*pm(0x03), 0x4c);
    for (unsigned i = 0; i < 3; i++) {
        chip_set(all[i]);
        registers()[0] = 8;
        why = watchdog_probe();
        assert_non_null(why);
        assert_non_null(strstr(why, "disabled"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_start_and_feed),
        cmocka_unit_test(test_clock_of_one_second),
        cmocka_unit_test(test_ends_of_the_counter),
        cmocka_unit_test(test_other_chipsets),
        cmocka_unit_test(test_windows),
        cmocka_unit_test(test_stays_off),
    };

    return cmocka_run_group_tests(tests, 0, 0);
}
