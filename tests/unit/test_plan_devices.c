/* SPDX-License-Identifier: Apache-2.0 */
/* Devices of the plan: roles, owners, BARs under nested bridges, VFs, interrupts, restart groups. Random trees of bridges are compared with
 * a slow check that shares no code with the planner. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "plan_emit.h"
#include "plan_layout.h"
#include "plan_pool.h"
#include "random_tables.h"

static struct device_plan planned, again;

static void test_roles(void **state)
{
    (void)state;
    static const struct {
        const char *text, *name;
        unsigned vf;
    } good[] = {{"nic0", "nic0", 0},
                {"disk0.vf1", "disk0", 1},
                {"a-b.vf16", "a-b", 16},
                {"x.vf65535", "x", 65535},
                {"0123456789abcde", "0123456789abcde", 0}};
    static const char *const bad[] = {0,
                                      "",
                                      ".vf1",
                                      "nic0.",
                                      "nic0.vf",
                                      "nic0.vf0",
                                      "nic0.vf01",
                                      "nic0.vf1x",
                                      "nic0.vx1",
                                      "nic0.vf-1",
                                      "nic0.vf65536",
                                      "nic0.vf99999999999",
                                      "NIC0",
                                      "nic 0",
                                      "nic_0",
                                      "0123456789abcdef",
                                      "nic0.vf1.vf1"};
    struct role role;
    for (unsigned i = 0; i < ARRAY_SIZE(good); i++) {
        assert_true(role_read(good[i].text, &role));
        assert_string_equal(role.name, good[i].name);
        assert_int_equal(role.vf, good[i].vf);
    }
    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
        if (role_read(bad[i], &role))
            fail_msg("accepted: %s", bad[i]);
}

/* A root port with a NIC behind it, one with a disk and its VFs behind a further bridge, a timer and a phone on bus 0. */
static const struct board pc = {
    .cores = {{0, 0, 0}, {1, 0, 1}, {2, 0, 2}, {3, 0, 3}},
    .core_count = 4,
    .ram = {{MIB(1), MIB(1023)}},
    .ram_count = 1,
    .pci_hole = MIB(1024),
    .pci = {.ecam = 0xb0000000, .last_bus = 3, .window = 0xc0000000, .window_size = MIB(16), .ports = 0x2000, .ports_size = 0x3000},
    .functions =
        {
            {.device = 1, .class_code = 0x060400, .bridge = {1, 1, true}},
            {.device = 2, .class_code = 0x060400, .bridge = {2, 3, true}},
            {.device = 3,
             .vendor = 0x1234,
             .id = 1,
             .role = "timer0",
             .group = 3,
             .bars = {{BAR_MEMORY32, false, MIB(1)}},
             .msi = true},
            {.device = 4, .vendor = 0x1234, .id = 2, .role = "phone0", .group = 4, .vendor_caps = true},
            {.bus = 1,
             .vendor = 0x8086,
             .id = 3,
             .class_code = 0x020000,
             .role = "nic0",
             .group = 1,
             .bars = {{BAR_MEMORY64, true, KIB(128)}, {0}, {BAR_PORTS, false, 32}, {BAR_MEMORY32, false, KIB(16)}},
             .msix = {5, 3, 3, 0, 0x2000}},
            {.bus = 2, .class_code = 0x060400, .bridge = {3, 3, true}},
            {.bus = 3,
             .vendor = 0x1b36,
             .id = 0x10,
             .role = "disk0",
             .group = 2,
             .bars = {{BAR_MEMORY64, false, KIB(16)}},
             .msix = {40, 0, 0, 0x2000, 0x3000},
             .vf = {.total = 4,
                    .offset = 8,
                    .stride = 2,
                    .id = 0x11,
                    .bars = {{BAR_MEMORY64, false, KIB(32)}},
                    .msix = {3, 0, 0, 0x2000, 0x3000}}},
        },
    .function_count = 7,
    .iommu = {.kind = IOMMU_AMDVI, .unit_count = 1},
};

