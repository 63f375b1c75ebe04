/* SPDX-License-Identifier: Apache-2.0 */
/* What each exit does to a guest: registers, faults, stops. The vendor's back end and the devices are recorded here. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "arch.h"
#include "devices.h"
#include "exit.h"
#include "pci.h"
#include "trace.h"
#include "vcpu.h"
#include "virt.h"

static struct {
    unsigned skipped, faults, serves, unblocked, denied[DENIED_COUNT], stops;
    uint64_t skip_length;
    uint8_t vector;
    bool has_code;
    enum cause cause;
    uint64_t stop_value, stop_address, denied_what;
    struct guest_state state;
    bool port_known, msr_known, mmio_page, pci_page, mmio_known, insn_known, cr_legal, xcr_legal;
    uint32_t port_value;
    uint64_t msr_value, mmio_value, written;
    struct mmio_insn insn;
    bool corrupt;
    unsigned traces_begun, traces_ended;
    jmp_buf end;
} seen;

static struct partition partition;
static struct vcpu vcpu;

void trace_begin(const struct vcpu *v, const struct exit *exit, struct bh_trace_record *record)
{
    (void)v;
    assert_int_equal(seen.traces_begun++, seen.traces_ended);
    assert_int_equal(seen.skipped, 0); /* before anything is done */
    *record = (struct bh_trace_record){.kind = (uint16_t)exit->kind};
}
void trace_end(struct vcpu *v, struct bh_trace_record *record)
{
    (void)v;
    seen.traces_ended++;
    assert_int_equal(seen.skipped, 1);
    assert_int_equal(record->kind, EXIT_CACHE);
}
void virt_skip(struct vcpu *v, uint64_t length)
{
    (void)v;
    seen.skipped++;
    seen.skip_length = length;
}
void virt_inject_fault(struct vcpu *v, uint8_t vector, bool has_code, uint32_t code)
{
    (void)v, (void)code;
    seen.faults++;
    seen.vector = vector;
    seen.has_code = has_code;
}
void virt_state(const struct vcpu *v, struct guest_state *state)
{
    (void)v;
    *state = seen.state;
}
void virt_raw(const struct vcpu *v, uint64_t raw[3])
{
    (void)v;
    raw[0] = 0x1234;
    raw[1] = raw[2] = 0;
}
void virt_nmi_unblocked(struct vcpu *v)
{
    (void)v;
    seen.unblocked++;
}
void vcpu_serve(struct vcpu *v)
{
    (void)v;
    seen.serves++;
}
void partition_stop(struct vcpu *v, enum cause cause, uint64_t value, uint64_t address, const struct exit *exit)
{
    (void)v, (void)exit;
    seen.stops++;
    seen.cause = cause;
    seen.stop_value = value;
    seen.stop_address = address;
}
void partition_denied(struct vcpu *v, enum denied_kind kind, uint64_t what)
{
    (void)v;
    seen.denied[kind]++;
    seen.denied_what = what;
}
const uint32_t *guest_cpuid_constant(const struct vcpu *v, uint32_t leaf, uint32_t subleaf)
{
    static uint32_t answer[4];

    (void)v;
    if (leaf == 1)
        return 0;
    answer[0] = leaf, answer[1] = subleaf, answer[2] = 0xcccccccc, answer[3] = 0xdddddddd;
    return answer;
}
void guest_cpuid(const struct vcpu *v, uint32_t leaf, uint32_t subleaf, uint32_t out[4])
{
    (void)v;
    out[0] = leaf + 100, out[1] = subleaf, out[2] = 2, out[3] = 3;
}
bool guest_msr_read(struct vcpu *v, uint32_t msr, uint64_t *value)
{
    (void)v, (void)msr;
    *value = seen.msr_value;
    return seen.msr_known;
}
bool guest_msr_write(struct vcpu *v, uint32_t msr, uint64_t value)
{
    (void)v, (void)msr;
    seen.written = value;
    return seen.msr_known;
}
bool device_read(struct vcpu *v, uint16_t port, unsigned size, uint32_t *value)
{
    (void)v, (void)port, (void)size;
    if (seen.port_known)
        *value = seen.port_value;
    return seen.port_known;
}
bool device_write(struct vcpu *v, uint16_t port, unsigned size, uint32_t value)
{
    (void)v, (void)port, (void)size;
    seen.written = value;
    return seen.port_known;
}
bool guest_mmio_present(const struct vcpu *v, gpa_t gpa)
{
    (void)v, (void)gpa;
    return seen.mmio_page;
}
/* A page of PCI: it knows each access, and is asked after the local APIC. */
bool pci_mmio_present(const struct vcpu *v, gpa_t gpa)
{
    (void)v, (void)gpa;
    return seen.pci_page;
}
bool pci_mmio_read(struct vcpu *v, gpa_t gpa, unsigned size, uint64_t *value)
{
    (void)v, (void)size;
    if (seen.pci_page)
        *value = gpa.v ^ 0xff;
    return seen.pci_page;
}
bool pci_mmio_write(struct vcpu *v, gpa_t gpa, unsigned size, uint64_t value)
{
    (void)v, (void)gpa, (void)size;
    if (seen.pci_page)
        seen.written = value;
    return seen.pci_page;
}
bool guest_mmio_decode(struct vcpu *v, struct mmio_insn *insn)
{
    (void)v;
    *insn = seen.insn;
    return seen.insn_known;
}
bool guest_mmio_read(struct vcpu *v, gpa_t gpa, unsigned size, uint64_t *value)
{
    (void)v, (void)gpa, (void)size;
    *value = seen.mmio_value;
    return seen.mmio_known;
}
bool guest_mmio_write(struct vcpu *v, gpa_t gpa, unsigned size, uint64_t value)
{
    (void)v, (void)gpa, (void)size;
    seen.written = value;
    return seen.mmio_known;
}
bool guest_cr_write(struct vcpu *v, unsigned cr, unsigned *length)
{
    (void)v, (void)cr;
    *length = 4;
    return seen.cr_legal;
}
bool guest_xsetbv(struct vcpu *v, uint32_t index, uint64_t value)
{
    (void)v, (void)index;
    seen.written = value;
    return seen.xcr_legal && seen.state.cpl == 0; /* as xcr_policy.c does: test_xcr */
}
bool arch_machine_check(bool of_guest)
{
    assert_true(of_guest);
    return !seen.corrupt;
}
_Noreturn void crash_here(const char *text)
{
    (void)text;
    longjmp(seen.end, 1);
}
uint64_t hypercall(struct vcpu *v, uint64_t number, uint64_t a, uint64_t b, uint64_t c)
{
    (void)v;
    return number + 10 * a + 100 * b + 1000 * c;
}

