/* SPDX-License-Identifier: Apache-2.0 */
/* The PCI functions as the plan has them: bridges' windows, BARs, VFs; all else neither decodes nor masters the bus (SEP-1, SEP-5, AC-29,
 * AC-33, AC-34, AC-37, AC-38). Every register is read back: one that does not keep its value refuses the launch. */
#include "arch.h"
#include "console.h"
#include "pci_bus.h"
#include "pci_parts.h"

/* PCIe 7.5.3.4. No errors reported, payloads of 128 bytes, no phantom functions, no DMA past the caches; what must stick of it. Not all devices can change the
 * rest: relaxed ordering, requests of 512 bytes; extended tags and auxiliary power are the firmware's. */
#define DEVICE_CONTROL_VALUE 0x2010u
#define DEVICE_CONTROL_KEPT 0x0500u
#define DEVICE_CONTROL_STICKS 0x0aefu
#define ROOT_ERRORS 0xfu
#define MEMORY_CLOSED 0x0000fff0u /* base above limit */
#define PORTS_CLOSED 0x00f0u

static const struct {
    uint32_t id;
    uint16_t control, enable;
} never_on[] = {{EXT_ATS, 6, 0x8000}, {EXT_PRI, 4, 0x1}, {EXT_PASID, 6, 0x7}};

/* --- any function ----------------------------------------------------------------------------------------------------------- */

static bool express_settle(uint16_t requester)
{
    unsigned at = pci_capability(requester, CAP_EXPRESS, EXPRESS_SIZE);
    unsigned version_2 = pci_capability(requester, CAP_EXPRESS, EXPRESS_SIZE_2);
    uint32_t flags = at ? arch_pci_read(requester, at + EXPRESS_FLAGS, 2) : 0;
    bool ok;

    if (at == 0)
        return true;
    ok = pci_set(requester, at + DEVICE_CONTROL, 2,
                 (arch_pci_read(requester, at + DEVICE_CONTROL, 2) & DEVICE_CONTROL_KEPT) | DEVICE_CONTROL_VALUE,
                 DEVICE_CONTROL_STICKS);
    if (version_2 == 0 || (flags & 15) < 2)
        return ok;
    ok = pci_set(requester, at + DEVICE_CONTROL_2, 2, 0, ARI_FORWARDING) && ok;
    return ((flags >> 4 & 15) != EXPRESS_ROOT_PORT || pci_set(requester, at + ROOT_CONTROL, 2, 0, ROOT_ERRORS)) && ok;
}

/* What concerns no addresses: ROM off, errors, payload size, translation by the device itself off, ACS on. */
static bool function_settle(uint16_t requester)
{
    unsigned acs = pci_capability(requester, EXT_ACS, EXT_SIZE);
    bool ok = pci_set(requester, pci_is_bridge(requester) ? BRIDGE_ROM : PCI_ROM, 4, 0, 1) && express_settle(requester);

    for (unsigned i = 0; i < ARRAY_SIZE(never_on); i++) {
        unsigned at = pci_capability(requester, never_on[i].id, EXT_SIZE);

        ok = (at == 0 || pci_set(requester, at + never_on[i].control, 2, 0, never_on[i].enable)) && ok;
    }
    if (acs) /* and translation blocking where there is that, but none of the ways around */
        ok = pci_set(requester, acs + ACS_CONTROL, 2, arch_pci_read(requester, acs + ACS_CAPS, 2) & ACS_ON, ACS_ALL) && ok;
    return ok;
}

static bool power_on(uint16_t requester)
{
    unsigned at = pci_capability(requester, CAP_PM, PM_SIZE);

    if (at == 0)
        return true;
    if (arch_pci_read(requester, at + PM_CONTROL, 2) & PM_D3) {
        arch_pci_write(requester, at + PM_CONTROL, 2, 0);
        pci_wait(10); /* PCI PM 1.2 5.6.1 */
    }
    return pci_set(requester, at + PM_CONTROL, 2, 0, PM_D3 | PM_EVENTS);
}

/* --- bridges ---------------------------------------------------------------------------------------------------------------- */

