/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of a board's IOMMU and of the addresses that its table leaves to devices. SEP-6. */
#include <string.h>

#include "bulkhead_abi.h"
#include "plan_ports.h"
#include "rules_pci.h"

#define APICS 0xfec00000u      /* from here on IO-APICs, HPET, local APICs */
#define PAST_APICS 0xff000000u /* flash at the end of it */
#define LOCAL_APIC 0xfee00000u
#define ADDRESS_END (1ull << 46)

struct area {
    const char *what;
    uint64_t base, size;
};

#define MAX_AREAS (BOARD_MAX_RAM + BOARD_MAX_IOMMUS + 8)

static uint64_t unit_size(const struct board *board)
{
    return board->iommu.kind == IOMMU_AMDVI ? KIB(16) : PAGE_SIZE;
}

static uint32_t unit_count(const struct board *board)
{
    return board->iommu.unit_count < BOARD_MAX_IOMMUS ? board->iommu.unit_count : BOARD_MAX_IOMMUS;
}

static bool units_sound(const struct check *check)
{
    return !check_has(check, "CFG-692");
}

/* What has an address of its own; `but` is left out. */
static unsigned areas(const struct check *check, const char *but, struct area out[MAX_AREAS])
{
    const struct board *b = check->board;
    unsigned n = 0, kept = 0;
    for (uint32_t i = 0; i < board_ranges(b); i++)
        if (b->ram[i].base < ADDRESS_END && b->ram[i].size <= ADDRESS_END - b->ram[i].base)
            out[n++] = (struct area){"RAM", b->ram[i].base, b->ram[i].size};
    for (uint32_t i = 0; i < unit_count(b) && units_sound(check); i++)
        out[n++] = (struct area){"an IOMMU", b->iommu.units[i], unit_size(b)};
    if (b->pci.ecam < ADDRESS_END)
        out[n++] = (struct area){"configuration space", b->pci.ecam, b->pci.ecam ? MIB(b->pci.last_bus + 1u) : 0};
    out[n++] = (struct area){"the IO-APIC", b->ioapic.base < ADDRESS_END ? b->ioapic.base : 0, PAGE_SIZE};
    out[n++] = (struct area){"the local APIC", LOCAL_APIC, PAGE_SIZE};
    if (b->tpm)
        out[n++] = (struct area){"the TPM", PLAN_TPM, PLAN_TPM_LOCALITIES * PAGE_SIZE};
    out[n++] = (struct area){"partitions' ABI area", BH_ABI_GPA, LARGE_SIZE};
    out[n++] = (struct area){"partitions' configuration space", PLAN_ECAM, PLAN_ECAM_SIZE};
    out[n++] = (struct area){"partitions' virtio ports", PLAN_PORT_MSIX, PORTS_MAX * PAGE_SIZE};
    out[n++] = (struct area){"partitions' channels", BH_CHANNELS_GPA, PLAN_CHANNELS_SIZE};
    for (unsigned i = 0; i < n; i++)
        if (strcmp(out[i].what, but) != 0)
            out[kept++] = out[i];
    return kept;
}

static void look_for_overlap(struct check *check, struct place place, const char *hint, struct area own, const char *but)
{
    struct area all[MAX_AREAS];
    unsigned n = areas(check, but, all);
    for (unsigned i = 0; i < n; i++)
        if (range_overlap(own.base, own.size, all[i].base, all[i].size)) {
            found(check, place, "two things cannot answer at one address", hint, "0x%llx to 0x%llx, %s is at 0x%llx", HEX(own.base),
                  HEX(own.base + own.size - 1), all[i].what, HEX(all[i].base));
            return;
        }
}

/* --- addresses for BARs --- */

void rule_window_form(struct check *check)
{
    uint64_t base = check->board->pci.window, size = check->board->pci.window_size, hole = check->board->pci_hole;
    if (check_has(check, "CFG-613"))
        return;
    bool inside = hole <= APICS &&
                  (range_inside(base, size, hole, APICS - hole) || range_inside(base, size, PAST_APICS, GIB(4) - PAST_APICS));
    if (size == 0 ? base != 0 : base % MIB(1) || size % MIB(1) || !inside)
        found(check, (struct place){"board", 0, "pci.window"},
              "BARs are placed in whole MiB from pci_hole up to the APICs at 0xfec00000, or from 0xff000000 to 4 GiB, where "
              "partitions see them at the same address",
              "use a part of the first \"PCI Bus 0000:00\" of /proc/iomem in which nothing else is", "0x%llx, size 0x%llx",
              HEX(base), HEX(size));
}

void rule_window_free(struct check *check)
{
    struct area own = {0, check->board->pci.window, check->board->pci.window_size};
    if (!check_has(check, "CFG-613") && !check_has(check, "CFG-685"))
        look_for_overlap(check, (struct place){"board", 0, "pci.window"},
                         "choose a window in which /proc/iomem shows nothing, and not 0xf0000000 to 0xf5ffffff", own, "RAM");
}

