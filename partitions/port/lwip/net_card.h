/* SPDX-License-Identifier: Apache-2.0 */
/* Between bh_net.c and what it sends frames through: one card, of the kind that the arguments name. */
#ifndef BH_NET_CARD_H
#define BH_NET_CARD_H

#include <lwip/netif.h>

#include "bh_net.h"

#define CARD_BUDGET 256u

struct net_card {
    /* Start the card and describe it in `netif`, which lwIP has just made: this is its init function. ERR_IF: problem(). */
    err_t (*open)(struct netif *netif);
    const char *(*problem)(void);
    /* Give lwIP what has come, at most CARD_BUDGET frames, and take back what has been sent. True: there may be more. */
    bool (*poll)(void);
    /* Allow the next interrupt. True: nothing waits, halting is right. With interrupts off. */
    bool (*arm)(void);
    /* About once a second: link state, counters; begin anew with a card that has stopped working. */
    void (*check)(void);
    void (*counters)(struct bh_net_counters *counters);
    uint16_t (*speed)(void); /* Mbit/s; 0: it has none */
};
extern const struct net_card net_e1000e, net_cable;

/* Ethernet frames of 1500 bytes by this card, as lwIP wants it described in open(). */
void card_describe(struct netif *netif, const char letters[2], const uint8_t mac[6], netif_linkoutput_fn send);
/* The link is as lwIP has it, or lwIP is told. */
void card_link(struct netif *netif, bool up);

/* The name of the cable, before net_cable is opened. */
void net_cable_name(const char *name);

#endif
