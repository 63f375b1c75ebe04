/* SPDX-License-Identifier: Apache-2.0 */
/* The slice that bundles come in, for its client. What is written is stable when the call comes back, but for stage_write(). False: the server did
 * not do it, which has been said. */
#ifndef FETCH_STAGE_H
#define FETCH_STAGE_H

#include "choice.h"

bool stage_open(const char *name);
uint64_t stage_room(void); /* bytes for a bundle */
bool stage_read(struct fetch_state *state);
/* Of the bundle, from byte `at` on, which begins a sector, whole sectors; stable after the next note. */
bool stage_write(uint64_t at, const void *bytes, size_t count);
bool stage_note(uint64_t done, uint64_t number);
/* Begin anew with this first sector. */
bool stage_begin(const struct bundle *bundle);
/* Ask for it to be taken. */
bool stage_request(uint64_t number);

#endif
