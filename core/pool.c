/* SPDX-License-Identifier: Apache-2.0 */
/* Pages the hypervisor takes for itself: handed out in order before the seal, never given back (SEP-7). Boot processor only,
 * so no lock. */
#include "crash.h"
#include "memory.h"
#include "plan.h"

static unsigned taken;
static bool sealed;

void *pool_take(unsigned count)
{
    uint8_t *page = plan_pool + (size_t)taken * PAGE_SIZE;

    INVARIANT(!sealed, "pool: memory taken after the seal");
    INVARIANT(count != 0 && count <= plan.pool_pages - taken, "pool: the planner counted too few pages");
    taken += count;
    return memset(page, 0, (size_t)count * PAGE_SIZE);
}

unsigned pool_used(void)
{
    return taken;
}

void pool_seal(void)
{
    sealed = true;
}
