/* SPDX-License-Identifier: Apache-2.0 */
/* The router's pure parts: packets, translation, rules, tags, time and messages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../fuzz/fuzz_router.h"
#include "clock.h"
#include "forward.h"
#include "relay.h"
#include "types.h"
#include "vlan.h"

#define OUTSIDE 0x0a000205u /* 10.0.2.5 */
#define SERVER 0x0a000209u
#define HOST 0xc0a80702u /* 192.168.7.2 */
#define GATE 0xc0a80701u
#define S NAT_SECOND

static struct router r;
static uint8_t bytes[1600];
static size_t size;
static struct packet seen;

/* --- packets ------------------------------------------------------------------------------------------------------------------ */

static uint16_t pseudo_sum(const uint8_t *ip, size_t length)
{
    uint8_t whole[1600] = {0};

    memcpy(whole, ip + 12, 8);
    whole[9] = ip[9];
    put16(whole + 10, (uint16_t)(length - 20));
    memcpy(whole + 12, ip + 20, length - 20);
    return packet_sum(whole, length - 8);
}

static void finish(void)
{
    unsigned at = bytes[9] == PROTOCOL_TCP ? 36 : bytes[9] == PROTOCOL_UDP ? 26 : 22;

    put16(bytes + 10, 0);
    put16(bytes + 10, packet_sum(bytes, 20));
    put16(bytes + at, 0);
    put16(bytes + at, bytes[9] == PROTOCOL_ICMP ? packet_sum(bytes + 20, size - 20) : pseudo_sum(bytes, size));
}

/* A packet with four bytes of data; `extra`: TCP's flags, or ICMP's type. */
static void make(uint8_t protocol, uint32_t source, uint16_t source_port, uint32_t target, uint16_t target_port, uint8_t extra)
{
    size_t head = protocol == PROTOCOL_TCP ? 20 : 8;

    memset(bytes, 0, sizeof(bytes));
    size = 20 + head + 4;
    bytes[0] = 0x45;
    put16(bytes + 2, (uint16_t)size);
    bytes[8] = 64;
    bytes[9] = protocol;
    put32(bytes + 12, source);
    put32(bytes + 16, target);
    memcpy(bytes + size - 4, "data", 4);
    if (protocol == PROTOCOL_ICMP) {
        bytes[20] = extra;
        put16(bytes + 24, source_port);
    } else {
        put16(bytes + 20, source_port);
        put16(bytes + 22, target_port);
    }
    if (protocol == PROTOCOL_TCP) {
        bytes[32] = 5 << 4;
        bytes[33] = extra;
    }
    if (protocol == PROTOCOL_UDP)
        put16(bytes + 24, (uint16_t)(size - 20));
    finish();
}

/* All checksums of what goes on, and its ends. */
static void look(void)
{
    assert_int_equal(packet_read(&seen, bytes, size), PACKET_GOOD);
    if (bytes[9] == PROTOCOL_ICMP)
        assert_int_equal(packet_sum(bytes + 20, size - 20), 0);
    else
        assert_int_equal(pseudo_sum(bytes, size), 0);
}

static enum fate out(uint64_t now)
{
    enum fate fate = router_from_inside(&r, bytes, &size, now);

    if (fate == FATE_SEND)
        look();
    return fate;
}

static enum fate in(uint64_t now)
{
    enum fate fate = router_from_outside(&r, bytes, &size, now);

    if (fate == FATE_SEND)
        look();
    return fate;
}

static void rules(const char *text)
{
    char why[160] = "";
    uint8_t *copy = malloc(strlen(text) + 1); /* exactly as long, so that reading on is seen */

    memcpy(copy, text, strlen(text));
    if (!rules_parse(&r.rules, copy, strlen(text), why, sizeof(why)))
        fail_msg("%s", why);
    free(copy);
}

static int start(void **state)
{
    (void)state;
    memset(&r, 0, sizeof(r));
    nat_init(&r.nat, 42);
    nat_set_address(&r.nat, OUTSIDE);
    rules("inside 192.168.7.1/24\n"
          "deny tcp to any port 25\n"
          "allow tcp\n"
          "allow udp to 10.0.2.0/24 port 53-123 # and what lies between\n"
          "allow icmp\n"
          "forward tcp 8080 to 192.168.7.2 port 80 from 10.0.2.0/28\n"
          "forward udp 5000 to 192.168.7.3\n");
    return 0;
}

static void test_sums(void **state)
{
    (void)state;
    srand(1);
    for (unsigned i = 0; i < 20000; i++) {
        uint8_t data[64];
        for (unsigned k = 0; k < sizeof(data); k++)
            data[k] = rand() % 4 ? (uint8_t)rand() : (uint8_t)(rand() % 2 ? 0 : 255);
        put16(data + 10, 0);
        uint16_t sum = packet_sum(data, sizeof(data)), after = rand() % 8 ? (uint16_t)rand() : 0xffff;
        unsigned at = 12 + (unsigned)(rand() % 26) * 2;
        uint16_t adjusted = packet_sum_adjust(sum, get16(data + at), after);
        put16(data + at, after);
        put16(data + 10, adjusted);
        assert_int_equal(packet_sum(data, sizeof(data)), 0);
    }
    const uint8_t odd[3] = {0x12, 0x34, 0x56};
    assert_int_equal(packet_sum(odd, 3), (uint16_t) ~(0x1234 + 0x5600));
}

