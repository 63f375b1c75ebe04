/* SPDX-License-Identifier: Apache-2.0 */
/* The Intel back end without the processor: VMCSs as they are built, exits as the record tells them, refused entries. vmx_enter is a
 * function here that plays CPU and guest. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "../../arch/x86/virt/vmcs.h"
#include "../../arch/x86/virt/vmx_controls.h"
#include "../../arch/x86/virt/vmx_state.h"
#include "audit.h"
#include "console.h"
#include "fake_arch.h"
#include "fake_plan.h"
#include "lapic.h"
#include "policy.h"
#include "virt.h"
#include "vmx_insn.h"
#include "x86.h"

const struct msr_row msr_rows[] = {{0x174, 0x176, MSR_OPEN, MSR_OPEN, "test"},
                                   {0xc0000082, 0xc0000082, MSR_OPEN, MSR_DENY, "test"}};
const unsigned msr_row_count = ARRAY_SIZE(msr_rows);
const struct msr_row msr_x2apic_rows[] = {{0x80b, 0x80b, MSR_DENY, MSR_OPEN, "test"}};
const unsigned msr_x2apic_row_count = 1;

struct fake_vmx fake_vmx;
struct vcpu vcpus[MAX_CORES];
struct partition partitions[MAX_PARTITIONS];
static struct partition partition;
static struct vcpu *const vcpu = &vcpus[0];
static char log_text[512];
static uint64_t page_directories[4];

static struct {
    bool refuse;   /* the instruction fails */
    bool nmi_late; /* an NMI comes after the last look at requests */
    uint64_t reason, qualification, event, event_code, vectoring, vectoring_code, physical, length;
    unsigned entries, launches, timer_entries;
    uint64_t seen_event, seen_code;
} guest;

/* --- the machine ---------------------------------------------------------------------------------------------------------------- */

bool lapic_is_x2apic(void)
{
    return true;
}

static bool machine_checked, machine_corrupt;

bool arch_machine_check(bool of_guest)
{
    assert_true(of_guest);
    machine_checked = true;
    return !machine_corrupt;
}

void *partition_ram(const struct partition *p, gpa_t gpa, uint64_t size)
{
    (void)p;
    return gpa.v == 0x5000 && size == sizeof(page_directories) ? page_directories : NULL;
}

void log_line(const char *format, ...)
{
    va_list list;

    va_start(list, format);
    vsnprintf(log_text, sizeof(log_text), format, list);
    va_end(list);
}

static struct fake_vmcs *vmcs_at(uint64_t hpa)
{
    for (unsigned i = 0; i < ARRAY_SIZE(fake_vmx.vmcs); i++)
        if (fake_vmx.vmcs[i].hpa == hpa || fake_vmx.vmcs[i].hpa == 0) {
            fake_vmx.vmcs[i].hpa = hpa;
            return &fake_vmx.vmcs[i];
        }
    fail_msg("too many VMCSs");
    return NULL;
}

bool vmxon(uint64_t region)
{
    assert_int_equal(*(uint32_t *)region, fake_vmx.revision);
    assert_int_not_equal(read_cr4() & 1u << 13, 0);
    assert_int_equal(rdmsr(0x3a) & 5, 5);
    fake_vmx.on = true;
    return true;
}

bool vmclear(uint64_t hpa)
{
    struct fake_vmcs *v = vmcs_at(hpa);

    assert_true(fake_vmx.on);
    if (fake_vmx.current == v)
        fake_vmx.current = NULL;
    v->clear = true;
    v->launched = false;
    return true;
}

bool vmptrld(uint64_t hpa)
{
    struct fake_vmcs *v = vmcs_at(hpa);

    assert_true(v->clear && *(uint32_t *)hpa == fake_vmx.revision);
    fake_vmx.current = v;
    return true;
}

uint64_t vmread(uint32_t field)
{
    assert_non_null(fake_vmx.current);
    assert_true(field < FAKE_VMCS_FIELDS);
    return fake_vmx.current->field[field];
}

bool vmwrite_try(uint32_t field, uint64_t value)
{
    assert_true(field < FAKE_VMCS_FIELDS && (field & 0xc00) != 0x400); /* not one of those that tell of an exit */
    for (unsigned i = 0; i < ARRAY_SIZE(fake_vmx.absent); i++)
        if (fake_vmx.absent[i] == field && field != 0)
            return false;
    if (fake_vmx.current == NULL)
        return false;
    fake_vmx.current->field[field] = value;
    return true;
}

void invvpid(uint64_t type, struct vmx_invalidate what)
{
    assert_true(type == 2 && what.vpid == 0);
    fake_vmx.invvpids++;
}

void invept(uint64_t type, struct vmx_invalidate what)
{
    assert_true(type == 2 && what.vpid == 0);
    fake_vmx.invepts++;
}

void nmi_again(void)
{
    fake_vmx.nmis++;
}

void table_bases(uint64_t *gdt, uint64_t *idt)
{
    *gdt = 0x10000;
    *idt = 0x11000;
}

uint64_t read_dr6(void)
{
    return fake_vmx.dr6;
}

void write_dr6(uint64_t value)
{
    fake_vmx.dr6 = value;
}

void virt_nmi(void);
extern char vmx_exited[];
char vmx_exited[1];

