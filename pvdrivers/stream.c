/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes over a pair of channels. */
#include "stream.h"

#include <string.h>

void stream_open(struct stream *stream, const struct record_end *end)
{
    memset(stream, 0, sizeof(*stream));
    stream->end = *end;
}

static void renew(struct stream *stream)
{
    if (!record_renewed(&stream->end))
        return;
    stream->sent = stream->received = 0;
    stream->held = 0;
    stream->broken = false;
    stream->renewed = true;
}

enum stream_state stream_state(struct stream *stream)
{
    renew(stream);
    if (stream->renewed) {
        stream->renewed = false;
        return STREAM_RENEWED;
    }
    return stream->broken ? STREAM_BROKEN : STREAM_OPEN;
}

/* May bytes pass? Not before its user knows that they are of a new connection. */
static bool passes(struct stream *stream)
{
    renew(stream);
    return !stream->renewed && !stream->broken;
}

size_t stream_write(struct stream *stream, const void *bytes, size_t size)
{
    uint32_t most = stream->end.out.size / 4 < STREAM_PIECE ? stream->end.out.size / 4 : STREAM_PIECE;
    size_t done = 0;

    if (!passes(stream))
        return 0;
    while (done < size) {
        uint32_t piece = size - done < most ? (uint32_t)(size - done) : most;

        if (!record_put(&stream->end, stream->sent, &(struct record_piece){(const uint8_t *)bytes + done, piece}, 1))
            break;
        stream->sent += piece;
        done += piece;
    }
    return done;
}

/* The next piece, to a place that has room for any. False: none. */
static bool piece_take(struct stream *stream, void *to, size_t *size)
{
    struct bh_record record;
    uint64_t bad = stream->end.count.bad;

    if (!record_take(&stream->end, to, STREAM_PIECE, &record)) {
        stream->broken = stream->end.count.bad != bad;
        return false;
    }
    stream->broken = record.size > STREAM_PIECE || record.tag != stream->received;
    stream->received += record.size;
    *size = record.size;
    return !stream->broken;
}

static size_t held_give(struct stream *stream, uint8_t *to, size_t room)
{
    size_t size = stream->held < room ? stream->held : room;

    memcpy(to, stream->piece + stream->held_at, size);
    stream->held -= size;
    stream->held_at += size;
    return size;
}

size_t stream_read(struct stream *stream, void *to, size_t room)
{
    uint8_t *at = to;
    size_t done, size;

    if (!passes(stream))
        return 0;
    done = held_give(stream, at, room);
    while (done < room) {
        bool direct = room - done >= STREAM_PIECE;

        if (!piece_take(stream, direct ? at + done : stream->piece, &size))
            break;
        if (!direct) {
            stream->held = size;
            stream->held_at = 0;
            size = held_give(stream, at + done, room - done);
        }
        done += size;
    }
    return done;
}

void stream_flush(struct stream *stream)
{
    record_flush(&stream->end);
}
