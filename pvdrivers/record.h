/* SPDX-License-Identifier: Apache-2.0 */
/* Records over a pair of channels, as cables and slices have them: one that this end writes and one that leads back. The peer is believed
 * nothing: whatever stands in its memory, an end gives whole records that fit the ring, or none.
 *
 * How a ring begins. A reader that sees a new epoch of the writer takes the writer's index for its own, whatever is there, and only then
 * says that it has seen the epoch. A writer puts nothing before its reader has. So a record is lost only where one of the two starts again,
 * and never unnoticed: record_renewed() tells. From one core, or under the caller's lock. */
#ifndef BULKHEAD_RECORD_H
#define BULKHEAD_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bulkhead_abi.h"

#define RECORD_STEP 8u       /* records begin at multiples of this */
#define RECORD_RING_AT 4096u /* where the ring is, from its channel's head */

struct record_side {
    volatile struct bh_ring_head *head; /* with the ring behind it */
    uint32_t size;                      /* of the ring, a power of 2, at least 4 KiB */
    const volatile uint32_t *epoch;     /* of the channel */
};

struct record_end {
    struct record_side out, in;
    unsigned number;             /* of `out`, for its doorbell */
    uint32_t produced, consumed; /* ours, in bytes */
    uint32_t seen, lived;        /* epochs of in and out that `consumed` and `produced` are of */
    bool ring_due;               /* the peer wants to be rung, and has not been yet */
    struct {
        uint64_t put, taken; /* records */
        uint64_t refused;    /* not put: no room, or nobody there */
        uint64_t bad;        /* times that the peer's indices or sizes made no sense: what was in its ring is lost */
        uint64_t rings;      /* doorbells rung */
    } count;
};

struct record_piece {
    const void *bytes;
    size_t size;
};

/* The end of a cable or slice with these channels, as bh_channels has them; `number` is the index there of the one that it writes. */
void record_open(struct record_end *end, struct record_side out, struct record_side in, unsigned number);
struct record_side record_side(const volatile struct bh_channel *channel);

/* Call it first in each round. True: the peer is a new one, or this is the first time. What was in both rings is gone, and what was put
 * may not have been read: whoever wants answers asks again. */
bool record_renewed(struct record_end *end);
/* False: put() would refuse, whatever the size: the peer has not come, or not seen yet that we have. */
bool record_connected(const struct record_end *end);

/* A record of so many bytes, tag and pieces one after the other. False: no room now, or not connected; nothing is done then. */
bool record_put(struct record_end *end, uint32_t tag, const struct record_piece *pieces, unsigned count);
/* The next record. False: none. Of one that is larger than `room` the rest is lost; size says how large it was. */
bool record_take(struct record_end *end, void *to, size_t room, struct bh_record *record);
/* Is there one? */
bool record_waiting(const struct record_end *end);

/* Ring the peer if what has been put or taken is what it wanted to be rung for. At the end of each round. */
void record_flush(struct record_end *end);
/* From now on the peer is to ring for these: BH_WANTS_DATA, BH_WANTS_ROOM; 0: for nothing. False: what is waited for is there already,
 * so look again before you sleep; room counts as there where there are `room` bytes for one more record. */
bool record_arm(struct record_end *end, uint32_t wants, uint32_t room);

#endif
