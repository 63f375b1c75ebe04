/* SPDX-License-Identifier: Apache-2.0 */
/* pvdrivers/slice_server.c and slice_client.c: requests that are done, refused, repeated and forgotten. AC-43, AC-44. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../fuzz/fuzz_slice.h"
#include "fake_slices.h"

#define SECTORS (FAKE_SLICE_BYTES / BH_SLICE_SECTOR)

static int setup(void **state)
{
    (void)state;
    fake_slices_reset(1);
    fake_server_start();
    for (unsigned i = 0; i < FAKE_SLICES; i++)
        fake_client_start(i);
    fake_slices_run(2);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fake_slices_free();
    return 0;
}

/* One request to its end. */
static enum slice_result run(unsigned client, enum bh_slice_type type, uint64_t sector, void *buffer, uint32_t bytes)
{
    enum slice_result result = SLICE_INVALID;
    void *token = 0;

    assert_true(slice_start(&fake_slices.clients[client], type, sector, buffer, bytes, buffer));
    for (unsigned i = 0; i < 1000; i++) {
        fake_slices_run(1);
        if (slice_done(&fake_slices.clients[client], &token, &result)) {
            assert_ptr_equal(token, buffer);
            return result;
        }
    }
    fail_msg("never answered");
    return result;
}

static void fill(uint8_t *bytes, uint32_t size, uint32_t what)
{
    for (uint32_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)(what * 29 + i * 7 + (i >> 8));
}

static void test_what_is_written_is_read(void **state)
{
    static uint8_t data[BH_SLICE_MAX], got[BH_SLICE_MAX];
    static const uint32_t sizes[] = {512, 1024, 4096, 65024, 65536};

    (void)state;
    for (unsigned i = 0; i < 5; i++) {
        uint64_t sector = SECTORS - sizes[i] / BH_SLICE_SECTOR;
        fill(data, sizes[i], i);
        assert_int_equal(run(i % 2, BH_SLICE_WRITE, sector, data, sizes[i]), SLICE_GOOD);
        assert_memory_equal(fake_slices.disk + fake_slice_first(i % 2) + sector * BH_SLICE_SECTOR, data, sizes[i]);
        assert_int_equal(run(i % 2, BH_SLICE_READ, sector, got, sizes[i]), SLICE_GOOD);
        assert_memory_equal(got, data, sizes[i]);
    }
    assert_int_equal(run(0, BH_SLICE_FLUSH, 0, 0, 0), SLICE_GOOD);
    assert_memory_equal(fake_slices.stable, fake_slices.disk, FAKE_DISK_BYTES);
    char name[BH_SLICE_NAME_MAX];
    assert_int_equal(run(1, BH_SLICE_NAME, 0, name, sizeof(name)), SLICE_GOOD);
    assert_memory_equal(name, "slice1\0\0\0\0\0\0\0\0\0\0\0\0\0\0", sizeof(name));
    assert_int_equal(fake_slices.server.clients[0].statistics.refused, 0);
}

static void test_only_its_own_sectors(void **state)
{
    static uint8_t data[BH_SLICE_MAX], before[FAKE_DISK_BYTES];
    static const struct {
        uint64_t sector;
        uint32_t bytes;
    } wrong[] = {{SECTORS, 512},      {SECTORS - 1, 1024}, {SECTORS - 127, 65536},   {~0ull, 512},
                 {~0ull - 1, 1024},   {1ull << 55, 512},   {(1ull << 55) - 1, 1024}, {0ull - FAKE_SLICE_BYTES / 512, 512},
                 {~0ull - 126, 65536}};

    (void)state;
    memcpy(before, fake_slices.disk, sizeof(before));
    for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        memset(data, 0x11, sizeof(data));
        assert_int_equal(run(0, BH_SLICE_WRITE, wrong[i].sector, data, wrong[i].bytes), SLICE_REFUSED);
        assert_int_equal(run(0, BH_SLICE_READ, wrong[i].sector, data, wrong[i].bytes), SLICE_REFUSED);
        assert_int_equal(data[0], 0x11);
    }
    assert_int_equal(fake_slices.started, 0);
    assert_int_equal(fake_slices.server.clients[0].statistics.refused, 2 * sizeof(wrong) / sizeof(wrong[0]));
    assert_memory_equal(fake_slices.disk, before, sizeof(before));
}

