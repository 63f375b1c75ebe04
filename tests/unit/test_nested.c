/* SPDX-License-Identifier: Apache-2.0 */
/* The nested-table builder against a slow reference: page by page through the raw entries, for many lists of regions (AC-23). */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "arch.h"
#include "crash.h"
#include "memory.h"
#include "nested.h"

/* --- fakes ----------------------------------------------------------------------------------------------------------------- */

#define POOL 4096u
#include "table_pool.h"

static jmp_buf on_crash;
static const char *crash_text;

void crash_here(const char *text)
{
    crash_text = text;
    longjmp(on_crash, 1);
}

/* --- reference: what APM2 5.3 and 15.25 say about raw bits ---------------------------------------------------------------- */

struct page {
    bool present, write, execute, large;
    uint64_t hpa;
};

#define ADDRESS 0x000ffffffffff000ull

static struct page look_up(hpa_t root, uint64_t gpa)
{
    const uint64_t *table = arch_ptr(root);

    for (int shift = 39; shift >= 12; shift -= 9) {
        uint64_t raw = table[gpa >> shift & 511];

        if (!(raw & 1)) {
            assert_int_equal(raw, 0);
            return (struct page){0};
        }
        assert_true(raw & 4); /* user: every nested access is one */
        assert_int_equal(raw >> 52 & 0x7ff, 0);
        assert_int_equal(raw & 0xf18, 0); /* no PWT, PCD, G, AVL */
        if (shift == 12 || (shift == 21 && (raw & 0x80))) {
            uint64_t size = 1ull << shift;

            assert_int_equal(raw & 0x60, 0x60); /* accessed, dirty */
            assert_int_equal(raw & ADDRESS & (size - 1), 0);
            return (struct page){true, raw & 2, !(raw >> 63), shift == 21, (raw & ADDRESS) + (gpa & (size - 1))};
        }
        assert_int_equal(raw & 0x80, 0);
        assert_int_equal(raw >> 63, 0);
        assert_true(raw & 2);
        table = arch_ptr(HPA(raw & ADDRESS));
    }
    fail();
    return (struct page){0};
}

/* Pages that all leaves together map. */
static uint64_t count_pages(const uint64_t *table, int shift)
{
    uint64_t pages = 0;

    for (unsigned i = 0; i < 512; i++) {
        if (!(table[i] & 1))
            continue;
        if (shift == 12 || (table[i] & 0x80))
            pages += 1ull << (shift - 12);
        else
            pages += count_pages(arch_ptr(HPA(table[i] & ADDRESS)), shift - 9);
    }
    return pages;
}

static const struct nested_region *region_of(const struct nested_region *regions, unsigned count, uint64_t gpa)
{
    for (unsigned i = 0; i < count; i++)
        if (gpa >= regions[i].gpa.v && gpa - regions[i].gpa.v < regions[i].size)
            return &regions[i];
    return NULL;
}

static void check_page(hpa_t root, const struct nested_region *regions, unsigned count, uint64_t gpa)
{
    const struct nested_region *r = region_of(regions, count, gpa);
    struct page page = look_up(root, gpa);
    uint64_t large = gpa & ~(uint64_t)0x1fffff;

    assert_int_equal(page.present, r != NULL);
    if (r == NULL)
        return;
    assert_int_equal(page.hpa, r->hpa.v + (gpa - r->gpa.v));
    assert_int_equal(page.write, (r->flags & NESTED_WRITE) != 0);
    assert_int_equal(page.execute, (r->flags & NESTED_EXECUTE) != 0);
    /* A large leaf wherever one fits, and never one that spills over the region's end. */
    assert_int_equal(page.large,
                     large >= r->gpa.v && large + 0x200000 <= r->gpa.v + r->size && (r->hpa.v - r->gpa.v) % 0x200000 == 0);
}

/* The root, or 0 and crash_text. */
static hpa_t build(const struct nested_region *regions, unsigned count)
{
    taken = 0;
    crash_text = NULL;
    if (setjmp(on_crash) != 0)
        return HPA(0);
    return nested_build(regions, count);
}

static void check_table(const struct nested_region *regions, unsigned count)
{
    uint64_t pages = 0;
    hpa_t root = build(regions, count);

    assert_null(crash_text);
    for (unsigned i = 0; i < count; i++) {
        const struct nested_region *r = &regions[i];
        uint64_t end = r->gpa.v + r->size;

        for (uint64_t at = 0; at < r->size; at += PAGE_SIZE)
            check_page(root, regions, count, r->gpa.v + at);
        if (r->gpa.v > 0)
            check_page(root, regions, count, r->gpa.v - PAGE_SIZE);
        if (end < 1ull << 48)
            check_page(root, regions, count, end);
        pages += r->size / PAGE_SIZE;
    }
    assert_int_equal(count_pages(arch_ptr(root), 39), pages);
}

/* --- tests -------------------------------------------------------------------------------------------------------------------- */

static void test_one_page(void **state)
{
    const struct nested_region r = {GPA(0), HPA(0x5000), PAGE_SIZE, NESTED_EXECUTE};

    (void)state;
    check_table(&r, 1);
    assert_int_equal(taken, 4);
}

