/* SPDX-License-Identifier: Apache-2.0 */
/* Configuration space of the machine, the only way there: by memory where the board has ECAM, else by the two ports. Capability chains.
 * And registers of devices, in pages that were mapped before the seal. */
#include "arch.h"
#include "console.h"
#include "crash.h"
#include "dev.h"
#include "lock.h"
#include "pci.h"
#include "pci_bus.h"
#include "pci_parts.h"
#include "vcpu.h"
#include "x86.h"

#define ADDRESS_ENABLE 0x80000000u
#define PORT_SPACE 0x100u /* bytes of a function's space that the ports reach */
#define CHAIN_STEPS 48u   /* (256 - 64) / 4, and more than any function has beyond */
#define NO_CAPABILITY 0x20000u
#define DEVICE_PAGES 256u

static uint8_t *ecam; /* 0: the ports, also before pci_init() */
static struct lock ports;
static struct {
    hpa_t page;
    uint8_t *mapped;
} pages[DEVICE_PAGES];
static unsigned page_count;

void pci_init(void)
{
    ecam = arch_ecam();
}

static bool reachable(uint16_t requester, unsigned offset)
{
    return requester >> 8 <= plan.board->pci.last_bus && offset < (ecam ? PAGE_SIZE : PORT_SPACE);
}

static uint8_t *register_at(uint16_t requester, unsigned offset)
{
    return ecam + ((size_t)requester << 12) + offset;
}

uint32_t arch_port_read(uint16_t port, unsigned size)
{
    return size == 1 ? inb(port) : size == 2 ? inw(port) : inl(port);
}

void arch_port_write(uint16_t port, unsigned size, uint32_t value)
{
    if (size == 1)
        outb(port, (uint8_t)value);
    else if (size == 2)
        outw(port, (uint16_t)value);
    else
        outl(port, value);
}

/* The ports' lock is held until port_done(). */
static void port_select(uint16_t requester, unsigned offset)
{
    lock_take(&ports);
    outl(PORT_PCI_ADDRESS, ADDRESS_ENABLE | (uint32_t)requester << 8 | (offset & ~3u));
}

uint32_t arch_pci_read(uint16_t requester, unsigned offset, unsigned size)
{
    uint32_t value = UINT32_MAX;

    if (reachable(requester, offset) && ecam)
        value = ecam_read(register_at(requester, offset & ~3u));
    else if (reachable(requester, offset)) {
        port_select(requester, offset);
        value = inl(PORT_PCI_DATA);
        lock_drop(&ports);
    }
    value >>= 8 * (offset & 3);
    return size == 4 ? value : value & ((1u << 8 * size) - 1);
}

void arch_pci_write(uint16_t requester, unsigned offset, unsigned size, uint32_t value)
{
    uint16_t port = (uint16_t)(PORT_PCI_DATA + (offset & 3));

    if (!reachable(requester, offset))
        return;
    if (ecam) {
        ecam_write(register_at(requester, offset), size, value);
        return;
    }
    port_select(requester, offset);
    arch_port_write(port, size, value);
    lock_drop(&ports);
}

/* --- capabilities ----------------------------------------------------------------------------------------------------------- */

/* PCI 3.0 6.7, PCIe 7.6.3. A function that does not answer, or has no extended space, reads as ones. */
static unsigned chain_find(uint16_t requester, unsigned id, unsigned size, bool *sound)
{
    bool extended = id & PCI_EXTENDED;
    unsigned first = extended ? 0x100 : 0x40, end = extended ? PAGE_SIZE : 0x100, at = first;

    *sound = true;
    if (!extended)
        at = arch_pci_read(requester, PCI_STATUS, 2) & STATUS_CAPABILITIES ? arch_pci_read(requester, PCI_CAPABILITIES, 1) & 0xfc
                                                                           : 0;
    for (unsigned step = 0; step < CHAIN_STEPS && at >= first; step++) {
        uint32_t header = arch_pci_read(requester, at, 4);

        if (header == UINT32_MAX && extended && step == 0)
            return 0;
        if (header == UINT32_MAX)
            break;
        if ((header & (extended ? 0xffff : 0xff)) == (id & ~PCI_EXTENDED)) {
            *sound = at + size <= end;
            return *sound ? at : 0;
        }
        at = extended ? header >> 20 & 0xffc : header >> 8 & 0xfc;
        if (at == 0)
            return 0;
    }
    *sound = at == 0;
    return 0;
}

unsigned pci_capability(uint16_t requester, unsigned id, unsigned size)
{
    bool sound;

    return chain_find(requester, id, size, &sound);
}

bool pci_chains_sound(uint16_t requester)
{
    bool low, high;

    (void)chain_find(requester, NO_CAPABILITY, 0, &low);
    (void)chain_find(requester, NO_CAPABILITY | PCI_EXTENDED, 0, &high);
    return low && high;
}

/* --- steps ------------------------------------------------------------------------------------------------------------------ */

bool pci_next(uint32_t *at)
{
    for (; *at >> 8 <= plan.board->pci.last_bus; ++*at)
        if (arch_pci_read((uint16_t)*at, PCI_ID, 2) != 0xffff)
            return true;
    return false;
}

bool pci_set(uint16_t requester, unsigned offset, unsigned size, uint32_t value, uint32_t mask)
{
    uint32_t found;

    arch_pci_write(requester, offset, size, value);
    found = arch_pci_read(requester, offset, size);
    if (((found ^ value) & mask) == 0)
        return true;
    log_line("PCI " PCI_NAME ": register 0x%x: wrote 0x%x, of which 0x%x must stick, reads 0x%x", PCI_NAMED(requester), offset,
             value, mask, found);
    return false;
}

void pci_wait(unsigned ms)
{
    uint64_t from = arch_ticks(), ticks = ms * arch_tsc_khz();

    while (arch_ticks() - from < ticks) {
        vcpu_breathe();
        arch_pause();
    }
}

/* --- registers of devices --------------------------------------------------------------------------------------------------- */

static uint8_t *device_find(hpa_t address)
{
    for (unsigned i = 0; i < page_count; i++)
        if (pages[i].page.v == (address.v & ~(uint64_t)PAGE_MASK))
            return pages[i].mapped + (address.v & PAGE_MASK);
    return 0;
}

static volatile void *device_register(hpa_t address)
{
    uint8_t *at = device_find(address);

    INVARIANT(at != 0, "a device's register in a page that is not mapped");
    return at;
}

void arch_device_map(hpa_t page)
{
    if (device_find(page) != 0)
        return;
    INVARIANT(page_count < DEVICE_PAGES, "pages of devices' registers");
    pages[page_count].page = page;
    pages[page_count++].mapped = arch_mmio(page);
}

uint64_t arch_device_read(hpa_t address, unsigned size)
{
    volatile void *at = device_register(address);

    return size == 1   ? *(volatile uint8_t *)at
           : size == 2 ? *(volatile uint16_t *)at
           : size == 4 ? *(volatile uint32_t *)at
                       : *(volatile uint64_t *)at;
}

void arch_device_write(hpa_t address, unsigned size, uint64_t value)
{
    volatile void *at = device_register(address);

    if (size == 1)
        *(volatile uint8_t *)at = (uint8_t)value;
    else if (size == 2)
        *(volatile uint16_t *)at = (uint16_t)value;
    else if (size == 4)
        *(volatile uint32_t *)at = (uint32_t)value;
    else
        *(volatile uint64_t *)at = value;
}
