/* SPDX-License-Identifier: Apache-2.0 */
/* The life cycle as one state machine: lifecycle.c, partition.c, vcpu.c, hypercall.c and loader.c run together over a fake
 * machine whose cores the test steps one by one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "channel.h"
#include "console.h"
#include "devices.h"
#include "fake_arch.h"
#include "fake_life.h"
#include "fake_plan.h"
#include "fake_port.h"
#include "launch.h"
#include "lifecycle.h"
#include "pci.h"
#include "sha256.h"
#include "vcpu.h"
#include "virt.h"
#include "watchdog.h"

static int setup(void **state)
{
    (void)state;
    life_reset();
    return 0;
}

static int memory_make(void **state)
{
    (void)state;
    life_memory_make();
    return 0;
}

static int memory_drop(void **state)
{
    (void)state;
    life_memory_drop();
    return 0;
}

/* A crash of partition 1, on its core 2. */
static void crash_one(void)
{
    fake.core = 2;
    partition_stop(&vcpus[2], CAUSE_TRAP, 14, 0xbad, 0);
    life_settle();
}

/* --- start -------------------------------------------------------------------------------------------------------------------------- */

static void sep9_start_scrubs_copies_and_enters(void **state)
{
    uint8_t zero[64] = {0};

    (void)state;
    life_start(1);
    assert_memory_equal(life_ram[1] + 0x100000, life_payload[1], 4000);
    assert_memory_equal(life_ram[1] + 0x180000, life_payload[1] + 4000, 1000);
    assert_memory_equal(life_ram[1], zero, 64);
    assert_memory_equal(life_ram[1] + 0x100000 + 4000, zero, 64);
    assert_memory_equal(life_ram[1] + LARGE_SIZE - 64, zero, 64);
    assert_int_equal(life.entry.eip, 0x100001);
    assert_int_equal(vcpus[2].mode, VCPU_RUNNING);
    assert_int_equal(life.fpu_resets[2], 1);
    assert_int_equal(life.msr_resets[2], 1);
    assert_true(partitions[1].gate_open);
    assert_false(fake.zone_open);
    assert_int_equal(partitions[1].lives, 1);
}

static void sep4_start_touches_no_other_partition(void **state)
{
    (void)state;
    life_start(1);
    for (unsigned b = 0; b < LARGE_SIZE; b += 4096)
        assert_int_equal(life_ram[2][b], 0xa5);
    assert_int_equal(life_state(0), PARTITION_CREATED);
    assert_int_equal(vcpus[3].mode, VCPU_PARKED);
}

static void start_information_is_complete(void **state)
{
    const struct bh_start_info *info = (const struct bh_start_info *)partitions[1].abi;

    (void)state;
    fake_plan_partitions[1].args = "one two";
    fake_plan_partitions[1].payload.files = GPA(0x1f0000);
    fake_plan_partitions[1].payload.files_size = 4097;
    fake_plan_partitions[1].dma_offset = 0x12345678000;
    fake_plan_partitions[1].tpm = HPA(PLAN_TPM);
    life_start(1);
    info = (const struct bh_start_info *)partitions[1].abi;
    assert_int_equal(info->magic, BH_START_MAGIC);
    assert_int_equal(info->version, BH_ABI_VERSION);
    assert_int_equal(info->cores, 1);
    assert_int_equal(info->ram_size, LARGE_SIZE);
    assert_int_equal(info->tsc_khz, fake.khz);
    assert_int_equal(info->lives, 1);
    assert_string_equal(info->name, "control");
    assert_int_equal(info->tick_hz, 50);
    assert_string_equal(info->args, "one two");
    assert_int_equal(info->files, 0x1f0000);
    assert_int_equal(info->dma_offset, 0x12345678000);
    assert_int_equal(info->tpm, 0xfed40000);
    assert_int_equal(info->files_size, 4097);
}

static void further_cores_wait_for_sipi(void **state)
{
    (void)state;
    life_start(0);
    assert_int_equal(vcpus[0].mode, VCPU_RUNNING);
    assert_int_equal(vcpus[1].mode, VCPU_WAIT_SIPI);
    fake.core = 0;
    atomic_store(&vcpus[1].sipi_vector, 0x9a);
    vcpu_request(&vcpus[1], REQUEST_INIT);
    vcpu_request(&vcpus[1], REQUEST_SIPI);
    assert_int_equal(fake.kicks[1], 2);
    life_step(1);
    assert_int_equal(vcpus[1].mode, VCPU_RUNNING);
    assert_int_equal(life.sipi, 0x9a);
    vcpu_request(&vcpus[1], REQUEST_SIPI);
    life_step(1);
    assert_int_equal(life.sipi_resets, 1); /* the usual second one */
}

/* As a processor after INIT and start-up: whatever this core had of this life or the last. */
static void sep9_a_further_core_starts_from_reset_state(void **state)
{
    (void)state;
    life_start(0);
    assert_int_equal(life.fpu_resets[1] + life.msr_resets[1], 0); /* only the core itself can */
    fake.core = 0;
    vcpus[1].nmi_pending = vcpus[1].nmi_blocked = true;
    vcpus[1].apic = (struct apic_shadow){0};
    vcpu_request(&vcpus[1], REQUEST_INIT);
    life_step(1);
    assert_int_equal(vcpus[1].mode, VCPU_WAIT_SIPI);
    assert_int_equal(vcpus[1].apic.base_msr, 0xfee00c00);
    assert_int_equal(life.apic_resets, 2);
    assert_false(vcpus[1].nmi_pending || vcpus[1].nmi_blocked);
    fake.core = 0;
    vcpu_request(&vcpus[1], REQUEST_SIPI);
    life_step(1);
    assert_int_equal(life.apic_resets, 3);
    assert_int_equal(vcpus[1].mode, VCPU_RUNNING);
    assert_int_equal(life.fpu_resets[1], 1);
    assert_int_equal(life.msr_resets[1], 1);
    assert_int_equal(life.fpu_resets[0] + life.msr_resets[0], 2);
}

static void tsc_text_is_decimal_and_padded(void **state)
{
    (void)state;
    fake_plan_partitions[1].payload.tsc_khz_text = GPA(0x1c0000);
    fake_plan_partitions[1].payload.tsc_khz_width = 10;
    fake.khz = 2693123;
    life_start(1);
    assert_memory_equal(life_ram[1] + 0x1c0000, "2693123   ", 10);
    assert_int_equal(life_ram[1][0x1c000a], 0);
}

static void segments_outside_ram_are_not_copied(void **state)
{
    (void)state;
    life_segments[1][1].gpa = GPA(LARGE_SIZE - 100);
    life_start(1); /* ASan would see a byte too far */
}

/* --- stop and restart ------------------------------------------------------------------------------------------------------------------ */

static void sep9_restart_verifies_scrubs_and_counts_lives(void **state)
{
    const struct stop_record *record = &partitions[1].stops.last[0];

    (void)state;
    life_start(1);
    memset(life_ram[1], 0x5a, LARGE_SIZE);
    crash_one();
    assert_int_equal(life_state(1), PARTITION_RUNNING);
    assert_int_equal(partitions[1].lives, 2);
    assert_int_equal(life_ram[1][0x1000], 0);
    assert_memory_equal(life_ram[1] + 0x100000, life_payload[1], 4000);
    assert_int_equal(life.apic_resets, 3);
    assert_int_equal(partitions[1].stops.made, 1);
    assert_int_equal(record->cause, CAUSE_TRAP);
    assert_int_equal(record->value, 14);
    assert_int_equal(record->address, 0xbad);
    assert_int_equal(record->state.rip, 0x1002);
    assert_int_equal(record->action, ACTION_RESTART);
}

