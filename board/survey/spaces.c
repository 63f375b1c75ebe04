/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses and ports: RAM, where the hypervisor can be loaded, where RAM ends for good, and what is free for BARs that a plan places. */
#include "memory.h"
#include "pci_parts.h"
#include "survey.h"

#define USABLE 1u
#define RAM_LEAST MIB(16)  /* smaller pieces above 1 MiB are left out: a UEFI firmware has others at each start */
#define LOAD_ROOM MIB(128) /* hypervisor, payloads and the loader's own */
#define LOAD_END GIB(2)
#define APICS 0xfec00000ull /* nothing of ours from here to 4 GiB */
#define GUEST_AREA 0xf0000000ull
#define GUEST_AREA_END 0xf6000000ull /* addresses that partitions have for other things */
#define WINDOW_MOST MIB(256)
#define WINDOW_LEAST MIB(16)
#define PORTS_MOST 0x4000u
#define PORT_STEP 0x1000u
#define TAKEN_MAX 512u

/* --- RAM ------------------------------------------------------------------------------------------------------------------------------- */

static void map_sort(struct survey *s)
{
    for (uint32_t i = 1; i < s->map_count; i++)
        for (uint32_t j = i; j > 0 && s->map[j].base < s->map[j - 1].base; j--) {
            struct boot_range other = s->map[j];

            s->map[j] = s->map[j - 1];
            s->map[j - 1] = other;
        }
}

static uint32_t smallest(const struct board *b)
{
    uint32_t found = 0;

    for (uint32_t i = 1; i < b->ram_count; i++)
        if (b->ram[i].size < b->ram[found].size)
            found = i;
    return found;
}

/* The smallest range makes room where the board's table is full. */
static void ram_add(struct board *b, uint64_t base, uint64_t size)
{
    struct board_ram *last = &b->ram[b->ram_count ? b->ram_count - 1 : 0];
    uint32_t out;

    if (b->ram_count != 0 && last->base + last->size >= base) {
        if (base + size > last->base + last->size)
            last->size = base + size - last->base;
        return;
    }
    if (base >= MIB(1) && size < RAM_LEAST)
        return;
    if (b->ram_count == BOARD_MAX_RAM) {
        out = smallest(b);
        for (b->ram_count--; out < b->ram_count; out++)
            b->ram[out] = b->ram[out + 1];
    }
    b->ram[b->ram_count++] = (struct board_ram){base, size};
}

static void ram_find(struct survey *s)
{
    uint64_t bytes = 0;

    map_sort(s);
    for (uint32_t i = 0; i < s->map_count; i++)
        if (s->map[i].type == USABLE)
            ram_add(&s->board, s->map[i].base, s->map[i].size);
    for (uint32_t i = 0; i < s->board.ram_count; i++)
        bytes += s->board.ram[i].size;
    feature(s, "memory", "256 MiB or more", "", "%u MiB in %u ranges", (unsigned)(bytes >> 20), s->board.ram_count);
}

/* 0 stands for 1 MiB. A UEFI firmware keeps pieces between 1 and 16 MiB. */
static void load_find(struct survey *s)
{
    struct board *b = &s->board;

    for (uint32_t i = 0; i < b->ram_count; i++) {
        uint64_t base = b->ram[i].base < MIB(1) ? MIB(1) : b->ram[i].base, end = b->ram[i].base + b->ram[i].size;

        if (base != MIB(1))
            base = (base + MIB(16) - 1) & ~(MIB(16) - 1);
        if (base >= LOAD_END || end <= base || end - base < LOAD_ROOM)
            continue;
        b->load = base == MIB(1) ? 0 : base;
        return;
    }
    blank(s, "load", "the first 128 MiB of RAM in one piece below 2 GiB, from a multiple of 2 MiB on");
}

/* --- what is taken --------------------------------------------------------------------------------------------------------------------- */

static struct taken {
    uint64_t base, end;
} taken[TAKEN_MAX];
static uint32_t taken_count;

static void take(uint64_t base, uint64_t size)
{
    if (size != 0 && taken_count < TAKEN_MAX)
        taken[taken_count++] = (struct taken){base, base + size};
}

static void bars_take(const struct board_function *f, bool ports)
{
    uint16_t requester = pci_requester_of(f);

    for (unsigned i = 0; i < BOARD_BARS; i++) {
        uint64_t base = survey_pci_read(requester, PCI_BARS + 4 * i, 4);

        if (f->bars[i].kind == BAR_MEMORY64)
            base |= (uint64_t)survey_pci_read(requester, PCI_BARS + 4 * i + 4, 4) << 32;
        if (f->bars[i].kind != BAR_NONE && (f->bars[i].kind == BAR_PORTS) == ports)
            take(base & ~(ports ? 3ull : 15ull), f->bars[i].size);
    }
}

/* What a bridge forwards, PCI bridge 1.2, 3.2.5; a base above its limit is none. */
static void bridge_take(const struct board_function *f, bool ports)
{
    uint16_t requester = pci_requester_of(f);
    uint32_t memory = survey_pci_read(requester, BRIDGE_MEMORY, 4), prefetch = survey_pci_read(requester, BRIDGE_PREFETCH, 4);
    uint32_t window = survey_pci_read(requester, BRIDGE_PORTS, 2);
    uint64_t base, end;

    if (ports) {
        base = (window & 0xf0) << 8;
        end = (window & 0xf000) + PORT_STEP;
        take(base, end > base ? end - base : 0);
        return;
    }
    base = (uint64_t)(memory & 0xfff0) << 16;
    end = (memory & 0xfff00000) + MIB(1);
    take(base, end > base ? end - base : 0);
    base = (uint64_t)(prefetch & 0xfff0) << 16;
    end = (prefetch & 0xfff00000) + MIB(1);
    if ((prefetch & 1) == 0 || survey_pci_read(requester, BRIDGE_PREFETCH_BASE, 4) == 0)
        take(base, end > base ? end - base : 0);
}

