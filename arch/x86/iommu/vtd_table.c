/* SPDX-License-Identifier: Apache-2.0 */
/* Second-level entries of VT-d, 9.8: readable or writable is present; all other bits but the address and the page size stay 0, as SNP and TM
 * are reserved on most parts. */
#include "io_table.h"
#include "vtd.h"

uint64_t io_entry_table(hpa_t table, unsigned level)
{
    (void)level;
    return table.v | VTD_READ | VTD_WRITE;
}

uint64_t io_entry_leaf(hpa_t page, unsigned level)
{
    return page.v | VTD_READ | VTD_WRITE | (level > 1 ? VTD_PS : 0);
}

bool io_entry_present(uint64_t entry)
{
    return (entry & (VTD_READ | VTD_WRITE)) != 0;
}

hpa_t io_entry_address(uint64_t entry)
{
    return HPA(entry & VTD_ADDRESS);
}
