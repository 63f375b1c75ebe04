/* SPDX-License-Identifier: Apache-2.0 */
/* The fetcher of bundles: its feed's word, heads of answers, what is done with a bundle that is offered, what a power cut leaves of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "choice.h"
#include "fake_staging.h"
#include "feed.h"
#include "stage.h"

#include <stdlib.h>
#include <string.h>

#define ROOM (1u << 20)
#define IMAGE (64u << 10)
#define TOTAL (IMAGE + SECTOR)

static struct feed feed;
static struct answer answer;
static struct fetch_state state;
static struct bundle offered;

/* --- the feed ---------------------------------------------------------------------------------------------------------------------- */

static void test_feed(void **context)
{
    char request[FEED_REQUEST_MAX], text[400];
    size_t length;

    (void)context;
    assert_null(feed_parse("http://10.0.2.2:8080/a/update.bundle?box=1", &feed));
    assert_string_equal(feed.host, "10.0.2.2");
    assert_int_equal(feed.port, 8080);
    assert_string_equal(feed.path, "/a/update.bundle?box=1");
    length = feed_request(&feed, 512, 0, request);
    assert_string_equal(
        request, "GET /a/update.bundle?box=1 HTTP/1.1\r\nHost: 10.0.2.2:8080\r\nRange: bytes=512-\r\nConnection: close\r\n\r\n");
    assert_int_equal(length, strlen(request));
    feed_request(&feed, 0, 511, request);
    assert_non_null(strstr(request, "\r\nRange: bytes=0-511\r\n"));
    assert_null(feed_parse("http://updates.example/", &feed));
    assert_int_equal(feed.port, 80);
    for (size_t host = 1; host < 70; host++) {
        strcpy(text, "http://");
        memset(text + 7, 'a', host);
        strcpy(text + 7 + host, ":65535/");
        assert_int_equal(feed_parse(text, &feed) == 0, host < FEED_HOST_MAX);
    }
    for (size_t path = 250; path < 260; path++) {
        memset(text, 0, sizeof(text));
        memset(text + 7 + 63 + 6, 'p', path);
        memset(text + 7, 'a', 63);
        memcpy(text, "http://", 7);
        memcpy(text + 7 + 63, ":65535/", 7);
        assert_int_equal(feed_parse(text, &feed) == 0, path < FEED_PATH_MAX);
        if (path < FEED_PATH_MAX)
            assert_true(feed_request(&feed, ~0ull, ~0ull, request) < FEED_REQUEST_MAX);
    }
}

static void test_feed_refused(void **context)
{
    static const char *const bad[] = {"",
                                      "https://a/",
                                      "http://",
                                      "http:///x",
                                      "http://a",
                                      "http://a:/x",
                                      "http://a:0/x",
                                      "http://a:65536/x",
                                      "http://a:",
                                      "http://a:80",
                                      "http://a:80x/",
                                      "http://a b/",
                                      "http://a/x y",
                                      "http://a/x\n",
                                      "http://a/#x",
                                      "http://a@b/x",
                                      "ftp://a/",
                                      "http://[::1]/",
                                      "http://a/\xc3\xa4",
                                      "http://a_b/",
                                      "http://a:-80/x",
                                      "http://a:+80/x"};

    (void)context;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_non_null(feed_parse(bad[i], &feed));
}

/* --- heads ------------------------------------------------------------------------------------------------------------------------- */

/* Each shorter beginning is not complete; what stands behind the head does not matter. */
static const char *parse(const char *text)
{
    size_t size = strlen(text);
    char *bytes = malloc(size + 1);

    assert_non_null(bytes);
    for (size_t count = 0; count < size; count++) {
        char *part = malloc(count ? count : 1);
        assert_non_null(part);
        memcpy(part, text, count);
        assert_int_equal(answer_parse(part, count, &answer), 0);
        free(part);
    }
    memcpy(bytes, text, size);
    bytes[size] = 'x';
    assert_int_equal(answer_parse(bytes, size + 1, &answer), size);
    free(bytes);
    return answer.wrong;
}

