/* SPDX-License-Identifier: Apache-2.0 */
/* The server of slices: takes requests, checks them, hands them to the disk, answers. */
#include "slice_server.h"

#include <stdio.h>
#include <string.h>

#include "bh_pci.h"

#define PAGE 4096u
#define REQUEST ((uint32_t)sizeof(struct bh_slice_request))
#define ANSWER 8u /* bytes before the data */

/* --- what a client may ask for --------------------------------------------------------------------------------------------------------- */

static bool is_inside(uint64_t sector, uint32_t bytes, uint64_t sectors)
{
    return bytes > 0 && bytes <= BH_SLICE_MAX && bytes % BH_SLICE_SECTOR == 0 && sector < sectors &&
           bytes / BH_SLICE_SECTOR <= sectors - sector;
}

enum bh_slice_status slice_check(const struct bh_slice_request *request, uint32_t size, uint64_t sectors, bool read_only)
{
    bool fine;

    if (size < REQUEST)
        return BH_SLICE_ERROR;
    switch (request->type) {
    case BH_SLICE_READ:
        fine = size == REQUEST && is_inside(request->sector, request->length, sectors);
        break;
    case BH_SLICE_WRITE:
        fine = !read_only && is_inside(request->sector, size - REQUEST, sectors);
        break;
    case BH_SLICE_FLUSH:
        fine = size == REQUEST;
        break;
    case BH_SLICE_NAME:
        fine = size == REQUEST && request->length > 0 && request->length <= BH_SLICE_NAME_MAX;
        break;
    default:
        return BH_SLICE_UNKNOWN;
    }
    return fine ? BH_SLICE_OK : BH_SLICE_ERROR;
}

/* --- opening ----------------------------------------------------------------------------------------------------------------------------- */

static const char *too_large(const char *name, uint64_t first, uint64_t bytes, uint64_t disk)
{
    static char text[120];

    snprintf(text, sizeof(text), "slice %s has %llu MiB from %llu MiB on, the disk has %llu MiB: make the slices smaller", name,
             (unsigned long long)(bytes >> 20), (unsigned long long)(first >> 20), (unsigned long long)(disk >> 20));
    return text;
}

static const char *client_open(struct slice_server *server, const volatile struct bh_channels *channels, unsigned requests)
{
    const volatile struct bh_channel *channel = &channels->channel[requests];
    struct slice_served *client = &server->clients[server->count];

    if (server->count == SLICE_CLIENTS)
        return "more slices than can be served";
    *client = (struct slice_served){.bell = requests,
                                    .first = channel->info[0] / BH_SLICE_SECTOR,
                                    .sectors = channel->info[1] / BH_SLICE_SECTOR,
                                    .read_only = channel->info[2] != 0};
    if (channel->back >= channels->count || channel->back >= BH_MAX_CHANNELS || !channels->channel[channel->back].writes)
        return "a slice without a channel for answers";
    for (unsigned i = 0; i + 1 < sizeof(client->name) && channel->name[i]; i++)
        client->name[i] = channel->name[i];
    char *dot = strrchr(client->name, '.'); /* "<slice>.q" */
    if (dot)
        *dot = 0;
    record_open(&client->end, record_side(&channels->channel[channel->back]), record_side(channel), channel->back);
    if (channel->info[0] > server->disk->bytes || channel->info[1] > server->disk->bytes - channel->info[0])
        return too_large(client->name, channel->info[0], channel->info[1], server->disk->bytes);
    if (client->end.out.size < BH_SLICE_MAX * 2 || client->end.in.size < BH_SLICE_MAX * 2)
        return "rings that cannot hold the largest request";
    for (unsigned i = 0; i < SLICE_SHARE; i++) {
        uint8_t *memory = bh_dma_memory(PAGE + BH_SLICE_MAX, PAGE);
        if (!memory)
            return "no memory for requests";
        client->slots[i].memory = memory + PAGE;
        client->slots[i].client = server->count;
    }
    server->count++;
    return 0;
}

