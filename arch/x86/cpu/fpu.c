/* SPDX-License-Identifier: Apache-2.0 */
/* x87, vector and debug registers back to reset state, so that nothing of an earlier life is left (SEP-9). The hypervisor itself
 * uses none of them. SDM1 13.6 (XRSTOR of a header of zeros is initial state), SDM3 17.2. */
#include "arch.h"
#include "cpu.h"
#include "x86.h"

static uint8_t initial_area[4096] __attribute__((aligned(64)));

static void state_restore_initial(void)
{
    /* Legacy area: FCW 0x037f, MXCSR 0x1f80; header all zero: every component takes its initial state. */
    initial_area[0] = 0x7f;
    initial_area[1] = 0x03;
    initial_area[24] = 0x80;
    initial_area[25] = 0x1f;
    if (cpuid(1, 0).ecx & (1u << 26)) {
        uint64_t all = (uint64_t)cpuid(0xd, 0).edx << 32 | cpuid(0xd, 0).eax;

        write_cr4(read_cr4() | CR4_OSXSAVE);
        xsetbv(0, all);
        __asm__ volatile("xrstor64 %0" : : "m"(initial_area), "a"(~0u), "d"(~0u) : "memory");
        xsetbv(0, 1);
    } else {
        __asm__ volatile("fxrstor64 %0" : : "m"(initial_area) : "memory");
    }
}

void arch_fpu_reset(void)
{
    write_cr0(read_cr0() & ~(CR0_TS | CR0_EM));
    write_cr4(read_cr4() | CR4_OSFXSR);
    state_restore_initial();
    __asm__ volatile("mov %0, %%dr0\n\tmov %0, %%dr1\n\tmov %0, %%dr2\n\tmov %0, %%dr3" : : "r"(0ull));
    __asm__ volatile("mov %0, %%dr6\n\tmov %1, %%dr7" : : "r"(0xffff0ff0ull), "r"(0x400ull));
    write_cr2(0);
}

void cpu_init(void)
{
    uint64_t cr4 = read_cr4() & (CR4_PAE | CR4_MCE);

    if (cpuid(7, 0).ebx & (1u << 7))
        cr4 |= CR4_SMEP;
    write_cr4(cr4 | CR4_OSFXSR);
    write_cr0(CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_WP | CR0_PG);
}
