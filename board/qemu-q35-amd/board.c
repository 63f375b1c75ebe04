/* SPDX-License-Identifier: Apache-2.0 */
/* QEMU 7.2's q35 machine with an AMD CPU: four cores for partitions and the boot processor, 2 GiB, emulated. The facts are what GRUB's
 * lsmmap, lspci and lsacpi show on the machine that board.mk describes.
 *
 * The boot processor is given to nobody: this QEMU changes the first processor's virtualisation state, unlocked, from every processor
 * that restores x87 state, and a guest there that exits at that moment takes the whole board down (docs/CAVEATS.md). */
#include "board.h"

const struct board board = {
    .name = "qemu-q35-amd",
    .description = "QEMU 7.2 q35, EPYC with SVM by emulation, 4 cores and the boot processor, 2 GiB",
    .virt = VIRT_SVM,

    .cores = {{.apic_id = 0, .smt_group = 0, .reserved = true},
              {.apic_id = 1, .smt_group = 1},
              {.apic_id = 2, .smt_group = 2},
              {.apic_id = 3, .smt_group = 3},
              {.apic_id = 4, .smt_group = 4}},
    .core_count = 5,

    .ram = {{.base = 0, .size = 0x9fc00}, {.base = 0x100000, .size = 0x7fedf000}},
    .ram_count = 2,
    .pci_hole = 0x80000000,

    .uart = {.port = 0x3f8, .gsi = 4, .baud = 115200},
    .ioapic = {.base = 0xfec00000, .gsi_base = 0, .pins = 24},
    .pit = {.gsi = 2},
    .pm_timer_port = 0x608,
    .reset = {.port = 0xcf9, .value = 0x06},
    .poweroff = {.port = 0x604, .value = 0x2000},
    .watchdog = {.kind = WATCHDOG_I6300ESB, .bus = 0, .device = 5, .function = 0, .timeout_ms = 20000},

    .invariant_tsc = true,
    .arat = true,
    .no_speculation = true,
    .test_only = true,
};
