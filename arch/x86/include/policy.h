/* SPDX-License-Identifier: Apache-2.0 */
/* What a partition may see and do, as tables; the back end turns the open rows into its bitmaps. */
#ifndef BULKHEAD_POLICY_H
#define BULKHEAD_POLICY_H

#include "arch.h"
#include "partition.h"

enum msr_access {
    MSR_DENY,    /* exits, #GP */
    MSR_EMULATE, /* exits, answered by msr_policy.c */
    MSR_OPEN,    /* no exit: the register is the partition's own, swapped or per core and harmless */
};

struct msr_row {
    uint32_t first, last;
    enum msr_access read, write;
    const char *why;
};

/* Ascending, disjoint; whatever is in no row is MSR_DENY. */
extern const struct msr_row msr_rows[];
extern const unsigned msr_row_count;
/* Rows that hold only where the local APIC is in x2APIC mode in hardware: they open EOI, TPR and so on. */
extern const struct msr_row msr_x2apic_rows[];
extern const unsigned msr_x2apic_row_count;

enum msr_access msr_policy(uint32_t msr, bool write);

/* Fill the CPUID results this vcpu will see, from the processor's own and the policy table (default zero). Before the seal. */
void cpuid_policy_init(struct vcpu *vcpu);
/* Legal XCR0 bits for guests on this CPU. */
uint64_t xcr0_allowed(void);

/* CR0 and CR4: bits a guest may set on this CPU; the rest #GP (CR4) or are dropped (CR0.CD, CR0.NW). */
uint64_t cr4_allowed(void);
uint64_t efer_allowed(void);
bool guest_efer_write(struct vcpu *vcpu, uint64_t u_value);

/* Control-register instruction that exited, decoded from its code bytes. */
struct cr_insn {
    uint8_t length, cr, reg;
    enum { CR_MOV, CR_LMSW, CR_CLTS } form;
    bool from_memory; /* LMSW m16: refused */
};
bool decode_cr(const uint8_t *code, unsigned length, bool long_mode, struct cr_insn *insn);
struct mmio_insn;
/* mode: 16, 32 or 64 (operand and address default). */
bool decode_mov(const uint8_t *code, unsigned length, unsigned mode, struct mmio_insn *insn);

/* Copy up to 15 code bytes at the guest's RIP, walking its page tables once; returns how many could be read. */
unsigned guest_fetch(struct vcpu *vcpu, uint8_t code[15]);

/* Guest local APIC, by x2APIC register number (0x00..0x3f). False: #GP (or, through the xAPIC page, ignored). */
bool guest_apic_read(struct vcpu *vcpu, unsigned reg, uint64_t *value);
bool guest_apic_write(struct vcpu *vcpu, unsigned reg, uint64_t u_value);
bool guest_apic_base_write(struct vcpu *vcpu, uint64_t u_value);

/* An ICR command taken apart: pure, proven by exhaustive test. targets: bit per vcpu index of the own partition. */
struct icr_effect {
    enum { ICR_DROP, ICR_FIXED, ICR_NMI, ICR_INIT, ICR_SIPI } what;
    uint8_t vector;
    uint32_t targets;
    bool denied; /* counted: a mode or destination no partition has */
};
struct icr_effect icr_expand(uint64_t u_icr, unsigned self, unsigned core_count, bool x2apic_format, const uint32_t *ldr,
                             uint32_t dfr);

/* Emulated IO-APIC page at 0xfec00000. Gate held. */
uint32_t guest_ioapic_read(struct partition *partition, unsigned offset);
void guest_ioapic_write(struct partition *partition, unsigned offset, uint32_t u_value);

#endif
