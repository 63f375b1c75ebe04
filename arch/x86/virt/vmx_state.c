/* SPDX-License-Identifier: Apache-2.0 */
/* The checks that VM entry makes on the guest-state area and on what goes with it, each with a name. Stricter than the CPU where we
 * never mean what it would allow: a VMCS link, SMM or enclave blocking, an NMI into a shadow of STI, an unusable CS.
 * SDM3 27.3.1 (guest state), 27.2.1 (controls). */
#include "vmx_state.h"

#include "x86_bits.h"

#define RFLAGS_FIXED (1ull << 1)
#define RFLAGS_IF (1ull << 9)
#define RFLAGS_VM (1ull << 17)
#define RFLAGS_RESERVED (~0ull << 22 | 1ull << 15 | 1ull << 5 | 1ull << 3)
#define CR4_CET (1ull << 23)
#define DEBUGCTL_BTF (1ull << 1)
#define DEBUGCTL_LEGAL 0xffc7ull
#define EFER_LEGAL (EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE)
#define PENDING_LEGAL 0x1580full /* B0-B3, bus lock, enabled breakpoint, BS, RTM */
#define PENDING_BS (1ull << 14)
#define RIGHTS_RESERVED 0xfffe0f00u
#define EVENT_VALID (1u << 31)
#define EVENT_RESERVED 0x7ffff000u
#define EVENT_HAS_CODE (1u << 11)
enum { EVENT_INTERRUPT, EVENT_NMI = 2, EVENT_EXCEPTION, EVENT_SOFTWARE, EVENT_PRIVILEGED, EVENT_SOFTWARE_EXCEPTION };

/* A rule is broken or not; the first broken one is the answer. */
struct rule {
    bool broken;
    const char *text;
};

static const char *first_broken(const struct rule *rules, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        if (rules[i].broken)
            return rules[i].text;
    return 0;
}

static bool canonical(uint64_t address)
{
    return address + (1ull << 47) < 1ull << 48;
}

static bool guest_64(const struct vmx_guest_fields *f)
{
    return (f->controls.entry & VMX_ENTRY_GUEST_64) != 0;
}

static bool unrestricted(const struct vmx_guest_fields *f)
{
    return (f->controls.proc & VMX_PROC_SECONDARY) && (f->controls.proc2 & VMX_PROC2_UNRESTRICTED);
}

static bool usable(const struct vmx_segment *s)
{
    return !(s->rights & VMX_RIGHTS_UNUSABLE);
}

/* --- controls: 27.2.1.1 to 27.2.1.3 -------------------------------------------------------------------------------------------- */

static bool not_allowed(uint32_t value, uint64_t allowed)
{
    return (value & ~(uint32_t)(allowed >> 32)) != 0 || ((uint32_t)allowed & ~value) != 0;
}

static const char *controls_check(const struct vmx_guest_fields *f, const struct vmx_capabilities *c)
{
    const struct vmx_controls *v = &f->controls;
    const struct rule rules[] = {
        {not_allowed(v->pin, c->pin), "pin-based controls: a bit that this CPU does not allow"},
        {not_allowed(v->proc, c->proc), "primary controls: a bit that this CPU does not allow"},
        {not_allowed(v->proc2, c->proc2), "secondary controls: a bit that this CPU does not allow"},
        {not_allowed(v->exit, c->exit), "exit controls: a bit that this CPU does not allow"},
        {not_allowed(v->entry, c->entry), "entry controls: a bit that this CPU does not allow"},
        {(v->pin & VMX_PIN_VIRTUAL_NMI) && !(v->pin & VMX_PIN_NMI), "controls: virtual NMIs without NMI exiting"},
        {(v->proc & VMX_PROC_NMI_WINDOW) && !(v->pin & VMX_PIN_VIRTUAL_NMI), "controls: NMI window without virtual NMIs"},
        {unrestricted(f) && !(v->proc2 & VMX_PROC2_EPT), "controls: unrestricted guest without EPT"},
        {(v->exit & VMX_EXIT_SAVE_TIMER) && !(v->pin & VMX_PIN_TIMER), "controls: preemption timer saved but not active"},
    };

    return first_broken(rules, ARRAY_SIZE(rules));
}

/* --- control registers, debug registers, MSRs: 27.3.1.1 --------------------------------------------------------------------------- */

