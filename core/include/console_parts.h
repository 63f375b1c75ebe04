/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the console share: log.c (lines of the hypervisor), console.c (rings, views, the UART) and
 * console_command.c (attention key). For nobody else. */
#ifndef BULKHEAD_CONSOLE_PARTS_H
#define BULKHEAD_CONSOLE_PARTS_H

#include "console.h"

#define LOG_RING 32768u
#define LOG_LINE 240u /* longest line of the hypervisor, stamp and newline included */
#define VIEW_ALL 0xffu

/* --- log.c --- */
/* "[    3.141592] name| " */
size_t log_prefix(char *out, size_t size, uint64_t now, const char *name);
/* Take the oldest line that was not shown, without its newline; 0 if there is none. */
size_t log_next(char line[LOG_LINE]);
bool log_is_live(void);
/* The whole log to record_log(), once that is ready. */
void log_repeat(void);
void log_live(void);

/* --- console.c --- */
/* Partition `index` gets keyboard and raw screen; VIEW_ALL: the view of all, keys stay where they are. */
void console_focus(unsigned index);
unsigned console_keys(void); /* index of the partition that has the keyboard */

/* --- console_command.c --- */
/* A byte from the keyboard. */
void command_key(uint8_t byte, uint64_t now);
/* A number whose next digit did not come takes effect. */
void command_tick(uint64_t now);

#endif