static void test_answers(void **context)
{
    (void)context;
    assert_null(
        parse("HTTP/1.1 206 Partial Content\r\nServer: x\r\ncontent-LENGTH:  512 \r\nContent-Range: bytes 0-511/1024\r\n\r\n"));
    assert_int_equal(answer.status, 206);
    assert_true(answer.has_length && answer.has_range);
    assert_int_equal(answer.length, 512);
    assert_int_equal(answer.first, 0);
    assert_int_equal(answer.last, 511);
    assert_int_equal(answer.total, 1024);
    assert_null(parse("HTTP/1.1 206 Partial Content\r\nServer: nginx/1.22.1\r\nDate: Sun, 22 Nov 2026 09:44:31 GMT\r\n"
                      "Content-Type: text/plain\r\nContent-Length: 96256\r\nLast-Modified: Sun, 22 Nov 2026 09:42:30 GMT\r\n"
                      "Connection: close\r\nETag: \"6b02b906-18800\"\r\nContent-Range: bytes 4096-100351/100352\r\n\r\n"));
    assert_true(answer.length == 96256 && answer.first == 4096 && answer.last == 100351 && answer.total == 100352);
    assert_null(parse("HTTP/1.0 200 OK\r\nContent-Length:7\r\nContent-Encoding: identity\r\n\r\n"));
    assert_int_equal(answer.status, 200);
    assert_false(answer.has_range);
    assert_null(parse("HTTP/1.1 404\r\n\r\n"));
    assert_null(parse("HTTP/1.1 416 No\r\nContent-Range: bytes */1024\r\n\r\n"));
    assert_false(answer.has_range || answer.has_length);
    assert_null(parse("HTTP/1.1 200 OK\r\nContent-Length: 999999999999999999\r\n\r\n"));
    assert_true(answer.length == 999999999999999999u);
}

static void test_answers_refused(void **context)
{
    static const char *const bad[] = {
        "\r\n\r\n",
        "HTTP/2 200 OK\r\n\r\n",
        "HTTP/1.1 99 x\r\n\r\n",
        "HTTP/1.1 600 x\r\n\r\n",
        "HTTP/1.1 200x\r\n\r\n",
        "HTTP/1.1  200 x\r\n\r\n",
        "HTTP/1.1 200 OK\nContent-Length: 7\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 7\rX: y\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 7\r\nContent-Length: 7\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: -7\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: \r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 7, 7\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1000000000000000000\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 18446744073709552128\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX: y\r\n folded: z\r\n\r\n",
        "HTTP/1.1 200 OK\r\nno name\r\n\r\n",
        "HTTP/1.1 200 OK\r\n: none\r\n\r\n",
        "HTTP/1.1 206 x\r\nContent-Range: bytes 0-511/1024\r\nContent-Range: bytes 0-511/1024\r\n\r\n",
        "HTTP/1.1 206 x\r\nContent-Range: bytes 0-511\r\n\r\n",
        "HTTP/1.1 206 x\r\nContent-Range: bytes 0-511/*\r\n\r\n",
        "HTTP/1.1 206 x\r\nContent-Range: bytes 511-0/1024\r\n\r\n",
        "HTTP/1.1 206 x\r\nContent-Range: bytes 0-1024/1024\r\n\r\n",
        "HTTP/1.1 206 x\r\nContent-Range: bytes 0-511/1024x\r\n\r\n",
        "HTTP/1.1 206 x\r\nContent-Range: lines 0-511/1024\r\n\r\n",
    };

    (void)context;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_non_null(parse(bad[i]));
    static const char zero[] = "HTTP/1.1 200 OK\r\nContent-Length: 7\0\r\n\r\n";
    assert_int_equal(answer_parse(zero, sizeof(zero) - 1, &answer), sizeof(zero) - 1);
    assert_non_null(answer.wrong);
}

