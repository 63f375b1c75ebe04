/* SPDX-License-Identifier: Apache-2.0 */
/* The rules as a whole. That each refuses its fixture, and only its own, tests/fixtures/run.py shows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../fixtures/good.h"
#include "check.h"
#include "image.h"
#include "random_tables.h"

#pragma GCC diagnostic ignored "-Woverride-init" /* good tables with one field spoilt */

static struct check check;

static char *printed(void)
{
    char *text = 0;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    check_print(&check, out, "my/product.c", "my/board.c");
    fclose(out);
    return text;
}

/* Ids are unique and well formed, and there are as many rules as promised. */
static void test_rule_table(void **state)
{
    (void)state;
    assert_true(rule_count >= 40);
    for (unsigned i = 0; i < rule_count; i++) {
        assert_int_equal(strlen(rules[i].id), 7);
        assert_memory_equal(rules[i].id, "CFG-", 4);
        for (unsigned j = 0; j < i; j++)
            if (strcmp(rules[i].id, rules[j].id) == 0 || rules[i].run == rules[j].run)
                fail_msg("%s and %s", rules[i].id, rules[j].id);
    }
}

/* All findings at once: a product with six independent faults and a board with two. */
static void test_all_at_once(void **state)
{
    (void)state;
    struct board b;
    random_seed(1);
    random_board(&b);
    b.name = "Bad Board";
    b.reset.port = 0x20;
    const struct product p = {.abi = PRODUCT_ABI,
                              .name = "p",
                              .housekeeping = "nobody",
                              .tick_hz = 5000,
                              .partitions = {{.name = "UPPER", .kind = IMAGE_UNIKERNEL, .cores = 1, .memory = MIB(15)},
                                             {.name = "b", .cores = 0, .memory = MIB(16)}}};
    check = (struct check){.product = &p, .board = &b};
    assert_int_equal(check_run(&check), 8);
    static const char *const expected[] = {"CFG-005", "CFG-008", "CFG-009", "CFG-101", "CFG-201", "CFG-401", "CFG-601", "CFG-627"};
    for (unsigned i = 0; i < ARRAY_SIZE(expected); i++)
        assert_true(check_has(&check, expected[i]));
    char *text = printed();
    assert_non_null(strstr(text, "CFG-201 my/product.c: partition UPPER: memory = 0xf00000\n"));
    assert_non_null(strstr(text, "CFG-627 my/board.c: reset.port = 0x20\n"));
    assert_non_null(strstr(text, "refused: 8 findings\n"));
    free(text);
}

/* A finding says which of two partitions of one name it means, and names one without a name by its place. */
static void test_which_partition(void **state)
{
    (void)state;
    struct board b;
    random_seed(1);
    random_board(&b);
    b.core_count = BOARD_MAX_CORES;
    const struct product p = {
        .abi = PRODUCT_ABI,
        .name = "p",
        .housekeeping = "same",
        .partitions = {{.name = "same", .kind = IMAGE_UNIKERNEL, .cores = 1, .memory = MIB(16)},
                       {.name = "same", .kind = IMAGE_UNIKERNEL, .cores = 1, .memory = MIB(15)},
                       {.name = "", .kind = IMAGE_UNIKERNEL, .cores = 1, .memory = MIB(13)},
                       {.name = "other", .kind = IMAGE_UNIKERNEL, .cores = 1, .memory = MIB(11)},
                       {.name = "a name of 49 bytes is longer than what is shown..", .kind = IMAGE_UNIKERNEL}}};
    check = (struct check){.product = &p, .board = &b};
    check_run(&check);
    char *text = printed();
    assert_non_null(strstr(text, "CFG-006 my/product.c: partition same (partitions[1]): name = same\n"));
    assert_non_null(strstr(text, "CFG-201 my/product.c: partition same (partitions[1]): memory = 0xf00000\n"));
    assert_non_null(strstr(text, "CFG-201 my/product.c: partitions[2]: memory = 0xd00000\n"));
    assert_non_null(strstr(text, "CFG-201 my/product.c: partition other: memory = 0xb00000\n"));
    assert_non_null(
        strstr(text, "CFG-101 my/product.c: partition a name of 49 bytes is longer than what is shown. (partitions[4]): cores"));
    assert_null(strstr(text, "partitions[0]"));
    free(text);
}

