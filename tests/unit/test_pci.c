/* SPDX-License-Identifier: Apache-2.0 */
/* Configuration space as its owner sees it: every byte, by both ways; what a write changes in the hardware; who is there at all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../fuzz/fuzz_functions.h"
#include "fake_arch.h"
#include "fake_functions.h"
#include "fake_iommu.h"
#include "fake_partition.h"
#include "fake_plan.h"
#include "pci.h"

static struct vcpu *linux_vcpu, *control_vcpu;

static int setup(void **state)
{
    (void)state;
    fake_pci_reset();
    linux_vcpu = &vcpus[1];
    control_vcpu = &vcpus[2];
    return 0;
}

static uint32_t ecam_read(struct vcpu *vcpu, uint32_t address, unsigned size)
{
    uint64_t value = 0;

    assert_true(pci_mmio_read(vcpu, GPA(FAKE_ECAM + address), size, &value));
    assert_false(fake_gate_held(vcpu->partition));
    return size == 4 ? (uint32_t)value : (uint32_t)value & ((1u << 8 * size) - 1);
}

/* How many writes were counted as denied. */
static unsigned ecam_write(struct vcpu *vcpu, uint32_t address, unsigned size, uint32_t value)
{
    unsigned before = fake_partition.denied;

    assert_true(pci_mmio_write(vcpu, GPA(FAKE_ECAM + address), size, value));
    assert_false(fake_gate_held(vcpu->partition));
    return fake_partition.denied - before;
}

static uint32_t at(unsigned slot, unsigned offset)
{
    return slot << 15 | offset;
}

static void latch(struct vcpu *vcpu, uint32_t value)
{
    assert_true(pci_port_write(vcpu, 0xcf8, 4, value));
}

static uint32_t port_read(struct vcpu *vcpu, uint16_t port, unsigned size)
{
    uint32_t value = 0xdeadbeef;

    assert_true(pci_port_read(vcpu, port, size, &value));
    return value;
}

/* --- what is seen ------------------------------------------------------------------------------------------------------------------ */

struct expected {
    unsigned offset;
    uint32_t value;
};

static void image_is(unsigned slot, const struct expected *list, unsigned count)
{
    fake_pci.config_reads = 0;
    for (unsigned offset = 0; offset < 4096; offset += 4) {
        uint32_t want = 0;

        for (unsigned i = 0; i < count; i++)
            if (list[i].offset == offset)
                want = list[i].value;
        assert_int_equal(ecam_read(linux_vcpu, at(slot, offset), 4), want);
        for (unsigned b = 0; b < 4; b++)
            assert_int_equal(ecam_read(linux_vcpu, at(slot, offset + b), 1), want >> 8 * b & 0xff);
        for (unsigned b = 0; b < 3; b++)
            assert_int_equal(ecam_read(linux_vcpu, at(slot, offset + b), 2), want >> 8 * b & 0xffff);
        if (offset >= 256)
            continue;
        latch(linux_vcpu, 0x80000000 | slot << 11 | offset);
        assert_int_equal(port_read(linux_vcpu, 0xcfc, 4), want);
        for (unsigned b = 0; b < 4; b++)
            assert_int_equal(port_read(linux_vcpu, (uint16_t)(0xcfc + b), 1), want >> 8 * b & 0xff);
        for (unsigned b = 0; b < 3; b++)
            assert_int_equal(port_read(linux_vcpu, (uint16_t)(0xcfc + b), 2), want >> 8 * b & 0xffff);
    }
    assert_int_equal(fake_pci.config_reads, 0);
    assert_int_equal(fake_partition.denied, 0);
}