/* What lengths and fields say of one another; each is cut at every byte, too. */
static void test_read(void **state)
{
    (void)state;
    struct packet p;
    for (unsigned k = 0; k < 3; k++) {
        const uint8_t protocols[] = {PROTOCOL_TCP, PROTOCOL_UDP, PROTOCOL_ICMP};
        make(protocols[k], HOST, 1000, SERVER, 80, k == 2 ? ICMP_ECHO : TCP_FLAG_SYN);
        for (size_t cut = 0; cut < size; cut++) {
            uint8_t *copy = malloc(cut ? cut : 1);
            memcpy(copy, bytes, cut);
            assert_int_equal(packet_read(&p, copy, cut), PACKET_MALFORMED);
            free(copy);
        }
        assert_int_equal(packet_read(&p, bytes, size + 6), PACKET_GOOD); /* a short frame's padding */
        assert_int_equal(p.size, size);
    }
    make(PROTOCOL_TCP, HOST, 1000, SERVER, 80, TCP_FLAG_SYN);
    bytes[32] = 4 << 4;
    finish();
    assert_int_equal(packet_read(&p, bytes, size), PACKET_MALFORMED);
    bytes[32] = 7 << 4;
    finish();
    assert_int_equal(packet_read(&p, bytes, size), PACKET_MALFORMED);
    make(PROTOCOL_UDP, HOST, 1000, SERVER, 80, 0);
    put16(bytes + 24, 7);
    finish();
    assert_int_equal(packet_read(&p, bytes, size), PACKET_MALFORMED);
    put16(bytes + 24, (uint16_t)(size - 19));
    finish();
    assert_int_equal(packet_read(&p, bytes, size), PACKET_MALFORMED);
    make(PROTOCOL_TCP, HOST, 1000, SERVER, 80, TCP_FLAG_SYN);
    bytes[10] ^= 1;
    assert_int_equal(packet_read(&p, bytes, size), PACKET_MALFORMED);
    make(PROTOCOL_TCP, HOST, 1000, SERVER, 80, TCP_FLAG_SYN);
    bytes[0] = 0x65;
    finish();
    assert_int_equal(packet_read(&p, bytes, size), PACKET_MALFORMED);
}

/* Source routes, fragments and what has no ends go nowhere. */
static void test_not_forwarded(void **state)
{
    (void)state;
    make(PROTOCOL_UDP, HOST, 1000, SERVER, 53, 0);
    bytes[0] = 0x46;
    put16(bytes + 10, 0);
    put16(bytes + 10, packet_sum(bytes, 24));
    assert_int_equal(out(1), FATE_DROP);
    for (unsigned fragment = 0; fragment < 2; fragment++) {
        make(PROTOCOL_UDP, HOST, 1000, SERVER, 53, 0);
        put16(bytes + 6, fragment ? 0x2000 : 0x0001);
        finish();
        assert_int_equal(out(1), FATE_DROP);
    }
    make(PROTOCOL_UDP, HOST, 1000, SERVER, 53, 0);
    bytes[9] = 47;
    put16(bytes + 10, 0);
    put16(bytes + 10, packet_sum(bytes, 20));
    assert_int_equal(out(1), FATE_DROP);
    make(PROTOCOL_ICMP, HOST, 7, SERVER, 0, 13);
    assert_int_equal(out(1), FATE_DROP);
    assert_int_equal(r.count.malformed, 5);
    make(PROTOCOL_UDP, HOST, 1000, SERVER, 53, 0);
    put16(bytes + 6, 0x4000); /* not to be fragmented: no fragment */
    finish();
    assert_int_equal(out(1), FATE_SEND);
}

/* --- translation --------------------------------------------------------------------------------------------------------------- */

static void answer(uint8_t protocol, uint32_t from, uint16_t from_port, uint16_t to_port, uint8_t extra)
{
    make(protocol, from, protocol == PROTOCOL_ICMP ? to_port : from_port, OUTSIDE, to_port, extra);
}

static void test_out_and_back(void **state)
{
    (void)state;
    const uint8_t protocols[] = {PROTOCOL_TCP, PROTOCOL_UDP, PROTOCOL_ICMP};
    for (unsigned k = 0; k < 3; k++) {
        make(protocols[k], HOST, 1000, SERVER, 53, k == 2 ? ICMP_ECHO : TCP_FLAG_SYN);
        assert_int_equal(out(1), FATE_SEND);
        assert_int_equal(seen.source, OUTSIDE);
        assert_int_equal(seen.target, SERVER);
        assert_int_equal(bytes[8], 63);
        assert_in_range(seen.source_port, NAT_PORT_FIRST, NAT_PORT_FIRST + NAT_PORTS - 1);
        uint16_t port = seen.source_port;
        if (k < 2)
            assert_int_equal(seen.target_port, 53);
        answer(protocols[k], SERVER, 53, port, k == 2 ? ICMP_ECHO_REPLY : TCP_FLAG_SYN | TCP_FLAG_ACK);
        assert_int_equal(in(2), FATE_SEND);
        assert_int_equal(seen.source, SERVER);
        assert_int_equal(seen.target, HOST);
        assert_int_equal(seen.target_port, 1000);
        assert_memory_equal(bytes + size - 4, "data", 4);
        make(protocols[k], HOST, 1000, SERVER, 53, k == 2 ? ICMP_ECHO : TCP_FLAG_ACK);
        assert_int_equal(out(3), FATE_SEND);
        assert_int_equal(seen.source_port, port); /* the same flow */
    }
    assert_int_equal(r.nat.used, 3);
}

/* Not from another host, from another port, to another port, with another protocol, nor as a question. */
static void test_only_answers(void **state)
{
    (void)state;
    make(PROTOCOL_TCP, HOST, 1000, SERVER, 80, TCP_FLAG_SYN);
    assert_int_equal(out(1), FATE_SEND);
    uint16_t port = seen.source_port;
    answer(PROTOCOL_TCP, SERVER + 1, 80, port, TCP_FLAG_ACK);
    assert_int_equal(in(2), FATE_DROP);
    answer(PROTOCOL_TCP, SERVER, 81, port, TCP_FLAG_ACK);
    assert_int_equal(in(2), FATE_DROP);
    answer(PROTOCOL_TCP, SERVER, 80, (uint16_t)(port + 1), TCP_FLAG_ACK);
    assert_int_equal(in(2), FATE_DROP);
    answer(PROTOCOL_UDP, SERVER, 80, port, 0);
    assert_int_equal(in(2), FATE_DROP);
    make(PROTOCOL_ICMP, HOST, 1000, SERVER, 0, ICMP_ECHO);
    assert_int_equal(out(1), FATE_SEND);
    answer(PROTOCOL_ICMP, SERVER, 0, seen.source_port, ICMP_ECHO);
    assert_int_equal(in(2), FATE_OURS); /* a ping of our own address: nothing goes in */
    make(PROTOCOL_TCP, SERVER, 80, HOST, 1000, TCP_FLAG_ACK);
    assert_int_equal(in(2), FATE_DROP);
    assert_int_equal(r.count.in, 0);
}

