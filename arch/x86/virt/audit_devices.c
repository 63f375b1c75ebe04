/* SPDX-License-Identifier: Apache-2.0 */
/* The audit's part of devices: DMA, interrupts and registers of every requester id against the plan (SEP-1, SEP-3, SEP-6). It reads the
 * IOMMU's tables as the hardware would, and shares nothing with those who made them. */
#include "arch.h"
#include "audit.h"
#include "console.h"
#include "iommu.h"
#include "partition.h"

#define FIRST_VECTOR 16u
#define APIC_REGISTERS 0xfee00000u
#define APIC_SIZE 0x100000u /* what the CPU takes for messages */
#define NAME "%02x:%02x.%u"
#define NAMED(requester) (requester) >> 8, (requester) >> 3 & 31u, (requester)&7u

/* --- registers -------------------------------------------------------------------------------------------------------------- */

bool audit_bar_overlap(const struct plan_function *function, uint64_t hpa, uint64_t size)
{
    for (unsigned i = 0; i < BOARD_BARS; i++)
        if (function->bars[i].kind != BAR_PORTS && range_overlap(hpa, size, function->bars[i].base.v, function->bars[i].size))
            return true;
    return false;
}

bool audit_board_register(uint64_t hpa, uint64_t size)
{
    const struct board *machine = plan.board;
    uint64_t ecam_size = machine->pci.ecam ? (machine->pci.last_bus + 1ull) << 20 : 0;
    uint64_t unit_size = machine->iommu.kind == IOMMU_AMDVI ? 4 * PAGE_SIZE : PAGE_SIZE;

    for (unsigned i = 0; i < machine->iommu.unit_count; i++)
        if (range_overlap(hpa, size, machine->iommu.units[i], unit_size))
            return true;
    return range_overlap(hpa, size, machine->ioapic.base, PAGE_SIZE) || range_overlap(hpa, size, APIC_REGISTERS, APIC_SIZE) ||
           range_overlap(hpa, size, machine->pci.ecam, ecam_size);
}

static bool msix_page(const struct plan_function *function, uint64_t page)
{
    const struct board_msix *msix = function->physical == PLAN_NO_FUNCTION ? &function->board->msix : &function->board->vf.msix;

    return range_overlap(page, PAGE_SIZE, function->bars[msix->table_bar % BOARD_BARS].base.v + msix->table_offset,
                         msix->vectors * 16u) ||
           range_overlap(page, PAGE_SIZE, function->bars[msix->pba_bar % BOARD_BARS].base.v + msix->pba_offset,
                         (msix->vectors + 63u) / 64 * 8);
}

uint64_t audit_msix_pages(uint64_t hpa, uint64_t size)
{
    uint64_t count = 0;

    for (unsigned i = 0; i < plan.function_count; i++)
        for (uint64_t at = 0; audit_bar_overlap(&plan.functions[i], hpa, size) && at < size; at += PAGE_SIZE)
            count += msix_page(&plan.functions[i], hpa + at);
    return count;
}

/* --- DMA -------------------------------------------------------------------------------------------------------------------- */

static const struct plan_function *owned(uint16_t requester)
{
    for (unsigned i = 0; i < plan.function_count; i++)
        if (plan.functions[i].requester == requester)
            return &plan.functions[i];
    return 0;
}

static bool leaf_good(const struct plan_partition *partition, const struct iommu_leaf *leaf)
{
    for (unsigned i = 0; i < partition->ram_count; i++) {
        const struct plan_ram *ram = &partition->ram[i];

        if (range_inside(leaf->iova, leaf->size, ram->gpa.v, ram->size))
            return leaf->hpa == ram->hpa.v + (leaf->iova - ram->gpa.v) && leaf->read && leaf->write;
    }
    return false;
}

/* Exactly the owner's RAM. Steps: no more leaves than its RAM has small pages, and one that is none of them ends it. */
static void domain_check(struct audit_result *result, const struct plan_function *function)
{
    const struct plan_partition *partition = &plan.partitions[function->partition];
    uint64_t size = 0, from = 0;
    struct iommu_leaf leaf;

    while (size <= partition->memory && iommu_audit_leaf(function->requester, from, &leaf)) {
        if (!leaf_good(partition, &leaf)) {
            if (audit_finding(result))
                log_line("AUDIT " NAME ": DMA to %lx: expected nothing or memory of %s, found %lx, %lu bytes",
                         NAMED(function->requester), leaf.iova, partition->name, leaf.hpa, leaf.size);
            return;
        }
        result->io_leaves++;
        size += leaf.size;
        from = leaf.iova + leaf.size;
    }
    if (size != partition->memory && audit_finding(result))
        log_line("AUDIT " NAME ": DMA: expected %lu bytes of %s, found %lu", NAMED(function->requester), partition->memory,
                 partition->name, size);
}

