/* SPDX-License-Identifier: Apache-2.0 */
/* The counter: found, or made; read; counted up. */
#include "tpm_counter.h"

#include "bh.h"
#include "tpm_message.h"

#define TRIES 10u
#define PAUSE_NS 200000000ull
#define SHA256 0x000bu
#define NUMBER 8u

static const char unexpected[] = "the TPM's answer is none to the question";

struct exchange {
    uint8_t bytes[TPM_MESSAGE_MAX];
    uint32_t size, code;
};

/* It may say for a while that it has no time. */
static bool busy(uint32_t code)
{
    return code == TPM_RETRY || code == TPM_YIELDED || code == TPM_TESTING || code == TPM_NV_RATE || code == TPM_NV_UNAVAILABLE;
}

/* 0 where there is an answer with a code, whichever. */
static const char *ask(struct tpm *tpm, const uint8_t *command, uint32_t size, struct exchange *answer)
{
    for (unsigned i = 0; i < TRIES; i++) {
        const char *wrong = tpm_command(tpm, command, size, answer->bytes, sizeof(answer->bytes), &answer->size);

        if (wrong)
            return wrong;
        if (!tpm_code(answer->bytes, answer->size, &answer->code))
            return unexpected;
        if (!busy(answer->code))
            return 0;
        bh_sleep_ns(PAUSE_NS);
    }
    return "the TPM is busy";
}

const char *tpm_counter_step(struct tpm *tpm)
{
    uint8_t command[TPM_MESSAGE_MAX];
    struct exchange answer;
    const char *wrong = ask(tpm, command, tpm_increment(command, TPM_COUNTER_INDEX), &answer);

    if (wrong)
        return wrong;
    return tpm_done(answer.bytes, answer.size) ? 0 : "the TPM does not count";
}

static const char *make(struct tpm *tpm)
{
    uint8_t command[TPM_MESSAGE_MAX];
    struct exchange answer;
    const char *wrong = ask(tpm, command, tpm_define(command, TPM_COUNTER_INDEX, TPM_COUNTER), &answer);

    if (wrong)
        return wrong;
    return tpm_done(answer.bytes, answer.size) ? 0 : "the TPM makes no counter: its owner has a password, or it has no room";
}

/* Is there one, and ours? *written: it has been counted up once, before which it cannot be read. */
static const char *find(struct tpm *tpm, bool *there, bool *written)
{
    uint8_t command[TPM_MESSAGE_MAX];
    struct exchange answer;
    struct tpm_public found;
    const char *wrong = ask(tpm, command, tpm_read_public(command, TPM_COUNTER_INDEX), &answer);

    *there = *written = false;
    if (wrong || answer.code == TPM_NO_INDEX)
        return wrong;
    if (answer.code != TPM_OK)
        return "the TPM does not say whether it has our counter";
    if (!tpm_public(answer.bytes, answer.size, &found) || found.index != TPM_COUNTER_INDEX || found.hash != SHA256 ||
        found.policy_size != 0 || found.size != NUMBER || (found.attributes & ~TPM_WRITTEN) != TPM_COUNTER)
        return "what the TPM has where our counter would be is something else";
    *there = true;
    *written = (found.attributes & TPM_WRITTEN) != 0;
    return 0;
}

const char *tpm_counter_read(struct tpm *tpm, uint64_t *value)
{
    uint8_t command[TPM_MESSAGE_MAX];
    struct exchange answer;
    bool there, written;
    const char *wrong = find(tpm, &there, &written);

    if (!wrong && !there)
        wrong = make(tpm);
    if (!wrong && !written)
        wrong = tpm_counter_step(tpm);
    if (!wrong)
        wrong = ask(tpm, command, tpm_read(command, TPM_COUNTER_INDEX), &answer);
    if (wrong)
        return wrong;
    return tpm_number(answer.bytes, answer.size, value) ? 0 : "the TPM's counter cannot be read";
}
