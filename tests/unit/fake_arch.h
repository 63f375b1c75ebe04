/* SPDX-License-Identifier: Apache-2.0 */
/* The fake machine of the unit tests: what arch.h promises, recorded in one struct that a test reads and sets. Every function
 * is weak: a test that needs another answer defines its own. */
#ifndef BULKHEAD_FAKE_ARCH_H
#define BULKHEAD_FAKE_ARCH_H

#include <setjmp.h>

#include "arch.h"

#define FAKE_UART 1048576u
#define FAKE_IPIS 4096u
#define FAKE_KEYS 8192u

struct fake_ipi {
    unsigned core;
    uint8_t vector;
};

struct fake_arch {
    /* time */
    uint64_t ticks, boot_ticks, khz, apic_khz, wall;
    uint64_t step; /* added at each arch_ticks() */
    /* cores */
    unsigned core;
    unsigned kicks[MAX_CORES];
    unsigned tick_starts;
    struct fake_ipi ipis[FAKE_IPIS];
    unsigned ipi_count;
    unsigned pulses[24]; /* guest_pin_pulse() by pin */
    /* UART: bytes sent; not ready while busy, or when `room` bytes have gone (room < 0: no such limit) */
    char uart[FAKE_UART];
    size_t uart_length;
    bool uart_busy;
    int64_t uart_room;
    unsigned uart_asked; /* arch_uart_ready() calls */
    uint8_t keys[FAKE_KEYS];
    size_t key_count, keys_taken;
    /* board */
    unsigned feeds, watchdog_starts, resets, poweroffs, crashes;
    char crash_text[160];
    bool zone_open;
    jmp_buf end;
    bool end_armed;
};
extern struct fake_arch fake;

/* A machine at 1 GHz (1,000,000 kHz), 0 seconds after its boot at tick 5,000,000, UART empty. */
void fake_reset(void);
/* Let milliseconds pass. */
void fake_ms(uint64_t ms);
void fake_key(const char *bytes, size_t size);
/* What the UART was sent, terminated, and forget it. */
const char *fake_uart_text(void);

/* True if the statement ends in arch_reset(), arch_poweroff() or crash(): counted in fake.resets and so on. */
#define FAKE_ENDS(statement)                                                                                                       \
    (setjmp(fake.end) != 0 ? true : (__extension__({                                                                               \
        fake.end_armed = true;                                                                                                     \
        statement;                                                                                                                 \
        fake.end_armed = false;                                                                                                    \
        false;                                                                                                                     \
    })))

#endif
