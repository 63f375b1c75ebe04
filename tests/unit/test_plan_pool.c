/* SPDX-License-Identifier: Apache-2.0 */
/* The planner keeps as many pages for tables of devices as their builders take: nested tables with BARs around the pages of MSI-X, I/O
 * tables of the owners. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "arch.h"
#include "crash.h"
#include "io_table.h"
#include "memory.h"
#include "nested.h"
#include "pci_function.h"
#include "plan_layout.h"
#include "plan_pool.h"
#include "random_tables.h"
#include "x86.h"

/* --- fakes ------------------------------------------------------------------------------------------------------------------- */

#define POOL 8192u
#include "table_pool.h"

static struct board board_found;
const struct plan plan = {.board = &board_found};

void clflush(const void *line)
{
    (void)line;
}

void crash_here(const char *text)
{
    fail_msg("%s", text);
    abort();
}

#define LEAF (1ull << 61)
#define PRESENT (1ull << 62)
#define ADDRESS 0x000ffffffffff000ull

uint64_t io_entry_table(hpa_t table, unsigned level)
{
    return table.v | PRESENT | level;
}

uint64_t io_entry_leaf(hpa_t page, unsigned level)
{
    return page.v | PRESENT | LEAF | level;
}

bool io_entry_present(uint64_t entry)
{
    return (entry & PRESENT) != 0;
}

bool io_entry_is_leaf(uint64_t entry, unsigned level)
{
    (void)level;
    return (entry & LEAF) != 0;
}

hpa_t io_entry_address(uint64_t entry)
{
    return HPA(entry & ADDRESS);
}

/* --- what the builders take ---------------------------------------------------------------------------------------------------- */

#define RANGES_MAX 64u

/* `devices`: with BARs, and with the TPM. */
static unsigned nested_take(const struct layout *l, unsigned partition, bool devices)
{
    const struct layout_partition *p = &l->partitions[partition];
    static struct nested_region regions[LAYOUT_MAX_RAM + PRODUCT_MAX_DEVICES * RANGES_MAX + 1];
    unsigned n = 0;

    for (unsigned r = 0; r < p->ram_count; r++)
        regions[n++] = (struct nested_region){p->ram[r].gpa, p->ram[r].hpa, p->ram[r].size, NESTED_WRITE | NESTED_EXECUTE};
    for (unsigned i = 0; devices && i < l->devices.count[partition]; i++) {
        struct pci_range ranges[RANGES_MAX];
        unsigned count = pci_bar_ranges(&l->devices.functions[l->devices.first[partition] + i], ranges, RANGES_MAX);

        for (unsigned k = 0; k < count; k++)
            regions[n++] = (struct nested_region){GPA(ranges[k].base.v), ranges[k].base, ranges[k].size, NESTED_WRITE};
    }
    if (devices)
        regions[n++] = (struct nested_region){GPA(PLAN_TPM), HPA(PLAN_TPM), PAGE_SIZE, NESTED_WRITE | NESTED_DEVICE};
    taken = 0;
    nested_build(regions, n);
    return taken;
}

static unsigned io_take(const struct layout *l, unsigned partition, bool large)
{
    const struct layout_partition *p = &l->partitions[partition];
    struct io_region regions[LAYOUT_MAX_RAM];

    for (unsigned r = 0; r < p->ram_count; r++)
        regions[r] = (struct io_region){p->ram[r].gpa.v, p->ram[r].hpa, p->ram[r].size};
    taken = 0;
    io_table_build(regions, p->ram_count, IO_TABLE_LEVELS, large);
    return taken;
}

/* Two partitions with two random functions each, whose MSI-X is anywhere in their BARs. */
static const char *const roles[] = {"r0", "r1", "r2", "r3"};
static void random_machine(struct board *b, struct product *p)
{
    *b = (struct board){.core_count = 4, .pci_hole = GIB(random_in(1, 3)), .virt = VIRT_SVM};
    b->ram[0] = (struct board_ram){MIB(1), b->pci_hole - MIB(1)};
    b->ram[1] = (struct board_ram){GIB(4), GIB(6)};
    b->ram_count = 2;
    b->iommu.kind = random_in(0, 1) ? IOMMU_AMDVI : IOMMU_VTD;
    b->iommu.unit_count = 1;
    b->pci.window = 0xc0000000;
    b->pci.window_size = 0x30000000;
    for (unsigned i = 0; i < BOARD_MAX_CORES; i++)
        b->cores[i].smt_group = i;
    for (uint8_t i = 0; i < 4; i++) {
        struct board_function *f = &b->functions[b->function_count++];
        *f = (struct board_function){.device = i, .role = roles[i], .group = i + 1u};
        for (unsigned k = 0; k < BOARD_BARS; k++)
            if (k == 0 || random_in(0, 2) == 0)
                f->bars[k] = (struct board_bar){BAR_MEMORY32, false, (uint64_t)PAGE_SIZE << random_in(k == 0 ? 4 : 0, 13)};
        f->msix = (struct board_msix){.vectors = (uint16_t)random_in(0, 2048)};
        f->msix.table_offset = (uint32_t)(random_in(0, f->bars[0].size - 0x8100) & ~7ull);
        f->msix.pba_offset = f->msix.table_offset + 0x8000;
    }
    *p = (struct product){.name = "r", .housekeeping = "a"};
    p->partitions[0] = (struct partition_spec){
        .name = "a", .cores = 1, .memory = random_in(8, 2200) * MIB(2), .tpm = true, .devices = {{.role = "r0"}, {.role = "r1"}}};
    p->partitions[1] = (struct partition_spec){
        .name = "b", .cores = 1, .memory = MIB(16), .tpm = true, .devices = {{.role = "r2"}, {.role = "r3"}}};
}

static void test_planner_and_builders_agree(void **state)
{
    static struct layout with, without;
    unsigned tried = 0, over_hole = 0, split = 0;

    (void)state;
    for (unsigned seed = 1; seed <= 300; seed++) {
        struct board b;
        struct product p, plain;
        unsigned counted, used = 0;

        random_seed(seed);
        random_machine(&b, &p);
        plain = p;
        for (unsigned i = 0; i < 2; i++)
            memset(plain.partitions[i].devices, 0, sizeof(plain.partitions[i].devices)), plain.partitions[i].tpm = false;
        if (!layout_hypervisor(&p, &b, 0, &with) || layout_memory(&p, &b, &with) != 0 ||
            !layout_hypervisor(&plain, &b, 0, &without))
            continue;
        assert_int_equal(with.devices.function_count, 4);
        assert_true(with.devices.memory_needed <= with.devices.memory_room);
        counted = with.pool_pages - without.pool_pages;
        for (unsigned i = 0; i < 2; i++) {
            unsigned bars = nested_take(&with, i, true), ram = nested_take(&with, i, false);

            split += bars - ram > 4;
            used += bars - ram + io_take(&with, i, b.iommu.kind == IOMMU_AMDVI);
            over_hole += with.partitions[i].ram_count > 1;
        }
        used += 4 * (b.iommu.kind == IOMMU_AMDVI ? POOL_FUNCTION + POOL_AMDVI_FUNCTION : POOL_FUNCTION);
        assert_in_range(counted, used, used + 100);
        tried++;
    }
    assert_true(tried > 200 && over_hole > 30 && split > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_planner_and_builders_agree)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
