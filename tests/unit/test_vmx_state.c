/* SPDX-License-Identifier: Apache-2.0 */
/* The check before VM entry: states that the CPU accepts pass, in every mode; and from each of them every rule of SDM3 27.3.1 is
 * broken once, by one field, and named. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../arch/x86/virt/vmx_state.h"

/* A Xeon D-1540, as in test_vmx_controls.c. */
static const struct vmx_capabilities cpu = {.vmx = true,
                                            .physical_bits = 46,
                                            .misc = 0x300481e5,
                                            .pin = 0x000000ff00000016,
                                            .proc = 0xfff9fffe04006172,
                                            .proc2 = 0x00077fff00000000,
                                            .exit = 0x007fffff00036dfb,
                                            .entry = 0x0000ffff000011fb,
                                            .cr0_fixed0 = 0x80000021,
                                            .cr0_fixed1 = 0xffffffff,
                                            .cr4_fixed0 = 0x2000,
                                            .cr4_fixed1 = 0x3767ff};

/* --- states that are right ---------------------------------------------------------------------------------------------------------- */

enum base { REAL, PROTECTED, PAGED, PAE, LONG, COMPATIBILITY, VIRTUAL_8086, RESTRICTED, HALTED, BASES };

static struct vmx_segment segment(uint16_t selector, uint32_t rights, uint32_t limit, uint64_t base)
{
    return (struct vmx_segment){selector, limit, rights, base};
}

static void segments_set(struct vmx_guest_fields *f, struct vmx_segment code, struct vmx_segment data)
{
    f->cs = code;
    f->ss = f->ds = f->es = f->fs = f->gs = data;
    f->tr = segment(0, 0x8b, 0xffff, 0);
    f->ldtr = segment(0, 0x82, 0xffff, 0);
    f->gdtr = f->idtr = segment(0, 0, 0xffff, 0);
}

static struct vmx_guest_fields protected_mode(uint64_t more_cr0)
{
    struct vmx_guest_fields f = {.controls = {0x3e, 0xb6006d72, 0x10ea, 0x3f6fff, 0xd1ff},
                                 .cr0 = 0x31 | more_cr0,
                                 .cr4 = 0x2000,
                                 .dr7 = 0x400,
                                 .pat = 0x0007040600070406,
                                 .rip = 0x100000,
                                 .rflags = 2,
                                 .link_pointer = ~0ull};

    segments_set(&f, segment(0x10, 0xc09b, 0xffffffff, 0), segment(0x18, 0xc093, 0xffffffff, 0));
    return f;
}

static struct vmx_guest_fields long_mode(void)
{
    struct vmx_guest_fields f = protected_mode(0x80000000);

    f.controls.entry |= 1u << 9;
    f.cr4 |= 0x20;
    f.cr3 = 0x1000;
    f.efer = 0x501;
    f.rip = 0xffffffff81000000;
    f.cs = segment(0x10, 0xa09b, 0xffffffff, 0);
    f.ss.rights = 1u << 16; /* a null selector, as after SYSCALL into a 64-bit kernel */
    f.ds.rights = f.es.rights = f.fs.rights = f.gs.rights = 1u << 16;
    f.gs.base = 0xffff888000000000;
    f.ldtr.rights = 1u << 16;
    return f;
}

static struct vmx_guest_fields state_of(enum base base)
{
    struct vmx_guest_fields f = protected_mode(0);

    switch (base) {
    case REAL:
        f.cr0 = 0x30;
        segments_set(&f, segment(0x9a00, 0x9b, 0xffff, 0x9a000), segment(0, 0x93, 0xffff, 0));
        break;
    case PAGED:
        return protected_mode(0x80000000);
    case PAE:
        f = protected_mode(0x80000000);
        f.cr4 |= 0x20;
        f.pdpte[0] = 0x2001;
        f.pdpte[3] = 0x3fffffffe019;
        f.pdpte[2] = 0x1fe; /* not present: anything */
        break;
    case LONG:
        return long_mode();
    case COMPATIBILITY:
        f = long_mode();
        f.rip = 0x8049000;
        f.cs = segment(0x23, 0xc0fb, 0xffffffff, 0);
        f.ss = segment(0x2b, 0xc0f3, 0xffffffff, 0);
        break;
    case VIRTUAL_8086:
        f = protected_mode(0x80000000);
        f.rflags |= 1u << 17;
        segments_set(&f, segment(0xf000, 0xf3, 0xffff, 0xf0000), segment(0x1000, 0xf3, 0xffff, 0x10000));
        break;
    case RESTRICTED: /* not an unrestricted guest: selectors count */
        f = protected_mode(0x80000000);
        f.controls.proc2 &= ~(1u << 7);
        break;
    case HALTED:
        f.activity = 1;
        break;
    default:
        break;
    }
    return f;
}