static bool pat_legal(uint64_t pat)
{
    for (unsigned i = 0; i < 8; i++)
        if (!(0xf3u >> (pat >> 8 * i & 7) & 1) || (pat >> 8 * i & 0xf8) != 0) /* UC, WC, WT, WP, WB, UC- */
            return false;
    return true;
}

static const char *registers_check(const struct vmx_guest_fields *f, const struct vmx_capabilities *c)
{
    uint64_t cr0_must = c->cr0_fixed0 & ~(unrestricted(f) ? CR0_PE | CR0_PG : 0);
    bool lma = (f->efer & EFER_LMA) != 0, lme = (f->efer & EFER_LME) != 0;
    const struct rule rules[] = {
        {(cr0_must & ~f->cr0) != 0 || (f->cr0 & ~c->cr0_fixed1) != 0, "CR0: a bit that is fixed in VMX operation"},
        {(f->cr0 & CR0_PG) && !(f->cr0 & CR0_PE), "CR0: PG without PE"},
        {(c->cr4_fixed0 & ~f->cr4) != 0 || (f->cr4 & ~c->cr4_fixed1) != 0, "CR4: a bit that is fixed in VMX operation"},
        {(f->cr4 & CR4_CET) && !(f->cr0 & CR0_WP), "CR4: CET without CR0.WP"},
        {(f->debugctl & ~DEBUGCTL_LEGAL) != 0, "IA32_DEBUGCTL: a reserved bit"},
        {guest_64(f) && (!(f->cr0 & CR0_PG) || !(f->cr4 & CR4_PAE)), "64-bit guest without CR0.PG or CR4.PAE"},
        {!guest_64(f) && (f->cr4 & CR4_PCIDE), "CR4: PCIDE in a guest that is not 64-bit"},
        {f->cr3 >> c->physical_bits != 0, "CR3: beyond the physical address width"},
        {f->dr7 >> 32 != 0, "DR7: above bit 31"},
        {!canonical(f->sysenter_esp) || !canonical(f->sysenter_eip), "SYSENTER: an address that is not canonical"},
        {!pat_legal(f->pat), "PAT: an undefined memory type"},
        {(f->efer & ~EFER_LEGAL) != 0, "EFER: a reserved bit"},
        {lma != guest_64(f), "EFER: LMA differs from the entry control"},
        {(f->cr0 & CR0_PG) && lma != lme, "EFER: LMA differs from LME while paging is on"},
    };

    return first_broken(rules, ARRAY_SIZE(rules));
}

/* --- segments: 27.3.1.2, 27.3.1.3 ---------------------------------------------------------------------------------------------------- */

/* What holds for every usable segment: P, reserved bits, granularity as the limit demands. */
static bool rights_bad(const struct vmx_segment *s)
{
    bool big = (s->rights & VMX_RIGHTS_G) != 0;

    return (s->rights & RIGHTS_RESERVED) != 0 || !(s->rights & VMX_RIGHTS_P) || (big && (s->limit & 0xfff) != 0xfff) ||
           (!big && s->limit >> 20 != 0);
}

static bool virtual_8086_bad(const struct vmx_segment *s)
{
    return s->base != (uint64_t)s->selector << 4 || s->limit != 0xffff || s->rights != 0xf3;
}

/* DS, ES, FS, GS: an accessed data segment, or code that can be read. */
static bool data_bad(const struct vmx_segment *s, bool restricted)
{
    uint32_t type = s->rights & VMX_RIGHTS_TYPE;

    return usable(s) && (rights_bad(s) || !(s->rights & VMX_RIGHTS_S) || !(type & 1) || ((type & 8) && !(type & 2)) ||
                         (restricted && type < 12 && VMX_RIGHTS_DPL(s->rights) < (s->selector & 3u)));
}

static bool code_type_bad(uint32_t type, bool restricted)
{
    return (type & 9) != 9 && (restricted || type != 3);
}

static bool code_dpl_bad(uint32_t type, uint32_t dpl, uint32_t stack_dpl)
{
    if (type == 3)
        return dpl != 0;
    return type & 4 ? dpl > stack_dpl : dpl != stack_dpl;
}

