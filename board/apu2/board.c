/* SPDX-License-Identifier: Apache-2.0 */
/* PC Engines APU2 with 4 GB: AMD GX-412TC (family 16h, model 30h). Made from documents, not run on the machine. The sources:
 *
 *   [log]     github.com/pcengines/apu2-documentation/issues/320, "iommu Linux kernel WARNING on every boot", 2023: log of Linux 6.1
 *   [e820]    github.com/pcengines/apu2-documentation/issues/289, "APU2E4 crashing frequently", 2022-01-13: memory map in the log of
 *             Linux 5.4.154, of an APU2E4
 *   [iommu]   github.com/pcengines/apu2-documentation, docs/debug/iommu.md at 4b1b5655dc63: IVRS, features, IOMMU groups
 *   [hudson]  github.com/coreboot/coreboot, src/southbridge/amd/pi/hudson/reset.c at 182dbdeac4b2: the whole machine by cf9_reset, that is
 *             port 0xcf9; the values are those of every PC that has it
 *   [bkdg]    AMD 52740, "BKDG for AMD Family 16h Models 30h-3Fh Processors",
 *             www.amd.com/system/files/TechDocs/52740_16h_Models_30h-3Fh_BKDG.pdf: where to look for what is blank here
 *
 * A field that has a value and is in .blanks too is the best guess that development builds can be tried with: a release is refused until
 * somebody has looked at the machine.
 *
 * The cores have no x2APIC; docs/CAVEATS.md says what that costs. The PCI functions that [iommu] lists (the IOMMU itself is there by its IVRS
 * alone; its identity is from no source that we can name), without their BARs, which is too
 * little for .functions (the firmware's bus numbers; network cards i210 or, on other models, i211):
 *
 *   00:00.0 1022:1566 host bridge   00:00.2 1022:1567 IOMMU   00:02.0 1022:156b host bridge   00:02.2, .3, .4 1022:1439 root ports
 *   00:08.0 1022:1537 security processor   00:10.0 1022:7814 xHCI   00:11.0 1022:7800 SATA   00:13.0 1022:7808 EHCI
 *   00:14.0 1022:780b SMBus   00:14.3 1022:780e LPC   00:14.7 1022:7813 SD   00:18.0 to .5 1022:1580 to 1585
 *   01:00.0, 02:00.0, 03:00.0 8086:157b network
 *
 * The IOMMU's features there are invalidation of all, but no filter of system management interrupts: without one no device is given
 * away on a real machine (AMDVI-1). */
#include "board.h"

const struct board board = {
    .name = "apu2",
    .description = "PC Engines APU2, AMD GX-412TC, 4 cores, 4 GB; from documents",
    .virt = VIRT_SVM,

    .cores = {{.apic_id = 0,
               .smt_group = 0}, /* a guess: [log] has 4 processors, and the IO-APICs' ids 4 and 5 come behind theirs */
              {.apic_id = 1, .smt_group = 1},
              {.apic_id = 2, .smt_group = 2},
              {.apic_id = 3, .smt_group = 3}},
    .core_count = 4,

    .ram = {{.base = 0, .size = 0x9fc00}, /* [e820] */
            {.base = 0x100000, .size = 0xcfd80000},
            {.base = 0x100000000, .size = 0x2f000000}},
    .ram_count = 3,
    .pci_hole = 0xd0000000, /* [log]: from here on "available for PCI devices" */

    .uart = {.port = 0x3f8, .gsi = 4, .baud = 115200},         /* [e820]: console=ttyS0,115200n8, a PC's first port */
    .ioapic = {.base = 0xfec00000, .gsi_base = 0, .pins = 24}, /* [log]: IOAPIC[0] */
    .pit = {.gsi = 2},                                         /* [log]: INT_SRC_OVR */
    .pm_timer_port = 0x818,                                    /* [log] */
    .reset = {.port = 0xcf9, .value = 0x06},                   /* [hudson] */
    .pci = {.ecam = 0xf8000000},                               /* [log]: MMCONFIG, buses 00 to 3f */

    .untested = true,
    .blanks = {{"cores", "APIC ids: grep ^apicid /proc/cpuinfo"},
               {"functions", "lspci -nnvvv"},
               {"pci.last_bus", "the last line of lspci"},
               {"pci.window", "/proc/iomem: a free part of PCI Bus 0000:00"},
               {"iommu.units", "amd_iommu in /proc/iomem: 0xf7f00000 or 0xfeb00000, by the firmware's version"},
               {"poweroff", "port 0x804; the sleep type of \\_S5 in the DSDT"},
               {"watchdog", "WATCHDOG_FCH at 00:14.0, once it is listed in .functions"},
               {"invariant_tsc", "constant_tsc nonstop_tsc in /proc/cpuinfo"},
               {"arat", "arat in /proc/cpuinfo"}},
};
