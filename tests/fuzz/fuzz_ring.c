/* SPDX-License-Identifier: Apache-2.0 */
/* The peer of a ring, a stream and a bulletin does what the input says: any bytes anywhere in the channel that it writes, its restarts and
 * ours. No byte outside the two channels is touched, every call comes to an end, and what is given is no larger than what there was room for. */
#include <stdlib.h>
#include <string.h>

#include "bh.h"
#include "bulletin.h"
#include "ring.h"
#include "stream.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

#define RING 4096u

struct channel {
    struct bh_ring_head head;
    uint8_t rest[RECORD_RING_AT - sizeof(struct bh_ring_head)], ring[RING];
};
static struct channel *channels[2]; /* ours, the peer's: each its own piece of memory, so that one byte too many is seen */
static uint32_t epochs[2];
static struct ring ring;
static struct stream stream;
static struct bulletin bulletin;
static const uint8_t *input;
static size_t left;

uint64_t bh_call(uint64_t number, uint64_t a, uint64_t b, uint64_t c)
{
    (void)a, (void)b, (void)c;
    return number == BH_CALL_DOORBELL ? 0 : BH_EINVAL;
}

static uint64_t take(unsigned bytes)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < bytes && left > 0; i++, left--)
        value |= (uint64_t)*input++ << 8 * i;
    return value;
}

static void wipe(unsigned i)
{
    memset(channels[i], 0, sizeof(*channels[i]));
    epochs[i]++;
}

/* What a sound peer would have said of this life of ours. */
static void agree(void)
{
    channels[1]->head.seen_epoch = epochs[0];
    channels[1]->head.consumed = channels[0]->head.produced;
}

static void open_all(void)
{
    struct record_end end;

    wipe(0);
    record_open(&end, (struct record_side){&channels[0]->head, RING, &epochs[0]},
                (struct record_side){&channels[1]->head, RING, &epochs[1]}, 0);
    ring_open(&ring, &end, "there", "back");
    stream_open(&stream, &end);
    bulletin_open(&bulletin, (struct record_side){&channels[1]->head, RING, &epochs[1]}, 1, "back");
}

static void scribble(void)
{
    uint8_t *bytes = (uint8_t *)channels[1];
    uint32_t at = (uint32_t)take(2) % sizeof(struct channel), count = (uint32_t)take(1) % 40;

    if (at % 3 == 0)
        at %= 16; /* the indices are what matters most */
    for (uint32_t i = 0; i < count && at + i < sizeof(struct channel); i++)
        bytes[at + i] = (uint8_t)take(1);
}

static void listen(void)
{
    static uint8_t to[STREAM_PIECE + 100];
    size_t room = (size_t)take(2) % sizeof(to), size;
    enum ring_result result = ring_receive(&ring, to, room, &size);

    if (size > RING_MESSAGE_MAX || (size != 0 && result != RING_GOOD && result != RING_GAP && result != RING_LATE))
        abort();
    if (stream_read(&stream, to, room) > room)
        abort();
    result = bulletin_read(&bulletin, to, room, &size);
    if (size > room || size > bulletin_room(&bulletin))
        abort();
}

static void speak(void)
{
    static const uint8_t from[RING_MESSAGE_MAX];
    size_t size = (size_t)take(2) % sizeof(from);

    if (take(1) & 1)
        ring_send(&ring, from, size);
    else
        stream_write(&stream, from, size);
    record_flush(&ring.end);
}

static void (*const acts[])(void) = {scribble, listen, speak, agree, scribble, listen, open_all};

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    input = bytes;
    left = count;
    for (unsigned i = 0; i < 2; i++) {
        free(channels[i]);
        channels[i] = malloc(sizeof(*channels[i]));
        wipe(i);
    }
    open_all();
    stream_state(&stream);
    for (unsigned steps = 0; left > 0 && steps < 2000; steps++) {
        uint8_t act = (uint8_t)take(1);

        if (act == 255)
            wipe(1);
        else
            acts[act % (sizeof(acts) / sizeof(acts[0]))]();
        if (stream_state(&stream) == STREAM_RENEWED)
            agree();
    }
    return 0;
}
