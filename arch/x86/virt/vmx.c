/* SPDX-License-Identifier: Apache-2.0 */
/* Intel back end of virt.h: EPT, unrestricted guest, everything exits that has no row that opens it. SDM3 24 to 28.
 *
 * Each core has a VMCS for its vcpu and one for its parking guest, and only it ever touches them. The vcpu's is the current one, but
 * inside virt_idle(). There is no GIF, so the race with a kick is closed by the preemption timer: see virt_nmi(). */
#include "virt.h"

#include "arch.h"
#include "console.h"
#include "core_area.h"
#include "crash.h"
#include "lapic.h"
#include "memory.h"
#include "nested.h"
#include "policy.h"
#include "vmcs.h"
#include "vmx_insn.h"
#include "vmx_state.h"
#include "x86.h"

#define GUEST_PAT 0x0007040600070406ull /* after reset: SDM3 11.12.4 */
#define VPID_GUEST(partition) ((partition) + 2u)
#define VPID_IDLE 1u
#define CR0_GUEST_OWNED (CR0_MP | CR0_TS) /* changes of these do not exit */
#define CR4_VMXE (1ull << 13)
#define DR6_HITS 0xfull
#define DR6_BD (1ull << 13)
#define DR6_BS (1ull << 14)
#define DR6_CLEARED (1ull << 11 | 1ull << 16) /* 0 says that it happened: bus lock, RTM */
#define DR7_GD (1ull << 13)
#define NOTIFY_WINDOW 0x20000u /* TSC ticks beyond what the CPU adds itself: some tens of microseconds */
#define SHADOW (VMX_BLOCKED_STI | VMX_BLOCKED_MOV_SS)

/* What virt_raw() says of an entry that gave no exit reason. */
#define REFUSED_BY_US (1ull << 32)
#define REFUSED_INSTRUCTION (1ull << 33) /* + VM-instruction error, SDM3 31.4 */

static struct vmx {
    uint64_t guest, idle, region;         /* physical: VMCS of the vcpu (0: none) and of the parking guest; for VMXON */
    bool on, launched, idle_launched;     /* on: an NMI may touch the current VMCS */
    uint64_t refused;                     /* why the last entry did not happen */
    struct vmx_capabilities capabilities; /* of this core */
    struct vmx_controls controls;         /* nothing armed */
    struct vmx_audit_copy guest_copy, idle_copy;
} blocks[MAX_CORES];
static uint8_t *io_map;  /* two pages, shared by all: every port exits */
static uint8_t *msr_map; /* shared by all: the same policy for every partition */
static hpa_t idle_root;

/* --- maps --------------------------------------------------------------------------------------------------------------------- */

/* All set, then the open rows cleared. PERF-1: what a partition does all the time is there. */
static void msr_map_open(const struct msr_row *row)
{
    for (unsigned high = 0; high < 2; high++) {
        uint32_t base = high ? VMX_MSR_HIGH : 0;

        for (uint32_t msr = row->first; msr <= row->last && msr - base < VMX_MSR_RANGE; msr++) {
            uint32_t byte = (msr - base) / 8, bit = (msr - base) % 8;

            if (row->read == MSR_OPEN)
                msr_map[VMX_MSR_MAP(0, high) + byte] &= (uint8_t) ~(1u << bit);
            if (row->write == MSR_OPEN)
                msr_map[VMX_MSR_MAP(1, high) + byte] &= (uint8_t) ~(1u << bit);
        }
    }
}

static void maps_build(void)
{
    static const uint8_t idle_code[] = {0xfa, 0xf4, 0xeb, 0xfd}; /* cli; 1: hlt; jmp 1b */
    uint8_t *page = pool_take(1);
    struct nested_region region = {GPA(0), arch_hpa(page), PAGE_SIZE, NESTED_EXECUTE};

    io_map = pool_take(2);
    memset(io_map, 0xff, 2 * PAGE_SIZE);
    msr_map = pool_take(1);
    memset(msr_map, 0xff, PAGE_SIZE);
    for (unsigned i = 0; i < msr_row_count; i++)
        msr_map_open(&msr_rows[i]);
    for (unsigned i = 0; lapic_is_x2apic() && i < msr_x2apic_row_count; i++)
        msr_map_open(&msr_x2apic_rows[i]);
    memcpy(page, idle_code, sizeof(idle_code));
    idle_root = nested_build(&region, 1);
}

/* --- the VMCS ------------------------------------------------------------------------------------------------------------------ */

