/* SPDX-License-Identifier: Apache-2.0 */
/* The processor: which vendor's virtualisation, what of it is missing, and which cores belong together. All from one core: which cores share
 * what follows from their APIC ids (SDM3 9.9; AMD: CPUID 8000_001Dh, 8000_001Eh). */
#include "memory.h"
#include "survey.h"
#include "vmx_controls.h"
#include "x86.h"

#define MSR_FEATURE_CONTROL 0x3au
#define MSR_ARCH_CAPABILITIES 0x10au
#define MSR_VMX_FIRST 0x480u /* basic, pin, proc, exit, entry, misc, CR0 and CR4 fixed, ..., proc2, EPT and VPID, true controls */
#define VMX_TRUE (1ull << 55)
#define SVM_DISABLED 0x10u
#define ARCH_NO_PAGE_SIZE (1ull << 6)

void blank(struct survey *s, const char *field, const char *how)
{
    for (uint32_t i = 0; i < s->blank_count; i++)
        if (strcmp(s->board.blanks[i].field, field) == 0)
            return;
    if (s->blank_count < BOARD_MAX_BLANKS)
        s->board.blanks[s->blank_count++] = (struct board_blank){field, how};
}

void feature(struct survey *s, const char *name, const char *needed, const char *consequence, const char *format, ...)
{
    struct feature *row = &s->features[s->feature_count];
    va_list list;

    if (s->feature_count == SURVEY_FEATURES)
        return;
    s->feature_count++;
    *row = (struct feature){.name = name, .needed = needed, .consequence = consequence};
    va_start(list, format);
    (void)text_list(row->found, sizeof(row->found), format, list);
    va_end(list);
}

/* --- virtualisation ---------------------------------------------------------------------------------------------------------------- */

static bool is_vendor(const char *name)
{
    struct cpuid_regs r = cpuid(0, 0);
    char vendor[13] = {0};

    memcpy(vendor, &r.ebx, 4);
    memcpy(vendor + 4, &r.edx, 4);
    memcpy(vendor + 8, &r.ecx, 4);
    return strcmp(vendor, name) == 0;
}

static uint64_t vmx_msr(unsigned number)
{
    uint64_t value = 0;

    (void)survey_msr(MSR_VMX_FIRST + number, &value);
    return value;
}

/* As vmx.c reads them. */
static const char *vmx_missing(void)
{
    struct vmx_capabilities c = {.vmx = true, .physical_bits = (uint8_t)cpuid(0x80000008, 0).eax};
    struct vmx_controls controls;
    unsigned from;

    if (!survey_msr(MSR_FEATURE_CONTROL, &c.feature_control))
        return "its details cannot be read from here: boot the survey image, or load the module msr";
    c.basic = vmx_msr(0);
    from = c.basic & VMX_TRUE ? 13 : 1;
    c.pin = vmx_msr(from);
    c.proc = vmx_msr(from + 1);
    c.exit = vmx_msr(from + 2);
    c.entry = vmx_msr(from + 3);
    c.misc = vmx_msr(5);
    c.cr0_fixed0 = vmx_msr(6);
    c.cr0_fixed1 = vmx_msr(7);
    c.cr4_fixed0 = vmx_msr(8);
    c.cr4_fixed1 = vmx_msr(9);
    if (c.proc >> 32 & VMX_PROC_SECONDARY)
        c.proc2 = vmx_msr(11);
    if (c.proc2 >> 32 & (VMX_PROC2_EPT | VMX_PROC2_VPID))
        c.ept_vpid = vmx_msr(12);
    return vmx_controls_compute(&c, &controls);
}

static const char *svm_missing(void)
{
    uint64_t control = 0;

    if (survey_msr(MSR_VM_CR, &control) && control & SVM_DISABLED)
        return "it is switched off (VM_CR.SVMDIS): enable virtualisation in the firmware's setup";
    return cpuid(0x8000000a, 0).edx & 1 ? 0 : "it has no nested paging: nothing can run here";
}

static void virtualisation(struct survey *s)
{
    bool svm = cpuid(0x80000000, 0).eax >= 0x8000000a && cpuid(0x80000001, 0).ecx & 1u << 2, vmx = cpuid(1, 0).ecx & 1u << 5;
    bool amd = is_vendor("AuthenticAMD") || is_vendor("HygonGenuine");
    const char *why = svm   ? svm_missing()
                      : vmx ? vmx_missing()
                            : "nothing can run here, or it is switched off in the firmware's setup";

    s->board.virt = svm || (amd && !vmx) ? VIRT_SVM : VIRT_VMX;
    feature(s, "virtualisation", "SVM or VMX, nested paging", why ? why : "", svm ? "AMD SVM" : vmx ? "Intel VMX" : "none");
}

/* --- clocks and interrupts --------------------------------------------------------------------------------------------------------- */

/* Emulators of QEMU's kind say so (CPUID 4000_0000h). */
static bool translates(void)
{
    struct cpuid_regs r = cpuid(0x40000000, 0);

    return r.ebx == 0x54474354 && r.ecx == 0x43544743 && r.edx == 0x47435447;
}

static void page_size(struct survey *s)
{
    uint64_t value;

    if (s->board.virt != VIRT_VMX || cpuid(0, 0).eax < 7 || !(cpuid(7, 0).edx & 1u << 29))
        return;
    if (survey_msr(MSR_ARCH_CAPABILITIES, &value))
        s->board.no_page_size_erratum = value & ARCH_NO_PAGE_SIZE;
}

