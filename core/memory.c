/* SPDX-License-Identifier: Apache-2.0 */
/* The memcpy family. Eight bytes at a time through a type that may alias anything and needs no alignment. */
#include "memory.h"

/* Or the compiler finds the loops below to be calls of themselves. */
#pragma GCC optimize("no-tree-loop-distribute-patterns")

typedef uint64_t __attribute__((may_alias, aligned(1))) word;

void *memcpy(void *restrict to, const void *restrict from, size_t size)
{
    uint8_t *t = to;
    const uint8_t *f = from;

    for (; size >= 32; size -= 32, t += 32, f += 32) {
        ((word *)t)[0] = ((const word *)f)[0];
        ((word *)t)[1] = ((const word *)f)[1];
        ((word *)t)[2] = ((const word *)f)[2];
        ((word *)t)[3] = ((const word *)f)[3];
    }
    for (; size >= 8; size -= 8, t += 8, f += 8)
        *(word *)t = *(const word *)f;
    for (; size > 0; size--)
        *t++ = *f++;
    return to;
}

void *memset(void *to, int byte, size_t size)
{
    uint8_t *t = to;
    uint64_t all = (uint8_t)byte * 0x0101010101010101ull;

    for (; size >= 32; size -= 32, t += 32) {
        ((word *)t)[0] = all;
        ((word *)t)[1] = all;
        ((word *)t)[2] = all;
        ((word *)t)[3] = all;
    }
    for (; size > 0; size--)
        *t++ = (uint8_t)byte;
    return to;
}

int memcmp(const void *a, const void *b, size_t size)
{
    const uint8_t *p = a, *q = b;

    for (; size > 0; size--, p++, q++)
        if (*p != *q)
            return *p < *q ? -1 : 1;
    return 0;
}

size_t strlen(const char *s)
{
    size_t length = 0;

    while (s[length] != '\0')
        length++;
    return length;
}

int strcmp(const char *a, const char *b)
{
    for (; *a != '\0' && *a == *b; a++, b++)
        ;
    return (uint8_t)*a - (uint8_t)*b;
}
