/* SPDX-License-Identifier: Apache-2.0 */
/* VT-d against a model of the hardware (fake_vtd.c): what DMA and what interrupts of every requester id come through, before, while and after a
 * function is attached, with units that fail in every way (SEP-1, SEP-3, SEP-6, AC-27, AC-28, AC-30, AC-31). */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "crash.h"
#include "fake_arch.h"
#include "fake_vtd.h"
#include "iommu.h"
#include "lapic.h"
#include "vtd.h"

#define IOAPIC 0xff00u

static const char *dmar_says;
static const uint8_t table[48];

const char *vtd_dmar_check(const uint8_t *bytes, size_t size)
{
    assert_ptr_equal(bytes, table);
    assert_int_equal(size, sizeof(table));
    return dmar_says;
}

static uint64_t random_state = 88172645463325252ull;
static uint64_t random_next(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    return random_state ^= random_state << 17;
}

static const char *check(void)
{
    iommu_faults_lost(); /* of the test before */
    return iommu_check(table, sizeof(table));
}

static void domains(void)
{
    for (unsigned p = 0; p < 3; p++)
        iommu_domain(p);
}

/* Everything on, all functions attached. */
static void start(unsigned units)
{
    fake_vtd_reset(units);
    assert_null(check());
    assert_null(iommu_on());
    domains();
    for (unsigned i = 0; i < plan.function_count; i++)
        assert_true(iommu_attach(&plan.functions[i]));
}

static const struct plan_function *function_of(uint16_t requester)
{
    for (unsigned i = 0; i < plan.function_count; i++)
        if (plan.functions[i].requester == requester)
            return &plan.functions[i];
    return NULL;
}

/* Where a partition's device gets to by this address; ~0: nowhere. */
static uint64_t ram_of(unsigned partition, uint64_t iova)
{
    const struct plan_partition *p = &plan.partitions[partition];

    for (unsigned i = 0; i < p->ram_count; i++)
        if (iova >= p->ram[i].gpa.v && iova - p->ram[i].gpa.v < p->ram[i].size)
            return p->ram[i].hpa.v + (iova - p->ram[i].gpa.v);
    return ~0ull;
}

static void check_dma(unsigned unit, uint16_t requester, uint64_t iova, bool attached)
{
    const struct plan_function *f = function_of(requester);
    uint64_t expected = f != NULL && attached ? ram_of(f->partition, iova) : ~0ull;

    for (unsigned write = 0; write < 2; write++) {
        uint64_t hpa;
        bool through = fake_vtd_dma(unit, requester, iova, write, &hpa);

        if (through != (expected != ~0ull) || (through && hpa != expected))
            fail_msg("unit %u: %04x %s %lx: %s %lx, expected %lx", unit, requester, write ? "writes" : "reads", (unsigned long)iova,
                     through ? "reaches" : "blocked,", (unsigned long)hpa, (unsigned long)expected);
    }
}

static const uint64_t interesting[] = {
    0,
    0xfff,
    MIB(1),
    MIB(2) - 1,
    MIB(2),
    MIB(6) - 1,
    MIB(6),
    MIB(8) - 1,
    MIB(8),
    MIB(64),
    MIB(128),
    MIB(256),
    MIB(512),
    0xfec00000,
    0xfed90000,
    GIB(4),
    GIB(4) + MIB(4) - 1,
    GIB(4) + MIB(4),
    (1ull << 39) - 1,
    1ull << 39,
    (1ull << 48) - 1,
    1ull << 48,
    ~0ull,
};

static void check_all_dma(bool attached)
{
    for (unsigned unit = 0; unit < plan.board->iommu.unit_count; unit++)
        for (unsigned requester = 0; requester < 65536; requester++) {
            unsigned step = function_of((uint16_t)requester) ? 1 : 7;

            for (unsigned i = requester % step; i < ARRAY_SIZE(interesting); i += step)
                check_dma(unit, (uint16_t)requester, interesting[i], attached);
        }
}

static void no_interrupts(unsigned unit, uint16_t requester)
{
    struct fake_message m;

    for (unsigned index = 0; index < 300; index++)
        assert_false(fake_vtd_message(unit, requester, 0xfee00010 | index << 5, 0, &m));
}

/* --- check --------------------------------------------------------------------------------------------------------------------------- */

static void assert_says(const char *why, const char *part)
{
    if (part == NULL ? why != NULL : why == NULL || strstr(why, part) == NULL)
        fail_msg("expected \"%s\", got \"%s\"", part ? part : "(nothing)", why ? why : "(nothing)");
}

