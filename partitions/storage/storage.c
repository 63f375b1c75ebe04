/* SPDX-License-Identifier: Apache-2.0 */
/* Owner of an NVMe controller's physical function: gives its virtual functions their queues, interrupts and namespaces and brings them online,
 * for the partitions that own them, and serves the slices that the product table has, on the first namespace of its own. When it starts
 * again, so do the owners of virtual functions (one restart group), because the controller is reset with it; the clients of slices go on.
 * Arguments: settings.h. Commands on the console: see help. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bh.h"
#include "disk_pattern.h"
#include "lib.h"
#include "nvme.h"
#include "settings.h"
#include "slices.h"
#include "updates.h"

#define MAX_WORDS 4
#define MAX_CONTROLLERS 32u
#define TEST_BYTES (64u << 10)
#define LOOK_NS 500000000ull

static struct settings settings;
static struct bh_pci pci;
static struct nvme disk;
static unsigned slice_count;

static bool ok(const char *what, uint32_t number, nvme_status status)
{
    if (status == 0)
        return true;
    printf("error: %s %" PRIu32 ": %s (0x%" PRIx32 ")%s%s\n", what, number, nvme_error(status), status, disk.failed ? ": " : "",
           disk.failed ? disk.why : "");
    return false;
}

/* --- namespaces ---------------------------------------------------------------------------------------------------------------- */

/* Attached to this controller, and to no other one. */
static bool space_move(uint32_t id, uint16_t controller)
{
    uint16_t has[MAX_CONTROLLERS];
    unsigned count;
    bool there = false;

    if (!ok("controllers of namespace", id, nvme_attached(&disk, id, has, MAX_CONTROLLERS, &count)))
        return false;
    for (unsigned i = 0; i < count; i++) {
        if (has[i] == controller)
            there = true;
        else if (!ok("detaching namespace", id, nvme_attach(&disk, id, has[i], false)))
            return false;
    }
    return there || ok("attaching namespace", id, nvme_attach(&disk, id, controller, true));
}

static bool spaces_move(const struct spaces *spaces, uint16_t controller)
{
    if (spaces->count > 0 && !disk.can_attach) {
        printf("error: this controller cannot attach namespaces\n");
        return false;
    }
    for (unsigned i = 0; i < spaces->count; i++)
        if (!space_move(spaces->ids[i], controller))
            return false;
    return true;
}

/* --- virtual functions ------------------------------------------------------------------------------------------------------------ */

static bool secondary_find(unsigned function, struct nvme_secondary *found)
{
    static struct nvme_secondary list[NVME_SECONDARIES];
    unsigned count;

    if (!ok("secondary controllers", 0, nvme_secondaries(&disk, list, NVME_SECONDARIES, &count)))
        return false;
    for (unsigned i = 0; i < count; i++)
        if (list[i].function == function) {
            *found = list[i];
            return true;
        }
    printf("error: there is no virtual function %u\n", function);
    return false;
}

static bool vf_up(unsigned function)
{
    const struct spaces *spaces = &settings.vfs[function - 1];
    struct nvme_secondary secondary;

    if (!secondary_find(function, &secondary) || !spaces_move(spaces, secondary.controller) ||
        !ok("bringing online controller", secondary.controller,
            nvme_secondary_online(&disk, secondary.controller, settings.queues, settings.interrupts)))
        return false;
    printf("storage: vf%u online, controller %u, %u queues, %u interrupts, %u namespaces\n", function, secondary.controller,
           settings.queues, settings.interrupts, spaces->count);
    return true;
}

static void vf_down(unsigned function)
{
    struct nvme_secondary secondary;

    if (secondary_find(function, &secondary) &&
        ok("taking offline controller", secondary.controller, nvme_secondary_offline(&disk, secondary.controller)))
        printf("storage: vf%u offline\n", function);
}

/* --- slices --------------------------------------------------------------------------------------------------------------------------- */

static bool slices_start(void)
{
    uint32_t id = settings.own.count > 0 ? settings.own.ids[0] : 0;
    uint64_t first = 0, sectors = 0;
    unsigned there = 1;

    if (id == 0 && (nvme_namespaces(&disk, false, &id, 1, &there) != 0 || there == 0))
        id = 0;
    if (updates_open(&disk, id, &first, &sectors) == UPDATES_REFUSED)
        return true; /* it stays, so that an operator can ask it */
    const char *wrong = slices_open(&disk, id, first, sectors, updates_only(), &slice_count);
    if (wrong)
        printf("error: slices on namespace %" PRIu32 ": %s\n", id, wrong);
    else if (slice_count > 0)
        printf("storage: serves %u slices on namespace %" PRIu32 "\n", slice_count, id);
    updates_staging();
    return !wrong;
}

