/* SPDX-License-Identifier: Apache-2.0 */
/* What is kept for those who come after a crash: output, stops and log of this boot, in RAM that survives a warm reset; the same of the boot
 * before, for reading; memory and registers of a partition that has stopped. */
#ifndef BULKHEAD_RECORDER_H
#define BULKHEAD_RECORDER_H

#include "partition.h"
#include "recorder_area.h"

/* Look for what the boot before left, print it in short, and begin this boot's bank. Boot processor, after crash_report(). */
void record_begin(void);

/* Add to this boot's bank; nothing before record_begin(). Output and stops: gate held; log: its ring's lock held. */
void record_output(const struct partition *partition, const char *bytes, size_t size);
void record_stop(const struct partition *partition, const struct stop_record *stop);
void record_log(const char *bytes, size_t size);

/* recorder_before.c: the newest sound bank of an earlier boot, or 0; crash: what crash_before() said. What is not sound in it becomes zeros.
 * Then the print of it. */
struct record_bank *record_before_find(struct record_bank *banks[2], const struct crash_record *crash);
void record_before_print(const struct record_bank *before);
bool record_block_sound(const struct record_block *block, uint64_t seed, uint32_t number);
struct bh_cpu record_cpu(const struct guest_state *state, const struct guest_regs *regs);

/* --- answers to BH_CALL_READ. The rights were checked. `to` has room for `size` bytes; the result is how many are there now, or an error. Any
 * core; bounded by `size`. ---- */

/* BH_READ_RECORD: bytes of the bank of the boot before, from u_where on. 0: the end, or there is none. */
uint64_t record_read(uint64_t u_where, void *to, size_t size);
/* BH_READ_STOPS: struct bh_stop from the u_where-th of those kept, the oldest first. Not `whole`: registers and raw words are zeros. Takes the gate. */
uint64_t record_stops(struct partition *partition, uint64_t u_where, void *to, size_t size, bool whole);
/* BH_READ_LOG: see struct bh_text. Takes the log's lock. */
uint64_t log_read(uint64_t u_where, void *to, size_t size);
/* BH_READ_MEMORY: the page of RAM at u_gpa; BH_AGAIN until its own first core has fetched it, since no other maps it (SEP-1). BH_EBUSY: it has
 * not stopped. BH_EINVAL: no page of RAM. A page that is ready waits some milliseconds for `by`, who asked for it. */
uint64_t dump_memory(const struct partition *by, struct partition *partition, uint64_t u_gpa, void *to, size_t size);
/* BH_READ_REGISTERS: struct bh_registers. BH_EBUSY, BH_EINVAL. */
uint64_t dump_registers(const struct partition *partition, uint64_t u_vcpu, void *to, size_t size);

/* --- dump.c, for the life cycle ---- */
void dump_create(struct partition *partition); /* before the seal: a page, where the table lets somebody dump it */
/* The vcpu parks: note its registers. `mode`: before that. On its own core. */
void dump_park(struct vcpu *vcpu, enum vcpu_mode mode);
/* REQUEST_DUMP, first core: fetch the page that somebody asked for. */
void dump_fetch(struct partition *partition);
/* A new life begins: what was fetched of the old one is gone. On its first core. */
void dump_forget(struct partition *partition);

#endif
