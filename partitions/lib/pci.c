/* SPDX-License-Identifier: Apache-2.0 */
/* PCI bus 0 as this partition sees it, through ports 0xcf8 and 0xcfc (PCI 3.0 3.2.2.3.2; registers: 6.1, 6.2.5, 6.8). */
#include <malloc.h>
#include <string.h>

#include "bh_mmio.h"
#include "bh_pci.h"
#include "lib.h"

#define ADDRESS_PORT 0xcf8u
#define DATA_PORT 0xcfcu

enum { IDS = 0x00, COMMAND = 0x04, STATUS = 0x06, CLASS = 0x08, HEADER_TYPE = 0x0e, BAR0 = 0x10, CAPABILITIES = 0x34 };
#define COMMAND_PORTS 0x001u
#define COMMAND_MEMORY 0x002u
#define COMMAND_MASTER 0x004u
#define COMMAND_NO_PIN 0x400u
#define STATUS_CAPABILITIES 0x10u

#define CAPABILITY_MSI 0x05u
#define CAPABILITY_MSIX 0x11u
#define CAPABILITIES_MOST 48u /* in 192 bytes, 4 each: a list that is longer is a loop */
#define MSI_ENABLE 0x0001u
#define MSI_MANY 0x0070u
#define MSI_WIDE 0x0080u
#define MSIX_ENABLE 0x8000u
#define MSIX_MASKED 0x4000u
#define MSIX_COUNT 0x07ffu
#define ENTRY_SIZE 16u
#define ENTRY_MASKED 1u

#define MESSAGE_BASE 0xfee00000u
#define VECTOR_LAST 0xdfu
#define VECTOR_FIRST 0x60u

static struct {
    void (*fn)(void *arg);
    void *arg;
    uint32_t source; /* function and interrupt, plus one; 0: the program's own */
} owners[VECTOR_LAST + 1];
static bool locked; /* two ports, one latch */

static bool lock(void)
{
    bool were_on = bh_irq_off();

    while (__atomic_exchange_n(&locked, true, __ATOMIC_ACQUIRE))
        __asm__ volatile("pause");
    return were_on;
}

static void unlock(bool were_on)
{
    __atomic_store_n(&locked, false, __ATOMIC_RELEASE);
    bh_irq_restore(were_on);
}

static uint32_t address_of(uint16_t bdf, unsigned offset)
{
    return 1u << 31 | (uint32_t)bdf << 8 | (offset & 0xfc);
}

uint32_t bh_pci_read(uint16_t bdf, unsigned offset, unsigned size)
{
    bool were_on = lock();

    bh_port_out(ADDRESS_PORT, 4, address_of(bdf, offset));
    uint32_t value = bh_port_in((uint16_t)(DATA_PORT + (offset & 3)), size);
    unlock(were_on);
    return value;
}

void bh_pci_write(uint16_t bdf, unsigned offset, unsigned size, uint32_t value)
{
    bool were_on = lock();

    bh_port_out(ADDRESS_PORT, 4, address_of(bdf, offset));
    bh_port_out((uint16_t)(DATA_PORT + (offset & 3)), size, value);
    unlock(were_on);
}

/* --- finding ---------------------------------------------------------------------------------------------------------------- */

unsigned bh_pci_capability(uint16_t bdf, uint8_t id)
{
    if (!(bh_pci_read(bdf, STATUS, 2) & STATUS_CAPABILITIES))
        return 0;
    unsigned at = bh_pci_read(bdf, CAPABILITIES, 1) & 0xfc;

    for (unsigned i = 0; i < CAPABILITIES_MOST && at >= 0x40; i++) {
        uint32_t head = bh_pci_read(bdf, at, 2);
        if ((head & 0xff) == id)
            return at;
        at = head >> 8 & 0xfc;
    }
    return 0;
}

bool bh_pci_look(uint16_t bdf, struct bh_pci *pci)
{
    uint32_t ids = bh_pci_read(bdf, IDS, 4);

    if ((ids & 0xffff) == 0xffff || ids == 0)
        return false;
    *pci = (struct bh_pci){
        .bdf = bdf, .vendor = (uint16_t)ids, .id = (uint16_t)(ids >> 16), .class_code = bh_pci_read(bdf, CLASS, 4) >> 8};
    pci->msi = (uint8_t)bh_pci_capability(bdf, CAPABILITY_MSI);
    pci->msix = (uint8_t)bh_pci_capability(bdf, CAPABILITY_MSIX);
    if (pci->msix) {
        unsigned count = (bh_pci_read(bdf, pci->msix + 2u, 2) & MSIX_COUNT) + 1;
        pci->interrupts = (uint16_t)(count < BH_PCI_INTERRUPTS ? count : BH_PCI_INTERRUPTS);
    } else if (pci->msi) {
        pci->interrupts = 1;
    }
    return true;
}

