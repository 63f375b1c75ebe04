/* SPDX-License-Identifier: Apache-2.0 */
/* A ledger on a slice of a disk, as a database would keep its log: writes entries, flushes, and only then says that they are acknowledged.
 * What has been acknowledged must be there whatever becomes of the server: when that has come back it looks, and says so. When it starts
 * itself it says what it has found.
 * Arguments: slice=NAME. Commands on the console: see help. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bh.h"
#include "entry.h"
#include "lib.h"
#include "slice_client.h"

#define BATCH 8u
#define SAY_NS 100000000ull
#define LOOK_NS 100000000ull
#define PATIENCE_NS 60000000000ull
#define ENTRY_SECTORS (ENTRY_BYTES / BH_SLICE_SECTOR)
#define AT_A_TIME (BH_SLICE_MAX / ENTRY_BYTES)

static const volatile struct bh_channels *channels = (const volatile struct bh_channels *)(uintptr_t)BH_CHANNELS_INFO_GPA;
static struct slice slice;
static uint8_t buffers[BATCH][ENTRY_BYTES] __attribute__((aligned(ENTRY_BYTES)));
static uint8_t large[BH_SLICE_MAX];
static uint64_t *numbers; /* of each place, as read last */
static uint32_t places;
static uint64_t acknowledged;
static uint64_t batches; /* flushed */
static uint64_t renewals_seen;
static bool stopped;

static bool read_all(void)
{
    for (uint32_t place = 0; place < places; place += AT_A_TIME) {
        enum slice_result result =
            slice_do(&slice, BH_SLICE_READ, (uint64_t)place * ENTRY_SECTORS, large, BH_SLICE_MAX, PATIENCE_NS);
        if (result != SLICE_GOOD) {
            printf("error: reading place %" PRIu32 ": %s\n", place, slice_result_name(result));
            return false;
        }
        for (uint32_t i = 0; i < AT_A_TIME; i++)
            numbers[place + i] = entry_read(large + i * ENTRY_BYTES);
        bh_watchdog_pet();
    }
    return true;
}

/* With nothing under way, each place has the last entry that belongs there. `what`: the beginning of what is said. */
static void verify(const char *what)
{
    uint64_t lost = 0, first = acknowledged > places ? acknowledged - places + 1 : 1;

    if (!read_all())
        return;
    for (uint64_t n = first; n <= acknowledged; n++)
        if (numbers[n % places] != n && lost++ < 8)
            printf("error: entry %" PRIu64 " is not there, place %" PRIu64 " has %" PRIu64 "\n", n, n % places,
                   numbers[n % places]);
    printf("ledger: %s %" PRIu64 " entries up to %" PRIu64 ", lost %" PRIu64 "\n", what, acknowledged + 1 - first, acknowledged,
           lost);
}

/* The server has come back. Nothing is written before this has looked: a later entry would hide that the one before it was lost. */
static void verify_after_renewal(void)
{
    char text[48];

    while (renewals_seen != slice.renewals) {
        renewals_seen = slice.renewals;
        snprintf(text, sizeof(text), "server met %" PRIu64 " times, found", renewals_seen);
        verify(text);
    }
}

/* --- what must be refused ---------------------------------------------------------------------------------------------------------------- */

static void refusal(const char *what, enum bh_slice_type type, uint64_t sector, uint32_t bytes, struct slice *of)
{
    enum slice_result result = slice_do(of, type, sector, large, bytes, PATIENCE_NS);

    printf("ledger: %s: %s\n", what, slice_result_name(result));
}

static void outside(void)
{
    memset(large, 0xee, sizeof(large));
    refusal("write at its end", BH_SLICE_WRITE, slice.sectors, 512, &slice);
    refusal("write over its end", BH_SLICE_WRITE, slice.sectors - 1, 1024, &slice);
    refusal("write before its beginning", BH_SLICE_WRITE, ~0ull, 512, &slice);
    refusal("write from before its beginning", BH_SLICE_WRITE, ~0ull, 1024, &slice);
    refusal("write where bytes wrap", BH_SLICE_WRITE, 1ull << 55, 512, &slice);
    refusal("read at its end", BH_SLICE_READ, slice.sectors, 512, &slice);
    refusal("read over its end", BH_SLICE_READ, slice.sectors - 1, BH_SLICE_MAX, &slice);
    refusal("read before its beginning", BH_SLICE_READ, ~0ull - 127, BH_SLICE_MAX, &slice);
}

/* Records that no driver would send: the server goes on. */
static void nonsense(void)
{
    uint32_t random = (uint32_t)bh_tsc();
    unsigned put = 0;

    for (unsigned i = 0; i < 400; i++) {
        struct bh_slice_request request = {i % 3 ? random >> 28 : BH_SLICE_WRITE, random, (uint64_t)random << (i % 34)};
        uint32_t size = i % 2 ? random % 70000 : random % 40, head = size < sizeof(request) ? size : sizeof(request);
        struct record_piece pieces[] = {{&request, head}, {large, size - head < sizeof(large) ? size - head : sizeof(large)}};
        if (i % 3 == 0 && request.sector < slice.sectors)
            request.sector += slice.sectors; /* a write must not hit entries of ours */
        if (request.type == BH_SLICE_WRITE && request.sector < slice.sectors)
            request.type = 99;
        put += record_put(&slice.end, 0xdead0000u + i, pieces, 2);
        slice_step(&slice);
        random = random * 1664525u + 1013904223u;
        bh_sleep_ns(1000000);
    }
    for (unsigned i = 0; i < 100; i++) {
        slice_step(&slice);
        bh_sleep_ns(1000000);
    }
    printf("ledger: nonsense %u times, answered %" PRIu64 " times\n", put, slice.strangers);
    slice.strangers = 0;
}

