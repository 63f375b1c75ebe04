/* SPDX-License-Identifier: Apache-2.0 */
/* partitions/lib/pci.c and the device window of paging.c against a model of PCI bus 0 behind ports 0xcf8 and 0xcfc. What the program sees
 * mapped is found by walking the page tables. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fake/bh_mmio.h" /* before pci.c takes its neighbour */

#include "../../partitions/lib/paging.c"
#include "../../partitions/lib/pci.c"

enum { NVME = 1, NIC = 2, EDU = 3, MANY = 5 };

static struct bh_start_info info = {.cores = 3};
static uint8_t space[32][8][256], writable[32][8][256];
static uint32_t latch;
static bool interrupts_off;
static bh_handler handlers[256];
static uint8_t entries[64 * 16]; /* MSI-X entries of NVME, at TABLE_AT */
#define BAR_AT 0xfe800000u
#define TABLE_AT (BAR_AT + 0x2000u)
static unsigned entry_writes_unmasked, command_writes;

uint8_t bh_text_start[1], bh_text_end[1], bh_rodata_end[1], bh_image_end[1];

const struct bh_start_info *bh_start_info(void)
{
    return &info;
}

bool bh_irq_off(void)
{
    bool were_on = !interrupts_off;

    interrupts_off = true;
    return were_on;
}

void bh_irq_restore(bool were_on)
{
    interrupts_off = !were_on;
}

void bh_irq_handler(unsigned vector, bh_handler handler)
{
    handlers[vector] = handler;
}

/* --- the model ---------------------------------------------------------------------------------------------------------------- */

void bh_port_out(uint16_t port, unsigned size, uint32_t value)
{
    assert_true(interrupts_off); /* between the two ports nothing may come */
    if (port == 0xcf8) {
        assert_int_equal(size, 4);
        latch = value;
        return;
    }
    unsigned lane = port - 0xcfcu;
    assert_true(lane + size <= 4 && latch >> 31);
    if (latch >> 16 & 0xff)
        return;
    for (unsigned i = 0; i < size; i++) {
        unsigned at = (latch & 0xfc) + lane + i;
        uint8_t *byte = &space[latch >> 11 & 31][latch >> 8 & 7][at];
        uint8_t mask = writable[latch >> 11 & 31][latch >> 8 & 7][at];
        *byte = (uint8_t)((*byte & ~mask) | (value >> 8 * i & mask));
    }
    command_writes += (latch & 0xfc) == 4 && lane == 0;
    if ((latch & 0xfc) >= 0x10 && (latch & 0xfc) < 0x28)
        assert_int_equal(space[latch >> 11 & 31][0][4] & 3, 0); /* a BAR on the move answers to nobody */
}

uint32_t bh_port_in(uint16_t port, unsigned size)
{
    uint32_t value = 0;
    unsigned lane = port - 0xcfcu;

    assert_true(interrupts_off && lane + size <= 4 && latch >> 31);
    for (unsigned i = 0; i < size; i++) {
        uint8_t byte = latch >> 16 & 0xff ? 0xff : space[latch >> 11 & 31][latch >> 8 & 7][(latch & 0xfc) + lane + i];
        value |= (uint32_t)byte << 8 * i;
    }
    return value;
}

/* Guest-physical address behind one of the device window, by its tables. */
static uint64_t translate(const volatile void *address)
{
    uint64_t offset = (uintptr_t)address - DEVICES, pte;

    assert_true(offset < 1ull << 30);
    if (offset / LARGE < DEVICE_TABLES) {
        pte = device_pages[offset / LARGE][offset / PAGE % 512];
        offset %= PAGE;
        assert_false(pte & PTE_LARGE);
    } else {
        pte = device_directory[offset / LARGE];
        offset %= LARGE;
        assert_true(pte & PTE_LARGE);
    }
    assert_true((pte & (PTE_PRESENT | PTE_WRITE)) == (PTE_PRESENT | PTE_WRITE));
    assert_true((pte & (PTE_UNCACHED | PTE_NX)) == (PTE_UNCACHED | PTE_NX));
    assert_false(pte & PTE_USER);
    return (pte & 0xffffffffff000ull & ~(pte & PTE_LARGE ? LARGE - 1 : 0)) + offset;
}

