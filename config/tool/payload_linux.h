/* SPDX-License-Identifier: Apache-2.0 */
/* What the formats of a Linux kernel share: where the pieces go, and what the kernel is told. Host code.
 *
 *   0x10000            what the kernel is told: boot_params (bzImage) or hvm_start_info (vmlinux), one page
 *   0x11000            the command line
 *   0xe0000            ACPI tables
 *   0xffff0            what a BIOS has there: a reset
 *   0x100000           a bzImage, which unpacks itself to its preferred address
 *   0x1000000          a vmlinux, or wherever its program headers say
 *   high               initrd, ending at the end of low RAM or at the highest address the kernel takes */
#ifndef BULKHEAD_PAYLOAD_LINUX_H
#define BULKHEAD_PAYLOAD_LINUX_H

#include "elf_file.h"

#define START_GPA 0x10000u
#define COMMAND_GPA 0x11000u
#define ACPI_GPA 0xe0000u /* acpi_build puts the RSDP first */
#define KERNEL_GPA 0x100000u
#define COMMAND_MAX 2048u /* with the NUL: the kernel's COMMAND_LINE_SIZE on x86 */

enum { E820_RAM = 1, E820_RESERVED = 2, E820_ACPI = 3 };

struct linux_range {
    uint64_t base, end;
    uint32_t type;
};

/* Independent of the format. */
struct linux_start {
    uint64_t initrd, initrd_size;
    struct linux_range map[7];
    uint32_t map_count;
};

/* What placing the other pieces needs to know of a kernel. */
struct linux_kernel {
    const struct input *input;
    uint64_t end;         /* what it takes to unpack and start ends here */
    uint64_t initrd_max;  /* highest address of an initrd's last byte */
    uint32_t command_max; /* without the NUL */
};

/* --- bzImage: the 32-bit boot protocol (Linux, Documentation/x86/boot.rst) --- */

struct bzimage {
    struct linux_kernel kernel;
    uint64_t code_offset, code_size; /* protected-mode part in the file */
    uint32_t header_end;
};

int bzimage_open(struct bzimage *image, const struct input *input, uint64_t ram_end, struct why *why);
void bzimage_params(const struct bzimage *image, const struct linux_start *start, uint8_t page[PAGE_SIZE]);
int bzimage_add(const struct bzimage *image, struct payload *out, struct why *why);

/* --- vmlinux, an ELF file: the PVH boot protocol (Xen, docs/misc/pvh.pandoc) --- */

struct pvh {
    struct linux_kernel kernel;
    struct elf elf;
    uint64_t entry;
};

int pvh_open(struct pvh *image, const struct input *input, uint64_t ram_end, struct why *why);
void pvh_params(const struct linux_start *start, uint8_t page[PAGE_SIZE]);
int pvh_add(const struct pvh *image, struct payload *out, struct why *why);

#endif
