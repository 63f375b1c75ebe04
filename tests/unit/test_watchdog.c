/* SPDX-License-Identifier: Apache-2.0 */
/* The watchdog matrix (AC-46): grace, period, action, stop, absurd signs; and when the board's watchdog is fed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "console.h"
#include "fake_arch.h"
#include "fake_partition.h"
#include "fake_plan.h"
#include "watchdog.h"

#define PERIOD 100u
#define GRACE 1000u

enum { LINUX_GUEST, CONTROL, HELLO };

static int setup(void **state)
{
    (void)state;
    fake_reset();
    fake_plan_reset();
    for (unsigned i = 0; i < 3; i++)
        fake_plan_partitions[i].watchdog =
            (struct watchdog_spec){.period_ms = PERIOD, .boot_grace_ms = GRACE, .action = ACTION_RESTART};
    fake_partitions_reset();
    return 0;
}

static void begin(unsigned i)
{
    watchdog_start(&partitions[i], fake.ticks);
}

/* Let time pass in ticks of 20 ms; returns how many orders came. */
static unsigned pass(unsigned i, unsigned ms)
{
    unsigned before = fake_partition.order_count;

    for (unsigned t = 0; t < ms; t += 20) {
        fake_ms(20);
        watchdog_tick(&partitions[i], fake.ticks);
    }
    return fake_partition.order_count - before;
}

static void live(unsigned i)
{
    if (i == LINUX_GUEST)
        watchdog_pet(&partitions[i]);
    else
        fake_shared(i)->heartbeat++;
}

static void test_grace_then_order(void **state)
{
    (void)state;
    for (unsigned i = LINUX_GUEST; i <= CONTROL; i++) {
        begin(i);
        assert_int_equal(pass(i, GRACE), 0);
        assert_int_equal(pass(i, 20), 1);
        assert_int_equal(fake_partition.orders[i].partition, i);
        assert_int_equal(fake_partition.orders[i].cause, CAUSE_WATCHDOG);
        assert_int_equal(fake_partition.orders[i].action, ACTION_DEFAULT);
    }
}

static void test_period_after_first_sign(void **state)
{
    (void)state;
    for (unsigned i = LINUX_GUEST; i <= CONTROL; i++) {
        begin(i);
        assert_int_equal(pass(i, 500), 0);
        live(i);
        assert_int_equal(pass(i, PERIOD + 20), 0); /* seen at the first tick, good for a period from there */
        assert_int_equal(pass(i, 20), 1);
    }
}

static void test_kept_alive(void **state)
{
    (void)state;
    for (unsigned i = LINUX_GUEST; i <= CONTROL; i++) {
        begin(i);
        for (unsigned n = 0; n < 200; n++) {
            live(i);
            assert_int_equal(pass(i, 80), 0);
        }
        assert_int_equal(pass(i, 120), 1);
    }
}

/* Any change is a sign, no value means anything, and the same value is none. */
static void test_ac46_absurd_heartbeats(void **state)
{
    static const uint32_t values[] = {0xffffffff, 0, 0x80000000, 1, 0xfffffffe, 0x7fffffff};

    (void)state;
    fake_shared(CONTROL)->heartbeat = 0xdeadbeef; /* already there at the start: no sign */
    begin(CONTROL);
    assert_int_equal(pass(CONTROL, GRACE), 0);
    for (unsigned i = 0; i < ARRAY_SIZE(values); i++) {
        fake_shared(CONTROL)->heartbeat = values[i];
        assert_int_equal(pass(CONTROL, 100), 0);
    }
    fake_shared(CONTROL)->heartbeat = values[ARRAY_SIZE(values) - 1];
    assert_int_equal(pass(CONTROL, 40), 1);
}

/* A sign of life of one is none of another. */
static void test_ac46_identity(void **state)
{
    (void)state;
    begin(CONTROL);
    begin(HELLO);
    for (unsigned t = 0; t < GRACE + 100; t += 20) {
        fake_ms(20);
        fake_shared(HELLO)->heartbeat++;
        watchdog_pet(&partitions[LINUX_GUEST]);
        watchdog_pet(&partitions[CONTROL]); /* a unikernel has no ib700: its pets do not count */
        watchdog_tick(&partitions[CONTROL], fake.ticks);
        watchdog_tick(&partitions[HELLO], fake.ticks);
    }
    assert_int_equal(fake_partition.order_count, 1);
    assert_int_equal(fake_partition.orders[0].partition, CONTROL);
}

