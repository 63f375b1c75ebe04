/* SPDX-License-Identifier: Apache-2.0 */
/* Writes of CR0 and CR4: every bit alone, every combination of the bits that matter, LMSW, CLTS, and what the code bytes may be
 * (AC-02, AC-03). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "fake_virt.h"
#include "policy.h"
#include "x86.h"

static struct vcpu *v;
static uint8_t ram[PAGE_SIZE];

/* Real or flat protected mode without paging: code at guest-physical 0x100. */
static int setup(void **state)
{
    (void)state;
    fake_virt_reset(1, APIC_X2APIC);
    fake_cpuid_all();
    fake_virt.ram = ram;
    fake_virt.ram_size = sizeof(ram);
    fake_virt.state = (struct guest_state){.rip = 0x100, .cr0 = CR0_PE | CR0_ET, .cs_default32 = true};
    v = fake_one.vcpus;
    return 0;
}

static bool run(unsigned cr, const uint8_t *code, unsigned size)
{
    unsigned length = 99;
    bool done;

    memset(ram + 0x100, 0x90, 16);
    memcpy(ram + 0x100, code, size);
    done = guest_cr_write(v, cr, &length);
    if (done)
        assert_int_equal(length, size);
    return done;
}

static bool mov_cr0(uint64_t value)
{
    v->regs.r[REG_RBX] = value;
    return run(0, (const uint8_t[]){0x0f, 0x22, 0xc3}, 3);
}

static bool mov_cr4(uint64_t value)
{
    v->regs.r[REG_RBX] = value;
    return run(4, (const uint8_t[]){0x0f, 0x22, 0xe3}, 3);
}

static void enter_long_mode(void)
{
    fake_virt.state = (struct guest_state){
        .rip = 0x100, .cr0 = CR0_PE | CR0_PG | CR0_ET, .cr4 = CR4_PAE, .efer = EFER_LME | EFER_LMA, .cs_long = true};
}

/* MOV with paging on, through a large leaf at address 0 in the tables of the mode that the state is in. */
static bool paged_mov(unsigned cr, uint64_t value)
{
    static const uint8_t code[2][3] = {{0x0f, 0x22, 0xc3}, {0x0f, 0x22, 0xe3}};
    static uint64_t big[3 * PAGE_SIZE / 8];
    unsigned length;

    v->regs.r[REG_RBX] = value;
    memcpy(big + 0x100 / 8, code[cr == 4], 3);
    big[PAGE_SIZE / 8] = fake_virt.state.cr4 & CR4_PAE ? 2 * PAGE_SIZE | PTE_P : PTE_P | PTE_PS;
    big[2 * PAGE_SIZE / 8] = PTE_P | PTE_PS;
    fake_virt.ram = (uint8_t *)big;
    fake_virt.ram_size = sizeof(big);
    fake_virt.state.cr3 |= PAGE_SIZE;
    return guest_cr_write(v, cr, &length);
}

static void ac03_cr0_each_bit(void **state)
{
    const uint64_t legal = CR0_PE | CR0_MP | CR0_EM | CR0_TS | CR0_NE | CR0_WP | CR0_AM;

    (void)state;
    for (unsigned bit = 0; bit < 32; bit++) {
        bool want = bit != 29 && bit != 31; /* NW without CD; PG needs more */

        fake_virt.state.cr0 = CR0_ET;
        assert_int_equal(mov_cr0(1ull << bit), want);
        assert_true(fake_virt.state.cr0 == (CR0_ET | (want ? 1ull << bit & legal : 0)));
    }
}

static void ac03_cr0_upper_half(void **state)
{
    (void)state;
    for (unsigned bit = 32; bit < 64; bit++) {
        enter_long_mode();
        assert_false(paged_mov(0, CR0_PE | CR0_PG | 1ull << bit));
        setup(0);
        assert_true(mov_cr0(CR0_PE | 1ull << bit)); /* a 32-bit MOV has no upper half */
        assert_true(fake_virt.state.cr0 == (CR0_PE | CR0_ET));
    }
}

static void ac02_cd_and_nw_never_arrive(void **state)
{
    (void)state;
    assert_true(mov_cr0(CR0_PE | CR0_CD | CR0_NW));
    assert_true(fake_virt.state.cr0 == (CR0_PE | CR0_ET));
    assert_true(mov_cr0(CR0_PE | CR0_CD));
    assert_true(fake_virt.state.cr0 == (CR0_PE | CR0_ET));
    assert_false(mov_cr0(CR0_PE | CR0_NW));
}

