/* SPDX-License-Identifier: Apache-2.0 */
/* Which table of vectors a core has: the hypervisor's own but for the instant in which a local APIC is drained. With the other one
 * its own page fault, alignment check or machine check would be taken for an interrupt and forgotten (SEP-8). */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "crash.h"
#include "lapic.h"
#include "partition.h"
#include "trap.h"
#include "virt.h"
#include "x86.h"

extern char trap_stubs[], trap_drain_stub[];

struct vcpu vcpus[MAX_CORES];
struct fake_x86 fake_x86;
static struct descriptor_pointer loaded, loaded_while_on;
static unsigned instants;

void lidt(const void *pointer)
{
    memcpy(&loaded, pointer, sizeof(loaded));
}

void sti_nop_cli(void)
{
    loaded_while_on = loaded;
    instants++;
}

/* The fixed address of the core's own block is not there on the host: no handler runs in this test. */
void virt_nmi(void)
{
    fail();
}
void lapic_write(unsigned reg, uint32_t value)
{
    (void)reg, (void)value;
    fail();
}
bool arch_machine_check(bool guest)
{
    (void)guest;
    fail();
    return false;
}
_Noreturn void crash(const struct crash_state *state, const char *text)
{
    (void)state, (void)text;
    abort();
}

static const struct gate *gate_of(struct descriptor_pointer table, unsigned vector)
{
    assert_true((vector + 1) * sizeof(struct gate) - 1 <= table.limit);
    return (const struct gate *)table.base + vector;
}

static const char *target(const struct gate *gate)
{
    return (const char *)((uintptr_t)gate->offset_high << 32 | (uintptr_t)gate->offset_middle << 16 | gate->offset_low);
}

static int setup(void **state)
{
    (void)state;
    instants = 0;
    trap_init();
    trap_load();
    return 0;
}

static void is_own_table(struct descriptor_pointer table)
{
    static const uint8_t stacks[32] = {[2] = IST_NMI, [8] = IST_DF, [18] = IST_MC};

    assert_int_equal(table.limit, 32 * sizeof(struct gate) - 1); /* a vector above is #GP: no interrupt is expected */
    for (unsigned vector = 0; vector < 32; vector++) {
        const struct gate *gate = gate_of(table, vector);

        assert_ptr_equal(target(gate), trap_stubs + 16 * (size_t)vector);
        assert_true(gate->selector == 8 && gate->type == 0x8e && gate->ist == stacks[vector]);
    }
}

static void every_exception_has_its_stub_and_stack(void **state)
{
    (void)state;
    is_own_table(loaded);
}

/* SDM3 11.5.2: a local APIC delivers from 16 on; below, only the processor itself does. */
static void while_draining_vectors_from_16_on_are_interrupts(void **state)
{
    (void)state;
    trap_drain();
    assert_int_equal(instants, 1);
    for (unsigned vector = 0; vector < 256; vector++) {
        const struct gate *gate = gate_of(loaded_while_on, vector);

        assert_ptr_equal(target(gate), vector < 16 ? trap_stubs + 16 * (size_t)vector : trap_drain_stub);
        assert_true(gate->selector == 8 && gate->type == 0x8e);
    }
    assert_int_equal(gate_of(loaded_while_on, 2)->ist, IST_NMI);
    assert_int_equal(gate_of(loaded_while_on, 8)->ist, IST_DF);
}

static void sep8_exceptions_are_the_hypervisors_again_after_the_drain(void **state)
{
    (void)state;
    trap_drain();
    is_own_table(loaded);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(every_exception_has_its_stub_and_stack, setup),
        cmocka_unit_test_setup(while_draining_vectors_from_16_on_are_interrupts, setup),
        cmocka_unit_test_setup(sep8_exceptions_are_the_hypervisors_again_after_the_drain, setup),
    };

    return cmocka_run_group_tests(tests, 0, 0);
}
