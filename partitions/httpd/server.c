/* SPDX-License-Identifier: Apache-2.0 */
/* A connection reads one request at a time and answers it before it looks at the next. Nobody can hold a place for long: a request
 * must be there 10 s after the connection or the answer before it, however it trickles; an answer must be fetched at 4 KiB in 10 s
 * or more. Where all places are taken a newcomer gets that of the one who has waited longest for a request of his, or has not
 * fetched 4 KiB for 2 s. */
#include "server.h"

#include <string.h>

#include <lwip/tcp.h>

#include "bh.h"
#include "page.h"

#define SECOND 1000000000ull
#define PATIENCE_NS (10 * SECOND)
#define PRESSED_NS (2 * SECOND) /* with no place left */
#define PROGRESS_BYTES 4096u
#define POLL_TICKS 2    /* of 500 ms */
#define PENDING_MAX 16u /* received pieces that wait while an answer is under way: a browser has one */

struct connection {
    struct tcp_pcb *pcb; /* 0: a free place */
    struct pbuf *pending;
    bool answering, keep_alive, head, peer_done, ended;
    uint64_t since; /* when it was last given time: PATIENCE_NS from then */
    size_t input_count, header_count, header_sent;
    uint64_t body_sent, unacknowledged, fetched; /* bytes; fetched: since `since` */
    char input[HTTP_REQUEST_MAX], header[HTTP_HEADER_MAX];
    struct page page;
};

static struct connection connections[SERVER_CONNECTIONS];
static struct server_counters counters;

struct server_counters server_counters(void)
{
    counters.open = 0;
    for (unsigned i = 0; i < SERVER_CONNECTIONS; i++)
        counters.open += connections[i].pcb != 0;
    return counters;
}

static void give_time(struct connection *c)
{
    c->since = bh_now_ns();
    c->fetched = 0;
}

/* --- ends -------------------------------------------------------------------------------------------------------------------- */

static struct tcp_pcb *forget(struct connection *c)
{
    struct tcp_pcb *pcb = c->pcb;

    if (c->pending)
        pbuf_free(c->pending);
    c->pending = 0;
    c->pcb = 0;
    if (pcb) {
        tcp_arg(pcb, 0);
        tcp_recv(pcb, 0);
        tcp_sent(pcb, 0);
        tcp_poll(pcb, 0, 0);
        tcp_err(pcb, 0);
    }
    return pcb;
}

static err_t end_hard(struct connection *c)
{
    tcp_abort(forget(c));
    return ERR_ABRT;
}

static err_t end(struct connection *c)
{
    struct tcp_pcb *pcb = forget(c);

    if (tcp_close(pcb) == ERR_OK)
        return ERR_OK;
    tcp_abort(pcb);
    return ERR_ABRT;
}

static void on_error(void *arg, err_t error)
{
    struct connection *c = arg;

    (void)error;
    c->pcb = 0; /* lwIP has freed it */
    forget(c);
    counters.broken++;
}

/* --- answers ------------------------------------------------------------------------------------------------------------------ */

/* `others`: asked for too, by a hypercall each. */
static struct page_facts facts_now(bool others)
{
    struct page_facts facts = {
        .name = bh_start_info()->name, .uptime_ns = bh_now_ns(), .busy_ns = bh_busy_ns(), .lives = bh_start_info()->lives};
    struct server_counters now = server_counters();

    facts.server.accepted = now.accepted;
    facts.server.turned_away = now.turned_away;
    facts.server.requests = now.requests;
    facts.server.refused = now.refused;
    facts.server.slow = now.slow;
    facts.server.broken = now.broken;
    facts.server.bytes = now.bytes;
    facts.server.open = now.open;
    facts.server.most = now.most;
    bh_net_status(&facts.net);
    while (others && facts.other_count < PAGE_OTHERS && bh_observe(facts.other_count, &facts.others[facts.other_count]))
        facts.other_count++;
    return facts;
}

/* Take the first request out of what has come. False: it is not complete. */
static bool answer_begin(struct connection *c)
{
    struct http_request request;
    size_t size = http_parse(c->input, c->input_count, &request);

    if (size == 0)
        return false;
    struct page_facts facts = facts_now(page_is_status(request.path));
    page_make(&c->page, &request, &facts);
    *(c->page.status == 200 ? &counters.requests : &counters.refused) += 1;
    c->answering = true;
    c->head = request.head;
    c->keep_alive = request.keep_alive && !c->peer_done;
    c->input_count -= size;
    memmove(c->input, c->input + size, c->input_count);
    c->header_count = http_header(c->header, c->page.status, c->page.type, c->page.cache, c->page.length, c->keep_alive);
    c->header_sent = 0;
    c->body_sent = 0;
    give_time(c);
    return true;
}

/* Give TCP as much as it takes now; how much of it. */
static size_t offer(struct connection *c, const void *bytes, uint64_t count, bool stays, bool more)
{
    size_t room = tcp_sndbuf(c->pcb);

    if (count > room)
        count = room;
    if (count == 0 ||
        tcp_write(c->pcb, bytes, (u16_t)count, (stays ? 0 : TCP_WRITE_FLAG_COPY) | (more ? TCP_WRITE_FLAG_MORE : 0)) != ERR_OK)
        return 0; /* on_sent() or on_poll() comes here again */
    c->unacknowledged += count;
    return count;
}

