/* SPDX-License-Identifier: Apache-2.0 */
/* core/channel.c: what each partition is told of its channels, what a restart does to them, and who hears a doorbell. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "channel.h"
#include "fake_arch.h"
#include "fake_partition.h"
#include "fake_plan.h"
#include "memory.h"
#include "vcpu.h"

#define LINUX 0u
#define CONTROL 1u
#define HELLO 2u

/* Plain, from control to hello; a cable between control and Linux, there and back; hello's. */
static const struct plan_channel four[] = {
    {.name = "talk",
     .writer = CONTROL,
     .readers = 1u << HELLO,
     .mapped = 1u << CONTROL | 1u << HELLO,
     .back = BH_MAX_CHANNELS,
     .gpa = {BH_CHANNELS_GPA},
     .size = 16384,
     .doorbells_per_second = 1000},
    {.name = "lan.0",
     .kind = BH_CHANNEL_CABLE,
     .writer = CONTROL,
     .readers = 1u << LINUX,
     .mapped = 1u << CONTROL,
     .back = 2,
     .gpa = {BH_CHANNELS_GPA + 0x5000},
     .size = 8192,
     .doorbells_per_second = 10,
     .info = {{0x11}, {0x22}}},
    {.name = "lan.1",
     .kind = BH_CHANNEL_CABLE,
     .writer = LINUX,
     .readers = 1u << CONTROL,
     .mapped = 1u << CONTROL,
     .back = 1,
     .gpa = {BH_CHANNELS_GPA + 0x8000},
     .size = 8192,
     .doorbells_per_second = 10,
     .info = {{0x22}, {0x11}}},
    {.name = "fifteen-letters",
     .writer = HELLO,
     .readers = 1u << CONTROL,
     .mapped = 1u << CONTROL | 1u << HELLO,
     .back = BH_MAX_CHANNELS,
     .gpa = {BH_CHANNELS_GPA + 0xb000},
     .size = 65536,
     .doorbells_per_second = 10000},
};
static struct {
    unsigned breaths, wakes, channel, partition;
    uint32_t epoch; /* of the first channel at the first breath */
} seen;
static uint8_t pages[64 * PAGE_SIZE] __attribute__((aligned(4096)));
static size_t taken;

void *pool_take(unsigned count)
{
    void *at = pages + taken;

    taken += count * PAGE_SIZE;
    assert_true(taken <= sizeof(pages));
    return memset(at, 0, count * PAGE_SIZE);
}

static struct bh_channels *list(unsigned partition)
{
    return (struct bh_channels *)(partitions[partition].abi + (BH_CHANNELS_INFO_GPA - BH_ABI_GPA));
}

/* Between the slices of the ring. */
void vcpu_breathe(void)
{
    if (seen.breaths++ == 0)
        seen.epoch = list(HELLO)->channel[0].epoch;
}

void port_wake(unsigned channel, struct partition *partition)
{
    assert_false(fake_gate_held(partition));
    seen.wakes++;
    seen.channel = channel;
    seen.partition = partition->index;
}

static int setup(void **state)
{
    (void)state;
    fake_reset();
    fake_plan_reset();
    fake_plan.channels = four;
    fake_plan.channel_count = 4;
    fake_partitions_reset();
    memset(&seen, 0, sizeof(seen));
    taken = 0;
    fake_plan_partitions[HELLO].core_count = 2;
    channels_create();
    return 0;
}

static void test_lists(void **state)
{
    const struct bh_channel *c = list(CONTROL)->channel, *h = list(HELLO)->channel;

    (void)state;
    assert_int_equal(list(CONTROL)->count, 4);
    assert_int_equal(list(HELLO)->count, 2);
    assert_string_equal(c[0].name, "talk");
    assert_string_equal(h[1].name, "fifteen-letters");
    assert_int_equal(c[0].writes, 1);
    assert_int_equal(h[0].writes, 0);
    assert_int_equal(c[0].gpa, BH_CHANNELS_GPA);
    assert_int_equal(c[0].back, BH_MAX_CHANNELS);
    assert_int_equal(c[1].back, 2);
    assert_int_equal(c[2].back, 1);
    assert_int_equal(c[1].info[0], 0x11); /* of the writer */
    assert_int_equal(c[2].info[0], 0x11); /* of the reader */
    assert_int_equal(c[2].kind, BH_CHANNEL_CABLE);
    assert_int_equal(h[1].size, 65536);
    assert_int_equal(taken, PAGE_SIZE * (4 + 4 + 2 + 2 + 16));
}

/* What its writer had in it is gone, what others write stays; each end sees the new epoch, and it never becomes 0. */
static void test_restart(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 4; i++)
        memset(channel_memory(i), 0xa5, PAGE_SIZE + four[i].size);
    channels_restart(&partitions[CONTROL]);
    assert_int_equal(seen.epoch, 1); /* the ring is emptied after it */
    for (unsigned i = 0; i < 4; i++)
        for (size_t k = 0; k < PAGE_SIZE + four[i].size; k++)
            assert_int_equal(channel_memory(i)[k], four[i].writer == CONTROL ? 0 : 0xa5);
    assert_int_equal(channel_epoch(0), 1);
    assert_int_equal(channel_epoch(2), 0);
    assert_int_equal(list(CONTROL)->channel[0].epoch, 1);
    assert_int_equal(list(HELLO)->channel[0].epoch, 1);
    assert_int_equal(list(HELLO)->channel[1].epoch, 0);
    assert_true(seen.breaths >= 2);
    for (unsigned i = 0; i < 24; i++)
        channels_restart(&partitions[CONTROL]);
    assert_int_equal(list(HELLO)->channel[0].epoch, 25);
}

