/* SPDX-License-Identifier: Apache-2.0 */
/* CVE-2018-12207 (AC-26): on an Intel CPU with the page-size erratum no guest executes from a large nested page, on others it does; and
 * the planner keeps as many pages for the tables as the builder takes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "arch.h"
#include "bulkhead_abi.h"
#include "crash.h"
#include "memory.h"
#include "nested.h"
#include "plan_layout.h"
#include "random_tables.h"

/* --- fakes ------------------------------------------------------------------------------------------------------------------------ */

#define POOL 16384u
#include "table_pool.h"

static struct board board_found = {.virt = VIRT_VMX};
const struct plan plan = {.board = &board_found};

void crash_here(const char *text)
{
    fail_msg("%s", text);
    abort();
}

/* --- the builder -------------------------------------------------------------------------------------------------------------------- */

#define EPT_X 4u
#define EPT_LARGE 0x80u

/* Leaves of each size below the table at 39, 30, 21 or 12 bits; SDM3 29.3.2. */
struct leaves {
    uint64_t large, large_executable, small;
};

static void leaves_count(hpa_t at, unsigned shift, struct leaves *out)
{
    const uint64_t *table = arch_ptr(at);

    for (unsigned i = 0; i < 512; i++) {
        if (!(table[i] & 7))
            continue;
        if (shift == 12) {
            out->small++;
        } else if (table[i] & EPT_LARGE) {
            assert_int_equal(shift, 21);
            out->large++;
            out->large_executable += (table[i] & EPT_X) != 0;
        } else {
            leaves_count(HPA(table[i] & 0x000ffffffffff000ull), shift - 9, out);
        }
    }
}

static struct leaves build(uint32_t flags, bool erratum)
{
    const struct nested_region region = {GPA(0), HPA(0x40000000), MIB(64), flags};
    struct leaves out = {0};

    taken = 0;
    board_found.no_page_size_erratum = !erratum;
    leaves_count(nested_build(&region, 1), 39, &out);
    return out;
}

static void test_executable_memory_is_small_where_the_cpu_has_the_erratum(void **state)
{
    struct leaves l = build(NESTED_WRITE | NESTED_EXECUTE, true);

    (void)state;
    assert_int_equal(l.large, 0);
    assert_int_equal(l.small, MIB(64) / PAGE_SIZE);
    assert_int_equal(build(NESTED_EXECUTE, true).large, 0);
}

static void test_all_else_is_large(void **state)
{
    (void)state;
    assert_int_equal(build(NESTED_WRITE | NESTED_EXECUTE, false).large_executable, 32);
    assert_int_equal(build(NESTED_WRITE | NESTED_EXECUTE, false).small, 0);
    assert_int_equal(build(NESTED_WRITE, true).large, 32);
    assert_int_equal(build(0, true).small, 0);
}

/* --- the planner ---------------------------------------------------------------------------------------------------------------------- */

/* Pages that the nested tables of all partitions take, built as the launch builds them. */
static unsigned tables_take(const struct layout *layout, bool erratum)
{
    taken = 0;
    board_found.no_page_size_erratum = !erratum;
    for (unsigned i = 0; i < layout->partition_count; i++) {
        const struct layout_partition *p = &layout->partitions[i];
        struct nested_region regions[LAYOUT_MAX_RAM + 1];

        for (unsigned r = 0; r < p->ram_count; r++)
            regions[r] = (struct nested_region){p->ram[r].gpa, p->ram[r].hpa, p->ram[r].size, NESTED_WRITE | NESTED_EXECUTE};
        regions[p->ram_count] = (struct nested_region){GPA(BH_ABI_GPA), HPA(0), BH_ABI_PAGES * PAGE_SIZE, NESTED_WRITE};
        nested_build(regions, p->ram_count + 1);
    }
    return taken;
}

