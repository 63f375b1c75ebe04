/* SPDX-License-Identifier: Apache-2.0 */
/* The isolation audit (SEP-1, SEP-5): what the tables really say against what the plan says. It trusts neither the builders nor
 * the tables: a table outside our own pool is not followed, and no more tables than the pool has pages are looked at. */
#include "audit.h"

#include "arch.h"
#include "channel.h"
#include "console.h"
#include "memory.h"
#include "policy.h"

#define NOBODY MAX_PARTITIONS /* the parking guest's partition */
#define FINDINGS_SHOWN 16u
#define TOP 4u
#define ENTRIES 512u
#define PORTS 65536u

/* A piece of guest-physical space as the plan wants it. */
struct wanted {
    const char *what;
    uint64_t gpa, hpa, size;
    bool write, execute;
    bool any;    /* whatever page is found there is taken for hpa */
    bool device; /* uncached; pages that hold MSI-X tables are left out */
};

#define WANTED_MAX (16u + 4u + BH_MAX_CHANNELS + PRODUCT_MAX_DEVICES * BOARD_BARS)
struct walk {
    struct audit_result *result;
    const char *who;    /* partition, or "parking guest" */
    unsigned partition; /* index, or NOBODY */
    struct wanted wanted[WANTED_MAX];
    uint64_t mapped[WANTED_MAX]; /* bytes of each that are mapped as wanted */
    unsigned wanted_count;
    unsigned tables; /* looked at */
};

bool audit_finding(struct audit_result *result)
{
    return result->findings++ < FINDINGS_SHOWN;
}

/* --- memory -------------------------------------------------------------------------------------------------------------- */

static bool in_pool(uint64_t hpa, uint64_t size)
{
    return (hpa & PAGE_MASK) == 0 && range_inside(hpa, size, arch_hpa(plan_pool).v, (uint64_t)plan.pool_pages * PAGE_SIZE);
}

/* Whose ABI pages are these, not counting `except`? Beside the channels they are the only hypervisor memory that a guest can write. */
static const char *abi_owner(uint64_t hpa, uint64_t size, unsigned except)
{
    for (unsigned p = 0; p < plan.partition_count; p++)
        if (p != except && partitions[p].abi != 0 &&
            range_overlap(hpa, size, arch_hpa(partitions[p].abi).v, (uint64_t)BH_ABI_PAGES * PAGE_SIZE))
            return plan.partitions[p].name;
    return 0;
}

static bool is_unikernel(unsigned partition)
{
    return partition < plan.partition_count && plan.partitions[partition].kind == IMAGE_UNIKERNEL;
}

/* A channel in whose memory this partition has no business, or not this one: not its writer and, for a read, none of its readers; or a
 * Linux, which never meets it but through a port. */
static const char *channel_foreign(uint64_t hpa, uint64_t size, unsigned partition, bool write)
{
    for (unsigned i = 0; i < plan.channel_count; i++) {
        const struct plan_channel *c = &plan.channels[i];
        bool reads = is_unikernel(partition) && c->readers >> partition & 1;

        if (range_overlap(hpa, size, arch_hpa(channel_memory(i)).v, PAGE_SIZE + (uint64_t)c->size) &&
            !(is_unikernel(partition) && c->writer == partition) && !(reads && !write))
            return c->name;
    }
    return 0;
}

/* Can a guest write this memory of ours? Then it is no place for tables. */
static bool guests_reach(uint64_t hpa, uint64_t size)
{
    return abi_owner(hpa, size, NOBODY) != 0 || channel_foreign(hpa, size, NOBODY, true) != 0;
}

/* The TPM has one owner, the first that the plan names, and of it the page of locality 0 alone. */
static bool tpm_foreign(uint64_t hpa, uint64_t size, unsigned partition)
{
    const uint64_t end = PLAN_TPM + PLAN_TPM_LOCALITIES * PAGE_SIZE;
    uint64_t from = PLAN_TPM;
    unsigned owner = 0;

    while (owner < plan.partition_count && plan.partitions[owner].tpm.v == 0)
        owner++;
    if (owner == partition && owner < plan.partition_count)
        from += PAGE_SIZE;
    return range_overlap(hpa, size, from, end - from);
}

