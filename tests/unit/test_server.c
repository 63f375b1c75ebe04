/* SPDX-License-Identifier: Apache-2.0 */
/* The web server on the real lwIP, with the settings of the target, over its loopback. Time is the test's: a millisecond for each
 * round of the loop, so that patience and time-outs are exact and take no time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <lwip/priv/tcp_priv.h>
#include <lwip/stats.h>
#include <lwip/tcp.h>

#include "bh.h"
#include "bh_net.h"
#include "net_card.h"
#include "net_random.h"
#include "page.h"
#include "server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MS 1000000ull
#define PORT 80

static uint64_t now;
static const struct bh_start_info info = {.name = "web", .lives = 1};
static uint8_t big_file[300000];

bool bh_observe(unsigned n, struct bh_health *health)
{
    *health = (struct bh_health){.name = "other", .state = BH_STATE_RUNNING, .starts = 2};
    return n == 0;
}

const struct bh_start_info *bh_start_info(void)
{
    return &info;
}

uint64_t bh_now_ns(void)
{
    return now;
}

uint64_t bh_busy_ns(void)
{
    return now / 2;
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
    now = deadline;
}

void net_entropy(uint64_t words[2])
{
    words[0] = 1;
    words[1] = 2;
}

bool bh_file_next(struct bh_file *file)
{
    if (file->next > 0)
        return false;
    *file = (struct bh_file){.name = "big", .bytes = big_file, .size = sizeof(big_file), .next = 1};
    return true;
}

bool bh_file_open(const char *name, struct bh_file *file)
{
    *file = (struct bh_file){0};
    return bh_file_next(file) && strcmp(name, "big") == 0;
}

/* There is no card here. */
const struct net_card net_e1000e, net_cable;

void net_cable_name(const char *name)
{
    (void)name;
}

/* --- clients -------------------------------------------------------------------------------------------------------------------- */

struct client {
    struct tcp_pcb *pcb;
    bool connected, closed, broken, stalled; /* stalled: does not fetch */
    char head[8192];                         /* the first bytes of what came */
    uint64_t received, wrong;
    size_t head_size;
    uint64_t pattern_from; /* offset of the body, whose bytes are compared with the pattern; 0: not compared */
};

static struct client clients[160];
static uint8_t pattern[PAGE_PATTERN];

static void take(struct client *c, const uint8_t *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++, c->received++) {
        if (c->head_size + 1 < sizeof(c->head))
            c->head[c->head_size++] = (char)bytes[i];
        if (c->pattern_from == 0 && c->head_size >= 4 && memcmp(c->head + c->head_size - 4, "\r\n\r\n", 4) == 0)
            c->pattern_from = c->received + 1;
        else if (c->pattern_from != 0 && bytes[i] != pattern[(c->received - c->pattern_from) % PAGE_PATTERN])
            c->wrong++;
    }
}

static err_t client_received(void *arg, struct tcp_pcb *pcb, struct pbuf *bytes, err_t error)
{
    struct client *c = arg;

    (void)error;
    if (!bytes) {
        c->closed = true;
        return ERR_OK;
    }
    for (struct pbuf *part = bytes; part; part = part->next)
        take(c, part->payload, part->len);
    if (!c->stalled)
        tcp_recved(pcb, bytes->tot_len);
    pbuf_free(bytes);
    return ERR_OK;
}

static void client_error(void *arg, err_t error)
{
    struct client *c = arg;

    (void)error;
    c->broken = true;
    c->pcb = 0;
}

static err_t client_connected(void *arg, struct tcp_pcb *pcb, err_t error)
{
    (void)pcb;
    ((struct client *)arg)->connected = error == ERR_OK;
    return ERR_OK;
}

static void run(unsigned ms)
{
    for (unsigned i = 0; i < ms; i++) {
        bh_net_poll();
        now += MS;
    }
}

static void start_connect(struct client *c, bool v6)
{
    ip_addr_t address;

    *c = (struct client){0};
    ipaddr_aton(v6 ? "::1" : "127.0.0.1", &address);
    c->pcb = tcp_new_ip_type(v6 ? IPADDR_TYPE_V6 : IPADDR_TYPE_V4);
    assert_non_null(c->pcb);
    tcp_nagle_disable(c->pcb);
    tcp_arg(c->pcb, c);
    tcp_recv(c->pcb, client_received);
    tcp_err(c->pcb, client_error);
    assert_int_equal(tcp_connect(c->pcb, &address, PORT, client_connected), ERR_OK);
}