static void test_right_states(void **state)
{
    (void)state;
    for (enum base base = 0; base < BASES; base++) {
        struct vmx_guest_fields f = state_of(base);
        const char *broken = vmx_state_check(&f, &cpu);

        if (broken != NULL)
            fail_msg("state %u: %s", base, broken);
    }
}

/* --- one wrong field ----------------------------------------------------------------------------------------------------------------- */

struct row {
    enum base base;
    size_t at;
    unsigned size;
    uint64_t value;
    const char *text; /* NULL: this is right */
};
#define FIELD(name) offsetof(struct vmx_guest_fields, name), sizeof(((struct vmx_guest_fields *)0)->name)

static const char *check_with(const struct row *row)
{
    struct vmx_guest_fields f = state_of(row->base);

    memcpy((uint8_t *)&f + row->at, &row->value, row->size); /* little endian */
    return vmx_state_check(&f, &cpu);
}

static void check_rows(const struct row *rows, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        const char *broken = check_with(&rows[i]);

        if (rows[i].text == NULL ? broken != NULL : broken == NULL || strstr(broken, rows[i].text) == NULL)
            fail_msg("row %u, value %llx: \"%s\", expected \"%s\"", i, (unsigned long long)rows[i].value, broken ? broken : "right",
                     rows[i].text ? rows[i].text : "right");
    }
}

/* clang-format off */
static void test_control_consistency(void **state)
{
    static const struct row rows[] = {
        {REAL, FIELD(controls.pin), 0x3c, "pin-based"},               /* a demanded bit is 0 */
        {REAL, FIELD(controls.pin), 0x13e, "pin-based"},
        {REAL, FIELD(controls.proc), 0xb6004d72, "primary"},
        {REAL, FIELD(controls.proc), 0xb6026d72, "primary"},          /* tertiary controls */
        {REAL, FIELD(controls.proc2), 0x800010ea, "secondary"},       /* Notify exits */
        {REAL, FIELD(controls.exit), 0x3f6ffe, "exit controls"},
        {REAL, FIELD(controls.exit), 0x13f6fff, "exit controls"},
        {REAL, FIELD(controls.entry), 0xd1fe, "entry controls"},
        {REAL, FIELD(controls.entry), 0x1d1ff, "entry controls"},
        {REAL, FIELD(controls.pin), 0x36, "virtual NMIs without NMI exiting"},
        {REAL, FIELD(controls.pin), 0x7e, NULL},                      /* preemption timer */
        {REAL, FIELD(controls.proc), 0xb6406d72, NULL},               /* NMI window */
        {REAL, FIELD(controls.proc2), 0x10e8, "unrestricted guest without EPT"},
        {REAL, FIELD(controls.exit), 0x7f6fff, "timer saved"},
    };
    struct vmx_guest_fields f = state_of(REAL);

    (void)state;
    check_rows(rows, ARRAY_SIZE(rows));
    f.controls.pin = 0x1e;
    f.controls.proc |= 1u << 22;
    assert_non_null(strstr(vmx_state_check(&f, &cpu), "NMI window without virtual NMIs"));
}

