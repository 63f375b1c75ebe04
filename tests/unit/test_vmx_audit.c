/* SPDX-License-Identifier: Apache-2.0 */
/* The audit on an Intel machine: one flipped bit in any EPT entry, permission map or control is found (AC-23), and a machine as vmx.c
 * makes it is silent. */
#include "audit_machine.h"

#include "../../arch/x86/virt/vmx_controls.h"

/* --- a machine as vmx.c would make it ------------------------------------------------------------------------------------------------ */

#define EPT_R (1ull << 0)
#define EPT_W (1ull << 1)
#define EPT_X (1ull << 2)
#define EPT_RAM (6ull << 3 | 1ull << 6 | EPT_R | EPT_W | EPT_X) /* write-back, PAT ignored */
#define EPT_LARGE (1ull << 7)

static struct vmx_audit_copy guest[4], idle[4];
static bool no_idle;
static uint8_t *io_map, *msr_map;

const struct vmx_audit_copy *vmx_guest_copy(unsigned core)
{
    return core == 3 ? NULL : &guest[core];
}

const struct vmx_audit_copy *vmx_idle_copy(unsigned core)
{
    return no_idle ? NULL : &idle[core];
}

/* Controls as a Xeon D-1540 gets them (test_vmx_controls.c). */
static void copy_make(struct vmx_audit_copy *v, uint64_t table, uint16_t vpid)
{
    *v = (struct vmx_audit_copy){
        .controls = {0x3e, 0xb6006d72, 0x10ea, 0x3f6fff, 0xd1ff},
        .exception_bitmap = 1u << VECTOR_DB | 1u << VECTOR_AC | 1u << VECTOR_MC,
        .vpid = vpid,
        .cr0_mask = ~(CR0_MP | CR0_TS),
        .cr4_mask = ~0ull,
        .eptp = table | 0x1e,
        .io_map_a = arch_hpa(io_map).v,
        .io_map_b = arch_hpa(io_map).v + PAGE_SIZE,
        .msr_map = arch_hpa(msr_map).v,
        .encls_bitmap = ~0ull,
        .xss_bitmap = ~0ull,
    };
}

/* Bit 0..1fff: reads from 0; then reads from c0000000, writes from 0, writes from c0000000. */
static void msr_open(uint32_t bit)
{
    msr_map[bit / 8] = (uint8_t)(msr_map[bit / 8] & ~(1u << bit % 8));
}

static void maps_make(void)
{
    io_map = pool_take(2);
    memset(io_map, 0xff, 2 * PAGE_SIZE);
    pool_take(1); /* what is behind the map is not part of it */
    msr_map = pool_take(1);
    memset(msr_map, 0xff, PAGE_SIZE);
    msr_open(0x10);
    for (uint32_t msr = 0x174; msr <= 0x176; msr++) {
        msr_open(msr);
        msr_open(0x4000 + msr);
    }
    for (uint32_t msr = 0x81; msr <= 0x84; msr++) {
        msr_open(0x2000 + msr);
        msr_open(0x6000 + msr);
    }
}

static void machine_connect(void)
{
    for (unsigned p = 0; p < 2; p++)
        partitions[p].nested_root = arch_hpa(root[p]).v;
    for (unsigned core = 0; core < 4; core++) {
        unsigned owner = cores[core].partition;

        vcpus[core].partition = owner < 2 ? &partitions[owner] : NULL;
        copy_make(&guest[core], owner < 2 ? partitions[owner].nested_root : 0, (uint16_t)(2 + owner));
        copy_make(&idle[core], arch_hpa(idle_root).v, 1);
    }
}

static int machine_make(void **state)
{
    (void)state;
    no_idle = false;
    board_found.no_page_size_erratum = true;
    pool_next = 0;
    memset(plan_pool, 0, sizeof(plan_pool));
    memset(partitions, 0, sizeof(partitions[0]) * 2);
    maps_make();
    tables_make();
    machine_connect();
    return 0;
}

