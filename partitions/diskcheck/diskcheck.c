/* SPDX-License-Identifier: Apache-2.0 */
/* Load on a disk that shows every wrong block: writes a region of a namespace, flushes, reads it back and compares, round after round, and
 * says once a second how it goes. For an NVMe function, physical or virtual; waits until it is online. Destroys what the region held.
 * Arguments: ns=N (0: the first one), mib=N (region, 8), kib=N (of one command, 64), depth=N (commands under way, 8), disk=N (0).
 * Commands on the console: see help. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bh.h"
#include "disk_pattern.h"
#include "lib.h"
#include "nvme.h"

#define SECOND 1000000000ull

static struct bh_pci pci;
static struct nvme disk;
static struct nvme_namespace space;
static uint64_t wanted_space, mib = 8, kib = 64, depth = 8, which_disk;

static uint8_t *buffers[NVME_DEPTH];
static uint64_t chunk_of[NVME_DEPTH]; /* what is in each */
static bool free_buffer[NVME_DEPTH];

static struct {
    uint64_t round, written, read, bad, errors, failures, slowest_ns;
} total;
static uint64_t chunks, lines, owner;
static uint32_t chunk_blocks;
static bool stopped;

static void line_show(void)
{
    uint64_t strangers = bh_irq_unexpected_total();
    bool good = total.bad == 0 && total.errors == 0 && total.failures == 0 && strangers == 0;

    printf("diskcheck %s %" PRIu64 " rounds=%" PRIu64 " written=%" PRIu64 " KiB read=%" PRIu64 " KiB bad=%" PRIu64
           " errors=%" PRIu64 " failures=%" PRIu64 " slowest=%" PRIu64 " us interrupts=%" PRIu64 " lost=%" PRIu64
           " strangers=%" PRIu64 "%s\n",
           good ? "ok" : "BAD", ++lines, total.round, total.written >> 10, total.read >> 10, total.bad, total.errors,
           total.failures, total.slowest_ns / 1000, disk.io[0].wakes, disk.io[0].polled, strangers, stopped ? " stopped" : "");
    total.slowest_ns = 0;
}

static void command(char *line)
{
    char *words[3];
    int count = args_split(line, words, 2);

    if (count == 0)
        return;
    if (strcmp(words[0], "stop") == 0 || strcmp(words[0], "go") == 0)
        stopped = words[0][0] == 's';
    else if (strcmp(words[0], "status") == 0)
        line_show();
    else if (strcmp(words[0], "reset") == 0)
        memset(&total, 0, sizeof(total));
    else if (strcmp(words[0], "exit") == 0)
        exit(count > 1 ? atoi(words[1]) : 0);
    else if (strcmp(words[0], "help") == 0)
        printf("stop, go  pause the load, go on\n"
               "status    a line now\n"
               "reset     counters to 0\n"
               "exit N    end with status N\n");
    else
        printf("error: no command '%s'; try help\n", words[0]);
}

/* What has to go on besides the load. */
static void breathe(void)
{
    static uint64_t due;
    char line[64];

    bh_watchdog_pet();
    while (bh_getline(line, sizeof(line)))
        command(line);
    if (bh_now_ns() >= due) {
        if (due)
            line_show();
        due = bh_now_ns() + SECOND;
    }
}

static void compare(unsigned slot)
{
    for (uint32_t i = 0; i < chunk_blocks; i++) {
        uint64_t number = chunk_of[slot] * chunk_blocks + i;
        enum disk_pattern found =
            disk_pattern_check(buffers[slot] + i * space.block_size, space.block_size, owner, number, total.round);
        if (found != PATTERN_OK && total.bad++ < 8)
            printf("diskcheck BAD block %" PRIu64 " round %" PRIu64 ": %s\n", number, total.round, disk_pattern_name(found));
    }
}

/* Take back what has ended. False: the controller has failed. */
static bool collect(bool reading)
{
    void *token;
    nvme_status status;

    while (nvme_done(&disk, 0, &token, &status)) {
        unsigned slot = (unsigned)((uint8_t **)token - buffers);
        free_buffer[slot] = true;
        if (status == 0 && reading)
            compare(slot);
        *(reading ? &total.read : &total.written) += status == 0 ? (uint64_t)chunk_blocks * space.block_size : 0;
        if (status != 0 && status != NVME_FAILED && total.errors++ < 8)
            printf("diskcheck BAD %s of chunk %" PRIu64 ": %s (0x%" PRIx32 ")\n", reading ? "reading" : "writing", chunk_of[slot],
                   nvme_error(status), status);
    }
    return !disk.failed;
}

static unsigned slot_free(void)
{
    unsigned slot = 0;

    while (slot < depth && !free_buffer[slot])
        slot++;
    return slot;
}

