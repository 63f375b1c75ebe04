/* SPDX-License-Identifier: Apache-2.0 */
/* What is shown of a partition to those that may observe it. No lock is taken: an observer that asks without end costs nobody else. */
#ifndef BULKHEAD_STATUS_H
#define BULKHEAD_STATUS_H

#include "partition.h"

/* struct bh_status into the answer, but for `rights`. Returns its size. */
uint64_t status_read(const struct partition *seen, struct bh_status *answer);
/* Bytes of its console from index u_where on. Returns how many, BH_EINVAL where the ring does not hold them, or BH_AGAIN where they have been
 * overwritten meanwhile. */
uint64_t output_read(const struct partition *seen, uint64_t u_where, uint8_t answer[BH_ANSWER_SIZE]);

#endif