static void vmwrite(uint32_t field, uint64_t value)
{
    INVARIANT(vmwrite_try(field, value), "VMWRITE: this CPU has no such field");
}

static void vmcs_load(uint64_t vmcs)
{
    INVARIANT(vmptrld(vmcs), "VMPTRLD");
}

/* Whatever this core has kept of earlier tables, linear or nested (AC-24). */
static void translations_forget(void)
{
    struct vmx_invalidate all = {0, 0};

    invept(INVALIDATE_ALL, all);
    invvpid(INVALIDATE_ALL, all);
}

struct field_value {
    uint32_t field;
    uint64_t value;
};

static void fields_write(const struct field_value *list, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        vmwrite(list[i].field, list[i].value);
}

static void controls_write(const struct vmx_controls *c, uint64_t nested_root, uint32_t vpid)
{
    const struct field_value list[] = {
        {VMCS_PIN, c->pin},
        {VMCS_PROC, c->proc},
        {VMCS_PROC2, c->proc2},
        {VMCS_EXIT, c->exit},
        {VMCS_ENTRY, c->entry},
        /* #DB and #AC: a loop of either in microcode would shut out NMIs (CVE-2015-5307, CVE-2015-8104). #MC: ours to look at. */
        {VMCS_EXCEPTIONS, 1u << VECTOR_DB | 1u << VECTOR_AC | 1u << VECTOR_MC},
        {VMCS_PF_MASK, 0},
        {VMCS_PF_MATCH, 0},
        {VMCS_CR3_TARGETS, 0},
        {VMCS_EXIT_STORES, 0},
        {VMCS_EXIT_LOADS, 0},
        {VMCS_ENTRY_LOADS, 0},
        {VMCS_IO_MAP_A, arch_hpa(io_map).v},
        {VMCS_IO_MAP_B, arch_hpa(io_map + PAGE_SIZE).v},
        {VMCS_MSR_MAP, arch_hpa(msr_map).v},
        {VMCS_TSC_OFFSET, 0},
        {VMCS_CR0_MASK, ~CR0_GUEST_OWNED},
        {VMCS_CR4_MASK, ~0ull},
        {VMCS_EPTP, nested_root | EPTP_FOUR_LEVELS | EPTP_WRITE_BACK},
        {VMCS_VPID, vpid},
        {VMCS_TIMER, 0}, /* armed, it exits at once */
        {VMCS_LINK, ~0ull},
    };

    fields_write(list, ARRAY_SIZE(list));
    if (c->proc2 & VMX_PROC2_ENCLS)
        vmwrite(VMCS_ENCLS_MAP, ~0ull);
    if (c->proc2 & VMX_PROC2_ENCLV)
        vmwrite(VMCS_ENCLV_MAP, ~0ull);
    if (c->proc2 & VMX_PROC2_XSAVES)
        vmwrite(VMCS_XSS_MAP, ~0ull);
    if (c->proc2 & VMX_PROC2_NOTIFY)
        vmwrite(VMCS_NOTIFY_WINDOW, NOTIFY_WINDOW);
}

extern char vmx_exited[];

/* As this core is now. An exit gives GDTR and IDTR limits of 64 KiB (SDM3 28.5.2): what lies behind them no selector of ours and, with
 * interrupts off, no vector reaches; trap_drain() loads a table of its own. HOST_RSP is written at each entry. */
static void host_write(void)
{
    uint64_t gdt, idt;

    table_bases(&gdt, &idt);
    const struct field_value list[] = {
        {VMCS_HOST_CR0, read_cr0()},
        {VMCS_HOST_CR3, read_cr3()},
        {VMCS_HOST_CR4, read_cr4()},
        {VMCS_HOST_EFER, rdmsr(MSR_EFER)},
        {VMCS_HOST_PAT, rdmsr(MSR_PAT)},
        {VMCS_HOST_CS, 8},
        {VMCS_HOST_SS, 16},
        {VMCS_HOST_DS, 16},
        {VMCS_HOST_ES, 16},
        {VMCS_HOST_FS, 0},
        {VMCS_HOST_GS, 0},
        {VMCS_HOST_TR, 32},
        {VMCS_HOST_FS_BASE, 0},
        {VMCS_HOST_GS_BASE, 0},
        {VMCS_HOST_TR_BASE, (uintptr_t)&THIS_CORE->tss},
        {VMCS_HOST_GDTR_BASE, gdt},
        {VMCS_HOST_IDTR_BASE, idt},
        {VMCS_HOST_SYSENTER_CS, 0},
        {VMCS_HOST_SYSENTER_ESP, 0},
        {VMCS_HOST_SYSENTER_EIP, 0},
        {VMCS_HOST_RIP, (uintptr_t)vmx_exited},
    };

    fields_write(list, ARRAY_SIZE(list));
}

