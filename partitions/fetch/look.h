/* SPDX-License-Identifier: Apache-2.0 */
/* What the fetcher does each time that it looks at its feed. */
#ifndef FETCH_LOOK_H
#define FETCH_LOOK_H

#include "feed.h"

struct fetcher {
    struct feed feed;
    uint32_t every;   /* seconds */
    uint32_t version; /* of what runs */
};

/* Fetch what is newer, as far as it comes, ask for it to be taken if it is whole, and wait for the answer. Returns seconds until the next
 * look. */
uint64_t fetcher_look(const struct fetcher *fetcher);

#endif
