/* SPDX-License-Identifier: Apache-2.0 */
/* The audit finds one flipped bit in any nested entry, permission map or control block (AC-23); and says nothing about tables that
 * are as the plan wants them. Built by the real builder, two partitions of two cores and one. */
#include "svm_machine.h"

/* --- a sound machine --------------------------------------------------------------------------------------------------------------- */

static void test_sound_tables_are_silent_and_counted(void **state)
{
    struct audit_result result;

    (void)state;
    if (audit(&result) != 0)
        fail_msg("%s", log_text);
    assert_int_equal(result.partitions, 2);
    assert_int_equal(result.cores, 4);
    assert_int_equal(result.leaves, 4 + 2 + 2 + 9 + 4 + 1 + 4 + 4 + 1 + 2 + 1);
    assert_int_equal(result.pages, (0x800000 + 0x400000 + 0x400000) / 4096 + 9 + 4 + 1 + 8 + 512 + 2 + 1);
    assert_int_equal(result.ports, 65536);
    assert_int_equal(result.msrs, 3 * 8192 * 2);
}

static void test_accessed_and_dirty_do_not_matter(void **state)
{
    (void)state;
    *large_leaf(0, 1) &= ~(PTE_A | PTE_D);
    *abi_leaf(1) &= ~(PTE_A | PTE_D);
    root[0][0] &= ~PTE_A;
    assert_clean();
}

/* --- nested tables ------------------------------------------------------------------------------------------------------------------- */

static void test_every_flipped_leaf_bit(void **state)
{
    (void)state;
    flip_every_bit(large_leaf(0, 0), PTE_A | PTE_D);
    flip_every_bit(large_leaf(0, 3), PTE_A | PTE_D);
    flip_every_bit(large_leaf(1, 1), PTE_A | PTE_D);
    for (unsigned page = 0; page < BH_ABI_PAGES; page++)
        flip_every_bit(abi_leaf(page), PTE_A | PTE_D);
    flip_every_bit(&below(below(below(idle_root, 0), 0), 0)[0], PTE_A | PTE_D);
}

static void test_every_flipped_table_bit(void **state)
{
    (void)state;
    flip_every_bit(&root[0][0], PTE_A);
    flip_every_bit(&below(root[1], 0)[3], PTE_A);
    flip_every_bit(&below(below(root[1], 0), 3)[0x180], PTE_A);
    flip_every_bit(&idle_root[0], PTE_A);
}

static uint64_t *channel_leaf(unsigned page)
{
    return register_leaf(1, CABLE_GPA + page * 0x1000ull);
}

/* What is shared is shared as the table says: with these, this way, and nobody executes it. Each of the two readings finds it. */
static void test_channels(void **state)
{
    const uint64_t bits = PTE_P | PTE_W | PTE_U | PTE_A | PTE_D | PTE_NX;

    (void)state;
    for (unsigned page = 0; page < 4; page++)
        flip_every_bit(channel_leaf(page), PTE_A | PTE_D);
    *channel_leaf(2) |= PTE_W;
    assert_finding("f2002000: expected R, found RW");
    assert_finding(" of lan.1");
    *channel_leaf(2) &= ~PTE_W;
    *channel_leaf(1) &= ~PTE_NX;
    assert_finding("f2001000: expected RW, found RWX");
    *channel_leaf(1) = 0;
    assert_finding("expected 8192 bytes of lan.0, found 4096");
    *channel_leaf(1) = arch_hpa(channel_pages[0] + 0x1000).v | bits;
    assert_clean();
    *register_leaf(0, NIC_SMALL) = arch_hpa(channel_pages[0]).v | bits; /* a Linux has none, though it is an end of it */
    assert_finding(" of lan.0");
}

/* Locality 0 for its owner; the others, from which a TPM takes more, and all of them for anybody else: nobody's. */
static void test_tpm(void **state)
{
    uint64_t leaf = *register_leaf(1, PLAN_TPM);

    (void)state;
    flip_every_bit(register_leaf(1, PLAN_TPM), PTE_A | PTE_D);
    *register_leaf(1, PLAN_TPM) = 0;
    assert_finding("AUDIT hello: fed40000: expected 4096 bytes of TPM, found 0");
    for (unsigned locality = 1; locality < PLAN_TPM_LOCALITIES; locality++) {
        *register_leaf(1, PLAN_TPM) = leaf + locality * PAGE_SIZE;
        assert_finding(" of the TPM");
    }
    *register_leaf(1, PLAN_TPM) = leaf;
    *register_leaf(1, PLAN_TPM + PAGE_SIZE) = leaf + PAGE_SIZE;
    assert_finding("AUDIT hello: fed41000: expected nothing, found fed41000");
    *register_leaf(1, PLAN_TPM + PAGE_SIZE) = 0;
    assert_clean();
    *register_leaf(0, NIC_SMALL) = leaf;
    assert_finding("AUDIT linux: fe000000: expected its own memory, found fed40000 of the TPM");
}

