/* SPDX-License-Identifier: Apache-2.0 */
/* What is done about each kind of exit: one handler per kind, each short, none looping on what a guest says (SEP-5, SEP-7). */
#include "exit.h"

#include "arch.h"
#include "crash.h"
#include "devices.h"
#include "pci.h"
#include "trace.h"
#include "vcpu.h"
#include "virt.h"

enum { VECTOR_UD = 6, VECTOR_GP = 13, CR0_PE = 1 };

/* In real mode exceptions have no error code: APM2 8.2. */
static void inject_gp(struct vcpu *vcpu)
{
    struct guest_state state;

    virt_state(vcpu, &state);
    virt_inject_fault(vcpu, VECTOR_GP, (state.cr0 & CR0_PE) != 0, 0);
}

static void inject_ud(struct vcpu *vcpu)
{
    virt_inject_fault(vcpu, VECTOR_UD, false, 0);
}

static uint64_t pair(const struct vcpu *vcpu)
{
    return vcpu->regs.r[REG_RDX] << 32 | (uint32_t)vcpu->regs.r[REG_RAX];
}

static void handle_kick(struct vcpu *vcpu, const struct exit *exit)
{
    (void)exit;
    vcpu_serve(vcpu);
}

static inline void cpuid_result(struct vcpu *vcpu, const struct exit *exit, const uint32_t answer[4])
{
    vcpu->regs.r[REG_RAX] = answer[0];
    vcpu->regs.r[REG_RBX] = answer[1];
    vcpu->regs.r[REG_RCX] = answer[2];
    vcpu->regs.r[REG_RDX] = answer[3];
    virt_skip(vcpu, exit->length);
}

/* Not inlined: the common case then has no frame. */
static __attribute__((noinline)) void cpuid_varying(struct vcpu *vcpu, const struct exit *exit)
{
    uint32_t answer[4];

    guest_cpuid(vcpu, (uint32_t)vcpu->regs.r[REG_RAX], (uint32_t)vcpu->regs.r[REG_RCX], answer);
    cpuid_result(vcpu, exit, answer);
}

/* Cost: one look-up, about 150 instructions for the round trip (make bench). */
static void handle_cpuid(struct vcpu *vcpu, const struct exit *exit)
{
    const uint32_t *answer = guest_cpuid_constant(vcpu, (uint32_t)vcpu->regs.r[REG_RAX], (uint32_t)vcpu->regs.r[REG_RCX]);

    if (answer)
        cpuid_result(vcpu, exit, answer);
    else
        cpuid_varying(vcpu, exit);
}

static void handle_hypercall(struct vcpu *vcpu, const struct exit *exit)
{
    virt_skip(vcpu, exit->length); /* first: a call may end the partition */
    vcpu->regs.r[REG_RAX] =
        hypercall(vcpu, vcpu->regs.r[REG_RAX], vcpu->regs.r[REG_RDI], vcpu->regs.r[REG_RSI], vcpu->regs.r[REG_RDX]);
}

/* The instruction is done, or #GP is due and counted. */
static void finish(struct vcpu *vcpu, bool done, uint64_t length, enum denied_kind kind, uint64_t what)
{
    if (done) {
        virt_skip(vcpu, length);
        return;
    }
    partition_denied(vcpu, kind, what);
    inject_gp(vcpu);
}

static void handle_msr_read(struct vcpu *vcpu, const struct exit *exit)
{
    uint32_t u_msr = (uint32_t)vcpu->regs.r[REG_RCX];
    uint64_t value = 0;
    bool done = guest_msr_read(vcpu, u_msr, &value);

    if (done) {
        vcpu->regs.r[REG_RAX] = (uint32_t)value;
        vcpu->regs.r[REG_RDX] = value >> 32;
    }
    finish(vcpu, done, exit->length, DENIED_MSR, u_msr);
}

static void handle_msr_write(struct vcpu *vcpu, const struct exit *exit)
{
    uint32_t u_msr = (uint32_t)vcpu->regs.r[REG_RCX];

    finish(vcpu, guest_msr_write(vcpu, u_msr, pair(vcpu)), exit->length, DENIED_MSR, u_msr);
}

/* IN fills as much of RAX as its size says; a 32-bit one clears the upper half (SDM1 3.4.1.1). */
static void port_result(struct vcpu *vcpu, unsigned size, uint32_t value)
{
    uint64_t *rax = &vcpu->regs.r[REG_RAX];

    if (size == 4)
        *rax = value;
    else if (size == 2)
        *rax = (*rax & ~0xffffull) | (value & 0xffff);
    else
        *rax = (*rax & ~0xffull) | (value & 0xff);
}

