/* SPDX-License-Identifier: Apache-2.0 */
/* What the drivers of chipsets' watchdogs share. */
#ifndef BULKHEAD_WDT_H
#define BULKHEAD_WDT_H

#include "plan.h"
#include "types.h"

/* An address that firmware wrote into the chipset: neither RAM nor where partitions' devices are placed. */
static inline bool watchdog_window_sound(uint32_t base)
{
    return base >= plan.board->pci_hole && base - plan.board->pci.window >= plan.board->pci.window_size &&
           base < UINT32_MAX - PAGE_MASK;
}

#endif
