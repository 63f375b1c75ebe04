/* SPDX-License-Identifier: Apache-2.0 */
/* The PCI functions: ids, BARs, capabilities, virtual functions, bridges; then who can reach whom past the IOMMU, and roles. */
#include "memory.h"
#include "pci_parts.h"
#include "survey.h"

#define CHAIN_STEPS 48u
#define CLASS_IOMMU 0x0806u
#define CLASS_PCI_BRIDGE 0x0604u
#define VENDOR_VIRTIO 0x1af4u
#define CLASS_NVME 0x0108u

/* Offset of a capability that lies in its space whole, or 0. */
static unsigned capability(uint16_t requester, unsigned id, unsigned size)
{
    bool extended = id & PCI_EXTENDED;
    unsigned end = extended ? PAGE_SIZE : 0x100, at = 0x100;

    if (!extended)
        at = survey_pci_read(requester, PCI_STATUS, 2) & STATUS_CAPABILITIES
                 ? survey_pci_read(requester, PCI_CAPABILITIES, 1) & 0xfc
                 : 0;
    for (unsigned step = 0; step < CHAIN_STEPS && at >= (extended ? 0x100u : 0x40u); step++) {
        uint32_t header = survey_pci_read(requester, at, 4);

        if (header == UINT32_MAX)
            return 0;
        if ((header & (extended ? 0xffff : 0xff)) == (id & ~PCI_EXTENDED))
            return at + size <= end ? at : 0;
        at = extended ? header >> 20 & 0xffc : header >> 8 & 0xfc;
    }
    return 0;
}

/* --- one function -------------------------------------------------------------------------------------------------------------------- */

static struct board_msix msix_read(uint16_t requester)
{
    unsigned at = capability(requester, CAP_MSIX, MSIX_SIZE);
    uint32_t table, pba;

    if (at == 0)
        return (struct board_msix){0};
    table = survey_pci_read(requester, at + 4, 4);
    pba = survey_pci_read(requester, at + 8, 4);
    return (struct board_msix){.vectors = (uint16_t)((survey_pci_read(requester, at + MSI_CONTROL, 2) & 0x7ff) + 1),
                               .table_bar = table & 7,
                               .pba_bar = pba & 7,
                               .table_offset = table & ~7u,
                               .pba_offset = pba & ~7u};
}

static bool has_flr(uint16_t requester)
{
    unsigned at = capability(requester, CAP_EXPRESS, EXPRESS_SIZE);

    return at && survey_pci_read(requester, at + DEVICE_CAPS, 4) & DEVICE_CAPS_FLR;
}

static bool has_pm_reset(uint16_t requester)
{
    unsigned at = capability(requester, CAP_PM, PM_SIZE);

    return at && !(survey_pci_read(requester, at + PM_CONTROL, 2) & PM_NO_SOFT_RESET);
}

static void bridge_read(struct board_function *f, uint16_t requester)
{
    unsigned acs = capability(requester, EXT_ACS, EXT_SIZE);

    f->bridge.secondary = (uint8_t)survey_pci_read(requester, BRIDGE_BUSES + 1, 1);
    f->bridge.subordinate = (uint8_t)survey_pci_read(requester, BRIDGE_BUSES + 2, 1);
    f->bridge.acs = acs && (survey_pci_read(requester, acs + ACS_CAPS, 2) & ACS_NEEDED) == ACS_NEEDED;
}

/* Offset and stride may depend on how many are on, and what a virtual function has is seen on one that is. */
static void vfs_read(struct survey *s, struct board_function *f, uint16_t requester)
{
    unsigned at = capability(requester, EXT_SRIOV, SRIOV_SIZE), total = at ? survey_pci_read(requester, at + SRIOV_TOTAL, 2) : 0;
    uint16_t vf;

    if (total == 0)
        return;
    f->vf.total = (uint16_t)total;
    f->vf.id = (uint16_t)survey_pci_read(requester, at + SRIOV_ID, 2);
    survey_pci_bars(requester, at + SRIOV_BARS, BOARD_BARS, f->vf.bars);
    if (survey_vfs_on(requester, at, total)) {
        f->vf.offset = (uint16_t)survey_pci_read(requester, at + SRIOV_PLACES, 2);
        f->vf.stride = (uint16_t)survey_pci_read(requester, at + SRIOV_PLACES + 2, 2);
        vf = (uint16_t)(requester + f->vf.offset);
        f->vf.msix = msix_read(vf);
        f->vf.reset = has_flr(vf) ? RESET_FLR : RESET_NONE;
        survey_vfs_off(requester, at);
    } else {
        f->vf.offset = (uint16_t)survey_pci_read(requester, at + SRIOV_PLACES, 2);
        f->vf.stride = (uint16_t)survey_pci_read(requester, at + SRIOV_PLACES + 2, 2);
        blank(s, "functions", "vf.msix and vf.reset are seen when virtual functions are on: lspci -vvv then, or the survey image");
    }
    f->vf.needs_owner = f->class_code >> 8 == CLASS_NVME;
}