/* Whose memory is this, if not the partition's own? Looks at the plan and at every other partition, not at `wanted`. */
static const char *foreign_owner(const struct walk *w, uint64_t hpa, uint64_t size, bool write)
{
    const char *channel = channel_foreign(hpa, size, w->partition, write);

    if (channel != 0)
        return channel;
    for (unsigned p = 0; p < plan.partition_count; p++)
        for (unsigned i = 0; i < plan.partitions[p].ram_count && p != w->partition; i++)
            if (range_overlap(hpa, size, plan.partitions[p].ram[i].hpa.v, plan.partitions[p].ram[i].size))
                return plan.partitions[p].name;
    for (unsigned i = 0; i < plan.function_count; i++)
        if (plan.functions[i].partition != w->partition && audit_bar_overlap(&plan.functions[i], hpa, size))
            return plan.partitions[plan.functions[i].partition].name;
    if (audit_board_register(hpa, size))
        return "the board";
    if (tpm_foreign(hpa, size, w->partition))
        return "the TPM";
    if (range_overlap(hpa, size, plan.crash.v, plan.crash_size))
        return "crash record";
    if (range_overlap(hpa, size, plan.zone.v, plan.zone_size))
        return "image zone";
    return abi_owner(hpa, size, w->partition);
}

/* Hypervisor memory is mapped only where the plan wants exactly that. */
static bool ours_exposed(const struct wanted *wanted, uint64_t hpa, uint64_t size)
{
    return range_overlap(hpa, size, plan.hypervisor.v, plan.hypervisor_room) &&
           (wanted == 0 || !range_inside(hpa, size, wanted->hpa, wanted->size) || !in_pool(hpa, size));
}

static struct wanted *wanted_at(struct walk *w, uint64_t gpa, uint64_t size)
{
    for (unsigned i = 0; i < w->wanted_count; i++)
        if (range_inside(gpa, size, w->wanted[i].gpa, w->wanted[i].size))
            return &w->wanted[i];
    return 0;
}

static void leaf_check(struct walk *w, uint64_t gpa, const struct audit_entry *e, uint64_t size)
{
    struct wanted *wanted = wanted_at(w, gpa, size);
    const char *owner = foreign_owner(w, e->address, size, e->write);
    uint64_t expected = 0;

    if (wanted != 0 && wanted->any)
        wanted->hpa = e->address;
    if (wanted != 0)
        expected = wanted->hpa + (gpa - wanted->gpa);
    w->result->leaves++;
    w->result->pages += size / PAGE_SIZE;
    if (e->bad && audit_finding(w->result))
        log_line("AUDIT %s: %lx: entry has unexpected bits", w->who, gpa);
    if (wanted == 0 && audit_finding(w->result))
        log_line("AUDIT %s: %lx: expected nothing, found %lx, %lu bytes", w->who, gpa, e->address, size);
    if (wanted != 0 && e->address != expected && audit_finding(w->result))
        log_line("AUDIT %s: %lx: expected %lx, found %lx", w->who, gpa, expected, e->address);
    if (wanted != 0 && (e->write != wanted->write || e->execute != wanted->execute || e->device != wanted->device) &&
        audit_finding(w->result))
        log_line("AUDIT %s: %lx: expected %s%s%s, found %s%s%s", w->who, gpa, wanted->write ? "RW" : "R",
                 wanted->execute ? "X" : "", wanted->device ? " uncached" : "", e->write ? "RW" : "R", e->execute ? "X" : "",
                 e->device ? " uncached" : "");
    if (wanted != 0 && wanted->device && audit_msix_pages(e->address, size) != 0 && audit_finding(w->result))
        log_line("AUDIT %s: %lx: expected no MSI-X table, found one", w->who, gpa);
    if (owner != 0 && audit_finding(w->result))
        log_line("AUDIT %s: %lx: expected its own memory, found %lx of %s", w->who, gpa, e->address, owner);
    if (ours_exposed(wanted, e->address, size) && audit_finding(w->result))
        log_line("AUDIT %s: %lx: expected its own memory, found %lx of the hypervisor", w->who, gpa, e->address);
    if (wanted != 0)
        w->mapped[wanted - w->wanted] += size;
}

static const uint64_t *table_at(struct walk *w, uint64_t hpa)
{
    if (in_pool(hpa, PAGE_SIZE) && !guests_reach(hpa, PAGE_SIZE) && w->tables++ < plan.pool_pages)
        return arch_ptr(HPA(hpa));
    if (audit_finding(w->result))
        log_line("AUDIT %s: expected a table of ours, found %lx, or tables in a ring", w->who, hpa);
    return 0;
}

/* One entry; the table it leads to, or 0. */
static const uint64_t *entry_check(struct walk *w, uint64_t raw, uint64_t gpa, unsigned level)
{
    struct audit_entry e = audit_decode(raw, level);

    if (e.present && e.leaf) {
        leaf_check(w, gpa, &e, PAGE_SIZE << 9 * (level - 1));
        return 0;
    }
    if (e.bad && audit_finding(w->result))
        log_line("AUDIT %s: %lx: level %u entry %lx has unexpected bits", w->who, gpa, level, raw);
    return e.present ? table_at(w, e.address) : 0;
}