static const struct product four = {
    .name = "four",
    .housekeeping = "a",
    .partitions = {{.name = "a",
                    .cores = 1,
                    .memory = MIB(16),
                    .devices = {{.role = "nic0"}, {.role = "gone0", .optional = true}, {.role = "timer0"}}},
                   {.name = "b", .cores = 1, .memory = MIB(16)},
                   {.name = "c", .cores = 1, .memory = MIB(16), .devices = {{.role = "disk0", .vectors = 3}}},
                   {.name = "d", .cores = 1, .memory = MIB(16), .devices = {{.role = "disk0.vf3"}}}}};

/* Owners, slots, ids; a missing optional role leaves its slot empty. */
static void test_owners(void **state)
{
    (void)state;
    static const struct {
        const char *role;
        unsigned requester, partition, slot, id, vectors, physical;
    } expected[] = {{"nic0", 0x100, 0, 1, 3, 5, PLAN_NO_FUNCTION},
                    {"timer0", 0x18, 0, 3, 1, 1, PLAN_NO_FUNCTION},
                    {"disk0", 0x300, 2, 1, 0x10, 3, PLAN_NO_FUNCTION},
                    {"disk0.vf3", 0x300 + 8 + 2 * 2, 3, 1, 0x11, 3, 0x300}};
    devices_plan(&four, &pc, &planned);
    assert_int_equal(planned.function_count, ARRAY_SIZE(expected));
    for (unsigned i = 0; i < ARRAY_SIZE(expected); i++) {
        const struct plan_function *f = &planned.functions[i];
        assert_string_equal(f->role, expected[i].role);
        assert_int_equal(f->requester, expected[i].requester);
        assert_int_equal(f->partition, expected[i].partition);
        assert_int_equal(f->slot, expected[i].slot);
        assert_int_equal(f->id, expected[i].id);
        assert_int_equal(f->vectors, expected[i].vectors);
        assert_int_equal(f->physical, expected[i].physical);
    }
    assert_int_equal(planned.functions[2].msix.vectors, 3);
    assert_int_equal(planned.functions[3].vendor, 0x1b36);
    assert_false(planned.functions[3].msi);
    assert_true(planned.functions[1].msi && planned.functions[1].msix.vectors == 0);
    assert_int_equal(planned.first[0], 0);
    assert_int_equal(planned.first[2], 2);
    assert_int_equal(planned.first[3], 3);
    assert_int_equal(planned.count[0], 2);
    assert_int_equal(planned.count[1], 0);
    assert_int_equal(planned.ecam, 0xf1000000);
    assert_int_equal(planned.restart_group[2], 1u << 3);
    assert_int_equal(planned.restart_group[0] | planned.restart_group[1] | planned.restart_group[3], 0);
}

/* NumVFs is the highest VF that somebody has, with the BARs of all of them, though nobody has the first two. */
static void test_vfs(void **state)
{
    (void)state;
    devices_plan(&four, &pc, &planned);
    assert_int_equal(planned.sriov_count, 1);
    assert_int_equal(planned.sriov[0].requester, 0x300);
    assert_int_equal(planned.sriov[0].count, 3);
    assert_int_equal(planned.sriov[0].bars[0].size, 3 * KIB(32));
    assert_int_equal(planned.functions[3].bars[0].base.v, planned.sriov[0].bars[0].base.v + 2 * KIB(32));
    assert_int_equal(planned.functions[3].bars[0].size, KIB(32));
    /* A VF without its PF: the PF's own BARs get no address. */
    struct product one = {.partitions = {{.name = "a", .devices = {{.role = "disk0.vf1"}}}}};
    devices_plan(&one, &pc, &planned);
    assert_int_equal(planned.function_count, 1);
    assert_int_equal(planned.sriov[0].count, 1);
    assert_int_equal(planned.sriov[0].bars[0].base.v, 0xc0000000);
    assert_int_equal(planned.functions[0].bars[0].base.v, 0xc0000000);
    assert_int_equal(planned.memory_needed, MIB(1));
    assert_int_equal(planned.bridge_count, 2);
    one.partitions[0].devices[0].role = "disk0.vf5"; /* beyond the total: not there */
    devices_plan(&one, &pc, &planned);
    assert_int_equal(planned.function_count + planned.sriov_count + planned.bridge_count, 0);
}

