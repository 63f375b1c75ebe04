/* SPDX-License-Identifier: Apache-2.0 */
/* IO-APIC and 8259: everything masked, then at most two pins of ours as NMI to the housekeeping core (SEP-3). 82093AA data sheet 3.2. */
#include "crash.h"
#include "dev.h"
#include "iommu.h"
#include "plan.h"
#include "x86.h"

#define REG_VERSION 1u
#define REG_ENTRY(pin) (0x10u + 2u * (pin)) /* low half; high half follows */
#define ENTRY_MASKED (1u << 16)
#define WINDOW (0x10u / 4u)
#define PINS_MAX 240u
#define PORT_8259_FIRST_MASK 0x21u
#define PORT_8259_SECOND_MASK 0xa1u

static volatile uint32_t *ioapic; /* set once at boot */
static uint32_t pin_count;

static uint32_t ioapic_read(uint32_t reg)
{
    ioapic[0] = reg;
    return ioapic[WINDOW];
}

static void ioapic_write(uint32_t reg, uint32_t value)
{
    ioapic[0] = reg;
    ioapic[WINDOW] = value;
}

void ioapic_mask(void)
{
    for (uint32_t pin = 0; pin < pin_count; pin++) {
        ioapic_write(REG_ENTRY(pin), ENTRY_MASKED);
        ioapic_write(REG_ENTRY(pin) + 1, 0);
    }
}

const char *ioapic_init(void)
{
    outb(PORT_8259_FIRST_MASK, 0xff);
    outb(PORT_8259_SECOND_MASK, 0xff);
    ioapic = arch_mmio(HPA(plan.board->ioapic.base));
    pin_count = (ioapic_read(REG_VERSION) >> 16 & 0xffu) + 1;
    if (pin_count > PINS_MAX || pin_count < plan.board->ioapic.pins)
        return "IRQ-1: the IO-APIC does not have the pins of the board table";
    ioapic_mask();
    return 0;
}

void ioapic_route_nmi(unsigned which, uint32_t gsi, uint32_t apic_id)
{
    uint32_t pin = gsi - plan.board->ioapic.gsi_base;
    uint64_t entry = iommu_pin_nmi(which, pin, apic_id);

    INVARIANT(pin < pin_count, "ioapic: pin beyond the last"); /* the rules refuse such a board */
    ioapic_write(REG_ENTRY(pin) + 1, (uint32_t)(entry >> 32));
    ioapic_write(REG_ENTRY(pin), (uint32_t)entry);
}
