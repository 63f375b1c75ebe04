/* SPDX-License-Identifier: Apache-2.0 */
/* The layout of the reserved RAM that survives a warm reset: the crash record in its first page, then two banks, written by every other
 * boot in turn, so that what the boot before left can be read while this one writes. config/tool/decode.py reads the same layout.
 *
 * Everything carries a sum that also covers the number of its boot and who it belongs to. What does not match it, from an earlier
 * boot, another image or never written, is as if it were not there. */
#ifndef BULKHEAD_RECORDER_AREA_H
#define BULKHEAD_RECORDER_AREA_H

#include "bulkhead_abi.h"
#include "crash.h"
#include "types.h"

#define RECORD_MAGIC 0x44524f4345524842ull /* "BHRECORD" */
#define RECORD_VERSION 1u
#define RECORD_BANK KIB(256) /* from one bank to the next */
#define RECORD_OFFSET 4096u  /* of the first */
#define RECORD_AREA_SIZE (RECORD_OFFSET + 2 * RECORD_BANK)

#define RECORD_TEXT 112u
#define RECORD_OUTPUT_BLOCKS 40u /* 4 KiB and more of a partition's output */
#define RECORD_LOG_BLOCKS 160u   /* 17 KiB and more of our own log */
#define RECORD_STOPS 8u

/* A piece of a text. Piece n lies in block n % count; all but the newest are full. */
struct record_block {
    uint64_t sum; /* record_sum() over number and text, then length */
    uint32_t number, length;
    char text[RECORD_TEXT];
};
_Static_assert(sizeof(struct record_block) == 128, "record_block");

struct record_stop {
    uint64_t sum; /* of what follows */
    uint64_t number;
    struct bh_stop stop;
};
_Static_assert(sizeof(struct record_stop) == 288, "record_stop");

struct record_partition {
    struct record_block output[RECORD_OUTPUT_BLOCKS];
    struct record_stop stops[RECORD_STOPS]; /* number n at n % RECORD_STOPS */
};
_Static_assert(sizeof(struct record_partition) == 7424, "record_partition");

struct record_head {
    uint64_t magic;
    uint32_t version, partitions;
    uint64_t boot; /* counts boots in this area, from 1 */
    uint64_t wall; /* seconds since 1970-01-01 UTC when it began */
    char product[32], board[32];
    char names[MAX_PARTITIONS][16]; /* NUL behind each */
    uint64_t sum;
};
_Static_assert(sizeof(struct record_head) == 360, "record_head");

struct record_bank {
    struct record_head head;
    struct crash_record crash; /* the one that ended this boot, put here by the next; all zeros: none */
    struct record_block log[RECORD_LOG_BLOCKS];
    struct record_partition partitions[MAX_PARTITIONS];
};
_Static_assert(offsetof(struct record_bank, crash) == 360 && offsetof(struct record_bank, log) == 880, "record_bank");
_Static_assert(offsetof(struct record_bank, partitions) == 21360 && sizeof(struct record_bank) <= RECORD_BANK, "record_bank");

/* FNV-1a, continued from `sum`: bytes, order and number count. Against damage, not against malice: the area is ours alone. */
#define RECORD_PRIME 0x100000001b3ull
static inline uint64_t record_sum(uint64_t sum, const void *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        sum = (sum ^ ((const uint8_t *)bytes)[i]) * RECORD_PRIME;
    return sum;
}

/* What the sums of a boot begin with: another one for each owner of texts (a partition's index, RECORD_OURS) and for stops. */
#define RECORD_OURS 0x80u
#define RECORD_OF_STOPS 0x100u
static inline uint64_t record_seed(uint64_t boot, unsigned owner)
{
    uint64_t words[2] = {boot, owner};

    return record_sum(0xcbf29ce484222325ull, words, sizeof(words));
}

#endif
