/* SPDX-License-Identifier: Apache-2.0 */
/* Updates of a disk with two slots: what is refused, what is written in which order, and what a power cut after every write leaves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fake_slots.h"

#define TEXT_LONG "0123456789abcdef0123456789abcdef0123456789abcdef"

static struct update update;

static enum update_standing opened(void)
{
    enum update_standing standing;

    assert_null(update_open(&update, &fake_update_disk, &fake_trust, &fake_floor, &standing));
    return standing;
}

static void fresh(uint32_t version)
{
    fake_disk_new();
    fake_bundle_new(version);
    assert_int_equal(opened(), STANDING_CONFIRMED);
}

static void run(void)
{
    while (update_step(&update))
        ;
}

static void is_refused(const char *why)
{
    static uint8_t before[sizeof(fake.seen)];

    memcpy(before, fake.seen, sizeof(before));
    const char *said = update_begin(&update, &fake_source);
    if (!said) {
        run();
        assert_int_equal(update.stage, UPDATE_FAILED);
        said = update.why;
    }
    assert_string_equal(said, why);
    assert_memory_equal(before, fake.seen, sizeof(before));
}

/* --- the whole way -------------------------------------------------------------------------------------------------------------------- */

static void is_applied_started_confirmed(void **state)
{
    (void)state;
    fresh(2);
    assert_null(update_begin(&update, &fake_source));
    run();
    assert_int_equal(update.stage, UPDATE_DONE);
    assert_int_equal(update.written, IMAGE_SECTORS * SECTOR + CHUNK + 2 * SECTOR); /* its beginning twice, the block twice */
    assert_int_equal(fake_slot_version(0), 1);
    assert_int_equal(fake_slot_version(1), 2);
    assert_string_equal(fake_variable("ORDER"), "B A");
    assert_string_equal(fake_variable("B_VERSION"), "2");
    assert_int_equal(fake_grub(), 'B');
    fake_trust.version = 2;
    fake_trust.oldest = 2;
    assert_int_equal(opened(), STANDING_OPEN);
    assert_int_equal(update_started(&update), 'B');
    assert_null(update_confirm(&update));
    assert_string_equal(fake_variable("B_TRY"), "0");
    assert_string_equal(fake_variable("MIN_VERSION"), "2");
    assert_int_equal(opened(), STANDING_CONFIRMED);
    for (unsigned i = 0; i < 8; i++)
        assert_null(update_confirm(&update));
    assert_int_equal(fake_grub(), 'B');
}

/* A version that was confirmed is on trial no more: nothing that a neighbour does makes the box fall back from it. */
static void is_confirmed_once(void **state)
{
    (void)state;
    fresh(2);
    assert_null(update_begin(&update, &fake_source));
    run();
    fake_trust.version = 2;
    for (unsigned start = 0; start < 2; start++) {
        assert_int_equal(fake_grub(), 'B');
        assert_int_equal(opened(), STANDING_OPEN);
    }
    assert_null(update_confirm(&update));
    for (unsigned start = 0; start < 5; start++) {
        assert_int_equal(fake_grub(), 'B');
        assert_int_equal(opened(), STANDING_CONFIRMED);
        assert_string_equal(fake_variable("B_TRY"), "0");
    }
    fake_bundle_new(3);
    assert_null(update_begin(&update, &fake_source));
    run();
    assert_int_equal(fake_grub(), 'A');
    fake_trust.version = 3;
    fake_set("A_CONFIRMED", "2"); /* of another version */
    assert_int_equal(opened(), STANDING_OPEN);
}

/* What is said of a slot with another version in it, the box did not start from. */
static void started_from_something_else(void **state)
{
    (void)state;
    fresh(2);
    assert_null(update_begin(&update, &fake_source));
    run();
    assert_int_equal(fake_grub(), 'B');
    fake_trust.version = 3;
    assert_int_equal(opened(), STANDING_UNKNOWN);
    assert_non_null(update_confirm(&update));
    fake_bundle_new(4);
    is_refused("the environment block does not say which slot started: start the box again first");
}

