/* SPDX-License-Identifier: Apache-2.0 */
/* Two partitions that talk, and some that listen: what channels can do, and what docs/howto-channels.md shows. The argument is the part it
 * plays: caller, answerer or listener. The caller takes commands. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bh.h"
#include "bulletin.h"
#include "channel.h"
#include "ring.h"
#include "stream.h"

#define PATIENCE_NS 20000000000ull
#define LOOK_NS 100000000ull
#define BLOCK 8192u

static struct ring ring;
static struct stream stream;
static struct bulletin news;
static unsigned ring_in, stream_in;

static uint64_t deadline(void)
{
    return bh_now_ns() + PATIENCE_NS;
}

/* The next message or renewal, waiting for it. False: none in time. */
static bool hear(void *to, size_t room, size_t *size, enum ring_result *result, uint64_t until)
{
    for (;;) {
        *result = ring_receive(&ring, to, room, size);
        if (*result != RING_NONE)
            return true;
        if (bh_now_ns() >= until)
            return false;
        channel_wait(&ring.end, BH_WANTS_DATA, 0, until);
    }
}

static bool say(const void *bytes, size_t size, uint64_t until)
{
    while (!ring_send(&ring, bytes, size)) {
        if (bh_now_ns() >= until)
            return false;
        channel_wait(&ring.end, BH_WANTS_ROOM, (uint32_t)size + 8, bh_now_ns() + LOOK_NS);
    }
    ring_flush(&ring);
    return true;
}

/* --- the caller ---------------------------------------------------------------------------------------------------------------------- */

static void results_show(void)
{
    for (unsigned i = RING_GOOD; i < RING_RESULTS; i++)
        if (ring.results[i] != 0)
            printf(", %" PRIu64 " %s", ring.results[i], ring_result_name(i));
    printf("; rung %" PRIu64 " times\n", ring.end.count.rings);
}

/* Returns how many came back as they were. */
static unsigned exchange(unsigned count, size_t size)
{
    static uint8_t out[RING_MESSAGE_MAX], in[RING_MESSAGE_MAX];
    unsigned same = 0;
    size_t got;
    enum ring_result result;

    ring_receive(&ring, in, sizeof(in), &got); /* of a renewal that has not been told yet, if there was one */
    for (unsigned i = 0; i < count; i++) {
        for (size_t k = 0; k < size; k++)
            out[k] = (uint8_t)(i * 7 + k);
        if (!say(out, size, deadline()) || !hear(in, sizeof(in), &got, &result, deadline()))
            break;
        same += result == RING_GOOD && got == size && memcmp(in, out, size) == 0;
    }
    return same;
}

static void do_messages(unsigned count, unsigned size)
{
    printf("messages: %u of %u came back", exchange(count, size < RING_MESSAGE_MAX ? size : RING_MESSAGE_MAX), count);
    results_show();
}

static uint8_t pattern(uint64_t at)
{
    return (uint8_t)(at ^ at >> 8 ^ at >> 16);
}

/* True: something went one way or the other. */
static bool stream_step(uint64_t total, uint64_t *sent, uint64_t *got, uint64_t *wrong)
{
    static uint8_t out[BLOCK], in[BLOCK];
    size_t size = total - *sent < BLOCK ? (size_t)(total - *sent) : BLOCK, done, read;

    for (size_t i = 0; i < size; i++)
        out[i] = pattern(*sent + i);
    done = stream_write(&stream, out, size);
    read = stream_read(&stream, in, sizeof(in));
    for (size_t i = 0; i < read; i++)
        *wrong += in[i] != pattern(*got + i);
    *sent += done;
    *got += read;
    stream_flush(&stream);
    return done + read > 0;
}

static void do_stream(unsigned kib, unsigned unused)
{
    uint64_t total = (uint64_t)kib << 10, sent = 0, got = 0, wrong = 0, until = deadline();

    (void)unused;
    stream_state(&stream);
    while (got < total && bh_now_ns() < until && stream_state(&stream) == STREAM_OPEN)
        if (!stream_step(total, &sent, &got, &wrong))
            channel_wait(&stream.end, BH_WANTS_DATA | (sent < total ? BH_WANTS_ROOM : 0), STREAM_PIECE, until);
    printf("stream: %" PRIu64 " of %" PRIu64 " bytes came back, %" PRIu64 " wrong\n", got, total, wrong);
}

/* Restarts the answerer, which its table lets it, so many times. Each time it is told of it, and talks to the next one. */
static void do_restarts(unsigned count, unsigned unused)
{
    uint32_t first = ring.end.seen;
    unsigned told = 0, same = 0;
    char in[16];
    size_t size;
    enum ring_result result = RING_NONE;

    (void)unused;
    for (unsigned i = 0; i < count; i++) {
        for (uint64_t until = deadline(); bh_call(BH_CALL_CONTROL, 0, BH_CONTROL_RESTART, 0) != 0 && bh_now_ns() < until;)
            bh_sleep_ns(5000000); /* orders have a pace */
        while (hear(in, sizeof(in), &size, &result, deadline()) && result != RING_RENEWED)
            ;
        told += result == RING_RENEWED;
        same += exchange(10, 64);
    }
    printf("restarts: %u, told of %u, epoch %" PRIu32 " more, %u of %u messages came back, %" PRIu64 " missing\n", count, told,
           ring.end.seen - first, same, 10 * count, ring.missing);
}

