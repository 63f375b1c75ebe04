/* SPDX-License-Identifier: Apache-2.0 */
/* Shared memory channels: pages of ours that one partition writes and others read (SEP-1 names them as the only memory that is shared).
 * We never look into a ring: what stands there is between its writer and its readers. We keep the mapping, the epochs and the doorbells. */
#ifndef BULKHEAD_CHANNEL_H
#define BULKHEAD_CHANNEL_H

#include "partition.h"

/* Take their pages and tell each unikernel which it is part of. Once, before the seal, after partitions_create(). */
void channels_create(void);

/* The head, one page, its ring behind it: valid on every core. Its writer may change any of it at any time. */
uint8_t *channel_memory(unsigned channel);
uint32_t channel_epoch(unsigned channel);

/* What this partition writes becomes empty and gets a new epoch. None of its cores runs. In slices. */
void channels_restart(const struct partition *writer);
/* Ring the readers of all that it writes: it has started. */
void channels_announce(const struct partition *writer);

/* BH_CALL_DOORBELL. At most one interrupt for each of at most four readers. */
uint64_t channel_doorbell(struct vcpu *vcpu, uint64_t u_index);
/* May its writer ring now, by the table's rate? Counts it if so. The writer's gate is held. */
bool channel_may_ring(unsigned channel);
/* What this partition has put into its rings and how often it rang, all of them together, modulo 2^32. To be shown only. Any core. */
void channel_counts(const struct partition *writer, uint32_t *u_bytes, uint32_t *doorbells);
/* Ring the readers, whatever the rate. No gate is held. */
void channel_ring(unsigned channel);

#endif
