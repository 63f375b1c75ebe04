/* SPDX-License-Identifier: Apache-2.0 */
/* AC-32 to AC-35, AC-37, SEP-5: configuration space, through its ports and in memory. Expected: nobody but the partition's own functions is
 * there; of those only what the hypervisor's rows allow changes, and they work afterwards. What was written to the hardware is seen from
 * outside: the test compares all functions' configuration spaces. */
#include <string.h>

#include "attack.h"
#include "bh_mmio.h"
#include "lib.h"

#define ADDRESS_PORT 0xcf8u
#define DATA_PORT 0xcfcu
#define ENABLE 0x80000000u
#define ECAM 0xf1000000ull /* where a partition with functions sees its bus 0 */
#define ECAM_SIZE 0x100000ull
#define BOARD_ECAM 0xb0000000ull /* the machine's own, which nobody sees */
#define SPACE 256u               /* bytes that ports reach */
#define SLOTS 9u                 /* host bridge and at most eight functions */

static unsigned surprises;

static void surprise(const char *what, uint32_t where, uint64_t got, uint64_t expected)
{
    surprises++;
    detail("%s at %#" PRIx32 " gave %#" PRIx64 ", not %#" PRIx64, what, where, got, expected);
}

static uint64_t ones(unsigned bytes)
{
    return ~0ull >> (64 - 8 * bytes);
}

uint64_t page_read(uint64_t gpa, unsigned bytes)
{
    volatile void *at = bh_window(0, gpa, BH_WRITE | BH_UNCACHED);
    uint64_t value = 0;

    bh_window(1, gpa + 4096, BH_WRITE | BH_UNCACHED);
    if (bytes == 1)
        __asm__ volatile("movb %1, %b0" : "+q"(value) : "m"(*(volatile uint8_t *)at) : "memory");
    else if (bytes == 2)
        __asm__ volatile("movw %1, %w0" : "+r"(value) : "m"(*(volatile uint16_t *)at) : "memory");
    else if (bytes == 4)
        value = bh_mmio_read32(at);
    else
        value = bh_mmio_read64(at);
    return value;
}

void page_write(uint64_t gpa, unsigned bytes, uint64_t value)
{
    volatile void *at = bh_window(0, gpa, BH_WRITE | BH_UNCACHED);

    bh_window(1, gpa + 4096, BH_WRITE | BH_UNCACHED);
    if (bytes == 1)
        __asm__ volatile("movb %b1, %0" : "=m"(*(volatile uint8_t *)at) : "q"(value) : "memory");
    else if (bytes == 2)
        __asm__ volatile("movw %w1, %0" : "=m"(*(volatile uint16_t *)at) : "r"(value) : "memory");
    else if (bytes == 4)
        bh_mmio_write32(at, (uint32_t)value);
    else
        bh_mmio_write64(at, value);
}

bool function_own(struct bh_pci *pci)
{
    for (unsigned device = 1; device < SLOTS; device++)
        if (bh_pci_look(BH_PCI_BDF(device, 0), pci))
            return true;
    verdict(false, "no function to attack with");
    return false;
}

static bool is_own(uint16_t bdf)
{
    struct bh_pci pci;

    return bdf % 8 == 0 && bdf < BH_PCI_BDF(SLOTS, 0) && (bdf == 0 || bh_pci_look(bdf, &pci));
}

/* All 65,536 functions that there can be, by their ids. */
void attack_pci_scan(void)
{
    unsigned visible = 0, own = 0;

    for (unsigned bdf = 0; bdf < BH_PCI_BDF(SLOTS, 0); bdf++)
        own += is_own((uint16_t)bdf);
    for (unsigned bdf = 0; bdf < 0x10000; bdf++) {
        uint32_t ids = bh_pci_read((uint16_t)bdf, 0, 4);
        visible += ids != ~0u;
        if (ids != ~0u && !is_own((uint16_t)bdf))
            detail("function %#x: ids %#" PRIx32, bdf, ids);
        if (bdf % 4096 == 0)
            bh_watchdog_pet();
    }
    for (unsigned bdf = 0; bdf < 256; bdf++) {
        uint64_t ids = page_read(ECAM + (bdf << 12), 4);
        if ((ids != ones(4)) != is_own((uint16_t)bdf)) {
            visible++;
            detail("function %#x in memory: ids %#" PRIx64, bdf, ids);
        }
    }
    verdict(visible == own && own >= 2, "%u visible of 65536, %u of its own and the bridge", visible, own);
}

