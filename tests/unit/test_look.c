/* SPDX-License-Identifier: Apache-2.0 */
/* The fetcher on the real lwIP, with the settings of the target, over its loopback: a feed that cuts, lies, stalls and floods; losses of
 * power. Time is the test's: a millisecond for each round of the loop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <lwip/priv/tcp_priv.h>
#include <lwip/stats.h>
#include <lwip/tcp.h>
#include <lwip/timeouts.h>

#include "bh.h"
#include "bh_net.h"
#include "choice.h"
#include "fake_staging.h"
#include "look.h"
#include "net_card.h"
#include "net_random.h"
#include "stage.h"
#include "wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MS 1000000ull
#define SECOND (1000 * MS)
#define BYTES (1400u * SECTOR)
#define NEVER 0xffffffffu

static uint64_t now;
static const struct bh_start_info info = {.name = "fetch", .lives = 1};
static struct fetcher fetcher = {{"127.0.0.1", 80, "/update.bundle"}, 3600, 1};

const struct bh_start_info *bh_start_info(void)
{
    return &info;
}

uint64_t bh_now_ns(void)
{
    return now;
}

bool bh_irq_off(void)
{
    return true;
}

void bh_irq_restore(bool were_on)
{
    (void)were_on;
}

void bh_wait(uint64_t deadline)
{
    (void)deadline;
}

void bh_watchdog_pet(void)
{
    now += MS; /* once a round */
}

void net_entropy(uint64_t words[2])
{
    words[0] = 1;
    words[1] = 2;
}

/* There is no card here. */
const struct net_card net_e1000e, net_cable;

void net_cable_name(const char *name)
{
    (void)name;
}

/* --- the feed ---------------------------------------------------------------------------------------------------------------------- */

static struct {
    uint8_t file[BYTES];
    bool no_parts, gone; /* answers 200 always; has no listener */
    bool silent;         /* at what ends a body early: no end of the connection */
    const char *head;    /* instead of its own */
    unsigned cut;        /* bytes of the rest's body after which it ends */
    unsigned piece;      /* bytes that it sends at a time */
    unsigned pause;      /* rounds from one to the next */
    uint32_t more;       /* bytes behind the body that nobody asked for */
    /* what it has seen */
    unsigned looks, rests;
    uint64_t asked, sent; /* the last rest's first byte; bytes of rests, all together */
    /* the connection */
    struct tcp_pcb *listener, *pcb;
    char request[FEED_REQUEST_MAX];
    size_t request_size;
    char answer[ANSWER_HEAD_MAX + 8];
    size_t head_size, head_sent;
    uint64_t at, end;
    bool answers, rest;
    unsigned rounds;
} server;

static void server_leave(void)
{
    if (server.pcb) {
        tcp_arg(server.pcb, 0);
        tcp_recv(server.pcb, 0);
        tcp_err(server.pcb, 0);
        if (tcp_close(server.pcb) != ERR_OK)
            tcp_abort(server.pcb);
    }
    server.pcb = 0;
    server.answers = false;
    server.request_size = 0;
}

static void server_answer(void)
{
    unsigned long first = 0, last = BYTES - 1;

    server.request[server.request_size] = 0;
    assert_non_null(strstr(server.request, "GET /update.bundle HTTP/1.1\r\n"));
    int words = sscanf(strstr(server.request, "Range: "), "Range: bytes=%lu-%lu", &first, &last);
    assert_true(words >= 1 && first <= last && last < BYTES);
    server.rest = words == 1;
    if (server.rest)
        server.asked = first;
    server.looks += !server.rest;
    server.rests += server.rest;
    if (server.no_parts) {
        first = 0;
        last = BYTES - 1;
    }
    server.at = first;
    server.end = last + 1;
    server.head_size = (size_t)snprintf(server.answer, sizeof(server.answer), "HTTP/1.1 %s OK\r\nContent-Length: %lu\r\n",
                                        server.no_parts ? "200" : "206", last + 1 - first);
    if (!server.no_parts)
        server.head_size += (size_t)snprintf(server.answer + server.head_size, sizeof(server.answer) - server.head_size,
                                             "Content-Range: bytes %lu-%lu/%u\r\n", first, last, BYTES);
    strcpy(server.answer + server.head_size, "\r\n");
    server.head_size += 2;
    if (server.head) {
        strcpy(server.answer, server.head);
        server.head_size = strlen(server.head);
    }
    server.head_sent = 0;
    server.answers = true;
}

