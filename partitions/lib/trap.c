/* SPDX-License-Identifier: Apache-2.0 */
/* Exceptions and interrupts. An exception nobody expected is described on the console and ends the partition; an interrupt
 * nobody expected is counted. #DF, NMI and #MC have stacks of their own: a stack overflow can still be reported. */
#include <stdio.h>
#include <string.h>

#include "cpu.h"
#include "lib.h"

#define SPECIAL_STACK 8192u

struct gate {
    uint16_t low, selector;
    uint8_t stack, type;
    uint16_t middle;
    uint32_t high, zero;
};

struct tss {
    uint32_t reserved0;
    uint64_t rsp[3], reserved1, ist[7];
    uint64_t reserved2;
    uint16_t reserved3, io_map;
} __attribute__((packed));
_Static_assert(sizeof(struct tss) == 104, "task state segment");

struct __attribute__((packed)) table_pointer {
    uint16_t limit;
    uint64_t base;
};

extern uint64_t bh_gdt[6 + 2 * BH_MAX_CORES];
extern uint8_t bh_trap_stubs[];
void bh_trap(struct bh_frame *frame);

struct core bh_cores[BH_MAX_CORES];
static struct gate idt[256] __attribute__((aligned(16)));
static struct tss tss[BH_MAX_CORES];
static uint8_t special_stacks[BH_MAX_CORES][4][SPECIAL_STACK] __attribute__((aligned(16)));
static bh_handler handlers[256];
static uint64_t unexpected[256];

const char *bh_vector_name(unsigned vector)
{
    static const char *const names[] = {"#DE", "#DB", "NMI", "#BP", "#OF", "#BR", "#UD", "#NM", "#DF", "#9",  "#TS",
                                        "#NP", "#SS", "#GP", "#PF", "#15", "#MF", "#AC", "#MC", "#XM", "#VE", "#CP",
                                        "#22", "#23", "#24", "#25", "#26", "#27", "#HV", "#VC", "#SX", "#31"};

    return vector < sizeof(names) / sizeof(names[0]) ? names[vector] : "interrupt";
}

void trap_init(void)
{
    for (unsigned v = 0; v < 256; v++) {
        uint64_t stub = (uintptr_t)bh_trap_stubs + v * 16ul;
        idt[v] = (struct gate){.low = (uint16_t)stub,
                               .selector = SEL_CODE,
                               .stack = v == 8    ? 1
                                        : v == 2  ? 2
                                        : v == 18 ? 3
                                                  : 0,
                               .type = v == 3 ? 0xee : 0x8e, /* INT3 also from user mode */
                               .middle = (uint16_t)(stub >> 16),
                               .high = (uint32_t)(stub >> 32)};
    }
}

void trap_load(struct core *core)
{
    unsigned i = core->index;
    uint64_t base = (uintptr_t)&tss[i];
    struct table_pointer gdt_pointer = {sizeof(bh_gdt) - 1, (uintptr_t)bh_gdt};
    struct table_pointer idt_pointer = {sizeof(idt) - 1, (uintptr_t)idt};

    tss[i].rsp[0] = (uintptr_t)special_stacks[i][3] + SPECIAL_STACK; /* for programs that go to user mode */
    for (unsigned s = 0; s < 3; s++)
        tss[i].ist[s] = (uintptr_t)special_stacks[i][s] + SPECIAL_STACK;
    tss[i].io_map = sizeof(struct tss);
    bh_gdt[6 + 2 * i] = (sizeof(struct tss) - 1) | (base & 0xffffff) << 16 | 0x89ull << 40 | (base >> 24 & 0xff) << 56;
    bh_gdt[7 + 2 * i] = base >> 32;
    __asm__ volatile("lgdt %0\n\tlidt %1\n\tltr %w2" ::"m"(gdt_pointer), "m"(idt_pointer), "r"(SEL_TSS + 16 * i) : "memory");
    core->self = core;
    cpu_wrmsr(MSR_GS_BASE, (uintptr_t)core);
}

