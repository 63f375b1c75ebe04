/* SPDX-License-Identifier: Apache-2.0 */
#include "rate.h"

#define SECOND 1000000000u

uint64_t rate(uint64_t now, uint64_t earlier, uint64_t ns)
{
    return now < earlier || ns == 0 ? 0 : (uint64_t)((unsigned __int128)(now - earlier) * SECOND / ns);
}

uint64_t rate_of_life(uint64_t now, uint64_t earlier, uint64_t lives_now, uint64_t lives_earlier, uint64_t ns)
{
    return lives_now != lives_earlier ? 0 : rate(now, earlier, ns);
}
