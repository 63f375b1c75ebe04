/* SPDX-License-Identifier: Apache-2.0 */
/* What the router lets through, as its rules file says. The first rule that fits counts; what none fits is refused. */
#ifndef ROUTER_FILTER_H
#define ROUTER_FILTER_H

#include "packet.h"

#define FILTER_RULES 64u
#define FILTER_FORWARDS 16u

struct filter_net {
    uint32_t address, mask; /* mask 0: any */
};

/* Of flows that somebody inside begins. Their answers need none. */
struct filter_rule {
    bool allow;
    uint8_t protocol; /* 0: any */
    struct filter_net from, to;
    uint16_t first, last; /* ports of the target; 0..65535: any */
    unsigned line;        /* of the file */
    uint64_t hits;
};

/* A port of ours that stands for one inside. */
struct filter_forward {
    uint8_t protocol; /* TCP or UDP */
    uint16_t port;
    uint32_t inside;
    uint16_t inside_port;
    struct filter_net from; /* who may come */
    unsigned line;
    uint64_t hits;
};

struct filter {
    struct filter_rule rules[FILTER_RULES];
    unsigned rule_count;
    struct filter_forward forwards[FILTER_FORWARDS];
    unsigned forward_count;
    uint64_t refused; /* what no rule allowed */
};

bool filter_net_has(const struct filter_net *net, uint32_t address);
/* May this packet begin a flow? */
bool filter_allows(struct filter *filter, const struct packet *packet);
/* The forwarded port that this packet from outside is for; 0: none. */
const struct filter_forward *filter_forward(struct filter *filter, const struct packet *packet);

#endif
