/* SPDX-License-Identifier: Apache-2.0 */
/* What a machine is: facts only. board/<name>/board.c defines `const struct board board` with these types, and
 * board/<name>/board.mk names the CPU vendor (VIRT) and how the board is run. */
#ifndef BULKHEAD_BOARD_H
#define BULKHEAD_BOARD_H

#include <stdbool.h>
#include <stdint.h>

#define BOARD_MAX_CORES 32u
#define BOARD_MAX_RAM 16u
#define BOARD_MAX_FUNCTIONS 64u
#define BOARD_MAX_IOMMUS 4u
#define BOARD_BARS 6u
#define BOARD_MAX_VFS 16u
#define BOARD_MAX_BLANKS 24u

enum virt_vendor {
    VIRT_NONE, /* refused: every board names one */
    VIRT_SVM,  /* AMD */
    VIRT_VMX,  /* Intel */
};

enum board_watchdog {
    WATCHDOG_NONE,       /* the board has none that we know */
    WATCHDOG_I6300ESB,   /* Intel 6300ESB, also QEMU's */
    WATCHDOG_ITCO,       /* Intel's TCO timer from ICH9 to the 9 Series: the function is the LPC bridge, 00:1f.0. In two stages */
    WATCHDOG_ITCO_SMBUS, /* the same from the 300 Series on: the function is the SMBus controller, 00:1f.4 */
    WATCHDOG_SP5100,     /* AMD's SP5100 and SB7x0: the function is the SMBus controller, 00:14.0, as for the next two */
    WATCHDOG_SB800,      /* AMD's SB8x0, SB9x0 and Hudson */
    WATCHDOG_FCH,        /* AMD's FCH in the processor, from family 16h on */
};

enum board_iommu {
    IOMMU_NONE,  /* no device can be given to a partition */
    IOMMU_AMDVI, /* AMD-Vi */
    IOMMU_VTD,   /* Intel VT-d */
};

enum board_bar_kind {
    BAR_NONE,
    BAR_MEMORY32,
    BAR_MEMORY64, /* takes the next BAR too, which stays BAR_NONE */
    BAR_PORTS,
};

/* How a function is brought back to its state at power on, between two lives of its owner. */
enum board_reset {
    RESET_NONE,     /* it cannot be: its owner never starts twice */
    RESET_FLR,      /* function-level reset, PCIe 6.6.2 */
    RESET_PM,       /* to D3hot and back; the function loses its state there (No_Soft_Reset is clear) */
    RESET_BUS,      /* secondary bus reset of the bridge above; everything below that bridge has one owner */
    RESET_REGISTER, /* write reset.value to BAR reset.bar at reset.offset, 32 bits */
};

struct board_core {
    uint32_t apic_id;   /* as in the MADT, below 255 */
    uint32_t package;   /* socket */
    uint32_t smt_group; /* cores with the same number are siblings of one physical core */
    uint32_t cache;     /* cores with the same number in one package share their last-level cache */
    bool reserved;      /* given to no partition: it only parks */
};

/* One range of usable RAM, as the firmware's memory map shows it below any legacy hole. */
struct board_ram {
    uint64_t base; /* first byte */
    uint64_t size; /* bytes */
};

struct board_bar {
    enum board_bar_kind kind;
    bool prefetchable; /* memory without side effects of a read */
    uint64_t size;     /* bytes, a power of 2 */
};

/* MSI-X: where a function has its table of vectors and the bits that are pending. */
struct board_msix {
    uint16_t vectors; /* 0: it has none */
    uint8_t table_bar, pba_bar;
    uint32_t table_offset, pba_offset; /* bytes, multiples of 8 */
};

/* One PCI function of the machine; every one that answers is listed, whether anybody gets it or not. */
struct board_function {
    uint8_t bus, device, function; /* as the firmware numbers them; we keep its bus numbers */
    uint16_t vendor, id;           /* configuration space 0x00 and 0x02 */
    uint32_t class_code;           /* class, subclass, interface: 24 bits */
    const char *role;              /* products ask for it by this name, "nic0"; 0: given to nobody */
    uint8_t group;                 /* isolation group, from 1: functions that could reach one another past the IOMMU. 0: not known,
                                    * and nobody gets it */
    struct board_bar bars[BOARD_BARS];
    struct board_msix msix;
    uint64_t capacity; /* a disk: bytes that slices of it can have, of its largest namespace. 0: not known, seen only at run time */
    bool msi;          /* it has MSI; we use one vector of it, where there is no MSI-X */
    bool vendor_caps;  /* its vendor-specific capabilities may be seen, read-only (virtio) */
    struct {
        enum board_reset kind;
        uint8_t bar; /* RESET_REGISTER */
        uint32_t offset, value;
        uint16_t settle_ms; /* after it, until the function answers; 0: 100, what PCIe grants */
    } reset;
    struct {
        uint8_t secondary, subordinate; /* PCI bridge: bus numbers behind it; 0: not a bridge */
        bool acs; /* it can keep what is behind it apart: source validation, redirection, upstream forwarding */
    } bridge;
    struct {
        uint16_t total;                    /* SR-IOV: TotalVFs; 0: it has none */
        uint16_t offset, stride;           /* from the PF's requester id to the first VF's, and from VF to VF, with total VFs on */
        uint16_t id;                       /* device id of the VFs; their vendor is the PF's */
        struct board_bar bars[BOARD_BARS]; /* of one VF */
        struct board_msix msix;
        enum board_reset reset; /* RESET_FLR or RESET_NONE */
        bool needs_owner; /* a VF works only once a driver of the PF has set it up: a product that uses one gives the PF away */
    } vf;                 /* roles: the PF's with ".vf1", ".vf2", ... */
};

