/* SPDX-License-Identifier: Apache-2.0 */
/* The reset of a PF takes its VFs down: before it their owners, who may be others, are stopped, and once the PF's owner runs again they are
 * started again. The plan says who; its groups are closed: a member that is stopped this way finds its own members stopping. */
#include "arch.h"
#include "console.h"
#include "lifecycle.h"
#include "vcpu.h"

#define GROUP_MS 10000u /* parking is a matter of milliseconds, resets of functions and loading one of seconds */

static bool is_member(const struct partition *partition, unsigned index)
{
    return (partition->plan->restart_group >> index & 1u) != 0;
}

/* Of two in each other's group only one waits: who orders it, or the first one where both stop for themselves. */
static bool waits_for(const struct partition *partition, const struct partition *member)
{
    if (!is_member(partition, member->index))
        return false;
    return !is_member(member, partition->index) ||
           (atomic_load(&partition->stop_cause) != CAUSE_GROUP &&
            (partition->index < member->index || atomic_load(&member->state) != PARTITION_STOPPING ||
             atomic_load(&member->stop_cause) == CAUSE_GROUP));
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

/* One that has not stopped yet; 0: all have. */
static const struct partition *members_stop(const struct partition *partition)
{
    const struct partition *late = 0;

    for (unsigned i = 0; i < plan.partition_count; i++)
        if (waits_for(partition, &partitions[i]) && !member_stopped(&partitions[i]))
            late = &partitions[i];
    return late;
}

bool restart_group_stop(const struct partition *partition)
{
    uint64_t start = arch_ticks();
    const struct partition *late;

    while ((late = members_stop(partition)) != 0) {
        if (arch_ticks() - start > GROUP_MS * arch_tsc_khz()) {
            log_line("partition %s: its devices are not reset: partition %s, which has virtual functions of them, did not stop in "
                     "time. Start %s again once it has",
                     partition->plan->name, late->plan->name, partition->plan->name);
            return false;
        }
        vcpu_breathe();
    }
    return true;
}

bool restart_group_busy(const struct partition *member)
{
    for (unsigned i = 0; i < plan.partition_count; i++)
        if (is_member(&partitions[i], member->index) && atomic_load(&partitions[i].state) == PARTITION_STOPPING)
            return true;
    return false;
}

void restart_group_start(const struct partition *partition)
{
    for (unsigned i = 0; i < plan.partition_count; i++)
        if (is_member(partition, i) && atomic_load(&partitions[i].state) == PARTITION_STOPPED &&
            atomic_load(&partitions[i].stop_cause) == CAUSE_GROUP)
            partition_start(&partitions[i]);
}
