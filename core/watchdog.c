/* SPDX-License-Identifier: Apache-2.0 */
/* Partition watchdogs and the board's. A sign of life is a changed word: a unikernel's heartbeat in its ABI page, or the
 * count of pets of a Linux's emulated ib700. No value in it means anything, so none can be absurd (AC-46). */
#include "watchdog.h"
#include "arch.h"
#include "console.h"

static uint64_t ms_to_ticks(uint64_t ms)
{
    return ms * arch_tsc_khz(); /* 32 bits by about 23: no overflow */
}

/* Later by more than `limit`. The other time may come from another core and lie ahead. */
static bool overdue(uint64_t now, uint64_t since, uint64_t limit)
{
    return (int64_t)(now - since) > 0 && now - since > limit;
}

static uint32_t sign_of_life(const struct partition *partition)
{
    if (partition->plan->kind != IMAGE_UNIKERNEL)
        return atomic_load_explicit(&partition->watchdog.pets, memory_order_relaxed);
    return __atomic_load_n(&((const struct bh_shared *)(partition->abi + PAGE_SIZE))->heartbeat, __ATOMIC_RELAXED);
}

void watchdog_start(struct partition *partition, uint64_t now)
{
    const struct watchdog_spec *spec = &partition->plan->watchdog;

    atomic_store_explicit(&partition->watchdog.off, false, memory_order_relaxed);
    partition->watchdog.last = sign_of_life(partition);
    partition->watchdog.since = now;
    partition->watchdog.limit_ticks = ms_to_ticks(spec->boot_grace_ms > spec->period_ms ? spec->boot_grace_ms : spec->period_ms);
}

/* A partition that hangs ends by its own watchdog and nobody else notices (SEP-4). */
void watchdog_tick(struct partition *partition, uint64_t now)
{
    const struct watchdog_spec *spec = &partition->plan->watchdog;
    uint32_t u_sign;

    if (atomic_load(&partition->state) == PARTITION_PAUSED)
        partition->watchdog.since = now; /* a whole period from where it goes on */
    if (spec->period_ms == 0 || atomic_load(&partition->state) != PARTITION_RUNNING)
        return;
    u_sign = sign_of_life(partition);
    if (u_sign != partition->watchdog.last) {
        partition->watchdog.last = u_sign;
        partition->watchdog.since = now;
        partition->watchdog.limit_ticks = ms_to_ticks(spec->period_ms);
    } else if (atomic_load_explicit(&partition->watchdog.off, memory_order_relaxed)) {
        partition->watchdog.since = now;
    } else if (overdue(now, partition->watchdog.since, partition->watchdog.limit_ticks)) {
        partition->watchdog.since = now; /* once per period, should the stop take long */
        partition_order(partition, CAUSE_WATCHDOG, ACTION_DEFAULT);
    }
}

void watchdog_pet(struct partition *partition)
{
    atomic_store_explicit(&partition->watchdog.off, false, memory_order_relaxed);
    atomic_fetch_add_explicit(&partition->watchdog.pets, 1, memory_order_relaxed);
}

void watchdog_stop(struct partition *partition)
{
    if (partition->plan->watchdog.may_stop)
        atomic_store_explicit(&partition->watchdog.off, true, memory_order_relaxed);
    else
        partition->watchdog.stop_refused++;
}

void watchdog_board(uint64_t now)
{
    static uint64_t last_kick;
    static bool silent[MAX_CORES];
    bool kick = overdue(now, last_kick, ms_to_ticks(WATCHDOG_ANSWER_MS / 4)), all = true;

    if (plan.board->watchdog.kind == WATCHDOG_NONE)
        return;
    if (kick)
        last_kick = now;
    for (unsigned core = 0; core < plan.core_count; core++) {
        uint64_t alive = atomic_load_explicit(&vcpus[core].alive, memory_order_relaxed);
        bool late = overdue(now, alive, ms_to_ticks(WATCHDOG_ANSWER_MS));

        if (plan.cores[core].partition == 0xff || core == arch_core())
            continue;
        if (kick && overdue(now, alive, ms_to_ticks(WATCHDOG_ANSWER_MS / 2)))
            arch_kick(core);
        if (late && !silent[core])
            log_line("core %u does not answer; the board's watchdog is not fed", core);
        silent[core] = late;
        all = all && !late;
    }
    if (all)
        arch_watchdog_feed();
}