/* UDP may leave its checksum out, and one that comes to 0 is written as ones. */
static void test_udp_sums(void **state)
{
    (void)state;
    make(PROTOCOL_UDP, HOST, 1000, SERVER, 53, 0);
    put16(bytes + 26, 0);
    assert_int_equal(router_from_inside(&r, bytes, &size, 1), FATE_SEND);
    assert_int_equal(get16(bytes + 26), 0);
    unsigned zeros = 0;
    for (unsigned i = 0; i < 65536 && !zeros; i++) {
        make(PROTOCOL_UDP, HOST, 1000, SERVER, 53, 0);
        put16(bytes + size - 4, (uint16_t)i);
        finish();
        if (get16(bytes + 26) == 0)
            put16(bytes + 26, 0xffff);
        assert_int_equal(router_from_inside(&r, bytes, &size, 1), FATE_SEND);
        assert_int_not_equal(get16(bytes + 26), 0);
        zeros += get16(bytes + 26) == 0xffff;
    }
    assert_int_equal(zeros, 1);
}

static void test_times(void **state)
{
    (void)state;
    make(PROTOCOL_TCP, HOST, 1000, SERVER, 80, TCP_FLAG_SYN);
    assert_int_equal(out(0), FATE_SEND);
    uint16_t port = seen.source_port;
    answer(PROTOCOL_TCP, SERVER, 80, port, TCP_FLAG_ACK);
    assert_int_equal(in(240 * S), FATE_DROP); /* nobody answered in time */
    make(PROTOCOL_TCP, HOST, 1000, SERVER, 80, TCP_FLAG_SYN);
    assert_int_equal(out(241 * S), FATE_SEND); /* anew, though the old one is still in the table */
    port = seen.source_port;
    assert_int_equal(r.nat.used, 1);
    answer(PROTOCOL_TCP, SERVER, 80, port, TCP_FLAG_SYN | TCP_FLAG_ACK);
    assert_int_equal(in(242 * S), FATE_SEND);
    make(PROTOCOL_TCP, HOST, 1000, SERVER, 80, TCP_FLAG_ACK);
    assert_int_equal(out(7000 * S), FATE_SEND);
    make(PROTOCOL_TCP, HOST, 1000, SERVER, 80, TCP_FLAG_ACK | TCP_FLAG_FIN);
    assert_int_equal(out(14000 * S), FATE_SEND);
    answer(PROTOCOL_TCP, SERVER, 80, port, TCP_FLAG_ACK | TCP_FLAG_FIN);
    assert_int_equal(in(14200 * S), FATE_SEND);
    make(PROTOCOL_TCP, HOST, 1000, SERVER, 80, TCP_FLAG_ACK);
    assert_int_equal(out(14441 * S), FATE_DROP); /* closing: minutes, not hours; and no first packet of a new one */
    for (unsigned i = 0; i < NAT_FLOWS / 256 + 1; i++)
        nat_expire(&r.nat, 14441 * S);
    assert_int_equal(r.nat.used, 0);
    make(PROTOCOL_UDP, HOST, 1, SERVER, 53, 0);
    assert_int_equal(out(0), FATE_SEND);
    port = seen.source_port;
    answer(PROTOCOL_UDP, SERVER, 53, port, 0);
    assert_int_equal(in(299 * S), FATE_SEND);
    answer(PROTOCOL_UDP, SERVER, 53, port, 0);
    assert_int_equal(in(599 * S), FATE_DROP);
    make(PROTOCOL_ICMP, HOST, 1, SERVER, 0, ICMP_ECHO);
    assert_int_equal(out(0), FATE_SEND);
    answer(PROTOCOL_ICMP, SERVER, 0, seen.source_port, ICMP_ECHO_REPLY);
    assert_int_equal(in(60 * S), FATE_DROP);
}

/* A full table refuses further flows, keeps those that it has, and is empty again after their time. */
static void test_full(void **state)
{
    (void)state;
    unsigned begun = 0;
    for (unsigned i = 0; i < 60000; i++) {
        make(PROTOCOL_UDP, HOST, (uint16_t)(i + 1), SERVER, 53, 0);
        begun += out(1) == FATE_SEND;
    }
    assert_int_equal(begun, NAT_FLOWS);
    assert_int_equal(r.nat.used, NAT_FLOWS);
    make(PROTOCOL_UDP, HOST, 1, SERVER, 53, 0);
    assert_int_equal(out(2), FATE_SEND);
    uint16_t port = seen.source_port;
    answer(PROTOCOL_UDP, SERVER, 53, port, 0);
    assert_int_equal(in(3), FATE_SEND);
    assert_int_equal(seen.target_port, 1);
    /* Every port stands for one only. */
    for (unsigned i = 0; i < NAT_FLOWS; i++)
        for (unsigned k = 0; k < i; k++)
            assert_int_not_equal(r.nat.flows[i].outside_port, r.nat.flows[k].outside_port);
    for (unsigned i = 0; i < NAT_FLOWS / 256; i++)
        nat_expire(&r.nat, 400 * S);
    assert_int_equal(r.nat.used, 0);
    make(PROTOCOL_UDP, HOST, 1, SERVER, 53, 0);
    assert_int_equal(out(400 * S), FATE_SEND);
}

static void test_new_address(void **state)
{
    (void)state;
    make(PROTOCOL_UDP, HOST, 1, SERVER, 53, 0);
    assert_int_equal(out(1), FATE_SEND);
    uint16_t port = seen.source_port;
    nat_set_address(&r.nat, OUTSIDE);
    assert_int_equal(r.nat.used, 1);
    nat_set_address(&r.nat, OUTSIDE + 1);
    assert_int_equal(r.nat.used, 0);
    make(PROTOCOL_UDP, SERVER, 53, OUTSIDE + 1, port, 0);
    assert_int_equal(in(2), FATE_DROP);
    nat_set_address(&r.nat, 0);
    make(PROTOCOL_UDP, HOST, 1, SERVER, 53, 0);
    assert_int_equal(out(3), FATE_DROP);
    make(PROTOCOL_UDP, SERVER, 53, 0, port, 0);
    assert_int_equal(in(3), FATE_DROP);
}

