/* SPDX-License-Identifier: Apache-2.0 */
/* Virtio ports between a driver and a peer that both do what they like: registers, configuration space, the page of messages, descriptors,
 * rings, heads and epochs of channels. 8 bytes each: what, where (3), value (4). The sanitizer watches the memory of both; core comes to
 * rest after each (machine_settle() aborts else), and sends no vector of an exception. A libFuzzer entry point. Links what
 * tests/unit/units.mk names for test_port.c. */
#include <stdlib.h>
#include <string.h>

#include "port_machine.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define STEP 8u
#define QUEUES_AT 0x4000u /* where port_machine.c has them */

static void ram_write(uint32_t where, uint32_t value, bool data)
{
    uint32_t at = data ? where * 4 % RAM_LOW : QUEUES_AT + where % 0xc000;

    memcpy(ram(at & ~1u), &value, 2 + 2 * (at % 4 == 0));
}

static void peer_write(uint32_t where, uint32_t value)
{
    uint32_t channel = where & 2 ? 3 : 1, at = where & 1 ? where >> 2 & 0x3c : PAGE_SIZE + (where >> 2) * 4 % RING;

    memcpy(channel_head(channel) + at, &value, 4);
    port_wake(channel, &partitions[0]);
}

/* As a driver would: mostly what the queue's rings want. */
static void put(uint32_t where, uint32_t value)
{
    struct driver_queue *queue = &queues[where & 1][where & 1 ? 0 : where >> 1 & 1];
    struct piece pieces[4];
    unsigned count = 1 + (where >> 2 & 3);

    if (queue->size == 0)
        return;
    for (unsigned i = 0; i < count; i++)
        pieces[i] = (struct piece){(value >> i & 0xff) * 0x800u + (value & 0x80000000u ? RAM_HIGH : 0),
                                   (value >> 8 & 0x7ff) + 16 * i, i >= (where >> 4 & 3)};
    driver_put(queue, pieces, count);
    driver_notify(queue);
}

static void config_write_any(unsigned port, uint32_t where, uint32_t value)
{
    struct pci_function *face = port_function(&partitions[0], 3 + port);
    unsigned size = 1u << (where >> 8) % 3, at = (where & 0xff) / size * size;

    lock_take(&partitions[0].gate);
    (void)config_write(&partitions[0], face, at, size, value);
    port_changed(&partitions[0], face);
    lock_drop(&partitions[0].gate);
}

static void step(const uint8_t *bytes)
{
    uint32_t where = (uint32_t)bytes[1] | (uint32_t)bytes[2] << 8 | (uint32_t)bytes[3] << 16, value;
    uint64_t wide;
    unsigned port = bytes[0] >> 7;

    memcpy(&value, bytes + 4, 4);
    wide = value | (uint64_t)value << 32;
    switch (bytes[0] & 15) {
    case 0:
    case 1:
        (void)port_register(&vcpus[bytes[0] >> 6 & 1], (uint16_t)(0x1000 + where % 0x110), 1u << (where >> 16) % 3, &value,
                            bytes[0] & 1);
        break;
    case 2:
        config_write_any(port, where, value);
        break;
    case 3:
        (void)port_page_access(&partitions[0], GPA(MSIX_AT(port) + where % 0x1000), 1u << (where >> 16 & 3), &wide, true);
        break;
    case 4:
        driver_start(port, value & 1 ? FEATURE_EVENTS : 0);
        break;
    case 5:
        peer_start(port);
        (void)record_renewed(&peers[port]);
        break;
    case 6:
        owner_start();
        break;
    case 7:
    case 8:
        ram_write(where, value, bytes[0] & 1);
        break;
    case 9:
        (void)record_put(&peers[port], where, &(struct record_piece){ram(0), value % 0x3000}, 1);
        record_flush(&peers[port]);
        break;
    case 10:
    case 11:
        peer_write(where, value);
        break;
    default:
        put(where, value);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    machine_reset();
    for (size_t at = 0; at + STEP <= size && at < 200 * STEP; at += STEP) {
        step(data + at);
        machine_settle();
        if (fake_partition.interrupts[0] != 0 && fake_partition.vector < 16)
            abort();
    }
    return 0;
}
