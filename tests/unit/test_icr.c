/* SPDX-License-Identifier: Apache-2.0 */
/* The ICR expansion against a slow reference written from the manual's tables (SDM3 11.6.1, 11.12.9): every delivery mode,
 * shorthand, destination mode and destination, for partitions of several sizes. AC-16, SEP-3. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "icr_reference.h"

static uint64_t compared, effective;

static void compare(const struct command *c, unsigned cores, const uint32_t *ldr, uint32_t dfr)
{
    uint32_t own = (uint32_t)((1ull << cores) - 1);

    for (unsigned self = 0; self<cores; self += cores> 1 ? cores - 1 : 1) {
        struct icr_effect want = reference(c, self, cores, ldr, dfr);
        struct icr_effect got = icr_expand(encode(c), self, cores, c->x2, ldr, dfr);

        assert_int_equal(got.targets & ~own, 0);
        assert_int_equal(got.what, want.what);
        assert_int_equal(got.targets, want.targets);
        assert_int_equal(got.denied, want.denied);
        if (want.what != ICR_DROP)
            assert_int_equal(got.vector, want.vector);
        compared++;
        effective += want.what != ICR_DROP;
    }
}

static void each_flag(struct command c, unsigned cores, const uint32_t *ldr, uint32_t dfr)
{
    static const uint8_t vectors[] = {0, 15, 16, 255};

    for (c.mode = 0; c.mode < 8; c.mode++)
        for (c.shorthand = 0; c.shorthand < 4; c.shorthand++)
            for (c.dest_mode = 0; c.dest_mode < 2; c.dest_mode++)
                for (unsigned i = 0; i < (c.mode == 5 ? 4u : 2u); i++)
                    for (unsigned v = 0; v < 4; v++) {
                        c.level = i & 1;
                        c.trigger = i >> 1;
                        c.vector = vectors[v];
                        compare(&c, cores, ldr, dfr);
                    }
}

static const unsigned sizes[] = {1, 2, 5, 32};

static void sep3_ac16_xapic_every_command(void **state)
{
    static const uint32_t dfrs[] = {0xffffffff, 0x0fffffff, 0x7fffffff};
    uint32_t ldr[MAX_CORES];

    (void)state;
    for (unsigned d = 0; d < 3; d++) {
        for (unsigned i = 0; i < MAX_CORES; i++)
            ldr[i] = (d == 1 ? (i / 4) << 28 | 1u << (24 + i % 4) : 1u << (24 + i % 8)) | (i == 3 ? 0xff000000 : 0);
        for (unsigned s = 0; s < 4; s++)
            for (uint32_t dest = 0; dest < 256; dest++)
                each_flag((struct command){.dest = dest}, sizes[s], ldr, dfrs[d]);
    }
}

static void sep3_ac16_x2apic_every_command(void **state)
{
    static const uint32_t far[] = {0x0000ffff, 0x00010000, 0x00010001, 0x00018000, 0x0001ffff, 0x00020001, 0x0002ffff,
                                   0x000f0001, 0x7fffffff, 0x80000000, 0xffff0001, 0xffff8000, 0xfffffffe, 0xffffffff};

    (void)state;
    for (unsigned s = 0; s < 4; s++) {
        for (uint32_t dest = 0; dest < 256; dest++)
            each_flag((struct command){.dest = dest, .x2 = true}, sizes[s], 0, 0);
        for (unsigned i = 0; i < ARRAY_SIZE(far); i++)
            each_flag((struct command){.dest = far[i], .x2 = true}, sizes[s], 0, 0);
    }
    assert_true(effective > 10000 && effective < compared);
}

/* Whatever other bits are set, the targets stay inside. */
static void sep3_ac16_random_words_stay_inside(void **state)
{
    uint64_t x = 88172645463325252ull;
    uint32_t ldr[MAX_CORES];

    (void)state;
    for (unsigned i = 0; i < 300000; i++) {
        unsigned cores = 1 + (unsigned)(x >> 40) % 32;
        struct icr_effect e;

        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        for (unsigned k = 0; k < MAX_CORES; k++)
            ldr[k] = (uint32_t)(x >> k);
        e = icr_expand(x, (unsigned)(x >> 5) % cores, cores, x >> 3 & 1, ldr, (uint32_t)(x >> 9));
        assert_int_equal(e.targets & ~(uint32_t)((1ull << cores) - 1), 0);
        assert_true(e.what != ICR_FIXED || e.vector >= 16);
        assert_true((e.what == ICR_DROP) == (e.targets == 0));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sep3_ac16_xapic_every_command),
        cmocka_unit_test(sep3_ac16_x2apic_every_command),
        cmocka_unit_test(sep3_ac16_random_words_stay_inside),
    };
    return cmocka_run_group_tests(tests, 0, 0);
}
