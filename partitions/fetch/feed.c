/* SPDX-License-Identifier: Apache-2.0 */
/* The word of the product table that says where bundles come from. */
#include "feed.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define SCHEME "http://"
#define PORT 80u

static const char *take_port(const char **at, uint16_t *port)
{
    uint32_t value = 0;
    const char *begin = *at;

    for (; **at >= '0' && **at <= '9' && value <= 65535; (*at)++)
        value = value * 10 + (uint32_t)(**at - '0');
    *port = (uint16_t)value;
    return *at == begin || value == 0 || value > 65535 ? "its port is a number from 1 to 65535" : 0;
}

const char *feed_parse(const char *text, struct feed *feed)
{
    *feed = (struct feed){.port = PORT};
    if (strncmp(text, SCHEME, strlen(SCHEME)) != 0)
        return "it begins with http://";
    text += strlen(SCHEME);
    size_t length = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-");
    if (length == 0 || length >= FEED_HOST_MAX)
        return "its host is an IPv4 address or a name of at most 63 letters";
    memcpy(feed->host, text, length);
    text += length;
    if (*text == ':') {
        text++;
        const char *wrong = take_port(&text, &feed->port);
        if (wrong)
            return wrong;
    }
    if (*text != '/')
        return "a path follows its host and port";
    if (strlen(text) >= FEED_PATH_MAX)
        return "its path has at most 255 bytes";
    for (const char *c = text; *c; c++)
        if (*c <= ' ' || *c > '~' || *c == '#')
            return "its path is printable ASCII without spaces and #";
    memcpy(feed->path, text, strlen(text));
    return 0;
}

size_t feed_request(const struct feed *feed, uint64_t first, uint64_t last, char request[FEED_REQUEST_MAX])
{
    char end[24] = "";

    if (last)
        snprintf(end, sizeof(end), "%" PRIu64, last);
    /* The longest: 255 of a path, 63 of a host, a port and two numbers. */
    return (size_t)snprintf(request, FEED_REQUEST_MAX,
                            "GET %s HTTP/1.1\r\nHost: %s:%u\r\nRange: bytes=%" PRIu64 "-%s\r\nConnection: close\r\n\r\n",
                            feed->path, feed->host, (unsigned)feed->port, first, end);
}
