/* SPDX-License-Identifier: Apache-2.0 */
/* VT-d units that lie (F14, AC-31): any bytes as what their registers say, whether they follow, when they complete. Whatever they do, every call
 * ends in bounded time, and the tables in memory allow exactly what has been granted: all else stays denied. A libFuzzer entry point;
 * test_vtd_lies.c calls it too. Linked with fake_plan.c and fake_arch.c. */
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../unit/fake_arch.h"
#include "../unit/fake_plan.h"
#include "iommu.h"
#include "lapic.h"
#include "memory.h"
#include "promise.h"
#include "vtd.h"
#include "x86.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define POOL_PAGES 64u
#define UNITS 2u
#define BASE(unit) (0xfed90000u + (unit)*0x10000u)

static const struct plan_ram ram[] = {{HPA(MIB(64)), GPA(0), MIB(4)}};
static const struct plan_function functions[] = {
    {.role = "nic0", .requester = 0x0010, .partition = 0, .vectors = 3, .interrupt = 0, .physical = PLAN_NO_FUNCTION},
    {.role = "disk0", .requester = 0x0100, .partition = 1, .vectors = 2, .interrupt = 3, .physical = PLAN_NO_FUNCTION},
};
#define FUNCTIONS 2u
#define ENTRIES 5u

static const uint8_t *bytes;
static size_t left;
static struct unit {
    uint32_t gsts, fsts;
    uint64_t rtaddr, irta, iqa, iqt;
} units[UNITS];
static unsigned pages_used;
static bool granted[FUNCTIONS], vectors[ENTRIES];

static uint8_t next(void)
{
    if (left == 0)
        return 0xff;
    left--;
    return *bytes++;
}

/* --- what the driver asks of the machine ---------------------------------------------------------------------------------------------- */

const char *vtd_dmar_check(const uint8_t *table, size_t size)
{
    (void)table;
    (void)size;
    return NULL;
}

bool lapic_is_x2apic(void)
{
    return false;
}

void clflush(const void *line)
{
    (void)line;
}

void *pool_take(unsigned count)
{
    PROMISE(pages_used + count <= POOL_PAGES);
    pages_used += count;
    return memset(plan_pool + (size_t)(pages_used - count) * PAGE_SIZE, 0, (size_t)count * PAGE_SIZE);
}

void arch_device_map(hpa_t page)
{
    (void)page;
}

uint64_t arch_device_read(hpa_t address, unsigned size)
{
    struct unit *u = &units[(address.v - BASE(0)) / 0x10000 % UNITS];
    uint64_t value = 0;

    PROMISE(address.v >= BASE(0) && address.v < BASE(UNITS));
    switch (address.v & 0xffff) {
    case 0x08:
        value = 0xd2008c22260206;
        break;
    case 0x10:
        value = 0xf00f4a;
        break;
    case 0x1c:
        value = u->gsts;
        break;
    case 0x20:
        value = u->rtaddr;
        break;
    case 0x34:
        value = u->fsts;
        break;
    case 0xb8:
        value = u->irta;
        break;
    }
    switch (next()) { /* 0xff when the input has come to its end */
    case 0:
        return size == 8 ? ~0ull : UINT32_MAX;
    case 1:
        return 0;
    case 2:
        return value ^ 1ull << next() % (size * 8);
    case 3:
        return (value ^ (uint64_t)next() << next() % 64) & (size == 8 ? ~0ull : UINT32_MAX);
    default:
        return value;
    }
}

/* The last descriptor is the one that asks for an answer. */
static void complete(struct unit *u)
{
    uint64_t wait[2];
    uint32_t answer;

    memcpy(wait, (const uint8_t *)(uintptr_t)u->iqa + (u->iqt + 4096 - 16) % 4096, 16);
    answer = (uint32_t)(wait[0] >> 32);
    if ((wait[0] & 15) != 5) /* an empty queue */
        return;
    switch (next()) {
    case 0:
        return; /* never */
    case 1:
        u->fsts |= 1u << (4 + next() % 3);
        return;
    case 2:
        answer -= next();
        break;
    }
    memcpy((void *)(uintptr_t)wait[1], &answer, 4);
}

void arch_device_write(hpa_t address, unsigned size, uint64_t value)
{
    struct unit *u = &units[(address.v - BASE(0)) / 0x10000 % UNITS];

    (void)size;
    PROMISE(address.v >= BASE(0) && address.v < BASE(UNITS));
    switch (address.v & 0xffff) {
    case 0x18:
        if (next() != 0)
            u->gsts = ((uint32_t)value & 0x96800000) | (u->gsts & 0x41000000) | ((uint32_t)value & 0x41000000);
        return;
    case 0x20:
        u->rtaddr = value;
        return;
    case 0x34:
        u->fsts &= ~(uint32_t)value;
        return;
    case 0x88:
        u->iqt = value;
        if (u->iqa != 0)
            complete(u);
        return;
    case 0x90:
        u->iqa = value;
        return;
    case 0xb8:
        u->irta = value;
        return;
    }
}

