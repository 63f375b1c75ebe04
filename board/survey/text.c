/* SPDX-License-Identifier: Apache-2.0 */
/* Text of the survey: formatted, summed up, and put out character by character. */
#include <stdarg.h>

#include "survey.h"

#define LINE_MAX 640u

struct out {
    char *text;
    size_t room, used;
};

static void add(struct out *out, char c)
{
    if (out->used + 1 < out->room)
        out->text[out->used++] = c;
}

static void add_text(struct out *out, const char *text, unsigned width)
{
    unsigned length = 0;

    for (; text[length] != 0; length++)
        add(out, text[length]);
    for (; length < width; length++)
        add(out, ' ');
}

static void add_number(struct out *out, uint64_t value, unsigned base, unsigned width)
{
    char digits[24];
    unsigned count = 0;

    do
        digits[count++] = "0123456789abcdef"[value % base];
    while ((value /= base) != 0 && count < sizeof(digits));
    for (; width > count; width--)
        add(out, '0');
    while (count > 0)
        add(out, digits[--count]);
}

size_t text_list(char *text, size_t room, const char *format, va_list list)
{
    struct out out = {text, room, 0};

    for (const char *at = format; *at != 0; at++) {
        unsigned width = 0;

        if (*at != '%') {
            add(&out, *at);
            continue;
        }
        for (at++; *at == '-' || (*at >= '0' && *at <= '9'); at++)
            width = *at == '-' ? 0 : width * 10 + (unsigned)(*at - '0');
        if (*at == 's')
            add_text(&out, va_arg(list, const char *), width);
        else if (*at == 'u' || *at == 'x')
            add_number(&out, va_arg(list, unsigned), *at == 'u' ? 10 : 16, width);
        else if (*at == 'l' && at[1] == 'x')
            add_number(&out, va_arg(list, unsigned long), 16, width), at++;
        else
            add(&out, *at);
    }
    text[out.used] = 0;
    return out.used;
}

size_t text_format(char *out, size_t room, const char *format, ...)
{
    va_list list;
    size_t used;

    va_start(list, format);
    used = text_list(out, room, format, list);
    va_end(list);
    return used;
}

static uint32_t sum;

void text_sum_begin(void)
{
    sum = UINT32_MAX;
}

uint32_t text_sum(void)
{
    return ~sum;
}

static void sum_add(uint8_t byte)
{
    sum ^= byte;
    for (unsigned bit = 0; bit < 8; bit++)
        sum = sum >> 1 ^ (sum & 1 ? 0xedb88320u : 0);
}

void say(const char *format, ...)
{
    char line[LINE_MAX];
    va_list list;

    va_start(list, format);
    (void)text_list(line, sizeof(line), format, list);
    va_end(list);
    for (const char *at = line; *at != 0; at++) {
        sum_add((uint8_t)*at);
        survey_put(*at);
    }
}
