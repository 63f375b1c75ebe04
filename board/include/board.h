/* SPDX-License-Identifier: Apache-2.0 */
/* What a machine is: facts only. board/<name>/board.c defines `const struct board board` with these types, and
 * board/<name>/board.mk names the CPU vendor (VIRT) and how the board is run. */
#ifndef BULKHEAD_BOARD_H
#define BULKHEAD_BOARD_H

#include <stdbool.h>
#include <stdint.h>

#define BOARD_MAX_CORES 32u
#define BOARD_MAX_RAM 16u

enum virt_vendor {
    VIRT_NONE, /* refused: every board names one */
    VIRT_SVM,  /* AMD */
    VIRT_VMX,  /* Intel */
};

enum board_watchdog {
    WATCHDOG_NONE,     /* the board has none that we know */
    WATCHDOG_I6300ESB, /* Intel 6300ESB, also QEMU's */
};

struct board_core {
    uint32_t apic_id;   /* as in the MADT, below 255 */
    uint32_t package;   /* socket */
    uint32_t smt_group; /* cores with the same number are siblings of one physical core */
    bool reserved;      /* given to no partition: it only parks */
};

/* One range of usable RAM, as the firmware's memory map shows it below any legacy hole. */
struct board_ram {
    uint64_t base; /* first byte */
    uint64_t size; /* bytes */
};

struct board {
    const char *name;        /* 1..31 of a-z, 0-9, '-', '_' */
    const char *description; /* one line for people */
    enum virt_vendor virt;   /* AMD: VIRT_SVM, Intel: VIRT_VMX */

    struct board_core cores[BOARD_MAX_CORES]; /* in the order of use; the first is the boot processor */
    uint32_t core_count;                      /* entries of cores */

    struct board_ram ram[BOARD_MAX_RAM]; /* ascending, disjoint */
    uint32_t ram_count;                  /* entries of ram */
    uint64_t pci_hole;                   /* first guest-physical address that is never RAM, below 4 GiB */

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
        uint8_t bus, device, function; /* of the PCI function */
        uint32_t timeout_ms;           /* from the last feed to the reset; 2,000..600,000 */
    } watchdog;

    bool invariant_tsc;  /* we vouch: the TSC runs at one rate in all states, alike on all cores */
    bool arat;           /* we vouch: the APIC timer runs in all idle states */
    bool no_speculation; /* we vouch: an emulator that executes nothing speculatively; guests are told that they need no defences */
    bool no_page_size_erratum; /* Intel's IA32_ARCH_CAPABILITIES has bit 6 (CVE-2018-12207); else guests execute from small pages */
    bool test_only;            /* an emulator: a release image refuses it */
    uint8_t attention;         /* console attention key; 0 means Ctrl-] (0x1d) */
};

extern const struct board board;

#endif
