/* SPDX-License-Identifier: Apache-2.0 */
/* The AMD back end without the processor: control blocks as they are built, and exits as the record tells them. svm_enter is a
 * function here that plays the guest. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "../../arch/x86/virt/vmcb.h"
#include "audit.h"
#include "each_step.h"
#include "fake_arch.h"
#include "fake_plan.h"
#include "lapic.h"
#include "policy.h"
#include "virt.h"
#include "x86.h"

const struct msr_row msr_rows[] = {{0x174, 0x176, MSR_OPEN, MSR_OPEN, "test"},
                                   {0xc0000082, 0xc0000082, MSR_OPEN, MSR_DENY, "test"}};
const unsigned msr_row_count = ARRAY_SIZE(msr_rows);
const struct msr_row msr_x2apic_rows[] = {{0x80b, 0x80b, MSR_DENY, MSR_OPEN, "test"}};
const unsigned msr_x2apic_row_count = 1;

static struct {
    bool waiting;
    uint64_t code, info1, info2, event, next_rip;
    unsigned entries;
    uint64_t seen_event;
    uint8_t seen_flush;
} guest;
static bool x2apic;
static struct partition partition;
static struct vcpu *const vcpu = &vcpus[0];
struct vcpu vcpus[MAX_CORES];
struct partition partitions[MAX_PARTITIONS];

bool lapic_is_x2apic(void)
{
    return x2apic;
}

int svm_enter(struct guest_regs *regs, uint64_t guest_hpa, uint64_t host, _Atomic uint32_t *requests);
__attribute__((force_align_arg_pointer)) int svm_enter(struct guest_regs *regs, uint64_t guest_hpa, uint64_t host,
                                                       _Atomic uint32_t *requests)
{
    struct vmcb *v = (struct vmcb *)guest_hpa;

    (void)host;
    if (guest.waiting || *requests)
        return 1;
    guest.entries++;
    guest.seen_event = v->event;
    guest.seen_flush = v->tlb_control;
    regs->r[REG_RDX] = 0x77;
    v->rax++;
    v->exit_code = guest.code;
    v->exit_info1 = guest.info1;
    v->exit_info2 = guest.info2;
    v->exit_event = guest.event;
    v->next_rip = guest.next_rip;
    return 0;
}

static struct vmcb *block(void)
{
    return (struct vmcb *)svm_guest_block(0);
}

static int setup(void **state)
{
    static bool built;
    struct plan_entry entry = {.eip = 0x123456, .eax = 1, .ebx = 2, .esi = 3};

    (void)state;
    memset(&guest, 0, sizeof(guest));
    if (!built) {
        fake_reset();
        fake_plan_reset();
        fake_x86_reset();
        partition = (struct partition){.plan = &fake_plan_partitions[1], .index = 1, .nested_root = 0xabc000};
        vcpu->partition = &partition;
        x2apic = true;
        virt_vcpu_init(vcpu);
        vcpus[3].core = 3;
        virt_vcpu_init(&vcpus[3]); /* owned by nobody */
        built = true;
    }
    virt_reset_entry(vcpu, &entry);
    vcpu->requests = 0;
    return 0;
}

static struct exit leave(uint64_t code, uint64_t info1, uint64_t info2)
{
    struct exit exit;

    memset(&exit, 0xee, sizeof(exit));
    guest.code = code;
    guest.info1 = info1;
    guest.info2 = info2;
    virt_run(vcpu, &exit);
    return exit;
}

static void entry_state_is_flat_protected_mode(void **state)
{
    struct guest_state s;

    (void)state;
    virt_state(vcpu, &s);
    assert_int_equal(s.rip, 0x123456);
    assert_int_equal(s.cr0, CR0_PE | CR0_ET);
    assert_int_equal(s.cr4, 0);
    assert_int_equal(s.efer, 0);
    assert_int_equal(s.rflags, 2);
    assert_true(s.cs_default32 && !s.cs_long && s.cpl == 0 && !s.no_long);
    block()->cs.attributes |= VMCB_SEGMENT_LONG;
    virt_state(vcpu, &s);
    assert_true(s.no_long && !s.cs_long);
    block()->cs.attributes &= (uint16_t)~VMCB_SEGMENT_LONG;
    block()->tr.attributes = 0x83; /* busy, of 16 bits */
    virt_state(vcpu, &s);
    assert_true(s.no_long);
    assert_int_equal(vcpu->regs.r[REG_RAX], 1);
    assert_int_equal(vcpu->regs.r[REG_RBX], 2);
    assert_int_equal(vcpu->regs.r[REG_RSI], 3);
    assert_int_equal(vcpu->regs.r[REG_RDX], 0);
    assert_int_equal(block()->dr7, 0x400);
    assert_int_equal(block()->efer, EFER_SVME);
}

