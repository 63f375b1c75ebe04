/* SPDX-License-Identifier: Apache-2.0 */
/* Where things are on a disk that config/tool/diskimage.py laid out: GPT, and in the ESP, a FAT32, the file grub/grubenv. What is read is
 * checked before it is used: a disk that is damaged or another's is refused, not written to. Every walk has an end. */
#include <stddef.h>
#include <string.h>

#include "disk.h"

#define ENTRY_BYTES 128u
#define ENTRIES_MAX 128u
#define ENTRIES_SECTORS (ENTRIES_MAX * ENTRY_BYTES / SECTOR)
#define DIRECTORY_SECTORS 64u
#define ENVIRONMENT_BYTES 1024u

struct gpt_header {
    char magic[8];
    uint32_t revision, size, crc, zero;
    uint64_t here, other, first, last;
    uint8_t guid[16];
    uint64_t entries;
    uint32_t count, entry_size, entries_crc;
} __attribute__((packed));

struct gpt_entry {
    uint8_t kind[16], guid[16];
    uint64_t first, last, flags;
    uint16_t name[36];
} __attribute__((packed));
_Static_assert(sizeof(struct gpt_entry) == ENTRY_BYTES, "as in the UEFI specification");

struct fat_boot {
    uint8_t jump[11];
    uint16_t sector_bytes;
    uint8_t cluster_sectors;
    uint16_t reserved;
    uint8_t fats;
    uint16_t root_entries, small_sectors;
    uint8_t media;
    uint16_t small_fat_sectors, track, heads;
    uint32_t hidden, sectors, fat_sectors;
    uint16_t flags, revision;
    uint32_t root;
} __attribute__((packed));
_Static_assert(offsetof(struct fat_boot, root) == 44, "as in the FAT specification");

struct fat_entry {
    char name[11];
    uint8_t attributes, more[8];
    uint16_t cluster_high, time[2], cluster_low;
    uint32_t size;
} __attribute__((packed));
_Static_assert(sizeof(struct fat_entry) == 32, "as in the FAT specification");

struct fat {
    const struct update_disk *disk;
    uint64_t table, data; /* sectors of the disk */
    uint32_t cluster_sectors, clusters, root;
};

