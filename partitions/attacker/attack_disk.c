/* SPDX-License-Identifier: Apache-2.0 */
/* AC-21, AC-27, AC-31, AC-38, AC-49: the owner of a virtual function of an NVMe disk against the owners of the physical one and of other
 * virtual ones. Expected: their input and output goes on; nothing is read or written past the partition's own memory; too many refused
 * requests cut the function off; a restart with requests under way leaves nothing. */
#include <string.h>

#include "attack.h"
#include "bh_mmio.h"
#include "lib.h"
#include "nvme.h"

#define PATTERN 0xd15c0b5e55edd15cull
#define FLOOD 5000u
#define SHORT_NS 300000000ull
#define UNDER_WAY 24u
#define CHUNK (64u << 10)
#define WAIT_ONLINE_NS 20000000000ull

static struct bh_pci pci;
static struct nvme disk;
static struct nvme_namespace space;

static const char *take(unsigned cores)
{
    uint64_t until = bh_now_ns() + WAIT_ONLINE_NS;
    const char *wrong;
    uint32_t id;
    unsigned count;

    if (!bh_pci_find_class(NVME_CLASS, 0, &pci))
        return "no NVMe function";
    while ((wrong = nvme_open(&disk, &pci, 1, cores)) == nvme_offline && bh_now_ns() < until)
        bh_sleep_ns(SHORT_NS);
    if (wrong)
        return wrong;
    if (nvme_namespaces(&disk, false, &id, 1, &count) != 0 || count == 0 || nvme_namespace(&disk, id, &space) != 0)
        return "no namespace";
    return 0;
}

/* --- admin commands ---------------------------------------------------------------------------------------------------------------- */

static void command_make(uint32_t command[16], unsigned opcode, unsigned variant)
{
    memset(command, 0, 64);
    command[0] = opcode;
    command[1] = variant == 0 ? 0xffffffff : variant == 1 ? 1 : 0; /* all namespaces; a neighbour's; none */
    for (unsigned i = 10; i < 16; i++)
        command[i] = variant == 0 ? 0 : variant == 1 ? 1 : (uint32_t)random64();
}

/* Every opcode with several arguments. One that never ends, or that took queues away, costs a new start of the controller. What
 * the emulated disk grants to everybody, though it is the others' (Namespace Attachment with a list of controllers): docs/CAVEATS.md. */
void attack_disk_admin(void)
{
    static uint8_t page[NVME_PAGE];
    const char *wrong = take(1);
    unsigned refused = 0, done = 0, starts = 0;

    for (unsigned opcode = 0; opcode < 256 && !wrong; opcode++)
        for (unsigned variant = 0; variant < 3 && !wrong; variant++) {
            uint32_t command[16], result;
            command_make(command, opcode, variant);
            memset(page, 0, sizeof(page));
            disk.timeout_ns = SHORT_NS;
            if (nvme_admin(&disk, command, page, &result) != 0)
                refused++;
            else
                done++;
            bh_watchdog_pet();
            if (disk.failed || opcode < 6) {
                starts++;
                wrong = take(1);
            }
        }
    disk.timeout_ns = 10000000000ull;
    if (!wrong)
        wrong = take(1);
    if (!wrong && nvme_io(&disk, 0, NVME_READ, &space, 0, 1, bh_dma_memory(NVME_PAGE, NVME_PAGE)) != 0)
        wrong = "no input any more";
    verdict(!wrong, "%s, %u refused, %u done, %u new starts", wrong ? wrong : "alive", refused, done, starts);
}

/* What the emulated disk does not keep apart, and no hypervisor can, as the queues lie in their owner's memory: anybody may detach a
 * namespace from anybody. The first one is a neighbour's. */
void attack_disk_steal(void)
{
    static uint16_t list[NVME_PAGE / 2];
    const uint32_t detach[16] = {[0] = 0x15, [1] = 1, [10] = 1};
    const char *wrong = take(1);
    unsigned detached = 0;
    uint32_t result;

    for (unsigned controller = 0; controller < 8 && !wrong; controller++) {
        list[0] = 1;
        list[1] = (uint16_t)controller;
        detached += nvme_admin(&disk, detach, list, &result) == 0;
    }
    verdict(!wrong, "%u detached, %s", detached, wrong ? wrong : "alive");
}

/* --- addresses ------------------------------------------------------------------------------------------------------------------------ */

static bool disk_fill(uint64_t *memory, uint64_t blocks)
{
    for (unsigned i = 0; i < CHUNK / 8; i++)
        memory[i] = PATTERN;
    for (uint64_t at = 0; at + CHUNK / space.block_size <= blocks; at += CHUNK / space.block_size)
        if (nvme_io(&disk, 0, NVME_WRITE, &space, at, CHUNK / space.block_size, memory) != 0)
            return false;
    return true;
}

