/* SPDX-License-Identifier: Apache-2.0 */
/* What lwIP asks of us besides time: initial sequence numbers that nobody can guess (RFC 6528). */
#ifndef BH_NET_HOOKS_H
#define BH_NET_HOOKS_H

#include <lwip/ip_addr.h>

#include "net_random.h"

#define LWIP_HOOK_TCP_ISN net_sequence

static inline u32_t net_sequence(const ip_addr_t *local, u16_t local_port, const ip_addr_t *remote, u16_t remote_port)
{
    return net_random_sequence(local, sizeof(*local), local_port, remote, sizeof(*remote), remote_port);
}

#endif
