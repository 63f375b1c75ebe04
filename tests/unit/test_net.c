/* SPDX-License-Identifier: Apache-2.0 */
/* The network's words, its secrets, and the card's glue with the real lwIP: frames of a made-up network go in and come out of a model of
 * the driver, which keeps what it is given as the real one does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <lwip/priv/tcp_priv.h>
#include <lwip/stats.h>
#include <lwip/tcp.h>
#include <lwip/udp.h>

#include "bh.h"
#include "bh_net.h"
#include "e1000e.h"
#include "net_args.h"
#include "net_card.h"
#include "net_random.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MS 1000000ull

static uint64_t now;
static uint64_t entropy[2] = {1, 2};
static const struct bh_start_info info = {.name = "net", .lives = 1};

const struct bh_start_info *bh_start_info(void)
{
    return &info;
}

uint64_t bh_now_ns(void)
{
    return now;
}

unsigned bh_core(void)
{
    return 0;
}

bool bh_irq_off(void)
{
    return true;
}

void bh_irq_restore(bool were_on)
{
    (void)were_on;
}

static uint64_t waited_until;

void bh_wait(uint64_t deadline)
{
    waited_until = deadline;
}

void net_entropy(uint64_t words[2])
{
    words[0] = entropy[0];
    words[1] = entropy[1];
}

/* --- a model of the driver -------------------------------------------------------------------------------------------------------- */

static struct {
    bool absent, broken, stuck, full, link;
    struct {
        void *buffer, *token;
    } given[E1000E_RECEIVE];
    unsigned given_first, given_end; /* count on */
    struct {
        uint8_t bytes[E1000E_BUFFER];
        uint16_t length;
    } wire[64]; /* frames on their way to us */
    unsigned wire_first, wire_end;
    struct {
        uint8_t bytes[E1000E_BUFFER];
        unsigned length, pieces;
        void *token;
    } sent[512];
    unsigned sent_first, sent_end, returned;
    unsigned opened, closed;
    uint8_t groups[16][6];
    unsigned group_count;
} model;

bool bh_pci_find(uint16_t vendor, uint16_t id, unsigned nth, struct bh_pci *pci)
{
    *pci = (struct bh_pci){.vendor = vendor, .id = id};
    return !model.absent && vendor == 0x8086 && id == 0x10d3 && nth == 0;
}

void *bh_dma_memory(size_t size, size_t alignment)
{
    return aligned_alloc(alignment, size);
}

const char *e1000e_open(struct e1000e *nic, struct bh_pci *pci, unsigned core, void (*wake)(void *arg), void *arg)
{
    (void)core, (void)wake, (void)arg;
    nic->pci = pci;
    memcpy(nic->mac, "\x52\x54\x00\x12\x34\x56", 6);
    nic->link = model.link;
    nic->speed = 1000;
    model.opened++;
    return model.broken ? "it does not answer" : 0;
}

void e1000e_close(struct e1000e *nic)
{
    (void)nic;
    model.closed++;
}

void *e1000e_leftover(struct e1000e *nic)
{
    (void)nic;
    if (model.given_first != model.given_end)
        return model.given[model.given_first++ % E1000E_RECEIVE].token;
    return model.returned < model.sent_end ? model.sent[model.returned++ % 512].token : 0;
}

bool e1000e_give(struct e1000e *nic, void *buffer, void *token)
{
    (void)nic;
    if (model.given_end - model.given_first == E1000E_RECEIVE - 1)
        return false;
    assert_int_equal((uintptr_t)buffer % E1000E_BUFFER, 0);
    model.given[model.given_end % E1000E_RECEIVE].buffer = buffer;
    model.given[model.given_end++ % E1000E_RECEIVE].token = token;
    return true;
}

bool e1000e_receive(struct e1000e *nic, struct e1000e_frame *frame)
{
    (void)nic;
    if (model.wire_first == model.wire_end || model.given_first == model.given_end)
        return false;
    unsigned i = model.wire_first++ % 64, g = model.given_first++ % E1000E_RECEIVE;
    memcpy(model.given[g].buffer, model.wire[i].bytes, model.wire[i].length);
    *frame = (struct e1000e_frame){.token = model.given[g].token, .buffer = model.given[g].buffer, .length = model.wire[i].length};
    return true;
}

