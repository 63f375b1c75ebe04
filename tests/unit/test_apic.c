/* SPDX-License-Identifier: Apache-2.0 */
/* The guest's local APIC in both modes, and its page (AC-16 to AC-18, SEP-3). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../fuzz/fuzz_apic.h"
#include "fake_virt.h"
#include "policy.h"
#include "x86.h"

#define MASKED (1u << 16)
static struct vcpu *v;

static int x2apic(void **state)
{
    (void)state;
    fake_virt_reset(4, APIC_X2APIC);
    v = &fake_one.vcpus[2];
    return 0;
}

static int xapic(void **state)
{
    (void)state;
    fake_virt_reset(4, APIC_XAPIC);
    v = &fake_one.vcpus[2];
    return 0;
}

static uint64_t reads(unsigned reg)
{
    uint64_t value = 0;

    assert_true(guest_apic_read(v, reg, &value));
    return value;
}

static void identity_is_virtual(void **state)
{
    (void)state;
    fake_virt.apic[APIC_ID] = 0x77;
    fake_virt.apic[APIC_LDR] = 0x7777;
    assert_int_equal(reads(APIC_ID), 2);
    assert_int_equal(reads(APIC_LDR), 1 << 2);
    assert_int_equal(reads(APIC_VERSION), 0x00050014); /* neither extended registers nor EOI suppression */
    assert_int_equal(v->apic.base_msr, APIC_PAGE | APIC_BASE_ENABLE | APIC_BASE_X2);
    assert_int_equal(fake_one.vcpus[0].apic.base_msr, APIC_PAGE | APIC_BASE_ENABLE | APIC_BASE_X2 | APIC_BASE_BSP);
    assert_false(guest_apic_write(v, APIC_ID, 5));
    assert_false(guest_apic_write(v, APIC_LDR, 5));
}

static void ldr_of_a_second_cluster(void **state)
{
    (void)state;
    fake_virt_reset(32, APIC_X2APIC);
    v = &fake_one.vcpus[19];
    assert_int_equal(reads(APIC_LDR), 1 << 16 | 1 << 3);
}

static void identity_in_xapic_mode(void **state)
{
    (void)state;
    assert_int_equal(reads(APIC_ID), 2u << 24);
    assert_int_equal(reads(APIC_LDR), 0);
    assert_int_equal(reads(APIC_DFR), 0xffffffff);
    assert_true(guest_apic_write(v, APIC_LDR, 0x04ffffff));
    assert_true(guest_apic_write(v, APIC_DFR, 0x00000000));
    assert_int_equal(reads(APIC_LDR), 0x04000000);
    assert_int_equal(reads(APIC_DFR), 0x0fffffff);
    assert_int_equal(fake_virt.apic_writes, 0);
}

/* Every register number in both modes: which can be read, which written. */
static void ac17_registers_that_exist(void **state)
{
    static const uint8_t read_both[] = {0x02, 0x03, 0x08, 0x0a, 0x0d, 0x0f, 0x28, 0x2f, 0x30,
                                        0x32, 0x33, 0x34, 0x35, 0x36, 0x37, 0x38, 0x39, 0x3e};
    static const uint8_t write_both[] = {0x08, 0x0b, 0x0f, 0x28, 0x2f, 0x30, 0x32, 0x33, 0x34, 0x35, 0x36, 0x37, 0x38, 0x3e};

    (void)state;
    for (unsigned mode = 0; mode < 2; mode++) {
        fake_virt_reset(4, mode ? APIC_X2APIC : APIC_XAPIC);
        v = &fake_one.vcpus[2];
        for (unsigned reg = 0; reg < 0x140; reg++) {
            bool read = reg >= 0x10 && reg < 0x28, write = false;
            uint64_t value = 1;

            for (unsigned i = 0; i < ARRAY_SIZE(read_both); i++)
                read |= read_both[i] == reg;
            for (unsigned i = 0; i < ARRAY_SIZE(write_both); i++)
                write |= write_both[i] == reg;
            read |= !mode && (reg == 0x0e || reg == 0x31);
            write |= mode ? reg == 0x3f : reg == 0x0d || reg == 0x0e || reg == 0x31;
            assert_int_equal(guest_apic_read(v, reg, &value), read);
            assert_true(read || value == 0);
            assert_int_equal(guest_apic_write(v, reg, 0), write);
        }
    }
}

