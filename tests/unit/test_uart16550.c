/* SPDX-License-Identifier: Apache-2.0 */
/* The emulated 16550 as a driver sees it: detection, transmit, receive, back pressure. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "console.h"
#include "fake_arch.h"
#include "partition.h"

enum { DATA, IER, IIR, LCR, MCR, LSR, MSR, SCR };
#define FCR IIR

static struct partition guest;
static char output[256];
static size_t output_size, output_room;

size_t console_write_locked(struct partition *partition, const char *u_bytes, size_t size)
{
    assert_ptr_equal(partition, &guest);
    if (size > output_room)
        return 0;
    output_room -= size;
    memcpy(output + output_size, u_bytes, size);
    output_size += size;
    return size;
}

bool console_full_locked(const struct partition *partition)
{
    assert_ptr_equal(partition, &guest);
    return output_room < 16;
}

static int setup(void **state)
{
    (void)state;
    fake_reset();
    memset(&guest, 0, sizeof(guest));
    output_size = 0;
    output_room = sizeof(output);
    uart16550_reset(&guest.uart);
    return 0;
}

static uint8_t in(unsigned reg)
{
    return uart16550_read(&guest, reg);
}

static void out(unsigned reg, unsigned value)
{
    uart16550_write(&guest, reg, (uint8_t)value);
}

static unsigned pulses(void)
{
    unsigned count = fake.pulses[UART_PIN];

    fake.pulses[UART_PIN] = 0;
    return count;
}

static void test_reset_state(void **state)
{
    (void)state;
    assert_int_equal(in(IER), 0);
    assert_int_equal(in(IIR), 0x01);
    assert_int_equal(in(LCR), 0);
    assert_int_equal(in(MCR), 0);
    assert_int_equal(in(LSR), 0x60);
    assert_int_equal(in(MSR), 0xb0);
    assert_int_equal(in(DATA), 0);
}

/* Bits by which drivers tell this chip from its relatives. */
static void test_detection(void **state)
{
    (void)state;
    out(IER, 0x0f);
    assert_int_equal(in(IER), 0x0f);
    out(IER, 0xff); /* no sleep, no low-power, no unit enable */
    assert_int_equal(in(IER), 0x0f);
    out(IER, 0);
    out(SCR, 0xa5);
    assert_int_equal(in(SCR), 0xa5);
    out(MCR, 0xff); /* no clock select, no flow control */
    assert_int_equal(in(MCR), 0x1f);
    out(MCR, 0);
    out(FCR, 0x01);
    assert_int_equal(in(IIR), 0xc1);
    out(FCR, 0x21); /* no 64-byte FIFO */
    assert_int_equal(in(IIR) >> 5, 6);
    out(LCR, 0xbf); /* the second bank of others shows the divisor and the cause here, never 0 */
    assert_int_equal(in(IIR), 0xc1);
    out(LCR, 0);
    out(FCR, 0);
    assert_int_equal(in(IIR), 0x01);
    assert_int_equal(pulses(), 1); /* IER 0 -> 0x0f found the transmitter empty */
}

static void test_divisor_latch(void **state)
{
    (void)state;
    out(LCR, 0x83);
    out(DATA, 0x0c);
    out(IER, 0x34);
    assert_int_equal(in(DATA), 0x0c);
    assert_int_equal(in(IER), 0x34);
    out(LCR, 0x03);
    assert_int_equal(in(IER), 0);
    assert_int_equal(in(DATA), 0);
    assert_int_equal(output_size, 0);
    assert_int_equal(in(LCR), 0x03);
}

