/* SPDX-License-Identifier: Apache-2.0 */
/* The audit's part of devices: registers in the nested tables, DMA and interrupts of all 65,536 requester ids (SEP-1, SEP-3, SEP-6). Every
 * finding is provoked by the least change of a sound machine; a sound one is silent. */
#include "svm_machine.h"

#define PAGE_LEAF (PTE_P | PTE_W | PTE_U | PTE_A | PTE_D | PTE_NX | PTE_PCD | PTE_PWT)

static int with_units(void **state)
{
    machine_make(state);
    unit_make();
    return 0;
}

/* --- registers --------------------------------------------------------------------------------------------------------------- */

static uint64_t *bar_large(void)
{
    return &below(below(root[0], 0), 3)[NIC_LARGE >> 21 & 511];
}

static void test_leaves_of_registers_are_uncached(void **state)
{
    (void)state;
    assert_int_equal(*register_leaf(0, NIC_SMALL), NIC_SMALL | PAGE_LEAF);
    assert_int_equal(*bar_large(), NIC_LARGE | PAGE_LEAF | PTE_PS);
    assert_int_equal(*large_leaf(0, 0) & (PTE_PCD | PTE_PWT), 0);
    assert_clean();
}

static void test_every_flipped_bit_of_a_register_leaf(void **state)
{
    (void)state;
    flip_every_bit(register_leaf(0, NIC_SMALL), PTE_A | PTE_D);
    flip_every_bit(register_leaf(0, NIC_MSIX + 0x4000), PTE_A | PTE_D);
    flip_every_bit(register_leaf(1, VF_BAR), PTE_A | PTE_D);
    flip_every_bit(bar_large(), PTE_A | PTE_D);
}

static void test_registers_cached_or_executed(void **state)
{
    (void)state;
    *register_leaf(0, NIC_SMALL) &= ~(PTE_PCD | PTE_PWT);
    assert_finding("AUDIT linux: fe000000: expected RW uncached, found RW");
    machine_make(NULL);
    *register_leaf(1, VF_BAR) &= ~PTE_NX;
    assert_finding("AUDIT hello: fe020000: expected RW uncached, found RWX uncached");
    machine_make(NULL);
    *large_leaf(0, 1) |= PTE_PCD | PTE_PWT;
    assert_finding("AUDIT linux: 200000: expected RWX, found RWX uncached");
    machine_make(NULL);
    *register_leaf(0, NIC_SMALL) &= ~PTE_PWT;
    assert_finding("AUDIT linux: fe000000: entry has unexpected bits");
}

static void test_missing_registers(void **state)
{
    (void)state;
    *register_leaf(0, NIC_SMALL + 0x2000) = 0;
    assert_finding("AUDIT linux: fe000000: expected 16384 bytes of nic0, found 12288");
    machine_make(NULL);
    *register_leaf(0, NIC_MSIX + 0x7000) = 0;
    assert_finding("AUDIT linux: fe010000: expected 16384 bytes of nic0, found 12288");
    machine_make(NULL);
    *bar_large() = 0;
    assert_finding("AUDIT linux: fe200000: expected 2097152 bytes of nic0, found 0");
    machine_make(NULL);
    *register_leaf(1, VF_BAR + 0x1000) = 0;
    assert_finding("AUDIT hello: fe020000: expected 8192 bytes of disk0.vf2, found 4096");
}

/* Tables and pending bits by the board's words: the table of 257 vectors ends in its second page, the pending bits begin in one page and
 * end in the next; the VF's are its own, not its PF's. */
