/* SPDX-License-Identifier: Apache-2.0 */
/* The audit's own reading of what an AMD CPU obeys: nested entries, control blocks, permission maps. APM2 15.9 to 15.11, 15.25.
 * Shares nothing with svm.c and svm_nested.c but the names of the bits. */
#include "audit.h"
#include "vmcb.h"
#include "x86_bits.h"

/* Bits that may be set at all: PWT and PCD together only, no G, nor ignored or reserved ones, so that a stray bit is seen. */
#define UNCACHED (PTE_PWT | PTE_PCD)
#define LEAF_BITS (PTE_P | PTE_W | PTE_U | PTE_A | PTE_D | PTE_NX)
#define TABLE_BITS (PTE_P | PTE_W | PTE_U | PTE_A)
#define LARGE_ADDRESS (PTE_ADDRESS & ~(uint64_t)(LARGE_SIZE - 1))

struct audit_entry audit_decode(uint64_t raw, unsigned level)
{
    bool leaf = level == 1 || (level == 2 && (raw & PTE_PS) != 0);
    uint64_t address = raw & (leaf && level == 2 ? LARGE_ADDRESS : PTE_ADDRESS);
    bool device = leaf && (raw & UNCACHED) == UNCACHED;
    uint64_t allowed = leaf ? LEAF_BITS | (level == 2 ? PTE_PS : 0) | (device ? UNCACHED : 0) : TABLE_BITS;
    uint64_t needed = leaf ? PTE_P | PTE_U : PTE_P | PTE_U | PTE_W;

    return (struct audit_entry){
        .present = (raw & PTE_P) != 0,
        .leaf = leaf,
        .write = (raw & PTE_W) != 0,
        .execute = !(raw & PTE_NX),
        .device = device,
        .bad = raw & PTE_P ? (raw & ~(allowed | address)) != 0 || (raw & needed) != needed : raw != 0,
        .address = address,
    };
}

/* --- control blocks ------------------------------------------------------------------------------------------------------ */

/* What must exit whatever the partition is. */
static const struct {
    uint32_t first, last; /* exit codes */
    const char *name;
} must_rows[] = {
    {VMEXIT_CR_WRITE + 4, VMEXIT_CR_WRITE + 4, "CR4"},
    {VMEXIT_EXCEPTION + VECTOR_DB, VMEXIT_EXCEPTION + VECTOR_DB, "#DB"},
    {VMEXIT_EXCEPTION + VECTOR_AC, VMEXIT_EXCEPTION + VECTOR_MC, "#AC, #MC"},
    {VMEXIT_NMI, VMEXIT_NMI, "NMI"},
    {VMEXIT_INIT, VMEXIT_INIT, "INIT"},
    {VMEXIT_CR0_SELECTIVE, VMEXIT_CR0_SELECTIVE, "CR0"},
    {VMEXIT_RDPMC, VMEXIT_RDPMC, "RDPMC"},
    {VMEXIT_CPUID, VMEXIT_RSM, "CPUID, RSM"},
    {VMEXIT_INVD, VMEXIT_INVD, "INVD"},
    {VMEXIT_INVLPGA, VMEXIT_SHUTDOWN, "INVLPGA, port map, MSR map, task switch, FERR_FREEZE, shutdown"},
    {VMEXIT_VMRUN, VMEXIT_SKINIT, "VMRUN, VMMCALL, VMLOAD, VMSAVE, STGI, CLGI, SKINIT"},
    {VMEXIT_WBINVD, VMEXIT_MWAIT, "WBINVD, MONITOR, MWAIT"},
    {VMEXIT_XSETBV, VMEXIT_RDPRU, "XSETBV, RDPRU"},
    {VMEXIT_INVLPGB, VMEXIT_INVLPGB_ILLEGAL, "INVLPGB"},
    {VMEXIT_MCOMMIT, VMEXIT_TLBSYNC, "MCOMMIT, TLBSYNC"},
};

static const char *block_missing(const struct vmcb *v)
{
    for (unsigned i = 0; i < ARRAY_SIZE(must_rows); i++)
        for (uint32_t code = must_rows[i].first; code <= must_rows[i].last; code++)
            if (!(v->intercepts[code / 32] >> code % 32 & 1))
                return must_rows[i].name;
    if (!(v->cr4 & CR4_MCE))
        return "CR4.MCE";
    if (v->nested_control != VMCB_NESTED_ENABLE)
        return "nested paging";
    if (v->asid == 0)
        return "address space identifier";
    if (v->tsc_offset != 0)
        return "TSC offset 0";
    if (v->lbr_control != 0 || (v->interrupt_control & (VMCB_AVIC_ENABLE | VMCB_V_GIF_ENABLE)) != 0)
        return "virtual VMSAVE, AVIC and GIF off";
    return 0;
}

static const char *idle_missing(const struct vmcb *idle, const struct vmcb *guest)
{
    const char *missing = block_missing(idle);

    if (missing == 0 && guest != 0 && guest->asid == idle->asid)
        missing = "address space identifier of its own";
    if (missing == 0 && guest != 0 && (guest->io_map != idle->io_map || guest->msr_map != idle->msr_map))
        missing = "maps that were checked";
    return missing;
}

void audit_control(unsigned core, struct audit_control *control)
{
    const struct vmcb *guest = svm_guest_block(core), *idle = svm_idle_block(core);

    *control = (struct audit_control){.missing = "control block"};
    if (idle == 0)
        return;
    control->nested_root = guest ? guest->nested_root : 0;
    control->idle_root = idle->nested_root;
    control->io_map = idle->io_map;
    control->msr_map = idle->msr_map;
    control->missing = guest ? block_missing(guest) : 0;
    control->idle_missing = idle_missing(idle, guest);
}

/* --- MSR map: 2 KiB per range, two bits per MSR: read, write ---------------------------------------------------------------- */

const uint32_t audit_io_map_size = VMCB_IO_MAP_PAGES * PAGE_SIZE;
const uint32_t audit_msr_map_size = VMCB_MSR_MAP_PAGES * PAGE_SIZE;
const uint32_t audit_io_bits = 65536 + 3; /* a 4-byte access at ffff looks at three more: APM2 15.10.1 */
const uint32_t audit_msr_permissions = 3 * 2 * VMCB_MSR_RANGE;

bool audit_msr_open(const uint8_t *msr_map, uint32_t *position, uint32_t *msr, bool *write)
{
    uint32_t at = *position;

    while (at < audit_msr_permissions) {
        uint8_t byte = msr_map[at / 8];

        if (byte == 0xff) {
            at = (at | 7) + 1;
        } else if (byte >> at % 8 & 1) {
            at++;
        } else {
            *msr = VMCB_MSR_BASE(at / (2 * VMCB_MSR_RANGE)) + at % (2 * VMCB_MSR_RANGE) / 2;
            *write = (at & 1) != 0;
            *position = at + 1;
            return true;
        }
    }
    return false;
}

bool audit_msr_exits(const uint8_t *msr_map, uint32_t msr, bool write)
{
    for (uint32_t range = 0; range < 3; range++) {
        uint32_t offset = msr - VMCB_MSR_BASE(range), bit = 2 * offset + (write ? 1 : 0);

        if (offset < VMCB_MSR_RANGE)
            return (msr_map[range * (VMCB_MSR_RANGE / 4) + bit / 8] >> bit % 8 & 1) != 0;
    }
    return true;
}
