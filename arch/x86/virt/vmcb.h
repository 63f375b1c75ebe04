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
    uint32_t intercepts[6]; /* see enum vmexit */
    uint8_t reserved_018[0x40 - 0x18];
    uint64_t io_map, msr_map; /* physical */
    uint64_t tsc_offset;
    uint32_t asid;
    uint8_t tlb_control, reserved_05d[3];
    uint64_t interrupt_control, interrupt_state;
    uint64_t exit_code, exit_info1, exit_info2, exit_event;
    uint64_t nested_control, reserved_098[2], event;
    uint64_t nested_root; /* N_CR3, physical */
    uint64_t lbr_control, reserved_0c0, next_rip;
    uint8_t reserved_0d0[0x400 - 0xd0];

    /* State save area. fs, gs, ldtr and tr are moved by VMLOAD and VMSAVE only, with the system call registers. */
    struct vmcb_segment es, cs, ss, ds, fs, gs, gdtr, ldtr, idtr, tr;
    uint8_t reserved_4a0[0x4cb - 0x4a0], cpl;
    uint32_t reserved_4cc;
    uint64_t efer;
    uint8_t reserved_4d8[0x548 - 0x4d8];
    uint64_t cr4, cr3, cr0, dr7, dr6, rflags, rip;
    uint64_t reserved_580[11], rsp, reserved_5e0[3], rax, reserved_600[8], cr2, reserved_648[4], pat;
    uint8_t reserved_670[0x1000 - 0x670];
};

#define AT(field, offset) (offsetof(struct vmcb, field) == (offset))
_Static_assert(AT(io_map, 0x040) && AT(msr_map, 0x048) && AT(tsc_offset, 0x050) && AT(asid, 0x058) && AT(tlb_control, 0x05c) &&
                   AT(interrupt_control, 0x060) && AT(interrupt_state, 0x068) && AT(exit_code, 0x070) && AT(exit_info1, 0x078) &&
                   AT(exit_info2, 0x080) && AT(exit_event, 0x088) && AT(nested_control, 0x090) && AT(event, 0x0a8) &&
                   AT(nested_root, 0x0b0) && AT(lbr_control, 0x0b8) && AT(next_rip, 0x0c8),
               "APM2 table B-1");
_Static_assert(AT(es, 0x400) && AT(cs, 0x410) && AT(ss, 0x420) && AT(ds, 0x430) && AT(fs, 0x440) && AT(gs, 0x450) &&
                   AT(gdtr, 0x460) && AT(ldtr, 0x470) && AT(idtr, 0x480) && AT(tr, 0x490) && AT(cpl, 0x4cb) && AT(efer, 0x4d0) &&
                   AT(cr4, 0x548) && AT(cr3, 0x550) && AT(cr0, 0x558) && AT(dr7, 0x560) && AT(dr6, 0x568) && AT(rflags, 0x570) &&
                   AT(rip, 0x578) && AT(rsp, 0x5d8) && AT(rax, 0x5f8) && AT(cr2, 0x640) && AT(pat, 0x668),
               "APM2 table B-2");
#undef AT
_Static_assert(offsetof(struct vmcb_segment, base) == 8, "vmcb_segment.base");
_Static_assert(sizeof(struct vmcb) == PAGE_SIZE, "vmcb size");

