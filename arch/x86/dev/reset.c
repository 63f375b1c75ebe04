/* SPDX-License-Identifier: Apache-2.0 */
/* Ways to reset the board or to switch it off, strongest first; none of them waits without bound. */
#include "arch.h"
#include "dev.h"
#include "plan.h"
#include "x86.h"

#define PORT_DELAY 0x80u /* reading it takes about a microsecond on every PC */
#define PORT_KEYBOARD 0x64u
#define KEYBOARD_FULL 2u
#define KEYBOARD_PULSE_RESET 0xfeu
#define PORT_RESET_CONTROL 0xcf9u
#define RESET_ARM 0x02u

static void delay_us(unsigned us)
{
    while (us-- > 0)
        (void)inb(PORT_DELAY);
}

static void keyboard_reset(void)
{
    for (unsigned tries = 0; tries < 10000 && (inb(PORT_KEYBOARD) & KEYBOARD_FULL) != 0; tries++)
        delay_us(1);
    outb(PORT_KEYBOARD, KEYBOARD_PULSE_RESET);
    delay_us(50000);
}

/* With no IDT the first fault becomes a triple fault (SDM3 6.15). */
static _Noreturn void triple_fault(void)
{
    static const uint8_t none[10]; /* limit and base */

    for (;;)
        __asm__ volatile("lidt %0; ud2" : : "m"(none) : "memory");
}

_Noreturn void arch_reset(void)
{
    cli();
    uart_drain();
    ioapic_mask(); /* a reset that reaches the processors alone must not leave them our NMIs */
    if (plan.board->reset.port != 0) {
        if (plan.board->reset.port == PORT_RESET_CONTROL)
            outb(PORT_RESET_CONTROL, RESET_ARM); /* the reset starts at the rising edge of bit 2 */
        delay_us(50);
        outb(plan.board->reset.port, plan.board->reset.value);
        delay_us(50000);
    }
    keyboard_reset();
    triple_fault();
}

/* A board that cannot switch itself off halts for ever; its other cores are parked already. */
_Noreturn void arch_poweroff(void)
{
    cli();
    uart_drain();
    if (plan.board->poweroff.port != 0)
        outw(plan.board->poweroff.port, plan.board->poweroff.value);
    for (;;)
        __asm__ volatile("cli; hlt" : : : "memory");
}