void rule_ecam_form(struct check *check)
{
    uint64_t ecam = check->board->pci.ecam;
    if (ecam % MIB(1) || ecam >= ADDRESS_END)
        found(check, (struct place){"board", 0, "pci.ecam"}, "each bus has 1 MiB of configuration space, bus 0 the first",
              "copy the address from the MCFG: \"PCI MMCONFIG\" in /proc/iomem", "0x%llx", HEX(ecam));
}

void rule_ecam_free(struct check *check)
{
    const struct board *b = check->board;
    struct area own = {0, b->pci.ecam, b->pci.ecam ? MIB(b->pci.last_bus + 1u) : 0};
    if (!check_has(check, "CFG-687"))
        look_for_overlap(check, (struct place){"board", 0, "pci.ecam"},
                         "copy the address from the MCFG, and pci.last_bus from the last line of lspci", own,
                         "configuration space");
}

void rule_ports_form(struct check *check)
{
    uint32_t base = check->board->pci.ports, size = check->board->pci.ports_size;
    if (size == 0 ? base != 0
                  : base % PORT_WINDOW_STEP || size % PORT_WINDOW_STEP || base < PORT_WINDOW_STEP || base + size > 0x10000)
        found(check, (struct place){"board", 0, "pci.ports"},
              "a bridge passes ports on in steps of 4,096, and below 0x1000 is the platform",
              "use multiples of 0x1000 in which /proc/ioports shows nothing; size 0: no BAR of ports is given away",
              "0x%x, size 0x%x", base, size);
}

void rule_ports_free(struct check *check)
{
    const struct board *b = check->board;
    const struct {
        const char *field;
        uint32_t port, size;
    } own[] = {{"uart.port", b->uart.port, 8},
               {"pm_timer_port", b->pm_timer_port, 4},
               {"reset.port", b->reset.port, 1},
               {"poweroff.port", b->poweroff.port, 2}};
    if (check_has(check, "CFG-689"))
        return;
    for (unsigned i = 0; i < ARRAY_SIZE(own); i++)
        if (own[i].port && range_overlap(own[i].port, own[i].size, b->pci.ports, b->pci.ports_size))
            found(check, (struct place){"board", 0, "pci.ports"},
                  "a partition's device would be placed over a port of the hypervisor's",
                  "choose a part in which /proc/ioports shows nothing", "0x%x, size 0x%x, %s is 0x%x", b->pci.ports,
                  b->pci.ports_size, own[i].field, own[i].port);
}

/* --- units --- */

void rule_iommu_kind(struct check *check)
{
    if ((unsigned)check->board->iommu.kind > IOMMU_VTD)
        found(check, (struct place){"board", 0, "iommu.kind"}, "not a value of enum board_iommu",
              "use IOMMU_AMDVI, IOMMU_VTD, or IOMMU_NONE", "%u", (unsigned)check->board->iommu.kind);
}

void rule_iommu_linked(struct check *check)
{
    static const char *const names[] = {"none", "amdvi", "vtd"};
    unsigned kind = (unsigned)check->board->iommu.kind;
    if (check->iommu && kind <= IOMMU_VTD && strcmp(check->iommu, names[kind]) != 0)
        found(check, (struct place){"board", 0, "iommu.kind"},
              "the image would be linked with another IOMMU's code than the board has",
              "set IOMMU in board.mk to none, amdvi or vtd, as iommu.kind", "%s, board.mk says IOMMU := %.40s", names[kind],
              check->iommu);
}

void rule_virt_linked(struct check *check)
{
    static const char *const names[] = {[VIRT_SVM] = "svm", [VIRT_VMX] = "vmx"};
    unsigned vendor = (unsigned)check->board->virt;
    if (check->virt && !check_has(check, "CFG-602") && strcmp(check->virt, names[vendor]) != 0)
        found(check, (struct place){"board", 0, "virt"}, "the image would be linked with the code for another vendor's processors",
              "set VIRT in board.mk to svm for VIRT_SVM, to vmx for VIRT_VMX", "%s, board.mk says VIRT := %.40s", names[vendor],
              check->virt);
}

void rule_iommu_count(struct check *check)
{
    uint32_t n = check->board->iommu.unit_count;
    bool none = check->board->iommu.kind == IOMMU_NONE;
    if (n > BOARD_MAX_IOMMUS || none != (n == 0))
        found(check, (struct place){"board", 0, "iommu.unit_count"},
              "a board with an IOMMU lists all of its units, 1 to 4, and one without lists none: a unit left out would not stop "
              "what is behind it",
              "copy their addresses from the IVRS or DMAR; count the entries of iommu.units", "%u, iommu.kind is %u", n,
              (unsigned)check->board->iommu.kind);
}