static void test_pages_of_msix_are_not_mapped(void **state)
{
    static const struct {
        unsigned partition;
        uint64_t page;
        const char *words;
    } rows[] = {{0, NIC_MSIX, "AUDIT linux: fe010000: expected no MSI-X table, found one"},
                {0, NIC_MSIX + 0x1000, "AUDIT linux: fe011000: expected no MSI-X table, found one"},
                {0, NIC_MSIX + 0x2000, "AUDIT linux: fe012000: expected no MSI-X table, found one"},
                {0, NIC_MSIX + 0x3000, "AUDIT linux: fe013000: expected no MSI-X table, found one"},
                {1, VF_BAR + 0x2000, "AUDIT hello: fe022000: expected no MSI-X table, found one"},
                {1, VF_BAR + 0x3000, "AUDIT hello: fe023000: expected no MSI-X table, found one"}};

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
        *register_leaf(rows[i].partition, rows[i].page) = rows[i].page | PAGE_LEAF;
        assert_finding(rows[i].words);
        assert_finding("expected ");
        *register_leaf(rows[i].partition, rows[i].page) = 0;
        assert_clean();
    }
    assert_int_equal(audit_msix_pages(NIC_MSIX, 0x8000), 4);
    assert_int_equal(audit_msix_pages(NIC_MSIX + 0x4000, 0x4000), 0);
    assert_int_equal(audit_msix_pages(VF_BAR, 0x4000), 2);
    assert_int_equal(audit_msix_pages(0x4000000, 0x200000), 0);
}

static void test_registers_elsewhere(void **state)
{
    (void)state;
    *register_leaf(0, NIC_SMALL + 0x1000) = (NIC_SMALL + 0x2000) | PAGE_LEAF;
    assert_finding("AUDIT linux: fe001000: expected fe001000, found fe002000");
    machine_make(NULL);
    *register_leaf(0, NIC_SMALL + 0x4000) = (NIC_SMALL + 0x4000) | PAGE_LEAF; /* one page more */
    assert_finding("AUDIT linux: fe004000: expected nothing, found fe004000, 4096 bytes");
    machine_make(NULL);
    *register_leaf(0, NIC_SMALL + 0x5000) = NIC_SMALL | PAGE_LEAF; /* its own, a second time */
    assert_finding("AUDIT linux: fe005000: expected nothing, found fe000000");
    machine_make(NULL);
    *register_leaf(0, VF_BAR) = VF_BAR | PAGE_LEAF;
    assert_finding("AUDIT linux: fe020000: expected its own memory, found fe020000 of hello");
    machine_make(NULL);
    *register_leaf(1, VF_BAR) = (NIC_MSIX + 0x5000) | PAGE_LEAF;
    assert_finding("AUDIT hello: fe020000: expected its own memory, found fe015000 of linux");
}

/* Ports are no memory: a page of that number is no register of its owner. */
static void test_a_bar_of_ports_is_no_memory(void **state)
{
    (void)state;
    assert_false(audit_bar_overlap(&functions[0], 0xc000, 0x1000));
    assert_true(audit_bar_overlap(&functions[0], NIC_SMALL + 0x3fff, 1));
    assert_false(audit_bar_overlap(&functions[0], NIC_SMALL + 0x4000, 0x1000));
    assert_true(audit_bar_overlap(&functions[0], NIC_LARGE - 1, 2));
    assert_false(audit_bar_overlap(&functions[1], 0, 0xc000));
}

static void test_registers_of_the_board(void **state)
{
    static const uint64_t mine[] = {0xfed90000, 0xfed91000, 0xfec00000, 0xfee00000, 0xfeeff000, 0xb0000000, 0xb01ff000};
    static const uint64_t not_mine[] = {0xfed8f000, 0xfed92000, 0xfec01000, 0xfedff000, 0xfef00000, 0xaffff000, 0xb0200000};

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(mine); i++) {
        char words[96];

        *register_leaf(0, NIC_SMALL) = mine[i] | PAGE_LEAF;
        snprintf(words, sizeof(words), "AUDIT linux: fe000000: expected its own memory, found %lx of the board", mine[i]);
        assert_finding(words);
    }
    for (unsigned i = 0; i < ARRAY_SIZE(not_mine); i++)
        assert_false(audit_board_register(not_mine[i], PAGE_SIZE));
    board_found.iommu.kind = IOMMU_AMDVI; /* 16 KiB each: its rings' pointers are in the third page */
    assert_true(audit_board_register(0xfed92000, PAGE_SIZE));
    assert_true(audit_board_register(0xfed94000, PAGE_SIZE));
    assert_false(audit_board_register(0xfed95000, PAGE_SIZE));
    board_found.pci.ecam = 0; /* ports only */
    assert_false(audit_board_register(0, MIB(16)));
    board_found.pci.ecam = 0xb0000000;
}

