/* SPDX-License-Identifier: Apache-2.0 */
/* The plan as C text: constant, readable, every default resolved, so that the hypervisor decides nothing. */
#include "plan_emit.h"

#include <inttypes.h>

#include "check.h"

const char *action_text(enum action action)
{
    static const char *const text[] = {"ACTION_DEFAULT", "ACTION_LOG",    "ACTION_STOP",         "ACTION_RESTART",
                                       "ACTION_RESET",   "ACTION_INJECT", "ACTION_RESTART_GROUP"};
    return text[action];
}

const char *kind_text(enum image_kind kind)
{
    static const char *const text[] = {"IMAGE_NONE", "IMAGE_UNIKERNEL", "IMAGE_LINUX"};
    return text[kind];
}

static const char *all_stopped_text(enum all_stopped all_stopped)
{
    static const char *const text[] = {"ALL_STOPPED_IDLE", "ALL_STOPPED_POWEROFF", "ALL_STOPPED_RESET"};
    return text[all_stopped];
}

/* A box that takes updates may have a version that does run in its other slot: GRUB is to count this start and, after three, to try that one.
 * Long enough for a person to read the refusal. */
#define REFUSED_RESET_S 30u

static const char *bool_text(bool value)
{
    return value ? "true" : "false";
}

/* A C string literal. The rules allow printable ASCII only; a trigraph cannot arise because every '?' is escaped. */
static void emit_string(FILE *out, const char *text)
{
    fputc('"', out);
    for (const char *c = text ? text : ""; *c; c++)
        if (*c == '"' || *c == '\\' || *c == '?')
            fprintf(out, "\\%c", *c);
        else
            fputc(*c, out);
    fputc('"', out);
}

/* The hypervisor numbers cores by the plan: the boot processor first, then partition by partition, so that the cores of one are
 * consecutive wherever the board's order has their siblings. */
static struct layout cores_in_order(const struct board *board, const struct layout *layout)
{
    struct layout ordered = *layout;
    uint8_t order[MAX_CORES], number[MAX_CORES] = {0};
    uint32_t count = 0;

    if (layout->cores[0].partition == 0xff)
        order[count++] = 0;
    for (uint32_t p = 0; p < layout->partition_count; p++)
        for (uint32_t c = 0; c < layout->partitions[p].core_count; c++)
            order[count++] = layout->partitions[p].cores[c];
    for (uint32_t i = 1; i < board->core_count; i++)
        if (layout->cores[i].partition == 0xff)
            order[count++] = (uint8_t)i;
    for (uint32_t i = 0; i < count; i++) {
        ordered.cores[i] = layout->cores[order[i]];
        number[order[i]] = (uint8_t)i;
    }
    for (uint32_t p = 0; p < layout->partition_count; p++)
        for (uint32_t c = 0; c < layout->partitions[p].core_count; c++)
            ordered.partitions[p].cores[c] = number[layout->partitions[p].cores[c]];
    ordered.housekeeping = number[layout->housekeeping];
    return ordered;
}

static void emit_arrays(FILE *out, unsigned i, const struct layout_partition *place, const struct payload *payload)
{
    fprintf(out, "static const uint8_t cores_%u[] = {", i);
    for (uint32_t c = 0; c < place->core_count; c++)
        fprintf(out, "%s%u", c ? ", " : "", place->cores[c]);
    fprintf(out, "};\nstatic const struct plan_ram ram_%u[] = {\n", i);
    for (uint32_t r = 0; r < place->ram_count; r++)
        fprintf(out, "    {.hpa = {0x%" PRIx64 "}, .gpa = {0x%" PRIx64 "}, .size = 0x%" PRIx64 "}, /* %" PRIu64 " MiB */\n",
                place->ram[r].hpa.v, place->ram[r].gpa.v, place->ram[r].size, place->ram[r].size >> 20);
    fprintf(out, "};\nstatic const struct plan_segment segments_%u[] = {\n", i);
    for (uint32_t s = 0; s < payload->segment_count; s++)
        fprintf(out, "    {.offset = 0x%" PRIx64 ", .gpa = {0x%" PRIx64 "}, .size = 0x%" PRIx64 "},\n", payload->segments[s].offset,
                payload->segments[s].gpa.v, payload->segments[s].size);
    fprintf(out, "};\n\n");
}

