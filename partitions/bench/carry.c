/* SPDX-License-Identifier: Apache-2.0 */
/* What a cable and a slice carry for their instructions: frames as record ends have them, without lwIP; requests as a client and a server of
 * slices have them, with memory for a disk, so that nothing is counted but the way. */
#include "carry.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "bh.h"
#include "channel.h"
#include "cpu.h"
#include "slice_client.h"
#include "slice_server.h"

#define CARRIED (4u << 20)
#define FRAME 1514u
#define FRAMES (CARRIED / FRAME)
#define DISK (1u << 20)
#define DEPTH 4u

static struct record_end end;
static struct slice slice;
static struct slice_server server;
static uint8_t frame[FRAME], buffers[DEPTH][BH_SLICE_MAX], medium[DISK];

static void show(const char *name, uint32_t bytes, uint64_t ticks)
{
    printf("{\"%s\": %" PRIu32 ", \"ticks\": %" PRIu64 "}\n", name, bytes, ticks);
}

/* --- cable --------------------------------------------------------------------------------------------------------------------- */

/* From both ends: each waits until the other is there. */
static bool cable_open(const char *out, const char *in)
{
    if (end.out.size == 0 && !channel_open(&end, out, in))
        return false;
    while (record_renewed(&end) || !record_connected(&end))
        cpu_pause();
    return true;
}

void carry_cable(const struct carry_peer *peer)
{
    struct record_piece piece = {frame, FRAME};
    uint64_t start;

    peer->ask(TASK_CABLE);
    if (!cable_open("lan.0", "lan.1"))
        return;
    start = bh_tsc();
    for (unsigned i = 0; i < FRAMES;) {
        if (record_put(&end, 0, &piece, 1))
            i++;
        else
            cpu_pause();
        record_flush(&end);
    }
    peer->answered();
    show("cable", FRAMES * FRAME, bh_tsc() - start);
}

static void answer_cable(void)
{
    struct bh_record record;

    if (!cable_open("lan.1", "lan.0"))
        return;
    for (unsigned i = 0; i < FRAMES;) {
        if (record_take(&end, frame, sizeof(frame), &record))
            i++;
        else
            cpu_pause();
        record_flush(&end);
    }
}

/* --- slice --------------------------------------------------------------------------------------------------------------------- */

static void slice_all(enum bh_slice_type type, const char *name)
{
    uint64_t start = bh_tsc();
    unsigned started = 0, ended = 0;
    enum slice_result result;
    void *token;

    while (ended < CARRIED / BH_SLICE_MAX) {
        if (started < CARRIED / BH_SLICE_MAX && started - ended < DEPTH &&
            slice_start(&slice, type, started * BH_SLICE_MAX % DISK / BH_SLICE_SECTOR, buffers[started % DEPTH], BH_SLICE_MAX, 0))
            started++;
        slice_step(&slice);
        while (slice_done(&slice, &token, &result)) {
            ended++;
            if (result != SLICE_GOOD)
                printf("error: slice: %s\n", slice_result_name(result));
        }
        cpu_pause();
    }
    show(name, CARRIED, bh_tsc() - start);
}

void carry_slice(const struct carry_peer *peer)
{
    if (!slice_open(&slice, channel_list(), "part"))
        return;
    peer->ask(TASK_SLICE);
    memset(buffers, 's', sizeof(buffers));
    slice_all(BH_SLICE_WRITE, "slice, writing");
    slice_all(BH_SLICE_READ, "slice, reading");
    peer->ask(TASK_NONE); /* it ends the task, and is answered as the others are */
    peer->answered();
    peer->answered();
}

static void *ended[SLICE_CLIENTS * SLICE_SHARE];
static unsigned ended_count;

static bool medium_start(void *context, enum bh_slice_type type, uint64_t sector, uint32_t sectors, void *memory, void *token)
{
    uint8_t *at = medium + sector * BH_SLICE_SECTOR;

    (void)context;
    if (type == BH_SLICE_WRITE)
        memcpy(at, memory, sectors * BH_SLICE_SECTOR);
    else if (type == BH_SLICE_READ)
        memcpy(memory, at, sectors * BH_SLICE_SECTOR);
    ended[ended_count++] = token;
    return true;
}

