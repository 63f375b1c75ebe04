/* SPDX-License-Identifier: Apache-2.0 */
/* Linux payloads: a bzImage entered by the 32-bit boot protocol (Linux, Documentation/x86/boot.rst), everything its
 * setup code and a firmware would have found out written down here, on the host. Host code.
 *
 *   0x10000            boot_params (the "zero page"), then the command line
 *   0xe0000            ACPI tables
 *   0xffff0            what a BIOS has there: a reset
 *   0x100000           the kernel's protected-mode part, as compressed; it unpacks itself to its preferred address
 *   high               initrd, ending at the end of low RAM or at the highest address the kernel takes
 *
 * The kernel's first instructions load a GDT of its own before any segment register, so none has to stand in memory. */
#include "devices.h"
#include "payload_file.h"

#include <stdio.h>
#include <string.h>

#define PARAMS_GPA 0x10000u
#define COMMAND_GPA 0x11000u
#define ACPI_GPA 0xe0000u
#define KERNEL_GPA 0x100000u
#define ACPI_ROOM 0x10000u
#define RESET_VECTOR_GPA 0xffff0u
#define COMMAND_MAX 2048u /* with the NUL: the kernel's COMMAND_LINE_SIZE on x86 */
#define TSC_WORD "tsc_early_khz="
#define TSC_WIDTH 10u
#define PROTOCOL_MIN 0x20cu

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

/* With hardware-reduced ACPI and no EFI, Linux 6.1 reboots by a jump to the BIOS in real mode and never tries the ACPI reset
 * register. So the BIOS's entry is there and writes it: cli; mov dx, PORT_RESET; mov al, RESET_VALUE; out dx, al; hlt. */
static const uint8_t reset_vector[] = {
    0xfa, 0xba, PORT_RESET & 0xff, PORT_RESET >> 8, 0xb0, RESET_VALUE, 0xee, 0xf4, 0xeb, 0xfd,
};

enum { E820_RAM = 1, E820_RESERVED = 2, E820_ACPI = 3 };

struct bzimage {
    struct input input;
    uint64_t code_offset, code_size;    /* protected-mode part in the file */
    uint64_t runtime_base, runtime_end; /* what it takes to unpack and start */
    uint64_t initrd_max;                /* highest address of an initrd's last byte */
    uint32_t command_max;               /* without the NUL */
    uint32_t header_end;
};

static int bzimage_header(struct bzimage *image, struct why *why)
{
    const uint8_t *at = image->input.bytes;
    const char *path = image->input.path;
    uint32_t sectors;

    if (image->input.size < HDR_END_MAX || get16(at + HDR_BOOT_FLAG) != 0xaa55 || memcmp(at + HDR_MAGIC, "HdrS", 4) != 0)
        return refuse(why, "%s: is not a bzImage (no Linux setup header)", path);
    if (get16(at + HDR_VERSION) < PROTOCOL_MIN)
        return refuse(why, "%s: boot protocol %u.%02u is too old, 2.12 or later is needed", path, at[HDR_VERSION + 1],
                      at[HDR_VERSION]);
    image->header_end = HDR_MAGIC + at[HDR_JUMP_LENGTH];
    if (image->header_end < HDR_END_MIN || image->header_end > HDR_END_MAX)
        return refuse(why, "%s: its setup header ends at %#x", path, image->header_end);
    if ((at[HDR_LOADFLAGS] & LOADED_HIGH) == 0)
        return refuse(why, "%s: is a zImage, which loads below 1 MiB; use a bzImage", path);
    sectors = at[HDR_SETUP_SECTS] != 0 ? at[HDR_SETUP_SECTS] : 4;
    image->code_offset = (sectors + 1) * 512;
    image->code_size = (uint64_t)get32(at + HDR_SYSSIZE) * 16;
    /* syssize counts 16-byte units, the last of which the file may lack in part. */
    if (image->code_offset < image->input.size && image->code_size > image->input.size - image->code_offset &&
        image->code_size - (image->input.size - image->code_offset) < 16)
        image->code_size = image->input.size - image->code_offset;
    if (image->code_size == 0 || !range_inside(image->code_offset, image->code_size, 0, image->input.size))
        return refuse(why, "%s: is cut short: its header promises %lu bytes of kernel at %#lx", path,
                      (unsigned long)image->code_size, (unsigned long)image->code_offset);
    image->command_max = get32(at + HDR_CMDLINE_SIZE);
    image->initrd_max = get32(at + HDR_INITRD_ADDR_MAX);
    return 0;
}

