/* SPDX-License-Identifier: Apache-2.0 */
/* A machine with root ports, an NVMe controller with VFs, a NIC and a chipset against its board table, then programmed by a plan, then its
 * functions reset; and the same with each thing wrong in turn. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "arch.h"
#include "fake_arch.h"
#include "fake_pci.h"
#include "fake_plan.h"
#include "pci_bus.h"
#include "pci_parts.h"
#include "random_tables.h"

#define NIC 0x0010u
#define WATCHDOG 0x0028u
#define EDU 0x0030u
#define PORT1 0x00e0u
#define PORT2 0x00e8u
#define LPC 0x00f8u
#define AHCI 0x00fau
#define NVME 0x0100u
#define VF1 0x0101u
#define VF2 0x0102u
#define DISK 0x0200u
#define DISK1 0x0201u

static unsigned breaths;
static struct plan_function functions[6];
static struct plan_bridge bridges[2];
static struct plan_sriov sriov[1];

void vcpu_breathe(void)
{
    breaths++;
}

/* --- the board and its machine -------------------------------------------------------------------------------------------------- */

static const struct board_function table[] = {
    {.bus = 0, .device = 0, .vendor = 0x8086, .id = 0x29c0, .class_code = 0x060000},
    {.bus = 0,
     .device = 2,
     .vendor = 0x8086,
     .id = 0x10d3,
     .class_code = 0x020000,
     .role = "nic0",
     .group = 1,
     .bars =
         {{BAR_MEMORY32, false, 0x20000}, {BAR_MEMORY32, false, 0x20000}, {BAR_PORTS, false, 0x20}, {BAR_MEMORY32, false, 0x4000}},
     .msix = {.vectors = 5, .table_bar = 3, .pba_bar = 3, .table_offset = 0, .pba_offset = 0x2000},
     .msi = true,
     .reset = {.kind = RESET_REGISTER, .bar = 0, .offset = 0, .value = 0x04000000}},
    {.bus = 0, .device = 5, .vendor = 0x8086, .id = 0x25ab, .class_code = 0x088000, .bars = {{BAR_MEMORY32, false, 0x10}}},
    {.bus = 0,
     .device = 6,
     .vendor = 0x1234,
     .id = 0x11e8,
     .class_code = 0x00ff00,
     .role = "edu0",
     .group = 2,
     .bars = {{BAR_MEMORY32, false, 0x100000}},
     .msi = true},
    {.bus = 0,
     .device = 28,
     .vendor = 0x1b36,
     .id = 0x000c,
     .class_code = 0x060400,
     .bars = {{BAR_MEMORY32, false, 0x1000}},
     .msix = {.vectors = 1, .table_bar = 0, .pba_bar = 0, .table_offset = 0, .pba_offset = 0x800},
     .bridge = {.secondary = 1, .subordinate = 1, .acs = true}},
    {.bus = 0,
     .device = 29,
     .vendor = 0x1b36,
     .id = 0x000c,
     .class_code = 0x060400,
     .bars = {{BAR_MEMORY32, false, 0x1000}},
     .msix = {.vectors = 1, .table_bar = 0, .pba_bar = 0, .table_offset = 0, .pba_offset = 0x800},
     .bridge = {.secondary = 2, .subordinate = 3, .acs = true}},
    {.bus = 0, .device = 31, .vendor = 0x8086, .id = 0x2918, .class_code = 0x060100},
    {.bus = 0,
     .device = 31,
     .function = 2,
     .vendor = 0x8086,
     .id = 0x2922,
     .class_code = 0x010601,
     .bars = {[4] = {BAR_PORTS, false, 0x20}, [5] = {BAR_MEMORY32, false, 0x1000}},
     .msi = true},
    {.bus = 1,
     .device = 0,
     .vendor = 0x1b36,
     .id = 0x0010,
     .class_code = 0x010802,
     .role = "disk0",
     .group = 3,
     .bars = {{BAR_MEMORY64, false, 0x4000}},
     .msix = {.vectors = 13, .table_bar = 0, .pba_bar = 0, .table_offset = 0x2000, .pba_offset = 0x3000},
     .reset = {.kind = RESET_FLR},
     .vf = {.total = 4,
            .offset = 1,
            .stride = 1,
            .id = 0x0010,
            .bars = {{BAR_MEMORY64, false, 0x4000}},
            .msix = {.vectors = 13, .table_bar = 0, .pba_bar = 0, .table_offset = 0x2000, .pba_offset = 0x3000},
            .reset = RESET_FLR,
            .needs_owner = true}},
    {.bus = 2,
     .device = 0,
     .vendor = 0x144d,
     .id = 0xa801,
     .class_code = 0x010601,
     .role = "disk1",
     .group = 4,
     .bars = {{BAR_MEMORY64, true, 0x200000000}, [2] = {BAR_PORTS, false, 0x100}},
     .reset = {.kind = RESET_BUS}},
    {.bus = 2,
     .device = 0,
     .function = 1,
     .vendor = 0x144d,
     .id = 0xa802,
     .class_code = 0x0c0330,
     .role = "usb0",
     .group = 4,
     .bars = {{BAR_MEMORY32, true, 0x1000}},
     .reset = {.kind = RESET_PM}},
};

static struct board_function *listed(uint16_t requester)
{
    return (struct board_function *)(uintptr_t)pci_listed(requester);
}

static struct fake_function *port_make(uint16_t requester, uint8_t secondary, uint8_t subordinate)
{
    struct fake_function *port = fake_pci_add(requester, 0x1b36, 0x000c, 0x060400, 1);

    fake_pci_bar(port, 0x10, 0, 0x1000);
    fake_put(port, 0x10, 4, 0xfebd0000);
    fake_put(port, 0x18, 4, (uint32_t)secondary << 8 | (uint32_t)subordinate << 16);
    fake_pci_express(port, 4, 0x8000);
    fake_pci_msix(port, 1, 0, 0x800);
    fake_pci_acs(port, 0x5f);
    fake_put(port, 4, 2, 7);
    fake_put(port, 0x20, 4, 0xfea0fe80);
    fake_put(port, 0x3e, 2, 0x02);
    fake_put(port, port->express + 0x1c, 2, 7);
    return port;
}

static void nvme_make(void)
{
    struct fake_function *nvme = fake_pci_add(NVME, 0x1b36, 0x0010, 0x010802, 0x80);

    fake_pci_bar(nvme, 0x10, 4, 0x4000);
    fake_pci_power(nvme);
    fake_put(nvme, nvme->pm + 4, 2, 8);
    fake_pci_express(nvme, 0, 0x10008000);
    fake_pci_msix(nvme, 13, 0x2000, 0x3000);
    fake_pci_extended(nvme, 0x0e, 8);
    fake_pci_sriov(nvme, 4, 1, 1, 0x0010, 0x4000);
    for (unsigned i = 0; i < 4; i++) {
        struct fake_function *vf = &fake_pci.functions[fake_pci.count - 4 + i];

        fake_pci_express(vf, 0, 0x10008000);
        fake_pci_msix(vf, 13, 0x2000, 0x3000);
    }
}

