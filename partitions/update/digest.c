/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256 and Ed25519. Of libsodium only the files that these need are linked; the two helpers below stand in the rest of it. */
#include "digest.h"

#include <string.h>

#include <crypto_hash_sha256.h>
#include <crypto_sign_ed25519.h>
#include <utils.h>

_Static_assert(sizeof(crypto_hash_sha256_state) <= sizeof(struct digest), "");
_Static_assert(crypto_sign_ed25519_BYTES == SIGNATURE_BYTES && crypto_sign_ed25519_PUBLICKEYBYTES == KEY_BYTES, "");

void digest_begin(struct digest *digest)
{
    crypto_hash_sha256_init((crypto_hash_sha256_state *)digest->state);
}

void digest_add(struct digest *digest, const void *bytes, size_t count)
{
    crypto_hash_sha256_update((crypto_hash_sha256_state *)digest->state, bytes, count);
}

void digest_end(struct digest *digest, uint8_t value[DIGEST_BYTES])
{
    crypto_hash_sha256_final((crypto_hash_sha256_state *)digest->state, value);
}

bool signature_good(const uint8_t signature[SIGNATURE_BYTES], const void *bytes, size_t count, const uint8_t key[KEY_BYTES])
{
    return crypto_sign_ed25519_verify_detached(signature, bytes, count, key) == 0;
}

/* Nothing that is checked here is secret. */
void sodium_memzero(void *const bytes, const size_t count)
{
    memset(bytes, 0, count);
}

int sodium_memcmp(const void *const a, const void *const b, size_t count)
{
    return memcmp(a, b, count) == 0 ? 0 : -1;
}

int sodium_is_zero(const unsigned char *bytes, const size_t count)
{
    unsigned char all = 0;

    for (size_t i = 0; i < count; i++)
        all |= bytes[i];
    return all == 0;
}
