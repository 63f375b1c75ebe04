/* SPDX-License-Identifier: Apache-2.0 */
/* Records over a pair of channels. Each word of the peer's memory is read once, checked, and then used. */
#include "record.h"

#include <string.h>

#include "bh.h"

#define HEADER ((uint32_t)sizeof(struct bh_record))

_Static_assert(sizeof(struct bh_record) == RECORD_STEP, "a record's header never wraps");

static uint32_t get(const volatile uint32_t *word)
{
    return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

static void set(volatile uint32_t *word, uint32_t value)
{
    __atomic_store_n(word, value, __ATOMIC_RELEASE);
}

static uint32_t whole(uint32_t size)
{
    return (size + RECORD_STEP - 1) & ~(RECORD_STEP - 1);
}

static uint8_t *ring(const struct record_side *side)
{
    return (uint8_t *)(uintptr_t)side->head + RECORD_RING_AT;
}

static void ring_write(const struct record_side *side, uint32_t index, const void *from, size_t size)
{
    uint32_t at = index & (side->size - 1);
    size_t first = size < side->size - at ? size : side->size - at;

    memcpy(ring(side) + at, from, first);
    memcpy(ring(side), (const uint8_t *)from + first, size - first);
}

static void ring_read(const struct record_side *side, uint32_t index, void *to, size_t size)
{
    uint32_t at = index & (side->size - 1);
    size_t first = size < side->size - at ? size : side->size - at;

    memcpy(to, ring(side) + at, first);
    memcpy((uint8_t *)to + first, ring(side), size - first);
}

struct record_side record_side(const volatile struct bh_channel *channel)
{
    return (struct record_side){(volatile struct bh_ring_head *)(uintptr_t)channel->gpa, channel->size, &channel->epoch};
}

void record_open(struct record_end *end, struct record_side out, struct record_side in, unsigned number)
{
    *end = (struct record_end){.out = out, .in = in, .number = number, .lived = get(out.epoch)};
    set(&out.head->wants, 0);
}

/* The order of the stores is what the peer relies on: our index before the epoch that it belongs to. */
bool record_renewed(struct record_end *end)
{
    uint32_t epoch = get(end->in.epoch);

    if (epoch == end->seen)
        return false;
    end->consumed = get(&end->in.head->produced);
    end->seen = epoch;
    set(&end->out.head->consumed, end->consumed);
    set(&end->out.head->seen_epoch, epoch);
    end->ring_due = true; /* it may be waiting for us */
    return true;
}

/* Bytes free in the ring that we write; 0 also where nobody reads it or its reader says what cannot be. */
static uint32_t room(const struct record_end *end)
{
    uint32_t u_seen = get(&end->in.head->seen_epoch), used = end->produced - get(&end->in.head->consumed);

    if (end->seen == 0 || get(end->in.epoch) != end->seen || u_seen != end->lived || used > end->out.size)
        return 0;
    return end->out.size - used;
}

bool record_connected(const struct record_end *end)
{
    return end->seen != 0 && get(end->in.epoch) == end->seen && get(&end->in.head->seen_epoch) == end->lived;
}

/* The peer sees either both or what it wants to be rung for: its stores are in the opposite order, with the same fence. */
static void ask(struct record_end *end, uint32_t wants)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (get(&end->in.head->wants) & wants)
        end->ring_due = true;
}

bool record_put(struct record_end *end, uint32_t tag, const struct record_piece *pieces, unsigned count)
{
    struct bh_record record = {.tag = tag};
    uint32_t at = end->produced, free = room(end);
    size_t size = 0;

    for (unsigned i = 0; i < count; i++)
        size += pieces[i].size;
    if (free < HEADER || size > free - HEADER) { /* a multiple of 8 is free, so that the padding fits too */
        end->count.refused++;
        return false;
    }
    record.size = (uint32_t)size;
    ring_write(&end->out, at, &record, HEADER);
    at += HEADER;
    for (unsigned i = 0; i < count; i++) {
        ring_write(&end->out, at, pieces[i].bytes, pieces[i].size);
        at += (uint32_t)pieces[i].size;
    }
    end->produced += HEADER + whole(record.size);
    set(&end->out.head->produced, end->produced);
    end->count.put++;
    ask(end, BH_WANTS_DATA);
    return true;
}

bool record_waiting(const struct record_end *end)
{
    return get(end->in.epoch) == end->seen && get(&end->in.head->produced) != end->consumed;
}

static void consume(struct record_end *end, uint32_t to)
{
    end->consumed = to;
    set(&end->out.head->consumed, to);
    ask(end, BH_WANTS_ROOM);
}

/* What is copied before a new epoch is seen may be of neither life, and is not given. */
bool record_take(struct record_end *end, void *to, size_t room_there, struct bh_record *record)
{
    uint32_t u_produced = get(&end->in.head->produced), used = u_produced - end->consumed;

    if (get(end->in.epoch) != end->seen || used == 0)
        return false;
    if (used >= HEADER && used <= end->in.size)
        ring_read(&end->in, end->consumed, record, HEADER);
    if (used < HEADER || used > end->in.size || used % RECORD_STEP != 0 || record->size > used - HEADER) {
        end->count.bad++;
        consume(end, u_produced);
        return false;
    }
    ring_read(&end->in, end->consumed + HEADER, to, record->size < room_there ? record->size : room_there);
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    if (get(end->in.epoch) != end->seen)
        return false;
    consume(end, end->consumed + HEADER + whole(record->size));
    end->count.taken++;
    return true;
}

/* Over the table's rate it stays due, and the next round tries again. */
void record_flush(struct record_end *end)
{
    if (!end->ring_due || bh_call(BH_CALL_DOORBELL, end->number, 0, 0) == BH_AGAIN)
        return;
    end->ring_due = false;
    end->count.rings++;
}

bool record_arm(struct record_end *end, uint32_t wants, uint32_t room_wanted)
{
    set(&end->out.head->wants, wants);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (get(end->in.epoch) != end->seen || end->ring_due)
        return false;
    return !((wants & BH_WANTS_DATA) && record_waiting(end)) &&
           !((wants & BH_WANTS_ROOM) && room(end) >= HEADER + whole(room_wanted));
}
