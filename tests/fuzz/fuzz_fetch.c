/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as what a feed answers, and as its bundle's first sector and what stands in the slice: a head that is taken makes sense, and nothing
 * is planned outside of the slice. The input: an answer; behind its head, up to three sectors. */
#include <stdlib.h>
#include <string.h>

#include "choice.h"
#include "feed.h"

#define ROOM 65536u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void answer_sound(const struct answer *answer)
{
    uint64_t total, from;

    if (answer->wrong)
        return;
    if (answer->status < 100 || answer->status > 599)
        abort();
    if (answer->has_range && (answer->first > answer->last || answer->last >= answer->total))
        abort();
    if (fetch_first(answer, &total) == 0 && (total < SECTOR || answer->length < SECTOR))
        abort();
    if (fetch_rest(answer, 1024, 4096, &from) == 0 && ((from != 0 && from != 1024) || answer->length != 4096 - from))
        abort();
}

static void plan_sound(const uint8_t *data, size_t size)
{
    static struct fetch_state state;
    struct bundle offered = {.size = 0};

    memset(&state, 0, sizeof(state));
    memcpy(&offered, data, size < SECTOR ? size : SECTOR);
    if (size > SECTOR) {
        size_t rest = size - SECTOR;
        memcpy((uint8_t *)&state.note, data + SECTOR, rest < SECTOR ? rest : SECTOR);
        memcpy(&state.request, data + SECTOR, rest < SECTOR ? rest : SECTOR);
    }
    state.kept = offered;
    struct fetch_plan plan = fetch_plan(&state, &offered, offered.size + SECTOR, 1, ROOM);
    if (plan.step == FETCH_STRANGE ? plan.why == 0
                                   : plan.total > ROOM || plan.total % SECTOR != 0 || plan.total != offered.size + SECTOR)
        abort();
    if (plan.step == FETCH_RESUME && (plan.from < SECTOR || plan.from >= plan.total || plan.from % SECTOR != 0))
        abort();
    if (fetch_number(&state) == 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *bytes = malloc(size + 1); /* a block of its own, exactly as long */
    struct answer answer, again;
    struct feed feed;

    if (bytes == NULL)
        abort();
    memcpy(bytes, data, size);
    bytes[size] = 0;
    if (feed_parse(bytes, &feed) == 0 && (feed.port == 0 || feed.path[0] != '/' || feed.host[0] == 0))
        abort();
    size_t taken = answer_parse(bytes, size, &answer);
    if (taken > size || taken > ANSWER_HEAD_MAX || (taken == 0 && size >= ANSWER_HEAD_MAX))
        abort();
    if (taken > 0) {
        answer_sound(&answer);
        if (size < ANSWER_HEAD_MAX && (answer_parse(bytes, taken, &again) != taken || memcmp(&again, &answer, sizeof(again)) != 0))
            abort();
    }
    plan_sound((const uint8_t *)bytes + taken, size - taken);
    free(bytes);
    return 0;
}
