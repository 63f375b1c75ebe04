/* SPDX-License-Identifier: Apache-2.0 */
/* Rings of records in channels, at the end that a port is: pvdrivers/record.h says how a ring begins. What the peer has written is read
 * once and checked: an index, a size or a tag that cannot be loses what is in its ring, nothing else. */
#include "arch.h"
#include "channel.h"
#include "memory.h"
#include "port_device.h"

#define HEADER ((uint32_t)sizeof(struct bh_record))

_Static_assert(sizeof(struct bh_record) == 8, "a record's header never wraps");

static struct bh_ring_head *head_of(unsigned channel)
{
    return (struct bh_ring_head *)(void *)channel_memory(channel);
}

static uint32_t get(const uint32_t *word)
{
    return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

static void set(uint32_t *word, uint32_t value)
{
    __atomic_store_n(word, value, __ATOMIC_RELEASE);
}

static uint32_t whole(uint32_t size)
{
    return (size + HEADER - 1) & ~(HEADER - 1);
}

/* Where byte `index` of a ring is, and how many follow it before its end. */
static uint8_t *ring_at(unsigned channel, uint32_t index, uint32_t *straight)
{
    uint32_t size = plan.channels[channel].size, at = index & (size - 1);

    *straight = size - at;
    return channel_memory(channel) + PAGE_SIZE + at;
}

/* The order of the stores is what the peer relies on. */
bool ring_renewed(struct port *port)
{
    struct bh_ring_head *out = head_of(port->plan->out);
    uint32_t epoch = channel_epoch(port->plan->in);

    if (epoch == port->seen)
        return false;
    port->consumed = get(&head_of(port->plan->in)->produced);
    port->seen = epoch;
    set(&out->consumed, port->consumed);
    set(&out->seen_epoch, epoch);
    port->ring_due = true;
    return true;
}

uint32_t ring_room(const struct port *port)
{
    const struct bh_ring_head *in = head_of(port->plan->in);
    uint32_t size = plan.channels[port->plan->out].size, u_seen = get(&in->seen_epoch),
             u_used = port->produced - get(&in->consumed);

    if (port->seen == 0 || channel_epoch(port->plan->in) != port->seen || u_seen != channel_epoch(port->plan->out) ||
        u_used > size || size - u_used < HEADER)
        return 0;
    return size - u_used - HEADER;
}

static void ask(struct port *port, uint32_t wants)
{
    atomic_thread_fence(memory_order_seq_cst);
    if (get(&head_of(port->plan->in)->wants) & wants)
        port->ring_due = true;
}

static void put_bytes(const struct port *port, uint32_t index, const void *from, uint32_t size)
{
    uint32_t straight;
    uint8_t *to = ring_at(port->plan->out, index, &straight);

    straight = size < straight ? size : straight;
    memcpy(to, from, straight);
    memcpy(ring_at(port->plan->out, index + straight, &(uint32_t){0}), (const uint8_t *)from + straight, size - straight);
}

void ring_put(struct port *port, uint32_t tag, const void *head, uint32_t head_size, const struct port_chain *chain,
              uint64_t offset, uint32_t size)
{
    const struct bh_record record = {head_size + size, tag};
    uint32_t index = port->produced + HEADER, straight;
    uint8_t *to;

    put_bytes(port, port->produced, &record, HEADER);
    put_bytes(port, index, head, head_size);
    to = ring_at(port->plan->out, index + head_size, &straight);
    straight = size < straight ? size : straight;
    chain_read(chain, offset, to, straight);
    chain_read(chain, offset + straight, ring_at(port->plan->out, index + head_size + straight, &(uint32_t){0}), size - straight);
    port->produced = index + whole(record.size);
    set(&head_of(port->plan->out)->produced, port->produced);
    ask(port, BH_WANTS_DATA);
}

static void consume(struct port *port, uint32_t to)
{
    port->consumed = to;
    set(&head_of(port->plan->out)->consumed, to);
    ask(port, BH_WANTS_ROOM);
}

void ring_read(const struct port *port, uint32_t from, void *to, uint32_t size)
{
    uint32_t straight;
    const uint8_t *at = ring_at(port->plan->in, port->consumed + HEADER + from, &straight);

    straight = size < straight ? size : straight;
    memcpy(to, at, straight);
    memcpy((uint8_t *)to + straight, ring_at(port->plan->in, port->consumed + HEADER + from + straight, &(uint32_t){0}),
           size - straight);
}

void ring_to_chain(const struct port *port, uint32_t from, const struct port_chain *chain, uint64_t to, uint32_t size)
{
    uint32_t straight;
    const uint8_t *at = ring_at(port->plan->in, port->consumed + HEADER + from, &straight);

    straight = size < straight ? size : straight;
    chain_write(chain, to, at, straight);
    chain_write(chain, to + straight, ring_at(port->plan->in, port->consumed + HEADER + from + straight, &(uint32_t){0}),
                size - straight);
}

static void lose(struct port *port, uint32_t u_produced)
{
    port->dropped++;
    port->consumed = u_produced; /* nobody is rung for it */
    set(&head_of(port->plan->out)->consumed, u_produced);
}

void ring_lose(struct port *port)
{
    lose(port, get(&head_of(port->plan->in)->produced));
}

bool ring_peek(struct port *port, struct bh_record *record)
{
    uint32_t u_produced = get(&head_of(port->plan->in)->produced), u_used = u_produced - port->consumed;

    if (u_used == 0 || channel_epoch(port->plan->in) != port->seen)
        return false;
    if (u_used >= HEADER && u_used <= plan.channels[port->plan->in].size && u_used % HEADER == 0) {
        ring_read(port, 0u - HEADER, record, HEADER);
        if (record->size <= u_used - HEADER)
            return true;
    }
    lose(port, u_produced);
    return false;
}

bool ring_drop(struct port *port, const struct bh_record *record)
{
    atomic_thread_fence(memory_order_acquire);
    if (channel_epoch(port->plan->in) != port->seen)
        return false;
    consume(port, port->consumed + HEADER + whole(record->size));
    return true;
}

bool ring_wants(struct port *port, uint32_t wants, uint32_t room)
{
    set(&head_of(port->plan->out)->wants, wants);
    atomic_thread_fence(memory_order_seq_cst);
    return channel_epoch(port->plan->in) != port->seen ||
           ((wants & BH_WANTS_DATA) != 0 && get(&head_of(port->plan->in)->produced) != port->consumed) ||
           ((wants & BH_WANTS_ROOM) != 0 && ring_room(port) >= room && ring_room(port) != 0);
}

/* By the owner's rate, as if it had rung itself. */
bool ring_flush(struct port *port)
{
    struct lock *gate = &port_owner(port)->gate;
    bool allowed;

    if (!port->ring_due)
        return true;
    lock_take(gate);
    allowed = channel_may_ring(port->plan->out);
    lock_drop(gate);
    if (!allowed)
        return false;
    port->ring_due = false;
    channel_ring(port->plan->out);
    return true;
}
