/* SPDX-License-Identifier: Apache-2.0 */
/* The guest's state in the current VMCS: as a life begins, and as the exits' handlers read and change it. SDM3 25.4, 27.3. */
#include "virt.h"

#include "arch.h"
#include "memory.h"
#include "vmx.h"
#include "x86.h"

#define GUEST_PAT 0x0007040600070406ull                           /* after reset: SDM3 11.12.4 */
#define PDPTES_LOADED_BY (CR4_PAE | CR4_PGE | CR4_PSE | CR4_SMEP) /* changes of CR4; of CR0: PG. SDM3 4.4.1 */
#define SHADOW (VMX_BLOCKED_STI | VMX_BLOCKED_MOV_SS)

/* --- as a life begins ------------------------------------------------------------------------------------------------------------------ */

/* The read shadow is the guest's register; the real one has besides what VMX operation demands. Unrestricted: PE and PG are free. */
static void cr0_write(const struct vmx *b, uint64_t value)
{
    vmwrite(VMCS_CR0_SHADOW, value);
    vmwrite(VMCS_CR0, value | (b->capabilities.cr0_fixed0 & ~(CR0_PE | CR0_PG)));
}

/* Without MCE a machine check that hits a guest would shut the processor down. */
static void cr4_write(const struct vmx *b, uint64_t value)
{
    vmwrite(VMCS_CR4_SHADOW, value);
    vmwrite(VMCS_CR4, value | b->capabilities.cr4_fixed0 | (read_cr4() & CR4_MCE));
}

static uint64_t cr0_read(void)
{
    return (vmread(VMCS_CR0) & CR0_GUEST_OWNED) | (vmread(VMCS_CR0_SHADOW) & ~CR0_GUEST_OWNED);
}

static void segment_write(enum vmcs_segment segment, uint16_t selector, uint32_t rights, uint32_t limit, uint64_t base)
{
    vmwrite(VMCS_SEGMENT(VMCS_ES, segment), selector);
    vmwrite(VMCS_SEGMENT(VMCS_LIMIT, segment), limit);
    vmwrite(VMCS_SEGMENT(VMCS_RIGHTS, segment), rights);
    vmwrite(VMCS_SEGMENT(VMCS_BASE, segment), base);
}

static void segments_write(uint16_t data_selector, uint32_t data_rights, uint32_t limit)
{
    static const enum vmcs_segment data[] = {SEGMENT_ES, SEGMENT_SS, SEGMENT_DS, SEGMENT_FS, SEGMENT_GS};

    for (unsigned i = 0; i < ARRAY_SIZE(data); i++)
        segment_write(data[i], data_selector, data_rights, limit, 0);
    segment_write(SEGMENT_LDTR, 0, VMX_RIGHTS_LDT, 0xffff, 0);
    segment_write(SEGMENT_TR, 0, VMX_RIGHTS_TSS, 0xffff, 0);
}

/* From nothing to real mode at 0: no register of an earlier life is left (SEP-9). */
void vmx_state_reset(const struct vmx *b)
{
    static const uint32_t zero[] = {VMCS_EVENT,       VMCS_EFER,         VMCS_DEBUGCTL,         VMCS_CR3,
                                    VMCS_RSP,         VMCS_RIP,          VMCS_INTERRUPTIBILITY, VMCS_PENDING_DEBUG,
                                    VMCS_SYSENTER_CS, VMCS_SYSENTER_ESP, VMCS_SYSENTER_EIP,     VMCS_PDPTE0,
                                    VMCS_PDPTE0 + 2,  VMCS_PDPTE0 + 4,   VMCS_PDPTE0 + 6,       VMCS_GDTR_BASE,
                                    VMCS_IDTR_BASE};
    const struct field_value list[] = {
        {VMCS_PIN, b->controls.pin},
        {VMCS_PROC, b->controls.proc},
        {VMCS_ENTRY, b->controls.entry},
        {VMCS_PAT, GUEST_PAT},
        {VMCS_DR7, 0x400},
        {VMCS_RFLAGS, 2},
        {VMCS_ACTIVITY, VMX_ACTIVE},
        {VMCS_GDTR_LIMIT, 0xffff},
        {VMCS_IDTR_LIMIT, 0xffff},
    };

    fields_clear(zero, ARRAY_SIZE(zero));
    fields_write(list, ARRAY_SIZE(list));
    cr0_write(b, CR0_ET);
    cr4_write(b, 0);
    segments_write(0, VMX_RIGHTS_DATA16, 0xffff);
    segment_write(SEGMENT_CS, 0, VMX_RIGHTS_CODE16, 0xffff, 0);
}

/* Registers that no VMCS field holds and that we do not use: the guest's own in hardware until its life ends. */
static void own_msrs_clear(void)
{
    static const uint32_t msrs[] = {0xc0000081, 0xc0000082, 0xc0000083, 0xc0000084, 0xc0000102}; /* SYSCALL, kernel GS base */

    for (unsigned i = 0; i < ARRAY_SIZE(msrs); i++)
        wrmsr(msrs[i], 0);
}

