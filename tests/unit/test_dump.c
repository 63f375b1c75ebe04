/* SPDX-License-Identifier: Apache-2.0 */
/* Memory and registers of a stopped partition: fetched by its own core alone, never of one that runs, nothing of an earlier life. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fake_arch.h"
#include "fake_partition.h"
#include "fake_plan.h"
#include "memory.h"
#include "recorder.h"
#include "virt.h"

enum { LINUX_GUEST, CONTROL, HELLO };

static uint8_t ram[4 * PAGE_SIZE], pool[PAGE_SIZE], got[PAGE_SIZE], elsewhere[PAGE_SIZE];
static unsigned asked, taken;
static const struct plan_ram ranges[] = {{HPA(0x1000000), GPA(0), 2 * PAGE_SIZE}, {HPA(0x3000000), GPA(GIB(4)), PAGE_SIZE}};

void *pool_take(unsigned count)
{
    assert_int_equal(count, 1);
    taken++;
    return pool;
}

/* On any other core other memory is there: nothing of it may be given. */
void *partition_ram(const struct partition *partition, gpa_t gpa, uint64_t size)
{
    assert_int_equal(partition->index, HELLO);
    assert_int_equal(size, PAGE_SIZE);
    for (unsigned i = 0; i < 2; i++)
        if (range_inside(gpa.v, size, ranges[i].gpa.v, ranges[i].size))
            return fake.core == 3 ? ram + (i ? 2 * PAGE_SIZE : gpa.v) : elsewhere;
    return NULL;
}

void virt_state(const struct vcpu *vcpu, struct guest_state *state)
{
    assert_int_equal(vcpu->core, fake.core);
    state->rip = 0x1234;
}

void vcpu_request(struct vcpu *vcpu, uint32_t request)
{
    assert_ptr_equal(vcpu, &vcpus[3]);
    assert_int_equal(request, REQUEST_DUMP);
    asked++;
}

static int setup(void **state)
{
    (void)state;
    fake_reset();
    fake_plan_reset();
    fake_plan_partitions[CONTROL].dumps = 1u << HELLO;
    fake_plan_partitions[HELLO].ram = ranges;
    fake_plan_partitions[HELLO].ram_count = 2;
    fake_partitions_reset();
    asked = taken = 0;
    for (unsigned i = 0; i < plan.partition_count; i++)
        dump_create(&partitions[i]);
    dump_forget(&partitions[HELLO]);
    partitions[HELLO].state = PARTITION_STOPPED;
    for (size_t i = 0; i < sizeof(ram); i++)
        ram[i] = (uint8_t)(i / 7);
    memset(elsewhere, 0xee, sizeof(elsewhere));
    memset(got, 0, sizeof(got));
    fake.core = 2;
    return 0;
}

static uint64_t memory(uint64_t gpa)
{
    return dump_memory(&partitions[CONTROL], &partitions[HELLO], gpa, got, sizeof(got));
}

static void fetch(void)
{
    fake.core = 3;
    dump_fetch(&partitions[HELLO]);
    fake.core = 2;
}

static void a_page_is_fetched_by_the_core_that_has_it(void **state)
{
    (void)state;
    assert_int_equal(taken, 1);
    assert_int_equal(memory(PAGE_SIZE), BH_AGAIN);
    assert_int_equal(memory(PAGE_SIZE), BH_AGAIN);
    assert_int_equal(asked, 1); /* a caller that asks in a loop does not kick in a loop */
    fetch();
    assert_int_equal(memory(PAGE_SIZE), PAGE_SIZE);
    assert_memory_equal(got, ram + PAGE_SIZE, PAGE_SIZE);
    assert_int_equal(memory(PAGE_SIZE), BH_AGAIN); /* and anew */
    fetch();
    assert_int_equal(memory(GIB(4)), BH_AGAIN); /* another one was asked for */
    fetch();
    assert_int_equal(memory(GIB(4)), PAGE_SIZE);
    assert_memory_equal(got, ram + 2 * PAGE_SIZE, PAGE_SIZE);
}

static uint64_t by_another(uint64_t gpa)
{
    return dump_memory(&partitions[LINUX_GUEST], &partitions[HELLO], gpa, got, sizeof(got));
}

/* Two who ask for different pages, in turn: both come to their own. */
static void test_ac46_two_who_dump_do_not_undo_one_another(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 5; i++) {
        assert_int_equal(memory(PAGE_SIZE), BH_AGAIN);
        assert_int_equal(by_another(0), BH_AGAIN);
        fetch();
        assert_int_equal(by_another(0), BH_AGAIN);
        assert_int_equal(by_another(PAGE_SIZE), BH_AGAIN); /* nor is the same page taken away */
        assert_int_equal(asked, 2 * i + 1);
        assert_int_equal(memory(PAGE_SIZE), PAGE_SIZE);
        assert_memory_equal(got, ram + PAGE_SIZE, PAGE_SIZE);
        assert_int_equal(by_another(0), BH_AGAIN);
        fetch();
        assert_int_equal(memory(PAGE_SIZE), BH_AGAIN);
        assert_int_equal(by_another(0), PAGE_SIZE);
        assert_memory_equal(got, ram, PAGE_SIZE);
    }
}

