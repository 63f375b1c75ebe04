/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of memory. */
#include "plan_layout.h"
#include "rules.h"

#define MIB_OF(bytes) ((unsigned long long)((bytes) >> 20))

void rule_memory_multiple(struct check *check)
{
    EACH_PARTITION(p, check)
    if (p->memory % LARGE_SIZE)
        found(check, (struct place){"product", p, "memory"}, "partitions are separated by whole 2 MiB pages",
              "use MIB(n) with an even n", "0x%llx", (unsigned long long)p->memory);
}

void rule_memory_unikernel(struct check *check)
{
    EACH_PARTITION(p, check)
    if (p->kind == IMAGE_UNIKERNEL && p->memory < UNIKERNEL_MIN_MEMORY)
        found(check, (struct place){"product", p, "memory"}, "a program with its page tables, stack and heap needs more",
              "give it MIB(4) or more", "%llu MiB", MIB_OF(p->memory));
}

void rule_memory_linux(struct check *check)
{
    EACH_PARTITION(p, check)
    if (p->kind == IMAGE_LINUX && p->memory < LINUX_MIN_MEMORY)
        found(check, (struct place){"product", p, "memory"}, "a distribution's kernel does not reach its first process with less",
              "give it MIB(128) or more", "%llu MiB", MIB_OF(p->memory));
}

void rule_memory_limit(struct check *check)
{
    EACH_PARTITION(p, check)
    if (p->memory > PARTITION_MAX_MEMORY)
        found(check, (struct place){"product", p, "memory"}, "nested tables are planned for at most 256 GiB per partition",
              "check the unit: MIB(n) and GIB(n) take the number alone", "%llu MiB", MIB_OF(p->memory));
}

/* The layout of these tables is worth trying: what it reads has been accepted. */
static bool layout_makes_sense(const struct check *check)
{
    static const char *const needed[] = {"CFG-102", "CFG-201", "CFG-204", "CFG-603", "CFG-610", "CFG-611",
                                         "CFG-612", "CFG-613", "CFG-614", "CFG-615", "CFG-616"};
    for (unsigned i = 0; i < ARRAY_SIZE(needed); i++)
        if (check_has(check, needed[i]))
            return false;
    return true;
}

void rule_memory_sum(struct check *check)
{
    struct layout layout = {0};
    if (!layout_makes_sense(check) || !layout_hypervisor(check->product, check->board, 0, &layout))
        return;
    uint64_t missing = layout_memory(check->product, check->board, &layout);
    uint64_t sum = 0;
    EACH_PARTITION(p, check)
    sum += p->memory;
    if (missing)
        found(check, (struct place){"product", 0, "memory"}, "the board has less RAM above the hypervisor and its image zone",
              "take memory from a partition, or name a board (BOARD=) or product (PRODUCT=) that fits; README.md lists them",
              "%llu MiB in all, %llu MiB available", MIB_OF(sum), MIB_OF(layout_available(check->board, layout.free)));
}

void rule_memory_payloads(struct check *check)
{
    struct layout layout = {0};
    if (!check->payload_bytes || check_has(check, "CFG-205") || !layout_makes_sense(check))
        return;
    bool placed = layout_hypervisor(check->product, check->board, check->payload_bytes, &layout);
    uint64_t missing = placed ? layout_memory(check->product, check->board, &layout) : layout.zone_size;
    if (missing)
        found(check, (struct place){"product", 0, "memory"},
              "the payloads' image zone, twice their size and 32 MiB for the boot loader's choices, takes what the partitions "
              "would need",
              "make the images smaller, take memory from a partition or choose a larger board",
              "%llu MiB of payloads, %llu MiB missing", MIB_OF(check->payload_bytes), MIB_OF(missing + LARGE_SIZE - 1));
}

/* Drivers are told of one distance between their addresses and the machine's. */
void rule_unsafe_memory(struct check *check)
{
    struct layout layout = {0};
    if (!check->board->unsafe_dma || check_has(check, "CFG-205") || !layout_makes_sense(check) ||
        !layout_hypervisor(check->product, check->board, check->payload_bytes, &layout))
        return;
    layout_memory(check->product, check->board, &layout);
    EACH_PARTITION(p, check)
    if (!layout_dma_plain(&layout, (unsigned)(p - check->product->partitions)))
        found(check, (struct place){"product", p, "memory"},
              "without an IOMMU the memory of a partition with a device is one piece: its drivers are told where that is",
              "give it less memory, or name it before the others", "%llu MiB in several pieces", MIB_OF(p->memory));
}
