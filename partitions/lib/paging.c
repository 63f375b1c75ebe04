/* SPDX-License-Identifier: Apache-2.0 */
/* The unikernel's own page tables: identity, text read-execute, constants read-only, everything else read-write and never
 * executed; page 0 and the page under each stack are not mapped. A window far above maps any guest-physical page on request. */
#include "cpu.h"
#include "lib.h"

#define PAGE 4096ull
#define LARGE 0x200000ull
#define SMALL_TABLES 8u        /* the first 16 MiB in 4 KiB pages: the whole image (unikernel.lds) */
#define WINDOW 0x8000000000ull /* second entry of the root */

typedef uint64_t table[512] __attribute__((aligned(4096)));
static table root, pdpt, directories[4], small[SMALL_TABLES], abi;
static table window_pdpt, window_directory, window;
uint8_t bh_stacks[BH_MAX_CORES][STACK_STRIDE] __attribute__((aligned(STACK_STRIDE)));

static uint64_t points_to(const void *lower)
{
    return (uint64_t)(uintptr_t)lower | PTE_PRESENT | PTE_WRITE | PTE_USER;
}

uint64_t paging_heap_end(void)
{
    uint64_t end = bh_start_info()->ram_size;

    return end < BH_ABI_GPA ? end & ~(PAGE - 1) : BH_ABI_GPA;
}

static bool is_guard(uint64_t address)
{
    uint64_t offset = address - (uint64_t)(uintptr_t)bh_stacks;

    return address == 0 || (offset < sizeof(bh_stacks) && offset % STACK_STRIDE == 0);
}

static uint64_t rights_of(uint64_t address)
{
    if (address >= (uintptr_t)bh_text_start && address < (uintptr_t)bh_text_end)
        return PTE_PRESENT;
    if (address >= (uintptr_t)bh_text_end && address < (uintptr_t)bh_rodata_end)
        return PTE_PRESENT | PTE_NX;
    return PTE_PRESENT | PTE_WRITE | PTE_NX;
}

static void map_ram(void)
{
    uint64_t end = paging_heap_end();

    for (uint64_t address = 0; address < SMALL_TABLES * LARGE && address < end; address += PAGE)
        if (!is_guard(address))
            small[address / LARGE][address / PAGE % 512] = address | rights_of(address);
    for (unsigned i = 0; i < SMALL_TABLES; i++)
        directories[0][i] = points_to(small[i]);
    for (uint64_t address = SMALL_TABLES * LARGE; address + LARGE <= end; address += LARGE)
        directories[address >> 30][address / LARGE % 512] = address | PTE_PRESENT | PTE_WRITE | PTE_NX | PTE_LARGE;
}

static void map_abi(void)
{
    for (unsigned page = 0; page < BH_ABI_PAGES; page++) {
        bool read_only = page == 0 || page == (BH_IN_RING_GPA - BH_ABI_GPA) / PAGE;
        abi[page] = (BH_ABI_GPA + page * PAGE) | PTE_PRESENT | PTE_NX | (read_only ? 0 : PTE_WRITE);
    }
    directories[BH_ABI_GPA >> 30][BH_ABI_GPA / LARGE % 512] = points_to(abi);
}

void paging_init(void)
{
    map_ram();
    map_abi();
    for (unsigned i = 0; i < 4; i++)
        pdpt[i] = points_to(directories[i]);
    root[0] = points_to(pdpt);
    window_directory[0] = points_to(window);
    window_pdpt[0] = points_to(window_directory);
    root[WINDOW >> 39] = points_to(window_pdpt);
    paging_load();
}

void paging_load(void)
{
    cpu_set_cr3((uintptr_t)root);
}

void *bh_window(unsigned slot, uint64_t gpa, unsigned rights)
{
    uint8_t *page = (uint8_t *)(uintptr_t)(WINDOW + (slot % BH_WINDOW_SLOTS) * PAGE);

    window[slot % BH_WINDOW_SLOTS] = (gpa & ~(PAGE - 1) & ~PTE_NX) | PTE_PRESENT | (rights & BH_WRITE ? PTE_WRITE : 0) |
                                     (rights & BH_EXECUTE ? 0 : PTE_NX) | (rights & BH_UNCACHED ? PTE_UNCACHED : 0) |
                                     (rights & BH_USER ? PTE_USER : 0);
    cpu_invlpg(page);
    return page + gpa % PAGE;
}