/* What the CPU holds, not what was meant: for the audit, which runs on another core and can read no VMCS of this one. Each field is
 * stored once, so that it has never a value that the VMCS had not. */
static void copy_refresh(struct vmx_audit_copy *copy)
{
    uint32_t proc2 = (uint32_t)vmread(VMCS_PROC2);

    copy->controls.pin = (uint32_t)vmread(VMCS_PIN);
    copy->controls.proc = (uint32_t)vmread(VMCS_PROC);
    copy->controls.proc2 = proc2;
    copy->controls.exit = (uint32_t)vmread(VMCS_EXIT);
    copy->controls.entry = (uint32_t)vmread(VMCS_ENTRY);
    copy->exception_bitmap = (uint32_t)vmread(VMCS_EXCEPTIONS);
    copy->cr3_target_count = (uint32_t)vmread(VMCS_CR3_TARGETS);
    copy->exit_msr_store_count = (uint32_t)vmread(VMCS_EXIT_STORES);
    copy->exit_msr_load_count = (uint32_t)vmread(VMCS_EXIT_LOADS);
    copy->entry_msr_load_count = (uint32_t)vmread(VMCS_ENTRY_LOADS);
    copy->vpid = (uint16_t)vmread(VMCS_VPID);
    copy->cr0_mask = vmread(VMCS_CR0_MASK);
    copy->cr4_mask = vmread(VMCS_CR4_MASK);
    copy->eptp = vmread(VMCS_EPTP);
    copy->io_map_a = vmread(VMCS_IO_MAP_A);
    copy->io_map_b = vmread(VMCS_IO_MAP_B);
    copy->msr_map = vmread(VMCS_MSR_MAP);
    copy->tsc_offset = vmread(VMCS_TSC_OFFSET);
    copy->encls_bitmap = proc2 & VMX_PROC2_ENCLS ? vmread(VMCS_ENCLS_MAP) : ~0ull;
}

const struct vmx_audit_copy *vmx_guest_copy(unsigned core)
{
    return blocks[core].guest ? &blocks[core].guest_copy : 0;
}

const struct vmx_audit_copy *vmx_idle_copy(unsigned core)
{
    return blocks[core].idle ? &blocks[core].idle_copy : 0;
}

/* --- guest state ------------------------------------------------------------------------------------------------------------------ */

static struct vmx *vmx_of(const struct vcpu *vcpu)
{
    return vcpu->virt;
}

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

/* From nothing: no register of an earlier life is left (SEP-9). */
static void state_clear(const struct vmx *b)
{
    const struct field_value list[] = {
        {VMCS_PIN, b->controls.pin},
        {VMCS_PROC, b->controls.proc},
        {VMCS_ENTRY, b->controls.entry},
        {VMCS_EVENT, 0},
        {VMCS_EFER, 0},
        {VMCS_PAT, GUEST_PAT},
        {VMCS_DEBUGCTL, 0},
        {VMCS_CR3, 0},
        {VMCS_DR7, 0x400},
        {VMCS_RSP, 0},
        {VMCS_RIP, 0},
        {VMCS_RFLAGS, 2},
        {VMCS_INTERRUPTIBILITY, 0},
        {VMCS_ACTIVITY, VMX_ACTIVE},
        {VMCS_PENDING_DEBUG, 0},
        {VMCS_SYSENTER_CS, 0},
        {VMCS_SYSENTER_ESP, 0},
        {VMCS_SYSENTER_EIP, 0},
        {VMCS_PDPTE0, 0},
        {VMCS_PDPTE0 + 2, 0},
        {VMCS_PDPTE0 + 4, 0},
        {VMCS_PDPTE0 + 6, 0},
        {VMCS_GDTR_BASE, 0},
        {VMCS_GDTR_LIMIT, 0xffff},
        {VMCS_IDTR_BASE, 0},
        {VMCS_IDTR_LIMIT, 0xffff},
    };

    fields_write(list, ARRAY_SIZE(list));
    cr4_write(b, 0);
}

