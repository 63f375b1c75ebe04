/* SPDX-License-Identifier: Apache-2.0 */
/* Layout of cores and memory. SEP-1: every 2 MiB page has one owner. SEP-2: so has every physical core, with its siblings. */
#include "plan_layout.h"

#include <string.h>

#include "check.h"
#include "plan_pool.h"

#define NO_PARTITION 0xffu

static uint64_t align_up(uint64_t value, uint64_t step)
{
    return (value + step - 1) / step * step;
}

/* True if a sibling of this core belongs to another partition. */
static bool sibling_taken(const struct board *board, const struct layout *layout, uint32_t core, uint8_t partition)
{
    for (uint32_t i = 0; i < board->core_count; i++)
        if (board->cores[i].smt_group == board->cores[core].smt_group && layout->cores[i].partition != NO_PARTITION &&
            layout->cores[i].partition != partition)
            return true;
    return false;
}

static void take_core(struct layout *layout, uint32_t core, uint8_t partition)
{
    struct layout_partition *p = &layout->partitions[partition];
    layout->cores[core].partition = partition;
    layout->cores[core].vcpu = (uint8_t)p->core_count;
    p->cores[p->core_count++] = (uint8_t)core;
}

/* The next core in the board's order, then its siblings, until the partition has `wanted`. */
static bool partition_cores(const struct board *board, struct layout *layout, uint8_t partition, uint32_t wanted)
{
    struct layout_partition *p = &layout->partitions[partition];
    for (uint32_t i = 0; i < board->core_count && p->core_count < wanted; i++) {
        if (board->cores[i].reserved || layout->cores[i].partition != NO_PARTITION || sibling_taken(board, layout, i, partition))
            continue;
        for (uint32_t j = i; j < board->core_count && p->core_count < wanted; j++)
            if (board->cores[j].smt_group == board->cores[i].smt_group && !board->cores[j].reserved)
                take_core(layout, j, partition);
    }
    return p->core_count == wanted;
}

bool layout_cores(const struct product *product, const struct board *board, struct layout *layout)
{
    layout->partition_count = product_partitions(product);
    for (uint32_t i = 0; i < board->core_count; i++)
        layout->cores[i] = (struct plan_core){.apic_id = board->cores[i].apic_id, .partition = NO_PARTITION};
    for (uint32_t i = 0; i < layout->partition_count; i++) {
        layout->partitions[i].core_count = 0;
        if (!partition_cores(board, layout, (uint8_t)i, product->partitions[i].cores))
            return false;
    }
    int keeper = product_find(product, product->housekeeping);
    layout->housekeeping = keeper < 0 ? 0 : layout->partitions[keeper].cores[0];
    return true;
}

bool layout_hypervisor(const struct product *product, const struct board *board, uint64_t payload_bytes, struct layout *layout)
{
    devices_plan(product, board, &layout->devices);
    layout->unsafe_dma = board->unsafe_dma && board->iommu.kind == IOMMU_NONE;
    channels_plan(product, &layout->channels);
    ports_plan(product, board, &layout->devices, &layout->channels, &layout->ports);
    if (layout->ports.count != 0)
        layout->devices.ecam = PLAN_ECAM;
    layout->pool_pages = pool_pages(product, board, &layout->devices, &layout->channels) + layout->ports.count * POOL_PORT;
    layout->hypervisor = board->load ? board->load : HYPERVISOR_BASE;
    /* bulkhead.elf fills its room to the next 2 MiB boundary, so that the loader finds no gap below the zone to put a module in. */
    layout->room =
        align_up(layout->hypervisor + HYPERVISOR_IMAGE + (uint64_t)layout->pool_pages * PAGE_SIZE, LARGE_SIZE) - layout->hypervisor;
    layout->zone = layout->hypervisor + layout->room;
    layout->zone_size = align_up(2 * payload_bytes + ZONE_SLACK, LARGE_SIZE);
    layout->crash = layout->zone + layout->zone_size;
    layout->free = layout->crash + align_up(CRASH_SIZE, LARGE_SIZE);
    for (uint32_t i = 0; i < board->ram_count; i++)
        if (range_inside(layout->hypervisor, layout->free - layout->hypervisor, board->ram[i].base, board->ram[i].size))
            return layout->free <= board->pci_hole;
    return false;
}

/* The first whole 2 MiB page of a board range at or above `from`, and the end of the last one. */
static bool usable(const struct board_ram *ram, uint64_t from, uint64_t *base, uint64_t *end)
{
    *base = align_up(ram->base > from ? ram->base : from, LARGE_SIZE);
    *end = (ram->base + ram->size) / LARGE_SIZE * LARGE_SIZE;
    return *base < *end;
}

uint64_t layout_available(const struct board *board, uint64_t from)
{
    uint64_t sum = 0, base, end;
    for (uint32_t i = 0; i < board->ram_count; i++)
        if (usable(&board->ram[i], from, &base, &end))
            sum += end - base;
    return sum;
}

/* Take up to `wanted` bytes in one piece at or above *cursor; returns its size, 0 if there is none. */
static uint64_t take_piece(const struct board *board, uint64_t *cursor, uint64_t wanted, uint64_t *hpa)
{
    for (uint32_t i = 0; i < board->ram_count; i++) {
        uint64_t end;
        if (!usable(&board->ram[i], *cursor, hpa, &end))
            continue;
        uint64_t size = end - *hpa < wanted ? end - *hpa : wanted;
        *cursor = *hpa + size;
        return size;
    }
    return 0;
}

/* Guest-physical: 0 up to the PCI hole, then from 4 GiB. Returns the bytes that found no room. */
static uint64_t partition_memory(const struct board *board, uint64_t memory, uint64_t *cursor, struct layout_partition *p)
{
    uint64_t gpa = 0, left = memory;
    p->ram_count = 0;
    while (left) {
        if (gpa == board->pci_hole)
            gpa = GIB(4);
        uint64_t below = gpa < board->pci_hole ? board->pci_hole - gpa : left;
        uint64_t hpa, size = take_piece(board, cursor, left < below ? left : below, &hpa);
        if (!size || p->ram_count == LAYOUT_MAX_RAM)
            return left;
        p->ram[p->ram_count++] = (struct plan_ram){HPA(hpa), GPA(gpa), size};
        gpa += size;
        left -= size;
    }
    return 0;
}

uint64_t layout_memory(const struct product *product, const struct board *board, struct layout *layout)
{
    uint64_t cursor = layout->free, missing = 0;
    layout->partition_count = product_partitions(product);
    for (uint32_t i = 0; i < layout->partition_count; i++)
        missing += partition_memory(board, product->partitions[i].memory, &cursor, &layout->partitions[i]);
    return missing;
}

bool layout_dma_plain(const struct layout *layout, unsigned partition)
{
    const struct layout_partition *p = &layout->partitions[partition];
    for (uint32_t i = 1; i < p->ram_count && layout->unsafe_dma && layout->devices.count[partition]; i++)
        if (p->ram[i].hpa.v - p->ram[i].gpa.v != p->ram[0].hpa.v)
            return false;
    return true;
}

uint64_t layout_dma_offset(const struct layout *layout, unsigned partition)
{
    return layout->unsafe_dma && layout->devices.count[partition] ? layout->partitions[partition].ram[0].hpa.v : 0;
}