bool e1000e_send(struct e1000e *nic, const struct e1000e_piece *pieces, unsigned count, void *token)
{
    unsigned i = model.sent_end % 512, length = 0;

    (void)nic;
    if (model.full)
        return false;
    assert_true(count > 0 && count <= E1000E_PIECES && model.sent_end - model.returned < 512);
    for (unsigned p = 0; p < count; p++) {
        assert_true(pieces[p].length > 0 && length + pieces[p].length <= E1000E_FRAME_MAX);
        memcpy(model.sent[i].bytes + length, pieces[p].bytes, pieces[p].length);
        length += pieces[p].length;
    }
    model.sent[i].length = length;
    model.sent[i].pieces = count;
    model.sent[i].token = token;
    model.sent_end++;
    return true;
}

void *e1000e_sent(struct e1000e *nic)
{
    (void)nic;
    return model.stuck || model.returned == model.sent_end ? 0 : model.sent[model.returned++ % 512].token;
}

bool e1000e_arm(struct e1000e *nic)
{
    (void)nic;
    return model.wire_first == model.wire_end;
}

bool e1000e_check(struct e1000e *nic)
{
    nic->link = model.link;
    return !model.stuck;
}

void e1000e_group_join(struct e1000e *nic, const uint8_t mac[6])
{
    (void)nic;
    memcpy(model.groups[model.group_count++ % 16], mac, 6);
}

void e1000e_group_leave(struct e1000e *nic, const uint8_t mac[6])
{
    (void)nic, (void)mac;
}

/* --- the network at the other end ------------------------------------------------------------------------------------------------ */

static const uint8_t peer_mac[6] = {2, 0, 0, 0, 0, 1};

