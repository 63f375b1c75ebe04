/* SPDX-License-Identifier: Apache-2.0 */
/* Payload makers: what a good ELF file or bzImage becomes, and that every bad one is refused with its reason. The inputs
 * are built here, field by field; a last test changes bytes at random and checks that whatever is accepted is sound. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bulkhead_abi.h"
#include "payload_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILE_MAX 0x40000u

static char file_a[] = "/tmp/test_payload_a.XXXXXX", file_b[] = "/tmp/test_payload_b.XXXXXX";
static char why[256];
static struct payload payload;
static struct board machine = {.name = "test", .pci_hole = 0xc0000000};
static const struct product no_product;
static struct partition_spec spec;

static void file_write(const char *path, const void *bytes, size_t size)
{
    FILE *stream = fopen(path, "wb");

    assert_non_null(stream);
    assert_int_equal(fwrite(bytes, 1, size, stream), size);
    assert_int_equal(fclose(stream), 0);
}

/* A refusal leaves nothing behind and says the word the user needs. */
static void refused_with(int status, const char *word)
{
    assert_int_equal(status, -1);
    if (strstr(why, word) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", why, word);
    assert_null(strchr(why, '\n'));
    assert_null(payload.bytes);
    assert_int_equal(payload.segment_count, 0);
}

/* Whatever was accepted can be copied without leaving the payload or RAM, and no byte of RAM is written twice. */
static void payload_sound(uint64_t base, uint64_t end)
{
    assert_true(payload.segment_count >= 1 && payload.segment_count <= PAYLOAD_MAX_SEGMENTS);
    for (unsigned i = 0; i < payload.segment_count; i++) {
        const struct plan_segment *a = &payload.segments[i];

        assert_int_equal(a->offset % PAGE_SIZE, 0);
        assert_true(a->size > 0 && range_inside(a->offset, a->size, 0, payload.size));
        assert_true(range_inside(a->gpa.v, a->size, base, end - base));
        for (unsigned j = 0; j < i; j++)
            assert_false(range_overlap(a->gpa.v, a->size, payload.segments[j].gpa.v, payload.segments[j].size));
    }
}

/* --- ELF --- */

struct part {
    uint32_t type, flags;
    uint64_t offset, base, file_size, memory_size;
};

enum { PF_X = 1, PF_W = 2, PF_R = 4 };

static uint8_t image[FILE_MAX];
static size_t image_size;

static void elf_begin(bool wide, uint64_t entry, unsigned count)
{
    memset(image, 0, sizeof(image));
    for (unsigned i = 0x400; i < sizeof(image); i++)
        image[i] = (uint8_t)(i * 7 + (i >> 8));
    memcpy(image, "\177ELF", 4);
    image[4] = wide ? 2 : 1;
    image[5] = image[6] = 1;
    put16(image + 16, 2);
    put16(image + 18, wide ? 62 : 3);
    if (wide) {
        put64(image + 24, entry);
        put64(image + 32, 64);
        put16(image + 54, 56);
        put16(image + 56, count);
    } else {
        put32(image + 24, (uint32_t)entry);
        put32(image + 28, 64);
        put16(image + 42, 32);
        put16(image + 44, count);
    }
    image_size = 0x6000;
}

static void elf_part(bool wide, unsigned index, struct part part)
{
    uint8_t *at = image + 64 + index * (wide ? 56 : 32);

    put32(at, part.type);
    if (wide) {
        put32(at + 4, part.flags);
        put64(at + 8, part.offset);
        put64(at + 16, part.base + 0xffffffff80000000); /* virtual: must not matter */
        put64(at + 24, part.base);
        put64(at + 32, part.file_size);
        put64(at + 40, part.memory_size);
    } else {
        put32(at + 4, (uint32_t)part.offset);
        put32(at + 12, (uint32_t)part.base);
        put32(at + 16, (uint32_t)part.file_size);
        put32(at + 20, (uint32_t)part.memory_size);
        put32(at + 24, part.flags);
    }
}

static const struct part text = {1, PF_R | PF_X, 0x1000, 0x100000, 0x1800, 0x1800};
static const struct part rodata = {1, PF_R, 0x3000, 0x102000, 0x400, 0x400};
static const struct part data = {1, PF_R | PF_W, 0x4000, 0x103000, 0x123, 0x9000};
static const struct part bss = {1, PF_R | PF_W, 0x5000, 0x10d000, 0, 0x1000};

static void elf_good(bool wide)
{
    elf_begin(wide, 0x100010, 4);
    elf_part(wide, 0, data); /* not in the order of addresses */
    elf_part(wide, 1, text);
    elf_part(wide, 2, bss);
    elf_part(wide, 3, rodata);
    spec = (struct partition_spec){.name = "p", .kind = IMAGE_UNIKERNEL, .cores = 1, .memory = MIB(16)};
}

static int elf_try(void)
{
    file_write(file_a, image, image_size);
    return payload_unikernel(file_a, &spec, &machine, &payload, why, sizeof(why));
}

static void elf_becomes_segments(void **state)
{
    static const struct part *const expected[] = {&text, &rodata, &data};

    (void)state;
    for (int wide = 0; wide < 2; wide++) {
        elf_good(wide);
        assert_int_equal(elf_try(), 0);
        payload_sound(MIB(1), MIB(16));
        assert_int_equal(payload.segment_count, 3); /* bss takes no bytes */
        for (unsigned i = 0; i < 3; i++) {
            assert_int_equal(payload.segments[i].gpa.v, expected[i]->base);
            assert_int_equal(payload.segments[i].size, expected[i]->file_size);
            assert_memory_equal(payload.bytes + payload.segments[i].offset, image + expected[i]->offset, expected[i]->file_size);
        }
        assert_int_equal(payload.entry.eip, 0x100010);
        assert_int_equal(payload.entry.eax, BH_ENTRY_MAGIC);
        assert_int_equal(payload.entry.ebx, BH_ABI_GPA);
        assert_int_equal(payload.entry.esi, 0);
        assert_int_equal(payload.tsc_khz_text.v, 0);
        payload_free(&payload);
        assert_null(payload.bytes);
    }
}

/* The archive lies at the end of RAM that the library uses, from a page's beginning on, and overlaps nothing. */
static void files_lie_at_the_top_of_ram(void **state)
{
    static uint8_t archive[5001];

    (void)state;
    memset(archive, 0x5a, sizeof(archive));
    for (int low_hole = 0; low_hole < 3; low_hole++) {
        uint64_t end = low_hole == 0 ? MIB(16) : low_hole == 1 ? GIB(2) : BH_ABI_GPA;

        elf_good(true);
        spec.memory = low_hole ? GIB(6) : MIB(16);
        machine.pci_hole = low_hole == 1 ? GIB(2) : 0xf8000000;
        assert_int_equal(elf_try(), 0);
        file_write(file_b, archive, sizeof(archive));
        assert_int_equal(payload_files(file_b, &spec, &machine, &payload, why, sizeof(why)), 0);
        payload_sound(MIB(1), end);
        assert_int_equal(payload.segment_count, 4);
        assert_int_equal(payload.files.v, end - 2 * PAGE_SIZE);
        assert_int_equal(payload.files_size, sizeof(archive));
        assert_int_equal(payload.segments[3].gpa.v, payload.files.v);
        assert_memory_equal(payload.bytes + payload.segments[3].offset, archive, sizeof(archive));
        payload_free(&payload);
    }
    machine.pci_hole = 0xc0000000;
}

static void files_that_do_not_fit_are_refused(void **state)
{
    static uint8_t archive[MIB(16) + 1];

    (void)state;
    elf_good(true);
    assert_int_equal(elf_try(), 0);
    for (size_t size = MIB(15); size <= sizeof(archive); size += size == MIB(16) ? 1 : MIB(1)) {
        file_write(file_b, archive, size);
        assert_int_equal(payload_files(file_b, &spec, &machine, &payload, why, sizeof(why)), -1);
        assert_non_null(strstr(why, file_b));
        assert_int_equal(payload.files.v, 0);
    }
    assert_int_equal(payload_files("/nonexistent/f", &spec, &machine, &payload, why, sizeof(why)), -1);
    payload_free(&payload);
}

static void elf_header_is_checked(void **state)
{
    (void)state;
    refused_with(payload_unikernel("/nonexistent/p", &spec, &machine, &payload, why, sizeof(why)), "/nonexistent/p");
    refused_with(payload_unikernel("/tmp", &spec, &machine, &payload, why, sizeof(why)), "/tmp");
    elf_good(true);
    for (image_size = 0; image_size < 64; image_size += 21)
        refused_with(elf_try(), image_size == 0 ? "empty" : "not an ELF");
    elf_good(true), image[3] = 'G';
    refused_with(elf_try(), "not an ELF");
    elf_good(true), image[4] = 3;
    refused_with(elf_try(), "32-bit nor a 64-bit");
    elf_good(true), image[5] = 2;
    refused_with(elf_try(), "little-endian");
    elf_good(true), put16(image + 18, 183);
    refused_with(elf_try(), "183");
    elf_good(false), put16(image + 18, 62); /* x32 */
    refused_with(elf_try(), "62");
    elf_good(true), put16(image + 16, 3);
    refused_with(elf_try(), "-no-pie");
    elf_good(true), put16(image + 54, 32);
    refused_with(elf_try(), "32 bytes");
    elf_good(true), put16(image + 56, 0);
    refused_with(elf_try(), "program headers");
    elf_good(true), put16(image + 56, 65);
    refused_with(elf_try(), "65");
    elf_good(true), put64(image + 32, 0x6000 - 4 * 56 + 1);
    refused_with(elf_try(), "outside the file");
    elf_good(true), put64(image + 32, UINT64_MAX - 8);
    refused_with(elf_try(), "outside the file");
}

static void elf_bad_part(bool wide, struct part part, const char *word)
{
    elf_good(wide);
    elf_part(wide, 0, part);
    refused_with(elf_try(), word);
}

static void elf_segments_are_checked(void **state)
{
    (void)state;
    for (int wide = 0; wide < 2; wide++) {
        elf_bad_part(wide, (struct part){1, PF_W | PF_X, 0x4000, 0x110000, 0x10, 0x10}, "writable and executable");
        elf_bad_part(wide, (struct part){1, PF_R, 0x4000, 0x110000, 0x11, 0x10}, "larger in the file");
        elf_bad_part(wide, (struct part){1, PF_R, 0x5ff1, 0x110000, 0x10, 0x10}, "cut short");
        elf_bad_part(wide, (struct part){1, PF_R, 0x4000, 0xff000, 0x1000, 0x2000}, "below 1 MiB");
        elf_bad_part(wide, (struct part){1, PF_R, 0x4000, MIB(16) - 0xfff, 0x10, 0x1000}, ".memory");
        elf_bad_part(wide, (struct part){1, PF_R, 0x4000, 0xfffff000, 0x10, 0x1000}, ".memory");
        elf_bad_part(wide, (struct part){1, PF_R | PF_W, 0x4000, 0x102300, 0x10, 0x10}, "overlap");
        elf_bad_part(wide, (struct part){1, PF_R | PF_W, 0x4000, 0x101800, 0x10, 0x10}, "share a page");
        elf_bad_part(wide, (struct part){3, PF_R, 0x4000, 0x110000, 0x10, 0x10}, "-static");
        elf_good(wide), elf_part(wide, 0, (struct part){1, PF_R, 0x4000, MIB(16) - 0x1000, 0x10, 0x1000});
        assert_int_equal(elf_try(), 0); /* the last byte of RAM may be used */
        payload_free(&payload);
    }
    elf_bad_part(true, (struct part){1, PF_R, UINT64_MAX - 7, 0x110000, 0x10, 0x10}, "cut short");
    elf_bad_part(true, (struct part){1, PF_R, 0x4000, UINT64_MAX - 7, 0x10, 0x10}, ".memory");
    elf_bad_part(true, (struct part){1, PF_R, 0x4000, 0x110000, 0x10, UINT64_MAX - 0xffff}, ".memory");
    elf_good(true);
    spec.memory = 0x10c000;
    refused_with(elf_try(), ".memory");
}

static void elf_ram_ends_at_the_pci_hole(void **state)
{
    (void)state;
    elf_good(true);
    spec.memory = GIB(8);
    elf_part(true, 0, (struct part){1, PF_R, 0x4000, machine.pci_hole - 0x10, 0x10, 0x10});
    assert_int_equal(elf_try(), 0);
    payload_free(&payload);
    elf_part(true, 0, (struct part){1, PF_R, 0x4000, machine.pci_hole - 0xf, 0x10, 0x10});
    refused_with(elf_try(), ".memory");
}

static void elf_entry_is_checked(void **state)
{
    static const uint64_t bad[] = {0, 0xfffff, 0x101800, 0x102000, 0x103000, 0xffffffff80100000, UINT64_MAX};

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        elf_good(true), put64(image + 24, bad[i]);
        refused_with(elf_try(), "executable segment");
    }
    elf_good(true), put64(image + 24, 0x1017ff);
    assert_int_equal(elf_try(), 0);
    payload_free(&payload);
}

