/* SPDX-License-Identifier: Apache-2.0 */
/* See port_machine.h. */
#include "port_machine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arch.h"
#include "channel.h"
#include "iommu.h"
#include "memory.h"
#include "vcpu.h"

#define CHANNELS 4u

struct record_end peers[PORTS];
unsigned peer_rung[PORTS], port_requests;
bool rings_allowed;
uint16_t queue_size;
void (*on_look)(void);
struct driver_queue queues[PORTS][PORT_QUEUES];

static struct plan_channel channels[CHANNELS];
static struct plan_port ports_planned[PORTS];
static uint8_t *memory[CHANNELS], *ram_low, *ram_high;
static uint32_t epochs[CHANNELS];
static struct vcpu *owner;
static uint8_t pages[PORTS][PAGE_SIZE] __attribute__((aligned(4096)));
static unsigned pages_taken;

/* --- what core asks for ------------------------------------------------------------------------------------------------------------- */

static _Noreturn void broken(const char *what)
{
    fprintf(stderr, "broken: %s\n", what);
    abort();
}

void *pool_take(unsigned count)
{
    if (count != 1 || pages_taken == PORTS)
        broken("more pages than the planner counts");
    return pages[pages_taken++];
}

void *partition_ram(const struct partition *partition, gpa_t gpa, uint64_t size)
{
    if (partition->index != 0)
        broken("another partition's memory");
    if (range_inside(gpa.v, size, 0, RAM_LOW))
        return ram_low + gpa.v;
    return range_inside(gpa.v, size, RAM_HIGH, RAM_HIGH_SIZE) ? ram_high + (gpa.v - RAM_HIGH) : 0;
}

void vcpu_request(struct vcpu *vcpu, uint32_t request)
{
    if (vcpu->partition->index != 0 || request != REQUEST_PORT)
        broken("a request to another core");
    port_requests++;
}

uint8_t *channel_memory(unsigned channel)
{
    if (on_look != 0)
        on_look();
    return memory[channel];
}

uint32_t channel_epoch(unsigned channel)
{
    if (on_look != 0)
        on_look();
    return epochs[channel];
}

bool channel_may_ring(unsigned channel)
{
    if (!fake_gate_held(&partitions[0]) || channels[channel].writer != 0)
        broken("a rate of somebody else, or without the gate");
    return rings_allowed;
}

void channel_ring(unsigned channel)
{
    if (fake_gate_held(&partitions[0]))
        broken("a doorbell with a gate held");
    peer_rung[channel / 2]++;
}

/* Nothing of a port reaches the hardware. */
uint32_t arch_pci_read(uint16_t requester, unsigned offset, unsigned size)
{
    (void)requester, (void)offset, (void)size;
    broken("a read of configuration space");
}

void arch_pci_write(uint16_t requester, unsigned offset, unsigned size, uint32_t value)
{
    (void)requester, (void)offset, (void)size, (void)value;
    broken("a write to configuration space");
}

uint64_t arch_device_read(hpa_t address, unsigned size)
{
    (void)address, (void)size;
    broken("a read of a register");
}

void arch_device_write(hpa_t address, unsigned size, uint64_t value)
{
    (void)address, (void)size, (void)value;
    broken("a write to a register");
}

bool iommu_interrupt_set(const struct plan_function *function, unsigned index, uint32_t apic_id, uint8_t vector,
                         struct iommu_message *message)
{
    (void)function, (void)index, (void)apic_id, (void)vector, (void)message;
    broken("an entry of the interrupt remapping table");
}

/* The peers' library. */
uint64_t bh_call(uint64_t number, uint64_t a, uint64_t b, uint64_t c)
{
    (void)b, (void)c;
    if (number != BH_CALL_DOORBELL)
        broken("a call");
    port_wake((unsigned)a, &partitions[0]);
    return 0;
}

/* --- the machine ------------------------------------------------------------------------------------------------------------------- */

uint8_t *ram(uint64_t gpa)
{
    uint8_t *at = partition_ram(&partitions[0], GPA(gpa), 1);

    if (at == 0)
        broken("the test's own address");
    return at;
}