/* --- IOMMU -------------------------------------------------------------------------------------------------------------------- */

static void test_sound_units_are_silent_and_counted(void **state)
{
    struct audit_result result;

    (void)state;
    if (audit(&result) != 0)
        fail_msg("%s", log_text);
    assert_int_equal(result.requesters, 65536);
    assert_int_equal(unit.asked, 65536);
    assert_int_equal(result.io_leaves, 5 + 1);
    assert_int_equal(result.interrupts, 2 + 1 + 2);
}

/* Between two lives of an owner its function can do nothing. */
static void test_functions_that_are_cut_off_are_silent(void **state)
{
    (void)state;
    unit.rights[NIC] = unit.rights[DISK_VF] = (struct iommu_rights){0};
    memset(unit.interrupts, 0, sizeof(unit.interrupts[0]) * 2);
    assert_clean();
    assert_int_equal(unit.leaves_read, 0);
}

static void test_a_board_without_units(void **state)
{
    struct audit_result result;

    (void)state;
    board_found.iommu.kind = IOMMU_NONE;
    unit.wrong = "asked";
    assert_int_equal(audit(&result), 0);
    assert_int_equal(result.requesters + result.io_leaves + result.interrupts + unit.asked + unit.units_asked, 0);
}

static void test_units_off(void **state)
{
    struct audit_result result;

    (void)state;
    unit.wrong = "a unit is not on";
    assert_finding("AUDIT IOMMU: a unit is not on");
    assert_int_equal(audit(&result), 1);
    assert_int_equal(result.requesters, 0);
    assert_int_equal(unit.asked, 0);
}

/* The PF of a function that is given away, the other functions of the same device, both ends; and the IO-APIC, which has interrupts. */
static void test_strangers(void **state)
{
    static const uint16_t strangers[] = {0, 1, NIC - 1, NIC + 1, DISK, DISK + 1, DISK_VF + 1, 0xff00 | NIC, 0xfffe, 0xffff};

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(strangers); i++) {
        uint16_t id = strangers[i];
        char name[64], words[128];

        snprintf(name, sizeof(name), "AUDIT %02x:%02x.%u: expected no DMA and no interrupts", id >> 8, id >> 3 & 31u, id & 7u);
        unit.rights[id] = (struct iommu_rights){true, 1, 0};
        snprintf(words, sizeof(words), "%s, found DMA, 0 interrupts", name);
        assert_finding(words);
        unit.rights[id] = (struct iommu_rights){false, 0, 7};
        snprintf(words, sizeof(words), "%s, found no DMA, 7 interrupts", name);
        assert_finding(words);
        unit.rights[id] = (struct iommu_rights){0};
    }
    assert_clean();
    unit.rights[IOAPIC_REQUESTER].dma = true;
    assert_finding("AUDIT f0:1f.0: expected no DMA and no interrupts, found DMA, 2 interrupts");
}

static void test_foreign_domain(void **state)
{
    static const uint16_t domains[] = {0, 2, 3, 0xffff};

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(domains); i++) {
        char words[96];

        unit.leaves_read = 0;
        unit.rights[DISK_VF] = (struct iommu_rights){0};
        unit.rights[NIC].domain = domains[i];
        snprintf(words, sizeof(words), "AUDIT 00:03.0: DMA: expected memory of linux, found domain %u", domains[i]);
        assert_finding(words);
        assert_int_equal(unit.leaves_read, 0); /* whose memory would it be compared with? */
    }
    unit_make();
    unit.rights[DISK_VF].domain = 1;
    assert_finding("AUDIT 01:02.2: DMA: expected memory of hello, found domain 1");
}