/* PCI bridge 1.2 3.2.5. Sizes 0: closed. Bus numbers stay the firmware's. A window that a bridge need not have reads as zero. */
static bool bridge_set(uint16_t requester, const struct plan_bridge *to)
{
    uint64_t memory_last = to->memory.v + to->memory_size - 1, ports_last = (uint64_t)to->ports + to->ports_size - 1;
    uint32_t memory = (uint32_t)(to->memory.v >> 16 & 0xfff0) | (uint32_t)(memory_last & 0xfff00000);
    uint32_t ports = (uint32_t)(to->ports >> 8 & 0xf0) | (uint32_t)(ports_last & 0xf000);
    uint32_t command = (to->memory_size ? COMMAND_MEMORY : 0) | (to->ports_size ? COMMAND_PORTS : 0) | COMMAND_MASTER;
    const struct {
        unsigned offset, size;
        uint32_t value, mask;
        bool must;
    } registers[] = {
        {BRIDGE_MEMORY, 4, to->memory_size ? memory : MEMORY_CLOSED, 0xfff0fff0, true},
        {BRIDGE_PORTS, 2, to->ports_size ? ports : PORTS_CLOSED, 0xf0f0, to->ports_size != 0},
        {BRIDGE_PREFETCH, 4, MEMORY_CLOSED, 0xfff0fff0, false},
        {BRIDGE_PREFETCH_BASE, 4, 0, UINT32_MAX, true},
        {BRIDGE_PREFETCH_LIMIT, 4, 0, UINT32_MAX, true},
        {BRIDGE_PORTS_UPPER, 4, 0, UINT32_MAX, true},
        {BRIDGE_CONTROL, 2, 0, BRIDGE_CONTROL_ALL, true},
    };
    bool ok = pci_set(requester, PCI_COMMAND, 2, COMMAND_NO_INTX, COMMAND_DECODE | COMMAND_MASTER) && function_settle(requester);

    for (unsigned i = 0; i < ARRAY_SIZE(registers); i++) {
        arch_pci_write(requester, registers[i].offset, registers[i].size, registers[i].value);
        if (registers[i].must || (arch_pci_read(requester, registers[i].offset, registers[i].size) & registers[i].mask) != 0)
            ok = pci_set(requester, registers[i].offset, registers[i].size, registers[i].value, registers[i].mask) && ok;
    }
    if (to->requester == PLAN_NO_FUNCTION)
        return ok;
    return pci_set(requester, PCI_COMMAND, 2, command | COMMAND_NO_INTX, COMMAND_DECODE | COMMAND_MASTER) && ok;
}

/* --- functions -------------------------------------------------------------------------------------------------------------- */

static bool bars_set(uint16_t requester, unsigned offset, const struct plan_bar *bars)
{
    bool ok = true;

    for (unsigned i = 0; i < BOARD_BARS; i++) {
        if (bars[i].size == 0)
            continue;
        ok = pci_set(requester, offset + 4 * i, 4, (uint32_t)bars[i].base.v, bars[i].kind == BAR_PORTS ? ~3u : ~0xfu) && ok;
        if (bars[i].kind == BAR_MEMORY64)
            ok = pci_set(requester, offset + 4 * i + 4, 4, (uint32_t)(bars[i].base.v >> 32), UINT32_MAX) && ok;
    }
    return ok;
}

/* A VF decodes as its PF's SR-IOV capability says; in its own command register only QEMU looks (7.2), elsewhere these bits read 0. */
static bool function_set(const struct plan_function *function)
{
    const struct board_function *from = function->board;
    bool vf = function->physical != PLAN_NO_FUNCTION, ok = power_on(function->requester) && function_settle(function->requester);
    uint32_t decode = vf ? COMMAND_MEMORY : 0;

    for (unsigned i = 0; !vf && i < BOARD_BARS; i++)
        if (function->bars[i].size != 0)
            decode |= function->bars[i].kind == BAR_PORTS ? COMMAND_PORTS : COMMAND_MEMORY;
    if (!vf)
        ok = bars_set(function->requester, PCI_BARS, function->bars) && ok;
    if (!vf && from->reset.kind == RESET_REGISTER) /* at boot; it stays mapped */
        arch_device_map(HPA((function->bars[from->reset.bar].base.v + from->reset.offset) & ~(uint64_t)PAGE_MASK));
    return pci_set(function->requester, PCI_COMMAND, 2, decode | COMMAND_NO_INTX,
                   vf ? COMMAND_MASTER : COMMAND_DECODE | COMMAND_MASTER) &&
           ok;
}

/* --- SR-IOV, PCIe 9.3.3 ----------------------------------------------------------------------------------------------------- */

/* Functions above 7 of one device: where both ends know of them. */
static bool ari_set(uint16_t requester)
{
    const struct board_function *above = pci_bridge_above(requester);
    uint16_t bridge = above ? pci_requester_of(above) : 0;
    unsigned at = above && pci_capability(requester, EXT_ARI, EXT_SIZE) ? pci_capability(bridge, CAP_EXPRESS, EXPRESS_SIZE_2) : 0;

    return at && (arch_pci_read(bridge, at + EXPRESS_FLAGS, 2) & 15) >= 2 &&
           arch_pci_read(bridge, at + DEVICE_CAPS_2, 4) & ARI_FORWARDING &&
           pci_set(bridge, at + DEVICE_CONTROL_2, 2, ARI_FORWARDING, ARI_FORWARDING);
}

bool pci_sriov_prepare(uint16_t requester, unsigned at, uint16_t count)
{
    return pci_set(requester, at + SRIOV_CONTROL, 2, ari_set(requester) ? SRIOV_ARI : 0, SRIOV_ENABLE | SRIOV_MEMORY) &&
           pci_set(requester, at + SRIOV_PAGE_SIZE, 4, 1, UINT32_MAX) && /* 4 KiB */
           pci_set(requester, at + SRIOV_COUNT, 2, count, 0xffff);
}

