/* SPDX-License-Identifier: Apache-2.0 */
/* AMD-Vi against units that cache all they may (AC-27, AC-28, AC-30, AC-31; SEP-1, SEP-3, SEP-6): what every one of the 65,536 requester ids
 * can reach, by DMA and by messages, at each stage. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "amdvi.h"
#include "fake_amdvi.h"
#include "fake_arch.h"
#include "iommu.h"

static unsigned log_lines;

void log_line(const char *format, ...)
{
    (void)format;
    log_lines++;
}

static uint32_t seed;
static uint32_t random_next(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 17;
    return seed ^= seed << 5;
}

static void machine_new(void)
{
    fake_reset();
    fake.step = 1000; /* a look at the clock takes a microsecond */
    fake_amdvi_reset();
    amdvi_unit_count = 0;
    memset(amdvi_units, 0, sizeof(amdvi_units));
}

static const char *check(void)
{
    static uint8_t table[256];
    size_t size = fake_ivrs(table);

    return iommu_check(table, size);
}

/* As the boot does it. */
static void machine_on(void)
{
    assert_null(check());
    assert_null(iommu_on());
    for (unsigned p = 0; p < fake_plan.partition_count; p++)
        iommu_domain(p);
}

static void setup(void)
{
    machine_new();
    machine_on();
}

#define F(n) (&fake_functions[n])
#define SAYS(refusal, part) assert_non_null(strstr((refusal) ?: "", part))

/* --- what is allowed -------------------------------------------------------------------------------------------------------------- */

static bool attached[PLAN_MAX_FUNCTIONS];
static struct {
    bool present;
    uint32_t apic_id;
    uint8_t vector;
} wanted[PLAN_MAX_FUNCTIONS][PLAN_MAX_VECTORS];

static int function_of(uint16_t requester)
{
    for (unsigned i = 0; i < fake_plan.function_count; i++)
        if (F(i)->requester == requester)
            return (int)i;
    return -1;
}

static bool dma_allowed(uint16_t requester, uint64_t iova, uint64_t *hpa)
{
    int f = function_of(requester);

    if (f < 0 || !attached[f])
        return false;
    for (unsigned i = 0; i < fake_partitions[F(f)->partition].ram_count; i++) {
        const struct plan_ram *r = &fake_partitions[F(f)->partition].ram[i];

        *hpa = r->hpa.v + (iova - r->gpa.v);
        if (iova >= r->gpa.v && iova - r->gpa.v < r->size)
            return true;
    }
    return false;
}

static void dma_check(unsigned unit, uint16_t requester, uint64_t iova, bool write)
{
    uint64_t expected = 0, hpa;
    bool allowed = dma_allowed(requester, iova, &expected);

    assert_int_equal(fake_dma(unit, requester, iova, write, &hpa), allowed);
    if (allowed)
        assert_int_equal(hpa, expected);
}

static void message_check(unsigned unit, uint16_t requester, uint32_t data)
{
    struct fake_interrupt got;
    bool nmi = requester == FAKE_IOAPIC && (data >> 8 & 7) == 4;
    int f = function_of(requester);
    unsigned index = data & 0x7ff;
    bool allowed = f >= 0 && index < PLAN_MAX_VECTORS && wanted[f][index].present;

    assert_int_equal(fake_message(unit, requester, 0xfee01000, data, &got), allowed || nmi);
    assert_int_equal(got.translated, allowed);
    if (!allowed)
        return;
    assert_int_equal(got.apic_id, wanted[f][index].apic_id);
    assert_int_equal(got.vector, wanted[f][index].vector);
    assert_int_equal(got.type, 0);
}

static const uint64_t edges[] = {0,
                                 0xfff,
                                 MIB(4) - 1,
                                 MIB(4),
                                 MIB(16) - 1,
                                 MIB(16),
                                 MIB(32) - 1,
                                 MIB(32),
                                 MIB(256),
                                 MIB(320),
                                 MIB(400),
                                 GIB(4) - 1,
                                 GIB(4),
                                 GIB(4) + MIB(8) - 1,
                                 GIB(4) + MIB(8),
                                 0xfed00000,
                                 1ull << 39,
                                 1ull << 47,
                                 (1ull << 48) - 1,
                                 1ull << 48,
                                 ~0ull};