static void test_windows(void **state)
{
    (void)state;
    devices_plan(&four, &pc, &planned);
    assert_int_equal(planned.bridge_count, 3);
    assert_int_equal(planned.bridges[0].requester, 0x08);
    assert_int_equal(planned.bridges[1].requester, 0x10);
    assert_int_equal(planned.bridges[2].requester, 0x200);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(planned.bridges[i].memory_size, MIB(1));
    assert_int_equal(planned.bridges[1].memory.v, planned.bridges[2].memory.v);
    assert_int_equal(planned.bridges[0].ports, 0x2000);
    assert_int_equal(planned.bridges[0].ports_size, 0x1000);
    assert_int_equal(planned.bridges[1].ports_size, 0);
    assert_int_equal(planned.functions[0].bars[2].base.v, 0x2000);
    assert_int_equal(planned.memory_needed, MIB(3));
    assert_int_equal(planned.ports_needed, 0x1000);
    /* One MiB too little: nothing has an address. */
    struct board small = pc;
    small.pci.window_size = MIB(2);
    devices_plan(&four, &small, &planned);
    assert_true(planned.memory_needed > planned.memory_room);
    assert_int_equal(planned.functions[0].bars[0].base.v, 0);
    assert_int_equal(planned.functions[3].bars[0].base.v, 0);
}

/* Three PFs in a circle and one aside: who restarts with whom. */
static void test_restart_groups(void **state)
{
    (void)state;
    struct board b = {.function_count = 4};
    static const char *const roles[] = {"p", "q", "r", "s"};
    for (uint8_t i = 0; i < 4; i++)
        b.functions[i] = (struct board_function){.device = i, .role = roles[i], .vf = {.total = 4, .offset = 1, .stride = 1}};
    const struct product chain = {.partitions = {{.name = "a", .devices = {{.role = "p"}}},
                                                 {.name = "b", .devices = {{.role = "p.vf1"}, {.role = "q"}}},
                                                 {.name = "c", .devices = {{.role = "q.vf2"}, {.role = "r"}}},
                                                 {.name = "d", .devices = {{.role = "r.vf1"}, {.role = "s"}, {.role = "s.vf1"}}}}};
    devices_plan(&chain, &b, &planned);
    assert_int_equal(planned.restart_group[0], 0xe);
    assert_int_equal(planned.restart_group[1], 0xc);
    assert_int_equal(planned.restart_group[2], 0x8);
    assert_int_equal(planned.restart_group[3], 0);
    struct product circle = chain;
    circle.partitions[0].devices[1].role = "r.vf2";
    devices_plan(&circle, &b, &planned);
    assert_int_equal(planned.restart_group[0], 0xe);
    assert_int_equal(planned.restart_group[1], 0xd);
    assert_int_equal(planned.restart_group[2], 0xb);
    assert_int_equal(planned.restart_group[3], 0);
}

/* --- random trees --- */

static char role_names[BOARD_MAX_FUNCTIONS][8], vf_names[BOARD_MAX_FUNCTIONS][BOARD_MAX_VFS][16];

static void random_bars(struct board_bar *bars)
{
    for (unsigned i = 0; i < BOARD_BARS; i++) {
        unsigned kind = (unsigned)random_in(0, 4);
        if (kind == 1)
            bars[i] = (struct board_bar){BAR_PORTS, false, 4u << random_in(0, 6)};
        else if (kind == 2)
            bars[i] = (struct board_bar){BAR_MEMORY32, random_in(0, 1), (uint64_t)PAGE_SIZE << random_in(0, 10)};
        else if (kind == 3 && i + 1 < BOARD_BARS)
            bars[i++] = (struct board_bar){BAR_MEMORY64, random_in(0, 1), (uint64_t)PAGE_SIZE << random_in(0, 10)};
    }
}