static void test_loopback(void **state)
{
    static const struct {
        uint8_t mcr, msr;
    } cases[] = {{0x10, 0x00}, {0x11, 0x20}, {0x12, 0x10}, {0x14, 0x40}, {0x18, 0x80}, {0x1a, 0x90}, {0x1f, 0xf0}};

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        out(MCR, cases[i].mcr);
        assert_int_equal(in(MSR), cases[i].msr);
    }
    out(DATA, 0x5a); /* comes back and goes nowhere else */
    assert_int_equal(output_size, 0);
    assert_int_equal(in(LSR)&1, 1);
    assert_int_equal(in(DATA), 0x5a);
    assert_int_equal(in(LSR)&1, 0);
    out(MCR, 0);
    out(DATA, 'x');
    assert_int_equal(output_size, 1);
}

static void test_transmit(void **state)
{
    (void)state;
    out(DATA, 'h');
    out(DATA, 'i');
    assert_int_equal(output_size, 2);
    assert_memory_equal(output, "hi", 2);
    assert_int_equal(in(LSR), 0x60);
    assert_int_equal(pulses(), 0); /* not asked for */
}

/* A driver's test at start-up: each enabling of the interrupt with an empty transmitter raises it, reading clears it. */
static void test_thre_interrupt(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        out(IER, 0x02);
        assert_int_equal(pulses(), 1);
        assert_int_equal(in(IIR), 0x02);
        assert_int_equal(in(IIR), 0x01);
        out(IER, 0);
    }
    out(IER, 0x02);
    out(IER, 0x02); /* no edge: it was on */
    assert_int_equal(pulses(), 1);
    assert_int_equal(in(IIR), 0x02);
    for (unsigned i = 0; i < 16; i++)
        out(DATA, 'a');
    assert_int_equal(pulses(), 1); /* one rising edge for the 16 */
    assert_int_equal(in(IIR), 0x02);
    assert_int_equal(in(IIR), 0x01);
}

/* Full ring: busy transmitter, no interrupt; room: one interrupt. */
static void test_back_pressure(void **state)
{
    (void)state;
    output_room = 16;
    out(IER, 0x02);
    assert_int_equal(in(IIR), 0x02);
    pulses();
    out(DATA, 'a');
    assert_int_equal(in(LSR)&0x60, 0);
    assert_int_equal(in(IIR), 0x01);
    assert_int_equal(pulses(), 0);
    uart16550_output_room(&guest); /* not really */
    assert_int_equal(pulses(), 0);
    output_room = 100;
    uart16550_output_room(&guest);
    assert_int_equal(pulses(), 1);
    assert_int_equal(in(LSR), 0x60);
    assert_int_equal(in(IIR), 0x02);
    uart16550_output_room(&guest);
    assert_int_equal(pulses(), 0);
    assert_int_equal(in(IIR), 0x01);
}

/* The interrupt is enabled while the ring is full: it comes with the room, not before. */
static void test_enabled_while_full(void **state)
{
    (void)state;
    output_room = 3;
    out(IER, 0x02);
    assert_int_equal(pulses(), 0);
    assert_int_equal(in(IIR), 0x01);
    output_room = 64;
    uart16550_output_room(&guest);
    assert_int_equal(pulses(), 1);
    assert_int_equal(in(IIR), 0x02);
}

static void test_full_without_interrupt(void **state)
{
    (void)state;
    output_room = 0;
    out(DATA, 'a'); /* a driver that does not look at LSR: lost, nothing else */
    assert_int_equal(output_size, 0);
    output_room = 64;
    uart16550_output_room(&guest);
    assert_int_equal(pulses(), 0);
    assert_int_equal(in(LSR), 0x60);
}

static void test_receive(void **state)
{
    (void)state;
    assert_true(uart16550_input(&guest, 'a'));
    assert_int_equal(pulses(), 0); /* not asked for */
    assert_int_equal(in(LSR), 0x61);
    assert_int_equal(in(IIR), 0x01);
    out(IER, 0x01); /* asked for now: it is there */
    assert_int_equal(pulses(), 1);
    assert_int_equal(in(IIR), 0x04);
    assert_int_equal(in(IIR), 0x04); /* only reading the data clears it */
    assert_int_equal(in(DATA), 'a');
    assert_int_equal(in(IIR), 0x01);
    assert_true(uart16550_input(&guest, 'b'));
    assert_true(uart16550_input(&guest, 'c'));
    assert_int_equal(pulses(), 2);
    assert_int_equal(in(DATA), 'b');
    assert_int_equal(in(DATA), 'c');
    assert_int_equal(in(DATA), 0);
}

