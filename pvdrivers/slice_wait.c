/* SPDX-License-Identifier: Apache-2.0 */
/* A slice for programs that do one thing at a time. */
#include "bh.h"
#include "bh_pci.h"
#include "slice_client.h"

#define LOOK_NS 1000000ull /* without an interrupt, or with a doorbell over its rate */

static void on_bell(void *arg)
{
    (void)arg; /* it has ended bh_wait() */
}

bool slice_interrupt(struct slice *slice, unsigned core)
{
    unsigned vector = bh_vector_take(on_bell, slice);

    return vector != 0 && bh_call(BH_CALL_VECTOR, BH_SOURCE_CHANNEL + slice->bell, vector, core) == 0;
}

enum slice_result slice_do(struct slice *slice, enum bh_slice_type type, uint64_t sector, void *buffer, uint32_t bytes,
                           uint64_t patience)
{
    uint64_t deadline = bh_now_ns() + patience;
    enum slice_result result;
    void *token;

    if (slice->under_way > 0 || !slice_start(slice, type, sector, buffer, bytes, buffer))
        return SLICE_INVALID;
    for (;;) {
        slice_step(slice);
        if (slice_done(slice, &token, &result))
            return result;
        uint64_t now = bh_now_ns();
        if (now >= deadline) {
            slice_give_up(slice);
            return SLICE_LATE;
        }
        bool were_on = bh_irq_off();
        if (slice_idle(slice))
            bh_wait(deadline < now + LOOK_NS ? deadline : now + LOOK_NS);
        bh_irq_restore(were_on);
    }
}

const char *slice_result_name(enum slice_result result)
{
    static const char *const names[] = {"done", "refused by the server", "answered in a form that no server uses",
                                        "not answered in time", "no request"};

    return names[result];
}