/* What a table holds cannot forge lines of the output. */
static void test_print_safe(void **state)
{
    (void)state;
    struct board b;
    random_seed(1);
    random_board(&b);
    const struct product p = {.abi = PRODUCT_ABI,
                              .name = "p\nCFG-999 accepted",
                              .housekeeping = "a",
                              .partitions = {{.name = "a", .kind = IMAGE_UNIKERNEL, .cores = 1, .memory = MIB(16)}}};
    check = (struct check){.product = &p, .board = &b};
    assert_int_equal(check_run(&check), 1);
    char *text = printed();
    assert_null(strstr(text, "\nCFG-999"));
    assert_non_null(strstr(text, "name = p\\x0aCFG-999 accepted\n"));
    free(text);
}

static const char *random_text(void)
{
    static const char *const texts[] = {
        0, "", "a", "b", "bulkhead", "A name that is far too long for anything at all, really", "\n\033", "x=y"};
    return texts[random_in(0, ARRAY_SIZE(texts) - 1)];
}

/* Every field of a table may hold anything. */
static void wild(void *at, size_t size)
{
    static const uint8_t edges[] = {0, 1, 2, 0x7f, 0x80, 0xff};
    for (size_t i = 0; i < size; i++)
        ((uint8_t *)at)[i] = random_in(0, 1) ? edges[random_in(0, ARRAY_SIZE(edges) - 1)] : (uint8_t)random_next();
}

static const char *random_role(void)
{
    static const char *const roles[] = {0, "", "nic0", "nic0.vf1", "nic0.vf16", "nic0.vf65535", "a.b", "disk0", "disk0.vf2"};
    return roles[random_in(0, ARRAY_SIZE(roles) - 1)];
}

static void wild_bars(struct board_bar bars[BOARD_BARS])
{
    for (unsigned i = 0; i < BOARD_BARS; i++) {
        bars[i].prefetchable = random_in(0, 1);
        bars[i].kind = (enum board_bar_kind)random_in(0, 4);
        if (random_in(0, 1))
            bars[i].size = 1ull << random_in(0, 63);
    }
}

/* Many functions on few buses, so that they meet. */
static void wild_functions(struct board *b)
{
    b->function_count = (uint32_t)random_in(0, BOARD_MAX_FUNCTIONS + 2);
    b->unsafe_dma = random_in(0, 1);
    b->tpm = random_in(0, 1);
    for (unsigned i = 0; i < BOARD_MAX_FUNCTIONS; i++) {
        struct board_function *f = &b->functions[i];
        f->role = random_role();
        f->msi = random_in(0, 1);
        f->vendor_caps = random_in(0, 1);
        f->bridge.acs = random_in(0, 1);
        f->vf.needs_owner = random_in(0, 1);
        if (random_in(0, 1))
            f->bus = (uint8_t)random_in(0, 3);
        if (random_in(0, 1))
            f->bridge.secondary = f->bridge.subordinate = 0;
        wild_bars(f->bars);
        wild_bars(f->vf.bars);
    }
}

static void wild_texts(const char **texts, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        texts[i] = random_text();
}

static void wild_partition(struct partition_spec *p)
{
    wild(p, sizeof(*p));
    /* Texts point somewhere and truth values are 0 or 1 in every table that a compiler made. */
    p->name = random_in(0, 7) ? "wild" : random_text();
    p->program = random_text();
    p->args = random_text();
    p->kernel = random_text();
    p->initrd = random_text();
    p->files = random_text();
    p->watchdog.may_stop = p->console.hidden = p->stopped_at_boot = p->unpacked = p->restart.never = random_in(0, 1);
    for (unsigned i = 0; i < PRODUCT_MAX_DEVICES; i++) {
        p->devices[i].role = random_role();
        p->devices[i].optional = random_in(0, 1);
    }
    wild_texts(p->observes, PRODUCT_MAX_PARTITIONS);
    wild_texts(p->controls, PRODUCT_MAX_PARTITIONS);
    wild_texts(p->dumps, PRODUCT_MAX_PARTITIONS);
    wild_texts(p->group, PRODUCT_MAX_PARTITIONS);
    wild_texts(p->labels, PRODUCT_MAX_LABELS);
    p->reads_log = p->audits = p->trace = p->tpm = p->watchdog.may_stop;
    p->exits.declared = random_in(0, 1);
    p->kind = (enum image_kind)random_in(0, 3);
}

