/* SPDX-License-Identifier: Apache-2.0 */
/* See fake_functions.h. */
#include "fake_functions.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fake_arch.h"
#include "fake_iommu.h"
#include "fake_partition.h"
#include "fake_plan.h"
#include "memory.h"
#include "pci.h"
#include "vcpu.h"

struct fake_pci fake_pci;
struct plan_function fake_functions[FAKE_FUNCTIONS];

static uint8_t pages[FAKE_FUNCTIONS][PAGE_SIZE] __attribute__((aligned(4096)));
static unsigned pages_taken;
static struct board_function boards[FAKE_FUNCTIONS];
static const uint16_t requesters[FAKE_FUNCTIONS] = {0x0100, 0x0108, 0x0018, 0x0208, 0x0300};
static const uint64_t bases[FAKE_FUNCTIONS] = {0xd0000000, 0x8800000000, 0xd0200000, 0xd0300000, 0xd0400000};

_Noreturn void fake_broken(const char *what)
{
    fprintf(stderr, "broken: %s\n", what);
    abort();
}

void fake_event(const char *format, ...)
{
    size_t length = strlen(fake_pci.events);
    va_list list;

    va_start(list, format);
    vsnprintf(fake_pci.events + length, sizeof(fake_pci.events) - length, format, list);
    va_end(list);
}

static void put(uint8_t *at, uint32_t value)
{
    memcpy(at, &value, 4);
}

uint32_t fake_config(unsigned function, unsigned offset)
{
    uint32_t value;

    memcpy(&value, fake_pci.functions[function].config + offset, 4);
    return value;
}

uint32_t fake_register(unsigned function, unsigned offset)
{
    uint32_t value;

    memcpy(&value, fake_pci.functions[function].memory + offset, 4);
    return value;
}

/* --- the functions ------------------------------------------------------------------------------------------------------------- */

/* Every register that is not named here has bits too, so that a read that shows one is seen. */
static void config_fill(uint8_t *c, uint32_t id, uint32_t class_code)
{
    for (unsigned i = 0; i < 4096; i++)
        c[i] = (uint8_t)(i * 7 + 1) | 0x80;
    put(c, id);
    put(c + 0x04, 0xf9100146);
    put(c + 0x08, class_code << 8 | 3);
    put(c + 0x0c, 0xc0804010);
    put(c + 0x34, AT_PM);
    put(c + 0x2c, 0x11001af4);
    put(c + AT_PM, 0xc8030001 | AT_VPD << 8);
    put(c + AT_PM + 4, 0x00001103);
    put(c + AT_VPD, 0x80000003 | AT_MSI << 8);
    put(c + AT_MSI, 0x01800005 | AT_MSIX << 8);
    put(c + AT_MSIX, 0xc0000011 | (NIC_ALL_VECTORS - 1) << 16 | AT_VENDOR << 8);
    put(c + AT_MSIX + 4, NIC_TABLE);
    put(c + AT_MSIX + 8, NIC_PBA);
    put(c + AT_VENDOR, 0x01100009 | AT_PCIE << 8);
    put(c + AT_PCIE, 0x00020010);
    put(c + AT_PCIE + 4, 0x10008fe2);
    put(c + AT_PCIE + 8, 0x003f283f); /* payload 256, requests 512, all errors on */
}

static void config_fill_msi(uint8_t *c, uint32_t id, bool wide)
{
    config_fill(c, id, 0x078000);
    put(c + AT_MSI, 0x00000005 | AT_MSIX << 8);
    c[AT_PCIE + 1] = AT_LAST;
    put(c + AT_LAST, 0x016e0005 | (wide ? 0x00800000 : 0));
    c[0x34] = AT_VENDOR;
}

