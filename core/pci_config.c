/* SPDX-License-Identifier: Apache-2.0 */
/* Configuration space of a function as its owner sees it (AC-33 to AC-35): an image, read without touching the hardware, and two masks that
 * say which bits a write changes in it and which of these in the hardware too. What is in no row reads 0 and cannot be written; capabilities
 * that have no row are not in the chain. */
#include "arch.h"
#include "pci_function.h"

#define HEADER 0u                    /* in place of a capability's id */
#define CAP_MSI64 (CAP_MSI | 0x100u) /* with an upper half of the address */
#define CHAIN_MAX 48u                /* capabilities that fit */
#define CAP_NEXT 0x0000ff00u

/* Doubleword `offset` of the header or of a capability: `shown` bits are what the hardware says when the machine starts, `fixed` ones are
 * set. In a capability's first one, id and next are the chain's. */
struct row {
    uint16_t cap;
    uint8_t offset;
    uint32_t shown, fixed, soft, hard;
    const char *what;
};

static const struct row rows[] = {
    {HEADER, 0x04, 0, 0, 0x0407, COMMAND_MASTER, "command: bus mastering is the owner's; decoding and INTx as it likes, unheard"},
    {HEADER, 0x08, 0xffffffff, 0, 0, 0, "revision and class"},
    {HEADER, 0x0c, 0, 0, 0x0000ffff, 0, "cache line and latency timer: without effect on PCIe. One function, no self-test"},
    {HEADER, 0x2c, 0xffffffff, 0, 0, 0, "subsystem"},
    {HEADER, 0x3c, 0, 0, 0x000000ff, 0, "interrupt line: a note of the driver's. No pin"},
    {CAP_PM, 0, 0x00070000, 0, 0, 0, "version; D0 only, no PME"},
    {CAP_PM, 4, 0, 0x00000008, 0, 0, "D0, which is never left"},
    {CAP_MSI, 0, 0, 0, 0x00010000, 0, "enable; one vector, no mask"},
    {CAP_MSI, 4, 0, 0, 0xfffffffc, 0, "address"},
    {CAP_MSI, 8, 0, 0, 0x0000ffff, 0, "data"},
    {CAP_MSI64, 0, 0, 0x00800000, 0x00010000, 0, "enable; one vector, no mask, 64 bits"},
    {CAP_MSI64, 4, 0, 0, 0xfffffffc, 0, "address"},
    {CAP_MSI64, 8, 0, 0, 0xffffffff, 0, "upper half of the address"},
    {CAP_MSI64, 12, 0, 0, 0x0000ffff, 0, "data"},
    {CAP_MSIX, 0, 0, 0, 0xc0000000, 0xc0000000, "enable, mask of all; the vectors are the plan's"},
    {CAP_MSIX, 4, 0xffffffff, 0, 0, 0, "where the table is"},
    {CAP_MSIX, 8, 0xffffffff, 0, 0, 0, "where the pending bits are"},
    {CAP_PCIE, 0, 0x000f0000, 0x00900000, 0, 0, "version; root complex integrated endpoint: it has no link"},
    {CAP_PCIE, 4, 0x00008000, 0, 0, 0, "role-based errors; payload as set, no reset of its own, no phantom functions"},
    {CAP_PCIE, 8, 0x00007fff, 0, 0, 0, "payload, requests, errors: as we have set them"},
};

/* --- the image ------------------------------------------------------------------------------------------------------------------ */

static uint32_t hardware(const struct pci_function *function, unsigned offset)
{
    return arch_pci_read(function->plan->requester, offset, 4);
}

static void rows_apply(struct pci_function *function, unsigned cap, unsigned base)
{
    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
        unsigned at = base + rows[i].offset, word = at / 4;

        if (rows[i].cap != cap)
            continue;
        function->initial[word] |= rows[i].fixed;
        if (rows[i].shown != 0)
            function->initial[word] |= hardware(function, at) & rows[i].shown;
        function->soft[word] |= rows[i].soft;
        function->hard[word] |= rows[i].hard;
    }
}

/* From the plan, also those of a VF, whose own registers are empty (SR-IOV 9.3.4.1.11). */
static void bars_show(struct pci_function *function)
{
    for (unsigned i = 0; i < BOARD_BARS; i++) {
        const struct plan_bar *bar = &function->plan->bars[i];
        unsigned word = CONFIG_BARS / 4 + i;

        if (bar->kind == BAR_NONE || bar->size == 0)
            continue;
        function->initial[word] = (uint32_t)bar->base.v | (bar->kind == BAR_PORTS ? 1u : 0);
        function->soft[word] = (uint32_t) ~(bar->size - 1);
        if (bar->kind != BAR_PORTS && bar->prefetchable)
            function->initial[word] |= 8u;
        if (bar->kind == BAR_MEMORY64 && i + 1 < BOARD_BARS) {
            function->initial[word] |= 4u;
            function->initial[word + 1] = (uint32_t)(bar->base.v >> 32);
            function->soft[word + 1] = (uint32_t)(~(bar->size - 1) >> 32);
        }
    }
}

/* The device's own bytes, to be read: as many as it says. They may describe a window into its BARs, which stays shut (AC-35). */
static void vendor_show(struct pci_function *function, unsigned base)
{
    unsigned length = hardware(function, base) >> 16 & 0xff;

    function->initial[base / 4] |= hardware(function, base) & 0xffff0000u;
    for (unsigned at = 4; at < length && base + at < CONFIG_SIZE; at += 4)
        function->initial[(base + at) / 4] = hardware(function, base + at);
}

