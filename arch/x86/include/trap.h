/* SPDX-License-Identifier: Apache-2.0 */
/* Traps of the hypervisor itself. */
#ifndef BULKHEAD_TRAP_H
#define BULKHEAD_TRAP_H

#include "types.h"

enum { IST_NMI = 1, IST_DF = 2, IST_MC = 3 };

/* 64-bit interrupt gate, SDM3 6.14.1. */
struct gate {
    uint16_t offset_low, selector;
    uint8_t ist, type;
    uint16_t offset_middle;
    uint32_t offset_high, reserved;
};
_Static_assert(sizeof(struct gate) == 16, "SDM3 6.14.1");

/* For LGDT and LIDT, SDM3 2.4.1. */
struct descriptor_pointer {
    uint16_t limit;
    uint64_t base;
} __attribute__((packed));
_Static_assert(sizeof(struct descriptor_pointer) == 10, "SDM3 2.4.1");

/* Build the tables; once, first thing. */
void trap_init(void);
/* Use them on this core. */
void trap_load(void);
/* Let waiting interrupts of this core in for an instant; each is ended and counted. Interrupts off before and after. */
void trap_drain(void);

/* What trap.S leaves on the stack. */
struct trap_frame {
    uint64_t r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp, rbx, rdx, rcx, rax;
    uint64_t vector, error_code;
    uint64_t rip, cs, rflags, rsp, ss;
};
_Static_assert(sizeof(struct trap_frame) == 22 * 8, "trap.S pushes these");

/* Called by trap.S only. */
void trap_handle(struct trap_frame *frame);
void trap_drain_handle(void);

#endif
