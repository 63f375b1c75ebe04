/* SPDX-License-Identifier: Apache-2.0 */
/* Virtio ports: one for each end of a cable and each client of a slice that is a Linux. */
#ifndef BULKHEAD_PLAN_PORTS_H
#define BULKHEAD_PLAN_PORTS_H

#include "plan.h"
#include "plan_channels.h"
#include "plan_devices.h"
#include "product.h"

#define PORTS_MAX (2 * PRODUCT_MAX_CABLES + PRODUCT_MAX_SLICES)
#define PORTS_SIZE (PORTS_MAX * PLAN_PORT_REGISTERS) /* of all their registers */
#define SLICE_SEGMENT 4096u                          /* bytes of a request are in pieces of this size at most */
#define SLICE_SEGMENTS (BH_SLICE_MAX / SLICE_SEGMENT)
#define SLICE_OVERHEAD 64u /* of a request or an answer in its ring */

struct ports_plan {
    struct plan_port ports[PORTS_MAX]; /* partition by partition */
    uint32_t count;
};

/* The first of all their ports: beside those that the board's devices have. */
uint16_t ports_base(const struct board *board);
/* How many the partition has. */
unsigned ports_of(const struct product *product, const struct partition_spec *spec);
/* Segments of a request that fit a slice's ring of this size; 0: none. */
uint32_t slice_segments(uint32_t ring);

void ports_plan(const struct product *product, const struct board *board, const struct device_plan *devices,
                const struct channel_plan *channels, struct ports_plan *plan);

#endif
