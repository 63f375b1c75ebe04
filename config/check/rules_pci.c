/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of a board's PCI functions: which there are, bridges and bus numbers, roles, isolation groups. */
#include "rules_pci.h"

#include <string.h>

#define CLASS_BRIDGE 0x06u
#define CLASS_PCI_BRIDGE 0x0604u
#define CLASS_IOMMU 0x0806u

struct place function_place(char field[FIELD_ROOM], uint32_t i, const char *member)
{
    snprintf(field, FIELD_ROOM, "functions[%u]%s%s", i, member[0] ? "." : "", member);
    return (struct place){"board", 0, field};
}

void rule_pci_count(struct check *check)
{
    if (check->board->function_count > BOARD_MAX_FUNCTIONS)
        found(
            check, (struct place){"board", 0, "function_count"}, "the table of functions holds 64",
            "count the entries of .functions; one that no partition gets and that is no bridge may be switched off in the firmware",
            "%u", check->board->function_count);
}

void rule_pci_address(struct check *check)
{
    EACH_FUNCTION(f, i, check)
    if (f->device > 31 || f->function > 7) {
        char field[FIELD_ROOM];
        found(check, function_place(field, i, "device"), "PCI has 32 devices on a bus and 8 functions in a device",
              "copy it from lspci", "%02x:%02x.%x", f->bus, f->device, f->function);
    }
}

static unsigned order_of(const struct board_function *f)
{
    return f->bus << 16 | f->device << 8 | f->function;
}

void rule_pci_order(struct check *check)
{
    EACH_FUNCTION(f, i, check)
    if (i > 0 && order_of(f) <= order_of(f - 1)) {
        char field[FIELD_ROOM];
        found(check, function_place(field, i, "device"),
              "functions are listed ascending, each once: one that is listed twice could have two owners",
              "sort them as lspci does; is function_count larger than the list?", BDF ", after " BDF, BDF_OF(f), BDF_OF(f - 1));
    }
}

void rule_pci_ids(struct check *check)
{
    EACH_FUNCTION(f, i, check)
    if (f->vendor == 0 || f->vendor == 0xffff) {
        char field[FIELD_ROOM];
        found(check, function_place(field, i, "vendor"), "a function that answers has a vendor id, and neither 0 nor ffff is one",
              "copy ids from lspci -nn", "%04x", f->vendor);
    }
}

void rule_pci_class(struct check *check)
{
    EACH_FUNCTION(f, i, check)
    if (f->class_code > 0xffffff) {
        char field[FIELD_ROOM];
        found(check, function_place(field, i, "class_code"), "class, subclass and interface are 24 bits",
              "write it as 0xCCSSPP: lspci -nn shows CCSS, and the interface after prog-if", "0x%x", f->class_code);
    }
}

/* --- bridges --- */

void rule_bridge_class(struct check *check)
{
    EACH_FUNCTION(f, i, check)
    if (is_bridge(f) != (f->class_code >> 8 == CLASS_PCI_BRIDGE)) {
        char field[FIELD_ROOM];
        found(check, function_place(field, i, "bridge"),
              "functions of class 0604 are bridges and have bus numbers behind them, others have none",
              "copy `secondary` and `subordinate` from lspci -v", "class 0x%06x, secondary %u", f->class_code, f->bridge.secondary);
    }
}

void rule_bridge_unused(struct check *check)
{
    EACH_FUNCTION(f, i, check)
    if (!is_bridge(f) && (f->bridge.subordinate || f->bridge.acs)) {
        char field[FIELD_ROOM];
        found(check, function_place(field, i, "bridge"), "without a secondary bus it is no bridge, yet other fields of one are set",
              "set bridge.secondary, or remove the others", "subordinate %u, acs %s", f->bridge.subordinate,
              f->bridge.acs ? "true" : "false");
    }
}

static bool bridge_sound(const struct check *check, const struct board_function *f)
{
    return f->bus < f->bridge.secondary && f->bridge.secondary <= f->bridge.subordinate &&
           f->bridge.subordinate <= check->board->pci.last_bus;
}

void rule_bridge_numbers(struct check *check)
{
    EACH_FUNCTION(f, i, check)
    if (is_bridge(f) && !bridge_sound(check, f)) {
        char field[FIELD_ROOM];
        found(check, function_place(field, i, "bridge"),
              "a bridge leads from its own bus to larger numbers, from secondary to subordinate, the largest at most pci.last_bus",
              "copy all three from lspci -v, and pci.last_bus from its last line",
              "bus %u, secondary %u, subordinate %u, last_bus %u", f->bus, f->bridge.secondary, f->bridge.subordinate,
              check->board->pci.last_bus);
    }
}

