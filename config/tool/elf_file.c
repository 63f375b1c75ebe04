/* SPDX-License-Identifier: Apache-2.0 */
/* Reading ELF files: nothing in them is believed before it was checked against the file's size. Host code. */
#include "elf_file.h"

#include <string.h>

#define ELF_CLASS 4u
#define ELF_DATA 5u
#define ELF_CLASS32 1u
#define ELF_CLASS64 2u
#define ELF_LITTLE 1u
#define ELF_EXEC 2u
#define ELF_386 3u
#define ELF_X86_64 62u
#define ELF_PT_LOAD 1u
#define ELF_PT_INTERP 3u
#define ELF_PT_NOTE 4u
#define ELF_MAX_HEADERS 64u

#define RAM_BASE MIB(1) /* what lies below is for start information and ACPI */

bool elf_is(const struct input *input)
{
    return input->size >= 4 && memcmp(input->bytes, "\177ELF", 4) == 0;
}

static int elf_header(struct elf *elf, struct why *why)
{
    const uint8_t *at = elf->input->bytes;
    const char *path = elf->input->path;

    if (elf->input->size < 64 || !elf_is(elf->input))
        return refuse(why, "%s: is not an ELF file", path);
    if ((at[ELF_CLASS] != ELF_CLASS32 && at[ELF_CLASS] != ELF_CLASS64) || at[ELF_DATA] != ELF_LITTLE)
        return refuse(why, "%s: is neither a 32-bit nor a 64-bit little-endian ELF file", path);
    elf->wide = at[ELF_CLASS] == ELF_CLASS64;
    if (get16(at + 18) != (elf->wide ? ELF_X86_64 : ELF_386))
        return refuse(why, "%s: is for machine %u, not x86", path, get16(at + 18));
    if (get16(at + 16) != ELF_EXEC)
        return refuse(why, "%s: has ELF type %u, not an executable at fixed addresses; link it with -static -no-pie", path,
                      get16(at + 16));
    elf->entry = elf->wide ? get64(at + 24) : get32(at + 24);
    elf->headers = elf->wide ? get64(at + 32) : get32(at + 28);
    elf->header_size = get16(at + (elf->wide ? 54 : 42));
    elf->header_count = get16(at + (elf->wide ? 56 : 44));
    if (elf->header_size != (elf->wide ? 56 : 32))
        return refuse(why, "%s: has program headers of %u bytes", path, elf->header_size);
    if (elf->header_count == 0 || elf->header_count > ELF_MAX_HEADERS)
        return refuse(why, "%s: has %u program headers, not 1 to %u", path, elf->header_count, ELF_MAX_HEADERS);
    if (!range_inside(elf->headers, (uint64_t)elf->header_count * elf->header_size, 0, elf->input->size))
        return refuse(why, "%s: has program headers outside the file", path);
    return 0;
}

static const uint8_t *header_at(const struct elf *elf, uint32_t index)
{
    return elf->input->bytes + elf->headers + (uint64_t)index * elf->header_size;
}

static struct elf_segment segment_get(const struct elf *elf, const uint8_t *at)
{
    if (elf->wide)
        return (struct elf_segment){get32(at + 4), get64(at + 8), get64(at + 24), get64(at + 32), get64(at + 40)};
    return (struct elf_segment){get32(at + 24), get32(at + 4), get32(at + 12), get32(at + 16), get32(at + 20)};
}

static int segment_check(const struct elf *elf, const struct elf_segment *segment, uint64_t end, struct why *why)
{
    const char *path = elf->input->path;
    unsigned long base = segment->base, size = segment->memory_size;

    if (segment->file_size > segment->memory_size)
        return refuse(why, "%s: segment at %#lx is larger in the file than in memory", path, base);
    if (!range_inside(segment->offset, segment->file_size, 0, elf->input->size))
        return refuse(why, "%s: segment at %#lx lies outside the file; the file is cut short", path, base);
    if (base < RAM_BASE)
        return refuse(why, "%s: segment at %#lx begins below 1 MiB; link it at 1 MiB or above", path, base);
    if (!range_inside(base, size, 0, end))
        return refuse(why, "%s: segment at %#lx of %#lx bytes ends beyond the partition's RAM (%#lx); raise .memory", path, base,
                      size, (unsigned long)end);
    return 0;
}