/* Where the kernel will unpack itself: boot protocol, field init_size. */
static int bzimage_runtime(struct bzimage *image, uint64_t ram_end, struct why *why)
{
    const uint8_t *at = image->input.bytes;
    uint64_t base = get64(at + HDR_PREF_ADDRESS), alignment = get32(at + HDR_KERNEL_ALIGNMENT);

    if (at[HDR_RELOCATABLE] != 0) {
        if (alignment == 0 || (alignment & (alignment - 1)) != 0)
            return refuse(why, "%s: its kernel_alignment %#lx is no power of two", image->input.path, (unsigned long)alignment);
        base = base > KERNEL_GPA ? base : KERNEL_GPA;
        if (base < GIB(4))
            base = (base + alignment - 1) & ~(alignment - 1);
    }
    if (base < KERNEL_GPA || base > GIB(4))
        return refuse(why, "%s: wants to run at %#lx, outside 1 MiB to 4 GiB", image->input.path, (unsigned long)base);
    image->runtime_base = base;
    image->runtime_end = base + get32(at + HDR_INIT_SIZE);
    if (image->runtime_end < KERNEL_GPA + image->code_size)
        image->runtime_end = KERNEL_GPA + image->code_size;
    if (image->runtime_end > ram_end)
        return refuse(why, "%s: needs RAM up to %#lx to unpack itself, the partition's ends at %#lx; raise .memory",
                      image->input.path, (unsigned long)image->runtime_end, (unsigned long)ram_end);
    return 0;
}

static int initrd_place(const struct bzimage *image, const struct input *initrd, uint64_t ram_end, uint64_t *base, struct why *why)
{
    uint64_t top = ram_end;

    if (top > image->initrd_max + 1)
        top = image->initrd_max + 1;
    if (initrd->size > top || ((top - initrd->size) & ~(uint64_t)PAGE_MASK) < image->runtime_end)
        return refuse(why, "%s: its %zu bytes do not fit between the kernel (%#lx) and the end of RAM (%#lx); raise .memory",
                      initrd->path, initrd->size, (unsigned long)image->runtime_end, (unsigned long)top);
    *base = (top - initrd->size) & ~(uint64_t)PAGE_MASK;
    return 0;
}

/* Length of the kernel's own words: what follows a lone "--" is for init. */
static size_t kernel_words(const char *args)
{
    const char *at = args;

    while ((at = strstr(at, "--")) != NULL) {
        if ((at == args || at[-1] == ' ') && (at[2] == ' ' || at[2] == '\0'))
            return (size_t)(at - args);
        at += 2;
    }
    return strlen(args);
}

/* Where the board vouches for the TSC, Linux need not watch it by its own timer interrupts: on a busy emulator these come late, and it
 * would call the TSC unstable. */
static const char *tsc_trust(const struct board *machine)
{
    return machine->invariant_tsc ? "tsc=reliable " : "";
}

static int command_line(const struct bzimage *image, const char *args, const struct board *machine, char line[COMMAND_MAX],
                        struct payload *out, struct why *why)
{
    size_t words, limit = COMMAND_MAX - 1;
    int length;

    if (image->command_max < limit)
        limit = image->command_max;
    for (const char *at = args; *at != '\0'; at++)
        if ((unsigned char)*at < ' ' || *at == 0x7f)
            return refuse(why, ".args: contains a control character");
    words = kernel_words(args);
    length = snprintf(line, COMMAND_MAX, "%.*s %s" TSC_WORD "%*s%s%s", (int)words, args, tsc_trust(machine), (int)TSC_WIDTH, "",
                      args[words] ? " " : "", args + words);
    if (length < 0 || (size_t)length > limit)
        return refuse(why, ".args: the kernel command line has %d characters, %zu are allowed", length, limit);
    out->tsc_khz_text = GPA(COMMAND_GPA + words + 1 + strlen(tsc_trust(machine)) + strlen(TSC_WORD));
    out->tsc_khz_width = TSC_WIDTH;
    return 0;
}

static void e820_add(uint8_t *params, uint64_t base, uint64_t end, uint32_t type)
{
    uint8_t *at = params + BP_E820_TABLE + 20u * params[BP_E820_COUNT];

    if (base >= end)
        return;
    params[BP_E820_COUNT]++;
    put64(at, base);
    put64(at + 8, end - base);
    put32(at + 16, type);
}