/* True: all of it is on its way. */
static bool answer_go_on(struct connection *c)
{
    uint64_t body = c->head ? 0 : c->page.length, count;

    if (c->header_sent < c->header_count)
        c->header_sent += offer(c, c->header + c->header_sent, c->header_count - c->header_sent, false, body > 0);
    while (c->header_sent == c->header_count && c->body_sent < body) {
        const uint8_t *piece = page_piece(&c->page, c->body_sent, &count);
        size_t taken = offer(c, piece, count, c->page.stays, c->body_sent + count < body);
        if (taken == 0)
            break;
        c->body_sent += taken;
    }
    return c->header_sent == c->header_count && c->body_sent == body;
}

/* Bytes that wait with lwIP into the place for requests; only then may the client send as many again. */
static void input_pull(struct connection *c)
{
    size_t room = sizeof(c->input) - c->input_count;

    if (!c->pending || room == 0)
        return;
    u16_t count = (u16_t)(c->pending->tot_len < room ? c->pending->tot_len : room);
    pbuf_copy_partial(c->pending, c->input + c->input_count, count, 0);
    c->input_count += count;
    c->pending = pbuf_free_header(c->pending, count);
    tcp_recved(c->pcb, count);
}

/* After an error, or when the client wants no more, what still comes is of no interest. */
static void input_drop(struct connection *c)
{
    c->input_count = 0;
    if (!c->pending)
        return;
    tcp_recved(c->pcb, c->pending->tot_len);
    pbuf_free(c->pending);
    c->pending = 0;
}

/* Do whatever can be done now. Ends: each round takes a request, and what has come is finite. */
static err_t advance(struct connection *c)
{
    bool finished;

    for (;;) {
        if (c->answering && !c->keep_alive)
            input_drop(c);
        input_pull(c);
        finished = c->peer_done;
        if (!c->answering && !answer_begin(c))
            break;
        bool sent = answer_go_on(c);
        finished = sent && !c->keep_alive;
        if (!sent || finished)
            break;
        c->answering = false;
        give_time(c);
    }
    /* Our end at once, the place given up when all has arrived: then nothing of it stays behind with lwIP for long. */
    if (finished && c->unacknowledged == 0)
        return end(c);
    if (finished && !c->ended)
        c->ended = tcp_shutdown(c->pcb, 0, 1) == ERR_OK;
    tcp_output(c->pcb);
    return ERR_OK;
}

/* --- what lwIP calls -------------------------------------------------------------------------------------------------------------- */

static err_t on_received(void *arg, struct tcp_pcb *pcb, struct pbuf *bytes, err_t error)
{
    struct connection *c = arg;

    (void)pcb;
    (void)error;
    if (!bytes) {
        c->peer_done = true;
        c->keep_alive = false;
        return advance(c);
    }
    if (c->pending)
        pbuf_cat(c->pending, bytes);
    else
        c->pending = bytes;
    err_t result = advance(c);
    if (result == ERR_OK && c->pcb && c->pending && pbuf_clen(c->pending) > PENDING_MAX) {
        counters.refused++;
        return end_hard(c);
    }
    return result;
}

static err_t on_sent(void *arg, struct tcp_pcb *pcb, u16_t count)
{
    struct connection *c = arg;

    (void)pcb;
    c->unacknowledged -= count;
    c->fetched += count;
    counters.bytes += count;
    if (c->fetched >= PROGRESS_BYTES)
        give_time(c);
    return advance(c);
}

static err_t on_poll(void *arg, struct tcp_pcb *pcb)
{
    struct connection *c = arg;

    (void)pcb;
    if (bh_now_ns() - c->since > PATIENCE_NS) {
        if (!c->answering && c->unacknowledged == 0 && c->input_count == 0)
            return end(c); /* a browser that keeps its connection: no fault */
        counters.slow++;
        return end_hard(c);
    }
    return advance(c);
}

/* A free place, perhaps taken from another; 0: none. */
static struct connection *place_find(void)
{
    struct connection *oldest = 0;
    uint64_t now = bh_now_ns();

    for (unsigned i = 0; i < SERVER_CONNECTIONS; i++) {
        struct connection *c = &connections[i];
        if (!c->pcb)
            return c;
        bool may_go = !c->answering || now - c->since > PRESSED_NS;
        if (may_go &&
            (!oldest || (oldest->answering && !c->answering) || (oldest->answering == c->answering && c->since < oldest->since)))
            oldest = c;
    }
    if (oldest) {
        counters.slow++;
        end_hard(oldest);
    }
    return oldest;
}

static err_t on_accepted(void *arg, struct tcp_pcb *pcb, err_t error)
{
    struct connection *c;

    (void)arg;
    if (error != ERR_OK || !pcb)
        return ERR_VAL;
    c = place_find();
    if (!c) {
        counters.turned_away++;
        tcp_abort(pcb);
        return ERR_ABRT;
    }
    memset(c, 0, offsetof(struct connection, input));
    c->pcb = pcb;
    counters.accepted++;
    if (server_counters().open > counters.most)
        counters.most = counters.open;
    give_time(c);
    tcp_nagle_disable(pcb);
    tcp_arg(pcb, c);
    tcp_recv(pcb, on_received);
    tcp_sent(pcb, on_sent);
    tcp_poll(pcb, on_poll, POLL_TICKS);
    tcp_err(pcb, on_error);
    return ERR_OK;
}

const char *server_start(uint16_t port)
{
    struct tcp_pcb *pcb = tcp_new_ip_type(IPADDR_TYPE_ANY), *listening;

    if (!pcb || tcp_bind(pcb, IP_ANY_TYPE, port) != ERR_OK)
        return "the port cannot be had";
    listening = tcp_listen_with_backlog(pcb, SERVER_CONNECTIONS);
    if (!listening)
        return "no memory to listen";
    tcp_accept(listening, on_accepted);
    return 0;
}
