/* SPDX-License-Identifier: Apache-2.0 */
/* The hypervisor's own devices against small models of them: real-time clock, calibration, UART interrupt line, watchdog. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "arch.h"
#include "dev.h"
#include "lapic.h"
#include "plan.h"
#include "x86.h"

static struct board machine;
static struct plan table = {.board = &machine, .tick_hz = 50};
extern const struct plan plan __attribute__((alias("table")));

/* --- models ----------------------------------------------------------------------------------------------------------------- */

static struct {
    uint8_t index, registers[16];
    unsigned updating; /* reads of status A that still show an update */
    unsigned tick_at;  /* the clock goes on after this many register reads; 0: never */
    unsigned reads;
    unsigned seconds_every; /* reads of the time; 0: it stands still but for tick_at */
} rtc;

static struct {
    uint64_t tsc_khz, tsc, apic_khz;
    uint32_t offset; /* of the PM timer, to see it wrap */
    bool stuck;
    uint32_t seed, disturb_every;
} clocks;

static struct {
    uint8_t in[64], out[64];
    unsigned in_count, in_taken, out_count;
    uint8_t ier, lcr, mcr, fcr;
    uint16_t divisor;
    bool thre_pending, thr_full, timeout; /* of a character that is not there */
    unsigned sending;                     /* reads of the line status until the last byte has left */
    void (*on_out)(void);                 /* after a byte */
} uart;

static struct {
    uint32_t id, bar, command, mode, lock, timer1, timer2;
    uint8_t *page;
    uint8_t keys;
    bool present;
} wdt;

static struct {
    uint8_t control, written[4];
    unsigned count;
} pit;

static bool uart_line(void)
{
    return uart.timeout || ((uart.ier & 1) && uart.in_taken < uart.in_count) || ((uart.ier & 2) && uart.thre_pending);
}

static uint8_t uart_in(unsigned reg)
{
    uint8_t iir = 1;

    switch (reg) {
    case 0:
        uart.timeout = false;
        return uart.in_taken < uart.in_count ? uart.in[uart.in_taken++] : 0;
    case 2:
        if ((uart.ier & 1) && uart.in_taken < uart.in_count)
            iir = 4;
        else if (uart.timeout)
            iir = 0xc;
        else if ((uart.ier & 2) && uart.thre_pending) {
            iir = 2;
            uart.thre_pending = false; /* reading it acknowledges */
        }
        return iir | 0xc0;
    case 5:
        if (uart.sending > 0)
            uart.sending--;
        return (uint8_t)((uart.in_taken < uart.in_count ? 1 : 0) | (uart.thr_full ? 0 : 0x20) | (uart.sending ? 0 : 0x40));
    default:
        return 0xff;
    }
}

static void uart_out(unsigned reg, uint8_t value)
{
    bool divisor = (uart.lcr & 0x80) != 0;

    if (reg == 0 && divisor)
        uart.divisor = (uint16_t)((uart.divisor & 0xff00) | value);
    else if (reg == 1 && divisor)
        uart.divisor = (uint16_t)((uart.divisor & 0xff) | value << 8);
    else if (reg == 0 && uart.out_count < sizeof(uart.out)) {
        uart.out[uart.out_count++] = value;
        uart.thre_pending = false;
        uart.thr_full = true;
        if (uart.on_out)
            uart.on_out();
    } else if (reg == 1) {
        uart.ier = value;
        uart.thre_pending = (value & 2) && !uart.thr_full;
    } else if (reg == 2)
        uart.fcr = value;
    else if (reg == 3)
        uart.lcr = value;
    else if (reg == 4)
        uart.mcr = value;
}

static uint8_t rtc_in(void)
{
    static const uint8_t next[16] = {0x01, [2] = 0x00, [4] = 0x00, [7] = 0x01, [8] = 0x03, [9] = 0x24};

    if (rtc.index == 0x0a) {
        if (rtc.updating > 0) {
            rtc.updating--;
            return 0x80;
        }
        return 0x26;
    }
    if (rtc.index == 0 && rtc.seconds_every && (rtc.reads + 1) % rtc.seconds_every == 0)
        rtc.registers[0]++;
    if (rtc.index < 10 && ++rtc.reads == rtc.tick_at)
        memcpy(rtc.registers, next, 10);
    return rtc.registers[rtc.index & 15];
}

