/* SPDX-License-Identifier: Apache-2.0 */
/* Devices of a product on a board: owners and slots, VFs, BARs and bridge windows, interrupts, restart groups. SEP-3, SEP-6. */
#include "plan_devices.h"

#include <stdlib.h>
#include <string.h>

#include "check.h"

#define BAR_SIZE_MAX (1ull << 40) /* what is larger is not placed: the window is below 4 GiB */

static uint64_t align_up(uint64_t value, uint64_t step)
{
    return (value + step - 1) / step * step;
}

/* --- functions --- */

uint16_t function_requester(const struct board_function *f)
{
    return (uint16_t)(f->bus << 8 | (f->device & 31) << 3 | (f->function & 7));
}

uint32_t device_requester(const struct board_function *f, unsigned vf)
{
    return vf == 0 ? function_requester(f) : function_requester(f) + f->vf.offset + (uint32_t)(vf - 1) * f->vf.stride;
}

bool is_bridge(const struct board_function *function)
{
    return function->bridge.secondary != 0;
}

const struct board_function *bridge_to(const struct board *board, unsigned bus)
{
    for (uint32_t i = 0; i < board_functions(board); i++)
        if (bus != 0 && board->functions[i].bridge.secondary == bus)
            return &board->functions[i];
    return 0;
}

bool behind(const struct board_function *function, const struct board_function *bridge)
{
    return is_bridge(bridge) && function->bus >= bridge->bridge.secondary && function->bus <= bridge->bridge.subordinate;
}

unsigned devices_given(const struct product *product, const struct board *board, struct device devices[PRODUCT_DEVICES_MAX])
{
    unsigned n = 0;
    for (unsigned p = 0; p < product_partitions(product); p++)
        for (unsigned i = 0; i < PRODUCT_MAX_DEVICES && product->partitions[p].devices[i].role; i++) {
            const struct device_spec *spec = &product->partitions[p].devices[i];
            struct role role;
            const struct board_function *function = role_find(board, spec->role, &role);
            if (function)
                devices[n++] = (struct device){spec, function, (uint16_t)role.vf, (uint8_t)p, (uint8_t)(i + 1)};
        }
    return n;
}

unsigned device_vectors(const struct device *device)
{
    const struct board_function *f = device->function;
    unsigned there = device->vf ? f->vf.msix.vectors : f->msix.vectors;
    unsigned wanted = device->spec->vectors ? device->spec->vectors : DEVICE_VECTORS;
    if (there == 0)
        return !device->vf && f->msi;
    wanted = wanted < there ? wanted : there;
    return wanted < PLAN_MAX_VECTORS ? wanted : PLAN_MAX_VECTORS;
}

/* --- what is planned --- */

static struct plan_bar bar_planned(const struct board_bar *bar, unsigned count)
{
    bool sound = bar->kind != BAR_NONE && bar->size != 0 && (bar->size & (bar->size - 1)) == 0 && bar->size <= BAR_SIZE_MAX;
    return (struct plan_bar){
        .kind = sound ? bar->kind : BAR_NONE, .prefetchable = bar->prefetchable, .size = sound ? count * bar->size : 0};
}

static void function_planned(const struct device *d, struct plan_function *f)
{
    const struct board_function *b = d->function;
    *f = (struct plan_function){.role = d->spec->role,
                                .requester = (uint16_t)device_requester(b, d->vf),
                                .partition = d->partition,
                                .slot = d->slot,
                                .vendor = b->vendor,
                                .id = d->vf ? b->vf.id : b->id,
                                .class_code = b->class_code,
                                .msix = d->vf ? b->vf.msix : b->msix,
                                .msi = !d->vf && b->msi,
                                .vendor_caps = b->vendor_caps,
                                .vectors = (uint16_t)device_vectors(d),
                                .physical = d->vf ? function_requester(b) : PLAN_NO_FUNCTION,
                                .board = b};
    if (f->msix.vectors)
        f->msix.vectors = f->vectors;
    for (unsigned i = 0; i < BOARD_BARS; i++)
        f->bars[i] = bar_planned(d->vf ? &b->vf.bars[i] : &b->bars[i], 1);
}

/* NumVFs is the highest that is asked for: those below it exist too, whether anybody has them or not. */
static void sriov_planned(const struct device *d, struct device_plan *plan)
{
    uint32_t i = 0;
    while (i < plan->sriov_count && plan->sriov[i].board != d->function)
        i++;
    if (i == plan->sriov_count)
        plan->sriov[plan->sriov_count++] = (struct plan_sriov){.requester = function_requester(d->function), .board = d->function};
    struct plan_sriov *s = &plan->sriov[i];
    if (d->vf <= s->count)
        return;
    s->count = d->vf;
    for (unsigned b = 0; b < BOARD_BARS; b++)
        s->bars[b] = bar_planned(&d->function->vf.bars[b], s->count);
}

