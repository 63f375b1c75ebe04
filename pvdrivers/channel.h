/* SPDX-License-Identifier: Apache-2.0 */
/* The channels of this partition: finding one by its name, being rung, waiting. What is said over them: ring.h (messages), stream.h (bytes),
 * bulletin.h (the newest state, for many readers), record.h (frames and requests). docs/howto-channels.md has the layout. */
#ifndef CHANNEL_H
#define CHANNEL_H

#include "record.h"

const volatile struct bh_channels *channel_list(void);
/* The channel with this name that this partition writes, or reads. False: it has none. */
bool channel_find(const char *name, bool writes, unsigned *number);
/* A record end (and so a ring, a stream) over two channels of these names. False: one of them is not there. */
bool channel_open(struct record_end *end, const char *out, const char *in);

/* From now on fn(arg) is called on `core`, interrupts off, when the channel with this number is rung: its writer rang, or has started.
 * fn may be 0: then it only ends bh_wait(). False: no vector is left, or no such channel. */
bool channel_listen(unsigned number, unsigned core, void (*fn)(void *arg), void *arg);

/* Halt until the peer has something (BH_WANTS_DATA), or room (BH_WANTS_ROOM) for so many bytes, or has started again, or bh_now_ns() reaches
 * `deadline`; may return early. On the core that channel_listen() named for the channel that it reads. */
void channel_wait(struct record_end *end, uint32_t wants, uint32_t room, uint64_t deadline);

#endif
