/* SPDX-License-Identifier: Apache-2.0 */
/* Channels, disk and what the library gives, for the server of slices and its clients. What must not happen ends the program. */
#include "fake_slices.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "bh.h"
#include "bh_pci.h"

struct fake_slices fake_slices;

static struct operation {
    enum bh_slice_type type;
    uint64_t sector;
    uint32_t sectors;
    void *memory;
    struct slice_slot *slot;
} operations[FAKE_DISK_DEPTH];
static void *blocks[64];
static unsigned block_count;

static void demand(bool fine, const char *what)
{
    if (fine)
        return;
    fprintf(stderr, "slices: %s\n", what);
    abort();
}

uint32_t fake_slices_random(void)
{
    fake_slices.random = fake_slices.random * 1664525u + 1013904223u;
    return fake_slices.random >> 8;
}

uint64_t fake_slice_first(unsigned slice)
{
    return FAKE_GAP + slice * (uint64_t)(FAKE_SLICE_BYTES + FAKE_GAP);
}

/* --- what the library gives ------------------------------------------------------------------------------------------------------------ */

uint64_t bh_call(uint64_t number, uint64_t a, uint64_t b, uint64_t c)
{
    (void)a, (void)b, (void)c;
    demand(number == BH_CALL_DOORBELL, "a hypercall that is no doorbell");
    if (fake_slices.doorbells_refused)
        return BH_AGAIN;
    fake_slices.doorbells++;
    return 0;
}

void *bh_dma_memory(size_t size, size_t alignment)
{
    demand(block_count < sizeof(blocks) / sizeof(blocks[0]), "too much memory is asked for");
    void *memory = aligned_alloc(alignment, size);
    if (memory)
        memset(memory, 0xa5, alignment + BH_SLICE_SECTOR); /* not to be shown to anybody */
    blocks[block_count++] = memory;
    return memory;
}

static void blocks_free(void)
{
    while (block_count > 0)
        free(blocks[--block_count]);
}

/* --- the disk ---------------------------------------------------------------------------------------------------------------------------- */

static bool overlap(const struct operation *a, const struct operation *b)
{
    return a->sector < b->sector + b->sectors && b->sector < a->sector + a->sectors;
}

static void may(const struct operation *operation)
{
    unsigned client = operation->slot->client;
    uint64_t first = fake_slice_first(client) / BH_SLICE_SECTOR, last = first + FAKE_SLICE_BYTES / BH_SLICE_SECTOR;

    if (operation->type == BH_SLICE_FLUSH)
        return;
    demand(operation->type == BH_SLICE_READ || operation->type == BH_SLICE_WRITE, "an operation that there is not");
    demand(operation->sectors > 0 && operation->sectors <= BH_SLICE_MAX / BH_SLICE_SECTOR, "an operation of the wrong size");
    demand(operation->sector >= first && operation->sector < last && operation->sectors <= last - operation->sector,
           "an operation outside the client's slice");
    demand(operation->type == BH_SLICE_READ || client != FAKE_READ_ONLY, "a write to a slice that is read-only");
    for (unsigned i = 0; i < fake_slices.under_way; i++)
        demand(operations[i].type == BH_SLICE_FLUSH || !overlap(&operations[i], operation) ||
                   (operations[i].type == BH_SLICE_READ && operation->type == BH_SLICE_READ),
               "two operations on the same sectors at a time, one of them a write");
}

static bool disk_start(void *context, enum bh_slice_type type, uint64_t sector, uint32_t sectors, void *memory, void *token)
{
    struct operation operation = {type, sector, sectors, memory, token};

    demand(context == &fake_slices, "not our disk");
    if (fake_slices.under_way == FAKE_DISK_DEPTH)
        return false;
    may(&operation);
    operations[fake_slices.under_way++] = operation;
    fake_slices.started++;
    return true;
}

static void operation_do(const struct operation *operation)
{
    uint8_t *place = fake_slices.disk + operation->sector * BH_SLICE_SECTOR;
    size_t bytes = (size_t)operation->sectors * BH_SLICE_SECTOR;

    if (operation->type == BH_SLICE_READ)
        memcpy(operation->memory, place, bytes);
    else if (operation->type == BH_SLICE_WRITE)
        memcpy(place, operation->memory, bytes);
    else
        memcpy(fake_slices.stable, fake_slices.disk, sizeof(fake_slices.stable));
}

/* Any of them, and not always one. */
static bool disk_done(void *context, void **token, bool *good)
{
    demand(context == &fake_slices, "not our disk");
    if (fake_slices.held || fake_slices.under_way == 0 || fake_slices_random() % 4 == 0)
        return false;
    unsigned which = fake_slices_random() % fake_slices.under_way;
    struct operation operation = operations[which];
    operations[which] = operations[--fake_slices.under_way];
    if (!fake_slices.fails) {
        operation_do(&operation);
        fake_slices.flushed += operation.type == BH_SLICE_FLUSH;
    }
    *token = operation.slot;
    *good = !fake_slices.fails;
    return true;
}