static int by_requester(const void *a, const void *b)
{
    return ((const struct plan_sriov *)a)->requester - ((const struct plan_sriov *)b)->requester;
}

/* Bridges with something planned behind them, ascending by the bus they lead to: an upper one leads to a smaller one. */
static void bridges_planned(const struct board *board, const struct device *devices, unsigned count, struct device_plan *plan)
{
    for (unsigned bus = 1; bus < 256; bus++) {
        const struct board_function *bridge = bridge_to(board, bus);
        bool used = false;
        for (unsigned i = 0; bridge && i < count; i++)
            used = used || behind(devices[i].function, bridge);
        if (used && plan->bridge_count < BOARD_MAX_FUNCTIONS)
            plan->bridges[plan->bridge_count++] = (struct plan_bridge){.requester = function_requester(bridge)};
    }
}

/* --- placing BARs --- */

/* What gets addresses on one bus: a BAR, the BARs of all VFs, the window of a bridge. */
struct item {
    uint64_t size, align, base;
    unsigned bus, order;
    hpa_t *bar;                 /* or else: */
    struct plan_bridge *bridge; /* with its window */
};

struct space {
    bool ports;
    uint64_t step; /* of bridge windows */
    struct item items[(PLAN_MAX_FUNCTIONS + BOARD_MAX_FUNCTIONS) * BOARD_BARS + BOARD_MAX_FUNCTIONS];
    unsigned count;
};

static void add_bars(struct space *space, unsigned bus, struct plan_bar bars[BOARD_BARS], unsigned parts)
{
    for (unsigned i = 0; i < BOARD_BARS; i++)
        if (bars[i].size != 0 && (bars[i].kind == BAR_PORTS) == space->ports) {
            struct item *item = &space->items[space->count];
            *item = (struct item){bars[i].size, bars[i].size / parts, 0, bus, space->count, &bars[i].base, 0};
            space->count++;
        }
}

static void collect(struct device_plan *plan, struct space *space)
{
    for (uint32_t i = 0; i < plan->function_count; i++)
        if (plan->functions[i].physical == PLAN_NO_FUNCTION)
            add_bars(space, plan->functions[i].requester >> 8, plan->functions[i].bars, 1);
    for (uint32_t i = 0; i < plan->sriov_count; i++)
        add_bars(space, plan->sriov[i].requester >> 8, plan->sriov[i].bars, plan->sriov[i].count);
    for (uint32_t i = 0; i < plan->bridge_count; i++) {
        struct item *item = &space->items[space->count];
        *item = (struct item){0, space->step, 0, plan->bridges[i].requester >> 8, space->count, 0, &plan->bridges[i]};
        space->count++;
    }
}

/* The largest alignment first, so that nothing is lost between powers of 2. */
static int by_alignment(const void *a, const void *b)
{
    const struct item *x = a, *y = b;
    return x->align != y->align ? (x->align < y->align ? 1 : -1) : x->order < y->order ? -1 : 1;
}

/* Place what is on this bus from `at` on; returns the end, and the largest alignment. */
static uint64_t pack(struct space *space, unsigned bus, uint64_t at, uint64_t *align)
{
    qsort(space->items, space->count, sizeof(space->items[0]), by_alignment);
    for (unsigned i = 0; i < space->count; i++) {
        struct item *item = &space->items[i];
        if (item->bus != bus || item->size == 0)
            continue;
        item->base = align_up(at, item->align);
        at = item->base + item->size;
        *align = item->align > *align ? item->align : *align;
    }
    return at;
}

static struct item *item_of(struct space *space, const struct plan_bridge *bridge)
{
    unsigned i = 0;
    while (space->items[i].bridge != bridge)
        i++;
    return &space->items[i];
}

static unsigned leads_to(const struct board *board, const struct plan_bridge *bridge)
{
    for (uint32_t i = 0; i < board_functions(board); i++)
        if (is_bridge(&board->functions[i]) && function_requester(&board->functions[i]) == bridge->requester)
            return board->functions[i].bridge.secondary;
    return 0;
}

/* Windows from the lowest bridge up, each relative to its own start; then all addresses from the top down. */
static uint64_t place(const struct board *board, struct device_plan *plan, struct space *space, uint64_t base)
{
    for (uint32_t i = plan->bridge_count; i-- > 0;) {
        uint64_t align = space->step, end = pack(space, leads_to(board, &plan->bridges[i]), 0, &align);
        struct item *item = item_of(space, &plan->bridges[i]);
        item->size = align_up(end, space->step);
        item->align = align;
    }
    uint64_t align = 1, end = pack(space, 0, base, &align);
    for (uint32_t i = 0; i < plan->bridge_count; i++) {
        const struct item *window = item_of(space, &plan->bridges[i]);
        for (unsigned k = 0; k < space->count; k++)
            if (space->items[k].bus == leads_to(board, &plan->bridges[i]))
                space->items[k].base += window->base;
    }
    return end;
}

