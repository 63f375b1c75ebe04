/* SPDX-License-Identifier: Apache-2.0 */
/* The health table: each event with each action, lost peers, hangs, the exit budget. */
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
#include "health.h"
#include "virt.h"

enum { LINUX_GUEST, CONTROL, HELLO };

static struct guest_state states[4]; /* by core */
static uint32_t requests[4];         /* since the last look */

void virt_state(const struct vcpu *vcpu, struct guest_state *state)
{
    *state = states[vcpu->core];
}

void vcpu_request(struct vcpu *vcpu, uint32_t request)
{
    requests[vcpu->core] |= request;
}

const char *action_name(enum action action)
{
    return action == ACTION_LOG ? "log" : action == ACTION_INJECT ? "inject" : "other";
}

static int setup(void **state)
{
    (void)state;
    fake_reset();
    fake_plan_reset();
    memset(states, 0, sizeof(states));
    memset(requests, 0, sizeof(requests));
    for (unsigned i = 0; i < 3; i++)
        for (unsigned event = 0; event < EVENT_COUNT; event++)
            fake_plan_partitions[i].actions[event] = ACTION_STOP;
    fake_partitions_reset();
    for (unsigned core = 0; core < 4; core++)
        atomic_store(&vcpus[core].mode, VCPU_RUNNING);
    return 0;
}

/* --- the table ------------------------------------------------------------------------------------------------------------------- */

static const enum cause cause_of[EVENT_COUNT] = {
    [EVENT_CRASH] = CAUSE_TRAP,         [EVENT_HANG] = CAUSE_HANG,
    [EVENT_WATCHDOG] = CAUSE_WATCHDOG,  [EVENT_EXIT] = CAUSE_EXIT,
    [EVENT_REBOOT] = CAUSE_REBOOT,      [EVENT_POWEROFF] = CAUSE_POWEROFF,
    [EVENT_DENIED] = CAUSE_DENIED,      [EVENT_IOMMU_FAULT] = CAUSE_DMA,
    [EVENT_EXIT_BUDGET] = CAUSE_BUDGET, [EVENT_MACHINE_CHECK] = CAUSE_MACHINE_CHECK,
    [EVENT_PEER_LOST] = CAUSE_PEER,
};

/* A cell is looked up for its own event alone: all others say something else. */
static void each_cell(void **state)
{
    (void)state;
    for (unsigned event = 0; event < EVENT_COUNT; event++)
        for (enum action action = ACTION_LOG; action <= ACTION_RESTART_GROUP; action++) {
            bool goes_on = action == ACTION_LOG || action == ACTION_INJECT;

            setup(0);
            for (unsigned other = 0; other < EVENT_COUNT; other++)
                fake_plan_partitions[CONTROL].actions[other] = action == ACTION_RESET ? ACTION_STOP : ACTION_RESET;
            fake_plan_partitions[CONTROL].actions[event] = action;
            fake_uart_text();
            assert_int_equal(health_event(&partitions[CONTROL], cause_of[event]), goes_on ? ACTION_LOG : action);
            for (unsigned other = 0; other < EVENT_COUNT; other++)
                assert_int_equal(partitions[CONTROL].health.counts[other], other == event);
            assert_int_equal(requests[2], action == ACTION_INJECT ? REQUEST_NMI : 0);
            assert_int_equal(requests[0] | requests[1] | requests[3], 0);
            assert_int_equal(strstr(fake_uart_text(), "partition control: ") != 0, goes_on);
        }
}

static void every_cause_has_its_event(void **state)
{
    static const enum cause none[] = {CAUSE_IMAGE, CAUSE_APIC, CAUSE_DEVICE, CAUSE_GROUP, CAUSE_ALONG, CAUSE_OPERATOR};
    static const enum cause crashes[] = {CAUSE_TRAP, CAUSE_ABORT, CAUSE_SHUTDOWN, CAUSE_MMIO, CAUSE_ENTRY, CAUSE_INSTRUCTION};

    (void)state;
    for (unsigned event = 0; event < EVENT_COUNT; event++)
        fake_plan_partitions[CONTROL].actions[event] = ACTION_RESET;
    for (unsigned i = 0; i < ARRAY_SIZE(none); i++)
        assert_int_equal(health_event(&partitions[CONTROL], none[i]), ACTION_STOP);
    for (unsigned i = 0; i < ARRAY_SIZE(crashes); i++)
        assert_int_equal(health_event(&partitions[CONTROL], crashes[i]), ACTION_RESET);
    assert_int_equal(partitions[CONTROL].health.counts[EVENT_CRASH], ARRAY_SIZE(crashes));
}