/* GRUB passes over it, for a reason of its own: the box does not begin anew for ever. */
static void stands_there_already(void **state)
{
    (void)state;
    fresh(2);
    assert_null(update_begin(&update, &fake_source));
    run();
    is_refused("this version stands in the other slot already: if it has not started, GRUB has passed over it");
    fake_bundle_new(3);
    assert_null(update_begin(&update, &fake_source));
}

static void goes_to_and_fro(void **state)
{
    (void)state;
    fresh(2);
    for (uint32_t version = 2; version < 9; version++) {
        fake_bundle_new(version);
        assert_null(update_begin(&update, &fake_source));
        run();
        assert_int_equal(update.stage, UPDATE_DONE);
        assert_int_equal(fake_grub(), version % 2 ? 'A' : 'B');
        assert_int_equal(fake_slot_version(version % 2 ? 0 : 1), version);
        fake_trust.version = version;
        assert_int_equal(opened(), STANDING_OPEN);
        assert_null(update_confirm(&update));
    }
}

static void falls_back_and_does_not_try_again(void **state)
{
    (void)state;
    fresh(2);
    assert_null(update_begin(&update, &fake_source));
    run();
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(fake_grub(), 'B');
    assert_int_equal(fake_grub(), 'A');
    assert_int_equal(opened(), STANDING_OPEN);
    is_refused("what runs is not confirmed yet, and the other slot is what the box falls back to");
    assert_null(update_confirm(&update));
    is_refused("this version has been tried, and was never confirmed");
    fake_bundle_new(3);
    assert_null(update_begin(&update, &fake_source));
    run();
    assert_int_equal(fake_grub(), 'B');
}

/* --- bad bundles -------------------------------------------------------------------------------------------------------------------------- */

static void bad_bundles_touch_nothing(void **state)
{
    struct bundle *bundle = (struct bundle *)fake_bundle.bytes;

    (void)state;
    fresh(2);
    bundle->magic[0] = 'b';
    is_refused("this is no bundle");
    fake_bundle_new(2);
    bundle->version = 3;
    is_refused("the signature is not by this product's update key");
    for (unsigned bit = 64; bit < SECTOR * 8; bit += 61) {
        fake_bundle_new(2);
        fake_bundle.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        is_refused("the signature is not by this product's update key");
    }
    fake_bundle_new(2);
    bundle->format = 2;
    fake_bundle_sign();
    is_refused("the bundle has a form that this version does not know");
    fake_bundle_new(2);
    bundle->product[3] = 'x';
    fake_bundle_sign();
    is_refused("the bundle is for another product");
    fake_bundle_new(2);
    bundle->board[0] = 'S';
    fake_bundle_sign();
    is_refused("the bundle is for another board");
    fake_bundle_new(2);
    fake_trust.key[0] ^= 1;
    is_refused("the signature is not by this product's update key");
}

static void bad_contents_touch_nothing(void **state)
{
    struct bundle *bundle = (struct bundle *)fake_bundle.bytes;

    (void)state;
    fresh(2);
    fake_bundle.bytes[sizeof(fake_bundle.bytes) - 1] ^= 1;
    is_refused("the bundle is damaged: its image has not the digest that was signed");
    fake_bundle_new(2);
    fake_source.sectors--;
    is_refused("the bundle is truncated");
    fake_source.sectors = 0;
    is_refused("the bundle cannot be read");
    for (unsigned i = 0; i < 3; i++) {
        fake_bundle_new(2);
        bundle->size = (const uint64_t[]){0, 513, ~511ull}[i];
        fake_bundle_sign();
        is_refused(i < 2 ? "the bundle's facts make no sense" : "the bundle is larger than the slot");
    }
    fake_bundle_new(BUNDLE_VERSION_MAX + 1);
    is_refused("the bundle's facts make no sense");
}

static void old_versions_are_refused(void **state)
{
    (void)state;
    fresh(1);
    is_refused("this version runs already");
    fake_trust.version = 5;
    is_refused("the bundle is older than what runs");
    fake_bundle_new(7);
    fake_set("MIN_VERSION", "8");
    is_refused("the bundle is older than the oldest version that this box takes");
    fake_set("MIN_VERSION", "7");
    assert_null(update_begin(&update, &fake_source));
}

