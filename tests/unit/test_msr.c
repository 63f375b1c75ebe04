/* SPDX-License-Identifier: Apache-2.0 */
/* The MSR allow-list over its whole space, and each emulated register (SEP-5, AC-05 to AC-07, AC-10). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fake_virt.h"
#include "policy.h"
#include "x86.h"

static struct vcpu *v;

static int setup(void **state)
{
    (void)state;
    fake_virt_reset(2, APIC_X2APIC);
    fake_cpuid_all();
    v = fake_one.vcpus;
    v->pat = 0x0007040600070406;
    return 0;
}

static uint64_t reads(uint32_t msr)
{
    uint64_t value = 1;

    assert_true(guest_msr_read(v, msr, &value));
    return value;
}

/* The list, written down a second time. */
static const struct {
    uint32_t first, last;
    char read, write; /* D, E, O */
} list[] = {
    {0x10, 0x10, 'E', 'D'},
    {0x1b, 0x1b, 'E', 'E'},
    {0x8b, 0x8b, 'E', 'E'},
    {0xe1, 0xe1, 'E', 'E'},
    {0x174, 0x176, 'O', 'O'},
    {0x1a0, 0x1a0, 'E', 'E'},
    {0x1d9, 0x1d9, 'E', 'E'},
    {0x277, 0x277, 'E', 'E'},
    {0x6e0, 0x6e0, 'O', 'O'},
    {0x800, 0x83f, 'E', 'E'},
    {0xda0, 0xda0, 'E', 'E'},
    {0xc0000080, 0xc0000080, 'E', 'E'},
    {0xc0000081, 0xc0000084, 'O', 'O'},
    {0xc0000100, 0xc0000103, 'O', 'O'},
    {0xc0010015, 0xc0010015, 'E', 'D'},
    {0xc001001f, 0xc001001f, 'E', 'D'},
};

static enum msr_access listed(uint32_t msr, bool write)
{
    for (unsigned i = 0; i < ARRAY_SIZE(list); i++)
        if (msr >= list[i].first && msr <= list[i].last) {
            char c = write ? list[i].write : list[i].read;

            return c == 'O' ? MSR_OPEN : c == 'E' ? MSR_EMULATE : MSR_DENY;
        }
    return MSR_DENY;
}

/* Ascending and disjoint rows make the policy constant between their edges: the edges, both neighbours of each, the three ranges
 * that a permission map covers and one value per gap stand for all 2^32. */
static void sep5_ac05_rows_are_ordered(void **state)
{
    (void)state;
    for (unsigned i = 0; i < msr_row_count; i++) {
        assert_true(msr_rows[i].first <= msr_rows[i].last);
        assert_true(i == 0 || msr_rows[i].first > msr_rows[i - 1].last);
        assert_true(msr_rows[i].why != 0 && msr_rows[i].why[0] != 0);
    }
    for (unsigned i = 0; i < msr_x2apic_row_count; i++) {
        assert_true(msr_x2apic_rows[i].first >= 0x800 && msr_x2apic_rows[i].last <= 0x83f);
        assert_true(i == 0 || msr_x2apic_rows[i].first > msr_x2apic_rows[i - 1].last);
    }
}

static void check(uint32_t msr)
{
    for (unsigned write = 0; write < 2; write++)
        assert_int_equal(msr_policy(msr, write), listed(msr, write));
}

static void sep5_ac05_allow_list_is_this(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 0x4000; i++) {
        check(i);
        check(0xc0000000 + i);
        check(0xc0010000 + i);
        check(0x40000000 + i);
        check(0xffffffff - i);
    }
    for (unsigned bit = 0; bit < 32; bit++)
        for (unsigned i = 0; i < ARRAY_SIZE(list); i++)
            check(list[i].first ^ 1u << bit);
}

/* Whatever is not EMULATE is refused by both functions and touches nothing. */
static void ac05_everything_else_is_gp(void **state)
{
    static const uint32_t bases[] = {0, 0xc0000000, 0xc0010000, 0x4b564d00, 0x40000000, 0xfffff000};
    static const uint64_t values[] = {0, ~0ull, 1, 0x8000000000000000};

    (void)state;
    for (unsigned b = 0; b < ARRAY_SIZE(bases); b++)
        for (uint32_t i = 0; i < 0x2000; i++) {
            uint32_t msr = bases[b] + i;
            uint64_t value = 1;

            if (listed(msr, false) != MSR_EMULATE) {
                assert_false(guest_msr_read(v, msr, &value));
                assert_int_equal(value, 0);
            }
            for (unsigned k = 0; k < 4; k++)
                if (listed(msr, true) != MSR_EMULATE)
                    assert_false(guest_msr_write(v, msr, values[k]));
        }
    assert_int_equal(fake_x86.msr_count, 0); /* no hardware MSR was read or written at all */
    assert_int_equal(fake_virt.apic_writes, 0);
}

