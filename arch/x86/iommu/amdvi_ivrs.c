/* SPDX-License-Identifier: Apache-2.0 */
/* The firmware's IVRS table (48882, 5.2): the units are those of the board table, every function that the plan gives away is behind one of
 * them under its own requester id (AC-27), and no reserved region names it (AC-28). All bytes are untrusted; nothing else is taken from
 * them: what a device may do is never the firmware's choice. */
#include "amdvi.h"
#include "bootinfo.h"
#include "console.h"

#define IVRS_INFO 36u
#define IVRS_BLOCKS 48u
enum { IVHD = 0x10, IVHD_FEATURES = 0x11, IVHD_NAMES = 0x40, IVMD_ALL = 0x20, IVMD_ONE = 0x21, IVMD_RANGE = 0x22 };
enum {
    /* clang-format off */
    ENTRY_PAD = 0, ENTRY_ALL = 1, ENTRY_ONE = 2, ENTRY_RANGE = 3, ENTRY_END = 4, ENTRY_PAD8 = 0x40, ENTRY_ALIAS = 0x42,
    ENTRY_ALIAS_RANGE = 0x43, ENTRY_EXTENDED = 0x46, ENTRY_EXTENDED_RANGE = 0x47, ENTRY_SPECIAL = 0x48, ENTRY_NAMED = 0xf0,
    /* clang-format on */
};
#define SPECIAL_IOAPIC 1u
#define NAMED_MIN 22u /* then as many bytes as byte 21 says */
#define NOBODY 0x10000u

struct parse {
    const uint8_t *table;
    size_t size;
    struct ivrs *out;
    bool covered[PLAN_MAX_FUNCTIONS], ioapic;
    uint32_t range, range_alias; /* first id of the range that is open; as whom its functions speak. NOBODY: none, as themselves */
};

static uint16_t read16(const uint8_t *p)
{
    return (uint16_t)(p[0] | p[1] << 8);
}

static const char *refuse(const struct plan_function *function, const char *why)
{
    log_line("IVRS-3: %s, requester id %x, cannot be given away", function->role, function->requester);
    return why;
}

/* --- device entries --------------------------------------------------------------------------------------------------------------- */

/* Functions first..last are behind this unit; alias: as whom they speak, or NOBODY. */
static const char *covers(struct parse *p, uint32_t first, uint32_t last, uint32_t alias)
{
    for (unsigned i = 0; i < plan.function_count; i++) {
        const struct plan_function *f = &plan.functions[i];
        bool inside = f->requester >= first && f->requester <= last;

        p->covered[i] |= inside;
        if (alias != NOBODY && inside && alias != f->requester)
            return refuse(f, "IVRS-3: a function speaks to the IOMMU in another's name, as behind a bridge to PCI: move it to a "
                             "slot of its own");
        if (alias == f->requester && (first != alias || last != alias))
            return refuse(
                f, "IVRS-3: another function speaks to the IOMMU in the name of one that is given away: move it to another slot");
    }
    return 0;
}

/* What is no PCI function, IO-APIC, HPET, has a requester id too, which nobody may own: the HPET's messages are stopped like any other's. */
static const char *special(struct parse *p, uint8_t kind, uint16_t id)
{
    for (unsigned i = 0; i < plan.function_count; i++)
        if (plan.functions[i].requester == id)
            return refuse(&plan.functions[i],
                          "IVRS-3: a function has the requester id of the IO-APIC, the HPET or a device of the board");
    p->ioapic |= kind == SPECIAL_IOAPIC && id == plan.board->iommu.ioapic_function;
    return 0;
}

static const char *range_end(struct parse *p, uint32_t last)
{
    uint32_t first = p->range;

    p->range = NOBODY;
    if (first == NOBODY || last < first)
        return "IVRS-1: a range of devices ends that has not begun";
    return covers(p, first, last, p->range_alias);
}

static const char *device_entry(struct parse *p, const uint8_t *entry)
{
    uint16_t id = read16(entry + 1);

    if (p->range != NOBODY && entry[0] != ENTRY_END && entry[0] != ENTRY_PAD && entry[0] != ENTRY_PAD8)
        return "IVRS-1: a range of devices does not end";
    switch (entry[0]) {
    case ENTRY_PAD:
    case ENTRY_PAD8:
        return 0;
    case ENTRY_ALL:
        return covers(p, 0, 0xffff, NOBODY);
    case ENTRY_ONE:
    case ENTRY_EXTENDED:
        return covers(p, id, id, NOBODY);
    case ENTRY_ALIAS:
        return covers(p, id, id, read16(entry + 5));
    case ENTRY_RANGE:
    case ENTRY_EXTENDED_RANGE:
    case ENTRY_ALIAS_RANGE:
        p->range = id;
        p->range_alias = entry[0] == ENTRY_ALIAS_RANGE ? read16(entry + 5) : NOBODY;
        return 0;
    case ENTRY_END:
        return range_end(p, id);
    case ENTRY_SPECIAL:
        return special(p, entry[7], read16(entry + 5));
    case ENTRY_NAMED:
        return special(p, 0, id);
    default:
        return "IVRS-1: a device entry of a kind that is not known: it could change who speaks in whose name";
    }
}

/* 0: it does not fit. */
static uint32_t entry_size(const uint8_t *entry, uint32_t room)
{
    uint32_t size = entry[0] < 0xc0 ? 4u << (entry[0] >> 6) : NAMED_MIN;

    if (size == NAMED_MIN && room >= NAMED_MIN)
        size += entry[21];
    return size <= room ? size : 0;
}

/* --- blocks ----------------------------------------------------------------------------------------------------------------------- */

