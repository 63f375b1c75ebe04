/* SPDX-License-Identifier: Apache-2.0 */
/* Reading router.rules. A statement that is not understood whole is refused: a firewall that guesses is none. */
#include "rules_file.h"

#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "nat.h"
#include "vlan.h"

#define LINE_MAX 160u
#define WORDS 16u

struct line {
    unsigned number, count, next; /* next: word to be read */
    char text[LINE_MAX];
    const char *word[WORDS + 1]; /* a null pointer behind the last */
    const char *problem;
};

const char *address_text(uint32_t address, char out[ADDRESS_TEXT])
{
    snprintf(out, ADDRESS_TEXT, "%u.%u.%u.%u", (unsigned)(address >> 24), (unsigned)(address >> 16 & 255),
             (unsigned)(address >> 8 & 255), (unsigned)(address & 255));
    return out;
}

const char *protocol_name(uint8_t protocol)
{
    return protocol == PROTOCOL_TCP ? "tcp" : protocol == PROTOCOL_UDP ? "udp" : protocol == PROTOCOL_ICMP ? "icmp" : "any";
}

/* " to 10.0.2.0/24"; nothing, where any will do. */
static const char *net_text(const char *word, const struct filter_net *net, char out[32])
{
    char address[ADDRESS_TEXT];

    out[0] = 0;
    if (net->mask)
        snprintf(out, 32, " %s %s/%d", word, address_text(net->address, address), __builtin_popcount(net->mask));
    return out;
}

const char *rule_text(const struct filter_rule *rule, char out[STATEMENT_TEXT])
{
    char from[32], to[32], ports[24] = "";

    if (rule->first == rule->last)
        snprintf(ports, sizeof(ports), " port %u", rule->first);
    else if (rule->first != 0 || rule->last != 65535)
        snprintf(ports, sizeof(ports), " port %u-%u", rule->first, rule->last);
    snprintf(out, STATEMENT_TEXT, "%s %s%s%s%s", rule->allow ? "allow" : "deny", protocol_name(rule->protocol),
             net_text("from", &rule->from, from), net_text("to", &rule->to, to), ports);
    return out;
}

const char *forward_text(const struct filter_forward *forward, char out[STATEMENT_TEXT])
{
    char inside[ADDRESS_TEXT], from[32];

    snprintf(out, STATEMENT_TEXT, "forward %s %u to %s port %u%s", protocol_name(forward->protocol), forward->port,
             address_text(forward->inside, inside), forward->inside_port, net_text("from", &forward->from, from));
    return out;
}

/* Decimal, nothing before it; *end: behind it. False: no digit, or above `most`. */
static bool number_read(const char *text, uint32_t most, uint32_t *value, const char **end)
{
    uint32_t n = 0;
    const char *at = text;

    for (; *at >= '0' && *at <= '9'; at++) {
        n = n * 10 + (uint32_t)(*at - '0');
        if (n > most || at - text > 8)
            return false;
    }
    *value = n;
    *end = at;
    return at != text;
}

static bool address_read(const char *text, uint32_t *address, const char **end)
{
    *address = 0;
    for (unsigned i = 0; i < 4; i++) {
        uint32_t byte;
        if ((i && *text++ != '.') || !number_read(text, 255, &byte, &text))
            return false;
        *address = *address << 8 | byte;
    }
    *end = text;
    return true;
}

/* The word is taken if it is this one. */
static bool word_is(struct line *line, const char *text)
{
    if (!line->word[line->next] || strcmp(line->word[line->next], text) != 0)
        return false;
    line->next++;
    return true;
}

static const char *word_take(struct line *line)
{
    return line->word[line->next] ? line->word[line->next++] : "";
}

static uint32_t take_address(struct line *line)
{
    uint32_t address = 0;
    const char *end = "";

    if (!address_read(word_take(line), &address, &end) || *end || address == 0)
        line->problem = "an address is wanted, such as 10.0.2.15";
    return address;
}