bool pci_answers(uint16_t requester)
{
    for (unsigned ms = 0; arch_pci_read(requester, PCI_CLASS, 4) == UINT32_MAX; ms += 10) {
        if (ms == 1000) {
            log_line("PCI " PCI_NAME ": does not answer", PCI_NAMED(requester));
            return false;
        }
        pci_wait(10);
    }
    return true;
}

/* The VFs are where the board says, they are what it says, and none of them masters the bus. */
static bool vfs_check(const struct plan_sriov *sriov, uint32_t places)
{
    unsigned offset = places & 0xffff, stride = sriov->count > 1 ? places >> 16 : sriov->board->vf.stride;
    bool ok = offset == sriov->board->vf.offset && stride == sriov->board->vf.stride;

    if (!ok)
        log_line("PCI " PCI_NAME ": %u VFs at offset %u, stride %u: not where the board table has them",
                 PCI_NAMED(sriov->requester), sriov->count, offset, stride);
    for (unsigned i = 0; ok && i < sriov->count; i++) {
        uint16_t vf = (uint16_t)(sriov->requester + offset + i * stride);

        ok = pci_answers(vf) && pci_vf_compare(vf, sriov->board) == 0 && pci_set(vf, PCI_COMMAND, 2, 0, COMMAND_MASTER);
    }
    return ok;
}

static bool sriov_set(const struct plan_sriov *sriov)
{
    uint16_t pf = sriov->requester;
    unsigned at = pci_capability(pf, EXT_SRIOV, SRIOV_SIZE);

    if (at == 0 || !pci_sriov_prepare(pf, at, sriov->count) || !bars_set(pf, at + SRIOV_BARS, sriov->bars) ||
        !pci_set(pf, at + SRIOV_CONTROL, 2, arch_pci_read(pf, at + SRIOV_CONTROL, 2) | SRIOV_ENABLE | SRIOV_MEMORY,
                 SRIOV_ENABLE | SRIOV_MEMORY))
        return false;
    pci_wait(100);
    return vfs_check(sriov, arch_pci_read(pf, at + SRIOV_PLACES, 4));
}

/* --- the plan --------------------------------------------------------------------------------------------------------------- */

bool pci_place(uint16_t first, uint16_t last)
{
    bool ok = true;

    for (uint32_t i = 0; i < plan.bridge_count; i++)
        if (plan.bridges[i].requester >= first && plan.bridges[i].requester <= last)
            ok = bridge_set(plan.bridges[i].requester, &plan.bridges[i]) && ok;
    for (uint32_t i = 0; i < plan.function_count; i++) {
        const struct plan_function *function = &plan.functions[i];

        if (function->physical == PLAN_NO_FUNCTION && function->requester >= first && function->requester <= last)
            ok = function_set(function) && ok;
    }
    for (uint32_t i = 0; i < plan.sriov_count; i++)
        if (plan.sriov[i].requester >= first && plan.sriov[i].requester <= last)
            ok = sriov_set(&plan.sriov[i]) && ok;
    for (uint32_t i = 0; i < plan.function_count; i++) {
        const struct plan_function *vf = &plan.functions[i];
        uint16_t pf = vf->physical;

        if (pf != PLAN_NO_FUNCTION && ((vf->requester >= first && vf->requester <= last) || (pf >= first && pf <= last)))
            ok = function_set(vf) && ok;
    }
    return ok;
}

/* What the plan does not name. The bridge to the board watchdog stays the firmware's. */
static bool function_close(uint16_t requester)
{
    static const struct plan_bridge closed = {.requester = PLAN_NO_FUNCTION};
    uint32_t buses = arch_pci_read(requester, BRIDGE_BUSES, 4);
    unsigned watchdog = plan.board->watchdog.kind != WATCHDOG_NONE ? plan.board->watchdog.bus : 0;

    if (pci_stays(requester) ||
        (pci_is_bridge(requester) && watchdog != 0 && watchdog >= (buses >> 8 & 0xff) && watchdog <= (buses >> 16 & 0xff)))
        return true;
    if (pci_is_bridge(requester))
        return bridge_set(requester, &closed);
    return pci_set(requester, PCI_COMMAND, 2, COMMAND_NO_INTX, COMMAND_DECODE | COMMAND_MASTER) && function_settle(requester);
}

const char *pci_program(void)
{
    bool ok = true;

    if (plan.board->function_count == 0)
        return 0; /* a board that names no functions gives none away */
    for (uint32_t at = 0; pci_next(&at); at++)
        ok = function_close((uint16_t)at) && ok;
    ok = pci_place(0, UINT16_MAX) && ok;
    for (uint32_t at = 0; pci_next(&at); at++) /* ARI forwarding may have shown more of a device */
        if (pci_listed((uint16_t)at) == 0) {
            log_line("PCI " PCI_NAME ": answers, and is not in the board's table", PCI_NAMED(at));
            ok = false;
        }
    return ok ? 0
              : "PCI-1: a PCI function does not take what the plan gives it; the lines above say which. Compare board.c with the "
                "machine";
}
