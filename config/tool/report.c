/* SPDX-License-Identifier: Apache-2.0 */
/* The report's content as tables, and the report as text. */
#include "report.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "bulkhead_abi.h"
#include "check.h"
#include "devices.h"

const char *report_owner(const struct report *report, uint8_t owner)
{
    return owner == OWNER_HYPERVISOR ? "hypervisor" : owner == OWNER_NOBODY ? "nobody" : report->product->partitions[owner].name;
}

bool report_resets_board(const struct partition_spec *spec)
{
    for (unsigned event = 0; event < EVENT_COUNT; event++)
        if (event_action(spec, event) == ACTION_RESET)
            return true;
    return spec->restart.then == ACTION_RESET;
}

/* --- memory map --- */

static int by_base(const void *a, const void *b)
{
    const struct report_range *x = a, *y = b;
    return x->base < y->base ? -1 : x->base > y->base;
}

static unsigned owned_ranges(const struct report *report, struct report_range *ranges)
{
    const struct layout *l = report->layout;
    const struct report_range own[] = {{l->hypervisor, l->room, OWNER_HYPERVISOR, "bulkhead.elf"},
                                       {l->zone, l->zone_size, OWNER_HYPERVISOR, "image zone"},
                                       {l->crash, CRASH_SIZE, OWNER_HYPERVISOR, "crash record"}};
    unsigned n = ARRAY_SIZE(own);
    memcpy(ranges, own, sizeof(own));
    for (uint32_t i = 0; i < l->partition_count; i++)
        for (uint32_t r = 0; r < l->partitions[i].ram_count; r++) {
            const struct plan_ram *ram = &l->partitions[i].ram[r];
            ranges[n++] = (struct report_range){ram->hpa.v, ram->size, (uint8_t)i, "RAM"};
        }
    qsort(ranges, n, sizeof(*ranges), by_base);
    return n;
}

unsigned report_ranges(const struct report *report, struct report_range ranges[REPORT_MAX_RANGES])
{
    static struct report_range owned[REPORT_MAX_RANGES];
    unsigned owned_count = owned_ranges(report, owned), n = 0;
    for (uint32_t b = 0; b < report->board->ram_count; b++) {
        uint64_t at = report->board->ram[b].base, end = at + report->board->ram[b].size;
        for (unsigned i = 0; i < owned_count; i++) {
            if (owned[i].base < at || owned[i].base >= end)
                continue;
            if (owned[i].base > at)
                ranges[n++] = (struct report_range){at, owned[i].base - at, OWNER_NOBODY, "not used"};
            ranges[n++] = owned[i];
            at = owned[i].base + owned[i].size;
        }
        if (at < end)
            ranges[n++] = (struct report_range){at, end - at, OWNER_NOBODY, "not used"};
    }
    return n;
}

/* --- tables --- */

void table_start(struct table *table, const char *title, const char *note)
{
    table->title = title;
    table->note = note;
    table->columns = table->rows = 0;
}

/* One row; the texts are separated by a bar. */
void table_row(struct table *table, const char *format, ...)
{
    char text[TABLE_COLUMNS * TABLE_CELL];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof(text), format, list);
    va_end(list);
    if (table->rows == TABLE_ROWS)
        return;
    unsigned column = 0;
    for (char *at = text; at && column < TABLE_COLUMNS; column++) {
        char *bar = strchr(at, '|');
        if (bar)
            *bar = 0;
        snprintf(table->cell[table->rows][column], TABLE_CELL, "%.*s", (int)TABLE_CELL - 1, at);
        at = bar ? bar + 1 : 0;
    }
    if (column > table->columns)
        table->columns = column;
    for (; column < TABLE_COLUMNS; column++)
        table->cell[table->rows][column][0] = 0;
    table->rows++;
}

static const char *action_word(enum action action)
{
    static const char *const words[] = {"default", "log", "stop", "restart", "reset board", "NMI", "restart the group"};
    return words[action];
}

