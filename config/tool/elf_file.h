/* SPDX-License-Identifier: Apache-2.0 */
/* Reading static x86 ELF files of 32 or 64 bits for the payload makers. Partitions start with paging off, so that only the
 * physical addresses of the segments count. Host code. */
#ifndef BULKHEAD_ELF_FILE_H
#define BULKHEAD_ELF_FILE_H

#include "payload_file.h"

#define ELF_X 1u
#define ELF_W 2u

struct elf_segment {
    uint32_t flags;
    uint64_t offset, base, file_size, memory_size;
};

struct elf {
    const struct input *input;
    bool wide; /* 64-bit */
    uint64_t entry, headers;
    uint32_t header_size, header_count;
    struct elf_segment segments[PAYLOAD_MAX_SEGMENTS]; /* those to load, ascending by base */
    unsigned count;
};

bool elf_is(const struct input *input);

/* Take the file apart. What is accepted: each segment lies inside the file and inside RAM from 1 MiB to `end`; none overlap. */
int elf_open(struct elf *elf, const struct input *input, uint64_t end, struct why *why);

/* Find the note `name` of this type: its descriptor, or 0. */
const uint8_t *elf_note(const struct elf *elf, const char *name, uint32_t type, uint32_t *size);

/* Whether the file has code for this physical address. */
bool elf_executable(const struct elf *elf, uint64_t address);

#endif
