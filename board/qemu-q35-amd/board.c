/* SPDX-License-Identifier: Apache-2.0 */
/* QEMU 7.2's q35 machine with an AMD CPU: five cores for partitions and the boot processor, 2 GiB, AMD-Vi, emulated. The facts are
 * what GRUB's lsmmap and lsacpi and Linux's lspci show on the machine that board.mk describes.
 *
 * The boot processor is given to nobody: this QEMU changes the first processor's virtualisation state, unlocked, from every processor
 * that restores x87 state, and a guest there that exits at that moment takes the whole board down (docs/CAVEATS.md). */
#include "board.h"
#include "qemu_devices.h"

const struct board board = {
    .name = "qemu-q35-amd",
    .description = "QEMU 7.2 q35, EPYC with SVM by emulation, 5 cores and the boot processor, 2 GiB, AMD-Vi",
    .virt = VIRT_SVM,

    .cores = {{.apic_id = 0, .smt_group = 0, .reserved = true},
              {.apic_id = 1, .smt_group = 1},
              {.apic_id = 2, .smt_group = 2},
              {.apic_id = 3, .smt_group = 3},
              {.apic_id = 4, .smt_group = 4},
              {.apic_id = 5, .smt_group = 5}},
    .core_count = 6,

    .ram = {{.base = 0, .size = 0x9fc00}, {.base = 0x100000, .size = 0x7fed8000}},
    .ram_count = 2,
    .pci_hole = 0x80000000,

    .uart = {.port = 0x3f8, .gsi = 4, .baud = 115200},
    .ioapic = {.base = 0xfec00000, .gsi_base = 0, .pins = 24},
    .pit = {.gsi = 2},
    .pm_timer_port = 0x608,
    .reset = {.port = 0xcf9, .value = 0x06},
    .poweroff = {.port = 0x604, .value = 0x2000},
    .watchdog = {.kind = WATCHDOG_I6300ESB, .bus = 0, .device = 5, .function = 0, .timeout_ms = 20000},

    /* BARs lie above the APICs: this QEMU numbers what answers by address, and a processor that writes a register while another takes a
     * BAR away, by a reset, can hit what has had that number since (docs/CAVEATS.md). So nothing is moved but what is above that BAR. */
    /* Without the bridges that its AMD-Vi does not know: this QEMU takes what is behind a bridge for a function of bus 0 (docs/CAVEATS.md). */
    .pci =
        {.ecam = 0xb0000000, .last_bus = 0, .window = 0xff000000, .window_size = 0xc00000, .ports = 0x2000, .ports_size = 0x4000},
    .functions =
        {
            {.device = 0x00, .vendor = 0x8086, .id = 0x29c0, .class_code = 0x060000}, /* host bridge */
            {.device = 0x01, .vendor = 0x1022, .id = 0x0008, .class_code = 0x080600}, /* IOMMU */
            {.device = 0x02, EDU, .role = "edu0", .group = 1},
            {.device = 0x03, EDU, .role = "edu1", .group = 2},
            {.device = 0x04,
             E1000E,
             .role = "nic0",
             .group = 3,
             .reset = {.kind = RESET_REGISTER, .value = 1u << 26, .settle_ms = 20}},
            {.device = 0x05,
             .vendor = 0x8086,
             .id = 0x25ab,
             .class_code = 0x088000,
             .bars = {{BAR_MEMORY32, false, 16}}}, /* watchdog */
            {.device = 0x06, NVME, .role = "disk0", .group = 4},
            {.device = 0x1f, .vendor = 0x8086, .id = 0x2918, .class_code = 0x060100}, /* ISA bridge */
            {.device = 0x1f, .function = 2, AHCI},
            {.device = 0x1f, .function = 3, SMBUS},
        },
    .function_count = 10,
    .iommu = {.kind = IOMMU_AMDVI, .units = {0xfed80000}, .unit_count = 1, .unit_functions = {0x0008}, .ioapic_function = 0x00a0},

    .tpm = true, /* where one is plugged in: nobody does but tests/system/test_tpm.py */
    .invariant_tsc = true,
    .arat = true,
    .no_speculation = true,
    .test_only = true,
};
