/* SPDX-License-Identifier: Apache-2.0 */
/*   /                  status as HTML          /files/NAME     a file of the archive
 *   /status.json       the same for programs   /zeros/N        N bytes of zero
 *   /files/            what there is           /pattern/N      N bytes of a pattern, the same ones always
 * The last two need no memory, however large N is. */
#include "page.h"

#include <string.h>

#include "bh.h"
#include "text.h"

#define SECOND 1000000000ull
#define LISTED_TAIL 96u /* kept for the end of a list */

static uint8_t zeros[16384], pattern[PAGE_PATTERN];

/* The middle of a linear congruential generator's state: bytes that repeat nowhere within the period. */
static void pattern_make(void)
{
    uint32_t state = 1;

    if (pattern[0] != 0)
        return;
    for (unsigned i = 0; i < sizeof(pattern); i++) {
        state = state * 1664525u + 1013904223u;
        pattern[i] = (uint8_t)(state >> 16);
    }
}

static struct text text_begin(struct page *page)
{
    page->text[0] = 0;
    return (struct text){.at = page->text, .size = sizeof(page->text)};
}

static void text_end(struct page *page, const struct text *text)
{
    page->bytes = (const uint8_t *)page->text;
    page->length = page->period = text->length;
}

static void page_error(struct page *page, unsigned status)
{
    struct text text = text_begin(page);

    page->status = status;
    page->type = "text/plain; charset=us-ascii";
    page->cache = page->stays = false;
    text_add(&text, "%u %s\n", status, http_reason(status));
    text_end(page, &text);
}

/* --- status ------------------------------------------------------------------------------------------------------------------ */

static void html_row(struct text *text, const char *name, const char *value)
{
    text_add(text, "<tr><th>%s</th><td>", name);
    text_html(text, value[0] ? value : "-");
    text_add(text, "</td></tr>\n");
}

static void html_number(struct text *text, const char *name, uint64_t value)
{
    text_add(text, "<tr><th>%s</th><td>%llu</td></tr>\n", name, (unsigned long long)value);
}

static const char *state_name(enum bh_state state)
{
    static const char *const names[] = {"created", "loading", "running", "stopping", "back-off", "stopped", "paused"};

    return state < BH_STATE_COUNT ? names[state] : "unknown";
}

static void html_others(struct text *text, const struct page_facts *facts)
{
    if (facts->other_count == 0)
        return;
    text_add(text, "<h2>Partitions</h2>\n<table>\n");
    for (unsigned i = 0; i < facts->other_count; i++) {
        text_add(text, "<tr><th>");
        text_html(text, facts->others[i].name);
        text_add(text, "</th><td>%s, started %llu times</td></tr>\n", state_name(facts->others[i].state),
                 (unsigned long long)facts->others[i].starts);
    }
    text_add(text, "</table>\n");
}

static void status_html(struct page *page, const struct page_facts *facts)
{
    struct text text = text_begin(page);
    const struct bh_net_status *net = &facts->net;

    text_add(&text, "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>");
    text_html(&text, facts->name);
    text_add(&text,
             "</title>\n<style>body{font-family:sans-serif;margin:2em}th{text-align:left;padding-right:2em;font-weight:normal}"
             "</style></head>\n<body><h1>");
    text_html(&text, facts->name);
    text_add(&text, "</h1>\n<table>\n");
    text_add(&text, "<tr><th>up</th><td>%llu s</td></tr>\n", (unsigned long long)(facts->uptime_ns / SECOND));
    html_number(&text, "lives", facts->lives);
    html_number(&text, "requests", facts->server.requests);
    html_number(&text, "connections open", facts->server.open);
    html_number(&text, "connections accepted", facts->server.accepted);
    html_number(&text, "bytes sent", facts->server.bytes);
    text_add(&text, "</table>\n<h2>Network</h2>\n<table>\n");
    html_row(&text, "link", net->loopback_only ? "loopback only" : net->link ? "up" : "down");
    html_row(&text, "IPv4", net->address);
    html_row(&text, "gateway", net->gateway);
    for (unsigned i = 0; i < BH_NET_ADDRESSES && net->address6[i][0]; i++)
        html_row(&text, "IPv6", net->address6[i]);
    html_number(&text, "frames received", net->counters.received);
    html_number(&text, "frames sent", net->counters.sent);
    html_number(&text, "frames dropped", net->counters.dropped);
    text_add(&text, "</table>\n");
    html_others(&text, facts);
    text_add(&text, "<p><a href=\"/status.json\">status.json</a> <a href=\"/files/\">files</a></p></body></html>\n");
    page->type = "text/html; charset=utf-8";
    text_end(page, &text);
}

