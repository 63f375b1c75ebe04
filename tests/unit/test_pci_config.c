/* SPDX-License-Identifier: Apache-2.0 */
/* Configuration space by memory and by the ports, capability chains however broken, registers of devices. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "arch.h"
#include "fake_arch.h"
#include "fake_pci.h"
#include "fake_plan.h"
#include "pci_bus.h"
#include "pci_parts.h"
#include "random_tables.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned breaths;

void vcpu_breathe(void)
{
    breaths++;
}

static int machine_make(void **state)
{
    (void)state;
    fake_reset();
    fake_plan_reset();
    fake_pci_reset();
    fake_board.pci.last_bus = 2;
    fake.step = 10000;
    pci_init();
    return 0;
}

static struct fake_function *function_make(void)
{
    struct fake_function *function = fake_pci_add(0x110, 0x8086, 0x10d3, 0x020000, 0);

    for (unsigned i = 0x80; i < 4096; i++) {
        function->space[i] = (uint8_t)(i * 7 + (i >> 8));
        function->writable[i] = 0xff;
    }
    return function;
}

/* --- the ways there ------------------------------------------------------------------------------------------------------------ */

static void each_register(struct fake_function *function, unsigned end)
{
    for (unsigned size = 1; size <= 4; size *= 2)
        for (unsigned offset = 0x80; offset < end; offset += size) {
            uint32_t value = 0xa5a5a5a5u ^ (offset * 0x01010101u), mask = size == 4 ? ~0u : (1u << 8 * size) - 1;
            struct fake_function before = *function;

            assert_int_equal(arch_pci_read(0x110, offset, size), fake_get(function, offset, size));
            arch_pci_write(0x110, offset, size, value);
            assert_int_equal(fake_get(function, offset, size), value & mask);
            memcpy(function->space + offset, before.space + offset, size);
            assert_memory_equal(function->space, before.space, 4096); /* and nothing beside it */
        }
    assert_int_equal(fake_pci.wide, 0);
}

static void test_memory_reaches_every_register(void **state)
{
    (void)state;
    each_register(function_make(), 4096);
}

static void test_ports_reach_the_first_256_bytes(void **state)
{
    struct fake_function *function = function_make(), *next = fake_pci_add(0x111, 1, 2, 0x020000, 0), before, next_before;

    (void)state;
    next->writable[0x80] = 0xff;
    fake_pci.ecam = false;
    pci_init();
    each_register(function, 256);
    before = *function;
    next_before = *next;
    assert_int_equal(arch_pci_read(0x110, 0x100, 4), 0xffffffff);
    assert_int_equal(arch_pci_read(0x110, 0xffe, 2), 0xffff);
    arch_pci_write(0x110, 0x180, 4, 0x77);
    assert_memory_equal(function->space, before.space, 4096); /* no wrap to 0x80 */
    assert_memory_equal(next->space, next_before.space, 4096);
}

/* Behind the last bus there is no memory to look at. */
static void test_buses_beyond_the_last(void **state)
{
    (void)state;
    fake_pci_add(0x2ff, 1, 2, 0x020000, 0);
    fake_pci_add(0x300, 1, 2, 0x020000, 0);
    for (unsigned way = 0; way < 2; way++) {
        uint64_t before = fake_pci.reads + fake_pci.writes;

        fake_pci.ecam = way == 0;
        pci_init();
        assert_int_equal(arch_pci_read(0x300, 0, 4), 0xffffffff);
        assert_int_equal(arch_pci_read(0xffff, 0xc, 1), 0xff);
        arch_pci_write(0x300, 4, 2, 7);
        assert_int_equal(fake_pci.reads + fake_pci.writes, before);
        assert_int_equal(arch_pci_read(0x2ff, 0, 4), 0x20001);
    }
}

