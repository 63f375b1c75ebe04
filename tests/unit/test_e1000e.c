/* SPDX-License-Identifier: Apache-2.0 */
/* pvdrivers/e1000e.c against a model of an 82574L: rings, interrupt causes that clear and mask themselves with the message as QEMU's do,
 * counters that clear when read; and one that lies. Memory that the device may touch is the test's: a sanitizer sees the rest. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "e1000e.h"
#include "fake_device.h"

#define MS 1000000ull
#define RXQ0 (1u << 20)
#define TXQ0 (1u << 22)
#define OTHER (1u << 24)
#define LINK (1u << 2)
#define ACK (1u << 17)

static struct {
    uint32_t r[0x6000 / 4];
    uint64_t reset_at; /* when it ends */
    bool stuck_reset, stuck_master, stuck_eeprom, no_mac, gone, hold_transmit, lose_interrupts;
    unsigned resets;
    uint8_t sent[2048];
    unsigned sent_length, sent_frames;
} device;
#define R(offset) device.r[(offset) / 4]

static struct bh_pci pci = {.vendor = E1000E_VENDOR, .id = E1000E_ID, .interrupts = 5};
static struct e1000e nic;
static unsigned wakes;

/* As long as a cause without a queue is pending, OTHER is set anew. */
static void cause(uint32_t bits)
{
    R(0xc0) |= bits;
    if (R(0xc0) & (LINK | ACK))
        R(0xc0) |= OTHER;
    uint32_t due = R(0xc0) & R(0xd0) & (RXQ0 | TXQ0 | OTHER);
    if (!due)
        return;
    R(0xc0) &= ~(R(0xdc) & due);
    R(0xd0) &= ~(R(0xdc) & due);
    for (unsigned shift = 0; shift <= 16; shift += 8)
        if (due & (shift == 0 ? RXQ0 : shift == 8 ? TXQ0 : OTHER)) {
            assert_true(R(0xe4) >> shift & 8);
            if (!device.lose_interrupts)
                fake_interrupt(R(0xe4) >> shift & 7);
        }
}

struct descriptor {
    uint64_t address;
    uint16_t length, checksum;
    uint8_t a, b; /* receive: status, errors. transmit: in `checksum` command << 8, a: status */
    uint16_t special;
};

static struct descriptor *ring(unsigned base, unsigned index)
{
    return (struct descriptor *)fake_dma(R(base) | (uint64_t)R(base + 4) << 32) + index;
}

static void transmit(void)
{
    unsigned size = R(0x3808) / 16;

    while (R(0x400) & 2 && fake.master && !device.hold_transmit && R(0x3810) != R(0x3818)) {
        struct descriptor *d = ring(0x3800, R(0x3810));
        uint8_t command = (uint8_t)(d->checksum >> 8);
        assert_true(device.sent_length + d->length <= sizeof(device.sent));
        memcpy(device.sent + device.sent_length, fake_dma(d->address), d->length);
        device.sent_length += d->length;
        if (command & 1) {
            assert_true(command & 2); /* with checksum */
            device.sent_frames++;
        }
        if (command & 8)
            d->a |= 1;
        R(0x3810) = (R(0x3810) + 1) % size;
        if (command & 1) {
            cause(TXQ0);
            if (!device.hold_transmit && R(0x3810) != R(0x3818))
                device.sent_length = 0;
        }
    }
}

/* Put a frame on the wire: false, it was missed. */
static bool arrive(const void *bytes, uint16_t length, uint8_t status, uint8_t errors, uint16_t claimed)
{
    unsigned size = R(0x2808) / 16, head = R(0x2810);

    if (!(R(0x100) & 2) || !fake.master)
        return false;
    if (head == R(0x2818)) {
        R(0x4010)++;
        return false;
    }
    struct descriptor *d = ring(0x2800, head);
    memcpy(fake_dma(d->address), bytes, length);
    d->length = claimed;
    d->b = errors;
    d->a = status;
    R(0x2810) = (head + 1) % size;
    cause(RXQ0);
    return true;
}

