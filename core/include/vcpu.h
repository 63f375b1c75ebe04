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

/* Make the housekeeping core look at the console soon. Any core. */
void vcpu_housekeeping_wake(void);

#endif