static void test_read_only(void **state)
{
    uint8_t data[512] = {1};

    (void)state;
    assert_true(fake_slices.clients[FAKE_READ_ONLY].read_only);
    assert_int_equal(run(FAKE_READ_ONLY, BH_SLICE_WRITE, 0, data, 512), SLICE_REFUSED);
    assert_int_equal(fake_slices.started, 0);
    assert_int_equal(run(FAKE_READ_ONLY, BH_SLICE_READ, 0, data, 512), SLICE_GOOD);
    assert_int_equal(run(FAKE_READ_ONLY, BH_SLICE_FLUSH, 0, 0, 0), SLICE_GOOD);
}

/* Every field that a request has, at and around its bounds. */
static void test_check(void **state)
{
    (void)state;
    struct bh_slice_request r = {BH_SLICE_READ, 512, 0};
    assert_int_equal(slice_check(&r, 16, 8, false), BH_SLICE_OK);
    assert_int_equal(slice_check(&r, 15, 8, false), BH_SLICE_ERROR);
    assert_int_equal(slice_check(&r, 0, 8, false), BH_SLICE_ERROR);
    assert_int_equal(slice_check(&r, 17, 8, false), BH_SLICE_ERROR);
    assert_int_equal(slice_check(&r, 16, 0, false), BH_SLICE_ERROR);
    for (uint32_t length = 0; length < 70000; length++) {
        r.length = length;
        bool fine = length > 0 && length <= 65536 && length % 512 == 0;
        assert_int_equal(slice_check(&r, 16, 128, true), fine ? BH_SLICE_OK : BH_SLICE_ERROR);
    }
    r.length = 0xfffffe00u;
    assert_int_equal(slice_check(&r, 16, ~0ull, false), BH_SLICE_ERROR);
    r = (struct bh_slice_request){BH_SLICE_WRITE, 0, 7};
    assert_int_equal(slice_check(&r, 16 + 512, 8, false), BH_SLICE_OK);
    assert_int_equal(slice_check(&r, 16 + 1024, 8, false), BH_SLICE_ERROR);
    assert_int_equal(slice_check(&r, 16 + 512, 8, true), BH_SLICE_ERROR);
    assert_int_equal(slice_check(&r, 16, 8, false), BH_SLICE_ERROR);
    assert_int_equal(slice_check(&r, 16 + 511, 8, false), BH_SLICE_ERROR);
    assert_int_equal(slice_check(&r, 16 + 65536 + 512, ~0ull, false), BH_SLICE_ERROR);
    r = (struct bh_slice_request){BH_SLICE_FLUSH, 5, 99};
    assert_int_equal(slice_check(&r, 16, 8, true), BH_SLICE_OK);
    assert_int_equal(slice_check(&r, 24, 8, true), BH_SLICE_ERROR);
    r = (struct bh_slice_request){BH_SLICE_NAME, 20, 0};
    assert_int_equal(slice_check(&r, 16, 8, true), BH_SLICE_OK);
    r.length = 21;
    assert_int_equal(slice_check(&r, 16, 8, true), BH_SLICE_ERROR);
    r.length = 0;
    assert_int_equal(slice_check(&r, 16, 8, true), BH_SLICE_ERROR);
    for (uint32_t type = 0; type < 64; type++)
        if (type != 0 && type != 1 && type != 4 && type != 8) {
            r = (struct bh_slice_request){type, 512, 0};
            assert_int_equal(slice_check(&r, 16, 8, false), BH_SLICE_UNKNOWN);
        }
    r.type = 0x100 | BH_SLICE_WRITE;
    assert_int_equal(slice_check(&r, 16 + 512, 8, false), BH_SLICE_UNKNOWN);
}

static void test_flush_is_the_disks(void **state)
{
    enum slice_result result;
    void *token;

    (void)state;
    fake_slices.held = true;
    assert_true(slice_start(&fake_slices.clients[0], BH_SLICE_FLUSH, 0, 0, 0, state));
    fake_slices_run(50);
    assert_false(slice_done(&fake_slices.clients[0], &token, &result));
    assert_int_equal(slice_server_started(&fake_slices.server), 1);
    fake_slices.held = false;
    fake_slices_run(50);
    assert_true(slice_done(&fake_slices.clients[0], &token, &result));
    assert_int_equal(result, SLICE_GOOD);
    assert_int_equal(fake_slices.flushed, 1);
}

