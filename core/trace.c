/* SPDX-License-Identifier: Apache-2.0 */
/* The trace of exits. A ring has one writer, its core; readers take no lock and look afterwards whether they were overtaken. */
#include "trace.h"

#include "arch.h"
#include "memory.h"

#define ANSWER_RECORDS ((BH_ANSWER_SIZE - sizeof(struct bh_trace_head)) / sizeof(struct bh_trace_record))
#define MARGIN 64u /* of the oldest records none is offered that the writer may be at soon */
#define KEPT (BH_TRACE_RECORDS - MARGIN)
_Static_assert(TRACE_PAGES *PAGE_SIZE == BH_TRACE_RECORDS * sizeof(struct bh_trace_record), "a ring is whole pages");

static bool wanted(const struct partition *partition)
{
    if (partition->plan->trace)
        return true;
    for (unsigned i = 0; i < plan.partition_count; i++)
        if (plan.partitions[i].observes >> partition->index & 1)
            return true;
    return false;
}

void trace_create(struct partition *partition)
{
    if (!wanted(partition))
        return;
    for (uint32_t i = 0; i < partition->plan->core_count; i++) {
        partition->vcpus[i].trace.records = pool_take(TRACE_PAGES);
        atomic_store(&partition->vcpus[i].trace.on, partition->plan->trace ? TRACE_ON : 0u);
    }
}

bool trace_switch(struct partition *partition, bool on)
{
    if (partition->vcpus[0].trace.records == 0)
        return false;
    for (uint32_t i = 0; i < partition->plan->core_count; i++)
        atomic_store_explicit(&partition->vcpus[i].trace.on, on ? TRACE_ON : 0u, memory_order_relaxed);
    return true;
}

/* What the exit was about and no more: who reads a trace may observe the partition, not have its registers or its data (AC-51). What is not a
 * number that its kind defines is 0: no byte of a port, no value of an MSR or of memory. */
void trace_begin(const struct vcpu *vcpu, const struct exit *exit, struct bh_trace_record *record)
{
    *record = (struct bh_trace_record){
        .tsc = atomic_load_explicit(&vcpu->alive, memory_order_relaxed),
        .kind = (uint16_t)exit->kind,
    };
    if (exit->kind == EXIT_IO) {
        record->detail = exit->io.port;
        record->what = (exit->io.in ? BH_TRACE_IN : 0u) | exit->io.size;
    } else if (exit->kind == EXIT_NESTED_FAULT) {
        record->what = exit->fault.gpa.v;
    } else if (exit->kind == EXIT_HYPERCALL) {
        record->detail = (uint16_t)vcpu->regs.r[REG_RAX];
        record->what = vcpu->regs.r[REG_RDI];
    } else if (exit->kind == EXIT_MSR_READ || exit->kind == EXIT_MSR_WRITE) {
        record->what = (uint32_t)vcpu->regs.r[REG_RCX];
    } else if (exit->kind == EXIT_CPUID) {
        record->what = (uint32_t)vcpu->regs.r[REG_RAX];
    }
}

void trace_end(struct vcpu *vcpu, struct bh_trace_record *record)
{
    uint32_t produced = atomic_load_explicit(&vcpu->trace.produced, memory_order_relaxed);
    uint64_t ticks = arch_ticks() - record->tsc;

    record->ticks = ticks < UINT32_MAX ? (uint32_t)ticks : UINT32_MAX;
    if (record->kind == EXIT_HYPERCALL)
        record->result = vcpu->regs.r[REG_RAX];
    vcpu->trace.records[produced % BH_TRACE_RECORDS] = *record;
    atomic_store_explicit(&vcpu->trace.produced, produced + 1, memory_order_release);
}

uint64_t trace_read(const struct partition *partition, uint64_t u_where, uint8_t answer[BH_ANSWER_SIZE])
{
    uint32_t first = (uint32_t)u_where, produced, count;
    struct bh_trace_record *to = (struct bh_trace_record *)(answer + sizeof(struct bh_trace_head));
    const struct vcpu *vcpu;

    if (u_where >> 32 >= partition->plan->core_count || partition->vcpus[0].trace.records == 0)
        return BH_EINVAL;
    vcpu = &partition->vcpus[u_where >> 32];
    produced = atomic_load_explicit(&vcpu->trace.produced, memory_order_acquire);
    if (produced - first > KEPT)
        first = produced < KEPT ? 0 : produced - KEPT;
    count = produced - first < ANSWER_RECORDS ? produced - first : (uint32_t)ANSWER_RECORDS;
    for (uint32_t i = 0; i < count; i++)
        to[i] = vcpu->trace.records[(first + i) % BH_TRACE_RECORDS];
    if (atomic_load_explicit(&vcpu->trace.produced, memory_order_acquire) - first > BH_TRACE_RECORDS - 1)
        return BH_AGAIN;
    *(struct bh_trace_head *)answer = (struct bh_trace_head){.first = first, .count = count, .produced = produced};
    return sizeof(struct bh_trace_head) + count * sizeof(struct bh_trace_record);
}
