/* SPDX-License-Identifier: Apache-2.0 */
/* The memcpy family under other names, so that the host's own stays in place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define memcpy own_memcpy
#define memset own_memset
#define memcmp own_memcmp
#define strlen own_strlen
#define strcmp own_strcmp
#include "../../core/memory.c"
#undef memcpy
#undef memset
#undef memcmp
#undef strlen
#undef strcmp

#define SIZE 160u

static void fill(uint8_t *p, unsigned seed)
{
    for (unsigned i = 0; i < SIZE; i++)
        p[i] = (uint8_t)(i * 7 + seed);
}

/* Every size and alignment up to two rounds of the wide loop; the bytes around stay as they are. */
static void test_copy_and_set(void **state)
{
    uint8_t from[SIZE], to[SIZE], want[SIZE];

    (void)state;
    for (unsigned offset = 0; offset < 9; offset++) {
        for (unsigned size = 0; size <= 100; size++) {
            fill(from, 3);
            fill(to, 90);
            fill(want, 90);
            for (unsigned i = 0; i < size; i++)
                want[offset + i] = from[5 + i];
            assert_ptr_equal(own_memcpy(to + offset, from + 5, size), to + offset);
            assert_memory_equal(to, want, SIZE);
            for (unsigned i = 0; i < size; i++)
                want[offset + i] = 0xa5;
            assert_ptr_equal(own_memset(to + offset, 0x7fa5, size), to + offset);
            assert_memory_equal(to, want, SIZE);
        }
    }
}

static void test_compare_and_strings(void **state)
{
    (void)state;
    assert_int_equal(own_memcmp("abc", "abd", 2), 0);
    assert_true(own_memcmp("abc", "abd", 3) < 0);
    assert_true(own_memcmp("\xff", "\x01", 1) > 0);
    assert_int_equal(own_memcmp("a", "b", 0), 0);
    assert_int_equal(own_strlen(""), 0);
    assert_int_equal(own_strlen("four"), 4);
    assert_int_equal(own_strcmp("same", "same"), 0);
    assert_true(own_strcmp("same", "samf") < 0);
    assert_true(own_strcmp("same", "sam") > 0);
    assert_true(own_strcmp("\xff", "a") > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_copy_and_set),
        cmocka_unit_test(test_compare_and_strings),
    };

    return cmocka_run_group_tests(tests, 0, 0);
}
