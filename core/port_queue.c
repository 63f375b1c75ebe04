/* SPDX-License-Identifier: Apache-2.0 */
/* Split virtqueues of a driver that is believed nothing: virtio 1.2, 2.7. Its words are read once and checked before they are used, all
 * that they point to must be its owner's memory, and no chain is longer than CHAIN_PIECES. */
#include "memory.h"
#include "port_device.h"

#define DESCRIPTOR_SIZE 16u
#define DESCRIPTOR_NEXT 1u
#define DESCRIPTOR_WRITE 2u
#define AVAILABLE_NO_MESSAGE 1u
#define INDEX 2u   /* offset of the index in the rings of available and used buffers */
#define ENTRIES 4u /* and of their entries */

static uint16_t get16(const uint8_t *at)
{
    return __atomic_load_n((const uint16_t *)(const void *)at, __ATOMIC_ACQUIRE);
}

static void put16(uint8_t *at, uint16_t value)
{
    __atomic_store_n((uint16_t *)(void *)at, value, __ATOMIC_RELEASE);
}

static uint32_t get32(const uint8_t *at)
{
    return __atomic_load_n((const uint32_t *)(const void *)at, __ATOMIC_RELAXED);
}

static void put32(uint8_t *at, uint32_t value)
{
    __atomic_store_n((uint32_t *)(void *)at, value, __ATOMIC_RELAXED);
}

bool queue_areas(const struct port *port, const struct port_queue *queue, struct port_areas *areas)
{
    const struct partition *owner = port_owner(port);

    if (queue->u_areas[0] % 16 != 0 || queue->u_areas[1] % 2 != 0 || queue->u_areas[2] % 4 != 0)
        return false;
    areas->descriptors = partition_ram(owner, GPA(queue->u_areas[0]), queue->size * DESCRIPTOR_SIZE);
    areas->available = partition_ram(owner, GPA(queue->u_areas[1]), ENTRIES + queue->size * 2u + 2);
    areas->used = partition_ram(owner, GPA(queue->u_areas[2]), ENTRIES + queue->size * 8u + 2);
    return areas->descriptors != 0 && areas->available != 0 && areas->used != 0;
}

bool queue_next(struct port *port, const struct port_queue *queue, const struct port_areas *areas, uint16_t *head)
{
    uint16_t u_waiting = (uint16_t)(get16(areas->available + INDEX) - queue->taken);

    if (u_waiting == 0)
        return false;
    *head = get16(areas->available + ENTRIES + queue->taken % queue->size * 2u);
    if (u_waiting <= queue->size && *head < queue->size)
        return true;
    port_broken(port);
    return false;
}

/* One descriptor more. False: it is none that may be. */
static bool chain_add(const struct port *port, struct port_chain *chain, const uint8_t *descriptor, uint16_t u_flags)
{
    uint64_t u_address = (uint64_t)get32(descriptor + 4) << 32 | get32(descriptor);
    uint32_t u_size = get32(descriptor + 8);
    bool write = (u_flags & DESCRIPTOR_WRITE) != 0;
    uint8_t *at = partition_ram(port_owner(port), GPA(u_address), u_size);

    if (at == 0 || chain->count == CHAIN_PIECES || (u_flags & ~(DESCRIPTOR_NEXT | DESCRIPTOR_WRITE)) != 0 ||
        (!write && chain->reads != chain->count))
        return false;
    chain->pieces[chain->count].at = at;
    chain->pieces[chain->count++].size = u_size;
    chain->reads += !write;
    *(write ? &chain->write_size : &chain->read_size) += u_size;
    return true;
}

bool queue_chain(struct port *port, const struct port_queue *queue, const struct port_areas *areas, uint16_t head,
                 struct port_chain *chain)
{
    uint16_t u_next = head, u_flags = DESCRIPTOR_NEXT;

    chain->count = chain->reads = 0;
    chain->read_size = chain->write_size = 0;
    while (u_flags & DESCRIPTOR_NEXT) { /* ends at CHAIN_PIECES */
        const uint8_t *descriptor = areas->descriptors + u_next * DESCRIPTOR_SIZE;

        u_flags = get16(descriptor + 12);
        u_next = get16(descriptor + 14);
        if (!chain_add(port, chain, descriptor, u_flags) || ((u_flags & DESCRIPTOR_NEXT) && u_next >= queue->size)) {
            port_broken(port);
            return false;
        }
    }
    return true;
}

void queue_used(struct port_queue *queue, const struct port_areas *areas, uint16_t head, uint32_t written)
{
    uint8_t *entry = areas->used + ENTRIES + queue->used % queue->size * 8u;

    put32(entry, head);
    put32(entry + 4, written);
    put16(areas->used + INDEX, ++queue->used);
}

/* Without event indices a driver always notifies: the flags stay 0. The fence is the driver's counterpart: one of the two sees the other. */
bool queue_wait(const struct port *port, const struct port_queue *queue, const struct port_areas *areas)
{
    if (port->features & FEATURE_EVENTS)
        put16(areas->used + ENTRIES + queue->size * 8u, queue->taken);
    atomic_thread_fence(memory_order_seq_cst);
    return get16(areas->available + INDEX) != queue->taken;
}

void queue_message(struct port *port, const struct port_queue *queue, const struct port_areas *areas, uint16_t before)
{
    uint16_t u_event;
    bool wanted;

    if (queue->used == before)
        return;
    atomic_thread_fence(memory_order_seq_cst);
    u_event = get16(areas->available + ENTRIES + queue->size * 2u);
    if (port->features & FEATURE_EVENTS)
        wanted = (uint16_t)(queue->used - u_event - 1) < (uint16_t)(queue->used - before);
    else
        wanted = (get16(areas->available) & AVAILABLE_NO_MESSAGE) == 0;
    if (wanted)
        port_message(port, queue->vector);
}

/* One after the other, from `offset` on: as much of each piece as is left of `size`. */
static void chain_copy(const struct port_chain *chain, unsigned first, unsigned end, uint64_t offset, uint8_t *memory,
                       uint64_t size, bool write)
{
    for (unsigned i = first; i < end && size != 0; i++) {
        uint64_t piece = chain->pieces[i].size, part;

        if (offset >= piece) {
            offset -= piece;
            continue;
        }
        part = piece - offset < size ? piece - offset : size;
        if (write)
            memcpy(chain->pieces[i].at + offset, memory, part);
        else
            memcpy(memory, chain->pieces[i].at + offset, part);
        memory += part;
        size -= part;
        offset = 0;
    }
}

void chain_write(const struct port_chain *chain, uint64_t offset, const void *from, uint64_t size)
{
    chain_copy(chain, chain->reads, chain->count, offset, (uint8_t *)(uintptr_t)from, size, true);
}

void chain_read(const struct port_chain *chain, uint64_t offset, void *to, uint64_t size)
{
    chain_copy(chain, 0, chain->reads, offset, to, size, false);
}
