/* SPDX-License-Identifier: Apache-2.0 */
/* The two pages that are answered and not mapped: the local APIC in xAPIC mode and the IO-APIC (AC-17, AC-25). Only aligned
 * 32-bit accesses to a register exist; all others read 0, write nothing and are counted. */
#include "policy.h"
#include "virt.h"
#include "x86_bits.h"

enum page { PAGE_NONE, PAGE_APIC, PAGE_IOAPIC };

static enum page page_of(const struct vcpu *vcpu, gpa_t u_gpa)
{
    uint64_t page = u_gpa.v & ~(uint64_t)PAGE_MASK;

    if (page == APIC_PAGE && !(vcpu->apic.base_msr & APIC_BASE_X2))
        return PAGE_APIC;
    /* Only what an unmodified guest needs exists (SEP-5): unikernels have no pins. */
    return page == IOAPIC_PAGE && vcpu->partition->plan->kind == IMAGE_LINUX ? PAGE_IOAPIC : PAGE_NONE;
}

bool guest_mmio_present(const struct vcpu *vcpu, gpa_t u_gpa)
{
    return page_of(vcpu, u_gpa) != PAGE_NONE;
}

/* Registers are 16 bytes apart and 4 bytes wide. The APIC page ends after register 0x3f. */
static bool is_register(enum page page, unsigned offset, unsigned size)
{
    return size == 4 && (offset & 15) == 0 && (page == PAGE_IOAPIC ? offset <= 0x10 : offset < 0x400);
}

static bool page_access(struct vcpu *vcpu, gpa_t u_gpa, unsigned size, uint64_t *value, bool write)
{
    enum page page = page_of(vcpu, u_gpa);
    unsigned offset = u_gpa.v & PAGE_MASK;
    bool known = is_register(page, offset, size);

    if (page == PAGE_NONE)
        return false;
    if (known && page == PAGE_APIC) {
        known = write ? guest_apic_write(vcpu, offset / 16, (uint32_t)*value) : guest_apic_read(vcpu, offset / 16, value);
    } else if (known) {
        lock_take(&vcpu->partition->gate);
        if (write)
            guest_ioapic_write(vcpu->partition, offset, (uint32_t)*value);
        else
            *value = guest_ioapic_read(vcpu->partition, offset);
        lock_drop(&vcpu->partition->gate);
    }
    if (!known)
        partition_denied(vcpu, DENIED_MEMORY, u_gpa.v);
    return true;
}

bool guest_mmio_read(struct vcpu *vcpu, gpa_t u_gpa, unsigned size, uint64_t *value)
{
    *value = 0;
    return page_access(vcpu, u_gpa, size, value, false);
}

bool guest_mmio_write(struct vcpu *vcpu, gpa_t u_gpa, unsigned size, uint64_t u_value)
{
    return page_access(vcpu, u_gpa, size, &u_value, true);
}

bool guest_mmio_decode(struct vcpu *vcpu, struct mmio_insn *insn)
{
    struct guest_state state;
    uint8_t code[15];
    unsigned length = guest_fetch(vcpu, code);

    virt_state(vcpu, &state);
    /* RSP is not among the saved registers; no driver moves its stack pointer to or from a device. */
    return decode_mov(code, length, state.cs_long ? 64 : state.cs_default32 ? 32 : 16, insn) && insn->reg != REG_RSP;
}
