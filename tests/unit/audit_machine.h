/* SPDX-License-Identifier: Apache-2.0 */
/* A machine for the audit to look at, whichever vendor's: a plan of two partitions on two cores and one, a core without partition, a
 * function for each partition, nested tables made by the real builder, and an IOMMU that says what a test wants it to. Each test supplies
 * the control blocks and maps of its vendor. */
#ifndef BULKHEAD_AUDIT_MACHINE_H
#define BULKHEAD_AUDIT_MACHINE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "arch.h"
#include "audit.h"
#include "bulkhead_abi.h"
#include "console.h"
#include "crash.h"
#include "iommu.h"
#include "memory.h"
#include "nested.h"
#include "partition.h"
#include "plan.h"
#include "policy.h"
#include "x86_bits.h"

/* --- plan ---------------------------------------------------------------------------------------------------------------------- */

#define POOL 64u
#define POOL_HPA 0x280000u

static const struct plan_ram linux_ram[] = {{{0x4000000}, {0}, 0x800000}, {{0x5000000}, {0x100000000}, 0x400000}};
static const struct plan_ram hello_ram[] = {{{0x4800000}, {0}, 0x400000}};
static const struct plan_partition plan_partitions[] = {
    {.name = "linux",
     .kind = IMAGE_LINUX,
     .ram = linux_ram,
     .ram_count = 2,
     .memory = 0xc00000,
     .first_function = 0,
     .function_count = 1},
    {.name = "hello",
     .kind = IMAGE_UNIKERNEL,
     .ram = hello_ram,
     .ram_count = 1,
     .memory = 0x400000,
     .tpm = {PLAN_TPM},
     .first_function = 1,
     .function_count = 1},
};
static const struct plan_core cores[] = {{0, 0, 0}, {1, 0, 1}, {2, 1, 0}, {3, 0xff, 0}};
#define IOAPIC_REQUESTER 0xf0f8u
#define NIC 0x0018u     /* of linux */
#define DISK 0x0110u    /* nobody's; its second VF: */
#define DISK_VF 0x0112u /* of hello */
static struct board board_found = {
    .no_page_size_erratum = true,
    .ioapic.base = 0xfec00000,
    .pci = {.ecam = 0xb0000000, .last_bus = 1},
    .iommu = {.units = {0xfed90000, 0xfed91000}, .unit_count = 2, .ioapic_function = IOAPIC_REQUESTER},
    /* The table fills a page and a bit, the pending bits lie in two pages. */
    .functions = {{.device = 3, .msix = {.vectors = 257, .table_bar = 2, .pba_bar = 2, .pba_offset = 0x2ff8}},
                  {.bus = 1,
                   .device = 2,
                   .msix = {.vectors = 65, .pba_offset = 0x1000},
                   .vf.msix = {.vectors = 4, .table_offset = 0x2010, .pba_offset = 0x3000}}},
};
#define NIC_SMALL 0xfe000000u
#define NIC_MSIX 0xfe010000u /* four pages that hold MSI-X, four that do not */
#define NIC_LARGE 0xfe200000u
#define VF_BAR 0xfe020000u /* two pages, then table and pending bits */
static const struct plan_function functions[] = {
    {.role = "nic0",
     .requester = NIC,
     .partition = 0,
     .bars = {{BAR_MEMORY32, false, {NIC_SMALL}, 0x4000},
              {BAR_PORTS, false, {0xc000}, 0x1000},
              {BAR_MEMORY32, false, {NIC_MSIX}, 0x8000},
              {BAR_NONE, false, {0}, 0},
              {BAR_MEMORY64, true, {NIC_LARGE}, 0x200000}},
     .msix = {.vectors = 3, .table_bar = 2, .pba_bar = 2, .pba_offset = 0x2ff8},
     .vectors = 3,
     .physical = PLAN_NO_FUNCTION,
     .board = &board_found.functions[0]},
    {.role = "disk0.vf2",
     .requester = DISK_VF,
     .partition = 1,
     .bars = {{BAR_MEMORY64, false, {VF_BAR}, 0x4000}},
     .msix = {.vectors = 2, .table_offset = 0x2010, .pba_offset = 0x3000},
     .interrupt = 3,
     .vectors = 2,
     .physical = DISK,
     .board = &board_found.functions[1]},
};
/* A cable between the two: hello writes one channel and reads the other, Linux has neither in its memory. */
#define CABLE_GPA 0xf2000000u
static const struct plan_channel channels[] = {
    {.name = "lan.0",
     .kind = BH_CHANNEL_CABLE,
     .writer = 1,
     .readers = 1,
     .mapped = 2,
     .back = 1,
     .gpa = {CABLE_GPA},
     .size = 0x1000},
    {.name = "lan.1",
     .kind = BH_CHANNEL_CABLE,
     .writer = 0,
     .readers = 2,
     .mapped = 2,
     .back = 0,
     .gpa = {CABLE_GPA + 0x2000},
     .size = 0x1000},
};
const struct plan plan = {
    .board = &board_found,
    .hypervisor = {0x200000},
    .hypervisor_room = 0x200000,
    .zone = {0x400000},
    .zone_size = 0x2000000,
    .crash = {0x2400000},
    .crash_size = 0x10000,
    .partitions = plan_partitions,
    .partition_count = 2,
    .cores = cores,
    .core_count = 4,
    .housekeeping = 3,
    .functions = functions,
    .function_count = 2,
    .channels = channels,
    .channel_count = 2,
    .pool_pages = POOL,
};
uint8_t plan_pool[POOL * PAGE_SIZE] __attribute__((aligned(4096)));
struct partition partitions[MAX_PARTITIONS];
struct vcpu vcpus[MAX_CORES];