static uint32_t block_header(uint8_t type)
{
    return type == IVHD ? 24 : type == IVHD_FEATURES || type == IVHD_NAMES ? 40 : type >= IVMD_ALL && type <= IVMD_RANGE ? 32 : 4;
}

static bool is_unit(uint8_t type)
{
    return type == IVHD || type == IVHD_FEATURES || type == IVHD_NAMES;
}

/* Every block lies in the table: later walks need not look. */
static const char *blocks_check(const uint8_t *table, size_t size)
{
    uint32_t length;

    if (size < IVRS_BLOCKS)
        return "IVRS-1: table too short";
    for (size_t at = IVRS_BLOCKS; at < size; at += length) {
        if (size - at < 4)
            return "IVRS-1: the table ends inside a block";
        length = read16(table + at + 2);
        if (length < block_header(table[at]) || length > size - at)
            return "IVRS-1: a block's length is impossible";
    }
    return 0;
}

/* A unit may be described several times, for older and newer readers. */
static bool better_exists(const struct parse *p, const uint8_t *block)
{
    for (size_t at = IVRS_BLOCKS; at < p->size; at += read16(p->table + at + 2))
        if (is_unit(p->table[at]) && p->table[at] > block[0] && read16(p->table + at + 4) == read16(block + 4))
            return true;
    return false;
}

static const char *unit_add(struct parse *p, const uint8_t *block)
{
    struct ivrs_unit unit = {.base = read64(block + 8), .function = read16(block + 4), .flags = block[1] & 15};

    for (unsigned i = 0; i < p->out->unit_count; i++)
        if (p->out->units[i].base == unit.base)
            return "IVRS-1: the table describes a unit twice";
    if (read16(block + 16) != 0)
        return "IVRS-1: a unit of another PCI segment than 0";
    for (unsigned i = 0; i < plan.board->iommu.unit_count; i++)
        if (plan.board->iommu.units[i] == unit.base && plan.board->iommu.unit_functions[i] == unit.function) {
            p->out->units[p->out->unit_count++] = unit;
            return special(p, 0, unit.function);
        }
    log_line("IVRS-2: unit at %lx, requester id %x", unit.base, unit.function);
    return "IVRS-2: the board table does not have this unit (iommu.units, iommu.unit_functions)";
}

static const char *unit_block(struct parse *p, const uint8_t *block)
{
    uint32_t length = read16(block + 2);
    const char *why = unit_add(p, block);

    p->range = NOBODY;
    for (uint32_t at = block_header(block[0]), step; why == 0 && at < length; at += step) {
        step = entry_size(block + at, length - at);
        why = step ? device_entry(p, block + at) : "IVRS-1: a device entry does not fit its block";
    }
    return why == 0 && p->range != NOBODY ? "IVRS-1: a range of devices does not end" : why;
}

/* Memory that the firmware wants devices to reach, or that they would reach untranslated: whatever it is, no function of ours has it. */
static const char *memory_block(const uint8_t *block)
{
    uint32_t first = block[0] == IVMD_ALL ? 0 : read16(block + 4);
    uint32_t last = block[0] == IVMD_ALL ? 0xffff : block[0] == IVMD_ONE ? first : read16(block + 6);

    for (unsigned i = 0; i < plan.function_count; i++)
        if (plan.functions[i].requester >= first && plan.functions[i].requester <= last)
            return refuse(
                &plan.functions[i],
                "IVRS-3: the firmware reserves memory for a function (IVMD): it may use it behind our back; choose another one");
    return 0;
}

/* --- all --------------------------------------------------------------------------------------------------------------------------- */

/* A table lists the functions that there are at power on, so VFs go with their PF. */
static bool is_covered(const struct parse *p, uint16_t requester)
{
    for (unsigned i = 0; i < plan.function_count; i++)
        if (plan.functions[i].requester == requester)
            return p->covered[i];
    return false;
}

static const char *rest_check(const struct parse *p)
{
    uint8_t bits = p->table[IVRS_INFO + 1] & 0x7f; /* of a physical address */

    if (p->out->unit_count != plan.board->iommu.unit_count)
        return "IVRS-2: the IVRS table lacks a unit of the board table (iommu.units)";
    for (unsigned i = 0; i < plan.function_count; i++) {
        const struct plan_function *f = &plan.functions[i];

        if (!p->covered[i] && (f->physical == PLAN_NO_FUNCTION || !is_covered(p, f->physical)))
            return refuse(f, "IVRS-3: a function is behind no unit of the IVRS table");
    }
    for (unsigned i = 0; i < plan.partition_count; i++) {
        const struct plan_ram *last = &plan.partitions[i].ram[plan.partitions[i].ram_count - 1];

        if (bits < 52 && last->hpa.v + last->size > 1ull << bits)
            return "AMDVI-1: a unit cannot address all RAM (IVinfo, PASize)";
    }
    return p->ioapic
               ? 0
               : "IVRS-2: the IVRS table has another requester id for the IO-APIC than the board table (iommu.ioapic_function)";
}

const char *ivrs_parse(const uint8_t *table, size_t size, struct ivrs *out)
{
    struct parse p = {.table = table, .size = size, .out = out};
    const char *why = blocks_check(table, size);

    *out = (struct ivrs){0};
    if (why != 0)
        return why;
    for (size_t at = IVRS_BLOCKS; why == 0 && at < size; at += read16(table + at + 2)) {
        const uint8_t *block = table + at;

        if (is_unit(block[0]) && !better_exists(&p, block))
            why = unit_block(&p, block);
        else if (block[0] >= IVMD_ALL && block[0] <= IVMD_RANGE)
            why = memory_block(block);
    }
    return why ? why : rest_check(&p);
}
