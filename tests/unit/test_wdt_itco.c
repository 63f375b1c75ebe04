/* SPDX-License-Identifier: Apache-2.0 */
/* The TCO timer of Intel's chipsets against a model of its registers that counts. */
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
    .pci_hole = 0xc0000000, .pci = {.window = 0xf6000000, .window_size = 0x1000000}, .watchdog = {.bus = 0, .device = 0x1f}};
static struct plan table = {.board = &machine};
extern const struct plan plan __attribute__((alias("table")));
static const char *said;

#define PORTS 0x660u
#define HALT 0x800u

static struct {
    uint32_t config[64];
    uint16_t count, timer, control, status1, status2;
    bool strap; /* the control register's NO_REBOOT stays */
    bool reset;
} chip;
static uint8_t gcs_page[4096] __attribute__((aligned(4096)));

static uint32_t *gcs(void)
{
    return (uint32_t *)(gcs_page + 0x410);
}

static bool by_lpc(void)
{
    return machine.watchdog.kind == WATCHDOG_ITCO;
}

static bool no_reboot(void)
{
    return by_lpc() ? (*gcs() & 0x20) != 0 : (chip.control & 1) != 0;
}

/* 0.6 s go by. */
static void tick(void)
{
    if ((chip.control & HALT) || chip.reset || --chip.count > 0)
        return;
    if (chip.status1 & 8) {
        chip.status2 |= 6;
        chip.reset = !no_reboot();
    }
    chip.status1 |= 8;
    chip.count = chip.timer & 0x3ff;
}

uint16_t inw(uint16_t port)
{
    switch (port - PORTS) {
    case 0x00:
        return chip.count;
    case 0x04:
        return chip.status1;
    case 0x06:
        return chip.status2;
    case 0x08:
        return chip.control;
    case 0x12:
        return chip.timer;
    default:
        fail_msg("read of port 0x%x", port);
        return 0;
    }
}

void outw(uint16_t port, uint16_t value)
{
    switch (port - PORTS) {
    case 0x00:
        if (!(chip.status2 & 2)) /* the second end clears both */
            chip.status1 &= (uint16_t)~8u;
        chip.count = chip.timer & 0x3ff;
        break;
    case 0x04:
        chip.status1 &= (uint16_t)~value;
        break;
    case 0x06:
        assert_false((value & 4) && (chip.status2 & 2)); /* BOOT_STS after SECOND_TO_STS */
        chip.status2 &= (uint16_t)~value;
        break;
    case 0x08:
        assert_int_equal(value & 0x500, 0); /* nothing is sent */
        chip.control = chip.strap ? value | 1 : value;
        break;
    case 0x12:
        assert_in_range(value & 0x3ff, 4, 0x3ff);
        chip.timer = value;
        break;
    default:
        fail_msg("write of port 0x%x", port);
    }
}

uint32_t arch_pci_read(uint16_t requester, unsigned offset, unsigned size)
{
    assert_int_equal(requester, by_lpc() ? 0xf8 : 0xfc);
    assert_int_equal(size, 4);
    return chip.config[offset / 4];
}

void arch_pci_write(uint16_t requester, unsigned offset, unsigned size, uint32_t value)
{
    fail_msg("write of configuration space: %x %x %u %x", requester, offset, size, value);
}

void log_line(const char *format, ...)
{
    said = format;
}

void *arch_mmio(hpa_t page)
{
    assert_int_equal(page.v, 0xfed1f000);
    return gcs_page;
}

static void chip_set(enum board_watchdog kind, uint32_t timeout_ms)
{
    memset(&chip, 0, sizeof(chip));
    memset(gcs_page, 0xff, sizeof(gcs_page));
    machine.watchdog.kind = kind;
    machine.watchdog.function = kind == WATCHDOG_ITCO ? 0 : 4;
    machine.watchdog.timeout_ms = timeout_ms;
    chip.timer = chip.count = 0x0004;
    chip.control = 0x1301; /* lock, NMI to SMI, an NMI that waits; and no reboot */
    if (kind == WATCHDOG_ITCO) {
        chip.config[0x00 / 4] = 0x29188086;
        chip.config[0x08 / 4] = 0x06010002;
        chip.config[0x40 / 4] = 0x00000601;
        chip.config[0x44 / 4] = 0x00000080;
        chip.config[0xf0 / 4] = 0xfed1c001;
    } else {
        chip.config[0x00 / 4] = 0x4b238086;
        chip.config[0x08 / 4] = 0x0c050011;
        chip.config[0x50 / 4] = PORTS | 1;
        chip.config[0x54 / 4] = 0x00000100;
    }
}