static void elf_has_at_most_16_segments(void **state)
{
    (void)state;
    for (unsigned count = 16; count <= 17; count++) {
        elf_good(true);
        elf_begin(true, 0x100000, count);
        for (unsigned i = 0; i < count; i++)
            elf_part(true, i, (struct part){1, PF_R | (i == 0 ? PF_X : 0u), 0x1000 + i, 0x100000 + 0x1000 * i, 0x10, 0x10});
        if (count == 17)
            refused_with(elf_try(), "more than 16");
        else
            assert_int_equal(elf_try(), 0);
        payload_free(&payload);
    }
}

/* --- bzImage --- */

#define SETUP 0x2800u /* boot sector and 19 setup sectors */
#define SYSSIZE 0x300u
#define ARGS "console=ttyS0,115200 tsc=reliable"

static uint8_t disk[5000];

static void linux_good(void)
{
    memset(image, 0, sizeof(image));
    for (unsigned i = 0x400; i < sizeof(image); i++)
        image[i] = (uint8_t)(i * 5 + (i >> 8));
    image[0x1f1] = SETUP / 512 - 1;
    put32(image + 0x1f4, SYSSIZE);
    put16(image + 0x1fe, 0xaa55);
    image[0x200] = 0xeb;
    image[0x201] = 0x6a;
    memcpy(image + 0x202, "HdrS", 4);
    put16(image + 0x206, 0x20f);
    image[0x211] = 0xe1; /* loads high; and flags that must not reach the kernel */
    put32(image + 0x214, 0x100000);
    put32(image + 0x22c, 0x7fffffff);
    put32(image + 0x230, 0x200000);
    image[0x234] = 1;
    put32(image + 0x238, 2047);
    put64(image + 0x250, 0x123456);
    put64(image + 0x258, MIB(16));
    put32(image + 0x260, MIB(40));
    image_size = SETUP + SYSSIZE * 16 + 77; /* a signature may follow */
    for (unsigned i = 0; i < sizeof(disk); i++)
        disk[i] = (uint8_t)(i * 3);
    spec = (struct partition_spec){.name = "linux", .kind = IMAGE_LINUX, .cores = 2, .memory = MIB(512), .args = ARGS};
}