/* AC-35: nothing of VPD, of the MSI that is not used, of the vendor's capability or beyond 256 bytes. */
static void test_image_of_a_nic(void **state)
{
    static const struct expected list[] = {
        {0x00, 0x10d38086}, {0x04, 0x00100000}, {0x08, 0x02000003}, {0x10, 0xd0000000}, {0x14, 0xd0010008},
        {0x2c, 0x11001af4}, {0x34, AT_PM},      {0x40, 0x00037001}, {0x44, 0x00000008}, {0x70, 0x0004a011},
        {0x74, NIC_TABLE},  {0x78, NIC_PBA},    {0xa0, 0x00920010}, {0xa4, 0x00008001}, {0xa8, 0x0000283f},
    };

    (void)state;
    image_is(1, list, ARRAY_SIZE(list));
}

/* The VF's own ids and BARs say nothing: they are the plan's. */
static void test_image_of_a_vf(void **state)
{
    static const struct expected list[] = {
        {0x00, 0x10ca8086}, {0x04, 0x00100000}, {0x08, 0x02000003}, {0x14, 0x00010008}, {0x2c, 0x11001af4},
        {0x34, AT_PM},      {0x40, 0x00037001}, {0x44, 0x00000008}, {0x70, 0x0004a011}, {0x74, NIC_TABLE},
        {0x78, NIC_PBA},    {0xa0, 0x00920010}, {0xa4, 0x00008001}, {0xa8, 0x0000283f},
    };

    (void)state;
    image_is(2, list, ARRAY_SIZE(list));
}

static void test_image_of_msi_devices(void **state)
{
    static const struct expected old[] = {
        {0x00, 0x10411af4}, {0x04, 0x00100000}, {0x08, 0x07800003}, {0x10, 0x0000c001}, {0x14, 0x0000000c}, {0x18, 0x00000012},
        {0x2c, 0x11001af4}, {0x34, AT_PCIE},    {0xa0, 0x0092f010}, {0xa4, 0x00008001}, {0xa8, 0x0000283f}, {0xf0, 0x00000005},
    };
    struct expected virtio[ARRAY_SIZE(old) + 4];

    (void)state;
    image_is(3, old, ARRAY_SIZE(old));
    memcpy(virtio, old, sizeof(old));
    virtio[7].value = AT_VENDOR;
    virtio[11].value = 0x00800005;
    virtio[12] = (struct expected){0x80, 0x0110a009};
    for (unsigned i = 1; i < 4; i++)
        virtio[12 + i] = (struct expected){AT_VENDOR + 4 * i, fake_config(VIRTIO, AT_VENDOR + 4 * i)};
    image_is(4, virtio, ARRAY_SIZE(virtio));
}

/* AC-32: of all addresses only these, by both ways; the neighbour's functions are not there. */
static void test_who_is_there(void **state)
{
    (void)state;
    for (uint32_t bdf = 0; bdf < 65536; bdf++) {
        bool there = bdf % 8 == 0 && bdf / 8 <= 4, there_too = bdf % 8 == 0 && bdf / 8 <= 1;

        latch(linux_vcpu, 0x80000000 | bdf << 8);
        latch(control_vcpu, 0x80000000 | bdf << 8);
        assert_int_equal(port_read(linux_vcpu, 0xcfc, 4) != 0xffffffff, there);
        assert_int_equal(port_read(control_vcpu, 0xcfc, 4) != 0xffffffff, there_too);
        assert_int_equal(port_read(linux_vcpu, 0xcfe, 2) != 0xffff, there);
        assert_int_equal(port_read(linux_vcpu, 0xcff, 1) != 0xff, there);
        if (bdf >= 256)
            continue;
        assert_int_equal(ecam_read(linux_vcpu, bdf << 12, 4) != 0xffffffff, there);
        assert_int_equal(ecam_read(linux_vcpu, bdf << 12 | 0xffc, 4), there ? 0 : 0xffffffff);
        assert_int_equal(ecam_read(linux_vcpu, bdf << 12 | 0x100, 1), there ? 0 : 0xff);
    }
    assert_int_equal(fake_partition.denied, 0);
    for (uint32_t bdf = 0; bdf < 65536; bdf++) {
        unsigned before = fake_partition.denied;

        latch(linux_vcpu, 0x80000000 | bdf << 8 | 4);
        assert_true(pci_port_write(linux_vcpu, 0xcfc, 2, 0xffff));
        assert_int_equal(fake_partition.denied - before, 1);
    }
    for (unsigned i = NIC; i <= VIRTIO; i++)
        fake_pci.functions[i].changed[4] &= (uint8_t)~4u;
    for (unsigned i = 0; i < FAKE_FUNCTIONS; i++)
        for (unsigned b = 0; b < 4096; b++)
            assert_int_equal(fake_pci.functions[i].changed[b], 0);
}

