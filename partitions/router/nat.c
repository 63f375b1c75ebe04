/* SPDX-License-Identifier: Apache-2.0 */
/* Flows in two tables of buckets: by their end inside, and by the port that stands for it. */
#include "nat.h"

#include <string.h>

#define EXPIRE_STEPS 256u
#define PORT_TRIES 32u

_Static_assert(NAT_FLOWS < NAT_NONE, "an index fits");
_Static_assert(NAT_PORT_FIRST + NAT_PORTS <= 0xc000, "lwIP's own ports begin there");

static uint64_t mix(uint64_t seed, uint64_t a, uint64_t b)
{
    uint64_t x = seed ^ a;

    for (unsigned i = 0; i < 2; i++) {
        x = (x ^ x >> 32) * 0xd6e8feb86659fd93u;
        x ^= i ? 0 : b;
    }
    return x ^ x >> 32;
}

static unsigned bucket(const struct nat *nat, uint8_t protocol, uint32_t near, uint16_t near_port, uint32_t remote,
                       uint16_t remote_port)
{
    uint64_t a = (uint64_t)near << 32 | (uint64_t)near_port << 16 | remote_port;

    return (unsigned)(mix(nat->seed, a, (uint64_t)remote << 8 | protocol) % NAT_BUCKETS);
}

static unsigned inside_bucket(const struct nat *nat, const struct nat_flow *flow)
{
    return bucket(nat, flow->protocol, flow->inside, flow->inside_port, flow->remote, flow->remote_port);
}

static unsigned outside_bucket(const struct nat *nat, const struct nat_flow *flow)
{
    return bucket(nat, flow->protocol, 0, flow->outside_port, flow->remote, flow->remote_port);
}

void nat_init(struct nat *nat, uint64_t seed)
{
    memset(nat, 0, sizeof(*nat));
    nat->seed = seed;
    for (unsigned i = 0; i < NAT_BUCKETS; i++)
        nat->inside_heads[i] = nat->outside_heads[i] = NAT_NONE;
    for (unsigned i = 0; i < NAT_FLOWS; i++)
        nat->flows[i].by_inside = (uint16_t)(i + 1 < NAT_FLOWS ? i + 1 : NAT_NONE);
}

/* An echo's other end is the host alone: its identifier belongs to the near one. */
static uint16_t far_port(uint8_t protocol, uint16_t port)
{
    return protocol == PROTOCOL_ICMP ? 0 : port;
}

static struct nat_flow *find_inside(struct nat *nat, const struct nat_flow *key, uint64_t now)
{
    for (uint16_t i = nat->inside_heads[inside_bucket(nat, key)]; i != NAT_NONE; i = nat->flows[i].by_inside) {
        struct nat_flow *f = &nat->flows[i];
        if (f->protocol == key->protocol && f->inside == key->inside && f->inside_port == key->inside_port &&
            f->remote == key->remote && f->remote_port == key->remote_port && now < f->until)
            return f;
    }
    return 0;
}

/* Those whose time is over too, if `now` is 0: their ports are not free before they have ended. */
static struct nat_flow *find_outside(struct nat *nat, const struct nat_flow *key, uint64_t now)
{
    for (uint16_t i = nat->outside_heads[outside_bucket(nat, key)]; i != NAT_NONE; i = nat->flows[i].by_out) {
        struct nat_flow *f = &nat->flows[i];
        if (f->protocol == key->protocol && f->outside_port == key->outside_port && f->remote == key->remote &&
            f->remote_port == key->remote_port && now < f->until)
            return f;
    }
    return 0;
}

static void unlink_inside(struct nat *nat, uint16_t index)
{
    uint16_t *at = &nat->inside_heads[inside_bucket(nat, &nat->flows[index])];

    while (*at != index)
        at = &nat->flows[*at].by_inside;
    *at = nat->flows[index].by_inside;
}

static void unlink_outside(struct nat *nat, uint16_t index)
{
    uint16_t *at = &nat->outside_heads[outside_bucket(nat, &nat->flows[index])];

    while (*at != index)
        at = &nat->flows[*at].by_out;
    *at = nat->flows[index].by_out;
}

static void end_flow(struct nat *nat, uint16_t index)
{
    struct nat_flow *f = &nat->flows[index];

    unlink_inside(nat, index);
    unlink_outside(nat, index);
    nat->from_outside -= f->from_outside;
    nat->used--;
    nat->count.ended++;
    *f = (struct nat_flow){.by_inside = nat->free};
    nat->free = index;
}

void nat_set_address(struct nat *nat, uint32_t address)
{
    if (address == nat->address)
        return;
    nat->address = address;
    for (unsigned i = 0; i < NAT_FLOWS; i++)
        if (nat->flows[i].protocol)
            end_flow(nat, (uint16_t)i);
}

void nat_expire(struct nat *nat, uint64_t now)
{
    for (unsigned i = 0; i < EXPIRE_STEPS; i++) {
        if (nat->flows[nat->next].protocol && now >= nat->flows[nat->next].until)
            end_flow(nat, (uint16_t)nat->next);
        nat->next = (nat->next + 1) % NAT_FLOWS;
    }
}