static int linux_try(void)
{
    file_write(file_a, image, image_size);
    file_write(file_b, disk, sizeof(disk));
    return payload_linux(file_a, file_b, &no_product, &spec, &machine, &payload, why, sizeof(why));
}

/* What stands at a guest-physical address after loading. */
static const uint8_t *loaded(uint64_t gpa, size_t size)
{
    for (unsigned i = 0; i < payload.segment_count; i++)
        if (range_inside(gpa, size, payload.segments[i].gpa.v, payload.segments[i].size))
            return payload.bytes + payload.segments[i].offset + (gpa - payload.segments[i].gpa.v);
    fail_msg("nothing is loaded at %#lx", (unsigned long)gpa);
    return NULL;
}

static void e820_is(const uint8_t *params, unsigned index, uint64_t base, uint64_t end, uint32_t type)
{
    const uint8_t *at = params + 0x2d0 + 20 * index;

    assert_int_equal(get64(at), base);
    assert_int_equal(get64(at + 8), end - base);
    assert_int_equal(get32(at + 16), type);
}

static void linux_boot_parameters(void **state)
{
    const uint8_t *params;

    (void)state;
    linux_good();
    assert_int_equal(linux_try(), 0);
    payload_sound(0, MIB(512));
    assert_int_equal(payload.entry.eip, 0x100000);
    assert_int_equal(payload.entry.eax, 0);
    assert_int_equal(payload.entry.ebx, 0);
    params = loaded(payload.entry.esi, 4096);
    for (unsigned i = 0; i < 0x1e8; i++)
        if (i < 0x70 || i > 0x77)
            assert_int_equal(params[i], 0); /* no screen, no APM, no EFI */
    assert_int_equal(params[0x1ef], 0);     /* sentinel */
    assert_int_equal(params[0x1f1], SETUP / 512 - 1);
    assert_int_equal(params[0x210], 0xff);
    assert_int_equal(params[0x211], 0x01);
    assert_int_equal(get32(params + 0x214), 0x100000);
    assert_int_equal(get64(params + 0x250), 0);
    assert_int_equal(get32(params + 0x260), MIB(40));
    assert_int_equal(get32(params + 0x26c), 0); /* nothing beyond the header */
    assert_memory_equal(loaded(0x100000, SYSSIZE * 16), image + SETUP, SYSSIZE * 16);
    assert_int_equal(get32(params + 0x21c), sizeof(disk));
    assert_int_equal(get32(params + 0x218), (MIB(512) - sizeof(disk)) & ~(uint64_t)PAGE_MASK);
    assert_memory_equal(loaded(get32(params + 0x218), sizeof(disk)), disk, sizeof(disk));
    assert_memory_equal(loaded(get64(params + 0x70), 8), "RSD PTR ", 8);
    assert_memory_equal(loaded(0xffff0, 10), "\xfa\xba\x02\x06\xb0\x01\xee\xf4\xeb\xfd", 10); /* out 0x602, 1 */
    assert_int_equal(params[0x1e8], 5);
    e820_is(params, 0, 0, 0xa0000, 1);
    e820_is(params, 1, 0xa0000, 0xe0000, 2);
    e820_is(params, 2, 0xe0000, 0xe1000, 3);
    e820_is(params, 3, 0xe1000, 0x100000, 2);
    e820_is(params, 4, 0x100000, MIB(512), 1);
    payload_free(&payload);
}

