/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as an archive: whatever the reader says lies inside, it ends, and it goes forward. A libFuzzer entry point;
 * test_cpio.c calls it too. */
#include "fuzz_cpio.h"

#include <stdlib.h>
#include <string.h>

#include "cpio.h"

/* Touch the first and the last byte, so that the sanitizer sees what is outside. */
static void inside(const uint8_t *archive, size_t size, const void *bytes, size_t count)
{
    const uint8_t *from = bytes;

    if (from < archive || from > archive + size || count > (size_t)(archive + size - from))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *archive = malloc(size ? size : 1); /* a block of its own, exactly as long */
    struct cpio_entry entry;
    size_t at = 0, rounds = 0;

    if (archive == NULL)
        abort();
    memcpy(archive, data, size);
    while (cpio_read(archive, size, at, &entry) == CPIO_ENTRY) {
        inside(archive, size, entry.name, strlen(entry.name) + 1);
        inside(archive, size, entry.bytes, entry.size);
        if (entry.next <= at || entry.next > size || ++rounds > size)
            abort();
        at = entry.next;
    }
    for (at = rounds = 0; cpio_next_file(archive, size, &at, &entry);)
        if (!entry.file || !entry.sound || entry.name[0] == 0 || entry.name[0] == '/' || strstr(entry.name, "/../") ||
            ++rounds > size)
            abort();
    free(archive);
    return 0;
}