/* Capabilities as machines show them: cap, ecap, x2APIC, what we say. */
static void test_capabilities_of_real_units(void **state)
{
    static const struct {
        uint64_t cap, ecap;
        bool x2apic;
        const char *says;
    } parts[] = {
        {0xd2008c22260206, 0xf00f4a, false, NULL},          /* QEMU */
        {0xd2008c22260206, 0xf00f4a, true, "VTD-2"},        /* no EIM */
        {0xd2008c222f0606, 0xf00f4a, false, NULL},          /* QEMU, aw-bits=48 */
        {0xd2008c20660462, 0xf010da, true, NULL},           /* clients of 2013 to 2017 */
        {0xd2008c40660462, 0xf050da, true, NULL},           /* of 2017 to 2023 */
        {0x1c0000c40660462, 0x7e1ff0505e, true, NULL},      /* of graphics beside the former */
        {0x1c0000c40660462, 0x29a00f0505e, true, NULL},     /* of 2021 */
        {0xc90780106f0462, 0xf020fe, true, NULL},           /* workstation of 2009: no large pages */
        {0xd2078c106f0466, 0xf020df, true, NULL},           /* server of 2014 */
        {0xc9de008cee690462, 0x12ca9a00f0efde, true, NULL}, /* clients of 2024: fault record at the page's end */
        {0xc9008020630272, 0x1000, false, "SEP-6"},         /* chipset of 2008: no interrupt remapping */
        {0xd2008c22260206, 0xf00f48, false, "SEP-6"},       /* QEMU without queue */
        {0xd2008c22260206, 0xf00f42, false, "SEP-6"},       /* QEMU, intremap=off */
        {0xd2008c22260200, 0xf00f4a, false, NULL},          /* 16 domains for 3 partitions */
        {0xd2008c22260006, 0xf00f4a, false, "VTD-4"},       /* no page table that we build */
        {0xd2008c221f0206, 0xf00f4a, false, "VTD-4"},       /* 4 GiB at most */
        {0xd2008c22200206, 0xf00f4a, false, NULL},          /* 8 GiB at most */
        {~0ull, ~0ull, false, "VTD-1"},
    };

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(parts); i++) {
        fake_vtd_reset(2);
        fake_vtd[1].cap = parts[i].cap;
        fake_vtd[1].ecap = parts[i].ecap;
        fake_vtd[0].cap |= 4u << 8; /* both kinds of table */
        fake_vtd[0].ecap |= 1u << 4;
        fake_x2apic = parts[i].x2apic;
        assert_says(check(), parts[i].says);
        if (parts[i].says != NULL)
            continue;
        assert_null(iommu_on());
        domains();
        for (unsigned f = 0; f < plan.function_count; f++)
            assert_true(iommu_attach(&plan.functions[f]));
        for (unsigned f = 0; f < plan.function_count; f++)
            for (unsigned k = 0; k < ARRAY_SIZE(interesting); k++)
                check_dma(1, plan.functions[f].requester, interesting[k], true);
    }
}

static void test_units_need_one_kind_of_table(void **state)
{
    (void)state;
    fake_vtd_reset(2);
    fake_vtd[1].cap ^= 6u << 8; /* four levels only, the other three only */
    assert_says(check(), "VTD-4");
}

static void test_width_follows_the_owners_ram(void **state)
{
    const struct plan_ram high = {HPA(GIB(1)), GPA(GIB(512) - MIB(2)), MIB(4)};

    (void)state;
    fake_vtd_reset(1);
    fake_plan_partitions[1].ram = &high;
    assert_says(check(), "VTD-4");
    fake_vtd[0].cap = 0xd2008c222f0606;
    assert_null(check());
    fake_vtd_reset(1);
    fake_plan_partitions[1].ram = &high;
    fake_plan_partitions[1].function_count = 0; /* no device: nothing to translate */
    assert_null(check());
}

static void test_too_many_partitions_for_the_domains(void **state)
{
    (void)state;
    fake_vtd_reset(1);
    fake_vtd[0].cap &= ~7ull;
    fake_plan.partition_count = 16;
    assert_says(check(), "VTD-3");
    fake_plan.partition_count = 15;
    assert_null(check());
}

static void test_firmware_table_is_asked_first(void **state)
{
    (void)state;
    fake_vtd_reset(1);
    dmar_says = "DMAR-9: no";
    assert_says(check(), "DMAR-9");
    dmar_says = NULL;
}

/* --- switching on ------------------------------------------------------------------------------------------------------------------------ */

/* AC-28: nothing gets through from the moment on that a unit is on, whatever the firmware left in its caches. */
static void deny_all_when_on(unsigned unit)
{
    static uint32_t seed = 1;
    struct fake_message m;
    uint64_t hpa;

    seed = seed * 1664525 + 1013904223;
    if (fake_vtd[unit].gsts >> 31)
        assert_false(fake_vtd_dma(unit, (uint16_t)(seed >> 16), seed & 0xffff000, true, &hpa));
    if (fake_vtd[unit].gsts >> 25 & 1)
        assert_false(fake_vtd_message(unit, (uint16_t)(seed >> 16), 0xfee00010 | (seed & 0x3ff) << 5, 0, &m));
}

static void test_ac28_everything_is_denied_at_first(void **state)
{
    (void)state;
    fake_vtd_reset(2);
    fake_vtd_poison(0);
    fake_vtd_poison(1);
    fake_vtd_meanwhile = deny_all_when_on;
    assert_null(check());
    assert_null(iommu_on());
    check_all_dma(false);
    domains();
    check_all_dma(false);
    for (unsigned requester = 0; requester < 65536; requester += 5)
        no_interrupts(requester % 2, (uint16_t)requester);
    no_interrupts(0, IOAPIC);
    fake_vtd_meanwhile = NULL;
    for (unsigned i = 0; i < plan.function_count; i++)
        assert_true(iommu_attach(&plan.functions[i]));
    check_all_dma(true);
}

static void test_sep6_messages_of_the_old_form_are_blocked(void **state)
{
    struct fake_message m;

    (void)state;
    start(1);
    for (unsigned mode = 0; mode < 8; mode++)
        for (unsigned vector = 0; vector < 256; vector++)
            for (unsigned apic = 0; apic < 4; apic++)
                assert_false(fake_vtd_message(0, 0x0010, 0xfee00000 | apic << 12, mode << 8 | vector, &m));
}

static void test_what_the_firmware_left_on_is_switched_off(void **state)
{
    (void)state;
    fake_vtd_reset(1);
    fake_vtd[0].gsts = 0xd7800000; /* all but the logs */
    fake_vtd[0].gsts |= 1u << 28;
    fake_vtd[0].iqh = fake_vtd[0].iqt = 0x40;
    fake_vtd[0].fsts = 0x73;
    fake_vtd[0].cap |= 3u << 5;
    fake_vtd[0].pmen = 0x80000001;
    fake_vtd_poison(0);
    assert_null(check());
    assert_null(iommu_on());
    assert_int_equal(fake_vtd[0].gsts & 0x96800000, 0x86000000);
    assert_int_equal(fake_vtd[0].pmen, 0);
    assert_int_equal(fake_vtd[0].fectl & 1u << 31, 1u << 31);
    assert_int_equal(fake_vtd[0].iectl & 1u << 31, 1u << 31);
    assert_int_equal(fake_vtd[0].fsts & 0x73, 0);
    check_all_dma(false);
}

