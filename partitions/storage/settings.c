/* SPDX-License-Identifier: Apache-2.0 */
/* Arguments of `storage`: words of the form name=number or name=number,number. */
#include "settings.h"

#include <string.h>

/* Decimal, at most `most`; moves *text behind it. */
static bool number(const char **text, uint32_t most, uint32_t *value)
{
    uint64_t result = 0;
    const char *at = *text;

    if (*at < '0' || *at > '9')
        return false;
    for (; *at >= '0' && *at <= '9'; at++) {
        result = result * 10 + (uint64_t)(*at - '0');
        if (result > most)
            return false;
    }
    *text = at;
    *value = (uint32_t)result;
    return true;
}

static bool number_whole(const char *text, uint32_t most, uint32_t *value)
{
    return number(&text, most, value) && *text == 0;
}

static bool contains(const struct spaces *spaces, uint32_t id)
{
    for (unsigned i = 0; i < spaces->count; i++)
        if (spaces->ids[i] == id)
            return true;
    return false;
}

static bool taken(const struct settings *settings, uint32_t id)
{
    for (unsigned i = 0; i < SETTINGS_VFS; i++)
        if (contains(&settings->vfs[i], id))
            return true;
    return contains(&settings->own, id);
}

/* "2,3"; nothing: no namespaces. */
static bool spaces_read(const struct settings *settings, const char *text, struct spaces *spaces)
{
    uint32_t id;

    if (spaces->named)
        return false;
    spaces->named = true;
    while (*text) {
        if (spaces->count == SETTINGS_SPACES || !number(&text, 0xfffffffe, &id) || id == 0 || taken(settings, id))
            return false;
        spaces->ids[spaces->count++] = id;
        if (*text == ',' && text[1] != 0)
            text++;
        else if (*text != 0)
            return false;
    }
    return true;
}

static bool word_read(struct settings *settings, const char *word)
{
    uint32_t value;
    const char *at;

    if (strncmp(word, "own=", 4) == 0)
        return spaces_read(settings, word + 4, &settings->own);
    if (strncmp(word, "vf", 2) == 0) {
        at = word + 2;
        return number(&at, SETTINGS_VFS, &value) && value > 0 && *at == '=' &&
               spaces_read(settings, at + 1, &settings->vfs[value - 1]);
    }
    if (strncmp(word, "disk=", 5) == 0)
        return number_whole(word + 5, 31, &settings->disk);
    bool is_queues = strncmp(word, "queues=", 7) == 0;
    if (!is_queues && strncmp(word, "interrupts=", 11) != 0)
        return false;
    if (!number_whole(word + (is_queues ? 7 : 11), 0xffff, &value) || value < (is_queues ? 2u : 1u))
        return false;
    *(is_queues ? &settings->queues : &settings->interrupts) = (uint16_t)value;
    return true;
}

const char *settings_read(struct settings *settings, int count, char **words)
{
    *settings = (struct settings){.queues = 2, .interrupts = 2};
    for (int i = 0; i < count; i++)
        if (!word_read(settings, words[i]))
            return words[i];
    return 0;
}
