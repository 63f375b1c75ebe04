/* SPDX-License-Identifier: Apache-2.0 */
/* Labels: who carries them, and where two that conflict meet. For rules and report alike. */
#ifndef BULKHEAD_LABELS_H
#define BULKHEAD_LABELS_H

#include "board.h"
#include "product.h"

#define LABEL_MAX 15u /* bytes of a label */
#define LABEL_CARRIERS_MAX (PRODUCT_MAX_PARTITIONS + PRODUCT_MAX_CHANNELS + PRODUCT_MAX_CABLES + PRODUCT_MAX_SLICES)

enum carrier_kind {
    CARRIER_PARTITION,
    CARRIER_CHANNEL,
    CARRIER_CABLE,
    CARRIER_SLICE,
};

/* Something that has labels. */
struct label_carrier {
    enum carrier_kind kind;
    unsigned index; /* in its list of the product */
    const char *name;
    const char *const *labels; /* PRODUCT_MAX_LABELS; ends at the first 0 */
    uint16_t partitions;       /* bit per partition: itself, or those that it joins */
};

/* Partitions first, then channels, cables and slices; names of partitions that there are not join nobody. */
unsigned label_carriers(const struct product *product, struct label_carrier carriers[LABEL_CARRIERS_MAX]);
bool label_has(const struct label_carrier *carrier, const char *label);
const char *carrier_word(enum carrier_kind kind);

/* Two carriers of labels that conflict, and what they share: `join` is a carrier of another kind than partition, or 0; else a core's cache or
 * a physical function. a == b: one carrier has both labels. */
struct label_meeting {
    const struct label_carrier *a, *b, *join;
    uint32_t package, cache;
    const struct board_function *function;
};

/* The first place where the conflict's labels meet. The caller's carriers are those of label_carriers(). A conflict of one label with itself
 * is one between two partitions; all others also hold between a channel and who is at its ends. */
bool conflict_in_one(const struct conflict_spec *conflict, const struct label_carrier *carriers, unsigned count,
                     struct label_meeting *meeting);
bool conflict_in_channel(const struct conflict_spec *conflict, const struct label_carrier *carriers, unsigned count,
                         struct label_meeting *meeting);
/* `core_owner[i]`: the partition that has core i of the board, 0xff nobody. */
bool conflict_in_cache(const struct conflict_spec *conflict, const struct label_carrier *carriers, const struct board *board,
                       const uint8_t core_owner[BOARD_MAX_CORES], struct label_meeting *meeting);
bool conflict_in_device(const struct conflict_spec *conflict, const struct label_carrier *carriers, const struct product *product,
                        const struct board *board, struct label_meeting *meeting);

/* True if the conflict's scope has this part: CONFLICT_ANY has all three. */
bool conflict_covers(const struct conflict_spec *conflict, enum conflict_scope part);
/* Entries of product.conflicts before the first without a label. */
unsigned product_conflicts(const struct product *product);

#endif