/* On x2APIC hardware: open is the timer, priorities, EOI and self-IPI; never ICR, LVTs, SVR, identity (PERF-1, SEP-3). */
static void perf1_x2apic_rows(void **state)
{
    (void)state;
    fake_virt.x2apic_hardware = true;
    for (uint32_t reg = 0; reg < 0x100; reg++) {
        bool read = reg == 0x08 || reg == 0x0a || (reg >= 0x10 && reg <= 0x27) || reg == 0x38 || reg == 0x39 || reg == 0x3e;
        bool write = reg == 0x08 || reg == 0x0b || reg == 0x38 || reg == 0x3e || reg == 0x3f;
        enum msr_access closed = reg < 0x40 ? MSR_EMULATE : MSR_DENY;

        assert_int_equal(msr_policy(0x800 + reg, false), read ? MSR_OPEN : closed);
        assert_int_equal(msr_policy(0x800 + reg, true), write ? MSR_OPEN : closed);
    }
}

static void x2apic_front_end(void **state)
{
    uint64_t value;

    (void)state;
    assert_int_equal(reads(0x802), 0);
    assert_true(guest_msr_write(v, 0x80b, 0));
    assert_int_equal(fake_virt.last_reg, APIC_EOI);
    assert_false(guest_msr_write(v, 0x80b, 1));
    assert_false(guest_msr_read(v, 0x80b, &value));
    assert_false(guest_msr_read(v, 0x840, &value));
    assert_false(guest_msr_read(v, 0x7ff, &value));
    v->apic.base_msr &= ~APIC_BASE_X2;
    assert_false(guest_msr_read(v, 0x802, &value));
    assert_false(guest_msr_write(v, 0x80b, 0));
}

static void ac10_tsc_reads_and_does_not_move(void **state)
{
    (void)state;
    fake_x86.tsc = 1234;
    assert_int_equal(reads(0x10), 1234);
    assert_false(guest_msr_write(v, 0x10, 0));
    assert_false(guest_msr_write(v, 0x3b, 0)); /* TSC_ADJUST */
}

static void constants(void **state)
{
    (void)state;
    assert_int_equal(reads(0x8b), 0);
    assert_true(guest_msr_write(v, 0x8b, 0x1234)); /* ignored */
    assert_int_equal(reads(0x8b), 0);
    assert_int_equal(reads(0xc0010015), 1 << 24);
    assert_false(guest_msr_write(v, 0xc0010015, 1 << 24));
    assert_true(reads(0xc001001f) == 1ull << 46);
    assert_int_equal(reads(0x1d9), 0);
    assert_true(guest_msr_write(v, 0x1d9, 0));
    assert_int_equal(reads(0x1a0), 0x1801);
    assert_true(guest_msr_write(v, 0x1a0, 0x1801));
    for (unsigned bit = 0; bit < 64; bit++) {
        assert_false(guest_msr_write(v, 0x1d9, 1ull << bit));
        assert_false(guest_msr_write(v, 0x1a0, 0x1801 ^ 1ull << bit));
    }
    assert_int_equal(reads(0x1b), APIC_PAGE | 0xd00);
    assert_true(guest_msr_write(v, 0x1b, APIC_PAGE | 0xd00));
    assert_false(guest_msr_write(v, 0x1b, 0xfee01000 | 0xd00));
}

/* All 256 values in each of the eight fields. */
static void ac06_pat_types(void **state)
{
    (void)state;
    for (unsigned field = 0; field < 8; field++)
        for (uint64_t type = 0; type < 256; type++) {
            uint64_t value = (0x0606060606060606 & ~(0xffull << 8 * field)) | type << 8 * field;
            bool legal = type == 0 || type == 1 || (type >= 4 && type <= 7);
            uint64_t before = v->pat;

            assert_int_equal(guest_msr_write(v, 0x277, value), legal);
            assert_true(reads(0x277) == (legal ? value : before));
        }
    assert_int_equal(fake_x86.msr_count, 0);
}

