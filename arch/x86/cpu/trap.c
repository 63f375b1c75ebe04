/* SPDX-License-Identifier: Apache-2.0 */
/* The hypervisor's own exceptions. All are crashes (SEP-8) but three: NMI, which only sets a flag; #DB, which a guest's
 * breakpoints could reach; and #MC that the banks call harmless. Interrupts come only while arch_apic_reset() drains a local APIC, by a
 * table of their own: a partition may have sent itself any vector from 16 on, and 16 to 31 look like exceptions. */
#include "trap.h"

#include "arch.h"
#include "core_area.h"
#include "cpu.h"
#include "crash.h"
#include "lapic.h"
#include "partition.h"
#include "virt.h"
#include "x86.h"

#define EXCEPTIONS 32u
#define FIRST_INTERRUPT 16u /* SDM3 11.5.2: a local APIC delivers none below */
#define IDT_ENTRIES 256u

static struct gate trap_idt[EXCEPTIONS] __attribute__((aligned(16)));
static struct gate drain_idt[IDT_ENTRIES] __attribute__((aligned(16)));

extern char trap_stubs[], trap_drain_stub[];

static struct gate gate_to(const char *stub, uint8_t ist)
{
    uint64_t at = (uintptr_t)stub;

    return (struct gate){(uint16_t)at, 8, ist, 0x8e, (uint16_t)(at >> 16), (uint32_t)(at >> 32), 0};
}

void trap_init(void)
{
    static const uint8_t ists[EXCEPTIONS] = {[VECTOR_NMI] = IST_NMI, [VECTOR_DF] = IST_DF, [VECTOR_MC] = IST_MC};

    for (unsigned vector = 0; vector < EXCEPTIONS; vector++)
        trap_idt[vector] = gate_to(trap_stubs + (size_t)16 * vector, ists[vector]);
    for (unsigned vector = 0; vector < IDT_ENTRIES; vector++)
        drain_idt[vector] = vector < FIRST_INTERRUPT ? trap_idt[vector] : gate_to(trap_drain_stub, 0);
}

static void idt_load(const struct gate *idt, unsigned entries)
{
    struct descriptor_pointer pointer = {(uint16_t)(entries * sizeof(*idt) - 1), (uintptr_t)idt};

    lidt(&pointer);
}

void trap_load(void)
{
    idt_load(trap_idt, EXCEPTIONS);
}

/* A machine check in these few instructions is taken for vector 18 and lost: its bank keeps the record. */
void trap_drain(void)
{
    idt_load(drain_idt, IDT_ENTRIES);
    sti_nop_cli();
    trap_load();
}

void trap_drain_handle(void)
{
    THIS_CORE->stray_vectors++;
    lapic_write(APIC_EOI, 0);
}

/* An NMI is a kick (the sender has set its request already), the slow tick or the UART: which of the last two cannot be told, so
 * the housekeeping core looks at both. Nothing else is done here: no lock, no output. */
static void nmi_handle(void)
{
    virt_nmi();
    if (THIS_CORE->index == plan.housekeeping)
        atomic_fetch_or_explicit(&vcpus[plan.housekeeping].requests, REQUEST_TICK, memory_order_release);
}

static _Noreturn void trap_crash(const struct trap_frame *f)
{
    struct crash_state state = {.vector = f->vector,
                                .error_code = f->error_code,
                                .rip = f->rip,
                                .rsp = f->rsp,
                                .rflags = f->rflags,
                                .cr2 = read_cr2(),
                                .cr3 = read_cr3(),
                                .regs = {f->rax, f->rcx, f->rdx, f->rbx, f->rsp, f->rbp, f->rsi, f->rdi, f->r8, f->r9, f->r10,
                                         f->r11, f->r12, f->r13, f->r14, f->r15}};

    crash(&state, "exception in the hypervisor");
}

void trap_handle(struct trap_frame *frame)
{
    if (frame->vector == VECTOR_NMI) {
        nmi_handle();
    } else if (frame->vector == VECTOR_DB) {
        __asm__ volatile("mov %0, %%dr7" : : "r"(0x400ull));
        frame->rflags &= ~RFLAGS_TF;
    } else if (frame->vector == VECTOR_MC) {
        if (!arch_machine_check(false))
            trap_crash(frame);
    } else {
        trap_crash(frame);
    }
}
