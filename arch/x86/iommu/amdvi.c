/* SPDX-License-Identifier: Apache-2.0 */
/* AMD-Vi (48882): one device table for all units, in which every requester id that the plan does not name may do nothing (SEP-1, SEP-6,
 * AC-27, AC-30). An owned function's entry has its domain and its block of interrupts from the start, so that attaching and cutting it off
 * is one store. */
#include "amdvi.h"

#include "arch.h"
#include "crash.h"
#include "io_table.h"
#include "iommu.h"
#include "lapic.h"
#include "memory.h"

#define MESSAGE_ADDRESS 0xfee00000u /* the data names the entry: 2.2.5.1 */
#define PIN_NMI (4u << 8)           /* edge, physical, not masked; 82093AA 3.2.4 */

struct amdvi_unit amdvi_units[BOARD_MAX_IOMMUS];
unsigned amdvi_unit_count;
struct amdvi_device *amdvi_devices;
uint8_t *amdvi_blocks;
bool amdvi_wide;
static hpa_t roots[MAX_PARTITIONS]; /* of the I/O page tables */

/* --- boot ------------------------------------------------------------------------------------------------------------------ */

static const char *unit_check(struct amdvi_unit *unit, const struct ivrs_unit *found)
{
    uint64_t x2apic = AMDVI_FEATURE_X2APIC | AMDVI_FEATURE_WIDE, features;

    arch_device_map(HPA(found->base));
    arch_device_map(HPA(found->base + AMDVI_SECOND_PAGE));
    *unit = (struct amdvi_unit){.base = found->base, .function = found->function};
    unit->control = AMDVI_CONTROL_ON | AMDVI_CONTROL_EVENTS | AMDVI_CONTROL_COHERENT | AMDVI_CONTROL_COMMANDS |
                    (found->flags & 1 ? AMDVI_CONTROL_TUNNEL : 0) | (found->flags & 2 ? AMDVI_CONTROL_PASS_POSTED : 0) |
                    (found->flags & 4 ? AMDVI_CONTROL_RESPONSE_PASS_POSTED : 0) |
                    (found->flags & 8 ? AMDVI_CONTROL_ISOCHRONOUS : 0);
    features = amdvi_read(unit, AMDVI_FEATURES);
    if (!(features & AMDVI_FEATURE_INVALIDATE_ALL))
        return "AMDVI-1: a unit cannot forget all at once (IASup): too old for this, give no device away on this board";
    if (AMDVI_FEATURE_SMI_FILTER(features)) {
        unit->smi_filters = AMDVI_FEATURE_SMI_FILTERS(features);
        unit->control |= AMDVI_CONTROL_SMI_FILTER;
    } else if (!plan.board->test_only && plan.function_count != 0) {
        return "AMDVI-1: a unit has no filter of system management interrupts (SMIFSup), so that a device could hold up every "
               "processor: give no device away on this board";
    }
    if (!lapic_is_x2apic())
        return 0;
    unit->control |= AMDVI_CONTROL_WIDE | AMDVI_CONTROL_X2APIC;
    return (features & x2apic) == x2apic ? 0
                                         : "AMDVI-1: the processors are in x2APIC mode, for which a unit has no interrupt entries "
                                           "(XTSup): switch x2APIC off in the firmware's setup";
}

const char *iommu_check(const uint8_t *table, size_t size)
{
    struct ivrs ivrs;
    const char *why;

    if (table == 0)
        return "IVRS-1: the firmware has no IVRS table: switch the IOMMU (AMD-Vi) on in its setup";
    if ((why = ivrs_parse(table, size, &ivrs)) != 0)
        return why;
    amdvi_wide = lapic_is_x2apic();
    amdvi_unit_count = ivrs.unit_count;
    for (unsigned i = 0; i < amdvi_unit_count; i++)
        if ((why = unit_check(&amdvi_units[i], &ivrs.units[i])) != 0)
            return why;
    return 0;
}

static uint8_t *block_of(const struct plan_function *function)
{
    return amdvi_blocks + (size_t)(function - plan.functions + 1) * AMDVI_BLOCK_PAGES * PAGE_SIZE;
}

/* NMIs of the IO-APIC pass untranslated: the tick and the UART, ours; without it both die silently. */
static void devices_build(void)
{
    amdvi_blocks = pool_take((plan.function_count + 1) * AMDVI_BLOCK_PAGES);
    amdvi_devices = pool_take(AMDVI_DEVICES * sizeof(*amdvi_devices) / PAGE_SIZE);
    for (unsigned id = 0; id < AMDVI_DEVICES; id++)
        amdvi_devices[id] = amdvi_device_entry(0, arch_hpa(amdvi_blocks), 0, id == plan.board->iommu.ioapic_function);
    for (unsigned i = 0; i < plan.function_count; i++) {
        const struct plan_function *f = &plan.functions[i];

        amdvi_devices[f->requester] =
            amdvi_device_entry((uint16_t)(f->partition + 1), arch_hpa(block_of(f)), AMDVI_BLOCK_LOG2, false);
    }
}