static void test_channel_as_table(void **state)
{
    (void)state;
    root[0][5] = arch_hpa(channel_pages[0]).v | PTE_P | PTE_W | PTE_U | PTE_A; /* what a guest can write */
    assert_finding("expected a table of ours");
}

static void test_stray_bit_in_an_empty_entry(void **state)
{
    (void)state;
    for (unsigned bit = 0; bit < 64; bit++) {
        struct audit_result result;

        *large_leaf(0, 100) = 1ull << bit;
        assert_int_not_equal(audit(&result), 0);
        *large_leaf(0, 100) = 0;
        root[1][511] = 1ull << bit;
        assert_int_not_equal(audit(&result), 0);
        root[1][511] = 0;
    }
}

static void test_missing_pages(void **state)
{
    (void)state;
    *large_leaf(0, 2) = 0;
    assert_finding("AUDIT linux: 0: expected 8388608 bytes of RAM, found 6291456");
    machine_make(NULL);
    *abi_leaf(3) = 0;
    assert_finding("AUDIT hello: f0001000: expected 20480 bytes of shared pages, found 16384");
    machine_make(NULL);
    root[1][0] = 0;
    assert_finding("expected 4194304 bytes of RAM, found 0");
}

static void test_extra_mapping(void **state)
{
    const uint64_t attributes = PTE_P | PTE_W | PTE_U | PTE_A | PTE_D;

    (void)state;
    *large_leaf(1, 2) = 0x7000000 | attributes | PTE_PS; /* nobody's */
    assert_finding("AUDIT hello: 400000: expected nothing, found 7000000, 2097152 bytes");
    *large_leaf(1, 2) = 0x4800000 | attributes | PTE_PS; /* its own, a second time */
    assert_finding("AUDIT hello: 400000: expected nothing, found 4800000");
    *large_leaf(1, 2) = 0;
    abi_leaf(0)[9] = 0xfee00000 | attributes | PTE_NX; /* the real local APIC */
    assert_finding("AUDIT hello: f0009000: expected nothing, found fee00000");
}

static void test_foreign_memory(void **state)
{
    const uint64_t attributes = PTE_P | PTE_W | PTE_U | PTE_A | PTE_D;
    static const struct {
        uint64_t hpa;
        const char *owner;
    } rows[] = {
        {0x4800000, "of hello"}, {0x2400000, "of crash record"}, {0x400000, "of image zone"}, {0x200000, "of the hypervisor"}};

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
        *large_leaf(0, 1) = rows[i].hpa | attributes | PTE_PS;
        assert_finding(rows[i].owner);
        assert_finding("AUDIT linux: 200000: expected 4200000, found");
    }
}

static void test_duplicate_frame(void **state)
{
    (void)state;
    *large_leaf(0, 1) = *large_leaf(0, 0);
    assert_finding("AUDIT linux: 200000: expected 4200000, found 4000000");
    machine_make(NULL);
    *abi_leaf(2) = *abi_leaf(1);
    assert_finding("AUDIT hello: f0002000");
}

static void test_wrong_size(void **state)
{
    (void)state;
    /* A large leaf where the ABI area's small ones belong. */
    below(below(root[1], 0), 3)[0x180] = 0x5400000 | PTE_P | PTE_W | PTE_U | PTE_A | PTE_D | PTE_PS;
    assert_finding("AUDIT hello: f0000000: expected nothing, found 5400000, 2097152 bytes");
    machine_make(NULL);
    /* 1 GiB, which nobody builds. */
    below(root[0], 0)[0] = 0x40000000 | PTE_P | PTE_W | PTE_U | PTE_A | PTE_D | PTE_PS;
    assert_finding("AUDIT linux: 0: level 3 entry");
}

static void test_permissions(void **state)
{
    (void)state;
    *abi_leaf(0) |= PTE_W;
    assert_finding("AUDIT hello: f0000000: expected R, found RW");
    machine_make(NULL);
    *abi_leaf(6) |= PTE_W;
    assert_finding("AUDIT hello: f0006000: expected R, found RW");
    machine_make(NULL);
    *abi_leaf(1) &= ~PTE_NX;
    assert_finding("AUDIT hello: f0001000: expected RW, found RWX");
}

