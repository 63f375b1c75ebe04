/* SPDX-License-Identifier: Apache-2.0 */
/* The steps of a partition's life, each on the core that asks: called by the run loop only. */
#ifndef BULKHEAD_LIFECYCLE_H
#define BULKHEAD_LIFECYCLE_H

#include "partition.h"

/* REQUEST_STOP: this vcpu runs no guest code from here on; its local APIC is emptied. The last one to park tells the first core. */
void partition_park(struct vcpu *vcpu);
/* REQUEST_PARKED, first core: all are parked; do what the table says. */
void partition_parked(struct vcpu *vcpu);
/* REQUEST_START, first core, state loading: load and run. */
void partition_bring_up(struct vcpu *vcpu);
/* Owners of VFs of its PFs: stop them, and wait until they have; start those again that were stopped so. On its first core; both breathe.
 * False: one of them did not stop in time. */
bool restart_group_stop(const struct partition *partition);
void restart_group_start(const struct partition *partition);
/* The owner of a PF of its VFs is on its way down. Asked while it is loading already, so that one of both sees the other. */
bool restart_group_busy(const struct partition *member);
/* End of the whole machine's life: show what waits on the console, then reset or power off. Housekeeping or any core. */
_Noreturn void machine_end(bool reset);
/* Once per second, housekeeping core: denied accesses, and what to do when all have stopped. */
void partition_second(void);

/* The payload in the image zone has the size and SHA-256 of the plan. Opens and closes the zone on this core. In slices. */
bool payload_verify(const struct partition *partition);

/* Scrub all RAM (SEP-9), copy the segments, write the start information, reset console and devices, set the entry state of the
 * first vcpu. On the partition's first core, all its cores parked. In slices. `verify`: check the digest again first. False: the
 * payload is not what the plan says, nothing was copied. */
bool partition_load(struct partition *partition, bool verify);

#endif
