/* SPDX-License-Identifier: Apache-2.0 */
/* AC-13: the interrupt shadow of STI and MOV SS around exits. An interrupt that waits is taken right after the one instruction in the
 * shadow: not before it, though it exits, and not one later, though somebody else carries it out. Expected of each: where hardware
 * alone would have taken it, once. SDM2 STI, MOV; APM2 15.21.5. */
#include <string.h>

#include "attack.h"
#include "lib.h"

#define VECTOR 0x31u
#define SELF (0x44000u | VECTOR) /* command: to this core alone */
#define NMI 0x4400u
#define TEST_ROUNDS 8u
#define MSR_X2APIC_ICR 0x830u
#define MSR_DENIED 0xc0010117u
#define CR0_AM (1ull << 18)
#define CR4_TSD (1ull << 2)
#define CR4_OSXSAVE (1ull << 18)
#define RESULT_LOST ~0ull
#define NOPS 8u

enum special { NONE, FAULTS, NEEDS_XSAVE, HYPERCALL, ICR };

/* What is in the shadow. */
static const struct insn {
    const char *name;
    uint8_t length, code[4];
    enum special special;
    uint32_t rax, rcx;
} insns[] = {
    {"nop", 1, {0x90}, NONE, 0, 0},
    {"hlt", 1, {0xf4}, NONE, 0, 0},
    {"cpuid", 2, {0x0f, 0xa2}, NONE, 0, 0},
    {"in", 2, {0xe4, 0x80}, NONE, 0, 0},
    {"out", 2, {0xe6, 0x80}, NONE, 0, 0},
    {"rdmsr", 2, {0x0f, 0x32}, NONE, 0, MSR_APIC_BASE},
    {"wbinvd", 2, {0x0f, 0x09}, NONE, 0, 0},
    {"mov to CR0", 4, {0x41, 0x0f, 0x22, 0xc2}, NONE, 0, 0}, /* from R10 */
    {"mov to CR4", 3, {0x0f, 0x22, 0xe6}, NONE, 0, 0},       /* from RSI */
    {"xsetbv", 3, {0x0f, 0x01, 0xd1}, NEEDS_XSAVE, 1, 0},
    {"hypercall", 3, {0x0f, 0x01, 0xd9}, HYPERCALL, 0xffff, 0},
    {"interrupt command", 2, {0x0f, 0x30}, ICR, SELF, MSR_X2APIC_ICR},
    {"denied rdmsr", 2, {0x0f, 0x32}, FAULTS, 0, MSR_DENIED},
    {"rdpmc", 2, {0x0f, 0x33}, FAULTS, 0, 0},
    {"clgi", 3, {0x0f, 0x01, 0xdd}, FAULTS, 0, 0},
};
#define INSNS (sizeof(insns) / sizeof(insns[0]))
#define INSN_ICR 11u

static uint8_t page[4096] __attribute__((aligned(4096)));
static volatile uint64_t taken_at, fault_at;
static volatile unsigned taken, faults, fault_length, late_faults;

static void on_interrupt(struct bh_frame *frame)
{
    taken_at = frame->rip;
    taken++;
}

/* Goes on behind the instruction. */
static void on_fault(struct bh_frame *frame)
{
    fault_at = frame->rip;
    late_faults += taken != 0;
    faults++;
    frame->rip += fault_length;
}

static const uint8_t *code_of(const struct insn *insn)
{
    static const uint8_t vmcall[] = {0x0f, 0x01, 0xc1}, store[] = {0x89, 0x07}; /* EAX to where RDI points */

    if (insn->special == HYPERCALL && cpu_is_intel())
        return vmcall;
    return insn->special == ICR && !apic_is_x2() ? store : insn->code;
}

/* Returns where the instruction lies that shall find the interrupt. */
static uint64_t code_write(const char *before, unsigned length, const struct insn *insn)
{
    uint8_t *to = page;

    memcpy(to, before, length);
    memcpy(to += length, code_of(insn), insn->length);
    memset(to += insn->length, 0x90, NOPS);
    to[NOPS] = 0xfa;     /* CLI */
    to[NOPS + 1] = 0xc3; /* RET */
    return (uint64_t)(to - page);
}

/* The interrupt flag is off afterwards. */
static void code_call(const uint8_t *code, uint64_t rax, uint64_t rcx)
{
    uint64_t icr = (uintptr_t)bh_window(11, 0xfee00300, BH_WRITE | BH_UNCACHED), cr0 = cpu_cr0(), cr4 = cpu_cr4();
    register uint64_t other_cr0 __asm__("r10") = cr0 ^ CR0_AM;
    register const uint8_t *target __asm__("r9") = code;
    uint64_t other_cr4 = cr4 ^ CR4_TSD, rdx = 0;

    __asm__ volatile("push %%rbp\n\tpush %%rbx\n\tmov %%ss, %%r8d\n\tcall *%%r9\n\tpop %%rbx\n\tpop %%rbp"
                     : "+a"(rax), "+c"(rcx), "+d"(rdx), "+D"(icr), "+S"(other_cr4), "+r"(other_cr0), "+r"(target)
                     :
                     : "r8", "r11", "r12", "r13", "r14", "r15", "memory", "cc");
    cpu_set_cr0(cr0);
    cpu_set_cr4(cr4);
}

