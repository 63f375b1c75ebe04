/* SPDX-License-Identifier: Apache-2.0 */
/* A board without an IOMMU gives nothing away, unless it says unsafe_dma, and its pins have plain entries (SEP-6). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "fake_plan.h"
#include "iommu.h"

static const struct plan_function function = {.vectors = 1};

static char line[256];
static unsigned lines;

void log_line(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    lines++;
}

static int setup(void **state)
{
    (void)state;
    lines = 0;
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
    assert_false(iommu_attach(&function));
    assert_false(iommu_detach(&function));
    assert_false(iommu_interrupt_set(&function, 0, 0, 0x41, &message));
    assert_false(iommu_fault_next(&fault) || iommu_faults_lost());
}

/* As without a hypervisor: plain messages, made by us of what the owner may say. */
static void test_unsafe_dma_in_so_many_words(void **state)
{
    struct iommu_message message;

    (void)state;
    fake_board.unsafe_dma = true;
    assert_null(iommu_on());
    assert_int_equal(lines, 0); /* there is nobody to be afraid of */
    fake_plan.function_count = 1;
    assert_null(iommu_check(0, 0));
    assert_null(iommu_on());
    assert_int_equal(lines, 1);
    assert_memory_equal(line, "UNSAFE: ", 8);
    assert_non_null(strstr(line, "each of 1 devices"));
    assert_true(iommu_attach(&function));
    assert_true(iommu_interrupt_set(&function, 0, 3, 0x41, &message));
    assert_int_equal(message.address, 0xfee03000);
    assert_int_equal(message.data, 0x41);
    assert_false(iommu_interrupt_set(&function, 0, 0xff, 0x41, &message)); /* all processors */
    assert_false(iommu_interrupt_set(&function, 0, 0x103, 0x41, &message));
    assert_true(iommu_detach(&function));
}

static void test_unsafe_dma_in_no_release(void **state)
{
    struct iommu_message message;

    (void)state;
    fake_board.unsafe_dma = true;
    fake_plan.release = true;
    fake_plan.function_count = 1;
    assert_memory_equal(iommu_check(0, 0), "SEP-6: ", 7);
    assert_memory_equal(iommu_on(), "SEP-6: ", 7);
    assert_int_equal(lines, 0);
    assert_false(iommu_attach(&function) || iommu_detach(&function) || iommu_interrupt_set(&function, 0, 0, 0x41, &message));
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
        cmocka_unit_test_setup(test_unsafe_dma_in_so_many_words, setup),
        cmocka_unit_test_setup(test_unsafe_dma_in_no_release, setup),
        cmocka_unit_test_setup(test_plain_pin, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
