/* SPDX-License-Identifier: Apache-2.0 */
/* Ticks of a clock to nanoseconds without a division for each: ns = ticks * factor / 2^32. */
#ifndef BH_SCALE_H
#define BH_SCALE_H

#include <stdint.h>

/* Factor for a clock of `khz`; 0 khz is taken for 1 GHz, so that nothing divides by zero. */
static inline uint64_t scale_factor(uint64_t khz)
{
    return (1000000ull << 32) / (khz ? khz : 1000000);
}

static inline uint64_t scale_to_ns(uint64_t ticks, uint64_t factor)
{
    return (uint64_t)(((unsigned __int128)ticks * factor) >> 32);
}

/* Ticks of a clock of `khz` in `ns`, at least 1 and at most `limit`. */
static inline uint64_t scale_from_ns(uint64_t ns, uint64_t khz, uint64_t limit)
{
    if (ns > UINT64_MAX / (khz ? khz : 1))
        return limit;
    uint64_t ticks = ns * khz / 1000000;

    return ticks < 1 ? 1 : ticks > limit ? limit : ticks;
}

#endif