static void hardware_registers_pass(void **state)
{
    static const uint8_t through[] = {0x08, 0x0a, 0x10, 0x17, 0x18, 0x1f, 0x20, 0x27, 0x28, 0x32, 0x37, 0x38, 0x39, 0x3e};

    (void)state;
    for (unsigned i = 0; i < sizeof(through); i++) {
        fake_virt.apic[through[i]] = 0x1000 + i;
        assert_int_equal(reads(through[i]), 0x1000 + i);
    }
    assert_true(guest_apic_write(v, APIC_EOI, 0));
    assert_int_equal(fake_virt.last_reg, APIC_EOI);
    assert_true(guest_apic_write(v, APIC_TPR, 0x20));
    assert_int_equal(fake_virt.apic[APIC_TPR], 0x20);
    assert_true(guest_apic_write(v, APIC_TIMER_INITIAL, 0xffffffff));
    assert_int_equal(fake_virt.apic[APIC_TIMER_INITIAL], 0xffffffff);
}

/* Each of 64 bits of each register alone: reserved ones are #GP in x2APIC mode and nothing is written. */
static void ac18_reserved_bits(void **state)
{
    static const struct {
        uint8_t reg;
        uint64_t legal;
    } masks[] = {
        {APIC_TPR, 0xff},
        {APIC_EOI, 0},
        {APIC_SVR, 0x1ff},
        {APIC_ESR, 0},
        {APIC_LVT_CMCI, 0x117ff},
        {APIC_LVT_TIMER, 0x310ff},
        {APIC_LVT_THERMAL, 0x117ff},
        {APIC_LVT_PERF, 0x117ff},
        {APIC_LVT_LINT0, 0x1f7ff},
        {APIC_LVT_LINT1, 0x1f7ff},
        {APIC_LVT_ERROR, 0x110ff},
        {APIC_TIMER_INITIAL, 0xffffffff},
        {APIC_TIMER_DIVIDE, 0xb},
        {APIC_SELF_IPI, 0xff},
    };

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(masks); i++)
        for (unsigned bit = 0; bit < 64; bit++) {
            fake_virt_forget();
            assert_int_equal(guest_apic_write(v, masks[i].reg, 1ull << bit), masks[i].legal >> bit & 1);
            if (!(masks[i].legal >> bit & 1))
                assert_int_equal(fake_virt.apic_writes + fake_virt.interrupt_count, 0);
        }
    fake_cpuid_set(1, 0, 0, 0, 1u << 24, 0); /* TSC deadline */
    assert_true(guest_apic_write(v, APIC_LVT_TIMER, 1u << 18 | 0x40));
    assert_false(guest_apic_write(v, APIC_LVT_TIMER, 3u << 17 | 0x40));
}

/* The real entries of LINT0, LINT1, thermal, performance and CMCI are never written, whatever the mode and vector; the timer
 * and error entries never get a delivery mode or an exception's vector unmasked. */
