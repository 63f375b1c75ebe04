/* SPDX-License-Identifier: Apache-2.0 */
/* Between two lives of its owner a function goes back to its state at power on, by the way that its board names (SEP-9), and then to the
 * places of the plan: a reset loses BARs, and that of a PF its VFs. */
#include "arch.h"
#include "pci_bus.h"
#include "pci_parts.h"

#define PENDING_MS 500u
#define SETTLE_MS 100u /* PCIe 6.6.1, 6.6.2; PCI PM 1.2 5.6.1 asks for less */
#define SETTLE_MAX_MS 1000u

/* PCIe 6.6.2: a completion that is under way must not meet the function anew. One that never comes is no reason not to reset: its DMA is
 * cut off. */
static const char *reset_flr(uint16_t requester)
{
    unsigned at = pci_capability(requester, CAP_EXPRESS, EXPRESS_SIZE);

    if (at == 0)
        return "it has lost its PCI Express capability";
    for (unsigned ms = 0; ms < PENDING_MS && arch_pci_read(requester, at + DEVICE_STATUS, 2) & STATUS_PENDING; ms += 10)
        pci_wait(10);
    arch_pci_write(requester, at + DEVICE_CONTROL, 2, arch_pci_read(requester, at + DEVICE_CONTROL, 2) | DEVICE_CONTROL_FLR);
    return 0;
}

static const char *reset_pm(uint16_t requester)
{
    unsigned at = pci_capability(requester, CAP_PM, PM_SIZE);

    if (at == 0)
        return "it has lost its power management capability";
    arch_pci_write(requester, at + PM_CONTROL, 2, PM_D3);
    pci_wait(10);
    arch_pci_write(requester, at + PM_CONTROL, 2, 0);
    return 0;
}

static void reset_bus(const struct board_function *above)
{
    uint16_t bridge = pci_requester_of(above);
    uint32_t control = arch_pci_read(bridge, BRIDGE_CONTROL, 2);

    arch_pci_write(bridge, BRIDGE_CONTROL, 2, control | BRIDGE_RESET);
    pci_wait(2); /* PCIe 7.5.1.3.13: at least 1 ms */
    arch_pci_write(bridge, BRIDGE_CONTROL, 2, control & ~BRIDGE_RESET);
}

static const char *reset_do(const struct plan_function *function, enum board_reset kind, const struct board_function *above)
{
    const struct board_function *from = function->board;

    switch (kind) {
    case RESET_FLR:
        return reset_flr(function->requester);
    case RESET_PM:
        return reset_pm(function->requester);
    case RESET_BUS:
        reset_bus(above);
        return 0;
    case RESET_REGISTER:
        arch_device_write(HPA(function->bars[from->reset.bar].base.v + from->reset.offset), 4, from->reset.value);
        return 0;
    case RESET_NONE:
        break;
    }
    return "its board knows no way";
}

const char *arch_pci_reset(const struct plan_function *function)
{
    const struct board_function *from = function->board, *above = pci_bridge_above(function->requester);
    bool vf = function->physical != PLAN_NO_FUNCTION;
    enum board_reset kind = vf ? from->vf.reset : from->reset.kind;
    unsigned settle = from->reset.settle_ms ? from->reset.settle_ms : SETTLE_MS;
    bool bus = kind == RESET_BUS && above != 0;
    uint16_t first = bus ? pci_requester(above->bridge.secondary, 0, 0) : function->requester;
    uint16_t last = bus ? pci_requester(above->bridge.subordinate, 31, 7) : function->requester;
    unsigned msix;
    const char *why;

    if (vf && !pci_answers(function->requester))
        return "it does not answer"; /* while its PF is being reset, on another core, it is not there for a while */
    pci_master_off(function->requester);
    msix = vf ? pci_capability(function->requester, CAP_MSIX, MSIX_SIZE) : 0;
    if (msix) /* a VF has no decoding that its reset would switch off: this goes away instead */
        arch_pci_write(function->requester, msix + MSI_CONTROL, 2, MSIX_MASK_ALL);
    if (kind == RESET_BUS && !bus)
        return "there is no bridge above it";
    why = reset_do(function, kind, above);
    if (why != 0)
        return why;
    pci_wait(settle < SETTLE_MAX_MS ? settle : SETTLE_MAX_MS);
    if (!pci_answers(function->requester))
        return "it does not answer after its reset";
    if ((kind != RESET_REGISTER && arch_pci_read(function->requester, PCI_COMMAND, 2) & (COMMAND_DECODE | COMMAND_MASTER)) ||
        (msix && arch_pci_read(function->requester, msix + MSI_CONTROL, 2) & MSIX_MASK_ALL))
        return "its reset changed nothing";
    return pci_place(first, last) ? 0 : "it does not take its places in the plan after its reset";
}
