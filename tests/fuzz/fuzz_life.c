/* SPDX-License-Identifier: Apache-2.0 */
/* Partitions that are started, stopped, paused and restarted by anybody at any time, on cores that may be slow, with devices, local APICs and
 * payloads that fail at any step (SECURITY.md 3.2: F15). Whatever the order: none runs on memory that was not scrubbed and loaded anew, with
 * devices that were not cut off, or through a gate that is open while it does not run; and once the faults are over each comes to rest. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "console.h"
#include "fake_arch.h"
#include "fake_life.h"
#include "fake_plan.h"
#include "launch.h"
#include "lifecycle.h"
#include "promise.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

#define CORES 4u
#define DIRT 0x5a

static const uint8_t *input;
static size_t left;
static uint8_t *fresh[LIFE_PARTITIONS]; /* what its memory is at the start of a life */
static bool altered[LIFE_PARTITIONS];   /* its payload is not that of the plan */

static unsigned take(void)
{
    return left > 0 ? (left--, *input++) : 0;
}

static struct partition *whose(unsigned byte)
{
    return &partitions[byte % LIFE_PARTITIONS];
}

/* --- what must hold --------------------------------------------------------------------------------------------------------------------- */

static void loaded(struct partition *partition)
{
    unsigned i = partition->index;

    PROMISE(memcmp(life_ram[i], fresh[i], LARGE_SIZE) == 0);
    PROMISE(!altered[i]);
    PROMISE(!fake.zone_open);
}

static bool runs(const struct partition *partition)
{
    return partition->state == PARTITION_RUNNING || partition->state == PARTITION_PAUSED;
}

static void looked_at(struct partition *partition)
{
    bool at_rest = partition->state == PARTITION_STOPPED || partition->state == PARTITION_BACKOFF;

    PROMISE(partition->state < PARTITION_STATE_COUNT);
    PROMISE(partition->parked <= partition->plan->core_count);
    PROMISE(partition->gate.next == partition->gate.owner);
    PROMISE(!partition->gate_open || runs(partition) || partition->state == PARTITION_LOADING);
    PROMISE(!runs(partition) || life.devices[partition->index] == DEVICES_ATTACHED);
    PROMISE(!runs(partition) || !life.lost[partition->index]);
    PROMISE(!at_rest || life.devices[partition->index] != DEVICES_ATTACHED || partition->devices_due);
    for (unsigned i = 0; i < partition->plan->core_count; i++) {
        uint8_t mode = partition->vcpus[i].mode;

        PROMISE(!at_rest || mode == VCPU_PARKED);
        PROMISE(mode != VCPU_RUNNING || runs(partition) || partition->state == PARTITION_STOPPING);
    }
}

/* --- what happens ----------------------------------------------------------------------------------------------------------------------- */

/* Only a core that runs its guest can say such a thing. */
static void befall(void)
{
    unsigned core = take() % CORES;
    enum cause cause = take() % CAUSE_COUNT;

    if (vcpus[core].mode != VCPU_RUNNING || vcpus[core].partition->state != PARTITION_RUNNING)
        return;
    fake.core = core;
    if (cause == CAUSE_NONE)
        partition_denied(&vcpus[core], DENIED_PORT, take());
    else
        partition_stop(&vcpus[core], cause, 1, 2, 0);
}

static void order(void)
{
    static const enum cause causes[] = {CAUSE_OPERATOR, CAUSE_WATCHDOG, CAUSE_HANG, CAUSE_BUDGET, CAUSE_PEER, CAUSE_ALONG};
    static const enum action actions[] = {ACTION_DEFAULT, ACTION_STOP, ACTION_RESTART, ACTION_DEFAULT};
    struct partition *partition = whose(take());
    unsigned how = take();

    fake.core = plan.housekeeping;
    partition_order(partition, causes[how % ARRAY_SIZE(causes)], actions[how / 16 % ARRAY_SIZE(actions)]);
}

static void hold(void)
{
    struct partition *partition = whose(take());
    unsigned how = take() % 4;

    fake.core = plan.housekeeping;
    if (how == 0)
        partition_start(partition);
    else if (how == 1)
        partition_pause(partition);
    else if (how == 2)
        partition_resume(partition);
    else
        partition_hold(partition);
}

static void tick(void)
{
    fake_ms(take() * 20u);
    fake.core = plan.housekeeping;
    vcpu_request(&vcpus[plan.housekeeping], REQUEST_TICK);
    vcpu_serve(&vcpus[plan.housekeeping]);
}

