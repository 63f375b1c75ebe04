/* SPDX-License-Identifier: Apache-2.0 */
/* Devices passed to a unikernel: its functions on PCI bus 0, their registers, interrupts and memory. A program without devices needs
 * none of this, and finds none. Drivers are in pvdrivers/. Setting up is for one core at a time. */
#ifndef BH_PCI_H
#define BH_PCI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BH_PCI_MAX 32u        /* functions that bh_pci_list() may find */
#define BH_PCI_INTERRUPTS 32u /* of one function */
#define BH_PCI_BARS 6u
#define BH_PCI_BDF(device, function) ((uint16_t)((device) << 3 | (function))) /* on bus 0 */

struct bh_pci {
    uint16_t bdf; /* bus << 8 | device << 3 | function */
    uint16_t vendor, id;
    uint32_t class_code;       /* class, subclass, interface: 24 bits */
    uint16_t interrupts;       /* that it can raise: MSI-X entries, at most BH_PCI_INTERRUPTS; 1 with MSI only; 0: none */
    uint8_t msi, msix;         /* where these capabilities are; 0: it has none */
    volatile uint8_t *entries; /* of MSI-X, once mapped */
};

struct bh_bar {
    bool ports;
    uint64_t address; /* guest-physical, or the first port */
    uint64_t size;    /* 0: there is none */
};

/* --- configuration space ------------------------------------------------------------------------------------------------ */
/* size 1, 2 or 4, offset below 256 and a multiple of it. What does not exist reads as ones and drops writes. */
uint32_t bh_pci_read(uint16_t bdf, unsigned offset, unsigned size);
void bh_pci_write(uint16_t bdf, unsigned offset, unsigned size, uint32_t value);
/* Describe what is there. False: nothing. */
bool bh_pci_look(uint16_t bdf, struct bh_pci *pci);
/* All functions of this partition, at most `room`. Returns how many. */
unsigned bh_pci_list(struct bh_pci *list, unsigned room);
/* The function number `nth`, from 0, of those with these ids; or of this class, whatever the ids. */
bool bh_pci_find(uint16_t vendor, uint16_t id, unsigned nth, struct bh_pci *pci);
bool bh_pci_find_class(uint32_t class_code, unsigned nth, struct bh_pci *pci);
/* Where a capability is; 0: it has none. */
unsigned bh_pci_capability(uint16_t bdf, uint8_t id);

/* --- registers ------------------------------------------------------------------------------------------------------------ */
/* Where BAR `n` is and how large; asks by writing ones, decoding off meanwhile. False: there is none. */
bool bh_pci_bar(const struct bh_pci *pci, unsigned n, struct bh_bar *bar);
/* Map a memory BAR, uncached. 0: it is none, or does not fit (bh_device_map). */
volatile uint8_t *bh_pci_map(const struct bh_pci *pci, unsigned n, uint64_t *size);
/* Map device memory, page by page, uncached, never executed; the same range again gives the same place. Room for 16 MiB in pages of
 * 4 KiB, besides that 1 GiB of what is a multiple of 2 MiB. For ever: there is no unmapping. 0: no room. */
volatile uint8_t *bh_device_map(uint64_t gpa, uint64_t size);

/* --- switching on and off -------------------------------------------------------------------------------------------------- */
/* Registers answer, no pin interrupts; and the function may read and write this partition's memory, or may not (any more). */
void bh_pci_start(const struct bh_pci *pci);
void bh_pci_stop(const struct bh_pci *pci);

/* --- interrupts ------------------------------------------------------------------------------------------------------------- */
/* Call fn(arg) on `core` when the function raises interrupt `index`: by MSI-X, or MSI for index 0. The handler runs with interrupts off,
 * the library signals its end. Asked for again, it keeps its vector. fn 0: masked from now on. False: no such interrupt or core, or no vector left. */
bool bh_pci_interrupt(struct bh_pci *pci, unsigned index, unsigned core, void (*fn)(void *arg), void *arg);
/* A vector of one's own for fn(arg), from 0xdf downwards; 0: none left (128 in all). */
unsigned bh_vector_take(void (*fn)(void *arg), void *arg);

/* --- memory for devices ------------------------------------------------------------------------------------------------------ */
/* Zeroed; `alignment` a power of two. 0: no memory. */
void *bh_dma_memory(size_t size, size_t alignment);
/* Where a device finds it: with an IOMMU all memory is at the address that the program uses. */
uint64_t bh_dma_address(const volatile void *memory);

#endif
