/* SPDX-License-Identifier: Apache-2.0 */
/* See fake_amdvi.h. It shares no constant with the code under test. */
#include "fake_amdvi.h"

#include <stdlib.h>
#include <string.h>

#include "amdvi.h"
#include "arch.h"
#include "memory.h"
#include "x86.h"

#define CHECK(condition)                                                                                                           \
    do {                                                                                                                           \
        if (!(condition))                                                                                                          \
            abort();                                                                                                               \
    } while (0)

struct fake_unit fake_units[FAKE_UNITS];
struct plan fake_plan;
extern const struct plan plan __attribute__((alias("fake_plan")));
struct board fake_board;
struct plan_function fake_functions[PLAN_MAX_FUNCTIONS];
struct plan_partition fake_partitions[3];
bool fake_x2apic;
uint8_t plan_pool[FAKE_POOL_PAGES * PAGE_SIZE] __attribute__((aligned(4096)));
unsigned fake_pool_taken;

/* --- caches: [requester] and, of pages and interrupt entries, as many as a test looks at -------------------------------------- */

static unsigned now[FAKE_UNITS]; /* what is cached counts if it is of this generation */

static struct {
    unsigned valid;
    uint64_t q[4];
} device_cache[FAKE_UNITS][65536];

struct page {
    unsigned valid;
    bool read, write;
    uint16_t requester, domain;
    uint64_t iova, hpa;
};
static struct page page_cache[FAKE_UNITS][4096];

static struct {
    unsigned valid;
    uint16_t requester;
    unsigned index;
    uint64_t low, high;
} interrupt_cache[FAKE_UNITS][8192];

/* --- the rest of the machine -------------------------------------------------------------------------------------------------- */

void *pool_take(unsigned count)
{
    uint8_t *page = plan_pool + (size_t)fake_pool_taken * PAGE_SIZE;

    CHECK(fake_pool_taken + count <= FAKE_POOL_PAGES);
    fake_pool_taken += count;
    return memset(page, 0, (size_t)count * PAGE_SIZE);
}

bool lapic_is_x2apic(void)
{
    return fake_x2apic;
}

void clflush(const void *line)
{
    (void)line;
}

static const struct plan_ram ram[3][2] = {{{HPA(MIB(256)), GPA(0), MIB(16)}, {HPA(GIB(4) + MIB(64)), GPA(GIB(4)), MIB(8)}},
                                          {{HPA(MIB(320)), GPA(0), MIB(4)}, {HPA(0), GPA(0), 0}},
                                          {{HPA(MIB(400)), GPA(0), MIB(32)}, {HPA(0), GPA(0), 0}}};

void fake_amdvi_reset(void)
{
    static const struct {
        uint16_t requester;
        uint8_t partition;
        uint16_t vectors;
    } functions[] = {{0x0018, 0, 4}, {0x0320, 0, 32}, {0x0321, 1, 1}, {0xfff8, 2, 8}};

    memset(fake_units, 0, sizeof(fake_units));
    memset(fake_functions, 0, sizeof(fake_functions));
    memset(&fake_board, 0, sizeof(fake_board));
    memset(plan_pool, 0xa5, (size_t)fake_pool_taken * PAGE_SIZE);
    fake_pool_taken = 0;
    fake_x2apic = false;
    for (unsigned u = 0; u < FAKE_UNITS; u++) {
        now[u]++;
        fake_units[u].regs[0x30 / 8] = 1ull << 2 | 1ull << 6 | 1ull << 7;
        fake_board.iommu.units[u] = FAKE_BASE(u);
        fake_board.iommu.unit_functions[u] = (uint16_t)(0x0002 + u * 0x4000);
    }
    fake_board.iommu.kind = IOMMU_AMDVI;
    fake_board.test_only = true;
    fake_board.iommu.unit_count = FAKE_UNITS;
    fake_board.iommu.ioapic_function = FAKE_IOAPIC;
    fake_board.iommu.hpet_function = FAKE_HPET;
    for (unsigned i = 0; i < ARRAY_SIZE(functions); i++)
        fake_functions[i] = (struct plan_function){.role = "dev",
                                                   .requester = functions[i].requester,
                                                   .partition = functions[i].partition,
                                                   .vectors = functions[i].vectors,
                                                   .physical = PLAN_NO_FUNCTION};
    for (unsigned p = 0; p < 3; p++)
        fake_partitions[p] = (struct plan_partition){.name = "p", .ram = ram[p], .ram_count = p == 0 ? 2 : 1};
    fake_plan = (struct plan){.board = &fake_board,
                              .partitions = fake_partitions,
                              .partition_count = 3,
                              .functions = fake_functions,
                              .function_count = ARRAY_SIZE(functions),
                              .pool_pages = FAKE_POOL_PAGES};
}

