/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 9112, strictly: a request that two readers could understand differently is refused. */
#include "http.h"

#include <stdio.h>
#include <string.h>

#define VERSION "HTTP/1."

/* A line, without its end. */
struct line {
    const char *at;
    size_t length;
};

struct headers {
    unsigned hosts;
    bool close, keep, body, bad;
};

static bool line_is(struct line line, const char *text)
{
    return line.length == strlen(text) && memcmp(line.at, text, line.length) == 0;
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

static bool same(const char *a, size_t length, const char *b)
{
    size_t i = 0;

    while (i < length && b[i] && lower(a[i]) == b[i])
        i++;
    return i == length && b[i] == 0;
}

/* Is the word in this list with commas? */
static bool list_has(struct line list, const char *word)
{
    size_t at = 0;

    while (at < list.length) {
        size_t begin = at, end;
        while (at < list.length && list.at[at] != ',')
            at++;
        for (end = at++; begin < end && (list.at[begin] == ' ' || list.at[begin] == '\t');)
            begin++;
        while (end > begin && (list.at[end - 1] == ' ' || list.at[end - 1] == '\t'))
            end--;
        if (same(list.at + begin, end - begin, word))
            return true;
    }
    return false;
}

/* Where the empty line is that ends the request; 0: not yet. Lines end with CR LF, or LF alone. */
static size_t request_end(const char *bytes, size_t count)
{
    for (size_t i = 0; i + 1 < count; i++)
        if (bytes[i] == '\n' && (bytes[i + 1] == '\n' || (bytes[i + 1] == '\r' && i + 2 < count && bytes[i + 2] == '\n')))
            return i + (bytes[i + 1] == '\n' ? 2 : 3);
    return 0;
}

static struct line next_line(const char **at, const char *end)
{
    struct line line = {*at, 0};

    while (*at < end && **at != '\n')
        (*at)++;
    line.length = (size_t)(*at - line.at);
    if (*at < end)
        (*at)++;
    if (line.length > 0 && line.at[line.length - 1] == '\r')
        line.length--;
    return line;
}

static int hex(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : lower(c) >= 'a' && lower(c) <= 'f' ? lower(c) - 'a' + 10 : -1;
}

/* The target's path, decoded. 200 or what is wrong with it. */
static unsigned take_path(struct line target, char *path)
{
    size_t used = 0;

    if (target.length == 0 || target.at[0] != '/')
        return 400;
    for (size_t i = 0; i < target.length && target.at[i] != '?'; i++) {
        char c = target.at[i];
        if (c == '%') {
            int high = i + 2 < target.length ? hex(target.at[i + 1]) : -1, low = i + 2 < target.length ? hex(target.at[i + 2]) : -1;
            if (high < 0 || low < 0)
                return 400;
            c = (char)(high << 4 | low);
            i += 2;
        }
        if (c < ' ' || c > '~')
            return 400;
        if (used + 1 == HTTP_PATH_MAX)
            return 414;
        path[used++] = c;
    }
    path[used] = 0;
    return 200;
}

/* "GET /path HTTP/1.1" */
static unsigned take_request_line(struct line line, struct http_request *request, bool *old)
{
    const char *blank = memchr(line.at, ' ', line.length), *end = line.at + line.length;

    if (!blank)
        return 400;
    struct line method = {line.at, (size_t)(blank - line.at)};
    const char *second = memchr(blank + 1, ' ', (size_t)(end - blank - 1));
    if (!second)
        return 400;
    struct line target = {blank + 1, (size_t)(second - blank - 1)}, version = {second + 1, (size_t)(end - second - 1)};
    if (version.length != sizeof(VERSION) || memcmp(version.at, VERSION, sizeof(VERSION) - 1) != 0)
        return version.length >= 5 && memcmp(version.at, "HTTP/", 5) == 0 ? 505 : 400;
    char minor = version.at[sizeof(VERSION) - 1];
    if (minor != '0' && minor != '1')
        return 505;
    *old = minor == '0';
    request->head = line_is(method, "HEAD");
    unsigned status = take_path(target, request->path);
    if (status == 200 && !request->head && !line_is(method, "GET"))
        status = 405;
    return status;
}

static void take_header(struct line line, struct headers *headers)
{
    const char *colon = memchr(line.at, ':', line.length);

    if (!colon || colon == line.at) {
        headers->bad = true;
        return;
    }
    size_t name = (size_t)(colon - line.at);
    for (size_t i = 0; i < name; i++)
        headers->bad = headers->bad || line.at[i] <= ' ' || line.at[i] > '~'; /* also a line that goes on with a blank */
    struct line value = {colon + 1, line.length - name - 1};
    if (same(line.at, name, "host"))
        headers->hosts++;
    if (same(line.at, name, "connection")) {
        headers->close = headers->close || list_has(value, "close");
        headers->keep = headers->keep || list_has(value, "keep-alive");
    }
    if (same(line.at, name, "transfer-encoding") || (same(line.at, name, "content-length") && !list_has(value, "0")))
        headers->body = true;
}

/* Bytes that no text has: a NUL could end it early somewhere. */
static bool has_nul(const char *bytes, size_t count)
{
    return memchr(bytes, 0, count) != 0;
}

size_t http_parse(const char *bytes, size_t count, struct http_request *request)
{
    const char *at = bytes;
    struct headers headers = {0};
    bool old = true;

    *request = (struct http_request){.status = 200};
    size_t size = request_end(bytes, count);
    if (size == 0 && count < HTTP_REQUEST_MAX)
        return 0;
    if (size == 0 || size > HTTP_REQUEST_MAX) {
        request->status = 431;
        return count;
    }
    request->status = has_nul(bytes, size) ? 400 : take_request_line(next_line(&at, bytes + size), request, &old);
    for (struct line line = next_line(&at, bytes + size); line.length > 0; line = next_line(&at, bytes + size))
        take_header(line, &headers);
    if (request->status == 200 && (headers.bad || headers.hosts > 1 || (!old && headers.hosts == 0)))
        request->status = 400;
    if (request->status == 200 && headers.body)
        request->status = 413;
    request->keep_alive = request->status == 200 && !headers.close && (!old || headers.keep);
    return size;
}

const char *http_reason(unsigned status)
{
    static const struct {
        unsigned status;
        const char *reason;
    } reasons[] = {{200, "OK"},
                   {400, "Bad Request"},
                   {404, "Not Found"},
                   {405, "Method Not Allowed"},
                   {413, "Content Too Large"},
                   {414, "URI Too Long"},
                   {431, "Request Header Fields Too Large"},
                   {503, "Service Unavailable"},
                   {505, "HTTP Version Not Supported"}};

    for (unsigned i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
        if (reasons[i].status == status)
            return reasons[i].reason;
    return "Error";
}

size_t http_header(char *to, unsigned status, const char *type, bool cache, uint64_t length, bool keep_alive)
{
    int count = snprintf(to, HTTP_HEADER_MAX,
                         "HTTP/1.1 %u %s\r\nContent-Type: %s\r\nContent-Length: %llu\r\nConnection: %s\r\n%s%s"
                         "X-Content-Type-Options: nosniff\r\n\r\n",
                         status, http_reason(status), type, (unsigned long long)length, keep_alive ? "keep-alive" : "close",
                         cache ? "" : "Cache-Control: no-store\r\n", status == 405 ? "Allow: GET, HEAD\r\n" : "");

    return count < 0 || count >= (int)HTTP_HEADER_MAX ? 0 : (size_t)count;
}
