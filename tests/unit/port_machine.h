/* SPDX-License-Identifier: Apache-2.0 */
/* A Linux with two virtio ports, its memory, its driver's side of their queues, and the peers' ends of the channels: core/port*.c for tests
 * and for fuzzing. Memory and channels are allocated one by one, so that the sanitizer sees each byte beside them. */
#ifndef BULKHEAD_PORT_MACHINE_H
#define BULKHEAD_PORT_MACHINE_H

#include "fake_partition.h"
#include "fake_plan.h"
#include "pci_function.h"
#include "port_device.h"
#include "record.h"

enum { CABLE, SLICE, PORTS };
#define RAM_LOW 0x80000u   /* bytes from 0 on */
#define RAM_HIGH 0x200000u /* and from here */
#define RAM_HIGH_SIZE 0x80000u
#define RING 8192u
#define PORTS_AT(port) ((uint16_t)(0x1000 + (port)*PLAN_PORT_REGISTERS))
#define MSIX_AT(port) (PLAN_PORT_MSIX + (port)*PAGE_SIZE)

/* One queue of the driver's. */
struct driver_queue {
    unsigned port, index;
    uint32_t at; /* descriptors; available ring 4 KiB, used ring 8 KiB behind */
    uint16_t size, available, seen, next;
};
struct piece {
    uint64_t at;
    uint32_t size;
    bool write;
};

extern struct record_end peers[PORTS];
extern unsigned peer_rung[PORTS]; /* doorbells that the peers got */
extern unsigned port_requests;    /* times that the owner's core was asked to come */
extern void (*on_look)(void);     /* whenever core asks for a channel or its epoch: the peer at work meanwhile */
extern bool rings_allowed;        /* by the rate */
extern uint16_t queue_size;       /* entries of the queues that driver_start() makes */
extern struct driver_queue queues[PORTS][PORT_QUEUES];

void machine_reset(void);
/* Lives. */
void owner_start(void);
void peer_start(unsigned port);
uint8_t *ram(uint64_t gpa);
uint8_t *channel_head(unsigned channel);

/* The driver. */
uint32_t reg_read(unsigned port, unsigned at, unsigned size);
void reg_write(unsigned port, unsigned at, unsigned size, uint32_t value);
void driver_start(unsigned port, uint64_t features);
uint16_t driver_put(struct driver_queue *queue, const struct piece *pieces, unsigned count);
void driver_notify(const struct driver_queue *queue);
/* The next used buffer: its head, or -1; and the bytes written. */
int driver_take(struct driver_queue *queue, uint32_t *written);
/* All that cores owe: until nobody asks for more, at most 1,000 times. */
void machine_settle(void);

#endif
