/* SPDX-License-Identifier: Apache-2.0 */
/* Virtio ports: what their drivers see of them, configuration space, registers, MSI-X; their lives. */
#include "port_device.h"

#include "arch.h"
#include "channel.h"
#include "memory.h"
#include "vcpu.h"

#define VENDOR 0x1af4u
#define ID_NET 0x1041u
#define ID_BLOCK 0x1042u
#define CLASS_NET 0x020000u
#define CLASS_BLOCK 0x010000u
#define PENDING_AT 0x800u /* in the page of MSI-X */
#define CAP_MSIX_AT 0x88u
#define STATUS_WRITTEN 0x8fu /* all but STATUS_BROKEN: virtio 1.2, 2.1 */

/* Registers of the common configuration, virtio 1.2, 4.1.4.3; behind it the others. An access is as wide as its register. */
enum {
    AT_SHOWN_SELECT = 0x00,
    AT_SHOWN = 0x04,
    AT_TAKEN_SELECT = 0x08,
    AT_TAKEN = 0x0c,
    AT_CONFIG_VECTOR = 0x10,
    AT_QUEUES = 0x12,
    AT_STATUS = 0x14,
    AT_GENERATION = 0x15,
    AT_SELECT = 0x16,
    AT_SIZE = 0x18,
    AT_VECTOR = 0x1a,
    AT_ENABLE = 0x1c,
    AT_NOTIFY_OFFSET = 0x1e,
    AT_AREAS = 0x20, /* three of 8 bytes, each taken in halves */
    AT_COMMON_END = 0x38,
    AT_NOTIFY = 0x38,
    AT_ISR = 0x3c,
    AT_DEVICE = 0x40,
};
static const uint8_t widths[AT_DEVICE] = {
    [0x00] = 4, [0x04] = 4, [0x08] = 4, [0x0c] = 4, [0x10] = 2, [0x12] = 2, [0x14] = 1,
    [0x15] = 1, [0x16] = 2, [0x18] = 2, [0x1a] = 2, [0x1c] = 2, [0x1e] = 2, [0x20] = 4,
    [0x24] = 4, [0x28] = 4, [0x2c] = 4, [0x30] = 4, [0x34] = 4, [0x38] = 2, [0x3c] = 1,
};

static struct port *ports[BH_MAX_CHANNELS];

_Static_assert(sizeof(struct port) <= PAGE_SIZE, "a page of the pool for each");
_Static_assert(AT_DEVICE + PLAN_PORT_CONFIG <= PLAN_PORT_REGISTERS, "the device's configuration is in its ports");

/* --- what there is -------------------------------------------------------------------------------------------------------------- */

static unsigned queue_count(const struct port *port)
{
    return port->plan->kind == BH_CHANNEL_CABLE ? 2 : 1;
}

static unsigned vector_count(const struct port *port)
{
    return queue_count(port) + 1;
}

