/* SPDX-License-Identifier: Apache-2.0 */
/* Commands and answers as bytes. */
#include "tpm_message.h"

#define PLAIN 0x8001u /* TPM_ST_NO_SESSIONS */
#define AUTH 0x8002u  /* TPM_ST_SESSIONS */
#define DEFINE 0x12au /* TPM_CC_NV_... */
#define INCREMENT 0x134u
#define READ 0x14eu
#define READ_PUBLIC 0x169u
#define OWNER 0x40000001u
#define PASSWORD 0x40000009u
#define SHA256 0x000bu
#define NUMBER 8u /* bytes of a counter */
#define HEADER 10u
#define PUBLIC 14u   /* bytes of TPMS_NV_PUBLIC with an empty policy */
#define PASSED 5u    /* of the session's part of an answer: no nonce, attributes, no HMAC */
#define NAME_MAX 66u /* SHA-512 and which hash it is */

/* --- commands ----------------------------------------------------------------------------------------------------------------------- */

static uint8_t *put(uint8_t *at, uint32_t value, unsigned bytes)
{
    for (unsigned i = bytes; i > 0; i--)
        *at++ = (uint8_t)(value >> 8 * (i - 1));
    return at;
}

static uint8_t *begin(uint8_t *out, uint32_t tag, uint32_t code)
{
    return put(put(put(out, tag, 2), 0, 4), code, 4);
}

/* The empty password. */
static uint8_t *password(uint8_t *at)
{
    return put(put(put(put(put(at, 9, 4), PASSWORD, 4), 0, 2), 0, 1), 0, 2);
}

static uint32_t end(uint8_t *out, const uint8_t *at)
{
    uint32_t size = (uint32_t)(at - out);

    put(out + 2, size, 4);
    return size;
}

uint32_t tpm_define(uint8_t out[TPM_MESSAGE_MAX], uint32_t index, uint32_t attributes)
{
    uint8_t *at = password(put(begin(out, AUTH, DEFINE), OWNER, 4));

    at = put(put(at, 0, 2), PUBLIC, 2); /* its password: empty; then what it is to be */
    at = put(put(put(at, index, 4), SHA256, 2), attributes, 4);
    return end(out, put(put(at, 0, 2), NUMBER, 2));
}

uint32_t tpm_read_public(uint8_t out[TPM_MESSAGE_MAX], uint32_t index)
{
    return end(out, put(begin(out, PLAIN, READ_PUBLIC), index, 4));
}

/* The index itself says by its attributes that its password suffices: it stands for who asks and for what is meant. */
static uint8_t *with_index(uint8_t *out, uint32_t code, uint32_t index)
{
    return password(put(put(begin(out, AUTH, code), index, 4), index, 4));
}

uint32_t tpm_increment(uint8_t out[TPM_MESSAGE_MAX], uint32_t index)
{
    return end(out, with_index(out, INCREMENT, index));
}

uint32_t tpm_read(uint8_t out[TPM_MESSAGE_MAX], uint32_t index)
{
    return end(out, put(put(with_index(out, READ, index), NUMBER, 2), 0, 2));
}

/* --- answers ------------------------------------------------------------------------------------------------------------------------- */

static uint64_t get(const uint8_t *u_bytes, unsigned bytes)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < bytes; i++)
        value = value << 8 | u_bytes[i];
    return value;
}

bool tpm_code(const uint8_t *u_answer, uint32_t size, uint32_t *code)
{
    if (size < HEADER || get(u_answer + 2, 4) != size)
        return false;
    *code = (uint32_t)get(u_answer + 6, 4);
    uint32_t tag = (uint32_t)get(u_answer, 2);
    return tag == PLAIN || (tag == AUTH && *code == TPM_OK);
}

static bool good(const uint8_t *u_answer, uint32_t size, uint32_t tag)
{
    uint32_t code;

    return tpm_code(u_answer, size, &code) && code == TPM_OK && get(u_answer, 2) == tag;
}

/* With a session, and exactly so many bytes of parameters, which begin behind their size. */
static const uint8_t *parameters(const uint8_t *u_answer, uint32_t size, uint32_t bytes)
{
    if (!good(u_answer, size, AUTH) || size != HEADER + 4 + bytes + PASSED || get(u_answer + HEADER, 4) != bytes)
        return 0;
    return u_answer + HEADER + 4;
}

bool tpm_done(const uint8_t *u_answer, uint32_t size)
{
    return parameters(u_answer, size, 0) != 0;
}

bool tpm_number(const uint8_t *u_answer, uint32_t size, uint64_t *value)
{
    const uint8_t *at = parameters(u_answer, size, 2 + NUMBER);

    if (!at || get(at, 2) != NUMBER)
        return false;
    *value = get(at + 2, NUMBER);
    return true;
}

/* Only one without a policy is told apart further: all others are none of ours. Behind it comes its name, which nobody needs. */
bool tpm_public(const uint8_t *u_answer, uint32_t size, struct tpm_public *found)
{
    const uint32_t fixed = HEADER + 2 + PUBLIC + 2;

    if (!good(u_answer, size, PLAIN) || size < fixed || size > fixed + NAME_MAX)
        return false;
    const uint8_t *at = u_answer + HEADER;
    if (get(at, 2) != PUBLIC || get(at + 2 + PUBLIC, 2) != size - fixed)
        return false;
    *found = (struct tpm_public){.index = (uint32_t)get(at + 2, 4),
                                 .hash = (uint16_t)get(at + 6, 2),
                                 .attributes = (uint32_t)get(at + 8, 4),
                                 .policy_size = (uint16_t)get(at + 12, 2),
                                 .size = (uint16_t)get(at + 14, 2)};
    return true;
}