static unsigned words_left(unsigned channel)
{
    const volatile struct bh_channel *c = &channel_list()->channel[channel];
    const volatile uint64_t *words = (const volatile uint64_t *)(uintptr_t)(c->gpa + RECORD_RING_AT);
    unsigned left = 0;

    for (unsigned i = 0; i < c->size / sizeof(*words); i++)
        left += words[i] != 0;
    return left;
}

/* What the answerer has written into the ring for bytes, and what is left of that when it has started again and been given nothing to write there. */
static void do_residue(unsigned a, unsigned b)
{
    unsigned before = words_left(stream_in);

    do_restarts(1, 0);
    printf("residue: %u words before, %u after\n", before, words_left(stream_in));
    (void)a, (void)b;
}

/* What is shown by everybody who listens. */
static void do_news(unsigned count, unsigned unused)
{
    char text[64];
    unsigned published = 0;

    (void)unused;
    for (unsigned i = 1; i <= count; i++) {
        int size = snprintf(text, sizeof(text), "issue %u of %u", i, count);

        published += bulletin_publish(&news, text, (size_t)size);
    }
    bh_call(BH_CALL_DOORBELL, news.channel, 0, 0);
    printf("news: %u published\n", published);
}

/* Rings without end, as a partition gone wild would. */
static void do_storm(unsigned count, unsigned unused)
{
    unsigned rung = 0, later = 0, refused = 0;

    (void)unused;
    for (unsigned i = 0; i < count; i++) {
        uint64_t answer = bh_call(BH_CALL_DOORBELL, news.channel, 0, 0);

        rung += answer == 0;
        later += answer == BH_AGAIN;
        refused += answer != 0 && answer != BH_AGAIN;
    }
    printf("storm: %u rung, %u told to try later, %u refused\n", rung, later, refused);
}

/* Channels that it only reads, or that it has not. */
static void do_foreign(unsigned count, unsigned unused)
{
    unsigned refused = 0, tried = 0;

    (void)unused;
    for (unsigned i = 0; i < count; i++)
        if (i >= channel_list()->count || !channel_list()->channel[i].writes) {
            tried++;
            refused += bh_call(BH_CALL_DOORBELL, i, 0, 0) == BH_EINVAL;
        }
    printf("foreign: %u of %u doorbells refused\n", refused, tried);
}

/* --- the caller gone wild: what it can do to what it shares ------------------------------------------------------------------------- */

static uint64_t random_word(void)
{
    static uint64_t x = 0x20261122;

    x ^= x << 13, x ^= x >> 7, x ^= x << 17;
    return x;
}

/* All of each channel that it writes: indices, sizes, records. Every now and then it rings. */
static void do_scribble(unsigned count, unsigned unused)
{
    unsigned words = 0;

    (void)unused;
    for (unsigned i = 0; i < count; i++)
        for (unsigned n = 0; n < channel_list()->count; n++) {
            const volatile struct bh_channel *c = &channel_list()->channel[n];
            uint64_t at = random_word() % 2 ? random_word() % 16 : random_word() % c->size + RECORD_RING_AT;

            if (!c->writes)
                continue;
            *(volatile uint32_t *)(uintptr_t)((c->gpa + at) & ~3ull) = (uint32_t)random_word() >> random_word() % 32;
            words++;
            if (i % 16 == 0)
                bh_call(BH_CALL_DOORBELL, n, 0, 0);
        }
    printf("scribble: %u words\n", words);
}

static void flip(void *gpa)
{
    volatile uint64_t *at = gpa;

    *at = ~*at;
}

/* The attempt is a #GP. */
static bool changes(uint64_t gpa)
{
    volatile uint64_t *at = (volatile uint64_t *)(uintptr_t)gpa;
    uint64_t before = *at;
    struct bh_fault fault;

    return !bh_try(flip, (void *)(uintptr_t)gpa, &fault) || *at != before;
}

/* Writes where it may only read, and behind the last channel, where nothing is. */
static void do_trespass(unsigned a, unsigned b)
{
    unsigned tried = 0, changed = 0;
    uint64_t end = 0;

    (void)a, (void)b;
    for (unsigned n = 0; n < channel_list()->count; n++) {
        const volatile struct bh_channel *c = &channel_list()->channel[n];

        end = c->gpa + RECORD_RING_AT + c->size;
        for (unsigned i = 0; i < 4 && !c->writes; i++, tried++)
            changed += changes(c->gpa + (uint64_t[]){64, 4088, RECORD_RING_AT + 128, RECORD_RING_AT + c->size - 8}[i]);
    }
    changed += !bh_try(flip, (void *)(uintptr_t)end, &(struct bh_fault){0}), tried++;
    printf("trespass: %u of %u places changed\n", changed, tried);
}

