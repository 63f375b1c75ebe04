/* SPDX-License-Identifier: Apache-2.0 */
/* Watchdogs: each partition's own, and the condition under which the board's is fed. AC-46: who pets is known from where
 * the sign of life is found, never from an argument; period and action come from the table alone. */
#ifndef BULKHEAD_WATCHDOG_H
#define BULKHEAD_WATCHDOG_H

#include "partition.h"

/* A core that has not passed its run loop for this long no longer answers. It is kicked when half of it has gone by. */
#define WATCHDOG_ANSWER_MS 4000u

/* The partition starts: boot grace begins. On its first core, before its state becomes running. */
void watchdog_start(struct partition *partition, uint64_t now);
/* Look for a sign of life; order the table's action if one is overdue. Housekeeping core, any rate. */
void watchdog_tick(struct partition *partition, uint64_t now);
/* The emulated ib700: a sign of life, which also starts a watchdog that was stopped. Any core of the partition. */
void watchdog_pet(struct partition *partition);
/* The same device's stop port: obeyed if the table allows it, else counted. Gate held. */
void watchdog_stop(struct partition *partition);
/* Feed the board's watchdog while all cores answer. Housekeeping core, any rate. */
void watchdog_board(uint64_t now);

#endif
