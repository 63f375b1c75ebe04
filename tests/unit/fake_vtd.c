/* SPDX-License-Identifier: Apache-2.0 */
/* See fake_vtd.h. Written from the manual's figures alone: it uses no constant of vtd.h. */
#include "fake_vtd.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "arch.h"
#include "fake_arch.h"
#include "lapic.h"
#include "memory.h"
#include "x86.h"

#define POOL (64u * PAGE_SIZE)
#define IOTLB 4096u
#define ADDRESS 0x000ffffffffff000ull

struct context {
    bool cached;
    uint64_t low, high;
    uint16_t domain; /* under which it is cached */
};
struct translation {
    bool cached;
    uint16_t domain, requester;
    uint64_t page, hpa;
    bool read, write;
};
struct irte {
    bool cached;
    uint64_t low, high;
};
static struct caches {
    struct context contexts[65536];
    struct translation iotlb[IOTLB];
    struct irte irtes[65536];
} caches[FAKE_VTD_UNITS];

struct fake_vtd fake_vtd[FAKE_VTD_UNITS];
bool fake_x2apic;
void (*fake_vtd_meanwhile)(unsigned unit);
unsigned fake_pool_used;
static uint8_t buffers[POOL]; /* out of the processor's caches, perhaps still in the chipset's write buffers */
static uint8_t memory[POOL];
static bool busy;
static unsigned pauses;
static uint32_t seed;

static uint32_t random_next(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 17;
    return seed ^= seed << 5;
}

/* --- the processor's side ------------------------------------------------------------------------------------------------------- */

bool lapic_is_x2apic(void)
{
    return fake_x2apic;
}

void *pool_take(unsigned count)
{
    uint8_t *page = plan_pool + (size_t)fake_pool_used * PAGE_SIZE;

    assert_true(fake_pool_used + count <= POOL / PAGE_SIZE);
    fake_pool_used += count;
    return memset(page, 0, (size_t)count * PAGE_SIZE);
}

/* A test that failed in the middle of a call has left a lock behind. */
void arch_pause(void)
{
    if (++pauses > 1000000)
        fail_msg("waits for ever");
}

static void meanwhile(unsigned unit)
{
    if (fake_vtd_meanwhile == NULL || busy)
        return;
    busy = true;
    fake_vtd_meanwhile(unit);
    busy = false;
}

static void write_buffers_drain(void)
{
    memcpy(memory, buffers, POOL);
}

void clflush(const void *line)
{
    size_t at = (size_t)((const uint8_t *)line - plan_pool);

    assert_true(at < POOL && at % 64 == 0);
    memcpy(buffers + at, plan_pool + at, 64);
    for (unsigned unit = 0; unit < plan.board->iommu.unit_count; unit++) {
        if (!(fake_vtd[unit].cap & 1u << 4))
            memcpy(memory + at, buffers + at, 64);
        meanwhile(unit);
    }
}

/* --- memory as a unit reads it ---------------------------------------------------------------------------------------------------- */

static uint64_t memory_read(uint64_t hpa)
{
    uint64_t value;

    assert_true(range_inside(hpa, 8, (uintptr_t)plan_pool, POOL));
    memcpy(&value, memory + (hpa - (uintptr_t)plan_pool), 8);
    return value;
}

/* --- faults ------------------------------------------------------------------------------------------------------------------------ */

static void fault(struct fake_vtd *u, uint16_t requester, uint8_t reason, bool read, uint64_t info)
{
    unsigned count = (unsigned)(u->cap >> 40 & 0xff) + 1;

    if (u->fsts & 1)
        return;
    for (unsigned i = 0; i < count && u->compress; i++)
        if (u->record[i][1] >> 63 && (u->record[i][1] & 0xffff) == requester)
            return;
    if (u->record[u->record_next][1] >> 63) {
        u->fsts |= 1;
        return;
    }
    if (!(u->fsts & 2))
        u->fsts = (u->fsts & ~0xff00u) | u->record_next << 8 | 2;
    u->record[u->record_next][0] = info;
    u->record[u->record_next][1] = 1ull << 63 | (uint64_t)read << 62 | (uint64_t)reason << 32 | requester;
    u->record_next = (u->record_next + 1) % count;
}

