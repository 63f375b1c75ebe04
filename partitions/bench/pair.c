/* SPDX-License-Identifier: Apache-2.0 */
/* What channels cost. The argument is the part it plays: caller, which measures; answerer; idle; ringer, which
 * measures the port of a Linux. Under `-icount` all cores take turns and a tick
 * of the TSC is one instruction of any of them, so a difference is what both ends and the hypervisor did in between, as long as the others
 * rest. One line of JSON per figure. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "bh.h"
#include "carry.h"
#include "channel.h"
#include "cpu.h"
#include "ring.h"
#include "stream.h"

#define ROUNDS 1000u
#define BLOCK 32768u
#define STREAMED (4u << 20)
#define FLOOD_NS 100000000ull
#define REST_NS 2000000000ull /* until what was written is out, and the console takes more */
#define PACE_NS 1000000ull    /* below the doorbells that the table allows */
#define PARTITIONS 3u

/* 64 bytes. */
struct message {
    uint64_t sleeps;         /* the answerer is to sleep until it is rung, rather than to poll */
    uint64_t sent, received; /* TSC */
    uint64_t task;           /* to be done before the answer */
    uint64_t pad[4];
};
_Static_assert(sizeof(struct message) == 64, "message size");

static struct ring ring;
static struct stream stream;
static uint8_t block[BLOCK], other[BLOCK];

static void send(const struct message *message)
{
    while (!ring_send(&ring, message, sizeof(*message)))
        cpu_pause();
    ring_flush(&ring);
}

/* Polling: nobody is asked to ring. Else with the peer's doorbell, and no timer. */
static void receive(struct message *message, bool sleeps)
{
    size_t size;

    while (ring_receive(&ring, message, sizeof(*message), &size) != RING_GOOD)
        if (sleeps)
            channel_wait(&ring.end, BH_WANTS_DATA, 0, UINT64_MAX);
        else
            cpu_pause();
}

/* --- the caller ---------------------------------------------------------------------------------------------------------------------- */

struct look {
    struct bh_status of[PARTITIONS]; /* in the order of the table's `observes` */
};

static void look(struct look *look)
{
    for (unsigned n = 0; n < PARTITIONS; n++)
        bh_status(n, &look->of[n]);
}

/* The answerer's exits by kind: the caller, who does the same, may not observe itself. */
static void show_exits(const char *name, const struct look *before, const struct look *after)
{
    static const char *const kinds[] = {BH_EXIT_NAMES};

    for (unsigned k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++)
        if (after->of[0].exits[k] != before->of[0].exits[k])
            printf("{\"exits\": \"%s\", \"kind\": \"%s\", \"count\": %" PRIu64 "}\n", name, kinds[k],
                   after->of[0].exits[k] - before->of[0].exits[k]);
}

static void measure_messages(const char *name, bool sleeps)
{
    struct message message = {.sleeps = sleeps};
    struct look before, after;
    uint64_t one_way = UINT64_MAX, both = UINT64_MAX;

    for (unsigned i = 0; i < 10; i++) /* the first ones bring the answerer to its way of waiting */
        send(&message), receive(&message, sleeps);
    look(&before);
    for (unsigned i = 0; i < ROUNDS; i++) {
        message.sent = bh_tsc();
        send(&message);
        receive(&message, sleeps);
        uint64_t now = bh_tsc();

        if (message.received - message.sent < one_way)
            one_way = message.received - message.sent;
        if (now - message.sent < both)
            both = now - message.sent;
        if (sleeps)
            bh_sleep_ns(PACE_NS);
    }
    look(&after);
    printf("{\"messages\": \"%s\", \"rounds\": %u, \"one_way\": %" PRIu64 ", \"round_trip\": %" PRIu64 "}\n", name, ROUNDS, one_way,
           both);
    show_exits(name, &before, &after);
}

