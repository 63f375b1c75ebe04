/* SPDX-License-Identifier: Apache-2.0 */
/* The unikernel's own page tables: identity, text read-execute, constants read-only, everything else read-write and never
 * executed; page 0 and the page under each stack are not mapped. A window far above maps any guest-physical page on request,
 * and the registers of devices for ever. */
#include "bh_pci.h"
#include "cpu.h"
#include "lib.h"

#define PAGE 4096ull
#define LARGE 0x200000ull
#define SMALL_TABLES 8u        /* the first 16 MiB in 4 KiB pages: the whole image (unikernel.lds) */
#define WINDOW 0x8000000000ull /* second entry of the root */
#define DEVICES (WINDOW + (1ull << 30))
#define DEVICE_TABLES 8u  /* the first 16 MiB there in 4 KiB pages, the rest in 2 MiB ones */
#define DEVICE_RANGES 64u /* that are remembered, so that a second request maps nothing */

typedef uint64_t table[512] __attribute__((aligned(4096)));
static table root, pdpt, directories[4], small[SMALL_TABLES], abi;
static table window_pdpt, window_directory, window;
static table device_directory, device_pages[DEVICE_TABLES];
uint8_t bh_stacks[BH_MAX_CORES][STACK_STRIDE] __attribute__((aligned(STACK_STRIDE)));

static uint64_t points_to(const void *lower)
{
    return (uint64_t)(uintptr_t)lower | PTE_PRESENT | PTE_WRITE | PTE_USER;
}

static uint64_t ram_end(void)
{
    uint64_t end = bh_start_info()->ram_size;

    return end < BH_ABI_GPA ? end & ~(PAGE - 1) : BH_ABI_GPA;
}

/* Files, where there are some, have the top. */
uint64_t paging_heap_end(void)
{
    uint64_t end = bh_start_info()->files ? bh_start_info()->files : ram_end();

    return end & ~(PAGE - 1);
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
    uint64_t end = ram_end();

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
        bool read_only = page == 0 || page >= (BH_IN_RING_GPA - BH_ABI_GPA) / PAGE;
        abi[page] = (BH_ABI_GPA + page * PAGE) | PTE_PRESENT | PTE_NX | (read_only ? 0 : PTE_WRITE);
    }
    directories[BH_ABI_GPA >> 30][BH_ABI_GPA / LARGE % 512] = points_to(abi);
}

/* Whole 2 MiB around each: what is not its own in there is not mapped by the hypervisor, nor can it write what it only reads. */
static void map_channels(void)
{
    const struct bh_channels *channels = (const struct bh_channels *)(uintptr_t)BH_CHANNELS_INFO_GPA;

    for (uint32_t i = 0; i < channels->count && i < BH_MAX_CHANNELS; i++) {
        uint64_t first = channels->channel[i].gpa, last = first + channels->channel[i].size;

        for (uint64_t address = first & ~(LARGE - 1); address <= last; address += LARGE)
            directories[address >> 30][address / LARGE % 512] = address | PTE_PRESENT | PTE_WRITE | PTE_NX | PTE_LARGE;
    }
}

void paging_init(void)
{
    map_ram();
    map_abi();
    map_channels();
    for (unsigned i = 0; i < 4; i++)
        pdpt[i] = points_to(directories[i]);
    root[0] = points_to(pdpt);
    window_directory[0] = points_to(window);
    window_pdpt[0] = points_to(window_directory);
    window_pdpt[1] = points_to(device_directory);
    for (unsigned i = 0; i < DEVICE_TABLES; i++)
        device_directory[i] = points_to(device_pages[i]);
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

/* Entries that were not present before are in no translation cache: nothing to flush on any core (SDM3 4.10.2.3). */
volatile uint8_t *bh_device_map(uint64_t gpa, uint64_t size)
{
    static struct {
        uint64_t gpa, size;
        uint8_t *at;
    } ranges[DEVICE_RANGES];
    static unsigned range_count, pages_used, large_used = DEVICE_TABLES;
    uint64_t first = gpa & ~(PAGE - 1), rights = PTE_PRESENT | PTE_WRITE | PTE_NX | PTE_UNCACHED | PTE_THROUGH;

    if (size == 0 || size > 512 * LARGE || gpa > (1ull << 52) - size)
        return 0;
    for (unsigned i = 0; i < range_count; i++)
        if (gpa >= ranges[i].gpa && gpa - ranges[i].gpa <= ranges[i].size && size <= ranges[i].size - (gpa - ranges[i].gpa))
            return ranges[i].at + (gpa - ranges[i].gpa);
    uint64_t pages = (gpa + size - first + PAGE - 1) / PAGE;
    bool large = (gpa | size) % LARGE == 0;
    if (range_count == DEVICE_RANGES || (large ? size / LARGE > 512 - large_used : pages > DEVICE_TABLES * 512 - pages_used))
        return 0;
    uint8_t *at = (uint8_t *)(uintptr_t)(DEVICES + (large ? large_used * LARGE : pages_used * PAGE)) + gpa % PAGE;
    for (uint64_t done = 0; large && done < size; done += LARGE)
        device_directory[large_used++] = (gpa + done) | rights | PTE_LARGE;
    for (uint64_t i = 0; !large && i < pages; i++, pages_used++)
        device_pages[pages_used / 512][pages_used % 512] = (first + i * PAGE) | rights;
    ranges[range_count].gpa = gpa;
    ranges[range_count].size = size;
    ranges[range_count++].at = at;
    return at;
}
