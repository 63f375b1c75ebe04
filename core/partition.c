/* SPDX-License-Identifier: Apache-2.0 */
/* Partitions: what they are made of, what they may reach, and the doors to them from other cores. lifecycle.c has their steps. */
#include "partition.h"

#include "arch.h"
#include "console.h"
#include "crash.h"
#include "devices.h"
#include "lifecycle.h"
#include "memory.h"
#include "recorder.h"
#include "trace.h"
#include "virt.h"

struct partition partitions[MAX_PARTITIONS];
struct vcpu vcpus[MAX_CORES];

static void partition_create(struct partition *partition, unsigned index)
{
    partition->plan = &plan.partitions[index];
    partition->index = (uint8_t)index;
    partition->vcpus = &vcpus[partition->plan->cores[0]];
    if (partition->plan->kind == IMAGE_UNIKERNEL)
        partition->abi = pool_take(BH_ABI_PAGES);
    partition->out = pool_take((sizeof(struct console_ring) + PAGE_SIZE - 1) / PAGE_SIZE);
    dump_create(partition);
    atomic_store(&partition->state, PARTITION_CREATED);
    for (uint32_t i = 0; i < partition->plan->core_count; i++) {
        /* A core has one owner for ever (SEP-2). The planner gives a partition consecutive ones: rules and facts hold it to that. */
        INVARIANT(partition->plan->cores[i] == partition->plan->cores[0] + i, "cores of a partition are consecutive");
        partition->vcpus[i].partition = partition;
        partition->vcpus[i].index = (uint8_t)i;
    }
    trace_create(partition);
}

void partitions_create(void)
{
    for (unsigned core = 0; core < plan.core_count; core++)
        vcpus[core].core = (uint8_t)core;
    for (unsigned i = 0; i < plan.partition_count; i++)
        partition_create(&partitions[i], i);
}

void *partition_ram(const struct partition *partition, gpa_t gpa, uint64_t size)
{
    for (uint32_t i = 0; i < partition->plan->ram_count; i++) {
        const struct plan_ram *ram = &partition->plan->ram[i];

        if (range_inside(gpa.v, size, ram->gpa.v, ram->size))
            return arch_ptr(HPA(ram->hpa.v + (gpa.v - ram->gpa.v)));
    }
    return 0;
}

void partition_interrupt_locked(struct partition *partition, unsigned vcpu_index, uint8_t vector)
{
    if (partition->gate_open && vcpu_index < partition->plan->core_count && vector >= 16)
        arch_ipi(partition->vcpus[vcpu_index].core, vector);
}

void partition_interrupt(struct partition *partition, unsigned vcpu_index, uint8_t vector)
{
    lock_take(&partition->gate);
    partition_interrupt_locked(partition, vcpu_index, vector);
    lock_drop(&partition->gate);
}

void partition_denied(struct vcpu *vcpu, enum denied_kind kind, uint64_t what)
{
    struct partition *partition = vcpu->partition;
    uint32_t before;

    vcpu->counters.denied[kind]++;
    atomic_store_explicit(&partition->denied.kind, kind, memory_order_relaxed);
    atomic_store_explicit(&partition->denied.what, what, memory_order_relaxed);
    before = atomic_fetch_add_explicit(&partition->denied.count, 1, memory_order_relaxed);
    if (plan.tick_off && before == 0)
        vcpu_housekeeping_wake(); /* the second that it counts in is to end */
    /* Once in a second: its table may say that it goes on. */
    if (before == partition->plan->denied.per_second)
        partition_stop(vcpu, CAUSE_DENIED, kind, what, 0);
}

#define NAME(enumerator, name) name,
const char *partition_state_name(enum partition_state state)
{
    static const char *const names[] = {PARTITION_STATES(NAME)};

    return (unsigned)state < PARTITION_STATE_COUNT ? names[state] : "?";
}

const char *cause_name(enum cause cause)
{
    static const char *const names[] = {CAUSES(NAME)};

    return (unsigned)cause < CAUSE_COUNT ? names[cause] : "?";
}

/* --- once per second ---------------------------------------------------------------------------------------------------------- */

static void denied_report(struct partition *partition)
{
    static const char *const kinds[] = {"port", "MSR", "memory", "PCI", "other"};
    uint32_t count = atomic_exchange_explicit(&partition->denied.count, 0, memory_order_relaxed);

    if (count > 0)
        log_line("partition %s: %u denied accesses in the last second, the last one: %s 0x%lx", partition->plan->name, count,
                 kinds[atomic_load_explicit(&partition->denied.kind, memory_order_relaxed) % ARRAY_SIZE(kinds)],
                 atomic_load_explicit(&partition->denied.what, memory_order_relaxed));
}

static bool all_stopped(void)
{
    for (unsigned i = 0; i < plan.partition_count; i++) {
        enum partition_state state = atomic_load(&partitions[i].state);

        if (state != PARTITION_STOPPED && state != PARTITION_CREATED)
            return false;
    }
    return true;
}

static void all_stopped_act(void)
{
    static bool said;

    if (!all_stopped()) {
        said = false;
        return;
    }
    if (!said)
        log_line("all partitions have stopped: %s", plan.all_stopped == ALL_STOPPED_POWEROFF ? "power off"
                                                    : plan.all_stopped == ALL_STOPPED_RESET  ? "reset"
                                                                                             : "idle");
    said = true;
    if (plan.all_stopped == ALL_STOPPED_IDLE)
        return;
    machine_end(plan.all_stopped == ALL_STOPPED_RESET);
}

void partition_second(void)
{
    for (unsigned i = 0; i < plan.partition_count; i++)
        denied_report(&partitions[i]);
    all_stopped_act();
}