/* Who is on its way down, or waits, has its cause already. */
static void only_who_lives_has_events(void **state)
{
    (void)state;
    for (unsigned s = 0; s < PARTITION_STATE_COUNT; s++) {
        bool lives = s == PARTITION_RUNNING || s == PARTITION_PAUSED;

        partitions[CONTROL].state = (uint8_t)s;
        partitions[CONTROL].health.counts[EVENT_CRASH] = 0;
        assert_int_equal(health_event(&partitions[CONTROL], CAUSE_TRAP), lives ? ACTION_STOP : ACTION_LOG);
        assert_int_equal(partitions[CONTROL].health.counts[EVENT_CRASH], lives);
    }
}

/* Who hangs gets its NMI once in a life; who goes on anyway, each time. */
static void second_nmi(void **state)
{
    (void)state;
    for (unsigned event = 0; event < EVENT_COUNT; event++) {
        bool once = event == EVENT_HANG || event == EVENT_WATCHDOG;

        fake_plan_partitions[CONTROL].actions[event] = ACTION_INJECT;
        fake_plan_partitions[CONTROL].restart.then = ACTION_RESTART_GROUP;
        for (unsigned life = 0; life < 2; life++) {
            health_start(&partitions[CONTROL], fake.ticks);
            for (unsigned time = 0; time < 3; time++) {
                bool again = once && time > 0;

                requests[2] = 0;
                assert_int_equal(health_event(&partitions[CONTROL], cause_of[event]), again ? ACTION_RESTART_GROUP : ACTION_LOG);
                assert_int_equal(requests[2], again ? 0 : REQUEST_NMI);
            }
        }
    }
}

/* --- lost peers ------------------------------------------------------------------------------------------------------------------ */

static void peers_are_those_at_the_other_end(void **state)
{
    static const struct plan_channel channels[] = {{.writer = LINUX_GUEST, .readers = 1 << CONTROL | 1 << HELLO}};
    static const struct {
        unsigned lost;
        uint32_t told;
    } cases[] = {{LINUX_GUEST, 1 << CONTROL | 1 << HELLO}, {CONTROL, 1 << LINUX_GUEST}, {HELLO, 1 << LINUX_GUEST}};

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        uint32_t told = 0;

        setup(0);
        fake_plan.channels = channels;
        fake_plan.channel_count = 1;
        atomic_store(&partitions[cases[i].lost].stop_cause, CAUSE_TRAP);
        health_peers(&partitions[cases[i].lost]);
        for (unsigned k = 0; k < fake_partition.order_count; k++) {
            assert_int_equal(fake_partition.orders[k].cause, CAUSE_PEER);
            assert_int_equal(fake_partition.orders[k].action, ACTION_DEFAULT);
            told |= 1u << fake_partition.orders[k].partition;
        }
        assert_int_equal(told, cases[i].told);
    }
}

static void what_follows_from_another_is_told_to_nobody(void **state)
{
    static const struct plan_channel channels[] = {{.writer = CONTROL, .readers = 1 << HELLO}};

    (void)state;
    fake_plan.channels = channels;
    fake_plan.channel_count = 1;
    for (unsigned cause = 0; cause < CAUSE_COUNT; cause++) {
        bool follows = cause == CAUSE_PEER || cause == CAUSE_ALONG || cause == CAUSE_GROUP;

        fake_partition.order_count = 0;
        atomic_store(&partitions[CONTROL].stop_cause, (uint8_t)cause);
        health_peers(&partitions[CONTROL]);
        assert_int_equal(fake_partition.order_count, !follows);
    }
}

/* --- hangs ----------------------------------------------------------------------------------------------------------------------- */

#define HANG_MS 400u

