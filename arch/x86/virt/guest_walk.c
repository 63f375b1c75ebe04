/* SPDX-License-Identifier: Apache-2.0 */
/* Fetch the code bytes of a guest through its own page tables (AC-25). The tables are in the partition's RAM and it may change
 * them at any time, so each entry is read once, and every address found is looked up as the partition's own RAM. Rights are
 * not checked: the CPU has just executed there, and whoever changed it since reads its own memory. SDM3 4.3 to 4.5. */
#include "memory.h"
#include "policy.h"
#include "virt.h"
#include "x86_bits.h"

#define NOWHERE (~0ull)

struct walk {
    uint64_t table;  /* guest-physical */
    unsigned levels; /* 4: long mode, 3: PAE, 2: 32-bit */
    bool wide;       /* 8-byte entries */
    bool large4m;    /* 32-bit: CR4.PSE */
};

static struct walk walk_of(const struct guest_state *s)
{
    if (s->efer & EFER_LMA)
        return (struct walk){.table = s->cr3 & PTE_ADDRESS, .levels = 4, .wide = true};
    if (s->cr4 & CR4_PAE)
        return (struct walk){.table = s->cr3 & 0xffffffe0, .levels = 3, .wide = true};
    return (struct walk){.table = s->cr3 & 0xfffff000, .levels = 2, .large4m = (s->cr4 & CR4_PSE) != 0};
}

static bool entry_read(const struct partition *p, const struct walk *w, uint64_t index, uint64_t *u_entry)
{
    unsigned size = w->wide ? 8 : 4;
    const void *at = partition_ram(p, GPA(w->table + index * size), size);

    if (at == 0)
        return false;
    *u_entry =
        w->wide ? __atomic_load_n((const uint64_t *)at, __ATOMIC_RELAXED) : __atomic_load_n((const uint32_t *)at, __ATOMIC_RELAXED);
    return (*u_entry & PTE_P) != 0;
}

static bool is_leaf(const struct walk *w, unsigned level, uint64_t u_entry)
{
    if (level == 1)
        return true;
    if (!(u_entry & PTE_PS))
        return false;
    return level == 2 ? w->wide || w->large4m : level == 3 && w->levels == 4;
}

static uint64_t walk_linear(const struct partition *p, const struct guest_state *s, uint64_t linear)
{
    struct walk w = walk_of(s);
    unsigned bits = w.wide ? 9 : 10;

    if (!(s->cr0 & CR0_PG))
        return linear;
    for (unsigned level = w.levels; level >= 1; level--) {
        unsigned shift = 12 + bits * (level - 1);
        uint64_t u_entry, offset = (1ull << shift) - 1;

        if (!entry_read(p, &w, linear >> shift & ((1u << bits) - 1), &u_entry))
            return NOWHERE;
        if (is_leaf(&w, level, u_entry)) {
            uint64_t high = !w.wide && level == 2 ? (u_entry >> 13 & 0xff) << 32 : 0; /* PSE-36 */

            return high | (u_entry & PTE_ADDRESS & ~offset) | (linear & offset);
        }
        w.table = u_entry & PTE_ADDRESS;
    }
    return NOWHERE;
}

/* Copy what lies in the page of `linear`, at most `size` bytes; returns how many. */
static unsigned page_copy(struct vcpu *vcpu, const struct guest_state *s, uint64_t linear, uint8_t *to, unsigned size)
{
    unsigned room = PAGE_SIZE - (unsigned)(linear & PAGE_MASK), count = size < room ? size : room;
    uint64_t gpa = walk_linear(vcpu->partition, s, linear);
    const void *from = gpa == NOWHERE ? 0 : partition_ram(vcpu->partition, GPA(gpa), count);

    if (from == 0)
        return 0;
    memcpy(to, from, count);
    return count;
}

unsigned guest_fetch(struct vcpu *vcpu, uint8_t code[15])
{
    struct guest_state s;
    uint64_t linear, rest;
    unsigned count;

    virt_state(vcpu, &s);
    linear = s.cs_long ? s.rip : (uint32_t)(s.cs_base + s.rip);
    if ((uint64_t)((int64_t)(linear << 16) >> 16) != linear) /* not canonical */
        return 0;
    count = page_copy(vcpu, &s, linear, code, 15);
    rest = linear + count;
    if (!s.cs_long)
        rest = (uint32_t)rest;
    if (count != 0 && count < 15)
        count += page_copy(vcpu, &s, rest, code + count, 15 - count);
    return count;
}
