/* SPDX-License-Identifier: Apache-2.0 */
/* Messages: which ones an owner may have, what the hardware is given for them, and the pages around MSI-X tables. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../fuzz/fuzz_functions.h"
#include "fake_functions.h"
#include "fake_iommu.h"
#include "fake_partition.h"
#include "fake_plan.h"
#include "pci.h"

#define BAR 0xd0000000u
#define TABLE (BAR + NIC_TABLE)

static struct vcpu *vcpu;

static int setup(void **state)
{
    (void)state;
    fake_pci_reset();
    vcpu = &vcpus[1];
    return 0;
}

/* How many were counted as denied. */
static unsigned put(uint64_t gpa, unsigned size, uint64_t value)
{
    unsigned before = fake_partition.denied;

    assert_true(pci_mmio_write(vcpu, GPA(gpa), size, value));
    assert_false(fake_gate_held(vcpu->partition));
    fuzz_functions_promises();
    return fake_partition.denied - before;
}

static uint64_t get(uint64_t gpa, unsigned size)
{
    uint64_t value = 0;

    assert_true(pci_mmio_read(vcpu, GPA(gpa), size, &value));
    assert_false(fake_gate_held(vcpu->partition));
    return value;
}

static uint64_t entry(unsigned index, unsigned word)
{
    return TABLE + index * 16 + word * 4;
}

static uint32_t real(unsigned index, unsigned word)
{
    return fake_register(NIC, NIC_TABLE + index * 16 + word * 4);
}

/* As a driver does it: masked, three words, unmasked. */
static unsigned program(unsigned index, uint32_t address, uint32_t upper, uint32_t data)
{
    return put(entry(index, 3), 4, 1) + put(entry(index, 0), 4, address) + put(entry(index, 1), 4, upper) +
           put(entry(index, 2), 4, data) + put(entry(index, 3), 4, 0);
}

static const struct fake_irte *irte(unsigned function, unsigned index)
{
    return &fake_iommu.entries[fake_functions[function].interrupt + index];
}

/* --- what is allowed --------------------------------------------------------------------------------------------------------------- */

static bool legal(uint32_t address, uint32_t upper, uint32_t data)
{
    return upper == 0 && address >> 20 == 0xfee && (address & 0xff7) == 0 && (address >> 12 & 0xff) < 2 && (data & 0xff) >= 16 &&
           data >> 15 == 0 && (data & 0x3e00) == 0;
}

static void check_message(uint32_t address, uint32_t upper, uint32_t data)
{
    bool good = legal(address, upper, data);
    unsigned sets = fake_iommu.sets;

    assert_int_equal(program(3, address, upper, data), !good);
    assert_int_equal(real(3, 3), !good);
    assert_int_equal(fake_iommu.sets - sets, good);
    if (good) {
        assert_int_equal(irte(NIC, 3)->vector, data & 0xff);
        assert_int_equal(irte(NIC, 3)->apic_id, 0x20 + (address >> 12 & 0xff));
    }
    assert_int_equal(get(entry(3, 0), 4), address);
    assert_int_equal(get(entry(3, 2), 4), data);
    assert_int_equal(get(entry(3, 3), 4), 0);
}

/* AC-30, AC-36: each delivery mode, destination, vector and every single bit of a message. */
static void test_sep3_only_own_cores_and_legal_vectors(void **state)
{
    (void)state;
    for (unsigned destination = 0; destination < 256; destination++)
        check_message(0xfee00000 | destination << 12, 0, 0x41);
    for (unsigned vector = 0; vector < 256; vector++)
        for (unsigned mode = 0; mode < 8; mode++)
            check_message(0xfee01000, 0, mode << 8 | vector);
    for (unsigned bit = 0; bit < 32; bit++) {
        check_message(0xfee01000 ^ 1u << bit, 0, 0x41);
        check_message(0xfee01000, 1u << bit, 0x41);
        check_message(0xfee01000, 0, 0x41 ^ 1u << bit);
    }
    check_message(0, 0, 0);
    check_message(0xffffffff, 0xffffffff, 0xffffffff);
    assert_int_equal(fake_partition.stop_count, 0);
}

