/* SPDX-License-Identifier: Apache-2.0 */
/* An IPv4 packet in memory: what of it can be forwarded, and changing its ends with its checksums kept right. Addresses and ports are in the
 * processor's order. Pure: no lwIP, no hardware. */
#ifndef ROUTER_PACKET_H
#define ROUTER_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PROTOCOL_ICMP = 1, PROTOCOL_TCP = 6, PROTOCOL_UDP = 17 };
enum { ICMP_ECHO_REPLY = 0, ICMP_UNREACHABLE = 3, ICMP_ECHO = 8, ICMP_TIME_EXCEEDED = 11, ICMP_PARAMETER = 12 };
enum { TCP_FLAG_FIN = 1, TCP_FLAG_SYN = 2, TCP_FLAG_RST = 4, TCP_FLAG_ACK = 16 };

struct packet {
    uint8_t *bytes; /* from IP's header on */
    size_t size;    /* as the header says, without what pads a short frame */
    uint8_t protocol;
    uint8_t type;  /* ICMP */
    uint8_t flags; /* TCP */
    uint32_t source, target;
    uint16_t source_port, target_port; /* of an echo: both are its identifier */
};

/* Why a packet goes no further. */
enum packet_fault {
    PACKET_GOOD,
    PACKET_MALFORMED, /* lengths, version or the header's checksum make no sense */
    PACKET_OPTIONS,   /* IP options, among them the source's choice of a route */
    PACKET_FRAGMENT,
    PACKET_UNKNOWN, /* a protocol, or a kind of ICMP message, that has no ends to translate */
};

uint16_t get16(const uint8_t *at);
uint32_t get32(const uint8_t *at);
void put16(uint8_t *at, uint16_t value);
void put32(uint8_t *at, uint32_t value);

/* The Internet checksum of these bytes; 0 over bytes that have theirs in them, if it is right. */
uint16_t packet_sum(const uint8_t *bytes, size_t size);
/* A checksum after 16 of the bits that it covers have changed (RFC 1624). */
uint16_t packet_sum_adjust(uint16_t sum, uint16_t before, uint16_t after);

/* Read it. ICMP errors are PACKET_GOOD too, without ports. */
enum packet_fault packet_read(struct packet *packet, uint8_t *bytes, size_t size);
/* Other ends, in the bytes and in *packet. Of an echo both ports are the identifier, and only the one that is said counts. */
void packet_set_source(struct packet *packet, uint32_t address, uint16_t port);
void packet_set_target(struct packet *packet, uint32_t address, uint16_t port);
/* One hop less. False: it had none left. */
bool packet_hop(struct packet *packet);

bool packet_is_error(const struct packet *packet);
/* The beginning of the packet that an ICMP error is about: protocol, ends and, if it was one, an echo's identifier. */
bool packet_quoted(const struct packet *error, struct packet *quoted);
/* Other source of the quoted packet, and the error's own target, with the checksums that the quote has. */
void packet_set_quoted(struct packet *error, struct packet *quoted, uint32_t address, uint16_t port);

#endif