static const char *code_stack_check(const struct vmx_guest_fields *f)
{
    const struct vmx_segment *cs = &f->cs, *ss = &f->ss;
    uint32_t type = cs->rights & VMX_RIGHTS_TYPE, stack = ss->rights & VMX_RIGHTS_TYPE;
    uint32_t stack_dpl = VMX_RIGHTS_DPL(ss->rights);
    bool restricted = !unrestricted(f);
    const struct rule rules[] = {
        {!usable(cs) || !(cs->rights & VMX_RIGHTS_S) || code_type_bad(type, restricted), "CS: not a code segment that was used"},
        {rights_bad(cs), "CS: not present, a reserved bit, or granularity against the limit"},
        {code_dpl_bad(type, VMX_RIGHTS_DPL(cs->rights), stack_dpl), "CS: DPL does not fit that of SS"},
        {guest_64(f) && (cs->rights & VMX_RIGHTS_L) && (cs->rights & VMX_RIGHTS_DB), "CS: D with L in a 64-bit guest"},
        {cs->base >> 32 != 0, "CS: base above 4 GiB"},
        {usable(ss) && (!(ss->rights & VMX_RIGHTS_S) || (stack != 3 && stack != 7)), "SS: not a writable data segment"},
        {usable(ss) && rights_bad(ss), "SS: not present, a reserved bit, or granularity against the limit"},
        {usable(ss) && ss->base >> 32 != 0, "SS: base above 4 GiB"},
        {restricted && ((ss->selector ^ cs->selector) & 3) != 0, "SS: RPL differs from that of CS"},
        {restricted && stack_dpl != (ss->selector & 3u), "SS: DPL differs from RPL"},
        {(type == 3 || !(f->cr0 & CR0_PE)) && stack_dpl != 0, "SS: DPL is not 0 in real mode"},
    };

    return first_broken(rules, ARRAY_SIZE(rules));
}

static const char *data_check(const struct vmx_guest_fields *f)
{
    bool restricted = !unrestricted(f);
    const struct rule rules[] = {
        {data_bad(&f->ds, restricted), "DS: access rights"},
        {data_bad(&f->es, restricted), "ES: access rights"},
        {data_bad(&f->fs, restricted), "FS: access rights"},
        {data_bad(&f->gs, restricted), "GS: access rights"},
        {usable(&f->ds) && f->ds.base >> 32 != 0, "DS: base above 4 GiB"},
        {usable(&f->es) && f->es.base >> 32 != 0, "ES: base above 4 GiB"},
    };

    return first_broken(rules, ARRAY_SIZE(rules));
}

static const char *virtual_8086_check(const struct vmx_guest_fields *f)
{
    const struct rule rules[] = {
        {virtual_8086_bad(&f->cs), "CS: not as virtual-8086 mode has it"},
        {virtual_8086_bad(&f->ss), "SS: not as virtual-8086 mode has it"},
        {virtual_8086_bad(&f->ds), "DS: not as virtual-8086 mode has it"},
        {virtual_8086_bad(&f->es), "ES: not as virtual-8086 mode has it"},
        {virtual_8086_bad(&f->fs), "FS: not as virtual-8086 mode has it"},
        {virtual_8086_bad(&f->gs), "GS: not as virtual-8086 mode has it"},
    };

    return first_broken(rules, ARRAY_SIZE(rules));
}

static const char *tables_check(const struct vmx_guest_fields *f)
{
    const struct vmx_segment *tr = &f->tr, *ldtr = &f->ldtr;
    uint32_t task = tr->rights & (VMX_RIGHTS_TYPE | VMX_RIGHTS_S), local = ldtr->rights & (VMX_RIGHTS_TYPE | VMX_RIGHTS_S);
    const struct rule rules[] = {
        {!usable(tr) || (task != 11 && (task != 3 || guest_64(f))), "TR: not a busy TSS of the mode"},
        {rights_bad(tr), "TR: not present, a reserved bit, or granularity against the limit"},
        {(tr->selector & 4) != 0, "TR: selector points into the LDT"},
        {usable(ldtr) && local != 2, "LDTR: not an LDT"},
        {usable(ldtr) && rights_bad(ldtr), "LDTR: not present, a reserved bit, or granularity against the limit"},
        {usable(ldtr) && (ldtr->selector & 4) != 0, "LDTR: selector points into the LDT"},
        {!canonical(tr->base) || (usable(ldtr) && !canonical(ldtr->base)), "TR or LDTR: base is not canonical"},
        {!canonical(f->fs.base) || !canonical(f->gs.base), "FS or GS: base is not canonical"},
        {!canonical(f->gdtr.base) || f->gdtr.limit >> 16 != 0, "GDTR: base is not canonical, or limit above 64 KiB"},
        {!canonical(f->idtr.base) || f->idtr.limit >> 16 != 0, "IDTR: base is not canonical, or limit above 64 KiB"},
    };

    return first_broken(rules, ARRAY_SIZE(rules));
}