static void test_receive_comes_before_transmit(void **state)
{
    (void)state;
    out(IER, 0x03);
    uart16550_input(&guest, 'a');
    assert_int_equal(in(IIR), 0x04);
    in(DATA);
    assert_int_equal(in(IIR), 0x02);
    assert_int_equal(in(IIR), 0x01);
}

static void test_input_full(void **state)
{
    (void)state;
    guest.uart.in_produced = guest.uart.in_consumed = UINT32_MAX - 5; /* the indices wrap */
    for (unsigned i = 0; i < UART_INPUT; i++)
        assert_true(uart16550_input(&guest, (uint8_t)i));
    assert_false(uart16550_input(&guest, 0xee));
    for (unsigned i = 0; i < UART_INPUT; i++)
        assert_int_equal(in(DATA), (uint8_t)i);
    assert_int_equal(in(LSR)&1, 0);
    out(MCR, 0x10);
    for (unsigned i = 0; i < 2 * UART_INPUT; i++) /* loopback is bounded too */
        out(DATA, i);
    assert_int_equal(guest.uart.in_produced - guest.uart.in_consumed, UART_INPUT);
}

static void test_fifo_control_clears_input(void **state)
{
    (void)state;
    uart16550_input(&guest, 'a');
    out(FCR, 0x01); /* turning it on clears */
    assert_int_equal(in(LSR)&1, 0);
    uart16550_input(&guest, 'b');
    out(FCR, 0x01);
    assert_int_equal(in(LSR)&1, 1);
    out(FCR, 0x05); /* clear transmit: nothing of the input */
    assert_int_equal(in(LSR)&1, 1);
    out(FCR, 0x03);
    assert_int_equal(in(LSR)&1, 0);
}

/* SEP-9: nothing of an earlier life. */
static void test_sep9_reset(void **state)
{
    struct uart16550 fresh = {.dll = 1};

    (void)state;
    out(IER, 0x0f);
    out(SCR, 0x77);
    uart16550_input(&guest, 's');
    uart16550_reset(&guest.uart);
    assert_memory_equal(&guest.uart, &fresh, sizeof(fresh));
}

/* Every register, every value: nothing is written outside the struct (sanitizers), and reads stay in range. */
static void test_any_write(void **state)
{
    (void)state;
    for (unsigned reg = 0; reg < 8; reg++) {
        for (unsigned value = 0; value < 256; value++) {
            output_size = 0;
            output_room = value;
            out(reg, value);
            for (unsigned other = 0; other < 8; other++)
                in(other);
            assert_true(guest.uart.ier <= 0x0f && guest.uart.mcr <= 0x1f && guest.uart.fcr <= 1);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_reset_state, setup),
        cmocka_unit_test_setup(test_detection, setup),
        cmocka_unit_test_setup(test_divisor_latch, setup),
        cmocka_unit_test_setup(test_loopback, setup),
        cmocka_unit_test_setup(test_transmit, setup),
        cmocka_unit_test_setup(test_thre_interrupt, setup),
        cmocka_unit_test_setup(test_back_pressure, setup),
        cmocka_unit_test_setup(test_enabled_while_full, setup),
        cmocka_unit_test_setup(test_full_without_interrupt, setup),
        cmocka_unit_test_setup(test_receive, setup),
        cmocka_unit_test_setup(test_receive_comes_before_transmit, setup),
        cmocka_unit_test_setup(test_input_full, setup),
        cmocka_unit_test_setup(test_fifo_control_clears_input, setup),
        cmocka_unit_test_setup(test_sep9_reset, setup),
        cmocka_unit_test_setup(test_any_write, setup),
    };

    return cmocka_run_group_tests(tests, 0, 0);
}
