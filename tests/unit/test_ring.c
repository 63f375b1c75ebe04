/* SPDX-License-Identifier: Apache-2.0 */
/* pvdrivers/ring.c, stream.c, bulletin.c: two ends over channels in this test's memory. Loss, repetition, reordering, corruption and masquerade
 * are made one by one in the ring and told one from another; a peer that scribbles on all it can write gives no message that nobody sent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bh.h"
#include "bulletin.h"
#include "crc32c.h"
#include "ring.h"
#include "stream.h"
#include "two_ends.h"

#define FRAME 72u /* in the ring, of a message of 56 bytes: record, head, bytes */

static struct ring a, b;
static struct stream sa, sb;
static uint8_t text[RING_MESSAGE_MAX];
static size_t size;

uint64_t bh_call(uint64_t number, uint64_t channel, uint64_t y, uint64_t z)
{
    (void)channel, (void)y, (void)z;
    assert_int_equal(number, BH_CALL_DOORBELL);
    return 0;
}

/* What the hypervisor does when a writer starts, and then the writer. */
static void start(unsigned i)
{
    struct record_end end;

    wipe(i);
    record_open(&end, side(i), side(1 - i), i);
    ring_open(i == 0 ? &a : &b, &end, i == 0 ? "there" : "back", i == 0 ? "back" : "there");
}

static enum ring_result take(void)
{
    return ring_receive(&b, text, sizeof(text), &size);
}

static int setup(void **state)
{
    (void)state;
    memset(memory, 0x5a, sizeof(memory));
    epoch[0] = 10, epoch[1] = 20;
    start(0);
    start(1);
    assert_int_equal(take(), RING_RENEWED);
    assert_int_equal(ring_receive(&a, text, sizeof(text), &size), RING_RENEWED);
    assert_int_equal(take(), RING_NONE);
    return 0;
}

static bool say(uint8_t value)
{
    uint8_t bytes[FRAME - 16];

    memset(bytes, value, sizeof(bytes));
    return ring_send(&a, bytes, sizeof(bytes));
}

static void assert_said(enum ring_result result, uint8_t value)
{
    assert_int_equal(take(), result);
    assert_int_equal(size, FRAME - 16);
    for (size_t i = 0; i < size; i++)
        assert_int_equal(text[i], value);
}

static uint8_t *frame(unsigned n)
{
    return memory[0].ring + n * FRAME;
}

static void exchange(unsigned m, unsigned n)
{
    uint8_t kept[FRAME];

    memcpy(kept, frame(m), FRAME);
    memcpy(frame(m), frame(n), FRAME);
    memcpy(frame(n), kept, FRAME);
}

static void test_crc(void **state)
{
    (void)state;
    crc32c_init();
    assert_int_equal(crc32c(0, "123456789", 9), 0xe3069283u);
    for (size_t n = 0; n < 200; n++) {
        for (size_t i = 0; i < n; i++)
            text[i] = (uint8_t)(rand() >> 5);
        assert_int_equal(crc32c(7, text, n), crc32c_table(7, text, n));
        assert_int_equal(crc32c(crc32c(7, text, n / 3), text + n / 3, n - n / 3), crc32c(7, text, n));
    }
}

static void test_good(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 300; round++) { /* many times around */
        size_t n = round * 37u % (RING_MESSAGE_MAX + 1);
        uint8_t bytes[RING_MESSAGE_MAX];

        for (size_t i = 0; i < n; i++)
            bytes[i] = (uint8_t)(round + i);
        assert_true(ring_send(&a, bytes, n));
        assert_int_equal(take(), RING_GOOD);
        assert_int_equal(size, n);
        assert_memory_equal(text, bytes, n);
    }
    assert_int_equal(b.missing, 0);
    assert_false(ring_send(&a, text, RING_MESSAGE_MAX + 1));
    while (say(1))
        ;
    assert_in_range(a.next_out, 300 + RING / FRAME, 300 + RING / FRAME); /* full is full */
}

static void test_little_room(void **state)
{
    uint8_t small[8];

    (void)state;
    assert_true(say(9));
    memset(small, 0, sizeof(small));
    assert_int_equal(ring_receive(&b, small, 4, &size), RING_GOOD);
    assert_int_equal(size, FRAME - 16);
    assert_memory_equal(small, ((uint8_t[]){9, 9, 9, 9, 0, 0, 0, 0}), 8);
}

