/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of the image files. They look only at files they were given: `planner --check` has none but the product's own. */
#include <string.h>

#include "image.h"
#include "rules.h"

#define HEX(x) ((unsigned long long)(x))
#define LINUX_SPARE MIB(32) /* beside kernel and initrd: unpacking the initrd, page tables, first processes */

static const struct image_files *files_of(const struct check *check, const struct partition_spec *p)
{
    return &check->images[p - check->product->partitions];
}

/* The file of a partition of this kind, or 0: then there is nothing to look at. */
static const char *elf_of(const struct check *check, const struct partition_spec *p)
{
    return check->images && p->kind == IMAGE_UNIKERNEL ? files_of(check, p)->elf : 0;
}

static const char *kernel_of(const struct check *check, const struct partition_spec *p)
{
    return check->images && p->kind == IMAGE_LINUX ? files_of(check, p)->kernel : 0;
}

static const char *initrd_of(const struct check *check, const struct partition_spec *p)
{
    return check->images && p->kind == IMAGE_LINUX ? files_of(check, p)->initrd : 0;
}

/* A partition's ELF if it can be judged at all. */
static bool sound_elf(const struct check *check, const struct partition_spec *p, struct elf_facts *facts)
{
    const char *path = elf_of(check, p);
    if (!path)
        return false;
    elf_read(path, facts);
    return facts->readable && !facts->defect;
}

static bool sound_kernel(const struct check *check, const struct partition_spec *p, struct bzimage_facts *facts)
{
    const char *path = kernel_of(check, p);
    if (!path)
        return false;
    bzimage_read(path, facts);
    return facts->readable && facts->bzimage;
}

void rule_image_stray(struct check *check)
{
    const char *reason = "no partition of this kind uses it: it would be left out silently";
    if (check->stray_image)
        found(check, (struct place){"product", 0, "partitions"}, reason, "name a partition of the product, as NAME=FILE", "%s",
              check->stray_image);
    if (!check->images)
        return;
    EACH_PARTITION(p, check)
    {
        const struct image_files *files = files_of(check, p);
        const char *stray = p->kind != IMAGE_LINUX ? 0 : files->elf ? files->elf : p->files ? 0 : files->files;
        if (p->kind == IMAGE_UNIKERNEL && !p->kernel && !p->initrd)
            stray = files->kernel ? files->kernel : files->initrd;
        if (stray)
            found(check, (struct place){"product", p, "kind"}, reason, "--image is for unikernels, --kernel and --initrd for Linux",
                  "%s", stray);
    }
}

static void missing(struct check *check, const struct partition_spec *p, const char *field, const char *path)
{
    if (path ? path[0] && !file_readable(path) : check->images_made)
        found(check, (struct place){path ? path : "product", p, field}, "the image file is not there or cannot be read",
              "build it, or correct the path", "%s", path ? path : "not given");
}

void rule_image_missing(struct check *check)
{
    if (!check->images)
        return;
    EACH_PARTITION(p, check)
    {
        if (p->kind == IMAGE_UNIKERNEL)
            missing(check, p, "program", files_of(check, p)->elf);
        if (p->kind == IMAGE_LINUX) {
            missing(check, p, "kernel", files_of(check, p)->kernel);
            missing(check, p, "initrd", files_of(check, p)->initrd);
        }
    }
}

void rule_elf_kind(struct check *check)
{
    EACH_PARTITION(p, check)
    {
        struct elf_facts elf;
        const char *path = elf_of(check, p);
        if (!path)
            continue;
        elf_read(path, &elf);
        if (elf.readable && elf.defect)
            found(check, (struct place){path, p, "program"}, "the image is not a whole x86 ELF executable",
                  "link it with the rules in partitions/lib", "%s", elf.defect);
    }
}

void rule_elf_dynamic(struct check *check)
{
    struct elf_facts elf;
    EACH_PARTITION(p, check)
    if (sound_elf(check, p, &elf) && elf.dynamic)
        found(check, (struct place){elf_of(check, p), p, "program"}, "nothing in a partition loads shared libraries",
              "link with -static", "dynamic");
}

void rule_elf_wx(struct check *check)
{
    struct elf_facts elf;
    EACH_PARTITION(p, check)
    for (unsigned i = 0; sound_elf(check, p, &elf) && i < elf.segment_count; i++)
        if (elf.segments[i].write && elf.segments[i].execute)
            found(check, (struct place){elf_of(check, p), p, "program"},
                  "a segment that can be written and executed invites injected code", "keep code and data in sections of their own",
                  "segment at 0x%llx", HEX(elf.segments[i].address));
}

