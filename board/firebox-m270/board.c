/* SPDX-License-Identifier: Apache-2.0 */
/* WatchGuard Firebox M270 (Lanner NCB-WG2511): Intel Atom C3558, "Denverton". Made from documents, not run on the machine. The sources:
 *
 *   [m270]      github.com/rzsn/firebox-m270, README.md at 4849c5ffa1b7: lscpu, lspci -tvnn, sensors and the serial port of one machine
 *   [denverton] github.com/coreboot/coreboot, src/soc/intel/denverton_ns: lpc.c at 04a40379b0cb (IO-APIC), include/soc/iomap.h at
 *               a0e5046a08d9, acpi.c at 85f87e823f6c
 *   [nct6776]   the same, util/superiotool/nuvoton.c at b33ee1da7d35: what UART A of an NCT6776F is set to after a reset (logical
 *               device 2, registers 0x60, 0x61 and 0x70)
 *
 * A field that has a value and is in .blanks too is the best guess that development builds can be tried with: a release is refused until
 * somebody has looked at the machine.
 *
 * coreboot is not this machine's firmware: what [denverton] tells of addresses that a firmware chooses is a hint, in .blanks. The PCI
 * functions of [m270], without their BARs, which is too little for .functions:
 *
 *   00:00.0 8086:1980 host bridge   00:04.0 8086:19a1   00:05.0 8086:19a2   00:06.0 8086:19a3 root port to bus 1
 *   00:0e.0, 0f.0, 10.0, 11.0 root ports to buses 2 to 5   00:12.0 8086:19ac SMBus   00:14.0 8086:19c2 SATA   00:15.0 8086:19d0 xHCI
 *   00:16.0 8086:19d1 root port to bus 6   00:18.0 8086:19d3   00:1a.0 to .2 8086:19d8 UARTs   00:1f.0 8086:19dc LPC
 *   00:1f.2 8086:19de   00:1f.4 8086:19df   00:1f.5 8086:19e0   01:00.0 8086:19e2 QuickAssist
 *   06:00.0, .1 8086:15c2 X553 network, to the switch of the front ports */
#include "board.h"

const struct board board = {
    .name = "firebox-m270",
    .description = "WatchGuard Firebox M270, Intel Atom C3558, 4 cores; from documents",
    .virt = VIRT_VMX, /* [m270]: vmx, ept, vpid, x2apic */

    /* [m270]: 4 cores without siblings, an L2 each; cores 2, 6, 8, 12. That APIC ids are twice that, as where a core could have two
     * threads, is a guess. */
    .cores = {{.apic_id = 4, .smt_group = 0, .cache = 0},
              {.apic_id = 12, .smt_group = 1, .cache = 1},
              {.apic_id = 16, .smt_group = 2, .cache = 2},
              {.apic_id = 24, .smt_group = 3, .cache = 3}},
    .core_count = 4,

    /* A guess, for want of a public memory map: a part of the 4 GB or more of [m270] that a PC has there. The machine's map is looked at when
     * it boots. */
    .ram = {{.base = 0x100000, .size = 0x3ff00000}},
    .ram_count = 1,
    .pci_hole = 0x80000000, /* a guess */

    .uart = {.port = 0x3f8, .gsi = 4, .baud = 115200}, /* [m270] the speed; a guess: that the socket is UART A, [nct6776] */
    .ioapic = {.base = 0xfec00000,
               .gsi_base = 0,
               .pins = 120},                 /* [denverton] lpc.c: PCH_REDIR_ETR; the address and first input are a PC's */
    .pit = {.gsi = 2},                       /* as on all of Intel's chipsets; compared with the MADT when it boots */
    .reset = {.port = 0xcf9, .value = 0x06}, /* as on all of Intel's chipsets */

    .invariant_tsc = true, /* [m270]: constant_tsc nonstop_tsc */
    .arat = true,          /* [m270] */
    .untested = true,
    .blanks = {{"cores", "APIC ids: grep ^apicid /proc/cpuinfo"},
               {"ram", "BIOS-e820 in dmesg"},
               {"pci_hole", "the first PCI Bus line of /proc/iomem"},
               {"uart", "ttyS0 in /proc/ioports and /proc/interrupts"},
               {"ioapic", "IOAPIC[0] in dmesg"},
               {"pm_timer_port", "ACPI PM_TMR in /proc/ioports; 0x1808 under coreboot"},
               {"poweroff", "ACPI PM1a_CNT_BLK in /proc/ioports; the sleep type of \\_S5 in the DSDT"},
               {"watchdog", "WATCHDOG_ITCO or _SMBUS, once its function is in .functions"},
               {"functions", "lspci -nnvvv"},
               {"pci.ecam", "PCI MMCONFIG in /proc/iomem"},
               {"pci.last_bus", "the last line of lspci; 6 in [m270]"},
               {"pci.window", "/proc/iomem: a free part of PCI Bus 0000:00"},
               {"iommu.units", "dmar0 in /proc/iomem"},
               {"no_page_size_erratum", "rdmsr -a 0x10a, bit 6; Linux says that the processor is not affected"}},
};
