/* SPDX-License-Identifier: Apache-2.0 */
/* Which VM-execution, exit and entry controls we set, from a row for each with its reason, and from what this CPU allows. A control
 * without a row stays as the CPU demands it. SDM3 25.6 to 25.8, appendix A. */
#include "vmx_controls.h"

#define OTHER_CPU                                                                                                                  \
    "; use a CPU with EPT and unrestricted guests (Intel since 2010), or give them to this machine if it is a virtual one"
#define LACKS(what) "VIRT-7: VMX of this CPU has no " what OTHER_CPU
#define FORCES(what) "VIRT-8: VMX of this CPU cannot do without " what OTHER_CPU

enum group { PIN, PROC, PROC2, EXIT, ENTRY, GROUP_COUNT };

enum demand {
    MUST,  /* set; a CPU without it is refused */
    ARMED, /* a CPU without it is refused; 0 here, set and cleared while the guest runs */
    WANT,  /* set where the CPU has it */
    NEVER, /* 0; a CPU that insists on it is refused */
};

static const struct control_row {
    enum group group;
    enum demand demand;
    uint32_t bits;
    const char *refusal; /* none for WANT */
    const char *why;
} rows[] = {
    /* clang-format off */
    {PIN, MUST, VMX_PIN_NMI, LACKS("NMI exiting"), "an NMI is how a core is got back from its guest"},
    {PIN, MUST, VMX_PIN_VIRTUAL_NMI, LACKS("virtual NMIs"), "the guest's own NMIs have their own blocking"},
    {PIN, ARMED, VMX_PIN_TIMER, LACKS("preemption timer"), "an entry that lost the race with a kick exits at once; the slow tick"},
    {PIN, NEVER, VMX_PIN_EXTERNAL_INTERRUPT, FORCES("external-interrupt exiting"), "PERF-1: the guest's IDT takes its interrupts"},
    {PIN, NEVER, VMX_PIN_POSTED, FORCES("posted interrupts"), "interrupts are real"},

    {PROC, MUST, VMX_PROC_SECONDARY, LACKS("secondary controls"), "EPT is one of them"},
    {PROC, MUST, VMX_PROC_IO_BITMAPS, LACKS("I/O bitmaps"), "SEP-5: all ports exit"},
    {PROC, MUST, VMX_PROC_MSR_BITMAPS, LACKS("MSR bitmaps"), "SEP-5: MSRs are an allow-list"},
    {PROC, MUST, VMX_PROC_MWAIT | VMX_PROC_MONITOR, LACKS("MWAIT and MONITOR exiting"), "hidden: #UD"},
    {PROC, MUST, VMX_PROC_RDPMC, LACKS("RDPMC exiting"), "counters tell of others"},
    {PROC, ARMED, VMX_PROC_NMI_WINDOW, LACKS("NMI-window exiting"), "says when a guest's NMI handler has ended"},
    {PROC, NEVER, VMX_PROC_HLT | VMX_PROC_PAUSE, FORCES("HLT or PAUSE exiting"), "PERF-1: the core is the partition's for ever"},
    {PROC, NEVER, VMX_PROC_INVLPG | VMX_PROC_CR3_LOAD | VMX_PROC_CR3_STORE, FORCES("exits on CR3 or INVLPG"),
     "PERF-1: its own translations, tagged with its VPID"},
    {PROC, NEVER, VMX_PROC_CR8_LOAD | VMX_PROC_CR8_STORE | VMX_PROC_TPR_SHADOW, FORCES("exits on CR8"), "PERF-1: the APIC is its own"},
    {PROC, NEVER, VMX_PROC_MOV_DR, FORCES("MOV-DR exiting"), "its own: DR7 is in the VMCS, the others are cleared at a restart"},
    {PROC, NEVER, VMX_PROC_RDTSC | VMX_PROC_TSC_OFFSET, FORCES("RDTSC exiting or an offset"), "PERF-1: time is the same for all"},
    {PROC, NEVER, VMX_PROC_INTERRUPT_WINDOW, FORCES("interrupt-window exiting"), "nothing is injected that waits for IF"},
    {PROC, NEVER, VMX_PROC_IO_ALL, FORCES("unconditional I/O exiting"), "the bitmaps decide, and are audited"},
    {PROC, NEVER, VMX_PROC_MONITOR_TRAP, FORCES("monitor trap"), "no single steps of ours"},
    {PROC, NEVER, VMX_PROC_TERTIARY, FORCES("tertiary controls"), "none of them is wanted"},

    {PROC2, MUST, VMX_PROC2_EPT, LACKS("EPT"), "SEP-1: nested paging always"},
    {PROC2, MUST, VMX_PROC2_UNRESTRICTED, LACKS("unrestricted guests"), "real mode after a SIPI, no paging at a start"},
    {PROC2, MUST, VMX_PROC2_VPID, LACKS("VPID"), "an exit leaves translations alone"},
    {PROC2, MUST, VMX_PROC2_WBINVD, LACKS("WBINVD exiting"), "SEP-4: it would slow every other core's cache"},
    {PROC2, WANT, VMX_PROC2_RDTSCP | VMX_PROC2_INVPCID, 0, "#UD without; as the CPU has them"},
    {PROC2, WANT, VMX_PROC2_ENCLS | VMX_PROC2_ENCLV, 0, "no enclaves: every leaf exits, #UD"},
    {PROC2, WANT, VMX_PROC2_NOTIFY, 0, "SEP-4: an endless instruction in microcode ends by an exit"},
    {PROC2, WANT, VMX_PROC2_BUS_LOCK, 0, "SEP-4: a guest that locks the bus is seen and counted"},
    {PROC2, WANT, VMX_PROC2_XSAVES | VMX_PROC2_WAITPKG, 0, "as RDTSCP; XSS stays 0, what UMWAIT waits is the core's own"},
    {PROC2, NEVER, VMX_PROC2_APIC_ACCESS | VMX_PROC2_VIRTUAL_X2APIC | VMX_PROC2_APIC_REGISTER | VMX_PROC2_VIRTUAL_INTERRUPT,
     FORCES("APIC virtualisation"), "the local APIC is real and the guest's own"},
    {PROC2, NEVER, VMX_PROC2_DESCRIPTOR_TABLE, FORCES("descriptor-table exiting"), "its own tables"},
    {PROC2, NEVER, VMX_PROC2_RDRAND | VMX_PROC2_RDSEED, FORCES("RDRAND or RDSEED exiting"), "no state that is shared"},
    {PROC2, NEVER, VMX_PROC2_PAUSE_LOOP, FORCES("PAUSE-loop exiting"), "as PAUSE"},
    {PROC2, NEVER, VMX_PROC2_VMFUNC | VMX_PROC2_VMCS_SHADOW, FORCES("VM functions"), "no nested virtualisation, one EPT per partition"},
    {PROC2, NEVER, VMX_PROC2_PML | VMX_PROC2_VE | VMX_PROC2_MODE_EXECUTE | VMX_PROC2_SUB_PAGE, FORCES("page logs or #VE"),
     "the nested tables are never written after the seal, and say all there is to say"},
    {PROC2, NEVER, VMX_PROC2_CONCEAL_PT | VMX_PROC2_PT_GUEST_PHYSICAL, FORCES("processor trace"), "nobody traces"},
    {PROC2, NEVER, VMX_PROC2_TSC_SCALING, FORCES("TSC scaling"), "time is the same for all"},
    {PROC2, NEVER, VMX_PROC2_PASID | VMX_PROC2_PCONFIG, FORCES("PASID or PCONFIG"), "hidden; no device portals, no key programming"},

    {EXIT, MUST, VMX_EXIT_HOST_64, LACKS("64-bit host"), "we are"},
    {EXIT, MUST, VMX_EXIT_SAVE_DEBUG, LACKS("saving of DR7 and DEBUGCTL"), "debug registers are the guest's own"},
    {EXIT, MUST, VMX_EXIT_SAVE_PAT | VMX_EXIT_LOAD_PAT, LACKS("PAT switching"), "each has its own"},
    {EXIT, MUST, VMX_EXIT_SAVE_EFER | VMX_EXIT_LOAD_EFER, LACKS("EFER switching"), "each has its own"},
    {EXIT, NEVER, VMX_EXIT_ACK_INTERRUPT, FORCES("acknowledged interrupts"), "an interrupt never exits"},
    {EXIT, NEVER, VMX_EXIT_SAVE_TIMER, FORCES("a saved timer"), "set anew when armed"},
    {EXIT, NEVER, VMX_EXIT_LOAD_PERF, FORCES("counter switching"), "no counters"},

    {ENTRY, MUST, VMX_ENTRY_LOAD_DEBUG, LACKS("loading of DR7 and DEBUGCTL"), "debug registers are the guest's own"},
    {ENTRY, MUST, VMX_ENTRY_LOAD_PAT, LACKS("PAT switching"), "each has its own"},
    {ENTRY, MUST, VMX_ENTRY_LOAD_EFER, LACKS("EFER switching"), "each has its own"},
    {ENTRY, ARMED, VMX_ENTRY_GUEST_64, LACKS("64-bit guests"), "as the guest's EFER.LMA"},
    {ENTRY, NEVER, VMX_ENTRY_SMM | VMX_ENTRY_DUAL_MONITOR, FORCES("SMM"), "the firmware's"},
    {ENTRY, NEVER, VMX_ENTRY_LOAD_PERF, FORCES("counter switching"), "no counters"},
    /* clang-format on */
};