static void test_protected_regions_are_left_alone_where_there_are_none(void **state)
{
    (void)state;
    fake_vtd_reset(1);
    fake_vtd[0].pmen = 0x80000001; /* reserved there */
    assert_null(check());
    assert_null(iommu_on());
    assert_int_equal(fake_vtd[0].pmen, 0x80000001);
}

/* A unit that does not do one of the things: a refusal, in bounded time. */
static void test_a_unit_that_does_not_follow_is_refused(void **state)
{
    static const struct {
        uint32_t stuck, gsts;
        uint64_t cap;
    } cases[] = {{1u << 31, 0, 0},        {1u << 30, 0, 0},        {1u << 26, 0, 0},        {1u << 25, 0, 0},
                 {1u << 24, 0, 0},        {1u << 27, 0, 1u << 4},  {1u << 31, 1u << 31, 0}, {1u << 25, 1u << 25, 0},
                 {1u << 26, 1u << 26, 0}, {1u << 23, 1u << 23, 0}, {1u << 28, 1u << 28, 0}, {1, 0, 3u << 5}};

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++)
        for (unsigned unit = 0; unit < 2; unit++) {
            uint64_t before;

            fake_vtd_reset(2);
            fake_vtd[unit].stuck = cases[i].stuck;
            fake_vtd[unit].gsts = cases[i].gsts;
            fake_vtd[unit].cap |= cases[i].cap;
            fake_vtd[unit].pmen = cases[i].stuck == 1 ? 0x80000001 : 0;
            assert_null(check());
            before = fake.ticks;
            assert_says(iommu_on(), "VTD-5");
            assert_true(fake.ticks - before < 50ull * fake.khz);
        }
}

static void test_a_firmware_queue_that_is_not_empty_is_refused(void **state)
{
    (void)state;
    fake_vtd_reset(1);
    fake_vtd[0].gsts = 1u << 26;
    fake_vtd[0].deaf = true;
    fake_vtd[0].iqt = 0x40;
    assert_null(check());
    assert_says(iommu_on(), "VTD-5");
}

static void test_tables_that_are_not_taken_are_refused(void **state)
{
    (void)state;
    fake_vtd_reset(2);
    fake_vtd[1].root_lost = true;
    assert_null(check());
    assert_says(iommu_on(), "VTD-6");
}

/* --- DMA ----------------------------------------------------------------------------------------------------------------------------------- */

static void test_sep1_dma_of_every_requester(void **state)
{
    (void)state;
    start(2);
    check_all_dma(true);
}

static void test_sep1_random_dma(void **state)
{
    (void)state;
    start(1);
    for (unsigned i = 0; i < 200000; i++) {
        const struct plan_function *f = &plan.functions[random_next() % plan.function_count];
        uint64_t iova = random_next() >> (random_next() % 64);

        check_dma(0, random_next() % 4 ? f->requester : (uint16_t)random_next(), iova, true);
    }
}

static void test_small_pages_where_large_are_unknown(void **state)
{
    (void)state;
    fake_vtd_reset(1);
    fake_vtd[0].cap &= ~(15ull << 34);
    assert_null(check());
    assert_null(iommu_on());
    domains();
    for (unsigned i = 0; i < plan.function_count; i++)
        assert_true(iommu_attach(&plan.functions[i]));
    check_all_dma(true);
}

/* All functions at work at any moment. Each gets to its owner's RAM or nowhere; what is detached, nowhere once that has been confirmed. */
static bool denied[8];
static void all_at_work(unsigned unit)
{
    if ((fake_vtd[unit].gsts & 0x82000000) != 0x82000000)
        return;
    for (unsigned i = 0; i < plan.function_count; i++) {
        const struct plan_function *f = &plan.functions[i];
        struct fake_message m;
        uint64_t hpa;

        for (unsigned k = 0; k < 3; k++) {
            uint64_t iova = k == 0 ? 0x1000 : k == 1 ? MIB(2) : GIB(4);

            if (fake_vtd_dma(unit, f->requester, iova, true, &hpa)) {
                assert_int_equal(hpa, ram_of(f->partition, iova));
                assert_false(denied[i]);
            }
        }
        for (unsigned v = 0; v < f->vectors; v++)
            if (fake_vtd_message(unit, f->requester, 0xfee00010 | (f->interrupt + v) << 5, 0, &m))
                assert_false(denied[i]);
    }
}

static void lives(uint64_t cap)
{
    struct iommu_message message;
    struct fake_message m;

    fake_vtd_reset(2);
    fake_vtd[0].cap |= cap;
    fake_vtd_meanwhile = all_at_work;
    for (unsigned i = 0; i < 8; i++)
        denied[i] = true;
    assert_null(check());
    assert_null(iommu_on());
    domains();
    for (unsigned round = 0; round < 60; round++) {
        unsigned i = (unsigned)(random_next() % plan.function_count);
        const struct plan_function *f = &plan.functions[i];

        denied[i] = false;
        assert_true(iommu_attach(f));
        no_interrupts(round % 2, f->requester);
        check_dma(0, f->requester, 0x1000, true);
        check_dma(1, f->requester, 0x1000, true);
        for (unsigned v = 0; v < f->vectors; v++) {
            assert_true(iommu_interrupt_set(f, v, v % 4, (uint8_t)(0x30 + v), &message));
            assert_true(fake_vtd_message(0, f->requester, message.address, message.data, &m));
        }
        assert_true(iommu_detach(f));
        denied[i] = true;
        for (unsigned unit = 0; unit < 2; unit++) {
            no_interrupts(unit, f->requester);
            for (unsigned k = 0; k < ARRAY_SIZE(interesting); k++)
                check_dma(unit, f->requester, interesting[k], false);
        }
    }
}