static const struct slice_disk disk = {&fake_slices, FAKE_DISK_BYTES, disk_start, disk_done};

/* --- lives --------------------------------------------------------------------------------------------------------------------------------- */

static struct fake_channel *channel_map(void)
{
    struct fake_channel *channel =
        mmap(0, sizeof(*channel), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);

    demand(channel != MAP_FAILED, "no memory below 4 GiB");
    return channel;
}

static void views_make(unsigned i)
{
    struct bh_channel requests = {.gpa = (uint32_t)(uintptr_t)fake_slices.requests[i],
                                  .size = FAKE_RING,
                                  .kind = BH_CHANNEL_REQUEST,
                                  .info = {fake_slice_first(i), FAKE_SLICE_BYTES, i == FAKE_READ_ONLY}};
    struct bh_channel answers = {.gpa = (uint32_t)(uintptr_t)fake_slices.answers[i], .size = FAKE_RING, .kind = BH_CHANNEL_ANSWER};
    struct bh_channels *server = &fake_slices.server_view, *client = &fake_slices.client_view[i];

    snprintf(requests.name, sizeof(requests.name), "slice%u.q", i);
    snprintf(answers.name, sizeof(answers.name), "slice%u.r", i);
    memcpy(answers.info, requests.info, sizeof(answers.info));
    server->count = 2 * FAKE_SLICES;
    requests.back = 2 * i + 1;
    server->channel[2 * i] = requests;
    answers.back = 2 * i;
    answers.writes = 1;
    server->channel[2 * i + 1] = answers;
    client->count = 2;
    requests.back = 1;
    requests.writes = 1;
    client->channel[0] = requests;
    answers.back = 0;
    answers.writes = 0;
    client->channel[1] = answers;
}

void fake_slices_free(void)
{
    blocks_free();
    for (unsigned i = 0; i < FAKE_SLICES; i++)
        if (fake_slices.requests[i]) {
            munmap(fake_slices.requests[i], sizeof(struct fake_channel));
            munmap(fake_slices.answers[i], sizeof(struct fake_channel));
        }
    memset(&fake_slices, 0, sizeof(fake_slices));
}

void fake_slices_reset(uint32_t seed)
{
    fake_slices_free();
    fake_slices.random = seed;
    for (unsigned i = 0; i < FAKE_SLICES; i++) {
        fake_slices.requests[i] = channel_map();
        fake_slices.answers[i] = channel_map();
        views_make(i);
    }
    for (uint32_t i = 0; i < FAKE_DISK_BYTES / BH_SLICE_SECTOR; i++)
        memset(fake_slices.disk + i * BH_SLICE_SECTOR, (int)(0xd0 + i % 7), BH_SLICE_SECTOR);
    memcpy(fake_slices.stable, fake_slices.disk, sizeof(fake_slices.stable));
}

/* As the hypervisor does it: zeros, then the epoch. */
static void channel_restart(struct fake_channel *channel, struct bh_channel *in_one, struct bh_channel *in_other)
{
    memset(channel, 0, sizeof(*channel));
    in_one->epoch++;
    in_other->epoch = in_one->epoch;
}

void fake_server_start(void)
{
    while (fake_slices.under_way > 0) { /* the controller is reset: some have been done, some never will be */
        struct operation operation = operations[--fake_slices.under_way];
        if (fake_slices_random() % 2)
            operation_do(&operation);
    }
    blocks_free();
    for (unsigned i = 0; i < FAKE_SLICES; i++)
        channel_restart(fake_slices.answers[i], &fake_slices.server_view.channel[2 * i + 1],
                        &fake_slices.client_view[i].channel[1]);
    const char *wrong = slice_server_open(&fake_slices.server, &disk, &fake_slices.server_view);
    demand(!wrong, wrong);
}

void fake_client_scrub(unsigned slice)
{
    channel_restart(fake_slices.requests[slice], &fake_slices.server_view.channel[2 * slice],
                    &fake_slices.client_view[slice].channel[0]);
}

void fake_client_start(unsigned slice)
{
    char name[16];

    fake_client_scrub(slice);
    snprintf(name, sizeof(name), "slice%u", slice);
    demand(slice_open(&fake_slices.clients[slice], &fake_slices.client_view[slice], name), "the client does not find its slice");
}

void fake_slices_run(unsigned rounds)
{
    for (unsigned i = 0; i < rounds; i++) {
        slice_server_step(&fake_slices.server);
        for (unsigned k = 0; k < FAKE_SLICES; k++)
            if (fake_slices.clients[k].sectors > 0)
                slice_step(&fake_slices.clients[k]);
    }
}