/* Bits of no meaning that every CPU demands: SDM3 25.6.1, 25.6.2, 25.7.1, 25.8.1. One that demands more does what we do not know. */
static const uint32_t default_ones[GROUP_COUNT] = {[PIN] = 0x16, [PROC] = 0x4006172, [EXIT] = 0x36dfb, [ENTRY] = 0x11fb};

/* IA32_VMX_EPT_VPID_CAP: SDM3 appendix A.10 */
static const struct {
    uint8_t bit;
    const char *refusal;
} memory_rows[] = {
    {6, LACKS("EPT of 4 levels")},          {14, LACKS("write-back EPT tables")},
    {16, LACKS("EPT pages of 2 MiB")},      {20, LACKS("INVEPT")},
    {26, LACKS("INVEPT of all contexts")},  {32, LACKS("INVVPID")},
    {42, LACKS("INVVPID of all contexts")},
};

/* 0 and the row's bits in *value, or the refusal. */
static const char *row_apply(const struct control_row *row, uint64_t allowed, uint32_t *value)
{
    uint32_t forced = (uint32_t)allowed, possible = (uint32_t)(allowed >> 32);

    if ((row->demand == MUST || row->demand == ARMED) && (row->bits & ~possible) != 0)
        return row->refusal;
    if ((row->demand == NEVER || row->demand == ARMED) && (row->bits & forced) != 0)
        return row->refusal;
    if (row->demand == MUST || row->demand == WANT)
        *value |= row->bits & possible;
    return 0;
}

