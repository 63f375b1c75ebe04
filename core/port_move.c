/* SPDX-License-Identifier: Apache-2.0 */
/* Between a driver's buffers and the rings: frames of a cable, requests of a slice. A round copies ROUND_STEPS records each
 * way at most, and of a slice ROUND_BYTES and one record more. */
#include "port_device.h"

#define ROUND_STEPS 64u
#define ROUND_BYTES 0x40000u
#define NET_HEADER 12u   /* struct virtio_net_hdr: nothing of it was offered but its last word, the number of buffers */
#define FRAME_MAX 1518u  /* Ethernet with a VLAN's tag */
#define ANSWER_HEADER 8u /* of enum bh_slice_status the first byte */

static bool is_broken(const struct port *port)
{
    return (port->status & STATUS_BROKEN) != 0;
}

static bool may_copy(const struct port *port)
{
    return !is_broken(port) && port->copied < ROUND_BYTES;
}

/* --- cable: queue 0 receives, queue 1 sends -------------------------------------------------------------------------------------- */

/* What finds no room is lost, as on a wire: nobody waits for a peer that does not read. */
static bool cable_send(struct port *port)
{
    struct port_queue *queue = &port->queues[1];
    uint16_t before = queue->used, head;
    struct port_areas areas;
    struct port_chain chain;
    unsigned step;

    if (!queue->enabled || !queue_areas(port, queue, &areas))
        return false;
    for (step = 0; step < ROUND_STEPS && queue_next(port, queue, &areas, &head); step++) {
        if (!queue_chain(port, queue, &areas, head, &chain))
            return false;
        if (chain.read_size > NET_HEADER && chain.read_size <= NET_HEADER + FRAME_MAX &&
            ring_room(port) >= chain.read_size - NET_HEADER) {
            ring_put(port, 0, "", 0, &chain, NET_HEADER, (uint32_t)chain.read_size - NET_HEADER);
            port->sent++;
        } else {
            port->dropped++;
        }
        queue->taken++;
        queue_used(queue, &areas, head, 0);
    }
    queue_message(port, queue, &areas, before);
    return queue_wait(port, queue, &areas);
}

/* One frame to the next buffer. False: there is none, or it is broken. */
static bool frame_receive(struct port *port, struct port_queue *queue, const struct port_areas *areas,
                          const struct bh_record *record)
{
    static const uint8_t header[NET_HEADER] = {[10] = 1};
    struct port_chain chain;
    uint16_t head;

    if (!queue_next(port, queue, areas, &head) || !queue_chain(port, queue, areas, head, &chain))
        return false;
    if (chain.reads != 0 || chain.write_size < NET_HEADER + FRAME_MAX - 4) { /* virtio 1.2, 5.1.6.3.1: 1,526 bytes or more */
        port_broken(port);
        return false;
    }
    if (record->size == 0 || record->size > FRAME_MAX) {
        ring_lose(port);
        return true;
    }
    if (chain.write_size < NET_HEADER + record->size) {
        port->dropped++;
        return ring_drop(port, record);
    }
    chain_write(&chain, 0, header, NET_HEADER);
    ring_to_chain(port, 0, &chain, NET_HEADER, record->size);
    if (!ring_drop(port, record))
        return false; /* the buffer is still the next */
    queue->taken++;
    queue_used(queue, areas, head, NET_HEADER + record->size);
    port->received++;
    return true;
}

/* Without buffers the peer is not to ring; the driver's next notify brings us back. */
static bool cable_receive(struct port *port)
{
    struct port_queue *queue = &port->queues[0];
    struct port_areas areas;
    struct bh_record record;
    uint16_t before = queue->used;
    bool starved = false;

    if (!queue->enabled || !queue_areas(port, queue, &areas))
        return false;
    for (unsigned step = 0; step < ROUND_STEPS && !starved && ring_peek(port, &record); step++)
        starved = !frame_receive(port, queue, &areas, &record);
    queue_message(port, queue, &areas, before);
    return ring_wants(port, starved ? 0 : BH_WANTS_DATA, 0) || (starved && queue_wait(port, queue, &areas));
}

bool port_cable(struct port *port)
{
    bool more;

    (void)ring_renewed(port);
    more = cable_send(port);
    return cable_receive(port) || more;
}

/* --- slice: one queue; a buffer is a request, what it has to be written is the place for its answer -------------------------------- */

static void request_done(struct port *port, const struct port_areas *areas, uint16_t head, const struct port_chain *chain,
                         uint8_t status)
{
    chain_write(chain, chain->write_size - 1, &status, 1);
    queue_used(&port->queues[0], areas, head, (uint32_t)chain->write_size);
    port->tags[head] = 0;
}

