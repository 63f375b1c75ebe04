/* SPDX-License-Identifier: Apache-2.0 */
/* VMX controls against what real CPUs and Bochs' models say of themselves: the controls that come out, and the refusal for each
 * capability taken away or forced on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../arch/x86/virt/vmx_controls.h"

/* --- CPUs: the TRUE values, all have BASIC[55] -------------------------------------------------------------------------------------- */

#define PIN 0x0000007f00000016ull
#define PIN_POSTED 0x000000ff00000016ull
#define PROC 0xfff9fffe04006172ull
#define CR0 .cr0_fixed0 = 0x80000021, .cr0_fixed1 = 0xffffffff, .cr4_fixed0 = 0x2000

static const struct cpu {
    const char *name;
    struct vmx_capabilities says;
    uint32_t proc2; /* expected */
} cpus[] = {
    /* MSR listing of an Atom C3958 (Denverton, 506f1), published with its CPUID by the InstLatx64 project. */
    {"Atom C3958",
     {true, 39, 5, .basic = 0x00da040000000011, .misc = 0x6004c1e7, .ept_vpid = 0xf0106334141, .pin = PIN_POSTED, .proc = PROC,
      .exit = 0x01ffffff00036dfb, .entry = 0x0003ffff000011fb, .proc2 = 0x001d6fff00000000, CR0, .cr4_fixed1 = 0x3527ff},
     0x1000ea},
    /* The same of a Xeon D-1540 (Broadwell-DE, 50662). */
    {"Xeon D-1540",
     {true, 46, 5, .basic = 0x00da040000000012, .misc = 0x300481e5, .ept_vpid = 0xf0106334141, .pin = PIN_POSTED, .proc = PROC,
      .exit = 0x007fffff00036dfb, .entry = 0x0000ffff000011fb, .proc2 = 0x00077fff00000000, CR0, .cr4_fixed1 = 0x3767ff},
     0x10ea},
    /* A Core of family 906ea (Coffee Lake, 39 bits, with SGX), from a log of VirtualBox on it. */
    {"Core 906ea",
     {true, 39, 0x20005, .basic = 0x00da040000000004, .misc = 0x7004c1e7, .ept_vpid = 0xf0106734141, .pin = PIN, .proc = PROC,
      .exit = 0x01ffffff00036dfb, .entry = 0x0003ffff000011fb, .proc2 = 0x005fbcff00000000, CR0, .cr4_fixed1 = 0x3727ff},
     0x1090ea},
    /* An Atom-like Pentium N3530 (Silvermont) and a Core i7-3960X (Sandy Bridge), from VirtualBox' CPU reports. */
    {"Pentium N3530",
     {true, 36, 5, .basic = 0x00da040000000002, .misc = 0x481e6, .ept_vpid = 0xf0106114141, .pin = PIN, .proc = PROC,
      .exit = 0x007fffff00036dfb, .entry = 0x0000ffff000011fb, .proc2 = 0x000028ef00000000, CR0, .cr4_fixed1 = 0x1027ff},
     0xea},
    {"Core i7-3960X",
     {true, 46, 5, .basic = 0x00da040000000010, .misc = 0x100401e5, .ept_vpid = 0xf0106134141, .pin = PIN, .proc = PROC,
      .exit = 0x007fffff00036dfb, .entry = 0x0000ffff000011fb, .proc2 = 0x000004ff00000000, CR0, .cr4_fixed1 = 0x627ff},
     0xea},
    /* Derived, no listing of one: the Core above with tertiary controls, WAITPKG, bus-lock detection, Notify exits and CET state. */
    {"a Core with Notify exits",
     {true, 46, 5, .basic = 0x01da040000000004, .misc = 0x7004c1e7, .ept_vpid = 0xf0106734141, .pin = PIN_POSTED,
      .proc = PROC | 1ull << 49, .exit = 0x1fffffff00036dfb, .entry = 0x007fffff000011fb, .proc2 = 0xdffffeff00000000, CR0,
      .cr4_fixed1 = 0xff7fff},
     0xd41090ea},
    /* Bochs 2.7, measured: corei7_haswell_4770, corei7_skylake_x, corei7_icelake_u. */
    {"Bochs haswell",
     {true, 40, 5, .basic = 0x00d810000000002b, .misc = 0x200401e0, .ept_vpid = 0xf0106334141, .pin = PIN,
      .proc = 0xf7f9fffe04006172, .exit = 0x007fffff00036dfb, .entry = 0x0000ffff000011fb, .proc2 = 0x00047fff00000000, CR0,
      .cr4_fixed1 = 0x1727ff},
     0x10ea},
    {"Bochs skylake_x",
     {true, 40, 5, .basic = 0x00d810000000002b, .misc = 0x600401e0, .ept_vpid = 0xf0106334141, .pin = PIN,
      .proc = 0xf7f9fffe04006172, .exit = 0x007fffff00036dfb, .entry = 0x0000ffff000011fb, .proc2 = 0x02177fff00000000, CR0,
      .cr4_fixed1 = 0x3727ff},
     0x1010ea},
    {"Bochs icelake_u",
     {true, 40, 5, .basic = 0x00d8100000000004, .misc = 0x600401e0, .ept_vpid = 0xf0106334141, .pin = PIN, .proc = PROC,
      .exit = 0x007fffff00036dfb, .entry = 0x0000ffff000011fb, .proc2 = 0x02977fff00000000, CR0, .cr4_fixed1 = 0x772fff},
     0x1010ea},
};
#define XEON cpus[1].says

