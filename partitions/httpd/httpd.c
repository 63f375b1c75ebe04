/* SPDX-License-Identifier: Apache-2.0 */
/* A web server: the partition's own state, its files, and bytes to measure with (page.c). Arguments: port=N (80), and those of the
 * network (bh_net.h). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bh.h"
#include "bh_net.h"
#include "server.h"

#define PORT 80u
#define ROUND_NS 1000000000ull

/* 0: not a port. */
static uint16_t port_of(const char *text)
{
    char *end;
    unsigned long port = strtoul(text, &end, 10);

    return *text < '0' || *text > '9' || *end || port > 65535 ? 0 : (uint16_t)port;
}

static void say_port(unsigned port)
{
    if (port != PORT)
        printf(":%u", port);
    printf("/\n");
}

static bool has_address6(const struct bh_net_status *net, const char *address)
{
    for (unsigned i = 0; i < BH_NET_ADDRESSES; i++)
        if (strcmp(net->address6[i], address) == 0)
            return true;
    return false;
}

/* What is new since the last time. */
static void say_changes(unsigned port)
{
    static struct bh_net_status last;
    struct bh_net_status net;

    bh_net_status(&net);
    if (net.link != last.link)
        printf(net.link ? "httpd: link up, %u Mbit/s\n" : "httpd: link down\n", net.speed);
    if (net.address[0] && strcmp(net.address, last.address) != 0) {
        printf("httpd: IPv4 %s, gateway %s (%s): http://%.*s", net.address, net.gateway[0] ? net.gateway : "none", net.how,
               (int)strcspn(net.address, "/"), net.address);
        say_port(port);
    }
    for (unsigned i = 0; i < BH_NET_ADDRESSES && net.address6[i][0]; i++)
        if (!has_address6(&last, net.address6[i])) {
            printf("httpd: IPv6 http://[%s]", net.address6[i]);
            say_port(port);
        }
    last = net;
}

int main(int argc, char **argv)
{
    uint16_t port = PORT;

    for (int i = 1; i < argc; i++)
        if (strncmp(argv[i], "port=", 5) == 0 && !(port = port_of(argv[i] + 5))) {
            printf("httpd: %s: a port is a number from 1 to 65535\n", argv[i]);
            return 1;
        }
    const char *problem = bh_net_start(argc - 1, argv + 1);
    if (!problem)
        problem = server_start(port);
    if (problem) {
        printf("httpd: %s\n", problem);
        return 1;
    }
    printf("httpd: ready, port %u\n", port);
    for (;;) {
        bh_net_poll();
        if (bh_net_changed())
            say_changes(port);
        bh_watchdog_pet();
        bh_net_wait(bh_now_ns() + ROUND_NS);
    }
}
