/* SPDX-License-Identifier: Apache-2.0 */
/* Entries of a ledger. */
#include "entry.h"

#include <string.h>

#define MAGIC 0x52454744454c5931ull
#define WORDS (ENTRY_BYTES / 8)

/* The checksum is its last word: FNV-1a over words, with the bits that move up brought down again. */
static uint64_t checksum(const uint64_t words[WORDS])
{
    uint64_t sum = 0xcbf29ce484222325ull;

    for (unsigned i = 0; i < WORDS - 1; i++) {
        sum = (sum ^ words[i]) * 0x100000001b3ull;
        sum ^= sum >> 29;
    }
    return sum;
}

void entry_fill(void *block, uint64_t sequence)
{
    uint64_t words[WORDS] = {MAGIC, sequence}, random = sequence;

    for (unsigned i = 2; i < WORDS - 1; i++) {
        random = random * 6364136223846793005ull + 1442695040888963407ull;
        words[i] = random;
    }
    words[WORDS - 1] = checksum(words);
    memcpy(block, words, ENTRY_BYTES);
}

uint64_t entry_read(const void *block)
{
    uint64_t words[WORDS];

    memcpy(words, block, ENTRY_BYTES);
    return words[0] == MAGIC && words[WORDS - 1] == checksum(words) ? words[1] : 0;
}

uint64_t entries_last(const uint64_t *numbers, uint32_t places, uint32_t under_way)
{
    uint64_t newest = 0;

    for (uint32_t i = 0; i < places; i++)
        if (numbers[i] > newest && numbers[i] % places == i)
            newest = numbers[i];
    uint32_t kept = places - under_way;
    for (uint64_t n = newest > kept ? newest - kept + 1 : 1; n <= newest; n++)
        if (numbers[n % places] != n && numbers[n % places] != n + places)
            return n - 1;
    return newest;
}
