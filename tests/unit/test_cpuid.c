/* SPDX-License-Identifier: Apache-2.0 */
/* What CPUID tells a partition, on a processor that has everything (SEP-5, AC-01, AC-08, AC-09). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "bulkhead_abi.h"
#include "fake_plan.h"
#include "fake_virt.h"
#include "policy.h"
#include "x86.h"

static uint32_t r[4];
enum { EAX, EBX, ECX, EDX };

static void prepare(unsigned cores)
{
    fake_virt_reset(cores, APIC_X2APIC);
    fake_plan.board = &fake_board;
    fake_cpuid_all();
}

static struct vcpu *init(unsigned index)
{
    cpuid_policy_init(&fake_one.vcpus[index]);
    return &fake_one.vcpus[index];
}

static int setup(void **state)
{
    (void)state;
    prepare(4);
    return 0;
}

/* Into r. The short path must say the same wherever it answers. */
static void ask(const struct vcpu *v, uint32_t leaf, uint32_t subleaf)
{
    const uint32_t *constant = guest_cpuid_constant(v, leaf, subleaf);

    memset(r, 0xff, sizeof(r));
    guest_cpuid(v, leaf, subleaf, r);
    if (constant)
        assert_memory_equal(constant, r, sizeof(r));
}

static bool bit(unsigned reg, unsigned n)
{
    return r[reg] >> n & 1;
}

static void sep5_hidden_features(void **state)
{
    static const struct {
        uint32_t leaf;
        uint8_t reg, bit;
    } hidden[] = {
        {1, ECX, 2},           {1, ECX, 3},           {1, ECX, 4},           {1, ECX, 5},           {1, ECX, 6},
        {1, ECX, 7},           {1, ECX, 8},           {1, ECX, 10},          {1, ECX, 11},          {1, ECX, 14},
        {1, ECX, 15},          {1, ECX, 18},          {1, ECX, 27},          {1, EDX, 7},           {1, EDX, 12},
        {1, EDX, 14},          {1, EDX, 18},          {1, EDX, 21},          {1, EDX, 22},          {1, EDX, 29},
        {1, EDX, 31},          {7, EBX, 1},           {7, EBX, 2},           {7, EBX, 4},           {7, EBX, 11},
        {7, EBX, 12},          {7, EBX, 14},          {7, EBX, 15},          {7, EBX, 25},          {7, ECX, 4},
        {7, ECX, 7},           {7, ECX, 13},          {7, ECX, 16},          {7, ECX, 23},          {7, ECX, 29},
        {7, ECX, 30},          {7, ECX, 31},          {7, EDX, 5},           {7, EDX, 18},          {7, EDX, 20},
        {7, EDX, 22},          {7, EDX, 24},          {7, EDX, 25},          {7, EDX, 26},          {7, EDX, 27},
        {7, EDX, 28},          {7, EDX, 29},          {7, EDX, 30},          {7, EDX, 31},          {0x80000001, ECX, 2},
        {0x80000001, ECX, 3},  {0x80000001, ECX, 9},  {0x80000001, ECX, 10}, {0x80000001, ECX, 12}, {0x80000001, ECX, 13},
        {0x80000001, ECX, 15}, {0x80000001, ECX, 17}, {0x80000001, ECX, 19}, {0x80000001, ECX, 23}, {0x80000001, ECX, 24},
        {0x80000001, ECX, 26}, {0x80000001, ECX, 28}, {0x80000001, ECX, 29}, {0x80000001, EDX, 7},  {0x80000001, EDX, 12},
        {0x80000001, EDX, 14}, {0x80000008, EBX, 1},  {0x80000008, EBX, 4},  {0x80000008, EBX, 9},  {0x80000008, EBX, 12},
        {0x80000008, EBX, 14}, {0x80000008, EBX, 15}, {0x80000008, EBX, 23}, {0x80000008, EBX, 24}, {0x80000021, EAX, 8},
        {0x80000021, EAX, 27},
    };
    struct vcpu *v = init(0);

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(hidden); i++) {
        ask(v, hidden[i].leaf, 0);
        assert_false(bit(hidden[i].reg, hidden[i].bit));
    }
}

