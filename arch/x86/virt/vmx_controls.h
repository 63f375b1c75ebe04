/* SPDX-License-Identifier: Apache-2.0 */
/* The VM-execution controls as SDM3 25.6 to 25.8 number them, which of them we set, and what a CPU must offer for that. Pure: what the
 * CPU says comes in as numbers, so that the unit tests can be any CPU. */
#ifndef BULKHEAD_VMX_CONTROLS_H
#define BULKHEAD_VMX_CONTROLS_H

#include "types.h"

/* pin-based: SDM3 25.6.1 */
#define VMX_PIN_EXTERNAL_INTERRUPT (1u << 0)
#define VMX_PIN_NMI (1u << 3)
#define VMX_PIN_VIRTUAL_NMI (1u << 5)
#define VMX_PIN_TIMER (1u << 6) /* preemption timer: armed only while needed */
#define VMX_PIN_POSTED (1u << 7)

/* primary processor-based: 25.6.2 */
#define VMX_PROC_INTERRUPT_WINDOW (1u << 2)
#define VMX_PROC_TSC_OFFSET (1u << 3)
#define VMX_PROC_HLT (1u << 7)
#define VMX_PROC_INVLPG (1u << 9)
#define VMX_PROC_MWAIT (1u << 10)
#define VMX_PROC_RDPMC (1u << 11)
#define VMX_PROC_RDTSC (1u << 12)
#define VMX_PROC_CR3_LOAD (1u << 15)
#define VMX_PROC_CR3_STORE (1u << 16)
#define VMX_PROC_TERTIARY (1u << 17)
#define VMX_PROC_CR8_LOAD (1u << 19)
#define VMX_PROC_CR8_STORE (1u << 20)
#define VMX_PROC_TPR_SHADOW (1u << 21)
#define VMX_PROC_NMI_WINDOW (1u << 22) /* armed only while an NMI of the guest is served */
#define VMX_PROC_MOV_DR (1u << 23)
#define VMX_PROC_IO_ALL (1u << 24)
#define VMX_PROC_IO_BITMAPS (1u << 25)
#define VMX_PROC_MONITOR_TRAP (1u << 27)
#define VMX_PROC_MSR_BITMAPS (1u << 28)
#define VMX_PROC_MONITOR (1u << 29)
#define VMX_PROC_PAUSE (1u << 30)
#define VMX_PROC_SECONDARY (1u << 31)

/* secondary processor-based: 25.6.2 */
#define VMX_PROC2_APIC_ACCESS (1u << 0)
#define VMX_PROC2_EPT (1u << 1)
#define VMX_PROC2_DESCRIPTOR_TABLE (1u << 2)
#define VMX_PROC2_RDTSCP (1u << 3)
#define VMX_PROC2_VIRTUAL_X2APIC (1u << 4)
#define VMX_PROC2_VPID (1u << 5)
#define VMX_PROC2_WBINVD (1u << 6)
#define VMX_PROC2_UNRESTRICTED (1u << 7)
#define VMX_PROC2_APIC_REGISTER (1u << 8)
#define VMX_PROC2_VIRTUAL_INTERRUPT (1u << 9)
#define VMX_PROC2_PAUSE_LOOP (1u << 10)
#define VMX_PROC2_RDRAND (1u << 11)
#define VMX_PROC2_INVPCID (1u << 12)
#define VMX_PROC2_VMFUNC (1u << 13)
#define VMX_PROC2_VMCS_SHADOW (1u << 14)
#define VMX_PROC2_ENCLS (1u << 15) /* the ENCLS-exiting bitmap must be all ones */
#define VMX_PROC2_RDSEED (1u << 16)
#define VMX_PROC2_PML (1u << 17)
#define VMX_PROC2_VE (1u << 18)
#define VMX_PROC2_CONCEAL_PT (1u << 19)
#define VMX_PROC2_XSAVES (1u << 20) /* the XSS-exiting bitmap is all ones, and XSS 0 */
#define VMX_PROC2_PASID (1u << 21)
#define VMX_PROC2_MODE_EXECUTE (1u << 22)
#define VMX_PROC2_SUB_PAGE (1u << 23)
#define VMX_PROC2_PT_GUEST_PHYSICAL (1u << 24)
#define VMX_PROC2_TSC_SCALING (1u << 25)
#define VMX_PROC2_WAITPKG (1u << 26)
#define VMX_PROC2_PCONFIG (1u << 27)
#define VMX_PROC2_ENCLV (1u << 28) /* the ENCLV-exiting bitmap must be all ones */
#define VMX_PROC2_BUS_LOCK (1u << 30)
#define VMX_PROC2_NOTIFY (1u << 31) /* "instruction timeout": the notify window must be set */