static void linux_memory_above_4_gib(void **state)
{
    const uint8_t *params;

    (void)state;
    linux_good();
    spec.memory = GIB(5);
    assert_int_equal(linux_try(), 0);
    params = loaded(payload.entry.esi, 4096);
    assert_int_equal(params[0x1e8], 6);
    e820_is(params, 4, 0x100000, machine.pci_hole, 1);
    e820_is(params, 5, GIB(4), GIB(4) + GIB(5) - machine.pci_hole, 1);
    /* initrd_addr_max, not the end of RAM */
    assert_int_equal(get32(params + 0x218), (0x80000000 - sizeof(disk)) & ~(uint64_t)PAGE_MASK);
    payload_free(&payload);
}

static const char *command(void)
{
    return (const char *)loaded(get32(loaded(payload.entry.esi, 4096) + 0x228), 2048);
}

static void linux_command_line(void **state)
{
    static const struct {
        const char *args, *line;
    } rows[] = {
        {ARGS, ARGS " tsc_early_khz=          "},
        {NULL, " tsc_early_khz=          "},
        {"a --b -- c", "a --b  tsc_early_khz=           -- c"},
        {"a --", "a  tsc_early_khz=           --"},
        {"a=--b --c", "a=--b --c tsc_early_khz=          "},
    };

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
        linux_good();
        spec.args = rows[i].args;
        assert_int_equal(linux_try(), 0);
        assert_string_equal(command(), rows[i].line);
        assert_int_equal(payload.tsc_khz_width, 10);
        assert_memory_equal(loaded(payload.tsc_khz_text.v - 15, 25), " tsc_early_khz=          ", 25);
        payload_free(&payload);
    }
    linux_good();
    machine.invariant_tsc = true;
    assert_int_equal(linux_try(), 0);
    assert_string_equal(command(), ARGS " tsc=reliable tsc_early_khz=          ");
    assert_memory_equal(loaded(payload.tsc_khz_text.v - 15, 25), " tsc_early_khz=          ", 25);
    payload_free(&payload);
    machine.invariant_tsc = false;
    linux_good();
    spec.args = "a\nb";
    refused_with(linux_try(), "control character");
}

