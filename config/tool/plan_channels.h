/* SPDX-License-Identifier: Apache-2.0 */
/* Channels: those of the table, and two for each cable and each slice. */
#ifndef BULKHEAD_PLAN_CHANNELS_H
#define BULKHEAD_PLAN_CHANNELS_H

#include "plan.h"
#include "product.h"

#define CHANNEL_NAME 16u
#define CHANNEL_MIN KIB(4)
#define CHANNEL_MAX MIB(1)
#define CHANNEL_RING KIB(16) /* what a size of 0 means */
#define CABLE_RING KIB(64)
#define SLICE_RING KIB(256)
#define CHANNEL_DOORBELLS 10000u
#define PORT_DOORBELLS 20000u /* of cables and slices */

struct channel_plan {
    struct plan_channel channels[BH_MAX_CHANNELS]; /* plain ones, then cables, then slices */
    char names[BH_MAX_CHANNELS][CHANNEL_NAME];
    uint32_t count;
};

/* Lengths of the lists, each up to its first entry without a name. */
unsigned product_channels(const struct product *product);
unsigned product_cables(const struct product *product);
unsigned product_slices(const struct product *product);

/* MAC address of one end of a cable: the table's, or one made from names, the same in every build. First byte lowest. */
uint64_t cable_mac(const struct product *product, const struct cable_spec *cable, unsigned end);
/* Where a slice begins on its server's disk. */
uint64_t slice_start(const struct product *product, unsigned slice);

/* The rules have accepted them. */
void channels_plan(const struct product *product, struct channel_plan *plan);

#endif
