/* SPDX-License-Identifier: Apache-2.0 */
/* The board's few devices that the hypervisor keeps for itself. What core sees of them is in arch.h. */
#ifndef BULKHEAD_DEV_H
#define BULKHEAD_DEV_H

#include "types.h"

/* Map one 4 KiB page of device memory, uncached, at boot; it stays mapped. Supplied by mm. */
void *arch_mmio(hpa_t page);
/* PCI configuration space of the board's buses, 4 KiB for each requester id, mapped uncached on every core; 0: the board has none in
 * memory. */
uint8_t *arch_ecam(void);

/* UART: line settings and FIFO; no interrupts yet. Before anything else. */
void uart_init(void);
/* Raise the pin while there is input and once when the FIFO has run empty. The pin is edge-triggered: whoever serves it calls
 * arch_uart_receive() until it says -1, which also acknowledges, and only then sends. */
void uart_interrupts_on(void);
/* Wait until the last byte has left, or for a fraction of a second: a reset or a power off would drop it. */
void uart_drain(void);

/* The framebuffer that screen_init() took (bootinfo.h): size 0, none. A character of the console goes there once that is done, through
 * the boot tables until screen_mapped(), then through those of hostmap.c. */
hpa_t screen_memory(uint64_t *size);
void screen_mapped(void);
void screen_put(char c);
/* What was drawn last has taken its share of time; else the console waits, as it does for a UART. */
bool screen_ready(void);

/* IO-APIC and the two 8259: mask every pin. Returns 0, or what is wrong with the IO-APIC. */
const char *ioapic_init(void);
/* Every pin; nothing before ioapic_init(). */
void ioapic_mask(void);
/* Deliver this pin's rising edges as NMI to one core. which: 0 or 1, the pins that have this at all. */
void ioapic_route_nmi(unsigned which, uint32_t gsi, uint32_t apic_id);

/* PIT channel 2 as a free-running 16-bit counter, for boards without a PM timer. */
void pit_reference_start(void);
uint32_t pit_reference(void); /* counts up, 16 bits */
#define PIT_HZ 1193182u

/* ACPI PM timer: counts up, the lower 24 bits (ACPI 6.4, 4.8.2.1). */
#define PM_TIMER_HZ 3579545u

/* Seconds since 1970 UTC from the RTC, or 0 if it does not answer sensibly. Waits for at most one update (2 ms). */
uint64_t rtc_epoch(void);
/* So many seconds, by the RTC, which needs no calibration. If it stands still: some minutes at most. */
void rtc_wait(unsigned seconds);

/* Measure TSC and local APIC timer against the board's reference clock: about 60 ms. lapic_init() comes first. boot_ticks: the TSC
 * at the hypervisor's entry. Returns 0, or why there is no usable clock. */
const char *clock_calibrate(uint64_t boot_ticks);

/* The board's hardware watchdog: of the wdt_*.c the Makefile links the one that the board's table names. Each also supplies
 * arch_watchdog_start() and arch_watchdog_feed(), which come after watchdog_probe().
 * Is it where the table says? 0, or what is wrong. Changes nothing. */
const char *watchdog_find(void);
/* The same, then make it ready for arch_watchdog_start(): maps its registers, and sees that it could reset the board. */
const char *watchdog_probe(void);

#endif
