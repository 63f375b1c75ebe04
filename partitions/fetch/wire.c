/* SPDX-License-Identifier: Apache-2.0 */
/* What has come is granted to the sender again only as far as there is room for it: nothing is lost while the disk is slow. */
#include "wire.h"

#include <string.h>

#include <lwip/dns.h>
#include <lwip/tcp.h>

#include "bh.h"
#include "bh_net.h"

#define SECOND 1000000000ull
#define PATIENCE_NS (30 * SECOND) /* for a connection and the head of an answer; without a byte of its body */
#define ROUND_NS (SECOND / 2)

_Static_assert(WIRE_PIECE + TCP_WND <= 65536u, "what is waited for always fits");

static struct {
    struct tcp_pcb *pcb;
    bool connected, ended, resolved, found;
    ip_addr_t address;
    size_t count;    /* bytes that are there */
    size_t withheld; /* of all that came, not yet granted again */
    uint8_t bytes[65536];
} wire;

static void round_go(uint64_t deadline)
{
    bh_net_poll();
    bh_watchdog_pet();
    bh_net_wait(deadline);
}

void wire_pause(uint64_t deadline)
{
    for (uint64_t now; (now = bh_now_ns()) < deadline;)
        round_go(deadline < now + ROUND_NS ? deadline : now + ROUND_NS);
}

void wire_start(uint64_t deadline)
{
    struct bh_net_status status;

    for (bh_net_status(&status); status.address[0] == 0 && bh_now_ns() < deadline; bh_net_status(&status))
        wire_pause(bh_now_ns() + SECOND / 10);
}

/* The sender may at any time send TCP_WND less what is withheld. */
static void grant(void)
{
    size_t room = sizeof(wire.bytes) - wire.count, open = TCP_WND - wire.withheld;
    size_t more = room > open ? room - open : 0;

    if (more > wire.withheld)
        more = wire.withheld;
    if (!wire.pcb || more == 0)
        return;
    tcp_recved(wire.pcb, (u16_t)more);
    wire.withheld -= more;
}

/* --- what lwIP calls -------------------------------------------------------------------------------------------------------------- */

static err_t on_received(void *arg, struct tcp_pcb *pcb, struct pbuf *bytes, err_t error)
{
    (void)arg;
    (void)pcb;
    (void)error;
    if (!bytes) {
        wire.ended = true;
        return ERR_OK;
    }
    if (bytes->tot_len > sizeof(wire.bytes) - wire.count || bytes->tot_len > TCP_WND - wire.withheld)
        return ERR_MEM; /* more than was granted */
    pbuf_copy_partial(bytes, wire.bytes + wire.count, bytes->tot_len, 0);
    wire.count += bytes->tot_len;
    wire.withheld += bytes->tot_len;
    pbuf_free(bytes);
    grant();
    return ERR_OK;
}

static void on_error(void *arg, err_t error)
{
    (void)arg;
    (void)error;
    wire.pcb = 0; /* lwIP has freed it */
    wire.ended = true;
}

static err_t on_connected(void *arg, struct tcp_pcb *pcb, err_t error)
{
    (void)arg;
    (void)pcb;
    (void)error;
    wire.connected = true;
    return ERR_OK;
}

static void on_found(const char *name, const ip_addr_t *address, void *arg)
{
    (void)name;
    (void)arg;
    wire.resolved = true;
    wire.found = address != 0;
    if (address)
        wire.address = *address;
}

/* --- a question ------------------------------------------------------------------------------------------------------------------- */

static const char *find(const struct feed *feed, uint64_t deadline)
{
    wire.resolved = wire.found = false;
    err_t error = dns_gethostbyname_addrtype(feed->host, &wire.address, on_found, 0, LWIP_DNS_ADDRTYPE_IPV4);

    if (error == ERR_OK)
        return 0;
    while (error == ERR_INPROGRESS && !wire.resolved && bh_now_ns() < deadline)
        round_go(deadline);
    return wire.resolved && wire.found ? 0 : "its name has no address";
}

static const char *connect(const struct feed *feed, uint64_t deadline)
{
    wire.pcb = tcp_new_ip_type(IPADDR_TYPE_V4);
    if (!wire.pcb)
        return "there is no memory for a connection";
    tcp_recv(wire.pcb, on_received);
    tcp_err(wire.pcb, on_error);
    if (tcp_connect(wire.pcb, &wire.address, feed->port, on_connected) != ERR_OK)
        return "there is no way to it";
    while (!wire.connected && !wire.ended && bh_now_ns() < deadline)
        round_go(deadline);
    return wire.connected ? 0 : "it takes no connection";
}

const char *wire_ask(const struct feed *feed, uint64_t first, uint64_t last, struct answer *answer)
{
    char request[FEED_REQUEST_MAX];
    uint64_t deadline = bh_now_ns() + PATIENCE_NS;
    size_t size, length = feed_request(feed, first, last, request);

    wire_end();
    const char *wrong = find(feed, deadline);
    if (!wrong)
        wrong = connect(feed, deadline);
    if (wrong)
        return wrong;
    if (!wire.pcb || tcp_write(wire.pcb, request, (u16_t)length, TCP_WRITE_FLAG_COPY) != ERR_OK)
        return "the connection was cut";
    tcp_output(wire.pcb);
    while ((size = answer_parse((const char *)wire.bytes, wire.count, answer)) == 0 && !wire.ended && bh_now_ns() < deadline)
        round_go(deadline);
    if (size == 0)
        return wire.ended ? "the connection was cut" : "no answer comes";
    wire_take(size);
    return 0;
}

/* --- its body --------------------------------------------------------------------------------------------------------------------- */

size_t wire_wait(size_t want, const uint8_t **bytes)
{
    uint64_t deadline = bh_now_ns() + PATIENCE_NS;
    size_t before = wire.count;

    while (wire.count < want && !wire.ended && bh_now_ns() < deadline) {
        round_go(deadline);
        if (wire.count > before)
            deadline = bh_now_ns() + PATIENCE_NS;
        before = wire.count;
    }
    *bytes = wire.bytes;
    return wire.count;
}

void wire_take(size_t count)
{
    wire.count -= count;
    memmove(wire.bytes, wire.bytes + count, wire.count);
    grant();
}

void wire_end(void)
{
    if (wire.pcb) {
        tcp_err(wire.pcb, 0);
        tcp_recv(wire.pcb, 0);
        tcp_abort(wire.pcb);
    }
    wire.pcb = 0;
    wire.connected = wire.ended = false;
    wire.count = wire.withheld = 0;
}