static void sep9_reset_leaves_nothing(void **state)
{
    struct plan_entry entry = {.eip = 0x100000};
    struct vmcb fresh;

    (void)state;
    virt_reset_entry(vcpu, &entry);
    fresh = *block();
    memset(&block()->es, 0xa5, sizeof(struct vmcb) - offsetof(struct vmcb, es));
    memset(&block()->interrupt_control, 0xa5, offsetof(struct vmcb, nested_control) - offsetof(struct vmcb, interrupt_control));
    block()->event = block()->next_rip = ~0ull;
    block()->intercepts[VMEXIT_IRET / 32] |= INTERCEPT_BIT(VMEXIT_IRET);
    block()->tlb_control = 0;
    memset(&vcpu->regs, 0xa5, sizeof(vcpu->regs));
    virt_reset_entry(vcpu, &entry);
    assert_memory_equal(block(), &fresh, sizeof(fresh));
    for (unsigned i = 0; i < 16; i++)
        assert_int_equal(vcpu->regs.r[i], 0);
    assert_int_equal(block()->tlb_control, VMCB_TLB_FLUSH_ALL);
}

static const char *seen_missing;
static uint64_t seen_changes;

/* As the audit sees it from another core. */
static void look(void)
{
    static struct audit_control first;
    struct audit_control now;

    audit_control(0, &now);
    if (first.io_map == 0)
        first = now;
    seen_changes += memcmp(&first, &now, sizeof(now)) != 0;
    if (now.missing != 0 || now.idle_missing != 0)
        seen_missing = now.missing != 0 ? now.missing : now.idle_missing;
}

/* AC-50: the audit may come between any two instructions of a life cycle, and a finding of it ends everything. */
static void sep4_the_audit_never_sees_a_reset_half_done(void **state)
{
    struct plan_entry entry = {.eip = 0x100000};
    struct exit exit;
    unsigned steps;

    (void)state;
    seen_missing = 0;
    seen_changes = 0;
    look();
    guest.code = VMEXIT_CPUID;
    each_step_begin(look);
    for (unsigned i = 0; i < 2; i++) {
        virt_reset_sipi(vcpu, 0x10);
        virt_run(vcpu, &exit);
        virt_inject_nmi(vcpu);
        virt_reset_entry(vcpu, &entry);
        virt_inject_nmi(vcpu);
        virt_nmi_unblocked(vcpu);
        virt_set_cr4(vcpu, CR4_PAE);
        virt_set_efer(vcpu, EFER_NXE);
    }
    steps = each_step_end();
    assert_true(steps > 500);
    assert_null(seen_missing);
    assert_true(seen_changes == 0);
}

static void sipi_state_is_real_mode(void **state)
{
    (void)state;
    virt_reset_sipi(vcpu, 0x9a);
    assert_int_equal(block()->cs.selector, 0x9a00);
    assert_int_equal(block()->cs.base, 0x9a000);
    assert_int_equal(block()->rip, 0);
    assert_int_equal(block()->cr0, CR0_ET);
}

static void sep5_ports_and_msrs_exit_by_default(void **state)
{
    const uint8_t *io = (const uint8_t *)block()->io_map, *msr = (const uint8_t *)block()->msr_map;
    unsigned clear = 0;

    (void)state;
    for (unsigned i = 0; i < VMCB_IO_MAP_PAGES * PAGE_SIZE; i++)
        assert_int_equal(io[i], 0xff);
    for (unsigned i = 0; i < VMCB_MSR_MAP_PAGES * PAGE_SIZE; i++)
        clear += 8 - (unsigned)__builtin_popcount(msr[i]);
    assert_int_equal(clear, 3 * 2 + 1 + 1);
    assert_int_equal(msr[2 * 0x174 / 8] >> (2 * 0x174 % 8) & 3, 0);
    assert_int_equal(msr[2048 + 2 * 0x82 / 8] >> (2 * 0x82 % 8) & 3, 2); /* read open, write exits */
    assert_int_equal(msr[2 * 0x80b / 8] >> (2 * 0x80b % 8) & 3, 1);
}