static void test_head_too_long(void **context)
{
    static char bytes[ANSWER_HEAD_MAX + 4];

    (void)context;
    memset(bytes, 'a', sizeof(bytes));
    memcpy(bytes, "HTTP/1.1 200 OK\r\nX: ", 20);
    memcpy(bytes + ANSWER_HEAD_MAX - 4, "\r\n\r\n", 4);
    assert_int_equal(answer_parse(bytes, ANSWER_HEAD_MAX, &answer), ANSWER_HEAD_MAX);
    assert_null(answer.wrong);
    memmove(bytes + ANSWER_HEAD_MAX - 3, bytes + ANSWER_HEAD_MAX - 4, 4);
    bytes[ANSWER_HEAD_MAX - 4] = 'a';
    assert_int_equal(answer_parse(bytes, ANSWER_HEAD_MAX - 1, &answer), 0);
    assert_int_equal(answer_parse(bytes, sizeof(bytes), &answer), ANSWER_HEAD_MAX);
    assert_non_null(answer.wrong);
}

/* --- what is taken ----------------------------------------------------------------------------------------------------------------- */

static struct answer part(uint64_t first, uint64_t last, uint64_t total)
{
    return (struct answer){206, true, true, last - first + 1, first, last, total, 0};
}

static void test_first(void **context)
{
    uint64_t total;

    (void)context;
    answer = part(0, 511, TOTAL);
    assert_null(fetch_first(&answer, &total));
    assert_int_equal(total, TOTAL);
    answer = (struct answer){.status = 200, .has_length = true, .length = TOTAL};
    assert_null(fetch_first(&answer, &total));
    assert_int_equal(total, TOTAL);
    answer.length = 511;
    assert_non_null(fetch_first(&answer, &total));
    answer = part(0, 512, TOTAL);
    assert_non_null(fetch_first(&answer, &total));
    answer = part(1, 511, TOTAL);
    assert_non_null(fetch_first(&answer, &total));
    answer = part(0, 511, TOTAL);
    answer.length = 511;
    assert_non_null(fetch_first(&answer, &total));
}

static void test_rest(void **context)
{
    uint64_t from;

    (void)context;
    answer = part(4096, TOTAL - 1, TOTAL);
    assert_null(fetch_rest(&answer, 4096, TOTAL, &from));
    assert_int_equal(from, 4096);
    answer = (struct answer){.status = 200, .has_length = true, .length = TOTAL};
    assert_null(fetch_rest(&answer, 4096, TOTAL, &from));
    assert_int_equal(from, 0);
    answer.length = TOTAL + 1;
    assert_non_null(fetch_rest(&answer, 4096, TOTAL, &from));
    answer = part(4096, TOTAL - 1, TOTAL + 512);
    assert_string_equal(fetch_rest(&answer, 4096, TOTAL, &from), "the bundle has become another one meanwhile");
    answer = part(3584, TOTAL - 1, TOTAL);
    assert_string_equal(fetch_rest(&answer, 4096, TOTAL, &from), "it is another part than was asked for");
    answer = part(4096, TOTAL - 2, TOTAL);
    assert_non_null(fetch_rest(&answer, 4096, TOTAL, &from));
    answer = part(4096, TOTAL - 1, TOTAL);
    answer.length--;
    assert_non_null(fetch_rest(&answer, 4096, TOTAL, &from));
    for (unsigned status = 100; status < 600; status++) {
        answer = part(4096, TOTAL - 1, TOTAL);
        answer.status = status;
        assert_int_equal(fetch_rest(&answer, 4096, TOTAL, &from) == 0, status == 206);
        answer = (struct answer){.status = status, .has_length = true, .length = TOTAL};
        assert_int_equal(fetch_rest(&answer, 4096, TOTAL, &from) == 0, status == 200);
    }
    answer = (struct answer){.status = 200};
    assert_non_null(fetch_rest(&answer, 4096, TOTAL, &from));
    answer = part(4096, TOTAL - 1, TOTAL);
    answer.wrong = "wrong";
    assert_string_equal(fetch_rest(&answer, 4096, TOTAL, &from), "wrong");
}

static int begin(void **context)
{
    (void)context;
    memset(&state, 0, sizeof(state));
    memset(&offered, 0, sizeof(offered));
    memcpy(offered.magic, BUNDLE_MAGIC, sizeof(offered.magic));
    offered.format = BUNDLE_FORMAT;
    offered.version = 2;
    offered.size = IMAGE;
    return 0;
}

static void kept(uint64_t done, uint64_t number)
{
    state.kept = offered;
    memcpy(state.note.magic, FETCH_MAGIC, sizeof(state.note.magic));
    state.note.done = done;
    state.note.number = number;
}