/* Whoever brings it may change it after it has been checked. */
static void changed_while_it_is_copied(void **state)
{
    (void)state;
    fresh(2);
    assert_null(update_begin(&update, &fake_source));
    fake_bundle.change_after = 3; /* pieces that the check reads */
    run();
    assert_int_equal(update.stage, UPDATE_FAILED);
    assert_string_equal(update.why, "the bundle was changed while it was copied");
    assert_string_equal(fake_variable("B_OK"), "0");
    for (unsigned i = 0; i < CHUNK; i++)
        assert_int_equal(fake.seen[SLOT_B * SECTOR + i], 0); /* nothing in it begins, were the block lost */
    assert_int_equal(fake_grub(), 'A');
    assert_null(update_confirm(&update));
    fake_bundle_new(2);
    assert_null(update_begin(&update, &fake_source));
    run();
    assert_int_equal(fake_grub(), 'B');
}

static void a_disk_that_keeps_something_else(void **state)
{
    (void)state;
    fresh(2);
    assert_null(update_begin(&update, &fake_source));
    while (update.stage != UPDATE_READ_BACK)
        assert_true(update_step(&update));
    fake.seen[(SLOT_B + IMAGE_SECTORS - 1) * SECTOR + 7] ^= 1;
    run();
    assert_int_equal(update.stage, UPDATE_FAILED);
    assert_string_equal(update.why, "the slot does not read back as it was written");
    assert_string_equal(fake_variable("B_OK"), "0");
    assert_int_equal(fake_grub(), 'A');
}

/* Whatever is on the disk now: something whole starts, and an update from there comes to its end. */
static void box_goes_on(void)
{
    char slot = fake_grub();

    assert_true(slot == 'A' || slot == 'B');
    uint32_t version = fake_slot_version(slot == 'B');
    assert_true(version == (slot == 'A' ? 1 : 2));
    fake_trust.version = version;
    assert_true(opened() != STANDING_UNKNOWN);
    assert_null(update_confirm(&update));
    fake_bundle_new(version + 1);
    assert_null(update_begin(&update, &fake_source));
    run();
    assert_int_equal(update.stage, UPDATE_DONE);
    assert_int_equal(fake_slot_version(slot == 'A'), version + 1);
    assert_int_equal(fake_grub(), slot == 'A' ? 'B' : 'A');
}

/* --- the box remembers -------------------------------------------------------------------------------------------------------------------- */

static void too_old_gives_way(void **state)
{
    (void)state;
    fresh(2);
    fake_set("MIN_VERSION", "2");
    assert_int_equal(opened(), STANDING_TOO_OLD);
    assert_string_equal(fake_variable("A_OK"), "1"); /* the other one may be damaged, which GRUB alone knows */
    assert_string_equal(fake_variable("ORDER"), "B A");
    assert_int_equal(fake_grub(), 'B');
    fake_trust.version = 2;
    assert_int_equal(opened(), STANDING_OPEN);
    assert_null(update_confirm(&update));
    assert_string_equal(fake_variable("MIN_VERSION"), "2"); /* never smaller */
}

/* The new one is damaged, and GRUB has taken the old one: that it runs at all is for being mended. */
static void too_old_can_be_mended(void **state)
{
    (void)state;
    fresh(2);
    fake_set("MIN_VERSION", "2");
    fake_set("B_VERSION", "2");
    assert_int_equal(fake_grub(), 'A');
    assert_int_equal(opened(), STANDING_TOO_OLD);
    assert_null(update_begin(&update, &fake_source));
    run();
    assert_int_equal(update.stage, UPDATE_DONE);
    assert_int_equal(fake_grub(), 'B');
    assert_int_equal(fake_slot_version(1), 2);
}

