/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of channels and cables: names, ends, sizes. SEP-1, SEP-3. */
#include <string.h>

#include "rules_lists.h"

#define DOORBELLS_MAX 100000u
#define FLOOD_MAX 200000u /* of all that one partition reads */

static unsigned readers_of(const struct channel_spec *c)
{
    unsigned n = 0;
    while (n < PRODUCT_MAX_READERS && c->readers[n])
        n++;
    return n;
}

/* --- lists and names --- */

/* Anything behind the first entry without a name? */
static void look_for_gap(struct check *check, const char *list, const void *entries, size_t size, unsigned used, unsigned max)
{
    static const char nothing[sizeof(struct channel_spec) + sizeof(struct cable_spec)];
    for (unsigned i = used; i < max; i++) {
        char field[FIELD_ROOM];
        if (memcmp((const char *)entries + i * size, nothing, size) != 0)
            found(check, list_place(field, list, i, "name"),
                  "the list ends at the first entry without a name, so that this one would be left out silently",
                  "give every entry a name and leave none out", "after %u with a name", used);
    }
}

void rule_channel_gap(struct check *check)
{
    const struct product *p = check->product;
    look_for_gap(check, "channels", p->channels, sizeof(p->channels[0]), product_channels(p), PRODUCT_MAX_CHANNELS);
    look_for_gap(check, "cables", p->cables, sizeof(p->cables[0]), product_cables(p), PRODUCT_MAX_CABLES);
}

/* With dots, but none at an end. */
static bool channel_name(const char *name)
{
    size_t length = strlen(name);
    for (size_t i = 0; i < length; i++)
        if (name[i] != '.' && !text_name((const char[]){name[i], 0}, 1, false))
            return false;
    return length >= 1 && length < CHANNEL_NAME && name[0] != '.' && name[length - 1] != '.';
}

void rule_channel_name(struct check *check)
{
    char field[FIELD_ROOM];
    EACH_CHANNEL(c, check)
    if (!channel_name(c->name))
        found(check, CHANNEL_PLACE(c, "name"), "programs find a channel by its name, in 16 bytes",
              "use 1 to 15 of a-z, 0-9, '-' and, within, '.'", "%s", c->name);
}

void rule_cable_name(struct check *check)
{
    char field[FIELD_ROOM];
    EACH_CABLE(c, check)
    if (!text_name(c->name, CHANNEL_NAME - 3, false))
        found(check, CABLE_PLACE(c, "name"), "its two channels have this name and two characters more",
              "use 1 to 13 of a-z, 0-9 and '-'", "%s", c->name);
}

/* Derived names too: a channel "a.0" and a cable "a" are in each other's way, a cable and a slice of one name only in ours. */
void rule_channel_unique(struct check *check)
{
    static struct channel_plan plan;
    const struct product *p = check->product;
    unsigned plain = product_channels(p), cables = product_cables(p);
    channels_plan(p, &plan);
    for (uint32_t i = 0; i < plan.count; i++)
        for (uint32_t k = 0; k < i; k++) {
            char field[FIELD_ROOM];
            if (strcmp(plan.names[i], plan.names[k]) != 0)
                continue;
            found(check,
                  i < plain                ? list_place(field, "channels", i, "name")
                  : i < plain + 2 * cables ? list_place(field, "cables", (i - plain) / 2, "name")
                                           : list_place(field, "slices", (i - plain - 2 * cables) / 2, "name"),
                  "two channels would have this name, and a program finds only the first", "rename one of them", "%s",
                  plan.names[i]);
        }
    for (unsigned c = 0; c < cables; c++)
        EACH_SLICE(s, check)
        {
            char field[FIELD_ROOM];
            if (strcmp(p->cables[c].name, s->name) == 0)
                found(check, SLICE_PLACE(s, "name"), "a cable has this name: a Linux with both would show two devices of one name",
                      "rename one of them", "%s", s->name);
        }
}

/* --- ends of channels --- */

void rule_channel_writer(struct check *check)
{
    char field[FIELD_ROOM];
    EACH_CHANNEL(c, check)
    if (product_find(check->product, c->writer) < 0)
        found(check, CHANNEL_PLACE(c, "writer"), "a channel without its writer is memory that nobody may write",
              "name a partition of this product", "%s", c->writer ? c->writer : "not set");
}

void rule_channel_readers(struct check *check)
{
    char field[FIELD_ROOM];
    EACH_CHANNEL(c, check)
    {
        if (readers_of(c) == 0)
            found(check, CHANNEL_PLACE(c, "readers"), "a channel that nobody reads has no use", "name at least one reader", "none");
        for (unsigned i = 0; i < readers_of(c); i++)
            if (product_find(check->product, c->readers[i]) < 0)
                found(check, CHANNEL_PLACE(c, "readers"), "it names no partition: the one that was meant would not hear anything",
                      "name a partition of this product", "%s", c->readers[i]);
    }
}