static void table_identity(const struct report *r, struct table *t)
{
    table_start(t, "What this is", "Read with the tables of the product and the board that it was made from.");
    table_row(t, "item|value");
    table_row(t, "product|%s", r->product->name);
    table_row(t, "product description|%s", r->product->description ? r->product->description : "");
    table_row(t, "board|%s", r->board->name);
    table_row(t, "board description|%s", r->board->description ? r->board->description : "");
    table_row(t, "run on this board before|%s", r->board->untested ? "NO: its table was made from documents" : "yes");
    for (unsigned i = 0; i < BOARD_MAX_BLANKS && r->board->blanks[i].field; i++)
        table_row(t, "not known of the board|%s", r->board->blanks[i].field);
    table_row(t, "image|%s", r->release ? "release" : "development");
    table_row(t, "tick|%s%u Hz, on the first core of %s", r->product->tick_off ? "off; while there is console work " : "",
              product_tick_hz(r->product), r->product->housekeeping);
    table_row(t, "when all partitions have stopped|%s",
              r->product->all_stopped == ALL_STOPPED_IDLE    ? "idle"
              : r->product->all_stopped == ALL_STOPPED_RESET ? "reset board"
                                                             : "power off");
    table_row(t, "test switches|%s", r->product->test_switches ? "yes" : "no");
}

static void table_partitions(const struct report *r, struct table *t)
{
    table_start(t, "Partitions", "In table order; the number selects the partition on the console.");
    table_row(t, "number|name|kind|program or kernel|cores|memory|APIC|at boot");
    for (uint32_t i = 0; i < r->layout->partition_count; i++) {
        const struct partition_spec *p = &r->product->partitions[i];
        bool unikernel = p->kind == IMAGE_UNIKERNEL;
        const char *image = unikernel ? (p->program ? p->program : p->name) : p->kernel ? p->kernel : "the tree's kernel";
        table_row(t, "%u|%s|%s|%.60s|%u|%" PRIu64 " MiB|%s|%s", i + 1, p->name, unikernel ? "unikernel" : "Linux", image, p->cores,
                  p->memory >> 20, p->apic == APIC_XAPIC ? "xAPIC" : "x2APIC", p->stopped_at_boot ? "waits" : "starts");
    }
}

static void table_arguments(const struct report *r, struct table *t)
{
    table_start(t, "Arguments", "Words for main(), or the kernel's command line; here cut after 90 characters.");
    table_row(t, "partition|arguments");
    for (uint32_t i = 0; i < r->layout->partition_count; i++) {
        char args[91] = "";
        snprintf(args, sizeof(args), "%s", r->product->partitions[i].args ? r->product->partitions[i].args : "");
        for (char *bar = args; (bar = strchr(bar, '|'));)
            *bar = '!';
        table_row(t, "%s|%s", r->product->partitions[i].name, args);
    }
}

static void table_cores(const struct report *r, struct table *t)
{
    table_start(t, "Cores", "Each belongs to one partition for ever (SEP-2).");
    table_row(t, "core|APIC id|package|physical core|partition|its number there|duty");
    for (uint32_t i = 0; i < r->board->core_count; i++) {
        const struct plan_core *c = &r->layout->cores[i];
        bool used = c->partition != 0xff;
        char vcpu[12] = "";
        if (used)
            snprintf(vcpu, sizeof(vcpu), "%u", c->vcpu);
        table_row(t, "%u|%u|%u|%u|%s|%s|%s", i, c->apic_id, r->board->cores[i].package, r->board->cores[i].smt_group,
                  used ? r->product->partitions[c->partition].name : "not used", vcpu,
                  i == r->layout->housekeeping ? "housekeeping: tick, console, watchdogs"
                  : used && c->vcpu == 0       ? "loads its partition"
                                               : "");
    }
}

static void table_memory(const struct report *r, struct table *t)
{
    static struct report_range ranges[REPORT_MAX_RANGES];
    unsigned n = report_ranges(r, ranges);
    table_start(t, "Host memory", "All RAM that the board table lists, ascending. No byte appears twice (SEP-1).");
    table_row(t, "from|to|size|owner|use");
    for (unsigned i = 0; i < n; i++)
        table_row(t, "0x%010" PRIx64 "|0x%010" PRIx64 "|%" PRIu64 " KiB|%s|%s", ranges[i].base, ranges[i].base + ranges[i].size - 1,
                  ranges[i].size >> 10, report_owner(r, ranges[i].owner), ranges[i].what);
}

