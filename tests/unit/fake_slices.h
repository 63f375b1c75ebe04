/* SPDX-License-Identifier: Apache-2.0 */
/* A server of slices and its clients on the host: their channels, which any of them may be started on again, and a disk that takes its time,
 * does things in an order of its own, and knows which byte may be reached for whom. */
#ifndef FAKE_SLICES_H
#define FAKE_SLICES_H

#include "slice_client.h"
#include "slice_server.h"

#define FAKE_SLICES 3u
#define FAKE_SLICE_BYTES (128u << 10) /* of each; between and around them lie bytes of nobody's */
#define FAKE_GAP (16u << 10)
#define FAKE_DISK_BYTES (FAKE_GAP + FAKE_SLICES * (FAKE_SLICE_BYTES + FAKE_GAP))
#define FAKE_RING (128u << 10)
#define FAKE_READ_ONLY 2u /* this one's client may not write */
#define FAKE_DISK_DEPTH 8u

struct fake_channel {
    struct bh_ring_head head;
    uint8_t rest[RECORD_RING_AT - sizeof(struct bh_ring_head)];
    uint8_t ring[FAKE_RING];
};

extern struct fake_slices {
    struct bh_channels server_view, client_view[FAKE_SLICES];
    struct fake_channel *requests[FAKE_SLICES], *answers[FAKE_SLICES]; /* below 4 GiB */
    struct slice_server server;
    struct slice clients[FAKE_SLICES];
    uint8_t disk[FAKE_DISK_BYTES], stable[FAKE_DISK_BYTES]; /* stable: as of the last flush that was done */
    bool held;                                              /* the disk ends nothing */
    bool fails;                                             /* what it ends has failed */
    unsigned under_way, started, flushed, doorbells;
    bool doorbells_refused;
    uint32_t random;
} fake_slices;

uint64_t fake_slice_first(unsigned slice); /* byte on the disk */
uint32_t fake_slices_random(void);
void fake_slices_reset(uint32_t seed);  /* nobody has started yet */
void fake_server_start(void);           /* perhaps again: what the disk had under way is done or not */
void fake_client_start(unsigned slice); /* perhaps again */
void fake_client_scrub(unsigned slice); /* a life of the client that opens nothing: its channel is the test's to scribble in */
void fake_slices_free(void);
/* Server and clients each have `rounds` turns. */
void fake_slices_run(unsigned rounds);

#endif
