/* SPDX-License-Identifier: Apache-2.0 */
/* AC-22, AC-25, AC-03, SEP-1: the processor in 32-bit paged mode (4 KiB and, with CR4.PSE, 4 MiB pages) and in PAE mode (4 KiB and
 * 2 MiB pages), on tables of our own. Expected: memory outside ours gives #GP(0) through these tables too; what the hypervisor
 * must decode, writes of CR0 and CR4 and accesses to the local APIC's page, is fetched through them correctly, wherever the code
 * lies; where an entry has come to lead outside our memory since the processor looked, the hypervisor reads nothing there and
 * refuses. The hypervisor is asked to walk tables that the processor still has cached: the code changes its own entry right
 * before the write. */
#include <string.h>

#include "attack.h"

#define PAGE 4096u
#define CODE 0x40245000u   /* where the code is run; nothing is there in guest-physical memory */
#define WINDOW 0x80000000u /* where other addresses are mapped */
#define SLOTS 512u
#define APIC_PAGE 0xfee00000u
#define CR4_DE (1u << 3)
#define CR4_PSE (1u << 4)
#define CR4_PAE (1u << 5)
#define CR4_OURS CR4_DE /* what the tests change */
#define RW (PTE_PRESENT | PTE_WRITE)
#define IMAGE 0x1000000u /* the attack itself: identity */

static struct mode {
    const char *name;
    bool pae, large;
} mode;

static uint8_t root[PAGE] __attribute__((aligned(4096)));
static uint8_t directories[4][PAGE] __attribute__((aligned(4096))); /* PAE */
static uint8_t identity[8][PAGE] __attribute__((aligned(4096)));
static uint8_t code_table[PAGE] __attribute__((aligned(4096))), window_table[PAGE] __attribute__((aligned(4096)));
static uint8_t code_page[PAGE] __attribute__((aligned(4096))), other_page[PAGE] __attribute__((aligned(4096)));
static unsigned tried, surprises;
static uint64_t swept;

/* --- tables ---------------------------------------------------------------------------------------------------------------- */

static uint32_t low(const void *pointer)
{
    return (uint32_t)(uintptr_t)pointer;
}

static uint32_t span(void) /* of an entry that can be a large page */
{
    return mode.pae ? 0x200000 : 0x400000;
}

static uint32_t leaf_size(void)
{
    return mode.large ? span() : PAGE;
}

static void entry_set(void *entry, uint64_t value)
{
    memcpy(entry, &value, mode.pae ? 8 : 4);
}

/* The entry of `linear` in the lowest table that may have large pages. */
static void *directory_entry(uint32_t linear)
{
    return mode.pae ? directories[linear >> 30] + 8 * (linear >> 21 & 511) : root + 4 * (linear >> 22);
}

static uint8_t *table_of(uint32_t linear)
{
    return linear < IMAGE ? identity[linear / span()] : linear < WINDOW ? code_table : window_table;
}

static void *leaf_entry(uint32_t linear)
{
    if (mode.large)
        return directory_entry(linear);
    return table_of(linear) + (mode.pae ? 8 * (linear >> 12 & 511) : 4 * (linear >> 12 & 1023));
}

/* A large page above 4 GiB in 32-bit mode: PSE-36. */
static uint64_t leaf_value(uint64_t gpa)
{
    uint64_t base = gpa & ~(uint64_t)(leaf_size() - 1);

    if (!mode.pae)
        base = (uint32_t)base | (base >> 32 & 0xff) << 13;
    return base | RW | (mode.large ? PTE_LARGE : 0);
}

static void map(uint32_t linear, uint64_t gpa)
{
    if (!mode.large)
        entry_set(directory_entry(linear), low(table_of(linear)) | RW);
    entry_set(leaf_entry(linear), leaf_value(gpa));
}

/* Linear address of the code page, and of an address in the window's slot. */
static uint32_t code_linear(void)
{
    return mode.large ? (CODE & ~(span() - 1)) | (low(code_page) & (span() - 1)) : CODE;
}

static uint32_t slot_linear(unsigned slot, uint64_t gpa)
{
    return WINDOW + slot * leaf_size() + ((uint32_t)gpa & (leaf_size() - 1));
}