static void test_sound_machine_is_silent_and_counted(void **state)
{
    struct audit_result result;

    (void)state;
    if (audit(&result) != 0)
        fail_msg("%s", log_text);
    assert_int_equal(result.partitions, 2);
    assert_int_equal(result.cores, 4);
    assert_int_equal(result.leaves, 4 + 2 + 2 + 9 + 4 + 1 + 4 + 4 + 1 + 2 + 1);
    assert_int_equal(result.ports, 65536);
    assert_int_equal(result.msrs, 4 * 8192);
}

/* --- nested tables --------------------------------------------------------------------------------------------------------------------- */

static void test_every_flipped_entry_bit(void **state)
{
    (void)state;
    flip_every_bit(large_leaf(0, 0), 0);
    flip_every_bit(large_leaf(0, 3), 0);
    flip_every_bit(large_leaf(1, 1), 0);
    for (unsigned page = 0; page < BH_ABI_PAGES; page++)
        flip_every_bit(abi_leaf(page), 0);
    flip_every_bit(&below(below(below(idle_root, 0), 0), 0)[0], 0);
    flip_every_bit(&root[0][0], 0);
    flip_every_bit(&below(root[1], 0)[3], 0);
    flip_every_bit(&below(below(root[1], 0), 3)[0x180], 0);
    flip_every_bit(&idle_root[0], 0);
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

/* Not write-back, or as the guest's PAT says: a partition could lock the bus with any access, or see old data. */
static void test_memory_types(void **state)
{
    uint64_t *leaf = large_leaf(0, 1), right = *leaf;

    (void)state;
    for (uint64_t type = 0; type < 8; type++) {
        *leaf = (right & ~(7ull << 3)) | type << 3;
        if (type != 6) /* 0 is what registers have */
            assert_finding(type == 0 ? "AUDIT linux: 200000: expected RWX, found RWX uncached"
                                     : "AUDIT linux: 200000: entry has unexpected bits");
    }
    *leaf = right & ~(1ull << 6);
    assert_finding("AUDIT linux: 200000: entry has unexpected bits");
    *leaf = right | 3ull << 8; /* accessed and dirty, which are switched off */
    assert_finding("AUDIT linux: 200000: entry has unexpected bits");
}

/* Of registers: uncached whatever the guest's PAT says, and nothing else. The audit's list of a board's own is in test_audit_devices.c. */
static void test_registers(void **state)
{
    uint64_t *leaf = register_leaf(0, NIC_SMALL), right = *leaf;
    uint64_t *large = &below(below(root[0], 0), 3)[NIC_LARGE >> 21 & 511];

    (void)state;
    assert_int_equal(right, NIC_SMALL | EPT_R | EPT_W | 1ull << 6);
    assert_int_equal(*large, NIC_LARGE | EPT_R | EPT_W | 1ull << 6 | EPT_LARGE);
    flip_every_bit(leaf, 0);
    flip_every_bit(large, 0);
    flip_every_bit(register_leaf(1, VF_BAR + 0x1000), 0);
    for (uint64_t type = 1; type < 8; type++) {
        *leaf = right | type << 3;
        assert_finding(type == 6 ? "AUDIT linux: fe000000: expected RW uncached, found RW"
                                 : "AUDIT linux: fe000000: entry has unexpected bits");
    }
    *leaf = right & ~(1ull << 6);
    assert_finding("AUDIT linux: fe000000: entry has unexpected bits");
    *leaf = right;
    *register_leaf(0, NIC_MSIX) = NIC_MSIX | EPT_R | EPT_W | 1ull << 6;
    assert_finding("AUDIT linux: fe010000: expected no MSI-X table, found one");
}

static void test_extra_foreign_and_wrong_mappings(void **state)
{
    static const struct {
        uint64_t hpa;
        const char *owner;
    } rows[] = {
        {0x4800000, "of hello"}, {0x2400000, "of crash record"}, {0x400000, "of image zone"}, {0x200000, "of the hypervisor"}};

    (void)state;
    *large_leaf(1, 2) = 0x7000000 | EPT_RAM | EPT_LARGE;
    assert_finding("AUDIT hello: 400000: expected nothing, found 7000000, 2097152 bytes");
    *large_leaf(1, 2) = 0;
    abi_leaf(0)[9] = 0xfee00000 | EPT_RAM;
    assert_finding("AUDIT hello: f0009000: expected nothing, found fee00000");
    abi_leaf(0)[9] = 0;
    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
        *large_leaf(0, 1) = rows[i].hpa | EPT_RAM | EPT_LARGE;
        assert_finding(rows[i].owner);
    }
    machine_make(NULL);
    below(root[0], 0)[0] = 0x40000000 | EPT_RAM | EPT_LARGE; /* 1 GiB */
    assert_finding("AUDIT linux: 0: level 3 entry");
    machine_make(NULL);
    *large_leaf(0, 2) = 0;
    assert_finding("AUDIT linux: 0: expected 8388608 bytes of RAM, found 6291456");
}

