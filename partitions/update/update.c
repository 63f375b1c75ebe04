/* SPDX-License-Identifier: Apache-2.0 */
/* The order of an update's writes. The environment block is read anew before each change: GRUB's part of it is never guessed. */
#include "update.h"

#include <stdio.h>
#include <string.h>

#define STARTS 3u /* as in config/tool/slots.cfg: a slot that was started so often without being confirmed is passed over */

static const char cannot_read[] = "the disk cannot be read", cannot_write[] = "the disk cannot be written";

static bool environment_load(const struct update *update, struct environment *environment)
{
    const struct update_disk *disk = update->disk;

    if (!disk->read(disk->context, update->layout.environment, 1, disk->memory))
        return false;
    memcpy(environment, disk->memory, sizeof(*environment));
    return true;
}

/* What was written before it is stable before it, and it is before anything after it. */
static bool environment_store(struct update *update, const struct environment *environment)
{
    const struct update_disk *disk = update->disk;

    if (!disk->flush(disk->context))
        return false;
    memcpy(disk->memory, environment, sizeof(*environment));
    update->written += SECTOR;
    return disk->write(disk->context, update->layout.environment, 1, disk->memory) && disk->flush(disk->context);
}

/* A slot's own variable: "A_OK". */
static const char *variable(char name[ENVIRONMENT_VALUE], unsigned slot, const char *what)
{
    snprintf(name, ENVIRONMENT_VALUE, "%c_%s", 'A' + (int)slot, what);
    return name;
}

static uint32_t slot_number(const struct environment *environment, unsigned slot, const char *what)
{
    char name[ENVIRONMENT_VALUE];

    return environment_number(environment, variable(name, slot, what));
}

static bool slot_set(struct environment *environment, unsigned slot, const char *what, uint32_t number)
{
    char name[ENVIRONMENT_VALUE];

    return environment_set_number(environment, variable(name, slot, what), number);
}

static bool order_set(struct environment *environment, unsigned first)
{
    return environment_set(environment, "ORDER", first == 0 ? "A B" : "B A");
}

/* The slot that has started; 2: unknown. What is said of a slot that has another version in it was not said at this start: the box has
 * started from something else. */
static unsigned started(const struct update *update, const struct environment *environment)
{
    char value[ENVIRONMENT_VALUE];

    if (!environment_good(environment))
        return 2;
    environment_get(environment, "STARTED", value);
    unsigned slot = strcmp(value, "A") == 0 ? 0 : strcmp(value, "B") == 0 ? 1 : 2;
    uint32_t version = slot < 2 ? slot_number(environment, slot, "VERSION") : 0;
    return version == 0 || version == update->trust->version ? slot : 2;
}

/* Whoever writes the disk can make the block's number smaller, not the floor's. */
static uint64_t oldest(const struct update *update, const struct environment *environment)
{
    uint64_t number = environment_number(environment, "MIN_VERSION");

    return number > update->floor->oldest ? number : update->floor->oldest;
}

static bool too_old(const struct update *update, const struct environment *environment)
{
    return update->trust->version < oldest(update, environment);
}

/* A block that GRUB did not write at this start: what it says has started may have at an earlier one, so that this is taken out of it; all
 * else stays where the first sector is good. That sector comes first: while the other one is damaged, the next start of ours sees it. */
static bool block_mend(struct update *update, struct environment *environment, bool rest_good)
{
    const struct update_disk *disk = update->disk;
    char order[ENVIRONMENT_VALUE];

    if (!environment_good(environment))
        environment_new(environment);
    else
        environment_set(environment, "STARTED", ""); /* there is room, or it is not there */
    environment_get(environment, "ORDER", order);
    if (too_old(update, environment))
        order_set(environment, strcmp(order, "B A") != 0); /* most likely the first one has started */
    if (!environment_store(update, environment))
        return false;
    if (rest_good)
        return true;
    memset(disk->memory, '#', SECTOR);
    update->written += SECTOR;
    return disk->write(disk->context, update->layout.environment_rest, 1, disk->memory) && disk->flush(disk->context);
}