uint8_t *channel_head(unsigned channel)
{
    return memory[channel];
}

static void channel_restart(unsigned channel)
{
    memset(memory[channel], 0, PAGE_SIZE + RING);
    epochs[channel]++;
}

void owner_start(void)
{
    for (unsigned port = 0; port < PORTS; port++)
        channel_restart(2 * port);
    ports_start(&partitions[0]);
    memset(queues, 0, sizeof(queues));
    for (unsigned port = 0; port < PORTS; port++)
        port_wake(2 * port + 1, &partitions[0]);
}

void peer_start(unsigned port)
{
    unsigned out = 2 * port + 1, in = 2 * port;

    channel_restart(out);
    record_open(&peers[port], (struct record_side){(volatile struct bh_ring_head *)(void *)memory[out], RING, &epochs[out]},
                (struct record_side){(volatile struct bh_ring_head *)(void *)memory[in], RING, &epochs[in]}, out);
    port_wake(out, &partitions[0]);
}

static void plan_make(void)
{
    static const struct plan_port net = {.name = "lan.0",
                                         .slot = 3,
                                         .kind = BH_CHANNEL_CABLE,
                                         .features = 1u << 5,
                                         .config = {2, 4, 6, 8, 10, 12, 1},
                                         .config_size = 8};
    static const struct plan_port block = {
        .name = "data.q", .slot = 4, .kind = BH_CHANNEL_REQUEST, .features = 1u << 9, .config = {0, 8}, .config_size = 24};

    ports_planned[CABLE] = net;
    ports_planned[SLICE] = block;
    for (unsigned i = 0; i < CHANNELS; i++)
        channels[i] = (struct plan_channel){.writer = i % 2, .size = RING, .back = (uint8_t)(i ^ 1)};
    for (unsigned i = 0; i < PORTS; i++) {
        ports_planned[i].out = (uint8_t)(2 * i);
        ports_planned[i].in = (uint8_t)(2 * i + 1);
        ports_planned[i].ports = PORTS_AT(i);
        ports_planned[i].msix = GPA(MSIX_AT(i));
    }
    fake_plan.channels = channels;
    fake_plan.channel_count = CHANNELS;
    fake_plan.ports = ports_planned;
    fake_plan.port_count = PORTS;
}

static void allocate(void)
{
    free(ram_low), free(ram_high);
    ram_low = calloc(1, RAM_LOW);
    ram_high = calloc(1, RAM_HIGH_SIZE);
    for (unsigned i = 0; i < CHANNELS; i++) {
        free(memory[i]);
        memory[i] = aligned_alloc(PAGE_SIZE, PAGE_SIZE + RING);
        memset(memory[i], 0, PAGE_SIZE + RING);
        epochs[i] = 0;
    }
}

void machine_reset(void)
{
    fake_plan_reset();
    plan_make();
    fake_partitions_reset();
    allocate();
    memset(pages, 0, sizeof(pages));
    pages_taken = 0;
    rings_allowed = true;
    queue_size = 16;
    on_look = 0;
    owner = &vcpus[0];
    ports_create();
    owner_start();
    for (unsigned port = 0; port < PORTS; port++)
        peer_start(port);
    memset(peer_rung, 0, sizeof(peer_rung));
    port_requests = 0;
}

void machine_settle(void)
{
    for (unsigned i = 0; i < 1000 && port_requests != 0; i++) {
        port_requests = 0;
        ports_serve(owner);
    }
    if (port_requests != 0)
        broken("a core that never runs its partition");
}

/* --- the driver -------------------------------------------------------------------------------------------------------------------- */

uint32_t reg_read(unsigned port, unsigned at, unsigned size)
{
    uint32_t value = 0xdeadbeef;

    if (!port_register(owner, (uint16_t)(PORTS_AT(port) + at), size, &value, false))
        broken("a register that cannot be read");
    return value;
}

void reg_write(unsigned port, unsigned at, unsigned size, uint32_t value)
{
    if (!port_register(owner, (uint16_t)(PORTS_AT(port) + at), size, &value, true))
        broken("a register that cannot be written");
}

