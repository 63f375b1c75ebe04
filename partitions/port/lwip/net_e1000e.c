/* SPDX-License-Identifier: Apache-2.0 */
/* lwIP's interface of an e1000e. Received frames go up in the buffers that the card wrote, sent ones go out from where lwIP has them.
 * What comes from the network can keep buffers only within bounds (lwipopts.h); if all are kept nevertheless, frames are dropped and
 * the ring gets its buffers back, so that it never runs dry. */
#include <stdlib.h>
#include <string.h>

#include <lwip/pbuf.h>

#include "bh.h"
#include "e1000e.h"
#include "net_card.h"

/* In the ring; out of order or unread in 128 connections, 9 each; waiting for lwIP's timers. */
#define BUFFERS (E1000E_RECEIVE + 128u * 9u + 128u)
#define SMALL 256u /* frames up to this size are copied when the card's buffers are scarce */
#define SCARCE 256u
#define WAITING 4096u /* frames that the card's ring has no room for: 128 connections with 32 segments each */

struct buffer {
    struct pbuf_custom pbuf; /* first: lwIP hands this back */
    struct buffer *next;
    uint8_t *bytes;
};

static struct e1000e nic;
static struct bh_pci pci;
static struct netif *interface;
static struct buffer buffers[BUFFERS];
static struct buffer *free_buffers;
static unsigned free_count;
static struct pbuf *waiting[WAITING];
static unsigned waiting_first, waiting_end; /* count on for ever */
static const char *problem;
static struct bh_net_counters counters;

static void card_check(void);

static void buffer_put(struct buffer *buffer)
{
    buffer->next = free_buffers;
    free_buffers = buffer;
    free_count++;
}

static struct buffer *buffer_take(void)
{
    struct buffer *buffer = free_buffers;

    if (buffer) {
        free_buffers = buffer->next;
        free_count--;
    }
    return buffer;
}

static void buffer_free(struct pbuf *pbuf)
{
    buffer_put((struct buffer *)pbuf);
}

static void ring_fill(void)
{
    struct buffer *buffer;

    while ((buffer = buffer_take()))
        if (!e1000e_give(&nic, buffer->bytes, buffer)) {
            buffer_put(buffer);
            return;
        }
}

/* The frame as lwIP wants it, or 0: no room. The buffer is lwIP's then, or already free again. */
static struct pbuf *frame_pbuf(struct buffer *buffer, uint16_t length)
{
    struct pbuf *pbuf;

    if (free_count > SCARCE || length > SMALL) {
        buffer->pbuf.custom_free_function = buffer_free;
        return pbuf_alloced_custom(PBUF_RAW, length, PBUF_REF, &buffer->pbuf, buffer->bytes, E1000E_BUFFER);
    }
    pbuf = pbuf_alloc(PBUF_RAW, length, PBUF_RAM);
    if (pbuf)
        memcpy(pbuf->payload, buffer->bytes, length);
    buffer_put(buffer);
    return pbuf;
}

static void take_frame(const struct e1000e_frame *frame)
{
    struct buffer *buffer = frame->token;
    struct pbuf *pbuf = 0;

    counters.received++;
    counters.received_bytes += frame->length;
    if (free_count > 0)
        pbuf = frame_pbuf(buffer, frame->length);
    else
        buffer_put(buffer); /* the last one: back into the ring with it */
    if (!pbuf)
        counters.dropped++;
    else if (interface->input(pbuf, interface) != ERR_OK)
        pbuf_free(pbuf);
}

static bool send_pieces(struct pbuf *pbuf)
{
    struct e1000e_piece pieces[E1000E_PIECES];
    unsigned count = 0;

    for (struct pbuf *part = pbuf; part; part = part->next)
        if (part->len > 0)
            pieces[count++] = (struct e1000e_piece){part->payload, part->len};
    return e1000e_send(&nic, pieces, count, pbuf);
}

/* Frames go in the order in which they came; lwIP asks again only after a second for one that is refused. */
static void take_sent(void)
{
    struct pbuf *pbuf;

    while ((pbuf = e1000e_sent(&nic)))
        pbuf_free(pbuf);
    while (waiting_first != waiting_end && send_pieces(waiting[waiting_first % WAITING]))
        waiting_first++;
}

static unsigned pieces_of(const struct pbuf *pbuf)
{
    unsigned count = 0;

    for (; pbuf; pbuf = pbuf->next)
        count += pbuf->len > 0;
    return count;
}