static void test_registers(void **state)
{
    static const struct row rows[] = {
        {REAL, FIELD(cr0), 0x10, "CR0: a bit that is fixed"},         /* NE */
        {REAL, FIELD(cr0), 0x100000031, "CR0: a bit that is fixed"},
        {REAL, FIELD(cr0), 0x80000030, "CR0: PG without PE"},
        {RESTRICTED, FIELD(cr0), 0x31, "CR0: a bit that is fixed"},   /* paging is one there */
        {RESTRICTED, FIELD(cr0), 0x80000030, "CR0: a bit that is fixed"},
        {REAL, FIELD(cr4), 0, "CR4: a bit that is fixed"},            /* VMXE */
        {REAL, FIELD(cr4), 0x402000, "CR4: a bit that is fixed"},
        {REAL, FIELD(debugctl), 0x8, "IA32_DEBUGCTL"},
        {REAL, FIELD(debugctl), 0x10000, "IA32_DEBUGCTL"},
        {REAL, FIELD(debugctl), 3, NULL},
        {LONG, FIELD(cr0), 0x31, "without CR0.PG or CR4.PAE"},
        {LONG, FIELD(cr4), 0x2000, "without CR0.PG or CR4.PAE"},
        {LONG, FIELD(cr4), 0x22020, NULL},
        {PAE, FIELD(cr4), 0x22020, "CR4: PCIDE"},
        {LONG, FIELD(cr3), 1ull << 46, "CR3"},
        {LONG, FIELD(cr3), (1ull << 46) - 1, NULL},
        {LONG, FIELD(dr7), 0x100000400, "DR7"},
        {LONG, FIELD(sysenter_esp), 0x800000000000, "SYSENTER"},
        {LONG, FIELD(sysenter_eip), 0xffff7fffffffffff, "SYSENTER"},
        {LONG, FIELD(sysenter_eip), 0xffff800000000000, NULL},
        {LONG, FIELD(sysenter_eip), 0x7fffffffffff, NULL},
        {REAL, FIELD(pat), 0x0207040600070406, "PAT"},
        {REAL, FIELD(pat), 0x0007040600070403, "PAT"},
        {REAL, FIELD(pat), 0x0007040600080406, "PAT"},
        {REAL, FIELD(pat), 0x0001050607040000, NULL},
        {LONG, FIELD(efer), 0x1501, "EFER: a reserved bit"},          /* SVME */
        {LONG, FIELD(efer), 0x4501, "EFER: a reserved bit"},
        {LONG, FIELD(efer), 0xd01, NULL},
        {LONG, FIELD(efer), 0x101, "EFER: LMA differs from the entry"},
        {LONG, FIELD(efer), 0x401, "EFER: LMA differs from LME"},
        {PAGED, FIELD(efer), 0x100, "EFER: LMA differs from LME"},
        {REAL, FIELD(efer), 0x100, NULL},                             /* long mode is not active yet */
        {REAL, FIELD(efer), 0x500, "EFER: LMA differs from the entry"},
        {LONG, FIELD(controls.entry), 0xd1ff, "EFER: LMA differs from the entry"},
    };
    struct vmx_guest_fields f = state_of(PAGED);
    struct vmx_capabilities cet = cpu;

    (void)state;
    check_rows(rows, ARRAY_SIZE(rows));
    cet.cr4_fixed1 |= 1u << 23;
    f.cr4 |= 1u << 23;
    assert_non_null(strstr(vmx_state_check(&f, &cet), "CET without CR0.WP"));
    f.cr0 |= 1u << 16;
    assert_null(vmx_state_check(&f, &cet));
}