/* Four capabilities say where the registers are, a fifth where the vectors are: virtio 1.2, 4.1.4; PCI 3.0 6.8.2. */
static void face_create(struct port *port)
{
    static const struct {
        uint8_t at, next, size, type, offset, length;
    } places[] = {{0x40, 0x50, 16, 1, 0, AT_COMMON_END},
                  {0x50, 0x68, 20, 2, AT_NOTIFY, 4},
                  {0x68, 0x78, 16, 3, AT_ISR, 1},
                  {0x78, CAP_MSIX_AT, 16, 4, AT_DEVICE, PLAN_PORT_CONFIG}};
    bool net = port->plan->kind == BH_CHANNEL_CABLE;
    uint32_t *word = port->face.initial, *soft = port->face.soft;

    word[0] = (net ? ID_NET : ID_BLOCK) << 16 | VENDOR;
    word[CONFIG_COMMAND / 4] = (uint32_t)STATUS_CAPABILITIES << 16;
    soft[CONFIG_COMMAND / 4] = COMMAND_PORTS | COMMAND_MEMORY | COMMAND_MASTER | COMMAND_INTX_OFF;
    word[CONFIG_REVISION / 4] = (net ? CLASS_NET : CLASS_BLOCK) << 8 | 1;
    word[CONFIG_BARS / 4] = port->plan->ports | 1u;
    soft[CONFIG_BARS / 4] = ~(PLAN_PORT_REGISTERS - 1);
    word[CONFIG_BARS / 4 + 1] = (uint32_t)port->plan->msix.v;
    soft[CONFIG_BARS / 4 + 1] = ~PAGE_MASK;
    word[0x2c / 4] = word[0];
    word[CONFIG_CAPABILITIES / 4] = places[0].at;
    for (unsigned i = 0; i < ARRAY_SIZE(places); i++) {
        uint32_t *cap = word + places[i].at / 4;

        cap[0] = (uint32_t)places[i].type << 24 | (uint32_t)places[i].size << 16 | (uint32_t)places[i].next << 8 | CAP_VENDOR;
        cap[2] = places[i].offset;
        cap[3] = places[i].length;
    }
    word[CAP_MSIX_AT / 4] = (vector_count(port) - 1) << 16 | CAP_MSIX;
    soft[CAP_MSIX_AT / 4] = (uint32_t)(MSIX_ENABLE | MSIX_MASK_ALL) << 16;
    word[CAP_MSIX_AT / 4 + 1] = 1; /* BAR 1 */
    word[CAP_MSIX_AT / 4 + 2] = PENDING_AT | 1;
}

void ports_create(void)
{
    for (unsigned i = 0; i < plan.port_count; i++) {
        ports[i] = pool_take(1);
        ports[i]->plan = &plan.ports[i];
        face_create(ports[i]);
    }
}

static struct port *port_in(const struct partition *partition, uint32_t u_slot)
{
    for (unsigned i = 0; i < plan.port_count; i++)
        if (plan.ports[i].partition == partition->index && plan.ports[i].slot == u_slot)
            return ports[i];
    return 0;
}

struct pci_function *port_function(const struct partition *partition, uint32_t u_slot)
{
    struct port *port = port_in(partition, u_slot);

    return port ? &port->face : 0;
}

bool ports_any(const struct partition *partition)
{
    bool any = false;

    for (unsigned i = 0; i < plan.port_count; i++)
        any = any || plan.ports[i].partition == partition->index;
    return any;
}

/* --- messages ---------------------------------------------------------------------------------------------------------------------- */

/* Gate held. What cannot be sent now waits in its bit, as PCI wants it. */
static void pending_send(struct partition *owner, struct port *port)
{
    uint32_t command = port->face.image[CONFIG_COMMAND / 4], control = port->face.image[CAP_MSIX_AT / 4] >> 16;

    if (!(command & COMMAND_MASTER) || (control & (MSIX_ENABLE | MSIX_MASK_ALL)) != MSIX_ENABLE)
        return;
    for (unsigned i = 0; i < vector_count(port); i++) {
        const uint32_t *u_entry = port->face.entries[i].word;
        unsigned vcpu;
        uint8_t vector;

        if (!(port->pending >> i & 1) || (u_entry[ENTRY_CONTROL] & ENTRY_MASKED))
            continue;
        port->pending &= ~(1u << i);
        if (msi_target(owner, u_entry, &vcpu, &vector))
            partition_interrupt_locked(owner, vcpu, vector);
    }
}

void port_message(struct port *port, uint16_t vector)
{
    struct partition *owner = port_owner(port);

    if (vector >= vector_count(port))
        return;
    lock_take(&owner->gate);
    port->pending |= 1u << vector;
    pending_send(owner, port);
    lock_drop(&owner->gate);
}

void port_changed(struct partition *partition, struct pci_function *function)
{
    for (unsigned i = 0; i < plan.port_count; i++)
        if (&ports[i]->face == function)
            pending_send(partition, ports[i]);
}

static struct port *port_at_page(const struct partition *partition, gpa_t u_gpa)
{
    for (unsigned i = 0; i < plan.port_count; i++)
        if (plan.ports[i].partition == partition->index && range_inside(u_gpa.v, 1, plan.ports[i].msix.v, PAGE_SIZE))
            return ports[i];
    return 0;
}

