/* SPDX-License-Identifier: Apache-2.0 */
/* The oldest version as a TPM remembers it: read, raised by one at a time and not too far, and what is said where the TPM says nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../partitions/storage/floor.h"
#include "bh.h"
#include "bh_pci.h"
#include "tpm_counter.h"

static struct {
    const char *wrong, *wrong_step;
    uint64_t value, now;
    unsigned opened, read, stepped;
} tpm;
static struct bh_start_info info;
static uint8_t registers[TPM_FIFO_SIZE];
static struct update_floor least;

const struct bh_start_info *bh_start_info(void)
{
    return &info;
}

volatile uint8_t *bh_device_map(uint64_t gpa, uint64_t size)
{
    assert_int_equal(gpa, 0xfed40000);
    assert_int_equal(size, TPM_FIFO_SIZE);
    return registers;
}

uint64_t bh_now_ns(void)
{
    return tpm.now += 500000000;
}

const char *tpm_open(struct tpm *at, volatile uint8_t *where)
{
    (void)at;
    assert_ptr_equal(where, registers);
    tpm.opened++;
    return tpm.wrong;
}

const char *tpm_counter_read(struct tpm *at, uint64_t *value)
{
    (void)at;
    tpm.read++;
    if (!tpm.wrong)
        *value = tpm.value;
    return tpm.wrong;
}

const char *tpm_counter_step(struct tpm *at)
{
    (void)at;
    tpm.stepped++;
    if (!tpm.wrong_step)
        tpm.value++;
    return tpm.wrong_step;
}

static void begin(uint64_t value, uint64_t at)
{
    memset(&tpm, 0, sizeof(tpm));
    tpm.value = value;
    info.tpm = at;
    floor_open(&least);
}

static void no_tpm(void **state)
{
    (void)state;
    begin(7, 0);
    floor_read(&least);
    floor_raise(&least, 9);
    assert_int_equal(least.oldest, 0);
    assert_null(least.unknown);
    assert_int_equal(tpm.opened + tpm.read + tpm.stepped, 0);
}

static void raised_step_by_step(void **state)
{
    (void)state;
    begin(1, 0xfed40000);
    assert_int_equal(least.oldest, 1);
    for (unsigned i = 1; i <= 5; i++) {
        floor_raise(&least, 4);
        assert_int_equal(least.oldest, i < 3 ? i + 1 : 4);
        assert_int_equal(tpm.stepped, i < 3 ? i : 3);
    }
    floor_raise(&least, 3); /* never back */
    assert_int_equal(least.oldest, 4);
    assert_int_equal(tpm.stepped, 3);
}

static void not_too_far(void **state)
{
    (void)state;
    begin(10, 0xfed40000);
    for (unsigned i = 0; i < 3; i++)
        floor_raise(&least, 1011);
    assert_int_equal(tpm.stepped, 0);
    assert_int_equal(least.oldest, 10);
    for (unsigned i = 0; i < 1000; i++)
        floor_raise(&least, 1010);
    assert_int_equal(tpm.stepped, 1000);
    assert_int_equal(least.oldest, 1010);
}

static void says_nothing_and_comes_back(void **state)
{
    (void)state;
    memset(&tpm, 0, sizeof(tpm));
    tpm.wrong = "no TPM answers";
    info.tpm = 0xfed40000;
    floor_open(&least);
    assert_string_equal(least.unknown, "no TPM answers");
    floor_raise(&least, 5);
    assert_int_equal(tpm.stepped, 0);
    tpm.wrong = 0;
    tpm.value = 3;
    floor_read(&least);
    assert_null(least.unknown);
    assert_int_equal(least.oldest, 3);
}

/* It is tried again, but not at once: each time may wear it. */
static void does_not_count(void **state)
{
    (void)state;
    begin(3, 0xfed40000);
    tpm.wrong_step = "the TPM does not count";
    for (unsigned i = 0; i < 19; i++)
        floor_raise(&least, 5);
    assert_int_equal(tpm.stepped, 1);
    assert_null(least.unknown); /* what it remembered holds */
    assert_int_equal(least.oldest, 3);
    tpm.wrong_step = 0;
    for (unsigned i = 0; i < 25; i++)
        floor_raise(&least, 5);
    assert_int_equal(least.oldest, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_tpm),         cmocka_unit_test(raised_step_by_step),
        cmocka_unit_test(not_too_far),    cmocka_unit_test(says_nothing_and_comes_back),
        cmocka_unit_test(does_not_count),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
