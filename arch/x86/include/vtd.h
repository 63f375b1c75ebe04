/* SPDX-License-Identifier: Apache-2.0 */
/* Intel VT-d: registers and structures, and what the files of arch/x86/iommu/vtd*.c ask of one another. Section numbers are those of the
 * "Intel Virtualization Technology for Directed I/O" specification, revision 3.3. Legacy mode: scalable mode (RTADDR.TTM) stays off.
 *
 * All units have the same root table, context tables, interrupt table and I/O page tables. Pool pages: 1 for the root, 1 for each bus
 * with a function that somebody owns, 1 for each 256 interrupt entries (a power of 2), 1 per unit; io_table.h's per partition with functions. */
#ifndef BULKHEAD_VTD_H
#define BULKHEAD_VTD_H

#include "arch.h"
#include "types.h"

/* --- registers, 11.4 -------------------------------------------------------------------------------------------------------- */
enum {
    /* clang-format off */
    VTD_CAP = 0x08, VTD_ECAP = 0x10, VTD_GCMD = 0x18, VTD_GSTS = 0x1c, VTD_RTADDR = 0x20, VTD_FSTS = 0x34, VTD_FECTL = 0x38,
    VTD_PMEN = 0x64, VTD_IQH = 0x80, VTD_IQT = 0x88, VTD_IQA = 0x90, VTD_IECTL = 0xa0, VTD_IRTA = 0xb8,
    /* clang-format on */
};

/* CAP, 11.4.2 */
#define VTD_CAP_DOMAINS(cap) (1u << (4 + 2 * ((cap)&7)))
#define VTD_CAP_RWBF (1ull << 4)
#define VTD_CAP_PMR (3ull << 5)                                       /* protected memory regions, low and high */
#define VTD_CAP_LEVELS(cap, levels) ((cap) >> ((levels) + 6) & 1)     /* SAGAW: bit 9 three, bit 10 four */
#define VTD_CAP_MGAW(cap) ((unsigned)((cap) >> 16 & 63))              /* one less than the bits of an address */
#define VTD_CAP_FAULTS_AT(cap) ((unsigned)((cap) >> 24 & 0x3ff) * 16) /* FRO */
#define VTD_CAP_LARGE (1ull << 34)                                    /* SLLPS: 2 MiB */
#define VTD_CAP_FAULTS(cap) ((unsigned)((cap) >> 40 & 0xff) + 1)      /* NFR */
#define VTD_CAP_DRAIN(cap) ((cap) >> 54 & 3)                          /* bit 0: writes, bit 1: reads */

/* ECAP, 11.4.3 */
#define VTD_ECAP_QI (1ull << 1)
#define VTD_ECAP_IR (1ull << 3)
#define VTD_ECAP_EIM (1ull << 4)

/* GCMD and GSTS, 11.4.4: the same bits in both */
#define VTD_TE (1u << 31)
#define VTD_SRTP (1u << 30)
#define VTD_EAFL (1u << 28)
#define VTD_WBF (1u << 27)
#define VTD_QIE (1u << 26)
#define VTD_IRE (1u << 25)
#define VTD_SIRTP (1u << 24)
#define VTD_CFI (1u << 23)
#define VTD_LASTING (VTD_TE | VTD_EAFL | VTD_QIE | VTD_IRE | VTD_CFI) /* the others are orders */

#define VTD_PMEN_ON (1u << 31)
#define VTD_PMEN_STATUS (1u << 0)
#define VTD_MASKED (1u << 31)      /* FECTL, IECTL: no interrupt */
#define VTD_IRTA_EIME (1ull << 11) /* destinations are 32-bit x2APIC ids, 11.4.10 */
#define VTD_FSTS_PFO (1u << 0)     /* faults were lost */
#define VTD_FSTS_PPF (1u << 1)     /* faults are recorded */
#define VTD_FSTS_QUEUE (7u << 4)   /* IQE, ICE, ITE: the invalidation queue has stopped, 6.5.2.10 */
#define VTD_FSTS_FIRST(fsts) ((fsts) >> 8 & 0xff)

