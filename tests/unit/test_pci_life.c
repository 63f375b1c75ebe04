/* SPDX-License-Identifier: Apache-2.0 */
/* The order of stop and start, what keeps an owner from starting again, and faults. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../fuzz/fuzz_functions.h"
#include "fake_arch.h"
#include "fake_functions.h"
#include "fake_iommu.h"
#include "fake_partition.h"
#include "fake_plan.h"
#include "pci.h"

static struct vcpu *vcpu;

static int setup(void **state)
{
    (void)state;
    fake_pci_reset();
    fake_ms(5000); /* a second that has seen no fault begins */
    pci_faults(fake.ticks);
    fake_uart_text();
    vcpu = &vcpus[1];
    return 0;
}

static void put(uint32_t address, unsigned size, uint32_t value)
{
    assert_true(pci_mmio_write(vcpu, GPA(FAKE_ECAM + address), size, value));
}

static void masters_on(void)
{
    for (uint32_t slot = 1; slot <= 4; slot++)
        put(slot << 15 | 4, 2, 4);
    for (unsigned i = NIC; i <= VIRTIO; i++)
        assert_true(fake_config(i, 4) & 4);
    fake_pci.events[0] = '\0';
}

/* --- stop and start ------------------------------------------------------------------------------------------------------------------ */

/* Bus masters first, all of them; then one by one cut off and reset, the PF before its VF. */
static void test_order_of_a_stop(void **state)
{
    (void)state;
    fake_functions[NIC].slot = 2; /* the VF comes first in the plan's order of slots */
    fake_functions[NIC_VF].slot = 1;
    masters_on();
    assert_false(pci_functions_stop(&partitions[0])); /* OLD has no reset */
    assert_string_equal(fake_pci.events, "command 100 402;command 108 402;command 18 403;command 208 403;"
                                         "detach 100;reset 100;detach 18;detach 208;reset 208;detach 108;reset 108;");
    assert_false(fake_gate_held(&partitions[0]));
    assert_true(fake_iommu.attached[OTHER]);
    fuzz_functions_promises();
}

/* A PF whose number in the plan is higher than its VF's. */
static void test_vf_goes_after_its_pf(void **state)
{
    struct plan_function pf = fake_functions[NIC];

    (void)state;
    fake_functions[NIC] = fake_functions[NIC_VF];
    fake_functions[NIC_VF] = pf;
    fake_pci_create_again();
    assert_false(pci_functions_stop(&partitions[0]));
    assert_string_equal(strstr(fake_pci.events, "detach"),
                        "detach 100;reset 100;detach 18;detach 208;reset 208;detach 108;reset 108;");
}

static void test_interrupts_off_at_a_stop(void **state)
{
    uint64_t value;

    (void)state;
    put(0x8000 | (AT_MSIX + 2), 2, 0x8004);
    put(4 << 15 | (AT_LAST + 4), 4, 0xfee00000);
    put(4 << 15 | (AT_LAST + 12), 2, 0x41);
    put(4 << 15 | (AT_LAST + 2), 2, 0x81);
    put(0x8000 | 0x3c, 1, 11);
    assert_true(pci_mmio_write(vcpu, GPA(0xd0000000 + NIC_TABLE), 4, 0xfee00000));
    assert_true(pci_mmio_write(vcpu, GPA(0xd0000000 + NIC_TABLE + 8), 8, 0x41));
    assert_int_equal(fake_register(NIC, NIC_TABLE + 12), 0);
    assert_true(fake_iommu.entries[fake_functions[NIC].interrupt].present);
    fake_functions[OLD].board = fake_functions[VIRTIO].board; /* with a reset */
    assert_true(pci_functions_stop(&partitions[0]));
    assert_int_equal(fake_config(NIC, AT_MSIX) >> 16 & 0xc000, 0xc000); /* as its owner has it, and masked: no pin's turn */
    assert_int_equal(fake_config(VIRTIO, AT_LAST) & 0x10000, 0);
    assert_false(fake_iommu.entries[fake_functions[NIC].interrupt].present);
    fake_pci.events[0] = '\0';
    assert_true(pci_functions_start(&partitions[0]));
    assert_string_equal(fake_pci.events, "command 100 402;attach 100;command 108 402;attach 108;command 18 403;attach 18;"
                                         "command 208 403;attach 208;");
    assert_int_equal(fake_config(NIC, AT_MSIX) >> 16 & 0xc000, 0x4000);
    for (unsigned i = 0; i < NIC_ALL_VECTORS; i++)
        assert_int_equal(fake_register(NIC, NIC_TABLE + i * 16 + 12), 1);
    assert_true(pci_mmio_read(vcpu, GPA(0xd0000000 + NIC_TABLE), 8, &value));
    assert_int_equal(value, 0);
    assert_true(pci_mmio_read(vcpu, GPA(FAKE_ECAM + 0x8000 + AT_MSIX), 4, &value));
    assert_int_equal(value, 0x0004a011);
    assert_true(pci_mmio_read(vcpu, GPA(FAKE_ECAM + 0x8000 + 0x3c), 4, &value));
    assert_int_equal(value, 0);
}