static void test_code_and_stack(void **state)
{
    static const struct row rows[] = {
        {PROTECTED, FIELD(cs.rights), 0xc093, NULL},                  /* type 3: as CS after reset into big real mode */
        {RESTRICTED, FIELD(cs.rights), 0xc093, "CS: not a code segment"},
        {PROTECTED, FIELD(cs.rights), 0xc09a, "CS: not a code segment"},  /* not accessed */
        {PROTECTED, FIELD(cs.rights), 0xc097, "CS: not a code segment"},
        {PROTECTED, FIELD(cs.rights), 0xc08b, "CS: not a code segment"},  /* S is 0 */
        {PROTECTED, FIELD(cs.rights), 0x1c09b, "CS: not a code segment"}, /* unusable */
        {PROTECTED, FIELD(cs.rights), 0xc01b, "CS: not present"},
        {PROTECTED, FIELD(cs.rights), 0xc19b, "CS: not present"},
        {PROTECTED, FIELD(cs.rights), 0xc89b, "CS: not present"},
        {PROTECTED, FIELD(cs.rights), 0x2c09b, "CS: not present"},
        {PROTECTED, FIELD(cs.rights), 0x409b, "CS: not present, a reserved bit, or gran"}, /* limit needs G */
        {PROTECTED, FIELD(cs.limit), 0xfffffffe, "CS: not present"},  /* G needs fff */
        {PROTECTED, FIELD(cs.limit), 0xfff, NULL},
        {REAL, FIELD(cs.limit), 0x100000, "CS: not present"},
        {REAL, FIELD(cs.limit), 0xfffff, NULL},
        {PROTECTED, FIELD(cs.rights), 0xc0bb, "CS: DPL"},             /* DPL 1 over SS 0 */
        {PROTECTED, FIELD(cs.rights), 0xc09f, NULL},                  /* conforming */
        {PROTECTED, FIELD(cs.rights), 0xc0bf, "CS: DPL"},
        {PROTECTED, FIELD(cs.rights), 0xc0b3, "CS: DPL"},             /* type 3 has DPL 0 */
        {COMPATIBILITY, FIELD(cs.rights), 0xc0db, "CS: DPL"},
        {COMPATIBILITY, FIELD(cs.rights), 0xc0df, NULL},
        {LONG, FIELD(cs.rights), 0xe09b, "CS: D with L"},
        {PROTECTED, FIELD(cs.rights), 0xe09b, NULL},                  /* L means nothing outside long mode */
        {PROTECTED, FIELD(cs.base), 1ull << 32, "CS: base"},
        {PROTECTED, FIELD(ss.rights), 0xc09b, "SS: not a writable"},
        {PROTECTED, FIELD(ss.rights), 0xc091, "SS: not a writable"},
        {PROTECTED, FIELD(ss.rights), 0xc083, "SS: not a writable"},
        {PROTECTED, FIELD(ss.rights), 0xc097, NULL},                  /* expands down */
        {PROTECTED, FIELD(ss.rights), 0xc013, "SS: not present"},
        {PROTECTED, FIELD(ss.rights), 0xc493, "SS: not present"},
        {PROTECTED, FIELD(ss.rights), 0x4093, "SS: not present"},
        {PROTECTED, FIELD(ss.rights), 0x10000, NULL},
        {LONG, FIELD(ss.base), 1ull << 32, NULL},                     /* unusable: not looked at */
        {PROTECTED, FIELD(ss.base), 1ull << 32, "SS: base"},
        {REAL, FIELD(ss.rights), 0xb3, "CS: DPL"},
        {RESTRICTED, FIELD(ss.selector), 0x19, "SS: RPL"},
        {RESTRICTED, FIELD(cs.selector), 0x13, "SS: RPL"},
        {PROTECTED, FIELD(ss.selector), 0x1b, NULL},
    };
    struct vmx_guest_fields f = state_of(RESTRICTED);

    (void)state;
    check_rows(rows, ARRAY_SIZE(rows));
    f.cs.selector = f.ss.selector = 0x1b;
    assert_non_null(strstr(vmx_state_check(&f, &cpu), "SS: DPL differs from RPL"));
    f = state_of(REAL);
    f.ss.rights = f.cs.rights = 0xf3; /* DPL 3 in real mode */
    f.cs.rights = 0xfb;
    assert_non_null(strstr(vmx_state_check(&f, &cpu), "SS: DPL is not 0 in real mode"));
}