/* Random traffic, and each answer goes to the one that asked. */
static void test_many(void **state)
{
    (void)state;
    static struct {
        uint32_t host;
        uint16_t host_port, server_port, port;
    } flow[500];
    srand(7);
    for (unsigned i = 0; i < 500; i++) {
        flow[i].host = 0xc0a80702 + (uint32_t)(rand() % 40);
        flow[i].host_port = (uint16_t)(1 + i * 100 + (unsigned)(rand() % 100));
        flow[i].server_port = (uint16_t)(53 + rand() % 4);
        make(PROTOCOL_UDP, flow[i].host, flow[i].host_port, SERVER, flow[i].server_port, 0);
        assert_int_equal(out(1), FATE_SEND);
        flow[i].port = seen.source_port;
    }
    for (unsigned n = 0; n < 5000; n++) {
        unsigned i = (unsigned)rand() % 500;
        answer(PROTOCOL_UDP, SERVER, flow[i].server_port, flow[i].port, 0);
        assert_int_equal(in(2), FATE_SEND);
        assert_int_equal(seen.target, flow[i].host);
        assert_int_equal(seen.target_port, flow[i].host_port);
    }
}

/* --- errors ---------------------------------------------------------------------------------------------------------------------- */

/* "Too large" from a router on the way, about what is in `bytes`, with `keep` bytes of it. */
static void wrap_error(size_t keep)
{
    uint8_t inner[1500];

    memcpy(inner, bytes, keep);
    memset(bytes, 0, sizeof(bytes));
    size = 28 + keep;
    bytes[0] = 0x45;
    put16(bytes + 2, (uint16_t)size);
    bytes[8] = 64;
    bytes[9] = PROTOCOL_ICMP;
    put32(bytes + 12, SERVER - 1);
    put32(bytes + 16, OUTSIDE);
    bytes[20] = ICMP_UNREACHABLE;
    bytes[21] = 4;
    memcpy(bytes + 28, inner, keep);
    finish();
}

static void test_errors(void **state)
{
    (void)state;
    const uint8_t protocols[] = {PROTOCOL_TCP, PROTOCOL_UDP, PROTOCOL_ICMP};
    for (unsigned k = 0; k < 3; k++) {
        make(protocols[k], HOST, 1000, SERVER, 53, k == 2 ? ICMP_ECHO : TCP_FLAG_SYN);
        assert_int_equal(out(1), FATE_SEND);
        uint8_t sent[1600];
        size_t sent_size = size;
        memcpy(sent, bytes, sizeof(sent));
        for (unsigned whole = 0; whole < 2; whole++) {
            memcpy(bytes, sent, sizeof(sent));
            wrap_error(whole ? sent_size : 28);
            assert_int_equal(in(2), FATE_SEND); /* all checksums, the quote's in the error's too */
            assert_int_equal(seen.target, HOST);
            assert_int_equal(get32(bytes + 28 + 12), HOST);
            assert_int_equal(get16(bytes + 28 + (k == 2 ? 24 : 20)), 1000);
            assert_int_equal(packet_sum(bytes + 28, 20), 0);
        }
        memcpy(bytes, sent, sizeof(sent));
        wrap_error(28);
        bytes[25] ^= 1;
        assert_int_equal(in(2), FATE_DROP); /* its checksum is wrong */
        memcpy(bytes, sent, sizeof(sent));
        wrap_error(27);
        assert_int_equal(in(2), FATE_DROP); /* too little is quoted */
        memcpy(bytes, sent, sizeof(sent));
        put16(bytes + 20, k == 2 ? (uint16_t)(ICMP_UNREACHABLE << 8) : 9999);
        wrap_error(28);
        assert_int_equal(in(2), FATE_DROP); /* about nothing of ours */
    }
    make(PROTOCOL_ICMP, HOST, 0, SERVER, 0, ICMP_UNREACHABLE);
    assert_int_equal(out(3), FATE_DROP);
}

/* --- what may pass ------------------------------------------------------------------------------------------------------------- */

static void test_rules(void **state)
{
    (void)state;
    make(PROTOCOL_TCP, HOST, 1000, SERVER, 25, TCP_FLAG_SYN);
    assert_int_equal(out(1), FATE_DROP);
    assert_int_equal(r.rules.filter.rules[0].hits, 1);
    assert_true(r.refused_inside && r.refused.target_port == 25);
    make(PROTOCOL_TCP, HOST, 1000, SERVER, 26, TCP_FLAG_SYN);
    assert_int_equal(out(1), FATE_SEND);
    static const struct {
        uint32_t to;
        uint16_t port;
        enum fate fate;
    } cases[] = {{SERVER, 53, FATE_SEND},     {SERVER, 123, FATE_SEND},    {SERVER, 52, FATE_DROP},
                 {SERVER, 124, FATE_DROP},    {0x0a0001ff, 53, FATE_DROP}, {0x0a000300, 53, FATE_DROP},
                 {0x0a0002ff, 53, FATE_SEND}, {OUTSIDE, 53, FATE_DROP},    {0xc0a80703, 53, FATE_DROP},
                 {0x7f000001, 53, FATE_DROP}, {0xe0000001, 53, FATE_DROP}, {0xffffffff, 53, FATE_DROP}};
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        make(PROTOCOL_UDP, HOST, 1000, cases[i].to, cases[i].port, 0);
        if (out(1) != cases[i].fate)
            fail_msg("case %u", i);
    }
    rules("inside 192.168.7.1/24\n");
    make(PROTOCOL_TCP, HOST, 1001, SERVER, 26, TCP_FLAG_SYN);
    assert_int_equal(out(1), FATE_DROP); /* nothing said: nothing allowed */
    make(PROTOCOL_TCP, HOST, 1000, SERVER, 26, TCP_FLAG_ACK);
    assert_int_equal(out(1), FATE_SEND); /* but what is open stays so */
}

/* Addresses that cannot be on that side. */
static void test_spoofed(void **state)
{
    (void)state;
    const uint32_t inside[] = {SERVER, OUTSIDE, GATE, 0xc0a80700, 0xc0a807ff, 0x7f000001, 0, 0xc0a80802};
    for (unsigned i = 0; i < ARRAY_SIZE(inside); i++) {
        make(PROTOCOL_TCP, inside[i], 1000, SERVER, 80, TCP_FLAG_SYN);
        assert_int_equal(out(1), FATE_DROP);
        assert_int_equal(r.count.spoofed, i + 1);
    }
    const uint32_t outside[] = {HOST, GATE, OUTSIDE, 0x7f000001, 0xe0000001, 0xffffffff, 0x00000001};
    for (unsigned i = 0; i < ARRAY_SIZE(outside); i++) {
        make(PROTOCOL_TCP, outside[i], 1000, OUTSIDE, 8080, TCP_FLAG_SYN);
        assert_int_equal(in(1), FATE_DROP);
        assert_int_equal(r.count.spoofed, ARRAY_SIZE(inside) + i + 1);
    }
}

