/* SPDX-License-Identifier: Apache-2.0 */
/* Labels and conflicts. Pure functions of the tables, which no rule may have accepted yet. */
#include "labels.h"

#include <string.h>

#include "check.h"
#include "plan_devices.h"

static uint16_t partition_bit(const struct product *product, const char *name)
{
    int i = product_find(product, name);
    return i < 0 ? 0 : (uint16_t)(1u << i);
}

static uint16_t channel_partitions(const struct product *product, const struct channel_spec *channel)
{
    uint16_t bits = partition_bit(product, channel->writer);
    for (unsigned i = 0; i < PRODUCT_MAX_READERS && channel->readers[i]; i++)
        bits |= partition_bit(product, channel->readers[i]);
    return bits;
}

unsigned label_carriers(const struct product *product, struct label_carrier carriers[LABEL_CARRIERS_MAX])
{
    unsigned n = 0, partitions = product_partitions(product);
    for (unsigned i = 0; i < partitions; i++) {
        const struct partition_spec *p = &product->partitions[i];
        carriers[n++] = (struct label_carrier){CARRIER_PARTITION, i, p->name, p->labels, (uint16_t)(1u << i)};
    }
    for (unsigned i = 0; i < PRODUCT_MAX_CHANNELS && product->channels[i].name; i++) {
        const struct channel_spec *c = &product->channels[i];
        carriers[n++] = (struct label_carrier){CARRIER_CHANNEL, i, c->name, c->labels, channel_partitions(product, c)};
    }
    for (unsigned i = 0; i < PRODUCT_MAX_CABLES && product->cables[i].name; i++) {
        const struct cable_spec *c = &product->cables[i];
        uint16_t bits = partition_bit(product, c->ends[0].partition) | partition_bit(product, c->ends[1].partition);
        carriers[n++] = (struct label_carrier){CARRIER_CABLE, i, c->name, c->labels, bits};
    }
    for (unsigned i = 0; i < PRODUCT_MAX_SLICES && product->slices[i].name; i++) {
        const struct slice_spec *s = &product->slices[i];
        uint16_t bits = partition_bit(product, s->server) | partition_bit(product, s->client);
        carriers[n++] = (struct label_carrier){CARRIER_SLICE, i, s->name, s->labels, bits};
    }
    return n;
}

bool label_has(const struct label_carrier *carrier, const char *label)
{
    for (unsigned i = 0; i < PRODUCT_MAX_LABELS && carrier->labels[i] && label; i++)
        if (strcmp(carrier->labels[i], label) == 0)
            return true;
    return false;
}

const char *carrier_word(enum carrier_kind kind)
{
    static const char *const words[] = {"partition", "channel", "cable", "slice"};
    return words[kind];
}

bool conflict_covers(const struct conflict_spec *conflict, enum conflict_scope part)
{
    return conflict->scope == part || conflict->scope == CONFLICT_ANY;
}

unsigned product_conflicts(const struct product *product)
{
    unsigned n = 0;
    while (n < PRODUCT_MAX_CONFLICTS && product->conflicts[n].a)
        n++;
    return n;
}

static bool with_itself(const struct conflict_spec *conflict)
{
    return conflict->a && conflict->b && strcmp(conflict->a, conflict->b) == 0;
}

/* Two carriers, in whichever order the labels stand in the table. */
static bool opposed(const struct conflict_spec *conflict, const struct label_carrier *x, const struct label_carrier *y)
{
    if (with_itself(conflict) && (x->kind != CARRIER_PARTITION || y->kind != CARRIER_PARTITION))
        return false;
    return (label_has(x, conflict->a) && label_has(y, conflict->b)) || (label_has(x, conflict->b) && label_has(y, conflict->a));
}

bool conflict_in_one(const struct conflict_spec *conflict, const struct label_carrier *carriers, unsigned count,
                     struct label_meeting *meeting)
{
    for (unsigned i = 0; i < count && !with_itself(conflict); i++)
        if (label_has(&carriers[i], conflict->a) && label_has(&carriers[i], conflict->b)) {
            *meeting = (struct label_meeting){.a = &carriers[i], .b = &carriers[i]};
            return true;
        }
    return false;
}

/* True if x is the link itself or a partition that it joins. */
static bool on_link(const struct label_carrier *x, const struct label_carrier *link)
{
    return x == link || (x->kind == CARRIER_PARTITION && (link->partitions & x->partitions));
}

static bool opposed_on(const struct conflict_spec *conflict, const struct label_carrier *carriers, const struct label_carrier *link,
                       struct label_meeting *meeting)
{
    for (const struct label_carrier *x = carriers; x <= link; x++)
        for (const struct label_carrier *y = carriers; y < x; y++)
            if (on_link(x, link) && on_link(y, link) && opposed(conflict, y, x)) {
                *meeting = (struct label_meeting){.a = y, .b = x, .join = link};
                return true;
            }
    return false;
}

bool conflict_in_channel(const struct conflict_spec *conflict, const struct label_carrier *carriers, unsigned count,
                         struct label_meeting *meeting)
{
    for (unsigned i = 0; i < count; i++)
        if (carriers[i].kind != CARRIER_PARTITION && opposed_on(conflict, carriers, &carriers[i], meeting))
            return true;
    return false;
}

bool conflict_in_cache(const struct conflict_spec *conflict, const struct label_carrier *carriers, const struct board *board,
                       const uint8_t core_owner[BOARD_MAX_CORES], struct label_meeting *meeting)
{
    for (uint32_t i = 0; i < board_cores(board); i++)
        for (uint32_t k = 0; k < i; k++) {
            const struct board_core *x = &board->cores[k], *y = &board->cores[i];
            if (core_owner[i] == 0xff || core_owner[k] == 0xff || core_owner[i] == core_owner[k] || x->package != y->package ||
                x->cache != y->cache || !opposed(conflict, &carriers[core_owner[k]], &carriers[core_owner[i]]))
                continue;
            *meeting = (struct label_meeting){
                .a = &carriers[core_owner[k]], .b = &carriers[core_owner[i]], .package = x->package, .cache = x->cache};
            return true;
        }
    return false;
}

bool conflict_in_device(const struct conflict_spec *conflict, const struct label_carrier *carriers, const struct product *product,
                        const struct board *board, struct label_meeting *meeting)
{
    static struct device given[PRODUCT_DEVICES_MAX];
    unsigned n = devices_given(product, board, given);
    for (unsigned i = 0; i < n; i++)
        for (unsigned k = 0; k < i; k++) {
            const struct label_carrier *x = &carriers[given[k].partition], *y = &carriers[given[i].partition];
            if (x == y || given[i].function != given[k].function || !opposed(conflict, x, y))
                continue;
            *meeting = (struct label_meeting){.a = x, .b = y, .function = given[i].function};
            return true;
        }
    return false;
}
