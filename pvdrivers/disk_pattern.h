/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks that say of themselves who wrote them, for which place and in which round: what a disk test reads back is then either right or
 * wrong in a way that can be named. Pure. */
#ifndef DISK_PATTERN_H
#define DISK_PATTERN_H

#include <stdint.h>

enum disk_pattern {
    PATTERN_OK,
    PATTERN_FOREIGN,   /* nobody of ours wrote it */
    PATTERN_MISPLACED, /* ours, of another block */
    PATTERN_STALE,     /* ours, of another round */
    PATTERN_TORN,      /* head right, rest not */
};

/* size: bytes of the block, a multiple of 64. owner: anything that differs from the others' on this disk. */
void disk_pattern_fill(void *block, uint32_t size, uint64_t owner, uint64_t number, uint64_t round);
enum disk_pattern disk_pattern_check(const void *block, uint32_t size, uint64_t owner, uint64_t number, uint64_t round);
const char *disk_pattern_name(enum disk_pattern pattern);

#endif