/* All requester ids at all units. */
static void all_check(void)
{
    static const uint32_t messages[] = {0, 1, 2, 7, 8, 31, 32, 255, 256, 0x200, 0x300, 0x400, 0x500, 0x600, 0x700, 0x7ff};

    for (unsigned unit = 0; unit < FAKE_UNITS; unit++)
        for (unsigned id = 0; id < 65536; id++) {
            for (unsigned i = 0; i < ARRAY_SIZE(edges); i++)
                dma_check(unit, (uint16_t)id, edges[i], i % 2);
            for (unsigned i = 0; i < ARRAY_SIZE(messages); i++)
                message_check(unit, (uint16_t)id, messages[i]);
        }
}

static void expectations_clear(void)
{
    memset(attached, 0, sizeof(attached));
    memset(wanted, 0, sizeof(wanted));
}

/* --- boot ---------------------------------------------------------------------------------------------------------------------------- */

static void everything_is_denied_from_the_start(void **state)
{
    (void)state;
    setup();
    expectations_clear();
    all_check();
}

static void only_attached_functions_reach_only_their_owner(void **state)
{
    (void)state;
    setup();
    expectations_clear();
    for (unsigned i = 0; i < fake_plan.function_count; i++) {
        assert_true(iommu_attach(F(i)));
        attached[i] = true;
    }
    all_check();
    for (unsigned i = 0; i < fake_plan.function_count; i++) {
        assert_true(iommu_detach(F(i)));
        attached[i] = false;
    }
    all_check();
}

/* The order of AC-28: what was on is switched off, logs and commands first; then new tables, then on. */
static void what_the_firmware_left_on_is_switched_off_first(void **state)
{
    (void)state;
    machine_new();
    for (unsigned u = 0; u < FAKE_UNITS; u++) {
        fake_units[u].regs[0x00 / 8] = 0x1000;
        fake_units[u].regs[0x18 / 8] = 0x00041007 | 1ull << 13 | 1ull << 28 | 1ull << 34;
        fake_units[u].regs[0x20 / 8] = 0x100003;
        fake_units[u].regs[0x28 / 8] = 0x200000;
        fake_units[u].regs[0x2000 / 8] = fake_units[u].regs[0x2008 / 8] = 0x120;
        fake_units[u].regs[0x2010 / 8] = 0x40;
        fake_units[u].regs[0x2020 / 8] = 0x199;
    }
    machine_on();
    for (unsigned u = 0; u < FAKE_UNITS; u++) {
        assert_false(fake_units[u].log_was_off_late);
        assert_int_equal(fake_units[u].regs[0x20 / 8], 0);
        assert_int_equal(fake_units[u].regs[0x28 / 8], 0);
        assert_int_equal(fake_units[u].illegal, 0);
        /* on, events, coherent, commands, and what the IVRS table says of this unit */
        assert_int_equal(fake_units[u].regs[0x18 / 8], 0x1405 | (u ? 0x100 : 0xb02));
    }
    expectations_clear();
    all_check();
}

static const char *on_with(void (*spoil)(struct fake_unit *))
{
    machine_new();
    assert_null(check());
    spoil(&fake_units[1]);
    return iommu_on();
}

static void never_stops(struct fake_unit *u)
{
    u->regs[0x18 / 8] = 5;
    u->regs[0x2020 / 8] = 8;
    u->never_stops = true;
}

static void stays_on(struct fake_unit *u)
{
    u->wired = 1;
}

static void never_starts(struct fake_unit *u)
{
    u->never_starts = true;
}

static void hangs(struct fake_unit *u)
{
    u->hangs = true;
}

static void not_coherent(struct fake_unit *u)
{
    u->wired_zero = 1ull << 10;
}

static void has_segments(struct fake_unit *u)
{
    u->wired = 1ull << 34;
}

static void other_table(struct fake_unit *u)
{
    u->other_table = 0x12345000;
}

static void has_tunnel(struct fake_unit *u)
{
    u->wired = 1ull << 1;
}

static void a_unit_that_does_not_obey_is_refused(void **state)
{
    uint64_t before;

    (void)state;
    assert_string_equal(
        on_with(never_stops) ?: "",
        "AMDVI-2: a unit that the firmware left on does not stop: switch DMA protection off in its setup, or power off once");
    before = fake.ticks - fake.boot_ticks;
    assert_true(before < 30 * fake.khz); /* bounded: 10 ms and a bit */
    SAYS(on_with(stays_on), "does not stop");
    SAYS(on_with(never_starts), "does not start");
    SAYS(on_with(hangs), "first command");
    assert_true(fake.ticks - fake.boot_ticks < 30 * fake.khz);
    SAYS(on_with(not_coherent), "control register");
    SAYS(on_with(has_segments), "control register");
    SAYS(on_with(other_table), "another device table");
    assert_null(on_with(has_tunnel)); /* wired to what protects nothing */
}

