/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of watchdogs, restarts and actions. */
#include "rules.h"

#define HOUR_MS 3600000u
#define DAY_MS (24 * HOUR_MS)

void rule_watchdog_period(struct check *check)
{
    if (check_has(check, "CFG-401"))
        return;
    uint32_t tick_ms = 1000 / product_tick_hz(check->product);
    EACH_PARTITION(p, check)
    if (p->watchdog.period_ms && p->watchdog.period_ms < 2 * tick_ms)
        found(check, (struct place){"product", p, "watchdog.period_ms"},
              "signs of life are looked for at the tick, so that a period of less than two ticks expires by itself",
              "make the period longer or tick_hz higher", "%u, a tick is %u ms", p->watchdog.period_ms, tick_ms);
}

void rule_watchdog_grace(struct check *check)
{
    EACH_PARTITION(p, check)
    if (p->watchdog.period_ms && p->watchdog.boot_grace_ms < p->watchdog.period_ms)
        found(check, (struct place){"product", p, "watchdog.boot_grace_ms"},
              "starting takes longer than a period of normal work: it would expire while it boots",
              "set it to the longest start you accept, at least period_ms", "%u, period_ms is %u", p->watchdog.boot_grace_ms,
              p->watchdog.period_ms);
}

void rule_watchdog_long(struct check *check)
{
    EACH_PARTITION(p, check)
    {
        const struct watchdog_spec *w = &p->watchdog;
        bool period = w->period_ms > HOUR_MS;
        if (period || (w->period_ms && w->boot_grace_ms > HOUR_MS))
            found(check, (struct place){"product", p, period ? "watchdog.period_ms" : "watchdog.boot_grace_ms"},
                  "a watchdog that waits for more than an hour protects nobody", "use milliseconds, at most 3,600,000", "%u",
                  period ? w->period_ms : w->boot_grace_ms);
    }
}

void rule_watchdog_none(struct check *check)
{
    EACH_PARTITION(p, check)
    if (!p->watchdog.period_ms && (p->watchdog.boot_grace_ms || p->watchdog.action || p->watchdog.may_stop))
        found(check, (struct place){"product", p, "watchdog.period_ms"},
              "without a period there is no watchdog, yet other fields of it are set", "set period_ms, or remove the other fields",
              "0");
}

void rule_restart_limit(struct check *check)
{
    EACH_PARTITION(p, check)
    for (unsigned event = 0; event < EVENT_COUNT; event++)
        if (action_restarts(event_action(p, event)) && p->restart.limit == 0)
            found(check, (struct place){"product", p, "restart.limit"}, "with a limit of 0 the restart would never happen",
                  "set .restart = {.limit = n}, or ACTION_STOP", "0, %s is %s", event_rows[event].field,
                  event_action(p, event) == ACTION_RESTART ? "ACTION_RESTART" : "ACTION_RESTART_GROUP");
}

void rule_restart_many(struct check *check)
{
    EACH_PARTITION(p, check)
    if (p->restart.limit > RESTART_MAX)
        found(check, (struct place){"product", p, "restart.limit"}, "the hypervisor remembers the times of 16 restarts",
              "use 16 or less, in a shorter window if need be", "%u", p->restart.limit);
}

void rule_restart_unlimited(struct check *check)
{
    EACH_PARTITION(p, check)
    if (!p->restart.limit && (p->restart.window_ms || p->restart.backoff_ms))
        found(check, (struct place){"product", p, p->restart.window_ms ? "restart.window_ms" : "restart.backoff_ms"},
              "it has no effect while restart.limit is 0", "set restart.limit, or remove it", "%u",
              p->restart.window_ms ? p->restart.window_ms : p->restart.backoff_ms);
}

static bool window_refused(const struct partition_spec *p)
{
    return p->restart.window_ms && (p->restart.window_ms < 1000 || p->restart.window_ms > DAY_MS);
}

/* Of as many restarts as the limit allows. */
static uint64_t all_waits(const struct partition_spec *p)
{
    uint64_t sum = 0, wait = p->restart.backoff_ms;
    for (unsigned i = 0; i < p->restart.limit; i++) {
        sum += wait < backoff_max_ms(p) ? wait : backoff_max_ms(p);
        wait *= 2;
    }
    return sum;
}

void rule_restart_backoff(struct check *check)
{
    EACH_PARTITION(p, check)
    if (!window_refused(p) && p->restart.limit <= RESTART_MAX && all_waits(p) >= restart_window_ms(p))
        found(check, (struct place){"product", p, "restart.backoff_ms"},
              "the waits alone fill the window, so that the limit is never reached and a broken partition restarts for ever",
              "make the window longer than limit x backoff_ms, or than all waits where they double",
              "%u, waits of all %u restarts: %llu, the window is %u", p->restart.backoff_ms, p->restart.limit,
              (unsigned long long)all_waits(p), restart_window_ms(p));
}

void rule_restart_window(struct check *check)
{
    EACH_PARTITION(p, check)
    if (p->restart.limit && window_refused(p))
        found(check, (struct place){"product", p, "restart.window_ms"},
              "a window shorter than a second or longer than a day limits nothing useful",
              "use milliseconds, 1,000 to 86,400,000; 0 means 60,000", "%u", p->restart.window_ms);
}

/* A back-off of a second does not help: CFG-308 then wants a window that is longer anyway. */
void rule_restart_rate(struct check *check)
{
    EACH_PARTITION(p, check)
    if (!window_refused(p) && p->restart.limit <= RESTART_MAX && p->restart.limit * 1000 > restart_window_ms(p))
        found(check, (struct place){"product", p, "restart.window_ms"},
              "a partition that crashes in a loop could restart more than once a second for ever, and keep its core "
              "and the console busy",
              "make the window at least limit x 1,000, or the limit smaller", "%u, the limit is %u", restart_window_ms(p),
              p->restart.limit);
}

void rule_restart_unused(struct check *check)
{
    EACH_PARTITION(p, check)
    {
        bool restarts = false;
        for (unsigned event = 0; event < EVENT_COUNT; event++)
            restarts = restarts || action_restarts(event_resolve(p, event));
        if (p->restart.limit && !restarts)
            found(check, (struct place){"product", p, "restart.limit"}, "no event of this partition leads to a restart",
                  "set ACTION_RESTART where you want it, or remove the limit", "%u", p->restart.limit);
    }
}

void rule_denied_rate(struct check *check)
{
    EACH_PARTITION(p, check)
    if (p->denied.per_second > 1000000)
        found(check, (struct place){"product", p, "denied.per_second"},
              "no core makes so many exits in a second: the limit would never act", "use 1,000,000 or less; 0 means 1,000", "%u",
              p->denied.per_second);
}

void rule_all_waiting(struct check *check)
{
    bool waiting = check->partitions > 0;
    EACH_PARTITION(p, check)
    waiting = waiting && p->stopped_at_boot;
    if (waiting && check->product->all_stopped != ALL_STOPPED_IDLE && !check_has(check, "CFG-012"))
        found(check, (struct place){"product", 0, "all_stopped"},
              "every partition waits for the console, so that the board would end at once",
              "use ALL_STOPPED_IDLE, or start a partition at boot", "%s",
              check->product->all_stopped == ALL_STOPPED_POWEROFF ? "ALL_STOPPED_POWEROFF" : "ALL_STOPPED_RESET");
}