static void test_every_function_is_found(void **state)
{
    static const uint16_t there[] = {0x0000, 0x00ff, 0x0101, 0x0110, 0x02ff};
    unsigned found = 0;

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(there); i++)
        fake_pci_add(there[i], 1, (uint16_t)i, 0x020000, 0);
    fake_pci_add(0x0102, 0xffff, 0xffff, 0x020000, 0); /* a VF */
    for (uint32_t at = 0; pci_next(&at); at++)
        assert_int_equal(at, there[found++]);
    assert_int_equal(found, ARRAY_SIZE(there));
    fake_board.pci.last_bus = 255;
    fake_pci_add(0xffff, 1, 9, 0x020000, 0);
    for (uint32_t at = 0x300; pci_next(&at); at++)
        assert_int_equal(at, 0xffff);
}

static void *other_core(void *argument)
{
    (void)argument;
    for (unsigned i = 0; i < 20000; i++)
        if (arch_pci_read(0x10, 0x80, 4) != 0x11111111)
            return (void *)1;
    return NULL;
}

/* The address port belongs to one core until the data port has been used. */
static void test_ports_one_core_at_a_time(void **state)
{
    pthread_t thread;
    void *wrong;

    (void)state;
    fake_pci.ecam = false;
    fake_pci.threads = true;
    pci_init();
    fake_put(fake_pci_add(0x10, 1, 1, 0x020000, 0), 0x80, 4, 0x11111111);
    fake_put(fake_pci_add(0x18, 1, 1, 0x020000, 0), 0x80, 4, 0x22222222);
    assert_int_equal(pthread_create(&thread, NULL, other_core, NULL), 0);
    for (unsigned i = 0; i < 20000; i++)
        if (arch_pci_read(0x18, 0x80, 4) != 0x22222222)
            fail_msg("another function's register after %u reads", i);
    assert_int_equal(pthread_join(thread, &wrong), 0);
    assert_null(wrong);
}

/* --- capabilities -------------------------------------------------------------------------------------------------------------- */

static void test_capabilities_are_found(void **state)
{
    struct fake_function *function = fake_pci_add(0x110, 1, 2, 0x020000, 0);
    unsigned pm = fake_pci_capability(function, 1, 8), msi = fake_pci_capability(function, 5, 14);
    unsigned express = fake_pci_capability(function, 0x10, 0x3c), aer = fake_pci_extended(function, 1, 0x48);
    unsigned acs = fake_pci_extended(function, 0x0d, 8);

    (void)state;
    assert_int_equal(pci_capability(0x110, 1, 8), pm);
    assert_int_equal(pci_capability(0x110, 5, 14), msi);
    assert_int_equal(pci_capability(0x110, 0x10, 0x3c), express);
    assert_int_equal(pci_capability(0x110, 0x11, 12), 0);
    assert_int_equal(pci_capability(0x110, PCI_EXTENDED | 1, 0x48), aer);
    assert_int_equal(pci_capability(0x110, PCI_EXTENDED | 0x0d, 8), acs);
    assert_int_equal(pci_capability(0x110, PCI_EXTENDED | 0x10, 0x40), 0);
    assert_true(pci_chains_sound(0x110));
    /* What does not fit is not there, although its header is. */
    assert_int_equal(pci_capability(0x110, 0x10, 0x100 - express), express);
    assert_int_equal(pci_capability(0x110, 0x10, 0x100 - express + 1), 0);
    assert_int_equal(pci_capability(0x110, PCI_EXTENDED | 0x0d, 0x1000 - acs), acs);
    assert_int_equal(pci_capability(0x110, PCI_EXTENDED | 0x0d, 0x1000 - acs + 1), 0);
    /* The two lowest bits of a pointer are reserved. */
    function->space[0x34] |= 3;
    assert_int_equal(pci_capability(0x110, 5, 14), msi);
    /* Without the status bit the pointer means nothing. */
    function->space[0x06] = 0;
    assert_int_equal(pci_capability(0x110, 1, 8), 0);
    assert_true(pci_chains_sound(0x110));
}

