/* SPDX-License-Identifier: Apache-2.0 */
/* The board's own IO-APIC (SEP-3): every pin masked, then two of them with the entry that the IOMMU's back end gives, whatever that is; its
 * low half, which unmasks, comes last. A model of the 82093AA looks after each instruction which register has been written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "crash.h"
#include "dev.h"
#include "each_step.h"
#include "iommu.h"
#include "plan.h"
#include "x86.h"

static struct board machine = {.ioapic = {.base = 0xfec00000, .gsi_base = 16, .pins = 24}};
const struct plan plan = {.board = &machine};

/* --- model --------------------------------------------------------------------------------------------------------------------- */

#define WINDOW 4u
#define MASKED (1u << 16)
#define ENTRY(pin) (0x10u + 2u * (pin))

static uint32_t page[1024] __attribute__((aligned(4096)));
static uint32_t registers[0x200];
static struct {
    uint32_t reg, value;
} writes[600];
static unsigned write_count;
static uint32_t index_before;
static uint8_t masks[2];

/* A write of what is there already changes nothing, and is not seen. */
static void look(void)
{
    if (page[0] == index_before && page[WINDOW] != registers[page[0] & 0x1ff] && write_count < ARRAY_SIZE(writes)) {
        registers[page[0] & 0x1ff] = page[WINDOW];
        writes[write_count].reg = page[0];
        writes[write_count++].value = page[WINDOW];
    }
    index_before = page[0];
    page[WINDOW] = registers[page[0] & 0x1ff];
}

static int ioapic_make(void **state)
{
    (void)state;
    memset(page, 0, sizeof(page));
    for (unsigned i = 0; i < ARRAY_SIZE(registers); i++)
        registers[i] = 0xa5a50000u + i; /* as a firmware leaves it */
    registers[1] = 23u << 16 | 0x11;
    page[WINDOW] = registers[0];
    index_before = write_count = 0;
    memset(masks, 0, sizeof(masks));
    return 0;
}

void *arch_mmio(hpa_t address)
{
    assert_int_equal(address.v, 0xfec00000);
    return page;
}

void outb(uint16_t port, uint8_t value)
{
    assert_true(port == 0x21 || port == 0xa1);
    masks[port >> 7] = value;
}

static struct {
    unsigned which, pin;
    uint32_t apic_id;
    uint64_t entry;
} asked;

uint64_t iommu_pin_nmi(unsigned which, unsigned pin, uint32_t apic_id)
{
    asked.which = which;
    asked.pin = pin;
    asked.apic_id = apic_id;
    return asked.entry;
}

static jmp_buf on_crash;
static const char *crash_text;

void crash_here(const char *text)
{
    each_step_end();
    crash_text = text;
    longjmp(on_crash, 1);
}

static const char *init(void)
{
    const char *why;

    each_step_begin(look);
    why = ioapic_init();
    each_step_end();
    return why;
}

static void assert_refused(void)
{
    const char *why = init();

    assert_non_null(why);
    assert_non_null(strstr(why, "IRQ-1"));
}

static void route(unsigned pin_line, uint32_t gsi, uint32_t apic_id)
{
    crash_text = NULL;
    if (setjmp(on_crash) != 0)
        return;
    each_step_begin(look);
    ioapic_route_nmi(pin_line, gsi, apic_id);
    each_step_end();
}

/* --- tests --------------------------------------------------------------------------------------------------------------------- */

static void test_everything_is_masked_at_boot(void **state)
{
    (void)state;
    assert_null(init());
    assert_int_equal(masks[0], 0xff);
    assert_int_equal(masks[1], 0xff);
    for (unsigned pin = 0; pin < 24; pin++) {
        assert_int_equal(registers[ENTRY(pin)], MASKED);
        assert_int_equal(registers[ENTRY(pin) + 1], 0);
    }
    assert_int_equal(write_count, 48); /* and nothing else */
}

static void test_pins_that_are_not_the_boards(void **state)
{
    (void)state;
    registers[1] = 22u << 16;
    assert_refused();
    assert_int_equal(write_count, 0);
    ioapic_make(NULL);
    registers[1] = 240u << 16;
    assert_refused();
    ioapic_make(NULL);
    registers[1] = 239u << 16 | 0x20;
    assert_null(init());
    assert_int_equal(registers[ENTRY(239)], MASKED);
}

static void test_a_pin_gets_the_back_ends_entry(void **state)
{
    static const uint64_t entries[] = {0x0300000000000400, 0x0009000000000800, 0xffffffffffffffff, 0x1234567800000000};

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(entries); i++) {
        unsigned pin = i * 7 + 2; /* 2 .. 23 */

        ioapic_make(NULL);
        assert_null(init());
        write_count = 0;
        asked.entry = entries[i];
        route(i & 1, 16 + pin, 40 + i);
        assert_null(crash_text);
        assert_int_equal(asked.which, i & 1);
        assert_int_equal(asked.pin, pin);
        assert_int_equal(asked.apic_id, 40 + i);
        assert_int_equal(write_count, 2);
        assert_int_equal(writes[0].reg, ENTRY(pin) + 1); /* its destination while it is masked */
        assert_int_equal(writes[0].value, entries[i] >> 32);
        assert_int_equal(writes[1].reg, ENTRY(pin));
        assert_int_equal(writes[1].value, (uint32_t)entries[i]);
    }
}

static void test_a_pin_that_is_not_there(void **state)
{
    static const uint32_t gsi[] = {40, 15, 0, 0xffffffff};

    (void)state;
    assert_null(init());
    write_count = 0;
    asked.entry = 0x400;
    for (unsigned i = 0; i < ARRAY_SIZE(gsi); i++) {
        route(0, gsi[i], 3);
        assert_non_null(crash_text);
        assert_int_equal(write_count, 0);
    }
}

static void test_masked_again(void **state)
{
    (void)state;
    assert_null(init());
    asked.entry = 0x0300000000000400;
    route(0, 18, 3);
    route(1, 20, 3);
    write_count = 0;
    each_step_begin(look);
    ioapic_mask();
    each_step_end();
    assert_int_equal(write_count, 4);
    assert_int_equal(writes[0].reg, ENTRY(2));
    assert_int_equal(registers[ENTRY(2)], MASKED);
    assert_int_equal(registers[ENTRY(4)], MASKED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_everything_is_masked_at_boot, ioapic_make),
        cmocka_unit_test_setup(test_pins_that_are_not_the_boards, ioapic_make),
        cmocka_unit_test_setup(test_a_pin_gets_the_back_ends_entry, ioapic_make),
        cmocka_unit_test_setup(test_a_pin_that_is_not_there, ioapic_make),
        cmocka_unit_test_setup(test_masked_again, ioapic_make),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