static void ac18_no_lvt_becomes_nmi(void **state)
{
    (void)state;
    for (unsigned mode = 0; mode < 2; mode++) {
        fake_virt_reset(4, mode ? APIC_X2APIC : APIC_XAPIC);
        v = &fake_one.vcpus[2];
        for (uint32_t value = 0; value < 1u << 20; value += value % 0x800 < 0x20 ? 1 : 0x11) {
            static const uint8_t shadows[] = {APIC_LVT_LINT0, APIC_LVT_LINT1, APIC_LVT_THERMAL, APIC_LVT_PERF, APIC_LVT_CMCI};

            fake_virt_forget();
            for (unsigned i = 0; i < sizeof(shadows); i++)
                guest_apic_write(v, shadows[i], value);
            assert_int_equal(fake_virt.apic_writes, 0);
            for (unsigned i = 0; i < 2; i++) {
                unsigned reg = i ? APIC_LVT_ERROR : APIC_LVT_TIMER;

                fake_virt.apic[reg] = MASKED;
                guest_apic_write(v, reg, value);
                assert_int_equal(fake_virt.apic[reg] & 0xffff & ~0xff, 0);
                assert_true((fake_virt.apic[reg] & 0xff) >= 16 || (fake_virt.apic[reg] & MASKED));
            }
        }
    }
}

static void lint_shadows_read_back(void **state)
{
    (void)state;
    assert_int_equal(reads(APIC_LVT_LINT0), MASKED);
    assert_true(guest_apic_write(v, APIC_LVT_LINT0, 0x700)); /* ExtINT, as Linux writes at boot */
    assert_true(guest_apic_write(v, APIC_LVT_LINT1, 0x400)); /* NMI */
    assert_int_equal(reads(APIC_LVT_LINT0), 0x700);
    assert_int_equal(reads(APIC_LVT_LINT1), 0x400);
}

/* Software-disabled: entries masked, hardware still enabled so that our own kicks leave from it. */
static void software_disable_masks(void **state)
{
    (void)state;
    assert_int_equal(reads(APIC_SVR), 0x1ff);
    assert_true(guest_apic_write(v, APIC_LVT_TIMER, 0x20040));
    assert_true(guest_apic_write(v, APIC_LVT_LINT0, 0x700));
    assert_int_equal(fake_virt.apic[APIC_LVT_TIMER], 0x20040);
    assert_true(guest_apic_write(v, APIC_SVR, 0x0f3));
    assert_int_equal(reads(APIC_SVR), 0x0f3);
    assert_int_equal(fake_virt.apic[APIC_SVR], 0x1f3);
    assert_int_equal(fake_virt.apic[APIC_LVT_TIMER], 0x20040 | MASKED);
    assert_int_equal(reads(APIC_LVT_LINT0), 0x700 | MASKED);
    assert_true(guest_apic_write(v, APIC_LVT_TIMER, 0x40));
    assert_true(guest_apic_write(v, APIC_LVT_PERF, 0x40));
    assert_int_equal(fake_virt.apic[APIC_LVT_TIMER], 0x40 | MASKED);
    assert_int_equal(reads(APIC_LVT_PERF), 0x40 | MASKED);
    assert_true(guest_apic_write(v, APIC_SVR, 0x1f3));
    assert_int_equal(fake_virt.apic[APIC_LVT_TIMER], 0x40 | MASKED);
    assert_true(guest_apic_write(v, APIC_LVT_TIMER, 0x40));
    assert_int_equal(fake_virt.apic[APIC_LVT_TIMER], 0x40);
}

static void sep3_icr_reaches_own_cores(void **state)
{
    (void)state;
    assert_true(guest_apic_write(v, APIC_ICR, 1ull << 32 | 0x40));
    assert_int_equal(fake_virt.interrupt_count, 1);
    assert_int_equal(fake_virt.interrupts[0].vcpu, 1);
    assert_int_equal(fake_virt.interrupts[0].vector, 0x40);
    assert_true(fake_virt.interrupts[0].held);
    assert_int_equal(reads(APIC_ICR), 1ull << 32 | 0x40);
    fake_virt_forget();
    assert_true(guest_apic_write(v, APIC_ICR, 3u << 18 | 0x41)); /* all but self */
    assert_int_equal(fake_virt.interrupt_count, 3);
    fake_virt_forget();
    assert_true(guest_apic_write(v, APIC_ICR, 1ull << 32 | 0x4500)); /* INIT */
    assert_true(guest_apic_write(v, APIC_ICR, 3ull << 32 | 0x4612)); /* SIPI */
    assert_true(guest_apic_write(v, APIC_ICR, 2ull << 32 | 0x4400)); /* NMI */
    assert_int_equal(fake_virt.requests[1], REQUEST_INIT);
    assert_int_equal(fake_virt.requests[3], REQUEST_SIPI);
    assert_int_equal(fake_one.vcpus[3].sipi_vector, 0x12);
    assert_int_equal(fake_virt.requests[2], REQUEST_NMI);
    assert_int_equal(fake_virt.interrupt_count, 0);
    assert_int_equal(fake_virt.denied[DENIED_OTHER], 0);
    assert_int_equal(fake_virt.apic_writes, 0); /* never the real ICR */
}