/* Leaves that do not exist for a partition, whatever the processor has. */
static void sep5_hidden_leaves_are_zero(void **state)
{
    static const uint32_t zero[] = {0x2,        0x3,        0x5,        0x6,        0x8,        0x9,        0xa,        0xc,
                                    0xe,        0xf,        0x10,       0x12,       0x14,       0x15,       0x16,       0x17,
                                    0x18,       0x1f,       0x20,       0x40000002, 0x40000010, 0x400000ff, 0x40000101, 0x40000102,
                                    0x40000200, 0x80000007, 0x8000000a, 0x8000001b, 0x8000001c, 0x8000001f, 0x80000020, 0x80000022,
                                    0x80860000, 0xc0000000, 0xc0000001, 0xffffffff, 0x7fffffff};
    struct vcpu *v = init(0);

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(zero); i++)
        for (unsigned sub = 0; sub < 40; sub++) {
            ask(v, zero[i], sub);
            assert_int_equal(r[0] | r[1] | r[2] | r[3], 0);
        }
}

static void features_needed_by_linux_pass(void **state)
{
    struct vcpu *v = init(0);

    (void)state;
    ask(v, 1, 0);
    assert_true(bit(ECX, 21) && bit(ECX, 31) && bit(ECX, 26) && bit(ECX, 24) && bit(EDX, 9) && bit(EDX, 4) && bit(EDX, 13));
    ask(v, 7, 0);
    assert_true(bit(EBX, 0) && bit(EBX, 7) && bit(EBX, 20) && bit(ECX, 2) && bit(EBX, 9));
    assert_int_equal(r[EAX], 0);
    ask(v, 0x80000001, 0);
    assert_true(bit(EDX, 11) && bit(EDX, 20) && bit(EDX, 26) && bit(EDX, 27) && bit(EDX, 29));
}

static void nothing_is_invented(void **state)
{
    struct vcpu *v;

    (void)state;
    fake_virt_reset(1, APIC_X2APIC);
    fake_plan.board = &fake_board;
    fake_cpuid_set(0, 0, 0xd, 1, 2, 3);
    fake_cpuid_set(0x80000000, 0, 0x80000008, 1, 2, 3);
    v = init(0);
    ask(v, 1, 0);
    assert_int_equal(r[ECX], 0x80200000);
    assert_int_equal(r[EDX], 1 << 9);
    ask(v, 7, 0);
    assert_int_equal(r[EBX] | r[ECX] | r[EDX], 0);
    ask(v, 0xd, 0);
    assert_int_equal(r[EAX] | r[EBX] | r[ECX] | r[EDX], 0);
    ask(v, 0x80000001, 0);
    assert_int_equal(r[ECX], 0);
    assert_int_equal(r[EDX], 1 << 9);
    ask(v, 0x80000000, 0);
    assert_int_equal(r[EAX], 0x80000008);
}

/* A processor that repeats its highest leaf above its maximum must not leak it. */
static void leaves_above_the_maximum_are_not_read(void **state)
{
    struct vcpu *v;

    (void)state;
    fake_virt_reset(1, APIC_X2APIC);
    fake_plan.board = &fake_board;
    fake_cpuid_set(1, 0, 0x00800f12, 0, 0, 0);
    fake_cpuid_set(0x80000000, 0, 0x80000004, 0, 0, 0);
    fake_cpuid_set(0, 0, 1, 0, 0, 0);
    fake_cpuid_set(2, 0, ~0u, ~0u, ~0u, ~0u);
    fake_x86.leaves_repeat = true;
    v = init(0);
    ask(v, 7, 0);
    assert_int_equal(r[EBX] | r[ECX] | r[EDX], 0);
    ask(v, 4, 0);
    assert_int_equal(r[EAX] | r[EBX] | r[ECX] | r[EDX], 0);
    ask(v, 0x80000005, 0);
    assert_int_equal(r[EAX] | r[EBX] | r[ECX] | r[EDX], 0);
}

static void signatures(void **state)
{
    struct vcpu *v = init(0);
    char name[13] = {0};

    (void)state;
    ask(v, 0x40000000, 0);
    memcpy(name, r + 1, 12);
    assert_string_equal(name, "BulkheadBulk");
    assert_int_equal(r[EAX], 0x40000001);
    ask(v, 0x40000001, 0);
    assert_int_equal(r[EAX], BH_ABI_VERSION);
    ask(v, 0x40000100, 0);
    assert_memory_equal(r + 1, "KVMKVMKVM\0\0\0", 12);
    assert_int_equal(r[EAX], 0x40000101);
}