static void answered(uint64_t number, enum staging_outcome outcome)
{
    memcpy(state.answer.magic, STAGING_ANSWER_MAGIC, sizeof(state.answer.magic));
    state.answer.number = number;
    state.answer.outcome = outcome;
}

static void requested(uint64_t number)
{
    memcpy(state.request.magic, STAGING_REQUEST_MAGIC, sizeof(state.request.magic));
    state.request.number = number;
}

static enum fetch_step step(void)
{
    return fetch_plan(&state, &offered, TOTAL, 1, ROOM).step;
}

static void test_strange(void **context)
{
    (void)context;
    assert_int_equal(step(), FETCH_ANEW);
    assert_int_equal(fetch_plan(&state, &offered, TOTAL, 1, TOTAL).step, FETCH_ANEW);
    assert_int_equal(fetch_plan(&state, &offered, TOTAL, 1, TOTAL - 1).step, FETCH_STRANGE);
    assert_int_equal(fetch_plan(&state, &offered, TOTAL - 1, 1, ROOM).step, FETCH_STRANGE);
    offered.size = IMAGE + 1;
    assert_int_equal(fetch_plan(&state, &offered, TOTAL + 1, 1, ROOM).step, FETCH_STRANGE);
    offered.size = 0;
    assert_int_equal(fetch_plan(&state, &offered, SECTOR, 1, ROOM).step, FETCH_STRANGE);
    offered.size = -(uint64_t)SECTOR; /* its sum with a sector is 0 */
    assert_int_equal(fetch_plan(&state, &offered, 0, 1, ROOM).step, FETCH_STRANGE);
    offered.size = IMAGE;
    offered.format = 2;
    assert_int_equal(step(), FETCH_STRANGE);
    offered.format = BUNDLE_FORMAT;
    offered.magic[7] = 'x';
    assert_int_equal(step(), FETCH_STRANGE);
}

static void test_version(void **context)
{
    (void)context;
    assert_int_equal(fetch_plan(&state, &offered, TOTAL, 2, ROOM).step, FETCH_OLD);
    assert_int_equal(fetch_plan(&state, &offered, TOTAL, 3, ROOM).step, FETCH_OLD);
    kept(4096, 0);
    assert_int_equal(fetch_plan(&state, &offered, TOTAL, 2, ROOM).step, FETCH_OLD);
}

/* Only what the note vouches for, and only of the same bundle. */
static void test_resume(void **context)
{
    (void)context;
    kept(4096, 0);
    struct fetch_plan plan = fetch_plan(&state, &offered, TOTAL, 1, ROOM);
    assert_int_equal(plan.step, FETCH_RESUME);
    assert_int_equal(plan.from, 4096);
    assert_int_equal(plan.total, TOTAL);
    static const uint64_t nonsense[] = {0, 1, 511, 4097, TOTAL + 512, ~0ull, ~511ull};
    for (size_t i = 0; i < sizeof(nonsense) / sizeof(nonsense[0]); i++) {
        kept(nonsense[i], 0);
        assert_int_equal(step(), FETCH_ANEW);
    }
    kept(4096, 0);
    offered.digest[31] ^= 1;
    assert_int_equal(step(), FETCH_ANEW);
    kept(4096, 0);
    state.note.magic[0] = 0;
    assert_int_equal(step(), FETCH_ANEW);
}

/* Power cuts around a request: none is made twice that was answered, none is left out. */
static void test_requests(void **context)
{
    (void)context;
    kept(TOTAL, 0);
    answered(0, STAGING_APPLIED); /* that of nobody */
    assert_int_equal(step(), FETCH_ASK);
    requested(6);
    answered(6, STAGING_APPLIED); /* that of the bundle before */
    assert_false(fetch_waits(&state));
    assert_int_equal(step(), FETCH_ASK);
    assert_int_equal(fetch_number(&state), 7);
    kept(TOTAL, 7); /* and the power goes before the request is written */
    assert_int_equal(step(), FETCH_ASK);
    assert_int_equal(fetch_number(&state), 7);
    requested(7);
    assert_true(fetch_waits(&state));
    answered(7, STAGING_REFUSED);
    assert_false(fetch_waits(&state));
    assert_int_equal(step(), FETCH_REFUSED);
    answered(7, STAGING_APPLIED);
    assert_int_equal(step(), FETCH_DONE);
    requested(~0ull);
    answered(1, STAGING_APPLIED);
    assert_int_equal(fetch_number(&state), 2);
    memset(&state.request, 0, sizeof(state.request));
    assert_false(fetch_waits(&state));
    assert_int_equal(fetch_number(&state), 2);
}