/* What the hypervisor keeps for a guest is part of its life: devices, interrupt shadows, vectors, NMIs. */
static void sep9_restart_forgets_what_was_kept_for_the_guest(void **state)
{
    (void)state;
    fake_plan_partitions[0].actions[EVENT_CRASH] = ACTION_RESTART;
    life_start(0);
    for (unsigned core = 0; core < 2; core++) {
        vcpus[core].nmi_pending = vcpus[core].nmi_blocked = true;
        vcpus[core].apic = (struct apic_shadow){0};
    }
    partitions[0].vectors[BH_SOURCE_CONSOLE] = 0x40;
    memset(&life, 0, sizeof(life));
    fake.core = 0;
    partition_stop(&vcpus[0], CAUSE_SHUTDOWN, 0, 0, 0);
    life_settle();
    assert_int_equal(partitions[0].lives, 2);
    for (unsigned core = 0; core < 2; core++) {
        assert_false(vcpus[core].nmi_pending || vcpus[core].nmi_blocked);
        assert_int_equal(vcpus[core].apic.base_msr, 0xfee00c00);
    }
    assert_int_equal(partitions[0].vectors[BH_SOURCE_CONSOLE], 0);
    assert_int_equal(life.device_resets, 1);
    assert_int_equal(life.console_resets, 1);
    assert_int_equal(life.ioapic_resets, 1);
    assert_int_equal(life.apic_resets, 3);
    assert_int_equal(life.quiets, 1);
    assert_int_equal(life.pci_stops, 1);
    assert_int_equal(life.pci_starts, 1);
    assert_int_equal(life.fpu_resets[0], 1);
    assert_int_equal(life.msr_resets[0], 1);
    assert_int_equal(life.entry_resets, 1);
}

static void altered_payload_is_not_started_again(void **state)
{
    const struct stop_record *record = &partitions[1].stops.last[1];

    (void)state;
    life_start(1);
    life_payload[1][4321] ^= 1;
    memset(life_ram[1], 0x5a, LARGE_SIZE);
    crash_one();
    assert_int_equal(life_state(1), PARTITION_STOPPED);
    assert_int_equal(vcpus[2].mode, VCPU_PARKED);
    assert_int_equal(partitions[1].stops.made, 2);
    assert_int_equal(record->cause, CAUSE_IMAGE);
    assert_int_equal(record->action, ACTION_STOP);
    assert_int_equal(partitions[1].stop_cause, CAUSE_IMAGE);
    assert_int_equal(life_ram[1][0x100000], 0);
}

static void restart_limit_is_kept_in_its_window(void **state)
{
    (void)state;
    life_start(1);
    crash_one();
    crash_one();
    assert_int_equal(life_state(1), PARTITION_RUNNING);
    crash_one();
    assert_int_equal(life_state(1), PARTITION_STOPPED);
    life_start(1); /* by hand it may always */
    fake_ms(60001);
    crash_one();
    assert_int_equal(life_state(1), PARTITION_RUNNING);
}

static void operator_restarts_are_not_limited(void **state)
{
    (void)state;
    life_start(1);
    for (unsigned i = 0; i < 10; i++) {
        fake.core = plan.housekeeping;
        partition_order(&partitions[1], CAUSE_OPERATOR, ACTION_RESTART);
        life_settle();
        assert_int_equal(life_state(1), PARTITION_RUNNING);
    }
    assert_int_equal(partitions[1].lives, 11);
}

static void ports_are_looked_at_each_tick(void **state)
{
    unsigned before = fake_port.ticks;

    (void)state;
    for (unsigned i = 1; i <= 3; i++) {
        fake_ms(1);
        partition_tick(fake.ticks);
        assert_int_equal(fake_port.ticks, before + i);
    }
}

static void backoff_waits(void **state)
{
    (void)state;
    fake_plan_partitions[1].restart.backoff_ms = fake_plan_partitions[1].restart.backoff_max_ms = 500;
    life_start(1);
    crash_one();
    assert_int_equal(life_state(1), PARTITION_BACKOFF);
    fake_ms(499);
    partition_tick(fake.ticks);
    life_settle();
    assert_int_equal(life_state(1), PARTITION_BACKOFF);
    fake_ms(2);
    partition_tick(fake.ticks);
    life_settle();
    assert_int_equal(life_state(1), PARTITION_RUNNING);
}

static void each_cause_takes_the_tables_action(void **state)
{
    static const struct {
        enum bh_end end;
        enum partition_state after;
    } ends[] = {
        {BH_END_EXIT, PARTITION_STOPPED},
        {BH_END_POWEROFF, PARTITION_STOPPED},
        {BH_END_REBOOT, PARTITION_RUNNING},
        {BH_END_TRAP, PARTITION_RUNNING},
        {BH_END_ABORT, PARTITION_STOPPED} /* the limit of two is used up */,
    };

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(ends); i++) {
        if (life_state(1) != PARTITION_RUNNING)
            life_start(1);
        fake.core = 2;
        assert_int_equal(hypercall(&vcpus[2], BH_CALL_END, ends[i].end, 7, 8), 0);
        life_settle();
        assert_int_equal(life_state(1), ends[i].after);
    }
}

static void reset_action_resets_the_board(void **state)
{
    (void)state;
    fake_plan_partitions[1].actions[EVENT_CRASH] = ACTION_RESET;
    life_start(1);
    assert_true(FAKE_ENDS(crash_one()));
    assert_int_equal(fake.resets, 1);
    assert_int_equal(life.flushes, 1);
}

static void sep4_stop_waits_for_all_cores_of_the_partition_only(void **state)
{
    (void)state;
    fake_plan_partitions[0].actions[EVENT_CRASH] = ACTION_STOP;
    life_start(0);
    life_start(1);
    fake.core = 0;
    partition_stop(&vcpus[0], CAUSE_SHUTDOWN, 0, 0, 0);
    assert_int_equal(life_state(0), PARTITION_STOPPING);
    assert_false(partitions[0].gate_open); /* nobody may send to its cores any more */
    assert_int_equal(fake.kicks[1], 1);
    life_step(0);
    assert_int_equal(life_state(0), PARTITION_STOPPING);
    life_step(1);
    life_step(0);
    assert_int_equal(life_state(0), PARTITION_STOPPED);
    assert_int_equal(life_state(1), PARTITION_RUNNING);
    assert_int_equal(fake.kicks[2], 1); /* its own start, nothing since */
}

static void first_cause_wins(void **state)
{
    const struct stop_record *record = &partitions[0].stops.last[0];

    (void)state;
    fake_plan_partitions[0].actions[EVENT_CRASH] = ACTION_STOP;
    life_start(0);
    fake.core = 0;
    partition_stop(&vcpus[0], CAUSE_SHUTDOWN, 1, 2, 0);
    fake.core = 1;
    partition_stop(&vcpus[1], CAUSE_TRAP, 3, 4, 0);
    partition_order(&partitions[0], CAUSE_WATCHDOG, ACTION_RESET);
    life_settle();
    assert_int_equal(partitions[0].stops.made, 1);
    assert_int_equal(record->cause, CAUSE_SHUTDOWN);
    assert_int_equal(life_state(0), PARTITION_STOPPED);
}

static void an_apic_that_would_not_empty_keeps_it_stopped(void **state)
{
    (void)state;
    life_start(1);
    life.apic_failures = 1;
    crash_one();
    assert_int_equal(life_state(1), PARTITION_STOPPED);
    assert_int_equal(life.entry_resets, 1); /* no further life was tried */
}

