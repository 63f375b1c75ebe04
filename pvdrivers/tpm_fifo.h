/* SPDX-License-Identifier: Apache-2.0 */
/* A TPM's locality 0 through the FIFO of the PC Client platform (TIS): one command goes out, one answer comes back. Each wait has an end, and
 * no length that the TPM says is believed beyond the room for it. From one core at a time. */
#ifndef TPM_FIFO_H
#define TPM_FIFO_H

#include <stdint.h>

#define TPM_FIFO_SIZE 4096u /* bytes of registers */

struct tpm {
    volatile uint8_t *registers;
};

/* 0, or why there is none to talk to. What an earlier life left of a command is given up. */
const char *tpm_open(struct tpm *tpm, volatile uint8_t *registers);
/* 0 and *got bytes in `answer`, at most `room` and at least a header's, or why not: the TPM may have done it all the same. */
const char *tpm_command(struct tpm *tpm, const uint8_t *command, uint32_t size, uint8_t *answer, uint32_t room, uint32_t *got);

#endif
