/* SPDX-License-Identifier: Apache-2.0 */
/* What AMD-Vi's tables really say, for the audit: read as the hardware reads them (48882, 2.2), with nothing taken from the builders but where
 * the tables are. What is not exactly of a shape that we make is shown as more than anybody may do. */
#include "amdvi.h"
#include "arch.h"
#include "io_table.h"
#include "iommu.h"
#include "memory.h"

#define ANYTHING 0xffffu /* a domain that no partition has */
#define NOWHERE (~0ull)  /* a page that no partition has */
#define PRESENT (1ull << 0)
#define RIGHTS (3ull << 61)
#define LEAF_BITS (PRESENT | RIGHTS | 1ull << 60)
#define TABLE_BITS (PRESENT | RIGHTS | 7ull << 9)
#define ADDRESS 0x000ffffffffff000ull
#define LEVELS 4u
#define ENTRY_TRANSLATED (RIGHTS | LEVELS << 9 | 3) /* V, TV */
#define ENTRY_DENIED 3ull

const char *iommu_audit_units(void)
{
    const char *why = 0;

    for (unsigned i = 0; i < amdvi_unit_count && why == 0; i++)
        why = amdvi_unit_wrong(&amdvi_units[i]);
    return why;
}

static const uint8_t *ours(uint64_t hpa, uint64_t size)
{
    return range_inside(hpa, size, arch_hpa(plan_pool).v, (uint64_t)plan.pool_pages * PAGE_SIZE) ? arch_ptr(HPA(hpa)) : 0;
}

/* --- DMA ------------------------------------------------------------------------------------------------------------------- */

/* One step down from *table by the entry for `at`. */
enum step { STEP_ABSENT, STEP_LEAF, STEP_DOWN, STEP_BAD };
static enum step step_down(const uint64_t **table, uint64_t at, unsigned level, uint64_t *raw)
{
    *raw = (*table)[at >> (3 + 9 * level) & 511];
    if (*raw == 0)
        return STEP_ABSENT;
    if ((*raw & PRESENT) && (*raw >> 9 & 7) == 0 && level <= 2 && !(*raw & ~(LEAF_BITS | (ADDRESS & ~0ull << (3 + 9 * level)))))
        return STEP_LEAF;
    *table = (const uint64_t *)(const void *)ours(*raw & ADDRESS, PAGE_SIZE);
    return (*raw & PRESENT) && (*raw >> 9 & 7) == level - 1 && level > 1 && !(*raw & ~(TABLE_BITS | ADDRESS)) && *table != 0
               ? STEP_DOWN
               : STEP_BAD;
}

/* Steps: one per entry of tables of ours, and no more than there are. */
bool iommu_audit_leaf(uint16_t requester, uint64_t from, struct iommu_leaf *leaf)
{
    const uint64_t *root = (const uint64_t *)(const void *)ours(amdvi_devices[requester].q[0] & ADDRESS, PAGE_SIZE);
    uint64_t at = from, steps = 0;

    if (root == 0 || (amdvi_devices[requester].q[0] & ~ADDRESS) != ENTRY_TRANSLATED)
        return false;
    while (at < 1ull << (12 + 9 * LEVELS)) {
        const uint64_t *table = root;
        uint64_t raw, rights = RIGHTS, size;
        enum step step = STEP_DOWN;
        unsigned level = LEVELS + 1;

        while (step == STEP_DOWN) {
            step = step_down(&table, at, --level, &raw);
            rights &= raw;
        }
        size = 1ull << (3 + 9 * level);
        at &= ~(size - 1);
        if (step == STEP_BAD || ++steps > 512ull * plan.pool_pages)
            raw = NOWHERE;
        *leaf = (struct iommu_leaf){at, raw & (raw == NOWHERE ? raw : ADDRESS), size, rights & 1ull << 61, rights & 1ull << 62};
        if (step != STEP_ABSENT || raw == NOWHERE)
            return true;
        at += size;
    }
    return false;
}