static void disk_make(void)
{
    struct fake_function *disk = fake_pci_add(DISK, 0x144d, 0xa801, 0x010601, 0x80);
    struct fake_function *usb = fake_pci_add(DISK1, 0x144d, 0xa802, 0x0c0330, 0);

    fake_pci_bar(disk, 0x10, 0xc, 0x200000000);
    fake_pci_bar(disk, 0x18, 1, 0x100);
    fake_pci_express(disk, 0, 0x8000);
    fake_pci_acs(disk, 0x0c);
    fake_pci_bar(usb, 0x10, 8, 0x1000);
    fake_pci_power(usb);
    fake_pci_express(usb, 0, 0x8000);
    for (unsigned i = 0; i < 3; i++) { /* ATS, PRI, PASID */
        static const uint16_t ids[] = {0x0f, 0x13, 0x1b};
        unsigned at = fake_pci_extended(usb, ids[i], 0x10);

        memset(usb->writable + at + 4, 0xff, 4);
    }
}

static void bus_0_make(void)
{
    struct fake_function *f;

    f = fake_pci_add(0, 0x8086, 0x29c0, 0x060000, 0);
    fake_put(f, 4, 2, 7);
    f = fake_pci_add(NIC, 0x8086, 0x10d3, 0x020000, 0);
    fake_pci_bar(f, 0x10, 0, 0x20000);
    fake_pci_bar(f, 0x14, 0, 0x20000);
    fake_pci_bar(f, 0x18, 1, 0x20);
    fake_pci_bar(f, 0x1c, 0, 0x4000);
    fake_pci_power(f);
    fake_put(f, fake_pci_capability(f, 5, 14) + 2, 2, 0x80);
    f->writable[f->chain + 2] = 0x71;
    fake_pci_express(f, 0, 0x8000);
    fake_pci_msix(f, 5, 3, 0x2003);
    f = fake_pci_add(WATCHDOG, 0x8086, 0x25ab, 0x088000, 0);
    fake_pci_bar(f, 0x10, 0, 0x10);
    fake_put(f, 0x10, 4, 0xfebf1230);
    fake_put(f, 4, 2, 2);
    f = fake_pci_add(EDU, 0x1234, 0x11e8, 0x00ff00, 0);
    fake_pci_bar(f, 0x10, 0, 0x100000);
    fake_pci_capability(f, 5, 14);
    f->writable[f->chain + 2] = 0x71;
    f = fake_pci_add(LPC, 0x8086, 0x2918, 0x060100, 0x80);
    fake_put(f, 4, 2, 7);
    f = fake_pci_add(AHCI, 0x8086, 0x2922, 0x010601, 0x80);
    fake_pci_bar(f, 0x20, 1, 0x20);
    fake_pci_bar(f, 0x24, 0, 0x1000);
    fake_pci_capability(f, 5, 14);
}

static struct plan_function planned(uint16_t requester, uint8_t partition)
{
    const struct board_function *from = pci_listed(requester);

    return (struct plan_function){.role = "role",
                                  .requester = requester,
                                  .partition = partition,
                                  .vendor = from->vendor,
                                  .id = from->id,
                                  .class_code = from->class_code,
                                  .physical = PLAN_NO_FUNCTION,
                                  .board = from};
}

static struct plan_bar bar(enum board_bar_kind kind, uint64_t base, uint64_t size)
{
    return (struct plan_bar){.kind = kind, .base = HPA(base), .size = size};
}

static void plan_make(void)
{
    functions[0] = planned(NIC, 0);
    functions[0].bars[0] = bar(BAR_MEMORY32, 0xc0000000, 0x20000);
    functions[0].bars[1] = bar(BAR_MEMORY32, 0xc0020000, 0x20000);
    functions[0].bars[2] = bar(BAR_PORTS, 0xd000, 0x20);
    functions[0].bars[3] = bar(BAR_MEMORY32, 0xc0040000, 0x4000);
    functions[1] = planned(NVME, 1);
    functions[1].bars[0] = bar(BAR_MEMORY64, 0xc0100000, 0x4000);
    functions[2] = functions[3] = functions[1];
    functions[2].requester = VF1;
    functions[3].requester = VF2;
    functions[2].physical = functions[3].physical = NVME;
    functions[2].partition = 2;
    functions[2].bars[0].base = HPA(0xc0200000);
    functions[3].bars[0].base = HPA(0xc0204000);
    functions[4] = planned(DISK, 0);
    functions[4].bars[0] = bar(BAR_MEMORY64, 0x400000000, 0x200000000);
    functions[4].bars[2] = bar(BAR_PORTS, 0xe000, 0x100);
    functions[5] = planned(DISK1, 0);
    functions[5].bars[0] = bar(BAR_MEMORY32, 0xc0400000, 0x1000);
    bridges[0] = (struct plan_bridge){.requester = PORT1, .memory = HPA(0xc0100000), .memory_size = 0x200000};
    bridges[1] = (struct plan_bridge){
        .requester = PORT2, .memory = HPA(0xc0400000), .memory_size = 0x100000, .ports = 0xe000, .ports_size = 0x1000};
    sriov[0] = (struct plan_sriov){.requester = NVME, .count = 2, .board = functions[1].board};
    sriov[0].bars[0] = bar(BAR_MEMORY64, 0xc0200000, 0x8000);
    fake_plan.functions = functions;
    fake_plan.function_count = 6;
    fake_plan.bridges = bridges;
    fake_plan.bridge_count = 2;
    fake_plan.sriov = sriov;
    fake_plan.sriov_count = 1;
}

/* As the firmware leaves it: BARs somewhere, all decoding, all but one mastering the bus. */
static int machine_make(void **state)
{
    (void)state;
    fake_reset();
    fake.step = 100000;
    fake_plan_reset();
    fake_pci_reset();
    memcpy(fake_board.functions, table, sizeof(table));
    fake_board.function_count = ARRAY_SIZE(table);
    fake_board.pci.last_bus = 3;
    fake_board.pci.window = 0xc0000000;
    fake_board.pci.window_size = 0x10000000;
    fake_board.pci.ports = 0xd000;
    fake_board.pci.ports_size = 0x2000;
    fake_board.watchdog.kind = WATCHDOG_I6300ESB;
    fake_board.watchdog.device = 5;
    plan_make();
    bus_0_make();
    port_make(PORT1, 1, 1);
    port_make(PORT2, 2, 3);
    nvme_make();
    disk_make();
    fake_pci_ready();
    for (unsigned i = 0; i < fake_pci.count; i++)
        if (fake_pci.functions[i].pf == NULL && fake_pci.functions[i].requester != WATCHDOG)
            fake_put(&fake_pci.functions[i], 4, 2, 7);
    pci_init();
    breaths = 0;
    return 0;
}

