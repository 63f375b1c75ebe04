/* SPDX-License-Identifier: Apache-2.0 */
/* QEMU's `edu` device; registers as in QEMU's docs/specs/edu: 32 bits below 0x80, 32 or 64 from there on. */
#include "edu.h"

#include "bh.h"
#include "bh_mmio.h"

enum {
    IDENTITY = 0x00,
    LIVENESS = 0x04,
    FACTORIAL = 0x08,
    STATUS = 0x20,
    CAUSE = 0x24,
    RAISE = 0x60,
    ACKNOWLEDGE = 0x64,
    DMA_SOURCE = 0x80,
    DMA_TARGET = 0x88,
    DMA_COUNT = 0x90,
    DMA_COMMAND = 0x98,
    REGISTERS_END = 0xa0,
};
#define IDENTITY_MASK 0xffffu
#define IDENTITY_VALUE 0x00edu
#define STATUS_COMPUTING 0x01u
#define DMA_BUFFER 0x40000u /* its address, as the device counts */
#define DMA_RUN 1u
#define DMA_TO_MEMORY 2u
#define DMA_INTERRUPT 4u
#define PATIENCE_NS 1000000000ull
#define LOOK_NS 1000000ull

static uint32_t get(const struct edu *edu, unsigned offset)
{
    return bh_mmio_read32(edu->registers + offset);
}

static void put(const struct edu *edu, unsigned offset, uint32_t value)
{
    bh_mmio_write32(edu->registers + offset, value);
}

static void on_interrupt(void *arg)
{
    struct edu *edu = arg;
    uint32_t causes = get(edu, CAUSE);

    put(edu, ACKNOWLEDGE, causes);
    edu->causes |= causes;
    edu->interrupts++;
}

/* Until these bits of a register are clear. */
static bool settled(const struct edu *edu, unsigned offset, uint32_t bits)
{
    uint64_t deadline = bh_now_ns() + PATIENCE_NS;

    while (get(edu, offset) & bits) {
        if (bh_now_ns() >= deadline)
            return false;
        bh_sleep_ns(LOOK_NS);
    }
    return true;
}

const char *edu_open(struct edu *edu, struct bh_pci *pci, unsigned core)
{
    uint64_t size = 0;

    *edu = (struct edu){.pci = pci, .limit = EDU_DMA_LIMIT};
    edu->registers = bh_pci_map(pci, 0, &size);
    if (!edu->registers || size < REGISTERS_END)
        return "BAR 0 does not hold the registers";
    bh_pci_stop(pci);
    if ((get(edu, IDENTITY) & IDENTITY_MASK) != IDENTITY_VALUE)
        return "the identification register does not say edu";
    put(edu, LIVENESS, 0x12345678);
    if (get(edu, LIVENESS) != ~0x12345678u)
        return "the liveness register does not answer";
    put(edu, STATUS, 0);
    put(edu, ACKNOWLEDGE, ~0u);
    if (!settled(edu, DMA_COMMAND, DMA_RUN))
        return "a copy of an earlier user does not end";
    if (core < BH_PCI_INTERRUPTS && !bh_pci_interrupt(pci, 0, core, on_interrupt, edu))
        return "no interrupt to be had";
    bh_pci_start(pci);
    return 0;
}

void edu_close(struct edu *edu)
{
    bh_pci_stop(edu->pci);
    bh_pci_interrupt(edu->pci, 0, 0, 0, 0);
}

const char *edu_factorial(struct edu *edu, uint32_t n, uint32_t *result)
{
    if (!settled(edu, STATUS, STATUS_COMPUTING))
        return "still computing what was asked before";
    put(edu, FACTORIAL, n);
    if (!settled(edu, STATUS, STATUS_COMPUTING))
        return "the factorial took more than a second";
    *result = get(edu, FACTORIAL);
    return 0;
}

const char *edu_copy(struct edu *edu, enum edu_direction direction, uint64_t address, unsigned offset, unsigned length)
{
    uint64_t inside = DMA_BUFFER + offset;

    if (length == 0 || length > EDU_BUFFER || offset > EDU_BUFFER - length)
        return "not inside the device's buffer";
    if (edu->limit != 0 && (address >= edu->limit || address + length > edu->limit))
        return "the device reaches addresses below 10000000 only";
    bh_dma_release();
    bh_mmio_write64(edu->registers + DMA_SOURCE, direction == EDU_TO_MEMORY ? inside : address);
    bh_mmio_write64(edu->registers + DMA_TARGET, direction == EDU_TO_MEMORY ? address : inside);
    bh_mmio_write64(edu->registers + DMA_COUNT, length);
    put(edu, DMA_COMMAND, DMA_RUN | (direction == EDU_TO_MEMORY ? DMA_TO_MEMORY : 0) | DMA_INTERRUPT);
    if (!settled(edu, DMA_COMMAND, DMA_RUN))
        return "the copy took more than a second";
    bh_dma_acquire();
    return 0;
}

void edu_raise(struct edu *edu, uint32_t bits)
{
    put(edu, RAISE, bits);
}