static const char *standing_find(struct update *update, struct environment *environment, enum update_standing *standing)
{
    unsigned slot = started(update, environment);

    *standing = too_old(update, environment) ? STANDING_TOO_OLD : STANDING_UNKNOWN;
    if (slot > 1)
        return 0;
    *standing = slot_number(environment, slot, "TRY") > 0 ? STANDING_OPEN : STANDING_CONFIRMED;
    bool changed = false;
    if (too_old(update, environment)) {
        /* It stays good: whether the other one can start GRUB alone knows, and a box that starts nothing can take no update either. */
        *standing = STANDING_TOO_OLD;
        changed = order_set(environment, !slot);
    } else if (*standing == STANDING_OPEN && slot_number(environment, slot, "CONFIRMED") == update->trust->version) {
        *standing = STANDING_CONFIRMED;
        changed = slot_set(environment, slot, "TRY", 0);
    }
    return !changed || environment_store(update, environment) ? 0 : cannot_write;
}

const char *update_open(struct update *update, const struct update_disk *disk, const struct update_trust *trust,
                        const struct update_floor *least, enum update_standing *standing)
{
    struct environment environment;

    *update = (struct update){.disk = disk, .trust = trust, .floor = least};
    const char *wrong = layout_find(&update->layout, disk);
    if (wrong)
        return wrong;
    if (!environment_load(update, &environment) || !disk->read(disk->context, update->layout.environment_rest, 1, disk->memory))
        return cannot_read;
    bool rest_good = environment_rest_good(disk->memory);
    if ((!environment_good(&environment) || !rest_good) && !block_mend(update, &environment, rest_good))
        return cannot_write;
    return standing_find(update, &environment, standing);
}

char update_started(const struct update *update)
{
    struct environment environment;

    unsigned slot = environment_load(update, &environment) ? started(update, &environment) : 2;
    return slot < 2 ? (char)('A' + (int)slot) : 0;
}

/* May the slot that does not run be written over with this version? */
static const char *target_check(const struct update *update, const struct environment *environment, unsigned running)
{
    const struct bundle *bundle = &update->bundle;

    if (update->floor->unknown)
        return update->floor->unknown;
    if (running > 1)
        return "the environment block does not say which slot started: start the box again first";
    bool wanted = !too_old(update, environment); /* else anything that is new enough is better than what runs */
    if (wanted && slot_number(environment, running, "TRY") > 0)
        return "what runs is not confirmed yet, and the other slot is what the box falls back to";
    if (bundle->version < oldest(update, environment))
        return "the bundle is older than the oldest version that this box takes";
    if (wanted && slot_number(environment, !running, "VERSION") == bundle->version) {
        if (slot_number(environment, !running, "TRY") >= STARTS)
            return "this version has been tried, and was never confirmed";
        if (slot_number(environment, !running, "OK") == 1)
            return "this version stands in the other slot already: if it has not started, GRUB has passed over it";
    }
    if (bundle->size / SECTOR > update->layout.slots[!running].sectors)
        return "the bundle is larger than the slot";
    return 0;
}

const char *update_begin(struct update *update, const struct update_source *source)
{
    struct environment environment;

    if (update->stage != UPDATE_IDLE && update->stage < UPDATE_DONE)
        return "an update is under way";
    update->stage = UPDATE_IDLE;
    update->written = 0;
    update->why = 0;
    if (source->sectors == 0 || !source->read(source->context, 0, 1, update->disk->memory))
        return "the bundle cannot be read";
    memcpy(&update->bundle, update->disk->memory, sizeof(update->bundle));
    const char *wrong = bundle_check(&update->bundle, update->trust);
    if (wrong)
        return wrong;
    if (!environment_load(update, &environment))
        return cannot_read;
    unsigned running = started(update, &environment);
    wrong = target_check(update, &environment, running);
    if (wrong)
        return wrong;
    if (update->bundle.size / SECTOR > source->sectors - 1)
        return "the bundle is truncated";
    update->source = *source;
    update->target = !running;
    update->stage = UPDATE_CHECK;
    update->at = 0;
    digest_begin(&update->digest);
    return 0;
}

static bool fail(struct update *update, const char *why)
{
    update->stage = UPDATE_FAILED;
    update->why = why;
    return false;
}

static bool next(struct update *update, enum update_stage stage)
{
    update->stage = stage;
    update->at = 0;
    digest_begin(&update->digest);
    return true;
}

static uint32_t piece(const struct update *update)
{
    uint64_t left = update->bundle.size / SECTOR - update->at;

    return left < CHUNK_SECTORS ? (uint32_t)left : CHUNK_SECTORS;
}

/* Adds what has just been read. At the end of the image: is it the one that was signed? */
static bool digest_step(struct update *update, uint32_t sectors, enum update_stage then, const char *wrong)
{
    uint8_t value[DIGEST_BYTES];

    digest_add(&update->digest, update->disk->memory, sectors * SECTOR);
    update->at += sectors;
    if (update->at < update->bundle.size / SECTOR)
        return true;
    digest_end(&update->digest, value);
    return memcmp(value, update->bundle.digest, DIGEST_BYTES) == 0 ? next(update, then) : fail(update, wrong);
}