static void topology_counts_own_cores_only(void **state)
{
    static const struct {
        unsigned cores, bits;
    } sizes[] = {{1, 0}, {2, 1}, {3, 2}, {4, 2}, {5, 3}, {32, 5}};

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
        unsigned n = sizes[i].cores, ids = (1u << sizes[i].bits) - 1;
        struct vcpu *v;

        prepare(n);
        v = init(n - 1);
        ask(v, 1, 0);
        assert_int_equal(r[EBX] >> 24, n - 1);
        assert_int_equal(r[EBX] >> 16 & 0xff, n);
        assert_int_equal(r[EBX] & 0xff, 0);
        assert_int_equal(bit(EDX, 28), n > 1);
        ask(v, 0xb, 0);
        assert_int_equal(r[EAX], 0);
        assert_int_equal(r[EBX], 1);
        assert_int_equal(r[ECX], 0x100);
        assert_int_equal(r[EDX], n - 1);
        ask(v, 0xb, 1);
        assert_int_equal(r[EAX], sizes[i].bits);
        assert_int_equal(r[EBX], n);
        assert_int_equal(r[ECX], 0x201);
        assert_int_equal(r[EDX], n - 1);
        ask(v, 0xb, 0x302);
        assert_int_equal(r[EAX] | r[EBX], 0);
        assert_int_equal(r[ECX], 2);
        assert_int_equal(r[EDX], n - 1);
        ask(v, 0x80000008, 0);
        assert_int_equal(r[ECX], sizes[i].bits << 12 | (n - 1));
        ask(v, 0x8000001e, 0);
        assert_int_equal(r[EAX], n - 1);
        assert_int_equal(r[EBX], n - 1);
        assert_int_equal(r[ECX] | r[EDX], 0);
        ask(v, 0x4, 3);
        assert_int_equal(r[EAX] >> 26, ids);
        assert_int_equal(r[EAX] >> 14 & 0xfff, ids); /* level 7 on this processor: shared */
    }
}

static void caches_of_a_core_are_its_own(void **state)
{
    struct vcpu *v;

    (void)state;
    fake_cpuid_set(0x8000001d, 0, 0x3fffc121, 1, 2, 3); /* level 1, shared by many */
    fake_cpuid_set(0x8000001d, 1, 0x3fffc163, 1, 2, 3); /* level 3 */
    fake_cpuid_set(0x8000001d, 2, 0, 0, 0, 0);
    v = init(1);
    ask(v, 0x8000001d, 0);
    assert_int_equal(r[EAX], 0x121);
    ask(v, 0x8000001d, 1);
    assert_int_equal(r[EAX], 3u << 14 | 0x163);
    ask(v, 0x8000001d, 2);
    assert_int_equal(r[EAX], 0);
    ask(v, 0x8000001d, 5);
    assert_int_equal(r[EAX] | r[EBX] | r[ECX] | r[EDX], 0);
    ask(v, 0x4, 5);
    assert_int_equal(r[EAX] | r[EBX] | r[ECX] | r[EDX], 0);
}

/* What is not constant: leaves 1 and 7 by CR4, d by XCR0, and levels that do not exist, whose number b echoes. */
static void short_path_covers_the_rest(void **state)
{
    struct vcpu *v = init(0);

    (void)state;
    for (uint32_t leaf = 0; leaf < 0x22; leaf++) {
        bool varying = leaf == 1 || leaf == 7 || leaf == 0xd || leaf >= 0x10;

        assert_int_equal(guest_cpuid_constant(v, leaf, 0) == 0, varying);
        assert_non_null(guest_cpuid_constant(v, 0x80000000 + leaf, 0));
    }
    assert_null(guest_cpuid_constant(v, 0xb, 2));
}

