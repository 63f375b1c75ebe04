/* SPDX-License-Identifier: Apache-2.0 */
/* The life cycle: stop, park, act, load, start; restart limits and back-off; the log of stops. A step touches only the cores,
 * memory and devices of its own partition (SEP-4). */
#include "lifecycle.h"

#include "arch.h"
#include "channel.h"
#include "console.h"
#include "devices.h"
#include "health.h"
#include "memory.h"
#include "pci.h"
#include "port.h"
#include "recorder.h"
#include "rights.h"
#include "virt.h"
#include "watchdog.h"

#define RESTART_TIMES ARRAY_SIZE(((struct partition *)0)->restart.times)

/* --- the log of stops --------------------------------------------------------------------------------------------------------- */

const char *action_name(enum action action)
{
    static const char *const names[] = {
        [ACTION_DEFAULT] = "none",
        [ACTION_LOG] = "log",
        [ACTION_STOP] = "stop",
        [ACTION_RESTART] = "restart",
        [ACTION_RESET] = "reset the board",
        [ACTION_INJECT] = "inject an NMI",
        [ACTION_RESTART_GROUP] = "restart the group",
    };

    return (unsigned)action < ARRAY_SIZE(names) ? names[action] : "?";
}

void partition_stops_log(struct partition *partition)
{
    lock_take(&partition->gate);
    log_line("partition %s: %u stop%s, the last ones:", partition->plan->name, partition->stops.made,
             partition->stops.made == 1 ? "" : "s");
    for (uint32_t back = STOP_RECORDS; back > 0; back--) {
        const struct stop_record *r = &partition->stops.last[(partition->stops.made - back) % STOP_RECORDS];

        if (back <= partition->stops.made)
            log_line("  life %lu, until %lu.%06lu s: %s, value 0x%lx, address 0x%lx, vcpu %u at 0x%lx; action: %s", r->life,
                     r->time_us / 1000000, r->time_us % 1000000, cause_name(r->cause), r->value, r->address, r->vcpu, r->state.rip,
                     action_name(r->action));
    }
    lock_drop(&partition->gate);
}

/* Registers, for the causes where somebody will ask. */
static void stop_record_log(const struct stop_record *record)
{
    static const char names[16][4] = {"rax", "rcx", "rdx", "rbx", "---", "rbp", "rsi", "rdi",
                                      "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15"};
    const struct guest_state *s = &record->state;
    const uint64_t *r = record->regs.r;

    log_line("  rip %016lx rsp %016lx rflags %lx cr2 %lx", s->rip, s->rsp, s->rflags, s->cr2);
    log_line("  cr0 %lx cr3 %lx cr4 %lx efer %lx, exit %lx %lx %lx", s->cr0, s->cr3, s->cr4, s->efer, record->raw[0],
             record->raw[1], record->raw[2]);
    for (unsigned i = 0; i < ARRAY_SIZE(names); i += 4)
        log_line("  %-3s %016lx %-3s %016lx %-3s %016lx %-3s %016lx", names[i], r[i], names[i + 1], r[i + 1], names[i + 2],
                 r[i + 2], names[i + 3], r[i + 3]);
}

/* Registers tell nothing of why it ended. */
static bool cause_is_orderly(enum cause cause)
{
    return cause == CAUSE_EXIT || cause == CAUSE_REBOOT || cause == CAUSE_POWEROFF || cause == CAUSE_OPERATOR ||
           cause == CAUSE_IMAGE || cause == CAUSE_DEVICE || cause == CAUSE_GROUP || cause == CAUSE_PEER || cause == CAUSE_ALONG;
}

static void stop_record_make(struct vcpu *vcpu, uint64_t value, uint64_t address, const struct exit *exit)
{
    struct partition *partition = vcpu->partition;
    struct stop_record record = {
        .time_us = time_us(arch_ticks()),
        .life = partition->lives,
        .vcpu = vcpu->index,
        .cause = atomic_load(&partition->stop_cause),
        .action = atomic_load(&partition->stop_action),
        .value = value,
        .address = address,
        .regs = vcpu->regs,
    };

    if (atomic_exchange(&partition->stop_recorded, 1))
        return; /* the vcpu that caused the stop was first */
    virt_state(vcpu, &record.state);
    if (exit)
        virt_raw(vcpu, record.raw);
    lock_take(&partition->gate);
    partition->stops.last[partition->stops.made++ % STOP_RECORDS] = record; /* the oldest gives way */
    record_stop(partition, &record);
    lock_drop(&partition->gate);
    log_line("partition %s: %s, value 0x%lx, address 0x%lx, vcpu %u at 0x%lx; action: %s%s", partition->plan->name,
             cause_name(record.cause), value, address, vcpu->index, record.state.rip, action_name(record.action),
             record.cause == CAUSE_GROUP ? " until that one runs again" : "");
    if (cause_is_orderly(record.cause) || record.time_us < partition->registers_due)
        return; /* at most once a second, so that a partition that crashes in a loop leaves the console to others (AC-45) */
    partition->registers_due = record.time_us + 1000000;
    stop_record_log(&record);
}

