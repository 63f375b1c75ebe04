/* SPDX-License-Identifier: Apache-2.0 */
/* The builder of I/O page tables (SEP-1, AC-27) with entries of no vendor, seen as a unit sees it that does not look into caches: only
 * what has been flushed exists. Page by page against the list of regions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "arch.h"
#include "crash.h"
#include "io_table.h"
#include "memory.h"
#include "x86.h"

/* --- fakes ------------------------------------------------------------------------------------------------------------------- */

#define POOL 4096u
#define POOL_HPA 0x7f00000u
static uint8_t pool[POOL][PAGE_SIZE] __attribute__((aligned(4096)));
static uint8_t memory[POOL][PAGE_SIZE]; /* what has left the caches */
static unsigned pool_next;
static jmp_buf on_crash;
static const char *crash_text;

void *pool_take(unsigned count)
{
    void *pages = pool[pool_next];

    assert_true(pool_next + count <= POOL);
    memset(pages, 0, (size_t)count * PAGE_SIZE);
    memset(memory[pool_next], 0xa5, (size_t)count * PAGE_SIZE); /* zeroes not flushed are no zeroes */
    pool_next += count;
    return pages;
}

hpa_t arch_hpa(const void *p)
{
    return HPA(POOL_HPA + (uint64_t)((const uint8_t *)p - pool[0]));
}

void *arch_ptr(hpa_t hpa)
{
    assert_true(range_inside(hpa.v, PAGE_SIZE, POOL_HPA, (uint64_t)pool_next * PAGE_SIZE));
    return pool[0] + (hpa.v - POOL_HPA);
}

void clflush(const void *line)
{
    size_t at = (size_t)((const uint8_t *)line - pool[0]);

    assert_int_equal((uintptr_t)line % 64, 0);
    assert_true(at < sizeof(pool));
    memcpy(memory[0] + at, pool[0] + at, 64);
}

void crash_here(const char *text)
{
    crash_text = text;
    longjmp(on_crash, 1);
}

/* Entries of no vendor: what it is, the level in bits 0..2. */
#define TABLE (1ull << 62)
#define LEAF (1ull << 61)
#define ADDRESS 0x000ffffffffff000ull

uint64_t io_entry_table(hpa_t table, unsigned level)
{
    return table.v | TABLE | level;
}

uint64_t io_entry_leaf(hpa_t page, unsigned level)
{
    return page.v | LEAF | level;
}

bool io_entry_present(uint64_t entry)
{
    return entry != 0;
}

hpa_t io_entry_address(uint64_t entry)
{
    return HPA(entry & ADDRESS);
}

/* --- the unit ------------------------------------------------------------------------------------------------------------------ */

static const uint64_t *memory_at(uint64_t hpa)
{
    assert_true(range_inside(hpa, PAGE_SIZE, POOL_HPA, (uint64_t)pool_next * PAGE_SIZE));
    return (const uint64_t *)(memory[0] + (hpa - POOL_HPA));
}

/* Host address of iova, or ~0; *size: of the leaf. */
static uint64_t look_up(hpa_t root, unsigned levels, uint64_t iova, uint64_t *size)
{
    uint64_t table = root.v;

    for (unsigned level = levels; level > 0; level--) {
        unsigned shift = 3 + 9 * level;
        uint64_t entry = memory_at(table)[iova >> shift & 511];

        if (entry == 0)
            return ~0ull;
        assert_int_equal(entry & 7, level);
        if (entry & LEAF) {
            *size = 1ull << shift;
            assert_int_equal(entry & ADDRESS & (*size - 1), 0);
            return (entry & ADDRESS) + (iova & (*size - 1));
        }
        assert_true(level > 1);
        table = entry & ADDRESS;
    }
    fail();
    return 0;
}

static uint64_t count_bytes(uint64_t table, unsigned level)
{
    uint64_t bytes = 0;

    for (unsigned i = 0; i < 512; i++) {
        uint64_t entry = memory_at(table)[i];

        if (entry != 0)
            bytes += entry & LEAF ? 1ull << (3 + 9 * level) : count_bytes(entry & ADDRESS, level - 1);
    }
    return bytes;
}

static hpa_t build(const struct io_region *regions, unsigned count, unsigned levels, bool large)
{
    pool_next = 0;
    crash_text = NULL;
    if (setjmp(on_crash) != 0)
        return HPA(0);
    return io_table_build(regions, count, levels, large);
}

static uint64_t expected_at(const struct io_region *regions, unsigned count, uint64_t iova)
{
    for (unsigned i = 0; i < count; i++)
        if (iova >= regions[i].iova && iova - regions[i].iova < regions[i].size)
            return regions[i].hpa.v + (iova - regions[i].iova);
    return ~0ull;
}

static void check_table(const struct io_region *regions, unsigned count, unsigned levels, bool large)
{
    hpa_t root = build(regions, count, levels, large);
    uint64_t bytes = 0, size;

    assert_null(crash_text);
    for (unsigned i = 0; i < count; i++) {
        uint64_t end = regions[i].iova + regions[i].size;

        for (uint64_t at = regions[i].iova; at < end; at += PAGE_SIZE) {
            assert_int_equal(look_up(root, levels, at, &size), regions[i].hpa.v + (at - regions[i].iova));
            assert_int_equal(size, large ? LARGE_SIZE : PAGE_SIZE);
        }
        for (uint64_t around = 0; around < 2; around++) {
            uint64_t at = around ? end : regions[i].iova - PAGE_SIZE;

            if (at < 1ull << (12 + 9 * levels))
                assert_int_equal(look_up(root, levels, at, &size), expected_at(regions, count, at));
        }
        bytes += regions[i].size;
    }
    assert_int_equal(count_bytes(root.v, levels), bytes);
}