static uint32_t command_of(uint16_t requester)
{
    return fake_get(fake_pci_at(requester), 4, 2) & 7;
}

/* --- quiet ---------------------------------------------------------------------------------------------------------------------- */

static void test_quiet(void **state)
{
    struct fake_function *nic = fake_pci_at(NIC);
    unsigned msi = pci_capability(NIC, 5, 10), msix = pci_capability(NIC, 0x11, 12);

    (void)state;
    fake_put(nic, msi + 2, 2, 0x81);
    fake_put(nic, msix + 2, 2, 0x8004);
    pci_quiet();
    for (unsigned i = 0; i < fake_pci.count; i++)
        if (fake_pci.functions[i].pf == NULL) {
            assert_int_equal(fake_get(&fake_pci.functions[i], 4, 2) & 4, 0);
            assert_int_equal(fake_get(&fake_pci.functions[i], 4, 2) & 0x400, 0x400);
        }
    assert_int_equal(fake_get(nic, msi + 2, 2), 0x80);
    assert_int_equal(fake_get(nic, msix + 2, 2), 0x0004);
    assert_int_equal(command_of(NIC), 3); /* decoding goes on until the plan's addresses are there */
    assert_int_equal(breaths, 0);
}

static void test_quiet_ends_virtual_functions(void **state)
{
    struct fake_function *nvme = fake_pci_at(NVME);

    (void)state;
    fake_put(nvme, nvme->sriov + 0x10, 2, 4);
    fake_put(nvme, nvme->sriov + 8, 2, 0x09);
    fake_put(fake_pci_at(VF1), 4, 2, 4);
    pci_quiet();
    assert_null(fake_pci_at(VF1));
    assert_int_equal(fake_get(nvme, nvme->sriov + 8, 2), 0);
    assert_true(fake.ticks >= fake.boot_ticks + 1000 * fake.khz);
}

static void test_quiet_leaves_the_iommu(void **state)
{
    (void)state;
    fake_board.iommu.kind = IOMMU_AMDVI;
    fake_board.iommu.unit_count = 2;
    fake_board.iommu.unit_functions[0] = EDU;
    fake_board.iommu.unit_functions[1] = AHCI;
    pci_quiet();
    assert_int_equal(command_of(EDU), 7);
    assert_int_equal(command_of(AHCI), 7);
    assert_int_equal(command_of(NIC), 3);
}

/* --- compare -------------------------------------------------------------------------------------------------------------------- */

static void assert_same(void)
{
    unsigned found = pci_compare();
    const char *text = fake_uart_text();

    if (found != 0 || text[0] != '\0')
        fail_msg("%u findings: %s", found, text);
}

/* Exactly one difference, with this id and these words. */
static void assert_finding(const char *id, const char *words)
{
    unsigned found = pci_compare();
    const char *text = fake_uart_text();

    if (found != 1 || strstr(text, id) == NULL || strstr(text, words) == NULL || strstr(text, "expected") == NULL ||
        strstr(text, "found") == NULL || strstr(text, "Hint: ") == NULL || strchr(text, '\n') != strrchr(text, '\n'))
        fail_msg("%u findings, not one of %s with \"%s\": %s", found, id, words, text);
    machine_make(NULL);
}

static void test_the_right_machine(void **state)
{
    struct fake_pci before;

    (void)state;
    pci_quiet();
    before = fake_pci;
    assert_same();
    assert_int_equal(fake_pci.sized_while_decoding, 0);
    assert_int_equal(fake_pci.wide, 0);
    for (unsigned i = 0; i < fake_pci.count; i++) { /* BARs and commands are as before */
        assert_memory_equal(fake_pci.functions[i].space, before.functions[i].space, 0x40);
        assert_int_equal(fake_pci.functions[i].resets, 0);
    }
    assert_in_range(fake_pci.reads - before.reads, 1024, 8000);
    fake_board.function_count = 0; /* a board that lists nothing */
    assert_same();
    before = fake_pci;
    assert_null(pci_program());
    assert_memory_equal(fake_pci.functions, before.functions, sizeof(before.functions));
}

static void test_functions_that_are_not_listed(void **state)
{
    (void)state;
    fake_pci_add(0x0018, 0x8086, 0x100e, 0x020000, 0);
    assert_finding("CFG-920 00:03.0", "found 0x100e8086");
    fake_pci_add(NIC + 3, 0x8086, 0x100e, 0x020000, 0); /* function 0 does not say that there are more */
    assert_finding("CFG-920 00:02.3", "found 0x100e8086");
    fake_pci_add(0x03ff, 0x1, 0x2, 0x020000, 0);
    assert_finding("CFG-920 03:1f.7", "found 0x20001");
}

static void test_functions_that_differ(void **state)
{
    (void)state;
    fake_pci_at(EDU)->absent = true;
    assert_finding("CFG-921 00:06.0", "expected 0x11e81234, found 0xffffffff");
    fake_put(fake_pci_at(EDU), 2, 2, 0x11e9);
    assert_finding("CFG-922 00:06.0", "found 0x11e91234");
    fake_put(fake_pci_at(EDU), 0, 2, 0x1235);
    assert_finding("CFG-922 00:06.0", "found 0x11e81235");
    fake_put(fake_pci_at(EDU), 8, 4, 0x00ff0102);
    assert_finding("CFG-923 00:06.0 class", "expected 0xff00, found 0xff01");
    fake_put(fake_pci_at(EDU), 8, 4, 0x00ff0077); /* another revision is the same function */
    assert_same();
    fake_put(fake_pci_at(EDU), 0xe, 1, 1);
    assert_finding("CFG-924 00:06.0", "expected 0x0, found 0x1");
    fake_put(fake_pci_at(EDU), 0xe, 1, 0x80); /* whether there are more is seen, not believed */
    assert_same();
    fake_put(fake_pci_at(PORT2), 0xe, 1, 0);
    assert_finding("CFG-924 00:1d.0", "expected 0x1, found 0x0");
}

static void test_bridges_that_differ(void **state)
{
    (void)state;
    for (unsigned offset = 0x18; offset < 0x1b; offset++) {
        fake_pci_at(PORT2)->space[offset]++;
        assert_finding("CFG-925 00:1d.0", "expected 0x30200");
    }
    fake_pci_at(PORT2)->space[0x1b] = 0x20; /* a latency timer */
    assert_same();
    for (unsigned bit = 0; bit < 5; bit++)
        if (bit != 1) {
            fake_put(fake_pci_at(PORT1), 0x104, 2, 0x5f & ~(1u << bit));
            assert_finding("CFG-930 00:1c.0", "expected 0x1, found 0x0");
        }
    fake_put(fake_pci_at(PORT1), 0x104, 2, 0x1d); /* no translation blocking, and none is asked for */
    assert_same();
    fake_put(fake_pci_at(PORT1), 0x100, 4, 0);
    assert_finding("CFG-930 00:1c.0", "ACS");
    listed(PORT1)->bridge.acs = false;
    assert_finding("CFG-930 00:1c.0", "expected 0x0, found 0x1");
}

