/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a cpio archive of the kind "newc" in place. Pure: the library uses it in partitions, the planner's rules on the host. */
#ifndef BH_CPIO_H
#define BH_CPIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CPIO_NAME_MAX 255u

struct cpio_entry {
    const char *name; /* inside the archive, ends with NUL; "./" and "/" at its beginning left out */
    const uint8_t *bytes;
    size_t size;
    bool file, folder; /* a plain file that has its bytes here, a folder; else something that partitions do not have */
    bool sound;        /* its name is printable ASCII without empty, "." and ".." parts, and not too long */
    size_t next;       /* where the entry after it begins */
};

enum cpio_result { CPIO_ENTRY, CPIO_END, CPIO_BAD };

/* The entry at offset `at`, 0 for the first one. CPIO_BAD: there is none, and nothing behind it either. `next` is beyond `at`. */
enum cpio_result cpio_read(const uint8_t *archive, size_t size, size_t at, struct cpio_entry *entry);
/* The next plain file from *at on with a sound name; moves *at behind it. */
bool cpio_next_file(const uint8_t *archive, size_t size, size_t *at, struct cpio_entry *entry);

#endif