void bh_mmio_write32(volatile void *address, uint32_t value)
{
    uint64_t at = translate(address) - TABLE_AT;

    assert_true(at + 4 <= sizeof(entries));
    if (at % 16 != 12 && !(entries[at / 16 * 16 + 12] & 1))
        entry_writes_unmasked++;
    assert_true(space[NVME][0][0x73] & 0xc0); /* on or masked: on real devices else lost */
    memcpy(entries + at, &value, 4);
}

static void put16(unsigned device, unsigned offset, uint16_t value)
{
    space[device][0][offset] = (uint8_t)value;
    space[device][0][offset + 1] = (uint8_t)(value >> 8);
}

static void put32(unsigned device, unsigned offset, uint32_t value)
{
    put16(device, offset, (uint16_t)value);
    put16(device, offset + 2, (uint16_t)(value >> 16));
}

static uint32_t word(unsigned device, unsigned offset)
{
    uint32_t value;

    memcpy(&value, &space[device][0][offset], 4);
    return value;
}

static void allow(unsigned device, unsigned offset, uint32_t mask)
{
    memcpy(&writable[device][0][offset], &mask, 4);
}

static void function_make(unsigned device, uint16_t vendor, uint16_t id, uint32_t class_code)
{
    memset(space[device][0], 0, 256);
    put16(device, 0, vendor);
    put16(device, 2, id);
    put32(device, 8, class_code << 8 | 2);
    allow(device, 4, 0x0407);
}

static int setup(void **state)
{
    (void)state;
    memset(space, 0xff, sizeof(space));
    memset(writable, 0, sizeof(writable));
    memset(entries, 0, sizeof(entries));
    for (unsigned i = 0; i < 64; i++)
        entries[16 * i + 12] = 1;
    entry_writes_unmasked = command_writes = 0;
    interrupts_off = locked = false; /* a test may have failed between the two ports */
    function_make(0, 0x8086, 0x29c0, 0x060000);
    function_make(NVME, 0x1b36, 0x0010, 0x010802);
    put32(NVME, 4, 0x00100002);
    put32(NVME, 0x10, BAR_AT | 4);
    allow(NVME, 0x10, ~0x3fffu);
    allow(NVME, 0x14, ~0u);
    space[NVME][0][0x34] = 0x40;
    put32(NVME, 0x40, 0x00007010); /* PCI Express, then MSI-X */
    put32(NVME, 0x70, 0x000c0011);
    put32(NVME, 0x74, 0x2000);
    put32(NVME, 0x78, 0x3000);
    allow(NVME, 0x70, 0xc0000000);
    function_make(NIC, 0x8086, 0x10d3, 0x020000);
    put32(NIC, 0x10, 0xfe820000);
    allow(NIC, 0x10, ~0x1ffffu);
    put32(NIC, 0x18, 0x6041);
    allow(NIC, 0x18, 0xffe0);
    function_make(EDU, 0x1234, 0x11e8, 0x00ff00);
    put32(EDU, 4, 0x00100000);
    put32(EDU, 0x10, 0xfe900000);
    allow(EDU, 0x10, ~0xfffffu);
    space[EDU][0][0x34] = 0x43; /* the lower two bits mean nothing */
    put32(EDU, 0x40, 0x00800005);
    allow(EDU, 0x40, 0x00710000);
    allow(EDU, 0x44, ~3u);
    allow(EDU, 0x48, ~0u);
    allow(EDU, 0x4c, 0xffff);
    return 0;
}

/* --- tests ------------------------------------------------------------------------------------------------------------------------ */

static void lanes_of_the_data_port(void **state)
{
    (void)state;
    put32(NVME, 4, 0);
    assert_int_equal(bh_pci_read(BH_PCI_BDF(NVME, 0), 0, 4), 0x00101b36);
    assert_int_equal(bh_pci_read(BH_PCI_BDF(NVME, 0), 2, 2), 0x0010);
    assert_int_equal(bh_pci_read(BH_PCI_BDF(NVME, 0), 11, 1), 0x01);
    bh_pci_write(BH_PCI_BDF(NVME, 0), 0x13, 1, 0xab);
    assert_int_equal(word(NVME, 0x10), (BAR_AT & 0xffffff) | 0xab000000 | 4);
    assert_int_equal(bh_pci_read(0x0108, 0, 4), ~0u); /* another bus */
    assert_false(interrupts_off);
}

