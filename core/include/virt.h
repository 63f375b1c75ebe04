/* SPDX-License-Identifier: Apache-2.0 */
/* The CPU's virtualisation behind one set of prototypes, implemented by exactly one of virt/svm.c and virt/vmx.c as the
 * board says. All but virt_check() run on the vcpu's own core. */
#ifndef BULKHEAD_VIRT_H
#define BULKHEAD_VIRT_H

#include "partition.h"

/* Is this CPU able to run partitions? 0, or what is missing and what to do about it (one sentence). Every core. */
const char *virt_check(void);

/* Switch virtualisation on for this core. Once per core, after virt_check(). */
void virt_cpu_on(void);

/* Build the vcpu's control block from nothing: everything intercepted, then the rows that open something. Takes pool
 * pages; before the seal. partition->nested_root must be set. */
void virt_vcpu_init(struct vcpu *vcpu);

/* Guest state to what it is at a start: protected mode at plan entry, or real mode at vector << 12 after a SIPI. Clears all
 * general registers but those the entry names. */
void virt_reset_entry(struct vcpu *vcpu, const struct plan_entry *entry);
void virt_reset_sipi(struct vcpu *vcpu, uint8_t vector);

/* Enter the guest and come back with one exit record; EXIT_HYPERCALL comes only from privilege level 0. Returns EXIT_KICK without entering if vcpu->requests is not 0 when
 * interrupts of the hypervisor are shut, which closes the race with arch_kick(). */
void virt_run(struct vcpu *vcpu, struct exit *exit);

/* Halt this core in a guest that can do nothing (its own nested table: one read-only page), until an NMI. Same race rule. */
void virt_idle(struct vcpu *vcpu);

/* In the NMI handler: an entry that is about to happen must not outlive the request that this NMI is about. */
void virt_nmi(void);

/* Advance RIP past an instruction of this length; clears the interrupt shadow. */
void virt_skip(struct vcpu *vcpu, uint64_t length);

/* Deliver an exception at the next entry. */
void virt_inject_fault(struct vcpu *vcpu, uint8_t vector, bool has_code, uint32_t code);
/* Deliver an NMI at the next entry, and exit with EXIT_NMI_UNBLOCKED when its handler ends. The caller keeps the pending and
 * blocked flags. False: another event is due at this entry; try again after it. */
bool virt_inject_nmi(struct vcpu *vcpu);
void virt_nmi_unblocked(struct vcpu *vcpu); /* disarm that exit */

void virt_state(const struct vcpu *vcpu, struct guest_state *state);
/* The last exit in the vendor's own numbers, for a stop record: code, two words of information. */
void virt_raw(const struct vcpu *vcpu, uint64_t raw[3]);
/* False, and nothing is changed: the CPU loads the roots of PAE paging with this write, and raises #GP for what they are. */
bool virt_set_cr0(struct vcpu *vcpu, uint64_t value);
bool virt_set_cr4(struct vcpu *vcpu, uint64_t value);
void virt_set_efer(struct vcpu *vcpu, uint64_t value);

#endif
