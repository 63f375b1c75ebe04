/* SPDX-License-Identifier: Apache-2.0 */
/* newlib's locks, so that stdio and malloc may be used from several cores: spinning, recursive, owned by a core. */
#include <sys/lock.h>

#include "../../lib/cpu.h"
#include "../../lib/lib.h"

struct __lock {
    volatile unsigned owner; /* core + 1; 0: free */
    unsigned depth;
};

struct __lock __lock___sinit_recursive_mutex, __lock___sfp_recursive_mutex, __lock___atexit_recursive_mutex,
    __lock___at_quick_exit_mutex, __lock___malloc_recursive_mutex, __lock___env_recursive_mutex, __lock___tz_mutex,
    __lock___dd_hash_mutex, __lock___arc4random_mutex;

/* stdio makes one per stream: five streams are open at most unless a program opens memory streams; then they share. */
static struct __lock streams[16];
static unsigned streams_used;

void __retarget_lock_init_recursive(_LOCK_T *lock)
{
    *lock = &streams[__atomic_fetch_add(&streams_used, 1, __ATOMIC_RELAXED) % 16];
}

void __retarget_lock_init(_LOCK_T *lock)
{
    __retarget_lock_init_recursive(lock);
}

void __retarget_lock_close_recursive(_LOCK_T lock)
{
    (void)lock;
}

void __retarget_lock_close(_LOCK_T lock)
{
    (void)lock;
}

int __retarget_lock_try_acquire_recursive(_LOCK_T lock)
{
    unsigned me = bh_core() + 1, nobody = 0;

    if (lock->owner != me && !__atomic_compare_exchange_n(&lock->owner, &nobody, me, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
        return 0;
    lock->depth++;
    return 1;
}

int __retarget_lock_try_acquire(_LOCK_T lock)
{
    return __retarget_lock_try_acquire_recursive(lock);
}

void __retarget_lock_acquire_recursive(_LOCK_T lock)
{
    while (!__retarget_lock_try_acquire_recursive(lock))
        cpu_pause();
}

void __retarget_lock_acquire(_LOCK_T lock)
{
    __retarget_lock_acquire_recursive(lock);
}

void __retarget_lock_release_recursive(_LOCK_T lock)
{
    if (--lock->depth == 0)
        __atomic_store_n(&lock->owner, 0, __ATOMIC_RELEASE);
}

void __retarget_lock_release(_LOCK_T lock)
{
    __retarget_lock_release_recursive(lock);
}
