/* SPDX-License-Identifier: Apache-2.0 */
/* The emulated IO-APIC: registers, and that a pin raises nothing but fixed vectors on the partition's own cores (AC-19, SEP-3). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fake_virt.h"
#include "policy.h"

static int setup(void **state)
{
    (void)state;
    fake_virt_reset(3, APIC_X2APIC);
    return 0;
}

static void reg_write(unsigned index, uint32_t value)
{
    guest_ioapic_write(&fake_one, 0x00, index);
    guest_ioapic_write(&fake_one, 0x10, value);
}

static uint32_t reg_read(unsigned index)
{
    guest_ioapic_write(&fake_one, 0x00, index);
    return guest_ioapic_read(&fake_one, 0x10);
}

static void registers_read_as_on_hardware(void **state)
{
    (void)state;
    assert_int_equal(reg_read(0), 0);
    assert_int_equal(reg_read(1), 0x00170011); /* 24 pins */
    assert_int_equal(reg_read(2), 0);
    for (unsigned pin = 0; pin < 24; pin++) {
        assert_int_equal(reg_read(0x10 + 2 * pin), 0x10000);
        assert_int_equal(reg_read(0x11 + 2 * pin), 0);
    }
    reg_write(0x18, 0xffffffff);
    reg_write(0x19, 0xffffffff);
    assert_int_equal(reg_read(0x18), 0x1afff);
    assert_int_equal(reg_read(0x19), 0xff000000);
    assert_int_equal(reg_read(0x17), 0);
    assert_int_equal(reg_read(0x1a), 0x10000);
    assert_int_equal(guest_ioapic_read(&fake_one, 0x00), 0x1a);
    guest_ioapic_reset(&fake_one);
    assert_int_equal(reg_read(0x18), 0x10000);
}

/* Every index and every window offset: nothing outside the 24 pins is touched. */
static void ac19_all_indices_stay_inside(void **state)
{
    struct partition before;

    (void)state;
    for (unsigned index = 0; index < 0x400; index++)
        reg_write(index, 0x10000 | 0x55);
    for (unsigned offset = 0; offset < 4096; offset++) {
        guest_ioapic_write(&fake_one, offset, 0xffffffff);
        guest_ioapic_read(&fake_one, offset);
    }
    assert_int_equal(guest_ioapic_read(&fake_one, 0), 0xff);
    before = fake_one;
    for (unsigned index = 0x40; index < 0x100; index++) {
        reg_write(index, 0);
        assert_int_equal(reg_read(index), 0);
    }
    fake_one.ioapic.index = before.ioapic.index;
    assert_memory_equal(&before, &fake_one, sizeof(before));
}

static void pulse_sends_what_the_entry_says(void **state)
{
    (void)state;
    reg_write(0x19, 2u << 24);
    reg_write(0x18, 0x41);
    guest_pin_pulse(&fake_one, 4);
    assert_int_equal(fake_virt.interrupt_count, 1);
    assert_int_equal(fake_virt.interrupts[0].vcpu, 2);
    assert_int_equal(fake_virt.interrupts[0].vector, 0x41);
    guest_pin_pulse(&fake_one, 5);
    guest_pin_pulse(&fake_one, 24);
    guest_pin_pulse(&fake_one, ~0u);
    assert_int_equal(fake_virt.interrupt_count, 1);
}

/* All delivery modes, destination modes, destinations, masks and the vectors at the edge. */
static void sep3_ac19_only_fixed_to_own_cores(void **state)
{
    static const uint8_t vectors[] = {0, 2, 15, 16, 0x30, 255};
    unsigned sent = 0;

    (void)state;
    for (unsigned bits = 0; bits < 512; bits++) /* mode, logical, polarity, trigger, mask, and the two read-only bits */
        for (unsigned dest = 0; dest < 256; dest++)
            for (unsigned v = 0; v < ARRAY_SIZE(vectors); v++) {
                bool want = (bits & 0xf) == 0 && !(bits >> 8 & 1) && dest < 3 && vectors[v] >= 16;

                fake_virt_forget();
                reg_write(0x10, bits << 8 | vectors[v]);
                reg_write(0x11, dest << 24);
                guest_pin_pulse(&fake_one, 0);
                assert_int_equal(fake_virt.interrupt_count, want ? 1 : 0);
                sent += want;
            }
    assert_int_equal(sent, 3 * 3 * 16);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(registers_read_as_on_hardware, setup),
        cmocka_unit_test_setup(ac19_all_indices_stay_inside, setup),
        cmocka_unit_test_setup(pulse_sends_what_the_entry_says, setup),
        cmocka_unit_test_setup(sep3_ac19_only_fixed_to_own_cores, setup),
    };
    return cmocka_run_group_tests(tests, 0, 0);
}
