/* SPDX-License-Identifier: Apache-2.0 */
/* Builder of I/O page tables (SEP-1): exactly the regions given, one walk for both vendors. All that it writes is flushed out of the
 * caches, whether the unit would look there or not: it happens once. */
#include "io_table.h"

#include "arch.h"
#include "crash.h"
#include "memory.h"
#include "x86.h"

#define HOST_LIMIT (1ull << 52)
#define CACHE_LINE 64u /* no processor with nested paging has shorter ones */

void io_cache_flush(const void *p, size_t size)
{
    uintptr_t end = (uintptr_t)p + size;

    for (uintptr_t at = (uintptr_t)p & ~(uintptr_t)(CACHE_LINE - 1); at < end; at += CACHE_LINE)
        clflush((const void *)at);
    mfence(); /* done before whatever tells the unit */
}

static unsigned index_at(uint64_t iova, unsigned level)
{
    return (unsigned)(iova >> (12 + 9 * (level - 1))) & 511u;
}

static void region_check(const struct io_region *regions, unsigned count, unsigned i, unsigned levels)
{
    const struct io_region *r = &regions[i];

    INVARIANT(((r->iova | r->hpa.v | r->size) & (LARGE_SIZE - 1)) == 0 && r->size != 0, "io table: region is not made of 2 MiB");
    INVARIANT(range_inside(r->iova, r->size, 0, 1ull << (12 + 9 * levels)), "io table: region beyond the levels");
    INVARIANT(range_inside(r->hpa.v, r->size, 0, HOST_LIMIT), "io table: region beyond physical memory");
    for (unsigned j = i + 1; j < count; j++)
        INVARIANT(!range_overlap(r->iova, r->size, regions[j].iova, regions[j].size), "io table: regions overlap");
}

static uint64_t *table_take(void)
{
    uint64_t *table = pool_take(1);

    io_cache_flush(table, PAGE_SIZE);
    return table;
}

static void entry_set(uint64_t *entry, uint64_t value)
{
    *entry = value;
    io_cache_flush(entry, sizeof(*entry));
}

static void leaf_set(uint64_t *top, unsigned levels, uint64_t iova, hpa_t page, unsigned leaf_level)
{
    uint64_t *table = top;

    for (unsigned level = levels; level > leaf_level; level--) {
        uint64_t *entry = &table[index_at(iova, level)];

        if (!io_entry_present(*entry))
            entry_set(entry, io_entry_table(arch_hpa(table_take()), level));
        table = arch_ptr(io_entry_address(*entry));
    }
    entry_set(&table[index_at(iova, leaf_level)], io_entry_leaf(page, leaf_level));
}

hpa_t io_table_build(const struct io_region *regions, unsigned count, unsigned levels, bool large)
{
    uint64_t step = large ? LARGE_SIZE : PAGE_SIZE;
    uint64_t *top;

    INVARIANT(levels >= 3 && levels <= IO_TABLE_LEVELS, "io table: so many levels are not built");
    for (unsigned i = 0; i < count; i++)
        region_check(regions, count, i, levels);
    top = table_take();
    for (unsigned i = 0; i < count; i++)
        for (uint64_t done = 0; done < regions[i].size; done += step)
            leaf_set(top, levels, regions[i].iova + done, HPA(regions[i].hpa.v + done), large ? 2 : 1);
    return arch_hpa(top);
}
