/* SPDX-License-Identifier: Apache-2.0 */
/* What does not change in a VMCS while its core lives: controls, maps, the host's state. SDM3 25.5 to 25.8.
 *
 * Everything exits that has no row that opens it. */
#include "arch.h"
#include "core_area.h"
#include "lapic.h"
#include "memory.h"
#include "nested.h"
#include "policy.h"
#include "vmx.h"
#include "x86.h"

#define VPID_GUEST(partition) ((partition) + 2u)
#define VPID_IDLE 1u
#define NOTIFY_WINDOW 0x20000u /* TSC ticks beyond what the CPU adds itself: some tens of microseconds */

static uint8_t *io_map;  /* two pages, shared by all: every port exits */
static uint8_t *msr_map; /* shared by all: the same policy for every partition */
static hpa_t idle_root;

/* --- maps --------------------------------------------------------------------------------------------------------------------- */

/* All set, then the open rows cleared. PERF-1: what a partition does all the time is there. */
static void msr_map_open(const struct msr_row *row)
{
    for (unsigned high = 0; high < 2; high++) {
        uint32_t base = high ? VMX_MSR_HIGH : 0;

        for (uint32_t msr = row->first; msr <= row->last && msr - base < VMX_MSR_RANGE; msr++) {
            uint32_t byte = (msr - base) / 8, bit = (msr - base) % 8;

            if (row->read == MSR_OPEN)
                msr_map[VMX_MSR_MAP(0, high) + byte] &= (uint8_t) ~(1u << bit);
            if (row->write == MSR_OPEN)
                msr_map[VMX_MSR_MAP(1, high) + byte] &= (uint8_t) ~(1u << bit);
        }
    }
}

void vmx_maps_build(void)
{
    static const uint8_t idle_code[] = {0xfa, 0xf4, 0xeb, 0xfd}; /* cli; 1: hlt; jmp 1b */
    struct nested_region region = {GPA(0), HPA(0), PAGE_SIZE, NESTED_EXECUTE};
    uint8_t *page;

    if (io_map)
        return;
    page = pool_take(1);
    region.hpa = arch_hpa(page);
    io_map = pool_take(2);
    memset(io_map, 0xff, 2 * PAGE_SIZE);
    msr_map = pool_take(1);
    memset(msr_map, 0xff, PAGE_SIZE);
    for (unsigned i = 0; i < msr_row_count; i++)
        msr_map_open(&msr_rows[i]);
    for (unsigned i = 0; lapic_is_x2apic() && i < msr_x2apic_row_count; i++)
        msr_map_open(&msr_x2apic_rows[i]);
    memcpy(page, idle_code, sizeof(idle_code));
    idle_root = nested_build(&region, 1);
}

/* --- the VMCS ------------------------------------------------------------------------------------------------------------------ */

static void controls_write(const struct vmx_controls *c, uint64_t nested_root, uint32_t vpid)
{
    static const uint32_t zero[] = {VMCS_PF_MASK,    VMCS_PF_MATCH,    VMCS_CR3_TARGETS, VMCS_EXIT_STORES,
                                    VMCS_EXIT_LOADS, VMCS_ENTRY_LOADS, VMCS_TSC_OFFSET};
    const struct field_value list[] = {
        {VMCS_PIN, c->pin},
        {VMCS_PROC, c->proc},
        {VMCS_PROC2, c->proc2},
        {VMCS_EXIT, c->exit},
        {VMCS_ENTRY, c->entry},
        /* #DB and #AC: a loop of either in microcode would shut out NMIs (CVE-2015-5307, CVE-2015-8104). #MC: ours to look at. */
        {VMCS_EXCEPTIONS, 1u << VECTOR_DB | 1u << VECTOR_AC | 1u << VECTOR_MC},
        {VMCS_IO_MAP_A, arch_hpa(io_map).v},
        {VMCS_IO_MAP_B, arch_hpa(io_map + PAGE_SIZE).v},
        {VMCS_MSR_MAP, arch_hpa(msr_map).v},
        {VMCS_CR0_MASK, ~CR0_GUEST_OWNED},
        {VMCS_CR4_MASK, ~0ull},
        {VMCS_EPTP, nested_root | EPTP_FOUR_LEVELS | EPTP_WRITE_BACK},
        {VMCS_VPID, vpid},
        {VMCS_TIMER, 0}, /* armed, it exits at once */
        {VMCS_LINK, ~0ull},
    };

    fields_clear(zero, ARRAY_SIZE(zero));
    fields_write(list, ARRAY_SIZE(list));
    if (c->proc2 & VMX_PROC2_ENCLS)
        vmwrite(VMCS_ENCLS_MAP, ~0ull);
    if (c->proc2 & VMX_PROC2_ENCLV)
        vmwrite(VMCS_ENCLV_MAP, ~0ull);
    if (c->proc2 & VMX_PROC2_XSAVES)
        vmwrite(VMCS_XSS_MAP, ~0ull);
    if (c->proc2 & VMX_PROC2_NOTIFY)
        vmwrite(VMCS_NOTIFY_WINDOW, NOTIFY_WINDOW);
}

