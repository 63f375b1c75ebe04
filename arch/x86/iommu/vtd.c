/* SPDX-License-Identifier: Apache-2.0 */
/* Intel VT-d behind iommu.h (SEP-1, SEP-3, SEP-6): one root table and one interrupt table for all units of the board. What is not in them is
 * denied: buses where nobody owns a function have no context table, requesters that nobody owns no context entry. */
#include "vtd.h"
#include "crash.h"
#include "io_table.h"
#include "iommu.h"
#include "lapic.h"
#include "memory.h"

#define REGISTERS_NONE (~0ull) /* what a read of nothing gives */
#define RAM_MAX (BOARD_MAX_RAM + 2u)
#define IRTES_PER_PAGE (PAGE_SIZE / (unsigned)sizeof(struct vtd_entry))
#define VECTOR_FIRST 16u
/* Remappable format, 5.1.2: of a message, of a redirection entry (edge, active high, unmasked, vector as in the entry: 0) */
#define MESSAGE(entry) (0xfee00010ull | (uint64_t)((entry)&0x7fff) << 5 | (uint64_t)((entry) >> 15) << 2)
#define RTE_REMAPPED (1ull << 48)
/* IRTE, 9.10: remapped, physical, edge; only this source may name it (SVT = 01, SQ = 00) */
#define IRTE_NMI (4ull << 5)
#define IRTE_SVT (1ull << 18)
#define XAPIC_SHIFT 8 /* an 8-bit id is bits 15..8 of the destination */

struct vtd_unit vtd_units[BOARD_MAX_IOMMUS];
static struct vtd_entry *root, *interrupts;
static hpa_t tables[MAX_PARTITIONS];
static unsigned levels; /* of the I/O page tables */
static bool large;
static uint64_t drain; /* kinds of access in flight that all units can wait for */

static const char stuck[] =
    "VTD-5: an IOMMU does not do in time what it is told; switch VT-d off and on in the firmware's setup, or the power";

/* Of the interrupt table: whole pages, a power of 2. */
static unsigned entries_count(void)
{
    unsigned entries = IRTES_PER_PAGE;

    while (entries < plan.interrupts)
        entries *= 2;
    return entries;
}

/* --- are they what we need? ----------------------------------------------------------------------------------------------------------- */

static const char *unit_check(struct vtd_unit *unit)
{
    unsigned faults_end = VTD_CAP_FAULTS_AT(unit->cap) + VTD_CAP_FAULTS(unit->cap) * 16;

    if (unit->cap == REGISTERS_NONE)
        return "VTD-1: no IOMMU answers at an address of the board table; switch VT-d on in the firmware's setup";
    if (!(unit->ecap & VTD_ECAP_IR) || !(unit->ecap & VTD_ECAP_QI))
        return "SEP-6: an IOMMU cannot remap interrupts, so that no device can be given away; take the devices out of the product";
    if (lapic_is_x2apic() && !(unit->ecap & VTD_ECAP_EIM))
        return "VTD-2: the processors run in x2APIC mode and an IOMMU does not know it; switch x2APIC off in the firmware's setup";
    if (VTD_CAP_DOMAINS(unit->cap) <= plan.partition_count)
        return "VTD-3: an IOMMU has fewer domains than the product has partitions; make it with fewer";
    for (unsigned at = PAGE_SIZE; at < faults_end; at += PAGE_SIZE)
        arch_device_map(HPA(unit->base.v + at));
    return 0;
}

/* Can all units translate by so many levels what partitions with functions have as RAM, which ascends? */
static bool levels_fit(unsigned count)
{
    bool fit = true;

    for (unsigned i = 0; i < plan.board->iommu.unit_count; i++)
        for (unsigned p = 0; p < plan.partition_count; p++) {
            const struct plan_partition *owner = &plan.partitions[p];
            const struct plan_ram *last = &owner->ram[owner->ram_count - 1];
            uint64_t last_byte = owner->function_count ? last->gpa.v + last->size - 1 : 0;

            fit = fit && VTD_CAP_LEVELS(vtd_units[i].cap, count) && last_byte >> (12 + 9 * count) == 0 &&
                  last_byte >> VTD_CAP_MGAW(vtd_units[i].cap) <= 1;
        }
    return fit;
}