static void other_slice(const char *name)
{
    static struct slice other;
    char text[BH_SLICE_NAME_MAX + 1] = {0};

    if (!slice_open(&other, channels, name)) {
        printf("error: this partition has no slice %s\n", name);
        return;
    }
    refusal("read of the other slice", BH_SLICE_READ, 0, 4096, &other);
    refusal("write to the other slice", BH_SLICE_WRITE, 0, 4096, &other);
    if (slice_do(&other, BH_SLICE_NAME, 0, text, BH_SLICE_NAME_MAX, PATIENCE_NS) == SLICE_GOOD)
        printf("ledger: the other slice says that it is %s%s\n", text, other.read_only ? ", read only" : "");
}

/* --- commands ------------------------------------------------------------------------------------------------------------------------------ */

static void status_show(void)
{
    printf("ledger: acknowledged %" PRIu64 ", server met %" PRIu64 " times, %" PRIu64 " requests sent again, %" PRIu64
           " strange answers, %" PRIu64 " times the ring made no sense%s\n",
           acknowledged, slice.renewals, slice.repeated, slice.strangers, slice.end.count.bad, stopped ? ", stopped" : "");
    printf("ledger: %" PRIu64 " batches, a flush each\n", batches);
}

static void command(char *line)
{
    char *words[3];
    int count = args_split(line, words, 2);

    if (count == 0)
        return;
    if (strcmp(words[0], "stop") == 0 || strcmp(words[0], "go") == 0)
        stopped = words[0][0] == 's';
    else if (strcmp(words[0], "verify") == 0)
        verify("verified");
    else if (strcmp(words[0], "outside") == 0)
        outside();
    else if (strcmp(words[0], "nonsense") == 0)
        nonsense();
    else if (strcmp(words[0], "other") == 0 && count > 1)
        other_slice(words[1]);
    else if (strcmp(words[0], "status") == 0)
        status_show();
    else if (strcmp(words[0], "exit") == 0)
        exit(count > 1 ? atoi(words[1]) : 0);
    else if (strcmp(words[0], "help") == 0)
        printf("stop, go    write no more entries, write again\n"
               "verify      read all entries back\n"
               "status      counters\n"
               "outside     ask for what lies outside the slice: must be refused\n"
               "nonsense    send records that make no sense\n"
               "other NAME  read and write the beginning of another slice of this partition\n"
               "exit N      end with status N\n");
    else
        printf("error: no command '%s'; try help\n", words[0]);
}

static void breathe(void)
{
    static uint64_t due, said;

    bh_watchdog_pet();
    if (bh_now_ns() >= due && said != acknowledged) {
        printf("ledger: acknowledged %" PRIu64 "\n", acknowledged);
        said = acknowledged;
        due = bh_now_ns() + SAY_NS;
    }
}

/* --- load ---------------------------------------------------------------------------------------------------------------------------------- */

/* Until nothing is under way. False: something was refused. */
static bool settle(void)
{
    enum slice_result result;
    void *token;
    bool good = true;

    while (slice.under_way > 0) {
        slice_step(&slice);
        while (slice_done(&slice, &token, &result))
            if (result != SLICE_GOOD) {
                printf("error: a request was %s\n", slice_result_name(result));
                good = false;
            }
        breathe();
        bool were_on = bh_irq_off();
        if (slice.under_way > 0 && slice_idle(&slice))
            bh_wait(bh_now_ns() + LOOK_NS);
        bh_irq_restore(were_on);
    }
    return good;
}

static bool batch(void)
{
    unsigned count = 1 + (unsigned)(bh_tsc() >> 8) % BATCH;

    for (unsigned i = 0; i < count; i++) {
        uint64_t number = acknowledged + 1 + i;
        entry_fill(buffers[i], number);
        slice_start(&slice, BH_SLICE_WRITE, number % places * ENTRY_SECTORS, buffers[i], ENTRY_BYTES, 0);
    }
    if (!settle())
        return false;
    slice_start(&slice, BH_SLICE_FLUSH, 0, 0, 0, 0);
    if (!settle())
        return false;
    acknowledged += count;
    batches++;
    verify_after_renewal();
    return true;
}

static bool start(const char *name)
{
    if (!slice_open(&slice, channels, name)) {
        printf("error: this partition has no slice %s\n", name);
        return false;
    }
    slice_interrupt(&slice, 0);
    places = (uint32_t)(slice.sectors / ENTRY_SECTORS) / AT_A_TIME * AT_A_TIME;
    numbers = calloc(places, sizeof(*numbers));
    if (!numbers || slice.read_only || places < 2 * BATCH) {
        printf("error: no memory, or a slice that cannot be written\n");
        return false;
    }
    if (!read_all())
        return false;
    acknowledged = entries_last(numbers, places, BATCH);
    renewals_seen = slice.renewals;
    printf("ledger: slice %s, %" PRIu32 " places, found %" PRIu64 "\n", name, places, acknowledged);
    return true;
}

int main(int argc, char **argv)
{
    char line[64];
    const char *name = argc == 2 && strncmp(argv[1], "slice=", 6) == 0 ? argv[1] + 6 : 0;

    printf("%s: life %" PRIu64 "\n", argv[0], bh_start_info()->lives);
    if (!name) {
        printf("error: give slice=NAME\n");
        return 1;
    }
    if (!start(name))
        return 1;
    for (;;) {
        breathe();
        while (bh_getline(line, sizeof(line)))
            command(line);
        if (stopped)
            bh_console_wait(bh_now_ns() + LOOK_NS);
        else if (!batch())
            return 1;
    }
}