/* --- self test ---------------------------------------------------------------------------------------------------------------------- */

/* What was there is put back, in any case. */
static bool blocks_test(const struct nvme_namespace *space, uint64_t block, uint32_t blocks, uint8_t *saved, uint8_t *work)
{
    uint64_t round = bh_tsc();
    enum disk_pattern found = PATTERN_OK;

    if (!ok("reading namespace", space->id, nvme_io(&disk, 0, NVME_READ, space, block, blocks, saved)))
        return false;
    for (uint32_t i = 0; i < blocks; i++)
        disk_pattern_fill(work + i * space->block_size, space->block_size, space->id, block + i, round);
    bool done = ok("writing namespace", space->id, nvme_io(&disk, 0, NVME_WRITE, space, block, blocks, work));
    memset(work, 0, blocks * space->block_size);
    done = done && ok("reading namespace", space->id, nvme_io(&disk, 0, NVME_READ, space, block, blocks, work));
    for (uint32_t i = 0; done && i < blocks && found == PATTERN_OK; i++)
        found = disk_pattern_check(work + i * space->block_size, space->block_size, space->id, block + i, round);
    done = ok("writing namespace", space->id, nvme_io(&disk, 0, NVME_WRITE, space, block, blocks, saved)) && done;
    done = ok("flushing namespace", space->id, nvme_io(&disk, 0, NVME_FLUSH, space, 0, 0, 0)) && done;
    if (found != PATTERN_OK)
        printf("error: a block of namespace %" PRIu32 " was %s\n", space->id, disk_pattern_name(found));
    return done && found == PATTERN_OK;
}

static void self_test(void)
{
    static uint8_t *saved, *work;
    uint32_t ids[1];
    unsigned count;
    struct nvme_namespace space;

    if (slice_count > 0 || updates_there()) {
        printf("storage: no test, the namespace is not free\n");
        return;
    }
    if (!ok("namespaces", 0, nvme_namespaces(&disk, false, ids, 1, &count)))
        return;
    if (count == 0) {
        printf("storage: no namespace of its own, no test\n");
        return;
    }
    if (!ok("namespace", ids[0], nvme_namespace(&disk, ids[0], &space)))
        return;
    if (!saved)
        saved = bh_dma_memory(TEST_BYTES, NVME_PAGE);
    if (!work)
        work = bh_dma_memory(TEST_BYTES, NVME_PAGE);
    uint32_t bytes = disk.transfer_max < TEST_BYTES ? disk.transfer_max : TEST_BYTES,
             blocks = bytes / (space.block_size | !space.block_size);
    if (!saved || !work || blocks == 0 || space.blocks < blocks) {
        printf("error: no memory, or no room on namespace %" PRIu32 ", for the test\n", space.id);
        return;
    }
    bool passed = blocks_test(&space, space.blocks - blocks, blocks, saved, work);
    printf("storage: test of namespace %" PRIu32 " %s\n", space.id, passed ? "passed" : "FAILED");
}

/* --- commands ------------------------------------------------------------------------------------------------------------------------ */

static void list_spaces(void)
{
    uint32_t ids[64];
    uint16_t controllers[MAX_CONTROLLERS];
    unsigned count, attached;

    if (!ok("namespaces", 0, nvme_namespaces(&disk, disk.can_attach, ids, 64, &count)))
        return;
    for (unsigned i = 0; i < count; i++) {
        struct nvme_namespace space;
        nvme_status status = nvme_namespace(&disk, ids[i], &space);
        printf("namespace %" PRIu32 ": ", ids[i]);
        if (status == 0 && space.blocks > 0)
            printf("%" PRIu64 " blocks of %" PRIu32 " bytes, ours", space.blocks, space.block_size);
        else
            printf("not ours");
        if (nvme_attached(&disk, ids[i], controllers, MAX_CONTROLLERS, &attached) == 0) {
            printf(", attached to");
            for (unsigned k = 0; k < attached; k++)
                printf(" %u", controllers[k]);
            printf("%s", attached ? "" : " nobody");
        }
        printf("\n");
    }
}

static void list(void)
{
    static struct nvme_secondary secondaries[NVME_SECONDARIES];
    struct nvme_resources r;
    unsigned count;

    list_spaces();
    if (nvme_secondaries(&disk, secondaries, NVME_SECONDARIES, &count) != 0 || count == 0 ||
        !ok("resources", 0, nvme_resources(&disk, &r)))
        return;
    printf("flexible: %" PRIu32 " queues, %" PRIu32 " given; %" PRIu32 " interrupts, %" PRIu32 " given; a vf may have %u and %u\n",
           r.queues, r.queues_assigned, r.interrupts, r.interrupts_assigned, r.queues_max, r.interrupts_max);
    for (unsigned i = 0; i < count; i++)
        printf("vf%u: controller %u, %s, %u queues, %u interrupts\n", secondaries[i].function, secondaries[i].controller,
               secondaries[i].online ? "online" : "offline", secondaries[i].queues, secondaries[i].interrupts);
}

