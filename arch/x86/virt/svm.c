/* SPDX-License-Identifier: Apache-2.0 */
/* AMD back end of virt.h: nested paging, everything intercepted first, then opened by a row with its reason. APM2 15.
 *
 * Nothing here depends on next-RIP save, decode assists, clean bits or flush-by-ASID; next-RIP is used where the CPU has it. */
#include "virt.h"

#include "arch.h"
#include "crash.h"
#include "lapic.h"
#include "memory.h"
#include "nested.h"
#include "policy.h"
#include "vmcb.h"
#include "x86.h"

#define GUEST_PAT 0x0007040600070406ull /* after reset: SDM3 11.12.4, APM2 7.8.2 */
#define ASID_GUEST(partition) ((partition) + 2u)
#define ASID_IDLE 1u
#define VM_CR_SVMDIS (1ull << 4)

static struct svm {
    struct vmcb *guest; /* of the vcpu */
    struct vmcb *idle;  /* of the parking guest */
    struct vmcb *host;  /* what VMLOAD gives back to us: FS, GS, TR, LDTR, system call MSRs */
    void *save;         /* host state save area, the CPU's own: APM2 15.30.4 */
    uint64_t guest_hpa, idle_hpa, host_hpa;
} blocks[MAX_CORES];
static uint8_t *io_map;  /* shared by all: every port exits */
static uint8_t *msr_map; /* shared by all: the same policy for every partition */
static hpa_t idle_root;
static bool next_rip; /* the CPU saves it */

/* --- what is opened, and why ------------------------------------------------------------------------------------------- */

/* PERF-1: what a partition does all the time is here. */
static const struct open_row {
    uint32_t first, last; /* exit codes */
    const char *why;
} open_rows[] = {
    {VMEXIT_INTR, VMEXIT_INTR, "interrupts are the partition's own: delivered by its IDT, no exit"},
    {VMEXIT_SMI, VMEXIT_SMI, "firmware's; an intercept would only delay it"},
    {VMEXIT_VINTR, VMEXIT_VINTR, "no virtual interrupts are used"},
    {VMEXIT_IDTR_READ, VMEXIT_TR_WRITE, "in the block: the guest's own"},
    {VMEXIT_RDTSC, VMEXIT_RDTSC, "reading time harms nobody and must cost nothing"},
    {VMEXIT_PUSHF, VMEXIT_POPF, "the guest's own flags"},
    {VMEXIT_IRET, VMEXIT_IRET, "armed only while an NMI of the guest is served"},
    {VMEXIT_INT_N, VMEXIT_INT_N, "the guest's own IDT"},
    {VMEXIT_PAUSE, VMEXIT_HLT, "the core is the partition's for ever; an NMI gets it back"},
    {VMEXIT_INVLPG, VMEXIT_INVLPG, "its own translations, tagged with its ASID"},
    {VMEXIT_RDTSCP, VMEXIT_RDTSCP, "as RDTSC; TSC_AUX is the guest's own"},
    {VMEXIT_ICEBP, VMEXIT_ICEBP, "raises #DB, which is intercepted"},
    {VMEXIT_EFER_TRAP, VMEXIT_EFER_TRAP + 16, "EFER and CR writes exit before they happen, where they do"},
    {VMEXIT_INVPCID, VMEXIT_INVPCID, "its own translations"},
};

static void intercepts_fill(struct vmcb *v)
{
    static const uint32_t all[ARRAY_SIZE(v->intercepts)] = {
        /* CR0 writes that change more than TS and MP exit by the selective bit; CR3, CR2, CR8 and reads are the guest's own. So
         * are debug registers: DR6 and DR7 are in the block, DR0 to DR3 unused by us and cleared at a restart. */
        [0] = INTERCEPT_BIT(VMEXIT_CR_WRITE + 4),
        /* #DB and #AC: a loop of either in microcode would shut out NMIs (CVE-2015-5307, CVE-2015-8104). #MC: ours to look at. */
        [2] = 1u << VECTOR_DB | 1u << VECTOR_AC | 1u << VECTOR_MC,
        [3] = ~0u,
        [4] = ~0u,
        [5] = INTERCEPT_BIT(VMEXIT_TLBSYNC + 1) - 1,
    };

    memcpy(v->intercepts, all, sizeof(all));
    for (unsigned i = 0; i < ARRAY_SIZE(open_rows); i++)
        for (uint32_t code = open_rows[i].first; code <= open_rows[i].last; code++)
            v->intercepts[code / 32] &= ~INTERCEPT_BIT(code);
}