/* Whoever can write the disk has made the block say less: what is not on the disk decides. */
static void a_floor_that_is_not_on_the_disk(void **state)
{
    (void)state;
    fresh(2);
    fake_floor.oldest = 1;
    assert_int_equal(opened(), STANDING_CONFIRMED);
    fake_floor.oldest = 2;
    assert_int_equal(opened(), STANDING_TOO_OLD);
    assert_int_equal(opened(), STANDING_TOO_OLD);
    assert_null(update_begin(&update, &fake_source)); /* good enough for it */
    run();
    assert_int_equal(update.stage, UPDATE_DONE);
    fresh(7);
    fake_floor.oldest = 8;
    is_refused("the bundle is older than the oldest version that this box takes");
    fake_set("MIN_VERSION", "9");
    fake_floor.oldest = 7;
    is_refused("the bundle is older than the oldest version that this box takes"); /* the newer of the two, whichever */
    fake_set("MIN_VERSION", "1");
    fake_floor.oldest = 0x100000007ull; /* more than a version can be */
    is_refused("the bundle is older than the oldest version that this box takes");
    fake_floor.oldest = 7;
    assert_null(update_begin(&update, &fake_source));
}

/* The floor counts whatever the block says, or no longer says, of what has started. */
static void too_old_in_no_slot(void **state)
{
    const char *why = "the environment block does not say which slot started: start the box again first";

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        fresh(2);
        if (i < 2) {
            assert_null(update_begin(&update, &fake_source));
            run();
        }
        fake_floor.oldest = 2;
        if (i == 0) {
            fake_set("A_VERSION", "7");
            assert_int_equal(opened(), STANDING_TOO_OLD);
            is_refused(why);
            continue;
        }
        memset(fake.seen + (i == 1 ? ENVIRONMENT : ENVIRONMENT_REST) * SECTOR, 0, SECTOR);
        assert_int_equal(fake_grub(), 'A');
        assert_int_equal(opened(), STANDING_TOO_OLD);
        assert_int_equal(opened(), STANDING_TOO_OLD);
        is_refused(why);
        assert_int_equal(fake_grub(), 'B');
        fake_trust.version = fake_slot_version(1);
        assert_int_equal(opened(), i == 1 ? STANDING_OPEN : STANDING_TOO_OLD);
    }
}

/* Nothing is taken then, but what runs goes on. */
static void a_floor_that_is_not_known(void **state)
{
    (void)state;
    fresh(2);
    fake_floor.unknown = "no TPM answers";
    assert_int_equal(opened(), STANDING_CONFIRMED);
    is_refused("no TPM answers");
    fake_floor.unknown = 0;
    assert_null(update_begin(&update, &fake_source));
}

/* One way in which the block's first sector is none any more, and one for the second; 0: it stays. */
static void first_damaged(unsigned how)
{
    uint8_t *sector = fake.seen + ENVIRONMENT * SECTOR;

    if (how == 1)
        memset(sector, 0, SECTOR);
    if (how == 2)
        sector[SECTOR - 1] = 'x';
    if (how == 3)
        memset(sector + 25, '\n', SECTOR - 25);
    if (how == 4)
        memset(sector + 25, '#', SECTOR - 25), sector[24] = 'x';
    if (how == 5)
        memset(sector, 0xff, SECTOR);
}

static void second_damaged(unsigned how)
{
    uint8_t *sector = fake.seen + ENVIRONMENT_REST * SECTOR;

    for (unsigned i = 0; how == 4 && i < SECTOR; i++)
        sector[i] = (uint8_t)(i * 89 + 7);
    if (how == 1 || how == 2)
        memset(sector, how == 1 ? 0 : 0xff, SECTOR);
    if (how == 3)
        memset(sector, '\n', SECTOR);
    if (how == 5)
        sector[0] = 0;
    if (how == 6)
        sector[SECTOR - 1] = '\n';
}

/* The box starts from slot A all the same; then the block is GRUB's again: it counts, and says what has started. */
static void a_block_that_is_none(void **state)
{
    (void)state;
    for (unsigned i = 1; i < 6 * 7; i++) {
        fresh(2);
        first_damaged(i % 6);
        second_damaged(i / 6);
        assert_int_equal(fake_grub(), 'A');
        assert_int_equal(opened(), STANDING_UNKNOWN);
        is_refused("the environment block does not say which slot started: start the box again first");
        assert_non_null(update_confirm(&update));
        assert_int_equal(fake_grub(), 'A');
        assert_true(fake_counted);
        assert_string_equal(fake_variable("STARTED"), "A");
        assert_int_equal(opened(), STANDING_OPEN);
    }
}

