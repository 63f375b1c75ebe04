/* SPDX-License-Identifier: Apache-2.0 */
/* The report's tables of devices: who has which, where, how they interrupt, what resets them. */
#include <inttypes.h>

#include "check.h"
#include "report.h"

#define BDF_ROOM 8

static const char *bdf(char out[BDF_ROOM + 4], unsigned requester)
{
    snprintf(out, BDF_ROOM + 4, "%02x:%02x.%x", requester >> 8 & 0xff, requester >> 3 & 31, requester & 7);
    return out;
}

static const char *owner(const struct report *r, const struct plan_function *f)
{
    return r->product->partitions[f->partition].name;
}

static const char *reset_text(const struct plan_function *f)
{
    static const char *const text[] = {"NONE", "FLR", "D3hot", "bus above", "register"};
    return text[f->physical == PLAN_NO_FUNCTION ? f->board->reset.kind : f->board->vf.reset];
}

static void vectors_text(const struct plan_function *f, char *out, size_t size)
{
    if (f->vectors == 0)
        snprintf(out, size, "none");
    else
        snprintf(out, size, "%u %s from entry %u", f->vectors, f->msix.vectors ? "MSI-X" : "MSI", f->interrupt);
}

void table_devices(const struct report *r, struct table *t)
{
    const struct device_plan *d = &r->layout->devices;
    table_start(t, "Devices",
                "Every function that a partition has; all others of the board belong to nobody and read as absent. Functions of "
                "one isolation "
                "group have one owner, but virtual ones of one device.");
    table_row(t, "partition|sees it as|role|function|vendor:id|group|interrupts|reset");
    for (uint32_t i = 0; i < d->function_count; i++) {
        const struct plan_function *f = &d->functions[i];
        char at[BDF_ROOM + 4], vectors[40];
        vectors_text(f, vectors, sizeof(vectors));
        table_row(t, "%s|00:%02x.0|%s|%s|%04x:%04x|%u|%s|%s", owner(r, f), f->slot, f->role, bdf(at, f->requester), f->vendor,
                  f->id, f->board->group, vectors, reset_text(f));
    }
    if (d->function_count == 0)
        table_row(t, "none");
    else if (r->board->iommu.kind == IOMMU_NONE)
        table_row(t, "UNSAFE: without an IOMMU each of them can read and write all memory");
}

void table_virtio(const struct report *r, struct table *t)
{
    const struct ports_plan *p = &r->layout->ports;
    table_start(
        t, "Virtio ports",
        "Functions that are not there: the hypervisor copies between their owner's buffers and two channels. No memory is shared.");
    table_row(t, "partition|sees it as|what|writes|reads|registers|messages");
    for (uint32_t i = 0; i < p->count; i++) {
        const struct plan_port *port = &p->ports[i];
        table_row(t, "%s|00:%02x.0|%s|%s|%s|0x%04x..0x%04x|0x%08" PRIx64, r->product->partitions[port->partition].name, port->slot,
                  port->kind == BH_CHANNEL_CABLE ? "network card" : "disk", port->name, r->layout->channels.channels[port->in].name,
                  port->ports, port->ports + PLAN_PORT_REGISTERS - 1, port->msix.v);
    }
    if (p->count == 0)
        table_row(t, "none");
}

static void bar_rows(struct table *t, const char *who, const char *role, const struct plan_bar bars[BOARD_BARS])
{
    for (unsigned i = 0; i < BOARD_BARS; i++)
        if (bars[i].size != 0)
            table_row(t, "%s|%s|BAR %u|%s|0x%08" PRIx64 "|0x%08" PRIx64, who, role, i,
                      bars[i].kind == BAR_PORTS ? "ports" : "memory", bars[i].base.v, bars[i].base.v + bars[i].size - 1);
}

static void window_rows(struct table *t, const struct plan_bridge *b)
{
    char at[BDF_ROOM + 4];
    if (b->memory_size)
        table_row(t, "hypervisor|bridge %s|window|memory|0x%08" PRIx64 "|0x%08" PRIx64, bdf(at, b->requester), b->memory.v,
                  b->memory.v + b->memory_size - 1);
    if (b->ports_size)
        table_row(t, "hypervisor|bridge %s|window|ports|0x%08x|0x%08x", bdf(at, b->requester), b->ports,
                  b->ports + b->ports_size - 1u);
}