static void test_host_bridge(void **state)
{
    (void)state;
    assert_int_equal(ecam_read(linux_vcpu, 8, 4), 0x06000000);
    for (unsigned offset = 0; offset < 4096; offset += 4) {
        uint32_t before = ecam_read(linux_vcpu, offset, 4);

        ecam_write(linux_vcpu, offset, 4, 0xffffffff);
        ecam_write(linux_vcpu, offset, 4, 0);
        ecam_write(linux_vcpu, offset + 1, 1, 0xa5);
        assert_int_equal(ecam_read(linux_vcpu, offset, 4), before);
        assert_int_equal(ecam_read(control_vcpu, offset, 4), before);
    }
    assert_int_equal(fake_pci.config_writes, 0);
}

/* A partition without functions has neither ports nor page. */
static void test_nothing_without_functions(void **state)
{
    struct vcpu *hello = &vcpus[3];
    uint32_t value = 5;
    uint64_t wide = 5;

    (void)state;
    for (unsigned port = 0; port < 65536; port++)
        for (unsigned size = 1; size <= 4; size *= 2) {
            assert_false(pci_port_read(hello, (uint16_t)port, size, &value));
            assert_false(pci_port_write(hello, (uint16_t)port, size, 0x80000000));
        }
    assert_int_equal(value, 5);
    assert_int_equal(hello->partition->pci_latch, 0);
    for (uint64_t gpa = 0xd0000000; gpa < FAKE_ECAM + MIB(2); gpa += 4096) {
        assert_false(pci_mmio_present(hello, GPA(gpa)));
        assert_false(pci_mmio_read(hello, GPA(gpa), 4, &wide));
        assert_false(pci_mmio_write(hello, GPA(gpa), 4, 0));
    }
}

/* --- the ports --------------------------------------------------------------------------------------------------------------------- */

static void test_latch(void **state)
{
    (void)state;
    assert_int_equal(port_read(linux_vcpu, 0xcf8, 4), 0);
    latch(linux_vcpu, 0xffffffff);
    assert_int_equal(port_read(linux_vcpu, 0xcf8, 4), 0x80fffffc);
    latch(linux_vcpu, 0x80000000);
    assert_int_equal(port_read(linux_vcpu, 0xcf8, 4), 0x80000000);
    assert_int_equal(port_read(&vcpus[0], 0xcf8, 4), 0x80000000);
    assert_int_equal(port_read(control_vcpu, 0xcf8, 4), 0);
    assert_true(pci_functions_stop(&partitions[1]) && pci_functions_start(&partitions[1]));
    assert_int_equal(port_read(linux_vcpu, 0xcf8, 4), 0x80000000);
    latch(control_vcpu, 0x80000800);
    assert_true(pci_functions_stop(&partitions[1]) && pci_functions_start(&partitions[1]));
    assert_int_equal(port_read(control_vcpu, 0xcf8, 4), 0);
}

/* Every port and width: only these eight, and no access that leaves its doubleword. */
static void test_ports(void **state)
{
    (void)state;
    latch(linux_vcpu, 0x80000800);
    for (unsigned port = 0; port < 65536; port++)
        for (unsigned size = 0; size <= 8; size++) {
            bool data = port >= 0xcfc && port + size <= 0xd00 && (size == 1 || size == 2 || size == 4);
            bool address = port == 0xcf8 && size == 4;
            uint32_t value = 5;

            if (port >= 0xc000 && port <= 0xc020)
                continue; /* a BAR */
            assert_int_equal(pci_port_read(linux_vcpu, (uint16_t)port, size, &value), data || address);
            if (!data && !address)
                assert_int_equal(value, 5);
            if (!address)
                assert_int_equal(pci_port_write(linux_vcpu, (uint16_t)port, size, 0), data);
        }
    assert_int_equal(port_read(linux_vcpu, 0xcf8, 4), 0x80000800);
}