/* Every entry of every table, in order, without recursion. Steps: 512 per table, at most pool_pages tables. */
static void tables_walk(struct walk *w, uint64_t root)
{
    const uint64_t *table[TOP + 1] = {0};
    unsigned index[TOP + 1] = {0};
    uint64_t gpa[TOP + 1] = {0}; /* where each table begins */
    unsigned level = TOP;

    table[TOP] = table_at(w, root);
    while (table[TOP] != 0 && level <= TOP) {
        unsigned i = index[level]++;
        uint64_t at, raw;

        if (i == ENTRIES) {
            level++;
            continue;
        }
        raw = table[level][i];
        if (raw == 0)
            continue;
        at = gpa[level] + ((uint64_t)i << (12 + 9 * (level - 1)));
        table[level - 1] = entry_check(w, raw, at, level);
        if (table[level - 1] != 0) {
            level--;
            gpa[level] = at;
            index[level] = 0;
        }
    }
}

static void want(struct walk *w, const struct wanted *wanted)
{
    if (w->wanted_count < WANTED_MAX)
        w->wanted[w->wanted_count++] = *wanted;
    else if (audit_finding(w->result))
        log_line("AUDIT %s: expected at most %u regions", w->who, WANTED_MAX);
}

static void completeness_check(struct walk *w)
{
    for (unsigned i = 0; i < w->wanted_count; i++) {
        const struct wanted *wanted = &w->wanted[i];
        uint64_t size = wanted->size - (wanted->device ? audit_msix_pages(wanted->hpa, wanted->size) * PAGE_SIZE : 0);

        if (w->mapped[i] != size && audit_finding(w->result))
            log_line("AUDIT %s: %lx: expected %lu bytes of %s, found %lu", w->who, wanted->gpa, size, wanted->what, w->mapped[i]);
    }
}

static void want_abi(struct walk *w, const uint8_t *abi)
{
    const uint64_t page = PAGE_SIZE;
    uint64_t hpa = abi ? arch_hpa(abi).v : 0;

    want(w, &(struct wanted){"start information", BH_ABI_GPA, hpa, page, .write = false});
    want(w, &(struct wanted){"shared pages", BH_ABI_GPA + page, hpa + page, 5 * page, .write = true});
    want(w, &(struct wanted){"input ring, channels, answers", BH_ABI_GPA + 6 * page, hpa + 6 * page, 3 * page, .write = false});
}

/* Whom a channel is mapped to is asked of its ends, not of what the planner says of it. */
static void want_channels(struct walk *w)
{
    for (unsigned i = 0; i < plan.channel_count; i++) {
        const struct plan_channel *c = &plan.channels[i];
        bool writes = c->writer == w->partition;

        if (is_unikernel(w->partition) && (writes || c->readers >> w->partition & 1))
            want(w, &(struct wanted){c->name, c->gpa.v, arch_hpa(channel_memory(i)).v, PAGE_SIZE + (uint64_t)c->size,
                                     .write = writes});
    }
}

static void want_bars(struct walk *w, const struct plan_function *function)
{
    for (unsigned i = 0; i < BOARD_BARS; i++) {
        const struct plan_bar *bar = &function->bars[i];

        if (bar->kind == BAR_MEMORY32 || bar->kind == BAR_MEMORY64)
            want(w, &(struct wanted){function->role, bar->base.v, bar->base.v, bar->size, .write = true, .device = true});
    }
}

static void partition_check(struct audit_result *result, unsigned index)
{
    const struct plan_partition *p = &plan.partitions[index];
    struct walk w = {.result = result, .who = p->name, .partition = index};

    for (unsigned i = 0; i < p->ram_count; i++)
        want(&w, &(struct wanted){"RAM", p->ram[i].gpa.v, p->ram[i].hpa.v, p->ram[i].size, .write = true, .execute = true});
    if (p->kind == IMAGE_UNIKERNEL)
        want_abi(&w, partitions[index].abi);
    want_channels(&w);
    for (unsigned i = 0; i < p->function_count; i++)
        want_bars(&w, &plan.functions[p->first_function + i]);
    if (p->tpm.v != 0)
        want(&w, &(struct wanted){"TPM", PLAN_TPM, PLAN_TPM, PAGE_SIZE, .write = true, .device = true});
    tables_walk(&w, partitions[index].nested_root);
    completeness_check(&w);
    result->partitions++;
}

/* --- cores --------------------------------------------------------------------------------------------------------------------- */

/* The parking guest has one page, which it can only execute, and which makes it wait with interrupts off: cli; 1: hlt; jmp 1b */
static void idle_check(struct audit_result *result, uint64_t root)
{
    static const uint8_t code[] = {0xfa, 0xf4, 0xeb, 0xfd};
    struct walk w = {.result = result, .who = "parking guest", .partition = NOBODY};
    uint64_t page;

    want(&w, &(struct wanted){"code", 0, 0, PAGE_SIZE, .execute = true, .any = true});
    tables_walk(&w, root);
    completeness_check(&w);
    page = w.wanted[0].hpa;
    if ((!in_pool(page, PAGE_SIZE) || memcmp(arch_ptr(HPA(page)), code, sizeof(code)) != 0) && audit_finding(result))
        log_line("AUDIT parking guest: expected a page that halts, found other code");
}

