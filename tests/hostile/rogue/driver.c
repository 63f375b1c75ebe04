/* SPDX-License-Identifier: Apache-2.0 */
/* A virtio driver as it should be, without finesse: virtio 1.2, 2.7, 4.1, 5.1, 5.2. */
#include "rogue.h"

#define NET_HEADER 12u
#define PATIENCE (3 * TICKS_PER_SECOND)

struct port ports[PORTS];
unsigned port_count;
static struct queue queues[PORTS][2];

static void fence(void)
{
    __asm__ volatile("lock orl $0, (%%esp)" ::: "memory");
}

void ports_find(void)
{
    for (unsigned slot = 1; slot < 32 && port_count < PORTS; slot++) {
        struct port *port = &ports[port_count];
        uint32_t id = config_read(slot, 0);

        if ((id & 0xffff) != 0x1af4)
            continue;
        *port = (struct port){slot,
                              (uint16_t)(config_read(slot, 0x10) & ~3u),
                              (volatile uint32_t *)(config_read(slot, 0x14) & ~15u),
                              id >> 16 == 0x1041,
                              {0},
                              queues[port_count]};
        for (unsigned i = 0; i < 6; i++)
            port->mac[i] = (uint8_t)(port->net ? in((uint16_t)(port->registers + AT_DEVICE + i), 1) : 0);
        port_count++;
    }
}

uint32_t port_status(const struct port *port)
{
    return in((uint16_t)(port->registers + AT_STATUS), 1);
}

void notify(struct port *port, unsigned queue)
{
    fence();
    out16((uint16_t)(port->registers + AT_NOTIFY), (uint16_t)queue);
}

void port_areas(struct port *port, unsigned queue, uint64_t descriptors, uint64_t available, uint64_t used)
{
    const uint64_t areas[3] = {descriptors, available, used};

    out16((uint16_t)(port->registers + AT_SELECT), (uint16_t)queue);
    out16((uint16_t)(port->registers + AT_SIZE), ENTRIES);
    for (unsigned i = 0; i < 6; i++)
        out32((uint16_t)(port->registers + AT_AREAS + 4 * i), (uint32_t)(areas[i / 2] >> (i % 2 ? 32 : 0)));
    out16((uint16_t)(port->registers + AT_ENABLE), 1);
}

static void messages_open(struct port *port, uint16_t vector)
{
    for (unsigned i = 0; i < 3; i++) {
        port->messages[4 * i] = 0xfee00000u;
        port->messages[4 * i + 1] = 0;
        port->messages[4 * i + 2] = VECTOR_PORT + i;
        port->messages[4 * i + 3] = vector == 0xffff;
    }
    config_write(port->slot, 0x88, vector == 0xffff ? 0 : 0x80000000u);
}

void port_open(struct port *port, uint16_t vector)
{
    config_write(port->slot, 0x04, 7);
    out8((uint16_t)(port->registers + AT_STATUS), 0);
    out8((uint16_t)(port->registers + AT_STATUS), 3);
    messages_open(port, vector);
    out32((uint16_t)(port->registers + AT_TAKEN_SELECT), 1);
    out32((uint16_t)(port->registers + AT_TAKEN), 1); /* virtio 1 */
    out32((uint16_t)(port->registers + AT_TAKEN_SELECT), 0);
    out32((uint16_t)(port->registers + AT_TAKEN), 0);
    out8((uint16_t)(port->registers + AT_STATUS), 0x0b);
    for (unsigned i = 0; i < (port->net ? 2u : 1u); i++) {
        volatile struct queue *queue = &port->queues[i];

        queue->available.flags = queue->available.index = 0;
        queue->used.index = queue->looked_at = 0;
        out16((uint16_t)(port->registers + AT_SELECT), (uint16_t)i);
        out16((uint16_t)(port->registers + AT_VECTOR), vector == 0xffff ? 0xffff : (uint16_t)(i + 1));
        port_areas(port, i, (uint32_t)queue->descriptors, (uint32_t)&queue->available, (uint32_t)&queue->used);
    }
    out8((uint16_t)(port->registers + AT_STATUS), STATUS_RUNS);
    for (uint16_t i = 0; port->net && i < ENTRIES; i++) {
        port->queues[0].descriptors[i] = (struct descriptor){(uint32_t)port->queues[0].buffers[i], BUFFER, DESCRIPTOR_WRITE, 0};
        give(port, 0, i);
    }
    notify(port, 0);
}