static void guest_rebuild(struct vcpu *vcpu)
{
    struct vmx *b = vmx_of(vcpu);

    INVARIANT(vmclear(b->guest), "VMCLEAR"); /* not launched: the first entry of a life is checked */
    vmcs_load(b->guest);
    b->launched = false;
    b->refused = 0;
    vmx_state_reset(b);
    own_msrs_clear();
    translations_forget();
    memset(&vcpu->regs, 0, sizeof(vcpu->regs));
    vcpu->pat = GUEST_PAT;
}

void virt_reset_entry(struct vcpu *vcpu, const struct plan_entry *entry)
{
    guest_rebuild(vcpu);
    cr0_write(vmx_of(vcpu), CR0_PE | CR0_ET);
    segments_write(0x18, VMX_RIGHTS_DATA32, 0xffffffff);
    segment_write(SEGMENT_CS, 0x10, VMX_RIGHTS_CODE32, 0xffffffff, 0);
    vmwrite(VMCS_RIP, entry->eip);
    vcpu->regs.r[REG_RAX] = entry->eax;
    vcpu->regs.r[REG_RBX] = entry->ebx;
    vcpu->regs.r[REG_RSI] = entry->esi;
}

void virt_reset_sipi(struct vcpu *vcpu, uint8_t vector)
{
    guest_rebuild(vcpu);
    segment_write(SEGMENT_CS, (uint16_t)(vector << 8), VMX_RIGHTS_CODE16, 0xffff, (uint64_t)vector << 12);
}

/* --- acting on a guest ----------------------------------------------------------------------------------------------------------- */

#define TR_RIGHTS VMCS_SEGMENT(VMCS_RIGHTS, SEGMENT_TR) /* bit 3, of the type: not of 16 bits */

static bool cs_is_long(void)
{
    return (vmread(VMCS_CS_RIGHTS) & VMX_RIGHTS_L) && (vmread(VMCS_EFER) & EFER_LMA);
}

void virt_skip(struct vcpu *vcpu, uint64_t length)
{
    uint64_t from = vmread(VMCS_RIP), rip = from + length;

    (void)vcpu;
    if ((rip ^ from) >> 32 != 0 && !cs_is_long())
        rip &= 0xffffffff;
    vmwrite(VMCS_RIP, rip);
    interruptibility_change(SHADOW, 0);
}

void virt_inject_fault(struct vcpu *vcpu, uint8_t vector, bool has_code, uint32_t code)
{
    (void)vcpu;
    if (has_code)
        vmwrite(VMCS_EVENT_CODE, code);
    vmwrite(VMCS_EVENT, EVENT_VALID | EVENT_EXCEPTION | vector | (has_code ? EVENT_HAS_CODE : 0));
    interruptibility_change(SHADOW, 0); /* its delivery ends them */
}

/* The window opens when no event is due, the guest serves no NMI and no MOV SS holds one back. Whether STI holds it shut is the
 * CPU's choice (SDM3 26.2): one that does not would exit for ever, so the NMI ends that shadow. */
bool virt_inject_nmi(struct vcpu *vcpu)
{
    bool ready = !(vmread(VMCS_EVENT) & EVENT_VALID) && !(vmread(VMCS_INTERRUPTIBILITY) & VMX_BLOCKED_MOV_SS);

    vmwrite(VMCS_PROC, vmx_of(vcpu)->controls.proc | VMX_PROC_NMI_WINDOW);
    if (ready) {
        interruptibility_change(VMX_BLOCKED_STI, 0);
        vmwrite(VMCS_EVENT, EVENT_VALID | EVENT_NMI | VECTOR_NMI);
    }
    return ready;
}

void virt_nmi_unblocked(struct vcpu *vcpu)
{
    vmwrite(VMCS_PROC, vmx_of(vcpu)->controls.proc);
}

void virt_state(const struct vcpu *vcpu, struct guest_state *state)
{
    (void)vcpu;
    *state = (struct guest_state){.rip = vmread(VMCS_RIP),
                                  .rsp = vmread(VMCS_RSP),
                                  .rflags = vmread(VMCS_RFLAGS),
                                  .cr0 = cr0_read(),
                                  .cr2 = read_cr2(),
                                  .cr3 = vmread(VMCS_CR3),
                                  .cr4 = vmread(VMCS_CR4_SHADOW),
                                  .efer = vmread(VMCS_EFER),
                                  .cs_base = vmread(VMCS_CS_BASE),
                                  .cs_long = cs_is_long(),
                                  .no_long = (vmread(VMCS_CS_RIGHTS) & VMX_RIGHTS_L) || !(vmread(TR_RIGHTS) & 8),
                                  .cs_default32 = (vmread(VMCS_CS_RIGHTS) & VMX_RIGHTS_DB) != 0,
                                  .cpl = (uint8_t)VMX_RIGHTS_DPL(vmread(VMCS_SS_RIGHTS))};
}

/* PAE paging takes its four entries from the VMCS, not from memory (SDM3 27.3.1.6). A write of CR3 that does not exit loads them itself;
 * one of CR0 or CR4 does it here, before anything else. What is not RAM reads as ones. */