static void fault_clear(struct fake_vtd *u, unsigned index)
{
    unsigned count = (unsigned)(u->cap >> 40 & 0xff) + 1;

    u->record[index][1] &= ~(1ull << 63);
    u->fsts &= ~2u;
    for (unsigned i = 0; i < count; i++)
        if (u->record[i][1] >> 63)
            u->fsts |= 2;
}

/* --- DMA: 3.4, 3.7 ------------------------------------------------------------------------------------------------------------------- */

static bool dma_refuse(struct fake_vtd *u, const struct context *c, uint16_t requester, uint64_t iova, bool write, uint8_t reason)
{
    if (c == NULL || !(c->low & 2))
        fault(u, requester, reason, !write, iova & ~0xfffull);
    return false;
}

static const struct context *context_of(unsigned unit, uint16_t requester)
{
    struct fake_vtd *u = &fake_vtd[unit];
    struct context *c = &caches[unit].contexts[requester];
    uint64_t root, entry;

    if (c->cached)
        return c;
    root = memory_read(u->root + (requester >> 8) * 16u);
    if (root & 1) {
        assert_int_equal(root & 0xffe, 0);
        assert_int_equal(memory_read(u->root + (requester >> 8) * 16u + 8), 0);
    }
    entry = root & 1 ? (root & ADDRESS) + (requester & 0xff) * 16u : 0;
    c->low = entry ? memory_read(entry) : 0;
    c->high = entry ? memory_read(entry + 8) : 0;
    c->domain = c->low & 1 ? (uint16_t)(c->high >> 8) : 0;
    /* Without caching mode what is absent is not remembered. */
    c->cached = (c->low & 1) || (u->cap & 1u << 7);
    return c;
}

static bool second_level(unsigned unit, const struct context *c, uint64_t iova, struct translation *t)
{
    struct fake_vtd *u = &fake_vtd[unit];
    unsigned levels = (unsigned)(c->high & 7) + 2;
    uint64_t table = c->low & ADDRESS;
    bool read = true, write = true;

    if (levels < 3 || levels > 4 || !(u->cap >> (levels + 6) & 1) || iova >> (12 + 9 * levels) != 0 ||
        iova >> ((u->cap >> 16 & 63) + 1) != 0)
        return false;
    for (unsigned level = levels;; level--) {
        unsigned shift = 3 + 9 * level;
        uint64_t entry = memory_read(table + (iova >> shift & 511) * 8);

        read = read && (entry & 1);
        write = write && (entry & 2);
        if (!(entry & 3))
            return false;
        assert_int_equal(entry & 0xc00000000000087cull, 0); /* reserved, or another memory type, or a device's TLB */
        if (level == 1 || (entry & 0x80)) {
            assert_true(level == 1 || (level == 2 && (u->cap >> 34 & 1)));
            assert_true(level != 1 || !(entry & 0x80));
            assert_int_equal(entry & ADDRESS & ((1ull << shift) - 1), 0);
            *t = (struct translation){.cached = true,
                                      .domain = (uint16_t)(c->high >> 8),
                                      .page = iova & ~0xfffull,
                                      .hpa = (entry & ADDRESS) + (iova & ((1ull << shift) - 1) & ~0xfffull),
                                      .read = read,
                                      .write = write};
            return true;
        }
        table = entry & ADDRESS;
    }
}

static struct translation *iotlb_slot(unsigned unit, uint16_t requester, uint64_t iova)
{
    return &caches[unit].iotlb[((iova >> 12) + requester * 1021u) % IOTLB];
}

/* As a unit may: what it remembers of a requester's page it takes without a look at the context. */
bool fake_vtd_dma(unsigned unit, uint16_t requester, uint64_t iova, bool write, uint64_t *hpa)
{
    struct fake_vtd *u = &fake_vtd[unit];
    struct translation *t = iotlb_slot(unit, requester, iova), found;
    const struct context *c = NULL;

    *hpa = iova;
    if (!(u->gsts >> 31))
        return true;
    if (!t->cached || t->requester != requester || t->page != (iova & ~0xfffull)) {
        c = context_of(unit, requester);
        if (!(c->low & 1))
            return dma_refuse(u, c, requester, iova, write, 2);
        if ((c->low >> 2 & 3) == 2)
            return true; /* pass-through */
        if (!second_level(unit, c, iova, &found))
            return dma_refuse(u, c, requester, iova, write, write ? 5 : 6);
        *t = found;
        t->requester = requester;
    }
    if (!(write ? t->write : t->read))
        return dma_refuse(u, c, requester, iova, write, write ? 5 : 6);
    *hpa = t->hpa + (iova & 0xfff);
    return true;
}