/* A BAR's ports, whole accesses only, are its owner's and go to the hardware as they are. */
static void test_sep1_ports_of_a_bar(void **state)
{
    uint32_t value = 5;

    (void)state;
    fake_pci.port_reads = fake_pci.port_writes = 0;
    for (uint16_t port = 0xc000; port < 0xc020; port++)
        for (unsigned size = 1; size <= 4; size *= 2) {
            bool inside = port + size <= 0xc020;

            assert_int_equal(pci_port_write(linux_vcpu, port, size, 0x11223344u * size + port), inside);
            assert_int_equal(pci_port_read(linux_vcpu, port, size, &value), inside);
            if (inside)
                assert_int_equal(value, (0x11223344u * size + port) & (0xffffffffu >> (32 - 8 * size)));
            assert_false(pci_port_write(control_vcpu, port, size, 0));
            assert_false(pci_port_read(control_vcpu, port, size, &value));
        }
    assert_int_equal(fake_pci.port_reads, 32 * 3 - 4);
    assert_int_equal(fake_pci.port_writes, 32 * 3 - 4);
    assert_false(pci_port_read(linux_vcpu, 0xbfff, 2, &value) || pci_port_read(linux_vcpu, 0xbffd, 4, &value));
    assert_int_equal(fake_pci.port_reads, 32 * 3 - 4);
}

static void test_enable_bit(void **state)
{
    uint32_t value = 5;

    (void)state;
    latch(linux_vcpu, 0x00000804);
    assert_false(pci_port_read(linux_vcpu, 0xcfc, 4, &value));
    assert_false(pci_port_write(linux_vcpu, 0xcfc, 4, 7));
    latch(linux_vcpu, 0x80000804);
    assert_int_equal(port_read(linux_vcpu, 0xcfc, 4), 0x00100000);
    assert_int_equal(fake_pci.config_writes, 0);
}

/* --- what is written --------------------------------------------------------------------------------------------------------------- */

static void forget_changes(void)
{
    for (unsigned i = 0; i < FAKE_FUNCTIONS; i++)
        memset(fake_pci.functions[i].changed, 0, sizeof(fake_pci.functions[i].changed));
}

/* AC-35, exhaustively: every offset, width, and each bit alone, all and none, on hardware that would take all of it. */
static void test_sep5_writes_change_only_what_is_allowed(void **state)
{
    (void)state;
    for (unsigned slot = 0; slot <= 5; slot++)
        for (unsigned size = 1; size <= 4; size *= 2)
            for (unsigned offset = 0; offset < 4096; offset++)
                for (unsigned bit = 0; bit < 8 * size + 2; bit++) {
                    uint32_t value = bit < 8 * size ? 1u << bit : bit == 8 * size ? 0xffffffff : 0;

                    ecam_write(linux_vcpu, at(slot, offset), size, value);
                    if (offset >= 256 || (offset & 3) + size > 4)
                        continue;
                    latch(linux_vcpu, 0x80000000 | slot << 11 | (offset & 0xfc));
                    assert_true(pci_port_write(linux_vcpu, (uint16_t)(0xcfc + (offset & 3)), size, value));
                }
    fuzz_functions_promises();
    for (unsigned b = 0; b < 4096; b++)
        assert_int_equal(fake_pci.functions[OTHER].changed[b], 0);
    assert_int_equal(fake_pci.device_writes, 0);
    assert_int_equal(fake_partition.stop_count, 0);
}