static void test_data_and_tables(void **state)
{
    static const struct row rows[] = {
        {PROTECTED, FIELD(ds.rights), 0xc092, "DS"},                  /* not accessed */
        {PROTECTED, FIELD(es.rights), 0xc099, "ES"},                  /* code that cannot be read */
        {PROTECTED, FIELD(es.rights), 0xc09b, NULL},
        {PROTECTED, FIELD(fs.rights), 0xc083, "FS"},
        {PROTECTED, FIELD(gs.rights), 0xc013, "GS"},
        {PROTECTED, FIELD(gs.rights), 0xc0093, "GS"},
        {PROTECTED, FIELD(ds.limit), 0xffffe, "DS"},
        {PROTECTED, FIELD(ds.rights), 0x10000, NULL},
        {PROTECTED, FIELD(ds.rights), 0x1ff92, NULL},                 /* unusable: nothing else counts */
        {PROTECTED, FIELD(ds.base), 1ull << 32, "DS: base"},
        {PROTECTED, FIELD(es.base), 1ull << 32, "ES: base"},
        {LONG, FIELD(es.base), 1ull << 32, NULL},
        {RESTRICTED, FIELD(ds.selector), 0x1b, "DS"},                 /* RPL 3 above DPL 0 */
        {PROTECTED, FIELD(ds.selector), 0x1b, NULL},
        {PROTECTED, FIELD(fs.base), 1ull << 47, "FS or GS"},
        {LONG, FIELD(gs.base), 1ull << 47, "FS or GS"},
        {PROTECTED, FIELD(tr.rights), 0x83, NULL},
        {LONG, FIELD(tr.rights), 0x83, "TR: not a busy TSS"},
        {PROTECTED, FIELD(tr.rights), 0x89, "TR: not a busy TSS"},    /* available */
        {PROTECTED, FIELD(tr.rights), 0x9b, "TR: not a busy TSS"},
        {PROTECTED, FIELD(tr.rights), 0x1008b, "TR: not a busy TSS"},
        {PROTECTED, FIELD(tr.rights), 0x0b, "TR: not present"},
        {PROTECTED, FIELD(tr.rights), 0x808b, NULL},                  /* G with ...fff */
        {PROTECTED, FIELD(tr.limit), 0x100000, "TR: not present"},
        {PROTECTED, FIELD(tr.selector), 0x44, "TR: selector"},
        {PROTECTED, FIELD(tr.base), 1ull << 47, "TR or LDTR"},
        {PROTECTED, FIELD(ldtr.rights), 0x83, "LDTR: not an LDT"},
        {PROTECTED, FIELD(ldtr.rights), 0x92, "LDTR: not an LDT"},
        {PROTECTED, FIELD(ldtr.rights), 0x02, "LDTR: not present"},
        {PROTECTED, FIELD(ldtr.rights), 0x10000, NULL},
        {PROTECTED, FIELD(ldtr.selector), 4, "LDTR: selector"},
        {LONG, FIELD(ldtr.selector), 4, NULL},
        {PROTECTED, FIELD(ldtr.base), 1ull << 47, "TR or LDTR"},
        {LONG, FIELD(ldtr.base), 1ull << 47, NULL},
        {PROTECTED, FIELD(gdtr.base), 1ull << 63, "GDTR"},
        {PROTECTED, FIELD(gdtr.limit), 0x10000, "GDTR"},
        {PROTECTED, FIELD(idtr.base), 1ull << 63, "IDTR"},
        {PROTECTED, FIELD(idtr.limit), 0xffffffff, "IDTR"},
        {VIRTUAL_8086, FIELD(cs.base), 0xf0010, "CS: not as virtual-8086"},
        {VIRTUAL_8086, FIELD(ss.limit), 0xfffff, "SS: not as virtual-8086"},
        {VIRTUAL_8086, FIELD(ds.rights), 0x93, "DS: not as virtual-8086"},
        {VIRTUAL_8086, FIELD(es.rights), 0x100f3, "ES: not as virtual-8086"},
        {VIRTUAL_8086, FIELD(fs.selector), 0, "FS: not as virtual-8086"},
        {VIRTUAL_8086, FIELD(gs.limit), 0xfffe, "GS: not as virtual-8086"},
    };

    (void)state;
    check_rows(rows, ARRAY_SIZE(rows));
}

static void test_flow(void **state)
{
    static const struct row rows[] = {
        {PROTECTED, FIELD(rip), 1ull << 32, "RIP: above"},
        {COMPATIBILITY, FIELD(rip), 1ull << 32, "RIP: above"},
        {LONG, FIELD(rip), 1ull << 48, "RIP: beyond"},
        {LONG, FIELD(rip), 1ull << 47, NULL},                         /* SDM3 27.3.1.4: it is the next fetch that faults */
        {LONG, FIELD(rip), 0x7fff000000000000, "RIP: beyond"},
        {PROTECTED, FIELD(rflags), 0, "RFLAGS: a reserved"},
        {PROTECTED, FIELD(rflags), 0xa, "RFLAGS: a reserved"},
        {PROTECTED, FIELD(rflags), 0x22, "RFLAGS: a reserved"},
        {PROTECTED, FIELD(rflags), 0x8002, "RFLAGS: a reserved"},
        {PROTECTED, FIELD(rflags), 0x400002, "RFLAGS: a reserved"},
        {PROTECTED, FIELD(rflags), 1ull << 63 | 2, "RFLAGS: a reserved"},
        {PROTECTED, FIELD(rflags), 0x3d7ed7, NULL},                   /* all that are defined, but VM and TF */
        {PROTECTED, FIELD(entry_event), 0x80000030, "injected while RFLAGS.IF"},
        {PROTECTED, FIELD(entry_event), 0x30, NULL},                  /* not valid */
    };
    struct vmx_guest_fields f = state_of(VIRTUAL_8086);

    (void)state;
    check_rows(rows, ARRAY_SIZE(rows));
    f.cr0 = 0x30;
    assert_non_null(strstr(vmx_state_check(&f, &cpu), "RFLAGS: VM outside"));
    f = state_of(VIRTUAL_8086);
    f.controls.entry |= 1u << 9;
    f.cr4 |= 0x20;
    f.efer = 0x500;
    assert_non_null(strstr(vmx_state_check(&f, &cpu), "RFLAGS: VM outside"));
}