/* A bus with functions and bridges to further buses, numbered as firmware does: depth first. */
static unsigned random_bus(struct board *b, unsigned bus, unsigned depth, unsigned last)
{
    unsigned devices = (unsigned)random_in(1, 4);
    for (unsigned d = 0; d < devices && b->function_count < BOARD_MAX_FUNCTIONS; d++) {
        struct board_function *f = &b->functions[b->function_count];
        *f = (struct board_function){
            .bus = (uint8_t)bus, .device = (uint8_t)d, .vendor = 1, .group = (uint8_t)(b->function_count + 1)};
        f->role = role_names[b->function_count];
        b->function_count++;
        if (random_in(0, 2) == 0 && depth < 4 && last < 250) {
            f->role = 0;
            f->bridge.secondary = (uint8_t)(last + 1);
            last = random_bus(b, last + 1, depth + 1, last + 1);
            f->bridge.subordinate = (uint8_t)last;
            continue;
        }
        random_bars(f->bars);
        f->msi = random_in(0, 1);
        f->msix.vectors = (uint16_t)(random_in(0, 1) * random_in(0, 64));
        if (random_in(0, 3) == 0) {
            f->vf.total = (uint16_t)random_in(1, BOARD_MAX_VFS);
            f->vf.offset = 8;
            f->vf.stride = 1;
            f->vf.msix.vectors = (uint16_t)random_in(0, 5);
            random_bars(f->vf.bars);
            for (unsigned i = 0; i < BOARD_BARS; i++)
                if (f->vf.bars[i].kind == BAR_PORTS)
                    f->vf.bars[i] = (struct board_bar){0};
        }
    }
    return last;
}

static void random_devices(const struct board *b, struct product *p)
{
    static const char *const names[] = {"a", "b", "c", "d", "e", "f", "g", "h"};
    *p = (struct product){.name = "r"};
    for (unsigned i = 0; i < ARRAY_SIZE(names); i++)
        p->partitions[i] = (struct partition_spec){.name = names[i], .cores = 1, .memory = MIB(16)};
    for (unsigned f = 0; f < b->function_count; f++)
        for (unsigned v = 0; v <= b->functions[f].vf.total; v++) {
            struct device_spec *list = p->partitions[random_in(0, ARRAY_SIZE(names) - 1)].devices;
            unsigned n = 0;
            while (n < PRODUCT_MAX_DEVICES && list[n].role)
                n++;
            if (b->functions[f].role && n < PRODUCT_MAX_DEVICES && random_in(0, 2))
                list[n] = (struct device_spec){.role = v ? vf_names[f][v - 1] : role_names[f],
                                               .vectors = (uint32_t)(random_in(0, 1) * random_in(1, 32))};
        }
}

struct piece {
    uint64_t base, size;
    unsigned bus;
    bool ports;
};

static unsigned pieces_of(struct piece *out, const struct plan_bar *bars, unsigned bus, uint64_t parts)
{
    unsigned n = 0;
    for (unsigned i = 0; i < BOARD_BARS; i++)
        if (bars[i].size) {
            assert_int_equal(bars[i].base.v % (bars[i].size / parts), 0);
            out[n++] = (struct piece){bars[i].base.v, bars[i].size, bus, bars[i].kind == BAR_PORTS};
        }
    return n;
}

static bool inside(const struct piece *a, uint64_t base, uint64_t size)
{
    return a->base >= base && a->base + a->size <= base + size;
}

