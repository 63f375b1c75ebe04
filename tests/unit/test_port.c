/* SPDX-License-Identifier: Apache-2.0 */
/* core/port*.c: every register, queues that make no sense, peers that write what they like, lives of both sides; the peers' ends are
 * pvdrivers/record.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "port_machine.h"

#define NET_HEADER 12u
#define BUFFER(n) (0x40000u + (n)*0x800u)
#define RX (&queues[CABLE][0])
#define TX (&queues[CABLE][1])
#define DISK (&queues[SLICE][0])
#define BROKEN 0x40u

static int setup(void **state)
{
    (void)state;
    machine_reset();
    driver_start(CABLE, 0);
    driver_start(SLICE, 0);
    for (unsigned port = 0; port < PORTS; port++) {
        assert_true(record_renewed(&peers[port]));
        record_flush(&peers[port]);
    }
    machine_settle();
    memset(peer_rung, 0, sizeof(peer_rung));
    fake_partition.denied = 0;
    fake_partition.interrupts[0] = 0;
    return 0;
}

static uint32_t config(unsigned port, unsigned at, unsigned size)
{
    return config_read(port_function(&partitions[0], 3 + port), at, size);
}

static bool config_set(unsigned port, unsigned at, unsigned size, uint32_t value)
{
    struct pci_function *face = port_function(&partitions[0], 3 + port);
    bool done;

    lock_take(&partitions[0].gate);
    done = config_write(&partitions[0], face, at, size, value);
    port_changed(&partitions[0], face);
    lock_drop(&partitions[0].gate);
    return done;
}

static void fill(uint8_t *bytes, size_t size, unsigned seed)
{
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)(seed * 37 + i * 7 + (i >> 8));
}

/* --- what is seen ------------------------------------------------------------------------------------------------------------------ */

static void test_configuration_space(void **state)
{
    (void)state;
    assert_int_equal(config(CABLE, 0, 4), 0x10411af4);
    assert_int_equal(config(SLICE, 0, 4), 0x10421af4);
    assert_int_equal(config(CABLE, 8, 4), 0x02000001);
    assert_int_equal(config(SLICE, 8, 4), 0x01000001);
    assert_int_equal(config(CABLE, 0x3d, 1), 0); /* no pin */
    assert_int_equal(config(CABLE, 0x10, 4), PORTS_AT(CABLE) | 1);
    assert_int_equal(config(CABLE, 0x14, 4), MSIX_AT(CABLE));
    assert_true(config_set(CABLE, 0x10, 4, 0xffffffff));
    assert_int_equal(config(CABLE, 0x10, 4), 0xffffff81);
    assert_true(config_set(CABLE, 0x14, 4, 0xffffffff));
    assert_int_equal(config(CABLE, 0x14, 4), 0xfffff000);
    assert_false(config_set(CABLE, 0x10, 4, 0x3001)); /* they do not move */
    assert_true(config_set(CABLE, 0x14, 4, MSIX_AT(CABLE)));
    assert_int_equal(config(CABLE, 0x10, 4), PORTS_AT(CABLE) | 1);
    for (unsigned bar = 2; bar < 6; bar++)
        assert_int_equal(config(CABLE, 0x10 + 4 * bar, 4), 0);
    assert_null(port_function(&partitions[0], 5));
    assert_null(port_function(&partitions[1], 3));
    assert_true(ports_any(&partitions[0]));
    assert_false(ports_any(&partitions[1]));
}

/* The chain ends, each capability names a place inside its BAR, and the vectors are one more than the queues. */
static void test_capabilities(void **state)
{
    unsigned at = config(SLICE, 0x34, 1), types = 0, count = 0;

    (void)state;
    for (; at != 0; at = config(SLICE, at + 1, 1), count++) {
        assert_true(count < 8 && at % 4 == 0 && at >= 0x40 && at < 0xf0);
        if (config(SLICE, at, 1) == 9) {
            types |= 1u << config(SLICE, at + 3, 1);
            assert_int_equal(config(SLICE, at + 4, 1), 0);
            assert_true(config(SLICE, at + 8, 4) + config(SLICE, at + 12, 4) <= PLAN_PORT_REGISTERS);
        } else {
            assert_int_equal(config(SLICE, at, 1), 0x11);
            assert_int_equal(config(SLICE, at + 2, 2) & 0x7ff, 1);
            assert_int_equal(config(CABLE, at + 2, 2) & 0x7ff, 2);
            assert_int_equal(config(SLICE, at + 4, 4), 1);
        }
    }
    assert_int_equal(types, 0x1e);
    assert_int_equal(count, 5);
}

/* Each access of each width to each port: answered or denied, as the register has it, and nothing beyond the 128. */
static void test_every_register(void **state)
{
    static const char widths[] = "4...4...4...4...2.2.112.2.2.2.2.4...4...4...4...4...4...2...1...";
    uint32_t value = 0;

    (void)state;
    for (unsigned at = 0; at < PLAN_PORT_REGISTERS; at++)
        for (unsigned size = 1; size <= 4; size *= 2) {
            bool there = at < 64 ? widths[at] == (char)('0' + size) : at % size == 0 && at - 64 + size <= PLAN_PORT_CONFIG;
            assert_int_equal(port_register(&vcpus[0], (uint16_t)(PORTS_AT(SLICE) + at), size, &value, false), there);
            if (at >= 64)
                assert_false(port_register(&vcpus[0], (uint16_t)(PORTS_AT(SLICE) + at), size, &value, true));
            assert_false(port_register(&vcpus[2], (uint16_t)(PORTS_AT(SLICE) + at), size, &value, false)); /* another partition */
        }
    assert_false(port_register(&vcpus[0], PORTS_AT(PORTS), 1, &value, false));
    assert_false(port_register(&vcpus[0], PORTS_AT(0) - 1, 2, &value, false));
    assert_int_equal(reg_read(CABLE, 0x40, 4), 0x08060402);
    assert_int_equal(reg_read(CABLE, 0x46, 2), 1);
    assert_int_equal(reg_read(SLICE, 0x41, 1), 8);
    assert_int_equal(reg_read(CABLE, 0x12, 2), 2);
    assert_int_equal(reg_read(SLICE, 0x12, 2), 1);
    assert_int_equal(reg_read(CABLE, 0x3c, 1), 0);
}