static void test_activity_and_blocking(void **state)
{
    static const struct row rows[] = {
        {PROTECTED, FIELD(activity), 4, "activity: a state"},
        {PROTECTED, FIELD(activity), 0xffffffff, "activity: a state"},
        {PROTECTED, FIELD(activity), 2, NULL},
        {PROTECTED, FIELD(activity), 3, NULL},
        {COMPATIBILITY, FIELD(activity), 1, "activity: halted outside"},
        {COMPATIBILITY, FIELD(activity), 3, NULL},
        {HALTED, FIELD(interruptibility), 2, "activity: not active in an interrupt shadow"},
        {HALTED, FIELD(interruptibility), 8, NULL},
        {HALTED, FIELD(entry_event), 0x80000202, NULL},               /* NMI */
        {HALTED, FIELD(entry_event), 0x80000301, NULL},               /* #DB */
        {HALTED, FIELD(entry_event), 0x80000312, NULL},               /* #MC */
        {HALTED, FIELD(entry_event), 0x80000306, "event is injected"},
        {PROTECTED, FIELD(interruptibility), 0x20, "interruptibility: SMI"},
        {PROTECTED, FIELD(interruptibility), 4, "interruptibility: SMI"},
        {PROTECTED, FIELD(interruptibility), 0x10, "interruptibility: SMI"},
        {PROTECTED, FIELD(interruptibility), 3, "interruptibility: blocked by STI and"},
        {PROTECTED, FIELD(interruptibility), 1, "interruptibility: blocked by STI while"},
        {PROTECTED, FIELD(interruptibility), 2, NULL},
        {PROTECTED, FIELD(interruptibility), 10, NULL},
        {PROTECTED, FIELD(pending_debug), 0x10, "pending debug exceptions: a reserved"},
        {PROTECTED, FIELD(pending_debug), 0x2000, "pending debug exceptions: a reserved"},
        {PROTECTED, FIELD(pending_debug), 1ull << 63, "pending debug exceptions: a reserved"},
        {PROTECTED, FIELD(pending_debug), 0x500f & ~0x1000u, NULL},   /* active, no shadow: BS is free */
        {HALTED, FIELD(pending_debug), 0x4000, "pending debug exceptions: BS"},
        {HALTED, FIELD(rflags), 0x102, "pending debug exceptions: BS"},
        {PROTECTED, FIELD(link_pointer), 0, "VMCS link"},
        {PROTECTED, FIELD(link_pointer), 0xffffffff, "VMCS link"},
    };
    struct vmx_capabilities plain = cpu;
    struct vmx_guest_fields f = state_of(HALTED);

    (void)state;
    check_rows(rows, ARRAY_SIZE(rows));
    plain.misc &= ~(1ull << 6);
    assert_non_null(strstr(vmx_state_check(&f, &plain), "activity: a state"));
    f.rflags = 0x102;
    f.pending_debug = 0x4000;
    assert_null(vmx_state_check(&f, &cpu));
    f.debugctl = 2; /* BTF: a step is a branch */
    assert_non_null(strstr(vmx_state_check(&f, &cpu), "pending debug exceptions: BS"));
    f = state_of(PROTECTED);
    f.rflags = 0x102;
    f.interruptibility = 2;
    assert_non_null(strstr(vmx_state_check(&f, &cpu), "pending debug exceptions: BS"));
}

