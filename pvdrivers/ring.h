/* SPDX-License-Identifier: Apache-2.0 */
/* Messages over a pair of channels. Each is a record (record.h) whose tag is its sequence number, from 0 in each connection, and that begins
 * with struct ring_head. So the receiver tells loss, repetition, reordering, corruption and masquerade one from another, whoever has caused
 * them: its peer, or memory. From one core, or under the caller's lock. */
#ifndef RING_H
#define RING_H

#include "record.h"

#define RING_MESSAGE_MAX 2048u

struct ring_head {
    uint32_t
        sender; /* CRC-32C of the channel's name (16 bytes, NULs behind it), its epoch, the epoch of the channel that leads back */
    uint32_t crc; /* CRC-32C of sender, sequence number, size, and the bytes of the message */
};

/* What receiving gave. */
enum ring_result {
    RING_NONE,     /* nothing is there */
    RING_GOOD,     /* the next message */
    RING_GAP,      /* a message, but some before it are missing: ring.missing counts them */
    RING_LATE,     /* a message that was missing, after later ones */
    RING_REPEATED, /* not given: it was there before */
    RING_CORRUPT,  /* not given: its CRC says that it is not what was sent */
    RING_FOREIGN,  /* not given: whole, but of another channel, or of another life of this one */
    RING_BROKEN,   /* indices or sizes that cannot be: all that was in the ring is lost */
    RING_RENEWED,  /* the peer has started again, or for the first time: what was under way is lost, numbers begin anew */
    RING_RESULTS
};
const char *ring_result_name(enum ring_result result);

struct ring {
    struct record_end end;
    uint8_t names[2][16];       /* of the channels that we write and read */
    uint32_t sender, peer;      /* as ring_head.sender */
    uint32_t next_out, next_in; /* sequence numbers */
    uint64_t had;               /* bit n: the message n + 1 before next_in has come */
    uint64_t missing;           /* in this connection, those that came late no longer counted */
    bool renewed;               /* to be told */
    uint64_t results[RING_RESULTS];
    struct {
        struct ring_head head;
        uint8_t bytes[RING_MESSAGE_MAX];
    } copy; /* what is checked is what is given */
};

/* Over channels of these names, that this end writes and reads; or over what a test says. */
bool ring_find(struct ring *ring, const char *out, const char *in);
void ring_open(struct ring *ring, const struct record_end *end, const char *out, const char *in);

/* False: no room now, more than RING_MESSAGE_MAX bytes, or nobody there. Rings nobody: ring_flush() at the end of a round. */
bool ring_send(struct ring *ring, const void *bytes, size_t size);
/* At most `room` bytes of it are given; *size is how many there were. Steps: one message each time. */
enum ring_result ring_receive(struct ring *ring, void *to, size_t room, size_t *size);
void ring_flush(struct ring *ring);

#endif