static void linux_command_line_length(void **state)
{
    char args[2100];
    size_t fits = 2047 - 25;

    (void)state;
    for (size_t length = fits - 1; length <= fits + 1; length++) {
        linux_good();
        memset(args, 'x', length);
        args[length] = '\0';
        spec.args = args;
        if (length > fits) {
            refused_with(linux_try(), "2047 are allowed");
            continue;
        }
        assert_int_equal(linux_try(), 0);
        assert_int_equal(strlen(command()), length + 25);
        payload_free(&payload);
    }
    linux_good();
    put32(image + 0x238, sizeof(ARGS) - 1 + 25);
    assert_int_equal(linux_try(), 0);
    payload_free(&payload);
    put32(image + 0x238, sizeof(ARGS) - 1 + 24);
    refused_with(linux_try(), "57 are allowed");
}

static void linux_header_is_checked(void **state)
{
    (void)state;
    linux_good(), image_size = 0x28f;
    refused_with(linux_try(), "not a bzImage");
    linux_good(), image[0x1fe] = 0;
    refused_with(linux_try(), "not a bzImage");
    linux_good(), image[0x205] = 's';
    refused_with(linux_try(), "not a bzImage");
    linux_good(), put16(image + 0x206, 0x20b);
    refused_with(linux_try(), "2.11");
    linux_good(), image[0x201] = 0x61;
    refused_with(linux_try(), "0x263");
    linux_good(), image[0x201] = 0x8f;
    refused_with(linux_try(), "0x291");
    linux_good(), image[0x211] = 0;
    refused_with(linux_try(), "zImage");
    linux_good(), put32(image + 0x1f4, 0);
    refused_with(linux_try(), "cut short");
    linux_good(), put32(image + 0x1f4, 0xffffffff);
    refused_with(linux_try(), "cut short");
    linux_good(), image_size = SETUP + SYSSIZE * 16 - 16;
    refused_with(linux_try(), "cut short");
    linux_good(), image_size = SETUP;
    refused_with(linux_try(), "cut short");
    linux_good(), image[0x1f1] = 0; /* means 4 */
    assert_int_equal(linux_try(), 0);
    assert_memory_equal(loaded(0x100000, 64), image + 5 * 512, 64);
    payload_free(&payload);
    linux_good(), image_size = SETUP + SYSSIZE * 16 - 15;
    assert_int_equal(linux_try(), 0);
    payload_free(&payload);
    refused_with(payload_linux("/nonexistent/k", file_b, &no_product, &spec, &machine, &payload, why, sizeof(why)),
                 "/nonexistent/k");
    refused_with(payload_linux(file_a, "/nonexistent/i", &no_product, &spec, &machine, &payload, why, sizeof(why)),
                 "/nonexistent/i");
    assert_int_equal(payload_linux(file_a, NULL, &no_product, &spec, &machine, &payload, why, sizeof(why)), 0);
    assert_int_equal(get64(loaded(payload.entry.esi, 4096) + 0x218), 0);
    payload_free(&payload);
}