static struct client *open_client(unsigned i)
{
    start_connect(&clients[i], false);
    run(3);
    return &clients[i];
}

static void say(struct client *c, const char *text)
{
    assert_int_equal(tcp_write(c->pcb, text, (u16_t)strlen(text), TCP_WRITE_FLAG_COPY), ERR_OK);
    tcp_output(c->pcb);
}

static void leave(struct client *c)
{
    if (c->pcb) {
        tcp_arg(c->pcb, 0);
        tcp_recv(c->pcb, 0);
        tcp_err(c->pcb, 0);
        tcp_abort(c->pcb);
        c->pcb = 0;
    }
}

static int leave_all(void **state)
{
    (void)state;
    for (unsigned i = 0; i < sizeof(clients) / sizeof(clients[0]); i++)
        leave(&clients[i]);
    run(100);
    assert_int_equal(server_counters().open, 0);
    for (unsigned i = 0; tcp_tw_pcbs && i < 200; i++)
        tcp_abort(tcp_tw_pcbs);
    assert_int_equal(lwip_stats.memp[MEMP_TCP_SEG]->used, 0);
    assert_int_equal(lwip_stats.memp[MEMP_PBUF]->used, 0);
    assert_int_equal(lwip_stats.mem.used, 0);
    return 0;
}

static void gets_status(unsigned i)
{
    struct client *c = open_client(i);

    say(c, "GET /status.json HTTP/1.0\r\n\r\n");
    run(20);
    assert_true(c->closed && strncmp(c->head, "HTTP/1.1 200 OK\r\n", 17) == 0);
    leave(c);
}

/* --- tests ------------------------------------------------------------------------------------------------------------------------ */

static void pages_over_both_protocols(void **state)
{
    (void)state;
    for (int v6 = 0; v6 < 2; v6++) {
        start_connect(&clients[0], v6);
        run(5);
        say(&clients[0], "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        run(10);
        assert_non_null(strstr(clients[0].head, "<h1>web</h1>"));
        assert_false(clients[0].closed);
        clients[0].head_size = 0;
        say(&clients[0], "GET /status.json HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        run(10);
        assert_non_null(strstr(clients[0].head, "\"open\":1,\"most\":1,"));
        assert_true(clients[0].closed && !clients[0].broken);
        leave(&clients[0]);
    }
}

static void a_file_comes_whole(void **state)
{
    struct client *c = open_client(0);

    (void)state;
    for (size_t i = 0; i < sizeof(big_file); i++)
        big_file[i] = pattern[i % PAGE_PATTERN];
    say(c, "GET /files/big HTTP/1.0\r\n\r\n");
    run(2000);
    assert_true(c->closed);
    assert_int_equal(c->received, c->pattern_from + sizeof(big_file));
    assert_int_equal(c->wrong, 0);
}

static void head_has_no_body(void **state)
{
    struct client *c = open_client(0);

    (void)state;
    say(c, "HEAD /pattern/1000 HTTP/1.0\r\n\r\n");
    run(10);
    assert_non_null(strstr(c->head, "Content-Length: 1000\r\n"));
    assert_int_equal(c->received, c->pattern_from);
    assert_true(c->closed);
}

static void hundred_at_a_time(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 100; i++)
        start_connect(&clients[i], i % 2);
    run(200);
    for (unsigned i = 0; i < 100; i++) {
        assert_true(clients[i].connected);
        say(&clients[i], "GET /pattern/200000 HTTP/1.0\r\n\r\n");
    }
    for (unsigned round = 0; round < 120 && server_counters().open > 0; round++)
        run(1000);
    for (unsigned i = 0; i < 100; i++) {
        assert_true(clients[i].closed && !clients[i].broken);
        assert_int_equal(clients[i].received, clients[i].pattern_from + 200000);
        assert_int_equal(clients[i].wrong, 0);
    }
}

static void requests_one_behind_the_other(void **state)
{
    struct client *c = open_client(0);
    unsigned answers = 0;

    (void)state;
    for (unsigned i = 0; i < 40; i++)
        say(c, "GET /zeros/3 HTTP/1.1\r\nHost: a\r\n\r\n");
    run(500);
    for (size_t at = 0; at + 15 < c->head_size; at++)
        answers += memcmp(c->head + at, "HTTP/1.1 200 OK", 15) == 0;
    assert_int_equal(answers, 40);
    assert_int_equal(c->received, 40 * (c->pattern_from + 3));
    assert_false(c->closed || c->broken);
}

static void a_request_byte_by_byte(void **state)
{
    struct client *c = open_client(0);

    (void)state;
    for (const char *at = "GET /zeros/3 HTTP/1.0\r\n\r\n"; *at; at++) {
        say(c, (const char[]){*at, 0});
        run(100);
    }
    assert_true(c->closed && strstr(c->head, "200 OK"));
}

static void errors_are_answered_and_end(void **state)
{
    static const struct {
        const char *request, *answer;
    } rows[] = {{"GET /none HTTP/1.0\r\n\r\n", "404 "}, {"nonsense\r\n\r\n", "400 "}, {"PUT / HTTP/1.0\r\n\r\n", "405 "}};
    static char large[3000];
    struct client *c;

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        c = open_client(i);
        say(c, rows[i].request);
        run(10);
        assert_non_null(strstr(c->head, rows[i].answer));
        assert_true(c->closed && !c->broken);
    }
    memset(large, 'a', sizeof(large) - 1);
    memcpy(large, "GET / HTTP/1.0\r\nA: ", 19);
    c = open_client(3);
    say(c, large);
    run(10);
    assert_non_null(strstr(c->head, "431 "));
    assert_true(c->closed && !c->broken);
}

