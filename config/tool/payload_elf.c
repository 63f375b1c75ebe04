/* SPDX-License-Identifier: Apache-2.0 */
/* Unikernel payloads from static x86 ELF files of 32 or 64 bits. Host code.
 * A unikernel starts with paging off, so only the physical addresses of its segments count, its entry included. */
#include "payload_file.h"

#include "bulkhead_abi.h"

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
#define ELF_X 1u
#define ELF_W 2u
#define ELF_MAX_HEADERS 64u

#define UNIKERNEL_BASE MIB(1)

struct elf_segment {
    uint32_t flags;
    uint64_t offset, base, file_size, memory_size;
};

struct elf {
    struct input input;
    bool wide; /* 64-bit */
    uint64_t entry, headers;
    uint32_t header_size, header_count;
    struct elf_segment segments[PAYLOAD_MAX_SEGMENTS]; /* ascending by base */
    unsigned count;
};

static int elf_header(struct elf *elf, struct why *why)
{
    const uint8_t *at = elf->input.bytes;
    const char *path = elf->input.path;

    if (elf->input.size < 64 || memcmp(at, "\177ELF", 4) != 0)
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
    if (!range_inside(elf->headers, (uint64_t)elf->header_count * elf->header_size, 0, elf->input.size))
        return refuse(why, "%s: has program headers outside the file", path);
    return 0;
}

static struct elf_segment elf_segment_get(const struct elf *elf, const uint8_t *at)
{
    if (elf->wide)
        return (struct elf_segment){get32(at + 4), get64(at + 8), get64(at + 24), get64(at + 32), get64(at + 40)};
    return (struct elf_segment){get32(at + 24), get32(at + 4), get32(at + 12), get32(at + 16), get32(at + 20)};
}

static int elf_segment_check(const struct elf *elf, const struct elf_segment *segment, uint64_t end, struct why *why)
{
    const char *path = elf->input.path;
    unsigned long base = segment->base, size = segment->memory_size;

    if ((segment->flags & (ELF_W | ELF_X)) == (ELF_W | ELF_X))
        return refuse(why, "%s: segment at %#lx is writable and executable; give code and data segments of their own", path, base);
    if (segment->file_size > segment->memory_size)
        return refuse(why, "%s: segment at %#lx is larger in the file than in memory", path, base);
    if (!range_inside(segment->offset, segment->file_size, 0, elf->input.size))
        return refuse(why, "%s: segment at %#lx lies outside the file; the file is cut short", path, base);
    if (base < UNIKERNEL_BASE)
        return refuse(why, "%s: segment at %#lx begins below 1 MiB; link it at 1 MiB or above", path, base);
    if (!range_inside(base, size, 0, end))
        return refuse(why, "%s: segment at %#lx of %#lx bytes ends beyond the partition's RAM (%#lx); raise .memory", path, base,
                      size, (unsigned long)end);
    return 0;
}

static int elf_segment_insert(struct elf *elf, const struct elf_segment *segment, struct why *why)
{
    unsigned at = elf->count;

    if (at == PAYLOAD_MAX_SEGMENTS)
        return refuse(why, "%s: has more than %u segments to load", elf->input.path, PAYLOAD_MAX_SEGMENTS);
    for (; at > 0 && elf->segments[at - 1].base > segment->base; at--)
        elf->segments[at] = elf->segments[at - 1];
    elf->segments[at] = *segment;
    elf->count++;
    return 0;
}

/* Neighbours only: the segments are sorted. A page that is both writable and executable is W+X too. */
static int elf_overlap(const struct elf *elf, struct why *why)
{
    const struct elf_segment *low, *high;

    for (unsigned i = 1; i < elf->count; i++) {
        low = &elf->segments[i - 1];
        high = &elf->segments[i];
        if (low->base + low->memory_size > high->base)
            return refuse(why, "%s: segments at %#lx and %#lx overlap", elf->input.path, (unsigned long)low->base,
                          (unsigned long)high->base);
        if (((low->flags | high->flags) & (ELF_W | ELF_X)) == (ELF_W | ELF_X) &&
            (low->base + low->memory_size - 1) / PAGE_SIZE == high->base / PAGE_SIZE)
            return refuse(why, "%s: segments at %#lx and %#lx share a page, writable and executable; align them to 4 KiB",
                          elf->input.path, (unsigned long)low->base, (unsigned long)high->base);
    }
    return 0;
}

static int elf_segments(struct elf *elf, uint64_t end, struct why *why)
{
    for (uint32_t i = 0; i < elf->header_count; i++) {
        const uint8_t *at = elf->input.bytes + elf->headers + (uint64_t)i * elf->header_size;
        struct elf_segment segment = elf_segment_get(elf, at);

        if (get32(at) == ELF_PT_INTERP)
            return refuse(why, "%s: is dynamically linked; link it with -static", elf->input.path);
        if (get32(at) != ELF_PT_LOAD || segment.memory_size == 0)
            continue;
        if (elf_segment_check(elf, &segment, end, why) != 0 || elf_segment_insert(elf, &segment, why) != 0)
            return -1;
    }
    return elf_overlap(elf, why);
}

static int elf_entry(const struct elf *elf, struct why *why)
{
    for (unsigned i = 0; i < elf->count; i++) {
        const struct elf_segment *segment = &elf->segments[i];

        if ((segment->flags & ELF_X) != 0 && range_inside(elf->entry, 1, segment->base, segment->file_size))
            return 0;
    }
    return refuse(why, "%s: entry %#lx lies in no executable segment (by physical address)", elf->input.path,
                  (unsigned long)elf->entry);
}

static int elf_payload(struct elf *elf, uint64_t end, struct payload *out, struct why *why)
{
    if (elf_header(elf, why) != 0 || elf_segments(elf, end, why) != 0 || elf_entry(elf, why) != 0)
        return -1;
    for (unsigned i = 0; i < elf->count; i++) {
        const struct elf_segment *segment = &elf->segments[i];

        if (segment->file_size != 0 &&
            payload_add(out, elf->input.bytes + segment->offset, segment->file_size, segment->base, why) != 0)
            return -1;
    }
    out->entry = (struct plan_entry){.eip = (uint32_t)elf->entry, .eax = BH_ENTRY_MAGIC, .ebx = BH_ABI_GPA};
    return 0;
}

int payload_unikernel(const char *elf, const struct partition_spec *spec, const struct board *machine, struct payload *out,
                      char *why, size_t why_size)
{
    struct why reason = {why, why_size};
    struct elf file = {0};
    int status;

    *out = (struct payload){0};
    status = input_read(&file.input, elf, &reason);
    if (status == 0)
        status = elf_payload(&file, ram_low_end(spec, machine), out, &reason);
    if (status != 0)
        payload_free(out);
    input_free(&file.input);
    return status;
}
