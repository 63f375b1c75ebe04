/* SPDX-License-Identifier: Apache-2.0 */
/* AC-21, AC-30, AC-36, SEP-3: messages. A function's own message registers with every destination, mode and vector; the MSI-X table's page in
 * every width; messages forged by DMA to where the processors listen; and its own interrupt as often as it can. Expected: what is not its
 * own, fixed, to one of its cores, arrives nowhere; the victim and the witness count strangers. */
#include <string.h>

#include "attack.h"
#include "bh_mmio.h"
#include "edu.h"

#define MESSAGES 0xfee00000ull
#define VECTOR 0x51u
#define MSI_ENABLE 0x0001u
#define SETTLE_NS 2000000ull
#define RAISE 0x60u /* edu's registers */
#define ACKNOWLEDGE 0x64u

static volatile uint64_t arrived;

static void on_message(struct bh_frame *frame)
{
    (void)frame;
    arrived++;
}

static const char *edu_take(struct edu *edu, struct bh_pci *pci, unsigned core)
{
    if (!bh_pci_find(EDU_VENDOR, EDU_ID, 0, pci))
        return "no edu device";
    return edu_open(edu, pci, core);
}

/* --- MSI ----------------------------------------------------------------------------------------------------------------------- */

static void message_raise(const struct bh_pci *pci, volatile uint8_t *registers, uint64_t address, uint32_t data)
{
    bh_pci_write(pci->bdf, pci->msi + 2u, 2, 0);
    bh_pci_write(pci->bdf, pci->msi + 4u, 4, (uint32_t)address);
    bh_pci_write(pci->bdf, pci->msi + 8u, 4, (uint32_t)(address >> 32));
    bh_pci_write(pci->bdf, pci->msi + 12u, 2, data);
    bh_pci_write(pci->bdf, pci->msi + 2u, 2, MSI_ENABLE);
    bh_mmio_write32(registers + RAISE, 1);
    bh_mmio_write32(registers + ACKNOWLEDGE, ~0u);
}

static bool is_allowed(unsigned to, unsigned mode, unsigned vector)
{
    return to < bh_start_info()->cores && mode <= 1 && vector >= 16;
}

static unsigned messages_forbidden(const struct bh_pci *pci, volatile uint8_t *registers)
{
    static const uint8_t destinations[] = {0, 1, 2, 3, 4, 5, 7, 15, 0x7f, 0xfe, 0xff}, vectors[] = {0, 2, 15, 16, VECTOR, 0xff};
    static const uint64_t others[] = {0,
                                      0x100000,
                                      0x7000000,
                                      0xfec00000,
                                      0xfed90000,
                                      MESSAGES | 4,
                                      MESSAGES | 0xc,
                                      MESSAGES | 0x10,
                                      MESSAGES | 0x18,
                                      MESSAGES | 0x30,
                                      MESSAGES | 0xff0,
                                      1ull << 32 | MESSAGES,
                                      ~3ull};
    unsigned sent = 0;

    for (unsigned mode = 0; mode < 8; mode++)
        for (unsigned i = 0; i < sizeof(destinations); i++)
            for (unsigned k = 0; k < sizeof(vectors); k++)
                if (!is_allowed(destinations[i], mode, vectors[k])) {
                    uint32_t data = vectors[k] | mode << 8 | (k & 1 ? 0xc000u : 0);
                    message_raise(pci, registers, MESSAGES | (uint64_t)destinations[i] << 12 | (i & 1 ? 8 : 0), data);
                    sent++;
                }
    for (unsigned i = 0; i < sizeof(others) / sizeof(others[0]); i++, sent++)
        message_raise(pci, registers, others[i], VECTOR);
    return sent;
}

