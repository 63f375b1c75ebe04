/* SPDX-License-Identifier: Apache-2.0 */
/* A board without an IOMMU: no function can be given away (SEP-6), and none of them masters the bus; unless the board says unsafe_dma. Then
 * functions work as without us: what is written into them is ours still, what they do to memory and interrupts is not. */
#include "console.h"
#include "iommu.h"

#define MESSAGE_BASE 0xfee00000u /* to one processor, physical; data: fixed, edge. SDM3 11.11 */
#define ENTRY_NMI (4u << 8)      /* fixed to the pin: edge, active high, physical, unmasked. 82093AA 3.2.4 */

static const char refusal[] =
    "SEP-6: the board table names no IOMMU, so that no device can be given to a partition; take the devices out "
    "of the product";

/* Rules have looked at both before: CFG-819, CFG-820. */
static bool unsafe(void)
{
    return plan.board->unsafe_dma && !plan.release;
}

const char *iommu_check(const uint8_t *table, size_t size)
{
    (void)table, (void)size;
    return plan.function_count == 0 || unsafe() ? 0 : refusal;
}

const char *iommu_on(void)
{
    if (plan.function_count != 0 && unsafe())
        log_line(
            "UNSAFE: the board says unsafe_dma: each of %u devices given away can read and write all memory and interrupt any core",
            plan.function_count);
    return iommu_check(0, 0);
}

void iommu_domain(unsigned partition)
{
    (void)partition;
}

bool iommu_attach(const struct plan_function *function)
{
    (void)function;
    return unsafe();
}

/* What keeps its DMA away is its bus mastering, which only we can switch on: off before this is called. */
bool iommu_detach(const struct plan_function *function)
{
    (void)function;
    return unsafe();
}

bool iommu_interrupt_set(const struct plan_function *function, unsigned index, uint32_t apic_id, uint8_t vector,
                         struct iommu_message *message)
{
    (void)function, (void)index;
    *message = (struct iommu_message){MESSAGE_BASE | apic_id << 12, vector};
    return unsafe() && apic_id < 0xff;
}

bool iommu_interrupt_clear(const struct plan_function *function, unsigned index)
{
    (void)function, (void)index;
    return true;
}

uint64_t iommu_pin_nmi(unsigned which, unsigned pin, uint32_t apic_id)
{
    (void)which, (void)pin;
    return (uint64_t)apic_id << 56 | ENTRY_NMI;
}

bool iommu_fault_next(struct iommu_fault *fault)
{
    (void)fault;
    return false;
}

bool iommu_faults_lost(void)
{
    return false;
}

/* There are no tables to look at, and with the plans that pass iommu_check() nobody to look for. */
bool iommu_audit_leaf(uint16_t requester, uint64_t from, struct iommu_leaf *leaf)
{
    (void)requester, (void)from, (void)leaf;
    return false;
}

struct iommu_rights iommu_audit_rights(uint16_t requester)
{
    (void)requester;
    return (struct iommu_rights){.dma = false};
}

bool iommu_audit_bus_denied(unsigned bus)
{
    (void)bus;
    return true;
}

bool iommu_audit_interrupt(uint16_t requester, unsigned index, uint32_t *apic_id, uint8_t *vector, bool *nmi)
{
    (void)requester, (void)index, (void)apic_id, (void)vector, (void)nmi;
    return false;
}