static void emit_payload(FILE *out, unsigned i, const char *name, const struct planned_payload *planned)
{
    const struct payload *p = &planned->payload;
    fprintf(out, "            {\n                .module = ");
    emit_string(out, name);
    fprintf(out, ",\n                .size = 0x%zx,\n                .sha256 = {", p->size);
    for (unsigned b = 0; b < 32; b++)
        fprintf(out, "%s0x%02x", b == 0 ? "" : b % 16 ? ", " : ",\n                           ", planned->sha256[b]);
    fprintf(out, "},\n                .segments = segments_%u,\n                .segment_count = %u,\n", i, p->segment_count);
    fprintf(out, "                .entry = {.eip = 0x%x, .eax = 0x%x, .ebx = 0x%x, .esi = 0x%x},\n", p->entry.eip, p->entry.eax,
            p->entry.ebx, p->entry.esi);
    fprintf(out, "                .tsc_khz_text = {0x%" PRIx64 "},\n                .tsc_khz_width = %u,\n", p->tsc_khz_text.v,
            p->tsc_khz_width);
    if (p->files_size != 0)
        fprintf(out, "                .files = {0x%" PRIx64 "},\n                .files_size = 0x%" PRIx64 ",\n", p->files.v,
                p->files_size);
    fprintf(out, "            },\n");
}

/* All of them, each with its action: none is left for the hypervisor to find. */
static void emit_health(FILE *out, const struct product *product, const struct partition_spec *spec)
{
    unsigned group = 0;
    for (unsigned i = 0; i < PRODUCT_MAX_PARTITIONS && spec->group[i]; i++)
        group |= 1u << product_find(product, spec->group[i]);
    fprintf(out, "        .group = 0x%04x,\n        .actions = {\n", group);
    for (unsigned event = 0; event < EVENT_COUNT; event++)
        fprintf(out, "            %s, /* %s */\n", action_text(event_resolve(spec, event)), event_rows[event].word);
    fprintf(out, "        },\n        .hang_ms = %u,\n", spec->hang_ms);
    fprintf(out, "        .exits = {.declared = %s, .per_second = %u, .xapic_per_second = %u},\n        .exits_grace_ms = %u,\n",
            bool_text(spec->exits.declared), spec->exits.per_second, spec->exits.xapic_per_second, exits_grace_ms(spec));
}

static void emit_life(FILE *out, const struct partition_spec *spec)
{
    const struct watchdog_spec *w = &spec->watchdog;
    fprintf(out, "        .apic = %s,\n", spec->apic == APIC_XAPIC ? "APIC_XAPIC" : "APIC_X2APIC");
    fprintf(out, "        .watchdog = {.period_ms = %u, .boot_grace_ms = %u, .may_stop = %s},\n", w->period_ms, w->boot_grace_ms,
            bool_text(w->may_stop));
    fprintf(out,
            "        .restart = {.limit = %u, .window_ms = %u, .backoff_ms = %u, .never = %s, .backoff_max_ms = %u, .then = %s},\n",
            spec->restart.limit, restart_window_ms(spec), spec->restart.backoff_ms, bool_text(spec->restart.never),
            backoff_max_ms(spec), action_text(action_resolve(spec->restart.then, ACTION_STOP)));
    fprintf(out, "        .denied = {.per_second = %u},\n", denied_per_second(spec));
    fprintf(out, "        .console = {.bytes_per_second = %u, .hidden = %s},\n", console_bytes_per_second(spec),
            bool_text(spec->console.hidden));
    fprintf(out, "        .stopped_at_boot = %s,\n", bool_text(spec->stopped_at_boot));
}

/* A bit for each partition that the list names. */
static unsigned named(const struct product *product, const char *const names[PRODUCT_MAX_PARTITIONS])
{
    unsigned bits = 0;

    for (unsigned i = 0; i < PRODUCT_MAX_PARTITIONS && names[i]; i++)
        bits |= 1u << product_find(product, names[i]);
    return bits;
}

static void emit_rights(FILE *out, const struct product *product, const struct partition_spec *spec)
{
    fprintf(out, "        .observes = 0x%04x,\n        .controls = 0x%04x,\n        .dumps = 0x%04x,\n",
            named(product, spec->observes), named(product, spec->controls), named(product, spec->dumps));
    fprintf(out, "        .reads_log = %s,\n        .audits = %s,\n        .trace = %s,\n", bool_text(spec->reads_log),
            bool_text(spec->audits), bool_text(spec->trace));
}