static void put16(uint8_t *at, unsigned value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static void inject(const uint8_t *bytes, unsigned length)
{
    unsigned i = model.wire_end++ % 64;

    assert_true(model.wire_end - model.wire_first <= 64);
    memcpy(model.wire[i].bytes, bytes, length);
    model.wire[i].length = (uint16_t)length;
}

static unsigned sum16(const uint8_t *at, unsigned count, unsigned sum)
{
    for (unsigned i = 0; i + 1 < count; i += 2)
        sum += at[i] << 8 | at[i + 1];
    if (count % 2)
        sum += at[count - 1] << 8;
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return sum;
}

/* An Ethernet frame to the card with an IPv4 packet of this protocol. */
static unsigned ipv4(uint8_t *frame, const char *to_mac, uint32_t from, uint32_t to, unsigned protocol, unsigned payload)
{
    memcpy(frame, to_mac, 6);
    memcpy(frame + 6, peer_mac, 6);
    put16(frame + 12, 0x800);
    uint8_t *ip = frame + 14;
    memset(ip, 0, 20);
    ip[0] = 0x45;
    put16(ip + 2, 20 + payload);
    ip[8] = 64;
    ip[9] = (uint8_t)protocol;
    put16(ip + 12, from >> 16), put16(ip + 14, from & 0xffff);
    put16(ip + 16, to >> 16), put16(ip + 18, to & 0xffff);
    put16(ip + 10, ~sum16(ip, 20, 0) & 0xffff);
    return 34 + payload;
}

#define OUR_MAC "\x52\x54\x00\x12\x34\x56"
#define ALL_MAC "\xff\xff\xff\xff\xff\xff"
#define PEER 0x0a000202u /* 10.0.2.2 */
#define OURS 0x0a00020fu

static void run(unsigned ms)
{
    for (unsigned i = 0; i < ms; i++) {
        bh_net_poll();
        now += MS;
    }
}

/* The next frame that was sent, of this Ethernet type and (IPv4) protocol; 0: none. */
static const uint8_t *next_sent(unsigned type, unsigned protocol, unsigned *length)
{
    while (model.sent_first < model.sent_end) {
        const uint8_t *frame = model.sent[model.sent_first % 512].bytes;
        *length = model.sent[model.sent_first++ % 512].length;
        if ((frame[12] << 8 | frame[13]) == (int)type && (type != 0x800 || frame[23] == protocol))
            return frame;
    }
    return 0;
}

static void answer_arp(void)
{
    unsigned length;
    const uint8_t *asked;
    uint8_t frame[60] = {0};
    unsigned from = model.sent_first;

    while ((asked = next_sent(0x806, 0, &length))) {
        if (memcmp(asked + 38, "\x0a\x00\x02\x02", 4) != 0)
            continue;
        memcpy(frame, OUR_MAC, 6);
        memcpy(frame + 6, peer_mac, 6);
        memcpy(frame + 12, "\x08\x06\x00\x01\x08\x00\x06\x04\x00\x02", 10);
        memcpy(frame + 22, peer_mac, 6);
        memcpy(frame + 28, "\x0a\x00\x02\x02", 4);
        memcpy(frame + 32, asked + 22, 10);
        inject(frame, sizeof(frame));
        return;
    }
    model.sent_first = from; /* nothing was asked */
}

static void dhcp_answer(const uint8_t *asked, uint8_t kind)
{
    static const uint8_t options[] = {0x63, 0x82, 0x53, 0x63, 53,  1, 0, 54, 4,  10, 0, 2, 2, 51, 4,  0, 0, 14, 16,
                                      1,    4,    255,  255,  255, 0, 3, 4,  10, 0,  2, 2, 6, 4,  10, 0, 2, 3,  255};
    uint8_t frame[600] = {0};
    uint8_t *udp = frame + 34, *dhcp = udp + 8;
    unsigned size = 240 - 4 + sizeof(options), length = ipv4(frame, ALL_MAC, PEER, 0xffffffffu, 17, 8 + size);

    put16(udp, 67), put16(udp + 2, 68), put16(udp + 4, 8 + size); /* no checksum, which IPv4 allows */
    memcpy(dhcp, asked + 42, 240);
    dhcp[0] = 2;
    memcpy(dhcp + 16, "\x0a\x00\x02\x0f", 4);
    memcpy(dhcp + 236, options, sizeof(options));
    dhcp[242] = kind;
    inject(frame, length);
}

static bool get_address(void)
{
    struct bh_net_status status;

    for (unsigned ms = 0; ms < 20000; ms++) {
        unsigned length;
        run(1);
        const uint8_t *asked = next_sent(0x800, 17, &length);
        if (asked && length > 285)
            dhcp_answer(asked, asked[42 + 242] == 1 ? 2 : 5);
    }
    bh_net_status(&status);
    return strcmp(status.address, "10.0.2.15/24") == 0;
}

/* --- words ------------------------------------------------------------------------------------------------------------------------- */

static struct net_args args;
static char why[160];

static bool parse(const char *a, const char *b)
{
    char *words[] = {(char *)(uintptr_t) "port=80", (char *)(uintptr_t)a, (char *)(uintptr_t)b};

    why[0] = 0;
    return net_args_parse(&args, b ? 3 : 2, words, why, sizeof(why));
}

static void sound_words(void **state)
{
    (void)state;
    assert_true(parse("x", 0) && args.v4 == NET_AUTO && args.v6 == NET_AUTO && !args.loopback && args.name_server_count == 0);
    assert_true(parse("net=dhcp", "net6=off") && args.v4 == NET_AUTO && args.v6 == NET_OFF);
    assert_true(parse("net=off", "net6=auto") && args.v4 == NET_OFF && args.v6 == NET_AUTO);
    assert_true(parse("net=loopback", 0) && args.loopback);
    assert_true(parse("net=10.0.2.15/24,gw=10.0.2.2,dns=10.0.2.3,dns=8.8.8.8", 0));
    assert_true(args.v4 == NET_STATIC && args.name_server_count == 2);
    assert_int_equal(lwip_ntohl(ip4_addr_get_u32(&args.address)), OURS);
    assert_int_equal(lwip_ntohl(ip4_addr_get_u32(&args.mask)), 0xffffff00);
    assert_int_equal(lwip_ntohl(ip4_addr_get_u32(&args.gateway)), PEER);
    assert_true(parse("net=cable:lan,10.0.2.15/24,gw=10.0.2.2", 0) && strcmp(args.cable, "lan") == 0 && args.v4 == NET_STATIC);
    assert_true(parse("net=cable:lan", 0) && strcmp(args.cable, "lan") == 0 && args.v4 == NET_AUTO);
    assert_true(parse("net=10.0.2.15/32", 0) && ip4_addr_get_u32(&args.mask) == ~0u);
    assert_true(parse("net6=fd00::2/64,gw=fe80::1,dns=fd00::3", "net=off"));
    assert_true(args.v6 == NET_STATIC && args.name_server_count == 1 && IP_IS_V6_VAL(args.name_servers[0]));
}

static void broken_words(void **state)
{
    static const char *const words[] = {
        "net=",
        "net=dhc",
        "net=cable:",
        "net=cable:lan,cable:lan",
        "net=cable:lan,gw=10.0.2.2",
        "net=10.0.2.15/24,cable:lan",
        "net=cable:0123456789012345678901234567890123456789",
        "net=10.0.2.15",
        "net=10.0.2.15/0",
        "net=10.0.2.15/33",
        "net=10.0.2.15/024",
        "net=10.0.2.15/+2",
        "net=10.0.2/24",
        "net=010.0.2.15/24",
        "net=10.0.2.256/24",
        "net=0.0.0.0/24",
        "net=127.0.0.1/8",
        "net=224.0.0.1/24",
        "net=10.0.2.15/24,gw=10.0.3.1",
        "net=10.0.2.15/24,gw=x",
        "net=dhcp,gw=10.0.2.2",
        "net=10.0.2.15/24,",
        "net=10.0.2.15/24,mtu=9",
        "net=10.0.2.15/24,dns=",
        "net=10.0.2.15/24,dns=1.1.1.1,dns=1.1.1.2,dns=1.1.1.3",
        "net6=fd00::2",
        "net6=fd00::2/48",
        "net6=::1/64",
        "net6=fe80::1/64",
        "net6=ff02::1/64",
        "net6=fd00::g/64",
        "net6=fd00::12345/64",
        "net6=fd00:1/64",
        "net6=fd00::1%en/64",
        "net6=fd00::2/64,gw=::",
        "net6=loopback",
        "net=1111111111111111111111111111111111111111111111111111111111111111111111111111111111111111"};

    (void)state;
    for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (parse(words[i], 0))
            fail_msg("%s was taken", words[i]);
        assert_true(strlen(why) > 10 && strstr(why, "net") == why);
    }
    assert_false(parse("net=dhcp", "net=off"));
    assert_false(parse("net6=auto", "net6=auto"));
}