static bool frame_arrives(const void *bytes, uint16_t length)
{
    return arrive(bytes, length, 0x03, 0, length);
}

static void device_reset(void)
{
    device.resets++;
    assert_false(R(0x100) & 2 || R(0x400) & 2); /* nothing under way */
    memset(device.r, 0, sizeof(device.r));
    R(0x5400) = device.no_mac ? 0 : 0x12005452;
    R(0x5404) = device.no_mac ? 0 : 0x80005634;
    R(0x0000) = 1u << 26;
    R(0xd0) = 0x1f00004; /* as if a driver before us had left it on */
    device.reset_at = fake.now + 500000;
}

static uint64_t device_read(unsigned offset, unsigned size)
{
    uint32_t value;

    assert_int_equal(size, 4);
    if (device.gone)
        return ~0u;
    if (device.reset_at && fake.now >= device.reset_at && !device.stuck_reset) {
        device.reset_at = 0;
        R(0) &= ~(1u << 26);
        R(0x10) |= device.stuck_eeprom ? 0 : 1u << 9;
    }
    value = R(offset);
    if (offset == 8)
        value |= R(0) & 4 && !device.stuck_master ? 0 : 1u << 19;
    if (offset == 0xc0 || (offset >= 0x4000 && offset < 0x4100))
        R(offset) = 0;
    return value;
}

static void device_write(unsigned offset, unsigned size, uint64_t value64)
{
    uint32_t value = (uint32_t)value64;

    assert_int_equal(size, 4);
    if (device.gone)
        return;
    switch (offset) {
    case 0x00:
        if (value & 1u << 26)
            device_reset();
        else
            R(0) = value;
        break;
    case 0xc8:
        cause(value);
        break;
    case 0xd0:
        R(0xd0) |= value;
        cause(0);
        break;
    case 0xd8:
        R(0xd0) &= ~value;
        break;
    case 0x08:
        fail();
        break;
    case 0x3818:
        R(offset) = value;
        if (!device.hold_transmit)
            device.sent_length = 0;
        transmit();
        break;
    default:
        R(offset) = value;
    }
}

static void link_set(bool up)
{
    R(8) = up ? 0x83 : 0;
    cause(LINK);
}

static void on_wake(void *arg)
{
    assert_ptr_equal(arg, &nic);
    wakes++;
}

static void memory_free(void)
{
    free((void *)(uintptr_t)nic.receive);
    free((void *)(uintptr_t)nic.transmit);
    memset(&nic, 0, sizeof(nic));
}

static int setup(void **state)
{
    (void)state;
    memory_free();
    fake_device_reset();
    fake.bar_size = 128 << 10;
    fake.read = device_read;
    fake.write = device_write;
    memset(&device, 0, sizeof(device));
    wakes = 0;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    memory_free();
    return 0;
}

static void open_ok(void)
{
    assert_null(e1000e_open(&nic, &pci, 1, on_wake, &nic));
    link_set(true);
    R(0xc0) = 0; /* that the link came up is no interrupt that the tests count */
    assert_true(e1000e_check(&nic));
}

/* --- start ------------------------------------------------------------------------------------------------------------------------ */

static void opens_after_a_reset(void **state)
{
    (void)state;
    assert_null(e1000e_open(&nic, &pci, 1, on_wake, &nic));
    assert_int_equal(device.resets, 1);
    assert_memory_equal(nic.mac, "\x52\x54\x00\x12\x34\x56", 6);
    assert_int_equal(R(0xd0), 0); /* no interrupt before e1000e_arm() */
    assert_int_equal(R(0) & 0x44, 0x40);
    assert_int_equal(R(0x2808), E1000E_RECEIVE * 16);
    assert_int_equal(R(0x3808), E1000E_TRANSMIT * 16);
    assert_true(R(0x100) & 2 && R(0x400) & 2);
    assert_false(R(0x100) & 0x3a0118); /* not promiscuous, not all multicast, no long frames; buffers of 2048 bytes */
    assert_int_equal(fake.interrupts[0].core, 1);
    assert_true(fake.master);
}

