/* SPDX-License-Identifier: Apache-2.0 */
/* Where labels that conflict meet: every kind of carrier, both orders, and what must not be taken for a meeting. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "../fixtures/good.h"
#include "check.h"
#include "labels.h"

#pragma GCC diagnostic ignored "-Woverride-init" /* good tables with one field spoilt */

static struct board b = {GOOD_BOARD};
static struct product p;
static struct check check;

static const struct product three = {GOOD_PRODUCT, .partitions = {{GOOD_UNIKERNEL("one"), .labels = {"secret"}},
                                                                  {GOOD_UNIKERNEL("two"), .labels = {"other", "outside"}},
                                                                  {GOOD_UNIKERNEL("three")}}};

/* The ids of 870 and above that the rules find, as one text. */
static const char *found_ids(void)
{
    static char text[4 * MAX_FINDINGS + 4];
    check = (struct check){.product = &p, .board = &b};
    check_run(&check);
    text[0] = 0;
    for (unsigned i = 0; i < check.finding_count; i++)
        if (strcmp(check.findings[i].id, "CFG-870") >= 0 && strcmp(check.findings[i].id, "CFG-880") <= 0) {
            strcat(text, check.findings[i].id + 4);
            strcat(text, " ");
        }
    return text;
}

static void conflict(const char *a, const char *c, enum conflict_scope scope)
{
    p.conflicts[0] = (struct conflict_spec){a, c, scope};
}

/* Writer and reader, two readers, the two ends of a cable, of a slice; but not through a third. */
static void test_channels(void **state)
{
    (void)state;
    p = three;
    conflict("secret", "outside", CONFLICT_CHANNEL);
    p.channels[0] = (struct channel_spec){.name = "c", .writer = "one", .readers = {"three"}};
    p.channels[1] = (struct channel_spec){.name = "d", .writer = "three", .readers = {"two"}};
    assert_string_equal(found_ids(), "");
    p.channels[1].readers[1] = "one";
    assert_string_equal(found_ids(), "878 ");
    assert_non_null(strstr(check.findings[check.finding_count - 1].value, "partition one and partition two, by channel d"));
    p.channels[1].readers[1] = 0;
    p.channels[0] = (struct channel_spec){.name = "c", .writer = "two", .readers = {"one"}};
    assert_string_equal(found_ids(), "878 ");
    conflict("outside", "secret", CONFLICT_ANY);
    b.cores[2].cache = 1;
    assert_string_equal(found_ids(), "878 879 ");
    b.cores[2].cache = 0;
    p = three;
    conflict("outside", "secret", CONFLICT_CHANNEL);
    p.cables[0] = (struct cable_spec){.name = "wire", .ends = {{"three", {0}}, {"two", {0}}}};
    assert_string_equal(found_ids(), "");
    p.cables[0].ends[0].partition = "one";
    assert_string_equal(found_ids(), "878 ");
    p = three;
    conflict("outside", "secret", CONFLICT_CHANNEL);
    p.partitions[1].devices[0].role = "disk0";
    p.slices[0] = (struct slice_spec){.name = "s", .server = "two", .client = "three", .size = MIB(1)};
    assert_string_equal(found_ids(), "");
    p.slices[0].client = "one";
    assert_string_equal(found_ids(), "878 ");
}

/* A channel's own label counts against whoever is at its ends, but never against itself. */
static void test_channel_label(void **state)
{
    (void)state;
    p = three;
    conflict("outside", "keys", CONFLICT_CHANNEL);
    p.channels[0] = (struct channel_spec){.name = "c", .writer = "one", .readers = {"three"}, .labels = {"keys"}};
    assert_string_equal(found_ids(), "");
    p.channels[0].readers[0] = "two";
    assert_string_equal(found_ids(), "878 ");
    assert_non_null(strstr(check.findings[check.finding_count - 1].value, "partition two and channel c, by channel c"));
    p.channels[0].readers[0] = "three";
    p.channels[0].labels[1] = "outside";
    assert_string_equal(found_ids(), "877 ");
    /* Nothing that has caches carries the label. */
    p.channels[0].labels[1] = 0;
    conflict("outside", "keys", CONFLICT_CACHE);
    assert_string_equal(found_ids(), "875 ");
    conflict("keys", "keys", CONFLICT_CHANNEL);
    assert_string_equal(found_ids(), "875 875 ");
}