/* Accesses that the budget of exits leaves out. */
static void test_accesses_are_counted(void **state)
{
    uint64_t before = vcpus[0].counters.ports;
    uint32_t value;

    (void)state;
    (void)reg_read(CABLE, 0x14, 1);
    driver_notify(TX);
    assert_int_equal(vcpus[0].counters.ports, before + 2);
    assert_false(port_register(&vcpus[0], PORTS_AT(0), 1, &value, false));
    assert_false(port_register(&vcpus[2], PORTS_AT(0), 4, &value, false));
    assert_int_equal(vcpus[0].counters.ports, before + 2);
    assert_int_equal(vcpus[2].counters.ports, 0);
}

static void test_features(void **state)
{
    (void)state;
    reg_write(CABLE, 0x14, 1, 0);
    assert_int_equal(reg_read(CABLE, 0x14, 1), 0);
    for (unsigned half = 0; half < 4; half++) {
        static const uint32_t shown[] = {1u << 29 | 1u << 5, 1, 0, 0};
        reg_write(CABLE, 0, 4, half);
        assert_int_equal(reg_read(CABLE, 4, 4), shown[half]);
    }
    reg_write(CABLE, 0x14, 1, 3);
    reg_write(CABLE, 0x14, 1, 11); /* without the version */
    assert_int_equal(reg_read(CABLE, 0x14, 1), 3);
    reg_write(CABLE, 0x14, 1, 15); /* not agreed: no driver */
    assert_int_equal(reg_read(CABLE, 0x14, 1), 3);
    reg_write(CABLE, 8, 4, 1);
    reg_write(CABLE, 12, 4, 3); /* one that was not shown */
    reg_write(CABLE, 0x14, 1, 11);
    assert_int_equal(reg_read(CABLE, 0x14, 1), 3);
    reg_write(CABLE, 12, 4, 1);
    reg_write(CABLE, 8, 4, 7);
    reg_write(CABLE, 12, 4, 0xffffffff); /* no such half */
    reg_write(CABLE, 0x14, 1, 11);
    assert_int_equal(reg_read(CABLE, 0x14, 1), 11);
    reg_write(CABLE, 8, 4, 0);
    reg_write(CABLE, 12, 4, 1u << 5); /* too late */
    assert_int_equal(reg_read(CABLE, 12, 4), 0);
}

static void test_queue_registers(void **state)
{
    (void)state;
    reg_write(SLICE, 0x14, 1, 0);
    assert_int_equal(reg_read(SLICE, 0x18, 2), 256);
    assert_int_equal(reg_read(SLICE, 0x1a, 2), 0xffff);
    reg_write(SLICE, 0x16, 2, 1); /* there is none */
    assert_int_equal(reg_read(SLICE, 0x18, 2), 0);
    reg_write(SLICE, 0x18, 2, 8);
    reg_write(SLICE, 0x1c, 2, 1);
    assert_int_equal(reg_read(SLICE, 0x1c, 2), 0);
    reg_write(SLICE, 0x16, 2, 0);
    for (unsigned size = 0; size < 0x10000; size += 3)
        if (size == 0 || size > 256 || (size & (size - 1)) != 0) {
            reg_write(SLICE, 0x18, 2, size);
            assert_int_equal(reg_read(SLICE, 0x18, 2), 256);
        }
    reg_write(SLICE, 0x1a, 2, 2); /* beyond the vectors */
    assert_int_equal(reg_read(SLICE, 0x1a, 2), 0xffff);
    reg_write(SLICE, 0x10, 2, 2);
    assert_int_equal(reg_read(SLICE, 0x10, 2), 0xffff);
    reg_write(SLICE, 0x24, 4, 0x12345678);
    assert_int_equal(reg_read(SLICE, 0x24, 4), 0x12345678);
    assert_int_equal(reg_read(SLICE, 0x20, 4), 0);
}

/* Rings that are not in the partition's memory, or not where they may be: it does not start, and says so. */
static void test_ac34_rings_elsewhere(void **state)
{
    static const struct {
        unsigned area;
        uint64_t at;
    } elsewhere[] = {{0, RAM_LOW - 16},
                     {0, RAM_LOW},
                     {0, 8},
                     {1, 1},
                     {2, 2},
                     {1, RAM_LOW - 100},
                     {2, RAM_HIGH + RAM_HIGH_SIZE - 2048},
                     {0, 0xfffffffffffffff0},
                     {1, 0xfffffffe},
                     {2, 0x100000000},
                     {0, RAM_HIGH - 16}};

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(elsewhere); i++) {
        reg_write(SLICE, 0x14, 1, 0);
        for (unsigned area = 0; area < 3; area++) {
            uint64_t at = area == elsewhere[i].area ? elsewhere[i].at : 0x10000 + area * 0x2000;
            reg_write(SLICE, 0x20 + 8 * area, 4, (uint32_t)at);
            reg_write(SLICE, 0x24 + 8 * area, 4, (uint32_t)(at >> 32));
        }
        fake_partition.denied = 0;
        reg_write(SLICE, 0x1c, 2, 1);
        assert_int_equal(reg_read(SLICE, 0x1c, 2), 0);
        assert_true(reg_read(SLICE, 0x14, 1) & BROKEN);
        assert_int_equal(fake_partition.denied, 1);
    }
}

/* --- messages ---------------------------------------------------------------------------------------------------------------------- */

static void send_frame(unsigned seed, uint32_t size)
{
    struct piece pieces[2] = {{BUFFER(seed % 8), NET_HEADER, false}, {BUFFER(seed % 8) + 64, size, false}};

    memset(ram(BUFFER(seed % 8)), 0xee, NET_HEADER);
    fill(ram(BUFFER(seed % 8) + 64), size, seed);
    driver_put(TX, pieces, 2);
}

static uint64_t page_read(unsigned port, unsigned at, unsigned size)
{
    uint64_t value = 0;

    assert_true(port_page_access(&partitions[0], GPA(MSIX_AT(port) + at), size, &value, false));
    return value;
}

static void page_write(unsigned port, unsigned at, unsigned size, uint64_t value)
{
    assert_true(port_page_access(&partitions[0], GPA(MSIX_AT(port) + at), size, &value, true));
}