static int segment_insert(struct elf *elf, const struct elf_segment *segment, struct why *why)
{
    unsigned at = elf->count;

    if (at == PAYLOAD_MAX_SEGMENTS)
        return refuse(why, "%s: has more than %u segments to load", elf->input->path, PAYLOAD_MAX_SEGMENTS);
    for (; at > 0 && elf->segments[at - 1].base > segment->base; at--)
        elf->segments[at] = elf->segments[at - 1];
    elf->segments[at] = *segment;
    elf->count++;
    return 0;
}

/* Neighbours only: the segments are sorted. */
static int overlap_check(const struct elf *elf, struct why *why)
{
    for (unsigned i = 1; i < elf->count; i++) {
        const struct elf_segment *low = &elf->segments[i - 1], *high = &elf->segments[i];

        if (low->base + low->memory_size > high->base)
            return refuse(why, "%s: segments at %#lx and %#lx overlap", elf->input->path, (unsigned long)low->base,
                          (unsigned long)high->base);
    }
    return 0;
}

int elf_open(struct elf *elf, const struct input *input, uint64_t end, struct why *why)
{
    *elf = (struct elf){.input = input};
    if (elf_header(elf, why) != 0)
        return -1;
    for (uint32_t i = 0; i < elf->header_count; i++) {
        const uint8_t *at = header_at(elf, i);
        struct elf_segment segment = segment_get(elf, at);

        if (get32(at) == ELF_PT_INTERP)
            return refuse(why, "%s: is dynamically linked; link it with -static", input->path);
        if (get32(at) != ELF_PT_LOAD || segment.memory_size == 0)
            continue;
        if (segment_check(elf, &segment, end, why) != 0 || segment_insert(elf, &segment, why) != 0)
            return -1;
    }
    return overlap_check(elf, why);
}

/* Notes stand one after another: sizes of name and descriptor, type, then both, each padded to 4 bytes. */
static const uint8_t *notes_search(const uint8_t *at, uint64_t left, const char *name, uint32_t type, uint32_t *size)
{
    while (left >= 12) {
        uint64_t name_size = get32(at), body_size = get32(at + 4);
        uint64_t body = 12 + ((name_size + 3) & ~(uint64_t)3), next = body + ((body_size + 3) & ~(uint64_t)3);

        if (body + body_size > left)
            return 0;
        if (get32(at + 8) == type && name_size == strlen(name) + 1 && memcmp(at + 12, name, name_size) == 0) {
            *size = (uint32_t)body_size;
            return at + body;
        }
        if (next >= left)
            return 0;
        at += next;
        left -= next;
    }
    return 0;
}

const uint8_t *elf_note(const struct elf *elf, const char *name, uint32_t type, uint32_t *size)
{
    for (uint32_t i = 0; i < elf->header_count; i++) {
        struct elf_segment segment = segment_get(elf, header_at(elf, i));
        const uint8_t *found;

        if (get32(header_at(elf, i)) != ELF_PT_NOTE || !range_inside(segment.offset, segment.file_size, 0, elf->input->size))
            continue;
        found = notes_search(elf->input->bytes + segment.offset, segment.file_size, name, type, size);
        if (found != 0)
            return found;
    }
    return 0;
}

bool elf_executable(const struct elf *elf, uint64_t address)
{
    for (unsigned i = 0; i < elf->count; i++) {
        const struct elf_segment *segment = &elf->segments[i];

        if ((segment->flags & ELF_X) != 0 && range_inside(address, 1, segment->base, segment->file_size))
            return true;
    }
    return false;
}
