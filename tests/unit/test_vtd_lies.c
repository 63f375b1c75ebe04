/* SPDX-License-Identifier: Apache-2.0 */
/* The fuzz target of lying VT-d units with inputs of its own (AC-31): mostly honest, a little, and not at all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t random_state = 88172645463325252ull;
static uint64_t random_next(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    return random_state ^= random_state << 17;
}

static void many(unsigned rounds, unsigned honest)
{
    uint8_t input[1500];

    for (unsigned i = 0; i < rounds; i++) {
        for (unsigned k = 0; k < sizeof(input); k++)
            input[k] = (uint8_t)(random_next() % honest == 0 ? random_next() % 4 : 4 + random_next() % 252);
        LLVMFuzzerTestOneInput(input, sizeof(input));
    }
}

static void test_ac31_units_that_seldom_lie(void **state)
{
    (void)state;
    many(150, 500);
}

static void test_ac31_units_that_lie(void **state)
{
    (void)state;
    many(300, 40);
}

static void test_ac31_units_that_hardly_tell_the_truth(void **state)
{
    (void)state;
    many(600, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ac31_units_that_seldom_lie),
        cmocka_unit_test(test_ac31_units_that_lie),
        cmocka_unit_test(test_ac31_units_that_hardly_tell_the_truth),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