static void sep9_an_apic_that_would_not_empty_keeps_it_from_starting(void **state)
{
    (void)state;
    fake.core = plan.housekeeping;
    life.apic_failures = 1;
    partition_start(&partitions[1]);
    life_settle();
    assert_int_equal(life_state(1), PARTITION_STOPPED);
    assert_int_equal(partitions[1].stop_cause, CAUSE_APIC);
    assert_int_equal(life.pci_starts, 0);
}

/* AC-49: a device that no reset brings back keeps its owner from a further life. */
static void sep9_a_device_that_is_lost_keeps_it_stopped(void **state)
{
    (void)state;
    life_start(1);
    life.pci_stop_fails = life.pci_start_fails = true;
    crash_one();
    assert_int_equal(life_state(1), PARTITION_STOPPED);
    assert_int_equal(partitions[1].lives, 1);
    fake.core = plan.housekeeping;
    partition_start(&partitions[1]); /* the operator tries */
    life_settle();
    assert_int_equal(life_state(1), PARTITION_STOPPED);
    assert_int_equal(partitions[1].stop_cause, CAUSE_DEVICE);
    assert_false(partitions[1].gate_open);
    assert_int_equal(vcpus[2].mode, VCPU_PARKED);
}

static void never_again_is_for_the_operator_too(void **state)
{
    (void)state;
    fake_plan_partitions[1].restart.never = true;
    life_start(1);
    crash_one();
    assert_int_equal(life_state(1), PARTITION_STOPPED);
    fake.core = plan.housekeeping;
    partition_start(&partitions[1]);
    life_settle();
    assert_int_equal(life_state(1), PARTITION_STOPPED);
    assert_int_equal(partitions[1].lives, 1);
    assert_non_null(strstr(fake_uart_text(), "never starts again"));
}

/* --- the health table's actions ---------------------------------------------------------------------------------------------------- */

static void backoff_doubles(void **state)
{
    static const unsigned waits[] = {100, 200, 400, 800, 1000, 1000};

    (void)state;
    fake_plan_partitions[1].restart = (struct restart_spec){
        .limit = ARRAY_SIZE(waits), .window_ms = 60000, .backoff_ms = 100, .backoff_max_ms = 1000, .then = ACTION_STOP};
    life_start(1);
    for (unsigned i = 0; i < ARRAY_SIZE(waits); i++) {
        crash_one();
        fake_ms(waits[i] - 1);
        partition_tick(fake.ticks);
        life_settle();
        assert_int_equal(life_state(1), PARTITION_BACKOFF);
        fake_ms(1);
        partition_tick(fake.ticks);
        life_settle();
        assert_int_equal(life_state(1), PARTITION_RUNNING);
    }
    crash_one();
    assert_int_equal(life_state(1), PARTITION_STOPPED);
    life_start(1);
    fake_ms(60001);
    crash_one();
    fake_ms(100); /* as at the beginning: the others are long ago */
    partition_tick(fake.ticks);
    life_settle();
    assert_int_equal(life_state(1), PARTITION_RUNNING);
}

/* Whom its table names starts again with it, is neither limited nor made to wait, and takes nobody along itself. */
static void a_named_group_restarts_along(void **state)
{
    (void)state;
    fake_plan_partitions[1].actions[EVENT_CRASH] = ACTION_RESTART_GROUP;
    fake_plan_partitions[1].group = 1u << 2;
    fake_plan_partitions[2].group = 1u << 0;
    fake_plan_partitions[2].actions[EVENT_CRASH] = ACTION_RESTART_GROUP;
    fake_plan_partitions[2].restart =
        (struct restart_spec){.limit = 1, .window_ms = 60000, .backoff_ms = 500, .backoff_max_ms = 500};
    for (unsigned i = 0; i < 3; i++)
        life_start(i);
    crash_one();
    crash_one();
    assert_int_equal(life_state(1), PARTITION_RUNNING);
    assert_int_equal(life_state(2), PARTITION_RUNNING);
    assert_int_equal(partitions[1].lives, 3);
    assert_int_equal(partitions[2].lives, 3);
    assert_int_equal(partitions[0].lives, 1);
    crash_one(); /* over the limit */
    assert_int_equal(life_state(1), PARTITION_STOPPED);
    assert_int_equal(partitions[2].lives, 3);
}

static void who_was_stopped_does_not_start_along(void **state)
{
    (void)state;
    fake_plan_partitions[1].actions[EVENT_CRASH] = ACTION_RESTART_GROUP;
    fake_plan_partitions[1].group = 1u << 2;
    life_start(1);
    life_start(2);
    partition_order(&partitions[2], CAUSE_OPERATOR, ACTION_STOP);
    life_settle();
    crash_one();
    assert_int_equal(life_state(1), PARTITION_RUNNING);
    assert_int_equal(life_state(2), PARTITION_STOPPED);
}

/* Both crash, each takes the other along: each of them starts again once. */
static void two_take_each_other_along(void **state)
{
    (void)state;
    for (unsigned i = 1; i < 3; i++) {
        fake_plan_partitions[i].actions[EVENT_CRASH] = ACTION_RESTART_GROUP;
        fake_plan_partitions[i].group = 1u << (3 - i);
        life_start(i);
    }
    fake.core = 3;
    partition_stop(&vcpus[3], CAUSE_TRAP, 14, 0, 0);
    crash_one();
    for (unsigned i = 1; i < 3; i++) {
        assert_int_equal(life_state(i), PARTITION_RUNNING);
        assert_in_range(partitions[i].lives, 2, 3);
    }
}

static void at_the_limit_its_group_restarts_once(void **state)
{
    (void)state;
    fake_plan_partitions[1].restart = (struct restart_spec){.limit = 2, .window_ms = 60000, .then = ACTION_RESTART_GROUP};
    fake_plan_partitions[1].group = 1u << 2;
    fake_ms(1);
    life_start(1);
    life_start(2);
    crash_one();
    crash_one();
    assert_int_equal(partitions[2].lives, 1);
    crash_one();
    assert_int_equal(partitions[1].lives, 4);
    assert_int_equal(partitions[2].lives, 2);
    crash_one();
    assert_int_equal(life_state(1), PARTITION_STOPPED);
    assert_int_equal(partitions[2].lives, 2);
    life_start(1);
    fake_ms(60001);
    for (unsigned i = 0; i < 4; i++)
        crash_one();
    assert_int_equal(life_state(1), PARTITION_STOPPED);
    assert_int_equal(partitions[2].lives, 3);
}

static void at_the_limit_the_board_is_reset(void **state)
{
    (void)state;
    fake_plan_partitions[1].restart.then = ACTION_RESET;
    life_start(1);
    crash_one();
    crash_one();
    assert_int_equal(fake.resets, 0);
    assert_true(FAKE_ENDS(crash_one()));
    assert_int_equal(fake.resets, 1);
}

/* Each restarts when the other is lost: that ends. */
static void two_lose_each_other(void **state)
{
    static const struct plan_channel channels[] = {
        {.name = "a", .writer = 1, .readers = 1u << 2, .size = PAGE_SIZE, .doorbells_per_second = 1, .back = BH_MAX_CHANNELS},
        {.name = "b", .writer = 2, .readers = 1u << 1, .size = PAGE_SIZE, .doorbells_per_second = 1, .back = BH_MAX_CHANNELS}};

    (void)state;
    fake_plan.channels = channels;
    fake_plan.channel_count = 2;
    channels_create();
    for (unsigned i = 1; i < 3; i++) {
        fake_plan_partitions[i].actions[EVENT_PEER_LOST] = ACTION_RESTART;
        life_start(i);
    }
    crash_one();
    for (unsigned i = 1; i < 3; i++) {
        assert_int_equal(life_state(i), PARTITION_RUNNING);
        assert_int_equal(partitions[i].lives, 2);
        assert_int_equal(partitions[i].health.counts[EVENT_PEER_LOST], i == 2);
    }
    assert_int_equal(partitions[2].stops.last[0].cause, CAUSE_PEER);
}