/* All 2^9 states of {old PG, PE; new PG, PE; LME, PAE, CS.L, PCIDE; CS.L or TR against long mode}. */
static void ac03_paging_transitions(void **state)
{
    unsigned done = 0;

    (void)state;
    for (unsigned bits = 0; bits < 512; bits++) {
        bool pg = bits & 1, pe = bits & 2 || pg, npg = bits & 4, npe = bits & 8, lme = bits & 16, pae = bits & 32;
        bool lma = pg && lme, csl = bits & 64 && lma, pcide = bits & 128 && lma;
        uint64_t efer = (lme ? EFER_LME : 0) | (lma ? EFER_LMA : 0), value = (npg ? CR0_PG : 0) | (npe ? CR0_PE : 0);
        bool no_long = bits & 256;
        bool want = !(npg && !npe) && !(npg && !pg && lme && (!pae || no_long)) && !(pg && !npg && (csl || pcide));
        bool got;

        if (lma && !pae)
            continue; /* not a state */
        setup(0);
        fake_virt.state.cr0 = CR0_ET | (pg ? CR0_PG : 0) | (pe ? CR0_PE : 0);
        fake_virt.state.cr4 = (pae ? CR4_PAE : 0) | (pcide ? CR4_PCIDE : 0);
        fake_virt.state.efer = efer;
        fake_virt.state.cs_long = csl;
        fake_virt.state.no_long = no_long;
        if (pg && !pae)
            fake_virt.state.cr4 |= CR4_PSE;
        got = pg ? paged_mov(0, value) : mov_cr0(value);
        assert_int_equal(got, want);
        if (got) {
            assert_int_equal((fake_virt.state.efer & EFER_LMA) != 0, npg && lme);
            assert_true((fake_virt.state.efer & ~EFER_LMA) == (efer & ~EFER_LMA));
        } else {
            assert_true(fake_virt.state.efer == efer && fake_virt.cr0_sets == 0);
        }
        done++;
    }
    assert_true(done > 100);
}

static void ac03_cr4_each_bit(void **state)
{
    const uint64_t legal = 0x7ff & ~(1u << 6 | 1u << 8); /* not PCE; MCE is accepted and dropped */
    const uint64_t also = 1u << 11 | 1u << 16 | 1u << 18 | 1u << 20 | 1u << 21 | 1u << 22; /* UMIP FSGSBASE OSXSAVE SMEP SMAP PKE */

    (void)state;
    for (unsigned bit = 0; bit < 32; bit++) {
        fake_virt.state.cr4 = 0;
        assert_int_equal(mov_cr4(1ull << bit), (legal | also | CR4_MCE) >> bit & 1); /* PCIDE needs long mode */
        assert_true(fake_virt.state.cr4 == ((legal | also) >> bit & 1) << bit);
    }
    assert_true(cr4_allowed() == (legal | also | CR4_PCIDE | CR4_MCE));
    for (unsigned bit = 0; bit < 64; bit++) {
        uint64_t value = CR4_PAE | 1ull << bit;

        enter_long_mode();
        assert_int_equal(paged_mov(4, value), (value & ~(legal | also | CR4_PCIDE | CR4_MCE)) == 0);
        assert_false(fake_virt.state.cr4 & CR4_MCE);
    }
}

static void ac03_cr4_follows_the_processor(void **state)
{
    (void)state;
    fake_cpuid_set(1, 0, 0, 0, 0, 0);
    fake_cpuid_set(7, 0, 0, 0, 0, 0);
    assert_true(cr4_allowed() == 0);
    fake_cpuid_set(7, 0, 0, 1u << 20, 0, 0);
    assert_true(cr4_allowed() == CR4_SMAP);
    fake_cpuid_set(1, 0, 0, 0, 1u << 26, 1u << 13);
    assert_true(cr4_allowed() == (CR4_SMAP | CR4_OSXSAVE | CR4_PGE));
    fake_cpuid_set(0x80000001, 0, 0, 0, ~0u, 1u << 20);
    assert_true(efer_allowed() == EFER_NXE);
}

static void ac03_long_mode_keeps_pae(void **state)
{
    (void)state;
    enter_long_mode();
    assert_false(paged_mov(4, 0));
    assert_true(paged_mov(4, CR4_PAE | CR4_PCIDE));
    enter_long_mode();
    fake_virt.state.cr3 = 1; /* PCIDE may be set only while CR3[11:0] is 0 */
    assert_false(paged_mov(4, CR4_PAE | CR4_PCIDE));
    enter_long_mode();
    assert_false(paged_mov(0, CR0_PE)); /* paging off in 64-bit code */
}

