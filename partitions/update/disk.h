/* SPDX-License-Identifier: Apache-2.0 */
/* The disk that the box starts from, as a disk image lays it out, and the one sector of it that says which slot starts. */
#ifndef UPDATE_DISK_H
#define UPDATE_DISK_H

#include <stdbool.h>
#include <stdint.h>

#define SECTOR 512u
#define CHUNK_SECTORS 128u /* of one read or write at most */
#define CHUNK (CHUNK_SECTORS * SECTOR)

struct extent {
    uint64_t first, sectors;
};

struct update_disk {
    void *context;
    uint64_t sectors;
    bool (*read)(void *context, uint64_t sector, uint32_t sectors, void *memory);
    bool (*write)(void *context, uint64_t sector, uint32_t sectors, const void *memory);
    bool (*flush)(void *context); /* what has been written before is stable when it comes back */
    uint8_t *memory;              /* CHUNK bytes, for all of the update's reading and writing; a page's alignment */
};

struct layout {
    struct extent slots[2];    /* A, B */
    struct extent data;        /* of 0 sectors: there is none */
    uint64_t environment;      /* first sector of GRUB's environment block */
    uint64_t environment_rest; /* its second one */
};

/* 0, or why this disk is none of ours. */
const char *layout_find(struct layout *layout, const struct update_disk *disk);

#endif
