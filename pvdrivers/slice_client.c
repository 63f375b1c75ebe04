/* SPDX-License-Identifier: Apache-2.0 */
/* The client's end of a slice. A tag is never used twice in a life, so that an answer is to one sending of one request. */
#include "slice_client.h"

#include <string.h>

#define REQUEST ((uint32_t)sizeof(struct bh_slice_request))
#define ANSWER 8u
#define TAGS_OF_A_LIFE 20u /* bits: lives that follow one another begin this far apart */

/* --- opening ----------------------------------------------------------------------------------------------------------------------------- */

/* "<name>.q" */
static bool has_name(const volatile struct bh_channel *channel, const char *name)
{
    char text[sizeof(channel->name)];
    size_t length = strlen(name);

    for (unsigned i = 0; i < sizeof(text); i++)
        text[i] = channel->name[i];
    return length + 3 <= sizeof(text) && memcmp(text, name, length) == 0 && memcmp(text + length, ".q", 3) == 0;
}

bool slice_open(struct slice *slice, const volatile struct bh_channels *channels, const char *name)
{
    for (unsigned i = 0; i < BH_MAX_CHANNELS && i < channels->count; i++) {
        const volatile struct bh_channel *channel = &channels->channel[i];
        if (channel->kind != BH_CHANNEL_REQUEST || !channel->writes || channel->back >= channels->count || !has_name(channel, name))
            continue;
        memset(slice, 0, sizeof(*slice));
        slice->bell = channel->back;
        slice->sectors = channel->info[1] / BH_SLICE_SECTOR;
        slice->read_only = channel->info[2] != 0;
        slice->next_tag = channel->epoch << TAGS_OF_A_LIFE;
        record_open(&slice->end, record_side(channel), record_side(&channels->channel[channel->back]), i);
        return true;
    }
    return false;
}

/* --- requests ---------------------------------------------------------------------------------------------------------------------------- */

static bool is_valid(enum bh_slice_type type, uint32_t bytes)
{
    switch (type) {
    case BH_SLICE_READ:
    case BH_SLICE_WRITE:
        return bytes > 0 && bytes <= BH_SLICE_MAX && bytes % BH_SLICE_SECTOR == 0;
    case BH_SLICE_FLUSH:
        return bytes == 0;
    case BH_SLICE_NAME:
        return bytes > 0 && bytes <= BH_SLICE_NAME_MAX;
    }
    return false;
}

bool slice_start(struct slice *slice, enum bh_slice_type type, uint64_t sector, void *buffer, uint32_t bytes, void *token)
{
    unsigned i = 0;

    while (i < SLICE_DEPTH && slice->slots[i].busy)
        i++;
    if (i == SLICE_DEPTH || !is_valid(type, bytes))
        return false;
    slice->slots[i].busy = true;
    slice->slots[i].sent = slice->slots[i].ended = false;
    slice->slots[i].request = (struct bh_slice_request){type, type == BH_SLICE_WRITE ? 0 : bytes, sector};
    slice->slots[i].bytes = bytes;
    slice->slots[i].buffer = buffer;
    slice->slots[i].token = token;
    slice->slots[i].order = slice->orders++;
    slice->under_way++;
    return true;
}

/* False: no room. */
static bool request_send(struct slice *slice, unsigned i)
{
    bool writes = slice->slots[i].request.type == BH_SLICE_WRITE;
    struct record_piece pieces[] = {{&slice->slots[i].request, REQUEST},
                                    {slice->slots[i].buffer, writes ? slice->slots[i].bytes : 0}};

    if (!record_put(&slice->end, slice->next_tag, pieces, writes ? 2 : 1))
        return false;
    slice->slots[i].tag = slice->next_tag++;
    slice->slots[i].sent = true;
    return true;
}

/* The oldest that has not been sent; SLICE_DEPTH: none. */
static unsigned unsent(const struct slice *slice)
{
    unsigned oldest = SLICE_DEPTH;

    for (unsigned i = 0; i < SLICE_DEPTH; i++)
        if (slice->slots[i].busy && !slice->slots[i].sent &&
            (oldest == SLICE_DEPTH || slice->slots[i].order < slice->slots[oldest].order))
            oldest = i;
    return oldest;
}

/* In the order in which they were started, also when they are sent again: what was to come after a write comes after it again. */
static void requests_send(struct slice *slice)
{
    for (unsigned i; (i = unsent(slice)) < SLICE_DEPTH;)
        if (!request_send(slice, i))
            return;
}

static void renew(struct slice *slice)
{
    slice->renewals++;
    for (unsigned i = 0; i < SLICE_DEPTH; i++)
        if (slice->slots[i].busy && slice->slots[i].sent && !slice->slots[i].ended) {
            slice->slots[i].sent = false;
            slice->repeated++;
        }
}

/* --- answers ------------------------------------------------------------------------------------------------------------------------------- */

static enum slice_result answer_check(const struct slice *slice, unsigned i, uint32_t size)
{
    bool reads = slice->slots[i].request.type == BH_SLICE_READ || slice->slots[i].request.type == BH_SLICE_NAME;

    if (size < ANSWER)
        return SLICE_STRANGE;
    if (slice->answer[0] != BH_SLICE_OK)
        return SLICE_REFUSED;
    return size == ANSWER + (reads ? slice->slots[i].bytes : 0) ? SLICE_GOOD : SLICE_STRANGE;
}

static void answer_take(struct slice *slice, const struct bh_record *record)
{
    for (unsigned i = 0; i < SLICE_DEPTH; i++)
        if (slice->slots[i].busy && slice->slots[i].sent && !slice->slots[i].ended && slice->slots[i].tag == record->tag) {
            slice->slots[i].result = answer_check(slice, i, record->size);
            if (slice->slots[i].result == SLICE_GOOD && record->size > ANSWER)
                memcpy(slice->slots[i].buffer, slice->answer + ANSWER, slice->slots[i].bytes);
            slice->slots[i].ended = true;
            return;
        }
    slice->strangers++;
}

/* --- rounds ---------------------------------------------------------------------------------------------------------------------------------- */

void slice_step(struct slice *slice)
{
    struct bh_record record;

    if (record_renewed(&slice->end))
        renew(slice);
    for (unsigned i = 0; i < SLICE_DEPTH && record_take(&slice->end, slice->answer, sizeof(slice->answer), &record); i++)
        answer_take(slice, &record);
    requests_send(slice);
    record_flush(&slice->end);
}

bool slice_done(struct slice *slice, void **token, enum slice_result *result)
{
    for (unsigned i = 0; i < SLICE_DEPTH; i++)
        if (slice->slots[i].ended) {
            *token = slice->slots[i].token;
            *result = slice->slots[i].result;
            slice->slots[i].busy = slice->slots[i].ended = false;
            slice->under_way--;
            return true;
        }
    return false;
}

bool slice_idle(struct slice *slice)
{
    unsigned next = unsent(slice);
    uint32_t room = next < SLICE_DEPTH ? REQUEST + slice->slots[next].bytes : 0;

    return record_arm(&slice->end, next < SLICE_DEPTH ? BH_WANTS_DATA | BH_WANTS_ROOM : BH_WANTS_DATA, room);
}

void slice_give_up(struct slice *slice)
{
    memset(slice->slots, 0, sizeof(slice->slots));
    slice->under_way = 0;
}