static void tables_build(void)
{
    memset(root, 0, sizeof(root));
    memset(directories, 0, sizeof(directories));
    memset(code_table, 0, sizeof(code_table));
    for (uint32_t i = 0; mode.pae && i < 4; i++)
        entry_set(root + 8 * i, low(directories[i]) | PTE_PRESENT);
    for (uint32_t linear = 0; linear < IMAGE; linear += leaf_size())
        map(linear, linear);
    map(code_linear(), low(code_page));
}

/* --- one run ------------------------------------------------------------------------------------------------------------------ */

static uint32_t mode_cr4(void)
{
    return mode.pae ? CR4_PAE : mode.large ? CR4_PSE : 0;
}

static void run(struct paged_job *job, uint32_t linear, uint32_t selector)
{
    bool were_on = bh_irq_off();

    job->cr3_back = low(root);
    job->cr3 = job->cr3 ? job->cr3 : low(root);
    job->cr4 |= mode_cr4();
    job->selector = selector;
    job->offset = linear - (selector == PAGED_BASED ? PAGED_BASE : selector == PAGED_16 ? PAGED_BASE_16 : 0);
    paged_run(job);
    bh_irq_restore(were_on);
}

static void put(const uint8_t *code, unsigned length, unsigned offset)
{
    memset(code_page, 0xcc, sizeof(code_page));
    for (unsigned i = 0; i < length; i++)
        (offset + i < PAGE ? code_page : other_page - PAGE)[offset + i] = code[i];
}

static void expect(bool ok, const struct paged_job *job, const char *what)
{
    tried++;
    if (ok)
        return;
    surprises++;
    detail("%s, %s: vector %u(%x) at %x, cr2 %x, eax %x, cr0 %x, cr4 %x", mode.name, what, job->vector, job->error, job->eip,
           job->cr2, job->eax, job->cr0_after, job->cr4_after);
}

/* --- memory outside ------------------------------------------------------------------------------------------------------------ */

/* Every access must fault, as #GP(0), or as #PF where the entry itself is illegal. */
static void touch(unsigned count, const uint32_t *linears, bool illegal)
{
    struct paged_job job = {.esi = low(linears), .ecx = count};

    run(&job, (uint32_t)(uintptr_t)paged_touch, PAGED_FLAT);
    swept += 2 * count;
    if (job.vector || job.edx || job.other || (illegal ? job.pf : job.gp) != 2 * count) {
        surprises++;
        detail("%s: %u of %u reached, the last at %x; %u #GP, %u #PF, %u others", mode.name, job.edx, 2 * count, job.ebx, job.gp,
               job.pf, job.other);
    }
    bh_watchdog_pet();
}

/* Our own page in every slot: the same accesses must all succeed, and meet our memory. */
static void own_memory(void)
{
    uint32_t at[16];
    struct paged_job job = {.esi = low(at), .ecx = sizeof(at) / sizeof(at[0])};
    uint32_t sum = 0;

    memset(other_page, 0, sizeof(other_page));
    for (unsigned i = 0; i < job.ecx; i++) {
        at[i] = slot_linear(i, low(other_page) + 4 * i);
        map(at[i], low(other_page));
    }
    run(&job, (uint32_t)(uintptr_t)paged_touch, PAGED_FLAT);
    for (unsigned i = 0; i < sizeof(at) / sizeof(at[0]); i++)
        sum += memcmp(other_page + 4 * i, &(uint32_t){PAGED_WORD}, 4) == 0;
    expect(job.vector == 0 && job.edx == 2 * sum && sum == sizeof(at) / sizeof(at[0]), &job, "own memory");
}

static uint32_t linears[SLOTS];
static unsigned slots;

static void sweep_flush(void)
{
    if (slots)
        touch(slots, linears, false);
    slots = 0;
}

static void sweep_add(uint64_t gpa)
{
    linears[slots] = slot_linear(slots, gpa);
    map(linears[slots], gpa);
    if (++slots == SLOTS)
        sweep_flush();
}

