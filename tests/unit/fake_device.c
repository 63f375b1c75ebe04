/* SPDX-License-Identifier: Apache-2.0 */
/* What a driver finds around its device, on the host: fake_device.h. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>

#include "bh.h"
#include "bh_mmio.h"
#include "fake_device.h"

#define STEP_NS 10000u

struct fake_device fake;
static uint8_t bar[1]; /* never touched: an address only */
volatile uint8_t *const fake_registers = bar;

void fake_device_reset(void)
{
    memset(&fake, 0, sizeof(fake));
}

static void deliver(void)
{
    for (unsigned i = 0; !fake.off && i < BH_PCI_INTERRUPTS; i++)
        if (fake.interrupts[i].pending) {
            fake.interrupts[i].pending = false;
            fake.delivered++;
            if (fake.interrupts[i].fn) {
                fake.off = true;
                fake.interrupts[i].fn(fake.interrupts[i].arg);
                fake.off = false;
            }
        }
}

void fake_interrupt(unsigned index)
{
    assert_in_range(index, 0, BH_PCI_INTERRUPTS - 1);
    fake.interrupts[index].pending = true;
    deliver();
}

void fake_pass(uint64_t ns)
{
    fake.now += ns;
    if (fake.step)
        fake.step();
}

/* --- bh.h ------------------------------------------------------------------------------------------------------------------ */

uint64_t bh_now_ns(void)
{
    fake_pass(50); /* looking at the clock takes time: no loop around it is endless */
    return fake.now;
}

void bh_sleep_ns(uint64_t ns)
{
    fake_pass(ns);
}

bool bh_irq_off(void)
{
    bool were_on = !fake.off;

    fake.off = true;
    return were_on;
}

void bh_irq_restore(bool were_on)
{
    fake.off = !were_on;
    deliver();
}

void bh_wait(uint64_t deadline)
{
    unsigned before = fake.delivered;

    assert_true(fake.off);
    fake.off = false;
    deliver();
    while (fake.delivered == before && fake.now < deadline)
        fake_pass(deadline - fake.now < STEP_NS ? deadline - fake.now : STEP_NS);
    fake.off = true;
}

/* --- bh_pci.h ---------------------------------------------------------------------------------------------------------------- */

volatile uint8_t *bh_pci_map(const struct bh_pci *pci, unsigned n, uint64_t *size)
{
    (void)pci;
    *size = fake.bar_size;
    return n == 0 && fake.bar_size ? bar : 0;
}

void bh_pci_start(const struct bh_pci *pci)
{
    (void)pci;
    fake.master = true;
}

void bh_pci_stop(const struct bh_pci *pci)
{
    (void)pci;
    fake.master = false;
}

bool bh_pci_interrupt(struct bh_pci *pci, unsigned index, unsigned core, void (*fn)(void *arg), void *arg)
{
    if (index >= pci->interrupts || fake.no_interrupts)
        return false;
    fake.interrupts[index].fn = fn;
    fake.interrupts[index].arg = arg;
    fake.interrupts[index].core = core;
    return true;
}

void *bh_dma_memory(size_t size, size_t alignment)
{
    size = (size + alignment - 1) & ~(alignment - 1);
    void *memory = aligned_alloc(alignment, size);

    if (memory)
        memset(memory, 0, size);
    return memory;
}

uint64_t bh_dma_address(const volatile void *memory)
{
    return (uintptr_t)memory + FAKE_DMA_OFFSET;
}

/* --- bh_mmio.h --------------------------------------------------------------------------------------------------------------- */

static unsigned offset_of(const volatile void *address, unsigned size)
{
    uintptr_t offset = (uintptr_t)address - (uintptr_t)bar;

    assert_true(offset < fake.bar_size && fake.bar_size - offset >= size);
    assert_int_equal(offset % size, 0);
    fake.accesses++;
    return (unsigned)offset;
}

uint8_t bh_mmio_read8(const volatile void *address)
{
    return (uint8_t)fake.read(offset_of(address, 1), 1);
}

void bh_mmio_write8(volatile void *address, uint8_t value)
{
    fake.write(offset_of(address, 1), 1, value);
}

uint32_t bh_mmio_read32(const volatile void *address)
{
    return (uint32_t)fake.read(offset_of(address, 4), 4);
}

void bh_mmio_write32(volatile void *address, uint32_t value)
{
    fake.write(offset_of(address, 4), 4, value);
}

uint64_t bh_mmio_read64(const volatile void *address)
{
    return fake.read(offset_of(address, 8), 8);
}

void bh_mmio_write64(volatile void *address, uint64_t value)
{
    fake.write(offset_of(address, 8), 8, value);
}
