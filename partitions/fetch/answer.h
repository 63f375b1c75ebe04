/* SPDX-License-Identifier: Apache-2.0 */
/* The head of what a web server answers, which nothing vouches for. Pure. */
#ifndef FETCH_ANSWER_H
#define FETCH_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ANSWER_HEAD_MAX 4096u

struct answer {
    unsigned status; /* 100 to 599 */
    bool has_length, has_range;
    uint64_t length;             /* of the body behind this head */
    uint64_t first, last, total; /* bytes of the whole file that the body is */
    const char *wrong;           /* not 0: the head is none that is taken; the rest means nothing */
};

/* Returns how many of these bytes are the head; 0: it is not complete. With ANSWER_HEAD_MAX bytes it always ends, if only because they are
 * too many. */
size_t answer_parse(const char *bytes, size_t count, struct answer *answer);

#endif
