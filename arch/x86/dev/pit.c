/* SPDX-License-Identifier: Apache-2.0 */
/* The 8254 timer: channel 0 is the slow tick, channel 2 a reference for calibration where there is no PM timer. */
#include "arch.h"
#include "dev.h"
#include "plan.h"
#include "x86.h"

#define CHANNEL0 0x40u
#define CHANNEL2 0x42u
#define CONTROL 0x43u
#define CONTROL_CHANNEL0_RATE 0x34u /* low then high byte, mode 2 */
#define CONTROL_CHANNEL0_ONCE 0x30u /* mode 0: the pin rises once, when the count is over, and stays */
#define CONTROL_CHANNEL2_RATE 0xb4u
#define CONTROL_CHANNEL2_LATCH 0x80u
#define GATE 0x61u
#define GATE_CHANNEL2 1u
#define GATE_SPEAKER 2u

void arch_tick_start(void)
{
    unsigned count = PIT_HZ / plan.tick_hz;

    outb(CONTROL, plan.tick_off ? CONTROL_CHANNEL0_ONCE : CONTROL_CHANNEL0_RATE);
    outb(CHANNEL0, (uint8_t)count);
    outb(CHANNEL0, (uint8_t)(count >> 8));
}

void pit_reference_start(void)
{
    outb(GATE, (uint8_t)((inb(GATE) & ~GATE_SPEAKER) | GATE_CHANNEL2));
    outb(CONTROL, CONTROL_CHANNEL2_RATE);
    outb(CHANNEL2, 0); /* 65,536 */
    outb(CHANNEL2, 0);
}

uint32_t pit_reference(void)
{
    uint32_t count;

    outb(CONTROL, CONTROL_CHANNEL2_LATCH);
    count = inb(CHANNEL2);
    count |= (uint32_t)inb(CHANNEL2) << 8;
    return -count & 0xffffu;
}
