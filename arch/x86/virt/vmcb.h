/* SPDX-License-Identifier: Apache-2.0 */
/* The virtual machine control block as the CPU defines it, and nothing else: APM2 appendix B (layout), 15.9 (intercepts),
 * appendix C (exit codes). */
#ifndef BULKHEAD_VMCB_H
#define BULKHEAD_VMCB_H

#include "types.h"

struct vmcb_segment {
    uint16_t selector, attributes; /* attributes: descriptor bits 40..47 in 0..7, 52..55 in 8..11 */
    uint32_t limit;
    uint64_t base;
};

struct vmcb {
    /* Control area: the hypervisor writes, the CPU obeys; exit_* and next_rip the other way round. */
    uint32_t intercept_cr; /* bit n: read of CRn, bit 16 + n: write */
    uint32_t intercept_dr; /* the same for DRn */
    uint32_t intercept_exceptions;
    uint32_t intercept_misc1, intercept_misc2, intercept_misc3;
    uint8_t reserved_018[0x3c - 0x18];
    uint16_t pause_threshold, pause_count;
    uint64_t io_map, msr_map; /* physical */
    uint64_t tsc_offset;
    uint32_t asid;
    uint8_t tlb_control, reserved_05d[3];
    uint64_t interrupt_control;
    uint64_t interrupt_state;
    uint64_t exit_code, exit_info1, exit_info2, exit_event;
    uint64_t nested_control;
    uint64_t avic_bar, ghcb;
    uint64_t event;
    uint64_t nested_root; /* N_CR3, physical */
    uint64_t lbr_control;
    uint32_t clean, reserved_0c4;
    uint64_t next_rip;
    uint8_t fetched, code[15];
    uint8_t reserved_0e0[0x400 - 0xe0];

    /* State save area. fs, gs, ldtr, tr, kernel_gs_base, star..sfmask and sysenter_* are moved by VMLOAD and VMSAVE only. */
    struct vmcb_segment es, cs, ss, ds, fs, gs, gdtr, ldtr, idtr, tr;
    uint8_t reserved_4a0[0x4cb - 0x4a0];
    uint8_t cpl;
    uint32_t reserved_4cc;
    uint64_t efer;
    uint8_t reserved_4d8[0x548 - 0x4d8];
    uint64_t cr4, cr3, cr0, dr7, dr6, rflags, rip;
    uint8_t reserved_580[0x5d8 - 0x580];
    uint64_t rsp;
    uint64_t s_cet, ssp, isst_address;
    uint64_t rax;
    uint64_t star, lstar, cstar, sfmask, kernel_gs_base;
    uint64_t sysenter_cs, sysenter_esp, sysenter_eip;
    uint64_t cr2;
    uint8_t reserved_648[0x668 - 0x648];
    uint64_t pat, debug_control;
    uint64_t branch_from, branch_to, exception_from, exception_to;
    uint8_t reserved_698[0x1000 - 0x698];
};

