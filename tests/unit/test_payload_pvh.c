/* SPDX-License-Identifier: Apache-2.0 */
/* A vmlinux as payload: what it becomes when entered by PVH, that the kernel is told the same as by a bzImage, and that every bad one
 * is refused with its reason. The inputs are built here; a last test changes bytes at random and checks that whatever is accepted
 * is sound. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "payload_linux.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ARGS "console=ttyS0"
#define HEADERS 64u
#define NOTES 0x800u
#define CODE 0x1000u /* 32 KiB of text, then data with holes */
#define CODE_SIZE 0x8000u
#define DATA 0x9000u
#define DATA_SIZE 0x60000u
#define FILE_SIZE (DATA + DATA_SIZE)
#define CODE_GPA 0x1000000u
#define DATA_GPA 0x1200000u
#define DATA_MEMORY 0x200000u
#define KERNEL_END (DATA_GPA + DATA_MEMORY)
#define ENTRY 0x1000850u

enum { LOAD = 1, INTERP = 3, NOTE = 4 };
enum { X = 1, W = 2, R = 4 };

static char kernel_path[] = "/tmp/test_pvh_kernel.XXXXXX", initrd_path[] = "/tmp/test_pvh_initrd.XXXXXX";
static char why[256];
static uint8_t image[FILE_SIZE], disk[5000];
static size_t image_size;
static unsigned note_size, entry_note_end;
static struct payload payload;
static struct board machine = {.name = "test", .pci_hole = 0xc0000000, .invariant_tsc = true};
static const struct product no_product;
static struct partition_spec spec;

static void file_write(const char *path, const void *bytes, size_t size)
{
    FILE *stream = fopen(path, "wb");

    assert_non_null(stream);
    assert_int_equal(fwrite(bytes, 1, size, stream), size);
    assert_int_equal(fclose(stream), 0);
}

static void header(bool wide, unsigned index, uint32_t type, uint32_t flags, uint64_t offset, uint64_t base, uint64_t in_file,
                   uint64_t in_memory)
{
    uint8_t *at = image + HEADERS + index * (wide ? 56 : 32);

    put32(at, type);
    if (wide) {
        put32(at + 4, flags);
        put64(at + 8, offset);
        put64(at + 16, base + 0xffffffff80000000); /* virtual: must not matter */
        put64(at + 24, base);
        put64(at + 32, in_file);
        put64(at + 40, in_memory);
    } else {
        put32(at + 4, (uint32_t)offset);
        put32(at + 12, (uint32_t)base);
        put32(at + 16, (uint32_t)in_file);
        put32(at + 20, (uint32_t)in_memory);
        put32(at + 24, flags);
    }
}

static void note_add(const char *name, uint32_t type, const void *body, uint32_t size)
{
    uint8_t *at = image + NOTES + note_size;
    uint32_t name_size = (uint32_t)strlen(name) + 1;

    put32(at, name_size);
    put32(at + 4, size);
    put32(at + 8, type);
    memcpy(at + 12, name, name_size);
    memcpy(at + 12 + ((name_size + 3) & ~3u), body, size);
    note_size += 12 + ((name_size + 3) & ~3u) + ((size + 3) & ~3u);
}

static void entry_is(uint64_t entry)
{
    uint8_t body[8];

    put64(body, entry);
    note_size = 0;
    note_add("Xen", 6, "linux", 6); /* odd sizes before it, other types and other owners */
    note_add("GNU", 18, "abcdefgh", 8);
    note_add("Linux", 18, "abc", 3);
    note_add("Xen", 18, body, 8);
    entry_note_end = note_size;
    note_add("Xen", 18, "later one", 8);
}

/* Headers: text, data with bss and W+X, notes, a stack that means nothing. The data has a hole at its start (a page), one of 16
 * pages in the middle, one of 15, and one at its end. */
