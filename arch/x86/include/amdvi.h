/* SPDX-License-Identifier: Apache-2.0 */
/* AMD-Vi: registers and structures of the AMD I/O Virtualization Technology specification (publication 48882; sections are of revision 3),
 * and what the files of arch/x86/iommu/amdvi*.c have in common. Bits that are not named here stay 0. */
#ifndef BULKHEAD_AMDVI_H
#define BULKHEAD_AMDVI_H

#include "board.h"
#include "lock.h"
#include "plan.h"
#include "types.h"

/* --- registers, 64 bits each (3.4) --------------------------------------------------------------------------------------- */

#define AMDVI_DEVICE_TABLE 0x0000u /* address; bits 8..0: its 4 KiB pages less one */
#define AMDVI_COMMAND_BASE 0x0008u /* address; bits 59..56: log2 of the entries */
#define AMDVI_EVENT_BASE 0x0010u   /* the same */
#define AMDVI_CONTROL 0x0018u
#define AMDVI_EXCLUSION_BASE 0x0020u /* bit 0: on */
#define AMDVI_EXCLUSION_LIMIT 0x0028u
#define AMDVI_FEATURES 0x0030u
#define AMDVI_SMI_FILTER 0x0060u   /* the first of them: a device that may raise system management interrupts */
#define AMDVI_COMMAND_HEAD 0x2000u /* these four: bytes from the base */
#define AMDVI_COMMAND_TAIL 0x2008u
#define AMDVI_EVENT_HEAD 0x2010u
#define AMDVI_EVENT_TAIL 0x2018u
#define AMDVI_STATUS 0x2020u
#define AMDVI_SECOND_PAGE 0x2000u /* all of these lie in two pages */

#define AMDVI_CONTROL_ON (1ull << 0)
#define AMDVI_CONTROL_TUNNEL (1ull << 1)
#define AMDVI_CONTROL_EVENTS (1ull << 2)
#define AMDVI_CONTROL_PASS_POSTED (1ull << 8)
#define AMDVI_CONTROL_RESPONSE_PASS_POSTED (1ull << 9)
#define AMDVI_CONTROL_COHERENT (1ull << 10) /* the unit's reads of tables look into the caches */
#define AMDVI_CONTROL_ISOCHRONOUS (1ull << 11)
#define AMDVI_CONTROL_COMMANDS (1ull << 12)
#define AMDVI_CONTROL_PAGE_REQUESTS (1ull << 13) /* their log */
#define AMDVI_CONTROL_WIDE (1ull << 17)          /* interrupt entries of 128 bits */
#define AMDVI_CONTROL_SMI_FILTER (1ull << 22)    /* those of devices that no filter register names are dropped */
#define AMDVI_CONTROL_GUEST_LOG (1ull << 28)
#define AMDVI_CONTROL_X2APIC (1ull << 50) /* destinations of 32 bits */
/* A unit may have these wired: performance, not protection. */
#define AMDVI_CONTROL_INDIFFERENT                                                                                                  \
    (AMDVI_CONTROL_TUNNEL | AMDVI_CONTROL_PASS_POSTED | AMDVI_CONTROL_RESPONSE_PASS_POSTED | AMDVI_CONTROL_ISOCHRONOUS)

#define AMDVI_FEATURE_X2APIC (1ull << 2)
#define AMDVI_FEATURE_INVALIDATE_ALL (1ull << 6)
#define AMDVI_FEATURE_WIDE (1ull << 7)
#define AMDVI_FEATURE_SMI_FILTER(features) (((features) >> 16 & 3) == 1)
#define AMDVI_FEATURE_SMI_FILTERS(features) (1u << ((features) >> 18 & 7)) /* registers */

#define AMDVI_SMI_NOBODY (1ull << 17) /* locked, and names no device */
#define AMDVI_SMI_STATE (3ull << 16)