/* The whole block of entries, and none beyond it. */
static void test_bounded_by_the_plan(void **state)
{
    (void)state;
    for (unsigned index = 0; index < NIC_ALL_VECTORS; index++) {
        bool own = index < NIC_VECTORS;

        assert_int_equal(program(index, 0xfee00000, 0, 0x30 + index), own ? 0 : 5);
        assert_int_equal(real(index, 3), !own);
        assert_int_equal(get(entry(index, 0), 4), own ? 0xfee00000 : 0);
        assert_int_equal(get(entry(index, 2), 4), own ? 0x30 + index : 0);
        assert_int_equal(get(entry(index, 3), 4), !own);
        assert_int_equal(irte(NIC, index)->present, own);
    }
    assert_int_equal(fake_iommu.sets, NIC_VECTORS);
    for (unsigned i = 0; i < NIC_VECTORS; i++) {
        assert_false(irte(NIC_VF, i)->present);
        assert_false(irte(OTHER, i)->present);
    }
}

/* Where fewer vectors are granted than there are none may be left that the owner can write. */
static void test_table_is_held_without_vectors(void **state)
{
    (void)state;
    fake_functions[NIC].msix.vectors = fake_functions[NIC].vectors = 0;
    fake_pci_create_again();
    assert_true(pci_mmio_present(vcpu, GPA(TABLE)));
    assert_int_equal(program(0, 0xfee00000, 0, 0x41), 5);
    assert_int_equal(get(FAKE_ECAM + 0x8000 + AT_PM, 2) >> 8, AT_PCIE);
    assert_int_equal(get(FAKE_ECAM + 0x8000 + AT_MSIX, 4), 0);
    for (unsigned i = 0; i < NIC_ALL_VECTORS; i++)
        assert_int_equal(real(i, 3), 1);
}

/* --- the steps --------------------------------------------------------------------------------------------------------------------- */

/* The hardware's entry is masked before its message changes; an unmasked one follows at once. */
static void test_mask_and_change(void **state)
{
    (void)state;
    assert_int_equal(program(1, 0xfee00000, 0, 0x41), 0);
    assert_int_equal(fake_iommu.sets, 1);
    assert_int_equal(put(entry(1, 3), 4, 1), 0);
    assert_int_equal(real(1, 3), 1);
    assert_int_equal(put(entry(1, 3), 4, 0), 0);
    assert_int_equal(real(1, 3), 0);
    assert_int_equal(fake_iommu.sets, 1); /* nothing new */
    assert_int_equal(put(entry(1, 2), 4, 0x51), 0);
    assert_int_equal(irte(NIC, 1)->vector, 0x51);
    assert_int_equal(put(entry(1, 0), 4, 0xfee02000), 1); /* no core of its own: masked until it is one again */
    assert_int_equal(real(1, 3), 1);
    assert_int_equal(put(entry(1, 0), 4, 0xfee01000), 0);
    assert_int_equal(real(1, 3), 0);
    assert_int_equal(irte(NIC, 1)->apic_id, 0x21);
    assert_int_equal(put(entry(1, 3), 4, 0xfffffffe), 0); /* one bit is all there is */
    fake_pci.device_reads = 0;
    assert_int_equal(get(entry(1, 3), 4), 0);
    assert_int_equal(fake_pci.device_reads, 1); /* so that what was written before has arrived */
}

static void test_unit_does_not_answer(void **state)
{
    (void)state;
    fake_iommu.set_fails = true;
    assert_int_equal(program(1, 0xfee00000, 0, 0x41), 1);
    assert_int_equal(real(1, 3), 1);
    fake_iommu.set_fails = false;
    assert_int_equal(put(entry(1, 2), 4, 0x42), 0);
    assert_int_equal(real(1, 3), 0);
}

