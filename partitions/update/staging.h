/* SPDX-License-Identifier: Apache-2.0 */
/* The slice in which a bundle comes to the owner of the disk: sectors, so that what stands there outlives everybody. The client writes the
 * bundle, flushes, writes a request with a number of its own, flushes; the owner applies it and writes an answer with that number. A request
 * whose number is that of the answer has been done. */
#ifndef UPDATE_STAGING_H
#define UPDATE_STAGING_H

#include <stdint.h>

enum {
    STAGING_REQUEST = 0,
    STAGING_ANSWER = 1,
    STAGING_CLIENT = 2,
    STAGING_BUNDLE = 8
}; /* sectors; the third is the client's own */
#define STAGING_REQUEST_MAGIC "BHREQEST"
#define STAGING_ANSWER_MAGIC "BHANSWER"

enum staging_outcome { STAGING_NONE, STAGING_APPLIED, STAGING_REFUSED };

struct staging_note {
    char magic[8];
    uint64_t number;
    uint32_t outcome; /* enum staging_outcome; of a request: 0 */
    char text[108];   /* why it was refused, ends with a zero */
    uint8_t zero[384];
};
_Static_assert(sizeof(struct staging_note) == 512, "one sector");

#endif
