/* SPDX-License-Identifier: Apache-2.0 */
/* The PCI functions found at boot: quiet, then compared with the board table, one line per difference (SEP-6, AC-28, AC-37). Buses are
 * walked as the firmware numbered them, all 256 functions of each: what a multi-function bit hides would be as free to act. */
#include "arch.h"
#include "console.h"
#include "pci_bus.h"
#include "pci_parts.h"

#define HINT "Hint: wrong board, another device in that slot, or its table is out of date"

/* --- what the table says ---------------------------------------------------------------------------------------------------- */

const struct board_function *pci_listed(uint16_t requester)
{
    for (uint32_t i = 0; i < plan.board->function_count; i++)
        if (pci_requester_of(&plan.board->functions[i]) == requester)
            return &plan.board->functions[i];
    return 0;
}

const struct board_function *pci_bridge_above(uint16_t requester)
{
    for (uint32_t i = 0; i < plan.board->function_count; i++)
        if (plan.board->functions[i].bridge.secondary != 0 && plan.board->functions[i].bridge.secondary == requester >> 8)
            return &plan.board->functions[i];
    return 0;
}

bool pci_is_iommu(uint16_t requester)
{
    for (uint32_t i = 0; plan.board->iommu.kind == IOMMU_AMDVI && i < plan.board->iommu.unit_count; i++)
        if (plan.board->iommu.unit_functions[i] == requester)
            return true;
    return false;
}

bool pci_is_bridge(uint16_t requester)
{
    return (arch_pci_read(requester, PCI_HEADER, 1) & ~HEADER_MULTI) == HEADER_BRIDGE;
}

bool pci_stays(uint16_t requester)
{
    uint16_t watchdog = pci_requester(plan.board->watchdog.bus, plan.board->watchdog.device, plan.board->watchdog.function);
    uint32_t class = arch_pci_read(requester, PCI_CLASS + 3, 1);
    bool chipset = class == 6 && !pci_is_bridge(requester), screen = class == 3 && plan.board->uart.port == 0;

    return chipset || screen || pci_is_iommu(requester) || (plan.board->watchdog.kind != WATCHDOG_NONE && requester == watchdog);
}

/* --- quiet ------------------------------------------------------------------------------------------------------------------ */

void pci_master_off(uint16_t requester)
{
    uint32_t command = arch_pci_read(requester, PCI_COMMAND, 2);

    arch_pci_write(requester, PCI_COMMAND, 2, (command & ~COMMAND_MASTER) | COMMAND_NO_INTX);
}

void pci_function_quiet(uint16_t requester)
{
    unsigned msi = pci_capability(requester, CAP_MSI, MSI_SIZE), msix = pci_capability(requester, CAP_MSIX, MSIX_SIZE);

    pci_master_off(requester);
    if (msi)
        arch_pci_write(requester, msi + MSI_CONTROL, 2, arch_pci_read(requester, msi + MSI_CONTROL, 2) & ~MSI_ENABLE);
    if (msix)
        arch_pci_write(requester, msix + MSI_CONTROL, 2, arch_pci_read(requester, msix + MSI_CONTROL, 2) & ~MSIX_ENABLE);
}

void pci_quiet(void)
{
    bool had_vfs = false;

    for (uint32_t at = 0; pci_next(&at); at++) {
        uint16_t requester = (uint16_t)at;
        unsigned sriov = pci_capability(requester, EXT_SRIOV, SRIOV_SIZE);

        if (pci_is_iommu(requester))
            continue;
        pci_function_quiet(requester);
        if (sriov && arch_pci_read(requester, sriov + SRIOV_CONTROL, 2) & SRIOV_ENABLE) {
            arch_pci_write(requester, sriov + SRIOV_CONTROL, 2, 0);
            had_vfs = true;
        }
    }
    if (had_vfs)
        pci_wait(1000); /* PCIe 9.3.3.3.1 */
}

/* --- compare ---------------------------------------------------------------------------------------------------------------- */

unsigned pci_value_compare(const char *id, uint16_t requester, const char *what, uint64_t expected, uint64_t found)
{
    if (expected == found)
        return 0;
    log_line("%s " PCI_NAME " %s: expected 0x%lx, found 0x%lx. " HINT, id, PCI_NAMED(requester), what, expected, found);
    return 1;
}

/* Which bits of a BAR can be written. PCI 3.0 6.2.5.1. */
static uint32_t bar_writable(uint16_t requester, unsigned offset)
{
    uint32_t kept = arch_pci_read(requester, offset, 4), found;

    arch_pci_write(requester, offset, 4, UINT32_MAX);
    found = arch_pci_read(requester, offset, 4);
    arch_pci_write(requester, offset, 4, kept);
    return found;
}

