/* SPDX-License-Identifier: Apache-2.0 */
/* A newc entry: "070701", 13 numbers of 8 hexadecimal digits, the name with its NUL, the bytes; name and bytes are padded so
 * that what follows begins at a multiple of 4. The entry called TRAILER!!! is the last one. */
#include "cpio.h"

#include <string.h>

#define MAGIC "070701"
#define MAGIC_SIZE 6u
#define HEADER_SIZE 110u
enum { MODE = 1, LINKS = 4, FILE_SIZE = 6, NAME_SIZE = 11 }; /* which number */
#define MODE_KIND 0170000u
#define MODE_FOLDER 0040000u
#define MODE_FILE 0100000u

static int digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool number_read(const uint8_t *header, unsigned which, uint32_t *number)
{
    *number = 0;
    for (unsigned i = 0; i < 8; i++) {
        int value = digit((char)header[MAGIC_SIZE + 8 * which + i]);
        if (value < 0)
            return false;
        *number = *number << 4 | (uint32_t)value;
    }
    return true;
}

/* Bytes from `offset` rounded up to a multiple of 4, limited to `size`: offset <= size. */
static size_t padded(size_t offset, size_t size)
{
    size_t up = offset + ((0 - offset) & 3);

    return up < size ? up : size;
}

static bool name_sound(const char *name)
{
    if (strlen(name) > CPIO_NAME_MAX)
        return false;
    for (const char *part = name;;) {
        size_t length = strcspn(part, "/");
        if (length == 0 || (length == 1 && part[0] == '.') || (length == 2 && part[0] == '.' && part[1] == '.'))
            return false;
        for (size_t i = 0; i < length; i++)
            if (part[i] < ' ' || part[i] > '~')
                return false;
        if (part[length] == 0)
            return true;
        part += length + 1;
    }
}

static const char *name_plain(const char *name)
{
    while (name[0] == '/' || (name[0] == '.' && name[1] == '/'))
        name += name[0] == '/' ? 1 : 2;
    return name;
}

enum cpio_result cpio_read(const uint8_t *archive, size_t size, size_t at, struct cpio_entry *entry)
{
    uint32_t mode, links, bytes, name;

    if (at > size || size - at < HEADER_SIZE || memcmp(archive + at, MAGIC, MAGIC_SIZE) != 0)
        return CPIO_BAD;
    const uint8_t *header = archive + at;
    if (!number_read(header, MODE, &mode) || !number_read(header, LINKS, &links) || !number_read(header, FILE_SIZE, &bytes) ||
        !number_read(header, NAME_SIZE, &name))
        return CPIO_BAD;
    size_t left = size - at - HEADER_SIZE;
    if (name == 0 || name > left || memchr(header + HEADER_SIZE, 0, name) != header + HEADER_SIZE + name - 1)
        return CPIO_BAD;
    /* Padding counts from the entry's beginning, which is a multiple of 4 itself. */
    size_t data = at + padded(HEADER_SIZE + name, size - at);
    if (bytes > size - data)
        return CPIO_BAD;
    *entry = (struct cpio_entry){.name = name_plain((const char *)header + HEADER_SIZE), .bytes = archive + data, .size = bytes};
    entry->next = at + padded(data - at + bytes, size - at);
    entry->folder = (mode & MODE_KIND) == MODE_FOLDER;
    entry->file = (mode & MODE_KIND) == MODE_FILE && links <= 1; /* of hard links only the last one has the bytes */
    entry->sound = name_sound(entry->name) || (entry->folder && (entry->name[0] == 0 || strcmp(entry->name, ".") == 0));
    return strcmp(entry->name, "TRAILER!!!") == 0 ? CPIO_END : CPIO_ENTRY;
}

bool cpio_next_file(const uint8_t *archive, size_t size, size_t *at, struct cpio_entry *entry)
{
    while (cpio_read(archive, size, *at, entry) == CPIO_ENTRY) {
        *at = entry->next;
        if (entry->file && entry->sound)
            return true;
    }
    return false;
}
