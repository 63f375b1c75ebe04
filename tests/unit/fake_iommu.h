/* SPDX-License-Identifier: Apache-2.0 */
/* An IOMMU that keeps to iommu.h and whose answers a test sets: entries of interrupts, what is attached, faults to come. */
#ifndef BULKHEAD_FAKE_IOMMU_H
#define BULKHEAD_FAKE_IOMMU_H

#include "iommu.h"

#define FAKE_ENTRIES 256u

struct fake_irte {
    bool present;
    uint32_t apic_id;
    uint8_t vector;
};

struct fake_iommu {
    struct fake_irte entries[FAKE_ENTRIES]; /* by plan_function.interrupt + index */
    bool attached[PLAN_MAX_FUNCTIONS];
    unsigned attaches, detaches, sets;
    bool detach_fails, set_fails; /* the unit does not answer */
    uint16_t attach_fails;        /* nor does it for this requester */
    struct iommu_fault faults[512];
    unsigned fault_count, faults_taken;
    bool faults_lost;
};
extern struct fake_iommu fake_iommu;

void fake_iommu_reset(void);
/* The message that stands for entry `index` of a function: its address has the number in it, its data a mark. */
struct iommu_message fake_message(const struct plan_function *function, unsigned index);
void fake_fault(uint16_t requester, uint64_t address);

#endif
