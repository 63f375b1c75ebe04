/* SPDX-License-Identifier: Apache-2.0 */
/* The emulated 16550 (PC16550D data sheet, section 8): registers and one interrupt line, without baud rate, modem and line
 * errors. The transmitter is the partition's output ring: full ring = busy transmitter, which is the back pressure. */
#include "uart16550.h"
#include "arch.h"
#include "console.h"

enum { REG_DATA, REG_IER, REG_IIR_FCR, REG_LCR, REG_MCR, REG_LSR, REG_MSR, REG_SCR };

#define IER_RX 0x01u
#define IER_THRE 0x02u
#define IER_MASK 0x0fu /* upper bits read 0: no sleep modes, by which drivers tell other chips */
#define IIR_NONE 0x01u
#define IIR_THRE 0x02u
#define IIR_RX 0x04u
#define IIR_FIFO 0xc0u
#define FCR_ENABLE 0x01u
#define FCR_CLEAR_RX 0x02u
#define LCR_DLAB 0x80u
#define MCR_MASK 0x1fu
#define MCR_LOOP 0x10u
#define LSR_DATA 0x01u
#define LSR_IDLE 0x60u    /* holding register and shift register empty */
#define MSR_PRESENT 0xb0u /* CTS, DSR, DCD: a terminal is there */

void uart16550_reset(struct uart16550 *uart)
{
    *uart = (struct uart16550){.dll = 1}; /* 115,200 baud */
}

static bool has_input(const struct uart16550 *uart)
{
    return uart->in_produced != uart->in_consumed;
}

/* What the identification register would say, FIFO bits aside. */
static uint8_t cause(const struct uart16550 *uart)
{
    if ((uart->ier & IER_RX) != 0 && has_input(uart))
        return IIR_RX;
    if ((uart->ier & IER_THRE) != 0 && uart->thre_pending)
        return IIR_THRE;
    return IIR_NONE;
}

static uint8_t modem_status(const struct uart16550 *uart)
{
    if ((uart->mcr & MCR_LOOP) == 0)
        return MSR_PRESENT;
    /* Loop: RTS -> CTS, DTR -> DSR, OUT1 -> RI, OUT2 -> DCD. */
    return (uint8_t)((uart->mcr & 0x02u) << 3 | (uart->mcr & 0x01u) << 5 | (uart->mcr & 0x0cu) << 4);
}

static uint8_t take_input(struct uart16550 *uart)
{
    return has_input(uart) ? uart->in[uart->in_consumed++ % UART_INPUT] : 0;
}

static bool put_input(struct uart16550 *uart, uint8_t byte)
{
    if (uart->in_produced - uart->in_consumed >= UART_INPUT)
        return false;
    uart->in[uart->in_produced++ % UART_INPUT] = byte;
    return true;
}

uint8_t uart16550_read(struct partition *partition, unsigned offset)
{
    struct uart16550 *uart = &partition->uart;
    bool dlab = (uart->lcr & LCR_DLAB) != 0;
    uint8_t value;

    switch (offset) {
    case REG_DATA:
        return dlab ? uart->dll : take_input(uart);
    case REG_IER:
        return dlab ? uart->dlm : uart->ier;
    case REG_IIR_FCR:
        value = cause(uart);
        if (value == IIR_THRE)
            uart->thre_pending = false; /* reading the cause acknowledges it */
        return (uint8_t)(value | ((uart->fcr & FCR_ENABLE) != 0 ? IIR_FIFO : 0));
    case REG_LCR:
        return uart->lcr;
    case REG_MCR:
        return uart->mcr;
    case REG_LSR:
        return (uint8_t)((has_input(uart) ? LSR_DATA : 0) | (console_full_locked(partition) ? 0 : LSR_IDLE));
    case REG_MSR:
        return modem_status(uart);
    default:
        return uart->scr;
    }
}

/* The transmitter is empty, at once or as soon as there is room. */
static void transmitter_done(struct partition *partition)
{
    partition->uart.out_was_full = console_full_locked(partition);
    partition->uart.thre_pending = !partition->uart.out_was_full;
}

static void transmit(struct partition *partition, uint8_t u_value)
{
    char byte = (char)u_value;

    if ((partition->uart.mcr & MCR_LOOP) != 0)
        put_input(&partition->uart, u_value);
    else
        console_write_locked(partition, &byte, 1); /* a byte without room is counted there */
    transmitter_done(partition);
}

static void write_ier(struct partition *partition, uint8_t value)
{
    bool enabled = (value & ~partition->uart.ier & IER_THRE) != 0;

    partition->uart.ier = value & IER_MASK;
    if (enabled) /* enabling it with an empty transmitter raises it: drivers test for that */
        transmitter_done(partition);
}

static void write_fcr(struct uart16550 *uart, uint8_t value)
{
    if ((value & FCR_CLEAR_RX) != 0 || ((value ^ uart->fcr) & FCR_ENABLE) != 0)
        uart->in_consumed = uart->in_produced;
    uart->fcr = value & FCR_ENABLE;
}

void uart16550_write(struct partition *partition, unsigned offset, uint8_t u_value)
{
    struct uart16550 *uart = &partition->uart;
    bool dlab = (uart->lcr & LCR_DLAB) != 0, quiet = cause(uart) == IIR_NONE;

    if (offset == REG_DATA && dlab)
        uart->dll = u_value;
    else if (offset == REG_DATA)
        transmit(partition, u_value);
    else if (offset == REG_IER && dlab)
        uart->dlm = u_value;
    else if (offset == REG_IER)
        write_ier(partition, u_value);
    else if (offset == REG_IIR_FCR)
        write_fcr(uart, u_value);
    else if (offset == REG_LCR)
        uart->lcr = u_value;
    else if (offset == REG_MCR)
        uart->mcr = u_value & MCR_MASK;
    else if (offset == REG_SCR)
        uart->scr = u_value;
    if (quiet && cause(uart) != IIR_NONE)
        guest_pin_pulse(partition, UART_PIN);
}

bool uart16550_input(struct partition *partition, uint8_t byte)
{
    if (!put_input(&partition->uart, byte))
        return false;
    /* Each byte, not the first alone: an edge that met a masked pin would else silence the keyboard for ever. */
    if ((partition->uart.ier & IER_RX) != 0)
        guest_pin_pulse(partition, UART_PIN);
    return true;
}

void uart16550_output_room(struct partition *partition)
{
    struct uart16550 *uart = &partition->uart;

    if (!uart->out_was_full || console_full_locked(partition))
        return;
    uart->out_was_full = false;
    uart->thre_pending = true;
    if (cause(uart) == IIR_THRE)
        guest_pin_pulse(partition, UART_PIN);
}
