/* SPDX-License-Identifier: Apache-2.0 */
/* The audit's own reading of what an Intel CPU obeys: EPT entries, controls as read back from the VMCS, permission maps. SDM3 25.6,
 * 29.3. Shares nothing with vmx.c and vmx_nested.c but the names of the controls. */
#include "audit.h"
#include "plan.h"
#include "vmx_controls.h"
#include "x86_bits.h"

#define READ (1ull << 0)
#define WRITE (1ull << 1)
#define EXECUTE (1ull << 2)
#define WRITE_BACK (6ull << 3) /* else 0: uncached */
#define ALWAYS (1ull << 6)     /* whatever the guest's PAT says */
#define LARGE (1ull << 7)
#define ADDRESS 0x000ffffffffff000ull
#define LARGE_ADDRESS (ADDRESS & ~(uint64_t)(LARGE_SIZE - 1))
#define EPTP_FLAGS 0x1eull /* 4 levels, write-back, no accessed and dirty flags: the CPU never writes to a table */

/* Exactly the bits that mean something to us: accessed and dirty stay 0, the ignored and reserved ones are 0. */
struct audit_entry audit_decode(uint64_t raw, unsigned level)
{
    bool leaf = level == 1 || (level == 2 && (raw & LARGE) != 0);
    uint64_t address = raw & (leaf && level == 2 ? LARGE_ADDRESS : ADDRESS);
    bool device = leaf && (raw & WRITE_BACK) == 0;
    uint64_t type = ALWAYS | (device ? 0 : WRITE_BACK);
    uint64_t fixed = leaf ? READ | type | (level == 2 ? LARGE : 0) : READ | WRITE | EXECUTE;
    bool erratum = level == 2 && !plan.board->no_page_size_erratum; /* no large page to execute from: CVE-2018-12207 */
    uint64_t free = leaf ? WRITE | (erratum ? 0 : EXECUTE) : 0;

    return (struct audit_entry){
        .present = (raw & (READ | WRITE | EXECUTE)) != 0,
        .leaf = leaf,
        .write = (raw & WRITE) != 0,
        .execute = (raw & EXECUTE) != 0,
        .device = device,
        .bad = raw != 0 && (raw & ~(address | free)) != fixed,
        .address = address,
    };
}

/* --- controls ---------------------------------------------------------------------------------------------------------------- */

/* What must be on and off whatever the partition is. Exits that only cost time, and controls that are armed at times, are not here. */
static const struct {
    size_t at; /* in struct vmx_controls */
    uint32_t on, off;
    const char *name;
} control_rows[] = {
    {offsetof(struct vmx_controls, pin), VMX_PIN_NMI | VMX_PIN_VIRTUAL_NMI, 0, "NMI exiting, virtual NMIs"},
    {offsetof(struct vmx_controls, pin), 0, VMX_PIN_EXTERNAL_INTERRUPT | VMX_PIN_POSTED, "interrupts of its own"},
    {offsetof(struct vmx_controls, proc), VMX_PROC_IO_BITMAPS | VMX_PROC_MSR_BITMAPS, 0, "port map, MSR map"},
    {offsetof(struct vmx_controls, proc), VMX_PROC_MWAIT | VMX_PROC_MONITOR | VMX_PROC_RDPMC, 0, "MONITOR, MWAIT, RDPMC"},
    {offsetof(struct vmx_controls, proc), VMX_PROC_SECONDARY, VMX_PROC_TERTIARY, "secondary and no tertiary controls"},
    {offsetof(struct vmx_controls, proc), 0, VMX_PROC_TPR_SHADOW | VMX_PROC_TSC_OFFSET, "TPR and TSC as they are"},
    {offsetof(struct vmx_controls, proc2), VMX_PROC2_EPT | VMX_PROC2_VPID, 0, "EPT, VPID"},
    {offsetof(struct vmx_controls, proc2), VMX_PROC2_UNRESTRICTED | VMX_PROC2_WBINVD, 0, "unrestricted guest, WBINVD"},
    {offsetof(struct vmx_controls, proc2), 0,
     VMX_PROC2_APIC_ACCESS | VMX_PROC2_VIRTUAL_X2APIC | VMX_PROC2_APIC_REGISTER | VMX_PROC2_VIRTUAL_INTERRUPT, "no virtual APIC"},
    {offsetof(struct vmx_controls, proc2), 0, VMX_PROC2_VMFUNC | VMX_PROC2_VMCS_SHADOW | VMX_PROC2_PASID | VMX_PROC2_PCONFIG,
     "VMFUNC, VMREAD, ENQCMD, PCONFIG off"},
    {offsetof(struct vmx_controls, proc2), 0,
     VMX_PROC2_PML | VMX_PROC2_VE | VMX_PROC2_MODE_EXECUTE | VMX_PROC2_SUB_PAGE | VMX_PROC2_PT_GUEST_PHYSICAL,
     "EPT entries of the plain kind"},
    {offsetof(struct vmx_controls, proc2), 0, VMX_PROC2_TSC_SCALING, "TSC unscaled"},
    {offsetof(struct vmx_controls, exit), VMX_EXIT_HOST_64 | VMX_EXIT_SAVE_DEBUG, VMX_EXIT_LOAD_PERF, "a 64-bit host, DR7 saved"},
    {offsetof(struct vmx_controls, exit), VMX_EXIT_SAVE_PAT | VMX_EXIT_LOAD_PAT | VMX_EXIT_SAVE_EFER | VMX_EXIT_LOAD_EFER, 0,
     "PAT and EFER switched at exit"},
    {offsetof(struct vmx_controls, entry), VMX_ENTRY_LOAD_DEBUG | VMX_ENTRY_LOAD_PAT | VMX_ENTRY_LOAD_EFER, VMX_ENTRY_LOAD_PERF,
     "DR7, PAT and EFER switched at entry"},
    {offsetof(struct vmx_controls, entry), 0, VMX_ENTRY_SMM | VMX_ENTRY_DUAL_MONITOR, "no SMM"},
};