void rule_elf_memory(struct check *check)
{
    struct elf_facts elf;
    EACH_PARTITION(p, check)
    {
        uint64_t end = p->memory < check->board->pci_hole ? p->memory : check->board->pci_hole;
        for (unsigned i = 0; sound_elf(check, p, &elf) && i < elf.segment_count; i++)
            if (!range_inside(elf.segments[i].address, elf.segments[i].memory, 0, end))
                found(check, (struct place){elf_of(check, p), p, "memory"}, "the program does not fit the partition's memory",
                      "give the partition more memory or make the program smaller",
                      "segment 0x%llx + 0x%llx, memory ends at 0x%llx", HEX(elf.segments[i].address), HEX(elf.segments[i].memory),
                      HEX(end));
    }
}

static bool wraps(const struct elf_segment *segment)
{
    return segment->address + segment->memory < segment->address;
}

void rule_elf_overlap(struct check *check)
{
    struct elf_facts elf;
    EACH_PARTITION(p, check)
    for (unsigned i = 0; sound_elf(check, p, &elf) && i < elf.segment_count; i++)
        for (unsigned j = 0; j < i; j++) {
            const struct elf_segment *a = &elf.segments[i], *b = &elf.segments[j];
            if (!wraps(a) && !wraps(b) && range_overlap(a->address, a->memory, b->address, b->memory))
                found(check, (struct place){elf_of(check, p), p, "program"},
                      "two segments claim the same memory: one would overwrite the other", "correct the linker script",
                      "segments at 0x%llx and 0x%llx", HEX(b->address), HEX(a->address));
        }
}

void rule_elf_entry(struct check *check)
{
    struct elf_facts elf;
    EACH_PARTITION(p, check)
    {
        if (!sound_elf(check, p, &elf))
            continue;
        bool inside = false;
        for (unsigned i = 0; i < elf.segment_count; i++)
            inside = inside || (elf.segments[i].execute && elf.entry >= elf.segments[i].address &&
                                elf.entry - elf.segments[i].address < elf.segments[i].memory);
        if (!inside)
            found(check, (struct place){elf_of(check, p), p, "program"}, "the entry point is not in an executable segment",
                  "link with the library's crt0 and its linker script", "entry 0x%llx", HEX(elf.entry));
    }
}

/* The folder or archive of a partition, or 0. */
static const char *files_path(const struct check *check, const struct partition_spec *p)
{
    const char *path = check->images && p->kind == IMAGE_UNIKERNEL ? files_of(check, p)->files : 0;
    return path && path[0] ? path : 0;
}

void rule_files_missing(struct check *check)
{
    struct archive_facts archive;
    EACH_PARTITION(p, check)
    {
        const char *path = files_path(check, p);
        if (!path)
            continue;
        archive_read(path, &archive);
        if (!archive.readable)
            found(check, (struct place){"product", p, "files"}, "there is no such folder and no such archive, or it cannot be read",
                  "correct the path, which begins at the product's folder", "%s", path);
    }
}

void rule_files_archive(struct check *check)
{
    struct archive_facts archive;
    EACH_PARTITION(p, check)
    {
        const char *path = files_path(check, p);
        if (!path)
            continue;
        archive_read(path, &archive);
        if (archive.defect)
            found(check, (struct place){path, p, "files"}, archive.defect,
                  "name the folder itself, or make the archive with `cpio -o -H newc`", "%s",
                  archive.entry[0] ? archive.entry : path);
    }
}

void rule_files_fit(struct check *check)
{
    struct archive_facts archive;
    struct elf_facts elf;
    EACH_PARTITION(p, check)
    {
        const char *path = files_path(check, p);
        uint64_t room = p->memory < check->board->pci_hole ? p->memory : check->board->pci_hole, end = 0;
        if (!path || check_has(check, "CFG-525"))
            continue;
        for (unsigned i = 0; sound_elf(check, p, &elf) && i < elf.segment_count; i++)
            if (elf.segments[i].address + elf.segments[i].memory > end)
                end = elf.segments[i].address + elf.segments[i].memory;
        archive_read(path, &archive);
        if (end + archive.size + UNIKERNEL_MIN_HEAP > room)
            found(check, (struct place){path, p, "files"}, "program, files and 1 MiB of heap do not fit the partition's memory",
                  "give the partition more memory or fewer files",
                  "%llu KiB of files behind %llu KiB of program, memory of %llu KiB", HEX(archive.size >> 10), HEX(end >> 10),
                  HEX(room >> 10));
    }
}

void rule_bzimage(struct check *check)
{
    EACH_PARTITION(p, check)
    {
        struct bzimage_facts kernel;
        const char *path = kernel_of(check, p);
        if (!path)
            continue;
        bzimage_read(path, &kernel);
        if (kernel.readable && !kernel.bzimage && !kernel.elf)
            found(check, (struct place){path, p, "kernel"}, "it is neither a bzImage nor an ELF file",
                  "name the file /boot/vmlinuz-*, arch/x86/boot/bzImage or vmlinux", "%s", path);
    }
}