static void test_disk_fails(void **state)
{
    uint8_t data[512];

    (void)state;
    fake_slices.fails = true;
    assert_int_equal(run(0, BH_SLICE_WRITE, 0, data, 512), SLICE_REFUSED);
    memset(data, 0x33, sizeof(data));
    uint32_t before = fake_slices.answers[0]->head.produced;
    assert_int_equal(run(0, BH_SLICE_READ, 0, data, 512), SLICE_REFUSED);
    assert_int_equal(data[511], 0x33);
    assert_int_equal(fake_slices.answers[0]->head.produced - before,
                     16); /* no data, whatever is in the memory that it was read into */
    assert_int_equal(run(0, BH_SLICE_FLUSH, 0, 0, 0), SLICE_REFUSED);
    assert_int_equal(fake_slices.server.clients[0].statistics.failed, 3);
}

/* What has not been answered is sent again; what has been is not. */
static void test_server_starts_again(void **state)
{
    static uint8_t data[8][4096];
    enum slice_result result;
    void *token;
    unsigned ended = 0;

    (void)state;
    struct slice *client = &fake_slices.clients[0];
    assert_int_equal(run(0, BH_SLICE_WRITE, 100, data[0], 512), SLICE_GOOD);
    fake_slices.held = true;
    for (unsigned i = 0; i < 8; i++) {
        fill(data[i], 4096, i);
        assert_true(slice_start(client, BH_SLICE_WRITE, i * 8, data[i], 4096, data[i]));
    }
    fake_slices_run(5);
    assert_int_equal(slice_server_started(&fake_slices.server), SLICE_SHARE);
    fake_server_start();
    fake_slices.held = false;
    for (unsigned i = 0; i < 200; i++) {
        fake_slices_run(1);
        while (slice_done(client, &token, &result)) {
            assert_int_equal(result, SLICE_GOOD);
            ended++;
        }
    }
    assert_int_equal(ended, 8);
    assert_int_equal(client->repeated, 8);
    assert_int_equal(client->renewals, 2);
    assert_int_equal(client->under_way, 0);
    for (unsigned i = 0; i < 8; i++)
        assert_memory_equal(fake_slices.disk + fake_slice_first(0) + i * 4096, data[i], 4096);
}

/* An answer to a request of the life before is given to nobody, and what the disk still does cannot overtake the new life. */
static void test_client_starts_again(void **state)
{
    uint8_t old[512], new[512], got[512];

    (void)state;
    memset(old, 1, sizeof(old));
    memset(new, 2, sizeof(new));
    fake_slices.held = true;
    assert_true(slice_start(&fake_slices.clients[0], BH_SLICE_WRITE, 3, old, 512, old));
    assert_true(slice_start(&fake_slices.clients[0], BH_SLICE_WRITE, 3, old, 512, old)); /* held behind it */
    fake_slices_run(3);
    assert_int_equal(slice_server_started(&fake_slices.server), 1);
    fake_client_start(0);
    assert_true(slice_start(&fake_slices.clients[0], BH_SLICE_WRITE, 3, new, 512, new));
    fake_slices_run(5);
    assert_int_equal(slice_server_started(&fake_slices.server), 1);
    assert_int_equal(fake_slices.started, 1);
    fake_slices.held = false;
    fake_slices_run(50);
    enum slice_result result;
    void *token;
    assert_true(slice_done(&fake_slices.clients[0], &token, &result));
    assert_ptr_equal(token, new);
    assert_false(slice_done(&fake_slices.clients[0], &token, &result));
    assert_int_equal(run(0, BH_SLICE_READ, 3, got, 512), SLICE_GOOD);
    assert_memory_equal(got, new, 512);
    assert_int_equal(fake_slices.clients[0].strangers, 0);
    assert_int_equal(fake_slices.server.clients[0].statistics.lives, 2);
    assert_int_equal(fake_slices.started, 3); /* the one that was held is forgotten */
}

/* Of what a client had not been answered it repeats all: so no write is answered before an earlier one, also where there is no room. */
static void test_answers_keep_their_order(void **state)
{
    static uint8_t large[2][BH_SLICE_MAX];
    uint8_t data[2][512] = {{1}, {2}};
    struct slice *client = &fake_slices.clients[0];
    enum slice_result result;
    void *token;
    unsigned ended = 0;

    (void)state;
    for (unsigned i = 0; i < 2; i++)
        assert_true(slice_start(client, BH_SLICE_READ, 0, large[i], BH_SLICE_MAX, large[i]));
    for (unsigned i = 0; i < 2; i++)
        assert_true(slice_start(client, BH_SLICE_WRITE, 200, data[i], 512, data[i]));
    slice_step(client);
    uint64_t before = fake_slices.server.clients[0].end.count.put;
    for (unsigned i = 0; i < 100; i++)
        slice_server_step(&fake_slices.server);
    assert_int_equal(fake_slices.server.clients[0].end.count.put - before, 1);
    for (unsigned i = 0; i < 100; i++) {
        fake_slices_run(1);
        ended += slice_done(client, &token, &result);
    }
    assert_int_equal(ended, 4);
}