/* --- interrupts: 5.1 -------------------------------------------------------------------------------------------------------------------- */

static bool message_refuse(struct fake_vtd *u, const struct irte *e, uint16_t requester, unsigned index, uint8_t reason)
{
    if (e == NULL || !(e->low & 2))
        fault(u, requester, reason, false, (uint64_t)index << 48);
    return false;
}

static bool source_matches(const struct irte *e, uint16_t requester)
{
    static const uint16_t mask[] = {0xffff, 0xfffb, 0xfff9, 0xfff8};
    uint16_t source = (uint16_t)e->high;
    unsigned type = e->high >> 18 & 3;

    if (type == 1)
        return ((source ^ requester) & mask[e->high >> 16 & 3]) == 0;
    return type == 0 || (type == 2 && requester >> 8 >= (source & 0xff) && requester >> 8 <= source >> 8);
}

static bool remap(unsigned unit, uint16_t requester, unsigned index, struct fake_message *message)
{
    struct fake_vtd *u = &fake_vtd[unit];
    struct irte *e = &caches[unit].irtes[index];

    if (index >= 2u << (u->interrupts & 15))
        return message_refuse(u, NULL, requester, index, 0x21);
    if (!e->cached) {
        e->low = memory_read((u->interrupts & ADDRESS) + index * 16u);
        e->high = memory_read((u->interrupts & ADDRESS) + index * 16u + 8);
        e->cached = (e->low & 1) || (u->cap & 1u << 7);
    }
    if (!(e->low & 1))
        return message_refuse(u, e, requester, index, 0x22);
    assert_int_equal(e->low & 0xff00f000, 0);
    assert_int_equal(e->high >> 20, 0);
    if (!(u->interrupts & 1u << 11))
        assert_int_equal(e->low & 0xffff00ff00000000ull, 0);
    if (!source_matches(e, requester))
        return message_refuse(u, e, requester, index, 0x26);
    assert_int_equal(e->low & 0x1c, 0); /* physical, no hint, edge */
    *message = (struct fake_message){(uint32_t)(u->interrupts & 1u << 11 ? e->low >> 32 : e->low >> 40 & 0xff),
                                     (uint8_t)(e->low >> 16), (uint8_t)(e->low >> 5 & 7)};
    return true;
}

bool fake_vtd_message(unsigned unit, uint16_t requester, uint64_t address, uint32_t data, struct fake_message *message)
{
    struct fake_vtd *u = &fake_vtd[unit];
    unsigned index = (unsigned)(address >> 5 & 0x7fff) | (unsigned)(address >> 2 & 1) << 15;

    assert_int_equal(address >> 20, 0xfee);
    if (u->gsts >> 25 & 1) {
        if (address & 8)
            index = (index + (data & 0xffff)) & 0xffff;
        if (address & 0x10)
            return remap(unit, requester, index, message);
        if (!(u->gsts >> 23 & 1) || (u->interrupts & 1u << 11))
            return message_refuse(u, NULL, requester, 0, 0x25);
    }
    *message = (struct fake_message){(uint32_t)(address >> 12 & 0xff), (uint8_t)data, (uint8_t)(data >> 8 & 7)};
    return true;
}

bool fake_vtd_pin(unsigned unit, uint16_t requester, uint64_t entry, struct fake_message *message)
{
    assert_false(entry >> 16 & 1);
    if (!(entry >> 48 & 1))
        return fake_vtd_message(unit, requester, 0xfee00000 | (entry >> 56) << 12, (uint32_t)entry, message);
    assert_int_equal(entry & 0x0000fffffffef700ull, 0);
    return fake_vtd_message(unit, requester, 0xfee00010 | (entry >> 49) << 5 | (entry >> 11 & 1) << 2, (uint32_t)entry & 0xff,
                            message);
}

/* --- the invalidation queue: 6.5.2 -------------------------------------------------------------------------------------------------------- */

