/* SPDX-License-Identifier: Apache-2.0 */
/* The beginning of all secrets: RDRAND where the processor has it, mixed with clocks, which alone are poor (docs/CAVEATS.md). */
#include <cpuid.h>

#include "bh.h"
#include "net_random.h"

#define RDRAND_TRIES 10 /* SDM1 7.3.17.1 */

static bool processor_word(uint64_t *word)
{
    unsigned a, b, c, d;
    bool good = false;

    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_RDRND))
        return false;
    for (unsigned i = 0; i < RDRAND_TRIES && !good; i++)
        __asm__ volatile("rdrand %0" : "=r"(*word), "=@ccc"(good));
    return good;
}

void net_entropy(uint64_t words[2])
{
    uint64_t pool[8] = {bh_start_info()->lives, bh_start_info()->wall_base, bh_entry_tsc, bh_tsc()};

    for (unsigned i = 0; i < 256; i++) {
        uint64_t word = 0;
        if (i < 8)
            processor_word(&word);
        pool[4 + i % 4] = net_hash(pool + 4 + (i & 2), pool, sizeof(pool)) ^ word ^ bh_tsc();
    }
    words[0] = net_hash(pool, pool + 4, 32);
    words[1] = net_hash(pool + 2, pool + 4, 32);
}