/* With its prefix; `host`: the address is a host's, not the net's own. */
static void take_prefix(struct line *line, bool host, uint32_t *address, uint32_t *mask)
{
    uint32_t prefix = 32;
    const char *end = "";

    if (!address_read(word_take(line), address, &end) || (*end == '/' && !number_read(end + 1, 32, &prefix, &end)) || *end) {
        line->problem = "an address with its prefix is wanted, such as 10.0.2.0/24";
        return;
    }
    *mask = prefix ? ~0u << (32 - prefix) : 0;
    if (!host && (*address & ~*mask))
        line->problem = "the address has bits beyond its prefix";
}

static void take_net(struct line *line, struct filter_net *net)
{
    if (!word_is(line, "any"))
        take_prefix(line, false, &net->address, &net->mask);
}

static uint16_t take_number(struct line *line, uint32_t least, uint32_t most, const char *problem)
{
    uint32_t n = 0;
    const char *end = "";

    if (!number_read(word_take(line), most, &n, &end) || *end || n < least)
        line->problem = problem;
    return (uint16_t)n;
}

static const char port_wanted[] = "a port is a number from 1 to 65535";

static void take_ports(struct line *line, struct filter_rule *rule)
{
    uint32_t first, last;
    const char *end = "", *text = word_take(line);

    if (!number_read(text, 65535, &first, &end) || first == 0) {
        line->problem = port_wanted;
        return;
    }
    last = first;
    if ((*end == '-' && !number_read(end + 1, 65535, &last, &end)) || *end || last < first)
        line->problem = "ports are N or N-M, from 1 to 65535, the smaller first";
    rule->first = (uint16_t)first;
    rule->last = (uint16_t)last;
}

static uint8_t take_protocol(struct line *line, bool wide)
{
    if (word_is(line, "tcp"))
        return PROTOCOL_TCP;
    if (word_is(line, "udp"))
        return PROTOCOL_UDP;
    if (wide && word_is(line, "icmp"))
        return PROTOCOL_ICMP;
    if (!wide || !word_is(line, "any"))
        line->problem = wide ? "a protocol is tcp, udp, icmp or any" : "a protocol that has ports is tcp or udp";
    return 0;
}

static void line_rule(struct router_rules *rules, struct line *line, bool allow)
{
    struct filter *filter = &rules->filter;
    struct filter_rule rule = {.allow = allow, .last = 65535, .line = line->number};

    rule.protocol = take_protocol(line, true);
    if (word_is(line, "from"))
        take_net(line, &rule.from);
    if (word_is(line, "to"))
        take_net(line, &rule.to);
    if (word_is(line, "port")) {
        take_ports(line, &rule);
        if (rule.protocol != PROTOCOL_TCP && rule.protocol != PROTOCOL_UDP)
            line->problem = "only tcp and udp have ports";
    }
    if (filter->rule_count == FILTER_RULES)
        line->problem = "there are 64 rules at most";
    else
        filter->rules[filter->rule_count++] = rule;
}

static void line_forward(struct router_rules *rules, struct line *line)
{
    struct filter *filter = &rules->filter;
    struct filter_forward forward = {.line = line->number};

    forward.protocol = take_protocol(line, false);
    forward.port = forward.inside_port = take_number(
        line, 1, NAT_PORT_FIRST - 1, "a forwarded port is a number from 1 to 32767: those above stand for hosts inside");
    if (!word_is(line, "to"))
        line->problem = "forward tcp|udp PORT to ADDRESS";
    forward.inside = take_address(line);
    if (word_is(line, "port"))
        forward.inside_port = take_number(line, 1, 65535, port_wanted);
    if (word_is(line, "from"))
        take_net(line, &forward.from);
    for (unsigned i = 0; i < filter->forward_count; i++)
        if (filter->forwards[i].protocol == forward.protocol && filter->forwards[i].port == forward.port)
            line->problem = "this port is forwarded already";
    if (filter->forward_count == FILTER_FORWARDS)
        line->problem = "there are 16 forwarded ports at most";
    else
        filter->forwards[filter->forward_count++] = forward;
}

