/* SPDX-License-Identifier: Apache-2.0 */
/* A machine's PCI functions in the worst case: every bit of their configuration spaces can be written. Their registers are bytes. And a plan
 * that gives them away. */
#ifndef BULKHEAD_FAKE_FUNCTIONS_H
#define BULKHEAD_FAKE_FUNCTIONS_H

#include "plan.h"

/* Of linux (partition 0): NIC, its VF, a device with MSI of 32 bits and ports, one that is virtio-like with MSI of 64 bits.
 * Of control (partition 1): another NIC. */
enum { NIC, NIC_VF, OLD, VIRTIO, OTHER, FAKE_FUNCTIONS };
#define NIC_VECTORS 5u     /* that the plan grants */
#define NIC_ALL_VECTORS 9u /* that it has */
#define NIC_TABLE 0x3800u  /* in BAR 0, 64 KiB: other registers are before and behind it, in the same pages */
#define NIC_PBA 0x5008u

/* Capabilities of the NIC, its VF and the other NIC */
#define AT_PM 0x40u
#define AT_VPD 0x48u
#define AT_MSI 0x50u /* they have it too, and it is not shown */
#define AT_MSIX 0x70u
#define AT_VENDOR 0x80u
#define AT_PCIE 0xa0u
#define AT_LAST 0xf0u /* of OLD and VIRTIO: MSI, as near to the end as it can be */

struct fake_pci_function {
    uint16_t requester;
    uint8_t config[4096];
    uint8_t changed[4096];   /* bits that a write has changed since they were forgotten */
    uint8_t memory[0x10000]; /* BAR 0 */
};

struct fake_pci {
    struct fake_pci_function functions[FAKE_FUNCTIONS];
    unsigned config_reads, config_writes, device_reads, device_writes, port_reads, port_writes;
    uint8_t ports[65536 + 4];
    uint64_t last_address;
    unsigned last_size;
    bool mapped[FAKE_FUNCTIONS][16]; /* pages of BAR 0 */
    const char *reset_fails;         /* what arch_pci_reset() says */
    unsigned breaths;                /* vcpu_breathe(), a millisecond each */
    unsigned pending_reads;          /* transactions are pending for so many reads of device status */
    char events[4096];               /* in words, what happened in which order */
};
extern struct fake_pci fake_pci;
extern struct plan_function fake_functions[FAKE_FUNCTIONS];

/* All fakes anew, pci_create() done, and the functions of both partitions started. */
void fake_pci_reset(void);
void fake_pci_start(void);
/* The same once more for what a test has changed in the hardware or in the plan. */
void fake_pci_create_again(void);
__attribute__((format(printf, 1, 2))) void fake_event(const char *format, ...);
_Noreturn void fake_broken(const char *what);             /* "broken: what", and the end of the program */
uint32_t fake_config(unsigned function, unsigned offset); /* a doubleword of the hardware */
uint32_t fake_register(unsigned function, unsigned offset);
#define FAKE_ECAM 0xe0000000u

#endif
