/* SPDX-License-Identifier: Apache-2.0 */
/* XSETBV: all combinations of the low components, each high bit, and the conditions of the instruction (AC-04). */
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
    fake_virt_reset(1, APIC_X2APIC);
    fake_cpuid_all();
    fake_virt.state.cr4 = CR4_OSXSAVE;
    v = fake_one.vcpus;
    return 0;
}

static bool set(uint64_t value)
{
    unsigned before = fake_x86.xsetbvs;
    bool done = guest_xsetbv(v, 0, value);

    assert_int_equal(fake_x86.xsetbvs - before, done);
    if (done)
        assert_true(fake_x86.xcr0 == value);
    return done;
}

static void ac04_allowed_mask(void **state)
{
    (void)state;
    assert_int_equal(xcr0_allowed(), 0x2e7);
    fake_cpuid_set(0xd, 0, 7, 0, 0, 0);
    assert_int_equal(xcr0_allowed(), 7);
    fake_cpuid_set(1, 0, 0, 0, 0, 0); /* no XSAVE */
    assert_int_equal(xcr0_allowed(), 0);
    assert_false(set(1));
    fake_cpuid_set(1, 0, 0, 0, ~0u, 0);
    fake_cpuid_set(0, 0, 0xc, 0, 0, 0); /* no leaf d */
    assert_int_equal(xcr0_allowed(), 0);
}

static void ac04_all_low_combinations(void **state)
{
    unsigned accepted = 0;

    (void)state;
    for (uint64_t value = 0; value < 0x10000; value++) {
        bool x87 = value & 1, sse = value & 2, avx = value & 4;
        unsigned wide = value >> 5 & 7;
        bool want = x87 && (!avx || sse) && (wide == 0 || (wide == 7 && avx)) && (value & ~0x2e7ull) == 0;

        assert_int_equal(set(value), want);
        accepted += want;
    }
    assert_int_equal(accepted, 8); /* {x87, +SSE, +AVX, +AVX-512} with and without PKRU */
}

static void ac04_high_bits(void **state)
{
    (void)state;
    for (unsigned bit = 10; bit < 64; bit++)
        assert_false(set(1ull << bit | 3));
}

static void conditions_of_the_instruction(void **state)
{
    (void)state;
    for (unsigned bit = 0; bit < 32; bit++)
        assert_false(guest_xsetbv(v, 1u << bit, 3));
    fake_virt.state.cpl = 3;
    assert_false(set(3));
    fake_virt.state.cpl = 0;
    fake_virt.state.cr4 = ~CR4_OSXSAVE;
    assert_false(set(3));
    fake_virt.state.cr4 = CR4_OSXSAVE;
    assert_true(set(3));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(ac04_allowed_mask, setup),
        cmocka_unit_test_setup(ac04_all_low_combinations, setup),
        cmocka_unit_test_setup(ac04_high_bits, setup),
        cmocka_unit_test_setup(conditions_of_the_instruction, setup),
    };
    return cmocka_run_group_tests(tests, 0, 0);
}
