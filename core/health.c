/* SPDX-License-Identifier: Apache-2.0 */
/* What befell a partition, and what its table says about it; and what has to be looked for: hangs, exits over the budget, lost peers. */
#include "health.h"

#include "arch.h"
#include "console.h"
#include "virt.h"

#define LOOKS 4u           /* at a core in hang_ms */
#define PLACE_SIZE 64u     /* bytes of code in which a core that hangs goes round */
#define BUDGET_SECONDS 10u /* over the budget, less the quiet ones between: one burst is none */
#define RFLAGS_IF (1ull << 9)

/* --- the table ------------------------------------------------------------------------------------------------------------------- */

#define NO_EVENT EVENT_COUNT

/* What is not listed is a crash. */
static const uint8_t events[CAUSE_COUNT] = {
    [CAUSE_NONE] = NO_EVENT,
    [CAUSE_IMAGE] = NO_EVENT,
    [CAUSE_APIC] = NO_EVENT,
    [CAUSE_DEVICE] = NO_EVENT,
    [CAUSE_GROUP] = NO_EVENT,
    [CAUSE_ALONG] = NO_EVENT,
    [CAUSE_OPERATOR] = NO_EVENT,
    [CAUSE_EXIT] = EVENT_EXIT,
    [CAUSE_REBOOT] = EVENT_REBOOT,
    [CAUSE_DENIED] = EVENT_DENIED,
    [CAUSE_HANG] = EVENT_HANG,
    [CAUSE_POWEROFF] = EVENT_POWEROFF,
    [CAUSE_PEER] = EVENT_PEER_LOST,
    [CAUSE_DMA] = EVENT_IOMMU_FAULT,
    [CAUSE_WATCHDOG] = EVENT_WATCHDOG,
    [CAUSE_BUDGET] = EVENT_EXIT_BUDGET,
    [CAUSE_MACHINE_CHECK] = EVENT_MACHINE_CHECK,
};
_Static_assert(EVENT_CRASH == 0, "what is not listed");

/* Who does not answer is given an NMI once in a life, in which it may say where it hangs: a second one would find the same. */
static enum action action_of(struct partition *partition, enum health_event event)
{
    enum action action = partition->plan->actions[event];
    uint32_t bit = 1u << event;

    if (action != ACTION_INJECT || (event != EVENT_WATCHDOG && event != EVENT_HANG))
        return action;
    return atomic_fetch_or(&partition->health.injected, bit) & bit ? partition->plan->restart.then : action;
}

enum action health_event(struct partition *partition, enum cause cause)
{
    enum health_event event = events[cause];
    uint8_t state = atomic_load(&partition->state);
    enum action action;
    uint32_t count;

    if (event == NO_EVENT)
        return ACTION_STOP;
    if (state != PARTITION_RUNNING && state != PARTITION_PAUSED)
        return ACTION_LOG; /* on its way down already, by another's cause */
    count = atomic_fetch_add_explicit(&partition->health.counts[event], 1, memory_order_relaxed) + 1;
    action = action_of(partition, event);
    if (action != ACTION_LOG && action != ACTION_INJECT)
        return action;
    log_line("partition %s: %s, %u so far; action: %s", partition->plan->name, cause_name(cause), count, action_name(action));
    if (action == ACTION_INJECT)
        vcpu_request(&partition->vcpus[0], REQUEST_NMI);
    return ACTION_LOG;
}

void health_start(struct partition *partition, uint64_t now)
{
    atomic_store(&partition->health.injected, 0);
    partition->health.start = now;
    partition->health.seconds_over = 0;
    for (uint32_t i = 0; i < partition->plan->core_count; i++)
        atomic_store(&partition->vcpus[i].stuck, 0);
}

/* --- lost peers ------------------------------------------------------------------------------------------------------------------ */

static uint32_t peers_of(unsigned index)
{
    uint32_t peers = 0;

    for (uint32_t i = 0; i < plan.channel_count; i++) {
        const struct plan_channel *channel = &plan.channels[i];

        if (channel->writer == index)
            peers |= channel->readers;
        else if (channel->readers >> index & 1)
            peers |= 1u << channel->writer;
    }
    return peers;
}

/* Two of whom each restarts when the other is lost would go on for ever: so a stop that follows from another's is told to nobody. */
void health_peers(const struct partition *partition)
{
    uint8_t cause = atomic_load(&partition->stop_cause);
    uint32_t peers = peers_of(partition->index);

    if (cause == CAUSE_PEER || cause == CAUSE_ALONG || cause == CAUSE_GROUP)
        return;
    for (unsigned i = 0; i < plan.partition_count; i++)
        if (peers >> i & 1)
            partition_order(&partitions[i], CAUSE_PEER, ACTION_DEFAULT);
}