/* What the CPU does at an entry, as far as it can be seen here, and at the exit that the test has prepared. */
uint32_t vmx_enter(struct guest_regs *regs, uint64_t launched);
__attribute__((force_align_arg_pointer)) uint32_t vmx_enter(struct guest_regs *regs, uint64_t launched)
{
    uint64_t *f = fake_vmx.current->field;

    assert_int_equal(fake_vmx.current->launched, launched);
    if (guest.refuse) {
        f[VMCS_INSTRUCTION_ERROR] = 7;
        return 1;
    }
    if (guest.nmi_late)
        virt_nmi();
    guest.entries++;
    guest.seen_event = f[VMCS_EVENT];
    guest.seen_code = f[VMCS_EVENT_CODE];
    regs->r[REG_RDX] = 0x77;
    f[VMCS_EXIT_REASON] = guest.reason;
    if (guest.nmi_late)
        f[VMCS_EXIT_REASON] = f[VMCS_PIN] & VMX_PIN_TIMER ? REASON_TIMER : REASON_TRIPLE_FAULT;
    f[VMCS_QUALIFICATION] = guest.qualification;
    f[VMCS_EXIT_EVENT] = guest.event;
    f[VMCS_EXIT_EVENT_CODE] = guest.event_code;
    f[VMCS_VECTORING] = guest.vectoring;
    f[VMCS_VECTORING_CODE] = guest.vectoring_code;
    f[VMCS_GUEST_PHYSICAL] = guest.physical;
    f[VMCS_EXIT_LENGTH] = guest.length;
    if (guest.reason & REASON_ENTRY_FAILED)
        return 0;
    fake_vmx.current->launched = true;
    f[VMCS_EVENT] &= ~(uint64_t)EVENT_VALID;
    return 0;
}

/* A Xeon D-1540 (test_vmx_controls.c), with these secondary controls besides. */
static void cpu_make(uint32_t more, uint64_t feature_control)
{
    static const struct {
        uint32_t msr;
        uint64_t value;
    } says[] = {{0x480, 0x00da040000000012},
                {0x485, 0x300481e5},
                {0x48c, 0xf0106334141},
                {0x48d, 0x000000ff00000016},
                {0x48e, 0xfff9fffe04006172},
                {0x48f, 0x007fffff00036dfb},
                {0x490, 0x0000ffff000011fb},
                {0x486, 0x80000021},
                {0x487, 0xffffffff},
                {0x488, 0x2000},
                {0x489, 0x3767ff}};

    fake_x86_reset();
    fake_cpuid_set(1, 0, 0, 0, 1u << 5 | 1u << 26, 0);
    fake_cpuid_set(0x80000008, 0, 46, 0, 0, 0);
    for (unsigned i = 0; i < ARRAY_SIZE(says); i++)
        wrmsr(says[i].msr, says[i].value);
    wrmsr(0x48b, (0x00077fffull | more) << 32);
    wrmsr(0x3a, feature_control);
    write_cr0(0x80050033);
    write_cr4(CR4_MCE | 1u << 5);
    fake_vmx.revision = 0x12;
    memset(fake_vmx.absent, 0, sizeof(fake_vmx.absent));
    fake_vmx.absent[0] = more & VMX_PROC2_ENCLS ? 0 : VMCS_ENCLS_MAP;
    fake_vmx.absent[1] = more & VMX_PROC2_ENCLV ? 0 : VMCS_ENCLV_MAP;
    fake_vmx.absent[2] = more & VMX_PROC2_NOTIFY ? 0 : VMCS_NOTIFY_WINDOW;
}

static void core_on(unsigned core)
{
    fake.core = core;
    virt_cpu_on();
    fake.core = 0;
}

static int setup(void **state)
{
    static bool built;
    struct plan_entry entry = {.eip = 0x123456, .eax = 1, .ebx = 2, .esi = 3};

    (void)state;
    memset(&guest, 0, sizeof(guest));
    guest.reason = REASON_CPUID;
    if (!built) {
        fake_reset();
        fake_plan_reset();
        partition = (struct partition){.plan = &fake_plan_partitions[1], .index = 1, .nested_root = 0xabc000};
        vcpu->partition = &partition;
        virt_vcpu_init(vcpu);
        vcpus[3].core = 3;
        virt_vcpu_init(&vcpus[3]); /* owned by nobody */
        built = true;
    }
    cpu_make(0, 5);
    core_on(0);
    virt_reset_entry(vcpu, &entry);
    fake_vmx.invepts = fake_vmx.invvpids = fake_vmx.nmis = 0;
    vcpu->requests = 0;
    log_text[0] = 0;
    return 0;
}

static uint64_t *field(enum vmcs_field name)
{
    return &fake_vmx.current->field[name];
}

static struct exit leave(uint64_t reason, uint64_t qualification)
{
    struct exit exit;

    memset(&exit, 0xee, sizeof(exit));
    guest.reason = reason;
    guest.qualification = qualification;
    virt_run(vcpu, &exit);
    return exit;
}

/* --- what is built ---------------------------------------------------------------------------------------------------------------- */

/* SEP-5: the audit, which shares nothing with vmx.c, misses nothing in what vmx.c has written. */
static void sep5_the_audit_finds_both_guests_tightly_held(void **state)
{
    struct audit_control control;

    (void)state;
    audit_control(0, &control);
    assert_null(control.missing);
    assert_null(control.idle_missing);
    assert_int_equal(control.nested_root, 0xabc000);
    assert_int_not_equal(control.idle_root, 0xabc000);
    core_on(3);
    audit_control(3, &control);
    assert_null(control.idle_missing);
    assert_int_equal(control.nested_root, 0);
    audit_control(2, &control);
    assert_non_null(control.missing); /* not switched on */
}

/* AC-12, CVE-2015-5307 and CVE-2015-8104: #DB and #AC are taken from each guest; #MC is ours; nothing else is. */
static void loops_of_exceptions_end_here(void **state)
{
    (void)state;
    assert_int_equal(*field(VMCS_EXCEPTIONS), 1u << 1 | 1u << 17 | 1u << 18);
    assert_int_equal(*field(VMCS_PF_MASK) | *field(VMCS_PF_MATCH), 0); /* bit 14 is 0: no page fault exits */
    assert_int_equal(vmx_idle_copy(0)->exception_bitmap, 1u << 1 | 1u << 17 | 1u << 18);
}