/* Two bits per MSR, 2 KiB per range of 8,192: APM2 15.11. All set, then the open rows cleared. */
static void msr_map_open(const struct msr_row *row)
{
    for (unsigned range = 0; range < 3; range++) {
        for (uint32_t msr = row->first; msr <= row->last && msr - VMCB_MSR_BASE(range) < VMCB_MSR_RANGE; msr++) {
            uint32_t bit = 2 * (msr - VMCB_MSR_BASE(range));
            unsigned open = (row->read == MSR_OPEN ? 1u : 0) | (row->write == MSR_OPEN ? 2u : 0);

            msr_map[2048 * range + bit / 8] &= (uint8_t) ~(open << bit % 8);
        }
    }
}

static void maps_build(void)
{
    static const uint8_t idle_code[] = {0xfa, 0xf4, 0xeb, 0xfd}; /* cli; 1: hlt; jmp 1b */
    uint8_t *page = pool_take(1);
    struct nested_region region = {GPA(0), arch_hpa(page), PAGE_SIZE, NESTED_EXECUTE};

    io_map = pool_take(VMCB_IO_MAP_PAGES);
    memset(io_map, 0xff, VMCB_IO_MAP_PAGES * PAGE_SIZE);
    msr_map = pool_take(VMCB_MSR_MAP_PAGES);
    memset(msr_map, 0xff, VMCB_MSR_MAP_PAGES * PAGE_SIZE);
    for (unsigned i = 0; i < msr_row_count; i++)
        msr_map_open(&msr_rows[i]);
    for (unsigned i = 0; lapic_is_x2apic() && i < msr_x2apic_row_count; i++)
        msr_map_open(&msr_x2apic_rows[i]);
    memcpy(page, idle_code, sizeof(idle_code));
    idle_root = nested_build(&region, 1);
}

const struct vmcb *svm_guest_block(unsigned core)
{
    return blocks[core].guest;
}

const struct vmcb *svm_idle_block(unsigned core)
{
    return blocks[core].idle;
}

#define SEGMENT_32 8u /* of a system descriptor's type: APM2 4.8.3 */

/* --- control blocks -------------------------------------------------------------------------------------------------------- */

/* Once: while the core lives, only the IRET intercept changes. The audit reads these fields from another core at any moment. */
static void control_fill(struct vmcb *v, uint64_t root, uint32_t asid)
{
    intercepts_fill(v);
    v->io_map = arch_hpa(io_map).v;
    v->msr_map = arch_hpa(msr_map).v;
    v->asid = asid;
    v->nested_control = VMCB_NESTED_ENABLE;
    v->nested_root = root;
}

/* Without MCE a machine check that hits a guest would shut the processor down. Reads of CR4 do not exit: a guest sees it set. */
static void cr4_write(struct vmcb *v, uint64_t value)
{
    v->cr4 = value | CR4_MCE;
}

/* No register of an earlier life is left (SEP-9). What the audit reads is never wrong in between, not even for one store. */
static void state_clear(struct vmcb *v)
{
    v->intercepts[VMEXIT_IRET / 32] &= ~INTERCEPT_BIT(VMEXIT_IRET);
    v->tlb_control = VMCB_TLB_FLUSH_ALL; /* at the first entry: nothing of an earlier life (AC-24) */
    v->interrupt_control = v->interrupt_state = v->event = 0;
    v->exit_code = v->exit_info1 = v->exit_info2 = v->exit_event = v->next_rip = 0;
    memset(&v->es, 0, offsetof(struct vmcb, cr4) - offsetof(struct vmcb, es));
    cr4_write(v, 0);
    memset(&v->cr3, 0, sizeof(*v) - offsetof(struct vmcb, cr3));
    v->pat = GUEST_PAT;
    v->efer = EFER_SVME;
    v->rflags = 2;
    v->dr6 = 0xffff0ff0;
    v->dr7 = 0x400;
}

static struct vmcb_segment segment(uint16_t selector, uint32_t attributes, uint32_t limit, uint64_t base)
{
    return (struct vmcb_segment){selector, (uint16_t)attributes, limit, base};
}

