/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_slots.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <crypto_sign_ed25519.h>

struct fake_disk fake;
struct fake_bundle fake_bundle;
uint8_t fake_memory[CHUNK] __attribute__((aligned(4096)));
struct update_trust fake_trust;
struct update_floor fake_floor;
bool fake_counted;
static uint8_t public[KEY_BYTES], secret[crypto_sign_ed25519_SECRETKEYBYTES];

/* --- the disk ---------------------------------------------------------------------------------------------------------------------- */

static bool disk_read(void *context, uint64_t sector, uint32_t sectors, void *memory)
{
    (void)context;
    assert_true(sectors > 0 && sectors <= CHUNK_SECTORS);
    if (sector >= DISK_SECTORS || DISK_SECTORS - sector < sectors)
        return false;
    memcpy(memory, fake.seen + sector * SECTOR, sectors * SECTOR);
    return true;
}

/* One operation of the disk. False: this one fails, or the power is off. */
static bool powered(void)
{
    fake.operations++;
    return fake.fail_at == 0 || (fake.cut ? fake.operations < fake.fail_at : fake.operations != fake.fail_at);
}

static bool disk_write(void *context, uint64_t sector, uint32_t sectors, const void *memory)
{
    (void)context;
    assert_true(sectors > 0 && sectors <= CHUNK_SECTORS && sector < DISK_SECTORS && DISK_SECTORS - sector >= sectors);
    for (uint32_t i = 0; i < sectors; i++) {
        if (!powered())
            return false;
        memcpy(fake.seen + (sector + i) * SECTOR, (const uint8_t *)memory + i * SECTOR, SECTOR);
        fake.dirty[sector + i] = true;
    }
    return true;
}

static bool disk_flush(void *context)
{
    (void)context;
    if (!powered())
        return false;
    memcpy(fake.stable, fake.seen, sizeof(fake.stable));
    memset(fake.dirty, 0, sizeof(fake.dirty));
    return true;
}

const struct update_disk fake_update_disk = {0, DISK_SECTORS, disk_read, disk_write, disk_flush, fake_memory};

void fake_power_cut(unsigned how)
{
    for (unsigned i = 0; i < DISK_SECTORS; i++)
        if (fake.dirty[i] && (how == 1 || (how > 1 && rand() % 2)))
            memcpy(fake.stable + i * SECTOR, fake.seen + i * SECTOR, SECTOR);
    memcpy(fake.seen, fake.stable, sizeof(fake.seen));
    memset(fake.dirty, 0, sizeof(fake.dirty));
    fake.fail_at = fake.operations = 0;
}

/* --- what is on it ------------------------------------------------------------------------------------------------------------------- */

static void put(unsigned at, uint64_t value, unsigned bytes)
{
    memcpy(fake.seen + at, &value, bytes);
}

static uint32_t crc(const uint8_t *bytes, unsigned count)
{
    uint32_t value = ~0u;

    for (unsigned i = 0; i < count * 8; i++)
        value = value >> 1 ^ ((value ^ bytes[i / 8] >> i % 8) & 1 ? 0xedb88320u : 0);
    return ~value;
}

void fake_tables_sign(void)
{
    put(SECTOR + 88, crc(fake.seen + 2 * SECTOR, 128 * 128), 4);
    put(SECTOR + 16, 0, 4);
    put(SECTOR + 16, crc(fake.seen + SECTOR, 92), 4);
    memcpy(fake.stable, fake.seen, sizeof(fake.stable));
}

static void table_entry(unsigned number, const char *name, uint64_t first, uint64_t sectors)
{
    unsigned at = 2 * SECTOR + number * 128;

    put(at, 1 + number, 8);
    put(at + 32, first, 8);
    put(at + 40, first + sectors - 1, 8);
    for (unsigned i = 0; name[i]; i++)
        put(at + 56 + 2 * i, (uint8_t)name[i], 2);
}

static void folder_entry(unsigned at, const char *name, uint8_t attributes, uint32_t cluster, uint32_t size)
{
    memcpy(fake.seen + at, name, 11);
    put(at + 11, attributes, 1);
    put(at + 20, cluster >> 16, 2);
    put(at + 26, cluster, 2);
    put(at + 28, size, 4);
}

