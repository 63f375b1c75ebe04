/* SPDX-License-Identifier: Apache-2.0 */
/* Pure: also tested on the host. An escape is written whole or not at all. */
#include "text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void text_add(struct text *text, const char *format, ...)
{
    size_t room = text->size - text->length;
    va_list list;

    va_start(list, format);
    int length = vsnprintf(text->at + text->length, room, format, list);
    va_end(list);
    if (length < 0 || (size_t)length >= room) {
        text->cut = true;
        text->at[text->length] = 0; /* nothing rather than a piece */
        return;
    }
    text->length += (size_t)length;
}

/* Once something is cut, so is all that follows. */
static void add(struct text *text, const char *bytes, size_t count)
{
    if (text->cut || count >= text->size - text->length) {
        text->cut = true;
        return;
    }
    memcpy(text->at + text->length, bytes, count);
    text->length += count;
    text->at[text->length] = 0;
}

void text_html(struct text *text, const char *untrusted)
{
    for (; *untrusted; untrusted++) {
        const char *escape = *untrusted == '<'    ? "&lt;"
                             : *untrusted == '>'  ? "&gt;"
                             : *untrusted == '&'  ? "&amp;"
                             : *untrusted == '"'  ? "&quot;"
                             : *untrusted == '\'' ? "&#39;"
                                                  : 0;
        unsigned char byte = (unsigned char)*untrusted;
        if (!escape && (byte < ' ' || byte > '~'))
            escape = "?";
        add(text, escape ? escape : untrusted, escape ? strlen(escape) : 1);
    }
}

void text_json(struct text *text, const char *untrusted)
{
    for (; *untrusted; untrusted++) {
        unsigned char byte = (unsigned char)*untrusted;
        char escape[8];

        if (byte >= ' ' && byte <= '~' && byte != '"' && byte != '\\' && byte != '<' && byte != '>' && byte != '&') {
            add(text, untrusted, 1);
            continue;
        }
        add(text, escape, (size_t)snprintf(escape, sizeof(escape), "\\u%04x", byte)); /* bytes above 127 as Latin-1 */
    }
}

void text_url(struct text *text, const char *untrusted)
{
    for (; *untrusted; untrusted++) {
        unsigned char byte = (unsigned char)*untrusted;
        bool plain = (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z') ||
                     (byte != 0 && strchr("-._~/", byte));
        char escape[4];

        if (plain)
            add(text, untrusted, 1);
        else
            add(text, escape, (size_t)snprintf(escape, sizeof(escape), "%%%02X", byte));
    }
}
