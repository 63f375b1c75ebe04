/* SPDX-License-Identifier: Apache-2.0 */
/* The network library and the web server, asked by clients in the same program over the loopback: for tests/system. Says "nettest: passed"
 * or what failed, and ends. With the word from=ADDRESS it asks a server there instead, for as many bytes as are typed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <lwip/tcp.h>

#include "../httpd/page.h"
#include "../httpd/server.h"
#include "bh.h"
#include "bh_net.h"

#define SECOND 1000000000ull
#define PORT 80u
#define PARALLEL 100u
#define REQUESTS 1000u
#define LARGE_SIZE 20000000ull

struct client {
    struct tcp_pcb *pcb;
    const char *request;
    bool done, broken;
    uint64_t received, body, wrong;
    unsigned matched;        /* bytes of the empty line that have come */
    bool compare;            /* with the pattern */
    char head[16], text[64]; /* beginnings of the header and of the body */
};

static struct client clients[PARALLEL];
static uint8_t pattern[PAGE_PATTERN];
static unsigned failures;
static const char *host = "127.0.0.1";

static void expect(bool good, const char *what)
{
    if (good)
        return;
    failures++;
    printf("nettest: FAILED: %s\n", what);
}

static void take(struct client *c, const uint8_t *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++, c->received++) {
        if (c->received < sizeof(c->head) - 1)
            c->head[c->received] = (char)bytes[i];
        if (c->matched == 4) {
            if (c->body < sizeof(c->text) - 1)
                c->text[c->body] = (char)bytes[i];
            c->wrong += c->compare && bytes[i] != pattern[c->body % PAGE_PATTERN];
            c->body++;
        } else {
            c->matched = bytes[i] == (c->matched % 2 ? '\n' : '\r') ? c->matched + 1 : bytes[i] == '\r';
        }
    }
}

static err_t on_received(void *arg, struct tcp_pcb *pcb, struct pbuf *bytes, err_t error)
{
    struct client *c = arg;

    (void)error;
    if (!bytes) {
        c->done = true;
        c->pcb = 0;
        tcp_arg(pcb, 0);
        return tcp_close(pcb);
    }
    for (struct pbuf *part = bytes; part; part = part->next)
        take(c, part->payload, part->len);
    tcp_recved(pcb, bytes->tot_len);
    pbuf_free(bytes);
    return ERR_OK;
}

static void on_error(void *arg, err_t error)
{
    struct client *c = arg;

    (void)error;
    if (c) {
        c->broken = c->done = true;
        c->pcb = 0;
    }
}

static err_t on_connected(void *arg, struct tcp_pcb *pcb, err_t error)
{
    struct client *c = arg;

    (void)error;
    return tcp_write(pcb, c->request, (u16_t)strlen(c->request), 0);
}

static void ask(struct client *c, bool v6, const char *request, bool compare)
{
    ip_addr_t address;

    *c = (struct client){.request = request, .compare = compare};
    ipaddr_aton(v6 ? "::1" : host, &address);
    c->pcb = tcp_new_ip_type(v6 ? IPADDR_TYPE_V6 : IPADDR_TYPE_V4);
    if (!c->pcb) {
        c->broken = c->done = true;
        return;
    }
    tcp_arg(c->pcb, c);
    tcp_recv(c->pcb, on_received);
    tcp_err(c->pcb, on_error);
    tcp_connect(c->pcb, &address, PORT, on_connected);
}

/* Until the first `count` clients are done; true if they got 200 and all the bytes of it. */
static bool finish(unsigned count, uint64_t body)
{
    uint64_t deadline = bh_now_ns() + 300 * SECOND;
    unsigned done = 0, good = 0;

    while (done < count && bh_now_ns() < deadline) {
        bh_net_poll();
        bh_watchdog_pet();
        for (done = 0; done < count && clients[done].done;)
            done++;
        if (done < count)
            bh_net_wait(deadline);
    }
    for (unsigned i = 0; i < count; i++) {
        struct client *c = &clients[i];
        good += c->done && !c->broken && c->wrong == 0 && strncmp(c->head, "HTTP/1.1 200 OK", 15) == 0 &&
                (body == 0 || c->body == body);
    }
    return good == count;
}

