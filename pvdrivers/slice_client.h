/* SPDX-License-Identifier: Apache-2.0 */
/* A slice of a disk, for its client: up to SLICE_DEPTH requests under way, in sectors of 512 bytes. One core.
 *
 * When the server starts again, all that has not been answered is sent again, by itself: a write is done once or more often, never not at
 * all; a read that is repeated may find what was written by a request after it. Answers may come in another order than the requests; of
 * requests that touch the same sectors the server keeps the order.
 *
 * A write that has been answered may stand in a cache of the disk: it survives a loss of power once a flush has been answered that was
 * started after the write's answer. It survives the server's restart in any case where the disk keeps its cache over a reset; who wants to
 * rely on nothing flushes.
 *
 * The server is not trusted with memory: its answers go through a buffer of our own and must have the size that was asked for. */
#ifndef SLICE_CLIENT_H
#define SLICE_CLIENT_H

#include "record.h"

#define SLICE_DEPTH 16u

enum slice_result {
    SLICE_GOOD,
    SLICE_REFUSED, /* by the server: outside the slice, a write to one that is read-only, or the disk failed */
    SLICE_STRANGE, /* the server's answer has the wrong form */
    SLICE_LATE,    /* slice_do(): no answer in time; the request is given up, but a write may still be done */
    SLICE_INVALID, /* slice_do(): too long, no whole sectors, or requests are under way */
};

struct slice {
    struct record_end end;
    unsigned bell; /* channel whose doorbell says that there are answers */
    uint64_t sectors;
    bool read_only;
    uint32_t next_tag;
    unsigned under_way;
    struct {
        bool busy, sent, ended;
        uint32_t tag;
        struct bh_slice_request request;
        uint32_t bytes;
        uint8_t *buffer;
        void *token;
        uint64_t order;
        enum slice_result result;
    } slots[SLICE_DEPTH];
    uint64_t orders;
    uint64_t renewals;  /* times that the server was met, the first one included */
    uint64_t repeated;  /* requests that were sent again */
    uint64_t strangers; /* answers to nothing that we know of */
    uint8_t answer[8 + BH_SLICE_MAX];
};

/* The slice with this name. False: this partition has none. */
bool slice_open(struct slice *slice, const volatile struct bh_channels *channels, const char *name);

/* Start one; the buffer stays as it is until slice_done() has handed the token back. False: too long, no whole
 * sectors, or SLICE_DEPTH are under way. */
bool slice_start(struct slice *slice, enum bh_slice_type type, uint64_t sector, void *buffer, uint32_t bytes, void *token);
/* One that has ended. False: none. */
bool slice_done(struct slice *slice, void **token, enum slice_result *result);
/* Send what waits to be sent, take what has come. To be called again and again while requests are under way. */
void slice_step(struct slice *slice);
/* The server is to ring from now on. True: halting is right until it does. With interrupts off. */
bool slice_idle(struct slice *slice);
/* Nothing is under way any more: what was is never sent again, and its buffers are the caller's. */
void slice_give_up(struct slice *slice);

/* slice_wait.c, for programs that do one thing at a time: */
/* Answers wake this core from now on. False: no vector left; slice_do() then looks once a millisecond. */
bool slice_interrupt(struct slice *slice, unsigned core);
/* One request to its end, or until `patience` nanoseconds are over. Halts meanwhile. */
enum slice_result slice_do(struct slice *slice, enum bh_slice_type type, uint64_t sector, void *buffer, uint32_t bytes,
                           uint64_t patience);
const char *slice_result_name(enum slice_result result);

#endif