static uint32_t crc32(const uint8_t *bytes, uint32_t count)
{
    uint32_t crc = 0xffffffffu;

    for (uint32_t i = 0; i < count; i++) {
        crc ^= bytes[i];
        for (unsigned bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (0xedb88320u & -(crc & 1));
    }
    return ~crc;
}

static bool header_good(struct gpt_header *u_header, uint64_t disk_sectors)
{
    uint32_t crc = u_header->crc;

    if (memcmp(u_header->magic, "EFI PART", 8) != 0 || u_header->size < sizeof(*u_header) || u_header->size > SECTOR)
        return false;
    u_header->crc = 0;
    return crc32((const uint8_t *)u_header, u_header->size) == crc && u_header->entry_size == ENTRY_BYTES &&
           u_header->count <= ENTRIES_MAX && u_header->entries < disk_sectors &&
           disk_sectors - u_header->entries >= ENTRIES_SECTORS;
}

/* Partition names are UTF-16; ours are plain. */
static bool entry_is(const struct gpt_entry *entry, const char *name)
{
    for (unsigned i = 0; i < 36; i++) {
        if (entry->name[i] != (uint8_t)name[i])
            return false;
        if (name[i] == 0)
            return true;
    }
    return false;
}

/* 0 sectors: there is none, more than one, or it does not lie on the disk. */
static struct extent partition(const struct gpt_entry *entries, uint32_t count, uint64_t disk_sectors, const char *name)
{
    struct extent found = {0, 0};

    for (uint32_t i = 0; i < count; i++) {
        if (!entry_is(&entries[i], name))
            continue;
        if (found.sectors != 0 || entries[i].first == 0 || entries[i].first > entries[i].last || entries[i].last >= disk_sectors)
            return (struct extent){0, 0};
        found = (struct extent){entries[i].first, entries[i].last - entries[i].first + 1};
    }
    return found;
}

static bool apart(struct extent a, struct extent b)
{
    return a.first + a.sectors <= b.first || b.first + b.sectors <= a.first;
}

/* --- the ESP ------------------------------------------------------------------------------------------------------------------------- */

static bool fat_open(struct fat *fat, const struct update_disk *disk, struct extent esp)
{
    struct fat_boot boot;

    if (!disk->read(disk->context, esp.first, 1, disk->memory))
        return false;
    memcpy(&boot, disk->memory, sizeof(boot));
    uint64_t before = boot.reserved + (uint64_t)boot.fats * boot.fat_sectors;
    if (boot.sector_bytes != SECTOR || boot.cluster_sectors == 0 || boot.root_entries != 0 || boot.fat_sectors == 0 ||
        before >= esp.sectors)
        return false;
    *fat = (struct fat){disk, esp.first + boot.reserved, esp.first + before, boot.cluster_sectors, 0, boot.root};
    uint64_t clusters = (esp.sectors - before) / boot.cluster_sectors, entries = (uint64_t)boot.fat_sectors * (SECTOR / 4);
    if (clusters > 0x0ffffff0u || clusters + 2 > entries)
        return false;
    fat->clusters = (uint32_t)clusters;
    return true;
}

/* Its first sector. 0: there is no such cluster. */
static uint64_t cluster_sector(const struct fat *fat, uint32_t cluster)
{
    return cluster >= 2 && cluster - 2 < fat->clusters ? fat->data + (uint64_t)(cluster - 2) * fat->cluster_sectors : 0;
}

/* 0: none, or it cannot be read. */
static uint32_t cluster_next(const struct fat *fat, uint32_t cluster)
{
    uint32_t next;

    if (!fat->disk->read(fat->disk->context, fat->table + cluster / (SECTOR / 4), 1, fat->disk->memory))
        return 0;
    memcpy(&next, fat->disk->memory + cluster % (SECTOR / 4) * 4, 4);
    next &= 0x0fffffff;
    return cluster_sector(fat, next) ? next : 0;
}

/* In this sector of a directory. */
static bool sector_find(const uint8_t *sector, const char *name, struct fat_entry *entry)
{
    for (unsigned at = 0; at < SECTOR; at += sizeof(*entry)) {
        memcpy(entry, sector + at, sizeof(*entry));
        if ((entry->attributes & 0x08) == 0 && memcmp(entry->name, name, sizeof(entry->name)) == 0)
            return true;
    }
    return false;
}

/* In the directory that begins at this cluster, the entry with this name in its short form. */
static bool directory_find(const struct fat *fat, uint32_t cluster, const char *name, struct fat_entry *entry)
{
    for (unsigned sectors = 0; sectors < DIRECTORY_SECTORS && cluster_sector(fat, cluster);) {
        for (uint32_t i = 0; i < fat->cluster_sectors && sectors < DIRECTORY_SECTORS; i++, sectors++) {
            if (!fat->disk->read(fat->disk->context, cluster_sector(fat, cluster) + i, 1, fat->disk->memory))
                return false;
            if (sector_find(fat->disk->memory, name, entry))
                return true;
        }
        cluster = cluster_next(fat, cluster);
    }
    return false;
}

static uint32_t entry_cluster(const struct fat_entry *entry)
{
    return (uint32_t)entry->cluster_high << 16 | entry->cluster_low;
}

/* The two sectors of grub/grubenv. The second one follows the first, or where a cluster has but one it may lie anywhere. */
static bool environment_find(struct layout *layout, const struct update_disk *disk, struct extent esp)
{
    struct fat fat;
    struct fat_entry entry;

    if (!fat_open(&fat, disk, esp))
        return false;
    if (!directory_find(&fat, fat.root, "GRUB       ", &entry) || !(entry.attributes & 0x10) ||
        !directory_find(&fat, entry_cluster(&entry), "GRUBENV    ", &entry) || entry.attributes & 0x10 ||
        entry.size != ENVIRONMENT_BYTES)
        return false;
    uint64_t first = cluster_sector(&fat, entry_cluster(&entry));
    if (first == 0)
        return false;
    layout->environment = first;
    layout->environment_rest =
        fat.cluster_sectors > 1 ? first + 1 : cluster_sector(&fat, cluster_next(&fat, entry_cluster(&entry)));
    return layout->environment_rest != 0 && layout->environment_rest != first;
}

const char *layout_find(struct layout *layout, const struct update_disk *disk)
{
    struct gpt_header header;

    if (disk->sectors < 64 || !disk->read(disk->context, 1, 1, disk->memory))
        return "the disk's partition table cannot be read";
    memcpy(&header, disk->memory, sizeof(header));
    if (!header_good((struct gpt_header *)disk->memory, disk->sectors) ||
        !disk->read(disk->context, header.entries, ENTRIES_SECTORS, disk->memory) ||
        crc32(disk->memory, header.count * ENTRY_BYTES) != header.entries_crc)
        return "the disk's partition table is damaged";
    const struct gpt_entry *entries = (const struct gpt_entry *)disk->memory;
    struct extent esp = partition(entries, header.count, disk->sectors, "esp");
    *layout = (struct layout){.slots = {partition(entries, header.count, disk->sectors, "slot-a"),
                                        partition(entries, header.count, disk->sectors, "slot-b")},
                              .data = partition(entries, header.count, disk->sectors, "data")};
    if (esp.sectors == 0 || layout->slots[0].sectors == 0 || layout->slots[1].sectors == 0 ||
        !apart(layout->slots[0], layout->slots[1]) || !apart(esp, layout->slots[0]) || !apart(esp, layout->slots[1]) ||
        !apart(layout->data, layout->slots[0]) || !apart(layout->data, layout->slots[1]) || !apart(layout->data, esp))
        return "the disk has no esp, slot-a and slot-b of its own each";
    return environment_find(layout, disk, esp) ? 0 : "the disk's ESP has no grub/grubenv of 1024 bytes";
}
