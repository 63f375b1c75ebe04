/* SPDX-License-Identifier: Apache-2.0 */
/* The router's two interfaces: each frame is looked at before lwIP sees it, and most are sent on without it. */
#ifndef ROUTER_LINK_H
#define ROUTER_LINK_H

#include <lwip/netif.h>

#include "forward.h"

extern struct router router;

/* Once, after the rules are read: put ourselves between lwIP and its outside interface. */
void link_outside(struct netif *netif);
/* Begin with the cable. 0, or what is wrong. */
const char *link_inside(const char *cable);
struct netif *outside_netif(void);
struct netif *inside_netif(void);

struct link_counters {
    uint64_t tagged;  /* outside, of another VLAN or with none */
    uint64_t frames;  /* that are neither ARP nor IPv4, or for somebody else */
    uint64_t no_room; /* memory, or the other side's queue */
};
extern struct link_counters link_counters;

/* The cable's frames. True: there are more. */
bool link_poll(void);
void link_check(void); /* about once a second */
/* With interrupts off: may we halt? */
bool link_arm(void);

#endif
