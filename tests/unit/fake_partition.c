/* SPDX-License-Identifier: Apache-2.0 */
/* See fake_partition.h. */
#include "fake_partition.h"

#include <string.h>

#include "console.h"
#include "plan.h"

struct partition partitions[MAX_PARTITIONS];
struct vcpu vcpus[MAX_CORES];
struct fake_partition fake_partition;

static struct console_ring rings[MAX_PARTITIONS];
static uint8_t abi_pages[MAX_PARTITIONS][BH_ABI_PAGES * PAGE_SIZE] __attribute__((aligned(4096)));

void fake_partitions_reset(void)
{
    memset(partitions, 0, sizeof(partitions));
    memset(vcpus, 0, sizeof(vcpus));
    memset(rings, 0, sizeof(rings));
    memset(abi_pages, 0, sizeof(abi_pages));
    memset(&fake_partition, 0, sizeof(fake_partition));
    for (unsigned i = 0; i < plan.partition_count; i++) {
        partitions[i].plan = &plan.partitions[i];
        partitions[i].index = (uint8_t)i;
        partitions[i].out = &rings[i];
        partitions[i].abi = plan.partitions[i].kind == IMAGE_UNIKERNEL ? abi_pages[i] : 0;
        partitions[i].gate_open = true;
        partitions[i].state = PARTITION_RUNNING;
        for (unsigned v = 0; plan.partitions[i].cores != 0 && v < plan.partitions[i].core_count; v++) {
            struct vcpu *vcpu = &vcpus[plan.partitions[i].cores[v]];

            partitions[i].vcpus = v == 0 ? vcpu : partitions[i].vcpus;
            *vcpu = (struct vcpu){.partition = &partitions[i], .index = (uint8_t)v, .core = plan.partitions[i].cores[v]};
        }
    }
}

struct bh_shared *fake_shared(unsigned partition)
{
    return (struct bh_shared *)(abi_pages[partition] + PAGE_SIZE);
}

bool fake_gate_held(const struct partition *partition)
{
    return partition->gate.next != partition->gate.owner;
}

void partition_order(struct partition *partition, enum cause cause, enum action action)
{
    if (fake_partition.order_count < 64)
        fake_partition.orders[fake_partition.order_count++] = (struct fake_order){partition->index, cause, action};
}

void partition_stops_log(struct partition *partition)
{
    log_line("stops of %s", partition->plan->name);
}

void partition_start(struct partition *partition)
{
    fake_partition.starts[partition->index]++;
}

void partition_stop(struct vcpu *vcpu, enum cause cause, uint64_t value, uint64_t address, const struct exit *exit)
{
    (void)vcpu, (void)value, (void)address, (void)exit;
    if (fake_partition.stop_count < 64)
        fake_partition.stops[fake_partition.stop_count++] = cause;
}

void partition_denied(struct vcpu *vcpu, enum denied_kind kind, uint64_t what)
{
    (void)vcpu, (void)kind, (void)what;
    fake_partition.denied++;
}

void vcpu_housekeeping_wake(void)
{
    fake_partition.wakes++;
}

void partition_interrupt_locked(struct partition *partition, unsigned vcpu_index, uint8_t vector)
{
    fake_partition.vcpu = vcpu_index;
    fake_partition.interrupts[partition->index]++;
    fake_partition.vector = vector;
    fake_partition.gate_was_held = fake_gate_held(partition);
}

void partition_interrupt(struct partition *partition, unsigned vcpu_index, uint8_t vector)
{
    lock_take(&partition->gate);
    partition_interrupt_locked(partition, vcpu_index, vector);
    lock_drop(&partition->gate);
}

const char *partition_state_name(enum partition_state state)
{
    static const char *const names[PARTITION_STATE_COUNT] = {"created",  "loading", "running", "stopping",
                                                             "back-off", "stopped", "paused"};

    return names[state];
}

const char *cause_name(enum cause cause)
{
    return cause == CAUSE_WATCHDOG ? "watchdog" : "something";
}

const char *exit_name(enum exit_kind kind)
{
    static const char *const names[EXIT_KIND_COUNT] = {
        [EXIT_KICK] = "kick",
        [EXIT_CPUID] = "cpuid",
        [EXIT_IO] = "port",
    };

    return names[kind] != 0 ? names[kind] : "other";
}