static void real_mode_write(const struct vmx *b, uint8_t vector)
{
    cr0_write(b, CR0_ET);
    segments_write(0, VMX_RIGHTS_DATA16, 0xffff);
    segment_write(SEGMENT_CS, (uint16_t)(vector << 8), VMX_RIGHTS_CODE16, 0xffff, (uint64_t)vector << 12);
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
    state_clear(b);
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
    real_mode_write(vmx_of(vcpu), vector);
}

/* --- the CPU ------------------------------------------------------------------------------------------------------------------------- */

static void capabilities_read(struct vmx_capabilities *c)
{
    uint32_t controls;

    *c = (struct vmx_capabilities){.vmx = (cpuid(1, 0).ecx & CPUID1_ECX_VMX) != 0,
                                   .physical_bits = (uint8_t)cpuid(0x80000008, 0).eax};
    if (!c->vmx)
        return;
    c->feature_control = rdmsr(MSR_FEATURE_CONTROL);
    c->basic = rdmsr(MSR_VMX_BASIC);
    c->misc = rdmsr(MSR_VMX_MISC);
    controls = c->basic & VMX_BASIC_TRUE ? MSR_VMX_TRUE_PIN : MSR_VMX_PIN;
    c->pin = rdmsr(controls);
    c->proc = rdmsr(controls + 1);
    c->exit = rdmsr(controls + 2);
    c->entry = rdmsr(controls + 3);
    if (c->proc >> 32 & VMX_PROC_SECONDARY)
        c->proc2 = rdmsr(MSR_VMX_PROC2);
    if (c->proc2 >> 32 & (VMX_PROC2_EPT | VMX_PROC2_VPID))
        c->ept_vpid = rdmsr(MSR_VMX_EPT_VPID);
    c->cr0_fixed0 = rdmsr(MSR_VMX_CR0_FIXED0);
    c->cr0_fixed1 = rdmsr(MSR_VMX_CR0_FIXED0 + 1);
    c->cr4_fixed0 = rdmsr(MSR_VMX_CR0_FIXED0 + 2);
    c->cr4_fixed1 = rdmsr(MSR_VMX_CR0_FIXED0 + 3);
    if (cpuid(7, 0).edx & CPUID7_EDX_ARCH_CAPABILITIES)
        c->arch_capabilities = rdmsr(MSR_ARCH_CAPABILITIES);
}

const char *virt_check(void)
{
    struct vmx_capabilities capabilities;
    struct vmx_controls controls;
    const char *refusal;

    capabilities_read(&capabilities);
    refusal = vmx_controls_compute(&capabilities, &controls);
    return refusal ? refusal : vmx_page_size_check(&capabilities, plan.board->no_page_size_erratum);
}

void virt_vcpu_init(struct vcpu *vcpu)
{
    struct vmx *b = &blocks[vcpu->core];

    if (io_map == 0)
        maps_build();
    vcpu->virt = b;
    b->region = arch_hpa(pool_take(1)).v;
    b->idle = arch_hpa(pool_take(1)).v;
    if (vcpu->partition) /* else this core only ever parks */
        b->guest = arch_hpa(pool_take(1)).v;
}

/* Own, empty and current: SDM3 25.11.3. */
static void vmcs_make(const struct vmx *b, uint64_t vmcs, uint64_t nested_root, uint32_t vpid)
{
    *(uint32_t *)arch_ptr(HPA(vmcs)) = (uint32_t)b->capabilities.basic & 0x7fffffff;
    INVARIANT(vmclear(vmcs), "VMCLEAR");
    vmcs_load(vmcs);
    controls_write(&b->controls, nested_root, vpid);
    host_write();
}

/* What arch_fpu_reset() and guest_xsetbv() need in CR4 is in it from here on: an exit loads it. */
static void vmx_on(struct vmx *b)
{
    uint64_t cr4 = read_cr4() | CR4_VMXE | CR4_OSFXSR;

    if (!(b->capabilities.feature_control & FEATURE_CONTROL_LOCKED))
        wrmsr(MSR_FEATURE_CONTROL, b->capabilities.feature_control | FEATURE_CONTROL_LOCKED | FEATURE_CONTROL_VMX);
    write_cr4(cpuid(1, 0).ecx & 1u << 26 ? cr4 | CR4_OSXSAVE : cr4);
    *(uint32_t *)arch_ptr(HPA(b->region)) = (uint32_t)b->capabilities.basic & 0x7fffffff;
    INVARIANT(vmxon(b->region), "VMXON");
}