static void function_read(struct survey *s, uint16_t requester)
{
    struct board_function *f = &s->board.functions[s->board.function_count++];

    f->bus = (uint8_t)(requester >> 8);
    f->device = requester >> 3 & 31;
    f->function = requester & 7;
    f->vendor = (uint16_t)survey_pci_read(requester, PCI_ID, 2);
    f->id = (uint16_t)survey_pci_read(requester, PCI_ID + 2, 2);
    f->class_code = survey_pci_read(requester, PCI_CLASS, 4) >> 8;
    if (f->class_code >> 8 == CLASS_IOMMU)
        return; /* it is the hypervisor's: nothing of it is compared */
    if (f->class_code >> 8 == CLASS_PCI_BRIDGE)
        bridge_read(f, requester);
    survey_pci_bars(requester, PCI_BARS, f->bridge.secondary ? BRIDGE_BARS : BOARD_BARS, f->bars);
    f->msix = msix_read(requester);
    f->msi = capability(requester, CAP_MSI, MSI_SIZE) != 0;
    f->vendor_caps = f->vendor == VENDOR_VIRTIO;
    vfs_read(s, f, requester);
}

/* --- who can reach whom ---------------------------------------------------------------------------------------------------------------- */

static const struct board_function *bridge_above(const struct board *b, uint8_t bus)
{
    for (uint32_t i = 0; i < b->function_count; i++)
        if (b->functions[i].bridge.secondary != 0 && b->functions[i].bridge.secondary == bus)
            return &b->functions[i];
    return 0;
}

/* Functions with the same number can reach one another: those of one device, and all behind a bridge without ACS, the highest one. A bridge
 * lies on a lower bus than what is behind it, so that the walk ends; a firmware that numbers otherwise ends it, too. */
static uint32_t reach(const struct board *b, const struct board_function *f)
{
    uint32_t key = (uint32_t)f->bus << 8 | f->device;
    const struct board_function *bridge = bridge_above(b, f->bus);
    uint8_t bus = f->bus;

    for (; bridge != 0 && bridge->bus < bus; bridge = bridge_above(b, bus)) {
        bus = bridge->bus;
        if (!bridge->bridge.acs)
            key = 0x10000u | (uint32_t)bridge->bus << 8 | bridge->device;
    }
    return key;
}

static bool is_bridge(const struct board_function *f)
{
    return f->class_code >> 16 == 6;
}

/* Some function of the same device is the chipset's, the IOMMU, or the watchdog. */
static bool with_chipset(const struct survey *s, const struct board_function *f)
{
    const struct board *b = &s->board;

    for (uint32_t i = 0; i < b->function_count; i++) {
        const struct board_function *g = &b->functions[i];

        if (g->bus != f->bus || g->device != f->device)
            continue;
        if (is_bridge(g) || g->class_code >> 8 == CLASS_IOMMU ||
            (b->watchdog.kind != WATCHDOG_NONE && b->watchdog.bus == g->bus && b->watchdog.device == g->device))
            return true;
    }
    return false;
}

/* --- roles ----------------------------------------------------------------------------------------------------------------------------- */

static const struct class
{
    uint32_t code, bits; /* of these the highest are compared */
    const char *role;    /* 0: nobody gets it */
    const char *text;
} classes[] = {
    {0x0600, 16, 0, "host bridge"},
    {0x0601, 16, 0, "ISA bridge"},
    {0x0604, 16, 0, "PCI bridge"},
    {0x06, 8, 0, "bridge"},
    {0x0806, 16, 0, "IOMMU"},
    {0x08, 8, 0, "system peripheral"},
    {0x0c05, 16, 0, "SMBus"},
    {0x05, 8, 0, "memory controller"},
    {0x07, 8, 0, "communication"},
    {0x11, 8, 0, "signal processing"},
    {0x0200, 16, "nic", "Ethernet"},
    {0x02, 8, "net", "network"},
    {0x0108, 16, "disk", "NVMe"},
    {0x0106, 16, "sata", "SATA"},
    {0x0805, 16, "mmc", "SD host"},
    {0x01, 8, "storage", "storage"},
    {0x0c03, 16, "usb", "USB"},
    {0x03, 8, "screen", "display"},
    {0x04, 8, "sound", "multimedia"},
    {0x10, 8, "crypto", "encryption"},
    {0x0d, 8, "radio", "wireless"},
    {0x12, 8, "accel", "accelerator"},
    {0x00, 0, "dev", "of no known class"},
};

