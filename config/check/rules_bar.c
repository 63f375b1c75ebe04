/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of what a board's functions have: BARs, MSI-X, a way to be reset, virtual functions. */
#include "rules_pci.h"

#define MEMORY32_MAX GIB(2)
#define MEMORY64_MAX (1ull << 40)
#define PORTS_MAX 256u
#define MSIX_MAX 2048u
#define MSIX_ENTRY 16u
#define SETTLE_MAX 1000u

/* The BARs and the MSI-X of a function, then of its VFs. */
struct part {
    const char *prefix;
    const struct board_bar *bars;
    const struct board_msix *msix;
};

static struct part part_of(const struct board_function *f, unsigned which)
{
    return which == 0 ? (struct part){"", f->bars, &f->msix} : (struct part){"vf.", f->vf.bars, &f->vf.msix};
}

#define EACH_PART(part, f)                                                                                                         \
    for (unsigned which_ = 0; which_ < 2; which_++)                                                                                \
        for (struct part part = part_of(f, which_); part.bars; part.bars = 0)
#define EACH_BAR(b) for (unsigned b = 0; b < BOARD_BARS; b++)

static struct place bar_place(char field[FIELD_ROOM], uint32_t i, const struct part *part, unsigned bar, const char *member)
{
    char name[FIELD_ROOM];
    snprintf(name, sizeof(name), "%sbars[%u].%s", part->prefix, bar, member);
    return function_place(field, i, name);
}

static struct place msix_place(char field[FIELD_ROOM], uint32_t i, const struct part *part, const char *member)
{
    char name[FIELD_ROOM];
    snprintf(name, sizeof(name), "%smsix.%s", part->prefix, member);
    return function_place(field, i, name);
}

static bool is_memory(const struct board_bar *bar)
{
    return bar->kind == BAR_MEMORY32 || bar->kind == BAR_MEMORY64;
}

/* --- BARs --- */

void rule_bar_kind(struct check *check)
{
    EACH_FUNCTION(f, i, check)
    EACH_PART(part, f)
    EACH_BAR(b)
    if ((unsigned)part.bars[b].kind > BAR_PORTS) {
        char field[FIELD_ROOM];
        found(check, bar_place(field, i, &part, b, "kind"), "not a value of enum board_bar_kind",
              "use BAR_MEMORY32, BAR_MEMORY64 or BAR_PORTS", "%u", (unsigned)part.bars[b].kind);
    }
}

void rule_bar_pair(struct check *check)
{
    EACH_FUNCTION(f, i, check)
    EACH_PART(part, f)
    EACH_BAR(b)
    if (part.bars[b].kind == BAR_MEMORY64 && (b + 1 == BOARD_BARS || part.bars[b + 1].kind != BAR_NONE)) {
        char field[FIELD_ROOM];
        found(check, bar_place(field, i, &part, b, "kind"), "the upper half of a 64-bit BAR takes the next place",
              "leave the next entry out; the last of the six cannot have 64 bits", "BAR_MEMORY64");
    }
}

static bool size_sound(const struct board_bar *bar)
{
    uint64_t size = bar->size;
    if (bar->kind == BAR_NONE)
        return size == 0;
    if (size == 0 || (size & (size - 1)) != 0)
        return false;
    return bar->kind == BAR_PORTS ? size >= 4 && size <= PORTS_MAX
                                  : size >= 16 && size <= (bar->kind == BAR_MEMORY32 ? MEMORY32_MAX : MEMORY64_MAX);
}

void rule_bar_size(struct check *check)
{
    EACH_FUNCTION(f, i, check)
    EACH_PART(part, f)
    EACH_BAR(b)
    if ((unsigned)part.bars[b].kind <= BAR_PORTS && !size_sound(&part.bars[b])) {
        char field[FIELD_ROOM];
        found(check, bar_place(field, i, &part, b, "size"),
              "the size of a BAR is a power of 2: 16 bytes or more of memory, 4 to 256 ports, and 0 where there is none",
              "copy [size=] from lspci -v; a resizable BAR has the size that the firmware gave it", "0x%llx",
              HEX(part.bars[b].size));
    }
}

/* --- MSI-X --- */

void rule_msix_vectors(struct check *check)
{
    EACH_FUNCTION(f, i, check)
    EACH_PART(part, f)
    if (part.msix->vectors > MSIX_MAX) {
        char field[FIELD_ROOM];
        found(check, msix_place(field, i, &part, "vectors"), "an MSI-X table has at most 2,048 entries",
              "copy Count from lspci -vv", "%u", part.msix->vectors);
    }
}

static bool msix_bar_sound(const struct part *part, unsigned bar)
{
    return bar < BOARD_BARS && is_memory(&part->bars[bar]);
}

