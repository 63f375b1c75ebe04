/* SPDX-License-Identifier: Apache-2.0 */
/* Bochs 2.7's PC (i440FX) with the Intel CPU model "corei7_haswell_4770": four cores, 512 MiB, emulated. The facts are what GRUB's
 * lsmmap and lsacpi show on the machine that board.mk describes. */
#include "board.h"

const struct board board = {
    .name = "bochs-vmx",
    .description = "Bochs 2.7 i440FX, Haswell with VMX by emulation, 4 cores, 512 MiB",
    .virt = VIRT_VMX,

    .cores = {{.apic_id = 0, .smt_group = 0},
              {.apic_id = 1, .smt_group = 1},
              {.apic_id = 2, .smt_group = 2},
              {.apic_id = 3, .smt_group = 3}},
    .core_count = 4,

    .ram = {{.base = 0, .size = 0x9f000}, {.base = 0x100000, .size = 0x1fef0000}},
    .ram_count = 2,
    .pci_hole = 0x20000000,

    .uart = {.port = 0x3f8, .gsi = 4, .baud = 115200},
    .ioapic = {.base = 0xfec00000, .gsi_base = 0, .pins = 24},
    .pit = {.gsi = 2},
    .pm_timer_port = 0xb008,
    .reset = {.port = 0x92, .value = 0x01},
    .poweroff = {.port = 0xb004, .value = 0x2000},

    .invariant_tsc = true,
    .arat = true,
    .no_speculation = true,
    .test_only = true,
};