/* Each row: what one leaf of linux's table says instead. */
static void test_leaves_of_dma(void **state)
{
    static const struct {
        unsigned leaf;
        struct iommu_leaf found;
        const char *words;
    } rows[] = {
        {0, {0, 0x4800000, 0x200000, true, true}, "DMA to 0: expected nothing or memory of linux, found 4800000, 2097152"},
        {1, {0x200000, 0x4400000, 0x200000, true, true}, "DMA to 200000: expected nothing or memory of linux, found 4400000"},
        {3, {0x600000, 0x4600000, 0x400000, true, true}, "DMA to 600000: expected nothing or memory of linux, found 4600000"},
        {3, {0x800000, 0x4600000, 0x200000, true, true}, "DMA to 800000: expected nothing or memory of linux, found 4600000"},
        {3, {0xfee00000, 0xfee00000, 0x1000, true, true}, "DMA to fee00000: expected nothing or memory of linux, found fee00000"},
        {3, {NIC_SMALL, NIC_SMALL, 0x1000, true, true}, "DMA to fe000000: expected nothing or memory of linux"},
        {4, {0x100000000, 0x5000000, 0x800000, true, true}, "DMA to 100000000: expected nothing or memory of linux, found 5000000"},
        {4, {0x100200000, 0x5000000, 0x200000, true, true}, "DMA to 100200000: expected nothing or memory of linux, found 5000000"},
        {2, {0x400000, 0x4400000, 0x200000, true, false}, "DMA to 400000: expected nothing or memory of linux, found 4400000"},
        {2, {0x400000, 0x4400000, 0x200000, false, true}, "DMA to 400000: expected nothing or memory of linux, found 4400000"},
        {4, {0, 0, 0, false, false}, "DMA: expected 12582912 bytes of linux, found 8388608"},
        {3, {0x600000, 0x4600000, 0x1ff000, true, true}, "DMA: expected 12582912 bytes of linux, found 12578816"},
        {0, {0, 0, 0, false, false}, "DMA: expected 12582912 bytes of linux, found 0"},
    };

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
        struct audit_result result;

        unit_make();
        unit.leaves[0][rows[i].leaf] = rows[i].found;
        assert_finding(rows[i].words);
        assert_non_null(strstr(log_text, "AUDIT 00:03.0: DMA"));
        assert_int_equal(audit(&result), 1);
    }
    unit_make();
    unit.leaves[1][0].hpa = 0x4000000;
    assert_finding("AUDIT 01:02.2: DMA to 0: expected nothing or memory of hello, found 4000000, 4194304 bytes");
}

/* A unit whose tables have no end does not keep the audit for ever. */
static void test_leaves_in_a_ring(void **state)
{
    (void)state;
    unit.ring = true;
    assert_finding("AUDIT 00:03.0: DMA: expected 12582912 bytes of linux, found 14680064");
    assert_in_range(unit.leaves_read, 1, 20);
}

static void test_interrupts_of_functions(void **state)
{
    static const struct {
        struct fake_interrupt found;
        const char *words;
    } rows[] = {{{true, false, 2, 0x40}, "interrupt 1: expected a vector for linux, found 40 for APIC id 2"},
                {{true, false, 3, 0x40}, "interrupt 1: expected a vector for linux, found 40 for APIC id 3"},
                {{true, false, 4, 0x40}, "interrupt 1: expected a vector for linux, found 40 for APIC id 4"},
                {{true, false, 0xffffffff, 0x40}, "interrupt 1: expected a vector for linux, found 40 for APIC id 4294967295"},
                {{true, true, 0, 0x40}, "interrupt 1: expected a vector for linux, found NMI 40 for APIC id 0"},
                {{true, false, 1, 15}, "interrupt 1: expected a vector for linux, found f for APIC id 1"},
                {{true, false, 1, 0}, "interrupt 1: expected a vector for linux, found 0 for APIC id 1"}};

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
        unit.interrupts[0][1] = rows[i].found;
        assert_finding(rows[i].words);
    }
    unit_make();
    unit.interrupts[1][0] = (struct fake_interrupt){true, false, 0, 0x40};
    assert_finding("AUDIT 01:02.2: interrupt 0: expected a vector for hello, found 40 for APIC id 0");
    unit_make();
    unit.rights[NIC].dma = false; /* interrupts are looked at whatever its DMA is */
    unit.interrupts[0][0].apic_id = 2;
    assert_finding("AUDIT 00:03.0: interrupt 0: expected a vector for linux, found 10 for APIC id 2");
}

