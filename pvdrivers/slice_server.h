/* SPDX-License-Identifier: Apache-2.0 */
/* Serves slices of a disk to other partitions: all channels of kind BH_CHANNEL_REQUEST that this partition reads. One core.
 *
 * Clients are not trusted: a request is copied once, then checked, and can name no byte outside its slice. Each client has requests under
 * way of its own, SLICE_SHARE of them, and its turn in each round, so that one that floods delays another by that much and no more.
 *
 * Promises to a client:
 *  - An answer to a write comes after the disk said that it has the data; to a flush, after the disk said that all is stable which it had
 *    said to have before the flush was asked for.
 *  - Requests of one client that touch the same sectors, one of them a write, are done in the order in which they came.
 *  - After a restart of the server, a client that sends again what has not been answered loses nothing. After its own restart it gets no
 *    answer to a request of the life before. */
#ifndef SLICE_SERVER_H
#define SLICE_SERVER_H

#include "record.h"

#define SLICE_CLIENTS 8u
#define SLICE_SHARE 4u

/* What the slices lie on. Sectors of BH_SLICE_SECTOR bytes; at most BH_SLICE_MAX bytes in one request. */
struct slice_disk {
    void *context;
    uint64_t bytes;
    /* Start a read, a write or a flush. False: not now, try again. The token comes back from done(). */
    bool (*start)(void *context, enum bh_slice_type type, uint64_t sector, uint32_t sectors, void *memory, void *token);
    /* One that has ended. False: none has. */
    bool (*done)(void *context, void **token, bool *good);
};

enum slice_state {
    SLICE_FREE,
    SLICE_HELD,    /* taken from the ring, not started yet */
    SLICE_STARTED, /* the disk has it */
    SLICE_ENDED,   /* to be answered */
};

struct slice_slot {
    enum slice_state state;
    unsigned client;
    bool forgotten; /* its client has started again since */
    uint32_t tag, arrival;
    enum bh_slice_type type;
    enum bh_slice_status status;
    uint64_t sector; /* of the disk */
    uint32_t bytes;
    uint8_t *memory; /* BH_SLICE_MAX bytes on a page of their own; the request stands before them */
};

struct slice_statistics {
    uint64_t reads, writes, flushes, bytes_read, bytes_written;
    uint64_t refused; /* requests that no client should make */
    uint64_t failed;  /* by the disk */
    uint64_t lives;   /* of the client that we have met */
};

struct slice_served { /* one slice and its client */
    struct record_end end;
    unsigned bell;           /* channel whose doorbell says that there are requests */
    char name[16];           /* of the slice */
    uint64_t first, sectors; /* of the disk */
    bool read_only;
    uint32_t arrivals;
    struct slice_slot slots[SLICE_SHARE];
    struct slice_statistics statistics;
};

struct slice_server {
    const struct slice_disk *disk;
    unsigned count, turn;
    struct slice_served clients[SLICE_CLIENTS];
};

/* May such a request be done? `size`: bytes of its record. Else it is answered with the status that comes back. */
enum bh_slice_status slice_check(const struct bh_slice_request *request, uint32_t size, uint64_t sectors, bool read_only);

/* Find the slices and take memory for them. 0, or what is wrong. Slices that the disk is too small for are refused. */
const char *slice_server_open(struct slice_server *server, const struct slice_disk *disk,
                              const volatile struct bh_channels *channels);
/* A round: what the disk has done, then each client's turn. True: there is more to do now. */
bool slice_server_step(struct slice_server *server);
/* Clients are to ring from now on. True: halting is right, until they do or the disk has done something. With interrupts off. */
bool slice_server_idle(struct slice_server *server);
/* Requests that the disk has. */
unsigned slice_server_started(const struct slice_server *server);

#endif
