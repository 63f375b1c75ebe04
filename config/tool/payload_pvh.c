/* SPDX-License-Identifier: Apache-2.0 */
/* A vmlinux: the kernel unpacked, an ELF file, entered by the PVH boot protocol (Xen, docs/misc/pvh.pandoc; structures:
 * xen/include/public/arch-x86/hvm/start_info.h). Nothing of it has to be unpacked in the partition. Its first instructions load
 * a GDT of its own, so none has to stand in memory. Host code.
 *
 * Code and data may share pages here: the kernel sets up its own page tables and closes them. */
#include "payload_linux.h"

#include <string.h>

#define PHYS32_ENTRY 18u /* XEN_ELFNOTE_PHYS32_ENTRY: the entry in 32-bit protected mode */
#define START_MAGIC 0x336ec578u
#define START_VERSION 1u
#define INITRD_MAX_WIDE 0x7fffffffu   /* as a 64-bit bzImage says of itself */
#define INITRD_MAX_NARROW 0x37ffffffu /* and a 32-bit one */

/* Offsets in the page: hvm_start_info, then its list of modules and its memory map. */
enum {
    INFO_MAGIC = 0,
    INFO_VERSION = 4,
    INFO_MODULES = 12,
    INFO_MODULE_LIST = 16,
    INFO_COMMAND = 24,
    INFO_RSDP = 32,
    INFO_MAP = 40,
    INFO_MAP_COUNT = 48,
    MODULE = 64,
    MAP = 128,
    MAP_ENTRY = 24,
};

/* Memory is zero where no payload says otherwise, so a hole of this size is left out: it would have to be hashed and copied.
 * A kernel's file contains its unset variables, 17 of 66 MiB in Debian's. */
#define HOLE_MIN KIB(64)

#define PIECES_MAX (PAYLOAD_MAX_SEGMENTS - 4) /* beside start information, ACPI tables, reset, initrd */

struct pieces {
    struct piece {
        uint64_t offset, base, size;
    } at[PIECES_MAX];
    unsigned count;
};

static int pvh_entry(struct pvh *image, struct why *why)
{
    const char *path = image->kernel.input->path;
    uint32_t size = 0;
    const uint8_t *note = elf_note(&image->elf, "Xen", PHYS32_ENTRY, &size);

    if (note == 0)
        return refuse(why, "%s: is an ELF file without a PVH entry; build the kernel with CONFIG_PVH=y, or name its bzImage", path);
    if (size != 4 && size != 8)
        return refuse(why, "%s: its PVH entry has %u bytes, not 4 or 8", path, size);
    image->entry = size == 8 ? get64(note) : get32(note);
    if (!elf_executable(&image->elf, image->entry))
        return refuse(why, "%s: its PVH entry %#lx lies in no executable segment (by physical address)", path,
                      (unsigned long)image->entry);
    return 0;
}

int pvh_open(struct pvh *image, const struct input *input, uint64_t ram_end, struct why *why)
{
    const struct elf_segment *last;

    *image = (struct pvh){.kernel.input = input};
    if (elf_open(&image->elf, input, ram_end, why) != 0 || pvh_entry(image, why) != 0)
        return -1;
    last = &image->elf.segments[image->elf.count - 1]; /* the entry is in one, so there is one */
    image->kernel.end = last->base + last->memory_size;
    image->kernel.initrd_max = image->elf.wide ? INITRD_MAX_WIDE : INITRD_MAX_NARROW;
    image->kernel.command_max = COMMAND_MAX - 1;
    return 0;
}

void pvh_params(const struct linux_start *start, uint8_t page[PAGE_SIZE])
{
    put32(page + INFO_MAGIC, START_MAGIC);
    put32(page + INFO_VERSION, START_VERSION);
    put64(page + INFO_COMMAND, COMMAND_GPA);
    put64(page + INFO_RSDP, ACPI_GPA);
    put64(page + INFO_MAP, START_GPA + MAP);
    put32(page + INFO_MAP_COUNT, start->map_count);
    if (start->initrd_size != 0) {
        put32(page + INFO_MODULES, 1);
        put64(page + INFO_MODULE_LIST, START_GPA + MODULE);
        put64(page + MODULE, start->initrd);
        put64(page + MODULE + 8, start->initrd_size);
    }
    for (uint32_t i = 0; i < start->map_count; i++) {
        uint8_t *at = page + MAP + MAP_ENTRY * i;

        put64(at, start->map[i].base);
        put64(at + 8, start->map[i].end - start->map[i].base);
        put32(at + 16, start->map[i].type);
    }
}

/* Bytes from `at` on, in pages, that are all zero or, the other way, that are not. */
static uint64_t run_length(const uint8_t *at, uint64_t left, bool zero)
{
    static const uint8_t nothing[PAGE_SIZE];
    uint64_t length = 0, size;

    for (; length < left; length += size) {
        size = left - length < PAGE_SIZE ? left - length : PAGE_SIZE;
        if ((memcmp(at + length, nothing, size) == 0) != zero)
            break;
    }
    return length;
}

/* Take a segment without its holes of this size and above; false: too many pieces. */
static bool segment_split(const struct pvh *image, const struct elf_segment *segment, uint64_t hole, struct pieces *pieces)
{
    const uint8_t *bytes = image->kernel.input->bytes + segment->offset;
    unsigned first = pieces->count;
    uint64_t at = 0;

    while (at < segment->file_size) {
        uint64_t gap = run_length(bytes + at, segment->file_size - at, true);
        uint64_t used = run_length(bytes + at + gap, segment->file_size - at - gap, false);

        if (used == 0)
            return true; /* the rest is one hole */
        if (pieces->count > first && gap < hole)
            pieces->at[pieces->count - 1].size += gap + used;
        else if (pieces->count == PIECES_MAX)
            return false;
        else
            pieces->at[pieces->count++] = (struct piece){segment->offset + at + gap, segment->base + at + gap, used};
        at += gap + used;
    }
    return true;
}

static bool kernel_split(const struct pvh *image, uint64_t hole, struct pieces *pieces)
{
    pieces->count = 0;
    for (unsigned i = 0; i < image->elf.count; i++)
        if (!segment_split(image, &image->elf.segments[i], hole, pieces))
            return false;
    return true;
}

int pvh_add(const struct pvh *image, struct payload *out, struct why *why)
{
    struct pieces pieces;
    uint64_t hole = HOLE_MIN;

    while (!kernel_split(image, hole, &pieces)) {
        if (hole > image->kernel.input->size)
            return refuse(why, "%s: has more than %u segments to load", image->kernel.input->path, PIECES_MAX);
        hole *= 2;
    }
    for (unsigned i = 0; i < pieces.count; i++)
        if (payload_add(out, image->kernel.input->bytes + pieces.at[i].offset, pieces.at[i].size, pieces.at[i].base, why) != 0)
            return -1;
    out->entry = (struct plan_entry){.eip = (uint32_t)image->entry, .ebx = START_GPA};
    return 0;
}