/* One that floods, or takes no answers, or sends nonsense, does not keep another from its turn. */
static void test_flood(void **state)
{
    static uint8_t data[SLICE_DEPTH][4096];
    uint8_t mine[512];
    enum slice_result result;
    void *token;
    unsigned rounds = 0, served = 0;

    (void)state;
    for (unsigned i = 0; i < 2000; i++) {
        for (unsigned k = 0; k < SLICE_DEPTH; k++)
            slice_start(&fake_slices.clients[0], BH_SLICE_WRITE, (i + k) % 50 * 8, data[k], 4096, data[k]);
        if (fake_slices.clients[1].under_way == 0)
            slice_start(&fake_slices.clients[1], BH_SLICE_READ, i % SECTORS, mine, 512, mine);
        fake_slices_run(1);
        while (slice_done(&fake_slices.clients[0], &token, &result))
            ;
        rounds++;
        if (slice_done(&fake_slices.clients[1], &token, &result)) {
            assert_int_equal(result, SLICE_GOOD);
            assert_true(rounds < 40);
            rounds = 0;
            served++;
        }
    }
    assert_true(served > 200);
    /* Answers that nobody takes. */
    struct slice saved = fake_slices.clients[0];
    for (unsigned i = 0; i < 8; i++) {
        slice_start(&fake_slices.clients[0], BH_SLICE_READ, 0, data[0], 4096, data[0]);
        slice_step(&fake_slices.clients[0]);
    }
    fake_slices.clients[0].sectors = 0; /* it gets no more turns */
    assert_int_equal(run(1, BH_SLICE_WRITE, 9, mine, 512), SLICE_GOOD);
    fake_slices.clients[0] = saved;
}

static void test_bells_are_asked_for(void **state)
{
    uint8_t data[512] = {0};

    (void)state;
    assert_int_equal(run(0, BH_SLICE_WRITE, 0, data, 512), SLICE_GOOD);
    fake_slices_run(50);
    while (slice_server_step(&fake_slices.server))
        ;
    assert_true(slice_server_idle(&fake_slices.server));
    unsigned before = fake_slices.doorbells;
    assert_true(slice_start(&fake_slices.clients[0], BH_SLICE_WRITE, 0, data, 512, data));
    slice_step(&fake_slices.clients[0]);
    assert_int_equal(fake_slices.doorbells, before + 1);
    assert_false(slice_server_idle(&fake_slices.server));
    fake_slices.held = true;
    while (slice_server_step(&fake_slices.server))
        ;
    assert_true(slice_server_idle(&fake_slices.server));
    assert_true(slice_idle(&fake_slices.clients[0]));
    fake_slices.held = false;
    before = fake_slices.doorbells;
    for (unsigned i = 0; i < 20; i++)
        slice_server_step(&fake_slices.server);
    assert_int_equal(fake_slices.doorbells, before + 1);
    assert_false(slice_idle(&fake_slices.clients[0]));
    /* Over the rate it stays due, and nobody halts before it has been rung. */
    fake_slices_run(10);
    fake_slices.doorbells_refused = true;
    (void)slice_server_idle(&fake_slices.server);
    assert_true(slice_start(&fake_slices.clients[1], BH_SLICE_WRITE, 0, data, 512, data));
    slice_step(&fake_slices.clients[1]);
    assert_false(slice_idle(&fake_slices.clients[1]));
}