static void test_stop_refused_unless_allowed(void **state)
{
    (void)state;
    begin(LINUX_GUEST);
    watchdog_stop(&partitions[LINUX_GUEST]);
    watchdog_stop(&partitions[LINUX_GUEST]);
    assert_int_equal(partitions[LINUX_GUEST].watchdog.stop_refused, 2);
    assert_int_equal(pass(LINUX_GUEST, GRACE + 20), 1);

    fake_plan_partitions[LINUX_GUEST].watchdog.may_stop = true;
    begin(LINUX_GUEST);
    live(LINUX_GUEST);
    assert_int_equal(pass(LINUX_GUEST, 60), 0);
    watchdog_stop(&partitions[LINUX_GUEST]);
    assert_int_equal(pass(LINUX_GUEST, 60000), 0);
    assert_int_equal(partitions[LINUX_GUEST].watchdog.stop_refused, 2);
    live(LINUX_GUEST); /* on again, with a whole period */
    assert_int_equal(pass(LINUX_GUEST, PERIOD + 20), 0);
    assert_int_equal(pass(LINUX_GUEST, 20), 1);

    watchdog_stop(&partitions[LINUX_GUEST]); /* a new life begins watched */
    begin(LINUX_GUEST);
    assert_int_equal(pass(LINUX_GUEST, GRACE + 20), 1);
}

static void test_no_watchdog(void **state)
{
    (void)state;
    fake_plan_partitions[CONTROL].watchdog = (struct watchdog_spec){0};
    begin(CONTROL);
    assert_int_equal(pass(CONTROL, 100000), 0);
}

static void test_only_while_running(void **state)
{
    (void)state;
    begin(CONTROL);
    for (unsigned s = 0; s < PARTITION_STATE_COUNT; s++) {
        partitions[CONTROL].state = (uint8_t)s;
        if (s != PARTITION_RUNNING)
            assert_int_equal(pass(CONTROL, 5000), 0);
    }
    begin(CONTROL);
    partitions[CONTROL].state = PARTITION_RUNNING;
    assert_int_equal(pass(CONTROL, GRACE), 0);
}

/* A pause is no sign of death: a whole period begins when it goes on. */
static void test_a_pause_is_not_counted(void **state)
{
    (void)state;
    begin(CONTROL);
    partitions[CONTROL].state = PARTITION_PAUSED;
    assert_int_equal(pass(CONTROL, 10 * GRACE), 0);
    partitions[CONTROL].state = PARTITION_RUNNING;
    assert_int_equal(pass(CONTROL, GRACE - 100), 0);
    assert_int_equal(pass(CONTROL, 200), 1);
}

/* Once per period, even if the order takes long to have an effect. */
static void test_order_is_not_repeated_at_each_tick(void **state)
{
    (void)state;
    begin(CONTROL);
    assert_int_equal(pass(CONTROL, GRACE + 20), 1);
    assert_int_equal(pass(CONTROL, GRACE), 0);
    assert_int_equal(pass(CONTROL, 20), 1);
}

static void test_grace_is_at_least_a_period(void **state)
{
    (void)state;
    fake_plan_partitions[CONTROL].watchdog.boot_grace_ms = 0;
    begin(CONTROL);
    assert_int_equal(pass(CONTROL, PERIOD), 0);
    assert_int_equal(pass(CONTROL, 20), 1);
}

/* The longest times of the table, the fastest clock, a start stamped by a core whose TSC reads a little later. */
static void test_arithmetic(void **state)
{
    (void)state;
    fake.khz = 6000000;
    fake_plan_partitions[CONTROL].watchdog = (struct watchdog_spec){.period_ms = UINT32_MAX, .boot_grace_ms = UINT32_MAX};
    begin(CONTROL);
    fake_ms(UINT32_MAX);
    watchdog_tick(&partitions[CONTROL], fake.ticks);
    assert_int_equal(fake_partition.order_count, 0);
    fake_ms(1);
    watchdog_tick(&partitions[CONTROL], fake.ticks);
    assert_int_equal(fake_partition.order_count, 1);

    watchdog_start(&partitions[HELLO], fake.ticks + 100000);
    watchdog_tick(&partitions[HELLO], fake.ticks);
    assert_int_equal(fake_partition.order_count, 1);
}

/* --- the board's ------------------------------------------------------------------------------------------------------------ */

static void board_begin(void)
{
    static uint64_t later;

    later += 100000; /* the function keeps the time of its last kick */
    fake_board.watchdog.kind = WATCHDOG_I6300ESB;
    fake_ms(later);
    for (unsigned core = 0; core < 4; core++)
        atomic_store(&vcpus[core].alive, fake.ticks);
    watchdog_board(fake.ticks);
    memset(fake.kicks, 0, sizeof(fake.kicks));
    fake.feeds = 0;
}

