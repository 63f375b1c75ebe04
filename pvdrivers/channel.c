/* SPDX-License-Identifier: Apache-2.0 */
/* Channels by name, their doorbells, and waiting for them. */
#include "channel.h"

#include <string.h>

#include "bh.h"
#include "bh_pci.h"
#include "bulletin.h"
#include "ring.h"
#include "stream.h"

#define LOOK_NS 1000000ull /* with a doorbell of ours that is due, over its rate */

const volatile struct bh_channels *channel_list(void)
{
    return (const volatile struct bh_channels *)(uintptr_t)BH_CHANNELS_INFO_GPA;
}

bool channel_find(const char *name, bool writes, unsigned *number)
{
    const volatile struct bh_channels *list = channel_list();

    for (unsigned i = 0; i < list->count && i < BH_MAX_CHANNELS; i++)
        if (strcmp((const char *)(uintptr_t)list->channel[i].name, name) == 0 && (list->channel[i].writes != 0) == writes) {
            *number = i;
            return true;
        }
    return false;
}

bool channel_open(struct record_end *end, const char *out, const char *in)
{
    unsigned write, read;

    if (!channel_find(out, true, &write) || !channel_find(in, false, &read))
        return false;
    record_open(end, record_side(&channel_list()->channel[write]), record_side(&channel_list()->channel[read]), write);
    return true;
}

bool ring_find(struct ring *ring, const char *out, const char *in)
{
    struct record_end end;

    if (!channel_open(&end, out, in))
        return false;
    ring_open(ring, &end, out, in);
    return true;
}

bool stream_find(struct stream *stream, const char *out, const char *in)
{
    struct record_end end;

    if (!channel_open(&end, out, in))
        return false;
    stream_open(stream, &end);
    return true;
}

bool bulletin_find(struct bulletin *bulletin, const char *name, bool writes)
{
    unsigned number;

    if (!channel_find(name, writes, &number))
        return false;
    bulletin_open(bulletin, record_side(&channel_list()->channel[number]), number, name);
    return true;
}

static void nothing(void *arg)
{
    (void)arg; /* it has ended bh_wait() */
}

bool channel_listen(unsigned number, unsigned core, void (*fn)(void *arg), void *arg)
{
    unsigned vector = bh_vector_take(fn ? fn : nothing, arg);

    return vector != 0 && bh_call(BH_CALL_VECTOR, BH_SOURCE_CHANNEL + number, vector, core) == 0;
}

void channel_wait(struct record_end *end, uint32_t wants, uint32_t room, uint64_t deadline)
{
    uint64_t soon = bh_now_ns() + LOOK_NS;
    bool were_on;

    record_flush(end);
    were_on = bh_irq_off();
    if (record_arm(end, wants, room))
        bh_wait(deadline);
    else if (end->ring_due)
        bh_wait(soon < deadline ? soon : deadline);
    record_arm(end, 0, 0); /* awake: nobody needs to ring */
    bh_irq_restore(were_on);
}