static void linux_must_fit_in_ram(void **state)
{
    (void)state;
    linux_good(), image[0x230] = 1; /* 0x200001 */
    refused_with(linux_try(), "power of two");
    linux_good(), put32(image + 0x230, 0);
    refused_with(linux_try(), "power of two");
    linux_good(), put64(image + 0x258, UINT64_MAX - 5);
    refused_with(linux_try(), "outside 1 MiB to 4 GiB");
    linux_good(), image[0x234] = 0, put64(image + 0x258, 0x1000);
    refused_with(linux_try(), "outside 1 MiB to 4 GiB");
    /* 16 + 40 MiB to unpack; two pages of initrd on top */
    linux_good(), spec.memory = MIB(56) - 1;
    refused_with(linux_try(), "unpack");
    linux_good(), spec.memory = MIB(56) + 0x1000;
    refused_with(linux_try(), "fit between");
    linux_good(), spec.memory = MIB(56) + 0x2000;
    assert_int_equal(linux_try(), 0);
    payload_free(&payload);
    /* an alignment above the preferred address moves it */
    linux_good(), put32(image + 0x230, MIB(64)), spec.memory = MIB(104);
    refused_with(linux_try(), "fit between");
    linux_good(), put32(image + 0x22c, MIB(50));
    refused_with(linux_try(), "fit between");
    linux_good(), put32(image + 0x22c, 0);
    refused_with(linux_try(), "fit between");
}

