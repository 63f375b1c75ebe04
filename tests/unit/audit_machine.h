/* SPDX-License-Identifier: Apache-2.0 */
/* A machine for the audit to look at, whichever vendor's: a plan of two partitions on two cores and one, a core without partition,
 * and nested tables made by the real builder. Each test supplies the control blocks and maps of its vendor. */
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
    {.name = "linux", .kind = IMAGE_LINUX, .ram = linux_ram, .ram_count = 2},
    {.name = "hello", .kind = IMAGE_UNIKERNEL, .ram = hello_ram, .ram_count = 1},
};
static const struct plan_core cores[] = {{0, 0, 0}, {1, 0, 1}, {2, 1, 0}, {3, 0xff, 0}};
static struct board board_found = {.no_page_size_erratum = true};
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

/* --- tables ---------------------------------------------------------------------------------------------------------------------- */

static uint8_t *idle_page;
static uint64_t *root[2], *idle_root;

static void tables_make(void)
{
    const uint32_t rwx = NESTED_WRITE | NESTED_EXECUTE;
    struct nested_region linux_regions[] = {{linux_ram[0].gpa, linux_ram[0].hpa, linux_ram[0].size, rwx},
                                            {linux_ram[1].gpa, linux_ram[1].hpa, linux_ram[1].size, rwx}};
    uint64_t abi;
    struct nested_region code = {GPA(0), HPA(0), PAGE_SIZE, NESTED_EXECUTE};

    partitions[1].abi = pool_take(BH_ABI_PAGES);
    abi = arch_hpa(partitions[1].abi).v;
    struct nested_region hello_regions[] = {{hello_ram[0].gpa, hello_ram[0].hpa, hello_ram[0].size, rwx},
                                            {GPA(BH_ABI_GPA), HPA(abi), 0x1000, 0},
                                            {GPA(BH_ABI_GPA + 0x1000), HPA(abi + 0x1000), 0x5000, NESTED_WRITE},
                                            {GPA(BH_ABI_GPA + 0x6000), HPA(abi + 0x6000), 0x1000, 0}};

    root[0] = arch_ptr(nested_build(linux_regions, 2));
    root[1] = arch_ptr(nested_build(hello_regions, 4));
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

/* The table that entry i of this one leads to. */
static uint64_t *below(const uint64_t *table, unsigned i)
{
    return arch_ptr(HPA(table[i] & PTE_ADDRESS));
}

static uint64_t *large_leaf(unsigned partition, unsigned i)
{
    return &below(below(root[partition], 0), 0)[i];
}

static uint64_t *abi_leaf(unsigned page)
{
    return &below(below(below(root[1], 0), 3), 0x180)[page];
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
