/* SPDX-License-Identifier: Apache-2.0 */
/* PCI as a partition sees it: its functions as 00:01.0, 00:02.0, ..., behind a host bridge 00:00.0 that only has an id. Everything else
 * reads ones and drops writes, counted (SEP-5, AC-32 to AC-37).
 *
 * Of each function core keeps an image of its configuration space as the owner sees it and three masks of the same size, made before
 * the seal from a table of rows and from the capabilities found: bits that come from the hardware, bits that a write changes in the image,
 * bits that a write changes in the hardware. An access is a loop over these. */
#ifndef BULKHEAD_PCI_H
#define BULKHEAD_PCI_H

#include "partition.h"

#define PORT_PCI_ADDRESS 0xcf8u /* to 0xcfb */
#define PORT_PCI_DATA 0xcfcu    /* to 0xcff */

/* All functions of the plan: images, masks, MSI-X state. Before the seal; takes pool pages. Reads configuration spaces. */
void pci_create(void);

/* The two mechanisms. size 1, 2 or 4; no access crosses a doubleword. False: denied (a read then gives ones). Takes the gate. */
bool pci_port_read(struct vcpu *vcpu, uint16_t u_port, unsigned size, uint32_t *value);
bool pci_port_write(struct vcpu *vcpu, uint16_t u_port, unsigned size, uint32_t u_value);

/* Pages that are answered and not mapped: 1 MiB at plan.ecam, and those with an MSI-X table or PBA, whose other registers are passed on. */
bool pci_mmio_present(const struct vcpu *vcpu, gpa_t u_gpa);
bool pci_mmio_read(struct vcpu *vcpu, gpa_t u_gpa, unsigned size, uint64_t *value);
bool pci_mmio_write(struct vcpu *vcpu, gpa_t u_gpa, unsigned size, uint64_t u_value);

/* The pages of a function's BARs that its owner gets mapped: all but those that pci_mmio_present() answers. Up to `room` ranges; returns how
 * many. For the nested tables and for the audit. */
struct pci_range {
    hpa_t base; /* guest-physical = host-physical */
    uint64_t size;
};
unsigned pci_bar_ranges(const struct plan_function *function, struct pci_range *ranges, unsigned room);
/* Ports of its functions' BARs. */
bool pci_port_owned(const struct plan_partition *plan, uint16_t port);

/* Life of the owner, on its first core. Start: image back to its state at power on, IOMMU entry in place, memory decoding on, bus mastering
 * off until the owner asks for it. Stop, all its cores parked: bus mastering and interrupts off, IOMMU entry cut, reset by the board's way.
 * Both log what went wrong; false: the partition cannot be started (again). */
bool pci_functions_start(struct partition *partition);
bool pci_functions_stop(struct partition *partition);

/* A fault of a function: count it, and over the limit cut the function off and treat its owner as the table says. Housekeeping core. */
void pci_faults(uint64_t now);

#endif
