/* SPDX-License-Identifier: Apache-2.0 */
/* A small disk as config/tool/diskimage.py lays it out, in memory, with a cache that loses what was not flushed; and a bundle for it. */
#ifndef FAKE_SLOTS_H
#define FAKE_SLOTS_H

#include "update.h"

enum {
    DISK_SECTORS = 900,
    ESP_FIRST = 40,
    ESP_SECTORS = 60,
    SLOT_SECTORS = 300,
    SLOT_A = 100,
    SLOT_B = 400,
    DATA_FIRST = 700,
    DATA_SECTORS = 150
};
enum { FAT_RESERVED = 4, FAT_SECTORS = 2, IMAGE_SECTORS = 290 };
/* Clusters of one sector: 2 is the root, 3 the folder grub, 9 and 4 the environment block. */
enum { CLUSTERS = ESP_FIRST + FAT_RESERVED + FAT_SECTORS, ENVIRONMENT = CLUSTERS + 9 - 2, ENVIRONMENT_REST = CLUSTERS + 4 - 2 };

struct fake_disk {
    uint8_t stable[DISK_SECTORS * SECTOR], seen[DISK_SECTORS * SECTOR]; /* what a power cut leaves for certain; what a read finds */
    bool dirty[DISK_SECTORS];
    uint64_t operations, fail_at; /* of sectors written and flushes, from 1; 0: never */
    bool cut;                     /* from fail_at on nothing is done any more; else that one only fails */
};

struct fake_bundle {
    uint8_t bytes[(1 + IMAGE_SECTORS) * SECTOR];
    uint64_t reads, change_after; /* a byte of its image changes after so many; 0: never */
};

extern struct fake_disk fake;
extern struct fake_bundle fake_bundle;
extern uint8_t fake_memory[CHUNK];
extern const struct update_disk fake_update_disk;
extern struct update_source fake_source;
extern struct update_trust fake_trust;
extern struct update_floor fake_floor;
extern bool fake_counted; /* by the last fake_grub() */

void fake_disk_new(void);               /* both slots have version 1, A has started and is confirmed */
void fake_bundle_new(uint32_t version); /* signed by the key of fake_trust */
void fake_bundle_sign(void);            /* again, after a change of its first sector */
void fake_tables_sign(void);            /* the partition table's check sums */
void fake_power_cut(unsigned how);      /* 0: nothing is kept of what was not flushed; 1: all; else what chance says */
const char *fake_variable(const char *name);
void fake_set(const char *name, const char *value);
/* Of a slot: the version that fills it, whole; 0: none does. */
uint32_t fake_slot_version(unsigned slot);
/* What config/tool/slots.cfg would start: 'A' or 'B', after it has counted, where the block can be written; 0: none. */
char fake_grub(void);

#endif