/* --- what a power cut leaves ------------------------------------------------------------------------------------------------------- */

#define SECTORS 64u
#define NEW_BYTES (41u * SECTOR)
#define PIECE (4u * SECTOR)

static void bundle_make(uint8_t *bytes, uint32_t version)
{
    struct bundle *bundle = (struct bundle *)bytes;

    memset(bytes, (int)version, NEW_BYTES);
    *bundle = offered;
    bundle->version = version;
    bundle->size = NEW_BYTES - SECTOR;
}

/* As fetch.c does it. False: the power went. */
static bool fetched(const uint8_t *bytes)
{
    if (setjmp(staging.power))
        return false;
    assert_true(stage_begin((const struct bundle *)bytes));
    for (uint64_t at = SECTOR; at < NEW_BYTES; at += PIECE) {
        assert_true(stage_write(at, bytes + at, PIECE));
        if (at / PIECE % 3 == 2)
            assert_true(stage_note(at + PIECE, 0));
    }
    return stage_note(NEW_BYTES, 7) && stage_request(7);
}

/* What would be gone on with is there, of whichever bundle; what is asked for is whole. */
static void left_sound(uint8_t bundles[2][NEW_BYTES])
{
    assert_true(stage_read(&state));
    for (unsigned i = 0; i < 2; i++) {
        struct fetch_plan plan = fetch_plan(&state, (const struct bundle *)bundles[i], NEW_BYTES, 1, stage_room());
        assert_true(plan.step != FETCH_STRANGE && plan.step != FETCH_OLD);
        assert_memory_equal(staging.stable[STAGING_BUNDLE], bundles[i], plan.from);
    }
    if (fetch_waits(&state))
        assert_memory_equal(staging.stable[STAGING_BUNDLE], bundles[1], NEW_BYTES);
}

static void test_power_cuts(void **context)
{
    static uint8_t bundles[2][NEW_BYTES];
    bool went = true;

    (void)context;
    staging.sectors = SECTORS;
    assert_false(stage_open("other"));
    assert_true(stage_open("staging"));
    assert_int_equal(stage_room(), (SECTORS - STAGING_BUNDLE) * SECTOR);
    bundle_make(bundles[0], 2);
    bundle_make(bundles[1], 3);
    srand(1);
    for (unsigned cut = 0; went; cut++) {
        for (unsigned outcome = 0; outcome < 6; outcome++) { /* of what was not flushed: none, all, any part */
            memset(&staging, 0, offsetof(struct fake_staging, power));
            staging.sectors = SECTORS;
            kept(NEW_BYTES, 6); /* version 2, applied */
            requested(6);
            answered(6, STAGING_APPLIED);
            memcpy(staging.stable, &state, sizeof(state));
            memcpy(staging.stable[STAGING_BUNDLE], bundles[0], NEW_BYTES);
            staging.left = cut;
            went = !fetched(bundles[1]);
            fake_staging_cut(outcome == 0 ? 0 : outcome == 1 ? 100 : 50);
            left_sound(bundles);
        }
    }
    assert_true(fetch_waits(&state));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_feed),
        cmocka_unit_test(test_feed_refused),
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_answers_refused),
        cmocka_unit_test(test_head_too_long),
        cmocka_unit_test(test_first),
        cmocka_unit_test(test_rest),
        cmocka_unit_test_setup(test_strange, begin),
        cmocka_unit_test_setup(test_version, begin),
        cmocka_unit_test_setup(test_resume, begin),
        cmocka_unit_test_setup(test_requests, begin),
        cmocka_unit_test_setup(test_power_cuts, begin),
    };

    return cmocka_run_group_tests(tests, 0, 0);
}