/* The restarts that another causes are limited by that one's table. */
static void a_peer_uses_up_its_own_restarts(void **state)
{
    static const struct plan_channel channels[] = {
        {.name = "a", .writer = 1, .readers = 1u << 2, .size = PAGE_SIZE, .doorbells_per_second = 1, .back = BH_MAX_CHANNELS}};

    (void)state;
    fake_plan.channels = channels;
    fake_plan.channel_count = 1;
    channels_create();
    fake_plan_partitions[2].actions[EVENT_PEER_LOST] = ACTION_RESTART;
    fake_plan_partitions[1].restart.limit = 4;
    fake_plan_partitions[2].restart.limit = 1;
    life_start(1);
    life_start(2);
    for (unsigned life = 2; life < 6; life++) {
        crash_one();
        assert_int_equal(life_state(2), PARTITION_RUNNING);
        assert_int_equal(partitions[2].lives, life);
    }
}

/* It goes on with its NMI; the second time its table has another action. */
static void a_watchdog_first_injects(void **state)
{
    (void)state;
    fake_plan_partitions[1].actions[EVENT_WATCHDOG] = ACTION_INJECT;
    life_start(1);
    for (unsigned life = 1; life < 3; life++) {
        fake.core = plan.housekeeping;
        partition_order(&partitions[1], CAUSE_WATCHDOG, ACTION_DEFAULT);
        life_settle();
        assert_int_equal(life_state(1), PARTITION_RUNNING);
        assert_true(vcpus[2].nmi_pending);
        fake.core = plan.housekeeping;
        partition_order(&partitions[1], CAUSE_WATCHDOG, ACTION_DEFAULT);
        life_settle();
        assert_int_equal(life_state(1), PARTITION_STOPPED);
        assert_false(vcpus[2].nmi_pending);
        life_start(1);
    }
}

static void a_denied_flood_is_one_event_in_a_second(void **state)
{
    (void)state;
    fake_plan_partitions[1].actions[EVENT_DENIED] = ACTION_LOG;
    life_start(1);
    for (unsigned second = 1; second <= 3; second++) {
        fake.core = 2;
        for (unsigned i = 0; i < 1000; i++)
            partition_denied(&vcpus[2], DENIED_PORT, i);
        assert_int_equal(partitions[1].health.counts[EVENT_DENIED], second);
        fake_ms(1001);
        fake.core = plan.housekeeping;
        partition_tick(fake.ticks);
    }
    assert_int_equal(life_state(1), PARTITION_RUNNING);
}

/* --- restart groups ---------------------------------------------------------------------------------------------------------------- */

/* hello has a VF of a PF of control's. */
static void group_make(void)
{
    fake_plan_partitions[1].restart_group = 1u << 2;
    life_start(0);
    life_start(1);
    life_start(2);
    life.pci_starts = life.entry_resets = life.pci_stops = 0;
}

static void a_group_restarts_together(void **state)
{
    (void)state;
    group_make();
    life_others_go_on = true;
    crash_one();
    life_others_go_on = false;
    life_settle();
    assert_int_equal(life_state(1), PARTITION_RUNNING);
    assert_int_equal(life_state(2), PARTITION_RUNNING);
    assert_int_equal(partitions[1].lives, 2);
    assert_int_equal(partitions[2].lives, 2);
    assert_int_equal(partitions[2].stops.last[0].cause, CAUSE_GROUP);
    assert_int_equal(partitions[2].restart.count, 0); /* it is not to blame */
    assert_int_equal(partitions[0].lives, 1);
    assert_int_equal(life.stopped[0], 2); /* the VF's owner first */
    assert_int_equal(life.stopped[1], 1);
    assert_int_equal(life.started[0], 1);
    assert_int_equal(life.started[1], 2);
}

/* A member's restart is its own affair. */
static void a_member_restarts_alone(void **state)
{
    (void)state;
    group_make();
    fake.core = 3;
    partition_stop(&vcpus[3], CAUSE_TRAP, 14, 0, 0);
    life_settle();
    assert_int_equal(partitions[2].lives, 2);
    assert_int_equal(partitions[1].lives, 1);
}

/* One that its own table has stopped, or nobody has started, is not started by the group. */
static void a_group_starts_only_whom_it_stopped(void **state)
{
    (void)state;
    fake_plan_partitions[1].restart_group = 1u << 2 | 1u << 0;
    life_start(1);
    life_start(2);
    fake_plan_partitions[2].actions[EVENT_CRASH] = ACTION_STOP;
    fake.core = 3;
    partition_stop(&vcpus[3], CAUSE_TRAP, 14, 0, 0);
    life_settle();
    crash_one();
    assert_int_equal(life_state(0), PARTITION_CREATED);
    assert_int_equal(life_state(1), PARTITION_RUNNING);
    assert_int_equal(life_state(2), PARTITION_STOPPED);
}

/* It waits neither for ever nor with a pending restart of a member. */
static void a_group_waits_for_a_while(void **state)
{
    (void)state;
    group_make();
    fake.step = 1000000; /* 1 ms */
    atomic_store(&partitions[2].state, PARTITION_LOADING);
    crash_one(); /* hello is being loaded meanwhile */
    assert_non_null(strstr(fake_uart_text(), "partition control: its devices are not reset: partition hello, which has virtual"));
    assert_int_equal(life_state(1), PARTITION_STOPPED);
    assert_int_equal(life.pci_stops, 0); /* a VF of its PF may be at work */
    partition_start(&partitions[1]);     /* the operator tries too early */
    life_settle();
    assert_int_equal(life_state(1), PARTITION_STOPPED);
    assert_int_equal(partitions[1].stop_cause, CAUSE_DEVICE);
    assert_int_equal(life.pci_stops + life.pci_starts, 0);
    fake.step = 0;
    atomic_store(&partitions[2].state, PARTITION_RUNNING);
    life_others_go_on = true;
    partition_start(&partitions[1]);
    life_settle();
    life_others_go_on = false;
    life_settle();
    assert_int_equal(life_state(1), PARTITION_RUNNING);
    assert_int_equal(life_state(2), PARTITION_RUNNING);
    assert_int_equal(life.stopped[0], 2);
    assert_int_equal(life.stopped[1], 1);
    assert_int_equal(life.pci_stops, 2);
}

/* While a PF is reset nobody starts one that has VFs of it; it starts once that is over. */
static void a_member_does_not_start_meanwhile(void **state)
{
    (void)state;
    group_make();
    fake_plan_partitions[2].actions[EVENT_CRASH] = ACTION_STOP;
    fake.core = 3;
    partition_stop(&vcpus[3], CAUSE_TRAP, 14, 0, 0);
    life_settle();
    fake.core = 2;
    partition_stop(&vcpus[2], CAUSE_TRAP, 14, 0, 0);
    fake.core = plan.housekeeping;
    partition_start(&partitions[2]); /* the operator */
    life.pci_starts = 0;
    life_step(3);
    assert_int_equal(life_state(2), PARTITION_STOPPED);
    assert_int_equal(partitions[2].stop_cause, CAUSE_GROUP);
    assert_int_equal(life.pci_starts, 0);
    life_settle();
    assert_int_equal(life_state(1), PARTITION_RUNNING);
    assert_int_equal(life_state(2), PARTITION_RUNNING);
}

/* A PF's owner that is stopped by its group waits for the owners of its VFs as well. */
static void a_member_waits_for_its_own_group(void **state)
{
    (void)state;
    fake_plan_partitions[0].restart_group = 1u << 1 | 1u << 2;
    group_make();
    fake.step = 1000000;
    partition_order(&partitions[1], CAUSE_GROUP, ACTION_STOP);
    life_step(2); /* hello's core does not answer */
    assert_int_equal(life_state(1), PARTITION_STOPPED);
    assert_int_equal(life.pci_stops, 0);
    fake.step = 0;
}

