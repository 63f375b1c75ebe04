/* SPDX-License-Identifier: Apache-2.0 */
/* A unikernel's network: lwIP (raw interface) over the network card that the product table gives the partition, or over a cable. One core, one loop:
 *
 *     int main(int argc, char **argv)
 *     {
 *         const char *problem = bh_net_start(argc, argv);
 *         if (problem) ...
 *         ... tcp_new(), udp_new(): <lwip/tcp.h>, <lwip/udp.h>; callbacks run inside bh_net_poll()
 *         for (;;) {
 *             bh_net_poll();
 *             bh_watchdog_pet();
 *             bh_net_wait(bh_now_ns() + 1000000000);
 *         }
 *     }
 *
 * Words among the partition's arguments, in any order, with commas and no spaces inside:
 *     net=dhcp                                     IPv4 by DHCP; also when there is no such word
 *     net=10.0.2.15/24,gw=10.0.2.2,dns=10.0.2.3    IPv4 as written; gw and dns may be left out, dns may come twice
 *     net=cable:lan,10.1.0.2/24                    the end that it has of this cable, instead of a card; then as above
 *     net=off                                      no IPv4
 *     net=loopback                                 no card at all: 127.0.0.1 and ::1, which are always there, are all
 *     net6=auto                                    IPv6 as routers announce it; also when there is no such word
 *     net6=fd00::2/64,gw=fd00::1                   IPv6 as written
 *     net6=off                                     no IPv6 */
#ifndef BH_NET_H
#define BH_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BH_NET_TEXT 46u /* an address as text */
#define BH_NET_ADDRESSES 4u
#define BH_NET_NAME_SERVERS 2u

/* Before bh_net_start(): once the card is open and before anything is sent, hand lwIP's interface of it to `look`, which may put itself
 * between: netif->input, netif->linkoutput. */
struct netif;
void bh_net_prepare(void (*look)(struct netif *card));
/* Once. 0, or what is wrong: with the words, or with the card. */
const char *bh_net_start(int argc, char **argv);
/* Take what has come, send what is due, run timers. Bounded: a flood of frames cannot keep it from returning. */
void bh_net_poll(void);
/* Halt until a frame comes, a timer of lwIP is due, another interrupt came or bh_now_ns() reaches `deadline`. */
void bh_net_wait(uint64_t deadline);

struct bh_net_counters {
    uint64_t received, received_bytes, sent, sent_bytes;
    uint64_t dropped;  /* frames that came or were to go and found no room */
    uint64_t bad;      /* that the card or the driver refused */
    uint64_t restarts; /* of the card, after it had stopped working */
    uint64_t interrupts;
};

struct bh_net_status {
    bool loopback_only, link;
    uint16_t speed; /* Mbit/s */
    uint8_t mac[6];
    const char *how;                              /* "dhcp", "static", "off" */
    char address[BH_NET_TEXT];                    /* IPv4 with its prefix, "10.0.2.15/24"; empty: none (yet) */
    char gateway[BH_NET_TEXT];                    /* likewise */
    char address6[BH_NET_ADDRESSES][BH_NET_TEXT]; /* those that may be used; empty ones at the end */
    char name_server[BH_NET_NAME_SERVERS][BH_NET_TEXT];
    unsigned tcp_connections;                       /* not closed, listening ones left out */
    uint64_t memory_used, memory_most, memory_size; /* bytes of lwIP's heap */
    uint64_t memory_refused;                        /* requests of lwIP that found no room, heap and pools */
    struct bh_net_counters counters;
};

void bh_net_status(struct bh_net_status *status);
/* True once after each change of link or addresses: look at bh_net_status() then. */
bool bh_net_changed(void);

#endif