/* --- fakes --------------------------------------------------------------------------------------------------------------------- */

static unsigned pool_next, log_lines;
static char log_text[16384];

void *pool_take(unsigned count)
{
    void *pages = plan_pool + (size_t)pool_next * PAGE_SIZE;

    pool_next += count;
    assert_true(pool_next <= POOL);
    return pages;
}

hpa_t arch_hpa(const void *memory)
{
    return HPA(POOL_HPA + (uint64_t)((const uint8_t *)memory - plan_pool));
}

static uint8_t *channel_pages[BH_MAX_CHANNELS];

uint8_t *channel_memory(unsigned channel)
{
    return channel_pages[channel];
}

/* Whoever follows a wild pointer is caught. */
void *arch_ptr(hpa_t hpa)
{
    assert_true(range_inside(hpa.v, PAGE_SIZE, POOL_HPA, sizeof(plan_pool)));
    return plan_pool + (hpa.v - POOL_HPA);
}

void crash_here(const char *text)
{
    fail_msg("%s", text);
    abort();
}

void log_line(const char *format, ...)
{
    size_t used = strlen(log_text);
    va_list list;

    va_start(list, format);
    vsnprintf(log_text + used, sizeof(log_text) - used - 1, format, list);
    va_end(list);
    strcat(log_text, "\n");
    log_lines++;
}

const struct msr_row msr_rows[] = {{0x10, 0x10, MSR_OPEN, MSR_EMULATE, "time"},
                                   {0x174, 0x176, MSR_OPEN, MSR_OPEN, "sysenter"},
                                   {0xc0000080, 0xc0000080, MSR_EMULATE, MSR_EMULATE, "EFER"},
                                   {0xc0000081, 0xc0000084, MSR_OPEN, MSR_OPEN, "syscall"},
                                   {0xc0010114, 0xc0010114, MSR_EMULATE, MSR_DENY, "VM_CR"}};
const unsigned msr_row_count = ARRAY_SIZE(msr_rows);
const struct msr_row msr_x2apic_rows[] = {{0x80b, 0x80b, MSR_DENY, MSR_OPEN, "EOI"}};
const unsigned msr_x2apic_row_count = 1;

enum msr_access msr_policy(uint32_t msr, bool write)
{
    for (unsigned i = 0; i < msr_row_count; i++)
        if (msr >= msr_rows[i].first && msr <= msr_rows[i].last)
            return write ? msr_rows[i].write : msr_rows[i].read;
    return MSR_DENY; /* no x2APIC here */
}

/* --- IOMMU ------------------------------------------------------------------------------------------------------------------------- */

#define LEAVES 8u
struct fake_interrupt {
    bool present, nmi;
    uint32_t apic_id;
    uint8_t vector;
};
static struct {
    const char *wrong;
    struct iommu_rights rights[0x10000];
    struct iommu_leaf leaves[2][LEAVES];      /* of nic and VF, ascending; size 0: none */
    struct fake_interrupt interrupts[3][4];   /* of nic, VF and IO-APIC */
    bool ring;                                /* the first leaf, again and again */
    unsigned asked, units_asked, leaves_read; /* requesters asked about, ... */
} unit;

void arch_pause(void)
{
    fail_msg("a gate that is never left");
}

