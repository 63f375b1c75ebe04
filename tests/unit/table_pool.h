/* SPDX-License-Identifier: Apache-2.0 */
/* Pages for the builders of tables, zeroed, at made-up addresses. A test says before it how many there are: POOL. */
#ifndef TABLE_POOL_H
#define TABLE_POOL_H

#include <string.h>

#include "arch.h"
#include "memory.h"

#define POOL_HPA 0x200000u
static uint8_t pool[POOL][PAGE_SIZE] __attribute__((aligned(4096)));
static unsigned taken;

void *pool_take(unsigned count)
{
    void *pages = pool[taken];

    assert_true(taken + count <= POOL);
    memset(pages, 0, (size_t)count * PAGE_SIZE);
    taken += count;
    return pages;
}

hpa_t arch_hpa(const void *memory)
{
    return HPA(POOL_HPA + (uint64_t)((const uint8_t *)memory - pool[0]));
}

void *arch_ptr(hpa_t hpa)
{
    assert_true(range_inside(hpa.v, PAGE_SIZE, POOL_HPA, (uint64_t)taken * PAGE_SIZE));
    return pool[0] + (hpa.v - POOL_HPA);
}

#endif
