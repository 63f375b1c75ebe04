/* SPDX-License-Identifier: Apache-2.0 */
/* AC-22, SEP-1: memory outside this partition's guest-physical space. Expected: every read, write and instruction fetch
 * outside RAM, ABI area and APIC page gives #GP(0), whatever mode the processor is in; the read-only pages of the ABI area refuse
 * writes; a page walk that leaves RAM stops the partition. */
#include "attack.h"

#define GIB4 0x100000000ul
#define PAGE 4096ul
#define SWEEP_BASE (3ul << 39) /* fourth entry of the root */

static uint64_t tried, reached;

static void probe_page(uint64_t gpa, bool write)
{
    uint64_t value;

    tried++;
    if (try_read(gpa, 4, &value)) {
        reached++;
        detail("read %#" PRIx64 " gave %#" PRIx64, gpa, value);
    } else if (attack_fault.vector != VECTOR_GP || attack_fault.error != 0) {
        reached++;
        detail("read %#" PRIx64 " gave %s(%" PRIx64 ")", gpa, bh_vector_name((unsigned)attack_fault.vector), attack_fault.error);
    }
    if (write && try_write(gpa, 4, 0xa77ac4ed)) {
        reached++;
        detail("write %#" PRIx64 " was taken", gpa);
    }
}

/* All below 4 GiB at once, in large pages, so that the sweep changes no page table. */
static void map_low(void)
{
    static uint64_t directories[4][512] __attribute__((aligned(4096))), pdpt[512] __attribute__((aligned(4096)));
    uint64_t *root = (uint64_t *)(uintptr_t)(cpu_cr3() & ~0xfffull);

    for (uint64_t i = 0; i < 4 * 512; i++)
        directories[i / 512][i % 512] = i << 21 | PTE_PRESENT | PTE_WRITE | PTE_LARGE | PTE_NX;
    for (unsigned i = 0; i < 4; i++)
        pdpt[i] = (uintptr_t)directories[i] | PTE_PRESENT | PTE_WRITE;
    root[SWEEP_BASE >> 39] = (uintptr_t)pdpt | PTE_PRESENT | PTE_WRITE;
    cpu_set_cr3(cpu_cr3());
}

static void sweep(uint64_t from, uint64_t to, uint64_t stride, bool write)
{
    uint64_t step = 4096 * stride;

    for (; from < to; from += step) {
        uint64_t end = from + step < to ? from + step : to;
        struct sweep_job job = {
            .address = SWEEP_BASE + from, .stride = stride, .count = (end - from + stride - 1) / stride, .write = write};
        bool were_on = bh_irq_off();
        sweep_touch(&job);
        bh_irq_restore(were_on);
        tried += job.count;
        reached += job.reached;
        if (job.reached)
            detail("%s: %" PRIu64 " reached, the first at %#" PRIx64, write ? "write" : "read", job.reached,
                   job.first - SWEEP_BASE);
        bh_watchdog_pet();
    }
}

/* What is not ours, from the end of RAM to 4 GiB: between ABI area and local APIC. */
static void sweep_below_4g(void)
{
    uint64_t start = bh_start_info()->ram_size;
    uint64_t borders[][2] = {
        {start, BH_ABI_GPA}, {BH_ABI_GPA + BH_ABI_PAGES * PAGE, apic_is_x2() ? 0xfee01000 : 0xfee00000}, {0xfee01000, GIB4}};

    map_low();
    for (unsigned i = 0; i < 3; i++) {
        sweep(borders[i][0], borders[i][1], PAGE, false);
        sweep(borders[i][0], borders[i][1], attack_full ? PAGE : 16 * PAGE, true);
        probe_page(borders[i][0], true);
        probe_page(borders[i][1] - PAGE, true);
    }
    /* the last bytes inside and the first outside, in one access */
    uint64_t value;
    tried++;
    if (try_read(start - 2, 4, &value)) {
        reached++;
        detail("read across the end of RAM gave %#" PRIx64, value);
    }
}

static void powers_above_4g(void)
{
    for (unsigned bit = 32; bit < address_bits(); bit++)
        for (uint64_t offset = 0; offset <= 0x200000; offset = offset ? offset * 2 : PAGE) {
            probe_page((1ull << bit) + offset, true);
            if (bit > 32)
                probe_page((1ull << bit) - PAGE - offset, true);
        }
    probe_page((1ull << address_bits()) - PAGE, true);
}

static void read_only_pages(void)
{
    uint64_t pages[] = {BH_ABI_GPA, BH_IN_RING_GPA};

    for (unsigned i = 0; i < 2; i++) {
        tried++;
        if (try_write(pages[i] + 0x800, 4, 0)) {
            reached++;
            detail("write to the read-only page %#" PRIx64 " was taken", pages[i]);
        }
    }
}

void attack_npt(void)
{
    tried = reached = 0;
    sweep_below_4g();
    powers_above_4g();
    read_only_pages();
    verdict(reached == 0, "%" PRIu64 " reachable of %" PRIu64, reached, tried);
}