static void wild_links(struct product *p)
{
    wild(p->channels, sizeof(p->channels));
    for (unsigned i = 0; i < PRODUCT_MAX_CHANNELS; i++) {
        struct channel_spec *c = &p->channels[i];
        c->name = random_text();
        c->writer = random_text();
        wild_texts(c->readers, PRODUCT_MAX_READERS);
        wild_texts(c->labels, PRODUCT_MAX_LABELS);
    }
    wild(p->cables, sizeof(p->cables));
    for (unsigned i = 0; i < PRODUCT_MAX_CABLES; i++) {
        struct cable_spec *c = &p->cables[i];
        c->name = random_text();
        c->ends[0].partition = random_text();
        c->ends[1].partition = random_text();
        wild_texts(c->labels, PRODUCT_MAX_LABELS);
    }
    wild(p->slices, sizeof(p->slices));
    for (unsigned i = 0; i < PRODUCT_MAX_SLICES; i++) {
        struct slice_spec *s = &p->slices[i];
        s->name = random_text();
        s->server = random_text();
        s->client = random_text();
        s->read_only = random_in(0, 1);
        wild_texts(s->labels, PRODUCT_MAX_LABELS);
    }
    wild(p->conflicts, sizeof(p->conflicts));
    for (unsigned i = 0; i < PRODUCT_MAX_CONFLICTS; i++) {
        p->conflicts[i].a = random_text();
        p->conflicts[i].b = random_text();
    }
}

/* No table, however broken, makes a rule read or count beyond its bounds (the sanitizers watch), and none passes. */
static void test_wild_tables(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed <= 1500; seed++) {
        static struct board b;
        static struct product p;
        random_seed(seed);
        random_board(&b);
        random_product(&p, b.core_count);
        if (seed & 1) {
            wild(&b, sizeof(b));
            b.name = random_text();
            b.description = random_text();
            for (unsigned i = 0; i < BOARD_MAX_BLANKS; i++)
                b.blanks[i] =
                    (struct board_blank){random_in(0, 3) ? random_in(0, 1) ? "pm_timer_port" : random_text() : 0, random_text()};
            wild_functions(&b);
            b.invariant_tsc = b.arat = b.no_speculation = b.no_page_size_erratum = b.test_only = b.untested = random_in(0, 1);
            for (unsigned i = 0; i < BOARD_MAX_CORES; i++)
                b.cores[i].reserved = random_in(0, 1);
        }
        if (!(seed & 1) || seed & 2) {
            uint64_t n = random_in(1, PRODUCT_MAX_PARTITIONS);
            for (unsigned i = 0; i < n; i++)
                wild_partition(&p.partitions[i]);
            if (random_in(0, 1))
                wild_links(&p);
        }
        check = (struct check){
            .product = &p, .board = &b, .release = random_in(0, 1), .payload_bytes = random_in(0, 1) * random_next()};
        assert_true(check_run(&check) > 0);
        free(printed());
    }
}

static const char *write_file(const char *path, const uint8_t *bytes, size_t size)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    fclose(file);
    return path;
}

/* The readers of image files survive damaged ones: this test's own ELF with random bytes changed, and cut short. */
static void test_wild_images(void **state)
{
    (void)state;
    static uint8_t original[8192], bytes[8192];
    char path[] = "/tmp/bulkhead-test-XXXXXX";
    int handle = mkstemp(path);
    assert_true(handle >= 0);
    close(handle);
    FILE *self = fopen("/proc/self/exe", "rb");
    assert_non_null(self);
    assert_int_equal(fread(original, 1, sizeof(original), self), sizeof(original));
    fclose(self);
    original[16] = 2; /* ET_EXEC */
    unsigned sound = 0, broken = 0;
    for (unsigned seed = 1; seed <= 1500; seed++) {
        struct elf_facts elf;
        struct bzimage_facts kernel;
        struct initrd_facts initrd;
        random_seed(seed);
        memcpy(bytes, original, sizeof(bytes));
        for (uint64_t n = random_in(0, 6); n; n--)
            bytes[random_in(0, random_in(0, 1) ? 0x3ff : 63)] = (uint8_t)random_next();
        size_t size = random_in(0, 3) ? sizeof(bytes) : random_in(0, sizeof(bytes));
        elf_read(write_file(path, bytes, size), &elf);
        assert_true(elf.readable);
        assert_true(elf.segment_count <= ELF_MAX_SEGMENTS);
        sound += elf.defect == 0;
        broken += elf.defect != 0;
        bzimage_read(path, &kernel);
        initrd_read(path, &initrd);
        assert_false(kernel.bzimage || initrd.known);
        assert_int_equal(initrd.size, size);
    }
    unlink(path);
    /* Only 8 KiB of it: a segment beyond the end is a defect, so that few are sound, if any. */
    assert_true(broken > 1000 && sound + broken == 1500);
    assert_false(file_readable(path));
    assert_false(file_readable("/tmp"));
}