static int setup(void **state)
{
    (void)state;
    memset(&seen, 0, sizeof(seen));
    memset(&vcpu, 0, sizeof(vcpu));
    vcpu.partition = &partition;
    seen.state.cr0 = 0x80000001;
    return 0;
}

static void take(struct exit exit)
{
    exit_handle(&vcpu, &exit);
    assert_int_equal(vcpu.counters.exits[exit.kind], 1);
    vcpu.counters.exits[exit.kind] = 0;
}

static void assert_fault(unsigned vector)
{
    assert_int_equal(seen.faults, 1);
    assert_int_equal(seen.vector, vector);
    assert_int_equal(seen.skipped, 0);
}

static void cpuid_fills_four_registers_and_clears_upper_halves(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 4; i++)
        vcpu.regs.r[i] = ~0ull;
    vcpu.regs.r[REG_RAX] = 0xffffffff00000007;
    vcpu.regs.r[REG_RCX] = 0xffffffff00000003;
    take((struct exit){.kind = EXIT_CPUID, .length = 2});
    assert_int_equal(vcpu.regs.r[REG_RAX], 7);
    assert_int_equal(vcpu.regs.r[REG_RBX], 3);
    assert_int_equal(vcpu.regs.r[REG_RCX], 0xcccccccc);
    assert_int_equal(vcpu.regs.r[REG_RDX], 0xdddddddd);
    assert_int_equal(seen.skip_length, 2);
    vcpu.regs.r[REG_RAX] = 1;
    take((struct exit){.kind = EXIT_CPUID, .length = 2});
    assert_int_equal(vcpu.regs.r[REG_RAX], 101);
}