static void osxsave_and_ospke_follow_cr4(void **state)
{
    struct vcpu *v = init(0);

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        fake_virt.state.cr4 = (i & 1 ? CR4_OSXSAVE : 0) | (i & 2 ? CR4_PKE : 0);
        ask(v, 1, 7);
        assert_int_equal(bit(ECX, 27), i & 1);
        ask(v, 7, 0);
        assert_int_equal(bit(ECX, 4), i >> 1);
    }
    ask(v, 7, 1);
    assert_int_equal(r[EAX] | r[EBX] | r[ECX] | r[EDX], 0);
}

static void ac04_xsave_leaves(void **state)
{
    struct vcpu *v = init(0);

    (void)state;
    ask(v, 0xd, 0);
    assert_int_equal(r[EAX], 0x2e7); /* x87 SSE AVX AVX-512 PKRU; not MPX, PT, CET, AMX */
    assert_int_equal(r[EDX], 0);
    assert_int_equal(r[EBX], 832);                   /* for XCR0 as it is now */
    assert_int_equal(r[ECX], 512 + 64 * 9 + 64 * 9); /* the end of component 9 */
    fake_cpuid_set(0xd, 0, ~0u, 1088, 2440, ~0u);
    ask(v, 0xd, 0);
    assert_int_equal(r[EBX], 1088);
    fake_cpuid_set(0xd, 1, ~0u, 960, ~0u, ~0u);
    ask(v, 0xd, 1);
    assert_int_equal(r[EAX], 15);
    assert_int_equal(r[EBX], 960); /* for XCR0 as it is now, XSS being 0 */
    assert_int_equal(r[ECX] | r[EDX], 0);
    for (unsigned i = 2; i < 70; i++) {
        ask(v, 0xd, i);
        if (i < 10 && 0x2e7 >> i & 1) {
            assert_int_equal(r[EAX], 64 * i);
            assert_int_equal(r[EBX], 512 + 64 * i);
            assert_int_equal(r[ECX], 2);
        } else {
            assert_int_equal(r[EAX] | r[EBX] | r[ECX] | r[EDX], 0);
        }
    }
}

static void board_vouches(void **state)
{
    struct vcpu *v;

    (void)state;
    fake_board.arat = fake_board.invariant_tsc = true;
    v = init(0);
    ask(v, 6, 0);
    assert_int_equal(r[EAX], 4);
    assert_int_equal(r[EBX] | r[ECX] | r[EDX], 0);
    ask(v, 0x80000007, 0);
    assert_int_equal(r[EDX], 1 << 8);
    ask(v, 0x80000008, 0);
    assert_false(bit(EBX, 26) || bit(EBX, 29)); /* not without the board's word, whatever the processor says */
    fake_board.no_speculation = true;
    v = init(0);
    ask(v, 0x80000021, 0);
    assert_true(bit(EAX, 29));
    ask(v, 0x80000008, 0);
    assert_true(bit(EBX, 26) && bit(EBX, 29));
}

static void limits(void **state)
{
    struct vcpu *v = init(0);

    (void)state;
    ask(v, 0, 99);
    assert_int_equal(r[EAX], 0xd);
    assert_memory_equal(r + 1, "AuthcAMDenti", 12);
    ask(v, 0x80000000, 0);
    assert_int_equal(r[EAX], 0x80000021);
    ask(v, 0x80000008, 0);
    assert_int_equal(r[EAX], 48 << 8 | 0xff);
    assert_int_equal(fake_virt.pages, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(sep5_hidden_features, setup),
        cmocka_unit_test_setup(sep5_hidden_leaves_are_zero, setup),
        cmocka_unit_test_setup(features_needed_by_linux_pass, setup),
        cmocka_unit_test_setup(nothing_is_invented, setup),
        cmocka_unit_test_setup(leaves_above_the_maximum_are_not_read, setup),
        cmocka_unit_test_setup(signatures, setup),
        cmocka_unit_test_setup(topology_counts_own_cores_only, setup),
        cmocka_unit_test_setup(caches_of_a_core_are_its_own, setup),
        cmocka_unit_test_setup(short_path_covers_the_rest, setup),
        cmocka_unit_test_setup(osxsave_and_ospke_follow_cr4, setup),
        cmocka_unit_test_setup(ac04_xsave_leaves, setup),
        cmocka_unit_test_setup(board_vouches, setup),
        cmocka_unit_test_setup(limits, setup),
    };
    return cmocka_run_group_tests(tests, 0, 0);
}