static bool medium_done(void *context, void **token, bool *good)
{
    (void)context;
    if (ended_count == 0)
        return false;
    *token = ended[--ended_count];
    *good = true;
    return true;
}

static void answer_slice(struct ring *ring)
{
    static const struct slice_disk disk = {0, DISK, medium_start, medium_done};
    const char *wrong = slice_server_open(&server, &disk, channel_list());

    if (wrong)
        printf("error: slice: %s\n", wrong);
    while (!record_waiting(&ring->end))
        if (!slice_server_step(&server))
            cpu_pause();
}

void carry_answer(enum task task, struct ring *ring)
{
    if (task == TASK_CABLE)
        answer_cable();
    else if (task == TASK_SLICE)
        answer_slice(ring);
}

/* --- the port of a Linux ---------------------------------------------------------------------------------------------------------- */

#define SECOND 1000000000ull
#define START_NS (20 * SECOND) /* a Linux that has a prompt rests by then */

void carry_memcpy(uint8_t *to, const uint8_t *from, uint32_t block)
{
    uint64_t start = bh_tsc();

    for (uint32_t done = 0; done < CARRIED; done += block) {
        memcpy(to, from, block);
        __asm__ volatile("" : : "r"(to) : "memory");
    }
    show("memcpy", CARRIED, bh_tsc() - start);
}

static uint32_t port_rests(uint64_t until)
{
    bh_sleep_ns(until - bh_now_ns());
    return 0;
}

static uint32_t port_is_rung(uint64_t until)
{
    for (; bh_now_ns() < until; bh_sleep_ns(SECOND / 40000)) /* twice what is let through */
        bh_call(BH_CALL_DOORBELL, end.number, 0, 0);
    return 0;
}

/* Of a protocol that nobody listens to. What has been put is there when the ring has room for all of it again. */
static uint32_t port_is_fed(uint64_t until)
{
    struct record_piece piece = {frame, FRAME};
    uint32_t bytes = 0;

    memset(frame, 0xff, 12);
    frame[12] = 0x88;
    frame[13] = 0xb5;
    while (bh_now_ns() < until) {
        if (record_put(&end, 0, &piece, 1))
            bytes += FRAME;
        else
            bh_sleep_ns(SECOND / 10000);
        record_flush(&end);
    }
    bh_sleep_ns(SECOND / 10);
    return bytes;
}

static void port_measure(const char *name, uint32_t (*storm)(uint64_t until))
{
    static const char *const kinds[] = {BH_EXIT_NAMES};
    static struct bh_status before, after; /* of the Linux */
    uint32_t bytes;

    bh_status(0, &before);
    bytes = storm(bh_now_ns() + SECOND);
    bh_status(0, &after);
    printf("{\"port\": \"%s\", \"busy\": %" PRIu64 ", \"ticks\": %" PRIu64 ", \"bytes\": %" PRIu32 "}\n", name,
           after.busy - before.busy, after.now - before.now, bytes);
    for (unsigned k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++)
        if (after.exits[k] != before.exits[k])
            printf("{\"port\": \"%s\", \"kind\": \"%s\", \"count\": %" PRIu64 "}\n", name, kinds[k],
                   after.exits[k] - before.exits[k]);
}

void carry_port(void)
{
    if (!channel_open(&end, "lan.0", "lan.1"))
        return;
    while (record_renewed(&end) || !record_connected(&end))
        bh_sleep_ns(SECOND / 10);
    bh_sleep_ns(START_NS);
    port_measure("nothing", port_rests);
    port_measure("doorbells", port_is_rung);
    port_measure("frames", port_is_fed);
    carry_memcpy(buffers[0], buffers[1], 32768);
    printf("{\"bench\": \"end\"}\n");
}