void rule_msix_bar(struct check *check)
{
    EACH_FUNCTION(f, i, check)
    EACH_PART(part, f)
    if (part.msix->vectors && (!msix_bar_sound(&part, part.msix->table_bar) || !msix_bar_sound(&part, part.msix->pba_bar))) {
        char field[FIELD_ROOM];
        found(check, msix_place(field, i, &part, "table_bar"),
              "the MSI-X table and its pending bits lie in memory BARs of the function", "copy both BAR numbers from lspci -vv",
              "table in BAR %u, pending bits in BAR %u", part.msix->table_bar, part.msix->pba_bar);
    }
}

static uint64_t table_size(const struct board_msix *msix)
{
    return (uint64_t)msix->vectors * MSIX_ENTRY;
}

static uint64_t pba_size(const struct board_msix *msix)
{
    return (msix->vectors + 63u) / 64 * 8;
}

static bool msix_looked_at(const struct part *part)
{
    return part->msix->vectors != 0 && part->msix->vectors <= MSIX_MAX && msix_bar_sound(part, part->msix->table_bar) &&
           msix_bar_sound(part, part->msix->pba_bar);
}

void rule_msix_inside(struct check *check)
{
    EACH_FUNCTION(f, i, check)
    EACH_PART(part, f)
    {
        const struct board_msix *m = part.msix;
        char field[FIELD_ROOM];
        if (!msix_looked_at(&part) || !size_sound(&part.bars[m->table_bar]) || !size_sound(&part.bars[m->pba_bar]))
            continue;
        if (m->table_offset % 8 || !range_inside(m->table_offset, table_size(m), 0, part.bars[m->table_bar].size))
            found(check, msix_place(field, i, &part, "table_offset"),
                  "the table does not lie in its BAR: accesses to it would not be caught", "copy the offset from lspci -vv",
                  "0x%x, %u vectors, the BAR has 0x%llx bytes", m->table_offset, m->vectors, HEX(part.bars[m->table_bar].size));
        if (m->pba_offset % 8 || !range_inside(m->pba_offset, pba_size(m), 0, part.bars[m->pba_bar].size))
            found(check, msix_place(field, i, &part, "pba_offset"), "the pending bits do not lie in their BAR",
                  "copy the offset from lspci -vv", "0x%x, %u vectors, the BAR has 0x%llx bytes", m->pba_offset, m->vectors,
                  HEX(part.bars[m->pba_bar].size));
    }
}

void rule_msix_overlap(struct check *check)
{
    EACH_FUNCTION(f, i, check)
    EACH_PART(part, f)
    {
        const struct board_msix *m = part.msix;
        char field[FIELD_ROOM];
        if (msix_looked_at(&part) && m->table_bar == m->pba_bar &&
            range_overlap(m->table_offset, table_size(m), m->pba_offset, pba_size(m)))
            found(check, msix_place(field, i, &part, "pba_offset"), "the table and the pending bits cannot be at the same place",
                  "copy both offsets from lspci -vv", "0x%x, the table is at 0x%x", m->pba_offset, m->table_offset);
    }
}

/* --- reset --- */

void rule_reset_kind(struct check *check)
{
    EACH_FUNCTION(f, i, check)
    if ((unsigned)f->reset.kind > RESET_REGISTER) {
        char field[FIELD_ROOM];
        found(check, function_place(field, i, "reset.kind"), "not a value of enum board_reset", "use one of the RESET_ names", "%u",
              (unsigned)f->reset.kind);
    }
}

void rule_reset_register(struct check *check)
{
    EACH_FUNCTION(f, i, check)
    if (f->reset.kind == RESET_REGISTER) {
        char field[FIELD_ROOM];
        bool bar = f->reset.bar < BOARD_BARS && is_memory(&f->bars[f->reset.bar]);
        if (!bar || f->reset.offset % 4 || !range_inside(f->reset.offset, 4, 0, f->bars[f->reset.bar].size))
            found(check, function_place(field, i, "reset.offset"),
                  "the register is 32 bits inside one of the function's memory BARs",
                  "copy BAR and offset from the device's manual", "0x%x in BAR %u", f->reset.offset, f->reset.bar);
    }
}

void rule_reset_unused(struct check *check)
{
    EACH_FUNCTION(f, i, check)
    if ((unsigned)f->reset.kind < RESET_REGISTER && (f->reset.bar || f->reset.offset || f->reset.value)) {
        char field[FIELD_ROOM];
        found(check, function_place(field, i, "reset.kind"), "a register is named, yet another kind of reset is chosen",
              "set reset.kind to RESET_REGISTER, or remove bar, offset and value", "%u", (unsigned)f->reset.kind);
    }
}

void rule_reset_settle(struct check *check)
{
    EACH_FUNCTION(f, i, check)
    if (f->reset.settle_ms > SETTLE_MAX) {
        char field[FIELD_ROOM];
        found(check, function_place(field, i, "reset.settle_ms"),
              "a restart would wait for it each time, and PCIe grants a function 100 ms, or a second when it says that it is not "
              "ready",
              "use milliseconds, at most 1,000; 0 means 100", "%u", f->reset.settle_ms);
    }
}