/* --- tests ---------------------------------------------------------------------------------------------------------------------- */

static void test_one_region(void **state)
{
    const struct io_region r = {0, HPA(0x2000000), MIB(16)};

    (void)state;
    check_table(&r, 1, 4, true);
    assert_int_equal(pool_next, 3);
    check_table(&r, 1, 3, true);
    assert_int_equal(pool_next, 2);
    check_table(&r, 1, 4, false);
    assert_int_equal(pool_next, 3 + 8);
    check_table(&r, 1, 3, false);
    assert_int_equal(pool_next, 2 + 8);
}

static void test_no_region_denies_all(void **state)
{
    (void)state;
    check_table(NULL, 0, 4, true);
    assert_int_equal(pool_next, 1);
}

static void test_edges_of_every_level(void **state)
{
    static const uint64_t edges[] = {MIB(2), GIB(1), GIB(512), 1ull << 47};

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(edges); i++)
        for (unsigned large = 0; large < 2; large++) {
            const struct io_region r = {edges[i] - MIB(2), HPA(MIB(64)), MIB(4)};

            check_table(&r, 1, 4, large);
            if (edges[i] < GIB(512))
                check_table(&r, 1, 3, large);
        }
    check_table(&(struct io_region){(1ull << 48) - MIB(2), HPA((1ull << 52) - MIB(2)), MIB(2)}, 1, 4, true);
    check_table(&(struct io_region){(1ull << 39) - MIB(2), HPA((1ull << 52) - MIB(2)), MIB(2)}, 1, 3, true);
}

static uint32_t seed;
static uint32_t random_next(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 17;
    return seed ^= seed << 5;
}

static void test_random_regions(void **state)
{
    (void)state;
    seed = 0x1b2c3d;
    for (unsigned round = 0; round < 200; round++) {
        unsigned levels = 3 + random_next() % 2, count = 0;
        struct io_region r[8];
        uint64_t at = 0;

        for (unsigned n = random_next() % 8; n > 0; n--) {
            at += random_next() % 3 * (random_next() % 700) * MIB(2);
            r[count++] = (struct io_region){at, HPA(MIB(2) * (random_next() % 100000)), MIB(2) * (1 + random_next() % 6)};
            at += r[count - 1].size;
        }
        check_table(r, count, levels, random_next() % 2);
    }
}

static void assert_crash(const struct io_region *r, unsigned count, unsigned levels, const char *part)
{
    build(r, count, levels, true);
    assert_non_null(crash_text);
    assert_non_null(strstr(crash_text, part));
}

static void test_impossible_regions(void **state)
{
    const struct io_region good = {MIB(2), HPA(MIB(4)), MIB(4)};
    struct io_region r[2] = {good, {MIB(4), HPA(MIB(32)), MIB(2)}};

    (void)state;
    assert_crash(r, 2, 4, "overlap");
    r[1] = good;
    assert_crash(r, 2, 4, "overlap");
    r[0].iova += PAGE_SIZE;
    assert_crash(r, 1, 4, "2 MiB");
    r[0] = good;
    r[0].hpa.v += PAGE_SIZE;
    assert_crash(r, 1, 4, "2 MiB");
    r[0] = good;
    r[0].size = MIB(1);
    assert_crash(r, 1, 4, "2 MiB");
    r[0].size = 0;
    assert_crash(r, 1, 4, "2 MiB");
    r[0] = good;
    r[0].iova = (1ull << 48) - MIB(2);
    assert_crash(r, 1, 4, "beyond the levels");
    r[0].iova = (1ull << 39) - MIB(2);
    assert_crash(r, 1, 3, "beyond the levels");
    r[0].iova = -(uint64_t)MIB(2);
    assert_crash(r, 1, 4, "beyond the levels");
    r[0] = good;
    r[0].hpa = HPA((1ull << 52) - MIB(2));
    assert_crash(r, 1, 4, "physical memory");
    assert_crash(&good, 1, 2, "so many levels");
    assert_crash(&good, 1, 5, "so many levels");
}

static void test_flush_covers_every_line(void **state)
{
    (void)state;
    pool_next = 4;
    for (unsigned offset = 0; offset < 130; offset++)
        for (unsigned size = 1; size < 260; size += 3) {
            memset(pool[0], 1, 1024);
            memset(memory[0], 2, 1024);
            io_cache_flush(pool[0] + 128 + offset, size);
            for (unsigned at = 0; at < 1024; at++)
                assert_int_equal(memory[0][at], at >= ((128 + offset) & ~63u) && at < ((128 + offset + size + 63) & ~63u) ? 1 : 2);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_region),           cmocka_unit_test(test_no_region_denies_all),
        cmocka_unit_test(test_edges_of_every_level), cmocka_unit_test(test_random_regions),
        cmocka_unit_test(test_impossible_regions),   cmocka_unit_test(test_flush_covers_every_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