static void sweep(void)
{
    uint64_t ram = bh_start_info()->ram_size;
    const struct {
        uint64_t from, to, stride;
    } ranges[] = {
        {ram, BH_ABI_GPA, 0x100000},
        {BH_ABI_GPA + BH_ABI_PAGES * PAGE, BH_ABI_GPA + BH_ABI_PAGES * PAGE + 0x40000, PAGE},
        {0xf0100000, APIC_PAGE, 0x10000},
        {APIC_PAGE + PAGE, 0x100000000, PAGE},
    };
    unsigned bits = mode.pae ? address_bits() : mode.large && address_bits() > 40 ? 40 : mode.large ? address_bits() : 32;

    for (unsigned i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
        for (uint64_t gpa = ranges[i].from; gpa < ranges[i].to; gpa += ranges[i].stride)
            sweep_add(gpa);
    if (apic_is_x2())
        sweep_add(APIC_PAGE);
    for (unsigned bit = 32; bit < bits; bit++)
        for (uint64_t offset = 0; offset <= 0x2000000; offset = offset ? offset * 2 : PAGE) {
            sweep_add((1ull << bit) + offset);
            sweep_add((2ull << bit) - PAGE - offset);
        }
    sweep_flush();
}

/* Entries that the processor itself must refuse, over an address that is ours. */
static void illegal_entries(void)
{
    const uint64_t pae[] = {1ull << 52, 1ull << 62, 1ull << address_bits()};
    uint32_t linear = slot_linear(0, low(other_page));

    map(linear, low(other_page));
    if (mode.pae) {
        for (unsigned i = 0; i < sizeof(pae) / sizeof(pae[0]); i++) {
            entry_set(leaf_entry(linear), leaf_value(low(other_page)) | pae[i]);
            touch(1, &linear, true);
        }
    }
    if (mode.large) {
        entry_set(leaf_entry(linear), leaf_value(low(other_page)) | (mode.pae ? 1u << 13 : 1u << 21));
        touch(1, &linear, true);
    }
}

/* --- what the hypervisor decodes ---------------------------------------------------------------------------------------------- */

static const uint8_t set_cr4[] = {0x0f, 0x22, 0xe0, 0x0f, 0x20, 0xe0, 0x90, 0xcb}; /* EAX to CR4, back to EAX */
static const uint8_t set_cr0[] = {0x0f, 0x22, 0xc0, 0x0f, 0x20, 0xc0, 0xcb};

/* CR4 with the bit that we change. */
static uint32_t cr4_changed(void)
{
    return ((uint32_t)cpu_cr4() & ~(CR4_PAE | CR4_PSE | 1u << 17)) | mode_cr4() | CR4_OURS;
}

static bool cr4_done(const struct paged_job *job)
{
    return job->cr4_after == cr4_changed();
}

static void write_cr4(uint32_t linear, uint32_t selector, const char *what)
{
    struct paged_job job = {.eax = cr4_changed()};
    uint8_t code[sizeof(set_cr4)];

    memcpy(code, set_cr4, sizeof(code));
    if (selector == PAGED_16)
        code[6] = 0x66; /* the far call was one of 32 bits */
    put(code, sizeof(code), linear & (PAGE - 1));
    run(&job, linear, selector);
    expect(job.vector == 0 && job.eax == cr4_changed() && cr4_done(&job), &job, what);
}

static void control_registers(void)
{
    uint32_t at = code_linear(), cr0 = ((uint32_t)cpu_cr0() ^ CR0_WP) | (uint32_t)CR0_PG;
    struct paged_job job = {.eax = cr0};

    write_cr4(at + 0x100, PAGED_FLAT, "write of CR4");
    write_cr4(at + 0x100, PAGED_BASED, "write of CR4 in a segment with a base");
    if (!mode.large) {
        write_cr4(at + 0x100, PAGED_16, "write of CR4 in a 16-bit segment");
        map(at + PAGE, low(other_page));
        for (unsigned split = 1; split < 3; split++)
            write_cr4(at + PAGE - split, PAGED_FLAT, "write of CR4 across two pages");
    }
    put(set_cr0, sizeof(set_cr0), 0);
    run(&job, at, PAGED_FLAT);
    expect(job.vector == 0 && job.eax == cr0 && job.cr0_after == cr0, &job, "write of CR0");
}

/* Writes that must be refused in these modes. */
static void forbidden_values(void)
{
    static const uint8_t set_efer[] = {0x0f, 0x32, 0x0d, 0, 1, 0, 0, 0x0f, 0x30, 0xcb}; /* RDMSR, LME, WRMSR */
    const uint32_t cr0 = (uint32_t)(cpu_cr0() | CR0_PG), bad_cr0[] = {cr0 & ~(uint32_t)CR0_PE, cr0 | 1u << 29};
    const uint32_t bad_cr4[] = {1u << 13, 1u << 14, 1u << 17, 1u << 15, 1u << 19, 1u << 31};
    struct paged_job job;

    put(set_cr4, sizeof(set_cr4), 0);
    for (unsigned i = 0; i < sizeof(bad_cr4) / sizeof(bad_cr4[0]); i++) {
        job = (struct paged_job){.eax = cr4_changed() | bad_cr4[i]};
        run(&job, code_linear(), PAGED_FLAT);
        expect(job.vector == VECTOR_GP && job.error == 0 && job.eip == code_linear() && !cr4_done(&job), &job, "forbidden CR4");
    }
    put(set_cr0, sizeof(set_cr0), 0);
    for (unsigned i = 0; i < sizeof(bad_cr0) / sizeof(bad_cr0[0]); i++) {
        job = (struct paged_job){.eax = bad_cr0[i]};
        run(&job, code_linear(), PAGED_FLAT);
        expect(job.vector == VECTOR_GP && job.eip == code_linear() && job.cr0_after == cr0, &job, "forbidden CR0");
    }
    put(set_efer, sizeof(set_efer), 0);
    job = (struct paged_job){.ecx = MSR_EFER};
    run(&job, code_linear(), PAGED_FLAT);
    expect(job.vector == VECTOR_GP && job.eip == code_linear() + 7, &job, "EFER.LME while paging is on");
}

static void apic_read(const uint8_t *code, unsigned length, uint32_t selector, uint32_t right, const char *what)
{
    struct paged_job job = {.esi = slot_linear(0, APIC_PAGE + 0x30)};

    put(code, length, 0);
    run(&job, code_linear(), selector);
    expect(job.vector == 0 && job.eax == right, &job, what);
}

static void apic_write(uint32_t value)
{
    static const uint8_t store[] = {0x89, 0x06, 0x31, 0xc0, 0x8b, 0x06, 0xcb};
    struct paged_job job = {.esi = slot_linear(0, APIC_PAGE + 0x80), .eax = value};

    put(store, sizeof(store), 0);
    run(&job, code_linear(), PAGED_FLAT);
    expect(job.vector == 0 && job.eax == value, &job, "write of the task priority");
}

/* The local APIC's page: version register read, task priority written and read, in the forms that C compilers make. */
static void apic_page(void)
{
    static const uint8_t load[] = {0x8b, 0x06, 0xcb};
    uint8_t load_offset[] = {0xa1, 0, 0, 0, 0, 0xcb}, load_offset_16[] = {0x66, 0x67, 0xa1, 0, 0, 0, 0, 0x66, 0xcb};
    uint32_t version = slot_linear(0, APIC_PAGE + 0x30);
    uint64_t right;

    if (apic_is_x2() || !try_read(APIC_PAGE + 0x30, 4, &right))
        return;
    map(version, APIC_PAGE);
    memcpy(load_offset + 1, &version, 4);
    memcpy(load_offset_16 + 3, &version, 4);
    apic_read(load, sizeof(load), PAGED_FLAT, (uint32_t)right, "read of the APIC's version");
    apic_read(load, sizeof(load), PAGED_BASED, (uint32_t)right, "read of the APIC's version in a segment with a base");
    apic_read(load_offset, sizeof(load_offset), PAGED_BASED, (uint32_t)right, "read of the APIC's version by offset");
    if (!mode.large)
        apic_read(load_offset_16, sizeof(load_offset_16), PAGED_16, (uint32_t)right, "read of the APIC's version in 16 bits");
    apic_write(0x20);
    apic_write(0);
}

/* --- tables that change under the hypervisor ----------------------------------------------------------------------------------- */

/* The code changes an entry, which the processor has cached, and writes CR4 at once; the hypervisor sees the new entry. */
static void stale(void *entry, uint64_t value, bool legal, const char *what)
{
    static const uint8_t code[] = {0x89, 0x0f, 0x0f, 0x22, 0xe0, 0x0f, 0x20, 0xe0, 0xcb};
    static const uint8_t code_pae[] = {0x89, 0x0f, 0x89, 0x57, 0x04, 0x0f, 0x22, 0xe0, 0x0f, 0x20, 0xe0, 0xcb};
    struct paged_job job = {.eax = cr4_changed(), .ecx = (uint32_t)value, .edx = (uint32_t)(value >> 32), .edi = low(entry)};
    uint32_t at = code_linear() + (mode.pae ? 5 : 2);

    put(mode.pae ? code_pae : code, mode.pae ? sizeof(code_pae) : sizeof(code), 0);
    run(&job, code_linear(), PAGED_FLAT);
    if (legal)
        expect(job.vector == 0 && cr4_done(&job), &job, what);
    else
        expect(job.vector == VECTOR_GP && job.error == 0 && job.eip == at && !cr4_done(&job), &job, what);
    tables_build();
}

static void stale_entries(void)
{
    uint32_t ram = (uint32_t)bh_start_info()->ram_size, outside[] = {ram, 0x40000000, APIC_PAGE & ~0x3fffffu, 0xffc00000};
    void *leaf = leaf_entry(code_linear()), *directory = directory_entry(code_linear());
    uint64_t here = leaf_value(low(code_page));

    stale(leaf, here & ~PTE_PRESENT, false, "code page not present");
    stale(leaf, here, true, "code page unchanged");
    for (unsigned i = 0; i < sizeof(outside) / sizeof(outside[0]); i++) {
        stale(leaf, leaf_value(outside[i]), false, "code page outside");
        if (!mode.large)
            stale(directory, outside[i] | RW, false, "table outside");
    }
    stale(leaf, leaf_value(BH_ABI_GPA), false, "code page in the ABI area");
    if (mode.pae || mode.large)
        for (unsigned bit = 32; bit < 40; bit++)
            stale(leaf, leaf_value(low(code_page) | 1ull << bit), false, "code page above 4 GiB");
    if (mode.pae && !mode.large) {
        for (unsigned bit = 32; bit < 52; bit++)
            stale(directory, low(code_table) | 1ull << bit | RW, false, "table above 4 GiB");
        stale(leaf, here | 1ull << 51, false, "code page where no address is");
    }
    if (!mode.pae && !mode.large) /* without CR4.PSE the bit means nothing */
        stale(directory, low(code_table) | RW | PTE_LARGE, true, "large page without PSE");
}

/* Only Intel's processors load the four entries of the root when CR0 or CR4 is written, and refuse a wrong one there, before anything
 * has changed. The other tables are a copy, so that there is a way back. */
static void root_entries(void)
{
    static const uint8_t code[] = {0x89, 0x0f, 0x89, 0x57, 0x04, 0x0f, 0x22, 0xe0, 0xcb};
    const uint64_t wrong[] = {1u << 1, 1u << 2, 1u << 5, 1u << 8, 1ull << 63, 1ull << address_bits()};
    uint64_t right = low(directories[3]) | PTE_PRESENT;

    for (unsigned i = 0; mode.pae && cpu_is_intel() && i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        uint64_t value = right | wrong[i];
        struct paged_job job = {.eax = cr4_changed() | CR4_PSE, .ecx = (uint32_t)value, .edx = (uint32_t)(value >> 32)};

        memcpy(other_page, root, sizeof(other_page));
        job.edi = low(other_page + 24);
        job.cr3 = low(other_page);
        put(code, sizeof(code), 0);
        run(&job, code_linear(), PAGED_FLAT);
        expect(job.vector == VECTOR_GP && job.error == 0 && job.eip == code_linear() + 5 && !(job.cr4_after & CR4_PSE), &job,
               "wrong entry of the root, CR4 written");
        job = (struct paged_job){.cr3 = low(other_page)};
        run(&job, code_linear(), PAGED_FLAT);
        expect(job.vector == VECTOR_GP && !(job.cr0_after & (uint32_t)CR0_PG), &job, "paging with a wrong entry of the root");
        entry_set(other_page + 24, value & ~PTE_PRESENT);
        job = (struct paged_job){
            .eax = cr4_changed() | CR4_PSE, .edi = low(other_page + 16), .ecx = low(directories[2]) | 1, .cr3 = low(other_page)};
        run(&job, code_linear(), PAGED_FLAT);
        expect(job.vector == 0 && (job.cr4_after & CR4_PSE), &job, "entry of the root that is not present");
    }
}

/* Code at the end of a page: what follows is outside, and nobody needs it. */
static void last_of_page(void)
{
    uint32_t next = CODE + PAGE, outside[] = {(uint32_t)bh_start_info()->ram_size, APIC_PAGE + PAGE};
    struct paged_job job;

    for (unsigned i = 0; !mode.large && i < 2; i++) {
        map(next, outside[i]);
        put(set_cr4, 3, PAGE - 3);
        job = (struct paged_job){.eax = cr4_changed()};
        run(&job, next - 3, PAGED_FLAT);
        expect(cr4_done(&job) && job.vector == VECTOR_GP && job.eip == next, &job, "write of CR4 as the last of a page");
        put(set_cr4, 2, PAGE - 2); /* and one that is cut off */
        job = (struct paged_job){.eax = cr4_changed()};
        run(&job, next - 2, PAGED_FLAT);
        expect(!cr4_done(&job) && job.vector == VECTOR_GP, &job, "write of CR4 that is cut off");
    }
}

/* The root in the last bytes of memory. */
static void edge(void)
{
    static uint8_t kept[PAGE];
    unsigned size = mode.pae ? 32 : PAGE;
    uint8_t *last = (uint8_t *)(uintptr_t)(bh_start_info()->ram_size - size);
    struct paged_job job = {.eax = cr4_changed(), .cr3 = low(last)};

    memcpy(kept, last, size);
    memcpy(last, root, size);
    put((const uint8_t[]){0x0f, 0x22, 0xe0, 0xcb}, 4, 0);
    run(&job, code_linear(), PAGED_FLAT);
    memcpy(last, kept, size);
    expect(job.vector == 0 && cr4_done(&job), &job, "tables at the end of memory");
}

static void attack_modes(const struct mode *modes)
{
    tried = surprises = slots = 0;
    swept = 0;
    for (unsigned i = 0; i < 2; i++) {
        mode = modes[i];
        tables_build();
        control_registers();
        forbidden_values();
        apic_page();
        last_of_page();
        edge();
        stale_entries();
        root_entries();
        own_memory();
        illegal_entries();
        sweep();
    }
    verdict(surprises == 0, "%u surprises of %u, %" PRIu64 " accesses outside refused", surprises, tried, swept);
}

static const struct mode modes_32[] = {{"32-bit, 4 KiB", false, false}, {"32-bit, 4 MiB", false, true}};
static const struct mode modes_pae[] = {{"PAE, 4 KiB", true, false}, {"PAE, 2 MiB", true, true}};

void attack_paged_32(void)
{
    attack_modes(modes_32);
}

void attack_paged_pae(void)
{
    attack_modes(modes_pae);
}

/* A table outside RAM in these modes: the processor's own walk faults and cannot be repaired (AC-14). */
static void walk(const struct mode *which)
{
    struct paged_job job = {.eax = 0};

    mode = *which;
    tables_build();
    entry_set(directory_entry(CODE), bh_start_info()->ram_size | RW);
    run(&job, CODE, PAGED_FLAT);
    detail("alive with vector %u(%x) at %x", job.vector, job.error, job.eip);
}

void attack_walk_32(void)
{
    walk(&modes_32[0]);
}

void attack_walk_pae(void)
{
    walk(&modes_pae[0]);
}

/* An access to the local APIC's page by code that the hypervisor cannot fetch, since its entry leads outside by then. */
static void decode(const struct mode *which)
{
    static const uint8_t code[] = {0x89, 0x0f, 0x8b, 0x06, 0xcb}, code_pae[] = {0x89, 0x0f, 0x89, 0x57, 0x04, 0x8b, 0x06, 0xcb};
    uint32_t version = slot_linear(0, APIC_PAGE + 0x30);
    struct paged_job job;

    mode = *which;
    tables_build();
    version = slot_linear(0, APIC_PAGE + 0x30);
    map(version, APIC_PAGE);
    job = (struct paged_job){.esi = version, .edi = low(leaf_entry(CODE)), .ecx = (uint32_t)bh_start_info()->ram_size | RW};
    put(mode.pae ? code_pae : code, mode.pae ? sizeof(code_pae) : sizeof(code), 0);
    run(&job, CODE, PAGED_FLAT);
    detail("alive with vector %u(%x) at %x, EAX %x", job.vector, job.error, job.eip, job.eax);
}

void attack_decode_32(void)
{
    decode(&modes_32[0]);
}

void attack_decode_pae(void)
{
    decode(&modes_pae[0]);
}