static void sep3_icr_refuses_the_rest(void **state)
{
    static const uint64_t refused[] = {0x240, 0x340, 0x740, 4ull << 32 | 0x40, 0xfe00000000 | 0x4500, 0x0f, 2u << 18 | 0x4500};

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(refused); i++) {
        assert_true(guest_apic_write(v, APIC_ICR, refused[i]));
        assert_int_equal(fake_virt.denied[DENIED_OTHER], i + 1);
    }
    for (unsigned bit = 13; bit < 32; bit++)
        if (bit == 13 || bit == 16 || bit == 17 || bit >= 20)
            assert_false(guest_apic_write(v, APIC_ICR, 1u << bit | 0x40));
    assert_int_equal(fake_virt.interrupt_count, 0);
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(fake_virt.requests[i], 0);
}

static void self_ipi(void **state)
{
    (void)state;
    assert_true(guest_apic_write(v, APIC_SELF_IPI, 0x55));
    assert_int_equal(fake_virt.interrupt_count, 1);
    assert_int_equal(fake_virt.interrupts[0].vcpu, 2);
    assert_int_equal(fake_virt.interrupts[0].vector, 0x55);
    assert_true(guest_apic_write(v, APIC_SELF_IPI, 0x0f));
    assert_int_equal(fake_virt.interrupt_count, 1);
    assert_int_equal(fake_virt.denied[DENIED_OTHER], 1);
}

static void xapic_icr_in_two_halves(void **state)
{
    (void)state;
    fake_one.vcpus[0].apic.ldr = 1u << 24;
    fake_one.vcpus[1].apic.ldr = 2u << 24;
    assert_true(guest_apic_write(v, APIC_ICR_HIGH, 0x01ffffff));
    assert_int_equal(reads(APIC_ICR_HIGH), 0x01000000);
    assert_true(guest_apic_write(v, APIC_ICR, 0x1040)); /* delivery status written as 1 must not stay */
    assert_int_equal(reads(APIC_ICR), 0x40);
    assert_int_equal(fake_virt.interrupts[0].vcpu, 1);
    assert_true(guest_apic_write(v, APIC_ICR_HIGH, 0x03000000));
    assert_true(guest_apic_write(v, APIC_ICR, 0x841)); /* logical */
    assert_int_equal(fake_virt.interrupt_count, 3);
    assert_int_equal(fake_virt.interrupts[1].vcpu, 0);
    assert_int_equal(fake_virt.interrupts[2].vcpu, 1);
    assert_int_equal(fake_virt.interrupts[2].vector, 0x41);
}

static void ac17_base_register(void **state)
{
    uint64_t base = APIC_PAGE | APIC_BASE_ENABLE;

    (void)state;
    for (unsigned bit = 0; bit < 64; bit++)
        if (bit != 10)
            assert_false(guest_apic_base_write(v, base ^ 1ull << bit));
    assert_true(guest_apic_base_write(v, base));
    assert_true(guest_apic_base_write(v, base | APIC_BASE_X2));
    assert_true(guest_apic_base_write(v, base | APIC_BASE_X2));
    assert_false(guest_apic_base_write(v, base));
    assert_false(guest_apic_base_write(v, 0));
    assert_int_equal(v->apic.base_msr, base | APIC_BASE_X2);
}

