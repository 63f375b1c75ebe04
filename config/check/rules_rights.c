/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of what a partition may know of others and do to them. */
#include "rules.h"

#include <string.h>

static bool names_it(const char *const *list, const char *name)
{
    for (unsigned i = 0; i < PRODUCT_MAX_PARTITIONS && list[i]; i++)
        if (strcmp(list[i], name) == 0)
            return true;
    return false;
}

/* Every name of a list is one of `observes` too. */
static void within_observes(struct check *check, const struct partition_spec *p, const char *const *list, const char *field,
                            const char *reason)
{
    for (unsigned i = 0; i < PRODUCT_MAX_PARTITIONS && list[i]; i++)
        if (!names_it(p->observes, list[i]))
            found(check, (struct place){"product", p, field}, reason, "name it in .observes as well", "%s", list[i]);
}

static void each_once(struct check *check, const struct partition_spec *p, const char *const *list, const char *field)
{
    for (unsigned i = 0; i < PRODUCT_MAX_PARTITIONS && list[i]; i++)
        for (unsigned k = 0; k < i; k++)
            if (strcmp(list[i], list[k]) == 0)
                found(check, (struct place){"product", p, field}, "the same right twice: one of them was to be another's",
                      "name each partition once", "%s", list[i]);
}

void rule_controls_observed(struct check *check)
{
    EACH_PARTITION(p, check)
    within_observes(check, p, p->controls, "controls", "who gives orders without seeing what comes of them acts blindly");
}

void rule_controls_once(struct check *check)
{
    EACH_PARTITION(p, check)
    each_once(check, p, p->controls, "controls");
}

void rule_dumps_observed(struct check *check)
{
    EACH_PARTITION(p, check)
    within_observes(check, p, p->dumps, "dumps",
                    "memory is read of a partition that has stopped: who may not see its state cannot know");
}

void rule_dumps_once(struct check *check)
{
    EACH_PARTITION(p, check)
    each_once(check, p, p->dumps, "dumps");
}

void rule_rights_unikernel(struct check *check)
{
    EACH_PARTITION(p, check)
    if (p->kind == IMAGE_LINUX && (p->observes[0] || p->reads_log || p->audits))
        found(check,
              (struct place){"product", p,
                             p->observes[0] ? "observes"
                             : p->reads_log ? "reads_log"
                                            : "audits"},
              "a Linux has neither the calls for it nor the page that answers go to: the right would only be a hole",
              "give the right to a unikernel, for example one that runs the program supervisor", "%s", p->name);
}

void rule_controls_never(struct check *check)
{
    EACH_PARTITION(p, check)
    for (unsigned i = 0; i < PRODUCT_MAX_PARTITIONS && p->controls[i]; i++) {
        int n = product_find(check->product, p->controls[i]);
        if (n >= 0 && check->product->partitions[n].restart.never)
            found(check, (struct place){"product", p, "controls"},
                  "its table says that it never starts again: a stop, or a restart, would end it until the board is reset",
                  "let it be observed only, or give it devices that can be reset and take .restart.never away", "%s",
                  p->controls[i]);
    }
}

void rule_controls_mutual(struct check *check)
{
    EACH_PARTITION(p, check)
    for (unsigned i = 0; i < PRODUCT_MAX_PARTITIONS && p->controls[i]; i++) {
        int n = product_find(check->product, p->controls[i]);
        if (n > (int)(p - check->product->partitions) && names_it(check->product->partitions[n].controls, p->name))
            found(check, (struct place){"product", p, "controls"},
                  "each controls the other: who is stopped cannot start who stopped it, and neither is above the other",
                  "let one of them control, the other observe", "%s", p->controls[i]);
    }
}

void rule_trace_read(struct check *check)
{
    EACH_PARTITION(p, check)
    {
        bool read = false;
        for (unsigned i = 0; i < check->partitions; i++)
            read = read || names_it(check->product->partitions[i].observes, p->name);
        if (p->trace && !read)
            found(check, (struct place){"product", p, "trace"}, "nobody may observe it, so that nobody could read its trace",
                  "name it in .observes of a supervisor, or leave .trace out", "%s", p->name);
    }
}
