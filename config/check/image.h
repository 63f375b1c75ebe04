/* SPDX-License-Identifier: Apache-2.0 */
/* What the rules want to know of an image file. The facts only: the rules judge. */
#ifndef BULKHEAD_IMAGE_H
#define BULKHEAD_IMAGE_H

#include <stdio.h>

#include "types.h"

#define ELF_MAX_SEGMENTS 32u

struct elf_segment {
    uint64_t address, memory; /* guest-physical, bytes in memory */
    bool write, execute;
};

struct elf_facts {
    bool readable;
    const char *defect; /* not an x86 ELF executable, whole: why; else 0 */
    bool dynamic;       /* wants a dynamic loader */
    bool pvh;           /* has a note that gives its PVH entry, as a Linux kernel does */
    uint64_t entry;
    struct elf_segment segments[ELF_MAX_SEGMENTS]; /* the loadable, non-empty ones */
    unsigned segment_count;
};

struct bzimage_facts {
    bool readable, bzimage;
    bool elf; /* not a bzImage: a vmlinux, perhaps */
    uint16_t protocol;
    uint32_t command_size; /* longest command line, without its end */
    uint64_t init_size;    /* RAM it needs from its load address on */
    uint64_t load_address;
};

struct initrd_facts {
    bool readable, known;
    uint64_t size;
};

struct archive_facts {
    bool readable, folder; /* a folder: the build has not made an archive of it yet */
    const char *defect;    /* why it is no archive of plain files and folders, whole; else 0 */
    char entry[64];        /* of which entry, or empty */
    uint64_t size;
};

void elf_read(const char *path, struct elf_facts *facts);
void bzimage_read(const char *path, struct bzimage_facts *facts);
void initrd_read(const char *path, struct initrd_facts *facts);
void archive_read(const char *path, struct archive_facts *facts);
bool file_readable(const char *path);

#endif