static bool pdptes_load(const struct vcpu *vcpu, uint64_t cr0, uint64_t cr4)
{
    bool loads = ((cr0 ^ cr0_read()) & CR0_PG) || ((cr4 ^ vmread(VMCS_CR4_SHADOW)) & PDPTES_LOADED_BY);
    const uint64_t *table;
    uint64_t entries[4];

    if (!loads || !(cr0 & CR0_PG) || !(cr4 & CR4_PAE) || (vmread(VMCS_EFER) & EFER_LMA))
        return true;
    table = partition_ram(vcpu->partition, GPA(vmread(VMCS_CR3) & 0xffffffe0), sizeof(entries));
    for (unsigned i = 0; i < ARRAY_SIZE(entries); i++)
        entries[i] = table ? __atomic_load_n(&table[i], __ATOMIC_RELAXED) : ~0ull;
    if (vmx_pdptes_wrong(entries, &vmx_of(vcpu)->capabilities))
        return false;
    for (unsigned i = 0; i < ARRAY_SIZE(entries); i++)
        vmwrite(VMCS_PDPTE0 + 2 * i, entries[i]);
    return true;
}

/* Paging bits may change, and we do the write, not the CPU. */
static bool paging_write(const struct vcpu *vcpu, uint64_t cr0, uint64_t cr4)
{
    if (!pdptes_load(vcpu, cr0, cr4))
        return false;
    cr0_write(vmx_of(vcpu), cr0);
    cr4_write(vmx_of(vcpu), cr4);
    invvpid(INVALIDATE_ALL, (struct vmx_invalidate){0, 0});
    return true;
}

bool virt_set_cr0(struct vcpu *vcpu, uint64_t value)
{
    return paging_write(vcpu, value, vmread(VMCS_CR4_SHADOW));
}

bool virt_set_cr4(struct vcpu *vcpu, uint64_t value)
{
    return paging_write(vcpu, cr0_read(), value);
}

void virt_set_efer(struct vcpu *vcpu, uint64_t value)
{
    vmwrite(VMCS_EFER, value);
    vmwrite(VMCS_ENTRY, vmx_of(vcpu)->controls.entry | (value & EFER_LMA ? VMX_ENTRY_GUEST_64 : 0));
}

static void guest_fields_read(struct vmx_guest_fields *f)
{
    struct vmx_segment *const segments[] = {&f->es, &f->cs, &f->ss, &f->ds, &f->fs, &f->gs, &f->ldtr, &f->tr};

    *f = (struct vmx_guest_fields){
        .controls = {(uint32_t)vmread(VMCS_PIN), (uint32_t)vmread(VMCS_PROC), (uint32_t)vmread(VMCS_PROC2),
                     (uint32_t)vmread(VMCS_EXIT), (uint32_t)vmread(VMCS_ENTRY)},
        .cr0 = vmread(VMCS_CR0),
        .cr3 = vmread(VMCS_CR3),
        .cr4 = vmread(VMCS_CR4),
        .dr7 = vmread(VMCS_DR7),
        .debugctl = vmread(VMCS_DEBUGCTL),
        .efer = vmread(VMCS_EFER),
        .pat = vmread(VMCS_PAT),
        .rip = vmread(VMCS_RIP),
        .rflags = vmread(VMCS_RFLAGS),
        .sysenter_esp = vmread(VMCS_SYSENTER_ESP),
        .sysenter_eip = vmread(VMCS_SYSENTER_EIP),
        .gdtr = {.limit = (uint32_t)vmread(VMCS_GDTR_LIMIT), .base = vmread(VMCS_GDTR_BASE)},
        .idtr = {.limit = (uint32_t)vmread(VMCS_IDTR_LIMIT), .base = vmread(VMCS_IDTR_BASE)},
        .activity = (uint32_t)vmread(VMCS_ACTIVITY),
        .interruptibility = (uint32_t)vmread(VMCS_INTERRUPTIBILITY),
        .pending_debug = vmread(VMCS_PENDING_DEBUG),
        .link_pointer = vmread(VMCS_LINK),
        .entry_event = (uint32_t)vmread(VMCS_EVENT),
        .entry_event_code = (uint32_t)vmread(VMCS_EVENT_CODE),
        .entry_event_length = (uint32_t)vmread(VMCS_EVENT_LENGTH),
    };
    for (unsigned i = 0; i < 4; i++)
        f->pdpte[i] = vmread(VMCS_PDPTE0 + 2 * i);
    for (unsigned s = 0; s < SEGMENT_COUNT; s++)
        *segments[s] = (struct vmx_segment){.selector = (uint16_t)vmread(VMCS_SEGMENT(VMCS_ES, s)),
                                            .limit = (uint32_t)vmread(VMCS_SEGMENT(VMCS_LIMIT, s)),
                                            .rights = (uint32_t)vmread(VMCS_SEGMENT(VMCS_RIGHTS, s)),
                                            .base = vmread(VMCS_SEGMENT(VMCS_BASE, s))};
}

/* 0, or the rule that the guest's state breaks. */
const char *vmx_state_wrong(const struct vmx *b)
{
    struct vmx_guest_fields fields;

    guest_fields_read(&fields);
    return vmx_state_check(&fields, &b->capabilities);
}