/* --- stop --------------------------------------------------------------------------------------------------------------------------- */

/* The first cause wins: later ones find the state changed. From here on nothing is sent to the partition's cores, by us or its devices. */
static bool stop_begin(struct partition *partition, enum cause cause, enum action action)
{
    uint8_t state = PARTITION_RUNNING;

    /* The exchange tells the state that it found; an order that pauses or resumes may come between, once a second. */
    for (unsigned tries = 0; !atomic_compare_exchange_strong(&partition->state, &state, PARTITION_STOPPING); tries++)
        if (tries == 3 || (state != PARTITION_RUNNING && state != PARTITION_PAUSED))
            return false;
    atomic_store(&partition->stop_cause, (uint8_t)cause);
    atomic_store(&partition->stop_action, (uint8_t)action);
    atomic_store(&partition->stop_recorded, 0);
    atomic_store(&partition->parked, 0);
    lock_take(&partition->gate);
    partition->gate_open = false;
    pci_functions_quiet(partition);
    lock_drop(&partition->gate);
    return true;
}

static void stop_spread(struct partition *partition)
{
    for (uint32_t i = 0; i < partition->plan->core_count; i++)
        vcpu_request(&partition->vcpus[i], REQUEST_STOP);
}

void partition_stop(struct vcpu *vcpu, enum cause cause, uint64_t value, uint64_t address, const struct exit *exit)
{
    enum action action = health_event(vcpu->partition, cause);

    if (action == ACTION_LOG || !stop_begin(vcpu->partition, cause, action))
        return;
    stop_record_make(vcpu, value, address, exit);
    stop_spread(vcpu->partition);
}

void partition_order(struct partition *partition, enum cause cause, enum action action)
{
    if (action == ACTION_DEFAULT)
        action = health_event(partition, cause);
    if (action != ACTION_LOG && stop_begin(partition, cause, action))
        stop_spread(partition);
}

void partition_park(struct vcpu *vcpu)
{
    struct partition *partition = vcpu->partition;

    dump_park(vcpu, (enum vcpu_mode)atomic_load(&vcpu->mode));
    atomic_store(&vcpu->mode, VCPU_PARKED);
    vcpu->nmi_pending = vcpu->nmi_blocked = false;
    if (vcpu->index == 0)
        stop_record_make(vcpu, 0, 0, 0);
    if (!arch_apic_reset()) {
        log_line("partition %s: the local APIC of vcpu %u would not empty; it stays stopped", partition->plan->name, vcpu->index);
        atomic_store(&partition->stop_action, ACTION_STOP);
    }
    if (atomic_fetch_add(&partition->parked, 1) + 1 == partition->plan->core_count)
        vcpu_request(&partition->vcpus[0], REQUEST_PARKED);
}

/* --- restart --------------------------------------------------------------------------------------------------------------------------- */

/* Neither counted against restart.limit nor made to wait: what the operator asked for, and what another's limit is for. A peer that is lost
 * again and again is one of the latter, else it could use up this one's restarts. */
static bool restart_is_free(const struct partition *partition)
{
    uint8_t cause = atomic_load(&partition->stop_cause);

    return cause == CAUSE_OPERATOR || cause == CAUSE_ALONG || cause == CAUSE_PEER;
}

static uint64_t window_ticks(const struct partition *partition)
{
    return (uint64_t)partition->plan->restart.window_ms * arch_tsc_khz();
}

static unsigned restarts_recent(const struct partition *partition, uint64_t now)
{
    unsigned recent = 0;

    for (unsigned i = 0; i < RESTART_TIMES && i < partition->restart.count; i++)
        recent += now - partition->restart.times[i] < window_ticks(partition);
    return recent;
}

