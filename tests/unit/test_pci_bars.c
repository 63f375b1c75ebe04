/* SPDX-License-Identifier: Apache-2.0 */
/* What of a function's BARs is mapped: page by page against the plan, for tables of every size at every place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "fake_plan.h"
#include "pci.h"

#define BAR 0xd0000000u
#define PAGES 12u

static struct board_function row;
static struct plan_function function;

static int setup(void **state)
{
    (void)state;
    fake_plan_reset();
    memset(&row, 0, sizeof(row));
    function = (struct plan_function){
        .bars = {{BAR_MEMORY64, false, HPA(BAR), PAGES * PAGE_SIZE}, {.kind = BAR_NONE}, {BAR_PORTS, false, HPA(0xc020), 0x20}},
        .physical = PLAN_NO_FUNCTION,
        .board = &row,
    };
    return 0;
}

/* Every page of the BAR and some beside it: mapped once, or not at all where the table or the pending bits have a byte. */
static void check(unsigned vectors, unsigned table, unsigned pba)
{
    struct pci_range ranges[PCI_RANGES];
    unsigned count;

    row.msix = (struct board_msix){(uint16_t)vectors, 0, 0, table, pba};
    count = pci_bar_ranges(&function, ranges, PCI_RANGES);
    for (unsigned page = 0; page < PAGES + 2; page++) {
        uint64_t at = BAR - PAGE_SIZE + page * PAGE_SIZE;
        bool held = vectors != 0 && (range_overlap(at, PAGE_SIZE, BAR + table, vectors * 16) ||
                                     range_overlap(at, PAGE_SIZE, BAR + pba, (vectors + 63) / 64 * 8));
        unsigned mapped = 0;

        for (unsigned i = 0; i < count; i++) {
            assert_int_equal(ranges[i].base.v % PAGE_SIZE + ranges[i].size % PAGE_SIZE, 0);
            mapped += range_inside(at, PAGE_SIZE, ranges[i].base.v, ranges[i].size);
        }
        assert_int_equal(mapped, page >= 1 && page <= PAGES && !held);
    }
}

static void test_pages_around_tables(void **state)
{
    static const unsigned counts[] = {0, 1, 64, 65, 255, 256, 257, 600, 2048};

    (void)state;
    for (unsigned c = 0; c < ARRAY_SIZE(counts); c++)
        for (unsigned table = 0; table < PAGES * PAGE_SIZE; table += 1016)
            for (unsigned pba = 0; pba < PAGES * PAGE_SIZE; pba += 2008)
                if (table + counts[c] * 16 <= PAGES * PAGE_SIZE && pba + 256 <= PAGES * PAGE_SIZE)
                    check(counts[c], table, pba);
}

/* No more than there is room for; a small BAR has its page; ports are none. */
static void test_room(void **state)
{
    struct pci_range ranges[PCI_RANGES + 1];

    (void)state;
    row.msix = (struct board_msix){8, 0, 0, 0x2000, 0x4000};
    function.bars[3] = (struct plan_bar){BAR_MEMORY32, true, HPA(0xd1000000), 0x100};
    for (unsigned room = 0; room <= PCI_RANGES; room++) {
        memset(ranges, 0xa5, sizeof(ranges));
        assert_int_equal(pci_bar_ranges(&function, ranges, room), room < 4 ? room : 4);
        assert_int_equal(ranges[room].size, 0xa5a5a5a5a5a5a5a5);
    }
    assert_int_equal(ranges[3].base.v, 0xd1000000);
    assert_int_equal(ranges[3].size, PAGE_SIZE);
}

/* A VF's table is where the board says of VFs, in its own BAR. */
static void test_vf(void **state)
{
    struct pci_range ranges[PCI_RANGES];

    (void)state;
    row.msix = (struct board_msix){8, 0, 0, 0x2000, 0x4000};
    row.vf.msix = (struct board_msix){8, 0, 0, 0, 0x800};
    function.physical = 0x100;
    assert_int_equal(pci_bar_ranges(&function, ranges, PCI_RANGES), 1);
    assert_int_equal(ranges[0].base.v, BAR + PAGE_SIZE);
    assert_int_equal(ranges[0].size, (PAGES - 1) * PAGE_SIZE);
}

static void test_ports(void **state)
{
    (void)state;
    fake_plan.functions = &function;
    fake_plan.function_count = fake_plan_partitions[1].function_count = 1;
    for (unsigned port = 0; port < 65536; port++)
        for (unsigned size = 1; size <= 4; size *= 2) {
            assert_int_equal(pci_port_owned(&fake_plan_partitions[1], (uint16_t)port, size),
                             port >= 0xc020 && port + size <= 0xc040);
            assert_false(pci_port_owned(&fake_plan_partitions[0], (uint16_t)port, size));
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_pages_around_tables, setup),
        cmocka_unit_test_setup(test_room, setup),
        cmocka_unit_test_setup(test_vf, setup),
        cmocka_unit_test_setup(test_ports, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