static void esp_new(void)
{
    unsigned boot = ESP_FIRST * SECTOR, table = (ESP_FIRST + FAT_RESERVED) * SECTOR;

    put(boot + 11, SECTOR, 2);
    put(boot + 13, 1, 1);
    put(boot + 14, FAT_RESERVED, 2);
    put(boot + 16, 1, 1);
    put(boot + 36, FAT_SECTORS, 4);
    put(boot + 44, 2, 4);
    put(table + 4 * 2, 0x0fffffff, 4);
    put(table + 4 * 3, 5, 4); /* the folder goes on in cluster 5 */
    put(table + 4 * 5, 0x0fffffff, 4);
    put(table + 4 * 9, 4, 4);
    put(table + 4 * 4, 0x0fffffff, 4);
    folder_entry(CLUSTERS * SECTOR, "ESP        ", 0x08, 0, 0);
    folder_entry(CLUSTERS * SECTOR + 64, "GRUB       ", 0x10, 3, 0);
    folder_entry((CLUSTERS + 5 - 2) * SECTOR + 32, "GRUBENV    ", 0x20, 9, 1024);
    environment_new((struct environment *)(fake.seen + ENVIRONMENT * SECTOR));
    memset(fake.seen + ENVIRONMENT_REST * SECTOR, '#', SECTOR);
}

/* A byte of this version's image. */
static uint8_t image_byte(uint32_t version, unsigned at)
{
    return (uint8_t)(version * 37 + at * 11 + at / SECTOR);
}

static void disk_make(void)
{
    memset(&fake, 0, sizeof(fake));
    memcpy(fake.seen + SECTOR, "EFI PART", 8);
    put(SECTOR + 12, 92, 4);
    put(SECTOR + 72, 2, 8);
    put(SECTOR + 80, 128, 4);
    put(SECTOR + 84, 128, 4);
    table_entry(0, "bios", 34, 4);
    table_entry(1, "esp", ESP_FIRST, ESP_SECTORS);
    table_entry(2, "slot-a", SLOT_A, SLOT_SECTORS);
    table_entry(3, "slot-b", SLOT_B, SLOT_SECTORS);
    table_entry(4, "data", DATA_FIRST, DATA_SECTORS);
    esp_new();
    for (unsigned i = 0; i < IMAGE_SECTORS * SECTOR; i++)
        fake.seen[SLOT_A * SECTOR + i] = fake.seen[SLOT_B * SECTOR + i] = image_byte(1, i);
    fake_tables_sign();
    fake_set("STARTED", "A");
    crypto_sign_ed25519_seed_keypair(public, secret, (const uint8_t *)"a seed that everybody may know.");
}

/* Made once: the check sums take their time. */
void fake_disk_new(void)
{
    static struct fake_disk made;

    if (made.stable[SECTOR] == 0) {
        disk_make();
        made = fake;
    }
    fake = made;
    memset(&fake_trust, 0, sizeof(fake_trust));
    fake_floor = (struct update_floor){0};
    strcpy(fake_trust.product, "box");
    strcpy(fake_trust.board, "shelf");
    fake_trust.version = 1;
    memcpy(fake_trust.key, public, KEY_BYTES);
}

/* --- the bundle ------------------------------------------------------------------------------------------------------------------------ */

static bool bundle_read(void *context, uint64_t sector, uint32_t sectors, void *memory)
{
    (void)context;
    if (fake_bundle.change_after && ++fake_bundle.reads > fake_bundle.change_after)
        fake_bundle.bytes[SECTOR + 7] ^= 1, fake_bundle.change_after = 0;
    if (sector > IMAGE_SECTORS || 1 + IMAGE_SECTORS - sector < sectors)
        return false;
    memcpy(memory, fake_bundle.bytes + sector * SECTOR, sectors * SECTOR);
    return true;
}

struct update_source fake_source = {0, 1 + IMAGE_SECTORS, bundle_read};

void fake_bundle_sign(void)
{
    struct bundle *bundle = (struct bundle *)fake_bundle.bytes;

    crypto_sign_ed25519_detached(bundle->signature, 0, fake_bundle.bytes, offsetof(struct bundle, signature), secret);
}

static void bundle_make(uint32_t version)
{
    struct bundle *bundle = (struct bundle *)fake_bundle.bytes;
    struct digest digest;

    memset(&fake_bundle, 0, sizeof(fake_bundle));
    fake_source.sectors = 1 + IMAGE_SECTORS;
    memcpy(bundle->magic, BUNDLE_MAGIC, 8);
    bundle->format = BUNDLE_FORMAT;
    bundle->version = version;
    bundle->size = IMAGE_SECTORS * SECTOR;
    strcpy(bundle->product, "box");
    strcpy(bundle->board, "shelf");
    for (unsigned i = 0; i < IMAGE_SECTORS * SECTOR; i++)
        fake_bundle.bytes[SECTOR + i] = image_byte(version, i);
    digest_begin(&digest);
    digest_add(&digest, fake_bundle.bytes + SECTOR, IMAGE_SECTORS * SECTOR);
    digest_end(&digest, bundle->digest);
    fake_bundle_sign();
}

void fake_bundle_new(uint32_t version)
{
    static struct fake_bundle made[4];

    if (version >= 4) {
        bundle_make(version);
        return;
    }
    if (made[version].bytes[0] == 0) {
        bundle_make(version);
        made[version] = fake_bundle;
    }
    fake_bundle = made[version];
    fake_source.sectors = 1 + IMAGE_SECTORS;
}