static void good(bool wide)
{
    memset(image, 0, sizeof(image));
    for (unsigned i = CODE; i < FILE_SIZE; i++)
        image[i] = (uint8_t)(i * 7 + (i >> 8)) | 1;
    memset(image + DATA, 0, 0x1000);
    memset(image + DATA + 0x10000, 0, 0x10000);
    memset(image + DATA + 0x30000, 0, 0xf000);
    memset(image + DATA + 0x50000, 0, 0x10000);
    memcpy(image, "\177ELF", 4);
    image[4] = wide ? 2 : 1;
    image[5] = image[6] = 1;
    put16(image + 16, 2);
    put16(image + 18, wide ? 62 : 3);
    wide ? put64(image + 24, 0x1000000) : put32(image + 24, 0x1000000);
    wide ? put64(image + 32, HEADERS) : put32(image + 28, HEADERS);
    put16(image + (wide ? 54 : 42), wide ? 56 : 32);
    put16(image + (wide ? 56 : 44), 4);
    entry_is(ENTRY);
    header(wide, 0, LOAD, R | W | X, DATA, DATA_GPA, DATA_SIZE, DATA_MEMORY);
    header(wide, 1, LOAD, R | X, CODE, CODE_GPA, CODE_SIZE, CODE_SIZE);
    header(wide, 2, NOTE, R, NOTES, 0, note_size, note_size);
    header(wide, 3, 0x6474e551, R | W, 0, 0, 0, 0);
    image_size = FILE_SIZE;
    for (unsigned i = 0; i < sizeof(disk); i++)
        disk[i] = (uint8_t)(i * 3);
    spec = (struct partition_spec){.name = "linux", .kind = IMAGE_LINUX, .cores = 2, .memory = MIB(512), .args = ARGS};
}