static void test_sep3_messages(void **state)
{
    (void)state;
    send_frame(0, 60);
    driver_notify(TX);
    assert_int_equal(fake_partition.interrupts[0], 1);
    assert_int_equal(fake_partition.vector, 0x42);
    assert_true(fake_partition.gate_was_held);
    page_write(CABLE, 2 * 16 + 12, 4, 1); /* masked: it waits */
    send_frame(1, 60);
    driver_notify(TX);
    assert_int_equal(fake_partition.interrupts[0], 1);
    assert_int_equal(page_read(CABLE, 0x800, 4), 4);
    page_write(CABLE, 2 * 16 + 12, 4, 0);
    assert_int_equal(fake_partition.interrupts[0], 2);
    assert_int_equal(page_read(CABLE, 0x800, 8), 0);
    config_set(CABLE, 0x8a, 2, 0xc000); /* all masked */
    send_frame(2, 60);
    driver_notify(TX);
    assert_int_equal(fake_partition.interrupts[0], 2);
    config_set(CABLE, 0x8a, 2, 0x8000);
    assert_int_equal(fake_partition.interrupts[0], 3);
    page_write(CABLE, 2 * 16, 4, 0xfee02000); /* a core that it does not have */
    send_frame(3, 60);
    driver_notify(TX);
    page_write(CABLE, 2 * 16, 4, 0xfee01000);
    page_write(CABLE, 2 * 16 + 8, 4, 0x0f); /* an exception's vector */
    send_frame(4, 60);
    driver_notify(TX);
    page_write(CABLE, 2 * 16 + 8, 4, 0x441); /* an NMI */
    send_frame(5, 60);
    driver_notify(TX);
    assert_int_equal(fake_partition.interrupts[0], 3);
    page_write(CABLE, 2 * 16 + 8, 4, 0x41);
    send_frame(6, 60);
    driver_notify(TX);
    assert_int_equal(fake_partition.interrupts[0], 4);
    assert_int_equal(fake_partition.vector, 0x41);
}

static void test_page_of_messages(void **state)
{
    uint64_t value = 0;

    (void)state;
    assert_int_equal(page_read(CABLE, 16, 4), 0xfee00000);
    assert_int_equal(page_read(CABLE, 16 + 8, 8), 0x41);
    for (unsigned at = 0x30; at < PAGE_SIZE; at += 4) { /* nothing behind the vectors can be written */
        page_write(CABLE, at, 4, 0xffffffff);
        assert_int_equal(page_read(CABLE, at, 4), 0);
    }
    assert_false(port_page_access(&partitions[0], GPA(MSIX_AT(0) + 2), 4, &value, false));
    assert_false(port_page_access(&partitions[0], GPA(MSIX_AT(0)), 2, &value, false));
    assert_false(port_page_access(&partitions[0], GPA(MSIX_AT(0) + 4), 8, &value, true));
    assert_false(port_page(&partitions[1], GPA(MSIX_AT(0))));
    assert_false(port_page(&partitions[0], GPA(MSIX_AT(PORTS))));
    assert_true(port_page(&partitions[0], GPA(MSIX_AT(1) + 4095)));
}

static void test_without_mastering_nothing_moves(void **state)
{
    (void)state;
    config_set(CABLE, 4, 2, 3);
    send_frame(0, 60);
    driver_notify(TX);
    assert_int_equal(driver_take(TX, 0), -1);
    config_set(CABLE, 4, 2, 7);
    driver_notify(TX);
    assert_int_equal(driver_take(TX, 0), 0);
}

/* The driver is interrupted when it passes the index that the driver has named, and only then. */
static void test_event_index(void **state)
{
    uint16_t event = 3;

    (void)state;
    driver_start(CABLE, FEATURE_EVENTS);
    machine_settle();
    fake_partition.interrupts[0] = 0;
    memcpy(ram(TX->at + 0x1000 + 4 + TX->size * 2), &event, 2);
    for (unsigned i = 0; i < 6; i++) {
        send_frame(i, 60);
        driver_notify(TX);
        assert_int_equal(fake_partition.interrupts[0], i >= 3);
    }
    memcpy(&event, ram(TX->at + 0x2000 + 4 + TX->size * 8), 2);
    assert_int_equal(event, 6); /* where it wants to be notified next */
    driver_start(CABLE, 0);
    fake_partition.interrupts[0] = 0;
    *ram(TX->at + 0x1000) = 1; /* without event indices: none at all */
    send_frame(0, 60);
    driver_notify(TX);
    assert_int_equal(fake_partition.interrupts[0], 0);
}

/* --- frames ------------------------------------------------------------------------------------------------------------------------ */

static void test_frames_out(void **state)
{
    uint8_t got[2048], want[2048];
    struct bh_record record;

    (void)state;
    assert_true(record_arm(&peers[CABLE], BH_WANTS_DATA, 0));
    for (unsigned i = 0; i < 500; i++) {
        uint32_t size = 14 + i * 3 % 1505;
        send_frame(i, size);
        driver_notify(TX);
        assert_true(driver_take(TX, 0) >= 0);
        assert_true(record_take(&peers[CABLE], got, sizeof(got), &record));
        fill(want, size, i);
        assert_int_equal(record.size, size);
        assert_int_equal(record.tag, 0);
        assert_memory_equal(got, want, size);
    }
    assert_int_equal(peer_rung[CABLE], 500);
    (void)record_arm(&peers[CABLE], 0, 0);
    send_frame(0, 60);
    driver_notify(TX);
    assert_int_equal(peer_rung[CABLE], 500); /* it looks itself */
}

static void test_what_finds_no_room_is_lost(void **state)
{
    unsigned taken = 0;
    struct bh_record record;
    uint8_t got[2048];

    (void)state;
    for (unsigned i = 0; i < 40; i++) {
        send_frame(i, 1000);
        driver_notify(TX);
        assert_true(driver_take(TX, 0) >= 0); /* the driver is never held up */
    }
    while (record_take(&peers[CABLE], got, sizeof(got), &record))
        taken++;
    assert_int_equal(taken, RING / 1008);
    for (unsigned i = 0; i < 3; i++) { /* too short, too long: no frames */
        static const uint32_t sizes[] = {0, 1519, 2000};
        send_frame(i, sizes[i]);
        driver_notify(TX);
        assert_true(driver_take(TX, 0) >= 0);
        assert_false(record_take(&peers[CABLE], got, sizeof(got), &record));
    }
    assert_int_equal(fake_partition.denied, 0);
}

