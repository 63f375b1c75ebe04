/* SPDX-License-Identifier: Apache-2.0 */
/* ACPI facts: real tables are understood, every broken length, checksum and pointer is refused (AC-52). */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../fuzz/fuzz_acpi.h"
#include "acpi_q35.h"
#include "bootinfo.h"

/* --- an image of the BIOS area: RSDP at its start, root table, then tables at fixed places ------------------------------ */

#define INPUT_SIZE (1u + 0x20000u) /* byte 0 is the fuzz input's mode */
#define ROOT 0x100u
#define MADT 0x400u
#define FADT 0x1000u
#define HPET 0x1200u
#define MCFG 0x1300u
#define IOMMU 0x2000u /* room for one of 4 KiB and more */
#define IOMMU_SECOND 0x4000u

static uint8_t input[INPUT_SIZE];
static uint8_t *const memory = input + 1;

static void put32(size_t at, uint32_t value)
{
    memcpy(memory + at, &value, 4);
}

static void put64(size_t at, uint64_t value)
{
    memcpy(memory + at, &value, 8);
}

static uint32_t get32(size_t at)
{
    uint32_t value;

    memcpy(&value, memory + at, 4);
    return value;
}

static void sum_fix(size_t at, size_t size, size_t sum_at)
{
    uint8_t sum = 0;

    memory[sum_at] = 0;
    for (size_t i = at; i < at + size && i < 0x20000; i++)
        sum = (uint8_t)(sum + memory[i]);
    memory[sum_at] = (uint8_t)-sum;
}

static void table_fix(size_t at)
{
    sum_fix(at, get32(at + 4), at + 9);
}

static void sums_fix(void)
{
    table_fix(ROOT);
    table_fix(MADT);
    table_fix(FADT);
    sum_fix(0, 20, 8);
    sum_fix(0, 36, 32);
}

static void root_make(bool xsdt, unsigned count, const uint32_t *places)
{
    memset(memory + ROOT, 0, 0x300);
    memcpy(memory + ROOT, xsdt ? "XSDT" : "RSDT", 4);
    put32(ROOT + 4, 36 + count * (xsdt ? 8 : 4));
    for (unsigned i = 0; i < count; i++)
        if (xsdt)
            put64(ROOT + 36 + 8 * i, FUZZ_ACPI_BASE + places[i]);
        else
            put32(ROOT + 36 + 4 * i, FUZZ_ACPI_BASE + places[i]);
    table_fix(ROOT);
}

static const uint32_t all_places[] = {FADT, MADT, HPET, MCFG};

static void image_make(bool xsdt)
{
    memset(input, 0, sizeof(input));
    memcpy(memory, "RSD PTR ", 8);
    memory[15] = xsdt ? 2 : 0;
    put32(16, xsdt ? 0 : FUZZ_ACPI_BASE + ROOT);
    put32(20, 36);
    put64(24, xsdt ? FUZZ_ACPI_BASE + ROOT : 0);
    memcpy(memory + MADT, q35_apic, sizeof(q35_apic));
    memcpy(memory + FADT, q35_facp, sizeof(q35_facp));
    memcpy(memory + HPET, q35_hpet, sizeof(q35_hpet));
    memcpy(memory + MCFG, q35_mcfg, sizeof(q35_mcfg));
    root_make(xsdt, 4, all_places);
    sums_fix();
    fuzz_memory = memory;
    fuzz_memory_size = 0x20000;
}

static void madt_add(const void *entry, size_t size)
{
    uint32_t length = get32(MADT + 4);

    memcpy(memory + MADT + length, entry, size);
    put32(MADT + 4, length + (uint32_t)size);
    table_fix(MADT);
}

/* A table of IOMMUs, whose content another one reads. */
static void iommu_table_make(size_t at, const char *signature, uint32_t size)
{
    for (uint32_t i = 0; i < size; i++)
        memory[at + i] = (uint8_t)(i * 7 + 3);
    memcpy(memory + at, signature, 4);
    put32(at + 4, size);
    table_fix(at);
}

static struct acpi_info info;

static const char *parse(void)
{
    return fuzz_acpi_parse(memory, memory[15] >= 2 ? 36 : 20, &info);
}

static void assert_refused(const char *part)
{
    const char *why = parse();

    assert_non_null(why);
    if (strstr(why, part) == NULL)
        fail_msg("expected a refusal about \"%s\", got \"%s\"", part, why);
}

static void assert_q35(void)
{
    assert_int_equal(info.core_count, 4);
    for (uint32_t i = 0; i < 4; i++)
        assert_int_equal(info.apic_ids[i], i);
    assert_int_equal(info.lapic_base, 0xfee00000);
    assert_int_equal(info.ioapic_base, 0xfec00000);
    assert_int_equal(info.ioapic_gsi_base, 0);
    assert_int_equal(info.ioapic_count, 1);
    assert_int_equal(info.irq0_gsi, 2);
    assert_int_equal(info.pm_timer_port, 0x608);
}