static void test_rings_and_wild_tables(void **state)
{
    (void)state;
    root[0][5] = arch_hpa(root[0]).v | PTE_P | PTE_W | PTE_U | PTE_A; /* itself: comes to an end all the same */
    assert_finding("AUDIT linux: 28000000000: entry has unexpected bits");
    root[0][5] = 0x4000000 | PTE_P | PTE_W | PTE_U | PTE_A; /* a table in the partition's own RAM */
    assert_finding("AUDIT linux: expected a table of ours, found 4000000");
    root[0][5] = arch_hpa(partitions[1].abi + PAGE_SIZE).v | PTE_P | PTE_W | PTE_U | PTE_A; /* in a page it can write */
    assert_finding("AUDIT linux: expected a table of ours");
    root[0][5] = 0;
    partitions[0].nested_root = 0xffffffffff000;
    assert_finding("AUDIT linux: expected a table of ours, found ffffffffff000");
}

static void test_abi_pages_of_another(void **state)
{
    (void)state;
    partitions[0].abi = partitions[1].abi;
    assert_finding("of linux");
    machine_make(NULL);
    partitions[1].abi = NULL;
    assert_finding("AUDIT hello: f0000000: expected 0, found");
}

static void test_parking_guest(void **state)
{
    uint64_t *leaf = &below(below(below(idle_root, 0), 0), 0)[0];

    (void)state;
    *leaf |= PTE_W;
    assert_finding("AUDIT parking guest: 0: expected RX, found RWX");
    machine_make(NULL);
    leaf = &below(below(below(idle_root, 0), 0), 0)[0];
    leaf[1] = *leaf;
    assert_finding("AUDIT parking guest: 1000: expected nothing");
    machine_make(NULL);
    idle_page[0] = 0xfb;
    assert_finding("found other code");
    machine_make(NULL);
    leaf = &below(below(below(idle_root, 0), 0), 0)[0];
    *leaf = (*leaf & ~PTE_ADDRESS) | arch_hpa(partitions[1].abi).v;
    assert_finding("AUDIT parking guest: 0: expected its own memory");
    machine_make(NULL);
    idle[2].nested_root = partitions[1].nested_root; /* one core parks in a partition's table */
    assert_finding("AUDIT parking guest");
}

/* --- permission maps ------------------------------------------------------------------------------------------------------------------ */

static void test_flipped_port_bits(void **state)
{
    (void)state;
    for (uint32_t port = 0; port < 0x10000; port += 41)
        flip_map_bit(io_map, port);
    for (uint32_t port = 0xfff0; port < 0x10003; port++)
        flip_map_bit(io_map, port);
    io_map[0xcf8 / 8] &= 0xfe;
    assert_finding("AUDIT core 0: ports cf8..cff");
}

static void test_flipped_msr_bits(void **state)
{
    (void)state;
    for (uint32_t bit = 0; bit < 0xc000; bit += bit < 0x400 || (bit > 0x4000 && bit < 0x4200) ? 1 : 29)
        flip_map_bit(msr_map, bit);
    flip_map_bit(msr_map, 0xbfff);
}

static void test_msr_findings_name_register_and_direction(void **state)
{
    (void)state;
    msr_open(2048 * 8 + 2 * 0x80 + 1);
    assert_finding("AUDIT core 0: MSR c0000080: expected an exit on write, found it open");
    machine_make(NULL);
    msr_open(2 * 2048 * 8 + 2 * 0x117);
    assert_finding("AUDIT core 0: MSR c0010117: expected an exit on read");
    machine_make(NULL);
    msr_map[2 * 0x10 / 8] |= 1;
    assert_finding("AUDIT core 0: MSR 10: expected open for read, found an exit");
}

static void test_one_core_with_other_maps(void **state)
{
    uint8_t *other = pool_take(3);

    (void)state;
    memset(other, 0xff, 3 * PAGE_SIZE);
    other[0x60 / 8] = 0xfe;
    guest[1].io_map = idle[1].io_map = arch_hpa(other).v;
    assert_finding("AUDIT core 1: ports 60..67");
    guest[1].io_map = arch_hpa(io_map).v;
    assert_finding("parking control block lacks: maps that were checked");
    guest[2].msr_map = idle[2].msr_map = 0x4000000; /* in a partition's RAM */
    assert_finding("AUDIT core 2: expected permission maps in the pool");
    guest[2].msr_map = idle[2].msr_map = arch_hpa(partitions[1].abi + PAGE_SIZE).v;
    assert_finding("AUDIT core 2: expected permission maps in the pool");
}

/* --- control blocks --------------------------------------------------------------------------------------------------------------------- */