static int try(void)
{
    file_write(kernel_path, image, image_size);
    file_write(initrd_path, disk, sizeof(disk));
    return payload_linux(kernel_path, initrd_path, &no_product, &spec, &machine, &payload, why, sizeof(why));
}

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
static void sound(void)
{
    assert_true(payload.segment_count >= 1 && payload.segment_count <= PAYLOAD_MAX_SEGMENTS);
    for (unsigned i = 0; i < payload.segment_count; i++) {
        const struct plan_segment *a = &payload.segments[i];

        assert_true(a->size > 0 && a->offset % PAGE_SIZE == 0 && range_inside(a->offset, a->size, 0, payload.size));
        assert_true(range_inside(a->gpa.v, a->size, 0, spec.memory));
        for (unsigned j = 0; j < i; j++)
            assert_false(range_overlap(a->gpa.v, a->size, payload.segments[j].gpa.v, payload.segments[j].size));
    }
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

/* RAM as the kernel finds it: the segments in zeros. */
static void ram_is(uint64_t gpa, const uint8_t *bytes, size_t size)
{
    uint8_t *ram = calloc(1, size);

    assert_non_null(ram);
    for (unsigned i = 0; i < payload.segment_count; i++)
        if (range_inside(payload.segments[i].gpa.v, payload.segments[i].size, gpa, size))
            memcpy(ram + (payload.segments[i].gpa.v - gpa), payload.bytes + payload.segments[i].offset, payload.segments[i].size);
    assert_memory_equal(ram, bytes, size);
    free(ram);
}

static void kernel_lies_where_its_headers_say(void **state)
{
    (void)state;
    for (int wide = 0; wide < 2; wide++) {
        good(wide);
        assert_int_equal(try(), 0);
        sound();
        assert_int_equal(payload.entry.eip, ENTRY);
        assert_int_equal(payload.entry.ebx, START_GPA);
        assert_int_equal(payload.entry.eax, 0);
        assert_int_equal(payload.entry.esi, 0);
        ram_is(CODE_GPA, image + CODE, CODE_SIZE);
        ram_is(DATA_GPA, image + DATA, DATA_SIZE);
        payload_free(&payload);
    }
}

static void holes_are_not_in_the_payload(void **state)
{
    static const struct {
        uint64_t gpa, size;
    } expected[] = {{CODE_GPA, CODE_SIZE}, {DATA_GPA + 0x1000, 0xf000}, {DATA_GPA + 0x20000, 0x30000}};

    (void)state;
    good(true);
    assert_int_equal(try(), 0);
    assert_int_equal(payload.segment_count, 3 + ARRAY_SIZE(expected) + 1);
    for (unsigned i = 0; i < ARRAY_SIZE(expected); i++) {
        assert_int_equal(payload.segments[3 + i].gpa.v, expected[i].gpa);
        assert_int_equal(payload.segments[3 + i].size, expected[i].size);
    }
    payload_free(&payload);
    header(true, 0, LOAD, R | W, DATA, DATA_GPA, 0x1001, DATA_MEMORY); /* a page of zeros and one byte */
    assert_int_equal(try(), 0);
    assert_int_equal(payload.segment_count, 3 + 2 + 1);
    assert_int_equal(payload.segments[4].gpa.v, DATA_GPA + 0x1000);
    assert_int_equal(payload.segments[4].size, 1);
    payload_free(&payload);
    header(true, 0, LOAD, R | W, DATA, DATA_GPA, 0, DATA_MEMORY); /* bss alone: no bytes, but its room is the kernel's */
    spec.memory = KERNEL_END + sizeof(disk);
    assert_int_equal(try(), 0);
    assert_int_equal(payload.segment_count, 3 + 1 + 1);
    payload_free(&payload);
    spec.memory = KERNEL_END + sizeof(disk) - 1;
    refused_with(try(), "raise .memory");
}

/* More holes than pieces are allowed: the smaller ones are filled again. */
static void many_holes_become_fewer(void **state)
{
    static uint8_t large[CODE + 40 * 0x20000];
    const unsigned pieces = PAYLOAD_MAX_SEGMENTS - 4;

    (void)state;
    for (unsigned count = pieces; count <= pieces + 1; count++) {
        good(true);
        memset(large, 0, sizeof(large));
        memcpy(large, image, CODE);
        for (unsigned i = 0; i < count; i++)
            large[CODE + i * 0x12000 + 0x850] = 1; /* a page, then a hole of 17 pages */
        memcpy(image, large, CODE);
        header(true, 1, LOAD, R | X, CODE, CODE_GPA, count * 0x12000, count * 0x12000);
        header(true, 0, LOAD, R | W, DATA, CODE_GPA + 0x400000, 0, 0x1000);
        memcpy(large, image, CODE);
        file_write(kernel_path, large, sizeof(large));
        file_write(initrd_path, disk, sizeof(disk));
        assert_int_equal(payload_linux(kernel_path, initrd_path, &no_product, &spec, &machine, &payload, why, sizeof(why)), 0);
        sound();
        assert_int_equal(payload.segment_count, 4 + (count == pieces ? pieces : 1));
        ram_is(CODE_GPA, large + CODE, count * 0x12000);
        payload_free(&payload);
    }
    good(true);
    memset(image + HEADERS, 0, CODE - HEADERS);
    entry_is(CODE_GPA);
    put16(image + 56, pieces + 2);
    header(true, 0, NOTE, R, NOTES, 0, note_size, note_size);
    for (unsigned i = 0; i < pieces + 1; i++)
        header(true, 1 + i, LOAD, R | X, CODE, CODE_GPA + i * 0x10000, 0x10, 0x10);
    refused_with(try(), "more than 12 segments");
    put16(image + 56, pieces + 1);
    assert_int_equal(try(), 0);
    sound();
    payload_free(&payload);
}

/* The structures of the protocol, byte by byte. */
static void start_information(void **state)
{
    const uint8_t *info, *module;

    (void)state;
    good(true);
    assert_int_equal(try(), 0);
    info = loaded(START_GPA, 4096);
    assert_int_equal(get32(info), 0x336ec578);
    assert_int_equal(get32(info + 4), 1);  /* version: with a memory map */
    assert_int_equal(get32(info + 8), 0);  /* flags */
    assert_int_equal(get32(info + 12), 1); /* modules */
    assert_int_equal(get32(info + 52), 0);
    module = loaded(get64(info + 16), 32);
    assert_int_equal(get64(module), (MIB(512) - sizeof(disk)) & ~(uint64_t)PAGE_MASK);
    assert_int_equal(get64(module + 8), sizeof(disk));
    assert_int_equal(get64(module + 16), 0);
    assert_int_equal(get64(module + 24), 0);
    assert_memory_equal(loaded(get64(module), sizeof(disk)), disk, sizeof(disk));
    assert_string_equal((const char *)loaded(get64(info + 24), 2048), ARGS " tsc=reliable tsc_early_khz=          ");
    assert_memory_equal(loaded(payload.tsc_khz_text.v - 15, 25), " tsc_early_khz=          ", 25);
    assert_int_equal(payload.tsc_khz_width, 10);
    assert_memory_equal(loaded(get64(info + 32), 8), "RSD PTR ", 8);
    assert_memory_equal(loaded(0xffff0, 2), "\xfa\xba", 2);
    payload_free(&payload);
    assert_int_equal(payload_linux(kernel_path, NULL, &no_product, &spec, &machine, &payload, why, sizeof(why)), 0);
    assert_int_equal(get32(loaded(START_GPA, 4096) + 12), 0);
    assert_int_equal(get64(loaded(START_GPA, 4096) + 16), 0);
    payload_free(&payload);
}

/* Enough of a bzImage to be accepted. */
static void bzimage_good(void)
{
    good(true);
    memset(image, 0, 0x2000);
    image[0x1f1] = 1;
    put32(image + 0x1f4, 0x100);
    put16(image + 0x1fe, 0xaa55);
    image[0x201] = 0x6a;
    memcpy(image + 0x202, "HdrS", 4);
    put16(image + 0x206, 0x20f);
    image[0x211] = 1;
    put32(image + 0x22c, 0x7fffffff);
    put32(image + 0x238, 2047);
    put64(image + 0x258, MIB(16));
    put32(image + 0x260, MIB(40));
}

/* Memory map, command line, ACPI tables, reset and initrd do not depend on the kernel's format. */
static void told_the_same_as_by_a_bzimage(void **state)
{
    static const uint64_t sizes[] = {MIB(512), GIB(5)};

    (void)state;
    for (unsigned n = 0; n < ARRAY_SIZE(sizes); n++) {
        struct payload by_elf;
        const uint8_t *info, *params;

        good(true), spec.memory = sizes[n];
        assert_int_equal(try(), 0);
        info = loaded(START_GPA, 4096);
        by_elf = payload;
        payload = (struct payload){0};
        bzimage_good(), spec.memory = sizes[n];
        assert_int_equal(try(), 0);
        params = loaded(payload.entry.esi, 4096);
        assert_int_equal(get32(info + 48), params[0x1e8]);
        assert_int_equal(params[0x1e8], n == 0 ? 5 : 6);
        for (unsigned i = 0; i < params[0x1e8]; i++) {
            const uint8_t *row = info + (get64(info + 40) - START_GPA) + 24 * i;

            assert_memory_equal(row, params + 0x2d0 + 20 * i, 20);
            assert_int_equal(get32(row + 20), 0);
        }
        assert_int_equal(get64(info + 64), get32(params + 0x218));
        assert_int_equal(by_elf.tsc_khz_text.v, payload.tsc_khz_text.v);
        assert_memory_equal(info + 0x1000, params + 0x1000, 0x800);
        for (unsigned i = 1; i < 3; i++) {
            assert_int_equal(by_elf.segments[i].gpa.v, payload.segments[i].gpa.v);
            assert_int_equal(by_elf.segments[i].size, payload.segments[i].size);
            assert_memory_equal(by_elf.bytes + by_elf.segments[i].offset, payload.bytes + payload.segments[i].offset,
                                payload.segments[i].size);
        }
        payload_free(&payload);
        payload_free(&by_elf);
    }
}

static void entry_note_is_checked(void **state)
{
    static const uint64_t bad[] = {0,         0xfffff, CODE_GPA - 1, CODE_GPA + CODE_SIZE, DATA_GPA + DATA_SIZE, 0xffffffff81000850,
                                   UINT64_MAX};
    uint32_t size;

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        good(true), entry_is(bad[i]);
        refused_with(try(), "no executable segment");
    }
    good(true), entry_is(CODE_GPA + CODE_SIZE - 1);
    assert_int_equal(try(), 0);
    payload_free(&payload);
    good(true), put32(image + HEADERS + 2 * 56, LOAD + 100);
    refused_with(try(), "without a PVH entry");
    for (size = 0; size < 12; size++) { /* a descriptor of any other size; with its note cut to 4 bytes it is the 32-bit form */
        good(true), note_size = 0, note_add("Xen", 18, "\x50\x08\x00\x01\0\0\0\0\0\0\0\0", size);
        if (size != 4 && size != 8) {
            refused_with(try(), "not 4 or 8");
            continue;
        }
        assert_int_equal(try(), 0);
        assert_int_equal(payload.entry.eip, ENTRY);
        payload_free(&payload);
    }
    /* notes that end early, lie outside the file, or claim absurd sizes */
    good(true);
    for (size = 0; size < note_size; size++) {
        header(true, 2, NOTE, R, NOTES, 0, size, size);
        if (size >= entry_note_end)
            assert_int_equal(try(), 0);
        else
            refused_with(try(), "without a PVH entry");
        payload_free(&payload);
    }
    good(true), header(true, 2, NOTE, R, FILE_SIZE - 8, 0, 9, 9);
    refused_with(try(), "without a PVH entry");
    good(true), header(true, 2, NOTE, R, UINT64_MAX - 8, 0, 64, 64);
    refused_with(try(), "without a PVH entry");
    good(true), put32(image + NOTES, 0xfffffffe);
    refused_with(try(), "without a PVH entry");
    good(true), put32(image + NOTES + 4, 0xfffffffd);
    refused_with(try(), "without a PVH entry");
}