/* Two bridges: one behind the other, or nothing in common. */
static bool nested(const struct board_function *a, const struct board_function *b)
{
    if (behind(b, a))
        return b->bridge.subordinate <= a->bridge.subordinate;
    if (behind(a, b))
        return a->bridge.subordinate <= b->bridge.subordinate;
    return a->bridge.subordinate < b->bridge.secondary || b->bridge.subordinate < a->bridge.secondary;
}

void rule_bridge_nesting(struct check *check)
{
    EACH_FUNCTION(a, i, check)
    for (uint32_t j = 0; j < i; j++) {
        const struct board_function *b = &check->board->functions[j];
        if (!is_bridge(a) || !is_bridge(b) || !bridge_sound(check, a) || !bridge_sound(check, b) || nested(a, b))
            continue;
        char field[FIELD_ROOM];
        found(check, function_place(field, i, "bridge"), "a bus number is behind two bridges of which neither is behind the other",
              "copy the numbers from lspci -v", "%u to %u, functions[%u] has %u to %u", a->bridge.secondary, a->bridge.subordinate,
              j, b->bridge.secondary, b->bridge.subordinate);
    }
}

void rule_pci_reachable(struct check *check)
{
    if (check_has(check, "CFG-656"))
        return;
    EACH_FUNCTION(f, i, check)
    if (f->bus != 0 && !bridge_to(check->board, f->bus)) {
        char field[FIELD_ROOM];
        found(check, function_place(field, i, "bus"),
              "no bridge of the table leads to this bus, so that nobody would open its window or know what isolates it",
              "list every function that lspci shows, bridges too; copy their numbers from lspci -v", "%u", f->bus);
    }
}

/* --- what the hypervisor keeps --- */

static bool is_watchdog(const struct board *board, const struct board_function *f)
{
    return board->watchdog.kind != WATCHDOG_NONE && f->bus == board->watchdog.bus && f->device == board->watchdog.device &&
           f->function == board->watchdog.function;
}

const struct board_function *board_watchdog(const struct board *board)
{
    for (uint32_t i = 0; i < board_functions(board); i++)
        if (is_watchdog(board, &board->functions[i]))
            return &board->functions[i];
    return 0;
}

void rule_pci_watchdog(struct check *check)
{
    const struct board *b = check->board;
    if (b->function_count && b->watchdog.kind != WATCHDOG_NONE && !board_watchdog(b) && !check_has(check, "CFG-641"))
        found(check, (struct place){"board", 0, "watchdog.device"}, "every function that answers is listed, the watchdog too",
              "list it without a role, or correct its address", "%02x:%02x.%x is not in .functions", b->watchdog.bus,
              b->watchdog.device, b->watchdog.function);
}

/* What the function must be, for each kind. The chipset is not told by its id where a family has one for each model. */
static bool watchdog_fits(enum board_watchdog kind, const struct board_function *f)
{
    uint32_t id = (uint32_t)f->vendor << 16 | f->id;

    switch (kind) {
    case WATCHDOG_I6300ESB:
        return id == 0x808625ab;
    case WATCHDOG_ITCO:
        return f->vendor == 0x8086 && f->class_code == 0x060100;
    case WATCHDOG_ITCO_SMBUS:
        return f->vendor == 0x8086 && f->class_code == 0x0c0500;
    case WATCHDOG_SP5100:
        return id == 0x10024385;
    case WATCHDOG_SB800:
        return id == 0x10024385 || id == 0x1022780b;
    case WATCHDOG_FCH:
        return id == 0x1022780b || id == 0x1022790b;
    default:
        return true;
    }
}

void rule_board_watchdog_chipset(struct check *check)
{
    const struct board_function *f = board_watchdog(check->board);
    if (f && !watchdog_fits(check->board->watchdog.kind, f))
        found(check, (struct place){"board", 0, "watchdog.kind"}, "this function's chipset has no such watchdog",
              "choose the kind by lspci -nn, as docs/howto-board.md says, or WATCHDOG_NONE",
              "%u, and %02x:%02x.%x is %04x:%04x, class %06x", (unsigned)check->board->watchdog.kind, f->bus, f->device,
              f->function, f->vendor, f->id, f->class_code);
}

void rule_role_watchdog(struct check *check)
{
    EACH_FUNCTION(f, i, check)
    if (f->role && is_watchdog(check->board, f)) {
        char field[FIELD_ROOM];
        found(check, function_place(field, i, "role"),
              "the hypervisor feeds the hardware watchdog: a partition that had it could stop it, or reset the board",
              "leave the role out, or set watchdog.kind to WATCHDOG_NONE", "%s", f->role);
    }
}