static void test_forwarded_port(void **state)
{
    (void)state;
    make(PROTOCOL_TCP, SERVER, 40000, OUTSIDE, 8080, TCP_FLAG_ACK);
    assert_int_equal(in(1), FATE_DROP); /* of a connection that there is not */
    make(PROTOCOL_TCP, SERVER, 40000, OUTSIDE, 8080, TCP_FLAG_SYN);
    assert_int_equal(in(1), FATE_SEND);
    assert_int_equal(seen.target, HOST);
    assert_int_equal(seen.target_port, 80);
    assert_int_equal(seen.source, SERVER);
    make(PROTOCOL_TCP, HOST, 80, SERVER, 40000, TCP_FLAG_SYN | TCP_FLAG_ACK);
    assert_int_equal(out(1), FATE_SEND); /* without a rule that allows it */
    assert_int_equal(seen.source, OUTSIDE);
    assert_int_equal(seen.source_port, 8080);
    make(PROTOCOL_TCP, SERVER, 40000, OUTSIDE, 8080, TCP_FLAG_ACK);
    assert_int_equal(in(7000 * S), FATE_SEND);
    make(PROTOCOL_TCP, 0x0a000210, 40000, OUTSIDE, 8080, TCP_FLAG_SYN);
    assert_int_equal(in(1), FATE_DROP); /* may not come */
    make(PROTOCOL_UDP, SERVER, 40000, OUTSIDE, 8080, 0);
    assert_int_equal(in(1), FATE_DROP);
    make(PROTOCOL_UDP, 0x08080808, 40000, OUTSIDE, 5000, 0);
    assert_int_equal(in(1), FATE_SEND);
    assert_int_equal(seen.target, 0xc0a80703);
    assert_int_equal(seen.target_port, 5000);
}

/* Whoever is outside can take a part of the table only. */
static void test_forwarded_flood(void **state)
{
    (void)state;
    unsigned begun = 0;
    for (unsigned i = 0; i < 20000; i++) {
        make(PROTOCOL_UDP, 0x08080808 + i / 60000, (uint16_t)(i + 1), OUTSIDE, 5000, 0);
        begun += in(1) == FATE_SEND;
    }
    assert_int_equal(begun, NAT_FROM_OUTSIDE);
    make(PROTOCOL_UDP, HOST, 1, SERVER, 53, 0);
    assert_int_equal(out(2), FATE_SEND);
    for (unsigned i = 0; i < NAT_FLOWS / 256; i++)
        nat_expire(&r.nat, 301 * S);
    assert_int_equal(r.nat.from_outside, 0);
}

/* What reaches the router's own stack: pings, its DHCP and answers to it outside; pings and questions for the time inside. */
static void test_ours(void **state)
{
    (void)state;
    static const struct {
        bool inside;
        uint8_t protocol, extra;
        uint32_t from, to;
        uint16_t port;
        enum fate fate;
    } cases[] = {{true, PROTOCOL_ICMP, ICMP_ECHO, HOST, GATE, 0, FATE_OURS},
                 {true, PROTOCOL_UDP, 0, HOST, GATE, 123, FATE_OURS},
                 {true, PROTOCOL_UDP, 0, HOST, GATE, 68, FATE_DROP},
                 {true, PROTOCOL_UDP, 0, HOST, GATE, 514, FATE_DROP}, /* there is no log host */
                 {true, PROTOCOL_TCP, TCP_FLAG_SYN, HOST, GATE, 80, FATE_DROP},
                 {true, PROTOCOL_ICMP, ICMP_ECHO, HOST, OUTSIDE, 0, FATE_DROP},
                 {false, PROTOCOL_ICMP, ICMP_ECHO, SERVER, OUTSIDE, 0, FATE_OURS},
                 {false, PROTOCOL_UDP, 0, SERVER, OUTSIDE, 68, FATE_OURS},
                 {false, PROTOCOL_UDP, 0, SERVER, 0xffffffff, 68, FATE_OURS},
                 {false, PROTOCOL_UDP, 0, SERVER, 0xffffffff, 67, FATE_DROP},
                 {false, PROTOCOL_UDP, 0, SERVER, OUTSIDE, 0xc000, FATE_OURS},
                 {false, PROTOCOL_UDP, 0, SERVER, OUTSIDE, 0xbfff, FATE_DROP},
                 {false, PROTOCOL_UDP, 0, SERVER, OUTSIDE, 123, FATE_DROP},
                 {false, PROTOCOL_TCP, TCP_FLAG_SYN, SERVER, OUTSIDE, 0xc000, FATE_DROP},
                 {false, PROTOCOL_UDP, 0, SERVER, GATE, 123, FATE_DROP},
                 {false, PROTOCOL_ICMP, ICMP_ECHO, SERVER, GATE, 0, FATE_DROP},
                 {false, PROTOCOL_TCP, TCP_FLAG_SYN, SERVER, HOST, 80, FATE_DROP}};
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        uint8_t before[1600];
        make(cases[i].protocol, cases[i].from, 1000, cases[i].to, cases[i].port, cases[i].extra);
        memcpy(before, bytes, sizeof(before));
        if ((cases[i].inside ? out(1) : in(1)) != cases[i].fate)
            fail_msg("case %u", i);
        assert_memory_equal(before, bytes, sizeof(before)); /* as it came */
    }
    nat_set_address(&r.nat, 0);
    make(PROTOCOL_UDP, SERVER, 67, OUTSIDE, 68, 0);
    assert_int_equal(in(1), FATE_OURS); /* the offer of an address */
    make(PROTOCOL_UDP, SERVER, 67, OUTSIDE, 0xc000, 0);
    assert_int_equal(in(1), FATE_DROP);
}

static void test_hops(void **state)
{
    (void)state;
    for (uint8_t hops = 0; hops < 3; hops++) {
        make(PROTOCOL_TCP, HOST, 1000, SERVER, 80, TCP_FLAG_SYN);
        bytes[8] = hops;
        finish();
        assert_int_equal(out(1), hops > 1 ? FATE_SEND : FATE_DROP);
    }
    assert_int_equal(r.count.hops, 2);
}

