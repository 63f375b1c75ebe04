/* SPDX-License-Identifier: Apache-2.0 */
/* The trace of exits: a ring of records for each core of a partition whose table says `trace` or that somebody may observe. Off it costs one
 * test per exit. */
#ifndef BULKHEAD_TRACE_H
#define BULKHEAD_TRACE_H

#include "partition.h"

#define TRACE_PAGES (BH_TRACE_RECORDS * sizeof(struct bh_trace_record) / PAGE_SIZE)

/* Rings of the plan's partitions. Before the seal. */
void trace_create(struct partition *partition);
/* On or off on all its cores. False: it has no rings. Any core. */
bool trace_switch(struct partition *partition, bool on);

/* Around the handling of an exit, on the vcpu's own core, where vcpu->trace.on is set. */
void trace_begin(const struct vcpu *vcpu, const struct exit *exit, struct bh_trace_record *record);
void trace_end(struct vcpu *vcpu, struct bh_trace_record *record);

/* Head and records into the answer. where: vcpu << 32 | index of the first one wanted. Older ones than the ring has are left out, which the head
 * tells. Returns the answer's size, BH_EINVAL or BH_AGAIN: what was copied has been overwritten meanwhile. Any core, no lock. */
uint64_t trace_read(const struct partition *partition, uint64_t u_where, uint8_t answer[BH_ANSWER_SIZE]);

#endif
