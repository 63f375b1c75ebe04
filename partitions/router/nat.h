/* SPDX-License-Identifier: Apache-2.0 */
/* Translation of addresses: many hosts inside, one address outside. A flow is a protocol, an end inside, an end outside and the port that stands
 * for the one inside; only what belongs to a flow comes in, from the very end that it was made for. Pure; time is given. */
#ifndef ROUTER_NAT_H
#define ROUTER_NAT_H

#include "packet.h"

#define NAT_FLOWS 2048u        /* at a time; further ones are refused until some have ended */
#define NAT_FROM_OUTSIDE 512u  /* of them, those that somebody outside began, by a forwarded port */
#define NAT_PORT_FIRST 0x8000u /* ports that stand for others; lwIP's own begin at 0xc000, forwarded ones are below */
#define NAT_PORTS 0x4000u
#define NAT_BUCKETS 1024u
#define NAT_NONE 0xffffu
#define NAT_SECOND 1000000000ull

/* How long a flow without packets stays. TCP: RFC 5382, UDP: RFC 4787, ICMP: RFC 5508. */
#define NAT_TCP_OPENING (240 * NAT_SECOND) /* and closing */
#define NAT_TCP_OPEN (7440 * NAT_SECOND)
#define NAT_UDP (300 * NAT_SECOND)
#define NAT_ICMP (60 * NAT_SECOND)

struct nat_flow {
    uint8_t protocol; /* 0: free */
    bool from_outside, answered, closing;
    uint32_t inside, remote;
    uint16_t inside_port, remote_port;
    uint16_t outside_port;      /* stands for inside_port */
    uint16_t by_inside, by_out; /* the next one in its bucket */
    uint64_t until;
};

struct nat {
    uint32_t address; /* outside; 0: none yet, nothing is translated */
    uint64_t seed;    /* of the buckets and ports, so that nobody can aim at one */
    struct nat_flow flows[NAT_FLOWS];
    uint16_t inside_heads[NAT_BUCKETS], outside_heads[NAT_BUCKETS];
    uint16_t free; /* list of free ones, by by_inside */
    unsigned used, from_outside;
    unsigned next; /* for nat_expire() */
    struct {
        uint64_t begun, ended, full, stray;
    } count;
};

void nat_init(struct nat *nat, uint64_t seed);
/* Another address outside: flows of the old one end. */
void nat_set_address(struct nat *nat, uint32_t address);

/* From inside to outside: the source becomes ours. Begins a flow if there is none and `may_begin`; TCP only with its first packet. False: no flow. */
bool nat_out(struct nat *nat, struct packet *packet, bool may_begin, uint64_t now);
/* From outside to us: the target becomes the end inside. False: of no flow. */
bool nat_in(struct nat *nat, struct packet *packet, uint64_t now);
/* The first packet from outside to a forwarded port. False: no room, or TCP's and not its first. */
bool nat_begin_in(struct nat *nat, struct packet *packet, uint32_t inside, uint16_t inside_port, uint64_t now);
/* An ICMP error from outside about a packet of ours: to whom inside it goes. False: about no flow, or its checksum is wrong. */
bool nat_error_in(struct nat *nat, struct packet *error, uint64_t now);
/* End what is over, a few at a time: call it about once a second. */
void nat_expire(struct nat *nat, uint64_t now);

#endif
