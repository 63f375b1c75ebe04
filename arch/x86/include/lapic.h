/* SPDX-License-Identifier: Apache-2.0 */
/* This core's local APIC, whatever its mode, addressed by x2APIC register number (xAPIC offset / 16). SDM3 11.4, 11.12. */
#ifndef BULKHEAD_LAPIC_H
#define BULKHEAD_LAPIC_H

#include "types.h"

enum {
    /* clang-format off */
    APIC_ID = 0x02, APIC_VERSION = 0x03, APIC_TPR = 0x08, APIC_PPR = 0x0a, APIC_EOI = 0x0b, APIC_LDR = 0x0d, APIC_DFR = 0x0e,
    APIC_SVR = 0x0f, APIC_ISR = 0x10, APIC_IRR = 0x20, APIC_ESR = 0x28, APIC_LVT_CMCI = 0x2f,
    APIC_ICR = 0x30, APIC_ICR_HIGH = 0x31, APIC_LVT_TIMER = 0x32, APIC_LVT_THERMAL = 0x33, APIC_LVT_PERF = 0x34,
    APIC_LVT_LINT0 = 0x35, APIC_LVT_LINT1 = 0x36, APIC_LVT_ERROR = 0x37,
    APIC_TIMER_INITIAL = 0x38, APIC_TIMER_CURRENT = 0x39, APIC_TIMER_DIVIDE = 0x3e, APIC_SELF_IPI = 0x3f,
    /* clang-format on */
};
#define APIC_LVT_MASKED (1u << 16)

void lapic_init(void); /* once per core: find the mode, remember it, enable in SVR */
bool lapic_is_x2apic(void);
uint32_t lapic_read(unsigned reg);
void lapic_write(unsigned reg, uint32_t value);
/* Write the interrupt command register: low = mode, vector, flags without shorthand; waits (bounded) for an xAPIC to be idle. */
void lapic_send(uint32_t apic_id, uint32_t low);

#endif
