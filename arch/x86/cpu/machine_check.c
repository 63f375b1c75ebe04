/* SPDX-License-Identifier: Apache-2.0 */
/* Machine checks: decide from the banks whether this core may go on. SDM3 15.3, APM2 9.3. */
#include "arch.h"
#include "cpu.h"
#include "x86.h"

#define MSR_MCG_CAP 0x179u
#define MSR_MCG_STATUS 0x17au
#define MSR_MC0_CTL 0x400u
#define MSR_MC0_STATUS 0x401u
#define MCG_STATUS_RIPV (1ull << 0)
#define MCG_STATUS_MCIP (1ull << 2)
#define MC_STATUS_VALID (1ull << 63)
#define MC_STATUS_UNCORRECTED (1ull << 61)
#define MC_STATUS_CONTEXT_CORRUPT (1ull << 57)
#define MAX_BANKS 32u

static unsigned bank_count(void)
{
    unsigned count = (unsigned)(rdmsr(MSR_MCG_CAP) & 0xff);

    return count < MAX_BANKS ? count : MAX_BANKS;
}

static bool machine_check_present(void)
{
    return (cpuid(1, 0).edx & (1u << 7 | 1u << 14)) == (1u << 7 | 1u << 14);
}

bool arch_machine_check(bool guest)
{
    uint64_t fatal = guest ? MC_STATUS_CONTEXT_CORRUPT : MC_STATUS_CONTEXT_CORRUPT | MC_STATUS_UNCORRECTED;
    bool survivable = guest || (rdmsr(MSR_MCG_STATUS) & MCG_STATUS_RIPV);

    for (unsigned bank = 0; bank < bank_count(); bank++) {
        uint64_t status = rdmsr(MSR_MC0_STATUS + 4 * bank);

        if (!(status & MC_STATUS_VALID))
            continue;
        if (status & fatal)
            survivable = false;
        wrmsr(MSR_MC0_STATUS + 4 * bank, 0);
    }
    wrmsr(MSR_MCG_STATUS, rdmsr(MSR_MCG_STATUS) & ~MCG_STATUS_MCIP);
    return survivable;
}

void machine_check_init(void)
{
    if (!machine_check_present())
        return;
    for (unsigned bank = 0; bank < bank_count(); bank++) {
        wrmsr(MSR_MC0_CTL + 4 * bank, ~0ull);
        wrmsr(MSR_MC0_STATUS + 4 * bank, 0);
    }
    write_cr4(read_cr4() | CR4_MCE);
}