/* The one sector that decides what starts: before the slot is touched, and once it is right. */
static bool mark(struct update *update, bool good)
{
    struct environment environment;
    unsigned slot = update->target;

    if (!environment_load(update, &environment))
        return fail(update, cannot_read);
    if (started(update, &environment) != !slot)
        return fail(update, "the environment block has changed meanwhile");
    bool fits = slot_set(&environment, slot, "OK", good) && slot_set(&environment, slot, "CONFIRMED", 0);
    if (good)
        fits = fits && slot_set(&environment, slot, "TRY", 0) && slot_set(&environment, slot, "VERSION", update->bundle.version) &&
               order_set(&environment, slot);
    if (!fits)
        return fail(update, "the environment block has no room");
    if (!environment_store(update, &environment))
        return fail(update, cannot_write);
    if (!good)
        return next(update, UPDATE_COPY);
    update->stage = UPDATE_DONE;
    return false;
}

static bool slot_write(struct update *update, uint64_t at, uint32_t sectors)
{
    const struct update_disk *disk = update->disk;

    update->written += sectors * SECTOR;
    return disk->write(disk->context, update->layout.slots[update->target].first + at, sectors, disk->memory);
}

/* Whoever brings the bundle may change it after it was checked: the slot has no beginning, and so no file system, until all of what was
 * copied has the digest that was signed. */
static bool copy_step(struct update *update)
{
    const struct update_disk *disk = update->disk;
    uint32_t sectors = piece(update);
    uint64_t at = update->at;

    if (!update->source.read(update->source.context, 1 + at, sectors, disk->memory))
        return fail(update, "the bundle cannot be read");
    if (!digest_step(update, sectors, UPDATE_HEAD, "the bundle was changed while it was copied"))
        return false;
    if (at == 0) {
        memcpy(update->head, disk->memory, sectors * SECTOR);
        memset(disk->memory, 0, sectors * SECTOR);
    }
    if (!slot_write(update, at, sectors) || (at == 0 && !disk->flush(disk->context)))
        return fail(update, cannot_write);
    return true;
}

static bool head_step(struct update *update)
{
    const struct update_disk *disk = update->disk;
    uint32_t sectors = piece(update);

    memcpy(disk->memory, update->head, sectors * SECTOR);
    if (!disk->flush(disk->context) || !slot_write(update, 0, sectors) || !disk->flush(disk->context))
        return fail(update, cannot_write);
    return next(update, UPDATE_READ_BACK);
}

bool update_step(struct update *update)
{
    const struct update_disk *disk = update->disk;

    switch (update->stage) {
    case UPDATE_CHECK:
        if (!update->source.read(update->source.context, 1 + update->at, piece(update), disk->memory))
            return fail(update, "the bundle cannot be read");
        return digest_step(update, piece(update), UPDATE_MARK,
                           "the bundle is damaged: its image has not the digest that was signed");
    case UPDATE_MARK:
        return mark(update, false);
    case UPDATE_COPY:
        return copy_step(update);
    case UPDATE_HEAD:
        return head_step(update);
    case UPDATE_READ_BACK:
        if (!disk->read(disk->context, update->layout.slots[update->target].first + update->at, piece(update), disk->memory))
            return fail(update, cannot_read);
        return digest_step(update, piece(update), UPDATE_SWITCH, "the slot does not read back as it was written");
    case UPDATE_SWITCH:
        return mark(update, true);
    default:
        return false;
    }
}

const char *update_confirm(struct update *update)
{
    struct environment environment;

    if (!environment_load(update, &environment))
        return cannot_read;
    unsigned slot = started(update, &environment);
    if (slot > 1)
        return "the environment block does not say which slot started";
    bool fits = slot_set(&environment, slot, "TRY", 0) && slot_set(&environment, slot, "OK", 1) &&
                slot_set(&environment, slot, "VERSION", update->trust->version) &&
                slot_set(&environment, slot, "CONFIRMED", update->trust->version);
    if (environment_number(&environment, "MIN_VERSION") < update->trust->oldest)
        fits = fits && environment_set_number(&environment, "MIN_VERSION", update->trust->oldest);
    if (!fits)
        return "the environment block has no room";
    return environment_store(update, &environment) ? 0 : cannot_write;
}