static void table_guest_memory(const struct report *r, struct table *t)
{
    table_start(
        t, "Guest memory",
        "What each partition takes for physical. Anything else it touches, but for Device addresses below, is denied and counted.");
    table_row(t, "partition|guest from|guest to|size|host from|use");
    for (uint32_t i = 0; i < r->layout->partition_count; i++) {
        const char *name = r->product->partitions[i].name;
        for (uint32_t m = 0; m < r->layout->partitions[i].ram_count; m++) {
            const struct plan_ram *ram = &r->layout->partitions[i].ram[m];
            table_row(t, "%s|0x%010" PRIx64 "|0x%010" PRIx64 "|%" PRIu64 " MiB|0x%010" PRIx64 "|RAM", name, ram->gpa.v,
                      ram->gpa.v + ram->size - 1, ram->size >> 20, ram->hpa.v);
        }
        if (r->product->partitions[i].kind == IMAGE_UNIKERNEL)
            table_row(t, "%s|0x%010x|0x%010x|%u KiB|our pool|ABI area: start information, heartbeat, console rings", name,
                      BH_ABI_GPA, BH_ABI_GPA + BH_ABI_PAGES * PAGE_SIZE - 1, BH_ABI_PAGES * 4);
        table_row(t, "%s|0x%010x|0x%010x|4 KiB|emulated|IO-APIC: edge pins, to its own cores only", name, 0xfec00000u, 0xfec00fffu);
        table_row(t, "%s|0x%010x|0x%010x|4 KiB|emulated|local APIC, while in xAPIC mode", name, 0xfee00000u, 0xfee00fffu);
    }
}

static void port_row(struct table *t, unsigned first, unsigned count, const char *owner, const char *use)
{
    if (count == 1)
        table_row(t, "0x%03x|%s|%s", first, owner, use);
    else
        table_row(t, "0x%03x..0x%03x|%s|%s", first, first + count - 1, owner, use);
}

static void table_ports(const struct report *r, struct table *t)
{
    const struct board *b = r->board;
    table_start(t, "I/O ports",
                "No partition reaches a hardware port, but those of its devices. Most emulated ports exist in Linux partitions "
                "only; every other "
                "access is denied and counted.");
    table_row(t, "port|who|use");
    if (b->uart.port)
        port_row(t, b->uart.port, 8, "hypervisor", "the board's UART: console");
    port_row(t, 0x20, 2, "hypervisor", "8259: masked at boot");
    port_row(t, 0x40, 4, "hypervisor", "PIT: slow tick");
    port_row(t, PORT_RTC_INDEX, 2, "hypervisor", "RTC: read once at boot");
    port_row(t, 0xcf8, 8, "hypervisor", "PCI configuration: hardware watchdog");
    if (b->pm_timer_port)
        port_row(t, b->pm_timer_port, 4, "hypervisor", "PM timer: measures the TSC at boot");
    if (b->reset.port)
        port_row(t, b->reset.port, 1, "hypervisor", "reset");
    if (b->poweroff.port)
        port_row(t, b->poweroff.port, 2, "hypervisor", "power off");
    table_device_ports(r, t);
    port_row(t, 0x3f8, 8, "each Linux, emulated", "16550: its console stream");
    port_row(t, PORT_RTC_INDEX, 2, "each Linux, emulated", "RTC, read-only");
    port_row(t, PORT_PIT2, 2, "each Linux, emulated", "PIT counter 2: stands still");
    port_row(t, 0x61, 1, "each Linux, emulated", "PIT gate: expired");
    port_row(t, 0x80, 1, "each Linux, emulated", "POST code: dropped");
    port_row(t, PORT_IB700_STOP, 1, "each Linux, emulated", "watchdog: stop");
    port_row(t, PORT_IB700_START, 1, "each Linux, emulated", "watchdog: start and pet");
    port_row(t, PORT_SLEEP_CONTROL, 2, "each Linux, emulated", "ACPI sleep registers: power off");
    port_row(t, PORT_RESET, 1, "each Linux, emulated", "ACPI reset register: reboot");
}