static void test_sep1_lives_of_functions(void **state)
{
    (void)state;
    lives(0);
}

static void test_lives_with_caching_mode(void **state)
{
    (void)state;
    lives(1u << 7);
}

static void test_lives_behind_a_write_buffer(void **state)
{
    (void)state;
    lives(1u << 4);
}

static void test_ac31_faults_of_a_function_cut_off_are_not_recorded(void **state)
{
    struct iommu_fault fault;

    (void)state;
    start(1);
    check_dma(0, 0x0010, MIB(100), true);
    assert_true(iommu_fault_next(&fault));
    assert_false(iommu_fault_next(&fault));
    assert_true(iommu_detach(function_of(0x0010)));
    check_dma(0, 0x0010, MIB(100), false);
    assert_false(iommu_fault_next(&fault));
    check_dma(0, 0x0011, MIB(100), false);
    assert_true(iommu_fault_next(&fault));
    assert_int_equal(fault.requester, 0x0011);
}

static void test_a_function_without_table_or_bus_is_our_own_fault(void **state)
{
    struct plan_function stranger;

    (void)state;
    fake_vtd_reset(1);
    assert_null(check());
    assert_null(iommu_on());
    stranger = plan.functions[0];
    stranger.requester = 0x0200;
    iommu_domain(0);
    assert_true(FAKE_ENDS(iommu_attach(&stranger)));
    stranger = plan.functions[0];
    stranger.vectors = PLAN_MAX_VECTORS + 1;
    assert_true(FAKE_ENDS(iommu_attach(&stranger)));
    stranger = plan.functions[0];
    stranger.interrupt = 42;
    assert_true(FAKE_ENDS(iommu_attach(&stranger)));
}

/* --- interrupts ------------------------------------------------------------------------------------------------------------------------------ */

static void test_sep3_only_its_own_entries(void **state)
{
    struct iommu_message message;
    struct fake_message m;

    (void)state;
    start(1);
    for (unsigned i = 0; i < plan.function_count; i++)
        for (unsigned v = 0; v < plan.functions[i].vectors; v++) {
            assert_true(iommu_interrupt_set(&plan.functions[i], v, i % 4, (uint8_t)(0x40 + 8 * i + v % 8), &message));
            assert_int_equal(message.address >> 20, 0xfee);
            assert_int_equal(message.data, 0);
            assert_true(fake_vtd_message(0, plan.functions[i].requester, message.address, message.data, &m));
            assert_int_equal(m.apic_id, i % 4);
            assert_int_equal(m.vector, 0x40 + 8 * i + v % 8);
            assert_int_equal(m.mode, 0);
        }
    iommu_pin_nmi(0, 2, 1);
    iommu_pin_nmi(1, 4, 1);
    for (unsigned requester = 0; requester < 65536; requester++) {
        const struct plan_function *f = function_of((uint16_t)requester);

        for (unsigned index = f ? 0 : requester % 16; index < 256; index += f ? 1 : 16) {
            bool own =
                f != NULL ? index >= f->interrupt && index < f->interrupt + f->vectors : requester == IOAPIC && index - 42 < 2;

            assert_int_equal(fake_vtd_message(0, (uint16_t)requester, 0xfee00010 | index << 5, 0, &m), own);
        }
    }
}

static void test_sep3_any_address_and_data(void **state)
{
    const struct plan_function *f;
    struct iommu_message message;
    struct fake_message m;

    (void)state;
    start(1);
    f = function_of(0x0101);
    assert_true(iommu_interrupt_set(f, 3, 2, 0x77, &message));
    for (unsigned i = 0; i < 400000; i++) {
        uint64_t address = 0xfee00000 | (random_next() & 0xffffc), data = random_next();

        if (fake_vtd_message(0, f->requester, i % 4 ? address : message.address | 8, (uint32_t)data, &m)) {
            assert_int_equal(m.apic_id, 2);
            assert_int_equal(m.vector, 0x77);
            assert_int_equal(m.mode, 0);
        }
    }
}

static bool old_or_new;
static void still_delivered(unsigned unit)
{
    struct fake_message m;

    if (!old_or_new)
        return;
    assert_true(fake_vtd_message(unit, 0x0100, 0xfee00010 | 6 << 5, 0, &m));
    assert_true((m.apic_id == 1 && m.vector == 0x41) || (m.apic_id == 2 && m.vector == 0x52));
}

static void test_an_interrupt_moves_without_being_lost(void **state)
{
    struct iommu_message message;
    struct fake_message m;

    (void)state;
    start(2);
    fake_vtd_meanwhile = still_delivered;
    assert_true(iommu_interrupt_set(function_of(0x0100), 1, 1, 0x41, &message));
    old_or_new = true;
    assert_true(iommu_interrupt_set(function_of(0x0100), 1, 2, 0x52, &message));
    old_or_new = false;
    for (unsigned unit = 0; unit < 2; unit++) {
        assert_true(fake_vtd_message(unit, 0x0100, message.address, message.data, &m));
        assert_int_equal(m.apic_id, 2);
    }
    assert_true(iommu_interrupt_clear(function_of(0x0100), 1));
    for (unsigned unit = 0; unit < 2; unit++)
        assert_false(fake_vtd_message(unit, 0x0100, message.address, message.data, &m));
}

