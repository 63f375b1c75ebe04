/* SPDX-License-Identifier: Apache-2.0 */
/* What the units really allow, for the isolation audit: from their registers through the tables, sharing no function with those who built
 * them. Here too a table outside our own pool is not followed. */
#include "crash.h"
#include "iommu.h"
#include "vtd.h"

#define ANYTHING 0xffffu /* a domain that no partition has */
#define BITS(value, low, count) ((value) >> (low) & ((1ull << (count)) - 1))

static const uint64_t *table_at(uint64_t address)
{
    uint64_t page = address & VTD_ADDRESS;

    INVARIANT(range_inside(page, PAGE_SIZE, arch_hpa(plan_pool).v, (uint64_t)plan.pool_pages * PAGE_SIZE),
              "iommu audit: a table outside the hypervisor's memory");
    return arch_ptr(HPA(page));
}

/* What the first unit's registers say, read once in each audit: 65,536 requesters are looked up. */
static uint64_t rtaddr, irta;

static const uint64_t *irte_at(unsigned index)
{
    return table_at(irta + index / 256 * (uint64_t)PAGE_SIZE) + index % 256 * 2;
}

/* First entry of a requester's block and how many it has. */
static unsigned block_of(uint16_t requester, unsigned *first)
{
    for (unsigned i = 0; i < plan.function_count; i++)
        if (plan.functions[i].requester == requester) {
            *first = plan.functions[i].interrupt;
            return plan.functions[i].vectors;
        }
    *first = plan.interrupts - 2;
    return requester == plan.board->iommu.ioapic_function ? 2 : 0;
}

/* Nobody's: absent, for ever. Those of functions change under their owners' gates, so that only those below may look at them. */
static bool irte_stray(unsigned index)
{
    bool owned = index - (plan.interrupts - 2) < 2;

    for (unsigned i = 0; i < plan.function_count; i++)
        owned = owned || index - plan.functions[i].interrupt < plan.functions[i].vectors;
    return !owned && (irte_at(index)[0] & 1);
}

/* Is a present entry for its block's owner alone, in the form that we give it? */
static bool irte_good(const uint64_t *irte, uint16_t requester)
{
    uint64_t mode = requester == plan.board->iommu.ioapic_function ? 4 : 0;
    uint64_t destination = irta & VTD_IRTA_EIME ? 0xffffffff : 0xff00;

    return irte[1] == (4ull << 16 | requester) && (irte[0] & ~(0xff0000ull | destination << 32)) == (mode << 5 | 1);
}

static bool context_good(const uint64_t *context)
{
    return BITS(context[0], 1, 11) == 0 && context[0] >> 52 == 0 && context[1] >> 24 == 0 && BITS(context[1], 3, 5) == 0 &&
           BITS(context[1], 0, 3) - 1 <= 1;
}

const char *iommu_audit_units(void)
{
    const char *why = 0;

    rtaddr = vtd_read64(&vtd_units[0], VTD_RTADDR);
    irta = vtd_read64(&vtd_units[0], VTD_IRTA);
    for (unsigned i = 0; i < plan.board->iommu.unit_count; i++) {
        if ((vtd_read(&vtd_units[i], VTD_GSTS) & VTD_LASTING) != (VTD_TE | VTD_QIE | VTD_IRE))
            return "a unit is not on";
        if ((rtaddr & PAGE_MASK) != 0 || vtd_read64(&vtd_units[i], VTD_RTADDR) != rtaddr ||
            vtd_read64(&vtd_units[i], VTD_IRTA) != irta)
            return "a unit has other tables";
    }
    for (unsigned i = 0; why == 0 && i < 2u << BITS(irta, 0, 4); i++)
        if (irte_stray(i))
            why = "an interrupt entry lies in nobody's block";
    for (unsigned bus = 0; why == 0 && bus < 256; bus++) {
        const uint64_t *entry = table_at(rtaddr) + bus * 2;

        if ((entry[0] & 1) && (BITS(entry[0], 1, 11) != 0 || entry[0] >> 52 != 0 || entry[1] != 0))
            why = "a root entry has unexpected bits";
    }
    return why;
}

/* Of a present root entry and a present context entry; else 0. */
static const uint64_t *context_find(uint16_t requester)
{
    const uint64_t *entry = table_at(rtaddr) + (requester >> 8) * 2u;

    if (!(entry[0] & 1))
        return 0;
    entry = table_at(entry[0]) + (requester & 0xff) * 2u;
    return entry[0] & 1 ? entry : 0;
}

struct iommu_rights iommu_audit_rights(uint16_t requester)
{
    struct iommu_rights rights = {0};
    const uint64_t *context = context_find(requester);
    unsigned first, count = block_of(requester, &first);

    for (unsigned i = 0; i < count; i++)
        rights.interrupts += (uint32_t)(irte_at(first + i)[0] & 1);
    rights.dma = context != 0;
    if (rights.dma)
        rights.domain = context_good(context) ? (uint16_t)(context[1] >> 8) : ANYTHING;
    return rights;
}

bool iommu_audit_bus_denied(unsigned bus)
{
    return (table_at(vtd_read64(&vtd_units[0], VTD_RTADDR))[bus * 2] & 1) == 0;
}

bool iommu_audit_leaf(uint16_t requester, uint64_t from, struct iommu_leaf *leaf)
{
    const uint64_t *context = context_find(requester);
    unsigned levels = context ? (unsigned)BITS(context[1], 0, 3) + 2 : 0;

    for (uint64_t at = from, size = 0; levels != 0 && at < 1ull << (12 + 9 * levels); at = (at & ~(size - 1)) + size) {
        uint64_t entry = context[0];

        for (unsigned level = levels; level > 0; level--) {
            size = 1ull << (3 + 9 * level);
            entry = table_at(entry)[BITS(at, 3 + 9 * level, 9)];
            if (BITS(entry, 0, 2) == 0)
                break;
            INVARIANT((entry & ~(VTD_ADDRESS | 3 | (level == 2 ? 0x80 : 0))) == 0,
                      "iommu audit: second-level entry has unexpected bits");
            if (level == 1 || BITS(entry, 7, 1)) {
                *leaf =
                    (struct iommu_leaf){at & ~(size - 1), entry & VTD_ADDRESS & ~(size - 1), size, entry & 1, BITS(entry, 1, 1)};
                return true;
            }
        }
    }
    return false;
}

/* Of what is not as we make it, the destination is shown as none that there is. */
bool iommu_audit_interrupt(uint16_t requester, unsigned index, uint32_t *apic_id, uint8_t *vector, bool *nmi)
{
    bool wide = (irta & VTD_IRTA_EIME) != 0;
    unsigned first, count = block_of(requester, &first);
    const uint64_t *irte = irte_at(index < count ? first + index : 0);

    if (index >= count || !(irte[0] & 1))
        return false;
    *apic_id = !irte_good(irte, requester) ? UINT32_MAX : (uint32_t)(wide ? irte[0] >> 32 : BITS(irte[0], 40, 8));
    *vector = (uint8_t)(irte[0] >> 16);
    *nmi = BITS(irte[0], 5, 3) == 4;
    return true;
}
