/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of labels and of the combinations that conflicts forbid. */
#include <string.h>

#include "labels.h"
#include "plan_layout.h"
#include "rules.h"

static struct label_carrier carriers[LABEL_CARRIERS_MAX]; /* of the product that is checked */

static const struct label_carrier *carriers_of(const struct check *check, unsigned *count)
{
    *count = label_carriers(check->product, carriers);
    return carriers;
}
#define EACH_CARRIER(c, check)                                                                                                     \
    for (unsigned count_ = 0, once_ = 1; once_; once_ = 0)                                                                         \
        for (const struct label_carrier *c = carriers_of(check, &count_); c < carriers + count_; c++)
#define EACH_CONFLICT(c, check)                                                                                                    \
    for (const struct conflict_spec *c = (check)->product->conflicts;                                                              \
         c < (check)->product->conflicts + product_conflicts((check)->product); c++)

static struct place carrier_place(char field[FIELD_ROOM], const struct check *check, const struct label_carrier *c)
{
    static const char *const lists[] = {"", "channels", "cables", "slices"};
    if (c->kind == CARRIER_PARTITION)
        return (struct place){"product", &check->product->partitions[c->index], "labels"};
    return list_place(field, lists[c->kind], c->index, "labels");
}

#define CONFLICT_PLACE(c, member) list_place(field, "conflicts", (unsigned)((c)-check->product->conflicts), member)

/* --- the lists --- */

void rule_label_name(struct check *check)
{
    EACH_CARRIER(c, check)
    for (unsigned i = 0; i < PRODUCT_MAX_LABELS && c->labels[i]; i++) {
        char field[FIELD_ROOM];
        if (!text_name(c->labels[i], LABEL_MAX, false))
            found(check, carrier_place(field, check, c), "labels are compared byte by byte and shown in the report",
                  "use 1 to 15 of a-z, 0-9 and '-'", "\"%s\" of %s %.15s", c->labels[i], carrier_word(c->kind), c->name);
    }
}

void rule_label_gap(struct check *check)
{
    EACH_CARRIER(c, check)
    for (unsigned i = 1; i < PRODUCT_MAX_LABELS; i++) {
        char field[FIELD_ROOM];
        if (c->labels[i] && !c->labels[i - 1])
            found(check, carrier_place(field, check, c),
                  "the list ends at the first 0, so that this label would be left out silently, and no conflict would hold for it",
                  "leave no gap", "%s of %s %.15s", c->labels[i], carrier_word(c->kind), c->name);
    }
}

void rule_label_once(struct check *check)
{
    EACH_CARRIER(c, check)
    for (unsigned i = 0; i < PRODUCT_MAX_LABELS && c->labels[i]; i++)
        for (unsigned k = 0; k < i; k++) {
            char field[FIELD_ROOM];
            if (strcmp(c->labels[i], c->labels[k]) == 0)
                found(check, carrier_place(field, check, c), "the same label twice: one of them was to be another",
                      "write each label once", "%s of %s %.15s", c->labels[i], carrier_word(c->kind), c->name);
        }
}

void rule_conflict_gap(struct check *check)
{
    for (unsigned i = product_conflicts(check->product); i < PRODUCT_MAX_CONFLICTS; i++) {
        const struct conflict_spec *c = &check->product->conflicts[i];
        char field[FIELD_ROOM];
        if (c->a || c->b || c->scope)
            found(check, CONFLICT_PLACE(c, "a"),
                  "the list ends at the first entry without label a, so that this conflict would be left out silently",
                  "give every entry two labels and leave none out", "%s",
                  c->a   ? c->a
                  : c->b ? c->b
                         : "no label, but a scope");
    }
}

void rule_conflict_scope(struct check *check)
{
    EACH_CONFLICT(c, check)
    {
        char field[FIELD_ROOM];
        if (c->scope == CONFLICT_NONE || (unsigned)c->scope > CONFLICT_ANY)
            found(check, CONFLICT_PLACE(c, "scope"), "it does not say what the two may not share",
                  "use CONFLICT_CHANNEL, CONFLICT_CACHE, CONFLICT_DEVICE or CONFLICT_ANY", "%u", (unsigned)c->scope);
    }
}

/* Caches and devices are shared by partitions only, and a label conflicts with itself between partitions only. */
static bool carried(const struct check *check, const struct conflict_spec *conflict, const char *label)
{
    bool with_itself = conflict->b && strcmp(conflict->a, conflict->b) == 0;
    bool partitions_only = with_itself || conflict->scope == CONFLICT_CACHE || conflict->scope == CONFLICT_DEVICE;
    EACH_CARRIER(c, check)
    if (label_has(c, label) && (c->kind == CARRIER_PARTITION || !partitions_only))
        return true;
    return false;
}

