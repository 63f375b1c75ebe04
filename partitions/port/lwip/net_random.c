/* SPDX-License-Identifier: Apache-2.0 */
/* A secret key per life, and what is made of it. */
#include "net_random.h"

#include <string.h>

#include "bh.h"

static uint64_t key[2];

static inline uint64_t rotate(uint64_t word, unsigned by)
{
    return word << by | word >> (64 - by);
}

static void rounds(uint64_t v[4], unsigned count)
{
    while (count-- > 0) {
        v[0] += v[1], v[1] = rotate(v[1], 13) ^ v[0], v[0] = rotate(v[0], 32);
        v[2] += v[3], v[3] = rotate(v[3], 16) ^ v[2];
        v[0] += v[3], v[3] = rotate(v[3], 21) ^ v[0];
        v[2] += v[1], v[1] = rotate(v[1], 17) ^ v[2], v[2] = rotate(v[2], 32);
    }
}

uint64_t net_hash(const uint64_t secret[2], const void *bytes, size_t count)
{
    uint64_t v[4] = {secret[0] ^ 0x736f6d6570736575ull, secret[1] ^ 0x646f72616e646f6dull, secret[0] ^ 0x6c7967656e657261ull,
                     secret[1] ^ 0x7465646279746573ull};
    const uint8_t *at = bytes;
    uint64_t word;

    for (size_t left = count; left >= 8; left -= 8, at += 8) {
        memcpy(&word, at, 8);
        v[3] ^= word;
        rounds(v, 2);
        v[0] ^= word;
    }
    word = (uint64_t)count << 56;
    for (size_t i = 0; i < count % 8; i++)
        word |= (uint64_t)at[i] << 8 * i;
    v[3] ^= word;
    rounds(v, 2);
    v[0] ^= word;
    v[2] ^= 0xff;
    rounds(v, 4);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

void net_random_init(void)
{
    net_entropy(key);
}

uint32_t net_random(void)
{
    static uint64_t counter;

    counter++;
    return (uint32_t)net_hash(key, &counter, sizeof(counter));
}

uint32_t net_random_sequence(const void *local, size_t local_size, uint16_t local_port, const void *remote, size_t remote_size,
                             uint16_t remote_port)
{
    uint8_t ends[80] = {(uint8_t)local_port, (uint8_t)(local_port >> 8), (uint8_t)remote_port, (uint8_t)(remote_port >> 8)};

    if (local_size > 38 || remote_size > 38)
        return net_random();
    memcpy(ends + 4, local, local_size);
    memcpy(ends + 4 + local_size, remote, remote_size);
    return (uint32_t)net_hash(key, ends, 4 + local_size + remote_size) + (uint32_t)(bh_now_ns() / 4000);
}