/* What a secondary bus reset must not meet: it would lose its bus numbers, or stop feeding us. */
static const struct board_function *not_to_reset(const struct check *check, const struct board_function *bridge)
{
    EACH_FUNCTION(f, i, check)
    if (behind(f, bridge) && (is_bridge(f) || f == board_watchdog(check->board)))
        return f;
    return 0;
}

void rule_reset_bus(struct check *check)
{
    EACH_FUNCTION(f, i, check)
    if (f->reset.kind == RESET_BUS) {
        char field[FIELD_ROOM];
        const struct board_function *bridge = bridge_to(check->board, f->bus), *other = bridge ? not_to_reset(check, bridge) : 0;
        if (f->bus == 0)
            found(check, function_place(field, i, "reset.kind"),
                  "there is no bridge above a function of bus 0 whose bus could be reset",
                  "use another kind of reset, or RESET_NONE", "RESET_BUS");
        else if (other)
            found(check, function_place(field, i, "reset.kind"),
                  "a reset of this bus would also reach a bridge, which loses its bus numbers, or the hardware watchdog",
                  "use another kind of reset, or RESET_NONE", "RESET_BUS, and " BDF " is behind the same bridge", BDF_OF(other));
    }
}

/* --- virtual functions --- */

static bool vf_described(const struct board_function *f)
{
    bool bars = false;
    EACH_BAR(b)
    bars = bars || f->vf.bars[b].kind != BAR_NONE;
    return bars || f->vf.offset || f->vf.stride || f->vf.id || f->vf.msix.vectors || f->vf.reset != RESET_NONE || f->vf.needs_owner;
}

void rule_vf_none(struct check *check)
{
    EACH_FUNCTION(f, i, check)
    if (!f->vf.total && vf_described(f)) {
        char field[FIELD_ROOM];
        found(check, function_place(field, i, "vf.total"),
              "without a number there are no virtual functions, yet others of their fields are set",
              "copy Total VFs from lspci -vvv, or remove the other fields", "0");
    }
}

void rule_vf_numbers(struct check *check)
{
    EACH_FUNCTION(f, i, check)
    if (f->vf.total && (f->vf.offset == 0 || (f->vf.total > 1 && f->vf.stride == 0) || f->vf.id == 0)) {
        char field[FIELD_ROOM];
        found(check, function_place(field, i, "vf.offset"),
              "requester ids of virtual functions follow from offset and stride; 0 would give two functions one id",
              "copy VF offset, stride and Device ID from lspci -vvv, with all VFs on", "offset %u, stride %u, id %04x",
              f->vf.offset, f->vf.stride, f->vf.id);
    }
}

/* VFs that a product can ask for. */
static unsigned vfs_usable(const struct board_function *f)
{
    return f->vf.total < BOARD_MAX_VFS ? f->vf.total : BOARD_MAX_VFS;
}

static const struct board_function *at_requester(const struct check *check, uint32_t requester)
{
    EACH_FUNCTION(f, i, check)
    if (function_requester(f) == requester)
        return f;
    return 0;
}

void rule_vf_collision(struct check *check)
{
    if (check_has(check, "CFG-680"))
        return;
    EACH_FUNCTION(f, i, check)
    for (unsigned v = 1; v <= vfs_usable(f); v++) {
        const struct board_function *other = at_requester(check, device_requester(f, v));
        if (!other)
            continue;
        char field[FIELD_ROOM];
        found(check, function_place(field, i, "vf.offset"), "a virtual function would have the requester id of another function",
              "list no virtual function; copy VF offset and stride from lspci -vvv", "%u: VF %u would be " BDF ", which is listed",
              f->vf.offset, v, BDF_OF(other));
        break;
    }
}

void rule_vf_reset(struct check *check)
{
    EACH_FUNCTION(f, i, check)
    if (f->vf.total && f->vf.reset != RESET_NONE && f->vf.reset != RESET_FLR) {
        char field[FIELD_ROOM];
        found(check, function_place(field, i, "vf.reset"), "the one reset that virtual functions have is FLR",
              "use RESET_FLR, or RESET_NONE if it does not work", "%u", (unsigned)f->vf.reset);
    }
}

void rule_vf_ports(struct check *check)
{
    EACH_FUNCTION(f, i, check)
    EACH_BAR(b)
    if (f->vf.total && f->vf.bars[b].kind == BAR_PORTS) {
        char field[FIELD_ROOM];
        const struct part part = part_of(f, 1);
        found(check, bar_place(field, i, &part, b, "kind"), "virtual functions have no ports (SR-IOV 3.4.1.11)",
              "copy their regions from lspci -vvv", "BAR_PORTS");
    }
}
