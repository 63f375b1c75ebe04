/* SPDX-License-Identifier: Apache-2.0 */
/* GRUB's environment block, the sector of it that has something: a line with its name, lines of the form name=value, and '#' up to the end. */
#include "environment.h"

#include <stdio.h>
#include <string.h>

static const char signature[] = "# GRUB Environment Block\n";

/* Where the filler begins: the last line is whole. 0: there is none, so that the variables go on in the next sector. */
static unsigned filler(const struct environment *environment)
{
    unsigned at = SECTOR;

    while (at > 0 && environment->text[at - 1] == '#')
        at--;
    return at < SECTOR && at > 0 && environment->text[at - 1] == '\n' ? at : 0;
}

bool environment_good(const struct environment *environment)
{
    return memcmp(environment->text, signature, sizeof(signature) - 1) == 0 && filler(environment) > 0 &&
           memchr(environment->text, 0, SECTOR) == 0;
}

bool environment_rest_good(const uint8_t rest[SECTOR])
{
    unsigned at = 0;

    while (at < SECTOR && rest[at] == '#')
        at++;
    return at == SECTOR;
}

void environment_new(struct environment *environment)
{
    static const char *const values[][2] = {{"ORDER", "A B"}, {"A_OK", "1"}, {"A_TRY", "0"}, {"B_OK", "1"}, {"B_TRY", "0"}};

    memset(environment->text, '#', SECTOR);
    memcpy(environment->text, signature, sizeof(signature) - 1);
    for (unsigned i = 0; i < sizeof(values) / sizeof(values[0]); i++)
        environment_set(environment, values[i][0], values[i][1]);
}

/* Bounds of the line that sets it. False: there is none. */
static bool line_find(const struct environment *environment, const char *name, unsigned *from, unsigned *to)
{
    unsigned length = (unsigned)strlen(name), end = filler(environment);

    for (*from = 0; *from < end; *from = *to) {
        const char *line = environment->text + *from;
        *to = *from;
        while (*to < end && environment->text[(*to)++] != '\n')
            ;
        if (*to - *from > length && memcmp(line, name, length) == 0 && line[length] == '=')
            return true;
    }
    return false;
}

void environment_get(const struct environment *environment, const char *name, char value[ENVIRONMENT_VALUE])
{
    unsigned from, to, head = (unsigned)strlen(name) + 1;

    value[0] = 0;
    if (!line_find(environment, name, &from, &to) || to - from - head - 1 >= ENVIRONMENT_VALUE)
        return;
    memcpy(value, environment->text + from + head, to - from - head - 1);
    value[to - from - head - 1] = 0;
}

uint32_t environment_number(const struct environment *environment, const char *name)
{
    char value[ENVIRONMENT_VALUE];
    uint32_t number = 0;

    environment_get(environment, name, value);
    if (strlen(value) > 9)
        return 0;
    for (const char *at = value; *at; at++) {
        if (*at < '0' || *at > '9')
            return 0;
        number = number * 10 + (uint32_t)(*at - '0');
    }
    return number;
}

bool environment_set(struct environment *environment, const char *name, const char *value)
{
    char line[48];
    unsigned from, to, end = filler(environment);
    int length = snprintf(line, sizeof(line), "%s=%s\n", name, value);

    if (!line_find(environment, name, &from, &to))
        from = to = end;
    /* At least one '#' stays: without it the block would not be whole for us. */
    if (end == 0 || length >= (int)sizeof(line) || end - (to - from) + (unsigned)length >= SECTOR)
        return false;
    memmove(environment->text + from, environment->text + to, end - to);
    end -= to - from;
    memcpy(environment->text + end, line, (unsigned)length);
    end += (unsigned)length;
    memset(environment->text + end, '#', SECTOR - end);
    return true;
}

bool environment_set_number(struct environment *environment, const char *name, uint32_t number)
{
    char value[ENVIRONMENT_VALUE];

    snprintf(value, sizeof(value), "%u", (unsigned)number);
    return environment_set(environment, name, value);
}
