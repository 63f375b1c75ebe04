/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256 and Ed25519, by libsodium's source (partitions/port/sodium/). */
#ifndef UPDATE_DIGEST_H
#define UPDATE_DIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DIGEST_BYTES 32u
#define KEY_BYTES 32u
#define SIGNATURE_BYTES 64u

struct digest {
    uint64_t state[16];
};

void digest_begin(struct digest *digest);
void digest_add(struct digest *digest, const void *bytes, size_t count);
void digest_end(struct digest *digest, uint8_t value[DIGEST_BYTES]);

/* Is this `key`'s signature of these bytes? */
bool signature_good(const uint8_t signature[SIGNATURE_BYTES], const void *bytes, size_t count, const uint8_t key[KEY_BYTES]);

#endif