/* --- what must hold all the time ----------------------------------------------------------------------------------------------------------- */

static const uint64_t *table_at(uint64_t address)
{
    PROMISE(range_inside(address & ~0xfffull, PAGE_SIZE, (uintptr_t)plan_pool, pages_used * PAGE_SIZE));
    return (const uint64_t *)(uintptr_t)(address & ~0xfffull);
}

static void check_context(const uint64_t *context, unsigned requester)
{
    for (unsigned f = 0; f < FUNCTIONS; f++)
        if (functions[f].requester == requester && granted[f]) {
            const uint64_t *middle = table_at(table_at(context[0])[0]);

            PROMISE((context[0] & 0xfff) == 1 && (context[1] & ~7ull) == (f + 1) << 8);
            if ((context[1] & 7) == 2)
                middle = table_at(middle[0]);
            PROMISE((middle[0] & ~0xfffull) == MIB(64) || (table_at(middle[0])[0] & ~0xfffull) == MIB(64));
            return;
        }
    PROMISE(!(context[0] & 1));
}

static void check_tables(uint64_t root, uint64_t interrupts)
{
    for (unsigned bus = 0; bus < 256; bus++) {
        uint64_t entry = table_at(root)[bus * 2];

        for (unsigned i = 0; (entry & 1) && i < 256; i++)
            check_context(table_at(entry) + i * 2, bus << 8 | i);
    }
    for (unsigned i = 0; i < 256; i++) {
        const uint64_t *entry = table_at(interrupts) + i * 2;

        PROMISE((entry[0] & 1) == (i < ENTRIES && vectors[i]) || (i >= ENTRIES && i < ENTRIES + 2));
        if (entry[0] & 1)
            PROMISE(entry[1] == (0x40000 | (i >= ENTRIES ? 0xff00u : functions[i >= 3].requester)));
    }
}

static void act(void)
{
    unsigned f = next() % FUNCTIONS, v = next() % functions[f].vectors;
    struct iommu_message message;
    struct iommu_fault fault;

    switch (next() % 7) {
    case 0:
        for (unsigned i = 0; i < functions[f].vectors; i++)
            vectors[functions[f].interrupt + i] = false;
        granted[f] = iommu_attach(&functions[f]);
        break;
    case 1:
        granted[f] = false;
        for (unsigned i = 0; i < functions[f].vectors; i++)
            vectors[functions[f].interrupt + i] = false;
        iommu_detach(&functions[f]);
        break;
    case 2:
        vectors[functions[f].interrupt + v] = true;
        iommu_interrupt_set(&functions[f], v, 1, 0x40, &message);
        break;
    case 3:
        vectors[functions[f].interrupt + v] = false;
        iommu_interrupt_clear(&functions[f], v);
        break;
    case 4:
        for (unsigned i = 0; i < IOMMU_FAULTS && iommu_fault_next(&fault); i++)
            ;
        iommu_faults_lost();
        break;
    case 5: /* not confirmed: our own fault */
        (void)FAKE_ENDS(iommu_pin_nmi(v % 2, 2, 0));
        break;
    default: /* a register that lies may lead out of the pool: our own fault */
        (void)FAKE_ENDS(iommu_audit_units());
        break;
    }
}

static const char *begin(void)
{
    const char *why = iommu_check(NULL, 0);

    if (why == NULL)
        why = iommu_on();
    for (unsigned p = 0; why == NULL && p < FUNCTIONS; p++)
        iommu_domain(p);
    return why;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t root, interrupts;

    bytes = data;
    left = size < 4096 ? size : 4096;
    pages_used = 0;
    memset(units, 0, sizeof(units));
    memset(granted, 0, sizeof(granted));
    memset(vectors, 0, sizeof(vectors));
    fake_plan_reset();
    fake_reset();
    fake.step = 10000; /* 10 us */
    fake_plan.partition_count = FUNCTIONS;
    for (unsigned p = 0; p < FUNCTIONS; p++) {
        fake_plan_partitions[p].ram = ram;
        fake_plan_partitions[p].ram_count = 1;
        fake_plan_partitions[p].function_count = 1;
    }
    fake_plan.functions = functions;
    fake_plan.function_count = FUNCTIONS;
    fake_plan.interrupts = ENTRIES + 2;
    fake_board.iommu.ioapic_function = 0xff00;
    fake_board.iommu.unit_count = 1 + next() % UNITS;
    fake_board.iommu.units[0] = BASE(0);
    fake_board.iommu.units[1] = BASE(1);
    if (begin() != NULL)
        return 0;
    root = units[0].rtaddr;
    interrupts = units[0].irta;
    PROMISE(fake.ticks < fake.boot_ticks + 2000 * fake.khz);
    check_tables(root, interrupts);
    while (left > 0) {
        uint64_t before = fake.ticks;

        act();
        PROMISE(fake.ticks - before < 500 * fake.khz);
        check_tables(root, interrupts);
    }
    return 0;
}