/* --- secrets ----------------------------------------------------------------------------------------------------------------------- */

/* The test vectors of SipHash's authors: key 00 01 .. 0f, input 00 01 .. of length 0, 1, 8, 15. */
static void hash_is_siphash(void **state)
{
    static const uint64_t key[2] = {0x0706050403020100ull, 0x0f0e0d0c0b0a0908ull};
    static const struct {
        size_t length;
        uint64_t hash;
    } vectors[] = {{0, 0x726fdb47dd0e0e31ull}, {1, 0x74f839c593dc67fdull}, {8, 0x93f5f5799a932462ull}, {15, 0xa129ca6149be45e5ull}};
    uint8_t input[16];

    (void)state;
    for (unsigned i = 0; i < sizeof(input); i++)
        input[i] = (uint8_t)i;
    for (unsigned i = 0; i < 4; i++)
        assert_true(net_hash(key, input, vectors[i].length) == vectors[i].hash);
}

static void sequences_differ_and_grow(void **state)
{
    uint32_t a = 0x0a000001, b = 0x0a000002;

    (void)state;
    net_random_init();
    now = 1000 * MS;
    uint32_t first = net_random_sequence(&a, 4, 80, &b, 4, 1000), other = net_random_sequence(&a, 4, 80, &b, 4, 1001);
    now += MS;
    assert_int_equal(net_random_sequence(&a, 4, 80, &b, 4, 1000) - first, 250); /* RFC 6528: a clock of 4 microseconds */
    assert_true(other - first > 1000 && first - other > 1000);
    entropy[0]++;
    net_random_init();
    assert_true(net_random_sequence(&a, 4, 80, &b, 4, 1000) - first > 100000);
    assert_int_not_equal(net_random(), net_random());
}

/* --- no cable ---------------------------------------------------------------------------------------------------------------------- */

const struct net_card net_cable;

void net_cable_name(const char *name)
{
    (void)name;
}

/* --- the card ------------------------------------------------------------------------------------------------------------------------ */

static void without_a_card(void **state)
{
    struct netif netif = {0};

    (void)state;
    model.absent = true;
    assert_int_equal(net_e1000e.open(&netif), ERR_IF);
    assert_non_null(strstr(net_e1000e.problem(), "no e1000e"));
    model.absent = false;
    model.broken = true;
    assert_int_equal(net_e1000e.open(&netif), ERR_IF);
    assert_string_equal(net_e1000e.problem(), "it does not answer");
    model.broken = false;
    model.given_first = model.given_end;
}

static bool has_group(const char *mac)
{
    for (unsigned i = 0; i < model.group_count && i < 16; i++)
        if (memcmp(model.groups[i], mac, 6) == 0)
            return true;
    return false;
}