/* There, at the answerer, each byte is copied into its memory. */
static void measure_stream(void)
{
    struct message message = {0};
    size_t done = 0;
    uint64_t start;

    send(&message), receive(&message, false);
    stream_state(&stream); /* of its beginning, which wants to be told */
    start = bh_tsc();
    while (done < STREAMED) {
        size_t size = STREAMED - done < BLOCK ? STREAMED - done : BLOCK, now = stream_write(&stream, block, size);

        done += now;
        stream_flush(&stream);
        if (now == 0)
            cpu_pause();
    }
    printf("{\"stream\": %u, \"ticks\": %" PRIu64 "}\n", STREAMED, bh_tsc() - start);
    carry_memcpy(other, block, BLOCK);
}

static void ask(enum task task)
{
    struct message message = {.task = task};

    send(&message);
}

static void answered(void)
{
    struct message message;

    receive(&message, false);
}

static void flood_nothing(uint64_t until)
{
    while (bh_now_ns() < until)
        ;
}

static void flood_doorbells(uint64_t until)
{
    while (bh_now_ns() < until)
        bh_call(BH_CALL_DOORBELL, ring.end.number, 0, 0);
}

/* Many times what the console takes. */
static void flood_console(uint64_t until)
{
    memset(block, 'x', sizeof(block));
    for (; bh_now_ns() < until; bh_sleep_ns(FLOOD_NS / 20)) {
        bh_console_write((const char *)block, 16384);
        bh_call(BH_CALL_CONSOLE, 0, 0, 0);
    }
}

static void measure_flood(const char *name, void (*flood)(uint64_t until), uint64_t ns)
{
    struct look before, after;

    bh_sleep_ns(REST_NS);
    look(&before);
    flood(bh_now_ns() + ns);
    look(&after);
    bh_sleep_ns(REST_NS);
    for (unsigned n = 0; n < PARTITIONS; n++)
        printf("\n{\"flood\": \"%s\", \"core_of\": \"%s\", \"busy\": %" PRIu64 ", \"ticks\": %" PRIu64 "}\n", name,
               after.of[n].name, after.of[n].busy - before.of[n].busy, after.of[n].now - before.of[n].now);
}

static void call(void)
{
    struct message message = {0};

    send(&message);
    receive(&message, false);
    measure_messages("polling", false);
    measure_messages("doorbell", true);
    measure_stream();
    carry_cable(&(struct carry_peer){ask, answered});
    carry_slice(&(struct carry_peer){ask, answered});
    message.sleeps = 1; /* the answerer rests from now on */
    send(&message);
    receive(&message, true);
    measure_flood("nothing", flood_nothing, FLOOD_NS);
    measure_flood("doorbells", flood_doorbells, FLOOD_NS);
    measure_flood("console, 1 s after a rest", flood_console,
                  10 * FLOOD_NS); /* with what its bucket has saved: two seconds' worth */
    measure_flood("console, 5 s", flood_console, 50 * FLOOD_NS);
    printf("{\"bench\": \"end\"}\n");
}

/* --- the others ---------------------------------------------------------------------------------------------------------------------- */

static void answer(void)
{
    struct message message = {0};
    size_t size;

    for (;;) {
        if (ring_receive(&ring, &message, sizeof(message), &size) == RING_GOOD) {
            message.received = bh_tsc();
            carry_answer((enum task)message.task, &ring);
            send(&message);
        } else if (message.sleeps != 0) {
            channel_wait(&ring.end, BH_WANTS_DATA, 0, UINT64_MAX);
        } else {
            if (stream_state(&stream) == STREAM_OPEN && stream_read(&stream, block, BLOCK) > 0)
                stream_flush(&stream);
            cpu_pause();
        }
    }
}

int main(int argc, char **argv)
{
    const char *part = argc > 1 ? argv[1] : "";
    bool calls = strcmp(part, "caller") == 0;
    unsigned in;

    setvbuf(stdout, 0, _IOLBF, 0);
    if (strcmp(part, "ringer") == 0)
        carry_port();
    if (calls || strcmp(part, "answerer") == 0) {
        if (!ring_find(&ring, calls ? "call" : "answer", calls ? "answer" : "call") ||
            !stream_find(&stream, calls ? "up" : "down", calls ? "down" : "up") ||
            !channel_find(calls ? "answer" : "call", false, &in) || !channel_listen(in, 0, 0, 0))
            return 1;
        calls ? call() : answer();
    }
    for (;;)
        bh_wait(UINT64_MAX);
}