static void emit_partition(FILE *out, unsigned i, const struct product *product, const struct layout *layout,
                           const struct planned_payload *payload)
{
    const struct layout_partition *place = &layout->partitions[i];
    const struct partition_spec *spec = &product->partitions[i];

    fprintf(out, "    {\n        .name = ");
    emit_string(out, spec->name);
    fprintf(out, ",\n        .kind = %s,\n        .args = ", kind_text(spec->kind));
    emit_string(out, spec->args);
    fprintf(out, ",\n        .cores = cores_%u,\n        .core_count = %u,\n", i, place->core_count);
    fprintf(out, "        .ram = ram_%u,\n        .ram_count = %u,\n        .memory = 0x%" PRIx64 ",\n", i, place->ram_count,
            spec->memory);
    fprintf(out, "        .dma_offset = 0x%" PRIx64 ",\n        .tpm = {0x%x},\n        .payload =\n", layout_dma_offset(layout, i),
            spec->tpm ? PLAN_TPM : 0);
    emit_payload(out, i, spec->name, payload);
    fprintf(out, "        .first_function = %u,\n        .function_count = %u,\n        .restart_group = 0x%04x,\n",
            layout->devices.first[i], layout->devices.count[i], layout->devices.restart_group[i]);
    emit_rights(out, product, spec);
    emit_life(out, spec);
    emit_health(out, product, spec);
    fprintf(out, "    },\n");
}

static void emit_cores(FILE *out, const struct product *product, const struct board *board, const struct layout *layout)
{
    fprintf(out, "static const struct plan_core cores[] = {\n");
    for (uint32_t i = 0; i < board->core_count; i++) {
        const struct plan_core *core = &layout->cores[i];
        fprintf(out, "    {.apic_id = %u, .partition = 0x%02x, .vcpu = %u}, /* %u: %s */\n", core->apic_id, core->partition,
                core->vcpu, i, core->partition == 0xff ? "not used" : product->partitions[core->partition].name);
    }
    fprintf(out, "};\n\n");
}

static const char *bar_text(enum board_bar_kind kind)
{
    static const char *const text[] = {"BAR_NONE", "BAR_MEMORY32", "BAR_MEMORY64", "BAR_PORTS"};
    return text[kind];
}

/* Only those that are there. */
static void emit_bars(FILE *out, const struct plan_bar bars[BOARD_BARS])
{
    bool any = false;
    for (unsigned i = 0; i < BOARD_BARS; i++)
        if (bars[i].size != 0) {
            fprintf(out, "%s            [%u] = {.kind = %s, .prefetchable = %s, .base = {0x%" PRIx64 "}, .size = 0x%" PRIx64 "},\n",
                    any ? "" : "        .bars = {\n", i, bar_text(bars[i].kind), bool_text(bars[i].prefetchable), bars[i].base.v,
                    bars[i].size);
            any = true;
        }
    fprintf(out, "%s", any ? "        },\n" : "");
}

static void emit_function(FILE *out, const struct board *board, const struct plan_function *f)
{
    fprintf(out, "    {\n        .role = ");
    emit_string(out, f->role);
    fprintf(out, ",\n        .requester = 0x%04x, /* %02x:%02x.%x */\n", f->requester, f->requester >> 8, f->requester >> 3 & 31,
            f->requester & 7);
    fprintf(out, "        .partition = %u,\n        .slot = %u,\n        .vendor = 0x%04x,\n        .id = 0x%04x,\n", f->partition,
            f->slot, f->vendor, f->id);
    fprintf(out, "        .class_code = 0x%06x,\n", f->class_code);
    emit_bars(out, f->bars);
    fprintf(out, "        .msix = {.vectors = %u, .table_bar = %u, .pba_bar = %u, .table_offset = 0x%x, .pba_offset = 0x%x},\n",
            f->msix.vectors, f->msix.table_bar, f->msix.pba_bar, f->msix.table_offset, f->msix.pba_offset);
    fprintf(out, "        .msi = %s,\n        .vendor_caps = %s,\n", bool_text(f->msi), bool_text(f->vendor_caps));
    fprintf(out, "        .interrupt = %u,\n        .vectors = %u,\n", f->interrupt, f->vectors);
    fprintf(out, "        .physical = 0x%04x,\n        .board = &board.functions[%u],\n    },\n", f->physical,
            (unsigned)(f->board - board->functions));
}

/* Lists that are empty on most boards are left out then: C has no empty array. */
static void emit_functions(FILE *out, const struct board *board, const struct device_plan *d)
{
    if (!d->function_count)
        return;
    fprintf(out, "static const struct plan_function functions[] = {\n");
    for (uint32_t i = 0; i < d->function_count; i++)
        emit_function(out, board, &d->functions[i]);
    fprintf(out, "};\n\n");
}