static void queue_start(struct driver_queue *queue, unsigned port, unsigned index)
{
    *queue = (struct driver_queue){.port = port, .index = index, .at = 0x4000 + (port * 2 + index) * 0x4000, .size = queue_size};
    memset(ram(queue->at), 0, 0x3000);
    reg_write(port, 0x16, 2, index);
    reg_write(port, 0x18, 2, queue->size);
    reg_write(port, 0x1a, 2, index + 1);
    for (unsigned i = 0; i < 3; i++) {
        reg_write(port, 0x20 + 8 * i, 4, queue->at + i * 0x1000);
        reg_write(port, 0x24 + 8 * i, 4, 0);
    }
    reg_write(port, 0x1c, 2, 1);
}

static void message_set(unsigned port, unsigned entry, uint8_t vector)
{
    uint64_t address = 0xfee00000, data = vector;

    if (!port_page_access(&partitions[0], GPA(MSIX_AT(port) + entry * 16), 8, &address, true) ||
        !port_page_access(&partitions[0], GPA(MSIX_AT(port) + entry * 16 + 8), 8, &data, true))
        broken("the table of messages");
}

void driver_start(unsigned port, uint64_t features)
{
    struct pci_function *face = port_function(&partitions[0], 3 + port);

    lock_take(&partitions[0].gate);
    config_write(&partitions[0], face, 4, 2, 7);
    config_write(&partitions[0], face, 0x8a, 2, 0x8000);
    port_changed(&partitions[0], face);
    lock_drop(&partitions[0].gate);
    for (unsigned i = 0; i < 3u - port; i++)
        message_set(port, i, (uint8_t)(0x40 + port * 16 + i));
    reg_write(port, 0x14, 1, 0);
    reg_write(port, 0x14, 1, 3);
    for (unsigned half = 0; half < 2; half++) {
        reg_write(port, 0x08, 4, half);
        reg_write(port, 0x0c, 4, (uint32_t)((features | FEATURE_VERSION_1) >> 32 * half));
    }
    reg_write(port, 0x14, 1, 11);
    reg_write(port, 0x10, 2, 0);
    for (unsigned i = 0; i < 2u - port; i++)
        queue_start(&queues[port][i], port, i);
    reg_write(port, 0x14, 1, 15);
}

static void put16(uint64_t gpa, uint16_t value)
{
    memcpy(ram(gpa), &value, 2);
}

static uint16_t get16(uint64_t gpa)
{
    uint16_t value;

    memcpy(&value, ram(gpa), 2);
    return value;
}

/* Descriptors are taken in turn: the caller has at most as many under way as there are. */
uint16_t driver_put(struct driver_queue *queue, const struct piece *pieces, unsigned count)
{
    uint16_t head = queue->next;

    for (unsigned i = 0; i < count; i++) {
        uint64_t at = queue->at + queue->next * 16u;
        uint16_t next = (uint16_t)((queue->next + 1) % queue->size);

        memcpy(ram(at), &pieces[i].at, 8);
        memcpy(ram(at + 8), &pieces[i].size, 4);
        put16(at + 12, (uint16_t)((pieces[i].write ? 2 : 0) | (i + 1 < count ? 1 : 0)));
        put16(at + 14, next);
        queue->next = next;
    }
    put16(queue->at + 0x1000 + 4 + queue->available % queue->size * 2u, head);
    put16(queue->at + 0x1000 + 2, ++queue->available);
    return head;
}

void driver_notify(const struct driver_queue *queue)
{
    reg_write(queue->port, 0x38, 2, queue->index);
}

int driver_take(struct driver_queue *queue, uint32_t *written)
{
    uint32_t entry[2];

    if (get16(queue->at + 0x2002) == queue->seen)
        return -1;
    memcpy(entry, ram(queue->at + 0x2004 + queue->seen % queue->size * 8u), 8);
    queue->seen++;
    if (written)
        *written = entry[1];
    return (int)entry[0];
}
