/* SPDX-License-Identifier: Apache-2.0 */
/* AC-05 to AC-08, AC-10, SEP-5: every MSR of the three bitmap ranges, and some outside, read and written. Expected: #GP for
 * all that are not in the list below, which is written down here a second time on purpose: it must not follow the hypervisor's. */
#include "attack.h"

static const struct {
    uint32_t first, last;
    bool write; /* its own value may be written back */
} allowed[] = {
    {0x10, 0x10, false},             /* TSC, read only */
    {0x1b, 0x1b, true},              /* APIC_BASE, unchanged */
    {0x8b, 0x8b, true},              /* microcode level: reads 0, writes ignored */
    {0xe1, 0xe1, true},              /* UMWAIT_CONTROL, with WAITPKG */
    {0x174, 0x176, true},            /* SYSENTER */
    {0x1a0, 0x1a0, true},            /* MISC_ENABLE, constant */
    {0x1d9, 0x1d9, true},            /* DEBUGCTL, 0 */
    {0x277, 0x277, true},            /* PAT */
    {0xda0, 0xda0, true},            /* XSS, 0, with XSAVES */
    {0xc0000080, 0xc0000084, true},  /* EFER, SYSCALL */
    {0xc0000100, 0xc0000103, true},  /* FS, GS, kernel GS base; TSC_AUX */
    {0xc0010015, 0xc0010015, false}, /* HWCR, constant */
    {0xc001001f, 0xc001001f, false}, /* NB_CFG, constant */
};

static uint64_t surprises, tried, readable;

static int row_of(uint32_t msr)
{
    for (unsigned i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++)
        if (msr >= allowed[i].first && msr <= allowed[i].last)
            return (int)i;
    return -1;
}

static bool is_timer_or_apic(uint32_t msr)
{
    return msr == 0x6e0 || (msr >= 0x800 && msr < 0x900); /* the timer is ours where it exists; the APIC has its own attack */
}

static void surprise(const char *what, uint32_t msr, uint64_t value)
{
    surprises++;
    detail("%s %#x %#" PRIx64 " was allowed", what, msr, value);
}

static void try_listed(uint32_t msr, bool write, uint64_t value)
{
    readable++;
    if (write && !try_wrmsr(msr, value)) {
        surprises++;
        detail("wrmsr %#x of its own value %#" PRIx64 " was refused", msr, value);
    }
    if (!write && try_wrmsr(msr, value))
        surprise("wrmsr", msr, value);
}

static void try_msr(uint32_t msr)
{
    int row = row_of(msr);
    uint64_t value = 0, values[] = {0, ~0ull, random64()};

    if (is_timer_or_apic(msr))
        return;
    tried++;
    if (try_rdmsr(msr, &value)) {
        if (row < 0)
            surprise("rdmsr", msr, value);
        else
            try_listed(msr, allowed[row].write, value);
    }
    for (unsigned i = 0; row < 0 && i < 3; i++)
        if (try_wrmsr(msr, values[i]))
            surprise("wrmsr", msr, values[i]);
}

/* What must not be set in registers that are partly open: relocated APIC, SVM, branch trace, reserved memory types. */
static void bad_values(void)
{
    static const struct {
        uint32_t msr;
        uint64_t value;
    } bad[] = {
        {0x1b, 0},
        {0x1b, 0xfee01900},
        {0x1b, 0x1fee00900},
        {0x1b, 0xfee00500},
        {0x1d9, 1},
        {0x1d9, 0x40},
        {0x277, 0x0202020202020202},
        {0x277, ~0ull},
        {0xc0000080, 0x1d00},
        {0xc0000080, ~0ull},
        {0xc0000080, 0},
        {0xda0, 1},
        {0xda0, 0x100},
        {0xda0, 0x1800},
        {0xe1, 2},
        {0xe1, 1ull << 32},
    };

    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        tried++;
        if (try_wrmsr(bad[i].msr, bad[i].value))
            surprise("wrmsr", bad[i].msr, bad[i].value);
    }
}

void attack_msrs(void)
{
    static const struct {
        uint32_t first, last;
    } ranges[] = {{0, 0x1fff}, {0xc0000000, 0xc0001fff}, {0xc0010000, 0xc0011fff}};

    surprises = tried = readable = 0;
    for (unsigned r = 0; r < 3; r++)
        for (uint32_t msr = ranges[r].first; msr <= ranges[r].last; msr++) {
            try_msr(msr);
            if (msr % 1024 == 0)
                bh_watchdog_pet();
        }
    for (unsigned i = 0; i < 1000; i++)
        try_msr((uint32_t)random64());
    for (unsigned bit = 0; bit < 32; bit++)
        try_msr(1u << bit);
    bad_values();
    verdict(surprises == 0, "%" PRIu64 " beyond the list of %" PRIu64 " tried, %" PRIu64 " readable", surprises, tried, readable);
}
