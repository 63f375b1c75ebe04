/* SPDX-License-Identifier: Apache-2.0 */
/* The words about the network among a partition's arguments. */
#ifndef BH_NET_ARGS_H
#define BH_NET_ARGS_H

#include <stdbool.h>

#include <lwip/ip_addr.h>

#include "bulkhead_abi.h"

#define NET_NAME_SERVERS 2u

enum net_how { NET_AUTO, NET_STATIC, NET_OFF };

struct net_args {
    enum net_how v4, v6;
    bool loopback;
    char cable[BH_NAME_MAX]; /* empty: a network card */
    ip4_addr_t address, mask, gateway;
    ip6_addr_t address6, gateway6;
    ip_addr_t name_servers[NET_NAME_SERVERS];
    unsigned name_server_count;
};

/* Words that are not about the network are left alone. False: `why` says what is wrong. */
bool net_args_parse(struct net_args *args, int count, char *const *words, char *why, unsigned why_size);

#endif