static void assert_refused(const struct vmx_capabilities *says, const char *words)
{
    struct vmx_controls out = {1, 2, 3, 4, 5}, untouched = out;
    const char *refusal = vmx_controls_compute(says, &out);

    if (refusal == NULL || strstr(refusal, words) == NULL)
        fail_msg("\"%s\", expected \"%s\"", refusal ? refusal : "nothing", words);
    assert_memory_equal(&out, &untouched, sizeof(out));
}

/* --- what comes out ------------------------------------------------------------------------------------------------------------------- */

/* The figures are worked out by hand from SDM3 25.6 to 25.8: reserved ones, and pin 3, 5; proc 10, 11, 25, 28, 29, 31; exit 2, 9,
 * 18 to 21; entry 2, 14, 15. */
static void test_controls_of_every_cpu(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(cpus); i++) {
        struct vmx_controls out = {0};
        const char *refusal = vmx_controls_compute(&cpus[i].says, &out);

        if (refusal != NULL)
            fail_msg("%s: %s", cpus[i].name, refusal);
        assert_int_equal(out.pin, 0x3e);
        assert_int_equal(out.proc, 0xb6006d72);
        if (out.proc2 != cpus[i].proc2)
            fail_msg("%s: secondary controls %x, expected %x", cpus[i].name, out.proc2, cpus[i].proc2);
        assert_int_equal(out.exit, 0x3f6fff);
        assert_int_equal(out.entry, 0xd1ff);
    }
}

/* Whatever comes out, VM entry accepts it. */
static void test_controls_are_legal(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(cpus); i++) {
        const struct vmx_capabilities *c = &cpus[i].says;
        struct vmx_controls out = {0};
        uint32_t values[5];
        const uint64_t msrs[5] = {c->pin, c->proc, c->proc2, c->exit, c->entry};

        assert_null(vmx_controls_compute(c, &out));
        memcpy(values, &out, sizeof(values));
        for (unsigned group = 0; group < 5; group++) {
            assert_int_equal(values[group] & ~(uint32_t)(msrs[group] >> 32), 0);
            assert_int_equal((uint32_t)msrs[group] & ~values[group], 0);
        }
    }
}

/* A bit that no row wants never comes out, however much a CPU offers. */
static void test_nothing_more_is_taken_than_wanted(void **state)
{
    struct vmx_capabilities all = XEON;
    struct vmx_controls out = {0};

    (void)state;
    all.pin |= 0xffffffffull << 32;
    all.proc |= 0xffffffffull << 32;
    all.proc2 |= 0xffffffffull << 32;
    all.exit |= 0xffffffffull << 32;
    all.entry |= 0xffffffffull << 32;
    assert_null(vmx_controls_compute(&all, &out));
    assert_int_equal(out.pin, 0x3e);
    assert_int_equal(out.proc, 0xb6006d72);
    assert_int_equal(out.proc2,
                     0xd41090ea); /* EPT, RDTSCP, VPID, WBINVD, UG, INVPCID, ENCLS, XSAVES, WAITPKG, ENCLV, bus lock, Notify */
    assert_int_equal(out.exit, 0x3f6fff);
    assert_int_equal(out.entry, 0xd1ff);
}