static void test_bars_that_differ(void **state)
{
    (void)state;
    fake_pci_bar(fake_pci_at(EDU), 0x10, 0, 0x200000);
    assert_finding("CFG-926 00:06.0 BAR 0", "expected 32-bit memory, 0x100000 bytes, found 32-bit memory, 0x200000 bytes");
    fake_pci_bar(fake_pci_at(EDU), 0x10, 8, 0x100000);
    assert_finding("CFG-926 00:06.0 BAR 0", "found prefetchable 32-bit memory");
    fake_pci_bar(fake_pci_at(EDU), 0x10, 4, 0x100000);
    assert_finding("CFG-926 00:06.0 BAR 0", "found 64-bit memory, 0x100000");
    fake_pci_bar(fake_pci_at(EDU), 0x14, 1, 0x40);
    assert_finding("CFG-926 00:06.0 BAR 1", "expected nothing, 0x0 bytes, found ports, 0x40");
    fake_pci_bar(fake_pci_at(EDU), 0x24, 4, 0x1000); /* has no upper half */
    assert_finding("CFG-926 00:06.0 BAR 5", "found 32-bit memory");
    memset(fake_pci_at(EDU)->writable + 0x10, 0, 4);
    assert_finding("CFG-926 00:06.0 BAR 0", "found nothing");
    fake_pci_bar(fake_pci_at(DISK), 0x10, 0xc, 0x400000000);
    assert_finding("CFG-926 02:00.0 BAR 0", "expected prefetchable 64-bit memory, 0x200000000 bytes, found prefetchable 64-bit");
    fake_pci_bar(fake_pci_at(DISK), 0x18, 1, 0x80);
    assert_finding("CFG-926 02:00.0 BAR 2", "found ports, 0x80 bytes");
    fake_pci_bar(fake_pci_at(PORT1), 0x10, 0, 0x2000);
    assert_finding("CFG-926 00:1c.0 BAR 0", "0x2000");
}

static void test_capabilities_that_differ(void **state)
{
    unsigned msix = pci_capability(NIC, 0x11, 12), msi = pci_capability(NIC, 5, 10);

    (void)state;
    fake_put(fake_pci_at(NIC), msix + 2, 2, 5);
    assert_finding("CFG-927 00:02.0 MSI-X vectors", "expected 0x5, found 0x6");
    fake_put(fake_pci_at(NIC), msix + 4, 4, 0x13);
    assert_finding("CFG-927 00:02.0 MSI-X table", "expected 0x3, found 0x13");
    fake_put(fake_pci_at(NIC), msix + 4, 4, 0x2);
    assert_finding("CFG-927 00:02.0 MSI-X table", "found 0x2");
    fake_put(fake_pci_at(NIC), msix + 8, 4, 0x1003);
    assert_finding("CFG-927 00:02.0 MSI-X PBA", "expected 0x2003, found 0x1003");
    fake_pci_at(NIC)->space[msix] = 0x09;
    assert_finding("CFG-927 00:02.0 MSI-X vectors", "expected 0x5, found 0x0");
    fake_pci_msix(fake_pci_at(EDU), 2, 0, 0);
    assert_finding("CFG-927 00:06.0 MSI-X vectors", "expected 0x0, found 0x2");
    fake_pci_at(NIC)->space[msi] = 0x09;
    assert_finding("CFG-928 00:02.0 MSI", "expected 0x1, found 0x0");
    fake_pci_capability(fake_pci_at(DISK1), 5, 14);
    assert_finding("CFG-928 02:00.1 MSI", "expected 0x0, found 0x1");
    fake_pci_at(NIC)->space[msix + 1] = (uint8_t)msi;
    assert_finding("CFG-933 00:02.0", "chains");
}

static void test_resets_that_are_not_there(void **state)
{
    struct fake_function *nvme = fake_pci_at(NVME), *usb = fake_pci_at(DISK1);

    (void)state;
    fake_put(nvme, nvme->express + 4, 4, 0x8000);
    assert_finding("CFG-929 01:00.0", "reset");
    nvme->space[nvme->express] = 0x09;
    assert_finding("CFG-929 01:00.0", "reset");
    fake_put(usb, usb->pm + 4, 2, 8); /* it keeps its state in D3hot */
    assert_finding("CFG-929 02:00.1", "reset");
    usb->space[usb->pm] = 0x09;
    assert_finding("CFG-929 02:00.1", "reset");
    listed(NIC)->reset.kind = RESET_BUS; /* on a root bus */
    assert_finding("CFG-929 00:02.0", "reset");
}

static uint16_t places_are_by; /* NumVFs or ARI */

static void places_change(struct fake_function *function, unsigned offset, unsigned size, uint32_t value)
{
    (void)size;
    (void)value;
    if (function->requester != NVME || (offset != function->sriov + 8 && offset != function->sriov + 0x10))
        return;
    if (places_are_by == 0x10 ? fake_get(function, function->sriov + 0x10, 2) == 4
                              : (fake_get(function, function->sriov + 8, 2) & 0x10) != 0)
        fake_put(function, function->sriov + 0x14, 4, 0x00010001);
    else
        fake_put(function, function->sriov + 0x14, 4, 0x00020080);
}

