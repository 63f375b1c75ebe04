/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes over a pair of channels, as over a pipe: in order, none missing, or told so. They travel as records (record.h) of up to STREAM_PIECE
 * bytes whose tag is the number of bytes before them in this connection, modulo 2^32. From one core, or under the caller's lock. */
#ifndef STREAM_H
#define STREAM_H

#include "record.h"

#define STREAM_PIECE 4096u /* and at most a quarter of the ring */

enum stream_state {
    STREAM_OPEN,
    STREAM_RENEWED, /* the peer has started again: what was under way is lost, both directions begin at 0 */
    STREAM_BROKEN,  /* the peer has written what cannot be, and is not listened to before it starts again */
};

struct stream {
    struct record_end end;
    uint32_t sent, received;
    bool renewed, broken;
    size_t held, held_at; /* bytes of `piece` that nobody has had room for */
    uint8_t piece[STREAM_PIECE];
};

bool stream_find(struct stream *stream, const char *out, const char *in);
void stream_open(struct stream *stream, const struct record_end *end);

/* Look at the peer. STREAM_RENEWED is told once. */
enum stream_state stream_state(struct stream *stream);
/* As many of these bytes as there is room for; 0 too while a renewal has not been told. Rings nobody: stream_flush() at the end of a round. */
size_t stream_write(struct stream *stream, const void *bytes, size_t size);
/* As many as there are. Buffers of STREAM_PIECE bytes and more are filled without a copy in between. */
size_t stream_read(struct stream *stream, void *to, size_t room);
void stream_flush(struct stream *stream);

#endif
