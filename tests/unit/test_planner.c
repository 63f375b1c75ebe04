/* SPDX-License-Identifier: Apache-2.0 */
/* Layout and plan: random tables against a slow check that shares no code with the layout, and the emitted text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "plan_emit.h"
#include "plan_layout.h"
#include "random_tables.h"

/* Every range the layout gives to somebody. */
struct owned {
    uint64_t base, size;
};

static unsigned all_ranges(const struct layout *l, struct owned *out)
{
    unsigned n = 0;
    out[n++] = (struct owned){l->hypervisor, l->room};
    out[n++] = (struct owned){l->zone, l->zone_size};
    out[n++] = (struct owned){l->crash, CRASH_SIZE};
    for (unsigned i = 0; i < l->partition_count; i++)
        for (unsigned r = 0; r < l->partitions[i].ram_count; r++)
            out[n++] = (struct owned){l->partitions[i].ram[r].hpa.v, l->partitions[i].ram[r].size};
    return n;
}

/* Whole 2 MiB pages of board RAM from `from` on, counted one by one. */
static uint64_t count_pages(const struct board *b, uint64_t from)
{
    uint64_t pages = 0;
    for (unsigned i = 0; i < b->ram_count; i++)
        for (uint64_t at = 0; at < b->ram[i].base + b->ram[i].size; at += MIB(2))
            pages += at >= from && at >= b->ram[i].base && at + MIB(2) <= b->ram[i].base + b->ram[i].size;
    return pages;
}

static void check_memory(const struct product *p, const struct board *b, const struct layout *l)
{
    static struct owned ranges[PRODUCT_MAX_PARTITIONS * LAYOUT_MAX_RAM + 3];
    unsigned n = all_ranges(l, ranges);
    for (unsigned i = 0; i < n; i++) {
        bool inside = false;
        for (unsigned r = 0; r < b->ram_count; r++)
            inside =
                inside || (ranges[i].base >= b->ram[r].base && ranges[i].base + ranges[i].size <= b->ram[r].base + b->ram[r].size);
        assert_true(inside);
        assert_true(ranges[i].size > 0);
        for (unsigned j = 0; j < i; j++)
            assert_true(ranges[i].base + ranges[i].size <= ranges[j].base || ranges[j].base + ranges[j].size <= ranges[i].base);
    }
    for (unsigned i = 0; i < l->partition_count; i++) {
        uint64_t gpa = 0, sum = 0;
        for (unsigned r = 0; r < l->partitions[i].ram_count; r++) {
            const struct plan_ram *ram = &l->partitions[i].ram[r];
            assert_int_equal((ram->hpa.v | ram->gpa.v | ram->size) % MIB(2), 0);
            assert_true(ram->hpa.v / MIB(2) > (l->crash + CRASH_SIZE - 1) / MIB(2));
            gpa = gpa == b->pci_hole ? GIB(4) : gpa;
            assert_int_equal(ram->gpa.v, gpa);
            assert_true(gpa >= GIB(4) || gpa + ram->size <= b->pci_hole);
            gpa += ram->size;
            sum += ram->size;
        }
        assert_int_equal(sum, p->partitions[i].memory);
    }
}

static void check_cores(const struct product *p, const struct board *b, const struct layout *l)
{
    unsigned owner[BOARD_MAX_CORES];
    memset(owner, 0xff, sizeof(owner));
    for (unsigned i = 0; i < l->partition_count; i++) {
        assert_int_equal(l->partitions[i].core_count, p->partitions[i].cores);
        for (unsigned c = 0; c < l->partitions[i].core_count; c++) {
            unsigned core = l->partitions[i].cores[c];
            assert_true(core < b->core_count);
            assert_false(b->cores[core].reserved);
            assert_int_equal(owner[core], 0xffffffffu);
            owner[core] = i;
            assert_int_equal(l->cores[core].partition, i);
            assert_int_equal(l->cores[core].vcpu, c);
        }
    }
    for (unsigned i = 0; i < b->core_count; i++) {
        assert_int_equal(l->cores[i].apic_id, b->cores[i].apic_id);
        assert_true(owner[i] != 0xffffffffu || l->cores[i].partition == 0xff);
        for (unsigned j = 0; j < i; j++)
            assert_true(b->cores[i].smt_group != b->cores[j].smt_group || owner[i] == owner[j] || owner[i] == 0xffffffffu ||
                        owner[j] == 0xffffffffu);
    }
    int keeper = product_find(p, p->housekeeping);
    assert_int_equal(l->housekeeping, l->partitions[keeper].cores[0]);
}

