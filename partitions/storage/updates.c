/* SPDX-License-Identifier: Apache-2.0 */
/* The owner's side of an update: takes requests from the slice that the product table names, applies them piece by piece between the rounds
 * of its other clients, confirms what runs once all is well, and starts the box again where the table says so. */
#include "updates.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "bh.h"
#include "floor.h"
#include "slices.h"
#include "staging.h"
#include "update.h"

#define QUEUE 1u
#define LOOK_NS 500000000ull
#define AGAIN_NS 10000000000ull /* after a block that could not be written */
#define LIVES_MAX 3u            /* that end because the disk does not open: another is not worth trying */
#define FAILURES_MAX 10u        /* that make the next one wait longer: half a second, doubled each time */

static struct nvme *nvme;
static struct nvme_namespace space;
static struct update_trust trust;
static struct update update;
static struct update_disk disk;
static struct update_floor least;
static enum update_standing standing;
static uint64_t staging_first, staging_sectors; /* of the namespace */
static uint64_t next_look, begun;
static bool works, late;  /* late: this life began after the time in which a version is given up */
static unsigned failures; /* since the last bundle that came to its end */
static struct staging_note request;
static struct {
    uint64_t since, starts; /* all well since then, with so many starts of all that is watched */
} well;

/* --- the disk ---------------------------------------------------------------------------------------------------------------------------- */

static bool disk_read(void *context, uint64_t sector, uint32_t sectors, void *memory)
{
    (void)context;
    return nvme_io(nvme, QUEUE, NVME_READ, &space, sector, sectors, memory) == 0;
}

static bool disk_write(void *context, uint64_t sector, uint32_t sectors, const void *memory)
{
    (void)context;
    return nvme_io(nvme, QUEUE, NVME_WRITE, &space, sector, sectors, (void *)memory) == 0;
}

static bool disk_flush(void *context)
{
    (void)context;
    return nvme_io(nvme, QUEUE, NVME_FLUSH, &space, 0, 0, 0) == 0;
}

/* The bundle, within its slice: nothing that a bundle says makes this read outside of it. */
static bool staging_read(void *context, uint64_t sector, uint32_t sectors, void *memory)
{
    uint64_t room = staging_sectors - STAGING_BUNDLE;

    return sector < room && sectors <= room - sector &&
           disk_read(context, staging_first + STAGING_BUNDLE + sector, sectors, memory);
}

/* --- start --------------------------------------------------------------------------------------------------------------------------------- */

static uint64_t box_seconds(void)
{
    return bh_tsc_to_ns(bh_tsc() - bh_start_info()->tsc_base) / 1000000000u;
}

/* False: the product has no updates. Where they are none of this version it is as if nothing were to be given up. */
static bool trust_read(bool *sound)
{
    struct bh_file facts;

    if (!bh_file_open("update.trust", &facts))
        return false;
    *sound = facts.size == sizeof(trust);
    if (*sound)
        memcpy(&trust, facts.bytes, sizeof(trust));
    late = box_seconds() - bh_now_ns() / 1000000000u >= trust.give_up_seconds;
    return true;
}

static const char *disk_open(uint32_t id, bool sound)
{
    if (!sound)
        return "update.trust is none of this version";
    if (nvme->queues <= QUEUE)
        return "the controller has no second queue";
    if (id == 0 || nvme_namespace(nvme, id, &space) != 0 || space.blocks == 0)
        return "there is no namespace of its own";
    if (space.block_size != SECTOR || nvme->transfer_max < CHUNK)
        return "the namespace has no blocks of 512 bytes, or the controller takes no 64 KiB";
    disk = (struct update_disk){0, space.blocks, disk_read, disk_write, disk_flush, bh_dma_memory(CHUNK, NVME_PAGE)};
    floor_open(&least);
    return disk.memory ? update_open(&update, &disk, &trust, &least, &standing) : "there is no memory";
}

enum updates_state updates_open(struct nvme *controller, uint32_t id, uint64_t *first, uint64_t *sectors)
{
    static const char *const words[] = {"unknown: the next start says it", "confirmed", "not confirmed yet", "too old"};

    bool sound;

