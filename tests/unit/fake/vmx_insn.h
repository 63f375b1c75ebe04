/* SPDX-License-Identifier: Apache-2.0 */
/* Stands before arch/x86/include/vmx_insn.h in unit tests: the same instructions on VMCSs that a test can look into. */
#ifndef BULKHEAD_VMX_INSN_H
#define BULKHEAD_VMX_INSN_H

#include "types.h"

#define FAKE_VMCS_FIELDS 0x7000u

struct fake_vmcs {
    uint64_t hpa;
    bool clear, launched; /* clear: by VMCLEAR, which must come before the first VMPTRLD */
    uint64_t field[FAKE_VMCS_FIELDS];
};

struct fake_vmx {
    bool on;
    uint32_t revision;
    struct fake_vmcs vmcs[8], *current;
    uint32_t absent[4]; /* fields that this CPU does not have */
    unsigned invepts, invvpids, nmis;
    uint64_t dr6;
};
extern struct fake_vmx fake_vmx;

struct vmx_invalidate {
    uint64_t vpid, address;
};

bool vmxon(uint64_t region);
bool vmclear(uint64_t vmcs);
bool vmptrld(uint64_t vmcs);
uint64_t vmread(uint32_t field);
bool vmwrite_try(uint32_t field, uint64_t value);
void invvpid(uint64_t type, struct vmx_invalidate what);
void invept(uint64_t type, struct vmx_invalidate what);
void nmi_again(void);
void table_bases(uint64_t *gdt, uint64_t *idt);
uint64_t read_dr6(void);
void write_dr6(uint64_t value);

#endif