/* VM exit: 25.7.1 */
#define VMX_EXIT_SAVE_DEBUG (1u << 2)
#define VMX_EXIT_HOST_64 (1u << 9)
#define VMX_EXIT_LOAD_PERF (1u << 12)
#define VMX_EXIT_ACK_INTERRUPT (1u << 15)
#define VMX_EXIT_SAVE_PAT (1u << 18)
#define VMX_EXIT_LOAD_PAT (1u << 19)
#define VMX_EXIT_SAVE_EFER (1u << 20)
#define VMX_EXIT_LOAD_EFER (1u << 21)
#define VMX_EXIT_SAVE_TIMER (1u << 22)

/* VM entry: 25.8.1 */
#define VMX_ENTRY_LOAD_DEBUG (1u << 2)
#define VMX_ENTRY_GUEST_64 (1u << 9) /* as the guest's EFER.LMA */
#define VMX_ENTRY_SMM (1u << 10)
#define VMX_ENTRY_DUAL_MONITOR (1u << 11)
#define VMX_ENTRY_LOAD_PERF (1u << 13)
#define VMX_ENTRY_LOAD_PAT (1u << 14)
#define VMX_ENTRY_LOAD_EFER (1u << 15)

/* IA32_FEATURE_CONTROL */
#define FEATURE_CONTROL_LOCKED (1ull << 0)
#define FEATURE_CONTROL_VMX (1ull << 2) /* outside SMX */

/* IA32_ARCH_CAPABILITIES: changing a page's size causes no machine check (CVE-2018-12207) */
#define ARCH_CAPABILITIES_NO_PAGE_SIZE_ERRATUM (1ull << 6)

/* What one CPU says of itself: SDM3 appendix A. */
struct vmx_capabilities {
    bool vmx;                        /* CPUID 1 ECX[5]; if it is 0 nothing below needs to be read */
    uint8_t physical_bits;           /* CPUID 8000_0008h EAX[7:0] */
    uint64_t feature_control;        /* MSR 3a */
    uint64_t basic, misc, ept_vpid;  /* 480, 485, 48c */
    uint64_t pin, proc, exit, entry; /* 48d to 490 where basic has bit 55, else 481 to 484 */
    uint64_t proc2;                  /* 48b; 0 where proc does not allow bit 31 */
    uint64_t cr0_fixed0, cr0_fixed1, cr4_fixed0, cr4_fixed1;
    uint64_t arch_capabilities; /* 10a; 0 where CPUID 7 EDX[29] is 0 */
};

/* What is written to the VMCS before the first entry. Later only the armed ones change: VMX_PIN_TIMER, VMX_PROC_NMI_WINDOW,
 * VMX_ENTRY_GUEST_64, which compute() has found to be allowed and leaves 0. */
struct vmx_controls {
    uint32_t pin, proc, proc2, exit, entry;
};

/* 0 and *out, or VIRT-n: what is missing and what to do, one sentence. An unlocked feature_control is no finding: whoever switches
 * VMX on writes FEATURE_CONTROL_LOCKED | FEATURE_CONTROL_VMX first. */
const char *vmx_controls_compute(const struct vmx_capabilities *capabilities, struct vmx_controls *out);

/* 0, or VIRT-9: the board's claim that the CPU has no page-size erratum is not what the CPU says. */
const char *vmx_page_size_check(const struct vmx_capabilities *capabilities, bool claimed);

/* A core's VMCS read back by VMREAD after it was written, for the audit; kept because a VMCS is readable only on its own core. */
struct vmx_audit_copy {
    struct vmx_controls controls;
    uint32_t exception_bitmap, cr3_target_count;
    uint32_t exit_msr_store_count, exit_msr_load_count, entry_msr_load_count;
    uint16_t vpid;
    uint64_t cr0_mask, cr4_mask; /* guest/host masks: what exits on a change */
    uint64_t eptp, msr_map, tsc_offset;
    uint64_t io_map_a, io_map_b;       /* b right behind a: the audit reads them as one map */
    uint64_t encls_bitmap, xss_bitmap; /* ~0 where the CPU has no such field */
};

/* The copies of a core; 0: the core has none. Implemented by vmx.c. */
const struct vmx_audit_copy *vmx_guest_copy(unsigned core);
const struct vmx_audit_copy *vmx_idle_copy(unsigned core);

#endif