/* CVE-2018-12207: what the builder makes for such a CPU is silent, and what it makes for another one is a finding for each leaf. */
static void test_page_size_erratum(void **state)
{
    struct audit_result result;
    uint64_t *leaf;

    (void)state;
    board_found.no_page_size_erratum = false;
    assert_int_equal(audit(&result), 4 + 2 + 2);
    assert_non_null(strstr(log_text, "AUDIT linux: 0: entry has unexpected bits"));
    pool_next = 0;
    memset(plan_pool, 0, sizeof(plan_pool));
    maps_make();
    tables_make();
    machine_connect();
    if (audit(&result) != 0)
        fail_msg("%s", log_text);
    assert_int_equal(result.leaves, 512 * (4 + 2 + 2) + 9 + 4 + 1 + 4 + 4 + 1 + 2 + 1); /* the large page of registers stays one */
    leaf = large_leaf(0, 1);
    *leaf = 0x4200000 | EPT_RAM | EPT_LARGE;
    assert_finding("AUDIT linux: 200000: entry has unexpected bits");
    *leaf = (0x4200000 | EPT_RAM | EPT_LARGE) & ~EPT_X; /* not to be executed from: allowed, but not here */
    assert_finding("AUDIT linux: 200000: expected RWX, found RW");
}

static void test_permissions(void **state)
{
    (void)state;
    *abi_leaf(0) |= EPT_W;
    assert_finding("AUDIT hello: f0000000: expected R, found RW");
    machine_make(NULL);
    *abi_leaf(1) |= EPT_X;
    assert_finding("AUDIT hello: f0001000: expected RW, found RWX");
    machine_make(NULL);
    *large_leaf(0, 0) &= ~EPT_R; /* a misconfiguration */
    assert_finding("AUDIT linux: 0: entry has unexpected bits");
    machine_make(NULL);
    below(below(below(idle_root, 0), 0), 0)[0] |= EPT_W;
    assert_finding("AUDIT parking guest: 0: expected RX, found RWX");
}

static void test_wild_tables(void **state)
{
    (void)state;
    root[0][5] = arch_hpa(root[0]).v | 7; /* itself: comes to an end all the same */
    assert_finding("AUDIT linux:");
    root[0][5] = 0x4000000 | 7; /* a table in the partition's own RAM */
    assert_finding("AUDIT linux: expected a table of ours, found 4000000");
    root[0][5] = arch_hpa(partitions[1].abi + PAGE_SIZE).v | 7;
    assert_finding("AUDIT linux: expected a table of ours");
}

/* --- permission maps --------------------------------------------------------------------------------------------------------------------- */

static void test_flipped_port_bits(void **state)
{
    (void)state;
    for (uint32_t port = 0; port < 0x10000; port += 41)
        flip_map_bit(io_map, port);
    flip_map_bit(io_map, 0x7fff);
    flip_map_bit(io_map, 0x8000);
    flip_map_bit(io_map, 0xffff);
    io_map[0x10000 / 8] = 0; /* not part of the map */
    assert_clean();
}

static void test_flipped_msr_bits(void **state)
{
    (void)state;
    for (uint32_t bit = 0; bit < 0x8000; bit += bit % 0x2000 < 0x200 ? 1 : 29)
        flip_map_bit(msr_map, bit);
    flip_map_bit(msr_map, 0x7fff);
}

