/* SPDX-License-Identifier: Apache-2.0 */
/* What the router does itself: messages to a syslog server, the time from outside, offered inside. */
#ifndef ROUTER_SERVICES_H
#define ROUTER_SERVICES_H

#include <stdbool.h>
#include <stdint.h>

const char *services_start(void); /* once there are interfaces. 0, or what is wrong */
void services_step(void);         /* in each round */
bool services_waiting(void);      /* a message is to be sent soon */
void services_show(void);         /* what it has passed on, on the console */
uint64_t services_now(void);      /* nanoseconds since 1970; 0: not known yet */
/* A message on the console and, once we have an address, to the syslog server. */
void say(unsigned severity, const char *id, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