unsigned bh_pci_list(struct bh_pci *list, unsigned room)
{
    unsigned found = 0;

    for (unsigned device = 0; device < 32 && found < room; device++) {
        if (!bh_pci_look(BH_PCI_BDF(device, 0), &list[found]))
            continue;
        found++;
        unsigned functions = bh_pci_read(BH_PCI_BDF(device, 0), HEADER_TYPE, 1) & 0x80 ? 8 : 1;
        for (unsigned function = 1; function < functions && found < room; function++)
            found += bh_pci_look(BH_PCI_BDF(device, function), &list[found]);
    }
    return found;
}

static bool find(bool by_class, uint32_t what, unsigned nth, struct bh_pci *pci)
{
    static struct bh_pci list[BH_PCI_MAX];
    unsigned count = bh_pci_list(list, BH_PCI_MAX);

    for (unsigned i = 0; i < count; i++) {
        uint32_t is = by_class ? list[i].class_code : (uint32_t)list[i].id << 16 | list[i].vendor;
        if (is == what && nth-- == 0) {
            *pci = list[i];
            return true;
        }
    }
    return false;
}

bool bh_pci_find(uint16_t vendor, uint16_t id, unsigned nth, struct bh_pci *pci)
{
    return find(false, (uint32_t)id << 16 | vendor, nth, pci);
}

bool bh_pci_find_class(uint32_t class_code, unsigned nth, struct bh_pci *pci)
{
    return find(true, class_code, nth, pci);
}

/* --- BARs --------------------------------------------------------------------------------------------------------------------- */

static uint32_t sizing(uint16_t bdf, unsigned offset)
{
    uint32_t was = bh_pci_read(bdf, offset, 4);

    bh_pci_write(bdf, offset, 4, ~0u);
    uint32_t mask = bh_pci_read(bdf, offset, 4);
    bh_pci_write(bdf, offset, 4, was);
    return mask;
}

bool bh_pci_bar(const struct bh_pci *pci, unsigned n, struct bh_bar *bar)
{
    unsigned offset = BAR0 + 4 * n;

    if (n >= BH_PCI_BARS)
        return false;
    uint32_t command = bh_pci_read(pci->bdf, COMMAND, 2), low = bh_pci_read(pci->bdf, offset, 4);
    bool ports = low & 1, wide = !ports && (low & 6) == 4 && n + 1 < BH_PCI_BARS;

    bh_pci_write(pci->bdf, COMMAND, 2, command & ~(COMMAND_PORTS | COMMAND_MEMORY));
    uint64_t mask = sizing(pci->bdf, offset) & (ports ? ~3u : ~15u), high = 0;
    if (wide) {
        high = bh_pci_read(pci->bdf, offset + 4, 4);
        mask |= (uint64_t)sizing(pci->bdf, offset + 4) << 32;
    } else if (mask != 0) {
        mask |= ports ? ~0xffffull : ~0xffffffffull;
    }
    bh_pci_write(pci->bdf, COMMAND, 2, command);
    *bar = (struct bh_bar){.ports = ports, .address = high << 32 | (low & (ports ? ~3u : ~15u)), .size = mask & (0 - mask)};
    return mask != 0;
}

volatile uint8_t *bh_pci_map(const struct bh_pci *pci, unsigned n, uint64_t *size)
{
    struct bh_bar bar;

    if (!bh_pci_bar(pci, n, &bar) || bar.ports)
        return 0;
    *size = bar.size;
    return bh_device_map(bar.address, bar.size);
}

void bh_pci_start(const struct bh_pci *pci)
{
    uint32_t command = bh_pci_read(pci->bdf, COMMAND, 2);

    bh_pci_write(pci->bdf, COMMAND, 2, command | COMMAND_PORTS | COMMAND_MEMORY | COMMAND_MASTER | COMMAND_NO_PIN);
}

void bh_pci_stop(const struct bh_pci *pci)
{
    uint32_t command = bh_pci_read(pci->bdf, COMMAND, 2);

    bh_pci_write(pci->bdf, COMMAND, 2, (command | COMMAND_PORTS | COMMAND_MEMORY | COMMAND_NO_PIN) & ~COMMAND_MASTER);
}

/* --- interrupts ------------------------------------------------------------------------------------------------------------------ */