/* Two with VFs of each other's PFs do not wait for each other, whoever stops first, or both. */
static void two_in_each_others_group(void **state)
{
    (void)state;
    fake_plan_partitions[2].restart_group = 1u << 1;
    group_make();
    fake.step = 1000000;
    for (unsigned who = 1; who <= 3; who++) { /* a set of them */
        for (unsigned i = 1; i <= 2; i++)
            if (who & i) {
                fake.core = i + 1;
                partition_stop(&vcpus[i + 1], CAUSE_TRAP, 14, 0, 0);
            }
        life_others_go_on = true;
        life_settle();
        life_others_go_on = false;
        life_settle();
        assert_int_equal(life_state(1), PARTITION_RUNNING);
        assert_int_equal(life_state(2), PARTITION_RUNNING);
        assert_null(strstr(fake_uart_text(), "in time"));
    }
    fake.step = 0;
}

static void a_member_in_back_off_waits_for_the_group(void **state)
{
    (void)state;
    group_make();
    fake_plan_partitions[2].restart.backoff_ms = fake_plan_partitions[2].restart.backoff_max_ms = 100;
    fake.core = 3;
    partition_stop(&vcpus[3], CAUSE_TRAP, 14, 0, 0);
    life_settle();
    assert_int_equal(life_state(2), PARTITION_BACKOFF);
    fake_plan_partitions[1].actions[EVENT_CRASH] = ACTION_STOP;
    crash_one();
    fake_ms(200);
    partition_tick(fake.ticks);
    life_settle();
    assert_int_equal(life_state(2), PARTITION_STOPPED);
    life_start(1);
    assert_int_equal(life_state(2), PARTITION_RUNNING);
}

static void faults_are_looked_for_at_each_tick(void **state)
{
    (void)state;
    for (unsigned i = 1; i <= 3; i++) {
        partition_tick(fake.ticks);
        assert_int_equal(life.fault_looks, i);
    }
}

static void requests_to_a_stopped_partition_do_nothing(void **state)
{
    (void)state;
    fake_plan_partitions[0].actions[EVENT_CRASH] = ACTION_STOP;
    life_start(0);
    fake.core = 0;
    partition_stop(&vcpus[0], CAUSE_SHUTDOWN, 0, 0, 0);
    vcpu_request(&vcpus[1], REQUEST_INIT | REQUEST_SIPI | REQUEST_NMI);
    life_settle();
    assert_int_equal(vcpus[1].mode, VCPU_PARKED);
    assert_false(vcpus[1].nmi_pending);
}

static void sep9_requests_of_an_earlier_life_are_forgotten(void **state)
{
    (void)state;
    fake_plan_partitions[0].actions[EVENT_CRASH] = ACTION_RESTART;
    life_start(0);
    fake.core = 0;
    partition_stop(&vcpus[0], CAUSE_SHUTDOWN, 0, 0, 0);
    life_step(0);
    fake.core = 1;
    vcpu_request(&vcpus[0], REQUEST_INIT | REQUEST_NMI); /* its sibling's last deed */
    life_step(1);
    vcpu_request(&vcpus[1], REQUEST_NMI);
    fake.core = 0;
    vcpu_serve(&vcpus[0]);
    life_settle();
    assert_int_equal(life_state(0), PARTITION_RUNNING);
    assert_int_equal(vcpus[0].mode, VCPU_RUNNING);
    assert_false(vcpus[0].nmi_pending || vcpus[1].nmi_pending);
}

/* The newest of each partition: one that stops again and again pushes out nothing of its neighbour's. */
static void sep4_records_are_bounded(void **state)
{
    const char *text;

    (void)state;
    fake_plan_partitions[1].actions[EVENT_CRASH] = ACTION_STOP;
    life_start(0);
    life_start(1);
    fake.ticks = fake.boot_ticks + 1234567000;
    crash_one();
    for (unsigned i = 0; i < 20; i++) {
        fake.core = plan.housekeeping;
        partition_order(&partitions[0], CAUSE_OPERATOR, ACTION_RESTART);
        life_settle();
    }
    fake_uart_text();
    partition_stops_log(&partitions[0]);
    text = fake_uart_text();
    assert_non_null(strstr(text, ": 20 stops, the last ones:\r\n"));
    assert_null(strstr(text, "life 12,"));
    for (unsigned life = 13; life <= 20; life++) {
        char line[100];

        snprintf(line, sizeof(line), "|   life %u, until ", life);
        assert_non_null(strstr(text, line));
    }
    assert_non_null(strstr(text, " s: operator, value 0x0, address 0x0, vcpu 0 at 0x1000; action: restart\r\n"));
    assert_true(strstr(text, "life 19") < strstr(text, "life 20"));
    partition_stops_log(&partitions[1]);
    text = fake_uart_text();
    assert_non_null(strstr(text, ": 1 stop, the last ones:\r\n"));
    assert_non_null(strstr(text, "  life 1, until 1.234567 s: trap, value 0xe, address 0xbad, vcpu 0 at 0x1002; action: stop\r\n"));
    assert_null(strstr(text, "operator"));
}

/* --- doors from outside ------------------------------------------------------------------------------------------------------------------ */

static void sep3_interrupts_reach_only_own_cores_through_an_open_gate(void **state)
{
    (void)state;
    partition_interrupt(&partitions[0], 0, 0x40);
    assert_int_equal(fake.ipi_count, 0); /* not running: gate shut */
    life_start(0);
    partition_interrupt(&partitions[0], 1, 0x40);
    assert_int_equal(fake.ipi_count, 1);
    assert_int_equal(fake.ipis[0].core, 1);
    partition_interrupt(&partitions[0], 2, 0x40); /* beyond its cores */
    partition_interrupt(&partitions[0], 0, 15);   /* an exception's vector */
    assert_int_equal(fake.ipi_count, 1);
}

static void ram_is_answered_within_one_range_only(void **state)
{
    (void)state;
    assert_ptr_equal(partition_ram(&partitions[1], GPA(0), 1), life_ram[1]);
    assert_ptr_equal(partition_ram(&partitions[1], GPA(LARGE_SIZE - 8), 8), life_ram[1] + LARGE_SIZE - 8);
    assert_null(partition_ram(&partitions[1], GPA(LARGE_SIZE - 8), 9));
    assert_null(partition_ram(&partitions[1], GPA(LARGE_SIZE), 1));
    assert_null(partition_ram(&partitions[1], GPA(UINT64_MAX), 2));
    assert_null(partition_ram(&partitions[1], GPA(8), UINT64_MAX));
}

static void denied_accesses_have_a_rate(void **state)
{
    (void)state;
    life_start(1);
    fake.core = 2;
    for (unsigned i = 0; i < 10; i++)
        partition_denied(&vcpus[2], DENIED_PORT, 0x80);
    assert_int_equal(life_state(1), PARTITION_RUNNING);
    fake_ms(1000);
    partition_tick(fake.ticks); /* a new second */
    for (unsigned i = 0; i < 10; i++)
        partition_denied(&vcpus[2], DENIED_MSR, 0x10);
    assert_int_equal(life_state(1), PARTITION_RUNNING);
    partition_denied(&vcpus[2], DENIED_MEMORY, 0x10);
    life_settle();
    assert_int_equal(life_state(1), PARTITION_STOPPED);
    assert_int_equal(vcpus[2].counters.denied[DENIED_PORT], 10);
    assert_int_equal(vcpus[2].counters.denied[DENIED_MSR], 10);
    assert_int_equal(vcpus[2].counters.denied[DENIED_MEMORY], 1);
}