bool port_page(const struct partition *partition, gpa_t u_gpa)
{
    return port_at_page(partition, u_gpa) != 0;
}

/* One word of the page. The vectors' entries alone can be written. */
static uint32_t page_word(struct partition *partition, struct port *port, unsigned offset, const uint32_t *u_new)
{
    unsigned entry = offset / ENTRY_SIZE, word = offset / 4 % 4;

    if (offset == PENDING_AT)
        return port->pending;
    if (entry >= vector_count(port))
        return 0;
    if (u_new) {
        port->face.entries[entry].word[word] = word == ENTRY_CONTROL ? *u_new & ENTRY_MASKED : *u_new;
        pending_send(partition, port);
    }
    return port->face.entries[entry].word[word];
}

bool port_page_access(struct partition *partition, gpa_t u_gpa, unsigned size, uint64_t *value, bool write)
{
    struct port *port = port_at_page(partition, u_gpa);
    unsigned offset = (unsigned)u_gpa.v & PAGE_MASK;
    uint32_t low = (uint32_t)*value, high = (uint32_t)(*value >> 32);

    if (port == 0 || (size != 4 && size != 8) || offset % size != 0)
        return false;
    lock_take(&partition->gate);
    low = page_word(partition, port, offset, write ? &low : 0);
    if (size == 8)
        high = page_word(partition, port, offset + 4, write ? &high : 0);
    lock_drop(&partition->gate);
    if (!write)
        *value = size == 8 ? (uint64_t)high << 32 | low : low;
    return true;
}

/* --- rounds ------------------------------------------------------------------------------------------------------------------------ */

void port_broken(struct port *port)
{
    if (port->status & STATUS_BROKEN)
        return;
    port->status |= STATUS_BROKEN;
    port->report = true;
    port->broken++;
    port_message(port, port->config_vector);
}

static bool is_alive(const struct port *port)
{
    return (port->status & (STATUS_DRIVER_OK | STATUS_BROKEN)) == STATUS_DRIVER_OK &&
           (__atomic_load_n(&port->face.image[CONFIG_COMMAND / 4], __ATOMIC_RELAXED) & COMMAND_MASTER) != 0;
}

/* Its lock held. True: again before the guest runs. After a round that moved nothing there is one more, not further ones: what a peer
 * writes into its ring would else keep the owner from running. An honest one has then put what it takes for something to move, or
 * rings. A doorbell over the rate is no reason to come at once: it waits for the next round, and a tick asks for one (ports_tick()). */
static bool port_round(struct port *port)
{
    uint64_t before = port->sent + port->received + port->queues[0].used + port->queues[1].used;
    bool more, idle;

    if (!is_alive(port))
        return false;
    port->copied = 0;
    more = port->plan->kind == BH_CHANNEL_CABLE ? port_cable(port) : port_request(port);
    idle = before == port->sent + port->received + port->queues[0].used + port->queues[1].used;
    more = more && !(idle && port->idle);
    port->idle = idle && more;
    atomic_store(&port->late, !ring_flush(port));
    return more && is_alive(port);
}

/* What came of it, its lock dropped. */
static void port_leave(struct vcpu *vcpu, struct port *port, bool more)
{
    bool report = port->report, late = atomic_load(&port->late);

    port->report = false;
    lock_drop(&port->lock);
    if (more)
        vcpu_request(vcpu, REQUEST_PORT);
    if (late && plan.tick_off)
        vcpu_housekeeping_wake(); /* there is no tick else */
    if (report)
        partition_denied(vcpu, DENIED_PCI, port->plan->ports);
}

void ports_serve(struct vcpu *vcpu)
{
    for (unsigned i = 0; i < plan.port_count; i++)
        if (plan.ports[i].partition == vcpu->partition->index) {
            lock_take(&ports[i]->lock);
            port_leave(vcpu, ports[i], port_round(ports[i]));
        }
}