/* Where the interrupt was taken, from the start of the code. */
static uint64_t shoot(const struct insn *insn)
{
    uint8_t *code = bh_window(10, (uintptr_t)page, BH_EXECUTE);

    taken = faults = late_faults = 0;
    fault_length = insn->length;
    code_call(code, insn->rax, insn->rcx);
    cpu_sti(); /* what is lost in the code comes here */
    cpu_pause();
    cpu_cli();
    if (faults != (insn->special == FAULTS) || late_faults != 0)
        detail("%s: %u faults, %u of them after the interrupt", insn->name, faults, late_faults);
    return taken == 1 && faults == (insn->special == FAULTS) && late_faults == 0 ? taken_at - (uintptr_t)code : RESULT_LOST;
}

struct outcome {
    unsigned early, late, lost, tried;
};

static void judge(struct outcome *o, const char *before, const struct insn *insn, uint64_t expected, uint64_t got)
{
    o->tried++;
    if (got == expected)
        return;
    if (got > expected + NOPS)
        o->lost++;
    else if (got > expected)
        o->late++;
    else
        o->early++;
    detail("%s; %s: %u interrupts, at +%" PRIx64 " instead of +%" PRIx64, before, insn->name, taken, got, expected);
}

static bool has_xsave(void)
{
    uint32_t id[4];

    cpu_cpuid(1, 0, id);
    return id[2] >> 26 & 1;
}

void attack_shadow(void)
{
    struct outcome o = {0, 0, 0, 0};
    bool were_on = bh_irq_off(), xsave = has_xsave();

    bh_irq_handler(VECTOR, on_interrupt);
    bh_irq_handler(VECTOR_GP, on_fault);
    bh_irq_handler(VECTOR_UD, on_fault);
    if (xsave)
        cpu_set_cr4(cpu_cr4() | CR4_OSXSAVE);
    for (unsigned i = 0; i < INSNS * TEST_ROUNDS; i++) {
        const struct insn *insn = &insns[i % INSNS];
        uint64_t expected;

        if (insn->special == NEEDS_XSAVE && !xsave)
            continue;
        expected = code_write("\xfb", 1, insn); /* STI */
        apic_send(0, 0x4000u | VECTOR);         /* waits */
        judge(&o, "sti", insn, expected, shoot(insn));
    }
    for (unsigned i = 0; i < TEST_ROUNDS; i++) {
        uint64_t expected = code_write("\xfb\x90\x41\x8e\xd0", 5, &insns[INSN_ICR]); /* STI; NOP; MOV SS, R8D */

        judge(&o, "mov ss", &insns[INSN_ICR], expected, shoot(&insns[INSN_ICR]));
    }
    bh_irq_handler(VECTOR, 0);
    bh_irq_handler(VECTOR_GP, 0);
    bh_irq_handler(VECTOR_UD, 0);
    bh_irq_restore(were_on);
    verdict(o.early + o.late + o.lost == 0, "%u early, %u late, %u lost of %u", o.early, o.late, o.lost, o.tried);
}

/* --- an exit in the shadow that does not end its instruction ------------------------------------------------------------------- */

/* In its handler of an NMI an interrupt waits, and STI, IRET ends it: that IRET exits where the hypervisor wants to know when NMIs are
 * allowed again, and is then executed. Nobody must look at RIP in between. */
__attribute__((target("general-regs-only"))) static void on_nmi(struct bh_frame *frame)
{
    apic_send(0, 0x4000u | VECTOR);
    faults++;
    __asm__ volatile("mov %0, %%rsp\n\tsti\n\tiretq" ::"r"(&frame->rip) : "memory");
    __builtin_unreachable();
}

void attack_shadow_kept(void)
{
    static const struct insn command = {"NMI", 2, {0x0f, 0x30}, ICR, NMI, MSR_X2APIC_ICR};
    struct outcome o = {0, 0, 0, 0};
    bool were_on = bh_irq_off();

    bh_irq_handler(VECTOR, on_interrupt);
    bh_irq_handler(2, on_nmi);
    for (unsigned i = 0; i < TEST_ROUNDS; i++) {
        uint64_t expected = code_write("\xfb\x90", 2, &command), got = RESULT_LOST; /* STI; NOP */
        uint8_t *code = bh_window(10, (uintptr_t)page, BH_EXECUTE);

        taken = faults = 0;
        code_call(code, command.rax, command.rcx);
        if (taken == 1 && faults == 1)
            got = taken_at - (uintptr_t)code;
        judge(&o, "nmi", &command, expected, got); /* where the NMI returns to */
    }
    bh_irq_handler(VECTOR, 0);
    bh_irq_handler(2, 0);
    bh_irq_restore(were_on);
    verdict(o.early + o.late + o.lost == 0, "%u early, late or lost of %u", o.early + o.late + o.lost, o.tried);
}
