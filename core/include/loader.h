/* SPDX-License-Identifier: Apache-2.0 */
/* Bring a partition's memory to what the plan says. */
#ifndef BULKHEAD_LOADER_H
#define BULKHEAD_LOADER_H

#include "partition.h"

/* The payload in the image zone has the size and SHA-256 of the plan. Opens and closes the zone on this core. In slices. */
bool payload_verify(const struct partition *partition);

/* Scrub all RAM (SEP-9), copy the segments, write the start information, reset console and devices, set the entry state of the
 * first vcpu. On the partition's first core, all its cores parked. In slices. `verify`: check the digest again first. False: the
 * payload is not what the plan says, nothing was copied. */
bool partition_load(struct partition *partition, bool verify);

#endif
