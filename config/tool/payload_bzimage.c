/* SPDX-License-Identifier: Apache-2.0 */
/* A bzImage, entered by the 32-bit boot protocol (Linux, Documentation/x86/boot.rst): what its setup code would have found out is
 * written down here. Its first instructions load a GDT of its own before any segment register, so none has to stand in memory.
 * Host code. */
#include "payload_linux.h"

#include <string.h>

#include "check.h"

/* Offsets in the bzImage's setup header and, the same, in boot_params. */
enum {
    BP_ACPI_RSDP = 0x70,
    BP_E820_COUNT = 0x1e8,
    HDR_START = 0x1f1,
    HDR_SETUP_SECTS = 0x1f1,
    HDR_SYSSIZE = 0x1f4,
    HDR_BOOT_FLAG = 0x1fe,
    HDR_JUMP_LENGTH = 0x201,
    HDR_MAGIC = 0x202,
    HDR_VERSION = 0x206,
    HDR_TYPE_OF_LOADER = 0x210,
    HDR_LOADFLAGS = 0x211,
    HDR_CODE32_START = 0x214,
    HDR_RAMDISK_IMAGE = 0x218,
    HDR_RAMDISK_SIZE = 0x21c,
    HDR_CMD_LINE_PTR = 0x228,
    HDR_INITRD_ADDR_MAX = 0x22c,
    HDR_KERNEL_ALIGNMENT = 0x230,
    HDR_RELOCATABLE = 0x234,
    HDR_CMDLINE_SIZE = 0x238,
    HDR_SETUP_DATA = 0x250,
    HDR_PREF_ADDRESS = 0x258,
    HDR_INIT_SIZE = 0x260,
    HDR_END_MIN = 0x264,
    HDR_END_MAX = 0x290, /* boot_params goes on with something else here */
    BP_E820_TABLE = 0x2d0,
};

#define LOADED_HIGH 0x01u
#define QUIET_FLAG 0x20u
#define KEEP_SEGMENTS 0x40u
#define CAN_USE_HEAP 0x80u
#define LOADER_OTHER 0xffu

static int bzimage_header(struct bzimage *image, struct why *why)
{
    const struct input *input = image->kernel.input;
    const uint8_t *at = input->bytes;
    const char *path = input->path;
    uint32_t sectors;

    if (input->size < HDR_END_MAX || get16(at + HDR_BOOT_FLAG) != 0xaa55 || memcmp(at + HDR_MAGIC, "HdrS", 4) != 0)
        return refuse(why, "%s: is not a bzImage (no Linux setup header)", path);
    if (get16(at + HDR_VERSION) < LINUX_PROTOCOL_MIN)
        return refuse(why, "%s: boot protocol %u.%02u is too old, %u.%02u or later is needed", path, at[HDR_VERSION + 1],
                      at[HDR_VERSION], LINUX_PROTOCOL_MIN >> 8, LINUX_PROTOCOL_MIN & 0xff);
    image->header_end = HDR_MAGIC + at[HDR_JUMP_LENGTH];
    if (image->header_end < HDR_END_MIN || image->header_end > HDR_END_MAX)
        return refuse(why, "%s: its setup header ends at %#x", path, image->header_end);
    if ((at[HDR_LOADFLAGS] & LOADED_HIGH) == 0)
        return refuse(why, "%s: is a zImage, which loads below 1 MiB; use a bzImage", path);
    sectors = at[HDR_SETUP_SECTS] != 0 ? at[HDR_SETUP_SECTS] : 4;
    image->code_offset = (sectors + 1) * 512;
    image->code_size = (uint64_t)get32(at + HDR_SYSSIZE) * 16;
    /* syssize counts 16-byte units, the last of which the file may lack in part. */
    if (image->code_offset < input->size && image->code_size > input->size - image->code_offset &&
        image->code_size - (input->size - image->code_offset) < 16)
        image->code_size = input->size - image->code_offset;
    if (image->code_size == 0 || !range_inside(image->code_offset, image->code_size, 0, input->size))
        return refuse(why, "%s: is cut short: its header promises %lu bytes of kernel at %#lx", path,
                      (unsigned long)image->code_size, (unsigned long)image->code_offset);
    image->kernel.command_max = get32(at + HDR_CMDLINE_SIZE);
    image->kernel.initrd_max = get32(at + HDR_INITRD_ADDR_MAX);
    return 0;
}