static void an_address_by_dhcp(void **state)
{
    static char *words[] = {"net=dhcp"};
    struct bh_net_status status;

    (void)state;
    assert_null(bh_net_start(1, words));
    assert_int_equal(model.given_end - model.given_first, E1000E_RECEIVE - 1);
    assert_true(bh_net_changed());
    model.link = true;
    run(1100);
    assert_true(bh_net_changed());
    assert_true(get_address());
    bh_net_status(&status);
    assert_true(status.link && status.speed == 1000 && bh_net_changed());
    assert_string_equal(status.how, "dhcp");
    assert_string_equal(status.gateway, "10.0.2.2");
    assert_string_equal(status.name_server[0], "10.0.2.3");
    assert_string_equal(status.address6[0], "fe80::5054:ff:fe12:3456");
    assert_true(has_group("\x33\x33\xff\x12\x34\x56")); /* neighbours ask there */
    assert_true(has_group("\x33\x33\x00\x00\x00\x01")); /* and routers announce themselves */
}

/* An echo request, from the card's buffer up and an answer back, byte for byte. */
static void ping(void **state)
{
    uint8_t frame[1600];
    unsigned length, before = (unsigned)lwip_stats.mem.used;

    (void)state;
    for (unsigned size = 8; size <= 1480; size += 368) {
        uint8_t *icmp = frame + 34;
        memset(icmp, 0, size);
        icmp[0] = 8;
        for (unsigned i = 8; i < size; i++)
            icmp[i] = (uint8_t)(i * 7);
        put16(icmp + 2, ~sum16(icmp, size, 0) & 0xffff);
        inject(frame, ipv4(frame, OUR_MAC, PEER, OURS, 1, size));
        run(2);
        answer_arp();
        run(2);
        const uint8_t *answer = next_sent(0x800, 1, &length);
        assert_non_null(answer);
        assert_int_equal(length, 34 + size);
        assert_memory_equal(answer, peer_mac, 6);
        assert_int_equal(answer[34], 0);
        assert_memory_equal(answer + 42, icmp + 8, size - 8);
        assert_int_equal(sum16(answer + 34, size, 0), 0xffff);
    }
    assert_int_equal(lwip_stats.mem.used, before);
    assert_int_equal(model.given_end - model.given_first, E1000E_RECEIVE - 1); /* no buffer is lost */
}

static void wrong_checksums_are_dropped(void **state)
{
    uint8_t frame[100] = {0};
    unsigned length;

    (void)state;
    frame[34] = 8;
    put16(frame + 36, 0x1234);
    inject(frame, ipv4(frame, OUR_MAC, PEER, OURS, 1, 40));
    run(5);
    assert_null(next_sent(0x800, 1, &length));
}

/* --- buffers ------------------------------------------------------------------------------------------------------------------------- */

static struct pbuf *kept[4000];
static unsigned kept_count;

static void keep(void *arg, struct udp_pcb *pcb, struct pbuf *bytes, const ip_addr_t *address, u16_t port)
{
    (void)arg, (void)pcb, (void)address, (void)port;
    if (kept_count < sizeof(kept) / sizeof(kept[0]))
        kept[kept_count++] = bytes;
    else
        pbuf_free(bytes);
}

/* A program that keeps whatever comes: the ring stays full, frames are dropped, and all is as before when it lets go. */
static void kept_buffers_do_not_dry_the_ring(void **state)
{
    struct udp_pcb *pcb = udp_new();
    struct bh_net_status status, before;
    uint8_t frame[1500] = {0};
    unsigned length;

    (void)state;
    bh_net_status(&before);
    udp_bind(pcb, IP_ANY_TYPE, 7);
    udp_recv(pcb, keep, 0);
    for (unsigned i = 0; i < 3000; i++) {
        unsigned size = i % 2 ? 1000 : 20;
        put16(frame + 34, 7), put16(frame + 36, 7), put16(frame + 38, 8 + size), put16(frame + 40, 0);
        length = ipv4(frame, OUR_MAC, PEER, OURS, 17, 8 + size);
        inject(frame, length);
        bh_net_poll();
        assert_true(model.given_end - model.given_first >= E1000E_RECEIVE - 2);
    }
    bh_net_status(&status);
    assert_true(status.counters.dropped > before.counters.dropped && kept_count > 1000 && kept_count < 3000);
    assert_int_equal(status.counters.received - before.counters.received, 3000);
    while (kept_count > 0)
        pbuf_free(kept[--kept_count]);
    for (unsigned i = 0; i < 200; i++) {
        inject(frame, length);
        run(1);
    }
    assert_int_equal(kept_count, 200);
    while (kept_count > 0)
        pbuf_free(kept[--kept_count]);
    udp_remove(pcb);
    assert_int_equal(model.given_end - model.given_first, E1000E_RECEIVE - 1);
}