static void clocks(struct survey *s)
{
    struct board *b = &s->board;
    bool x2apic = cpuid(1, 0).ecx & 1u << 21, virtual = cpuid(1, 0).ecx >> 31;

    b->invariant_tsc = cpuid(0x80000000, 0).eax >= 0x80000007 && cpuid(0x80000007, 0).edx & 1u << 8;
    b->arat = cpuid(0, 0).eax >= 6 && cpuid(6, 0).eax & 1u << 2;
    b->test_only = virtual;
    b->untested = !virtual;
    s->emulated = virtual && translates();
    feature(s, "x2APIC", "wanted", x2apic ? "" : "each access of a partition to its local APIC is an exit", x2apic ? "yes" : "no");
    feature(s, "invariant TSC", "this or a PM timer", b->invariant_tsc ? "" : "clocks follow the PM timer",
            b->invariant_tsc ? "yes" : "no");
    feature(s, "timer in idle states", "wanted", b->arat ? "" : "not vouched for: look it up in the processor's manual",
            b->arat ? "ARAT" : "no ARAT");
    if (virtual)
        feature(s, "hypervisor", "none", "this is no real machine: no release image is made for it",
                s->emulated ? "QEMU, TCG" : "there is one below");
}

/* --- which cores belong together ---------------------------------------------------------------------------------------------------- */

static unsigned bits_for(uint32_t count)
{
    unsigned bits = 0;

    while (bits < 31 && 1u << bits < count)
        bits++;
    return bits;
}

struct shifts {
    unsigned thread, package, cache; /* cores whose APIC ids are alike from that bit on */
};

/* Subleaves of leaf 0Bh end with one of type 0. */
static bool topology_leaf(struct shifts *shifts)
{
    bool found = false;

    if (cpuid(0, 0).eax < 0xb)
        return false;
    for (uint32_t level = 0; level < 8; level++) {
        struct cpuid_regs r = cpuid(0xb, level);
        uint32_t type = r.ecx >> 8 & 0xff;

        if (type == 0 || r.ebx == 0)
            break;
        found = true;
        shifts->package = r.eax & 31;
        if (type == 1)
            shifts->thread = r.eax & 31;
    }
    return found;
}

static bool topology_extensions(void)
{
    return cpuid(0x80000000, 0).eax >= 0x8000001e && cpuid(0x80000001, 0).ecx & 1u << 22;
}

/* The cache that is furthest away is shared by most. */
static unsigned cache_shift(unsigned package)
{
    bool amd = topology_extensions();
    unsigned shift = package;

    if (!amd && (cpuid(0, 0).eax < 4 || cpuid(4, 0).eax == 0))
        return package;
    for (uint32_t i = 0; i < 8; i++) {
        struct cpuid_regs r = cpuid(amd ? 0x8000001d : 4, i);

        if ((r.eax & 31) == 0)
            break;
        shift = bits_for((r.eax >> 14 & 0xfff) + 1);
    }
    return shift < package ? shift : package;
}

static struct shifts shifts_find(void)
{
    struct shifts shifts = {0, 0, 0};
    uint32_t sizes;

    if (!topology_leaf(&shifts) && cpuid(0x80000000, 0).eax >= 0x80000008) {
        sizes = cpuid(0x80000008, 0).ecx;
        shifts.package = sizes >> 12 & 15 ? sizes >> 12 & 15 : bits_for((sizes & 0xff) + 1);
        if (topology_extensions())
            shifts.thread = bits_for((cpuid(0x8000001e, 0).ebx >> 8 & 0xff) + 1);
    }
    if (shifts.package == 0 && cpuid(1, 0).edx & 1u << 28)
        shifts.package = bits_for(cpuid(1, 0).ebx >> 16 & 0xff);
    shifts.cache = cache_shift(shifts.package);
    return shifts;
}

/* The boot processor first, which is where this runs; then in the MADT's order. */
static void cores(struct survey *s)
{
    uint32_t first = cpuid(1, 0).ebx >> 24, count = s->acpi.core_count;
    struct shifts shifts = shifts_find();
    struct board *b = &s->board;

    for (uint32_t pass = 0; pass < 2; pass++)
        for (uint32_t i = 0; i < count; i++) {
            uint32_t id = s->acpi.apic_ids[i];

            if ((id == first) != (pass == 0) || id >= 255 || b->core_count == BOARD_MAX_CORES)
                continue;
            b->cores[b->core_count++] = (struct board_core){
                .apic_id = id, .package = id >> shifts.package, .smt_group = id >> shifts.thread, .cache = id >> shifts.cache};
        }
    b->cores[0].reserved = s->emulated && b->virt == VIRT_SVM; /* docs/CAVEATS.md */
    feature(s, "cores", "2 or more",
            b->core_count < count ? "the others cannot be used: our tables hold 32, with APIC ids below 255"
            : b->core_count < 2   ? "one partition at most"
            : shifts.thread != 0  ? "siblings of one physical core go to one partition"
                                  : "",
            "%u, %u threads in each", count, 1u << shifts.thread);
}

void survey_cpu(struct survey *s)
{
    virtualisation(s);
    clocks(s);
    cores(s);
    page_size(s);
}