/* AC-33: of the command register only bus mastering passes; the rest is remembered, or dropped and counted. */
static void test_command(void **state)
{
    (void)state;
    assert_int_equal(fake_config(NIC, 4) & 0xffff, 0x0402);
    assert_int_equal(fake_config(OLD, 4) & 0xffff, 0x0403);
    assert_int_equal(ecam_write(linux_vcpu, at(1, 4), 2, 0x0407), 0);
    assert_int_equal(ecam_read(linux_vcpu, at(1, 4), 2), 0x0407);
    assert_int_equal(fake_config(NIC, 4) & 0xffff, 0x0406);
    assert_int_equal(ecam_write(linux_vcpu, at(1, 4), 2, 0xffff), 1);
    assert_int_equal(ecam_read(linux_vcpu, at(1, 4), 2), 0x0407);
    assert_int_equal(fake_config(NIC, 4) & 0xffff, 0x0406);
    assert_int_equal(ecam_write(linux_vcpu, at(1, 4), 1, 0), 0);
    assert_int_equal(ecam_read(linux_vcpu, at(1, 4), 2), 0x0400);
    assert_int_equal(fake_config(NIC, 4) & 0xffff, 0x0402);
    assert_int_equal(fake_config(NIC, 4) >> 16, 0xf910); /* status: not written, so that no error is cleared */
    assert_int_equal(ecam_write(linux_vcpu, at(1, 4), 4, 0x00100004), 0);
    assert_int_equal(fake_config(NIC, 4) & 0xffff, 0x0406);
    for (unsigned i = NIC_VF; i < FAKE_FUNCTIONS; i++)
        assert_false(fake_config(i, 4) & 4);
}

/* One that its owner is resetting answers with all ones: none of them is written back. */
static void test_nothing_read_is_written_back(void **state)
{
    (void)state;
    memset(fake_pci.functions[NIC].config, 0xff, sizeof(fake_pci.functions[NIC].config));
    assert_int_equal(ecam_write(linux_vcpu, at(1, 4), 2, 0x0404), 0);
    assert_int_equal(fake_config(NIC, 4), 0xffff0406);
    assert_int_equal(ecam_write(linux_vcpu, at(1, AT_MSIX + 3), 1, 0x80), 0);
    assert_int_equal(fake_config(NIC, AT_MSIX) >> 16, 0x8000);
}

/* What neither the image takes nor the hardware: one count for each write, and the next read says so. */
static void test_denied_writes_are_counted(void **state)
{
    static const struct {
        unsigned offset, size;
        uint32_t value;
    } writes[] = {
        {0x00, 4, 0},
        {0x06, 2, 0xffff},
        {0x0e, 1, 0x80},
        {0x0f, 1, 0x40},
        {0x30, 4, 1},
        {0x34, 1, 0},
        {0x3d, 1, 1},
        {0x41, 1, 0},
        {AT_PM + 4, 2, 3},
        {AT_VPD + 2, 2, 0x100},
        {AT_MSI + 2, 2, 1},
        {AT_MSIX + 4, 4, 1},
        {0x100, 4, 1},

        {AT_PCIE + 8, 2, 0xa83f},
        {AT_PCIE + 16, 2, 0x10},
        {0x10, 4, 0xfee00000},
        {0xffc, 4, 0xff},
    };

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(writes); i++) {
        uint32_t before = ecam_read(linux_vcpu, at(1, writes[i].offset), writes[i].size);

        assert_int_not_equal(before, writes[i].value);
        assert_int_equal(ecam_write(linux_vcpu, at(1, writes[i].offset), writes[i].size, before), writes[i].offset >= 0x100);
        assert_int_equal(ecam_write(linux_vcpu, at(1, writes[i].offset), writes[i].size, writes[i].value), 1);
        assert_int_equal(ecam_read(linux_vcpu, at(1, writes[i].offset), writes[i].size), before);
    }
    assert_int_equal(fake_pci.config_writes, 0);
}

