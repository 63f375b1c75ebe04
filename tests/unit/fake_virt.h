/* SPDX-License-Identifier: Apache-2.0 */
/* One partition of up to 32 cores as the policies of arch/x86 see it: guest state (virt.h), local APIC (lapic.h), RAM, gate and
 * what was asked of other cores. Linked with fake_x86.c and fake_plan.c. */
#ifndef BULKHEAD_FAKE_VIRT_H
#define BULKHEAD_FAKE_VIRT_H

#include "lapic.h"
#include "partition.h"
#include "virt.h"

struct fake_virt {
    struct guest_state state; /* of every vcpu */
    unsigned cr0_sets, cr4_sets, efer_sets;
    bool cr_refused; /* by the back end */

    uint32_t apic[64];
    bool x2apic_hardware;
    unsigned apic_writes;
    unsigned last_reg;
    uint32_t last_value;

    struct {
        unsigned vcpu;
        uint8_t vector;
        bool held; /* the gate was */
    } interrupts[64];
    unsigned interrupt_count;
    uint32_t requests[MAX_CORES];
    unsigned denied[DENIED_COUNT]; /* by enum denied_kind */

    uint8_t *ram; /* guest-physical [0, ram_size) */
    uint64_t ram_size;
    unsigned ram_asked;
    unsigned pages; /* taken from the pool */
};
extern struct fake_virt fake_virt;
extern struct partition fake_one;

/* A partition of so many cores, its APIC shadows reset, processor and RAM empty. Calls fake_plan_reset and fake_x86_reset. */
void fake_virt_reset(unsigned cores, enum apic_mode apic);
void fake_virt_forget(void); /* what was asked so far */

#endif