/* --- the page ---------------------------------------------------------------------------------------------------------------- */

static void ac17_page_sweep(void **state)
{
    static const unsigned sizes[] = {1, 2, 4, 8};
    unsigned known = 0;

    (void)state;
    for (unsigned offset = 0; offset < 4096; offset++)
        for (unsigned s = 0; s < 4; s++) {
            uint64_t value = 1, direct = 0;
            bool exists = sizes[s] == 4 && offset % 16 == 0 && offset < 0x400 && guest_apic_read(v, offset / 16, &direct);

            fake_virt_forget();
            assert_true(guest_mmio_read(v, GPA(APIC_PAGE + offset), sizes[s], &value));
            assert_int_equal(value, exists ? direct : 0);
            assert_int_equal(fake_virt.denied[DENIED_MEMORY], !exists);
            known += exists;
            if (exists)
                continue;
            fake_virt_forget();
            assert_true(guest_mmio_write(v, GPA(APIC_PAGE + offset), sizes[s], 0x4500));
            if (sizes[s] != 4 || offset % 16 != 0)
                assert_int_equal(fake_virt.apic_writes + fake_virt.interrupt_count + fake_virt.requests[0], 0);
        }
    assert_int_equal(known, 44);
}

static void page_write_reaches_the_register(void **state)
{
    (void)state;
    assert_true(guest_mmio_write(v, GPA(APIC_PAGE + 0x80), 4, 0xffffff30));
    assert_int_equal(fake_virt.apic[APIC_TPR], 0x30);
    assert_true(guest_mmio_write(v, GPA(APIC_PAGE + 0xb0), 4, 77));
    assert_int_equal(fake_virt.last_reg, APIC_EOI);
    assert_int_equal(fake_virt.last_value, 0);
}

/* By page and by MSR, where the machine has no x2APIC: a budget of their own. Where it has, what exits is an exit like others. */
static void accesses_are_counted_apart(void **state)
{
    uint64_t value;

    (void)state;
    for (unsigned hardware = 0; hardware < 2; hardware++) {
        fake_virt.x2apic_hardware = hardware;
        v->counters.apic = 0;
        assert_true(guest_apic_write(v, APIC_TPR, 0x30));
        assert_true(guest_apic_read(v, APIC_TPR, &value));
        assert_int_equal(v->counters.apic, hardware ? 0 : 2);
    }
    fake_virt.x2apic_hardware = false;
    v->counters.apic = 0;
    assert_true(guest_mmio_write(v, GPA(APIC_PAGE + 0x80), 4, 0x30));
    assert_true(guest_mmio_read(v, GPA(IOAPIC_PAGE), 4, &value));
    assert_int_equal(v->counters.apic, 1);
}

static void ac17_no_page_in_x2apic_mode(void **state)
{
    uint64_t value;

    (void)state;
    assert_false(guest_mmio_present(v, GPA(APIC_PAGE)));
    assert_false(guest_mmio_read(v, GPA(APIC_PAGE + 0x20), 4, &value));
    assert_false(guest_mmio_write(v, GPA(APIC_PAGE + 0xb0), 4, 0));
    assert_int_equal(fake_virt.apic_writes, 0);
}

static void only_two_pages_answer(void **state)
{
    static const uint64_t others[] = {0, 0xfec01000, 0xfebff000, 0xfee01000, 0xfedff000, 0x1fee00000, 0xfffffffffffff000};
    uint64_t value;

    (void)state;
    assert_true(guest_mmio_present(v, GPA(APIC_PAGE + 0xfff)));
    assert_true(guest_mmio_present(v, GPA(IOAPIC_PAGE)));
    for (unsigned i = 0; i < ARRAY_SIZE(others); i++) {
        assert_false(guest_mmio_present(v, GPA(others[i])));
        assert_false(guest_mmio_read(v, GPA(others[i]), 4, &value));
        assert_false(guest_mmio_write(v, GPA(others[i]), 4, 0));
    }
}

