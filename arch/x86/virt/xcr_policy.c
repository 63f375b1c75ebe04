/* SPDX-License-Identifier: Apache-2.0 */
/* XCR0: which extended states a partition may switch on (AC-04). XCR0 is not swapped at an exit: the hypervisor uses no XSAVE
 * but at reset, so the register is the partition's own. */
#include "policy.h"
#include "virt.h"
#include "x86.h"

#define X87 (1ull << 0)
#define SSE (1ull << 1)
#define AVX (1ull << 2)
#define AVX512 (7ull << 5) /* opmask, ZMM_Hi256, Hi16_ZMM: together or not at all */
#define PKRU (1ull << 9)

uint64_t xcr0_allowed(void)
{
    struct cpuid_regs host;

    if (cpuid(0, 0).eax < 0xd || !(cpuid(1, 0).ecx & 1u << 26))
        return 0;
    host = cpuid(0xd, 0);
    return ((uint64_t)host.edx << 32 | host.eax) & (X87 | SSE | AVX | AVX512 | PKRU);
}

/* SDM3 13.3: the combinations that XSETBV accepts. */
static bool xcr0_legal(uint64_t u_value, uint64_t allowed)
{
    if ((u_value & ~allowed) != 0 || !(u_value & X87))
        return false;
    if ((u_value & AVX) && !(u_value & SSE))
        return false;
    if ((u_value & AVX512) && ((u_value & AVX512) != AVX512 || !(u_value & AVX)))
        return false;
    return true;
}

bool guest_xsetbv(struct vcpu *vcpu, uint32_t u_index, uint64_t u_value)
{
    struct guest_state state;

    virt_state(vcpu, &state);
    if (u_index != 0 || state.cpl != 0 || !(state.cr4 & CR4_OSXSAVE) || !xcr0_legal(u_value, xcr0_allowed()))
        return false;
    xsetbv(0, u_value);
    return true;
}