static void test_large_leaves_only(void **state)
{
    const struct nested_region r = {GPA(0), HPA(0x40000000), MIB(512), NESTED_WRITE | NESTED_EXECUTE};

    (void)state;
    check_table(&r, 1);
    assert_int_equal(taken, 3);
}

static void test_partition_with_abi(void **state)
{
    const struct nested_region r[] = {{GPA(0), HPA(0x2000000), MIB(16), NESTED_WRITE | NESTED_EXECUTE},
                                      {GPA(0xf0000000), HPA(0x300000), PAGE_SIZE, 0},
                                      {GPA(0xf0001000), HPA(0x301000), 5 * PAGE_SIZE, NESTED_WRITE},
                                      {GPA(0xf0006000), HPA(0x306000), PAGE_SIZE, 0}};

    (void)state;
    check_table(r, 4);
    assert_int_equal(taken, 5);
}

static void test_edges_of_every_level(void **state)
{
    static const uint64_t edges[] = {0x200000, 0x40000000, 0x100000000, 0x8000000000, 0x800000000000};

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(edges); i++) {
        struct nested_region r = {GPA(edges[i] - 0x200000), HPA(0x10000000), 0x400000, NESTED_WRITE};

        check_table(&r, 1);
        r = (struct nested_region){GPA(edges[i] - 0x3000), HPA(0x10000000), 0x206000, 0};
        check_table(&r, 1);
    }
    check_table(&(struct nested_region){GPA((1ull << 48) - 0x200000), HPA((1ull << 52) - 0x200000), 0x200000, 0}, 1);
}

static void test_large_only_where_both_sides_are_aligned(void **state)
{
    const struct nested_region r[] = {{GPA(0x200000), HPA(0x401000), 0x400000, 0}, {GPA(0x800000), HPA(0x800000), 0x3ff000, 0}};

    (void)state;
    check_table(r, 2);
}

static uint32_t random_next(uint32_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 17;
    *seed ^= *seed << 5;
    return *seed;
}

/* Windows of 16 MiB that straddle the interesting borders; up to two regions in each, the second right behind the first or with a
 * hole between. */
static unsigned random_regions(uint32_t *seed, struct nested_region *r)
{
    static const uint64_t windows[] = {0, 0x3f800000, 0x7f000000, 0xff800000, 0x7fff800000, (1ull << 48) - 0x1000000};
    unsigned count = 0;

    for (unsigned w = 0; w < ARRAY_SIZE(windows); w++) {
        uint64_t at = windows[w], end = windows[w] + 0x1000000;

        for (unsigned n = random_next(seed) % 3; n > 0 && at < end; n--) {
            uint64_t unit = random_next(seed) % 3 ? PAGE_SIZE : LARGE_SIZE;
            uint64_t hpa_unit = random_next(seed) % 2 ? PAGE_SIZE : LARGE_SIZE;
            uint64_t size = (random_next(seed) % (0x900000 / unit) + 1) * unit;

            at += random_next(seed) % 2 * (random_next(seed) % 600) * PAGE_SIZE;
            if (random_next(seed) % 2)
                at = (at + LARGE_SIZE - 1) & ~(uint64_t)(LARGE_SIZE - 1);
            if (at + size > end)
                break;
            r[count++] =
                (struct nested_region){GPA(at), HPA((uint64_t)(random_next(seed) >> 2) * hpa_unit), size, random_next(seed) % 4};
            at += size;
        }
    }
    return count;
}

static void test_random_regions(void **state)
{
    uint32_t seed = 0x1234567;

    (void)state;
    for (unsigned round = 0; round < 120; round++) {
        struct nested_region r[16];
        unsigned count = random_regions(&seed, r);

        check_table(r, count);
    }
}

static void assert_crash(const struct nested_region *r, unsigned count, const char *part)
{
    build(r, count);
    assert_non_null(crash_text);
    assert_non_null(strstr(crash_text, part));
}

static void test_impossible_regions(void **state)
{
    const struct nested_region good = {GPA(0x200000), HPA(0x200000), 0x200000, 0};
    struct nested_region r[2] = {good, {GPA(0x3ff000), HPA(0x800000), 0x2000, 0}};

    (void)state;
    assert_crash(r, 2, "overlap");
    r[1] = good;
    assert_crash(r, 2, "overlap");
    r[0].gpa = GPA(0x200800);
    assert_crash(r, 1, "pages");
    r[0] = good;
    r[0].hpa = HPA(0x200001);
    assert_crash(r, 1, "pages");
    r[0] = good;
    r[0].size = 0x1800;
    assert_crash(r, 1, "pages");
    r[0].size = 0;
    assert_crash(r, 1, "pages");
    r[0] = good;
    r[0].gpa = GPA((1ull << 48) - 0x1000);
    assert_crash(r, 1, "four levels");
    r[0].gpa = GPA(0xfffffffffffff000ull);
    assert_crash(r, 1, "four levels");
    r[0] = good;
    r[0].hpa = HPA((1ull << 52) - 0x1000);
    assert_crash(r, 1, "physical");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_page),
        cmocka_unit_test(test_large_leaves_only),
        cmocka_unit_test(test_partition_with_abi),
        cmocka_unit_test(test_edges_of_every_level),
        cmocka_unit_test(test_large_only_where_both_sides_are_aligned),
        cmocka_unit_test(test_random_regions),
        cmocka_unit_test(test_impossible_regions),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
