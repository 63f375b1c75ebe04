/* SPDX-License-Identifier: Apache-2.0 */
/* Memory the hypervisor takes for itself: pages of plan_pool, before the seal only. And the memcpy family. */
#ifndef BULKHEAD_MEMORY_H
#define BULKHEAD_MEMORY_H

#include "types.h"

/* `count` zeroed, page-aligned, contiguous pages. Before the seal; the planner counted them, so running out is our own fault
 * and ends in a crash record. */
void *pool_take(unsigned count);
unsigned pool_used(void);
/* From now on pool_take() is a crash. */
void pool_seal(void);

void *memcpy(void *restrict to, const void *restrict from, size_t size);
void *memset(void *to, int byte, size_t size);
int memcmp(const void *a, const void *b, size_t size);
size_t strlen(const char *s);
int strcmp(const char *a, const char *b);

#endif