/* One page between the disk and an address that is none of ours: the disk's first page is read, its second one written. */
static nvme_status page_move(enum nvme_operation operation, uint64_t address)
{
    uint32_t blocks = NVME_PAGE / space.block_size;

    return nvme_io(&disk, 0, operation, &space, operation == NVME_READ ? 0 : blocks, blocks, (void *)(uintptr_t)address);
}

/* A few, below the rate of faults that cuts off: read from disk to there, and written from there to disk, then looked at. */
void attack_disk_dma(void)
{
    static const uint64_t machine[] = {0x40000000, 0x7f000000, 0xb0000000, 0xff000000, 0xfed90000, 0x100000000};
    uint64_t *memory = bh_dma_memory(CHUNK, NVME_PAGE);
    const char *wrong = take(1);
    unsigned reached = 0, count = attack_place_count + sizeof(machine) / sizeof(machine[0]), refused = 0;

    if (!wrong && (!memory || !disk_fill(memory, CHUNK / space.block_size)))
        wrong = "its own namespace cannot be written";
    for (unsigned i = 0; i < count && !wrong; i++) {
        uint64_t at = i < attack_place_count ? attack_places[i] : machine[i - attack_place_count];
        disk.timeout_ns = SHORT_NS;
        refused += page_move(NVME_READ, at) != 0;
        bh_sleep_ns(SHORT_NS);
        if (disk.failed)
            wrong = take(1);
        if (!wrong)
            refused += page_move(NVME_WRITE, at) != 0;
        bh_sleep_ns(SHORT_NS);
        disk.timeout_ns = 10000000000ull;
        if (!wrong && disk.failed)
            wrong = take(1);
        if (!wrong && nvme_io(&disk, 0, NVME_READ, &space, 0, CHUNK / space.block_size, memory) != 0)
            wrong = "its own namespace cannot be read";
        for (unsigned k = 0; k < CHUNK / 8 && !wrong; k++)
            if (memory[k] != PATTERN && memory[k] != 0 && memory[k] != ~0ull) {
                detail("read %#" PRIx64 " from %#" PRIx64, memory[k], at);
                reached++;
                break;
            }
        bh_watchdog_pet();
    }
    verdict(!wrong && reached == 0, "%u reached of %u places, %u refused%s%s", reached, count, refused, wrong ? ": " : "",
            wrong ? wrong : "");
}

/* As fast as it goes, to its neighbours if it was told where they are. It comes to its end where the IOMMU does not tell: the disk may even call such
 * a command done, and it is memory that shows whether it was. */
void attack_disk_flood(void)
{
    uint64_t *memory = bh_dma_memory(CHUNK, NVME_PAGE);
    const char *wrong = take(0);
    unsigned refused = 0;

    if (!wrong && (!memory || !disk_fill(memory, CHUNK / space.block_size)))
        wrong = "its own namespace cannot be written";
    for (unsigned i = 0; i < FLOOD && !wrong; i++) {
        uint64_t at = attack_place_count ? attack_places[i / 2 % attack_place_count] : 0x40000000 + (uint64_t)i * NVME_PAGE;
        disk.timeout_ns = SHORT_NS;
        refused += page_move(i & 1 ? NVME_WRITE : NVME_READ, at) != 0;
        bh_watchdog_pet();
        if (disk.failed)
            break;
    }
    verdict(!wrong, "%u refused, %s", refused, wrong ? wrong : disk.failed ? "then cut off" : "still there");
}

/* Small commands, an interrupt for each, for ever. */
void attack_disk_storm(void)
{
    void *memory = bh_dma_memory(NVME_PAGE, NVME_PAGE);
    const char *wrong = take(1);

    while (!wrong && memory) {
        void *token;
        nvme_status status;

        while (nvme_start(&disk, 0, NVME_READ, &space, 0, 1, memory, memory) == 0)
            ;
        while (nvme_done(&disk, 0, &token, &status))
            ;
        bh_watchdog_pet();
        if (disk.failed)
            wrong = disk.why;
    }
    detail("%s", wrong ? wrong : "no memory");
}

/* Reads under way into most of its memory when it ends. */
void attack_disk_reboot(void)
{
    static uint64_t *buffers[UNDER_WAY];
    const char *wrong = take(1);

    for (unsigned i = 0; i < UNDER_WAY && !wrong; i++)
        if (!(buffers[i] = bh_dma_memory(CHUNK, NVME_PAGE)))
            wrong = "no memory";
    if (!wrong && !disk_fill(buffers[0], UNDER_WAY * (CHUNK / space.block_size)))
        wrong = "its own namespace cannot be written";
    for (unsigned i = 0; i < UNDER_WAY && !wrong; i++)
        if (nvme_start(&disk, 0, NVME_READ, &space, i * (CHUNK / space.block_size), CHUNK / space.block_size, buffers[i],
                       buffers[i]))
            wrong = "not started";
    if (!wrong)
        bh_end(BH_END_REBOOT, 0, 0);
    detail("%s", wrong);
}
