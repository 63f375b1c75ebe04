/* SPDX-License-Identifier: Apache-2.0 */
/* Calls of a partition to the hypervisor: core/abi/bulkhead_abi.h lists them. */
#ifndef BULKHEAD_HYPERCALL_H
#define BULKHEAD_HYPERCALL_H

#include "partition.h"

/* The caller is at privilege level 0. Returns what goes to RAX. Bounded; never fails but by an error code. */
uint64_t hypercall(struct vcpu *vcpu, uint64_t u_number, uint64_t u_a, uint64_t u_b, uint64_t u_c);

#endif
