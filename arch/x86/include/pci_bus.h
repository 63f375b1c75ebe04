/* SPDX-License-Identifier: Apache-2.0 */
/* The machine's PCI buses at boot: what is there against the board table, quiet, then programmed as the plan says. What core sees of them
 * is in arch.h. */
#ifndef BULKHEAD_PCI_BUS_H
#define BULKHEAD_PCI_BUS_H

#include "types.h"

/* Configuration space is in memory from now on, where the board has that; needs the hypervisor's page tables. Before all others, which wait
 * by the clock: after clock_calibrate(). */
void pci_init(void);
/* Bus mastering, MSI, MSI-X and INTx off on everything that answers but bridges, before the IOMMU's tables are built (AC-28). */
void pci_quiet(void);
/* Compare every function that answers, its ids, BAR sizes, capabilities and isolation (ACS) with the board table: a line per difference
 * with its CFG-9nn id, what was expected and found, and a hint. Returns the number of differences. Sizes BARs, decoding off. */
unsigned pci_compare(void);
/* Bridges' windows, BARs, SR-IOV as in the plan; ACS on; read back. All else: decoding off, but what the hypervisor uses itself. 0, or a
 * refusal. */
const char *pci_program(void);

#endif