void rule_channel_readers_gap(struct check *check)
{
    char field[FIELD_ROOM];
    EACH_CHANNEL(c, check)
    for (unsigned i = readers_of(c); i < PRODUCT_MAX_READERS; i++)
        if (readers_of(c) != 0 && c->readers[i])
            found(check, CHANNEL_PLACE(c, "readers"),
                  "the list ends at the first empty place, so that this reader would be left out silently", "leave no place empty",
                  "%s", c->readers[i]);
}

void rule_channel_reader_once(struct check *check)
{
    char field[FIELD_ROOM];
    EACH_CHANNEL(c, check)
    for (unsigned i = 0; i < readers_of(c); i++)
        for (unsigned k = 0; k < i; k++)
            if (strcmp(c->readers[i], c->readers[k]) == 0)
                found(check, CHANNEL_PLACE(c, "readers"), "the same reader twice: one of them was to be another",
                      "name each reader once", "%s", c->readers[i]);
}

void rule_channel_self(struct check *check)
{
    char field[FIELD_ROOM];
    EACH_CHANNEL(c, check)
    for (unsigned i = 0; c->writer && i < readers_of(c); i++)
        if (strcmp(c->writer, c->readers[i]) == 0)
            found(check, CHANNEL_PLACE(c, "readers"), "its writer reads it anyway; a way back is a channel of its own",
                  "name another partition", "%s", c->readers[i]);
}

static bool is_linux(const struct check *check, const char *name)
{
    int p = product_find(check->product, name);
    return p >= 0 && check->product->partitions[p].kind == IMAGE_LINUX;
}

void rule_channel_kind(struct check *check)
{
    char field[FIELD_ROOM];
    const char *reason = "a Linux has no channels in its memory: it meets cables and slices, as virtio devices";
    const char *hint = "use a cable, or put a unikernel between";
    EACH_CHANNEL(c, check)
    {
        if (is_linux(check, c->writer))
            found(check, CHANNEL_PLACE(c, "writer"), reason, hint, "%s", c->writer);
        for (unsigned i = 0; i < readers_of(c); i++)
            if (is_linux(check, c->readers[i]))
                found(check, CHANNEL_PLACE(c, "readers"), reason, hint, "%s", c->readers[i]);
    }
}

/* --- sizes and rates --- */

static bool ring_size(uint32_t size)
{
    return size == 0 || (size >= CHANNEL_MIN && size <= CHANNEL_MAX && (size & (size - 1)) == 0);
}

void rule_channel_size(struct check *check)
{
    char field[FIELD_ROOM];
    const char *reason = "positions in a ring are an index modulo its size, and its memory is whole pages of the hypervisor's";
    const char *hint = "use a power of 2 from 4 KiB to 1 MiB";
    EACH_CHANNEL(c, check)
    if (!ring_size(c->size))
        found(check, CHANNEL_PLACE(c, "size"), reason, hint, "%u", c->size);
    EACH_CABLE(c, check)
    if (!ring_size(c->size))
        found(check, CABLE_PLACE(c, "size"), reason, hint, "%u", c->size);
    EACH_SLICE(s, check)
    if (!ring_size(s->ring))
        found(check, SLICE_PLACE(s, "ring"), reason, hint, "%u", s->ring);
}

void rule_channel_doorbells(struct check *check)
{
    char field[FIELD_ROOM];
    EACH_CHANNEL(c, check)
    if (c->doorbells_per_second > DOORBELLS_MAX)
        found(check, CHANNEL_PLACE(c, "doorbells_per_second"),
              "each costs every reader an interrupt: more would take its core away (AC-46)",
              "use at most 100,000, or 0 for 10,000; a writer that is refused only rings later", "%u", c->doorbells_per_second);
}

void rule_channel_flood(struct check *check)
{
    static struct channel_plan plan;
    if (check_has(check, "CFG-836"))
        return;
    channels_plan(check->product, &plan);
    EACH_PARTITION(p, check)
    {
        uint64_t sum = 0;
        for (uint32_t i = 0; i < plan.count; i++)
            if (plan.channels[i].readers >> (p - check->product->partitions) & 1)
                sum += plan.channels[i].doorbells_per_second;
        if (sum > FLOOD_MAX)
            found(check, (struct place){"product", p, "channels"},
                  "the writers of all channels that it reads may together interrupt it so often that nothing else is left of its "
                  "core "
                  "(AC-46)",
                  "set doorbells_per_second of these channels so that their sum is at most 200,000", "%llu doorbells per second",
                  (unsigned long long)sum);
    }
}

