/* SPDX-License-Identifier: Apache-2.0 */
/* F11: any bytes as the firmware's IVRS table, on the machine of fake_amdvi.c: no access outside them, and of what is accepted the units are
 * the board's. A libFuzzer entry point; test_ivrs.c calls it too. */
#include <stdlib.h>
#include <string.h>

#include "amdvi.h"
#include "fake_amdvi.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_promises(const struct ivrs *ivrs)
{
    if (ivrs->unit_count != plan.board->iommu.unit_count)
        abort();
    for (unsigned i = 0; i < ivrs->unit_count; i++) {
        bool found = false;

        for (unsigned b = 0; b < plan.board->iommu.unit_count; b++)
            found |=
                plan.board->iommu.units[b] == ivrs->units[i].base && plan.board->iommu.unit_functions[b] == ivrs->units[i].function;
        for (unsigned j = 0; j < i; j++)
            found &= ivrs->units[i].base != ivrs->units[j].base;
        if (!found || ivrs->units[i].flags > 15)
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *exact = malloc(size ? size : 1); /* so that the sanitizer sees the first byte too many */
    struct ivrs ivrs;

    if (exact == NULL)
        abort();
    if (fake_plan.board == NULL)
        fake_amdvi_reset();
    if (size != 0)
        memcpy(exact, data, size);
    if (ivrs_parse(exact, size, &ivrs) == NULL)
        check_promises(&ivrs);
    free(exact);
    return 0;
}