static void refused(void)
{
    assert_non_null(e1000e_open(&nic, &pci, 0, 0, 0));
    assert_false(fake.master);
}

static void refuses_what_does_not_start(void **state)
{
    (void)state;
    device.stuck_reset = true;
    refused();
    device.stuck_reset = false;
    device.stuck_eeprom = true;
    refused();
    device.stuck_eeprom = false;
    device.no_mac = true;
    refused();
    device.no_mac = false;
    device.stuck_master = true; /* only a reset helps then, and does */
    assert_null(e1000e_open(&nic, &pci, 0, 0, 0));
    fake.no_interrupts = true;
    refused();
    fake.no_interrupts = false;
    device.gone = true;
    refused();
    device.gone = false;
    fake.bar_size = 0x4000;
    refused();
    assert_in_range(fake.now, 0, 1000 * MS); /* all of it */
}

/* --- receiving ---------------------------------------------------------------------------------------------------------------------- */

static uint8_t buffers[E1000E_RECEIVE][E1000E_BUFFER];

static void give_all(void)
{
    for (unsigned i = 0; i < E1000E_RECEIVE - 1; i++)
        assert_true(e1000e_give(&nic, buffers[i], buffers[i]));
    assert_false(e1000e_give(&nic, buffers[255], buffers[255]));
}

static void frames_are_received_in_order(void **state)
{
    struct e1000e_frame frame;
    uint8_t bytes[1500];

    (void)state;
    open_ok();
    give_all();
    assert_false(e1000e_receive(&nic, &frame));
    for (unsigned n = 0, seen = 0; n < 2000; n++) {
        memset(bytes, (int)n, sizeof(bytes));
        assert_true(frame_arrives(bytes, (uint16_t)(60 + n % 1400)));
        if (n % 3 != 2)
            continue;
        for (; e1000e_receive(&nic, &frame); seen++) {
            assert_int_equal(frame.length, 60 + seen % 1400);
            assert_ptr_equal(frame.token, frame.buffer);
            assert_int_equal(((uint8_t *)frame.buffer)[frame.length - 1], (uint8_t)seen);
            assert_true(e1000e_give(&nic, frame.buffer, frame.token));
        }
        assert_int_equal(seen, n + 1);
    }
    assert_int_equal(nic.statistics.received, 1998); /* 2 wait */
    assert_int_equal(nic.statistics.refused + nic.statistics.bad, 0);
}

static void a_dry_ring_misses_frames_and_recovers(void **state)
{
    struct e1000e_frame frame;
    uint8_t bytes[60] = {0};
    unsigned arrived = 0;

    (void)state;
    open_ok();
    give_all();
    e1000e_arm(&nic);
    for (unsigned i = 0; i < 300; i++)
        arrived += frame_arrives(bytes, 60);
    assert_int_equal(arrived, E1000E_RECEIVE - 1);
    for (unsigned i = 0; i < arrived; i++)
        assert_true(e1000e_receive(&nic, &frame));
    assert_false(e1000e_receive(&nic, &frame));
    assert_true(e1000e_check(&nic));
    assert_int_equal(nic.statistics.missed, 45);
    give_all();
    e1000e_arm(&nic);
    assert_true(frame_arrives(bytes, 60));
    assert_true(e1000e_receive(&nic, &frame));
}

static void frames_without_end_are_refused(void **state)
{
    struct e1000e_frame frame;
    uint8_t bytes[2048] = {0};

    (void)state;
    open_ok();
    give_all();
    assert_false(e1000e_receive(&nic, &frame));
    arrive(bytes, 2048, 0x01, 0, 2048); /* goes on */
    arrive(bytes, 2048, 0x01, 0, 2048); /* and on */
    arrive(bytes, 100, 0x03, 0, 100);   /* and ends: the rest of it is no frame of its own */
    memset(bytes, 7, 64);
    frame_arrives(bytes, 64);
    assert_true(e1000e_receive(&nic, &frame));
    assert_int_equal(frame.length, 64);
    assert_int_equal(((uint8_t *)frame.buffer)[0], 7);
    assert_false(e1000e_receive(&nic, &frame));
    assert_int_equal(nic.statistics.refused, 3);
}