/* Each bit of EFER alone, with paging off and on. */
static void ac03_efer_bits(void **state)
{
    const uint64_t legal = EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE | EFER_FFXSR;

    (void)state;
    for (unsigned paging = 0; paging < 2; paging++)
        for (unsigned bit = 0; bit < 64; bit++) {
            uint64_t before = paging ? EFER_LME | EFER_LMA : 0, value = before ^ 1ull << bit;
            bool want = (value & ~legal) == 0 && !(paging && bit == 8);

            fake_virt.state.cr0 = CR0_PE | (paging ? CR0_PG : 0);
            fake_virt.state.efer = before;
            assert_int_equal(guest_msr_write(v, 0xc0000080, value), want);
            assert_true(fake_virt.state.efer == (want ? (value & ~EFER_LMA) | (before & EFER_LMA) : before));
            assert_true(reads(0xc0000080) == fake_virt.state.efer);
        }
    fake_cpuid_set(0x80000001, 0, 0, 0, 0, 0);
    fake_virt.state = (struct guest_state){.efer = 0};
    for (unsigned bit = 0; bit < 64; bit++)
        assert_false(guest_msr_write(v, 0xc0000080, 1ull << bit));
}

/* There only with the instructions they belong to, the one shared by nobody and the other always 0. */
static void ac04_registers_of_xsaves_and_waitpkg(void **state)
{
    uint64_t value = 5;

    (void)state;
    for (unsigned there = 0; there < 4; there++) {
        fake_cpuid_set(7, 0, 0, 0, there & 1 ? 1u << 5 : ~(1u << 5), 0);
        fake_cpuid_set(0xd, 1, there & 2 ? 8 : 7, 0, 0, 0);
        assert_int_equal(guest_msr_read(v, 0xe1, &value), there & 1);
        assert_int_equal(guest_msr_write(v, 0xe1, 0xfffffffd), there & 1);
        assert_int_equal(guest_msr_read(v, 0xda0, &value), there >> 1);
        assert_int_equal(value, 0);
        assert_int_equal(guest_msr_write(v, 0xda0, 0), there >> 1);
        for (unsigned bit = 0; bit < 64; bit++) {
            assert_false(guest_msr_write(v, 0xda0, 1ull << bit));
            assert_int_equal(guest_msr_write(v, 0xe1, 1ull << bit), (there & 1) && bit != 1 && bit < 32);
        }
        if (there & 1)
            assert_true(reads(0xe1) == 1ull << 31 && rdmsr(0xe1) == 1ull << 31);
        fake_cpuid_set(0, 0, 6, 0, 0, 0); /* leaves beyond the last repeat another one */
        assert_false(guest_msr_read(v, 0xe1, &value) || guest_msr_read(v, 0xda0, &value));
        fake_cpuid_set(0, 0, 0xd, 0, 0, 0);
    }
    wrmsr(0xda0, 0x100); /* as the firmware left it */
    msr_policy_reset(v);
    assert_int_equal(rdmsr(0xe1) | rdmsr(0xda0), 0);
}

static void sep9_open_registers_are_reset(void **state)
{
    (void)state;
    wrmsr(0xc0000103, 77);
    wrmsr(0x6e0, 99);
    v->pat = 0;
    msr_policy_reset(v);
    assert_int_equal(rdmsr(0xc0000103), 0);
    assert_int_equal(rdmsr(0x6e0), 0);
    assert_true(v->pat == 0x0007040600070406);
    fake_x86_reset(); /* a processor with neither */
    msr_policy_reset(v);
    assert_int_equal(fake_x86.msr_count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(sep5_ac05_rows_are_ordered, setup),
        cmocka_unit_test_setup(sep5_ac05_allow_list_is_this, setup),
        cmocka_unit_test_setup(ac05_everything_else_is_gp, setup),
        cmocka_unit_test_setup(perf1_x2apic_rows, setup),
        cmocka_unit_test_setup(x2apic_front_end, setup),
        cmocka_unit_test_setup(ac10_tsc_reads_and_does_not_move, setup),
        cmocka_unit_test_setup(constants, setup),
        cmocka_unit_test_setup(ac06_pat_types, setup),
        cmocka_unit_test_setup(ac03_efer_bits, setup),
        cmocka_unit_test_setup(ac04_registers_of_xsaves_and_waitpkg, setup),
        cmocka_unit_test_setup(sep9_open_registers_are_reset, setup),
    };
    return cmocka_run_group_tests(tests, 0, 0);
}