static const enum board_watchdog both[] = {WATCHDOG_ITCO, WATCHDOG_ITCO_SMBUS};

static void test_resets_when_it_is_not_fed(void **state)
{
    static const uint32_t timeouts[] = {4800, 5000, 20000, 600000};

    (void)state;
    for (unsigned i = 0; i < 2; i++)
        for (unsigned j = 0; j < ARRAY_SIZE(timeouts); j++) {
            unsigned ticks = 0;

            chip_set(both[i], timeouts[j]);
            chip.status1 = 8; /* of the boot before */
            chip.status2 = 6;
            assert_null(watchdog_probe());
            assert_non_null(said);
            assert_false(no_reboot());
            for (unsigned wait = 0; wait < 1000; wait++)
                tick();
            assert_false(chip.reset); /* it does not count before the start */
            arch_watchdog_start();
            assert_int_equal(chip.status1 | chip.status2, 0);
            assert_int_equal(chip.control & 0x1a00, 0x1200); /* what is not ours stays */
            for (unsigned fed = 0; fed < 3000; fed++) {
                tick();
                arch_watchdog_feed();
            }
            assert_false(chip.reset);
            while (!chip.reset && ticks < 2000) {
                tick();
                ticks++;
            }
            assert_in_range(ticks * 600, timeouts[j] - 2 * 600, timeouts[j]);
        }
}

/* A feed between the two stages begins both anew. */
static void test_fed_in_the_second_stage(void **state)
{
    (void)state;
    chip_set(WATCHDOG_ITCO, 12000);
    assert_null(watchdog_probe());
    arch_watchdog_start();
    for (unsigned round = 0; round < 100; round++) {
        for (unsigned i = 0; i < 18; i++)
            tick();
        assert_int_equal(chip.status1 & 8, 8);
        arch_watchdog_feed();
    }
    assert_false(chip.reset);
}

static void test_only_the_bit_of_the_chipset_changes(void **state)
{
    (void)state;
    chip_set(WATCHDOG_ITCO, 20000);
    assert_null(watchdog_probe());
    assert_int_equal(*gcs(), 0xffffffdf);
    *gcs() = 0xffffffff;
    for (unsigned i = 0; i < sizeof(gcs_page); i++)
        assert_int_equal(gcs_page[i], 0xff);
}

static void test_strap_that_forbids_it(void **state)
{
    const char *why;

    (void)state;
    chip_set(WATCHDOG_ITCO_SMBUS, 20000);
    chip.strap = true;
    why = watchdog_probe();
    assert_non_null(why);
    assert_non_null(strstr(why, "NO_REBOOT"));
}

static void test_missing(void **state)
{
    static const struct {
        enum board_watchdog kind;
        unsigned offset;
        uint32_t value;
    } wrong[] = {
        {WATCHDOG_ITCO, 0x00, 0xffffffff},
        {WATCHDOG_ITCO, 0x00, 0x790e1022},
        {WATCHDOG_ITCO, 0x08, 0x0c050002},
        {WATCHDOG_ITCO, 0x40, 0x00000001},
        {WATCHDOG_ITCO, 0x44, 0},
        {WATCHDOG_ITCO, 0xf0, 0xfed1c000},
        {WATCHDOG_ITCO, 0xf0, 0x00000001},
        {WATCHDOG_ITCO, 0xf0, 0x00100001}, /* RAM */
        {WATCHDOG_ITCO, 0xf0, 0xf6ff4001}, /* a partition's device */
        {WATCHDOG_ITCO_SMBUS, 0x00, 0x790b1022},
        {WATCHDOG_ITCO_SMBUS, 0x08, 0x06010011},
        {WATCHDOG_ITCO_SMBUS, 0x50, 0x00000001},
        {WATCHDOG_ITCO_SMBUS, 0x54, 0},
    };

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        chip_set(both[i], 20000);
        assert_null(watchdog_find());
        assert_int_equal(chip.control, 0x1301); /* it changes nothing */
        assert_true(no_reboot());
    }
    for (unsigned i = 0; i < ARRAY_SIZE(wrong); i++) {
        chip_set(wrong[i].kind, 20000);
        chip.config[wrong[i].offset / 4] = wrong[i].value;
        assert_non_null(watchdog_find());
        assert_non_null(watchdog_probe());
        assert_int_equal(chip.control, 0x1301);
        assert_true(no_reboot());
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_resets_when_it_is_not_fed),
        cmocka_unit_test(test_fed_in_the_second_stage),
        cmocka_unit_test(test_only_the_bit_of_the_chipset_changes),
        cmocka_unit_test(test_strap_that_forbids_it),
        cmocka_unit_test(test_missing),
    };

    return cmocka_run_group_tests(tests, 0, 0);
}
