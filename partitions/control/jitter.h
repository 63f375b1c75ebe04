/* SPDX-License-Identifier: Apache-2.0 */
/* Statistics of a periodic loop: how far intervals are from their period. Pure; constant memory and time. */
#ifndef JITTER_H
#define JITTER_H

#include <stdint.h>

#define JITTER_BUCKETS 20u /* the first: off by less than 1 us; each further one twice as much; the last: all the rest */

struct jitter {
    uint64_t count, sum, min, max; /* of the intervals, ns */
    uint64_t buckets[JITTER_BUCKETS];
};

void jitter_add(struct jitter *jitter, uint64_t interval, uint64_t period);
uint64_t jitter_average(const struct jitter *jitter);
/* Upper border of a bucket in microseconds. */
uint64_t jitter_bucket_us(unsigned bucket);

#endif