/* False: this product does not fit this board. */
static bool plan_both(struct product *p, struct board *b, struct layout *erratum, struct layout *sound)
{
    b->virt = VIRT_VMX;
    b->no_page_size_erratum = true;
    if (!layout_hypervisor(p, b, 0, sound) || layout_memory(p, b, sound) != 0)
        return false;
    b->no_page_size_erratum = false;
    return layout_hypervisor(p, b, 0, erratum) && layout_memory(p, b, erratum) == 0;
}

static void test_planner_and_builder_agree(void **state)
{
    static struct layout erratum, sound;
    unsigned tried = 0, split = 0;

    (void)state;
    for (unsigned seed = 1; seed <= 400; seed++) {
        struct board b;
        struct product p;
        uint64_t memory = 0;
        unsigned with, without, fixed;

        random_seed(seed);
        random_board(&b);
        random_product(&p, b.core_count);
        if (!plan_both(&p, &b, &erratum, &sound))
            continue;
        with = tables_take(&erratum, true);
        without = tables_take(&sound, false);
        for (unsigned i = 0; i < sound.partition_count; i++) {
            memory += p.partitions[i].memory;
            split += erratum.partitions[i].ram_count > 1;
        }
        assert_int_equal(with - without, memory / LARGE_SIZE);
        /* One page in 512 maps the others; nothing else is counted twice. */
        assert_in_range(erratum.pool_pages - sound.pool_pages, with - without, with - without + (with - without) / 512 + 1);
        /* What is not nested tables: common ones and maps, cores' blocks and tables, ABI and ring. */
        fixed = 14 + 18 * b.core_count + (BH_ABI_PAGES + 9) * sound.partition_count;
        assert_true(erratum.pool_pages >= fixed + with);
        tried++;
    }
    assert_true(tried > 100 && split > 20);
}

/* AMD's CPUs have no such erratum: not a page more. */
static void test_amd_is_spared(void **state)
{
    const struct product p = {.partitions = {{.name = "a", .cores = 1, .memory = GIB(3)}}};
    struct board b = {.virt = VIRT_SVM, .core_count = 2, .ram = {{MIB(1), MIB(1023)}}, .ram_count = 1, .pci_hole = MIB(1024)};
    static struct layout amd, sound, erratum;

    (void)state;
    assert_true(layout_hypervisor(&p, &b, 0, &amd));
    b.virt = VIRT_VMX;
    assert_true(layout_hypervisor(&p, &b, 0, &erratum));
    b.no_page_size_erratum = true;
    assert_true(layout_hypervisor(&p, &b, 0, &sound));
    assert_int_equal(amd.pool_pages, sound.pool_pages);
    assert_in_range(erratum.pool_pages, amd.pool_pages + 1536, amd.pool_pages + 1536 + 4);
    assert_true(erratum.room >= sound.room + MIB(6));
}

/* A large partition: each of its cores maps all of it, by a table for each GiB. */
static void test_host_tables_of_large_partitions(void **state)
{
    struct product p = {.partitions = {{.name = "a", .cores = 1, .memory = GIB(1)}}};
    const struct board b = {.virt = VIRT_SVM, .core_count = 8, .ram = {{MIB(1), MIB(1023)}}, .ram_count = 1, .pci_hole = MIB(1024)};
    static struct layout one, many;

    (void)state;
    p.partitions[0].memory = GIB(256);
    assert_true(layout_hypervisor(&p, &b, 0, &one));
    p.partitions[0].cores = 8;
    assert_true(layout_hypervisor(&p, &b, 0, &many));
    assert_true(many.pool_pages >= one.pool_pages + 7 * 256);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_executable_memory_is_small_where_the_cpu_has_the_erratum),
        cmocka_unit_test(test_all_else_is_large),
        cmocka_unit_test(test_planner_and_builder_agree),
        cmocka_unit_test(test_amd_is_spared),
        cmocka_unit_test(test_host_tables_of_large_partitions),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