/* A flow's time anew, after a packet of it. */
static void touch(struct nat_flow *f, const struct packet *packet, bool inward, uint64_t now)
{
    uint64_t time = f->protocol == PROTOCOL_UDP ? NAT_UDP : NAT_ICMP;

    if (f->protocol == PROTOCOL_TCP) {
        f->answered = f->answered || inward != f->from_outside;
        f->closing = f->closing || (packet->flags & (TCP_FLAG_FIN | TCP_FLAG_RST));
        time = f->answered && !f->closing ? NAT_TCP_OPEN : NAT_TCP_OPENING;
    }
    f->until = now + time;
}

/* The keys are set. */
static struct nat_flow *begin(struct nat *nat, const struct nat_flow *keys)
{
    uint16_t index = nat->free;

    if (nat->used == NAT_FLOWS || (keys->from_outside && nat->from_outside == NAT_FROM_OUTSIDE)) {
        nat->count.full++;
        return 0;
    }
    struct nat_flow *f = &nat->flows[index];
    nat->free = f->by_inside;
    *f = *keys;
    unsigned in = inside_bucket(nat, f), out = outside_bucket(nat, f);
    f->by_inside = nat->inside_heads[in];
    f->by_out = nat->outside_heads[out];
    nat->inside_heads[in] = nat->outside_heads[out] = index;
    nat->used++;
    nat->from_outside += f->from_outside;
    nat->count.begun++;
    return f;
}

static bool pick_port(struct nat *nat, struct nat_flow *keys)
{
    uint64_t start = mix(nat->seed, nat->count.begun, (uint64_t)keys->inside << 16 | keys->inside_port);

    for (unsigned i = 0; i < PORT_TRIES; i++) {
        keys->outside_port = (uint16_t)(NAT_PORT_FIRST + (start + i) % NAT_PORTS);
        if (!find_outside(nat, keys, 0))
            return true;
    }
    nat->count.full++;
    return false;
}

/* One whose time is over but that nat_expire() has not reached: its keys are wanted again. */
static void end_stale(struct nat *nat, const struct nat_flow *key)
{
    struct nat_flow *f = find_inside(nat, key, 0);

    if (f)
        end_flow(nat, (uint16_t)(f - nat->flows));
}

static bool first_of_tcp(const struct packet *packet)
{
    return packet->protocol != PROTOCOL_TCP || (packet->flags & (TCP_FLAG_SYN | TCP_FLAG_ACK | TCP_FLAG_RST)) == TCP_FLAG_SYN;
}

bool nat_out(struct nat *nat, struct packet *packet, bool may_begin, uint64_t now)
{
    struct nat_flow key = {.protocol = packet->protocol,
                           .inside = packet->source,
                           .inside_port = packet->source_port,
                           .remote = packet->target,
                           .remote_port = far_port(packet->protocol, packet->target_port)};

    if (!nat->address || packet_is_error(packet))
        return false;
    struct nat_flow *f = find_inside(nat, &key, now);
    if (!f) {
        if (!may_begin || !first_of_tcp(packet) || (packet->protocol == PROTOCOL_ICMP && packet->type != ICMP_ECHO))
            return false;
        end_stale(nat, &key);
        f = pick_port(nat, &key) ? begin(nat, &key) : 0;
    }
    if (!f)
        return false;
    touch(f, packet, false, now);
    packet_set_source(packet, nat->address, f->outside_port);
    return true;
}

bool nat_in(struct nat *nat, struct packet *packet, uint64_t now)
{
    struct nat_flow key = {.protocol = packet->protocol,
                           .outside_port = packet->target_port,
                           .remote = packet->source,
                           .remote_port = far_port(packet->protocol, packet->source_port)};

    if (!nat->address || packet->target != nat->address || packet_is_error(packet) ||
        (packet->protocol == PROTOCOL_ICMP && packet->type != ICMP_ECHO_REPLY))
        return false;
    struct nat_flow *f = find_outside(nat, &key, now);
    if (!f)
        return false;
    touch(f, packet, true, now);
    packet_set_target(packet, f->inside, f->inside_port);
    return true;
}

bool nat_begin_in(struct nat *nat, struct packet *packet, uint32_t inside, uint16_t inside_port, uint64_t now)
{
    struct nat_flow key = {.protocol = packet->protocol,
                           .from_outside = true,
                           .inside = inside,
                           .inside_port = inside_port,
                           .remote = packet->source,
                           .remote_port = packet->source_port,
                           .outside_port = packet->target_port};

    if (!nat->address || packet->target != nat->address || packet->protocol == PROTOCOL_ICMP || !first_of_tcp(packet))
        return false;
    if (find_inside(nat, &key, now))
        return false; /* the end inside talks to this one already, through another port */
    end_stale(nat, &key);
    struct nat_flow *f = begin(nat, &key);
    if (!f)
        return false;
    touch(f, packet, true, now);
    packet_set_target(packet, inside, inside_port);
    return true;
}

bool nat_error_in(struct nat *nat, struct packet *error, uint64_t now)
{
    struct packet quoted;

    if (!nat->address || error->target != nat->address || !packet_is_error(error) ||
        packet_sum(error->bytes + 20, error->size - 20) != 0 || !packet_quoted(error, &quoted) || quoted.source != nat->address)
        return false;
    struct nat_flow key = {.protocol = quoted.protocol,
                           .outside_port = quoted.source_port,
                           .remote = quoted.target,
                           .remote_port = far_port(quoted.protocol, quoted.target_port)};
    struct nat_flow *f = find_outside(nat, &key, now);
    if (!f)
        return false;
    packet_set_quoted(error, &quoted, f->inside, f->inside_port);
    return true;
}
