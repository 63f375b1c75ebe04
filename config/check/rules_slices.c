/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of slices: who serves a part of its disk to whom. What slices have in common with all channels is in the rules of channels. */
#include <string.h>

#include "plan_channels.h"
#include "rules_pci.h"

#define SLICE_NAME_MAX 13u /* ".q" and ".r" still fit a channel's */
#define SLICE_MAX_SIZE GIB(16384ull)
#define MASS_STORAGE 0x01u /* class of a function */

#define EACH_SLICE(s, check)                                                                                                       \
    for (const struct slice_spec *s = (check)->product->slices; s < (check)->product->slices + product_slices((check)->product);   \
         s++)

static struct place slice_place(char field[FIELD_ROOM], const struct check *check, const struct slice_spec *s, const char *member)
{
    snprintf(field, FIELD_ROOM, "slices[%u].%s", (unsigned)(s - check->product->slices), member);
    return (struct place){"product", 0, field};
}

static const struct partition_spec *partition_of(const struct check *check, const char *name)
{
    int index = name ? product_find(check->product, name) : -1;

    return index < 0 ? 0 : &check->product->partitions[index];
}

void rule_slice_gap(struct check *check)
{
    for (unsigned i = product_slices(check->product); i < PRODUCT_MAX_SLICES; i++) {
        const struct slice_spec *s = &check->product->slices[i];
        char field[FIELD_ROOM];
        if (s->name || s->server || s->client || s->size)
            found(check, slice_place(field, check, s, "name"),
                  "the list ends at the first entry without a name, so that this one would be left out silently",
                  "give every entry a name and leave none out", "%s",
                  s->name     ? s->name
                  : s->client ? s->client
                              : "no name");
    }
}

void rule_slice_name(struct check *check)
{
    EACH_SLICE(s, check)
    {
        char field[FIELD_ROOM];
        if (!text_name(s->name, SLICE_NAME_MAX, false))
            found(check, slice_place(field, check, s, "name"),
                  "programs find their slice by its name, and its two channels have it with \".q\" and \".r\" behind it",
                  "use 1 to 13 of a-z, 0-9 and '-'", "\"%.64s\"", s->name);
    }
}

void rule_slice_server(struct check *check)
{
    EACH_SLICE(s, check)
    {
        const struct partition_spec *server = partition_of(check, s->server);
        char field[FIELD_ROOM];
        if (!server || server->kind != IMAGE_UNIKERNEL)
            found(check, slice_place(field, check, s, "server"),
                  server ? "a slice is served through channels, which only a unikernel has" : "there is no such partition",
                  "name the unikernel that owns the disk, such as one with the program storage", "%s",
                  s->server ? s->server : "not set");
    }
}

void rule_slice_client(struct check *check)
{
    EACH_SLICE(s, check)
    {
        char field[FIELD_ROOM];
        bool own = s->client && s->server && strcmp(s->client, s->server) == 0;
        if (own || !partition_of(check, s->client))
            found(check, slice_place(field, check, s, "client"),
                  own ? "who owns the disk reaches all of it already" : "there is no such partition",
                  "name the partition that gets the slice", "%s", s->client ? s->client : "not set");
    }
}

void rule_slice_size(struct check *check)
{
    EACH_SLICE(s, check)
    {
        char field[FIELD_ROOM];
        if (s->size == 0 || s->size % MIB(1) != 0 || s->size > SLICE_MAX_SIZE)
            found(check, slice_place(field, check, s, "size"),
                  "slices lie one after the other, and begin and end where every disk has the beginning of a block",
                  "make it a multiple of 1 MiB, at most 16 TiB; what a client needs less of it leaves unused", "%llu",
                  (unsigned long long)s->size);
    }
}

static bool has_disk(const struct check *check, const struct partition_spec *p)
{
    for (unsigned i = 0; i < PRODUCT_MAX_DEVICES && p->devices[i].role; i++) {
        struct role role;
        const struct board_function *f = role_read(p->devices[i].role, &role) ? board_role(check->board, role.name) : 0;
        if (!f || f->class_code >> 16 == MASS_STORAGE) /* one that the board does not have is another rule's */
            return true;
    }
    return false;
}

void rule_slice_disk(struct check *check)
{
    EACH_SLICE(s, check)
    {
        const struct partition_spec *server = partition_of(check, s->server);
        char field[FIELD_ROOM];
        if (server && server->kind == IMAGE_UNIKERNEL && !has_disk(check, server))
            found(check, slice_place(field, check, s, "server"), "it owns no disk of which it could serve a part",
                  "give it one in `devices`, or name the partition that has the disk", "%s", s->server);
    }
}

void rule_slice_ring(struct check *check)
{
    EACH_SLICE(s, check)
    {
        char field[FIELD_ROOM];
        if (s->ring != 0 && s->ring < 2 * BH_SLICE_MAX)
            found(check, slice_place(field, check, s, "ring"),
                  "the largest request, 64 KiB of data, has to fit beside one that is being taken out",
                  "make it 128 KiB or more; 0 means 256 KiB", "%u", s->ring);
    }
}