static void test_loss(void **state)
{
    (void)state;
    for (uint8_t i = 0; i < 5; i++)
        assert_true(say(i));
    memmove(frame(1), frame(3), 2 * FRAME); /* 0 3 4 */
    memory[0].head.produced -= 2 * FRAME;
    assert_said(RING_GOOD, 0);
    assert_said(RING_GAP, 3);
    assert_said(RING_GOOD, 4);
    assert_int_equal(b.missing, 2);
}

static void test_repetition(void **state)
{
    (void)state;
    for (uint8_t i = 0; i < 4; i++)
        assert_true(say(i));
    memcpy(frame(3), frame(1), FRAME);
    assert_said(RING_GOOD, 0);
    assert_said(RING_GOOD, 1);
    assert_said(RING_GOOD, 2);
    assert_int_equal(take(), RING_REPEATED);
    assert_int_equal(size, 0);
}

static void test_reordering(void **state)
{
    (void)state;
    for (uint8_t i = 0; i < 4; i++)
        assert_true(say(i));
    exchange(1, 2);
    assert_said(RING_GOOD, 0);
    assert_said(RING_GAP, 2);
    assert_int_equal(b.missing, 1);
    assert_said(RING_LATE, 1);
    assert_int_equal(b.missing, 0);
    assert_said(RING_GOOD, 3);
}

/* Each bit of it, but for its size in the record, which says where the next one begins. */
static void test_corruption(void **state)
{
    (void)state;
    for (unsigned bit = 32; bit < FRAME * 8; bit++) {
        setup(0);
        assert_true(say(1));
        assert_true(say(2));
        frame(0)[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_equal(take(), RING_CORRUPT);
        assert_int_equal(size, 0);
        assert_said(RING_GAP, 2);
    }
}

static void test_corrupt_size(void **state)
{
    (void)state;
    for (unsigned bit = 0; bit < 32; bit++) {
        enum ring_result result;

        setup(0);
        assert_true(say(1));
        frame(0)[bit / 8] ^= (uint8_t)(1u << bit % 8);
        result = take();
        assert_true(result == RING_CORRUPT || result == RING_BROKEN);
        for (unsigned i = 0; i < 10; i++)
            assert_int_not_equal(take(), RING_GOOD);
        assert_true(say(2)); /* and goes on */
        assert_said(RING_GAP, 2);
    }
}

/* A whole message, but of the other channel, or of an earlier life of this one. */
static void test_masquerade(void **state)
{
    uint8_t old[FRAME];

    (void)state;
    assert_true(ring_send(&b, text, FRAME - 16));
    memcpy(frame(0), memory[1].ring, FRAME);
    memory[0].head.produced = FRAME;
    assert_int_equal(take(), RING_FOREIGN);
    assert_true(say(3) || true);
    setup(0);
    assert_true(say(1));
    memcpy(old, frame(0), FRAME);
    start(0);
    assert_int_equal(take(), RING_RENEWED);
    assert_true(say(2));
    memcpy(frame(0), old, FRAME);
    assert_int_equal(take(), RING_FOREIGN);
}

static void test_broken_indices(void **state)
{
    static const uint32_t wild[] = {1, 7, 8, 12, RING + 8, 0x80000000, 0xfffffff8};

    (void)state;
    for (unsigned i = 0; i < sizeof(wild) / sizeof(wild[0]); i++) {
        setup(0);
        memory[0].head.produced = wild[i];
        memset(memory[0].ring, 0xff, RING);
        assert_int_equal(take(), RING_BROKEN);
        assert_int_equal(take(), RING_NONE);
    }
}

/* Records and bulletins that say that they are larger than any can be, though the ring is large enough. */
static void test_too_large(void **state)
{
    struct bh_record record = {.size = RING - 16};
    struct bulletin writer, reader;
    uint32_t wrong = 1000000;

    (void)state;
    memcpy(memory[0].ring, &record, sizeof(record));
    memory[0].head.produced = RING - 8;
    assert_int_equal(take(), RING_CORRUPT);
    wipe(1);
    bulletin_open(&writer, side(1), 1, "news");
    bulletin_open(&reader, side(1), 1, "news");
    for (unsigned i = 0; i < BULLETIN_SLOTS - 1; i++)
        assert_true(bulletin_publish(&writer, "x", 1));
    memcpy(memory[1].ring + RING / BULLETIN_SLOTS * (BULLETIN_SLOTS - 1), &wrong, sizeof(wrong));
    assert_int_equal(bulletin_read(&reader, text, sizeof(text), &size), RING_CORRUPT);
}

/* 25 times each end: never a message of an earlier life, never one lost without being told. */
static void test_sep4_restarts(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 50; i++) {
        assert_true(say((uint8_t)i)); /* under way when one of them starts again */
        start(i % 2);
        assert_int_equal(take(), RING_RENEWED);
        assert_int_equal(ring_receive(&a, text, sizeof(text), &size), RING_RENEWED);
        assert_int_equal(take(), RING_NONE);
        assert_true(say((uint8_t)(100 + i)));
        assert_said(RING_GOOD, (uint8_t)(100 + i));
    }
    wipe(0); /* while it is taken: nothing is given of a channel that is being emptied */
    assert_int_equal(take(), RING_RENEWED);
    assert_int_equal(take(), RING_NONE);
}