static void who_closes_early_still_gets_his_answer(void **state)
{
    struct client *c = open_client(0);

    (void)state;
    say(c, "GET /pattern/100000 HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_int_equal(tcp_shutdown(c->pcb, 0, 1), ERR_OK);
    run(1000);
    assert_int_equal(c->received, c->pattern_from + 100000);
    assert_true(c->closed);
}

static void who_says_nothing_is_closed(void **state)
{
    struct client *c = open_client(0);
    struct server_counters before = server_counters();

    (void)state;
    run(9000);
    assert_false(c->closed || c->broken);
    run(4000);
    assert_true(c->closed && !c->broken);
    assert_int_equal(server_counters().slow, before.slow);
}

static void who_trickles_is_cut_off(void **state)
{
    struct client *c = open_client(0);
    struct server_counters before = server_counters();

    (void)state;
    say(c, "GET / HTTP/1.0\r\nA: ");
    for (unsigned second = 0; second < 13 && c->pcb; second++) {
        say(c, "a");
        run(1000);
    }
    assert_true(c->broken);
    assert_int_equal(server_counters().slow, before.slow + 1);
}

static void who_does_not_fetch_is_cut_off_and_hinders_nobody(void **state)
{
    struct client *c = open_client(0);

    (void)state;
    c->stalled = true;
    say(c, "GET /zeros/1000000 HTTP/1.0\r\n\r\n");
    for (unsigned second = 0; second < 9; second++) {
        run(1000);
        gets_status(1);
    }
    assert_int_equal(server_counters().open, 1);
    run(5000);
    assert_int_equal(server_counters().open, 0);
}

/* Someone who fetches slowly but steadily is left alone. */
static void who_fetches_slowly_gets_all(void **state)
{
    struct client *c = open_client(0);

    (void)state;
    c->stalled = true;
    say(c, "GET /pattern/60000 HTTP/1.0\r\n\r\n");
    for (unsigned second = 0; second < 100 && !c->closed; second++) {
        run(1000);
        if (c->pcb)
            tcp_recved(c->pcb, 1024);
    }
    assert_true(c->closed && !c->broken);
    assert_int_equal(c->received, c->pattern_from + 60000);
    assert_int_equal(c->wrong, 0);
}

static void idle_ones_make_way(void **state)
{
    (void)state;
    for (unsigned i = 0; i < SERVER_CONNECTIONS; i++)
        open_client(i);
    assert_int_equal(server_counters().open, SERVER_CONNECTIONS);
    for (unsigned i = 0; i < 10; i++)
        gets_status(140);
    assert_true(clients[0].broken); /* the one that waited longest */
    assert_false(clients[SERVER_CONNECTIONS - 1].broken);
}

static void those_who_do_not_fetch_make_way(void **state)
{
    struct server_counters before;

    (void)state;
    for (unsigned i = 0; i < SERVER_CONNECTIONS; i++) {
        open_client(i)->stalled = true;
        say(&clients[i], "GET /zeros/1000000 HTTP/1.0\r\n\r\n");
        run(2);
    }
    before = server_counters();
    assert_int_equal(before.open, SERVER_CONNECTIONS);
    run(1000);
    open_client(140);
    run(20);
    if (!clients[140].broken)
        assert_int_equal(server_counters().turned_away, before.turned_away);
    run(2000);
    gets_status(141);
}

/* Pieces of one byte that nobody reads would fill all buffers. */
static void a_flood_behind_an_answer_is_cut_off(void **state)
{
    struct client *c = open_client(0);

    (void)state;
    c->stalled = true;
    say(c, "GET /zeros/1000000 HTTP/1.1\r\nHost: a\r\n\r\n");
    run(50);
    for (unsigned i = 0; i < 2500 && c->pcb; i++) {
        say(c, "x");
        run(2);
    }
    assert_true(c->broken);
}

static void any_bytes_in_any_pieces(void **state)
{
    unsigned seed = 3;

    (void)state;
    for (unsigned round = 0; round < 300; round++) {
        struct client *c = open_client(round % 8);
        for (unsigned piece = 0; piece < 1 + round % 7 && c->pcb; piece++) {
            char bytes[200];
            for (unsigned i = 0; i + 1 < sizeof(bytes); i++) {
                seed = seed * 1103515245u + 12345u;
                bytes[i] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n\x01\xff"[(seed >> 16) % 29];
            }
            bytes[(seed >> 20) % 199] = 0;
            if (bytes[0])
                say(c, bytes);
            run(seed >> 30);
        }
        if (round % 3 == 0)
            leave(c);
        else if (c->pcb && round % 3 == 1)
            tcp_shutdown(c->pcb, 0, 1);
        run(2);
        leave(c);
    }
    run(14000);
    gets_status(9);
}

/* The loop would sleep for as long as nothing is due, and wake for lwIP's timers. */
static void waiting_ends_at_the_next_timer(void **state)
{
    uint64_t before;

    (void)state;
    bh_net_poll();
    before = now;
    bh_net_wait(now + 60000 * MS);
    assert_true(now > before && now - before <= 1000 * MS);
    before = now;
    bh_net_poll();
    bh_net_wait(now + 1);
    assert_true(now - before <= 1);
}

static int start(void **state)
{
    static char *words[] = {"net=loopback"};
    uint32_t lcg = 1;

    (void)state;
    now = 5000 * MS;
    for (unsigned i = 0; i < PAGE_PATTERN; i++) {
        lcg = lcg * 1664525u + 1013904223u;
        pattern[i] = (uint8_t)(lcg >> 16);
    }
    if (bh_net_start(1, words) || server_start(PORT))
        return 1;
    run(10);
    return !server_start(PORT); /* the port is taken */
}

int main(void)
{
#define CASE(test) cmocka_unit_test_teardown(test, leave_all)
    const struct CMUnitTest tests[] = {
        CASE(pages_over_both_protocols),
        CASE(a_file_comes_whole),
        CASE(head_has_no_body),
        CASE(hundred_at_a_time),
        CASE(requests_one_behind_the_other),
        CASE(a_request_byte_by_byte),
        CASE(errors_are_answered_and_end),
        CASE(who_closes_early_still_gets_his_answer),
        CASE(who_says_nothing_is_closed),
        CASE(who_trickles_is_cut_off),
        CASE(who_does_not_fetch_is_cut_off_and_hinders_nobody),
        CASE(who_fetches_slowly_gets_all),
        CASE(idle_ones_make_way),
        CASE(those_who_do_not_fetch_make_way),
        CASE(a_flood_behind_an_answer_is_cut_off),
        CASE(any_bytes_in_any_pieces),
        CASE(waiting_ends_at_the_next_timer),
    };

    return cmocka_run_group_tests(tests, start, 0);
}