static void ports_and_msrs_exit_by_default(void **state)
{
    const uint8_t *io = (const uint8_t *)*field(VMCS_IO_MAP_A), *msr = (const uint8_t *)*field(VMCS_MSR_MAP);
    unsigned clear = 0;

    (void)state;
    assert_int_equal(*field(VMCS_IO_MAP_B), *field(VMCS_IO_MAP_A) + PAGE_SIZE);
    for (unsigned i = 0; i < 2 * PAGE_SIZE; i++)
        assert_int_equal(io[i], 0xff);
    for (unsigned i = 0; i < PAGE_SIZE; i++)
        clear += 8 - (unsigned)__builtin_popcount(msr[i]);
    assert_int_equal(clear, 3 * 2 + 1 + 1);
    assert_int_equal(msr[0x174 / 8] >> (0x174 % 8) & 1, 0);
    assert_int_equal(msr[2048 + 0x174 / 8] >> (0x174 % 8) & 1, 0);
    assert_int_equal(msr[1024 + 0x82 / 8] >> (0x82 % 8) & 1, 0); /* read open, write exits */
    assert_int_equal(msr[2048 + 1024 + 0x82 / 8] >> (0x82 % 8) & 1, 1);
    assert_int_equal(msr[2048 + 0x80b / 8] >> (0x80b % 8) & 1, 0);
}

/* Fields that come with a control are written with it, and only then: a CPU without the control may lack the field. */
static void optional_controls_have_their_fields(void **state)
{
    const uint32_t all =
        VMX_PROC2_ENCLS | VMX_PROC2_ENCLV | VMX_PROC2_NOTIFY | VMX_PROC2_BUS_LOCK | VMX_PROC2_XSAVES | VMX_PROC2_WAITPKG;

    (void)state;
    cpu_make(all, 5);
    core_on(0);
    assert_int_equal(*field(VMCS_PROC2) & all, all);
    assert_int_equal(*field(VMCS_ENCLS_MAP), ~0ull);
    assert_int_equal(*field(VMCS_ENCLV_MAP), ~0ull);
    assert_int_equal(*field(VMCS_XSS_MAP), ~0ull);
    assert_true(vmx_guest_copy(0)->xss_bitmap == ~0ull);
    assert_in_range(*field(VMCS_NOTIFY_WINDOW), 0x1000, 0x1000000);
    fake_vmx.absent[2] = VMCS_NOTIFY_WINDOW;
    assert_true(FAKE_ENDS(core_on(0)));
    assert_non_null(strstr(fake.crash_text, "VMWRITE"));
}

static void firmware_that_left_vmx_open_is_locked(void **state)
{
    (void)state;
    cpu_make(0, 0);
    core_on(0);
    assert_int_equal(rdmsr(0x3a), 5);
    cpu_make(0, 1);
    assert_non_null(strstr(virt_check(), "VIRT-6"));
    fake_cpuid_set(1, 0, 0, 0, 0, 0);
    assert_non_null(strstr(virt_check(), "VIRT-5"));
}

/* AC-48. No emulator has the register, so that this is all that is known of it. */
static void sep4_split_locks_are_refused_where_the_cpu_can(void **state)
{
    static const struct {
        uint32_t edx;
        uint64_t capabilities, before, after;
    } cases[] = {
        {1u << 30, 1u << 5, 1u << 28, 1u << 28 | 1u << 29}, /* another bit stays */
        {1u << 30, ~0ull, 0, 1u << 29},
        {1u << 30, ~(1ull << 5), 0, 0},
        {~(1u << 30 | 1u << 29), 1u << 5, 0, 0}, /* no such register: not read */
    };

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        cpu_make(0, 5);
        fake_cpuid_set(7, 0, 0, 0, 0, cases[i].edx);
        wrmsr(0xcf, cases[i].capabilities);
        wrmsr(0x33, cases[i].before);
        core_on(0);
        assert_int_equal(rdmsr(0x33), cases[i].after);
    }
}

/* CVE-2018-12207. The register is read only where CPUID says that there is one. */
static void page_size_claim_is_compared_with_the_cpu(void **state)
{
    (void)state;
    fake_board.no_page_size_erratum = true;
    wrmsr(0x10a, 0x40);
    assert_non_null(virt_check());
    assert_non_null(strstr(virt_check(), "VIRT-9"));
    fake_cpuid_set(7, 0, 0, 0, 0, 1u << 29);
    assert_null(virt_check());
    wrmsr(0x10a, ~0x40ull);
    assert_non_null(strstr(virt_check(), "VIRT-9"));
    fake_board.no_page_size_erratum = false;
    assert_null(virt_check());
}

/* --- states of a start ------------------------------------------------------------------------------------------------------------ */

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
    *field(VMCS_CS_RIGHTS) |= VMX_RIGHTS_L;
    virt_state(vcpu, &s);
    assert_true(s.no_long && !s.cs_long);
    *field(VMCS_CS_RIGHTS) &= ~(uint64_t)VMX_RIGHTS_L;
    *field(VMCS_SEGMENT(VMCS_RIGHTS, SEGMENT_TR)) ^= 8; /* of 16 bits */
    virt_state(vcpu, &s);
    assert_true(s.no_long);
    *field(VMCS_SEGMENT(VMCS_RIGHTS, SEGMENT_TR)) ^= 8;
    assert_int_equal(vcpu->regs.r[REG_RAX], 1);
    assert_int_equal(vcpu->regs.r[REG_RBX], 2);
    assert_int_equal(vcpu->regs.r[REG_RSI], 3);
    assert_int_equal(vcpu->regs.r[REG_RDX], 0);
    assert_int_equal(leave(REASON_CPUID, 0).kind, EXIT_CPUID); /* our own check has passed it */
    assert_int_equal(guest.entries, 1);
}