/* --- rules files ------------------------------------------------------------------------------------------------------------------ */

static void test_file_errors(void **state)
{
    (void)state;
    static const struct {
        const char *text, *why;
    } cases[] = {{"", "router.rules:0: no line says which address we have inside"},
                 {"inside 192.168.7.1/24\nbogus\n", "router.rules:2: a line begins with"},
                 {"inside 192.168.7.1\n", "router.rules:1: the address inside is a host's"},
                 {"inside 192.168.7.0/24\n", "router.rules:1: the address inside is a host's"},
                 {"inside 192.168.7.255/24\n", "router.rules:1: the address inside is a host's"},
                 {"inside 192.168.7.1/33\n", "router.rules:1: an address with its prefix"},
                 {"inside 192.168.7.1/24 x\n", "router.rules:1: there is more"},
                 {"inside 192.168.7.1/24\ninside 192.168.8.1/24\n", "router.rules:2: the address inside is set"},
                 {"inside 192.168.7.256/24\n", "router.rules:1: an address with its prefix"},
                 {"inside 192.168.7/24\n", "router.rules:1: an address with its prefix"},
                 {"\n\n  # remark\nvlan 0", "router.rules:4: a VLAN is"},
                 {"vlan 4095", "router.rules:1: a VLAN is"},
                 {"vlan 20x", "router.rules:1: a VLAN is"},
                 {"allow", "router.rules:1: a protocol is"},
                 {"allow sctp", "router.rules:1: "},
                 {"allow tcp port 0", "router.rules:1: a port is"},
                 {"allow tcp port 65536", "router.rules:1: a port is"},
                 {"allow tcp port 4294967376", "router.rules:1: a port is"},
                 {"allow tcp port 90-80", "router.rules:1: ports are"},
                 {"allow tcp port 80-", "router.rules:1: ports are"},
                 {"allow icmp port 80", "router.rules:1: only tcp and udp"},
                 {"allow any port 80", "router.rules:1: only tcp and udp"},
                 {"allow tcp to 10.0.2.5/24", "router.rules:1: the address has bits"},
                 {"allow tcp to", "router.rules:1: an address with its prefix"},
                 {"allow tcp from any port 80 to any", "router.rules:1: there is more"},
                 {"allow tcp allow udp", "router.rules:1: there is more"},
                 {"forward icmp 1 to 192.168.7.2", "router.rules:1: "},
                 {"forward tcp 32768 to 192.168.7.2", "router.rules:1: a forwarded port"},
                 {"forward tcp 0 to 192.168.7.2", "router.rules:1: a forwarded port"},
                 {"forward tcp 80 192.168.7.2", "router.rules:1: "},
                 {"forward tcp 80 to 192.168.7.2 port 0", "router.rules:1: a port is"},
                 {"forward tcp 80 to 192.168.7.2\nforward tcp 80 to 192.168.7.3", "router.rules:2: this port is forwarded"},
                 {"inside 192.168.7.1/24\nforward tcp 80 to 192.168.8.2\n", "router.rules:2: it forwards to"},
                 {"inside 192.168.7.1/24\nforward tcp 80 to 192.168.7.1\n\n", "router.rules:2: it forwards to"},
                 {"syslog 0.0.0.0", "router.rules:1: an address is"},
                 {"syslog 1.2.3.4 port x", "router.rules:1: a port is"},
                 {"sntp", "router.rules:1: an address is"},
                 {"a b c d e f g h i j k l m n o p q", "router.rules:1: too many words"},
                 {"0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901"
                  "234567890123"
                  "45678901234567890123456789012345678901234567890123456789",
                  "router.rules:1: the line is longer"}};
    static struct router_rules parsed;
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        char why[160] = "";
        size_t length = strlen(cases[i].text);
        uint8_t *copy = malloc(length ? length : 1);
        memcpy(copy, cases[i].text, length);
        if (rules_parse(&parsed, copy, length, why, sizeof(why)) || strncmp(why, cases[i].why, strlen(cases[i].why)) != 0)
            fail_msg("%s: %s", cases[i].text, why);
        free(copy);
    }
    char why[160], text[8000] = "";
    for (unsigned i = 0; i < FILTER_RULES + 1; i++)
        strcat(text, "allow tcp\n");
    assert_false(rules_parse(&parsed, (const uint8_t *)text, strlen(text), why, sizeof(why)));
    assert_string_equal(why, "router.rules:65: there are 64 rules at most");
    text[0] = 0;
    for (unsigned i = 0; i < FILTER_FORWARDS + 1; i++)
        sprintf(text + strlen(text), "forward tcp %u to 192.168.7.2\n", i + 1);
    assert_false(rules_parse(&parsed, (const uint8_t *)text, strlen(text), why, sizeof(why)));
    assert_string_equal(why, "router.rules:17: there are 16 forwarded ports at most");
}

static void test_file(void **state)
{
    (void)state;
    rules("# all of it\r\n"
          "inside 10.9.0.1/16\r\n"
          "vlan 4094\n"
          "\tallow\ttcp from 10.9.1.0/24 to any port 80-81\n"
          "deny any\n"
          "forward udp 32767 to 10.9.200.1 from any\n"
          "syslog 10.0.2.9 port 1514\n"
          "sntp 10.0.2.8");
    assert_int_equal(r.rules.inside, 0x0a090001);
    assert_int_equal(r.rules.inside_mask, 0xffff0000);
    assert_int_equal(r.rules.vlan, 4094);
    const struct filter_rule *f = r.rules.filter.rules;
    assert_int_equal(r.rules.filter.rule_count, 2);
    assert_true(f[0].allow && f[0].protocol == PROTOCOL_TCP && f[0].from.address == 0x0a090100 && f[0].from.mask == 0xffffff00);
    assert_true(f[0].to.mask == 0 && f[0].first == 80 && f[0].last == 81 && f[0].line == 4);
    assert_true(!f[1].allow && f[1].protocol == 0 && f[1].first == 0 && f[1].last == 65535);
    assert_int_equal(r.rules.filter.forwards[0].inside_port, 32767);
    assert_int_equal(r.rules.syslog_port, 1514);
    assert_int_equal(r.rules.syslog, 0x0a000209);
    assert_int_equal(r.rules.sntp, 0x0a000208);
}

