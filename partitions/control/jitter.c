/* SPDX-License-Identifier: Apache-2.0 */
/* Statistics of a periodic loop. Pure: also tested on the host. */
#include "jitter.h"

void jitter_add(struct jitter *jitter, uint64_t interval, uint64_t period)
{
    uint64_t off = interval > period ? interval - period : period - interval;
    unsigned bucket = 0;

    while (bucket < JITTER_BUCKETS - 1 && off >= jitter_bucket_us(bucket) * 1000)
        bucket++;
    jitter->buckets[bucket]++;
    if (jitter->count == 0 || interval < jitter->min)
        jitter->min = interval;
    if (interval > jitter->max)
        jitter->max = interval;
    jitter->sum += interval;
    jitter->count++;
}

uint64_t jitter_average(const struct jitter *jitter)
{
    return jitter->count ? jitter->sum / jitter->count : 0;
}

uint64_t jitter_bucket_us(unsigned bucket)
{
    return 1ul << bucket;
}
