/* SPDX-License-Identifier: Apache-2.0 */
/* The table of features, then board.c and board.mk with a checksum, as `make new-board FROM=` reads them. What is 0 is not printed. */
#include "pci_parts.h"
#include "survey.h"

static const char *const bar_names[] = {"BAR_NONE", "BAR_MEMORY32", "BAR_MEMORY64", "BAR_PORTS"};
static const char *const watchdog_names[] = {"WATCHDOG_NONE",   "WATCHDOG_I6300ESB", "WATCHDOG_ITCO", "WATCHDOG_ITCO_SMBUS",
                                             "WATCHDOG_SP5100", "WATCHDOG_SB800",    "WATCHDOG_FCH"};
static const char *const reset_names[] = {"RESET_NONE", "RESET_FLR", "RESET_PM", "RESET_BUS", "RESET_REGISTER"};

static void table_print(const struct survey *s, const char *source)
{
    say("\nBulkhead's board survey, by %s\n\n%-21s%-34s%-36s%s\n", source, "feature", "found", "needed", "what follows");
    for (uint32_t i = 0; i < s->feature_count; i++) {
        const struct feature *f = &s->features[i];

        say("%-20s %-33s %-35s %s\n", f->name, f->found, f->needed, f->consequence);
    }
    say("\n");
}

static void cores_print(const struct board *b)
{
    say("    .cores =\n        {\n");
    for (uint32_t i = 0; i < b->core_count; i++)
        say("            {.apic_id = %u, .package = %u, .smt_group = %u, .cache = %u%s},\n", b->cores[i].apic_id,
            b->cores[i].package, b->cores[i].smt_group, b->cores[i].cache, b->cores[i].reserved ? ", .reserved = true" : "");
    say("        },\n    .core_count = %u,\n\n", b->core_count);
}

static void ram_print(const struct board *b)
{
    say("    .ram =\n        {\n");
    for (uint32_t i = 0; i < b->ram_count; i++)
        say("            {.base = 0x%lx, .size = 0x%lx},\n", (unsigned long)b->ram[i].base, (unsigned long)b->ram[i].size);
    say("        },\n    .ram_count = %u,\n", b->ram_count);
    if (b->load)
        say("    .load = 0x%lx,\n", (unsigned long)b->load);
    say("    .pci_hole = 0x%lx,\n\n", (unsigned long)b->pci_hole);
}

static void chipset_print(const struct board *b)
{
    if (b->uart.port)
        say("    .uart = {.port = 0x%x, .gsi = %u, .baud = %u},\n", b->uart.port, b->uart.gsi, b->uart.baud);
    say("    .ioapic = {.base = 0x%lx, .gsi_base = %u, .pins = %u},\n", (unsigned long)b->ioapic.base, b->ioapic.gsi_base,
        b->ioapic.pins);
    say("    .pit = {.gsi = %u},\n", b->pit.gsi);
    if (b->pm_timer_port)
        say("    .pm_timer_port = 0x%x,\n", b->pm_timer_port);
    say("    .reset = {.port = 0x%x, .value = 0x%02x},\n", b->reset.port, b->reset.value);
    if (b->poweroff.port)
        say("    .poweroff = {.port = 0x%x, .value = 0x%x},\n", b->poweroff.port, b->poweroff.value);
    if (b->watchdog.kind != WATCHDOG_NONE)
        say("    .watchdog = {.kind = %s, .bus = %u, .device = %u, .function = %u, .timeout_ms = %u},\n",
            watchdog_names[b->watchdog.kind], b->watchdog.bus, b->watchdog.device, b->watchdog.function, b->watchdog.timeout_ms);
    say("\n    .pci = {.ecam = 0x%lx, .last_bus = %u", (unsigned long)b->pci.ecam, b->pci.last_bus);
    if (b->pci.window_size)
        say(", .window = 0x%lx, .window_size = 0x%lx", (unsigned long)b->pci.window, (unsigned long)b->pci.window_size);
    if (b->pci.ports_size)
        say(", .ports = 0x%x, .ports_size = 0x%x", b->pci.ports, b->pci.ports_size);
    say("},\n");
}

/* --- functions -------------------------------------------------------------------------------------------------------------------------- */

#define NEXT ",\n             " /* a field further */

static void bars_print(const char *before, const struct board_bar *bars)
{
    bool any = false;

    for (unsigned i = 0; i < BOARD_BARS; i++) {
        if (bars[i].kind == BAR_NONE)
            continue;
        say("%s[%u] = {%s, %s, 0x%lx}", any ? ", " : before, i, bar_names[bars[i].kind], bars[i].prefetchable ? "true" : "false",
            (unsigned long)bars[i].size);
        any = true;
    }
    if (any)
        say("}");
}

static void msix_print(const char *before, const struct board_msix *m)
{
    if (m->vectors)
        say("%s.msix = {.vectors = %u, .table_bar = %u, .pba_bar = %u, .table_offset = 0x%x, .pba_offset = 0x%x}", before,
            m->vectors, m->table_bar, m->pba_bar, m->table_offset, m->pba_offset);
}