/* --- structures in memory: all of 16 bytes ---------------------------------------------------------------------------------- */
struct vtd_entry {
    uint64_t low, high;
};
_Static_assert(sizeof(struct vtd_entry) == 16, "3.4, 6.5.2, 9.1, 9.3, 9.10");

#define VTD_PRESENT (1ull << 0)
#define VTD_FPD (1ull << 1) /* of a context entry: faults are not recorded, 9.3 */
#define VTD_ADDRESS 0x000ffffffffff000ull

/* Second-level entry, 9.8 */
#define VTD_READ (1ull << 0)
#define VTD_WRITE (1ull << 1)
#define VTD_PS (1ull << 7)

/* Descriptors of the invalidation queue, 6.5.2 */
#define VTD_INV_CONTEXT_ALL 0x11ull
#define VTD_INV_CONTEXT 0x31ull /* of one requester */
#define VTD_INV_IOTLB_ALL 0x12ull
#define VTD_INV_IOTLB 0x22ull                     /* of one domain */
#define VTD_INV_IOTLB_DRAIN(drain) ((drain) << 6) /* VTD_CAP_DRAIN */
#define VTD_INV_IRTE_ALL 0x04ull
#define VTD_INV_IRTE 0x14ull /* one */
#define VTD_INV_WAIT 0x25ull /* then write a doubleword */
#define VTD_INV_DOMAIN(domain) ((uint64_t)(domain) << 16)
#define VTD_INV_REQUESTER(requester) ((uint64_t)(requester) << 32)
#define VTD_INV_INDEX(index) ((uint64_t)(index) << 32)

/* --- a unit --------------------------------------------------------------------------------------------------------------------- */
#define VTD_QUEUE 256u /* descriptors: one page */

struct vtd_unit {
    hpa_t base;
    uint64_t cap, ecap;
    struct vtd_entry *queue;
    unsigned tail;
    uint32_t asked;         /* number of the last wait descriptor */
    volatile uint32_t done; /* the unit writes here: number of the last one that it came to */
};
extern struct vtd_unit vtd_units[]; /* plan.board->iommu.unit_count */

static inline uint32_t vtd_read(const struct vtd_unit *unit, unsigned reg)
{
    return (uint32_t)arch_device_read(HPA(unit->base.v + reg), 4);
}

static inline void vtd_write(const struct vtd_unit *unit, unsigned reg, uint32_t value)
{
    arch_device_write(HPA(unit->base.v + reg), 4, value);
}

static inline uint64_t vtd_read64(const struct vtd_unit *unit, unsigned reg)
{
    return arch_device_read(HPA(unit->base.v + reg), 8);
}

static inline void vtd_write64(const struct vtd_unit *unit, unsigned reg, uint64_t value)
{
    arch_device_write(HPA(unit->base.v + reg), 8, value);
}

/* Wait until the bits of `mask` in a register are `value`; at most VTD_WAIT_MS. False: they are not. */
#define VTD_WAIT_MS 10u
bool vtd_await(const struct vtd_unit *unit, unsigned reg, uint32_t mask, uint32_t value);
/* One order: GCMD with these bits replaced by `command`, until they are `status` in GSTS (11.4.4: never two at a time). */
bool vtd_command(const struct vtd_unit *unit, uint32_t bits, uint32_t command, uint32_t status);

/* Empty queue, on. Boot; `unit->queue` is there. */
bool vtd_queue_start(struct vtd_unit *unit);
/* All units do these, and nothing of what they name is cached any more. Fewer than VTD_QUEUE. False: not confirmed by every one. */
bool vtd_invalidate(const struct vtd_entry *descriptors, unsigned count);

/* Forget all faults, no interrupt for new ones. Boot. */
void vtd_faults_clear(const struct vtd_unit *unit);

/* Is the firmware's table what the board says, and no reserved region of a function that is given away? Says in the log what differs. 0, or
 * a refusal. */
const char *vtd_dmar_check(const uint8_t *table, size_t size);

#endif