/* Exit codes (appendix C). Below 0xc0 a code also says where its intercept is: bit code % 32 of word code / 32 (15.9). */
enum vmexit {
    /* clang-format off */
    VMEXIT_CR_READ = 0x00, VMEXIT_CR_WRITE = 0x10, VMEXIT_DR_READ = 0x20, VMEXIT_EXCEPTION = 0x40, /* each + n */
    VMEXIT_INTR = 0x60, VMEXIT_NMI, VMEXIT_SMI, VMEXIT_INIT, VMEXIT_VINTR,
    VMEXIT_CR0_SELECTIVE, /* writes of CR0 that change more than TS and MP */
    VMEXIT_IDTR_READ, VMEXIT_GDTR_READ, VMEXIT_LDTR_READ, VMEXIT_TR_READ,
    VMEXIT_IDTR_WRITE, VMEXIT_GDTR_WRITE, VMEXIT_LDTR_WRITE, VMEXIT_TR_WRITE,
    VMEXIT_RDTSC, VMEXIT_RDPMC, VMEXIT_PUSHF, VMEXIT_POPF, VMEXIT_CPUID, VMEXIT_RSM, VMEXIT_IRET, VMEXIT_INT_N,
    VMEXIT_INVD, VMEXIT_PAUSE, VMEXIT_HLT, VMEXIT_INVLPG, VMEXIT_INVLPGA,
    VMEXIT_IO, VMEXIT_MSR, /* by io_map and msr_map */
    VMEXIT_TASK_SWITCH, VMEXIT_FERR_FREEZE, VMEXIT_SHUTDOWN,
    VMEXIT_VMRUN, /* VMRUN refuses to run with this intercept clear (15.5.1) */
    VMEXIT_VMMCALL, VMEXIT_VMLOAD, VMEXIT_VMSAVE, VMEXIT_STGI, VMEXIT_CLGI, VMEXIT_SKINIT, VMEXIT_RDTSCP, VMEXIT_ICEBP,
    VMEXIT_WBINVD, VMEXIT_MONITOR, VMEXIT_MWAIT, VMEXIT_MWAIT_ARMED, VMEXIT_XSETBV, VMEXIT_RDPRU,
    VMEXIT_EFER_TRAP, /* after the write, as the codes for CRn from 0x90 on */
    VMEXIT_INVLPGB = 0xa0, VMEXIT_INVLPGB_ILLEGAL, VMEXIT_INVPCID, VMEXIT_MCOMMIT, VMEXIT_TLBSYNC,
    VMEXIT_NESTED_FAULT = 0x400,
    /* clang-format on */
};
_Static_assert(VMEXIT_SHUTDOWN == 0x7f && VMEXIT_EFER_TRAP == 0x8f && VMEXIT_TLBSYNC == 0xa4, "vmexit codes");
#define INTERCEPT_BIT(code) (1u << (code) % 32)
/* The CPU refused the state: -1, which QEMU 7.2 stores zero-extended. Compare the low 32 bits. */
#define VMEXIT_INVALID 0xffffffffu

/* --- other control fields -------------------------------------------------------------------------------------------- */
#define VMCB_TLB_FLUSH_ALL 1u

/* interrupt_control (15.21) */
#define VMCB_V_GIF_ENABLE (1ull << 25)
#define VMCB_AVIC_ENABLE (1ull << 31)

/* nested_control */
#define VMCB_NESTED_ENABLE (1ull << 0)

/* event and exit_event (15.20) */
#define VMCB_EVENT_VECTOR 0xffull
#define VMCB_EVENT_TYPE (7ull << 8)
#define VMCB_EVENT_INTERRUPT (0ull << 8)
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
#define VMCB_FAULT_WRITE (1ull << 1)
#define VMCB_FAULT_FETCH (1ull << 4)
#define VMCB_FAULT_WALK (1ull << 33) /* an entry of the guest's own page tables */

/* segment attributes */
#define VMCB_SEGMENT_CODE16 0x009bu /* present, code, readable, accessed */
#define VMCB_SEGMENT_CODE32 0x0c9bu
#define VMCB_SEGMENT_DATA16 0x0093u
#define VMCB_SEGMENT_DATA32 0x0c93u
#define VMCB_SEGMENT_LDT 0x0082u
#define VMCB_SEGMENT_TSS 0x008bu
#define VMCB_SEGMENT_LONG (1u << 9)
#define VMCB_SEGMENT_DEFAULT32 (1u << 10)

/* --- permission maps ------------------------------------------------------------------------------------------------- */
#define VMCB_IO_MAP_PAGES 3u  /* 15.10.1: a bit per port, then those a wide access at 0xffff reaches */
#define VMCB_MSR_MAP_PAGES 2u /* 15.11: two bits per MSR (read, write), 2 KiB per range of 8,192 */
#define VMCB_MSR_RANGE 0x2000u
#define VMCB_MSR_BASE(range) ((range) == 0 ? 0u : 0xc0000000u + ((range)-1) * 0x10000u) /* of range 0, 1, 2 */

/* The control blocks of a core as svm.c made them, for the audit; 0 where the core has none. */
const struct vmcb *svm_guest_block(unsigned core);
const struct vmcb *svm_idle_block(unsigned core);

#endif
