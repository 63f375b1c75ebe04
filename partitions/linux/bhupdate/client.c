/* SPDX-License-Identifier: Apache-2.0 */
/* The disk is another partition's: the bundle goes into the slice where its owner looks (partitions/update/staging.h). */
#include "bhupdate.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "bundle.h"
#include "disk.h"
#include "staging.h"

static struct block slice, bundle;
static struct staging_note request, answer;
static uint8_t *memory;
static const char cannot_read[] = "the slice cannot be read", cannot_write[] = "the slice cannot be written";

static bool notes_read(void)
{
    if (!block_read(&slice, STAGING_REQUEST, 2, memory))
        return false;
    memcpy(&request, memory, sizeof(request));
    memcpy(&answer, memory + SECTOR, sizeof(answer));
    return true;
}

static bool asked(void)
{
    return memcmp(request.magic, STAGING_REQUEST_MAGIC, sizeof(request.magic)) == 0;
}

static bool answered(void)
{
    return memcmp(answer.magic, STAGING_ANSWER_MAGIC, sizeof(answer.magic)) == 0 && answer.number == request.number;
}

/* Of a request that stands there. 0, or why there is no answer. */
static const char *answer_wait(unsigned seconds)
{
    const struct timespec pause = {0, 250000000};

    for (unsigned left = seconds * 4; asked() && !answered(); left--) {
        if (left == 0)
            return "the owner of the disk has not answered. The request stays: it answers once what runs is confirmed, some "
                   "minutes after many that it refused, or after a start";
        nanosleep(&pause, 0);
        if (!notes_read())
            return cannot_read;
    }
    return 0;
}

/* Its sectors, of which the owner of the disk looks at each: here only what the way there needs. */
static const char *bundle_sectors(uint64_t *sectors)
{
    struct bundle u_bundle;

    if (bundle.sectors == 0 || !block_read(&bundle, 0, 1, memory))
        return "the bundle cannot be read";
    memcpy(&u_bundle, memory, sizeof(u_bundle));
    if (memcmp(u_bundle.magic, BUNDLE_MAGIC, sizeof(u_bundle.magic)) != 0)
        return "this is no bundle";
    if (u_bundle.size / SECTOR > bundle.sectors - 1)
        return "the bundle is truncated";
    *sectors = 1 + u_bundle.size / SECTOR;
    return slice.sectors < STAGING_BUNDLE || *sectors > slice.sectors - STAGING_BUNDLE ? "the bundle is larger than the slice" : 0;
}

static const char *bundle_bring(uint64_t sectors)
{
    for (uint64_t at = 0; at < sectors; at += CHUNK_SECTORS) {
        uint32_t piece = sectors - at < CHUNK_SECTORS ? (uint32_t)(sectors - at) : CHUNK_SECTORS;
        if (!block_read(&bundle, at, piece, memory))
            return "the bundle cannot be read";
        if (!block_write(&slice, STAGING_BUNDLE + at, piece, memory))
            return cannot_write;
    }
    return block_flush(&slice) ? 0 : cannot_write;
}

/* Its number is one that has not been answered. */
static const char *request_write(void)
{
    uint64_t number = asked() ? request.number + 1 : answer.number + 1;

    request = (struct staging_note){.number = number};
    memcpy(request.magic, STAGING_REQUEST_MAGIC, sizeof(request.magic));
    memcpy(memory, &request, sizeof(request));
    return block_write(&slice, STAGING_REQUEST, 1, memory) && block_flush(&slice) ? 0 : cannot_write;
}

static const char *slice_open(const struct options *options, bool writes)
{
    const char *wrong = block_open(&slice, options->staging, writes);

    if (wrong)
        return wrong;
    memory = chunk_take();
    return notes_read() ? 0 : cannot_read;
}

/* What the answer says; its text ends within it, whatever it is. */
static int answer_show(void)
{
    answer.text[sizeof(answer.text) - 1] = 0;
    if (answer.outcome != STAGING_APPLIED)
        return refuse("refused", answer.text);
    printf("applied: %s\n", answer.text);
    return DONE;
}

int staging_status(const struct options *options)
{
    const char *wrong = slice_open(options, false);

    if (wrong)
        return refuse(options->staging, wrong);
    if (!asked())
        printf("no request\n");
    else
        printf("request %" PRIu64 ": %s\n", request.number, answered() ? "answered" : "not answered yet");
    return asked() && answered() ? answer_show() : DONE;
}

int staging_update(const struct options *options)
{
    uint64_t sectors;
    const char *wrong = slice_open(options, true);

    if (wrong)
        return refuse(options->staging, wrong);
    wrong = block_open(&bundle, options->bundle, false);
    if (!wrong)
        wrong = bundle_sectors(&sectors);
    if (wrong)
        return refuse(options->bundle, wrong);
    if (asked() && !answered())
        printf("an earlier request has not been answered: waiting\n");
    wrong = answer_wait(options->timeout);
    if (!wrong)
        wrong = bundle_bring(sectors);
    if (!wrong)
        wrong = request_write();
    if (wrong)
        return refuse(options->staging, wrong);
    printf("request %" PRIu64 ", %" PRIu64 " KiB: waiting for the owner of the disk; if it says so, the box starts again\n",
           request.number, sectors / 2);
    wrong = answer_wait(options->timeout);
    return wrong ? refuse(options->staging, wrong) : answer_show();
}
