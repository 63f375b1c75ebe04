/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as the firmware's DMAR table (F11, AC-28): no access outside them, and what is accepted is so by a second reading that shares nothing
 * with the first. Byte 0 of the input: units of the board, and what bridges say of their buses. A libFuzzer entry point; test_dmar.c
 * calls it too. Linked with fake_plan.c. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../unit/fake_plan.h"
#include "arch.h"
#include "fuzz_dmar.h"
#include "promise.h"
#include "vtd.h"

static const struct plan_function functions[] = {
    {.role = "nic0", .requester = 0x0010, .physical = PLAN_NO_FUNCTION},
    {.role = "disk0", .requester = 0x0200, .physical = PLAN_NO_FUNCTION},
    {.role = "disk0.vf1", .requester = 0x0301, .physical = 0x0200},
};

char fuzz_dmar_log[256];
unsigned fuzz_dmar_reads;
static uint8_t buses;

void log_line(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(fuzz_dmar_log, sizeof(fuzz_dmar_log), format, arguments);
    va_end(arguments);
}

/* Bridges of bus 0: device n leads to bus n and the next `buses`; others to nowhere. */
uint32_t arch_pci_read(uint16_t requester, unsigned offset, unsigned size)
{
    PROMISE(size == 1 && (offset == 0x19 || offset == 0x1a));
    fuzz_dmar_reads++;
    if (requester >> 8 != 0)
        return 0xff;
    return (requester >> 3 & 31u) + (offset == 0x1a ? buses : 0);
}

void fuzz_dmar_board(uint8_t mode)
{
    fake_plan_reset();
    fake_plan.functions = functions;
    fake_plan.function_count = 3;
    fake_board.iommu.units[0] = 0xfed90000;
    fake_board.iommu.units[1] = 0xfed91000;
    fake_board.iommu.unit_count = 1 + mode % 2;
    fake_board.iommu.ioapic_function = 0xf0f8;
    buses = mode >> 1 & 3;
    fuzz_dmar_log[0] = '\0';
    fuzz_dmar_reads = 0;
}

/* --- the second reading ----------------------------------------------------------------------------------------------------------- */

static uint64_t word(const uint8_t *p, unsigned bytes)
{
    uint64_t value = 0;

    while (bytes-- > 0)
        value = value << 8 | p[bytes];
    return value;
}

/* Does a scope name the function? */
static bool names(const uint8_t *scope, unsigned requester)
{
    unsigned bus = scope[5], steps = (scope[1] - 6u) / 2, device = scope[6], function = scope[7];

    for (unsigned i = 1; i < steps; i++) {
        bus = arch_pci_read((uint16_t)(bus << 8 | (device & 31) << 3 | (function & 7)), 0x19, 1) & 0xff;
        device = scope[6 + 2 * i];
        function = scope[7 + 2 * i];
    }
    bus = bus << 8 | (device & 31) << 3 | (function & 7);
    if (scope[0] != 2)
        return bus == requester;
    return requester >> 8 >= (arch_pci_read((uint16_t)bus, 0x19, 1) & 0xff) &&
           requester >> 8 <= (arch_pci_read((uint16_t)bus, 0x1a, 1) & 0xff);
}

/* Scopes of a structure that name the function, of the types in the mask. */
static unsigned named_by(const uint8_t *structure, unsigned scopes, unsigned types, unsigned requester)
{
    unsigned count = 0, length = (unsigned)word(structure + 2, 2);

    for (unsigned at = scopes; at < length; at += structure[at + 1]) {
        PROMISE(structure[at + 1] >= 8 && structure[at + 1] <= length - at);
        count += (structure[at] > 31 || (types >> structure[at] & 1)) && names(structure + at, requester);
    }
    return count;
}

static void check_promises(const uint8_t *table, size_t size)
{
    unsigned units = 0, all = 0, ioapic = 0, covered[3] = {0};
    size_t at = 48;

    PROMISE((table[37] & 1) && memcmp(table, "DMAR", 4) == 0);
    for (; at < size; at += word(table + at + 2, 2)) {
        const uint8_t *s = table + at;

        PROMISE(size - at >= 8 && word(s + 2, 2) >= 8);
        for (unsigned i = 0; i < 3; i++) {
            unsigned requester = functions[i].physical == PLAN_NO_FUNCTION ? functions[i].requester : functions[i].physical;

            if (word(s, 2) == 1)
                PROMISE(named_by(s, 24, ~(1u << 3), requester) == 0);
            if (word(s, 2) == 0)
                covered[i] += named_by(s, 16, 1u << 1 | 1u << 2, requester);
        }
        if (word(s, 2) != 0)
            continue;
        PROMISE(word(s + 8, 8) == 0xfed90000 || (plan.board->iommu.unit_count == 2 && word(s + 8, 8) == 0xfed91000));
        units++;
        all += s[4] & 1;
        ioapic += named_by(s, 16, 1u << 3, 0xf0f8);
    }
    PROMISE(at == size && units == plan.board->iommu.unit_count && ioapic > 0);
    PROMISE(all || (covered[0] && covered[1] && covered[2]));
}

const char *fuzz_dmar_check(const uint8_t *table, size_t size)
{
    uint8_t *exact = malloc(size ? size : 1); /* so that the sanitizer sees the first byte too many */
    const char *why;

    if (exact == NULL)
        abort();
    if (size != 0)
        memcpy(exact, table, size);
    why = vtd_dmar_check(exact, size);
    PROMISE(fuzz_dmar_reads <= size);
    if (why == NULL)
        check_promises(exact, size);
    free(exact);
    return why;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    fuzz_dmar_board(data[0]);
    fuzz_dmar_check(data + 1, size - 1);
    return 0;
}
