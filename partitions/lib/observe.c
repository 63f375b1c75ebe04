/* SPDX-License-Identifier: Apache-2.0 */
/* What is known of other partitions: nothing, but of those that the product table names. */
#include <string.h>

#include "bh.h"

bool bh_observe(unsigned n, struct bh_health *health)
{
    uint64_t state = bh_call(BH_CALL_OBSERVE, n, BH_FACT_STATE, 0);

    *health = (struct bh_health){.state = (enum bh_state)state};
    if (state >= BH_STATE_COUNT)
        return false;
    for (unsigned i = 0; i < 2; i++) {
        uint64_t part = bh_call(BH_CALL_OBSERVE, n, BH_FACT_NAME + i, 0);
        memcpy(health->name + 8 * i, &part, 8);
    }
    health->starts = bh_call(BH_CALL_OBSERVE, n, BH_FACT_STARTS, 0);
    return true;
}
