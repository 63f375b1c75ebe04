/* SPDX-License-Identifier: Apache-2.0 */
/* What AMD-Vi's table entries look like: the device table's, the I/O page tables' and the interrupt tables' (SEP-1, SEP-3). */
#include "amdvi.h"
#include "io_table.h"

struct amdvi_device amdvi_device_entry(uint16_t domain, hpa_t interrupts, unsigned log2, bool nmi_pass)
{
    return (struct amdvi_device){{AMDVI_DENY, domain,
                                  AMDVI_DEVICE_IV | AMDVI_DEVICE_REMAP | AMDVI_DEVICE_INTERRUPTS(log2) | interrupts.v |
                                      (nmi_pass ? AMDVI_DEVICE_NMI_PASS : 0),
                                  0}};
}

uint64_t amdvi_device_translated(hpa_t root)
{
    return root.v | AMDVI_DENY | AMDVI_DEVICE_LEVELS(IO_TABLE_LEVELS) | AMDVI_IR | AMDVI_IW;
}

uint64_t io_entry_table(hpa_t table, unsigned level)
{
    return table.v | AMDVI_PAGE_PRESENT | AMDVI_PAGE_NEXT(level - 1) | AMDVI_IR | AMDVI_IW;
}

uint64_t io_entry_leaf(hpa_t page, unsigned level)
{
    (void)level; /* a next level of 0 means the size of the level that the entry is in */
    return page.v | AMDVI_PAGE_PRESENT | AMDVI_PAGE_COHERENT | AMDVI_IR | AMDVI_IW;
}

bool io_entry_present(uint64_t entry)
{
    return (entry & AMDVI_PAGE_PRESENT) != 0;
}

hpa_t io_entry_address(uint64_t entry)
{
    return HPA(entry & AMDVI_ADDRESS);
}

/* A wide entry's halves are written one after the other, so that in between the unit may see the new vector at the old core, or nothing:
 * both cores are the same owner's. */
static void interrupt_write(uint8_t *block, unsigned index, uint32_t low, uint64_t high)
{
    if (amdvi_wide) {
        uint64_t *entry = (uint64_t *)(void *)block + 2 * (size_t)index;

        __atomic_store_n(&entry[1], high, __ATOMIC_RELEASE);
        __atomic_store_n(&entry[0], low, __ATOMIC_RELEASE);
    } else {
        __atomic_store_n((uint32_t *)(void *)block + index, low | (uint32_t)high << AMDVI_INTERRUPT_VECTOR, __ATOMIC_RELEASE);
    }
}

/* Fixed, physical, edge. The rules keep local APIC ids below 255. */
void amdvi_interrupt_set(uint8_t *block, unsigned index, uint32_t apic_id, uint8_t vector)
{
    interrupt_write(block, index, AMDVI_INTERRUPT_PRESENT | (apic_id & 0xff) << AMDVI_INTERRUPT_DESTINATION, vector);
}

void amdvi_interrupt_clear(uint8_t *block, unsigned index)
{
    interrupt_write(block, index, 0, 0);
}