static void line_setting(struct router_rules *rules, struct line *line)
{
    if (word_is(line, "inside")) {
        if (rules->inside)
            line->problem = "the address inside is set already";
        take_prefix(line, true, &rules->inside, &rules->inside_mask);
        if (!line->problem && (rules->inside_mask == 0 || rules->inside_mask == ~0u || (rules->inside & ~rules->inside_mask) == 0 ||
                               (~rules->inside & ~rules->inside_mask) == 0))
            line->problem = "the address inside is a host's, with the prefix of its net";
    } else if (word_is(line, "vlan")) {
        rules->vlan = take_number(line, 1, VLAN_MAX, "a VLAN is a number from 1 to 4094");
    } else if (word_is(line, "syslog")) {
        rules->syslog = take_address(line);
        if (word_is(line, "port"))
            rules->syslog_port = take_number(line, 1, 65535, port_wanted);
    } else if (word_is(line, "sntp")) {
        rules->sntp = take_address(line);
    } else {
        line->problem = "a line begins with inside, vlan, allow, deny, forward, syslog or sntp";
    }
}

static void read_line(struct router_rules *rules, struct line *line)
{
    if (line->count == 0)
        return;
    if (word_is(line, "allow"))
        line_rule(rules, line, true);
    else if (word_is(line, "deny"))
        line_rule(rules, line, false);
    else if (word_is(line, "forward"))
        line_forward(rules, line);
    else
        line_setting(rules, line);
    if (!line->problem && line->word[line->next])
        line->problem = "there is more on the line than belongs there";
}

static void split(struct line *line)
{
    line->count = line->next = 0;
    for (char *at = line->text; *at;) {
        while (*at == ' ' || *at == '\t' || *at == '\r')
            *at++ = 0;
        if (*at == 0 || *at == '#')
            break;
        if (line->count == WORDS) {
            line->problem = "too many words";
            break;
        }
        line->word[line->count++] = at;
        while (*at && *at != ' ' && *at != '\t' && *at != '\r')
            at++;
    }
    line->word[line->count] = 0;
}

static bool forwards_inside(const struct router_rules *rules, struct line *line)
{
    for (unsigned i = 0; i < rules->filter.forward_count; i++) {
        uint32_t to = rules->filter.forwards[i].inside;
        if ((to & rules->inside_mask) != (rules->inside & rules->inside_mask) || to == rules->inside) {
            line->number = rules->filter.forwards[i].line;
            return false;
        }
    }
    return true;
}

bool rules_parse(struct router_rules *rules, const uint8_t *bytes, size_t size, char *why, size_t why_size)
{
    struct line line = {0};

    *rules = (struct router_rules){.syslog_port = SYSLOG_PORT};
    for (size_t at = 0; at < size && !line.problem;) {
        size_t length = 0;
        line.number++;
        while (at + length < size && bytes[at + length] != '\n')
            length++;
        if (length >= LINE_MAX || memchr(bytes + at, 0, length)) {
            line.problem = "the line is longer than 159 bytes, or not text";
            break;
        }
        memcpy(line.text, bytes + at, length);
        line.text[length] = 0;
        at += length + 1;
        split(&line);
        if (!line.problem)
            read_line(rules, &line);
    }
    if (!line.problem && !rules->inside)
        line.problem = "no line says which address we have inside";
    if (!line.problem && !forwards_inside(rules, &line))
        line.problem = "it forwards to an address that is no other host's of the net inside";
    if (line.problem)
        snprintf(why, why_size, RULES_FILE ":%u: %s", line.number, line.problem);
    return !line.problem;
}
