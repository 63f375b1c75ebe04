/* SPDX-License-Identifier: Apache-2.0 */
/* Rates of counters that others keep. Pure. */
#ifndef SUPERVISOR_RATE_H
#define SUPERVISOR_RATE_H

#include <stdint.h>

/* Per second, of a counter that may have been torn, begun anew, or wrapped: then 0, as nothing is known of that second. */
uint64_t rate(uint64_t now, uint64_t earlier, uint64_t ns);
/* Of a counter that begins anew with each life: 0 where the lives are not the same. */
uint64_t rate_of_life(uint64_t now, uint64_t earlier, uint64_t lives_now, uint64_t lives_earlier, uint64_t ns);

#endif