static const char *copy_missing(const struct vmx_audit_copy *v)
{
    const uint32_t exceptions = 1u << VECTOR_DB | 1u << VECTOR_AC | 1u << VECTOR_MC;

    for (unsigned i = 0; i < ARRAY_SIZE(control_rows); i++) {
        uint32_t value = *(const uint32_t *)((const uint8_t *)&v->controls + control_rows[i].at);

        if ((value & control_rows[i].on) != control_rows[i].on || (value & control_rows[i].off) != 0)
            return control_rows[i].name;
    }
    if ((v->exception_bitmap & exceptions) != exceptions)
        return "#DB, #AC, #MC";
    if ((v->cr0_mask | CR0_MP | CR0_TS) != ~0ull || v->cr4_mask != ~0ull)
        return "CR0, CR4";
    if ((v->eptp & ~ADDRESS) != EPTP_FLAGS || v->vpid == 0)
        return "EPT pointer of 4 write-back levels, identifier other than 0";
    if (v->exit_msr_store_count != 0 || v->exit_msr_load_count != 0 || v->entry_msr_load_count != 0)
        return "no MSR lists";
    if (v->io_map_b != v->io_map_a + PAGE_SIZE)
        return "port map in one piece";
    if (v->tsc_offset != 0 || v->encls_bitmap != ~0ull || v->xss_bitmap != ~0ull)
        return "TSC offset 0, all ENCLS, all XSAVES";
    return 0;
}

static const char *idle_missing(const struct vmx_audit_copy *idle, const struct vmx_audit_copy *guest)
{
    const char *missing = copy_missing(idle);

    if (missing == 0 && guest != 0 && guest->vpid == idle->vpid)
        missing = "identifier of its own";
    if (missing == 0 && guest != 0 && (guest->io_map_a != idle->io_map_a || guest->msr_map != idle->msr_map))
        missing = "maps that were checked";
    return missing;
}

void audit_control(unsigned core, struct audit_control *control)
{
    const struct vmx_audit_copy *guest = vmx_guest_copy(core), *idle = vmx_idle_copy(core);

    *control = (struct audit_control){.missing = "control block"};
    if (idle == 0)
        return;
    control->nested_root = guest ? guest->eptp & ADDRESS : 0;
    control->idle_root = idle->eptp & ADDRESS;
    control->io_map = idle->io_map_a;
    control->msr_map = idle->msr_map;
    control->missing = guest ? copy_missing(guest) : 0;
    control->idle_missing = idle_missing(idle, guest);
}

/* --- maps: 25.6.4, 25.6.9 ------------------------------------------------------------------------------------------------------ */

/* One page: a bit for each of 8,192 MSRs from 0 and from c0000000 on, first those of reading, then those of writing. */
#define RANGE 0x2000u
#define HIGH 0xc0000000u

const uint32_t audit_io_map_size = 2 * PAGE_SIZE;
const uint32_t audit_msr_map_size = PAGE_SIZE;
const uint32_t audit_io_bits = 65536; /* an access beyond ffff always exits */
const uint32_t audit_msr_permissions = 4 * RANGE;

bool audit_msr_open(const uint8_t *msr_map, uint32_t *position, uint32_t *msr, bool *write)
{
    for (uint32_t at = *position; at < audit_msr_permissions; at++)
        if (!(msr_map[at / 8] >> at % 8 & 1)) {
            *msr = (at / RANGE & 1 ? HIGH : 0) + at % RANGE;
            *write = at >= 2 * RANGE;
            *position = at + 1;
            return true;
        }
    return false;
}

bool audit_msr_exits(const uint8_t *msr_map, uint32_t msr, bool write)
{
    uint32_t offset = msr >= HIGH ? msr - HIGH : msr;
    const uint8_t *quarter = msr_map + (msr >= HIGH ? 1024 : 0) + (write ? 2048 : 0);

    return offset >= RANGE || (quarter[offset / 8] >> offset % 8 & 1) != 0; /* in no map: always */
}
