/* SPDX-License-Identifier: Apache-2.0 */
/* The console: per-partition output rings, one physical UART, focus and attention commands; and the hypervisor's own log. */
#ifndef BULKHEAD_CONSOLE_H
#define BULKHEAD_CONSOLE_H

#include <stdarg.h>

#include "partition.h"

/* Print into the hypervisor's log: seen on the UART as "[    3.141592] bulkhead| text". One line per call, no newline.
 * Formats: %s %c %d %u %x %lx %lu %ld %zu %p with width, 0 and - flags; %lx takes 64 bits. Before console_live() it goes out at
 * once; afterwards at the next tick. Any core, not from an NMI handler; bounded. */
__attribute__((format(printf, 1, 2))) void log_line(const char *format, ...);
/* The same into a buffer; always terminated; returns the length it has. */
__attribute__((format(printf, 3, 4))) size_t format_text(char *out, size_t size, const char *format, ...);
size_t format_list(char *out, size_t size, const char *format, va_list list);
/* A byte as a person may see it, control and other unprintable characters made visible: at most four characters, and a NUL now and then.
 * Returns how many. */
size_t text_visible(char *out, uint8_t byte);

/* Microseconds from the hypervisor's entry to `ticks`; 0 until the TSC is measured. */
uint64_t time_us(uint64_t ticks);

void console_init(void); /* before anything is logged */
void console_live(void); /* partitions start: from now on only the housekeeping core drives the UART */

/* Output of a partition, any of its cores. Returns how many bytes found room. Gate held. */
size_t console_write_locked(struct partition *partition, const char *u_bytes, size_t size);
bool console_full_locked(const struct partition *partition);

/* A key for a partition. Takes its gate. Any core. */
void console_input(struct partition *partition, uint8_t byte);

/* Work of the housekeeping core at each tick and UART interrupt: take unikernels' rings, show output, read keys. Bounded:
 * at most CONSOLE_BUDGET bytes per call. False: there was nothing to read or to show. */
bool console_service(uint64_t now);
/* Show everything that is still waiting, polling the UART for at most a second: before power off and reset. */
void console_flush(void);
/* Log the exit counters of every core: attention key, and before power off. */
void console_counters(void);

/* At a (re)start of a partition: input forgotten, its rings in the ABI area reset. On its first core. */
void console_reset(struct partition *partition);

/* Run the audit from the attention key; main.c. Runs on the housekeeping core. */
void console_audit(void);

#endif