static void functions_are_found(void **state)
{
    struct bh_pci list[BH_PCI_MAX], pci;

    (void)state;
    assert_int_equal(bh_pci_list(list, BH_PCI_MAX), 4);
    assert_int_equal(list[1].vendor, 0x1b36);
    assert_int_equal(list[1].class_code, 0x010802);
    assert_int_equal(list[1].interrupts, 13);
    assert_int_equal(list[1].msix, 0x70);
    assert_int_equal(list[2].interrupts, 0);
    assert_int_equal(list[3].interrupts, 1);
    assert_int_equal(list[3].msi, 0x40);
    assert_int_equal(bh_pci_list(list, 2), 2);
    assert_true(bh_pci_find(0x8086, 0x10d3, 0, &pci));
    assert_int_equal(pci.bdf, BH_PCI_BDF(NIC, 0));
    assert_false(bh_pci_find(0x8086, 0x10d3, 1, &pci));
    assert_true(bh_pci_find_class(0x010802, 0, &pci));
    assert_int_equal(pci.bdf, BH_PCI_BDF(NVME, 0));
    assert_false(bh_pci_find_class(0x0108, 0, &pci));
}

static void functions_of_one_device(void **state)
{
    struct bh_pci list[BH_PCI_MAX];

    (void)state;
    function_make(MANY, 0x1af4, 0x1000, 0x020000);
    memcpy(space[MANY][3], space[MANY][0], 256);
    assert_int_equal(bh_pci_list(list, BH_PCI_MAX), 5); /* a single one answers for all its numbers on some buses */
    space[MANY][0][0x0e] = 0x80;
    assert_int_equal(bh_pci_list(list, BH_PCI_MAX), 6);
    assert_int_equal(list[5].bdf, BH_PCI_BDF(MANY, 3));
    assert_int_equal(bh_pci_list(list, 5), 5);
}

static void nothing_without_devices(void **state)
{
    struct bh_pci list[2], pci;

    (void)state;
    memset(space, 0xff, sizeof(space));
    assert_int_equal(bh_pci_list(list, 2), 0);
    assert_false(bh_pci_find(0xffff, 0xffff, 0, &pci));
}

static void a_loop_of_capabilities_ends(void **state)
{
    (void)state;
    put32(NVME, 0x40, 0x00005010);
    put32(NVME, 0x50, 0x00004001);
    assert_int_equal(bh_pci_capability(BH_PCI_BDF(NVME, 0), 0x11), 0);
    put32(NVME, 0x40, 0x00002010); /* into the header */
    assert_int_equal(bh_pci_capability(BH_PCI_BDF(NVME, 0), 0x11), 0);
    put32(NVME, 4, 0); /* it says that it has no list */
    assert_int_equal(bh_pci_capability(BH_PCI_BDF(NVME, 0), 0x10), 0);
}

static void bars_are_sized_and_put_back(void **state)
{
    struct bh_pci pci = {.bdf = BH_PCI_BDF(NVME, 0)};
    struct bh_bar bar;

    (void)state;
    assert_true(bh_pci_bar(&pci, 0, &bar));
    assert_true(bar.address == BAR_AT && bar.size == 0x4000 && !bar.ports);
    assert_int_equal(word(NVME, 0x10), BAR_AT | 4);
    assert_int_equal(word(NVME, 0x14), 0);
    assert_int_equal(word(NVME, 4), 0x00100002);
    assert_int_equal(command_writes, 2); /* decoding was off meanwhile */
    assert_false(bh_pci_bar(&pci, 2, &bar));
    assert_false(bh_pci_bar(&pci, 6, &bar));
    pci.bdf = BH_PCI_BDF(NIC, 0);
    assert_true(bh_pci_bar(&pci, 0, &bar));
    assert_true(bar.address == 0xfe820000 && bar.size == 0x20000);
    assert_true(bh_pci_bar(&pci, 2, &bar));
    assert_true(bar.ports && bar.address == 0x6040 && bar.size == 0x20);
    uint64_t size;
    assert_null(bh_pci_map(&pci, 2, &size));
    assert_null(bh_pci_map(&pci, 1, &size));
    put32(NVME, 0x14, 0x7f); /* far above 4 GiB, and larger */
    allow(NVME, 0x10, 0);
    allow(NVME, 0x14, ~0u);
    put32(NVME, 0x10, 4);
    pci.bdf = BH_PCI_BDF(NVME, 0);
    assert_true(bh_pci_bar(&pci, 0, &bar));
    assert_true(bar.address == 0x7f00000000ull && bar.size == 1ull << 32);
}