static void nic(unsigned index, unsigned partition, unsigned slot)
{
    const struct board_msix msix = {NIC_ALL_VECTORS, 0, 0, NIC_TABLE, NIC_PBA};

    boards[index] = (struct board_function){.msix = msix, .vf.msix = msix, .reset.kind = RESET_FLR, .vf.reset = RESET_FLR};
    fake_functions[index] = (struct plan_function){
        .role = index == NIC      ? "nic0"
                : index == NIC_VF ? "nic0.vf1"
                                  : "nic1",
        .partition = (uint8_t)partition,
        .slot = (uint8_t)slot,
        .vendor = 0x8086,
        .id = index == NIC_VF ? 0x10ca : 0x10d3,
        .class_code = 0x020000,
        .bars = {{BAR_MEMORY32, false, HPA(bases[index]), 0x10000}, {BAR_MEMORY32, true, HPA(bases[index] + 0x10000), 0x100}},
        .msix = msix,
        .vectors = NIC_VECTORS,
        .physical = index == NIC_VF ? requesters[NIC] : PLAN_NO_FUNCTION,
        .board = &boards[index == NIC_VF ? NIC : index],
    };
    fake_functions[index].msix.vectors = NIC_VECTORS;
    config_fill(fake_pci.functions[index].config, 0x10d38086, 0x020000);
}

static void msi_device(unsigned index, bool wide, unsigned slot)
{
    boards[index] = (struct board_function){.msi = true, .reset.kind = wide ? RESET_PM : RESET_NONE};
    fake_functions[index] = (struct plan_function){
        .role = wide ? "virtio0" : "old0",
        .slot = (uint8_t)slot,
        .vendor = 0x1af4,
        .id = 0x1041,
        .class_code = 0x078000,
        .bars = {{BAR_PORTS, false, HPA(0xc000), 0x20}, {BAR_MEMORY64, true, HPA(0x1200000000), 0x200000000}},
        .msi = true,
        .vendor_caps = wide,
        .vectors = 1,
        .physical = PLAN_NO_FUNCTION,
        .board = &boards[index],
    };
    config_fill_msi(fake_pci.functions[index].config, 0x10411af4, wide);
}

static void plan_make(void)
{
    nic(NIC, 0, 1);
    nic(NIC_VF, 0, 2);
    msi_device(OLD, false, 3);
    msi_device(VIRTIO, true, 4);
    nic(OTHER, 1, 1);
    put(fake_pci.functions[NIC_VF].config, 0xffffffff);
    for (unsigned i = 0; i < FAKE_FUNCTIONS; i++) {
        fake_functions[i].requester = fake_pci.functions[i].requester = requesters[i];
        fake_functions[i].interrupt = (uint16_t)(i * 32);
        for (unsigned b = 0; b < sizeof(fake_pci.functions[i].memory); b++)
            fake_pci.functions[i].memory[b] = (uint8_t)(b * 3 + b / 256);
    }
    fake_plan.functions = fake_functions;
    fake_plan.function_count = FAKE_FUNCTIONS;
    fake_plan.ecam = GPA(FAKE_ECAM);
    fake_plan_partitions[0].function_count = OTHER;
    fake_plan_partitions[1].first_function = OTHER;
    fake_plan_partitions[1].function_count = 1;
    for (unsigned i = 0; i < MAX_CORES; i++)
        fake_plan_cores[i].apic_id = 0x20 + i;
}

void fake_pci_start(void)
{
    if (!pci_functions_start(&partitions[0]) || !pci_functions_start(&partitions[1]))
        abort();
    for (unsigned i = 0; i < FAKE_FUNCTIONS; i++)
        memset(fake_pci.functions[i].changed, 0, sizeof(fake_pci.functions[i].changed));
    fake_pci.config_reads = fake_pci.config_writes = fake_pci.device_reads = fake_pci.device_writes = 0;
    fake_pci.events[0] = '\0';
}

void fake_pci_create_again(void)
{
    memset(pages, 0, sizeof(pages));
    pages_taken = 0;
    pci_create();
    fake_pci_start();
}

void fake_pci_reset(void)
{
    memset(&fake_pci, 0, sizeof(fake_pci));
    fake_reset();
    fake_plan_reset();
    fake_iommu_reset();
    plan_make();
    fake_partitions_reset();
    fake_pci_create_again();
}