uint8_t inb(uint16_t port)
{
    clocks.tsc += 500;
    if (port == 0x71)
        return rtc_in();
    return port >= 0x3f8 && port < 0x400 ? uart_in(port - 0x3f8) : 0xff;
}

void outb(uint16_t port, uint8_t value)
{
    if (port == 0x70)
        rtc.index = value;
    else if (port == 0x43)
        pit.control = value;
    else if (port == 0x40)
        pit.written[pit.count++ % 4] = value;
    else if (port >= 0x3f8 && port < 0x400)
        uart_out(port - 0x3f8, value);
}

void arch_pci_write(uint16_t requester, unsigned offset, unsigned size, uint32_t value)
{
    assert_int_equal(requester, 0x28);
    if (offset == 0x60 && size == 2)
        wdt.mode = value;
    else if (offset == 0x04 && size == 2)
        wdt.command = value;
    else if (offset == 0x68 && size == 1)
        wdt.lock = value;
}

uint32_t arch_pci_read(uint16_t requester, unsigned offset, unsigned size)
{
    uint32_t value = offset == 0 ? wdt.id : offset == 4 ? wdt.command | 0x02900000 : offset == 0x10 ? wdt.bar : 0;

    assert_int_equal(requester, 0x28);
    if (!wdt.present)
        value = 0xffffffff;
    return size == 4 ? value : value & ((1u << 8 * size) - 1);
}

uint32_t inl(uint16_t port)
{
    clocks.tsc += 500;
    if (port == 0x608)
        return clocks.stuck ? 5 : (uint32_t)(clocks.tsc * 3579545 / (clocks.tsc_khz * 1000)) + clocks.offset;
    return 0xffffffff;
}

/* Now and then something steals the core between two reads. */
uint64_t rdtsc(void)
{
    clocks.tsc += 20;
    clocks.seed = clocks.seed * 1664525 + 1013904223;
    if (clocks.disturb_every && (clocks.seed >> 16) % clocks.disturb_every == 0)
        clocks.tsc += 300000 + (clocks.seed >> 8) % 3000000;
    return clocks.tsc;
}

uint32_t lapic_read(unsigned reg)
{
    assert_int_equal(reg, APIC_TIMER_CURRENT);
    return UINT32_MAX - (uint32_t)(clocks.tsc * clocks.apic_khz / clocks.tsc_khz);
}

void lapic_write(unsigned reg, uint32_t value)
{
    if (reg == APIC_LVT_TIMER)
        assert_true(value & APIC_LVT_MASKED);
}

void *arch_mmio(hpa_t page)
{
    assert_int_equal(page.v, 0xfebf1000);
    return wdt.page;
}

/* --- real-time clock ---------------------------------------------------------------------------------------------------------- */

static uint8_t encode(int value, bool binary)
{
    return (uint8_t)(binary ? value : value / 10 * 16 + value % 10);
}

static void rtc_set(time_t when, bool binary, bool hours24)
{
    struct tm t;
    int hour;

    gmtime_r(&when, &t);
    hour = hours24 ? t.tm_hour : t.tm_hour % 12 == 0 ? 12 : t.tm_hour % 12;
    memset(&rtc, 0, sizeof(rtc));
    rtc.registers[0] = encode(t.tm_sec, binary);
    rtc.registers[2] = encode(t.tm_min, binary);
    rtc.registers[4] = (uint8_t)(encode(hour, binary) | (!hours24 && t.tm_hour >= 12 ? 0x80 : 0));
    rtc.registers[7] = encode(t.tm_mday, binary);
    rtc.registers[8] = encode(t.tm_mon + 1, binary);
    rtc.registers[9] = encode(t.tm_year - 100, binary);
    rtc.registers[11] = (uint8_t)((binary ? 4 : 0) | (hours24 ? 2 : 0));
}