/* In ticks of 20 ms; each core answers what it is asked. `answer` bit per core. */
static void pass(unsigned index, unsigned ms, uint32_t answer)
{
    for (unsigned t = 0; t < ms; t += 20) {
        fake_ms(20);
        health_tick(&partitions[index], fake.ticks);
        for (unsigned core = 0; core < 4; core++) {
            if ((requests[core] & REQUEST_LOOK) && (answer >> core & 1))
                health_look(&vcpus[core]);
            requests[core] = 0;
        }
    }
}

static void hang_is_found_in_its_time(void **state)
{
    (void)state;
    fake_plan_partitions[CONTROL].hang_ms = HANG_MS;
    states[2] = (struct guest_state){.rip = 0x1000, .rflags = 2};
    health_start(&partitions[CONTROL], fake.ticks);
    pass(CONTROL, HANG_MS, ~0u);
    assert_int_equal(fake_partition.order_count, 0);
    pass(CONTROL, HANG_MS / 2, ~0u);
    assert_int_equal(fake_partition.order_count, 1);
    assert_int_equal(fake_partition.orders[0].partition, CONTROL);
    assert_int_equal(fake_partition.orders[0].cause, CAUSE_HANG);
    assert_int_equal(fake_partition.orders[0].action, ACTION_DEFAULT);
    pass(CONTROL, HANG_MS - 20, ~0u); /* another whole time, should it go on */
    assert_int_equal(fake_partition.order_count, 1);
    pass(CONTROL, HANG_MS, ~0u);
    assert_int_equal(fake_partition.order_count, 2);
}

static void who_moves_or_can_be_interrupted_does_not_hang(void **state)
{
    (void)state;
    fake_plan_partitions[CONTROL].hang_ms = HANG_MS;
    states[2] = (struct guest_state){.rip = 0x1000, .rflags = 0x202};
    pass(CONTROL, 10 * HANG_MS, ~0u);
    states[2].rflags = 2;
    for (unsigned i = 0; i < 40; i++) {
        states[2].rip += 32; /* out of the place at last, not at each look */
        pass(CONTROL, HANG_MS / 4, ~0u);
    }
    assert_int_equal(fake_partition.order_count, 0);
    for (unsigned i = 0; i < 40; i++) {
        states[2].rip = i % 2 ? 0x1000 : 0x101f; /* a loop that waits for nothing */
        pass(CONTROL, HANG_MS / 4, ~0u);
    }
    assert_true(fake_partition.order_count > 0);
}

/* All of its cores; those that wait to be started do not count, and one that does not answer is no evidence. */
static void all_cores_hang(void **state)
{
    (void)state;
    fake_plan_partitions[LINUX_GUEST].hang_ms = HANG_MS;
    states[0].rflags = states[1].rflags = 2;
    states[1].rflags = 0x202;
    pass(LINUX_GUEST, 5 * HANG_MS, ~0u);
    assert_int_equal(fake_partition.order_count, 0);
    states[1].rflags = 2;
    pass(LINUX_GUEST, 5 * HANG_MS, 1);
    assert_int_equal(fake_partition.order_count, 0);
    pass(LINUX_GUEST, 2 * HANG_MS, ~0u);
    assert_int_equal(fake_partition.order_count, 1);
    atomic_store(&vcpus[1].mode, VCPU_WAIT_SIPI);
    health_start(&partitions[LINUX_GUEST], fake.ticks);
    pass(LINUX_GUEST, HANG_MS + HANG_MS / 2, 1);
    assert_int_equal(fake_partition.order_count, 2);
    atomic_store(&vcpus[0].mode, VCPU_WAIT_SIPI);
    pass(LINUX_GUEST, 5 * HANG_MS, ~0u);
    assert_int_equal(fake_partition.order_count, 2);
}