static void a_core_without_partition_only_parks(void **state)
{
    (void)state;
    assert_null(svm_guest_block(3));
    assert_non_null(svm_idle_block(3));
    assert_int_not_equal(svm_idle_block(0)->asid, svm_guest_block(0)->asid);
    assert_int_not_equal(svm_idle_block(0)->nested_root, svm_guest_block(0)->nested_root);
}

static void run_moves_rax_and_forgets_what_was_injected(void **state)
{
    (void)state;
    virt_inject_fault(vcpu, 13, true, 0x55);
    leave(VMEXIT_CPUID, 0, 0);
    assert_int_equal(guest.seen_event, VMCB_EVENT_VALID | VMCB_EVENT_EXCEPTION | 13 | VMCB_EVENT_HAS_CODE | 0x55ull << 32);
    assert_int_equal(guest.seen_flush, VMCB_TLB_FLUSH_ALL);
    assert_int_equal(vcpu->regs.r[REG_RAX], 2);
    assert_int_equal(vcpu->regs.r[REG_RDX], 0x77);
    leave(VMEXIT_CPUID, 0, 0);
    assert_int_equal(guest.seen_event, 0);
    assert_int_equal(guest.seen_flush, 0);
}

static void a_waiting_request_is_a_kick_without_entry(void **state)
{
    (void)state;
    vcpu->requests = REQUEST_TICK;
    assert_int_equal(leave(VMEXIT_CPUID, 0, 0).kind, EXIT_KICK);
    assert_int_equal(guest.entries, 0);
}

static void every_code_has_a_kind(void **state)
{
    static const struct {
        uint64_t code;
        enum exit_kind kind;
        unsigned length;
    } cases[] = {
        {VMEXIT_NMI, EXIT_KICK, 0},
        {VMEXIT_CPUID, EXIT_CPUID, 2},
        {VMEXIT_INVD, EXIT_CACHE, 2},
        {VMEXIT_WBINVD, EXIT_CACHE, 2},
        {VMEXIT_RDPMC, EXIT_PRIVILEGED, 2},
        {VMEXIT_RSM, EXIT_FORBIDDEN, 2},
        {VMEXIT_IRET, EXIT_NMI_UNBLOCKED, 0},
        {VMEXIT_VMRUN, EXIT_FORBIDDEN, 3},
        {VMEXIT_VMLOAD, EXIT_FORBIDDEN, 3},
        {VMEXIT_VMSAVE, EXIT_FORBIDDEN, 3},
        {VMEXIT_STGI, EXIT_FORBIDDEN, 3},
        {VMEXIT_CLGI, EXIT_FORBIDDEN, 3},
        {VMEXIT_SKINIT, EXIT_FORBIDDEN, 3},
        {VMEXIT_INVLPGA, EXIT_FORBIDDEN, 3},
        {VMEXIT_MONITOR, EXIT_FORBIDDEN, 3},
        {VMEXIT_MWAIT, EXIT_FORBIDDEN, 3},
        {VMEXIT_MWAIT_ARMED, EXIT_FORBIDDEN, 3},
        {VMEXIT_XSETBV, EXIT_XSETBV, 3},
        {VMEXIT_RDPRU, EXIT_FORBIDDEN, 3},
        {VMEXIT_INVLPGB, EXIT_FORBIDDEN, 3},
        {VMEXIT_TLBSYNC, EXIT_FORBIDDEN, 3},
        {VMEXIT_SHUTDOWN, EXIT_SHUTDOWN, 0},
        {VMEXIT_TASK_SWITCH, EXIT_TASK_SWITCH, 0},
        {VMEXIT_MCOMMIT, EXIT_FORBIDDEN, 4},
        {VMEXIT_INVALID, EXIT_ENTRY_FAILED, 0},
        {~0ull, EXIT_ENTRY_FAILED, 0},
        {VMEXIT_INTR, EXIT_UNKNOWN, 0},
        {0x401, EXIT_UNKNOWN, 0},
        {0xff, EXIT_UNKNOWN, 0},
        {0x100, EXIT_UNKNOWN, 0},
    };

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        struct exit exit = leave(cases[i].code, 0, 0);

        assert_int_equal(exit.kind, cases[i].kind);
        assert_int_equal(exit.length, cases[i].length);
        assert_false(exit.in_delivery);
    }
}

