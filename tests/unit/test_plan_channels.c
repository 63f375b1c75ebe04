/* SPDX-License-Identifier: Apache-2.0 */
/* config/tool/plan_channels.c: what the planner makes of channels, cables and slices. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "check.h"
#include "plan_channels.h"
#include "plan_pool.h"

static const struct product sample = {
    .abi = PRODUCT_ABI,
    .name = "channels",
    .partitions = {{.name = "a", .kind = IMAGE_UNIKERNEL, .cores = 1, .memory = MIB(8)},
                   {.name = "b", .kind = IMAGE_UNIKERNEL, .cores = 1, .memory = MIB(8)},
                   {.name = "c", .kind = IMAGE_LINUX, .cores = 1, .memory = MIB(256)}},
    .channels = {{.name = "exactly-fifteen", .writer = "a", .readers = {"b"}},
                 {.name = "big", .writer = "b", .readers = {"a"}, .size = MIB(1), .doorbells_per_second = 7}},
    .cables = {{.name = "lan", .ends = {{"a"}, {"c", {2, 3, 4, 5, 6, 7}}}}, {.name = "thirteen-long", .ends = {{"a"}, {"b"}}}},
    .slices = {{.name = "one", .server = "b", .client = "a", .size = MIB(3), .read_only = true},
               {.name = "two", .server = "a", .client = "c", .size = MIB(5)},
               {.name = "three", .server = "b", .client = "c", .size = MIB(2), .ring = 131072}},
};
static struct channel_plan planned;

static int setup(void **state)
{
    (void)state;
    channels_plan(&sample, &planned);
    return 0;
}

static void test_names_and_ends(void **state)
{
    static const struct {
        const char *name;
        enum bh_channel_kind kind;
        unsigned writer, readers, mapped, back;
        uint32_t size;
    } expected[] = {{"exactly-fifteen", BH_CHANNEL_PLAIN, 0, 2, 3, BH_MAX_CHANNELS, 16384},
                    {"big", BH_CHANNEL_PLAIN, 1, 1, 3, BH_MAX_CHANNELS, 1048576},
                    {"lan.0", BH_CHANNEL_CABLE, 0, 4, 1, 3, 65536},
                    {"lan.1", BH_CHANNEL_CABLE, 2, 1, 1, 2, 65536},
                    {"thirteen-long.0", BH_CHANNEL_CABLE, 0, 2, 3, 5, 65536},
                    {"thirteen-long.1", BH_CHANNEL_CABLE, 1, 1, 3, 4, 65536},
                    {"one.q", BH_CHANNEL_REQUEST, 0, 2, 3, 7, 262144},
                    {"one.r", BH_CHANNEL_ANSWER, 1, 1, 3, 6, 262144},
                    {"two.q", BH_CHANNEL_REQUEST, 2, 1, 1, 9, 262144},
                    {"two.r", BH_CHANNEL_ANSWER, 0, 4, 1, 8, 262144},
                    {"three.q", BH_CHANNEL_REQUEST, 2, 2, 2, 11, 131072},
                    {"three.r", BH_CHANNEL_ANSWER, 1, 4, 2, 10, 131072}};
    uint64_t gpa = BH_CHANNELS_GPA;

    (void)state;
    assert_int_equal(planned.count, ARRAY_SIZE(expected));
    for (uint32_t i = 0; i < planned.count; i++) {
        const struct plan_channel *c = &planned.channels[i];

        assert_string_equal(c->name, expected[i].name);
        assert_int_equal(c->kind, expected[i].kind);
        assert_int_equal(c->writer, expected[i].writer);
        assert_int_equal(c->readers, expected[i].readers);
        assert_int_equal(c->mapped, expected[i].mapped); /* never to the Linux */
        assert_int_equal(c->back, expected[i].back);
        assert_int_equal(c->size, expected[i].size);
        assert_int_equal(c->gpa.v, gpa);
        gpa += 4096 + c->size;
    }
    assert_true(gpa <= BH_CHANNELS_GPA + PLAN_CHANNELS_SIZE);
    assert_int_equal(planned.channels[1].doorbells_per_second, 7);
    assert_int_equal(planned.channels[0].doorbells_per_second, CHANNEL_DOORBELLS);
    assert_int_equal(planned.channels[2].doorbells_per_second, PORT_DOORBELLS);
}

static void test_infos(void **state)
{
    uint64_t made = planned.channels[2].info[0][0];

    (void)state;
    assert_int_equal(planned.channels[2].info[1][0], 0x070605040302);
    assert_int_equal(planned.channels[3].info[0][0], 0x070605040302);
    assert_int_equal(planned.channels[3].info[1][0], made);
    assert_int_equal(made & 3, 2);                                    /* one station, administered locally */
    assert_int_equal(made, cable_mac(&sample, &sample.cables[0], 0)); /* the same each time */
    assert_int_not_equal(made, planned.channels[4].info[0][0]);
    for (unsigned end = 0; end < 2; end++) {
        assert_int_equal(planned.channels[6].info[end][0], 0);
        assert_int_equal(planned.channels[6].info[end][1], MIB(3));
        assert_int_equal(planned.channels[6].info[end][2], 1);
        assert_int_equal(planned.channels[8].info[end][0], 0);
        assert_int_equal(planned.channels[11].info[end][0], MIB(3)); /* behind the first one of that server */
        assert_int_equal(planned.channels[11].info[end][2], 0);
    }
}

/* The largest product there can be has room in the window. */
static void test_largest(void **state)
{
    uint64_t each = CHANNEL_MAX + PAGE_SIZE;

    (void)state;
    assert_int_equal(PRODUCT_MAX_CHANNELS + 2 * PRODUCT_MAX_CABLES + 2 * PRODUCT_MAX_SLICES, BH_MAX_CHANNELS);
    assert_true(BH_MAX_CHANNELS * each <= PLAN_CHANNELS_SIZE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup(test_names_and_ends, setup),
                                       cmocka_unit_test_setup(test_infos, setup), cmocka_unit_test(test_largest)};

    return cmocka_run_group_tests(tests, 0, 0);
}