/* No two partitions with it: the one that has it, and a channel of the same label, are none. */
static void test_itself(void **state)
{
    (void)state;
    p = three;
    conflict("secret", "secret", CONFLICT_ANY);
    p.channels[0] = (struct channel_spec){.name = "c", .writer = "one", .readers = {"three"}, .labels = {"secret"}};
    assert_string_equal(found_ids(), "");
    p.partitions[2].labels[0] = "secret";
    assert_string_equal(found_ids(), "878 879 ");
    b.cores[0].cache = 1;
    assert_string_equal(found_ids(), "878 ");
    b.cores[0].cache = 0;
}

/* Numbers of caches count within a package. Cores that nobody has are nobody's neighbours. */
static void test_caches(void **state)
{
    (void)state;
    p = three;
    conflict("secret", "outside", CONFLICT_CACHE);
    assert_string_equal(found_ids(), "879 ");
    b.cores[0].package = 1;
    assert_string_equal(found_ids(), "");
    b.cores[0].package = 0;
    b.cores[1].cache = 2;
    assert_string_equal(found_ids(), "");
    p.partitions[1].cores = 2;
    assert_string_equal(found_ids(), "879 ");
    p.partitions[1].cores = 1;
    b.cores[1].cache = 0;
    b.cores[0].reserved = b.cores[1].reserved = true;
    p.partitions[2] = (struct partition_spec){0};
    b.cores[3].cache = 1;
    assert_string_equal(found_ids(), "");
    b.cores[0].reserved = b.cores[1].reserved = false;
    b.cores[3].cache = 0;
}

/* A physical function and its virtual ones are one device; two of its virtual ones too. */
static void test_devices(void **state)
{
    (void)state;
    p = three;
    conflict("secret", "outside", CONFLICT_DEVICE);
    p.partitions[0].devices[0].role = "nic0";
    p.partitions[1].devices[0].role = "disk0";
    p.partitions[2].devices[0].role = "disk0.vf1";
    assert_string_equal(found_ids(), "");
    p.partitions[0].devices[1].role = "disk0.vf2";
    assert_string_equal(found_ids(), "880 ");
    p.partitions[1].devices[0].role = "disk0.vf3";
    p.partitions[2].devices[0].role = "disk0";
    assert_string_equal(found_ids(), "880 ");
    assert_non_null(strstr(check.findings[check.finding_count - 1].value, "partition one and partition two, disk0"));
}

/* A table cut short anywhere is judged without reading beyond it. */
static void test_wild(void **state)
{
    (void)state;
    p = three;
    for (unsigned i = 0; i < PRODUCT_MAX_CONFLICTS; i++)
        p.conflicts[i] = (struct conflict_spec){"secret", "outside", CONFLICT_ANY};
    for (unsigned i = 0; i < PRODUCT_MAX_LABELS; i++)
        p.partitions[2].labels[i] = "a-label-of-sixteen-bytes-or-more";
    p.channels[0] = (struct channel_spec){.name = "c", .writer = "nobody", .readers = {"none", "one", 0, "two"}};
    p.cables[0] = (struct cable_spec){.name = "wire"};
    p.slices[0] = (struct slice_spec){.name = "s"};
    assert_non_null(strstr(found_ids(), "870 870 870 870 872"));
    p = three;
    p.conflicts[0] = (struct conflict_spec){.a = "secret"};
    assert_string_equal(found_ids(), "874 875 ");
    p.conflicts[0] = (struct conflict_spec){0};
    p.conflicts[PRODUCT_MAX_CONFLICTS - 1].scope = CONFLICT_ANY;
    assert_string_equal(found_ids(), "873 ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_channels), cmocka_unit_test(test_channel_label), cmocka_unit_test(test_itself),
        cmocka_unit_test(test_caches),   cmocka_unit_test(test_devices),       cmocka_unit_test(test_wild),
    };
    return cmocka_run_group_tests(tests, 0, 0);
}