static void sep9_denied_accesses_are_counted_per_life(void **state)
{
    (void)state;
    fake_plan_partitions[1].actions[EVENT_DENIED] = ACTION_RESTART;
    life_start(1);
    fake.core = 2;
    for (unsigned i = 0; i < 11; i++)
        partition_denied(&vcpus[2], DENIED_PORT, 0x80);
    life_settle();
    assert_int_equal(partitions[1].lives, 2);
    fake.core = 2;
    partition_denied(&vcpus[2], DENIED_PORT, 0x80); /* in the same second */
    life_settle();
    assert_int_equal(partitions[1].lives, 2);
    fake.core = 2;
    for (unsigned i = 0; i < 10; i++)
        partition_denied(&vcpus[2], DENIED_PORT, 0x80); /* a flood again */
    life_settle();
    assert_int_equal(partitions[1].lives, 3);
}

static void denied_accesses_may_only_be_logged(void **state)
{
    (void)state;
    fake_plan_partitions[1].actions[EVENT_DENIED] = ACTION_LOG;
    life_start(1);
    fake.core = 2;
    for (unsigned i = 0; i < 100000; i++)
        partition_denied(&vcpus[2], DENIED_PORT, 0x80);
    life_settle();
    assert_int_equal(life_state(1), PARTITION_RUNNING);
}

static void calls_are_checked(void **state)
{
    (void)state;
    fake_plan_partitions[1].denied.per_second = 1000;
    life_start(1);
    fake.core = 2;
    assert_int_equal(hypercall(&vcpus[2], BH_CALL_VERSION, ~0ull, ~0ull, ~0ull), BH_ABI_VERSION);
    for (uint64_t n = BH_CALL_COUNT; n != 0; n <<= 1)
        assert_int_equal(hypercall(&vcpus[2], n, 0, 0, 0), BH_ENOSYS);
    assert_int_equal(hypercall(&vcpus[2], 0x100000000ull, 0, 0, 0), BH_ENOSYS);
    assert_int_equal(hypercall(&vcpus[2], BH_CALL_END, BH_END_COUNT, 0, 0), BH_EINVAL);
    assert_int_equal(hypercall(&vcpus[2], BH_CALL_VECTOR, BH_SOURCE_COUNT, 64, 0), BH_EINVAL);
    assert_int_equal(hypercall(&vcpus[2], BH_CALL_VECTOR, BH_SOURCE_CONSOLE, 31, 0), BH_EINVAL);
    assert_int_equal(hypercall(&vcpus[2], BH_CALL_VECTOR, BH_SOURCE_CONSOLE, 256, 0), BH_EINVAL);
    assert_int_equal(hypercall(&vcpus[2], BH_CALL_VECTOR, BH_SOURCE_CONSOLE, 255, 0), 0);
    assert_int_equal(partitions[1].vectors[BH_SOURCE_CONSOLE], 255);
    assert_int_equal(life_state(1), PARTITION_RUNNING);
}

static uint64_t observe(uint64_t n, uint64_t fact)
{
    return hypercall(&vcpus[2], BH_CALL_OBSERVE, n, fact, 0);
}

/* Nobody, unless the table says so; then those, in the table's order, and no other by any number. */
static void test_sep5_ac51_only_whom_the_table_names_is_observed(void **state)
{
    (void)state;
    life_start(1);
    fake.core = 2;
    for (uint64_t fact = 0; fact < 8; fact++)
        for (uint64_t n = 0; n < 40; n++)
            assert_int_equal(observe(n, fact), BH_EINVAL);
    fake_plan_partitions[1].observes = 1;
    fake_plan_partitions[0].name = "abcdefghijklmno";
    assert_int_equal(observe(0, BH_FACT_STATE), BH_STATE_CREATED);
    assert_int_equal(observe(0, BH_FACT_STARTS), 0);
    life_start(0);
    fake.core = 2;
    assert_int_equal(observe(0, BH_FACT_STATE), BH_STATE_RUNNING);
    assert_int_equal(observe(0, BH_FACT_STARTS), 1);
    assert_int_equal(observe(0, BH_FACT_NAME), 0x6867666564636261);
    assert_int_equal(observe(0, BH_FACT_NAME_REST), 0x6f6e6d6c6b6a69);
    fake_plan_partitions[0].name = "web";
    assert_int_equal(observe(0, BH_FACT_NAME), 0x626577);
    assert_int_equal(observe(0, BH_FACT_NAME_REST), 0);
    assert_int_equal(observe(0, BH_FACT_COUNT), BH_EINVAL);
    for (uint64_t n = 1; n != 0; n <<= 1)
        assert_int_equal(observe(n, BH_FACT_STATE), BH_EINVAL);
    assert_int_equal(observe(~0ull, BH_FACT_NAME), BH_EINVAL);
    fake_plan_partitions[1].observes = 0xfff8; /* more than there are */
    assert_int_equal(observe(0, BH_FACT_STATE), BH_EINVAL);
}

/* A paused partition's cores hold what they have; interrupts still come to them; it goes on where it was. */
static void a_paused_partition_waits_with_all_it_has(void **state)
{
    unsigned resets;

    (void)state;
    life_start(0);
    resets = life.apic_resets;
    fake.core = 1;
    assert_false(partition_resume(&partitions[0]));
    assert_true(partition_pause(&partitions[0]));
    assert_false(partition_pause(&partitions[0]));
    life_settle();
    assert_int_equal(life_state(0), PARTITION_PAUSED);
    assert_int_equal(vcpus[0].mode, VCPU_PAUSED);
    assert_int_equal(vcpus[1].mode, VCPU_WAIT_SIPI);
    assert_true(partitions[0].gate_open);
    /* A core that is started meanwhile waits like the others. */
    atomic_store(&vcpus[1].sipi_vector, 5);
    vcpu_request(&vcpus[1], REQUEST_SIPI);
    life_settle();
    assert_int_equal(life.sipi, 5);
    assert_int_equal(vcpus[1].mode, VCPU_PAUSED);
    vcpu_request(&vcpus[0], REQUEST_NMI);
    life_settle();
    assert_true(vcpus[0].nmi_pending);
    assert_int_equal(vcpus[0].mode, VCPU_PAUSED);
    assert_true(partition_resume(&partitions[0]));
    life_settle();
    assert_int_equal(life_state(0), PARTITION_RUNNING);
    assert_int_equal(vcpus[0].mode, VCPU_RUNNING);
    assert_int_equal(vcpus[1].mode, VCPU_RUNNING);
    assert_int_equal(life.apic_resets, resets + 1); /* the SIPI's */
    assert_int_equal(partitions[0].lives, 1);
}

static void a_paused_partition_can_be_stopped_and_started_again(void **state)
{
    (void)state;
    life_start(1);
    assert_true(partition_pause(&partitions[1]));
    life_settle();
    partition_order(&partitions[1], CAUSE_OPERATOR, ACTION_STOP);
    life_settle();
    assert_int_equal(life_state(1), PARTITION_STOPPED);
    assert_int_equal(vcpus[2].mode, VCPU_PARKED);
    assert_false(partition_pause(&partitions[1]));
    assert_false(partition_resume(&partitions[1]));
    life_start(1);
    assert_int_equal(life_state(1), PARTITION_RUNNING);
    assert_int_equal(vcpus[2].mode, VCPU_RUNNING);
    assert_true(partition_pause(&partitions[1]));
    life_settle();
    partition_order(&partitions[1], CAUSE_OPERATOR, ACTION_RESTART);
    life_settle();
    assert_int_equal(life_state(1), PARTITION_RUNNING);
    assert_int_equal(vcpus[2].mode, VCPU_RUNNING);
    assert_int_equal(partitions[1].lives, 3);
}