static void pages(void)
{
    ask(&clients[0], false, "GET / HTTP/1.0\r\n\r\n", false);
    expect(finish(1, 0) && strncmp(clients[0].text, "<!DOCTYPE html>", 15) == 0, "status page over IPv4");
    ask(&clients[0], true, "GET /status.json HTTP/1.0\r\n\r\n", false);
    expect(finish(1, 0) && strncmp(clients[0].text, "{\"name\":\"", 9) == 0, "JSON over IPv6");
    ask(&clients[0], false, "GET /files/sub/hello.txt HTTP/1.0\r\n\r\n", false);
    expect(finish(1, 6) && strcmp(clients[0].text, "hello\n") == 0, "a file");
    ask(&clients[0], false, "GET /files/none HTTP/1.0\r\n\r\n", false);
    expect(!finish(1, 0) && strncmp(clients[0].head, "HTTP/1.1 404 No", 15) == 0, "a file that is not there");
}

static void many(void)
{
    for (unsigned i = 0; i < PARALLEL; i++)
        ask(&clients[i], i % 2, "GET /pattern/200000 HTTP/1.0\r\n\r\n", true);
    expect(finish(PARALLEL, 200000), "100 downloads at a time");
    expect(server_counters().most >= PARALLEL, "100 connections at a time");
    for (unsigned i = 0; i < REQUESTS / 10; i++) {
        for (unsigned j = 0; j < 10; j++)
            ask(&clients[j], false, "GET /zeros/100 HTTP/1.0\r\n\r\n", false);
        expect(finish(10, 100), "ten of 1,000 requests");
    }
}

static void large(void)
{
    uint64_t begin = bh_now_ns();

    ask(&clients[0], false, "GET /pattern/20000000 HTTP/1.0\r\n\r\n", true);
    expect(finish(1, LARGE_SIZE), "20 MB");
    printf("nettest: 20 MB in %llu ms\n", (unsigned long long)((bh_now_ns() - begin) / 1000000));
}

static void pattern_fill(void)
{
    uint32_t state = 1;

    for (unsigned i = 0; i < PAGE_PATTERN; i++) {
        state = state * 1664525u + 1013904223u;
        pattern[i] = (uint8_t)(state >> 16);
    }
}

/* Each byte is compared; one connection for each line. */
static void fetch(const char *size)
{
    char request[64];
    bool good;

    snprintf(request, sizeof(request), "GET /pattern/%s HTTP/1.0\r\n\r\n", size);
    ask(&clients[0], false, request, true);
    good = finish(1, strtoull(size, 0, 10));
    printf("nettest: fetched %llu bytes, %llu wrong, %s\n", (unsigned long long)clients[0].body,
           (unsigned long long)clients[0].wrong, good ? "whole" : "not whole");
}

static void fetch_what_is_typed(void)
{
    char line[32];

    printf("nettest: asks %s\n", host);
    for (;;) {
        bh_net_poll();
        bh_watchdog_pet();
        if (bh_getline(line, sizeof(line)))
            fetch(line);
        else
            bh_net_wait(bh_now_ns() + SECOND / 10);
    }
}

int main(int argc, char **argv)
{
    bool from = argc > 1 && strncmp(argv[argc - 1], "from=", 5) == 0;
    const char *problem = bh_net_start(argc - 1 - from, argv + 1);

    if (!problem && !from)
        problem = server_start(PORT);
    if (problem) {
        printf("nettest: FAILED: %s\n", problem);
        return 1;
    }
    pattern_fill();
    if (from) {
        host = argv[argc - 1] + 5;
        fetch_what_is_typed();
    }
    pages();
    many();
    large();
    printf("nettest: %s\n", failures ? "FAILED" : "passed");
    return failures != 0;
}
