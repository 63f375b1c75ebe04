/* SPDX-License-Identifier: Apache-2.0 */
/* Writing plan.c and grub.cfg. The same tables and payloads always give the same bytes. */
#ifndef BULKHEAD_PLAN_EMIT_H
#define BULKHEAD_PLAN_EMIT_H

#include <stdio.h>

#include "payload.h"
#include "plan_layout.h"

struct planned_payload {
    struct payload payload;
    uint8_t sha256[32];
};

void plan_emit(FILE *out, const struct product *product, const struct board *board, const struct layout *layout,
               const struct planned_payload *payloads, bool release);
void grub_emit(FILE *out, const struct product *product, const struct board *board);

/* Names of values as the headers spell them, for plan.c and the report. */
const char *action_text(enum action action);
const char *kind_text(enum image_kind kind);

#endif