/* --- hangs ----------------------------------------------------------------------------------------------------------------------- */

/* A core that halts with interrupts off is where it was, too. */
void health_look(struct vcpu *vcpu)
{
    struct guest_state state;

    virt_state(vcpu, &state);
    if (!(state.rflags & RFLAGS_IF) && state.rip - vcpu->place < PLACE_SIZE) {
        atomic_fetch_add(&vcpu->stuck, 1);
        return;
    }
    vcpu->place = state.rip - PLACE_SIZE / 2; /* it may have been seen at the loop's end */
    atomic_store(&vcpu->stuck, 0);
}

/* Found only where looks have been answered: a core that is busy for another reason is no hang. */
static bool all_stuck(const struct partition *partition)
{
    unsigned running = 0, stuck = 0;

    for (uint32_t i = 0; i < partition->plan->core_count; i++) {
        struct vcpu *vcpu = &partition->vcpus[i];

        if (atomic_load(&vcpu->mode) != VCPU_RUNNING)
            continue;
        running++;
        stuck += atomic_load(&vcpu->stuck) >= LOOKS;
        vcpu_request(vcpu, REQUEST_LOOK);
    }
    return running != 0 && stuck == running;
}

void health_tick(struct partition *partition, uint64_t now)
{
    uint64_t between = (uint64_t)partition->plan->hang_ms * arch_tsc_khz() / LOOKS;

    if (between == 0 || atomic_load(&partition->state) != PARTITION_RUNNING || now - partition->health.looked < between)
        return;
    partition->health.looked = now;
    if (!all_stuck(partition))
        return;
    for (uint32_t i = 0; i < partition->plan->core_count; i++)
        atomic_store(&partition->vcpus[i].stuck, 0); /* should it go on: another whole time */
    partition_order(partition, CAUSE_HANG, ACTION_DEFAULT);
}

/* --- the exit budget --------------------------------------------------------------------------------------------------------------- */

/* Accesses to a local APIC that the machine does not let through have a budget of their own. Registers of virtio ports have none: how often
 * they are accessed is for a good part its peers' affair. */
static struct exits_made exits_made(const struct partition *partition)
{
    struct exits_made made = {0, 0};
    uint64_t ports = 0;

    for (uint32_t i = 0; i < partition->plan->core_count; i++) {
        const struct counters *counters = &partition->vcpus[i].counters;

        made.apic += __atomic_load_n(&counters->apic, __ATOMIC_RELAXED);
        ports += __atomic_load_n(&counters->ports, __ATOMIC_RELAXED);
        for (unsigned kind = 0; kind < EXIT_KIND_COUNT; kind++)
            if (kind != EXIT_KICK) /* of our making */
                made.others += __atomic_load_n(&counters->exits[kind], __ATOMIC_RELAXED);
    }
    made.others -= made.apic + ports;
    return made;
}

/* Signed: one of them may be counted while the other has been read. */
static bool is_over(uint64_t made, uint64_t before, uint32_t per_second, uint64_t ms)
{
    return (int64_t)(made - before) * 1000 > (int64_t)(per_second * ms);
}

void health_second(struct partition *partition, uint64_t now)
{
    const struct exits_spec *spec = &partition->plan->exits;
    struct exits_made before = partition->health.exits, made;
    uint64_t ms = (now - partition->health.counted) / arch_tsc_khz();
    bool over;

    if (!spec->declared)
        return;
    partition->health.exits = made = exits_made(partition);
    partition->health.counted = now;
    over = is_over(made.others, before.others, spec->per_second, ms) || is_over(made.apic, before.apic, spec->xapic_per_second, ms);
    if (atomic_load(&partition->state) != PARTITION_RUNNING ||
        now - partition->health.start < (uint64_t)partition->plan->exits_grace_ms * arch_tsc_khz())
        over = false;
    if (over)
        partition->health.seconds_over++;
    else if (partition->health.seconds_over > 0) /* not 0: a quiet second now and then is no way round it */
        partition->health.seconds_over--;
    if (partition->health.seconds_over < BUDGET_SECONDS)
        return;
    partition->health.seconds_over = 0;
    log_line("partition %s: %lu exits and %lu accesses to its local APIC in the last %lu ms: its budget is %u and %u per second",
             partition->plan->name, made.others - before.others, made.apic - before.apic, ms, spec->per_second,
             spec->xapic_per_second);
    partition_order(partition, CAUSE_BUDGET, ACTION_DEFAULT);
}
