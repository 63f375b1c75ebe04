/* SPDX-License-Identifier: Apache-2.0 */
/* pvdrivers/edu.c against a model of QEMU's edu: copies take 100 ms, factorials a while, and one that overruns its buffer is fatal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "edu.h"
#include "fake_device.h"

#define MEMORY_AT 0x1000000u /* where the model finds the test's memory */
#define SECOND 1000000000ull

static struct {
    uint32_t identity, liveness, factorial, status, cause;
    uint64_t source, target, count, command, compute_at, copy_at;
    bool deaf, stuck_copy, stuck_factorial;
    uint8_t buffer[4096];
} device;
static uint8_t memory[8192];
static struct bh_pci pci = {.vendor = EDU_VENDOR, .id = EDU_ID, .interrupts = 1};
static struct edu edu;

static void raise_cause(uint32_t bits)
{
    device.cause |= bits;
    fake_interrupt(0);
}

static uint64_t device_read(unsigned offset, unsigned size)
{
    assert_true(size == 4 || offset >= 0x80);
    switch (offset) {
    case 0x00:
        return device.identity;
    case 0x04:
        return device.deaf ? 0 : device.liveness;
    case 0x08:
        return device.factorial;
    case 0x20:
        return device.status;
    case 0x24:
        return device.cause;
    case 0x98:
        return device.command;
    default:
        return ~0ull;
    }
}

static void device_write(unsigned offset, unsigned size, uint64_t value)
{
    uint64_t *dma = offset == 0x80 ? &device.source : offset == 0x88 ? &device.target : offset == 0x90 ? &device.count : 0;

    assert_true(size == 4 || offset >= 0x80);
    if (dma && !(device.command & 1))
        *dma = value;
    if (offset == 0x04)
        device.liveness = ~(uint32_t)value;
    if (offset == 0x08 && !(device.status & 1)) {
        device.factorial = (uint32_t)value;
        device.status |= 1;
        device.compute_at = fake.now + 3000000;
    }
    if (offset == 0x20)
        device.status = (device.status & ~0x80u) | (value & 0x80);
    if (offset == 0x60)
        raise_cause((uint32_t)value);
    if (offset == 0x64)
        device.cause &= ~(uint32_t)value;
    if (offset == 0x98 && value & 1 && !(device.command & 1)) {
        device.command = value;
        device.copy_at = fake.now + 100000000;
    }
}

static void copy(void)
{
    bool out = device.command & 2;
    uint64_t inside = (out ? device.source : device.target) - 0x40000, outside = out ? device.target : device.source;

    assert_true(inside < 4096 && inside + device.count < 4096); /* else the emulator ends itself */
    assert_true(fake.master);
    assert_true(outside < 1u << 28);
    for (uint64_t i = 0; i < device.count; i++) {
        uint64_t at = outside + i - MEMORY_AT;
        if (at >= sizeof(memory))
            continue; /* refused by the IOMMU: nothing happens */
        if (out)
            memory[at] = device.buffer[inside + i];
        else
            device.buffer[inside + i] = memory[at];
    }
    device.command &= ~1ull;
    if (device.command & 4)
        raise_cause(0x100);
}

static void device_step(void)
{
    if (device.status & 1 && fake.now >= device.compute_at && !device.stuck_factorial) {
        uint32_t n = device.factorial, result = 1;
        while (n > 1)
            result *= n--;
        device.factorial = result;
        device.status &= ~1u;
        if (device.status & 0x80)
            raise_cause(1);
    }
    if (device.command & 1 && fake.now >= device.copy_at && !device.stuck_copy)
        copy();
}

static int setup(void **state)
{
    (void)state;
    fake_device_reset();
    fake.bar_size = 1 << 20;
    fake.read = device_read;
    fake.write = device_write;
    fake.step = device_step;
    memset(&device, 0, sizeof(device));
    device.identity = 0x010000ed;
    for (unsigned i = 0; i < sizeof(memory); i++)
        memory[i] = (uint8_t)(i * 7);
    return 0;
}