static void sipi_state_is_real_mode(void **state)
{
    (void)state;
    virt_reset_sipi(vcpu, 0x9a);
    assert_int_equal(*field(VMCS_CS), 0x9a00);
    assert_int_equal(*field(VMCS_CS_BASE), 0x9a000);
    assert_int_equal(*field(VMCS_RIP), 0);
    assert_int_equal(*field(VMCS_CR0_SHADOW), CR0_ET);
    assert_int_equal(leave(REASON_CPUID, 0).kind, EXIT_CPUID);
}

static bool field_of_guest(uint32_t f)
{
    return (f & 0xc00) == 0x800 && f != VMCS_LINK && f != VMCS_TIMER;
}

static void sep9_reset_leaves_nothing(void **state)
{
    static struct fake_vmcs fresh;
    struct plan_entry entry = {.eip = 0x100000};

    (void)state;
    virt_reset_entry(vcpu, &entry);
    fresh = *fake_vmx.current;
    leave(REASON_CPUID, 0);
    for (uint32_t f = 0; f < FAKE_VMCS_FIELDS; f++)
        if (field_of_guest(f) && fresh.field[f] != 0)
            fake_vmx.current->field[f] = 0xa5a5a5a5a5a5a5a5;
    for (unsigned i = 0; i < 4; i++)
        *field(VMCS_PDPTE0 + 2 * i) = 0x1001;
    *field(VMCS_CR3) = *field(VMCS_EFER) = *field(VMCS_RSP) = *field(VMCS_CR4_SHADOW) = *field(VMCS_DEBUGCTL) = 0x5a00;
    *field(VMCS_SYSENTER_EIP) = *field(VMCS_SYSENTER_ESP) = *field(VMCS_SYSENTER_CS) = *field(VMCS_PENDING_DEBUG) = 0x4000;
    *field(VMCS_INTERRUPTIBILITY) = VMX_BLOCKED_NMI;
    *field(VMCS_ACTIVITY) = VMX_HALTED;
    virt_inject_fault(vcpu, 13, true, 0);
    virt_inject_nmi(vcpu);
    virt_set_efer(vcpu, EFER_LME | EFER_LMA);
    wrmsr(0xc0000082, 0xffff800000000000);
    memset(&vcpu->regs, 0xa5, sizeof(vcpu->regs));
    fake_vmx.invepts = fake_vmx.invvpids = 0;
    virt_reset_entry(vcpu, &entry);
    for (uint32_t f = 0; f < FAKE_VMCS_FIELDS; f++)
        if ((f & 0xc00) != 0x400 && f != VMCS_EVENT_CODE && fake_vmx.current->field[f] != fresh.field[f])
            fail_msg("field %x: %lx, was %lx", f, fake_vmx.current->field[f], fresh.field[f]);
    for (unsigned i = 0; i < 16; i++)
        assert_int_equal(vcpu->regs.r[i], 0);
    assert_int_equal(rdmsr(0xc0000082), 0);
    assert_true(fake_vmx.invepts == 1 && fake_vmx.invvpids == 1);
    assert_false(fake_vmx.current->launched);
}

/* --- entries that do not happen ------------------------------------------------------------------------------------------------------ */

static void our_own_check_comes_before_the_first_entry(void **state)
{
    struct exit exit;
    uint64_t raw[3];

    (void)state;
    *field(VMCS_RFLAGS) = 0; /* bit 1 is always 1 */
    exit = leave(REASON_CPUID, 0);
    assert_int_equal(exit.kind, EXIT_ENTRY_FAILED);
    assert_int_equal(guest.entries, 0);
    virt_raw(vcpu, raw);
    assert_int_equal(raw[0], 1ull << 32);
    assert_non_null(strstr(log_text, "partition control: vcpu 0 cannot be entered"));
    assert_null(strstr(log_text, "no rule that we know"));
}

static void a_refused_entry_names_the_rule(void **state)
{
    uint64_t raw[3];

    (void)state;
    assert_int_equal(leave(REASON_CPUID, 0).kind, EXIT_CPUID);
    *field(VMCS_RFLAGS) = 0;
    assert_int_equal(leave(REASON_ENTRY_FAILED | REASON_GUEST_STATE, 0).kind, EXIT_ENTRY_FAILED);
    virt_raw(vcpu, raw);
    assert_int_equal(raw[0], 0x80000021);
    assert_non_null(strstr(log_text, "cannot be entered: code 0x80000021"));
    assert_null(strstr(log_text, "no rule that we know"));
    *field(VMCS_RFLAGS) = 2;
    assert_int_equal(leave(REASON_ENTRY_FAILED | REASON_GUEST_STATE, 0).kind, EXIT_ENTRY_FAILED);
    assert_non_null(strstr(log_text, "no rule that we know"));
    assert_int_equal(leave(REASON_ENTRY_FAILED | REASON_ENTRY_MACHINE_CHECK, 0).kind, EXIT_MACHINE_CHECK);
}

static void a_failed_instruction_is_no_exit(void **state)
{
    uint64_t raw[3];

    (void)state;
    leave(REASON_CPUID, 0);
    guest.refuse = true;
    assert_int_equal(leave(REASON_CPUID, 0).kind, EXIT_ENTRY_FAILED);
    virt_raw(vcpu, raw);
    assert_int_equal(raw[0], 1ull << 33 | 7);
    guest.refuse = false;
    virt_reset_sipi(vcpu, 0); /* VMLAUNCH again: vmx_enter() compares */
    assert_int_equal(leave(REASON_CPUID, 0).kind, EXIT_CPUID);
    virt_raw(vcpu, raw);
    assert_int_equal(raw[0], REASON_CPUID);
}

/* --- kicks ---------------------------------------------------------------------------------------------------------------------------- */

static void a_waiting_request_is_a_kick_without_entry(void **state)
{
    (void)state;
    vcpu->requests = REQUEST_TICK;
    assert_int_equal(leave(REASON_CPUID, 0).kind, EXIT_KICK);
    assert_int_equal(guest.entries, 0);
}

