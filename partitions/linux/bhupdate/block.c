/* SPDX-License-Identifier: Apache-2.0 */
/* A disk is read and written past the page cache: what is read back comes from the disk, and no other file of the kernel's is stale after
 * it. A file has no such way that works everywhere; of it the cache is dropped when it has been flushed. */
#define _GNU_SOURCE
#include "block.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "disk.h"

static const char *block_look(struct block *block)
{
    int size = 0;
    off_t end = lseek(block->fd, 0, SEEK_END);

    if (end < 0)
        return strerror(errno);
    block->sectors = (uint64_t)end / SECTOR;
    if (!block->file && (ioctl(block->fd, BLKSSZGET, &size) != 0 || size != (int)SECTOR))
        return "it has no sectors of 512 bytes";
    return 0;
}

const char *block_open(struct block *block, const char *path, bool writes)
{
    struct stat facts;

    *block = (struct block){.fd = -1};
    if (stat(path, &facts) != 0)
        return strerror(errno);
    if (!S_ISBLK(facts.st_mode) && !S_ISREG(facts.st_mode))
        return "it is neither a disk nor a file";
    block->file = S_ISREG(facts.st_mode);
    block->fd = open(path, (writes ? O_RDWR : O_RDONLY) | O_CLOEXEC | (block->file ? 0 : O_DIRECT));
    if (block->fd < 0)
        return strerror(errno);
    if (writes && flock(block->fd, LOCK_EX | LOCK_NB) != 0)
        return errno == EWOULDBLOCK ? "somebody else is at work on it" : strerror(errno);
    return block_look(block);
}

/* A number that the kernel says of a partition of the disk, in sectors of 512 bytes whatever the disk's are. */
static uint64_t fact(int folder, const char *partition, const char *what)
{
    char path[NAME_MAX + 16], text[24] = "";
    unsigned long long value = 0;

    snprintf(path, sizeof(path), "%s/%s", partition, what);
    int fd = openat(folder, path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    if (read(fd, text, sizeof(text) - 1) > 0)
        sscanf(text, "%llu", &value);
    close(fd);
    return value;
}

/* Whoever mounts one takes it for himself alone, and so a second one who wants that is turned away. */
static bool taken(const char *partition)
{
    char path[NAME_MAX + 16];

    snprintf(path, sizeof(path), "/dev/%s", partition);
    int fd = open(path, O_RDONLY | O_EXCL | O_CLOEXEC);
    if (fd < 0)
        return errno == EBUSY;
    close(fd);
    return false;
}

bool block_in_use(const struct block *block, uint64_t first, uint64_t sectors)
{
    struct stat facts;
    struct dirent *entry;
    char path[64];
    bool found = false;

    if (block->file || fstat(block->fd, &facts) != 0)
        return false;
    snprintf(path, sizeof(path), "/sys/dev/block/%u:%u", major(facts.st_rdev), minor(facts.st_rdev));
    DIR *folder = opendir(path);
    while (folder && !found && (entry = readdir(folder))) {
        uint64_t start = fact(dirfd(folder), entry->d_name, "start"), size = fact(dirfd(folder), entry->d_name, "size");
        found = start < first + sectors && first < start + size && taken(entry->d_name);
    }
    if (folder)
        closedir(folder);
    return found;
}

/* All of it, at once or in pieces. */
static bool transfer(const struct block *block, uint64_t sector, uint32_t sectors, uint8_t *memory, bool writes)
{
    size_t done = 0, count = (size_t)sectors * SECTOR;

    if (sector >= block->sectors || sectors > block->sectors - sector)
        return false;
    while (done < count) {
        off_t at = (off_t)(sector * SECTOR + done);
        ssize_t bytes =
            writes ? pwrite(block->fd, memory + done, count - done, at) : pread(block->fd, memory + done, count - done, at);
        if (bytes <= 0 && !(bytes < 0 && errno == EINTR))
            return false;
        done += bytes > 0 ? (size_t)bytes : 0;
    }
    return true;
}

bool block_read(void *context, uint64_t sector, uint32_t sectors, void *memory)
{
    return transfer(context, sector, sectors, memory, false);
}

bool block_write(void *context, uint64_t sector, uint32_t sectors, const void *memory)
{
    return transfer(context, sector, sectors, (uint8_t *)memory, true);
}

bool block_flush(void *context)
{
    const struct block *block = context;

    if (fdatasync(block->fd) != 0)
        return false;
    if (block->file)
        posix_fadvise(block->fd, 0, 0, POSIX_FADV_DONTNEED);
    return true;
}
