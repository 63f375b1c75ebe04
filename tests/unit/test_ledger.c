/* SPDX-License-Identifier: Apache-2.0 */
/* Entries of partitions/ledger: what is sound, and up to where nothing is missing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../partitions/ledger/entry.h"

#define PLACES 16u
#define UNDER_WAY 4u

static void test_entry(void **state)
{
    static uint8_t block[ENTRY_BYTES], spoilt[ENTRY_BYTES];

    (void)state;
    assert_int_equal(entry_read(block), 0);
    entry_fill(block, 0x123456789abcull);
    assert_int_equal(entry_read(block), 0x123456789abcull);
    for (unsigned i = 0; i < ENTRY_BYTES; i++)
        for (unsigned bit = 0; bit < 8; bit++) {
            memcpy(spoilt, block, sizeof(block));
            spoilt[i] ^= (uint8_t)(1u << bit);
            assert_int_equal(entry_read(spoilt), 0);
        }
    for (unsigned sectors = 1; sectors < ENTRY_BYTES / 512; sectors++) { /* torn: the rest is of another entry */
        entry_fill(spoilt, 0x123456789abcull - PLACES);
        memcpy(spoilt, block, sectors * 512);
        assert_int_equal(entry_read(spoilt), 0);
    }
}

static void test_last(void **state)
{
    uint64_t numbers[PLACES] = {0};

    (void)state;
    assert_int_equal(entries_last(numbers, PLACES, UNDER_WAY), 0);
    for (uint64_t n = 1; n < 100; n++) {
        numbers[n % PLACES] = n;
        assert_int_equal(entries_last(numbers, PLACES, UNDER_WAY), n);
    }
    for (uint64_t gap = 84; gap < 100; gap++) { /* the oldest four may have been in the way of those that come next */
        uint64_t saved = numbers[gap % PLACES];
        numbers[gap % PLACES] = 0;
        assert_int_equal(entries_last(numbers, PLACES, UNDER_WAY), gap < 88 ? 99 : gap - 1);
        numbers[gap % PLACES] = saved;
    }
    numbers[101 % PLACES] = 101; /* written, though 100 was not */
    assert_int_equal(entries_last(numbers, PLACES, UNDER_WAY), 99);
    numbers[99 % PLACES] = 1000; /* sound, but of another place */
    assert_int_equal(entries_last(numbers, PLACES, UNDER_WAY), 98);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_entry), cmocka_unit_test(test_last)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
