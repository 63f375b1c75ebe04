/* SPDX-License-Identifier: Apache-2.0 */
/* What lwIP asks of us besides time: initial sequence numbers that nobody can guess (RFC 6528), and a look at each packet before it has
 * its own, because of ports that are used again (net_reuse.c). */
#ifndef BH_NET_HOOKS_H
#define BH_NET_HOOKS_H

#include <lwip/ip_addr.h>
#include <lwip/pbuf.h>

#define LWIP_HOOK_TCP_ISN net_sequence
#define LWIP_HOOK_IP4_INPUT(pbuf, netif) net_look4(pbuf)
#define LWIP_HOOK_IP6_INPUT(pbuf, netif) net_look6(pbuf)

u32_t net_sequence(const ip_addr_t *local, u16_t local_port, const ip_addr_t *remote, u16_t remote_port);
int net_look4(const struct pbuf *pbuf); /* with IP's header first; 0: not eaten */
int net_look6(const struct pbuf *pbuf);

#endif