static void lmsw_and_clts(void **state)
{
    (void)state;
    fake_virt.state.cr0 = CR0_ET | CR0_PE | CR0_TS | CR0_WP;
    v->regs.r[REG_RCX] = 0xfff6; /* EM, MP; PE cannot be cleared; the rest is not looked at */
    assert_true(run(0, (const uint8_t[]){0x0f, 0x01, 0xf1}, 3));
    assert_true(fake_virt.state.cr0 == (CR0_ET | CR0_PE | CR0_EM | CR0_MP | CR0_WP));
    fake_virt.state.cr0 = CR0_ET;
    v->regs.r[REG_RCX] = 1;
    assert_true(run(0, (const uint8_t[]){0x0f, 0x01, 0xf1}, 3));
    assert_true(fake_virt.state.cr0 == (CR0_ET | CR0_PE));
    fake_virt.state.cr0 |= CR0_TS;
    assert_true(run(0, (const uint8_t[]){0x0f, 0x06}, 2));
    assert_true(fake_virt.state.cr0 == (CR0_ET | CR0_PE));
    assert_false(run(0, (const uint8_t[]){0x0f, 0x01, 0x30}, 3)); /* LMSW from memory */
    assert_false(run(4, (const uint8_t[]){0x0f, 0x06}, 2));       /* not what the exit said */
    assert_false(run(4, (const uint8_t[]){0x0f, 0x22, 0xc3}, 3));
    assert_false(run(0, (const uint8_t[]){0x0f, 0x22, 0xe3}, 3));
}

static void the_stack_pointer_and_prefixes(void **state)
{
    (void)state;
    fake_virt.state.rsp = CR0_PE | CR0_WP;
    v->regs.r[REG_RSP] = 0;
    assert_true(run(0, (const uint8_t[]){0x0f, 0x22, 0xc4}, 3));
    assert_true(fake_virt.state.cr0 == (CR0_PE | CR0_WP | CR0_ET));
    assert_true(run(0, (const uint8_t[]){0x66, 0x2e, 0x67, 0x0f, 0x22, 0x04}, 6)); /* mod is ignored */
    assert_false(run(0, (const uint8_t[]){0xf0, 0x0f, 0x22, 0xc4}, 4));            /* CR8 on AMD */
    assert_false(run(0, (const uint8_t[]){0xf3, 0x0f, 0x22, 0xc4}, 4));
    assert_false(run(0, (const uint8_t[]){0x0f, 0x20, 0xc4}, 3));
    assert_false(run(0, (const uint8_t[]){0x90}, 1));
    fake_virt.state.cpl = 3;
    assert_false(run(0, (const uint8_t[]){0x0f, 0x22, 0xc4}, 3));
}

static void ac25_code_that_cannot_be_read(void **state)
{
    unsigned length = 7;

    (void)state;
    fake_virt.ram_size = 0;
    assert_false(guest_cr_write(v, 0, &length));
    assert_int_equal(length, 0);
}

/* Whatever the back end cannot load: #GP, and EFER is as it was. */
static void what_the_back_end_refuses_is_refused(void **state)
{
    (void)state;
    fake_virt.cr_refused = true;
    assert_false(mov_cr0(CR0_PE | CR0_WP));
    assert_false(mov_cr4(CR4_PSE));
    assert_int_equal(fake_virt.efer_sets, 0);
    fake_virt.cr_refused = false;
    assert_true(mov_cr0(CR0_PE | CR0_WP) && mov_cr4(CR4_PSE));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(ac03_cr0_each_bit, setup),
        cmocka_unit_test_setup(ac03_cr0_upper_half, setup),
        cmocka_unit_test_setup(ac02_cd_and_nw_never_arrive, setup),
        cmocka_unit_test_setup(ac03_paging_transitions, setup),
        cmocka_unit_test_setup(ac03_cr4_each_bit, setup),
        cmocka_unit_test_setup(ac03_cr4_follows_the_processor, setup),
        cmocka_unit_test_setup(ac03_long_mode_keeps_pae, setup),
        cmocka_unit_test_setup(lmsw_and_clts, setup),
        cmocka_unit_test_setup(the_stack_pointer_and_prefixes, setup),
        cmocka_unit_test_setup(ac25_code_that_cannot_be_read, setup),
        cmocka_unit_test_setup(what_the_back_end_refuses_is_refused, setup),
    };
    return cmocka_run_group_tests(tests, 0, 0);
}