/* SEP-1, SEP-2: whatever the rules accept gives a layout in which nothing has two owners. */
static void test_sep1_random_layouts(void **state)
{
    (void)state;
    static struct layout first, second;
    unsigned accepted = 0, split = 0, high = 0, refused_memory = 0, refused_cores = 0;
    for (unsigned seed = 1; seed <= 3000; seed++) {
        static struct check check;
        struct board b;
        struct product p;
        random_seed(seed);
        random_board(&b);
        random_product(&p, b.core_count);
        check = (struct check){.product = &p, .board = &b};
        if (check_run(&check)) {
            refused_memory += check_has(&check, "CFG-205");
            refused_cores += check_has(&check, "CFG-102") || check_has(&check, "CFG-103");
            continue;
        }
        memset(&first, 0, sizeof(first));
        memset(&second, 0xff, sizeof(second));
        assert_true(layout_cores(&p, &b, &first) && layout_hypervisor(&p, &b, 0, &first));
        assert_int_equal(layout_memory(&p, &b, &first), 0);
        check_cores(&p, &b, &first);
        check_memory(&p, &b, &first);
        accepted++;
        for (unsigned i = 0; i < first.partition_count; i++) {
            split += first.partitions[i].ram_count > 1;
            high += first.partitions[i].ram[first.partitions[i].ram_count - 1].gpa.v >= GIB(4);
        }
        assert_true(layout_cores(&p, &b, &second) && layout_hypervisor(&p, &b, 0, &second));
        assert_int_equal(layout_memory(&p, &b, &second), 0);
        check_cores(&p, &b, &second);
        for (unsigned i = 0; i < first.partition_count; i++)
            assert_memory_equal(first.partitions[i].ram, second.partitions[i].ram,
                                first.partitions[i].ram_count * sizeof(struct plan_ram));
    }
    /* The random tables reach what they are for. */
    assert_true(accepted > 300 && split > 50 && high > 10 && refused_memory > 50 && refused_cores > 50);
}

/* Memory is refused exactly when the board has too few whole pages left. */
static void test_memory_refused_exactly(void **state)
{
    (void)state;
    unsigned missing_seen = 0, fits_seen = 0;
    for (unsigned seed = 1; seed <= 500; seed++) {
        static struct layout l;
        struct board b;
        struct product p;
        random_seed(seed + 70000);
        random_board(&b);
        random_product(&p, b.core_count);
        if (!layout_hypervisor(&p, &b, 0, &l))
            continue;
        uint64_t wanted = 0, pages = count_pages(&b, l.free);
        for (unsigned i = 0; i < product_partitions(&p); i++)
            wanted += p.partitions[i].memory / MIB(2);
        uint64_t missing = layout_memory(&p, &b, &l);
        assert_int_equal(missing, wanted > pages ? (wanted - pages) * MIB(2) : 0);
        assert_int_equal(layout_available(&b, l.free), pages * MIB(2));
        missing_seen += missing != 0;
        fits_seen += missing == 0;
    }
    assert_true(missing_seen > 20 && fits_seen > 20);
}

