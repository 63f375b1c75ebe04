/* SPDX-License-Identifier: Apache-2.0 */
/* DMAR tables against a board of one or two units at 0xfed90000 and 0xfed91000, an IO-APIC at f0:1f.0, and the functions 00:02.0, 02:00.0 and the
 * latter's VF. */
#ifndef FUZZ_DMAR_H
#define FUZZ_DMAR_H

#include <stddef.h>
#include <stdint.h>

extern char fuzz_dmar_log[256];  /* the last line */
extern unsigned fuzz_dmar_reads; /* of configuration space */

void fuzz_dmar_board(uint8_t mode);
const char *fuzz_dmar_check(const uint8_t *table, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