/* Once over the region, `depth` commands under way. False: the controller has failed, or we are to stop. */
static bool sweep(bool reading)
{
    uint64_t next = 0, done_before, began = bh_now_ns();

    for (unsigned i = 0; i < NVME_DEPTH; i++)
        free_buffer[i] = true;
    for (;;) {
        for (unsigned slot; next < chunks && (slot = slot_free()) < depth; next++) {
            chunk_of[slot] = next;
            for (uint32_t i = 0; i < chunk_blocks; i++) {
                uint8_t *block = buffers[slot] + i * space.block_size;
                if (reading)
                    memset(block, 0, 64);
                else
                    disk_pattern_fill(block, space.block_size, owner, next * chunk_blocks + i, total.round);
            }
            free_buffer[slot] = false;
            if (nvme_start(&disk, 0, reading ? NVME_READ : NVME_WRITE, &space, next * chunk_blocks, chunk_blocks, buffers[slot],
                           &buffers[slot]) != 0) {
                free_buffer[slot] = true;
                break;
            }
        }
        if (disk.io[0].in_flight == 0 && next == chunks)
            return !disk.failed;
        done_before = total.read + total.written;
        nvme_wait(&disk, 0, UINT64_MAX);
        if (!collect(reading))
            return false;
        if (total.read + total.written != done_before) {
            uint64_t now = bh_now_ns();
            if (now - began > total.slowest_ns)
                total.slowest_ns = now - began;
            began = now;
        }
        breathe();
    }
}

static void rounds(void)
{
    for (;;) {
        total.round++;
        if (!sweep(false))
            return;
        nvme_status status = nvme_io(&disk, 0, NVME_FLUSH, &space, 0, 0, 0);
        total.errors += status != 0 && status != NVME_FAILED;
        if (disk.failed || !sweep(true))
            return;
        while (stopped) {
            bh_console_wait(bh_now_ns() + SECOND / 10);
            breathe();
        }
    }
}

static const char *space_open(void)
{
    uint32_t id = (uint32_t)wanted_space;
    unsigned count = 1;

    if (id == 0 && nvme_namespaces(&disk, false, &id, 1, &count) != 0)
        return "namespaces cannot be listed";
    if (count == 0)
        return "no namespace is attached";
    if (nvme_namespace(&disk, id, &space) != 0 || space.blocks == 0)
        return "the namespace is not there or has a format that we have not";
    uint64_t bytes = kib << 10 < disk.transfer_max ? kib << 10 : disk.transfer_max;
    chunk_blocks = (uint32_t)(bytes / space.block_size);
    if (chunk_blocks == 0)
        return "kib is less than a block";
    chunks = (mib << 20) / ((uint64_t)chunk_blocks * space.block_size);
    if (chunks > space.blocks / chunk_blocks)
        chunks = space.blocks / chunk_blocks;
    owner = (uint64_t)id << 32 | disk.controller_id;
    return chunks ? 0 : "the namespace is smaller than one command";
}

static const char *prepare(void)
{
    if (!bh_pci_find_class(NVME_CLASS, (unsigned)which_disk, &pci))
        return "there is no NVMe function";
    const char *wrong = nvme_open(&disk, &pci, 1, 1);

    return wrong ? wrong : space_open();
}

static bool argument(const char *word)
{
    static const struct {
        const char *name;
        uint64_t *value, least, most;
    } names[] = {{"ns=", &wanted_space, 0, 0xfffffffe},
                 {"mib=", &mib, 1, 1 << 20},
                 {"kib=", &kib, 1, NVME_TRANSFER_MAX >> 10},
                 {"depth=", &depth, 1, NVME_DEPTH},
                 {"disk=", &which_disk, 0, 31}};

    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strncmp(word, names[i].name, strlen(names[i].name)) == 0) {
            *names[i].value = strtoull(word + strlen(names[i].name), 0, 10);
            return *names[i].value >= names[i].least && *names[i].value <= names[i].most;
        }
    return false;
}

int main(int argc, char **argv)
{
    const char *said = 0;

    for (int i = 1; i < argc; i++)
        if (!argument(argv[i])) {
            printf("error: argument '%s' is not ns=N mib=N kib=N depth=N or disk=N, or out of range\n", argv[i]);
            return 1;
        }
    for (unsigned i = 0; i < depth; i++)
        if (!(buffers[i] = bh_dma_memory(kib << 10, NVME_PAGE))) {
            printf("error: no memory for %" PRIu64 " buffers of %" PRIu64 " KiB\n", depth, kib);
            return 1;
        }
    for (;;) {
        const char *wrong = prepare();
        if (!wrong) {
            printf("%s: life %" PRIu64 ", namespace %" PRIu32 ", %" PRIu64 " chunks of %" PRIu32 " blocks of %" PRIu32
                   " bytes, %s\n",
                   argv[0], bh_start_info()->lives, space.id, chunks, chunk_blocks, space.block_size,
                   disk.io[0].interrupts ? "interrupts" : "polled");
            said = 0;
            rounds();
            total.failures++;
            printf("diskcheck BAD the controller has failed: %s\n", disk.why);
        } else if (wrong != said) {
            printf("diskcheck waits: %s\n", wrong);
            said = wrong;
        }
        for (uint64_t until = bh_now_ns() + SECOND / 4; bh_now_ns() < until;) {
            bh_watchdog_pet();
            bh_console_wait(until);
        }
    }
}