/* The slot that GRUB has named last is not the one that runs: no bundle may be written over that one. All but this stays. */
static void a_second_sector_that_is_none(void **state)
{
    (void)state;
    for (unsigned i = 1; i < 6; i++) {
        if (i == 3)
            continue; /* that GRUB can write as long as no value gets longer */
        fresh(2);
        fake_set("MIN_VERSION", "1");
        assert_null(update_begin(&update, &fake_source));
        run();
        second_damaged(i);
        for (unsigned start = 0; start < 4; start++) {
            assert_int_equal(fake_grub(), 'B');
            assert_false(fake_counted);
            assert_string_equal(fake_variable("STARTED"), "A");
        }
        fake_trust.version = 2;
        fake_bundle_new(3);
        assert_int_equal(opened(), STANDING_UNKNOWN);
        is_refused("the environment block does not say which slot started: start the box again first");
        assert_int_equal(opened(), STANDING_UNKNOWN);
        assert_string_equal(fake_variable("MIN_VERSION"), "1");
        assert_string_equal(fake_variable("B_TRY"), "0");
        assert_int_equal(fake_grub(), 'B');
        assert_true(fake_counted);
        assert_int_equal(opened(), STANDING_OPEN);
        assert_null(update_confirm(&update));
        assert_null(update_begin(&update, &fake_source));
        run();
        assert_int_equal(fake_slot_version(0), 3);
    }
}

/* Whatever the mending has come to. A failure is said, and the next start of ours tries again. */
static void cut_while_mending(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2 * 5 * 4; i++) {
        enum update_standing standing;
        fresh(2);
        first_damaged(i % 2);
        second_damaged(2);
        memcpy(fake.stable, fake.seen, sizeof(fake.stable));
        fake.operations = 0;
        fake.fail_at = 1 + i / 2 % 5;
        fake.cut = i >= 10;
        assert_string_equal(update_open(&update, &fake_update_disk, &fake_trust, &fake_floor, &standing),
                            "the disk cannot be written");
        if (fake.cut)
            fake_power_cut(i / 10 - 1);
        fake.fail_at = 0;
        fake.cut = false;
        char slot = fake_grub();
        assert_int_equal(slot, 'A');
        assert_int_equal(opened(), fake_counted ? STANDING_OPEN : STANDING_UNKNOWN);
        box_goes_on();
    }
}

/* --- the disk is another's ------------------------------------------------------------------------------------------------------------ */

static void is_no_disk_of_ours(const char *why)
{
    enum update_standing standing;
    static uint8_t before[sizeof(fake.seen)];

    memcpy(before, fake.seen, sizeof(before));
    assert_string_equal(update_open(&update, &fake_update_disk, &fake_trust, &fake_floor, &standing), why);
    assert_memory_equal(before, fake.seen, sizeof(before));
}

static void set64(unsigned at, uint64_t value)
{
    memcpy(fake.seen + at, &value, 8);
    fake_tables_sign();
}

static void other_tables_are_refused(void **state)
{
    const char *damaged = "the disk's partition table is damaged",
               *lacks = "the disk has no esp, slot-a and slot-b of its own each";
    const unsigned entries = 2 * SECTOR, a = entries + 2 * 128, b = entries + 3 * 128;

    (void)state;
    for (unsigned at = SECTOR; at < SECTOR + 92; at += 3) {
        fresh(2);
        fake.seen[at] ^= 0x10;
        is_no_disk_of_ours(damaged);
    }
    fresh(2);
    fake.seen[entries + 127 * 128] ^= 1;
    is_no_disk_of_ours(damaged);
    fresh(2);
    set64(SECTOR + 72, DISK_SECTORS - 31); /* the list of partitions does not end on the disk */
    is_no_disk_of_ours(damaged);
    fresh(2);
    set64(SECTOR + 72, ~0ull);
    is_no_disk_of_ours(damaged);
    fresh(2);
    set64(b + 32, SLOT_A + SLOT_SECTORS - 1); /* A and B overlap */
    is_no_disk_of_ours(lacks);
    fresh(2);
    set64(a + 40, DISK_SECTORS);
    is_no_disk_of_ours(lacks);
    fresh(2);
    set64(a + 40, ~0ull);
    is_no_disk_of_ours(lacks);
    fresh(2);
    set64(a + 32, ESP_FIRST + 1);
    is_no_disk_of_ours(lacks);
    fresh(2);
    memcpy(fake.seen + entries + 5 * 128, fake.seen + a, 128); /* two of one name */
    fake_tables_sign();
    is_no_disk_of_ours(lacks);
    fresh(2);
    set64(entries + 4 * 128 + 32, SLOT_B + 1); /* data over a slot */
    is_no_disk_of_ours(lacks);
}