static void a_unit_that_cannot_is_refused(void **state)
{
    uint8_t table[256];

    (void)state;
    machine_new();
    SAYS(iommu_check(NULL, 0), "no IVRS");
    SAYS(iommu_check(table, 20), "too short");
    assert_null(check());
    fake_units[1].regs[0x30 / 8] &= ~(1ull << 6);
    SAYS(check(), "IASup");
    fake_units[1].regs[0x30 / 8] = 1ull << 6; /* as QEMU's, which has no XT */
    assert_null(check());
    fake_x2apic = true;
    SAYS(check(), "x2APIC");
    fake_units[1].regs[0x30 / 8] |= 1ull << 2;
    SAYS(check(), "x2APIC");
    fake_units[1].regs[0x30 / 8] |= 1ull << 7;
    assert_null(check());
}

static void a_table_must_be_built_before_it_is_attached(void **state)
{
    (void)state;
    machine_new();
    fake_partitions[2].ram_count = BOARD_MAX_RAM + 3;
    if (setjmp(fake.end) == 0) {
        fake.end_armed = true;
        iommu_domain(2);
        fail();
    }
    assert_int_equal(fake.crashes, 1);
}

/* --- life ------------------------------------------------------------------------------------------------------------------------------ */

static void interrupts_random(unsigned i)
{
    unsigned index = random_next() % F(i)->vectors;
    struct iommu_message message;

    if (random_next() % 4 == 0) {
        assert_true(iommu_interrupt_clear(F(i), index));
        wanted[i][index].present = false;
        return;
    }
    wanted[i][index].present = true;
    wanted[i][index].apic_id = random_next() % 255;
    wanted[i][index].vector = (uint8_t)random_next();
    assert_true(iommu_interrupt_set(F(i), index, wanted[i][index].apic_id, wanted[i][index].vector, &message));
    assert_int_equal(message.address, 0xfee00000);
    assert_int_equal(message.data, index);
}

static void any_order_of_steps(bool x2apic)
{
    machine_new();
    fake_x2apic = x2apic;
    machine_on();
    expectations_clear();
    seed = 0x2468ace;
    for (unsigned round = 0; round < 3000; round++) {
        unsigned i = random_next() % fake_plan.function_count;

        switch (random_next() % 4) {
        case 0:
            assert_true(iommu_attach(F(i)));
            attached[i] = true;
            break;
        case 1:
            assert_true(iommu_detach(F(i)));
            attached[i] = false;
            memset(wanted[i], 0, sizeof(wanted[i]));
            break;
        default:
            interrupts_random(i);
        }
        for (unsigned n = 0; n < 60; n++) {
            unsigned unit = random_next() % FAKE_UNITS;
            uint16_t id = F(random_next() % fake_plan.function_count)->requester;

            dma_check(unit, id, random_next() % 3 ? random_next() % MIB(40) : GIB(4) + random_next() % MIB(10), n % 2);
            message_check(unit, id, random_next() % (n % 2 ? 40 : 2048));
        }
    }
    for (unsigned unit = 0; unit < FAKE_UNITS; unit++)
        for (unsigned i = 0; i < fake_plan.function_count; i++)
            for (uint32_t data = 0; data < 2048; data++)
                message_check(unit, F(i)->requester, data);
    all_check();
    assert_int_equal(fake_units[0].illegal + fake_units[1].illegal, 0);
}

static void steps_in_any_order(void **state)
{
    (void)state;
    any_order_of_steps(false);
}

static void steps_in_any_order_with_x2apic(void **state)
{
    (void)state;
    any_order_of_steps(true);
    assert_int_equal(fake_units[0].regs[0x18 / 8] >> 50 & 1, 1);
}

/* QEMU 7.2 reads interrupt entries beyond the length: it must find nothing there, nor another function's. */
static void nothing_is_behind_a_block_of_interrupts(void **state)
{
    struct iommu_message message;

    (void)state;
    setup();
    for (unsigned i = 0; i < fake_plan.function_count; i++)
        for (unsigned index = 0; index < F(i)->vectors; index++)
            assert_true(iommu_interrupt_set(F(i), index, 1, 0x55, &message));
    for (unsigned id = 0; id < 65536; id++) {
        uint64_t q = amdvi_devices[id].q[2];
        const uint32_t *table = (const uint32_t *)(q & 0x000fffffffffffc0);
        int f = function_of((uint16_t)id);

        if (f < 0 && id % 997 != 0 && id != FAKE_IOAPIC)
            continue;
        for (unsigned index = 0; index < 2048; index++)
            assert_int_equal(table[index] & 1, f >= 0 && index < F(f)->vectors);
    }
}