static void test_board_fed_while_all_answer(void **state)
{
    (void)state;
    board_begin();
    for (unsigned ms = 0; ms < 10000; ms += 20) {
        fake_ms(20);
        watchdog_board(fake.ticks);
        for (unsigned core = 1; core < 4; core++) {
            if (fake.kicks[core] != 0)
                atomic_store(&vcpus[core].alive, fake.ticks);
        }
    }
    assert_int_equal(fake.feeds, 500);
    assert_int_equal(fake.kicks[0], 0); /* that is ourselves */
}

/* A core with nothing to say is asked once it was silent for half the time it has, then four times in that time. */
static void test_board_asks_seldom(void **state)
{
    unsigned kicks = 0;

    (void)state;
    board_begin();
    for (unsigned ms = 0; ms < 10000; ms += 20) {
        fake_ms(20);
        watchdog_board(fake.ticks);
        if (fake.kicks[2] != 0)
            atomic_store(&vcpus[2].alive, fake.ticks);
        kicks += fake.kicks[2];
        fake.kicks[2] = 0;
    }
    assert_in_range(kicks, 10000 / WATCHDOG_ANSWER_MS, 20000 / WATCHDOG_ANSWER_MS);
}

static void test_board_not_fed_when_a_core_is_lost(void **state)
{
    (void)state;
    board_begin();
    for (unsigned ms = 0; ms < 10000; ms += 20) {
        fake_ms(20);
        for (unsigned core = 1; core < 4; core++)
            if (core != 3)
                atomic_store(&vcpus[core].alive, fake.ticks);
        watchdog_board(fake.ticks);
    }
    assert_in_range(fake.feeds, WATCHDOG_ANSWER_MS / 20 - 5, WATCHDOG_ANSWER_MS / 20 + 1);
    assert_in_range(fake.kicks[3], (10000 - WATCHDOG_ANSWER_MS / 2) / (WATCHDOG_ANSWER_MS / 4) - 2, 40000 / WATCHDOG_ANSWER_MS);
    assert_non_null(strstr(fake_uart_text(), "core 3 does not answer"));
    atomic_store(&vcpus[3].alive, fake.ticks);
    fake.feeds = 0;
    watchdog_board(fake.ticks);
    assert_int_equal(fake.feeds, 1);
}

static void test_board_core_without_partition_does_not_count(void **state)
{
    (void)state;
    fake_plan_cores[3].partition = 0xff;
    board_begin();
    for (unsigned ms = 0; ms < 10000; ms += 20) {
        fake_ms(20);
        atomic_store(&vcpus[1].alive, fake.ticks);
        atomic_store(&vcpus[2].alive, fake.ticks);
        watchdog_board(fake.ticks);
    }
    assert_int_equal(fake.feeds, 500);
    assert_int_equal(fake.kicks[3], 0);
}

static void test_board_without_watchdog(void **state)
{
    (void)state;
    board_begin();
    fake_board.watchdog.kind = WATCHDOG_NONE;
    fake_ms(10000);
    watchdog_board(fake.ticks);
    assert_int_equal(fake.feeds + fake.kicks[1] + fake.kicks[2], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_grace_then_order, setup),
        cmocka_unit_test_setup(test_period_after_first_sign, setup),
        cmocka_unit_test_setup(test_kept_alive, setup),
        cmocka_unit_test_setup(test_ac46_absurd_heartbeats, setup),
        cmocka_unit_test_setup(test_ac46_identity, setup),
        cmocka_unit_test_setup(test_stop_refused_unless_allowed, setup),
        cmocka_unit_test_setup(test_no_watchdog, setup),
        cmocka_unit_test_setup(test_only_while_running, setup),
        cmocka_unit_test_setup(test_a_pause_is_not_counted, setup),
        cmocka_unit_test_setup(test_order_is_not_repeated_at_each_tick, setup),
        cmocka_unit_test_setup(test_grace_is_at_least_a_period, setup),
        cmocka_unit_test_setup(test_arithmetic, setup),
        cmocka_unit_test_setup(test_board_fed_while_all_answer, setup),
        cmocka_unit_test_setup(test_board_asks_seldom, setup),
        cmocka_unit_test_setup(test_board_not_fed_when_a_core_is_lost, setup),
        cmocka_unit_test_setup(test_board_core_without_partition_does_not_count, setup),
        cmocka_unit_test_setup(test_board_without_watchdog, setup),
    };

    return cmocka_run_group_tests(tests, 0, 0);
}