static void test_sep3_impossible_interrupts_are_our_own_fault(void **state)
{
    const struct plan_function *f;
    struct iommu_message message;

    (void)state;
    start(1);
    f = function_of(0x0100);
    assert_true(FAKE_ENDS(iommu_interrupt_set(f, 4, 1, 0x40, &message)));
    assert_true(FAKE_ENDS(iommu_interrupt_set(f, ~0u, 1, 0x40, &message)));
    assert_true(FAKE_ENDS(iommu_interrupt_set(f, 0, 255, 0x40, &message)));
    assert_true(FAKE_ENDS(iommu_interrupt_set(f, 0, 1, 15, &message)));
    assert_true(FAKE_ENDS(iommu_interrupt_clear(f, 4)));
    assert_true(FAKE_ENDS(iommu_pin_nmi(2, 4, 1)));
}

static void test_pins_are_nmis_of_the_io_apic_alone(void **state)
{
    (void)state;
    for (unsigned wide = 0; wide < 2; wide++) {
        struct fake_message m;
        uint64_t tick, uart;

        start(1);
        if (wide) {
            fake_vtd_reset(1);
            fake_vtd[0].ecap |= 1u << 4;
            fake_x2apic = true;
            assert_null(check());
            assert_null(iommu_on());
        }
        tick = iommu_pin_nmi(0, 2, 3);
        uart = iommu_pin_nmi(1, 4, 3);
        assert_int_not_equal(tick, uart);
        assert_true(fake_vtd_pin(0, IOAPIC, tick, &m));
        assert_int_equal(m.apic_id, 3);
        assert_int_equal(m.mode, 4);
        assert_true(fake_vtd_pin(0, IOAPIC, uart, &m));
        assert_int_equal(m.mode, 4);
        assert_false(fake_vtd_pin(0, 0x0010, tick, &m));
        assert_false(fake_vtd_pin(0, 0, uart, &m));
    }
}

static void test_large_interrupt_table(void **state)
{
    struct plan_function many = {
        .role = "many", .requester = 0x0010, .vectors = 32, .interrupt = 2016, .physical = PLAN_NO_FUNCTION};
    struct iommu_message message;
    struct fake_message m;

    (void)state;
    fake_vtd_reset(1);
    fake_plan.functions = &many;
    fake_plan.function_count = 1;
    fake_plan.interrupts = 2050;
    assert_null(check());
    assert_null(iommu_on());
    iommu_domain(0);
    assert_true(iommu_attach(&many));
    assert_true(iommu_interrupt_set(&many, 31, 1, 0x99, &message));
    assert_true(fake_vtd_message(0, 0x0010, message.address, message.data, &m));
    assert_int_equal(m.vector, 0x99);
    assert_int_equal(2u << (fake_vtd[0].irta & 15), 4096);
    for (unsigned index = 0; index < 65536; index++)
        assert_int_equal(fake_vtd_message(0, 0x0010, 0xfee00010 | (index & 0x7fff) << 5 | index >> 15 << 2, 0, &m), index == 2047);
    assert_null(iommu_audit_units());
}

/* --- a queue that fails: AC-31 --------------------------------------------------------------------------------------------------------------- */

static void test_ac31_a_unit_that_never_completes(void **state)
{
    struct iommu_message message;
    uint64_t before;

    (void)state;
    for (unsigned unit = 0; unit < 2; unit++) {
        start(2);
        fake_vtd[unit].deaf = true;
        before = fake.ticks;
        assert_false(iommu_interrupt_set(&plan.functions[0], 0, 0, 0x40, &message));
        assert_false(iommu_detach(&plan.functions[0]));
        assert_false(iommu_attach(&plan.functions[1]));
        assert_true(fake.ticks - before < 400ull * fake.khz);
        fake_vtd[unit].deaf = false;
        assert_true(iommu_attach(&plan.functions[1]));
        check_dma(unit, plan.functions[1].requester, 0x1000, true);
        assert_true(iommu_detach(&plan.functions[0]));
        check_dma(unit, plan.functions[0].requester, 0x1000, false);
    }
}

/* An attach that is not confirmed leaves the function denied. */
static void test_ac31_unconfirmed_is_denied(void **state)
{
    (void)state;
    start(1);
    assert_true(iommu_detach(&plan.functions[0]));
    fake_vtd[0].deaf = true;
    assert_false(iommu_attach(&plan.functions[0]));
    for (unsigned i = 0; i < ARRAY_SIZE(interesting); i++)
        check_dma(0, plan.functions[0].requester, interesting[i], false);
}

static void test_ac31_queue_errors_are_recovered_from_once(void **state)
{
    static const uint32_t errors[] = {1u << 4, 1u << 5, 1u << 6};

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(errors); i++) {
        start(2);
        fake_vtd[1].error = errors[i];
        fake_vtd[1].errors = 1;
        assert_true(iommu_detach(&plan.functions[0]));
        assert_int_equal(fake_vtd[1].errors_seen, 1);
        check_dma(1, plan.functions[0].requester, 0x1000, false);
        fake_vtd[1].errors = 1000;
        assert_false(iommu_attach(&plan.functions[0]));
        assert_true(fake_vtd[1].errors_seen < 20);
        fake_vtd[1].errors = 0;
        assert_true(iommu_attach(&plan.functions[0]));
        check_dma(1, plan.functions[0].requester, 0x1000, true);
    }
}

/* The answer to an earlier question, which comes now, is none to this one. */
static void test_ac31_a_late_answer_is_none(void **state)
{
    (void)state;
    start(1);
    fake_vtd[0].late = true;
    assert_false(iommu_detach(&plan.functions[0]));
}