void attack_msi(void)
{
    static struct bh_pci pci;
    static struct edu edu;
    const char *wrong = edu_take(&edu, &pci, BH_PCI_INTERRUPTS);

    if (wrong || !pci.msi) {
        verdict(false, "%s", wrong ? wrong : "no MSI");
        return;
    }
    uint64_t strangers = bh_irq_unexpected_total();
    bh_irq_handler(VECTOR, on_message);
    arrived = 0;
    unsigned sent = messages_forbidden(&pci, edu.registers);
    bh_sleep_ns(SETTLE_NS);
    uint64_t got = arrived + bh_irq_unexpected_total() - strangers;
    message_raise(&pci, edu.registers, MESSAGES, VECTOR); /* and now as it should be */
    bh_sleep_ns(SETTLE_NS);
    uint64_t own = arrived - got;
    bh_pci_write(pci.bdf, pci.msi + 2u, 2, 0);
    bh_irq_handler(VECTOR, 0);
    verdict(got == 0 && own == 1, "%" PRIu64 " delivered of %u, %" PRIu64 " of its own", got, sent, own);
}

/* --- MSI-X ----------------------------------------------------------------------------------------------------------------------- */

static unsigned surprises;

static void expect_word(uint64_t gpa, unsigned bytes, uint64_t expected)
{
    uint64_t got = page_read(gpa, bytes);

    if (got != expected && surprises++ < 100)
        detail("%u bytes at %#" PRIx64 " gave %#" PRIx64 ", not %#" PRIx64, bytes, gpa, got, expected);
}

/* One page, byte by byte in every width: words are kept as they were written, the mask bit alone of the last one; parts of a word and what is
 * not aligned is nothing. */
static void table_write(uint64_t table, unsigned vectors, uint32_t value)
{
    uint64_t page = table & ~0xfffull;

    for (unsigned offset = 0; offset < 4096; offset++)
        for (unsigned bytes = 1; bytes <= 8; bytes *= 2)
            if (offset + bytes <= 4096)
                page_write(page + offset, bytes, value | (uint64_t)value << 32);
    for (unsigned offset = 0; offset < vectors * 16; offset += 4) {
        expect_word(table + offset, 4, offset % 16 == 12 ? value & 1 : value);
        expect_word(table + offset, 2, 0xffff);
        expect_word(table + offset + 1, 1, 0xff);
    }
    bh_watchdog_pet();
}

static uint64_t table_place(const struct bh_pci *pci, unsigned at)
{
    uint32_t where = bh_pci_read(pci->bdf, at, 4);
    struct bh_bar bar;

    return bh_pci_bar(pci, where & 7, &bar) && !bar.ports ? bar.address + (where & ~7u) : 0;
}

void attack_msix(void)
{
    static const uint32_t values[] = {0xffffffff, 0, 0xfee00000, 0xfee01000, 0xfee0000c, 0x00004051, 0xfee00010, 1};
    struct bh_pci pci;

    if (!function_own(&pci))
        return;
    uint64_t table = pci.msix ? table_place(&pci, pci.msix + 4u) : 0, pending = pci.msix ? table_place(&pci, pci.msix + 8u) : 0;
    if (table == 0) {
        verdict(false, "no MSI-X");
        return;
    }
    unsigned vectors = (bh_pci_read(pci.bdf, pci.msix + 2u, 2) & 0x7ff) + 1;
    uint64_t strangers = bh_irq_unexpected_total();
    surprises = 0;
    for (unsigned i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        bh_pci_write(pci.bdf, pci.msix + 2u, 2, i & 1 ? 0x8000 : 0xffff);
        table_write(table, vectors, values[i]);
        for (unsigned offset = 0; offset < 4096; offset += 4)
            page_write((pending & ~0xfffull) + offset, 4, values[i]);
    }
    for (unsigned i = 0; i < vectors; i++)
        page_write(table + i * 16 + 12, 4, 1);
    bh_pci_write(pci.bdf, pci.msix + 2u, 2, 0);
    uint64_t came = bh_irq_unexpected_total() - strangers;
    verdict(surprises == 0 && came == 0, "%u surprises with %u vectors, %" PRIu64 " strangers", surprises, vectors, came);
}

/* --- forged by DMA ----------------------------------------------------------------------------------------------------------------- */