void rule_role_bridge(struct check *check)
{
    EACH_FUNCTION(f, i, check)
    if (f->role && (f->class_code >> 16 == CLASS_BRIDGE || is_bridge(f))) {
        char field[FIELD_ROOM];
        found(
            check, function_place(field, i, "role"),
            "who controls a bridge, also to ISA or to the host, controls what is behind it, bus numbers and thereby requester ids",
            "leave the role out: the hypervisor sets bridges up", "%s, class 0x%06x", f->role, f->class_code);
    }
}

static bool is_iommu(const struct board *board, const struct board_function *f)
{
    bool unit = f->class_code >> 8 == CLASS_IOMMU;
    for (uint32_t u = 0; u < board->iommu.unit_count && u < BOARD_MAX_IOMMUS; u++)
        unit = unit || (board->iommu.kind == IOMMU_AMDVI && board->iommu.unit_functions[u] == function_requester(f));
    return unit;
}

void rule_role_iommu(struct check *check)
{
    EACH_FUNCTION(f, i, check)
    if (f->role && is_iommu(check->board, f)) {
        char field[FIELD_ROOM];
        found(check, function_place(field, i, "role"), "a partition that had the IOMMU could let every device into all memory",
              "leave the role out", "%s", f->role);
    }
}

/* --- roles and groups --- */

void rule_role_name(struct check *check)
{
    EACH_FUNCTION(f, i, check)
    if (f->role && !text_name(f->role, ROLE_MAX, false)) {
        char field[FIELD_ROOM];
        found(check, function_place(field, i, "role"),
              "products write it, and \".vf1\" after it where they want a virtual function",
              "use 1 to 15 of a-z, 0-9 and '-', as nic0", "%s", f->role);
    }
}

void rule_role_unique(struct check *check)
{
    EACH_FUNCTION(f, i, check)
    if (f->role && board_role(check->board, f->role) != f) {
        char field[FIELD_ROOM];
        found(check, function_place(field, i, "role"), "another function has this role: which one would a product get?",
              "number them: nic0, nic1", "%s", f->role);
    }
}

void rule_group_unknown(struct check *check)
{
    EACH_FUNCTION(f, i, check)
    if (f->role && f->group == 0) {
        char field[FIELD_ROOM];
        found(check, function_place(field, i, "group"),
              "nobody knows whom this function can reach without passing the IOMMU, so that nobody can have it",
              "set its isolation group: docs/howto-board.md says how it is found", "0, role %s", f->role);
    }
}

void rule_group_device(struct check *check)
{
    EACH_FUNCTION(f, i, check)
    for (uint32_t j = 0; j < i; j++) {
        const struct board_function *g = &check->board->functions[j];
        if (f->bus != g->bus || f->device != g->device || f->group == g->group || is_bridge(f) || is_bridge(g))
            continue;
        char field[FIELD_ROOM];
        found(check, function_place(field, i, "group"), "functions of one device can reach one another inside it, past the IOMMU",
              "give all functions of a device the same group", "%u, " BDF " of the same device has %u", f->group, BDF_OF(g),
              g->group);
        break;
    }
}

/* The first function behind this bridge that is no bridge itself. */
static const struct board_function *first_behind(const struct check *check, const struct board_function *bridge)
{
    EACH_FUNCTION(f, i, check)
    if (behind(f, bridge) && !is_bridge(f))
        return f;
    return 0;
}

void rule_group_acs(struct check *check)
{
    EACH_FUNCTION(bridge, i, check)
    {
        const struct board_function *first = is_bridge(bridge) && !bridge->bridge.acs ? first_behind(check, bridge) : 0;
        for (uint32_t j = 0; first && j < board_functions(check->board); j++) {
            const struct board_function *f = &check->board->functions[j];
            if (!behind(f, bridge) || is_bridge(f) || f->group == first->group ||
                (f->bus == first->bus && f->device == first->device))
                continue;
            char field[FIELD_ROOM];
            found(check, function_place(field, j, "group"),
                  "the bridge above has no access control services: what is behind it can reach one another past the IOMMU",
                  "give all that is behind this bridge the same group, or set bridge.acs if lspci -vvv shows SrcValid, ReqRedir, "
                  "CmpltRedir and UpstreamFwd",
                  "%u, " BDF " behind the same bridge " BDF " has %u", f->group, BDF_OF(first), BDF_OF(bridge), first->group);
            break;
        }
    }
}