void ports_tick(void)
{
    for (unsigned i = 0; i < plan.port_count; i++)
        if (atomic_exchange(&ports[i]->late, false))
            vcpu_request(&port_owner(ports[i])->vcpus[0], REQUEST_PORT);
}

void port_wake(unsigned channel, struct partition *partition)
{
    for (unsigned i = 0; i < plan.port_count; i++)
        if (plan.ports[i].in == channel && plan.ports[i].partition == partition->index)
            vcpu_request(&partition->vcpus[0], REQUEST_PORT);
}

/* --- registers ---------------------------------------------------------------------------------------------------------------------- */

static uint64_t features_shown(const struct port *port)
{
    return port->plan->features | FEATURE_EVENTS | FEATURE_VERSION_1;
}

/* Its lock held. Vectors and what stands in configuration space stay. */
static void port_reset(struct port *port)
{
    port->status = 0;
    port->shown_select = port->taken_select = 0;
    port->features = 0;
    port->config_vector = NO_VECTOR;
    port->queue_select = 0;
    for (unsigned i = 0; i < PORT_QUEUES; i++)
        port->queues[i] = (struct port_queue){.size = QUEUE_MAX, .vector = NO_VECTOR};
    memset(port->tags, 0, sizeof(port->tags));
    memset(port->unsent, 0, sizeof(port->unsent));
    port->unsent_count = 0;
}

static uint32_t queue_read(const struct port_queue *queue, unsigned at)
{
    switch (at) {
    case AT_SIZE:
        return queue->size;
    case AT_VECTOR:
        return queue->vector;
    case AT_ENABLE:
        return queue->enabled;
    default:
        return at < AT_AREAS ? 0 : (uint32_t)(queue->u_areas[(at - AT_AREAS) / 8] >> 8 * (at & 4));
    }
}

static uint32_t register_read(const struct port *port, unsigned at)
{
    switch (at) {
    case AT_SHOWN_SELECT:
        return port->shown_select;
    case AT_SHOWN:
        return port->shown_select < 2 ? (uint32_t)(features_shown(port) >> 32 * port->shown_select) : 0;
    case AT_TAKEN_SELECT:
        return port->taken_select;
    case AT_TAKEN:
        return port->taken_select < 2 ? (uint32_t)(port->features >> 32 * port->taken_select) : 0;
    case AT_CONFIG_VECTOR:
        return port->config_vector;
    case AT_QUEUES:
        return queue_count(port);
    case AT_STATUS:
        return port->status;
    case AT_SELECT:
        return port->queue_select;
    default:
        return at >= AT_SIZE && at < AT_COMMON_END && port->queue_select < queue_count(port)
                   ? queue_read(&port->queues[port->queue_select], at)
                   : 0;
    }
}

/* A queue is what it was when it was switched on, until a reset. */
static void queue_write(struct port *port, struct port_queue *queue, unsigned at, uint32_t u_value)
{
    struct port_areas areas;

    if (queue->enabled)
        return;
    if (at == AT_SIZE && u_value != 0 && u_value <= QUEUE_MAX && (u_value & (u_value - 1)) == 0) {
        queue->size = (uint16_t)u_value;
    } else if (at == AT_VECTOR) {
        queue->vector = u_value < vector_count(port) ? (uint16_t)u_value : NO_VECTOR;
    } else if (at == AT_ENABLE && u_value == 1) {
        queue->enabled = queue_areas(port, queue, &areas);
        if (!queue->enabled)
            port_broken(port);
    } else if (at >= AT_AREAS) {
        uint64_t *area = &queue->u_areas[(at - AT_AREAS) / 8];

        *area = at & 4 ? (uint64_t)u_value << 32 | (uint32_t)*area : (*area & ~0xffffffffull) | u_value;
    }
}