/* --- interrupts ------------------------------------------------------------------------------------------------------------- */

static bool core_of(unsigned partition, uint32_t apic_id)
{
    for (unsigned core = 0; core < plan.core_count; core++)
        if (plan.cores[core].partition == partition && plan.cores[core].apic_id == apic_id)
            return true;
    return false;
}

/* Returns how many there are. */
static uint32_t function_interrupts_check(struct audit_result *result, const struct plan_function *function)
{
    uint32_t present = 0;

    for (unsigned i = 0; i < function->vectors; i++) {
        uint32_t apic_id;
        uint8_t vector;
        bool nmi;

        if (!iommu_audit_interrupt(function->requester, i, &apic_id, &vector, &nmi))
            continue;
        present++;
        if ((nmi || vector < FIRST_VECTOR || !core_of(function->partition, apic_id)) && audit_finding(result))
            log_line("AUDIT " NAME ": interrupt %u: expected a vector for %s, found %s%x for APIC id %u",
                     NAMED(function->requester), i, plan.partitions[function->partition].name, nmi ? "NMI " : "", vector, apic_id);
    }
    result->interrupts += present;
    return present;
}

/* Tick and UART: NMI to the housekeeping core, and nothing else. */
static void pins_check(struct audit_result *result)
{
    for (unsigned i = 0; i < 2; i++) {
        uint32_t apic_id;
        uint8_t vector;
        bool nmi;

        if (!iommu_audit_interrupt(plan.board->iommu.ioapic_function, i, &apic_id, &vector, &nmi))
            continue;
        result->interrupts++;
        if ((!nmi || apic_id != plan.cores[plan.housekeeping].apic_id) && audit_finding(result))
            log_line("AUDIT IO-APIC: expected NMI to the housekeeping core, found vector %x, APIC id %u", vector, apic_id);
    }
}

/* --- all -------------------------------------------------------------------------------------------------------------------- */

/* The owner's life may change it at any time: it is looked at as a whole or not at all. */
static void function_check(struct audit_result *result, const struct plan_function *function)
{
    struct partition *partition = &partitions[function->partition];
    struct iommu_rights rights;

    lock_take(&partition->gate);
    rights = iommu_audit_rights(function->requester);
    if (rights.dma && rights.domain != function->partition + 1u && audit_finding(result))
        log_line("AUDIT " NAME ": DMA: expected memory of %s, found domain %u", NAMED(function->requester), partition->plan->name,
                 rights.domain);
    else if (rights.dma)
        domain_check(result, function);
    if (function_interrupts_check(result, function) != rights.interrupts && audit_finding(result))
        log_line("AUDIT " NAME ": expected interrupts of its %u vectors alone, found %u", NAMED(function->requester),
                 function->vectors, rights.interrupts);
    lock_drop(&partition->gate);
}

static void stranger_check(struct audit_result *result, uint16_t requester)
{
    struct iommu_rights rights = iommu_audit_rights(requester);
    bool ioapic = requester == plan.board->iommu.ioapic_function;

    if ((rights.dma || (rights.interrupts != 0 && !ioapic)) && audit_finding(result))
        log_line("AUDIT " NAME ": expected no DMA and no interrupts, found %s, %u interrupts", NAMED(requester),
                 rights.dma ? "DMA" : "no DMA", rights.interrupts);
}

static bool bus_planned(unsigned bus)
{
    for (unsigned i = 0; i < plan.function_count; i++)
        if (plan.functions[i].requester >> 8 == bus)
            return true;
    return false;
}

static void bus_check(struct audit_result *result, unsigned bus)
{
    bool denied = !bus_planned(bus) && iommu_audit_bus_denied(bus);

    for (unsigned i = 0; !denied && i < 256; i++) {
        uint16_t requester = (uint16_t)(bus << 8 | i);
        const struct plan_function *function = owned(requester);

        if (function)
            function_check(result, function);
        else
            stranger_check(result, requester);
    }
    result->requesters += 256;
}

void audit_devices(struct audit_result *result)
{
    const char *why;

    if (plan.board->iommu.kind == IOMMU_NONE)
        return;
    why = iommu_audit_units();
    if (why != 0 && audit_finding(result))
        log_line("AUDIT IOMMU: %s", why);
    for (unsigned bus = 0; why == 0 && bus < 256; bus++)
        bus_check(result, bus);
    if (why == 0)
        pins_check(result);
}
