/* SPDX-License-Identifier: Apache-2.0 */
/* See fake/x86.h. */
#include <stdlib.h>
#include <string.h>

#include "x86.h"

struct fake_x86 fake_x86;

void fake_x86_reset(void)
{
    memset(&fake_x86, 0, sizeof(fake_x86));
    fake_x86.xcr0 = 1;
}

void fake_cpuid_set(uint32_t leaf, uint32_t subleaf, uint32_t eax, uint32_t ebx, uint32_t ecx, uint32_t edx)
{
    unsigned i = 0;

    while (i < fake_x86.leaf_count && (fake_x86.leaves[i].leaf != leaf || fake_x86.leaves[i].subleaf != subleaf))
        i++;
    if (i == 128)
        abort();
    if (i == fake_x86.leaf_count)
        fake_x86.leaf_count++;
    fake_x86.leaves[i].leaf = leaf;
    fake_x86.leaves[i].subleaf = subleaf;
    fake_x86.leaves[i].regs = (struct cpuid_regs){eax, ebx, ecx, edx};
}

void fake_cpuid_all(void)
{
    for (uint32_t i = 0; i <= 0x22; i++) {
        fake_cpuid_set(i, 0, ~0u, ~0u, ~0u, ~0u);
        fake_cpuid_set(0x80000000 + i, 0, ~0u, ~0u, ~0u, ~0u);
    }
    for (uint32_t i = 1; i < 20; i++)
        fake_cpuid_set(0xd, i, i == 1 ? ~0u : 64 * i, 512 + 64 * i, ~0u, ~0u);
    for (uint32_t i = 1; i < 5; i++) {
        fake_cpuid_set(0x4, i, ~0u, ~0u, ~0u, ~0u);
        fake_cpuid_set(0x8000001d, i, ~0u, ~0u, ~0u, ~0u);
    }
    fake_cpuid_set(0, 0, 0x20, 0x68747541, 0x444d4163, 0x69746e65);
    fake_cpuid_set(0x80000000, 0, 0x80000022, 0x68747541, 0x444d4163, 0x69746e65);
    fake_cpuid_set(0x40000000, 0, 0x40000010, 0x56565656, 0x56565656, 0x56565656);
    fake_cpuid_set(0xd, 0, ~0u, 832, 2440, ~0u);
}

struct cpuid_regs cpuid(uint32_t leaf, uint32_t subleaf)
{
    struct cpuid_regs highest = {0, 0, 0, 0};

    for (unsigned i = 0; i < fake_x86.leaf_count; i++) {
        if (fake_x86.leaves[i].leaf == leaf && fake_x86.leaves[i].subleaf == subleaf)
            return fake_x86.leaves[i].regs;
        highest = fake_x86.leaves[i].regs;
    }
    return fake_x86.leaves_repeat ? highest : (struct cpuid_regs){0, 0, 0, 0};
}

static unsigned msr_slot(uint32_t msr)
{
    unsigned i = 0;

    while (i < fake_x86.msr_count && fake_x86.msrs[i].msr != msr)
        i++;
    if (i == 64)
        abort();
    if (i == fake_x86.msr_count)
        fake_x86.msrs[fake_x86.msr_count++].msr = msr;
    return i;
}

uint64_t rdmsr(uint32_t msr)
{
    unsigned i = msr_slot(msr);

    fake_x86.msrs[i].reads++;
    return fake_x86.msrs[i].value;
}

void wrmsr(uint32_t msr, uint64_t value)
{
    unsigned i = msr_slot(msr);

    fake_x86.msrs[i].writes++;
    fake_x86.msrs[i].value = value;
}

uint64_t rdtsc(void)
{
    return fake_x86.tsc++;
}

void outb(uint16_t port, uint8_t value)
{
    fake_x86.ports[port] = value;
    fake_x86.port_writes++;
}

void outw(uint16_t port, uint16_t value)
{
    outb(port, (uint8_t)value);
    outb((uint16_t)(port + 1), (uint8_t)(value >> 8));
}

void outl(uint16_t port, uint32_t value)
{
    outw(port, (uint16_t)value);
    outw((uint16_t)(port + 2), (uint16_t)(value >> 16));
}

uint8_t inb(uint16_t port)
{
    return fake_x86.ports[port];
}

uint32_t inl(uint16_t port)
{
    uint32_t value = 0;

    for (unsigned i = 0; i < 4; i++)
        value |= (uint32_t)inb((uint16_t)(port + i)) << (8 * i);
    return value;
}

void xsetbv(uint32_t index, uint64_t value)
{
    if (index != 0)
        abort();
    fake_x86.xcr0 = value;
    fake_x86.xsetbvs++;
}