/* --- streams ------------------------------------------------------------------------------------------------------------------------------ */

static void streams_start(void)
{
    struct record_end end;

    for (unsigned i = 0; i < 2; i++)
        wipe(i);
    for (unsigned i = 0; i < 2; i++) {
        record_open(&end, side(i), side(1 - i), i);
        stream_open(i == 0 ? &sa : &sb, &end);
    }
    assert_int_equal(stream_state(&sa), STREAM_RENEWED);
    assert_int_equal(stream_state(&sb), STREAM_RENEWED);
    assert_int_equal(stream_state(&sb), STREAM_OPEN);
}

static uint8_t pattern(size_t at)
{
    return (uint8_t)(at ^ at >> 8 ^ at >> 16);
}

static void test_stream(void **state)
{
    static uint8_t out[10000], in[10000];
    size_t sent = 0, got = 0;

    (void)state;
    streams_start();
    for (unsigned round = 0; got < 1000000; round++) {
        size_t n = 1 + (size_t)rand() % sizeof(out), room = 1 + (size_t)rand() % (round % 2 ? 100 : sizeof(in)), done;

        for (size_t i = 0; i < n; i++)
            out[i] = pattern(sent + i);
        sent += stream_write(&sa, out, n);
        done = stream_read(&sb, in, room);
        assert_true(done <= room);
        for (size_t i = 0; i < done; i++)
            assert_int_equal(in[i], pattern(got + i));
        got += done;
        assert_true(got <= sent && sent - got <= RING + STREAM_PIECE);
    }
}

static void test_stream_broken(void **state)
{
    (void)state;
    streams_start();
    assert_int_equal(stream_write(&sa, text, 100), 100);
    memory[0].ring[4]++; /* of another place in the stream */
    assert_int_equal(stream_read(&sb, text, sizeof(text)), 0);
    assert_int_equal(stream_state(&sb), STREAM_BROKEN);
    assert_int_equal(stream_read(&sb, text, sizeof(text)), 0);
    streams_start();
    assert_int_equal(stream_write(&sa, text, 100), 100);
    assert_int_equal(stream_read(&sb, text, 60), 60);
    wipe(0); /* what was held is of a life that is over */
    assert_int_equal(stream_read(&sb, text, 60), 0);
    assert_int_equal(stream_state(&sb), STREAM_RENEWED);
    assert_int_equal(stream_read(&sb, text, 60), 0);
}

/* --- bulletins ---------------------------------------------------------------------------------------------------------------------------- */

static void test_bulletin(void **state)
{
    struct bulletin writer, reader;

    (void)state;
    wipe(0);
    bulletin_open(&writer, side(0), 0, "news");
    bulletin_open(&reader, side(0), 0, "news");
    assert_int_equal(bulletin_room(&writer), RING / 4 - 16);
    assert_int_equal(bulletin_read(&reader, text, sizeof(text), &size), RING_NONE);
    for (unsigned i = 0; i < 20; i++) {
        uint8_t bytes[RING / 4 - 16];

        memset(bytes, (int)i, sizeof(bytes));
        assert_true(bulletin_publish(&writer, bytes, sizeof(bytes)));
        if (i % 3 == 1)
            continue; /* nobody looked */
        assert_int_equal(bulletin_read(&reader, text, sizeof(text), &size), i % 3 == 2 ? RING_GAP : RING_GOOD);
        assert_int_equal(size, sizeof(bytes));
        assert_memory_equal(text, bytes, size);
        assert_int_equal(bulletin_read(&reader, text, sizeof(text), &size), RING_NONE);
    }
    assert_false(bulletin_publish(&writer, text, RING / 4 - 15));
    assert_true(bulletin_publish(&writer, "x", 1));
    memory[0].ring[writer.number % 4 * RING / 4 + 16] = 'y';
    assert_int_equal(bulletin_read(&reader, text, sizeof(text), &size), RING_CORRUPT);
    memory[0].head.produced += 2; /* slots of numbers before */
    assert_int_equal(bulletin_read(&reader, text, sizeof(text), &size), RING_FOREIGN);
    wipe(0);
    assert_int_equal(bulletin_read(&reader, text, sizeof(text), &size), RING_RENEWED);
    assert_int_equal(bulletin_read(&reader, text, sizeof(text), &size), RING_NONE);
}