const char *slice_server_open(struct slice_server *server, const struct slice_disk *disk,
                              const volatile struct bh_channels *channels)
{
    const char *wrong = 0;

    *server = (struct slice_server){.disk = disk};
    for (unsigned i = 0; i < channels->count && i < BH_MAX_CHANNELS && !wrong; i++)
        if (channels->channel[i].kind == BH_CHANNEL_REQUEST && !channels->channel[i].writes)
            wrong = client_open(server, channels, i);
    return wrong;
}

/* --- requests ---------------------------------------------------------------------------------------------------------------------------- */

/* The disk still has those that were started: their memory is free when it is done. */
static void client_forget(struct slice_served *client)
{
    client->statistics.lives++;
    for (unsigned i = 0; i < SLICE_SHARE; i++) {
        struct slice_slot *slot = &client->slots[i];
        if (slot->state == SLICE_STARTED)
            slot->forgotten = true;
        else
            slot->state = SLICE_FREE;
    }
}

static struct slice_slot *slot_free(struct slice_served *client)
{
    for (unsigned i = 0; i < SLICE_SHARE; i++)
        if (client->slots[i].state == SLICE_FREE)
            return &client->slots[i];
    return 0;
}

/* A record of `size` bytes, as far as there is room for it, has been put before and into the slot's memory. */
static void request_decode(struct slice_served *client, struct slice_slot *slot, uint32_t size)
{
    struct bh_slice_request request = {.type = BH_SLICE_READ};

    memcpy(&request, slot->memory - REQUEST, size < REQUEST ? size : REQUEST);
    slot->forgotten = false;
    slot->arrival = client->arrivals++;
    slot->status = slice_check(&request, size, client->sectors, client->read_only);
    slot->type = (enum bh_slice_type)request.type;
    slot->bytes = 0;
    slot->state = SLICE_ENDED;
    if (slot->status != BH_SLICE_OK) {
        client->statistics.refused++;
    } else if (slot->type == BH_SLICE_NAME) {
        memset(slot->memory, 0, BH_SLICE_NAME_MAX);
        memcpy(slot->memory, client->name, strlen(client->name));
        slot->bytes = request.length;
    } else {
        slot->sector = client->first + (slot->type == BH_SLICE_FLUSH ? 0 : request.sector);
        slot->bytes = slot->type == BH_SLICE_READ ? request.length : size - REQUEST;
        slot->state = SLICE_HELD;
    }
}

/* False: nothing that could be taken now. */
static bool request_take(struct slice_served *client)
{
    struct slice_slot *slot = slot_free(client);
    struct bh_record record;

    if (!slot || !record_take(&client->end, slot->memory - REQUEST, REQUEST + BH_SLICE_MAX, &record))
        return false;
    slot->tag = record.tag;
    request_decode(client, slot, record.size);
    return true;
}

/* One of them writes what the other touches. A flush touches nothing. */
static bool is_in_the_way(const struct slice_slot *earlier, const struct slice_slot *slot)
{
    return earlier->state == SLICE_STARTED && earlier->type != BH_SLICE_FLUSH && slot->type != BH_SLICE_FLUSH &&
           (earlier->type == BH_SLICE_WRITE || slot->type == BH_SLICE_WRITE) &&
           earlier->sector < slot->sector + slot->bytes / BH_SLICE_SECTOR &&
           slot->sector < earlier->sector + earlier->bytes / BH_SLICE_SECTOR;
}

/* The one in this state that came first. */
static struct slice_slot *first_of(struct slice_served *client, enum slice_state state)
{
    struct slice_slot *first = 0;

    for (unsigned i = 0; i < SLICE_SHARE; i++) {
        struct slice_slot *slot = &client->slots[i];
        if (slot->state == state && (!first || (int32_t)(slot->arrival - first->arrival) < 0))
            first = slot;
    }
    return first;
}

/* In the order of their arrival; the first that has to wait holds up the others. */
static void requests_start(const struct slice_disk *disk, struct slice_served *client)
{
    for (struct slice_slot *next; (next = first_of(client, SLICE_HELD));) {
        for (unsigned i = 0; i < SLICE_SHARE; i++)
            if (is_in_the_way(&client->slots[i], next))
                return;
        if (!disk->start(disk->context, next->type, next->sector, next->bytes / BH_SLICE_SECTOR, next->memory, next))
            return;
        next->state = SLICE_STARTED;
    }
}

