/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP/1.1 as far as a server of pages and files needs it: GET and HEAD, no bodies. Pure: requests come in as bytes, headers go out as
 * bytes. */
#ifndef HTTPD_HTTP_H
#define HTTPD_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HTTP_REQUEST_MAX 2048u /* bytes of a request with its headers */
#define HTTP_PATH_MAX 256u
#define HTTP_HEADER_MAX 512u /* of an answer */

struct http_request {
    unsigned status; /* 200: a sound request; else what to answer, and then to close */
    bool head;
    bool keep_alive;
    char path[HTTP_PATH_MAX]; /* decoded, without the query, printable ASCII, begins with '/' */
};

/* The first request in these bytes. Returns how many belong to it; 0: not complete yet. More than HTTP_REQUEST_MAX bytes are always
 * enough for an answer, if only that they are too many. */
size_t http_parse(const char *bytes, size_t count, struct http_request *request);

/* Header of an answer, with the empty line behind it; at most HTTP_HEADER_MAX bytes. */
size_t http_header(char *to, unsigned status, const char *type, bool cache, uint64_t length, bool keep_alive);
const char *http_reason(unsigned status);

#endif
