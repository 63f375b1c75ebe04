/* SPDX-License-Identifier: Apache-2.0 */
/* Fetching code through the guest's page tables: every paging mode and leaf size, code across two pages, and tables that lead
 * outside the partition's memory (AC-25, SEP-1). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "fake_virt.h"
#include "policy.h"
#include "x86_bits.h"

#define RAM MIB(8)
static uint64_t words[RAM / 8];
static uint8_t *ram = (uint8_t *)words;
static uint8_t code[15];

static int setup(void **state)
{
    (void)state;
    fake_virt_reset(1, APIC_X2APIC);
    for (unsigned i = 0; i < RAM / 8; i++) /* every byte tells where it is */
        words[i] = (uint64_t)i * 0x9e3779b97f4a7c15;
    fake_virt.ram = ram;
    fake_virt.ram_size = RAM;
    memset(code, 0xaa, sizeof(code));
    return 0;
}

static unsigned fetch(uint64_t rip)
{
    fake_virt.state.rip = rip;
    fake_virt.ram_asked = 0;
    return guest_fetch(fake_one.vcpus, code);
}

static void put64(uint64_t gpa, uint64_t value)
{
    memcpy(ram + gpa, &value, 8);
}

static void put32(uint64_t gpa, uint32_t value)
{
    memcpy(ram + gpa, &value, 4);
}

static void clear(uint64_t gpa)
{
    memset(ram + gpa, 0, PAGE_SIZE);
}

static void assert_code(unsigned count, uint64_t gpa)
{
    assert_int_equal(count, 15);
    assert_memory_equal(code, ram + gpa, 15);
}

static void no_paging(void **state)
{
    (void)state;
    fake_virt.state.cs_base = 0x12340;
    assert_code(fetch(0x5678), 0x12340 + 0x5678);
    fake_virt.state.cs_base = 0xfffff000; /* wraps at 4 GiB */
    assert_code(fetch(0x3000), 0x2000);
    fake_virt.state.cs_base = 0;
    assert_int_equal(fetch(RAM - 7), 7); /* what there is */
    assert_int_equal(fetch(RAM), 0);
    assert_int_equal(fetch(0xffffffff), 0);
}

/* 4-level tables at 0x1000.. for one linear address. */
static void long_map(uint64_t linear, uint64_t gpa, unsigned leaf_level)
{
    fake_virt.state = (struct guest_state){
        .cr0 = CR0_PE | CR0_PG, .cr4 = CR4_PAE, .cr3 = 0x1018, .efer = EFER_LME | EFER_LMA, .cs_long = true, .cs_base = 0x999};
    for (unsigned level = 4; level >= leaf_level; level--) {
        uint64_t table = 0x1000 * (5 - level), index = linear >> (12 + 9 * (level - 1)) & 511;

        clear(table);
        put64(table + index * 8,
              level > leaf_level ? (table + 0x1000) | PTE_P | PTE_U | 1ull << 62 : gpa | PTE_P | (level > 1 ? PTE_PS : 0) | PTE_NX);
    }
}

static void long_mode_leaves(void **state)
{
    static const uint64_t linears[] = {0x0000123456789abc, 0xffff800000000123, 0xffffffff81000ff0, 0x00007fffffffe001, 0};

    (void)state;
    for (unsigned i = 0; i < 5; i++) {
        uint64_t linear = linears[i];

        long_map(linear, 0x123000, 1);
        assert_code(fetch(linear & ~0xf0ull), 0x123000 + (linear & 0xf0f));
        assert_in_range(fake_virt.ram_asked, 1, 5);
        long_map(linear, 0x400000, 2);
        if ((linear & 0x1fffff) < 0x1fff00)
            assert_code(fetch(linear), 0x400000 + (linear & 0x1fffff));
        long_map(linear, 0, 3);
        if ((linear & 0x3fffffff) < RAM - 15)
            assert_code(fetch(linear), linear & 0x3fffffff);
    }
}

static void long_mode_ignores_the_segment_base_and_needs_canonical(void **state)
{
    (void)state;
    long_map(0x0000800000000000, 0x123000, 1);
    assert_int_equal(fetch(0x0000800000000000), 0);
    assert_int_equal(fetch(0xffff7fffffffffff), 0);
    assert_int_equal(fetch(0x8000000000000000), 0);
}

static void compatibility_mode_adds_the_base(void **state)
{
    (void)state;
    long_map(0x00401000, 0x123000, 1);
    fake_virt.state.cs_long = false;
    fake_virt.state.cs_base = 0x400000;
    assert_code(fetch(0x1004), 0x123004);
    assert_code(fetch(0x100001004), 0x123004); /* truncated to 32 bits */
}

