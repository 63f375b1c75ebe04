/* SPDX-License-Identifier: Apache-2.0 */
/* Ticket lock. Held only for a bounded number of steps by code that cannot fault, so that each wait is bounded by the
 * number of cores; never taken by an NMI handler, never held across a guest entry, never nested but where the order is
 * written here: console.c screen.lock, a virtio port's -> partition.gate -> the IOMMU's, configuration space's -> log.c ring.lock. dump.c's is
 * taken alone. */
#ifndef BULKHEAD_LOCK_H
#define BULKHEAD_LOCK_H

#include <stdatomic.h>

#include "arch.h"

struct lock {
    _Atomic uint32_t next, owner;
};

static inline void lock_take(struct lock *lock)
{
    uint32_t ticket = atomic_fetch_add_explicit(&lock->next, 1, memory_order_relaxed);

    while (atomic_load_explicit(&lock->owner, memory_order_acquire) != ticket)
        arch_pause();
}

static inline void lock_drop(struct lock *lock)
{
    uint32_t ticket = atomic_load_explicit(&lock->owner, memory_order_relaxed);

    atomic_store_explicit(&lock->owner, ticket + 1, memory_order_release);
}

#endif