static void an_index_beyond_the_block_is_our_own_fault(void **state)
{
    struct iommu_message message;

    (void)state;
    setup();
    if (setjmp(fake.end) == 0) {
        fake.end_armed = true;
        iommu_interrupt_set(F(2), 1, 1, 0x55, &message);
        fail();
    }
    if (setjmp(fake.end) == 0) {
        fake.end_armed = true;
        iommu_interrupt_clear(F(2), 1);
        fail();
    }
    assert_int_equal(fake.crashes, 2);
}

static void the_tick_passes_and_nothing_else_of_the_ioapic(void **state)
{
    struct fake_interrupt got;

    (void)state;
    setup();
    assert_true(iommu_pin_nmi(0, 2, 0x12) == 0x1200000000000400);
    for (unsigned type = 0; type < 8; type++)
        assert_int_equal(fake_message(0, FAKE_IOAPIC, 0xfee12000, type << 8 | 0x20, &got), type == 4);
    assert_true(fake_message(0, FAKE_IOAPIC, 0xfee12000, 4u << 8, &got));
    assert_int_equal(got.apic_id, 0x12);
}

/* --- units that do not answer ------------------------------------------------------------------------------------------------------- */

static void a_unit_that_hangs_is_waited_for_in_bounds(void **state)
{
    struct iommu_message message;
    uint64_t before;

    (void)state;
    setup();
    expectations_clear();
    fake_units[1].hangs = true;
    before = fake.ticks;
    assert_false(iommu_attach(F(0)));
    assert_true(fake.ticks - before < 25 * fake.khz); /* the attempt and taking it back */
    assert_true(amdvi_devices[F(0)->requester].q[0] == 3);
    assert_false(iommu_detach(F(0)));
    assert_false(iommu_interrupt_set(F(0), 0, 1, 0x55, &message));
    assert_false(iommu_interrupt_clear(F(0), 0));
    /* A ring that is full is left alone: what lies in it is done later, nothing else is. */
    for (unsigned i = 0; i < 300; i++)
        assert_false(iommu_interrupt_clear(F(0), 0));
    before = fake.ticks;
    assert_false(iommu_interrupt_clear(F(0), 0));
    assert_true(fake.ticks - before < fake.khz);
    fake_units[1].hangs = false;
    fake_unit_run(1);
    assert_int_equal(fake_units[1].illegal, 0);
    assert_true(iommu_attach(F(0)));
    attached[0] = true;
    all_check();
}

/* The entry is in memory before a unit is told to look again; here they look at once, and cache it. */
static void entries_change_before_they_are_invalidated(void **state)
{
    uint64_t hpa;

    (void)state;
    setup();
    for (unsigned u = 0; u < FAKE_UNITS; u++)
        fake_units[u].inside = true;
    fake_units[0].hangs = fake_units[1].hangs = true;
    assert_false(iommu_attach(F(0)));
    assert_false(fake_dma(0, F(0)->requester, 0, false, &hpa)); /* taken back */
}

static void no_wait_is_taken_for_another(void **state)
{
    (void)state;
    setup();
    amdvi_units[0].done = 1; /* the INVALIDATE_ALL of the boot */
    fake_units[0].hangs = true;
    assert_false(iommu_attach(F(0)));
    fake_units[0].hangs = false;
    fake_unit_run(0);
    assert_true(iommu_attach(F(0)));
    assert_int_equal(amdvi_units[0].done, amdvi_units[0].asked);
}

/* --- events ------------------------------------------------------------------------------------------------------------------------------ */