/* Where the offset of a capability that its owner may see is kept: 0, if it may not. */
static uint8_t *capability_place(struct pci_function *function, unsigned id)
{
    switch (id) {
    case CAP_PM:
        return &function->pm;
    case CAP_MSI:
        return function->plan->msi && function->plan->msix.vectors == 0 ? &function->msi : 0;
    case CAP_PCIE:
        return &function->pcie;
    case CAP_MSIX:
        return function->plan->msix.vectors != 0 ? &function->msix : 0;
    default:
        return 0;
    }
}

/* The first one of its kind, but for those of the vendor. */
static bool capability_show(struct pci_function *function, unsigned id, unsigned base)
{
    uint8_t *place = capability_place(function, id);
    bool wide = id == CAP_MSI && (hardware(function, base) >> 16 & MSI_64BIT) != 0;

    if (id == CAP_VENDOR && function->plan->vendor_caps) {
        vendor_show(function, base);
        return true;
    }
    if (place == 0 || *place != 0 || base + (id == CAP_PM ? 8 : wide ? 16 : 12) > CONFIG_SIZE)
        return false;
    *place = (uint8_t)base;
    rows_apply(function, wide ? CAP_MSI64 : id, base);
    return true;
}

static void chain_show(struct pci_function *function)
{
    unsigned base = hardware(function, CONFIG_CAPABILITIES) & 0xfc, link = CONFIG_CAPABILITIES, shift = 0;

    if (!(hardware(function, CONFIG_COMMAND) >> 16 & STATUS_CAPABILITIES))
        return;
    for (unsigned i = 0; i < CHAIN_MAX && base >= 0x40; i++) {
        uint32_t head = hardware(function, base);

        if (capability_show(function, head & 0xff, base)) {
            function->initial[link / 4] |= base << shift;
            function->initial[base / 4] |= head & 0xff;
            link = base;
            shift = 8;
        }
        base = (head & CAP_NEXT) >> 8 & 0xfc;
    }
}

void config_create(struct pci_function *function)
{
    const struct plan_function *row = function->plan;

    rows_apply(function, HEADER, 0);
    bars_show(function);
    chain_show(function);
    function->initial[0] = (uint32_t)row->id << 16 | row->vendor;
    if (function->initial[CONFIG_CAPABILITIES / 4] != 0)
        function->initial[CONFIG_COMMAND / 4] |= (uint32_t)STATUS_CAPABILITIES << 16;
    if (function->msix != 0)
        function->initial[function->msix / 4] |= (uint32_t)(row->msix.vectors - 1) << 16;
    if (function->pcie != 0)
        function->initial[function->pcie / 4 + 1] |=
            function->initial[function->pcie / 4 + 2] >> 5 & 7; /* largest payload: the one set */
}

/* --- accesses -------------------------------------------------------------------------------------------------------------------- */

static uint32_t lanes(unsigned offset, unsigned size)
{
    return (uint32_t)((1ull << 8 * size) - 1) << 8 * (offset & 3);
}

uint32_t config_read(const struct pci_function *function, unsigned offset, unsigned size)
{
    return (function->image[offset / 4] & lanes(offset, size)) >> 8 * (offset & 3);
}

/* BARs and ROM do not move: all ones ask for the size, anything else finds the address again (AC-34). */
static bool bar_write(struct pci_function *function, unsigned word, uint32_t u_new)
{
    bool sizing = (u_new | 0x7ff) == 0xffffffff;

    if (function->soft[word] != 0)
        function->image[word] = function->initial[word] | (sizing ? function->soft[word] : 0);
    return sizing || u_new == function->initial[word];
}

/* Decoding on, for the kinds of BARs that it has, and no more. It has no pin to raise, whatever the owner thinks. */
uint32_t config_command(const struct pci_function *function)
{
    uint32_t command = COMMAND_INTX_OFF;

    for (unsigned i = 0; i < BOARD_BARS; i++)
        if (function->plan->bars[i].size != 0 && function->plan->bars[i].kind != BAR_NONE)
            command |= function->plan->bars[i].kind == BAR_PORTS ? COMMAND_PORTS : COMMAND_MEMORY;
    return command;
}

/* All hard bits of a doubleword lie in one half of it. The other half is not written: status bits go away that way. Nor is it read: what
 * its owner has made of the function, by a reset through its BAR say, may answer with all ones. */
static void hardware_write(const struct pci_function *function, unsigned word)
{
    unsigned shift = function->hard[word] > 0xffff ? 16 : 0, offset = word * 4 + shift / 8;
    uint32_t hard = function->hard[word] >> shift;
    uint32_t rest = word == CONFIG_COMMAND / 4 ? config_command(function) : 0;

    arch_pci_write(function->plan->requester, offset, 2, rest | (function->image[word] >> shift & hard));
}

bool config_write(struct partition *partition, struct pci_function *function, unsigned offset, unsigned size, uint32_t u_value)
{
    unsigned word = offset / 4;
    uint32_t old = function->image[word], mask = lanes(offset, size);
    uint32_t u_new = (old & ~mask) | (u_value << 8 * (offset & 3) & mask), change = (u_new ^ old) & function->soft[word];

    if ((word >= CONFIG_BARS / 4 && word < CONFIG_BARS / 4 + BOARD_BARS) || word == CONFIG_ROM / 4)
        return bar_write(function, word, u_new);
    if (change != 0)
        function->image[word] = old ^ change;
    if ((change & function->hard[word]) != 0 && function->live)
        hardware_write(function, word);
    if (change != 0 && function->msi != 0 && word - function->msi / 4u < 4 && !msi_changed(partition, function))
        return false;
    return u_new == function->image[word];
}