static void lengths_are_not_believed(void **state)
{
    struct e1000e_frame frame;
    uint8_t bytes[64] = {0};

    (void)state;
    open_ok();
    give_all();
    assert_false(e1000e_receive(&nic, &frame));
    arrive(bytes, 64, 0x03, 0, 2049);
    arrive(bytes, 64, 0x03, 0, 0xffff);
    arrive(bytes, 64, 0x03, 0, 0);
    arrive(bytes, 64, 0x03, 0, 13);
    assert_false(e1000e_receive(&nic, &frame));
    assert_int_equal(nic.statistics.refused, 4);
    arrive(bytes, 64, 0x03, 0, 14);
    assert_true(e1000e_receive(&nic, &frame));
    /* What was refused is with the device again: none is lost. */
    e1000e_give(&nic, frame.buffer, frame.token);
    e1000e_close(&nic);
    unsigned back = 0;
    while (e1000e_leftover(&nic))
        back++;
    assert_int_equal(back, E1000E_RECEIVE - 1);
}

static void addresses_in_the_ring_are_not_believed(void **state)
{
    struct e1000e_frame frame;
    uint8_t bytes[64] = {0};

    (void)state;
    open_ok();
    assert_true(e1000e_give(&nic, buffers[3], &device));
    e1000e_arm(&nic);
    assert_true(frame_arrives(bytes, 64));
    memset(ring(0x2800, 0), 0x41, 8);
    assert_true(e1000e_receive(&nic, &frame));
    assert_ptr_equal(frame.buffer, buffers[3]);
    assert_ptr_equal(frame.token, &device);
}

/* A device that marks everything as done, again and again, what it was never given too. */
static void a_ring_full_of_lies_ends(void **state)
{
    struct e1000e_frame frame;
    unsigned got = 0;

    (void)state;
    open_ok();
    for (unsigned i = 0; i < 10; i++)
        assert_true(e1000e_give(&nic, buffers[i], buffers[i]));
    for (unsigned i = 0; i < E1000E_RECEIVE; i++)
        *ring(0x2800, i) = (struct descriptor){.length = 64, .a = 0x03};
    while (e1000e_receive(&nic, &frame))
        got++;
    assert_int_equal(got, 10);
    for (unsigned i = 0; i < 5; i++)
        assert_true(e1000e_give(&nic, buffers[i], buffers[i]));
    for (unsigned i = 0; i < E1000E_RECEIVE; i++)
        *ring(0x2800, i) = (struct descriptor){.length = 0xffff, .a = 0x03};
    assert_false(e1000e_receive(&nic, &frame)); /* returns, though each refused one goes back and may be marked */
}

static void errors_and_checksums(void **state)
{
    struct e1000e_frame frame;
    uint8_t bytes[64] = {0};

    (void)state;
    open_ok();
    give_all();
    assert_false(e1000e_receive(&nic, &frame));
    for (unsigned bit = 0; bit < 8; bit++)
        arrive(bytes, 64, 0x63, (uint8_t)(1u << bit), 64);
    assert_true(e1000e_receive(&nic, &frame)); /* bit 3 is reserved */
    assert_true(frame.ip_checked && frame.tcp_checked);
    assert_true(e1000e_receive(&nic, &frame));
    assert_true(frame.ip_checked && !frame.tcp_checked);
    assert_true(e1000e_receive(&nic, &frame));
    assert_true(!frame.ip_checked && frame.tcp_checked);
    assert_false(e1000e_receive(&nic, &frame));
    assert_int_equal(nic.statistics.bad, 5);
    arrive(bytes, 64, 0x67, 0, 64); /* it did not look */
    assert_true(e1000e_receive(&nic, &frame));
    assert_true(!frame.ip_checked && !frame.tcp_checked);
}

/* --- sending ------------------------------------------------------------------------------------------------------------------------ */

