/* SPDX-License-Identifier: Apache-2.0 */
/* ACPI power management timer (ACPI 6.4, 4.8.2.1). */
#include "dev.h"
#include "plan.h"
#include "x86.h"

uint32_t pm_timer(void)
{
    return inl(plan.board->pm_timer_port) & 0xffffffu;
}