static void opens_what_is_an_edu(void **state)
{
    (void)state;
    assert_null(edu_open(&edu, &pci, 0));
    assert_true(fake.master);
    edu_close(&edu);
    assert_false(fake.master);
    device.identity = 0x01000000;
    assert_non_null(edu_open(&edu, &pci, 0));
    assert_false(fake.master);
    device.identity = 0x020000ed; /* another version is one too */
    assert_null(edu_open(&edu, &pci, 0));
    device.deaf = true;
    assert_non_null(edu_open(&edu, &pci, 0));
    device.deaf = false;
    fake.bar_size = 0x90;
    assert_non_null(edu_open(&edu, &pci, 0));
    fake.bar_size = 0;
    assert_non_null(edu_open(&edu, &pci, 0));
    fake.bar_size = 1 << 20;
    fake.no_interrupts = true;
    assert_non_null(edu_open(&edu, &pci, 0));
    assert_null(edu_open(&edu, &pci, BH_PCI_INTERRUPTS)); /* and does without */
}

static void computes(void **state)
{
    uint32_t result = 0;

    (void)state;
    assert_null(edu_open(&edu, &pci, 0));
    assert_null(edu_factorial(&edu, 10, &result));
    assert_int_equal(result, 3628800);
    device.stuck_factorial = true;
    uint64_t began = fake.now;
    assert_non_null(edu_factorial(&edu, 3, &result));
    assert_non_null(edu_factorial(&edu, 3, &result));
    assert_in_range(fake.now - began, 2 * SECOND, 2 * SECOND + SECOND / 10);
}

static void copies_both_ways(void **state)
{
    (void)state;
    assert_null(edu_open(&edu, &pci, 0));
    assert_null(edu_copy(&edu, EDU_FROM_MEMORY, MEMORY_AT + 3, 0, EDU_BUFFER));
    assert_null(edu_copy(&edu, EDU_TO_MEMORY, MEMORY_AT + 4100, 1, 1000));
    assert_memory_equal(memory + 4100, memory + 4, 1000);
    assert_int_equal(memory[5100], (uint8_t)(5100 * 7));
    assert_int_equal(edu.interrupts, 2);
    assert_int_equal(edu.causes, 0x100);
    assert_int_equal(device.cause, 0); /* acknowledged */
}

static void no_copy_beyond_the_buffer(void **state)
{
    (void)state;
    assert_null(edu_open(&edu, &pci, 0));
    unsigned before = fake.accesses;
    assert_non_null(edu_copy(&edu, EDU_FROM_MEMORY, MEMORY_AT, 0, 4096));
    assert_non_null(edu_copy(&edu, EDU_FROM_MEMORY, MEMORY_AT, 1, EDU_BUFFER));
    assert_non_null(edu_copy(&edu, EDU_FROM_MEMORY, MEMORY_AT, ~0u, 2));
    assert_non_null(edu_copy(&edu, EDU_FROM_MEMORY, MEMORY_AT, 0, 0));
    assert_non_null(edu_copy(&edu, EDU_TO_MEMORY, EDU_DMA_LIMIT, 0, 1));
    assert_non_null(edu_copy(&edu, EDU_TO_MEMORY, EDU_DMA_LIMIT - 1, 0, 2));
    assert_non_null(edu_copy(&edu, EDU_TO_MEMORY, UINT64_MAX, 0, 2));
    assert_int_equal(fake.accesses, before);
    assert_null(edu_copy(&edu, EDU_FROM_MEMORY, MEMORY_AT, EDU_BUFFER - 1, 1));
}

static void a_copy_that_does_not_end_is_given_up(void **state)
{
    (void)state;
    assert_null(edu_open(&edu, &pci, 0));
    device.stuck_copy = true;
    uint64_t began = fake.now;
    assert_non_null(edu_copy(&edu, EDU_FROM_MEMORY, MEMORY_AT, 0, 16));
    assert_in_range(fake.now - began, SECOND, SECOND + SECOND / 10);
    assert_non_null(edu_open(&edu, &pci, 0)); /* nor begun over */
}

static void raises_interrupts(void **state)
{
    (void)state;
    assert_null(edu_open(&edu, &pci, 2));
    assert_int_equal(fake.interrupts[0].core, 2);
    edu_raise(&edu, 0x40);
    edu_raise(&edu, 0x02);
    assert_int_equal(edu.interrupts, 2);
    assert_int_equal(edu.causes, 0x42);
    assert_int_equal(device.cause, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(opens_what_is_an_edu, setup),
        cmocka_unit_test_setup(computes, setup),
        cmocka_unit_test_setup(copies_both_ways, setup),
        cmocka_unit_test_setup(no_copy_beyond_the_buffer, setup),
        cmocka_unit_test_setup(a_copy_that_does_not_end_is_given_up, setup),
        cmocka_unit_test_setup(raises_interrupts, setup),
    };

    return cmocka_run_group_tests(tests, 0, 0);
}
