/* SPDX-License-Identifier: Apache-2.0 */
/* What is to be done with a bundle that is offered, after all that stands in the slice; what of an answer is taken. Pure.
 *
 * Of the bundle that is being fetched the slice has its first sector, where it belongs, and the note how many bytes behind that are there
 * for certain. As the first sector has the digest of all others, the same first sector means the same bundle. Nothing here decides
 * whether it may be installed: the disk's owner does, by its signature. */
#ifndef FETCH_CHOICE_H
#define FETCH_CHOICE_H

#include "answer.h"
#include "bundle.h"
#include "staging.h"

#define FETCH_MAGIC "BHFETCH1"

struct fetch_note {
    char magic[8];
    uint64_t done;   /* bytes of the bundle, its first sector included, that have been flushed */
    uint64_t number; /* of the request to take it; 0: none was made */
    uint8_t zero[488];
};
_Static_assert(sizeof(struct fetch_note) == SECTOR, "one sector");

/* The slice's beginning, as it is on the disk. */
struct fetch_state {
    struct staging_note request, answer;
    struct fetch_note note;
    uint8_t unused[(STAGING_BUNDLE - STAGING_CLIENT - 1) * SECTOR];
    struct bundle kept;
};
_Static_assert(offsetof(struct fetch_state, note) == STAGING_CLIENT * SECTOR, "");
_Static_assert(offsetof(struct fetch_state, kept) == STAGING_BUNDLE * SECTOR, "");

enum fetch_step {
    FETCH_STRANGE, /* what is offered is no bundle that fits: why */
    FETCH_OLD,     /* it is not newer than what runs */
    FETCH_DONE,    /* it has been taken by the disk's owner */
    FETCH_REFUSED, /* it has been refused */
    FETCH_ASK,     /* it is there as a whole */
    FETCH_RESUME,  /* it is there up to byte `from` */
    FETCH_ANEW,
};

struct fetch_plan {
    enum fetch_step step;
    const char *why;
    uint64_t from, total; /* bytes of the bundle */
};

/* A request stands there that has not been answered: the slice is not ours to write. */
bool fetch_waits(const struct fetch_state *state);
/* `u_offered`: the first sector of what the feed has; `offered_bytes`: how long that is; `room`: bytes of the slice for a bundle. */
struct fetch_plan fetch_plan(const struct fetch_state *state, const struct bundle *u_offered, uint64_t offered_bytes,
                             uint32_t version, uint64_t room);
/* For the next request. */
uint64_t fetch_number(const struct fetch_state *state);

/* An answer to a request for the first sector. 0, or why it is not taken; *total: bytes of the whole bundle. */
const char *fetch_first(const struct answer *answer, uint64_t *total);
/* An answer to a request for all from byte `asked` on. 0, or why it is not taken; *from: where its body begins, `asked` or 0. */
const char *fetch_rest(const struct answer *answer, uint64_t asked, uint64_t total, uint64_t *from);

#endif