#define VMCB_AT(field, offset, bytes)                                                                                              \
    _Static_assert(offsetof(struct vmcb, field) == (offset) && sizeof(((struct vmcb *)0)->field) == (bytes), "vmcb." #field)
VMCB_AT(intercept_cr, 0x000, 4);
VMCB_AT(intercept_dr, 0x004, 4);
VMCB_AT(intercept_exceptions, 0x008, 4);
VMCB_AT(intercept_misc1, 0x00c, 4);
VMCB_AT(intercept_misc2, 0x010, 4);
VMCB_AT(intercept_misc3, 0x014, 4);
VMCB_AT(pause_threshold, 0x03c, 2);
VMCB_AT(pause_count, 0x03e, 2);
VMCB_AT(io_map, 0x040, 8);
VMCB_AT(msr_map, 0x048, 8);
VMCB_AT(tsc_offset, 0x050, 8);
VMCB_AT(asid, 0x058, 4);
VMCB_AT(tlb_control, 0x05c, 1);
VMCB_AT(interrupt_control, 0x060, 8);
VMCB_AT(interrupt_state, 0x068, 8);
VMCB_AT(exit_code, 0x070, 8);
VMCB_AT(exit_info1, 0x078, 8);
VMCB_AT(exit_info2, 0x080, 8);
VMCB_AT(exit_event, 0x088, 8);
VMCB_AT(nested_control, 0x090, 8);
VMCB_AT(avic_bar, 0x098, 8);
VMCB_AT(ghcb, 0x0a0, 8);
VMCB_AT(event, 0x0a8, 8);
VMCB_AT(nested_root, 0x0b0, 8);
VMCB_AT(lbr_control, 0x0b8, 8);
VMCB_AT(clean, 0x0c0, 4);
VMCB_AT(next_rip, 0x0c8, 8);
VMCB_AT(fetched, 0x0d0, 1);
VMCB_AT(code, 0x0d1, 15);
VMCB_AT(es, 0x400, 16);
VMCB_AT(cs, 0x410, 16);
VMCB_AT(ss, 0x420, 16);
VMCB_AT(ds, 0x430, 16);
VMCB_AT(fs, 0x440, 16);
VMCB_AT(gs, 0x450, 16);
VMCB_AT(gdtr, 0x460, 16);
VMCB_AT(ldtr, 0x470, 16);
VMCB_AT(idtr, 0x480, 16);
VMCB_AT(tr, 0x490, 16);
VMCB_AT(cpl, 0x4cb, 1);
VMCB_AT(efer, 0x4d0, 8);
VMCB_AT(cr4, 0x548, 8);
VMCB_AT(cr3, 0x550, 8);
VMCB_AT(cr0, 0x558, 8);
VMCB_AT(dr7, 0x560, 8);
VMCB_AT(dr6, 0x568, 8);
VMCB_AT(rflags, 0x570, 8);
VMCB_AT(rip, 0x578, 8);
VMCB_AT(rsp, 0x5d8, 8);
VMCB_AT(s_cet, 0x5e0, 8);
VMCB_AT(rax, 0x5f8, 8);
VMCB_AT(star, 0x600, 8);
VMCB_AT(lstar, 0x608, 8);
VMCB_AT(cstar, 0x610, 8);
VMCB_AT(sfmask, 0x618, 8);
VMCB_AT(kernel_gs_base, 0x620, 8);
VMCB_AT(sysenter_cs, 0x628, 8);
VMCB_AT(sysenter_esp, 0x630, 8);
VMCB_AT(sysenter_eip, 0x638, 8);
VMCB_AT(cr2, 0x640, 8);
VMCB_AT(pat, 0x668, 8);
VMCB_AT(debug_control, 0x670, 8);
VMCB_AT(branch_from, 0x678, 8);
VMCB_AT(exception_to, 0x690, 8);
_Static_assert(offsetof(struct vmcb_segment, base) == 8, "vmcb_segment.base");
_Static_assert(sizeof(struct vmcb) == PAGE_SIZE, "vmcb size");

/* --- intercept_cr, intercept_dr -------------------------------------------------------------------------------------- */
#define VMCB_READ(n) (1u << (n))
#define VMCB_WRITE(n) (1u << (16 + (n)))

/* --- intercept_misc1: offset 00Ch ------------------------------------------------------------------------------------ */
#define INTERCEPT_INTR (1u << 0)
#define INTERCEPT_NMI (1u << 1)
#define INTERCEPT_SMI (1u << 2)
#define INTERCEPT_INIT (1u << 3)
#define INTERCEPT_VINTR (1u << 4)
#define INTERCEPT_CR0_SELECTIVE (1u << 5) /* writes of CR0 that change more than TS and MP */
#define INTERCEPT_IDTR_READ (1u << 6)
#define INTERCEPT_GDTR_READ (1u << 7)
#define INTERCEPT_LDTR_READ (1u << 8)
#define INTERCEPT_TR_READ (1u << 9)
#define INTERCEPT_IDTR_WRITE (1u << 10)
#define INTERCEPT_GDTR_WRITE (1u << 11)
#define INTERCEPT_LDTR_WRITE (1u << 12)
#define INTERCEPT_TR_WRITE (1u << 13)
#define INTERCEPT_RDTSC (1u << 14)
#define INTERCEPT_RDPMC (1u << 15)
#define INTERCEPT_PUSHF (1u << 16)
#define INTERCEPT_POPF (1u << 17)
#define INTERCEPT_CPUID (1u << 18)
#define INTERCEPT_RSM (1u << 19)
#define INTERCEPT_IRET (1u << 20)
#define INTERCEPT_INT_N (1u << 21)
#define INTERCEPT_INVD (1u << 22)
#define INTERCEPT_PAUSE (1u << 23)
#define INTERCEPT_HLT (1u << 24)
#define INTERCEPT_INVLPG (1u << 25)
#define INTERCEPT_INVLPGA (1u << 26)
#define INTERCEPT_IO (1u << 27)  /* by io_map */
#define INTERCEPT_MSR (1u << 28) /* by msr_map */
#define INTERCEPT_TASK_SWITCH (1u << 29)
#define INTERCEPT_FERR_FREEZE (1u << 30)
#define INTERCEPT_SHUTDOWN (1u << 31)

/* --- intercept_misc2: offset 010h ------------------------------------------------------------------------------------ */
#define INTERCEPT_VMRUN (1u << 0) /* VMRUN refuses to run with this bit clear (15.5.1) */
#define INTERCEPT_VMMCALL (1u << 1)
#define INTERCEPT_VMLOAD (1u << 2)
#define INTERCEPT_VMSAVE (1u << 3)
#define INTERCEPT_STGI (1u << 4)
#define INTERCEPT_CLGI (1u << 5)
#define INTERCEPT_SKINIT (1u << 6)
#define INTERCEPT_RDTSCP (1u << 7)
#define INTERCEPT_ICEBP (1u << 8)
#define INTERCEPT_WBINVD (1u << 9)
#define INTERCEPT_MONITOR (1u << 10)
#define INTERCEPT_MWAIT (1u << 11)
#define INTERCEPT_MWAIT_ARMED (1u << 12)
#define INTERCEPT_XSETBV (1u << 13)
#define INTERCEPT_RDPRU (1u << 14)
#define INTERCEPT_EFER_TRAP (1u << 15) /* after the write */
#define INTERCEPT_CR_TRAP(n) (1u << (16 + (n)))

/* --- intercept_misc3: offset 014h ------------------------------------------------------------------------------------ */
#define INTERCEPT_INVLPGB (1u << 0)
#define INTERCEPT_INVLPGB_ILLEGAL (1u << 1)
#define INTERCEPT_INVPCID (1u << 2)
#define INTERCEPT_MCOMMIT (1u << 3)
#define INTERCEPT_TLBSYNC (1u << 4)

/* --- other control fields -------------------------------------------------------------------------------------------- */
#define VMCB_TLB_FLUSH_ALL 1u
#define VMCB_TLB_FLUSH_ASID 3u /* where CPUID 8000_000A EDX[6] has it */

/* interrupt_control (15.21) */
#define VMCB_V_IRQ (1ull << 8)
#define VMCB_V_GIF (1ull << 9)
#define VMCB_V_NMI (1ull << 11)
#define VMCB_V_NMI_MASK (1ull << 12)
#define VMCB_V_INTR_MASKING (1ull << 24)
#define VMCB_V_GIF_ENABLE (1ull << 25)
#define VMCB_V_NMI_ENABLE (1ull << 26)
#define VMCB_AVIC_ENABLE (1ull << 31)

/* interrupt_state */
#define VMCB_INTERRUPT_SHADOW (1ull << 0)

/* nested_control */
#define VMCB_NESTED_ENABLE (1ull << 0)
#define VMCB_SEV_ENABLE (1ull << 1)

/* lbr_control */
#define VMCB_LBR_ENABLE (1ull << 0)
#define VMCB_VIRTUAL_VMSAVE (1ull << 1)

/* event and exit_event (15.20) */
#define VMCB_EVENT_VECTOR 0xffull
#define VMCB_EVENT_TYPE (7ull << 8)
#define VMCB_EVENT_INTERRUPT (0ull << 8)
#define VMCB_EVENT_NMI (2ull << 8)
#define VMCB_EVENT_EXCEPTION (3ull << 8)
#define VMCB_EVENT_SOFTWARE (4ull << 8)
#define VMCB_EVENT_HAS_CODE (1ull << 11)
#define VMCB_EVENT_VALID (1ull << 31)
#define VMCB_EVENT_CODE_SHIFT 32

/* exit_info1 of a port access (15.10.2) */
#define VMCB_IO_IN (1u << 0)
#define VMCB_IO_STRING (1u << 2)
#define VMCB_IO_REP (1u << 3)
#define VMCB_IO_SIZE(info) (((info) >> 4) & 7u) /* 1, 2 or 4 */
#define VMCB_IO_PORT(info) ((uint16_t)((info) >> 16))

/* exit_info1 of a nested fault (15.25.6) */
#define VMCB_FAULT_PRESENT (1ull << 0)
#define VMCB_FAULT_WRITE (1ull << 1)
#define VMCB_FAULT_USER (1ull << 2)
#define VMCB_FAULT_RESERVED (1ull << 3)
#define VMCB_FAULT_FETCH (1ull << 4)
#define VMCB_FAULT_FINAL (1ull << 32) /* the final guest-physical address */
#define VMCB_FAULT_WALK (1ull << 33)  /* an entry of the guest's own page tables */

/* exit_info1 of a task switch is the selector; exit_info2 (15.14.1): */
#define VMCB_TASK_IRET (1ull << 36)
#define VMCB_TASK_JUMP (1ull << 38)

/* segment attributes */
#define VMCB_SEGMENT_CODE16 0x009bu /* present, code, readable, accessed */
#define VMCB_SEGMENT_CODE32 0x0c9bu
#define VMCB_SEGMENT_DATA16 0x0093u
#define VMCB_SEGMENT_DATA32 0x0c93u
#define VMCB_SEGMENT_LDT 0x0082u
#define VMCB_SEGMENT_TSS 0x008bu
#define VMCB_SEGMENT_LONG (1u << 9)
#define VMCB_SEGMENT_DEFAULT32 (1u << 10)

/* --- exit codes (appendix C) ----------------------------------------------------------------------------------------- */
enum vmexit {
    VMEXIT_CR_READ = 0x00,  /* + n */
    VMEXIT_CR_WRITE = 0x10, /* + n */
    VMEXIT_DR_READ = 0x20,
    VMEXIT_DR_WRITE = 0x30,
    VMEXIT_EXCEPTION = 0x40, /* + vector */
    VMEXIT_INTR = 0x60,
    VMEXIT_NMI,
    VMEXIT_SMI,
    VMEXIT_INIT,
    VMEXIT_VINTR,
    VMEXIT_CR0_SELECTIVE,
    VMEXIT_IDTR_READ,
    VMEXIT_GDTR_READ,
    VMEXIT_LDTR_READ,
    VMEXIT_TR_READ,
    VMEXIT_IDTR_WRITE,
    VMEXIT_GDTR_WRITE,
    VMEXIT_LDTR_WRITE,
    VMEXIT_TR_WRITE,
    VMEXIT_RDTSC,
    VMEXIT_RDPMC,
    VMEXIT_PUSHF,
    VMEXIT_POPF,
    VMEXIT_CPUID,
    VMEXIT_RSM,
    VMEXIT_IRET,
    VMEXIT_INT_N,
    VMEXIT_INVD,
    VMEXIT_PAUSE,
    VMEXIT_HLT,
    VMEXIT_INVLPG,
    VMEXIT_INVLPGA,
    VMEXIT_IO,
    VMEXIT_MSR,
    VMEXIT_TASK_SWITCH,
    VMEXIT_FERR_FREEZE,
    VMEXIT_SHUTDOWN,
    VMEXIT_VMRUN = 0x80,
    VMEXIT_VMMCALL,
    VMEXIT_VMLOAD,
    VMEXIT_VMSAVE,
    VMEXIT_STGI,
    VMEXIT_CLGI,
    VMEXIT_SKINIT,
    VMEXIT_RDTSCP,
    VMEXIT_ICEBP,
    VMEXIT_WBINVD,
    VMEXIT_MONITOR,
    VMEXIT_MWAIT,
    VMEXIT_MWAIT_ARMED,
    VMEXIT_XSETBV,
    VMEXIT_RDPRU,
    VMEXIT_EFER_TRAP,
    VMEXIT_CR_TRAP = 0x90, /* + n */
    VMEXIT_INVLPGB = 0xa0,
    VMEXIT_INVLPGB_ILLEGAL,
    VMEXIT_INVPCID,
    VMEXIT_MCOMMIT,
    VMEXIT_TLBSYNC,
    VMEXIT_NESTED_FAULT = 0x400,
};
_Static_assert(VMEXIT_SHUTDOWN == 0x7f && VMEXIT_EFER_TRAP == 0x8f && VMEXIT_TLBSYNC == 0xa4, "vmexit codes");
/* The CPU refused the state: -1, which QEMU 7.2 stores zero-extended. Compare the low 32 bits. */
#define VMEXIT_INVALID 0xffffffffu

/* --- permission maps ------------------------------------------------------------------------------------------------- */
#define VMCB_IO_MAP_PAGES 3u  /* 15.10.1: a bit per port, then those a wide access at 0xffff reaches */
#define VMCB_MSR_MAP_PAGES 2u /* 15.11: two bits per MSR (read, write), 2 KiB per range of 8,192 */
#define VMCB_MSR_RANGE 0x2000u
#define VMCB_MSR_RANGE0 0x00000000u
#define VMCB_MSR_RANGE1 0xc0000000u
#define VMCB_MSR_RANGE2 0xc0010000u

/* The control blocks of a core as svm.c made them, for the audit; 0 where the core has none. */
const struct vmcb *svm_guest_block(unsigned core);
const struct vmcb *svm_idle_block(unsigned core);

#endif