static const struct class *class_of(const struct board_function *f)
{
    const struct class *c = classes;

    while (f->class_code >> (24 - c->bits) != c->code && c->bits != 0)
        c++;
    return c;
}

const char *survey_class(const struct board_function *f)
{
    return class_of(f)->text;
}

/* "nic0", "nic1": numbered in the order of the buses. */
static void role_give(struct survey *s, uint32_t i)
{
    struct board_function *f = &s->board.functions[i];
    const char *role = class_of(f)->role;
    unsigned number = 0;

    s->kept[i] = survey_firmware_keeps(s, pci_requester_of(f));
    if (role == 0 || s->kept[i] || with_chipset(s, f) || (f->class_code >> 16 == 3 && s->board.uart.port == 0))
        return;
    for (uint32_t j = 0; j < i; j++)
        if (s->board.functions[j].role && class_of(&s->board.functions[j])->role == role)
            number++;
    (void)text_format(s->roles[i], SURVEY_ROLE, "%s%u", role, number);
    f->role = s->roles[i];
}

/* Numbers from 1 for all that one with a role can reach. */
static void groups_give(struct survey *s)
{
    struct board *b = &s->board;
    uint8_t next = 1;

    for (uint32_t i = 0; i < b->function_count; i++) {
        if (b->functions[i].role == 0 || b->functions[i].group != 0)
            continue;
        for (uint32_t j = 0; j < b->function_count; j++)
            if (!is_bridge(&b->functions[j]) && reach(b, &b->functions[j]) == reach(b, &b->functions[i]))
                b->functions[j].group = next;
        next++;
    }
}

static bool alone_below(const struct board *b, const struct board_function *f)
{
    const struct board_function *bridge = bridge_above(b, f->bus);

    for (uint32_t i = 0; bridge && i < b->function_count; i++)
        if (&b->functions[i] != f && b->functions[i].bus >= bridge->bridge.secondary &&
            b->functions[i].bus <= bridge->bridge.subordinate)
            return false;
    return bridge != 0;
}

static void reset_give(struct board *b, struct board_function *f)
{
    uint16_t requester = pci_requester_of(f);

    if (f->role)
        f->reset.kind = has_flr(requester)        ? RESET_FLR
                        : alone_below(b, f)       ? RESET_BUS
                        : has_pm_reset(requester) ? RESET_PM
                                                  : RESET_NONE;
}

/* --- all -------------------------------------------------------------------------------------------------------------------------------- */

/* By vendor and device, and AMD's by revision. Of several in a machine the first here is taken; of Intel's newer chipsets those are named that
 * let the timer's bit be reached (docs/howto-board.md). Whether it can reset the board, the driver looks at each boot. */