static void test_rtc_every_day_of_a_century(void **state)
{
    time_t day = 946684800; /* 2000-01-01 */

    (void)state;
    for (unsigned i = 0; i < 36525; i++, day += 86400) {
        time_t when = day + (time_t)(i * 7919) % 86400;

        rtc_set(when, i & 1, i & 2);
        assert_int_equal(rtc_epoch(), when);
    }
}

static void test_rtc_every_hour_in_every_mode(void **state)
{
    (void)state;
    for (unsigned mode = 0; mode < 4; mode++)
        for (unsigned hour = 0; hour < 24; hour++) {
            rtc_set(1795219200 + (time_t)hour * 3600 + 59, mode & 1, mode & 2);
            assert_int_equal(rtc_epoch(), 1795219200 + hour * 3600 + 59);
        }
}

/* The clock goes from 2024-02-29 23:59:59 to 2024-03-01 00:00:01 in the middle of reading. */
static void test_rtc_update_while_reading(void **state)
{
    (void)state;
    for (unsigned at = 1; at <= 13; at++) {
        uint64_t epoch;

        rtc_set(1709251199, false, true);
        rtc.tick_at = at;
        epoch = rtc_epoch();
        assert_true(epoch == 1709251199 || epoch == 1709251201);
    }
    rtc_set(1709251199, false, true);
    rtc.updating = 1000;
    assert_int_equal(rtc_epoch(), 1709251199);
}

/* Ten seconds, in each of which it is read some times; during an update it says anything. */
static void test_rtc_wait(void **state)
{
    (void)state;
    rtc_set(1709251199, false, true);
    rtc.seconds_every = 100;
    rtc_wait(10);
    assert_in_range(rtc.reads, 900, 1000);
    rtc_set(1709251199, false, true);
    rtc.seconds_every = 100;
    rtc.updating = 1000000; /* noise all the time */
    rtc_wait(10);
    assert_true(rtc.reads > 1000000);
    rtc_set(1709251199, false, true); /* it stands still: a bound all the same */
    rtc_wait(10);
    assert_in_range(rtc.reads, 1000000, 100000000);
}

static void test_rtc_that_is_broken(void **state)
{
    static const uint8_t fields[] = {0, 2, 4, 7, 8, 9};

    (void)state;
    rtc_set(1709251199, true, true);
    rtc.updating = UINT32_MAX;
    assert_int_equal(rtc_epoch(), 0); /* and it came back */
    for (unsigned i = 0; i < sizeof(fields); i++) {
        rtc_set(1709251199, true, true);
        rtc.registers[fields[i]] = 0xff;
        assert_int_equal(rtc_epoch(), 0);
    }
    rtc_set(1709251199, true, true);
    rtc.registers[8] = 0;
    assert_int_equal(rtc_epoch(), 0);
}

/* --- calibration --------------------------------------------------------------------------------------------------------------------- */

static void clocks_set(uint64_t tsc_khz, uint64_t apic_khz, uint32_t offset)
{
    memset(&clocks, 0, sizeof(clocks));
    clocks.tsc_khz = tsc_khz;
    clocks.apic_khz = apic_khz;
    clocks.offset = offset;
    clocks.seed = 1;
    machine.pm_timer_port = 0x608;
    rtc_set(1795219200, false, true);
}

static void assert_near(uint64_t value, uint64_t expected, uint64_t ppm)
{
    uint64_t off = value > expected ? value - expected : expected - value;

    if (off > expected * ppm / 1000000)
        fail_msg("%lu is not within %lu ppm of %lu", value, ppm, expected);
}

static void test_calibration(void **state)
{
    static const uint64_t rates[] = {800000, 1000000, 2699993, 5000000};

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(rates); i++) {
        clocks_set(rates[i], 1000000, 0xfffff0); /* the 24 bits wrap in the first try */
        assert_null(clock_calibrate(clocks.tsc));
        assert_near(arch_tsc_khz(), rates[i], 100);
        assert_near(arch_apic_timer_khz(), 1000000, 100);
        assert_int_equal(arch_wall_base(), 1795219200);
    }
}