/* --- registers (3.4) ------------------------------------------------------------------------------------------------------------ */

#define REG(unit, offset) fake_units[unit].regs[(offset) / 8]
#define CONTROL(unit) REG(unit, 0x18)
#define ON(unit) ((CONTROL(unit) & 1) != 0)

static unsigned mapped[FAKE_UNITS];

void arch_device_map(hpa_t page)
{
    for (unsigned u = 0; u < FAKE_UNITS; u++)
        mapped[u] |= page.v == FAKE_BASE(u) ? 1 : page.v == FAKE_BASE(u) + 0x2000 ? 2 : 0;
}

static unsigned unit_at(uint64_t address, unsigned size)
{
    unsigned unit = address >= FAKE_BASE(1);

    CHECK(size == 8 && address % 8 == 0 && address >= FAKE_BASE(unit) && address < FAKE_BASE(unit) + 0x4000);
    CHECK(mapped[unit] & (address - FAKE_BASE(unit) < 0x1000 ? 1 : 2));
    return unit;
}

__attribute__((weak)) uint64_t arch_device_read(hpa_t address, unsigned size)
{
    return fake_register_read(address, size);
}

__attribute__((weak)) void arch_device_write(hpa_t address, unsigned size, uint64_t value)
{
    fake_register_write(address, size, value);
}

uint64_t fake_register_read(hpa_t address, unsigned size)
{
    unsigned unit = unit_at(address.v, size);

    if (address.v == FAKE_BASE(unit) && fake_units[unit].other_table)
        return fake_units[unit].other_table;
    return REG(unit, address.v - FAKE_BASE(unit));
}

static void control_write(unsigned unit, uint64_t value)
{
    struct fake_unit *u = &fake_units[unit];
    uint64_t run = (value & 1 << 2 ? 1u << 3 : 0) | (value & 1 << 12 ? 1u << 4 : 0);

    if (ON(unit) && !(value & 1) && (REG(unit, 0x2020) & 0x198) != 0)
        u->log_was_off_late = true;
    CONTROL(unit) = (value | u->wired) & ~u->wired_zero;
    if (u->never_stops || u->never_starts)
        return;
    /* Both rings are read and written only while the unit is on. */
    REG(unit, 0x2020) = (REG(unit, 0x2020) & ~0x198ull) | (ON(unit) ? run : 0);
}

void fake_register_write(hpa_t address, unsigned size, uint64_t value)
{
    unsigned unit = unit_at(address.v, size);
    uint64_t offset = address.v - FAKE_BASE(unit);

    switch (offset) {
    case 0x18:
        control_write(unit, value);
        break;
    case 0x30:
        break; /* read-only */
    case 0x0:
    case 0x8:
    case 0x10:
        CHECK(!ON(unit) || fake_units[unit].lies); /* nobody pulls the tables away from under a unit */
        REG(unit, offset) = value;
        break;
    case 0x2020:
        REG(unit, offset) &= ~(value & 0x667);
        break;
    default:
        if (offset < 0x60 || offset >= 0xe0 || !(REG(unit, offset) >> 17 & 1)) /* a filter may be locked */
            REG(unit, offset) = value;
        if (offset == 0x2008 && !fake_units[unit].inside)
            fake_unit_run(unit);
    }
}

/* --- commands (2.4) ----------------------------------------------------------------------------------------------------------------- */

static void device_forget(unsigned unit, uint16_t requester)
{
    device_cache[unit][requester].valid = 0;
}

