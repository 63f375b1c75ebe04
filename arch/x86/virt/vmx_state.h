/* SPDX-License-Identifier: Apache-2.0 */
/* Our own check of a guest's state before VM entry: what the CPU would refuse is named here, with the rule, instead of by exit
 * reason 33 or an instruction error without a name. Pure. SDM3 27.2.1, 27.3.1. */
#ifndef BULKHEAD_VMX_STATE_H
#define BULKHEAD_VMX_STATE_H

#include "vmx_controls.h"

/* Access rights: SDM3 25.4.1, table 25-2 */
#define VMX_RIGHTS_TYPE 0xfu
#define VMX_RIGHTS_S (1u << 4)
#define VMX_RIGHTS_DPL(rights) ((rights) >> 5 & 3u)
#define VMX_RIGHTS_P (1u << 7)
#define VMX_RIGHTS_L (1u << 13)
#define VMX_RIGHTS_DB (1u << 14)
#define VMX_RIGHTS_G (1u << 15)
#define VMX_RIGHTS_UNUSABLE (1u << 16)

enum { VMX_ACTIVE, VMX_HALTED, VMX_SHUTDOWN, VMX_WAIT_FOR_SIPI }; /* activity states: 25.4.2 */

#define VMX_BLOCKED_STI (1u << 0) /* interruptibility: table 25-3 */
#define VMX_BLOCKED_MOV_SS (1u << 1)
#define VMX_BLOCKED_SMI (1u << 2)
#define VMX_BLOCKED_NMI (1u << 3)

struct vmx_segment {
    uint16_t selector;
    uint32_t limit, rights; /* rights: not of GDTR and IDTR */
    uint64_t base;
};

struct vmx_guest_fields {
    struct vmx_controls controls; /* as they are at this entry */
    uint64_t cr0, cr3, cr4, dr7, debugctl, efer, pat;
    uint64_t rip, rflags, sysenter_esp, sysenter_eip;
    struct vmx_segment es, cs, ss, ds, fs, gs, ldtr, tr, gdtr, idtr;
    uint32_t activity, interruptibility;
    uint64_t pending_debug, link_pointer;
    uint64_t pdpte[4];
    uint32_t entry_event, entry_event_code, entry_event_length; /* VM-entry interruption information: 25.8.3 */
};

/* Whether the four entries of PAE paging have a reserved bit: SDM3 4.4.1. */
bool vmx_pdptes_wrong(const uint64_t pdpte[4], const struct vmx_capabilities *capabilities);

/* 0, or the first rule on which VM entry would fail. */
const char *vmx_state_check(const struct vmx_guest_fields *fields, const struct vmx_capabilities *capabilities);

#endif
