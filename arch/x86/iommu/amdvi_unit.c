/* SPDX-License-Identifier: Apache-2.0 */
/* One AMD-Vi unit's registers: off, on, and as they should be (AC-28). */
#include "amdvi.h"
#include "arch.h"

uint64_t amdvi_read(const struct amdvi_unit *unit, uint32_t reg)
{
    return arch_device_read(HPA(unit->base + reg), 8);
}

void amdvi_write(const struct amdvi_unit *unit, uint32_t reg, uint64_t value)
{
    arch_device_write(HPA(unit->base + reg), 8, value);
}

bool amdvi_wait_status(const struct amdvi_unit *unit, uint64_t mask, uint64_t wanted)
{
    uint64_t since = arch_ticks(), patience = arch_tsc_khz() * AMDVI_PATIENCE_MS;

    while ((amdvi_read(unit, AMDVI_STATUS) & mask) != wanted) {
        if (arch_ticks() - since > patience)
            return false;
        arch_pause();
    }
    return true;
}

bool amdvi_unit_off(const struct amdvi_unit *unit)
{
    uint64_t logs = AMDVI_CONTROL_EVENTS | AMDVI_CONTROL_COMMANDS | AMDVI_CONTROL_PAGE_REQUESTS | AMDVI_CONTROL_GUEST_LOG;
    uint64_t running = AMDVI_STATUS_EVENTS | AMDVI_STATUS_COMMANDS | AMDVI_STATUS_PAGE_REQUESTS | AMDVI_STATUS_GUEST_LOG;

    amdvi_write(unit, AMDVI_CONTROL, amdvi_read(unit, AMDVI_CONTROL) & ~logs);
    if (!amdvi_wait_status(unit, running, 0))
        return false;
    amdvi_write(unit, AMDVI_CONTROL, 0);
    return (amdvi_read(unit, AMDVI_CONTROL) & AMDVI_CONTROL_ON) == 0;
}

bool amdvi_unit_on(struct amdvi_unit *unit)
{
    uint64_t running = AMDVI_STATUS_EVENTS | AMDVI_STATUS_COMMANDS;

    amdvi_write(unit, AMDVI_DEVICE_TABLE, unit->devices);
    amdvi_write(unit, AMDVI_EXCLUSION_BASE, 0);
    amdvi_write(unit, AMDVI_EXCLUSION_LIMIT, 0);
    for (unsigned i = 0; i < unit->smi_filters; i++)
        amdvi_write(unit, AMDVI_SMI_FILTER + 8 * i, AMDVI_SMI_NOBODY);
    amdvi_write(unit, AMDVI_COMMAND_BASE, AMDVI_RING_BASE(arch_hpa(unit->commands)));
    amdvi_write(unit, AMDVI_EVENT_BASE, AMDVI_RING_BASE(arch_hpa(unit->events)));
    for (uint32_t reg = AMDVI_COMMAND_HEAD; reg <= AMDVI_EVENT_TAIL; reg += 8)
        amdvi_write(unit, reg, 0);
    amdvi_write(unit, AMDVI_STATUS, AMDVI_STATUS_EVENT_OVERFLOW);
    amdvi_write(unit, AMDVI_CONTROL, unit->control & ~AMDVI_CONTROL_ON); /* the format of the tables before their use */
    amdvi_write(unit, AMDVI_CONTROL, unit->control);
    return amdvi_wait_status(unit, running, running);
}

const char *amdvi_unit_wrong(const struct amdvi_unit *unit)
{
    if (((amdvi_read(unit, AMDVI_CONTROL) ^ unit->control) & ~AMDVI_CONTROL_INDIFFERENT) != 0)
        return "AMDVI-2: a unit's control register does not read as written: look for DMA protection in the firmware's setup, "
               "which locks it";
    if (amdvi_read(unit, AMDVI_DEVICE_TABLE) != unit->devices)
        return "AMDVI-2: a unit looks at another device table than ours";
    if (amdvi_read(unit, AMDVI_EXCLUSION_BASE) & 1)
        return "AMDVI-2: a unit has an exclusion range, which no device may have";
    for (unsigned i = 0; i < unit->smi_filters; i++)
        if ((amdvi_read(unit, AMDVI_SMI_FILTER + 8 * i) & AMDVI_SMI_STATE) != AMDVI_SMI_NOBODY)
            return "AMDVI-2: the firmware lets a device raise system management interrupts, and has locked that: look for it in "
                   "its setup";
    return 0;
}