static void test_optional_ones_are_taken_where_present(void **state)
{
    static const uint32_t optional[] = {VMX_PROC2_RDTSCP, VMX_PROC2_INVPCID,  VMX_PROC2_ENCLS,  VMX_PROC2_ENCLV,
                                        VMX_PROC2_NOTIFY, VMX_PROC2_BUS_LOCK, VMX_PROC2_XSAVES, VMX_PROC2_WAITPKG};

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(optional); i++) {
        struct vmx_capabilities says = XEON;
        struct vmx_controls out = {0};

        says.proc2 |= (uint64_t)optional[i] << 32;
        assert_null(vmx_controls_compute(&says, &out));
        assert_int_equal(out.proc2 & optional[i], optional[i]);
        says.proc2 &= ~((uint64_t)optional[i] << 32);
        assert_null(vmx_controls_compute(&says, &out));
        assert_int_equal(out.proc2 & optional[i], 0);
    }
}

/* --- refusals --------------------------------------------------------------------------------------------------------------------------- */

struct bit_row {
    size_t msr; /* offset in struct vmx_capabilities */
    unsigned bit;
    const char *words;
};
#define MSR(name) offsetof(struct vmx_capabilities, name)

static uint64_t *msr_of(struct vmx_capabilities *says, size_t offset)
{
    return (uint64_t *)((uint8_t *)says + offset);
}

static void test_every_needed_control(void **state)
{
    static const struct bit_row rows[] = {
        {MSR(pin), 3, "no NMI exiting"},
        {MSR(pin), 5, "no virtual NMIs"},
        {MSR(pin), 6, "no preemption timer"},
        {MSR(proc), 10, "no MWAIT and MONITOR exiting"},
        {MSR(proc), 11, "no RDPMC exiting"},
        {MSR(proc), 22, "no NMI-window exiting"},
        {MSR(proc), 25, "no I/O bitmaps"},
        {MSR(proc), 28, "no MSR bitmaps"},
        {MSR(proc), 29, "no MWAIT and MONITOR exiting"},
        {MSR(proc), 31, "no secondary controls"},
        {MSR(proc2), 1, "no EPT"},
        {MSR(proc2), 5, "no VPID"},
        {MSR(proc2), 6, "no WBINVD exiting"},
        {MSR(proc2), 7, "no unrestricted guests"},
        {MSR(exit), 2, "no saving of DR7"},
        {MSR(exit), 9, "no 64-bit host"},
        {MSR(exit), 18, "no PAT switching"},
        {MSR(exit), 19, "no PAT switching"},
        {MSR(exit), 20, "no EFER switching"},
        {MSR(exit), 21, "no EFER switching"},
        {MSR(entry), 2, "no loading of DR7"},
        {MSR(entry), 9, "no 64-bit guests"},
        {MSR(entry), 14, "no PAT switching"},
        {MSR(entry), 15, "no EFER switching"},
    };

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
        struct vmx_capabilities says = XEON;

        *msr_of(&says, rows[i].msr) &= ~(1ull << (32 + rows[i].bit));
        assert_refused(&says, "VIRT-7: ");
        assert_refused(&says, rows[i].words);
        assert_refused(&says, "; use a CPU with");
    }
}

/* No control may be forced on that would exit, or whose meaning is unknown. */
static void test_every_forced_control(void **state)
{
    static const struct {
        size_t msr;
        uint32_t harmless; /* set anyway */
    } groups[] = {{MSR(pin), 0x3e}, {MSR(proc), 0xb6006d72}, {MSR(proc2), 0xd41090ea}, {MSR(exit), 0x3f6fff}, {MSR(entry), 0xd1ff}};

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(groups); i++)
        for (unsigned bit = 0; bit < 32; bit++) {
            struct vmx_capabilities says = XEON;
            struct vmx_controls out;

            *msr_of(&says, groups[i].msr) |= 0x100000001ull << bit;
            if (groups[i].harmless >> bit & 1)
                assert_null(vmx_controls_compute(&says, &out));
            else if ((i == 0 && bit == 6) || (i == 1 && bit == 22) || (i == 4 && bit == 9))
                assert_refused(&says, "VIRT-7: "); /* those that change while the guest runs */
            else
                assert_refused(&says, "VIRT-8: ");
        }
}