static void invalidate(unsigned unit, uint64_t low)
{
    struct caches *c = &caches[unit];
    unsigned how = low >> 4 & 3;
    uint16_t domain = (uint16_t)(low >> 16), requester = (uint16_t)(low >> 32);

    switch (low & 15) {
    case 1:
        assert_int_equal(low & 0xffff00000000ffc0ull, 0);
        assert_int_not_equal(how, 0);
        for (unsigned i = 0; i < 65536; i++)
            if (how == 1 || (c->contexts[i].domain == domain && (how == 2 || i == requester)))
                c->contexts[i].cached = false;
        break;
    case 2:
        assert_int_equal(low & 0xffffffff0000ff00ull, 0);
        assert_true(how == 1 || how == 2);
        assert_int_equal(low >> 6 & 3 & ~(fake_vtd[unit].cap >> 54 & 3), 0);
        for (unsigned i = 0; i < IOTLB; i++)
            if (how == 1 || c->iotlb[i].domain == domain)
                c->iotlb[i].cached = false;
        break;
    case 4:
        assert_int_equal(low & 0xffff0000ffffffe0ull, 0);
        for (unsigned i = 0; i < 65536; i++)
            if (!(how & 1) || i == requester)
                c->irtes[i].cached = false;
        break;
    default:
        fail_msg("descriptor of type %u", (unsigned)(low & 15));
    }
}

static void status_write(uint64_t address, uint32_t value)
{
    assert_int_equal(address & 3, 0);
    memcpy((void *)(uintptr_t)address, &value, 4); /* snooped */
}

static void wait_done(struct fake_vtd *u, uint64_t low, uint64_t high)
{
    assert_int_equal(low & 0xffffffdf, 5);
    assert_true(low & 0x20);
    u->waits++;
    if (!u->late) {
        status_write(high, (uint32_t)(low >> 32));
        return;
    }
    if (u->late_at != 0)
        status_write(u->late_at, u->late_value);
    u->late_at = high;
    u->late_value = (uint32_t)(low >> 32);
}

/* Those between two waits, in any order, devices at work. */
static void batch_do(unsigned unit, uint64_t *batch, unsigned count)
{
    meanwhile(unit);
    while (count > 0) {
        unsigned i = random_next() % count;

        invalidate(unit, batch[i]);
        batch[i] = batch[--count];
        meanwhile(unit);
    }
}

static void queue_work(unsigned unit)
{
    struct fake_vtd *u = &fake_vtd[unit];
    uint64_t batch[256];
    unsigned count = 0;

    while (!u->deaf && (u->gsts >> 26 & 1) && !(u->fsts & 0x70) && u->iqh != u->iqt) {
        uint64_t low = memory_read((u->iqa & ADDRESS) + u->iqh), high = memory_read((u->iqa & ADDRESS) + u->iqh + 8);

        if (u->errors > 0) {
            u->errors--;
            u->errors_seen++;
            u->fsts |= u->error;
            return;
        }
        u->iqh = (u->iqh + 16) % 4096;
        if ((low & 15) != 5) {
            assert_int_equal(high, 0);
            batch[count++] = low;
            continue;
        }
        batch_do(unit, batch, count);
        count = 0;
        wait_done(u, low, high);
    }
    assert_true(count == 0 || u->deaf || (u->fsts & 0x70)); /* what is not waited for is not known to be done */
}

/* --- registers: 11.4 ------------------------------------------------------------------------------------------------------------------------- */

#define LASTING 0x96800000u

static void command(unsigned unit, uint32_t value)
{
    struct fake_vtd *u = &fake_vtd[unit];
    uint32_t changed = ((u->gsts ^ value) & LASTING) | (value & ~LASTING);

    assert_true((changed & (changed - 1)) == 0); /* one at a time */
    assert_int_equal(value & ~0xdf800000u, 0);
    if (value & 1u << 27) {
        write_buffers_drain();
        u->gsts |= u->stuck & 1u << 27;
    }
    value &= ~u->stuck;
    changed &= ~u->stuck;
    if (value & 1u << 30) {
        assert_false(u->rtaddr & 0xc00);
        u->root = u->rtaddr & ADDRESS;
        u->gsts |= 1u << 30;
    }
    if (value & 1u << 24) {
        u->interrupts = u->irta;
        u->gsts |= 1u << 24;
    }
    if (changed & ~value & 1u << 26)
        u->iqh = 0;
    if (changed & value & 1u << 31)
        assert_true(u->gsts >> 30 & 1);
    if (changed & value & 1u << 25)
        assert_true(u->gsts >> 24 & 1);
    u->gsts = (u->gsts & ~(changed & LASTING)) | (value & changed & LASTING);
    queue_work(unit);
}

