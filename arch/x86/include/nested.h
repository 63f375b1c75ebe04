/* SPDX-License-Identifier: Apache-2.0 */
/* Nested page tables: built once per partition from a list of regions, then never written again. */
#ifndef BULKHEAD_NESTED_H
#define BULKHEAD_NESTED_H

#include "types.h"

#define NESTED_WRITE 1u
#define NESTED_EXECUTE 2u
#define NESTED_DEVICE 4u /* uncached, whatever the guest says: registers of a device */

struct nested_region {
    gpa_t gpa;
    hpa_t hpa;
    uint64_t size; /* gpa, hpa, size: multiples of 4 KiB */
    uint32_t flags;
};

/* Build the table: 2 MiB leaves where gpa, hpa, size and the CPU allow, else 4 KiB. Takes pool pages. Regions must not overlap (they
 * come from the plan; an overlap is INVARIANT). Returns the host-physical address of the top table (4 levels). */
hpa_t nested_build(const struct nested_region *regions, unsigned count);

/* Entry encodings, supplied by the virtualisation back end (svm_nested.c, vmx_nested.c). */
uint64_t nested_entry_table(hpa_t table);
uint64_t nested_entry_leaf(hpa_t page, uint32_t flags, bool large);
hpa_t nested_entry_address(uint64_t entry); /* of the next table */
bool nested_entry_present(uint64_t entry);
bool nested_large_allowed(uint32_t flags); /* may a leaf with these rights be 2 MiB? The planner counts tables by the same rule */

#endif
