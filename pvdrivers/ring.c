/* SPDX-License-Identifier: Apache-2.0 */
/* Messages over a pair of channels: sequence numbers and CRCs. */
#include "ring.h"

#include <string.h>

#include "crc32c.h"

#define HEAD ((uint32_t)sizeof(struct ring_head))
#define WINDOW 64u /* messages back that can be told from one another */

static uint32_t sender_of(const uint8_t name[16], uint32_t epoch, uint32_t back)
{
    uint32_t epochs[] = {epoch, back};

    return crc32c(crc32c(0, name, 16), epochs, sizeof(epochs));
}

static uint32_t message_crc(uint32_t sender, uint32_t sequence, const void *bytes, uint32_t size)
{
    uint32_t words[] = {sender, sequence, size};

    return crc32c(crc32c(0, words, sizeof(words)), bytes, size);
}

/* Both ends begin to count anew: the sender when it sees the receiver's new epoch, which is before the receiver has said that it is there. */
static void renew(struct ring *ring)
{
    if (!record_renewed(&ring->end))
        return;
    ring->sender = sender_of(ring->names[0], ring->end.lived, ring->end.seen);
    ring->peer = sender_of(ring->names[1], ring->end.seen, ring->end.lived);
    ring->next_out = ring->next_in = 0;
    ring->had = ~0ull; /* nothing before number 0 is missing */
    ring->missing = 0;
    ring->renewed = true;
}

void ring_open(struct ring *ring, const struct record_end *end, const char *out, const char *in)
{
    memset(ring, 0, sizeof(*ring));
    crc32c_init();
    ring->end = *end;
    strncpy((char *)ring->names[0], out, sizeof(ring->names[0]) - 1);
    strncpy((char *)ring->names[1], in, sizeof(ring->names[1]) - 1);
    renew(ring);
}

bool ring_send(struct ring *ring, const void *bytes, size_t size)
{
    struct ring_head head;

    renew(ring);
    if (size > RING_MESSAGE_MAX)
        return false;
    head.sender = ring->sender;
    head.crc = message_crc(ring->sender, ring->next_out, bytes, (uint32_t)size);
    if (!record_put(&ring->end, ring->next_out, (const struct record_piece[]){{&head, HEAD}, {bytes, size}}, 2))
        return false;
    ring->next_out++;
    return true;
}

/* Where does this number stand to those that have come? */
static enum ring_result place(struct ring *ring, uint32_t sequence)
{
    uint32_t ahead = sequence - ring->next_in, back = ring->next_in - 1 - sequence;

    if (ahead < 0x80000000u) {
        ring->had = ahead + 1 < WINDOW ? ring->had << (ahead + 1) | 1 : 1;
        ring->next_in = sequence + 1;
        ring->missing += ahead;
        return ahead == 0 ? RING_GOOD : RING_GAP;
    }
    if (back >= WINDOW || (ring->had >> back & 1) != 0)
        return RING_REPEATED;
    ring->had |= 1ull << back;
    ring->missing -= ring->missing > 0;
    return RING_LATE;
}

static enum ring_result judge(struct ring *ring, const struct bh_record *record)
{
    uint32_t size = record->size - HEAD;

    if (record->size < HEAD || record->size > sizeof(ring->copy))
        return RING_CORRUPT;
    if (ring->copy.head.crc != message_crc(ring->copy.head.sender, record->tag, ring->copy.bytes, size))
        return RING_CORRUPT;
    if (ring->copy.head.sender != ring->peer)
        return RING_FOREIGN;
    return place(ring, record->tag);
}

static enum ring_result take(struct ring *ring, struct bh_record *record)
{
    uint64_t bad = ring->end.count.bad;

    renew(ring);
    if (ring->renewed) {
        ring->renewed = false;
        return RING_RENEWED;
    }
    if (!record_take(&ring->end, &ring->copy, sizeof(ring->copy), record))
        return ring->end.count.bad != bad ? RING_BROKEN : RING_NONE;
    return judge(ring, record);
}

enum ring_result ring_receive(struct ring *ring, void *to, size_t room, size_t *size)
{
    struct bh_record record;
    enum ring_result result = take(ring, &record);

    ring->results[result]++;
    *size = 0;
    if (result == RING_GOOD || result == RING_GAP || result == RING_LATE) {
        *size = record.size - HEAD;
        memcpy(to, ring->copy.bytes, *size < room ? *size : room);
    }
    return result;
}

void ring_flush(struct ring *ring)
{
    record_flush(&ring->end);
}

const char *ring_result_name(enum ring_result result)
{
    static const char *const names[RING_RESULTS] = {"nothing", "good",    "gap",    "late",   "repeated",
                                                    "corrupt", "foreign", "broken", "renewed"};

    return (unsigned)result < RING_RESULTS ? names[result] : "?";
}
