/* SPDX-License-Identifier: Apache-2.0 */
/* Any sequence of accesses to configuration space, by both ways, and to the pages of MSI-X tables (SECURITY.md 3.2: F5, F6, and of F4 what
 * composes messages), on functions whose every bit can be written. 10 bytes each: what and size, address, value. A libFuzzer entry point;
 * test_pci.c calls it too. */
#include "fuzz_functions.h"

#include <string.h>

#include "fake_functions.h"
#include "fake_iommu.h"
#include "fake_partition.h"
#include "pci.h"

#define PROMISE(condition)                                                                                                         \
    do {                                                                                                                           \
        if (!(condition))                                                                                                          \
            fake_broken(#condition);                                                                                               \
    } while (0)

static const struct {
    unsigned function, offset;
    uint32_t bits;
} allowed[] = {
    {NIC, 0x04, 0x4},
    {NIC_VF, 0x04, 0x4},
    {OLD, 0x04, 0x4},
    {VIRTIO, 0x04, 0x4},
    {OTHER, 0x04, 0x4},
    {NIC, AT_MSIX, 0xc0000000},
    {NIC_VF, AT_MSIX, 0xc0000000},
    {OTHER, AT_MSIX, 0xc0000000},
    {OLD, AT_LAST, 0x00710000},
    {OLD, AT_LAST + 4, 0xffffffff},
    {OLD, AT_LAST + 8, 0x0000ffff},
    {VIRTIO, AT_LAST, 0x00710000},
    {VIRTIO, AT_LAST + 4, 0xffffffff},
    {VIRTIO, AT_LAST + 8, 0xffffffff},
    {VIRTIO, AT_LAST + 12, 0x0000ffff},
};

static void check_config(unsigned function)
{
    for (unsigned at = 0; at < 4096; at += 4) {
        uint32_t changed, bits = 0;

        memcpy(&changed, fake_pci.functions[function].changed + at, 4);
        for (unsigned i = 0; changed != 0 && i < sizeof(allowed) / sizeof(allowed[0]); i++)
            if (allowed[i].function == function && allowed[i].offset == at)
                bits |= allowed[i].bits;
        PROMISE((changed & ~bits) == 0);
    }
}

static bool has_message(unsigned function, unsigned index, uint32_t address, uint32_t upper, uint32_t data)
{
    struct iommu_message message = fake_message(&fake_functions[function], index);

    return fake_iommu.entries[fake_functions[function].interrupt + index].present && address == (uint32_t)message.address &&
           upper == message.address >> 32 && data == message.data;
}

static void check_msix(unsigned function)
{
    for (unsigned i = 0; i < NIC_ALL_VECTORS; i++) {
        unsigned at = NIC_TABLE + i * 16;

        if (fake_register(function, at + 12) != 1)
            PROMISE(fake_register(function, at + 12) == 0 && i < NIC_VECTORS &&
                    has_message(function, i, fake_register(function, at), fake_register(function, at + 4),
                                fake_register(function, at + 8)));
    }
}

static void check_msi(unsigned function, bool wide)
{
    if (fake_config(function, AT_LAST) & 0x00010000)
        PROMISE((fake_config(function, AT_LAST) & 0x00700000) == 0 &&
                has_message(function, 0, fake_config(function, AT_LAST + 4), wide ? fake_config(function, AT_LAST + 8) : 0,
                            fake_config(function, AT_LAST + (wide ? 12 : 8)) & 0xffff));
}

void fuzz_functions_promises(void)
{
    for (unsigned i = 0; i < FAKE_FUNCTIONS; i++)
        check_config(i);
    check_msix(NIC);
    check_msix(NIC_VF);
    check_msix(OTHER);
    check_msi(OLD, false);
    check_msi(VIRTIO, true);
}

/* Most values are what has a chance: words of a message to an own core in a table, or in the MSI capability. */
static uint32_t likely(gpa_t gpa, uint32_t value)
{
    static const uint32_t table[] = {0xfee01000, 0, 0x41, 0, 0xfee00000, 0, 0x4131, 1};
    static const uint32_t config[] = {0x00010000, 0xfee00000, 0, 0x41, 0, 0xfee01000, 0x31, 0x4110};
    unsigned word = (gpa.v >> 2 & 3) + (value & 4);

    return (value & 0x700) == 0 ? value : gpa.v >= FAKE_ECAM && gpa.v < FAKE_ECAM + MIB(1) ? config[word] : table[word];
}

/* Of the pages and of configuration space rather the parts where something is. */
static gpa_t likely_gpa(const uint8_t *b, uint32_t address, unsigned size)
{
    static const uint64_t pages[] = {0xd0003000, 0xd0005000, 0x8800003000, 0x8800005000, 0xd0403000, 0xd0404000};
    uint64_t config = b[1] & 0x20 ? address % MIB(1) : (address % 6 << 15) + ((address >> 8) % 256 | (address & 64 ? AT_LAST : 0));

    if (!(b[0] & 8))
        return GPA(FAKE_ECAM + config);
    if (b[1] & 0x40)
        return GPA(pages[b[1] % 6 & ~1u] + 0x800 + (address % (address & 0x1000 ? 0xa0 : 0x20) & ~(size - 1)));
    return GPA(pages[b[1] % 6] + address % 4096);
}

static void access(const uint8_t *b)
{
    struct vcpu *vcpu = &vcpus[b[0] & 0x40 ? 2 : b[0] >> 5 & 1];
    unsigned size = 1u << (b[1] & 0x10 && b[0] & 8 ? 2 : b[0] & 3);
    uint32_t address, value, high, got;
    uint64_t wide = 0;
    gpa_t gpa;

    memcpy(&address, b + 2, 4);
    memcpy(&value, b + 6, 4);
    gpa = likely_gpa(b, address, size);
    high = likely(GPA(gpa.v + 4), value);
    value = likely(gpa, value);
    if (b[0] & 4 && b[0] & 16)
        pci_port_write(vcpu, (uint16_t)(0xcf0 + address % 32), size & 7 ? size : 4, value);
    else if (b[0] & 4)
        pci_port_read(vcpu, (uint16_t)(0xcf0 + address % 32), size & 7 ? size : 4, &got);
    else if (b[0] & 16)
        pci_mmio_write(vcpu, gpa, size, value | (uint64_t)high << 32);
    else
        pci_mmio_read(vcpu, gpa, size, &wide);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fake_pci_reset();
    for (size_t at = 0; at + 10 <= size; at += 10) {
        access(data + at);
        fuzz_functions_promises();
        for (unsigned i = 0; i < 2; i++)
            PROMISE(!fake_gate_held(&partitions[i]) && (partitions[i].pci_latch & ~0x80fffffcu) == 0);
    }
    return 0;
}