static void faults_are_named(void **state)
{
    struct iommu_fault fault;
    struct fake_interrupt got;
    uint64_t hpa;

    (void)state;
    setup();
    assert_true(iommu_attach(F(1)));
    assert_false(iommu_fault_next(&fault));
    assert_false(fake_dma(1, 0x1234, 0xabcd000, true, &hpa));
    assert_false(fake_dma(1, F(1)->requester, MIB(400), false, &hpa));
    assert_false(fake_message(0, F(1)->requester, 0xfee00000, 5, &got));
    fake_event(0, 5ull << 60, 0x770);
    fake_event(0, 1ull << 60 | 0x3f << 16 | 0x77, 0x880);
    assert_true(iommu_fault_next(&fault)); /* unit 0 first */
    assert_true(fault.requester == F(1)->requester && fault.interrupt && fault.write && fault.reason == 2);
    assert_int_equal(fault.address, 0xfee00000);
    assert_true(iommu_fault_next(&fault));
    assert_true(fault.requester == fake_board.iommu.unit_functions[0] && fault.reason == 5 && fault.address == 0x770);
    assert_true(iommu_fault_next(&fault));
    assert_true(fault.requester == 0x77 && fault.reason == 1 && !fault.write && !fault.interrupt);
    assert_true(iommu_fault_next(&fault));
    assert_true(fault.requester == 0x1234 && fault.write && !fault.interrupt && fault.address == 0xabcd000);
    assert_true(iommu_fault_next(&fault));
    assert_true(fault.requester == F(1)->requester && !fault.write && fault.address == MIB(400));
    assert_false(iommu_fault_next(&fault));
    assert_false(iommu_faults_lost());
}

static unsigned drain(unsigned most)
{
    struct iommu_fault fault;
    unsigned count = 0;

    while (count < most && iommu_fault_next(&fault))
        count++;
    return count;
}

static void the_log_overflows_and_goes_on(void **state)
{
    struct iommu_fault fault;
    uint64_t hpa;

    (void)state;
    setup();
    for (unsigned round = 0; round < 5; round++) {
        for (unsigned i = 0; i < 1000; i++)
            fake_dma(0, 0x500, i, true, &hpa);
        assert_false(iommu_faults_lost()); /* not before what was recorded has been seen */
        assert_int_equal(drain(100000), 255);
        assert_true(iommu_faults_lost());
        assert_false(iommu_faults_lost());
        assert_int_equal(fake_units[0].regs[0x2020 / 8], 0x18);
        fake_dma(0, (uint16_t)(0x600 + round), 7, false, &hpa);
        assert_true(iommu_fault_next(&fault));
        assert_int_equal(fault.requester, 0x600 + round);
        assert_int_equal(drain(10), 0);
        assert_null(iommu_audit_units());
    }
}

static void an_event_that_is_late_is_not_skipped(void **state)
{
    struct iommu_fault fault;
    uint64_t hpa, *event = (uint64_t *)amdvi_units[0].events;

    (void)state;
    setup();
    event = (uint64_t *)amdvi_units[0].events;
    for (unsigned i = 0; i < 700; i++) { /* the ring more than twice round */
        fake_units[0].late_events = true;
        fake_dma(0, (uint16_t)(0x1000 + i), i, true, &hpa);
        assert_false(iommu_fault_next(&fault));
        event[2 * (i % 256) + 1] = i;
        event[2 * (i % 256)] = 2ull << 60 | (0x1000 + i);
        assert_true(iommu_fault_next(&fault));
        assert_int_equal(fault.requester, 0x1000 + i);
        assert_false(iommu_fault_next(&fault));
    }
}

static void a_log_that_lies_is_read_in_bounds(void **state)
{
    struct iommu_fault fault;

    (void)state;
    setup();
    seed = 0x777;
    for (unsigned i = 0; i < 10000; i++) {
        fake_units[0].regs[0x2018 / 8] = random_next() * 0x100000001ull;
        fake_units[0].regs[0x2020 / 8] |= random_next() % 2;
        if (i % 2)
            memset(amdvi_units[0].events, (int)(random_next() & 0xff), PAGE_SIZE);
        drain(IOMMU_FAULTS);
    }
    fake_units[0].regs[0x2018 / 8] = 0;
    fake_units[0].never_stops = true; /* and a log that does not stop is started again all the same */
    fake_units[0].regs[0x2020 / 8] |= 1;
    memset(amdvi_units[0].events, 0, PAGE_SIZE);
    assert_false(iommu_fault_next(&fault));
    assert_true(iommu_faults_lost());
}

/* --- audit -------------------------------------------------------------------------------------------------------------------------------- */

static bool bus_planned(unsigned bus)
{
    for (unsigned i = 0; i < plan.function_count; i++)
        if (F(i)->requester >> 8 == bus)
            return true;
    return false;
}

