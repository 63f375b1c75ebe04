/* SPDX-License-Identifier: Apache-2.0 */
/* Thin inline assembly for the VMX instructions, one each. Not on the host: the unit tests put tests/unit/fake/vmx_insn.h before this
 * one. CF or ZF means that the instruction failed: SDM3 31.2. */
#ifndef BULKHEAD_VMX_INSN_H
#define BULKHEAD_VMX_INSN_H

#include "types.h"

/* An instruction with one operand; false if it failed. */
#define VMX_INSN(name, instruction, constraint, type)                                                                              \
    static inline bool name(type operand)                                                                                          \
    {                                                                                                                              \
        __asm__ goto(instruction "\n\tjna %l[failed]" : : constraint(operand) : "cc", "memory" : failed);                          \
        return true;                                                                                                               \
    failed:                                                                                                                        \
        return false;                                                                                                              \
    }
VMX_INSN(vmxon, "vmxon %0", "m", uint64_t)
VMX_INSN(vmclear, "vmclear %0", "m", uint64_t)
VMX_INSN(vmptrld, "vmptrld %0", "m", uint64_t)

static inline uint64_t vmread(uint32_t field)
{
    uint64_t value;

    __asm__ volatile("vmread %1, %0" : "=rm"(value) : "r"((uint64_t)field) : "cc", "memory");
    return value;
}

/* False: no such field, or no current VMCS. */
static inline bool vmwrite_try(uint32_t field, uint64_t value)
{
    __asm__ goto("vmwrite %0, %1\n\tjna %l[failed]" : : "rm"(value), "r"((uint64_t)field) : "cc", "memory" : failed);
    return true;
failed:
    return false;
}

struct vmx_invalidate {
    uint64_t vpid, address;
};

/* Translations by VPID, of the nested tables: the CPU's own words for which. */
static inline void invvpid(uint64_t type, struct vmx_invalidate what)
{
    __asm__ volatile("invvpid %0, %1" : : "m"(what), "r"(type) : "cc", "memory");
}

static inline void invept(uint64_t type, struct vmx_invalidate what)
{
    __asm__ volatile("invept %0, %1" : : "m"(what), "r"(type) : "cc", "memory");
}

/* What an NMI exit has swallowed, through our own gate: its IRET also opens NMIs again. */
static inline void nmi_again(void)
{
    __asm__ volatile("int $2" : : : "memory");
}

/* This core's descriptor tables. */
static inline void table_bases(uint64_t *gdt, uint64_t *idt)
{
    struct {
        uint16_t limit;
        uint64_t base;
    } __attribute__((packed)) pointer;

    __asm__ volatile("sgdt %0" : "=m"(pointer));
    *gdt = pointer.base;
    __asm__ volatile("sidt %0" : "=m"(pointer));
    *idt = pointer.base;
}

static inline uint64_t read_dr6(void)
{
    uint64_t value;

    __asm__ volatile("mov %%dr6, %0" : "=r"(value));
    return value;
}

static inline void write_dr6(uint64_t value)
{
    __asm__ volatile("mov %0, %%dr6" : : "r"(value));
}

#endif
