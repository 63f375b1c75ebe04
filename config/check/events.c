/* SPDX-License-Identifier: Apache-2.0 */
/* The health table on the host: where a product says what follows from an event, and what it means where it says nothing. */
#include "check.h"

#define CAN(action) (1u << (action))
#define ENDS (CAN(ACTION_STOP) | CAN(ACTION_RESTART) | CAN(ACTION_RESTART_GROUP) | CAN(ACTION_RESET))
#define SPEC(field) #field, offsetof(struct partition_spec, field)

/* A watchdog and a hang allow the NMI, in which the partition may say where it is, but not that nothing is done: an event that is only
 * recorded at each period would fill the log. */
const struct event_row event_rows[EVENT_COUNT] = {
    [EVENT_CRASH] = {SPEC(on_crash), "crash", ACTION_STOP, ENDS},
    [EVENT_HANG] = {SPEC(on_hang), "hang", ACTION_STOP, ENDS | CAN(ACTION_INJECT)},
    [EVENT_WATCHDOG] = {SPEC(watchdog.action), "watchdog", ACTION_STOP, ENDS | CAN(ACTION_INJECT)},
    [EVENT_EXIT] = {SPEC(on_exit), "exit", ACTION_STOP, ENDS},
    [EVENT_REBOOT] = {SPEC(on_reboot), "reboot", ACTION_STOP, ENDS},
    [EVENT_POWEROFF] = {SPEC(on_poweroff), "power off", ACTION_STOP, ENDS},
    [EVENT_DENIED] = {SPEC(denied.action), "denied accesses", ACTION_LOG, ENDS | CAN(ACTION_LOG) | CAN(ACTION_INJECT)},
    [EVENT_IOMMU_FAULT] = {SPEC(on_iommu_fault), "IOMMU faults", ACTION_LOG, ENDS | CAN(ACTION_LOG) | CAN(ACTION_INJECT)},
    [EVENT_MACHINE_CHECK] = {SPEC(on_machine_check), "machine check", ACTION_STOP, ENDS},
    [EVENT_EXIT_BUDGET] = {SPEC(exits.action), "exit budget", ACTION_LOG, ENDS | CAN(ACTION_LOG) | CAN(ACTION_INJECT)},
    [EVENT_PEER_LOST] = {SPEC(on_peer_lost), "lost peer", ACTION_LOG, ENDS | CAN(ACTION_LOG) | CAN(ACTION_INJECT)},
};

enum action event_action(const struct partition_spec *spec, enum health_event event)
{
    return *(const enum action *)((const char *)spec + event_rows[event].offset);
}

enum action event_resolve(const struct partition_spec *spec, enum health_event event)
{
    if (event == EVENT_REBOOT)
        return reboot_resolve(spec);
    return action_resolve(event_action(spec, event), event_rows[event].fallback);
}

bool action_restarts(enum action action)
{
    return action == ACTION_RESTART || action == ACTION_RESTART_GROUP;
}

uint32_t backoff_max_ms(const struct partition_spec *spec)
{
    return spec->restart.backoff_max_ms ? spec->restart.backoff_max_ms : spec->restart.backoff_ms;
}

uint32_t exits_grace_ms(const struct partition_spec *spec)
{
    return spec->watchdog.period_ms ? spec->watchdog.boot_grace_ms : 30000;
}