/* --- functions of others ------------------------------------------------------------------------------------------------------ */

static void foreign_register(uint16_t bdf, unsigned offset, unsigned bytes)
{
    static const uint32_t values[] = {0xffffffff, 0, 0x06};

    for (unsigned i = 0; i < 3; i++)
        bh_pci_write(bdf, offset, bytes, values[i]);
    uint64_t got = bh_pci_read(bdf, offset, bytes);
    if (got != ones(bytes))
        surprise("foreign register", (uint32_t)bdf << 8 | offset, got, ones(bytes));
}

static void foreign_function(uint16_t bdf, unsigned end, unsigned stride)
{
    for (unsigned offset = 0; offset < end; offset += stride)
        for (unsigned bytes = stride; bytes <= 4; bytes *= 2)
            if (offset % bytes == 0)
                foreign_register(bdf, offset, bytes);
    bh_watchdog_pet();
}

/* Beyond its bus, and where the machine has its own: no page at all. */
static void foreign_pages(void)
{
    static const uint64_t machine[] = {ECAM + ECAM_SIZE, BOARD_ECAM, BOARD_ECAM + 0x8000, BOARD_ECAM + 0x18000,
                                       BOARD_ECAM + 0x100000};
    uint64_t value;

    for (unsigned bdf = 1; bdf < 256; bdf++)
        for (unsigned offset = 0; !is_own((uint16_t)bdf) && offset < 4096; offset += bdf % 8 ? 0x404 : 0x24) {
            page_write(ECAM + (bdf << 12) + offset, 4, ~0u);
            value = page_read(ECAM + (bdf << 12) + offset, 4);
            if (value != ones(4))
                surprise("foreign page", bdf << 12 | offset, value, ones(4));
        }
    for (unsigned i = 0; i < sizeof(machine) / sizeof(machine[0]); i++)
        for (unsigned offset = 0; offset < 4096; offset += 64)
            if (try_write(machine[i] + offset, 4, ~0u) || try_read(machine[i] + offset, 4, &value))
                surprise("the machine's page", (uint32_t)machine[i] + offset, value, 0);
}

/* Three buses; those functions that a machine like this has in every width. */
void attack_pci_foreign(void)
{
    surprises = 0;
    for (unsigned bdf = 1; bdf < 0x300; bdf++) {
        bool known = bdf >> 3 == 31 || (bdf & 0xff) < 8 || (bdf < 0x58 && bdf % 8 == 0);
        if (!is_own((uint16_t)bdf))
            foreign_function((uint16_t)bdf, known || attack_full ? SPACE : 64, known || attack_full ? 1 : 4);
    }
    foreign_pages();
    verdict(surprises == 0, "%u answered", surprises);
}

/* --- ports --------------------------------------------------------------------------------------------------------------------- */

static void expect_port(const char *what, uint16_t port, unsigned bytes, uint64_t expected)
{
    uint32_t got = bh_port_in(port, bytes);

    if (got != expected)
        surprise(what, port, got, expected);
}

/* Each byte lane is the one of the doubleword; what crosses it is nothing. */
static void lanes_of(uint32_t address)
{
    bh_port_out(ADDRESS_PORT, 4, address);
    uint32_t whole = bh_port_in(DATA_PORT, 4);

    for (unsigned lane = 0; lane < 4; lane++)
        expect_port("byte", (uint16_t)(DATA_PORT + lane), 1, whole >> 8 * lane & 0xff);
    for (unsigned lane = 0; lane < 3; lane++)
        expect_port("word", (uint16_t)(DATA_PORT + lane), 2, whole >> 8 * lane & 0xffff);
    expect_port("word that crosses", DATA_PORT + 3, 2, 0xffff);
    for (unsigned lane = 1; lane < 4; lane++)
        expect_port("doubleword that crosses", (uint16_t)(DATA_PORT + lane), 4, 0xffffffff);
}