/* --- good tables ------------------------------------------------------------------------------------------------------------ */

static void test_q35_by_rsdt_and_xsdt(void **state)
{
    (void)state;
    image_make(false);
    assert_null(parse());
    assert_q35();
    image_make(true);
    assert_null(parse());
    assert_q35();
}

static void test_rsdp_is_searched_where_the_loader_gave_none(void **state)
{
    (void)state;
    image_make(false);
    memmove(memory + 0x1fff0 - 0x20, memory, 36); /* 16-aligned, near the end */
    memset(memory, 0, 36);
    assert_null(fuzz_acpi_parse(memory, 0, &info));
    assert_q35();
    memmove(memory + 0x10008, memory + 0x1fff0 - 0x20, 36); /* not 16-aligned: not one */
    memset(memory + 0x1fff0 - 0x20, 0, 36);
    assert_non_null(fuzz_acpi_parse(memory, 0, &info));
}

static void test_x2apic_cores_and_duplicates(void **state)
{
    static const uint8_t high[16] = {9, 16, 0, 0, 0x00, 0x01, 0, 0, 1, 0, 0, 0, 9, 0, 0, 0};
    static const uint8_t again[16] = {9, 16, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0};
    static const uint8_t off[8] = {0, 8, 7, 7, 0, 0, 0, 0};

    (void)state;
    image_make(false);
    madt_add(high, 16);
    madt_add(again, 16);
    madt_add(off, 8);
    assert_null(parse());
    assert_int_equal(info.core_count, 5);
    assert_int_equal(info.apic_ids[4], 0x100);
}

static void test_lapic_address_override_and_second_ioapic(void **state)
{
    static const uint8_t address[12] = {5, 12, 0, 0, 0, 0, 0xe0, 0xfd, 1, 0, 0, 0};
    static const uint8_t ioapic[12] = {1, 12, 1, 0, 0, 0x10, 0xc0, 0xfe, 24, 0, 0, 0};

    (void)state;
    image_make(false);
    madt_add(address, 12);
    madt_add(ioapic, 12);
    assert_null(parse());
    assert_int_equal(info.lapic_base, 0x1fde00000ull);
    assert_int_equal(info.ioapic_count, 2);
    assert_int_equal(info.ioapic_base, 0xfec00000);
}

static void test_unknown_madt_entries_are_skipped(void **state)
{
    static const uint8_t unknown[6] = {0x7f, 6, 1, 2, 3, 4};

    (void)state;
    image_make(false);
    madt_add(unknown, 6);
    assert_null(parse());
    assert_q35();
}

static void test_extended_pm_timer(void **state)
{
    (void)state;
    image_make(false);
    memory[FADT + 208] = 1; /* I/O space */
    put64(FADT + 212, 0x1808);
    table_fix(FADT);
    assert_null(parse());
    assert_int_equal(info.pm_timer_port, 0x1808);
    memory[FADT + 208] = 0; /* memory space: not ours */
    table_fix(FADT);
    assert_null(parse());
    assert_int_equal(info.pm_timer_port, 0x608);
    memory[FADT + 91] = 0; /* no PM timer */
    table_fix(FADT);
    assert_null(parse());
    assert_int_equal(info.pm_timer_port, 0);
}

static const uint32_t with_iommu[] = {FADT, IOMMU, MADT, HPET, MCFG, IOMMU_SECOND};

static void test_iommu_table_is_copied(void **state)
{
    static const char *const signatures[] = {"DMAR", "IVRS"};
    static const uint32_t sizes[] = {36, 37, 48, 1000, 4096};

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(signatures) * ARRAY_SIZE(sizes); i++) {
        uint32_t size = sizes[i / 2];

        image_make(i & 4);
        iommu_table_make(IOMMU, signatures[i % 2], size);
        root_make(i & 4, 5, with_iommu);
        memset(&info, 0xee, sizeof(info));
        assert_null(parse());
        assert_q35();
        assert_int_equal(info.iommu_size, size);
        assert_memory_equal(info.iommu, memory + IOMMU, size);
        for (uint32_t n = size; n < sizeof(info.iommu); n++)
            assert_int_equal(info.iommu[n], 0);
    }
    image_make(true);
    iommu_table_make(IOMMU, "DMAT", 48); /* another table */
    root_make(true, 5, with_iommu);
    assert_null(parse());
    assert_int_equal(info.iommu_size, 0);
}

/* --- broken ones ------------------------------------------------------------------------------------------------------------- */

