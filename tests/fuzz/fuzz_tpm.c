/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as an answer of a TPM: nothing outside of it is read, and it is taken for at most one kind of answer, of the one size that this
 * kind has. A libFuzzer entry point; test_tpm.c calls it too. */
#include "fuzz_tpm.h"

#include <stdlib.h>
#include <string.h>

#include "tpm_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *answer = malloc(size ? size : 1); /* a block of its own, exactly as long */
    struct tpm_public found;
    uint32_t code = ~0u;
    uint64_t value;

    if (answer == NULL || size > UINT32_MAX)
        abort();
    memcpy(answer, data, size);
    bool some = tpm_code(answer, (uint32_t)size, &code), done = tpm_done(answer, (uint32_t)size),
         number = tpm_number(answer, (uint32_t)size, &value), public = tpm_public(answer, (uint32_t)size, &found);
    if (done + number + public > 1 || ((done || number || public) && (!some || code != TPM_OK)))
        abort();
    if ((done && size != 19) || (number && size != 29) || (public && (size < 28 || size > 94)))
        abort();
    free(answer);
    return 0;
}