/* --- RIP and RFLAGS: 27.3.1.4 ----------------------------------------------------------------------------------------------------------- */

static uint32_t event_type(const struct vmx_guest_fields *f)
{
    return f->entry_event >> 8 & 7;
}

static bool event_is(const struct vmx_guest_fields *f, uint32_t type)
{
    return (f->entry_event & EVENT_VALID) && event_type(f) == type;
}

static const char *flow_check(const struct vmx_guest_fields *f)
{
    bool long_code = guest_64(f) && (f->cs.rights & VMX_RIGHTS_L);
    const struct rule rules[] = {
        {!long_code && f->rip >> 32 != 0, "RIP: above 4 GiB outside 64-bit code"},
        {long_code && f->rip >> 48 != 0 && f->rip >> 48 != 0xffff, "RIP: beyond the linear address width"},
        {(f->rflags & RFLAGS_RESERVED) != 0 || !(f->rflags & RFLAGS_FIXED), "RFLAGS: a reserved bit"},
        {(f->rflags & RFLAGS_VM) && (guest_64(f) || !(f->cr0 & CR0_PE)), "RFLAGS: VM outside protected mode"},
        {event_is(f, EVENT_INTERRUPT) && !(f->rflags & RFLAGS_IF), "an interrupt is injected while RFLAGS.IF is 0"},
    };

    return first_broken(rules, ARRAY_SIZE(rules));
}

/* --- non-register state: 27.3.1.5 -------------------------------------------------------------------------------------------------------- */

/* What may be injected into a core that is not active. */
static bool activity_event_bad(const struct vmx_guest_fields *f)
{
    uint8_t vector = (uint8_t)f->entry_event;

    if (!(f->entry_event & EVENT_VALID) || f->activity == VMX_ACTIVE)
        return false;
    if (f->activity == VMX_HALTED)
        return !event_is(f, EVENT_INTERRUPT) && !event_is(f, EVENT_NMI) &&
               !(event_is(f, EVENT_EXCEPTION) && (vector == VECTOR_DB || vector == VECTOR_MC));
    if (f->activity == VMX_SHUTDOWN)
        return !event_is(f, EVENT_NMI) && !(event_is(f, EVENT_EXCEPTION) && vector == VECTOR_MC);
    return true;
}

/* In a shadow or halted, BS says what TF and BTF say. */
static bool pending_step_bad(const struct vmx_guest_fields *f)
{
    bool stepping = (f->rflags & RFLAGS_TF) && !(f->debugctl & DEBUGCTL_BTF);

    if (!(f->interruptibility & (VMX_BLOCKED_STI | VMX_BLOCKED_MOV_SS)) && f->activity != VMX_HALTED)
        return false;
    return ((f->pending_debug & PENDING_BS) != 0) != stepping;
}

static const char *activity_check(const struct vmx_guest_fields *f, const struct vmx_capabilities *c)
{
    uint32_t shadow = f->interruptibility & (VMX_BLOCKED_STI | VMX_BLOCKED_MOV_SS);
    const struct rule rules[] = {
        {f->activity > VMX_WAIT_FOR_SIPI || (f->activity != VMX_ACTIVE && !(c->misc >> (5 + f->activity) & 1)),
         "activity: a state that this CPU does not have"},
        {f->activity == VMX_HALTED && VMX_RIGHTS_DPL(f->ss.rights) != 0, "activity: halted outside privilege level 0"},
        {f->activity != VMX_ACTIVE && shadow != 0, "activity: not active in an interrupt shadow"},
        {activity_event_bad(f), "activity: an event is injected that this state does not take"},
        {(f->interruptibility & ~(VMX_BLOCKED_STI | VMX_BLOCKED_MOV_SS | VMX_BLOCKED_NMI)) != 0,
         "interruptibility: SMI or enclave blocking, or a reserved bit"},
        {shadow == (VMX_BLOCKED_STI | VMX_BLOCKED_MOV_SS), "interruptibility: blocked by STI and by MOV SS"},
        {(shadow & VMX_BLOCKED_STI) && !(f->rflags & RFLAGS_IF), "interruptibility: blocked by STI while RFLAGS.IF is 0"},
        {shadow != 0 && (event_is(f, EVENT_INTERRUPT) || event_is(f, EVENT_NMI)), "an interrupt or NMI is injected into a shadow"},
        {(f->interruptibility & VMX_BLOCKED_NMI) && event_is(f, EVENT_NMI), "an NMI is injected while NMIs are blocked"},
        {(f->pending_debug & ~PENDING_LEGAL) != 0, "pending debug exceptions: a reserved bit"},
        {pending_step_bad(f), "pending debug exceptions: BS differs from RFLAGS.TF"},
        {f->link_pointer != ~0ull, "VMCS link pointer: not all ones"},
    };

    return first_broken(rules, ARRAY_SIZE(rules));
}

