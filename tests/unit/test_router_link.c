/* SPDX-License-Identifier: Apache-2.0 */
/* The router between its two interfaces, with the real lwIP: frames go in at the card and at the cable, and what comes out is looked at. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <lwip/etharp.h>
#include <lwip/init.h>
#include <lwip/timeouts.h>
#include <netif/ethernet.h>

#include "bh.h"
#include "link.h"
#include "net_card.h"
#include "net_random.h"

#include <stdio.h>
#include <string.h>

#define OUTSIDE 0x0a000205u
#define SERVER 0x0a000209u
#define HOST 0xc0a80702u
#define GATE 0xc0a80701u
#define ARP 0x0806u
#define IPV4 0x0800u

static const uint8_t card_mac[6] = {2, 0, 0, 0, 0, 1}, cable_mac[6] = {2, 0, 0, 0, 0, 2}, server_mac[6] = {2, 0, 0, 0, 0, 3},
                     host_mac[6] = {2, 0, 0, 0, 0, 4}, all[6] = {255, 255, 255, 255, 255, 255};
static uint64_t now;

uint64_t bh_now_ns(void)
{
    return now;
}

u32_t sys_now(void)
{
    return (u32_t)(now / 1000000);
}

void net_entropy(uint64_t words[2])
{
    words[0] = 1;
    words[1] = 2;
}

/* --- the two wires -------------------------------------------------------------------------------------------------------------- */

static struct wire {
    uint8_t bytes[1600];
    unsigned size, count; /* of the last frame; frames in all */
    struct netif *netif;
} outside, inside;
static struct netif card;

static err_t wire_out(struct wire *wire, struct pbuf *frame)
{
    wire->count++;
    wire->size = pbuf_copy_partial(frame, wire->bytes, sizeof(wire->bytes), 0);
    return ERR_OK;
}

static err_t outside_out(struct netif *netif, struct pbuf *frame)
{
    (void)netif;
    return wire_out(&outside, frame);
}

static err_t inside_out(struct netif *netif, struct pbuf *frame)
{
    (void)netif;
    return wire_out(&inside, frame);
}

static err_t open_as(struct netif *netif, const uint8_t *mac, netif_linkoutput_fn output)
{
    netif->hwaddr_len = 6;
    memcpy(netif->hwaddr, mac, 6);
    netif->mtu = 1500;
    netif->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET | NETIF_FLAG_LINK_UP;
    netif->output = etharp_output;
    netif->linkoutput = output;
    return ERR_OK;
}

static err_t card_open(struct netif *netif)
{
    return open_as(netif, card_mac, outside_out);
}

static err_t cable_open(struct netif *netif)
{
    return open_as(netif, cable_mac, inside_out);
}

static void nothing(void)
{
}

static bool yes(void)
{
    return true;
}

const struct net_card net_cable = {.open = cable_open, .check = nothing, .poll = yes, .arm = yes};

void net_cable_name(const char *name)
{
    assert_string_equal(name, "lan");
}

/* --- frames ------------------------------------------------------------------------------------------------------------------------ */

static uint8_t frame[200];
static unsigned size;

/* `tag` 0: none. */
static void head(const uint8_t *to, const uint8_t *from, unsigned type, unsigned tag)
{
    memset(frame, 0, sizeof(frame));
    memcpy(frame, to, 6);
    memcpy(frame + 6, from, 6);
    size = 12;
    if (tag) {
        put16(frame + size, 0x8100);
        put16(frame + size + 2, (uint16_t)tag);
        size += 4;
    }
    put16(frame + size, (uint16_t)type);
    size += 2;
}

static void arp(unsigned operation, uint32_t from, const uint8_t *mac, uint32_t to)
{
    uint8_t *at = frame + size;

    put32(at, 0x00010800);
    put32(at + 4, 0x06040000 | operation);
    memcpy(at + 8, mac, 6);
    put32(at + 14, from);
    put32(at + 24, to);
    size += 28;
}

