/* SPDX-License-Identifier: Apache-2.0 */
/* AC-27, AC-31, SEP-1: DMA of a passed function (QEMU's edu, whose addresses have 64 bits) to what is not the partition's memory. Expected: it
 * reads nothing and changes nothing there, which the test looks at from outside; its own memory it reaches where it sees it itself,
 * whatever the machine has at that address. It keeps below the rate of faults that would cut it off: that is another attack. */
#include <string.h>

#include "attack.h"
#include "edu.h"
#include "lib.h"

#define PAGE 4096u
#define PATTERN 0x6ba0d3a5c4e10f7dull /* the test looks for it */
#define UNTOUCHED 0xa5a5a5a5a5a5a5a5ull
#define PACE_NS 250000000ull

static struct bh_pci pci;
static struct edu edu;
static uint64_t ours[PAGE / 8] __attribute__((aligned(4096))), back[PAGE / 8] __attribute__((aligned(4096)));

static const char *take(void)
{
    const char *wrong = bh_pci_find(EDU_VENDOR, EDU_ID, 0, &pci) ? edu_open(&edu, &pci, BH_PCI_INTERRUPTS) : "no edu device";

    edu.limit = 0;
    return wrong;
}

/* The device's buffer full of this. */
static const char *load(uint64_t word)
{
    for (unsigned i = 0; i < PAGE / 8; i++)
        ours[i] = word;
    return edu_copy(&edu, EDU_FROM_MEMORY, bh_dma_address(ours), 0, EDU_BUFFER);
}

static const char *throw(uint64_t address, unsigned length)
{
    bh_watchdog_pet();
    bh_sleep_ns(PACE_NS);
    return edu_copy(&edu, EDU_TO_MEMORY, address, 0, length);
}

/* Its own memory both ways, also the first and last page. */
static const char *own_reached(void)
{
    uint64_t places[] = {bh_dma_address(back), 0x2000, bh_start_info()->ram_size - PAGE};
    const char *wrong = load(PATTERN);

    for (unsigned i = 0; i < 3 && !wrong; i++) {
        uint64_t *seen = i == 0 ? back : bh_window(0, places[i], BH_WRITE);
        memset(seen, 0, PAGE);
        wrong = edu_copy(&edu, EDU_TO_MEMORY, places[i], 0, EDU_BUFFER);
        for (unsigned k = 0; k < EDU_BUFFER / 8 && !wrong; k++)
            if (((volatile uint64_t *)seen)[k] != PATTERN)
                wrong = "its own memory is not where it sees it";
        memset(seen, 0, PAGE);
    }
    return wrong;
}

/* What is there: 0 read, ones, or what was in the buffer before are nothing. */
static bool read_something(uint64_t address)
{
    const char *wrong = load(UNTOUCHED);

    bh_sleep_ns(PACE_NS);
    if (!wrong)
        wrong = edu_copy(&edu, EDU_FROM_MEMORY, address, 0, EDU_BUFFER);
    memset(back, 0, sizeof(back));
    if (!wrong)
        wrong = edu_copy(&edu, EDU_TO_MEMORY, bh_dma_address(back), 0, EDU_BUFFER);
    for (unsigned i = 0; i < EDU_BUFFER / 8 && !wrong; i++) {
        uint64_t word = ((volatile uint64_t *)back)[i];
        if (word != 0 && word != ~0ull && word != UNTOUCHED) {
            detail("read %#" PRIx64 " at %#" PRIx64, word, address + i * 8);
            return true;
        }
    }
    return wrong != 0;
}

/* Sixteen bytes of ours, then what is not. */
static const char *across_the_edge(void)
{
    uint64_t edge = bh_start_info()->ram_size;
    uint64_t *last = bh_window(0, edge - PAGE, BH_WRITE);

    last[510] = last[511] = 0;
    const char *wrong = throw(edge - 16, 64);
    if (!wrong && (((volatile uint64_t *)last)[510] != PATTERN || ((volatile uint64_t *)last)[511] != PATTERN))
        wrong = "what it may write at the edge was not written";
    last[510] = last[511] = 0;
    return wrong;
}

/* None that would be its own if bits beyond the tables were ignored, as QEMU's AMD-Vi does. */
static unsigned places_list(uint64_t *list)
{
    static const uint64_t machine[] = {BH_ABI_GPA,   0x80000000,     0xb0000000,     0xb0010000,      0xb0018000,
                                       0xff000000,   0xff100000,     0xf1000000,     0xfec00000,      0xfed00000,
                                       0xfed80000,   0xfed90000,     0xffff0000,     0x100000000,     0x7ffffff000,
                                       0x8000000000, 0x800000000000, 0xfffffffff000, 0x1000040000000, 0xfffffffffffff000};
    unsigned count = 0;

    for (unsigned i = 0; i < attack_place_count; i++)
        list[count++] = attack_places[i];
    for (unsigned i = 0; i < sizeof(machine) / sizeof(machine[0]); i++)
        list[count++] = machine[i];
    for (uint64_t at = bh_start_info()->ram_size; at < 0x80000000; at += attack_full ? 0x800000 : 0xb000000)
        list[count++] = at;
    return count;
}

void attack_dma(void)
{
    static uint64_t list[512];
    unsigned count = places_list(list), reached = 0;
    const char *wrong = take();

    if (!wrong)
        wrong = own_reached();
    if (!wrong)
        wrong = load(PATTERN);
    for (unsigned i = 0; i < count && !wrong; i++)
        wrong = throw(list[i], EDU_BUFFER);
    if (!wrong)
        wrong = across_the_edge();
    for (unsigned i = 0; i < count && !wrong; i++)
        reached += read_something(list[i]);
    if (!wrong)
        wrong = own_reached();
    verdict(!wrong && reached == 0, "%u reached of %u places%s%s", reached, count, wrong ? ": " : "", wrong ? wrong : "");
}

/* For ever, until somebody cuts it off: its own core may be gone by then. */
void attack_dma_loop(void)
{
    const char *wrong = take();

    for (uint64_t at = bh_start_info()->ram_size; !wrong; at += PAGE) {
        wrong = edu_copy(&edu, EDU_TO_MEMORY, at & 0x7fffffff, 0, EDU_BUFFER);
        bh_sleep_ns(50000000); /* a request takes a tenth of a second: ten in one would cut the function off */
        bh_watchdog_pet();
    }
    detail("%s", wrong);
}