/* --- PDPTEs: 27.3.1.6 --------------------------------------------------------------------------------------------------------------------- */

bool vmx_pdptes_wrong(const uint64_t pdpte[4], const struct vmx_capabilities *c)
{
    uint64_t reserved = ~0ull << c->physical_bits | 0x1e6;

    for (unsigned i = 0; i < 4; i++)
        if ((pdpte[i] & PTE_P) && (pdpte[i] & reserved) != 0)
            return true;
    return false;
}

static const char *pdpte_check(const struct vmx_guest_fields *f, const struct vmx_capabilities *c)
{
    bool pae = (f->cr0 & CR0_PG) && (f->cr4 & CR4_PAE) && !guest_64(f);

    return pae && vmx_pdptes_wrong(f->pdpte, c) ? "PDPTE: a reserved bit" : 0;
}

/* --- the event to inject: 27.2.1.3 ---------------------------------------------------------------------------------------------------------- */

static bool event_vector_bad(const struct vmx_guest_fields *f)
{
    uint8_t vector = (uint8_t)f->entry_event;

    return (event_type(f) == EVENT_NMI && vector != VECTOR_NMI) || (event_type(f) == EVENT_EXCEPTION && vector > 31);
}

/* An error code goes with #DF, #TS, #NP, #SS, #GP, #PF, #AC in protected mode, and with nothing else. */
static bool event_code_bad(const struct vmx_guest_fields *f)
{
    uint32_t vector = f->entry_event & 0xff;
    bool wanted = event_type(f) == EVENT_EXCEPTION && vector < 32 && (0x00027d00u >> vector & 1) && (f->cr0 & CR0_PE);

    return ((f->entry_event & EVENT_HAS_CODE) != 0) != wanted || (wanted && f->entry_event_code >> 16 != 0);
}

static const char *event_check(const struct vmx_guest_fields *f, const struct vmx_capabilities *c)
{
    bool by_instruction = event_type(f) >= EVENT_SOFTWARE;
    uint32_t shortest = c->misc >> 30 & 1 ? 0 : 1; /* appendix A.6 */
    const struct rule rules[] = {
        {(f->entry_event & EVENT_RESERVED) != 0 || event_type(f) == 1 || event_type(f) == 7, "event: a reserved bit or type"},
        {event_vector_bad(f), "event: vector does not fit the type"},
        {event_code_bad(f), "event: error code missing, out of place or too long"},
        {by_instruction && (f->entry_event_length < shortest || f->entry_event_length > 15), "event: instruction length"},
    };

    return f->entry_event & EVENT_VALID ? first_broken(rules, ARRAY_SIZE(rules)) : 0;
}

const char *vmx_state_check(const struct vmx_guest_fields *fields, const struct vmx_capabilities *capabilities)
{
    bool virtual_8086 = (fields->rflags & RFLAGS_VM) != 0;
    const char *broken = controls_check(fields, capabilities);

    if (broken == 0)
        broken = registers_check(fields, capabilities);
    if (broken == 0)
        broken = virtual_8086 ? virtual_8086_check(fields) : code_stack_check(fields);
    if (broken == 0 && !virtual_8086)
        broken = data_check(fields);
    if (broken == 0)
        broken = tables_check(fields);
    if (broken == 0)
        broken = flow_check(fields);
    if (broken == 0)
        broken = activity_check(fields, capabilities);
    if (broken == 0)
        broken = pdpte_check(fields, capabilities);
    return broken != 0 ? broken : event_check(fields, capabilities);
}