static void any_missing_level_ends_it(void **state)
{
    (void)state;
    for (unsigned level = 1; level <= 4; level++) {
        uint64_t linear = 0x0000123456789a00, at = 0x1000 * (5 - level) + (linear >> (12 + 9 * (level - 1)) & 511) * 8;

        long_map(linear, 0x123000, 1);
        ram[at] &= 0xfe;
        assert_int_equal(fetch(linear), 0);
        assert_int_equal(fake_virt.ram_asked, 5 - level);
    }
}

/* A table or a leaf outside the partition's RAM reads nothing. */
static void sep1_nothing_outside_is_read(void **state)
{
    static const uint64_t outside[] = {RAM, 0x40000000, 0xfee00000, 0x100000000, 0x000ffffffffff000};

    (void)state;
    for (unsigned i = 0; i < 5; i++) {
        uint64_t linear = 0x0000123456789a00;

        long_map(linear, outside[i], 1);
        assert_int_equal(fetch(linear), 0);
        for (unsigned level = 2; level <= 4; level++) {
            long_map(linear, 0x123000, 1);
            put64(0x1000 * (5 - level) + (linear >> (12 + 9 * (level - 1)) & 511) * 8, outside[i] | PTE_P);
            assert_int_equal(fetch(linear), 0);
        }
        long_map(linear, 0x123000, 1);
        fake_virt.state.cr3 = outside[i];
        assert_int_equal(fetch(linear), 0);
    }
}

/* PS is reserved at the top level: it is not a leaf of 512 GiB, and tables that name themselves end. */
static void loops_are_bounded(void **state)
{
    (void)state;
    long_map(0, 0x123000, 1);
    put64(0x1000, 0x1000 | PTE_P | PTE_PS);
    fetch(0);
    assert_in_range(fake_virt.ram_asked, 1, 12);
    put64(0x1000, 0x1000 | PTE_P); /* itself, four times: its own first page is the code */
    assert_code(fetch(0x10), 0x1010);
    assert_int_equal(fake_virt.ram_asked, 5);
}

static void two_pages(void **state)
{
    (void)state;
    for (unsigned split = 1; split < 15; split++) {
        uint64_t linear = 0x0000123456789000 - split;

        long_map(linear, 0x123000, 1);
        put64(0x4000 + 0x189 * 8, 0x345000 | PTE_P); /* the page after it lies elsewhere */
        assert_int_equal(fetch(linear), 15);
        assert_memory_equal(code, ram + 0x124000 - split, split);
        assert_memory_equal(code + split, ram + 0x345000, 15 - split);
        put64(0x4000 + 0x189 * 8, 0);
        memset(code, 0xaa, sizeof(code));
        assert_int_equal(fetch(linear), split);
        assert_memory_equal(code, ram + 0x124000 - split, split);
        assert_int_equal(code[split], 0xaa);
        put64(0x4000 + 0x189 * 8, 0xfee00000 | PTE_P);
        assert_int_equal(fetch(linear), split);
    }
}

static void pae_mode(void **state)
{
    uint32_t linear = 0xc0645678;

    (void)state;
    fake_virt.state = (struct guest_state){.cr0 = CR0_PE | CR0_PG, .cr4 = CR4_PAE, .cr3 = 0x10e0, .cs_default32 = true};
    clear(0x1000);
    clear(0x2000);
    clear(0x3000);
    put64(0x10e0 + 3 * 8, 0x2000 | PTE_P | PTE_PS); /* PS is reserved here: not a leaf of 1 GiB */
    put64(0x2000 + 3 * 8, 0x400000 | PTE_P | PTE_PS);
    assert_code(fetch(linear), 0x400000 + (linear & 0x1fffff));
    put64(0x2000 + 3 * 8, 0x3000 | PTE_P);
    put64(0x3000 + 0x45 * 8, 0x321000 | PTE_P | PTE_NX);
    assert_code(fetch(linear), 0x321678);
    put64(0x2000 + 3 * 8, (1ull << 40) | 0x400000 | PTE_P | PTE_PS);
    assert_int_equal(fetch(linear), 0);
}

