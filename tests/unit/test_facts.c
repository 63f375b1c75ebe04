/* SPDX-License-Identifier: Apache-2.0 */
/* The machine found against the plan: a good one passes in silence, each difference is one line with its own id. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "bootinfo.h"
#include "console.h"
#include "dev.h"
#include "plan.h"
#include "x86.h"

/* The processor's own CPUID instruction must not decide a test. */
static const char *cpu_vendor;
static struct cpuid_regs fake_cpuid(void)
{
    struct cpuid_regs r = {0, 0, 0, 0};

    memcpy(&r.ebx, cpu_vendor, 4);
    memcpy(&r.edx, cpu_vendor + 4, 4);
    memcpy(&r.ecx, cpu_vendor + 8, 4);
    return r;
}
#define cpuid(leaf, subleaf) fake_cpuid()
#include "../../arch/x86/boot/facts.c"

/* --- plan, machine ---------------------------------------------------------------------------------------------------------- */

const struct board board = {
    .name = "test",
    .virt = VIRT_SVM,
    .ioapic = {.base = 0xfec00000, .pins = 24},
    .pit = {.gsi = 2},
    .pm_timer_port = 0x608,
    .watchdog = {.kind = WATCHDOG_I6300ESB},
};

static const struct plan_core cores[] = {{0, 0, 0}, {2, 0, 1}, {5, 1, 0}, {0x100, 0xff, 0}};
static const struct plan_ram ram0[] = {{{0x4000000}, {0}, 0x2000000}, {{0x140000000}, {0x100000000}, 0x200000}};
static const struct plan_ram ram1[] = {{{0x6000000}, {0}, 0x200000}};
static const struct plan_partition plan_partitions[] = {
    {.name = "linux", .ram = ram0, .ram_count = 2, .payload = {.module = "m-linux", .size = 0x123456}},
    {.name = "hello", .ram = ram1, .ram_count = 1, .payload = {.module = "m-hello", .size = 0x1000}},
};
const struct plan plan = {
    .board = &board,
    .hypervisor = {0x200000},
    .hypervisor_room = 0x400000,
    .zone = {0x600000},
    .zone_size = 0x2000000,
    .crash = {0x3e00000},
    .crash_size = 0x10000,
    .partitions = plan_partitions,
    .partition_count = 2,
    .cores = cores,
    .core_count = 4,
};

static struct boot_info boot;
static struct acpi_info acpi;
static const char *watchdog_why;
static char log_text[8192];
static unsigned log_lines;

