/* SPDX-License-Identifier: Apache-2.0 */
/* CR0, CR4 and EFER of a partition (AC-03): allow-lists per bit, combinations checked as the CPU would, CR0.CD and NW dropped
 * (AC-02). LMA is computed here when paging is switched. SDM3 2.5, 4.1, 9.8.5; APM2 14.6. */
#include "policy.h"
#include "virt.h"
#include "x86.h"

#define CR0_LEGAL (CR0_PE | CR0_MP | CR0_EM | CR0_TS | CR0_NE | CR0_WP | CR0_AM | CR0_PG)
#define LMSW_BITS (CR0_PE | CR0_MP | CR0_EM | CR0_TS)

enum source { LEAF1_ECX, LEAF1_EDX, LEAF7_EBX, LEAF7_ECX, LEAF81_EDX, SOURCE_COUNT };

struct bit_row {
    uint64_t bits;
    enum source source;
    uint8_t feature;
};

/* A bit is legal where the CPU reports the feature, and where it is in this list at all: not PCE, LA57, VMXE, SMXE, CET, PKS,
 * UINTR. MCE is ours: it may be written, as who writes back what it read may have it set, and that has no effect. */
static const struct bit_row cr4_rows[] = {
    {CR4_VME | CR4_PVI, LEAF1_EDX, 1}, {CR4_DE, LEAF1_EDX, 2},       {CR4_PSE, LEAF1_EDX, 3},      {CR4_TSD, LEAF1_EDX, 4},
    {CR4_PAE, LEAF1_EDX, 6},           {CR4_PGE, LEAF1_EDX, 13},     {CR4_OSFXSR, LEAF1_EDX, 24},  {CR4_OSXMMEXCPT, LEAF1_EDX, 25},
    {CR4_PCIDE, LEAF1_ECX, 17},        {CR4_OSXSAVE, LEAF1_ECX, 26}, {CR4_FSGSBASE, LEAF7_EBX, 0}, {CR4_SMEP, LEAF7_EBX, 7},
    {CR4_MCE, LEAF1_EDX, 7},           {CR4_SMAP, LEAF7_EBX, 20},    {CR4_UMIP, LEAF7_ECX, 2},     {CR4_PKE, LEAF7_ECX, 3},
};

/* Not SVME, LMSLE, TCE, AIBRSE. */
static const struct bit_row efer_rows[] = {
    {EFER_SCE, LEAF81_EDX, 11},
    {EFER_NXE, LEAF81_EDX, 20},
    {EFER_FFXSR, LEAF81_EDX, 25},
    {EFER_LME | EFER_LMA, LEAF81_EDX, 29},
};

static uint64_t rows_allowed(const struct bit_row *rows, unsigned count)
{
    struct cpuid_regs leaf1 = cpuid(1, 0), leaf7 = cpuid(7, 0), leaf81 = cpuid(0x80000001, 0);
    const uint32_t host[SOURCE_COUNT] = {leaf1.ecx, leaf1.edx, leaf7.ebx, leaf7.ecx, leaf81.edx};
    uint64_t allowed = 0;

    for (unsigned i = 0; i < count; i++)
        if (host[rows[i].source] >> rows[i].feature & 1)
            allowed |= rows[i].bits;
    return allowed;
}

uint64_t cr4_allowed(void)
{
    return rows_allowed(cr4_rows, ARRAY_SIZE(cr4_rows));
}

uint64_t efer_allowed(void)
{
    return rows_allowed(efer_rows, ARRAY_SIZE(efer_rows));
}

static bool cr0_write(struct vcpu *vcpu, const struct guest_state *s, uint64_t u_value)
{
    uint64_t efer = s->efer;

    if (u_value >> 32 != 0 || (u_value & (CR0_NW | CR0_CD)) == CR0_NW || (u_value & (CR0_PG | CR0_PE)) == CR0_PG)
        return false;
    if ((u_value & CR0_PG) && !(s->cr0 & CR0_PG) && (efer & EFER_LME)) {
        if (!(s->cr4 & CR4_PAE) || s->no_long)
            return false;
        efer |= EFER_LMA;
    }
    if (!(u_value & CR0_PG) && (s->cr0 & CR0_PG)) {
        if (s->cs_long || (s->cr4 & CR4_PCIDE))
            return false;
        efer &= ~EFER_LMA;
    }
    if (efer != s->efer)
        virt_set_efer(vcpu, efer);
    return virt_set_cr0(vcpu, (u_value & CR0_LEGAL) | CR0_ET); /* not refused where LMA changes: false, and nothing is done */
}

static bool cr4_write(struct vcpu *vcpu, const struct guest_state *s, uint64_t u_value)
{
    bool long_mode = (s->efer & EFER_LMA) != 0;

    if ((u_value & ~cr4_allowed()) != 0 || (long_mode && !(u_value & CR4_PAE)))
        return false;
    if ((u_value & CR4_PCIDE) && !(s->cr4 & CR4_PCIDE) && (!long_mode || (s->cr3 & 0xfff) != 0))
        return false;
    return virt_set_cr4(vcpu, u_value & ~CR4_MCE);
}

/* EFER lies here because its rules depend on paging. LMA is the CPU's: a written one is ignored. */
bool guest_efer_write(struct vcpu *vcpu, uint64_t u_value)
{
    struct guest_state s;

    virt_state(vcpu, &s);
    if ((u_value & ~efer_allowed()) != 0 || ((s.cr0 & CR0_PG) && ((u_value ^ s.efer) & EFER_LME)))
        return false;
    virt_set_efer(vcpu, (u_value & ~EFER_LMA) | (s.efer & EFER_LMA));
    return true;
}

bool guest_cr_write(struct vcpu *vcpu, unsigned cr, unsigned *length)
{
    struct guest_state s;
    struct cr_insn insn;
    uint8_t code[15];
    uint64_t u_value;

    *length = 0;
    virt_state(vcpu, &s);
    if (s.cpl != 0 || !decode_cr(code, guest_fetch(vcpu, code), s.cs_long, &insn) || insn.cr != cr || insn.from_memory)
        return false;
    *length = insn.length;
    u_value = insn.reg == REG_RSP ? s.rsp : vcpu->regs.r[insn.reg];
    if (!s.cs_long)
        u_value = (uint32_t)u_value;
    if (insn.form == CR_CLTS)
        u_value = s.cr0 & ~CR0_TS;
    else if (insn.form == CR_LMSW) /* sets PE but cannot clear it */
        u_value = (s.cr0 & ~(LMSW_BITS & ~CR0_PE)) | (u_value & LMSW_BITS);
    return cr == 4 ? cr4_write(vcpu, &s, u_value) : cr0_write(vcpu, &s, u_value);
}