void virt_cpu_on(void)
{
    struct vcpu *vcpu = &vcpus[arch_core()];
    struct vmx *b = vmx_of(vcpu);

    capabilities_read(&b->capabilities);
    INVARIANT(vmx_controls_compute(&b->capabilities, &b->controls) == 0, "virt_check() comes first");
    vmx_on(b);
    translations_forget();
    vmcs_make(b, b->idle, idle_root.v, VPID_IDLE);
    state_clear(b);
    real_mode_write(b, 0);
    copy_refresh(&b->idle_copy);
    if (b->guest) {
        vmcs_make(b, b->guest, vcpu->partition->nested_root, VPID_GUEST(vcpu->partition->index));
        virt_reset_sipi(vcpu, 0);
        copy_refresh(&b->guest_copy);
    }
    b->on = true;
}

/* --- kicks --------------------------------------------------------------------------------------------------------------------------- */

/* In the NMI handler. The request that this NMI is about has been set before. Either virt_run() or virt_idle() has yet to look for
 * requests, and sees it; or it has looked, and the timer armed here makes the entry exit at once. The other way round, what disarms the
 * timer comes before the next look. Between VMCLEAR and VMPTRLD the write fails: that is before the look, too. */
void virt_nmi(void)
{
    struct vmx *b = &blocks[arch_core()];

    if (b->on)
        (void)vmwrite_try(VMCS_PIN, b->controls.pin | VMX_PIN_TIMER);
}

static void kick_end(const struct vmx *b, struct vmx_audit_copy *copy)
{
    vmwrite(VMCS_PIN, b->controls.pin);
    copy_refresh(copy);
}

/* --- exits ------------------------------------------------------------------------------------------------------------------------ */

static const struct exit_row {
    uint8_t kind;
    bool length;  /* an instruction's, which the CPU measures */
    bool level0;  /* from privilege levels other than 0: #UD */
    bool details; /* more to say: exit_fill_details() */
} exit_rows[REASON_COUNT] = {
    [REASON_EXCEPTION] = {EXIT_EXCEPTION, .details = true},
    [REASON_TRIPLE_FAULT] = {EXIT_SHUTDOWN},
    [REASON_INIT] = {EXIT_KICK}, /* nobody can send one: trapped ICRs are the only source */
    [REASON_NMI_WINDOW] = {EXIT_NMI_UNBLOCKED},
    [REASON_TASK_SWITCH] = {EXIT_TASK_SWITCH},
    [REASON_CPUID] = {EXIT_CPUID, .length = true},
    [REASON_GETSEC] = {EXIT_FORBIDDEN, .length = true},
    [REASON_INVD] = {EXIT_CACHE, .length = true},
    [REASON_RDPMC] = {EXIT_PRIVILEGED, .length = true},
    [REASON_RSM] = {EXIT_FORBIDDEN, .length = true},
    [REASON_VMCALL] = {EXIT_HYPERCALL, .length = true, .level0 = true},
    [REASON_VMCLEAR... REASON_VMXON] = {EXIT_FORBIDDEN, .length = true},
    [REASON_CR] = {EXIT_CR_WRITE, .details = true},
    [REASON_IO] = {EXIT_IO, .length = true, .details = true},
    [REASON_RDMSR] = {EXIT_MSR_READ, .length = true},
    [REASON_WRMSR] = {EXIT_MSR_WRITE, .length = true},
    [REASON_MWAIT] = {EXIT_FORBIDDEN, .length = true},
    [REASON_MONITOR] = {EXIT_FORBIDDEN, .length = true},
    [REASON_EPT_VIOLATION] = {EXIT_NESTED_FAULT, .details = true},
    [REASON_EPT_MISCONFIGURATION] = {EXIT_NESTED_CORRUPT},
    [REASON_INVEPT] = {EXIT_FORBIDDEN, .length = true},
    [REASON_TIMER] = {EXIT_KICK, .details = true},
    [REASON_INVVPID] = {EXIT_FORBIDDEN, .length = true},
    [REASON_WBINVD] = {EXIT_CACHE, .length = true},
    [REASON_XSETBV] = {EXIT_XSETBV, .length = true},
    [REASON_VMFUNC... REASON_ENCLS] = {EXIT_FORBIDDEN, .length = true},
    [REASON_XSAVES... REASON_PCONFIG] = {EXIT_FORBIDDEN, .length = true},
    [REASON_UMWAIT... REASON_ENCLV] = {EXIT_FORBIDDEN, .length = true},
    [REASON_ENQCMD... REASON_ENQCMDS] = {EXIT_FORBIDDEN, .length = true},
    [REASON_BUS_LOCK] = {EXIT_NUISANCE},
    [REASON_NOTIFY] = {EXIT_NUISANCE, .details = true},
};