static void emit_bridges(FILE *out, const struct device_plan *d)
{
    if (!d->bridge_count)
        return;
    fprintf(out, "static const struct plan_bridge bridges[] = {\n");
    for (uint32_t i = 0; i < d->bridge_count; i++) {
        const struct plan_bridge *b = &d->bridges[i];
        fprintf(out, "    {.requester = 0x%04x, .memory = {0x%" PRIx64 "}, .memory_size = 0x%" PRIx64, b->requester, b->memory.v,
                b->memory_size);
        fprintf(out, ", .ports = 0x%x, .ports_size = 0x%x},\n", b->ports, b->ports_size);
    }
    fprintf(out, "};\n\n");
}

static void emit_sriov(FILE *out, const struct board *board, const struct device_plan *d)
{
    if (!d->sriov_count)
        return;
    fprintf(out, "static const struct plan_sriov sriov[] = {\n");
    for (uint32_t i = 0; i < d->sriov_count; i++) {
        fprintf(out, "    {\n        .requester = 0x%04x,\n        .count = %u,\n", d->sriov[i].requester, d->sriov[i].count);
        emit_bars(out, d->sriov[i].bars);
        fprintf(out, "        .board = &board.functions[%u],\n    },\n", (unsigned)(d->sriov[i].board - board->functions));
    }
    fprintf(out, "};\n\n");
}

static const char *channel_kind_text(enum bh_channel_kind kind)
{
    static const char *const text[] = {"BH_CHANNEL_PLAIN", "BH_CHANNEL_CABLE", "BH_CHANNEL_REQUEST", "BH_CHANNEL_ANSWER"};
    return text[kind];
}

static void emit_channels(FILE *out, const struct channel_plan *channels)
{
    if (!channels->count)
        return;
    fprintf(out, "static const struct plan_channel channels[] = {\n");
    for (uint32_t i = 0; i < channels->count; i++) {
        const struct plan_channel *c = &channels->channels[i];
        fprintf(out, "    {\n        .name = ");
        emit_string(out, c->name);
        fprintf(out, ",\n        .kind = %s,\n        .writer = %u,\n        .readers = 0x%04x,\n        .mapped = 0x%04x,\n",
                channel_kind_text(c->kind), c->writer, c->readers, c->mapped);
        fprintf(out, "        .back = %u,\n        .gpa = {0x%" PRIx64 "},\n        .size = 0x%x,\n", c->back, c->gpa.v, c->size);
        fprintf(out, "        .doorbells_per_second = %u,\n        .info = {", c->doorbells_per_second);
        for (unsigned k = 0; k < 2; k++)
            fprintf(out, "%s{0x%" PRIx64 ", 0x%" PRIx64 ", 0x%" PRIx64 "}", k ? ", " : "", c->info[k][0], c->info[k][1],
                    c->info[k][2]);
        fprintf(out, "},\n    },\n");
    }
    fprintf(out, "};\n\n");
}

static void emit_port(FILE *out, const struct plan_port *p)
{
    fprintf(out, "    {.name = ");
    emit_string(out, p->name);
    fprintf(out, ", .partition = %u, .slot = %u, .out = %u, .in = %u, .kind = %s,\n", p->partition, p->slot, p->out, p->in,
            channel_kind_text(p->kind));
    fprintf(out, "     .ports = 0x%x, .msix = {0x%" PRIx64 "}, .features = 0x%" PRIx64 ",\n     .config = {", p->ports, p->msix.v,
            p->features);
    for (uint32_t i = 0; i < p->config_size; i++)
        fprintf(out, "%s0x%02x", i ? ", " : "", p->config[i]);
    fprintf(out, "}, .config_size = %u},\n", p->config_size);
}

static void emit_ports(FILE *out, const struct ports_plan *ports)
{
    if (!ports->count)
        return;
    fprintf(out, "static const struct plan_port ports[] = {\n");
    for (uint32_t i = 0; i < ports->count; i++)
        emit_port(out, &ports->ports[i]);
    fprintf(out, "};\n\n");
}

static void emit_list(FILE *out, const char *list, const char *count, uint32_t n)
{
    if (n)
        fprintf(out, "    .%s = %s,\n    .%s = %u,\n", list, list, count, n);
}

