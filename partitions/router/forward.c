/* SPDX-License-Identifier: Apache-2.0 */
/* The router's decisions. Nothing passes that does not belong to a flow or may begin one. */
#include "forward.h"

#include "clock.h"

#define BROADCAST 0xffffffffu
#define DHCP_CLIENT 68u
#define OWN_PORTS 0xc000u /* lwIP's, for questions of its own */

static bool inside_net(const struct router *r, uint32_t address)
{
    return (address & r->rules.inside_mask) == (r->rules.inside & r->rules.inside_mask);
}

/* No host's: this net, loopback, multicast and what is above. */
static bool nobodys(uint32_t address)
{
    return address >> 24 == 0 || address >> 24 == 127 || address >> 28 >= 14;
}

static enum fate drop(uint64_t *count)
{
    (*count)++;
    return FATE_DROP;
}

static enum fate refuse(struct router *r, const struct packet *p, bool inside)
{
    r->refused = *p;
    r->refused.bytes = 0;
    r->refused_inside = inside;
    return drop(&r->count.refused);
}

static enum fate send(struct router *r, struct packet *p, size_t *size, uint64_t *count)
{
    if (!packet_hop(p))
        return drop(&r->count.hops);
    *size = p->size;
    (*count)++;
    return FATE_SEND;
}

/* To the router itself: an echo, the time, and messages where it has a log host. */
static enum fate inside_ours(struct router *r, const struct packet *p)
{
    bool ping = p->protocol == PROTOCOL_ICMP && p->type == ICMP_ECHO;
    bool time = p->protocol == PROTOCOL_UDP && p->target_port == SNTP_PORT;
    bool message = p->protocol == PROTOCOL_UDP && p->target_port == SYSLOG_PORT && r->rules.syslog;

    return ping || time || message ? FATE_OURS : refuse(r, p, true);
}

enum fate router_from_inside(struct router *r, uint8_t *bytes, size_t *size, uint64_t now)
{
    struct packet p;

    if (packet_read(&p, bytes, *size) != PACKET_GOOD)
        return drop(&r->count.malformed);
    if (!inside_net(r, p.source) || p.source == r->rules.inside || (p.source & ~r->rules.inside_mask) == 0 ||
        (~p.source & ~r->rules.inside_mask) == 0)
        return drop(&r->count.spoofed);
    if (p.target == r->rules.inside)
        return inside_ours(r, &p);
    if (inside_net(r, p.target) || nobodys(p.target) || p.target == r->nat.address || packet_is_error(&p))
        return refuse(r, &p, true);
    if (nat_out(&r->nat, &p, false, now))
        return send(r, &p, size, &r->count.out);
    if (!filter_allows(&r->rules.filter, &p) || !nat_out(&r->nat, &p, true, now))
        return refuse(r, &p, true);
    return send(r, &p, size, &r->count.out);
}

/* Of no flow: what the router's own stack may see. */
static enum fate outside_ours(struct router *r, const struct packet *p)
{
    bool to_us = p->target == r->nat.address && r->nat.address;
    bool dhcp =
        p->protocol == PROTOCOL_UDP && p->target_port == DHCP_CLIENT && (to_us || !r->nat.address || p->target == BROADCAST);
    bool answer = to_us && p->protocol == PROTOCOL_UDP && p->target_port >= OWN_PORTS;
    bool ping = to_us && p->protocol == PROTOCOL_ICMP && p->type == ICMP_ECHO;

    return dhcp || answer || ping ? FATE_OURS : refuse(r, p, false);
}

enum fate router_from_outside(struct router *r, uint8_t *bytes, size_t *size, uint64_t now)
{
    struct packet p;
    const struct filter_forward *forward;

    if (packet_read(&p, bytes, *size) != PACKET_GOOD)
        return drop(&r->count.malformed);
    if (inside_net(r, p.source) || nobodys(p.source) || p.source == r->nat.address)
        return drop(&r->count.spoofed);
    if (p.target != r->nat.address || !r->nat.address)
        return outside_ours(r, &p);
    if (packet_is_error(&p) ? nat_error_in(&r->nat, &p, now) : nat_in(&r->nat, &p, now))
        return send(r, &p, size, &r->count.in);
    forward = packet_is_error(&p) ? 0 : filter_forward(&r->rules.filter, &p);
    if (!forward)
        return outside_ours(r, &p);
    if (!nat_begin_in(&r->nat, &p, forward->inside, forward->inside_port, now))
        return refuse(r, &p, false);
    return send(r, &p, size, &r->count.in);
}
