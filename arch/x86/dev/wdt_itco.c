/* SPDX-License-Identifier: Apache-2.0 */
/* Intel's TCO timer: it counts ticks of 0.6 s down twice, half the timeout each; the second end resets the board. ICH9 data sheet (Intel
 * 316972), chapters 10 (GCS), 13.1 (LPC bridge) and 13.9 (TCO registers); for WATCHDOG_ITCO_SMBUS the 300 Series' (Intel 337868), chapters on
 * the SMBus controller and its TCO registers.
 *
 * What the firmware does in its SMI at the first end is its own: TCO_EN stays as it is, as firmware guards its flash with it. */
#include "arch.h"
#include "console.h"
#include "dev.h"
#include "pci_parts.h"
#include "plan.h"
#include "wdt.h"
#include "x86.h"

#define INTEL 0x8086u
#define CLASS_LPC 0x060100u
#define CLASS_SMBUS 0x0c0500u

/* Configuration space of the LPC bridge. */
#define LPC_PMBASE 0x40u
#define PMBASE_PORTS 0xff80u
#define PMBASE_TCO 0x60u
#define LPC_ACPI_CNTL 0x44u
#define ACPI_CNTL_EN 0x80u
#define LPC_RCBA 0xf0u
#define RCBA_EN 1u
#define RCBA_ADDRESS 0xffffc000u
#define GCS 0x3410u /* from there */
#define GCS_NO_REBOOT 0x20u

/* The same of the SMBus controller, which needs neither. */
#define SMBUS_TCOBASE 0x50u
#define TCOBASE_PORTS 0xffe0u
#define SMBUS_TCOCTL 0x54u
#define TCOCTL_EN 0x100u

/* 16-bit registers at the TCO ports. */
#define TCO_RLD 0x00u
#define TCO1_STS 0x04u
#define TCO1_TIMEOUT 0x8u
#define TCO2_STS 0x06u
#define TCO2_SECOND 0x2u
#define TCO2_BOOT 0x4u
#define TCO1_CNT 0x08u
#define TCO1_NO_REBOOT 0x1u /* of WATCHDOG_ITCO_SMBUS */
#define TCO1_HALT 0x800u
#define TCO1_ACTIONS 0x500u /* a 1 sends a message or an NMI */
#define TCO_TMR 0x12u
#define TMR_MASK 0x3ffu
#define TICK_MS 600u
#define TICKS_MIN 4u

static uint16_t ports; /* set by watchdog_probe() */

static uint32_t config(unsigned offset)
{
    return arch_pci_read(pci_requester(plan.board->watchdog.bus, plan.board->watchdog.device, plan.board->watchdog.function),
                         offset, 4);
}

static bool in_lpc(void)
{
    return plan.board->watchdog.kind == WATCHDOG_ITCO;
}

/* The page with GCS. */
static uint32_t gcs_page(void)
{
    return (config(LPC_RCBA) & RCBA_ADDRESS) + (GCS & ~(uint32_t)PAGE_MASK);
}

/* 0: they are switched off. */
static uint16_t ports_find(void)
{
    uint16_t acpi = config(LPC_PMBASE) & PMBASE_PORTS, tco = config(SMBUS_TCOBASE) & TCOBASE_PORTS;

    if (in_lpc())
        return acpi != 0 && (config(LPC_ACPI_CNTL) & ACPI_CNTL_EN) != 0 ? (uint16_t)(acpi + PMBASE_TCO) : 0;
    return (config(SMBUS_TCOCTL) & TCOCTL_EN) != 0 ? tco : 0;
}

const char *watchdog_find(void)
{
    if ((config(PCI_ID) & 0xffff) != INTEL || config(PCI_CLASS) >> 8 != (in_lpc() ? CLASS_LPC : CLASS_SMBUS))
        return "there is no Intel chipset's function with a TCO timer at the PCI address of the board table";
    if (ports_find() == 0)
        return "the firmware left the ports of the TCO timer off";
    if (in_lpc() && ((config(LPC_RCBA) & RCBA_EN) == 0 || !watchdog_window_sound(gcs_page())))
        return "the firmware left the chipset's registers (RCBA) off, or in the way of memory or other devices";
    return 0;
}

static void control_write(uint16_t clear, uint16_t set)
{
    outw(ports + TCO1_CNT, (uint16_t)((inw(ports + TCO1_CNT) & ~(TCO1_ACTIONS | clear)) | set));
}

/* A strap can hold NO_REBOOT. */
static bool reboot_allow(void)
{
    volatile uint32_t *gcs;

    if (!in_lpc()) {
        control_write(TCO1_NO_REBOOT, 0);
        return (inw(ports + TCO1_CNT) & TCO1_NO_REBOOT) == 0;
    }
    gcs = (volatile uint32_t *)((uint8_t *)arch_mmio(HPA(gcs_page())) + (GCS & PAGE_MASK));
    *gcs &= ~GCS_NO_REBOOT;
    return (*gcs & GCS_NO_REBOOT) == 0;
}

const char *watchdog_probe(void)
{
    const char *why = watchdog_find();

    if (why != 0)
        return why;
    ports = ports_find();
    control_write(0, TCO1_HALT); /* whatever the firmware had it count */
    if (!reboot_allow())
        return "a strap of the board keeps the TCO timer from resetting it (NO_REBOOT)";
    log_line("board watchdog: TCO timer at port 0x%x, %u ms; its driver was run in QEMU only", ports,
             plan.board->watchdog.timeout_ms);
    return 0;
}

void arch_watchdog_start(void)
{
    uint32_t ticks = plan.board->watchdog.timeout_ms / 2 / TICK_MS;

    ticks = ticks < TICKS_MIN ? TICKS_MIN : ticks > TMR_MASK ? TMR_MASK : ticks;
    outw(ports + TCO_TMR, (uint16_t)((inw(ports + TCO_TMR) & ~TMR_MASK) | ticks));
    outw(ports + TCO1_STS, TCO1_TIMEOUT); /* what is said of the boot before: a one clears */
    outw(ports + TCO2_STS, TCO2_SECOND);
    outw(ports + TCO2_STS, TCO2_BOOT); /* not before the other */
    arch_watchdog_feed();
    control_write(TCO1_HALT, 0);
}

void arch_watchdog_feed(void)
{
    outw(ports + TCO_RLD, 1); /* any value; both stages begin anew */
}