/* A server that answers what nobody asked, or in another form. */
static void test_server_lies(void **state)
{
    static uint8_t big[BH_SLICE_MAX + 64];
    uint8_t buffer[512];
    enum slice_result result;
    void *token;
    static const uint32_t sizes[] = {0, 7, 8, 519, 521, 8 + 65536, 8 + 65536 + 56};

    (void)state;
    struct slice *client = &fake_slices.clients[0];
    struct record_end *end = &fake_slices.server.clients[0].end;
    for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        memset(buffer, 0x44, sizeof(buffer));
        assert_true(slice_start(client, BH_SLICE_READ, 0, buffer, 512, buffer));
        slice_step(client);
        uint32_t tag = client->slots[0].tag;
        assert_true(record_put(end, tag + 1, &(struct record_piece){big, 520}, 1));
        assert_true(record_put(end, tag, &(struct record_piece){big, sizes[i]}, 1));
        assert_true(record_put(end, tag, &(struct record_piece){big, 520}, 1)); /* twice */
        slice_step(client);
        assert_true(slice_done(client, &token, &result));
        assert_int_equal(result, SLICE_STRANGE);
        assert_false(slice_done(client, &token, &result));
        assert_int_equal(buffer[0], 0x44);
        assert_int_equal(buffer[511], 0x44);
        assert_int_equal(client->strangers, 2 * (i + 1));
    }
}

static void test_not_opened(void **state)
{
    static struct slice_server server;
    static struct slice slice;
    struct slice_disk small = *fake_slices.server.disk;

    (void)state;
    assert_false(slice_open(&slice, &fake_slices.client_view[0], "slice1"));
    assert_false(slice_open(&slice, &fake_slices.client_view[0], "slice"));
    assert_false(slice_open(&slice, &fake_slices.client_view[0], "slice0.q"));
    assert_false(slice_open(&slice, &fake_slices.server_view, "slice0")); /* it only reads that one */
    small.bytes = fake_slice_first(FAKE_SLICES - 1) + FAKE_SLICE_BYTES - 1;
    assert_non_null(slice_server_open(&server, &small, &fake_slices.server_view));
    small.bytes = 0;
    assert_non_null(slice_server_open(&server, &small, &fake_slices.server_view));
    fake_slices.server_view.channel[1].size = 65536;
    assert_non_null(slice_server_open(&server, fake_slices.server.disk, &fake_slices.server_view));
}

/* --- any order of everything ------------------------------------------------------------------------------------------------------------ */

#define MODEL_SECTORS 24u
#define UNKNOWN 0xffffffffu
struct soaked {
    uint32_t content[MODEL_SECTORS]; /* what each sector holds, once all that has been started is done */
    struct {
        bool busy, writes;
        uint32_t sector, count, expected[8];
        uint8_t bytes[8 * BH_SLICE_SECTOR];
    } jobs[SLICE_DEPTH];
};

static void sector_fill(uint8_t *bytes, uint32_t what)
{
    for (unsigned i = 0; i < BH_SLICE_SECTOR; i += 4)
        memcpy(bytes + i, &what, 4);
}

static void soak_start(struct soaked *soaked, unsigned client, uint32_t *serial)
{
    unsigned j = 0;

    while (j < SLICE_DEPTH && soaked->jobs[j].busy)
        j++;
    if (j == SLICE_DEPTH)
        return;
    uint32_t count = 1 + fake_slices_random() % 8, sector = fake_slices_random() % (MODEL_SECTORS - count + 1);
    bool writes = fake_slices_random() % 2 && client != FAKE_READ_ONLY;
    for (uint32_t i = 0; i < count; i++) {
        if (writes) {
            soaked->content[sector + i] = ++*serial;
            sector_fill(soaked->jobs[j].bytes + i * BH_SLICE_SECTOR, *serial);
        }
        soaked->jobs[j].expected[i] = soaked->content[sector + i];
    }
    soaked->jobs[j].busy = true;
    soaked->jobs[j].writes = writes;
    soaked->jobs[j].sector = sector;
    soaked->jobs[j].count = count;
    assert_true(slice_start(&fake_slices.clients[client], writes ? BH_SLICE_WRITE : BH_SLICE_READ, sector, soaked->jobs[j].bytes,
                            count * BH_SLICE_SECTOR, &soaked->jobs[j]));
}

static void soak_collect(struct soaked *soaked, unsigned client)
{
    enum slice_result result;
    void *token;

    while (slice_done(&fake_slices.clients[client], &token, &result)) {
        size_t j = (size_t)((uint8_t *)token - (uint8_t *)soaked->jobs) / sizeof(soaked->jobs[0]);
        assert_int_equal(result, SLICE_GOOD);
        for (uint32_t i = 0; i < soaked->jobs[j].count && !soaked->jobs[j].writes; i++) {
            uint32_t got[BH_SLICE_SECTOR / 4];
            memcpy(got, soaked->jobs[j].bytes + i * BH_SLICE_SECTOR, sizeof(got));
            for (unsigned k = 1; k < BH_SLICE_SECTOR / 4; k++)
                assert_int_equal(got[k], got[0]);
            if (soaked->jobs[j].expected[i] != UNKNOWN)
                assert_int_equal(got[0], soaked->jobs[j].expected[i]);
        }
        soaked->jobs[j].busy = false;
    }
}

