/* SPDX-License-Identifier: Apache-2.0 */
/* QEMU's `edu` device, for tests: computes factorials, copies between memory and a buffer of its own, raises interrupts. Waits are bounded
 * by a second of this partition's time. One core at a time. Functions that return text: 0, or what went wrong. */
#ifndef EDU_H
#define EDU_H

#include "bh_pci.h"

#define EDU_VENDOR 0x1234u
#define EDU_ID 0x11e8u
/* Bytes of its buffer that may be used. It has 4096, but QEMU 7.2 ends itself when a copy touches the last one. */
#define EDU_BUFFER 4095u
/* The device drops address bits above what its property dma_mask says; edu_copy() refuses what would be changed. */
#define EDU_DMA_LIMIT (1ull << 28)

struct edu {
    struct bh_pci *pci;
    volatile uint8_t *registers;
    uint64_t limit; /* addresses that it reaches: EDU_DMA_LIMIT, unless who opened it knows of another dma_mask; 0: all */
    volatile uint64_t interrupts; /* that came */
    volatile uint32_t causes;     /* what they said, or'ed: 1 factorial done, 0x100 copy done, and what edu_raise() was given */
};

enum edu_direction { EDU_FROM_MEMORY, EDU_TO_MEMORY };

/* `pci` must live as long as `edu`. Its interrupt goes to `core`; `core` BH_PCI_INTERRUPTS or more: no interrupts. */
const char *edu_open(struct edu *edu, struct bh_pci *pci, unsigned core);
void edu_close(struct edu *edu);
const char *edu_factorial(struct edu *edu, uint32_t n, uint32_t *result);
/* Between `address` of memory, whatever is there, and the buffer at `offset`. That it returns 0 says that the device has finished, not
 * that memory was reached: QEMU's drops what the IOMMU refuses. */
const char *edu_copy(struct edu *edu, enum edu_direction direction, uint64_t address, unsigned offset, unsigned length);
/* Raise its interrupt, with these bits as cause. */
void edu_raise(struct edu *edu, uint32_t bits);

#endif