extern char vmx_exited[];

/* As this core is now. An exit gives GDTR and IDTR limits of 64 KiB (SDM3 28.5.2): what lies behind them no selector of ours and, with
 * interrupts off, no vector reaches; trap_drain() loads a table of its own. HOST_RSP is written at each entry. */
static void host_write(void)
{
    static const uint32_t zero[] = {VMCS_HOST_FS,          VMCS_HOST_GS,           VMCS_HOST_FS_BASE,     VMCS_HOST_GS_BASE,
                                    VMCS_HOST_SYSENTER_CS, VMCS_HOST_SYSENTER_ESP, VMCS_HOST_SYSENTER_EIP};
    uint64_t gdt, idt;

    table_bases(&gdt, &idt);
    const struct field_value list[] = {
        {VMCS_HOST_CR0, read_cr0()},
        {VMCS_HOST_CR3, read_cr3()},
        {VMCS_HOST_CR4, read_cr4()},
        {VMCS_HOST_EFER, rdmsr(MSR_EFER)},
        {VMCS_HOST_PAT, rdmsr(MSR_PAT)},
        {VMCS_HOST_CS, 8},
        {VMCS_HOST_SS, 16},
        {VMCS_HOST_DS, 16},
        {VMCS_HOST_ES, 16},
        {VMCS_HOST_TR, 32},
        {VMCS_HOST_TR_BASE, (uintptr_t)&THIS_CORE->tss},
        {VMCS_HOST_GDTR_BASE, gdt},
        {VMCS_HOST_IDTR_BASE, idt},
        {VMCS_HOST_RIP, (uintptr_t)vmx_exited},
    };

    fields_clear(zero, ARRAY_SIZE(zero));
    fields_write(list, ARRAY_SIZE(list));
}

/* SDM3 25.11.3 */
void vmx_block_make(const struct vmx *b, const struct partition *partition)
{
    uint64_t vmcs = partition ? b->guest : b->idle;

    *(uint32_t *)arch_ptr(HPA(vmcs)) = (uint32_t)b->capabilities.basic & 0x7fffffff;
    INVARIANT(vmclear(vmcs), "VMCLEAR");
    vmcs_load(vmcs);
    if (partition)
        controls_write(&b->controls, partition->nested_root, VPID_GUEST(partition->index));
    else
        controls_write(&b->controls, idle_root.v, VPID_IDLE);
    host_write();
}

/* What the CPU holds, not what was meant: for the audit, which runs on another core and can read no VMCS of this one. Each field is
 * stored once, so that it has never a value that the VMCS had not. */
void vmx_copy_refresh(struct vmx_audit_copy *copy)
{
    uint32_t proc2 = (uint32_t)vmread(VMCS_PROC2);

    copy->controls.pin = (uint32_t)vmread(VMCS_PIN);
    copy->controls.proc = (uint32_t)vmread(VMCS_PROC);
    copy->controls.proc2 = proc2;
    copy->controls.exit = (uint32_t)vmread(VMCS_EXIT);
    copy->controls.entry = (uint32_t)vmread(VMCS_ENTRY);
    copy->exception_bitmap = (uint32_t)vmread(VMCS_EXCEPTIONS);
    copy->cr3_target_count = (uint32_t)vmread(VMCS_CR3_TARGETS);
    copy->exit_msr_store_count = (uint32_t)vmread(VMCS_EXIT_STORES);
    copy->exit_msr_load_count = (uint32_t)vmread(VMCS_EXIT_LOADS);
    copy->entry_msr_load_count = (uint32_t)vmread(VMCS_ENTRY_LOADS);
    copy->vpid = (uint16_t)vmread(VMCS_VPID);
    copy->cr0_mask = vmread(VMCS_CR0_MASK);
    copy->cr4_mask = vmread(VMCS_CR4_MASK);
    copy->eptp = vmread(VMCS_EPTP);
    copy->io_map_a = vmread(VMCS_IO_MAP_A);
    copy->io_map_b = vmread(VMCS_IO_MAP_B);
    copy->msr_map = vmread(VMCS_MSR_MAP);
    copy->tsc_offset = vmread(VMCS_TSC_OFFSET);
    copy->encls_bitmap = proc2 & VMX_PROC2_ENCLS ? vmread(VMCS_ENCLS_MAP) : ~0ull;
    copy->xss_bitmap = proc2 & VMX_PROC2_XSAVES ? vmread(VMCS_XSS_MAP) : ~0ull;
}
