/* SPDX-License-Identifier: Apache-2.0 */
/* The audit's own reading of what an AMD CPU obeys: nested entries, control blocks, permission maps. APM2 15.9 to 15.11, 15.25.
 * Shares nothing with svm.c and svm_nested.c but the names of the bits. */
#include "audit.h"
#include "vmcb.h"
#include "x86_bits.h"

/* Bits that may be set at all: no PWT, PCD, G, nor ignored or reserved ones, so that a stray bit is seen. */
#define LEAF_BITS (PTE_P | PTE_W | PTE_U | PTE_A | PTE_D | PTE_NX)
#define TABLE_BITS (PTE_P | PTE_W | PTE_U | PTE_A)
#define LARGE_ADDRESS (PTE_ADDRESS & ~(uint64_t)(LARGE_SIZE - 1))

struct audit_entry audit_decode(uint64_t raw, unsigned level)
{
    struct audit_entry e = {.present = (raw & PTE_P) != 0};
    uint64_t allowed;

    e.leaf = level == 1 || (level == 2 && (raw & PTE_PS) != 0);
    e.address = raw & (e.leaf && level == 2 ? LARGE_ADDRESS : PTE_ADDRESS);
    e.write = (raw & PTE_W) != 0;
    e.execute = !(raw & PTE_NX);
    if (e.leaf)
        allowed = LEAF_BITS | e.address | (level == 2 ? PTE_PS : 0);
    else
        allowed = TABLE_BITS | e.address;
    e.bad = (raw & ~allowed) != 0 || (raw & (PTE_P | PTE_U)) != (PTE_P | PTE_U) || (!e.leaf && !e.write);
    if (!e.present)
        e.bad = raw != 0;
    return e;
}

/* --- control blocks ------------------------------------------------------------------------------------------------------ */

/* What must exit whatever the partition is; each line names what it would be able to do otherwise. */
static const struct must {
    uint16_t offset; /* of the 32-bit field in the block */
    uint32_t bits;
    const char *name;
} must_rows[] = {
    {offsetof(struct vmcb, intercept_misc1), INTERCEPT_NMI, "NMI"},
    {offsetof(struct vmcb, intercept_misc1), INTERCEPT_INIT, "INIT"},
    {offsetof(struct vmcb, intercept_misc1), INTERCEPT_SHUTDOWN, "shutdown"},
    {offsetof(struct vmcb, intercept_misc1), INTERCEPT_CR0_SELECTIVE, "CR0"},
    {offsetof(struct vmcb, intercept_misc1), INTERCEPT_CPUID, "CPUID"},
    {offsetof(struct vmcb, intercept_misc1), INTERCEPT_RDPMC, "RDPMC"},
    {offsetof(struct vmcb, intercept_misc1), INTERCEPT_RSM, "RSM"},
    {offsetof(struct vmcb, intercept_misc1), INTERCEPT_INVD, "INVD"},
    {offsetof(struct vmcb, intercept_misc1), INTERCEPT_INVLPGA, "INVLPGA"},
    {offsetof(struct vmcb, intercept_misc1), INTERCEPT_IO, "port map"},
    {offsetof(struct vmcb, intercept_misc1), INTERCEPT_MSR, "MSR map"},
    {offsetof(struct vmcb, intercept_misc1), INTERCEPT_TASK_SWITCH, "task switch"},
    {offsetof(struct vmcb, intercept_misc1), INTERCEPT_FERR_FREEZE, "FERR_FREEZE"},
    {offsetof(struct vmcb, intercept_misc2), INTERCEPT_VMRUN, "VMRUN"},
    {offsetof(struct vmcb, intercept_misc2), INTERCEPT_VMMCALL, "VMMCALL"},
    {offsetof(struct vmcb, intercept_misc2), INTERCEPT_VMLOAD | INTERCEPT_VMSAVE, "VMLOAD and VMSAVE"},
    {offsetof(struct vmcb, intercept_misc2), INTERCEPT_STGI | INTERCEPT_CLGI, "STGI and CLGI"},
    {offsetof(struct vmcb, intercept_misc2), INTERCEPT_SKINIT, "SKINIT"},
    {offsetof(struct vmcb, intercept_misc2), INTERCEPT_WBINVD, "WBINVD"},
    {offsetof(struct vmcb, intercept_misc2), INTERCEPT_MONITOR | INTERCEPT_MWAIT, "MONITOR and MWAIT"},
    {offsetof(struct vmcb, intercept_misc2), INTERCEPT_XSETBV, "XSETBV"},
    {offsetof(struct vmcb, intercept_misc2), INTERCEPT_RDPRU, "RDPRU"},
    {offsetof(struct vmcb, intercept_misc3), INTERCEPT_INVLPGB | INTERCEPT_INVLPGB_ILLEGAL | INTERCEPT_TLBSYNC, "INVLPGB"},
    {offsetof(struct vmcb, intercept_misc3), INTERCEPT_MCOMMIT, "MCOMMIT"},
    {offsetof(struct vmcb, intercept_cr), VMCB_WRITE(4), "CR4"},
    {offsetof(struct vmcb, intercept_exceptions), 1u << VECTOR_DB | 1u << VECTOR_AC, "#DB and #AC"},
    {offsetof(struct vmcb, intercept_exceptions), 1u << VECTOR_MC, "#MC"},
};

static const char *block_missing(const struct vmcb *v)
{
    for (unsigned i = 0; i < ARRAY_SIZE(must_rows); i++) {
        const uint32_t *field = (const uint32_t *)((const uint8_t *)v + must_rows[i].offset);

        if ((*field & must_rows[i].bits) != must_rows[i].bits)
            return must_rows[i].name;
    }
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
_Static_assert(AUDIT_MSR_PERMISSIONS == 3 * 2 * VMCB_MSR_RANGE, "MSR ranges");

static const uint32_t range_first[3] = {VMCB_MSR_RANGE0, VMCB_MSR_RANGE1, VMCB_MSR_RANGE2};

bool audit_msr_open(const uint8_t *msr_map, uint32_t *position, uint32_t *msr, bool *write)
{
    uint32_t at = *position;

    while (at < AUDIT_MSR_PERMISSIONS) {
        uint8_t byte = msr_map[at / 8];

        if (byte == 0xff) {
            at = (at | 7) + 1;
        } else if (byte >> at % 8 & 1) {
            at++;
        } else {
            *msr = range_first[at / (2 * VMCB_MSR_RANGE)] + at % (2 * VMCB_MSR_RANGE) / 2;
            *write = (at & 1) != 0;
            *position = at + 1;
            return true;
        }
    }
    return false;
}

bool audit_msr_exits(const uint8_t *msr_map, uint32_t msr, bool write)
{
    for (uint32_t range = 0; range < ARRAY_SIZE(range_first); range++) {
        uint32_t offset = msr - range_first[range], bit = 2 * offset + (write ? 1 : 0);

        if (msr >= range_first[range] && offset < VMCB_MSR_RANGE)
            return (msr_map[range * (VMCB_MSR_RANGE / 4) + bit / 8] >> bit % 8 & 1) != 0;
    }
    return true;
}
