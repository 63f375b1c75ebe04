/* SPDX-License-Identifier: Apache-2.0 */
/* What all cards have in common towards lwIP. */
#include "net_card.h"

#include <string.h>

#include <lwip/etharp.h>
#include <lwip/ethip6.h>

void card_describe(struct netif *netif, const char letters[2], const uint8_t mac[6], netif_linkoutput_fn send)
{
    memcpy(netif->name, letters, sizeof(netif->name));
    netif->mtu = 1500;
    netif->hwaddr_len = 6;
    memcpy(netif->hwaddr, mac, 6);
    netif->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET | NETIF_FLAG_MLD6;
    netif->output = etharp_output;
    netif->output_ip6 = ethip6_output;
    netif->linkoutput = send;
}

void card_link(struct netif *netif, bool up)
{
    if (up != (bool)netif_is_link_up(netif))
        (up ? netif_set_link_up : netif_set_link_down)(netif);
}