static struct pbuf *datagram(unsigned pieces)
{
    struct pbuf *bytes = pbuf_alloc(PBUF_TRANSPORT, 1, PBUF_RAM);

    ((uint8_t *)bytes->payload)[0] = 0;
    for (unsigned i = 1; i < pieces; i++) {
        struct pbuf *piece = pbuf_alloc(PBUF_RAW, 1, PBUF_RAM);
        ((uint8_t *)piece->payload)[0] = (uint8_t)i;
        pbuf_cat(bytes, piece);
    }
    return bytes;
}

/* More pieces than a frame may have, and a card that takes nothing for a while: all go out, whole, in order, and are given back. */
static void frames_go_out_in_order(void **state)
{
    struct udp_pcb *pcb = udp_new();
    ip_addr_t peer;
    unsigned length, before = (unsigned)lwip_stats.mem.used;

    (void)state;
    ipaddr_aton("10.0.2.2", &peer);
    model.full = true;
    for (unsigned i = 0; i < 40; i++) {
        struct pbuf *bytes = datagram(1 + i);
        assert_int_equal(udp_sendto(pcb, bytes, &peer, 9), ERR_OK);
        pbuf_free(bytes);
        run(1);
    }
    assert_null(next_sent(0x800, 17, &length));
    assert_true(lwip_stats.mem.used > before);
    model.full = false;
    run(5);
    for (unsigned i = 0; i < 40; i++) {
        const uint8_t *frame = next_sent(0x800, 17, &length);
        assert_non_null(frame);
        assert_int_equal(length, 42 + 1 + i);
        for (unsigned j = 0; j <= i; j++)
            assert_int_equal(frame[42 + j], j);
    }
    udp_remove(pcb);
    assert_int_equal(lwip_stats.mem.used, before);
}

/* A card that stops working is opened again, with nothing lost but what was under way. */
static void a_stuck_card_begins_anew(void **state)
{
    struct udp_pcb *pcb = udp_new();
    ip_addr_t peer;
    struct bh_net_status status;
    unsigned before = (unsigned)lwip_stats.mem.used, opened = model.opened;
    struct pbuf *bytes = datagram(3);

    ipaddr_aton("10.0.2.2", &peer);
    model.stuck = true;
    assert_int_equal(udp_sendto(pcb, bytes, &peer, 9), ERR_OK);
    pbuf_free(bytes);
    run(500);
    assert_true(lwip_stats.mem.used > before); /* with the card */
    run(600);
    assert_true(model.opened > opened && model.closed > 0);
    assert_int_equal(model.given_end - model.given_first, E1000E_RECEIVE - 1);
    model.stuck = false;
    run(1000);
    assert_int_equal(lwip_stats.mem.used, before);
    bh_net_status(&status);
    assert_true(status.counters.restarts > 0);
    udp_remove(pcb);
    ping(state);
}

/* Halting with a frame in the ring would let it wait: e1000e_arm() says so. */
static void waiting_looks_at_the_card_first(void **state)
{
    uint8_t frame[60] = {0};

    (void)state;
    bh_net_poll();
    waited_until = 0;
    inject(frame, sizeof(frame));
    bh_net_wait(now + 100 * MS);
    assert_int_equal(waited_until, 0);
    bh_net_poll();
    bh_net_wait(now + 3);
    assert_true(waited_until > now && waited_until <= now + 3);
}

/* --- ports that are used again --------------------------------------------------------------------------------------------------- */

#define FIN 0x01u
#define SYN 0x02u
#define RST 0x04u
#define ACK 0x10u
#define SERVICE 80u
#define AT 5000u /* sequence of the first connections */

static const uint8_t peer6[16] = {0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xfe, 0, 0, 1};
static const uint8_t ours6[16] = {0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0x50, 0x54, 0, 0xff, 0xfe, 0x12, 0x34, 0x56};
static bool v6;
static struct tcp_pcb *service;

static void put32(uint8_t *at, uint32_t value)
{
    put16(at, value >> 16);
    put16(at + 2, value & 0xffff);
}

static uint32_t get32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static unsigned ipv6(uint8_t *frame, unsigned protocol, unsigned payload)
{
    memcpy(frame, OUR_MAC, 6);
    memcpy(frame + 6, peer_mac, 6);
    put16(frame + 12, 0x86dd);
    put32(frame + 14, 0x60000000);
    put16(frame + 18, payload);
    frame[20] = (uint8_t)protocol;
    frame[21] = 255;
    memcpy(frame + 22, peer6, 16);
    memcpy(frame + 38, ours6, 16);
    return 54 + payload;
}

