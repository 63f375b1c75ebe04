/* SPDX-License-Identifier: Apache-2.0 */
/* The core's own local APIC between two lives: whatever the last one left in it is gone, in bounded time (AC-49, SEP-9). A model
 * of an APIC in x2APIC mode stands for the hardware. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "arch.h"
#include "fake_plan.h"
#include "lapic.h"
#include "plan.h"
#include "trap.h"
#include "x86.h"

#define REGISTERS 0x40u

static uint64_t registers[REGISTERS], sent[8], base;
static unsigned sends, ends, drains;
static bool finished; /* all stores so far */
static bool stubborn; /* bits that no EOI clears */

/* The highest bit of eight registers, or 0. */
static unsigned highest(unsigned first)
{
    for (unsigned vector = 255; vector > 0; vector--)
        if (registers[first + vector / 32] >> vector % 32 & 1)
            return vector;
    return 0;
}

static void clear(unsigned first, unsigned vector)
{
    registers[first + vector / 32] &= ~(1ull << vector % 32);
}

static void set(unsigned first, unsigned vector)
{
    registers[first + vector / 32] |= 1ull << vector % 32;
}

struct cpuid_regs cpuid(uint32_t leaf, uint32_t subleaf)
{
    (void)leaf, (void)subleaf;
    return (struct cpuid_regs){.ecx = 1u << 21};
}

/* SDM3 11.12.5: into x2APIC mode only from xAPIC mode, and out of it only to disabled; all other steps are #GP. */
static void base_step(uint64_t value)
{
    const uint64_t modes = APIC_BASE_ENABLE | APIC_BASE_X2;
    uint64_t from = base & modes, to = value & modes;

    assert_true(from == to || to == 0 || (from == 0 && to == APIC_BASE_ENABLE) || (from == APIC_BASE_ENABLE && to == modes));
    assert_int_equal(value & ~modes, APIC_PAGE | (base & APIC_BASE_BSP));
    base = value;
}

uint64_t rdmsr(uint32_t msr)
{
    if (msr == MSR_APIC_BASE)
        return base;
    assert_in_range(msr, MSR_X2APIC, MSR_X2APIC + REGISTERS - 1);
    assert_true(base & APIC_BASE_X2);
    return registers[msr - MSR_X2APIC];
}

void wrmsr(uint32_t msr, uint64_t value)
{
    if (msr == MSR_APIC_BASE) {
        base_step(value);
        return;
    }
    assert_true(base & APIC_BASE_X2);
    assert_in_range(msr, MSR_X2APIC, MSR_X2APIC + REGISTERS - 1);
    if (msr == MSR_X2APIC + APIC_ICR) {
        assert_true(finished); /* SDM3 11.12.3: else the receiver may look before the request is there */
        finished = false;
        sent[sends++ % 8] = value;
    } else if (msr == MSR_X2APIC + APIC_EOI && ++ends && !stubborn)
        clear(APIC_ISR, highest(APIC_ISR));
    else if (msr != MSR_X2APIC + APIC_EOI)
        registers[msr - MSR_X2APIC] = value;
}

void stores_finish(void)
{
    finished = true;
}

/* Takes one interrupt, if the priorities let it through, and ends it. */
void trap_drain(void)
{
    unsigned vector = highest(APIC_IRR);

    drains++;
    if (!stubborn && vector > registers[APIC_TPR] && vector > highest(APIC_ISR) && (registers[APIC_SVR] & 0x100))
        clear(APIC_IRR, vector);
}

static int fresh(void **state)
{
    (void)state;
    fake_plan_reset();
    memset(registers, 0, sizeof(registers));
    sends = ends = drains = 0;
    stubborn = false;
    base = APIC_PAGE | APIC_BASE_ENABLE | APIC_BASE_BSP;
    lapic_init();
    registers[APIC_VERSION] = 6u << 16 | 0x15;
    return 0;
}

