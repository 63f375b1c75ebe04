/* SPDX-License-Identifier: Apache-2.0 */
/* The virtual machine control structure as the CPU numbers it, and nothing else: SDM3 appendix B (fields), appendix C (exit reasons),
 * 25.9 and 28.2 (information about an exit). The controls' bits are in vmx_controls.h. */
#ifndef BULKHEAD_VMCS_H
#define BULKHEAD_VMCS_H

#include "types.h"

enum vmcs_field {
    /* clang-format off */
    /* 16 bits: control, guest, host */
    VMCS_VPID = 0x0000,
    VMCS_ES = 0x0800, VMCS_CS = 0x0802, VMCS_SS = 0x0804, VMCS_DS = 0x0806, VMCS_FS = 0x0808, VMCS_GS = 0x080a,
    VMCS_LDTR = 0x080c, VMCS_TR = 0x080e,
    VMCS_HOST_ES = 0x0c00, VMCS_HOST_CS = 0x0c02, VMCS_HOST_SS = 0x0c04, VMCS_HOST_DS = 0x0c06, VMCS_HOST_FS = 0x0c08,
    VMCS_HOST_GS = 0x0c0a, VMCS_HOST_TR = 0x0c0c,
    /* 64 bits: control, read-only, guest, host */
    VMCS_IO_MAP_A = 0x2000, VMCS_IO_MAP_B = 0x2002, VMCS_MSR_MAP = 0x2004, VMCS_TSC_OFFSET = 0x2010, VMCS_EPTP = 0x201a,
    VMCS_XSS_MAP = 0x202c, VMCS_ENCLS_MAP = 0x202e, VMCS_ENCLV_MAP = 0x2036,
    VMCS_GUEST_PHYSICAL = 0x2400,
    VMCS_LINK = 0x2800, VMCS_DEBUGCTL = 0x2802, VMCS_PAT = 0x2804, VMCS_EFER = 0x2806, VMCS_PDPTE0 = 0x280a,
    VMCS_HOST_PAT = 0x2c00, VMCS_HOST_EFER = 0x2c02,
    /* 32 bits: control, read-only, guest, host */
    VMCS_PIN = 0x4000, VMCS_PROC = 0x4002, VMCS_EXCEPTIONS = 0x4004, VMCS_PF_MASK = 0x4006, VMCS_PF_MATCH = 0x4008,
    VMCS_CR3_TARGETS = 0x400a, VMCS_EXIT = 0x400c, VMCS_EXIT_STORES = 0x400e, VMCS_EXIT_LOADS = 0x4010,
    VMCS_ENTRY = 0x4012, VMCS_ENTRY_LOADS = 0x4014, VMCS_EVENT = 0x4016, VMCS_EVENT_CODE = 0x4018, VMCS_EVENT_LENGTH = 0x401a,
    VMCS_PROC2 = 0x401e, VMCS_NOTIFY_WINDOW = 0x4024,
    VMCS_INSTRUCTION_ERROR = 0x4400, VMCS_EXIT_REASON = 0x4402, VMCS_EXIT_EVENT = 0x4404, VMCS_EXIT_EVENT_CODE = 0x4406,
    VMCS_VECTORING = 0x4408, VMCS_VECTORING_CODE = 0x440a, VMCS_EXIT_LENGTH = 0x440c,
    VMCS_LIMIT = 0x4800, VMCS_GDTR_LIMIT = 0x4810, VMCS_IDTR_LIMIT = 0x4812, /* limit, rights and base: + 2 * enum vmcs_segment */
    VMCS_RIGHTS = 0x4814, VMCS_SS_RIGHTS = 0x4818, VMCS_CS_RIGHTS = 0x4816,
    VMCS_INTERRUPTIBILITY = 0x4824, VMCS_ACTIVITY = 0x4826, VMCS_SYSENTER_CS = 0x482a, VMCS_TIMER = 0x482e,
    VMCS_HOST_SYSENTER_CS = 0x4c00,
    /* natural width: control, read-only, guest, host */
    VMCS_CR0_MASK = 0x6000, VMCS_CR4_MASK = 0x6002, VMCS_CR0_SHADOW = 0x6004, VMCS_CR4_SHADOW = 0x6006,
    VMCS_QUALIFICATION = 0x6400,
    VMCS_CR0 = 0x6800, VMCS_CR3 = 0x6802, VMCS_CR4 = 0x6804, VMCS_BASE = 0x6806, VMCS_CS_BASE = 0x6808,
    VMCS_GDTR_BASE = 0x6816, VMCS_IDTR_BASE = 0x6818, VMCS_DR7 = 0x681a, VMCS_RSP = 0x681c, VMCS_RIP = 0x681e,
    VMCS_RFLAGS = 0x6820, VMCS_PENDING_DEBUG = 0x6822, VMCS_SYSENTER_ESP = 0x6824, VMCS_SYSENTER_EIP = 0x6826,
    VMCS_HOST_CR0 = 0x6c00, VMCS_HOST_CR3 = 0x6c02, VMCS_HOST_CR4 = 0x6c04, VMCS_HOST_FS_BASE = 0x6c06, VMCS_HOST_GS_BASE = 0x6c08,
    VMCS_HOST_TR_BASE = 0x6c0a, VMCS_HOST_GDTR_BASE = 0x6c0c, VMCS_HOST_IDTR_BASE = 0x6c0e, VMCS_HOST_SYSENTER_ESP = 0x6c10,
    VMCS_HOST_SYSENTER_EIP = 0x6c12, VMCS_HOST_RSP = 0x6c14, VMCS_HOST_RIP = 0x6c16,
    /* clang-format on */
};

