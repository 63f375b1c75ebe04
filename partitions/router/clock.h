/* SPDX-License-Identifier: Apache-2.0 */
/* The time by SNTP (RFC 4330, the client and server of one hop), and the lines of syslog (RFC 5424). Pure; nanoseconds since 1970. */
#ifndef ROUTER_CLOCK_H
#define ROUTER_CLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SNTP_SIZE 48u
#define SNTP_PORT 123u

/* A question, which carries `cookie` as its time: the answer must bring it back. */
void sntp_question(uint8_t out[SNTP_SIZE], uint64_t cookie);
/* False: not an answer to that question, or from one that does not know the time. `sent`, `came`: by our own clock; *offset: to be added to it. */
bool sntp_answer(const uint8_t *bytes, size_t size, uint64_t cookie, uint64_t sent, uint64_t came, int64_t *offset,
                 uint8_t *stratum);
/* Our answer to a client's question. `stratum` 0: we do not know the time, and say so. False: not a question. */
bool sntp_serve(const uint8_t *bytes, size_t size, uint64_t now, uint8_t stratum, uint8_t out[SNTP_SIZE]);

#define SYSLOG_PORT 514u
#define SYSLOG_MAX 480u /* bytes of a message: what every receiver takes (RFC 5426) */
enum { SYSLOG_WARNING = 4, SYSLOG_NOTICE = 5, SYSLOG_INFO = 6 };
/* A message as one datagram; `now` 0: the time is not known. Characters that are none are made visible. Returns its length. */
size_t syslog_line(char out[SYSLOG_MAX], unsigned severity, uint64_t now, const char *host, const char *id, const char *text);

#endif