/* PERF-1: without hang_ms nobody is disturbed; what does not run is not looked at; a new life begins anew. */
static void nobody_is_disturbed(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 100; i++) {
        fake_ms(20);
        health_tick(&partitions[CONTROL], fake.ticks);
        assert_int_equal(requests[2], 0);
    }
    fake_plan_partitions[CONTROL].hang_ms = HANG_MS;
    partitions[CONTROL].state = PARTITION_PAUSED;
    health_tick(&partitions[CONTROL], fake.ticks);
    assert_int_equal(requests[2], 0);
    partitions[CONTROL].state = PARTITION_RUNNING;
    states[2].rflags = 2;
    pass(CONTROL, HANG_MS, ~0u);
    health_start(&partitions[CONTROL], fake.ticks);
    pass(CONTROL, HANG_MS - 20, ~0u);
    assert_int_equal(fake_partition.order_count, 0);
    requests[2] = 0;
    for (unsigned i = 0, looks = 0; i <= 50; i++) { /* four times in hang_ms */
        fake_ms(20);
        health_tick(&partitions[CONTROL], fake.ticks);
        looks += (requests[2] & REQUEST_LOOK) != 0;
        requests[2] = 0;
        assert_true(i < 50 || (looks >= 9 && looks <= 11));
    }
}

/* --- the exit budget --------------------------------------------------------------------------------------------------------------- */

/* So many seconds of `ms` each with so many exits, some of them for the APIC, and many kicks. */
static void seconds(unsigned count, unsigned ms, unsigned exits, unsigned apic)
{
    for (unsigned i = 0; i < count; i++) {
        fake_ms(ms);
        vcpus[0].counters.exits[EXIT_CPUID] += exits / 2;
        vcpus[1].counters.exits[EXIT_IO] += exits - exits / 2;
        vcpus[1].counters.exits[EXIT_NESTED_FAULT] += apic;
        vcpus[1].counters.apic += apic;
        vcpus[0].counters.exits[EXIT_KICK] += 1000;
        vcpus[0].counters.exits[EXIT_IO] += 5000; /* what peers send has to be acknowledged */
        vcpus[0].counters.ports += 5000;
        health_second(&partitions[LINUX_GUEST], fake.ticks);
    }
}

static void budget_begin(void)
{
    setup(0);
    fake_plan_partitions[LINUX_GUEST].exits = (struct exits_spec){.declared = true, .per_second = 100, .xapic_per_second = 2000};
    fake_plan_partitions[LINUX_GUEST].exits_grace_ms = 5000;
    health_start(&partitions[LINUX_GUEST], fake.ticks);
    seconds(5, 1000, 0, 0);
}

static void budget_is_kept(void **state)
{
    (void)state;
    budget_begin();
    seconds(30, 1000, 100, 2000);
    seconds(30, 1020, 102, 2040);
    seconds(30, 3000, 300, 6000); /* a second may be late */
    assert_int_equal(fake_partition.order_count, 0);
}

static void budget_is_exceeded(void **state)
{
    static const struct {
        unsigned exits, apic;
    } cases[] = {{101, 0}, {0, 2001}, {101, 2001}};

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        budget_begin();
        seconds(9, 1000, cases[i].exits, cases[i].apic);
        assert_int_equal(fake_partition.order_count, 0);
        seconds(1, 1000, 100, 2000); /* one good second between */
        seconds(1, 1000, cases[i].exits, cases[i].apic);
        assert_int_equal(fake_partition.order_count, 0);
        seconds(1, 1000, cases[i].exits, cases[i].apic);
        assert_int_equal(fake_partition.order_count, 1);
        assert_int_equal(fake_partition.orders[0].cause, CAUSE_BUDGET);
        assert_int_equal(fake_partition.orders[0].action, ACTION_DEFAULT);
        seconds(9, 1000, cases[i].exits, cases[i].apic);
        assert_int_equal(fake_partition.order_count, 1);
        seconds(1, 1000, cases[i].exits, cases[i].apic);
        assert_int_equal(fake_partition.order_count, 2);
    }
}