static void audit_all(void)
{
    for (unsigned bus = 0; bus < 256; bus++)
        assert_true(bus_planned(bus) || bus == plan.board->iommu.ioapic_function >> 8 || iommu_audit_bus_denied(bus));
    for (unsigned id = 0; id < 65536; id++) {
        struct iommu_rights rights = iommu_audit_rights((uint16_t)id);
        int f = function_of((uint16_t)id);
        unsigned present = 0, index;
        struct iommu_leaf leaf;
        uint64_t at = 0;
        uint32_t apic_id;
        uint8_t vector;
        bool nmi;

        for (index = 0; f >= 0 && index < PLAN_MAX_VECTORS; index++)
            present += wanted[f][index].present;
        assert_int_equal(rights.dma, f >= 0 && attached[f]);
        assert_int_equal(rights.domain, rights.dma ? F(f)->partition + 1 : 0);
        assert_int_equal(rights.interrupts, present);
        for (index = 0; index < 40; index++) {
            bool there = f >= 0 && index < PLAN_MAX_VECTORS && wanted[f][index].present;

            assert_int_equal(iommu_audit_interrupt((uint16_t)id, index, &apic_id, &vector, &nmi), there);
            if (there)
                assert_true(apic_id == wanted[f][index].apic_id && vector == wanted[f][index].vector && !nmi);
        }
        for (unsigned i = 0; rights.dma && i < fake_partitions[F(f)->partition].ram_count; i++)
            for (uint64_t done = 0; done < fake_partitions[F(f)->partition].ram[i].size; done += leaf.size) {
                const struct plan_ram *r = &fake_partitions[F(f)->partition].ram[i];

                assert_true(iommu_audit_leaf((uint16_t)id, at, &leaf));
                assert_true(leaf.iova == r->gpa.v + done && leaf.hpa == r->hpa.v + done && leaf.size == MIB(2));
                assert_true(leaf.read && leaf.write);
                at = leaf.iova + leaf.size;
            }
        assert_false(iommu_audit_leaf((uint16_t)id, at, &leaf));
    }
}

static void machine_in_use(bool x2apic)
{
    machine_new();
    fake_x2apic = x2apic;
    machine_on();
    expectations_clear();
    seed = 0x13579b;
    for (unsigned i = 0; i < fake_plan.function_count; i++) {
        assert_true(iommu_attach(F(i)));
        attached[i] = true;
        for (unsigned n = 0; n < 20; n++)
            interrupts_random(i);
    }
}

static void the_audit_sees_what_there_is(void **state)
{
    (void)state;
    for (unsigned x2apic = 0; x2apic < 2; x2apic++) {
        machine_in_use(x2apic);
        audit_all();
        assert_true(iommu_detach(F(1)));
        attached[1] = false;
        memset(wanted[1], 0, sizeof(wanted[1]));
        audit_all();
        assert_null(iommu_audit_units());
    }
}

/* QEMU's unit reads as far as a message says, whatever the device entry does. */
static void the_audit_sees_the_whole_block(void **state)
{
    (void)state;
    for (unsigned x2apic = 0; x2apic < 2; x2apic++) {
        const unsigned count = AMDVI_BLOCK_PAGES * PAGE_SIZE / (x2apic ? 16 : 4);

        machine_in_use(x2apic);
        for (unsigned index = PLAN_MAX_VECTORS; index < count; index += count / 2 - 17) {
            uint32_t before = iommu_audit_rights(F(1)->requester).interrupts;

            amdvi_interrupt_set(amdvi_blocks + 2 * AMDVI_BLOCK_PAGES * PAGE_SIZE, index, 0, 0x40);
            assert_int_equal(iommu_audit_rights(F(1)->requester).interrupts, before + 1);
        }
    }
}

/* Rights, leaves and interrupts of a requester id, as one number: two states that the audit cannot tell apart give the same. */
static uint64_t fingerprint(uint16_t id)
{
    struct iommu_rights rights = iommu_audit_rights(id);
    uint64_t sum = rights.dma * 3ull + rights.domain * 5ull + rights.interrupts * 7ull, at = 0;
    struct iommu_leaf leaf;
    uint32_t apic_id;
    uint8_t vector;
    bool nmi;

    for (unsigned n = 0; n < 64 && iommu_audit_leaf(id, at, &leaf); n++) {
        sum = sum * 31 + leaf.iova * 3 + leaf.hpa * 5 + leaf.size * 7 + leaf.read + leaf.write * 2u;
        at = leaf.iova + leaf.size;
    }
    for (unsigned index = 0; index < 32; index++)
        if (iommu_audit_interrupt(id, index, &apic_id, &vector, &nmi))
            sum = sum * 37 + index + apic_id * 3ull + vector * 5u + nmi;
    return sum;
}