void table_addresses(const struct report *r, struct table *t)
{
    const struct device_plan *d = &r->layout->devices;
    table_start(
        t, "Device addresses",
        "Set at boot and fixed; guest-physical is host-physical. A page with an MSI-X table or its pending bits is not mapped but "
        "answered by the hypervisor.");
    table_row(t, "partition|function|what|kind|from|to");
    for (uint32_t i = 0; i < d->bridge_count; i++)
        window_rows(t, &d->bridges[i]);
    for (uint32_t i = 0; i < d->function_count; i++)
        bar_rows(t, owner(r, &d->functions[i]), d->functions[i].role, d->functions[i].bars);
    bool tpm = false;
    for (uint32_t i = 0; i < r->layout->partition_count; i++)
        if (r->product->partitions[i].tpm) {
            tpm = true;
            table_row(t, "%s|TPM|locality 0|memory|0x%08x|0x%08x", r->product->partitions[i].name, PLAN_TPM,
                      PLAN_TPM + PAGE_SIZE - 1u);
        }
    if (d->ecam)
        table_row(t, "each with devices|emulated|its own bus 0|configuration|0x%08" PRIx64 "|0x%08" PRIx64, d->ecam,
                  d->ecam + MIB(1) - 1);
    else if (!tpm)
        table_row(t, "none");
}

void table_sriov(const struct report *r, struct table *t)
{
    const struct device_plan *d = &r->layout->devices;
    table_start(t, "Virtual functions", "Switched on once, at boot: as many as the highest that is given away needs.");
    table_row(t, "physical function|its owner|switched on|given away");
    for (uint32_t i = 0; i < d->sriov_count; i++) {
        const struct plan_sriov *s = &d->sriov[i];
        const char *who = "nobody";
        unsigned given = 0;
        char at[BDF_ROOM + 4];
        for (uint32_t f = 0; f < d->function_count; f++) {
            given += d->functions[f].physical == s->requester;
            if (d->functions[f].requester == s->requester)
                who = owner(r, &d->functions[f]);
        }
        table_row(t, "%s %s|%s|%u|%u", bdf(at, s->requester), s->board->role ? s->board->role : "", who, s->count, given);
    }
    if (d->sriov_count == 0)
        table_row(t, "none");
}

void table_groups(const struct report *r, struct table *t)
{
    const struct device_plan *d = &r->layout->devices;
    bool any = false;
    table_start(t, "Restart groups",
                "A reset of a physical function takes its virtual ones down: their owners restart with its owner.");
    table_row(t, "restart of|restarts too");
    for (uint32_t i = 0; i < r->layout->partition_count; i++)
        for (uint32_t k = 0; k < r->layout->partition_count; k++)
            if (d->restart_group[i] >> k & 1u) {
                table_row(t, "%s|%s", r->product->partitions[i].name, r->product->partitions[k].name);
                any = true;
            }
    if (!any)
        table_row(t, "each partition|nobody else");
}

void table_device_ports(const struct report *r, struct table *t)
{
    const struct device_plan *d = &r->layout->devices;
    if (d->ecam)
        table_row(t, "0xcf8..0xcff|each with devices, emulated|PCI configuration: its own functions");
    for (uint32_t i = 0; i < r->layout->ports.count; i++) {
        const struct plan_port *port = &r->layout->ports.ports[i];
        table_row(t, "0x%03x..0x%03x|%s, emulated|its virtio port %s", port->ports, port->ports + PLAN_PORT_REGISTERS - 1,
                  r->product->partitions[port->partition].name, port->name);
    }
    for (uint32_t i = 0; i < d->function_count; i++)
        for (unsigned b = 0; b < BOARD_BARS; b++) {
            const struct plan_bar *bar = &d->functions[i].bars[b];
            if (bar->kind == BAR_PORTS)
                table_row(t, "0x%03" PRIx64 "..0x%03" PRIx64 "|%s|its %s, BAR %u", bar->base.v, bar->base.v + bar->size - 1,
                          owner(r, &d->functions[i]), d->functions[i].role, b);
        }
}

void table_device_interrupts(const struct report *r, struct table *t)
{
    const struct device_plan *d = &r->layout->devices;
    for (uint32_t i = 0; i < d->function_count; i++)
        if (d->functions[i].vectors)
            table_row(t, "%s, entries %u to %u|cores of %s|the vector that it has set", d->functions[i].role,
                      d->functions[i].interrupt, d->functions[i].interrupt + d->functions[i].vectors - 1u,
                      owner(r, &d->functions[i]));
}