static void test_virtual_functions_that_differ(void **state)
{
    struct fake_function *nvme = fake_pci_at(NVME);
    unsigned at = nvme->sriov;

    (void)state;
    fake_put(nvme, at + 0x0e, 2, 8);
    assert_finding("CFG-931 01:00.0 virtual functions", "expected 0x4, found 0x8");
    fake_put(nvme, at + 0x14, 2, 2);
    assert_finding("CFG-931 01:00.0 offset", "expected 0x1, found 0x2");
    fake_put(nvme, at + 0x16, 2, 2);
    assert_finding("CFG-931 01:00.0 stride", "expected 0x1, found 0x2");
    fake_put(nvme, at + 0x1a, 2, 2);
    assert_finding("CFG-931 01:00.0 device id", "expected 0x10, found 0x2");
    fake_pci_bar(nvme, at + 0x24, 4, 0x2000);
    assert_finding("CFG-932 01:00.0 BAR 0", "0x4000 bytes, found 64-bit memory, 0x2000 bytes");
    fake_pci_bar(nvme, at + 0x30, 0, 0x1000);
    assert_finding("CFG-932 01:00.0 BAR 3", "expected nothing");
    fake_put(nvme, at, 2, 0xb); /* no SR-IOV */
    assert_finding("CFG-931 01:00.0 virtual functions", "expected 0x4, found 0x0");
    listed(NVME)->vf.total = 0;
    assert_finding("CFG-931 01:00.0 virtual functions", "expected 0x0, found 0x4");
    memset(nvme->writable + at + 0x10, 0, 2);
    assert_int_equal(pci_compare(), 1); /* and the register that does not stick */
    assert_non_null(strstr(fake_uart_text(), "CFG-931 01:00.0 SR-IOV takes its settings"));
    machine_make(NULL);
    fake_put(nvme, at + 0x20, 4, 2); /* pages of 8 KiB: ours are 4 */
    assert_same();
    assert_int_equal(fake_get(nvme, at + 0x20, 4), 1);
    /* Where VFs are may depend on how many there are and on ARI: it is looked up with both as they will be. */
    for (unsigned by = 0; by < 2; by++) {
        machine_make(NULL);
        places_are_by = by ? 0x10 : 8;
        fake_put(nvme, at + 0x14, 4, 0x00020080);
        fake_pci.on_write = places_change;
        assert_same();
    }
    fake_put(fake_pci_at(PORT1), fake_pci_at(PORT1)->express + 0x24, 4, 0); /* no ARI */
    places_are_by = 8;
    assert_int_equal(pci_compare(), 2);
}

static void test_what_stays_is_not_in_the_way(void **state)
{
    (void)state;
    fake_put(fake_pci_at(WATCHDOG), 0x10, 4, 0xc0000000);
    assert_finding("CFG-934 00:05.0 BAR 0", "found it at 0xc0000000");
    fake_put(fake_pci_at(WATCHDOG), 0x10, 4, 0xcffffff0);
    assert_finding("CFG-934 00:05.0 BAR 0", "found it at 0xcffffff0");
    fake_put(fake_pci_at(WATCHDOG), 0x10, 4, 0xbffffff0);
    assert_same();
    fake_put(fake_pci_at(WATCHDOG), 0x10, 4, 0xd0000000);
    assert_same();
    fake_put(fake_pci_at(PORT1), 0x10, 4, 0xc0fff000);
    assert_finding("CFG-934 00:1c.0 BAR 0", "0xc0fff000");
    listed(LPC)->bars[1] = (struct board_bar){BAR_PORTS, false, 0x100};
    fake_pci_bar(fake_pci_at(LPC), 0x14, 1, 0x100);
    fake_put(fake_pci_at(LPC), 0x14, 4, 0xef01);
    assert_finding("CFG-934 00:1f.0 BAR 1", "0xef00");
    listed(LPC)->bars[1] = (struct board_bar){BAR_PORTS, false, 0x100};
    fake_pci_bar(fake_pci_at(LPC), 0x14, 1, 0x100);
    fake_put(fake_pci_at(LPC), 0x14, 4, 0xf001);
    assert_same();
    machine_make(NULL);
    fake_put(fake_pci_at(NIC), 0x10, 4, 0xc0000000); /* will not stay there */
    assert_same();
}

static void test_all_differences_at_once(void **state)
{
    (void)state;
    for (unsigned i = 0; i < fake_pci.count; i++)
        fake_pci.functions[i].absent = true;
    assert_int_equal(pci_compare(), ARRAY_SIZE(table));
}

/* --- program -------------------------------------------------------------------------------------------------------------------- */

static void boot(void)
{
    const char *why;

    pci_quiet();
    assert_same();
    why = pci_program();
    if (why != NULL)
        fail_msg("%s: %s", why, fake_uart_text());
    assert_int_equal(fake_pci.sized_while_decoding, 0);
    assert_int_equal(fake_pci.wide, 0);
    assert_string_equal(fake_uart_text(), "");
}

static void assert_refused(const char *words)
{
    const char *why, *text;

    pci_quiet();
    (void)fake_uart_text();
    why = pci_program();
    text = fake_uart_text();
    if (why == NULL || strncmp(why, "PCI-1: ", 7) != 0 || strstr(text, words) == NULL)
        fail_msg("%s, not with \"%s\": %s", why ? why : "not refused", words, text);
    machine_make(NULL);
}

/* The plan's functions are where it says, decode, and do not master the bus. */
static void assert_placed(void)
{
    const struct fake_function *nic = fake_pci_at(NIC), *nvme = fake_pci_at(NVME), *disk = fake_pci_at(DISK);

    assert_int_equal(fake_get(nic, 0x10, 4), 0xc0000000);
    assert_int_equal(fake_get(nic, 0x14, 4), 0xc0020000);
    assert_int_equal(fake_get(nic, 0x18, 4), 0xd001);
    assert_int_equal(fake_get(nic, 0x1c, 4), 0xc0040000);
    assert_int_equal(command_of(NIC), 3);
    assert_int_equal(fake_get(nvme, 0x10, 4), 0xc0100004);
    assert_int_equal(fake_get(nvme, 0x14, 4), 0);
    assert_int_equal(command_of(NVME), 2);
    assert_int_equal(fake_get(disk, 0x10, 4), 0x0000000c);
    assert_int_equal(fake_get(disk, 0x14, 4), 4);
    assert_int_equal(fake_get(disk, 0x18, 4), 0xe001);
    assert_int_equal(command_of(DISK), 3);
    assert_int_equal(fake_get(fake_pci_at(DISK1), 0x10, 4), 0xc0400008);
    assert_int_equal(command_of(DISK1), 2);
    assert_int_equal(fake_get(nvme, nvme->sriov + 0x24, 4), 0xc0200004);
    assert_int_equal(fake_get(nvme, nvme->sriov + 0x28, 4), 0);
    assert_int_equal(fake_get(nvme, nvme->sriov + 0x10, 2), 2);
    assert_int_equal(fake_get(nvme, nvme->sriov + 8, 2), 0x19);
    assert_non_null(fake_pci_at(VF1));
    assert_non_null(fake_pci_at(VF2));
    assert_null(fake_pci_at(VF2 + 1));
}

static void assert_bridges(void)
{
    const struct fake_function *one = fake_pci_at(PORT1), *two = fake_pci_at(PORT2);

    assert_int_equal(command_of(PORT1), 6);
    assert_int_equal(fake_get(one, 0x20, 4), 0xc020c010);
    assert_int_equal(fake_get(one, 0x1c, 2), 0x01f1); /* 32 bits, closed */
    assert_int_equal(command_of(PORT2), 7);
    assert_int_equal(fake_get(two, 0x20, 4), 0xc040c040);
    assert_int_equal(fake_get(two, 0x1c, 2), 0xe1e1);
    for (unsigned i = 0; i < 2; i++) {
        const struct fake_function *port = i ? two : one;

        assert_int_equal(fake_get(port, 0x24, 4), 0x0001fff1);
        assert_int_equal(fake_get(port, 0x3e, 2), 0);
        assert_int_equal(fake_get(port, 0x106, 2), 0x1f); /* ACS */
        assert_int_equal(fake_get(port, port->express + 0x1c, 2) & 7, 0);
        assert_int_equal(fake_get(port, port->express + 0x28, 2), i ? 0 : 0x20); /* ARI */
        assert_int_equal(fake_get(port, 0x18, 3), i ? 0x030200 : 0x010100);
    }
}