void attack_pci_lanes(void)
{
    struct bh_pci pci;

    if (!function_own(&pci))
        return;
    uint32_t address = ENABLE | (uint32_t)pci.bdf << 8;
    surprises = 0;
    for (unsigned offset = 0; offset < SPACE; offset += 4)
        lanes_of(address | offset);
    bh_port_out(ADDRESS_PORT, 4, ~0u);
    expect_port("latch's reserved bits", ADDRESS_PORT, 4, 0x80fffffc);
    bh_port_out(ADDRESS_PORT, 4, address);
    for (unsigned lane = 0; lane < 4; lane++) {
        bh_port_out((uint16_t)(ADDRESS_PORT + lane), 1, 0xff);
        bh_port_out((uint16_t)(ADDRESS_PORT + lane), 2, 0xffff);
        if (lane > 0)
            bh_port_out((uint16_t)(ADDRESS_PORT + lane), 4, ~0u);
        expect_port("part of the latch", (uint16_t)(ADDRESS_PORT + lane), 1, 0xff);
    }
    expect_port("latch", ADDRESS_PORT, 4, address);
    bh_port_out(ADDRESS_PORT, 4, address & ~ENABLE);
    expect_port("data without enable", DATA_PORT, 4, ~0u);
    verdict(surprises == 0, "%u surprises", surprises);
}

/* --- two cores, one latch ---------------------------------------------------------------------------------------------------- */

#define ROUNDS 30000u
#define COMMAND_INIT 0x4500u

static volatile bool racing, raced;

/* The ids of all that may be on the machine's bus 0. */
static void racer(void *unused)
{
    (void)unused;
    for (uint32_t bdf = 0; racing; bdf = (bdf + 1) & 0xff) {
        bh_port_out(ADDRESS_PORT, 4, bdf << 8 | ENABLE);
        (void)bh_port_in((uint16_t)(DATA_PORT + (bdf & 3)), 1);
        raced = true;
    }
}

#define SUBSYSTEM 0x2cu

/* The machine's chipset is at every turn: its vendors', and no word of its own functions. */
static bool is_foreign(uint32_t ids, const uint32_t *own)
{
    for (unsigned i = 0; i < 2 * SLOTS; i++)
        if (ids == own[i])
            return false;
    return (ids & 0xffff) == 0x8086 || (ids & 0xffff) == 0x1022;
}

/* One core changes the address while the other reads and writes data: it finds registers of its own or nobody's, never another's. */
void attack_pci_race(void)
{
    struct bh_pci pci;
    uint32_t words[2 * SLOTS];
    unsigned others = 0;

    if (!function_own(&pci))
        return;
    for (unsigned i = 0; i < SLOTS; i++) {
        words[2 * i] = bh_pci_read(BH_PCI_BDF(i, 0), 0, 4);
        words[2 * i + 1] = bh_pci_read(BH_PCI_BDF(i, 0), SUBSYSTEM, 4);
    }
    uint32_t own = bh_pci_read(pci.bdf, 0, 4), bridge = bh_pci_read(0, 0, 4);
    racing = true;
    raced = false;
    bh_cores[1].work = 0;
    bh_cores[1].up = false;
    bool came = bh_cpu_start(1, racer, 0);
    for (unsigned i = 0; i < ROUNDS && came; i++) {
        bh_port_out(ADDRESS_PORT, 4, ENABLE | (i & 1 ? 0x1f00u << 8 : (uint32_t)pci.bdf << 8) | 0x3c);
        if (i & 2)
            bh_port_out(DATA_PORT, 4, i);
        uint32_t ids = bh_pci_read((uint16_t)(i * 8), 0, 4);
        others += is_foreign(ids, words);
        if (i % 1024 == 0)
            bh_watchdog_pet();
    }
    racing = false;
    bh_sleep_ns(10000000);
    if (came)
        apic_send(1, COMMAND_INIT);
    verdict(came && raced && others == 0 && bh_pci_read(pci.bdf, 0, 4) == own && bh_pci_read(0, 0, 4) == bridge,
            "%u of others, second core %s", others, came && raced ? "raced" : "did not come");
}

/* --- its own function ---------------------------------------------------------------------------------------------------------- */

#define COMMAND 0x04u
#define CLASS 0x08u
#define BARS 0x10u
#define ROM 0x30u
#define CAPABILITIES 0x34u
#define COMMAND_SOFT 0x0407u
#define CAP_PM 0x01u

static void space_save(uint16_t bdf, uint32_t *words)
{
    for (unsigned i = 0; i < SPACE / 4; i++)
        words[i] = bh_pci_read(bdf, i * 4, 4);
}

