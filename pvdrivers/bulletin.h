/* SPDX-License-Identifier: Apache-2.0 */
/* The newest state of something, from one writer to all who read the channel. There is no way back: nobody can hold the writer up, and a
 * reader that comes late has the newest one only. Of the channel's head only `produced` is used: it counts what has been published. The ring is
 * four slots of equal size, used in turn; each begins with struct bulletin_head. */
#ifndef BULLETIN_H
#define BULLETIN_H

#include "ring.h"

#define BULLETIN_SLOTS 4u

struct bulletin_head {
    uint32_t size;
    uint32_t number; /* of this publication, from 1 */
    uint32_t sender; /* CRC-32C of the channel's name (16 bytes) and its epoch */
    uint32_t crc;    /* CRC-32C of size, number, sender, and the bytes */
};

struct bulletin {
    struct record_side side;
    unsigned channel; /* number, for the doorbell */
    uint8_t name[16];
    uint32_t number; /* last one published or read */
    uint32_t epoch;  /* that it is of */
};

/* By the channel's name, for its writer or a reader; or over what a test says. */
bool bulletin_find(struct bulletin *bulletin, const char *name, bool writes);
void bulletin_open(struct bulletin *bulletin, struct record_side side, unsigned channel, const char *name);

/* Bytes that one may have. */
size_t bulletin_room(const struct bulletin *bulletin);
/* False: it does not fit. Rings nobody. */
bool bulletin_publish(struct bulletin *bulletin, const void *bytes, size_t size);
/* The newest, if it is another one than the last: RING_GOOD, or RING_GAP if there were others between. RING_NONE: nothing new, or the writer
 * was faster than this reader four times running. RING_CORRUPT (also where it is larger than `room`), RING_FOREIGN, RING_RENEWED as with
 * messages. */
enum ring_result bulletin_read(struct bulletin *bulletin, void *to, size_t room, size_t *size);

#endif
