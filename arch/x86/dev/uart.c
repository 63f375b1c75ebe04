/* SPDX-License-Identifier: Apache-2.0 */
/* The board's 16550 UART, or what is shown in its place. */
#include <stdatomic.h>

#include "arch.h"
#include "dev.h"
#include "plan.h"
#include "x86.h"

enum {
    DATA = 0, /* and divisor low */
    IER = 1,  /* and divisor high */
    IIR = 2,  /* write: FIFO control */
    LCR = 3,
    MCR = 4,
    LSR = 5,
};
#define IER_RECEIVE 1u
#define IER_EMPTY 2u
#define IIR_NONE 1u
#define IIR_SOURCE 0xfu
#define IIR_TIMEOUT 0xcu
#define FCR_ON_CLEAR 7u /* enable, clear both; interrupt from the first byte on */
#define LCR_8N1 3u
#define LCR_DIVISOR 0x80u
#define MCR_ON 0x0bu /* DTR, RTS, and OUT2, which gates the interrupt on a PC */
#define LSR_READY 1u
#define LSR_EMPTY 0x20u
#define LSR_IDLE 0x40u /* the last bit is on the wire */
#define UART_CLOCK 115200u
#define UART_FIFO 16u
#define WRITER_ROUNDS 20000u /* 16 writes of a port take 20 us */

static uint16_t port_of(unsigned reg)
{
    return (uint16_t)(plan.board->uart.port + reg);
}

void uart_init(void)
{
    uint32_t divisor = UART_CLOCK / (plan.board->uart.baud ? plan.board->uart.baud : UART_CLOCK); /* the rules: at least 1 */

    if (plan.board->uart.port == 0)
        return;
    outb(port_of(IER), 0);
    outb(port_of(LCR), LCR_DIVISOR);
    outb(port_of(DATA), (uint8_t)divisor);
    outb(port_of(IER), (uint8_t)(divisor >> 8));
    outb(port_of(LCR), LCR_8N1);
    outb(port_of(IIR), FCR_ON_CLEAR);
    outb(port_of(MCR), MCR_ON);
}

void uart_interrupts_on(void)
{
    if (plan.board->uart.port != 0)
        outb(port_of(IER), IER_RECEIVE | IER_EMPTY);
}

/* Empty FIFO: room for 16. A board without UART has a screen, or swallows everything. */
bool arch_uart_ready(void)
{
    return plan.board->uart.port != 0 ? (inb(port_of(LSR)) & LSR_EMPTY) != 0 : screen_ready();
}

static _Atomic uint32_t holder;

/* The writer before a crash is on another core and soon done, or it is what crashed. */
static bool uart_claim(enum uart_writer writer)
{
    uint32_t nobody = 0;

    if (writer != UART_CRASH)
        return atomic_compare_exchange_strong(&holder, &nobody, writer);
    for (unsigned round = 0; round < WRITER_ROUNDS && nobody != UART_CRASH; round++) {
        nobody = 0;
        if (atomic_compare_exchange_strong(&holder, &nobody, UART_CRASH))
            return true;
        arch_pause();
    }
    holder = UART_CRASH;
    return true;
}

static void uart_release(uint32_t writer)
{
    if (writer != UART_CRASH)
        (void)atomic_compare_exchange_strong(&holder, &writer, 0);
}

size_t arch_uart_write(enum uart_writer writer, const char *bytes, size_t size)
{
    size_t count = 0;

    if (!uart_claim(writer))
        return 0;
    for (bool ready = arch_uart_ready(); ready && count < size && count < UART_FIFO; count++)
        if (plan.board->uart.port != 0)
            outb(port_of(DATA), (uint8_t)bytes[count]);
        else
            screen_put(bytes[count]);
    uart_release(writer);
    return count;
}

/* A try takes about a microsecond, 17 characters at 1,200 baud 142 ms. */
void uart_drain(void)
{
    for (unsigned tries = 0; plan.board->uart.port != 0 && tries < 200000 && (inb(port_of(LSR)) & LSR_IDLE) == 0; tries++)
        ;
}

/* Before it says "none" it has read IIR as "no interrupt", so that the pin is low and its next edge is seen. A DesignWare UART may tell
 * of a character that waits too long where there is none: only a read of it ends that. */
int arch_uart_receive(void)
{
    unsigned source;

    if (plan.board->uart.port == 0)
        return -1;
    for (unsigned tries = 0; tries < 4; tries++) {
        if (inb(port_of(LSR)) & LSR_READY)
            return inb(port_of(DATA));
        source = inb(port_of(IIR)) & IIR_SOURCE;
        if (source & IIR_NONE)
            return -1;
        if (source == IIR_TIMEOUT && !(inb(port_of(LSR)) & LSR_READY))
            (void)inb(port_of(DATA));
    }
    return -1;
}