static void table_interrupts(const struct report *r, struct table *t)
{
    const struct board *b = r->board;
    unsigned keeper = r->layout->housekeeping;
    table_start(t, "Interrupts",
                "A device interrupts cores of its owner only, by an entry of the remapping table. An interrupt between cores "
                "reaches cores of its "
                "own partition only (SEP-3).");
    table_row(t, "source|goes to|as");
    table_row(t, "PIT, pin %u|core %u|NMI to the hypervisor: tick%s", b->pit.gsi, keeper,
              r->product->tick_off ? ", single ones on demand" : "");
    if (b->uart.port)
        table_row(t, "UART, pin %u|core %u|NMI to the hypervisor: console", b->uart.gsi, keeper);
    table_row(t, "APIC timer of a core|the same core|straight to its partition");
    table_row(t, "IPI of a partition|cores of this partition|checked and translated by the hypervisor");
    table_row(t, "console input|first core of the partition|the vector that it registered");
    table_device_interrupts(r, t);
    table_row(t, "all other IO-APIC pins|nobody|masked");
}

static bool in_group(const struct partition_spec *spec, const char *name)
{
    for (unsigned i = 0; i < PRODUCT_MAX_PARTITIONS && spec->group[i]; i++)
        if (strcmp(spec->group[i], name) == 0)
            return true;
    return false;
}

/* Whom this partition's events end: all, or those that restart with it. */
static void ends_others(const struct report *r, uint32_t i, char *out, size_t size)
{
    size_t used = 0;
    snprintf(out, size, "no");
    if (report_resets_board(&r->product->partitions[i])) {
        snprintf(out, size, "YES: resets the board");
        return;
    }
    for (uint32_t k = 0; k < r->layout->partition_count && used < size; k++)
        if (r->layout->devices.restart_group[i] >> k & 1u || in_group(&r->product->partitions[i], r->product->partitions[k].name))
            used +=
                (size_t)snprintf(out + used, size - used, "%s%s", used ? ", " : "YES: restarts ", r->product->partitions[k].name);
}

static void names_of(const char *const names[PRODUCT_MAX_PARTITIONS], char *out, size_t size)
{
    size_t used = 0;

    snprintf(out, size, "none");
    for (unsigned i = 0; i < PRODUCT_MAX_PARTITIONS && names[i] && used < size; i++)
        used += (size_t)snprintf(out + used, size - used, "%s%s", used ? ", " : "", names[i]);
}

/* Those that the table gives, of one partition over others. */
static void table_rights(const struct report *r, struct table *t)
{
    char sees[TABLE_CELL], controls[TABLE_CELL], dumps[TABLE_CELL];

    table_start(t, "Rights over others",
                "A right that is not here does not exist: whom it may not see a partition cannot tell from one that is not there.");
    table_row(t, "partition|sees state, output and trace of|starts, stops, pauses and types to|reads memory, once stopped, "
                 "of|reads our log|may order an audit");
    for (uint32_t i = 0; i < r->layout->partition_count; i++) {
        const struct partition_spec *spec = &r->product->partitions[i];
        names_of(spec->observes, sees, sizeof(sees));
        names_of(spec->controls, controls, sizeof(controls));
        names_of(spec->dumps, dumps, sizeof(dumps));
        if (spec->observes[0] || spec->reads_log || spec->audits)
            table_row(t, "%s|%s|%s|%s|%s|%s", spec->name, sees, controls, dumps, spec->reads_log ? "YES" : "no",
                      spec->audits ? "YES" : "no");
    }
}

static void table_reach(const struct report *r, struct table *t)
{
    table_start(
        t, "Who can reach whom",
        "Row: who acts. Memory and devices of other partitions: none, but for the channels; by DMA a device reaches its owner's "
        "memory. A doorbell interrupts those who read a channel. What remains: shared caches, memory bandwidth and power are not "
        "partitioned; an action that "
        "resets the board ends "
        "all; a physical function's owner is trusted by the owners of its virtual functions.");
    table_row(t, "partition|other partitions' memory|others' devices|writes to, by channels|interrupts, by doorbells|sees the "
                 "state of|can end others");
    for (uint32_t i = 0; i < r->layout->partition_count; i++) {
        char ends[TABLE_CELL], sees[TABLE_CELL], reached[TABLE_CELL];
        ends_others(r, i, ends, sizeof(ends));
        names_of(r->product->partitions[i].observes, sees, sizeof(sees));
        report_reached(r, i, reached, sizeof(reached));
        table_row(t, "%s|none|none|%s|%s|%s|%s", r->product->partitions[i].name, reached, reached, sees, ends);
    }
}

static const char *follows(const struct partition_spec *spec, enum health_event event)
{
    return action_word(event_resolve(spec, event));
}

