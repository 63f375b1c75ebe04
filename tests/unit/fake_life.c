/* SPDX-License-Identifier: Apache-2.0 */
/* See fake_life.h. */
#include "fake_life.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "channel.h"
#include "console.h"
#include "devices.h"
#include "fake_arch.h"
#include "fake_plan.h"
#include "launch.h"
#include "lifecycle.h"
#include "pci.h"
#include "sha256.h"
#include "virt.h"
#include "watchdog.h"

struct fake_life life;
uint8_t *life_ram[LIFE_PARTITIONS], life_payload[LIFE_PARTITIONS][LIFE_PAYLOAD];
struct plan_segment life_segments[LIFE_PARTITIONS][2];
bool life_others_go_on;
static struct plan_ram ranges[LIFE_PARTITIONS];

void virt_reset_entry(struct vcpu *vcpu, const struct plan_entry *entry)
{
    unsigned index = vcpu->partition->index;

    assert_int_not_equal(life.devices[index], DEVICES_ATTACHED);
    life.devices[index] = DEVICES_LOADED;
    life.entry_resets++;
    life.entry = *entry;
    if (life.loaded)
        life.loaded(vcpu->partition);
}
void virt_reset_sipi(struct vcpu *vcpu, uint8_t vector)
{
    (void)vcpu;
    life.sipi_resets++;
    life.sipi = vector;
}
void virt_run(struct vcpu *vcpu, struct exit *exit)
{
    (void)vcpu, (void)exit;
    fail();
}
void virt_idle(struct vcpu *vcpu)
{
    (void)vcpu;
    fail();
}
bool virt_inject_nmi(struct vcpu *vcpu)
{
    (void)vcpu;
    life.nmis += !life.nmi_refused;
    return !life.nmi_refused;
}
void virt_state(const struct vcpu *vcpu, struct guest_state *state)
{
    *state = (struct guest_state){.rip = 0x1000u + vcpu->core};
}
void virt_raw(const struct vcpu *vcpu, uint64_t raw[3])
{
    (void)vcpu;
    raw[0] = 0x7f;
    raw[1] = raw[2] = 1;
}
void exit_handle(struct vcpu *vcpu, const struct exit *exit)
{
    (void)vcpu, (void)exit;
}
bool arch_apic_reset(void)
{
    life.apic_resets++;
    return life.apic_failures == 0;
}
void arch_fpu_reset(void)
{
    life.fpu_resets[fake.core]++;
}
void msr_policy_reset(struct vcpu *vcpu)
{
    assert_int_equal(vcpu->core, fake.core); /* they are the running core's own */
    life.msr_resets[fake.core]++;
}
void guest_apic_reset(struct vcpu *vcpu)
{
    vcpu->apic.base_msr = 0xfee00c00;
}
void guest_ioapic_reset(struct partition *partition)
{
    (void)partition;
    life.ioapic_resets++;
}
bool console_service(uint64_t now)
{
    (void)now;
    life.services++;
    life.ticks_before_service = life.watchdog_ticks;
    return life.console_busy;
}
void console_reset(struct partition *partition)
{
    (void)partition;
    life.console_resets++;
}
void console_flush(void)
{
    life.flushes++;
}
void devices_reset(struct partition *partition)
{
    (void)partition;
    life.device_resets++;
}
void watchdog_start(struct partition *partition, uint64_t now)
{
    (void)partition, (void)now;
    life.watchdog_starts++;
}
void watchdog_tick(struct partition *partition, uint64_t now)
{
    (void)partition, (void)now;
    life.watchdog_ticks++;
}
void pci_faults(uint64_t now)
{
    (void)now;
    life.fault_looks++;
}
/* As soon as the stop begins, before any of its cores has parked. */
void pci_functions_quiet(struct partition *partition)
{
    assert_int_not_equal(partition->gate.next, partition->gate.owner);
    assert_int_equal(partition->state, PARTITION_STOPPING);
    assert_int_equal(partition->parked, 0);
    assert_false(partition->gate_open);
    life.quiets++;
}
/* On the first core, all of them parked; before anything is loaded. */
bool pci_functions_stop(struct partition *partition)
{
    assert_int_equal(partition->vcpus[0].core, fake.core);
    assert_int_equal(partition->gate.next, partition->gate.owner);
    assert_int_equal(partition->state, PARTITION_STOPPING);
    for (unsigned i = 0; i < partition->plan->core_count; i++)
        assert_int_equal(partition->vcpus[i].mode, VCPU_PARKED);
    life.stopped[life.pci_stops++ % 16] = partition->index;
    life.devices[partition->index] = DEVICES_CUT_OFF;
    life.lost[partition->index] = life.lost[partition->index] || life.pci_stop_fails;
    return !life.pci_stop_fails;
}
/* Once memory is scrubbed and the core has forgotten earlier interrupts, and before anybody may send any. */
bool pci_functions_start(struct partition *partition)
{
    assert_int_equal(partition->vcpus[0].core, fake.core);
    assert_int_equal(partition->state, PARTITION_LOADING);
    assert_false(partition->gate_open);
    assert_int_equal(life.devices[partition->index], DEVICES_LOADED);
    life.started[life.pci_starts++ % 16] = partition->index;
    assert_true(life.apic_resets >= life.pci_starts);
    if (life.pci_start_fails || life.lost[partition->index])
        return false;
    life.devices[partition->index] = DEVICES_ATTACHED;
    return true;
}
void console_input(struct partition *partition, uint8_t byte)
{
    (void)byte;
    life.inputs[partition->index]++;
}
void console_audit(void)
{
    life.audits++;
}
void watchdog_board(uint64_t now)
{
    (void)now;
}

