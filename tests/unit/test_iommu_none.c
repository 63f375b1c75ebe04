/* SPDX-License-Identifier: Apache-2.0 */
/* A board without an IOMMU gives nothing away, and its pins have plain entries (SEP-6). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "fake_plan.h"
#include "iommu.h"

static const struct plan_function function = {.vectors = 1};

static int setup(void **state)
{
    (void)state;
    fake_plan_reset();
    fake_plan.functions = &function;
    return 0;
}

static void test_sep6_no_device(void **state)
{
    struct iommu_message message;
    struct iommu_fault fault;

    (void)state;
    assert_null(iommu_check(0, 0));
    assert_null(iommu_on());
    fake_plan.function_count = 1;
    assert_memory_equal(iommu_check(0, 0), "SEP-6: ", 7);
    assert_memory_equal(iommu_on(), "SEP-6: ", 7);
    fake_board.unsafe_dma = true; /* its partitions' memory lies elsewhere than they say */
    assert_non_null(iommu_check(0, 0));
    assert_false(iommu_attach(&function));
    assert_false(iommu_detach(&function));
    assert_false(iommu_interrupt_set(&function, 0, 0, 0x41, &message));
    assert_false(iommu_fault_next(&fault) || iommu_faults_lost());
}

static void test_plain_pin(void **state)
{
    (void)state;
    assert_int_equal(iommu_pin_nmi(0, 2, 3), 0x0300000000000400);
    assert_int_equal(iommu_pin_nmi(1, 4, 0x80), 0x8000000000000400);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_sep6_no_device, setup),
        cmocka_unit_test_setup(test_plain_pin, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