const char *iommu_check(const uint8_t *table, size_t size)
{
    const char *why = vtd_dmar_check(table, size);

    large = true;
    drain = 3;
    for (unsigned i = 0; why == 0 && i < plan.board->iommu.unit_count; i++) {
        struct vtd_unit *unit = &vtd_units[i];

        unit->base = HPA(plan.board->iommu.units[i]);
        arch_device_map(unit->base);
        unit->cap = vtd_read64(unit, VTD_CAP);
        unit->ecap = vtd_read64(unit, VTD_ECAP);
        large = large && (unit->cap & VTD_CAP_LARGE) != 0;
        drain &= VTD_CAP_DRAIN(unit->cap);
        why = unit_check(unit);
    }
    levels = levels_fit(3) ? 3 : 4;
    if (why == 0 && !levels_fit(levels))
        why = "VTD-4: an IOMMU does not translate addresses as high as a partition with devices has RAM; give that partition less "
              "memory (QEMU: intel-iommu,aw-bits=48)";
    return why;
}

/* --- tables ------------------------------------------------------------------------------------------------------------------------------ */

/* What a unit reads at any moment is the old entry, none, or the new one. */
static void entry_set(struct vtd_entry *at, struct vtd_entry entry)
{
    if (at->high != entry.high) {
        at->low = 0;
        io_cache_flush(at, sizeof(*at));
        at->high = entry.high;
        io_cache_flush(at, sizeof(*at));
    }
    at->low = entry.low;
    io_cache_flush(at, sizeof(*at));
}

static struct vtd_entry *context_at(uint16_t requester)
{
    struct vtd_entry *contexts = arch_ptr(HPA(root[requester >> 8].low & VTD_ADDRESS));

    INVARIANT(root[requester >> 8].low != 0, "vtd: a bus without a context table");
    return &contexts[requester & 0xff];
}

static void tables_create(void)
{
    unsigned pages = entries_count() / IRTES_PER_PAGE;

    interrupts = pool_take(pages);
    io_cache_flush(interrupts, (size_t)pages * PAGE_SIZE);
    root = pool_take(1);
    for (unsigned i = 0; i < plan.function_count; i++) {
        struct vtd_entry *entry = &root[plan.functions[i].requester >> 8];

        if (entry->low == 0) {
            void *contexts = pool_take(1);

            io_cache_flush(contexts, PAGE_SIZE);
            entry->low = arch_hpa(contexts).v | VTD_PRESENT;
        }
    }
    io_cache_flush(root, PAGE_SIZE);
}

void iommu_domain(unsigned partition)
{
    const struct plan_partition *p = &plan.partitions[partition];
    struct io_region regions[RAM_MAX];

    INVARIANT(p->ram_count <= RAM_MAX, "vtd: RAM in too many pieces");
    for (unsigned i = 0; i < p->ram_count; i++)
        regions[i] = (struct io_region){p->ram[i].gpa.v, p->ram[i].hpa, p->ram[i].size};
    tables[partition] = io_table_build(regions, p->ram_count, levels, large);
}

/* --- switching on, AC-28 ------------------------------------------------------------------------------------------------------------------- */

/* What the firmware left on, in the order in which it may go. Nothing masters the bus now. */
static bool unit_off(const struct vtd_unit *unit)
{
    static const uint32_t orders[] = {VTD_TE, VTD_IRE, VTD_QIE, VTD_CFI, VTD_EAFL};

    for (unsigned i = 0; i < ARRAY_SIZE(orders); i++) {
        if (!(vtd_read(unit, VTD_GSTS) & orders[i]))
            continue;
        if (orders[i] == VTD_QIE && !vtd_await(unit, VTD_IQH, ~0u, vtd_read(unit, VTD_IQT)))
            return false;
        if (!vtd_command(unit, orders[i], 0, 0))
            return false;
    }
    return true;
}

