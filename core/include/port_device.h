/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of virtio ports share: port.c (registers, messages, lives), port_queue.c (queues of the driver), port_ring.c (rings of the
 * channels), port_move.c (from one to the other). For nobody else. */
#ifndef BULKHEAD_PORT_DEVICE_H
#define BULKHEAD_PORT_DEVICE_H

#include "pci_function.h"
#include "port.h"

#define PORT_QUEUES 2u
#define QUEUE_MAX 256u   /* entries */
#define CHAIN_PIECES 32u /* descriptors of one buffer: of a full request of a disk 18 */
#define STATUS_DRIVER_OK 0x04u
#define STATUS_FEATURES_OK 0x08u
#define STATUS_BROKEN 0x40u         /* the driver must reset it */
#define FEATURE_EVENTS (1ull << 29) /* VIRTIO_F_EVENT_IDX */
#define FEATURE_VERSION_1 (1ull << 32)
#define NO_VECTOR 0xffffu

struct port_queue {
    uint16_t size, vector;
    bool enabled;
    uint64_t u_areas[3];  /* descriptors, available, used: guest-physical */
    uint16_t taken, used; /* free-running */
};

/* Field legend as in partition.h; (l): its lock. */
struct port {
    struct pci_function face;     /* (g) first. Of its entries those of its vectors */
    const struct plan_port *plan; /* (i) */
    uint32_t pending;             /* (g) bit per vector: a message that waits until it may be sent */
    struct lock lock;
    uint8_t status;                           /* (l) */
    bool report;                              /* (l) it has just been found broken */
    uint32_t shown_select, taken_select;      /* (l) which half of the features */
    uint64_t features;                        /* (l) what the driver has taken */
    uint16_t config_vector, queue_select;     /* (l) */
    struct port_queue queues[PORT_QUEUES];    /* (l) */
    uint32_t produced, consumed, seen;        /* (l) our indices, and the epoch of `in` that the second is of */
    bool ring_due;                            /* (l) the peer is to be rung */
    _Atomic bool late;                        /* (a) it was over the rate: a tick asks for another round */
    bool idle;                                /* (l) the last round moved nothing */
    uint32_t copied;                          /* (l) bytes of requests and answers in this round */
    uint64_t sent, received, dropped, broken; /* (l) */
    uint32_t tags[QUEUE_MAX];                 /* (l) by head: of the request that is under way, 0: none */
    bool unsent[QUEUE_MAX];                   /* (l) it has still to be put into the ring */
    uint16_t unsent_count, sequence;          /* (l) */
};

static inline struct partition *port_owner(const struct port *port)
{
    return &partitions[port->plan->partition];
}

/* The driver has done something that makes no sense: nothing moves until it resets the function. */
void port_broken(struct port *port);
/* The message of this vector, if there is one and the driver lets it. Takes the gate. */
void port_message(struct port *port, uint16_t vector);

/* --- port_queue.c: of memory that its owner may change at any time, each word is read once. --- */
struct port_areas {
    uint8_t *descriptors, *available, *used;
};
/* One buffer: pieces to be read first, then those to be written. */
struct port_chain {
    struct {
        uint8_t *at;
        uint32_t size;
    } pieces[CHAIN_PIECES];
    unsigned count, reads;          /* pieces, and how many of them are to be read */
    uint64_t read_size, write_size; /* bytes */
};
/* All three in its owner's memory? */
bool queue_areas(const struct port *port, const struct port_queue *queue, struct port_areas *areas);
/* The next buffer's head. False: none, or broken. */
bool queue_next(struct port *port, const struct port_queue *queue, const struct port_areas *areas, uint16_t *head);
/* False: broken. */
bool queue_chain(struct port *port, const struct port_queue *queue, const struct port_areas *areas, uint16_t head,
                 struct port_chain *chain);
void queue_used(struct port_queue *queue, const struct port_areas *areas, uint16_t head, uint32_t written);
/* Ask for a notify with the next buffer. True: there is one already. */
bool queue_wait(const struct port *port, const struct port_queue *queue, const struct port_areas *areas);
/* A message, if the driver wants one for what was used since `before`. */
void queue_message(struct port *port, const struct port_queue *queue, const struct port_areas *areas, uint16_t before);
/* Copy between [offset, offset + size) of a chain's bytes, of those to be written or else to be read, and memory of ours or a ring's. */
void chain_write(const struct port_chain *chain, uint64_t offset, const void *from, uint64_t size);
void chain_read(const struct port_chain *chain, uint64_t offset, void *to, uint64_t size);

/* --- port_ring.c: as pvdrivers/record.h has it. --- */
/* True: the peer is another one than before. What was in both rings is lost. */
bool ring_renewed(struct port *port);
/* Bytes that a record may have now, 0: none at all. */
uint32_t ring_room(const struct port *port);
/* A record: `head`, then [offset, offset + size) of the chain's bytes to be read. There is room. */
void ring_put(struct port *port, uint32_t tag, const void *head, uint32_t head_size, const struct port_chain *chain,
              uint64_t offset, uint32_t size);
/* The next record, still there. False: none. */
bool ring_peek(struct port *port, struct bh_record *record);
/* Bytes of it: to the chain, at `to`, or to memory of ours. */
void ring_to_chain(const struct port *port, uint32_t from, const struct port_chain *chain, uint64_t to, uint32_t size);
void ring_read(const struct port *port, uint32_t from, void *to, uint32_t size);
/* It is done with. False: a new epoch has begun meanwhile, and what was copied is of no life. */
bool ring_drop(struct port *port, const struct bh_record *record);
/* The peer has put what cannot be: all that is in its ring is lost, and it is not rung for the room. */
void ring_lose(struct port *port);
/* When the peer is to ring us. True: it is there already. */
bool ring_wants(struct port *port, uint32_t wants, uint32_t room);
/* False: over the rate; again later, not at once. */
bool ring_flush(struct port *port);

/* --- port_move.c: one round. True: more is left. --- */
bool port_cable(struct port *port);
bool port_request(struct port *port);

#endif
