/* SPDX-License-Identifier: Apache-2.0 */
/* One connection to the feed at a time, on lwIP's raw interface. Each call waits for what it promises, within bounds. */
#ifndef FETCH_WIRE_H
#define FETCH_WIRE_H

#include "answer.h"
#include "feed.h"

#define WIRE_PIECE 49152u /* bytes of a body that can be waited for at once */

/* Wait for an IPv4 address, which DHCP takes a moment to give; at most until then. */
void wire_start(uint64_t deadline);
/* Connect, ask, and wait for the head of the answer. 0, or why there is none. */
const char *wire_ask(const struct feed *feed, uint64_t first, uint64_t last, struct answer *answer);
/* Wait until `want` bytes of the body are there, at most WIRE_PIECE. Returns how many are: fewer, if it has ended or nothing comes any more. */
size_t wire_wait(size_t want, const uint8_t **bytes);
/* The first `count` of them are not needed any more. */
void wire_take(size_t count);
/* Be done with it, wherever it stands. */
void wire_end(void);

/* Let the network go on until then. */
void wire_pause(uint64_t deadline);

#endif