static void data_segments_fill(struct vmcb *v, struct vmcb_segment data)
{
    v->ds = v->es = v->ss = v->fs = v->gs = data;
    v->ldtr = segment(0, VMCB_SEGMENT_LDT, 0xffff, 0);
    v->tr = segment(0, VMCB_SEGMENT_TSS, 0xffff, 0);
}

static void real_mode_fill(struct vmcb *v, uint8_t vector)
{
    v->cr0 = CR0_ET;
    v->cs = segment((uint16_t)(vector << 8), VMCB_SEGMENT_CODE16, 0xffff, (uint64_t)vector << 12);
    data_segments_fill(v, segment(0, VMCB_SEGMENT_DATA16, 0xffff, 0));
    v->gdtr = v->idtr = segment(0, 0, 0xffff, 0);
}

static struct svm *svm_of(const struct vcpu *vcpu)
{
    return vcpu->virt;
}

static struct vmcb *guest_rebuild(struct vcpu *vcpu)
{
    struct vmcb *v = svm_of(vcpu)->guest;

    state_clear(v);
    memset(&vcpu->regs, 0, sizeof(vcpu->regs));
    vcpu->pat = GUEST_PAT;
    return v;
}

void virt_reset_entry(struct vcpu *vcpu, const struct plan_entry *entry)
{
    struct vmcb *v = guest_rebuild(vcpu);

    v->cr0 = CR0_PE | CR0_ET;
    v->cs = segment(0x10, VMCB_SEGMENT_CODE32, 0xffffffff, 0);
    data_segments_fill(v, segment(0x18, VMCB_SEGMENT_DATA32, 0xffffffff, 0));
    v->rip = entry->eip;
    vcpu->regs.r[REG_RAX] = entry->eax;
    vcpu->regs.r[REG_RBX] = entry->ebx;
    vcpu->regs.r[REG_RSI] = entry->esi;
}

void virt_reset_sipi(struct vcpu *vcpu, uint8_t vector)
{
    real_mode_fill(guest_rebuild(vcpu), vector);
}

void virt_vcpu_init(struct vcpu *vcpu)
{
    struct svm *s = &blocks[vcpu->core];

    if (io_map == 0)
        maps_build();
    s->idle = pool_take(1);
    s->host = pool_take(1);
    s->save = pool_take(1);
    vcpu->virt = s;
    s->idle_hpa = arch_hpa(s->idle).v;
    s->host_hpa = arch_hpa(s->host).v;
    control_fill(s->idle, idle_root.v, ASID_IDLE);
    state_clear(s->idle);
    real_mode_fill(s->idle, 0);
    if (vcpu->partition == 0)
        return; /* a core that no partition owns only ever parks */
    s->guest = pool_take(1);
    s->guest_hpa = arch_hpa(s->guest).v;
    control_fill(s->guest, vcpu->partition->nested_root, ASID_GUEST(vcpu->partition->index));
    real_mode_fill(guest_rebuild(vcpu), 0);
}

/* --- the CPU ------------------------------------------------------------------------------------------------------------------ */

const char *virt_check(void)
{
    if (cpuid(0x80000000, 0).eax < 0x8000000a || !(cpuid(0x80000001, 0).ecx & (1u << 2)))
        return "VIRT-1: this CPU has no SVM (CPUID 8000_0001h ECX[2] is 0); use a CPU with AMD-V, or a board of another vendor";
    if (rdmsr(MSR_VM_CR) & VM_CR_SVMDIS)
        return "VIRT-2: SVM is switched off (VM_CR.SVMDIS); enable virtualisation in the firmware's setup";
    if (!(cpuid(0x8000000a, 0).edx & 1u))
        return "VIRT-3: this CPU has SVM but no nested paging (CPUID 8000_000Ah EDX[0] is 0)";
    if (cpuid(0x8000000a, 0).ebx <= MAX_PARTITIONS + 2 && cpuid(0x8000000a, 0).ebx <= plan.partition_count + 2)
        return "VIRT-4: too few address space identifiers for this product (CPUID 8000_000Ah EBX)";
    return 0;
}

void virt_cpu_on(void)
{
    struct svm *s = &blocks[arch_core()];

    next_rip = (cpuid(0x8000000a, 0).edx & (1u << 3)) != 0;
    wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_SVME);
    wrmsr(MSR_VM_HSAVE_PA, arch_hpa(s->save).v);
    __asm__ volatile("vmsave %0" : : "a"(s->host_hpa) : "memory");
}

/* An NMI that comes while GIF is 0 is held until VMRUN and leaves the guest at once: svm_enter.S. */
void virt_nmi(void)
{
}