/* A tag is not used again before 65,535 others: an answer that comes late meets no other request. 0, or the room that it waits for. */
static uint32_t request_put(struct port *port, const struct port_areas *areas, uint16_t head)
{
    struct {
        uint32_t type, priority;
        uint64_t sector;
    } u_header; /* virtio 1.2, 5.2.6 */
    struct bh_slice_request request;
    struct port_chain chain;
    uint32_t size;

    if (!queue_chain(port, &port->queues[0], areas, head, &chain))
        return 0;
    if (chain.read_size < sizeof(u_header) || chain.write_size == 0) {
        port_broken(port);
        return 0;
    }
    if (chain.read_size - sizeof(u_header) > BH_SLICE_MAX || chain.write_size - 1 > BH_SLICE_MAX ||
        chain.read_size > plan.channels[port->plan->out].size - sizeof(struct bh_record)) {
        request_done(port, areas, head, &chain, BH_SLICE_ERROR);
        return 0;
    }
    size = (uint32_t)(chain.read_size - sizeof(u_header));
    if (ring_room(port) < sizeof(request) + size)
        return (uint32_t)sizeof(request) + size;
    chain_read(&chain, 0, &u_header, sizeof(u_header));
    request = (struct bh_slice_request){u_header.type, (uint32_t)chain.write_size - 1, u_header.sector};
    port->sequence = port->sequence == 0xffff ? 1 : port->sequence + 1;
    port->tags[head] = (uint32_t)port->sequence << 16 | head;
    ring_put(port, port->tags[head], &request, sizeof(request), &chain, sizeof(u_header), size);
    port->sent++;
    port->copied += (uint32_t)sizeof(request) + size;
    return 0;
}

/* The peer that had them is gone, and whether it did them nobody knows: the new one gets them all again, in any order, as the driver has
 * not been told that one is done. */
static void requests_renew(struct port *port)
{
    port->unsent_count = 0;
    for (unsigned head = 0; head < QUEUE_MAX; head++) {
        port->unsent[head] = port->tags[head] != 0;
        port->unsent_count += port->unsent[head];
    }
}

static uint32_t requests_again(struct port *port, const struct port_areas *areas)
{
    uint32_t wanted = 0;
    unsigned step = 0;

    for (uint16_t head = 0; head < QUEUE_MAX && step < ROUND_STEPS && wanted == 0 && may_copy(port); head++) {
        if (!port->unsent[head])
            continue;
        step++;
        wanted = request_put(port, areas, head);
        port->unsent[head] = wanted != 0;
        port->unsent_count = (uint16_t)(port->unsent_count - !port->unsent[head]);
    }
    return wanted;
}

static uint32_t requests_take(struct port *port, const struct port_areas *areas)
{
    struct port_queue *queue = &port->queues[0];
    uint32_t wanted = 0;
    uint16_t head;

    for (unsigned step = 0; step < ROUND_STEPS && may_copy(port) && queue_next(port, queue, areas, &head); step++) {
        if (port->tags[head] != 0) {
            port_broken(port); /* it is under way */
            return 0;
        }
        wanted = request_put(port, areas, head);
        if (wanted != 0)
            return wanted;
        queue->taken++;
    }
    return 0;
}

/* No request ever had this tag, or no answer is so short. */
static bool is_no_answer(const struct bh_record *record)
{
    return record->size < ANSWER_HEADER || (uint16_t)record->tag >= QUEUE_MAX || record->tag >> 16 == 0;
}

/* False: broken, or the peer has started again. An answer to no request that is under way, as it comes after a reset, does nothing. */
static bool answer_take(struct port *port, const struct port_areas *areas, const struct bh_record *record)
{
    uint16_t head = (uint16_t)record->tag;
    uint8_t status[ANSWER_HEADER];
    struct port_chain chain;

    if (is_no_answer(record)) {
        ring_lose(port);
        return true;
    }
    if (head >= port->queues[0].size || port->tags[head] != record->tag || port->unsent[head]) {
        port->dropped++;
        return ring_drop(port, record);
    }
    if (!queue_chain(port, &port->queues[0], areas, head, &chain))
        return false;
    if (chain.write_size == 0) {
        port_broken(port); /* the driver has changed it meanwhile */
        return false;
    }
    ring_read(port, 0, status, ANSWER_HEADER);
    if (status[0] > BH_SLICE_UNKNOWN || (status[0] == BH_SLICE_OK && record->size - ANSWER_HEADER != chain.write_size - 1))
        status[0] = BH_SLICE_ERROR;
    else if (status[0] == BH_SLICE_OK)
        ring_to_chain(port, ANSWER_HEADER, &chain, 0, record->size - ANSWER_HEADER);
    port->copied += record->size;
    if (!ring_drop(port, record))
        return false;
    request_done(port, areas, head, &chain, status[0]);
    port->received++;
    return true;
}

bool port_request(struct port *port)
{
    struct port_queue *queue = &port->queues[0];
    struct port_areas areas;
    struct bh_record record;
    uint32_t wanted;
    uint16_t before = queue->used;

    if (!queue->enabled || !queue_areas(port, queue, &areas))
        return false;
    if (ring_renewed(port))
        requests_renew(port);
    for (unsigned step = 0; step < ROUND_STEPS && may_copy(port) && ring_peek(port, &record); step++)
        if (!answer_take(port, &areas, &record))
            break;
    wanted = requests_again(port, &areas);
    if (port->unsent_count == 0)
        wanted = requests_take(port, &areas);
    queue_message(port, queue, &areas, before);
    return ring_wants(port, BH_WANTS_DATA | (wanted != 0 ? BH_WANTS_ROOM : 0u), wanted) ||
           ((queue_wait(port, queue, &areas) || port->unsent_count != 0) && wanted == 0);
}