static void segments_are_checked(void **state)
{
    (void)state;
    for (int wide = 0; wide < 2; wide++) {
        good(wide), header(wide, 0, LOAD, R, DATA, DATA_GPA, 0x11, 0x10);
        refused_with(try(), "larger in the file");
        good(wide), header(wide, 0, LOAD, R, FILE_SIZE - 0xf, DATA_GPA, 0x10, 0x10);
        refused_with(try(), "cut short");
        good(wide), header(wide, 0, LOAD, R, DATA, 0xff000, 0x10, 0x10);
        refused_with(try(), "below 1 MiB");
        good(wide), header(wide, 0, LOAD, R, DATA, MIB(512) - 0xfff, 0x10, 0x1000);
        refused_with(try(), ".memory");
        good(wide), header(wide, 0, LOAD, R, DATA, CODE_GPA + CODE_SIZE - 1, 0x10, 0x10);
        refused_with(try(), "overlap");
        good(wide), header(wide, 3, INTERP, R, DATA, 0, 0x10, 0x10);
        refused_with(try(), "dynamically");
        good(wide), put16(image + 16, 3);
        refused_with(try(), "type 3");
    }
    good(true), image_size = 63;
    refused_with(try(), "not an ELF");
    good(true), memcpy(image, "\177ELG", 4);
    refused_with(try(), "not a bzImage");
}