/* --- exits ------------------------------------------------------------------------------------------------------------------------ */

/* Kind and instruction length by exit code. Prefixed forms are longer: that hurts only their author (docs/CAVEATS.md). */
static const struct exit_row {
    uint8_t kind, length;
    bool plain;     /* nothing more to say than kind and length */
    bool forbidden; /* from privilege levels other than 0: #UD */
} exit_rows[256] = {
    [VMEXIT_CR_WRITE + 4] = {EXIT_CR_WRITE, 0},
    [VMEXIT_CR0_SELECTIVE] = {EXIT_CR_WRITE, 0},
    [VMEXIT_EXCEPTION + VECTOR_DB] = {EXIT_EXCEPTION, 0},
    [VMEXIT_EXCEPTION + VECTOR_AC] = {EXIT_EXCEPTION, 0},
    [VMEXIT_EXCEPTION + VECTOR_MC] = {EXIT_MACHINE_CHECK, 0},
    [VMEXIT_NMI] = {EXIT_KICK, 0},
    [VMEXIT_INIT] = {EXIT_KICK, 0}, /* nobody can send one: trapped ICRs are the only source */
    [VMEXIT_RDPMC] = {EXIT_PRIVILEGED, 2},
    [VMEXIT_CPUID] = {EXIT_CPUID, 2, true},
    [VMEXIT_RSM] = {EXIT_FORBIDDEN, 2},
    [VMEXIT_IRET] = {EXIT_NMI_UNBLOCKED, 0},
    [VMEXIT_INVD] = {EXIT_CACHE, 2},
    [VMEXIT_INVLPGA] = {EXIT_FORBIDDEN, 3},
    [VMEXIT_IO] = {EXIT_IO, 0},
    [VMEXIT_MSR] = {EXIT_MSR_READ, 2},
    [VMEXIT_TASK_SWITCH] = {EXIT_TASK_SWITCH, 0},
    [VMEXIT_SHUTDOWN] = {EXIT_SHUTDOWN, 0},
    [VMEXIT_VMRUN] = {EXIT_FORBIDDEN, 3},
    [VMEXIT_VMMCALL] = {EXIT_HYPERCALL, 3, true, true},
    [VMEXIT_VMLOAD... VMEXIT_SKINIT] = {EXIT_FORBIDDEN, 3},
    [VMEXIT_WBINVD] = {EXIT_CACHE, 2},
    [VMEXIT_MONITOR... VMEXIT_MWAIT_ARMED] = {EXIT_FORBIDDEN, 3},
    [VMEXIT_XSETBV] = {EXIT_XSETBV, 3},
    [VMEXIT_RDPRU] = {EXIT_FORBIDDEN, 3},
    [VMEXIT_INVLPGB... VMEXIT_INVLPGB_ILLEGAL] = {EXIT_FORBIDDEN, 3},
    [VMEXIT_MCOMMIT] = {EXIT_FORBIDDEN, 4},
    [VMEXIT_TLBSYNC] = {EXIT_FORBIDDEN, 3},
};

static void exit_fill_fault(const struct vmcb *v, struct exit *exit)
{
    exit->kind = EXIT_NESTED_FAULT;
    exit->length = 0;
    exit->fault.gpa = GPA(v->exit_info2);
    exit->fault.write = (v->exit_info1 & VMCB_FAULT_WRITE) != 0;
    exit->fault.fetch = (v->exit_info1 & VMCB_FAULT_FETCH) != 0;
    exit->fault.walk = (v->exit_info1 & VMCB_FAULT_WALK) != 0;
}

