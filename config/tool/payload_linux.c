/* SPDX-License-Identifier: Apache-2.0 */
/* Linux payloads, whatever the kernel's format: command line, memory map, ACPI tables, initrd. All that a firmware and a boot
 * loader would have found out is written down here, on the host; payload_linux.h has the layout. Host code. */
#include "payload_linux.h"
#include "plan_ports.h"

#include "devices.h"
#include "roles.h"

#include <stdio.h>
#include <string.h>

#define ACPI_ROOM 0x10000u
#define RESET_VECTOR_GPA 0xffff0u
#define TSC_WORD "tsc_early_khz="
#define TSC_WIDTH 10u

/* With hardware-reduced ACPI and no EFI, Linux 6.1 reboots by a jump to the BIOS in real mode and never tries the ACPI reset
 * register. So the BIOS's entry is there and writes it: cli; mov dx, PORT_RESET; mov al, RESET_VALUE; out dx, al; hlt. */
static const uint8_t reset_vector[] = {
    0xfa, 0xba, PORT_RESET & 0xff, PORT_RESET >> 8, 0xb0, RESET_VALUE, 0xee, 0xf4, 0xeb, 0xfd,
};

/* The kernel in whichever format it is. */
struct linux_image {
    bool elf;
    struct bzimage bzimage;
    struct pvh pvh;
    const struct linux_kernel *kernel;
};

static int image_open(struct linux_image *image, const struct input *input, uint64_t ram_end, struct why *why)
{
    image->elf = elf_is(input);
    image->kernel = image->elf ? &image->pvh.kernel : &image->bzimage.kernel;
    return image->elf ? pvh_open(&image->pvh, input, ram_end, why) : bzimage_open(&image->bzimage, input, ram_end, why);
}

static int initrd_place(const struct linux_kernel *kernel, const struct input *initrd, uint64_t ram_end, struct linux_start *start,
                        struct why *why)
{
    uint64_t top = ram_end;

    if (initrd->size == 0)
        return 0;
    if (top > kernel->initrd_max + 1)
        top = kernel->initrd_max + 1;
    if (initrd->size > top || ((top - initrd->size) & ~(uint64_t)PAGE_MASK) < kernel->end)
        return refuse(why, "%s: its %zu bytes do not fit between the kernel (%#lx) and the end of RAM (%#lx); raise .memory",
                      initrd->path, initrd->size, (unsigned long)kernel->end, (unsigned long)top);
    start->initrd = (top - initrd->size) & ~(uint64_t)PAGE_MASK;
    start->initrd_size = initrd->size;
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

static int command_line(const struct linux_kernel *kernel, const char *args, const struct board *machine, char line[COMMAND_MAX],
                        struct payload *out, struct why *why)
{
    size_t words, limit = COMMAND_MAX - 1;
    int length;

    if (kernel->command_max < limit)
        limit = kernel->command_max;
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

static void map_add(struct linux_start *start, uint64_t base, uint64_t end, uint32_t type)
{
    if (base < end)
        start->map[start->map_count++] = (struct linux_range){base, end, type};
}

static void map_build(struct linux_start *start, const struct partition_spec *spec, const struct board *machine, uint64_t acpi_size,
                      bool ports)
{
    uint64_t low = ram_low_end(spec, machine), acpi_end = ACPI_GPA + ((acpi_size + PAGE_MASK) & ~(uint64_t)PAGE_MASK);

    map_add(start, 0, 0xa0000, E820_RAM);
    map_add(start, 0xa0000, ACPI_GPA, E820_RESERVED);
    map_add(start, ACPI_GPA, acpi_end, E820_ACPI);
    map_add(start, acpi_end, KERNEL_GPA, E820_RESERVED);
    map_add(start, KERNEL_GPA, low, E820_RAM);
    if (partition_has_devices(spec, machine) || ports) /* else Linux does not trust the MCFG */
        map_add(start, PLAN_ECAM, PLAN_ECAM + PLAN_ECAM_SIZE, E820_RESERVED);
    map_add(start, GIB(4), GIB(4) + (spec->memory - low), E820_RAM);
}

static int linux_payload(const struct linux_image *image, const struct input *initrd, const struct product *product,
                         const struct partition_spec *spec, const struct board *machine, struct payload *out, struct why *why)
{
    static uint8_t acpi[ACPI_ROOM];
    uint8_t low[COMMAND_GPA - START_GPA + COMMAND_MAX] = {0};
    struct linux_start start = {0};
    size_t acpi_size;

    if (initrd_place(image->kernel, initrd, ram_low_end(spec, machine), &start, why) != 0 ||
        command_line(image->kernel, spec->args != NULL ? spec->args : "", machine, (char *)low + COMMAND_GPA - START_GPA, out,
                     why) != 0)
        return -1;
    acpi_size = acpi_build(acpi, sizeof(acpi), ACPI_GPA, product, spec, machine);
    if (acpi_size == 0)
        return refuse(why, "the ACPI tables do not fit");
    map_build(&start, spec, machine, acpi_size, ports_of(product, spec) != 0);
    if (image->elf)
        pvh_params(&start, low);
    else
        bzimage_params(&image->bzimage, &start, low);
    if (payload_add(out, low, sizeof(low), START_GPA, why) != 0 || payload_add(out, acpi, acpi_size, ACPI_GPA, why) != 0 ||
        payload_add(out, reset_vector, sizeof(reset_vector), RESET_VECTOR_GPA, why) != 0 ||
        (image->elf ? pvh_add(&image->pvh, out, why) : bzimage_add(&image->bzimage, out, why)) != 0)
        return -1;
    return initrd->size != 0 ? payload_add(out, initrd->bytes, initrd->size, start.initrd, why) : 0;
}

int payload_linux(const char *kernel, const char *initrd, const struct product *product, const struct partition_spec *spec,
                  const struct board *machine, struct payload *out, char *why, size_t why_size)
{
    struct why reason = {why, why_size};
    struct input kernel_file = {0}, initrd_file = {0};
    struct linux_image image = {0};
    int status;

    *out = (struct payload){0};
    status = input_read(&kernel_file, kernel, &reason);
    if (status == 0 && initrd != NULL)
        status = input_read(&initrd_file, initrd, &reason);
    if (status == 0)
        status = image_open(&image, &kernel_file, ram_low_end(spec, machine), &reason);
    if (status == 0)
        status = linux_payload(&image, &initrd_file, product, spec, machine, out, &reason);
    if (status != 0)
        payload_free(out);
    input_free(&initrd_file);
    input_free(&kernel_file);
    return status;
}
