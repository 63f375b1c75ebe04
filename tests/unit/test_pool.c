/* SPDX-License-Identifier: Apache-2.0 */
/* The page pool: zeroed pages in order, an end, and nothing after the seal (SEP-7). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "fake_arch.h"
#include "fake_plan.h"
#include "memory.h"

/* One story, since the pool has no way back. */
static void test_sep7_pool(void **state)
{
    uint8_t *page;

    (void)state;
    fake_reset();
    fake_plan_reset();
    memset(plan_pool, 0xee, 8 * PAGE_SIZE);
    assert_int_equal(pool_used(), 0);
    page = pool_take(2);
    assert_ptr_equal(page, plan_pool);
    for (unsigned i = 0; i < 2 * PAGE_SIZE; i++)
        assert_int_equal(page[i], 0);
    assert_int_equal(page[2 * PAGE_SIZE], 0xee);
    assert_ptr_equal(pool_take(1), plan_pool + 2 * PAGE_SIZE);
    assert_int_equal(pool_used(), 3);

    assert_true(FAKE_ENDS(pool_take(0)));
    assert_true(FAKE_ENDS(pool_take(plan.pool_pages - 2)));
    assert_true(FAKE_ENDS(pool_take(0xffffffff)));
    assert_int_equal(fake.crashes, 3);
    assert_int_equal(pool_used(), 3);

    pool_take(plan.pool_pages - 4);
    pool_seal();
    assert_true(FAKE_ENDS(pool_take(1)));
    assert_string_equal(fake.crash_text, "pool: memory taken after the seal");
    assert_int_equal(pool_used(), plan.pool_pages - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_sep7_pool)};

    return cmocka_run_group_tests(tests, 0, 0);
}
