/* SPDX-License-Identifier: Apache-2.0 */
/* IPv4 packets: read once with every length checked, changed in place. */
#include "packet.h"

#define IP_SIZE 20u
#define AT_LENGTH 2u
#define AT_FRAGMENT 6u
#define AT_HOPS 8u
#define AT_PROTOCOL 9u
#define AT_IP_SUM 10u
#define AT_SOURCE 12u
#define AT_TARGET 16u
#define TCP_SIZE 20u
#define AT_TCP_SUM 16u
#define UDP_SIZE 8u
#define AT_UDP_SUM 6u
#define ICMP_SIZE 8u
#define AT_ICMP_SUM 2u
#define AT_ICMP_ID 4u
#define QUOTED 8u /* bytes behind its IP header that an ICMP error has at least */

uint16_t get16(const uint8_t *at)
{
    return (uint16_t)(at[0] << 8 | at[1]);
}

uint32_t get32(const uint8_t *at)
{
    return (uint32_t)get16(at) << 16 | get16(at + 2);
}

void put16(uint8_t *at, uint16_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

void put32(uint8_t *at, uint32_t value)
{
    put16(at, (uint16_t)(value >> 16));
    put16(at + 2, (uint16_t)value);
}

static uint16_t fold(uint32_t sum)
{
    sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)((sum & 0xffff) + (sum >> 16));
}

uint16_t packet_sum(const uint8_t *bytes, size_t size)
{
    uint32_t sum = 0;

    for (size_t i = 0; i + 1 < size; i += 2)
        sum += get16(bytes + i);
    if (size % 2)
        sum += (uint32_t)bytes[size - 1] << 8;
    return (uint16_t)~fold(sum);
}

uint16_t packet_sum_adjust(uint16_t sum, uint16_t before, uint16_t after)
{
    return (uint16_t)~fold((uint32_t)(uint16_t)~sum + (uint16_t)~before + after);
}

static void sum_change16(uint8_t *sum, uint16_t before, uint16_t after)
{
    put16(sum, packet_sum_adjust(get16(sum), before, after));
}

static void sum_change32(uint8_t *sum, uint32_t before, uint32_t after)
{
    sum_change16(sum, (uint16_t)(before >> 16), (uint16_t)(after >> 16));
    sum_change16(sum, (uint16_t)before, (uint16_t)after);
}

static enum packet_fault read_icmp(struct packet *p, const uint8_t *icmp, size_t size)
{
    if (size < ICMP_SIZE)
        return PACKET_MALFORMED;
    p->type = icmp[0];
    if (p->type == ICMP_ECHO || p->type == ICMP_ECHO_REPLY) {
        p->source_port = p->target_port = get16(icmp + AT_ICMP_ID);
        return PACKET_GOOD;
    }
    return packet_is_error(p) ? PACKET_GOOD : PACKET_UNKNOWN;
}

static enum packet_fault read_ports(struct packet *p, const uint8_t *at, size_t size)
{
    bool tcp = p->protocol == PROTOCOL_TCP;

    if (size < (tcp ? TCP_SIZE : UDP_SIZE))
        return PACKET_MALFORMED;
    if (tcp ? (at[12] >> 4) * 4u < TCP_SIZE || (at[12] >> 4) * 4u > size : get16(at + 4) < UDP_SIZE || get16(at + 4) > size)
        return PACKET_MALFORMED;
    p->source_port = get16(at);
    p->target_port = get16(at + 2);
    p->flags = tcp ? at[13] : 0;
    return PACKET_GOOD;
}

enum packet_fault packet_read(struct packet *p, uint8_t *bytes, size_t size)
{
    *p = (struct packet){.bytes = bytes};
    if (size < IP_SIZE || bytes[0] >> 4 != 4 || (bytes[0] & 15) * 4u < IP_SIZE || (bytes[0] & 15) * 4u > size)
        return PACKET_MALFORMED;
    p->size = get16(bytes + AT_LENGTH);
    if (p->size < (bytes[0] & 15) * 4u || p->size > size || packet_sum(bytes, (bytes[0] & 15) * 4u) != 0)
        return PACKET_MALFORMED;
    p->protocol = bytes[AT_PROTOCOL];
    p->source = get32(bytes + AT_SOURCE);
    p->target = get32(bytes + AT_TARGET);
    if ((bytes[0] & 15) * 4u != IP_SIZE)
        return PACKET_OPTIONS;
    if (get16(bytes + AT_FRAGMENT) & 0x3fff)
        return PACKET_FRAGMENT;
    if (p->protocol == PROTOCOL_ICMP)
        return read_icmp(p, bytes + IP_SIZE, p->size - IP_SIZE);
    if (p->protocol == PROTOCOL_TCP || p->protocol == PROTOCOL_UDP)
        return read_ports(p, bytes + IP_SIZE, p->size - IP_SIZE);
    return PACKET_UNKNOWN;
}