static uint64_t ring(unsigned partition, uint64_t number)
{
    return channel_doorbell(partitions[partition].vcpus, number);
}

static void test_doorbell(void **state)
{
    (void)state;
    assert_int_equal(ring(CONTROL, 0), 0); /* nobody has a vector for it */
    assert_int_equal(fake_partition.interrupts[HELLO], 0);
    partitions[HELLO].vectors[BH_SOURCE_CHANNEL + 0] = 0x41;
    partitions[HELLO].cores[BH_SOURCE_CHANNEL + 0] = 1;
    partitions[HELLO].vectors[BH_SOURCE_CHANNEL + 1] = 0x42;
    assert_int_equal(ring(CONTROL, 0), 0);
    assert_int_equal(fake_partition.interrupts[HELLO], 1);
    assert_int_equal(fake_partition.interrupts[CONTROL] + fake_partition.interrupts[LINUX], 0);
    assert_int_equal(fake_partition.vector, 0x41);
    assert_int_equal(fake_partition.vcpu, 1);
    assert_true(fake_partition.gate_was_held);
    assert_false(fake_gate_held(&partitions[HELLO]));
    assert_false(fake_gate_held(&partitions[CONTROL]));
}

/* Only what it writes, by its own numbers: 1 is hello's own, in control's list it is the cable. */
static void test_sep3_doorbells_of_others(void **state)
{
    static const uint64_t wild[] = {2, 4, 47, 48, 255, 256, 0x100000000, 0xffffffff00000000, ~0ull};

    (void)state;
    partitions[CONTROL].vectors[BH_SOURCE_CHANNEL + 3] = 0x50;
    assert_int_equal(ring(HELLO, 0), BH_EINVAL);
    assert_int_equal(ring(CONTROL, 2), BH_EINVAL);
    assert_int_equal(ring(CONTROL, 3), BH_EINVAL);
    assert_int_equal(ring(LINUX, 0), BH_EINVAL);
    for (unsigned i = 0; i < ARRAY_SIZE(wild); i++)
        assert_int_equal(ring(HELLO, wild[i]), BH_EINVAL);
    assert_int_equal(fake_partition.interrupts[CONTROL], 0);
    assert_int_equal(ring(HELLO, 1), 0);
    assert_int_equal(fake_partition.interrupts[CONTROL], 1);
}

/* 1,000 a second: ten more at once than one a millisecond. Another channel has a rate of its own. */
static void test_rate(void **state)
{
    unsigned rung = 0;

    (void)state;
    fake_ms(1000);
    partitions[HELLO].vectors[BH_SOURCE_CHANNEL] = 0x41;
    for (unsigned i = 0; i < 100; i++)
        rung += ring(CONTROL, 0) == 0;
    assert_int_equal(rung, 11);
    assert_int_equal(ring(CONTROL, 0), BH_AGAIN);
    assert_int_equal(ring(CONTROL, 1), 0);
    assert_int_equal(fake_partition.interrupts[HELLO], 11);
    fake_ms(1);
    assert_int_equal(ring(CONTROL, 0), 0);
    assert_int_equal(ring(CONTROL, 0), BH_AGAIN);
    fake_ms(100000); /* what was not used does not add up */
    rung = 0;
    for (unsigned i = 0; i < 100; i++)
        rung += ring(CONTROL, 0) == 0;
    assert_int_equal(rung, 11);
}

static void test_announce_and_ports(void **state)
{
    (void)state;
    partitions[HELLO].vectors[BH_SOURCE_CHANNEL] = 0x41;
    partitions[CONTROL].vectors[BH_SOURCE_CHANNEL + 2] = 0x43;
    channels_announce(&partitions[CONTROL]);
    assert_int_equal(fake_partition.interrupts[HELLO], 1);
    assert_int_equal(fake_partition.interrupts[CONTROL], 0);
    assert_int_equal(seen.wakes, 1);
    assert_int_equal(seen.channel, 1);
    assert_int_equal(seen.partition, LINUX);
    channels_announce(&partitions[LINUX]);
    assert_int_equal(fake_partition.interrupts[CONTROL], 1);
    assert_int_equal(fake_partition.vector, 0x43);
    assert_int_equal(seen.wakes, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_lists, setup),    cmocka_unit_test_setup(test_restart, setup),
        cmocka_unit_test_setup(test_doorbell, setup), cmocka_unit_test_setup(test_sep3_doorbells_of_others, setup),
        cmocka_unit_test_setup(test_rate, setup),     cmocka_unit_test_setup(test_announce_and_ports, setup),
    };

    return cmocka_run_group_tests(tests, 0, 0);
}
