/* SPDX-License-Identifier: Apache-2.0 */
/* Instructions that C has no word for. For the library and for programs that try the walls. */
#ifndef BH_CPU_H
#define BH_CPU_H

#include <stdint.h>

#define CR0_PE (1ul << 0)
#define CR0_MP (1ul << 1)
#define CR0_EM (1ul << 2)
#define CR0_TS (1ul << 3)
#define CR0_WP (1ul << 16)
#define CR0_NW (1ul << 29)
#define CR0_CD (1ul << 30)
#define CR0_PG (1ul << 31)
#define EFER_LME (1u << 8)
#define EFER_NXE (1u << 11)

#define MSR_APIC_BASE 0x1bu
#define MSR_EFER 0xc0000080u
#define MSR_GS_BASE 0xc0000101u
#define MSR_X2APIC 0x800u

#define PTE_PRESENT (1ull << 0)
#define PTE_WRITE (1ull << 1)
#define PTE_USER (1ull << 2)
#define PTE_THROUGH (1ull << 3)
#define PTE_UNCACHED (1ull << 4)
#define PTE_LARGE (1ull << 7)
#define PTE_NX (1ull << 63)

/* Selectors of the library's GDT (crt0.S). */
#define SEL_CODE 0x08u
#define SEL_DATA 0x10u
#define SEL_CODE32 0x18u
#define SEL_USER_DATA 0x23u
#define SEL_USER_CODE 0x2bu
#define SEL_TSS 0x30u /* two entries per core */

static inline uint64_t cpu_rdmsr(uint32_t msr)
{
    uint32_t low, high;
    __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
    return (uint64_t)high << 32 | low;
}

static inline void cpu_wrmsr(uint32_t msr, uint64_t value)
{
    __asm__ volatile("wrmsr" ::"c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)) : "memory");
}

static inline void cpu_cpuid(uint32_t leaf, uint32_t subleaf, uint32_t out[4])
{
    __asm__ volatile("cpuid" : "=a"(out[0]), "=b"(out[1]), "=c"(out[2]), "=d"(out[3]) : "a"(leaf), "c"(subleaf));
}

/* Else AMD's, or one that takes after them: this decides which of VMCALL and VMMCALL there is. */
static inline int cpu_is_intel(void)
{
    uint32_t id[4];

    cpu_cpuid(0, 0, id);
    return id[1] == 0x756e6547; /* "Genu" */
}

static inline uint64_t cpu_tsc(void)
{
    uint32_t low, high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high)::"memory");
    return (uint64_t)high << 32 | low;
}

static inline uint8_t cpu_in8(uint16_t port)
{
    uint8_t value;
    __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static inline uint16_t cpu_in16(uint16_t port)
{
    uint16_t value;
    __asm__ volatile("inw %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static inline uint32_t cpu_in32(uint16_t port)
{
    uint32_t value;
    __asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static inline void cpu_out8(uint16_t port, uint8_t value)
{
    __asm__ volatile("outb %0, %1" ::"a"(value), "Nd"(port));
}

static inline void cpu_out16(uint16_t port, uint16_t value)
{
    __asm__ volatile("outw %0, %1" ::"a"(value), "Nd"(port));
}

static inline void cpu_out32(uint16_t port, uint32_t value)
{
    __asm__ volatile("outl %0, %1" ::"a"(value), "Nd"(port));
}

#define CPU_REGISTER(name, reg)                                                                                                    \
    static inline uint64_t cpu_##name(void)                                                                                        \
    {                                                                                                                              \
        uint64_t value;                                                                                                            \
        __asm__ volatile("mov %%" reg ", %0" : "=r"(value));                                                                       \
        return value;                                                                                                              \
    }                                                                                                                              \
    static inline void cpu_set_##name(uint64_t value)                                                                              \
    {                                                                                                                              \
        __asm__ volatile("mov %0, %%" reg ::"r"(value) : "memory");                                                                \
    }
CPU_REGISTER(cr0, "cr0")
CPU_REGISTER(cr2, "cr2")
CPU_REGISTER(cr3, "cr3")
CPU_REGISTER(cr4, "cr4")
CPU_REGISTER(cr8, "cr8")
CPU_REGISTER(dr0, "dr0")
CPU_REGISTER(dr1, "dr1")
CPU_REGISTER(dr2, "dr2")
CPU_REGISTER(dr3, "dr3")
CPU_REGISTER(dr6, "dr6")
CPU_REGISTER(dr7, "dr7")
#undef CPU_REGISTER

static inline void cpu_invlpg(const void *address)
{
    __asm__ volatile("invlpg (%0)" ::"r"(address) : "memory");
}

static inline uint64_t cpu_flags(void)
{
    uint64_t flags;
    __asm__ volatile("pushf\n\tpop %0" : "=r"(flags)::"memory");
    return flags;
}

static inline void cpu_pause(void)
{
    __asm__ volatile("pause" ::: "memory");
}

static inline void cpu_cli(void)
{
    __asm__ volatile("cli" ::: "memory");
}

static inline void cpu_sti(void)
{
    __asm__ volatile("sti" ::: "memory");
}

/* Allow interrupts and halt with no instruction between: none can slip in and be missed. Interrupts are off on return. */
static inline void cpu_halt(void)
{
    __asm__ volatile("sti\n\thlt\n\tcli" ::: "memory");
}

#endif