/* Where the checksum over ports and addresses is; 0: there is none (UDP may leave it out). */
static uint8_t *ends_sum(const struct packet *p)
{
    if (p->protocol == PROTOCOL_TCP)
        return p->bytes + IP_SIZE + AT_TCP_SUM;
    if (p->protocol == PROTOCOL_UDP && get16(p->bytes + IP_SIZE + AT_UDP_SUM) != 0)
        return p->bytes + IP_SIZE + AT_UDP_SUM;
    return 0;
}

/* The address at `at`, the port at `port_at` behind IP's header. */
static void set_end(struct packet *p, unsigned at, uint32_t address, unsigned port_at, uint16_t port)
{
    uint8_t *sum = ends_sum(p), *where = p->bytes + at, *number = p->bytes + IP_SIZE + port_at;
    uint32_t before = get32(where);
    uint16_t old_port;

    sum_change32(p->bytes + AT_IP_SUM, before, address);
    put32(where, address);
    if (packet_is_error(p))
        return;
    if (p->protocol == PROTOCOL_ICMP) {
        number = p->bytes + IP_SIZE + AT_ICMP_ID;
        sum_change16(p->bytes + IP_SIZE + AT_ICMP_SUM, get16(number), port);
        put16(number, port);
        return;
    }
    old_port = get16(number);
    put16(number, port);
    if (sum) {
        sum_change32(sum, before, address);
        sum_change16(sum, old_port, port);
        if (p->protocol == PROTOCOL_UDP && get16(sum) == 0)
            put16(sum, 0xffff); /* 0 would say that there is none */
    }
}

void packet_set_source(struct packet *p, uint32_t address, uint16_t port)
{
    set_end(p, AT_SOURCE, address, 0, port);
    p->source = address;
    p->source_port = port;
    if (p->protocol == PROTOCOL_ICMP)
        p->target_port = port;
}

void packet_set_target(struct packet *p, uint32_t address, uint16_t port)
{
    set_end(p, AT_TARGET, address, 2, port);
    p->target = address;
    p->target_port = port;
    if (p->protocol == PROTOCOL_ICMP)
        p->source_port = port;
}

bool packet_hop(struct packet *p)
{
    uint8_t hops = p->bytes[AT_HOPS];

    if (hops <= 1)
        return false;
    sum_change16(p->bytes + AT_IP_SUM, (uint16_t)(hops << 8 | p->protocol), (uint16_t)((hops - 1) << 8 | p->protocol));
    p->bytes[AT_HOPS] = (uint8_t)(hops - 1);
    return true;
}

bool packet_is_error(const struct packet *p)
{
    return p->protocol == PROTOCOL_ICMP &&
           (p->type == ICMP_UNREACHABLE || p->type == ICMP_TIME_EXCEEDED || p->type == ICMP_PARAMETER);
}

bool packet_quoted(const struct packet *error, struct packet *quoted)
{
    uint8_t *bytes = error->bytes + IP_SIZE + ICMP_SIZE, *at = bytes + IP_SIZE;

    if (error->size < IP_SIZE + ICMP_SIZE + IP_SIZE + QUOTED || bytes[0] != 0x45 || (get16(bytes + AT_FRAGMENT) & 0x1fff) != 0)
        return false;
    *quoted = (struct packet){.bytes = bytes,
                              .size = error->size - IP_SIZE - ICMP_SIZE,
                              .protocol = bytes[AT_PROTOCOL],
                              .source = get32(bytes + AT_SOURCE),
                              .target = get32(bytes + AT_TARGET)};
    if (quoted->protocol == PROTOCOL_ICMP) {
        quoted->type = at[0];
        quoted->source_port = quoted->target_port = get16(at + AT_ICMP_ID);
        return quoted->type == ICMP_ECHO || quoted->type == ICMP_ECHO_REPLY; /* no errors about errors */
    }
    quoted->source_port = get16(at);
    quoted->target_port = get16(at + 2);
    return quoted->protocol == PROTOCOL_TCP || quoted->protocol == PROTOCOL_UDP;
}

/* Of a TCP header the quote may have too little for its checksum: nobody compares it then. */
void packet_set_quoted(struct packet *error, struct packet *quoted, uint32_t address, uint16_t port)
{
    uint8_t *icmp = error->bytes + IP_SIZE, *bytes = quoted->bytes;
    bool has_sum = quoted->protocol == PROTOCOL_UDP || quoted->protocol == PROTOCOL_ICMP || quoted->size >= IP_SIZE + TCP_SIZE;

    put16(icmp + AT_ICMP_SUM, 0);
    if (has_sum) {
        packet_set_source(quoted, address, port);
    } else {
        sum_change32(bytes + AT_IP_SUM, quoted->source, address);
        put32(bytes + AT_SOURCE, address);
        put16(bytes + IP_SIZE, port);
    }
    put16(icmp + AT_ICMP_SUM, packet_sum(icmp, error->size - IP_SIZE));
    packet_set_target(error, address, 0);
}