/* A segment from the peer, and the answer's header; 0: none. */
static const uint8_t *exchange(unsigned from, unsigned flags, uint32_t sequence, uint32_t acknowledged)
{
    uint8_t frame[80] = {0};
    unsigned length = v6 ? ipv6(frame, 6, 20) : ipv4(frame, OUR_MAC, PEER, OURS, 6, 20);
    uint8_t *tcp = frame + length - 20;
    const uint8_t *answer;

    put16(tcp, from), put16(tcp + 2, SERVICE);
    put32(tcp + 4, sequence), put32(tcp + 8, acknowledged);
    tcp[12] = 5 << 4;
    tcp[13] = (uint8_t)flags;
    put16(tcp + 14, 60000);
    put16(tcp + 16, ~sum16(tcp, 20, sum16(v6 ? frame + 22 : frame + 26, v6 ? 32 : 8, 6 + 20)) & 0xffff);
    model.sent_first = model.sent_end;
    inject(frame, length);
    run(1);
    answer = v6 ? next_sent(0x86dd, 0, &length) : next_sent(0x800, 6, &length);
    return answer ? answer + (v6 ? 54 : 34) : 0;
}

static err_t hang_up(void *arg, struct tcp_pcb *pcb, err_t error)
{
    (void)arg, (void)error;
    return tcp_close(pcb);
}

/* A connection that the server ends at once, opened with this sequence number. Returns what it sends next, if ever. */
static uint32_t connection(unsigned from, uint32_t sequence)
{
    const uint8_t *answer = exchange(from, SYN, sequence, 0);

    assert_non_null(answer);
    assert_int_equal(answer[13], SYN | ACK);
    assert_int_equal(get32(answer + 8), sequence + 1);
    uint32_t theirs = get32(answer + 4) + 1;
    answer = exchange(from, ACK, sequence + 1, theirs);
    assert_non_null(answer);
    assert_int_equal(answer[13], FIN | ACK);
    answer = exchange(from, FIN | ACK, sequence + 1, theirs + 1);
    assert_non_null(answer);
    assert_int_equal(answer[13], ACK);
    assert_int_equal(get32(answer + 8), sequence + 2);
    return theirs + 1;
}

static void serve(bool six)
{
    uint8_t frame[100] = {0};

    v6 = six;
    model.sent_first = model.sent_end;
    ping(0); /* lwIP knows where the peer is, as of now */
    service = tcp_new_ip_type(IPADDR_TYPE_ANY);
    assert_int_equal(tcp_bind(service, IP_ANY_TYPE, SERVICE), ERR_OK);
    service = tcp_listen(service);
    tcp_accept(service, hang_up);
    if (!six)
        return;
    unsigned length = ipv6(frame, 58, 32); /* who has your address? this is mine */
    frame[54] = 135;
    memcpy(frame + 62, ours6, 16);
    frame[78] = 1, frame[79] = 1;
    memcpy(frame + 80, peer_mac, 6);
    put16(frame + 56, ~sum16(frame + 54, 32, sum16(frame + 22, 32, 32 + 58)) & 0xffff);
    inject(frame, length);
    run(10);
}

static void serve_no_more(void)
{
    assert_int_equal(tcp_close(service), ERR_OK);
    run(130000); /* all is over */
}

/* A client's port comes again within two minutes: with a sequence number beyond the old connection's it is served at once, in numbers
 * beyond those of the old connection, of which something may still be on its way. */
static void a_port_again(void **state)
{
    (void)state;
    for (unsigned six = 0; six < 2; six++) {
        serve(six);
        uint32_t last = connection(1000, AT);
        for (unsigned i = 1; i < 5; i++) {
            uint32_t next = connection(1000, AT + i * 64000);
            assert_true(next - last > 0 && next - last < 0x80000000u);
            last = next;
        }
        serve_no_more();
    }
}

/* Our clock for sequence numbers is slower than we can send: then the old connection says where the new one begins. */
static void a_port_again_after_much_was_sent(void **state)
{
    (void)state;
    serve(false);
    uint32_t last = connection(1000, AT);
    assert_non_null(tcp_tw_pcbs);
    tcp_tw_pcbs->snd_nxt += 100u << 20;
    const uint8_t *answer = exchange(1000, SYN, AT + 64000, 0);
    assert_non_null(answer);
    assert_int_equal(get32(answer + 4), last + (100u << 20) + 65536);
    exchange(1000, RST, AT + 64001, 0);
    assert_true(connection(1001, AT) - last > 65536 * 4); /* others have numbers of their own */
    serve_no_more();
}

