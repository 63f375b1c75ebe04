/* SPDX-License-Identifier: Apache-2.0 */
/* An NVMe namespace as the disk that slices lie on. */
#include "slices.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bh.h"
#include "slice_server.h"

#define QUEUE 0u
#define LOOK_NS 10000000ull /* at what the disk has, where its interrupt may be lost or be none */

static struct slice_server server;
static struct slice_disk under;
static struct nvme *disk;
static struct nvme_namespace space;
static uint64_t base; /* sector of the namespace that is the server's first */
static uint32_t dies; /* at so many requests from now that the disk has done; 0: it does not */

static bool start(void *context, enum bh_slice_type type, uint64_t sector, uint32_t sectors, void *memory, void *token)
{
    enum nvme_operation operation = type == BH_SLICE_READ ? NVME_READ : type == BH_SLICE_WRITE ? NVME_WRITE : NVME_FLUSH;

    (void)context;
    return nvme_start(disk, QUEUE, operation, &space, base + sector, sectors, memory, token) == 0;
}

/* What a controller that has failed leaves undone is not answered: this partition ends, and its next life is asked again. */
static bool done(void *context, void **token, bool *good)
{
    nvme_status status;

    (void)context;
    if (!nvme_done(disk, QUEUE, token, &status) || disk->failed)
        return false;
    if (dies > 0 && --dies == 0) {
        printf("storage: dies, as it was told\n");
        exit(1); /* this request is done and not answered, others are under way, the controller is as it is */
    }
    *good = status == 0;
    return true;
}

static void on_bell(void *arg)
{
    (void)arg; /* it has ended bh_wait() */
}

static bool bells_open(void)
{
    unsigned vector = bh_vector_take(on_bell, &server);

    for (unsigned i = 0; i < server.count && vector != 0; i++)
        if (bh_call(BH_CALL_VECTOR, BH_SOURCE_CHANNEL + server.clients[i].bell, vector, bh_core()) != 0)
            return false;
    return vector != 0;
}

/* Before anything is asked. */
static void keep(const char *only)
{
    unsigned kept = 0;

    for (unsigned i = 0; i < server.count; i++) {
        if (strcmp(server.clients[i].name, only) != 0)
            continue;
        server.clients[kept] = server.clients[i];
        for (unsigned k = 0; k < SLICE_SHARE; k++)
            server.clients[kept].slots[k].client = kept;
        kept++;
    }
    server.count = kept;
}

const char *slices_open(struct nvme *nvme, uint32_t id, uint64_t first, uint64_t sectors, const char *only, unsigned *count)
{
    const volatile struct bh_channels *channels = (const volatile struct bh_channels *)(uintptr_t)BH_CHANNELS_INFO_GPA;

    disk = nvme;
    *count = 0;
    for (unsigned i = 0; i < channels->count && i < BH_MAX_CHANNELS; i++)
        *count += channels->channel[i].kind == BH_CHANNEL_REQUEST && !channels->channel[i].writes;
    if (*count == 0)
        return 0;
    if (id == 0 || nvme_namespace(nvme, id, &space) != 0 || space.blocks == 0)
        return "there is no namespace of its own";
    if (space.block_size != BH_SLICE_SECTOR)
        return "the namespace has no blocks of 512 bytes";
    if (nvme->transfer_max < BH_SLICE_MAX || nvme->queues == 0)
        return "the controller takes no 64 KiB in one command";
    if (first > space.blocks || sectors > space.blocks - first)
        return "their place is not on the namespace";
    base = first;
    under = (struct slice_disk){0, (sectors ? sectors : space.blocks - first) * BH_SLICE_SECTOR, start, done};
    const char *wrong = slice_server_open(&server, &under, channels);
    if (!wrong && only) {
        keep(only);
        *count = server.count;
    }
    return wrong ? wrong : bells_open() ? 0 : "no vector for the clients' doorbells";
}

bool slices_step(void)
{
    return server.count > 0 && slice_server_step(&server);
}

void slices_wait(uint64_t deadline)
{
    uint64_t soon = bh_now_ns() + LOOK_NS;
    bool busy = slice_server_started(&server) > 0;

    if (busy && deadline > soon)
        deadline = soon;
    bool were_on = bh_irq_off();
    if (slice_server_idle(&server) && !nvme_ready(disk, QUEUE) && !bh_console_wait(0) && (!busy || disk->io[QUEUE].interrupts))
        bh_wait(deadline);
    bh_irq_restore(were_on);
}

bool slices_find(const char *name, uint64_t *first, uint64_t *sectors)
{
    for (unsigned i = 0; i < server.count; i++)
        if (strcmp(server.clients[i].name, name) == 0) {
            *first = base + server.clients[i].first;
            *sectors = server.clients[i].sectors;
            return true;
        }
    return false;
}

void slices_die(uint32_t after)
{
    dies = after;
}

void slices_list(void)
{
    if (server.count == 0)
        printf("no slices are served\n");
    for (unsigned i = 0; i < server.count; i++) {
        const struct slice_served *c = &server.clients[i];
        const struct slice_statistics *s = &c->statistics;
        printf("slice %s: namespace %" PRIu32 " sector %" PRIu64 ", %" PRIu64 " MiB%s, client met %" PRIu64 " times\n", c->name,
               space.id, base + c->first, c->sectors / (1048576 / BH_SLICE_SECTOR), c->read_only ? ", read only" : "", s->lives);
        printf("  %" PRIu64 " reads %" PRIu64 " KiB, %" PRIu64 " writes %" PRIu64 " KiB, %" PRIu64 " flushes, %" PRIu64
               " refused, %" PRIu64 " failed, %" PRIu64 " times the ring made no sense\n",
               s->reads, s->bytes_read >> 10, s->writes, s->bytes_written >> 10, s->flushes, s->refused, s->failed,
               c->end.count.bad);
    }
}
