/* SPDX-License-Identifier: Apache-2.0 */
/* The report: its memory map covers the board exactly, its ports are those of core/devices.c, its HTML is escaped. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "../fixtures/good.h"
#include "check.h"
#include "devices.h"
#include "pci.h"
#include "random_tables.h"
#include "report.h"
#include "uart16550.h"
#include "watchdog.h"

/* device_present() looks at devices.c's rows only; what the rows would call is never called here. */
void uart16550_reset(struct uart16550 *uart)
{
    (void)uart;
    fail();
}

uint8_t uart16550_read(struct partition *partition, unsigned offset)
{
    (void)partition;
    (void)offset;
    fail();
    return 0;
}

bool pci_port_read(struct vcpu *vcpu, uint16_t u_port, unsigned size, uint32_t *value)
{
    (void)vcpu, (void)u_port, (void)size, (void)value;
    fail();
    return false;
}

bool pci_port_write(struct vcpu *vcpu, uint16_t u_port, unsigned size, uint32_t u_value)
{
    (void)vcpu, (void)u_port, (void)size, (void)u_value;
    fail();
    return false;
}

void uart16550_write(struct partition *partition, unsigned offset, uint8_t u_value)
{
    (void)partition;
    (void)offset;
    (void)u_value;
    fail();
}

void watchdog_pet(struct partition *partition)
{
    (void)partition;
    fail();
}

void watchdog_stop(struct partition *partition)
{
    (void)partition;
    fail();
}

static struct layout layout;
static struct board b;
static struct product p;
static const struct report report = {&p, &b, &layout, 0, false};

/* Random tables that the rules accept, laid out. */
static bool next_tables(unsigned seed)
{
    static struct check check;
    random_seed(seed);
    random_board(&b);
    random_product(&p, b.core_count);
    check = (struct check){.product = &p, .board = &b};
    if (check_run(&check))
        return false;
    memset(&layout, 0, sizeof(layout));
    assert_true(layout_cores(&p, &b, &layout) && layout_hypervisor(&p, &b, 0, &layout));
    assert_int_equal(layout_memory(&p, &b, &layout), 0);
    return true;
}

static char *written(void (*write)(FILE *, const struct report *))
{
    char *text = 0;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    write(out, &report);
    fclose(out);
    return text;
}

/* SEP-1: ascending, no overlap, and no byte of the board's RAM left out. */
static void test_memory_map(void **state)
{
    (void)state;
    static struct report_range ranges[REPORT_MAX_RANGES];
    unsigned seen = 0;
    for (unsigned seed = 1; seed <= 600; seed++) {
        if (!next_tables(seed))
            continue;
        seen++;
        unsigned n = report_ranges(&report, ranges);
        uint64_t sum = 0, owned = 0, wanted = 0, ram = 0;
        for (unsigned i = 0; i < n; i++) {
            assert_true(i == 0 || ranges[i].base >= ranges[i - 1].base + ranges[i - 1].size);
            sum += ranges[i].size;
            owned += ranges[i].owner < OWNER_NOBODY ? ranges[i].size : 0;
        }
        for (unsigned i = 0; i < b.ram_count; i++)
            ram += b.ram[i].size;
        for (unsigned i = 0; i < product_partitions(&p); i++)
            wanted += p.partitions[i].memory;
        assert_int_equal(sum, ram);
        assert_int_equal(owned, wanted);
    }
    assert_true(seen > 50);
}

static unsigned first_accepted(void)
{
    unsigned seed = 1;
    while (!next_tables(seed))
        seed++;
    return seed;
}

/* The emulated ports in the report are those that a Linux can reach, and a unikernel can reach none (SEP-5). */
static void test_sep5_ports(void **state)
{
    (void)state;
    static struct table table;
    static bool listed[0x10000];
    first_accepted();
    for (unsigned i = 0; report_table(&report, i, &table); i++)
        if (strcmp(table.title, "I/O ports") == 0)
            for (unsigned r = 1; r < table.rows; r++) {
                unsigned first = 0, last = 0;
                int n = sscanf(table.cell[r][0], "0x%x..0x%x", &first, &last);
                if (strcmp(table.cell[r][1], "each Linux, emulated") == 0)
                    for (unsigned port = first; port <= (n == 2 ? last : first); port++)
                        listed[port] = true;
            }
    for (unsigned port = 0; port < 0x10000; port++) {
        if (listed[port] != device_present(IMAGE_LINUX, (uint16_t)port, 1))
            fail_msg("port 0x%x: report and devices.c differ", port);
        assert_false(device_present(IMAGE_UNIKERNEL, (uint16_t)port, 1));
    }
}