/* Natural alignment, nothing overlaps, each in the window of the bridge above and not in another one's, all in the board's. */
static unsigned check_addresses(const struct board *b, const struct device_plan *p)
{
    static struct piece pieces[1024];
    unsigned n = 0;
    for (unsigned i = 0; i < p->function_count; i++)
        if (p->functions[i].physical == PLAN_NO_FUNCTION)
            n += pieces_of(pieces + n, p->functions[i].bars, p->functions[i].requester >> 8, 1);
    for (unsigned i = 0; i < p->sriov_count; i++)
        n += pieces_of(pieces + n, p->sriov[i].bars, p->sriov[i].requester >> 8, p->sriov[i].count);
    for (unsigned i = 0; i < n; i++) {
        assert_true(pieces[i].ports ? inside(&pieces[i], b->pci.ports, b->pci.ports_size)
                                    : inside(&pieces[i], b->pci.window, b->pci.window_size));
        for (unsigned j = 0; j < i; j++)
            assert_true(pieces[i].ports != pieces[j].ports || pieces[i].base + pieces[i].size <= pieces[j].base ||
                        pieces[j].base + pieces[j].size <= pieces[i].base);
        for (unsigned w = 0; w < p->bridge_count; w++) {
            const struct plan_bridge *bridge = &p->bridges[w];
            unsigned secondary = 0, subordinate = 0;
            for (unsigned f = 0; f < b->function_count; f++)
                if (b->functions[f].bridge.secondary &&
                    (b->functions[f].bus << 8 | b->functions[f].device << 3) == bridge->requester) {
                    secondary = b->functions[f].bridge.secondary;
                    subordinate = b->functions[f].bridge.subordinate;
                }
            bool below = pieces[i].bus >= secondary && pieces[i].bus <= subordinate;
            uint64_t base = pieces[i].ports ? bridge->ports : bridge->memory.v;
            uint64_t size = pieces[i].ports ? bridge->ports_size : bridge->memory_size;
            assert_int_equal((base | size) % (pieces[i].ports ? 0x1000 : MIB(1)), 0);
            assert_true(below ? inside(&pieces[i], base, size)
                              : pieces[i].base + pieces[i].size <= base || pieces[i].base >= base + size);
        }
    }
    return n;
}

static void check_vfs(const struct device_plan *p)
{
    for (unsigned i = 0; i < p->function_count; i++)
        for (unsigned s = 0; s < p->sriov_count; s++) {
            const struct plan_function *f = &p->functions[i];
            if (f->physical != p->sriov[s].requester)
                continue;
            unsigned number = (unsigned)atoi(strstr(f->role, ".vf") + 3);
            assert_in_range(number, 1, p->sriov[s].count);
            for (unsigned b = 0; b < BOARD_BARS; b++) {
                assert_int_equal(f->bars[b].size * p->sriov[s].count, p->sriov[s].bars[b].size);
                if (f->bars[b].size)
                    assert_int_equal(f->bars[b].base.v, p->sriov[s].bars[b].base.v + (number - 1) * f->bars[b].size);
            }
        }
}

/* SEP-3: no interrupt entry has two owners; blocks are aligned to the power of 2 that holds them. */
static void check_interrupts(const struct device_plan *p)
{
    static uint8_t taken[4096];
    memset(taken, 0, sizeof(taken));
    for (unsigned i = 0; i < p->function_count; i++) {
        const struct plan_function *f = &p->functions[i];
        unsigned block = 1;
        while (block < f->vectors)
            block *= 2;
        assert_true(f->vectors <= PLAN_MAX_VECTORS && f->interrupt % block == 0);
        for (unsigned v = 0; f->vectors && v < block; v++) {
            assert_true(f->interrupt + v < p->interrupts - 2);
            assert_int_equal(taken[f->interrupt + v]++, 0);
        }
    }
}

