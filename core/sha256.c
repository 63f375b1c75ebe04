/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256, FIPS 180-4 section 6.2. The message schedule is kept as a ring of its last 16 words. */
#include "sha256.h"
#include "memory.h"

/* Section 4.2.2: fractional parts of the cube roots of the first 64 primes. */
static const uint32_t constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01,
    0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc,
    0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147,
    0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08,
    0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208,
    0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static inline uint32_t rotate(uint32_t x, unsigned n)
{
    return x >> n | x << (32 - n);
}

static inline uint32_t load_be(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* Three rotations of x summed, by c, c + b and c + b + a: each step works on what the last one left. */
static inline uint32_t sum(uint32_t x, unsigned a, unsigned b, unsigned c)
{
    return rotate(rotate(rotate(x, a) ^ x, b) ^ x, c);
}

/* One round; the caller rotates the names instead of the values. */
static inline __attribute__((always_inline)) void round_one(uint32_t v[8], unsigned shift, uint32_t kw)
{
    uint32_t a = v[(8 - shift) & 7], b = v[(9 - shift) & 7], c = v[(10 - shift) & 7];
    uint32_t e = v[(12 - shift) & 7], f = v[(13 - shift) & 7], g = v[(14 - shift) & 7];
    uint32_t t = v[(15 - shift) & 7] + sum(e, 14, 5, 6) + (g ^ (e & (f ^ g))) + kw;

    v[(11 - shift) & 7] += t;
    v[(15 - shift) & 7] = t + sum(a, 9, 11, 2) + (b ^ ((a ^ b) & (b ^ c)));
}

static inline __attribute__((always_inline)) uint32_t schedule(uint32_t w[16], unsigned i)
{
    uint32_t w15 = w[(i + 1) & 15], w2 = w[(i + 14) & 15];

    return w[i] += (rotate(rotate(w15, 11) ^ w15, 7) ^ w15 >> 3) + w[(i + 9) & 15] + (rotate(rotate(w2, 2) ^ w2, 17) ^ w2 >> 10);
}

static void compress(uint32_t h[8], const uint8_t *block)
{
    uint32_t v[8], w[16];

    for (unsigned i = 0; i < 8; i++)
        v[i] = h[i];
#pragma GCC unroll 16
    for (unsigned i = 0; i < 16; i++)
        round_one(v, i & 7, constants[i] + (w[i] = load_be(block + 4 * i)));
    for (unsigned i = 16; i < 64; i += 16) {
#pragma GCC unroll 16
        for (unsigned j = 0; j < 16; j++)
            round_one(v, j & 7, constants[i + j] + schedule(w, j));
    }
    for (unsigned i = 0; i < 8; i++)
        h[i] += v[i];
}

void sha256_init(struct sha256 *s)
{
    static const uint32_t start[8] = {
        0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
    };

    memcpy(s->h, start, sizeof(start));
    s->length = 0;
}

void sha256_update(struct sha256 *s, const void *data, size_t size)
{
    const uint8_t *p = data;
    size_t held = s->length % 64;

    s->length += size;
    if (held + size >= 64 && held != 0) {
        memcpy(s->block + held, p, 64 - held);
        compress(s->h, s->block);
        p += 64 - held;
        size -= 64 - held;
        held = 0;
    }
    for (; size >= 64; size -= 64, p += 64)
        compress(s->h, p);
    memcpy(s->block + held, p, size);
}

void sha256_final(struct sha256 *s, uint8_t digest[32])
{
    static const uint8_t padding[64] = {0x80};
    uint64_t bits = s->length * 8;
    uint8_t length[8];

    for (unsigned i = 0; i < 8; i++)
        length[i] = (uint8_t)(bits >> (56 - 8 * i));
    sha256_update(s, padding, 1 + (119 - s->length % 64) % 64);
    sha256_update(s, length, 8);
    for (unsigned i = 0; i < 32; i++)
        digest[i] = (uint8_t)(s->h[i / 4] >> (24 - 8 * (i % 4)));
}