/* Rights are listed for those who have some, and for nobody else. */
static void test_rights(void **state)
{
    (void)state;
    static struct table table;
    first_accepted();
    p.partitions[0].observes[0] = "seen";
    p.partitions[0].controls[0] = "ruled";
    p.partitions[0].audits = true;
    for (unsigned i = 0; report_table(&report, i, &table); i++)
        if (strcmp(table.title, "Rights over others") == 0) {
            assert_string_equal(table.cell[1][0], p.partitions[0].name);
            assert_string_equal(table.cell[1][1], "seen");
            assert_string_equal(table.cell[1][2], "ruled");
            assert_string_equal(table.cell[1][3], "none");
            assert_string_equal(table.cell[1][4], "no");
            assert_string_equal(table.cell[1][5], "YES");
            return;
        }
    fail_msg("no table of rights");
}

/* A partition that can reset the board shows as the one that can end others. */
static void test_reach(void **state)
{
    (void)state;
    first_accepted();
    char *text = written(report_text);
    assert_null(strstr(text, "YES: resets the board"));
    free(text);
    p.partitions[0].denied.action = ACTION_RESET;
    text = written(report_text);
    assert_non_null(strstr(text, "YES: resets the board"));
    assert_non_null(strstr(text, "reset board over 1000/s"));
    free(text);
    text = written(report_reach_svg);
    assert_non_null(strstr(text, ">resets the board<"));
    free(text);
}

static void test_html_escaped(void **state)
{
    (void)state;
    first_accepted();
    p.description = "<script>&\"";
    p.partitions[0].args = "a<b|c";
    char *text = written(report_html);
    assert_null(strstr(text, "<script>"));
    assert_non_null(strstr(text, "&lt;script&gt;&amp;&quot;"));
    assert_non_null(strstr(text, "a&lt;b!c"));
    assert_non_null(strstr(text, "</html>"));
    free(text);
}

/* Who has which device, at which addresses, and who restarts with whom. */
static void test_devices(void **state)
{
    (void)state;
    static const struct board good = {GOOD_BOARD};
    static const char *const expected[] = {"one        00:01.0     nic0       01:00.0   8086:10d3  1      5 MSI-X from entry",
                                           "one        00:03.0     timer0     00:06.0   1234:11e8  5      1 MSI from entry",
                                           "NONE\n",
                                           "three      00:01.0     disk0.vf2  02:00.2",
                                           "02:00.0 disk0      two        2            1",
                                           "two         three",
                                           "YES: restarts three",
                                           "NEVER: not by the operator either",
                                           "bridge 00:01.0  window         memory         0xc0100000  0xc02fffff",
                                           "0x2000..0x201f  one",
                                           "TPM             locality 0     memory         0xfed40000  0xfed40fff",
                                           "disk0.vf2, entries",
                                           "emulated        its own bus 0  configuration  0xf1000000  0xf10fffff"};
    b = good;
    p = (struct product){
        GOOD_PRODUCT,
        .partitions = {
            {GOOD_UNIKERNEL("one"), .devices = {{.role = "nic0"}, {.role = "none0", .optional = true}, {.role = "timer0"}}, NEVER},
            {GOOD_UNIKERNEL("two"), .devices = {{.role = "disk0"}}, .tpm = true},
            {GOOD_UNIKERNEL("three"), .devices = {{.role = "disk0.vf2"}}}}};
    memset(&layout, 0, sizeof(layout));
    assert_true(layout_cores(&p, &b, &layout) && layout_hypervisor(&p, &b, 0, &layout));
    assert_int_equal(layout_memory(&p, &b, &layout), 0);
    char *text = written(report_text);
    for (unsigned i = 0; i < ARRAY_SIZE(expected); i++)
        if (!strstr(text, expected[i])) {
            fputs(text, stderr);
            fail_msg("not in the report: %s", expected[i]);
        }
    free(text);
    text = written(report_reach_svg);
    assert_non_null(strstr(text, ">nic0, timer0<"));
    assert_non_null(strstr(text, "stroke=\"#c00\""));
    free(text);
    first_accepted();
    text = written(report_reach_svg);
    assert_null(strstr(text, "Red:"));
    free(text);
}