static void hypercalls_come_from_level_0_only(void **state)
{
    (void)state;
    assert_int_equal(leave(VMEXIT_VMMCALL, 0, 0).kind, EXIT_HYPERCALL);
    for (unsigned cpl = 1; cpl < 4; cpl++) {
        block()->cpl = (uint8_t)cpl;
        assert_int_equal(leave(VMEXIT_VMMCALL, 0, 0).kind, EXIT_FORBIDDEN);
    }
}

static void port_record(void **state)
{
    struct exit exit;

    (void)state;
    block()->rip = 0x1000;
    exit = leave(VMEXIT_IO, 0x3f8u << 16 | 1 << 4 | 1, 0x1001);
    assert_int_equal(exit.kind, EXIT_IO);
    assert_int_equal(exit.io.port, 0x3f8);
    assert_int_equal(exit.io.size, 1);
    assert_true(exit.io.in && !exit.io.string);
    assert_int_equal(exit.length, 1);
    exit = leave(VMEXIT_IO, 0xcf9u << 16 | 4 << 4 | 4, 0x1003);
    assert_int_equal(exit.io.size, 4);
    assert_true(!exit.io.in && exit.io.string);
    assert_int_equal(exit.length, 3);
    assert_true(leave(VMEXIT_IO, 8, 0x1001).io.string);
}

static void msr_and_cr_records(void **state)
{
    (void)state;
    assert_int_equal(leave(VMEXIT_MSR, 0, 0).kind, EXIT_MSR_READ);
    assert_int_equal(leave(VMEXIT_MSR, 1, 0).kind, EXIT_MSR_WRITE);
    assert_int_equal(leave(VMEXIT_CR_WRITE + 4, 0, 0).cr, 4);
    assert_int_equal(leave(VMEXIT_CR0_SELECTIVE, 0, 0).cr, 0);
    assert_int_equal(leave(VMEXIT_CR0_SELECTIVE, 0, 0).kind, EXIT_CR_WRITE);
    /* long mode active is what paging says at the exit, not what it would be after the write */
    block()->efer = EFER_SVME | EFER_LME;
    block()->cr0 = CR0_PG | CR0_PE;
    leave(VMEXIT_CR0_SELECTIVE, 0, 0);
    assert_int_equal(block()->efer, EFER_SVME | EFER_LME | EFER_LMA);
    block()->cr0 = CR0_PE;
    leave(VMEXIT_CR0_SELECTIVE, 0, 0);
    assert_int_equal(block()->efer, EFER_SVME | EFER_LME);
}

static void fault_record(void **state)
{
    struct exit exit = leave(VMEXIT_NESTED_FAULT, VMCB_FAULT_WRITE | 4u | 1ull << 32, 0xfee00300);

    (void)state;
    assert_int_equal(exit.kind, EXIT_NESTED_FAULT);
    assert_int_equal(exit.fault.gpa.v, 0xfee00300);
    assert_true(exit.fault.write && !exit.fault.fetch && !exit.fault.walk);
    exit = leave(VMEXIT_NESTED_FAULT, VMCB_FAULT_FETCH, 0x5000);
    assert_true(!exit.fault.write && exit.fault.fetch && !exit.fault.walk);
    assert_true(leave(VMEXIT_NESTED_FAULT, VMCB_FAULT_WALK, 0x5000).fault.walk);
}