static void exit_fill_details(struct vmcb *v, struct exit *exit)
{
    uint32_t code = (uint32_t)v->exit_code;

    switch (exit->kind) {
    case EXIT_MSR_READ:
        if (v->exit_info1 & 1)
            exit->kind = EXIT_MSR_WRITE;
        break;
    case EXIT_IO:
        exit->io.port = VMCB_IO_PORT(v->exit_info1);
        exit->io.size = (uint8_t)VMCB_IO_SIZE(v->exit_info1);
        exit->io.in = (v->exit_info1 & VMCB_IO_IN) != 0;
        exit->io.string = (v->exit_info1 & (VMCB_IO_STRING | VMCB_IO_REP)) != 0;
        exit->length = (uint8_t)(v->exit_info2 - v->rip); /* exit_info2: the next RIP, APM2 15.10.2 */
        break;
    case EXIT_CR_WRITE:
        exit->cr = code == VMEXIT_CR_WRITE + 4 ? 4 : 0;
        /* LMA follows from LME and paging. Bochs 2.7 has changed it already, for the CR0 that is not written yet. */
        v->efer = (v->efer & ~EFER_LMA) | ((v->efer & EFER_LME) && (v->cr0 & CR0_PG) ? EFER_LMA : 0);
        break;
    case EXIT_EXCEPTION:
    case EXIT_MACHINE_CHECK:
        exit->exception.vector = (uint8_t)(code - VMEXIT_EXCEPTION);
        exit->exception.has_code = exit->exception.vector == VECTOR_AC;
        exit->exception.code = (uint32_t)v->exit_info1;
        break;
    default:
        break;
    }
}

/* An event whose delivery an exit interrupted is delivered again, unless the exit is about that delivery: then the handler
 * decides. A software interrupt is executed again: RIP is still at it. QEMU 7.2 labels interrupts as exceptions; a vector above
 * 31 is never one. APM2 15.7.2. */
static void event_keep(struct vmcb *v, const struct exit *exit)
{
    uint64_t event = v->exit_event;

    if (exit->kind == EXIT_NESTED_FAULT || exit->kind == EXIT_EXCEPTION || exit->kind == EXIT_SHUTDOWN ||
        (event & VMCB_EVENT_TYPE) == VMCB_EVENT_SOFTWARE)
        return;
    if ((event & VMCB_EVENT_TYPE) == VMCB_EVENT_EXCEPTION && (event & VMCB_EVENT_VECTOR) > 31)
        event &= ~VMCB_EVENT_TYPE;
    v->event = event;
}

static void exit_fill(struct vmcb *v, struct exit *exit)
{
    uint64_t code = v->exit_code;

    exit->in_delivery = (v->exit_event & VMCB_EVENT_VALID) != 0;
    if (code < ARRAY_SIZE(exit_rows)) {
        exit->kind = exit_rows[code].kind;
        exit->length = exit_rows[code].length;
        if (next_rip && exit->length != 0)
            exit->length = (uint8_t)(v->next_rip - v->rip);
        if (exit_rows[code].forbidden && v->cpl != 0)
            exit->kind = EXIT_FORBIDDEN;
        if (!exit_rows[code].plain)
            exit_fill_details(v, exit);
    } else if (code == VMEXIT_NESTED_FAULT) {
        exit_fill_fault(v, exit);
    } else {
        exit->kind = (uint32_t)code == VMEXIT_INVALID ? EXIT_ENTRY_FAILED : EXIT_UNKNOWN;
        exit->length = 0;
    }
    if (exit->in_delivery)
        event_keep(v, exit);
}