/* A CPU without TRUE MSRs exits on CR3. */
static void test_cpu_without_true_msrs(void **state)
{
    struct vmx_capabilities says = XEON;

    (void)state;
    says.proc = 0xfff9fffe0401e172;
    assert_refused(&says, "VIRT-8: VMX of this CPU cannot do without exits on CR3");
}

static void test_memory_and_vmcs(void **state)
{
    static const struct bit_row rows[] = {{MSR(ept_vpid), 6, "EPT of 4 levels"},         {MSR(ept_vpid), 14, "write-back"},
                                          {MSR(ept_vpid), 16, "pages of 2 MiB"},         {MSR(ept_vpid), 20, "no INVEPT"},
                                          {MSR(ept_vpid), 26, "INVEPT of all contexts"}, {MSR(ept_vpid), 32, "no INVVPID"},
                                          {MSR(ept_vpid), 42, "INVVPID of all"},         {MSR(misc), 6, "activity state HLT"},
                                          {MSR(basic), 51, "VMCS in write-back memory"}};

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
        struct vmx_capabilities says = XEON;

        *msr_of(&says, rows[i].msr) &= ~(1ull << rows[i].bit);
        assert_refused(&says, rows[i].words);
    }
}

/* What we do not use may be missing: execute-only, 1 GiB, accessed and dirty, other kinds of INVEPT and INVVPID. */
static void test_memory_features_without_use(void **state)
{
    struct vmx_capabilities says = XEON;
    struct vmx_controls out;

    (void)state;
    says.ept_vpid = 1ull << 6 | 1ull << 14 | 1ull << 16 | 1ull << 20 | 1ull << 26 | 1ull << 32 | 1ull << 42;
    assert_null(vmx_controls_compute(&says, &out));
}

static void test_no_vmx(void **state)
{
    const struct vmx_capabilities nothing = {0};

    (void)state;
    assert_refused(&nothing, "VIRT-5: ");
}

static void test_firmware_lock(void **state)
{
    static const struct {
        uint64_t value;
        bool refused;
    } rows[] = {{0, false}, {1, true}, {2, false}, {3, true}, {4, false}, {5, false}, {7, false}, {0x20001, true}};

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
        struct vmx_capabilities says = XEON;
        struct vmx_controls out;

        says.feature_control = rows[i].value;
        if (rows[i].refused) {
            assert_refused(&says, "VIRT-6: ");
            assert_refused(&says, "in its setup set Intel Virtualization Technology");
        } else {
            assert_null(vmx_controls_compute(&says, &out)); /* unlocked: we set it ourselves */
        }
    }
}

/* CVE-2018-12207. IA32_ARCH_CAPABILITIES as the SDM numbers its bits: absent; RSBA; RDCL_NO, IBRS_ALL, no L1D flush, MDS_NO; these with
 * bit 6; bit 6 alone; all others. The board may claim less than the CPU says, never more. */
static void test_page_size_erratum(void **state)
{
    static const struct {
        uint64_t value;
        bool sound;
    } rows[] = {{0, false}, {0x4, false}, {0x2b, false}, {0x6b, true}, {0x40, true}, {~0x40ull, false}};

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
        struct vmx_capabilities says = XEON;
        const char *refusal;

        says.arch_capabilities = rows[i].value;
        assert_null(vmx_page_size_check(&says, false));
        refusal = vmx_page_size_check(&says, true);
        if (rows[i].sound) {
            assert_null(refusal);
        } else {
            assert_non_null(refusal);
            assert_non_null(strstr(refusal, "VIRT-9: "));
            assert_non_null(strstr(refusal, "CVE-2018-12207"));
            assert_non_null(strstr(refusal, "take it out of board.c"));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_controls_of_every_cpu),
        cmocka_unit_test(test_controls_are_legal),
        cmocka_unit_test(test_nothing_more_is_taken_than_wanted),
        cmocka_unit_test(test_optional_ones_are_taken_where_present),
        cmocka_unit_test(test_every_needed_control),
        cmocka_unit_test(test_every_forced_control),
        cmocka_unit_test(test_cpu_without_true_msrs),
        cmocka_unit_test(test_memory_and_vmcs),
        cmocka_unit_test(test_memory_features_without_use),
        cmocka_unit_test(test_no_vmx),
        cmocka_unit_test(test_firmware_lock),
        cmocka_unit_test(test_page_size_erratum),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
