/* SPDX-License-Identifier: Apache-2.0 */
/* The report's tables of labels, and of what keeps those apart that conflict. */
#include <stdarg.h>
#include <string.h>

#include "check.h"
#include "labels.h"
#include "report.h"

/* A list of texts; one that does not fit ends in dots. */
struct list {
    char text[TABLE_CELL];
    size_t used;
};

static void list_add(struct list *list, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void list_add(struct list *list, const char *format, ...)
{
    char item[48];
    va_list args;
    va_start(args, format);
    vsnprintf(item, sizeof(item), format, args);
    va_end(args);
    const size_t room = 40; /* cells of four lists stand beside one another */
    if (list->used + strlen(item) + 2 > room) {
        snprintf(list->text + list->used, sizeof(list->text) - list->used, ", ...");
        list->used = room;
        return;
    }
    list->used += (size_t)snprintf(list->text + list->used, sizeof(list->text) - list->used, "%s%s", list->used ? ", " : "", item);
}

static const char *list_text(const struct list *list)
{
    return list->used ? list->text : "none";
}

void table_labels(const struct report *r, struct table *t)
{
    struct label_carrier carriers[LABEL_CARRIERS_MAX];
    unsigned n = label_carriers(r->product, carriers), with = 0;
    table_start(t, "Labels", "What the conflicts below are about. What has no label is not listed.");
    table_row(t, "what|name|labels");
    for (unsigned i = 0; i < n; i++) {
        struct list labels = {0};
        for (unsigned k = 0; k < PRODUCT_MAX_LABELS && carriers[i].labels[k]; k++)
            list_add(&labels, "%s", carriers[i].labels[k]);
        with += labels.used != 0;
        if (labels.used)
            table_row(t, "%s|%s|%s", carrier_word(carriers[i].kind), carriers[i].name, labels.text);
    }
    if (!with)
        table_row(t, "none");
}

static struct list who_has(const struct label_carrier *carriers, unsigned count, const char *label, bool partitions_only)
{
    struct list list = {0};
    for (unsigned i = 0; i < count; i++)
        if (label_has(&carriers[i], label) && (carriers[i].kind == CARRIER_PARTITION || !partitions_only))
            list_add(&list, "%s", carriers[i].name);
    return list;
}

/* The channels, cables and slices that have the label or join a partition with it. */
static struct list its_links(const struct label_carrier *carriers, unsigned count, const char *label)
{
    struct list list = {0};
    for (unsigned i = 0; i < count; i++) {
        bool touches = label_has(&carriers[i], label);
        for (unsigned k = 0; k < count && carriers[i].kind != CARRIER_PARTITION; k++)
            touches |= carriers[k].kind == CARRIER_PARTITION && (carriers[k].partitions & carriers[i].partitions) &&
                       label_has(&carriers[k], label);
        if (touches && carriers[i].kind != CARRIER_PARTITION)
            list_add(&list, "%s", carriers[i].name);
    }
    return list;
}

static bool seen_before(const struct report *r, const struct label_carrier *carriers, const char *label, uint32_t core)
{
    for (uint32_t k = 0; k < core; k++)
        if (r->layout->cores[k].partition != 0xff && label_has(&carriers[r->layout->cores[k].partition], label) &&
            r->board->cores[k].package == r->board->cores[core].package && r->board->cores[k].cache == r->board->cores[core].cache)
            return true;
    return false;
}

static struct list its_caches(const struct report *r, const struct label_carrier *carriers, const char *label)
{
    struct list list = {0};
    for (uint32_t i = 0; i < r->board->core_count; i++)
        if (r->layout->cores[i].partition != 0xff && label_has(&carriers[r->layout->cores[i].partition], label) &&
            !seen_before(r, carriers, label, i))
            list_add(&list, "%u.%u", r->board->cores[i].package, r->board->cores[i].cache);
    return list;
}

static struct list its_devices(const struct report *r, const struct label_carrier *carriers, const char *label)
{
    struct list list = {0};
    const struct device_plan *d = &r->layout->devices;
    for (uint32_t i = 0; i < d->function_count; i++)
        if (label_has(&carriers[d->functions[i].partition], label))
            list_add(&list, "%s", d->functions[i].role);
    return list;
}

static void conflict_rows(const struct report *r, struct table *t, const struct conflict_spec *c,
                          const struct label_carrier *carriers, unsigned count)
{
    static const char *const shared[] = {
        [CONFLICT_CHANNEL] = "channels", [CONFLICT_CACHE] = "caches", [CONFLICT_DEVICE] = "devices"};
    bool same = strcmp(c->a, c->b) == 0;
    for (enum conflict_scope part = CONFLICT_CHANNEL; part <= CONFLICT_DEVICE; part++) {
        if (!conflict_covers(c, part))
            continue;
        bool links = part == CONFLICT_CHANNEL;
        struct list a = part == CONFLICT_CHANNEL ? its_links(carriers, count, c->a)
                        : part == CONFLICT_CACHE ? its_caches(r, carriers, c->a)
                                                 : its_devices(r, carriers, c->a);
        struct list b = part == CONFLICT_CHANNEL ? its_links(carriers, count, c->b)
                        : part == CONFLICT_CACHE ? its_caches(r, carriers, c->b)
                                                 : its_devices(r, carriers, c->b);
        struct list has_a = who_has(carriers, count, c->a, !links || same), has_b = who_has(carriers, count, c->b, !links || same);
        table_row(t, "%s|%s|%s|%s|%s|%s of %s: %s|%s", c->a, list_text(&has_a), c->b, same ? "any other" : list_text(&has_b),
                  shared[part], shared[part], c->a, list_text(&a), same ? "each with one owner" : list_text(&b));
    }
}

void table_conflicts(const struct report *r, struct table *t)
{
    struct label_carrier carriers[LABEL_CARRIERS_MAX];
    unsigned count = label_carriers(r->product, carriers);
    table_start(t, "Conflicts",
                "Combinations that the product forbids, each kept because what the one side has and what the other has are not the "
                "same. Caches are "
                "named by package and cache, devices by the function's role. The planner refuses a product where two meet.");
    table_row(t, "label|of|and label|of|may not share|kept because|and of the other");
    for (unsigned i = 0; i < product_conflicts(r->product); i++)
        conflict_rows(r, t, &r->product->conflicts[i], carriers, count);
    if (product_conflicts(r->product) == 0)
        table_row(t, "none");
}
