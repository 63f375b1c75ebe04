/* SPDX-License-Identifier: Apache-2.0 */
/* What becomes of each IPv4 packet: dropped, the router's own, or sent on with other ends. Pure; the packets are copies that nobody else
 * writes. */
#ifndef ROUTER_FORWARD_H
#define ROUTER_FORWARD_H

#include "nat.h"
#include "rules_file.h"

enum fate {
    FATE_DROP,
    FATE_OURS, /* for the router's own stack, unchanged */
    FATE_SEND, /* to the other side, changed; `*size` is how much of it */
};

struct router {
    struct router_rules rules;
    struct nat nat; /* nat.address: ours outside */
    struct {
        uint64_t out, in;   /* sent on */
        uint64_t malformed; /* and options, fragments, protocols without ends */
        uint64_t refused;   /* by the rules, or for nobody */
        uint64_t spoofed;   /* from an address that cannot be on that side */
        uint64_t hops;      /* had none left */
    } count;
    struct packet refused; /* the last one, for the log: its ends only */
    bool refused_inside;   /* it came from there */
};

enum fate router_from_inside(struct router *router, uint8_t *bytes, size_t *size, uint64_t now);
enum fate router_from_outside(struct router *router, uint8_t *bytes, size_t *size, uint64_t now);

#endif
