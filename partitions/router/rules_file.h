/* SPDX-License-Identifier: Apache-2.0 */
/* The router's file "router.rules", one statement in a line, `#` begins a remark:
 *     inside 192.168.7.1/24                            our address on the cable; needed
 *     vlan 20                                          tag of all frames outside, 1 to 4094
 *     allow|deny tcp|udp|icmp|any [from NET] [to NET] [port N|N-M]     who inside may begin what; the first that fits counts, none: refused
 *     forward tcp|udp N to ADDRESS [port M] [from NET] our port N, below 32768, is that host's port M (N if not said)
 *     syslog ADDRESS [port N]                          where our messages go (514), and those that come to our port 514 from inside
 *     sntp ADDRESS                                     where the time comes from; we offer it inside
 * NET is an address, an address with a prefix, or `any`. */
#ifndef ROUTER_RULES_FILE_H
#define ROUTER_RULES_FILE_H

#include "filter.h"

#define RULES_FILE "router.rules"

struct router_rules {
    uint32_t inside, inside_mask;
    uint16_t vlan;
    uint32_t syslog, sntp; /* 0: none */
    uint16_t syslog_port;
    struct filter filter;
};

/* False: `why` names the line and what is wrong with it. */
bool rules_parse(struct router_rules *rules, const uint8_t *bytes, size_t size, char *why, size_t why_size);

/* A rule and a forwarded port as the file could have them. */
#define STATEMENT_TEXT 96u
const char *rule_text(const struct filter_rule *rule, char out[STATEMENT_TEXT]);
const char *forward_text(const struct filter_forward *forward, char out[STATEMENT_TEXT]);

const char *protocol_name(uint8_t protocol);
#define ADDRESS_TEXT 16u
const char *address_text(uint32_t address, char out[ADDRESS_TEXT]);

#endif
