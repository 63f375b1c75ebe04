/* SPDX-License-Identifier: Apache-2.0 */
/* AC-43, AC-44: the end of cables and slices that writes what it likes. At the other end is a virtio port, so the reader is the hypervisor.
 * Expected: whole frames and answers, or none; another cable of the same partition goes on; doorbells not faster than the table says. */
#include <string.h>

#include "attack.h"
#include "channel.h"

#define FOR_NS 4000000000ull
#define PAUSE_NS 1000000ull
#define WORDS 100000u
#define RECORD_MAX 2048u

static const volatile struct bh_channel *channel(unsigned number)
{
    return &channel_list()->channel[number];
}

static unsigned count(void)
{
    return channel_list()->count < BH_MAX_CHANNELS ? channel_list()->count : BH_MAX_CHANNELS;
}

static volatile uint32_t *word_at(unsigned number, uint64_t at)
{
    return (volatile uint32_t *)(uintptr_t)((channel(number)->gpa + at) & ~3ull);
}

static uint32_t ring(unsigned number)
{
    return bh_call(BH_CALL_DOORBELL, number, 0, 0) == 0;
}

/* --- anything, anywhere ------------------------------------------------------------------------------------------------------------ */

/* Every second word into a head, where indices and epochs are. */
void attack_ring_scribble(void)
{
    unsigned words = 0;

    for (unsigned i = 0; i < WORDS; i++)
        for (unsigned n = 0; n < count(); n++) {
            uint64_t random = random64(), at = random & 1 ? random >> 8 & 15 : RECORD_RING_AT + (random >> 8) % channel(n)->size;

            if (!channel(n)->writes)
                continue;
            *word_at(n, at) = (uint32_t)(random >> 32) >> (random >> 1 & 31);
            words++;
            if (i % 64 == 0)
                ring(n);
            if (i % 4096 == 0)
                bh_watchdog_pet();
        }
    verdict(true, "%u words into %u channels", words, count());
}

/* --- what is nearly right ---------------------------------------------------------------------------------------------------------- */

/* A connection as it should be, so that what is put is looked at. */
static void shake_hands(unsigned out)
{
    const volatile struct bh_ring_head *in = (const volatile struct bh_ring_head *)word_at(channel(out)->back, 0);
    volatile struct bh_ring_head *head = (volatile struct bh_ring_head *)word_at(out, 0);

    head->consumed = in->produced;
    head->seen_epoch = channel(channel(out)->back)->epoch;
}

/* Sizes up to and over all limits, and tags of requests that there were, that there are and that there cannot be. */
static void record_lie(unsigned out, unsigned kind, uint32_t last_tag)
{
    const uint32_t sizes[] = {0,          1,          7,  8, 9, 60, 1518, 1519, channel(out)->size - 8, channel(out)->size,
                              0x7fffffff, 0xfffffff8, ~0u};
    const uint32_t tags[] = {0, last_tag, last_tag ^ 0x10000, last_tag + 1, 0x10100, 0x1ffff, ~0u};
    const uint32_t claims[] = {8, 1526, channel(out)->size, channel(out)->size + 8, 0x80000000, ~7u, 4};
    volatile struct bh_ring_head *head = (volatile struct bh_ring_head *)word_at(out, 0);
    uint32_t produced = head->produced & ~7u;

    *word_at(out, RECORD_RING_AT + produced % channel(out)->size) = sizes[kind % 13];
    *word_at(out, RECORD_RING_AT + (produced + 4) % channel(out)->size) = tags[kind / 13 % 7];
    head->produced = produced + claims[kind % 7];
    ring(out);
}

/* What was asked last of a slice, to lie about; 0: nothing. */
static uint32_t tag_seen(unsigned out)
{
    unsigned in = channel(out)->back;
    uint32_t consumed = ((volatile struct bh_ring_head *)word_at(out, 0))->consumed;

    return *word_at(in, RECORD_RING_AT + (consumed + 4) % channel(in)->size);
}