/* What is left when the limit is reached; of a group, once in a window: more would be no limit. */
static enum action restart_escalate(struct partition *partition, uint64_t now)
{
    enum action then = partition->plan->restart.then;

    log_line("partition %s: %s: %u restarts within %u ms are the table's limit", partition->plan->name,
             then == ACTION_STOP ? "stopped" : action_name(then), partition->plan->restart.limit,
             partition->plan->restart.window_ms);
    if (then == ACTION_RESTART_GROUP && partition->restart.escalated != 0 &&
        now - partition->restart.escalated < window_ticks(partition)) {
        log_line("partition %s: that has been done in this time, and has not helped", partition->plan->name);
        return ACTION_STOP;
    }
    if (then == ACTION_RESTART_GROUP)
        partition->restart.escalated = now;
    return then;
}

/* Is it to start again, and how? */
static enum action restart_decide(struct partition *partition, enum action action, uint64_t now)
{
    if (restart_is_free(partition))
        return action;
    if (restarts_recent(partition, now) >= partition->plan->restart.limit)
        return restart_escalate(partition, now);
    partition->restart.times[partition->restart.count++ % RESTART_TIMES] = now;
    return action;
}

/* The wait doubles with each restart in the window: the first is over when this is called. */
static uint64_t backoff_ms(const struct partition *partition, uint64_t now)
{
    const struct restart_spec *spec = &partition->plan->restart;
    unsigned before = restarts_recent(partition, now);
    uint64_t wait = (uint64_t)spec->backoff_ms << (before != 0 ? before - 1 : 0);

    return wait < spec->backoff_max_ms ? wait : spec->backoff_max_ms;
}

/* Those that run: they have channels with this one, or what else it is that they cannot go on with. */
static void group_restart(const struct partition *partition)
{
    for (unsigned i = 0; i < plan.partition_count; i++)
        if (partition->plan->group >> i & 1)
            partition_order(&partitions[i], CAUSE_ALONG, ACTION_RESTART);
}

static void restart_begin(struct vcpu *vcpu, uint64_t now)
{
    struct partition *partition = vcpu->partition;

    if (partition->plan->restart.backoff_ms != 0 && !restart_is_free(partition)) {
        partition->restart.due = now + backoff_ms(partition, now) * arch_tsc_khz();
        atomic_store(&partition->state, PARTITION_BACKOFF);
        return;
    }
    atomic_store(&partition->state, PARTITION_LOADING);
    partition_bring_up(vcpu);
}

_Noreturn void machine_end(bool reset)
{
    console_flush();
    if (reset)
        arch_reset();
    arch_poweroff();
}

/* No PF is reset under a VF at work. */
static bool devices_stop(struct partition *partition)
{
    partition->devices_due = !restart_group_stop(partition);
    return !partition->devices_due && pci_functions_stop(partition);
}

static bool is_restart(enum action action)
{
    return action == ACTION_RESTART || action == ACTION_RESTART_GROUP;
}

void partition_parked(struct vcpu *vcpu)
{
    struct partition *partition = vcpu->partition;
    enum action action;
    uint64_t now;

    health_peers(partition);
    if (!devices_stop(partition) && is_restart(atomic_load(&partition->stop_action)))
        atomic_store(&partition->stop_action, ACTION_STOP);
    action = atomic_load(&partition->stop_action);
    now = arch_ticks(); /* the stop of devices may have taken seconds */
    if (is_restart(action))
        action = restart_decide(partition, action, now);
    switch (action) {
    case ACTION_RESTART_GROUP:
        group_restart(partition);
        restart_begin(vcpu, now);
        break;
    case ACTION_RESTART:
        restart_begin(vcpu, now);
        break;
    case ACTION_RESET:
        log_line("partition %s: its table resets the board", partition->plan->name);
        machine_end(true);
        break;
    default:
        atomic_store(&partition->state, PARTITION_STOPPED);
        log_line("partition %s: stopped", partition->plan->name);
        break;
    }
}

/* --- start -------------------------------------------------------------------------------------------------------------------------------- */

void partition_start(struct partition *partition)
{
    uint8_t created = PARTITION_CREATED, stopped = PARTITION_STOPPED, backoff = PARTITION_BACKOFF;

    if (atomic_compare_exchange_strong(&partition->state, &stopped, PARTITION_LOADING) ||
        atomic_compare_exchange_strong(&partition->state, &backoff, PARTITION_LOADING) ||
        atomic_compare_exchange_strong(&partition->state, &created, PARTITION_LOADING))
        vcpu_request(&partition->vcpus[0], REQUEST_START);
}

