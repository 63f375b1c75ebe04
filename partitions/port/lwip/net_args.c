/* SPDX-License-Identifier: Apache-2.0 */
/* "net=..." and "net6=...". lwIP's readers of addresses take old forms too, like 10.1 or 012, and what only begins
 * as one: these are refused here. */
#include "net_args.h"

#include <stdio.h>
#include <string.h>

#define PART_MAX 64u

struct parse {
    struct net_args *args;
    const char *word;
    char *why;
    unsigned why_size;
};

static bool refuse(const struct parse *parse, const char *reason)
{
    snprintf(parse->why, parse->why_size, "%s: %s", parse->word, reason);
    return false;
}

static bool address4(const char *text, ip4_addr_t *address)
{
    char again[16];

    return ip4addr_aton(text, address) && ip4addr_ntoa_r(address, again, sizeof(again)) && strcmp(text, again) == 0;
}

static bool address6(const char *text, ip6_addr_t *address)
{
    for (const char *at = text; *at;) {
        size_t digits = strspn(at, "0123456789abcdefABCDEF");
        if (digits > 4 || (digits == 0 && *at != ':'))
            return false;
        at += digits + (at[digits] == ':');
    }
    return ip6addr_aton(text, address);
}

/* A number without sign or leading zeros, at most `most`; -1: it is none. */
static int number(const char *text, int most)
{
    int value = 0;

    if (*text == 0 || (*text == '0' && text[1] != 0))
        return -1;
    for (; *text >= '0' && *text <= '9' && value <= most; text++)
        value = value * 10 + (*text - '0');
    return *text == 0 && value <= most ? value : -1;
}

static bool take_v4(struct parse *parse, char *part)
{
    char *slash = strchr(part, '/');
    int prefix;

    if (slash)
        *slash = 0;
    if (!slash || (prefix = number(slash + 1, 32)) < 1)
        return refuse(parse, "an address needs its network's prefix, like 10.0.2.15/24");
    if (!address4(part, &parse->args->address) || ip4_addr_isany(&parse->args->address) ||
        ip4_addr_ismulticast(&parse->args->address) || ip4_addr_isloopback(&parse->args->address))
        return refuse(parse, "not an IPv4 address for a machine");
    ip4_addr_set_u32(&parse->args->mask, lwip_htonl(~0u << (32 - prefix)));
    parse->args->v4 = NET_STATIC;
    return true;
}

static bool take_v6(struct parse *parse, char *part)
{
    char *slash = strchr(part, '/');
    const ip6_addr_t *address = &parse->args->address6;

    if (slash)
        *slash = 0;
    if (!slash || number(slash + 1, 128) != 64)
        return refuse(parse, "an IPv6 address needs its prefix, which can only be /64");
    if (!address6(part, &parse->args->address6) || ip6_addr_isany(address) || ip6_addr_ismulticast(address) ||
        ip6_addr_isloopback(address) || ip6_addr_islinklocal(address))
        return refuse(parse, "not an IPv6 address for a machine; link-local ones are made by themselves");
    parse->args->v6 = NET_STATIC;
    return true;
}

static bool take_gateway(struct parse *parse, bool v6, const char *text)
{
    struct net_args *args = parse->args;

    if (v6 ? args->v6 != NET_STATIC : args->v4 != NET_STATIC)
        return refuse(parse, "gw= belongs behind an address");
    if (v6 ? !address6(text, &args->gateway6) || ip6_addr_isany(&args->gateway6) || ip6_addr_ismulticast(&args->gateway6)
           : !address4(text, &args->gateway) || ip4_addr_isany(&args->gateway))
        return refuse(parse, "gw= is not an address");
    if (!v6 && !ip4_addr_netcmp(&args->address, &args->gateway, &args->mask))
        return refuse(parse, "the gateway is not in the address's network");
    return true;
}

static bool take_name_server(struct parse *parse, bool v6, const char *text)
{
    struct net_args *args = parse->args;
    ip_addr_t *server = &args->name_servers[args->name_server_count];

    if (args->name_server_count == NET_NAME_SERVERS)
        return refuse(parse, "at most two dns= in all");
    if (v6 ? !address6(text, ip_2_ip6(server)) : !address4(text, ip_2_ip4(server)))
        return refuse(parse, "dns= is not an address");
    IP_SET_TYPE_VAL(*server, v6 ? IPADDR_TYPE_V6 : IPADDR_TYPE_V4);
    args->name_server_count++;
    return true;
}

/* "net=cable:lan": what follows is about its addresses, as it would be of a card. */
static bool take_cable(struct parse *parse, const char *name)
{
    size_t length = strlen(name);

    if (length == 0 || length >= sizeof(parse->args->cable) || parse->args->cable[0])
        return refuse(parse, "a cable has a name of the product table, like net=cable:lan");
    memcpy(parse->args->cable, name, length + 1);
    return true;
}

static bool take_first(struct parse *parse, bool v6, char *part)
{
    if (!v6 && strncmp(part, "cable:", 6) == 0)
        return take_cable(parse, part + 6);
    if (strcmp(part, v6 ? "auto" : "dhcp") == 0)
        return true;
    if (strcmp(part, "off") == 0) {
        *(v6 ? &parse->args->v6 : &parse->args->v4) = NET_OFF;
        return true;
    }
    if (!v6 && strcmp(part, "loopback") == 0) {
        parse->args->loopback = true;
        return true;
    }
    return v6 ? take_v6(parse, part) : take_v4(parse, part);
}

static bool take_word(struct parse *parse, bool v6, const char *text)
{
    for (bool first = true;;) {
        bool cable = false;
        size_t length = strcspn(text, ",");
        char part[PART_MAX];

        if (length >= sizeof(part))
            return refuse(parse, "too long between its commas");
        memcpy(part, text, length);
        part[length] = 0;
        cable = first && !v6 && !parse->args->cable[0] && strncmp(part, "cable:", 6) == 0;
        if (first                           ? !take_first(parse, v6, part)
            : strncmp(part, "gw=", 3) == 0  ? !take_gateway(parse, v6, part + 3)
            : strncmp(part, "dns=", 4) == 0 ? !take_name_server(parse, v6, part + 4)
                                            : !refuse(parse, "only gw= and dns= may follow"))
            return false;
        if (text[length] == 0)
            return true;
        text += length + 1;
        first = first && cable; /* behind the cable's name stands what else a word begins with */
    }
}

bool net_args_parse(struct net_args *args, int count, char *const *words, char *why, unsigned why_size)
{
    bool seen[2] = {false, false};

    *args = (struct net_args){0};
    for (int i = 0; i < count; i++) {
        struct parse parse = {args, words[i], why, why_size};
        bool v6 = strncmp(words[i], "net6=", 5) == 0;

        if (!v6 && strncmp(words[i], "net=", 4) != 0)
            continue;
        if (seen[v6])
            return refuse(&parse, "a second such word");
        seen[v6] = true;
        if (!take_word(&parse, v6, words[i] + (v6 ? 5 : 4)))
            return false;
    }
    return true;
}
