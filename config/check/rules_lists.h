/* SPDX-License-Identifier: Apache-2.0 */
/* What the rules of a product's lists share: channels, cables, slices, conflicts. */
#ifndef BULKHEAD_RULES_LISTS_H
#define BULKHEAD_RULES_LISTS_H

#include "plan_channels.h"
#include "rules.h"

#define EACH_CHANNEL(c, check)                                                                                                     \
    for (const struct channel_spec *c = (check)->product->channels;                                                                \
         c < (check)->product->channels + product_channels((check)->product); c++)
#define EACH_CABLE(c, check)                                                                                                       \
    for (const struct cable_spec *c = (check)->product->cables; c < (check)->product->cables + product_cables((check)->product);   \
         c++)
#define EACH_SLICE(s, check)                                                                                                       \
    for (const struct slice_spec *s = (check)->product->slices; s < (check)->product->slices + product_slices((check)->product);   \
         s++)

/* Where an entry of these lists stands; for found(), where `field`, an array of FIELD_ROOM, and `check` are at hand. */
#define CHANNEL_PLACE(c, member) list_place(field, "channels", (unsigned)((c)-check->product->channels), member)
#define CABLE_PLACE(c, member) list_place(field, "cables", (unsigned)((c)-check->product->cables), member)
#define SLICE_PLACE(s, member) list_place(field, "slices", (unsigned)((s)-check->product->slices), member)

#endif
