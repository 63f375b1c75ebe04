/* SPDX-License-Identifier: Apache-2.0 */
/* The watchdog: a word shared with the hypervisor, which looks whether it has changed. */
#include "lib.h"

void bh_watchdog_pet(void)
{
    shared_words()->heartbeat++;
}
