/* SPDX-License-Identifier: Apache-2.0 */
/* The watchdog of AMD's chipsets: two registers in memory, switched on by registers of power management, found by the SMBus controller.
 * SP5100 and SB700 Register Reference Guides (AMD 44413, 43009), 2.3 (SMBus, PM registers) and the chapter on the watchdog; SB800's (AMD
 * 45482), 2.3.3; for WATCHDOG_FCH the BKDG for family 16h, models 30h to 3fh (AMD 52740), 3.26.13 (PMx03, PMx04) and the chapter on the
 * watchdog. It counts seconds, and resets the board at the end of one stage. */
#include "arch.h"
#include "console.h"
#include "dev.h"
#include "pci_parts.h"
#include "plan.h"
#include "wdt.h"
#include "x86.h"

#define FCH_PAGE 0xfed80000u
#define FCH_WATCHDOG 0xb00u /* there */
#define FCH_PM (-0x800)     /* PM registers, from the watchdog's; of the older chipsets they are behind ports */
#define PM_INDEX 0xcd6u
#define PM_DATA 0xcd7u
#define FCH_PM_ISA_CONTROL 0x04u
#define ISA_CONTROL_MMIO 2u
#define SP5100_PM_BASE 0x6cu
#define SB800_PM_BASE 0x48u
#define SP5100_SMBUS_MISC 0x41u /* configuration space */
#define SP5100_MISC_DECODE 8u

#define CONTROL 0x00u
#define CONTROL_RUN 0x01u
#define CONTROL_FIRED 0x02u /* a one clears */
#define CONTROL_DISABLED 0x08u
#define CONTROL_TRIGGER 0x80u /* load the counter */
#define COUNT 0x04u
#define COUNT_MAX 0xffffu

static volatile uint8_t *registers; /* set by watchdog_probe() */

/* Which SMBus controllers, by id and revision, belong to a chipset with this kind. */
static const struct chip {
    enum board_watchdog kind;
    uint32_t id;
    uint8_t first, last;
} chips[] = {
    {WATCHDOG_SP5100, 0x43851002, 0x00, 0x3f}, {WATCHDOG_SB800, 0x43851002, 0x40, 0xff}, {WATCHDOG_SB800, 0x780b1022, 0x00, 0x40},
    {WATCHDOG_FCH, 0x780b1022, 0x41, 0xff},    {WATCHDOG_FCH, 0x790b1022, 0x49, 0xff},
};

/* What switches it on, with a clock of one second. */
static const struct step {
    enum board_watchdog kind;
    uint8_t reg, clear, set;
} steps[] = {
    {WATCHDOG_SP5100, 0x69, 0x07, 0x06},
    {WATCHDOG_SB800, 0x4c, 0x03, 0x03},
    {WATCHDOG_SB800, 0x48, 0x02, 0x01},
    {WATCHDOG_FCH, 0x03, 0x0f, 0x03},
};

static uint16_t requester(void)
{
    return pci_requester(plan.board->watchdog.bus, plan.board->watchdog.device, plan.board->watchdog.function);
}

static bool in_fch(void)
{
    return plan.board->watchdog.kind == WATCHDOG_FCH;
}

static uint8_t pm_read(uint8_t reg)
{
    if (in_fch())
        return registers[FCH_PM + reg];
    outb(PM_INDEX, reg);
    return inb(PM_DATA);
}

static void pm_write(uint8_t reg, uint8_t value)
{
    if (in_fch()) {
        registers[FCH_PM + reg] = value;
        return;
    }
    outb(PM_INDEX, reg);
    outb(PM_DATA, value);
}

/* Where its registers are, by the firmware's choice. */
static uint32_t base_find(void)
{
    uint8_t reg = plan.board->watchdog.kind == WATCHDOG_SP5100 ? SP5100_PM_BASE : SB800_PM_BASE;
    uint32_t base = 0;

    for (unsigned i = 0; i < 4; i++)
        base |= (uint32_t)pm_read((uint8_t)(reg + i)) << 8 * i;
    return base & ~7u;
}

const char *watchdog_find(void)
{
    uint32_t id = arch_pci_read(requester(), PCI_ID, 4), revision = arch_pci_read(requester(), PCI_CLASS, 1);
    bool known = false;

    for (unsigned i = 0; i < ARRAY_SIZE(chips); i++)
        known = known || (chips[i].kind == plan.board->watchdog.kind && chips[i].id == id && revision >= chips[i].first &&
                          revision <= chips[i].last);
    if (!known)
        return "there is no SMBus controller of this AMD chipset at the PCI address of the board table";
    if (!in_fch() && !watchdog_window_sound(base_find()))
        return "the firmware gave the AMD chipset's watchdog no memory window, or one in the way of other devices";
    return 0;
}

const char *watchdog_probe(void)
{
    const char *why = watchdog_find();
    uint32_t base;

    if (why != 0)
        return why;
    base = in_fch() ? FCH_PAGE + FCH_WATCHDOG : base_find();
    registers = (volatile uint8_t *)arch_mmio(HPA(base & ~PAGE_MASK)) + (base & PAGE_MASK);
    if (in_fch() && (pm_read(FCH_PM_ISA_CONTROL) & ISA_CONTROL_MMIO) == 0)
        return "the firmware left the FCH's registers in memory off";
    if (plan.board->watchdog.kind == WATCHDOG_SP5100)
        arch_pci_write(requester(), SP5100_SMBUS_MISC, 1, arch_pci_read(requester(), SP5100_SMBUS_MISC, 1) | SP5100_MISC_DECODE);
    for (unsigned i = 0; i < ARRAY_SIZE(steps); i++)
        if (steps[i].kind == plan.board->watchdog.kind)
            pm_write(steps[i].reg, (uint8_t)((pm_read(steps[i].reg) & ~steps[i].clear) | steps[i].set));
    if (*(volatile uint32_t *)(registers + CONTROL) & CONTROL_DISABLED)
        return "the AMD chipset's watchdog stays disabled";
    log_line("board watchdog: AMD's at 0x%x, %u ms; its driver was run on a model only", base, plan.board->watchdog.timeout_ms);
    return 0;
}

void arch_watchdog_start(void)
{
    uint32_t seconds = plan.board->watchdog.timeout_ms / 1000;

    *(volatile uint32_t *)(registers + COUNT) = seconds == 0 ? 1 : seconds > COUNT_MAX ? COUNT_MAX : seconds;
    *(volatile uint32_t *)(registers + CONTROL) = CONTROL_FIRED | CONTROL_RUN; /* and it is to reset, not to power off */
    arch_watchdog_feed();
}

void arch_watchdog_feed(void)
{
    *(volatile uint32_t *)(registers + CONTROL) = CONTROL_TRIGGER | CONTROL_RUN;
}
