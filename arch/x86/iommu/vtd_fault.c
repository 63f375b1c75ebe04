/* SPDX-License-Identifier: Apache-2.0 */
/* Primary fault logging, VT-d 7.2: the units' records are read at the tick, and each is cleared when it has been read. A unit that records one
 * function's faults only once meanwhile (QEMU does) loses none that counts: the function is named. */
#include "iommu.h"
#include "plan.h"
#include "vtd.h"

/* Fault recording register, 11.4.14: doublewords */
#define RECORD 16u
#define RECORD_PAGE 0u
#define RECORD_SOURCE 8u
#define RECORD_STATE 12u
#define STATE_FAULT (1u << 31) /* write one to clear */
#define STATE_READ (1u << 30)
#define REASON_INTERRUPT 0x20u /* to 0x2f, 7.1.2 */

static bool lost;

void vtd_faults_clear(const struct vtd_unit *unit)
{
    vtd_write(unit, VTD_FECTL, VTD_MASKED);
    vtd_write(unit, VTD_IECTL, VTD_MASKED);
    for (unsigned i = 0; i < VTD_CAP_FAULTS(unit->cap); i++)
        vtd_write(unit, VTD_CAP_FAULTS_AT(unit->cap) + i * RECORD + RECORD_STATE, STATE_FAULT);
    vtd_write(unit, VTD_FSTS, VTD_FSTS_PFO | VTD_FSTS_QUEUE);
}

static bool record_take(const struct vtd_unit *unit, unsigned at, struct iommu_fault *fault)
{
    uint32_t state = vtd_read(unit, at + RECORD_STATE);
    uint64_t page = vtd_read64(unit, at + RECORD_PAGE);

    if (!(state & STATE_FAULT))
        return false;
    fault->requester = (uint16_t)vtd_read(unit, at + RECORD_SOURCE);
    fault->reason = (uint8_t)state;
    fault->interrupt = (state & 0xf0u) == REASON_INTERRUPT;
    fault->write = !(state & STATE_READ);
    fault->address = fault->interrupt ? page >> 48 : page & ~(uint64_t)PAGE_MASK;
    vtd_write(unit, at + RECORD_STATE, STATE_FAULT);
    return true;
}

/* The oldest first. */
static bool unit_fault(const struct vtd_unit *unit, struct iommu_fault *fault)
{
    unsigned count = VTD_CAP_FAULTS(unit->cap);
    uint32_t status = vtd_read(unit, VTD_FSTS);

    if (status & VTD_FSTS_PFO) {
        lost = true;
        vtd_write(unit, VTD_FSTS, VTD_FSTS_PFO); /* until then nothing is recorded */
    }
    if (!(status & VTD_FSTS_PPF))
        return false;
    for (unsigned i = 0; i < count; i++)
        if (record_take(unit, VTD_CAP_FAULTS_AT(unit->cap) + (VTD_FSTS_FIRST(status) + i) % count * RECORD, fault))
            return true;
    return false;
}

bool iommu_fault_next(struct iommu_fault *fault)
{
    for (unsigned i = 0; i < plan.board->iommu.unit_count; i++)
        if (unit_fault(&vtd_units[i], fault))
            return true;
    return false;
}

bool iommu_faults_lost(void)
{
    bool were = lost;

    lost = false;
    return were;
}