static void a_kick_after_the_last_look_ends_the_entry_at_once(void **state)
{
    (void)state;
    guest.nmi_late = true;
    assert_int_equal(leave(REASON_CPUID, 0).kind, EXIT_KICK);
    assert_int_equal(*field(VMCS_PIN) & VMX_PIN_TIMER, 0); /* disarmed: the next entry stays */
    guest.nmi_late = false;
    assert_int_equal(leave(REASON_CPUID, 0).kind, EXIT_CPUID);
}

static void an_nmi_of_the_hypervisor_is_handled_by_it(void **state)
{
    (void)state;
    guest.event = EVENT_VALID | EVENT_NMI | 2;
    assert_int_equal(leave(REASON_EXCEPTION, 0).kind, EXIT_KICK);
    assert_int_equal(fake_vmx.nmis, 1);
    assert_int_equal(*field(VMCS_PIN) & VMX_PIN_TIMER, 0);
}

static void parked_cores_wait_for_an_nmi(void **state)
{
    struct fake_vmcs *own = fake_vmx.current;

    (void)state;
    guest.event = EVENT_VALID | EVENT_NMI | 2;
    guest.reason = REASON_EXCEPTION;
    virt_idle(vcpu);
    assert_true(guest.entries == 1 && fake_vmx.nmis == 1);
    assert_ptr_equal(fake_vmx.current, own);
    vcpu->requests = REQUEST_TICK;
    virt_idle(vcpu);
    assert_int_equal(guest.entries, 1);
    vcpu->requests = 0;
    guest.reason = REASON_ENTRY_FAILED | REASON_GUEST_STATE;
    assert_true(FAKE_ENDS(virt_idle(vcpu)));
}

/* At the entry itself it has a reason like a refusal, and the next entry is a launch again: vmx_enter() compares. */
static void a_machine_check_at_the_entry_of_a_parked_core_is_one(void **state)
{
    (void)state;
    core_on(3);
    fake.core = 3;
    machine_checked = false;
    guest.reason = REASON_ENTRY_FAILED | REASON_ENTRY_MACHINE_CHECK;
    virt_idle(&vcpus[3]);
    assert_true(machine_checked && guest.entries == 1);
    guest.reason = REASON_TIMER;
    virt_idle(&vcpus[3]);
    virt_idle(&vcpus[3]);
    assert_int_equal(guest.entries, 3);
    guest.reason = REASON_ENTRY_FAILED | REASON_ENTRY_MACHINE_CHECK;
    machine_corrupt = true;
    assert_true(FAKE_ENDS(virt_idle(&vcpus[3])));
    machine_corrupt = false;
    assert_non_null(strstr(fake.crash_text, "machine check"));
    fake.core = 0;
}

/* --- exits ---------------------------------------------------------------------------------------------------------------------------- */

static void every_reason_has_a_kind(void **state)
{
    static const struct {
        uint64_t reason;
        enum exit_kind kind;
        bool length;
    } cases[] = {
        {1, EXIT_UNKNOWN, false},         {2, EXIT_SHUTDOWN, false},   {3, EXIT_KICK, false},      {8, EXIT_NMI_UNBLOCKED, false},
        {9, EXIT_TASK_SWITCH, false},     {10, EXIT_CPUID, true},      {11, EXIT_FORBIDDEN, true}, {12, EXIT_UNKNOWN, false},
        {13, EXIT_CACHE, true},           {15, EXIT_PRIVILEGED, true}, {16, EXIT_UNKNOWN, false},  {17, EXIT_FORBIDDEN, true},
        {18, EXIT_HYPERCALL, true},       {19, EXIT_FORBIDDEN, true},  {23, EXIT_FORBIDDEN, true}, {27, EXIT_FORBIDDEN, true},
        {31, EXIT_MSR_READ, true},        {32, EXIT_MSR_WRITE, true},  {36, EXIT_FORBIDDEN, true}, {39, EXIT_FORBIDDEN, true},
        {49, EXIT_NESTED_CORRUPT, false}, {50, EXIT_FORBIDDEN, true},  {53, EXIT_FORBIDDEN, true}, {54, EXIT_CACHE, true},
        {55, EXIT_XSETBV, true},          {59, EXIT_FORBIDDEN, true},  {60, EXIT_FORBIDDEN, true}, {63, EXIT_FORBIDDEN, true},
        {64, EXIT_FORBIDDEN, true},       {65, EXIT_FORBIDDEN, true},  {67, EXIT_FORBIDDEN, true}, {70, EXIT_FORBIDDEN, true},
        {72, EXIT_FORBIDDEN, true},       {73, EXIT_FORBIDDEN, true},  {74, EXIT_NUISANCE, false}, {75, EXIT_NUISANCE, false},
        {76, EXIT_FORBIDDEN, true},       {77, EXIT_FORBIDDEN, true},  {78, EXIT_UNKNOWN, false},  {0xffff, EXIT_UNKNOWN, false},
    };

    (void)state;
    guest.length = 3;
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        struct exit exit = leave(cases[i].reason, 0);

        if (exit.kind != cases[i].kind || exit.length != (cases[i].length ? 3 : 0) || exit.in_delivery)
            fail_msg("reason %lu: kind %d, length %u", cases[i].reason, exit.kind, exit.length);
    }
    assert_int_equal(leave(REASON_NOTIFY, NOTIFY_CONTEXT_INVALID).kind, EXIT_UNKNOWN); /* the VMCS is not to be trusted: stopped */
    assert_int_equal(*field(VMCS_INTERRUPTIBILITY), 0);
    leave(REASON_NOTIFY, 1u << 12); /* in an IRET that had opened NMIs */
    assert_int_equal(*field(VMCS_INTERRUPTIBILITY), VMX_BLOCKED_NMI);
}

