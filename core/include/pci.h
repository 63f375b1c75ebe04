/* SPDX-License-Identifier: Apache-2.0 */
/* PCI as a partition sees it: its functions as 00:01.0, 00:02.0, ..., behind a host bridge 00:00.0 that only has an id. Everything else
 * reads ones, as a scan of the bus expects, and drops writes, counted (SEP-5, AC-32 to AC-37).
 *
 * Of each function core keeps an image of its configuration space as the owner sees it and two masks of the same size, made before the
 * seal from a table of rows and from the capabilities found: bits that a write changes in the image, and those of them that it changes in
 * the hardware. A read never touches the hardware. */
#ifndef BULKHEAD_PCI_H
#define BULKHEAD_PCI_H

#include "partition.h"

#define PORT_PCI_ADDRESS 0xcf8u /* to 0xcfb */
#define PORT_PCI_DATA 0xcfcu    /* to 0xcff */

/* All functions of the plan: images, masks, MSI-X state. Before the seal, once pci_program() is done; takes a pool page for each. Reads
 * configuration spaces. */
void pci_create(void);

/* Ports 0xcf8 to 0xcff, where no access crosses a doubleword, and those of its functions' BARs, which lead straight to the hardware. size 1,
 * 2 or 4. False: denied, the caller counts it (a read then gives ones). Takes the gate. A write that a register does not take is
 * counted here and is none of these. */
bool pci_port_read(struct vcpu *vcpu, uint16_t u_port, unsigned size, uint32_t *value);
bool pci_port_write(struct vcpu *vcpu, uint16_t u_port, unsigned size, uint32_t u_value);

/* Pages that are answered and not mapped: 1 MiB at plan.ecam, and those with an MSI-X table or PBA, whose other registers are passed on.
 * False: it is no such page. What one of them does not have reads ones and drops writes, counted here. Takes the gate. */
bool pci_mmio_present(const struct vcpu *vcpu, gpa_t u_gpa);
bool pci_mmio_read(struct vcpu *vcpu, gpa_t u_gpa, unsigned size, uint64_t *value);
bool pci_mmio_write(struct vcpu *vcpu, gpa_t u_gpa, unsigned size, uint64_t u_value);

/* The pages of a function's BARs that its owner gets mapped: all but those that pci_mmio_present() answers. Up to `room` ranges; returns how
 * many. For the nested tables and for the audit. */
struct pci_range {
    hpa_t base; /* guest-physical = host-physical */
    uint64_t size;
};
#define PCI_RANGES 8u /* enough for any function */
unsigned pci_bar_ranges(const struct plan_function *function, struct pci_range *ranges, unsigned room);
/* All in one BAR of ports of its functions? */
bool pci_port_owned(const struct plan_partition *partition, uint16_t port, unsigned size);

/* Life of the owner. Start, on its first core: image back to its state at power on, IOMMU entry in place, memory decoding on, bus mastering
 * off until the owner asks for it. False: it cannot be started; all is as after a stop. Quiet, gate held, any core, as soon as a stop begins:
 * bus mastering off for good. Stop, on its first core, all its cores parked: drained, interrupts off, IOMMU entry cut, reset by the board's
 * way. It breathes, and may take seconds. False: some function does not let its owner start again. All log what went wrong. */
bool pci_functions_start(struct partition *partition);
void pci_functions_quiet(struct partition *partition);
bool pci_functions_stop(struct partition *partition);

/* What the IOMMU has refused since the last tick: named, counted, and over a limit per second the function is cut off and its owner treated
 * as the table says of denied accesses. Housekeeping core; takes gates. */
void pci_faults(uint64_t now);

#endif