/* The image zone holds twice the payloads and 32 MiB more; room, zone and crash record follow one another. */
static void test_hypervisor_ranges(void **state)
{
    (void)state;
    static struct layout l;
    const struct board b = {.core_count = 2, .ram = {{MIB(1), MIB(1023)}}, .ram_count = 1, .pci_hole = MIB(1024)};
    const struct product p = {
        .partitions = {{.name = "a", .cores = 1, .memory = MIB(64)}, {.name = "b", .cores = 1, .memory = GIB(3)}}};
    const uint64_t sizes[] = {0, 1, MIB(5) + 1, MIB(100)};
    for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
        assert_true(layout_hypervisor(&p, &b, sizes[i], &l));
        assert_true(l.zone_size >= 2 * sizes[i] + MIB(32) && l.zone_size % MIB(2) == 0);
        assert_true(l.room >= HYPERVISOR_IMAGE + (uint64_t)l.pool_pages * PAGE_SIZE);
        assert_int_equal(l.zone, l.hypervisor + l.room);
        assert_int_equal(l.crash, l.zone + l.zone_size);
        assert_int_equal(l.free, l.crash + MIB(2));
        assert_int_equal(l.zone % MIB(2), 0);
    }
    assert_false(layout_hypervisor(&p, &b, MIB(500), &l));
}

/* Siblings are taken together, and one whose sibling belongs to somebody else stays unused. */
static void test_sep2_siblings(void **state)
{
    (void)state;
    static struct layout l;
    struct board b = {.core_count = 8};
    for (uint32_t i = 0; i < 8; i++)
        b.cores[i] = (struct board_core){.apic_id = i, .smt_group = i % 4};
    struct product p = {.housekeeping = "b", .partitions = {{.name = "a", .cores = 3}, {.name = "b", .cores = 2}}};
    assert_true(layout_cores(&p, &b, &l));
    assert_memory_equal(l.partitions[0].cores, ((uint8_t[]){0, 4, 1}), 3);
    assert_memory_equal(l.partitions[1].cores, ((uint8_t[]){2, 6}), 2);
    assert_int_equal(l.cores[5].partition, 0xff);
    assert_int_equal(l.housekeeping, 2);
    p.partitions[1].cores = 5;
    assert_false(layout_cores(&p, &b, &l));
}

static const struct board emit_board = {.name = "pc",
                                        .core_count = 2,
                                        .cores = {{7, 0, 0}, {9, 0, 1}},
                                        .ram = {{MIB(1), MIB(511)}},
                                        .ram_count = 1,
                                        .pci_hole = MIB(512),
                                        .uart = {.port = 0x2f8, .baud = 57600}};
static const struct product emit_product = {
    .name = "two",
    .housekeeping = "b",
    .partitions = {
        {.name = "a", .kind = IMAGE_UNIKERNEL, .cores = 1, .memory = MIB(16), .args = "say \"hi\\\" ?\?=", .restart = {.limit = 2}},
        {.name = "b", .kind = IMAGE_LINUX, .cores = 1, .memory = MIB(128), .apic = APIC_XAPIC, .on_crash = ACTION_RESET}}};

static char *emit_text(void)
{
    static struct layout l;
    static struct planned_payload payloads[2];
    char *text = 0;
    size_t size = 0;
    payloads[0].payload = (struct payload){.size = 0x1234, .segment_count = 1, .entry = {.eip = 0x200010}};
    payloads[0].payload.segments[0] = (struct plan_segment){0x10, GPA(0x200000), 0x1000};
    memset(payloads[0].sha256, 0xa5, 32);
    payloads[1].payload = (struct payload){.size = 5, .segment_count = 1, .tsc_khz_text = GPA(0x90010), .tsc_khz_width = 10};
    assert_true(layout_cores(&emit_product, &emit_board, &l) && layout_hypervisor(&emit_product, &emit_board, 0x2239, &l));
    assert_int_equal(layout_memory(&emit_product, &emit_board, &l), 0);
    FILE *out = open_memstream(&text, &size);
    plan_emit(out, &emit_product, &emit_board, &l, payloads, true);
    fclose(out);
    return text;
}