/* AC-34: sizes are told, addresses stay, and the hardware hears nothing of it. */
static void test_bars(void **state)
{
    static const struct {
        unsigned slot, offset;
        uint32_t size, base;
    } bars[] = {
        {1, 0x10, 0xffff0000, 0xd0000000},
        {1, 0x14, 0xffffff08, 0xd0010008},
        {1, 0x18, 0, 0},
        {1, 0x24, 0, 0},
        {1, 0x30, 0, 0},
        {2, 0x10, 0xffff0000, 0},
        {3, 0x10, 0xffffffe1, 0x0000c001},
        {3, 0x14, 0x0000000c, 0x0000000c},
        {3, 0x18, 0xfffffffe, 0x00000012},
    };

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(bars); i++) {
        uint32_t address = at(bars[i].slot, bars[i].offset);

        assert_int_equal(ecam_read(linux_vcpu, address, 4), bars[i].base);
        assert_int_equal(ecam_write(linux_vcpu, address, 4, 0xffffffff), 0);
        assert_int_equal(ecam_read(linux_vcpu, address, 4), bars[i].size);
        assert_int_equal(ecam_write(linux_vcpu, address, 4, bars[i].base), 0);
        assert_int_equal(ecam_read(linux_vcpu, address, 4), bars[i].base);
        assert_int_equal(ecam_write(linux_vcpu, address, 4, 0xfffff800), 0);
        assert_int_equal(ecam_write(linux_vcpu, address, 4, 0xfee01000), 1);
        assert_int_equal(ecam_read(linux_vcpu, address, 4), bars[i].base);
        assert_int_equal(ecam_write(linux_vcpu, address + 3, 1, 0x12), 1);
        assert_int_equal(ecam_read(linux_vcpu, address, 4), bars[i].base);
    }
    assert_int_equal(fake_pci.config_writes, 0);
}

/* Registers of a driver's own use keep what is written. */
static void test_registers_without_effect(void **state)
{
    (void)state;
    assert_int_equal(ecam_write(linux_vcpu, at(1, 0x3c), 1, 0x0b), 0);
    assert_int_equal(ecam_write(linux_vcpu, at(1, 0x0c), 2, 0x4010), 0);
    assert_int_equal(ecam_read(linux_vcpu, at(1, 0x3c), 4), 0x0b);
    assert_int_equal(ecam_read(linux_vcpu, at(1, 0x0c), 4), 0x4010);
    assert_int_equal(ecam_read(linux_vcpu, at(2, 0x3c), 4), 0);
    assert_int_equal(fake_pci.config_writes, 0);
}

/* What an ECAM page has no register for: ones, dropped, counted, and no fault. */
static void test_odd_accesses_to_the_page(void **state)
{
    uint64_t value = 0;

    (void)state;
    assert_true(pci_mmio_read(linux_vcpu, GPA(FAKE_ECAM + at(1, 0)), 8, &value));
    assert_int_equal(value, ~0ull);
    assert_true(pci_mmio_read(linux_vcpu, GPA(FAKE_ECAM + at(1, 2)), 4, &value));
    assert_true(pci_mmio_write(linux_vcpu, GPA(FAKE_ECAM + at(1, 4)), 8, 7));
    assert_true(pci_mmio_write(linux_vcpu, GPA(FAKE_ECAM + at(1, 3)), 2, 0x0707));
    assert_int_equal(fake_partition.denied, 4);
    assert_int_equal(fake_pci.config_writes, 0);
    assert_false(pci_mmio_present(linux_vcpu, GPA(FAKE_ECAM - 1)));
    assert_true(pci_mmio_present(linux_vcpu, GPA(FAKE_ECAM)));
    assert_true(pci_mmio_present(linux_vcpu, GPA(FAKE_ECAM + 0xfffff)));
    assert_false(pci_mmio_present(linux_vcpu, GPA(FAKE_ECAM + 0x100000)));
    assert_false(pci_mmio_write(linux_vcpu, GPA(FAKE_ECAM + 0x100000), 4, 0));
}