static void test_the_queue_goes_round(void **state)
{
    (void)state;
    start(1);
    for (unsigned i = 0; i < 300; i++) {
        assert_true(iommu_detach(&plan.functions[2])); /* 36 descriptors each */
        assert_true(iommu_attach(&plan.functions[2]));
        check_dma(0, plan.functions[2].requester, 0x1000, true);
    }
}

/* --- faults -------------------------------------------------------------------------------------------------------------------------------- */

static void test_faults_are_named(void **state)
{
    struct iommu_fault fault;
    struct fake_message m;
    uint64_t hpa;

    (void)state;
    start(2);
    assert_false(iommu_fault_next(&fault));
    assert_false(fake_vtd_dma(1, 0x0100, 0x123456789, true, &hpa));
    assert_true(iommu_fault_next(&fault));
    assert_int_equal(fault.requester, 0x0100);
    assert_int_equal(fault.address, 0x123456000);
    assert_int_equal(fault.reason, 5);
    assert_true(fault.write && !fault.interrupt);
    assert_false(iommu_fault_next(&fault));
    assert_false(fake_vtd_dma(0, 0x0333, 0x2000, false, &hpa));
    assert_true(iommu_fault_next(&fault));
    assert_int_equal(fault.requester, 0x0333);
    assert_int_equal(fault.reason, 2);
    assert_true(!fault.write && !fault.interrupt);
    assert_false(fake_vtd_message(0, 0x0010, 0xfee00010 | 7 << 5, 0, &m));
    assert_true(iommu_fault_next(&fault));
    assert_int_equal(fault.reason, 0x22);
    assert_int_equal(fault.address, 7);
    assert_true(fault.interrupt);
    assert_false(iommu_faults_lost());
    assert_false(iommu_fault_next(&fault));
}

static void test_ac31_fault_flood(void **state)
{
    static const uint64_t caps[] = {0xd2008c22260206, 0xd2078c22260206, 0xd2ff8c10260206, 0xd2008cee260206, 0xd2ff8fff260206};
    uint64_t hpa;

    (void)state;
    for (unsigned c = 0; c < ARRAY_SIZE(caps); c++)
        for (unsigned compress = 0; compress < 2; compress++) {
            unsigned room = (unsigned)(caps[c] >> 40 & 0xff) + 1;
            struct iommu_fault fault;

            fake_vtd_reset(1);
            fake_vtd[0].cap = caps[c];
            fake_vtd[0].compress = compress;
            assert_null(check());
            assert_null(iommu_on());
            for (unsigned round = 0; round < 5; round++) {
                unsigned got = 0;

                for (unsigned i = 0; i < room + round; i++)
                    assert_false(fake_vtd_dma(0, (uint16_t)(0x1000 + i), i * PAGE_SIZE, true, &hpa));
                while (iommu_fault_next(&fault)) {
                    assert_int_equal(fault.address, got * PAGE_SIZE); /* the oldest first */
                    assert_int_equal(fault.requester, 0x1000 + got);
                    got++;
                }
                assert_int_equal(got, room);
                assert_int_equal(iommu_faults_lost(), round > 0);
                assert_false(iommu_faults_lost());
            }
        }
}

static void test_faults_of_the_firmware_are_forgotten(void **state)
{
    struct iommu_fault fault;

    (void)state;
    fake_vtd_reset(1);
    fake_vtd[0].record[0][1] = 1ull << 63 | 0x1234;
    fake_vtd[0].fsts = 0x83;
    assert_null(check());
    assert_null(iommu_on());
    assert_false(iommu_fault_next(&fault));
    assert_false(iommu_faults_lost());
}

/* --- audit ----------------------------------------------------------------------------------------------------------------------------------- */

static void test_audit_sees_what_is_there(void **state)
{
    struct iommu_message message;

    (void)state;
    for (unsigned small = 0; small < 2; small++) {
        fake_vtd_reset(2);
        fake_vtd[1].cap &= small ? ~(15ull << 34) : ~0ull;
        assert_null(check());
        assert_null(iommu_on());
        domains();
        assert_null(iommu_audit_units());
        for (unsigned i = 0; i < plan.function_count; i++)
            assert_true(iommu_attach(&plan.functions[i]));
        assert_true(iommu_interrupt_set(&plan.functions[2], 1, 1, 0x71, &message));
        assert_true(iommu_interrupt_set(&plan.functions[2], 30, 3, 0x72, &message));
        iommu_pin_nmi(1, 4, 3);
        assert_null(iommu_audit_units());
        for (unsigned bus = 0; bus < 256; bus++) {
            bool any = false;

            for (unsigned i = 0; i < 256; i++)
                any = any || function_of((uint16_t)(bus << 8 | i)) != NULL;
            assert_int_equal(iommu_audit_bus_denied(bus), !any);
        }
        for (unsigned requester = 0; requester < 65536; requester++) {
            const struct plan_function *f = function_of((uint16_t)requester);
            struct iommu_rights rights = iommu_audit_rights((uint16_t)requester);
            struct iommu_leaf leaf = {0};
            uint64_t bytes = 0, expected = 0;

            assert_int_equal(rights.dma, f != NULL);
            assert_int_equal(rights.domain, f != NULL ? f->partition + 1 : 0);
            assert_int_equal(rights.interrupts, requester == 0x0101 ? 2 : requester == IOAPIC ? 1 : 0);
            for (uint64_t at = 0; iommu_audit_leaf((uint16_t)requester, at, &leaf); at = leaf.iova + leaf.size) {
                assert_true(leaf.iova >= at && leaf.read && leaf.write);
                assert_int_equal(leaf.size, small ? PAGE_SIZE : LARGE_SIZE);
                assert_int_equal(leaf.hpa, ram_of(f->partition, leaf.iova));
                bytes += leaf.size;
            }
            for (unsigned i = 0; f != NULL && i < plan.partitions[f->partition].ram_count; i++)
                expected += plan.partitions[f->partition].ram[i].size;
            assert_int_equal(bytes, expected);
        }
    }
}

