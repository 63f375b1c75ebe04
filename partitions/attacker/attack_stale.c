/* SPDX-License-Identifier: Apache-2.0 */
/* AC-24: translations and rights that the processor remembers, after writes of control registers which the hypervisor carries out.
 * Expected: after what forgets them on hardware (CR3, CR4.PGE, the latter global ones too) none is used, and each change of CR0.WP,
 * CR4.SMEP and CR4.SMAP decides the very next access. SDM3 4.6, 4.10.4.1; APM2 5.5. */
#include "attack.h"
#include "lib.h"

#define BASE 0x18000000000ull /* fourth entry of the root: nobody else's */
#define PAGES 64u
#define GLOBAL (1ull << 8)
#define WORD_OLD 0x01d01d01d01d01d0ull
#define WORD_NEW 0x4e34e34e34e34e34ull
#define CR4_PGE (1ull << 7)
#define CR4_SMEP (1ull << 20)
#define CR4_SMAP (1ull << 21)

typedef uint64_t table[512] __attribute__((aligned(4096)));
static table pdpt, directory, entries, frame_old, frame_new, frame_code;

static volatile uint64_t *at(unsigned i)
{
    return (volatile uint64_t *)(BASE + i * 4096ull);
}

/* The tables only: what the processor remembers stays. */
static void entries_set(const uint64_t *frame, uint64_t bits)
{
    for (unsigned i = 0; i < PAGES; i++)
        ((volatile uint64_t *)entries)[i] = (uintptr_t)frame | PTE_PRESENT | bits | (i % 2 ? GLOBAL : 0);
}

static void tables_join(bool join)
{
    volatile uint64_t *root = (volatile uint64_t *)(uintptr_t)(cpu_cr3() & ~0xfffull);

    directory[0] = (uintptr_t)entries | PTE_PRESENT | PTE_WRITE | PTE_USER;
    pdpt[0] = (uintptr_t)directory | PTE_PRESENT | PTE_WRITE | PTE_USER;
    root[BASE >> 39] = join ? (uintptr_t)pdpt | PTE_PRESENT | PTE_WRITE | PTE_USER : 0;
    cpu_set_cr3(cpu_cr3());
}

/* Pages where the old frame is still seen: the even ones, and the odd ones, which are global. */
static unsigned old_seen(bool global)
{
    unsigned seen = 0;

    for (unsigned i = global; i < PAGES; i += 2)
        seen += *at(i) == WORD_OLD;
    return seen;
}

/* The old frame is remembered at all pages, and replaced in the tables. */
static void replace(void)
{
    entries_set(frame_old, PTE_NX);
    for (unsigned i = 0; i < PAGES; i++)
        cpu_invlpg((const void *)at(i));
    old_seen(false);
    old_seen(true);
    entries_set(frame_new, PTE_NX);
}

static unsigned forgotten(unsigned *held)
{
    uint64_t cr4 = cpu_cr4();
    unsigned stale = 0, seen;

    frame_old[0] = WORD_OLD;
    frame_new[0] = WORD_NEW;
    for (unsigned round = 0; round < 3; round++) {
        cpu_set_cr4(round == 2 ? cr4 & ~CR4_PGE : cr4 | CR4_PGE);
        replace();
        *held += old_seen(false) + old_seen(true);
        if (round == 0)
            cpu_set_cr3(cpu_cr3());
        else
            cpu_set_cr4(cpu_cr4() ^ CR4_PGE);
        stale += seen = old_seen(false) + (round == 0 ? 0 : old_seen(true));
        if (seen)
            detail("%u pages after a write of %s", seen, round == 0 ? "CR3" : "CR4.PGE");
    }
    cpu_set_cr4(cr4);
    return stale;
}

/* --- rights ---------------------------------------------------------------------------------------------------------------------- */

static void store(void *unused)
{
    (void)unused;
    *at(0) = 0;
}

static void load(void *unused)
{
    (void)unused;
    (void)*at(0);
}

static void call(void *unused)
{
    (void)unused;
    ((void (*)(void))at(0))();
}

static const struct right {
    const char *name;
    unsigned cr;
    uint64_t bit, page; /* page: bits of its entry */
    void (*access)(void *);
    uint8_t feature; /* bit of EBX in leaf 7 */
} rights[] = {
    {"CR0.WP", 0, CR0_WP, PTE_NX, store, 0},
    {"CR4.SMEP", 4, CR4_SMEP, PTE_USER, call, 7},
    {"CR4.SMAP", 4, CR4_SMAP, PTE_USER | PTE_WRITE, load, 20},
};

static void bit_write(const struct right *r, bool set)
{
    if (r->cr == 0)
        cpu_set_cr0(set ? cpu_cr0() | r->bit : cpu_cr0() & ~r->bit);
    else
        cpu_set_cr4(set ? cpu_cr4() | r->bit : cpu_cr4() & ~r->bit);
}

/* Allowed and forbidden in turn; the entry is not touched in between. */
static unsigned outlived(const struct right *r)
{
    uint64_t cr0 = cpu_cr0(), cr4 = cpu_cr4();
    unsigned wrong = 0;

    *(volatile uint8_t *)frame_code = 0xc3; /* RET */
    entries_set(frame_code, r->page);
    for (unsigned i = 0; i < PAGES; i++)
        cpu_invlpg((const void *)at(i));
    for (unsigned round = 0; round < 8; round++) {
        bool set = round % 2, faulted;

        bit_write(r, set);
        faulted = bh_try(r->access, 0, &attack_fault);
        *(volatile uint8_t *)frame_code = 0xc3;
        wrong += faulted != set;
    }
    cpu_set_cr0(cr0);
    cpu_set_cr4(cr4);
    if (wrong)
        detail("%s: %u accesses by the rights of before", r->name, wrong);
    return wrong;
}

void attack_stale(void)
{
    unsigned held = 0, stale;
    bool were_on = bh_irq_off();
    uint32_t id[4];

    cpu_cpuid(7, 0, id);
    tables_join(true);
    stale = forgotten(&held);
    for (unsigned i = 0; i < sizeof(rights) / sizeof(rights[0]); i++)
        if (rights[i].cr == 0 || id[1] >> rights[i].feature & 1)
            stale += outlived(&rights[i]);
    tables_join(false);
    bh_irq_restore(were_on);
    verdict(stale == 0, "%u stale, %u remembered until forgotten", stale, held);
}