static void test_events(void **state)
{
    static const struct {
        uint32_t activity, interruptibility, event, code, length;
        const char *text;
    } rows[] = {
        {0, 0, 0x80000202, 0, 0, NULL},
        {0, 2, 0x80000202, 0, 0, "into a shadow"},
        {0, 1, 0x80000202, 0, 0, "into a shadow"},
        {0, 8, 0x80000202, 0, 0, "NMIs are blocked"},
        {0, 8, 0x80000030, 0, 0, NULL},
        {0, 0, 0x80000030, 0, 0, NULL},
        {0, 2, 0x80000030, 0, 0, "into a shadow"},
        {0, 2, 0x80000306, 0, 0, NULL},                               /* faults do not wait */
        {1, 0, 0x80000030, 0, 0, NULL},
        {1, 0, 0x80000403, 0, 2, "event is injected"},
        {2, 0, 0x80000202, 0, 0, NULL},
        {2, 0, 0x80000312, 0, 0, NULL},
        {2, 0, 0x80000301, 0, 0, "event is injected"},
        {2, 0, 0x80000030, 0, 0, "event is injected"},
        {3, 0, 0x80000202, 0, 0, "event is injected"},
        {3, 0, 0x00000202, 0, 0, NULL},
        {0, 0, 0x80000102, 0, 0, "event: a reserved"},
        {0, 0, 0x80000700, 0, 0, "event: a reserved"},
        {0, 0, 0x80001202, 0, 0, "event: a reserved"},
        {0, 0, 0xc0000202, 0, 0, "event: a reserved"},
        {0, 0, 0x80000203, 0, 0, "event: vector"},
        {0, 0, 0x80000320, 0, 0, "event: vector"},
        {0, 0, 0x80000b0d, 0x18, 0, NULL},                            /* #GP */
        {0, 0, 0x80000b0d, 0x10000, 0, "event: error code"},
        {0, 0, 0x8000030d, 0, 0, "event: error code"},
        {0, 0, 0x80000b06, 0, 0, "event: error code"},
        {0, 0, 0x80000b08, 0, 0, NULL},
        {0, 0, 0x80000b11, 0, 0, NULL},
        {0, 0, 0x80000a02, 0, 0, "event: error code"},
        {0, 0, 0x80000480, 0, 2, NULL},
        {0, 0, 0x80000480, 0, 0, "event: instruction length"},
        {0, 0, 0x80000480, 0, 16, "event: instruction length"},
        {0, 0, 0x80000501, 0, 1, NULL},
        {0, 0, 0x80000603, 0, 0, "event: instruction length"},
    };
    struct vmx_guest_fields f;
    struct vmx_capabilities lenient = cpu;

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
        const char *broken;

        f = state_of(PROTECTED);
        f.rflags |= 0x200;
        f.activity = rows[i].activity;
        f.interruptibility = rows[i].interruptibility;
        f.entry_event = rows[i].event;
        f.entry_event_code = rows[i].code;
        f.entry_event_length = rows[i].length;
        broken = vmx_state_check(&f, &cpu);
        if (rows[i].text == NULL ? broken != NULL : broken == NULL || strstr(broken, rows[i].text) == NULL)
            fail_msg("row %u: \"%s\", expected \"%s\"", i, broken ? broken : "right", rows[i].text ? rows[i].text : "right");
    }
    lenient.misc |= 1ull << 30;
    f.entry_event_length = 0;
    assert_null(vmx_state_check(&f, &lenient));
    f = state_of(REAL); /* no error code in real mode */
    f.entry_event = 0x8000030d;
    assert_null(vmx_state_check(&f, &cpu));
    f.entry_event = 0x80000b0d;
    assert_non_null(strstr(vmx_state_check(&f, &cpu), "event: error code"));
}

static void test_pdptes(void **state)
{
    static const struct row rows[] = {
        {PAE, FIELD(pdpte[0]), 0x2003, "PDPTE"},
        {PAE, FIELD(pdpte[1]), 0x2021, "PDPTE"},
        {PAE, FIELD(pdpte[2]), 0x2101, "PDPTE"},
        {PAE, FIELD(pdpte[3]), 1ull << 46 | 1, "PDPTE"},
        {PAE, FIELD(pdpte[3]), 1ull << 63 | 1, "PDPTE"},
        {PAE, FIELD(pdpte[3]), 1ull << 63, NULL},
        {PAE, FIELD(pdpte[1]), 0x2e19, NULL},
        {LONG, FIELD(pdpte[0]), ~0ull, NULL},
        {PAGED, FIELD(pdpte[0]), ~0ull, NULL},
        {PROTECTED, FIELD(pdpte[0]), ~0ull, NULL},
    };

    (void)state;
    check_rows(rows, ARRAY_SIZE(rows));
}
/* clang-format on */

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_right_states),
        cmocka_unit_test(test_control_consistency),
        cmocka_unit_test(test_registers),
        cmocka_unit_test(test_code_and_stack),
        cmocka_unit_test(test_data_and_tables),
        cmocka_unit_test(test_flow),
        cmocka_unit_test(test_activity_and_blocking),
        cmocka_unit_test(test_events),
        cmocka_unit_test(test_pdptes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
