/* SPDX-License-Identifier: Apache-2.0 */
/* The hypervisor's own page tables: one top table per core. Nothing is both writable and executable; a core maps no RAM of a
 * partition that is not its own (SEP-1), so that a neighbour's secrets are not even addressable. */
#include "arch.h"
#include "core_area.h"
#include "crash.h"
#include "dev.h"
#include "memory.h"
#include "plan.h"
#include "x86.h"

extern char hv_start[], hv_text_end[], hv_rodata_end[], hv_end[];

static uint64_t roots[MAX_CORES];
static uint64_t *mmio_table;   /* page table of MMIO_BASE, linked into every core's tables */
static unsigned mmio_used = 1; /* slot 0 is the local APIC's */

static uint64_t *table_of(uint64_t entry)
{
    return (uint64_t *)(uintptr_t)(entry & PTE_ADDRESS);
}

static unsigned index_at(uint64_t address, unsigned level)
{
    return (unsigned)(address >> (12 + 9 * (level - 1))) & 511u;
}

/* The entry for `address` at `level` (1: 4 KiB, 2: 2 MiB), making tables on the way. */
static uint64_t *entry_make(uint64_t *root, uint64_t address, unsigned level)
{
    uint64_t *table = root;

    for (unsigned at = 4; at > level; at--) {
        uint64_t *entry = &table[index_at(address, at)];

        if (!(*entry & PTE_P))
            *entry = (uint64_t)(uintptr_t)pool_take(1) | PTE_P | PTE_W;
        table = table_of(*entry);
    }
    return &table[index_at(address, level)];
}

static void map_small(uint64_t *root, uint64_t address, uint64_t physical, uint64_t size, uint64_t flags)
{
    for (uint64_t at = 0; at < size; at += PAGE_SIZE)
        *entry_make(root, address + at, 1) = (physical + at) | flags | PTE_P | PTE_A | PTE_D;
}

/* By 2 MiB pages; flags 0: only the tables, nothing mapped. */
static void map_large(uint64_t *root, uint64_t address, uint64_t physical, uint64_t size, uint64_t flags)
{
    for (uint64_t at = 0; at < size; at += LARGE_SIZE)
        *entry_make(root, address + at, 2) = flags ? (physical + at) | flags | PTE_PS | PTE_P | PTE_A | PTE_D : 0;
}

/* [base, base + size) of RAM at DIRECT_BASE. */
static void map_direct(uint64_t *root, uint64_t base, uint64_t size, uint64_t flags)
{
    map_large(root, DIRECT_BASE + base, base, size, flags);
}

/* At most 257 MiB: in the large-page table of this core's block, no table of its own. */
static void map_ecam(uint64_t *root)
{
    uint64_t ecam = plan.board->pci.ecam, before = ecam % LARGE_SIZE;

    if (ecam)
        map_large(root, ECAM_BASE, ecam - before, before + MIB(plan.board->pci.last_bus + 1u), PTE_W | PTE_NX | PTE_PCD | PTE_PWT);
}

/* At most 64 MiB, in the same table. */
static void map_screen(uint64_t *root)
{
    uint64_t size, frame = screen_memory(&size).v, before = frame % LARGE_SIZE;

    if (size != 0)
        map_large(root, SCREEN_BASE, frame - before, before + size, PTE_W | PTE_NX | PTE_PCD | PTE_PWT);
}

static void map_stack(uint64_t *root, uint64_t top, unsigned count)
{
    uint64_t size = (uint64_t)count * PAGE_SIZE;

    map_small(root, top - size, (uintptr_t)pool_take(count), size, PTE_W | PTE_NX);
}

static void map_core_block(uint64_t *root, unsigned core)
{
    struct core *block = pool_take(1);

    block->index = core;
    block->apic_id = plan.cores[core].apic_id;
    map_small(root, CORE_BASE, (uintptr_t)block, PAGE_SIZE, PTE_W | PTE_NX);
    map_stack(root, STACK_TOP(MAIN_STACK), MAIN_STACK_PAGES);
    map_stack(root, STACK_TOP(NMI_STACK), 1);
    map_stack(root, STACK_TOP(DF_STACK), 1);
    map_stack(root, STACK_TOP(MC_STACK), 1);
}

