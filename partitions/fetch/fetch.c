/* SPDX-License-Identifier: Apache-2.0 */
/* Fetches bundles by HTTP into the slice that they come in, and asks the disk's owner to take them. After a cut of the connection it goes on
 * behind the last whole sector that came; after a restart or a loss of power behind the last note, which is made every NOTE_BYTES.
 * Arguments: feed=http://HOST[:PORT]/PATH, slice=NAME, version=N of what runs (0), every=SECONDS from one look to the next (3600), and those
 * of the network (bh_net.h). */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bh.h"
#include "bh_net.h"
#include "bundle.h"
#include "look.h"
#include "stage.h"
#include "wire.h"

#define SECOND 1000000000ull
#define EVERY_MAX 604800u /* a week */
#define ADDRESS_NS (10 * SECOND)

static struct fetcher fetcher = {.every = 3600};

static bool number_take(const char *text, uint32_t least, uint32_t most, uint32_t *number)
{
    char *end;
    unsigned long value = strtoul(text, &end, 10);

    if (*text < '0' || *text > '9' || *end || value < least || value > most)
        return false;
    *number = (uint32_t)value;
    return true;
}

/* 0, or what is wrong. */
static const char *args_take(int argc, char **argv, const char **slice)
{
    const char *wrong = "feed=http://... is missing";

    for (int i = 1; i < argc; i++) {
        if (strncmp(argv[i], "feed=", 5) == 0 && (wrong = feed_parse(argv[i] + 5, &fetcher.feed)) != 0)
            return wrong;
        if (strncmp(argv[i], "slice=", 6) == 0)
            *slice = argv[i] + 6;
        if (strncmp(argv[i], "every=", 6) == 0 && !number_take(argv[i] + 6, 1, EVERY_MAX, &fetcher.every))
            return "every= has a number of seconds, up to a week";
        if (strncmp(argv[i], "version=", 8) == 0 && !number_take(argv[i] + 8, 0, BUNDLE_VERSION_MAX, &fetcher.version))
            return "version= has a number";
    }
    return wrong ? wrong : *slice ? 0 : "slice=NAME is missing";
}

int main(int argc, char **argv)
{
    const char *slice = 0, *wrong = args_take(argc, argv, &slice);

    if (!wrong)
        wrong = bh_net_start(argc - 1, argv + 1);
    if (wrong) {
        printf("error: fetch: %s\n", wrong);
        return 1;
    }
    if (!stage_open(slice))
        return 1;
    printf("fetch: from %s, port %u, every %" PRIu32 " s\n", fetcher.feed.host, (unsigned)fetcher.feed.port, fetcher.every);
    wire_start(bh_now_ns() + ADDRESS_NS);
    for (;;) {
        uint64_t seconds = fetcher_look(&fetcher);
        wire_pause(bh_now_ns() + seconds * SECOND);
    }
}
