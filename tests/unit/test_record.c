/* SPDX-License-Identifier: Apache-2.0 */
/* pvdrivers/record.c: two ends over two channels in this test's memory, lives that end, and a peer that writes what it likes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "bh.h"
#include "record.h"
#include "two_ends.h"

static struct record_end a, b;
static unsigned rung[2];
static uint64_t answer;

uint64_t bh_call(uint64_t number, uint64_t channel, uint64_t y, uint64_t z)
{
    (void)y, (void)z;
    assert_int_equal(number, BH_CALL_DOORBELL);
    rung[channel] += answer == 0;
    return answer;
}

/* What the hypervisor does when a writer starts. */
static void start(unsigned i)
{
    wipe(i);
    record_open(i == 0 ? &a : &b, side(i), side(1 - i), i);
}

static int setup(void **state)
{
    (void)state;
    memset(memory, 0x5a, sizeof(memory));
    epoch[0] = epoch[1] = 0;
    rung[0] = rung[1] = 0;
    answer = 0;
    start(0);
    start(1);
    assert_true(record_renewed(&a));
    assert_true(record_renewed(&b));
    assert_false(record_renewed(&a));
    record_flush(&a), record_flush(&b);
    rung[0] = rung[1] = 0;
    return 0;
}

static bool put(struct record_end *end, uint32_t tag, const void *bytes, size_t size)
{
    return record_put(end, tag, &(struct record_piece){bytes, size}, 1);
}

static uint8_t pattern(uint32_t i, uint32_t k)
{
    return (uint8_t)(i * 31 + k * 7 + (k >> 8));
}

static void test_all_sizes_in_order(void **state)
{
    uint8_t bytes[3000], got[3000];
    struct bh_record record;
    uint32_t sizes[] = {0, 1, 7, 8, 9, 60, 64, 1514, 2999};

    (void)state;
    for (uint32_t i = 0; i < 2000; i++) {
        uint32_t size = sizes[i % 9];
        for (uint32_t k = 0; k < size; k++)
            bytes[k] = pattern(i, k);
        assert_true(put(&a, i, bytes, size));
        assert_true(record_waiting(&b));
        assert_true(record_take(&b, got, sizeof(got), &record));
        assert_int_equal(record.size, size);
        assert_int_equal(record.tag, i);
        assert_memory_equal(got, bytes, size);
        assert_false(record_waiting(&b));
    }
    assert_int_equal(a.count.put, 2000);
    assert_int_equal(b.count.taken, 2000);
    assert_int_equal(b.count.bad, 0);
}

static void test_pieces_and_truncation(void **state)
{
    const struct record_piece pieces[] = {{"abc", 3}, {"", 0}, {"defgh", 5}};
    struct bh_record record;
    char got[8] = "xxxxxxx";

    (void)state;
    assert_true(record_put(&a, 9, pieces, 3));
    assert_true(put(&a, 10, "next", 4));
    assert_true(record_take(&b, got, 4, &record));
    assert_int_equal(record.size, 8);
    assert_memory_equal(got, "abcdxxx", 7);
    assert_true(record_take(&b, got, 8, &record));
    assert_int_equal(record.tag, 10);
    assert_memory_equal(got, "next", 4);
}

static void test_full_and_its_end(void **state)
{
    uint8_t bytes[1016] = {0}, got[1016];
    struct bh_record record;

    (void)state;
    for (unsigned i = 0; i < 4; i++)
        assert_true(put(&a, i, bytes, sizeof(bytes)));
    assert_false(put(&a, 4, "", 0));
    assert_int_equal(a.count.refused, 1);
    assert_true(record_arm(&a, BH_WANTS_ROOM, 8));
    record_flush(&b);
    assert_int_equal(rung[1], 0);
    assert_true(record_take(&b, got, sizeof(got), &record));
    record_flush(&b);
    assert_int_equal(rung[1], 1);
    assert_false(record_arm(&a, BH_WANTS_ROOM, 8));
    assert_true(put(&a, 4, bytes, sizeof(bytes)));
    assert_false(put(&a, 5, "x", 1));
    start(0);
    assert_false(put(&a, 0, bytes, RING)); /* never */
}

static void test_doorbell_only_where_wanted(void **state)
{
    struct bh_record record;

    (void)state;
    assert_true(put(&a, 0, "1", 1));
    record_flush(&a);
    assert_int_equal(rung[0], 0);
    assert_false(record_arm(&b, BH_WANTS_DATA, 0)); /* there is one */
    assert_true(record_take(&b, &(char){0}, 1, &record));
    assert_true(record_arm(&b, BH_WANTS_DATA, 0));
    assert_true(put(&a, 0, "2", 1));
    assert_true(put(&a, 0, "3", 1));
    answer = BH_AGAIN;
    record_flush(&a);
    assert_int_equal(rung[0], 0);
    answer = 0;
    record_flush(&a);
    record_flush(&a);
    assert_int_equal(rung[0], 1);
}

static void test_nothing_before_the_peer_has_come(void **state)
{
    (void)state;
    start(0);
    assert_false(record_connected(&a));
    assert_false(put(&a, 0, "x", 1));
    assert_true(record_renewed(&a)); /* we have seen the peer; it has not seen us */
    assert_false(put(&a, 0, "x", 1));
    assert_false(record_connected(&a));
    assert_true(record_renewed(&b));
    assert_true(record_connected(&a));
    assert_true(put(&a, 0, "x", 1));
}