static void decoding_is_off_while_sizing(void **state)
{
    struct bh_pci pci = {.bdf = BH_PCI_BDF(EDU, 0)};
    struct bh_bar bar;

    (void)state;
    put32(EDU, 4, 0x00100007);
    assert_true(bh_pci_bar(&pci, 0, &bar));
    assert_int_equal(word(EDU, 4), 0x00100007);
    assert_int_equal(bar.size, 1 << 20);
}

static void bus_mastering(void **state)
{
    struct bh_pci pci = {.bdf = BH_PCI_BDF(NVME, 0)};

    (void)state;
    put32(NVME, 4, 0x00100000);
    bh_pci_stop(&pci);
    assert_int_equal(word(NVME, 4), 0x00100403);
    bh_pci_start(&pci);
    assert_int_equal(word(NVME, 4), 0x00100407);
    bh_pci_stop(&pci);
    assert_int_equal(word(NVME, 4), 0x00100403);
}

static unsigned called;
static void *called_with;

static void handler(void *arg)
{
    called++;
    called_with = arg;
}

static uint32_t entry(unsigned index, unsigned offset)
{
    uint32_t value;

    memcpy(&value, entries + 16 * index + offset, 4);
    return value;
}

static void msix_entry_names_core_and_vector(void **state)
{
    struct bh_pci pci;
    int mark;

    (void)state;
    assert_true(bh_pci_find_class(0x010802, 0, &pci));
    assert_true(bh_pci_interrupt(&pci, 12, 2, handler, &mark));
    unsigned vector = entry(12, 8);
    assert_in_range(vector, VECTOR_FIRST, VECTOR_LAST);
    assert_int_equal(entry(12, 0), 0xfee02000);
    assert_int_equal(entry(12, 4), 0);
    assert_int_equal(entry(12, 12), 0);
    assert_int_equal(entry_writes_unmasked, 0);
    assert_int_equal(word(NVME, 0x70) >> 30, 2); /* on, the function not masked */
    for (unsigned i = 0; i < 12; i++)
        assert_int_equal(entry(i, 12), 1);
    called = 0;
    handlers[vector](&(struct bh_frame){.vector = vector});
    assert_int_equal(called, 1);
    assert_ptr_equal(called_with, &mark);
    /* Another place for the same, which has been found anew: the same vector, never half written. */
    assert_true(bh_pci_find_class(0x010802, 0, &pci));
    assert_true(bh_pci_interrupt(&pci, 12, 1, handler, 0));
    assert_int_equal(entry(12, 0), 0xfee01000);
    assert_int_equal(entry(12, 8), vector);
    assert_int_equal(entry_writes_unmasked, 0);
    assert_true(bh_pci_interrupt(&pci, 0, 0, handler, 0));
    assert_int_not_equal(entry(0, 8), vector);
    assert_true(bh_pci_interrupt(&pci, 12, 0, 0, 0));
    assert_int_equal(entry(12, 12), 1);
    assert_int_equal(entry(0, 12), 0);
}

static void interrupts_that_there_are_not(void **state)
{
    struct bh_pci pci;

    (void)state;
    assert_true(bh_pci_find_class(0x010802, 0, &pci));
    assert_false(bh_pci_interrupt(&pci, 13, 0, handler, 0));
    assert_false(bh_pci_interrupt(&pci, 0, 3, handler, 0)); /* cores 0 to 2 are ours */
    put32(NVME, 0x74, 0x3f80);                              /* the table's end lies behind the BAR's */
    assert_false(bh_pci_interrupt(&pci, 0, 0, handler, 0));
    put32(NVME, 0x74, 0x2002); /* in a BAR that there is not */
    assert_false(bh_pci_interrupt(&pci, 0, 0, handler, 0));
    assert_true(bh_pci_find(0x8086, 0x10d3, 0, &pci));
    assert_false(bh_pci_interrupt(&pci, 0, 0, handler, 0));
}

