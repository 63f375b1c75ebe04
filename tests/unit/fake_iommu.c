/* SPDX-License-Identifier: Apache-2.0 */
/* See fake_iommu.h. */
#include "fake_iommu.h"

#include <string.h>

#include "fake_functions.h"

struct fake_iommu fake_iommu;

void fake_iommu_reset(void)
{
    memset(&fake_iommu, 0, sizeof(fake_iommu));
}

struct iommu_message fake_message(const struct plan_function *function, unsigned index)
{
    return (struct iommu_message){0xfee00018u | (uint64_t)(function->interrupt + index) << 5, 0x5a00u};
}

void fake_fault(uint16_t requester, uint64_t address)
{
    if (fake_iommu.fault_count < 512)
        fake_iommu.faults[fake_iommu.fault_count++] = (struct iommu_fault){requester, true, false, 5, address};
}

bool iommu_attach(const struct plan_function *function)
{
    fake_event("attach %x;", function->requester);
    fake_iommu.attaches++;
    fake_iommu.attached[function - plan.functions] = function->requester != fake_iommu.attach_fails;
    return function->requester != fake_iommu.attach_fails;
}

bool iommu_detach(const struct plan_function *function)
{
    fake_event("detach %x;", function->requester);
    fake_iommu.detaches++;
    fake_iommu.attached[function - plan.functions] = false;
    for (unsigned i = 0; i < function->vectors; i++)
        fake_iommu.entries[function->interrupt + i].present = false;
    return !fake_iommu.detach_fails;
}

/* What iommu.h leaves to the caller ends the test. */
bool iommu_interrupt_set(const struct plan_function *function, unsigned index, uint32_t apic_id, uint8_t vector,
                         struct iommu_message *message)
{
    const struct plan_partition *owner = &plan.partitions[function->partition];
    bool own = false;

    for (unsigned i = 0; i < owner->core_count; i++)
        own = own || plan.cores[owner->cores[i]].apic_id == apic_id;
    if (index >= function->vectors || !own || vector < 16 || !fake_iommu.attached[function - plan.functions] ||
        function->interrupt + index >= FAKE_ENTRIES)
        fake_broken("an interrupt that is not the owner's");
    fake_iommu.sets++;
    if (fake_iommu.set_fails)
        return false;
    fake_iommu.entries[function->interrupt + index] = (struct fake_irte){true, apic_id, vector};
    *message = fake_message(function, index);
    return true;
}

bool iommu_fault_next(struct iommu_fault *fault)
{
    if (fake_iommu.faults_taken == fake_iommu.fault_count)
        return false;
    *fault = fake_iommu.faults[fake_iommu.faults_taken++];
    return true;
}

bool iommu_faults_lost(void)
{
    bool lost = fake_iommu.faults_lost;

    fake_iommu.faults_lost = false;
    return lost;
}