/* --- what starts -------------------------------------------------------------------------------------------------------------------------- */

const char *fake_variable(const char *name)
{
    static char value[ENVIRONMENT_VALUE];

    environment_get((struct environment *)(fake.seen + ENVIRONMENT * SECTOR), name, value);
    return value;
}

void fake_set(const char *name, const char *value)
{
    assert_true(environment_set((struct environment *)(fake.seen + ENVIRONMENT * SECTOR), name, value));
    memcpy(fake.stable, fake.seen, sizeof(fake.stable));
}

uint32_t fake_slot_version(unsigned slot)
{
    const uint8_t *bytes = fake.seen + (slot == 0 ? SLOT_A : SLOT_B) * SECTOR;

    for (uint32_t version = 1; version < 10; version++) {
        unsigned i = 0;
        while (i < IMAGE_SECTORS * SECTOR && bytes[i] == image_byte(version, i))
            i++;
        if (i == IMAGE_SECTORS * SECTOR)
            return version;
    }
    return 0;
}

/* The block as GRUB reads and writes it: both sectors, one text. */
static char block[2 * SECTOR];

static void block_load(void)
{
    memcpy(block, fake.seen + ENVIRONMENT * SECTOR, SECTOR);
    memcpy(block + SECTOR, fake.seen + ENVIRONMENT_REST * SECTOR, SECTOR);
}

static bool block_is_one(void)
{
    return memcmp(block, "# GRUB Environment Block\n", 25) == 0;
}

/* Where there is room for more. 0: none, what is filled does not end with a line, and GRUB writes nothing. */
static unsigned block_end(void)
{
    unsigned end = sizeof(block);

    while (end > 0 && block[end - 1] == '#')
        end--;
    return end > 0 && block[end - 1] == '\n' ? end : 0;
}

/* Bounds of the last line that sets it: what comes later counts. False: none does. */
static bool block_find(const char *name, unsigned *from, unsigned *to)
{
    unsigned next, length = (unsigned)strlen(name);
    bool found = false;

    for (unsigned at = 0; block_is_one() && at < sizeof(block); at = next) {
        const char *end = memchr(block + at, '\n', sizeof(block) - at);
        next = end ? (unsigned)(end - block) + 1 : sizeof(block);
        if (next - at > length && memcmp(block + at, name, length) == 0 && block[at + length] == '=')
            *from = at, *to = next, found = true;
    }
    return found;
}

/* As config/tool/slots.cfg has it where the block has none. */
static const char *grub_load(const char *name, const char *otherwise, char value[ENVIRONMENT_VALUE])
{
    unsigned from, to, head = (unsigned)strlen(name) + 1;

    snprintf(value, ENVIRONMENT_VALUE, "%s", otherwise);
    if (block_find(name, &from, &to))
        snprintf(value, ENVIRONMENT_VALUE, "%.*s", (int)(to - from - head - 1), block + from + head);
    return value;
}

static bool grub_save(const char *name, const char *value)
{
    unsigned from, to, end = block_end(), length = (unsigned)(strlen(name) + strlen(value)) + 2;
    char line[48];

    if (!block_is_one() || end == 0)
        return false;
    if (block_find(name, &from, &to)) {
        memmove(block + from, block + to, sizeof(block) - to);
        memset(block + sizeof(block) - (to - from), '#', to - from);
        end = block_end();
    }
    if (end + length > sizeof(block))
        return false;
    snprintf(line, sizeof(line), "%s=%s\n", name, value);
    memcpy(block + end, line, length);
    memcpy(fake.seen + ENVIRONMENT * SECTOR, block, SECTOR);
    memcpy(fake.seen + ENVIRONMENT_REST * SECTOR, block + SECTOR, SECTOR);
    memcpy(fake.stable, fake.seen, sizeof(fake.stable));
    return true;
}

/* Stricter than GRUB, which also passes over a slot whose digests are wrong: one that may start must be whole. A start that cannot be counted
 * is one all the same. */
char fake_grub(void)
{
    char value[ENVIRONMENT_VALUE];

    block_load();
    const char *order = strcmp(grub_load("ORDER", "A B", value), "B A") == 0 ? "BA" : "AB";
    for (unsigned i = 0; i < 2; i++) {
        char name[] = {order[i], '_', 'O', 'K', 0}, count[] = {order[i], '_', 'T', 'R', 'Y', 0}, letter[] = {order[i], 0};
        if (strcmp(grub_load(name, "1", value), "1") != 0)
            continue;
        assert_int_not_equal(fake_slot_version(order[i] == 'B'), 0);
        int starts = atoi(grub_load(count, "0", value));
        if (starts >= 3)
            continue;
        fake_counted = grub_save(count, starts == 1 ? "2" : starts == 2 ? "3" : "1") && grub_save("STARTED", letter);
        return order[i];
    }
    return 0;
}
