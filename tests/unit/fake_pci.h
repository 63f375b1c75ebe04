/* SPDX-License-Identifier: Apache-2.0 */
/* A machine's PCI functions for the unit tests of arch/x86/pci: configuration spaces with their writable bits, behind ECAM and behind the
 * two ports, and what resets, SR-IOV and BARs do to them. */
#ifndef BULKHEAD_FAKE_PCI_H
#define BULKHEAD_FAKE_PCI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FAKE_FUNCTIONS 32u

struct fake_function {
    uint16_t requester;
    uint8_t space[4096], writable[4096], ones_clear[4096];
    uint8_t power_on[4096];   /* what a reset brings back: fake_pci_ready() */
    unsigned chain, extended; /* offsets of the last capabilities added; 0: none */
    unsigned chain_size;
    unsigned express, pm, sriov;
    struct fake_function *pf; /* a VF: there while its PF's SR-IOV capability says so */
    unsigned vf_index;
    bool absent;
    bool deaf;           /* resets change nothing */
    unsigned silent;     /* reads that give ones, after the next reset */
    unsigned silent_now; /* the same, from now on */
    unsigned pending;    /* reads of the device status that still show a transaction; after that none */
    unsigned resets;     /* taken */
};

struct fake_pci {
    struct fake_function functions[FAKE_FUNCTIONS];
    unsigned count;
    bool ecam, threads; /* threads: others come between the two ports */
    uint64_t reads, writes;
    unsigned sized_while_decoding; /* ones were written to a BAR of a function that decodes */
    unsigned reset_while_pending;
    unsigned wide; /* accesses that no register has: not aligned, or over the end */
    void (*on_write)(struct fake_function *function, unsigned offset, unsigned size, uint32_t value); /* after it took effect */
    uint8_t device_page[4096];
    uint64_t device_page_at; /* as arch_mmio() was asked for it */
    unsigned device_pages;
    uint32_t port; /* of a device, at FAKE_DEVICE_PORT: what was written, above a narrow one a mark */
};
#define FAKE_DEVICE_PORT 0xd010u
extern struct fake_pci fake_pci;

/* No functions; ECAM. */
void fake_pci_reset(void);
struct fake_function *fake_pci_add(uint16_t requester, uint16_t vendor, uint16_t id, uint32_t class_code, uint8_t header);
struct fake_function *fake_pci_at(uint16_t requester);
/* `offset` of the register; bits: the lowest four, which cannot be written. */
void fake_pci_bar(struct fake_function *function, unsigned offset, uint8_t bits, uint64_t size);
/* Append to a chain; zero but for the header. Returns its offset. */
unsigned fake_pci_capability(struct fake_function *function, uint8_t id, unsigned size);
unsigned fake_pci_extended(struct fake_function *function, uint16_t id, unsigned size);
void fake_pci_power(struct fake_function *function);
void fake_pci_express(struct fake_function *function, unsigned type, uint32_t device_caps);
void fake_pci_msix(struct fake_function *function, unsigned vectors, uint32_t table, uint32_t pba);
void fake_pci_acs(struct fake_function *function, uint16_t caps);
/* total VFs at offset, stride, each with one 64-bit BAR of `size`; they are further functions, like `vf`. */
void fake_pci_sriov(struct fake_function *function, uint16_t total, uint16_t offset, uint16_t stride, uint16_t id, uint64_t size);
/* All functions are as their resets will leave them. */
void fake_pci_ready(void);

uint32_t fake_get(const struct fake_function *function, unsigned offset, unsigned size);
/* Past the writable bits. */
void fake_put(struct fake_function *function, unsigned offset, unsigned size, uint32_t value);

#endif