/* --- random changes --- */

static uint32_t random_next(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

static void any_input_is_refused_or_sound(void **state)
{
    uint32_t seed = 1;
    unsigned accepted = 0;

    (void)state;
    for (unsigned round = 0; round < 6000; round++) {
        bool linux_kind = round % 3 == 0;
        unsigned first = linux_kind ? 0x1f0 : 0, room = linux_kind ? 0x80 : 64 + 4 * 56;
        int status;

        linux_kind ? linux_good() : elf_good(round % 3 == 1);
        for (unsigned changes = 1 + random_next(&seed) % 3; changes > 0; changes--)
            image[first + random_next(&seed) % room] = (uint8_t)random_next(&seed);
        status = linux_kind ? linux_try() : elf_try();
        if (status == 0) {
            payload_sound(linux_kind ? 0 : MIB(1), spec.memory);
            accepted++;
        }
        payload_free(&payload);
    }
    assert_in_range(accepted, 600, 5400); /* both outcomes were met */
}

static int files_make(void **state)
{
    int a = mkstemp(file_a), b = mkstemp(file_b);

    (void)state;
    return a < 0 || b < 0 || close(a) != 0 || close(b) != 0;
}

static int files_remove(void **state)
{
    (void)state;
    return remove(file_a) + remove(file_b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(elf_becomes_segments),
        cmocka_unit_test(elf_header_is_checked),
        cmocka_unit_test(files_lie_at_the_top_of_ram),
        cmocka_unit_test(files_that_do_not_fit_are_refused),
        cmocka_unit_test(elf_segments_are_checked),
        cmocka_unit_test(elf_ram_ends_at_the_pci_hole),
        cmocka_unit_test(elf_entry_is_checked),
        cmocka_unit_test(elf_has_at_most_16_segments),
        cmocka_unit_test(linux_boot_parameters),
        cmocka_unit_test(linux_memory_above_4_gib),
        cmocka_unit_test(linux_command_line),
        cmocka_unit_test(linux_command_line_length),
        cmocka_unit_test(linux_header_is_checked),
        cmocka_unit_test(linux_must_fit_in_ram),
        cmocka_unit_test(any_input_is_refused_or_sound),
    };

    return cmocka_run_group_tests(tests, files_make, files_remove);
}