static const char *rest_check(const struct vmx_capabilities *c)
{
    for (unsigned i = 0; i < ARRAY_SIZE(memory_rows); i++)
        if (!(c->ept_vpid >> memory_rows[i].bit & 1))
            return memory_rows[i].refusal;
    if (!(c->misc >> 6 & 1)) /* appendix A.6 */
        return LACKS("activity state HLT, in which a core parks");
    if ((c->basic >> 50 & 15) != 6) /* appendix A.1 */
        return LACKS("VMCS in write-back memory");
    return 0;
}

static const char *presence_check(const struct vmx_capabilities *c)
{
    if (!c->vmx)
        return "VIRT-5: this CPU has no VMX (CPUID 1 ECX[5] is 0); use a CPU with Intel VT-x, or a board of another vendor";
    if ((c->feature_control & FEATURE_CONTROL_LOCKED) && !(c->feature_control & FEATURE_CONTROL_VMX))
        return "VIRT-6: the firmware has locked VMX off (IA32_FEATURE_CONTROL bit 2 is 0); in its setup set Intel Virtualization "
               "Technology (VT-x, VMX) to enabled, then switch the power off and on";
    return 0;
}

const char *vmx_controls_compute(const struct vmx_capabilities *capabilities, struct vmx_controls *out)
{
    const struct vmx_capabilities *c = capabilities;
    const uint64_t allowed[GROUP_COUNT] = {c->pin, c->proc, c->proc2, c->exit, c->entry};
    const char *refusal = presence_check(c);
    uint32_t value[GROUP_COUNT] = {0};

    for (unsigned i = 0; i < ARRAY_SIZE(rows) && refusal == 0; i++)
        refusal = row_apply(&rows[i], allowed[rows[i].group], &value[rows[i].group]);
    for (unsigned g = 0; g < GROUP_COUNT && refusal == 0; g++) {
        if (((uint32_t)allowed[g] & ~(value[g] | default_ones[g])) != 0)
            refusal = FORCES("a control that is unknown to us");
        value[g] |= (uint32_t)allowed[g];
    }
    if (refusal == 0)
        refusal = rest_check(c);
    if (refusal == 0)
        *out = (struct vmx_controls){value[PIN], value[PROC], value[PROC2], value[EXIT], value[ENTRY]};
    return refusal;
}

const char *vmx_page_size_check(const struct vmx_capabilities *capabilities, bool claimed)
{
    if (claimed && !(capabilities->arch_capabilities & ARCH_CAPABILITIES_NO_PAGE_SIZE_ERRATUM))
        return "VIRT-9: the board table says no_page_size_erratum, and this CPU does not (IA32_ARCH_CAPABILITIES bit 6 is 0): a "
               "guest "
               "could stop the machine by changing the size of a page (CVE-2018-12207); take it out of board.c";
    return 0;
}
