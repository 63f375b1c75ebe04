/* SPDX-License-Identifier: Apache-2.0 */
/* Basic types. Host-physical, guest-physical and virtual addresses never mix: the first two are structs, the third is a
 * pointer, so that passing one for another does not compile. */
#ifndef BULKHEAD_TYPES_H
#define BULKHEAD_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
    uint64_t v;
} hpa_t; /* host-physical: what the memory controller sees */

typedef struct {
    uint64_t v;
} gpa_t; /* guest-physical: what a partition takes for physical */

#define HPA(x) ((hpa_t){(x)})
#define GPA(x) ((gpa_t){(x)})

#define PAGE_SIZE 4096u
#define PAGE_MASK 4095u
#define LARGE_SIZE 0x200000u
#define KIB(n) ((uint64_t)(n) << 10)
#define MIB(n) ((uint64_t)(n) << 20)
#define GIB(n) ((uint64_t)(n) << 30)

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* Hard limits of the tables; the rules refuse a product or board that exceeds them. */
#define MAX_CORES 32u
#define MAX_PARTITIONS 16u

/* True if [base, base + size) lies inside [outer, outer + outer_size), with no wrap. */
static inline bool range_inside(uint64_t base, uint64_t size, uint64_t outer, uint64_t outer_size)
{
    return base >= outer && size <= outer_size && base - outer <= outer_size - size;
}

/* True if two non-empty ranges that do not wrap share a byte. */
static inline bool range_overlap(uint64_t a, uint64_t a_size, uint64_t b, uint64_t b_size)
{
    return a_size != 0 && b_size != 0 && a < b + b_size && b < a + a_size;
}

#endif
