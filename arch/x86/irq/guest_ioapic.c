/* SPDX-License-Identifier: Apache-2.0 */
/* Emulated IO-APIC of a partition (SEP-3, AC-19): index and data window, 24 edge pins, no EOI logic. An entry is kept as written and
 * checked at each pulse, so that no order of its two halves matters; what is not a fixed interrupt with a legal vector for a
 * core of the partition raises nothing. The gate is held. 82093AA datasheet 3. */
#include "arch.h"
#include "policy.h"

#define PINS 24u
#define WINDOW_INDEX 0x00u
#define WINDOW_DATA 0x10u
#define REG_VERSION 0x01u
#define REG_PINS 0x10u
#define VERSION ((PINS - 1) << 16 | 0x11u)
#define LOW_WRITABLE 0x1afffu /* not delivery status (12) and remote IRR (14) */
#define HIGH_WRITABLE 0xff000000u
#define MODE_AND_DEST 0xf00u /* delivery mode and logical destination: all 0 is fixed, physical */
#define MASKED (1ull << 16)

void guest_ioapic_reset(struct partition *partition)
{
    partition->ioapic.index = 0;
    for (unsigned i = 0; i < PINS; i++)
        partition->ioapic.pins[i] = MASKED;
}

uint32_t guest_ioapic_read(struct partition *partition, unsigned offset)
{
    uint32_t index = partition->ioapic.index;

    if (offset == WINDOW_INDEX)
        return index;
    if (offset != WINDOW_DATA)
        return 0;
    if (index == REG_VERSION)
        return VERSION;
    if (index - REG_PINS < 2 * PINS)
        return (uint32_t)(partition->ioapic.pins[(index - REG_PINS) / 2] >> (index & 1 ? 32 : 0));
    return 0; /* ID, arbitration */
}

void guest_ioapic_write(struct partition *partition, unsigned offset, uint32_t u_value)
{
    uint32_t index = partition->ioapic.index;
    uint64_t *pin;

    if (offset == WINDOW_INDEX)
        partition->ioapic.index = u_value & 0xff;
    if (offset != WINDOW_DATA || index - REG_PINS >= 2 * PINS)
        return;
    pin = &partition->ioapic.pins[(index - REG_PINS) / 2];
    if (index & 1)
        *pin = (*pin & 0xffffffff) | (uint64_t)(u_value & HIGH_WRITABLE) << 32;
    else
        *pin = (*pin & ~0xffffffffull) | (u_value & LOW_WRITABLE);
}

void guest_pin_pulse(struct partition *partition, unsigned pin)
{
    uint64_t entry = pin < PINS ? partition->ioapic.pins[pin] : MASKED;
    unsigned dest = (unsigned)(entry >> 56);

    if ((entry & (MASKED | MODE_AND_DEST)) != 0 || (uint8_t)entry < 16 || dest >= partition->plan->core_count)
        return;
    partition_interrupt_locked(partition, dest, (uint8_t)entry);
}
