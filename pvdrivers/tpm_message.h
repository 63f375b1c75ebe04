/* SPDX-License-Identifier: Apache-2.0 */
/* The few commands and answers of TPM 2.0 that a counter needs, as bytes (TPM Library Part 3, 31): pure, nothing here touches a TPM. Numbers
 * come most significant byte first. Every byte of an answer is distrusted. */
#ifndef TPM_MESSAGE_H
#define TPM_MESSAGE_H

#include <stdbool.h>
#include <stdint.h>

#define TPM_MESSAGE_MAX 128u /* of those here, with a name of SHA-512 */

/* TPMA_NV: a counter; to be read and counted up with its own password, which is empty; wrong passwords elsewhere do not lock it. */
#define TPM_COUNTER 0x02040014u
#define TPM_WRITTEN 0x20000000u

enum {
    TPM_OK = 0,
    TPM_NO_INDEX = 0x18b, /* TPM_RC_HANDLE, of the first handle */
    TPM_YIELDED = 0x908,
    TPM_TESTING = 0x90a,
    TPM_NV_RATE = 0x920,
    TPM_RETRY = 0x922,
    TPM_NV_UNAVAILABLE = 0x923,
};

struct tpm_public {
    uint32_t index, attributes;
    uint16_t hash, policy_size, size;
};

/* Each writes a command to `out` and returns its bytes. */
uint32_t tpm_define(uint8_t out[TPM_MESSAGE_MAX], uint32_t index, uint32_t attributes);
uint32_t tpm_read_public(uint8_t out[TPM_MESSAGE_MAX], uint32_t index);
uint32_t tpm_increment(uint8_t out[TPM_MESSAGE_MAX], uint32_t index);
uint32_t tpm_read(uint8_t out[TPM_MESSAGE_MAX], uint32_t index);

/* False: this is no answer. *code: TPM_OK, or why the TPM refuses. */
bool tpm_code(const uint8_t *u_answer, uint32_t size, uint32_t *code);
/* Of an answer with TPM_OK; false: it is not one to that command. */
bool tpm_done(const uint8_t *u_answer, uint32_t size); /* to tpm_define() and tpm_increment() */
bool tpm_public(const uint8_t *u_answer, uint32_t size, struct tpm_public *found);
bool tpm_number(const uint8_t *u_answer, uint32_t size, uint64_t *value);

#endif