/* Denied ports read ones and drop writes. String forms would make us walk the guest's memory: no device of ours needs them. */
static void handle_io(struct vcpu *vcpu, const struct exit *exit)
{
    uint32_t value = ~0u;
    bool done;

    if (exit->io.string) {
        finish(vcpu, false, 0, DENIED_PORT, exit->io.port);
        return;
    }
    if (exit->io.in)
        done = device_read(vcpu, exit->io.port, exit->io.size, &value);
    else
        done = device_write(vcpu, exit->io.port, exit->io.size, (uint32_t)vcpu->regs.r[REG_RAX]);
    if (!done)
        partition_denied(vcpu, DENIED_PORT, exit->io.port);
    if (exit->io.in)
        port_result(vcpu, exit->io.size, value);
    virt_skip(vcpu, exit->length);
}

static uint64_t width_mask(unsigned size)
{
    return size >= 8 ? ~0ull : (1ull << 8 * size) - 1;
}

static void mmio_result(struct vcpu *vcpu, const struct mmio_insn *insn, uint64_t value)
{
    uint64_t *reg = &vcpu->regs.r[insn->reg & 15], mask = width_mask(insn->reg_size);
    unsigned shift = insn->high_byte ? 8 : 0;

    value &= width_mask(insn->size);
    if (insn->sign_extend && (value >> (8 * insn->size - 1) & 1))
        value |= ~width_mask(insn->size);
    if (insn->reg_size == 4)
        *reg = value & mask; /* clears the upper half */
    else
        *reg = (*reg & ~(mask << shift)) | (value & mask) << shift;
}

/* Who answers for a page that is not mapped: local APIC and IO-APIC, or PCI. Each says false where it is not its own. */
static bool mmio_present(const struct vcpu *vcpu, gpa_t u_gpa)
{
    return guest_mmio_present(vcpu, u_gpa) || pci_mmio_present(vcpu, u_gpa);
}

static bool mmio_read(struct vcpu *vcpu, gpa_t u_gpa, unsigned size, uint64_t *value)
{
    return guest_mmio_read(vcpu, u_gpa, size, value) || pci_mmio_read(vcpu, u_gpa, size, value);
}

static bool mmio_write(struct vcpu *vcpu, gpa_t u_gpa, unsigned size, uint64_t u_value)
{
    return guest_mmio_write(vcpu, u_gpa, size, u_value) || pci_mmio_write(vcpu, u_gpa, size, u_value);
}

static bool mmio_do(struct vcpu *vcpu, gpa_t u_gpa, const struct mmio_insn *insn)
{
    uint64_t value = 0;

    if (insn->write) {
        value = insn->immediate ? insn->value : vcpu->regs.r[insn->reg & 15] >> (insn->high_byte ? 8 : 0);
        return mmio_write(vcpu, u_gpa, insn->size, value & width_mask(insn->size));
    }
    if (!mmio_read(vcpu, u_gpa, insn->size, &value))
        return false;
    mmio_result(vcpu, insn, value);
    return true;
}

/* Outside its memory: #GP(0), counted. What cannot be answered so ends the partition, else it could fault for ever: a fault while
 * an event is delivered or in a walk of its page tables. */
static void handle_nested_fault(struct vcpu *vcpu, const struct exit *exit)
{
    struct mmio_insn insn;

    if (exit->in_delivery || exit->fault.walk) {
        partition_stop(vcpu, CAUSE_MMIO, 0, exit->fault.gpa.v, exit);
        return;
    }
    if (!exit->fault.fetch && mmio_present(vcpu, exit->fault.gpa)) {
        if (!guest_mmio_decode(vcpu, &insn)) {
            partition_stop(vcpu, CAUSE_MMIO, 1, exit->fault.gpa.v, exit);
            return;
        }
        if (insn.write == exit->fault.write && mmio_do(vcpu, exit->fault.gpa, &insn)) {
            virt_skip(vcpu, insn.length);
            return;
        }
    }
    finish(vcpu, false, 0, DENIED_MEMORY, exit->fault.gpa.v);
}

static void handle_cr_write(struct vcpu *vcpu, const struct exit *exit)
{
    unsigned length = 0;
    bool done = guest_cr_write(vcpu, exit->cr, &length);

    finish(vcpu, done, length, DENIED_OTHER, exit->cr);
}

static void handle_xsetbv(struct vcpu *vcpu, const struct exit *exit)
{
    if (!guest_xsetbv(vcpu, (uint32_t)vcpu->regs.r[REG_RCX], pair(vcpu))) {
        inject_gp(vcpu);
        return;
    }
    virt_skip(vcpu, exit->length);
}