static void vf_print(const struct board_function *f)
{
    if (f->vf.total == 0)
        return;
    say(NEXT ".vf = {.total = %u, .offset = %u, .stride = %u, .id = 0x%04x, .reset = %s, .needs_owner = %s", f->vf.total,
        f->vf.offset, f->vf.stride, f->vf.id, reset_names[f->vf.reset], f->vf.needs_owner ? "true" : "false");
    bars_print(NEXT "       .bars = {", f->vf.bars);
    msix_print(NEXT "       ", &f->vf.msix);
    say("}");
}

static void function_print(const struct survey *s, uint32_t i)
{
    const struct board_function *f = &s->board.functions[i];

    say("            /* %02x:%02x.%x: %s%s */\n", f->bus, f->device, f->function, survey_class(f),
        s->kept[i] ? "; the firmware keeps memory for it: nobody can have it" : "");
    say("            {.bus = %u, .device = 0x%02x, .function = %u, .vendor = 0x%04x, .id = 0x%04x, .class_code = 0x%06x", f->bus,
        f->device, f->function, f->vendor, f->id, f->class_code);
    bars_print(NEXT ".bars = {", f->bars);
    msix_print(NEXT, &f->msix);
    say("%s%s", f->msi ? NEXT ".msi = true" : "", f->vendor_caps ? NEXT ".vendor_caps = true" : "");
    if (f->bridge.secondary)
        say(NEXT ".bridge = {.secondary = %u, .subordinate = %u, .acs = %s}", f->bridge.secondary, f->bridge.subordinate,
            f->bridge.acs ? "true" : "false");
    vf_print(f);
    if (f->role)
        say(NEXT ".role = \"%s\", .group = %u, .reset = {.kind = %s}", f->role, f->group, reset_names[f->reset.kind]);
    else if (f->group)
        say(NEXT ".group = %u", f->group);
    say("},\n");
}

static void iommu_print(const struct board *b)
{
    if (b->iommu.kind == IOMMU_NONE)
        return;
    say("    .iommu = {.kind = %s, .units = {", b->iommu.kind == IOMMU_VTD ? "IOMMU_VTD" : "IOMMU_AMDVI");
    for (uint32_t i = 0; i < b->iommu.unit_count; i++)
        say("%s0x%lx", i ? ", " : "", (unsigned long)b->iommu.units[i]);
    say("}, .unit_count = %u, ", b->iommu.unit_count);
    for (uint32_t i = 0; b->iommu.kind == IOMMU_AMDVI && i < b->iommu.unit_count; i++)
        say("%s0x%04x%s", i ? ", " : ".unit_functions = {", b->iommu.unit_functions[i], i + 1 == b->iommu.unit_count ? "}, " : "");
    say(".ioapic_function = 0x%04x", b->iommu.ioapic_function);
    if (b->iommu.hpet_function)
        say(", .hpet_function = 0x%04x", b->iommu.hpet_function);
    say("},\n");
}

/* --- all --------------------------------------------------------------------------------------------------------------------------------- */

static void flags_print(const struct survey *s)
{
    const struct board *b = &s->board;

    say("\n    .invariant_tsc = %s,\n    .arat = %s,\n", b->invariant_tsc ? "true" : "false", b->arat ? "true" : "false");
    if (b->no_page_size_erratum)
        say("    .no_page_size_erratum = true,\n");
    if (b->test_only)
        say("    .test_only = true,\n");
    if (b->untested)
        say("    .untested = true, /* until a development image has run here */\n");
    for (uint32_t i = 0; i < s->blank_count; i++)
        say("%s        {\"%s\", \"%s\"},\n%s", i ? "" : "    .blanks =\n    {\n", b->blanks[i].field, b->blanks[i].how,
            i + 1 == s->blank_count ? "    },\n" : "");
}

static void board_print(const struct survey *s)
{
    const struct board *b = &s->board;

    say("/* Made by Bulkhead's board survey. Roles and resets follow from class codes and capabilities: look them over. pci.window "
        "and pci.ports are\n"
        " * what no function and no table named; compare them with /proc/iomem and /proc/ioports of a Linux there. */\n");
    say("#include \"board.h\"\n\nconst struct board board = {\n    .name = \"survey\",\n    .description = \"Say in one line which "
        "machine it is\",\n");
    say("    .virt = %s,\n\n", b->virt == VIRT_SVM ? "VIRT_SVM" : "VIRT_VMX");
    cores_print(b);
    ram_print(b);
    chipset_print(b);
    say("    .functions =\n        {\n");
    for (uint32_t i = 0; i < b->function_count; i++)
        function_print(s, i);
    say("        },\n    .function_count = %u,\n", b->function_count);
    iommu_print(b);
    flags_print(s);
    say("};\n");
}

void survey_print(const struct survey *s, const char *source)
{
    table_print(s, source);
    say("==== board.c ====\n");
    text_sum_begin();
    board_print(s);
    say("==== board.mk ====\n");
    say("# Which back ends the image of this board has.\nVIRT := %s\nIOMMU := %s\n", s->board.virt == VIRT_SVM ? "svm" : "vmx",
        s->board.iommu.kind == IOMMU_VTD     ? "vtd"
        : s->board.iommu.kind == IOMMU_AMDVI ? "amdvi"
                                             : "none");
    say("==== end %08x ====\n", text_sum());
}