static void write_everywhere(uint16_t bdf, uint32_t value)
{
    uint64_t page = ECAM + ((uint64_t)bdf << 12);

    for (unsigned offset = 0; offset < 4096; offset++)
        for (unsigned bytes = 1; bytes <= 8; bytes *= 2) {
            bool register_there = offset % 4 + bytes <= 4;
            if (offset + bytes > 4096 || (offset >= SPACE && offset % 4 && !attack_full))
                continue;
            page_write(page + offset, bytes, value | (uint64_t)value << 32);
            if (offset < SPACE && register_there && offset % bytes == 0)
                bh_pci_write(bdf, offset, bytes, value);
            if (!register_there && page_read(page + offset, bytes) != ones(bytes))
                surprise("access that crosses", offset, page_read(page + offset, bytes), ones(bytes));
        }
    bh_watchdog_pet();
}

/* What no value that was written may have changed. */
static void fixed_registers(uint16_t bdf, const uint32_t *before, uint32_t written)
{
    unsigned pm = bh_pci_capability(bdf, CAP_PM);
    static const struct {
        uint16_t offset;
        uint32_t mask;
    } rows[] = {{0, ~0u}, {COMMAND, ~COMMAND_SOFT}, {CLASS, ~0u}, {0x0c, 0xffff0000}, {0x2c, ~0u}, {ROM, ~0u}, {CAPABILITIES, ~0u}};

    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint32_t now = bh_pci_read(bdf, rows[i].offset, 4);
        if ((now ^ before[rows[i].offset / 4]) & rows[i].mask)
            surprise("fixed register", rows[i].offset, now, before[rows[i].offset / 4]);
    }
    if (pm && (bh_pci_read(bdf, pm + 4, 2) & 3))
        surprise("power state", pm + 4, bh_pci_read(bdf, pm + 4, 2), 0);
    for (unsigned i = 0; i < BH_PCI_BARS; i++) {
        uint32_t now = bh_pci_read(bdf, BARS + 4 * i, 4);
        if (written != ~0u && now != before[BARS / 4 + i])
            surprise("BAR", BARS + 4 * i, now, before[BARS / 4 + i]);
    }
    for (unsigned offset = SPACE; offset < 4096; offset += 4)
        if (page_read(ECAM + ((uint64_t)bdf << 12) + offset, 4) != 0)
            surprise("extended register", offset, page_read(ECAM + ((uint64_t)bdf << 12) + offset, 4), 0);
}

static void attack_own(const struct bh_pci *pci)
{
    static const uint32_t values[] = {0xffffffff, 0, 0x55555555, 0xaaaaaaaa, 0xffffffff};
    uint32_t before[SPACE / 4];
    uint64_t size = 0;
    volatile uint8_t *registers = bh_pci_map(pci, 0, &size);

    if (!registers || size < 4096) {
        surprise("BAR 0's size", BARS, size, 4096);
        return;
    }
    uint32_t first = bh_mmio_read32(registers);
    space_save(pci->bdf, before);
    for (unsigned i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        write_everywhere(pci->bdf, values[i]);
        fixed_registers(pci->bdf, before, values[i]);
        if (bh_mmio_read32(registers) != first)
            surprise("device's first register", i, bh_mmio_read32(registers), first);
    }
    for (unsigned i = SPACE / 4; i-- > 0;)
        bh_pci_write(pci->bdf, i * 4, 4, before[i]);
    for (unsigned i = 0; i < SPACE / 4; i++)
        if (bh_pci_read(pci->bdf, i * 4, 4) != before[i])
            surprise("register put back", i * 4, bh_pci_read(pci->bdf, i * 4, 4), before[i]);
    if (bh_mmio_read32(registers) != first)
        surprise("device's first register", 0, bh_mmio_read32(registers), first);
}

/* Every byte of every own function, also what lies across words, both ways. */
void attack_pci_own(void)
{
    struct bh_pci pci;
    unsigned functions = 0;

    surprises = 0;
    for (unsigned device = 1; device < SLOTS; device++)
        if (bh_pci_look(BH_PCI_BDF(device, 0), &pci)) {
            attack_own(&pci);
            functions++;
        }
    verdict(surprises == 0 && functions > 0, "%u surprises with %u functions", surprises, functions);
}

/* --- BARs and ROM -------------------------------------------------------------------------------------------------------------- */