static void test_the_plan_is_programmed(void **state)
{
    (void)state;
    boot();
    assert_placed();
    assert_bridges();
    /* All else is off, but what the hypervisor and its chipset need. */
    assert_int_equal(command_of(EDU), 0);
    assert_int_equal(command_of(AHCI), 0);
    assert_int_equal(command_of(0), 3);
    assert_int_equal(command_of(LPC), 3);
    assert_int_equal(command_of(WATCHDOG), 2);
    assert_int_equal(fake_get(fake_pci_at(WATCHDOG), 0x10, 4), 0xfebf1230);
    /* The page of the register that resets the NIC. */
    assert_int_equal(fake_pci.device_pages, 1);
    assert_int_equal(fake_pci.device_page_at, 0xc0000000);
    assert_true(fake.ticks >= fake.boot_ticks + 100 * fake.khz); /* VFs had their time */
    assert_true(breaths > 10);
}

static void test_what_firmware_left_on(void **state)
{
    struct fake_function *usb = fake_pci_at(DISK1), *nic = fake_pci_at(NIC), *port = fake_pci_at(PORT2);

    (void)state;
    fake_put(nic, 0x30, 4, 0xfeb80001);
    fake_put(port, 0x38, 4, 0xfeb80001);
    fake_put(usb, 0x106, 2, 0x8005);
    fake_put(usb, 0x184, 2, 0x0001);
    fake_put(usb, 0x206, 2, 0x0007);
    fake_put(nic, nic->express + 8, 2, 0x5bff);
    fake_put(nic, nic->pm + 4, 2, 0x0103);
    fake_put(nic, 4, 2, 0x0147);
    boot();
    assert_int_equal(fake_get(nic, 0x30, 4), 0);
    assert_int_equal(fake_get(port, 0x38, 4), 0);
    assert_int_equal(fake_get(usb, 0x106, 2), 0);
    assert_int_equal(fake_get(usb, 0x184, 2), 0);
    assert_int_equal(fake_get(usb, 0x206, 2), 0);
    assert_int_equal(fake_get(nic, nic->pm + 4, 2), 0);
    assert_int_equal(nic->resets, 1); /* out of D3hot */
    assert_int_equal(fake_get(nic, 4, 2), 0x0403);
    assert_int_equal(fake_get(nic, nic->express + 8, 2), 0x2010);
    assert_int_equal(fake_get(fake_pci_at(DISK), 0x106, 2), 0x0c); /* ACS of a device with several functions */
    assert_placed();
}

static void stick_not(uint16_t requester, unsigned offset, unsigned size)
{
    memset(fake_pci_at(requester)->writable + offset, 0, size);
}

static void test_registers_that_do_not_stick(void **state)
{
    struct fake_function *nvme = fake_pci_at(NVME), *nic = fake_pci_at(NIC);

    (void)state;
    stick_not(EDU, 4, 1);
    assert_refused("PCI 00:06.0: register 0x4: wrote 0x400, of which 0x7 must stick");
    stick_not(NIC, 0x1c, 4);
    assert_refused("PCI 00:02.0: register 0x1c");
    stick_not(NIC, 0x18, 4);
    assert_refused("PCI 00:02.0: register 0x18");
    stick_not(DISK, 0x14, 4);
    assert_refused("PCI 02:00.0: register 0x14");
    stick_not(PORT1, 0x20, 4);
    assert_refused("PCI 00:1c.0: register 0x20");
    stick_not(PORT2, 0x1c, 2); /* ports are needed there */
    assert_refused("PCI 00:1d.0: register 0x1c");
    fake_put(fake_pci_at(PORT1), 0x24, 4, 0xfff1fe01);
    stick_not(PORT1, 0x24, 4);
    assert_refused("PCI 00:1c.0: register 0x24");
    stick_not(PORT2, 4, 1);
    assert_refused("PCI 00:1d.0: register 0x4");
    stick_not(PORT1, 0x3e, 1);
    assert_refused("PCI 00:1c.0: register 0x3e");
    stick_not(PORT1, 0x106, 2);
    assert_refused("PCI 00:1c.0: register 0x106");
    fake_put(nic, 0x30, 4, 1);
    stick_not(NIC, 0x30, 4);
    assert_refused("PCI 00:02.0: register 0x30");
    fake_put(nic, nic->express + 8, 2, 0x0020); /* payloads of 256 bytes */
    stick_not(NIC, nic->express + 8, 2);
    assert_refused("PCI 00:02.0: register");
    fake_put(nic, nic->express + 8, 2, 0x2810); /* DMA past the caches: its owner would read what was in memory before */
    stick_not(NIC, nic->express + 9, 1);
    assert_refused("PCI 00:02.0: register");
    fake_put(fake_pci_at(DISK1), 0x106, 2, 0x8000);
    stick_not(DISK1, 0x106, 2);
    assert_refused("PCI 02:00.1: register 0x106");
    stick_not(NVME, nvme->sriov + 8, 1);
    assert_refused("PCI 01:00.0: register");
    stick_not(NVME, nvme->sriov + 0x24, 4);
    assert_refused("PCI 01:00.0: register");
    for (unsigned i = 0; i < 3; i++) { /* VFs that master the bus, whatever is written; the third is nobody's */
        struct fake_function *vf = &fake_pci.functions[fake_pci.count - 6 + i];
        char words[40];

        sriov[0].count = 3;
        sriov[0].bars[0].size = 0xc000;
        assert_int_equal(vf->requester, VF1 + i);
        fake_put(vf, 4, 2, 4);
        memset(vf->writable + 4, 0, 1);
        snprintf(words, sizeof(words), "PCI 01:00.%u: register 0x4", i + 1);
        assert_refused(words);
    }
}

/* A bridge need not have windows for ports and for prefetchable memory. */
static void test_bridge_with_one_window(void **state)
{
    struct fake_function *port = fake_pci_at(PORT1);

    (void)state;
    memset(port->writable + 0x1c, 0, 2);
    memset(port->writable + 0x24, 0, 12);
    memset(port->writable + 0x30, 0, 4);
    memset(port->space + 0x1c, 0, 2);
    memset(port->space + 0x24, 0, 16);
    boot();
    assert_placed();
}