/* --- cables --- */

void rule_cable_ends(struct check *check)
{
    char field[FIELD_ROOM];
    EACH_CABLE(c, check)
    for (unsigned i = 0; i < 2; i++)
        if (product_find(check->product, c->ends[i].partition) < 0)
            found(check, CABLE_PLACE(c, i ? "ends[1]" : "ends[0]"), "a cable has a partition at each end",
                  "name a partition of this product", "%s", c->ends[i].partition ? c->ends[i].partition : "not set");
}

void rule_cable_self(struct check *check)
{
    char field[FIELD_ROOM];
    EACH_CABLE(c, check)
    if (c->ends[0].partition && c->ends[1].partition && strcmp(c->ends[0].partition, c->ends[1].partition) == 0)
        found(check, CABLE_PLACE(c, "ends"), "a cable from a partition to itself leads nowhere",
              "name another partition at one end", "%s", c->ends[0].partition);
}

static const char *mac_text(uint64_t mac)
{
    static char text[24];
    snprintf(text, sizeof(text), "%02x:%02x:%02x:%02x:%02x:%02x", (unsigned)mac & 0xff, (unsigned)(mac >> 8) & 0xff,
             (unsigned)(mac >> 16) & 0xff, (unsigned)(mac >> 24) & 0xff, (unsigned)(mac >> 32) & 0xff,
             (unsigned)(mac >> 40) & 0xff);
    return text;
}

void rule_cable_mac(struct check *check)
{
    char field[FIELD_ROOM];
    EACH_CABLE(c, check)
    for (unsigned i = 0; i < 2; i++)
        if (cable_mac(check->product, c, i) & 1)
            found(check, CABLE_PLACE(c, i ? "ends[1].mac" : "ends[0].mac"),
                  "an address whose first byte is odd is one of many stations",
                  "use an even first byte, 0x02 for one of your own, or leave it out: then it is made from names", "%s",
                  mac_text(cable_mac(check->product, c, i)));
}

static bool mac_given(const struct cable_spec *c, unsigned end)
{
    static const uint8_t none[6];
    return memcmp(c->ends[end].mac, none, sizeof(none)) != 0;
}

void rule_cable_mac_unique(struct check *check)
{
    char field[FIELD_ROOM];
    const struct cable_spec *cables = check->product->cables;
    for (unsigned i = 0; i < 2 * product_cables(check->product); i++)
        for (unsigned k = 0; k < i; k++) {
            uint64_t mac = cable_mac(check->product, &cables[i / 2], i % 2);
            bool given = mac_given(&cables[i / 2], i % 2) || mac_given(&cables[k / 2], k % 2);
            if (given && mac == cable_mac(check->product, &cables[k / 2], k % 2))
                found(check, CABLE_PLACE(&cables[i / 2], i % 2 ? "ends[1].mac" : "ends[0].mac"),
                      "two stations with one address: where both are heard, neither gets its frames", "change one, or leave it out",
                      "%s", mac_text(mac));
        }
}

/* --- words that name a cable --- */

static bool has_end(const struct check *check, const struct partition_spec *p, const char *cable, size_t length)
{
    EACH_CABLE(c, check)
    for (unsigned e = 0; e < 2; e++)
        if (strlen(c->name) == length && memcmp(c->name, cable, length) == 0 && c->ends[e].partition &&
            strcmp(c->ends[e].partition, p->name) == 0)
            return true;
    return false;
}

/* The words by which programs of the tree name a cable: net=cable:NAME[,...], and cable=NAME of the router. */
static const char *cable_word(const char *word)
{
    static const char *const words[] = {"net=cable:", "cable="};

    for (unsigned i = 0; i < ARRAY_SIZE(words); i++)
        if (strncmp(word, words[i], strlen(words[i])) == 0)
            return word + strlen(words[i]);
    return 0;
}

void rule_cable_word(struct check *check)
{
    EACH_PARTITION(p, check)
    for (const char *word = p->kind == IMAGE_UNIKERNEL && p->args && p->name ? p->args : ""; *word; word += strcspn(word, " ")) {
        word += strspn(word, " ");
        const char *name = cable_word(word);
        size_t length = name ? strcspn(name, ", ") : 0;
        if (name && !has_end(check, p, name, length))
            found(check, (struct place){"product", p, "args"}, "no cable with this name has an end at this partition",
                  "name one that `cables` has for it, or give it an end of this one", "%.*s", (int)(length < 64 ? length : 64),
                  name);
    }
}
