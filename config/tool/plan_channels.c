/* SPDX-License-Identifier: Apache-2.0 */
/* Channels: names, ends and addresses. */
#include "plan_channels.h"

#include <stdio.h>
#include <string.h>

#include "check.h"
#include "sha256.h"

unsigned product_channels(const struct product *product)
{
    unsigned n = 0;
    while (n < PRODUCT_MAX_CHANNELS && product->channels[n].name)
        n++;
    return n;
}

unsigned product_cables(const struct product *product)
{
    unsigned n = 0;
    while (n < PRODUCT_MAX_CABLES && product->cables[n].name)
        n++;
    return n;
}

unsigned product_slices(const struct product *product)
{
    unsigned n = 0;
    while (n < PRODUCT_MAX_SLICES && product->slices[n].name)
        n++;
    return n;
}

static void hash_text(struct sha256 *state, const char *text)
{
    sha256_update(state, text ? text : "", text ? strlen(text) + 1 : 1);
}

/* Of one station, administered locally. */
static void mac_make(const struct product *product, const struct cable_spec *cable, unsigned end, uint8_t mac[6])
{
    struct sha256 state;
    uint8_t digest[32];

    sha256_init(&state);
    hash_text(&state, product->name);
    hash_text(&state, cable->name);
    hash_text(&state, cable->ends[end].partition);
    sha256_final(&state, digest);
    memcpy(mac, digest, 6);
    mac[0] = (mac[0] & 0xfc) | 2;
}

uint64_t cable_mac(const struct product *product, const struct cable_spec *cable, unsigned end)
{
    static const uint8_t none[6];
    uint8_t mac[6];
    uint64_t packed = 0;

    memcpy(mac, cable->ends[end].mac, sizeof(mac));
    if (memcmp(mac, none, sizeof(mac)) == 0)
        mac_make(product, cable, end, mac);
    for (unsigned i = 0; i < sizeof(mac); i++)
        packed |= (uint64_t)mac[i] << 8 * i;
    return packed;
}

uint64_t slice_start(const struct product *product, unsigned slice)
{
    uint64_t start = 0;

    for (unsigned i = 0; i < slice; i++)
        if (product->slices[i].server && product->slices[slice].server &&
            strcmp(product->slices[i].server, product->slices[slice].server) == 0)
            start += product->slices[i].size;
    return start;
}

static struct plan_channel *channel_add(struct channel_plan *plan, const char *name, const char *end)
{
    struct plan_channel *c = &plan->channels[plan->count];

    snprintf(plan->names[plan->count], CHANNEL_NAME, "%.*s", (int)(CHANNEL_NAME - 1 - strlen(end)), name);
    strcat(plan->names[plan->count], end);
    c->name = plan->names[plan->count++];
    c->back = BH_MAX_CHANNELS;
    return c;
}

static void ends_set(const struct product *product, struct plan_channel *c, const char *writer, const char *const *readers,
                     unsigned count)
{
    c->writer = (uint8_t)product_find(product, writer);
    for (unsigned i = 0; i < count && readers[i]; i++)
        if (product_find(product, readers[i]) >= 0) /* rules that lay a table out may come before the one that asks this */
            c->readers |= (uint16_t)(1u << product_find(product, readers[i]));
    for (unsigned p = 0; p < product_partitions(product); p++)
        if (product->partitions[p].kind == IMAGE_UNIKERNEL && (p == c->writer || c->readers >> p & 1))
            c->mapped |= (uint16_t)(1u << p);
}

static void plain_plan(const struct product *product, const struct channel_spec *spec, struct channel_plan *plan)
{
    struct plan_channel *c = channel_add(plan, spec->name, "");

    c->kind = BH_CHANNEL_PLAIN;
    c->size = spec->size ? spec->size : CHANNEL_RING;
    c->doorbells_per_second = spec->doorbells_per_second ? spec->doorbells_per_second : CHANNEL_DOORBELLS;
    ends_set(product, c, spec->writer, spec->readers, PRODUCT_MAX_READERS);
}

/* There and back. */
static void pair_plan(const struct product *product, struct channel_plan *plan, const char *name, const char *const names[2],
                      const char *const ends[2], uint32_t size)
{
    unsigned first = plan->count;

    for (unsigned i = 0; i < 2; i++) {
        struct plan_channel *c = channel_add(plan, name, names[i]);

        c->size = size;
        c->doorbells_per_second = PORT_DOORBELLS;
        c->back = (uint8_t)(first + !i);
        ends_set(product, c, ends[i], &ends[!i], 1);
    }
}

static void cable_plan(const struct product *product, const struct cable_spec *spec, struct channel_plan *plan)
{
    static const char *const names[] = {".0", ".1"};
    const char *const ends[] = {spec->ends[0].partition, spec->ends[1].partition};
    struct plan_channel *pair = &plan->channels[plan->count];

    pair_plan(product, plan, spec->name, names, ends, spec->size ? spec->size : (uint32_t)CABLE_RING);
    for (unsigned i = 0; i < 2; i++) {
        pair[i].kind = BH_CHANNEL_CABLE;
        pair[i].info[0][0] = cable_mac(product, spec, i);
        pair[i].info[1][0] = cable_mac(product, spec, !i);
    }
}

static void slice_plan(const struct product *product, unsigned slice, struct channel_plan *plan)
{
    static const char *const names[] = {".q", ".r"};
    const struct slice_spec *spec = &product->slices[slice];
    const char *const ends[] = {spec->client, spec->server};
    struct plan_channel *pair = &plan->channels[plan->count];

    pair_plan(product, plan, spec->name, names, ends, spec->ring ? spec->ring : (uint32_t)SLICE_RING);
    for (unsigned i = 0; i < 4; i++) {
        uint64_t *info = pair[i / 2].info[i % 2];

        info[0] = slice_start(product, slice);
        info[1] = spec->size;
        info[2] = spec->read_only;
    }
    pair[0].kind = BH_CHANNEL_REQUEST;
    pair[1].kind = BH_CHANNEL_ANSWER;
}

void channels_plan(const struct product *product, struct channel_plan *plan)
{
    uint64_t gpa = BH_CHANNELS_GPA;

    *plan = (struct channel_plan){0};
    for (unsigned i = 0; i < product_channels(product); i++)
        plain_plan(product, &product->channels[i], plan);
    for (unsigned i = 0; i < product_cables(product); i++)
        cable_plan(product, &product->cables[i], plan);
    for (unsigned i = 0; i < product_slices(product); i++)
        slice_plan(product, i, plan);
    for (uint32_t i = 0; i < plan->count; i++) {
        plan->channels[i].gpa = GPA(gpa);
        gpa += PAGE_SIZE + plan->channels[i].size;
    }
}