static void frames_are_sent_in_pieces(void **state)
{
    uint8_t header[14], body[1500];
    struct e1000e_piece pieces[3] = {{header, 14}, {body, 700}, {body + 700, 800}};

    (void)state;
    open_ok();
    for (unsigned i = 0; i < sizeof(body); i++)
        body[i] = (uint8_t)(i * 3);
    memset(header, 0xee, sizeof(header));
    for (uintptr_t n = 1; n <= 1000; n++) {
        unsigned count = 1 + (unsigned)n % 3;
        assert_true(e1000e_send(&nic, pieces, count, (void *)n));
        assert_int_equal(device.sent_frames, n);
        assert_int_equal(device.sent_length, count == 1 ? 14 : count == 2 ? 714 : 1514);
        assert_memory_equal(device.sent, header, 14);
        assert_memory_equal(device.sent + 14, body, device.sent_length - 14);
        assert_ptr_equal(e1000e_sent(&nic), (void *)n);
        assert_null(e1000e_sent(&nic));
    }
    assert_int_equal(nic.statistics.sent, 1000);
}

static void what_is_no_frame_is_not_sent(void **state)
{
    static uint8_t body[2048];
    struct e1000e_piece pieces[E1000E_PIECES + 1];

    (void)state;
    open_ok();
    for (unsigned i = 0; i <= E1000E_PIECES; i++)
        pieces[i] = (struct e1000e_piece){body, 60};
    assert_false(e1000e_send(&nic, pieces, 0, body));
    assert_false(e1000e_send(&nic, pieces, E1000E_PIECES + 1, body));
    assert_false(e1000e_send(&nic, pieces, 1, 0));
    pieces[1].length = 0;
    assert_false(e1000e_send(&nic, pieces, 2, body));
    pieces[0].length = E1000E_FRAME_MAX + 1;
    assert_false(e1000e_send(&nic, pieces, 1, body));
    pieces[0].length = 1500;
    pieces[1].length = 19;
    assert_false(e1000e_send(&nic, pieces, 2, body));
    assert_int_equal(device.sent_frames, 0);
    assert_int_equal(nic.statistics.no_room, 0);
    pieces[1].length = 18;
    assert_true(e1000e_send(&nic, pieces, 2, body));
}

static void a_full_ring_says_so_and_wakes(void **state)
{
    static uint8_t body[64];
    struct e1000e_piece pieces[2] = {{body, 30}, {body, 34}};
    uintptr_t sent = 0, back = 0;

    (void)state;
    open_ok();
    device.hold_transmit = true;
    while (e1000e_send(&nic, pieces, 2, (void *)(sent + 1)))
        sent++;
    assert_int_equal(sent, 127); /* 254 of 255 descriptors */
    assert_int_equal(nic.statistics.no_room, 1);
    assert_null(e1000e_sent(&nic));
    assert_true(e1000e_arm(&nic));
    assert_true(R(0xd0) & TXQ0);
    unsigned before = wakes;
    device.hold_transmit = false;
    device.sent_length = 0;
    transmit();
    assert_int_not_equal(wakes, before);
    assert_false(e1000e_arm(&nic)); /* there is something to do */
    while (e1000e_sent(&nic) == (void *)(back + 1))
        back++;
    assert_int_equal(back, sent);
    assert_false(e1000e_arm(&nic)); /* there is room: try again */
    assert_true(e1000e_arm(&nic));
    assert_false(R(0xd0) & TXQ0); /* who does not wait for room is not woken by it */
    assert_true(e1000e_send(&nic, pieces, 2, body));
}

static void only_a_last_descriptor_returns_a_frame(void **state)
{
    static uint8_t body[64];
    struct e1000e_piece pieces[3] = {{body, 30}, {body, 34}, {body, 10}};

    (void)state;
    open_ok();
    device.hold_transmit = true;
    assert_true(e1000e_send(&nic, pieces, 3, body));
    ring(0x3800, 0)->a = ring(0x3800, 1)->a = 0xff;
    ring(0x3800, 3)->a = 0xff; /* one that it was never given */
    assert_null(e1000e_sent(&nic));
    ring(0x3800, 2)->a = 0xff;
    assert_ptr_equal(e1000e_sent(&nic), body);
    assert_null(e1000e_sent(&nic));
}