static void interrupts_forget(unsigned unit, uint16_t requester)
{
    for (unsigned i = 0; i < ARRAY_SIZE(interrupt_cache[0]); i++)
        if (interrupt_cache[unit][i].requester == requester)
            interrupt_cache[unit][i].valid = 0;
}

static bool command_do(unsigned unit, const uint64_t q[2])
{
    uint64_t low = q[0] & 0x0fffffffffffffff;
    uint16_t domain = (uint16_t)(q[0] >> 32);

    switch (q[0] >> 60) {
    case 1:
        if ((low & 0x0ff0000000000006) != 0 || !(low & 1))
            return false;
        *(uint64_t *)(low & 0x000ffffffffffff8) = q[1];
        return true;
    case 2:
        device_forget(unit, (uint16_t)low);
        return low <= 0xffff && q[1] == 0;
    case 3: /* all of a domain; no PASID */
        for (unsigned i = 0; i < ARRAY_SIZE(page_cache[0]); i++)
            if (page_cache[unit][i].domain == domain)
                page_cache[unit][i].valid = 0;
        return (low & ~(0xffffull << 32)) == 0 && q[1] == 0x7ffffffffffff003;
    case 5:
        interrupts_forget(unit, (uint16_t)low);
        return low <= 0xffff && q[1] == 0;
    case 8:
        now[unit]++;
        return low == 0 && q[1] == 0;
    default:
        return false;
    }
}

void fake_unit_run(unsigned unit)
{
    struct fake_unit *u = &fake_units[unit];
    uint64_t base = REG(unit, 0x8) & 0x000ffffffffff000;

    if (fake_units[unit].lies && base != arch_hpa(amdvi_units[unit].commands).v)
        return;
    CHECK((REG(unit, 0x8) >> 56 & 15) == 8);
    REG(unit, 0x2000) &= 0xff0;
    REG(unit, 0x2008) &= 0xff0;
    while (!u->hangs && (REG(unit, 0x2020) & 1 << 4) && REG(unit, 0x2000) != REG(unit, 0x2008)) {
        const uint64_t *q = (const uint64_t *)(base + REG(unit, 0x2000));

        u->commands++;
        if (!command_do(unit, q)) {
            u->illegal++;
            REG(unit, 0x2020) &= ~(1ull << 4);
            fake_event(unit, 5ull << 60, base + REG(unit, 0x2000));
            return;
        }
        REG(unit, 0x2000) = (REG(unit, 0x2000) + 16) & 0xff0;
    }
}

/* --- events (2.5) --------------------------------------------------------------------------------------------------------------------- */

void fake_event(unsigned unit, uint64_t low, uint64_t high)
{
    uint64_t base = REG(unit, 0x10) & 0x000ffffffffff000, tail = REG(unit, 0x2018);
    uint64_t *event = (uint64_t *)(base + tail);

    if (!ON(unit) || !(REG(unit, 0x2020) & 1 << 3))
        return;
    if (((tail + 16) & 0xff0) == REG(unit, 0x2010)) {
        REG(unit, 0x2020) = (REG(unit, 0x2020) | 1) & ~(1ull << 3);
        return;
    }
    REG(unit, 0x2018) = (tail + 16) & 0xff0;
    if (fake_units[unit].late_events)
        return;
    event[1] = high;
    event[0] = low;
}

/* --- device table (2.2.2) ---------------------------------------------------------------------------------------------------------------- */

static const uint64_t *device_entry(unsigned unit, uint16_t requester)
{
    uint64_t base = REG(unit, 0) & 0x000ffffffffff000;

    CHECK((REG(unit, 0) & 0x1ff) == 0x1ff); /* for every requester id there is an entry */
    if (device_cache[unit][requester].valid != now[unit]) {
        memcpy(device_cache[unit][requester].q, (const void *)(base + requester * 32ull), 32);
        device_cache[unit][requester].valid = now[unit];
    }
    return device_cache[unit][requester].q;
}

/* --- I/O page tables (2.2.3) --------------------------------------------------------------------------------------------------------------- */

/* A unit may look here before it looks at the device's entry, as QEMU's does. */
static struct page *page_slot(unsigned unit, uint16_t requester, uint64_t iova)
{
    return &page_cache[unit][(iova >> 12 ^ requester * 131u ^ iova >> 24) % ARRAY_SIZE(page_cache[0])];
}