#define AMDVI_STATUS_EVENT_OVERFLOW (1u << 0) /* write one to clear */
#define AMDVI_STATUS_EVENTS (1u << 3)         /* the log runs */
#define AMDVI_STATUS_COMMANDS (1u << 4)       /* the command buffer runs */
#define AMDVI_STATUS_PAGE_REQUESTS (1u << 7)
#define AMDVI_STATUS_GUEST_LOG (1u << 8)

/* --- device table (2.2.2.1) -------------------------------------------------------------------------------------------------- */

#define AMDVI_DEVICES 65536u

struct amdvi_device {
    uint64_t q[4];
};
_Static_assert(sizeof(struct amdvi_device) == 32, "48882, 2.2.2.1");

#define AMDVI_DEVICE_V (1ull << 0)
#define AMDVI_DEVICE_TV (1ull << 1)
#define AMDVI_DEVICE_LEVELS(n) ((uint64_t)(n) << 9) /* 0: no table; IR and IW alone decide */
#define AMDVI_IR (1ull << 61)                       /* device may read; in table entries too */
#define AMDVI_IW (1ull << 62)
#define AMDVI_ADDRESS 0x000ffffffffff000ull
/* q[1]: the domain in bits 15..0. Device TLB, exclusion range, ports, system management: all off. */
#define AMDVI_DEVICE_IV (1ull << 0)                           /* q[2] from here */
#define AMDVI_DEVICE_INTERRUPTS(log2) ((uint64_t)(log2) << 1) /* entries */
#define AMDVI_DEVICE_NMI_PASS (1ull << 58)
#define AMDVI_DEVICE_REMAP (2ull << 60) /* fixed and arbitrated messages: by the table */

#define AMDVI_DENY (AMDVI_DEVICE_V | AMDVI_DEVICE_TV) /* q[0] of who may neither read nor write */

/* --- I/O page tables (2.2.3) --------------------------------------------------------------------------------------------------- */

#define AMDVI_PAGE_PRESENT (1ull << 0)
#define AMDVI_PAGE_NEXT(level) ((uint64_t)(level) << 9) /* level of the next table; 0: leaf of the size that this level has */
#define AMDVI_PAGE_COHERENT (1ull << 60)                /* whatever the device says about snooping */

/* --- interrupt tables (2.2.5) -------------------------------------------------------------------------------------------------- */

#define AMDVI_BLOCK_LOG2 5u /* entries of a function */
_Static_assert(1u << AMDVI_BLOCK_LOG2 == PLAN_MAX_VECTORS, "a block holds what the plan allows");
/* What one block takes: the 2,048 short entries that a message can name. Those beyond the length are never present; a unit does not read
 * them; QEMU's does (docs/CAVEATS.md). */
#define AMDVI_BLOCK_PAGES 2u

/* Short entries and the low half of wide ones. */
#define AMDVI_INTERRUPT_PRESENT (1u << 0)
#define AMDVI_INTERRUPT_DESTINATION 8u /* bit; short: 8 bits, then 8 of vector. wide: 24 bits, the vector begins the high half */
#define AMDVI_INTERRUPT_VECTOR 16u     /* bit, in a short entry */

/* --- commands (2.4) and events (2.5) ------------------------------------------------------------------------------------------- */

struct amdvi_command {
    uint64_t q[2];
};
_Static_assert(sizeof(struct amdvi_command) == 16, "48882, 2.4");

#define AMDVI_COMPLETION_WAIT (1ull << 60 | 1)      /* with the address to store at; q[1]: what to store */
#define AMDVI_INVALIDATE_DEVICE (2ull << 60)        /* with the requester id */
#define AMDVI_INVALIDATE_PAGES (3ull << 60)         /* with the domain at bit 32 */
#define AMDVI_ALL_PAGES (0x7ffffffffffff000ull | 3) /* q[1]: all addresses, upper levels too */
#define AMDVI_INVALIDATE_INTERRUPTS (5ull << 60)
#define AMDVI_INVALIDATE_ALL (8ull << 60)

