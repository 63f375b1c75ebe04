/* SPDX-License-Identifier: Apache-2.0 */
/* Entries of AMD's nested tables: ordinary long-mode entries. Every nested access is a user access, so U must be set at every
 * level (APM2 15.25.5); accessed and dirty are preset so that the CPU never writes to a table. */
#include "nested.h"
#include "x86_bits.h"

uint64_t nested_entry_table(hpa_t table)
{
    return table.v | PTE_P | PTE_W | PTE_U | PTE_A;
}

uint64_t nested_entry_leaf(hpa_t page, uint32_t flags, bool large)
{
    uint64_t entry = page.v | PTE_P | PTE_U | PTE_A | PTE_D;

    if (flags & NESTED_WRITE)
        entry |= PTE_W;
    if (!(flags & NESTED_EXECUTE))
        entry |= PTE_NX;
    if (flags & NESTED_DEVICE)
        entry |= PTE_PCD | PTE_PWT;
    return large ? entry | PTE_PS : entry;
}

hpa_t nested_entry_address(uint64_t entry)
{
    return HPA(entry & PTE_ADDRESS);
}

bool nested_entry_present(uint64_t entry)
{
    return (entry & PTE_P) != 0;
}

bool nested_large_allowed(uint32_t flags)
{
    (void)flags;
    return true; /* the page-size erratum is Intel's */
}
