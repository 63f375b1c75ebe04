/* SPDX-License-Identifier: Apache-2.0 */
/* Two clients of the server of slices do what the input says: requests with any fields, any bytes anywhere in their channels, restarts. The
 * disk ends the program when it is asked for a byte outside a client's slice or for a write to the one that is read-only; the third client
 * is sound, and gets what it wrote. */
#include "fuzz_slice.h"

#include <stdlib.h>
#include <string.h>

#include "fake_slices.h"

#define HOSTILE_0 0u
#define HOSTILE_1 FAKE_READ_ONLY
#define SOUND 1u

static const uint8_t *input;
static size_t left;

static uint64_t take(unsigned bytes)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < bytes && left > 0; i++, left--)
        value |= (uint64_t)*input++ << 8 * i;
    return value;
}

/* A whole record with a request of these fields, put as a sound client would: this end's indices are right. */
static void request(unsigned client, uint32_t *produced)
{
    static const uint64_t edges[] = {0, 1, FAKE_SLICE_BYTES / 512 - 1, FAKE_SLICE_BYTES / 512, ~0ull, 1ull << 55, 1ull << 63, 127};
    static const uint32_t lengths[] = {0, 512, 1024, 65536, 66048, 20, 21, 511};
    struct fake_channel *channel = fake_slices.requests[client];
    uint8_t how = (uint8_t)take(1);
    struct bh_slice_request asked = {how & 1 ? (uint32_t)take(4) : (uint32_t)(how >> 1 & 15),
                                     how & 32 ? (uint32_t)take(4) : lengths[take(1) & 7],
                                     how & 64 ? take(8) : edges[take(1) & 7] + take(1)};
    uint32_t data = how & 128 ? lengths[take(1) & 7] : 0, size = sizeof(asked) + data;
    struct bh_record head = {.size = size, .tag = 5};
    uint8_t bytes[sizeof(head) + sizeof(asked)];

    memcpy(bytes, &head, sizeof(head));
    memcpy(bytes + sizeof(head), &asked, sizeof(asked));
    for (unsigned i = 0; i < sizeof(bytes); i++)
        channel->ring[(*produced + i) % FAKE_RING] = bytes[i];
    *produced += (uint32_t)sizeof(head) + ((size + 7) & ~7u);
    channel->head.produced = *produced;
    channel->head.seen_epoch = fake_slices.client_view[client].channel[1].epoch;
    channel->head.consumed = fake_slices.answers[client]->head.produced;
}

static void scribble(unsigned client)
{
    uint8_t *bytes = (uint8_t *)fake_slices.requests[client];
    uint32_t at = (uint32_t)take(3) % sizeof(struct fake_channel), count = (uint32_t)take(1) % 32;

    if (at % 3) /* the indices are what matters most */
        at %= 32;
    for (uint32_t i = 0; i < count && at + i < sizeof(struct fake_channel); i++)
        bytes[at + i] = (uint8_t)take(1);
}

static void sound_round(void)
{
    static uint8_t data[512], got[512];
    struct slice *client = &fake_slices.clients[SOUND];
    enum slice_result result;
    void *token;

    memset(data, (int)take(1), sizeof(data));
    for (unsigned i = 0; i < 2; i++) {
        if (!slice_start(client, i ? BH_SLICE_READ : BH_SLICE_WRITE, 5, i ? got : data, 512, got))
            abort();
        unsigned rounds = 0;
        do {
            slice_step(client);
            slice_server_step(&fake_slices.server);
            slice_step(client);
            if (++rounds > 2000)
                abort();
        } while (!slice_done(client, &token, &result));
        if (result != SLICE_GOOD)
            abort();
    }
    if (memcmp(data, got, sizeof(got)) != 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint32_t produced[FAKE_SLICES] = {0};

    input = data;
    left = size;
    fake_slices_reset((uint32_t)take(2));
    fake_client_start(SOUND);
    fake_client_scrub(HOSTILE_0);
    fake_client_scrub(HOSTILE_1);
    fake_server_start();
    for (unsigned steps = 0; left > 0 && steps < 400; steps++) {
        uint8_t what = (uint8_t)take(1);
        unsigned client = what & 128 ? HOSTILE_0 : HOSTILE_1;
        switch (what & 15) {
        case 0 ... 6:
            request(client, &produced[client]);
            break;
        case 7 ... 9:
            scribble(client);
            break;
        case 10:
            sound_round();
            break;
        case 11:
            if (what & 16) {
                fake_client_scrub(client);
                produced[client] = 0;
            }
            break;
        case 12:
            if (what & 64)
                fake_server_start();
            break;
        default:
            slice_server_step(&fake_slices.server);
            (void)slice_server_idle(&fake_slices.server);
        }
    }
    sound_round();
    fake_slices_free();
    return 0;
}