static void test_msr_findings_name_register_and_direction(void **state)
{
    (void)state;
    msr_open(0x6000 + 0x80);
    assert_finding("AUDIT core 0: MSR c0000080: expected an exit on write, found it open");
    machine_make(NULL);
    msr_open(0x2000 + 0x1fff);
    assert_finding("AUDIT core 0: MSR c0001fff: expected an exit on read, found it open");
    machine_make(NULL);
    msr_open(0x4000 + 0x10);
    assert_finding("AUDIT core 0: MSR 10: expected an exit on write, found it open");
    machine_make(NULL);
    msr_map[0x10 / 8] |= 1;
    assert_finding("AUDIT core 0: MSR 10: expected open for read, found an exit");
    machine_make(NULL);
    msr_map[(0x4000 + 0x175) / 8] |= 1u << 5;
    assert_finding("AUDIT core 0: MSR 175: expected open for write, found an exit");
}

static void test_msrs_outside_the_map_exit(void **state)
{
    static const uint32_t outside[] = {0x2000, 0x80b0000, 0xbfffffff, 0xc0002000, 0xc0010114, 0xffffffff};

    (void)state;
    memset(msr_map, 0, PAGE_SIZE);
    for (unsigned i = 0; i < ARRAY_SIZE(outside); i++) {
        assert_true(audit_msr_exits(msr_map, outside[i], false));
        assert_true(audit_msr_exits(msr_map, outside[i], true));
    }
    assert_false(audit_msr_exits(msr_map, 0xc0001fff, true));
    assert_false(audit_msr_exits(msr_map, 0x1fff, false));
}

static void test_one_core_with_other_maps(void **state)
{
    uint8_t *other = pool_take(2);

    (void)state;
    memset(other, 0xff, 2 * PAGE_SIZE);
    other[0x60 / 8] = 0xfe;
    guest[1].io_map_a = idle[1].io_map_a = arch_hpa(other).v;
    guest[1].io_map_b = idle[1].io_map_b = arch_hpa(other).v + PAGE_SIZE;
    assert_finding("AUDIT core 1: ports 60..67");
    guest[1].io_map_a = arch_hpa(io_map).v;
    guest[1].io_map_b = arch_hpa(io_map).v + PAGE_SIZE;
    assert_finding("parking control block lacks: maps that were checked");
    guest[2].msr_map = idle[2].msr_map = 0x4000000; /* in a partition's RAM */
    assert_finding("AUDIT core 2: expected permission maps in the pool");
    machine_make(NULL);
    guest[2].io_map_b = arch_hpa(msr_map).v;
    assert_finding("AUDIT core 2: control block lacks: port map in one piece");
    machine_make(NULL);
    guest[0].msr_map = arch_hpa(io_map).v;
    assert_finding("parking control block lacks: maps that were checked");
}

/* --- controls ---------------------------------------------------------------------------------------------------------------------------- */

/* Flip each control of one guest and of one parking guest: which must be seen, and which is free. */
static void test_every_control(void **state)
{
    static const struct {
        size_t field;
        uint32_t seen;
    } rows[] = {{offsetof(struct vmx_controls, pin), 0xa9},
                {offsetof(struct vmx_controls, proc), 0xb2220c08},
                {offsetof(struct vmx_controls, proc2), 0xbe663f3},
                {offsetof(struct vmx_controls, exit), 0x3c1204},
                {offsetof(struct vmx_controls, entry), 0xec04}};

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++)
        for (unsigned bit = 0; bit < 32; bit++) {
            uint32_t *ours = (uint32_t *)((uint8_t *)&guest[1].controls + rows[i].field);
            uint32_t *parked = (uint32_t *)((uint8_t *)&idle[3].controls + rows[i].field);
            struct audit_result result;

            *ours ^= 1u << bit;
            if (!(rows[i].seen >> bit & 1)) {
                if (audit(&result) != 0)
                    fail_msg("group %u, bit %u: %s", i, bit, log_text);
            } else {
                assert_finding("AUDIT core 1: control block lacks: ");
            }
            *ours ^= 1u << bit;
            *parked ^= 1u << bit;
            if (rows[i].seen >> bit & 1)
                assert_finding("AUDIT core 3: parking control block lacks: ");
            *parked ^= 1u << bit;
        }
    assert_clean();
}