static void test_sep1_random_trees(void **state)
{
    (void)state;
    unsigned placed = 0, bridged = 0, vfs = 0, no_room = 0, deep = 0;
    for (unsigned i = 0; i < BOARD_MAX_FUNCTIONS; i++) {
        snprintf(role_names[i], sizeof(role_names[i]), "r%u", i);
        for (unsigned v = 0; v < BOARD_MAX_VFS; v++)
            snprintf(vf_names[i][v], sizeof(vf_names[i][v]), "r%u.vf%u", i, v + 1);
    }
    for (unsigned seed = 1; seed <= 800; seed++) {
        static struct board b;
        static struct product p;
        random_seed(seed);
        b = (struct board){.core_count = 8, .iommu = {.kind = seed % 2 ? IOMMU_AMDVI : IOMMU_VTD, .unit_count = 1}};
        b.pci.window = 0xc0000000 + random_in(0, 64) * MIB(1);
        b.pci.window_size = random_in(1, 256) * MIB(1);
        b.pci.ports = (uint16_t)(random_in(1, 4) * 0x1000);
        b.pci.ports_size = (uint16_t)(random_in(1, 10) * 0x1000);
        b.pci.last_bus = (uint8_t)random_bus(&b, 0, 0, 0);
        random_devices(&b, &p);
        memset(&again, 0xff, sizeof(again));
        devices_plan(&p, &b, &planned);
        devices_plan(&p, &b, &again);
        assert_memory_equal(&planned, &again, sizeof(planned));
        check_interrupts(&planned);
        if (planned.memory_needed > planned.memory_room || planned.ports_needed > planned.ports_room) {
            no_room++;
            continue;
        }
        placed += check_addresses(&b, &planned);
        check_vfs(&planned);
        bridged += planned.bridge_count;
        vfs += planned.sriov_count;
        for (unsigned i = 0; i < planned.bridge_count; i++)
            deep += planned.bridges[i].requester >> 8 != 0;
    }
    assert_true(placed > 1000 && bridged > 300 && vfs > 100 && no_room > 50 && deep > 100);
}

/* --- pool and text --- */

/* Without devices nothing is counted for them but the IOMMU's own tables. */
static void test_pool(void **state)
{
    (void)state;
    static struct device_plan with, none;
    static const struct channel_plan channels; /* none */
    struct board b = pc;
    struct product p = four;
    devices_plan(&four, &b, &with);
    for (unsigned i = 0; i < PRODUCT_MAX_PARTITIONS; i++)
        memset(p.partitions[i].devices, 0, sizeof(p.partitions[i].devices));
    devices_plan(&p, &b, &none);
    assert_int_equal(none.function_count + none.ecam, 0);
    assert_int_equal(none.interrupts, IOAPIC_ENTRIES);
    uint32_t amd = pool_pages(&p, &b, &none, &channels), amd_with = pool_pages(&four, &b, &with, &channels);
    b.iommu.kind = IOMMU_VTD;
    uint32_t vtd = pool_pages(&p, &b, &none, &channels), vtd_with = pool_pages(&four, &b, &with, &channels);
    b.iommu.kind = IOMMU_NONE;
    uint32_t plain = pool_pages(&p, &b, &none, &channels);
    assert_true(amd >= plain + 512 && amd <= plain + 530);
    assert_true(vtd >= plain + 3 && vtd < plain + 10);
    assert_true(amd_with >= amd + 4 * POOL_FUNCTION + 3 * POOL_IO_UPPER);
    assert_true(vtd_with >= vtd + 4 * POOL_FUNCTION + 3 * (POOL_IO_UPPER + 8)); /* 16 MiB by small pages */
}

static void test_text(void **state)
{
    (void)state;
    static const char *const expected[] = {
        ".role = \"disk0.vf3\"",
        ".requester = 0x030c, /* 03:01.4 */",
        ".physical = 0x0300",
        ".physical = 0xffff",
        ".board = &board.functions[6]",
        "[3] = {.kind = BAR_MEMORY32, .prefetchable = false, .base = {0xc0",
        "[2] = {.kind = BAR_PORTS, .prefetchable = false, .base = {0x2000}, .size = 0x20}",
        ".msix = {.vectors = 3, .table_bar = 0, .pba_bar = 0, .table_offset = 0x2000, .pba_offset = 0x3000}",
        "{.requester = 0x0008, .memory = {0xc0",
        ".ports = 0x2000, .ports_size = 0x1000}",
        ".first_function = 2,",
        ".function_count = 4,",
        ".bridge_count = 3,",
        ".sriov_count = 1,",
        ".count = 3,",
        ".restart_group = 0x0008",
        ".ecam = {0xf1000000}",
        ".interrupts = 19,",
        ".never = false"};
    static struct layout l;
    static struct planned_payload payloads[4];
    char *text = 0;
    size_t size = 0;
    assert_true(layout_cores(&four, &pc, &l) && layout_hypervisor(&four, &pc, 0, &l));
    assert_int_equal(layout_memory(&four, &pc, &l), 0);
    FILE *out = open_memstream(&text, &size);
    plan_emit(out, &four, &pc, &l, payloads, false);
    fclose(out);
    for (unsigned i = 0; i < ARRAY_SIZE(expected); i++)
        if (!strstr(text, expected[i]))
            fail_msg("not in the plan: %s\n%s", expected[i], text);
    free(text);
}