static void json_texts(struct text *text, const char *name, const char (*list)[BH_NET_TEXT], unsigned count)
{
    text_add(text, "\"%s\":[", name);
    for (unsigned i = 0; i < count && list[i][0]; i++) {
        text_add(text, "%s\"", i ? "," : "");
        text_json(text, list[i]);
        text_add(text, "\"");
    }
    text_add(text, "]");
}

static void json_text(struct text *text, const char *name, const char *value)
{
    text_add(text, "\"%s\":\"", name);
    text_json(text, value);
    text_add(text, "\",");
}

static void json_number(struct text *text, const char *name, uint64_t value, const char *after)
{
    text_add(text, "\"%s\":%llu%s", name, (unsigned long long)value, after);
}

static void json_server(struct text *text, const struct page_facts *facts)
{
    text_add(text, "\"server\":{");
    json_number(text, "open", facts->server.open, ",");
    json_number(text, "most", facts->server.most, ",");
    json_number(text, "accepted", facts->server.accepted, ",");
    json_number(text, "turned_away", facts->server.turned_away, ",");
    json_number(text, "requests", facts->server.requests, ",");
    json_number(text, "refused", facts->server.refused, ",");
    json_number(text, "too_slow", facts->server.slow, ",");
    json_number(text, "broken", facts->server.broken, ",");
    json_number(text, "bytes", facts->server.bytes, "},\n");
}

static void json_net(struct text *text, const struct bh_net_status *net)
{
    const struct bh_net_counters *c = &net->counters;

    text_add(text, "\"net\":{\"loopback_only\":%s,\"link\":%s,\"mbit\":%u,\"mac\":\"%02x:%02x:%02x:%02x:%02x:%02x\",",
             net->loopback_only ? "true" : "false", net->link ? "true" : "false", net->speed, net->mac[0], net->mac[1], net->mac[2],
             net->mac[3], net->mac[4], net->mac[5]);
    json_text(text, "how", net->how);
    json_text(text, "ipv4", net->address);
    json_text(text, "gateway", net->gateway);
    json_texts(text, "ipv6", net->address6, BH_NET_ADDRESSES);
    text_add(text, ",");
    json_texts(text, "dns", net->name_server, BH_NET_NAME_SERVERS);
    text_add(text, ",\n");
    json_number(text, "tcp_connections", net->tcp_connections, ",");
    json_number(text, "received", c->received, ",");
    json_number(text, "received_bytes", c->received_bytes, ",");
    json_number(text, "sent", c->sent, ",");
    json_number(text, "sent_bytes", c->sent_bytes, ",");
    json_number(text, "dropped", c->dropped, ",");
    json_number(text, "bad", c->bad, ",");
    json_number(text, "restarts", c->restarts, ",");
    json_number(text, "interrupts", c->interrupts, ",\n");
    json_number(text, "memory_used", net->memory_used, ",");
    json_number(text, "memory_most", net->memory_most, ",");
    json_number(text, "memory_size", net->memory_size, ",");
    json_number(text, "memory_refused", net->memory_refused, "}");
}

static void json_others(struct text *text, const struct page_facts *facts)
{
    text_add(text, "\"partitions\":[");
    for (unsigned i = 0; i < facts->other_count; i++) {
        text_add(text, "%s{", i ? "," : "");
        json_text(text, "name", facts->others[i].name);
        json_text(text, "state", state_name(facts->others[i].state));
        json_number(text, "starts", facts->others[i].starts, "}");
    }
    text_add(text, "],\n");
}

static void status_json(struct page *page, const struct page_facts *facts)
{
    struct text text = text_begin(page);

    text_add(&text, "{");
    json_text(&text, "name", facts->name);
    text_add(&text, "\"uptime\":%llu.%03llu,", (unsigned long long)(facts->uptime_ns / SECOND),
             (unsigned long long)(facts->uptime_ns / (SECOND / 1000) % 1000));
    json_number(&text, "busy_us", facts->busy_ns / (SECOND / 1000000), ",");
    json_number(&text, "lives", facts->lives, ",\n");
    json_server(&text, facts);
    json_others(&text, facts);
    json_net(&text, &facts->net);
    text_add(&text, "}\n");
    page->type = "application/json";
    text_end(page, &text);
}