/* QEMU before 7.2.22 let a guest without paging past the nested tables: that is why this one exists. */
void attack_npt_unpaged(void)
{
    struct unpaged_job jobs[] = {
        {.from = (uint32_t)bh_start_info()->ram_size,
         .stride = 0x100000,
         .count = (uint32_t)((BH_ABI_GPA - bh_start_info()->ram_size) >> 20)},
        {.from = BH_ABI_GPA + BH_ABI_PAGES * 4096, .stride = 4096, .count = 64},
        {.from = 0xf0100000, .stride = 0x10000, .count = 0xe00},
        {.from = 0xfee01000, .stride = 0x1000, .count = 0x1100},
    };

    tried = reached = 0;
    for (unsigned i = 0; i < sizeof(jobs) / sizeof(jobs[0]); i++) {
        bool were_on = bh_irq_off();
        unpaged_touch(&jobs[i]);
        bh_irq_restore(were_on);
        tried += jobs[i].count;
        reached += jobs[i].reached;
        if (jobs[i].reached)
            detail("%u reached from %#x, the first at %#x", jobs[i].reached, jobs[i].from, jobs[i].first);
        bh_watchdog_pet();
    }
    verdict(reached == 0, "%" PRIu64 " reachable of %" PRIu64, reached, tried);
}

static void jump(void *address)
{
    ((void (*)(void))address)();
}

/* Instruction fetch: outside the map, and from the ABI area, which is never executable. */
void attack_fetch(void)
{
    uint64_t targets[] = {bh_start_info()->ram_size, 0xfed00000, 0x100000000ull, BH_ABI_GPA + 0x1000, BH_OUT_RING_GPA};
    unsigned executed = 0, count = sizeof(targets) / sizeof(targets[0]);

    for (unsigned i = 0; i < count; i++) {
        if (!bh_try(jump, bh_window(0, targets[i], BH_EXECUTE), &attack_fault) || attack_fault.vector != VECTOR_GP) {
            executed++;
            detail("fetch at %#" PRIx64 ": %s", targets[i], bh_vector_name((unsigned)attack_fault.vector));
        }
    }
    verdict(executed == 0, "%u executed of %u", executed, count);
}

/* A page table outside RAM: the walk faults and cannot be repaired (AC-14, AC-22). */
void attack_walk(void)
{
    uint64_t *root = (uint64_t *)(uintptr_t)(cpu_cr3() & ~0xfffull);

    root[2] = bh_start_info()->ram_size | PTE_PRESENT | PTE_WRITE;
    (void)*(volatile uint32_t *)(2ull << 39);
}

/* --- with functions of its own ------------------------------------------------------------------------------------------------------ */

#define BOARD_ECAM 0xb0000000ull /* the machine's own, where devices' memory begins */
#define ECAM 0xf1000000ull       /* where a partition with functions sees its bus 0 */
#define ECAM_SIZE 0x100000ull
#define CHIPSET 0xfe000000ull /* IO-APIC, timers, TPM, IOMMU, flash */
#define CHUNK 0x1000000ull
#define RAM_END 0x80000000ull /* of the board */
#define OWN_MAX 64u

struct own_range {
    uint64_t from, to;
};

static unsigned own_add(struct own_range *own, unsigned count, uint64_t from, uint64_t size)
{
    unsigned i = count;

    for (; i > 0 && own[i - 1].from > from; i--)
        own[i] = own[i - 1];
    own[i] = (struct own_range){from, from + size};
    return count + 1;
}

/* In order of their addresses. */
static unsigned own_list(struct own_range *own)
{
    unsigned count = own_add(own, 0, BH_ABI_GPA, BH_ABI_PAGES * PAGE);
    struct bh_pci pci;
    struct bh_bar bar;

    count = own_add(own, count, ECAM, ECAM_SIZE);
    count = own_add(own, count, 0xfee00000, apic_is_x2() ? 0 : PAGE);
    count = own_add(own, count, GIB4, 0);
    for (unsigned device = 1; device <= 8; device++)
        for (unsigned n = 0; bh_pci_look(BH_PCI_BDF(device, 0), &pci) && n < BH_PCI_BARS && count < OWN_MAX; n++)
            if (bh_pci_bar(&pci, n, &bar) && !bar.ports && bar.size != 0 && bar.address < GIB4)
                count = own_add(own, count, bar.address, bar.size);
    return count;
}

/* Where the machine has something, and next to what is its own, every page; elsewhere one of sixteen. */
static void sweep_gap(uint64_t from, uint64_t to)
{
    for (uint64_t at = from, end; at < to; at = end) {
        end = (at / CHUNK + 1) * CHUNK < to ? (at / CHUNK + 1) * CHUNK : to;
        bool dense = at == from || end == to || at >= CHIPSET || attack_full;
        sweep(at, end, dense ? PAGE : 16 * PAGE, false);
        sweep(at, end, dense ? 16 * PAGE : 256 * PAGE, true);
    }
    probe_page(from, true);
    probe_page(to - PAGE, true);
    probe_page(to - 4, true);
}

/* AC-20, AC-39, AC-41: the pages between RAM and 4 GiB but its own: BARs of others, which may lie next to its own, ECAM, IO-APIC, timers,
 * TPM, IOMMU, flash. First and last word of each page next to one of its own. */
void attack_pages(void)
{
    static struct own_range own[OWN_MAX];
    unsigned count = own_list(own);
    uint64_t at = BOARD_ECAM;

    tried = reached = 0;
    map_low();
    sweep_gap(RAM_END, at);
    for (unsigned i = 0; i < count; i++) {
        if (own[i].from > at)
            sweep_gap(at, own[i].from);
        at = own[i].to > at ? own[i].to : at;
    }
    verdict(reached == 0, "%" PRIu64 " reachable of %" PRIu64 " beside %u ranges", reached, tried, count);
}