static bool page_cached(unsigned unit, uint16_t requester, uint64_t iova)
{
    const struct page *slot = page_slot(unit, requester, iova);

    return slot->valid == now[unit] && slot->requester == requester && slot->iova == iova >> 12;
}

/* Any mode, any page size that the specification has but those of next level 7. */
static bool table_walk(const uint64_t q[4], uint64_t iova, struct page *page)
{
    uint64_t entry = q[0], rights = q[0];
    unsigned level = q[0] >> 9 & 7;

    if (level > 6 || (level < 6 && iova >> (12 + 9 * level) != 0))
        return false;
    for (;;) {
        unsigned next;

        entry = ((const uint64_t *)(entry & 0x000ffffffffff000))[iova >> (3 + 9 * level) & 511];
        next = entry >> 9 & 7;
        if (!(entry & 1))
            return false;
        rights &= entry;
        if (next == 0)
            break;
        CHECK(next < level && next != 7);
        level = next;
    }
    page->hpa =
        (entry & 0x000ffffffffff000 & ~((1ull << (3 + 9 * level)) - 1)) | (iova & ((1ull << (3 + 9 * level)) - 1) & ~0xfffull);
    page->read = rights >> 61 & 1;
    page->write = rights >> 62 & 1;
    CHECK(entry >> 60 & 1); /* a device's no-snoop attribute counts for nothing */
    return true;
}

static bool translate(unsigned unit, uint16_t requester, const uint64_t q[4], uint64_t iova, struct page *page)
{
    *page = (struct page){.valid = now[unit], .requester = requester, .domain = (uint16_t)q[1], .iova = iova >> 12};
    if (!table_walk(q, iova, page))
        return false;
    *page_slot(unit, requester, iova) = *page;
    return true;
}

bool fake_dma(unsigned unit, uint16_t requester, uint64_t iova, bool write, uint64_t *hpa)
{
    const uint64_t *q;
    struct page page;
    bool found;

    *hpa = iova;
    if (!ON(unit))
        return true;
    q = device_entry(unit, requester);
    if (!(q[0] & 1) || !(q[0] & 2) || (q[1] >> 32 & 1) != 0 || (q[1] >> 39 & 1) != 0)
        return true; /* passed on, or the device's own translations are, or the exclusion range */
    if (page_cached(unit, requester, iova))
        found = true, page = *page_slot(unit, requester, iova);
    else if ((q[0] >> 9 & 7) == 0)
        found = true, page = (struct page){.read = q[0] >> 61 & 1, .write = q[0] >> 62 & 1, .hpa = iova & ~0xfffull};
    else
        found = translate(unit, requester, q, iova, &page);
    if (found && (write ? page.write : page.read)) {
        *hpa = page.hpa | (iova & 0xfff);
        return true;
    }
    fake_event(unit, 2ull << 60 | (uint64_t)(write ? 1 : 0) << 53 | (uint64_t)(uint16_t)q[1] << 32 | requester, iova);
    return false;
}

/* --- interrupts (2.2.5) ---------------------------------------------------------------------------------------------------------------------- */

static void interrupt_entry(unsigned unit, uint16_t requester, uint64_t table, unsigned index, uint64_t *low, uint64_t *high)
{
    unsigned slot = (requester * 64u + index) % ARRAY_SIZE(interrupt_cache[0]);
    bool wide = CONTROL(unit) >> 17 & 1;

    if (interrupt_cache[unit][slot].valid != now[unit] || interrupt_cache[unit][slot].requester != requester ||
        interrupt_cache[unit][slot].index != index) {
        interrupt_cache[unit][slot].valid = now[unit];
        interrupt_cache[unit][slot].requester = requester;
        interrupt_cache[unit][slot].index = index;
        interrupt_cache[unit][slot].low = wide ? ((const uint64_t *)table)[2 * index] : ((const uint32_t *)table)[index];
        interrupt_cache[unit][slot].high = wide ? ((const uint64_t *)table)[2 * index + 1] : 0;
    }
    *low = interrupt_cache[unit][slot].low;
    *high = interrupt_cache[unit][slot].high;
}