static void write_back(struct space *space)
{
    for (unsigned i = 0; i < space->count; i++) {
        const struct item *item = &space->items[i];
        if (item->bar) {
            *item->bar = HPA(item->base);
        } else if (space->ports) {
            item->bridge->ports = (uint16_t)(item->size ? item->base : 0);
            item->bridge->ports_size = (uint16_t)item->size;
        } else {
            item->bridge->memory = HPA(item->size ? item->base : 0);
            item->bridge->memory_size = item->size;
        }
    }
}

/* Addresses of one kind, inside [base, base + room). Returns the bytes that they take: more than `room`: none was given. */
static uint64_t place_all(const struct board *board, struct device_plan *plan, bool ports, uint64_t base, uint64_t room)
{
    static struct space space;
    space.ports = ports;
    space.step = ports ? PORT_WINDOW_STEP : WINDOW_STEP;
    space.count = 0;
    collect(plan, &space);
    uint64_t needed = place(board, plan, &space, base) - base;
    if (needed <= room)
        write_back(&space);
    return needed;
}

/* Part `vf` of the BARs of all VFs. */
static void place_vfs(struct device_plan *plan)
{
    for (uint32_t i = 0; i < plan->function_count; i++) {
        struct plan_function *f = &plan->functions[i];
        for (uint32_t s = 0; s < plan->sriov_count && f->physical != PLAN_NO_FUNCTION; s++)
            for (unsigned b = 0; b < BOARD_BARS && plan->sriov[s].board == f->board; b++) {
                struct role role;
                if (f->bars[b].size != 0 && plan->sriov[s].bars[b].base.v != 0 && role_read(f->role, &role))
                    f->bars[b].base = HPA(plan->sriov[s].bars[b].base.v + (role.vf - 1) * f->bars[b].size);
            }
    }
}

/* --- interrupts and restart groups --- */

/* Blocks of a power of 2, each at a multiple of its size: the largest first, so that there are no gaps. */
static uint32_t place_interrupts(struct device_plan *plan)
{
    uint32_t next = 0;
    for (uint32_t size = PLAN_MAX_VECTORS; size != 0; size /= 2)
        for (uint32_t i = 0; i < plan->function_count; i++) {
            struct plan_function *f = &plan->functions[i];
            if (f->vectors > size || f->vectors <= size / 2)
                continue;
            f->interrupt = (uint16_t)next;
            next += size;
        }
    return next;
}

/* A PF's reset takes its VFs down, and theirs the VFs of what their owners have. */
static void group_restarts(const struct device *devices, unsigned count, struct device_plan *plan)
{
    for (unsigned v = 0; v < count; v++)
        for (unsigned p = 0; p < count; p++)
            if (devices[v].vf != 0 && devices[p].vf == 0 && devices[p].function == devices[v].function)
                plan->restart_group[devices[p].partition] |= (uint16_t)(1u << devices[v].partition);
    for (unsigned round = 0; round < PRODUCT_MAX_PARTITIONS; round++)
        for (unsigned a = 0; a < PRODUCT_MAX_PARTITIONS; a++)
            for (unsigned b = 0; b < PRODUCT_MAX_PARTITIONS; b++)
                if (plan->restart_group[a] >> b & 1u)
                    plan->restart_group[a] |= plan->restart_group[b];
    for (unsigned a = 0; a < PRODUCT_MAX_PARTITIONS; a++)
        plan->restart_group[a] &= (uint16_t) ~(1u << a);
}

void devices_plan(const struct product *product, const struct board *board, struct device_plan *plan)
{
    static struct device devices[PRODUCT_DEVICES_MAX];
    unsigned count = devices_given(product, board, devices);
    memset(plan, 0, sizeof(*plan));
    count = count < PLAN_MAX_FUNCTIONS ? count : PLAN_MAX_FUNCTIONS;
    for (unsigned i = 0; i < count; i++) {
        uint8_t p = devices[i].partition;
        plan->first[p] = plan->count[p] ? plan->first[p] : (uint16_t)i;
        plan->count[p]++;
        function_planned(&devices[i], &plan->functions[plan->function_count++]);
        if (devices[i].vf != 0)
            sriov_planned(&devices[i], plan);
    }
    qsort(plan->sriov, plan->sriov_count, sizeof(plan->sriov[0]), by_requester);
    bridges_planned(board, devices, count, plan);
    plan->memory_room = board->pci.window_size;
    plan->memory_needed = place_all(board, plan, false, board->pci.window, board->pci.window_size);
    plan->ports_room = board->pci.ports_size;
    plan->ports_needed = place_all(board, plan, true, board->pci.ports, board->pci.ports_size);
    place_vfs(plan);
    plan->interrupts = place_interrupts(plan) + (board->iommu.kind != IOMMU_NONE ? IOAPIC_ENTRIES : 0);
    group_restarts(devices, count, plan);
    plan->ecam = count ? PLAN_ECAM : 0;
}
