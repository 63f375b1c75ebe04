/* SPDX-License-Identifier: Apache-2.0 */
/* The reader of archives, and the library's files on top of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../fuzz/fuzz_cpio.h"
#include "bh.h"
#include "cpio.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint8_t archive[4096];
static size_t length;
static struct bh_start_info info;

const struct bh_start_info *bh_start_info(void)
{
    return &info;
}

static void pad(void)
{
    while (length % 4)
        archive[length++] = 0;
}

static void add_linked(const char *name, unsigned mode, unsigned links, const char *text)
{
    size_t size = strlen(text);

    length += (size_t)sprintf((char *)archive + length, "070701%08X%08x%08X%08X%08X%08X%08X%08X%08X%08X%08X%08zX%08X", 7, mode, 1,
                              2, links, 3, (unsigned)size, 0, 0, 0, 0, strlen(name) + 1, 0);
    length += (size_t)sprintf((char *)archive + length, "%s", name) + 1;
    pad();
    memcpy(archive + length, text, size);
    length += size;
    pad();
}

static void add(const char *name, unsigned mode, const char *text)
{
    add_linked(name, mode, 1, text);
}

static int begin(void **state)
{
    (void)state;
    memset(archive, 0, sizeof(archive));
    length = 0;
    return 0;
}

static void end(void)
{
    add("TRAILER!!!", 0, "");
    info.files = (uintptr_t)archive;
    info.files_size = length;
}

static void files_come_in_order(void **state)
{
    static const char *const names[] = {"a", "dir/b", "c.txt", "d"}, *const texts[] = {"one", "", "four", "fives"};
    struct bh_file file = {0};

    (void)state;
    add(".", 040755, "");
    add("./a", 0100644, "one");
    add("dir", 040755, "");
    add("/dir/b", 0100600, "");
    add("link", 0120777, "a");
    add_linked("hard", 0100644, 2, "");
    add("c.txt", 0100644, "four");
    add("../up", 0100644, "x");
    add("d", 0100644, "fives");
    end();
    for (unsigned i = 0; i < 4; i++) {
        assert_true(bh_file_next(&file));
        assert_string_equal(file.name, names[i]);
        assert_int_equal(file.size, strlen(texts[i]));
        assert_memory_equal(file.bytes, texts[i], file.size);
    }
    assert_false(bh_file_next(&file));
    assert_true(bh_file_open("c.txt", &file));
    assert_memory_equal(file.bytes, "four", 4);
    assert_false(bh_file_open("c.tx", &file));
    assert_false(bh_file_open("dir", &file));
    assert_false(bh_file_open("link", &file));
    assert_false(bh_file_open("../up", &file));
    info.files = 0;
    assert_false(bh_file_open("a", &file));
}

static void names_are_judged(void **state)
{
    static const struct {
        const char *name;
        bool sound;
    } rows[] = {{"a", true},     {"a/b", true},    {"...", true}, {"a b", true},     {"a//b", false},
                {"a/", false},   {"a/./b", false}, {"..", false}, {"a/..", false},   {"", false},
                {"a\tb", false}, {"\x80", false},  {"~", true},   {".hidden", true}, {"a/../b", false}};
    struct cpio_entry entry;

    (void)state;
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        begin(0);
        add(rows[i].name, 0100644, "x");
        end();
        assert_int_equal(cpio_read(archive, length, 0, &entry), CPIO_ENTRY);
        if (entry.sound != rows[i].sound)
            fail_msg("\"%s\" is %s", rows[i].name, entry.sound ? "taken" : "refused");
    }
}

static void a_long_name_is_not_sound(void **state)
{
    char name[CPIO_NAME_MAX + 2];
    struct cpio_entry entry;

    (void)state;
    for (unsigned longer = 0; longer < 2; longer++) {
        begin(0);
        memset(name, 'n', sizeof(name));
        name[CPIO_NAME_MAX + longer] = 0;
        add(name, 0100644, "x");
        end();
        assert_int_equal(cpio_read(archive, length, 0, &entry), CPIO_ENTRY);
        assert_int_equal(entry.sound, !longer);
    }
}

/* At every length the archive either ends early, with only whole entries before, or reads as it was. */
static void a_cut_archive_gives_whole_entries_only(void **state)
{
    struct bh_file file;

    (void)state;
    add("a", 0100644, "12345");
    size_t whole = length;
    add("b", 0100644, "6789");
    size_t both = length;
    end();
    for (size_t cut = 0; cut <= length; cut++) {
        unsigned count = 0;

        info.files_size = cut;
        for (file = (struct bh_file){0}; bh_file_next(&file);)
            count++;
        assert_int_equal(count, (cut >= whole - 3) + (cut >= both)); /* the padding behind "12345" may be missing */
        LLVMFuzzerTestOneInput(archive, cut);
    }
}

static void sizes_beyond_the_end_are_refused(void **state)
{
    struct cpio_entry entry;

    (void)state;
    add("a", 0100644, "12345");
    end();
    memcpy(archive + 6 + 8 * 6, "FFFFFFFF", 8);
    assert_int_equal(cpio_read(archive, length, 0, &entry), CPIO_BAD);
    memcpy(archive + 6 + 8 * 6, "0000000x", 8);
    assert_int_equal(cpio_read(archive, length, 0, &entry), CPIO_BAD);
    memcpy(archive + 6 + 8 * 6, "00000005", 8);
    assert_int_equal(cpio_read(archive, length, 0, &entry), CPIO_ENTRY);
    memcpy(archive + 6 + 8 * 11, "FFFFFFF0", 8);
    assert_int_equal(cpio_read(archive, length, 0, &entry), CPIO_BAD);
    memcpy(archive + 6 + 8 * 11, "00000000", 8);
    assert_int_equal(cpio_read(archive, length, 0, &entry), CPIO_BAD);
    memcpy(archive + 6 + 8 * 11, "00000001", 8); /* the name's NUL is not where it should be */
    assert_int_equal(cpio_read(archive, length, 0, &entry), CPIO_BAD);
    assert_int_equal(cpio_read(archive, length, length + 1, &entry), CPIO_BAD);
    assert_int_equal(cpio_read(archive, length, SIZE_MAX, &entry), CPIO_BAD);
}

static void any_bytes_are_survived(void **state)
{
    static uint8_t input[1024];
    unsigned seed = 1;

    (void)state;
    add("./a", 0100644, "12345");
    add("dir", 040755, "");
    add("dir/b", 0100644, "6789");
    end();
    for (unsigned round = 0; round < 20000; round++) {
        memcpy(input, archive, length);
        for (unsigned change = 0; change < 1 + round % 5; change++) {
            seed = seed * 1103515245u + 12345u;
            input[(seed >> 8) % length] = round % 2 ? (uint8_t) "0123456789abcdefABCDEF"[(seed >> 24) % 22] : (uint8_t)(seed >> 24);
        }
        LLVMFuzzerTestOneInput(input, length - (seed >> 20) % 8);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(files_come_in_order, begin),
        cmocka_unit_test(names_are_judged),
        cmocka_unit_test(a_long_name_is_not_sound),
        cmocka_unit_test_setup(a_cut_archive_gives_whole_entries_only, begin),
        cmocka_unit_test_setup(sizes_beyond_the_end_are_refused, begin),
        cmocka_unit_test_setup(any_bytes_are_survived, begin),
    };

    return cmocka_run_group_tests(tests, 0, 0);
}
