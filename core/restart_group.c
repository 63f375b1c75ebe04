/* SPDX-License-Identifier: Apache-2.0 */
/* The reset of a PF takes its VFs down: before it their owners, who may be others, are stopped, and once the PF's owner runs again they are
 * started again. The plan says who; its groups are closed, so that a member that is stopped this way asks nobody further. */
#include "arch.h"
#include "console.h"
#include "lifecycle.h"
#include "vcpu.h"

#define GROUP_MS 10000u /* parking is a matter of milliseconds, resets of functions and loading one of seconds */

static bool is_member(const struct partition *partition, unsigned index)
{
    return (partition->plan->restart_group >> index & 1u) != 0;
}

/* Ordered once it runs: one that is being started first comes that far. */
static bool member_stopped(struct partition *member)
{
    uint8_t backoff = PARTITION_BACKOFF, state;

    partition_order(member, CAUSE_GROUP, ACTION_STOP);
    if (atomic_compare_exchange_strong(&member->state, &backoff, PARTITION_STOPPED))
        atomic_store(&member->stop_cause, CAUSE_GROUP);
    state = atomic_load(&member->state);
    return state == PARTITION_STOPPED || state == PARTITION_CREATED;
}

void restart_group_stop(const struct partition *partition)
{
    uint64_t start = arch_ticks();
    bool done = atomic_load(&partition->stop_cause) == CAUSE_GROUP;

    while (!done) {
        done = true;
        for (unsigned i = 0; i < plan.partition_count; i++)
            done = (!is_member(partition, i) || member_stopped(&partitions[i])) && done;
        if (!done && arch_ticks() - start > GROUP_MS * arch_tsc_khz()) {
            log_line("partition %s: not all partitions with virtual functions of its devices stopped in time",
                     partition->plan->name);
            return;
        }
        vcpu_breathe();
    }
}

void restart_group_start(const struct partition *partition)
{
    for (unsigned i = 0; i < plan.partition_count; i++)
        if (is_member(partition, i) && atomic_load(&partitions[i].state) == PARTITION_STOPPED &&
            atomic_load(&partitions[i].stop_cause) == CAUSE_GROUP)
            partition_start(&partitions[i]);
}