static void test_interrupts_that_are_no_vectors(void **state)
{
    (void)state;
    unit.rights[DISK_VF].interrupts = 3; /* and the one that it may have */
    assert_finding("AUDIT 01:02.2: expected interrupts of its 2 vectors alone, found 4");
}

static void test_pins(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        unit_make();
        unit.interrupts[2][i].nmi = false;
        unit.interrupts[2][i].vector = 0x30;
        assert_finding("AUDIT IO-APIC: expected NMI to the housekeeping core, found vector 30, APIC id 3");
        unit_make();
        unit.interrupts[2][i].apic_id = 0;
        assert_finding("AUDIT IO-APIC: expected NMI to the housekeeping core, found vector 0, APIC id 0");
        unit.interrupts[2][i].present = false; /* no UART: no pin */
        assert_clean();
    }
}

/* The owner may restart, and its function with it, while the audit runs: each is looked at under the gate of its owner (assert_gate_held),
 * which is left behind. */
static void test_gates_are_left(void **state)
{
    (void)state;
    unit.rights[NIC].domain = 9;
    assert_finding("found domain 9");
    unit_make();
    unit.leaves[1][0].hpa = 0;
    assert_finding("DMA to 0");
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(partitions[i].gate.next, partitions[i].gate.owner);
        assert_int_equal(partitions[i].gate.next, 2);
    }
}

static void test_many_strangers_are_counted_and_few_shown(void **state)
{
    struct audit_result result;

    (void)state;
    for (unsigned i = 0; i < 0x10000; i++)
        unit.rights[i].dma = true;
    assert_int_equal(audit(&result), 65534);
    assert_int_equal(log_lines, 16);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_leaves_of_registers_are_uncached, machine_make),
        cmocka_unit_test_setup(test_every_flipped_bit_of_a_register_leaf, machine_make),
        cmocka_unit_test_setup(test_registers_cached_or_executed, machine_make),
        cmocka_unit_test_setup(test_missing_registers, machine_make),
        cmocka_unit_test_setup(test_pages_of_msix_are_not_mapped, machine_make),
        cmocka_unit_test_setup(test_registers_elsewhere, machine_make),
        cmocka_unit_test_setup(test_a_bar_of_ports_is_no_memory, machine_make),
        cmocka_unit_test_setup(test_registers_of_the_board, machine_make),
        cmocka_unit_test_setup(test_sound_units_are_silent_and_counted, with_units),
        cmocka_unit_test_setup(test_functions_that_are_cut_off_are_silent, with_units),
        cmocka_unit_test_setup(test_a_board_without_units, with_units),
        cmocka_unit_test_setup(test_units_off, with_units),
        cmocka_unit_test_setup(test_strangers, with_units),
        cmocka_unit_test_setup(test_foreign_domain, with_units),
        cmocka_unit_test_setup(test_leaves_of_dma, with_units),
        cmocka_unit_test_setup(test_leaves_in_a_ring, with_units),
        cmocka_unit_test_setup(test_interrupts_of_functions, with_units),
        cmocka_unit_test_setup(test_interrupts_that_are_no_vectors, with_units),
        cmocka_unit_test_setup(test_pins, with_units),
        cmocka_unit_test_setup(test_gates_are_left, with_units),
        cmocka_unit_test_setup(test_many_strangers_are_counted_and_few_shown, with_units),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
