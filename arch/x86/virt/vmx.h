/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the Intel back end share: vmx.c (the CPU, entries), vmx_block.c (what stays in a VMCS), vmx_guest.c (the guest's
 * state in it), vmx_exit.c (why the guest came back). All but vmx_maps_build() act on the current VMCS of this core. */
#ifndef BULKHEAD_VMX_H
#define BULKHEAD_VMX_H

#include "crash.h"
#include "partition.h"
#include "vmcs.h"
#include "vmx_insn.h"
#include "vmx_state.h"

#define CR0_GUEST_OWNED (CR0_MP | CR0_TS) /* changes of these do not exit */

/* Of one core. */
struct vmx {
    uint64_t guest, idle, region;         /* physical: VMCS of the vcpu (0: none) and of the parking guest; for VMXON */
    bool on, launched, idle_launched;     /* on: an NMI may touch the current VMCS */
    uint64_t refused;                     /* why the last entry did not happen */
    struct vmx_capabilities capabilities; /* of this core */
    struct vmx_controls controls;         /* nothing armed */
    struct vmx_audit_copy guest_copy, idle_copy;
};

struct field_value {
    uint32_t field;
    uint64_t value;
};

static inline struct vmx *vmx_of(const struct vcpu *vcpu)
{
    return vcpu->virt;
}

static inline void vmwrite(uint32_t field, uint64_t value)
{
    INVARIANT(vmwrite_try(field, value), "VMWRITE: this CPU has no such field");
}

static inline void vmcs_load(uint64_t vmcs)
{
    INVARIANT(vmptrld(vmcs), "VMPTRLD");
}

static inline void fields_write(const struct field_value *list, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        vmwrite(list[i].field, list[i].value);
}

static inline void fields_clear(const uint32_t *list, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        vmwrite(list[i], 0);
}

/* Whatever this core has kept of earlier tables, linear or nested (AC-24). */
static inline void translations_forget(void)
{
    struct vmx_invalidate all = {0, 0};

    invept(INVALIDATE_ALL, all);
    invvpid(INVALIDATE_ALL, all);
}

static inline void interruptibility_change(uint64_t clear, uint64_t set)
{
    uint64_t value = vmread(VMCS_INTERRUPTIBILITY), wanted = (value & ~clear) | set;

    if (wanted != value)
        vmwrite(VMCS_INTERRUPTIBILITY, wanted);
}

/* vmx.c: what made the last entry exit at once is disarmed. */
void vmx_kick_end(const struct vmx *b, struct vmx_audit_copy *copy);
/* The CPU (refused 0), or our own check, refuses the guest's state: recorded, and said with the rule. */
void vmx_entry_failed(struct vcpu *vcpu, struct exit *exit, uint64_t refused);

/* vmx_block.c. Maps and the parking guest's memory, once, before the seal. */
void vmx_maps_build(void);
/* The VMCS of the vcpu, or (partition 0) of the parking guest: own, empty and current. */
void vmx_block_make(const struct vmx *b, const struct partition *partition);
void vmx_copy_refresh(struct vmx_audit_copy *copy);

/* vmx_guest.c. To real mode at 0, whatever was there. */
void vmx_state_reset(const struct vmx *b);
/* 0, or the rule that the guest's state breaks. */
const char *vmx_state_wrong(const struct vmx *b);

/* vmx_exit.c. The record of an exit that has a reason; what the exit interrupted is due again. */
void vmx_exit_fill(struct vcpu *vcpu, struct exit *exit);

#endif