static void bar_attack(const struct bh_pci *pci, unsigned n, volatile uint8_t *registers)
{
    static const uint32_t targets[] = {0,          0x00100000, 0x02800000, 0xb0000000, 0xc0000000, 0xc0100000, 0xfec00000,
                                       0xfed80000, 0xfed90000, 0xfee00000, 0xffff0000, 0x7ff00000, 0x00000cf8, 0x00000001};
    unsigned offset = BARS + 4 * n;
    uint32_t before = bh_pci_read(pci->bdf, offset, 4), first = bh_mmio_read32(registers);

    for (unsigned i = 0; i < sizeof(targets) / sizeof(targets[0]); i++)
        for (unsigned bytes = 1; bytes <= 4; bytes *= 2) {
            bh_pci_write(pci->bdf, offset + (4 - bytes), bytes, targets[i] >> 8 * (4 - bytes));
            if (bh_pci_read(pci->bdf, offset, 4) != before)
                surprise("BAR", offset, bh_pci_read(pci->bdf, offset, 4), before);
            if (bh_mmio_read32(registers) != first)
                surprise("device's first register", targets[i], bh_mmio_read32(registers), first);
        }
}

void attack_pci_bars(void)
{
    struct bh_pci pci;
    struct bh_bar bar;
    uint64_t size = 0;

    if (!function_own(&pci))
        return;
    surprises = 0;
    volatile uint8_t *registers = bh_pci_map(&pci, 0, &size);
    uint32_t first = registers ? bh_mmio_read32(registers) : 0;
    for (unsigned n = 0; n < BH_PCI_BARS && registers; n++) {
        uint32_t before = bh_pci_read(pci.bdf, BARS + 4 * n, 4);
        bar_attack(&pci, n, registers);
        if (bh_pci_bar(&pci, n, &bar) && ((bar.size & (bar.size - 1)) != 0 || (bar.address & (bar.size - 1)) != 0))
            surprise("size", BARS + 4 * n, bar.size, 0);
        if (bh_pci_read(pci.bdf, BARS + 4 * n, 4) != before)
            surprise("BAR after its size", BARS + 4 * n, bh_pci_read(pci.bdf, BARS + 4 * n, 4), before);
    }
    for (unsigned i = 0; i < 2; i++) {
        bh_pci_write(pci.bdf, ROM, 4, i ? 0xfffff801 : 0xc0000001);
        if (bh_pci_read(pci.bdf, ROM, 4) != 0)
            surprise("ROM", ROM, bh_pci_read(pci.bdf, ROM, 4), 0);
    }
    if (!registers || bh_mmio_read32(registers) != first)
        surprise("device's first register", 0, registers ? bh_mmio_read32(registers) : 0, first);
    verdict(surprises == 0, "%u moved", surprises);
}

/* --- command and status -------------------------------------------------------------------------------------------------------- */

/* AC-33: decoding off, and the BAR touched: on a machine that obeys this is an unsupported request, which can become an NMI for all. */
void attack_pci_command(void)
{
    static const uint16_t values[] = {0x0000, 0x0400, 0x0001, 0xffff, 0x0144, 0xfbf9, 0x0006};
    struct bh_pci pci;
    uint64_t size = 0, nmis = bh_irq_unexpected(2);

    if (!function_own(&pci))
        return;
    surprises = 0;
    volatile uint8_t *registers = bh_pci_map(&pci, 0, &size);
    uint32_t before = bh_pci_read(pci.bdf, COMMAND, 4), first = registers ? bh_mmio_read32(registers) : 0;
    for (unsigned i = 0; registers && i < sizeof(values) / sizeof(values[0]); i++) {
        bh_pci_write(pci.bdf, COMMAND, 2, values[i]);
        bh_pci_write(pci.bdf, COMMAND + 2, 2, 0xffff); /* status bits that a one clears */
        uint32_t got = bh_pci_read(pci.bdf, COMMAND, 2);
        if (got & ~COMMAND_SOFT)
            surprise("command", COMMAND, got, got & COMMAND_SOFT);
        for (unsigned k = 0; k < 64; k++) {
            bh_mmio_write32(registers + 4, k);
            if (bh_mmio_read32(registers) != first)
                surprise("device's first register", values[i], bh_mmio_read32(registers), first);
        }
    }
    bh_pci_write(pci.bdf, COMMAND, 2, before);
    if (bh_irq_unexpected(2) != nmis)
        surprise("NMIs", 2, bh_irq_unexpected(2), nmis);
    verdict(surprises == 0 && registers, "%u surprises", surprises);
}