/* A read that is sent again may find what was written after it. */
static void soak_server_restart(struct soaked *soaked)
{
    for (unsigned client = 0; client < FAKE_SLICES; client++)
        for (unsigned j = 0; j < SLICE_DEPTH; j++)
            for (uint32_t i = 0; i < soaked[client].jobs[j].count && !soaked[client].jobs[j].writes; i++)
                if (soaked[client].jobs[j].expected[i] != soaked[client].content[soaked[client].jobs[j].sector + i])
                    soaked[client].jobs[j].expected[i] = UNKNOWN;
    fake_server_start();
}

/* Its next life does not know which writes were done. */
static void soak_restart(struct soaked *soaked, unsigned client)
{
    for (unsigned j = 0; j < SLICE_DEPTH; j++) {
        for (uint32_t i = 0; soaked->jobs[j].busy && soaked->jobs[j].writes && i < soaked->jobs[j].count; i++)
            soaked->content[soaked->jobs[j].sector + i] = UNKNOWN;
        soaked->jobs[j].busy = false;
    }
    fake_client_start(client);
}

static void test_soak(void **state)
{
    static struct soaked soaked[FAKE_SLICES];
    uint32_t serial = 0;

    (void)state;
    for (uint32_t seed = 1; seed <= 20; seed++) {
        fake_slices_reset(seed);
        memset(soaked, 0, sizeof(soaked));
        memset(fake_slices.disk, 0, sizeof(fake_slices.disk));
        fake_server_start();
        for (unsigned i = 0; i < FAKE_SLICES; i++)
            fake_client_start(i);
        for (unsigned step = 0; step < 3000; step++) {
            unsigned client = fake_slices_random() % FAKE_SLICES, what = fake_slices_random() % 256;
            if (what == 0)
                soak_server_restart(soaked);
            else if (what == 1)
                soak_restart(&soaked[client], client);
            else if (what < 100)
                soak_start(&soaked[client], client, &serial);
            else if (what < 180)
                slice_server_step(&fake_slices.server);
            else
                slice_step(&fake_slices.clients[client]);
            soak_collect(&soaked[client], client);
        }
        fake_slices_run(300);
        for (unsigned i = 0; i < FAKE_SLICES; i++) {
            soak_collect(&soaked[i], i);
            assert_int_equal(fake_slices.clients[i].under_way, 0);
            assert_int_equal(fake_slices.clients[i].end.count.bad, 0);
        }
    }
}

static void test_wild(void **state)
{
    static uint8_t bytes[4096];
    uint32_t random = 7;

    (void)state;
    for (unsigned round = 0; round < 150; round++) {
        for (unsigned i = 0; i < sizeof(bytes); i++) {
            random = random * 1103515245u + 12345u;
            bytes[i] = (uint8_t)(random >> (round % 3 ? 16 : 24));
        }
        LLVMFuzzerTestOneInput(bytes, 16 + random % (sizeof(bytes) - 16));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_what_is_written_is_read, setup, teardown),
        cmocka_unit_test_setup_teardown(test_only_its_own_sectors, setup, teardown),
        cmocka_unit_test_setup_teardown(test_read_only, setup, teardown),
        cmocka_unit_test(test_check),
        cmocka_unit_test_setup_teardown(test_flush_is_the_disks, setup, teardown),
        cmocka_unit_test_setup_teardown(test_disk_fails, setup, teardown),
        cmocka_unit_test_setup_teardown(test_server_starts_again, setup, teardown),
        cmocka_unit_test_setup_teardown(test_client_starts_again, setup, teardown),
        cmocka_unit_test_setup_teardown(test_answers_keep_their_order, setup, teardown),
        cmocka_unit_test_setup_teardown(test_flood, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bells_are_asked_for, setup, teardown),
        cmocka_unit_test_setup_teardown(test_server_lies, setup, teardown),
        cmocka_unit_test_setup_teardown(test_not_opened, setup, teardown),
        cmocka_unit_test_teardown(test_soak, teardown),
        cmocka_unit_test_teardown(test_wild, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
