/* SPDX-License-Identifier: Apache-2.0 */
/* DMA and interrupt remapping behind one set of prototypes, implemented by exactly one of iommu/amdvi.c, iommu/vtd.c and iommu/none.c as
 * the board says (SEP-1, SEP-3, SEP-6). All units of a board are programmed alike. Requester ids are bus << 8 | device << 3 | function.
 *
 * Boot, on the boot processor, in this order (AC-28), while no function but a bridge may master the bus:
 *   iommu_check, iommu_on, then per partition with functions iommu_domain, all before the seal.
 * Every wait for a unit is bounded; one that does not answer is a refusal at boot, and later `false`. */
#ifndef BULKHEAD_IOMMU_H
#define BULKHEAD_IOMMU_H

#include "plan.h"
#include "types.h"

/* Are the units of the board's table there, as the firmware's table (DMAR, IVRS; 0: there is none) says, and can they do what the plan
 * needs: interrupt remapping, address width, page sizes? No reserved region names a function that the plan gives away. 0, or what is
 * wrong and what to do about it (one sentence). `table`: checked header, `size` bytes. */
const char *iommu_check(const uint8_t *table, size_t size);

/* Tables that deny all DMA and all interrupts of every requester id, then translation and interrupt remapping on, verified by
 * read-back. Takes pool pages. 0, or a refusal. */
const char *iommu_on(void);

/* The I/O page table of a partition: exactly its RAM, guest-physical as it sees it, read and write. From the plan. Takes pool pages. */
void iommu_domain(unsigned partition);

/* DMA of this function reaches its owner's RAM from now on, and its block of interrupts exists (all entries absent). Or: all of both is
 * denied again, and nothing of it is cached any more when this returns true; also where it was so already. Its owner's gate is held, on any
 * core, or boot. False: the unit did not confirm in time. */
bool iommu_attach(const struct plan_function *function);
bool iommu_detach(const struct plan_function *function);

/* Entry `index` (below function->vectors) of the function's block: fixed, edge, `vector` to the core with this local APIC id, which the
 * caller has checked to be one of the owner's. Then what the function must be given as message, to be written into MSI or MSI-X. */
struct iommu_message {
    uint64_t address;
    uint32_t data;
};
bool iommu_interrupt_set(const struct plan_function *function, unsigned index, uint32_t apic_id, uint8_t vector,
                         struct iommu_message *message);
bool iommu_interrupt_clear(const struct plan_function *function, unsigned index);

/* Redirection entry of an IO-APIC pin that is to be an edge NMI to this core (the tick and the UART are the only ones): `which` is 0 or 1.
 * The high half goes in first. Without remapping: the plain entry. */
uint64_t iommu_pin_nmi(unsigned which, unsigned pin, uint32_t apic_id);

/* The next fault that the units have recorded since the last call, at most IOMMU_FAULTS at a time however many there are. Housekeeping
 * core, at the tick. False: none. */
#define IOMMU_FAULTS 16u
struct iommu_fault {
    uint16_t requester;
    bool write, interrupt; /* interrupt: a message that was refused */
    uint8_t reason;        /* the unit's own number */
    uint64_t address;      /* of the DMA; of a message: what the unit notes of it */
};
bool iommu_fault_next(struct iommu_fault *fault);
bool iommu_faults_lost(void); /* the units' record overflowed since the last call */

/* For the audit: walk what the hardware would walk. First of all: are all units on, and do they look at our tables? 0, or what is wrong. */
const char *iommu_audit_units(void);
/* Leaves of a requester id's table in ascending order from *address on: false when there
 * are no more. */
struct iommu_leaf {
    uint64_t iova, hpa, size;
    bool read, write;
};
bool iommu_audit_leaf(uint16_t requester, uint64_t from, struct iommu_leaf *leaf);
/* What a requester id may do by its entry: nothing at all, or a domain and a block of interrupts. */
struct iommu_rights {
    bool dma;            /* translated by the table above; pass-through never occurs */
    uint16_t domain;     /* partition index + 1 */
    uint32_t interrupts; /* entries that are present in its block */
};
struct iommu_rights iommu_audit_rights(uint16_t requester);
/* True: none of the 256 requester ids of a bus on which the plan has no function may do anything. False: ask for each of them. */
bool iommu_audit_bus_denied(unsigned bus);
/* A present interrupt entry: where it goes. `requester` may be the IO-APIC's. False: absent. */
bool iommu_audit_interrupt(uint16_t requester, unsigned index, uint32_t *apic_id, uint8_t *vector, bool *nmi);

#endif
