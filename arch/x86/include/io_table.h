/* SPDX-License-Identifier: Apache-2.0 */
/* I/O page tables: one per partition with functions, built once from its RAM, then never written again. Both vendors' hardware walks the
 * same shape, four levels of 512 entries; what an entry looks like comes from amdvi_table.c or vtd_table.c. */
#ifndef BULKHEAD_IO_TABLE_H
#define BULKHEAD_IO_TABLE_H

#include "types.h"

#define IO_TABLE_LEVELS 4u

struct io_region {
    uint64_t iova; /* what the device says: guest-physical of its owner */
    hpa_t hpa;
    uint64_t size; /* iova, hpa, size: multiples of 2 MiB */
};

/* Top table of these regions, all readable and writable, by 2 MiB leaves where `large`, else by 4 KiB ones. Takes pool pages; flushes what it has written out
 * of the caches, for units that do not look there. Regions must not overlap (INVARIANT). */
hpa_t io_table_build(const struct io_region *regions, unsigned count, unsigned levels, bool large);

/* Entry encodings. level: of the table that the entry is in, 1 the lowest. */
uint64_t io_entry_table(hpa_t table, unsigned level);
uint64_t io_entry_leaf(hpa_t page, unsigned level);
bool io_entry_present(uint64_t entry);
hpa_t io_entry_address(uint64_t entry); /* of the next table */

/* Write the cache lines of [p, p + size) back to memory. */
void io_cache_flush(const void *p, size_t size);

#endif
