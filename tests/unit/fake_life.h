/* SPDX-License-Identifier: Apache-2.0 */
/* A machine in which partitions live: the life cycle's own files over fakes of what is below them, its cores stepped one by one. The fakes
 * themselves hold the order of SEP-9 to be kept. Partitions as fake_plan.h has them, with 2 MiB each. */
#ifndef BULKHEAD_FAKE_LIFE_H
#define BULKHEAD_FAKE_LIFE_H

#include "partition.h"
#include "plan.h"
#include "vcpu.h"

#define LIFE_PARTITIONS 3u
#define LIFE_PAYLOAD 5000u

enum life_devices { DEVICES_CUT_OFF, DEVICES_LOADED, DEVICES_ATTACHED }; /* in between: memory is ready for them */

/* What was asked of the machine, and how it answers. */
struct fake_life {
    unsigned entry_resets, sipi_resets, apic_resets, apic_failures, services, watchdog_ticks, device_resets, ioapic_resets;
    unsigned fpu_resets[4], msr_resets[4]; /* by core */
    unsigned ticks_before_service;
    unsigned console_resets, watchdog_starts, flushes;
    unsigned quiets, pci_stops, pci_starts, fault_looks;
    unsigned stopped[16], started[16]; /* whose functions, in order */
    bool pci_stop_fails, pci_start_fails;
    uint8_t sipi;
    bool nmi_refused, console_busy;
    unsigned nmis, audits;
    struct plan_entry entry;
    enum life_devices devices[LIFE_PARTITIONS];  /* of a life */
    unsigned inputs[LIFE_PARTITIONS];            /* keys for its console */
    bool lost[LIFE_PARTITIONS];                  /* did not stop once: never starts again */
    void (*loaded)(struct partition *partition); /* its memory is that of a new life; may be 0 */
};
extern struct fake_life life;
extern uint8_t *life_ram[LIFE_PARTITIONS], life_payload[LIFE_PARTITIONS][LIFE_PAYLOAD];
extern struct plan_segment life_segments[LIFE_PARTITIONS][2];
extern bool life_others_go_on; /* where one core waits for others they go on whenever it looks at the clock */

void life_memory_make(void);
void life_memory_drop(void);
/* All created, none started. */
void life_reset(void);
/* Let a core serve what it was asked until nothing is left. */
void life_step(unsigned core);
void life_settle(void);
/* It then runs. */
void life_start(unsigned index);
enum partition_state life_state(unsigned index);

#endif