/* --- files --------------------------------------------------------------------------------------------------------------------- */

static const char *type_of(const char *name)
{
    static const struct {
        const char *ending, *type;
    } types[] = {{".html", "text/html; charset=utf-8"},
                 {".css", "text/css; charset=utf-8"},
                 {".js", "text/javascript; charset=utf-8"},
                 {".json", "application/json"},
                 {".txt", "text/plain; charset=utf-8"},
                 {".md", "text/plain; charset=utf-8"},
                 {".png", "image/png"},
                 {".jpg", "image/jpeg"},
                 {".gif", "image/gif"},
                 {".svg", "image/svg+xml"},
                 {".ico", "image/x-icon"},
                 {".pdf", "application/pdf"}};
    const char *dot = strrchr(name, '.');

    for (unsigned i = 0; dot && i < sizeof(types) / sizeof(types[0]); i++)
        if (strcmp(dot, types[i].ending) == 0)
            return types[i].type;
    return "application/octet-stream";
}

static void page_list(struct page *page)
{
    struct text text = text_begin(page), before;
    struct bh_file file = {0};
    unsigned left = 0;

    text_add(
        &text,
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>files</title></head>\n<body><h1>files</h1><ul>\n");
    text.size -= LISTED_TAIL;
    while (bh_file_next(&file)) {
        before = text;
        text_add(&text, "<li><a href=\"/files/");
        text_url(&text, file.name);
        text_add(&text, "\">");
        text_html(&text, file.name);
        text_add(&text, "</a> %llu</li>\n", (unsigned long long)file.size);
        if (text.cut || left > 0) {
            text = before;
            left++;
        }
    }
    text.size += LISTED_TAIL;
    if (left > 0)
        text_add(&text, "<li>and %u more</li>\n", left);
    text_add(&text, "</ul></body></html>\n");
    page->type = "text/html; charset=utf-8";
    text_end(page, &text);
}

static void page_file(struct page *page, const char *name)
{
    struct bh_file file;

    if (!bh_file_open(name, &file)) {
        page_error(page, 404);
        return;
    }
    page->type = type_of(name);
    page->cache = page->stays = true;
    page->bytes = file.bytes;
    page->length = page->period = file.size;
}

/* --- bytes without memory -------------------------------------------------------------------------------------------------------- */

static void page_repeat(struct page *page, const char *number, const uint8_t *bytes, uint64_t period)
{
    uint64_t length = 0;

    for (const char *digit = number; *digit; digit++) {
        if (*digit < '0' || *digit > '9' || length > PAGE_LENGTH_MAX) {
            page_error(page, 404);
            return;
        }
        length = length * 10 + (uint64_t)(*digit - '0');
    }
    if (number[0] == 0 || length > PAGE_LENGTH_MAX) {
        page_error(page, 404);
        return;
    }
    page->type = "application/octet-stream";
    page->cache = page->stays = true;
    page->bytes = bytes;
    page->period = period;
    page->length = length;
}

/* The rest of the path behind this, or 0. */
static const char *behind(const char *path, const char *prefix)
{
    size_t length = strlen(prefix);

    return strncmp(path, prefix, length) == 0 ? path + length : 0;
}

bool page_is_status(const char *path)
{
    return strcmp(path, "/") == 0 || strcmp(path, "/status.json") == 0;
}

void page_make(struct page *page, const struct http_request *request, const struct page_facts *facts)
{
    const char *path = request->path, *rest;

    page->status = request->status;
    page->cache = page->stays = false;
    pattern_make();
    if (request->status != 200)
        page_error(page, request->status);
    else if (strcmp(path, "/") == 0)
        status_html(page, facts);
    else if (strcmp(path, "/status.json") == 0)
        status_json(page, facts);
    else if (strcmp(path, "/files/") == 0 || strcmp(path, "/files") == 0)
        page_list(page);
    else if ((rest = behind(path, "/files/")))
        page_file(page, rest);
    else if ((rest = behind(path, "/zeros/")))
        page_repeat(page, rest, zeros, sizeof(zeros));
    else if ((rest = behind(path, "/pattern/")))
        page_repeat(page, rest, pattern, sizeof(pattern));
    else
        page_error(page, 404);
}

const uint8_t *page_piece(const struct page *page, uint64_t offset, uint64_t *count)
{
    uint64_t within = offset % page->period, left = page->length - offset;

    *count = page->period - within < left ? page->period - within : left;
    return page->bytes + within;
}
