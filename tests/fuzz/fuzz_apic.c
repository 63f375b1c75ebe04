/* SPDX-License-Identifier: Apache-2.0 */
/* F4: any sequence of accesses to local APICs, to their page and to the IO-APIC's, and of pulses on its pins, by the cores of one partition: what
 * leaves is fixed with a legal vector or a request, to the partition's own cores and those that a second reading names; the hardware's own
 * entries stay harmless. Byte 0: cores; byte 1: mode. Then 7 bytes per step. A libFuzzer entry point; test_apic.c calls it too. */
#include "fuzz_apic.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../unit/fake_virt.h"
#include "../unit/icr_reference.h"
#include "policy.h"
#include "promise.h"
#include "virt.h"

#define REGISTERS 64u
#define IOAPIC_PAGE_BASE 0xfec00000u
#define VECTOR(entry) ((entry)&0xffu)

static const uint8_t hardware[] = {APIC_TPR,       APIC_EOI,       APIC_SVR,           APIC_ESR,
                                   APIC_LVT_TIMER, APIC_LVT_ERROR, APIC_TIMER_INITIAL, APIC_TIMER_DIVIDE};
unsigned fuzz_apic_sent;

/* Of the core's own APIC nothing can raise an exception's vector, an NMI or an SMI, and it stays on for the hypervisor's own kicks. */
static void check_hardware(void)
{
    static const uint8_t lvts[] = {APIC_LVT_TIMER, APIC_LVT_ERROR};

    for (unsigned i = 0; i < sizeof(lvts); i++) {
        uint32_t entry = fake_virt.apic[lvts[i]];

        PROMISE((entry & 0x700) == 0 && (entry == 0 || (entry & APIC_LVT_MASKED) || VECTOR(entry) >= 16));
    }
    PROMISE(fake_virt.apic[APIC_SVR] == 0 || (fake_virt.apic[APIC_SVR] & 0x100));
    for (unsigned reg = 0; reg < REGISTERS; reg++) {
        bool own = reg == APIC_VERSION;

        for (unsigned i = 0; i < sizeof(hardware); i++)
            own |= hardware[i] == reg;
        PROMISE(own || fake_virt.apic[reg] == 0);
    }
    PROMISE(fake_one.gate.next == fake_one.gate.owner);
}

static uint32_t cores_of(uint8_t vector)
{
    uint32_t cores = 0;

    for (unsigned i = 0; i < fake_virt.interrupt_count; i++) {
        PROMISE(fake_virt.interrupts[i].vector == vector && !(cores >> fake_virt.interrupts[i].vcpu & 1));
        cores |= 1u << fake_virt.interrupts[i].vcpu;
    }
    return cores;
}

/* What left is what the command says, by the reference. */
static void check_command(const struct vcpu *vcpu, uint64_t icr, bool x2)
{
    static const uint32_t requests[] = {[ICR_NMI] = REQUEST_NMI, [ICR_INIT] = REQUEST_INIT, [ICR_SIPI] = REQUEST_SIPI};
    const struct command c = {.mode = icr >> 8 & 7,
                              .shorthand = icr >> 18 & 3,
                              .dest_mode = icr >> 11 & 1,
                              .level = icr >> 14 & 1,
                              .trigger = icr >> 15 & 1,
                              .dest = x2 ? (uint32_t)(icr >> 32) : (uint32_t)(icr >> 56),
                              .vector = (uint8_t)icr,
                              .x2 = x2};
    unsigned count = fake_one.plan->core_count;
    uint32_t ldr[MAX_CORES];
    struct icr_effect want;

    for (unsigned i = 0; i < count; i++)
        ldr[i] = fake_one.vcpus[i].apic.ldr;
    want = reference(&c, vcpu->index, count, ldr, vcpu->apic.dfr);
    PROMISE(cores_of(want.vector) == (want.what == ICR_FIXED ? want.targets : 0));
    for (unsigned i = 0; i < count; i++)
        PROMISE(fake_virt.requests[i] == (want.what > ICR_FIXED && want.targets >> i & 1 ? requests[want.what] : 0));
    PROMISE(fake_virt.denied[DENIED_OTHER] == want.denied);
}