static void status_show(void)
{
    printf("storage: %s, serial %s, firmware %s, controller %u, %u queues, %s%s\n", disk.model, disk.serial, disk.firmware,
           disk.controller_id, disk.queues, disk.failed ? "failed: " : "works", disk.failed ? disk.why : "");
    for (unsigned i = 0; i < disk.queues; i++)
        printf("queue %u: %s, %" PRIu64 " interrupts, %" PRIu64 " found without one\n", i + 1,
               disk.io[i].interrupts ? "interrupts" : "polled", disk.io[i].wakes, disk.io[i].polled);
}

static void command(char *line)
{
    char *words[MAX_WORDS + 1];
    int count = args_split(line, words, MAX_WORDS), function = count > 1 ? atoi(words[1]) : 0;

    if (count == 0)
        return;
    if (strcmp(words[0], "list") == 0) {
        list();
    } else if (strcmp(words[0], "status") == 0) {
        status_show();
    } else if (strcmp(words[0], "slices") == 0) {
        slices_list();
    } else if (strcmp(words[0], "test") == 0) {
        self_test();
    } else if (strcmp(words[0], "update") == 0) {
        updates_show();
    } else if (strcmp(words[0], "exit") == 0) {
        nvme_close(&disk);
        exit(function);
    } else if (strcmp(words[0], "die") == 0 && function > 0) {
        slices_die((uint32_t)function);
        printf("storage: dies at request %d that the disk has done from now\n", function);
    } else if (strcmp(words[0], "online") == 0 && function > 0 && function <= (int)SETTINGS_VFS) {
        vf_up((unsigned)function);
    } else if (strcmp(words[0], "offline") == 0 && function > 0 && function <= (int)SETTINGS_VFS) {
        vf_down((unsigned)function);
    } else if (strcmp(words[0], "help") == 0) {
        printf(
            "list       namespaces and virtual functions\n"
            "status     the controller and its queues\n"
            "slices     what is served to whom, and what they asked for\n"
            "test       write and read back the end of the first namespace of its own; puts back what was there; not with slices\n"
            "update     which version runs, whether it is confirmed, and what became of the last new one\n"
            "online N   give virtual function N what the arguments say, and bring it online\n"
            "offline N  take it offline, whatever its owner does\n"
            "die N      for tests: end, as by a fault, when the disk has done N requests more for slices\n"
            "exit N     shut the controller down and end with status N\n");
    } else {
        printf("error: no command '%s'; try help\n", words[0]);
    }
}

static bool start(void)
{
    if (!bh_pci_find_class(NVME_CLASS, settings.disk, &pci)) {
        printf("error: no NVMe function %u\n", settings.disk);
        return false;
    }
    const char *wrong = nvme_open(&disk, &pci, 2, 1); /* slices, updates */
    if (wrong) {
        printf("error: NVMe function %02x.%x: %s\n", pci.bdf >> 3, pci.bdf & 7u, wrong);
        return false;
    }
    status_show();
    bool fine = spaces_move(&settings.own, disk.controller_id);
    for (unsigned i = 0; i < SETTINGS_VFS; i++)
        if (settings.vfs[i].named)
            fine = vf_up(i + 1) && fine;
    return fine;
}

int main(int argc, char **argv)
{
    char line[128];
    const char *word = settings_read(&settings, argc - 1, argv + 1);

    printf("%s: life %" PRIu64 "\n", argv[0], bh_start_info()->lives);
    if (word) {
        printf("error: argument '%s' is not own=N,... vfN=N,... queues=N interrupts=N or disk=N, or names a namespace twice\n",
               word);
        return 1;
    }
    if (!start() || !slices_start()) {
        updates_without_disk();
        return 1;
    }
    self_test();
    printf("storage: ready; type help\n");
    while (!disk.failed) {
        bool more = updates_step();

        bh_watchdog_pet();
        if (slice_count == 0)
            bh_console_wait(more ? 0 : bh_now_ns() + LOOK_NS);
        else if (!slices_step() && !more)
            slices_wait(bh_now_ns() + LOOK_NS);
        while (bh_getline(line, sizeof(line)))
            command(line);
    }
    printf("error: the controller has failed: %s\n", disk.why);
    return 1;
}