static void udp(uint32_t from, uint16_t from_port, uint32_t to, uint16_t to_port)
{
    uint8_t *at = frame + size;

    put32(at, 0x45000000 | 32);
    at[8] = 64;
    at[9] = PROTOCOL_UDP;
    put32(at + 12, from);
    put32(at + 16, to);
    put16(at + 10, packet_sum(at, 20));
    put16(at + 20, from_port);
    put16(at + 22, to_port);
    put16(at + 24, 12);
    memcpy(at + 28, "data", 4);
    size += 32;
}

static void echo(uint32_t from, uint32_t to)
{
    uint8_t *at = frame + size;

    put32(at, 0x45000000 | 28);
    at[8] = 64;
    at[9] = PROTOCOL_ICMP;
    put32(at + 12, from);
    put32(at + 16, to);
    put16(at + 10, packet_sum(at, 20));
    at[20] = ICMP_ECHO;
    put16(at + 22, packet_sum(at + 20, 8));
    size += 28;
}

static void give(struct netif *netif)
{
    struct pbuf *pbuf = pbuf_alloc(PBUF_RAW, (u16_t)size, PBUF_POOL);

    assert_non_null(pbuf);
    assert_int_equal(pbuf_take(pbuf, frame, (u16_t)size), ERR_OK);
    if (netif->input(pbuf, netif) != ERR_OK)
        pbuf_free(pbuf);
}

static unsigned type_at(const struct wire *wire, unsigned at)
{
    return get16(wire->bytes + at);
}

/* Both neighbours say who they are, so that nothing waits for ARP. */
static void begin(uint16_t vlan)
{
    static const char rules[] = "inside 192.168.7.1/24\nallow udp\nforward udp 5000 to 192.168.7.2\n";
    static bool started;
    char why[160];

    assert_true(rules_parse(&router.rules, (const uint8_t *)rules, sizeof(rules) - 1, why, sizeof(why)));
    router.rules.vlan = vlan;
    nat_init(&router.nat, 1);
    if (!started) {
        ip4_addr_t address = {lwip_htonl(OUTSIDE)}, mask = {lwip_htonl(0xffffff00)}, none = {0};
        started = true;
        net_random_init();
        lwip_init();
        assert_non_null(netif_add(&card, &address, &mask, &none, 0, card_open, ethernet_input));
        link_outside(&card);
        netif_set_up(&card);
        assert_null(link_inside("lan"));
    }
    nat_set_address(&router.nat, OUTSIDE);
    head(card_mac, server_mac, ARP, vlan);
    arp(1, SERVER, server_mac, OUTSIDE);
    give(&card);
    head(cable_mac, host_mac, ARP, 0);
    arp(1, HOST, host_mac, GATE);
    give(inside_netif());
    outside.count = inside.count = 0;
    memset(&link_counters, 0, sizeof(link_counters));
    memset(&router.count, 0, sizeof(router.count));
}

/* --- */

static void test_there_and_back(void **state)
{
    (void)state;
    begin(0);
    head(cable_mac, host_mac, IPV4, 0);
    udp(HOST, 1000, SERVER, 53);
    size += 14; /* a short frame's padding is not sent on */
    give(inside_netif());
    assert_int_equal(outside.count, 1);
    assert_int_equal(outside.size, 14 + 32);
    assert_memory_equal(outside.bytes, server_mac, 6);
    assert_memory_equal(outside.bytes + 6, card_mac, 6);
    assert_int_equal(type_at(&outside, 12), IPV4);
    assert_int_equal(get32(outside.bytes + 26), OUTSIDE);
    uint16_t port = get16(outside.bytes + 34);
    head(card_mac, server_mac, IPV4, 0);
    udp(SERVER, 53, OUTSIDE, port);
    give(&card);
    assert_int_equal(inside.count, 1);
    assert_memory_equal(inside.bytes, host_mac, 6);
    assert_memory_equal(inside.bytes + 6, cable_mac, 6);
    assert_int_equal(get32(inside.bytes + 30), HOST);
    assert_int_equal(get16(inside.bytes + 36), 1000);
    assert_int_equal(outside.count, 1);
}