/* What is not beyond the old connection is answered for that one; a peer that does not know it any more says so, and is served then. */
static void a_port_again_with_an_old_number(void **state)
{
    const uint8_t *answer;

    (void)state;
    for (unsigned six = 0; six < 2; six++) {
        serve(six);
        uint32_t last = connection(1000, AT);
        answer = exchange(1000, SYN, AT - 1000, 0);
        assert_non_null(answer);
        assert_int_equal(answer[13], ACK);
        assert_int_equal(get32(answer + 4), last);
        assert_int_equal(get32(answer + 8), AT + 2);
        assert_null(exchange(1000, RST, AT + 1, 0)); /* not where it ended: somebody's guess */
        assert_int_equal(exchange(1000, SYN, AT - 1000, 0)[13], ACK);
        assert_int_equal(exchange(1000, SYN | ACK, AT + 64000, 1)[13], ACK);
        assert_null(exchange(1000, RST, AT + 2, 0));
        connection(1000, AT - 1000);
        serve_no_more();
    }
}

/* Other ports, other addresses: their old connections stay as they are. */
static void other_ports_are_other_connections(void **state)
{
    (void)state;
    serve(false);
    uint32_t last = connection(1000, AT);
    connection(1001, AT + 64000);
    const uint8_t *answer = exchange(1000, FIN | ACK, AT + 1, last);
    assert_non_null(answer);
    assert_int_equal(answer[13], ACK);
    serve_no_more();
    assert_null(tcp_tw_pcbs);
}

/* Any bytes from the wire: nothing is lost and nothing is touched that should not be. */
static void any_frames(void **state)
{
    unsigned seed = 5;
    static const unsigned types[] = {0x800, 0x86dd, 0x806, 0x8100};

    for (unsigned round = 0; round < 60000; round++) {
        uint8_t frame[300];
        for (unsigned i = 0; i < sizeof(frame); i++) {
            seed = seed * 1103515245u + 12345u;
            frame[i] = (uint8_t)(seed >> 16);
        }
        memcpy(frame, round % 3 ? OUR_MAC : "\x33\x33\xff\x12\x34\x56", 6);
        put16(frame + 12, types[round % 4]);
        unsigned length = 14 + (seed >> 8) % (sizeof(frame) - 14);
        if (round % 4 == 0 && length > 60)
            length = ipv4(frame, OUR_MAC, PEER, OURS, (unsigned[]){1, 6, 17, 2}[seed >> 28 & 3], length - 34);
        if (round % 4 == 1 && length > 54) {
            frame[14] = 0x60;
            put16(frame + 18, length - 54);
            frame[20] = (uint8_t[]){58, 6, 17, 0, 43, 44, 60, 58}[seed >> 28 & 7];
            frame[21] = 255;
            memcpy(frame + 38, "\xfe\x80\0\0\0\0\0\0\x50\x54\0\xff\xfe\x12\x34\x56", 16);
            if (frame[20] == 58) {
                frame[54] = (uint8_t)(128 + (seed >> 20) % 16);
                put16(frame + 56, 0);
                unsigned sum = sum16(frame + 22, 32, (unsigned)(length - 54 + 58));
                put16(frame + 56, ~sum16(frame + 54, length - 54, sum) & 0xffff);
            }
        }
        inject(frame, length);
        run(1);
        model.sent_first = model.sent_end;
    }
    run(20000);
    assert_int_equal(model.given_end - model.given_first, E1000E_RECEIVE - 1);
    model.sent_first = model.sent_end;
    ping(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sound_words),
        cmocka_unit_test(broken_words),
        cmocka_unit_test(hash_is_siphash),
        cmocka_unit_test(sequences_differ_and_grow),
        cmocka_unit_test(without_a_card),
        cmocka_unit_test(an_address_by_dhcp),
        cmocka_unit_test(ping),
        cmocka_unit_test(wrong_checksums_are_dropped),
        cmocka_unit_test(kept_buffers_do_not_dry_the_ring),
        cmocka_unit_test(frames_go_out_in_order),
        cmocka_unit_test(a_stuck_card_begins_anew),
        cmocka_unit_test(waiting_looks_at_the_card_first),
        cmocka_unit_test(a_port_again),
        cmocka_unit_test(a_port_again_after_much_was_sent),
        cmocka_unit_test(a_port_again_with_an_old_number),
        cmocka_unit_test(other_ports_are_other_connections),
        cmocka_unit_test(any_frames),
    };

    return cmocka_run_group_tests(tests, 0, 0);
}