static void test_other_fields(void **state)
{
    (void)state;
    for (unsigned bit = 0; bit < 32; bit++)
        if (bit == VECTOR_DB || bit == VECTOR_AC || bit == VECTOR_MC) {
            guest[0].exception_bitmap ^= 1u << bit;
            assert_finding("AUDIT core 0: control block lacks: #DB, #AC, #MC");
            guest[0].exception_bitmap ^= 1u << bit;
        }
    for (unsigned bit = 0; bit < 64; bit++) {
        guest[0].cr4_mask ^= 1ull << bit;
        assert_finding("control block lacks: CR0, CR4");
        guest[0].cr4_mask ^= 1ull << bit;
        guest[0].cr0_mask ^= 1ull << bit;
        if (bit != 1 && bit != 3)
            assert_finding("control block lacks: CR0, CR4");
        else
            assert_clean();
        guest[0].cr0_mask ^= 1ull << bit;
        guest[0].eptp ^= 1ull << bit;
        assert_finding(bit < 12 || bit >= 52 ? "control block lacks: EPT pointer" : "expected nested table");
        guest[0].eptp ^= 1ull << bit;
    }
    guest[2].vpid = 0;
    assert_finding("AUDIT core 2: control block lacks: EPT pointer");
    guest[2].vpid = 1;
    assert_finding("parking control block lacks: identifier of its own");
    machine_make(NULL);
    guest[2].tsc_offset = 1;
    assert_finding("control block lacks: TSC offset 0");
    machine_make(NULL);
    idle[2].encls_bitmap = 0;
    assert_finding("parking control block lacks: TSC offset 0, all ENCLS");
    machine_make(NULL);
    guest[1].xss_bitmap = 0x7fffffffffffffff;
    assert_finding("AUDIT core 1: control block lacks: TSC offset 0, all ENCLS, all XSAVES");
}

static void test_lists_and_roots(void **state)
{
    (void)state;
    guest[2].exit_msr_store_count = 1;
    assert_finding("control block lacks: no MSR lists");
    machine_make(NULL);
    guest[2].exit_msr_load_count = 1;
    assert_finding("control block lacks: no MSR lists");
    machine_make(NULL);
    guest[2].entry_msr_load_count = 1;
    assert_finding("control block lacks: no MSR lists");
    machine_make(NULL);
    guest[2].eptp = partitions[0].nested_root | 0x1e;
    assert_finding("AUDIT core 2: expected nested table");
    machine_make(NULL);
    idle[2].eptp = partitions[1].nested_root | 0x1e;
    assert_finding("AUDIT parking guest");
    machine_make(NULL);
    no_idle = true;
    assert_finding("AUDIT core 0: control block lacks: control block");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_sound_machine_is_silent_and_counted, machine_make),
        cmocka_unit_test_setup(test_every_flipped_entry_bit, machine_make),
        cmocka_unit_test_setup(test_stray_bit_in_an_empty_entry, machine_make),
        cmocka_unit_test_setup(test_memory_types, machine_make),
        cmocka_unit_test_setup(test_registers, machine_make),
        cmocka_unit_test_setup(test_extra_foreign_and_wrong_mappings, machine_make),
        cmocka_unit_test_setup(test_page_size_erratum, machine_make),
        cmocka_unit_test_setup(test_permissions, machine_make),
        cmocka_unit_test_setup(test_wild_tables, machine_make),
        cmocka_unit_test_setup(test_flipped_port_bits, machine_make),
        cmocka_unit_test_setup(test_flipped_msr_bits, machine_make),
        cmocka_unit_test_setup(test_msr_findings_name_register_and_direction, machine_make),
        cmocka_unit_test_setup(test_msrs_outside_the_map_exit, machine_make),
        cmocka_unit_test_setup(test_one_core_with_other_maps, machine_make),
        cmocka_unit_test_setup(test_every_control, machine_make),
        cmocka_unit_test_setup(test_other_fields, machine_make),
        cmocka_unit_test_setup(test_lists_and_roots, machine_make),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