static void table_life(const struct report *r, struct table *t)
{
    table_start(
        t, "Life cycle",
        "What the hypervisor does after each event of a partition. A restart scrubs all its memory and checks its image again.");
    table_row(t, "partition|crash|exit|reboot|power off|watchdog|denied accesses|restarts");
    for (uint32_t i = 0; i < r->layout->partition_count; i++) {
        const struct partition_spec *p = &r->product->partitions[i];
        char restarts[TABLE_CELL] = "none";
        if (p->restart.never)
            snprintf(restarts, sizeof(restarts), "NEVER: not by the operator either");
        else if (p->restart.limit)
            snprintf(restarts, sizeof(restarts), "%u in %u ms, %u to %u ms apart, then %s", p->restart.limit, restart_window_ms(p),
                     p->restart.backoff_ms, backoff_max_ms(p), action_word(action_resolve(p->restart.then, ACTION_STOP)));
        table_row(t, "%s|%s|%s|%s|%s|%s|%s over %u/s|%s", p->name, follows(p, EVENT_CRASH), follows(p, EVENT_EXIT),
                  follows(p, EVENT_REBOOT), follows(p, EVENT_POWEROFF), p->watchdog.period_ms ? follows(p, EVENT_WATCHDOG) : "none",
                  follows(p, EVENT_DENIED), denied_per_second(p), restarts);
    }
}

/* The events that have to be looked for, and who restarts along. */
static void table_health(const struct report *r, struct table *t)
{
    table_start(t, "Health", "What the hypervisor does after what it finds out by itself. Not looked for: -.");
    table_row(t, "partition|hang|IOMMU faults|machine check|exits over budget|lost peer|group");
    for (uint32_t i = 0; i < r->layout->partition_count; i++) {
        const struct partition_spec *p = &r->product->partitions[i];
        char hang[40] = "-", exits[80] = "-", group[TABLE_CELL] = "";
        size_t used = 0;
        if (p->hang_ms)
            snprintf(hang, sizeof(hang), "%s after %u ms", follows(p, EVENT_HANG), p->hang_ms);
        if (p->exits.declared)
            snprintf(exits, sizeof(exits), "%s over %u/s, xAPIC %u/s", follows(p, EVENT_EXIT_BUDGET), p->exits.per_second,
                     p->exits.xapic_per_second);
        for (unsigned k = 0; k < PRODUCT_MAX_PARTITIONS && p->group[k] && used < sizeof(group); k++)
            used += (size_t)snprintf(group + used, sizeof(group) - used, "%s%s", used ? ", " : "", p->group[k]);
        table_row(t, "%s|%s|%s|%s|%s|%s|%s", p->name, hang, p->devices[0].role ? follows(p, EVENT_IOMMU_FAULT) : "-",
                  follows(p, EVENT_MACHINE_CHECK), exits, follows(p, EVENT_PEER_LOST), used ? group : "-");
    }
}

static void table_watchdogs(const struct report *r, struct table *t)
{
    static const char *const kinds[] = {
        [WATCHDOG_I6300ESB] = "i6300esb", [WATCHDOG_ITCO] = "iTCO",   [WATCHDOG_ITCO_SMBUS] = "iTCO",
        [WATCHDOG_SP5100] = "SP5100",     [WATCHDOG_SB800] = "SB800", [WATCHDOG_FCH] = "FCH"};

    table_start(t, "Watchdogs", "A partition without one may hang for ever; its neighbours do not notice.");
    table_row(t, "of|period|first sign of life within|when it expires|may be stopped");
    if (r->board->watchdog.kind != WATCHDOG_NONE)
        table_row(t, "the board (%s at %02x:%02x.%x)|%u ms|-|reset board|no", kinds[r->board->watchdog.kind],
                  r->board->watchdog.bus, r->board->watchdog.device, r->board->watchdog.function, r->board->watchdog.timeout_ms);
    else
        table_row(t, "the board|none|-|-|-");
    for (uint32_t i = 0; i < r->layout->partition_count; i++) {
        const struct partition_spec *p = &r->product->partitions[i];
        if (p->watchdog.period_ms)
            table_row(t, "%s|%u ms|%u ms|%s|%s", p->name, p->watchdog.period_ms, p->watchdog.boot_grace_ms,
                      follows(p, EVENT_WATCHDOG), p->watchdog.may_stop ? "YES" : "no");
        else
            table_row(t, "%s|none|-|-|-", p->name);
    }
}