/* --- the machine ---------------------------------------------------------------------------------------------------------------- */

static void partition_prepare(unsigned i)
{
    struct plan_partition *p = &fake_plan_partitions[i];
    struct sha256 s;

    memset(life_ram[i], 0xa5, LARGE_SIZE);
    ranges[i] = (struct plan_ram){HPA((uintptr_t)life_ram[i]), GPA(0), LARGE_SIZE};
    life_segments[i][0] = (struct plan_segment){0, GPA(0x100000), 4000};
    life_segments[i][1] = (struct plan_segment){4000, GPA(0x180000), 1000};
    for (unsigned b = 0; b < sizeof(life_payload[i]); b++)
        life_payload[i][b] = (uint8_t)(b * 7 + i);
    p->ram = &ranges[i];
    p->ram_count = 1;
    p->memory = LARGE_SIZE;
    p->payload =
        (struct plan_payload){.module = p->name, .size = sizeof(life_payload[i]), .segments = life_segments[i], .segment_count = 2};
    p->payload.entry.eip = 0x100000 + i;
    sha256_init(&s);
    sha256_update(&s, life_payload[i], sizeof(life_payload[i]));
    sha256_final(&s, p->payload.sha256);
    for (unsigned event = 0; event < EVENT_COUNT; event++)
        p->actions[event] = ACTION_STOP;
    p->actions[EVENT_CRASH] = p->actions[EVENT_REBOOT] = p->actions[EVENT_WATCHDOG] = ACTION_RESTART;
    p->denied = (struct denied_spec){.per_second = 10};
    p->restart = (struct restart_spec){.limit = 2, .window_ms = 60000, .then = ACTION_STOP};
}

void life_reset(void)
{
    fake_reset();
    fake_plan_reset();
    memset(&life, 0, sizeof(life));
    memset(partitions, 0, sizeof(partitions));
    memset(vcpus, 0, sizeof(vcpus));
    fake_plan.pool_pages = 64;
    for (unsigned i = 0; i < 3; i++)
        partition_prepare(i);
    for (unsigned core = 0; core < 4; core++)
        vcpus[core].core = (uint8_t)core;
    for (unsigned i = 0; i < 3; i++) {
        static uint8_t abi[3][BH_ABI_PAGES * PAGE_SIZE] __attribute__((aligned(4096)));

        partitions[i] = (struct partition){.plan = &fake_plan_partitions[i], .index = (uint8_t)i};
        partitions[i].vcpus = &vcpus[fake_plan_partitions[i].cores[0]];
        partitions[i].payload = HPA((uintptr_t)life_payload[i]);
        partitions[i].abi = i == 0 ? 0 : abi[i];
        for (unsigned v = 0; v < fake_plan_partitions[i].core_count; v++) {
            partitions[i].vcpus[v].partition = &partitions[i];
            partitions[i].vcpus[v].index = (uint8_t)v;
        }
    }
}

void life_memory_make(void)
{
    for (unsigned i = 0; i < 3; i++)
        life_ram[i] = aligned_alloc(LARGE_SIZE, LARGE_SIZE);
}

void life_memory_drop(void)
{
    for (unsigned i = 0; i < 3; i++)
        free(life_ram[i]);
}

/* Let a core serve what it was asked until nothing is left. */
void life_step(unsigned core)
{
    fake.core = core;
    for (unsigned i = 0; i < 10 && atomic_load(&vcpus[core].requests) != 0; i++)
        vcpu_serve(&vcpus[core]);
}

void life_settle(void)
{
    for (unsigned round = 0; round < 4; round++)
        for (unsigned core = 0; core < 4; core++)
            life_step(core);
}

void life_start(unsigned index)
{
    fake.core = plan.housekeeping;
    partition_start(&partitions[index]);
    life_settle();
    assert_int_equal(partitions[index].state, PARTITION_RUNNING);
}

enum partition_state life_state(unsigned index)
{
    return atomic_load(&partitions[index].state);
}

/* Where one core waits for others: they go on whenever it looks at the clock. */
uint64_t arch_ticks(void)
{
    unsigned core = fake.core;

    fake.ticks += fake.step;
    if (life_others_go_on) {
        life_others_go_on = false;
        for (unsigned other = 0; other < 4; other++)
            if (other != core)
                life_step(other);
        fake.core = core;
        life_others_go_on = true;
    }
    return fake.ticks;
}