static void map_partition(uint64_t *root, unsigned core)
{
    unsigned index = plan.cores[core].partition;

    if (index >= plan.partition_count)
        return;
    for (unsigned i = 0; i < plan.partitions[index].ram_count; i++)
        map_direct(root, plan.partitions[index].ram[i].hpa.v, plan.partitions[index].ram[i].size, PTE_W | PTE_NX);
}

void hostmap_build(void)
{
    uint64_t *low = pool_take(1); /* one top table with what is common; its first entry is copied to every core's */
    uint64_t start = (uintptr_t)hv_start, text = (uintptr_t)hv_text_end, rodata = (uintptr_t)hv_rodata_end;

    map_small(low, start, start, text - start, 0);
    map_small(low, text, text, rodata - text, PTE_NX);
    map_small(low, rodata, rodata, (uintptr_t)hv_end - rodata, PTE_W | PTE_NX);
    mmio_table = pool_take(1);
    mmio_table[0] = APIC_PAGE | PTE_P | PTE_W | PTE_NX | PTE_PCD | PTE_PWT | PTE_A | PTE_D;

    for (unsigned core = 0; core < plan.core_count; core++) {
        uint64_t *root = pool_take(1);

        root[0] = low[0];
        map_core_block(root, core);
        map_partition(root, core);
        map_direct(root, plan.zone.v, plan.zone_size, 0);
        map_direct(root, plan.crash.v & ~(uint64_t)(LARGE_SIZE - 1), LARGE_SIZE, PTE_W | PTE_NX | PTE_PWT); /* written through:
                                                                                   * a reset may drop what only caches have */
        *entry_make(root, MMIO_BASE, 2) = (uintptr_t)mmio_table | PTE_P | PTE_W;
        map_ecam(root);
        map_screen(root);
        roots[core] = (uintptr_t)root;
    }
}

uint64_t hostmap_root(unsigned core)
{
    return roots[core];
}

void *arch_mmio(hpa_t page)
{
    INVARIANT(mmio_used < MMIO_SLOTS && (page.v & PAGE_MASK) == 0, "MMIO window");
    mmio_table[mmio_used] = page.v | PTE_P | PTE_W | PTE_NX | PTE_PCD | PTE_PWT | PTE_A | PTE_D;
    return (void *)(MMIO_BASE + (uint64_t)mmio_used++ * PAGE_SIZE);
}

uint8_t *arch_ecam(void)
{
    return plan.board->pci.ecam ? (uint8_t *)(ECAM_BASE + plan.board->pci.ecam % LARGE_SIZE) : 0;
}

unsigned arch_core(void)
{
    return THIS_CORE->index;
}

void *arch_ptr(hpa_t hpa)
{
    if (hpa.v >= (uintptr_t)hv_start && hpa.v < (uintptr_t)hv_end)
        return (void *)(uintptr_t)hpa.v;
    return (void *)(DIRECT_BASE + hpa.v);
}

hpa_t arch_hpa(const void *hypervisor_memory)
{
    INVARIANT((uintptr_t)hypervisor_memory >= (uintptr_t)hv_start && (uintptr_t)hypervisor_memory < (uintptr_t)hv_end,
              "arch_hpa of foreign memory");
    return HPA((uintptr_t)hypervisor_memory);
}

/* The tables are there since hostmap_build(): nothing is allocated (SEP-7), or the pool says so. */
static void zone_set(uint64_t flags)
{
    map_direct((uint64_t *)(uintptr_t)roots[arch_core()], plan.zone.v, plan.zone_size, flags);
    write_cr3(read_cr3()); /* no global pages: this flushes what was mapped before */
}

void arch_zone_open(void)
{
    zone_set(PTE_NX);
}

void arch_zone_close(void)
{
    zone_set(0);
}