/* --- interrupts -------------------------------------------------------------------------------------------------------------- */

/* The block that a requester id must have, and how many entries of it: a function's own, all of it, as there are units that read past what the
 * device entry says; or of the one that stays empty. 0: its device entry says anything else. */
static const uint8_t *interrupt_table(uint16_t requester, unsigned *entries)
{
    uint64_t nmi = requester == plan.board->iommu.ioapic_function ? 1ull << 58 : 0; /* the one exception */
    const uint8_t *table = amdvi_blocks;
    unsigned log2 = 0;

    for (unsigned i = 0; i < plan.function_count; i++)
        if (plan.functions[i].requester == requester) {
            table = amdvi_blocks + (size_t)(i + 1) * AMDVI_BLOCK_PAGES * PAGE_SIZE;
            log2 = AMDVI_BLOCK_LOG2;
        }
    *entries = log2 ? AMDVI_BLOCK_PAGES * PAGE_SIZE / (amdvi_wide ? 16 : 4) : 1;
    return amdvi_devices[requester].q[2] == (2ull << 60 | nmi | arch_hpa(table).v | log2 << 1 | 1) ? table : 0;
}

static uint64_t interrupt_read(const uint8_t *table, unsigned index, uint64_t *high)
{
    const uint64_t *wide = (const uint64_t *)(const void *)table + 2 * (size_t)index;
    uint32_t narrow = ((const uint32_t *)(const void *)table)[amdvi_wide ? 0 : index];

    *high = amdvi_wide ? wide[1] : narrow >> 16;
    return amdvi_wide ? wide[0] : narrow & 0xffff;
}

struct iommu_rights iommu_audit_rights(uint16_t requester)
{
    const uint64_t *q = amdvi_devices[requester].q;
    bool translated = (q[0] & ~ADDRESS) == ENTRY_TRANSLATED && ours(q[0] & ADDRESS, PAGE_SIZE) != 0;
    struct iommu_rights rights = {.dma = translated, .domain = translated ? (uint16_t)q[1] : 0};
    unsigned entries;
    const uint8_t *table = interrupt_table(requester, &entries);

    if ((!translated && q[0] != ENTRY_DENIED) || q[1] >> 16 != 0 || table == 0 || q[3] != 0)
        return (struct iommu_rights){.dma = true, .domain = ANYTHING, .interrupts = UINT32_MAX};
    for (unsigned i = 0; i < entries; i++) {
        uint64_t high;

        rights.interrupts += (uint32_t)(interrupt_read(table, i, &high) & PRESENT);
    }
    return rights;
}

bool iommu_audit_bus_denied(unsigned bus)
{
    uint64_t empty = 2ull << 60 | arch_hpa(amdvi_blocks).v | 1, high, wrong = interrupt_read(amdvi_blocks, 0, &high) & PRESENT;

    for (unsigned i = 0; i < 256; i++) {
        const uint64_t *q = amdvi_devices[bus << 8 | i].q;

        wrong |= (q[0] ^ ENTRY_DENIED) | q[1] | (q[2] ^ empty) | q[3];
    }
    return wrong == 0;
}

/* Of any but a fixed interrupt to one core by its number, or with other bits set, the destination is shown as none that there is. */
bool iommu_audit_interrupt(uint16_t requester, unsigned index, uint32_t *apic_id, uint8_t *vector, bool *nmi)
{
    unsigned entries;
    const uint8_t *table = interrupt_table(requester, &entries);
    uint64_t low, high;

    if (table == 0 || index >= entries || !((low = interrupt_read(table, index, &high)) & PRESENT))
        return false;
    *apic_id = (low & ~0xff00ull) != PRESENT || high > 0xff ? UINT32_MAX : (uint32_t)low >> 8;
    *vector = (uint8_t)high;
    *nmi = (low >> 2 & 7) == 3;
    return true;
}