static void hypercalls_come_from_level_0_only(void **state)
{
    (void)state;
    for (uint64_t cpl = 0; cpl < 4; cpl++) {
        *field(VMCS_SS_RIGHTS) = VMX_RIGHTS_DATA32 | cpl << 5;
        assert_int_equal(leave(REASON_VMCALL, 0).kind, cpl == 0 ? EXIT_HYPERCALL : EXIT_FORBIDDEN);
        assert_int_equal(leave(REASON_CPUID, 0).kind, EXIT_CPUID);
    }
}

static void port_and_register_records(void **state)
{
    struct exit exit;

    (void)state;
    guest.length = 1;
    exit = leave(REASON_IO, 0x3f8u << 16 | IO_IN);
    assert_int_equal(exit.kind, EXIT_IO);
    assert_true(exit.io.port == 0x3f8 && exit.io.size == 1 && exit.io.in && !exit.io.string && exit.length == 1);
    exit = leave(REASON_IO, 0xcf9u << 16 | IO_STRING | 3);
    assert_true(exit.io.port == 0xcf9 && exit.io.size == 4 && !exit.io.in && exit.io.string);
    assert_true(leave(REASON_IO, IO_REP).io.string);
    exit = leave(REASON_CR, 4);
    assert_true(exit.kind == EXIT_CR_WRITE && exit.cr == 4);
    assert_int_equal(leave(REASON_CR, 3u << 4).cr, 0); /* LMSW */
}

static void fault_record(void **state)
{
    struct exit exit;

    (void)state;
    guest.physical = 0xfee00300;
    exit = leave(REASON_EPT_VIOLATION, 1u << 1 | 1u << 7 | 1u << 8);
    assert_int_equal(exit.kind, EXIT_NESTED_FAULT);
    assert_int_equal(exit.fault.gpa.v, 0xfee00300);
    assert_true(exit.fault.write && !exit.fault.fetch && !exit.fault.walk);
    exit = leave(REASON_EPT_VIOLATION, 1u << 2 | 1u << 7 | 1u << 8);
    assert_true(!exit.fault.write && exit.fault.fetch && !exit.fault.walk);
    assert_true(leave(REASON_EPT_VIOLATION, 1u << 0 | 1u << 7).fault.walk);
    leave(REASON_EPT_VIOLATION, 1u << 0 | 1u << 7 | 1u << 12); /* in an IRET that had opened NMIs */
    assert_int_equal(*field(VMCS_INTERRUPTIBILITY), VMX_BLOCKED_NMI);
}

static void exception_records(void **state)
{
    struct exit exit;

    (void)state;
    guest.event = EVENT_VALID | EVENT_EXCEPTION | EVENT_HAS_CODE | VECTOR_AC;
    guest.event_code = 0x11;
    exit = leave(REASON_EXCEPTION, 0);
    assert_int_equal(exit.kind, EXIT_EXCEPTION);
    assert_true(exit.exception.vector == VECTOR_AC && exit.exception.has_code && exit.exception.code == 0x11);
    guest.event = EVENT_VALID | EVENT_EXCEPTION | VECTOR_MC;
    assert_int_equal(leave(REASON_EXCEPTION, 0).kind, EXIT_MACHINE_CHECK);
    guest.event = EVENT_VALID | EVENT_EXCEPTION | VECTOR_DB;
    fake_vmx.dr6 = 0xffff0ff1;
    *field(VMCS_DR7) = 0x2400;
    exit = leave(REASON_EXCEPTION, 1u << 13 | 1u << 14 | 4); /* what the CPU leaves undone: SDM3 28.1 */
    assert_true(exit.kind == EXIT_EXCEPTION && exit.exception.vector == VECTOR_DB);
    assert_int_equal(fake_vmx.dr6, 0xffff6ff4);
    assert_int_equal(*field(VMCS_DR7), 0x400);
}

/* What was being delivered comes again, unless the exit is about it; a software interrupt is executed again. */
static void interrupted_delivery(void **state)
{
    static const struct {
        uint64_t reason, event, again;
    } cases[] = {
        {REASON_INIT, EVENT_VALID | 0x50, EVENT_VALID | 0x50},
        {REASON_INIT, EVENT_VALID | EVENT_EXCEPTION | 14, EVENT_VALID | EVENT_EXCEPTION | 14},
        {REASON_INIT, EVENT_VALID | EVENT_EXCEPTION | EVENT_HAS_CODE | 14, EVENT_VALID | EVENT_EXCEPTION | EVENT_HAS_CODE | 14},
        {REASON_INIT, EVENT_VALID | EVENT_NMI | 2, EVENT_VALID | EVENT_NMI | 2},
        {REASON_INIT, EVENT_VALID | EVENT_SOFTWARE_INTERRUPT | 0x80, 0},
        {REASON_INIT, EVENT_VALID | 6u << 8 | 3, 0},
        {REASON_INIT, 0x50, 0}, /* not valid: left over */
        {REASON_EPT_VIOLATION, EVENT_VALID | 0x50, 0},
        {REASON_TRIPLE_FAULT, EVENT_VALID | 0x50, 0},
    };

    (void)state;
    guest.vectoring_code = 0x9;
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        struct exit exit;

        *field(VMCS_EVENT) = 0;
        *field(VMCS_INTERRUPTIBILITY) = VMX_BLOCKED_NMI;
        guest.vectoring = cases[i].event;
        exit = leave(cases[i].reason, 0);
        assert_int_equal(exit.in_delivery, (cases[i].event & EVENT_VALID) != 0);
        assert_int_equal(*field(VMCS_EVENT), cases[i].again);
        if (cases[i].again & EVENT_HAS_CODE)
            assert_int_equal(*field(VMCS_EVENT_CODE), 9);
        assert_int_equal(*field(VMCS_INTERRUPTIBILITY),
                         (cases[i].again & EVENT_TYPE) == EVENT_NMI && cases[i].again ? 0 : VMX_BLOCKED_NMI);
    }
}

