/* SPDX-License-Identifier: Apache-2.0 */
/* Stands before arch/x86/include/x86.h in unit tests: the same functions on a processor that a test describes (fake_x86.c). */
#ifndef BULKHEAD_X86_H
#define BULKHEAD_X86_H

#include "types.h"
#include "x86_bits.h"

struct cpuid_regs {
    uint32_t eax, ebx, ecx, edx;
};

struct fake_x86 {
    struct {
        uint32_t leaf, subleaf;
        struct cpuid_regs regs;
    } leaves[128];
    unsigned leaf_count;
    bool leaves_repeat; /* above the maximum answer like the highest leaf, as Intel does */
    struct {
        uint32_t msr;
        uint64_t value;
        unsigned reads, writes;
    } msrs[64];
    unsigned msr_count;
    uint64_t tsc, xcr0, cr0, cr2, cr3, cr4;
    unsigned xsetbvs;
    uint8_t ports[65536];
    unsigned port_writes;
};
extern struct fake_x86 fake_x86;

void fake_x86_reset(void);
void fake_cpuid_set(uint32_t leaf, uint32_t subleaf, uint32_t eax, uint32_t ebx, uint32_t ecx, uint32_t edx);
/* A processor that says yes to everything: all bits of leaves 0..0x20 and 0x80000000..0x80000022 set but the maxima. */
void fake_cpuid_all(void);

struct cpuid_regs cpuid(uint32_t leaf, uint32_t subleaf);
uint64_t rdmsr(uint32_t msr);
void wrmsr(uint32_t msr, uint64_t value);
uint64_t rdtsc(void);
void stores_finish(void);
void outb(uint16_t port, uint8_t value);
void outw(uint16_t port, uint16_t value);
void outl(uint16_t port, uint32_t value);
uint8_t inb(uint16_t port);
uint16_t inw(uint16_t port);
uint32_t inl(uint16_t port);
void xsetbv(uint32_t index, uint64_t value);
uint32_t ecam_read(const uint8_t *at);
void ecam_write(uint8_t *at, unsigned size, uint32_t value);
/* A test defines it that links who flushes: 64 bytes at this address reach memory. */
void clflush(const void *line);
static inline void mfence(void)
{
}

#define FAKE_X86_REG(name)                                                                                                         \
    static inline uint64_t read_##name(void)                                                                                       \
    {                                                                                                                              \
        return fake_x86.name;                                                                                                      \
    }                                                                                                                              \
    static inline void write_##name(uint64_t value)                                                                                \
    {                                                                                                                              \
        fake_x86.name = value;                                                                                                     \
    }
FAKE_X86_REG(cr0)
FAKE_X86_REG(cr2)
FAKE_X86_REG(cr3)
FAKE_X86_REG(cr4)

static inline void invlpg(const void *address)
{
    (void)address;
}
static inline void cli(void)
{
}
void lidt(const void *pointer);
void sti_nop_cli(void);
static inline void stgi(void)
{
}
static inline void clgi(void)
{
}

#endif