/* --- interrupts and care -------------------------------------------------------------------------------------------------------------- */

static void no_wake_up_is_lost(void **state)
{
    struct e1000e_frame frame;
    uint8_t bytes[64] = {0};

    (void)state;
    open_ok();
    give_all();
    assert_false(e1000e_receive(&nic, &frame));
    frame_arrives(bytes, 64); /* after the last look, before arming */
    fake.off = true;
    assert_false(e1000e_arm(&nic));
    fake.off = false;
    assert_true(e1000e_receive(&nic, &frame));
    assert_true(e1000e_arm(&nic));
    unsigned before = wakes;
    frame_arrives(bytes, 64);
    assert_int_equal(wakes, before + 1);
    frame_arrives(bytes, 64); /* masked until armed again */
    assert_int_equal(wakes, before + 1);
    assert_true(e1000e_receive(&nic, &frame) && e1000e_receive(&nic, &frame));
    e1000e_arm(&nic);
    assert_int_equal(wakes, before + 2); /* what came while masked */
    device.lose_interrupts = true;
    assert_true(e1000e_arm(&nic));
    frame_arrives(bytes, 64);
    assert_true(e1000e_receive(&nic, &frame)); /* who looks finds it */
}

static void buffers_are_told_before_sleeping(void **state)
{
    uint8_t bytes[64] = {0};

    (void)state;
    open_ok();
    for (unsigned i = 0; i < 5; i++)
        assert_true(e1000e_give(&nic, buffers[i], buffers[i]));
    assert_true(e1000e_arm(&nic));
    assert_int_equal(R(0x2818), 5);
    assert_true(frame_arrives(bytes, 64));
}

/* A cause without a queue stays pending for good: unmasked, it would interrupt again whenever it is armed. */
static void causes_without_a_queue_interrupt_nobody(void **state)
{
    (void)state;
    assert_null(e1000e_open(&nic, &pci, 0, 0, 0));
    cause(ACK);
    link_set(true);
    for (unsigned i = 0; i < 3; i++)
        assert_true(e1000e_arm(&nic));
    assert_int_equal(fake.delivered, 0);
}

static void link_and_counters(void **state)
{
    (void)state;
    assert_null(e1000e_open(&nic, &pci, 0, 0, 0));
    assert_false(nic.link);
    link_set(true);
    R(0x4000) = 5;
    R(0x4010) = 7;
    R(0x4040) = 2;
    R(0x4008) = 1;
    assert_true(e1000e_check(&nic));
    assert_true(nic.link && nic.speed == 1000 && nic.full_duplex);
    assert_int_equal(nic.statistics.bad, 8);
    assert_int_equal(nic.statistics.missed, 7);
    assert_true(e1000e_check(&nic));
    assert_int_equal(nic.statistics.missed, 7);
    link_set(false);
    assert_true(e1000e_check(&nic));
    assert_int_equal(nic.statistics.link_changes, 2);
    assert_int_equal(nic.speed, 0);
}

static void a_stall_is_noticed(void **state)
{
    static uint8_t body[64];
    struct e1000e_piece piece = {body, 64};

    (void)state;
    open_ok();
    fake_pass(10000 * MS); /* idle for long is no stall */
    device.hold_transmit = true;
    assert_true(e1000e_send(&nic, &piece, 1, body));
    assert_true(e1000e_check(&nic));
    link_set(false);
    fake_pass(5000 * MS);
    assert_true(e1000e_check(&nic)); /* without a link it waits rightly */
    link_set(true);
    fake_pass(1900 * MS);
    assert_true(e1000e_check(&nic));
    fake_pass(200 * MS);
    assert_false(e1000e_check(&nic));
    assert_int_equal(nic.statistics.stalls, 1);
    /* Anew: the frame's token comes back, and the next one leaves. */
    e1000e_close(&nic);
    assert_ptr_equal(e1000e_leftover(&nic), body);
    assert_null(e1000e_leftover(&nic));
    device.hold_transmit = false;
    open_ok();
    assert_true(e1000e_send(&nic, &piece, 1, body));
    assert_ptr_equal(e1000e_sent(&nic), body);
    device.gone = true;
    assert_false(e1000e_check(&nic));
    assert_false(nic.link);
}

