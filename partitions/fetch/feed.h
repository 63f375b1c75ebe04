/* SPDX-License-Identifier: Apache-2.0 */
/* Where bundles are offered, and the text of a request to there. Pure. */
#ifndef FETCH_FEED_H
#define FETCH_FEED_H

#include <stddef.h>
#include <stdint.h>

#define FEED_HOST_MAX 64u
#define FEED_PATH_MAX 256u
#define FEED_REQUEST_MAX 512u

struct feed {
    char host[FEED_HOST_MAX]; /* an IPv4 address or a name */
    uint16_t port;
    char path[FEED_PATH_MAX]; /* begins with '/' */
};

/* "http://HOST[:PORT]/PATH". 0, or what is wrong with it. */
const char *feed_parse(const char *text, struct feed *feed);

/* Ask for the bytes from `first` on, up to `last` inclusive; `last` 0: up to the end. Returns its length. */
size_t feed_request(const struct feed *feed, uint64_t first, uint64_t last, char request[FEED_REQUEST_MAX]);

#endif