static void hypercall_passes_three_arguments(void **state)
{
    (void)state;
    vcpu.regs.r[REG_RAX] = 1;
    vcpu.regs.r[REG_RDI] = 2;
    vcpu.regs.r[REG_RSI] = 3;
    vcpu.regs.r[REG_RDX] = 4;
    take((struct exit){.kind = EXIT_HYPERCALL, .length = 3});
    assert_int_equal(vcpu.regs.r[REG_RAX], 4321);
    assert_int_equal(seen.skip_length, 3);
}

static void sep5_unknown_msr_faults_and_is_counted(void **state)
{
    (void)state;
    vcpu.regs.r[REG_RCX] = 0xffffffff00000123;
    vcpu.regs.r[REG_RAX] = 5;
    take((struct exit){.kind = EXIT_MSR_READ, .length = 2});
    assert_fault(13);
    assert_int_equal(seen.denied[DENIED_MSR], 1);
    assert_int_equal(seen.denied_what, 0x123);
    assert_int_equal(vcpu.regs.r[REG_RAX], 5);
    seen.faults = 0;
    take((struct exit){.kind = EXIT_MSR_WRITE, .length = 2});
    assert_fault(13);
    assert_int_equal(seen.denied[DENIED_MSR], 2);
}

static void msr_values_are_split_and_joined(void **state)
{
    (void)state;
    seen.msr_known = true;
    seen.msr_value = 0x1122334455667788;
    take((struct exit){.kind = EXIT_MSR_READ, .length = 2});
    assert_int_equal(vcpu.regs.r[REG_RAX], 0x55667788);
    assert_int_equal(vcpu.regs.r[REG_RDX], 0x11223344);
    vcpu.regs.r[REG_RAX] |= 0xaaaaaaaa00000000;
    take((struct exit){.kind = EXIT_MSR_WRITE, .length = 2});
    assert_int_equal(seen.written, 0x1122334455667788);
    assert_int_equal(seen.skipped, 2);
}

static void real_mode_gets_no_error_code(void **state)
{
    (void)state;
    seen.state.cr0 = 0x10;
    take((struct exit){.kind = EXIT_MSR_READ, .length = 2});
    assert_false(seen.has_code);
    seen.state.cr0 = 0x11;
    take((struct exit){.kind = EXIT_MSR_READ, .length = 2});
    assert_true(seen.has_code);
}

static void sep5_denied_ports_read_ones_in_their_width(void **state)
{
    static const uint64_t expected[5] = {[1] = 0x11223344556677ff, [2] = 0x112233445566ffff, [4] = 0xffffffff};

    (void)state;
    for (unsigned size = 1; size <= 4; size *= 2) {
        vcpu.regs.r[REG_RAX] = 0x1122334455667788;
        take((struct exit){.kind = EXIT_IO, .length = 1, .io = {.port = 0x80, .size = (uint8_t)size, .in = true}});
        assert_int_equal(vcpu.regs.r[REG_RAX], expected[size]);
    }
    assert_int_equal(seen.denied[DENIED_PORT], 3);
    assert_int_equal(seen.skipped, 3);
    vcpu.regs.r[REG_RAX] = 0x42;
    take((struct exit){.kind = EXIT_IO, .length = 1, .io = {.port = 0xcf9, .size = 1}});
    assert_int_equal(seen.denied[DENIED_PORT], 4);
    assert_int_equal(vcpu.regs.r[REG_RAX], 0x42);
}

static void known_ports_answer(void **state)
{
    (void)state;
    seen.port_known = true;
    seen.port_value = 0x60;
    take((struct exit){.kind = EXIT_IO, .length = 1, .io = {.port = 0x3fd, .size = 1, .in = true}});
    assert_int_equal(vcpu.regs.r[REG_RAX], 0x60);
    assert_int_equal(seen.denied[DENIED_PORT], 0);
}

static void string_io_faults_and_touches_no_device(void **state)
{
    (void)state;
    seen.port_known = true;
    take((struct exit){.kind = EXIT_IO, .length = 2, .io = {.port = 0x3f8, .size = 1, .string = true}});
    assert_fault(13);
    assert_int_equal(seen.written, 0);
    assert_int_equal(seen.denied[DENIED_PORT], 1);
}