static void give(unsigned n)
{
    driver_put(RX, &(struct piece){BUFFER(n), 1600, true}, 1);
}

static bool peer_put(unsigned port, uint32_t tag, const void *bytes, size_t size)
{
    bool done = record_put(&peers[port], tag, &(struct record_piece){bytes, size}, 1);

    record_flush(&peers[port]);
    return done;
}

static void test_frames_in(void **state)
{
    static const uint8_t header[NET_HEADER] = {[10] = 1};
    uint8_t frame[1518];
    uint32_t written;

    (void)state;
    for (unsigned i = 0; i < 300; i++) {
        uint32_t size = 14 + i * 5 % 1505;
        fill(frame, size, i);
        give(i % 8);
        driver_notify(RX);
        memset(ram(BUFFER(i % 8)), 0xdd, 1600);
        assert_true(peer_put(CABLE, 0, frame, size));
        machine_settle();
        assert_true(driver_take(RX, &written) >= 0);
        assert_int_equal(written, NET_HEADER + size);
        assert_memory_equal(ram(BUFFER(i % 8)), header, NET_HEADER);
        assert_memory_equal(ram(BUFFER(i % 8) + NET_HEADER), frame, size);
        assert_int_equal(*ram(BUFFER(i % 8) + NET_HEADER + size), 0xdd);
    }
    assert_int_equal(fake_partition.interrupts[0], 300);
}

/* Frames wait in the ring for buffers; a notify brings them. */
static void test_frames_wait_for_buffers(void **state)
{
    uint8_t frame[100];

    (void)state;
    for (unsigned i = 0; i < 5; i++) {
        fill(frame, 100, i);
        assert_true(peer_put(CABLE, 0, frame, 100));
    }
    machine_settle();
    assert_int_equal(driver_take(RX, 0), -1);
    assert_int_equal(((struct bh_ring_head *)(void *)channel_head(0))->wants & BH_WANTS_DATA, 0); /* no use in ringing */
    for (unsigned i = 0; i < 5; i++)
        give(i);
    driver_notify(RX);
    machine_settle();
    for (unsigned i = 0; i < 5; i++) {
        fill(frame, 100, i);
        assert_true(driver_take(RX, 0) >= 0);
        assert_memory_equal(ram(BUFFER(i) + NET_HEADER), frame, 100);
    }
    assert_int_equal(((struct bh_ring_head *)(void *)channel_head(0))->wants & BH_WANTS_DATA, BH_WANTS_DATA);
}

/* --- queues that make no sense ----------------------------------------------------------------------------------------------------- */

static void descriptor(const struct driver_queue *queue, unsigned i, uint64_t at, uint32_t size, uint16_t flags, uint16_t next)
{
    uint8_t *d = ram(queue->at + i * 16);

    memcpy(d, &at, 8), memcpy(d + 8, &size, 4), memcpy(d + 12, &flags, 2), memcpy(d + 14, &next, 2);
}

static void head_put(struct driver_queue *queue, uint16_t head, uint16_t count)
{
    memcpy(ram(queue->at + 0x1004 + queue->available % queue->size * 2u), &head, 2);
    queue->available = (uint16_t)(queue->available + count);
    memcpy(ram(queue->at + 0x1002), &queue->available, 2);
}

static void is_broken(unsigned port, bool sends)
{
    fake_partition.denied = 0;
    driver_notify(&queues[port][sends]);
    machine_settle();
    assert_true(reg_read(port, 0x14, 1) & BROKEN);
    assert_int_equal(fake_partition.denied, 1);
    assert_int_equal(driver_take(&queues[port][sends], 0), -1);
    driver_notify(&queues[port][sends]); /* and nothing more until it is reset */
    machine_settle();
    assert_int_equal(fake_partition.denied, 1);
    driver_start(port, 0);
    assert_int_equal(reg_read(port, 0x14, 1), 15);
}

static void test_sep7_malformed_queues(void **state)
{
    static const uint64_t outside[] = {RAM_LOW, RAM_LOW - 50, RAM_HIGH - 1, RAM_HIGH + RAM_HIGH_SIZE - 99, ~0ull - 10, 0xfee00000};

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(outside); i++) { /* not its memory */
        descriptor(TX, 0, outside[i], 100, 0, 0);
        head_put(TX, 0, 1);
        is_broken(CABLE, true);
    }
    descriptor(TX, 0, BUFFER(0), 0xffffffff, 0, 0);
    head_put(TX, 0, 1);
    is_broken(CABLE, true);
    descriptor(TX, 0, BUFFER(0), 20, 1, 1); /* a loop */
    descriptor(TX, 1, BUFFER(0), 20, 1, 0);
    head_put(TX, 0, 1);
    is_broken(CABLE, true);
    descriptor(TX, 0, BUFFER(0), 20, 1, 16); /* beyond the table */
    head_put(TX, 0, 1);
    is_broken(CABLE, true);
    head_put(TX, 16, 1); /* no such head */
    is_broken(CABLE, true);
    head_put(TX, 0xffff, 1);
    is_broken(CABLE, true);
    head_put(TX, 0, 17); /* more than there are */
    is_broken(CABLE, true);
    head_put(TX, 0, 0xffff);
    is_broken(CABLE, true);
    descriptor(TX, 0, BUFFER(0), 64, 4, 0); /* indirect: not agreed on */
    head_put(TX, 0, 1);
    is_broken(CABLE, true);
    descriptor(TX, 0, BUFFER(0), 64, 3, 1); /* to be read behind what is to be written */
    descriptor(TX, 1, BUFFER(0), 64, 0, 0);
    head_put(TX, 0, 1);
    is_broken(CABLE, true);
}

/* Buffers to receive into are met only when there is something to receive. */
static void test_sep7_malformed_buffers(void **state)
{
    uint8_t frame[64] = {0};

    (void)state;
    assert_true(peer_put(CABLE, 0, frame, 64));
    machine_settle();
    descriptor(RX, 0, BUFFER(0), 1600, 0, 0); /* not to be written */
    head_put(RX, 0, 1);
    is_broken(CABLE, false);
    descriptor(RX, 0, BUFFER(0), 1525, 2, 0); /* too small for any frame */
    head_put(RX, 0, 1);
    is_broken(CABLE, false);
    descriptor(RX, 0, RAM_LOW - 1000, 1600, 2, 0);
    head_put(RX, 0, 1);
    is_broken(CABLE, false);
    give(0);
    driver_notify(RX);
    machine_settle();
    assert_int_equal(driver_take(RX, 0), 0); /* the frame was not lost */
}

