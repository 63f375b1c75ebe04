/* SPDX-License-Identifier: Apache-2.0 */
/* Counting the pool's pages. */
#include "plan_pool.h"

#include "check.h"

static uint64_t units(uint64_t size, uint64_t unit)
{
    return size / unit + (size % unit != 0);
}

/* A partition's nested tables: one page for each GiB and two for the levels above; one more for each 2 MiB where the CPU does not
 * allow large pages that a guest executes from, as nested_large_allowed() says on the target. */
static uint64_t nested_pages(const struct board *board, uint64_t memory)
{
    bool small = board->virt == VIRT_VMX && !board->no_page_size_erratum;
    return units(memory, GIB(1)) + POOL_NESTED_UPPER + (small ? units(memory, LARGE_SIZE) : 0);
}

static uint64_t function_pages(const struct plan_function *f)
{
    uint64_t pages = POOL_FUNCTION;
    for (unsigned i = 0; i < BOARD_BARS; i++)
        if (f->bars[i].size != 0 && f->bars[i].kind != BAR_PORTS)
            pages += f->bars[i].size > LARGE_SIZE ? POOL_NESTED_LARGE : POOL_NESTED_BAR;
    return pages;
}

/* An owner's I/O tables. VT-d units need not know large pages, and only the machine says whether they do. */
static uint64_t io_pages(const struct board *board, uint64_t memory)
{
    bool small = board->iommu.kind == IOMMU_VTD;
    return units(memory, GIB(1)) + POOL_IO_UPPER + (small ? units(memory, LARGE_SIZE) : 0);
}

static uint64_t buses(const struct device_plan *devices)
{
    bool used[256] = {false};
    uint64_t count = 0;
    for (uint32_t i = 0; i < devices->function_count; i++) {
        count += !used[devices->functions[i].requester >> 8];
        used[devices->functions[i].requester >> 8] = true;
    }
    return count;
}

static uint64_t iommu_pages(const struct board *board, const struct device_plan *devices)
{
    uint64_t entries = POOL_VTD_ENTRIES;
    uint32_t count = board->iommu.unit_count < BOARD_MAX_IOMMUS ? board->iommu.unit_count : BOARD_MAX_IOMMUS;
    if (board->iommu.kind == IOMMU_AMDVI)
        return POOL_AMDVI_DEVICES + count * POOL_AMDVI_UNIT + (devices->function_count + 1) * POOL_AMDVI_FUNCTION;
    if (board->iommu.kind != IOMMU_VTD)
        return 0;
    while (entries < devices->interrupts)
        entries *= 2;
    return POOL_VTD_COMMON + buses(devices) * POOL_VTD_BUS + count * POOL_VTD_UNIT + units(entries * POOL_VTD_ENTRY, PAGE_SIZE);
}

/* Tables of large pages that map a partition's memory on one of its cores: a range of the board's RAM may begin and end in the middle of
 * a GiB. */
static uint64_t direct_pages(const struct board *board, uint64_t memory)
{
    uint64_t pages = memory / GIB(1);
    for (uint32_t i = 0; i < board->ram_count && i < BOARD_MAX_RAM; i++)
        pages += board->ram[i].size >= LARGE_SIZE ? 2 : 0;
    return pages;
}

/* Does it have rings for a trace of its exits? core/trace.c says the same of the plan. */
static bool traced(const struct product *product, const struct partition_spec *spec)
{
    bool wanted = spec->trace;
    for (unsigned i = 0; i < product_partitions(product); i++)
        for (unsigned k = 0; k < PRODUCT_MAX_PARTITIONS && product->partitions[i].observes[k]; k++)
            wanted = wanted || product_find(product, product->partitions[i].observes[k]) == (int)(spec - product->partitions);
    return wanted;
}

static uint64_t channel_pages(const struct channel_plan *channels, unsigned partition)
{
    uint64_t next = 0, pages = 0; /* next: the first 2 MiB that have no table yet */
    for (uint32_t i = 0; i < channels->count; i++) {
        const struct plan_channel *c = &channels->channels[i];
        uint64_t first = c->gpa.v / LARGE_SIZE, last = (c->gpa.v + c->size) / LARGE_SIZE;
        if (!(c->mapped >> partition & 1))
            continue;
        first = first < next ? next : first;
        pages += last + 1 - first;
        next = last + 1;
    }
    return pages;
}

/* May somebody dump it? As core/dump.c. */
static bool dumped(const struct product *product, unsigned index)
{
    for (unsigned i = 0; i < product_partitions(product); i++)
        for (unsigned k = 0; k < PRODUCT_MAX_PARTITIONS && product->partitions[i].dumps[k]; k++)
            if (product_find(product, product->partitions[i].dumps[k]) == (int)index)
                return true;
    return false;
}

/* What the hypervisor takes before the seal: page tables, stacks and control blocks of each core, which also maps its partition's
 * memory by large pages; rings, maps, the ABI area and the nested tables of each partition; what devices need; channels; the tables that
 * map all these. */
uint32_t pool_pages(const struct product *product, const struct board *board, const struct device_plan *devices,
                    const struct channel_plan *channels)
{
    uint64_t pages = POOL_COMMON + POOL_BOARD_CORE * (uint64_t)board->core_count + iommu_pages(board, devices);
    for (unsigned i = 0; i < product_partitions(product); i++) {
        const struct partition_spec *spec = &product->partitions[i];
        pages += spec->cores * (POOL_CORE + direct_pages(board, spec->memory)) + POOL_PARTITION + nested_pages(board, spec->memory);
        pages += traced(product, spec) ? spec->cores * (uint64_t)POOL_TRACE : 0;
        pages += channel_pages(channels, i);
        pages += dumped(product, i) ? POOL_DUMP : 0;
        pages += spec->tpm ? POOL_TPM : 0;
        if (devices->count[i] != 0)
            pages += POOL_NESTED_BARS + io_pages(board, spec->memory);
    }
    for (uint32_t i = 0; i < devices->function_count; i++)
        pages += function_pages(&devices->functions[i]);
    for (uint32_t i = 0; i < channels->count; i++)
        pages += POOL_CHANNEL + channels->channels[i].size / PAGE_SIZE;
    return (uint32_t)(pages + pages / POOL_MAPPED_BY);
}
