/* SPDX-License-Identifier: Apache-2.0 */
/* Model of VT-d units: registers, tables walked as the manual says, and as inconvenient as it allows. A unit sees only what has been flushed
 * out of the processor's caches; it caches all that it ever looks up until it is told otherwise; between two waits it does its descriptors in
 * any order, with devices at work in between; with RWBF it sees nothing that is still in a write buffer. What no driver may do fails the
 * test. Linked with fake_plan.c and fake_arch.c. */
#ifndef BULKHEAD_FAKE_VTD_H
#define BULKHEAD_FAKE_VTD_H

#include "fake_plan.h"

#define FAKE_VTD_UNITS 4u
#define FAKE_VTD_BASE(unit) (0xfed90000u + (unit)*0x8000u)
#define FAKE_VTD_FAULTS 256u

struct fake_vtd {
    /* what a test sets */
    uint64_t cap, ecap;
    bool absent;     /* reads give ones, writes go nowhere */
    bool deaf;       /* never does anything in its queue */
    uint32_t stuck;  /* these bits of GSTS never follow */
    unsigned errors; /* so many of the next descriptors end in... */
    uint32_t error;  /* ...this bit of FSTS */
    bool late;       /* says that it has done a wait descriptor only when it comes to the next one */
    bool compress;   /* one record per source: QEMU */
    bool root_lost;  /* ignores writes to RTADDR */
    /* registers */
    uint32_t gsts, fsts, fectl, iectl, pmen;
    uint64_t rtaddr, irta, iqa, iqh, iqt;
    uint64_t record[FAKE_VTD_FAULTS][2];
    unsigned record_next;
    /* in use */
    uint64_t root, interrupts;
    uint64_t late_at;
    uint32_t late_value;
    unsigned waits, errors_seen, writes, reads;
};
extern struct fake_vtd fake_vtd[FAKE_VTD_UNITS];
extern bool fake_x2apic;

/* Plan with three partitions that own functions on buses 0, 1 and 5, `units` units like QEMU's, all off; memory and caches empty. */
void fake_vtd_reset(unsigned units);
/* Everything that a firmware may have left in the caches of a unit: translations of requesters to where they like, interrupts to anybody. */
void fake_vtd_poison(unsigned unit);

/* A device's request. True: it comes through, *hpa is where. False: blocked (and recorded). */
bool fake_vtd_dma(unsigned unit, uint16_t requester, uint64_t iova, bool write, uint64_t *hpa);
struct fake_message {
    uint32_t apic_id;
    uint8_t vector, mode;
};
/* A device's write to the interrupt range. */
bool fake_vtd_message(unsigned unit, uint16_t requester, uint64_t address, uint32_t data, struct fake_message *message);
/* The same of an IO-APIC's redirection entry. */
bool fake_vtd_pin(unsigned unit, uint16_t requester, uint64_t entry, struct fake_message *message);
/* A device that is always at work: DMA and interrupts of every function of the plan, so that whatever a unit has just forgotten it looks up
 * again; called at each flush and between descriptors. Set by a test. */
extern void (*fake_vtd_meanwhile)(unsigned unit);

extern unsigned fake_pool_used;

#endif