const char *iommu_audit_units(void)
{
    unit.units_asked++;
    return unit.wrong;
}

static unsigned row_of(uint16_t requester)
{
    return requester == NIC ? 0 : requester == DISK_VF ? 1 : 2;
}

static void assert_gate_held(unsigned partition)
{
    if (partition < 2)
        assert_int_not_equal(partitions[partition].gate.next, partitions[partition].gate.owner);
}

struct iommu_rights iommu_audit_rights(uint16_t requester)
{
    struct iommu_rights rights = unit.rights[requester];

    assert_gate_held(row_of(requester));
    unit.asked++;
    for (unsigned i = 0; row_of(requester) < 2 && i < ARRAY_SIZE(unit.interrupts[0]); i++)
        rights.interrupts += unit.interrupts[row_of(requester)][i].present;
    return rights;
}

/* Asked only of buses without a function of the plan. */
bool iommu_audit_bus_denied(unsigned bus)
{
    assert_true(bus != NIC >> 8 && bus != DISK_VF >> 8);
    for (unsigned i = 0; i < 256; i++)
        if (unit.rights[bus << 8 | i].dma || unit.rights[bus << 8 | i].interrupts != 0)
            return false;
    unit.asked += 256;
    return true;
}

bool iommu_audit_leaf(uint16_t requester, uint64_t from, struct iommu_leaf *leaf)
{
    const struct iommu_leaf *leaves = unit.leaves[row_of(requester)];

    assert_in_range(row_of(requester), 0, 1);
    assert_gate_held(row_of(requester));
    assert_true(++unit.leaves_read < 10000);
    for (unsigned i = 0; i < LEAVES && leaves[i].size != 0; i++)
        if (unit.ring || leaves[i].iova >= from) {
            *leaf = leaves[i];
            return true;
        }
    return false;
}

bool iommu_audit_interrupt(uint16_t requester, unsigned index, uint32_t *apic_id, uint8_t *vector, bool *nmi)
{
    const struct fake_interrupt *entry = &unit.interrupts[row_of(requester)][index];

    assert_true(row_of(requester) < 2 ? index < functions[row_of(requester)].vectors : requester == IOAPIC_REQUESTER && index < 2);
    assert_gate_held(row_of(requester));
    if (!entry->present)
        return false;
    *apic_id = entry->apic_id;
    *vector = entry->vector;
    *nmi = entry->nmi;
    return true;
}

/* Both functions attached, two of three and one of two interrupts on; tick and UART go to the housekeeping core. */
static inline void unit_make(void)
{
    memset(&unit, 0, sizeof(unit));
    unit.rights[NIC] = (struct iommu_rights){true, 1, 0}; /* no interrupts but those below */
    unit.rights[DISK_VF] = (struct iommu_rights){true, 2, 0};
    unit.rights[IOAPIC_REQUESTER].interrupts = 2;
    for (unsigned i = 0; i < 4; i++)
        unit.leaves[0][i] = (struct iommu_leaf){i * 0x200000, 0x4000000 + i * 0x200000, 0x200000, true, true};
    unit.leaves[0][4] = (struct iommu_leaf){0x100000000, 0x5000000, 0x400000, true, true};
    unit.leaves[1][0] = (struct iommu_leaf){0, 0x4800000, 0x400000, true, true};
    unit.interrupts[0][0] = (struct fake_interrupt){true, false, 0, 16};
    unit.interrupts[0][2] = (struct fake_interrupt){true, false, 1, 255};
    unit.interrupts[1][1] = (struct fake_interrupt){true, false, 2, 0x40};
    unit.interrupts[2][0] = unit.interrupts[2][1] = (struct fake_interrupt){true, true, 3, 0};
    board_found.iommu.kind = IOMMU_AMDVI;
}

/* --- tables ---------------------------------------------------------------------------------------------------------------------- */

static uint8_t *idle_page;
static uint64_t *root[2], *idle_root;

