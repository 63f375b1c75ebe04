/* SPDX-License-Identifier: Apache-2.0 */
/* Intel back end of virt.h: the CPU, entries and kicks; with vmx_block.c, vmx_guest.c and vmx_exit.c. SDM3 24 to 28.
 *
 * Each core has a VMCS for its vcpu and one for its parking guest, and only it ever touches them. The vcpu's is the current one, but
 * inside virt_idle(). There is no GIF, so the race with a kick is closed by the preemption timer: see virt_nmi(). */
#include "virt.h"

#include "arch.h"
#include "console.h"
#include "memory.h"
#include "vmx.h"
#include "x86.h"

#define CR4_VMXE (1ull << 13)

/* What virt_raw() says of an entry that gave no exit reason. */
#define REFUSED_BY_US (1ull << 32)
#define REFUSED_INSTRUCTION (1ull << 33) /* + VM-instruction error, SDM3 31.4 */

static struct vmx blocks[MAX_CORES];

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

    vmx_maps_build();
    vcpu->virt = b;
    b->region = arch_hpa(pool_take(1)).v;
    b->idle = arch_hpa(pool_take(1)).v;
    if (vcpu->partition) /* else this core only ever parks */
        b->guest = arch_hpa(pool_take(1)).v;
}

/* SEP-4: such an access holds up all cores of the machine; its own gets #AC instead, whether the guest knows of that or not. */
static void split_locks_refuse(void)
{
    if ((cpuid(7, 0).edx & CPUID7_EDX_CORE_CAPABILITIES) && (rdmsr(MSR_CORE_CAPABILITIES) & CORE_CAPABILITIES_SPLIT_LOCK))
        wrmsr(MSR_MEMORY_CTRL, rdmsr(MSR_MEMORY_CTRL) | MEMORY_CTRL_SPLIT_LOCK);
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
    split_locks_refuse();
    translations_forget();
    vmx_block_make(b, 0);
    vmx_state_reset(b);
    vmx_copy_refresh(&b->idle_copy);
    if (b->guest) {
        vmx_block_make(b, vcpu->partition);
        virt_reset_sipi(vcpu, 0);
        vmx_copy_refresh(&b->guest_copy);
    }
    b->on = true;
}

const struct vmx_audit_copy *vmx_guest_copy(unsigned core)
{
    return blocks[core].guest ? &blocks[core].guest_copy : 0;
}

const struct vmx_audit_copy *vmx_idle_copy(unsigned core)
{
    return blocks[core].idle ? &blocks[core].idle_copy : 0;
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

void vmx_kick_end(const struct vmx *b, struct vmx_audit_copy *copy)
{
    vmwrite(VMCS_PIN, b->controls.pin);
    vmx_copy_refresh(copy);
}

/* The CPU, or our own check before the first entry of a life, refuses the guest's state. It costs the partition its life, so that the
 * line comes no oftener than restarts. */
__attribute__((noinline)) void vmx_entry_failed(struct vcpu *vcpu, struct exit *exit, uint64_t refused)
{
    const char *rule = vmx_state_wrong(vmx_of(vcpu));
    uint64_t raw[3];

    vmx_of(vcpu)->refused = refused;
    virt_raw(vcpu, raw);
    *exit = (struct exit){.kind = EXIT_ENTRY_FAILED};
    log_line("partition %s: vcpu %u cannot be entered: code 0x%lx, qualification 0x%lx: %s", vcpu->partition->plan->name,
             vcpu->index, raw[0], raw[1], rule ? rule : "no rule that we know is broken");
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

/* The part of virt_run() between the two looks at the clock. What the first entry of a life needs is done at that one only. */
static inline void guest_run(struct vcpu *vcpu, struct vmx *b, struct exit *exit)
{
    uint64_t launched = b->launched;

    if (!launched && vmx_state_wrong(b)) {
        vmx_entry_failed(vcpu, exit, REFUSED_BY_US);
        return;
    }
    if (!launched)
        b->launched = true; /* or refused, which ends this life */
    if (!enter(&vcpu->regs, launched)) {
        vmx_entry_failed(vcpu, exit, REFUSED_INSTRUCTION | vmread(VMCS_INSTRUCTION_ERROR));
        return;
    }
    atomic_store_explicit(&vcpu->alive, rdtsc(), memory_order_relaxed);
    vmx_exit_fill(vcpu, exit);
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

/* A machine check at the entry itself has a reason like a refusal, and leaves a VMCS that was not launched so. */
static void idle_exit_look(struct vmx *b)
{
    uint32_t reason = (uint32_t)vmread(VMCS_EXIT_REASON) & (REASON_ENTRY_FAILED | REASON_BASIC);
    uint32_t event = (uint32_t)vmread(VMCS_EXIT_EVENT);
    bool check = reason == (REASON_ENTRY_FAILED | REASON_ENTRY_MACHINE_CHECK);

    INVARIANT(check || !(reason & REASON_ENTRY_FAILED), "the parking guest was refused");
    b->idle_launched = b->idle_launched || !check;
    if (reason == REASON_EXCEPTION && (event & EVENT_TYPE) == EVENT_NMI)
        nmi_again();
    else if (check || (reason == REASON_EXCEPTION && (event & EVENT_VECTOR) == VECTOR_MC))
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
        idle_exit_look(b);
        vmx_kick_end(b, &b->idle_copy);
    }
    if (b->guest)
        vmcs_load(b->guest);
}

void virt_raw(const struct vcpu *vcpu, uint64_t raw[3])
{
    uint64_t refused = vmx_of(vcpu)->refused;

    raw[0] = refused ? refused : vmread(VMCS_EXIT_REASON);
    raw[1] = vmread(VMCS_QUALIFICATION);
    raw[2] = vmread(VMCS_GUEST_PHYSICAL);
}
