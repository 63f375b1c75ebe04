/* SPDX-License-Identifier: Apache-2.0 */
/* What one partition may know of another and do to it: as the table says, and nothing else. AC-51: who may not be seen is as one that is not
 * there. A call is bounded work for the caller alone; what makes others work is limited per second (AC-46). */
#ifndef BULKHEAD_RIGHTS_H
#define BULKHEAD_RIGHTS_H

#include "partition.h"

/* The n-th partition that `by` may observe, in the plan's order; 0: there is none. */
struct partition *rights_observed(const struct partition *by, uint64_t u_n);

/* BH_CALL_OBSERVE, BH_CALL_CONTROL, BH_CALL_READ */
uint64_t rights_observe(struct vcpu *vcpu, uint64_t u_n, uint64_t u_fact);
uint64_t rights_control(struct vcpu *vcpu, uint64_t u_n, uint64_t u_order, uint64_t u_argument);
uint64_t rights_read(struct vcpu *vcpu, uint64_t u_what, uint64_t u_where);

/* An audit that somebody asked for. Housekeeping core. */
void rights_serve(void);

#endif