static err_t on_request(void *arg, struct tcp_pcb *pcb, struct pbuf *bytes, err_t error)
{
    (void)arg;
    (void)error;
    if (!bytes) {
        server_leave();
        return ERR_OK;
    }
    assert_true(server.request_size + bytes->tot_len < sizeof(server.request));
    pbuf_copy_partial(bytes, server.request + server.request_size, bytes->tot_len, 0);
    server.request_size += bytes->tot_len;
    tcp_recved(pcb, bytes->tot_len);
    pbuf_free(bytes);
    if (server.request_size >= 4 && memcmp(server.request + server.request_size - 4, "\r\n\r\n", 4) == 0)
        server_answer();
    return ERR_OK;
}

static void on_gone(void *arg, err_t error)
{
    (void)arg;
    (void)error;
    server.pcb = 0;
    server.answers = false;
    server.request_size = 0;
}

static err_t on_accept(void *arg, struct tcp_pcb *pcb, err_t error)
{
    (void)arg;
    if (error != ERR_OK)
        return error;
    server_leave();
    server.pcb = pcb;
    tcp_nagle_disable(pcb);
    tcp_recv(pcb, on_request);
    tcp_err(pcb, on_gone);
    return ERR_OK;
}

static bool server_send(const void *bytes, uint64_t count)
{
    return tcp_write(server.pcb, bytes, (u16_t)count, TCP_WRITE_FLAG_COPY) == ERR_OK && tcp_output(server.pcb) == ERR_OK;
}

/* A piece of what is left. */
static void server_go_on(void)
{
    uint64_t end = server.rest && !server.head && server.end - server.at > server.cut ? server.at + server.cut : server.end, count;

    if (server.head_sent < server.head_size) {
        count = server.head_size - server.head_sent < server.piece ? server.head_size - server.head_sent : server.piece;
        if (server_send(server.answer + server.head_sent, count))
            server.head_sent += count;
        return;
    }
    count = end - server.at < server.piece ? end - server.at : server.piece;
    if (count > tcp_sndbuf(server.pcb))
        return;
    if (count > 0 && server_send(server.file + server.at, count)) {
        server.at += count;
        if (server.rest) {
            server.sent += count;
            server.cut -= server.cut < NEVER ? (unsigned)count : 0;
        }
    }
    if (server.at < end)
        return;
    for (uint32_t i = 0; i < server.more && tcp_sndbuf(server.pcb) > 0; i++)
        server_send("x", 1);
    if (!server.silent)
        server_leave();
}

/* The disk's owner: answers what is asked. */
static struct {
    enum staging_outcome outcome;
    unsigned requests;
    bool whole; /* the last time */
} owner;

static void owner_work(void)
{
    struct staging_note *request = (struct staging_note *)fake_staging_sector(STAGING_REQUEST);
    struct staging_note *answer = (struct staging_note *)fake_staging_sector(STAGING_ANSWER);

    if (memcmp(request->magic, STAGING_REQUEST_MAGIC, 8) != 0 ||
        (memcmp(answer->magic, STAGING_ANSWER_MAGIC, 8) == 0 && answer->number == request->number))
        return;
    owner.whole = true;
    for (unsigned i = 0; i < BYTES / SECTOR; i++)
        owner.whole = owner.whole && memcmp(fake_staging_sector(STAGING_BUNDLE + i), server.file + i * SECTOR, SECTOR) == 0;
    owner.requests++;
    *answer = (struct staging_note){.number = request->number, .outcome = owner.outcome, .text = "a reason"};
    memcpy(answer->magic, STAGING_ANSWER_MAGIC, 8);
}

/* Called by lwIP's loop, through its timers: the feed does its work in the same rounds. */
static void server_round(void *arg)
{
    if (server.pcb && server.answers && ++server.rounds >= server.pause) {
        server.rounds = 0;
        server_go_on();
    }
    sys_timeout(1, server_round, arg);
}

static void publish(uint32_t version, unsigned seed)
{
    struct bundle bundle = {.format = BUNDLE_FORMAT, .version = version, .size = BYTES - SECTOR};

    srand(seed);
    for (size_t i = SECTOR; i < BYTES; i++)
        server.file[i] = (uint8_t)rand();
    memcpy(bundle.magic, BUNDLE_MAGIC, 8);
    bundle.digest[0] = (uint8_t)seed;
    memcpy(server.file, &bundle, SECTOR);
}