static unsigned table_bits(void)
{
    unsigned bits = 0;

    for (unsigned i = 0; i < 128; i++)
        bits += (unsigned)__builtin_popcount(R(0x5200 + 4 * i));
    return bits;
}

static void multicast_groups(void **state)
{
    uint8_t all_hosts[6] = {0x01, 0x00, 0x5e, 0x00, 0x00, 0x01}, other[6] = {0x33, 0x33, 0xff, 0x12, 0xa4, 0x56};

    (void)state;
    open_ok();
    assert_int_equal(table_bits(), 0);
    e1000e_group_join(&nic, all_hosts);
    assert_int_equal(R(0x5200), 1u << 16); /* bits 47..36 of the address: 0x010 */
    e1000e_group_join(&nic, other);
    assert_int_equal(R(0x5200 + 4 * (0x56a >> 5)), 1u << (0x56a & 31));
    e1000e_group_join(&nic, all_hosts);
    e1000e_group_leave(&nic, all_hosts);
    assert_int_equal(table_bits(), 2);
    e1000e_group_leave(&nic, all_hosts);
    assert_int_equal(table_bits(), 1);
    e1000e_group_leave(&nic, all_hosts);
    assert_int_equal(table_bits(), 1);
    for (unsigned i = 0; i < E1000E_GROUPS + 2; i++) {
        all_hosts[5] = (uint8_t)(i + 1);
        assert_int_equal(R(0x100) & 0x10, 0);
        if (i == E1000E_GROUPS - 1)
            break;
        e1000e_group_join(&nic, all_hosts);
    }
    e1000e_group_join(&nic, all_hosts);
    assert_int_equal(R(0x100) & 0x10, 0x10);
    e1000e_close(&nic);
    open_ok();
    assert_int_equal(R(0x100) & 0x10, 0x10); /* kept over a new start */
    assert_int_equal(table_bits(), E1000E_GROUPS);
}

static void closed_it_touches_no_memory(void **state)
{
    uint8_t bytes[64] = {0};
    struct e1000e_frame frame;
    unsigned back = 0;

    (void)state;
    open_ok();
    give_all();
    e1000e_arm(&nic);
    frame_arrives(bytes, 64);
    assert_true(e1000e_receive(&nic, &frame));
    e1000e_close(&nic);
    assert_false(fake.master);
    assert_null(fake.interrupts[0].fn);
    while (e1000e_leftover(&nic))
        back++;
    assert_int_equal(back, E1000E_RECEIVE - 2); /* one was taken */
    device.stuck_reset = true;                  /* even then */
    fake.master = true;
    e1000e_close(&nic);
    assert_false(fake.master);
    struct e1000e never = {0};
    e1000e_close(&never);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(opens_after_a_reset),
        TEST(refuses_what_does_not_start),
        TEST(frames_are_received_in_order),
        TEST(a_dry_ring_misses_frames_and_recovers),
        TEST(frames_without_end_are_refused),
        TEST(lengths_are_not_believed),
        TEST(addresses_in_the_ring_are_not_believed),
        TEST(a_ring_full_of_lies_ends),
        TEST(errors_and_checksums),
        TEST(frames_are_sent_in_pieces),
        TEST(what_is_no_frame_is_not_sent),
        TEST(a_full_ring_says_so_and_wakes),
        TEST(only_a_last_descriptor_returns_a_frame),
        TEST(no_wake_up_is_lost),
        TEST(buffers_are_told_before_sleeping),
        TEST(causes_without_a_queue_interrupt_nobody),
        TEST(link_and_counters),
        TEST(a_stall_is_noticed),
        TEST(multicast_groups),
        TEST(closed_it_touches_no_memory),
    };

    return cmocka_run_group_tests(tests, 0, 0);
}
