/* SPDX-License-Identifier: Apache-2.0 */
/* Rules, in their order. */
#include "filter.h"

bool filter_net_has(const struct filter_net *net, uint32_t address)
{
    return (address & net->mask) == net->address;
}

static bool fits(const struct filter_rule *rule, const struct packet *packet)
{
    if (rule->protocol && rule->protocol != packet->protocol)
        return false;
    if (!filter_net_has(&rule->from, packet->source) || !filter_net_has(&rule->to, packet->target))
        return false;
    if (packet->protocol == PROTOCOL_ICMP)
        return rule->first == 0 && rule->last == 65535;
    return packet->target_port >= rule->first && packet->target_port <= rule->last;
}

bool filter_allows(struct filter *filter, const struct packet *packet)
{
    for (unsigned i = 0; i < filter->rule_count; i++)
        if (fits(&filter->rules[i], packet)) {
            filter->rules[i].hits++;
            filter->refused += !filter->rules[i].allow;
            return filter->rules[i].allow;
        }
    filter->refused++;
    return false;
}

const struct filter_forward *filter_forward(struct filter *filter, const struct packet *packet)
{
    for (unsigned i = 0; i < filter->forward_count; i++) {
        struct filter_forward *f = &filter->forwards[i];
        if (f->protocol == packet->protocol && f->port == packet->target_port && filter_net_has(&f->from, packet->source)) {
            f->hits++;
            return f;
        }
    }
    return 0;
}