static void test_every_required_intercept(void **state)
{
    static const struct {
        uint32_t field; /* byte offset */
        uint32_t bits;
    } required[] = {{0x0c, 0xf80c0000u | 1u << 1 | 1u << 3 | 1u << 5 | 1u << 15 | 1u << 22 | 1u << 26},
                    {0x10, 0x6e7fu},
                    {0x14, 0x1bu},
                    {0x00, 1u << 20},
                    {0x08, 1u << 1 | 1u << 17 | 1u << 18}};

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(required); i++)
        for (unsigned bit = 0; bit < 32; bit++) {
            uint32_t *word = (uint32_t *)((uint8_t *)&guest[1] + required[i].field);

            if (!(required[i].bits >> bit & 1))
                continue;
            *word &= ~(1u << bit);
            assert_finding("AUDIT core 1: control block lacks: ");
            *word |= 1u << bit;
            word = (uint32_t *)((uint8_t *)&idle[3] + required[i].field);
            *word &= ~(1u << bit);
            assert_finding("AUDIT core 3: parking control block lacks: ");
            *word |= 1u << bit;
        }
    assert_clean();
}

static void test_other_control_fields(void **state)
{
    (void)state;
    guest[0].nested_control = 0;
    assert_finding("control block lacks: nested paging");
    machine_make(NULL);
    guest[0].nested_control |= 1ull << 1; /* SEV */
    assert_finding("control block lacks: nested paging");
    machine_make(NULL);
    guest[0].cr4 = ~(1ull << 6);
    assert_finding("AUDIT core 0: control block lacks: CR4.MCE");
    machine_make(NULL);
    idle[3].cr4 = 0;
    assert_finding("AUDIT core 3: parking control block lacks: CR4.MCE");
    machine_make(NULL);
    guest[0].asid = 0;
    assert_finding("control block lacks: address space identifier");
    machine_make(NULL);
    idle[0].asid = guest[0].asid;
    assert_finding("parking control block lacks: address space identifier of its own");
    machine_make(NULL);
    guest[2].tsc_offset = 1;
    assert_finding("AUDIT core 2: control block lacks: TSC offset 0");
    machine_make(NULL);
    guest[2].lbr_control = 1ull << 1; /* virtual VMSAVE */
    assert_finding("virtual VMSAVE");
    machine_make(NULL);
    guest[2].interrupt_control = VMCB_AVIC_ENABLE;
    assert_finding("AVIC");
    machine_make(NULL);
    guest[2].nested_root = partitions[0].nested_root;
    assert_finding("AUDIT core 2: expected nested table");
    machine_make(NULL);
    vcpus[1].partition = &partitions[1];
    assert_finding("AUDIT core 1: expected a core of linux");
}

static void test_many_findings_are_counted_and_few_shown(void **state)
{
    struct audit_result result;

    (void)state;
    memset(io_map, 0, 8192);
    assert_int_equal(audit(&result), 8192);
    assert_int_equal(log_lines, 16);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_sound_tables_are_silent_and_counted, machine_make),
        cmocka_unit_test_setup(test_accessed_and_dirty_do_not_matter, machine_make),
        cmocka_unit_test_setup(test_every_flipped_leaf_bit, machine_make),
        cmocka_unit_test_setup(test_every_flipped_table_bit, machine_make),
        cmocka_unit_test_setup(test_channels, machine_make),
        cmocka_unit_test_setup(test_channel_as_table, machine_make),
        cmocka_unit_test_setup(test_stray_bit_in_an_empty_entry, machine_make),
        cmocka_unit_test_setup(test_missing_pages, machine_make),
        cmocka_unit_test_setup(test_extra_mapping, machine_make),
        cmocka_unit_test_setup(test_foreign_memory, machine_make),
        cmocka_unit_test_setup(test_tpm, machine_make),
        cmocka_unit_test_setup(test_duplicate_frame, machine_make),
        cmocka_unit_test_setup(test_wrong_size, machine_make),
        cmocka_unit_test_setup(test_permissions, machine_make),
        cmocka_unit_test_setup(test_rings_and_wild_tables, machine_make),
        cmocka_unit_test_setup(test_abi_pages_of_another, machine_make),
        cmocka_unit_test_setup(test_parking_guest, machine_make),
        cmocka_unit_test_setup(test_flipped_port_bits, machine_make),
        cmocka_unit_test_setup(test_flipped_msr_bits, machine_make),
        cmocka_unit_test_setup(test_msr_findings_name_register_and_direction, machine_make),
        cmocka_unit_test_setup(test_one_core_with_other_maps, machine_make),
        cmocka_unit_test_setup(test_every_required_intercept, machine_make),
        cmocka_unit_test_setup(test_other_control_fields, machine_make),
        cmocka_unit_test_setup(test_many_findings_are_counted_and_few_shown, machine_make),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
