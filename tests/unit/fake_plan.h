/* SPDX-License-Identifier: Apache-2.0 */
/* A plan that a test may change: `plan` is the same object as fake_plan. Linked with fake_plan.c. */
#ifndef BULKHEAD_FAKE_PLAN_H
#define BULKHEAD_FAKE_PLAN_H

#include "plan.h"

extern struct plan fake_plan;
extern struct plan_partition fake_plan_partitions[MAX_PARTITIONS];
extern struct plan_core fake_plan_cores[MAX_CORES];
extern struct board fake_board;

/* Three partitions: linux (IMAGE_LINUX, cores 0 and 1), control (unikernel, core 2), hello (unikernel, core 3); housekeeping
 * on core 0; a pool of 64 pages. */
void fake_plan_reset(void);

#endif