/* Its size is 2^(field + 1) entries, 11.4.10. */
static uint64_t irta(void)
{
    return arch_hpa(interrupts).v | ((unsigned)__builtin_ctz(entries_count()) - 1) | (lapic_is_x2apic() ? VTD_IRTA_EIME : 0);
}

static bool unit_order(const struct vtd_unit *unit, uint32_t bit)
{
    return vtd_command(unit, bit, bit, bit);
}

static bool unit_prepare(struct vtd_unit *unit)
{
    if (!unit_off(unit))
        return false;
    vtd_faults_clear(unit);
    vtd_write64(unit, VTD_RTADDR, arch_hpa(root).v);
    vtd_write64(unit, VTD_IRTA, irta());
    unit->queue = pool_take(1);
    return unit_order(unit, VTD_SRTP) && unit_order(unit, VTD_SIRTP) && vtd_queue_start(unit);
}

static const char *unit_verify(const struct vtd_unit *unit)
{
    if ((vtd_read(unit, VTD_GSTS) & VTD_LASTING) != (VTD_TE | VTD_QIE | VTD_IRE))
        return "VTD-6: an IOMMU is not in the state that it was put in";
    if (vtd_read64(unit, VTD_RTADDR) != arch_hpa(root).v || vtd_read64(unit, VTD_IRTA) != irta())
        return "VTD-6: an IOMMU does not use the tables that it was given";
    if (!(unit->cap & VTD_CAP_PMR) || !(vtd_read(unit, VTD_PMEN) & VTD_PMEN_ON))
        return 0;
    vtd_write(unit, VTD_PMEN, 0); /* what the firmware protected, 11.4.8: our tables do now */
    return vtd_await(unit, VTD_PMEN, VTD_PMEN_STATUS, 0) ? 0 : stuck;
}

/* Context entries may be cached under the domain that they had, or 0 when there was none (6.1: caching mode); what was derived from them goes
 * after them, 6.5.2.1. */
static bool invalidate(const struct vtd_entry *contexts, unsigned count, struct vtd_entry iotlb)
{
    iotlb.low |= VTD_INV_IOTLB_DRAIN(drain);
    return vtd_invalidate(contexts, count) && vtd_invalidate(&iotlb, 1);
}

const char *iommu_on(void)
{
    static const struct vtd_entry all[] = {{VTD_INV_CONTEXT_ALL, 0}, {VTD_INV_IRTE_ALL, 0}};
    unsigned count = plan.board->iommu.unit_count;
    const char *why = 0;

    tables_create();
    for (unsigned i = 0; i < count; i++)
        if (!unit_prepare(&vtd_units[i]))
            return stuck;
    if (!invalidate(all, ARRAY_SIZE(all), (struct vtd_entry){VTD_INV_IOTLB_ALL, 0}))
        return stuck;
    for (unsigned i = 0; i < count; i++)
        if (!unit_order(&vtd_units[i], VTD_TE) || !unit_order(&vtd_units[i], VTD_IRE))
            return stuck;
    for (unsigned i = 0; why == 0 && i < count; i++)
        why = unit_verify(&vtd_units[i]);
    return why;
}

/* --- functions ------------------------------------------------------------------------------------------------------------------------------- */

static struct vtd_entry *irte_at(unsigned index)
{
    INVARIANT(index < plan.interrupts, "vtd: interrupt entry beyond those of the plan");
    return &interrupts[index];
}

