/* SPDX-License-Identifier: Apache-2.0 */
/* What others print, for the operator's terminal: nothing in it can move the cursor or speak to the terminal. Pure. */
#ifndef SUPERVISOR_VISIBLE_H
#define SUPERVISOR_VISIBLE_H

#include <stddef.h>

/* Text, tabs and newlines stay; a carriage return before a newline goes; all else becomes ^X or \xNN. `out` has room for 4 * count bytes.
 * Returns how many there are. */
size_t visible(char *out, const char *bytes, size_t count);

#endif
