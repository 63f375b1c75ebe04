/* SPDX-License-Identifier: Apache-2.0 */
/* AMD-Vi's event log (48882, 2.5), polled: no interrupt of a unit is ever on. Housekeeping core only, so no lock. */
#include "amdvi.h"
#include "iommu.h"

static bool lost;

/* The unit writes nothing more once it has found its log full. What is in it then has been taken. */
static void log_restart(struct amdvi_unit *unit)
{
    lost = true;
    amdvi_write(unit, AMDVI_CONTROL, unit->control & ~AMDVI_CONTROL_EVENTS);
    amdvi_wait_status(unit, AMDVI_STATUS_EVENTS, 0);
    unit->event_head = (uint32_t)amdvi_read(unit, AMDVI_EVENT_TAIL) & AMDVI_RING_MASK;
    amdvi_write(unit, AMDVI_EVENT_HEAD, unit->event_head);
    amdvi_write(unit, AMDVI_STATUS, AMDVI_STATUS_EVENT_OVERFLOW);
    amdvi_write(unit, AMDVI_CONTROL, unit->control);
}

static void event_decode(const struct amdvi_unit *unit, const uint64_t q[2], struct iommu_fault *fault)
{
    uint8_t kind = (uint8_t)(q[0] >> 60);
    bool flags = kind == AMDVI_EVENT_PAGE_FAULT; /* only there do they say this */
    bool ours = kind == AMDVI_EVENT_ILLEGAL_COMMAND || kind == AMDVI_EVENT_COMMAND_ERROR;

    *fault = (struct iommu_fault){.requester = ours ? unit->function : (uint16_t)q[0],
                                  .write = flags && (q[0] & AMDVI_EVENT_WRITE),
                                  .interrupt = flags && (q[0] & AMDVI_EVENT_INTERRUPT),
                                  .reason = kind,
                                  .address = q[1]};
}

static bool unit_fault_next(struct amdvi_unit *unit, struct iommu_fault *fault)
{
    struct amdvi_event *event = &unit->events[unit->event_head / sizeof(*event)];
    bool empty = unit->event_head == (amdvi_read(unit, AMDVI_EVENT_TAIL) & AMDVI_RING_MASK);
    uint64_t q[2] = {__atomic_load_n(&event->q[0], __ATOMIC_ACQUIRE), __atomic_load_n(&event->q[1], __ATOMIC_RELAXED)};

    /* The tail of some units moves before the event is in memory: it will be there the next time. */
    if (empty || q[0] >> 60 == 0) {
        if (amdvi_read(unit, AMDVI_STATUS) & AMDVI_STATUS_EVENT_OVERFLOW)
            log_restart(unit);
        return false;
    }
    event_decode(unit, q, fault);
    __atomic_store_n(&event->q[0], 0, __ATOMIC_RELEASE);
    unit->event_head = (unit->event_head + (uint32_t)sizeof(*event)) & AMDVI_RING_MASK;
    amdvi_write(unit, AMDVI_EVENT_HEAD, unit->event_head);
    return true;
}

bool iommu_fault_next(struct iommu_fault *fault)
{
    for (unsigned i = 0; i < amdvi_unit_count; i++)
        if (unit_fault_next(&amdvi_units[i], fault))
            return true;
    return false;
}

bool iommu_faults_lost(void)
{
    bool was = lost;

    lost = false;
    return was;
}