/* Its context entry, and all of its interrupt entries absent. */
static bool function_set(const struct plan_function *function, struct vtd_entry context)
{
    uint16_t domain = (uint16_t)(function->partition + 1);
    struct vtd_entry order[PLAN_MAX_VECTORS + 2] = {
        {VTD_INV_CONTEXT | VTD_INV_REQUESTER(function->requester), 0},
        {VTD_INV_CONTEXT | VTD_INV_REQUESTER(function->requester) | VTD_INV_DOMAIN(domain), 0}};
    unsigned count = 2;

    INVARIANT(function->vectors <= PLAN_MAX_VECTORS, "vtd: function with too many vectors");
    entry_set(context_at(function->requester), context);
    for (unsigned i = 0; i < function->vectors; i++) {
        entry_set(irte_at(function->interrupt + i), (struct vtd_entry){0, 0});
        order[count++].low = VTD_INV_IRTE | VTD_INV_INDEX(function->interrupt + i);
    }
    return invalidate(order, count, (struct vtd_entry){VTD_INV_IOTLB | VTD_INV_DOMAIN(domain), 0});
}

/* Its faults are not recorded any more: they would only hide those of others (AC-31). */
bool iommu_detach(const struct plan_function *function)
{
    return function_set(function, (struct vtd_entry){VTD_FPD, 0});
}

bool iommu_attach(const struct plan_function *function)
{
    hpa_t table = tables[function->partition];
    /* Context entry, 9.3: T = 00, only the second level translates, and what asks for or shows a translation of its own is refused (AC-29) */
    struct vtd_entry context = {table.v | VTD_PRESENT, (function->partition + 1ull) << 8 | (levels - 2)};

    INVARIANT(table.v != 0, "vtd: function of a partition without an I/O page table");
    if (function_set(function, context))
        return true;
    iommu_detach(function);
    return false;
}

/* --- interrupts ------------------------------------------------------------------------------------------------------------------------------ */

static bool irte_set(unsigned index, struct vtd_entry entry)
{
    const struct vtd_entry order = {VTD_INV_IRTE | VTD_INV_INDEX(index), 0};

    entry_set(irte_at(index), entry);
    return vtd_invalidate(&order, 1);
}

static struct vtd_entry irte_make(uint64_t mode, uint8_t vector, uint32_t apic_id, uint16_t source)
{
    uint64_t destination = lapic_is_x2apic() ? apic_id : apic_id << XAPIC_SHIFT;

    INVARIANT(apic_id < 255, "vtd: destination is no local APIC");
    return (struct vtd_entry){VTD_PRESENT | mode | (uint64_t)vector << 16 | destination << 32, IRTE_SVT | source};
}

bool iommu_interrupt_set(const struct plan_function *function, unsigned index, uint32_t apic_id, uint8_t vector,
                         struct iommu_message *message)
{
    unsigned entry = function->interrupt + index;

    INVARIANT(index < function->vectors && vector >= VECTOR_FIRST, "vtd: no such interrupt of a function");
    *message = (struct iommu_message){MESSAGE(entry), 0}; /* the entry has all else: no subhandle */
    return irte_set(entry, irte_make(0, vector, apic_id, function->requester));
}

bool iommu_interrupt_clear(const struct plan_function *function, unsigned index)
{
    INVARIANT(index < function->vectors, "vtd: no such interrupt of a function");
    return irte_set(function->interrupt + index, (struct vtd_entry){0, 0});
}

uint64_t iommu_pin_nmi(unsigned which, unsigned pin, uint32_t apic_id)
{
    unsigned entry = plan.interrupts - 2 + which;
    bool done = which < 2 && irte_set(entry, irte_make(IRTE_NMI, 0, apic_id, plan.board->iommu.ioapic_function));

    (void)pin;
    INVARIANT(done, "vtd: interrupt entry of an IO-APIC pin");
    return RTE_REMAPPED | (uint64_t)(entry & 0x7fff) << 49 | (uint64_t)(entry >> 15) << 11;
}