static void exception_record(void **state)
{
    struct exit exit = leave(VMEXIT_EXCEPTION + VECTOR_AC, 0x11, 0);

    (void)state;
    assert_int_equal(exit.kind, EXIT_EXCEPTION);
    assert_true(exit.exception.vector == VECTOR_AC && exit.exception.has_code && exit.exception.code == 0x11);
    exit = leave(VMEXIT_EXCEPTION + VECTOR_DB, 0, 0);
    assert_true(exit.exception.vector == VECTOR_DB && !exit.exception.has_code);
    assert_int_equal(leave(VMEXIT_EXCEPTION + VECTOR_MC, 0, 0).kind, EXIT_MACHINE_CHECK);
    assert_int_equal(leave(VMEXIT_EXCEPTION + VECTOR_GP, 0, 0).kind, EXIT_UNKNOWN); /* not intercepted */
}

/* What was being delivered comes again, unless the exit is about it; a software interrupt is executed again; QEMU calls
 * interrupts exceptions. */
static void interrupted_delivery(void **state)
{
    static const struct {
        uint64_t code, event, again;
    } cases[] = {
        {VMEXIT_NMI, VMCB_EVENT_VALID | 0x50, VMCB_EVENT_VALID | 0x50},
        {VMEXIT_NMI, VMCB_EVENT_VALID | VMCB_EVENT_EXCEPTION | 0x50, VMCB_EVENT_VALID | 0x50},
        {VMEXIT_NMI, VMCB_EVENT_VALID | VMCB_EVENT_EXCEPTION | 14, VMCB_EVENT_VALID | VMCB_EVENT_EXCEPTION | 14},
        {VMEXIT_NMI, VMCB_EVENT_VALID | VMCB_EVENT_SOFTWARE | 0x80, 0},
        {VMEXIT_NMI, 0x50, 0}, /* not valid: left over */
        {VMEXIT_NESTED_FAULT, VMCB_EVENT_VALID | 0x50, 0},
        {VMEXIT_EXCEPTION + VECTOR_DB, VMCB_EVENT_VALID | 0x50, 0},
        {VMEXIT_SHUTDOWN, VMCB_EVENT_VALID | 0x50, 0},
    };

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        struct exit exit;

        guest.event = cases[i].event;
        exit = leave(cases[i].code, 0, 0);
        assert_int_equal(exit.in_delivery, (cases[i].event & VMCB_EVENT_VALID) != 0);
        assert_int_equal(block()->event, cases[i].again);
        guest.event = 0;
        block()->event = 0;
    }
}

static void skip_wraps_outside_long_mode(void **state)
{
    (void)state;
    block()->rip = 0xffffffff;
    block()->interrupt_state = 1;
    virt_skip(vcpu, 2);
    assert_int_equal(block()->rip, 1);
    assert_int_equal(block()->interrupt_state, 0);
    block()->cs.attributes |= VMCB_SEGMENT_LONG;
    block()->efer |= EFER_LMA;
    block()->rip = 0xffffffff;
    virt_skip(vcpu, 2);
    assert_int_equal(block()->rip, 0x100000001);
}

static void nmi_waits_for_another_event_and_arms_iret(void **state)
{
    (void)state;
    virt_inject_fault(vcpu, 6, false, 0);
    assert_false(virt_inject_nmi(vcpu));
    block()->event = 0;
    assert_true(virt_inject_nmi(vcpu));
    assert_int_equal(block()->event, VMCB_EVENT_VALID | VMCB_EVENT_INTERRUPT | 2);
    assert_true(((const uint32_t *)block())[3] >> 20 & 1); /* IRET: APM2 appendix B, offset 00Ch */
    virt_nmi_unblocked(vcpu);
    assert_false(((const uint32_t *)block())[3] >> 20 & 1);
}

/* We do these writes, not the CPU, so that the translations made before them are ours to drop (AC-24). */
static void control_register_writes_flush_once(void **state)
{
    bool (*const writes[])(struct vcpu *, uint64_t) = {virt_set_cr0, virt_set_cr4};

    (void)state;
    leave(VMEXIT_CPUID, 0, 0);
    for (unsigned i = 0; i < ARRAY_SIZE(writes); i++) {
        leave(VMEXIT_CPUID, 0, 0);
        assert_int_equal(guest.seen_flush, 0);
        assert_true(writes[i](vcpu, CR0_PE));
        leave(VMEXIT_CPUID, 0, 0);
        assert_int_equal(guest.seen_flush, VMCB_TLB_FLUSH_ALL);
    }
}

