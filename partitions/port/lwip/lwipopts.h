/* SPDX-License-Identifier: Apache-2.0 */
/* lwIP for a unikernel: no operating system below it, one loop that calls it, raw interface. Each count is a number of things that
 * exist at a time; memory follows from them, about 6 MiB in all, taken when the network starts or part of the program. */
#ifndef BH_LWIPOPTS_H
#define BH_LWIPOPTS_H

/* --- shape ----------------------------------------------------------------------------------------------------------- */
#define NO_SYS 1
#define LWIP_NETCONN 0
#define LWIP_SOCKET 0
#define SYS_LIGHTWEIGHT_PROT 0 /* one core, never from an interrupt */
#define LWIP_TIMERS 1
#define LWIP_TCPIP_CORE_LOCKING 0
#define LWIP_SINGLE_NETIF 0 /* the card, and the loopback */
#define LWIP_HAVE_LOOPIF 1
#define LWIP_NETIF_LOOPBACK 1
#define LWIP_LOOPBACK_MAX_PBUFS 512 /* then a partition that talks to itself loses packets and sends them again */
#define LWIP_NETIF_HOSTNAME 1
#define LWIP_NETIF_STATUS_CALLBACK 1
#define LWIP_NETIF_LINK_CALLBACK 1
#define LWIP_HOOK_FILENAME "net_hooks.h"

/* --- protocols: what a service needs. No fragments: TCP and DHCP do without, and reassembly is where stacks break. -------- */
#define LWIP_IPV4 1
#define LWIP_IPV6 1
#define LWIP_RAW 0
#define LWIP_UDP 1
#define LWIP_TCP 1
#define LWIP_DHCP 1
#define LWIP_DHCP_MAX_DNS_SERVERS 2
#define LWIP_DNS 1
#define DNS_MAX_SERVERS 2
#define LWIP_AUTOIP 0
#define LWIP_IGMP 0
#define LWIP_IPV6_MLD 1 /* neighbour discovery is multicast */
#define LWIP_IPV6_AUTOCONFIG 1
#define LWIP_IPV6_DHCP6 0
#define LWIP_ND6_RDNSS_MAX_DNS_SERVERS 2
#define IP_REASSEMBLY 0
#define IP_FRAG 0
#define LWIP_IPV6_REASS 0
#define LWIP_IPV6_FRAG 0
#define IP_FORWARD 0
#define LWIP_IPV6_FORWARD 0
#define LWIP_BROADCAST_PING 0
#define LWIP_MULTICAST_PING 0

/* --- TCP ---------------------------------------------------------------------------------------------------------------- */
#define TCP_MSS 1440 /* an Ethernet frame less IPv6 and TCP headers */
#define TCP_WND (8 * TCP_MSS)
#define TCP_SND_BUF (32 * TCP_MSS) /* a hundred connections that send are worth 4.6 MB on their way */
#define TCP_SND_QUEUELEN 96        /* pbufs: two for each such segment, header and bytes, and the seams of a pattern */
#define TCP_LISTEN_BACKLOG 1
#define TCP_DEFAULT_LISTEN_BACKLOG 128
#define TCP_QUEUE_OOSEQ 1
#define TCP_OOSEQ_MAX_PBUFS 4 /* per connection: what a peer can make us keep by leaving a hole */
#define LWIP_TCP_SACK_OUT 0
#define LWIP_TCP_TIMESTAMPS 0
#define LWIP_TCP_KEEPALIVE 1
#define LWIP_EVENT_API 0
#define LWIP_CALLBACK_API 1
#define LWIP_RANDOMIZE_INITIAL_LOCAL_PORTS 1

/* --- how many ------------------------------------------------------------------------------------------------------------ */
#define MEMP_NUM_TCP_PCB                                                                                                           \
    320 /* 128 served; as many that are ending, where the oldest makes way, or are opened by the program itself */
#define MEMP_NUM_TCP_PCB_LISTEN 8
#define MEMP_NUM_TCP_SEG 6400 /* 32 segments for each of them, and out of order ones */
#define MEMP_NUM_UDP_PCB 8    /* DHCP, DNS and a program's own */
#define MEMP_NUM_SYS_TIMEOUT (LWIP_NUM_SYS_TIMEOUT_INTERNAL + 8)
#define MEMP_NUM_PBUF 8192 /* references to bytes that are sent from where they are: as many as segments, and seams */
#define PBUF_POOL_SIZE 32  /* lwIP's own use; frames arrive in the driver's buffers */
#define PBUF_POOL_BUFSIZE 1600
#define ARP_TABLE_SIZE 64 /* neighbours at a time; a hundred clients mostly come through a gateway */
#define ARP_QUEUEING 0    /* one packet per neighbour waits for an answer */
#define ETHARP_SUPPORT_STATIC_ENTRIES 0
#define LWIP_ND6_NUM_NEIGHBORS 64
#define LWIP_ND6_NUM_DESTINATIONS 120 /* lwIP counts them in 7 bits */
#define LWIP_ND6_NUM_PREFIXES 4
#define LWIP_ND6_NUM_ROUTERS 3
#define LWIP_ND6_QUEUEING 1
#define MEMP_NUM_ND6_QUEUE 32
#define MEMP_NUM_MLD6_GROUP 16    /* a solicited-node group per address, and all nodes */
#define LWIP_IPV6_NUM_ADDRESSES 4 /* link-local, static, two prefixes */
#define MEM_ALIGNMENT 16
#define MEM_SIZE (3u << 20) /* copied bytes and headers: 160 for each of 6,400 segments, pages of 128 requests */

/* --- frames -------------------------------------------------------------------------------------------------------------- */
#define LWIP_SUPPORT_CUSTOM_PBUF 1 /* received frames stay in the driver's buffers */
#define LWIP_NETIF_TX_SINGLE_PBUF 0
#define LWIP_CHECKSUM_ON_COPY 0
#define LWIP_CHKSUM_ALGORITHM 3
#define ETHARP_TRUST_IP_MAC 0

/* --- looking inside -------------------------------------------------------------------------------------------------------- */
#define LWIP_STATS 1
#define LWIP_STATS_DISPLAY 0
#define LWIP_STATS_LARGE 1
#define MEM_STATS 1
#define MEMP_STATS 1
#define SYS_STATS 0

#endif