/* --- requests ---------------------------------------------------------------------------------------------------------------------- */

/* A read (0), write (1) or flush (4) of `size` bytes; its status byte is 0xcc until it is answered. */
static uint16_t request(unsigned n, uint32_t type, uint64_t sector, uint32_t size)
{
    struct {
        uint32_t type, priority;
        uint64_t sector;
    } header = {type, 7, sector};
    struct piece pieces[3] = {{BUFFER(n), 16, false}, {BUFFER(n) + 32, size, type == 0}, {BUFFER(n) + 0x7ff, 1, true}};
    bool data = size != 0;

    memcpy(ram(BUFFER(n)), &header, 16);
    *ram(BUFFER(n) + 0x7ff) = 0xcc;
    if (!data)
        pieces[1] = pieces[2];
    return driver_put(DISK, pieces, data ? 3 : 2);
}

static uint8_t status_of(unsigned n)
{
    return *ram(BUFFER(n) + 0x7ff);
}

struct seen {
    struct bh_slice_request request;
    uint8_t data[2048];
};

static bool peer_take(struct bh_record *record, struct seen *seen)
{
    return record_take(&peers[SLICE], seen, sizeof(*seen), record);
}

static bool answer(uint32_t tag, uint8_t status, const void *data, uint32_t size)
{
    uint8_t bytes[2048] = {status};

    if (size != 0)
        memcpy(bytes + 8, data, size);
    return peer_put(SLICE, tag, bytes, 8 + size);
}

static void test_requests(void **state)
{
    struct bh_record record;
    struct seen seen;
    uint8_t data[512];
    uint32_t written;
    uint16_t head;

    (void)state;
    fill(ram(BUFFER(0) + 32), 512, 5);
    fill(data, 512, 5);
    head = request(0, 1, 77, 512);
    driver_notify(DISK);
    assert_true(peer_take(&record, &seen));
    assert_int_equal(record.size, 16 + 512);
    assert_int_equal(seen.request.type, 1);
    assert_int_equal(seen.request.length, 0);
    assert_int_equal(seen.request.sector, 77);
    assert_memory_equal(seen.data, data, 512);
    assert_int_equal(driver_take(DISK, 0), -1); /* not before it is answered */
    assert_true(answer(record.tag, 0, 0, 0));
    machine_settle();
    assert_int_equal(driver_take(DISK, &written), head);
    assert_int_equal(written, 1);
    assert_int_equal(status_of(0), 0);
    head = request(1, 0, 78, 512);
    driver_notify(DISK);
    assert_true(peer_take(&record, &seen));
    assert_int_equal(record.size, 16);
    assert_int_equal(seen.request.length, 512);
    assert_true(answer(record.tag, 0, data, 512));
    machine_settle();
    assert_int_equal(driver_take(DISK, &written), head);
    assert_int_equal(written, 513);
    assert_int_equal(status_of(1), 0);
    assert_memory_equal(ram(BUFFER(1) + 32), data, 512);
    for (uint8_t status = 1; status < 5; status++) { /* errors; what is none of the statuses is one too */
        request(2, 4, 0, 0);
        driver_notify(DISK);
        assert_true(peer_take(&record, &seen));
        assert_int_equal(seen.request.type, 4);
        assert_true(answer(record.tag, status, 0, 0));
        machine_settle();
        assert_true(driver_take(DISK, 0) >= 0);
        assert_int_equal(status_of(2), status == 2 ? 2 : 1);
    }
    assert_int_equal(fake_partition.denied, 0);
}

/* Answers that nobody asked for, or that come again, change no byte. */
static void test_masquerade_wrong_answers(void **state)
{
    struct bh_record record, old;
    struct seen seen;
    uint8_t data[512];

    (void)state;
    fill(data, 512, 9);
    request(0, 0, 1, 512);
    driver_notify(DISK);
    assert_true(peer_take(&old, &seen));
    assert_true(answer(old.tag, 0, data, 512));
    machine_settle();
    assert_true(driver_take(DISK, 0) >= 0);
    memset(ram(BUFFER(0)), 0x77, 0x800);
    DISK->next = 0; /* the same head again, for another request */
    request(1, 0, 2, 512);
    memset(ram(BUFFER(1) + 32), 0x77, 512);
    driver_notify(DISK);
    assert_true(peer_take(&record, &seen));
    assert_int_equal((uint16_t)record.tag, (uint16_t)old.tag);
    assert_int_not_equal(record.tag, old.tag);
    assert_true(answer(old.tag, 0, data, 512)); /* repeated */
    assert_true(answer(record.tag ^ 1, 0, data, 512));
    assert_true(answer(record.tag | 0x8000, 0, data, 512));
    assert_true(answer(record.tag & 0xffff, 0, data, 512));
    assert_true(answer(0, 0, data, 512));
    assert_true(peer_put(SLICE, record.tag, "1234567", 7)); /* too short to be one */
    machine_settle();
    assert_int_equal(driver_take(DISK, 0), -1);
    assert_int_equal(status_of(1), 0xcc);
    for (unsigned i = 0; i < 0x800; i++)
        assert_int_equal(*ram(BUFFER(0) + i), 0x77);
    for (unsigned i = 32; i < 32 + 512; i++)
        assert_int_equal(*ram(BUFFER(1) + i), 0x77);
    assert_true(answer(record.tag, 0, data, 511)); /* less than was asked for: an error, and none of it */
    machine_settle();
    assert_true(driver_take(DISK, 0) >= 0);
    assert_int_equal(status_of(1), 1);
    assert_int_equal(*ram(BUFFER(1) + 32), 0x77);
    assert_true(answer(record.tag, 0, data, 512)); /* answered already */
    machine_settle();
    assert_int_equal(status_of(1), 1);
    assert_int_equal(*ram(BUFFER(1) + 32), 0x77);
}