static void interruptibility_change(uint64_t clear, uint64_t set)
{
    uint64_t value = vmread(VMCS_INTERRUPTIBILITY), wanted = (value & ~clear) | set;

    if (wanted != value)
        vmwrite(VMCS_INTERRUPTIBILITY, wanted);
}

/* The exit hit an IRET that had ended the blocking of NMIs, and is executed again: SDM3 28.2.3. */
static void nmi_reblock(const struct exit *exit, bool ended)
{
    if (ended && !exit->in_delivery)
        interruptibility_change(0, VMX_BLOCKED_NMI);
}

/* An exit on #DB leaves DR6 and DR7 to us (SDM3 28.1). INT1 comes after its instruction and touches neither. */
static void debug_fill(struct vcpu *vcpu, uint32_t event)
{
    uint64_t what = vmread(VMCS_QUALIFICATION);

    if ((event & EVENT_TYPE) == EVENT_INT1) {
        virt_skip(vcpu, vmread(VMCS_EXIT_LENGTH));
        return;
    }
    write_dr6(((read_dr6() & ~DR6_HITS) | (what & (DR6_HITS | DR6_BD | DR6_BS))) & ~(what & DR6_CLEARED));
    if (what & DR6_BD)
        vmwrite(VMCS_DR7, vmread(VMCS_DR7) & ~DR7_GD);
}

/* NMIs are blocked after an NMI exit until the handler's IRET. */
static void exception_fill(struct vcpu *vcpu, struct exit *exit)
{
    uint32_t event = (uint32_t)vmread(VMCS_EXIT_EVENT);

    if ((event & EVENT_TYPE) == EVENT_NMI) {
        nmi_again();
        kick_end(vmx_of(vcpu), &vmx_of(vcpu)->guest_copy);
        exit->kind = EXIT_KICK;
        return;
    }
    exit->exception.vector = (uint8_t)event;
    exit->exception.has_code = (event & EVENT_HAS_CODE) != 0;
    exit->exception.code = (uint32_t)vmread(VMCS_EXIT_EVENT_CODE);
    if (exit->exception.vector == VECTOR_MC)
        exit->kind = EXIT_MACHINE_CHECK;
    else if (exit->exception.vector == VECTOR_DB)
        debug_fill(vcpu, event);
    nmi_reblock(exit, (event & EVENT_NMI_UNBLOCKED) != 0);
}

static void fault_fill(struct exit *exit, uint64_t what)
{
    exit->fault.gpa = GPA(vmread(VMCS_GUEST_PHYSICAL));
    exit->fault.write = (what & EPT_FAULT_WRITE) != 0;
    exit->fault.fetch = (what & EPT_FAULT_FETCH) != 0;
    exit->fault.walk = (what & (EPT_FAULT_LINEAR | EPT_FAULT_TRANSLATED)) == EPT_FAULT_LINEAR;
    nmi_reblock(exit, (what & UNBLOCKED_BY_IRET) != 0);
}

static void exit_fill_details(struct vcpu *vcpu, uint32_t reason, struct exit *exit)
{
    uint64_t what = vmread(VMCS_QUALIFICATION);

    switch (reason) {
    case REASON_EXCEPTION:
        exception_fill(vcpu, exit);
        break;
    case REASON_CR:
        exit->cr = (uint8_t)CR_NUMBER(what);
        break;
    case REASON_IO:
        exit->io.port = IO_PORT(what);
        exit->io.size = (uint8_t)IO_SIZE(what);
        exit->io.in = (what & IO_IN) != 0;
        exit->io.string = (what & (IO_STRING | IO_REP)) != 0;
        break;
    case REASON_EPT_VIOLATION:
        fault_fill(exit, what);
        break;
    case REASON_TIMER:
        kick_end(vmx_of(vcpu), &vmx_of(vcpu)->guest_copy);
        break;
    case REASON_NOTIFY:
        if (what & NOTIFY_CONTEXT_INVALID)
            exit->kind = EXIT_UNKNOWN;
        nmi_reblock(exit, (what & UNBLOCKED_BY_IRET) != 0);
        break;
    default:
        break;
    }
}

/* An event whose delivery an exit interrupted is delivered again, unless the exit is about that delivery: then the handler decides. A
 * software interrupt is executed again: RIP is still at it. SDM3 28.2.4, 31.7.1.2. */