/* Else a machine check that hits a guest, or a parked core, would shut the processor down (AC-15). */
static void ac15_machine_checks_are_always_on(void **state)
{
    struct guest_state s;

    (void)state;
    assert_int_equal(block()->cr4, CR4_MCE);
    assert_int_equal(svm_idle_block(0)->cr4, CR4_MCE);
    assert_int_equal(svm_idle_block(3)->cr4, CR4_MCE);
    virt_set_cr4(vcpu, CR4_PAE | CR4_PSE);
    assert_int_equal(block()->cr4, CR4_PAE | CR4_PSE | CR4_MCE);
    virt_state(vcpu, &s);
    assert_int_equal(s.cr4, CR4_PAE | CR4_PSE);
    virt_reset_sipi(vcpu, 1);
    assert_int_equal(block()->cr4, CR4_MCE);
}

static void svme_is_always_set_and_never_seen(void **state)
{
    struct guest_state s;

    (void)state;
    virt_set_efer(vcpu, EFER_LME | EFER_NXE);
    assert_int_equal(block()->efer, EFER_LME | EFER_NXE | EFER_SVME);
    virt_state(vcpu, &s);
    assert_int_equal(s.efer, EFER_LME | EFER_NXE);
}

static void check_names_what_is_missing(void **state)
{
    (void)state;
    fake_x86_reset();
    assert_non_null(strstr(virt_check(), "VIRT-1"));
    fake_cpuid_set(0x80000000, 0, 0x8000000a, 0, 0, 0);
    fake_cpuid_set(0x80000001, 0, 0, 0, 1u << 2, 0);
    fake_cpuid_set(0x8000000a, 0, 1, 16, 0, 0);
    assert_non_null(strstr(virt_check(), "VIRT-3"));
    fake_cpuid_set(0x8000000a, 0, 1, 4, 0, 1);
    assert_non_null(strstr(virt_check(), "VIRT-4"));
    fake_cpuid_set(0x8000000a, 0, 1, 16, 0, 1);
    assert_null(virt_check());
    fake_x86.msrs[0].msr = MSR_VM_CR;
    fake_x86.msrs[0].value = 1u << 4;
    fake_x86.msr_count = 1;
    assert_non_null(strstr(virt_check(), "VIRT-2"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(entry_state_is_flat_protected_mode, setup),
        cmocka_unit_test_setup(sep9_reset_leaves_nothing, setup),
        cmocka_unit_test_setup(sep4_the_audit_never_sees_a_reset_half_done, setup),
        cmocka_unit_test_setup(sipi_state_is_real_mode, setup),
        cmocka_unit_test_setup(sep5_ports_and_msrs_exit_by_default, setup),
        cmocka_unit_test_setup(a_core_without_partition_only_parks, setup),
        cmocka_unit_test_setup(run_moves_rax_and_forgets_what_was_injected, setup),
        cmocka_unit_test_setup(a_waiting_request_is_a_kick_without_entry, setup),
        cmocka_unit_test_setup(every_code_has_a_kind, setup),
        cmocka_unit_test_setup(hypercalls_come_from_level_0_only, setup),
        cmocka_unit_test_setup(port_record, setup),
        cmocka_unit_test_setup(msr_and_cr_records, setup),
        cmocka_unit_test_setup(fault_record, setup),
        cmocka_unit_test_setup(exception_record, setup),
        cmocka_unit_test_setup(interrupted_delivery, setup),
        cmocka_unit_test_setup(skip_wraps_outside_long_mode, setup),
        cmocka_unit_test_setup(nmi_waits_for_another_event_and_arms_iret, setup),
        cmocka_unit_test_setup(control_register_writes_flush_once, setup),
        cmocka_unit_test_setup(ac15_machine_checks_are_always_on, setup),
        cmocka_unit_test_setup(svme_is_always_set_and_never_seen, setup),
        cmocka_unit_test_setup(check_names_what_is_missing, setup),
    };

    return cmocka_run_group_tests(tests, 0, 0);
}