static void one_that_asks_and_never_comes_holds_up_nobody(void **state)
{
    (void)state;
    assert_int_equal(memory(PAGE_SIZE), BH_AGAIN);
    fetch();
    fake_ms(10);
    assert_int_equal(by_another(0), BH_AGAIN);
    assert_int_equal(asked, 1);
    fake_ms(11);
    assert_int_equal(by_another(0), BH_AGAIN);
    assert_int_equal(asked, 2);
    fetch();
    assert_int_equal(by_another(0), PAGE_SIZE);
}

static void nothing_but_pages_of_ram(void **state)
{
    static const uint64_t bad[] = {1,          PAGE_SIZE / 2,          2 * PAGE_SIZE, GIB(4) + PAGE_SIZE, GIB(4) - PAGE_SIZE,
                                   UINT64_MAX, UINT64_MAX - PAGE_MASK, 1ull << 63};

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
        assert_int_equal(memory(bad[i]), BH_EINVAL);
    assert_int_equal(dump_memory(&partitions[CONTROL], &partitions[HELLO], 0, got, PAGE_SIZE - 1), BH_EINVAL);
    assert_int_equal(dump_memory(&partitions[CONTROL], &partitions[CONTROL], 0, got, PAGE_SIZE),
                     BH_EINVAL); /* nobody may dump it: it has no page */
    assert_int_equal(asked, 0);
}

static void test_sep1_one_that_has_not_stopped_is_not_read(void **state)
{
    (void)state;
    for (unsigned i = 0; i < PARTITION_STATE_COUNT; i++) {
        partitions[HELLO].state = (uint8_t)i;
        if (i == PARTITION_STOPPED)
            continue;
        assert_int_equal(memory(0), BH_EBUSY);
        assert_int_equal(dump_registers(&partitions[HELLO], 0, got, sizeof(got)), BH_EBUSY);
    }
    assert_int_equal(asked, 0);
    partitions[HELLO].state = PARTITION_STOPPED;
    assert_int_equal(memory(0), BH_AGAIN);
    partitions[HELLO].state = PARTITION_LOADING; /* before its core comes to it */
    fetch();
    partitions[HELLO].state = PARTITION_STOPPED;
    assert_int_equal(memory(0), BH_AGAIN); /* it was not fetched */
}

static void test_sep9_nothing_of_an_earlier_life(void **state)
{
    (void)state;
    assert_int_equal(memory(0), BH_AGAIN);
    fetch();
    dump_forget(&partitions[HELLO]);
    for (size_t i = 0; i < sizeof(pool); i++)
        assert_int_equal(pool[i], 0);
    assert_int_equal(memory(0), BH_AGAIN);
    assert_int_equal(asked, 2);
}

static void registers_are_those_it_parked_with(void **state)
{
    struct bh_registers registers;

    (void)state;
    fake.core = 3;
    vcpus[3].regs.r[REG_RBX] = 77;
    dump_park(&vcpus[3], VCPU_RUNNING);
    vcpus[3].regs.r[REG_RBX] = 0;
    fake.core = 2;
    assert_int_equal(dump_registers(&partitions[HELLO], 0, &registers, sizeof(registers)), sizeof(registers));
    assert_int_equal(registers.cpu.rip, 0x1234);
    assert_int_equal(registers.cpu.regs[REG_RBX], 77);
    assert_int_equal(registers.ran, 1);
    assert_int_equal(registers.vcpus, 1);
    assert_int_equal(registers.ram_low, 2 * PAGE_SIZE);
    assert_int_equal(registers.ram_high, PAGE_SIZE);
    assert_int_equal(dump_registers(&partitions[HELLO], 1, &registers, sizeof(registers)), BH_EINVAL);
    assert_int_equal(dump_registers(&partitions[HELLO], UINT64_MAX, &registers, sizeof(registers)), BH_EINVAL);
    assert_int_equal(dump_registers(&partitions[HELLO], 0, &registers, sizeof(registers) - 1), BH_EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_page_is_fetched_by_the_core_that_has_it, setup),
        cmocka_unit_test_setup(test_ac46_two_who_dump_do_not_undo_one_another, setup),
        cmocka_unit_test_setup(one_that_asks_and_never_comes_holds_up_nobody, setup),
        cmocka_unit_test_setup(nothing_but_pages_of_ram, setup),
        cmocka_unit_test_setup(test_sep1_one_that_has_not_stopped_is_not_read, setup),
        cmocka_unit_test_setup(test_sep9_nothing_of_an_earlier_life, setup),
        cmocka_unit_test_setup(registers_are_those_it_parked_with, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