/* 64-bit accesses are two of 32; others do not exist in a table. */
static void test_widths_of_the_table(void **state)
{
    (void)state;
    assert_int_equal(put(entry(2, 0), 8, 0xfee01000), 0);
    assert_int_equal(put(entry(2, 2), 8, 0x41), 0);
    assert_int_equal(real(2, 3), 0);
    assert_int_equal(get(entry(2, 0), 8), 0xfee01000);
    assert_int_equal(get(entry(2, 2), 8), 0x41);
    assert_int_equal(get(entry(6, 2), 8), 1ull << 32);
    for (unsigned offset = 0; offset < 16; offset++)
        for (unsigned size = 1; size <= 8; size *= 2) {
            bool known = size >= 4 && offset % size == 0;
            unsigned before = fake_partition.denied;

            if (known)
                continue;
            assert_int_equal(get(TABLE + 32 + offset, size), ~0ull);
            assert_int_equal(fake_partition.denied - before, 1);
            assert_int_equal(put(TABLE + 32 + offset, size, 0), 1);
        }
    assert_int_equal(real(2, 3), 0);
    assert_int_equal(get(entry(2, 0), 8), 0xfee01000);
}

/* --- the pages --------------------------------------------------------------------------------------------------------------------- */

/* Registers beside the table are passed on as they are asked for; pending bits are read only. */
static void test_pages(void **state)
{
    (void)state;
    for (unsigned page = 0; page < 18; page++)
        assert_int_equal(pci_mmio_present(vcpu, GPA(BAR + page * 4096 + 8)), page == 3 || page == 5);
    for (unsigned offset = 0x3000; offset < 0x6000; offset++) {
        for (unsigned size = 1; size <= 8; size *= 2) {
            bool table = offset + size > NIC_TABLE && offset < NIC_TABLE + NIC_ALL_VECTORS * 16;
            bool pending = offset + size > NIC_PBA && offset < NIC_PBA + 8;
            unsigned reads = fake_pci.device_reads, writes = fake_pci.device_writes, denied = fake_partition.denied;
            uint64_t value = 0, want = 0;

            if (offset / 4096 == 4 || table)
                continue;
            assert_true(pci_mmio_read(vcpu, GPA(BAR + offset), size, &value));
            assert_int_equal(fake_pci.device_reads - reads, offset % size == 0);
            memcpy(&want, fake_pci.functions[NIC].memory + offset, size);
            assert_int_equal(value, offset % size == 0 ? want : ~0ull);
            assert_true(pci_mmio_write(vcpu, GPA(BAR + offset), size, value));
            assert_int_equal(fake_pci.device_writes - writes, offset % size == 0 && !pending);
            assert_int_equal(fake_partition.denied - denied, offset % size != 0 ? 2 : pending);
            if (offset % size == 0) {
                assert_int_equal(fake_pci.last_address, BAR + offset);
                assert_int_equal(fake_pci.last_size, size);
            }
        }
    }
}

/* A page reaches beyond a small BAR; what is there is nobody's. */
static void test_bar_smaller_than_its_page(void **state)
{
    uint64_t value;

    (void)state;
    fake_functions[NIC].bars[0].size = 0x3a00;
    assert_true(pci_mmio_read(vcpu, GPA(BAR + 0x39fc), 4, &value));
    assert_int_equal(fake_partition.denied, 0);
    for (unsigned offset = 0x3a00; offset < 0x4000; offset += 4) {
        assert_true(pci_mmio_read(vcpu, GPA(BAR + offset), 4, &value));
        assert_int_equal(value, ~0ull);
        assert_int_equal(put(BAR + offset, 4, 0), 1);
    }
    assert_true(pci_mmio_read(vcpu, GPA(BAR + 0x39f8), 8, &value));
    assert_int_equal(fake_pci.device_reads, 2);
    assert_int_equal(fake_pci.device_writes, 0);
}