/* Features that were not shown, or without the version, are not agreed on: the driver reads the bit again (virtio 1.2, 3.1.1). */
static void status_write(struct port *port, uint32_t u_value)
{
    bool agreed = (port->features & ~features_shown(port)) == 0 && (port->features & FEATURE_VERSION_1) != 0;

    if (u_value == 0) {
        port_reset(port);
        return;
    }
    port->status |= (uint8_t)(u_value & STATUS_WRITTEN & ~(STATUS_FEATURES_OK | STATUS_DRIVER_OK));
    if ((u_value & STATUS_FEATURES_OK) && agreed)
        port->status |= STATUS_FEATURES_OK;
    if ((u_value & STATUS_DRIVER_OK) && (port->status & STATUS_FEATURES_OK))
        port->status |= STATUS_DRIVER_OK;
}

/* True: something may be due. */
static bool register_write(struct port *port, unsigned at, uint32_t u_value)
{
    switch (at) {
    case AT_SHOWN_SELECT:
        port->shown_select = u_value;
        break;
    case AT_TAKEN_SELECT:
        port->taken_select = u_value;
        break;
    case AT_TAKEN:
        if (!(port->status & STATUS_FEATURES_OK) && port->taken_select < 2)
            port->features = (port->features & ~(0xffffffffull << 32 * port->taken_select)) | (uint64_t)u_value
                                                                                                  << 32 * port->taken_select;
        break;
    case AT_CONFIG_VECTOR:
        port->config_vector = u_value < vector_count(port) ? (uint16_t)u_value : NO_VECTOR;
        break;
    case AT_STATUS:
        status_write(port, u_value);
        return true;
    case AT_SELECT:
        port->queue_select = (uint16_t)u_value;
        break;
    case AT_NOTIFY:
        return true;
    default:
        if (port->queue_select < queue_count(port) && at < AT_COMMON_END && at >= AT_SIZE)
            queue_write(port, &port->queues[port->queue_select], at, u_value);
        break;
    }
    return false;
}

static struct port *port_at(const struct partition *partition, uint16_t u_port, unsigned size)
{
    for (unsigned i = 0; i < plan.port_count; i++)
        if (plan.ports[i].partition == partition->index && range_inside(u_port, size, plan.ports[i].ports, PLAN_PORT_REGISTERS))
            return ports[i];
    return 0;
}

/* The device's own configuration: bytes that never change. */
static bool config_access(const struct port *port, unsigned at, unsigned size, uint32_t *value, bool write)
{
    if (write || at % size != 0 || at + size > PLAN_PORT_CONFIG)
        return false;
    *value = 0;
    memcpy(value, port->plan->config + at, size);
    return true;
}

bool port_register(struct vcpu *vcpu, uint16_t u_port, unsigned size, uint32_t *value, bool write)
{
    struct port *port = port_at(vcpu->partition, u_port, size);
    unsigned at = port ? (unsigned)(u_port - port->plan->ports) : 0;
    bool more = false;

    if (port == 0 || (at < AT_DEVICE && widths[at] != size))
        return false;
    if (at >= AT_DEVICE)
        return config_access(port, at - AT_DEVICE, size, value, write);
    vcpu->counters.ports++;
    lock_take(&port->lock);
    if (write)
        more = register_write(port, at, *value) && port_round(port);
    else
        *value = register_read(port, at);
    port_leave(vcpu, port, more);
    return true;
}

/* --- life -------------------------------------------------------------------------------------------------------------------------- */

static void port_start(struct port *port)
{
    lock_take(&port->lock);
    port_reset(port);
    port->produced = port->consumed = port->seen = 0;
    port->ring_due = port->idle = port->report = false;
    atomic_store(&port->late, false);
    port->pending = 0;
    memcpy(port->face.image, port->face.initial, sizeof(port->face.image));
    for (unsigned i = 0; i < ARRAY_SIZE(port->face.entries); i++)
        port->face.entries[i] = (struct pci_entry){.word = {[ENTRY_CONTROL] = ENTRY_MASKED}};
    lock_drop(&port->lock);
}

void ports_start(struct partition *partition)
{
    for (unsigned i = 0; i < plan.port_count; i++)
        if (plan.ports[i].partition == partition->index)
            port_start(ports[i]);
}