/* Of an owned function, of one that nobody has, and of the IO-APIC: no bit of an entry is flipped unseen. */
static void the_audit_sees_every_bit_of_a_device_entry(void **state)
{
    const uint16_t ids[] = {F(1)->requester, 0x4444, FAKE_IOAPIC};

    (void)state;
    machine_in_use(false);
    for (unsigned i = 0; i < ARRAY_SIZE(ids); i++) {
        uint64_t before = fingerprint(ids[i]);

        for (unsigned bit = 0; bit < 256; bit++) {
            bool domain = bit >= 64 && bit < 80 && ids[i] != F(1)->requester; /* of who has no DMA at all */

            amdvi_devices[ids[i]].q[bit / 64] ^= 1ull << bit % 64;
            if (!domain)
                assert_int_not_equal(fingerprint(ids[i]), before);
            if (ids[i] == 0x4444)
                assert_false(iommu_audit_bus_denied(0x44));
            if (bit >= 80) /* whatever it is, it is a finding */
                assert_true(iommu_audit_rights(ids[i]).dma && iommu_audit_rights(ids[i]).domain == 0xffff);
            amdvi_devices[ids[i]].q[bit / 64] ^= 1ull << bit % 64;
        }
        assert_int_equal(fingerprint(ids[i]), before);
    }
}

static void page_entries_flip(uint64_t hpa, unsigned level, uint64_t before)
{
    uint64_t *table = (uint64_t *)hpa;

    for (unsigned i = 0; i < 512; i += i < 20 ? 1 : 41)
        for (unsigned bit = 0; bit < 64; bit++) {
            table[i] ^= 1ull << bit;
            if (bit != 60 || table[i] == 1ull << 60) /* a device that may not snoop reads stale data, its own */
                assert_int_not_equal(fingerprint(F(1)->requester), before);
            table[i] ^= 1ull << bit;
        }
    for (unsigned i = 0; level > 2 && i < 512; i++)
        if (table[i] != 0)
            page_entries_flip(table[i] & 0x000ffffffffff000, level - 1, before);
}

static void the_audit_sees_every_bit_of_the_tables(void **state)
{
    (void)state;
    machine_in_use(false);
    page_entries_flip(amdvi_devices[F(1)->requester].q[0] & 0x000ffffffffff000, 4, fingerprint(F(1)->requester));
    for (unsigned x2apic = 0; x2apic < 2; x2apic++) {
        uint64_t before;

        machine_in_use(x2apic);
        before = fingerprint(F(1)->requester);
        for (unsigned index = 0; index < 32; index++) {
            unsigned size = x2apic ? 128 : 32;
            uint64_t *entry = (uint64_t *)((amdvi_devices[F(1)->requester].q[2] & 0x000fffffffffffc0) + index * size / 8);
            bool present = wanted[1][index].present;

            for (unsigned bit = 0; bit < size; bit++) {
                ((uint32_t *)entry)[bit / 32] ^= 1u << bit % 32;
                if (present || bit == 0)
                    assert_int_not_equal(fingerprint(F(1)->requester), before);
                ((uint32_t *)entry)[bit / 32] ^= 1u << bit % 32;
            }
        }
    }
}

/* A table that the walk would never get to the end of. */
static void the_audit_walks_in_bounds(void **state)
{
    uint64_t *table[4] = {0}, root;
    struct iommu_leaf leaf;

    (void)state;
    machine_in_use(false);
    root = amdvi_devices[F(3)->requester].q[0];
    for (unsigned level = 4; level >= 1; level--)
        table[level - 1] = (uint64_t *)(plan_pool + (FAKE_POOL_PAGES - level) * (size_t)PAGE_SIZE);
    memset(table[0], 0, PAGE_SIZE);
    for (unsigned level = 2; level <= 4; level++)
        for (unsigned i = 0; i < 512; i++)
            table[level - 1][i] = (uint64_t)table[level - 2] | 1 | (level - 1) << 9 | 3ull << 61;
    amdvi_devices[F(3)->requester].q[0] = (root & ~0x000ffffffffff000ull) | (uint64_t)table[3];
    assert_true(iommu_audit_leaf(F(3)->requester, 0, &leaf));
    assert_true(leaf.hpa == ~0ull);
}

