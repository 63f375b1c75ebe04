/* SPDX-License-Identifier: Apache-2.0 */
/* The hypercall instruction: VMCALL on Intel's processors, VMMCALL on AMD's. The other one gives #UD. */
#include "cpu.h"
#include "lib.h"

uint64_t bh_call(uint64_t number, uint64_t a, uint64_t b, uint64_t c)
{
    static int vendor; /* 0: not asked yet; racing cores find the same answer */

    if (vendor == 0)
        vendor = cpu_is_intel() ? 1 : 2;
    if (vendor == 1)
        __asm__ volatile("vmcall" : "+a"(number) : "D"(a), "S"(b), "d"(c) : "memory");
    else
        __asm__ volatile("vmmcall" : "+a"(number) : "D"(a), "S"(b), "d"(c) : "memory");
    return number;
}

_Noreturn void bh_end(enum bh_end how, uint64_t value, uint64_t address)
{
    for (;;)
        bh_call(BH_CALL_END, how, value, address);
}