/* --- a peer gone wild ---------------------------------------------------------------------------------------------------------------------- */

static void scribble(void)
{
    uint8_t *at = (uint8_t *)&memory[0];
    unsigned words = 1 + (unsigned)rand() % 8;

    for (unsigned i = 0; i < words; i++) {
        uint32_t value = rand() % 2 ? (uint32_t)rand() : (uint32_t)rand() % (2 * RING);

        memcpy(at + (rand() % 2 ? (size_t)rand() % 16 : RECORD_RING_AT + (size_t)rand() % RING / 4 * 4), &value, 4);
    }
}

/* Any word of the head or the ring, at any time: nothing but what was sent is given as good, and no byte outside is touched. */
static void test_scribbler(void **state)
{
    struct bulletin reader;
    unsigned results[RING_RESULTS] = {0};

    (void)state;
    srand(20261122);
    bulletin_open(&reader, side(0), 0, "there");
    for (unsigned i = 0; i < 200000; i++) {
        enum ring_result result;

        if (i % 64 == 0)
            setup(0);
        if (rand() % 3 == 0)
            scribble();
        if (rand() % 2)
            say(7);
        result = take();
        results[result]++;
        if (result == RING_GOOD || result == RING_GAP || result == RING_LATE) {
            assert_int_equal(size, FRAME - 16);
            for (size_t k = 0; k < size; k++)
                assert_int_equal(text[k], 7);
        }
        assert_false(ring_send(&b, text, FRAME) && memory[1].head.produced % 8 != 0);
        assert_int_not_equal(bulletin_read(&reader, text, sizeof(text), &size), RING_GOOD);
    }
    for (int i = 0; i < RING_RESULTS; i++)
        print_message("%d:%u ", i, results[i]);
    assert_true(results[RING_GOOD] > 1000 && results[RING_CORRUPT] > 100 && results[RING_BROKEN] > 1000);
}

static void test_stream_scribbler(void **state)
{
    (void)state;
    srand(5);
    for (unsigned i = 0; i < 50000; i++) {
        if (i % 32 == 0)
            streams_start();
        if (rand() % 3 == 0)
            scribble();
        stream_write(&sa, text, (size_t)rand() % 500);
        assert_true(stream_read(&sb, text, 400) <= 400);
        stream_write(&sb, text, 100);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_crc),
        cmocka_unit_test_setup_teardown(test_good, setup, teardown),
        cmocka_unit_test_setup_teardown(test_little_room, setup, teardown),
        cmocka_unit_test_setup_teardown(test_loss, setup, teardown),
        cmocka_unit_test_setup_teardown(test_repetition, setup, teardown),
        cmocka_unit_test_setup_teardown(test_reordering, setup, teardown),
        cmocka_unit_test_setup_teardown(test_corruption, setup, teardown),
        cmocka_unit_test_setup_teardown(test_corrupt_size, setup, teardown),
        cmocka_unit_test_setup_teardown(test_masquerade, setup, teardown),
        cmocka_unit_test_setup_teardown(test_broken_indices, setup, teardown),
        cmocka_unit_test_setup_teardown(test_too_large, setup, teardown),
        cmocka_unit_test_setup_teardown(test_sep4_restarts, setup, teardown),
        cmocka_unit_test_setup_teardown(test_stream, setup, teardown),
        cmocka_unit_test_setup_teardown(test_stream_broken, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bulletin, setup, teardown),
        cmocka_unit_test_setup_teardown(test_scribbler, setup, teardown),
        cmocka_unit_test_setup_teardown(test_stream_scribbler, setup, teardown),
    };

    return cmocka_run_group_tests(tests, 0, 0);
}
