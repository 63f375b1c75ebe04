/* SPDX-License-Identifier: Apache-2.0 */
/* The run loop of a core. */
#ifndef BULKHEAD_VCPU_H
#define BULKHEAD_VCPU_H

#include "partition.h"

/* Requests to this core that must not wait while it is busy loading: housekeeping. Called between slices of long work, so that
 * no console, watchdog or kick waits longer than a slice. Also says that this core is alive. */
void vcpu_breathe(void);

/* Do what other cores, and this one, have asked of this core. At each EXIT_KICK and after parking. */
void vcpu_serve(struct vcpu *vcpu);

/* Calls of a partition to the hypervisor: core/abi/bulkhead_abi.h lists them. The caller is at privilege
 * level 0. Returns what goes to RAX. Bounded; never fails but by an error code. */
uint64_t hypercall(struct vcpu *vcpu, uint64_t u_number, uint64_t u_a, uint64_t u_b, uint64_t u_c);

#endif