static void test_audit_sees_interrupts(void **state)
{
    struct iommu_message message;
    uint32_t apic_id;
    uint8_t vector;
    bool nmi;

    (void)state;
    for (unsigned wide = 0; wide < 2; wide++) {
        fake_vtd_reset(1);
        fake_vtd[0].ecap |= 1u << 4;
        fake_x2apic = wide;
        assert_null(check());
        assert_null(iommu_on());
        domains();
        assert_true(iommu_attach(&plan.functions[1]));
        assert_true(iommu_interrupt_set(&plan.functions[1], 3, 2, 0x71, &message));
        iommu_pin_nmi(0, 2, 3);
        fake_vtd[0].reads = 0;
        assert_null(iommu_audit_units());
        for (unsigned requester = 0; requester < 65536; requester++)
            for (unsigned index = 0; index < 34; index++) {
                bool pin = requester == IOAPIC && index == 0;
                bool there = pin || (requester == 0x0100 && index == 3);

                assert_int_equal(iommu_audit_interrupt((uint16_t)requester, index, &apic_id, &vector, &nmi), there);
                if (!there)
                    continue;
                assert_int_equal(apic_id, pin ? 3 : 2);
                assert_int_equal(vector, pin ? 0 : 0x71);
                assert_int_equal(nmi, pin);
            }
        assert_true(fake_vtd[0].reads < 16); /* a register is slow, and an audit keeps other partitions waiting */
    }
}

/* Its owner may be stopping: what is a function's may be half written, and only who holds its owner's gate may look at it. */
static void test_audit_of_units_while_an_owner_stops(void **state)
{
    uint64_t *irte, *context, before;
    uint32_t apic_id;
    uint8_t vector;
    bool nmi;

    (void)state;
    start(1);
    irte = (uint64_t *)(uintptr_t)(fake_vtd[0].irta & 0x000ffffffffff000) + 2 * (size_t)plan.functions[1].interrupt;
    irte[0] = 1; /* its source is gone already */
    irte[1] = 0;
    assert_null(iommu_audit_units());
    assert_true(iommu_audit_interrupt(plan.functions[1].requester, 0, &apic_id, &vector, &nmi));
    assert_int_equal(apic_id, UINT32_MAX);
    irte[0] = 0;
    context = (uint64_t *)(uintptr_t)(*(uint64_t *)(uintptr_t)(fake_vtd[0].rtaddr + 16) & 0x000ffffffffff000);
    before = context[1];
    context[1] = 0;
    assert_null(iommu_audit_units());
    assert_int_equal(iommu_audit_rights(plan.functions[1].requester).domain, 0xffff);
    context[1] = before;
}

/* Entries that no function and no pin has stay absent. */
static void test_audit_finds_entries_of_nobody(void **state)
{
    (void)state;
    start(1);
    for (unsigned index = 0; index < 256; index++) {
        uint64_t *entry = (uint64_t *)(uintptr_t)(fake_vtd[0].irta & 0x000ffffffffff000) + 2 * index;
        bool owned = index - (plan.interrupts - 2) < 2;

        for (unsigned i = 0; i < plan.function_count; i++)
            owned =
                owned || (index >= plan.functions[i].interrupt && index - plan.functions[i].interrupt < plan.functions[i].vectors);
        if (owned)
            continue;
        *entry |= 1;
        assert_says(iommu_audit_units(), "nobody's block");
        *entry = 0;
    }
    assert_null(iommu_audit_units());
}

/* The word of a table in the pool. */
static uint64_t *word(uint64_t table_hpa, unsigned index)
{
    return (uint64_t *)(uintptr_t)(table_hpa & 0x000ffffffffff000) + index;
}

static void test_audit_finds_units_that_changed(void **state)
{
    (void)state;
    start(2);
    assert_null(iommu_audit_units());
    for (unsigned unit = 0; unit < 2; unit++) {
        static const uint32_t flips[] = {1u << 31, 1u << 26, 1u << 25, 1u << 23, 1u << 28};

        for (unsigned i = 0; i < ARRAY_SIZE(flips); i++) {
            fake_vtd[unit].gsts ^= flips[i];
            assert_says(iommu_audit_units(), "not on");
            fake_vtd[unit].gsts ^= flips[i];
        }
        fake_vtd[unit].rtaddr ^= 0x400;
        assert_says(iommu_audit_units(), "other tables");
        fake_vtd[unit].rtaddr ^= 0x400;
        fake_vtd[unit].irta ^= 0x800;
        assert_says(iommu_audit_units(), "other tables");
        fake_vtd[unit].irta ^= 0x800;
    }
    fake_vtd[0].rtaddr = fake_vtd[1].rtaddr |= 0x400; /* scalable mode */
    assert_says(iommu_audit_units(), "other tables");
    fake_vtd[0].rtaddr = fake_vtd[1].rtaddr = 0x1000;
    assert_true(FAKE_ENDS(iommu_audit_units()));
    assert_true(FAKE_ENDS(iommu_audit_rights(0x0100)));
}

