/* SPDX-License-Identifier: Apache-2.0 */
/* Entries of Intel's nested tables. RAM is write-back whatever the guest's PAT says, so that no partition can make its memory slow for
 * others or lose sight of what the hypervisor wrote to it; a device's registers are uncached in the same way. No accessed and dirty flags: the CPU never writes to a table. SDM3 29.3. */
#include "nested.h"
#include "plan.h"
#include "vmcs.h"

uint64_t nested_entry_table(hpa_t table)
{
    return table.v | EPT_READ | EPT_WRITE | EPT_EXECUTE;
}

uint64_t nested_entry_leaf(hpa_t page, uint32_t flags, bool large)
{
    uint64_t entry = page.v | EPT_READ | EPT_IGNORE_PAT | (flags & NESTED_DEVICE ? EPT_UNCACHED : EPT_WRITE_BACK);

    if (flags & NESTED_WRITE)
        entry |= EPT_WRITE;
    if (flags & NESTED_EXECUTE)
        entry |= EPT_EXECUTE;
    return large ? entry | EPT_LARGE : entry;
}

hpa_t nested_entry_address(uint64_t entry)
{
    return HPA(entry & EPT_ADDRESS);
}

bool nested_entry_present(uint64_t entry)
{
    return (entry & (EPT_READ | EPT_WRITE | EPT_EXECUTE)) != 0;
}

/* Page-size erratum (CVE-2018-12207): a guest that changes the size of a page it executes from can stop the whole machine, unless the
 * nested leaf below is 4 KiB. */
bool nested_large_allowed(uint32_t flags)
{
    return !(flags & NESTED_EXECUTE) || plan.board->no_page_size_erratum;
}