/* No bit of a device's entry governs system management interrupts. */
static void devices_raise_no_system_management_interrupts(void **state)
{
    (void)state;
    machine_new();
    for (unsigned unit = 0; unit < FAKE_UNITS; unit++)
        fake_units[unit].regs[0x30 / 8] |= 1ull << 16 | 2ull << 18; /* a filter with four registers */
    fake_units[1].regs[0x78 / 8] = 1ull << 16 | 0x123;              /* of which the firmware uses the last */
    assert_null(check());
    assert_null(iommu_on());
    for (unsigned unit = 0; unit < FAKE_UNITS; unit++) {
        assert_true(fake_units[unit].regs[0x18 / 8] >> 22 & 1);
        for (unsigned i = 0; i < 4; i++)
            assert_int_equal(fake_units[unit].regs[0x60 / 8 + i] >> 16, 2);
        assert_int_equal(fake_units[unit].regs[0x80 / 8], 0);
    }
    fake_units[1].regs[0x70 / 8] |= 1ull << 16;
    SAYS(iommu_audit_units(), "system management interrupts");
    fake_units[1].regs[0x70 / 8] &= ~(1ull << 16);
    assert_null(iommu_audit_units());
    fake_units[0].regs[0x18 / 8] &= ~(1ull << 22);
    SAYS(iommu_audit_units(), "control register");
    machine_new();
    fake_units[1].regs[0x30 / 8] |= 1ull << 16;
    fake_units[1].regs[0x60 / 8] = 3ull << 16 | 0x123; /* locked by the firmware */
    assert_null(check());
    SAYS(iommu_on(), "system management interrupts");
}

static void a_real_board_needs_the_filter(void **state)
{
    (void)state;
    machine_new();
    fake_board.test_only = false;
    fake_units[0].regs[0x30 / 8] |= 1ull << 16;
    SAYS(check(), "SMIFSup");
    fake_plan.function_count = 0; /* nobody to raise one */
    assert_null(check());
    fake_plan.function_count = 4;
    SAYS(check(), "SMIFSup");
    fake_units[1].regs[0x30 / 8] |= 1ull << 16;
    assert_null(check());
}

static void the_audit_sees_units_that_changed(void **state)
{
    static const uint64_t bits[] = {1 << 0, 1 << 2, 1 << 10, 1 << 12, 1 << 17, 1 << 16, 1ull << 34, 1ull << 40, 1ull << 50};

    (void)state;
    setup();
    for (unsigned i = 0; i < ARRAY_SIZE(bits); i++) {
        fake_units[1].regs[0x18 / 8] ^= bits[i];
        SAYS(iommu_audit_units(), "control register");
        fake_units[1].regs[0x18 / 8] ^= bits[i];
    }
    fake_units[0].regs[0x20 / 8] = 1;
    SAYS(iommu_audit_units(), "exclusion range");
    fake_units[0].regs[0x20 / 8] = 0;
    fake_units[0].regs[0] ^= 0x1000;
    SAYS(iommu_audit_units(), "another device table");
    fake_units[0].regs[0] ^= 0x1000;
    fake_units[0].regs[0] ^= 0x1; /* shorter: the last ids have no entry */
    SAYS(iommu_audit_units(), "another device table");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_is_denied_from_the_start),
        cmocka_unit_test(only_attached_functions_reach_only_their_owner),
        cmocka_unit_test(what_the_firmware_left_on_is_switched_off_first),
        cmocka_unit_test(a_unit_that_does_not_obey_is_refused),
        cmocka_unit_test(a_unit_that_cannot_is_refused),
        cmocka_unit_test(a_table_must_be_built_before_it_is_attached),
        cmocka_unit_test(steps_in_any_order),
        cmocka_unit_test(steps_in_any_order_with_x2apic),
        cmocka_unit_test(nothing_is_behind_a_block_of_interrupts),
        cmocka_unit_test(an_index_beyond_the_block_is_our_own_fault),
        cmocka_unit_test(the_tick_passes_and_nothing_else_of_the_ioapic),
        cmocka_unit_test(a_unit_that_hangs_is_waited_for_in_bounds),
        cmocka_unit_test(entries_change_before_they_are_invalidated),
        cmocka_unit_test(no_wait_is_taken_for_another),
        cmocka_unit_test(faults_are_named),
        cmocka_unit_test(the_log_overflows_and_goes_on),
        cmocka_unit_test(an_event_that_is_late_is_not_skipped),
        cmocka_unit_test(a_log_that_lies_is_read_in_bounds),
        cmocka_unit_test(the_audit_sees_what_there_is),
        cmocka_unit_test(the_audit_sees_the_whole_block),
        cmocka_unit_test(the_audit_sees_every_bit_of_a_device_entry),
        cmocka_unit_test(the_audit_sees_every_bit_of_the_tables),
        cmocka_unit_test(the_audit_walks_in_bounds),
        cmocka_unit_test(devices_raise_no_system_management_interrupts),
        cmocka_unit_test(a_real_board_needs_the_filter),
        cmocka_unit_test(the_audit_sees_units_that_changed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