const char *watchdog_find(void)
{
    return watchdog_why;
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

static int machine_make(void **state)
{
    (void)state;
    boot = (struct boot_info){
        .ranges = {{0, 0x9fc00, 1},
                   {0xf0000, 0x10000, 2},
                   {0x100000, 0x3f00000, 1},
                   {0x4000000, 0x4000000, 1},
                   {0x8000000, 0x1000, 2},
                   {0x100000000, 0x80000000, 1}},
        .range_count = 6,
        .modules = {{0x700000, 0x1000, "m-hello"}, {0x800000, 0x123456, "m-linux"}, {0x10000, 1, "other"}},
        .module_count = 3,
    };
    acpi = (struct acpi_info){
        .apic_ids = {0, 1, 2, 5, 0x100}, .core_count = 5, .ioapic_base = 0xfec00000, .irq0_gsi = 2, .pm_timer_port = 0x608};
    cpu_vendor = "AuthenticAMD";
    watchdog_why = NULL;
    log_text[0] = 0;
    log_lines = 0;
    return 0;
}

/* Exactly one difference, with this id and these words. */
static void assert_finding(const char *id, const char *words)
{
    log_text[0] = 0;
    log_lines = 0;
    assert_int_equal(facts_compare(&boot, &acpi), 1);
    assert_int_equal(log_lines, 1);
    assert_memory_equal(log_text, id, strlen(id));
    assert_non_null(strstr(log_text, "expected"));
    assert_non_null(strstr(log_text, "found"));
    assert_non_null(strstr(log_text, "Hint: "));
    if (strstr(log_text, words) == NULL)
        fail_msg("no \"%s\" in: %s", words, log_text);
}

static void assert_good(void)
{
    log_text[0] = 0;
    log_lines = 0;
    if (facts_compare(&boot, &acpi) != 0)
        fail_msg("%s", log_text);
    assert_int_equal(log_lines, 0);
}

/* --- tests -------------------------------------------------------------------------------------------------------------------- */

static void test_right_machine(void **state)
{
    (void)state;
    assert_good();
    /* Ranges in any order, in pieces, with more than is needed. */
    boot.ranges[0] = (struct boot_range){0x5000000, 0x3000000, 1};
    boot.ranges[3] = (struct boot_range){0x4000000, 0x1000000, 1};
    assert_good();
    assert_true(facts_zone_usable(&boot));
}

static void test_memory_missing(void **state)
{
    (void)state;
    boot.ranges[2] = (struct boot_range){0x300000, 0x3d00000, 1};
    assert_finding("CFG-901", "200000..5fffff, found none at 200000");
    boot.ranges[2] = (struct boot_range){0x100000, 0x1400000, 1};
    boot.ranges[0] = (struct boot_range){0x3e00000, 0x200000, 1};
    assert_finding("CFG-902", "found none at 1500000");
    assert_false(facts_zone_usable(&boot)); /* nothing is moved there */
    boot.ranges[2] = (struct boot_range){0x100000, 0x3d00000, 1};
    boot.ranges[0].size = 0;
    boot.ranges[0].base = 0;
    assert_finding("CFG-903", "found none at 3e00000");
    machine_make(NULL);
    boot.ranges[3].size = 0x2000000;
    assert_finding("CFG-904 hello", "6000000..61fffff, found none at 6000000");
    boot.ranges[3].size = 0x4000000 - 1;
    assert_good();
    boot.ranges[3].size = 0x2200000 - 1;
    assert_finding("CFG-904 hello", "found none at 61fffff");
    machine_make(NULL);
    boot.range_count = 5;
    assert_finding("CFG-904 linux", "140000000..1401fffff");
}

static void test_memory_that_is_also_reserved(void **state)
{
    (void)state;
    boot.ranges[4] = (struct boot_range){0x4100000, 0x1000, 2};
    assert_finding("CFG-904 linux", "found none at 4100000");
    boot.ranges[4] = (struct boot_range){0x3fff000, 0x1001, 4};
    assert_finding("CFG-904 linux", "found none at 4000000");
    boot.ranges[4] = (struct boot_range){0x6200000, 0x1000, 2}; /* just behind the last planned byte */
    assert_good();
}

static void test_core_missing(void **state)
{
    (void)state;
    acpi.apic_ids[2] = 7;
    assert_finding("CFG-905 core 1", "APIC id 2, found 5 cores without it");
    machine_make(NULL);
    acpi.core_count = 4;
    assert_finding("CFG-905 core 3", "APIC id 256");
}

static void test_devices_differ(void **state)
{
    (void)state;
    acpi.ioapic_base = 0xfec10000;
    assert_finding("CFG-906", "expected 0xfec00000, found 0xfec10000");
    machine_make(NULL);
    acpi.irq0_gsi = 0;
    assert_finding("CFG-907", "expected 0x2, found 0x0");
    machine_make(NULL);
    acpi.pm_timer_port = 0x1808;
    assert_finding("CFG-908", "expected 0x608, found 0x1808");
    machine_make(NULL);
    cpu_vendor = "GenuineIntel";
    assert_finding("CFG-909", "found GenuineIntel");
    cpu_vendor = "HygonGenuine";
    assert_good();
    watchdog_why = "nothing there";
    assert_finding("CFG-910", "nothing there");
}

static void test_modules_differ(void **state)
{
    (void)state;
    strcpy(boot.modules[0].name, "m-hell");
    assert_finding("CFG-911 hello", "named \"m-hello\", found 0");
    machine_make(NULL);
    strcpy(boot.modules[2].name, "m-linux");
    assert_finding("CFG-911 linux", "found 2");
    machine_make(NULL);
    boot.modules[1].size--;
    assert_finding("CFG-912 linux", "of 1193046 bytes, found 1193045");
    machine_make(NULL);
    boot.modules[1].base = 0x25fffff - 0x123456 + 2;
    assert_finding("CFG-913 linux", "found it at 24dcbab");
    boot.modules[1].base--;
    assert_good();
    boot.modules[1].base = 0x5fffff;
    assert_finding("CFG-913 linux", "found it at 5fffff");
}

static void test_all_findings_at_once(void **state)
{
    (void)state;
    boot.range_count = 0;
    boot.module_count = 0;
    acpi = (struct acpi_info){0};
    cpu_vendor = "GenuineIntel";
    watchdog_why = "no";
    assert_int_equal(facts_compare(&boot, &acpi), 6 + 4 + 3 + 2 + 2);
    assert_int_equal(log_lines, 17);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_right_machine, machine_make),
        cmocka_unit_test_setup(test_memory_missing, machine_make),
        cmocka_unit_test_setup(test_memory_that_is_also_reserved, machine_make),
        cmocka_unit_test_setup(test_core_missing, machine_make),
        cmocka_unit_test_setup(test_devices_differ, machine_make),
        cmocka_unit_test_setup(test_modules_differ, machine_make),
        cmocka_unit_test_setup(test_all_findings_at_once, machine_make),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
