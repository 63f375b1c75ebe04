/* SPDX-License-Identifier: Apache-2.0 */
/* The hypervisor's own exceptions. All are crashes (SEP-8) but three: NMI, which only sets a flag; #DB, which a guest's
 * breakpoints could reach; and vectors from 32 on, which exist only while arch_apic_reset() drains a local APIC. */
#include "trap.h"

#include "arch.h"
#include "core_area.h"
#include "crash.h"
#include "lapic.h"
#include "machine_check.h"
#include "partition.h"
#include "plan.h"
#include "x86.h"

struct gate trap_idt[IDT_ENTRIES] __attribute__((aligned(4096)));

extern char trap_stubs[];

void trap_init(void)
{
    for (unsigned vector = 0; vector < IDT_ENTRIES; vector++) {
        uint64_t stub = (uintptr_t)trap_stubs + 16 * vector;
        struct gate *gate = &trap_idt[vector];

        *gate = (struct gate){(uint16_t)stub, 8, 0, 0x8e, (uint16_t)(stub >> 16), (uint32_t)(stub >> 32), 0};
    }
    trap_idt[VECTOR_NMI].ist = IST_NMI;
    trap_idt[VECTOR_DF].ist = IST_DF;
    trap_idt[VECTOR_MC].ist = IST_MC;
}

/* An NMI is a kick (the sender has set its request already), the slow tick or the UART: which of the last two cannot be told, so
 * the housekeeping core looks at both. Nothing else is done here: no lock, no output. */
static void nmi_handle(void)
{
    THIS_CORE->nmis++;
    if (THIS_CORE->index == plan.housekeeping)
        atomic_fetch_or_explicit(&vcpus[plan.housekeeping].requests, REQUEST_TICK, memory_order_release);
}

static _Noreturn void trap_crash(const struct trap_frame *f)
{
    struct crash_state state = {
        .vector = (uint32_t)f->vector,
        .error_code = f->error_code,
        .rip = f->rip,
        .rsp = f->rsp,
        .rflags = f->rflags,
        .cr2 = read_cr2(),
        .cr3 = read_cr3(),
        .regs = {f->rax, f->rcx, f->rdx, f->rbx, f->rsp, f->rbp, f->rsi, f->rdi, f->r8, f->r9, f->r10, f->r11, f->r12, f->r13,
                 f->r14, f->r15},
    };

    crash(&state, "exception in the hypervisor");
}

void trap_handle(struct trap_frame *frame)
{
    if (frame->vector == VECTOR_NMI) {
        nmi_handle();
    } else if (frame->vector == VECTOR_DB) {
        __asm__ volatile("mov %0, %%dr7" : : "r"(0x400ull));
        frame->rflags &= ~RFLAGS_TF;
        THIS_CORE->debug_events++;
    } else if (frame->vector == VECTOR_MC) {
        if (!machine_check_survivable())
            trap_crash(frame);
    } else if (frame->vector >= 32) {
        THIS_CORE->stray_vectors++;
        lapic_write(APIC_EOI, 0);
    } else {
        trap_crash(frame);
    }
}
