/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 9112 and the ranges of RFC 9110, as far as one file in one piece needs them. What could be understood in two ways is refused. */
#include "answer.h"

#include <string.h>

struct line {
    const char *at;
    size_t length;
};

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

static bool same(struct line line, const char *text)
{
    size_t i = 0;

    while (i < line.length && text[i] && lower(line.at[i]) == text[i])
        i++;
    return i == line.length && text[i] == 0;
}

/* Where the empty line ends; 0: not yet. */
static size_t head_end(const char *bytes, size_t count)
{
    for (size_t i = 0; i + 4 <= count; i++)
        if (memcmp(bytes + i, "\r\n\r\n", 4) == 0)
            return i + 4;
    return 0;
}

/* Decimal digits at the line's beginning, taken away from it. False: there are none, or more than a file has bytes. */
static bool take_number(struct line *line, uint64_t *number)
{
    size_t digits = 0;

    for (*number = 0; digits < line->length && line->at[digits] >= '0' && line->at[digits] <= '9'; digits++) {
        if (digits == 18)
            return false;
        *number = *number * 10 + (uint64_t)(line->at[digits] - '0');
    }
    line->at += digits;
    line->length -= digits;
    return digits > 0;
}

static bool take_text(struct line *line, const char *text)
{
    size_t length = strlen(text);

    if (line->length < length || memcmp(line->at, text, length) != 0)
        return false;
    line->at += length;
    line->length -= length;
    return true;
}

/* "bytes 512-1023/4096", or that of an answer 416, "bytes *" and the total, which says nothing to us. */
static const char *take_range(struct line value, struct answer *answer)
{
    if (answer->has_range)
        return "it gives its range twice";
    if (take_text(&value, "bytes */"))
        return 0;
    if (!take_text(&value, "bytes ") || !take_number(&value, &answer->first) || !take_text(&value, "-") ||
        !take_number(&value, &answer->last) || !take_text(&value, "/") || !take_number(&value, &answer->total) ||
        value.length > 0 || answer->first > answer->last || answer->last >= answer->total)
        return "its range makes no sense";
    answer->has_range = true;
    return 0;
}

static const char *take_length(struct line value, struct answer *answer)
{
    if (answer->has_length)
        return "it gives its length twice";
    answer->has_length = true;
    return take_number(&value, &answer->length) && value.length == 0 ? 0 : "its length is no number";
}

static const char *take_field(struct line line, struct answer *answer)
{
    const char *colon = memchr(line.at, ':', line.length);

    if (!colon || colon == line.at || line.at[0] == ' ' || line.at[0] == '\t')
        return "a line of its head has no name";
    struct line name = {line.at, (size_t)(colon - line.at)}, value = {colon + 1, line.length - name.length - 1};
    while (value.length > 0 && (*value.at == ' ' || *value.at == '\t')) {
        value.at++;
        value.length--;
    }
    while (value.length > 0 && (value.at[value.length - 1] == ' ' || value.at[value.length - 1] == '\t'))
        value.length--;
    if (same(name, "content-length"))
        return take_length(value, answer);
    if (same(name, "content-range"))
        return take_range(value, answer);
    if (same(name, "transfer-encoding"))
        return "it is sent in chunks, which this client does not read";
    if (same(name, "content-encoding") && !same(value, "identity"))
        return "it is compressed, which nobody asked for";
    return 0;
}

/* "HTTP/1.1 206 Partial Content" */
static const char *take_status(struct line line, struct answer *answer)
{
    uint64_t status;

    if ((!take_text(&line, "HTTP/1.1 ") && !take_text(&line, "HTTP/1.0 ")) || !take_number(&line, &status) || status < 100 ||
        status > 599 || (line.length > 0 && *line.at != ' '))
        return "it is not HTTP";
    answer->status = (unsigned)status;
    return 0;
}

static const char *take_head(const char *at, const char *end, struct answer *answer)
{
    const char *wrong = 0;

    for (bool first = true; !wrong && at < end - 2; first = false) {
        const char *cr = memchr(at, '\r', (size_t)(end - at)); /* the head ends with two of them */
        struct line line = {at, (size_t)(cr - at)};
        if (cr[1] != '\n' || memchr(at, 0, line.length) || memchr(at, '\n', line.length))
            return "a line of its head does not end as lines do";
        wrong = first ? take_status(line, answer) : take_field(line, answer);
        at = cr + 2;
    }
    return wrong;
}

size_t answer_parse(const char *bytes, size_t count, struct answer *answer)
{
    size_t size = head_end(bytes, count < ANSWER_HEAD_MAX ? count : ANSWER_HEAD_MAX);

    *answer = (struct answer){0};
    if (size == 0 && count < ANSWER_HEAD_MAX)
        return 0;
    answer->wrong = size == 0 ? "its head is too long" : take_head(bytes, bytes + size, answer);
    return size == 0 ? ANSWER_HEAD_MAX : size;
}