/* In the order of their fields. */
enum vmcs_segment {
    SEGMENT_ES,
    SEGMENT_CS,
    SEGMENT_SS,
    SEGMENT_DS,
    SEGMENT_FS,
    SEGMENT_GS,
    SEGMENT_LDTR,
    SEGMENT_TR,
    SEGMENT_COUNT
};
#define VMCS_SEGMENT(field, segment) ((enum vmcs_field)((field) + 2 * (segment)))

/* Exit reasons: appendix C. */
enum vmx_reason {
    /* clang-format off */
    REASON_EXCEPTION = 0, REASON_INTERRUPT, REASON_TRIPLE_FAULT, REASON_INIT, REASON_SIPI,
    REASON_NMI_WINDOW = 8, REASON_TASK_SWITCH, REASON_CPUID, REASON_GETSEC, REASON_HLT, REASON_INVD, REASON_INVLPG, REASON_RDPMC,
    REASON_RDTSC, REASON_RSM, REASON_VMCALL, REASON_VMCLEAR, REASON_VMXON = 27, REASON_CR, REASON_DR, REASON_IO, REASON_RDMSR,
    REASON_WRMSR, REASON_GUEST_STATE, REASON_MSR_LOADING,
    REASON_MWAIT = 36, REASON_MONITOR = 39, REASON_PAUSE, REASON_ENTRY_MACHINE_CHECK,
    REASON_EPT_VIOLATION = 48, REASON_EPT_MISCONFIGURATION, REASON_INVEPT, REASON_RDTSCP, REASON_TIMER, REASON_INVVPID,
    REASON_WBINVD, REASON_XSETBV, REASON_VMFUNC = 59, REASON_ENCLS, REASON_XSAVES = 63, REASON_XRSTORS, REASON_PCONFIG,
    REASON_UMWAIT = 67, REASON_TPAUSE, REASON_LOADIWKEY, REASON_ENCLV, REASON_ENQCMD = 72, REASON_ENQCMDS, REASON_BUS_LOCK,
    REASON_NOTIFY, REASON_SEAMCALL, REASON_TDCALL, REASON_COUNT
    /* clang-format on */
};
_Static_assert(REASON_VMCALL == 18 && REASON_VMXON == 27 && REASON_MSR_LOADING == 34 && REASON_ENTRY_MACHINE_CHECK == 41 &&
                   REASON_XSETBV == 55 && REASON_PCONFIG == 65 && REASON_ENCLV == 70 && REASON_NOTIFY == 75 && REASON_TDCALL == 77,
               "exit reasons");
#define REASON_BASIC 0xffffu
#define REASON_ENTRY_FAILED (1u << 31)