/* Requests under way are waited for, not for ever. */
static void test_drain(void **state)
{
    uint64_t before = fake.ticks;

    (void)state;
    fake_pci.pending_reads = 30;
    pci_functions_stop(&partitions[1]);
    assert_int_equal(fake_pci.breaths, 30);
    assert_null(strstr(fake_uart_text(), "pending"));
    fake_pci.pending_reads = ~0u;
    assert_true(pci_functions_stop(&partitions[1]));
    assert_in_range(fake.ticks - before, 130 * fake.khz, 140 * fake.khz);
    assert_non_null(strstr(fake_uart_text(), "partition control: function nic1 (03:00.0): requests still pending after 100 ms"));
}

static void never_again(const char *why)
{
    const char *text = fake_uart_text();

    assert_non_null(strstr(text, why));
    fake_pci.reset_fails = 0;
    fake_iommu.detach_fails = false;
    fake_iommu.attaches = fake_pci.config_writes = 0;
    assert_false(pci_functions_start(&partitions[1]));
    assert_int_equal(fake_iommu.attaches, 0);
    assert_false(fake_iommu.attached[OTHER]);
    assert_false(fake_config(OTHER, 4) & 4);
    assert_non_null(strstr(fake_uart_text(), "could not be brought back from the life before"));
    vcpu = &vcpus[2];
    put(0x8004, 2, 4);
    assert_false(fake_config(OTHER, 4) & 4);
}

/* AC-49: what no reset brings back stays cut off, whoever asks; but not for ever, as a virtual function cannot answer before its physical
 * one has been reset. */
static void test_failed_reset(void **state)
{
    (void)state;
    fake_pci.reset_fails = "it does not answer";
    assert_false(pci_functions_stop(&partitions[1]));
    assert_non_null(strstr(fake_uart_text(),
                           "partition control: function nic1 (03:00.0): it does not answer; the partition starts again once "
                           "it can be reset"));
    fake_iommu.attaches = 0;
    for (unsigned i = 0; i < 2; i++) {
        fake_pci.events[0] = 0;
        assert_false(pci_functions_start(&partitions[1]));
        assert_memory_equal(fake_pci.events, "reset 300;", 10);
        assert_non_null(strstr(fake_uart_text(), "could not be brought back from the life before"));
    }
    assert_int_equal(fake_iommu.attaches, 0);
    vcpu = &vcpus[2];
    put(0x8004, 2, 4);
    assert_false(fake_config(OTHER, 4) & 4);
    fake_pci.reset_fails = 0;
    fake_pci.events[0] = 0;
    assert_true(pci_functions_start(&partitions[1]));
    assert_memory_equal(fake_pci.events, "reset 300;", 10);
    assert_true(fake_iommu.attached[OTHER]);
    assert_true(pci_functions_stop(&partitions[1]) && pci_functions_start(&partitions[1]));
}

static void test_failed_detach(void **state)
{
    (void)state;
    fake_iommu.detach_fails = true;
    assert_false(pci_functions_stop(&partitions[1]));
    assert_non_null(strstr(fake_pci.events, "reset 300"));
    never_again("the IOMMU did not confirm that it is cut off");
}

static void test_no_reset(void **state)
{
    (void)state;
    fake_functions[OTHER].board = fake_functions[OLD].board;
    assert_false(pci_functions_stop(&partitions[1]));
    assert_null(strstr(fake_pci.events, "reset"));
    fake_functions[OTHER].board = fake_functions[NIC].board;
    never_again("it has no reset");
}

/* One that cannot be attached takes the others with it. */
static void test_failed_attach(void **state)
{
    (void)state;
    fake_functions[OLD].board = fake_functions[VIRTIO].board;
    assert_true(pci_functions_stop(&partitions[0]));
    fake_iommu.attach_fails = 0x0018;
    assert_false(pci_functions_start(&partitions[0]));
    for (unsigned i = NIC; i <= VIRTIO; i++)
        assert_false(fake_iommu.attached[i]);
    assert_non_null(strstr(fake_uart_text(), "partition linux: not started: its function old0 (00:03.0) could not be attached"));
    put(0x8004, 2, 4);
    assert_false(fake_config(NIC, 4) & 4);
    fake_iommu.attach_fails = 0;
    assert_true(pci_functions_start(&partitions[0]));
}

/* --- faults -------------------------------------------------------------------------------------------------------------------------- */

static void tick(uint64_t ms)
{
    fake_ms(ms);
    pci_faults(fake.ticks);
    assert_false(fake_gate_held(&partitions[0]));
}