const char *iommu_on(void)
{
    static const struct amdvi_command all = {{AMDVI_INVALIDATE_ALL, 0}};

    devices_build();
    for (unsigned i = 0; i < amdvi_unit_count; i++) {
        struct amdvi_unit *unit = &amdvi_units[i];

        unit->devices = arch_hpa(amdvi_devices).v | (AMDVI_DEVICES * sizeof(*amdvi_devices) / PAGE_SIZE - 1);
        unit->commands = pool_take(1);
        unit->events = pool_take(1);
        if (!amdvi_unit_off(unit))
            return "AMDVI-2: a unit that the firmware left on does not stop: switch DMA protection off in its setup, or power off "
                   "once";
        if (!amdvi_unit_on(unit))
            return "AMDVI-2: a unit does not start its command buffer and its event log";
    }
    if (!amdvi_submit(&all, 1))
        return "AMDVI-2: a unit does not do its first command";
    return iommu_audit_units();
}

void iommu_domain(unsigned partition)
{
    const struct plan_partition *p = &plan.partitions[partition];
    struct io_region regions[BOARD_MAX_RAM + 2]; /* the first mebibyte and the PCI hole cut two more */

    INVARIANT(p->ram_count <= ARRAY_SIZE(regions), "amdvi: more pieces of RAM than the planner makes");
    for (unsigned i = 0; i < p->ram_count; i++)
        regions[i] = (struct io_region){p->ram[i].gpa.v, p->ram[i].hpa, p->ram[i].size};
    roots[partition] = io_table_build(regions, p->ram_count, IO_TABLE_LEVELS, true);
}

/* --- functions --------------------------------------------------------------------------------------------------------------- */

/* Nothing of this function's entry, of its owner's table and of its interrupts is cached any more. */
static bool function_flush(const struct plan_function *function)
{
    const struct amdvi_command commands[] = {
        {{AMDVI_INVALIDATE_DEVICE | function->requester, 0}},
        {{AMDVI_INVALIDATE_PAGES | (uint64_t)(function->partition + 1) << 32, AMDVI_ALL_PAGES}},
        {{AMDVI_INVALIDATE_INTERRUPTS | function->requester, 0}},
    };

    return amdvi_submit(commands, ARRAY_SIZE(commands));
}

static bool function_set(const struct plan_function *function, uint64_t entry)
{
    __atomic_store_n(&amdvi_devices[function->requester].q[0], entry, __ATOMIC_RELEASE);
    return function_flush(function);
}

bool iommu_attach(const struct plan_function *function)
{
    INVARIANT(roots[function->partition].v != 0, "amdvi: a function is attached before its owner's table is built");
    if (function_set(function, amdvi_device_translated(roots[function->partition])))
        return true;
    iommu_detach(function);
    return false;
}

bool iommu_detach(const struct plan_function *function)
{
    memset(block_of(function), 0, (size_t)AMDVI_BLOCK_PAGES * PAGE_SIZE);
    return function_set(function, AMDVI_DENY);
}

static bool interrupts_flush(const struct plan_function *function)
{
    const struct amdvi_command command = {{AMDVI_INVALIDATE_INTERRUPTS | function->requester, 0}};

    return amdvi_submit(&command, 1);
}

bool iommu_interrupt_set(const struct plan_function *function, unsigned index, uint32_t apic_id, uint8_t vector,
                         struct iommu_message *message)
{
    INVARIANT(index < function->vectors && index < PLAN_MAX_VECTORS, "amdvi: interrupt beyond its function's block");
    amdvi_interrupt_set(block_of(function), index, apic_id, vector);
    *message = (struct iommu_message){MESSAGE_ADDRESS, index};
    return interrupts_flush(function);
}

bool iommu_interrupt_clear(const struct plan_function *function, unsigned index)
{
    INVARIANT(index < function->vectors && index < PLAN_MAX_VECTORS, "amdvi: interrupt beyond its function's block");
    amdvi_interrupt_clear(block_of(function), index);
    return interrupts_flush(function);
}

uint64_t iommu_pin_nmi(unsigned which, unsigned pin, uint32_t apic_id)
{
    (void)which;
    (void)pin;
    return (uint64_t)apic_id << 56 | PIN_NMI;
}