static void on_interrupt(struct bh_frame *frame)
{
    unsigned vector = frame->vector & 255;

    if (vector <= VECTOR_LAST && owners[vector].fn)
        owners[vector].fn(owners[vector].arg);
}

unsigned bh_vector_take(void (*fn)(void *arg), void *arg)
{
    static unsigned next = VECTOR_LAST;

    if (next < VECTOR_FIRST)
        return 0;
    unsigned vector = next--;
    owners[vector].arg = arg;
    owners[vector].fn = fn;
    bh_irq_handler(vector, on_interrupt);
    return vector;
}

/* MSI-X: entry by entry, the whole function masked meanwhile. */
static bool entry_write(struct bh_pci *pci, unsigned index, uint32_t address, uint32_t data, bool masked)
{
    uint32_t control = bh_pci_read(pci->bdf, pci->msix + 2u, 2), where = bh_pci_read(pci->bdf, pci->msix + 4u, 4);
    struct bh_bar bar;

    if (!pci->entries) {
        uint64_t offset = where & ~7u, size = ((control & MSIX_COUNT) + 1ull) * ENTRY_SIZE;
        if (!bh_pci_bar(pci, where & 7, &bar) || bar.ports || offset + size > bar.size)
            return false;
        pci->entries = bh_device_map(bar.address + offset, size);
    }
    if (!pci->entries)
        return false;
    volatile uint8_t *entry = pci->entries + index * ENTRY_SIZE;
    control &= ~(MSIX_ENABLE | MSIX_MASKED);
    bh_pci_write(pci->bdf, pci->msix + 2u, 2, control | MSIX_ENABLE | MSIX_MASKED);
    bh_mmio_write32(entry + 12, ENTRY_MASKED);
    bh_mmio_write32(entry, address);
    bh_mmio_write32(entry + 4, 0);
    bh_mmio_write32(entry + 8, data);
    bh_mmio_write32(entry + 12, masked ? ENTRY_MASKED : 0);
    bh_pci_write(pci->bdf, pci->msix + 2u, 2, control | MSIX_ENABLE);
    return true;
}

static void message_write(const struct bh_pci *pci, uint32_t address, uint32_t data, bool masked)
{
    uint32_t control = bh_pci_read(pci->bdf, pci->msi + 2u, 2) & ~(MSI_ENABLE | MSI_MANY);

    bh_pci_write(pci->bdf, pci->msi + 2u, 2, control);
    bh_pci_write(pci->bdf, pci->msi + 4u, 4, address);
    if (control & MSI_WIDE)
        bh_pci_write(pci->bdf, pci->msi + 8u, 4, 0);
    bh_pci_write(pci->bdf, pci->msi + (control & MSI_WIDE ? 12u : 8u), 2, data);
    if (!masked)
        bh_pci_write(pci->bdf, pci->msi + 2u, 2, control | MSI_ENABLE);
}

bool bh_pci_interrupt(struct bh_pci *pci, unsigned index, unsigned core, void (*fn)(void *arg), void *arg)
{
    if (index >= pci->interrupts || core >= bh_start_info()->cores)
        return false;
    uint32_t source = ((uint32_t)pci->bdf << 8 | index) + 1;
    unsigned vector = VECTOR_LAST;

    while (vector >= VECTOR_FIRST && owners[vector].source != source)
        vector--;
    if (vector < VECTOR_FIRST && (!fn || (vector = bh_vector_take(fn, arg)) == 0))
        return !fn;
    owners[vector].source = source;
    uint32_t address = MESSAGE_BASE | core << 12;
    if (fn) {
        bool were_on = bh_irq_off(); /* where the handler runs on this core */
        owners[vector].fn = fn;
        owners[vector].arg = arg;
        bh_irq_restore(were_on);
    }
    if (pci->msix)
        return entry_write(pci, index, address, vector, !fn);
    message_write(pci, address, vector, !fn);
    return true;
}

/* --- memory ---------------------------------------------------------------------------------------------------------------------- */

void *bh_dma_memory(size_t size, size_t alignment)
{
    if (alignment < sizeof(void *))
        alignment = sizeof(void *);
    if (size == 0 || size > SIZE_MAX - alignment)
        return 0;
    size = (size + alignment - 1) & ~(alignment - 1);
    void *memory = memalign(alignment, size);
    if (memory)
        memset(memory, 0, size);
    return memory;
}

uint64_t bh_dma_address(const volatile void *memory)
{
    return (uint64_t)(uintptr_t)memory + bh_start_info()->dma_offset;
}
