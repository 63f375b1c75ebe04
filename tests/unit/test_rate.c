/* SPDX-License-Identifier: Apache-2.0 */
/* Rates of the supervisor's top: a counter that began anew is none of four thousand million a second. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../partitions/supervisor/rate.h"

#define SECOND 1000000000ull

static void counters_go_on(void **state)
{
    (void)state;
    assert_int_equal(rate(1500, 500, SECOND), 1000);
    assert_int_equal(rate(1500, 500, 2 * SECOND), 500);
    assert_int_equal(rate(UINT64_MAX, 0, UINT64_MAX), SECOND);
    assert_int_equal(rate(1500, 500, 0), 0);
    assert_int_equal(rate_of_life(1500, 500, 3, 3, SECOND), 1000);
}

static void counters_begin_anew(void **state)
{
    (void)state;
    assert_int_equal(rate(0, 500, SECOND), 0);
    assert_int_equal(rate(499, 500, SECOND), 0);
    assert_int_equal(rate_of_life(0, 4096, 1, 1, SECOND), 0);
    assert_int_equal(rate_of_life(1500, 500, 4, 3, SECOND), 0); /* the new life is beyond what the old one had */
    assert_int_equal(rate_of_life(500, 500, 3, 4, SECOND), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(counters_go_on), cmocka_unit_test(counters_begin_anew)};

    return cmocka_run_group_tests(tests, 0, 0);
}