static void test_bridges_of_nobody_are_closed(void **state)
{
    const struct fake_function *port = fake_pci_at(PORT2);

    (void)state;
    fake_plan.function_count = 4;
    fake_plan.bridge_count = 1;
    boot();
    assert_int_equal(command_of(PORT2), 0);
    assert_int_equal(fake_get(port, 0x20, 4), 0x0000fff0);
    assert_int_equal(fake_get(port, 0x1c, 2), 0x01f1);
    assert_int_equal(command_of(DISK), 0);
    machine_make(NULL);
    fake_plan.function_count = 4; /* but for the one to the watchdog */
    fake_plan.bridge_count = 1;
    fake_board.watchdog.bus = 3;
    boot();
    assert_int_equal(command_of(PORT2), 3);
    assert_int_equal(fake_get(port, 0x20, 4), 0xfea0fe80);
}

static struct fake_function *late; /* a function that ARI forwarding shows */

static void late_comes(struct fake_function *function, unsigned offset, unsigned size, uint32_t value)
{
    (void)size;
    if (function->requester == PORT1 && offset == function->express + 0x28 && value & 0x20)
        late->absent = false;
}

static void test_virtual_functions_that_do_not_come(void **state)
{
    struct fake_function *nvme = fake_pci_at(NVME), *vf2 = NULL;

    (void)state;
    for (unsigned i = 0; i < fake_pci.count; i++)
        if (fake_pci.functions[i].requester == VF2)
            vf2 = &fake_pci.functions[i];
    vf2->absent = true;
    assert_refused("PCI 01:00.2: does not answer");
    vf2->silent_now = 30; /* a little late */
    boot();
    machine_make(NULL);
    fake_put(vf2, pci_capability(NVME, 0x11, 12), 4, 0x00040009); /* nothing of MSI-X */
    fake_put(vf2, vf2->chain, 4, 0x00040009);
    assert_refused("CFG-927 01:00.2");
    fake_put(vf2, vf2->express + 4, 4, 0);
    assert_refused("CFG-929 01:00.2");
    vf2->space[vf2->chain + 1] = (uint8_t)vf2->chain;
    assert_refused("CFG-933 01:00.2");
    fake_put(nvme, nvme->sriov + 0x14, 4, 0x00020001);
    assert_refused("PCI 01:00.0: 2 VFs at offset 1, stride 2");
    fake_put(nvme, nvme->sriov + 0x14, 4, 0x00010002);
    assert_refused("PCI 01:00.0: 2 VFs at offset 2, stride 1");
    sriov[0].count = 1; /* then the stride means nothing */
    fake_plan.function_count = 3;
    fake_put(nvme, nvme->sriov + 0x14, 4, 0x00000001);
    pci_quiet();
    assert_null(pci_program());
    machine_make(NULL);
    late = fake_pci_add(NVME + 0x10, 0x1b36, 0x0010, 0x010802, 0);
    late->absent = true;
    fake_pci.on_write = late_comes;
    assert_refused("PCI 01:02.0: answers, and is not in the board's table");
}

static void test_without_ecam(void **state)
{
    (void)state;
    fake_pci.ecam = false; /* then there is no SR-IOV, and no ACS to be seen */
    listed(NVME)->vf.total = 0;
    listed(PORT1)->bridge.acs = listed(PORT2)->bridge.acs = false;
    fake_plan.sriov_count = 0;
    functions[2] = functions[4];
    functions[3] = functions[5];
    fake_plan.function_count = 4;
    pci_init();
    boot();
    assert_int_equal(fake_get(fake_pci_at(NIC), 0x10, 4), 0xc0000000);
    assert_int_equal(command_of(EDU), 0);
}

/* --- reset ---------------------------------------------------------------------------------------------------------------------- */

/* What an owner may have left: all changed, on. */
static void use(uint16_t requester)
{
    struct fake_function *function = fake_pci_at(requester);

    if (function == NULL)
        return;
    fake_put(function, 4, 2, function->pf == NULL ? 7 : 4); /* a VF has no decoding */
    if (function->pf == NULL)
        for (unsigned at = 0x10; at < 0x28; at += 4)
            fake_put(function, at, 4, fake_get(function, at, 4) ^ (function->writable[at + 2] & 0x10u) << 16);
}

static void assert_reset(unsigned index, uint16_t first, uint16_t last)
{
    const char *why;
    uint64_t from = fake.ticks;
    unsigned before[FAKE_FUNCTIONS], breaths_before = breaths;

    for (unsigned i = 0; i < fake_pci.count; i++)
        before[i] = fake_pci.functions[i].resets;
    use(functions[index].requester);
    why = arch_pci_reset(&functions[index]);
    if (why != NULL)
        fail_msg("%s: %s", why, fake_uart_text());
    assert_string_equal(fake_uart_text(), "");
    assert_placed();
    assert_bridges();
    for (unsigned i = 0; i < fake_pci.count; i++) {
        uint16_t requester = fake_pci.functions[i].requester;

        assert_int_equal(fake_pci.functions[i].resets - before[i], requester >= first && requester <= last);
    }
    assert_true(fake.ticks - from >= 100 * fake.khz);
    assert_true(fake.ticks - from <= 3000 * fake.khz);
    assert_true(breaths - breaths_before > 10);
    assert_int_equal(fake_pci.reset_while_pending, 0);
}

static void test_flr(void **state)
{
    (void)state;
    boot();
    fake_pci_at(NVME)->pending = 5;
    assert_reset(1, NVME, NVME); /* the VFs are back, and as placed */
    fake_pci_at(NVME)->silent = 40;
    assert_reset(1, NVME, NVME);
    fake_pci_at(VF1)->pending = 5;
    assert_reset(2, VF1, VF1);
    assert_reset(3, VF2, VF2);
    use(VF2);
    fake_pci_at(VF2)->silent_now = 50; /* its PF is being reset on another core */
    assert_null(arch_pci_reset(&functions[3]));
    assert_placed();
}

static void test_bus_reset(void **state)
{
    (void)state;
    boot();
    assert_reset(4, DISK, DISK1); /* the other function too is back where it was */
    assert_int_equal(fake_get(fake_pci_at(DISK), 0x106, 2), 0x0c);
}

static void test_pm_reset(void **state)
{
    (void)state;
    boot();
    assert_reset(5, DISK1, DISK1);
    assert_int_equal(fake_get(fake_pci_at(DISK1), fake_pci_at(DISK1)->pm + 4, 2), 0);
}

static void test_register_reset(void **state)
{
    uint32_t value;

    (void)state;
    boot();
    memset(fake_pci.device_page, 0, 4096);
    assert_reset(0, 1, 0);
    memcpy(&value, fake_pci.device_page, 4);
    assert_int_equal(value, 0x04000000);
}

