/* SPDX-License-Identifier: Apache-2.0 */
/* A counter in a TPM's memory that outlives the power and only goes up. It is made when it is first asked for. A new counter begins above every
 * counter that this TPM has ever had, so that one that was deleted does not begin anew from 1. */
#ifndef TPM_COUNTER_H
#define TPM_COUNTER_H

#include "tpm_fifo.h"

/* Of the owner's range, 0x01800000 to 0x01bfffff. */
#define TPM_COUNTER_INDEX 0x01804248u

/* 0, or why not. */
const char *tpm_counter_read(struct tpm *tpm, uint64_t *value);
const char *tpm_counter_step(struct tpm *tpm); /* one up */

#endif
