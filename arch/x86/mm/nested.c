/* SPDX-License-Identifier: Apache-2.0 */
/* Builder of nested page tables (SEP-1): four levels, 2 MiB and 4 KiB leaves, one format-neutral walk; the entries' bits come from the
 * virtualisation back end. */
#include "nested.h"

#include "arch.h"
#include "crash.h"
#include "memory.h"

#define TOP_LEVEL 4u
#define GUEST_LIMIT (1ull << 48) /* what four levels translate */
#define HOST_LIMIT (1ull << 52)

static unsigned index_at(gpa_t gpa, unsigned level)
{
    return (unsigned)(gpa.v >> (12 + 9 * (level - 1))) & 511u;
}

/* Checked before anything is built: with disjoint regions no leaf is ever in the way of another one. */
static void region_check(const struct nested_region *regions, unsigned count, unsigned i)
{
    const struct nested_region *r = &regions[i];

    INVARIANT(((r->gpa.v | r->hpa.v | r->size) & PAGE_MASK) == 0 && r->size != 0, "nested: region is not made of pages");
    INVARIANT(range_inside(r->gpa.v, r->size, 0, GUEST_LIMIT), "nested: region beyond four levels");
    INVARIANT(range_inside(r->hpa.v, r->size, 0, HOST_LIMIT), "nested: region beyond physical memory");
    for (unsigned j = i + 1; j < count; j++)
        INVARIANT(!range_overlap(r->gpa.v, r->size, regions[j].gpa.v, regions[j].size), "nested: regions overlap");
}

static void leaf_set(uint64_t *top, gpa_t gpa, uint64_t leaf, unsigned leaf_level)
{
    uint64_t *table = top, *entry;

    for (unsigned level = TOP_LEVEL; level > leaf_level; level--) {
        entry = &table[index_at(gpa, level)];
        if (!nested_entry_present(*entry))
            *entry = nested_entry_table(arch_hpa(pool_take(1)));
        table = arch_ptr(nested_entry_address(*entry));
    }
    entry = &table[index_at(gpa, leaf_level)];
    INVARIANT(*entry == 0, "nested: page mapped twice");
    *entry = leaf;
}

/* Steps: one per leaf, at most size / 4 KiB. */
static void region_map(uint64_t *top, const struct nested_region *region)
{
    bool allowed = nested_large_allowed(region->flags);

    for (uint64_t done = 0, step; done < region->size; done += step) {
        gpa_t gpa = GPA(region->gpa.v + done);
        hpa_t hpa = HPA(region->hpa.v + done);
        bool large = allowed && ((gpa.v | hpa.v) & (LARGE_SIZE - 1)) == 0 && region->size - done >= LARGE_SIZE;

        leaf_set(top, gpa, nested_entry_leaf(hpa, region->flags, large), large ? 2 : 1);
        step = large ? LARGE_SIZE : PAGE_SIZE;
    }
}

hpa_t nested_build(const struct nested_region *regions, unsigned count)
{
    uint64_t *top;

    for (unsigned i = 0; i < count; i++)
        region_check(regions, count, i);
    top = pool_take(1);
    for (unsigned i = 0; i < count; i++)
        region_map(top, &regions[i]);
    return arch_hpa(top);
}