static void one_in_back_off_can_be_held(void **state)
{
    (void)state;
    fake_plan_partitions[1].restart.backoff_ms = 500;
    life_start(1);
    assert_false(partition_hold(&partitions[1]));
    crash_one();
    assert_int_equal(life_state(1), PARTITION_BACKOFF);
    assert_true(partition_hold(&partitions[1]));
    fake_ms(1000);
    partition_tick(fake.ticks);
    life_settle();
    assert_int_equal(life_state(1), PARTITION_STOPPED);
}

static void an_audit_that_was_asked_for_runs_once_on_the_housekeeping_core(void **state)
{
    (void)state;
    life_start(0);
    life_start(1);
    fake_plan_partitions[1].audits = true;
    fake.core = 2;
    assert_int_equal(hypercall(&vcpus[2], BH_CALL_CONTROL, 0, BH_CONTROL_AUDIT, 0), 0);
    assert_int_equal(life.audits, 0);
    life_step(2);
    assert_int_equal(life.audits, 0);
    fake_ms(6);
    life_step(plan.housekeeping);
    fake.core = plan.housekeeping;
    atomic_fetch_or(&vcpus[plan.housekeeping].requests, REQUEST_TICK);
    life_step(plan.housekeeping);
    assert_int_equal(life.audits, 1);
}

/* What a partition was told of others in its life before is gone. */
static void test_sep9_answers_of_an_earlier_life_are_scrubbed(void **state)
{
    uint8_t *answer = partitions[1].abi + (BH_ANSWER_GPA - BH_ABI_GPA);

    (void)state;
    memset(answer, 0xa5, BH_ANSWER_SIZE);
    life_start(1);
    for (unsigned i = 0; i < BH_ANSWER_SIZE; i++)
        assert_int_equal(answer[i], 0);
}

static void console_calls_wake_housekeeping_at_a_bounded_rate(void **state)
{
    unsigned before;

    (void)state;
    life_start(1);
    fake.core = 2;
    before = fake.kicks[plan.housekeeping];
    fake_ms(10);
    for (unsigned i = 0; i < 1000; i++) { /* it looks after each call, so that each could be a kick */
        hypercall(&vcpus[2], BH_CALL_CONSOLE, 0, 0, 0);
        life_step(plan.housekeeping);
        fake.core = 2;
    }
    assert_int_equal(fake.kicks[plan.housekeeping], before + 1);
    fake_ms(6);
    hypercall(&vcpus[2], BH_CALL_CONSOLE, 0, 0, 0);
    fake_ms(6);
    hypercall(&vcpus[2], BH_CALL_CONSOLE, 0, 0, 0); /* it has not looked since the last one: no kick more */
    assert_int_equal(fake.kicks[plan.housekeeping], before + 2);
}

/* As a tick or the UART does it. */
static void nmi_on_housekeeping(void)
{
    atomic_fetch_or(&vcpus[plan.housekeeping].requests, REQUEST_TICK);
    life_step(plan.housekeeping);
}

/* Single ticks of 20 ms until none is ordered; returns for how many milliseconds. */
static unsigned lingers(void)
{
    for (unsigned ms = 0; ms < 100000; ms += 20) {
        if (fake.tick_starts == 0)
            return ms;
        fake.tick_starts = 0;
        fake_ms(20);
        nmi_on_housekeeping();
    }
    return UINT32_MAX;
}

static void perf1_without_a_tick_a_look_is_followed_by_others_while_there_is_something(void **state)
{
    (void)state;
    fake_plan.tick_off = true;
    life_start(1);
    assert_in_range(lingers(), 1100, 1300); /* what it said at its start is seen */
    nmi_on_housekeeping();
    assert_int_equal(fake.tick_starts, 0); /* the UART had nothing to say */
    life.console_busy = true;
    nmi_on_housekeeping();
    life.console_busy = false;
    assert_in_range(lingers(), 1100, 1300);
    fake.core = 2;
    hypercall(&vcpus[2], BH_CALL_CONSOLE, 0, 0, 0); /* with an empty ring: more may follow at once, without a kick */
    life_step(plan.housekeeping);
    assert_in_range(lingers(), 1100, 1300);
    fake.core = plan.housekeeping;
    hypercall(&vcpus[plan.housekeeping], BH_CALL_CONSOLE, 0, 0, 0);
    life_step(plan.housekeeping);
    assert_in_range(lingers(), 1100, 1300);
}

static void with_a_tick_none_is_ordered(void **state)
{
    unsigned before;

    (void)state;
    life_start(1);
    life.console_busy = true;
    before = fake.kicks[plan.housekeeping];
    fake.core = 2;
    hypercall(&vcpus[2], BH_CALL_CONSOLE, 0, 0, 0);
    assert_int_equal(fake.kicks[plan.housekeeping], before + 1); /* its first words are not held back by its start */
    life_settle();
    nmi_on_housekeeping();
    assert_int_equal(fake.tick_starts, 0);
}

static void without_a_tick_a_stop_is_seen(void **state)
{
    (void)state;
    fake_plan.tick_off = true;
    life_start(1);
    (void)lingers();
    fake_plan.all_stopped = ALL_STOPPED_POWEROFF;
    fake_plan_partitions[1].actions[EVENT_CRASH] = ACTION_STOP;
    fake.core = 2;
    partition_stop(&vcpus[2], CAUSE_TRAP, 0, 0, 0);
    life_settle();
    assert_int_equal(life_state(1), PARTITION_STOPPED);
    assert_int_not_equal(fake.tick_starts, 0);
    assert_true(FAKE_ENDS((void)lingers())); /* all have stopped */
    assert_int_equal(fake.poweroffs, 1);
}

/* Each second that has one ends, so that they do not add up over hours. */
static void without_a_tick_denied_accesses_are_counted_per_second(void **state)
{
    unsigned before;

    (void)state;
    fake_plan.tick_off = true;
    life_start(1);
    (void)lingers();
    before = fake.kicks[plan.housekeeping];
    for (unsigned i = 0; i < 40; i++) {
        fake.core = 2;
        partition_denied(&vcpus[2], DENIED_PORT, 0x80);
        life_step(plan.housekeeping);
        assert_in_range(lingers(), 1100, 1300);
    }
    assert_int_equal(life_state(1), PARTITION_RUNNING);
    assert_int_equal(fake.kicks[plan.housekeeping], before + 40);
    fake.core = 2;
    for (unsigned i = 0; i < 10; i++) {
        fake_ms(6);
        partition_denied(&vcpus[2], DENIED_PORT, 0x80);
        life_settle();
        fake.core = 2;
    }
    assert_int_equal(fake.kicks[plan.housekeeping], before + 41); /* one a second */
    assert_int_equal(life_state(1), PARTITION_RUNNING);
    partition_denied(&vcpus[2], DENIED_PORT, 0x80);
    life_settle();
    assert_int_equal(life_state(1), PARTITION_STOPPED);
}

static void all_stopped_rule(void **state)
{
    (void)state;
    for (volatile unsigned i = 0; i < 3; i++) {
        fake_plan.all_stopped = i;
        life_start(1);
        fake_plan_partitions[1].actions[EVENT_CRASH] = ACTION_STOP;
        crash_one();
        fake_ms(1001);
        if (i == ALL_STOPPED_IDLE)
            partition_tick(fake.ticks);
        else
            assert_true(FAKE_ENDS(partition_tick(fake.ticks)));
    }
    assert_int_equal(fake.poweroffs, 1);
    assert_int_equal(fake.resets, 1);
}