/* A server that starts again gets all that was under way, once each, and the driver learns nothing of it. */
static void test_loss_the_server_starts_again(void **state)
{
    bool seen_sector[6] = {false};
    struct bh_record record;
    struct seen seen;

    (void)state;
    for (unsigned i = 0; i < 5; i++)
        request(i, 1, i, 512);
    driver_notify(DISK);
    assert_true(peer_take(&record, &seen));
    assert_true(answer(record.tag, 0, 0, 0)); /* the first is done, and then it ends */
    machine_settle();
    assert_int_equal(driver_take(DISK, 0), 0);
    peer_start(SLICE);
    machine_settle();
    request(5, 1, 5, 512);
    driver_notify(DISK);
    assert_true(record_renewed(&peers[SLICE]));
    record_flush(&peers[SLICE]);
    machine_settle();
    for (unsigned i = 0; i < 5; i++) {
        assert_true(peer_take(&record, &seen));
        assert_in_range(seen.request.sector, 1, 5);
        assert_false(seen_sector[seen.request.sector]);
        seen_sector[seen.request.sector] = true;
        assert_true(answer(record.tag, 0, 0, 0));
    }
    assert_false(peer_take(&record, &seen));
    machine_settle();
    for (unsigned i = 1; i < 6; i++)
        assert_int_equal(status_of(i), 0);
}

/* Requests for which the ring has no room wait in their queue. */
static void test_requests_wait_for_room(void **state)
{
    struct bh_record record;
    struct seen seen;

    (void)state;
    for (unsigned i = 0; i < 5; i++)
        request(i, 1, i, 2000);
    driver_notify(DISK);
    machine_settle();
    for (unsigned i = 0; i < 5; i++) {
        assert_true(peer_take(&record, &seen));
        assert_int_equal(seen.request.sector, i);
        record_flush(&peers[SLICE]); /* rings, as the port wants the room */
        machine_settle();
        assert_true(answer(record.tag, 0, 0, 0));
        machine_settle();
        assert_int_equal(status_of(i), 0);
    }
}

static struct {
    unsigned records;
    uint32_t bytes;
} drained;

/* A server that reads while the port writes. */
static void drain(void)
{
    static uint8_t bytes[RING];
    struct bh_record record;

    (void)record_renewed(&peers[SLICE]);
    while (record_take(&peers[SLICE], bytes, sizeof(bytes), &record)) {
        drained.records++;
        drained.bytes += record.size;
    }
}

/* Requests of so many bytes that are all under way, the server having read them. */
static void requests_many(unsigned count, uint32_t size)
{
    struct piece pieces[] = {{0x20000, size, false}, {BUFFER(0), 1, true}};

    setup(0);
    queue_size = QUEUE_MAX;
    driver_start(SLICE, 0);
    machine_settle();
    for (unsigned i = 0; i < count; i++)
        driver_put(DISK, pieces, 2);
    memset(&drained, 0, sizeof(drained));
    on_look = drain;
    driver_notify(DISK);
}

/* However fast the server reads: how many rounds until it has them all, none with more than that. */
static unsigned rounds_until(unsigned count, unsigned records, uint32_t bytes)
{
    unsigned rounds = 1;

    for (; port_requests != 0 && rounds < 100; rounds++) {
        drain();
        assert_true(drained.records <= records * rounds);
        assert_true(drained.bytes <= bytes * rounds);
        port_requests = 0;
        ports_serve(&vcpus[0]);
    }
    drain();
    assert_int_equal(drained.records, count);
    return rounds;
}

static void test_sep4_rounds_are_bounded(void **state)
{
    static const struct {
        unsigned count;
        uint32_t size;
        unsigned records;
        uint32_t bytes;
        unsigned rounds;
    } cases[] = {{120, 7000, 64, 0x40000 + 7000, 4}, {120, 16, 64, 64 * 16, 2}};

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        requests_many(cases[i].count, cases[i].size);
        assert_in_range(rounds_until(cases[i].count, cases[i].records, cases[i].bytes), cases[i].rounds, cases[i].rounds + 1);
        on_look = 0;
        peer_start(SLICE); /* and once more, to a new server */
        memset(&drained, 0, sizeof(drained));
        port_requests = 0;
        ports_serve(&vcpus[0]);
        on_look = drain;
        drain();
        port_requests = 1;
        assert_in_range(rounds_until(cases[i].count, cases[i].records, cases[i].bytes), cases[i].rounds + 1, cases[i].rounds + 2);
        assert_int_equal(reg_read(SLICE, 0x14, 1), 15);
    }
}

static void test_requests_malformed(void **state)
{
    (void)state;
    descriptor(DISK, 0, BUFFER(0), 15, 1, 1); /* no room for a header */
    descriptor(DISK, 1, BUFFER(1), 1, 2, 0);
    head_put(DISK, 0, 1);
    is_broken(SLICE, false);
    descriptor(DISK, 0, BUFFER(0), 16, 0, 0); /* no room for a status */
    head_put(DISK, 0, 1);
    is_broken(SLICE, false);
    request(0, 1, 0, 512); /* the same head while it is under way */
    driver_notify(DISK);
    head_put(DISK, 0, 1);
    is_broken(SLICE, false);
    descriptor(DISK, 0, BUFFER(0), 16, 1, 1); /* larger than the ring: an error at once, and the queue goes on */
    descriptor(DISK, 1, 0x20000, RING, 1, 2);
    descriptor(DISK, 2, BUFFER(1), 1, 2, 0);
    head_put(DISK, 0, 1);
    driver_notify(DISK);
    assert_int_equal(driver_take(DISK, 0), 0);
    assert_int_equal(*ram(BUFFER(1)), 1);
    assert_int_equal(reg_read(SLICE, 0x14, 1), 15);
}

/* --- lives ------------------------------------------------------------------------------------------------------------------------- */

static void test_the_peer_starts_again(void **state)
{
    struct bh_record record;
    uint8_t got[128], frame[64] = {1, 2, 3};

    (void)state;
    for (unsigned life = 0; life < 30; life++) {
        send_frame(0, 60);
        driver_notify(TX);
        give(life % 8);
        peer_start(CABLE);
        machine_settle();
        assert_true(record_renewed(&peers[CABLE]));
        record_flush(&peers[CABLE]);
        machine_settle();
        assert_false(record_take(&peers[CABLE], got, sizeof(got), &record)); /* of the life before */
        send_frame(1, 61);
        driver_notify(TX);
        assert_true(record_take(&peers[CABLE], got, sizeof(got), &record));
        assert_int_equal(record.size, 61);
        assert_true(peer_put(CABLE, 0, frame, 64));
        driver_notify(RX);
        machine_settle();
        assert_true(driver_take(RX, 0) >= 0);
    }
}

