/* SPDX-License-Identifier: Apache-2.0 */
/* Intel 6300ESB watchdog: two stages of half the timeout each, the second resets the board. 6300ESB data sheet 16. */
#include "arch.h"
#include "dev.h"
#include "pci_parts.h"
#include "plan.h"

#define ID_I6300ESB 0x25ab8086u
#define CONFIG_MODE 0x60u           /* 16 bits, and no other width works */
#define MODE_NO_STAGE1_INTERRUPT 3u /* 1 kHz prescaler, output enabled */
#define CONFIG_LOCK 0x68u           /* 8 bits */
#define LOCK_ENABLE 2u

#define TIMER1 0x00u
#define TIMER2 0x04u
#define TIMER_MAX 0xfffffu
#define RELOAD 0x0cu
#define RELOAD_NOW 0x100u
#define RELOAD_TIMED_OUT 0x200u /* write one to clear */

static volatile uint8_t *registers; /* set by watchdog_probe() */

static uint16_t requester(void)
{
    return pci_requester(plan.board->watchdog.bus, plan.board->watchdog.device, plan.board->watchdog.function);
}

/* Each write to a timer or to RELOAD needs the two keys first. */
static void unlock(void)
{
    *(volatile uint16_t *)(registers + RELOAD) = 0x80;
    *(volatile uint16_t *)(registers + RELOAD) = 0x86;
}

static void timer_write(uint32_t reg, uint32_t value)
{
    unlock();
    *(volatile uint32_t *)(registers + reg) = value;
}

static void reload_write(uint16_t value)
{
    unlock();
    *(volatile uint16_t *)(registers + RELOAD) = value;
}

const char *watchdog_find(void)
{
    if (arch_pci_read(requester(), PCI_ID, 4) != ID_I6300ESB)
        return "there is no i6300esb (8086:25ab) at the PCI address of the board table";
    if ((arch_pci_read(requester(), PCI_BARS, 4) & ~0xfu) == 0)
        return "the firmware gave the i6300esb no memory window";
    return 0;
}

const char *watchdog_probe(void)
{
    const char *why = watchdog_find();
    uint32_t bar;

    if (why != 0)
        return why;
    bar = arch_pci_read(requester(), PCI_BARS, 4) & ~0xfu;
    arch_pci_write(requester(), PCI_COMMAND, 2, arch_pci_read(requester(), PCI_COMMAND, 2) | COMMAND_MEMORY);
    registers = (volatile uint8_t *)arch_mmio(HPA(bar & ~PAGE_MASK)) + (bar & PAGE_MASK);
    return 0;
}

void arch_watchdog_start(void)
{
    uint32_t stage = plan.board->watchdog.timeout_ms / 2;

    stage = stage == 0 ? 1 : stage > TIMER_MAX ? TIMER_MAX : stage;
    arch_pci_write(requester(), CONFIG_MODE, 2, MODE_NO_STAGE1_INTERRUPT);
    timer_write(TIMER1, stage);
    timer_write(TIMER2, stage);
    reload_write(RELOAD_TIMED_OUT | RELOAD_NOW);
    arch_pci_write(requester(), CONFIG_LOCK, 1, LOCK_ENABLE);
}

void arch_watchdog_feed(void)
{
    reload_write(RELOAD_NOW);
}
