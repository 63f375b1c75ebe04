/* SPDX-License-Identifier: Apache-2.0 */
#include "relay.h"

#define PRICE_NS (1000000000u / RELAY_PER_SECOND)

bool relay_takes(struct relay *relay, uint64_t now)
{
    if (relay->due < now)
        relay->due = now;
    if (relay->due - now > (RELAY_BURST - 1) * (uint64_t)PRICE_NS) {
        relay->dropped++;
        return false;
    }
    relay->due += PRICE_NS;
    relay->passed++;
    return true;
}