void *pool_take(unsigned count)
{
    pages_taken += count;
    if (pages_taken > FAKE_FUNCTIONS)
        abort();
    return pages[pages_taken - count];
}

void vcpu_breathe(void)
{
    fake_pci.breaths++;
    fake_ms(1);
}

/* --- arch.h ---------------------------------------------------------------------------------------------------------------------- */

static struct fake_pci_function *function_of(uint16_t requester)
{
    for (unsigned i = 0; i < FAKE_FUNCTIONS; i++)
        if (fake_pci.functions[i].requester == requester)
            return &fake_pci.functions[i];
    fake_broken("nothing is there");
}

static void sane(uint64_t at, unsigned size, uint64_t end)
{
    if ((size != 1 && size != 2 && size != 4 && size != 8) || at % size != 0 || at + size > end)
        fake_broken("an access that the machine does not take");
}

uint32_t arch_pci_read(uint16_t requester, unsigned offset, unsigned size)
{
    struct fake_pci_function *function = function_of(requester);
    uint32_t value = 0;

    sane(offset, size, 4096);
    fake_pci.config_reads++;
    memcpy(&value, function->config + offset, size);
    if (offset == AT_PCIE + 10 && fake_pci.pending_reads != 0 && fake_pci.pending_reads-- != 0)
        return value | 0x20;
    return offset == AT_PCIE + 10 ? value & ~0x20u : value;
}

void arch_pci_write(uint16_t requester, unsigned offset, unsigned size, uint32_t value)
{
    struct fake_pci_function *function = function_of(requester);

    sane(offset, size, 4096);
    fake_pci.config_writes++;
    if (offset == 4)
        fake_event("command %x %x;", requester, value);
    for (unsigned i = 0; i < size; i++)
        function->changed[offset + i] |= (uint8_t)(function->config[offset + i] ^ value >> 8 * i);
    memcpy(function->config + offset, &value, size);
}

static uint8_t *device_at(uint64_t address, unsigned size)
{
    for (unsigned i = 0; i < FAKE_FUNCTIONS; i++)
        if (address - bases[i] < 0x10000) {
            sane(address - bases[i], size, 0x10000);
            if (!fake_pci.mapped[i][(address - bases[i]) / PAGE_SIZE])
                fake_broken("an access that the machine does not take");
            fake_pci.last_address = address;
            fake_pci.last_size = size;
            return fake_pci.functions[i].memory + (address - bases[i]);
        }
    fake_broken("nothing is there");
}

void arch_device_map(hpa_t page)
{
    for (unsigned i = 0; i < FAKE_FUNCTIONS; i++)
        if (page.v - bases[i] < 0x10000 && page.v % PAGE_SIZE == 0) {
            fake_pci.mapped[i][(page.v - bases[i]) / PAGE_SIZE] = true;
            return;
        }
    fake_broken("nothing is there");
}

uint64_t arch_device_read(hpa_t address, unsigned size)
{
    uint64_t value = 0;

    fake_pci.device_reads++;
    if (fake_gate_held(&partitions[0]) || fake_gate_held(&partitions[1]))
        fake_broken("a device is read with a gate held");
    memcpy(&value, device_at(address.v, size), size);
    return value;
}

void arch_device_write(hpa_t address, unsigned size, uint64_t value)
{
    fake_pci.device_writes++;
    memcpy(device_at(address.v, size), &value, size);
}

/* Ports hold what was written last. */
uint32_t arch_port_read(uint16_t port, unsigned size)
{
    uint32_t value = 0;

    fake_pci.port_reads++;
    if (fake_gate_held(&partitions[0]) || fake_gate_held(&partitions[1]))
        fake_broken("a port is read with a gate held");
    memcpy(&value, fake_pci.ports + port, size);
    return value;
}

void arch_port_write(uint16_t port, unsigned size, uint32_t value)
{
    fake_pci.port_writes++;
    memcpy(fake_pci.ports + port, &value, size);
}

const char *arch_pci_reset(const struct plan_function *function)
{
    fake_event("reset %x;", function->requester);
    return fake_pci.reset_fails;
}
