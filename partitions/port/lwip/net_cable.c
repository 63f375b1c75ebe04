/* SPDX-License-Identifier: Apache-2.0 */
/* lwIP's interface of a network cable: frames are records, copied once each way. The peer is believed nothing: what it puts into the ring
 * is a frame of a size that may be, or is dropped, and what it does not read is lost as on a wire. */
#include <stdio.h>
#include <string.h>

#include <lwip/pbuf.h>

#include "bh.h"
#include "net_card.h"
#include "record.h"

#define FRAME_MAX 1518u
#define FRAME_MIN 14u
#define PIECES 16u
#define VECTOR (BH_VECTOR_FREE + 0x60u) /* of all programs that have a cable */

static struct record_end end;
static struct netif *interface;
static char name[BH_NAME_MAX];
static char problem_text[120];
static const char *problem;
static struct bh_net_counters counters;
static volatile uint64_t interrupts;
static uint8_t frame[FRAME_MAX];

void net_cable_name(const char *wanted)
{
    snprintf(name, sizeof(name), "%s", wanted);
}

static void on_doorbell(struct bh_frame *f)
{
    (void)f;
    interrupts++;
}

static const volatile struct bh_channels *channels(void)
{
    return (const volatile struct bh_channels *)(uintptr_t)BH_CHANNELS_INFO_GPA;
}

/* "lan.0" is written by one end of the cable "lan", "lan.1" by the other. */
static bool is_ours(const volatile struct bh_channel *channel)
{
    size_t length = strlen(name);
    char text[sizeof(channel->name)];

    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = channel->name[i];
    return channel->kind == BH_CHANNEL_CABLE && channel->writes && length + 2 < sizeof(text) && memcmp(text, name, length) == 0 &&
           text[length] == '.' && text[length + 2] == 0;
}

/* The channel that we write, or BH_MAX_CHANNELS. */
static unsigned channel_find(void)
{
    for (unsigned i = 0; i < channels()->count && i < BH_MAX_CHANNELS; i++)
        if (is_ours(&channels()->channel[i]) && channels()->channel[i].back < channels()->count)
            return i;
    return BH_MAX_CHANNELS;
}

/* --- sending ------------------------------------------------------------------------------------------------------------- */

static bool send_pieces(const struct pbuf *pbuf)
{
    struct record_piece pieces[PIECES];
    unsigned count = 0;

    for (const struct pbuf *part = pbuf; part; part = part->next)
        if (count < PIECES)
            pieces[count++] = (struct record_piece){part->payload, part->len};
        else
            return false;
    return record_put(&end, 0, pieces, count);
}

static err_t send_frame(struct netif *netif, struct pbuf *pbuf)
{
    struct pbuf *whole = 0;
    bool sent;

    (void)netif;
    if (pbuf_clen(pbuf) > PIECES)
        whole = pbuf_clone(PBUF_RAW, PBUF_RAM, pbuf);
    sent = pbuf->tot_len <= FRAME_MAX && send_pieces(whole ? whole : pbuf);
    if (whole)
        pbuf_free(whole);
    if (!sent) {
        counters.dropped++;
        return ERR_MEM;
    }
    counters.sent++;
    counters.sent_bytes += pbuf->tot_len;
    return ERR_OK;
}

/* --- receiving ------------------------------------------------------------------------------------------------------------ */

static void take_frame(const struct bh_record *record)
{
    struct pbuf *pbuf;

    if (record->size < FRAME_MIN || record->size > FRAME_MAX) {
        counters.bad++;
        return;
    }
    counters.received++;
    counters.received_bytes += record->size;
    pbuf = pbuf_alloc(PBUF_RAW, (u16_t)record->size, PBUF_RAM);
    if (!pbuf) {
        counters.dropped++;
        return;
    }
    memcpy(pbuf->payload, frame, record->size);
    if (interface->input(pbuf, interface) != ERR_OK)
        pbuf_free(pbuf);
}

static void cable_check(void)
{
    bool up = record_connected(&end);

    if (record_renewed(&end)) {
        counters.restarts++;
        up = false; /* for once: lwIP says again who it is */
    }
    card_link(interface, up);
}

/* While we look ourselves the peer need not ring. */
static bool cable_poll(void)
{
    struct bh_record record;
    unsigned count = 0;

    cable_check();
    (void)record_arm(&end, 0, 0);
    while (count < CARD_BUDGET && record_take(&end, frame, sizeof(frame), &record)) {
        take_frame(&record);
        count++;
    }
    record_flush(&end);
    return count == CARD_BUDGET;
}

static bool cable_arm(void)
{
    record_flush(&end);
    return record_arm(&end, BH_WANTS_DATA, 0) && record_connected(&end) == (bool)netif_is_link_up(interface);
}

static err_t cable_open(struct netif *netif)
{
    unsigned out = channel_find();
    const volatile struct bh_channel *channel = &channels()->channel[out % BH_MAX_CHANNELS];
    uint8_t mac[6];

    interface = netif;
    if (out == BH_MAX_CHANNELS) {
        snprintf(problem_text, sizeof(problem_text), "no cable %s: the product table gives this partition no end of one (.cables)",
                 name);
        problem = problem_text;
        return ERR_IF;
    }
    record_open(&end, record_side(channel), record_side(&channels()->channel[channel->back]), out);
    bh_irq_handler(VECTOR, on_doorbell);
    bh_call(BH_CALL_VECTOR, BH_SOURCE_CHANNEL + channel->back, VECTOR, bh_core());
    for (unsigned i = 0; i < 6; i++)
        mac[i] = (uint8_t)(channel->info[0] >> 8 * i);
    card_describe(netif, "ca", mac, send_frame);
    return ERR_OK;
}

static const char *cable_problem(void)
{
    return problem;
}

static void cable_counters(struct bh_net_counters *to)
{
    *to = counters;
    to->bad += end.count.bad;
    to->interrupts = interrupts;
}

static uint16_t cable_speed(void)
{
    return 0;
}

const struct net_card net_cable = {
    .open = cable_open,
    .problem = cable_problem,
    .poll = cable_poll,
    .arm = cable_arm,
    .check = cable_check,
    .counters = cable_counters,
    .speed = cable_speed,
};