/* Drivers without an IOMMU are told where their memory is; nobody else learns of the machine's addresses. */
static void test_dma_offset(void **state)
{
    (void)state;
    static struct layout l;
    static struct board b;
    static struct product p;
    b = emit_board;
    b.functions[0] = (struct board_function){.vendor = 1, .id = 2, .role = "nic0", .group = 1};
    b.function_count = 1;
    p = (struct product){
        .partitions = {{.name = "a", .memory = MIB(16)}, {.name = "b", .memory = MIB(32), .devices = {{.role = "nic0"}}}}};
    for (unsigned unsafe = 0; unsafe < 2; unsafe++) {
        b.unsafe_dma = unsafe;
        assert_true(layout_hypervisor(&p, &b, 0, &l));
        assert_int_equal(layout_memory(&p, &b, &l), 0);
        assert_int_equal(layout_dma_offset(&l, 0), 0);
        assert_int_equal(layout_dma_offset(&l, 1), unsafe ? l.free + MIB(16) : 0);
        assert_true(layout_dma_plain(&l, 0) && layout_dma_plain(&l, 1));
    }
    b.ram[0].size = l.free + MIB(32) - b.ram[0].base; /* the second begins here, and goes on after the gap */
    b.ram[1] = (struct board_ram){l.free + MIB(64), MIB(64)};
    b.ram_count = 2;
    assert_true(layout_hypervisor(&p, &b, 0, &l));
    assert_int_equal(layout_memory(&p, &b, &l), 0);
    assert_true(layout_dma_plain(&l, 0));
    assert_false(layout_dma_plain(&l, 1));
    b.unsafe_dma = false;
    assert_true(layout_hypervisor(&p, &b, 0, &l));
    assert_true(layout_dma_plain(&l, 1));
}

/* The plan is the same text each time, with every default resolved and every string escaped. */
static void test_plan_text(void **state)
{
    (void)state;
    static const char *const expected[] = {
        ".args = \"say \\\"hi\\\\\\\" \\?\\?=\"",
        ".restart = {.limit = 2, .window_ms = 60000, .backoff_ms = 0, .never = false, .backoff_max_ms = 0, "
        ".then = ACTION_STOP}",
        ".denied = {.per_second = 1000}",
        "ACTION_LOG, /* denied accesses */",
        "ACTION_LOG, /* lost peer */",
        ".exits = {.declared = false, .per_second = 0, .xapic_per_second = 0}",
        ".exits_grace_ms = 30000",
        ".console = {.bytes_per_second = 65536, .hidden = false}",
        "ACTION_RESET, /* crash */",
        "ACTION_RESTART, /* reboot */",
        "ACTION_STOP, /* reboot */",
        ".apic = APIC_XAPIC",
        ".apic = APIC_X2APIC",
        "{.apic_id = 9, .partition = 0x01, .vcpu = 0}",
        ".entry = {.eip = 0x200010,",
        ".tsc_khz_text = {0x90010}",
        ".tsc_khz_width = 10",
        "{.offset = 0x10, .gpa = {0x200000}, .size = 0x1000}",
        "0xa5, 0xa5",
        ".release = true",
        ".housekeeping = 1,",
        ".tick_hz = 50,",
        ".dma_offset = 0x0,",
        ".args = \"\","};
    char *one = emit_text(), *two = emit_text();
    assert_string_equal(one, two);
    for (unsigned i = 0; i < ARRAY_SIZE(expected); i++)
        if (!strstr(one, expected[i]))
            fail_msg("not in the plan: %s", expected[i]);
    assert_null(strstr(one, "ACTION_DEFAULT"));
    free(one);
    free(two);
}

static void test_boot_menu(void **state)
{
    (void)state;
    char *text = 0;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    grub_emit(out, &emit_product, &emit_board);
    fclose(out);
    assert_non_null(strstr(text, "serial --port=0x2f8 --speed=57600\n"));
    assert_non_null(strstr(text, "multiboot2 /boot/bulkhead.elf\nmodule2 /boot/a.img a\nmodule2 /boot/b.img b\nboot\n"));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_sep1_random_layouts),
                                       cmocka_unit_test(test_memory_refused_exactly),
                                       cmocka_unit_test(test_hypervisor_ranges),
                                       cmocka_unit_test(test_sep2_siblings),
                                       cmocka_unit_test(test_dma_offset),
                                       cmocka_unit_test(test_plan_text),
                                       cmocka_unit_test(test_boot_menu)};
    return cmocka_run_group_tests(tests, 0, 0);
}