/* A chain that runs in a circle, and capabilities that would reach beyond the end. */
static void test_broken_chains(void **state)
{
    (void)state;
    fake_pci.functions[NIC].config[AT_PCIE + 1] = AT_PM;
    fake_pci.functions[VIRTIO].config[AT_LAST] = 0xff;
    fake_pci.functions[VIRTIO].config[AT_PCIE + 1] = 0xf4;
    memcpy(fake_pci.functions[VIRTIO].config + 0xf4, "\x05\xf8\x80\x00\x09\x00\xff\x00\xff\xff\xff\xff", 12);
    memcpy(fake_pci.functions[OLD].config + AT_PCIE + 1, "\xfc", 1);
    memcpy(fake_pci.functions[OLD].config + 0xfc, "\x01\x00\xff\xff", 4);
    for (unsigned i = 0; i < FAKE_FUNCTIONS; i++)
        memset(&fake_functions[i].bars, 0, sizeof(fake_functions[i].bars));
    fake_functions[NIC].bars[0] = fake_functions[NIC_VF].bars[0] = fake_functions[OTHER].bars[0] =
        (struct plan_bar){BAR_MEMORY32, false, HPA(0xd0000000), 0x10000};
    fake_pci_create_again();
    assert_int_equal(ecam_read(linux_vcpu, at(1, AT_PCIE), 2), 0x0010);
    assert_int_equal(ecam_read(linux_vcpu, at(3, AT_PCIE), 2), 0x0010); /* power management does not fit */
    assert_int_equal(ecam_read(linux_vcpu, at(4, AT_PCIE), 2),
                     0xf810); /* nor does MSI; what the vendor's one has up to the end does */
    assert_int_equal(ecam_read(linux_vcpu, at(4, 0xf8), 4), 0x00ff0009);
    assert_int_equal(ecam_read(linux_vcpu, at(4, 0xfc), 4), 0xffffffff);
    for (unsigned slot = 1; slot <= 4; slot++)
        for (unsigned offset = 0; offset < 256; offset++)
            ecam_write(linux_vcpu, at(slot, offset), 1, 0xff);
}

/* --- at random ----------------------------------------------------------------------------------------------------------------------- */

static void test_fuzz(void **state)
{
    static uint8_t input[60000];
    uint64_t x = 88172645463325252ull;
    unsigned sets = 0;

    (void)state;
    forget_changes();
    for (unsigned round = 0; round < 20; round++) {
        for (unsigned i = 0; i < sizeof(input); i++) {
            x ^= x << 13, x ^= x >> 7, x ^= x << 17;
            input[i] = (uint8_t)(x >> 24);
        }
        assert_int_equal(LLVMFuzzerTestOneInput(input, sizeof(input)), 0);
        sets += fake_iommu.sets;
    }
    assert_in_range(sets, 100, 1000000); /* it gets so far */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_image_of_a_nic, setup),
        cmocka_unit_test_setup(test_image_of_a_vf, setup),
        cmocka_unit_test_setup(test_image_of_msi_devices, setup),
        cmocka_unit_test_setup(test_who_is_there, setup),
        cmocka_unit_test_setup(test_host_bridge, setup),
        cmocka_unit_test_setup(test_nothing_without_functions, setup),
        cmocka_unit_test_setup(test_latch, setup),
        cmocka_unit_test_setup(test_ports, setup),
        cmocka_unit_test_setup(test_sep1_ports_of_a_bar, setup),
        cmocka_unit_test_setup(test_enable_bit, setup),
        cmocka_unit_test_setup(test_sep5_writes_change_only_what_is_allowed, setup),
        cmocka_unit_test_setup(test_command, setup),
        cmocka_unit_test_setup(test_nothing_read_is_written_back, setup),
        cmocka_unit_test_setup(test_denied_writes_are_counted, setup),
        cmocka_unit_test_setup(test_bars, setup),
        cmocka_unit_test_setup(test_registers_without_effect, setup),
        cmocka_unit_test_setup(test_odd_accesses_to_the_page, setup),
        cmocka_unit_test_setup(test_broken_chains, setup),
        cmocka_unit_test_setup(test_fuzz, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
