/* SPDX-License-Identifier: Apache-2.0 */
/* Virtio ports: who has them, where they are, what they say of themselves. Virtio 1.2: 5.1 network, 5.2 block. */
#include "plan_ports.h"

#include <string.h>

#define NET_MAC (1u << 5)
#define NET_STATUS (1u << 16)
#define NET_LINK_UP 1u
#define BLOCK_SIZE_MAX (1u << 1)
#define BLOCK_SEG_MAX (1u << 2)
#define BLOCK_READ_ONLY (1u << 5)
#define BLOCK_BLOCK_SIZE (1u << 6)
#define BLOCK_FLUSH (1u << 9)
#define SECTOR 512u
#define LOW_BASE 0x1000u
#define HIGH_BASE 0xe000u

_Static_assert(LOW_BASE + PORTS_SIZE <= 0x2000 && HIGH_BASE + PORTS_SIZE <= 0x10000, "both places have room");

uint16_t ports_base(const struct board *board)
{
    return range_overlap(LOW_BASE, PORTS_SIZE, board->pci.ports, board->pci.ports_size) ? HIGH_BASE : LOW_BASE;
}

static bool is_linux(const struct product *product, unsigned partition)
{
    return product->partitions[partition].name && product->partitions[partition].kind == IMAGE_LINUX;
}

static bool names(const char *a, const char *b)
{
    return a && b && strcmp(a, b) == 0;
}

unsigned ports_of(const struct product *product, const struct partition_spec *spec)
{
    unsigned n = 0;

    for (unsigned i = 0; spec->kind == IMAGE_LINUX && i < PRODUCT_MAX_CABLES && product->cables[i].name; i++)
        n += names(product->cables[i].ends[0].partition, spec->name) || names(product->cables[i].ends[1].partition, spec->name);
    for (unsigned i = 0; spec->kind == IMAGE_LINUX && i < PRODUCT_MAX_SLICES && product->slices[i].name; i++)
        n += names(product->slices[i].client, spec->name);
    return n;
}

uint32_t slice_segments(uint32_t ring)
{
    uint32_t fit = ring > SLICE_OVERHEAD ? (ring - SLICE_OVERHEAD) / SLICE_SEGMENT : 0;

    return fit < SLICE_SEGMENTS ? fit : SLICE_SEGMENTS;
}

static void put(uint8_t *at, uint64_t value, unsigned size)
{
    for (unsigned i = 0; i < size; i++)
        at[i] = (uint8_t)(value >> 8 * i);
}

static void net_config(const struct plan_channel *out, struct plan_port *port)
{
    put(port->config, out->info[0][0], 6);
    put(port->config + 6, NET_LINK_UP, 2);
    port->config_size = 8;
    port->features = NET_MAC | NET_STATUS;
}

static void block_config(const struct plan_channel *out, struct plan_port *port)
{
    put(port->config, out->info[0][1] / SECTOR, 8);
    put(port->config + 8, SLICE_SEGMENT, 4);
    put(port->config + 12, slice_segments(out->size), 4);
    put(port->config + 20, SECTOR, 4);
    port->config_size = 24;
    port->features = BLOCK_SIZE_MAX | BLOCK_SEG_MAX | BLOCK_BLOCK_SIZE | BLOCK_FLUSH | (out->info[0][2] ? BLOCK_READ_ONLY : 0);
}

static void port_add(const struct board *board, const struct plan_channel *out, unsigned channel, unsigned slot,
                     struct ports_plan *plan)
{
    struct plan_port *port = &plan->ports[plan->count];

    *port = (struct plan_port){.name = out->name,
                               .partition = out->writer,
                               .slot = (uint8_t)slot,
                               .out = (uint8_t)channel,
                               .in = out->back,
                               .kind = out->kind,
                               .ports = (uint16_t)(ports_base(board) + plan->count * PLAN_PORT_REGISTERS),
                               .msix = GPA(PLAN_PORT_MSIX + plan->count * PAGE_SIZE)};
    if (out->kind == BH_CHANNEL_CABLE)
        net_config(out, port);
    else
        block_config(out, port);
    plan->count++;
}

void ports_plan(const struct product *product, const struct board *board, const struct device_plan *devices,
                const struct channel_plan *channels, struct ports_plan *plan)
{
    *plan = (struct ports_plan){0};
    for (unsigned p = 0; p < PRODUCT_MAX_PARTITIONS && product->partitions[p].name; p++)
        for (uint32_t i = 0, slot = devices->count[p] + 1u; i < channels->count && plan->count < PORTS_MAX; i++) {
            const struct plan_channel *c = &channels->channels[i];

            if (c->writer == p && is_linux(product, p) && (c->kind == BH_CHANNEL_CABLE || c->kind == BH_CHANNEL_REQUEST))
                port_add(board, c, i, slot++, plan);
        }
}
