/* SPDX-License-Identifier: Apache-2.0 */
/* The 16550 that an unmodified guest sees at 0x3f8: the partition's console as registers. */
#ifndef BULKHEAD_UART16550_H
#define BULKHEAD_UART16550_H

#include "types.h"

struct partition;

#define UART_PORT 0x3f8u
#define UART_PIN 4u
#define UART_INPUT 1024u

struct uart16550 {
    uint8_t ier, lcr, mcr, scr, fcr, dll, dlm;
    bool thre_pending; /* transmitter-empty interrupt not yet seen by the guest */
    bool out_was_full; /* a byte was refused: tell the guest when there is room */
    uint32_t in_produced, in_consumed;
    uint8_t in[UART_INPUT];
};

/* All with the partition's gate held. offset 0..7. */
void uart16550_reset(struct uart16550 *uart);
uint8_t uart16550_read(struct partition *partition, unsigned offset);
void uart16550_write(struct partition *partition, unsigned offset, uint8_t u_value);
/* Input for the guest: false if its buffer is full. Raises its interrupt if it wants one. */
bool uart16550_input(struct partition *partition, uint8_t byte);
/* The output ring has room again. */
void uart16550_output_room(struct partition *partition);

#endif