static void sep5_unikernels_have_no_ioapic(void **state)
{
    static const struct plan_partition unikernel = {.name = "one", .kind = IMAGE_UNIKERNEL, .core_count = 4};

    (void)state;
    v->partition->plan = &unikernel;
    assert_false(guest_mmio_present(v, GPA(IOAPIC_PAGE)));
    assert_false(guest_mmio_write(v, GPA(IOAPIC_PAGE), 4, 0x12));
}

static void ioapic_page(void **state)
{
    uint64_t value;

    (void)state;
    assert_true(guest_mmio_write(v, GPA(IOAPIC_PAGE), 4, 1));
    assert_true(guest_mmio_read(v, GPA(IOAPIC_PAGE + 0x10), 4, &value));
    assert_int_equal(value, 0x170011);
    assert_int_equal(fake_virt.denied[DENIED_MEMORY], 0);
    assert_true(guest_mmio_read(v, GPA(IOAPIC_PAGE + 0x10), 2, &value));
    assert_int_equal(value, 0);
    assert_true(guest_mmio_write(v, GPA(IOAPIC_PAGE + 0x20), 4, 1));
    assert_int_equal(fake_virt.denied[DENIED_MEMORY], 2);
    assert_true(fake_one.gate.next == fake_one.gate.owner);
}

/* AC-16, AC-18, AC-19: any sequence of accesses. */
static void sep3_any_sequence(void **state)
{
    static uint8_t input[2 + 7 * 4000];
    uint64_t x = 88172645463325252ull;

    (void)state;
    for (unsigned round = 0; round < 40; round++) {
        for (unsigned i = 0; i < sizeof(input); i++) {
            x ^= x << 13, x ^= x >> 7, x ^= x << 17;
            input[i] = (uint8_t)(x >> 24);
        }
        LLVMFuzzerTestOneInput(input, sizeof(input));
    }
    assert_in_range(fuzz_apic_sent, 1000, 10000000); /* it gets so far */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(identity_is_virtual, x2apic),
        cmocka_unit_test_setup(ldr_of_a_second_cluster, x2apic),
        cmocka_unit_test_setup(identity_in_xapic_mode, xapic),
        cmocka_unit_test_setup(ac17_registers_that_exist, x2apic),
        cmocka_unit_test_setup(hardware_registers_pass, x2apic),
        cmocka_unit_test_setup(ac18_reserved_bits, x2apic),
        cmocka_unit_test_setup(ac18_no_lvt_becomes_nmi, x2apic),
        cmocka_unit_test_setup(lint_shadows_read_back, x2apic),
        cmocka_unit_test_setup(software_disable_masks, x2apic),
        cmocka_unit_test_setup(sep3_icr_reaches_own_cores, x2apic),
        cmocka_unit_test_setup(sep3_icr_refuses_the_rest, x2apic),
        cmocka_unit_test_setup(self_ipi, x2apic),
        cmocka_unit_test_setup(xapic_icr_in_two_halves, xapic),
        cmocka_unit_test_setup(ac17_base_register, xapic),
        cmocka_unit_test_setup(ac17_page_sweep, xapic),
        cmocka_unit_test_setup(page_write_reaches_the_register, xapic),
        cmocka_unit_test_setup(accesses_are_counted_apart, xapic),
        cmocka_unit_test_setup(ac17_no_page_in_x2apic_mode, x2apic),
        cmocka_unit_test_setup(only_two_pages_answer, xapic),
        cmocka_unit_test_setup(sep5_unikernels_have_no_ioapic, x2apic),
        cmocka_unit_test_setup(ioapic_page, x2apic),
        cmocka_unit_test(sep3_any_sequence),
    };
    return cmocka_run_group_tests(tests, 0, 0);
}