static void test_calibration_on_a_busy_machine(void **state)
{
    (void)state;
    for (uint32_t seed = 0; seed < 20; seed++) {
        clocks_set(2699993, 62500, seed * 0x123456);
        clocks.seed = seed;
        clocks.disturb_every = 5;
        assert_null(clock_calibrate(clocks.tsc));
        assert_near(arch_tsc_khz(), 2699993, 300);
        assert_near(arch_apic_timer_khz(), 62500, 300);
    }
}

static void test_wall_time_counts_from_entry(void **state)
{
    (void)state;
    clocks_set(1000000, 1000000, 0);
    clocks.tsc = 7000000000ull; /* the entry was seven seconds ago */
    assert_null(clock_calibrate(0));
    assert_int_equal(arch_wall_base(), 1795219200 - 7);
    assert_int_equal(arch_boot_ticks(), 0);
}

static void test_dead_clocks_are_refused(void **state)
{
    const char *why;

    (void)state;
    clocks_set(2700000, 1000000, 0);
    clocks.stuck = true;
    why = clock_calibrate(0);
    assert_non_null(why);
    assert_memory_equal(why, "CLOCK-1", 7);
    clocks_set(2700000, 0, 0);
    why = clock_calibrate(0);
    assert_non_null(why);
    assert_memory_equal(why, "CLOCK-2", 7);
}

/* --- PIT ------------------------------------------------------------------------------------------------------------------------------- */

static void test_tick_is_steady_or_single(void **state)
{
    (void)state;
    table.tick_hz = 20; /* the largest count */
    arch_tick_start();
    assert_int_equal(pit.control, 0x34); /* channel 0, both bytes, mode 2 */
    assert_int_equal(pit.count, 2);
    assert_int_equal(pit.written[0] | pit.written[1] << 8, 1193182 / 20);
    table.tick_off = true;
    table.tick_hz = 50;
    arch_tick_start();
    assert_int_equal(pit.control, 0x30); /* mode 0 */
    assert_int_equal(pit.written[2] | pit.written[3] << 8, 1193182 / 50);
    table.tick_off = false;
}

/* --- UART ------------------------------------------------------------------------------------------------------------------------------ */

static void uart_set(void)
{
    memset(&uart, 0, sizeof(uart));
    machine.uart.port = 0x3f8;
    machine.uart.baud = 115200;
    uart_init();
}

static void test_uart_settings(void **state)
{
    (void)state;
    uart_set();
    assert_int_equal(uart.divisor, 1);
    assert_int_equal(uart.lcr, 3);
    assert_int_equal(uart.fcr, 7);
    assert_int_equal(uart.mcr & 0x0b, 0x0b);
    assert_int_equal(uart.ier, 0);
    machine.uart.baud = 9600;
    uart_init();
    assert_int_equal(uart.divisor, 12);
    uart_interrupts_on();
    assert_int_equal(uart.ier, 3);
}

/* The pin delivers edges: when receive says "none" the line must be low, whatever was pending. */
static void test_uart_line_is_low_after_service(void **state)
{
    (void)state;
    for (unsigned pending = 0; pending < 16; pending++) {
        unsigned bytes = 0;

        uart_set();
        uart_interrupts_on();
        uart.in_count = pending / 2;
        uart.thre_pending = pending & 1;
        while (arch_uart_receive() >= 0)
            bytes++;
        assert_int_equal(bytes, pending / 2);
        assert_false(uart_line());
    }
}

/* As a DesignWare UART does now and then. Nothing is lost that comes at that moment. */
static void test_uart_timeout_without_a_character(void **state)
{
    (void)state;
    for (unsigned pending = 0; pending < 3; pending++) {
        uart_set();
        uart_interrupts_on();
        uart.thre_pending = false;
        uart.timeout = true;
        uart.in_count = pending;
        for (unsigned i = 0; i < pending; i++)
            assert_int_equal(arch_uart_receive(), 0);
        assert_int_equal(arch_uart_receive(), -1);
        assert_false(uart_line());
    }
}