void rule_iommu_address(struct check *check)
{
    const struct board *b = check->board;
    for (uint32_t i = 0; i < unit_count(b); i++) {
        char field[FIELD_ROOM];
        bool bad = b->iommu.units[i] == 0 || b->iommu.units[i] % unit_size(b) || b->iommu.units[i] >= ADDRESS_END;
        for (uint32_t j = 0; j < i; j++)
            bad = bad || b->iommu.units[i] == b->iommu.units[j];
        snprintf(field, sizeof(field), "iommu.units[%u]", i);
        if (bad)
            found(check, (struct place){"board", 0, field},
                  "each unit has registers of its own: a page, or 16 KiB of AMD-Vi, at a multiple of that",
                  "copy the addresses from the IVRS or DMAR (dmesg shows them), each once", "0x%llx", HEX(b->iommu.units[i]));
    }
}

void rule_iommu_free(struct check *check)
{
    const struct board *b = check->board;
    if (!units_sound(check))
        return;
    for (uint32_t i = 0; i < unit_count(b); i++) {
        char field[FIELD_ROOM];
        snprintf(field, sizeof(field), "iommu.units[%u]", i);
        look_for_overlap(check, (struct place){"board", 0, field}, "copy the addresses from the IVRS or DMAR (dmesg shows them)",
                         (struct area){0, b->iommu.units[i], unit_size(b)}, "an IOMMU");
    }
}

void rule_iommu_function(struct check *check)
{
    const struct board *b = check->board;
    for (uint32_t u = 0; u < BOARD_MAX_IOMMUS; u++) {
        char field[FIELD_ROOM];
        bool wanted = b->iommu.kind == IOMMU_AMDVI && u < unit_count(b), listed = false;
        EACH_FUNCTION(f, i, check)
        listed = listed || (function_requester(f) == b->iommu.unit_functions[u] && f->class_code >> 8 == 0x0806);
        if (wanted ? listed : b->iommu.unit_functions[u] == 0)
            continue;
        snprintf(field, sizeof(field), "iommu.unit_functions[%u]", u);
        found(check, (struct place){"board", 0, field},
              "each unit of AMD-Vi is a PCI function of class 0806 that is listed; VT-d has none",
              "copy its address from lspci: bus << 8 | device << 3 | function", "0x%04x", b->iommu.unit_functions[u]);
    }
}

static bool owns_requester(const struct check *check, uint32_t requester)
{
    EACH_FUNCTION(f, i, check)
    for (unsigned v = 0; f->role && v <= f->vf.total && v <= BOARD_MAX_VFS; v++)
        if (device_requester(f, v) == requester)
            return true;
    return false;
}

void rule_iommu_platform(struct check *check)
{
    const struct board *b = check->board;
    uint32_t ids[] = {b->iommu.ioapic_function, b->iommu.hpet_function};
    static const char *const fields[] = {"iommu.ioapic_function", "iommu.hpet_function"};
    for (unsigned i = 0; i < ARRAY_SIZE(ids) && b->iommu.kind != IOMMU_NONE; i++)
        if ((i == 0 && ids[i] == 0) || (ids[i] != 0 && owns_requester(check, ids[i])))
            found(check, (struct place){"board", 0, fields[i]},
                  "interrupts of the IO-APIC and the HPET carry a requester id of their own; one that is not named loses the tick, "
                  "one that a "
                  "partition's function has too would let it pass its messages off as theirs",
                  "copy it from the IVRS (special device) or the DMAR (device scope)", "0x%04x", ids[i]);
}

void rule_iommu_vendor(struct check *check)
{
    const struct board *b = check->board;
    bool mixed = (b->virt == VIRT_SVM && b->iommu.kind == IOMMU_VTD) || (b->virt == VIRT_VMX && b->iommu.kind == IOMMU_AMDVI);
    if (mixed && !b->test_only)
        found(check, (struct place){"board", 0, "iommu.kind"}, "only an emulator has one vendor's processor and the other's IOMMU",
              "use IOMMU_AMDVI with VIRT_SVM, IOMMU_VTD with VIRT_VMX", "%s with %s",
              b->iommu.kind == IOMMU_VTD ? "IOMMU_VTD" : "IOMMU_AMDVI", b->virt == VIRT_SVM ? "VIRT_SVM" : "VIRT_VMX");
}

void rule_unsafe_iommu(struct check *check)
{
    if (check->board->unsafe_dma && check->board->iommu.kind != IOMMU_NONE)
        found(check, (struct place){"board", 0, "unsafe_dma"}, "a board with an IOMMU uses it: nothing here switches it off",
              "remove it; it is for boards that have none", "true, and iommu.kind is %u", (unsigned)check->board->iommu.kind);
}
