/* SPDX-License-Identifier: Apache-2.0 */
/* AMD-Vi units as the specification (48882) describes them, on a machine with a plan of its own. They cache all that they may, so that a
 * missing invalidation shows. */
#ifndef FAKE_AMDVI_H
#define FAKE_AMDVI_H

#include "plan.h"
#include "types.h"

#define FAKE_UNITS 2u
#define FAKE_BASE(unit) (0xfd000000ull + (unit)*0x80000ull)
#define FAKE_IOAPIC 0x00a0u
#define FAKE_HPET 0x00a8u
#define FAKE_POOL_PAGES 1024u

struct fake_unit {
    uint64_t regs[0x4000 / 8];
    /* what is wrong with it */
    bool hangs;           /* does no commands */
    bool never_stops;     /* its logs run for ever */
    bool never_starts;    /* they never run */
    uint64_t wired;       /* bits of the control register that cannot be cleared */
    uint64_t wired_zero;  /* and those that cannot be set */
    uint64_t other_table; /* what its device table register reads instead */
    bool late_events;     /* the tail moves before the event is in memory */
    bool inside;          /* does commands when asked, not when written: fake_unit_run() */
    bool lies;            /* its registers pass through a test's own arch_device_read() and arch_device_write() */
    unsigned commands, illegal;
    bool log_was_off_late; /* the unit was switched off while its logs ran */
};
extern struct fake_unit fake_units[FAKE_UNITS];

extern struct plan fake_plan;
extern struct board fake_board;
extern struct plan_function fake_functions[PLAN_MAX_FUNCTIONS];
extern struct plan_partition fake_partitions[3];
extern bool fake_x2apic;
extern unsigned fake_pool_taken;

/* Two units, off; three partitions, four functions: 0 and 1 of partition 0, 2 of 1, 3 of 2. */
void fake_amdvi_reset(void);
void fake_unit_run(unsigned unit);
/* What arch_device_read() and arch_device_write() do, which a test may have of its own. */
uint64_t fake_register_read(hpa_t address, unsigned size);
void fake_register_write(hpa_t address, unsigned size, uint64_t value);

/* What becomes of a device's access. False: stopped; if the unit logs, there is an event. */
bool fake_dma(unsigned unit, uint16_t requester, uint64_t iova, bool write, uint64_t *hpa);
struct fake_interrupt {
    uint32_t apic_id;
    uint8_t vector;
    uint8_t type; /* 0: fixed, 4: NMI */
    bool translated;
};
bool fake_message(unsigned unit, uint16_t requester, uint64_t address, uint32_t data, struct fake_interrupt *out);
void fake_event(unsigned unit, uint64_t low, uint64_t high);

/* An IVRS that describes this machine; returns its size. */
size_t fake_ivrs(uint8_t *table);

#endif