#define WORDS ((EDU_BUFFER - 3) / 4)

static uint32_t words[1024] __attribute__((aligned(4096)));

/* Write `count` words from `words` to this address, whatever listens there. */
static const char *words_send(struct edu *edu, uint64_t address, unsigned count)
{
    const char *wrong = edu_copy(edu, EDU_FROM_MEMORY, bh_dma_address(words), 0, count * 4);

    bh_watchdog_pet();
    return wrong ? wrong : edu_copy(edu, EDU_TO_MEMORY, address, 0, count * 4);
}

static void forged_verdict(const struct edu *edu, const char *wrong, unsigned sent, uint64_t strangers)
{
    bh_sleep_ns(SETTLE_NS);
    strangers = bh_irq_unexpected_total() - strangers;
    uint64_t before = edu->interrupts;
    edu_raise((struct edu *)edu, 2); /* its own still comes */
    bh_sleep_ns(SETTLE_NS);
    verdict(!wrong && strangers == 0 && edu->interrupts > before, "%" PRIu64 " strangers of %u messages, %s", strangers, sent,
            wrong                      ? wrong
            : edu->interrupts > before ? "its own came"
                                       : "its own did not come");
}

/* As on a machine without remapping: a page for each destination, in it every vector and mode; the neighbours first, as some modes would end
 * this life. Not for QEMU's VT-d, which lets these pass whatever it is told (docs/CAVEATS.md). */
void attack_msi_forge(void)
{
    static const uint8_t destinations[] = {5, 4, 3, 2, 1, 0, 0xff};
    static struct bh_pci pci;
    static struct edu edu;
    const char *wrong = edu_take(&edu, &pci, 0);
    uint64_t strangers = bh_irq_unexpected_total();
    unsigned sent = 0;

    edu.limit = 0;
    for (unsigned set = 0; set < 4; set++) {
        for (unsigned i = 0; i < WORDS; i++)
            words[i] = (i & 0xff) | ((i >> 8) + (set & 1) * 4) << 8 | (set & 2 ? 0xc000u : 0);
        for (unsigned i = 0; i < sizeof(destinations) && !wrong; i++, sent += WORDS)
            wrong = words_send(&edu, MESSAGES | (uint64_t)destinations[i] << 12, WORDS);
    }
    forged_verdict(&edu, wrong, sent, strangers);
}

/* As VT-d has them: a handle in the address, to which the data is added. More of them are there than messages of this machine. */
void attack_msi_handles(void)
{
    static struct bh_pci pci;
    static struct edu edu;
    const char *wrong = edu_take(&edu, &pci, 0);
    uint64_t strangers = bh_irq_unexpected_total();
    unsigned sent = 0;

    edu.limit = 0;
    for (unsigned handle = 0; handle < 64 && !wrong; handle++, sent += 4) {
        for (unsigned i = 0; i < 4; i++)
            words[i] = i * 0x20;
        wrong = words_send(&edu, MESSAGES | 0x10 | handle << 5, 4);
    }
    forged_verdict(&edu, wrong, sent, strangers);
}

/* --- storm ------------------------------------------------------------------------------------------------------------------------- */

void attack_irq_storm(void)
{
    static struct bh_pci pci;
    static struct edu edu;
    const char *wrong = edu_take(&edu, &pci, 0);
    uint64_t end = bh_now_ns() + 5000000000ull, strangers = bh_irq_unexpected_total();
    unsigned raised = 0;

    while (!wrong && bh_now_ns() < end) {
        for (unsigned i = 0; i < 100; i++, raised++)
            edu_raise(&edu, 4);
        bh_watchdog_pet();
    }
    strangers = bh_irq_unexpected_total() - strangers;
    verdict(!wrong && edu.interrupts > 0 && strangers == 0, "%s, %" PRIu64 " interrupts of %u, %" PRIu64 " strangers",
            wrong ? wrong : "alive", edu.interrupts, raised, strangers);
}