static void other_file_systems_are_refused(void **state)
{
    const char *why = "the disk's ESP has no grub/grubenv of 1024 bytes";
    const struct {
        unsigned at;
        uint32_t value;
        unsigned bytes;
    } wrong[] = {{ESP_FIRST * SECTOR + 11, 1024, 2},
                 {ESP_FIRST * SECTOR + 13, 0, 1},
                 {ESP_FIRST * SECTOR + 14, 0xffff, 2},
                 {ESP_FIRST * SECTOR + 36, 0xffffffff, 4},
                 {ESP_FIRST * SECTOR + 36, 0, 4},
                 {ESP_FIRST * SECTOR + 44, 0, 4},
                 {ESP_FIRST * SECTOR + 44, 0x0fffffff, 4},
                 {CLUSTERS * SECTOR + 64, 'X', 1},
                 {CLUSTERS * SECTOR + 64 + 11, 0x20, 1},
                 {CLUSTERS * SECTOR + 64 + 26, 0xffff, 2},
                 {(CLUSTERS + 3) * SECTOR + 32 + 28, 1023, 4},
                 {(CLUSTERS + 3) * SECTOR + 32 + 26, 1, 2},
                 {(CLUSTERS + 3) * SECTOR + 32 + 26, ESP_SECTORS, 2},
                 {(ESP_FIRST + FAT_RESERVED) * SECTOR + 4 * 9, 0x0fffffff, 4}, /* the block has one sector */
                 {(ESP_FIRST + FAT_RESERVED) * SECTOR + 4 * 9, 9, 4},          /* the same one twice */
                 {(ESP_FIRST + FAT_RESERVED) * SECTOR + 12, 0x0fffffff, 4},
                 {(ESP_FIRST + FAT_RESERVED) * SECTOR + 12, 3, 4}}; /* a folder that goes on in itself */

    (void)state;
    for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        fresh(2);
        memcpy(fake.seen + wrong[i].at, &wrong[i].value, wrong[i].bytes);
        is_no_disk_of_ours(why);
    }
}

/* A cluster of two sectors, as on a larger ESP. */
static void a_block_in_one_cluster(void **state)
{
    struct layout layout;

    (void)state;
    fresh(2);
    fake.seen[ESP_FIRST * SECTOR + 13] = 2;
    assert_null(layout_find(&layout, &fake_update_disk));
    assert_int_equal(layout.environment, CLUSTERS + 2 * (9 - 2));
    assert_int_equal(layout.environment_rest, layout.environment + 1);
}

/* --- power ----------------------------------------------------------------------------------------------------------------------------------- */

static uint64_t operations_of_an_update(void)
{
    fresh(2);
    fake.operations = 0;
    assert_null(update_begin(&update, &fake_source));
    run();
    return fake.operations;
}

/* The power goes at every sector that is written and at every flush; of what was not flushed nothing, all, or anything is kept. */
static void power_cut_anywhere_leaves_a_slot(void **state)
{
    uint64_t all = operations_of_an_update();

    (void)state;
    assert_true(all > IMAGE_SECTORS + 4);
    for (uint64_t at = 1; at <= all; at++)
        for (unsigned how = 0; how < 4; how++) {
            fresh(2);
            fake.operations = 0;
            fake.fail_at = at;
            fake.cut = true;
            assert_null(update_begin(&update, &fake_source));
            run();
            assert_int_equal(update.stage, UPDATE_FAILED);
            srand((unsigned)at * 8 + how);
            fake_power_cut(how);
            fake.cut = false;
            box_goes_on();
        }
}