struct amdvi_event {
    uint64_t q[2]; /* q[0]: requester id; flags; bits 63..60: kind. q[1]: address */
};
_Static_assert(sizeof(struct amdvi_event) == 16, "48882, 2.5");

enum { AMDVI_EVENT_PAGE_FAULT = 2, AMDVI_EVENT_ILLEGAL_COMMAND = 5, AMDVI_EVENT_COMMAND_ERROR = 6 };
#define AMDVI_EVENT_INTERRUPT (1ull << 51)
#define AMDVI_EVENT_WRITE (1ull << 53)

#define AMDVI_RING_LOG2 8u /* entries of both rings: one page, the smallest that there is */
#define AMDVI_RING_MASK 0xff0u
#define AMDVI_RING_BASE(page) ((page).v | (uint64_t)AMDVI_RING_LOG2 << 56)
_Static_assert(sizeof(struct amdvi_command) << AMDVI_RING_LOG2 == PAGE_SIZE, "a ring is a page");

#define AMDVI_PATIENCE_MS 10u /* for anything a unit does: some microseconds */

/* --- a unit ---------------------------------------------------------------------------------------------------------------------- */

struct amdvi_unit {
    uint64_t base;     /* of its registers */
    uint16_t function; /* its own requester id */
    uint64_t control;  /* as it must read while on */
    uint64_t devices;  /* its device table register */
    unsigned smi_filters;
    struct amdvi_command *commands;
    struct amdvi_event *events;
    uint32_t command_tail, event_head; /* bytes */
    uint64_t asked, done;              /* COMPLETION_WAITs: number of the last one, and of the last that the unit has stored */
    struct lock lock;                  /* the command ring, `asked` */
};
extern struct amdvi_unit amdvi_units[BOARD_MAX_IOMMUS];
extern unsigned amdvi_unit_count;
/* Device table of all units; blocks of interrupts: one that stays empty, for who is not in the plan, then those of plan.functions. Set once,
 * at boot. */
extern struct amdvi_device *amdvi_devices;
extern uint8_t *amdvi_blocks;
extern bool amdvi_wide;

uint64_t amdvi_read(const struct amdvi_unit *unit, uint32_t reg);
void amdvi_write(const struct amdvi_unit *unit, uint32_t reg, uint64_t value);
/* Bounded. Until these bits of the status are as wanted. */
bool amdvi_wait_status(const struct amdvi_unit *unit, uint64_t mask, uint64_t wanted);

/* amdvi_unit.c. Whatever the firmware left on: logs and commands first, then the unit. */
bool amdvi_unit_off(const struct amdvi_unit *unit);
/* Rings empty, control and device table as the struct says; what the unit has cached is not invalidated yet. */
bool amdvi_unit_on(struct amdvi_unit *unit);
/* 0, or what does not read as it should while the unit is on. */
const char *amdvi_unit_wrong(const struct amdvi_unit *unit);

/* amdvi_queue.c. All units have done these commands, in this order, when this returns true. False: not in time, or there is no room. */
bool amdvi_submit(const struct amdvi_command *commands, unsigned count);

/* amdvi_table.c: what entries look like. */
struct amdvi_device amdvi_device_entry(uint16_t domain, hpa_t interrupts, unsigned log2, bool nmi_pass);
uint64_t amdvi_device_translated(hpa_t root);
void amdvi_interrupt_set(uint8_t *block, unsigned index, uint32_t apic_id, uint8_t vector);
void amdvi_interrupt_clear(uint8_t *block, unsigned index);

/* amdvi_ivrs.c: the firmware's table (5.2) against plan and board. 0, or a refusal. */
struct ivrs_unit {
    uint64_t base;
    uint16_t function;
    uint8_t flags; /* bits 3..0: isochronous, response pass posted, pass posted, tunnel */
};
struct ivrs {
    unsigned unit_count;
    struct ivrs_unit units[BOARD_MAX_IOMMUS];
};
const char *ivrs_parse(const uint8_t *table, size_t size, struct ivrs *out);

#endif
