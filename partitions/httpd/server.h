/* SPDX-License-Identifier: Apache-2.0 */
/* The web server on lwIP's raw interface. */
#ifndef HTTPD_SERVER_H
#define HTTPD_SERVER_H

#include <stdint.h>

#define SERVER_CONNECTIONS 128u

/* Serve on this port, IPv4 and IPv6, inside bh_net_poll() from now on. 0, or what went wrong. */
const char *server_start(uint16_t port);

struct server_counters {
    uint64_t accepted;    /* connections */
    uint64_t turned_away; /* connections for which there was no room */
    uint64_t requests;    /* answered, or being answered, with what was asked for */
    uint64_t refused;     /* requests answered with an error */
    uint64_t slow;        /* connections ended because they were too slow, or made way for others */
    uint64_t broken;      /* connections that ended by a reset or a time-out of TCP */
    uint64_t bytes;       /* of answers, acknowledged by their clients */
    unsigned open, most;  /* now; at most so far */
};
struct server_counters server_counters(void);

#endif
