/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of slices: who serves a part of its disk to whom. What slices have in common with all channels is in the rules of channels. */
#include <string.h>

#include "rules_lists.h"
#include "rules_pci.h"

#define SLICE_NAME_MAX 13u /* ".q" and ".r" still fit a channel's */
#define SLICE_MAX_SIZE GIB(16384ull)

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
            found(check, SLICE_PLACE(s, "name"),
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
            found(check, SLICE_PLACE(s, "name"),
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
            found(check, SLICE_PLACE(s, "server"),
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
            found(check, SLICE_PLACE(s, "client"),
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
            found(check, SLICE_PLACE(s, "size"),
                  "slices lie one after the other, and begin and end where every disk has the beginning of a block",
                  "make it a multiple of 1 MiB, at most 16 TiB; what a client needs less of it leaves unused", "%llu",
                  (unsigned long long)s->size);
    }
}

void rule_slice_disk(struct check *check)
{
    EACH_SLICE(s, check)
    {
        const struct partition_spec *server = partition_of(check, s->server);
        char field[FIELD_ROOM];
        if (server && server->kind == IMAGE_UNIKERNEL && !owns_class(check, server, CLASS_DISK))
            found(check, SLICE_PLACE(s, "server"), "it owns no disk of which it could serve a part",
                  "give it one in `devices`, or name the partition that has the disk", "%s", s->server);
    }
}

/* The largest disk that a partition owns, 0 if the board does not say of each how large it is. */
static uint64_t capacity(const struct check *check, const struct partition_spec *p)
{
    uint64_t most = 0;

    for (unsigned i = 0; i < PRODUCT_MAX_DEVICES && p->devices[i].role; i++) {
        struct role role;
        const struct board_function *f = role_read(p->devices[i].role, &role) ? board_role(check->board, role.name) : 0;
        if (!f || f->class_code >> 16 != CLASS_DISK)
            continue;
        if (f->capacity == 0)
            return 0;
        most = f->capacity > most ? f->capacity : most;
    }
    return most;
}

/* Each that reaches over the end is told, whatever lies behind it. */
void rule_slice_room(struct check *check)
{
    EACH_SLICE(s, check)
    {
        const struct partition_spec *server = partition_of(check, s->server);
        uint64_t room = server ? capacity(check, server) : 0, first = 0;
        char field[FIELD_ROOM];
        for (const struct slice_spec *before = check->product->slices; before < s; before++)
            if (before->server && s->server && strcmp(before->server, s->server) == 0)
                first += before->size < SLICE_MAX_SIZE ? before->size : SLICE_MAX_SIZE;
        if (room != 0 && (first > room || s->size > room - first))
            found(check, SLICE_PLACE(s, "size"),
                  "slices lie one after the other on the server's disk, and this one would reach over its end",
                  "make the slices of this server smaller, or take a board with a larger disk",
                  "%.13s, %llu MiB from %llu MiB on; the disk has %llu MiB", s->name, (unsigned long long)(s->size >> 20),
                  (unsigned long long)(first >> 20), (unsigned long long)(room >> 20));
    }
}

void rule_slice_ring(struct check *check)
{
    EACH_SLICE(s, check)
    {
        char field[FIELD_ROOM];
        if (s->ring != 0 && s->ring < 2 * BH_SLICE_MAX)
            found(check, SLICE_PLACE(s, "ring"),
                  "the largest request, 64 KiB of data, has to fit beside one that is being taken out",
                  "make it 128 KiB or more; 0 means 256 KiB", "%u", s->ring);
    }
}