void rule_conflict_unused(struct check *check)
{
    EACH_CONFLICT(c, check)
    {
        const char *const labels[] = {c->a, c->b};
        for (unsigned i = 0; i < ARRAY_SIZE(labels); i++) {
            char field[FIELD_ROOM];
            if (!carried(check, c, labels[i]))
                found(check, CONFLICT_PLACE(c, i ? "b" : "a"),
                      "nothing that could share this has the label: with a slip in it the conflict would hold for nobody",
                      "write it as a partition's labels have it, for CONFLICT_CHANNEL also a channel's, cable's or slice's", "%s",
                      labels[i] ? labels[i] : "not set");
        }
    }
}

static bool same_pair(const struct conflict_spec *x, const struct conflict_spec *y)
{
    return (strcmp(x->a, y->a) == 0 && strcmp(x->b, y->b) == 0) || (strcmp(x->a, y->b) == 0 && strcmp(x->b, y->a) == 0);
}

void rule_conflict_once(struct check *check)
{
    EACH_CONFLICT(c, check)
    for (const struct conflict_spec *other = check->product->conflicts; other < c; other++) {
        char field[FIELD_ROOM];
        if (c->b && other->b && same_pair(c, other) && (conflict_covers(c, other->scope) || conflict_covers(other, c->scope)))
            found(check, CONFLICT_PLACE(c, "a"), "another entry says the same: one of them was to be for other labels",
                  "leave it out, or change labels or scope", "%s and %s, as conflicts[%u]", c->a, c->b,
                  (unsigned)(other - check->product->conflicts));
    }
}

/* --- what they forbid --- */

void rule_conflict_one(struct check *check)
{
    EACH_CONFLICT(c, check)
    {
        struct label_meeting at;
        unsigned count;
        char field[FIELD_ROOM];
        const struct label_carrier *all = carriers_of(check, &count);
        if (conflict_in_one(c, all, count, &at))
            found(check, CONFLICT_PLACE(c, "a"), "one that has both labels shares everything with itself",
                  "take one of the labels away, or make two of it", "%s and %s, both of %s %.15s", c->a, c->b,
                  carrier_word(at.a->kind), at.a->name);
    }
}

void rule_conflict_channel(struct check *check)
{
    EACH_CONFLICT(c, check)
    {
        struct label_meeting at;
        unsigned count;
        char field[FIELD_ROOM];
        const struct label_carrier *all = carriers_of(check, &count);
        if (conflict_covers(c, CONFLICT_CHANNEL) && conflict_in_channel(c, all, count, &at))
            found(check, CONFLICT_PLACE(c, "a"), "two that must not talk have a channel, cable or slice in common",
                  "take one of them off, or let a third partition stand between them",
                  "%s and %s: %s %.15s and %s %.15s, by %s %.15s", c->a, c->b, carrier_word(at.a->kind), at.a->name,
                  carrier_word(at.b->kind), at.b->name, carrier_word(at.join->kind), at.join->name);
    }
}

void rule_conflict_cache(struct check *check)
{
    static struct layout layout;
    if (check_has(check, "CFG-102") || check_has(check, "CFG-603"))
        return; /* the layout of cores makes no sense */
    if (!layout_cores(check->product, check->board, &layout))
        return; /* CFG-103 says so */
    uint8_t owner[BOARD_MAX_CORES];
    for (unsigned i = 0; i < BOARD_MAX_CORES; i++)
        owner[i] = i < check->board->core_count ? layout.cores[i].partition : 0xff;
    EACH_CONFLICT(c, check)
    {
        struct label_meeting at;
        unsigned count;
        char field[FIELD_ROOM];
        const struct label_carrier *all = carriers_of(check, &count);
        if (conflict_covers(c, CONFLICT_CACHE) && conflict_in_cache(c, all, check->board, owner, &at))
            found(check, CONFLICT_PLACE(c, "a"),
                  "two that must not share a last-level cache have cores on one: each could measure what the other keeps there",
                  "move the partition in the table, as cores are given in its order, leave cores between unused, or use another "
                  "board",
                  "%s and %s: partition %.15s and partition %.15s, cache %u of package %u", c->a, c->b, at.a->name, at.b->name,
                  at.cache, at.package);
    }
}

void rule_conflict_device(struct check *check)
{
    EACH_CONFLICT(c, check)
    {
        struct label_meeting at;
        unsigned count;
        char field[FIELD_ROOM];
        const struct label_carrier *all = carriers_of(check, &count);
        if (conflict_covers(c, CONFLICT_DEVICE) && conflict_in_device(c, all, check->product, check->board, &at))
            found(
                check, CONFLICT_PLACE(c, "a"),
                "two that must not share a device have functions of one: they meet in its queues and in who owns the physical one",
                "give one of them another device", "%s and %s: partition %.15s and partition %.15s, %.15s", c->a, c->b, at.a->name,
                at.b->name, at.function->role);
    }
}
