/* SPDX-License-Identifier: Apache-2.0 */
/* Between bh_net.c and the network card's glue: one card. */
#ifndef BH_NET_CARD_H
#define BH_NET_CARD_H

#include <lwip/netif.h>

#include "bh_net.h"

/* Start the card and describe it in `netif`, which lwIP has just made: this is its init function. ERR_IF: card_problem(). */
err_t card_open(struct netif *netif);
const char *card_problem(void);
/* Give lwIP what has come, at most CARD_BUDGET frames, and take back what has been sent. True: there may be more. */
bool card_poll(void);
#define CARD_BUDGET 256u
/* Allow the next interrupt. True: nothing waits, halting is right. With interrupts off. */
bool card_arm(void);
/* About once a second: link state, counters; begin anew with a card that has stopped working. */
void card_check(void);
void card_counters(struct bh_net_counters *counters);
uint16_t card_speed(void);

#endif
