/* SPDX-License-Identifier: Apache-2.0 */
/* The firmware's DMAR table against the board and the plan, VT-d 8 (AC-28): the units are exactly those of the board, each function that is
 * given away is behind one of them, and no reserved region is its. Every length is checked before what it covers is read. */
#include "bootinfo.h"
#include "console.h"
#include "memory.h"
#include "plan.h"
#include "vtd.h"

#define DMAR_FLAGS 37u
#define DMAR_REMAPS_INTERRUPTS 1u
#define DMAR_STRUCTURES 48u
enum { DRHD = 0, RMRR = 1 };
#define DRHD_ALL 1u /* flags: all functions that no other unit names */
#define DRHD_SCOPES 16u
#define RMRR_SCOPES 24u

/* Device scope, 8.3.1 */
enum { SCOPE_ENDPOINT = 1, SCOPE_BRIDGE = 2, SCOPE_IOAPIC = 3 };
#define SCOPE_PATH 6u
#define BRIDGE_SECONDARY 0x19u /* configuration space, the byte after it: the last bus behind */

struct found {
    uint32_t units;   /* bit per unit of the board */
    uint64_t covered; /* bit per function of the plan */
    bool all;         /* a unit has what no other has */
    bool ioapic;
};

/* Requester ids [first, last] that one scope names. */
struct ids {
    uint16_t first, last;
};

/* The path leads from a bus through bridges, at most as many as the length has room for. */
static struct ids scope_ids(const uint8_t *scope)
{
    uint8_t bus = scope[5];
    uint16_t id = 0;

    for (unsigned at = SCOPE_PATH; at < scope[1]; at += 2) {
        id = (uint16_t)(bus << 8 | (scope[at] & 31) << 3 | (scope[at + 1] & 7));
        if (at + 2 < scope[1])
            bus = (uint8_t)arch_pci_read(id, BRIDGE_SECONDARY, 1);
    }
    if (scope[0] != SCOPE_BRIDGE)
        return (struct ids){id, id};
    return (struct ids){(uint16_t)(arch_pci_read(id, BRIDGE_SECONDARY, 1) << 8),
                        (uint16_t)(arch_pci_read(id, BRIDGE_SECONDARY + 1, 1) << 8 | 0xff)};
}

/* A VF has its PF's unit and its PF's regions, 8.3. */
static uint64_t functions_of(struct ids ids)
{
    uint64_t set = 0;

    for (unsigned i = 0; i < plan.function_count; i++) {
        const struct plan_function *f = &plan.functions[i];
        uint16_t id = f->physical == PLAN_NO_FUNCTION ? f->requester : f->physical;

        if (id >= ids.first && id <= ids.last)
            set |= 1ull << i;
    }
    return set;
}

static void drhd_scope(const uint8_t *scope, struct found *found)
{
    struct ids ids = scope_ids(scope);

    if (scope[0] == SCOPE_IOAPIC)
        found->ioapic = found->ioapic || ids.first == plan.board->iommu.ioapic_function;
    if (scope[0] == SCOPE_ENDPOINT || scope[0] == SCOPE_BRIDGE)
        found->covered |= functions_of(ids);
}

/* Of a unit, or of a reserved region: then `found` is 0. */
static const char *scopes(const uint8_t *at, const uint8_t *end, struct found *found)
{
    for (; at != end; at += at[1]) {
        if (end - at < (long)SCOPE_PATH + 2 || at[1] < SCOPE_PATH + 2 || at[1] % 2 != 0 || at[1] > end - at)
            return "DMAR-1: a device scope's length is impossible";
        if (found != 0)
            drhd_scope(at, found);
        else if (at[0] != SCOPE_IOAPIC && functions_of(scope_ids(at)) != 0)
            return "DMAR-5: the firmware keeps memory for DMA of a function that is given away (RMRR); take that device out of the "
                   "product, or switch off in the firmware's setup what uses it (USB legacy support, remote management)";
    }
    return 0;
}

static const char *drhd(const uint8_t *at, uint32_t length, struct found *found)
{
    unsigned unit = 0;

    while (unit < plan.board->iommu.unit_count && plan.board->iommu.units[unit] != read64(at + 8))
        unit++;
    if (unit == plan.board->iommu.unit_count || (found->units >> unit & 1)) {
        log_line("DMAR: a unit at %lx, which the board table does not have", read64(at + 8));
        return "DMAR-2: the machine has an IOMMU that the board table does not have; run the survey image and correct iommu.units";
    }
    found->units |= 1u << unit;
    found->all = found->all || (at[4] & DRHD_ALL) != 0;
    return scopes(at + DRHD_SCOPES, at + length, found);
}

static const char *structure(const uint8_t *at, uint32_t length, struct found *found)
{
    uint32_t type = at[0] | (uint32_t)at[1] << 8;

    if (type > RMRR)
        return 0; /* ATSR, RHSA, ANDD, SATC, SIDP: nothing that we use */
    if (length < (type == DRHD ? DRHD_SCOPES : RMRR_SCOPES))
        return "DMAR-1: a structure is too short";
    if ((at[6] | at[7]) != 0)
        return "DMAR-1: PCI segments other than 0 are not supported; switch them off in the firmware's setup";
    return type == DRHD ? drhd(at, length, found) : scopes(at + RMRR_SCOPES, at + length, 0);
}

static const char *compare(const struct found *found)
{
    for (unsigned i = 0; i < plan.board->iommu.unit_count; i++)
        if (!(found->units >> i & 1)) {
            log_line("DMAR: no unit at %lx, where the board table has one", plan.board->iommu.units[i]);
            return "DMAR-2: the board table has an IOMMU that the machine does not have; run the survey image and correct "
                   "iommu.units";
        }
    for (unsigned i = 0; i < plan.function_count; i++)
        if (!found->all && !(found->covered >> i & 1)) {
            log_line("DMAR: no unit for %s", plan.functions[i].role);
            return "DMAR-3: a function that is given away is behind no IOMMU; take it out of the product";
        }
    return found->ioapic ? 0
                         : "DMAR-4: the IO-APIC is not at the requester id of the board table; run the survey image and correct "
                           "iommu.ioapic_function";
}

const char *vtd_dmar_check(const uint8_t *table, size_t size)
{
    struct found found = {0};
    const char *why = 0;
    uint32_t length;

    if (table == 0)
        return "DMAR-1: the firmware has no DMAR table; switch VT-d on in its setup (QEMU: -device intel-iommu,intremap=on)";
    if (size < DMAR_STRUCTURES || memcmp(table, "DMAR", 4) != 0)
        return "DMAR-1: not a DMAR table";
    if (!(table[DMAR_FLAGS] & DMAR_REMAPS_INTERRUPTS))
        return "SEP-6: the firmware says that interrupts cannot be remapped; switch that on in its setup (QEMU: "
               "intel-iommu,intremap=on)";
    for (size_t at = DMAR_STRUCTURES; why == 0 && at < size; at += length) {
        if (size - at < 4)
            return "DMAR-1: the table ends inside a structure";
        length = table[at + 2] | (uint32_t)table[at + 3] << 8;
        if (length < 8 || length > size - at)
            return "DMAR-1: a structure's length is impossible";
        why = structure(table + at, length, &found);
    }
    return why != 0 ? why : compare(&found);
}