/* --- acting on a guest ------------------------------------------------------------------------------------------------------------- */

static void skip_wraps_outside_long_mode_and_ends_the_shadow(void **state)
{
    (void)state;
    *field(VMCS_RIP) = 0xfffffffe;
    *field(VMCS_INTERRUPTIBILITY) = VMX_BLOCKED_STI | VMX_BLOCKED_NMI;
    virt_skip(vcpu, 3);
    assert_int_equal(*field(VMCS_RIP), 1);
    assert_int_equal(*field(VMCS_INTERRUPTIBILITY), VMX_BLOCKED_NMI);
    *field(VMCS_RIP) = 0xfffffffe;
    *field(VMCS_CS_RIGHTS) = 0xa09b;
    *field(VMCS_EFER) = EFER_LME | EFER_LMA;
    virt_skip(vcpu, 3);
    assert_int_equal(*field(VMCS_RIP), 0x100000001);
}

static void faults_are_injected_once(void **state)
{
    (void)state;
    *field(VMCS_INTERRUPTIBILITY) = VMX_BLOCKED_STI | VMX_BLOCKED_NMI;
    virt_inject_fault(vcpu, 13, true, 0x55);
    assert_int_equal(*field(VMCS_INTERRUPTIBILITY), VMX_BLOCKED_NMI); /* its delivery ends the shadow */
    leave(REASON_CPUID, 0);
    assert_int_equal(guest.seen_event, EVENT_VALID | EVENT_EXCEPTION | EVENT_HAS_CODE | 13);
    assert_int_equal(guest.seen_code, 0x55);
    leave(REASON_CPUID, 0);
    assert_int_equal(guest.seen_event & EVENT_VALID, 0);
}

static void an_nmi_waits_for_another_event_and_opens_the_window(void **state)
{
    (void)state;
    virt_inject_fault(vcpu, 6, false, 0);
    assert_false(virt_inject_nmi(vcpu));
    leave(REASON_CPUID, 0);
    assert_int_equal(guest.seen_event, EVENT_VALID | EVENT_EXCEPTION | 6);
    assert_int_not_equal(*field(VMCS_PROC) & VMX_PROC_NMI_WINDOW, 0);
    *field(VMCS_INTERRUPTIBILITY) = VMX_BLOCKED_MOV_SS;
    assert_false(virt_inject_nmi(vcpu));
    *field(VMCS_INTERRUPTIBILITY) = 0;
    assert_true(virt_inject_nmi(vcpu));
    leave(REASON_CPUID, 0);
    assert_int_equal(guest.seen_event, EVENT_VALID | EVENT_NMI | 2);
    virt_nmi_unblocked(vcpu);
    assert_int_equal(*field(VMCS_PROC) & VMX_PROC_NMI_WINDOW, 0);
}

/* A CPU may open the window all the same: an NMI that waited for the end of the shadow would exit for ever. */
static void sep7_sti_alone_holds_no_nmi_back(void **state)
{
    (void)state;
    *field(VMCS_INTERRUPTIBILITY) = VMX_BLOCKED_STI;
    assert_true(virt_inject_nmi(vcpu));
    assert_int_equal(*field(VMCS_INTERRUPTIBILITY), 0); /* or the entry fails: SDM3 27.3.1.5 */
    leave(REASON_CPUID, 0);
    assert_int_equal(guest.seen_event, EVENT_VALID | EVENT_NMI | 2);
    *field(VMCS_INTERRUPTIBILITY) = VMX_BLOCKED_STI | VMX_BLOCKED_MOV_SS;
    assert_false(virt_inject_nmi(vcpu));
    assert_int_equal(*field(VMCS_INTERRUPTIBILITY), VMX_BLOCKED_STI | VMX_BLOCKED_MOV_SS);
}

/* The guest sees its own CR0 and CR4; hardware has what VMX operation needs besides; stale translations are dropped (AC-24). */
static void control_registers_have_shadows(void **state)
{
    struct guest_state s;

    (void)state;
    *field(VMCS_CR3) = 0x5000;
    assert_true(virt_set_cr0(vcpu, CR0_PE | CR0_ET | CR0_PG));
    assert_true(virt_set_cr4(vcpu, CR4_PAE));
    assert_true(fake_vmx.invvpids >= 2);
    assert_int_equal(*field(VMCS_CR0), CR0_PE | CR0_ET | CR0_PG | 1u << 5);
    assert_int_equal(*field(VMCS_CR4), CR4_PAE | CR4_MCE | 1u << 13);
    *field(VMCS_CR0) |= CR0_TS; /* the guest's own, without an exit */
    virt_state(vcpu, &s);
    assert_int_equal(s.cr0, CR0_PE | CR0_ET | CR0_PG | CR0_TS);
    assert_int_equal(s.cr4, CR4_PAE);
    virt_set_efer(vcpu, EFER_LME | EFER_LMA);
    assert_int_not_equal(*field(VMCS_ENTRY) & VMX_ENTRY_GUEST_64, 0);
    virt_set_efer(vcpu, EFER_LME);
    assert_int_equal(*field(VMCS_ENTRY) & VMX_ENTRY_GUEST_64, 0);
}

static void page_directories_set(uint64_t flags)
{
    for (unsigned i = 0; i < ARRAY_SIZE(page_directories); i++)
        page_directories[i] = 0x6000 + 0x1000 * i + (i == 2 ? flags : PTE_P);
}