static void budget_with_quiet_seconds(void **state)
{
    (void)state;
    budget_begin();
    seconds(9, 1000, 101, 0);
    seconds(1, 1000, 0, 0);
    seconds(1, 1000, 101, 0);
    assert_int_equal(fake_partition.order_count, 0);
    seconds(1, 1000, 101, 0); /* nine of ten, for ever, is found */
    assert_int_equal(fake_partition.order_count, 1);
    for (unsigned i = 0; i < 100; i++) { /* each other second is a burst */
        seconds(1, 1000, 101, 0);
        seconds(1, 1000, 100, 0);
    }
    assert_int_equal(fake_partition.order_count, 1);
    for (unsigned i = 0; i < 30; i++) { /* bursts far apart do not add up */
        seconds(9, 1000, 101, 0);
        seconds(20, 1000, 0, 0);
    }
    assert_int_equal(fake_partition.order_count, 1);
    seconds(9, 1000, 101, 0); /* and quiet is not saved up */
    assert_int_equal(fake_partition.order_count, 1);
    seconds(1, 1000, 101, 0);
    assert_int_equal(fake_partition.order_count, 2);
}

static void budget_of_zero(void **state)
{
    (void)state;
    budget_begin();
    fake_plan_partitions[LINUX_GUEST].exits = (struct exits_spec){.declared = true};
    seconds(20, 1000, 0, 0);
    assert_int_equal(fake_partition.order_count, 0);
    seconds(10, 1000, 1, 0);
    assert_int_equal(fake_partition.order_count, 1);
}

static void budget_has_its_grace(void **state)
{
    (void)state;
    budget_begin();
    health_start(&partitions[LINUX_GUEST], fake.ticks);
    seconds(4, 1000, 10000, 10000);
    seconds(9, 1000, 101, 0);
    assert_int_equal(fake_partition.order_count, 0);
    seconds(1, 1000, 101, 0);
    assert_int_equal(fake_partition.order_count, 1);
    seconds(9, 1000, 101, 0);
    health_start(&partitions[LINUX_GUEST], fake.ticks); /* a new life */
    seconds(4, 1000, 101, 0);
    assert_int_equal(fake_partition.order_count, 1);
}

static void no_budget_no_event(void **state)
{
    (void)state;
    budget_begin();
    fake_plan_partitions[LINUX_GUEST].exits.declared = false;
    seconds(30, 1000, 100000, 100000);
    fake_plan_partitions[LINUX_GUEST].exits.declared = true;
    seconds(1, 1000, 0, 0);
    partitions[LINUX_GUEST].state = PARTITION_PAUSED;
    seconds(30, 1000, 100000, 100000);
    assert_int_equal(fake_partition.order_count, 0);
}

/* One of the two counts may be read while the other is on its way: that is no flood. */
static void counters_read_while_they_change(void **state)
{
    (void)state;
    budget_begin();
    for (unsigned i = 0; i < 30; i++) {
        seconds(1, 1000, 0, 0);
        vcpus[1].counters.exits[EXIT_NESTED_FAULT]++;
        seconds(1, 1000, 0, 0);
        vcpus[1].counters.apic++;
    }
    for (unsigned i = 0; i < 30; i++) {
        vcpus[1].counters.apic++; /* a second in which the count falls */
        seconds(1, 1000, 0, 0);
    }
    assert_int_equal(fake_partition.order_count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(each_cell, setup),
        cmocka_unit_test_setup(every_cause_has_its_event, setup),
        cmocka_unit_test_setup(only_who_lives_has_events, setup),
        cmocka_unit_test_setup(second_nmi, setup),
        cmocka_unit_test_setup(peers_are_those_at_the_other_end, setup),
        cmocka_unit_test_setup(what_follows_from_another_is_told_to_nobody, setup),
        cmocka_unit_test_setup(hang_is_found_in_its_time, setup),
        cmocka_unit_test_setup(who_moves_or_can_be_interrupted_does_not_hang, setup),
        cmocka_unit_test_setup(all_cores_hang, setup),
        cmocka_unit_test_setup(nobody_is_disturbed, setup),
        cmocka_unit_test_setup(budget_is_kept, setup),
        cmocka_unit_test_setup(budget_is_exceeded, setup),
        cmocka_unit_test_setup(budget_with_quiet_seconds, setup),
        cmocka_unit_test_setup(budget_of_zero, setup),
        cmocka_unit_test_setup(budget_has_its_grace, setup),
        cmocka_unit_test_setup(no_budget_no_event, setup),
        cmocka_unit_test_setup(counters_read_while_they_change, setup),
    };
    return cmocka_run_group_tests(tests, 0, 0);
}
