/* SPDX-License-Identifier: Apache-2.0 */
/* Unikernel payloads from static x86 ELF files of 32 or 64 bits. Host code. */
#include "elf_file.h"

#include "bulkhead_abi.h"

#define ELF_WX (ELF_W | ELF_X)

/* A page that is both writable and executable is W+X too. */
static int unikernel_wx(const struct elf *elf, struct why *why)
{
    for (unsigned i = 0; i < elf->count; i++) {
        const struct elf_segment *segment = &elf->segments[i], *low = &elf->segments[i > 0 ? i - 1 : 0];

        if ((segment->flags & ELF_WX) == ELF_WX)
            return refuse(why, "%s: segment at %#lx is writable and executable; give code and data segments of their own",
                          elf->input->path, (unsigned long)segment->base);
        if (i > 0 && ((low->flags | segment->flags) & ELF_WX) == ELF_WX &&
            (low->base + low->memory_size - 1) / PAGE_SIZE == segment->base / PAGE_SIZE)
            return refuse(why, "%s: segments at %#lx and %#lx share a page, writable and executable; align them to 4 KiB",
                          elf->input->path, (unsigned long)low->base, (unsigned long)segment->base);
    }
    return 0;
}

static int unikernel_payload(const struct elf *elf, struct payload *out, struct why *why)
{
    if (unikernel_wx(elf, why) != 0)
        return -1;
    if (!elf_executable(elf, elf->entry))
        return refuse(why, "%s: entry %#lx lies in no executable segment (by physical address)", elf->input->path,
                      (unsigned long)elf->entry);
    for (unsigned i = 0; i < elf->count; i++) {
        const struct elf_segment *segment = &elf->segments[i];

        if (segment->file_size != 0 &&
            payload_add(out, elf->input->bytes + segment->offset, segment->file_size, segment->base, why) != 0)
            return -1;
    }
    out->entry = (struct plan_entry){.eip = (uint32_t)elf->entry, .eax = BH_ENTRY_MAGIC, .ebx = BH_ABI_GPA};
    return 0;
}

/* Below the ABI area: what the library's heap ends at. */
int payload_files(const char *archive, const struct partition_spec *spec, const struct board *machine, struct payload *payload,
                  char *why, size_t why_size)
{
    struct why reason = {why, why_size};
    struct input input;
    uint64_t low = ram_low_end(spec, machine), end = low < BH_ABI_GPA ? low : BH_ABI_GPA, base;
    int status = input_read(&input, archive, &reason);

    if (status != 0)
        return status;
    base = (end - input.size) & ~(uint64_t)PAGE_MASK;
    if (input.size > end)
        status = refuse(&reason, "%s: %zu bytes are more than the partition's memory", archive, input.size);
    for (uint32_t i = 0; i < payload->segment_count && status == 0; i++)
        if (payload->segments[i].gpa.v + payload->segments[i].size > base)
            status =
                refuse(&reason, "%s: %zu bytes do not fit beside the program; give the partition more memory", archive, input.size);
    if (status == 0)
        status = payload_add(payload, input.bytes, input.size, base, &reason);
    if (status == 0) {
        payload->files = GPA(base);
        payload->files_size = input.size;
    }
    input_free(&input);
    return status;
}

int payload_unikernel(const char *path, const struct partition_spec *spec, const struct board *machine, struct payload *out,
                      char *why, size_t why_size)
{
    struct why reason = {why, why_size};
    struct input input = {0};
    struct elf elf;
    int status;

    *out = (struct payload){0};
    status = input_read(&input, path, &reason);
    if (status == 0)
        status = elf_open(&elf, &input, ram_low_end(spec, machine), &reason);
    if (status == 0)
        status = unikernel_payload(&elf, out, &reason);
    if (status != 0)
        payload_free(out);
    input_free(&input);
    return status;
}