/* Virtio ports: partition by partition, behind its devices; what a driver reads of each; beside the board's ports. */
static void test_ports(void **state)
{
    static const struct product joined = {
        .name = "joined",
        .partitions = {{.name = "store", .kind = IMAGE_UNIKERNEL},
                       {.name = "linux", .kind = IMAGE_LINUX},
                       {.name = "tux", .kind = IMAGE_LINUX}},
        .cables = {{.name = "lan", .ends = {{.partition = "store"}, {.partition = "linux", .mac = {2, 3, 4, 5, 6, 7}}}},
                   {.name = "wan", .ends = {{.partition = "tux"}, {.partition = "linux"}}}},
        .slices = {{.name = "data", .server = "store", .client = "linux", .size = MIB(3), .read_only = true, .ring = KIB(32)}}};
    static const struct {
        unsigned partition, slot;
        const char *name;
    } expected[] = {{1, 3, "lan.1"}, {1, 4, "wan.1"}, {1, 5, "data.q"}, {2, 1, "wan.0"}};
    static const uint8_t mac[] = {2, 3, 4, 5, 6, 7, 1, 0}, disk[] = {0, 24, 0, 0, 0, 0, 0, 0, 0, 16, 0, 0, 7, 0, 0, 0};
    struct board machine = {.pci = {.ports = 0x2000, .ports_size = 0x1000}};
    static struct device_plan devices = {.count = {0, 2}};
    static struct channel_plan channels;
    static struct ports_plan ports;

    (void)state;
    channels_plan(&joined, &channels);
    ports_plan(&joined, &machine, &devices, &channels, &ports);
    assert_int_equal(ports.count, ARRAY_SIZE(expected));
    for (unsigned i = 0; i < ports.count; i++) {
        const struct plan_port *port = &ports.ports[i];
        assert_int_equal(port->partition, expected[i].partition);
        assert_int_equal(port->slot, expected[i].slot);
        assert_string_equal(port->name, expected[i].name);
        assert_int_equal(channels.channels[port->out].writer, port->partition);
        assert_int_equal(channels.channels[port->in].back, port->out);
        assert_int_equal(port->ports, 0x1000 + i * PLAN_PORT_REGISTERS);
        assert_int_equal(port->msix.v, PLAN_PORT_MSIX + i * PAGE_SIZE);
    }
    assert_memory_equal(ports.ports[0].config, mac, sizeof(mac));
    assert_memory_equal(ports.ports[2].config, disk, sizeof(disk));
    assert_int_equal(ports.ports[2].features, 1u << 1 | 1u << 2 | 1u << 5 | 1u << 6 | 1u << 9);
    assert_int_equal(ports_of(&joined, &joined.partitions[0]), 0);
    assert_int_equal(ports_of(&joined, &joined.partitions[1]), 3);
    assert_int_equal(slice_segments(KIB(4)), 0);
    assert_int_equal(slice_segments(MIB(1)), BH_SLICE_MAX / 4096);
    machine.pci.ports = 0x1000;
    assert_int_equal(ports_base(&machine), 0xe000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_roles),   cmocka_unit_test(test_owners),         cmocka_unit_test(test_vfs),
        cmocka_unit_test(test_windows), cmocka_unit_test(test_restart_groups), cmocka_unit_test(test_sep1_random_trees),
        cmocka_unit_test(test_pool),    cmocka_unit_test(test_text),           cmocka_unit_test(test_ports)};
    return cmocka_run_group_tests(tests, 0, 0);
}