static int begin(void **context)
{
    (void)context;
    wire_end();
    server_leave();
    struct tcp_pcb *listener = server.listener;
    memset(&server, 0, sizeof(server));
    server.listener = listener;
    server.piece = 1400;
    server.cut = NEVER;
    memset(&owner, 0, sizeof(owner));
    owner.outcome = STAGING_APPLIED;
    memset(&staging, 0, sizeof(staging));
    staging.sectors = BYTES / SECTOR + STAGING_BUNDLE;
    staging.left = NEVER;
    staging.served = owner_work;
    fetcher.version = 1;
    publish(2, 1);
    return stage_open("staging") ? 0 : -1;
}

/* Nothing of lwIP stays behind. */
static int end(void **context)
{
    (void)context;
    wire_end();
    server_leave();
    wire_pause(now + 200 * MS);
    for (unsigned i = 0; tcp_tw_pcbs && i < 200; i++)
        tcp_abort(tcp_tw_pcbs);
    for (unsigned i = 0; tcp_active_pcbs && i < 200; i++)
        tcp_abort(tcp_active_pcbs);
    assert_int_equal(lwip_stats.memp[MEMP_TCP_SEG]->used, 0);
    assert_int_equal(lwip_stats.mem.used, 0);
    return 0;
}

static uint64_t look(void)
{
    return fetcher_look(&fetcher);
}

/* --- tests ------------------------------------------------------------------------------------------------------------------------- */

static void fetched_once(void **context)
{
    (void)context;
    assert_int_equal(look(), 3600);
    assert_true(owner.requests == 1 && owner.whole);
    assert_true(server.looks == 1 && server.rests == 1 && server.asked == SECTOR && server.sent == BYTES - SECTOR);
    assert_int_equal(look(), 3600);
    assert_true(owner.requests == 1 && server.looks == 2 && server.rests == 1);
    publish(3, 2);
    assert_int_equal(look(), 3600);
    assert_true(owner.requests == 2 && owner.whole && server.rests == 2);
    fetcher.version = 3;
    publish(2, 1);
    assert_int_equal(look(), 3600);
    assert_true(owner.requests == 2 && server.rests == 2);
}

/* Of each connection that is cut nothing but a part of a sector comes twice. */
static void resumed_after_each_cut(void **context)
{
    unsigned looks = 0;

    (void)context;
    while (owner.requests == 0) {
        server.cut = (unsigned)rand() % 90000;
        look();
        assert_true(++looks < 100);
    }
    unsigned cuts = looks - 1;
    assert_true(owner.whole && cuts > 5 && server.rests == cuts + 1);
    assert_in_range(server.sent, BYTES - SECTOR, BYTES - SECTOR + cuts * SECTOR);
}

/* Of each loss of power what has come since the last note. */
static void resumed_after_losses_of_power(void **context)
{
    volatile unsigned losses = 0;

    (void)context;
    staging.left = 300;
    if (setjmp(staging.power)) {
        wire_end();
        server_leave();
        losses++;
        fake_staging_cut(losses % 3 * 50);
        staging.left = 700 + losses;
    }
    look();
    assert_true(owner.requests == 1 && owner.whole);
    assert_in_range(losses, 2, 5);
    assert_in_range(server.sent, BYTES, BYTES + losses * ((256u << 10) + 2 * WIRE_PIECE));
}

static void without_parts(void **context)
{
    (void)context;
    server.no_parts = true;
    server.cut = 100000;
    assert_int_equal(look(), 1);
    server.cut = NEVER;
    assert_int_equal(look(), 3600);
    assert_true(owner.requests == 1 && owner.whole && server.rests == 2);
    assert_true(server.asked > SECTOR); /* it asked for the rest all the same */
}

static void replaced_meanwhile(void **context)
{
    (void)context;
    server.cut = 100000;
    assert_int_equal(look(), 1);
    publish(2, 7);
    server.cut = NEVER;
    assert_int_equal(look(), 3600);
    assert_true(owner.requests == 1 && owner.whole && server.asked == SECTOR);
}

/* Fetched again with the second look after it, then with the fourth, the eighth. */
static void refused_ever_less_often(void **context)
{
    static const unsigned after[] = {1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3, 4};

    (void)context;
    owner.outcome = STAGING_REFUSED;
    for (unsigned i = 0; i < sizeof(after) / sizeof(after[0]); i++) {
        assert_int_equal(look(), 3600);
        assert_int_equal(owner.requests, after[i]);
    }
}