static void sep1_memory_outside_the_map_faults_and_is_counted(void **state)
{
    (void)state;
    take((struct exit){.kind = EXIT_NESTED_FAULT, .fault = {.gpa = {0xdead000}, .write = true}});
    assert_fault(13);
    assert_int_equal(seen.denied[DENIED_MEMORY], 1);
    assert_int_equal(seen.denied_what, 0xdead000);
    assert_int_equal(seen.stops, 0);
}

static void sep7_faults_that_would_loop_stop_the_partition(void **state)
{
    (void)state;
    take((struct exit){.kind = EXIT_NESTED_FAULT, .in_delivery = true, .fault = {.gpa = {0x1000}}});
    assert_int_equal(seen.cause, CAUSE_MMIO);
    take((struct exit){.kind = EXIT_NESTED_FAULT, .fault = {.gpa = {0x2000}, .walk = true}});
    assert_int_equal(seen.stops, 2);
    assert_int_equal(seen.stop_address, 0x2000);
    assert_int_equal(seen.faults, 0);
}

static void mmio_needs_a_mov_that_agrees_with_the_fault(void **state)
{
    (void)state;
    seen.mmio_page = true;
    take((struct exit){.kind = EXIT_NESTED_FAULT, .fault = {.gpa = {0xfee00020}}});
    assert_int_equal(seen.cause, CAUSE_MMIO); /* no MOV */
    seen.insn_known = seen.mmio_known = true;
    seen.insn = (struct mmio_insn){.length = 3, .size = 4, .reg_size = 4, .write = true};
    take((struct exit){.kind = EXIT_NESTED_FAULT, .fault = {.gpa = {0xfee00020}}});
    assert_int_equal(seen.denied[DENIED_MEMORY], 1); /* rewritten between fault and fetch: a store, but a read faulted */
    assert_int_equal(seen.skipped, 0);
    take((struct exit){.kind = EXIT_NESTED_FAULT, .fault = {.gpa = {0xfee00020}, .fetch = true}});
    assert_int_equal(seen.denied[DENIED_MEMORY], 2); /* code there: never emulated */
}

static void mmio_reads_fill_registers_by_width(void **state)
{
    static const struct {
        uint8_t size, reg_size;
        bool sign, high;
        uint64_t expected;
    } cases[] = {
        {4, 4, false, false, 0x000000008899aabb}, {1, 1, false, false, 0x11223344556677bb}, {1, 1, false, true, 0x112233445566bb88},
        {2, 2, false, false, 0x112233445566aabb}, {1, 4, false, false, 0x00000000000000bb}, {1, 8, true, false, 0xffffffffffffffbb},
        {2, 4, true, false, 0x00000000ffffaabb},  {4, 8, true, false, 0xffffffff8899aabb},
    };

    (void)state;
    seen.mmio_page = seen.mmio_known = seen.insn_known = true;
    seen.mmio_value = 0x8899aabb;
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        seen.insn = (struct mmio_insn){.length = 3,
                                       .size = cases[i].size,
                                       .reg_size = cases[i].reg_size,
                                       .sign_extend = cases[i].sign,
                                       .high_byte = cases[i].high,
                                       .reg = REG_RBX};
        vcpu.regs.r[REG_RBX] = 0x1122334455667788;
        take((struct exit){.kind = EXIT_NESTED_FAULT, .fault = {.gpa = {0xfee00020}}});
        assert_int_equal(vcpu.regs.r[REG_RBX], cases[i].expected);
    }
    assert_int_equal(seen.skipped, ARRAY_SIZE(cases));
}

static void mmio_writes_take_register_high_byte_or_immediate(void **state)
{
    (void)state;
    seen.mmio_page = seen.mmio_known = seen.insn_known = true;
    vcpu.regs.r[REG_RDX] = 0x1122334455667788;
    seen.insn = (struct mmio_insn){.length = 3, .size = 4, .write = true, .reg = REG_RDX};
    take((struct exit){.kind = EXIT_NESTED_FAULT, .fault = {.gpa = {0xfee00020}, .write = true}});
    assert_int_equal(seen.written, 0x55667788);
    seen.insn.high_byte = true;
    seen.insn.size = 1;
    take((struct exit){.kind = EXIT_NESTED_FAULT, .fault = {.gpa = {0xfee00020}, .write = true}});
    assert_int_equal(seen.written, 0x77);
    seen.insn = (struct mmio_insn){.length = 6, .size = 4, .write = true, .immediate = true, .value = 0xffffffffffffff00};
    take((struct exit){.kind = EXIT_NESTED_FAULT, .fault = {.gpa = {0xfee00020}, .write = true}});
    assert_int_equal(seen.written, 0xffffff00);
}