/* Findings beyond the list's end are counted, not written. */
static void test_many_findings(void **state)
{
    (void)state;
    check = (struct check){.rule = "CFG-001"};
    for (unsigned i = 0; i < MAX_FINDINGS + 5; i++)
        found(&check, (struct place){"product", 0, "field"}, "reason", "hint", "%u", i);
    assert_int_equal(check.finding_count, MAX_FINDINGS);
    assert_int_equal(check.dropped, 5);
    char *text = printed();
    assert_non_null(strstr(text, "5 more findings are not shown\nrefused: 261 findings\n"));
    free(text);
}

/* Defaults that depend on other fields. */
static void test_defaults(void **state)
{
    (void)state;
    struct partition_spec p = {0};
    assert_int_equal(reboot_resolve(&p), ACTION_STOP);
    p.restart.limit = 1;
    assert_int_equal(reboot_resolve(&p), ACTION_RESTART);
    p.on_reboot = ACTION_RESET;
    assert_int_equal(reboot_resolve(&p), ACTION_RESET);
    assert_int_equal(restart_window_ms(&p), 60000);
    assert_int_equal(denied_per_second(&p), 1000);
    assert_int_equal(console_bytes_per_second(&p), 65536);
}

/* What comes close to a rule and is allowed: nothing is found. */
static void test_devices_accepted(void **state)
{
    (void)state;
    static const struct board good = {GOOD_BOARD};
    static const struct board bus_reset = {GOOD_BOARD, .functions[DISK].reset.kind = RESET_BUS};
    static const struct {
        const struct board *board;
        struct partition_spec partitions[3];
    } cases[] = {
        /* a missing optional one; PF and VFs in three partitions behind ACS */
        {&good,
         {{GOOD_UNIKERNEL("one"),
           .devices = {{.role = "gone0", .optional = true}, {.role = "nic0", .vectors = 5}, {.role = "disk0"}}},
          {GOOD_LINUX("two"), .devices = {{.role = "disk0.vf4"}}},
          {GOOD_UNIKERNEL("three"), .devices = {{.role = "disk0.vf1"}}}}},
        /* no reset and no second life; a group with one owner, of which a unikernel polls the modem; a reset of their bus reaches nobody else */
        {&good,
         {{GOOD_UNIKERNEL("one"), .devices = {{.role = "timer0"}}, NEVER},
          {GOOD_UNIKERNEL("two"), .devices = {{.role = "sound0"}, {.role = "modem0"}}, .restart = {.limit = 1}}}},
        /* its virtual functions restart with it whatever resets it */
        {&bus_reset,
         {{GOOD_UNIKERNEL("one"), .devices = {{.role = "disk0"}}}, {GOOD_UNIKERNEL("two"), .devices = {{.role = "disk0.vf2"}}}}},
        /* who never starts again takes nobody with it */
        {&good,
         {{GOOD_UNIKERNEL("one"), .devices = {{.role = "disk0"}}, NEVER},
          {GOOD_UNIKERNEL("two"), .devices = {{.role = "disk0.vf2"}}}}},
    };
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        struct product p = {GOOD_PRODUCT};
        memcpy(p.partitions, cases[i].partitions, sizeof(cases[i].partitions));
        check = (struct check){.product = &p, .board = cases[i].board, .iommu = "amdvi"};
        if (check_run(&check)) {
            char *text = printed();
            fail_msg("case %u: %s", i, text);
            free(text);
        }
    }
}

/* What the board says of its TPM takes addresses from others. */
static void test_tpm_has_its_address(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        struct board b = {GOOD_BOARD, .tpm = i % 2 == 1};
        struct product p = {GOOD_PRODUCT, .partitions = {{GOOD_UNIKERNEL("one"), .tpm = i % 2 == 1}}};
        b.iommu.units[0] = i < 2 ? 0xfed48000 : 0xfed44000; /* behind its last page, and on it */
        check = (struct check){.product = &p, .board = &b, .iommu = "amdvi"};
        assert_int_equal(check_run(&check), i == 3);
        assert_int_equal(check_has(&check, "CFG-696"), i == 3);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rule_table),       cmocka_unit_test(test_all_at_once),
                                       cmocka_unit_test(test_print_safe),       cmocka_unit_test(test_wild_tables),
                                       cmocka_unit_test(test_wild_images),      cmocka_unit_test(test_many_findings),
                                       cmocka_unit_test(test_defaults),         cmocka_unit_test(test_which_partition),
                                       cmocka_unit_test(test_devices_accepted), cmocka_unit_test(test_tpm_has_its_address)};
    return cmocka_run_group_tests(tests, 0, 0);
}
