/* SPDX-License-Identifier: Apache-2.0 */
/* F11: the fuzzer's own changes, then most of the checksums made right again: without that nearly every table would be refused for its sum. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);

static void sum_fix(uint8_t *table, size_t size, size_t at)
{
    uint8_t sum = 0;

    for (size_t i = 0; i < size; i++)
        sum = (uint8_t)(sum + table[i]);
    table[at] = (uint8_t)(table[at] - sum);
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    static const char names[][5] = {"XSDT", "RSDT", "APIC", "FACP", "HPET", "MCFG", "DMAR", "IVRS"};

    size = LLVMFuzzerMutate(data, size, max_size);
    if (seed % 8 == 0 || size < 37)
        return size;
    for (size_t at = 1; at + 36 <= size; at++)
        for (unsigned n = 0; n < sizeof(names) / sizeof(names[0]); n++) {
            uint32_t length;

            memcpy(&length, data + at + 4, 4);
            if (memcmp(data + at, names[n], 4) == 0 && length >= 36 && length <= size - at)
                sum_fix(data + at, length, 9);
        }
    sum_fix(data + 1, 20, 8);
    sum_fix(data + 1, 36, 32);
    return size;
}
