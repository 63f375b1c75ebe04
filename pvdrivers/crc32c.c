/* SPDX-License-Identifier: Apache-2.0 */
/* CRC-32C: the processor's instruction, or a table of 1 KiB. */
#include "crc32c.h"

#include <cpuid.h>
#include <stdbool.h>
#include <string.h>

#define POLYNOMIAL 0x82f63b78u /* with its bits mirrored */

static bool instruction;
static uint32_t table[256];

void crc32c_init(void)
{
    unsigned a, b, c = 0, d;

    for (uint32_t i = 0; i < 256; i++) {
        uint32_t crc = i;

        for (unsigned bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? POLYNOMIAL : 0);
        table[i] = crc;
    }
    instruction = __get_cpuid(1, &a, &b, &c, &d) && (c & bit_SSE4_2) != 0;
}

uint32_t crc32c_table(uint32_t crc, const void *bytes, size_t size)
{
    const uint8_t *byte = bytes;

    crc = ~crc;
    for (; size > 0; size--)
        crc = crc >> 8 ^ table[(uint8_t)crc ^ *byte++];
    return ~crc;
}

__attribute__((target("sse4.2"))) static uint32_t by_instruction(uint32_t crc, const uint8_t *byte, size_t size)
{
    uint64_t sum = (uint32_t)~crc;

    for (; size >= 8; size -= 8, byte += 8) {
        uint64_t word;

        memcpy(&word, byte, sizeof(word));
        sum = __builtin_ia32_crc32di(sum, word);
    }
    for (; size > 0; size--)
        sum = __builtin_ia32_crc32qi((uint32_t)sum, *byte++);
    return ~(uint32_t)sum;
}

uint32_t crc32c(uint32_t crc, const void *bytes, size_t size)
{
    return instruction ? by_instruction(crc, bytes, size) : crc32c_table(crc, bytes, size);
}