static void tables_make(void)
{
    const uint32_t rwx = NESTED_WRITE | NESTED_EXECUTE, device = NESTED_WRITE | NESTED_DEVICE;
    struct nested_region linux_regions[] = {{linux_ram[0].gpa, linux_ram[0].hpa, linux_ram[0].size, rwx},
                                            {linux_ram[1].gpa, linux_ram[1].hpa, linux_ram[1].size, rwx},
                                            {GPA(NIC_SMALL), HPA(NIC_SMALL), 0x4000, device},
                                            {GPA(NIC_MSIX + 0x4000), HPA(NIC_MSIX + 0x4000), 0x4000, device},
                                            {GPA(NIC_LARGE), HPA(NIC_LARGE), 0x200000, device}};
    uint64_t abi;
    struct nested_region code = {GPA(0), HPA(0), PAGE_SIZE, NESTED_EXECUTE};

    partitions[1].abi = pool_take(BH_ABI_PAGES);
    for (unsigned i = 0; i < 2; i++)
        channel_pages[i] = pool_take(2);
    abi = arch_hpa(partitions[1].abi).v;
    struct nested_region hello_regions[] = {{hello_ram[0].gpa, hello_ram[0].hpa, hello_ram[0].size, rwx},
                                            {GPA(BH_ABI_GPA), HPA(abi), 0x1000, 0},
                                            {GPA(BH_ABI_GPA + 0x1000), HPA(abi + 0x1000), 0x5000, NESTED_WRITE},
                                            {GPA(BH_ABI_GPA + 0x6000), HPA(abi + 0x6000), 0x3000, 0},
                                            {GPA(CABLE_GPA), arch_hpa(channel_pages[0]), 0x2000, NESTED_WRITE},
                                            {GPA(CABLE_GPA + 0x2000), arch_hpa(channel_pages[1]), 0x2000, 0},
                                            {GPA(VF_BAR), HPA(VF_BAR), 0x2000, device},
                                            {GPA(PLAN_TPM), HPA(PLAN_TPM), 0x1000, device}};

    board_found.iommu.kind = IOMMU_NONE;
    for (unsigned p = 0; p < 2; p++)
        partitions[p].plan = &plan_partitions[p];
    root[0] = arch_ptr(nested_build(linux_regions, ARRAY_SIZE(linux_regions)));
    root[1] = arch_ptr(nested_build(hello_regions, ARRAY_SIZE(hello_regions)));
    idle_page = pool_take(1);
    memcpy(idle_page, "\xfa\xf4\xeb\xfd", 4);
    code.hpa = arch_hpa(idle_page);
    idle_root = arch_ptr(nested_build(&code, 1));
}

static unsigned audit(struct audit_result *result)
{
    log_text[0] = 0;
    log_lines = 0;
    audit_run(result);
    assert_int_equal(log_lines, result->findings < 16 ? result->findings : 16);
    return result->findings;
}

static void assert_clean(void)
{
    struct audit_result result;

    if (audit(&result) != 0)
        fail_msg("unexpected: %s", log_text);
}

static void assert_finding(const char *words)
{
    struct audit_result result;

    if (audit(&result) == 0)
        fail_msg("nothing found, expected \"%s\"", words);
    if (strstr(log_text, words) == NULL)
        fail_msg("no \"%s\" in: %s", words, log_text);
}

/* One bit of a map of ports or MSRs is one finding. */
static inline void flip_map_bit(uint8_t *map, uint32_t bit)
{
    struct audit_result result;

    map[bit / 8] = (uint8_t)(map[bit / 8] ^ 1u << bit % 8);
    if (audit(&result) != 1)
        fail_msg("map bit %x: %u findings: %s", bit, result.findings, log_text);
    map[bit / 8] = (uint8_t)(map[bit / 8] ^ 1u << bit % 8);
}

/* The table that entry i of this one leads to. */
static uint64_t *below(const uint64_t *table, unsigned i)
{
    return arch_ptr(HPA(table[i] & PTE_ADDRESS));
}

static uint64_t *large_leaf(unsigned partition, unsigned i)
{
    return &below(below(root[partition], 0), 0)[i];
}

static inline uint64_t *abi_leaf(unsigned page)
{
    return &below(below(below(root[1], 0), 3), 0x180)[page];
}

/* The entry of a small page of registers, mapped or not, below a table of such pages that is there. */
static inline uint64_t *register_leaf(unsigned partition, uint64_t gpa)
{
    return &below(below(below(root[partition], 0), 3), gpa >> 21 & 511)[gpa >> 12 & 511];
}

static void flip_every_bit(uint64_t *entry, uint64_t harmless)
{
    for (unsigned bit = 0; bit < 64; bit++) {
        struct audit_result result;

        if (harmless >> bit & 1)
            continue;
        *entry ^= 1ull << bit;
        if (audit(&result) == 0)
            fail_msg("bit %u of %p is not seen", bit, (void *)entry);
        *entry ^= 1ull << bit;
    }
    assert_clean();
}

#endif