static void emit_top(FILE *out, const struct product *product, const struct board *board, const struct layout *layout, bool release)
{
    fprintf(out, "const struct plan plan = {\n    .version = PLAN_VERSION,\n    .product = ");
    emit_string(out, product->name);
    fprintf(out, ",\n    .board_name = ");
    emit_string(out, board->name);
    fprintf(out, ",\n    .board = &board,\n");
    fprintf(out, "    .hypervisor = {0x%" PRIx64 "},\n    .hypervisor_room = 0x%" PRIx64 ",\n", layout->hypervisor, layout->room);
    fprintf(out, "    .zone = {0x%" PRIx64 "},\n    .zone_size = 0x%" PRIx64 ",\n", layout->zone, layout->zone_size);
    fprintf(out, "    .crash = {0x%" PRIx64 "},\n    .crash_size = 0x%" PRIx64 ",\n", layout->crash, CRASH_SIZE);
    fprintf(out, "    .partitions = partitions_planned,\n    .partition_count = %u,\n", layout->partition_count);
    fprintf(out, "    .cores = cores,\n    .core_count = %u,\n    .housekeeping = %u,\n", board->core_count, layout->housekeeping);
    fprintf(out, "    .tick_hz = %u,\n    .tick_off = %s,\n    .all_stopped = %s,\n    .release = %s,\n", product_tick_hz(product),
            bool_text(product->tick_off), all_stopped_text(product->all_stopped), bool_text(release));
    fprintf(out, "    .refused_reset_s = %u,\n", product->update.version ? REFUSED_RESET_S : 0);
    emit_list(out, "functions", "function_count", layout->devices.function_count);
    emit_list(out, "bridges", "bridge_count", layout->devices.bridge_count);
    emit_list(out, "sriov", "sriov_count", layout->devices.sriov_count);
    emit_list(out, "channels", "channel_count", layout->channels.count);
    emit_list(out, "ports", "port_count", layout->ports.count);
    fprintf(out, "    .ecam = {0x%" PRIx64 "},\n    .interrupts = %u,\n    .pool_pages = %u,\n};\n", layout->devices.ecam,
            layout->devices.interrupts, layout->pool_pages);
}

void plan_emit(FILE *out, const struct product *product, const struct board *board, const struct layout *placed,
               const struct planned_payload *payloads, bool release)
{
    const struct layout ordered = cores_in_order(board, placed), *layout = &ordered;

    fprintf(out, "/* SPDX-License-Identifier: Apache-2.0 */\n");
    fprintf(out, "/* Plan of product %s on board %s (%s image). Made by the planner: change the tables, not this file. */\n",
            product->name, board->name, release ? "release" : "development");
    /* Multiboot2 3.1.10: the tag that asks for a framebuffer is of type 5. The linker takes it from here. */
    fprintf(out, "/* mb_frame = 0x%x */\n", board->uart.port == 0 ? 5 : 0x7fff);
    fprintf(out, "#include \"plan.h\"\n\n#include \"board.h\"\n\n");
    fprintf(out, "uint8_t plan_pool[%uu * PAGE_SIZE] __attribute__((aligned(4096)));\n\n", layout->pool_pages);
    for (uint32_t i = 0; i < layout->partition_count; i++) {
        fprintf(out, "/* %s */\n", product->partitions[i].name);
        emit_arrays(out, i, &layout->partitions[i], &payloads[i].payload);
    }
    fprintf(out, "static const struct plan_partition partitions_planned[] = {\n");
    for (uint32_t i = 0; i < layout->partition_count; i++)
        emit_partition(out, i, product, layout, &payloads[i]);
    fprintf(out, "};\n\n");
    emit_cores(out, product, board, layout);
    emit_functions(out, board, &layout->devices);
    emit_bridges(out, &layout->devices);
    emit_sriov(out, board, &layout->devices);
    emit_channels(out, &layout->channels);
    emit_ports(out, &layout->ports);
    emit_top(out, product, board, layout, release);
}

void grub_emit(FILE *out, const struct product *product, const struct board *board)
{
    unsigned count = product_partitions(product);
    fprintf(out, "# Boot menu of product %s on board %s. Made by the planner.\n", product->name, board->name);
    if (board->uart.port) {
        fprintf(out, "serial --port=0x%x --speed=%u\n", board->uart.port, board->uart.baud);
        fprintf(out, "terminal_input serial\nterminal_output serial\n");
    } else /* what is shown needs a mode with pixels */
        fprintf(out, "insmod all_video\n");
    fprintf(out, "set timeout=0\nmultiboot2 /boot/bulkhead.elf\n");
    for (unsigned i = 0; i < count; i++)
        fprintf(out, "module2 /boot/%s.img %s\n", product->partitions[i].name, product->partitions[i].name);
    fprintf(out, "boot\n");
}
