/* SPDX-License-Identifier: Apache-2.0 */
/* Reading facts from image files. A file may hold anything: every offset and count is checked against its size. */
#include "image.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cpio.h"

bool file_readable(const char *path)
{
    struct stat status;
    FILE *file = path && stat(path, &status) == 0 && S_ISREG(status.st_mode) ? fopen(path, "rb") : 0;
    if (file)
        fclose(file);
    return file != 0;
}

static uint64_t file_size(FILE *file)
{
    long size = fseek(file, 0, SEEK_END) == 0 ? ftell(file) : -1;
    return size < 0 ? 0 : (uint64_t)size;
}

static bool read_at(FILE *file, uint64_t offset, void *to, size_t size)
{
    return fseek(file, (long)offset, SEEK_SET) == 0 && fread(to, 1, size, file) == size;
}

static uint32_t get32(const uint8_t *at)
{
    return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

/* A 32-bit header as a 64-bit one. */
static void widen_header(const Elf32_Ehdr *narrow, Elf64_Ehdr *wide)
{
    wide->e_type = narrow->e_type;
    wide->e_machine = narrow->e_machine;
    wide->e_entry = narrow->e_entry;
    wide->e_phoff = narrow->e_phoff;
    wide->e_phnum = narrow->e_phnum;
    wide->e_phentsize = narrow->e_phentsize;
}

static bool read_segment(FILE *file, bool is64, uint64_t offset, Elf64_Phdr *segment)
{
    Elf32_Phdr narrow;
    if (is64)
        return read_at(file, offset, segment, sizeof(*segment));
    if (!read_at(file, offset, &narrow, sizeof(narrow)))
        return false;
    *segment = (Elf64_Phdr){.p_type = narrow.p_type,
                            .p_flags = narrow.p_flags,
                            .p_offset = narrow.p_offset,
                            .p_paddr = narrow.p_paddr,
                            .p_filesz = narrow.p_filesz,
                            .p_memsz = narrow.p_memsz};
    return true;
}

/* A note "Xen" of type XEN_ELFNOTE_PHYS32_ENTRY. What is not within the first 4 KiB of notes is not looked for. */
static bool notes_pvh(FILE *file, const Elf64_Phdr *segment)
{
    static uint8_t notes[4096];
    uint64_t size = segment->p_filesz < sizeof(notes) ? segment->p_filesz : sizeof(notes);
    if (!read_at(file, segment->p_offset, notes, size))
        return false;
    for (uint64_t at = 0; at + 16 <= size;) {
        uint64_t name = get32(notes + at), text = get32(notes + at + 4);
        if (get32(notes + at + 8) == 18 && name == 4 && memcmp(notes + at + 12, "Xen", 4) == 0)
            return true;
        at += 12 + ((name + 3) & ~3ull) + ((text + 3) & ~3ull);
    }
    return false;
}

static const char *take_segment(const Elf64_Phdr *segment, uint64_t size, struct elf_facts *facts)
{
    if (segment->p_type == PT_DYNAMIC || segment->p_type == PT_INTERP)
        facts->dynamic = true;
    if (segment->p_type != PT_LOAD || segment->p_memsz == 0)
        return 0;
    if (!range_inside(segment->p_offset, segment->p_filesz, 0, size) || segment->p_filesz > segment->p_memsz)
        return "a segment reaches beyond the end of the file";
    if (facts->segment_count == ELF_MAX_SEGMENTS)
        return "it has more than 32 segments";
    facts->segments[facts->segment_count++] =
        (struct elf_segment){segment->p_paddr, segment->p_memsz, segment->p_flags & PF_W, segment->p_flags & PF_X};
    return 0;
}

static const char *elf_parse(FILE *file, uint64_t size, struct elf_facts *facts)
{
    Elf64_Ehdr header;
    Elf32_Ehdr narrow;
    if (!read_at(file, 0, &narrow, sizeof(narrow)) || memcmp(narrow.e_ident, ELFMAG, SELFMAG) != 0)
        return "it does not begin as an ELF file";
    bool is64 = narrow.e_ident[EI_CLASS] == ELFCLASS64;
    if (is64 && !read_at(file, 0, &header, sizeof(header)))
        return "it ends inside its header";
    if (!is64)
        widen_header(&narrow, &header);
    if (narrow.e_ident[EI_DATA] != ELFDATA2LSB || header.e_machine != (is64 ? EM_X86_64 : EM_386))
        return "it is for another kind of CPU";
    if (header.e_type != ET_EXEC)
        return "it is not linked to a fixed address (ET_EXEC)";
    if (header.e_phentsize != (is64 ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr)))
        return "its program headers have an unknown size";
    facts->entry = header.e_entry;
    const char *defect = 0;
    for (unsigned i = 0; i < header.e_phnum && !defect; i++) {
        Elf64_Phdr segment;
        if (!read_segment(file, is64, header.e_phoff + (uint64_t)i * header.e_phentsize, &segment))
            return "it ends inside its program headers";
        defect = take_segment(&segment, size, facts);
        facts->pvh = facts->pvh || (segment.p_type == PT_NOTE && notes_pvh(file, &segment));
    }
    return defect ? defect : facts->segment_count ? 0 : "it has nothing to load";
}

