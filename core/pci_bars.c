/* SPDX-License-Identifier: Apache-2.0 */
/* What of a function's BARs its owner gets mapped, and what is answered instead. All of it from the plan: a BAR is never read back from
 * the hardware (AC-34, AC-39). */
#include "pci_function.h"

const struct board_msix *pci_msix(const struct plan_function *function)
{
    return function->physical == PLAN_NO_FUNCTION ? &function->board->msix : &function->board->vf.msix;
}

static bool bar_is_memory(const struct plan_bar *bar)
{
    return bar->kind == BAR_MEMORY32 || bar->kind == BAR_MEMORY64;
}

hpa_t pci_msix_table(const struct plan_function *function)
{
    const struct board_msix *msix = pci_msix(function);

    return HPA(function->bars[msix->table_bar % BOARD_BARS].base.v + msix->table_offset);
}

hpa_t pci_msix_pba(const struct plan_function *function)
{
    const struct board_msix *msix = pci_msix(function);

    return HPA(function->bars[msix->pba_bar % BOARD_BARS].base.v + msix->pba_offset);
}

/* The whole table of the hardware, also where the owner may use less of it or nothing (AC-36). */
struct pci_range pci_held_range(const struct plan_function *function, unsigned which)
{
    unsigned vectors = pci_msix(function)->vectors;
    uint64_t base = which == 0 ? pci_msix_table(function).v : pci_msix_pba(function).v;
    uint64_t end = base + (which == 0 ? vectors * ENTRY_SIZE : (vectors + 63) / 64 * 8), first = base & ~(uint64_t)PAGE_MASK;

    if (vectors == 0)
        return (struct pci_range){.size = 0};
    return (struct pci_range){HPA(first), ((end + PAGE_MASK) & ~(uint64_t)PAGE_MASK) - first};
}

bool pci_held(const struct plan_function *function, uint64_t address)
{
    for (unsigned which = 0; which < 2; which++) {
        struct pci_range range = pci_held_range(function, which);

        if (range_inside(address, 1, range.base.v, range.size))
            return true;
    }
    return false;
}

bool pci_bar_inside(const struct plan_function *function, uint64_t address, uint64_t size)
{
    for (unsigned i = 0; i < BOARD_BARS; i++)
        if (bar_is_memory(&function->bars[i]) && range_inside(address, size, function->bars[i].base.v, function->bars[i].size))
            return true;
    return false;
}

/* End of the mapped piece that begins at `at`, or `at` itself where a page is held back; then *next is where that ends. */
static uint64_t piece_end(const struct plan_function *function, uint64_t at, uint64_t end, uint64_t *next)
{
    uint64_t stop = end;

    *next = end;
    for (unsigned which = 0; which < 2; which++) {
        struct pci_range held = pci_held_range(function, which);

        if (held.size == 0 || held.base.v + held.size <= at || held.base.v >= stop)
            continue;
        stop = held.base.v > at ? held.base.v : at;
        *next = held.base.v + held.size;
    }
    return stop;
}

unsigned pci_bar_ranges(const struct plan_function *function, struct pci_range *ranges, unsigned room)
{
    unsigned count = 0;

    for (unsigned i = 0; i < BOARD_BARS; i++) {
        const struct plan_bar *bar = &function->bars[i];
        uint64_t at = bar->base.v, next, end = (bar->base.v + bar->size + PAGE_MASK) & ~(uint64_t)PAGE_MASK;

        for (; bar_is_memory(bar) && at < end && count < room; at = next) {
            uint64_t stop = piece_end(function, at, end, &next);

            if (stop > at)
                ranges[count++] = (struct pci_range){HPA(at), stop - at};
        }
    }
    return count;
}

bool pci_port_owned(const struct plan_partition *partition, uint16_t port, unsigned size)
{
    for (unsigned i = partition->first_function; i < partition->first_function + partition->function_count; i++)
        for (unsigned b = 0; b < BOARD_BARS; b++) {
            const struct plan_bar *bar = &plan.functions[i].bars[b];

            if (bar->kind == BAR_PORTS && range_inside(port, size, bar->base.v, bar->size))
                return true;
        }
    return false;
}
