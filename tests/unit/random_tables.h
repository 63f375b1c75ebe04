/* SPDX-License-Identifier: Apache-2.0 */
/* Random products and boards for the tests of planner and rules: the same seed gives the same tables everywhere. */
#ifndef RANDOM_TABLES_H
#define RANDOM_TABLES_H

#include "board.h"
#include "product.h"

static uint64_t random_state;

static void random_seed(uint64_t seed)
{
    random_state = seed * 0x9e3779b97f4a7c15u + 1;
}

static uint64_t random_next(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

/* low .. high, both included */
static uint64_t random_in(uint64_t low, uint64_t high)
{
    return low + random_next() % (high - low + 1);
}

/* A board that may well be accepted: up to 32 cores, threads in several orders, RAM with holes, often not aligned. */
__attribute__((unused)) static void random_board(struct board *b)
{
    *b = (struct board){
        .name = "random", .virt = VIRT_SVM, .pci_hole = random_in(32, random_in(0, 2) ? 1792 : 80) * MIB(2), .invariant_tsc = true};
    b->core_count = (uint32_t)random_in(1, BOARD_MAX_CORES);
    unsigned order = (unsigned)random_in(0, 2), half = (b->core_count + 1) / 2;
    for (uint32_t i = 0; i < b->core_count; i++)
        b->cores[i] = (struct board_core){.apic_id = i * 2,
                                          .smt_group = order == 0   ? i
                                                       : order == 1 ? i / 2
                                                                    : i % half,
                                          .reserved = i == 0 && b->core_count % 4 == 3};
    b->ram[b->ram_count++] = (struct board_ram){0, 0x9fc00};
    uint64_t at = MIB(1);
    unsigned pieces = (unsigned)random_in(1, 6);
    for (unsigned i = 0; i < pieces; i++) {
        uint64_t size = random_in(i == 0 ? 15000 : 1, i == 0 ? 100000 : 60000) * PAGE_SIZE;
        if (at < GIB(4) && at + size > b->pci_hole)
            at = at < b->pci_hole && i == 0 ? at : GIB(4);
        if (at < b->pci_hole && at + size > b->pci_hole)
            size = b->pci_hole - at;
        b->ram[b->ram_count++] = (struct board_ram){at, size};
        at += size + random_in(0, 3000) * PAGE_SIZE;
    }
    b->ioapic.base = 0xfec00000;
    b->ioapic.pins = 24;
    b->pit.gsi = 2;
}

__attribute__((unused)) static void random_product(struct product *p, uint32_t cores)
{
    static const char *const names[] = {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p"};
    *p = (struct product){.abi = PRODUCT_ABI, .name = "random"};
    unsigned count = (unsigned)random_in(1, cores < PRODUCT_MAX_PARTITIONS ? cores : PRODUCT_MAX_PARTITIONS);
    uint64_t largest = random_in(0, 3) == 0 ? 400 : 30; /* times 2 MiB */
    for (unsigned i = 0; i < count; i++)
        p->partitions[i] = (struct partition_spec){.name = names[i],
                                                   .kind = IMAGE_UNIKERNEL,
                                                   .cores = (uint32_t)random_in(1, 1 + cores / count),
                                                   .memory = random_in(2, largest) * MIB(2)};
    p->housekeeping = names[random_in(0, count - 1)];
}

#endif