static void no_feed(void **context)
{
    (void)context;
    tcp_close(server.listener);
    for (unsigned i = 0; i < 15; i++)
        assert_int_equal(look(), 1u << i < 3600 ? 1u << i : 3600);
    struct tcp_pcb *pcb = tcp_new_ip_type(IPADDR_TYPE_V4);
    assert_int_equal(tcp_bind(pcb, IP4_ADDR_ANY, 80), ERR_OK);
    server.listener = tcp_listen(pcb);
    tcp_accept(server.listener, on_accept);
    assert_int_equal(look(), 3600);
    assert_true(owner.requests == 1);
}

/* Nothing of these is taken, and each look ends. */
static void heads_that_are_refused(void **context)
{
    static char endless[ANSWER_HEAD_MAX + 4];
    static const char *const heads[] = {
        "HTTP/1.1 404 no\r\nContent-Length: 512\r\n\r\n",
        "HTTP/1.1 301 moved\r\nLocation: http://127.0.0.1/\r\nContent-Length: 512\r\n\r\n",
        "HTTP/1.1 206 OK\r\nTransfer-Encoding: chunked\r\nContent-Range: bytes 0-511/716800\r\n\r\n",
        "HTTP/1.1 200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 512\r\n\r\n",
        "nothing\r\n\r\n",
        endless,
    };

    (void)context;
    memset(endless, 'x', sizeof(endless) - 1);
    for (unsigned i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
        uint64_t before = now;
        server.head = heads[i];
        assert_true(look() < 3600);
        assert_true(now - before < SECOND);
    }
    assert_true(staging.written == 0 && owner.requests == 0);
}

/* A feed that says nothing, or stops in its body, is left after half a minute. */
static void silent_feed_is_left(void **context)
{
    uint64_t before = now;

    (void)context;
    server.pause = 60000;
    assert_true(look() < 3600);
    assert_in_range(now - before, 30 * SECOND, 31 * SECOND);
    begin(0);
    server.silent = true;
    server.cut = 5000;
    before = now;
    assert_true(look() < 3600);
    assert_in_range(now - before, 30 * SECOND, 32 * SECOND);
    server.cut = NEVER;
    assert_int_equal(look(), 3600);
    assert_true(owner.whole && server.asked == SECTOR + 5000 / SECTOR * SECTOR);
}

/* Bytes behind the end are nobody's, and a feed that sends as fast as it can finds the window closed while nothing is taken. */
static void too_much(void **context)
{
    (void)context;
    server.more = 20000;
    server.piece = 30000;
    assert_int_equal(look(), 3600);
    assert_true(owner.requests == 1 && owner.whole);
    assert_int_equal(staging.written, BYTES / SECTOR + 1 + 5 + 1); /* the first sector twice is not; notes; the request */
}

static void by_drops(void **context)
{
    (void)context;
    server.piece = 100;
    assert_int_equal(look(), 3600);
    assert_true(owner.requests == 1 && owner.whole);
}

static void name_without_an_address(void **context)
{
    uint64_t before = now;

    (void)context;
    strcpy(fetcher.feed.host, "updates.example");
    assert_true(look() < 3600);
    strcpy(fetcher.feed.host, "127.0.0.1");
    assert_true(now - before <= 31 * SECOND && server.looks == 0);
    assert_int_equal(look(), 3600);
}

int main(void)
{
    static char word[] = "net=loopback", *words[] = {word};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(fetched_once, begin, end),
        cmocka_unit_test_setup_teardown(resumed_after_each_cut, begin, end),
        cmocka_unit_test_setup_teardown(resumed_after_losses_of_power, begin, end),
        cmocka_unit_test_setup_teardown(without_parts, begin, end),
        cmocka_unit_test_setup_teardown(replaced_meanwhile, begin, end),
        cmocka_unit_test_setup_teardown(refused_ever_less_often, begin, end),
        cmocka_unit_test_setup_teardown(no_feed, begin, end),
        cmocka_unit_test_setup_teardown(heads_that_are_refused, begin, end),
        cmocka_unit_test_setup_teardown(silent_feed_is_left, begin, end),
        cmocka_unit_test_setup_teardown(too_much, begin, end),
        cmocka_unit_test_setup_teardown(by_drops, begin, end),
        cmocka_unit_test_setup_teardown(name_without_an_address, begin, end),
    };

    assert_null(bh_net_start(1, words));
    struct tcp_pcb *pcb = tcp_new_ip_type(IPADDR_TYPE_V4);
    tcp_bind(pcb, IP4_ADDR_ANY, 80);
    server.listener = tcp_listen(pcb);
    tcp_accept(server.listener, on_accept);
    sys_timeout(1, server_round, 0);
    return cmocka_run_group_tests(tests, 0, 0);
}
