/* SPDX-License-Identifier: Apache-2.0 */
/* What a driver in pvdrivers/ finds around its device: BAR 0, interrupts, time, memory. The device itself is the test's: its registers are
 * functions, and it acts whenever time passes. */
#ifndef FAKE_DEVICE_H
#define FAKE_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bh_pci.h"

extern struct fake_device {
    uint64_t bar_size; /* 0: there is no BAR */
    uint64_t (*read)(unsigned offset, unsigned size);
    void (*write)(unsigned offset, unsigned size, uint64_t value);
    void (*step)(void); /* may be 0 */
    bool master, no_interrupts;
    uint64_t now;
    unsigned accesses; /* of registers */
    bool off;          /* interrupts of the core */
    struct {
        void (*fn)(void *arg);
        void *arg;
        unsigned core;
        bool pending;
    } interrupts[BH_PCI_INTERRUPTS];
    unsigned delivered;
} fake;
extern volatile uint8_t *const fake_registers; /* of BAR 0 */

/* The device counts its addresses of memory from elsewhere than the driver does: what it is given, and what is there. */
#define FAKE_DMA_OFFSET 0x100000000000ull
static inline void *fake_dma(uint64_t address)
{
    return (void *)(uintptr_t)(address - FAKE_DMA_OFFSET);
}

void fake_device_reset(void);
void fake_pass(uint64_t ns);         /* time */
void fake_interrupt(unsigned index); /* the device raises it: delivered once the core allows it */

#endif