/* A vmlinux that is whole as a file. What else is wrong with one the payload maker finds. */
static bool sound_vmlinux(const struct check *check, const struct partition_spec *p, struct elf_facts *facts)
{
    struct bzimage_facts kernel;
    const char *path = kernel_of(check, p);
    if (!path)
        return false;
    bzimage_read(path, &kernel);
    if (!kernel.elf)
        return false;
    elf_read(path, facts);
    return facts->readable && !facts->defect;
}

void rule_vmlinux_pvh(struct check *check)
{
    struct elf_facts elf;
    EACH_PARTITION(p, check)
    if (sound_vmlinux(check, p, &elf) && !elf.pvh)
        found(check, (struct place){kernel_of(check, p), p, "kernel"},
              "an ELF kernel is entered by PVH, and this one has no note that says where",
              "build the kernel with CONFIG_PVH=y, or name its bzImage", "%s", kernel_of(check, p));
}

void rule_bzimage_protocol(struct check *check)
{
    struct bzimage_facts kernel;
    EACH_PARTITION(p, check)
    if (sound_kernel(check, p, &kernel) && kernel.protocol < LINUX_PROTOCOL_MIN)
        found(check, (struct place){kernel_of(check, p), p, "kernel"},
              "the loader was written for kernels from boot protocol 2.12 on", "use Linux 3.8 or later", "boot protocol %u.%02u",
              kernel.protocol >> 8, kernel.protocol & 0xff);
}

void rule_bzimage_command(struct check *check)
{
    struct bzimage_facts kernel;
    EACH_PARTITION(p, check)
    if (sound_kernel(check, p, &kernel) && kernel.protocol >= LINUX_PROTOCOL_MIN && p->args &&
        strlen(p->args) + LINUX_TSC_ROOM > kernel.command_size)
        found(check, (struct place){kernel_of(check, p), p, "args"}, "the kernel would cut the command line",
              "shorten it: it needs 32 bytes more than its text", "%zu bytes, this kernel takes %u", strlen(p->args),
              kernel.command_size);
}

void rule_initrd_format(struct check *check)
{
    EACH_PARTITION(p, check)
    {
        struct initrd_facts initrd;
        const char *path = initrd_of(check, p);
        if (!path)
            continue;
        initrd_read(path, &initrd);
        if (initrd.readable && !initrd.known)
            found(check, (struct place){path, p, "initrd"},
                  "Linux would panic without a root: this is no cpio archive, compressed or not",
                  "make it with `cpio -o -H newc`, and gzip if you like", "%s", path);
    }
}

/* First address behind what the kernel takes to start; 0: unknown. */
static uint64_t kernel_end(const struct check *check, const struct partition_spec *p)
{
    struct bzimage_facts kernel;
    struct elf_facts elf;
    uint64_t end = 0;
    if (p->unpacked && !check->images_made)
        return 0; /* its table names the bzImage, which takes more */
    if (sound_kernel(check, p, &kernel))
        return kernel.protocol >= LINUX_PROTOCOL_MIN ? kernel.load_address + kernel.init_size : 0;
    if (sound_vmlinux(check, p, &elf))
        for (unsigned i = 0; i < elf.segment_count; i++) {
            uint64_t top = elf.segments[i].address + elf.segments[i].memory;
            end = top > end ? top : end;
        }
    return end;
}

void rule_linux_fits(struct check *check)
{
    struct initrd_facts initrd;
    EACH_PARTITION(p, check)
    {
        uint64_t end = kernel_end(check, p);
        if (end == 0 || check_has(check, "CFG-203"))
            continue;
        initrd_read(initrd_of(check, p), &initrd);
        uint64_t low = p->memory < check->board->pci_hole ? p->memory : check->board->pci_hole;
        uint64_t needed = end + initrd.size + LINUX_SPARE;
        if (end > low || needed > low)
            found(check, (struct place){"product", p, "memory"},
                  "kernel, initrd and 32 MiB to work with do not fit below the PCI hole",
                  "give the partition more memory or make the initrd smaller", "%llu MiB, needs %llu MiB", HEX(low >> 20),
                  HEX(needed >> 20));
    }
}

void rule_payload(struct check *check)
{
    (void)check; /* found while payloads are made: check_payload() */
}

void check_payload(struct check *check, const struct partition_spec *spec, const char *file, const char *why)
{
    check->rule = "CFG-540";
    found(check, (struct place){file, spec, spec->kind == IMAGE_LINUX ? "kernel" : "program"}, why,
          "the reason says what to change in the image", "%s", file);
}
