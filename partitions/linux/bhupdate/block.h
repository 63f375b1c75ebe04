/* SPDX-License-Identifier: Apache-2.0 */
/* A disk of Linux, or a file that stands for one, in sectors. */
#ifndef BHUPDATE_BLOCK_H
#define BHUPDATE_BLOCK_H

#include <stdbool.h>
#include <stdint.h>

struct block {
    int fd;
    uint64_t sectors; /* whole ones */
    bool file;        /* a file: the page cache lies before it */
};

/* 0, or why not. For writing nobody else of us has it at the same time. */
const char *block_open(struct block *block, const char *path, bool writes);
/* Has somebody mounted a partition that lies there, or has it for himself alone in another way? */
bool block_in_use(const struct block *block, uint64_t first, uint64_t sectors);
/* The update's own reading, writing and flushing; `context` is the struct block, `memory` a page's alignment. */
bool block_read(void *context, uint64_t sector, uint32_t sectors, void *memory);
bool block_write(void *context, uint64_t sector, uint32_t sectors, const void *memory);
bool block_flush(void *context);

#endif
