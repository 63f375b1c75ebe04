/* SPDX-License-Identifier: Apache-2.0 */
/* Some thousand inputs of the fuzz target for units that lie (F14, AC-31). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
void log_line(const char *format, ...);

void log_line(const char *format, ...)
{
    (void)format;
}

static void any_answers(void **state)
{
    (void)state;
    srandom(7);
    for (unsigned round = 0; round < 400; round++) {
        uint8_t data[2000];
        unsigned lies = (unsigned)random() % 3; /* none, few, many */

        for (size_t i = 0; i < sizeof(data); i++)
            data[i] = (uint8_t)(lies == 2 || random() % 16 < (long)lies ? random() : random() % 0xc0);
        LLVMFuzzerTestOneInput(data, sizeof(data));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(any_answers)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