/* One write or flush fails, the box goes on: the update says so, and the next one works. */
static void a_failing_disk_is_said(void **state)
{
    uint64_t all = operations_of_an_update();

    (void)state;
    for (uint64_t at = 1; at <= all; at++) {
        fresh(2);
        fake.operations = 0;
        fake.fail_at = at;
        assert_null(update_begin(&update, &fake_source));
        run();
        assert_int_equal(update.stage, UPDATE_FAILED);
        assert_string_equal(update.why, "the disk cannot be written");
        box_goes_on();
    }
}

/* GRUB writes both sectors of the block, we one: any mixture of before and after is one of them, since the second one never changes. */
static void block_torn_between_its_sectors(void **state)
{
    uint8_t before[2][SECTOR];

    (void)state;
    fresh(2);
    memcpy(before[0], fake.seen + ENVIRONMENT * SECTOR, SECTOR);
    memcpy(before[1], fake.seen + ENVIRONMENT_REST * SECTOR, SECTOR);
    assert_null(update_begin(&update, &fake_source));
    run();
    fake_set("MIN_VERSION", "999999999");
    fake_set("A_VERSION", "999999999");
    assert_int_equal(fake_grub(), 'B');
    assert_true(fake_counted);
    assert_memory_equal(fake.seen + ENVIRONMENT_REST * SECTOR, before[1], SECTOR);
    memcpy(fake.seen + ENVIRONMENT * SECTOR, before[0], SECTOR);
    assert_int_equal(fake_grub(), 'A');
    assert_true(fake_counted);
}

static void block_copy(uint8_t copy[2 * SECTOR])
{
    memcpy(copy, fake.seen + ENVIRONMENT * SECTOR, SECTOR);
    memcpy(copy + SECTOR, fake.seen + ENVIRONMENT_REST * SECTOR, SECTOR);
}

/* Something whole starts; storage looks at the block. */
static void box_starts(void)
{
    char slot = fake_grub();

    assert_true(slot == 'A' || slot == 'B');
    fake_trust.version = fake_slot_version(slot == 'B');
    assert_int_equal(fake_trust.version, slot == 'A' ? 1 : 2);
    assert_true(opened() != STANDING_TOO_OLD);
}

/* From this byte of the block on, 0: zeros; 1: ones; 2: what stood there before. */
static void tear(unsigned at, unsigned how, const uint8_t before[2 * SECTOR])
{
    static const uint8_t lost[] = {0, 0xff};

    for (unsigned i = at; i < 2 * SECTOR; i++) {
        unsigned sector = i < SECTOR ? ENVIRONMENT : ENVIRONMENT_REST;
        fake.seen[sector * SECTOR + i % SECTOR] = how < 2 ? lost[how] : before[i];
    }
}

/* At the write that ends an update, and at GRUB's next one, by a disk that does not write a sector whole, or loses what it did not write:
 * at the second start after it the box is as ever. Only where a sector has the old text behind the new one, a line may be there twice:
 * a slot starts all the same, whatever is said of it. */
static void block_torn_anywhere(void **state)
{
    static struct fake_disk torn[2];
    uint8_t before[2][2 * SECTOR];

    (void)state;
    fresh(2);
    assert_null(update_begin(&update, &fake_source));
    while (update.stage != UPDATE_SWITCH)
        assert_true(update_step(&update));
    block_copy(before[0]);
    run();
    torn[0] = fake;
    block_copy(before[1]);
    assert_int_equal(fake_grub(), 'B');
    torn[1] = fake;
    for (unsigned i = 0; i < 2 * 3 * 2 * SECTOR; i++) {
        unsigned at = i / 6, how = i / 2 % 3;
        if ((at > 200 && at % SECTOR > 1 && at % 64 != 63) || (how < 2 && at % 2 == how && at % SECTOR > 1))
            continue; /* filler on both sides; zeros and ones by turns */
        fake = torn[i % 2];
        tear(at, how, before[i % 2]);
        box_starts();
        if (how < 2 || at % SECTOR == 0) {
            box_goes_on();
            assert_true(fake_counted);
        } else {
            box_starts();
        }
    }
}

