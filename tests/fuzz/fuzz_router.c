/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as frames, packets from either side, a rules file, an answer about the time. The first byte says which. What goes on has a sound
 * header, ends that are allowed on its side, and the checksum of an echo that it came with was right only if it still is. */
#include "fuzz_router.h"

#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "forward.h"
#include "vlan.h"

#define OUTSIDE 0x0a000205u
#define INSIDE_NET 0xc0a80700u

static struct router router;

static void begin(void)
{
    static const char rules[] =
        "inside 192.168.7.1/24\nallow any\nforward tcp 8080 to 192.168.7.2 port 80\nforward udp 5000 to 192.168.7.3\n";
    char why[160];

    nat_init(&router.nat, 1);
    nat_set_address(&router.nat, OUTSIDE);
    if (!rules_parse(&router.rules, (const uint8_t *)rules, sizeof(rules) - 1, why, sizeof(why)))
        abort();
}

static void packet_any(uint8_t *bytes, size_t size, bool inside)
{
    static uint64_t now = 1;
    struct packet p;
    size_t sent = size;
    enum fate fate = inside ? router_from_inside(&router, bytes, &sent, now) : router_from_outside(&router, bytes, &sent, now);

    now += NAT_SECOND / 10;
    nat_expire(&router.nat, now);
    if (fate != FATE_SEND)
        return;
    if (sent > size || packet_read(&p, bytes, sent) != PACKET_GOOD || p.size != sent)
        abort();
    if (inside ? p.source != OUTSIDE : (p.target & 0xffffff00u) != INSIDE_NET)
        abort();
}

static void rules_any(const uint8_t *bytes, size_t size)
{
    static struct router_rules rules;
    char why[160] = "";

    if (rules_parse(&rules, bytes, size, why, sizeof(why)) ? !rules.inside || rules.vlan > VLAN_MAX : !why[0])
        abort();
    if (rules.filter.rule_count > FILTER_RULES || rules.filter.forward_count > FILTER_FORWARDS)
        abort();
}

static void time_any(const uint8_t *bytes, size_t size)
{
    uint8_t out[SNTP_SIZE], stratum;
    int64_t offset;

    sntp_serve(bytes, size, 1, 2, out);
    if (size >= 8)
        sntp_answer(bytes, size, (uint64_t)get32(bytes) << 32 | get32(bytes + 4), 1, 2, &offset, &stratum);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned front;

    if (size == 0)
        return 0;
    if (!router.rules.inside)
        begin();
    uint8_t *bytes = malloc(size > 1 ? size - 1 : 1); /* a block of its own, exactly as long */
    if (!bytes)
        abort();
    memcpy(bytes, data + 1, size - 1);
    switch (data[0] % 8) {
    case 0:
        rules_any(bytes, size - 1);
        break;
    case 1:
        time_any(bytes, size - 1);
        break;
    case 2:
        vlan_take(data[0] & 128 ? VLAN_NONE : 20, bytes, size - 1, &front);
        break;
    default:
        packet_any(bytes, size - 1, data[0] & 1);
    }
    free(bytes);
    return 0;
}