static void msi_message(void **state)
{
    struct bh_pci pci;

    (void)state;
    assert_true(bh_pci_find(0x1234, 0x11e8, 0, &pci));
    put32(EDU, 0x40, 0x00f10005); /* as an earlier user left it: on, eight messages */
    put32(EDU, 0x48, 0xffffffff);
    assert_true(bh_pci_interrupt(&pci, 0, 1, handler, 0));
    assert_int_equal(word(EDU, 0x40), 0x00810005);
    assert_int_equal(word(EDU, 0x44), 0xfee01000);
    assert_int_equal(word(EDU, 0x48), 0);
    assert_in_range(word(EDU, 0x4c), VECTOR_FIRST, VECTOR_LAST);
    assert_false(bh_pci_interrupt(&pci, 1, 0, handler, 0));
    assert_true(bh_pci_interrupt(&pci, 0, 0, 0, 0));
    assert_int_equal(word(EDU, 0x40), 0x00800005);
    put32(EDU, 0x40, 0x00000005); /* one with short addresses */
    put32(EDU, 0x48, 0);
    put32(EDU, 0x4c, 0);
    assert_true(bh_pci_interrupt(&pci, 0, 0, handler, 0));
    assert_in_range(word(EDU, 0x48), VECTOR_FIRST, VECTOR_LAST);
    assert_int_equal(word(EDU, 0x4c), 0);
}

/* Maps for good: the last but one. */
static void device_window(void **state)
{
    (void)state;
    volatile uint8_t *a = bh_device_map(0xfe123010, 0x20), *b = bh_device_map(0xfe124000, 0x20000);
    assert_int_equal(translate(a), 0xfe123010);
    assert_int_equal(translate(b + 0x1ffff), 0xfe143fff);
    assert_ptr_equal(bh_device_map(0xfe124000, 0x20000), b);
    assert_ptr_equal(bh_device_map(0xfe124100, 4), b + 0x100); /* part of what is mapped */
    assert_ptr_not_equal(bh_device_map(0xfe143000, 0x2000), b + 0x1f000);
    volatile uint8_t *crossing = bh_device_map(0xfe200ffc, 8);
    assert_int_equal(translate(crossing + 7), 0xfe201003);
    volatile uint8_t *large = bh_device_map(0xc0000000, 0x1000000);
    assert_int_equal(translate(large), 0xc0000000);
    assert_int_equal(translate(large + 0xffffff), 0xc0ffffff);
    assert_ptr_equal(bh_device_map(0xc0abc000, 0x1000), large + 0xabc000);
    assert_null(bh_device_map(0xc0000000, 0));
    assert_null(bh_device_map(0x800000000, 2ull << 30));
    assert_null(bh_device_map(~0ull - 0xfff, 0x1000));
    assert_null(bh_device_map(0x8000000000, 1ull << 30)); /* 16 MiB less are left */
    assert_null(bh_device_map(0xd0001000, 15ull << 20 | 0xff000));
    assert_non_null(bh_device_map(0xd0001000, 14ull << 20));
    assert_null(bh_device_map(0xe0001000, 2ull << 20 | 0x1000));
}

static void vectors_run_out(void **state)
{
    unsigned got = 0, last = 0xe0, vector;

    (void)state;
    while ((vector = bh_vector_take(handler, 0)) != 0) {
        assert_true(vector < last && vector >= 0x60);
        last = vector;
        got++;
    }
    assert_in_range(got, 100, 128);
    assert_int_equal(last, 0x60);
}

static void devices_find_memory_where_we_are_told(void **state)
{
    (void)state;
    assert_int_equal(bh_dma_address((void *)0x201000), 0x201000);
    info.dma_offset = 0x4000000;
    assert_int_equal(bh_dma_address((void *)0x201000), 0x4201000);
    info.dma_offset = 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(lanes_of_the_data_port, setup),
        cmocka_unit_test_setup(functions_are_found, setup),
        cmocka_unit_test_setup(functions_of_one_device, setup),
        cmocka_unit_test_setup(nothing_without_devices, setup),
        cmocka_unit_test_setup(a_loop_of_capabilities_ends, setup),
        cmocka_unit_test_setup(bars_are_sized_and_put_back, setup),
        cmocka_unit_test_setup(decoding_is_off_while_sizing, setup),
        cmocka_unit_test_setup(bus_mastering, setup),
        cmocka_unit_test_setup(msix_entry_names_core_and_vector, setup),
        cmocka_unit_test_setup(interrupts_that_there_are_not, setup),
        cmocka_unit_test_setup(msi_message, setup),
        cmocka_unit_test_setup(device_window, setup),
        cmocka_unit_test_setup(vectors_run_out, setup),
        cmocka_unit_test_setup(devices_find_memory_where_we_are_told, setup),
    };

    return cmocka_run_group_tests(tests, 0, 0);
}