/* A fact that nobody has looked up yet: the field stays 0, and no release image is made. What a first boot cannot do without (cores, ram,
 * functions, uart, ioapic, pci_hole) is there as far as documents tell. */
struct board_blank {
    const char *field; /* as a finding names it: "pm_timer_port", "iommu.units", "functions" */
    const char *how;   /* where on the machine it is found; for people */
};

struct board {
    const char *name;        /* 1..31 of a-z, 0-9, '-', '_' */
    const char *description; /* one line for people */
    enum virt_vendor virt;   /* AMD: VIRT_SVM, Intel: VIRT_VMX */

    struct board_core cores[BOARD_MAX_CORES]; /* in the order of use; the first is the boot processor */
    uint32_t core_count;                      /* entries of cores */

    struct board_ram ram[BOARD_MAX_RAM]; /* ascending, disjoint */
    uint32_t ram_count;                  /* entries of ram */
    uint64_t load;     /* where bulkhead.elf goes, with the image zone behind it, a multiple of 2 MiB; 0: 1 MiB. A UEFI
                                          * firmware keeps memory for itself in between: above that */
    uint64_t pci_hole; /* first guest-physical address that is never RAM, below 4 GiB */

    struct {
        uint16_t port; /* base I/O port of a 16550; 0: none */
        uint32_t gsi;  /* its IO-APIC pin, delivered as NMI to the housekeeping core */
        uint32_t baud; /* 115200 or what divides it; 8 data bits, no parity */
    } uart;

    struct {
        uint64_t base;     /* MMIO address of the one IO-APIC used */
        uint32_t gsi_base; /* interrupt number of its pin 0 */
        uint32_t pins;     /* how many it has */
    } ioapic;

    struct {
        uint32_t gsi; /* pin of PIT channel 0; the slow tick */
    } pit;

    uint16_t pm_timer_port; /* ACPI PM timer, 3.579545 MHz; 0: none */

    struct {
        uint16_t port; /* write `value` here to reset; 0xcf9 on most PCs; 0: triple fault only */
        uint8_t value; /* 0x06 at 0xcf9 */
    } reset;

    struct {
        uint16_t port;  /* 16-bit write of `value` powers off (QEMU's PM1a control); 0: halt instead */
        uint16_t value; /* with SLP_EN, bit 13 */
    } poweroff;

    struct {
        enum board_watchdog kind;      /* the one we feed while all cores answer */
        uint8_t bus, device, function; /* of the PCI function that it belongs to */
        uint32_t timeout_ms;           /* from the last feed to the reset; 2,000..600,000, of a TCO timer from 4,800 on */
    } watchdog;

    struct {
        uint64_t ecam;                /* memory-mapped configuration space of bus 0 (MCFG); 0: ports 0xcf8 and 0xcfc only */
        uint8_t last_bus;             /* behind the bridges, as the firmware numbers them */
        uint64_t window, window_size; /* below 4 GiB, for BARs that we place: in no other device's way. Multiples of 1 MiB */
        uint16_t ports, ports_size;   /* the same for BARs of ports, multiples of 4 KiB; size 0: none */
    } pci;

    struct board_function functions[BOARD_MAX_FUNCTIONS]; /* ascending by bus, device, function */
    uint32_t function_count;                              /* entries of functions */

    struct {
        enum board_iommu kind;                     /* as board.mk's IOMMU */
        uint64_t units[BOARD_MAX_IOMMUS];          /* addresses of their registers, from the ACPI table */
        uint32_t unit_count;                       /* entries of units */
        uint16_t unit_functions[BOARD_MAX_IOMMUS]; /* AMD-Vi: requester ids of the units themselves */
        uint16_t ioapic_function;                  /* requester id of the IO-APIC's interrupts, from the ACPI table */
        uint16_t hpet_function;                    /* of the HPET's; 0: none named */
    } iommu;

    bool tpm;            /* at 0xfed40000: a chip with a FIFO (TIS), there or to be plugged in; none that the firmware plays */
    bool unsafe_dma;     /* devices may be given away without an IOMMU: each can then read and write all memory. No release image */
    bool invariant_tsc;  /* we vouch: the TSC runs at one rate in all states, alike on all cores */
    bool arat;           /* we vouch: the APIC timer runs in all idle states */
    bool no_speculation; /* we vouch: an emulator that executes nothing speculatively; guests are told that they need no defences */
    bool no_page_size_erratum; /* Intel's IA32_ARCH_CAPABILITIES has bit 6 (CVE-2018-12207); else guests execute from small pages */
    bool test_only;            /* an emulator: a release image refuses it */
    bool untested;     /* made from documents alone, never run on the machine: said at boot and in the report; no release image */
    uint8_t attention; /* console attention key; 0 means Ctrl-] (0x1d) */

    struct board_blank blanks[BOARD_MAX_BLANKS]; /* what is not known, up to the first without a field */
};

extern const struct board board;

#endif
