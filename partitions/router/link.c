/* SPDX-License-Identifier: Apache-2.0 */
/* Frames between the card, the cable and lwIP. A packet that may be sent on is copied first: neither the card nor the peer at the cable can
 * change then what has been looked at. */
#include "link.h"

#include <string.h>

#include <lwip/etharp.h>
#include <lwip/pbuf.h>
#include <netif/ethernet.h>

#include "bh.h"
#include "net_card.h"
#include "packet.h"
#include "vlan.h"

#define TYPE_IPV4 0x0800u
#define TYPE_ARP 0x0806u
#define AT_TARGET 16u

struct router router;
struct link_counters link_counters;
static struct netif *outside, inside;
static netif_linkoutput_fn card_output;

struct netif *outside_netif(void)
{
    return outside;
}

struct netif *inside_netif(void)
{
    return &inside;
}

/* A copy in one piece, or 0: no room. Takes the frame. */
static struct pbuf *frame_copy(struct pbuf *frame)
{
    struct pbuf *copy = pbuf_alloc(PBUF_RAW, frame->tot_len, PBUF_RAM);

    if (copy)
        pbuf_copy(copy, frame);
    else
        link_counters.no_room++;
    pbuf_free(frame);
    return copy;
}

static void send_on(struct pbuf *frame, size_t size, struct netif *to)
{
    ip4_addr_t next;

    pbuf_remove_header(frame, ETHERNET);
    pbuf_realloc(frame, (u16_t)size);
    memcpy(&next, (const uint8_t *)frame->payload + AT_TARGET, sizeof(next)); /* lwIP has addresses as they are on the wire */
    if (to->output(to, frame, &next) != ERR_OK)
        link_counters.no_room++;
    pbuf_free(frame);
}

/* Takes the frame, whose Ethernet header is plain. */
static void packet_in(struct pbuf *frame, struct netif *from)
{
    uint8_t *bytes = frame->payload;
    size_t size = frame->len - ETHERNET;
    bool to_us = memcmp(bytes, from->hwaddr, 6) == 0;
    enum fate fate = from == outside ? router_from_outside(&router, bytes + ETHERNET, &size, bh_now_ns())
                                     : router_from_inside(&router, bytes + ETHERNET, &size, bh_now_ns());

    if (fate == FATE_OURS)
        ethernet_input(frame, from); /* frees it, whatever it is */
    else if (fate == FATE_SEND && to_us)
        send_on(frame, size, from == outside ? &inside : outside);
    else
        pbuf_free(frame);
}

static void frame_in(struct pbuf *frame, struct netif *from)
{
    const uint8_t *bytes = frame->payload;
    unsigned type = frame->len < ETHERNET ? 0 : get16(bytes + 12);
    bool for_us =
        frame->len >= ETHERNET && (memcmp(bytes, from->hwaddr, 6) == 0 || memcmp(bytes, "\xff\xff\xff\xff\xff\xff", 6) == 0);

    if (for_us && type == TYPE_IPV4) {
        packet_in(frame, from);
    } else if (for_us && type == TYPE_ARP) {
        ethernet_input(frame, from);
    } else {
        link_counters.frames++;
        pbuf_free(frame);
    }
}

static err_t outside_input(struct pbuf *pbuf, struct netif *netif)
{
    struct pbuf *frame = frame_copy(pbuf);
    unsigned front;

    (void)netif;
    if (!frame)
        return ERR_OK; /* it is freed */
    if (!vlan_take(router.rules.vlan, frame->payload, frame->len, &front)) {
        link_counters.tagged++;
        pbuf_free(frame);
        return ERR_OK;
    }
    pbuf_remove_header(frame, front);
    frame_in(frame, outside);
    return ERR_OK;
}

static err_t inside_input(struct pbuf *pbuf, struct netif *netif)
{
    struct pbuf *frame = frame_copy(pbuf);

    (void)netif;
    if (frame)
        frame_in(frame, &inside);
    return ERR_OK;
}

/* What lwIP still has of the frame stays as it is: the tag goes into a copy. */
static err_t outside_output(struct netif *netif, struct pbuf *frame)
{
    struct pbuf *tagged;
    uint8_t head[ETHERNET];
    err_t error;

    if (router.rules.vlan == VLAN_NONE)
        return card_output(netif, frame);
    if (pbuf_copy_partial(frame, head, ETHERNET, 0) != ETHERNET)
        return ERR_BUF;
    tagged = pbuf_alloc(PBUF_RAW, (u16_t)(frame->tot_len + VLAN_TAG), PBUF_RAM);
    if (!tagged) {
        link_counters.no_room++;
        return ERR_MEM;
    }
    vlan_head(router.rules.vlan, tagged->payload, head);
    pbuf_copy_partial(frame, (uint8_t *)tagged->payload + ETHERNET + VLAN_TAG, (u16_t)(frame->tot_len - ETHERNET), ETHERNET);
    error = card_output(netif, tagged);
    pbuf_free(tagged);
    return error;
}

void link_outside(struct netif *netif)
{
    outside = netif;
    card_output = netif->linkoutput;
    netif->linkoutput = outside_output;
    netif->input = outside_input;
}

const char *link_inside(const char *cable)
{
    ip4_addr_t address = {lwip_htonl(router.rules.inside)}, mask = {lwip_htonl(router.rules.inside_mask)}, none = {0};

    net_cable_name(cable);
    if (!netif_add(&inside, &address, &mask, &none, 0, net_cable.open, inside_input))
        return net_cable.problem() ? net_cable.problem() : "lwIP takes no further interface";
    netif_set_up(&inside);
    net_cable.check();
    return 0;
}

bool link_poll(void)
{
    return net_cable.poll();
}

void link_check(void)
{
    net_cable.check();
}

bool link_arm(void)
{
    return net_cable.arm();
}