void give(struct port *port, unsigned number, uint16_t head)
{
    volatile struct queue *queue = &port->queues[number];

    queue->available.entries[queue->available.index % ENTRIES] = head;
    fence();
    queue->available.index++;
}

bool take(struct port *port, unsigned number, uint32_t patience, uint32_t *head, uint32_t *size)
{
    volatile struct queue *queue = &port->queues[number];

    for (uint32_t end = ticks() + patience; queue->used.index == queue->looked_at;) {
        if ((int32_t)(ticks() - end) >= 0)
            return false;
        __asm__ volatile("hlt");
    }
    *head = queue->used.entries[queue->looked_at % ENTRIES].head;
    *size = queue->used.entries[queue->looked_at % ENTRIES].size;
    queue->looked_at++;
    return true;
}

static void put_bytes(volatile uint8_t *to, const uint8_t *from, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        to[i] = from[i];
}

/* Who has 10.1.0.2? A host answers; one that sends back what it gets does too. */
bool frame_there_and_back(struct port *port)
{
    static const uint8_t rest[] = {8, 6, 0, 1, 8, 0, 6, 4, 0, 1};
    volatile uint8_t *frame = port->queues[1].buffers[0] + NET_HEADER;
    uint32_t head, size;

    for (unsigned i = 0; i < NET_HEADER + 60; i++)
        port->queues[1].buffers[0][i] = i >= NET_HEADER && i < NET_HEADER + 6 ? 0xff : 0;
    put_bytes(frame + 6, port->mac, 6);
    put_bytes(frame + 12, rest, sizeof(rest));
    put_bytes(frame + 22, port->mac, 6);
    put_bytes(frame + 28, (const uint8_t[]){10, 1, 0, 1}, 4);
    put_bytes(frame + 38, (const uint8_t[]){10, 1, 0, 2}, 4);
    port->queues[1].descriptors[0] = (struct descriptor){(uint32_t)port->queues[1].buffers[0], NET_HEADER + 60, 0, 0};
    give(port, 1, 0);
    notify(port, 1);
    while (take(port, 0, PATIENCE, &head, &size)) {
        volatile uint8_t *in = port->queues[0].buffers[head % ENTRIES] + NET_HEADER;

        give(port, 0, (uint16_t)head);
        notify(port, 0);
        if (size >= NET_HEADER + 42 && in[12] == 8 && in[13] == 6)
            return true;
    }
    return false;
}

/* One sector, filled with a word when it is written. */
uint32_t request(struct port *port, uint32_t type, uint32_t sector, uint32_t fill)
{
    volatile struct queue *queue = &port->queues[0];
    volatile uint32_t *header = (volatile uint32_t *)queue->buffers[0], *data = (volatile uint32_t *)queue->buffers[1];
    uint32_t head, size;

    header[0] = type, header[1] = 0, header[2] = sector, header[3] = 0;
    for (unsigned i = 0; i < 128; i++)
        data[i] = type == 1 ? fill + i : 0;
    queue->buffers[2][0] = 0xaa;
    queue->descriptors[0] = (struct descriptor){(uint32_t)header, 16, DESCRIPTOR_NEXT, 1};
    queue->descriptors[1] = (struct descriptor){(uint32_t)data, 512, DESCRIPTOR_NEXT | (type == 0 ? DESCRIPTOR_WRITE : 0), 2};
    queue->descriptors[2] = (struct descriptor){(uint32_t)queue->buffers[2], 1, DESCRIPTOR_WRITE, 0};
    give(port, 0, 0);
    notify(port, 0);
    if (!take(port, 0, PATIENCE, &head, &size))
        return 0x100;
    for (unsigned i = 0; type == 0 && queue->buffers[2][0] == 0 && i < 128; i++)
        if (data[i] != fill + i)
            return 0x101;
    return queue->buffers[2][0];
}
