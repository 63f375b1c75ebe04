/* SPDX-License-Identifier: Apache-2.0 */
/* What is served: a request's path becomes a page, whose bytes are asked for piece by piece. Nothing here knows the network. */
#ifndef HTTPD_PAGE_H
#define HTTPD_PAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bh.h"
#include "bh_net.h"
#include "http.h"

#define PAGE_TEXT 8192u     /* room for a page that is written for its request */
#define PAGE_PATTERN 65521u /* a prime: a byte lost or doubled anywhere shows */
#define PAGE_OTHERS 16u
#define PAGE_LENGTH_MAX (1ull << 40)

struct page_facts {
    const char *name;
    uint64_t uptime_ns, busy_ns, lives;
    struct {
        uint64_t accepted, turned_away, requests, refused, bytes, slow, broken;
        unsigned open, most;
    } server;
    struct bh_net_status net;
    struct bh_health others[PAGE_OTHERS]; /* partitions that the product table lets this one observe */
    unsigned other_count;
};

struct page {
    unsigned status;
    const char *type;
    bool cache;           /* may be kept by the browser */
    bool stays;           /* bytes stay where they are: they may be sent from there. Else: text, to be copied */
    uint64_t length;      /* of the whole page */
    const uint8_t *bytes; /* the first `period` bytes, which then begin again */
    uint64_t period;
    char text[PAGE_TEXT];
};

/* Does this path show the state of others? */
bool page_is_status(const char *path);
/* Never fails: what is not there becomes a page that says so. */
void page_make(struct page *page, const struct http_request *request, const struct page_facts *facts);
/* Bytes at this offset, which is below page->length; at least one. */
const uint8_t *page_piece(const struct page *page, uint64_t offset, uint64_t *count);

#endif