/* Every bit of the entries that are there: found as a mismatch, or seen in what the audit reports. */
static void test_audit_finds_every_bit(void **state)
{
    struct iommu_message message;
    uint64_t *places[6];

    (void)state;
    start(1);
    assert_true(iommu_interrupt_set(&plan.functions[1], 3, 2, 0x71, &message));
    places[0] = word(fake_vtd[0].rtaddr, 2 * 1); /* root of bus 1 */
    places[1] = places[0] + 1;
    places[2] = word(*places[0], 0); /* context of 01:00.0 */
    places[3] = places[2] + 1;
    places[4] = word(fake_vtd[0].irta, 2 * (5 + 3)); /* its interrupt */
    places[5] = places[4] + 1;
    for (unsigned p = 0; p < 6; p++)
        for (unsigned bit = 0; bit < 64; bit++) {
            struct iommu_rights rights = {0};
            struct iommu_leaf leaf;
            uint32_t apic_id = 0;
            uint8_t vector = 0;
            bool nmi = false, same = false, ended;
            const char *why = NULL;

            *places[p] ^= 1ull << bit;
            ended = FAKE_ENDS({
                why = iommu_audit_units();
                rights = iommu_audit_rights(0x0100);
                same = why == NULL && rights.dma && rights.domain == 2 && rights.interrupts == 1 &&
                       iommu_audit_leaf(0x0100, 0, &leaf) && leaf.iova == 0 && leaf.hpa == MIB(128) &&
                       iommu_audit_interrupt(0x0100, 3, &apic_id, &vector, &nmi) && apic_id == 2 && vector == 0x71 && !nmi;
            });
            if (!ended && same)
                fail_msg("bit %u of place %u is not seen", bit, p);
            *places[p] ^= 1ull << bit;
        }
    assert_null(iommu_audit_units());
}

static void test_audit_finds_foreign_leaves(void **state)
{
    struct iommu_leaf leaf;
    uint64_t *context, *top, *middle;

    (void)state;
    start(1);
    context = word(*word(fake_vtd[0].rtaddr, 2), 0);
    top = word(context[0], 0);
    middle = word(*top, 4); /* behind 8 MiB: nothing yet */
    *middle = 0xbad00000 | 0x83;
    assert_true(iommu_audit_leaf(0x0100, MIB(8), &leaf));
    assert_int_equal(leaf.iova, MIB(8));
    assert_int_equal(leaf.size, MIB(2));
    *middle = 0xbad00000 | 0x81;
    assert_true(iommu_audit_leaf(0x0100, MIB(8) + 5, &leaf));
    assert_true(leaf.read && !leaf.write);
    *middle = 0xbad00000 | 0x883; /* a bit that means something on some parts */
    assert_true(FAKE_ENDS(iommu_audit_leaf(0x0100, MIB(8), &leaf)));
    *middle = 0xbad00000 | 3; /* a table out of the pool */
    assert_true(FAKE_ENDS(iommu_audit_leaf(0x0100, MIB(8), &leaf)));
    *middle = 0;
    top[511] = *top;
    assert_true(iommu_audit_leaf(0x0100, MIB(8), &leaf));
    assert_int_equal(leaf.iova, GIB(511));
    assert_false(iommu_audit_leaf(0x0100, GIB(512), &leaf));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_capabilities_of_real_units),
        cmocka_unit_test(test_units_need_one_kind_of_table),
        cmocka_unit_test(test_width_follows_the_owners_ram),
        cmocka_unit_test(test_too_many_partitions_for_the_domains),
        cmocka_unit_test(test_firmware_table_is_asked_first),
        cmocka_unit_test(test_ac28_everything_is_denied_at_first),
        cmocka_unit_test(test_sep6_messages_of_the_old_form_are_blocked),
        cmocka_unit_test(test_what_the_firmware_left_on_is_switched_off),
        cmocka_unit_test(test_protected_regions_are_left_alone_where_there_are_none),
        cmocka_unit_test(test_a_unit_that_does_not_follow_is_refused),
        cmocka_unit_test(test_a_firmware_queue_that_is_not_empty_is_refused),
        cmocka_unit_test(test_tables_that_are_not_taken_are_refused),
        cmocka_unit_test(test_sep1_dma_of_every_requester),
        cmocka_unit_test(test_sep1_random_dma),
        cmocka_unit_test(test_small_pages_where_large_are_unknown),
        cmocka_unit_test(test_sep1_lives_of_functions),
        cmocka_unit_test(test_lives_with_caching_mode),
        cmocka_unit_test(test_lives_behind_a_write_buffer),
        cmocka_unit_test(test_ac31_faults_of_a_function_cut_off_are_not_recorded),
        cmocka_unit_test(test_a_function_without_table_or_bus_is_our_own_fault),
        cmocka_unit_test(test_sep3_only_its_own_entries),
        cmocka_unit_test(test_sep3_any_address_and_data),
        cmocka_unit_test(test_an_interrupt_moves_without_being_lost),
        cmocka_unit_test(test_sep3_impossible_interrupts_are_our_own_fault),
        cmocka_unit_test(test_pins_are_nmis_of_the_io_apic_alone),
        cmocka_unit_test(test_large_interrupt_table),
        cmocka_unit_test(test_ac31_a_unit_that_never_completes),
        cmocka_unit_test(test_ac31_unconfirmed_is_denied),
        cmocka_unit_test(test_ac31_queue_errors_are_recovered_from_once),
        cmocka_unit_test(test_ac31_a_late_answer_is_none),
        cmocka_unit_test(test_the_queue_goes_round),
        cmocka_unit_test(test_faults_are_named),
        cmocka_unit_test(test_ac31_fault_flood),
        cmocka_unit_test(test_faults_of_the_firmware_are_forgotten),
        cmocka_unit_test(test_audit_sees_what_is_there),
        cmocka_unit_test(test_audit_sees_interrupts),
        cmocka_unit_test(test_audit_of_units_while_an_owner_stops),
        cmocka_unit_test(test_audit_finds_entries_of_nobody),
        cmocka_unit_test(test_audit_finds_units_that_changed),
        cmocka_unit_test(test_audit_finds_every_bit),
        cmocka_unit_test(test_audit_finds_foreign_leaves),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
