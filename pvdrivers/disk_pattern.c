/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks that say of themselves where they belong: see disk_pattern.h. Four words of head, then words that depend on all of them. */
#include "disk_pattern.h"

#define MAGIC 0x424c4b4844544553ull
#define HEAD 4u

static uint64_t mix(uint64_t x)
{
    x = (x ^ x >> 31) * 0x7fb5d329728ea185ull;
    x = (x ^ x >> 27) * 0x81dadef4bc2dd44dull;
    return x ^ x >> 33;
}

void disk_pattern_fill(void *block, uint32_t size, uint64_t owner, uint64_t number, uint64_t round)
{
    uint64_t *words = block, seed = mix(owner ^ mix(number ^ mix(round)));

    words[0] = MAGIC;
    words[1] = owner;
    words[2] = number;
    words[3] = round;
    for (uint32_t i = HEAD; i < size / 8; i++)
        words[i] = seed += 0x9e3779b97f4a7c15ull;
}

enum disk_pattern disk_pattern_check(const void *block, uint32_t size, uint64_t owner, uint64_t number, uint64_t round)
{
    const uint64_t *words = block;
    uint64_t seed = mix(owner ^ mix(number ^ mix(round)));

    if (words[0] != MAGIC || words[1] != owner)
        return PATTERN_FOREIGN;
    if (words[2] != number)
        return PATTERN_MISPLACED;
    if (words[3] != round)
        return PATTERN_STALE;
    for (uint32_t i = HEAD; i < size / 8; i++)
        if (words[i] != (seed += 0x9e3779b97f4a7c15ull))
            return PATTERN_TORN;
    return PATTERN_OK;
}

const char *disk_pattern_name(enum disk_pattern pattern)
{
    static const char *const names[] = {"right", "not ours", "of another block", "of an earlier round", "half written"};

    return names[pattern];
}