static void assert_broken(const struct fake_function *function)
{
    uint64_t before = fake_pci.reads;

    assert_false(pci_chains_sound(function->requester));
    assert_int_equal(pci_capability(function->requester, 0x12, 4), 0);
    assert_int_equal(pci_capability(function->requester, PCI_EXTENDED | 0x12, 4), 0);
    assert_in_range(fake_pci.reads - before, 1, 4 * 50);
}

static void test_broken_chains(void **state)
{
    struct fake_function *function = fake_pci_add(0x110, 1, 2, 0x020000, 0), good;
    unsigned pm = fake_pci_capability(function, 1, 8), aer = fake_pci_extended(function, 1, 0x48);

    (void)state;
    good = *function;
    function->space[pm + 1] = (uint8_t)pm; /* a loop */
    assert_broken(function);
    *function = good;
    function->space[pm + 1] = 0x3c; /* into the header */
    assert_broken(function);
    *function = good;
    function->space[0x34] = 0x08;
    assert_broken(function);
    *function = good;
    fake_put(function, pm, 4, ~0u);
    assert_broken(function);
    *function = good;
    fake_put(function, aer, 4, 1 | 1u << 16 | aer << 20); /* a loop */
    assert_broken(function);
    fake_put(function, aer, 4, 1 | 1u << 16 | 0x40u << 20); /* into the first 256 bytes */
    assert_broken(function);
    fake_put(function, aer, 4, 1 | 1u << 16 | 0x800u << 20); /* to where nothing answers */
    fake_put(function, 0x800, 4, ~0u);
    assert_broken(function);
    *function = good;
    assert_true(pci_chains_sound(0x110));
    fake_put(function, aer, 4, ~0u); /* no extended space at all is none */
    assert_true(pci_chains_sound(0x110));
    assert_int_equal(pci_capability(0x110, PCI_EXTENDED | 0xffff, 4), 0);
    function->absent = true;
    assert_int_equal(pci_capability(0x110, 1, 8), 0);
    assert_int_equal(pci_capability(0x110, 0xff, 0), 0);
}

/* 48 capabilities fill the space; a longer chain can only be a loop. */
static void test_longest_chain(void **state)
{
    struct fake_function *function = fake_pci_add(0x110, 1, 2, 0x020000, 0);

    (void)state;
    for (unsigned i = 0; i < 48; i++)
        fake_pci_capability(function, i == 47 ? 0x11 : 0x09, 4);
    assert_true(pci_chains_sound(0x110));
    assert_int_equal(pci_capability(0x110, 0x11, 4), 0xfc);
    function->space[0xfd] = 0x40;
    assert_false(pci_chains_sound(0x110));
}

static void test_any_bytes(void **state)
{
    uint8_t bytes[1 + 4096];

    (void)state;
    fake_board.pci.last_bus = 0;
    random_seed(4);
    for (unsigned round = 0; round < 800; round++) {
        size_t size = (size_t)random_in(1, round % 3 == 0 ? 40 : sizeof(bytes));

        for (size_t i = 0; i < size; i++)
            bytes[i] = (uint8_t)random_next();
        if (round % 2 && size > 0x110) { /* mostly chains that go on */
            bytes[1 + 6] |= 0x10;
            for (size_t i = 0x34; i + 4 < size; i += 4)
                bytes[1 + i + 1] = (uint8_t)(0x40 + random_in(0, 47) * 4);
            for (size_t i = 0x100; i + 4 < size; i += 4)
                bytes[1 + i + 3] = (uint8_t)random_in(0x10, 0xff);
        }
        LLVMFuzzerTestOneInput(bytes, size);
    }
}

/* --- steps --------------------------------------------------------------------------------------------------------------------- */