static struct board_bar bar_find(uint16_t requester, unsigned offset, bool last)
{
    uint32_t low = bar_writable(requester, offset);
    bool ports = low & 1, wide = (low & 7) == 4 && !last;
    uint64_t mask = ports ? low & 0xfffc : low & ~0xfu;

    if (wide)
        mask |= (uint64_t)bar_writable(requester, offset + 4) << 32;
    if (mask == 0)
        return (struct board_bar){.kind = BAR_NONE};
    return (struct board_bar){.kind = ports  ? BAR_PORTS
                                      : wide ? BAR_MEMORY64
                                             : BAR_MEMORY32,
                              .prefetchable = !ports && low & 8,
                              .size = mask & (0 - mask)}; /* the lowest bit that can be written */
}

static unsigned bars_compare(const char *id, uint16_t requester, unsigned offset, unsigned count, const struct board_bar *expected)
{
    static const char *const names[] = {"nothing", "32-bit memory", "64-bit memory", "ports"};
    unsigned found = 0;

    for (unsigned i = 0; i < count; i++) {
        struct board_bar bar = bar_find(requester, offset + 4 * i, i == count - 1), want = expected[i];

        if (bar.kind != want.kind || bar.prefetchable != want.prefetchable || bar.size != want.size) {
            log_line("%s " PCI_NAME " BAR %u: expected %s%s, 0x%lx bytes, found %s%s, 0x%lx bytes. " HINT, id, PCI_NAMED(requester),
                     i, want.prefetchable ? "prefetchable " : "", names[want.kind], want.size,
                     bar.prefetchable ? "prefetchable " : "", names[bar.kind], bar.size);
            found++;
        }
        if (bar.kind == BAR_MEMORY64)
            i++;
    }
    return found;
}

/* What keeps the firmware's addresses must not have them where the plan places BARs. */
static unsigned places_compare(uint16_t requester, const struct board_bar *bars)
{
    unsigned found = 0;

    for (unsigned i = 0; i < BOARD_BARS; i++) {
        bool ports = bars[i].kind == BAR_PORTS;
        uint64_t base = arch_pci_read(requester, PCI_BARS + 4 * i, 4) & (ports ? ~3u : ~0xfu);

        if (bars[i].kind == BAR_MEMORY64)
            base |= (uint64_t)arch_pci_read(requester, PCI_BARS + 4 * i + 4, 4) << 32;
        if (!range_overlap(base, bars[i].size, ports ? plan.board->pci.ports : plan.board->pci.window,
                           ports ? plan.board->pci.ports_size : plan.board->pci.window_size))
            continue;
        log_line("CFG-934 " PCI_NAME
                 " BAR %u: expected it outside the board's pci window, found it at 0x%lx. Hint: choose a window or "
                 "ports that the firmware gives to nothing",
                 PCI_NAMED(requester), i, base);
        found++;
    }
    return found;
}

static unsigned msix_compare(uint16_t requester, const struct board_msix *want)
{
    unsigned at = pci_capability(requester, CAP_MSIX, MSIX_SIZE);
    unsigned vectors = at ? (arch_pci_read(requester, at + MSI_CONTROL, 2) & 0x7ff) + 1 : 0;

    if (at == 0 || vectors != want->vectors)
        return pci_value_compare("CFG-927", requester, "MSI-X vectors", want->vectors, vectors);
    return pci_value_compare("CFG-927", requester, "MSI-X table", want->table_offset | want->table_bar,
                             arch_pci_read(requester, at + 4, 4)) +
           pci_value_compare("CFG-927", requester, "MSI-X PBA", want->pba_offset | want->pba_bar,
                             arch_pci_read(requester, at + 8, 4));
}

static bool reset_possible(uint16_t requester, enum board_reset kind)
{
    unsigned express = pci_capability(requester, CAP_EXPRESS, EXPRESS_SIZE), pm = pci_capability(requester, CAP_PM, PM_SIZE);

    if (kind == RESET_FLR)
        return express && arch_pci_read(requester, express + DEVICE_CAPS, 4) & DEVICE_CAPS_FLR;
    if (kind == RESET_PM)
        return pm && !(arch_pci_read(requester, pm + PM_CONTROL, 2) & PM_NO_SOFT_RESET);
    return kind != RESET_BUS || pci_bridge_above(requester) != 0;
}

/* Of any function, virtual or not. */
static unsigned capabilities_compare(uint16_t requester, const struct board_msix *msix, enum board_reset reset)
{
    return pci_value_compare("CFG-933", requester, "sound chains of capabilities", true, pci_chains_sound(requester)) +
           msix_compare(requester, msix) +
           pci_value_compare("CFG-929", requester, "can be reset as its table says", true, reset_possible(requester, reset));
}

