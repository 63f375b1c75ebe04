/* SPDX-License-Identifier: Apache-2.0 */
/* A/B update of the disk that the box starts from: a bundle into the slot that has not started, its confirmation, and the oldest version
 * that the box takes. A power cut at any place leaves a slot that starts:
 *
 *     1. nothing is written until signature, product, board, version and digest of the bundle are good, and the running slot is confirmed
 *     2. the environment block says that the other slot may not start (one sector; flushed)
 *     3. the slot is written, its beginning last, flushed, read back from the disk and its digest compared
 *     4. the environment block says that it may start, that it has not yet, and that it is the first to be tried (one sector; flushed) */
#ifndef UPDATE_UPDATE_H
#define UPDATE_UPDATE_H

#include "bundle.h"
#include "disk.h"
#include "environment.h"

/* Where a bundle comes from, in sectors. */
struct update_source {
    void *context;
    uint64_t sectors;
    bool (*read)(void *context, uint64_t sector, uint32_t sectors, void *memory);
};

/* The oldest version that the box takes as something remembers it that is not on the disk. The block says one too; the newer of the two counts. */
struct update_floor {
    uint64_t oldest;
    const char *unknown; /* why it cannot be told: no bundle is taken then, what runs goes on; 0: it is told */
};

enum update_stage {
    UPDATE_IDLE,
    UPDATE_CHECK,     /* the source's digest */
    UPDATE_MARK,      /* the slot may not start */
    UPDATE_COPY,      /* into the slot, zeros at its beginning; the digest of what is copied */
    UPDATE_HEAD,      /* the slot's beginning */
    UPDATE_READ_BACK, /* the slot's digest */
    UPDATE_SWITCH,    /* the slot is the next to start */
    UPDATE_DONE,
    UPDATE_FAILED, /* why: update->why */
};

struct update {
    const struct update_disk *disk;
    const struct update_trust *trust;
    const struct update_floor *floor;
    struct layout layout;
    struct update_source source;
    struct bundle bundle;
    struct digest digest;
    enum update_stage stage;
    unsigned target;  /* slot: 0 is A, 1 is B */
    uint64_t at;      /* sector of the image */
    uint64_t written; /* bytes, of all that this update wrote */
    const char *why;
    uint8_t head[CHUNK]; /* the slot's beginning, until the rest stands */
};

/* What the environment block says of the slot that runs. */
enum update_standing {
    STANDING_UNKNOWN,   /* the block did not say which slot started: where it is damaged it is mended, and the next start says it */
    STANDING_CONFIRMED, /* it was, at this start or an earlier one of this version, or its start was not counted */
    STANDING_OPEN,      /* not yet */
    STANDING_TOO_OLD,   /* older than the oldest that this box takes, in whichever slot: the other one is the next to start */
};

/* Once at the start of the disk's owner; the floor may change later. 0, or why this disk is none to update; *standing where it is 0. */
const char *update_open(struct update *update, const struct update_disk *disk, const struct update_trust *trust,
                        const struct update_floor *least, enum update_standing *standing);
/* The slot that runs: 'A', 'B', or 0, unknown. */
char update_started(const struct update *update);
/* A bundle is there. 0, or why it is refused; nothing has been written then. */
const char *update_begin(struct update *update, const struct update_source *source);
/* A piece of at most CHUNK bytes. False: it has ended, in UPDATE_DONE or UPDATE_FAILED. */
bool update_step(struct update *update);
/* All is well with what runs. 0, or why that could not be written. */
const char *update_confirm(struct update *update);

#endif