/* The frame stays as it is until the card has sent it: lwIP looks at the reference count before it changes a segment again. */
static err_t send_frame(struct netif *netif, struct pbuf *pbuf)
{
    (void)netif;
    if (pieces_of(pbuf) > E1000E_PIECES) {
        pbuf = pbuf_clone(PBUF_RAW, PBUF_RAM, pbuf);
        if (!pbuf)
            return ERR_MEM;
    } else {
        pbuf_ref(pbuf);
    }
    if (waiting_end - waiting_first == WAITING || pbuf->tot_len > E1000E_FRAME_MAX) {
        pbuf_free(pbuf);
        counters.dropped++;
        return ERR_MEM;
    }
    counters.sent++;
    counters.sent_bytes += pbuf->tot_len;
    waiting[waiting_end++ % WAITING] = pbuf;
    take_sent();
    return ERR_OK;
}

static err_t group_filter(struct netif *netif, const ip6_addr_t *group, enum netif_mac_filter_action action)
{
    uint32_t low = lwip_ntohl(group->addr[3]);
    const uint8_t mac[6] = {0x33, 0x33, (uint8_t)(low >> 24), (uint8_t)(low >> 16), (uint8_t)(low >> 8), (uint8_t)low};

    (void)netif;
    if (action == NETIF_ADD_MAC_FILTER)
        e1000e_group_join(&nic, mac);
    else
        e1000e_group_leave(&nic, mac);
    return ERR_OK;
}

static bool buffers_make(void)
{
    uint8_t *bytes = bh_dma_memory((size_t)BUFFERS * E1000E_BUFFER, E1000E_BUFFER);

    if (!bytes)
        return false;
    for (unsigned i = 0; i < BUFFERS; i++) {
        buffers[i].bytes = bytes + (size_t)i * E1000E_BUFFER;
        buffer_put(&buffers[i]);
    }
    return true;
}

static err_t card_open(struct netif *netif)
{
    static const uint8_t all_nodes[6] = {0x33, 0x33, 0, 0, 0, 1};

    interface = netif;
    problem = 0;
    if (!bh_pci_find(E1000E_VENDOR, E1000E_ID, 0, &pci))
        problem =
            "no e1000e network card: the product table gives this partition none (.devices), or the board has none for its role";
    else if (!free_buffers && !buffers_make())
        problem = "no memory for the network card's buffers: give the partition 8 MiB more";
    else
        problem = e1000e_open(&nic, &pci, bh_core(), 0, 0);
    if (problem)
        return ERR_IF;
    ring_fill();
    card_describe(netif, "en", nic.mac, send_frame);
    netif_set_mld_mac_filter(netif, group_filter);
    e1000e_group_join(&nic, all_nodes); /* lwIP takes it for granted: routers announce themselves there */
    card_check();
    return ERR_OK;
}

static const char *card_problem(void)
{
    return problem;
}

static bool card_poll(void)
{
    struct e1000e_frame frame;
    unsigned count = 0;

    take_sent();
    while (count < CARD_BUDGET && e1000e_receive(&nic, &frame)) {
        take_frame(&frame);
        count++;
        ring_fill();
    }
    return count == CARD_BUDGET;
}

static bool card_arm(void)
{
    return e1000e_arm(&nic);
}

/* Receive buffers and frames under way come back; what lwIP wants of them it sends again. The driver keeps groups and statistics. */
static void reopen(void)
{
    void *token;

    counters.restarts++;
    e1000e_close(&nic);
    while ((token = e1000e_leftover(&nic)))
        if ((uint8_t *)token >= (uint8_t *)buffers && (uint8_t *)token < (uint8_t *)(buffers + BUFFERS))
            buffer_put(token);
        else
            pbuf_free(token);
    problem = e1000e_open(&nic, &pci, bh_core(), 0, 0);
    ring_fill();
}

static void card_check(void)
{
    if (!e1000e_check(&nic))
        reopen();
    card_link(interface, nic.link);
}

static void card_counters(struct bh_net_counters *to)
{
    *to = counters;
    to->interrupts += nic.statistics.interrupts;
    to->bad += nic.statistics.bad + nic.statistics.refused;
    to->dropped += nic.statistics.missed;
}

static uint16_t card_speed(void)
{
    return nic.speed;
}

const struct net_card net_e1000e = {
    .open = card_open,
    .problem = card_problem,
    .poll = card_poll,
    .arm = card_arm,
    .check = card_check,
    .counters = card_counters,
    .speed = card_speed,
};