static void event_keep(uint32_t event, const struct exit *exit)
{
    if (exit->kind == EXIT_NESTED_FAULT || exit->kind == EXIT_EXCEPTION || exit->kind == EXIT_SHUTDOWN ||
        (event & EVENT_TYPE) >= EVENT_SOFTWARE_INTERRUPT)
        return;
    if ((event & EVENT_TYPE) == EVENT_NMI)
        interruptibility_change(VMX_BLOCKED_NMI, 0); /* it is not yet being served */
    if (event & EVENT_HAS_CODE)
        vmwrite(VMCS_EVENT_CODE, vmread(VMCS_VECTORING_CODE));
    vmwrite(VMCS_EVENT, event & (EVENT_VALID | EVENT_HAS_CODE | EVENT_TYPE | EVENT_VECTOR));
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
static const char *state_wrong(const struct vmx *b)
{
    struct vmx_guest_fields fields;

    guest_fields_read(&fields);
    return vmx_state_check(&fields, &b->capabilities);
}

/* The CPU, or our own check before the first entry of a life, refuses the guest's state. It costs the partition its life, so that the
 * line comes no oftener than restarts. */
static __attribute__((noinline)) void entry_failed(struct vcpu *vcpu, struct exit *exit, uint64_t refused)
{
    const char *rule = state_wrong(vmx_of(vcpu));
    uint64_t raw[3];

    vmx_of(vcpu)->refused = refused;
    virt_raw(vcpu, raw);
    *exit = (struct exit){.kind = EXIT_ENTRY_FAILED};
    log_line("partition %s: vcpu %u cannot be entered: code 0x%lx, qualification 0x%lx: %s", vcpu->partition->plan->name,
             vcpu->index, raw[0], raw[1], rule ? rule : "no rule that we know is broken");
}

/* No reason that has a row. A machine check at the entry itself has a reason like a refusal. */
static void exit_fill_odd(struct vcpu *vcpu, uint32_t reason, struct exit *exit)
{
    exit->kind = reason == (REASON_ENTRY_FAILED | REASON_ENTRY_MACHINE_CHECK) ? EXIT_MACHINE_CHECK : EXIT_UNKNOWN;
    if (exit->kind == EXIT_UNKNOWN && (reason & REASON_ENTRY_FAILED))
        entry_failed(vcpu, exit, 0);
}

static void exit_fill(struct vcpu *vcpu, struct exit *exit)
{
    uint32_t reason = (uint32_t)vmread(VMCS_EXIT_REASON) & (REASON_ENTRY_FAILED | REASON_BASIC);
    uint32_t vectoring = (uint32_t)vmread(VMCS_VECTORING);

    exit->in_delivery = false;
    exit->length = 0;
    if (reason >= ARRAY_SIZE(exit_rows)) {
        exit_fill_odd(vcpu, reason, exit);
        return;
    }
    exit->in_delivery = (vectoring & EVENT_VALID) != 0;
    exit->kind = exit_rows[reason].kind;
    if (exit_rows[reason].length)
        exit->length = (uint8_t)vmread(VMCS_EXIT_LENGTH);
    if (exit_rows[reason].level0 && VMX_RIGHTS_DPL(vmread(VMCS_SS_RIGHTS)) != 0)
        exit->kind = EXIT_FORBIDDEN;
    if (exit_rows[reason].details)
        exit_fill_details(vcpu, reason, exit);
    if (exit->in_delivery)
        event_keep(vectoring, exit);
}

/* True: entered, and out again, or refused with an exit reason. False: the instruction failed. */
static inline bool enter(struct guest_regs *regs, uint64_t launched)
{
    uint32_t failed;

    __asm__ volatile("call vmx_enter"
                     : "=a"(failed), "+D"(regs), "+S"(launched)
                     :
                     : "rbx", "rcx", "rdx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "cc", "memory");
    return failed == 0;
}

/* The part of virt_run() between the two looks at the clock. */
static inline void guest_run(struct vcpu *vcpu, struct vmx *b, struct exit *exit)
{
    if (!b->launched && state_wrong(b)) {
        entry_failed(vcpu, exit, REFUSED_BY_US);
    } else if (!enter(&vcpu->regs, b->launched)) {
        entry_failed(vcpu, exit, REFUSED_INSTRUCTION | vmread(VMCS_INSTRUCTION_ERROR));
    } else {
        atomic_store_explicit(&vcpu->alive, rdtsc(), memory_order_relaxed);
        b->launched = true; /* or refused, which ends this life */
        exit_fill(vcpu, exit);
    }
}

void virt_run(struct vcpu *vcpu, struct exit *exit)
{
    vcpu->counters.ticks += rdtsc() - atomic_load_explicit(&vcpu->alive, memory_order_relaxed);
    if (atomic_load_explicit(&vcpu->requests, memory_order_acquire) != 0) {
        atomic_store_explicit(&vcpu->alive, rdtsc(), memory_order_relaxed);
        exit->kind = EXIT_KICK;
        return;
    }
    guest_run(vcpu, vmx_of(vcpu), exit);
}

static void idle_exit_look(void)
{
    uint32_t reason = (uint32_t)vmread(VMCS_EXIT_REASON), event = (uint32_t)vmread(VMCS_EXIT_EVENT);

    INVARIANT(!(reason & REASON_ENTRY_FAILED), "the parking guest was refused");
    if ((reason & REASON_BASIC) != REASON_EXCEPTION)
        return;
    if ((event & EVENT_TYPE) == EVENT_NMI)
        nmi_again();
    else if ((event & EVENT_VECTOR) == VECTOR_MC)
        INVARIANT(arch_machine_check(true), "machine check on a parked core: the processor's context is corrupt");
}

void virt_idle(struct vcpu *vcpu)
{
    struct vmx *b = vmx_of(vcpu);
    struct guest_regs scratch = {0};

    vmcs_load(b->idle);
    vmwrite(VMCS_RIP, 0);
    vmwrite(VMCS_ACTIVITY, VMX_ACTIVE);
    if (atomic_load_explicit(&vcpu->requests, memory_order_acquire) == 0) {
        INVARIANT(enter(&scratch, b->idle_launched), "the parking guest was refused");
        b->idle_launched = true;
        idle_exit_look();
        kick_end(b, &b->idle_copy);
    }
    if (b->guest)
        vmcs_load(b->guest);
}

/* --- acting on a guest ----------------------------------------------------------------------------------------------------------- */

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
                                  .cs_default32 = (vmread(VMCS_CS_RIGHTS) & VMX_RIGHTS_DB) != 0,
                                  .cpl = (uint8_t)VMX_RIGHTS_DPL(vmread(VMCS_SS_RIGHTS))};
}

