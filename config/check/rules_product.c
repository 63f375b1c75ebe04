/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of names, references and enumerations in a product table. */
#include "rules.h"

#include <string.h>

void rule_abi(struct check *check)
{
    if (check->product->abi != PRODUCT_ABI)
        found(check, (struct place){"product", 0, "abi"}, "the table was written for another version of product.h",
              "read docs/configuration.md for what changed, then set .abi = PRODUCT_ABI", "%u", check->product->abi);
}

static bool entry_used(const struct partition_spec *spec)
{
    static const struct partition_spec empty;
    return memcmp(spec, &empty, sizeof(empty)) != 0;
}

void rule_empty(struct check *check)
{
    for (unsigned i = 0; i < PRODUCT_MAX_PARTITIONS; i++)
        if (entry_used(&check->product->partitions[i]))
            return;
    found(check, (struct place){"product", 0, "partitions"}, "a product without a partition does nothing",
          "add a partition: docs/howto-product.md shows how", "empty");
}

void rule_gap(struct check *check)
{
    for (unsigned i = check->partitions; i < PRODUCT_MAX_PARTITIONS; i++) {
        const struct partition_spec *spec = &check->product->partitions[i];
        char field[40];
        snprintf(field, sizeof(field), "partitions[%u]", i);
        if (entry_used(spec))
            found(check, (struct place){"product", 0, field},
                  "the list ends at the first entry without a name, so that this one would be left out silently",
                  "give every entry a name and leave none out", "%s", spec->name ? spec->name : "no name, but other fields set");
    }
}

void rule_product_name(struct check *check)
{
    const char *name = check->product->name;
    if (!text_name(name, 31, true))
        found(check, (struct place){"product", 0, "name"}, "the name becomes part of file names and of the boot log",
              "use 1 to 31 of a-z, 0-9, '-' and '_'", "%s", name ? name : "not set");
}

void rule_partition_name(struct check *check)
{
    EACH_PARTITION(p, check)
    if (!text_name(p->name, 15, false))
        found(check, (struct place){"product", p, "name"}, "the name marks console lines and names the boot module",
              "use 1 to 15 of a-z, 0-9 and '-'", "%s", p->name);
}

void rule_name_unique(struct check *check)
{
    EACH_PARTITION(p, check)
    if (product_find(check->product, p->name) != (int)(p - check->product->partitions))
        found(check, (struct place){"product", p, "name"}, "another partition has this name: payload and console lines would mix",
              "rename one of them; two partitions may share a program, not a name", "%s", p->name);
}

void rule_name_reserved(struct check *check)
{
    EACH_PARTITION(p, check)
    if (strcmp(p->name, "bulkhead") == 0)
        found(check, (struct place){"product", p, "name"}, "the hypervisor's own console lines carry this name",
              "choose another name", "%s", p->name);
}

void rule_housekeeping(struct check *check)
{
    const char *name = check->product->housekeeping;
    if (check->partitions && product_find(check->product, name) < 0)
        found(check, (struct place){"product", 0, "housekeeping"},
              "it names no partition, so that no core would drive the console and the tick",
              "name the partition that can best bear some microseconds per tick", "%s", name ? name : "not set");
}

void rule_kind(struct check *check)
{
    EACH_PARTITION(p, check)
    if (p->kind != IMAGE_UNIKERNEL && p->kind != IMAGE_LINUX)
        found(check, (struct place){"product", p, "kind"}, "the planner does not guess what an image is",
              "set .kind = IMAGE_UNIKERNEL or IMAGE_LINUX", "%u", (unsigned)p->kind);
}

void rule_apic_mode(struct check *check)
{
    EACH_PARTITION(p, check)
    if ((unsigned)p->apic > APIC_XAPIC)
        found(check, (struct place){"product", p, "apic"}, "not a value of enum apic_mode", "use APIC_X2APIC or APIC_XAPIC", "%u",
              (unsigned)p->apic);
}

void rule_action_range(struct check *check)
{
    EACH_PARTITION(p, check)
    for (unsigned event = 0; event <= EVENT_COUNT; event++) {
        enum action action = event < EVENT_COUNT ? event_action(p, event) : p->restart.then;
        if ((unsigned)action > ACTION_RESTART_GROUP)
            found(check, (struct place){"product", p, event < EVENT_COUNT ? event_rows[event].field : "restart.then"},
                  "not a value of enum action", "use one of the ACTION_ names", "%u", (unsigned)action);
    }
}

void rule_all_stopped_range(struct check *check)
{
    if ((unsigned)check->product->all_stopped > ALL_STOPPED_RESET)
        found(check, (struct place){"product", 0, "all_stopped"}, "not a value of enum all_stopped",
              "use ALL_STOPPED_IDLE, ALL_STOPPED_POWEROFF or ALL_STOPPED_RESET", "%u", (unsigned)check->product->all_stopped);
}

void rule_description(struct check *check)
{
    const char *hint = "use printable ASCII";
    const char *reason = "the text goes to the console and into the report, where control characters could forge lines";
    if (!text_printable(check->product->description))
        found(check, (struct place){"product", 0, "description"}, reason, hint, "%s", check->product->description);
    if (!text_printable(check->board->description))
        found(check, (struct place){"board", 0, "description"}, reason, hint, "%s", check->board->description);
}

void rule_observes(struct check *check)
{
    EACH_PARTITION(p, check)
    for (unsigned i = 0; i < PRODUCT_MAX_PARTITIONS && p->observes[i]; i++) {
        int seen = product_find(check->product, p->observes[i]);
        if (seen < 0 || &check->product->partitions[seen] == p)
            found(check, (struct place){"product", p, "observes"},
                  "a right to see nobody, or oneself, is a slip: the one that was meant would not be seen",
                  "name another partition of this product", "%s", p->observes[i]);
    }
}

void rule_observes_once(struct check *check)
{
    EACH_PARTITION(p, check)
    for (unsigned i = 0; i < PRODUCT_MAX_PARTITIONS && p->observes[i]; i++)
        for (unsigned k = 0; k < i; k++)
            if (strcmp(p->observes[i], p->observes[k]) == 0)
                found(check, (struct place){"product", p, "observes"}, "the same right twice: one of them was to be another's",
                      "name each partition once", "%s", p->observes[i]);
}