    if (!trust_read(&sound))
        return UPDATES_NONE;
    nvme = controller;
    const char *wrong = disk_open(id, sound);
    if (wrong) {
        printf("error: no updates on namespace %" PRIu32 ", and nothing is served from it: %s\n", id, wrong);
        return UPDATES_REFUSED;
    }
    char letter = update_started(&update);
    printf("update: version %" PRIu32 " runs, slot %c, %s\n", trust.version, letter ? letter : '?', words[standing]);
    if (standing == STANDING_TOO_OLD)
        printf("error: version %" PRIu32
               " is older than the oldest that this box takes: nothing is served but the way for a newer one\n",
               trust.version);
    *first = update.layout.data.first;
    *sectors = update.layout.data.sectors;
    begun = bh_now_ns();
    works = true;
    if (*sectors == 0) {
        printf("storage: the disk has no partition data of its own: nothing is served from it\n");
        return UPDATES_REFUSED;
    }
    return UPDATES_WORK;
}

const char *updates_only(void)
{
    return works && standing == STANDING_TOO_OLD ? trust.staging : 0;
}

void updates_staging(void)
{
    uint64_t first, sectors;

    if (!works || trust.staging[0] == 0)
        return;
    if (!slices_find(trust.staging, &first, &sectors) || sectors <= STAGING_BUNDLE) {
        printf("error: updates are to come in slice %.16s, which is not served\n", trust.staging);
        return;
    }
    staging_first = first;
    staging_sectors = sectors;
}

/* --- requests -------------------------------------------------------------------------------------------------------------------------------- */

static void answer(enum staging_outcome outcome, const char *text)
{
    struct staging_note note = {.number = request.number, .outcome = outcome};

    memcpy(note.magic, STAGING_ANSWER_MAGIC, sizeof(note.magic));
    snprintf(note.text, sizeof(note.text), "%s", text);
    memcpy(disk.memory, &note, sizeof(note));
    if (!disk_write(0, staging_first + STAGING_ANSWER, 1, disk.memory) || !disk_flush(0))
        printf("error: the answer to update request %" PRIu64 " cannot be written\n", request.number);
}

static void begin(void)
{
    struct update_source source = {0, staging_sectors - STAGING_BUNDLE, staging_read};
    if (least.unknown)
        floor_read(&least); /* perhaps it answers now */
    const char *wrong = update_begin(&update, &source);

    begun = bh_now_ns();
    failures += wrong != 0;
    if (!wrong) {
        printf("update: version %" PRIu32 ", %" PRIu64 " KiB, for slot %c\n", update.bundle.version, update.bundle.size >> 10,
               'A' + (int)update.target);
        return;
    }
    printf("error: update refused: %s\n", wrong);
    answer(STAGING_REFUSED, wrong);
}

/* Is there one that has not been answered? */
static void request_look(void)
{
    struct staging_note answered;

    if (!disk_read(0, staging_first + STAGING_REQUEST, 2, disk.memory))
        return;
    memcpy(&request, disk.memory, sizeof(request));
    memcpy(&answered, disk.memory + SECTOR, sizeof(answered));
    if (memcmp(request.magic, STAGING_REQUEST_MAGIC, sizeof(request.magic)) != 0)
        return;
    if (memcmp(answered.magic, STAGING_ANSWER_MAGIC, sizeof(answered.magic)) != 0 || answered.number != request.number)
        begin();
}

static void start_again(void)
{
    if (nvme)
        nvme_close(nvme);
    bh_end(BH_END_REBOOT, 0, 0);
}

static void ended(void)
{
    if (update.stage == UPDATE_FAILED) {
        failures++;
        printf("error: update failed: %s\n", update.why);
        answer(STAGING_REFUSED, update.why);
        return;
    }
    printf("update: version %" PRIu32 " is in slot %c and starts next: %" PRIu64 " bytes written, %" PRIu64 " ms\n",
           update.bundle.version, 'A' + (int)update.target, update.written, (bh_now_ns() - begun) / 1000000);
    failures = 0;
    answer(STAGING_APPLIED, "in its slot");
    if (trust.restarts)
        start_again();
}