/* Code in a channel: its own page tables would let it run. */
static void do_execute(unsigned a, unsigned b)
{
    const volatile struct bh_channel *c = &channel_list()->channel[ring.end.number];
    uint8_t *page = bh_window(0, c->gpa + RECORD_RING_AT, BH_WRITE | BH_EXECUTE);

    (void)a, (void)b;
    *page = 0xc3; /* ret */
    ((void (*)(void))(uintptr_t)page)();
    printf("execute: it ran\n");
}

static void command(const char *line)
{
    static const struct {
        const char *name;
        void (*run)(unsigned a, unsigned b);
    } commands[] = {{"messages", do_messages}, {"stream", do_stream},   {"restarts", do_restarts}, {"news", do_news},
                    {"storm", do_storm},       {"foreign", do_foreign}, {"scribble", do_scribble}, {"trespass", do_trespass},
                    {"execute", do_execute},   {"residue", do_residue}};
    char name[16] = "";
    unsigned a = 0, b = 0;

    sscanf(line, "%15s %u %u", name, &a, &b);
    for (unsigned i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        if (strcmp(commands[i].name, name) == 0) {
            commands[i].run(a, b);
            return;
        }
    printf("messages COUNT SIZE, stream KIB, restarts COUNT, news COUNT, storm COUNT, foreign COUNT, scribble COUNT, trespass, "
           "execute, residue\n");
}

static void call(void)
{
    char line[80];
    size_t size;
    enum ring_result result;

    if (!bulletin_find(&news, "news", true))
        printf("no channel news to write\n");
    if (!hear(line, sizeof(line), &size, &result, deadline()) || result != RING_RENEWED)
        printf("nobody answers\n");
    printf("caller: connected, epoch %" PRIu32 "\n", ring.end.seen);
    for (;;) {
        if (bh_getline(line, sizeof(line)))
            command(line);
        else
            bh_console_wait(bh_now_ns() + LOOK_NS);
    }
}

/* --- the others ------------------------------------------------------------------------------------------------------------------------ */

static bool echo_message(void)
{
    static uint8_t bytes[RING_MESSAGE_MAX];
    size_t size;
    enum ring_result result = ring_receive(&ring, bytes, sizeof(bytes), &size);

    if (result == RING_GOOD)
        say(bytes, size, deadline());
    return result != RING_NONE;
}

static bool echo_bytes(void)
{
    static uint8_t bytes[BLOCK];
    static size_t size, done;
    size_t before = done;

    if (stream_state(&stream) == STREAM_RENEWED)
        size = done = before = 0;
    if (done == size) {
        size = stream_read(&stream, bytes, sizeof(bytes));
        done = before = 0;
    }
    done += stream_write(&stream, bytes + done, size - done);
    stream_flush(&stream);
    return done > before;
}

/* Both doorbells wake it; the last look before it sleeps is with interrupts off. */
static void answer(void)
{
    for (;;) {
        bool busy = echo_message();

        if (echo_bytes() || busy)
            continue;
        ring_flush(&ring);
        bool were_on = bh_irq_off();
        bool idle = record_arm(&ring.end, BH_WANTS_DATA, 0) & record_arm(&stream.end, BH_WANTS_DATA | BH_WANTS_ROOM, STREAM_PIECE);
        if (idle)
            bh_wait(bh_now_ns() + LOOK_NS);
        bh_irq_restore(were_on);
    }
}

static void listen(void)
{
    char text[64];
    size_t size;

    for (;;) {
        enum ring_result result = bulletin_read(&news, text, sizeof(text), &size);

        if (result == RING_GOOD || result == RING_GAP)
            printf("news %" PRIu32 " of epoch %" PRIu32 ": %.*s\n", news.number, news.epoch, (int)size, text);
        else if (result != RING_NONE)
            printf("news: %s, epoch %" PRIu32 "\n", ring_result_name(result), news.epoch);
        else
            bh_wait(bh_now_ns() + LOOK_NS);
    }
}

static void connect(const char *const names[4])
{
    if (!ring_find(&ring, names[0], names[1]) || !stream_find(&stream, names[2], names[3])) {
        printf("this product has not the channels that are needed\n");
        exit(1);
    }
    channel_find(names[1], false, &ring_in);
    channel_find(names[3], false, &stream_in);
    if (!channel_listen(ring_in, 0, 0, 0) || !channel_listen(stream_in, 0, 0, 0))
        printf("no vectors\n");
}

int main(int argc, char **argv)
{
    const char *part = argc > 1 ? argv[1] : "";

    setvbuf(stdout, 0, _IOLBF, 0);
    if (strcmp(part, "caller") == 0) {
        connect((const char *const[]){"call", "answer", "up", "down"});
        call();
    } else if (strcmp(part, "answerer") == 0) {
        connect((const char *const[]){"answer", "call", "down", "up"});
        answer();
    } else if (bulletin_find(&news, "news", false)) {
        channel_listen(news.channel, 0, 0, 0);
        listen();
    }
    return 1;
}