/* Where 64-bit and 32-bit kernels of Linux want an initrd at most. */
static void initrd_is_not_too_high(void **state)
{
    (void)state;
    for (int wide = 0; wide < 2; wide++) {
        good(wide), spec.memory = GIB(5);
        assert_int_equal(try(), 0);
        assert_int_equal(get64(loaded(START_GPA, 4096) + 64),
                         ((wide ? 0x80000000 : 0x38000000) - sizeof(disk)) & ~(uint64_t)PAGE_MASK);
        payload_free(&payload);
    }
}

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
    for (unsigned round = 0; round < 2000; round++) {
        bool notes = round % 2 != 0;

        good(round % 4 < 2);
        for (unsigned changes = 1 + random_next(&seed) % 3; changes > 0; changes--)
            image[(notes ? NOTES : 0) + random_next(&seed) % (notes ? note_size : HEADERS + 4 * 56)] = (uint8_t)random_next(&seed);
        if (try() == 0) {
            sound();
            accepted++;
        }
        payload_free(&payload);
    }
    assert_in_range(accepted, 200, 1800); /* both outcomes were met */
}

static int files_make(void **state)
{
    int a = mkstemp(kernel_path), b = mkstemp(initrd_path);

    (void)state;
    return a < 0 || b < 0 || close(a) != 0 || close(b) != 0;
}

static int files_remove(void **state)
{
    (void)state;
    return remove(kernel_path) + remove(initrd_path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kernel_lies_where_its_headers_say),
        cmocka_unit_test(holes_are_not_in_the_payload),
        cmocka_unit_test(many_holes_become_fewer),
        cmocka_unit_test(start_information),
        cmocka_unit_test(told_the_same_as_by_a_bzimage),
        cmocka_unit_test(entry_note_is_checked),
        cmocka_unit_test(segments_are_checked),
        cmocka_unit_test(initrd_is_not_too_high),
        cmocka_unit_test(any_input_is_refused_or_sound),
    };

    return cmocka_run_group_tests(tests, files_make, files_remove);
}
