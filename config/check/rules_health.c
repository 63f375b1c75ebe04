/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of the health table: what may follow from an event, groups, hangs, budgets. */
#include "rules.h"

#include <string.h>

#define HOUR_MS 3600000u
#define HANG_TICKS 8u

/* The first event of this partition that leads to `action`, or EVENT_COUNT. */
static unsigned event_with(const struct partition_spec *p, enum action action)
{
    unsigned event = 0;
    while (event < EVENT_COUNT && event_action(p, event) != action)
        event++;
    return event;
}

static void illegal(struct check *check, enum action action, const char *reason, const char *hint, const char *name)
{
    EACH_PARTITION(p, check)
    for (unsigned event = 0; event < EVENT_COUNT; event++)
        if (event_action(p, event) == action && !(event_rows[event].legal >> action & 1u))
            found(check, (struct place){"product", p, event_rows[event].field}, reason, hint, "%s", name);
}

void rule_action_log(struct check *check)
{
    illegal(check, ACTION_LOG, "after this event the partition cannot go on, so that recording it is not enough",
            "use ACTION_STOP, ACTION_RESTART or ACTION_RESET; every stop is recorded anyway", "ACTION_LOG");
}

void rule_action_inject(struct check *check)
{
    illegal(check, ACTION_INJECT, "after this event there is nobody who could take an interrupt",
            "use ACTION_STOP, ACTION_RESTART or ACTION_RESET", "ACTION_INJECT");
}

void rule_restart_then(struct check *check)
{
    EACH_PARTITION(p, check)
    {
        enum action then = p->restart.then;
        if (then == ACTION_LOG || then == ACTION_INJECT || then == ACTION_RESTART)
            found(check, (struct place){"product", p, "restart.then"},
                  "when the limit is reached the partition has stopped, and another restart like those before would be no limit",
                  "use ACTION_STOP, ACTION_RESTART_GROUP or ACTION_RESET", "%u", (unsigned)then);
    }
}

/* Also what follows when an NMI has not helped. */
static bool then_is_used(const struct partition_spec *p)
{
    return p->restart.limit || p->watchdog.action == ACTION_INJECT || p->on_hang == ACTION_INJECT;
}

void rule_restart_then_unused(struct check *check)
{
    EACH_PARTITION(p, check)
    if (p->restart.then && !then_is_used(p))
        found(check, (struct place){"product", p, "restart.then"},
              "there is no limit to be reached, and no ACTION_INJECT of a watchdog or a hang that it could follow",
              "set restart.limit, or remove it", "%u", (unsigned)p->restart.then);
}

void rule_group_known(struct check *check)
{
    EACH_PARTITION(p, check)
    for (unsigned i = 0; i < PRODUCT_MAX_PARTITIONS && p->group[i]; i++) {
        int member = product_find(check->product, p->group[i]);
        if (member < 0 || &check->product->partitions[member] == p)
            found(check, (struct place){"product", p, "group"},
                  "who restarts along is another partition: the one that was meant would be left as it is",
                  "name other partitions of this product", "%s", p->group[i]);
    }
}

void rule_group_once(struct check *check)
{
    EACH_PARTITION(p, check)
    for (unsigned i = 0; i < PRODUCT_MAX_PARTITIONS && p->group[i]; i++)
        for (unsigned k = 0; k < i; k++)
            if (strcmp(p->group[i], p->group[k]) == 0)
                found(check, (struct place){"product", p, "group"}, "the same partition twice: one of them was to be another",
                      "name each partition once", "%s", p->group[i]);
}

static bool group_is_used(const struct partition_spec *p)
{
    return event_with(p, ACTION_RESTART_GROUP) < EVENT_COUNT || p->restart.then == ACTION_RESTART_GROUP;
}

void rule_group_none(struct check *check)
{
    EACH_PARTITION(p, check)
    {
        unsigned event = event_with(p, ACTION_RESTART_GROUP);
        if (group_is_used(p) && !p->group[0])
            found(check, (struct place){"product", p, event < EVENT_COUNT ? event_rows[event].field : "restart.then"},
                  "nobody is named to restart along", "set .group = {\"name\"}, or use ACTION_RESTART", "ACTION_RESTART_GROUP");
    }
}

void rule_group_unused(struct check *check)
{
    EACH_PARTITION(p, check)
    if (p->group[0] && !group_is_used(p))
        found(check, (struct place){"product", p, "group"}, "no event of this partition restarts its group",
              "use ACTION_RESTART_GROUP where you want it, or remove the group", "%s", p->group[0]);
}

void rule_group_never(struct check *check)
{
    EACH_PARTITION(p, check)
    for (unsigned i = 0; i < PRODUCT_MAX_PARTITIONS && p->group[i]; i++) {
        int member = product_find(check->product, p->group[i]);
        if (member >= 0 && check->product->partitions[member].restart.never)
            found(check, (struct place){"product", p, "group"}, "that partition never starts again, so that it would end there",
                  "take it out of the group, or give it a device that can be reset", "%s", p->group[i]);
    }
}