static unsigned bridge_compare(uint16_t requester, const struct board_function *want)
{
    uint32_t buses = (uint32_t)(requester >> 8) | (uint32_t)want->bridge.secondary << 8 | (uint32_t)want->bridge.subordinate << 16;
    unsigned acs = pci_capability(requester, EXT_ACS, EXT_SIZE);
    bool apart = acs && (arch_pci_read(requester, acs + ACS_CAPS, 2) & ACS_NEEDED) == ACS_NEEDED;

    if (want->bridge.secondary == 0)
        return 0; /* ACS of a device with several functions is switched on as far as it goes */
    return pci_value_compare("CFG-925", requester, "buses above, below, last", buses,
                             arch_pci_read(requester, BRIDGE_BUSES, 4) & 0xffffff) +
           pci_value_compare("CFG-930", requester, "ACS keeps apart what is behind it", want->bridge.acs, apart);
}

static unsigned sriov_compare(uint16_t requester, const struct board_function *want)
{
    unsigned at = pci_capability(requester, EXT_SRIOV, SRIOV_SIZE);
    unsigned total = at ? arch_pci_read(requester, at + SRIOV_TOTAL, 2) : 0;

    if (total == 0 || total != want->vf.total)
        return pci_value_compare("CFG-931", requester, "virtual functions", want->vf.total, total);
    if (!pci_sriov_prepare(requester, at, want->vf.total))
        return pci_value_compare("CFG-931", requester, "SR-IOV takes its settings", true, false);
    return pci_value_compare("CFG-931", requester, "offset of the VFs", want->vf.offset,
                             arch_pci_read(requester, at + SRIOV_PLACES, 2)) +
           pci_value_compare("CFG-931", requester, "stride of the VFs", want->vf.stride,
                             arch_pci_read(requester, at + SRIOV_PLACES + 2, 2)) +
           pci_value_compare("CFG-931", requester, "device id of the VFs", want->vf.id,
                             arch_pci_read(requester, at + SRIOV_ID, 2)) +
           bars_compare("CFG-932", requester, at + SRIOV_BARS, BOARD_BARS, want->vf.bars);
}

unsigned pci_vf_compare(uint16_t requester, const struct board_function *pf)
{
    return capabilities_compare(requester, &pf->vf.msix, pf->vf.reset);
}

static unsigned function_compare(const struct board_function *want)
{
    uint16_t requester = pci_requester_of(want);
    uint32_t command = arch_pci_read(requester, PCI_COMMAND, 2), id = want->vendor | (uint32_t)want->id << 16;
    bool bridge = pci_is_bridge(requester);
    unsigned found;

    if (arch_pci_read(requester, PCI_ID, 4) != id)
        return pci_value_compare(arch_pci_read(requester, PCI_ID, 2) == 0xffff ? "CFG-921" : "CFG-922", requester,
                                 "vendor and device", id, arch_pci_read(requester, PCI_ID, 4));
    found = pci_value_compare("CFG-923", requester, "class", want->class_code, arch_pci_read(requester, PCI_CLASS, 4) >> 8) +
            pci_value_compare("CFG-924", requester, "is a bridge", want->bridge.secondary != 0, bridge);
    if (found != 0 || pci_is_iommu(requester))
        return found;
    if (pci_stays(requester) || bridge)
        found += places_compare(requester, want->bars);
    arch_pci_write(requester, PCI_COMMAND, 2, command & ~COMMAND_DECODE);
    found += bars_compare("CFG-926", requester, PCI_BARS, bridge ? BRIDGE_BARS : BOARD_BARS, want->bars) +
             capabilities_compare(requester, &want->msix, want->reset.kind) +
             pci_value_compare("CFG-928", requester, "MSI", want->msi, pci_capability(requester, CAP_MSI, MSI_SIZE) != 0) +
             bridge_compare(requester, want) + sriov_compare(requester, want);
    arch_pci_write(requester, PCI_COMMAND, 2, command);
    return found;
}

unsigned pci_compare(void)
{
    unsigned found = 0;

    if (plan.board->function_count == 0)
        return 0; /* a board that names no functions gives none away */
    for (uint32_t at = 0; pci_next(&at); at++)
        if (pci_listed((uint16_t)at) == 0)
            found += pci_value_compare("CFG-920", (uint16_t)at, "vendor and device of a function that the table does not list",
                                       UINT32_MAX, arch_pci_read((uint16_t)at, PCI_ID, 4));
    for (uint32_t i = 0; i < plan.board->function_count; i++)
        found += function_compare(&plan.board->functions[i]);
    return found;
}