static void check_silence(void)
{
    PROMISE(fake_virt.interrupt_count == 0);
    for (unsigned i = 0; i < MAX_CORES; i++)
        PROMISE(fake_virt.requests[i] == 0);
}

static void apic_write(struct vcpu *vcpu, unsigned reg, uint64_t value, bool by_page)
{
    bool x2 = (vcpu->apic.base_msr & 0x400) != 0, done;

    if (by_page)
        done = guest_mmio_write(vcpu, GPA(0xfee00000u + reg * 16), 4, value);
    else
        done = guest_apic_write(vcpu, reg, value);
    PROMISE(!by_page || done == !x2);
    if (by_page)
        value = (uint32_t)value;
    if (reg == APIC_ICR && done)
        check_command(vcpu, x2 ? value : (uint64_t)vcpu->apic.icr_high << 32 | (uint32_t)value, x2);
    else if (reg == APIC_SELF_IPI && done && x2)
        check_command(vcpu, value | 1u << 18, true);
    else
        check_silence();
}

static void pulse(unsigned pin)
{
    uint64_t entry = pin < 24 ? fake_one.ioapic.pins[pin] : 1u << 16;
    bool want = (entry & 0x10f00) == 0 && VECTOR(entry) >= 16 && entry >> 56 < fake_one.plan->core_count;

    lock_take(&fake_one.gate);
    guest_pin_pulse(&fake_one, pin);
    lock_drop(&fake_one.gate);
    PROMISE(fake_virt.interrupt_count == want);
    PROMISE(!want || (fake_virt.interrupts[0].vcpu == entry >> 56 && fake_virt.interrupts[0].vector == VECTOR(entry)));
}

/* Many commands name cores that exist. */
static uint64_t likely(unsigned reg, uint8_t how, uint32_t value)
{
    if (how & 0x80)
        return value | (uint64_t)(how & 0x40 ? value : how & 0x1f) << 32;
    if (reg == APIC_ICR)
        return (value & 0xccfff) | (uint64_t)(how & 0x3f) << 32;
    return reg == APIC_LDR || reg == APIC_ICR_HIGH ? (uint64_t)how << 24 : value & 0x7ffff;
}

static void step(const uint8_t *b)
{
    struct vcpu *vcpu = &fake_one.vcpus[b[0] >> 3 & 31];
    unsigned reg;
    uint32_t value;
    uint64_t got;

    vcpu = vcpu->index < fake_one.plan->core_count && vcpu->partition != NULL ? vcpu : fake_one.vcpus;
    memcpy(&value, b + 3, 4);
    fake_virt_forget();
    switch (b[0] & 7) {
    case 0:
        guest_apic_read(vcpu, b[1], &got);
        guest_mmio_read(vcpu, GPA((b[2] & 1 ? 0xfee00000u : IOAPIC_PAGE_BASE) + value % 4096), 1u << (b[1] & 3), &got);
        check_silence();
        break;
    case 1:
        guest_apic_base_write(vcpu, b[2] & 1 ? vcpu->apic.base_msr | 0x400 : value);
        PROMISE((vcpu->apic.base_msr & ~0x500ull) == 0xfee00800);
        check_silence();
        break;
    case 2:
        pulse(b[1] & 31);
        break;
    case 3:
        guest_mmio_write(vcpu, GPA(IOAPIC_PAGE_BASE + (b[2] & 1 ? b[2] & 0x10 : value % 4096)), b[2] & 2 ? 4 : 1u << (b[1] & 3),
                         b[2] & 0x10 ? value & 0x030140ff : b[1]);
        check_silence();
        break;
    case 4:
        guest_mmio_write(vcpu, GPA(0xfee00000u + value % 4096), 1u << (b[2] & 1), value);
        check_silence();
        break;
    default:
        reg = b[1] & 0x40 ? APIC_ICR : b[1] % REGISTERS;
        apic_write(vcpu, reg, likely(reg, b[2], value), b[0] & 2);
    }
    fuzz_apic_sent += fake_virt.interrupt_count;
    check_hardware();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    fake_virt_reset(1 + data[0] % MAX_CORES, data[1] & 1 ? APIC_X2APIC : APIC_XAPIC);
    for (size_t at = 2; at + 7 <= size; at += 7)
        step(data + at);
    return 0;
}
