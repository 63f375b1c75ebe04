/* SPDX-License-Identifier: Apache-2.0 */
/* A client that comes again from the port of a connection which is over. Whoever closes first keeps the pair of ends for two minutes more
 * (TIME-WAIT), and a server mostly does. lwIP answers whatever comes for such a pair with an acknowledgement of the old connection and takes
 * no notice of the reset that follows: the client hangs until the time is over. Clients pick ports at random, and those of a few hundred
 * connections meet. So, before lwIP looks:
 *   a SYN beyond all that the old connection received opens a new one (RFC 1122 4.2.2.13), whose sequence begins beyond the old one's;
 *   a reset at the place where the old one ended says that the peer knows nothing of it any more (RFC 1337 3 would wait nevertheless).
 * Checksums are not compared yet: a packet that was spoiled on its way at worst ends a wait early. */
#include <stdbool.h>
#include <string.h>

#include <lwip/priv/tcp_priv.h>
#include <lwip/prot/ip4.h>
#include <lwip/prot/ip6.h>
#include <lwip/prot/tcp.h>

#include "net_hooks.h"
#include "net_random.h"

#define GAP 65536u /* beyond what may still be on its way: a window */

struct ends {
    ip_addr_t local, remote;
    u16_t local_port, remote_port;
};

static struct {
    struct ends ends; /* local_port 0: nothing to continue */
    u32_t sequence;
} over;

static bool is_between(const struct ends *ends, const ip_addr_t *local, u16_t local_port, const ip_addr_t *remote,
                       u16_t remote_port)
{
    return ends->local_port == local_port && ends->remote_port == remote_port && ip_addr_cmp_zoneless(&ends->local, local) &&
           ip_addr_cmp_zoneless(&ends->remote, remote);
}

static u32_t be32(const uint8_t *at)
{
    return (u32_t)at[0] << 24 | (u32_t)at[1] << 16 | (u32_t)at[2] << 8 | at[3];
}

/* `tcp`: TCP_HLEN bytes of a packet from ends->remote; the ports are filled in here. */
static void look(struct ends *ends, const uint8_t *tcp)
{
    u32_t sequence = be32(tcp + 4);
    u8_t flags = tcp[13] & (TCP_SYN | TCP_ACK | TCP_RST | TCP_FIN);
    struct tcp_pcb *pcb = tcp_tw_pcbs;

    if (flags != TCP_SYN && !(flags & TCP_RST))
        return;
    ends->remote_port = (u16_t)(tcp[0] << 8 | tcp[1]);
    ends->local_port = (u16_t)(tcp[2] << 8 | tcp[3]);
    while (pcb && !is_between(ends, &pcb->local_ip, pcb->local_port, &pcb->remote_ip, pcb->remote_port))
        pcb = pcb->next;
    if (!pcb || (flags == TCP_SYN ? !TCP_SEQ_GT(sequence, pcb->rcv_nxt) : sequence != pcb->rcv_nxt))
        return;
    over.ends = *ends;
    over.sequence = pcb->snd_nxt;
    tcp_abort(pcb); /* says nothing to the peer in this state */
}

int net_look4(const struct pbuf *pbuf)
{
    const uint8_t *ip = pbuf->payload;
    struct ends ends;

    if (pbuf->len < IP_HLEN || ip[9] != IP_PROTO_TCP || (ip[6] & 0x1f) != 0 || ip[7] != 0)
        return 0;
    unsigned header = (ip[0] & 15u) * 4;
    if (header < IP_HLEN || pbuf->len < header + TCP_HLEN)
        return 0;
    ip_addr_set_zero_ip4(&ends.remote);
    ip_addr_set_zero_ip4(&ends.local);
    memcpy(ip_2_ip4(&ends.remote), ip + 12, 4);
    memcpy(ip_2_ip4(&ends.local), ip + 16, 4);
    look(&ends, ip + header);
    return 0;
}

int net_look6(const struct pbuf *pbuf)
{
    const uint8_t *ip = pbuf->payload;
    struct ends ends;

    if (pbuf->len < IP6_HLEN + TCP_HLEN || ip[6] != IP6_NEXTH_TCP)
        return 0;
    ip_addr_set_zero_ip6(&ends.remote);
    ip_addr_set_zero_ip6(&ends.local);
    memcpy(ip_2_ip6(&ends.remote)->addr, ip + 8, 16);
    memcpy(ip_2_ip6(&ends.local)->addr, ip + 24, 16);
    look(&ends, ip + IP6_HLEN);
    return 0;
}

u32_t net_sequence(const ip_addr_t *local, u16_t local_port, const ip_addr_t *remote, u16_t remote_port)
{
    u32_t sequence = net_random_sequence(local, sizeof(*local), local_port, remote, sizeof(*remote), remote_port);

    if (!is_between(&over.ends, local, local_port, remote, remote_port))
        return sequence;
    over.ends.local_port = 0;
    return TCP_SEQ_GT(sequence, over.sequence) ? sequence : over.sequence + GAP;
}