static void test_uart_sends_when_ready(void **state)
{
    (void)state;
    uart_set();
    assert_true(arch_uart_ready());
    assert_int_equal(arch_uart_write(UART_SCREEN, "0123456789abcdefg", 17), 16); /* what the FIFO takes */
    assert_memory_equal(uart.out, "0123456789abcdef", 16);
    assert_false(arch_uart_ready());
    assert_int_equal(arch_uart_write(UART_SCREEN, "g", 1), 0);
    uart.thr_full = false;
    assert_int_equal(arch_uart_write(UART_LOG, "g", 1), 1);
    assert_int_equal(uart.out[16], 'g');
}

/* The holding register is empty before the last byte has left; and one that never empties holds up no reset. */
static void test_uart_drains(void **state)
{
    (void)state;
    uart_set();
    uart.sending = 17;
    assert_true(arch_uart_ready());
    uart_drain();
    assert_int_equal(uart.sending, 0);
    uart.sending = UINT32_MAX;
    uart_drain();
    assert_in_range(uart.sending, 1, UINT32_MAX - 100000);
}

/* In the place of a UART that is not there. */
static char shown[64];
static size_t shown_count;

bool screen_ready(void)
{
    return true;
}

void screen_put(char c)
{
    if (shown_count < sizeof(shown))
        shown[shown_count++] = c;
}

static void test_board_without_uart(void **state)
{
    (void)state;
    uart_set();
    machine.uart.port = 0;
    uart_interrupts_on();
    assert_int_equal(uart.ier, 0);
    assert_true(arch_uart_ready());
    assert_int_equal(arch_uart_write(UART_LOG, "xy", 2), 2);
    assert_int_equal(uart.out_count, 0);
    assert_memory_equal(shown, "xy", 2);
    assert_int_equal(shown_count, 2);
    assert_int_equal(arch_uart_receive(), -1);
    uart.sending = 5;
    uart_drain();
    assert_int_equal(uart.sending, 5);
}

static size_t in_between[2];

/* Another core, at the moment before this one's attempt to become the writer. */
static void (*before_claim)(void);
static void claim_comes(void)
{
    void (*other)(void) = before_claim;

    before_claim = NULL;
    if (other)
        other();
}
#undef atomic_compare_exchange_strong
#define atomic_compare_exchange_strong(object, expected, value)                                                                    \
    (claim_comes(), atomic_compare_exchange_strong_explicit(object, expected, value, memory_order_seq_cst, memory_order_seq_cst))
#include "../../arch/x86/dev/uart.c"

static unsigned pauses = 3; /* of whoever waits for the writer that other_claims() makes */

void arch_pause(void)
{
    if (++pauses == 3)
        (void)atomic_fetch_and(&holder, 0);
}

static void other_claims(void)
{
    atomic_store(&holder, UART_LOG);
    pauses = 0;
}

static void other_core_writes(void)
{
    uart.on_out = NULL;
    uart.thr_full = false; /* it had looked before */
    in_between[0] = arch_uart_write(UART_LOG, "log", 3);
}

static void crash_comes(void)
{
    uart.on_out = NULL;
    uart.thr_full = false;
    in_between[0] = arch_uart_write(UART_CRASH, "CRASH", 5);
    uart.thr_full = false;
    assert_int_equal(arch_uart_write(UART_LOG, "log", 3), 0);
    in_between[1] = arch_uart_write(UART_CRASH, " line", 5);
    uart.thr_full = false;
}

/* Nobody's bytes come between another's sixteen. */
static void test_uart_one_writer_at_a_time(void **state)
{
    (void)state;
    uart_set();
    uart.on_out = other_core_writes;
    assert_int_equal(arch_uart_write(UART_SCREEN, "screen", 6), 6);
    assert_int_equal(in_between[0], 0);
    assert_memory_equal(uart.out, "screen", 6);
    uart.thr_full = false;
    assert_int_equal(arch_uart_write(UART_LOG, "log", 3), 3);
}

/* A crash waits for the writer that came just before it, as long as that is soon done. */
static void test_uart_crash_waits_for_the_writer(void **state)
{
    (void)state;
    uart_set();
    before_claim = other_claims;
    assert_int_equal(arch_uart_write(UART_CRASH, "CRASH", 5), 5);
    assert_null(before_claim);
    assert_int_equal(pauses, 3);
    atomic_store(&holder, 0);
}

