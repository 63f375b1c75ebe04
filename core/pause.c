/* SPDX-License-Identifier: Apache-2.0 */
/* A partition that waits by order of one that controls it. Its cores halt with all their state, local APICs too: what is sent to them waits
 * there. Only the state changes here; each core sees to itself (vcpu.c). */
#include "partition.h"

static bool state_change(struct partition *partition, enum partition_state from, enum partition_state to)
{
    uint8_t before = (uint8_t)from;

    return atomic_compare_exchange_strong(&partition->state, &before, (uint8_t)to);
}

static void look(struct partition *partition)
{
    for (uint32_t i = 0; i < partition->plan->core_count; i++)
        vcpu_request(&partition->vcpus[i], REQUEST_PAUSE);
}

bool partition_pause(struct partition *partition)
{
    if (!state_change(partition, PARTITION_RUNNING, PARTITION_PAUSED))
        return false;
    look(partition);
    return true;
}

bool partition_resume(struct partition *partition)
{
    if (!state_change(partition, PARTITION_PAUSED, PARTITION_RUNNING))
        return false;
    look(partition);
    return true;
}

bool partition_hold(struct partition *partition)
{
    return state_change(partition, PARTITION_BACKOFF, PARTITION_STOPPED);
}
