/* SPDX-License-Identifier: Apache-2.0 */
/* Orders to the units and the invalidation queue, VT-d 6.5.2. Every wait is bounded (SEP-7); a queue that has stopped is emptied and started
 * again, once per call (AC-31): we use no device TLB, so that no device can hold it up. */
#include "arch.h"
#include "crash.h"
#include "io_table.h"
#include "lock.h"
#include "plan.h"
#include "vtd.h"

static struct lock queue_lock; /* of all units */

bool vtd_await(const struct vtd_unit *unit, unsigned reg, uint32_t mask, uint32_t value)
{
    uint64_t end = arch_ticks() + VTD_WAIT_MS * arch_tsc_khz();

    for (;;) {
        bool late = arch_ticks() >= end;

        if ((vtd_read(unit, reg) & mask) == value)
            return true;
        if (late)
            return false;
        arch_pause();
    }
}

bool vtd_command(const struct vtd_unit *unit, uint32_t bits, uint32_t command, uint32_t status)
{
    vtd_write(unit, VTD_GCMD, (vtd_read(unit, VTD_GSTS) & VTD_LASTING & ~bits) | command);
    return vtd_await(unit, VTD_GSTS, bits, status);
}

bool vtd_queue_start(struct vtd_unit *unit)
{
    if (!vtd_command(unit, VTD_QIE, 0, 0))
        return false;
    unit->tail = 0;
    vtd_write64(unit, VTD_IQT, 0);
    vtd_write64(unit, VTD_IQA, arch_hpa(unit->queue).v); /* 256 entries of 128 bits */
    vtd_write(unit, VTD_FSTS, VTD_FSTS_QUEUE);
    return vtd_command(unit, VTD_QIE, VTD_QIE, VTD_QIE);
}

static void queue_put(struct vtd_unit *unit, struct vtd_entry descriptor)
{
    unit->queue[unit->tail] = descriptor;
    io_cache_flush(&unit->queue[unit->tail], sizeof(descriptor));
    unit->tail = (unit->tail + 1) % VTD_QUEUE;
}

/* The number in the wait descriptor is another one each time: an answer that comes late is none to a later question. */
static bool queue_run(struct vtd_unit *unit, const struct vtd_entry *descriptors, unsigned count)
{
    uint64_t end = arch_ticks() + VTD_WAIT_MS * arch_tsc_khz();
    bool late = false;

    for (unsigned i = 0; i < count; i++)
        queue_put(unit, descriptors[i]);
    unit->asked++;
    queue_put(unit, (struct vtd_entry){VTD_INV_WAIT | (uint64_t)unit->asked << 32, arch_hpa((const void *)&unit->done).v});
    vtd_write64(unit, VTD_IQT, unit->tail * sizeof(struct vtd_entry));
    while (unit->done != unit->asked) {
        if (late || (vtd_read(unit, VTD_FSTS) & VTD_FSTS_QUEUE) != 0)
            return false;
        late = arch_ticks() >= end;
        arch_pause();
    }
    return true;
}

static bool unit_invalidate(struct vtd_unit *unit, const struct vtd_entry *descriptors, unsigned count)
{
    if ((unit->cap & VTD_CAP_RWBF) &&
        !vtd_command(unit, VTD_WBF, VTD_WBF, 0)) /* 6.8: our writes to the tables leave the chipset's buffers */
        return false;
    return queue_run(unit, descriptors, count) || (vtd_queue_start(unit) && queue_run(unit, descriptors, count));
}

bool vtd_invalidate(const struct vtd_entry *descriptors, unsigned count)
{
    bool all = true;

    INVARIANT(count + 1 < VTD_QUEUE, "vtd: more orders than the queue holds");
    lock_take(&queue_lock);
    for (unsigned i = 0; i < plan.board->iommu.unit_count; i++)
        all = unit_invalidate(&vtd_units[i], descriptors, count) && all;
    lock_drop(&queue_lock);
    return all;
}