/* What `rules` shows could stand in the file, and says no less than the file did. */
static void test_statements_as_text(void **state)
{
    static const char *const lines[] = {"allow tcp from 10.9.1.0/24 to 10.0.0.0/8 port 80-81",
                                        "deny udp to 1.2.3.4/32 port 53",
                                        "allow tcp port 1-65535",
                                        "deny any from 192.168.7.128/25",
                                        "allow icmp",
                                        "deny tcp from 192.168.100.100/30 to 255.255.255.252/30 port 10000-65535"};
    static const char *const forwards[] = {"forward udp 32767 to 192.168.100.100 port 65535 from 255.255.255.252/30",
                                           "forward tcp 80 to 192.168.100.100 port 8080"};
    char text[STATEMENT_TEXT], file[1024] = "inside 192.168.100.1/24\n";
    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(lines); i++)
        strcat(strcat(file, lines[i]), "\n");
    for (unsigned i = 0; i < ARRAY_SIZE(forwards); i++)
        strcat(strcat(file, forwards[i]), "\n");
    rules(file);
    for (unsigned i = 0; i < ARRAY_SIZE(lines); i++)
        assert_string_equal(rule_text(&r.rules.filter.rules[i], text), lines[i]);
    for (unsigned i = 0; i < ARRAY_SIZE(forwards); i++)
        assert_string_equal(forward_text(&r.rules.filter.forwards[i], text), forwards[i]);
}

/* --- tags --------------------------------------------------------------------------------------------------------------------------- */

static void test_vlan(void **state)
{
    (void)state;
    static const uint8_t plain[16] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 8, 0, 0x45, 0};
    uint8_t tagged[ETHERNET + VLAN_TAG + 2];
    unsigned front;
    vlan_head(20, tagged, plain);
    memcpy(tagged + 18, plain + 14, 2);
    assert_memory_equal(tagged + 12, "\x81\0\0\x14\x08\0\x45\0", 8);
    uint8_t frame[32] = {0};
    memcpy(frame, tagged, sizeof(tagged));
    assert_true(vlan_take(20, frame, sizeof(tagged), &front));
    assert_int_equal(front, VLAN_TAG);
    assert_memory_equal(frame + VLAN_TAG, plain, sizeof(plain));
    memcpy(frame, tagged, sizeof(tagged));
    frame[14] |= 0xe0; /* urgent */
    assert_true(vlan_take(20, frame, sizeof(tagged), &front));
    for (unsigned size = 0; size < ETHERNET + VLAN_TAG; size++) {
        memcpy(frame, tagged, sizeof(tagged));
        assert_false(vlan_take(20, frame, size, &front));
    }
    const uint16_t others[] = {VLAN_NONE, 21, 4094};
    for (unsigned i = 0; i < ARRAY_SIZE(others); i++) {
        memcpy(frame, tagged, sizeof(tagged));
        assert_false(vlan_take(others[i], frame, sizeof(tagged), &front));
    }
    memcpy(frame, plain, sizeof(plain));
    assert_false(vlan_take(20, frame, sizeof(plain), &front));
    assert_true(vlan_take(VLAN_NONE, frame, sizeof(plain), &front));
    assert_int_equal(front, 0);
    assert_memory_equal(frame, plain, sizeof(plain));
    memcpy(frame, tagged, sizeof(tagged));
    frame[15] = 0; /* priority alone */
    assert_true(vlan_take(VLAN_NONE, frame, sizeof(tagged), &front));
    memcpy(frame, tagged, sizeof(tagged));
    frame[16] = 0x81;
    assert_false(vlan_take(20, frame, sizeof(tagged), &front)); /* a tag inside */
    frame[12] = 0x88;
    frame[13] = 0xa8;
    assert_false(vlan_take(20, frame, sizeof(tagged), &front));
    assert_false(vlan_take(VLAN_NONE, frame, sizeof(tagged), &front));
}

/* --- time and messages ---------------------------------------------------------------------------------------------------------------- */

#define COOKIE 0x1122334455667788u

static void test_sntp(void **state)
{
    (void)state;
    uint8_t question[SNTP_SIZE], reply[SNTP_SIZE];
    int64_t offset;
    uint8_t stratum;
    uint64_t now = 1790000000 * S + S / 2; /* 2026 */
    sntp_question(question, COOKIE);
    assert_int_equal(question[0], 0x23);
    assert_true(sntp_serve(question, SNTP_SIZE, now, 2, reply));
    assert_int_equal(reply[1], 3);
    /* Asked at 100 s by our clock, answered at 102 s: the answer was written at 101 s. */
    assert_true(sntp_answer(reply, SNTP_SIZE, COOKIE, 100 * S, 102 * S, &offset, &stratum));
    assert_in_range((uint64_t)offset, now - 101 * S - 2, now - 101 * S + 2);
    assert_int_equal(stratum, 3);
    assert_false(sntp_answer(reply, SNTP_SIZE, COOKIE + 1, 100 * S, 102 * S, &offset, &stratum));
    assert_false(sntp_answer(reply, SNTP_SIZE, COOKIE ^ 1ull << 63, 100 * S, 102 * S, &offset, &stratum));
    assert_false(sntp_answer(reply, SNTP_SIZE - 1, COOKIE, 100 * S, 102 * S, &offset, &stratum));
    assert_false(sntp_answer(question, SNTP_SIZE, COOKIE, 100 * S, 102 * S, &offset, &stratum));
    for (unsigned bad = 0; bad < 3; bad++) {
        uint8_t spoilt[SNTP_SIZE];
        memcpy(spoilt, reply, SNTP_SIZE);
        if (bad == 0)
            spoilt[0] |= 0xc0; /* not set */
        else
            spoilt[1] = bad == 1 ? 0 : 16;
        assert_false(sntp_answer(spoilt, SNTP_SIZE, COOKIE, 100 * S, 102 * S, &offset, &stratum));
    }
    /* We do not know the time: we say so, and a client does not take it. */
    assert_true(sntp_serve(question, SNTP_SIZE, now, 0, reply));
    assert_int_equal(reply[0] >> 6, 3);
    assert_false(sntp_answer(reply, SNTP_SIZE, COOKIE, 100 * S, 102 * S, &offset, &stratum));
    assert_false(sntp_serve(reply, SNTP_SIZE, now, 2, reply)); /* answers are not answered */
    assert_false(sntp_serve(question, SNTP_SIZE - 1, now, 2, reply));
    assert_false(sntp_serve(question, 0, now, 2, reply));
    /* Beyond 2036 the seconds begin anew. */
    now = 2100000000 * S;
    assert_true(sntp_serve(question, SNTP_SIZE, now, 15, reply));
    assert_int_equal(reply[1], 16);
    reply[1] = 1;
    assert_true(sntp_answer(reply, SNTP_SIZE, COOKIE, 0, 0, &offset, &stratum));
    assert_in_range((uint64_t)offset, now - 2, now + 2);
}