static void test_bad_rsdp(void **state)
{
    (void)state;
    image_make(false);
    memory[10]++;
    assert_refused("RSDP is not valid");
    image_make(false);
    memory[0] = 'X';
    sum_fix(0, 20, 8);
    assert_refused("RSDP is not valid");
    image_make(true);
    memory[33]++;
    assert_refused("RSDP is not valid");
    image_make(true);
    put32(20, 37);
    sum_fix(0, 36, 32);
    assert_refused("RSDP is not valid");
    image_make(true);
    assert_non_null(fuzz_acpi_parse(memory, 20, &info)); /* second version cut to the first's length */
    memset(memory, 0, 36);
    assert_non_null(fuzz_acpi_parse(memory, 0, &info));
}

static void test_bad_root(void **state)
{
    (void)state;
    image_make(false);
    memory[ROOT] = 'X';
    table_fix(ROOT);
    assert_refused("does not point at");
    image_make(true);
    memcpy(memory + ROOT, "RSDT", 4);
    table_fix(ROOT);
    assert_refused("does not point at");
    image_make(false);
    memory[ROOT + 36]++;
    assert_refused("checksum");
    image_make(false);
    put32(16, 0);
    sum_fix(0, 20, 8);
    assert_refused("cannot be read");
    image_make(true);
    put64(24, 0xffffffffffffffe0ull);
    sum_fix(0, 36, 32);
    assert_refused("cannot be read");
    image_make(false);
    put32(ROOT + 4, 36 + 4 * 257);
    table_fix(ROOT);
    assert_refused("256 tables");
}

static void test_bad_table_lengths(void **state)
{
    static const uint32_t lengths[] = {0, 1, 35, 0x100001, 0xffffffff};
    static const uint32_t tables[] = {ROOT, MADT, FADT};

    (void)state;
    for (unsigned t = 0; t < ARRAY_SIZE(tables); t++) {
        for (unsigned i = 0; i < ARRAY_SIZE(lengths); i++) {
            image_make(false);
            put32(tables[t] + 4, lengths[i]);
            assert_refused("length is impossible");
        }
        image_make(false);
        put32(tables[t] + 4, 0x20000); /* legal, but reaches beyond what can be read */
        assert_refused("ends where");
        image_make(false);
        memory[tables[t] + 10]++;
        assert_refused("checksum");
    }
}

static void test_unreadable_tables(void **state)
{
    static const uint32_t wild[] = {0x20000, 0x1fff0, 0xf0000000};

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(wild); i++) {
        image_make(false);
        root_make(false, 1, &wild[i]);
        assert_refused("cannot be read");
    }
}

static void test_missing_tables(void **state)
{
    static const uint32_t no_madt[] = {FADT, HPET}, no_fadt[] = {MADT, HPET}, two_madt[] = {FADT, MADT, MADT};

    (void)state;
    image_make(false);
    root_make(false, 2, no_madt);
    assert_refused("no MADT");
    root_make(false, 2, no_fadt);
    assert_refused("no FADT");
    root_make(false, 3, two_madt);
    assert_refused("two MADTs");
}

static void test_bad_madt_entries(void **state)
{
    static const uint8_t zero[2] = {0x7f, 0}, one[2] = {0x7f, 1}, beyond[4] = {0x7f, 5, 0, 0}, tail[1] = {0x7f};
    static const struct {
        uint8_t type, size;
    } known[] = {{0, 7}, {1, 11}, {2, 9}, {5, 11}, {9, 15}};

    (void)state;
    image_make(false);
    madt_add(zero, 2);
    assert_refused("entry's length");
    image_make(false);
    madt_add(one, 2);
    assert_refused("entry's length");
    image_make(false);
    madt_add(beyond, 4);
    assert_refused("entry's length");
    image_make(false);
    madt_add(tail, 1);
    assert_refused("inside an entry");
    for (unsigned i = 0; i < ARRAY_SIZE(known); i++) {
        uint8_t entry[16] = {known[i].type, known[i].size};

        image_make(false);
        madt_add(entry, known[i].size);
        assert_refused("entry's length");
    }
    image_make(false);
    put32(MADT + 4, 43);
    table_fix(MADT);
    assert_refused("MADT too short");
    put32(MADT + 4, 44);
    table_fix(MADT);
    assert_refused("names no core");
}

static void test_too_many_cores(void **state)
{
    (void)state;
    image_make(false);
    for (uint8_t id = 4; id < 65; id++)
        madt_add((uint8_t[8]){0, 8, id, id, 1, 0, 0, 0}, 8);
    assert_refused("64 cores");
}