/* --- confirmation ---------------------------------------------------------------------------------------------------------------------------- */

/* Everything that this partition may see runs. *starts: of all of it together. */
static bool all_run(uint64_t *starts)
{
    struct bh_health health;

    *starts = 0;
    for (unsigned n = 0; bh_observe(n, &health); n++) {
        if (health.state != BH_STATE_RUNNING)
            return false;
        *starts += health.starts;
    }
    return true;
}

static void confirm_look(uint64_t now)
{
    uint64_t starts;
    bool good = all_run(&starts);

    if (!good || starts != well.starts || well.since == 0) {
        well.since = good ? now : 0;
        well.starts = starts;
    }
    if (good && now - well.since >= trust.confirm_seconds * 1000000000ull) {
        const char *wrong = update_confirm(&update);
        if (wrong)
            printf("error: what runs cannot be confirmed: %s\n", wrong);
        else
            printf("update: slot %c is confirmed\n", update_started(&update));
        standing = wrong ? STANDING_OPEN : STANDING_CONFIRMED;
        next_look = wrong ? now + AGAIN_NS : next_look;
    } else if (trust.give_up_seconds && box_seconds() >= trust.give_up_seconds) {
        printf("error: not all was well for %" PRIu32 " s within %" PRIu32 " s: the box starts again\n", trust.confirm_seconds,
               trust.give_up_seconds);
        start_again();
    }
}

/* What runs may have been confirmed or not: it stands on a disk that this version cannot use. GRUB could, counts the start, and falls back. A life
 * that began late is another matter: the box was confirmed then, its disk has died since, and is not to take the other partitions with it. */
static void give_up_blind(void)
{
    if (late || trust.give_up_seconds == 0 || box_seconds() < trust.give_up_seconds)
        return;
    printf("error: without its disk nothing could be confirmed within %" PRIu32 " s: the box starts again\n",
           trust.give_up_seconds);
    start_again();
}

void updates_without_disk(void)
{
    char line[8];
    bool sound;

    if (!trust_read(&sound) || trust.give_up_seconds == 0 || bh_start_info()->lives < LIVES_MAX)
        return;
    printf("error: there is no disk to be used: the box %s; an empty line tries again\n",
           late ? "goes on without it" : "is to start again");
    while (!bh_getline(line, sizeof(line))) {
        bh_watchdog_pet();
        give_up_blind();
        bh_console_wait(bh_now_ns() + LOOK_NS);
    }
}

bool updates_step(void)
{
    uint64_t now = bh_now_ns();

    if (!works) {
        give_up_blind();
        return false;
    }
    if (update.stage != UPDATE_IDLE && update.stage < UPDATE_DONE) {
        if (update_step(&update))
            return true;
        ended();
        return false;
    }
    if (now < next_look)
        return false;
    next_look = now + (LOOK_NS << (failures < FAILURES_MAX ? failures : FAILURES_MAX));
    if (standing == STANDING_CONFIRMED)
        floor_raise(&least, trust.oldest);
    if (standing == STANDING_OPEN)
        confirm_look(now);
    else if (staging_sectors)
        request_look();
    return update.stage == UPDATE_CHECK;
}

bool updates_there(void)
{
    return nvme != 0;
}

void updates_show(void)
{
    static const char *const stages[] = {
        [UPDATE_IDLE] = "none under way",     [UPDATE_CHECK] = "is checked",        [UPDATE_MARK] = "is marked",
        [UPDATE_COPY] = "is copied",          [UPDATE_HEAD] = "gets its beginning", [UPDATE_READ_BACK] = "is read back",
        [UPDATE_SWITCH] = "is made the next", [UPDATE_DONE] = "is in its slot",     [UPDATE_FAILED] = "failed",
    };

    if (!works) {
        printf("this product has no updates, or not on this disk\n");
        return;
    }
    char letter = update_started(&update);
    printf("update: version %" PRIu32 " in slot %c, %s; new version: %s%s%s\n", trust.version, letter ? letter : '?',
           standing == STANDING_CONFIRMED ? "confirmed" : "not confirmed", stages[update.stage], update.why ? ": " : "",
           update.why ? update.why : "");
}