static void test_the_owner_starts_again(void **state)
{
    struct bh_record record;
    uint8_t got[128], frame[64] = {1, 2, 3};

    (void)state;
    for (unsigned life = 0; life < 30; life++) {
        send_frame(0, 60);
        driver_notify(TX);
        assert_true(peer_put(CABLE, 0, frame, 64));
        owner_start();
        machine_settle();
        assert_int_equal(reg_read(CABLE, 0x14, 1), 0);
        assert_int_equal(config(CABLE, 4, 2), 0);
        assert_int_equal(page_read(CABLE, 12, 4), 1);
        assert_true(record_renewed(&peers[CABLE]));
        assert_false(peer_put(CABLE, 0, frame, 64)); /* nobody is there yet */
        driver_start(CABLE, FEATURE_EVENTS);
        machine_settle();
        assert_false(record_take(&peers[CABLE], got, sizeof(got), &record));
        give(0);
        driver_notify(RX);
        assert_true(peer_put(CABLE, 0, frame, 64));
        machine_settle();
        assert_true(driver_take(RX, 0) >= 0);
        assert_int_equal(driver_take(RX, 0), -1);
        send_frame(1, 61);
        driver_notify(TX);
        assert_true(record_take(&peers[CABLE], got, sizeof(got), &record));
        assert_int_equal(record.size, 61);
    }
}

/* Over the rate the doorbell is not lost, and its owner's core goes on with its guest: it is tried again at a tick, or with the next round. */
static void test_rate(void **state)
{
    (void)state;
    assert_true(record_arm(&peers[CABLE], BH_WANTS_DATA, 0));
    rings_allowed = false;
    send_frame(0, 60);
    driver_notify(TX);
    assert_int_equal(peer_rung[CABLE], 0);
    assert_int_equal(port_requests, 0);
    for (unsigned i = 0; i < 3; i++) {
        ports_tick();
        assert_int_equal(port_requests, 1); /* of the two ports one is late */
        machine_settle();
        assert_int_equal(peer_rung[CABLE], 0);
    }
    rings_allowed = true;
    ports_tick();
    machine_settle();
    assert_int_equal(peer_rung[CABLE], 1);
    ports_tick();
    assert_int_equal(port_requests, 0);
    rings_allowed = false;
    send_frame(0, 60);
    driver_notify(TX);
    rings_allowed = true;
    driver_notify(TX);
    assert_int_equal(peer_rung[CABLE], 2);
    ports_tick();
    assert_int_equal(port_requests, 0);
}

/* Where there is no tick, one is asked for, and only by who is late. */
static void test_rate_without_a_tick(void **state)
{
    (void)state;
    assert_true(record_arm(&peers[CABLE], BH_WANTS_DATA, 0));
    rings_allowed = false;
    send_frame(0, 60);
    driver_notify(TX);
    assert_int_equal(fake_partition.wakes, 0);
    fake_plan.tick_off = true;
    send_frame(1, 60);
    driver_notify(TX);
    assert_int_equal(fake_partition.wakes, 1);
    rings_allowed = true;
    ports_tick();
    machine_settle();
    assert_int_equal(peer_rung[CABLE], 1);
    assert_int_equal(fake_partition.wakes, 1);
}

/* --- a peer that writes what it likes ------------------------------------------------------------------------------------------------ */

static uint64_t next(uint64_t *random)
{
    *random ^= *random << 13, *random ^= *random >> 7, *random ^= *random << 17;
    return *random;
}

/* Ring upon ring: its owner's core is asked to come again once at most when nothing has moved, and its buffers are only ever given
 * frames (machine_settle() aborts else). Memory beside them stays as it is. */
static void test_sep4_a_scribbling_peer(void **state)
{
    uint64_t random = 88172645463325252ull;

    (void)state;
    for (unsigned i = 0; i < 100000; i++) {
        uint64_t r = next(&random);
        unsigned port = r & 1, channel = 2 * port + 1;
        uint32_t *word = (uint32_t *)(void *)channel_head(channel), *own = (uint32_t *)(void *)channel_head(channel - 1);
        bool ring = (r & 0x1c) == 0;

        word += ring ? PAGE_SIZE / 4 + (r >> 8) % (RING / 4) : (r >> 8) % 4;
        *word = r & 0x20 ? (uint32_t)(r >> 32) : r & 0x40 ? own[1] + 8 * (uint32_t)(r >> 54) : *word + 8;
        if ((r >> 20 & 0xff) == 0)
            peer_start(port);
        if ((r >> 28 & 7) == 0 && (uint16_t)(RX->available - RX->seen) < RX->size)
            give(i % 8), driver_notify(RX);
        if ((r >> 28 & 0x3f) == 1 && DISK->available == DISK->seen)
            request(i % 8, r >> 40 & 1, r, 512), driver_notify(DISK);
        port_wake(channel, &partitions[0]);
        machine_settle();
        while (driver_take(RX, 0) >= 0 || driver_take(DISK, 0) >= 0)
            ;
        for (unsigned p = 0; p < PORTS; p++)
            assert_int_equal(reg_read(p, 0x14, 1), 15);
    }
    assert_int_equal(fake_partition.denied, 0);
}

static void scribble(void)
{
    ((struct bh_ring_head *)(void *)channel_head(1))->produced += 12;
}

/* Whenever we look there is something else that makes no sense: after one more look the core goes back to its partition (machine_settle()
 * aborts else). */
static void test_sep4_no_core_is_kept(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 10; i++)
        give(i % 8);
    driver_notify(RX);
    machine_settle();
    on_look = scribble;
    port_wake(1, &partitions[0]);
    machine_settle();
    on_look = 0;
    assert_int_equal(driver_take(RX, 0), -1);
}

/* Rings full of records that can be nothing, from a peer that wants to be rung for the room: its own doorbell is worth two rounds, whether ours
 * are allowed or not, and it is not rung. */
static void junk(unsigned port, uint32_t tag, uint32_t size, unsigned *puts)
{
    struct bh_ring_head *head = (struct bh_ring_head *)(void *)channel_head(2 * port + 1);

    for (*puts = 0; record_put(&peers[port], tag, &(struct record_piece){"12345678", size}, 1);)
        ++*puts;
    head->wants = BH_WANTS_ROOM;
    port_wake(2 * port + 1, &partitions[0]);
}

