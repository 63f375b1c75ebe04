/* SPDX-License-Identifier: Apache-2.0 */
/* What the disk programs compute: arguments of `storage`, blocks that say where they belong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../partitions/storage/settings.h"
#include "disk_pattern.h"

static void arguments_are_read(void **state)
{
    static char *words[] = {"own=1", "vf1=2,3", "vf16=", "queues=4", "interrupts=3", "disk=1"};
    struct settings settings;

    (void)state;
    assert_null(settings_read(&settings, 6, words));
    assert_int_equal(settings.own.count, 1);
    assert_int_equal(settings.own.ids[0], 1);
    assert_true(settings.vfs[0].named && settings.vfs[0].count == 2 && settings.vfs[0].ids[1] == 3);
    assert_true(settings.vfs[15].named && settings.vfs[15].count == 0);
    assert_false(settings.vfs[1].named);
    assert_int_equal(settings.queues, 4);
    assert_int_equal(settings.interrupts, 3);
    assert_int_equal(settings.disk, 1);
    assert_null(settings_read(&settings, 0, words));
    assert_int_equal(settings.queues, 2);
    assert_int_equal(settings.interrupts, 2);
}

static void arguments_that_make_no_sense(void **state)
{
    static char *wrong[] = {"vf0=1",
                            "vf17=1",
                            "vf=1",
                            "vf1",
                            "vf1=a",
                            "vf1=1,",
                            "vf1=0",
                            "vf1=4294967295",
                            "own",
                            "own=,1",
                            "own=1;",
                            "queues=1",
                            "queues=65536",
                            "interrupts=0",
                            "disk=",
                            "disk=x",
                            "disk=99999999999999999999",
                            "own=1,2,3,4,5,6,7,8,9",
                            "else"};
    struct settings settings;

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_ptr_equal(settings_read(&settings, 1, &wrong[i]), wrong[i]);
}

/* SEP-1: a namespace has one owner. */
static void sep1_no_namespace_twice(void **state)
{
    static char *words[][2] = {{"vf1=2,3", "vf2=3"}, {"vf1=2", "own=2"}, {"own=2", "vf4=1,2"}, {"vf1=2", "vf1=3"}};
    static char *same[] = {"own=2,2"};
    struct settings settings;

    (void)state;
    for (unsigned i = 0; i < 4; i++)
        assert_ptr_equal(settings_read(&settings, 2, words[i]), words[i][1]);
    assert_non_null(settings_read(&settings, 1, same));
}

static void blocks_say_where_they_belong(void **state)
{
    uint64_t block[64], other[64];

    (void)state;
    disk_pattern_fill(block, 512, 7, 100, 3);
    assert_int_equal(disk_pattern_check(block, 512, 7, 100, 3), PATTERN_OK);
    assert_int_equal(disk_pattern_check(block, 512, 8, 100, 3), PATTERN_FOREIGN);
    assert_int_equal(disk_pattern_check(block, 512, 7, 101, 3), PATTERN_MISPLACED);
    assert_int_equal(disk_pattern_check(block, 512, 7, 100, 4), PATTERN_STALE);
    assert_string_equal(disk_pattern_name(PATTERN_STALE), "of an earlier round");
    for (unsigned bit = 0; bit < 4096; bit++) { /* whichever it is */
        block[bit / 64] ^= 1ull << bit % 64;
        assert_int_not_equal(disk_pattern_check(block, 512, 7, 100, 3), PATTERN_OK);
        block[bit / 64] ^= 1ull << bit % 64;
    }
    /* Sectors of two rounds of one block: the tail of the other one. */
    disk_pattern_fill(other, 512, 7, 100, 2);
    memcpy(block + 32, other + 32, 256);
    assert_int_equal(disk_pattern_check(block, 512, 7, 100, 3), PATTERN_TORN);
    memset(block, 0, sizeof(block));
    assert_int_equal(disk_pattern_check(block, 512, 0, 0, 0), PATTERN_FOREIGN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arguments_are_read),
        cmocka_unit_test(arguments_that_make_no_sense),
        cmocka_unit_test(sep1_no_namespace_twice),
        cmocka_unit_test(blocks_say_where_they_belong),
    };

    return cmocka_run_group_tests(tests, 0, 0);
}