/* Once a core crashes, its line comes out whole, even if it had been writing itself. The last of these tests: nobody writes after it. */
static void test_uart_belongs_to_the_crash(void **state)
{
    (void)state;
    uart_set();
    uart.on_out = crash_comes;
    assert_int_equal(arch_uart_write(UART_SCREEN, "s", 1), 1);
    assert_int_equal(in_between[0], 5);
    assert_int_equal(in_between[1], 5);
    assert_memory_equal(uart.out, "sCRASH line", 11);
    assert_int_equal(arch_uart_write(UART_SCREEN, "s", 1), 0);
    assert_int_equal(arch_uart_write(UART_LOG, "l", 1), 0);
    assert_int_equal(arch_uart_write(UART_CRASH, ".", 1), 1);
}

/* --- watchdog ------------------------------------------------------------------------------------------------------------------------------ */

static uint8_t wdt_page[4096];

static void wdt_set(void)
{
    memset(&wdt, 0, sizeof(wdt));
    memset(wdt_page, 0, sizeof(wdt_page));
    wdt.present = true;
    wdt.id = 0x25ab8086;
    wdt.bar = 0xfebf1230;
    wdt.page = wdt_page;
    machine.watchdog.kind = WATCHDOG_I6300ESB;
    machine.watchdog.device = 5;
    machine.watchdog.timeout_ms = 20000;
}

static uint32_t wdt_register(unsigned reg)
{
    uint32_t value;

    memcpy(&value, wdt_page + 0x230 + reg, 4);
    return value;
}

static void test_watchdog_start_and_feed(void **state)
{
    (void)state;
    wdt_set();
    assert_null(watchdog_probe());
    assert_int_equal(wdt.command & 2, 2);
    assert_int_equal(wdt.lock, 0); /* not yet */
    arch_watchdog_start();
    assert_int_equal(wdt_register(0), 10000);
    assert_int_equal(wdt_register(4), 10000);
    assert_int_equal(wdt_register(0xc) & 0x100, 0x100);
    assert_int_equal(wdt.mode & 0x24, 0); /* 1 kHz, output on */
    assert_int_equal(wdt.lock, 2);
    memset(wdt_page, 0, sizeof(wdt_page));
    arch_watchdog_feed();
    assert_int_equal(wdt_register(0xc), 0x100);
}

static void test_watchdog_missing(void **state)
{
    (void)state;
    wdt_set();
    wdt.present = false;
    assert_non_null(watchdog_find());
    wdt_set();
    wdt.id = 0x12348086;
    assert_non_null(watchdog_find());
    wdt_set();
    wdt.bar = 0;
    assert_non_null(watchdog_find());
    assert_non_null(watchdog_probe());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rtc_every_day_of_a_century),
        cmocka_unit_test(test_rtc_every_hour_in_every_mode),
        cmocka_unit_test(test_rtc_update_while_reading),
        cmocka_unit_test(test_rtc_wait),
        cmocka_unit_test(test_rtc_that_is_broken),
        cmocka_unit_test(test_calibration),
        cmocka_unit_test(test_calibration_on_a_busy_machine),
        cmocka_unit_test(test_wall_time_counts_from_entry),
        cmocka_unit_test(test_dead_clocks_are_refused),
        cmocka_unit_test(test_tick_is_steady_or_single),
        cmocka_unit_test(test_uart_settings),
        cmocka_unit_test(test_uart_line_is_low_after_service),
        cmocka_unit_test(test_uart_timeout_without_a_character),
        cmocka_unit_test(test_uart_sends_when_ready),
        cmocka_unit_test(test_uart_drains),
        cmocka_unit_test(test_board_without_uart),
        cmocka_unit_test(test_uart_one_writer_at_a_time),
        cmocka_unit_test(test_uart_crash_waits_for_the_writer),
        cmocka_unit_test(test_uart_belongs_to_the_crash),
        cmocka_unit_test(test_watchdog_start_and_feed),
        cmocka_unit_test(test_watchdog_missing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
