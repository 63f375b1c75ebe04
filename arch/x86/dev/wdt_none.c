/* SPDX-License-Identifier: Apache-2.0 */
/* A board without a watchdog that we know. */
#include "arch.h"
#include "dev.h"

const char *watchdog_find(void)
{
    return 0;
}

const char *watchdog_probe(void)
{
    return 0;
}

void arch_watchdog_start(void)
{
}

void arch_watchdog_feed(void)
{
}
