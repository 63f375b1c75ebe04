/* SPDX-License-Identifier: Apache-2.0 */
/* How many messages of those inside the router passes on to the log host: more do not drown its own, nor the line outside. Pure. */
#ifndef ROUTER_RELAY_H
#define ROUTER_RELAY_H

#include <stdbool.h>
#include <stdint.h>

#define RELAY_PER_SECOND 50u
#define RELAY_BURST 32u /* at once, after a rest */

struct relay {
    uint64_t due; /* when all that was passed on is paid for, at that rate */
    uint64_t passed, dropped;
};

/* May one more be passed on at `now`, in nanoseconds that only go on? Counts it. */
bool relay_takes(struct relay *relay, uint64_t now);

#endif