/* A page of PCI is answered like one of ours; where both have one it is ours. */
static void mmio_of_pci(void **state)
{
    (void)state;
    seen.pci_page = seen.insn_known = true;
    seen.insn = (struct mmio_insn){.length = 3, .size = 4, .reg_size = 4, .reg = REG_RBX};
    take((struct exit){.kind = EXIT_NESTED_FAULT, .fault = {.gpa = {0xe0008010}}});
    assert_int_equal(vcpu.regs.r[REG_RBX], 0xe00080ef);
    seen.insn.write = true;
    take((struct exit){.kind = EXIT_NESTED_FAULT, .fault = {.gpa = {0xe0008010}, .write = true}});
    assert_int_equal(seen.written, 0xe00080ef);
    assert_int_equal(seen.skipped, 2);
    seen.mmio_page = seen.mmio_known = true;
    seen.mmio_value = 5;
    seen.insn.write = false;
    take((struct exit){.kind = EXIT_NESTED_FAULT, .fault = {.gpa = {0xe0008010}}});
    assert_int_equal(vcpu.regs.r[REG_RBX], 5);
    take((struct exit){.kind = EXIT_NESTED_FAULT, .fault = {.gpa = {0xe0008010}, .fetch = true}});
    assert_int_equal(seen.denied[DENIED_MEMORY], 1);
}

static void control_register_writes(void **state)
{
    (void)state;
    take((struct exit){.kind = EXIT_CR_WRITE, .cr = 4});
    assert_fault(13);
    seen.cr_legal = true;
    take((struct exit){.kind = EXIT_CR_WRITE, .cr = 0});
    assert_int_equal(seen.skip_length, 4);
}

static void xsetbv_needs_privilege_and_a_legal_value(void **state)
{
    (void)state;
    seen.xcr_legal = true;
    seen.state.cpl = 3;
    take((struct exit){.kind = EXIT_XSETBV, .length = 3});
    assert_fault(13);
    seen.state.cpl = 0;
    take((struct exit){.kind = EXIT_XSETBV, .length = 3});
    assert_int_equal(seen.skipped, 1);
    seen.xcr_legal = false;
    take((struct exit){.kind = EXIT_XSETBV, .length = 3});
    assert_int_equal(seen.faults, 2);
}

static void exceptions_go_back_unless_they_loop(void **state)
{
    (void)state;
    take((struct exit){.kind = EXIT_EXCEPTION, .exception = {.vector = 17, .has_code = true}});
    assert_int_equal(seen.vector, 17);
    take((struct exit){.kind = EXIT_EXCEPTION, .in_delivery = true, .exception = {.vector = 1}});
    assert_int_equal(seen.cause, CAUSE_INSTRUCTION);
    assert_int_equal(seen.faults, 1);
}

static void sep8_what_cannot_go_on_stops_the_partition_only(void **state)
{
    static const struct {
        enum exit_kind kind;
        enum cause cause;
    } cases[] = {
        {EXIT_SHUTDOWN, CAUSE_SHUTDOWN},       {EXIT_ENTRY_FAILED, CAUSE_ENTRY},          {EXIT_UNKNOWN, CAUSE_INSTRUCTION},
        {EXIT_TASK_SWITCH, CAUSE_INSTRUCTION}, {EXIT_MACHINE_CHECK, CAUSE_MACHINE_CHECK},
    };

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        take((struct exit){.kind = cases[i].kind});
        assert_int_equal(seen.stops, i + 1);
        assert_int_equal(seen.cause, cases[i].cause);
    }
}

