/* SPDX-License-Identifier: Apache-2.0 */
/* Reading what is typed into probe. Pure: also tested on the host. */
#include "parse.h"

#include <string.h>

static int digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

bool parse_hex(const char *word, uint64_t *value)
{
    uint64_t result = 0;

    if (word[0] == '0' && (word[1] == 'x' || word[1] == 'X'))
        word += 2;
    if (*word == 0)
        return false;
    for (; *word; word++) {
        if (digit(*word) < 0 || result >> 60)
            return false;
        result = result << 4 | (uint64_t)digit(*word);
    }
    *value = result;
    return true;
}

bool parse_width(const char *word, unsigned *width)
{
    static const struct {
        const char *word;
        unsigned width;
    } widths[] = {{"8", 8}, {"16", 16}, {"32", 32}, {"64", 64}};

    for (size_t i = 0; i < sizeof(widths) / sizeof(widths[0]); i++)
        if (strcmp(word, widths[i].word) == 0) {
            *width = widths[i].width;
            return true;
        }
    return false;
}

/* Up to the character `end`, which is passed over. */
static bool field(const char **word, char end, unsigned most, uint64_t *value)
{
    *value = 0;
    for (unsigned digits = 0;; digits++, (*word)++) {
        if (**word == end && digits > 0)
            break;
        if (digit(**word) < 0 || digits == 2)
            return false;
        *value = *value << 4 | (uint64_t)digit(**word);
    }
    *word += end != 0;
    return *value <= most;
}

bool parse_function(const char *word, uint64_t *bdf)
{
    uint64_t bus = 0, device, function;

    if (strchr(word, ':') && !field(&word, ':', 255, &bus))
        return false;
    if (!field(&word, '.', 31, &device) || !field(&word, 0, 7, &function))
        return false;
    *bdf = bus << 8 | device << 3 | function;
    return true;
}

bool parse_bytes(const char *word, uint8_t *bytes, size_t max, size_t *count)
{
    size_t n = 0;

    for (; word[0]; word += 2) {
        if (n == max || digit(word[0]) < 0 || digit(word[1]) < 0)
            return false;
        bytes[n++] = (uint8_t)(digit(word[0]) << 4 | digit(word[1]));
    }
    *count = n;
    return n > 0;
}
