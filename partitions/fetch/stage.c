/* SPDX-License-Identifier: Apache-2.0 */
/* Order of writes: the note never says of more bytes than have been flushed that they are there. */
#include "stage.h"

#include <stdio.h>
#include <string.h>

#include "bh.h"
#include "slice_client.h"

#define PATIENCE_NS 60000000000ull

static struct slice slice;
static uint8_t buffer[BH_SLICE_MAX] __attribute__((aligned(4096)));

static bool done(enum slice_result result, const char *what)
{
    if (result != SLICE_GOOD)
        printf("error: fetch: %s the slice: %s\n", what, slice_result_name(result));
    return result == SLICE_GOOD;
}

static bool write_sectors(uint64_t sector, const void *bytes, size_t count)
{
    memcpy(buffer, bytes, count);
    return done(slice_do(&slice, BH_SLICE_WRITE, sector, buffer, (uint32_t)count, PATIENCE_NS), "writing");
}

static bool flush(void)
{
    return done(slice_do(&slice, BH_SLICE_FLUSH, 0, 0, 0, PATIENCE_NS), "flushing");
}

bool stage_open(const char *name)
{
    if (!slice_open(&slice, (const volatile struct bh_channels *)(uintptr_t)BH_CHANNELS_INFO_GPA, name)) {
        printf("error: fetch: this partition has no slice %s\n", name);
        return false;
    }
    slice_interrupt(&slice, 0);
    if (slice.read_only || slice.sectors <= STAGING_BUNDLE) {
        printf("error: fetch: slice %s cannot be written, or is too small\n", name);
        return false;
    }
    return true;
}

uint64_t stage_room(void)
{
    return (slice.sectors - STAGING_BUNDLE) * SECTOR;
}

bool stage_read(struct fetch_state *state)
{
    if (!done(slice_do(&slice, BH_SLICE_READ, 0, buffer, sizeof(*state), PATIENCE_NS), "reading"))
        return false;
    memcpy(state, buffer, sizeof(*state));
    return true;
}

bool stage_write(uint64_t at, const void *bytes, size_t count)
{
    return write_sectors(STAGING_BUNDLE + at / SECTOR, bytes, count);
}

bool stage_note(uint64_t bytes, uint64_t number)
{
    struct fetch_note note = {.done = bytes, .number = number};

    memcpy(note.magic, FETCH_MAGIC, sizeof(note.magic));
    return flush() && write_sectors(STAGING_CLIENT, &note, sizeof(note)) && flush();
}

bool stage_begin(const struct bundle *bundle)
{
    return stage_note(0, 0) && stage_write(0, bundle, sizeof(*bundle)) && stage_note(sizeof(*bundle), 0);
}

bool stage_request(uint64_t number)
{
    struct staging_note note = {.number = number};

    memcpy(note.magic, STAGING_REQUEST_MAGIC, sizeof(note.magic));
    return write_sectors(STAGING_REQUEST, &note, sizeof(note)) && flush();
}