/* A host inside that floods has a burst and its rate, and what it cannot have is counted. */
static void test_relay(void **state)
{
    struct relay relay = {0};
    unsigned passed = 0;

    (void)state;
    for (unsigned i = 0; i < 1000; i++)
        passed += relay_takes(&relay, 5 * S);
    assert_int_equal(passed, RELAY_BURST);
    for (unsigned i = 0; i < 10000; i++)
        passed += relay_takes(&relay, 5 * S + i * (S / 1000));
    assert_in_range(passed, RELAY_BURST + 10 * RELAY_PER_SECOND - 1, RELAY_BURST + 10 * RELAY_PER_SECOND);
    assert_int_equal(relay.passed, passed);
    assert_int_equal(relay.dropped, 11000 - passed);
    passed = 0;
    for (unsigned i = 0; i < 1000; i++)
        passed += relay_takes(&relay, 1000 * S);
    assert_int_equal(passed, RELAY_BURST); /* a long rest makes no longer burst */
}

/* With a log host, messages from inside are for it; from outside they are not. */
static void test_messages_come_from_inside(void **state)
{
    (void)state;
    r.rules.syslog = SERVER;
    make(PROTOCOL_UDP, HOST, 1000, GATE, SYSLOG_PORT, 0);
    assert_int_equal(out(1), FATE_OURS);
    make(PROTOCOL_TCP, HOST, 1000, GATE, SYSLOG_PORT, TCP_FLAG_SYN);
    assert_int_equal(out(1), FATE_DROP);
    make(PROTOCOL_UDP, SERVER, 1000, OUTSIDE, SYSLOG_PORT, 0);
    assert_int_equal(in(1), FATE_DROP);
    make(PROTOCOL_UDP, SERVER, 1000, GATE, SYSLOG_PORT, 0);
    assert_int_equal(in(1), FATE_DROP);
}

static void test_syslog(void **state)
{
    (void)state;
    char line[SYSLOG_MAX];
    size_t n = syslog_line(line, SYSLOG_NOTICE, 1795306330ull * S + 123456789, "gate", "start", "hello");
    assert_int_equal(n, strlen(line));
    assert_string_equal(line, "<29>1 2026-11-22T00:12:10.123Z gate router - start - hello");
    syslog_line(line, SYSLOG_WARNING, 0, "gate", "refused", "a\nb\033");
    assert_string_equal(line, "<28>1 - gate router - refused - a?b?");
    syslog_line(line, SYSLOG_INFO, 951782400 * S, "g", "x", "");
    assert_string_equal(line, "<30>1 2000-02-29T00:00:00.000Z g router - x - ");
    syslog_line(line, SYSLOG_INFO, 4107542399 * S, "g", "x", "");
    assert_string_equal(line, "<30>1 2100-02-28T23:59:59.000Z g router - x - ");
    char text[1000];
    memset(text, 'x', sizeof(text));
    text[999] = 0;
    assert_int_equal(syslog_line(line, SYSLOG_INFO, 1, "g", "x", text), SYSLOG_MAX - 1);
}

/* Anything at all: no crash, nothing read or written beyond, and what goes on has sound checksums (fuzz_router.c looks). */
static void test_any_bytes(void **state)
{
    (void)state;
    srand(11);
    for (unsigned n = 0; n < 40000; n++) {
        uint8_t data[200];
        size_t length = (size_t)(rand() % (int)sizeof(data));
        if (rand() % 3) {
            make(rand() % 2   ? PROTOCOL_TCP
                 : rand() % 2 ? PROTOCOL_UDP
                              : PROTOCOL_ICMP,
                 rand() % 2 ? HOST : SERVER, (uint16_t)rand(), rand() % 2 ? SERVER : OUTSIDE, rand() % 2 ? 8080 : 53,
                 rand() % 2 ? ICMP_ECHO : TCP_FLAG_SYN);
            memcpy(data + 1, bytes, size);
            data[0] = (uint8_t)rand();
            length = size + 1;
            for (int i = rand() % 3; i > 0; i--)
                data[(size_t)rand() % length] = (uint8_t)rand();
        } else {
            for (size_t i = 0; i < length; i++)
                data[i] = (uint8_t)rand();
        }
        LLVMFuzzerTestOneInput(data, length);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_sums, start),
        cmocka_unit_test_setup(test_read, start),
        cmocka_unit_test_setup(test_not_forwarded, start),
        cmocka_unit_test_setup(test_out_and_back, start),
        cmocka_unit_test_setup(test_only_answers, start),
        cmocka_unit_test_setup(test_udp_sums, start),
        cmocka_unit_test_setup(test_times, start),
        cmocka_unit_test_setup(test_full, start),
        cmocka_unit_test_setup(test_new_address, start),
        cmocka_unit_test_setup(test_many, start),
        cmocka_unit_test_setup(test_errors, start),
        cmocka_unit_test_setup(test_rules, start),
        cmocka_unit_test_setup(test_spoofed, start),
        cmocka_unit_test_setup(test_forwarded_port, start),
        cmocka_unit_test_setup(test_forwarded_flood, start),
        cmocka_unit_test_setup(test_ours, start),
        cmocka_unit_test_setup(test_hops, start),
        cmocka_unit_test(test_file_errors),
        cmocka_unit_test_setup(test_file, start),
        cmocka_unit_test_setup(test_statements_as_text, start),
        cmocka_unit_test(test_vlan),
        cmocka_unit_test(test_sntp),
        cmocka_unit_test(test_syslog),
        cmocka_unit_test(test_relay),
        cmocka_unit_test_setup(test_messages_come_from_inside, start),
        cmocka_unit_test(test_any_bytes),
    };
    return cmocka_run_group_tests(tests, 0, 0);
}