static bool remap(unsigned unit, uint16_t requester, const uint64_t q[4], uint32_t data, struct fake_interrupt *out)
{
    unsigned index = data & 0x7ff;
    uint64_t low, high;

    if (index >= 1u << (q[2] >> 1 & 15))
        return false;
    interrupt_entry(unit, requester, q[2] & 0x000fffffffffffc0, index, &low, &high);
    if (!(low & 1))
        return false;
    CHECK((low & 0xfe) == 0 && low >> 32 == 0); /* fixed, physical, no guest mode */
    *out = (struct fake_interrupt){.translated = true};
    if (CONTROL(unit) >> 17 & 1) {
        CHECK((high & 0x00ffffffffffff00) == 0);
        out->apic_id = (uint32_t)(low >> 8 | high >> 56 << 24);
        out->vector = (uint8_t)high;
        if (!(CONTROL(unit) >> 50 & 1))
            out->apic_id &= 0xff;
    } else {
        CHECK(low >> 24 == 0);
        out->apic_id = low >> 8 & 0xff;
        out->vector = (uint8_t)(low >> 16);
    }
    return true;
}

bool fake_message(unsigned unit, uint16_t requester, uint64_t address, uint32_t data, struct fake_interrupt *out)
{
    unsigned type = data >> 8 & 7;
    const uint64_t *q;
    bool ok;

    *out = (struct fake_interrupt){.apic_id = address >> 12 & 0xff, .vector = (uint8_t)data, .type = (uint8_t)type};
    if (!ON(unit))
        return true;
    q = device_entry(unit, requester);
    if (!(q[0] & 1) || !(q[2] & 1))
        return true;
    if (type == 4 || type == 5 || type == 7)
        ok = q[2] >> (type == 4 ? 58 : type == 5 ? 56 : 57) & 1;
    else if (type == 0 || type == 1)
        ok = (q[2] >> 60 & 3) == 1 || ((q[2] >> 60 & 3) == 2 && remap(unit, requester, q, data, out));
    else
        ok = (q[1] >> 40 & 3) != 0; /* system management */
    if (!ok)
        fake_event(unit, 2ull << 60 | 1ull << 51 | 1ull << 53 | requester, address);
    return ok;
}

/* --- IVRS (5.2) ------------------------------------------------------------------------------------------------------------------------------- */

static void put(uint8_t *at, unsigned size, uint64_t value)
{
    for (unsigned i = 0; i < size; i++)
        at[i] = (uint8_t)(value >> 8 * i);
}

static size_t special(uint8_t *at, uint8_t kind, uint16_t id)
{
    memset(at, 0, 8);
    at[0] = 0x48;
    at[3] = 0xd7; /* all passes that there are: what the firmware wishes is not done */
    put(at + 5, 2, id);
    at[7] = kind;
    return 8;
}

/* Unit 0: a range with all of bus 0 and the rest by one entry each, IO-APIC and HPET. Unit 1: all from bus 40 on. */
size_t fake_ivrs(uint8_t *table)
{
    size_t at = 48;

    memset(table, 0, 256);
    memcpy(table, "IVRS", 4);
    put(table + 36, 4, 48u << 8);
    for (unsigned u = 0; u < FAKE_UNITS; u++) {
        uint8_t *block = table + at;
        size_t used = u ? 40 : 24;

        block[0] = u ? 0x11 : 0x10;
        block[1] = u ? 0x02 : 0x0f;
        put(block + 4, 2, fake_board.iommu.unit_functions[u]);
        put(block + 8, 8, FAKE_BASE(u));
        put(block + used, 4, u ? 0x400003 : 0x000003);
        put(block + used + 4, 4, u ? 0xffff04 : 0x00ff04);
        used += 8;
        if (u == 0) {
            put(block + used, 4, 0x032002);
            put(block + used + 4, 8, 0x032146);
            used += 12;
            used += special(block + used, 1, FAKE_IOAPIC);
            used += special(block + used, 2, FAKE_HPET);
        }
        put(block + 2, 2, used);
        at += used;
    }
    put(table + 4, 4, at);
    return at;
}