/* Nobody else's partition answers for them. */
static void test_pages_of_others(void **state)
{
    (void)state;
    assert_true(pci_mmio_present(vcpu, GPA(0x8800003000)));
    assert_false(pci_mmio_present(vcpu, GPA(0xd0403000)));
    assert_true(pci_mmio_present(&vcpus[2], GPA(0xd0403000)));
    assert_false(pci_mmio_present(&vcpus[2], GPA(TABLE)));
    vcpu = &vcpus[2];
    assert_int_equal(put(0xd0403000 + 0x80c, 4, 0), 1); /* an empty message */
    assert_int_equal(put(0xd0403000 + 0x800, 8, 0xfee00000), 1);
    assert_int_equal(put(0xd0403000 + 0x808, 4, 0x21), 0);
    assert_int_equal(irte(OTHER, 0)->apic_id, 0x22); /* its own first core, whatever the others call theirs */
}

/* Enable and mask of all are the owner's, in the hardware too. */
static void test_msix_control(void **state)
{
    const uint64_t control = FAKE_ECAM + 0x8000 + AT_MSIX + 2;

    (void)state;
    assert_int_equal(get(control, 2), NIC_VECTORS - 1);
    assert_int_equal(fake_config(NIC, AT_MSIX) >> 16 & 0xc000, 0x4000);
    assert_int_equal(put(control, 2, 0xc000 | (NIC_VECTORS - 1)), 0);
    assert_int_equal(fake_config(NIC, AT_MSIX) >> 16 & 0xc000, 0xc000);
    assert_int_equal(put(control, 2, 0x8000 | (NIC_VECTORS - 1)), 0);
    assert_int_equal(fake_config(NIC, AT_MSIX) >> 16 & 0xc000, 0x8000);
    assert_int_equal(put(control, 2, 0x87ff), 1);
    assert_int_equal(get(control, 2), 0x8000 | (NIC_VECTORS - 1));
    assert_int_equal(put(control + 1, 1, 0), 0);
    assert_int_equal(fake_config(NIC, AT_MSIX) >> 16 & 0xc000, 0);
}

/* --- MSI --------------------------------------------------------------------------------------------------------------------------- */

static void msi(unsigned function, bool wide)
{
    const uint64_t at = FAKE_ECAM + (function == OLD ? 3u << 15 : 4u << 15) + AT_LAST, data = at + (wide ? 12 : 8);
    const struct iommu_message message = fake_message(&fake_functions[function], 0);
    const unsigned hw_data = AT_LAST + (wide ? 12 : 8);

    assert_int_equal(get(at + 2, 2), wide ? 0x80 : 0);
    assert_int_equal(fake_config(function, AT_LAST) & 0x00010000, 0);
    assert_int_equal(put(at + 4, 4, 0xfee01000), 0);
    if (wide)
        assert_int_equal(put(at + 8, 4, 0), 0);
    assert_int_equal(put(data, 2, 0x41), 0);
    assert_int_equal(fake_iommu.sets, 0);
    assert_int_equal(put(at + 2, 2, wide ? 0x81 : 1), 0);
    assert_int_equal(fake_config(function, AT_LAST) & 0x00710000, 0x00010000);
    assert_int_equal(fake_config(function, AT_LAST + 4), message.address);
    assert_int_equal(fake_config(function, hw_data) & 0xffff, message.data);
    assert_int_equal(irte(function, 0)->vector, 0x41);
    assert_int_equal(irte(function, 0)->apic_id, 0x21);
    assert_int_equal(get(at + 4, 4), 0xfee01000);
    assert_int_equal(get(data, 2), 0x41);
    assert_int_equal(put(data, 1, 0x0f), 1); /* a vector of an exception: off until it is another */
    assert_int_equal(fake_config(function, AT_LAST) & 0x00010000, 0);
    assert_int_equal(put(data, 1, 0x52), 0);
    assert_int_equal(fake_config(function, AT_LAST) & 0x00010000, 0x00010000);
    assert_int_equal(irte(function, 0)->vector, 0x52);
    if (wide)
        assert_int_equal(put(at + 8, 4, 1), 1);
    else
        assert_int_equal(put(at + 4, 4, 0xfee00004), 1); /* logical */
    assert_int_equal(fake_config(function, AT_LAST) & 0x00010000, 0);
    assert_int_equal(put(at + 2, 2, wide ? 0xf0 : 0x70), 1); /* off; and no more than one vector */
    assert_int_equal(get(at + 2, 2), wide ? 0x80 : 0);
    assert_int_equal(fake_config(function, AT_LAST) & 0x00710000, 0);
}