static void sep7_long_work_breathes(void **state)
{
    unsigned before;

    (void)state;
    life_start(0); /* housekeeping's own core loads */
    before = life.services;
    fake.core = plan.housekeeping;
    atomic_fetch_or(&vcpus[plan.housekeeping].requests, REQUEST_TICK);
    vcpu_breathe();
    assert_int_equal(life.services, before + 1);
    vcpu_breathe();
    assert_int_equal(life.services, before + 1);
    assert_true(life.watchdog_ticks > 0 &&
                life.ticks_before_service == life.watchdog_ticks); /* their lines come out in this look */
    fake_plan.tick_off = true;
    fake.core = 2;
    fake_ms(1000);
    vcpu_housekeeping_wake();
    fake.core = plan.housekeeping;
    vcpu_breathe();
    assert_int_equal(life.services, before + 2);
    assert_int_equal(fake.tick_starts, 1);
    life_step(plan.housekeeping);
    assert_int_equal(atomic_load(&vcpus[plan.housekeeping].requests), 0);
    assert_in_range(lingers(), 1100, 1300);
}

static void launch_starts_what_the_table_says(void **state)
{
    (void)state;
    fake_plan_partitions[1].stopped_at_boot = true;
    assert_true(launch_verify_payloads());
    launch_start_partitions();
    life_settle();
    assert_int_equal(life_state(0), PARTITION_RUNNING);
    assert_int_equal(life_state(1), PARTITION_CREATED);
    assert_int_equal(life_state(2), PARTITION_RUNNING);
    life_payload[2][0] ^= 0x80;
    assert_false(launch_verify_payloads());
}

static void causes_and_states_have_names(void **state)
{
    (void)state;
    for (unsigned i = 0; i < CAUSE_COUNT; i++)
        assert_true(strlen(cause_name(i)) > 2);
    for (unsigned i = 0; i < PARTITION_STATE_COUNT; i++)
        assert_true(strlen(partition_state_name(i)) > 2);
    assert_string_equal(cause_name(CAUSE_COUNT), "?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(sep9_start_scrubs_copies_and_enters, setup),
        cmocka_unit_test_setup(sep4_start_touches_no_other_partition, setup),
        cmocka_unit_test_setup(start_information_is_complete, setup),
        cmocka_unit_test_setup(further_cores_wait_for_sipi, setup),
        cmocka_unit_test_setup(sep9_a_further_core_starts_from_reset_state, setup),
        cmocka_unit_test_setup(tsc_text_is_decimal_and_padded, setup),
        cmocka_unit_test_setup(segments_outside_ram_are_not_copied, setup),
        cmocka_unit_test_setup(sep9_restart_verifies_scrubs_and_counts_lives, setup),
        cmocka_unit_test_setup(sep9_restart_forgets_what_was_kept_for_the_guest, setup),
        cmocka_unit_test_setup(altered_payload_is_not_started_again, setup),
        cmocka_unit_test_setup(restart_limit_is_kept_in_its_window, setup),
        cmocka_unit_test_setup(operator_restarts_are_not_limited, setup),
        cmocka_unit_test_setup(ports_are_looked_at_each_tick, setup),
        cmocka_unit_test_setup(backoff_waits, setup),
        cmocka_unit_test_setup(backoff_doubles, setup),
        cmocka_unit_test_setup(a_named_group_restarts_along, setup),
        cmocka_unit_test_setup(who_was_stopped_does_not_start_along, setup),
        cmocka_unit_test_setup(two_take_each_other_along, setup),
        cmocka_unit_test_setup(at_the_limit_its_group_restarts_once, setup),
        cmocka_unit_test_setup(at_the_limit_the_board_is_reset, setup),
        cmocka_unit_test_setup(two_lose_each_other, setup),
        cmocka_unit_test_setup(a_peer_uses_up_its_own_restarts, setup),
        cmocka_unit_test_setup(a_watchdog_first_injects, setup),
        cmocka_unit_test_setup(a_denied_flood_is_one_event_in_a_second, setup),
        cmocka_unit_test_setup(each_cause_takes_the_tables_action, setup),
        cmocka_unit_test_setup(reset_action_resets_the_board, setup),
        cmocka_unit_test_setup(sep4_stop_waits_for_all_cores_of_the_partition_only, setup),
        cmocka_unit_test_setup(first_cause_wins, setup),
        cmocka_unit_test_setup(an_apic_that_would_not_empty_keeps_it_stopped, setup),
        cmocka_unit_test_setup(sep9_an_apic_that_would_not_empty_keeps_it_from_starting, setup),
        cmocka_unit_test_setup(sep9_a_device_that_is_lost_keeps_it_stopped, setup),
        cmocka_unit_test_setup(never_again_is_for_the_operator_too, setup),
        cmocka_unit_test_setup(faults_are_looked_for_at_each_tick, setup),
        cmocka_unit_test_setup(a_group_restarts_together, setup),
        cmocka_unit_test_setup(a_member_restarts_alone, setup),
        cmocka_unit_test_setup(a_group_starts_only_whom_it_stopped, setup),
        cmocka_unit_test_setup(a_group_waits_for_a_while, setup),
        cmocka_unit_test_setup(a_member_does_not_start_meanwhile, setup),
        cmocka_unit_test_setup(a_member_waits_for_its_own_group, setup),
        cmocka_unit_test_setup(two_in_each_others_group, setup),
        cmocka_unit_test_setup(a_member_in_back_off_waits_for_the_group, setup),
        cmocka_unit_test_setup(requests_to_a_stopped_partition_do_nothing, setup),
        cmocka_unit_test_setup(sep9_requests_of_an_earlier_life_are_forgotten, setup),
        cmocka_unit_test_setup(sep4_records_are_bounded, setup),
        cmocka_unit_test_setup(sep3_interrupts_reach_only_own_cores_through_an_open_gate, setup),
        cmocka_unit_test_setup(ram_is_answered_within_one_range_only, setup),
        cmocka_unit_test_setup(denied_accesses_have_a_rate, setup),
        cmocka_unit_test_setup(sep9_denied_accesses_are_counted_per_life, setup),
        cmocka_unit_test_setup(denied_accesses_may_only_be_logged, setup),
        cmocka_unit_test_setup(calls_are_checked, setup),
        cmocka_unit_test_setup(test_sep5_ac51_only_whom_the_table_names_is_observed, setup),
        cmocka_unit_test_setup(a_paused_partition_waits_with_all_it_has, setup),
        cmocka_unit_test_setup(a_paused_partition_can_be_stopped_and_started_again, setup),
        cmocka_unit_test_setup(one_in_back_off_can_be_held, setup),
        cmocka_unit_test_setup(an_audit_that_was_asked_for_runs_once_on_the_housekeeping_core, setup),
        cmocka_unit_test_setup(test_sep9_answers_of_an_earlier_life_are_scrubbed, setup),
        cmocka_unit_test_setup(console_calls_wake_housekeeping_at_a_bounded_rate, setup),
        cmocka_unit_test_setup(perf1_without_a_tick_a_look_is_followed_by_others_while_there_is_something, setup),
        cmocka_unit_test_setup(with_a_tick_none_is_ordered, setup),
        cmocka_unit_test_setup(without_a_tick_a_stop_is_seen, setup),
        cmocka_unit_test_setup(without_a_tick_denied_accesses_are_counted_per_second, setup),
        cmocka_unit_test_setup(all_stopped_rule, setup),
        cmocka_unit_test_setup(sep7_long_work_breathes, setup),
        cmocka_unit_test_setup(launch_starts_what_the_table_says, setup),
        cmocka_unit_test_setup(causes_and_states_have_names, setup),
    };

    return cmocka_run_group_tests(tests, memory_make, memory_drop);
}