/* Events, injected, exited for or interrupted: 25.8.3, 25.9.2, 25.9.3 */
#define EVENT_VECTOR 0xffu
#define EVENT_TYPE (7u << 8)
#define EVENT_NMI (2u << 8)
#define EVENT_EXCEPTION (3u << 8)
#define EVENT_SOFTWARE_INTERRUPT (4u << 8) /* 4, 5, 6 are instructions: INT n, INT1, INT3 and INTO */
#define EVENT_INT1 (5u << 8)
#define EVENT_HAS_CODE (1u << 11)
#define EVENT_NMI_UNBLOCKED (1u << 12) /* the exit hit an IRET that had ended an NMI's blocking */
#define EVENT_VALID (1u << 31)

/* exit qualification of an EPT violation: table 28-7 */
#define EPT_FAULT_WRITE (1ull << 1)
#define EPT_FAULT_FETCH (1ull << 2)
#define EPT_FAULT_LINEAR (1ull << 7)     /* it came from a linear address */
#define EPT_FAULT_TRANSLATED (1ull << 8) /* the address itself, not an entry of the guest's own page tables */
#define UNBLOCKED_BY_IRET (1ull << 12)   /* as EVENT_NMI_UNBLOCKED; also of a notify exit */

/* of a port access: table 28-5 */
#define IO_SIZE(qualification) ((unsigned)((qualification)&7) + 1)
#define IO_IN (1u << 3)
#define IO_STRING (1u << 4)
#define IO_REP (1u << 5)
#define IO_PORT(qualification) ((uint16_t)((qualification) >> 16))

#define CR_NUMBER(qualification) ((unsigned)((qualification)&15))
#define NOTIFY_CONTEXT_INVALID (1ull << 0)

/* segment rights: table 25-2 */
#define VMX_RIGHTS_CODE16 0x009bu /* present, code, readable, accessed */
#define VMX_RIGHTS_CODE32 0xc09bu
#define VMX_RIGHTS_DATA16 0x0093u
#define VMX_RIGHTS_DATA32 0xc093u
#define VMX_RIGHTS_LDT 0x0082u
#define VMX_RIGHTS_TSS 0x008bu /* busy */

/* EPT pointer: 25.6.11 */
#define EPTP_WRITE_BACK 6ull
#define EPTP_FOUR_LEVELS (3ull << 3)

/* EPT entries: 29.3.2 */
#define EPT_READ (1ull << 0)
#define EPT_WRITE (1ull << 1)
#define EPT_EXECUTE (1ull << 2)
#define EPT_UNCACHED (0ull << 3)
#define EPT_WRITE_BACK (6ull << 3)
#define EPT_IGNORE_PAT (1ull << 6)
#define EPT_LARGE (1ull << 7)
#define EPT_ADDRESS 0x000ffffffffff000ull

/* MSR map: 25.6.9. A bit per MSR, 1 KiB each: read 0.., read 0xc0000000.., write 0.., write 0xc0000000.. */
#define VMX_MSR_RANGE 0x2000u
#define VMX_MSR_HIGH 0xc0000000u
#define VMX_MSR_MAP(write, high) (2048u * (write) + 1024u * (high))

/* Operands of INVEPT and INVVPID: everything of this core. */
#define INVALIDATE_ALL 2ull

/* IA32_VMX_*: appendix A */
#define MSR_FEATURE_CONTROL 0x3au
#define MSR_ARCH_CAPABILITIES 0x10au
#define MSR_VMX_BASIC 0x480u
#define MSR_VMX_PIN 0x481u
#define MSR_VMX_PROC 0x482u
#define MSR_VMX_EXIT 0x483u
#define MSR_VMX_ENTRY 0x484u
#define MSR_VMX_MISC 0x485u
#define MSR_VMX_CR0_FIXED0 0x486u
#define MSR_VMX_PROC2 0x48bu
#define MSR_VMX_EPT_VPID 0x48cu
#define MSR_VMX_TRUE_PIN 0x48du
#define VMX_BASIC_TRUE (1ull << 55)
#define CPUID1_ECX_VMX (1u << 5)
#define CPUID7_EDX_ARCH_CAPABILITIES (1u << 29)

/* #AC for accesses with LOCK across two cache lines: SDM4 table 2-2 */
#define MSR_MEMORY_CTRL 0x33u
#define MEMORY_CTRL_SPLIT_LOCK (1ull << 29)
#define MSR_CORE_CAPABILITIES 0xcfu
#define CORE_CAPABILITIES_SPLIT_LOCK (1ull << 5)
#define CPUID7_EDX_CORE_CAPABILITIES (1u << 30)

#endif