static const struct watchdog {
    enum board_watchdog kind;
    uint32_t id, mask;
    uint8_t first, last;
    const char *name;
} watchdogs[] = {
    {WATCHDOG_I6300ESB, 0x25ab8086, 0xffffffff, 0, 0xff, "i6300esb"},
    {WATCHDOG_ITCO, 0x29008086, 0xffe0ffff, 0, 0xff, "TCO timer"}, /* ICH9, ICH10, 5 to 9 Series: their ISA bridges */
    {WATCHDOG_ITCO, 0x3a008086, 0xffe0ffff, 0, 0xff, "TCO timer"},
    {WATCHDOG_ITCO, 0x3b008086, 0xffe0ffff, 0, 0xff, "TCO timer"},
    {WATCHDOG_ITCO, 0x1c408086, 0xffe0ffff, 0, 0xff, "TCO timer"},
    {WATCHDOG_ITCO, 0x1d408086, 0xffe0ffff, 0, 0xff, "TCO timer"},
    {WATCHDOG_ITCO, 0x1e408086, 0xffe0ffff, 0, 0xff, "TCO timer"},
    {WATCHDOG_ITCO, 0x8c408086, 0xffe0ffff, 0, 0xff, "TCO timer"},
    {WATCHDOG_ITCO, 0x8cc08086, 0xffe0ffff, 0, 0xff, "TCO timer"},
    {WATCHDOG_ITCO, 0x9c408086, 0xffe0ffff, 0, 0xff, "TCO timer"},
    {WATCHDOG_ITCO, 0x9cc08086, 0xffe0ffff, 0, 0xff, "TCO timer"},
    {WATCHDOG_ITCO_SMBUS, 0xa3238086, 0xffffffff, 0, 0xff, "TCO timer"}, /* 300 Series and later: their SMBus controllers */
    {WATCHDOG_ITCO_SMBUS, 0x9da38086, 0xffffffff, 0, 0xff, "TCO timer"},
    {WATCHDOG_ITCO_SMBUS, 0x02a38086, 0xffffffff, 0, 0xff, "TCO timer"},
    {WATCHDOG_ITCO_SMBUS, 0x06a38086, 0xffffffff, 0, 0xff, "TCO timer"},
    {WATCHDOG_ITCO_SMBUS, 0x4b238086, 0xffffffff, 0, 0xff, "TCO timer"}, /* x6000E */
    {WATCHDOG_SP5100, 0x43851002, 0xffffffff, 0x00, 0x3f, "SP5100"},
    {WATCHDOG_SB800, 0x43851002, 0xffffffff, 0x40, 0xff, "SB800"},
    {WATCHDOG_SB800, 0x780b1022, 0xffffffff, 0x00, 0x40, "SB800"},
    {WATCHDOG_FCH, 0x780b1022, 0xffffffff, 0x41, 0xff, "FCH"},
    {WATCHDOG_FCH, 0x790b1022, 0xffffffff, 0x49, 0xff, "FCH"},
};

static bool is_watchdog(const struct watchdog *w, const struct board_function *f)
{
    uint32_t id = f->vendor | (uint32_t)f->id << 16, revision = survey_pci_read(pci_requester_of(f), PCI_CLASS, 1);

    return (id & w->mask) == w->id && revision >= w->first && revision <= w->last &&
           (w->kind != WATCHDOG_ITCO || f->class_code == 0x060100) && (w->kind != WATCHDOG_ITCO_SMBUS || f->class_code == 0x0c0500);
}

static void watchdog_find(struct survey *s)
{
    struct board *b = &s->board;

    for (unsigned i = 0; i < ARRAY_SIZE(watchdogs); i++)
        for (uint32_t j = 0; j < b->function_count; j++) {
            const struct board_function *f = &b->functions[j];

            if (!is_watchdog(&watchdogs[i], f))
                continue;
            b->watchdog.kind = watchdogs[i].kind;
            b->watchdog.bus = f->bus;
            b->watchdog.device = f->device;
            b->watchdog.function = f->function;
            b->watchdog.timeout_ms = 20000;
            feature(s, "watchdog", "wanted", "", "%s at " PCI_NAME, watchdogs[i].name, PCI_NAMED(pci_requester_of(f)));
            return;
        }
    feature(s, "watchdog", "wanted", "none that we can drive: nothing resets a board that hangs", "none");
}

void survey_functions(struct survey *s)
{
    struct board *b = &s->board;

    for (uint32_t at = 0; at <= UINT16_MAX; at++) {
        if ((survey_pci_read((uint16_t)at, PCI_ID, 4) & 0xffff) == 0xffff)
            continue;
        if (s->function_total++ < BOARD_MAX_FUNCTIONS)
            function_read(s, (uint16_t)at);
    }
    for (uint32_t i = 0; i < b->function_count; i++) {
        uint8_t last =
            b->functions[i].bridge.subordinate > b->functions[i].bus ? b->functions[i].bridge.subordinate : b->functions[i].bus;

        b->pci.last_bus = last > b->pci.last_bus ? last : b->pci.last_bus;
    }
    watchdog_find(s);
    for (uint32_t i = 0; i < b->function_count; i++)
        role_give(s, i);
    groups_give(s);
    for (uint32_t i = 0; i < b->function_count; i++)
        reset_give(b, &b->functions[i]);
    feature(s, "PCI functions", "64 at most",
            s->function_total > BOARD_MAX_FUNCTIONS
                ? "none is listed, and no device can be given away: switch some off in the firmware's setup"
                : "",
            "%u, buses 0 to %u", s->function_total, (unsigned)b->pci.last_bus);
}