/* PAE paging: the CPU takes the four entries from the VMCS. They are loaded when it would load them, SDM3 4.4.1, and only then. */
static void pae_entries_are_loaded_for_the_guest(void **state)
{
    static const uint64_t loads[] = {CR4_PGE, CR4_PSE, CR4_SMEP, CR4_PAE};
    uint64_t cr4 = CR4_PAE;

    (void)state;
    page_directories_set(PTE_P);
    *field(VMCS_CR3) = 0x5000;
    assert_true(virt_set_cr4(vcpu, cr4));
    assert_int_equal(*field(VMCS_PDPTE0), 0);
    assert_true(virt_set_cr0(vcpu, CR0_PE | CR0_ET | CR0_PG));
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(*field(VMCS_PDPTE0 + 2 * i), page_directories[i]);
    *field(VMCS_PDPTE0) = 0x9001;
    assert_true(virt_set_cr0(vcpu, CR0_PE | CR0_ET | CR0_PG | CR0_WP) && virt_set_cr4(vcpu, cr4 | CR4_DE));
    assert_int_equal(*field(VMCS_PDPTE0), 0x9001);
    for (unsigned i = 0; i < ARRAY_SIZE(loads); i++) {
        *field(VMCS_PDPTE0) = 0x9001;
        cr4 ^= loads[i];
        assert_true(virt_set_cr4(vcpu, cr4));
        assert_int_equal(*field(VMCS_PDPTE0), cr4 & CR4_PAE ? page_directories[0] : 0x9001);
    }
    virt_set_efer(vcpu, EFER_LME | EFER_LMA);
    *field(VMCS_CR3) = 0x7000; /* nothing is read there in long mode */
    assert_true(virt_set_cr4(vcpu, CR4_PAE));
}

/* #GP, and nothing has changed: an entry of ours with them would end the partition. Outside the partition's RAM there are none. */
static void sep7_wrong_pae_entries_are_refused_at_the_write(void **state)
{
    static const uint64_t reserved[] = {1u << 1, 1u << 2, 1u << 5, 1u << 6, 1u << 7, 1u << 8, 1ull << 46, 1ull << 63};
    uint64_t cr4 = CR4_PAE | CR4_PGE;

    (void)state;
    *field(VMCS_CR3) = 0x5000;
    assert_true(virt_set_cr4(vcpu, cr4));
    for (unsigned i = 0; i < ARRAY_SIZE(reserved); i++) {
        page_directories_set(PTE_P | reserved[i]);
        assert_false(virt_set_cr0(vcpu, CR0_PE | CR0_ET | CR0_PG));
        page_directories_set(reserved[i]); /* not present: ignored */
        assert_true(virt_set_cr0(vcpu, CR0_PE | CR0_ET | CR0_PG));
        page_directories_set(PTE_P | reserved[i]);
        assert_false(virt_set_cr4(vcpu, CR4_PAE));
        assert_int_equal(*field(VMCS_CR4_SHADOW), cr4);
        assert_int_equal(*field(VMCS_PDPTE0 + 4), 0x8000 | reserved[i]);
        assert_true(virt_set_cr0(vcpu, CR0_PE | CR0_ET));
        assert_false(virt_set_cr0(vcpu, CR0_PE | CR0_ET | CR0_PG));
        assert_int_equal(*field(VMCS_CR0_SHADOW), CR0_PE | CR0_ET);
    }
    *field(VMCS_CR3) = 0x7000;
    assert_false(virt_set_cr0(vcpu, CR0_PE | CR0_ET | CR0_PG));
    assert_int_equal(leave(REASON_CPUID, 0).kind, EXIT_CPUID);
    assert_int_equal(guest.entries, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(sep5_the_audit_finds_both_guests_tightly_held, setup),
        cmocka_unit_test_setup(loops_of_exceptions_end_here, setup),
        cmocka_unit_test_setup(ports_and_msrs_exit_by_default, setup),
        cmocka_unit_test_setup(optional_controls_have_their_fields, setup),
        cmocka_unit_test_setup(firmware_that_left_vmx_open_is_locked, setup),
        cmocka_unit_test_setup(sep4_split_locks_are_refused_where_the_cpu_can, setup),
        cmocka_unit_test_setup(page_size_claim_is_compared_with_the_cpu, setup),
        cmocka_unit_test_setup(entry_state_is_flat_protected_mode, setup),
        cmocka_unit_test_setup(sipi_state_is_real_mode, setup),
        cmocka_unit_test_setup(sep9_reset_leaves_nothing, setup),
        cmocka_unit_test_setup(our_own_check_comes_before_the_first_entry, setup),
        cmocka_unit_test_setup(a_refused_entry_names_the_rule, setup),
        cmocka_unit_test_setup(a_failed_instruction_is_no_exit, setup),
        cmocka_unit_test_setup(a_waiting_request_is_a_kick_without_entry, setup),
        cmocka_unit_test_setup(a_kick_after_the_last_look_ends_the_entry_at_once, setup),
        cmocka_unit_test_setup(an_nmi_of_the_hypervisor_is_handled_by_it, setup),
        cmocka_unit_test_setup(parked_cores_wait_for_an_nmi, setup),
        cmocka_unit_test_setup(a_machine_check_at_the_entry_of_a_parked_core_is_one, setup),
        cmocka_unit_test_setup(every_reason_has_a_kind, setup),
        cmocka_unit_test_setup(hypercalls_come_from_level_0_only, setup),
        cmocka_unit_test_setup(port_and_register_records, setup),
        cmocka_unit_test_setup(fault_record, setup),
        cmocka_unit_test_setup(exception_records, setup),
        cmocka_unit_test_setup(interrupted_delivery, setup),
        cmocka_unit_test_setup(skip_wraps_outside_long_mode_and_ends_the_shadow, setup),
        cmocka_unit_test_setup(faults_are_injected_once, setup),
        cmocka_unit_test_setup(an_nmi_waits_for_another_event_and_opens_the_window, setup),
        cmocka_unit_test_setup(sep7_sti_alone_holds_no_nmi_back, setup),
        cmocka_unit_test_setup(control_registers_have_shadows, setup),
        cmocka_unit_test_setup(pae_entries_are_loaded_for_the_guest, setup),
        cmocka_unit_test_setup(sep7_wrong_pae_entries_are_refused_at_the_write, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
