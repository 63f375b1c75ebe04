/* SPDX-License-Identifier: Apache-2.0 */
/* The network of a unikernel: the words of its table, lwIP, the card's glue. */
#include "bh_net.h"

#include <stdio.h>
#include <string.h>

#include <lwip/dhcp.h>
#include <lwip/dns.h>
#include <lwip/init.h>
#include <lwip/mld6.h>
#include <lwip/nd6.h>
#include <lwip/netif.h>
#include <lwip/priv/tcp_priv.h>
#include <lwip/stats.h>
#include <lwip/sys.h>
#include <lwip/timeouts.h>
#include <netif/ethernet.h>

#include "bh.h"
#include "net_args.h"
#include "net_card.h"

#define MS 1000000ull
#define CHECK_NS (1000 * MS)

static struct net_args wanted;
static const struct net_card *kind = &net_e1000e;
static struct netif card;
static void (*prepare)(struct netif *card);
static bool has_card, changed, more;
static uint64_t next_check;

u32_t sys_now(void)
{
    return (u32_t)(bh_now_ns() / MS);
}

static void on_change(struct netif *netif)
{
    (void)netif;
    changed = true;
}

static void name_servers_set(void)
{
    for (unsigned i = 0; i < wanted.name_server_count; i++)
        dns_setserver((u8_t)i, &wanted.name_servers[i]);
}

static void start_v4(void)
{
    if (wanted.v4 == NET_AUTO)
        dhcp_start(&card);
    if (wanted.v4 == NET_STATIC)
        netif_set_addr(&card, &wanted.address, &wanted.mask, &wanted.gateway);
}

static void start_v6(void)
{
    s8_t index;

    if (wanted.v6 == NET_OFF)
        return;
    netif_create_ip6_linklocal_address(&card, 1);
    card.ip6_autoconfig_enabled = wanted.v6 == NET_AUTO;
    if (wanted.v6 == NET_STATIC) {
        netif_add_ip6_address(&card, &wanted.address6, &index);
        netif_ip6_addr_set_state(&card, index, IP6_ADDR_TENTATIVE);
    }
}

static const char *start_card(void)
{
    if (!netif_add_noaddr(&card, 0, kind->open, ethernet_input))
        return kind->problem() ? kind->problem() : "lwIP takes no further interface";
    has_card = true;
    if (prepare)
        prepare(&card);
    netif_set_hostname(&card, bh_start_info()->name);
    netif_set_status_callback(&card, on_change);
    netif_set_link_callback(&card, on_change);
    netif_set_default(&card);
    netif_set_up(&card);
    start_v4();
    start_v6();
    kind->check();
    return 0;
}

void bh_net_prepare(void (*look)(struct netif *card))
{
    prepare = look;
}

const char *bh_net_start(int argc, char **argv)
{
    static char why[160];

    if (!net_args_parse(&wanted, argc, argv, why, sizeof(why)))
        return why;
    net_random_init();
    lwip_init();
    name_servers_set();
    if (wanted.cable[0]) {
        kind = &net_cable;
        net_cable_name(wanted.cable);
    }
    changed = true;
    return wanted.loopback ? 0 : start_card();
}

/* The loopback's packets may cause further ones at once: a few rounds, the rest next time. */
static bool poll_loopback(void)
{
    struct netif *netif;
    bool waiting = false;

    netif_poll_all();
    NETIF_FOREACH(netif)
    {
        waiting = waiting || netif->loop_first;
    }
    return waiting;
}

void bh_net_poll(void)
{
    more = has_card && kind->poll();
    if (has_card && bh_now_ns() >= next_check) {
        next_check = bh_now_ns() + CHECK_NS;
        kind->check();
    }
    more = poll_loopback() || more;
    sys_check_timeouts();
}

void bh_net_wait(uint64_t deadline)
{
    uint64_t now = bh_now_ns(), timer;
    u32_t sleep = sys_timeouts_sleeptime();

    if (more || sleep == 0)
        return;
    timer =
        sleep == SYS_TIMEOUTS_SLEEPTIME_INFINITE ? UINT64_MAX : (now / MS + sleep) * MS; /* on lwIP's clock: it stays the same */
    if (has_card && next_check < timer)
        timer = next_check;
    bool were_on = bh_irq_off();
    if (!has_card || kind->arm())
        bh_wait(deadline < timer ? deadline : timer);
    bh_irq_restore(were_on);
}

bool bh_net_changed(void)
{
    bool was = changed;

    changed = false;
    return was;
}

/* --- status ----------------------------------------------------------------------------------------------------------- */

static void status_v4(struct bh_net_status *status)
{
    ip4_addr_t mask = *netif_ip4_netmask(&card);
    char text[16];

    if (ip4_addr_isany(netif_ip4_addr(&card)))
        return;
    snprintf(status->address, BH_NET_TEXT, "%s/%d", ip4addr_ntoa_r(netif_ip4_addr(&card), text, sizeof(text)),
             __builtin_popcount(ip4_addr_get_u32(&mask)));
    if (!ip4_addr_isany(netif_ip4_gw(&card)))
        ip4addr_ntoa_r(netif_ip4_gw(&card), status->gateway, BH_NET_TEXT);
}

/* RFC 5952 writes them small; lwIP does not. */
static void text_v6(char *text, const ip6_addr_t *address)
{
    ip6addr_ntoa_r(address, text, BH_NET_TEXT);
    for (; *text; text++)
        if (*text >= 'A' && *text <= 'F')
            *text = (char)(*text + ('a' - 'A'));
}

static void status_v6(struct bh_net_status *status)
{
    unsigned count = 0;

    for (unsigned i = 0; i < LWIP_IPV6_NUM_ADDRESSES && count < BH_NET_ADDRESSES; i++)
        if (ip6_addr_isvalid(netif_ip6_addr_state(&card, i)))
            text_v6(status->address6[count++], netif_ip6_addr(&card, i));
}

static void status_name_servers(struct bh_net_status *status)
{
    unsigned count = 0;

    for (unsigned i = 0; i < DNS_MAX_SERVERS && count < BH_NET_NAME_SERVERS; i++)
        if (!ip_addr_isany(dns_getserver((u8_t)i)))
            ipaddr_ntoa_r(dns_getserver((u8_t)i), status->name_server[count++], BH_NET_TEXT);
}

static void status_memory(struct bh_net_status *status)
{
    status->memory_used = lwip_stats.mem.used;
    status->memory_most = lwip_stats.mem.max;
    status->memory_size = MEM_SIZE;
    status->memory_refused = lwip_stats.mem.err;
    for (unsigned i = 0; i < MEMP_MAX; i++)
        status->memory_refused += lwip_stats.memp[i]->err;
}

void bh_net_status(struct bh_net_status *status)
{
    *status = (struct bh_net_status){.loopback_only = !has_card};
    status->how = !has_card || wanted.v4 == NET_OFF ? "off" : wanted.v4 == NET_STATIC ? "static" : "dhcp";
    if (has_card) {
        status->link = netif_is_link_up(&card);
        status->speed = kind->speed();
        memcpy(status->mac, card.hwaddr, sizeof(status->mac));
        status_v4(status);
        status_v6(status);
        kind->counters(&status->counters);
    }
    status_name_servers(status);
    status_memory(status);
    for (const struct tcp_pcb *pcb = tcp_active_pcbs; pcb; pcb = pcb->next)
        status->tcp_connections++;
}
