/* SPDX-License-Identifier: Apache-2.0 */
/* See fake_virt.h. */
#include "fake_virt.h"

#include <stdlib.h>
#include <string.h>

#include "fake_plan.h"
#include "memory.h"
#include "policy.h"
#include "x86.h"

struct fake_virt fake_virt;
struct partition fake_one;

static struct vcpu cores[MAX_CORES];
static struct plan_partition one_plan;
static uint8_t pool[40][PAGE_SIZE] __attribute__((aligned(4096)));

void fake_virt_reset(unsigned count, enum apic_mode apic)
{
    fake_plan_reset();
    fake_x86_reset();
    memset(&fake_virt, 0, sizeof(fake_virt));
    memset(&fake_one, 0, sizeof(fake_one));
    memset(cores, 0, sizeof(cores));
    memset(pool, 0, sizeof(pool));
    one_plan = (struct plan_partition){.name = "one", .kind = IMAGE_LINUX, .core_count = count, .apic = apic};
    fake_one.plan = &one_plan;
    fake_one.vcpus = cores;
    for (unsigned i = 0; i < count; i++) {
        cores[i].partition = &fake_one;
        cores[i].index = cores[i].core = (uint8_t)i;
    }
    for (unsigned i = 0; i < count; i++)
        guest_apic_reset(&cores[i]);
    guest_ioapic_reset(&fake_one);
    fake_virt.apic[APIC_VERSION] = 0x81050014;
}

void fake_virt_forget(void)
{
    fake_virt.interrupt_count = 0;
    fake_virt.apic_writes = 0;
    memset(fake_virt.requests, 0, sizeof(fake_virt.requests));
    memset(fake_virt.denied, 0, sizeof(fake_virt.denied));
}

void virt_state(const struct vcpu *vcpu, struct guest_state *state)
{
    (void)vcpu;
    *state = fake_virt.state;
}

bool virt_set_cr0(struct vcpu *vcpu, uint64_t value)
{
    (void)vcpu;
    if (fake_virt.cr_refused)
        return false;
    fake_virt.state.cr0 = value;
    fake_virt.cr0_sets++;
    return true;
}

bool virt_set_cr4(struct vcpu *vcpu, uint64_t value)
{
    (void)vcpu;
    if (fake_virt.cr_refused)
        return false;
    fake_virt.state.cr4 = value;
    fake_virt.cr4_sets++;
    return true;
}

void virt_set_efer(struct vcpu *vcpu, uint64_t value)
{
    (void)vcpu;
    fake_virt.state.efer = value;
    fake_virt.efer_sets++;
}

bool lapic_is_x2apic(void)
{
    return fake_virt.x2apic_hardware;
}

uint32_t lapic_read(unsigned reg)
{
    if (reg >= 64)
        abort();
    return fake_virt.apic[reg];
}

void lapic_write(unsigned reg, uint32_t value)
{
    if (reg >= 64)
        abort();
    fake_virt.apic[reg] = value;
    fake_virt.apic_writes++;
    fake_virt.last_reg = reg;
    fake_virt.last_value = value;
}

void partition_interrupt_locked(struct partition *partition, unsigned vcpu_index, uint8_t vector)
{
    unsigned i = fake_virt.interrupt_count++;

    if (partition != &fake_one || vcpu_index >= one_plan.core_count || vector < 16 || i >= 64)
        abort();
    fake_virt.interrupts[i].vcpu = vcpu_index;
    fake_virt.interrupts[i].vector = vector;
    fake_virt.interrupts[i].held = partition->gate.next != partition->gate.owner;
}

void partition_interrupt(struct partition *partition, unsigned vcpu_index, uint8_t vector)
{
    lock_take(&partition->gate);
    partition_interrupt_locked(partition, vcpu_index, vector);
    lock_drop(&partition->gate);
}

void vcpu_request(struct vcpu *vcpu, uint32_t request)
{
    if (vcpu < cores || vcpu >= cores + one_plan.core_count)
        abort();
    fake_virt.requests[vcpu->index] |= request;
}

void partition_denied(struct vcpu *vcpu, enum denied_kind kind, uint64_t what)
{
    (void)vcpu;
    (void)what;
    fake_virt.denied[kind]++;
}

void *partition_ram(const struct partition *partition, gpa_t gpa, uint64_t size)
{
    if (partition != &fake_one)
        abort();
    fake_virt.ram_asked++;
    return range_inside(gpa.v, size, 0, fake_virt.ram_size) ? fake_virt.ram + gpa.v : 0;
}

void *pool_take(unsigned count)
{
    void *page = pool[fake_virt.pages];

    fake_virt.pages += count;
    if (fake_virt.pages > 40)
        abort();
    return page;
}

void arch_pause(void)
{
    abort(); /* nobody else holds a lock here */
}