void attack_ring_lies(void)
{
    uint64_t until = bh_now_ns() + FOR_NS;
    unsigned lies = 0;

    while (bh_now_ns() < until) {
        for (unsigned n = 0; n < count(); n++) {
            uint32_t tag;

            if (!channel(n)->writes || channel(n)->back >= count())
                continue;
            tag = tag_seen(n);
            shake_hands(n);
            record_lie(n, lies++, tag);
        }
        bh_watchdog_pet();
        bh_sleep_ns(PAUSE_NS);
    }
    verdict(true, "%u lies", lies);
}

/* --- doorbells --------------------------------------------------------------------------------------------------------------------- */

/* Each channel's rate is its own; what is over it is refused, and the reader is not even looked at. */
void attack_doorbells(void)
{
    uint64_t until = bh_now_ns() + FOR_NS;
    unsigned rung[BH_MAX_CHANNELS] = {0}, tried = 0;
    bool others = false;

    for (; bh_now_ns() < until; tried++) {
        for (unsigned n = 0; n < count(); n++)
            rung[n] += ring(n);
        bh_watchdog_pet();
    }
    for (unsigned n = 0; n < count(); n++) {
        others = others || (rung[n] != 0 && !channel(n)->writes);
        printf("doorbells: channel %u rung %u times in %u ms\n", n, rung[n], (unsigned)(FOR_NS / 1000000));
    }
    verdict(!others, "%s others' channels, %u rounds", others ? "rings of" : "no rings of", tried);
}

/* Those of the peers that come here, while one of them storms. */
static volatile uint64_t heard;

static void on_bell(void *arg)
{
    (void)arg;
    heard++;
}

void attack_hear(void)
{
    uint64_t begin = heard, until;

    for (unsigned n = 0; n < count(); n++)
        if (!channel(n)->writes)
            channel_listen(n, 0, on_bell, 0);
    for (unsigned n = 0; n < count(); n++)
        if (channel(n)->writes && channel(n)->back < count()) {
            shake_hands(n);
            ((volatile struct bh_ring_head *)word_at(n, 0))->wants = BH_WANTS_DATA;
        }
    for (until = bh_now_ns() + FOR_NS; bh_now_ns() < until; bh_watchdog_pet())
        bh_wait(until);
    verdict(true, "%" PRIu64 " doorbells in %u ms", heard - begin, (unsigned)(FOR_NS / 1000000));
}

/* --- the honest end, to see that it can still be one --------------------------------------------------------------------------------- */

/* Each frame back as it came, on all cables. */
void attack_echo(void)
{
    static struct record_end ends[BH_MAX_CHANNELS];
    static uint8_t frame[RECORD_MAX];
    uint64_t until = bh_now_ns() + 2 * FOR_NS;
    unsigned back = 0, refused = 0;

    for (unsigned n = 0; n < count(); n++)
        if (channel(n)->writes && channel(n)->kind == BH_CHANNEL_CABLE)
            record_open(&ends[n], record_side(channel(n)), record_side(channel(channel(n)->back)), n);
    while (bh_now_ns() < until) {
        for (unsigned n = 0; n < count(); n++) {
            struct record_piece piece = {frame, 0};
            struct bh_record record;

            if (!ends[n].out.head)
                continue;
            record_renewed(&ends[n]);
            while (record_take(&ends[n], frame, sizeof(frame), &record)) {
                piece.size = record.size < sizeof(frame) ? record.size : sizeof(frame);
                *(record_put(&ends[n], 0, &piece, 1) ? &back : &refused) += 1;
            }
            ends[n].ring_due = true;
            record_flush(&ends[n]);
        }
        bh_watchdog_pet();
        bh_sleep_ns(PAUSE_NS);
    }
    verdict(true, "%u frames, %u not taken", back, refused);
}