/* Where the kernel will unpack itself: boot protocol, field init_size. */
static int bzimage_runtime(struct bzimage *image, uint64_t ram_end, struct why *why)
{
    const uint8_t *at = image->kernel.input->bytes;
    uint64_t base = get64(at + HDR_PREF_ADDRESS), alignment = get32(at + HDR_KERNEL_ALIGNMENT);

    if (at[HDR_RELOCATABLE] != 0) {
        if (alignment == 0 || (alignment & (alignment - 1)) != 0)
            return refuse(why, "%s: its kernel_alignment %#lx is no power of two", image->kernel.input->path,
                          (unsigned long)alignment);
        base = base > KERNEL_GPA ? base : KERNEL_GPA;
        if (base < GIB(4))
            base = (base + alignment - 1) & ~(alignment - 1);
    }
    if (base < KERNEL_GPA || base > GIB(4))
        return refuse(why, "%s: wants to run at %#lx, outside 1 MiB to 4 GiB", image->kernel.input->path, (unsigned long)base);
    image->kernel.end = base + get32(at + HDR_INIT_SIZE);
    if (image->kernel.end < KERNEL_GPA + image->code_size)
        image->kernel.end = KERNEL_GPA + image->code_size;
    if (image->kernel.end > ram_end)
        return refuse(why, "%s: needs RAM up to %#lx to unpack itself, the partition's ends at %#lx; raise .memory",
                      image->kernel.input->path, (unsigned long)image->kernel.end, (unsigned long)ram_end);
    return 0;
}

int bzimage_open(struct bzimage *image, const struct input *input, uint64_t ram_end, struct why *why)
{
    *image = (struct bzimage){.kernel.input = input};
    return bzimage_header(image, why) == 0 ? bzimage_runtime(image, ram_end, why) : -1;
}

void bzimage_params(const struct bzimage *image, const struct linux_start *start, uint8_t page[PAGE_SIZE])
{
    memcpy(page + HDR_START, image->kernel.input->bytes + HDR_START, image->header_end - HDR_START);
    page[HDR_TYPE_OF_LOADER] = LOADER_OTHER;
    page[HDR_LOADFLAGS] = (uint8_t)(page[HDR_LOADFLAGS] & ~(QUIET_FLAG | KEEP_SEGMENTS | CAN_USE_HEAP));
    put32(page + HDR_CODE32_START, KERNEL_GPA);
    put32(page + HDR_RAMDISK_IMAGE, (uint32_t)start->initrd);
    put32(page + HDR_RAMDISK_SIZE, (uint32_t)start->initrd_size);
    put32(page + HDR_CMD_LINE_PTR, COMMAND_GPA);
    put64(page + HDR_SETUP_DATA, 0);
    put64(page + BP_ACPI_RSDP, ACPI_GPA);
    page[BP_E820_COUNT] = (uint8_t)start->map_count;
    for (uint32_t i = 0; i < start->map_count; i++) {
        uint8_t *at = page + BP_E820_TABLE + 20u * i;

        put64(at, start->map[i].base);
        put64(at + 8, start->map[i].end - start->map[i].base);
        put32(at + 16, start->map[i].type);
    }
}

int bzimage_add(const struct bzimage *image, struct payload *out, struct why *why)
{
    out->entry = (struct plan_entry){.eip = KERNEL_GPA, .esi = START_GPA};
    return payload_add(out, image->kernel.input->bytes + image->code_offset, image->code_size, KERNEL_GPA, why);
}
