/* SPDX-License-Identifier: Apache-2.0 */
/* The health table: a cause belongs to an event, and for each event the partition's table has an action. Here it is looked up, counted and,
 * where the partition goes on, done; stops are the life cycle's. */
#ifndef BULKHEAD_HEALTH_H
#define BULKHEAD_HEALTH_H

#include "partition.h"

/* This befell a partition: what is left to do. ACTION_LOG: nothing, it goes on, and has been given an NMI where the table says so. A cause
 * that is no event, as the operator's wish, stops it. Any core. */
enum action health_event(struct partition *partition, enum cause cause);

/* A new life: what was found out in the one before does not count. On its first core, before its state becomes running. */
void health_start(struct partition *partition, uint64_t now);

/* It has stopped: tell those who have a channel in common with it, whose tables say what becomes of them. On its first core. */
void health_peers(const struct partition *partition);

/* REQUEST_LOOK: note where this vcpu's guest is. Own core. */
void health_look(struct vcpu *vcpu);

/* Have cores looked at, and find a hang. Housekeeping core, each tick. */
void health_tick(struct partition *partition, uint64_t now);
/* Compare exits with the budget. Housekeeping core, once per second. */
void health_second(struct partition *partition, uint64_t now);

#endif