static void io_map_check(struct audit_result *result, unsigned core, uint64_t hpa)
{
    const uint8_t *map = arch_ptr(HPA(hpa));
    unsigned beyond = (1u << (audit_io_bits - PORTS)) - 1;

    for (uint32_t byte = 0; byte < PORTS / 8; byte++)
        if (map[byte] != 0xff && audit_finding(result))
            log_line("AUDIT core %u: ports %x..%x: expected all to exit, found map byte %x", core, byte * 8, byte * 8 + 7,
                     map[byte]);
    if (beyond != 0 && (map[PORTS / 8] & beyond) != beyond && audit_finding(result))
        log_line("AUDIT core %u: expected the bits beyond port ffff set", core);
    result->ports += PORTS;
}

/* Both ways: what is open must be so by policy, and what policy names must be as it says. Everything else is closed in both. */
static void msr_rows_check(struct audit_result *result, unsigned core, const uint8_t *map, const struct msr_row *rows,
                           unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        for (uint32_t n = 0; n <= rows[i].last - rows[i].first && n < 0x2000; n++)
            for (unsigned write = 0; write < 2; write++) {
                uint32_t msr = rows[i].first + n;

                if (msr_policy(msr, write) == MSR_OPEN && audit_msr_exits(map, msr, write) && audit_finding(result))
                    log_line("AUDIT core %u: MSR %x: expected open for %s, found an exit", core, msr, write ? "write" : "read");
            }
}

static void msr_map_check(struct audit_result *result, unsigned core, uint64_t hpa)
{
    const uint8_t *map = arch_ptr(HPA(hpa));
    uint32_t position = 0, msr;
    bool write;

    while (audit_msr_open(map, &position, &msr, &write))
        if (msr_policy(msr, write) != MSR_OPEN && audit_finding(result))
            log_line("AUDIT core %u: MSR %x: expected an exit on %s, found it open", core, msr, write ? "write" : "read");
    msr_rows_check(result, core, map, msr_rows, msr_row_count);
    msr_rows_check(result, core, map, msr_x2apic_rows, msr_x2apic_row_count);
    result->msrs += audit_msr_permissions;
}

/* Cores may share maps and the parking table: each is looked at once. */
struct seen {
    uint64_t io_map, msr_map, idle_root;
};

static bool map_ok(uint64_t hpa, uint32_t size)
{
    return in_pool(hpa, size) && !guests_reach(hpa, size);
}

static void maps_check(struct audit_result *result, unsigned core, const struct audit_control *c, struct seen *seen)
{
    if (!map_ok(c->io_map, audit_io_map_size) || !map_ok(c->msr_map, audit_msr_map_size)) {
        if (audit_finding(result))
            log_line("AUDIT core %u: expected permission maps in the pool, found %lx and %lx", core, c->io_map, c->msr_map);
        return;
    }
    if (c->io_map != seen->io_map)
        io_map_check(result, core, c->io_map);
    if (c->msr_map != seen->msr_map)
        msr_map_check(result, core, c->msr_map);
    if (c->idle_root != seen->idle_root)
        idle_check(result, c->idle_root);
    *seen = (struct seen){c->io_map, c->msr_map, c->idle_root};
}

static void core_check(struct audit_result *result, unsigned core, struct seen *seen)
{
    unsigned owner = plan.cores[core].partition;
    bool owned = owner < plan.partition_count;
    uint64_t root = owned ? partitions[owner].nested_root : 0;
    struct audit_control c;

    audit_control(core, &c);
    if (c.missing != 0 && audit_finding(result))
        log_line("AUDIT core %u: control block lacks: %s", core, c.missing);
    if (c.idle_missing != 0 && audit_finding(result))
        log_line("AUDIT core %u: parking control block lacks: %s", core, c.idle_missing);
    if (c.nested_root != root && audit_finding(result))
        log_line("AUDIT core %u: expected nested table %lx, found %lx", core, root, c.nested_root);
    if (owned && vcpus[core].partition != &partitions[owner] && audit_finding(result))
        log_line("AUDIT core %u: expected a core of %s", core, plan.partitions[owner].name);
    maps_check(result, core, &c, seen);
    result->cores++;
}

void audit_run(struct audit_result *result)
{
    struct seen seen = {0, 0, 0};

    *result = (struct audit_result){0};
    for (unsigned p = 0; p < plan.partition_count; p++)
        partition_check(result, p);
    for (unsigned core = 0; core < plan.core_count; core++)
        core_check(result, core, &seen);
    audit_devices(result);
}
