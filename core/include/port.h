/* SPDX-License-Identifier: Apache-2.0 */
/* Virtio ports: PCI functions that are not there. The queues of such a function's driver are copied to and from two channels, always on a
 * core of their owner, bounded each time: this is the one device that we have. It knows queues and bytes; what they mean is the business of
 * the partition at the other end. Virtio 1.2: 2.7 split queues, 4.1 the PCI transport; registers in ports, so that a notify is not decoded. */
#ifndef BULKHEAD_PORT_H
#define BULKHEAD_PORT_H

#include "partition.h"

struct pci_function;

/* All of the plan. Before the seal, after channels_create(); takes a pool page for each. */
void ports_create(void);
/* Does the partition have one? */
bool ports_any(const struct partition *partition);
/* As after power on. Its owner does not run. */
void ports_start(struct partition *partition);
/* A core of the owner: what is to be copied, up to a limit; asks itself to come again where more is left. */
void ports_serve(struct vcpu *vcpu);
/* Have doorbells that were over the rate tried again. Housekeeping core, each tick. */
void ports_tick(void);
/* The partition meets this channel, which has been rung, through a port. Any core. */
void port_wake(unsigned channel, struct partition *partition);

/* Configuration space of the one in this slot, as pci_config.c takes it, or 0. After a write to it, port_changed(), gate held both times. */
struct pci_function *port_function(const struct partition *partition, uint32_t u_slot);
void port_changed(struct partition *partition, struct pci_function *function);
/* Its registers. False: none of its ports, or no such access. */
bool port_register(struct vcpu *vcpu, uint16_t u_port, unsigned size, uint32_t *value, bool write);
/* The page of MSI-X entries and pending bits. False: no such access. Takes the gate. */
bool port_page(const struct partition *partition, gpa_t u_gpa);
bool port_page_access(struct partition *partition, gpa_t u_gpa, unsigned size, uint64_t *value, bool write);

#endif