static void test_msi_32(void **state)
{
    (void)state;
    msi(OLD, false);
}

static void test_msi_64(void **state)
{
    (void)state;
    msi(VIRTIO, true);
}

/* One that its owner is resetting answers with all ones: none of them is written back. */
static void test_control_is_not_read(void **state)
{
    const uint64_t at = FAKE_ECAM + (3u << 15) + AT_LAST;

    (void)state;
    memset(fake_pci.functions[OLD].config, 0xff, sizeof(fake_pci.functions[OLD].config));
    assert_true(pci_mmio_write(vcpu, GPA(at + 4), 4, 0xfee01000));
    assert_int_equal(fake_config(OLD, AT_LAST) >> 16, 0);
    memset(fake_pci.functions[OLD].config, 0xff, sizeof(fake_pci.functions[OLD].config));
    assert_true(pci_mmio_write(vcpu, GPA(at + 8), 2, 0x41) && pci_mmio_write(vcpu, GPA(at + 2), 2, 1));
    assert_int_equal(fake_config(OLD, AT_LAST) >> 16, 1);
    assert_int_equal(fake_partition.denied, 0);
}

/* While its owner is being stopped nothing is switched on any more, but all is remembered. */
static void test_nothing_passes_once_quiet(void **state)
{
    (void)state;
    assert_int_equal(program(1, 0xfee00000, 0, 0x41), 0);
    pci_functions_quiet(vcpu->partition);
    fake_iommu.attached[NIC] = fake_iommu.attached[OLD] = false; /* a set would end the test */
    assert_int_equal(put(FAKE_ECAM + 0x8000 + 4, 2, 4), 0);
    assert_int_equal(get(FAKE_ECAM + 0x8000 + 4, 2), 4);
    assert_int_equal(fake_config(NIC, 4) & 4, 0);
    assert_int_equal(program(2, 0xfee00000, 0, 0x41), 0);
    assert_int_equal(real(2, 3), 1);
    assert_int_equal(put(FAKE_ECAM + (3 << 15) + AT_LAST + 2, 2, 1), 0);
    assert_int_equal(fake_config(OLD, AT_LAST) & 0x00010000, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_sep3_only_own_cores_and_legal_vectors, setup),
        cmocka_unit_test_setup(test_bounded_by_the_plan, setup),
        cmocka_unit_test_setup(test_table_is_held_without_vectors, setup),
        cmocka_unit_test_setup(test_mask_and_change, setup),
        cmocka_unit_test_setup(test_unit_does_not_answer, setup),
        cmocka_unit_test_setup(test_widths_of_the_table, setup),
        cmocka_unit_test_setup(test_pages, setup),
        cmocka_unit_test_setup(test_bar_smaller_than_its_page, setup),
        cmocka_unit_test_setup(test_pages_of_others, setup),
        cmocka_unit_test_setup(test_msix_control, setup),
        cmocka_unit_test_setup(test_msi_32, setup),
        cmocka_unit_test_setup(test_msi_64, setup),
        cmocka_unit_test_setup(test_control_is_not_read, setup),
        cmocka_unit_test_setup(test_nothing_passes_once_quiet, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