/* #DB or #AC, given back. One that hits while another event is delivered is the loop they are intercepted for. */
static void handle_exception(struct vcpu *vcpu, const struct exit *exit)
{
    if (exit->in_delivery)
        partition_stop(vcpu, CAUSE_INSTRUCTION, exit->exception.vector, 0, exit);
    else
        virt_inject_fault(vcpu, exit->exception.vector, exit->exception.has_code, exit->exception.code);
}

static void handle_machine_check(struct vcpu *vcpu, const struct exit *exit)
{
    INVARIANT(arch_machine_check(true), "machine check: the processor's context is corrupt");
    partition_stop(vcpu, CAUSE_MACHINE_CHECK, 0, 0, exit);
}

static void handle_nmi_unblocked(struct vcpu *vcpu, const struct exit *exit)
{
    (void)exit;
    virt_nmi_unblocked(vcpu);
    vcpu->nmi_blocked = false;
}

/* No device of a partition is incoherent, so nothing needs to be written back; and nobody may empty a shared cache. */
static void handle_cache(struct vcpu *vcpu, const struct exit *exit)
{
    virt_skip(vcpu, exit->length);
}

static void handle_forbidden(struct vcpu *vcpu, const struct exit *exit)
{
    (void)exit;
    vcpu->counters.denied[DENIED_OTHER]++;
    inject_ud(vcpu);
}

static void handle_privileged(struct vcpu *vcpu, const struct exit *exit)
{
    (void)exit;
    vcpu->counters.denied[DENIED_OTHER]++;
    inject_gp(vcpu);
}

static void handle_task_switch(struct vcpu *vcpu, const struct exit *exit)
{
    partition_stop(vcpu, CAUSE_INSTRUCTION, 0, 0, exit);
}

static void handle_shutdown(struct vcpu *vcpu, const struct exit *exit)
{
    partition_stop(vcpu, CAUSE_SHUTDOWN, 0, 0, exit);
}

static uint64_t exit_code(const struct vcpu *vcpu)
{
    uint64_t raw[3];

    virt_raw(vcpu, raw);
    return raw[0];
}

static void handle_entry_failed(struct vcpu *vcpu, const struct exit *exit)
{
    partition_stop(vcpu, CAUSE_ENTRY, exit_code(vcpu), 0, exit);
}

/* The tables are never written after the seal, so that this is not the guest's doing. */
static void handle_nested_corrupt(struct vcpu *vcpu, const struct exit *exit)
{
    (void)vcpu;
    (void)exit;
    crash_here("nested table: the CPU refuses an entry");
}

static void handle_nuisance(struct vcpu *vcpu, const struct exit *exit)
{
    (void)exit;
    partition_denied(vcpu, DENIED_OTHER, exit_code(vcpu));
}

static void handle_unknown(struct vcpu *vcpu, const struct exit *exit)
{
    partition_stop(vcpu, CAUSE_INSTRUCTION, exit_code(vcpu), 0, exit);
}

#define EXIT_HANDLER(kind, name) [kind] = handle_##name,
static void (*const handlers[])(struct vcpu *, const struct exit *) = {EXIT_KINDS(EXIT_HANDLER)};
_Static_assert(ARRAY_SIZE(handlers) == EXIT_KIND_COUNT, "a handler per kind");

static void handle_traced(struct vcpu *vcpu, const struct exit *exit)
{
    struct bh_trace_record record;

    trace_begin(vcpu, exit, &record);
    handlers[exit->kind](vcpu, exit);
    trace_end(vcpu, &record);
}

/* The same handlers, and behind them as often the one with a trace: vcpu->trace.on is the distance, so that a trace that is off costs one
 * addition and no jump. */
#define EXIT_TRACED(kind, name) [EXIT_KIND_COUNT + kind] = handle_traced,
static void (*const ways[])(struct vcpu *, const struct exit *) = {EXIT_KINDS(EXIT_HANDLER) EXIT_KINDS(EXIT_TRACED)};
_Static_assert(ARRAY_SIZE(ways) == 2 * EXIT_KIND_COUNT && TRACE_ON == EXIT_KIND_COUNT, "two ways per kind");

#define EXIT_NAME(kind, name) [kind] = #name,
static const char *const names[] = {EXIT_KINDS(EXIT_NAME)};

const char *exit_name(enum exit_kind kind)
{
    return (unsigned)kind < EXIT_KIND_COUNT ? names[kind] : "?";
}

void exit_handle(struct vcpu *vcpu, const struct exit *exit)
{
    vcpu->counters.exits[exit->kind]++;
    ways[(size_t)exit->kind + atomic_load_explicit(&vcpu->trace.on, memory_order_relaxed)](vcpu, exit);
}