/* --- answers ------------------------------------------------------------------------------------------------------------------------------- */

static void request_count(struct slice_statistics *statistics, const struct slice_slot *slot, bool good)
{
    statistics->failed += !good;
    statistics->reads += slot->type == BH_SLICE_READ;
    statistics->writes += slot->type == BH_SLICE_WRITE;
    statistics->flushes += slot->type == BH_SLICE_FLUSH;
    statistics->bytes_read += good && slot->type == BH_SLICE_READ ? slot->bytes : 0;
    statistics->bytes_written += good && slot->type == BH_SLICE_WRITE ? slot->bytes : 0;
}

static void disk_collect(struct slice_server *server)
{
    const struct slice_disk *disk = server->disk;
    void *token;
    bool good;

    for (unsigned i = 0; i < SLICE_CLIENTS * SLICE_SHARE && disk->done(disk->context, &token, &good); i++) {
        struct slice_slot *slot = token;
        struct slice_served *client = &server->clients[slot->client];
        request_count(&client->statistics, slot, good);
        slot->status = good ? BH_SLICE_OK : BH_SLICE_ERROR;
        slot->state = slot->forgotten ? SLICE_FREE : SLICE_ENDED;
    }
}

/* False: no room for it now. */
static bool answer_put(struct slice_served *client, struct slice_slot *slot)
{
    uint8_t head[ANSWER] = {(uint8_t)slot->status};
    bool has_data = slot->status == BH_SLICE_OK && (slot->type == BH_SLICE_READ || slot->type == BH_SLICE_NAME);
    struct record_piece pieces[] = {{head, ANSWER}, {slot->memory, has_data ? slot->bytes : 0}};

    if (!record_put(&client->end, slot->tag, pieces, 2))
        return false;
    slot->state = SLICE_FREE;
    return true;
}

/* In the order of their arrival too: a write is answered before a later one to the same sectors, or its client, after a restart of ours,
 * would send the earlier one again and not the later one. */
static bool answers_put(struct slice_served *client)
{
    bool moved = false;

    for (struct slice_slot *next; (next = first_of(client, SLICE_ENDED)) && answer_put(client, next);)
        moved = true;
    return moved;
}

/* --- turns --------------------------------------------------------------------------------------------------------------------------------- */

/* True: something has moved, so that the next round may find more. */
static bool client_turn(const struct slice_disk *disk, struct slice_served *client)
{
    bool moved = record_renewed(&client->end);

    if (moved)
        client_forget(client);
    moved |= answers_put(client);
    for (unsigned i = 0; i < SLICE_SHARE && request_take(client); i++)
        moved = true;
    requests_start(disk, client);
    record_flush(&client->end);
    return moved;
}

bool slice_server_step(struct slice_server *server)
{
    bool more = false;

    disk_collect(server);
    for (unsigned i = 0; i < server->count; i++)
        more |= client_turn(server->disk, &server->clients[(server->turn + i) % server->count]);
    server->turn = server->count ? (server->turn + 1) % server->count : 0;
    return more;
}

/* Of a client whose requests are all under way the next one is not waited for: it is taken when the disk has done one of them. */
static bool client_idle(struct slice_served *client)
{
    const struct slice_slot *answer = record_connected(&client->end) ? first_of(client, SLICE_ENDED) : 0;
    uint32_t wants = (slot_free(client) ? BH_WANTS_DATA : 0) | (answer ? BH_WANTS_ROOM : 0);

    return record_arm(&client->end, wants, answer ? ANSWER + answer->bytes : 0);
}

bool slice_server_idle(struct slice_server *server)
{
    bool idle = true;

    for (unsigned i = 0; i < server->count; i++)
        idle &= client_idle(&server->clients[i]);
    return idle;
}

unsigned slice_server_started(const struct slice_server *server)
{
    unsigned started = 0;

    for (unsigned i = 0; i < server->count; i++)
        for (unsigned k = 0; k < SLICE_SHARE; k++)
            started += server->clients[i].slots[k].state == SLICE_STARTED;
    return started;
}