void virt_raw(const struct vcpu *vcpu, uint64_t raw[3])
{
    uint64_t refused = vmx_of(vcpu)->refused;

    raw[0] = refused ? refused : vmread(VMCS_EXIT_REASON);
    raw[1] = vmread(VMCS_QUALIFICATION);
    raw[2] = vmread(VMCS_GUEST_PHYSICAL);
}

/* The CPU reads these four at an entry from the VMCS, not from memory (SDM3 27.3.1.6); a write of CR3 that does not exit loads them
 * itself. What is not RAM reads as ones, which the entry refuses. */
static void pdptes_load(const struct vcpu *vcpu)
{
    const uint64_t *table;

    if (!(cr0_read() & CR0_PG) || !(vmread(VMCS_CR4_SHADOW) & CR4_PAE) || (vmread(VMCS_EFER) & EFER_LMA))
        return;
    table = partition_ram(vcpu->partition, GPA(vmread(VMCS_CR3) & 0xffffffe0), 4 * sizeof(*table));
    for (unsigned i = 0; i < 4; i++)
        vmwrite(VMCS_PDPTE0 + 2 * i, table ? __atomic_load_n(&table[i], __ATOMIC_RELAXED) : ~0ull);
}

/* Paging bits may have changed, and we did the write, not the CPU. */
static void paging_changed(const struct vcpu *vcpu)
{
    pdptes_load(vcpu);
    invvpid(INVALIDATE_ALL, (struct vmx_invalidate){0, 0});
}

void virt_set_cr0(struct vcpu *vcpu, uint64_t value)
{
    cr0_write(vmx_of(vcpu), value);
    paging_changed(vcpu);
}

void virt_set_cr4(struct vcpu *vcpu, uint64_t value)
{
    cr4_write(vmx_of(vcpu), value);
    paging_changed(vcpu);
}

void virt_set_efer(struct vcpu *vcpu, uint64_t value)
{
    vmwrite(VMCS_EFER, value);
    vmwrite(VMCS_ENTRY, vmx_of(vcpu)->controls.entry | (value & EFER_LMA ? VMX_ENTRY_GUEST_64 : 0));
}
