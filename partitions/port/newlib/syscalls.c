/* SPDX-License-Identifier: Apache-2.0 */
/* What newlib asks of a system: a console on descriptors 0 to 2, a heap, a clock, an end. There are no files. */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <reent.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/times.h>
#include <unistd.h>

#include "../../lib/lib.h"

#undef errno
int errno; /* one for all cores: those that share the C library look at errno under their own lock */

static int fail(int error)
{
    errno = error;
    return -1;
}

_Noreturn void _exit(int status)
{
    bh_call(BH_CALL_CONSOLE, 0, 0, 0);
    bh_end(BH_END_EXIT, (uint64_t)(int64_t)status, 0);
}

/* abort() arrives here with SIGABRT, before any handler: raise() ends in kill(). */
int kill(pid_t pid, int signal_number)
{
    if (pid != getpid())
        return fail(ESRCH);
    bh_call(BH_CALL_CONSOLE, 0, 0, 0);
    bh_end(BH_END_ABORT, (uint64_t)signal_number, 0);
}

pid_t getpid(void)
{
    return 1;
}

void *sbrk(ptrdiff_t increment)
{
    static uintptr_t top;

    if (top == 0)
        top = (uintptr_t)bh_image_end;
    uintptr_t end = paging_heap_end(), old = top;

    if (increment > 0 ? (uintptr_t)increment > end - top : (uintptr_t)-increment > top - (uintptr_t)bh_image_end) {
        fail(ENOMEM);
        return (void *)-1;
    }
    top = old + (uintptr_t)increment;
    return (void *)old;
}

/* aligned_alloc() is built on this one. */
int posix_memalign(void **memory, size_t alignment, size_t size)
{
    *memory = memalign(alignment, size);
    return *memory ? 0 : ENOMEM;
}

_ssize_t write(int descriptor, const void *bytes, size_t count)
{
    if (descriptor != 1 && descriptor != 2)
        return fail(EBADF);
    bh_console_write(bytes, count); /* what finds no room is lost, as on a terminal that nobody reads */
    return (_ssize_t)count;
}

/* A line at a time, with echo; waits for it. */
_ssize_t read(int descriptor, void *bytes, size_t count)
{
    static char line[256];
    static size_t length, taken;

    if (descriptor != 0)
        return fail(EBADF);
    if (taken == length) {
        while (!bh_getline(line, sizeof(line) - 1))
            bh_console_wait(UINT64_MAX);
        length = strlen(line);
        line[length++] = '\n';
        taken = 0;
    }
    if (count > length - taken)
        count = length - taken;
    memcpy(bytes, line + taken, count);
    taken += count;
    return (_ssize_t)count;
}

int isatty(int descriptor)
{
    return descriptor >= 0 && descriptor <= 2 ? 1 : fail(EBADF);
}

int fstat(int descriptor, struct stat *status)
{
    if (descriptor < 0 || descriptor > 2)
        return fail(EBADF);
    memset(status, 0, sizeof(*status));
    status->st_mode = S_IFCHR;
    return 0;
}

int stat(const char *path, struct stat *status)
{
    (void)path;
    (void)status;
    return fail(ENOENT);
}

int open(const char *path, int flags, ...)
{
    (void)path;
    (void)flags;
    return fail(ENOENT);
}

int close(int descriptor)
{
    return descriptor >= 0 && descriptor <= 2 ? 0 : fail(EBADF);
}

off_t lseek(int descriptor, off_t offset, int whence)
{
    (void)descriptor;
    (void)offset;
    (void)whence;
    return fail(ESPIPE);
}

int link(const char *from, const char *to)
{
    (void)from;
    (void)to;
    return fail(EROFS);
}

int unlink(const char *path)
{
    (void)path;
    return fail(ENOENT);
}

int gettimeofday(struct timeval *time, void *zone)
{
    uint64_t now = bh_wall_ns();

    (void)zone;
    time->tv_sec = (time_t)(now / 1000000000u);
    time->tv_usec = (suseconds_t)(now / 1000 % 1000000);
    return 0;
}

/* clock() is built on this one. */
clock_t times(struct tms *result)
{
    clock_t now = (clock_t)(bh_now_ns() / (1000000000u / CLOCKS_PER_SEC));

    if (result)
        *result = (struct tms){.tms_utime = now};
    return now;
}