void rule_backoff_max(struct check *check)
{
    EACH_PARTITION(p, check)
    if (p->restart.backoff_max_ms && (!p->restart.backoff_ms || p->restart.backoff_max_ms < p->restart.backoff_ms))
        found(check, (struct place){"product", p, "restart.backoff_max_ms"},
              "the wait begins with backoff_ms and doubles up to this", "set backoff_ms, and this to at least that; 0: no doubling",
              "%u, backoff_ms is %u", p->restart.backoff_max_ms, p->restart.backoff_ms);
}

void rule_hang_period(struct check *check)
{
    if (check_has(check, "CFG-401"))
        return;
    uint32_t least = HANG_TICKS * 1000 / product_tick_hz(check->product);
    EACH_PARTITION(p, check)
    if (p->hang_ms && (p->hang_ms < least || p->hang_ms > HOUR_MS))
        found(check, (struct place){"product", p, "hang_ms"},
              "its cores are looked at four times in that time, at every second tick at most; longer than an hour protects nobody",
              "use milliseconds, eight ticks to 3,600,000", "%u, eight ticks are %u", p->hang_ms, least);
}

void rule_hang_tick(struct check *check)
{
    EACH_PARTITION(p, check)
    if (p->hang_ms && check->product->tick_off)
        found(check, (struct place){"product", p, "hang_ms"}, "hangs are looked for at the tick, which is off",
              "remove .tick_off, or hang_ms", "%u, tick_off is true", p->hang_ms);
}

void rule_hang_none(struct check *check)
{
    EACH_PARTITION(p, check)
    if (!p->hang_ms && p->on_hang)
        found(check, (struct place){"product", p, "on_hang"}, "hangs are not looked for, so that it has no effect",
              "set hang_ms, or remove it", "%u, hang_ms is 0", (unsigned)p->on_hang);
}

void rule_exits_none(struct check *check)
{
    EACH_PARTITION(p, check)
    if (!p->exits.declared && (p->exits.per_second || p->exits.xapic_per_second || p->exits.action))
        found(check, (struct place){"product", p, "exits.declared"},
              "other fields of the exit budget are set, but it is not declared and not looked at",
              "set .declared = true, or remove the other fields", "false");
}

void rule_exits_tick(struct check *check)
{
    EACH_PARTITION(p, check)
    if (p->exits.declared && check->product->tick_off)
        found(check, (struct place){"product", p, "exits.declared"}, "exits are compared with the budget at the tick, which is off",
              "remove .tick_off, or the budget", "true, tick_off is true");
}

void rule_exits_rate(struct check *check)
{
    EACH_PARTITION(p, check)
    {
        bool first = p->exits.per_second > 1000000;
        if (first || p->exits.xapic_per_second > 1000000)
            found(check, (struct place){"product", p, first ? "exits.per_second" : "exits.xapic_per_second"},
                  "no core makes so many exits in a second: the budget would never be exceeded", "use 1,000,000 or less", "%u",
                  first ? p->exits.per_second : p->exits.xapic_per_second);
    }
}

static bool same(const char *a, const char *b)
{
    return a && b && strcmp(a, b) == 0;
}

/* As writer, reader, end, server or client; rules of channels say whether these are sound. */
static bool has_channel(const struct product *product, const char *name)
{
    bool has = false;
    for (unsigned i = 0; i < PRODUCT_MAX_CHANNELS && product->channels[i].name; i++) {
        has = has || same(product->channels[i].writer, name);
        for (unsigned k = 0; k < PRODUCT_MAX_READERS && product->channels[i].readers[k]; k++)
            has = has || same(product->channels[i].readers[k], name);
    }
    for (unsigned i = 0; i < PRODUCT_MAX_CABLES && product->cables[i].name; i++)
        has = has || same(product->cables[i].ends[0].partition, name) || same(product->cables[i].ends[1].partition, name);
    for (unsigned i = 0; i < PRODUCT_MAX_SLICES && product->slices[i].name; i++)
        has = has || same(product->slices[i].server, name) || same(product->slices[i].client, name);
    return has;
}

void rule_peer_none(struct check *check)
{
    EACH_PARTITION(p, check)
    if (p->on_peer_lost && !has_channel(check->product, p->name))
        found(check, (struct place){"product", p, "on_peer_lost"}, "it has no channel, cable or slice, and so no peer to lose",
              "give it a channel, or remove it", "%u", (unsigned)p->on_peer_lost);
}

void rule_fault_none(struct check *check)
{
    EACH_PARTITION(p, check)
    if (p->on_iommu_fault && !p->devices[0].role)
        found(check, (struct place){"product", p, "on_iommu_fault"}, "it has no device that an IOMMU could find fault with",
              "give it a device, or remove it", "%u", (unsigned)p->on_iommu_fault);
}
