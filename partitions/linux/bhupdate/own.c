/* SPDX-License-Identifier: Apache-2.0 */
/* The disk is Linux's own: the very steps that the unikernel `storage` takes (partitions/update/update.h). */
#include "bhupdate.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "update.h"

static struct block block, bundle;
static struct update_disk disk;
static struct update_trust trust;
static struct update update;
static enum update_standing standing;
static const struct update_floor no_floor; /* a Linux is given no TPM */
static const char in_use[] = "somebody has mounted the ESP or the slot that is to be written";

static const char *trust_read(const char *path)
{
    struct stat facts;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return "cannot be read: it is update.trust of the version that runs";
    bool good = fstat(fd, &facts) == 0 && facts.st_size == sizeof(trust) && read(fd, &trust, sizeof(trust)) == sizeof(trust);
    close(fd);
    return good ? 0 : "it is no update.trust of this form";
}

static const char *disk_open(const char *path, bool writes)
{
    const char *wrong = block_open(&block, path, writes);

    disk = (struct update_disk){&block, block.sectors, block_read, block_write, block_flush, wrong ? 0 : chunk_take()};
    return wrong;
}

/* 0, or the status of the program. */
static int opened(const struct options *options)
{
    const char *wrong = trust_read(options->trust);

    if (wrong)
        return refuse(options->trust, wrong);
    wrong = disk_open(options->disk, true);
    if (!wrong)
        wrong = layout_find(&update.layout, &disk);
    if (!wrong && block_in_use(&block, update.layout.environment, 1))
        wrong = in_use;
    if (!wrong)
        wrong = update_open(&update, &disk, &trust, &no_floor, &standing);
    return wrong ? refuse(options->disk, wrong) : 0;
}

int disk_status(const struct options *options)
{
    static const char *const words[] = {"OK", "TRY", "VERSION", "CONFIRMED"};
    struct environment environment;
    struct layout layout;
    char values[4][ENVIRONMENT_VALUE], name[ENVIRONMENT_VALUE];
    const char *wrong = disk_open(options->disk, false);

    if (!wrong)
        wrong = layout_find(&layout, &disk);
    if (!wrong && (!block_read(&block, layout.environment, 1, disk.memory) ||
                   !block_read(&block, layout.environment_rest, 1, disk.memory + SECTOR)))
        wrong = "the disk cannot be read";
    if (wrong)
        return refuse(options->disk, wrong);
    memcpy(&environment, disk.memory, sizeof(environment));
    if (!environment_good(&environment) || !environment_rest_good(disk.memory + SECTOR))
        return refuse(options->disk, "GRUB's block is damaged; the next update or confirmation mends it");
    for (char slot = 'A'; slot <= 'B'; slot++) {
        for (unsigned i = 0; i < 4; i++) {
            snprintf(name, sizeof(name), "%c_%s", slot, words[i]);
            environment_get(&environment, name, values[i]);
        }
        bool good = strcmp(values[0], "1") == 0, confirmed = *values[2] && strcmp(values[2], values[3]) == 0;
        printf("slot %c: %s, version %s, %sconfirmed, starts counted: %s\n", slot, good ? "may start" : "not good",
               *values[2] ? values[2] : "unknown", confirmed ? "" : "not ", *values[1] ? values[1] : "0");
    }
    environment_get(&environment, "STARTED", values[0]);
    environment_get(&environment, "ORDER", values[1]);
    printf("started: %s; tried in the order %s; oldest version taken: %" PRIu32 "\n", *values[0] ? values[0] : "unknown", values[1],
           environment_number(&environment, "MIN_VERSION"));
    return DONE;
}

int disk_started(const struct options *options)
{
    static const char *const words[] = {"unknown: the next start says it", "confirmed", "not confirmed yet", "too old"};
    int status = opened(options);

    if (status)
        return status;
    char letter = update_started(&update);
    printf("version %" PRIu32 " runs, slot %c, %s\n", trust.version, letter ? letter : '?', words[standing]);
    return DONE;
}

/* As `storage` does it: once for each version, and never for one that the box is to run no more. */
int disk_confirm(const struct options *options)
{
    int status = opened(options);

    if (status)
        return status;
    const char *wrong = standing == STANDING_TOO_OLD     ? "what runs is older than the oldest that this box takes"
                        : standing == STANDING_CONFIRMED ? 0
                                                         : update_confirm(&update);
    if (wrong)
        return refuse(options->disk, wrong);
    printf("slot %c is confirmed, version %" PRIu32 "\n", update_started(&update), trust.version);
    return DONE;
}

/* A line for each step; on a terminal, how far it is in between. */
static void progress(enum update_stage before)
{
    static const char *const ends[] = {[UPDATE_CHECK] = "the bundle is good",
                                       [UPDATE_MARK] = "slot %c is marked as not good",
                                       [UPDATE_COPY] = "slot %c is written but for its beginning",
                                       [UPDATE_HEAD] = "slot %c is written",
                                       [UPDATE_READ_BACK] = "slot %c is read back",
                                       [UPDATE_SWITCH] = "slot %c is the next to start"};
    bool terminal = isatty(STDOUT_FILENO);

    if (update.stage == before && terminal)
        printf("\r%3u %%\r", (unsigned)(update.at * 100 / (update.bundle.size / SECTOR)));
    else if (update.stage != before && update.stage != UPDATE_FAILED) {
        printf(ends[before], 'A' + (int)update.target);
        printf("%s\n", terminal ? "    " : "");
    }
    if (terminal)
        fflush(stdout);
}

static uint64_t milliseconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

int disk_update(const struct options *options)
{
    int status = opened(options);

    if (status)
        return status;
    const char *wrong = block_open(&bundle, options->bundle, false);
    if (!wrong)
        wrong = update_begin(&update, &(struct update_source){&bundle, bundle.sectors, block_read});
    if (wrong)
        return refuse(options->bundle, wrong);
    const struct extent *slot = &update.layout.slots[update.target];
    if (block_in_use(&block, slot->first, slot->sectors))
        return refuse(options->disk, in_use);
    uint64_t begun = milliseconds();
    printf("version %" PRIu32 ", %" PRIu64 " KiB, for slot %c\n", update.bundle.version, update.bundle.size >> 10,
           'A' + (int)update.target);
    for (bool more = true; more;) {
        enum update_stage before = update.stage;
        more = update_step(&update);
        progress(before);
    }
    if (update.stage == UPDATE_FAILED)
        return refuse(options->bundle, update.why);
    printf("version %" PRIu32 " is in slot %c and starts next: %" PRIu64 " bytes written, %" PRIu64 " ms\n", update.bundle.version,
           'A' + (int)update.target, update.written, milliseconds() - begun);
    return DONE;
}