static void test_settling_time(void **state)
{
    uint64_t from;

    (void)state;
    boot();
    listed(DISK1)->reset.settle_ms = 400;
    from = fake.ticks;
    assert_reset(5, DISK1, DISK1);
    assert_true(fake.ticks - from >= 400 * fake.khz);
    listed(DISK1)->reset.settle_ms = 60000; /* not for ever */
    assert_reset(5, DISK1, DISK1);
}

static void assert_not_reset(unsigned index, const char *words)
{
    uint64_t from = fake.ticks;
    const char *why;

    use(functions[index].requester);
    why = arch_pci_reset(&functions[index]);
    if (why == NULL || strstr(why, words) == NULL)
        fail_msg("%s, not \"%s\"", why ? why : "it has been reset", words);
    assert_true(fake.ticks - from <= 3000 * fake.khz);
    assert_true(fake_pci_at(functions[index].requester) == NULL || (command_of(functions[index].requester) & 4) == 0);
    machine_make(NULL);
    boot();
}

static void test_resets_that_fail(void **state)
{
    (void)state;
    boot();
    fake_pci_at(NVME)->silent = 100000;
    assert_not_reset(1, "does not answer after its reset");
    fake_pci_at(NVME)->deaf = true;
    assert_not_reset(1, "changed nothing");
    fake_pci_at(DISK1)->deaf = true;
    assert_not_reset(5, "changed nothing");
    fake_pci_at(DISK)->deaf = true;
    assert_not_reset(4, "changed nothing");
    fake_pci_at(VF1)->deaf = true;
    assert_not_reset(2, "changed nothing");
    listed(NIC)->reset.kind = RESET_NONE;
    assert_not_reset(0, "knows no way");
    listed(NVME)->vf.reset = RESET_NONE;
    assert_not_reset(2, "knows no way");
    fake_pci_at(NVME)->space[fake_pci_at(NVME)->express] = 9;
    assert_not_reset(1, "lost its PCI Express");
    fake_pci_at(DISK1)->space[fake_pci_at(DISK1)->pm] = 9;
    assert_not_reset(5, "lost its power management");
    listed(NIC)->reset.kind = RESET_BUS;
    assert_not_reset(0, "no bridge above");
    memset(fake_pci_at(NVME)->writable + 0x10, 0, 4);
    assert_not_reset(1, "does not take its places");
    memset(fake_pci_at(NVME)->writable + fake_pci_at(NVME)->sriov + 0x10, 0, 2);
    assert_not_reset(1, "does not take its places");
    fake_pci_at(NVME)->absent = true; /* pulled out */
    assert_not_reset(1, "lost its PCI Express");
    fake_pci_at(VF1)->absent = true;
    assert_not_reset(2, "it does not answer");
}

/* A transaction that never ends delays the reset, no more. */
static void test_flr_with_a_lost_completion(void **state)
{
    uint64_t from;

    (void)state;
    boot();
    fake_pci_at(NVME)->pending = 1000000;
    from = fake.ticks;
    assert_null(arch_pci_reset(&functions[1]));
    assert_in_range(fake.ticks - from, 500 * fake.khz, 3000 * fake.khz);
    assert_placed();
}

/* --- anything ------------------------------------------------------------------------------------------------------------------- */

/* Functions full of any bytes, in any state of life: everything ends, in bounded time, and no access is one that no register has. */
static void test_any_machine(void **state)
{
    (void)state;
    random_seed(29);
    for (unsigned round = 0; round < 600; round++) {
        uint64_t from, before;

        machine_make(NULL);
        for (unsigned i = 0; i < fake_pci.count; i++) {
            struct fake_function *f = &fake_pci.functions[i];
            unsigned changes = round % 3 == 0 ? 2000 : (unsigned)random_in(0, 3);

            for (unsigned change = 0; change < changes; change++) {
                unsigned at = (unsigned)random_in(0, change % 2 ? 0x1ff : 0xfff);

                f->space[at] = (uint8_t)random_next();
                f->writable[at] = random_in(0, 1) ? 0xff : (uint8_t)random_next();
            }
            f->silent_now = random_in(0, 9) == 0 ? (unsigned)random_in(1, 500) : 0;
        }
        from = fake.ticks;
        before = fake_pci.reads + fake_pci.writes;
        pci_quiet();
        (void)pci_compare();
        (void)pci_program();
        for (unsigned i = 0; i < 6; i++)
            (void)arch_pci_reset(&functions[i]);
        assert_int_equal(fake_pci.wide, 0);
        assert_true(fake_pci.reads + fake_pci.writes - before < 400000);
        assert_true(fake.ticks - from < 40000 * fake.khz);
        (void)fake_uart_text();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_quiet, machine_make),
        cmocka_unit_test_setup(test_quiet_ends_virtual_functions, machine_make),
        cmocka_unit_test_setup(test_quiet_leaves_the_iommu, machine_make),
        cmocka_unit_test_setup(test_the_right_machine, machine_make),
        cmocka_unit_test_setup(test_functions_that_are_not_listed, machine_make),
        cmocka_unit_test_setup(test_functions_that_differ, machine_make),
        cmocka_unit_test_setup(test_bridges_that_differ, machine_make),
        cmocka_unit_test_setup(test_bars_that_differ, machine_make),
        cmocka_unit_test_setup(test_capabilities_that_differ, machine_make),
        cmocka_unit_test_setup(test_resets_that_are_not_there, machine_make),
        cmocka_unit_test_setup(test_virtual_functions_that_differ, machine_make),
        cmocka_unit_test_setup(test_what_stays_is_not_in_the_way, machine_make),
        cmocka_unit_test_setup(test_all_differences_at_once, machine_make),
        cmocka_unit_test_setup(test_the_plan_is_programmed, machine_make),
        cmocka_unit_test_setup(test_what_firmware_left_on, machine_make),
        cmocka_unit_test_setup(test_registers_that_do_not_stick, machine_make),
        cmocka_unit_test_setup(test_bridge_with_one_window, machine_make),
        cmocka_unit_test_setup(test_bridges_of_nobody_are_closed, machine_make),
        cmocka_unit_test_setup(test_virtual_functions_that_do_not_come, machine_make),
        cmocka_unit_test_setup(test_without_ecam, machine_make),
        cmocka_unit_test_setup(test_flr, machine_make),
        cmocka_unit_test_setup(test_bus_reset, machine_make),
        cmocka_unit_test_setup(test_pm_reset, machine_make),
        cmocka_unit_test_setup(test_register_reset, machine_make),
        cmocka_unit_test_setup(test_settling_time, machine_make),
        cmocka_unit_test_setup(test_resets_that_fail, machine_make),
        cmocka_unit_test_setup(test_flr_with_a_lost_completion, machine_make),
        cmocka_unit_test_setup(test_any_machine, machine_make),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