static void cut_while_confirming(void **state)
{
    (void)state;
    for (uint64_t at = 1; at <= 3; at++)
        for (unsigned how = 0; how < 2; how++) {
            fresh(2);
            fake_set("A_TRY", "1");
            fake_trust.oldest = 1;
            fake.operations = 0;
            fake.fail_at = at;
            fake.cut = true;
            assert_non_null(update_confirm(&update));
            fake_power_cut(how);
            fake.cut = false;
            box_goes_on();
        }
}

/* --- the environment block ------------------------------------------------------------------------------------------------------------------ */

static void variables_fit_or_are_refused(void **state)
{
    struct environment block, copy;
    char name[16], value[ENVIRONMENT_VALUE];

    (void)state;
    environment_new(&block);
    assert_true(environment_good(&block));
    unsigned count = 0;
    do {
        copy = block;
        snprintf(name, sizeof(name), "V%u", count++);
    } while (environment_set(&block, name, "0123456789abcde"));
    assert_memory_equal(&copy, &block, sizeof(block));
    assert_true(environment_good(&block) && count > 15 && count < 30);
    for (unsigned i = 0; i + 1 < count; i++) {
        snprintf(name, sizeof(name), "V%u", i);
        environment_get(&block, name, value);
        assert_string_equal(value, "0123456789abcde");
        assert_true(environment_set(&block, name, i % 2 ? "x" : ""));
        environment_get(&block, name, value);
        assert_string_equal(value, i % 2 ? "x" : "");
    }
    environment_get(&block, "ORDER", value);
    assert_string_equal(value, "A B");
    assert_true(environment_set(&block, "N", "4294967296"));
    assert_int_equal(environment_number(&block, "N"), 0);
    assert_true(environment_set(&block, "N", "12a"));
    assert_int_equal(environment_number(&block, "N"), 0);
    assert_true(environment_set(&block, "N", "999999999"));
    assert_int_equal(environment_number(&block, "N"), 999999999);
    assert_int_equal(environment_number(&block, "ABSENT"), 0);
    assert_false(environment_set(&block, "LONG", TEXT_LONG));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_applied_started_confirmed),
        cmocka_unit_test(is_confirmed_once),
        cmocka_unit_test(started_from_something_else),
        cmocka_unit_test(stands_there_already),
        cmocka_unit_test(goes_to_and_fro),
        cmocka_unit_test(falls_back_and_does_not_try_again),
        cmocka_unit_test(bad_bundles_touch_nothing),
        cmocka_unit_test(bad_contents_touch_nothing),
        cmocka_unit_test(old_versions_are_refused),
        cmocka_unit_test(changed_while_it_is_copied),
        cmocka_unit_test(a_disk_that_keeps_something_else),
        cmocka_unit_test(too_old_gives_way),
        cmocka_unit_test(too_old_can_be_mended),
        cmocka_unit_test(a_floor_that_is_not_on_the_disk),
        cmocka_unit_test(too_old_in_no_slot),
        cmocka_unit_test(a_floor_that_is_not_known),
        cmocka_unit_test(a_block_that_is_none),
        cmocka_unit_test(a_second_sector_that_is_none),
        cmocka_unit_test(cut_while_mending),
        cmocka_unit_test(a_block_in_one_cluster),
        cmocka_unit_test(other_tables_are_refused),
        cmocka_unit_test(other_file_systems_are_refused),
        cmocka_unit_test(power_cut_anywhere_leaves_a_slot),
        cmocka_unit_test(a_failing_disk_is_said),
        cmocka_unit_test(block_torn_between_its_sectors),
        cmocka_unit_test(block_torn_anywhere),
        cmocka_unit_test(cut_while_confirming),
        cmocka_unit_test(variables_fit_or_are_refused),
    };

    return cmocka_run_group_tests(tests, 0, 0);
}