static void functions_take(const struct board *b, bool ports)
{
    for (uint32_t i = 0; i < b->function_count; i++) {
        bars_take(&b->functions[i], ports);
        if (b->functions[i].bridge.secondary != 0)
            bridge_take(&b->functions[i], ports);
    }
}

/* The largest free range in [low, high), its ends rounded inwards to `step`; of several the last. 0: none. */
static uint64_t gap(uint64_t low, uint64_t high, uint64_t step, uint64_t *size)
{
    uint64_t best = 0;

    *size = 0;
    for (uint32_t i = 0; i <= taken_count; i++) {
        uint64_t from = i == taken_count ? low : taken[i].end, to = high;

        from = ((from < low ? low : from) + step - 1) & ~(step - 1);
        for (uint32_t j = 0; j < taken_count; j++)
            if (taken[j].end > from && taken[j].base < to)
                to = taken[j].base > from ? taken[j].base : from;
        to &= ~(step - 1);
        if (to > from && to - from >= *size) {
            *size = to - from;
            best = from;
        }
    }
    return best;
}

/* --- memory below 4 GiB ------------------------------------------------------------------------------------------------------------------ */

static uint64_t ram_end(const struct survey *s)
{
    uint64_t end = 0;

    for (uint32_t i = 0; i < s->board.ram_count; i++)
        if (s->board.ram[i].base < GIB(4))
            end = s->board.ram[i].base + s->board.ram[i].size;
    for (uint32_t i = 0; i < s->map_count; i++) /* sorted: what the firmware keeps at the end of RAM is RAM, too */
        if (s->map[i].base <= end && s->map[i].base + s->map[i].size > end && s->map[i].base + s->map[i].size <= GUEST_AREA)
            end = s->map[i].base + s->map[i].size;
    return end;
}

static uint64_t lowest_taken(void)
{
    uint64_t lowest = GIB(4);

    for (uint32_t i = 0; i < taken_count; i++)
        if (taken[i].base < lowest)
            lowest = taken[i].base;
    return lowest;
}

/* What is between the first device and the APICs leads to PCI on any PC; on most what is between RAM and the first device, too. */
static void window_find(struct survey *s)
{
    struct board *b = &s->board;
    uint64_t size, base, end = ram_end(s), first;

    taken_count = 0;
    functions_take(b, false);
    for (uint32_t i = 0; i < taken_count; i++)
        if (taken[i].base < end) /* not placed by the firmware */
            taken[i] = (struct taken){GIB(4), GIB(4)};
    first = lowest_taken();
    take(b->pci.ecam, b->pci.ecam ? MIB(b->pci.last_bus + 1u) : 0);
    b->pci_hole = (end + LARGE_SIZE - 1) & ~(uint64_t)(LARGE_SIZE - 1);
    if (b->pci_hole > lowest_taken())
        b->pci_hole = lowest_taken() & ~(uint64_t)(LARGE_SIZE - 1);
    if (b->pci_hole > GUEST_AREA)
        b->pci_hole = GUEST_AREA;
    for (uint32_t i = 0; i < b->iommu.unit_count; i++)
        take(b->iommu.units[i], KIB(512));
    for (uint32_t i = 0; i < s->map_count; i++)
        take(s->map[i].base, s->map[i].size);
    take(GUEST_AREA, GUEST_AREA_END - GUEST_AREA);
    base = gap(first < b->pci_hole ? b->pci_hole : first, APICS, MIB(1), &size);
    if (size < WINDOW_LEAST)
        base = gap(b->pci_hole, APICS, MIB(1), &size);
    if (size > WINDOW_MOST) {
        base += size - WINDOW_MOST;
        size = WINDOW_MOST;
    }
    b->pci.window = base;
    b->pci.window_size = size;
    feature(s, "free addresses", "room for BARs of devices", size ? "" : "no device can be given away", "%u MiB at 0x%lx",
            (unsigned)(size >> 20), (unsigned long)base);
}

/* Chipsets have registers of their own at ports that no BAR names, near those of ACPI. */
static void ports_find(struct survey *s)
{
    struct board *b = &s->board;
    uint64_t size, base;

    taken_count = 0;
    functions_take(b, true);
    take(b->pm_timer_port & ~(PORT_STEP - 1), PORT_STEP);
    take(b->poweroff.port & ~(PORT_STEP - 1), PORT_STEP);
    take(b->uart.port & ~(PORT_STEP - 1), PORT_STEP);
    base = gap(2 * PORT_STEP, 0x10000, PORT_STEP, &size);
    if (size > PORTS_MOST) {
        base += size - PORTS_MOST;
        size = PORTS_MOST;
    }
    b->pci.ports = (uint16_t)base;
    b->pci.ports_size = (uint16_t)size;
}

void survey_spaces(struct survey *s)
{
    ram_find(s);
    load_find(s);
    window_find(s);
    ports_find(s);
    if (s->function_total <= BOARD_MAX_FUNCTIONS)
        return;
    s->board.function_count = 0; /* a list that is not whole is refused at boot; with none no device is given away */
    s->board.pci.window = s->board.pci.window_size = 0;
    s->board.pci.ports = s->board.pci.ports_size = 0;
}