static void sep8_corrupt_context_ends_the_hypervisor(void **state)
{
    (void)state;
    seen.corrupt = true;
    if (setjmp(seen.end) == 0) {
        take((struct exit){.kind = EXIT_MACHINE_CHECK});
        fail();
    }
    assert_int_equal(seen.stops, 0);
}

static void forbidden_privileged_and_cache_instructions(void **state)
{
    (void)state;
    take((struct exit){.kind = EXIT_FORBIDDEN, .length = 3});
    assert_fault(6);
    take((struct exit){.kind = EXIT_PRIVILEGED, .length = 2});
    assert_int_equal(seen.vector, 13);
    assert_int_equal(vcpu.counters.denied[DENIED_OTHER], 2);
    take((struct exit){.kind = EXIT_CACHE, .length = 2});
    assert_int_equal(seen.skip_length, 2);
}

static void kick_serves_requests_and_nmi_end_unblocks(void **state)
{
    (void)state;
    take((struct exit){.kind = EXIT_KICK});
    assert_int_equal(seen.serves, 1);
    vcpu.nmi_blocked = true;
    take((struct exit){.kind = EXIT_NMI_UNBLOCKED});
    assert_false(vcpu.nmi_blocked);
    assert_int_equal(seen.unblocked, 1);
}

static void every_kind_has_a_name(void **state)
{
    (void)state;
    for (unsigned i = 0; i < EXIT_KIND_COUNT; i++)
        assert_true(strlen(exit_name(i)) > 1);
    assert_string_equal(exit_name(EXIT_KIND_COUNT), "?");
}

static void a_traced_exit_is_handled_between_two_looks(void **state)
{
    struct exit exit = {.kind = EXIT_CACHE, .length = 2};

    (void)state;
    exit_handle(&vcpu, &exit);
    assert_int_equal(seen.traces_begun + seen.traces_ended, 0);
    seen.skipped = 0;
    vcpu.trace.on = TRACE_ON;
    exit_handle(&vcpu, &exit);
    vcpu.trace.on = 0;
    assert_int_equal(seen.traces_begun, 1);
    assert_int_equal(seen.traces_ended, 1);
    assert_int_equal(vcpu.counters.exits[EXIT_CACHE], 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_traced_exit_is_handled_between_two_looks, setup),
        cmocka_unit_test_setup(cpuid_fills_four_registers_and_clears_upper_halves, setup),
        cmocka_unit_test_setup(hypercall_passes_three_arguments, setup),
        cmocka_unit_test_setup(sep5_unknown_msr_faults_and_is_counted, setup),
        cmocka_unit_test_setup(msr_values_are_split_and_joined, setup),
        cmocka_unit_test_setup(real_mode_gets_no_error_code, setup),
        cmocka_unit_test_setup(sep5_denied_ports_read_ones_in_their_width, setup),
        cmocka_unit_test_setup(known_ports_answer, setup),
        cmocka_unit_test_setup(string_io_faults_and_touches_no_device, setup),
        cmocka_unit_test_setup(sep1_memory_outside_the_map_faults_and_is_counted, setup),
        cmocka_unit_test_setup(sep7_faults_that_would_loop_stop_the_partition, setup),
        cmocka_unit_test_setup(mmio_needs_a_mov_that_agrees_with_the_fault, setup),
        cmocka_unit_test_setup(mmio_reads_fill_registers_by_width, setup),
        cmocka_unit_test_setup(mmio_writes_take_register_high_byte_or_immediate, setup),
        cmocka_unit_test_setup(mmio_of_pci, setup),
        cmocka_unit_test_setup(control_register_writes, setup),
        cmocka_unit_test_setup(xsetbv_needs_privilege_and_a_legal_value, setup),
        cmocka_unit_test_setup(exceptions_go_back_unless_they_loop, setup),
        cmocka_unit_test_setup(sep8_what_cannot_go_on_stops_the_partition_only, setup),
        cmocka_unit_test_setup(sep8_corrupt_context_ends_the_hypervisor, setup),
        cmocka_unit_test_setup(forbidden_privileged_and_cache_instructions, setup),
        cmocka_unit_test_setup(kick_serves_requests_and_nmi_end_unblocks, setup),
        cmocka_unit_test_setup(every_kind_has_a_name, setup),
    };

    return cmocka_run_group_tests(tests, 0, 0);
}