static struct fake_vtd *unit_at(uint64_t address, unsigned *reg, unsigned *unit)
{
    for (*unit = 0; *unit < FAKE_VTD_UNITS; ++*unit)
        if (range_inside(address, 1, FAKE_VTD_BASE(*unit), 0x8000)) {
            *reg = (unsigned)(address - FAKE_VTD_BASE(*unit));
            return &fake_vtd[*unit];
        }
    fail_msg("%lx is no register", (unsigned long)address);
    return NULL;
}

static bool mapped[FAKE_VTD_UNITS][8];

void arch_device_map(hpa_t page)
{
    unsigned reg, unit;

    unit_at(page.v, &reg, &unit);
    assert_int_equal(reg & PAGE_MASK, 0);
    mapped[unit][reg / PAGE_SIZE] = true;
}

static uint64_t *record_at(struct fake_vtd *u, unsigned reg)
{
    unsigned first = (unsigned)(u->cap >> 24 & 0x3ff) * 16, count = (unsigned)(u->cap >> 40 & 0xff) + 1;

    return reg >= first && reg < first + count * 16 ? &u->record[(reg - first) / 16][reg / 8 % 2] : NULL;
}

uint64_t arch_device_read(hpa_t address, unsigned size)
{
    unsigned reg, unit;
    struct fake_vtd *u = unit_at(address.v, &reg, &unit);
    uint64_t *record = record_at(u, reg);

    assert_true(mapped[unit][reg / PAGE_SIZE]);
    assert_true((size == 4 || size == 8) && reg % size == 0);
    u->reads++;
    if (u->absent)
        return size == 4 ? UINT32_MAX : UINT64_MAX;
    if (record != NULL)
        return size == 8 ? *record : (uint32_t)(*record >> reg % 8 * 8);
    assert_int_equal(size, reg == 0x08 || reg == 0x10 || reg == 0x20 || reg == 0xb8 ? 8 : 4);
    switch (reg) {
    case 0x08:
        return u->cap;
    case 0x10:
        return u->ecap;
    case 0x1c:
        return u->gsts;
    case 0x20:
        return u->rtaddr;
    case 0x34:
        return u->fsts;
    case 0x64:
        return u->pmen;
    case 0x80:
        return (uint32_t)u->iqh;
    case 0x88:
        return (uint32_t)u->iqt;
    case 0xb8:
        return u->irta;
    default:
        fail_msg("read of register %x", reg);
        return 0;
    }
}

static void record_write(struct fake_vtd *u, unsigned reg, uint64_t value)
{
    unsigned first = (unsigned)(u->cap >> 24 & 0x3ff) * 16;

    assert_int_equal(reg % 16, 12);
    if (value >> 31)
        fault_clear(u, (reg - first) / 16);
}

void arch_device_write(hpa_t address, unsigned size, uint64_t value)
{
    unsigned reg, unit;
    struct fake_vtd *u = unit_at(address.v, &reg, &unit);

    assert_true(mapped[unit][reg / PAGE_SIZE]);
    assert_int_equal(size, reg == 0x20 || (reg >= 0x88 && reg <= 0x90) || reg == 0xb8 ? 8 : 4);
    u->writes++;
    if (u->absent)
        return;
    if (record_at(u, reg) != NULL) {
        record_write(u, reg, value);
        return;
    }
    switch (reg) {
    case 0x18:
        command(unit, (uint32_t)value);
        return;
    case 0x20:
        u->rtaddr = u->root_lost ? u->rtaddr : value;
        return;
    case 0x34:
        u->fsts &= ~((uint32_t)value & 0x71);
        queue_work(unit);
        return;
    case 0x38:
        u->fectl = (uint32_t)value;
        return;
    case 0x64:
        assert_true(u->gsts >> 31); /* what the firmware protects stays so until our tables do it */
        u->pmen = (value >> 31 ? 0x80000001u : 0) | (u->stuck & 1);
        return;
    case 0x88:
        assert_int_equal(value & ~0xff0ull, 0);
        u->iqt = value;
        queue_work(unit);
        return;
    case 0x90:
        assert_false(u->gsts >> 26 & 1);
        assert_int_equal(value & PAGE_MASK, 0);
        u->iqa = value;
        return;
    case 0xa0:
        u->iectl = (uint32_t)value;
        return;
    case 0xb8:
        u->irta = value;
        return;
    default:
        fail_msg("write of register %x", reg);
    }
}