static void test_sep4_junk_and_no_doorbells(void **state)
{
    static const struct {
        unsigned port;
        uint32_t tag, size;
    } cases[] = {{CABLE, 0, 0}, {SLICE, 0, 8}, {SLICE, 0x10000 + QUEUE_MAX, 8}, {SLICE, 5, 8}, {SLICE, 0x10000, 7}};

    (void)state;
    give(0);
    driver_notify(RX);
    for (unsigned i = 0; i < 2 * ARRAY_SIZE(cases); i++) {
        unsigned which = i / 2, puts, rounds = 0;

        rings_allowed = i % 2;
        memset(peer_rung, 0, sizeof(peer_rung));
        junk(cases[which].port, cases[which].tag, cases[which].size, &puts);
        assert_true(puts > 500);
        for (; port_requests != 0 && rounds < 100; rounds++) {
            port_requests = 0;
            ports_serve(&vcpus[0]);
        }
        assert_in_range(rounds, 1, 2);
        assert_int_equal(peer_rung[cases[which].port], 0);
        ports_tick();
        assert_int_equal(port_requests, 0);
        junk(cases[which].port, 0, 0, &puts); /* the ring is empty */
        assert_true(puts > 500);
        machine_settle();
    }
}

/* Answers that come too late are taken one by one, with a doorbell for the room; over the rate no round follows for that. */
static void test_sep4_late_answers_and_no_doorbells(void **state)
{
    unsigned puts, rounds = 0;

    (void)state;
    rings_allowed = false;
    for (unsigned i = 0; i < 100; i++) {
        junk(SLICE, 0x70001, 8, &puts);
        for (; port_requests != 0 && rounds < 1000; rounds++) {
            port_requests = 0;
            ports_serve(&vcpus[0]);
        }
    }
    assert_true(rounds <= 200);
    assert_int_equal(peer_rung[SLICE], 0);
}

/* Records that no frame can be do not use a buffer, and the next frame comes. */
static void test_corruption_records_that_are_no_frames(void **state)
{
    static const uint32_t sizes[] = {0, 1519, 1600, 4000};
    uint8_t record[4000] = {0};

    (void)state;
    give(0);
    driver_notify(RX);
    for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
        assert_true(peer_put(CABLE, 0, record, sizes[i]));
        machine_settle();
        assert_int_equal(driver_take(RX, 0), -1);
    }
    assert_true(peer_put(CABLE, 0, record, 60));
    machine_settle();
    assert_int_equal(driver_take(RX, 0), 0);
}

/* An answer longer than its ring, or than what the peer says it has put. */
static void test_corruption_sizes_that_lie(void **state)
{
    static const uint32_t ahead[] = {0x6010, 16, 0x2008};
    struct bh_ring_head *head = (struct bh_ring_head *)(void *)channel_head(3);
    struct bh_record record;
    struct seen seen;

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(ahead); i++) {
        struct piece pieces[] = {{BUFFER(0), 16, false}, {0x20000, 0x6000, true}, {BUFFER(1), 1, true}};

        memset(ram(BUFFER(0)), 0, 16);
        memset(ram(0x20000), 0x77, 0x6000);
        driver_put(DISK, pieces, 3);
        driver_notify(DISK);
        assert_true(peer_take(&record, &seen));
        memcpy(channel_head(3) + PAGE_SIZE + head->produced % RING, &(struct bh_record){0x6008, record.tag}, 8);
        head->produced += ahead[i];
        port_wake(3, &partitions[0]);
        machine_settle();
        assert_int_equal(driver_take(DISK, 0), -1);
        for (unsigned b = 0; b < 0x6000; b++)
            assert_int_equal(*ram(0x20000 + b), 0x77);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_configuration_space, setup),
        cmocka_unit_test_setup(test_capabilities, setup),
        cmocka_unit_test_setup(test_every_register, setup),
        cmocka_unit_test_setup(test_accesses_are_counted, setup),
        cmocka_unit_test_setup(test_features, setup),
        cmocka_unit_test_setup(test_queue_registers, setup),
        cmocka_unit_test_setup(test_ac34_rings_elsewhere, setup),
        cmocka_unit_test_setup(test_sep3_messages, setup),
        cmocka_unit_test_setup(test_page_of_messages, setup),
        cmocka_unit_test_setup(test_without_mastering_nothing_moves, setup),
        cmocka_unit_test_setup(test_event_index, setup),
        cmocka_unit_test_setup(test_frames_out, setup),
        cmocka_unit_test_setup(test_what_finds_no_room_is_lost, setup),
        cmocka_unit_test_setup(test_frames_in, setup),
        cmocka_unit_test_setup(test_frames_wait_for_buffers, setup),
        cmocka_unit_test_setup(test_sep7_malformed_queues, setup),
        cmocka_unit_test_setup(test_sep7_malformed_buffers, setup),
        cmocka_unit_test_setup(test_requests, setup),
        cmocka_unit_test_setup(test_masquerade_wrong_answers, setup),
        cmocka_unit_test_setup(test_loss_the_server_starts_again, setup),
        cmocka_unit_test_setup(test_requests_wait_for_room, setup),
        cmocka_unit_test_setup(test_sep4_rounds_are_bounded, setup),
        cmocka_unit_test_setup(test_requests_malformed, setup),
        cmocka_unit_test_setup(test_the_peer_starts_again, setup),
        cmocka_unit_test_setup(test_the_owner_starts_again, setup),
        cmocka_unit_test_setup(test_rate, setup),
        cmocka_unit_test_setup(test_rate_without_a_tick, setup),
        cmocka_unit_test_setup(test_sep4_a_scribbling_peer, setup),
        cmocka_unit_test_setup(test_sep4_no_core_is_kept, setup),
        cmocka_unit_test_setup(test_sep4_junk_and_no_doorbells, setup),
        cmocka_unit_test_setup(test_sep4_late_answers_and_no_doorbells, setup),
        cmocka_unit_test_setup(test_corruption_records_that_are_no_frames, setup),
        cmocka_unit_test_setup(test_corruption_sizes_that_lie, setup),
    };

    return cmocka_run_group_tests(tests, 0, 0);
}