static void bring_up_refuse(struct vcpu *vcpu, enum cause cause, const char *why)
{
    struct partition *partition = vcpu->partition;

    atomic_store(&partition->stop_cause, (uint8_t)cause);
    atomic_store(&partition->stop_action, ACTION_STOP);
    atomic_store(&partition->stop_recorded, 0);
    stop_record_make(vcpu, 0, 0, 0);
    atomic_store(&partition->state, PARTITION_STOPPED);
    log_line("partition %s: refused: %s", partition->plan->name, why);
}

/* What the life before has left undone. Its members do not start meanwhile. */
static bool devices_stop_late(struct partition *partition)
{
    bool done;

    if (!partition->devices_due)
        return true;
    atomic_store(&partition->state, PARTITION_STOPPING);
    done = devices_stop(partition);
    atomic_store(&partition->state, PARTITION_LOADING);
    return done;
}

/* The order is that of SEP-9: memory scrubbed, what the devices of the life before have raised forgotten, devices attached. */
static bool bring_up_prepare(struct vcpu *vcpu)
{
    struct partition *partition = vcpu->partition;
    bool again = partition->lives > 0; /* the first life was verified at boot, and nothing can write the image zone since */

    if (again && partition->plan->restart.never)
        bring_up_refuse(vcpu, CAUSE_DEVICE, "its table says that it never starts again: a device of it has no reset");
    else if (restart_group_busy(partition))
        bring_up_refuse(vcpu, CAUSE_GROUP, "the owner of its device's physical function is being stopped");
    else if (!devices_stop_late(partition))
        bring_up_refuse(vcpu, CAUSE_DEVICE, "its devices could not be reset");
    else if (!partition_load(partition, again))
        bring_up_refuse(vcpu, CAUSE_IMAGE, "its payload does not have the SHA-256 of the plan any more");
    else if (!arch_apic_reset())
        bring_up_refuse(vcpu, CAUSE_APIC, "the local APIC of its first core would not empty");
    else if (!pci_functions_start(partition))
        bring_up_refuse(vcpu, CAUSE_DEVICE, "one of its devices cannot be started");
    else
        return true;
    return false;
}

void partition_bring_up(struct vcpu *vcpu)
{
    struct partition *partition = vcpu->partition;

    dump_forget(partition);
    if (!bring_up_prepare(vcpu))
        return;
    for (uint32_t i = 0; i < partition->plan->core_count; i++) {
        atomic_fetch_and(&partition->vcpus[i].requests,
                         ~(uint32_t)(REQUEST_INIT | REQUEST_SIPI | REQUEST_NMI)); /* of the life before */
        guest_apic_reset(&partition->vcpus[i]);
        atomic_store(&partition->vcpus[i].mode, VCPU_WAIT_SIPI);
    }
    ports_start(partition);
    atomic_store(&partition->denied.count, 0);
    arch_fpu_reset();
    msr_policy_reset(vcpu);
    watchdog_start(partition, arch_ticks());
    partition->started = arch_ticks();
    health_start(partition, arch_ticks());
    lock_take(&partition->gate);
    partition->gate_open = true;
    lock_drop(&partition->gate);
    atomic_store(&vcpu->mode, VCPU_RUNNING);
    atomic_store(&partition->state, PARTITION_RUNNING);
    log_line("partition %s: running, life %lu, %u cores, %lu MiB", partition->plan->name, partition->lives,
             partition->plan->core_count, partition->plan->memory >> 20);
    channels_announce(partition);
    restart_group_start(partition);
}

/* --- the housekeeping core's part ---------------------------------------------------------------------------------------------------------- */

static void backoff_end(struct partition *partition, uint64_t now)
{
    if (atomic_load(&partition->state) == PARTITION_BACKOFF && (int64_t)(now - partition->restart.due) >= 0)
        partition_start(partition);
}

void partition_tick(uint64_t now)
{
    static uint64_t second;

    for (unsigned i = 0; i < plan.partition_count; i++) {
        watchdog_tick(&partitions[i], now);
        health_tick(&partitions[i], now);
        backoff_end(&partitions[i], now);
    }
    pci_faults(now);
    ports_tick();
    rights_serve();
    if (now - second >= 1000 * arch_tsc_khz()) {
        second = now;
        partition_second();
        for (unsigned i = 0; i < plan.partition_count; i++)
            health_second(&partitions[i], now);
    }
}