static void two_level_mode(void **state)
{
    uint32_t linear = 0x80645678;

    (void)state;
    fake_virt.state = (struct guest_state){.cr0 = CR0_PE | CR0_PG, .cr4 = CR4_PSE, .cr3 = 0x1fff, .cs_default32 = true};
    clear(0x1000);
    clear(0x2000);
    put32(0x1000 + 0x201 * 4, 0x400000 | PTE_P | PTE_PS);
    assert_code(fetch(linear), 0x400000 + (linear & 0x3fffff));
    put32(0x1000 + 0x201 * 4, 0x400000 | 1 << 13 | PTE_P | PTE_PS); /* PSE-36: above 4 GiB */
    assert_int_equal(fetch(linear), 0);
    put32(0x1000 + 0x201 * 4, 0x2000 | PTE_P);
    put32(0x2000 + 0x245 * 4, 0x321000 | PTE_P);
    assert_code(fetch(linear), 0x321678);
    fake_virt.state.cr4 = 0; /* without PSE the bit means nothing */
    put32(0x1000 + 0x201 * 4, 0x2000 | PTE_P | PTE_PS);
    assert_code(fetch(linear), 0x321678);
}

/* The mode of the code segment decides how the bytes are read; RSP is refused. */
static void mmio_decode_by_mode(void **state)
{
    static const uint8_t load[] = {0x8b, 0x06, 0x34, 0x12, 0x90, 0x90}; /* mov (esi),eax; mov 0x1234,%ax in 16-bit code */
    struct mmio_insn insn;

    (void)state;
    memcpy(ram + 0x5000, load, sizeof(load));
    fake_virt.state = (struct guest_state){.rip = 0x5000, .cs_default32 = true};
    assert_true(guest_mmio_decode(fake_one.vcpus, &insn));
    assert_true(insn.length == 2 && insn.size == 4);
    fake_virt.state.cs_default32 = false;
    assert_true(guest_mmio_decode(fake_one.vcpus, &insn));
    assert_true(insn.length == 4 && insn.size == 2);
    ram[0x5001] = 0x26; /* mov 0x1234,%sp */
    assert_false(guest_mmio_decode(fake_one.vcpus, &insn));
    ram[0x5000] = 0x8a; /* mov 0x1234,%ah */
    assert_true(guest_mmio_decode(fake_one.vcpus, &insn));
    assert_true(insn.high_byte && insn.reg == 0);
    fake_virt.ram_size = 0x5002;
    assert_false(guest_mmio_decode(fake_one.vcpus, &insn));
    long_map(0x5000, 0x5000, 1);
    fake_virt.ram_size = RAM;
    fake_virt.state.rip = 0x5000;
    put64(0x5000, 0x9007894c); /* mov %r8,(%rdi) */
    assert_true(guest_mmio_decode(fake_one.vcpus, &insn));
    assert_true(insn.length == 3 && insn.size == 8 && insn.reg == 8 && insn.write);
}

/* Random tables: never a read outside (the fake aborts and ASan watches), never more than two walks. */
static void ac25_fuzz_tables(void **state)
{
    uint64_t x = 88172645463325252ull;

    (void)state;
    for (unsigned i = 0; i < 100000; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        words[(x >> 20) % 0x2000] = (x & 0x80000000007fffff) | (x >> 60 ? PTE_P : 0);
        fake_virt.state = (struct guest_state){.cr0 = CR0_PE | (x & 1 << 4 ? CR0_PG : 0),
                                               .cr4 = x & 0x30,
                                               .cr3 = x >> 3 & 0x1ffff,
                                               .efer = x & 2 ? EFER_LME | EFER_LMA : 0,
                                               .cs_base = x >> 7,
                                               .cs_long = (x & 6) == 6};
        assert_in_range(fetch(x >> (x & 63)), 0, 15);
        assert_in_range(fake_virt.ram_asked, 0, 10);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(no_paging, setup),
        cmocka_unit_test_setup(long_mode_leaves, setup),
        cmocka_unit_test_setup(long_mode_ignores_the_segment_base_and_needs_canonical, setup),
        cmocka_unit_test_setup(compatibility_mode_adds_the_base, setup),
        cmocka_unit_test_setup(any_missing_level_ends_it, setup),
        cmocka_unit_test_setup(sep1_nothing_outside_is_read, setup),
        cmocka_unit_test_setup(loops_are_bounded, setup),
        cmocka_unit_test_setup(two_pages, setup),
        cmocka_unit_test_setup(pae_mode, setup),
        cmocka_unit_test_setup(two_level_mode, setup),
        cmocka_unit_test_setup(mmio_decode_by_mode, setup),
        cmocka_unit_test_setup(ac25_fuzz_tables, setup),
    };
    return cmocka_run_group_tests(tests, 0, 0);
}
