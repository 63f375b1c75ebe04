/* SPDX-License-Identifier: Apache-2.0 */
/* Text that grows in a buffer of fixed size: what does not fit is cut, and known to be. */
#ifndef HTTPD_TEXT_H
#define HTTPD_TEXT_H

#include <stdbool.h>
#include <stddef.h>

struct text {
    char *at;
    size_t size, length; /* room, used; there is always a NUL behind */
    bool cut;
};

void text_add(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Untrusted text for HTML, also inside quoted attributes; inside a JSON string; as a path in a URL. */
void text_html(struct text *text, const char *untrusted);
void text_json(struct text *text, const char *untrusted);
void text_url(struct text *text, const char *untrusted);

#endif
