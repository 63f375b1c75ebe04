/* SPDX-License-Identifier: Apache-2.0 */
/* From what the CPU says of an exit to the vendor-neutral record. SDM3 25.9, 28.2, appendix C. */
#include "virt.h"
#include "vmx.h"
#include "x86_bits.h"

#define DR6_HITS 0xfull
#define DR6_BD (1ull << 13)
#define DR6_BS (1ull << 14)
#define DR6_CLEARED (1ull << 11 | 1ull << 16) /* 0 says that it happened: bus lock, RTM */
#define DR7_GD (1ull << 13)

static const struct exit_row {
    uint8_t kind;
    bool length;  /* an instruction's, which the CPU measures */
    bool level0;  /* from privilege levels other than 0: #UD */
    bool details; /* more to say: exit_fill_details() */
} exit_rows[REASON_COUNT] = {
    [REASON_EXCEPTION] = {EXIT_EXCEPTION, .details = true},
    [REASON_TRIPLE_FAULT] = {EXIT_SHUTDOWN},
    [REASON_INIT] = {EXIT_KICK}, /* no guest can send one; nor has one any other effect here, not even the chipset's: CFG-645 */
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
    [REASON_SEAMCALL... REASON_TDCALL] = {EXIT_FORBIDDEN, .length = true},
};

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
        vmx_kick_end(vmx_of(vcpu), &vmx_of(vcpu)->guest_copy);
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
        vmx_kick_end(vmx_of(vcpu), &vmx_of(vcpu)->guest_copy);
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

/* No reason that has a row. A machine check at the entry itself has a reason like a refusal. */
static void exit_fill_odd(struct vcpu *vcpu, uint32_t reason, struct exit *exit)
{
    exit->kind = reason == (REASON_ENTRY_FAILED | REASON_ENTRY_MACHINE_CHECK) ? EXIT_MACHINE_CHECK : EXIT_UNKNOWN;
    if (exit->kind == EXIT_UNKNOWN && (reason & REASON_ENTRY_FAILED))
        vmx_entry_failed(vcpu, exit, 0);
}

void vmx_exit_fill(struct vcpu *vcpu, struct exit *exit)
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
