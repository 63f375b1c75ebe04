/* SPDX-License-Identifier: Apache-2.0 */
/* Entries of a ledger: blocks with a sequence number and a checksum. Entry n stands in place n % places. Pure. */
#ifndef LEDGER_ENTRY_H
#define LEDGER_ENTRY_H

#include <stdbool.h>
#include <stdint.h>

#define ENTRY_BYTES 4096u

void entry_fill(void *block, uint64_t sequence);
/* The number of a sound entry; 0: there is none in this block. */
uint64_t entry_read(const void *block);
/* Of the numbers found in `places` places: the last entry up to which none is missing. Those that later ones have taken the place of are not
 * missed, nor those in whose places up to `under_way` later ones were being written. 0: there is no entry. */
uint64_t entries_last(const uint64_t *numbers, uint32_t places, uint32_t under_way);

#endif