static const unsigned lvts[] = {APIC_LVT_TIMER, APIC_LVT_LINT0, APIC_LVT_LINT1,  APIC_LVT_ERROR,
                                APIC_LVT_PERF,  APIC_LVT_CMCI,  APIC_LVT_THERMAL};

static void any_mode_of_the_firmware_becomes_x2apic(void **state)
{
    static const uint64_t found[] = {0, APIC_BASE_ENABLE, APIC_BASE_ENABLE | APIC_BASE_X2};

    (void)state;
    for (unsigned i = 0; i < 2 * ARRAY_SIZE(found); i++) {
        uint64_t bsp = i % 2 ? APIC_BASE_BSP : 0;

        registers[APIC_SVR] = 0;
        base = APIC_PAGE | found[i / 2] | bsp;
        lapic_init();
        assert_true(lapic_is_x2apic());
        assert_int_equal(base, APIC_PAGE | APIC_BASE_ENABLE | APIC_BASE_X2 | bsp);
        assert_int_equal(registers[APIC_SVR], 0x1ff);
    }
}

static void sep9_nothing_is_left(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(lvts); i++)
        registers[lvts[i]] = 0x20440;
    registers[APIC_TIMER_INITIAL] = 1000;
    registers[APIC_TPR] = 0xf0;
    registers[APIC_SVR] = 0xff;
    for (unsigned vector = 16; vector < 256; vector += 16)
        set(APIC_ISR, vector);
    for (unsigned vector = 16; vector < 256; vector++)
        set(APIC_IRR, vector);
    assert_true(arch_apic_reset());
    for (unsigned i = 0; i < ARRAY_SIZE(lvts); i++)
        assert_true(registers[lvts[i]] & APIC_LVT_MASKED);
    assert_int_equal(registers[APIC_TIMER_INITIAL], 0);
    assert_int_equal(registers[APIC_TPR], 0);
    assert_int_equal(highest(APIC_ISR), 0);
    assert_int_equal(highest(APIC_IRR), 0);
    assert_int_equal(registers[APIC_SVR] & 0x100, 0x100);
}

static void entries_that_do_not_exist_are_left_alone(void **state)
{
    (void)state;
    registers[APIC_VERSION] = 3u << 16 | 0x15;
    registers[APIC_LVT_PERF] = registers[APIC_LVT_CMCI] = registers[APIC_LVT_THERMAL] = 1;
    assert_true(arch_apic_reset());
    assert_int_equal(registers[APIC_LVT_PERF] + registers[APIC_LVT_CMCI] + registers[APIC_LVT_THERMAL], 3);
    assert_true(registers[APIC_LVT_ERROR] & APIC_LVT_MASKED);
}

static void sep7_what_never_empties_is_told_in_bounded_time(void **state)
{
    (void)state;
    stubborn = true;
    set(APIC_ISR, 0x40);
    assert_false(arch_apic_reset());
    clear(APIC_ISR, 0x40);
    set(APIC_IRR, 0x40);
    assert_false(arch_apic_reset());
    assert_in_range(ends + drains, 2, 1024);
}

static void sep3_a_kick_is_an_nmi_to_one_core(void **state)
{
    (void)state;
    arch_kick(1);
    arch_ipi(1, 0x51);
    assert_int_equal(sends, 2);
    assert_int_equal(sent[0], (uint64_t)plan.cores[1].apic_id << 32 | 0x400);
    assert_int_equal(sent[1], (uint64_t)plan.cores[1].apic_id << 32 | 0x51);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(any_mode_of_the_firmware_becomes_x2apic, fresh),
        cmocka_unit_test_setup(sep9_nothing_is_left, fresh),
        cmocka_unit_test_setup(entries_that_do_not_exist_are_left_alone, fresh),
        cmocka_unit_test_setup(sep7_what_never_empties_is_told_in_bounded_time, fresh),
        cmocka_unit_test_setup(sep3_a_kick_is_an_nmi_to_one_core, fresh),
    };

    return cmocka_run_group_tests(tests, 0, 0);
}
