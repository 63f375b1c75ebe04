/* SPDX-License-Identifier: Apache-2.0 */
/* The files that the product table gives this partition, read where the hypervisor has put them. */
#include <string.h>

#include "cpio.h"
#include "lib.h"

bool bh_file_next(struct bh_file *file)
{
    const struct bh_start_info *info = bh_start_info();
    struct cpio_entry entry;

    if (!info->files || !cpio_next_file((const uint8_t *)(uintptr_t)info->files, info->files_size, &file->next, &entry))
        return false;
    file->name = entry.name;
    file->bytes = entry.bytes;
    file->size = entry.size;
    return true;
}

bool bh_file_open(const char *name, struct bh_file *file)
{
    *file = (struct bh_file){0};
    while (bh_file_next(file))
        if (strcmp(file->name, name) == 0)
            return true;
    return false;
}