static void test_faults_are_named(void **state)
{
    const char *text;

    (void)state;
    fake_fault(0x0108, 0x12345000);
    fake_fault(0x00f8, 0x1000);
    fake_iommu.faults[0].write = false;
    fake_iommu.faults[1].interrupt = true;
    tick(20);
    text = fake_uart_text();
    assert_non_null(strstr(text, "partition linux: function nic0.vf1 (01:01.0): a read refused: address 0x12345000, reason 5"));
    assert_non_null(strstr(text, "IOMMU: an interrupt of 00:1f.0, which nobody has, refused: address 0x1000, reason 5"));
    assert_true(fake_iommu.attached[NIC_VF]);
    tick(1000);
    assert_string_equal(fake_uart_text(), "");
}

/* Up to ten in a second are only named; the eleventh cuts it off, and nothing else. */
static void test_flood_cuts_off(void **state)
{
    (void)state;
    masters_on();
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < 10; i++)
            fake_fault(0x0100, i);
        tick(500);
        assert_true(fake_iommu.attached[NIC]);
        tick(600);
    }
    assert_true(fake_config(NIC, 4) & 4);
    fake_uart_text();
    for (unsigned i = 0; i < 11; i++)
        fake_fault(0x0100, i);
    tick(10);
    assert_false(fake_iommu.attached[NIC]);
    assert_false(fake_config(NIC, 4) & 4);
    assert_true(fake_iommu.attached[NIC_VF] && fake_iommu.attached[OTHER]);
    assert_true(fake_config(NIC_VF, 4) & 4);
    assert_non_null(strstr(fake_uart_text(), "function nic0 (01:00.0) is cut off: more than 10 IOMMU faults in a second"));
    put(0x8004, 2, 0);
    put(0x8004, 2, 4);
    assert_false(fake_config(NIC, 4) & 4);
    assert_int_equal(fake_partition.order_count, 1); /* its table decides */
    assert_int_equal(fake_partition.orders[0].cause, CAUSE_DMA);
    assert_int_equal(fake_partition.orders[0].action, ACTION_DEFAULT);
}

/* What is left over of a life reaches neither the function, which its owner's core may be resetting, nor the next life. */
static void test_faults_of_a_life_that_has_ended(void **state)
{
    unsigned accesses, detaches;

    (void)state;
    assert_true(pci_functions_stop(&partitions[1]));
    accesses = fake_pci.config_reads + fake_pci.config_writes;
    detaches = fake_iommu.detaches;
    fake_uart_text();
    for (unsigned i = 0; i < 11; i++)
        fake_fault(0x0300, i);
    tick(10);
    assert_int_equal(fake_pci.config_reads + fake_pci.config_writes, accesses);
    assert_int_equal(fake_iommu.detaches, detaches);
    assert_non_null(strstr(fake_uart_text(), "partition control: function nic1 (03:00.0): a write refused: address 0x0"));
    assert_true(pci_functions_start(&partitions[1]));
    for (unsigned i = 0; i < 10; i++)
        fake_fault(0x0300, i);
    tick(10);
    assert_true(fake_iommu.attached[OTHER]);
    fake_fault(0x0300, 0);
    tick(10);
    assert_false(fake_iommu.attached[OTHER]);
}

static void test_flood_is_bounded(void **state)
{
    unsigned lines = 0;

    (void)state;
    for (unsigned i = 0; i < 400; i++)
        fake_fault(i % 2 ? 0x0100 : 0x00f8, i);
    fake_iommu.faults_lost = true;
    for (unsigned i = 1; i <= 20; i++) {
        tick(20);
        assert_int_equal(fake_iommu.faults_taken, i * IOMMU_FAULTS);
    }
    assert_int_equal(fake_partition.order_count, 1);
    assert_int_equal(fake_partition.orders[0].partition, 0);
    assert_int_equal(fake_partition.orders[0].cause, CAUSE_DMA);
    assert_int_equal(fake_partition.orders[0].action, ACTION_DEFAULT);
    tick(1000);
    for (const char *at = fake_uart_text(); (at = strchr(at, '\n')) != 0; at++)
        lines++;
    assert_in_range(lines, 4, 9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_order_of_a_stop, setup),
        cmocka_unit_test_setup(test_vf_goes_after_its_pf, setup),
        cmocka_unit_test_setup(test_interrupts_off_at_a_stop, setup),
        cmocka_unit_test_setup(test_drain, setup),
        cmocka_unit_test_setup(test_failed_reset, setup),
        cmocka_unit_test_setup(test_failed_detach, setup),
        cmocka_unit_test_setup(test_no_reset, setup),
        cmocka_unit_test_setup(test_failed_attach, setup),
        cmocka_unit_test_setup(test_faults_are_named, setup),
        cmocka_unit_test_setup(test_flood_cuts_off, setup),
        cmocka_unit_test_setup(test_faults_of_a_life_that_has_ended, setup),
        cmocka_unit_test_setup(test_flood_is_bounded, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