static void test_writes_that_do_not_stick(void **state)
{
    struct fake_function *function = fake_pci_add(0x110, 1, 2, 0x020000, 0);

    (void)state;
    assert_true(pci_set(0x110, 4, 2, 0x0407, 0x0407));
    assert_true(pci_set(0x110, 4, 2, 0x0c07, 0x0007));
    assert_string_equal(fake_uart_text(), "");
    assert_false(pci_set(0x110, 4, 2, 0x0807, 0x0c07));
    assert_non_null(strstr(fake_uart_text(), "PCI 01:02.0: register 0x4: wrote 0x807, of which 0xc07 must stick, reads 0x7"));
    function->absent = true;
    assert_false(pci_set(0x110, 4, 2, 0, 0x0007));
}

/* The wait is as long as asked for, and breathes. */
static void test_waits_breathe(void **state)
{
    uint64_t from = fake.ticks;

    (void)state;
    breaths = 0;
    pci_wait(100);
    assert_in_range(fake.ticks - from, 100 * fake.khz, 101 * fake.khz);
    assert_in_range(breaths, 1000, 1000000);
}

/* --- registers of devices ------------------------------------------------------------------------------------------------------ */

static void test_device_registers(void **state)
{
    (void)state;
    arch_device_map(HPA(0xfebf1000));
    arch_device_map(HPA(0xfebf1000));
    assert_int_equal(fake_pci.device_pages, 1);
    assert_int_equal(fake_pci.device_page_at, 0xfebf1000);
    for (unsigned size = 1; size <= 8; size *= 2) {
        uint64_t mask = size == 8 ? ~0ull : (1ull << 8 * size) - 1;

        memset(fake_pci.device_page, 0x5a, 4096);
        arch_device_write(HPA(0xfebf1ff8), size, 0x8877665544332211);
        assert_int_equal(arch_device_read(HPA(0xfebf1ff8), size), 0x8877665544332211 & mask);
        assert_int_equal(fake_pci.device_page[0xff8 + size - 1], 0x11 * size);
        assert_int_equal(fake_pci.device_page[0xff7], 0x5a);
        if (size < 8)
            assert_int_equal(fake_pci.device_page[0xff8 + size], 0x5a);
    }
    assert_true(FAKE_ENDS(arch_device_write(HPA(0xfebf2000), 4, 0)));
    assert_true(FAKE_ENDS((void)arch_device_read(HPA(0xfebf0fff), 1)));
}

static void ports_of_a_device(void **state)
{
    (void)state;
    arch_port_write(FAKE_DEVICE_PORT, 4, 0x11223344);
    assert_int_equal(arch_port_read(FAKE_DEVICE_PORT, 4), 0x11223344);
    assert_int_equal(arch_port_read(FAKE_DEVICE_PORT, 2), 0x3344);
    assert_int_equal(arch_port_read(FAKE_DEVICE_PORT, 1), 0x44);
    arch_port_write(FAKE_DEVICE_PORT, 2, 0xffff5566);
    assert_int_equal(arch_port_read(FAKE_DEVICE_PORT, 4), 0xa5a55566);
    arch_port_write(FAKE_DEVICE_PORT, 1, 0xffffff77);
    assert_int_equal(arch_port_read(FAKE_DEVICE_PORT, 4), 0xa5a5a577);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_memory_reaches_every_register, machine_make),
        cmocka_unit_test_setup(test_ports_reach_the_first_256_bytes, machine_make),
        cmocka_unit_test_setup(test_buses_beyond_the_last, machine_make),
        cmocka_unit_test_setup(test_every_function_is_found, machine_make),
        cmocka_unit_test_setup(test_ports_one_core_at_a_time, machine_make),
        cmocka_unit_test_setup(test_capabilities_are_found, machine_make),
        cmocka_unit_test_setup(test_broken_chains, machine_make),
        cmocka_unit_test_setup(test_longest_chain, machine_make),
        cmocka_unit_test_setup(test_any_bytes, machine_make),
        cmocka_unit_test_setup(test_writes_that_do_not_stick, machine_make),
        cmocka_unit_test_setup(test_waits_breathe, machine_make),
        cmocka_unit_test_setup(test_device_registers, machine_make),
        cmocka_unit_test_setup(ports_of_a_device, machine_make),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