static void fault(void)
{
    unsigned what = take(), i = what / 8 % LIFE_PARTITIONS;

    switch (what % 8) {
    case 0:
        life.pci_stop_fails = !life.pci_stop_fails;
        break;
    case 1:
        life.pci_start_fails = !life.pci_start_fails;
        break;
    case 2:
        life.apic_failures = !life.apic_failures;
        break;
    case 3:
        life.nmi_refused = !life.nmi_refused;
        break;
    case 4:
        life_others_go_on = !life_others_go_on;
        break;
    default: /* the first life is verified at the launch, which is not part of this */
        if (partitions[i].lives == 0 || partitions[i].state == PARTITION_LOADING)
            return;
        life_payload[i][what % LIFE_PAYLOAD] ^= 1;
        altered[i] = !altered[i];
    }
}

/* Its further core, as a guest would. */
static void further_core(void)
{
    fake.core = 0;
    if (vcpus[0].mode != VCPU_RUNNING || partitions[0].state != PARTITION_RUNNING)
        return;
    vcpu_request(&vcpus[1], REQUEST_INIT);
    atomic_store(&vcpus[1].sipi_vector, (uint8_t)take());
    vcpu_request(&vcpus[1], REQUEST_SIPI);
}

static void dirty(void)
{
    struct partition *partition = whose(take());

    if (partition->state == PARTITION_RUNNING)
        for (unsigned at = take() * 4096u; at < LARGE_SIZE; at += LARGE_SIZE / 8)
            memset(life_ram[partition->index] + at, DIRT, 64);
}

static void one_core(void)
{
    unsigned core = take() % CORES;

    fake.core = core;
    vcpu_serve(&vcpus[core]);
}

static void (*const acts[])(void) = {befall, order, hold, tick, fault, further_core, dirty, one_core, one_core, life_settle};

static void play(void)
{
    for (unsigned steps = 0; left > 0 && steps < 200; steps++) {
        acts[take() % ARRAY_SIZE(acts)]();
        for (unsigned i = 0; i < LIFE_PARTITIONS; i++)
            looked_at(&partitions[i]);
    }
}

/* All faults are over, and time goes by. */
static void calm(void)
{
    life.pci_stop_fails = life.pci_start_fails = life.nmi_refused = false;
    life.apic_failures = 0;
    life_others_go_on = false;
    for (unsigned round = 0; round < 8; round++) {
        life_settle();
        fake_ms(70000);
        fake.core = plan.housekeeping;
        vcpu_request(&vcpus[plan.housekeeping], REQUEST_TICK);
    }
    life_settle();
    for (unsigned i = 0; i < LIFE_PARTITIONS; i++) {
        looked_at(&partitions[i]);
        PROMISE(partitions[i].state != PARTITION_STOPPING && partitions[i].state != PARTITION_LOADING);
    }
}

/* --- the tables ------------------------------------------------------------------------------------------------------------------------- */

static void table(struct plan_partition *p)
{
    static const enum action actions[] = {ACTION_RESTART, ACTION_STOP,  ACTION_RESTART_GROUP, ACTION_LOG,
                                          ACTION_INJECT,  ACTION_RESET, ACTION_RESTART,       ACTION_RESTART};
    unsigned how = take();

    for (unsigned event = 0; event < EVENT_COUNT; event++)
        p->actions[event] = actions[(how + event * (how >> 4)) % 8];
    p->restart = (struct restart_spec){.limit = 1 + how % 4,
                                       .window_ms = 60000,
                                       .then = how & 16 ? ACTION_STOP : ACTION_RESTART_GROUP,
                                       .backoff_ms = how & 32 ? 100 : 0,
                                       .backoff_max_ms = 1000,
                                       .never = how == 0xee};
}

/* Groups are closed in a plan; the one whose functions are virtual is not its own owner. */
static void tables(void)
{
    unsigned groups = take();

    for (unsigned i = 0; i < LIFE_PARTITIONS; i++) {
        table(&fake_plan_partitions[i]);
        fake_plan_partitions[i].group = (uint16_t)(groups >> i & 7u & ~(1u << i));
    }
    if (groups & 64)
        fake_plan_partitions[1].restart_group = 1u << 2;
    if (groups & 128)
        fake_plan_partitions[2].restart_group = 1u << 1;
}

static void fresh_make(void)
{
    life_memory_make();
    life_reset();
    for (unsigned i = 0; i < LIFE_PARTITIONS; i++) {
        fresh[i] = calloc(1, LARGE_SIZE);
        for (unsigned s = 0; s < 2; s++)
            memcpy(fresh[i] + life_segments[i][s].gpa.v, life_payload[i] + life_segments[i][s].offset, life_segments[i][s].size);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    input = bytes;
    left = count;
    if (fresh[0] == 0)
        fresh_make();
    life_reset();
    memset(altered, 0, sizeof(altered));
    life.loaded = loaded;
    life_others_go_on = false;
    fake.step = fake.khz * 100; /* who waits for another has not for ever */
    tables();
    if (!FAKE_ENDS(play()))
        (void)FAKE_ENDS(calm());
    return 0;
}