static void e820_build(uint8_t *params, const struct partition_spec *spec, const struct board *machine, uint64_t acpi_size)
{
    uint64_t low = ram_low_end(spec, machine), acpi_end = ACPI_GPA + ((acpi_size + PAGE_MASK) & ~(uint64_t)PAGE_MASK);

    e820_add(params, 0, 0xa0000, E820_RAM);
    e820_add(params, 0xa0000, ACPI_GPA, E820_RESERVED);
    e820_add(params, ACPI_GPA, acpi_end, E820_ACPI);
    e820_add(params, acpi_end, KERNEL_GPA, E820_RESERVED);
    e820_add(params, KERNEL_GPA, low, E820_RAM);
    e820_add(params, GIB(4), GIB(4) + (spec->memory - low), E820_RAM);
}

static void params_build(uint8_t *params, const struct bzimage *image, uint64_t initrd, uint64_t initrd_size)
{
    memcpy(params + HDR_START, image->input.bytes + HDR_START, image->header_end - HDR_START);
    params[HDR_TYPE_OF_LOADER] = LOADER_OTHER;
    params[HDR_LOADFLAGS] = (uint8_t)(params[HDR_LOADFLAGS] & ~(QUIET_FLAG | KEEP_SEGMENTS | CAN_USE_HEAP));
    put32(params + HDR_CODE32_START, KERNEL_GPA);
    put32(params + HDR_RAMDISK_IMAGE, (uint32_t)initrd);
    put32(params + HDR_RAMDISK_SIZE, (uint32_t)initrd_size);
    put32(params + HDR_CMD_LINE_PTR, COMMAND_GPA);
    put64(params + HDR_SETUP_DATA, 0);
    put64(params + BP_ACPI_RSDP, ACPI_GPA); /* acpi_build puts the RSDP first */
}

static int linux_payload(const struct bzimage *image, const struct input *initrd, const struct partition_spec *spec,
                         const struct board *machine, struct payload *out, struct why *why)
{
    static uint8_t acpi[ACPI_ROOM];
    uint8_t low[COMMAND_GPA - PARAMS_GPA + COMMAND_MAX] = {0};
    uint64_t initrd_base = 0;
    size_t acpi_size;

    if (initrd->size != 0 && initrd_place(image, initrd, ram_low_end(spec, machine), &initrd_base, why) != 0)
        return -1;
    if (command_line(image, spec->args != NULL ? spec->args : "", machine, (char *)low + COMMAND_GPA - PARAMS_GPA, out, why) != 0)
        return -1;
    acpi_size = acpi_build(acpi, sizeof(acpi), ACPI_GPA, spec, machine);
    if (acpi_size == 0)
        return refuse(why, "the ACPI tables do not fit");
    params_build(low, image, initrd_base, initrd->size);
    e820_build(low, spec, machine, acpi_size);
    if (payload_add(out, low, sizeof(low), PARAMS_GPA, why) != 0 || payload_add(out, acpi, acpi_size, ACPI_GPA, why) != 0 ||
        payload_add(out, reset_vector, sizeof(reset_vector), RESET_VECTOR_GPA, why) != 0 ||
        payload_add(out, image->input.bytes + image->code_offset, image->code_size, KERNEL_GPA, why) != 0)
        return -1;
    out->entry = (struct plan_entry){.eip = KERNEL_GPA, .esi = PARAMS_GPA};
    return initrd->size != 0 ? payload_add(out, initrd->bytes, initrd->size, initrd_base, why) : 0;
}

int payload_linux(const char *kernel, const char *initrd, const struct partition_spec *spec, const struct board *machine,
                  struct payload *out, char *why, size_t why_size)
{
    struct why reason = {why, why_size};
    struct bzimage image = {0};
    struct input disk = {0};
    int status;

    *out = (struct payload){0};
    status = input_read(&image.input, kernel, &reason);
    if (status == 0 && initrd != NULL)
        status = input_read(&disk, initrd, &reason);
    if (status == 0)
        status = bzimage_header(&image, &reason);
    if (status == 0)
        status = bzimage_runtime(&image, ram_low_end(spec, machine), &reason);
    if (status == 0)
        status = linux_payload(&image, &disk, spec, machine, out, &reason);
    if (status != 0)
        payload_free(out);
    input_free(&disk);
    input_free(&image.input);
    return status;
}