/* True: entered, and out again. False: a request is waiting. */
static inline bool enter(struct guest_regs *regs, uint64_t guest, uint64_t host, _Atomic uint32_t *requests)
{
    uint32_t waiting;

    __asm__ volatile("call svm_enter"
                     : "=a"(waiting), "+D"(regs), "+S"(guest), "+d"(host), "+c"(requests)
                     :
                     : "rbx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "cc", "memory");
    return waiting == 0;
}

/* As relaxed atomic accesses, which gcc makes through an address that it keeps on the stack: this core alone writes it, in one store. */
static inline volatile uint64_t *alive_of(struct vcpu *vcpu)
{
    return (volatile uint64_t *)&vcpu->alive;
}

/* Costs about 60 instructions for the switch itself, 40 for time and the record. */
void virt_run(struct vcpu *vcpu, struct exit *exit)
{
    struct svm *s = svm_of(vcpu);
    struct vmcb *v = s->guest;

    v->rax = vcpu->regs.r[REG_RAX];
    vcpu->counters.ticks += rdtsc() - *alive_of(vcpu);
    if (__builtin_expect(!enter(&vcpu->regs, s->guest_hpa, s->host_hpa, &vcpu->requests), 0)) {
        *alive_of(vcpu) = rdtsc();
        exit->kind = EXIT_KICK;
        return;
    }
    *alive_of(vcpu) = rdtsc();
    vcpu->regs.r[REG_RAX] = v->rax;
    v->event = 0;
    v->tlb_control = 0;
    exit_fill(v, exit);
}

void virt_idle(struct vcpu *vcpu)
{
    struct svm *s = svm_of(vcpu);
    struct guest_regs scratch = {0};

    s->idle->rip = 0;
    enter(&scratch, s->idle_hpa, s->host_hpa, &vcpu->requests);
    s->idle->tlb_control = 0;
    if (s->idle->exit_code == VMEXIT_EXCEPTION + VECTOR_MC)
        INVARIANT(arch_machine_check(true), "machine check on a parked core: the processor's context is corrupt");
}

/* --- acting on a guest ----------------------------------------------------------------------------------------------------------- */

void virt_skip(struct vcpu *vcpu, uint64_t length)
{
    struct vmcb *v = svm_of(vcpu)->guest;
    bool long_code = (v->cs.attributes & VMCB_SEGMENT_LONG) && (v->efer & EFER_LMA);

    v->rip += length;
    if (!long_code)
        v->rip &= 0xffffffff;
    v->interrupt_state = 0;
}

void virt_inject_fault(struct vcpu *vcpu, uint8_t vector, bool has_code, uint32_t code)
{
    svm_of(vcpu)->guest->event = VMCB_EVENT_VALID | VMCB_EVENT_EXCEPTION | vector |
                                 (has_code ? VMCB_EVENT_HAS_CODE | (uint64_t)code << VMCB_EVENT_CODE_SHIFT : 0);
}

/* As an interrupt with the NMI's vector. As an NMI it would block our own ones on a CPU that takes injection for delivery, until an
 * IRET of the guest that may never come (Bochs 2.7 does). What blocks the guest's next one is vcpu->nmi_blocked. APM2 15.20. */
bool virt_inject_nmi(struct vcpu *vcpu)
{
    struct vmcb *v = svm_of(vcpu)->guest;

    if (v->event & VMCB_EVENT_VALID)
        return false;
    v->event = VMCB_EVENT_VALID | VMCB_EVENT_INTERRUPT | VECTOR_NMI;
    v->intercepts[VMEXIT_IRET / 32] |= INTERCEPT_BIT(VMEXIT_IRET);
    return true;
}

void virt_nmi_unblocked(struct vcpu *vcpu)
{
    svm_of(vcpu)->guest->intercepts[VMEXIT_IRET / 32] &= ~INTERCEPT_BIT(VMEXIT_IRET);
}

void virt_state(const struct vcpu *vcpu, struct guest_state *state)
{
    const struct vmcb *v = svm_of(vcpu)->guest;

    *state = (struct guest_state){.rip = v->rip,
                                  .rsp = v->rsp,
                                  .rflags = v->rflags,
                                  .cr0 = v->cr0,
                                  .cr2 = v->cr2,
                                  .cr3 = v->cr3,
                                  .cr4 = v->cr4 & ~CR4_MCE,
                                  .efer = v->efer & ~EFER_SVME,
                                  .cs_base = v->cs.base,
                                  .cs_long = (v->cs.attributes & VMCB_SEGMENT_LONG) && (v->efer & EFER_LMA),
                                  .no_long = (v->cs.attributes & VMCB_SEGMENT_LONG) || !(v->tr.attributes & SEGMENT_32),
                                  .cs_default32 = (v->cs.attributes & VMCB_SEGMENT_DEFAULT32) != 0,
                                  .cpl = v->cpl};
}

void virt_raw(const struct vcpu *vcpu, uint64_t raw[3])
{
    const struct vmcb *v = svm_of(vcpu)->guest;

    raw[0] = v->exit_code;
    raw[1] = v->exit_info1;
    raw[2] = v->exit_info2;
}

/* The entries of PAE paging are looked at when they are used: APM2 15.25.10. */
bool virt_set_cr0(struct vcpu *vcpu, uint64_t value)
{
    svm_of(vcpu)->guest->cr0 = value;
    svm_of(vcpu)->guest->tlb_control = VMCB_TLB_FLUSH_ALL; /* paging bits may have changed, and we did the write, not the CPU */
    return true;
}

bool virt_set_cr4(struct vcpu *vcpu, uint64_t value)
{
    cr4_write(svm_of(vcpu)->guest, value);
    svm_of(vcpu)->guest->tlb_control = VMCB_TLB_FLUSH_ALL;
    return true;
}

void virt_set_efer(struct vcpu *vcpu, uint64_t value)
{
    svm_of(vcpu)->guest->efer = value | EFER_SVME; /* VMRUN demands it: APM2 15.5.1 */
}