static void test_a_new_life_of_the_reader(void **state)
{
    struct bh_record record;
    char got[8];

    (void)state;
    assert_true(put(&a, 1, "lost", 4));
    start(1);
    assert_false(put(&a, 2, "none", 4)); /* nobody has said that it is read */
    assert_true(record_renewed(&b));
    assert_false(put(&a, 2, "none", 4)); /* a has not heard yet that what it has put may be lost */
    assert_true(record_renewed(&a));
    assert_false(record_take(&b, got, sizeof(got), &record));
    assert_true(put(&a, 3, "new", 3));
    assert_true(record_take(&b, got, sizeof(got), &record));
    assert_int_equal(record.tag, 3);
    assert_true(put(&b, 4, "back", 4));
    assert_true(record_take(&a, got, sizeof(got), &record));
    assert_int_equal(record.tag, 4);
}

static void test_a_new_life_of_the_writer(void **state)
{
    struct bh_record record;
    char got[8];

    (void)state;
    for (unsigned life = 0; life < 30; life++) {
        for (unsigned i = 0; i <= life; i++) {
            assert_true(put(&a, i, "old", 3));
            assert_true(put(&b, i, "dlo", 3));
        }
        start(0);
        assert_false(record_take(&b, got, sizeof(got), &record));
        assert_true(record_renewed(&b));
        assert_true(record_renewed(&a));
        assert_false(record_take(&b, got, sizeof(got), &record));
        assert_false(record_take(&a, got, sizeof(got), &record));
        assert_true(put(&a, life, "new", 3));
        assert_true(record_take(&b, got, sizeof(got), &record));
        assert_int_equal(record.tag, life);
        assert_memory_equal(got, "new", 3);
        assert_true(put(&b, life, "wen", 3));
        assert_true(record_take(&a, got, sizeof(got), &record));
    }
    assert_int_equal(b.count.bad, 0);
}

/* An index that cannot be, a size that cannot be: the ring's content is lost, and the next honest record comes through. */
static void test_lies(void **state)
{
    const struct {
        uint32_t ahead, size;
    } lies[] = {{RING + 8, 0},     {4, 0},      {9, 1}, {0x80000000u, 0}, {0xfffffff8u, 0}, {8, 1}, {64, 57},
                {16, 0xffffffffu}, {RING, RING}};
    uint8_t got[RING];
    struct bh_record record;

    (void)state;
    for (unsigned i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
        uint32_t at = b.consumed & (RING - 1);
        memcpy(memory[0].ring + at, &(struct bh_record){lies[i].size, 0}, 8);
        memory[0].head.produced = b.consumed + lies[i].ahead;
        assert_false(record_take(&b, got, sizeof(got), &record));
        assert_int_equal(b.count.bad, i + 1);
        assert_false(record_waiting(&b));
    }
    memory[0].head.produced = b.consumed = 64;
    a.produced = 64;
    memory[1].head.consumed = 64;
    assert_true(put(&a, 5, "good", 4));
    assert_true(record_take(&b, got, sizeof(got), &record));
    assert_memory_equal(got, "good", 4);
    for (uint32_t consumed = 0x1000; consumed != 0; consumed <<= 1) { /* more taken than put */
        memory[1].head.consumed = a.produced + consumed;
        assert_false(put(&a, 5, "good", 4));
    }
}

static uint64_t next(uint64_t *random)
{
    *random ^= *random << 13, *random ^= *random >> 7, *random ^= *random << 17;
    return *random;
}

static void test_scribbling_peer(void **state)
{
    uint64_t random = 88172645463325252ull;
    uint8_t got[512];
    struct bh_record record;

    (void)state;
    for (unsigned i = 0; i < 200000; i++) {
        uint64_t r = next(&random);
        uint32_t *word = r & 7 ? (uint32_t *)&memory[0].head + (r >> 8) % 16 : (uint32_t *)memory[0].ring + (r >> 8) % (RING / 4);
        *word = r & 0x10 ? (uint32_t)(r >> 32) : r & 0x20 ? b.consumed + 8 * (uint32_t)(r >> 54) : *word + 8;
        epoch[0] += (r >> 40 & 0xfff) == 0;
        (void)record_renewed(&b);
        if (record_take(&b, got, sizeof(got), &record))
            assert_true(record.size <= RING - 8);
        (void)put(&b, 0, got, (r >> 16) % sizeof(got));
        (void)record_arm(&b, r & 3, 64);
        record_flush(&b);
    }
    assert_true(b.count.bad > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_all_sizes_in_order, setup, teardown),
        cmocka_unit_test_setup_teardown(test_pieces_and_truncation, setup, teardown),
        cmocka_unit_test_setup_teardown(test_full_and_its_end, setup, teardown),
        cmocka_unit_test_setup_teardown(test_doorbell_only_where_wanted, setup, teardown),
        cmocka_unit_test_setup_teardown(test_nothing_before_the_peer_has_come, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_new_life_of_the_reader, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_new_life_of_the_writer, setup, teardown),
        cmocka_unit_test_setup_teardown(test_lies, setup, teardown),
        cmocka_unit_test_setup_teardown(test_scribbling_peer, setup, teardown),
    };

    return cmocka_run_group_tests(tests, 0, 0);
}