/* --- a machine -------------------------------------------------------------------------------------------------------------------------------- */

static const struct plan_ram ram[3][2] = {{{HPA(MIB(64)), GPA(0), MIB(8)}, {HPA(MIB(512)), GPA(GIB(4)), MIB(4)}},
                                          {{HPA(MIB(128)), GPA(0), MIB(8)}},
                                          {{HPA(MIB(256)), GPA(0), MIB(2)}, {HPA(MIB(260)), GPA(MIB(2)), MIB(4)}}};
static const struct plan_function functions[] = {
    {.role = "nic0", .requester = 0x0010, .partition = 0, .vectors = 5, .interrupt = 0, .physical = PLAN_NO_FUNCTION},
    {.role = "disk0", .requester = 0x0100, .partition = 1, .vectors = 4, .interrupt = 5, .physical = PLAN_NO_FUNCTION},
    {.role = "disk0.vf1", .requester = 0x0101, .partition = 2, .vectors = 32, .interrupt = 9, .physical = 0x0100},
    {.role = "disk0.vf2", .requester = 0x0102, .partition = 0, .vectors = 1, .interrupt = 41, .physical = 0x0100},
    {.role = "edu0", .requester = 0x05ff, .partition = 2, .vectors = 0, .interrupt = 42, .physical = PLAN_NO_FUNCTION},
};

void fake_vtd_reset(unsigned units)
{
    fake_plan_reset();
    fake_reset();
    fake.step = 1000; /* a microsecond */
    fake_x2apic = false;
    fake_vtd_meanwhile = NULL;
    fake_pool_used = pauses = 0;
    busy = false;
    seed = 0x9c3e5;
    memset(caches, 0, sizeof(caches));
    memset(fake_vtd, 0, sizeof(fake_vtd));
    memset(mapped, 0, sizeof(mapped));
    memset(plan_pool, 0xa5, POOL); /* what is not written is not zero */
    memset(buffers, 0xa5, POOL);
    memset(memory, 0xa5, POOL);
    for (unsigned p = 0; p < 3; p++) {
        fake_plan_partitions[p].ram = ram[p];
        fake_plan_partitions[p].ram_count = p == 1 ? 1 : 2;
        fake_plan_partitions[p].function_count = p == 1 ? 1 : 2;
    }
    fake_plan.functions = functions;
    fake_plan.function_count = ARRAY_SIZE(functions);
    fake_plan.interrupts = 44;
    fake_board.iommu.kind = IOMMU_VTD;
    fake_board.iommu.ioapic_function = 0xff00;
    fake_board.iommu.unit_count = units;
    for (unsigned i = 0; i < units; i++) {
        fake_board.iommu.units[i] = FAKE_VTD_BASE(i);
        fake_vtd[i].cap = 0xd2008c22260206;
        fake_vtd[i].ecap = 0xf00f4a;
    }
}

void fake_vtd_poison(unsigned unit)
{
    for (unsigned i = 0; i < 65536; i++) {
        caches[unit].contexts[i] = (struct context){true, i % 2 ? 0x9 : 0x1, (uint64_t)(i % 4) << 8 | 1, (uint16_t)(i % 4)};
        caches[unit].irtes[i] = (struct irte){true, 1 | (uint64_t)3 << 40 | 0x330000, 0};
    }
    for (unsigned i = 0; i < IOTLB; i++)
        *iotlb_slot(unit, (uint16_t)(i * 13), (uint64_t)(i % 3) << 12) =
            (struct translation){true, (uint16_t)(i % 4), (uint16_t)(i * 13), (uint64_t)(i % 3) << 12, 0xbad000, true, true};
    for (unsigned i = 0; i < fake_plan.function_count; i++)
        *iotlb_slot(unit, fake_plan.functions[i].requester, 0) =
            (struct translation){true, 0, fake_plan.functions[i].requester, 0, 0xbad000, true, true};
}
