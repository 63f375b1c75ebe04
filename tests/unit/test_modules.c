/* SPDX-License-Identifier: Apache-2.0 */
/* Modules found outside the image zone are in it afterwards, whole, none on top of another; what finds no place stays. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bootinfo.h"

#define ZONE 0x40000u
#define ZONE_SIZE 0x20000u
#define MACHINE 0x80000u

static uint8_t machine[MACHINE];
static struct boot_info boot;

const void *boot_physical(uint64_t address, size_t size)
{
    return range_inside(address, size, 0, MACHINE) ? machine + address : 0;
}

void *boot_memory(uint64_t address, size_t size)
{
    return range_inside(address, size, 0, MACHINE) ? machine + address : 0;
}

static uint8_t pattern(unsigned module, uint64_t at)
{
    return (uint8_t)(module * 89 + at * 7 + (at >> 8) + 1);
}

static void module_add(uint64_t base, uint64_t size)
{
    unsigned i = boot.module_count++;

    boot.modules[i].base = base;
    boot.modules[i].size = size;
    for (uint64_t at = 0; at < size; at++)
        machine[base + at] = pattern(i, at);
}

static int machine_make(void **state)
{
    (void)state;
    memset(machine, 0, sizeof(machine));
    memset(&boot, 0, sizeof(boot));
    return 0;
}

static void assert_whole(unsigned i, bool inside)
{
    const struct boot_module *m = &boot.modules[i];

    assert_int_equal(range_inside(m->base, m->size, ZONE, ZONE_SIZE), inside);
    for (uint64_t at = 0; at < m->size; at++)
        if (machine[m->base + at] != pattern(i, at))
            fail_msg("module %u at %lx: byte %lu", i, (unsigned long)m->base, (unsigned long)at);
    for (unsigned j = 0; j < i; j++)
        assert_false(range_overlap(m->base, m->size, boot.modules[j].base, boot.modules[j].size));
}

static void test_those_inside_stay(void **state)
{
    (void)state;
    module_add(ZONE, 5000);
    module_add(ZONE + ZONE_SIZE - 4096, 4096);
    modules_gather(&boot, ZONE, ZONE_SIZE);
    assert_int_equal(boot.modules[0].base, ZONE);
    assert_int_equal(boot.modules[1].base, ZONE + ZONE_SIZE - 4096);
    assert_whole(0, true);
    assert_whole(1, true);
}

static void test_low_and_high_ones_come(void **state)
{
    (void)state;
    module_add(0x6000, 4097);          /* below */
    module_add(ZONE + 0x3000, 0x2001); /* inside, in the way */
    module_add(0x70000, 0x9000);       /* above */
    module_add(ZONE - 0x1000, 0x2000); /* its end reaches into the zone */
    modules_gather(&boot, ZONE, ZONE_SIZE);
    for (unsigned i = 0; i < 4; i++)
        assert_whole(i, true);
    assert_int_equal(boot.modules[1].base, ZONE + 0x3000);
    assert_int_equal(boot.modules[0].base % 4096, 0);
}

static void test_without_room_it_stays(void **state)
{
    (void)state;
    module_add(ZONE + 0x8000, 0x10000);
    module_add(0x10000, 0x9000); /* the gaps are of 0x8000 each */
    module_add(0x30000, 0x8000);
    modules_gather(&boot, ZONE, ZONE_SIZE);
    assert_whole(0, true);
    assert_int_equal(boot.modules[1].base, 0x10000);
    assert_whole(1, false);
    assert_whole(2, true);
}

static void test_beyond_reach_it_stays(void **state)
{
    (void)state;
    boot.module_count = 1;
    boot.modules[0].base = MACHINE - 4096;
    boot.modules[0].size = 8192;
    modules_gather(&boot, ZONE, ZONE_SIZE);
    assert_int_equal(boot.modules[0].base, MACHINE - 4096);
}

static void test_any_places(void **state)
{
    (void)state;
    srand(7);
    for (unsigned round = 0; round < 2000; round++) {
        machine_make(NULL);
        for (unsigned i = 0; i < 6; i++) {
            uint64_t size = 1 + (uint64_t)rand() % 0x3000, base = (uint64_t)rand() % ((MACHINE - size) / 4096) * 4096;
            bool free_place = true;

            for (unsigned j = 0; j < boot.module_count; j++)
                free_place = free_place && !range_overlap(base, size, boot.modules[j].base, boot.modules[j].size);
            if (free_place)
                module_add(base, size);
        }
        modules_gather(&boot, ZONE, ZONE_SIZE);
        for (unsigned i = 0; i < boot.module_count; i++)
            assert_whole(i, range_inside(boot.modules[i].base, boot.modules[i].size, ZONE, ZONE_SIZE));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_those_inside_stay, machine_make),
        cmocka_unit_test_setup(test_low_and_high_ones_come, machine_make),
        cmocka_unit_test_setup(test_without_room_it_stays, machine_make),
        cmocka_unit_test_setup(test_beyond_reach_it_stays, machine_make),
        cmocka_unit_test_setup(test_any_places, machine_make),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
