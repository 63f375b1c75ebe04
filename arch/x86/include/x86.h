/* SPDX-License-Identifier: Apache-2.0 */
/* Thin inline assembly, one instruction each (but one), and the bits of the control registers. Not on the host: the unit tests put
 * tests/unit/fake/x86.h before this one. */
#ifndef BULKHEAD_X86_H
#define BULKHEAD_X86_H

#include "types.h"
#include "x86_bits.h"

struct cpuid_regs {
    uint32_t eax, ebx, ecx, edx;
};

static inline struct cpuid_regs cpuid(uint32_t leaf, uint32_t subleaf)
{
    struct cpuid_regs r;
    __asm__ volatile("cpuid" : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx) : "a"(leaf), "c"(subleaf));
    return r;
}

static inline uint64_t rdmsr(uint32_t msr)
{
    uint32_t low, high;
    __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr) : "memory");
    return (uint64_t)high << 32 | low;
}

static inline void wrmsr(uint32_t msr, uint64_t value)
{
    __asm__ volatile("wrmsr" : : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)) : "memory");
}

static inline void stores_finish(void)
{
    __asm__ volatile("mfence; lfence" : : : "memory");
}

static inline uint64_t rdtsc(void)
{
    uint64_t low, high; /* it clears the upper halves: SDM2 RDTSC */
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return high << 32 | low;
}

#define X86_OUT(name, type)                                                                                                        \
    static inline void name(uint16_t port, type value)                                                                             \
    {                                                                                                                              \
        __asm__ volatile(#name " %0, %1" : : "a"(value), "Nd"(port) : "memory");                                                   \
    }
#define X86_IN(name, type)                                                                                                         \
    static inline type name(uint16_t port)                                                                                         \
    {                                                                                                                              \
        type value;                                                                                                                \
        __asm__ volatile(#name " %1, %0" : "=a"(value) : "Nd"(port) : "memory");                                                   \
        return value;                                                                                                              \
    }
X86_OUT(outb, uint8_t)
X86_OUT(outw, uint16_t)
X86_OUT(outl, uint32_t)
X86_IN(inb, uint8_t)
X86_IN(inw, uint16_t)
X86_IN(inl, uint32_t)

/* PCI configuration space in memory: AMD's processors ask for MOV with EAX (family 17h PPR, 2.1.7). */
static inline uint32_t ecam_read(const uint8_t *at)
{
    uint32_t value;
    __asm__ volatile("movl (%1), %%eax" : "=a"(value) : "r"(at) : "memory");
    return value;
}

static inline void ecam_write(uint8_t *at, unsigned size, uint32_t value)
{
    if (size == 1)
        __asm__ volatile("movb %%al, (%0)" : : "r"(at), "a"(value) : "memory");
    else if (size == 2)
        __asm__ volatile("movw %%ax, (%0)" : : "r"(at), "a"(value) : "memory");
    else
        __asm__ volatile("movl %%eax, (%0)" : : "r"(at), "a"(value) : "memory");
}

#define X86_READ_REG(name)                                                                                                         \
    static inline uint64_t read_##name(void)                                                                                       \
    {                                                                                                                              \
        uint64_t value;                                                                                                            \
        __asm__ volatile("mov %%" #name ", %0" : "=r"(value) : : "memory");                                                        \
        return value;                                                                                                              \
    }
#define X86_WRITE_REG(name)                                                                                                        \
    static inline void write_##name(uint64_t value)                                                                                \
    {                                                                                                                              \
        __asm__ volatile("mov %0, %%" #name : : "r"(value) : "memory");                                                            \
    }
X86_READ_REG(cr0)
X86_WRITE_REG(cr0)
X86_READ_REG(cr2)
X86_WRITE_REG(cr2)
X86_READ_REG(cr3)
X86_WRITE_REG(cr3)
X86_READ_REG(cr4)
X86_WRITE_REG(cr4)

static inline void xsetbv(uint32_t index, uint64_t value)
{
    __asm__ volatile("xsetbv" : : "c"(index), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)) : "memory");
}

static inline void lidt(const void *pointer)
{
    __asm__ volatile("lidt (%0)" : : "r"(pointer) : "memory");
}

static inline void clflush(const void *line)
{
    __asm__ volatile("clflush (%0)" : : "r"(line) : "memory");
}

static inline void mfence(void)
{
    __asm__ volatile("mfence" : : : "memory");
}

static inline void cli(void)
{
    __asm__ volatile("cli" : : : "memory");
}

static inline void sti_nop_cli(void)
{
    __asm__ volatile("sti; nop; nop; cli" : : : "memory");
}

#endif
