/* SPDX-License-Identifier: Apache-2.0 */
/* A gateway: outside a network card, inside a cable, between them translation of addresses and the rules of the file "router.rules"
 * (rules_file.h). Arguments: cable=NAME (lan), and those of the network outside (bh_net.h). Typed: `show`, `flows`, `rules`. */
#include <stdio.h>
#include <string.h>

#include <lwip/netif.h>

#include "bh.h"
#include "bh_net.h"
#include "clock.h"
#include "link.h"
#include "net_random.h"
#include "services.h"

#define STEP_NS NAT_SECOND

/* --- typed ------------------------------------------------------------------------------------------------------------------------ */

static void show(void)
{
    char outside[ADDRESS_TEXT], inside[ADDRESS_TEXT];

    printf("outside %s%s, inside %s%s, VLAN %u, time %s\n", router.nat.address ? address_text(router.nat.address, outside) : "none",
           netif_is_link_up(outside_netif()) ? "" : " (no link)", address_text(router.rules.inside, inside),
           netif_is_link_up(inside_netif()) ? "" : " (no link)", router.rules.vlan, services_now() ? "known" : "not known");
    printf("sent out %llu, in %llu; refused %llu, spoofed %llu, malformed %llu, without hops %llu\n",
           (unsigned long long)router.count.out, (unsigned long long)router.count.in, (unsigned long long)router.count.refused,
           (unsigned long long)router.count.spoofed, (unsigned long long)router.count.malformed,
           (unsigned long long)router.count.hops);
    printf(
        "flows %u of %u, begun %llu, refused for want of room %llu; frames of other VLANs %llu, unknown %llu, without room %llu\n",
        router.nat.used, NAT_FLOWS, (unsigned long long)router.nat.count.begun, (unsigned long long)router.nat.count.full,
        (unsigned long long)link_counters.tagged, (unsigned long long)link_counters.frames,
        (unsigned long long)link_counters.no_room);
    services_show();
}

static void show_flows(void)
{
    unsigned shown = 0;

    for (unsigned i = 0; i < NAT_FLOWS && shown < 20; i++) {
        const struct nat_flow *f = &router.nat.flows[i];
        char inside[ADDRESS_TEXT], remote[ADDRESS_TEXT];
        if (!f->protocol)
            continue;
        printf("%-4s %s:%u as :%u %s %s:%u\n", protocol_name(f->protocol), address_text(f->inside, inside), f->inside_port,
               f->outside_port, f->from_outside ? "from" : "to", address_text(f->remote, remote), f->remote_port);
        shown++;
    }
    printf("%u of %u flows shown\n", shown, router.nat.used);
}

static void show_rules(void)
{
    const struct filter *filter = &router.rules.filter;
    char text[STATEMENT_TEXT];

    for (unsigned i = 0; i < filter->rule_count; i++)
        printf("line %u: %s: %llu times\n", filter->rules[i].line, rule_text(&filter->rules[i], text),
               (unsigned long long)filter->rules[i].hits);
    for (unsigned i = 0; i < filter->forward_count; i++)
        printf("line %u: %s: %llu times\n", filter->forwards[i].line, forward_text(&filter->forwards[i], text),
               (unsigned long long)filter->forwards[i].hits);
    printf("refused by rules: %llu\n", (unsigned long long)filter->refused);
}

static void typed(void)
{
    static char line[80];

    while (bh_getline(line, sizeof(line))) {
        if (strcmp(line, "show") == 0)
            show();
        else if (strcmp(line, "flows") == 0)
            show_flows();
        else if (strcmp(line, "rules") == 0)
            show_rules();
        else if (line[0])
            printf("show: state and counters; flows; rules\n");
    }
}

/* --- once a second ------------------------------------------------------------------------------------------------------------- */

static void address_look(void)
{
    uint32_t address = lwip_ntohl(ip4_addr_get_u32(netif_ip4_addr(outside_netif())));
    char text[ADDRESS_TEXT];

    if (((address ^ router.rules.inside) & router.rules.inside_mask) == 0)
        address = 0; /* the same net on both sides: nothing could be told apart */
    if (address == router.nat.address)
        return;
    nat_set_address(&router.nat, address);
    if (address)
        say(SYSLOG_NOTICE, "address", "outside %s", address_text(address, text));
    else
        say(SYSLOG_WARNING, "address", "no address outside");
}

/* One line a second at most, about the last packet, however many there were. */
static void refused_look(void)
{
    static uint64_t said;
    uint64_t more = router.count.refused - said;
    char source[ADDRESS_TEXT], target[ADDRESS_TEXT];

    if (!more)
        return;
    said = router.count.refused;
    say(SYSLOG_WARNING, "refused", "from %s: %s %s:%u to %s:%u, and %llu more", router.refused_inside ? "inside" : "outside",
        protocol_name(router.refused.protocol), address_text(router.refused.source, source), router.refused.source_port,
        address_text(router.refused.target, target), router.refused.target_port, (unsigned long long)(more - 1));
}

static void step(void)
{
    static uint64_t next;

    address_look(); /* each round: the first packet after an address must not wait */
    services_step();
    if (bh_now_ns() < next)
        return;
    next = bh_now_ns() + STEP_NS;
    link_check();
    nat_expire(&router.nat, bh_now_ns());
    refused_look();
}

/* --- */

static const char *rules_load(void)
{
    static char why[160];
    struct bh_file file;

    if (!bh_file_open(RULES_FILE, &file))
        return "no file " RULES_FILE ": the product table's .files names a folder that has one";
    return rules_parse(&router.rules, file.bytes, file.size, why, sizeof(why)) ? 0 : why;
}

static const char *start(int argc, char **argv)
{
    const char *cable = "lan", *problem = rules_load();

    for (int i = 1; i < argc; i++)
        if (strncmp(argv[i], "cable=", 6) == 0)
            cable = argv[i] + 6;
    if (problem)
        return problem;
    bh_net_prepare(link_outside);
    problem = bh_net_start(argc - 1, argv + 1);
    if (!problem && !outside_netif())
        problem = "net=loopback has no outside";
    nat_init(&router.nat, (uint64_t)LWIP_RAND() << 32 | LWIP_RAND());
    if (!problem)
        problem = link_inside(cable);
    return problem ? problem : services_start();
}

int main(int argc, char **argv)
{
    char inside[ADDRESS_TEXT];
    const char *problem = start(argc, argv);

    if (problem) {
        printf("router: %s\n", problem);
        return 1;
    }
    say(SYSLOG_NOTICE, "start", "inside %s, %u rules, %u forwarded ports, VLAN %u", address_text(router.rules.inside, inside),
        router.rules.filter.rule_count, router.rules.filter.forward_count, router.rules.vlan);
    for (;;) {
        bh_net_poll();
        bool more = link_poll();
        step();
        typed();
        bh_watchdog_pet();
        bool were_on = bh_irq_off();
        if (!more && link_arm())
            bh_net_wait(bh_now_ns() + (services_waiting() ? STEP_NS / 10 : STEP_NS));
        bh_irq_restore(were_on);
    }
}