/* ARP and pings of the router are lwIP's, on each side for its own address. */
static void test_ours(void **state)
{
    (void)state;
    begin(0);
    head(all, server_mac, ARP, 0);
    arp(1, SERVER, server_mac, OUTSIDE);
    give(&card);
    assert_int_equal(outside.count, 1);
    assert_int_equal(type_at(&outside, 12), ARP);
    head(all, server_mac, ARP, 0);
    arp(1, SERVER, server_mac, GATE);
    give(&card);
    assert_int_equal(outside.count, 1); /* what is inside is not asked for outside */
    head(cable_mac, host_mac, IPV4, 0);
    echo(HOST, GATE);
    give(inside_netif());
    assert_int_equal(inside.count, 1);
    assert_int_equal(inside.bytes[34], ICMP_ECHO_REPLY);
    head(card_mac, server_mac, IPV4, 0);
    echo(SERVER, GATE);
    give(&card);
    assert_int_equal(outside.count, 1);
    assert_int_equal(inside.count, 1);
}

/* With a VLAN all that leaves outside has the tag, lwIP's own frames too, and nothing inside has. What comes without it is not seen. */
static void test_vlan(void **state)
{
    (void)state;
    begin(20);
    head(all, server_mac, ARP, 20);
    arp(1, SERVER, server_mac, OUTSIDE);
    give(&card);
    assert_int_equal(outside.count, 1);
    assert_int_equal(type_at(&outside, 12), 0x8100);
    assert_int_equal(type_at(&outside, 14), 20);
    assert_int_equal(type_at(&outside, 16), ARP);
    head(cable_mac, host_mac, IPV4, 0);
    udp(HOST, 1000, SERVER, 53);
    give(inside_netif());
    assert_int_equal(outside.count, 2);
    assert_int_equal(outside.size, 18 + 32);
    assert_int_equal(type_at(&outside, 14), 20);
    uint16_t port = get16(outside.bytes + 38);
    const unsigned tags[] = {0, 21, 20};
    for (unsigned i = 0; i < 3; i++) {
        head(card_mac, server_mac, IPV4, tags[i]);
        udp(SERVER, 53, OUTSIDE, port);
        give(&card);
        assert_int_equal(inside.count, tags[i] == 20);
        head(all, server_mac, ARP, tags[i]);
        arp(1, SERVER, server_mac, OUTSIDE);
        give(&card);
        assert_int_equal(outside.count, tags[i] == 20 ? 3 : 2);
    }
    assert_int_equal(link_counters.tagged, 4);
    assert_int_equal(inside.size, 14 + 32);
    assert_int_equal(type_at(&inside, 12), IPV4);
    head(cable_mac, host_mac, IPV4, 20);
    udp(HOST, 1000, SERVER, 53);
    give(inside_netif());
    assert_int_equal(outside.count, 3); /* a tag inside is no way around */
}

/* Frames for other stations, to all, of other kinds, cut at each byte: nothing is sent on. */
static void test_other_frames(void **state)
{
    (void)state;
    begin(0);
    const uint8_t other[6] = {2, 0, 0, 0, 0, 9}, group[6] = {1, 0, 0x5e, 0, 0, 1};
    const uint8_t *const to[] = {other, group, all};
    for (unsigned i = 0; i < 3; i++) {
        head(to[i], host_mac, IPV4, 0);
        udp(HOST, 1000, SERVER, 53);
        give(inside_netif());
        head(to[i], server_mac, IPV4, 0);
        udp(SERVER, 1000, OUTSIDE, 5000);
        give(&card);
    }
    head(other, host_mac, IPV4, 0);
    echo(HOST, GATE);
    give(inside_netif());
    head(cable_mac, host_mac, 0x86dd, 0);
    size += 60;
    give(inside_netif());
    head(cable_mac, host_mac, IPV4, 0);
    udp(HOST, 1000, SERVER, 53);
    for (unsigned whole = size, cut = 1; cut < whole; cut++) {
        size = cut;
        give(inside_netif());
        give(&card);
    }
    assert_int_equal(outside.count, 0);
    assert_int_equal(inside.count, 0);
    head(card_mac, server_mac, IPV4, 0);
    udp(SERVER, 1000, OUTSIDE, 5000);
    give(&card);
    assert_int_equal(inside.count, 1); /* and to us, it is */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_there_and_back),
        cmocka_unit_test(test_ours),
        cmocka_unit_test(test_vlan),
        cmocka_unit_test(test_other_frames),
    };
    return cmocka_run_group_tests(tests, 0, 0);
}
