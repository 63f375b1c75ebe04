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

const char *bh_state_name(enum bh_state state)
{
    static const char *const names[BH_STATE_COUNT] = {"created", "loading", "running", "stopping", "back-off", "stopped", "paused"};

    return (unsigned)state < BH_STATE_COUNT ? names[state] : "unknown";
}

uint64_t bh_read(enum bh_read what, unsigned n, uint64_t where, const void **answer)
{
    *answer = (const void *)(uintptr_t)BH_ANSWER_GPA;
    return bh_call(BH_CALL_READ, (uint64_t)what | (uint64_t)n << 8, where, 0);
}

bool bh_status(unsigned n, struct bh_status *status)
{
    const void *answer;

    if (bh_read(BH_READ_STATUS, n, 0, &answer) != sizeof(*status))
        return false;
    memcpy(status, answer, sizeof(*status));
    return true;
}

uint64_t bh_control(unsigned n, enum bh_control order, uint64_t argument)
{
    return bh_call(BH_CALL_CONTROL, n, order, argument);
}