void bh_irq_handler(unsigned vector, bh_handler handler)
{
    handlers[vector & 255] = handler;
}

uint64_t bh_irq_unexpected(unsigned vector)
{
    return unexpected[vector & 255];
}

uint64_t bh_irq_unexpected_total(void)
{
    uint64_t total = 0;

    for (unsigned v = 0; v < 256; v++)
        total += unexpected[v];
    return total;
}

bool bh_irq_off(void)
{
    bool were_on = cpu_flags() & 0x200;

    cpu_cli();
    return were_on;
}

void bh_irq_restore(bool were_on)
{
    if (were_on)
        cpu_sti();
}

unsigned bh_core(void)
{
    return this_core()->index;
}

bool bh_try(void (*fn)(void *), void *arg, struct bh_fault *fault)
{
    struct core *core = this_core();
    jmp_buf context;

    core->attempt_fault = fault;
    core->attempt_interrupts = cpu_flags() & 0x200;
    if (setjmp(context) != 0) {
        bh_irq_restore(core->attempt_interrupts);
        return true;
    }
    core->attempt = &context;
    fn(arg);
    core->attempt = 0;
    return false;
}

static bool is_stack_overflow(uint64_t address)
{
    uint64_t offset = address - (uintptr_t)bh_stacks;

    return offset < sizeof(bh_stacks) && offset % STACK_STRIDE < 4096;
}

/* Straight to the console: stdio may be what broke. */
static _Noreturn void report_and_end(const struct bh_frame *f, uint64_t cr2)
{
    static char text[1024];
    bool overflow = (f->vector == 8 || f->vector == 14) && is_stack_overflow(cr2);
    int length = snprintf(text, sizeof(text),
                          "\n%s: unexpected %s on core %u%s\n"
                          "  rip %016lx  error %lx  cr2 %016lx  rflags %lx  cs %lx\n"
                          "  rax %016lx  rbx %016lx  rcx %016lx  rdx %016lx\n"
                          "  rsi %016lx  rdi %016lx  rbp %016lx  rsp %016lx\n"
                          "  r8  %016lx  r9  %016lx  r10 %016lx  r11 %016lx\n"
                          "  r12 %016lx  r13 %016lx  r14 %016lx  r15 %016lx\n",
                          bh_start_info()->name, bh_vector_name((unsigned)f->vector), bh_core(), overflow ? ": stack overflow" : "",
                          f->rip, f->error, cr2, f->rflags, f->cs, f->rax, f->rbx, f->rcx, f->rdx, f->rsi, f->rdi, f->rbp, f->rsp,
                          f->r8, f->r9, f->r10, f->r11, f->r12, f->r13, f->r14, f->r15);

    bh_console_write(text, length > 0 ? (size_t)length : 0);
    bh_call(BH_CALL_CONSOLE, 0, 0, 0);
    bh_end(BH_END_TRAP, f->vector, f->rip);
}

static void exception(struct bh_frame *frame)
{
    struct core *core = this_core();
    uint64_t cr2 = cpu_cr2();

    if (core->attempt) {
        jmp_buf *context = core->attempt;
        core->attempt = 0;
        *core->attempt_fault = (struct bh_fault){.vector = frame->vector, .error = frame->error, .rip = frame->rip, .address = cr2};
        longjmp(*context, 1);
    }
    report_and_end(frame, cr2);
}

void bh_trap(struct bh_frame *frame)
{
    unsigned vector = frame->vector & 255;
    bh_handler handler = handlers[vector];

    if (handler)
        handler(frame);
    else if (vector < 32)
        exception(frame);
    else if (vector != BH_VECTOR_SPURIOUS)
        __atomic_fetch_add(&unexpected[vector], 1, __ATOMIC_RELAXED);
    if (vector >= 32 && vector != BH_VECTOR_SPURIOUS)
        apic_eoi();
}