/* Which bytes of whose disk a slice is. */
static void test_slices(void **state)
{
    (void)state;
    static const struct board good = {GOOD_BOARD};
    static const char *const expected[] = {
        "first   one     two     0x0000000000  0x00000fffff  1 MiB  read and write\n",
        "second  one     two     0x0000100000  0x00002fffff  2 MiB  read\n",
    };
    b = good;
    p = (struct product){GOOD_PRODUCT,
                         .partitions = {{GOOD_UNIKERNEL("one"), .devices = {{.role = "disk0"}}}, {GOOD_UNIKERNEL("two")}},
                         .slices = {{.name = "first", .server = "one", .client = "two", .size = MIB(1)},
                                    {.name = "second", .server = "one", .client = "two", .size = MIB(2), .read_only = true}}};
    memset(&layout, 0, sizeof(layout));
    assert_true(layout_cores(&p, &b, &layout) && layout_hypervisor(&p, &b, 0, &layout));
    assert_int_equal(layout_memory(&p, &b, &layout), 0);
    char *text = written(report_text);
    for (unsigned i = 0; i < ARRAY_SIZE(expected); i++)
        if (!strstr(text, expected[i]))
            fail_msg("%s is not in %s", expected[i], strstr(text, "\nSlices"));
    free(text);
}

/* Labels, and for each conflict what each side has: the reviewer sees that it is not the same. */
static void test_labels(void **state)
{
    (void)state;
    static const struct board good = {GOOD_BOARD, .cores[1].cache = 1};
    static const char *const expected[] = {
        "cable      wire  clear\n", "secret  one  outside    two        channels       channels of secret: wire  far\n",
        "secret  one  outside    two        caches         caches of secret: 0.0     0.1\n",
        "secret  one  outside    two        devices        devices of secret: nic0   disk0\n",
        "secret  one  secret     any other  devices        devices of secret: nic0   each with one owner\n"};
    b = good;
    p = (struct product){GOOD_PRODUCT,
                         .partitions = {{GOOD_UNIKERNEL("one"), .labels = {"secret"}, .devices = {{.role = "nic0"}}},
                                        {GOOD_UNIKERNEL("two"), .labels = {"outside"}, .devices = {{.role = "disk0"}}},
                                        {GOOD_UNIKERNEL("three")}},
                         .channels = {{.name = "far", .writer = "two", .readers = {"three"}}},
                         .cables = {{.name = "wire", .ends = {{"one", {0}}, {"three", {0}}}, .labels = {"clear"}}},
                         .conflicts = {{"secret", "outside", CONFLICT_ANY}, {"secret", "secret", CONFLICT_DEVICE}}};
    memset(&layout, 0, sizeof(layout));
    assert_true(layout_cores(&p, &b, &layout) && layout_hypervisor(&p, &b, 0, &layout));
    assert_int_equal(layout_memory(&p, &b, &layout), 0);
    char *text = written(report_text);
    for (unsigned i = 0; i < ARRAY_SIZE(expected); i++)
        if (!strstr(text, expected[i]))
            fail_msg("%s is not in %s", expected[i], strstr(text, "\nLabels"));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_memory_map),   cmocka_unit_test(test_sep5_ports),
                                       cmocka_unit_test(test_rights),       cmocka_unit_test(test_reach),
                                       cmocka_unit_test(test_html_escaped), cmocka_unit_test(test_devices),
                                       cmocka_unit_test(test_labels),       cmocka_unit_test(test_slices)};
    return cmocka_run_group_tests(tests, 0, 0);
}