static void table_console(const struct report *r, struct table *t)
{
    table_start(t, "Console", "Output beyond the rate is dropped and counted.");
    table_row(t, "partition|bytes per second|in the view of all");
    for (uint32_t i = 0; i < r->layout->partition_count; i++) {
        const struct partition_spec *p = &r->product->partitions[i];
        table_row(t, "%s|%u|%s", p->name, console_bytes_per_second(p), p->console.hidden ? "no" : "yes");
    }
}

static void table_payloads(const struct report *r, struct table *t)
{
    table_start(t, "Payloads", "Checked against these digests at each start of the partition.");
    table_row(t, "partition|bytes|entry|SHA-256");
    for (uint32_t i = 0; i < r->layout->partition_count; i++) {
        char digest[65] = "";
        if (!r->payloads) {
            table_row(t, "%s|not built: no images were given to the planner", r->product->partitions[i].name);
            continue;
        }
        for (unsigned b = 0; b < 32; b++)
            snprintf(digest + 2 * b, 3, "%02x", r->payloads[i].sha256[b]);
        table_row(t, "%s|%zu|0x%x|%s", r->product->partitions[i].name, r->payloads[i].payload.size,
                  r->payloads[i].payload.entry.eip, digest);
    }
}

static void table_signature(const struct report *r, struct table *t)
{
    (void)r;
    table_start(t, "Review", "The reviewer confirms that this is what the product shall be.");
    table_row(t, "name|date|signature");
    table_row(t, "........................|............|........................");
}

bool report_table(const struct report *report, unsigned index, struct table *table)
{
    static void (*const tables[])(const struct report *, struct table *) = {
        table_identity,   table_partitions, table_arguments, table_cores,     table_memory,    table_guest_memory, table_ports,
        table_interrupts, table_devices,    table_virtio,    table_addresses, table_sriov,     table_groups,       table_reach,
        table_channels,   table_slices,     table_rights,    table_labels,    table_conflicts, table_life,         table_health,
        table_watchdogs,  table_console,    table_payloads,  table_signature};
    if (index >= ARRAY_SIZE(tables))
        return false;
    tables[index](report, table);
    return true;
}

/* --- as text --- */

static void text_table(FILE *out, const struct table *table)
{
    size_t width[TABLE_COLUMNS] = {0};
    for (unsigned r = 0; r < table->rows; r++)
        for (unsigned c = 0; c < table->columns; c++)
            if (strlen(table->cell[r][c]) > width[c])
                width[c] = strlen(table->cell[r][c]);
    fprintf(out, "\n%s\n", table->title);
    for (size_t i = 0; i < strlen(table->title); i++)
        fputc('-', out);
    fprintf(out, "\n%s\n\n", table->note);
    for (unsigned r = 0; r < table->rows; r++)
        for (unsigned c = 0; c < table->columns; c++) {
            bool last = c + 1 == table->columns;
            fprintf(out, "%s%-*s%s", c ? "  " : "    ", last ? 0 : (int)width[c], table->cell[r][c], last ? "\n" : "");
        }
}

void report_text(FILE *out, const struct report *report)
{
    static struct table table;
    fprintf(out, "Bulkhead report: product %s on board %s\n", report->product->name, report->board->name);
    for (unsigned i = 0; report_table(report, i, &table); i++)
        text_table(out, &table);
}

int report_write(const char *folder, const struct report *report)
{
    const struct {
        const char *name;
        void (*write)(FILE *, const struct report *);
    } files[] = {{"report.txt", report_text},
                 {"report.html", report_html},
                 {"memory.svg", report_memory_svg},
                 {"reach.svg", report_reach_svg}};
    for (unsigned i = 0; i < ARRAY_SIZE(files); i++) {
        char path[4096];
        snprintf(path, sizeof(path), "%s/%s", folder, files[i].name);
        FILE *out = fopen(path, "wb");
        if (!out) {
            fprintf(stderr, "planner: %s: %s\n", path, strerror(errno));
            return 1;
        }
        files[i].write(out, report);
        bool bad = ferror(out) != 0;
        if (fclose(out) != 0 || bad) {
            fprintf(stderr, "planner: %s: could not be written\n", path);
            return 1;
        }
    }
    return 0;
}