static void test_bad_fadt(void **state)
{
    (void)state;
    image_make(false);
    put32(FADT + 4, 91);
    table_fix(FADT);
    assert_refused("FADT too short");
    image_make(false);
    memory[FADT + 208] = 0; /* the extended one would win */
    put32(FADT + 76, 0xfffd);
    table_fix(FADT);
    assert_refused("PM timer port");
    image_make(false);
    memory[FADT + 208] = 1;
    put64(FADT + 212, 0x100000608ull);
    table_fix(FADT);
    assert_refused("PM timer port");
}

/* What stands in it tells where translation units are, so that it must be whole, and the only one. */
static void test_bad_iommu_tables(void **state)
{
    static const char *const signatures[][2] = {{"DMAR", "DMAR"}, {"DMAR", "IVRS"}, {"IVRS", "DMAR"}, {"IVRS", "IVRS"}};
    static const uint32_t impossible[] = {0, 35, 0x100001, 0xffffffff};

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(signatures); i++) {
        image_make(false);
        iommu_table_make(IOMMU, signatures[i][0], 64);
        iommu_table_make(IOMMU_SECOND, signatures[i][1], 64);
        root_make(false, 6, with_iommu);
        assert_refused("two tables of IOMMUs");
    }
    for (unsigned i = 0; i < 2; i++) {
        const char *signature = signatures[i * 2][0];

        image_make(false);
        iommu_table_make(IOMMU, signature, 4097);
        root_make(false, 5, with_iommu);
        assert_refused("larger than 4 KiB");
        iommu_table_make(IOMMU, signature, 64);
        memory[IOMMU + 63]++;
        assert_refused("checksum");
        iommu_table_make(IOMMU, signature, 64);
        put32(IOMMU + 4, 0x1f000); /* reaches beyond what can be read */
        table_fix(IOMMU);
        assert_refused("ends where");
        for (unsigned k = 0; k < ARRAY_SIZE(impossible); k++) {
            put32(IOMMU + 4, impossible[k]);
            assert_refused("length is impossible");
        }
    }
}

/* --- many ------------------------------------------------------------------------------------------------------------------------ */

static uint32_t random_next(uint32_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 17;
    *seed ^= *seed << 5;
    return *seed;
}

static void mutate(uint32_t *seed)
{
    static const uint32_t places[] = {0, ROOT, MADT, MADT + 44, FADT, FADT + 76, IOMMU};
    static const uint32_t interesting[] = {0, 1, 2, 35, 36, 44, 0xdffff, 0xe0000, 0xfffff, 0x7fffffff, 0x80000000, 0xffffffff};
    size_t at = places[random_next(seed) % ARRAY_SIZE(places)] + random_next(seed) % 100;

    if (random_next(seed) & 1)
        memory[at] = (uint8_t)random_next(seed);
    else
        put32(at & ~(size_t)3, interesting[random_next(seed) % ARRAY_SIZE(interesting)]);
}

static void test_mutations(void **state)
{
    uint32_t seed = 0x9e3779b9;

    (void)state;
    for (unsigned round = 0; round < 20000; round++) {
        image_make(random_next(&seed) & 1);
        if (random_next(&seed) % 2) {
            iommu_table_make(IOMMU, random_next(&seed) % 2 ? "DMAR" : "IVRS", random_next(&seed) % 5000 + 30);
            root_make(memory[15] >= 2, 5, with_iommu);
        }
        input[0] = round % 64 == 0 ? 2 : memory[15] ? 0 : 1;
        for (unsigned n = random_next(&seed) % 4 + 1; n > 0; n--)
            mutate(&seed);
        if (random_next(&seed) % 4) /* else checksums stop nearly all of them */
            sums_fix();
        LLVMFuzzerTestOneInput(input, round % 64 == 0 ? INPUT_SIZE : 0x3800);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_q35_by_rsdt_and_xsdt),
        cmocka_unit_test(test_rsdp_is_searched_where_the_loader_gave_none),
        cmocka_unit_test(test_x2apic_cores_and_duplicates),
        cmocka_unit_test(test_lapic_address_override_and_second_ioapic),
        cmocka_unit_test(test_unknown_madt_entries_are_skipped),
        cmocka_unit_test(test_extended_pm_timer),
        cmocka_unit_test(test_iommu_table_is_copied),
        cmocka_unit_test(test_bad_rsdp),
        cmocka_unit_test(test_bad_root),
        cmocka_unit_test(test_bad_table_lengths),
        cmocka_unit_test(test_unreadable_tables),
        cmocka_unit_test(test_missing_tables),
        cmocka_unit_test(test_bad_madt_entries),
        cmocka_unit_test(test_too_many_cores),
        cmocka_unit_test(test_bad_fadt),
        cmocka_unit_test(test_bad_iommu_tables),
        cmocka_unit_test(test_mutations),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