void elf_read(const char *path, struct elf_facts *facts)
{
    memset(facts, 0, sizeof(*facts));
    FILE *file = file_readable(path) ? fopen(path, "rb") : 0;
    if (!file)
        return;
    facts->readable = true;
    facts->defect = elf_parse(file, file_size(file), facts);
    fclose(file);
}

/* Offsets: the kernel's boot protocol, "The Real-Mode Kernel Header". */
void bzimage_read(const char *path, struct bzimage_facts *facts)
{
    uint8_t header[0x268] = {0};
    memset(facts, 0, sizeof(*facts));
    FILE *file = file_readable(path) ? fopen(path, "rb") : 0;
    if (!file)
        return;
    facts->readable = true;
    bool complete = read_at(file, 0, header, sizeof(header));
    fclose(file);
    facts->bzimage = complete && header[0x1fe] == 0x55 && header[0x1ff] == 0xaa && memcmp(header + 0x202, "HdrS", 4) == 0 &&
                     (header[0x211] & 1); /* loaded high: a bzImage, not a zImage */
    facts->elf = memcmp(header, ELFMAG, SELFMAG) == 0;
    facts->protocol = (uint16_t)(header[0x206] | header[0x207] << 8);
    facts->command_size = get32(header + 0x238);
    facts->load_address = get32(header + 0x258) | (uint64_t)get32(header + 0x25c) << 32;
    facts->init_size = get32(header + 0x260);
}

void initrd_read(const char *path, struct initrd_facts *facts)
{
    static const struct {
        const char *magic;
        size_t size;
    } formats[] = {{"070701", 6},
                   {"070702", 6},
                   {"\x1f\x8b", 2},
                   {"\xfd"
                    "7zXZ",
                    5},
                   {"\x28\xb5\x2f\xfd", 4},
                   {"\x02\x21\x4c\x18", 4},
                   {"\x5d\x00\x00", 3},
                   {"BZh", 3}};
    uint8_t head[8] = {0};
    memset(facts, 0, sizeof(*facts));
    FILE *file = file_readable(path) ? fopen(path, "rb") : 0;
    if (!file)
        return;
    facts->readable = true;
    facts->size = file_size(file);
    bool enough = read_at(file, 0, head, sizeof(head));
    fclose(file);
    for (unsigned i = 0; enough && i < ARRAY_SIZE(formats); i++)
        facts->known = facts->known || memcmp(head, formats[i].magic, formats[i].size) == 0;
}

static const char *entry_defect(const struct cpio_entry *entry)
{
    if (!entry->file && !entry->folder)
        return "it is a link, a device or a hard link, not a plain file or folder";
    return entry->sound ? 0 : "its name is too long, or not printable ASCII without empty, '.' and '..' parts";
}

static void archive_parse(const uint8_t *bytes, size_t size, struct archive_facts *facts)
{
    struct cpio_entry entry;
    enum cpio_result result;

    for (size_t at = 0; (result = cpio_read(bytes, size, at, &entry)) == CPIO_ENTRY; at = entry.next)
        if ((facts->defect = entry_defect(&entry))) {
            for (size_t i = 0; i + 1 < sizeof(facts->entry) && entry.name[i]; i++)
                facts->entry[i] = entry.name[i] < ' ' || entry.name[i] > '~' ? '?' : entry.name[i];
            return;
        }
    if (result == CPIO_BAD)
        facts->defect = "it is no cpio archive of the kind newc, or is cut off";
}

#define ARCHIVE_MAX GIB(1)

void archive_read(const char *path, struct archive_facts *facts)
{
    struct stat status;
    memset(facts, 0, sizeof(*facts));
    if (path && stat(path, &status) == 0 && S_ISDIR(status.st_mode)) {
        facts->readable = facts->folder = true;
        return;
    }
    FILE *file = file_readable(path) ? fopen(path, "rb") : 0;
    if (!file)
        return;
    facts->readable = true;
    facts->size = file_size(file);
    uint8_t *bytes = facts->size <= ARCHIVE_MAX ? malloc(facts->size + 1) : 0;
    if (bytes && read_at(file, 0, bytes, facts->size))
        archive_parse(bytes, facts->size, facts);
    else
        facts->defect = "it cannot be read, or is larger than 1 GiB";
    free(bytes);
    fclose(file);
}
