/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256 (FIPS 180-4) in steps, so that a long image never holds a core. */
#ifndef BULKHEAD_SHA256_H
#define BULKHEAD_SHA256_H

#include "types.h"

struct sha256 {
    uint32_t h[8];
    uint64_t length;
    uint8_t block[64];
};

void sha256_init(struct sha256 *s);
void sha256_update(struct sha256 *s, const void *data, size_t size);
void sha256_final(struct sha256 *s, uint8_t digest[32]);

#endif
